//! Lines of a text to fields, and fields to numbers.

use std::borrow::Cow;

use serde::Deserialize;

/// What stands between the fields of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Byte(u8),
    /// Any run of spaces and tabs.
    Spaces,
}

/// Those that are tried, in this order, where none is given.
pub(super) const SEPARATORS: [Separator; 5] =
    [Separator::Byte(b','), Separator::Byte(b';'), Separator::Byte(b'\t'), Separator::Byte(b'|'), Separator::Spaces];

impl Separator {
    /// By what a user writes: the character itself, or a word.
    pub(super) fn named(name: &str) -> Option<Separator> {
        Some(match name {
            "," | "comma" => Separator::Byte(b','),
            ";" | "semicolon" => Separator::Byte(b';'),
            "\t" | "\\t" | "tab" => Separator::Byte(b'\t'),
            "|" => Separator::Byte(b'|'),
            " " | "space" | "spaces" => Separator::Spaces,
            _ => return None,
        })
    }

    /// In words.
    pub(super) fn word(self) -> &'static str {
        match self {
            Separator::Byte(b',') => "comma",
            Separator::Byte(b';') => "semicolon",
            Separator::Byte(b'\t') => "tab",
            Separator::Byte(_) => "bar",
            Separator::Spaces => "spaces",
        }
    }

    /// The fields of a line, without the white space around them. A field may stand in double quotes (RFC 4180), but
    /// not go over the end of its line.
    ///
    /// # Errors
    /// In words, for a quote that is not closed.
    pub(super) fn split(self, line: &str) -> Result<Vec<String>, String> {
        let trimmed = |field: &str| field.trim().to_owned();
        let Separator::Byte(separator) = self else {
            return Ok(line.split_whitespace().map(|field| field.trim_matches('"').to_owned()).collect());
        };
        if !line.contains('"') {
            return Ok(line.split(char::from(separator)).map(trimmed).collect());
        }
        if line.matches('"').count() % 2 == 1 {
            return Err("a field in quotes goes over the end of the line; is a quote missing?".to_owned());
        }
        let mut reader = csv::ReaderBuilder::new();
        // White space before a quote would make it a part of the field.
        reader.has_headers(false).flexible(true).delimiter(separator).trim(csv::Trim::All);
        let spaced = line.split(char::from(separator)).map(str::trim).collect::<Vec<_>>();
        let line = spaced.join(&char::from(separator).to_string());
        let mut records = reader.from_reader(line.as_bytes()).into_records();
        match records.next() {
            Some(Ok(record)) => Ok(record.iter().map(trimmed).collect()),
            Some(Err(error)) => Err(format!("cannot be read: {error}")),
            None => Ok(Vec::new()),
        }
    }

    /// As [`Separator::split`], without a copy of each field of a line that has no quotes: a file of many devices is
    /// looked through for each of them.
    pub(super) fn split_in_place(self, line: &str) -> Result<Vec<Cow<'_, str>>, String> {
        match self {
            Separator::Byte(separator) if !line.contains('"') => {
                Ok(line.split(char::from(separator)).map(|field| Cow::Borrowed(field.trim())).collect())
            }
            _ => Ok(self.split(line)?.into_iter().map(Cow::Owned).collect()),
        }
    }

    /// The fields of a line of names: a unit in brackets belongs to the name before it, whatever stands between them.
    pub(super) fn split_names(self, line: &str) -> Result<Vec<String>, String> {
        let fields = self.split(line)?;
        if self != Separator::Spaces {
            return Ok(fields);
        }
        let mut names: Vec<String> = Vec::new();
        for field in fields {
            match names.last_mut() {
                Some(name) if field.starts_with(['(', '[']) => *name = format!("{name} {field}"),
                _ => names.push(field),
            }
        }
        Ok(names)
    }
}

/// The sign between the whole part of a number and its fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Decimal {
    #[serde(rename = ".")]
    Point,
    #[serde(rename = ",")]
    Comma,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Number(f64),
    /// A reading that is none: what it is.
    NoReading(NoReading),
    Text,
}

