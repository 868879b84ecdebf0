//! How large an array, or how small a cell, may be: figures over sizes, and where they meet the limits of a study.
//!
//! # Theory
//! A limit is met from one end of the sizes on: an array keeps to it while it is small, a cell while it is large. The
//! answer is the last size of that run, and where the next computed size no longer keeps to the limit, a size between
//! the two: figures are taken for straight lines between computed sizes, in the logarithm of the size, and in that of
//! the figure where it and the limit are positive. Nothing is said beyond the computed sizes.
//!
//! Sizes that a seed is computed for give one answer a seed; the answer is the middle one, of two the smaller, with the
//! least and the most.

mod cells;
mod reach;
mod text;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use reach::Reach;
pub use text::{answers_csv, figures_csv, in_brief, over_seeds, paragraph, said, table};

use trapline_model::outcome::{CampaignRecord, Coordinate, Merit, RecordedPoint, Sweep};
use trapline_model::protocol::{CELL_AREA, LimitFile, MAX_LIMITS, SCHEME_KEY, StudyFile, StudyKind};
use trapline_model::toml_file;
use trapline_model::units::celsius;

/// The rest of a campaign file is none of this room's business.
#[derive(Deserialize)]
struct CampaignFile {
    study: Option<StudyFile>,
    array: Option<ArrayTable>,
}

#[derive(Deserialize)]
struct ArrayTable {
    scheme: Option<SchemeTable>,
}

#[derive(Deserialize)]
struct SchemeTable {
    unselected: Option<String>,
}

/// Why there is nothing to say. One line each.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScalingError {
    #[error(
        "its campaign has no [study] (kind, limits): there is no question; `trapline scale --list` names those that have"
    )]
    NoTable,
    #[error("its campaign cannot be read: {0}; it was written by another version")]
    Campaign(String),
    #[error("it has no sweep {0:?} of sizes; it was written by another program")]
    NoSizes(String),
    #[error("no point of it is computed; go on with --resume")]
    Nothing,
}

/// What a study found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scaling {
    pub campaign: String,
    pub kind: StudyKind,
    pub limits: Vec<LimitFile>,
    #[serde(skip)]
    pub figures: &'static [Merit],
    /// Ascending.
    pub sizes: Vec<Size>,
    /// Of every case, in the order of the points.
    pub series: Vec<Series>,
    pub answers: Vec<Answer>,
    /// What the record says of points, each once, and of how many.
    pub remarks: Vec<(String, usize)>,
}

/// A size of an array or a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Size {
    /// Lines of a square array of as many cells; or the side of a square cell, nm.
    pub lines_or_nm: f64,
    pub rows: u64,
    pub cols: u64,
    /// Place on the sweep.
    #[serde(skip)]
    pub place: usize,
}

/// A material at a temperature, at a time and a place of the sweeps that are neither sizes nor seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    pub material: String,
    pub temperature_c: f64,
    pub time_s: f64,
    /// Name and value of each.
    pub sweeps: Vec<(String, String)>,
    /// How other lines are held, as the file or a sweep says.
    pub scheme: Option<String>,
}

/// The figures of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    #[serde(flatten)]
    pub case: Case,
    /// Values by seed, size and figure; NaN where none is known.
    #[serde(skip)]
    pub values: Vec<Vec<Vec<f64>>>,
    /// The least share that so few cells can show, by the same; 0 of figures that are no bounds of shares.
    #[serde(skip)]
    least_shown: Vec<Vec<Vec<f64>>>,
}

impl Series {
    /// Mean over the seeds of a figure at each size, and its least and its most; NaN where no seed has a value.
    pub fn over_seeds(&self, figure: usize) -> Vec<(f64, f64, f64)> {
        let sizes = self.values.first().map_or(0, Vec::len);
        let of = |size: usize| {
            let known: Vec<f64> = self.values.iter().map(|seed| seed[size][figure]).filter(|v| !v.is_nan()).collect();
            if known.is_empty() {
                return (f64::NAN, f64::NAN, f64::NAN);
            }
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            (
                mean,
                known.iter().copied().fold(f64::INFINITY, f64::min),
                known.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            )
        };
        (0..sizes).map(of).collect()
    }
}

impl Scaling {
    /// The answer of a case to a limit: there is one for each.
    pub(crate) fn answer(&self, series: usize, limit: usize) -> Option<&Answer> {
        self.answers.get(series * self.limits.len() + limit)
    }
}

/// A limit in a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Places in [`Scaling::series`] and [`Scaling::limits`].
    pub series: usize,
    pub limit: usize,
    /// The middle one of the seeds.
    pub reach: Reach,
    /// Least and most of the seeds; the same where there is one.
    pub seeds: (Reach, Reach),
}

