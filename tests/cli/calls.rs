//! Calls of the program in a folder, and what becomes of them.

use std::path::Path;
use std::process::{Command, Output};

pub fn trapline(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trapline")).args(arguments).current_dir(folder).output().unwrap()
}

/// What a call that went well printed.
#[track_caller]
pub fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Wrong usage, told in one line that has these parts.
#[track_caller]
pub fn refused(output: &Output, needed: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    for part in needed {
        assert!(said.contains(part), "'{part}' is not in: {said}");
    }
}
