//! What a campaign will take: time, from a quick measurement on the backend that is going to compute it; room on the disk, from
//! a point that is computed small and written; memory, from what is held at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::compute::outcome;
use super::error::RunError;
use super::plan::Plan;
use super::run::{now, provenance};
use crate::array::ArrayShape;
use crate::backend::{Backend, BackendError};
use crate::outcome::{CampaignLabel, CellWindow, Coordinate, PointOutcome, Provenance, Sweep};
use crate::record::commit::CommitError;
use crate::record::{RecordError, merge_points, write_point};

/// A call this long says how fast a backend is.
const ENOUGH: Duration = Duration::from_millis(200);
/// Rows and columns a measurement begins with.
const FIRST_LINES: u64 = 64;
/// Most kinds of points that are measured, the largest first; the others are put in proportion to their steps.
const MOST_SAMPLES: usize = 12;
/// Copies of a point in a record, and in another: the difference tells what each takes.
const FEW: usize = 2;
const MORE: usize = 8;
/// Most rows and columns of the dump that is written to see what dumps take.
const DUMPED_LINES: u64 = 16;

/// Time of computing.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Time {
    /// All points asked for, s.
    pub seconds: f64,
    /// Points measured, each of another material or programming.
    pub samples: usize,
    /// Whether other kinds were put in proportion.
    pub all_kinds: bool,
}

/// What the record and its points take, on the disk and of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Recording {
    /// The record.
    pub record_bytes: u64,
    /// The points in their folder, until the record is whole.
    pub parts_bytes: u64,
    /// Time of writing one point, ns: the median of the measurement. It passes beside the computing of the next point.
    pub writing_ns: u64,
    /// Time of merging one point into the record when all are computed, ns.
    pub merging_ns: u64,
}

impl Recording {
    /// The time of a run of so many points, s, that takes so long to compute them: they are written meanwhile, and merged afterwards.
    pub fn seconds(&self, points: usize, computing_s: f64) -> f64 {
        let of_all = |one_ns: u64| one_ns as f64 * 1e-9 * points as f64;
        computing_s.max(of_all(self.writing_ns)) + of_all(self.merging_ns)
    }
}

/// What points have in common that take equally long per cell: material and steps.
type Kind = (usize, u64);

/// Measures how long the points of these numbers take. Compiles the kernels and runs each kind of point, on an array grown until a
/// call takes 0.2 s or the array is the point's own.
///
/// # Errors
/// What the backend fails with.
pub fn time(plan: &Plan, backend: &dyn Backend, numbers: &[usize]) -> Result<Time, BackendError> {
    let mut kinds: BTreeMap<Kind, (usize, u128)> = BTreeMap::new();
    for &number in numbers {
        let kind = (plan.points[number].material_index, plan.steps(number));
        let (largest, cells) = kinds.entry(kind).or_insert((number, 0));
        // On the largest array: calls have a cost of their own, which counts most in small ones.
        if plan.shape(number).cells() > plan.shape(*largest).cells() {
            *largest = number;
        }
        *cells += u128::from(plan.shape(number).cells());
    }
    let mut order: Vec<_> =
        kinds.iter().map(|(&kind, &(number, cells))| (kind, number, cells * u128::from(kind.1))).collect();
    order.sort_by_key(|&(_, _, work)| std::cmp::Reverse(work));
    // One of each material before a second of any.
    let mut seen = BTreeSet::new();
    order.sort_by_key(|&((material, _), _, _)| !seen.insert(material));
    let mut per_step: Vec<(Kind, f64)> = Vec::new();
    for (kind, number, _) in order.into_iter().take(MOST_SAMPLES) {
        per_step.push((kind, seconds_per_cell(plan, backend, number)? / kind.1 as f64));
    }
    let of = |kind: &Kind| {
        let same = |(known, _): &&(Kind, f64)| known == kind;
        let near = |(known, _): &&(Kind, f64)| known.0 == kind.0;
        let known = per_step.iter();
        let found = known.clone().find(same).or_else(|| known.clone().find(near)).or_else(|| known.clone().next());
        found.map_or(0.0, |(_, seconds)| *seconds)
    };
    let seconds = kinds.iter().map(|(kind, (_, cells))| *cells as f64 * kind.1 as f64 * of(kind)).sum();
    Ok(Time { seconds, samples: per_step.len(), all_kinds: kinds.len() <= MOST_SAMPLES })
}

fn seconds_per_cell(plan: &Plan, backend: &dyn Backend, number: usize) -> Result<f64, BackendError> {
    let whole = plan.shape(number);
    let mut lines = FIRST_LINES;
    // The first call compiles kernels and fills tables.
    backend.statistics(&plan.sample(number, smaller(whole, lines)), &|_| ())?;
    loop {
        let shape = smaller(whole, lines);
        let job = plan.sample(number, shape);
        let start = Instant::now();
        backend.statistics(&job, &|_| ())?;
        let taken = start.elapsed();
        if taken >= ENOUGH || shape == whole {
            return Ok(taken.as_secs_f64() / shape.cells() as f64);
        }
        lines *= 2;
    }
}

fn smaller(shape: ArrayShape, lines: u64) -> ArrayShape {
    ArrayShape { rows: shape.rows.min(lines), cols: shape.cols.min(lines) }
}

