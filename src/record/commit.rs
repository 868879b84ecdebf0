//! Files that are there whole or not at all.
//!
//! [`atomic_write`] hands out a temporary name in the destination's folder, and only when the writer is done and the data is
//! on the disk does the file get its own name. A run that is killed leaves at most a temporary file, `NAME.PID-N.part`,
//! which a later write of the same destination sweeps away once it is old enough to have no owner.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::files;

/// A temporary file untouched for this long belongs to a run that died.
///
/// Writers touch theirs every few milliseconds; an hour also covers clocks that differ between the nodes of a cluster.
pub const STALE_AFTER: Duration = Duration::from_secs(3600);

const SUFFIX: &str = ".part";

/// A step of a commit that the system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}: {source}; {}", path.display(), remedy(source))]
pub struct CommitError {
    pub path: PathBuf,
    /// What was attempted, as a verb phrase.
    pub step: &'static str,
    pub source: io::Error,
}

impl CommitError {
    pub(crate) fn new(step: &'static str, path: &Path, source: io::Error) -> Self {
        CommitError { path: path.to_owned(), step, source }
    }
}

/// What the reader of an I/O error can do about it.
pub(crate) fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "check that the path exists",
        ErrorKind::PermissionDenied => "check the permissions, or choose a folder you may write to",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "free space there, or choose another disk"
        }
        ErrorKind::ReadOnlyFilesystem => "choose a folder on a writable file system",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a part of the path is a file where a folder is needed: choose another path"
        }
        ErrorKind::IsADirectory => "a folder has that name: choose another name",
        ErrorKind::InvalidInput => "choose another name",
        ErrorKind::WouldBlock => "another program holds a lock on it: wait for it, or set HDF5_USE_FILE_LOCKING=FALSE",
        _ => "check the disk, or choose another path",
    }
}

/// Creates the folder and those above it, and makes its name durable: what is committed into a folder whose own name a power cut
/// takes back is gone too.
///
/// # Errors
/// [`CommitError`] if the system refuses.
pub fn create_folder(path: &Path) -> Result<(), CommitError> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(|e| CommitError::new("create the folder", path, e))?;
    sync_folder(folder_of(path))
}

/// Calls `write` with a temporary path beside `destination`, then makes what it wrote durable and renames it into place.
///
/// `write` must have closed the file, and checked that closing went well, when it returns. An existing destination is
/// replaced in one step. If anything fails the temporary file is removed and the destination is as it was.
///
/// # Errors
/// What `write` returns, or [`CommitError`] for a step of the commit itself.
pub fn atomic_write<E: From<CommitError>>(
    destination: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let folder = folder_of(destination);
    let Some(name) = destination.file_name() else {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "the path names no file");
        return Err(CommitError::new("write", destination, source).into());
    };
    // Renaming over a folder fails too, but only after hours of work; renaming over a device removes the device.
    if let Ok(found) = fs::symlink_metadata(destination)
        && let Some(kind) = files::other_kind(found.file_type())
    {
        return Err(CommitError::new("write", destination, files::not_a_file(kind)).into());
    }
    if destination.is_dir() {
        let source = io::Error::from(io::ErrorKind::IsADirectory);
        return Err(CommitError::new("write", destination, source).into());
    }
    remove_stale(destination, STALE_AFTER);
    let temporary = folder.join(temporary_name(name));
    // Asking the system for the file first gives its own reason where HDF5 would give a stack of its own.
    File::create(&temporary).map_err(|e| CommitError::new("create", &temporary, e))?;
    let done = write(&temporary).and_then(|()| settle(&temporary, destination, folder).map_err(E::from));
    if done.is_err() {
        // Emptied first: HDF5 keeps a file that it could not close, and with it the blocks that a full disk lacks.
        let _ = File::options().write(true).truncate(true).open(&temporary);
        // The first error is the one to report; a temporary that stays is swept later.
        let _ = fs::remove_file(&temporary);
    }
    done
}

fn settle(temporary: &Path, destination: &Path, folder: &Path) -> Result<(), CommitError> {
    // Windows flushes only through a handle that may write.
    File::options()
        .write(true)
        .open(temporary)
        .and_then(|file| file.sync_all())
        .map_err(|e| CommitError::new("synchronise", temporary, e))?;
    fs::rename(temporary, destination).map_err(|e| CommitError::new("rename the finished file to", destination, e))?;
    sync_folder(folder)
}

/// Makes a rename in `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), CommitError> {
    // Windows has no such call: a folder cannot be opened as a file there.
    if cfg!(unix) {
        File::open(folder)
            .and_then(|f| f.sync_all())
            .map_err(|e| CommitError::new("synchronise the folder", folder, e))?;
    }
    Ok(())
}

/// Removes temporaries of `destination` untouched for `age`; returns how many went.
///
/// Only names this module makes for this destination are considered. Failures are not errors: whatever stays harms nothing.
pub fn remove_stale(destination: &Path, age: Duration) -> usize {
    let Some(name) = destination.file_name() else {
        return 0;
    };
    let Ok(entries) = fs::read_dir(folder_of(destination)) else {
        return 0;
    };
    let mut removed = 0;
    for entry in entries.flatten() {
        if !is_temporary_of(&entry.file_name().to_string_lossy(), &name.to_string_lossy()) {
            continue;
        }
        let idle = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
        if idle.is_some_and(|idle| idle >= age) && fs::remove_file(entry.path()).is_ok() {
            tracing::info!("removed the leftover {}", entry.path().display());
            removed += 1;
        }
    }
    removed
}

/// The folder a path lies in; the current one for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

fn temporary_name(name: &std::ffi::OsStr) -> OsString {
    // The process number keeps two runs apart, the count two threads of one run.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut temporary = name.to_owned();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    temporary.push(format!(".{}-{count}{SUFFIX}", std::process::id()));
    temporary
}

fn is_temporary_of(candidate: &str, name: &str) -> bool {
    destination_of(candidate) == Some(name)
}

/// The name of the file that a temporary of this name is to become; `None` where no temporary is called so.
pub(crate) fn destination_of(temporary: &str) -> Option<&str> {
    let (name, numbers) = temporary.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    let (process, count) = numbers.split_once('-')?;
    let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    (number(process) && number(count)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_temporaries_are_recognised() {
        let ours = temporary_name("bake.h5".as_ref());
        assert!(is_temporary_of(&ours.to_string_lossy(), "bake.h5"));
        for other in
            ["bake.h5", "bake.h5.part", "bake.h5.1-.part", "bake.h5.x-1.part", "a.h5.1-1.part", "bake.h5.1-1.parts"]
        {
            assert!(!is_temporary_of(other, "bake.h5"), "{other}");
        }
    }
}
