//! Renames: to a name that nothing has, or in exchange for another file; and what tells two files of one name apart.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::TempPath;

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

    pub(super) fn is_of(&self, found: &fs::Metadata) -> bool {
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
pub(super) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
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
pub(super) fn rename_to_claimed(from: &Path, to: &Path) -> io::Result<()> {
    File::options().write(true).create_new(true).open(to)?;
    fs::rename(from, to).inspect_err(|_| {
        let _ = fs::remove_file(to);
    })
}

/// Lets two files change places in one step.
pub(super) fn exchange(a: &Path, b: &Path) -> io::Result<()> {
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
pub(super) fn numbered(path: &Path, stem: &Path, number: usize) -> PathBuf {
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
