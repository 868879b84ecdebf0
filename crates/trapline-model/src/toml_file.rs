//! TOML with errors of one line: where, which key, what is wrong.
//!
//! What lies in tables, lists and dotted keys is read, copied and given back level by level, each with a piece of the
//! stack. How deep a text goes is therefore counted before it is read ([`nesting`]). The parsers have limits of their
//! own, each for lists and for the dots of one key, but dotted keys inside one another multiply these.

use serde::de::DeserializeOwned;
use toml_parser::decoder::Encoding;
use toml_parser::parser::{EventReceiver, parse_document};
use toml_parser::{ErrorSink, Source, Span};

/// Deepest place in a text: tables, lists and parts of dotted keys, one in the other. A campaign's own keys lie at
/// most 9 deep.
pub const MAX_DEPTH: usize = 32;
/// Longest piece of a text that an error repeats, characters.
const MAX_SHOWN: usize = 120;

/// A piece of a text as an error repeats it: on one line, and not longer than a line or two.
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == MAX_SHOWN {
            return format!("{shown}... ({} characters)", text.chars().count());
        }
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Refuses a text that goes deeper than [`MAX_DEPTH`], without going there.
///
/// # Errors
/// One line with the number of the line in the text. What is no TOML is not looked for.
pub fn nesting(text: &str) -> Result<(), String> {
    let mut depth = Depth::default();
    let tokens = Source::new(text).lex().into_vec();
    parse_document(&tokens, &mut depth, &mut ());
    match depth.too_deep {
        None => Ok(()),
        Some(place) => Err(format!(
            "line {}: tables, lists and parts of dotted keys lie in one another more than {MAX_DEPTH} deep, the limit; write fewer dots and brackets",
            line_of(text, place)
        )),
    }
}

/// Counts levels while the parser goes through a text.
#[derive(Default)]
struct Depth {
    /// Parts of the table's heading.
    heading: usize,
    /// Level of each list and inline table that is open.
    open: Vec<usize>,
    /// Parts of the key that is being read or has been read last.
    parts: usize,
    /// A dot was read: the next part is of the same key.
    goes_on: bool,
    /// First byte beyond the limit.
    too_deep: Option<usize>,
}

impl Depth {
    fn level(&self) -> usize {
        self.open.last().copied().unwrap_or(self.heading) + self.parts
    }

    fn within(&mut self, level: usize, span: Span) -> bool {
        if level > MAX_DEPTH && self.too_deep.is_none() {
            self.too_deep = Some(span.start());
        }
        self.too_deep.is_none()
    }

    fn enter(&mut self, span: Span) -> bool {
        let level = self.level() + 1;
        self.open.push(level);
        self.parts = 0;
        self.within(level, span)
    }

    fn leave(&mut self) {
        self.open.pop();
        self.parts = 0;
    }

    /// A heading begins, or ends with its parts.
    fn at_heading(&mut self, parts: usize) {
        *self = Depth { heading: parts, too_deep: self.too_deep, ..Depth::default() };
    }
}

impl EventReceiver for Depth {
    fn std_table_open(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.at_heading(0);
    }

    fn std_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.at_heading(self.parts);
    }

    fn array_table_open(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.at_heading(0);
    }

    fn array_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.at_heading(self.parts);
    }

    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.enter(span)
    }

    fn inline_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.leave();
    }

    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.enter(span)
    }

    fn array_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.leave();
    }

    fn simple_key(&mut self, span: Span, _: Option<Encoding>, _: &mut dyn ErrorSink) {
        self.parts = if self.goes_on { self.parts + 1 } else { 1 };
        self.goes_on = false;
        self.within(self.level(), span);
    }

    fn key_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.goes_on = true;
    }
}

