//! A folder in which the program is called.

use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::calls::{self, told};

/// What the program is called with: a text that is split at its spaces, or word by word.
pub trait Call: Debug {
    fn words(&self) -> Vec<&str>;
}

impl Call for str {
    fn words(&self) -> Vec<&str> {
        self.split_whitespace().collect()
    }
}

impl Call for String {
    fn words(&self) -> Vec<&str> {
        self.as_str().words()
    }
}

impl Call for [&str] {
    fn words(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl<const N: usize> Call for [&str; N] {
    fn words(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl Call for Vec<&str> {
    fn words(&self) -> Vec<&str> {
        self.clone()
    }
}

impl<C: Call + ?Sized> Call for &C {
    fn words(&self) -> Vec<&str> {
        (**self).words()
    }
}

pub struct Desk {
    pub folder: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Desk {
        Desk { folder: tempfile::tempdir().unwrap() }
    }

    /// One with a file in it.
    pub fn with(name: &str, text: &str) -> Desk {
        let desk = Desk::new();
        fs::write(desk.path(name), text).unwrap();
        desk
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

    /// The program, which has not started yet.
    pub fn command(&self, call: &(impl Call + ?Sized)) -> Command {
        let mut command = calls::command(self.folder.path());
        command.args(call.words());
        command
    }

    pub fn trapline(&self, call: &(impl Call + ?Sized)) -> Output {
        self.command(call).output().unwrap()
    }

    /// Exit code, standard output, standard error.
    pub fn words(&self, call: &(impl Call + ?Sized)) -> (Option<i32>, String, String) {
        told(&self.trapline(call))
    }

    #[track_caller]
    pub fn good(&self, call: &(impl Call + ?Sized)) -> String {
        let (code, out, err) = self.words(call);
        assert_eq!(code, Some(0), "{call:?}: {out}{err}");
        out
    }

    #[track_caller]
    pub fn json(&self, call: &(impl Call + ?Sized)) -> Value {
        serde_json::from_str(&self.good(call)).unwrap()
    }

    /// The long help of a command, wherever its lines are broken.
    pub fn help(&self, command: &str) -> String {
        let text = String::from_utf8(self.trapline(&format!("{command} --help")).stdout).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// One line, exit code 2, nothing on the standard output, and no file more than before.
    #[track_caller]
    pub fn refused(&self, call: &(impl Call + ?Sized), needed: &[&str]) {
        let before = self.names();
        let output = self.trapline(call);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{call:?}: {said}");
        assert!(output.stdout.is_empty() && said.trim_end().lines().count() == 1, "{call:?}: {said}");
        for part in needed {
            assert!(said.contains(part), "{call:?}: '{part}' is not in: {said}");
        }
        assert_eq!(self.names(), before, "{call:?}");
    }
}
