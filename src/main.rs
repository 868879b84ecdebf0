//! The command line: parse, run, exit code.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    prepare_environment();
    cli::survive_size_limits();
    match cli::parse() {
        Ok(command) => cli::exit(cli::run(command)),
        Err(failure) => cli::exit(Err(failure)),
    }
}

/// Sets what libraries read from the environment, unless the user has.
///
/// HDF5 locks each file it opens; trapline never changes a file under its final name, so the locks guard nothing, but
/// they fail on file systems without them and where a forked process still holds one. Mesa's device chooser, where
/// there is no session folder, prints two lines of its own at every look for adapters; trapline chooses the adapter
/// itself.
fn prepare_environment() {
    // Where else HDF5 would look for the files that a record names, and which it would load to decode them.
    let elsewhere = ["HDF5_VDS_PREFIX", "HDF5_EXTFILE_PREFIX", "HDF5_EXT_PREFIX", "HDF5_PLUGIN_PATH"];
    let unset = |name: &str| std::env::var_os(name).is_none();
    let locking = unset("HDF5_USE_FILE_LOCKING");
    let chooser = unset("XDG_RUNTIME_DIR") && unset("NODEVICE_SELECT");
    // SAFETY: the first thing the process does, before there is a second thread.
    unsafe {
        elsewhere.iter().for_each(|name| std::env::remove_var(name));
        if locking {
            std::env::set_var("HDF5_USE_FILE_LOCKING", "FALSE");
        }
        if chooser {
            std::env::set_var("NODEVICE_SELECT", "1");
        }
    }
}
