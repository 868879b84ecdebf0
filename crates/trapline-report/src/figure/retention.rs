//! Retention curves against the logarithm of time: for each material the mean window kept, and below it the window
//! lost on a logarithmic axis, where what keeps nearly all still shows its differences.

use std::path::Path;

use super::plate::{Panel, Plate};
use super::{Axis, Chart, Colour, Curve, FigureError, Mark, Style};
use trapline_model::cell::validity;
use trapline_model::outcome::CampaignRecord;
use trapline_model::units::celsius_texts;

/// More panels than this are too small to read.
const MOST_PANELS: usize = 12;
/// So many cases of the sweeps have panels or colours of their own.
const FEW_CASES: usize = 6;
/// So many lie over one another at most; of more, evenly chosen ones.
const MOST_CASES: usize = 50;
/// More temperatures than this are named at intervals.
const MOST_NAMES: usize = 18;
/// Smaller losses of the window are rounding: cells are read in single precision.
const LEAST_LOSS: f64 = 1e-6;

/// The figure of a campaign.
///
/// Each column is a material, each curve the mean of `kept` at one temperature, or of one minus that, coloured from
/// cold to hot, with one standard deviation to either side shaded. The dashed grey line is the threshold below which a
/// cell fails, dashed curves are of points outside the model's validity. The checkpoint at t = 0, where `kept` is 1 by
/// definition, has no place on a logarithmic axis. What was not computed, or has no programmed cell, is said in its
/// panel. Of a campaign with sweeps all cases are drawn: beside one another where they are few, else over one another.
///
/// # Errors
/// [`FigureError::TooMany`] where a record has more materials than a figure holds; `stem` is what the figure would be called.
pub fn retention(record: &CampaignRecord, stem: &Path) -> Result<Plate, FigureError> {
    let found = record.label.materials.len();
    if !(1..=MOST_PANELS).contains(&found) {
        return Err(FigureError::TooMany { path: stem.to_owned(), found, limit: MOST_PANELS });
    }
    Ok(Retention::new(record).plate())
}

/// What is drawn in a panel.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Kept,
    Lost,
}

/// A column of panels: a material at some cases of the sweeps.
struct Column {
    material: usize,
    cases: Vec<usize>,
    title: String,
}

struct Retention<'a> {
    record: &'a CampaignRecord,
    /// Temperature indices from hot to cold, as the curves lie from the fastest loss to the slowest.
    order: Vec<usize>,
    columns: Vec<Column>,
    /// Whether colours tell cases apart, and not temperatures.
    by_case: bool,
    /// Axes that all panels share.
    time: Axis,
    kept: Axis,
    lost: Axis,
}

impl<'a> Retention<'a> {
    fn new(record: &'a CampaignRecord) -> Self {
        let label = &record.label;
        let mut order: Vec<usize> = (0..label.temperatures_k.len()).collect();
        order.sort_by(|&a, &b| label.temperatures_k[b].total_cmp(&label.temperatures_k[a]));
        let (columns, by_case) = columns(record);
        let drawn = || columns.iter().flat_map(|of| of.cases.iter().map(|case| (*case, of.material)));
        let shown = || drawn().flat_map(|(case, m)| record.of_material(case, m));
        let outcomes = || shown().filter_map(|point| point.outcome.as_ref());
        let means = || outcomes().flat_map(|outcome| outcome.kept.mean.iter().copied()).filter(|v| v.is_finite());
        let thresholds = || drawn().map(|(case, m)| threshold(record, case, m));
        // Kept lies between 0 and 1 unless a bake adds charge; a made-up record may hold anything.
        let (low, high) = (means().fold(0.0, f64::min).max(-1.0), means().fold(1.0, f64::max).min(3.0));
        let margin = 0.03 * (high - low);
        let time = Axis::time("time after programming (s)");
        let losses = means().chain(thresholds()).map(|kept| 1.0 - kept);
        Retention {
            time: match padded(label.times_s.iter().copied()) {
                Some((first, last)) => time.within(first, last),
                None => time,
            },
            kept: Axis::linear("mean window kept (1)").within(low - margin, high + margin),
            lost: match padded(losses.filter(|loss| (LEAST_LOSS..=10.0).contains(loss))) {
                Some((least, most)) => Axis::log("mean window lost (1)").within(least, most),
                None => Axis::log("mean window lost (1)"),
            },
            record,
            order,
            columns,
            by_case,
        }
    }

    fn plate(&self) -> Plate {
        let count = self.columns.len();
        let across = match count {
            1..=3 => count,
            4 => 2,
            _ => 3,
        };
        let mut panels = Vec::new();
        for first in (0..count).step_by(across) {
            for shown in [Shown::Kept, Shown::Lost] {
                let chart =
                    |at: usize| self.columns.get(at).map_or(Panel::Blank, |of| Panel::Chart(self.chart(of, shown)));
                panels.extend((first..first + across).map(chart));
            }
        }
        let shaded = panels.iter().any(|panel| matches!(panel, Panel::Chart(chart) if chart.shows_shade()));
        // One legend for all, beside the first row.
        if let Some(Panel::Chart(chart)) = panels.get_mut(across.min(count).saturating_sub(1)) {
            for (curve, name) in chart.curves.iter_mut().zip(self.names()) {
                curve.label = name;
            }
            if let Some(threshold) = chart.curves.last_mut() {
                threshold.label = self.threshold_in_words();
            }
            chart.shade = if shaded { "±1 sd of cells".to_owned() } else { String::new() };
        }
        Plate { title: Some(self.title()), panels, columns: across }
    }

