//! The gate between texts that this program did not write and the people who read them.
//!
//! A name in a record, a driver's version or a path may hold anything: an escape sequence that moves the cursor or sets the clipboard,
//! a mark that turns the direction of writing, a line break that forges a line. On a terminal and on a page none of them acts: each
//! stands there as its number. What a record keeps is not changed.

use std::borrow::Cow;

/// Whether a character does something where it is shown, instead of being seen.
///
/// Control characters (Unicode's category Cc), formatting characters (Cf: directions, joiners, tags), and separators of lines and
/// paragraphs (Zl, Zp).
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The text with every unseen character but line breaks and tabs as its number: `\u{1b}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    let acts = |c: char| is_unseen(c) && !matches!(c, '\n' | '\t');
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if acts(c) {
            out.extend(c.escape_unicode())
        } else {
            out.push(c)
        }
        out
    }))
}

/// The same on one line: each run of white space, line breaks included, is one space.
pub fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c == '\0');
    plain(&words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")).into_owned()
}

/// JSON text with the unseen characters that JSON leaves as they are in its own notation: `\u202e`.
pub fn plain_json(json: &str) -> Cow<'_, str> {
    let acts = |c: char| is_unseen(c) && c != '\n';
    if !json.contains(acts) {
        return Cow::Borrowed(json);
    }
    Cow::Owned(json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        match c {
            c if acts(c) => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
            c => out.push(c),
        }
        out
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: &str = "a\u{1b}[31mb\u{9b}c\u{202e}d\u{7f}e\u{2066}f\u{feff}g\u{e0041}h";

    #[test]
    fn what_acts_is_shown_as_its_number() {
        assert_eq!(plain(BAD), r"a\u{1b}[31mb\u{9b}c\u{202e}d\u{7f}e\u{2066}f\u{feff}g\u{e0041}h");
        assert_eq!(plain("a\nb\tc\rd"), "a\nb\tc\\u{d}d");
        assert!(!plain(BAD).contains(is_unseen));
        // What people write stays, whatever their language.
        for text in ["Größe 7 µm, 25 °C", "データ", "שלום", "é́", "a × b − c"] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn one_line_is_one() {
        assert_eq!(one_line(" a \n\n b\tc\u{2028}d \r\n"), "a b c d");
        assert_eq!(one_line("x\u{1b}]0;title\u{7}"), r"x\u{1b}]0;title\u{7}");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::Value::String(BAD.to_owned());
        let text = serde_json::to_string(&value).unwrap_or_default();
        let safe = plain_json(&text);
        assert!(text.contains('\u{202e}') && !safe.contains(is_unseen), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).ok(), Some(value));
        assert_eq!(plain_json("{\n  \"a\": 1\n}"), "{\n  \"a\": 1\n}");
    }
}
