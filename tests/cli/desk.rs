//! A folder in which the program is called.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

pub struct Desk {
    pub folder: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Desk {
        Desk { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Names of everything in it, in order.
    pub fn names(&self) -> Vec<String> {
        let all = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn trapline(&self, call: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_trapline"))
            .current_dir(self.folder.path())
            .args(call.split_whitespace())
            .output()
            .unwrap()
    }

    /// Exit code, standard output, standard error.
    pub fn words(&self, call: &str) -> (Option<i32>, String, String) {
        let found = self.trapline(call);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (found.status.code(), text(found.stdout), text(found.stderr))
    }

    #[track_caller]
    pub fn good(&self, call: &str) -> String {
        let (code, out, err) = self.words(call);
        assert_eq!(code, Some(0), "{call}: {err}");
        out
    }

    pub fn json(&self, call: &str) -> Value {
        serde_json::from_str(&self.good(call)).unwrap()
    }

    /// The long help of a command, wherever its lines are broken.
    pub fn help(&self, command: &str) -> String {
        let text = String::from_utf8(self.trapline(&format!("{command} --help")).stdout).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// One line, exit code 2, nothing on the standard output, and no file more than before.
    #[track_caller]
    pub fn refused(&self, call: &str, needed: &[&str]) {
        let before = self.names();
        let output = self.trapline(call);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{call}: {said}");
        assert!(output.stdout.is_empty() && said.trim_end().lines().count() == 1, "{call}: {said}");
        for part in needed {
            assert!(said.contains(part), "{call}: '{part}' is not in: {said}");
        }
        assert_eq!(self.names(), before, "{call}");
    }
}
