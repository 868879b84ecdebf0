//! What a bake leaves: the window kept and the charge lost at the times a campaign asks for.

use crate::analysis::{Table, limits};
use std::collections::HashSet;
use trapline_model::cell::read::Judging;
use trapline_model::outcome::{CampaignRecord, PointOutcome, RecordedPoint};
use trapline_model::units::celsius_texts;

/// One point of a campaign in a few numbers. A number that does not exist is `None`: of a point that was not
/// computed, or of an array in which no cell was programmed.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RetentionRow {
    /// What the sweeps are set to: name of each and its value.
    pub sweeps: Vec<(String, String)>,
    pub material: String,
    pub temperature_k: f64,
    /// False where the file has no values for the point; everything below is then empty.
    pub computed: bool,
    pub cells: u64,
    pub programmed: u64,
    /// Programmed cells that keep less than the threshold at 0 s, before the bake.
    pub failed_at_programming: u64,
    /// Spread of the conductance right after programming over the mean window: sd(G) / |G_fresh - mean(G)|.
    pub window_variation: Option<f64>,
    /// Standard deviation of one reading, over the mean window right after programming: of one that judges the cells,
    /// else of one of 10 ms.
    pub reading_noise: Option<f64>,
    /// A cell that keeps less has failed.
    pub kept_threshold: f64,
    /// What that goes by: what a cell keeps, or readings.
    #[serde(serialize_with = "limits::judging")]
    pub judged: Judging,
    /// Readings up to the last checkpoint, the one right after programming included.
    #[serde(skip)]
    pub readings: usize,
    /// At the report times that are on the time axis, and at the last checkpoint, in the order of time.
    pub at: Vec<RetentionAt>,
    pub flags: Vec<String>,
}

/// What is left at one checkpoint.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RetentionAt {
    pub time_s: f64,
    /// Mean over the programmed cells of the window over its value right after programming.
    pub kept: Option<f64>,
    /// Coefficient of variation of that: standard deviation over mean.
    pub kept_variation: Option<f64>,
    /// Mean fraction of the programmed charge lost. It resolves losses that one minus `kept` rounds away.
    pub lost_fraction: Option<f64>,
    /// Programmed cells below the threshold, over programmed cells.
    pub failed_fraction: Option<f64>,
}

/// Summarises every point, in the order of their numbers.
pub fn summary(record: &CampaignRecord) -> Vec<RetentionRow> {
    let checkpoints = reported(record);
    record.points.iter().map(|point| row(record, point, &checkpoints)).collect()
}

fn row(record: &CampaignRecord, point: &RecordedPoint, checkpoints: &[usize]) -> RetentionRow {
    let outcome = point.outcome.as_ref();
    let sweeps = record.label.sweeps.iter().zip(&point.label.sweep_index);
    let settings = &record.label.settings[point.label.number];
    RetentionRow {
        sweeps: sweeps.map(|(sweep, &at)| (sweep.name.clone(), sweep.coordinate.text(at))).collect(),
        material: point.label.material.clone(),
        temperature_k: point.label.temperature_k,
        computed: outcome.is_some(),
        cells: outcome.map_or(0, |outcome| outcome.cells),
        programmed: outcome.map_or(0, |outcome| outcome.programmed),
        failed_at_programming: outcome.map_or(0, failed_at_programming),
        window_variation: outcome.and_then(window_variation),
        reading_noise: outcome.and_then(|of| limits::noise_of_window(of, settings, limits::reading_s(settings))),
        kept_threshold: settings.kept_threshold,
        judged: settings.judged,
        readings: record.label.times_s.len(),
        at: outcome.map_or_else(Vec::new, |outcome| checkpoints.iter().map(|&k| left(outcome, k)).collect()),
        flags: point.label.flags.clone(),
    }
}

/// Checkpoints to report on: exactly the report times, and the last.
fn reported(record: &CampaignRecord) -> Vec<usize> {
    let times = &record.label.times_s;
    let wanted = |time: &f64| record.label.report_times_s.iter().any(|r| r == time);
    let last = times.len().saturating_sub(1);
    (0..times.len()).filter(|&k| k == last || wanted(&times[k])).collect()
}

fn failed_at_programming(outcome: &PointOutcome) -> u64 {
    let at_zero = outcome.times_s.first() == Some(&0.0);
    outcome.failed.first().copied().filter(|_| at_zero).unwrap_or(0)
}

fn window_variation(outcome: &PointOutcome) -> Option<f64> {
    let window = (outcome.fresh_conductance_s - outcome.conductance_s.mean[0]).abs();
    let spread = outcome.conductance_s.variance[0].sqrt();
    finite(spread / window).filter(|_| outcome.programmed > 0)
}

