//! What can go wrong with a record, each in one line that names the file, the value, the limit and the way out.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::FORMAT_VERSION;
use trapline_model::files::commit::{self, CommitError};
use trapline_model::text::one_line;

/// Why a record could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Commit(#[from] CommitError),

    #[error("cannot read {}: {source}; {}", path.display(), commit::remedy(source))]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("{} is not an HDF5 file: {reason}; give a file written by `trapline`", path.display())]
    NotHdf5 { path: PathBuf, reason: String },

    #[error("{}: its name is not UTF-8, which the HDF5 library needs; give it another name", path.display())]
    Name { path: PathBuf },

    #[error("{}: no seal at the end of the file: it was cut short, or another program changed it; restore it or compute it again", path.display())]
    Unsealed { path: PathBuf },

    #[error("{0}: it is marked as open: another program writes to it, or ended without closing it; if none is at work, `h5clear -s {0}` takes the mark away", path.display())]
    LeftOpen { path: PathBuf },

    #[error("{}: {what} is {found}, and must be {limit}; records of this program lead to no other files: restore it or compute it again", path.display())]
    Foreign { path: PathBuf, what: String, found: String, limit: String },

    #[error("{}: {what} is {found}, and must be {limit}", path.display())]
    Matrix { path: PathBuf, what: String, found: String, limit: String },

    #[error("{}: HDF5 cannot {doing}: {detail}; {remedy}", path.display())]
    Hdf5 { path: PathBuf, doing: String, detail: String, remedy: &'static str },

    #[error("{}: the file type is {found}, and this needs a `{expected}` file; {remedy}", path.display())]
    FileType { path: PathBuf, found: String, expected: &'static str, remedy: &'static str },

    #[error(
        "{}: format version {}.{} is not one this program reads (1.0 to {}.{}); use the trapline that wrote it{}",
        path.display(), found[0], found[1],
        FORMAT_VERSION[0], FORMAT_VERSION[1],
        written_by.as_ref().map(|v| format!(" (version {v})")).unwrap_or_default()
    )]
    Version { path: PathBuf, found: [i32; 2], written_by: Option<String> },

    #[error("{}: {what} is {found}, and must be {limit}; the file is damaged: restore it or compute it again", path.display())]
    Damaged { path: PathBuf, what: String, found: String, limit: String },

    #[error("{}: {source_name}, where a part of its values lies, is {found}; bring back the file it was merged from, or merge again", path.display())]
    Linked { path: PathBuf, source_name: String, found: &'static str },

    #[error("point {number} is missing: there is no {}; run the campaign again to compute it", path.display())]
    MissingPoint { number: usize, path: PathBuf },

    #[error("{}: its {what} is not this campaign's; remove the file, or choose another output name", path.display())]
    OtherCampaign { path: PathBuf, what: &'static str },

    /// A sound file that does not hold what is asked of it.
    #[error("{}: {what} is {found}; it must be {limit}", path.display())]
    Unsuited { path: PathBuf, what: String, found: String, limit: String },

    #[error("{what} is {found}, and must be {limit}")]
    Unwritable { what: String, found: String, limit: String },
}

impl RecordError {
    /// The file whose content is at fault; `None` where the system is.
    pub fn damaged_file(&self) -> Option<&Path> {
        match self {
            RecordError::NotHdf5 { path, .. }
            | RecordError::Hdf5 { path, .. }
            | RecordError::FileType { path, .. }
            | RecordError::Damaged { path, .. }
            | RecordError::Foreign { path, .. }
            | RecordError::Matrix { path, .. }
            | RecordError::Unsealed { path }
            | RecordError::OtherCampaign { path, .. } => Some(path),
            RecordError::Commit(_)
            | RecordError::Unreadable { .. }
            | RecordError::Name { .. }
            | RecordError::LeftOpen { .. }
            | RecordError::Version { .. }
            | RecordError::Linked { .. }
            | RecordError::MissingPoint { .. }
            | RecordError::Unsuited { .. }
            | RecordError::Unwritable { .. } => None,
        }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>, found: impl ToString, limit: impl ToString) -> Self {
        RecordError::Damaged {
            path: path.to_owned(),
            what: what.into(),
            found: found.to_string(),
            limit: limit.to_string(),
        }
    }

    pub(crate) fn unwritable(what: impl Into<String>, found: impl ToString, limit: impl ToString) -> Self {
        RecordError::Unwritable { what: what.into(), found: found.to_string(), limit: limit.to_string() }
    }
}

/// The system's own reason for an error, where it says that nothing is wrong with the file: no permission, too many
/// files open.
pub(crate) fn system_error(error: &hdf5::Error) -> Option<io::Error> {
    let numbers = frames(error).into_iter().filter_map(|frame| {
        let (_, rest) = frame.split_once("errno = ")?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    });
    let errors = numbers.map(io::Error::from_raw_os_error);
    errors.into_iter().find(is_of_the_system)
}

fn is_of_the_system(error: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, OutOfMemory, PermissionDenied, StaleNetworkFileHandle, TimedOut, WouldBlock};
    // Too many files open, in the process and in all of them, and input or output errors have no kind of their own.
    let by_number = cfg!(unix) && matches!(error.raw_os_error(), Some(5 | 23 | 24));
    by_number
        || matches!(
            error.kind(),
            NotFound | OutOfMemory | PermissionDenied | StaleNetworkFileHandle | TimedOut | WouldBlock
        )
}

/// Whether HDF5 refuses a file because its mark says that a program has it open for writing.
pub(crate) fn is_left_open(error: &hdf5::Error) -> bool {
    frames(error).iter().any(|frame| frame.contains("consistency flags") || frame.contains("already open for write"))
}

fn frames(error: &hdf5::Error) -> Vec<String> {
    match error.stack() {
        Some(stack) => stack.iter().map(|frame| frame.desc().to_owned()).collect(),
        None => vec![error.to_string()],
    }
}

/// HDF5's account of an error, on one line and without its addresses and time stamps.
///
/// The library lists every call on its stack; the cause is the system's own message where there is one, and the
/// innermost frame otherwise.
pub(crate) fn flatten(error: &hdf5::Error) -> String {
    let frames = frames(error);
    for frame in &frames {
        if let Some((_, rest)) = frame.split_once("error message = '")
            && let Some((message, _)) = rest.split_once('\'')
        {
            return one_line(message);
        }
    }
    let mut parts: Vec<String> = Vec::new();
    for frame in [frames.first(), frames.last()].into_iter().flatten() {
        let part = one_line(frame);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if parts.is_empty() { "no reason given".to_owned() } else { parts.join(": ") }
}