/// Why a reading is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NoReading {
    /// What instruments write for a current beyond their range: 9.9e37, 9.91e37, 199.999e99.
    Overflow,
    NotANumber,
}

/// From here on a number is an instrument's word for overflow (IEEE 488.2 has 9.9e37 for infinity, 9.91e37 for none).
const OVERFLOW: f64 = 9.89e37;

/// Words that stand for no reading, in small letters.
const NO_NUMBER: [&str; 10] = ["nan", "-nan", "n/a", "#n/a", "na", "null", "none", "---", "#value!", "#div/0!"];
const TOO_LARGE: [&str; 11] =
    ["inf", "+inf", "-inf", "infinity", "-infinity", "overflow", "ovrflw", "ovfl", "ovld", "overrange", "over range"];

/// Whether a line begins with a word for a reading that is none, which looks like a comment.
pub(super) fn starts_without_number(line: &str) -> bool {
    let first = line.split([',', ';', '\t', '|', ' ']).next().unwrap_or_default().trim().to_lowercase();
    NO_NUMBER.contains(&first.as_str())
}

/// The value of a field.
pub(super) fn value(field: &str, decimal: Decimal) -> Value {
    let small = field.to_lowercase();
    if NO_NUMBER.contains(&small.as_str()) {
        return Value::NoReading(NoReading::NotANumber);
    }
    if TOO_LARGE.contains(&small.as_str()) {
        return Value::NoReading(NoReading::Overflow);
    }
    // A minus as word processors write it, the exponent as Fortran does, and the fraction as half of the world does.
    let mut text = small.replace('\u{2212}', "-").replace('d', "e");
    if decimal == Decimal::Comma {
        if text.contains('.') {
            return Value::Text;
        }
        text = text.replacen(',', ".", 1);
    }
    match text.parse::<f64>() {
        Ok(number) if number.abs() >= OVERFLOW => Value::NoReading(NoReading::Overflow),
        Ok(number) if number.is_finite() => Value::Number(number),
        _ => Value::Text,
    }
}

/// Whether a field is a number in either way of writing it.
pub(super) fn is_number(field: &str) -> bool {
    [Decimal::Point, Decimal::Comma].iter().any(|decimal| !matches!(value(field, *decimal), Value::Text))
}

