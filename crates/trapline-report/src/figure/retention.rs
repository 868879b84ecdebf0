//! Retention curves against the logarithm of time: for each material the mean window kept, and below it the window
//! lost on a logarithmic axis, where what keeps nearly all still shows its differences.

use std::path::{Path, PathBuf};

use super::plate::{Panel, Plate, stage_plate};
use super::{Axis, Chart, Colour, Curve, FigureError, Mark};
use trapline_model::files::commit::Batch;
use trapline_model::outcome::{CampaignRecord, PointSettings, Sweep};
use trapline_model::units::{YEAR_S, celsius_texts};

/// More panels than this are too small to read.
const MOST_PANELS: usize = 12;
/// More temperatures than this are named at intervals.
const MOST_NAMES: usize = 18;
/// Smaller losses of the window are rounding: cells are read in single precision.
const LEAST_LOSS: f64 = 1e-6;

/// Writes `STEM.png` and `STEM.svg` and returns their paths.
///
/// Each column is a material, each curve the mean of `kept` at one temperature, or of one minus that, coloured from
/// cold to hot, with one standard deviation to either side shaded. The dashed line is the threshold below which a
/// cell fails. The checkpoint at t = 0, where `kept` is 1 by definition, has no place on a logarithmic axis. What was
/// not computed, or has no programmed cell, is said in its panel. Of a campaign with sweeps the first place of all of
/// them is drawn, and the title says so.
///
/// # Errors
/// [`FigureError`] where the folder cannot be written, or a record has more materials than a figure holds.
pub fn retention(record: &CampaignRecord, stem: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let mut batch = Batch::new();
    let paths = stage_retention(&mut batch, record, stem)?;
    batch.replace()?;
    Ok(paths)
}

/// The same of files that get their names with the rest of a batch.
///
/// # Errors
/// As [`retention`].
pub fn stage_retention(batch: &mut Batch, record: &CampaignRecord, stem: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let found = record.label.materials.len();
    if !(1..=MOST_PANELS).contains(&found) {
        return Err(FigureError::TooMany { path: stem.to_owned(), found, limit: MOST_PANELS });
    }
    stage_plate(batch, &Retention::new(record).plate(), stem)
}

/// What is drawn in a panel.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    Kept,
    Lost,
}

