//! TOML with errors of one line: where, which key, what is wrong.

use serde::de::DeserializeOwned;

/// Reads `text` as a `T`.
///
/// The error is one line, `line 3: key array.rows: is the text "many"; it must be a whole number`.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let place = |error: &toml::de::Error| match error.span() {
        Some(span) => format!("line {}: ", text[..span.start.min(text.len())].matches('\n').count() + 1),
        None => String::new(),
    };
    let flat = |message: &str| plain(&message.split_whitespace().collect::<Vec<_>>().join(" "));
    let tree = toml::Deserializer::parse(text).map_err(|e| match e.span() {
        Some(_) => format!("{}{}", place(&e), flat(e.message())),
        // The parser gives no place for the one thing it counts: parts of a dotted key.
        None => format!("line {}: {}; write fewer dots into the key", most_dotted(text), flat(e.message())),
    })?;
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let key = match error.path().to_string().as_str() {
            "." => String::new(),
            path => format!("key {path}: "),
        };
        format!("{}{key}{}", place(error.inner()), flat(error.inner().message()))
    })
}

/// The same of a table that was read before.
pub fn from_table<T: DeserializeOwned>(table: toml::Table) -> Result<T, String> {
    serde_path_to_error::deserialize(table).map_err(|error| {
        let path = error.path().to_string();
        let key = if path == "." { String::new() } else { format!("key {path}: ") };
        format!("{key}{}", plain(&error.inner().message().split_whitespace().collect::<Vec<_>>().join(" ")))
    })
}

/// What serde says of types and keys, in the words of a file's author.
fn plain(message: &str) -> String {
    if let Some((unknown, known)) = unknown_key(message) {
        let close = |key: &&&str| (strsim::jaro_winkler(key, unknown) * 1000.0) as u32;
        let meant = known.iter().max_by_key(close).filter(|key| close(key) > 800);
        let meant = meant.map_or_else(String::new, |key| format!("; did you mean {key}?"));
        return format!("unknown key {unknown}{meant} (known here: {})", known.join(", "));
    }
    if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return format!("key {missing} is missing");
    }
    match message.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((found, wanted)) => format!("is {}; it must be {}", said(found), asked(wanted)),
        None => message.to_owned(),
    }
}

/// What serde expects, as a user knows it.
fn asked(wanted: &str) -> &str {
    match wanted {
        "i64" | "u64" | "u32" | "usize" => "a whole number",
        "f64" => "a number",
        "a boolean" | "bool" => "true or false",
        "a sequence" => "a list",
        "a string" => "a text in quotes",
        "a map" => "a table of keys",
        wanted if wanted.starts_with("struct ") => "a table of keys",
        wanted => wanted,
    }
}

/// What serde found: `floating point `2.5``, `string "many"`, `sequence`.
fn said(found: &str) -> String {
    let (kind, value) =
        found.split_once(['`', '"']).map_or((found, ""), |(kind, rest)| (kind, &rest[..rest.len() - 1]));
    match kind.trim() {
        "string" => format!("the text \"{value}\""),
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

/// Number of the line with the most dots.
fn most_dotted(text: &str) -> usize {
    let dots = text.lines().map(|line| line.matches('.').count());
    dots.enumerate().max_by_key(|&(i, dots)| (dots, std::cmp::Reverse(i))).map_or(1, |(i, _)| i + 1)
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
        let dotted = read::<Shape>(&format!("# a.b.c\n\n{}b = 1\n", "a.".repeat(2000))).unwrap_err();
        assert!(dotted.contains("line 3") && dotted.contains("fewer dots"), "{dotted}");
        let close = read::<Shape>("[array]\nrow = 1\n").unwrap_err();
        assert!(close.contains("unknown key row; did you mean rows?"), "{close}");
        for (value, said) in [("2.5", "is 2.5"), ("[1]", "is a list"), ("{ a = 1 }", "is a table"), ("true", "is true")]
        {
            let wrong = read::<Shape>(&format!("[array]\nrows = {value}\n")).unwrap_err();
            assert_eq!(wrong, format!("line 2: key array.rows: {said}; it must be a whole number"));
        }
        assert_eq!(read::<Shape>("[array]\n").unwrap_err(), "line 1: key array: key rows is missing");
        let nested = read::<Shape>(&format!("array = 1\nb = {}1{}\n", "[".repeat(2000), "]".repeat(2000))).unwrap_err();
        assert!(nested.contains("line 2") && nested.contains("recurs"), "{nested}");
    }
}
