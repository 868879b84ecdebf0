//! Temporary files: made under a name that is drawn, made durable, and swept away once their run is gone.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::TempPath;

use super::rename::Mark;
use super::{CommitError, folder_of};

/// A temporary file untouched for this long belongs to a run that died.
///
/// Writers touch theirs every few milliseconds; an hour also covers clocks that differ between the nodes of a cluster.
pub const STALE_AFTER: Duration = Duration::from_secs(3600);

const SUFFIX: &str = ".part";

/// Characters of a temporary's name that are drawn.
const RANDOM: usize = 12;

/// A temporary that was just made.
pub(super) struct Made {
    pub(super) file: File,
    pub(super) guard: TempPath,
    /// What it gets when it is written; until then it is this user's to read and write.
    permissions: Option<fs::Permissions>,
}

/// Makes the temporary of a destination: exclusively, under a name that is drawn.
pub(super) fn create(destination: &Path) -> io::Result<Made> {
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
pub(super) fn settle(made: &Made, at: &Path, destination: &Path) -> Result<Option<Mark>, CommitError> {
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

pub(super) fn is_temporary_of(candidate: &str, name: &str) -> bool {
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
