//! The command line: parse, run, exit code.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    quiet_mesa();
    match cli::parse() {
        Ok(command) => cli::exit(cli::run(command)),
        Err(failure) => cli::exit(Err(failure)),
    }
}

/// Without a session folder Mesa's device chooser prints two lines of its own on the standard error at every look for
/// adapters. trapline chooses the adapter itself, so the chooser is left out there.
fn quiet_mesa() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() && std::env::var_os("NODEVICE_SELECT").is_none() {
        // SAFETY: the first thing the process does, before there is a second thread.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