    /// What cells of a column must keep: each threshold once, in rising order.
    fn thresholds(&self, column: &Column) -> Vec<f64> {
        let mut all: Vec<f64> =
            column.cases.iter().map(|case| threshold(self.record, *case, column.material)).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    }

    /// In the legend, where it covers no curve.
    fn threshold_in_words(&self) -> String {
        let mut all: Vec<f64> = self.columns.iter().flat_map(|column| self.thresholds(column)).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        match &all[..] {
            few if few.len() <= 3 => {
                format!("fails below {}", few.iter().map(f64::to_string).collect::<Vec<_>>().join(", "))
            }
            many => format!("fails below {} to {}", many[0], many[many.len() - 1]),
        }
    }

    fn title(&self) -> String {
        let (label, record) = (&self.record.label, self.record);
        let settings = &label.settings[0];
        let missing = match record.points.len() - record.computed() {
            0 => String::new(),
            n => format!(", {n} of {} points not computed", record.points.len()),
        };
        let size = match label.common(|of| (of.rows, of.cols)) {
            Some((rows, cols)) => format!("{rows} × {cols} cells"),
            None => "arrays of several sizes".to_owned(),
        };
        let cases = match record.cases() {
            1 => format!(", seed {}", settings.seed),
            all => {
                let mut drawn: Vec<usize> = self.columns.iter().flat_map(|of| of.cases.clone()).collect();
                drawn.sort_unstable();
                drawn.dedup();
                let names = label.sweeps.iter().map(|sweep| sweep.name.clone()).collect::<Vec<_>>().join(" and ");
                let some =
                    if drawn.len() < all { format!("{} of {all} cases", drawn.len()) } else { format!("{all} cases") };
                format!(", {some} of {names}")
            }
        };
        format!("Retention, {}: {size}{cases}{missing}", label.name)
    }

    /// Names of the curves of a column's first case, or of its cases; of very many, most have none.
    fn names(&self) -> Vec<String> {
        let label = &self.record.label;
        let all: Vec<String> = if self.by_case {
            self.columns
                .first()
                .map_or_else(Vec::new, |of| of.cases.iter().map(|case| case_name(self.record, *case)).collect())
        } else {
            let degrees = celsius_texts(&label.temperatures_k);
            self.order.iter().map(|&t| format!("{} °C", degrees[t])).collect()
        };
        let (every, last) = (all.len().div_ceil(MOST_NAMES).max(1), all.len().saturating_sub(1));
        let named = |rank: usize| rank.is_multiple_of(every) || rank == last;
        all.into_iter().enumerate().map(|(rank, name)| if named(rank) { name } else { String::new() }).collect()
    }

    fn chart(&self, column: &Column, shown: Shown) -> Chart {
        let thresholds = self.thresholds(column);
        let celsius = celsius_texts(&self.record.label.temperatures_k);
        let (degrees, cases) = (self.order.len(), column.cases.len());
        let mut curves = Vec::new();
        for (rank, &case) in column.cases.iter().enumerate() {
            for (place, &t) in self.order.iter().enumerate() {
                let colour = match self.by_case {
                    true => Colour::ordered(rank, cases),
                    false => Colour::ordered(degrees - 1 - place, degrees),
                };
                let case_is = Some(case_name(self.record, case)).filter(|name| !name.is_empty());
                let name = [Some(format!("{} °C", celsius[t])), case_is].into_iter().flatten().collect::<Vec<_>>();
                let curve = self.curve(column.material, case, t, shown).named(name.join(", "));
                let mut curve = curve.coloured(colour);
                // Of cases over one another, the first has the shade.
                if rank > 0 {
                    curve.spread.clear();
                }
                if outside_validity(self.record, column.material, case, t) {
                    curve.style = Style::Dashed;
                }
                curves.push(curve);
            }
        }
        let (title, y) = match shown {
            Shown::Kept => (column.title.clone(), &self.kept),
            Shown::Lost => (String::new(), &self.lost),
        };
        let line = |kept: &f64| {
            let at = if shown == Shown::Kept { *kept } else { 1.0 - kept };
            Mark::Horizontal { at, label: String::new() }
        };
        let marked = curves.iter().any(|curve| curve.style == Style::Dashed);
        // The threshold's place in the legend; its line is a mark.
        curves.push(Curve::line("", Vec::new()).styled(Style::Dashed).coloured(Colour::GREY));
        Chart {
            title,
            subtitle: (marked && shown == Shown::Kept).then(|| "dashed: outside the model's validity".to_owned()),
            x: self.time.clone(),
            y: y.clone(),
            empty: self.why_empty(column, shown),
            curves,
            marks: thresholds.iter().map(line).collect(),
            ..Chart::default()
        }
    }