/// What a campaign file asks.
///
/// # Errors
/// [`ScalingError::NoTable`], [`ScalingError::Campaign`].
pub fn question(campaign_toml: &str) -> Result<StudyFile, ScalingError> {
    let file: CampaignFile = toml_file::read(campaign_toml).map_err(ScalingError::Campaign)?;
    file.study.ok_or(ScalingError::NoTable)
}

/// Answers the study of a record.
///
/// # Errors
/// [`ScalingError`].
pub fn scaling(record: &CampaignRecord) -> Result<Scaling, ScalingError> {
    let file: CampaignFile = toml_file::read(&record.label.campaign_toml).map_err(ScalingError::Campaign)?;
    let mut study = file.study.ok_or(ScalingError::NoTable)?;
    // What a campaign file may have; a record made by hand may have more.
    study.limits.truncate(MAX_LIMITS);
    let scheme = file.array.and_then(|array| array.scheme).and_then(|scheme| scheme.unselected);
    let label = &record.label;
    let axis_of = |name: &str| label.sweeps.iter().position(|sweep| sweep.name == name);
    let size_axis = axis_of(&study.size).ok_or_else(|| ScalingError::NoSizes(study.size.clone()))?;
    if record.computed() == 0 {
        return Err(ScalingError::Nothing);
    }
    let seeds: Vec<usize> = (0..label.sweeps.len()).filter(|&axis| is_of_seeds(&label.sweeps[axis])).collect();
    let mut sizes = sizes(record, study.kind, size_axis);
    sizes.sort_by(|a, b| a.lines_or_nm.total_cmp(&b.lines_or_nm));
    let count = sizes.len();
    let order: Vec<usize> =
        (0..count).map(|place| sizes.iter().position(|of| of.place == place).unwrap_or(0)).collect();
    let figures = study.kind.figures();
    let times_s: Vec<f64> = match study.kind.is_of_arrays() {
        true => label.circuit_times_s.clone(),
        false => std::iter::once(0.0).chain(label.report_times_s.iter().copied()).collect(),
    };
    let seed_count: usize = seeds.iter().map(|&axis| label.sweeps[axis].coordinate.len()).product();
    let mut series: Vec<Series> = Vec::new();
    let mut known: HashMap<(Vec<usize>, usize, usize, usize), usize> = HashMap::new();
    for point in &record.points {
        let place = &point.label.sweep_index;
        let others: Vec<usize> = (0..place.len()).filter(|axis| *axis != size_axis && !seeds.contains(axis)).collect();
        let named: Vec<(String, String)> = others
            .iter()
            .map(|&axis| (label.sweeps[axis].name.clone(), label.sweeps[axis].coordinate.text(place[axis])))
            .collect();
        let swept = others.iter().find_map(|&axis| scheme_at(&label.sweeps[axis], place[axis]));
        let seed = seeds.iter().fold(0, |seed, &axis| seed * label.sweeps[axis].coordinate.len() + place[axis]);
        for (time, &time_s) in times_s.iter().enumerate() {
            let case = Case {
                material: point.label.material.clone(),
                temperature_c: celsius(point.label.temperature_k),
                time_s,
                sweeps: named.clone(),
                scheme: swept.clone().or_else(|| scheme.clone()),
            };
            let places = others.iter().map(|&axis| place[axis]).collect();
            let key = (places, point.label.material_index, point.label.temperature_index, time);
            let at = *known.entry(key).or_insert_with(|| {
                let values = vec![vec![vec![f64::NAN; figures.len()]; count]; seed_count];
                let least_shown = vec![vec![vec![0.0; figures.len()]; count]; seed_count];
                series.push(Series { case, values, least_shown });
                series.len() - 1
            });
            let size = order[place[size_axis]];
            series[at].values[seed][size] = values(record, point, study.kind, time, time_s);
            if let (false, Some(outcome)) = (study.kind.is_of_arrays(), &point.outcome) {
                let shown = |figure| cells::least_shown(outcome, figure);
                series[at].least_shown[seed][size] = (0..figures.len()).map(shown).collect();
            }
        }
    }
    let answers = answers(&study, &sizes, &series);
    let mut remarks = remarks(record);
    remarks.splice(0..0, too_few_cells(&study, &series));
    let (computed, all) = (record.computed(), record.points.len());
    if computed < all {
        let what = "not computed here: merge the pieces of the study, or go on with --resume";
        remarks.insert(0, (what.to_owned(), all - computed));
    }
    let campaign = label.name.clone();
    Ok(Scaling { campaign, kind: study.kind, limits: study.limits, figures, sizes, series, answers, remarks })
}

fn is_of_seeds(sweep: &Sweep) -> bool {
    sweep.keys.iter().all(|key| ["seed", "seed_offset"].contains(&key.key.as_str()))
}

fn scheme_at(sweep: &Sweep, place: usize) -> Option<String> {
    let key = sweep.keys.iter().find(|key| key.key == SCHEME_KEY)?;
    Some(key.values.text(place))
}

