//! The folder of a run's points, `bake.h5.parts/`: which run owns it, which files it may hold, and when it is removed.
//!
//! A run holds a lock on a file in the folder for as long as it lives. The lock is the system's and goes with the
//! process, however it ends; so a folder whose lock is free was left by a run that ended, and one whose lock is held
//! is in use, `--force` or not. The campaign they belong to is written beside them ([`Intent`]), so that a later run
//! of the same campaign can resume. Only files that this program makes are ever removed: points under their own
//! names, `plan.json`, temporaries, and the lock.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::RunError;
use super::intent::{self, Intent};
use trapline_model::files::commit::{self, CommitError};
use trapline_record::{RecordError, point_path};

/// Name of the empty file that carries the lock.
const LOCK: &str = "lock";

/// What to do with existing outputs and with the points of an interrupted run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse to run: nothing that exists is touched.
    Keep,
    Replace,
    /// Resume: finished points of the same campaign are taken over.
    Resume,
}

/// A folder of points that this run has locked.
///
/// On drop, temporaries and empty sub-folders are removed, and the folder itself if it is then empty.
#[derive(Debug)]
pub(super) struct Parts {
    path: PathBuf,
    /// None where the file system has no locks.
    lock: Option<File>,
    /// Numbers of the points that an earlier run finished, and this one takes over.
    pub(super) done: BTreeSet<usize>,
}

/// Everything in a folder of points, by path.
#[derive(Debug, Default)]
struct Contents {
    folders: Vec<PathBuf>,
    points: Vec<PathBuf>,
    /// The file of the run's [`Intent`], where there is one.
    intent: Option<PathBuf>,
    temporaries: Vec<PathBuf>,
}

/// Result of trying to lock the folder.
enum Lock {
    Held(File),
    Busy,
    /// The file system has no locks, as on some clusters.
    Unsupported(io::Error),
}

