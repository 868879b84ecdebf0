//! Figures of a study: what arrays and cells are worth over their size, with closed forms where there are any, and how far
//! sizes go over temperature and time.

use std::path::{Path, PathBuf};

use super::chart::{Chart, Curve, Mark, Style};
use super::lifetime::NEUTRAL;
use super::plate::{Panel, Plate, stage_plate};
use super::{Axis, Colour, FigureError, Heat, Look};
use crate::analysis::scaling::{Case, Reach, Scaling, Series};
use ndarray::Array2;
use trapline_model::files::commit::Batch;
use trapline_model::outcome::{Merit, MeritIs};
use trapline_model::protocol::{CellFigureIs, StudyKind};
use trapline_model::units::spoken_time;

/// Most curves of a chart: as many as colours that readers tell apart.
const MOST_CURVES: usize = 7;
/// Most maps of a plate.
const MOST_MAPS: usize = 6;

/// A figure of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingFigure {
    /// Of its files, `NAME.png` and `NAME.svg`.
    pub name: &'static str,
    pub title: &'static str,
    pub caption: String,
    pub plate: Plate,
}

/// Names of all figures there may be.
pub const NAMES: [&str; 2] = ["sizes", "reach"];

/// The figures of a study.
pub fn scaling(of: &Scaling) -> Vec<ScalingFigure> {
    let mut figures = vec![sizes(of)];
    figures.extend(reaches(of));
    figures
}

/// Writes them into a folder.
///
/// # Errors
/// [`FigureError`].
pub fn stage(
    batch: &mut Batch,
    figures: &[ScalingFigure],
    folder: &Path,
    look: &Look,
) -> Result<Vec<PathBuf>, FigureError> {
    let mut paths = Vec::new();
    for figure in figures {
        paths.extend(stage_plate(batch, &figure.plate, &folder.join(figure.name), look)?);
    }
    Ok(paths)
}

fn sizes(of: &Scaling) -> ScalingFigure {
    let shown = curves_shown(of);
    let left_out = of.series.len() - shown.len();
    let panel =
        |title: &str, figure: usize, axis: Axis| (figure, Panel::Chart(over_sizes(of, &shown, title, figure, axis)));
    let known = |figure: usize| {
        let values = |at: &usize| of.series[*at].over_seeds(figure).iter().any(|of| !of.0.is_nan());
        shown.iter().any(values)
    };
    let panels: Vec<(usize, Panel)> = match of.kind.is_of_arrays() {
        true => vec![
            panel("Read margin, all other cells on", MeritIs::MarginWorst as usize, Axis::log("(on - off)/on (1)")),
            panel("Noise of one reading", MeritIs::ReadNoise as usize, Axis::log("sd over (on - off) (1)")),
            panel("Products of random vectors", MeritIs::EffectiveBits as usize, Axis::linear("effective bits (1)")),
            panel("Energy of reading one cell", MeritIs::ReadEnergy as usize, Axis::log("energy (J)")),
            panel("Energy of writing one cell", MeritIs::WriteEnergy as usize, Axis::log("energy (J)")),
            panel(
                "Gain of an empty cell by other writes",
                MeritIs::DisturbGain as usize,
                Axis::log("of the window (1)"),
            ),
        ],
        false => vec![
            panel("Spread of cells", CellFigureIs::WindowSpread as usize, Axis::log("sd over window (1)")),
            panel("Levels told apart by one reading", CellFigureIs::Levels as usize, Axis::log("levels (1)")),
            panel("Failed cells", CellFigureIs::Failed as usize, shares(of)),
            panel("Cells without charge", CellFigureIs::WithoutCharge as usize, shares(of)),
        ],
    };
    // A limit of a figure that has no chart yet gets one.
    let mut panels = panels;
    for limit in &of.limits {
        let name = limit.of.strip_suffix("_below").unwrap_or(&limit.of);
        let figure = of.figures.iter().position(|figure| figure.name == name);
        if let Some(figure) = figure.filter(|figure| panels.iter().all(|(shown, _)| shown != figure)) {
            let merit = of.figures[figure];
            let Merit { name, units, .. } = merit;
            panels.push(panel(&merit.title(), figure, Axis::linear(format!("{name} ({units})"))));
        }
    }
    let closed = match of.kind.is_of_arrays() {
        true => {
            "Dashed: closed forms of lines without resistance (docs/figures-of-merit.md), where the scheme has one; where they cannot be seen \
             they lie under the computed ones, as curves of schemes that are alike do."
        }
        false => {
            "Dashed: in the first chart the chance of dots that know nothing of one another, in the third what the share \
             is below with 95 % confidence, in the last the chance of a cell without a dot. A share of 0 has no dot."
        }
    };
    let more = if left_out > 0 { format!(" {left_out} more cases are in figures.csv.") } else { String::new() };
    let at = shown.first().map(|&at| &of.series[at].case);
    let degrees: Vec<f64> = shown.iter().map(|&at| of.series[at].case.temperature_c).collect();
    let at = at.map_or_else(String::new, |case| match degrees.iter().all(|c| *c == case.temperature_c) {
        true => format!(
            " At {} °C, {} after programming.",
            (case.temperature_c * 100.0).round() / 100.0,
            spoken_time(case.time_s)
        ),
        false => format!(" {} after programming.", spoken_time(case.time_s)),
    });
    let seeds =
        if of.series.iter().any(|series| series.values.len() > 1) { " Bars: least and most of the seeds." } else { "" };
    ScalingFigure {
        name: "sizes",
        title: "Over sizes",
        caption: format!("Dots: computed.{at} {closed} Grey: limits of the study.{seeds}{more}"),
        // What was not asked for has no chart.
        plate: Plate {
            title: None,
            panels: panels.into_iter().filter(|(figure, _)| known(*figure)).map(|(_, panel)| panel).collect(),
            columns: 2,
        },
    }
}

