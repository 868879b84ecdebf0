//! Files a command is going to write.

use std::path::{Path, PathBuf};

use super::Failure;

/// Before anything is computed: that none of the files is there, unless they may be replaced, and that their folders are.
///
/// # Errors
/// [`Failure::Usage`].
pub fn free(paths: &[PathBuf], force: bool) -> Result<(), Failure> {
    for path in paths {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let shown = path.display();
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