impl Parts {
    /// Refuses a folder that another run uses, that holds a file of somebody else's, or finished points that nobody
    /// asked for. Changes nothing.
    ///
    /// # Errors
    /// [`RunError::Running`], [`RunError::NotParts`], [`RunError::Interrupted`]; [`RunError::Record`] for what the
    /// system refuses.
    pub(super) fn check(path: &Path, existing: Existing) -> Result<(), RunError> {
        match fs::symlink_metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(refused("read the folder", path, e)),
            Ok(_) => {}
        }
        let contents = Contents::of(path)?;
        match File::options().read(true).write(true).open(path.join(LOCK)) {
            Ok(file) => match try_lock(file) {
                Lock::Busy => return Err(RunError::Running(path.to_owned())),
                Lock::Unsupported(_) if existing == Existing::Keep => return Err(RunError::NoLocks(path.to_owned())),
                Lock::Held(_) | Lock::Unsupported(_) => {}
            },
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(refused("open", &path.join(LOCK), e)),
        }
        if existing == Existing::Keep { contents.without_points(path) } else { Ok(()) }
    }

    /// Makes the folder this run's: creates it where it is missing, locks it, clears what an earlier run left or
    /// takes its points over, and writes down what the run is for.
    ///
    /// # Errors
    /// As [`Parts::check`]; [`RunError::Changed`] for points of another campaign.
    pub(super) fn claim(path: &Path, existing: Existing, intent: &Intent) -> Result<Parts, RunError> {
        let existed = match make(path) {
            Ok(()) => {
                commit::sync_folder(commit::folder_of(path)).map_err(|e| RunError::Record(RecordError::Commit(e)))?;
                false
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => true,
            Err(e) => return Err(refused("create the folder", path, e)),
        };
        if existed {
            Parts::check(path, existing)?;
        }
        let name = path.join(LOCK);
        let mut options = File::options();
        options.read(true).write(true);
        // Made exclusively, or there already and a file: a link that somebody planted is not followed.
        let file = match options.clone().create_new(true).open(&name) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                if !fs::symlink_metadata(&name).is_ok_and(|metadata| metadata.is_file()) {
                    let found = format!("its {LOCK} is no file");
                    return Err(RunError::NotParts { path: path.to_owned(), found });
                }
                options.open(&name)
            }
            made => made,
        };
        let file = file.map_err(|e| refused("create", &name, e))?;
        let of = |lock| Parts { path: path.to_owned(), lock, done: BTreeSet::new() };
        let mut parts = match try_lock(file) {
            Lock::Held(file) if is_at(&file, &name) => of(Some(file)),
            // The other run ended between our opening of its lock and our locking it, and took the file along.
            Lock::Held(_) | Lock::Busy => return Err(RunError::Running(path.to_owned())),
            Lock::Unsupported(e) => {
                tracing::warn!("{}: no file locks here ({e}): start no second run of this output", path.display());
                of(None)
            }
        };
        let left = Contents::of(path)?;
        match existing {
            Existing::Resume if !left.points.is_empty() => {
                left.is_of(intent, path)?;
                // Without a lock they may be those of a run that is alive; stale ones are swept when their file is
                // written.
                if parts.lock.is_some() {
                    left.discard_temporaries()?;
                }
                parts.done = left.numbers();
                return Ok(parts);
            }
            Existing::Keep => left.without_points(path)?,
            Existing::Replace | Existing::Resume => {}
        }
        left.discard()?;
        parts.write_down(intent)?;
        Ok(parts)
    }

    /// Commits what the points are for.
    pub(super) fn write_down(&self, intent: &Intent) -> Result<(), RunError> {
        let file = self.path.join(intent::NAME);
        commit::atomic_write(&file, |temporary| {
            fs::write(temporary, intent.text()).map_err(|e| CommitError::new("write", temporary, e))
        })
        .map_err(|e| RunError::Record(RecordError::Commit(e)))
    }

    /// Whether this run holds the lock, so that no other run can be at work on this output.
    pub(super) fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Whether the run that left its points in a folder was told to replace what is there.
    pub(super) fn replaces(path: &Path) -> bool {
        Intent::read(&path.join(intent::NAME)).is_ok_and(|begun| begun.replaces)
    }

    /// Number of finished points.
    pub(super) fn points(&self) -> usize {
        Parts::finished(&self.path)
    }

    /// Number of finished points in a folder; 0 where it is no folder of points.
    pub(super) fn finished(path: &Path) -> usize {
        Contents::of(path).map_or(0, |contents| contents.points.len())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the points, now that the record holds them.
    ///
    /// # Errors
    /// [`RunError::Record`] for what the system refuses. What somebody else put there meanwhile stays, with a warning.
    pub(super) fn discard(self) -> Result<(), RunError> {
        match Contents::of(&self.path) {
            Ok(contents) => contents.discard(),
            Err(error) => {
                tracing::warn!("the record is written; the folder of its points stays: {error}");
                Ok(())
            }
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let Ok(contents) = Contents::of(&self.path) else {
            return;
        };
        if !contents.points.is_empty() || contents.discard().is_err() {
            return;
        }
        let _ = fs::remove_file(self.path.join(LOCK));
        // Windows keeps the file until its last handle is closed.
        drop(self.lock.take());
        // The system refuses to remove a folder that is not empty: another run may have started in it just now.
        let _ = fs::remove_dir(&self.path);
    }
}

impl Contents {
    /// Lists both levels of the folder.
    ///
    /// # Errors
    /// [`RunError::NotParts`] for anything that this program did not make.
    fn of(path: &Path) -> Result<Contents, RunError> {
        let foreign = |found: String| RunError::NotParts { path: path.to_owned(), found };
        let kind = fs::symlink_metadata(path).map_err(|e| refused("read the folder", path, e))?.file_type();
        if !kind.is_dir() {
            return Err(RunError::NotParts { path: path.to_owned(), found: "it is no folder".to_owned() });
        }
        let mut contents = Contents::default();
        for (name, entry) in listed(path)? {
            let kind = entry.file_type().map_err(|e| refused("read the folder", path, e))?;
            let is_ours = |file: &str| file == intent::NAME;
            match name.as_str() {
                LOCK if kind.is_file() => continue,
                intent::NAME if kind.is_file() => {
                    contents.intent = Some(entry.path());
                    continue;
                }
                file if kind.is_file() && commit::destination_of(file).is_some_and(is_ours) => {
                    contents.temporaries.push(entry.path());
                    continue;
                }
                _ => {}
            }
            if !kind.is_dir() || name.len() < 6 || !is_number(&name) {
                return Err(foreign(format!("it holds {name:?}")));
            }
            let folder = entry.path();
            for (inner, entry) in listed(&folder)? {
                let kind = entry.file_type().map_err(|e| refused("read the folder", &folder, e))?;
                let of_point = |file: &str| number_of(file).is_some_and(|n| point_path(path, n) == folder.join(file));
                if kind.is_file() && of_point(&inner) {
                    contents.points.push(entry.path());
                } else if kind.is_file() && commit::destination_of(&inner).is_some_and(of_point) {
                    contents.temporaries.push(entry.path());
                } else {
                    return Err(foreign(format!("it holds {:?}", format!("{name}/{inner}"))));
                }
            }
            contents.folders.push(folder);
        }
        contents.points.sort();
        Ok(contents)
    }

    fn without_points(&self, path: &Path) -> Result<(), RunError> {
        match self.points.first() {
            None => Ok(()),
            Some(first) => {
                let (path, first) = (path.to_owned(), first.clone());
                Err(RunError::Interrupted { path, points: self.points.len(), first })
            }
        }
    }

    /// Refuses points of another campaign, or of one that is not known.
    fn is_of(&self, intent: &Intent, path: &Path) -> Result<(), RunError> {
        let changed = |what: String| RunError::Changed { path: path.to_owned(), points: self.points.len(), what };
        let file = self.intent.as_ref().ok_or_else(|| changed(format!("it has no {}", intent::NAME)))?;
        let begun = Intent::read(file).map_err(|e| changed(format!("its {} cannot be read: {e}", intent::NAME)))?;
        if let Some(what) = intent.difference(&begun) {
            return Err(changed(what));
        }
        if let Some(remark) = intent.other_program(&begun) {
            tracing::warn!("{remark}");
        }
        Ok(())
    }

    fn numbers(&self) -> BTreeSet<usize> {
        let names = self.points.iter().filter_map(|path| path.file_name());
        names.filter_map(|name| number_of(&name.to_string_lossy())).collect()
    }

    fn discard_temporaries(&self) -> Result<(), RunError> {
        for file in &self.temporaries {
            fs::remove_file(file).map_err(|e| refused("remove", file, e))?;
        }
        Ok(())
    }

    /// Removes each file by its name, then the numbered folders, which must be empty then.
    fn discard(&self) -> Result<(), RunError> {
        self.discard_temporaries()?;
        // `plan.json` is removed last: points without it could not be resumed.
        for file in self.points.iter().chain(&self.intent) {
            fs::remove_file(file).map_err(|e| refused("remove", file, e))?;
        }
        for folder in &self.folders {
            fs::remove_dir(folder).map_err(|e| refused("remove the folder", folder, e))?;
        }
        Ok(())
    }
}

/// Makes the folder; readable for its owner alone if the record it replaces is.
fn make(path: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, MetadataExt};
        // `bake.h5.parts` is the folder of `bake.h5`.
        let record = fs::metadata(path.with_extension(""));
        if record.is_ok_and(|record| record.is_file() && record.mode() & 0o077 == 0) {
            builder.mode(0o700);
        }
    }
    builder.create(path)
}

