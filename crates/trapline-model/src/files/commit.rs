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

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempPath;

use super as files;

pub use super::other_kind;

/// A temporary file untouched for this long belongs to a run that died.
///
/// Writers touch theirs every few milliseconds; an hour also covers clocks that differ between the nodes of a cluster.
pub const STALE_AFTER: Duration = Duration::from_secs(3600);

const SUFFIX: &str = ".part";
/// Characters of a temporary's name that are drawn.
const RANDOM: usize = 12;

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

/// A temporary that was just made.
struct Made {
    file: File,
    guard: TempPath,
    /// What it gets when it is written; until then it is this user's to read and write.
    permissions: Option<fs::Permissions>,
}

/// Makes the temporary of a destination: exclusively, under a name that is drawn.
fn create(destination: &Path) -> io::Result<Made> {
    // The process number says whose a leftover is; what is drawn keeps threads and strangers apart.
    let mut prefix = destination.file_name().unwrap_or_default().to_owned();
    prefix.push(format!(".{}-", std::process::id()));
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX).rand_bytes(RANDOM);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let there = fs::metadata(destination).ok().filter(fs::Metadata::is_file);
        let mode = there.as_ref().map_or(0o666, |there| there.mode() & 0o666 | 0o600);
        // The system takes the umask off.
        builder.permissions(fs::Permissions::from_mode(mode));
        let (file, guard) = builder.tempfile_in(folder_of(destination))?.into_parts();
        let new = file.metadata()?;
        let permissions = there.filter(|there| there.uid() == new.uid()).map(|there| {
            // Permissions of a group are another group's where the file cannot be given to the old one.
            let same_group = there.gid() == new.gid() || fchown(&file, None, Some(there.gid())).is_ok();
            fs::Permissions::from_mode(there.mode() & if same_group { 0o777 } else { 0o707 })
        });
        Ok(Made { file, guard, permissions })
    }
    #[cfg(not(unix))]
    {
        let (file, guard) = builder.tempfile_in(folder_of(destination))?.into_parts();
        Ok(Made { file, guard, permissions: None })
    }
}

/// Makes the file durable; what tells it from others.
fn settle(made: &Made, at: &Path, destination: &Path) -> Result<Option<Mark>, CommitError> {
    let permitted =
        made.permissions.as_ref().map_or(Ok(()), |permissions| made.file.set_permissions(permissions.clone()));
    permitted.and_then(|()| made.file.sync_all()).map_err(|e| CommitError::new("synchronise", destination, e))?;
    let mark = Mark::of(at);
    let ours = made.file.metadata().is_ok_and(|made| mark.as_ref().is_some_and(|mark| mark.is_of(&made)));
    if !ours {
        let source = io::Error::other("another program moved its temporary file away");
        return Err(CommitError::new("write", destination, source));
    }
    Ok(mark)
}

/// What tells a file from another that has its name: where it lies on the disk, and when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Device and number of the file; none on systems that do not say.
    place: Option<(u64, u64)>,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Mark {
    /// Of the file of this name, not of one that a link leads to; none where there is no file.
    pub fn of(path: &Path) -> Option<Mark> {
        let found = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Mark { place: place_of(&found), bytes: found.len(), modified: found.modified().ok() })
    }

    fn is_of(&self, found: &fs::Metadata) -> bool {
        self.place == place_of(found)
    }
}

fn place_of(found: &fs::Metadata) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((found.dev(), found.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = found;
        None
    }
}

/// Renames a file to a name that nothing has; looking and taking are one step.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    let mut file = TempPath::try_from_path(from)?;
    file.disable_cleanup(true);
    let Err(refused) = file.persist_noclobber(to) else {
        return Ok(());
    };
    match refused.error.kind() {
        io::ErrorKind::AlreadyExists => Err(refused.error),
        // FAT, and some servers: neither a rename that replaces nothing nor hard links.
        _ => rename_to_claimed(from, to),
    }
}

/// The same where the file system has no such rename: the name is first taken by an empty file, which only one
/// program can make.
fn rename_to_claimed(from: &Path, to: &Path) -> io::Result<()> {
    File::options().write(true).create_new(true).open(to)?;
    fs::rename(from, to).inspect_err(|_| {
        let _ = fs::remove_file(to);
    })
}

