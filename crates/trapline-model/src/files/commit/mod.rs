//! Files that are there whole or not at all.
//!
//! A [`Batch`] makes each file under a temporary name in its folder, `NAME.PID-RANDOM.part`, and only when all of them
//! are written and on the disk do they get their own names. A temporary is made by the system's exclusive call under a
//! name that cannot be guessed, so no link that somebody planted is followed. A run that is killed leaves at most
//! temporaries, which a later write of the same destination sweeps away once they are old enough to have no owner.
//!
//! Where nothing is to be replaced, looking for a file of that name and taking the name are one step of the system
//! ([`Batch::keep`]): of several programs that write one name at once, one gets it, and the others keep what they
//! have under names of their own.

mod rename;
mod temporary;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempPath;

use super as files;

use rename::{exchange, numbered, rename_to_new};
use temporary::{create, settle};

pub use super::other_kind;
pub use rename::Mark;
pub use temporary::{STALE_AFTER, destination_of, remove_stale};

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
    pub fn new(step: &'static str, path: &Path, source: io::Error) -> Self {
        CommitError { path: path.to_owned(), step, source }
    }
}

/// What to do about a file that may not grow to its size.
pub const TOO_LARGE: &str =
    "raise the limit of a file's size (`ulimit -f` shows it), or choose another disk if that is unlimited";

/// What the reader of an I/O error can do about it.
pub fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "check that the path exists",
        ErrorKind::PermissionDenied => "check the permissions, or choose a folder you may write to",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free space there, or choose another disk",
        ErrorKind::FileTooLarge => TOO_LARGE,
        ErrorKind::ReadOnlyFilesystem => "choose a folder on a writable file system",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a part of the path is a file where a folder is needed: choose another path"
        }
        ErrorKind::IsADirectory => "a folder has that name: choose another name",
        ErrorKind::InvalidInput => "choose another name",
        ErrorKind::WouldBlock => "another program holds a lock on it: wait for it, or set HDF5_USE_FILE_LOCKING=FALSE",
        ErrorKind::InvalidFilename => "choose a shorter name",
        _ => "check the disk, or choose another path",
    }
}

/// Creates the folder and those above it, and makes its name durable: what is committed into a folder whose own name
/// a power cut takes back is gone too.
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

/// A file that had the name when a result was finished, and was not replaced. The result is kept under other names.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} exists by now: another program made it meanwhile, and it stays as it is; this result is kept as {}: rename that, or call again with another name, or with --force",
    path.display(), list(kept)
)]
pub struct Taken {
    pub path: PathBuf,
    /// Where the result lies; of files in a folder of their own, that folder.
    pub kept: Vec<PathBuf>,
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => shown.concat(),
    }
}

/// Why files did not get their names.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Taken(#[from] Taken),
}

/// The files of one result, which get their names together.
///
/// Until [`Batch::replace`] or [`Batch::keep`] they have temporary names; a batch that is dropped before leaves
/// nothing.
#[derive(Debug, Default)]
pub struct Batch {
    staged: Vec<Staged>,
}

/// A file that is written and has no name of its own yet.
#[derive(Debug)]
struct Staged {
    destination: PathBuf,
    /// Where it lies, as seen from where the destination is seen.
    at: PathBuf,
    /// Removes it, unless it got a name.
    guard: TempPath,
    /// What tells it from another file of that name.
    mark: Option<Mark>,
}

impl Batch {
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Where its files are to lie, in the order in which they were written.
    pub fn destinations(&self) -> Vec<PathBuf> {
        self.staged.iter().map(|file| file.destination.clone()).collect()
    }

