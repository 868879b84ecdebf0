//! The figures of a report on lifetimes: what cells keep, when they fail, and what the temperature does to it.

mod arrhenius;
mod bands;
mod conductance;
mod failures;
mod weibull;

use std::path::{Path, PathBuf};

use super::plate::{Panel, Plate, stage_plate};
use super::{Colour, FigureError, Look};
use crate::analysis::report::{Group, LifetimeReport};
use trapline_model::files::commit::Batch;
use trapline_model::outcome::CampaignRecord;
use trapline_model::units::celsius_texts;
use trapline_record::OpenRecord;

/// Names of the figures, which are those of their files.
pub const NAMES: [&str; 5] = ["retention", "conductance", "weibull", "arrhenius", "failures"];

/// More groups, or panels, than this are too small to read.
pub const MOST_PANELS: usize = 12;
/// More temperatures than this are named at intervals.
const MOST_NAMES: usize = 18;
/// Grey for what a legend says of curves of all colours.
pub(super) const NEUTRAL: Colour = Colour(90, 90, 90);

/// A figure and what is to be said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct LifetimeFigure {
    /// One of [`NAMES`].
    pub name: &'static str,
    pub title: &'static str,
    /// What it shows, in sentences.
    pub caption: String,
    /// What it does not show and why, one sentence each.
    pub left_out: Vec<String>,
    /// None where there is nothing to draw; `left_out` says why.
    pub plate: Option<Plate>,
}

/// All figures of a report on a record, in the order of [`NAMES`].
///
/// # Errors
/// [`FigureError::Record`] where histograms or dumps cannot be read.
pub fn lifetime(record: &CampaignRecord, report: &LifetimeReport) -> Result<Vec<LifetimeFigure>, FigureError> {
    let scene = Scene { record, report, details: OpenRecord::new(record)? };
    let figures = vec![
        bands::figure(&scene)?,
        conductance::figure(&scene)?,
        weibull::figure(&scene),
        arrhenius::figure(&scene),
        failures::figure(&scene)?,
    ];
    Ok(figures)
}

/// Writes the figures that can be drawn as `NAME.png`, `NAME.svg` and `NAME.figure.csv` into a folder, as a screen has
/// them, and returns their paths.
///
/// # Errors
/// [`FigureError`] where the folder cannot be written.
pub fn write(figures: &[LifetimeFigure], folder: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let mut batch = Batch::new();
    let paths = stage(&mut batch, figures, folder, &Look::default())?;
    batch.replace()?;
    Ok(paths)
}

/// The same of files that get their names with the rest of a batch.
///
/// # Errors
/// As [`write()`].
pub fn stage(
    batch: &mut Batch,
    figures: &[LifetimeFigure],
    folder: &Path,
    look: &Look,
) -> Result<Vec<PathBuf>, FigureError> {
    let mut paths = Vec::new();
    for figure in figures {
        if let Some(drawn) = &figure.plate {
            paths.extend(stage_plate(batch, drawn, &folder.join(figure.name), look)?);
        }
    }
    Ok(paths)
}

/// What all figures are drawn from.
struct Scene<'a> {
    record: &'a CampaignRecord,
    report: &'a LifetimeReport,
    details: OpenRecord<'a>,
}

impl<'a> Scene<'a> {
    fn confidence(&self) -> String {
        format!("{} %", (self.report.question.confidence * 1e7).round() / 1e5)
    }

    /// A page of a panel for each group; none without any.
    fn plate(&self, panels: Vec<Panel>, what: &str) -> Option<Plate> {
        let columns = columns(panels.len());
        let title = Some(format!("{what}, {}", self.report.campaign));
        (!panels.is_empty()).then_some(Plate { title, panels, columns })
    }
}

/// The first groups of those that have something to draw, as many as a page holds; what is said of the others.
fn drawn<'a>(
    all: &'a [Group],
    holds: impl Fn(&Group) -> bool,
    without: &str,
) -> (Vec<&'a Group>, Vec<(String, String)>) {
    let (mut with, others): (Vec<&Group>, Vec<&Group>) = all.iter().partition(|group| holds(group));
    let mut said: Vec<_> = others.iter().map(|group| (group.name.clone(), without.to_owned())).collect();
    let count = with.len();
    for group in with.drain(count.min(MOST_PANELS)..) {
        said.push((
            group.name.clone(),
            format!("not drawn, because a figure holds {MOST_PANELS} cases; the tables have it"),
        ));
    }
    (with, said)
}