/// Lets two files change places in one step.
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
    }
    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    {
        let _ = (a, b);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// `iv.h5` and `iv-learning.png` of the stem `iv` become `iv-2.h5` and `iv-2-learning.png`.
fn numbered(path: &Path, stem: &Path, number: usize) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let parts = name.to_str().zip(stem.file_name().and_then(OsStr::to_str));
    match parts.and_then(|(name, stem)| Some((stem, name.strip_prefix(stem)?))) {
        Some((stem, rest)) => path.with_file_name(format!("{stem}-{number}{rest}")),
        None => {
            let mut other = name.to_owned();
            other.push(format!("-{number}"));
            path.with_file_name(other)
        }
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

/// Removes temporaries of `destination` untouched for `age`; returns how many went.
///
/// Only names this module makes for this destination are considered. Failures are not errors: whatever stays harms
/// nothing.
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
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

fn is_temporary_of(candidate: &str, name: &str) -> bool {
    destination_of(candidate) == Some(name)
}

/// The name of the file that a temporary of this name is to become; `None` where no temporary is called so.
pub fn destination_of(temporary: &str) -> Option<&str> {
    let (name, owner) = temporary.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    let (process, drawn) = owner.split_once('-')?;
    let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let random = |s: &str| s.len() == RANDOM && s.bytes().all(|b| b.is_ascii_alphanumeric());
    // Earlier builds counted where this one draws.
    (number(process) && (random(drawn) || number(drawn))).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_temporaries_are_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let made = create(&folder.path().join("bake.h5")).unwrap();
        let ours = made.guard.file_name().unwrap().to_string_lossy().into_owned();
        assert!(is_temporary_of(&ours, "bake.h5"), "{ours}");
        assert!(is_temporary_of("bake.h5.12-3.part", "bake.h5"));
        for other in [
            "bake.h5",
            "bake.h5.part",
            "bake.h5.1-.part",
            "bake.h5.x-1.part",
            "a.h5.1-1.part",
            "bake.h5.1-1.parts",
            "bake.h5.1-abcdefghijk.part",
            "bake.h5.1-abcdefghijkl.h5",
        ] {
            assert!(!is_temporary_of(other, "bake.h5"), "{other}");
        }
    }

    fn texts(folder: &Path, names: &[&str]) -> Batch {
        let mut batch = Batch::new();
        names.iter().for_each(|name| batch.text(&folder.join(name), &format!("new {name}")).unwrap());
        batch
    }

    fn listed(folder: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
        let mut found: Vec<_> = entries
            .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).unwrap()))
            .collect();
        found.sort();
        found
    }

    fn pairs<const N: usize>(of: [(&str, &str); N]) -> Vec<(String, String)> {
        of.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec()
    }

    /// The last name is taken: what was placed before goes along to the other names, and what is there stays.
    #[test]
    fn files_of_one_result_get_their_names_together() {
        let folder = tempfile::tempdir().unwrap();
        let (path, stem) = (folder.path(), folder.path().join("iv"));
        let batch = texts(path, &["iv.h5", "iv.png", "iv.svg"]);
        fs::write(path.join("iv.svg"), "old").unwrap();
        fs::write(path.join("iv-2.png"), "old").unwrap();
        let Err(KeepError::Taken(taken)) = batch.keep(&stem) else { panic!("not refused") };
        assert_eq!(taken.path, path.join("iv.svg"));
        assert_eq!(taken.kept, ["iv-3.h5", "iv-3.png", "iv-3.svg"].map(|name| path.join(name)));
        let line = taken.to_string();
        assert!(line.contains("iv-3.h5") && line.contains("iv-3.svg") && !line.contains('\n'), "{line}");
        let found = pairs([
            ("iv-2.png", "old"),
            ("iv-3.h5", "new iv.h5"),
            ("iv-3.png", "new iv.png"),
            ("iv-3.svg", "new iv.svg"),
            ("iv.svg", "old"),
        ]);
        assert_eq!(listed(path), found);
        // With --force all are replaced, and nothing is left over.
        texts(path, &["iv.h5", "iv.svg"]).replace().unwrap();
        assert_eq!(listed(path).len(), 6);
        assert_eq!(fs::read_to_string(path.join("iv.svg")).unwrap(), "new iv.svg");
        // A batch that is given up leaves nothing.
        drop(texts(path, &["x.h5"]));
        assert_eq!(listed(path).len(), 6);
    }

    #[test]
    fn a_folder_of_files_is_kept_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let batch = texts(path, &["index.html", "a.csv"]);
        fs::write(path.join("index.html"), "old").unwrap();
        fs::create_dir(path.join("result-2")).unwrap();
        let Err(KeepError::Taken(taken)) = batch.keep(path) else { panic!("not refused") };
        assert_eq!(taken.kept, [path.join("result-3")]);
        assert_eq!(listed(path), pairs([("index.html", "old")]));
        assert_eq!(listed(&path.join("result-3")), pairs([("a.csv", "new a.csv"), ("index.html", "new index.html")]));
    }

    #[test]
    fn only_what_is_ours_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (path, stem) = (folder.path(), folder.path().join("bake"));
        let record = path.join("bake.h5");
        fs::write(&record, "begun").unwrap();
        let ours = Mark::of(&record);
        let is_ours = |path: &Path| Mark::of(path) == ours;
        texts(path, &["bake.h5"]).keep_over(&stem, is_ours).unwrap();
        assert_eq!(listed(path), pairs([("bake.h5", "new bake.h5")]));
        // It is another file now.
        let Err(KeepError::Taken(taken)) = texts(path, &["bake.h5"]).keep_over(&stem, is_ours) else {
            panic!("not refused")
        };
        assert_eq!(taken.kept, [path.join("bake-2.h5")]);
        // One that comes between the look and the exchange is brought back.
        let looks = std::cell::Cell::new(0);
        let only_once = |_: &Path| looks.replace(looks.get() + 1) == 0;
        fs::write(&record, "theirs").unwrap();
        let Err(KeepError::Taken(taken)) = texts(path, &["bake.h5"]).keep_over(&stem, only_once) else {
            panic!("not refused")
        };
        assert_eq!(taken.kept, [path.join("bake-3.h5")]);
        assert_eq!(fs::read_to_string(&record).unwrap(), "theirs");
        fs::remove_file(&record).unwrap();
        texts(path, &["bake.h5"]).keep_over(&stem, |_| true).unwrap();
        let all = ["bake-2.h5", "bake-3.h5", "bake.h5"];
        assert_eq!(listed(path), all.map(|name| (name.to_owned(), "new bake.h5".to_owned())));
    }

    /// Of the ways in which a name is taken the last is for file systems that lack the others.
    #[test]
    fn a_name_is_taken_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for rename in [rename_to_new, rename_to_claimed] {
            for name in ["a", "b"] {
                fs::write(path.join(name), name).unwrap();
            }
            rename(&path.join("a"), &path.join("same")).unwrap();
            let refused = rename(&path.join("b"), &path.join("same")).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(listed(path), pairs([("b", "b"), ("same", "a")]));
            assert!(rename(&path.join("none"), &path.join("other")).is_err());
            assert_eq!(listed(path).len(), 2);
            fs::remove_file(path.join("same")).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn permissions_outlive_a_replacement() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("iv.h5");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        // What the umask leaves of a new file.
        fs::write(folder.path().join("other"), "").unwrap();
        texts(folder.path(), &["iv.h5"]).replace().unwrap();
        assert_eq!(mode(&file), mode(&folder.path().join("other")));
        for kept in [0o600, 0o400, 0o640, 0o666, 0o755] {
            fs::set_permissions(&file, fs::Permissions::from_mode(kept)).unwrap();
            texts(folder.path(), &["iv.h5"]).replace().unwrap();
            assert_eq!(mode(&file), kept, "{kept:o} became {:o}", mode(&file));
        }
    }

    /// The names that were used before, and could be guessed, are links to another file: none is followed.
    #[cfg(unix)]
    #[test]
    fn planted_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let process = std::process::id();
        for count in 0..100 {
            let planted = folder.path().join(format!("iv.h5.{process}-{count}.part"));
            std::os::unix::fs::symlink(&victim, planted).unwrap();
        }
        let mut batch = Batch::new();
        batch
            .write::<CommitError>(&folder.path().join("iv.h5"), |temporary| {
                assert!(fs::symlink_metadata(temporary).unwrap().is_file(), "{}", temporary.display());
                fs::write(temporary, "new").map_err(|e| CommitError::new("write", temporary, e))
            })
            .unwrap();
        batch.replace().unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        // One that is put in the temporary's place while it is written is noticed: it does not get the name.
        let error = Batch::new().write::<CommitError>(&folder.path().join("iv.h5"), |temporary| {
            fs::remove_file(temporary).unwrap();
            std::os::unix::fs::symlink(&victim, temporary).unwrap();
            Ok(())
        });
        assert!(error.unwrap_err().to_string().contains("temporary"));
        assert_eq!(fs::read_to_string(folder.path().join("iv.h5")).unwrap(), "new");
    }
}
