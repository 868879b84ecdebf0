//! The gate between texts that this program did not write and the people who read them.
//!
//! A name in a record, a driver's version or a path may hold anything: an escape sequence that moves the cursor or
//! sets the clipboard, a mark that turns the direction of writing, a line break that forges a line. On a terminal and
//! on a page none of them acts: each stands there as its number. What a record keeps is not changed.

use std::borrow::Cow;

/// Whether a character does something where it is shown, instead of being seen: control characters, and invisible ones.
pub fn is_unseen(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Whether a character is not seen itself but changes how others are: turns their direction, joins them, or takes no
/// room. With one a name can be shown as another (U+202E turns `gpj.exe` around).
fn is_invisible(c: char) -> bool {
    INVISIBLE.iter().any(|&(first, last)| (first..=last).contains(&c))
}

/// Unicode 16: the general categories Cf (format), Zl and Zp (separators of lines and paragraphs), and what has the
/// property `Default_Ignorable_Code_Point` beside them, its reserved places included; and U+2800, a blank that is no
/// space.
const INVISIBLE: [(char, char); 31] = [
    ('\u{ad}', '\u{ad}'),       // soft hyphen
    ('\u{34f}', '\u{34f}'),     // combining grapheme joiner
    ('\u{600}', '\u{605}'),     // Arabic signs that span digits
    ('\u{61c}', '\u{61c}'),     // Arabic letter mark
    ('\u{6dd}', '\u{6dd}'),     // Arabic end of ayah
    ('\u{70f}', '\u{70f}'),     // Syriac abbreviation mark
    ('\u{890}', '\u{891}'),     // Arabic pound and piastre marks above
    ('\u{8e2}', '\u{8e2}'),     // Arabic disputed end of ayah
    ('\u{115f}', '\u{1160}'),   // Hangul fillers
    ('\u{17b4}', '\u{17b5}'),   // Khmer inherent vowels
    ('\u{180b}', '\u{180f}'),   // Mongolian variation selectors and vowel separator
    ('\u{200b}', '\u{200f}'),   // zero width space and joiners, marks of direction
    ('\u{2028}', '\u{202e}'),   // separators of lines and paragraphs; embeddings and overrides of direction
    ('\u{2060}', '\u{206f}'),   // word joiner, invisible operators, isolates of direction, deprecated ones
    ('\u{2800}', '\u{2800}'),   // Braille pattern blank
    ('\u{3164}', '\u{3164}'),   // Hangul filler
    ('\u{fe00}', '\u{fe0f}'),   // variation selectors
    ('\u{feff}', '\u{feff}'),   // byte order mark
    ('\u{ffa0}', '\u{ffa0}'),   // halfwidth Hangul filler
    ('\u{fff0}', '\u{fffb}'),   // reserved; interlinear annotation
    ('\u{110bd}', '\u{110bd}'), // Kaithi number sign
    ('\u{110cd}', '\u{110cd}'), // Kaithi number sign above
    ('\u{13430}', '\u{1343f}'), // Egyptian hieroglyph controls
    ('\u{1bca0}', '\u{1bca3}'), // shorthand format controls
    ('\u{1d173}', '\u{1d17a}'), // musical beams and slurs
    ('\u{e0000}', '\u{e0001}'), // language tag
    ('\u{e0002}', '\u{e001f}'), // reserved
    ('\u{e0020}', '\u{e007f}'), // tags
    ('\u{e0080}', '\u{e00ff}'), // reserved
    ('\u{e0100}', '\u{e01ef}'), // variation selectors
    ('\u{e01f0}', '\u{e0fff}'), // reserved
];

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

/// A number of things: `1 point`, `2 points`.
pub fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
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
    fn the_invisible_are_listed_in_order() {
        assert!(INVISIBLE.windows(2).all(|pair| pair[0].1 < pair[1].0) && INVISIBLE.iter().all(|&(a, b)| a <= b));
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
