//! Files a command is going to write.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use trapline::record::commit::{self, CommitError};

use super::Failure;

/// Before anything is computed: that none of the files is there, unless they may be replaced, that their folders are, and that
/// no two have one name.
///
/// # Errors
/// [`Failure::Usage`]; [`Failure::Failed`] for a folder that the system does not show.
pub fn free(paths: &[PathBuf], force: bool) -> Result<(), Failure> {
    for (number, path) in paths.iter().enumerate() {
        if paths[..number].contains(path) {
            let path = path.display();
            return Err(Failure::Usage(format!(
                "{path} would be the record and its plot; give -o another ending, such as .h5"
            )));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let shown = path.display();
        if let Err(e) = folder.metadata()
            && !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        {
            return Err(Failure::Failed(format!("{shown} cannot be written: {}: {e}", folder.display())));
        }
        if !folder.is_dir() {
            return Err(Failure::Usage(format!(
                "{shown} cannot be written: {} is not a folder; make it, or choose another name with -o",
                folder.display()
            )));
        }
        if path.is_dir() {
            return Err(Failure::Usage(format!("{shown} is a folder; choose another name with -o")));
        }
        if path.symlink_metadata().is_ok() && !force {
            return Err(Failure::Usage(format!(
                "{shown} exists; choose another name with -o, or replace it with --force"
            )));
        }
    }
    Ok(())
}

/// That no output replaces a file the command reads, with `--force` either.
///
/// # Errors
/// [`Failure::Usage`].
pub fn not_inputs(paths: &[PathBuf], inputs: &[PathBuf]) -> Result<(), Failure> {
    let real: Vec<_> = inputs.iter().filter_map(|input| fs::canonicalize(input).ok()).collect();
    match paths.iter().find(|path| fs::canonicalize(path).is_ok_and(|path| real.contains(&path))) {
        None => Ok(()),
        Some(path) => {
            let path = path.display();
            Err(Failure::Usage(format!("{path} is a file this command reads; choose another name with -o")))
        }
    }
}

/// Writes a text file, whole or not at all.
///
/// # Errors
/// [`Failure::Failed`].
pub fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let write = |temporary: &Path| {
        fs::write(temporary, text).map_err(|source| CommitError { path: path.to_owned(), step: "write", source })
    };
    commit::atomic_write(path, write).map_err(|e: CommitError| Failure::Failed(e.to_string()))
}