/// From a third of one cell among all to all of them.
fn shares(of: &Scaling) -> Axis {
    let cells = of.sizes.iter().map(|size| size.rows * size.cols).max().unwrap_or(1).max(10);
    Axis::log("share of cells (1)").within(0.3 / cells as f64, 1.0)
}

/// Cases that are drawn: those at the ends of the times and temperatures first.
fn curves_shown(of: &Scaling) -> Vec<usize> {
    let last_s = of.series.iter().map(|series| series.case.time_s).fold(0.0, f64::max);
    // Arrays hardly change with the bake, cells do.
    let time_s = if of.kind == StudyKind::CellSize { last_s } else { 0.0 };
    let mut shown: Vec<usize> = (0..of.series.len()).filter(|&at| of.series[at].case.time_s == time_s).collect();
    if shown.len() > MOST_CURVES && of.kind.is_of_arrays() {
        let first_c = shown.first().map_or(0.0, |&at| of.series[at].case.temperature_c);
        shown.retain(|&at| of.series[at].case.temperature_c == first_c);
    }
    shown.truncate(MOST_CURVES);
    shown
}

/// What tells a case from the others that are drawn.
fn label(of: &Scaling, shown: &[usize], at: usize) -> String {
    let case = &of.series[at].case;
    let differs = |one: &dyn Fn(&Case) -> String| {
        let own = one(case);
        shown.iter().any(|&other| one(&of.series[other].case) != own).then_some(own)
    };
    let mut parts: Vec<String> = Vec::new();
    parts.extend(differs(&|case| case.material.clone()));
    for (axis, _) in case.sweeps.iter().enumerate() {
        parts.extend(differs(&|case| case.sweeps.get(axis).map_or(String::new(), |(_, value)| value.clone())));
    }
    parts.extend(differs(&|case| format!("{} °C", (case.temperature_c * 100.0).round() / 100.0)));
    if parts.is_empty() { case.material.clone() } else { parts.join(", ") }
}

fn over_sizes(of: &Scaling, shown: &[usize], title: &str, figure: usize, y: Axis) -> Chart {
    let xs: Vec<f64> = of.sizes.iter().map(|size| size.lines_or_nm).collect();
    let mut curves = Vec::new();
    for (rank, &at) in shown.iter().enumerate() {
        let series = &of.series[at];
        let over = series.over_seeds(figure);
        let colour = Colour::distinct(rank);
        let points = xs.iter().copied().zip(over.iter().map(|of| of.0)).collect();
        let mut curve = Curve::line(label(of, shown, at), points).styled(Style::LineAndDots).coloured(colour);
        if series.values.len() > 1 {
            curve = curve.barred(over.iter().map(|of| (of.1, of.2)).collect());
        }
        curves.push(curve);
        if let Some(closed) = closed_form(of, series, figure) {
            curves.push(Curve::line("", closed).named(what_closed(of, figure)).styled(Style::Dashed).coloured(colour));
        }
    }
    if curves.iter().any(|curve| curve.style == Style::Dashed) {
        curves.push(Curve::line(what_closed(of, figure), Vec::new()).styled(Style::Dashed).coloured(NEUTRAL));
    }
    // A bound of a share stands beside the share.
    let name = of.figures[figure].name;
    let limits = of.limits.iter().filter(|limit| limit.of.strip_suffix("_below").unwrap_or(&limit.of) == name);
    let marks = limits.map(|limit| Mark::Horizontal { at: limit.bound(), label: limit.bound().to_string() });
    let x = Axis::log(if of.kind.is_of_arrays() { "lines of the array (1)" } else { "side of the cell (nm)" });
    let x = match &xs[..] {
        [first, .., last] => x.within(first / 1.2, last * 1.2),
        _ => x,
    };
    Chart { title: title.to_owned(), x, y, curves, marks: marks.collect(), ..Chart::default() }
}

