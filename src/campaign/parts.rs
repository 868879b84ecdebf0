//! The folder of a run's points, `bake.h5.parts/`: whose it is, what may lie in it, and how it goes.
//!
//! A run holds a lock on a file in the folder for as long as it lives. The lock is the system's and goes with the process,
//! however it ends; so a folder without a held lock was left behind, and one with it is in use, whatever `--force` says.
//! Nothing is ever removed but what this program makes: points under their own names, their temporaries, and the lock.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::RunError;
use crate::record::commit::{self, CommitError};
use crate::record::{RecordError, point_path};

/// The file that is locked; empty.
const LOCK: &str = "lock";

/// A folder of points that is this run's.
///
/// When it is dropped, what holds no finished point goes: temporaries, empty folders, and the folder itself where it is empty then.
#[derive(Debug)]
pub(super) struct Parts {
    path: PathBuf,
    /// None where the file system has no locks.
    lock: Option<File>,
}

/// Everything in a folder of points, by path.
#[derive(Debug, Default)]
struct Contents {
    folders: Vec<PathBuf>,
    points: Vec<PathBuf>,
    temporaries: Vec<PathBuf>,
}

/// What trying the lock says.
enum Lock {
    Held(File),
    Busy,
    /// Some file systems of clusters have none.
    Unsupported(io::Error),
}

