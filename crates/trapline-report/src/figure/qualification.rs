//! The figure of a qualification: what the worst cells of each lot keep, up to the end of the test and beyond.

use super::{Axis, Chart, Colour, Curve, Mark, Panel, Plate};
use crate::analysis::qualification::{Condition, Lot, Qualification};
use trapline_model::outcome::CampaignRecord;
use trapline_model::units::{celsius_texts, kelvin};

/// More panels than this are too small to read.
const MOST_PANELS: usize = 12;
/// More lots than there are colours are drawn in one.
const MOST_NAMED: usize = 7;

/// A panel for each condition: for each lot the least that a cell of its parts keeps, shaded to what the worst cell of the
/// best part keeps, with the threshold and the time of the verdict. A condition that failed comes before one that passed
/// where not all have a panel.
pub fn qualification(record: &CampaignRecord, verdict: &Qualification) -> Plate {
    let mut shown: Vec<&Condition> = verdict.conditions.iter().collect();
    let all = shown.len();
    if all > MOST_PANELS {
        shown.sort_by_key(|of| of.passed);
        shown.truncate(MOST_PANELS);
    }
    let mut panels: Vec<Panel> = shown.iter().map(|of| Panel::Chart(chart(record, verdict, of))).collect();
    let columns = if panels.len() > 4 { 3 } else { panels.len().clamp(1, 2) };
    if let Some(Panel::Chart(chart)) = panels.get_mut(columns - 1).filter(|_| !shown.is_empty()) {
        chart.shade = "other parts".to_owned();
    }
    let left_out = if all > shown.len() { format!("; {} of {all} conditions", shown.len()) } else { String::new() };
    let word = if verdict.passed { "passed" } else { "failed" };
    let name = &record.label.name;
    Plate { title: Some(format!("Qualification, {name}: {word}{left_out}")), panels, columns }
}

fn chart(record: &CampaignRecord, verdict: &Qualification, of: &Condition) -> Chart {
    let degrees = celsius_texts(&[kelvin(of.temperature_c)]).concat();
    let sweeps = of.sweeps.iter().map(|(name, value)| format!("{name} {value}"));
    let title = [of.material.clone(), format!("{degrees} °C")].into_iter().chain(sweeps).collect::<Vec<_>>().join(", ");
    let named = of.lots.len() > 1 && of.lots.len() <= MOST_NAMED;
    let curves: Vec<Curve> = of.lots.iter().enumerate().map(|(rank, lot)| curve(record, lot, rank, named)).collect();
    let ends = curves.iter().flat_map(|curve| &curve.points).map(|point| point.1).filter(|kept| kept.is_finite());
    let threshold = of.lots.iter().map(|lot| lot.kept_below).fold(f64::NAN, f64::max);
    let low = ends.chain([threshold]).fold(1.0, f64::min).max(0.0);
    let room = 0.08 * (1.0 - low).max(0.01);
    Chart {
        title,
        subtitle: Some(said(of)),
        x: Axis::time("time after programming (s)"),
        y: Axis::linear("window kept by the worst cell (1)").within(low - room, 1.0 + room),
        curves,
        marks: vec![
            Mark::Horizontal { at: threshold, label: "fails below".to_owned() },
            Mark::Vertical { at: verdict.after_s, label: "read out".to_owned() },
        ],
        empty: "no part holds charge".to_owned(),
        ..Chart::default()
    }
}

/// The verdict in a few words.
fn said(of: &Condition) -> String {
    let (parts, fails) = of.lots.iter().fold((0, 0), |(parts, fails), lot| (parts + lot.parts, fails + lot.fails));
    let bound =
        of.together.as_ref().or(of.lots.first().filter(|_| of.lots.len() == 1).and_then(|lot| lot.shown.as_ref()));
    let bound = bound.map_or_else(String::new, |shown| {
        format!("; fewer than {:.2} % fail, with 90 % confidence", 100.0 * shown.parts[1].upper_one_sided)
    });
    format!("{}: {fails} of {parts} parts failed{bound}", if of.passed { "pass" } else { "FAIL" })
}

/// At each checkpoint the least that a cell of the lot's parts keeps, shaded to the largest of the least ones.
fn curve(record: &CampaignRecord, lot: &Lot, rank: usize, named: bool) -> Curve {
    let outcomes = || lot.points.iter().filter_map(|&number| record.points.get(number)?.outcome.as_ref());
    let times = outcomes().next().map_or_else(Vec::new, |outcome| outcome.times_s.to_vec());
    let least =
        |at: usize| outcomes().filter_map(move |of| of.kept.min.get(at).copied()).filter(|kept| kept.is_finite());
    let ends = |at: usize| {
        least(at).fold(None, |ends: Option<(f64, f64)>, kept| {
            let (low, high) = ends.unwrap_or((kept, kept));
            Some((low.min(kept), high.max(kept)))
        })
    };
    let ends: Vec<(f64, f64)> = (0..times.len()).map(|at| ends(at).unwrap_or((f64::NAN, f64::NAN))).collect();
    let name = lot.name.as_ref().map_or_else(|| "worst of the parts".to_owned(), |name| format!("lot {name}"));
    let points = times.iter().copied().zip(ends.iter().map(|of| of.0)).collect();
    let curve = Curve::line(if named { name.clone() } else { String::new() }, points).named(name).shaded(ends);
    curve.coloured(Colour::distinct(if named { rank } else { 0 }))
}