/// Number of the line at a byte.
fn line_of(text: &str, place: usize) -> usize {
    text.as_bytes()[..place.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Reads `text` as a `T`.
///
/// The error is one line, `line 3: key array.rows: is the text "many"; it must be a whole number`.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    nesting(text)?;
    let place = |error: &toml::de::Error| match error.span() {
        Some(span) => format!("line {}: ", line_of(text, span.start)),
        None => String::new(),
    };
    let flat = |message: &str| plain(&message.split_whitespace().collect::<Vec<_>>().join(" "));
    let tree = toml::Deserializer::parse(text).map_err(|e| format!("{}{}", place(&e), flat(e.message())))?;
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let key = match error.path().to_string().as_str() {
            "." => String::new(),
            path => format!("key {}: ", shown(path)),
        };
        format!("{}{key}{}", place(error.inner()), flat(error.inner().message()))
    })
}

/// The same of a table that was read before.
pub fn from_table<T: DeserializeOwned>(table: toml::Table) -> Result<T, String> {
    serde_path_to_error::deserialize(table).map_err(|error| {
        let path = error.path().to_string();
        let key = if path == "." { String::new() } else { format!("key {}: ", shown(&path)) };
        format!("{key}{}", plain(&error.inner().message().split_whitespace().collect::<Vec<_>>().join(" ")))
    })
}

/// What serde says of types and keys, in the words of a file's author.
fn plain(message: &str) -> String {
    if let Some((unknown, known)) = unknown_key(message) {
        let close = |key: &&&str| (strsim::jaro_winkler(key, unknown) * 1000.0) as u32;
        let meant = known.iter().max_by_key(close).filter(|key| close(key) > 800);
        let meant = meant.map_or_else(String::new, |key| format!("; did you mean {key}?"));
        return format!("unknown key {}{meant} (known here: {})", shown(unknown), known.join(", "));
    }
    if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return format!("key {missing} is missing");
    }
    if message.ends_with("value was too large") {
        return format!("is too large; it must be {LARGEST}");
    }
    match message.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected ")) {
        // A number that the parser had no other room for.
        Some((found, _)) if found.ends_with("128") => format!("is {}; it must be {LARGEST}", said(found)),
        Some((found, wanted)) => format!("is {}; it must be {}", said(found), asked(wanted)),
        None => shown(message),
    }
}

/// What whole numbers are: TOML has none beyond.
const LARGEST: &str = "a whole number up to 9223372036854775807";

/// What serde expects, as a user knows it.
fn asked(wanted: &str) -> &str {
    match wanted {
        "i64" | "u64" | "u32" | "usize" => "a whole number",
        "f64" => "a number",
        "a boolean" | "bool" => "true or false",
        "a sequence" => "a list",
        "a string" => "a text in quotes",
        "a map" => "a table of keys",
        // The parser itself, of a number that it has no room for.
        "any valid TOML value" => LARGEST,
        wanted if wanted.starts_with("struct ") => "a table of keys",
        wanted => wanted,
    }
}

/// What serde found: `floating point `2.5``, `string "many"`, `sequence`, `integer `1e30` as i128`.
fn said(found: &str) -> String {
    let quoted = found.split_once(['`', '"']);
    let (kind, value) =
        quoted.map_or((found, ""), |(kind, rest)| (kind, rest.rfind(['`', '"']).map_or(rest, |end| &rest[..end])));
    match kind.trim() {
        "string" => format!("the text \"{}\"", shown(value)),
        "floating point" | "integer" | "boolean" => value.to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        _ => found.to_owned(),
    }
}

