//! Bytes of a user's file to text: UTF-8, UTF-16 as spreadsheets and instruments write it, and the code page of Western
//! Windows for what is neither.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::files::HDF5_SIGNATURE;

/// What other programs' files begin with, and what to do about it.
const OTHERS: [(&[u8], &str); 5] = [
    (HDF5_SIGNATURE, "is an HDF5 record and not a text file; `trapline show` says what it holds"),
    (b"PK\x03\x04", "is a workbook or another archive, not text; save the sheet as CSV"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "is a workbook of Excel or of an instrument, not text; save the sheet as CSV",
    ),
    (b"%PDF", "is a PDF, not text; export the numbers as CSV"),
    (b"\x1f\x8b", "is compressed; unpack it first"),
];

/// The text, without a mark of its byte order.
///
/// # Errors
/// In words, for what is no text.
pub(super) fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    if let Some((_, what)) = OTHERS.iter().find(|(begin, _)| bytes.starts_with(begin)) {
        return Err((*what).to_owned());
    }
    let (encoding, mark) = match Encoding::for_bom(&bytes) {
        Some(found) => found,
        None => match without_mark(&bytes) {
            Some(encoding) => (encoding, 0),
            None => {
                return plain(
                    String::from_utf8(bytes)
                        .unwrap_or_else(|e| WINDOWS_1252.decode_without_bom_handling(e.as_bytes()).0.into_owned()),
                );
            }
        },
    };
    let (text, wrong) = encoding.decode_without_bom_handling(&bytes[mark..]);
    if wrong {
        return Err(format!("is not text in {}, as which it begins", encoding.name()));
    }
    plain(text.into_owned())
}

/// UTF-16 without a mark: of Latin text every second byte is 0.
fn without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), bytes.len() / 2);
    match (even, odd) {
        _ if half == 0 || even + odd == 0 => None,
        (0, odd) if odd * 10 >= half * 7 => Some(UTF_16LE),
        (even, 0) if even * 10 >= half * 7 => Some(UTF_16BE),
        _ => None,
    }
}

/// Refuses what no text holds.
fn plain(text: String) -> Result<String, String> {
    let foreign = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{80}'..='\u{9f}');
    match text.char_indices().find(|(_, c)| foreign(*c)) {
        None => Ok(text),
        Some((at, c)) => {
            let line = text[..at].matches('\n').count() + 1;
            let what =
                if c == '\0' { "a NUL".to_owned() } else { format!("the control character {:#04x}", u32::from(c)) };
            Err(format!("line {line}: is not text: it holds {what}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_the_codes_that_instruments_write() {
        let text = "Zeit (µs);Strom (A)\r\n1;2\r\n";
        let utf_16 = |big: bool, mark: bool| -> Vec<u8> {
            let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
            units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        let latin = text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin 1")).collect();
        let marked = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
        let all = [latin, marked, utf_16(false, true), utf_16(true, true), utf_16(false, false), utf_16(true, false)];
        for bytes in all {
            assert_eq!(text_of(bytes.clone()).as_deref(), Ok(text), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_told() {
        for (bytes, what) in [
            (b"a,b\n1,\x002\n".as_slice(), "line 2: is not text: it holds a NUL"),
            (b"a,b\x1b[31m\n", "line 1: is not text: it holds the control character 0x1b"),
            (b"PK\x03\x04 zip", "save the sheet as CSV"),
            (b"\xff\xfea\x00\x00\xd8b\x00", "is not text in UTF-16LE"),
            (b"\x89HDF\r\n\x1a\n", "trapline show"),
        ] {
            let error = text_of(bytes.to_vec()).expect_err(what);
            assert!(error.contains(what) && !error.contains('\n'), "{error}");
        }
    }
}
