//! What lies at a path, and short texts read whole.
//!
//! A path a user gives may name anything: a pipe that never ends, a device, a folder. What this program reads and
//! replaces are files.

pub mod commit;

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::Path;
use std::str::{self, Utf8Error};

use crate::text::is_unseen;

/// Longest text file this program reads, bytes.
pub const MAX_TEXT_BYTES: u64 = 1 << 20;

/// What [`is_name`] asks of a name.
pub const NAME_LIMIT: &str =
    "1 to 64 characters, not all blank, without slashes, control characters and invisible ones";

/// Whether a campaign or a material may be called so: in a file's name, in a table, on a terminal.
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.chars().count())
        && !text.trim().is_empty()
        && !text.contains(['/', '\\'])
        && !text.contains(is_unseen)
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

/// Opens a file for reading; links are followed, and what is no file is refused before it is opened (a pipe would
/// wait).
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

/// What an HDF5 file begins with.
pub const HDF5_SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// Reads a text file of at most [`MAX_TEXT_BYTES`].
///
/// # Errors
/// [`TextError`].
pub fn read_text(path: &Path) -> Result<String, TextError> {
    read_text_up_to(path, MAX_TEXT_BYTES)
}

/// As [`read_text`], with a limit of its own, in bytes.
///
/// # Errors
/// [`TextError`].
pub fn read_text_up_to(path: &Path, most: u64) -> Result<String, TextError> {
    let mut bytes = Vec::new();
    let file = open(path).map_err(TextError::Unreadable)?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(TextError::Unreadable)?;
    if bytes.starts_with(HDF5_SIGNATURE) {
        let what = "is an HDF5 record and not a text file; `trapline show` says what it holds";
        return Err(TextError::Content(what.to_owned()));
    }
    // A long file is told as too long only if it is a text: its last character may be cut.
    let cut = |e: &Utf8Error| e.error_len().is_none();
    let is_text = !bytes.contains(&0) && str::from_utf8(&bytes).as_ref().map_or_else(cut, |_| true);
    if bytes.len() as u64 > most && is_text {
        return Err(TextError::Content(format!("is longer than {} KiB, the limit", most >> 10)));
    }
    if bytes.contains(&0) {
        let line = bytes.iter().take_while(|&&b| b != 0).filter(|&&b| b == b'\n').count() + 1;
        return Err(TextError::Content(format!("line {line}: is not text: it holds a NUL")));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count() + 1;
        TextError::Content(format!("line {line}: is not text in UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_printable() {
        for good in ["pi", "Größe 7 µm", &"é".repeat(64), "a.b c"] {
            assert!(is_name(good), "{good:?}");
        }
        for bad in ["", " ", "\u{3000}", "a/b", "a\\b", "a\u{1b}[31m", "a\nb", "a\u{7f}", &"é".repeat(65)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    /// Each turns, joins or hides: directions, separators, joiners, fillers, tags, variation selectors.
    #[test]
    fn names_are_seen_as_they_are() {
        for hidden in
            "\u{202e}\u{202a}\u{2066}\u{2069}\u{200e}\u{61c}\u{2028}\u{2029}\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}\
                       \u{180e}\u{3164}\u{fe0f}\u{fff9}\u{1d173}\u{e0041}\u{e0100}\u{34f}\u{2065}"
                .chars()
        {
            assert!(!is_name(&format!("a{hidden}b")), "{hidden:?}");
            assert!(is_unseen(hidden));
        }
        // Their neighbours, and letters that look unusual, are seen.
        for seen in "\u{ac}\u{ae}\u{350}\u{606}\u{2010}\u{2027}\u{2070}\u{2801}\u{fe10}\u{fffc}שةक日µ😀\u{301}".chars()
        {
            assert!(is_name(&format!("a{seen}b")), "{seen:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let long = MAX_TEXT_BYTES as usize + 1;
        let mut record = HDF5_SIGNATURE.to_vec();
        record.resize(long, 0);
        // A text of two-byte characters, cut in the middle of one.
        let text = "a".repeat(long - 2) + "éé";
        let cases: [(&[u8], &str); 5] = [
            (&record, "is an HDF5 record"),
            (&record[..100], "is an HDF5 record"),
            (text.as_bytes(), "is longer than 1024 KiB"),
            (&vec![0; long], "is not text"),
            (b"a\n\xff", "line 2: is not text"),
        ];
        for (bytes, needed) in cases {
            fs::write(&path, bytes).unwrap();
            match read_text(&path) {
                Err(TextError::Content(what)) => assert!(what.contains(needed), "{what}"),
                other => panic!("{needed}: {other:?}"),
            }
        }
    }
}