/// The sizes of the sweep, in its order.
fn sizes(record: &CampaignRecord, kind: StudyKind, axis: usize) -> Vec<Size> {
    let label = &record.label;
    let length = label.sweeps[axis].coordinate.len();
    let first = |place: usize| label.settings.iter().enumerate().find(|(n, _)| label.place(*n)[axis] == place);
    let area = label.sweeps[axis].keys.iter().find(|key| key.key == CELL_AREA).map(|key| &key.values);
    let side_nm = |place: usize| match area {
        Some(Coordinate::Real(um2)) => 1e3 * um2[place].sqrt(),
        Some(Coordinate::Whole(um2)) => 1e3 * (um2[place] as f64).sqrt(),
        _ => f64::NAN,
    };
    (0..length)
        .map(|place| {
            let (rows, cols) = first(place).map_or((0, 0), |(_, of)| (of.rows, of.cols));
            let lines = (rows as f64 * cols as f64).sqrt();
            Size { lines_or_nm: if kind.is_of_arrays() { lines } else { side_nm(place) }, rows, cols, place }
        })
        .collect()
}

/// The figures of a point at a time.
fn values(record: &CampaignRecord, point: &RecordedPoint, kind: StudyKind, time: usize, time_s: f64) -> Vec<f64> {
    let unknown = vec![f64::NAN; kind.figures().len()];
    let Some(outcome) = &point.outcome else { return unknown };
    if kind.is_of_arrays() {
        return outcome.circuit.as_ref().map_or(unknown, |circuit| circuit.values.row(time).to_vec());
    }
    cells::figures(record, point, outcome, time_s).unwrap_or(unknown)
}

fn answers(study: &StudyFile, sizes: &[Size], series: &[Series]) -> Vec<Answer> {
    let xs: Vec<f64> = sizes.iter().map(|size| size.lines_or_nm).collect();
    let mut answers = Vec::new();
    for (place, of) in series.iter().enumerate() {
        for (number, limit) in study.limits.iter().enumerate() {
            let figure = study.kind.figures().iter().position(|figure| figure.name == limit.of);
            let of_seed = |(seed, shown): (&Vec<Vec<f64>>, &Vec<Vec<f64>>)| {
                let of = |(size, shown): (&Vec<f64>, &Vec<f64>)| match figure {
                    // A share within the limit, of too few cells to show it, is not known. The share stands before its
                    // bound.
                    Some(at) if shown[at] > 0.0 && !limit.holds(shown[at]) && limit.holds(size[at - 1]) => f64::NAN,
                    Some(at) => size[at],
                    None => f64::NAN,
                };
                let values: Vec<f64> = seed.iter().zip(shown).map(of).collect();
                reach::reach(&xs, &values, limit, study.kind.is_of_arrays())
            };
            let mut each: Vec<Reach> = of.values.iter().zip(&of.least_shown).map(of_seed).collect();
            let rising = study.kind.is_of_arrays();
            each.sort_by(|a, b| a.at(rising).total_cmp(&b.at(rising)));
            let (Some(least), Some(most)) = (each.first(), each.last()) else { continue };
            let reach = each[(each.len() - 1) / 2];
            answers.push(Answer { series: place, limit: number, reach, seeds: (*least, *most) });
        }
    }
    answers
}

/// Limits that the cells of some points are too few to show, each once with the number of those points and times.
fn too_few_cells(study: &StudyFile, series: &[Series]) -> Vec<(String, usize)> {
    let mut remarks = Vec::new();
    for limit in &study.limits {
        let figure = study.kind.figures().iter().position(|figure| figure.name == limit.of);
        let shown = series.iter().flat_map(|of| &of.least_shown).flatten();
        let of_figure = shown.filter_map(|size| figure.map(|at| size[at]));
        let lacking: Vec<f64> = of_figure.filter(|least| *least > 0.0 && !limit.holds(*least)).collect();
        if let Some(least) = lacking.iter().copied().reduce(f64::min) {
            let what = format!(
                "so few cells cannot show {}: with none of them so, 95 % confidence is {least:.1e} at most; take more (--rows, \
                 --cols)",
                limit.in_words()
            );
            remarks.push((what, lacking.len()));
        }
    }
    remarks
}

/// Remarks on points, each once with the number of points that have it.
fn remarks(record: &CampaignRecord) -> Vec<(String, usize)> {
    let mut remarks: Vec<(String, usize)> = Vec::new();
    for flag in record.points.iter().flat_map(|point| &point.label.flags) {
        match remarks.iter_mut().find(|(known, _)| known == flag) {
            Some((_, count)) => *count += 1,
            None => remarks.push((flag.clone(), 1)),
        }
    }
    remarks
}

#[cfg(test)]
mod tests;