fn left(outcome: &PointOutcome, k: usize) -> RetentionAt {
    let mean = outcome.kept.mean[k];
    RetentionAt {
        time_s: outcome.times_s[k],
        kept: finite(mean),
        kept_variation: finite(outcome.kept.variance[k].sqrt() / mean.abs()),
        lost_fraction: finite(outcome.lost_fraction.mean[k]),
        failed_fraction: (outcome.programmed > 0).then(|| outcome.failed[k] as f64 / outcome.programmed as f64),
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

const LEGEND: &str = "
programmed     cells that held charge after programming, of all
sd(G)/window   spread of conductance right after programming, over the mean window
kept           a cell's window over its value right after programming; mean, and spread over mean
charge lost    of what a cell held after programming; mean
failed         programmed cells that keep less than the threshold
";

/// Most points that the table shows.
const MOST_POINTS: usize = 24;
/// Most points that a remark names.
const MOST_NAMES: usize = 24;

/// The summary as text: a table, the remarks on the model's validity, one line each, and what the columns hold. Of
/// very many points it shows the first.
pub fn table(rows: &[RetentionRow]) -> String {
    let all = rows;
    let rows = &all[..all.len().min(MOST_POINTS)];
    let sweeps: Vec<&str> =
        rows.first().map_or_else(Vec::new, |row| row.sweeps.iter().map(|(name, _)| name.as_str()).collect());
    let headings =
        ["material", "°C", "programmed", "sd(G)/window %", "time", "kept %", "sd/mean %", "charge lost %", "failed %"];
    let mut table = Table::new(sweeps.iter().copied().chain(headings), sweeps.len() + 1);
    let degrees = celsius_texts(&all.iter().map(|row| row.temperature_k).collect::<Vec<_>>());
    for (row, degrees) in rows.iter().zip(&degrees) {
        let mut point: Vec<String> = row.sweeps.iter().map(|(_, value)| value.clone()).collect();
        point.extend([
            row.material.clone(),
            degrees.clone(),
            if row.computed { format!("{}/{}", row.programmed, row.cells) } else { "not computed".to_owned() },
            shown(row.window_variation, small_percent),
        ]);
        if row.at.is_empty() {
            table.row(point.into_iter().chain(std::iter::repeat_n("-".to_owned(), 5)));
            continue;
        }
        for (i, at) in row.at.iter().enumerate() {
            let values = [
                seconds(at.time_s),
                shown(at.kept, kept_percent),
                // Where next to nothing is kept, its spread is the rounding of single precision.
                shown(at.kept_variation.filter(|_| at.kept.is_some_and(|kept| kept > 1e-4)), small_percent),
                shown(at.lost_fraction, small_percent),
                shown(at.failed_fraction, kept_percent),
            ];
            // The point is named once; its later times stand under the first.
            let named = |cell: &String| if i == 0 { cell.clone() } else { String::new() };
            table.row(point.iter().map(named).chain(values));
        }
    }
    let mut text = table.render();
    if all.len() > rows.len() {
        text.push_str(&format!("... and {} more points: `trapline show --json` has all\n", all.len() - rows.len()));
    }
    // What is said of points is said of those that the table leaves out as well.
    for (flag, points) in remarks(all, &degrees) {
        text.push_str(&format!("{points}: {flag}\n"));
    }
    for (material, remark) in of_readings(all) {
        text.push_str(&format!("{material}: {remark}\n"));
    }
    text.push_str(LEGEND);
    text
}

/// What one reading's noise is, for each material, threshold and way to judge.
fn of_readings<'a>(rows: &'a [RetentionRow]) -> Vec<(&'a str, String)> {
    let mut kinds: Vec<(&RetentionRow, Vec<f64>)> = Vec::new();
    let alike = |a: &RetentionRow, b: &RetentionRow| {
        a.material == b.material && a.kept_threshold == b.kept_threshold && a.judged == b.judged
    };
    for row in rows {
        let Some(noise) = row.reading_noise else { continue };
        match kinds.iter_mut().find(|(of, _)| alike(of, row)) {
            Some((_, noises)) => noises.push(noise),
            None => kinds.push((row, vec![noise])),
        }
    }
    let said = |(of, noises): (&'a RetentionRow, Vec<f64>)| {
        let said = limits::of_readings(&noises, of.kept_threshold, of.judged, of.readings)?;
        Some((of.material.as_str(), said))
    };
    kinds.into_iter().filter_map(said).collect()
}

const FAILED_EARLY: &str = "some cells had failed at programming, before the bake";

/// Each remark once, in the order of its first point, and the points it is of: by name where they are few, else how
/// many.
fn remarks<'a>(rows: &'a [RetentionRow], degrees: &[String]) -> Vec<(&'a str, String)> {
    let mut names_of_flag: Vec<(&str, Vec<String>, HashSet<String>)> = Vec::new();
    for (row, degrees) in rows.iter().zip(degrees) {
        let name = format!("{}, {degrees} °C", row.material);
        let early = (row.failed_at_programming > 0).then_some(FAILED_EARLY);
        for flag in row.flags.iter().map(String::as_str).chain(early) {
            let at = names_of_flag.iter().position(|(text, ..)| *text == flag).unwrap_or_else(|| {
                names_of_flag.push((flag, Vec::new(), HashSet::new()));
                names_of_flag.len() - 1
            });
            let (_, names, known) = &mut names_of_flag[at];
            if known.insert(name.clone()) {
                names.push(name.clone());
            }
        }
    }
    let listed = |names: &[String]| match names.split_at_checked(MOST_NAMES) {
        Some((first, more)) if !more.is_empty() => format!("{}; and {} more", first.join("; "), more.len()),
        _ => names.join("; "),
    };
    names_of_flag.iter().map(|(flag, names, _)| (*flag, listed(names))).collect()
}