    /// Calls `write` with a temporary path beside `destination`, and makes what it wrote durable.
    ///
    /// The file exists and is empty; `write` opens it by its name, must have closed it when it returns, and must have
    /// checked that closing went well. It has the permissions of the file that it may replace. If anything fails the
    /// temporary is removed.
    ///
    /// # Errors
    /// What `write` returns, or [`CommitError`] for what the system refuses.
    pub fn write<E: From<CommitError>>(
        &mut self,
        destination: &Path,
        write: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<(), E> {
        let folder = folder_of(destination);
        may_be_replaced(destination)?;
        remove_stale(destination, STALE_AFTER);
        // Asking the system for the file first gives its own reason where HDF5 would give a stack of its own.
        let made = create(destination).map_err(|e| CommitError::new("create", destination, e))?;
        let at = folder.join(made.guard.file_name().unwrap_or_default());
        match write(&at).and_then(|()| settle(&made, &at, destination).map_err(E::from)) {
            Ok(mark) => {
                self.staged.push(Staged { destination: destination.to_owned(), at, guard: made.guard, mark });
                Ok(())
            }
            Err(error) => {
                // Emptied first: HDF5 keeps a file that it could not close, and with it the blocks that a full disk
                // lacks.
                let _ = made.file.set_len(0);
                Err(error)
            }
        }
    }

    /// Writes a text file.
    ///
    /// # Errors
    /// [`CommitError`].
    pub fn text(&mut self, destination: &Path, text: &str) -> Result<(), CommitError> {
        self.write(destination, |temporary| {
            fs::write(temporary, text).map_err(|e| CommitError::new("write", destination, e))
        })
    }

    /// Gives every file its name, in place of what has it.
    ///
    /// # Errors
    /// [`CommitError`] for the first that the system refuses; those before it have their names.
    pub fn replace(mut self) -> Result<(), CommitError> {
        let turn = self.turn();
        for file in &mut self.staged {
            fs::rename(&file.at, &file.destination)
                .map_err(|e| CommitError::new("rename the finished file to", &file.destination, e))?;
            file.guard.disable_cleanup(true);
        }
        drop(turn);
        self.synchronise()
    }

    /// Gives every file its name if none of the names is taken, each by one step of the system; otherwise keeps all of
    /// them under other names. `stem` is what their names begin with, or the folder that holds all of them: `iv.h5` and
    /// `iv.png` become `iv-2.h5` and `iv-2.png`, and what was to lie in `report/` lies in `report/result-2/`.
    ///
    /// # Errors
    /// [`KeepError::Taken`] says where the files are then.
    pub fn keep(mut self, stem: &Path) -> Result<(), KeepError> {
        let turn = self.turn();
        for number in 0..self.staged.len() {
            let file = &mut self.staged[number];
            match rename_to_new(&file.at, &file.destination) {
                Ok(()) => file.named(file.destination.clone()),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    let path = file.destination.clone();
                    let kept = self.aside(stem)?;
                    drop(turn);
                    self.synchronise()?;
                    return Err(Taken { path, kept }.into());
                }
                Err(e) => return Err(CommitError::new("rename the finished file to", &file.destination, e).into()),
            }
        }
        drop(turn);
        Ok(self.synchronise()?)
    }

    /// As [`Batch::keep`], but what `is_ours` says is this program's own is replaced. The question is asked once
    /// before the files change places and, where the system can exchange two files in one step, once after.
    ///
    /// # Errors
    /// As [`Batch::keep`].
    pub fn keep_over(mut self, stem: &Path, is_ours: impl Fn(&Path) -> bool) -> Result<(), KeepError> {
        for file in &mut self.staged {
            if fs::symlink_metadata(&file.destination).is_err() || !is_ours(&file.destination) {
                continue;
            }
            match exchange(&file.at, &file.destination) {
                // The one that had the name lies at the temporary's now, and goes with it.
                Ok(()) if is_ours(&file.at) => {}
                Ok(()) => {
                    // Should this fail, what lies at the temporary's name is another's, and stays.
                    file.guard.disable_cleanup(true);
                    exchange(&file.at, &file.destination)
                        .map_err(|e| CommitError::new("bring back", &file.destination, e))?;
                    file.guard.disable_cleanup(false);
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                // Not on this system, or not on this file system.
                Err(_) => fs::rename(&file.at, &file.destination)
                    .map_err(|e| CommitError::new("rename the finished file to", &file.destination, e))?,
            }
            file.at = file.destination.clone();
            sync_folder(folder_of(&file.destination))?;
        }
        self.staged.retain(|file| file.at != file.destination);
        self.keep(stem)
    }

    /// Moves all files to the first free set of other names; those that have their own already, too.
    fn aside(&mut self, stem: &Path) -> Result<Vec<PathBuf>, CommitError> {
        let in_folder = self.staged.iter().all(|file| folder_of(&file.destination) == stem);
        'numbers: for number in 2..10_000 {
            let folder = stem.join(format!("result-{number}"));
            if in_folder {
                match fs::create_dir(&folder) {
                    Ok(()) => {}
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                    Err(e) => return Err(self.stranded("create the folder", &folder, e)),
                }
            }
            for at in 0..self.staged.len() {
                let file = &self.staged[at];
                let other = match in_folder {
                    true => folder.join(file.destination.file_name().unwrap_or_default()),
                    false => numbered(&file.destination, stem, number),
                };
                // One that was replaced by --force meanwhile is not ours to move.
                if file.at == file.destination && Mark::of(&file.at) != file.mark {
                    continue;
                }
                match rename_to_new(&file.at, &other) {
                    Ok(()) => self.staged[at].named(other),
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue 'numbers,
                    Err(e) => return Err(self.stranded("rename the finished file to", &other, e)),
                }
            }
            return Ok(if in_folder { vec![folder] } else { self.staged.iter().map(|file| file.at.clone()).collect() });
        }
        Err(self.stranded("find a free name beside", stem, io::ErrorKind::AlreadyExists.into()))
    }

