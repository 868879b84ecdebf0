//! Damage that nobody meant: no seal, a file that was left open, a system that refuses. Each says what it is.

use std::fs;
use std::process::{Command, Output};

use crate::calls::{alone, good, refused, run};
use crate::harm::sound;

/// Without a seal a damaged heap of texts sends HDF5 1.10 round for ever. The command ends, in one line.
#[test]
fn unsealed_damage_ends_in_one_line() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 20);
    fs::write(&path, &bytes).unwrap();
    // No seal, and sound: it is told, and read.
    let said = run(folder.path(), &["show", "record.h5"]);
    assert!(said.code == Some(0) && said.err.lines().count() == 1 && said.err.contains("no seal"), "{}", said.err);
    assert!(said.out.contains("made up"));
    good(folder.path(), &["diff", "record.h5", "record.h5"]);
    good(folder.path(), &["merge", "record.h5", "-o", "sealed.h5"]);
    let said = run(folder.path(), &["diff", "record.h5", "sealed.h5"]);
    assert!(said.code == Some(0) && said.err.contains("no seal"), "{}", said.err);
    assert_eq!(run(folder.path(), &["show", "sealed.h5"]).err, "");

    let heaps: Vec<usize> = bytes.windows(4).enumerate().filter(|(_, w)| *w == b"GCOL").map(|(at, _)| at).collect();
    assert!(!heaps.is_empty());
    // Of the first object in each heap: its size, so that the next one is the same.
    for size in [u64::MAX - 15, u64::MAX, 0, 1 << 40] {
        let mut damaged = bytes.clone();
        for at in &heaps {
            damaged[at + 24..at + 32].copy_from_slice(&size.to_le_bytes());
        }
        fs::write(&path, damaged).unwrap();
        for command in [&["show", "record.h5"][..], &["diff", "record.h5", "sealed.h5"]] {
            let said = run(folder.path(), command);
            assert!(said.code == Some(1) && said.err.lines().count() == 1, "{size}: {:?}: {}", said.code, said.err);
            assert!(said.err.contains("record.h5") && said.err.contains("seal"), "{size}: {}", said.err);
        }
    }
}

#[test]
fn a_record_that_was_left_open_says_so() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    // What HDF5 does to a file of the 1.8 format or newer that it opens for writing, and undoes when it is closed.
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!(bytes[8], 2);
    bytes[11] |= 1;
    fs::write(&path, bytes).unwrap();
    let line = refused(folder.path(), &["show", "record.h5"], "marked as open");
    assert!(line.contains("h5clear -s record.h5") && !line.contains("damaged"), "{line}");
}

#[cfg(unix)]
#[test]
fn what_the_system_refuses_is_not_damage() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    let mut command = Command::new("sh");
    command.args(["-c", "exec 3</dev/null 4</dev/null 5</dev/null; ulimit -n 7; exec \"$0\" show \"$1\""]);
    let few: Output = command.arg(env!("CARGO_BIN_EXE_trapline")).arg(&path).output().unwrap();
    let line = String::from_utf8_lossy(&few.stderr).into_owned();
    assert!(few.status.code() == Some(0) || !line.contains("damaged"), "{line}");
    assert!(few.status.code() != Some(1) || line.contains("Too many open files"), "{line}");
    let named = folder.path().join(unnamed());
    fs::copy(&path, &named).unwrap();
    let said = Command::new(env!("CARGO_BIN_EXE_trapline")).arg("show").arg(&named).output().unwrap();
    let line = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.code() == Some(1) && line.contains("not UTF-8") && line.lines().count() == 1, "{line}");
}

#[cfg(unix)]
fn unnamed() -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(b"caf\xe9.h5".to_vec())
}