/// What is dashed in the chart of a figure.
fn what_closed(of: &Scaling, figure: usize) -> &'static str {
    match figure {
        _ if of.kind.is_of_arrays() => "closed form",
        at if at == CellFigureIs::WithoutCharge as usize => "cells without a dot",
        at if at == CellFigureIs::Failed as usize => "below, with 95 %",
        at if at == CellFigureIs::WindowSpread as usize => "independent dots",
        _ => "closed form",
    }
}

/// What a closed form says, at and between the sizes.
fn closed_form(of: &Scaling, series: &Series, figure: usize) -> Option<Vec<(f64, f64)>> {
    let (first, last) = (of.sizes.first()?.lines_or_nm, of.sizes.last()?.lines_or_nm);
    let steps = 60;
    let xs = (0..=steps).map(|i| first * (last / first).powf(f64::from(i) / f64::from(steps)));
    if of.kind.is_of_arrays() {
        if figure != MeritIs::MarginWorst as usize || of.sizes.iter().any(|size| size.rows != size.cols) {
            return None;
        }
        let ideal = series.over_seeds(MeritIs::MarginIdeal as usize).first()?.0;
        let k = series.over_seeds(MeritIs::Selectivity as usize).first()?.0;
        let scheme = series.case.scheme.as_deref()?;
        return xs.map(|n| Some((n, ideal / (1.0 + sneak(scheme, n, k)?)))).collect();
    }
    let dots = |nm: f64| {
        // They grow with the area.
        let at = of.sizes.last().map_or(f64::NAN, |size| size.lines_or_nm);
        series.over_seeds(CellFigureIs::Dots as usize).last().map_or(f64::NAN, |of| of.0) * (nm / at).powi(2)
    };
    match figure {
        at if at == CellFigureIs::WithoutCharge as usize => {
            let chance = xs.map(|nm| (nm, (-dots(nm)).exp()));
            Some(chance.filter(|(_, share)| *share > 1e-12).collect())
        }
        at if at == CellFigureIs::Failed as usize => {
            let over = series.over_seeds(CellFigureIs::FailedBelow as usize);
            Some(of.sizes.iter().zip(&over).map(|(size, of)| (size.lines_or_nm, of.0)).collect())
        }
        at if at == CellFigureIs::WindowSpread as usize => {
            // `telegraph` is sqrt((1 - F)/(N F))/(1 - (1 - theta0) F): the same chance, drawn once.
            let over = series.over_seeds(CellFigureIs::Telegraph as usize);
            let (size, telegraph) = of.sizes.iter().zip(&over).rev().find(|(_, of)| of.0.is_finite())?;
            Some(xs.map(|nm| (nm, telegraph.0 * size.lines_or_nm / nm)).collect())
        }
        _ => None,
    }
}

/// Currents of the other cells over the selected one's, all cells alike, lines without resistance, `n` of them; for cells
/// whose current goes as a power of the voltage, `K = I(V)/I(V/2)`.
fn sneak(scheme: &str, n: f64, k: f64) -> Option<f64> {
    let (others, linear) = (n - 1.0, (k - 2.0).abs() < 0.02);
    match scheme {
        "grounded" | "isolated" => Some(0.0),
        "half" => Some(others / k),
        // A selector is no power law.
        "third" if linear => Some(others * 3f64.powf(-k.log2())),
        // Two groups of N - 1 cells and one of (N - 1)^2 in series, of linear cells.
        "floating" if linear => Some(1.0 / (2.0 / others + 1.0 / (others * others))),
        _ => None,
    }
}