/// How numbers are written, seen from all of them; each with its line.
///
/// # Errors
/// The line and what is ambiguous about it.
pub(super) fn decimal_of<'a>(
    separator: Separator,
    fields: impl Iterator<Item = (usize, &'a str)>,
) -> Result<Decimal, (usize, String)> {
    // The first of each, with its line.
    let mut point: Option<(usize, &str)> = None;
    let mut comma: Option<(usize, &str)> = None;
    let (mut thousands, mut pointed_thousands) = (true, true);
    for (line, field) in fields {
        let number = field.trim_end_matches('%').trim_end();
        let signs = number.matches(',').count();
        if signs > 0
            && (number.contains('.') || signs > 1)
            && number.chars().all(|c| c.is_ascii_digit() || ".,+-eE".contains(c))
        {
            return Err((line, format!("{field:?} has two kinds of marks; write numbers without marks of thousands")));
        }
        if signs == 1 {
            comma = comma.or(Some((line, field)));
            let (whole, part) = number.split_once(',').unwrap_or((number, ""));
            let whole = whole.trim_start_matches(['+', '-']);
            thousands &= part.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0');
        } else if number.contains('.') && is_number(number) {
            point = point.or(Some((line, field)));
            let whole = number.trim_start_matches(['+', '-']);
            let groups: Vec<&str> = whole.split('.').collect();
            pointed_thousands &= !whole.starts_with('0')
                && (1..=3).contains(&groups[0].len())
                && groups[1..].iter().all(|group| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit()));
        }
    }
    match (point, comma) {
        // Who separates by semicolons marks thousands by points.
        (Some((line, point)), None) if pointed_thousands && separator == Separator::Byte(b';') => Err((
            line,
            format!("{point:?} may have a decimal point or one of thousands; say decimal = \".\", or write it without"),
        )),
        (_, None) => Ok(Decimal::Point),
        (Some((at, point)), Some((line, comma))) => Err((
            line,
            format!(
                "{comma:?} has a decimal comma, and {point:?} in line {at} a decimal point; say decimal = \",\" or \".\""
            ),
        )),
        (None, Some((line, comma))) if thousands => Err((
            line,
            format!("{comma:?} may have a decimal comma or one of thousands; say decimal = \",\", or write it without"),
        )),
        (None, Some(_)) => Ok(Decimal::Comma),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_with_their_quotes() {
        let comma = Separator::Byte(b',');
        assert_eq!(
            comma.split(r#"1, "0,5" ,"a ""b""",  "#).as_deref(),
            Ok(["1", "0,5", "a \"b\"", ""].map(str::to_owned).as_slice())
        );
        assert!(comma.split("\"0,1").is_err() && comma.split_in_place("\"0,1").is_err());
        for line in ["", "1", " 1 ,2;3,\t4,,", "1, \"0,5\" ,\"a \"\"b\"\"\",  ", "a  b\tc"] {
            for separator in SEPARATORS {
                let in_place: Vec<String> =
                    separator.split_in_place(line).unwrap().into_iter().map(Cow::into_owned).collect();
                assert_eq!(in_place, separator.split(line).unwrap(), "{line:?}");
            }
        }
        assert_eq!(Separator::Spaces.split_names("Time (s)  Bias\t[V]").unwrap(), ["Time (s)", "Bias [V]"]);
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (field, decimal, number) in [
            ("1.5", Decimal::Point, 1.5),
            ("1,5E-3", Decimal::Comma, 1.5e-3),
            ("-1.0D-12", Decimal::Point, -1e-12),
            ("\u{2212}2", Decimal::Point, -2.0),
            ("+3,", Decimal::Comma, 3.0),
        ] {
            assert_eq!(value(field, decimal), Value::Number(number), "{field}");
        }
        for field in ["9.9e37", "9.91E+37", "199.999e99", "-9.9E37", "Inf", "OVERFLOW"] {
            assert_eq!(value(field, Decimal::Point), Value::NoReading(NoReading::Overflow), "{field}");
        }
        for field in ["NaN", "#N/A", "---"] {
            assert_eq!(value(field, Decimal::Point), Value::NoReading(NoReading::NotANumber), "{field}");
        }
        for field in ["", "1,5", "1 nA", "x", "1.2.3", "0x10"] {
            assert_eq!(value(field, Decimal::Point), Value::Text, "{field}");
        }
        assert_eq!(value("1.234,5", Decimal::Comma), Value::Text);
    }

    #[test]
    fn the_decimal_sign_is_what_all_numbers_have() {
        let by =
            |separator, fields: &[&str]| decimal_of(separator, fields.iter().enumerate().map(|(i, f)| (i + 1, *f)));
        let of = |fields: &[&str]| by(Separator::Byte(b';'), fields);
        // Three decimals between commas are decimals; between semicolons they may be thousands.
        assert_eq!(by(Separator::Byte(b','), &["1.000", "50.000"]), Ok(Decimal::Point));
        assert_eq!(of(&["1.000", "0.250"]), Ok(Decimal::Point));
        assert_eq!(of(&["1", "2.5"]), Ok(Decimal::Point));
        assert_eq!(of(&["1", "2,5", "1,25e-9"]), Ok(Decimal::Comma));
        assert_eq!(of(&["0,125"]), Ok(Decimal::Comma));
        for (fields, line, what) in [
            (["2.5", "2,5"], 2, "in line 1 a decimal point"),
            (["1", "1.000,5"], 2, "marks of thousands"),
            (["1,000", "12,500"], 1, "or one of thousands"),
            (["1.000", "50.000"], 1, "or one of thousands"),
        ] {
            let (at, why) = of(&fields).expect_err(what);
            assert!(at == line && why.contains(what), "{at} {why}");
        }
    }
}