    fn curve(&self, material: usize, case: usize, temperature: usize, shown: Shown) -> Curve {
        let (mut points, mut spread) = (Vec::new(), Vec::new());
        if let Some(outcome) = &self.record.of_material(case, material)[temperature].outcome {
            for (k, &time) in outcome.times_s.iter().enumerate() {
                let (mean, sd) = (outcome.kept.mean[k], outcome.kept.variance[k].sqrt());
                let value = if shown == Shown::Kept { mean } else { 1.0 - mean };
                points.push((time, value));
                spread.push((value - sd, value + sd));
            }
        }
        Curve::line("", points).shaded(spread)
    }

    fn why_empty(&self, column: &Column, shown: Shown) -> String {
        let points = column.cases.iter().flat_map(|case| self.record.of_material(*case, column.material));
        let mut outcomes = points.filter_map(|point| point.outcome.as_ref()).peekable();
        let why = if outcomes.peek().is_none() {
            "not computed"
        } else if outcomes.all(|outcome| outcome.programmed == 0) {
            "no cell was programmed"
        } else if self.record.label.times_s.iter().all(|&time| time <= 0.0) {
            "no checkpoint after t = 0"
        } else if shown == Shown::Lost {
            "nothing lost beyond rounding"
        } else {
            "no defined value"
        };
        why.to_owned()
    }
}

/// Which cases of the sweeps are drawn where: few cases that differ in more than their seed have a column each, or a colour
/// each where there is one temperature; any others lie over one another.
fn columns(record: &CampaignRecord) -> (Vec<Column>, bool) {
    let label = &record.label;
    let (materials, cases) = (label.materials.len(), record.cases());
    let seeds_alone = label.sweeps.iter().all(|sweep| ["seed", "seed_offset"].contains(&sweep.name.as_str()));
    let few = cases > 1 && cases <= FEW_CASES && !seeds_alone;
    let by_case = few && label.temperatures_k.len() == 1;
    let of_material = |m: usize| label.materials[m].0.clone();
    if few && !by_case && materials * cases <= MOST_PANELS {
        let of = |m: usize| move |case: usize| (m, case);
        let pairs = (0..materials).flat_map(|m| (0..cases).map(of(m)));
        let column = |(m, case): (usize, usize)| Column {
            material: m,
            cases: vec![case],
            title: match materials {
                1 => case_name(record, case),
                _ => format!("{}, {}", of_material(m), case_name(record, case)),
            },
        };
        return (pairs.map(column).collect(), false);
    }
    let drawn: Vec<usize> = (0..cases).step_by(cases.div_ceil(MOST_CASES).max(1)).collect();
    let column = |m: usize| Column { material: m, cases: drawn.clone(), title: of_material(m) };
    ((0..materials).map(column).collect(), by_case)
}

/// What a cell must keep at a case, for a material.
fn threshold(record: &CampaignRecord, case: usize, material: usize) -> f64 {
    let number = record.of_material(case, material).first().map_or(0, |point| point.label.number);
    record.label.settings[number].kept_threshold
}

/// What the sweeps of a case are set to.
fn case_name(record: &CampaignRecord, case: usize) -> String {
    let Some(point) = record.of_material(case, 0).first() else { return String::new() };
    let places = record.label.sweeps.iter().zip(&point.label.sweep_index);
    places.map(|(sweep, &at)| format!("{} {}", sweep.name, sweep.coordinate.text(at))).collect::<Vec<_>>().join(", ")
}

/// Whether the model says that a point lies outside of what it was made for.
fn outside_validity(record: &CampaignRecord, material: usize, case: usize, temperature: usize) -> bool {
    record.of_material(case, material)[temperature].label.flags.iter().any(|flag| validity::is_outside(flag))
}

/// Ends of a logarithmic axis: the ends of these positive numbers and a little room, never as much as a decade.
fn padded(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let positive = values.filter(|v| v.is_finite() && *v > 0.0).map(f64::log10);
    let (low, high) = positive.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let room = if low < high { (0.03 * (high - low)).clamp(0.02, 0.4) } else { 0.4 };
    (low <= high).then(|| (10_f64.powf(low - room), 10_f64.powf(high + room)))
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn axes_hold_their_data_and_little_more() {
        for (first, last) in [(1e5, 2e5), (1.0, 3.2e8), (1e-9, 1e14), (100.0, 100.0)] {
            let (low, high) = padded([0.0, last, f64::NAN, first, -1.0].into_iter()).unwrap();
            assert!(low < first && last < high, "{low} {high}");
            let (whole, data) = ((high / low).log10(), (last / first).log10());
            assert!(whole - data < 1.0 && (data == 0.0 || data / whole > 0.85), "{data} of {whole} decades");
        }
        assert_eq!(padded([0.0, f64::NAN, -1.0].into_iter()), None);
    }
}