    /// Nothing could be done for the files but to let them lie where they are, and to say where that is.
    fn stranded(&mut self, step: &'static str, path: &Path, source: io::Error) -> CommitError {
        self.staged.iter_mut().for_each(|file| file.guard.disable_cleanup(true));
        let at: Vec<PathBuf> = self.staged.iter().map(|file| file.at.clone()).collect();
        let source = io::Error::new(source.kind(), format!("{source}; the result lies in {}, rename it", list(&at)));
        CommitError::new(step, path, source)
    }

    /// Names are given by one program at a time, so that of two that replace the same files neither gets a part of
    /// them. A wish: the lock is waited for two seconds at the most, and not every file system has it.
    fn turn(&self) -> Option<File> {
        let folder = File::open(folder_of(&self.staged.first()?.destination)).ok()?;
        for _ in 0..200 {
            match folder.try_lock() {
                Ok(()) => return Some(folder),
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
                Err(fs::TryLockError::Error(_)) => return None,
            }
        }
        None
    }

    /// Makes the names survive a power cut.
    fn synchronise(&self) -> Result<(), CommitError> {
        let named = self.staged.iter().flat_map(|file| [&file.destination, &file.at]);
        let mut folders: Vec<&Path> = named.map(|path| folder_of(path)).collect();
        folders.sort_unstable();
        folders.dedup();
        folders.into_iter().try_for_each(sync_folder)
    }
}

impl Staged {
    fn named(&mut self, name: PathBuf) {
        self.at = name;
        self.guard.disable_cleanup(true);
    }
}

/// A batch of one file that replaces what has its name: for a program's own files.
///
/// # Errors
/// As [`Batch::write`] and [`Batch::replace`]. The destination is then as it was.
pub fn atomic_write<E: From<CommitError>>(
    destination: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let mut batch = Batch::new();
    batch.write(destination, write)?;
    Ok(batch.replace()?)
}

/// Renaming over a folder fails too, but only after hours of work; renaming over a device removes the device.
fn may_be_replaced(destination: &Path) -> Result<(), CommitError> {
    let refused = |source| Err(CommitError::new("write", destination, source));
    if destination.file_name().is_none() {
        return refused(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"));
    }
    if destination.is_dir() {
        return refused(io::ErrorKind::IsADirectory.into());
    }
    match fs::symlink_metadata(destination).ok().and_then(|found| files::other_kind(found.file_type())) {
        Some(kind) => refused(files::not_a_file(kind)),
        None => Ok(()),
    }
}

/// Makes a rename in `folder` survive a power cut.
pub fn sync_folder(folder: &Path) -> Result<(), CommitError> {
    // Windows has no such call: a folder cannot be opened as a file there.
    if cfg!(unix) {
        File::open(folder)
            .and_then(|f| f.sync_all())
            .map_err(|e| CommitError::new("synchronise the folder", folder, e))?;
    }
    Ok(())
}

/// The folder a path lies in; the current one for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