/// Measures what points and a record take: computes a point small, and writes it alone and several times over, into a
/// folder of the system's for temporary files; with a small dump and without one, where there are dumps.
///
/// # Errors
/// [`RunError`] where the backend fails, or that folder cannot be written to.
pub fn recording(plan: &Plan, backend: &dyn Backend) -> Result<Recording, RunError> {
    let Some(&number) = plan.numbers.first() else {
        return Ok(Recording { record_bytes: 0, parts_bytes: 0, writing_ns: 0, merging_ns: 0 });
    };
    let shape = smaller(plan.shape(number), FIRST_LINES);
    let job = plan.sample(number, shape);
    let by = provenance(&backend.identity(), now());
    let written = |dump: Option<CellWindow>| -> Result<Written, RunError> {
        let outcome = outcome(&plan.points[number], &job, shape, dump, backend, &|_| ())?;
        let one = CampaignLabel { dump, ..plan.label.only(number) };
        let (few, several) =
            (write(&copies(&one, FEW), &by, &outcome)?, write(&copies(&one, FEW + MORE), &by, &outcome)?);
        let each = |of: fn(&Written) -> f64| (of(&several) - of(&few)).max(0.0) / MORE as f64;
        let (record, merging_s) = (each(|of| of.record), each(|of| of.merging_s));
        Ok(Written { record, first: few.record - FEW as f64 * record, merging_s, ..several })
    };
    let mut all = written(None)?;
    if let Some(window) = plan.label.dump {
        let lines = |of: u64, array: u64| of.min(array).min(DUMPED_LINES);
        let small = CellWindow {
            first_row: 0,
            first_col: 0,
            rows: lines(window.rows, shape.rows),
            cols: lines(window.cols, shape.cols),
        };
        let dumped = written(Some(small))?;
        let times = (window.rows * window.cols) as f64 / (small.rows * small.cols) as f64;
        let grown = |of: fn(&Written) -> f64| of(&all) + times * (of(&dumped) - of(&all)).max(0.0);
        all = Written {
            point: grown(|of| of.point),
            record: grown(|of| of.record),
            writing_s: grown(|of| of.writing_s),
            merging_s: grown(|of| of.merging_s),
            ..all
        };
    }
    let points = plan.numbers.len() as f64;
    Ok(Recording {
        // Of points that are not computed the record holds names and fill values, which are packed to next to nothing.
        record_bytes: (all.first.max(0.0) + points * all.record) as u64,
        parts_bytes: (points * all.point) as u64,
        writing_ns: (all.writing_s * 1e9) as u64,
        merging_ns: (all.merging_s * 1e9) as u64,
    })
}

/// What writing points showed.
struct Written {
    /// Bytes of a point's file.
    point: f64,
    /// Bytes of the record, of all points or for each.
    record: f64,
    /// Bytes of a record without points.
    first: f64,
    /// Median time of writing a point.
    writing_s: f64,
    /// Time of merging, of all points or of each.
    merging_s: f64,
}

/// Writes all points of a campaign, each of them this one, and merges them.
fn write(label: &CampaignLabel, by: &Provenance, outcome: &PointOutcome) -> Result<Written, RecordError> {
    let unwritable = |source| {
        let folder = std::env::temp_dir();
        RecordError::Commit(CommitError::new("create a folder in", &folder, source))
    };
    let folder = tempfile::Builder::new().prefix("trapline-plan-").tempdir().map_err(unwritable)?;
    let (mut point, mut taken) = (0, Vec::new());
    for number in 0..label.points() {
        let start = Instant::now();
        let path = write_point(folder.path(), label, &label.point(number), by, outcome)?;
        taken.push(start.elapsed());
        point = length(&path)?;
    }
    let record = folder.path().join("record.h5");
    let start = Instant::now();
    merge_points(folder.path(), label, by, &record, 0..label.points())?;
    let merging_s = start.elapsed().as_secs_f64();
    taken.sort();
    Ok(Written {
        point: point as f64,
        record: length(&record)? as f64,
        first: 0.0,
        writing_s: taken[taken.len() / 2].as_secs_f64(),
        merging_s,
    })
}

/// The campaign of one point, so many times.
fn copies(one: &CampaignLabel, count: usize) -> CampaignLabel {
    let coordinate = Coordinate::Whole((0..count as i64).collect());
    let sweep = Sweep { name: "copy".to_owned(), coordinate, keys: Vec::new() };
    CampaignLabel { sweeps: vec![sweep], settings: vec![one.settings[0]; count], ..one.clone() }
}

/// A dump of one point as it lies in memory: three numbers of four bytes for each reading.
fn dump_bytes(plan: &Plan) -> u64 {
    plan.label.dump.map_or(0, |of| of.rows * of.cols * plan.label.times_s.len() as u64 * 12)
}

/// Bytes held at once at the worst: the summary's numbers of all points, twice while they are read; points on their way to their
/// files; the pieces a record is written in. The backend's own memory comes to it.
pub fn memory_bytes(plan: &Plan) -> u64 {
    let label = &plan.label;
    let (points, times) = (label.points() as u64, label.times_s.len() as u64);
    // Moments of four quantities and the failures; texts and single numbers of a point.
    let summary = points * (2 * times * 17 * 8 + 1024);
    let histograms = times * 3 * (label.bins as u64 + 2) * 8;
    // One is computed, one written.
    let waiting = 2;
    // Program and libraries, and 50 datasets of which up to a MiB waits.
    let base = 32 << 20;
    let pieces = 50 * (points * times * 8).min(1 << 20);
    // Dumps are packed: what waits, what it grows in, a piece in HDF5's cache and its packed copies, when read and when written.
    let dumps = 3 * 8 * (points * dump_bytes(plan) / 3).min(1 << 20);
    summary + waiting * (histograms + 3 * dump_bytes(plan)) + base + pieces + dumps
}

fn length(path: &Path) -> Result<u64, RecordError> {
    let found = fs::metadata(path).map_err(|source| RecordError::Unreadable { path: path.to_owned(), source })?;
    Ok(found.len())
}