/// Sentences on groups; what is the same for several is said once.
fn sentences(said: Vec<(String, String)>) -> Vec<String> {
    const MOST: usize = 4;
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for (name, what) in said {
        match reasons.iter_mut().find(|(known, _)| *known == what) {
            Some((_, names)) => names.push(name),
            None => reasons.push((what, vec![name])),
        }
    }
    let sentence = |(what, names): (String, Vec<String>)| {
        let more = match names.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more}: {what}.", names[..names.len().min(MOST)].join("; "))
    };
    reasons.into_iter().map(sentence).collect()
}

/// Panels side by side, of so many.
fn columns(panels: usize) -> usize {
    match panels {
        0 | 1 => 1,
        2 | 4 => 2,
        _ => 3,
    }
}

/// Panels of a figure with a row of temperatures for each group: how many of them, in how many columns.
fn grid(groups: usize) -> (usize, usize) {
    match groups {
        0 | 1 => (6, 3),
        2..=4 => (3, 3),
        5 | 6 => (2, 2),
        _ => (1, 3),
    }
}

/// Of a group not all of whose temperatures are drawn: which are.
fn some_drawn(group: &Group, chosen: &[usize], of: usize) -> Option<(String, String)> {
    let texts = celsius(group);
    let names = chosen.iter().map(|&index| format!("{} °C", texts[index])).collect::<Vec<_>>().join(", ");
    let what = format!("{} of {of} temperatures are drawn, {names}", chosen.len());
    (chosen.len() < of).then(|| (group.name.clone(), what))
}

/// So many of some things, evenly from the first to the last.
fn spread_out<T: Copy>(all: &[T], most: usize) -> Vec<T> {
    match (all.len(), most) {
        (count, _) if count <= most => all.to_vec(),
        (count, 1) => vec![all[count / 2]],
        (count, _) => (0..most).map(|i| all[(i * (count - 1) + (most - 1) / 2) / (most - 1)]).collect(),
    }
}

/// The same places free at the end of a group's last row, so that the next group begins a row.
fn filled(mut panels: Vec<Panel>, columns: usize) -> Vec<Panel> {
    while !panels.len().is_multiple_of(columns) {
        panels.push(Panel::Blank);
    }
    panels
}

/// Colour of a population of a group: cold to hot.
fn colour(group: &Group, index: usize) -> Colour {
    Colour::ordered(index, group.populations.len())
}

/// Temperatures of a group's populations, °C, without a unit.
fn celsius(group: &Group) -> Vec<String> {
    celsius_texts(&group.populations.iter().map(|of| of.temperature_k).collect::<Vec<_>>())
}

/// Temperature of a population of a group, as it is told.
fn degrees(group: &Group, index: usize) -> String {
    format!("{} °C", celsius(group)[index])
}

/// Names of the temperatures in a legend; of very many, most have none.
fn names(group: &Group) -> Vec<String> {
    let every = group.populations.len().div_ceil(MOST_NAMES).max(1);
    let last = group.populations.len().saturating_sub(1);
    let name = |(i, text): (usize, String)| match i % every == 0 || i == last {
        true => format!("{text} °C"),
        false => String::new(),
    };
    celsius(group).into_iter().enumerate().map(name).collect()
}

/// Ends of a logarithmic axis about these positive numbers, with a little room; none where there are none.
fn padded(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = ends(values.filter(|v| *v > 0.0).map(libm::log10))?;
    let room = if low < high { (0.03 * (high - low)).clamp(0.02, 0.4) } else { 0.4 };
    Some((libm::pow(10.0, low - room), libm::pow(10.0, high + room)))
}

/// Least and largest of the finite numbers.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) =
        values.filter(|v| v.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    (low <= high).then_some((low, high))
}

/// `3 things`, or `1 thing`.
fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_said_once() {
        let said =
            |names: &[(&str, &str)]| sentences(names.iter().map(|&(a, b)| (a.to_owned(), b.to_owned())).collect());
        assert_eq!(said(&[("a", "no"), ("b", "yes"), ("c", "no")]), ["a; c: no.", "b: yes."]);
        assert_eq!(said(&[("a", "no"); 7]), ["a; a; a; a and 3 more: no."]);
    }

    #[test]
    fn few_of_many_reach_from_end_to_end() {
        let all: Vec<usize> = (0..8).collect();
        assert_eq!(spread_out(&all, 3), [0, 4, 7]);
        assert_eq!(spread_out(&all, 8), all);
        assert_eq!(spread_out(&all, 20), all);
        assert_eq!(spread_out(&all, 1), [4]);
        assert_eq!(spread_out(&all[..2], 1).len(), 1);
        for most in 2..8 {
            let some = spread_out(&all, most);
            assert!(some.windows(2).all(|w| w[0] < w[1]) && (some[0], some[most - 1]) == (0, 7), "{some:?}");
        }
        assert!(spread_out::<usize>(&[], 3).is_empty());
    }
}
