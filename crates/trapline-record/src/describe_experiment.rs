//! An experiment file in words.

use super::describe::{origin, paragraph};
use super::experiment::ExperimentRecord;
use trapline_model::dataset::{Dataset, Values, Variable};
use trapline_model::text::one_line;

/// What an experiment file is, where it came from, and its datasets, as text of several lines.
pub fn text(record: &ExperimentRecord) -> String {
    let label = &record.label;
    let [major, minor] = record.format_version;
    let names: Vec<&str> = label.materials.iter().map(|(name, _)| name.as_str()).collect();
    let mut lines = vec![
        ("file", format!("{}, trapline experiment, format {major}.{minor}", record.path.display())),
        ("experiment", label.command.clone()),
        ("title", label.title.clone()),
        ("materials", if names.is_empty() { "none".to_owned() } else { names.join(", ") }),
        ("seed", label.seed.to_string()),
    ];
    lines.extend(origin(&record.provenance));
    let mut text = paragraph(lines);
    text.push_str(&paragraph(shown(&label.notes)));
    for dataset in &record.datasets {
        text.push_str(&group(dataset));
    }
    text
}

/// Notes with each text on one line.
fn shown(notes: &[(String, String)]) -> impl Iterator<Item = (&str, String)> {
    notes.iter().map(|(name, text)| (name.as_str(), one_line(text)))
}

fn group(dataset: &Dataset) -> String {
    let mut text = format!("\n{}: {}\n", one_line(&dataset.name), one_line(&dataset.title));
    text.extend(
        shown(&dataset.notes).map(|(name, value)| format!("{}\n", format!("  {}: {value}", one_line(name)).trim_end())),
    );
    let rows: Vec<[String; 5]> = dataset.variables.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for row in &rows {
        let mut line = String::from(" ");
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!(" {cell:<width$} "));
        }
        line.push_str(&format!(" {}", row[4]));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Name, axes with their lengths, unit, range, long name.
fn row(variable: &Variable) -> [String; 5] {
    let lengths = variable.axes.iter().zip(variable.values.shape());
    let axes: Vec<String> = lengths.map(|(axis, length)| format!("{axis} {length}")).collect();
    let axes = if axes.is_empty() { "-".to_owned() } else { axes.join(" x ") };
    [
        one_line(&variable.name),
        one_line(&axes),
        one_line(&variable.unit),
        range(&variable.values),
        one_line(&variable.long_name),
    ]
}

/// Smallest and largest value, the only value, or the first texts.
fn range(values: &Values) -> String {
    match values {
        Values::Real(array) => {
            let ends = array.iter().filter(|v| !v.is_nan()).fold(None, |ends: Option<(f64, f64)>, &v| {
                let (low, high) = ends.unwrap_or((v, v));
                Some((low.min(v), high.max(v)))
            });
            let undefined = array.iter().filter(|v| v.is_nan()).count();
            let range = ends.map_or(String::new(), |(low, high)| between(&number(low), &number(high)));
            match (undefined, range.is_empty()) {
                (0, _) => range,
                (_, true) => "NaN".to_owned(),
                (n, false) => format!("{range}, {n} NaN"),
            }
        }
        Values::Count(array) => match (array.iter().min(), array.iter().max()) {
            (Some(low), Some(high)) => between(&low.to_string(), &high.to_string()),
            _ => String::new(),
        },
        Values::Text(list) => {
            const MOST: usize = 32;
            let all = one_line(&list.join(", "));
            if all.chars().count() <= MOST { all } else { all.chars().take(MOST - 3).chain("...".chars()).collect() }
        }
    }
}

fn between(low: &str, high: &str) -> String {
    if low == high { low.to_owned() } else { format!("{low} to {high}") }
}

/// Five digits, and an exponent where the number is far from 1.
fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    if (1e-3..1e5).contains(&size) {
        let before = size.log10().floor() as i32;
        let text = format!("{value:.*}", (4 - before).max(0) as usize);
        return if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    }
    let text = format!("{value:.4e}");
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.')),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr1;

    #[test]
    fn numbers_are_short_and_exact_enough() {
        let cases = [(0.0, "0"), (1.0, "1"), (-12.5, "-12.5"), (99_999.4, "99999"), (1e5, "1e5"), (2.5e-12, "2.5e-12")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn ranges_leave_nan_out_and_count_it() {
        assert_eq!(range(&Values::Real(arr1(&[1.0, f64::NAN, 3.0]).into_dyn())), "1 to 3, 1 NaN");
        assert_eq!(range(&Values::Real(arr1(&[f64::NAN]).into_dyn())), "NaN");
        assert_eq!(range(&Values::Real(arr1(&[] as &[f64]).into_dyn())), "");
        assert_eq!(range(&Values::Count(arr1(&[7, 7]).into_dyn())), "7");
    }
}
