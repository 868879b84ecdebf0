//! Calls of the program with bounded time and memory, and what a refusal is.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A command that has not ended by then never will: sound files of the size here take milliseconds.
const HANG: Duration = Duration::from_secs(60);

/// Address space that a command may have, KiB: less than 1 GiB is what reading takes; threads reserve more than they
/// use.
const MEMORY_KIB: u64 = 4 << 20;

/// Held by a test while it runs: HDF5 locks the files it has open, a process that another test starts in that moment
/// inherits the lock, and the file cannot be opened again until it has ended.
static ALONE: Mutex<()> = Mutex::new(());

pub fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a command said.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command in a folder. It may not be ended by a signal, panic, or run on for ever.
pub fn run(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MEMORY_KIB} 2>/dev/null; exec \"$0\" \"$@\"")]);
    command.arg(env!("CARGO_BIN_EXE_trapline")).args(arguments).current_dir(folder);
    let files = ["out", "err"].map(|name| folder.join(format!("said-{name}")));
    let [out, err] = files.each_ref().map(|file| fs::File::create(file).unwrap());
    let mut child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > HANG => {
                child.kill().unwrap();
                panic!("{arguments:?} did not end");
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let [out, err] = files.map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned());
    assert!(status.code().is_some_and(|code| code < 100), "{arguments:?}: {status}: {err}");
    // HDF5 has an `addr overflow` of its own, which is a refusal; Rust's are `attempt to add with overflow`.
    assert!(!err.contains("panicked") && !err.contains("with overflow"), "{arguments:?}: {err}");
    Said { code: status.code(), out, err }
}

/// A command that must refuse: exit code 1 and one line that names the file.
pub fn refused(folder: &Path, arguments: &[&str], words: &str) -> String {
    let said = run(folder, arguments);
    let lines: Vec<&str> = said.err.lines().collect();
    assert!(said.code == Some(1) && lines.len() == 1, "{arguments:?}: {:?}: {}", said.code, said.err);
    assert!(said.err.contains(words) && said.err.len() < 700, "{arguments:?}: {words}: {}", said.err);
    said.err
}

pub fn good(folder: &Path, arguments: &[&str]) -> String {
    let said = run(folder, arguments);
    assert!(said.code == Some(0), "{arguments:?}: {:?}: {}", said.code, said.err);
    said.out
}
