//! Calls of the program in a folder, and what becomes of them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program in a folder; it has nothing to read on its standard input.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
    command.current_dir(folder).stdin(Stdio::null());
    command
}

pub fn trapline(folder: &Path, arguments: &[&str]) -> Output {
    command(folder).args(arguments).output().unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Exit code, standard output, standard error.
pub fn told(output: &Output) -> (Option<i32>, String, String) {
    (output.status.code(), out(output), err(output))
}

/// What a call that went well printed.
#[track_caller]
pub fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}{}", output.status, out(output), err(output));
    out(output)
}

/// Wrong usage, told in one line that has these parts.
#[track_caller]
pub fn refused(output: &Output, needed: &[&str]) {
    refused_with(output, 2, needed);
}

/// One line on the standard error that has these parts, nothing on the standard output, and this exit code.
#[track_caller]
pub fn refused_with(output: &Output, code: i32, needed: &[&str]) {
    let said = err(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "not one line:\n{said}");
    assert!(said.starts_with("trapline: "), "{said}");
    for part in needed {
        assert!(said.contains(part), "'{part}' is not in: {said}");
    }
    assert_eq!(out(output), "", "{said}");
}