struct Retention<'a> {
    record: &'a CampaignRecord,
    /// Temperature indices from hot to cold, as the curves lie from the fastest loss to the slowest.
    order: Vec<usize>,
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
        let shown = || (0..label.materials.len()).flat_map(|m| record.of_material(0, m));
        let outcomes = || shown().filter_map(|point| point.outcome.as_ref());
        let means = || outcomes().flat_map(|outcome| outcome.kept.mean.iter().copied()).filter(|v| v.is_finite());
        let threshold = label.settings[0].kept_threshold;
        // Kept lies between 0 and 1 unless a bake adds charge; a made-up record may hold anything.
        let (low, high) = (means().fold(0.0, f64::min).max(-1.0), means().fold(1.0, f64::max).min(3.0));
        let margin = 0.03 * (high - low);
        let named = [(60.0, "1 min"), (3600.0, "1 h"), (86_400.0, "1 d"), (YEAR_S, "1 y"), (10.0 * YEAR_S, "10 y")];
        let time = Axis::log("time after programming (s)").naming(named);
        let losses = means().map(|kept| 1.0 - kept).chain([1.0 - threshold]);
        Retention {
            record,
            order,
            time: match padded(label.times_s.iter().copied()) {
                Some((first, last)) => time.within(first, last),
                None => time,
            },
            kept: Axis::linear("mean window kept (1)").within(low - margin, high + margin),
            lost: match padded(losses.filter(|loss| (LEAST_LOSS..=10.0).contains(loss))) {
                Some((least, most)) => Axis::log("mean window lost (1)").within(least, most),
                None => Axis::log("mean window lost (1)"),
            },
        }
    }

    fn plate(&self) -> Plate {
        let label = &self.record.label;
        let materials = label.materials.len();
        let columns = match materials {
            1..=3 => materials,
            4 => 2,
            _ => 3,
        };
        let mut panels = Vec::new();
        for first in (0..materials).step_by(columns) {
            for shown in [Shown::Kept, Shown::Lost] {
                let chart = |m: usize| Panel::Chart(self.chart(m, shown));
                panels.extend((first..first + columns).map(|m| if m < materials { chart(m) } else { Panel::Blank }));
            }
        }
        let shaded = panels.iter().any(|panel| matches!(panel, Panel::Chart(chart) if chart.shows_shade()));
        // One legend for all, beside the first row.
        if let Some(Panel::Chart(chart)) = panels.get_mut(columns - 1) {
            for (curve, name) in chart.curves.iter_mut().zip(self.names()) {
                curve.label = name;
            }
            chart.shade = if shaded { "±1 sd of cells".to_owned() } else { String::new() };
        }
        Plate { title: Some(self.title()), panels, columns }
    }

    fn title(&self) -> String {
        let (label, record) = (&self.record.label, self.record);
        let settings = &label.settings[0];
        let missing = match record.points.len() - record.computed() {
            0 => String::new(),
            n => format!(", {n} of {} points not computed", record.points.len()),
        };
        let PointSettings { rows, cols, seed, .. } = settings;
        let case = match label.sweeps.as_slice() {
            [] => String::new(),
            sweeps => {
                let value = |sweep: &Sweep| format!("{} {}", sweep.name, sweep.coordinate.text(0));
                let values = sweeps.iter().map(value).collect::<Vec<_>>().join(", ");
                format!(" ({values}: first of {} cases)", record.cases())
            }
        };
        format!("Retention, {}: {rows} × {cols} cells, seed {seed}{case}{missing}", label.name)
    }

    /// Names of the curves; of very many, most have none.
    fn names(&self) -> Vec<String> {
        let degrees = celsius_texts(&self.record.label.temperatures_k);
        let every = self.order.len().div_ceil(MOST_NAMES).max(1);
        let last = self.order.len().saturating_sub(1);
        let name = |(rank, &t): (usize, &usize)| match rank % every == 0 || rank == last {
            true => format!("{} °C", degrees[t]),
            false => String::new(),
        };
        self.order.iter().enumerate().map(name).collect()
    }

    fn chart(&self, material: usize, shown: Shown) -> Chart {
        let label = &self.record.label;
        let threshold = label.settings[0].kept_threshold;
        let count = self.order.len();
        let curve = |(rank, &t): (usize, &usize)| {
            self.curve(material, t, shown).coloured(Colour::ordered(count - 1 - rank, count))
        };
        let (title, y, at, word) = match shown {
            Shown::Kept => (label.materials[material].0.clone(), &self.kept, threshold, "below"),
            Shown::Lost => (String::new(), &self.lost, 1.0 - threshold, "above"),
        };
        Chart {
            title,
            x: self.time.clone(),
            y: y.clone(),
            curves: self.order.iter().enumerate().map(curve).collect(),
            // Twelve decimals hide the rounding of the difference.
            marks: vec![Mark::Horizontal { at, label: format!("fails {word} {}", (at * 1e12).round() / 1e12) }],
            empty: self.why_empty(material, shown),
            ..Chart::default()
        }
    }

    fn curve(&self, material: usize, temperature: usize, shown: Shown) -> Curve {
        let (mut points, mut spread) = (Vec::new(), Vec::new());
        if let Some(outcome) = &self.record.of_material(0, material)[temperature].outcome {
            for (k, &time) in outcome.times_s.iter().enumerate() {
                let (mean, sd) = (outcome.kept.mean[k], outcome.kept.variance[k].sqrt());
                let value = if shown == Shown::Kept { mean } else { 1.0 - mean };
                points.push((time, value));
                spread.push((value - sd, value + sd));
            }
        }
        Curve::line("", points).shaded(spread)
    }

    fn why_empty(&self, material: usize, shown: Shown) -> String {
        let mut outcomes =
            self.record.of_material(0, material).iter().filter_map(|point| point.outcome.as_ref()).peekable();
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
