//! What lies at a path, and short texts read whole.
//!
//! A path a user gives may name anything: a pipe that never ends, a device, a folder. What this program reads and replaces
//! are files.

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::Path;

/// Longest text file this program reads, bytes.
pub const MAX_TEXT_BYTES: u64 = 1 << 20;

/// What [`is_name`] asks of a name.
pub const NAME_LIMIT: &str = "1 to 64 characters, not all blank, without slashes and control characters";

/// Whether a campaign or a material may be called so: in a file's name, in a table, on a terminal.
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.chars().count())
        && !text.trim().is_empty()
        && !text.contains(['/', '\\'])
        && !text.contains(char::is_control)
}

/// Why a text could not be had.
#[derive(Debug)]
pub enum TextError {
    /// The system refused, or there is no file at that path.
    Unreadable(io::Error),
    /// What the file holds is no text for this program; in words.
    Content(String),
}

/// What something is that is neither a file nor a link to be followed, in words; `None` for those two.
pub fn other_kind(kind: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    match kind {
        kind if kind.is_file() || kind.is_symlink() => None,
        kind if kind.is_dir() => Some("a folder"),
        _ => Some("something else"),
    }
}

/// Opens a file for reading; links are followed, and what is no file is refused before it is opened (a pipe would wait).
///
/// # Errors
/// The system's, or one of the kind [`io::ErrorKind::InvalidInput`].
pub fn open(path: &Path) -> io::Result<File> {
    match other_kind(fs::metadata(path)?.file_type()) {
        Some(kind) => Err(not_a_file(kind)),
        None => File::open(path),
    }
}

/// The error for a path at which there is such a thing.
pub fn not_a_file(kind: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {kind}, not a file"))
}

/// Reads a text file of at most [`MAX_TEXT_BYTES`].
///
/// # Errors
/// [`TextError`].
pub fn read_text(path: &Path) -> Result<String, TextError> {
    let mut bytes = Vec::new();
    let file = open(path).map_err(TextError::Unreadable)?;
    file.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes).map_err(TextError::Unreadable)?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(TextError::Content(format!("is longer than {} KiB, the limit", MAX_TEXT_BYTES >> 10)));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1;
        TextError::Content(format!("line {line}: is not text in UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_short_and_printable() {
        for good in ["pi", "Größe 7 µm", &"é".repeat(64), "a.b c"] {
            assert!(is_name(good), "{good:?}");
        }
        for bad in ["", " ", "\u{3000}", "a/b", "a\\b", "a\u{1b}[31m", "a\nb", "a\u{7f}", &"é".repeat(65)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
