//! TOML with errors of one line: where, which key, what is wrong.

use serde::de::DeserializeOwned;

/// Reads `text` as a `T`.
///
/// The error is one line, `line 3: key array.rows: invalid type: string "many", expected u64`.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let place = |error: &toml::de::Error| match error.span() {
        Some(span) => format!("line {}: ", text[..span.start.min(text.len())].matches('\n').count() + 1),
        None => String::new(),
    };
    let flat = |message: &str| message.split_whitespace().collect::<Vec<_>>().join(" ");
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
        let nested = read::<Shape>(&format!("array = 1\nb = {}1{}\n", "[".repeat(2000), "]".repeat(2000))).unwrap_err();
        assert!(nested.contains("line 2") && nested.contains("recurs"), "{nested}");
    }
}
