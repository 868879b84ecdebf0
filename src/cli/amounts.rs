//! Values of options with a unit, if the user gives one: times, temperatures, biases.

/// Units of time, and how many seconds each is; a year is a Julian one, 365.25 days.
const TIMES: [(&str, f64); 26] = [
    ("", 1.0),
    ("s", 1.0),
    ("sec", 1.0),
    ("second", 1.0),
    ("seconds", 1.0),
    ("ms", 1e-3),
    ("us", 1e-6),
    ("\u{b5}s", 1e-6),
    ("\u{3bc}s", 1e-6),
    ("ns", 1e-9),
    ("ps", 1e-12),
    ("min", 60.0),
    ("minute", 60.0),
    ("minutes", 60.0),
    ("h", 3600.0),
    ("hour", 3600.0),
    ("hours", 3600.0),
    ("d", 86_400.0),
    ("day", 86_400.0),
    ("days", 86_400.0),
    ("w", 604_800.0),
    ("week", 604_800.0),
    ("weeks", 604_800.0),
    ("y", 31_557_600.0),
    ("year", 31_557_600.0),
    ("years", 31_557_600.0),
];

/// Units of bias.
const BIASES: [(&str, f64); 4] = [("", 1.0), ("v", 1.0), ("mv", 1e-3), ("uv", 1e-6)];

/// A number, and what follows it.
fn split(text: &str) -> Option<(f64, String)> {
    let text = text.trim();
    // What is no number is refused with the option's limits.
    if let Ok(number) = text.parse::<f64>() {
        return Some((number, String::new()));
    }
    // The longest beginning that is a number: of "1e5s" all but the last letter.
    let ends = (1..=text.len()).rev().filter(|end| text.is_char_boundary(*end));
    let number = |end: usize| {
        let digits = text[..end].trim_end();
        let last = digits.chars().last()?;
        (last.is_ascii_digit() || last == '.').then(|| digits.parse::<f64>().ok()).flatten().map(|number| (number, end))
    };
    let (number, end) = ends.into_iter().find_map(number)?;
    Some((number, text[end..].trim().to_owned()))
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let (number, unit) = split(text)?;
    // A capital M before a letter is mega, which is meant by nobody and is not milli.
    let mega = unit.starts_with('M') && unit.chars().count() == 2;
    let folded = if mega { unit } else { unit.to_lowercase() };
    units.iter().find(|(known, _)| *known == folded).map(|(_, scale)| number * scale)
}

/// A time in seconds: a number of them, or one with a unit: `10y`, `1000 h`, `0.5d`, `390us`.
///
/// # Errors
/// What it must be, for clap to say.
pub fn seconds(text: &str) -> Result<f64, String> {
    let wanted = "it must be a number of seconds, or one with a unit ns, us, ms, s, min, h, d, w or y: 10y";
    scaled(text, &TIMES).ok_or_else(|| wanted.to_owned())
}

/// A temperature in degrees Celsius: a number of them, or one with C or K: `300K`.
///
/// # Errors
/// What it must be, for clap to say.
pub fn celsius(text: &str) -> Result<f64, String> {
    let wanted = "it must be a number of degrees Celsius, or one with C or K: 358.15K";
    let (number, unit) = split(text).ok_or_else(|| wanted.to_owned())?;
    let unit = unit.to_lowercase();
    match unit.trim_start_matches(['\u{b0}', '\u{ba}']) {
        "" | "c" => Ok(number),
        // As decimals have it: 300 K are 26.85 degrees, and not 26.850000000000023.
        "k" if !unit.starts_with(['\u{b0}', '\u{ba}']) => Ok(((number - 273.15) * 1e9).round() / 1e9),
        _ => Err(wanted.to_owned()),
    }
}

/// A bias in volts: a number of them, or one with V or mV.
///
/// # Errors
/// What it must be, for clap to say.
pub fn volts(text: &str) -> Result<f64, String> {
    let wanted = "it must be a number of volts, or one with V or mV: 100mV";
    scaled(text, &BIASES).ok_or_else(|| wanted.to_owned())
}

/// A length on paper, mm: a number of them, or one with mm, cm or in: `3.35in`.
///
/// # Errors
/// What it must be, for clap to say.
pub fn millimetres(text: &str) -> Result<f64, String> {
    const LENGTHS: [(&str, f64); 4] = [("", 1.0), ("mm", 1.0), ("cm", 10.0), ("in", 25.4)];
    scaled(text, &LENGTHS).ok_or_else(|| "it must be a number of mm, or one with mm, cm or in: 85mm".to_owned())
}

/// A size of letters, pt: a number of them, or one with pt: `8pt`.
///
/// # Errors
/// What it must be, for clap to say.
pub fn points(text: &str) -> Result<f64, String> {
    scaled(text, &[("", 1.0), ("pt", 1.0)]).ok_or_else(|| "it must be a number of points: 8, or 8pt".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_take_units() {
        for (text, found) in [
            ("1e5", 1e5),
            ("1e5s", 1e5),
            ("10y", 315_576_000.0),
            ("0.5 years", 15_778_800.0),
            ("1000h", 3.6e6),
            ("1.5d", 129_600.0),
            ("390us", 390.0 * 1e-6),
            ("390\u{b5}s", 390.0 * 1e-6),
            (" 2 Min ", 120.0),
            ("-1", -1.0),
            ("1.e2", 100.0),
        ] {
            assert_eq!(seconds(text), Ok(found), "{text}");
        }
        for wrong in ["", "s", "y10", "10 parsecs", "1,5h", "1h30m", "1e", "0x10", "10Ms"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn temperatures_and_biases_take_units() {
        for (text, found) in [("85", 85.0), ("-20C", -20.0), ("85 \u{b0}C", 85.0), ("300K", 26.85), ("273.15 K", 0.0)] {
            assert_eq!(celsius(text), Ok(found), "{text}");
        }
        for wrong in ["", "85F", "85 \u{b0}K", "K"] {
            assert!(celsius(wrong).is_err(), "{wrong}");
        }
        assert_eq!((volts("1.5"), volts("100mV"), volts("-5.5 V")), (Ok(1.5), Ok(0.1), Ok(-5.5)));
        assert!(volts("5A").is_err() && volts("5MV").is_err());
    }
}