/// `300 s`, `1e5 s`: as a campaign file says it.
fn seconds(time_s: f64) -> String {
    if (1e3..1e15).contains(&time_s) { format!("{time_s:e} s") } else { format!("{time_s} s") }
}

fn shown(value: Option<f64>, as_text: fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), as_text)
}

/// A share in percent with two decimals; a share between 0 and 1 is never rounded to 0 % or 100 %.
fn kept_percent(fraction: f64) -> String {
    let text = format!("{:.2}", 100.0 * fraction);
    match text.as_str() {
        "100.00" if fraction < 1.0 => ">99.99".to_owned(),
        "100.00" if fraction > 1.0 => format!("{:.6}", 100.0 * fraction),
        "0.00" | "-0.00" if fraction > 0.0 => "<0.01".to_owned(),
        "-0.00" => "0.00".to_owned(),
        _ => text,
    }
}

/// A share that may be tiny, in percent with three significant digits.
fn small_percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    match percent.abs() {
        0.0 => "0".to_owned(),
        // A share below 1 must not be rounded to 100 %.
        size if (99.95..100.0).contains(&size) => ">99.9".to_owned(),
        size if !(0.001..1e4).contains(&size) => format!("{percent:.2e}"),
        size => {
            let digits = (2 - size.log10().floor() as i32).clamp(0, 5) as usize;
            format!("{percent:.digits$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_temperatures_stay_apart() {
        let row = |celsius: f64| RetentionRow {
            sweeps: Vec::new(),
            material: "stoff".to_owned(),
            temperature_k: celsius + 273.15,
            computed: true,
            cells: 1,
            programmed: 1,
            failed_at_programming: 0,
            window_variation: None,
            reading_noise: None,
            kept_threshold: 0.9,
            judged: Judging::Kept,
            readings: 1,
            at: Vec::new(),
            flags: vec!["doubtful".to_owned()],
        };
        let text = table(&[row(100.0), row(100.001), row(100.002)]);
        for degrees in ["100", "100.001", "100.002"] {
            assert!(text.lines().any(|line| line.split_whitespace().nth(1) == Some(degrees)), "{text}");
            assert!(text.contains(&format!("stoff, {degrees} °C")), "{text}");
        }
        // A remark that several points share is made once.
        assert_eq!(text.matches("doubtful").count(), 1, "{text}");
    }

    #[test]
    fn small_losses_stay_legible() {
        assert_eq!(kept_percent(1.0), "100.00");
        assert_eq!(kept_percent(1.0 - 1e-9), ">99.99");
        assert_eq!(kept_percent(0.734_567), "73.46");
        assert_eq!(kept_percent(1e-7), "<0.01");
        assert_eq!(kept_percent(0.0), "0.00");
        assert_eq!(small_percent(3.21e-12), "3.21e-10");
        assert_eq!(small_percent(0.000_123_4), "0.0123");
        assert_eq!(small_percent(0.25), "25.0");
        assert_eq!(small_percent(1.0), "100");
        assert_eq!(small_percent(1.0 - 1e-9), ">99.9");
        assert_eq!(small_percent(0.0), "0");
    }
}