impl Parts {
    /// Refuses a folder that another run uses, that holds a file of somebody else's, or (unless `force`) finished points.
    /// Changes nothing.
    ///
    /// # Errors
    /// [`RunError::Running`], [`RunError::NotParts`], [`RunError::Interrupted`]; [`RunError::Record`] for what the system refuses.
    pub(super) fn check(path: &Path, force: bool) -> Result<(), RunError> {
        match fs::symlink_metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(refused("read the folder", path, e)),
            Ok(_) => {}
        }
        let found = Contents::of(path)?;
        match File::options().read(true).write(true).open(path.join(LOCK)) {
            Ok(file) => match try_lock(file) {
                Lock::Busy => return Err(RunError::Running(path.to_owned())),
                Lock::Unsupported(_) if !force => return Err(RunError::NoLocks(path.to_owned())),
                Lock::Held(_) | Lock::Unsupported(_) => {}
            },
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(refused("open", &path.join(LOCK), e)),
        }
        if force { Ok(()) } else { found.without_points(path) }
    }

    /// Makes the folder this run's: creates it where it is missing, locks it, and clears what an earlier run left.
    ///
    /// # Errors
    /// As [`Parts::check`].
    pub(super) fn claim(path: &Path, force: bool) -> Result<Parts, RunError> {
        let existed = match fs::create_dir(path) {
            Ok(()) => false,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => true,
            Err(e) => return Err(refused("create the folder", path, e)),
        };
        if existed {
            Parts::check(path, force)?;
        }
        let name = path.join(LOCK);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&name);
        let file = file.map_err(|e| refused("create", &name, e))?;
        let parts = match try_lock(file) {
            Lock::Held(file) if is_at(&file, &name) => Parts { path: path.to_owned(), lock: Some(file) },
            // The other run ended between our opening of its lock and our locking it, and took the file along.
            Lock::Held(_) | Lock::Busy => return Err(RunError::Running(path.to_owned())),
            Lock::Unsupported(e) => {
                tracing::warn!("{}: no file locks here ({e}): start no second run of this output", path.display());
                Parts { path: path.to_owned(), lock: None }
            }
        };
        let left = Contents::of(path)?;
        if !force {
            left.without_points(path)?;
        }
        left.discard()?;
        Ok(parts)
    }

    /// Number of finished points.
    pub(super) fn points(&self) -> usize {
        Contents::of(&self.path).map_or(0, |found| found.points.len())
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
            Ok(found) => found.discard(),
            Err(error) => {
                tracing::warn!("the record is written; the folder of its points stays: {error}");
                Ok(())
            }
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let Ok(found) = Contents::of(&self.path) else {
            return;
        };
        if !found.points.is_empty() || found.discard().is_err() {
            return;
        }
        let _ = fs::remove_file(self.path.join(LOCK));
        // Windows keeps the file until its last handle is closed.
        drop(self.lock.take());
        // The system refuses this for a folder that holds something: of a run that came just now.
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
            if name == LOCK && kind.is_file() {
                continue;
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

    /// Removes each file by its name, then the numbered folders, which must be empty then.
    fn discard(&self) -> Result<(), RunError> {
        for file in self.points.iter().chain(&self.temporaries) {
            fs::remove_file(file).map_err(|e| refused("remove", file, e))?;
        }
        for folder in &self.folders {
            fs::remove_dir(folder).map_err(|e| refused("remove the folder", folder, e))?;
        }
        Ok(())
    }
}

fn listed(path: &Path) -> Result<Vec<(String, fs::DirEntry)>, RunError> {
    let failed = |e| refused("read the folder", path, e);
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A name that is not UTF-8 is not one of ours, and does not become one here.
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
mod tests {
    use super::*;

    fn folder_with(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5.parts");
        fs::create_dir(&path).unwrap();
        for file in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        (folder, path)
    }

    #[test]
    fn only_what_this_program_makes_is_removed() {
        let ours = ["lock", "000000/point-000007.h5", "000000/point-000008.h5.12-3.part", "000001/point-001999.h5"];
        let (_folder, path) = folder_with(&ours);
        assert!(matches!(Parts::check(&path, false), Err(RunError::Interrupted { points: 2, .. })));
        Parts::check(&path, true).unwrap();
        drop(Parts::claim(&path, true).unwrap());
        assert!(!path.exists());

        let others = [
            "thesis.tex",
            "2024/thesis.tex",
            "202401/thesis.txt",
            "000000/point-000007.h5/x",
            "000001/point-000007.h5",
            "000000/point-7.h5",
            "000000/point-000007.h5.part",
            "000000/point-000007.h5.bak",
            "000000/000000/point-000007.h5",
            "lock/x",
        ];
        for other in others {
            let (_folder, path) = folder_with(&["000000/point-000001.h5", other]);
            for force in [false, true] {
                let error = Parts::claim(&path, force).unwrap_err();
                assert!(matches!(error, RunError::NotParts { .. }), "{other}: {error}");
            }
            assert!(path.join(other).exists() && path.join("000000/point-000001.h5").exists(), "{other}");
        }
    }

    #[test]
    fn a_folder_without_points_is_no_obstacle() {
        for files in [&[][..], &["lock"], &["000000/point-000000.h5.1-0.part"]] {
            let (_folder, path) = folder_with(files);
            fs::create_dir_all(path.join("000003")).unwrap();
            Parts::check(&path, false).unwrap();
            let parts = Parts::claim(&path, false).unwrap();
            assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "the lock alone");
            drop(parts);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_held_folder_is_refused_whatever_force_says() {
        let (_folder, path) = folder_with(&[]);
        let parts = Parts::claim(&path, false).unwrap();
        for force in [false, true] {
            assert!(matches!(Parts::check(&path, force), Err(RunError::Running(_))));
            assert!(matches!(Parts::claim(&path, force), Err(RunError::Running(_))));
        }
        // A point keeps the folder, not the lock.
        fs::create_dir(path.join("000000")).unwrap();
        fs::write(point_path(&path, 0), "").unwrap();
        assert_eq!(parts.points(), 1);
        drop(parts);
        assert!(matches!(Parts::claim(&path, false), Err(RunError::Interrupted { points: 1, .. })));
        drop(Parts::claim(&path, true).unwrap());
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_no_folder_of_points() {
        let (folder, path) = folder_with(&["000000/point-000001.h5"]);
        let link = folder.path().join("y.h5.parts");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(Parts::claim(&link, true), Err(RunError::NotParts { .. })));
        assert!(path.join("000000/point-000001.h5").exists());
    }
}