fn listed(path: &Path) -> Result<Vec<(String, fs::DirEntry)>, RunError> {
    let failed = |e| refused("read the folder", path, e);
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // This program writes no name that is not UTF-8; replacing the bad bytes cannot turn one into a name of ours.
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry));
    }
    Ok(entries)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The number of the point whose file has this name.
fn number_of(file: &str) -> Option<usize> {
    let digits = file.strip_prefix("point-")?.strip_suffix(".h5")?;
    if is_number(digits) { digits.parse().ok() } else { None }
}

fn try_lock(file: File) -> Lock {
    match file.try_lock() {
        Ok(()) => Lock::Held(file),
        Err(TryLockError::WouldBlock) => Lock::Busy,
        Err(TryLockError::Error(e)) => Lock::Unsupported(e),
    }
}

/// Whether the file is still the one of this name.
fn is_at(file: &File, name: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let place = |m: &fs::Metadata| (m.dev(), m.ino());
        file.metadata().is_ok_and(|a| fs::symlink_metadata(name).is_ok_and(|b| place(&a) == place(&b)))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        name.exists()
    }
}

pub(super) fn refused(step: &'static str, path: &Path, source: io::Error) -> RunError {
    RunError::Record(RecordError::Commit(CommitError::new(step, path, source)))
}

#[cfg(test)]
mod tests;