/// The key that is unknown, and those that are known, of serde's message.
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Shape {
        array: Inner,
    }
    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        rows: u64,
    }

    #[test]
    fn errors_say_line_and_key() {
        let wrong = read::<Shape>("# c\n[array]\nrows = \"many\"\n").unwrap_err();
        assert!(wrong.contains("line 3") && wrong.contains("array.rows") && wrong.contains("many"), "{wrong}");
        let unknown = read::<Shape>("[array]\nrows = 1\ncolour = 2\n").unwrap_err();
        assert!(unknown.contains("line 3") && unknown.contains("colour"), "{unknown}");
        let broken = read::<Shape>("[array\n").unwrap_err();
        assert!(broken.contains("line 1") && !broken.contains('\n'), "{broken}");
        let close = read::<Shape>("[array]\nrow = 1\n").unwrap_err();
        assert!(close.contains("unknown key row; did you mean rows?"), "{close}");
        for (value, said) in [("2.5", "is 2.5"), ("[1]", "is a list"), ("{ a = 1 }", "is a table"), ("true", "is true")]
        {
            let wrong = read::<Shape>(&format!("[array]\nrows = {value}\n")).unwrap_err();
            assert_eq!(wrong, format!("line 2: key array.rows: {said}; it must be a whole number"));
        }
        assert_eq!(read::<Shape>("[array]\n").unwrap_err(), "line 1: key array: key rows is missing");
        let wrong = read::<Shape>("[array]\nrows = 99999999999999999999999\n").unwrap_err();
        assert!(
            wrong.ends_with("is 99999999999999999999999; it must be a whole number up to 9223372036854775807"),
            "{wrong}"
        );
    }

    /// Every way into the depth, alone and in one another; what the parser's own limits (80 lists, 80 dots of a key)
    /// let through multiplies to thousands of levels.
    #[test]
    fn a_text_may_not_go_deeper_than_the_limit() {
        let dotted = |parts: usize| vec!["a"; parts].join(".");
        let lists = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let tables = |parts: usize, levels: usize| {
            (0..levels).fold("1".to_owned(), |inner, _| format!("{{ {} = {inner} }}", dotted(parts)))
        };
        for (text, line) in [
            (format!("# a.b\n\n{} = 1\n", dotted(60_000)), 3),
            (format!("# a\n[{}]\nb = 1\n", dotted(60_000)), 2),
            (format!("[[{}]]\nb = 1\n", dotted(60_000)), 1),
            (format!("b = {}\n", lists(60_000)), 1),
            (format!("b = {}", "[".repeat(60_000)), 1),
            (format!("b = [\n{}]", "[{a=".repeat(60_000)), 2),
            (format!("b = {}\n", tables(1, 60_000)), 1),
            (format!("a = 1\nb = {}\n", tables(79, 79)), 2),
            (format!("[{}]\n{} = {}\n", dotted(79), dotted(79), lists(79)), 1),
            // Just beyond the limit.
            (format!("{} = 1\n", dotted(33)), 1),
            (format!("[{}]\n{} = {}\n", dotted(11), dotted(11), lists(11)), 2),
            (format!("[{}]\n\n{} = {}\n", dotted(10), dotted(10), tables(12, 1)), 3),
        ] {
            let head = &text[..text.len().min(40)];
            for wrong in [nesting(&text).expect_err(head), read::<toml::Table>(&text).expect_err(head)] {
                assert!(wrong.starts_with(&format!("line {line}: ")) && wrong.contains("more than 32 deep"), "{wrong}");
                assert!(!wrong.contains('\n') && wrong.len() < 200, "{wrong}");
            }
        }
        // Controls: as deep as may be, and a key after each list and table begins anew.
        for text in [
            format!("{} = 1\n", dotted(32)),
            format!("[{}]\n{} = {}\n", dotted(10), dotted(11), lists(11)),
            format!("[{}]\n{} = {}\n", dotted(10), dotted(10), tables(11, 1)),
            format!("b = [{}]\n", vec![lists(30); 100].join(", ")),
            (0..100).map(|i| format!("[t{i}.{}]\na.a = [[1], {{ b.c = 1 }}]\nc.d = 2\n", dotted(20))).collect(),
        ] {
            assert_eq!(nesting(&text), Ok(()), "{text}");
            read::<toml::Table>(&text).expect("TOML");
        }
    }

    #[test]
    fn an_error_repeats_no_more_than_a_line_of_a_text() {
        let long = "x".repeat(100_000);
        for text in [
            format!("[array]\n{long} = 1\n"),
            format!("[array]\nrows = \"{long}\"\n"),
            format!("array = \"a\\n{long}\""),
        ] {
            let wrong = read::<Shape>(&text).unwrap_err();
            assert!(wrong.len() < 400 && !wrong.contains('\n') && wrong.contains("characters)"), "{wrong}");
        }
    }
}
