//! Formats numbers, times and lines of text.

use crate::analysis::lifetime::Bounds;
use trapline_model::units::YEAR_S;

const WIDTH: usize = 120;

/// A heading, and lines of a name and what is said of it.
pub(super) fn paragraph(heading: &str, rows: &[(&'static str, String)]) -> String {
    const NAME: usize = 20;
    let rows = rows.iter().map(|(name, said)| wrapped(&format!("  {name:<NAME$}{said}"), NAME + 2));
    format!("{heading}\n{}", rows.collect::<String>())
}

/// Lines no longer than a terminal is wide; those after the first begin with so many blanks. A number stays with its
/// unit.
pub(super) fn wrapped(line: &str, indent: usize) -> String {
    let (mut text, mut now) = (String::new(), String::new());
    for word in glued(line) {
        if now.chars().count() + word.trim_end().chars().count() > WIDTH && !now.trim().is_empty() {
            text.push_str(now.trim_end());
            text.push('\n');
            now = " ".repeat(indent);
        }
        now.push_str(&word);
    }
    text + now.trim_end() + "\n"
}

/// The words of a line with the blanks behind them, units with their numbers.
fn glued(line: &str) -> Vec<String> {
    const UNITS: [&str; 10] = ["%", "°C", "eV", "ppm", "FIT", "years", "d", "h", "min", "s"];
    let mut words: Vec<String> = Vec::new();
    for word in line.split_inclusive(' ') {
        let bare = word.trim_end().trim_end_matches([',', ';', ':', ')', '.']);
        match words.last_mut() {
            Some(before) if UNITS.contains(&bare) => before.push_str(word),
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// `1000 ppm`, `10 %`.
pub fn parts(fraction: f64) -> String {
    if fraction >= 0.009_999 { percent(fraction) } else { format!("{} ppm", short(1e6 * fraction)) }
}

/// `90 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", short(100.0 * share))
}

/// Without the digits that a conversion leaves.
pub(super) fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-3..1e7).contains(&rounded.abs()) { format!("{rounded:e}") } else { format!("{rounded}") }
}

/// Three significant digits.
pub(super) fn small(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    if !(1e-3..1e5).contains(&value.abs()) {
        return format!("{value:.1e}");
    }
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 5) as usize;
    format!("{value:.digits$}")
}

/// A probability; below a limit only the limit is given.
pub(super) fn chance(p: f64) -> String {
    if p < 1e-4 { "<0.0001".to_owned() } else { small(p) }
}

pub(super) fn equals(p: f64) -> String {
    if p < 1e-4 { "< 0.0001".to_owned() } else { format!("= {}", small(p)) }
}

pub(super) fn times(ratio: f64) -> String {
    if ratio < 2.0 { format!("{:.1} %", 100.0 * (ratio - 1.0)) } else { format!("a factor of {}", small(ratio)) }
}

pub(super) fn bounds(of: Bounds, said: fn(f64) -> String) -> String {
    let (low, high) = (said(of.lower), if of.upper.is_finite() { said(of.upper) } else { "open".to_owned() });
    // `3.1 to 4.2 years`, where both have one unit.
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

/// A time with three significant digits, in the unit that suits it.
pub fn span(seconds: f64) -> String {
    const SCALES: [(f64, &str); 4] = [(YEAR_S, "years"), (86_400.0, "d"), (3600.0, "h"), (60.0, "min")];
    let (scale, name) = SCALES.into_iter().find(|(scale, _)| seconds >= *scale).unwrap_or((1.0, "s"));
    format!("{} {name}", small(seconds / scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_spoken() {
        assert_eq!((parts(1e-3), parts(1e-6), parts(0.1)), ("1000 ppm".into(), "1 ppm".into(), "10 %".into()));
        assert_eq!((parts(12.5e-6), parts(1e-12)), ("12.5 ppm".into(), "1e-6 ppm".into()));
        assert_eq!((small(1.2345), small(123.45), small(0.012345)), ("1.23".into(), "123".into(), "0.0123".into()));
        assert_eq!((small(0.0), small(1.6e21), small(4.7e-4)), ("0".into(), "1.6e21".into(), "4.7e-4".into()));
        assert_eq!(
            (span(0.5), span(90.0), span(3.5 * 86_400.0)),
            ("0.500 s".into(), "1.50 min".into(), "3.50 d".into())
        );
        assert_eq!(span(12.0 * YEAR_S), "12.0 years");
        let of = |lower, upper| bounds(Bounds { lower, upper }, span);
        assert_eq!(of(3600.0, 7200.0), "1.00 to 2.00 h");
        assert_eq!(
            (of(60.0, 7200.0), of(60.0, f64::INFINITY)),
            ("1.00 min to 2.00 h".into(), "1.00 min to open".into())
        );
        assert_eq!((equals(1e-9), equals(0.5), chance(1e-9)), ("< 0.0001".into(), "= 0.500".into(), "<0.0001".into()));
        assert_eq!((times(1.25), times(3.0)), ("25.0 %".into(), "a factor of 3.00".into()));
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        let text = wrapped(&format!("  name  {}", "12.5 % ".repeat(40)), 8);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH && line == line.trim_end()), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("        12.5 %")), "{text}");
        assert_eq!(wrapped("short", 4), "short\n");
        // A word longer than a line stands alone and whole.
        assert_eq!(wrapped(&"x".repeat(200), 4).trim_end().len(), 200);
    }
}