/// How far sizes go, over temperature and time: a map for each material, place of the sweeps and limit.
fn reaches(of: &Scaling) -> Option<ScalingFigure> {
    let mut groups: Vec<(String, usize)> = Vec::new();
    for answer in &of.answers {
        let group = (group(&of.series[answer.series].case), answer.limit);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let maps: Vec<Chart> = groups.iter().filter_map(|(name, limit)| map(of, name, *limit)).collect();
    if maps.is_empty() {
        return None;
    }
    let left_out = maps.len().saturating_sub(MOST_MAPS);
    let more = if left_out > 0 { format!(" {left_out} more are in answers.csv.") } else { String::new() };
    let ends =
        "White: no computed size keeps to the limit. Where all computed sizes do, the colour is that of the last one.";
    Some(ScalingFigure {
        name: "reach",
        title: "Over temperature and time",
        caption: format!("Colour: the size up to which the limit is kept. {ends}{more}"),
        plate: Plate { title: None, panels: maps.into_iter().take(MOST_MAPS).map(Panel::Chart).collect(), columns: 2 },
    })
}

fn group(case: &Case) -> String {
    let sweeps = case.sweeps.iter().map(|(_, value)| format!(", {value}"));
    format!("{}{}", case.material, sweeps.collect::<String>())
}

/// None of fewer than two temperatures, or two times after programming.
fn map(of: &Scaling, name: &str, limit: usize) -> Option<Chart> {
    let answers: Vec<_> = of
        .answers
        .iter()
        .filter(|answer| answer.limit == limit)
        .map(|answer| (&of.series[answer.series].case, answer.reach))
        .filter(|(case, _)| group(case) == name && case.time_s > 0.0)
        .collect();
    let sorted = |values: Vec<f64>| {
        let mut values = values;
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    };
    let celsius = sorted(answers.iter().map(|(case, _)| case.temperature_c).collect());
    let times_s = sorted(answers.iter().map(|(case, _)| case.time_s).collect());
    if celsius.len() < 2 || times_s.len() < 2 {
        return None;
    }
    let values = Array2::from_shape_fn((times_s.len(), celsius.len()), |(time, degrees)| {
        let found =
            answers.iter().find(|(case, _)| case.time_s == times_s[time] && case.temperature_c == celsius[degrees]);
        found.and_then(|(_, reach)| Reach::size(reach)).unwrap_or(f64::NAN)
    });
    let logs: Vec<f64> = times_s.iter().map(|s| s.ln()).collect();
    let y_edges: Vec<f64> = edges(&logs).into_iter().map(f64::exp).collect();
    let label =
        if of.kind.is_of_arrays() { "lines of the largest array (1)" } else { "side of the smallest cell (nm)" };
    let heat = Heat {
        x_edges: edges(&celsius),
        y_edges: y_edges.clone(),
        values,
        label: label.to_owned(),
        range: None,
        log: true,
    };
    let ticks = times_s.iter().map(|&s| (s, spoken_time(s)));
    let y = Axis::log("time after programming").within(y_edges[0], y_edges[times_s.len()]).ticked(ticks);
    let (left, right) = (heat.x_edges[0], heat.x_edges[celsius.len()]);
    Some(Chart {
        title: name.to_owned(),
        subtitle: Some(of.limits[limit].in_words()),
        x: Axis::linear("temperature of the bake (°C)").within(left, right),
        y,
        heat: Some(Box::new(heat)),
        ..Chart::default()
    })
}

/// Edges of fields about numbers, half way to their neighbours.
fn edges(at: &[f64]) -> Vec<f64> {
    let inner = at.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
    let first = at[0] - 0.5 * (at[1] - at[0]);
    let last = at[at.len() - 1] + 0.5 * (at[at.len() - 1] - at[at.len() - 2]);
    std::iter::once(first).chain(inner).chain(std::iter::once(last)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_of_sneak_currents() {
        // Linear cells: half of the bias over N - 1 cells, a third of it over N - 1.
        assert_eq!(sneak("half", 11.0, 2.0), Some(5.0));
        assert!((sneak("third", 10.0, 2.0).unwrap() - 3.0).abs() < 1e-12);
        // 2 x 2 floating: three cells in series.
        assert!((sneak("floating", 2.0, 2.0).unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!((sneak("grounded", 9.0, 2.0), sneak("own", 9.0, 2.0)), (Some(0.0), None));
        assert_eq!(edges(&[1.0, 2.0, 4.0]), [0.5, 1.5, 3.0, 5.0]);
    }
}
