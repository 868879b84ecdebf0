//! What a campaign will take: time, from a quick measurement on the backend that is going to compute it; room on the
//! disk, from a point that is computed small and written; memory, from what is held at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::compute::{self, outcome, traced, worth};
use super::error::RunError;
use super::plan::{Kind, Plan};
use super::programming::{self, Programmed};
use super::run::{now, provenance};
use crate::experiment::array_read::Circuit;
use trapline_engine::backend::job::JobError;
use trapline_engine::backend::{Backend, BackendError};
use trapline_model::array::ArrayShape;
use trapline_model::files::commit::CommitError;
use trapline_model::outcome::{CampaignLabel, CellWindow, Coordinate, PointOutcome, Program, Provenance, Sweep};
use trapline_record::{RecordError, merge_points, write_point};

/// Shortest backend call, s, whose duration is taken as a measurement.
const ENOUGH: Duration = Duration::from_millis(200);
/// Rows and columns of the first array that is measured; larger ones follow until a call takes long enough.
const FIRST_LINES: u64 = 64;
/// Rows and columns of an array that is read through wires to see how long that takes.
const CIRCUIT_LINES: u64 = 192;
/// And of one that is given a stroke.
const STROKE_LINES: u64 = 128;
/// Most kinds of points that are measured, the largest first; the time of the others is scaled by their steps.
const MOST_SAMPLES: usize = 12;
/// Copies of a point in two trial records: the difference in size over the difference in copies is the size of each.
const FEW: usize = 2;
const MORE: usize = 8;
/// Rows and columns of two trial dumps: larger ones are extrapolated on the line through both.
const FEW_LINES: u64 = 12;
const MORE_LINES: u64 = 32;

/// Time of computing.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Time {
    /// All points asked for, s.
    pub seconds: f64,
    /// Points measured, each of another material or programming.
    pub samples: usize,
    /// Whether every kind of point was measured, rather than some scaled from others.
    pub all_kinds: bool,
    /// Of reading through wires, for each cell of a point, s; 0 where there are none.
    #[serde(skip)]
    circuit_s: f64,
    /// Of a stroke through wires, for each cell of a point, s, of points that are programmed differently, by the
    /// number of one of them.
    #[serde(skip)]
    strokes_s: Vec<(usize, f64)>,
    #[serde(skip)]
    speeds: Speeds,
}

/// Why the time could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum TimeError {
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Circuit(#[from] Box<RunError>),
    #[error("a stroke of [array.programming]: {0}")]
    Programming(#[from] programming::ProgrammingError),
}

/// Disk space and time that writing the points and the record takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Recording {
    /// The record.
    pub record_bytes: u64,
    /// The points in their folder, until the record is whole.
    pub parts_bytes: u64,
    /// Time of writing one point, ns: the median of the measurement. It passes beside the computing of the next point.
    pub writing_ns: u64,
    /// Time of merging one point into the record when all are computed, ns.
    pub merging_ns: u64,
    /// Time of computing the dump of one point once more, cell by cell, ns.
    pub dumping_ns: u64,
}

impl Recording {
    /// The time of a run of so many points, s, that takes so long to compute them without their dumps: they are
    /// written meanwhile, and merged afterwards.
    pub fn seconds(&self, points: usize, computing_s: f64) -> f64 {
        let of_all = |one_ns: u64| one_ns as f64 * 1e-9 * points as f64;
        (computing_s + of_all(self.dumping_ns)).max(of_all(self.writing_ns)) + of_all(self.merging_ns)
    }
}

/// Seconds per step of a cell, for each kind of point that was measured.
#[derive(Debug, Clone, PartialEq, Default)]
struct Speeds(Vec<(Kind, f64)>);

impl Speeds {
    /// A kind that was not measured takes the speed of another kind of its material, else of any.
    fn of(&self, kind: Kind) -> f64 {
        let same = |(known, _): &&(Kind, f64)| *known == kind;
        let near = |(known, _): &&(Kind, f64)| known.material_index == kind.material_index;
        let speed = self.0.iter().find(same).or_else(|| self.0.iter().find(near)).or_else(|| self.0.first());
        speed.map_or(0.0, |(_, seconds)| *seconds)
    }
}

impl Time {
    /// Time of computing points of this plan, s, by the same measurement.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn of(&self, plan: &Plan, numbers: &[usize]) -> f64 {
        let circuit_s = |number: usize| match plan.circuit(number) {
            Some(_) => plan.shape(number).cells() as f64 * self.circuit_s,
            None => 0.0,
        };
        let seconds = |&number: &usize| {
            plan.steps_of_cells(number) as f64 * self.speeds.of(plan.kind(number)) + circuit_s(number)
        };
        let stroke_s = |number: usize| {
            let alike = self.strokes_s.iter().find(|(of, _)| plan.programmed_alike(*of, number));
            alike.or(self.strokes_s.first()).map_or(0.0, |(_, seconds)| *seconds)
        };
        let mut before = None;
        let mut strokes_s = |&number: &usize| {
            // Points whose cells are the same are programmed once, one after another.
            let again = before.is_some_and(|before| plan.same_programming(before, number));
            before = Some(number);
            if again { 0.0 } else { plan.strokes(number) as f64 * plan.shape(number).cells() as f64 * stroke_s(number) }
        };
        numbers.iter().map(|number| seconds(number) + strokes_s(number)).sum()
    }
}

/// Measures how long the points of these numbers take. Compiles the kernels and runs each kind of point, on an array
/// grown until a call takes 0.2 s or the array is the point's own. Without the dumps: [`recording`] has what these
/// take.
///
/// # Errors
/// What the backend fails with.
pub fn time(plan: &Plan, backend: &dyn Backend, numbers: &[usize]) -> Result<Time, TimeError> {
    let mut kinds: BTreeMap<Kind, (usize, u128)> = BTreeMap::new();
    for &number in numbers {
        let (largest, cells) = kinds.entry(plan.kind(number)).or_insert((number, 0));
        // On the largest array: the fixed cost of a call counts most in small ones.
        if plan.shape(number).cells() > plan.shape(*largest).cells() {
            *largest = number;
        }
        *cells += u128::from(plan.shape(number).cells());
    }
    let mut order: Vec<_> =
        kinds.iter().map(|(&kind, &(number, cells))| (kind, number, cells * u128::from(kind.steps))).collect();
    order.sort_by_key(|&(_, _, work)| std::cmp::Reverse(work));
    // One kind of each material is measured before a second kind of any.
    let mut materials = BTreeSet::new();
    order.sort_by_key(|&(kind, _, _)| !materials.insert(kind.material_index));
    let mut speeds = Speeds::default();
    for (kind, number, _) in order.into_iter().take(MOST_SAMPLES) {
        speeds.0.push((kind, seconds_per_cell(plan, backend, number)? / kind.steps as f64));
    }
    let (samples, all_kinds) = (speeds.0.len(), kinds.len() <= MOST_SAMPLES);
    let circuit_s = circuit_seconds_per_cell(plan, backend, numbers)?;
    let strokes_s = stroke_seconds_per_cell(plan, backend, numbers)?;
    let time = Time { seconds: 0.0, samples, all_kinds, circuit_s, strokes_s, speeds };
    Ok(Time { seconds: time.of(plan, numbers), ..time })
}

/// Of reading through wires: the largest array, on a corner of it. Iterations hardly depend on the size.
fn circuit_seconds_per_cell(plan: &Plan, backend: &dyn Backend, numbers: &[usize]) -> Result<f64, TimeError> {
    let wired = numbers.iter().copied().filter(|&number| plan.circuit(number).is_some());
    let Some(number) = wired.max_by_key(|&number| plan.shape(number).cells()) else { return Ok(0.0) };
    let shape = smaller(plan.shape(number), CIRCUIT_LINES);
    let job = plan.sample(number, shape)?;
    let (point, alone) = (&plan.points[number], (&Programmed::Alone, backend));
    let found = compute::baked(plan, point, &[&job], alone, &|_| ()).map_err(Box::new)?.remove(0);
    let start = Instant::now();
    worth(plan, number, (&job, &found), alone);
    Ok(start.elapsed().as_secs_f64() / shape.cells() as f64)
}

/// Of programming through wires: of points that are programmed differently, the largest array of each, on a corner of
/// it.
fn stroke_seconds_per_cell(
    plan: &Plan,
    backend: &dyn Backend,
    numbers: &[usize],
) -> Result<Vec<(usize, f64)>, TimeError> {
    let mut wired: Vec<usize> = numbers.iter().copied().filter(|&number| plan.strokes(number) > 0).collect();
    wired.sort_by_key(|&number| std::cmp::Reverse(plan.shape(number).cells()));
    let mut found: Vec<(usize, f64)> = Vec::new();
    for number in wired {
        if found.len() < MOST_SAMPLES && !found.iter().any(|(of, _)| plan.programmed_alike(*of, number)) {
            let job = plan.sample(number, smaller(plan.shape(number), STROKE_LINES))?;
            found.extend(
                programming::seconds_of_a_stroke(plan, number, &job, backend)?.map(|seconds| (number, seconds)),
            );
        }
    }
    Ok(found)
}

fn seconds_per_cell(plan: &Plan, backend: &dyn Backend, number: usize) -> Result<f64, TimeError> {
    let whole = plan.shape(number);
    let mut lines = FIRST_LINES;
    // The first call compiles kernels and fills tables.
    backend.statistics(&plan.sample(number, smaller(whole, lines))?, &|_| ())?;
    loop {
        let shape = smaller(whole, lines);
        let job = plan.sample(number, shape)?;
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
/// folder of the system's for temporary files. A large dump is put in proportion to two smaller ones.
///
/// # Errors
/// [`RunError`] where the backend fails, or that folder cannot be written to.
pub fn recording(plan: &Plan, backend: &dyn Backend, program: Program) -> Result<Recording, RunError> {
    let Some(&number) = plan.numbers.first() else {
        return Ok(Recording::default());
    };
    let shape = smaller(plan.shape(number), FIRST_LINES);
    let job = plan.sample(number, shape)?;
    let by = provenance(program, &backend.identity(), now());
    let written = |dump: Option<CellWindow>| -> Result<Written, RunError> {
        let point = &plan.points[number];
        // What is written has the same size however the cells were programmed.
        let alone = (&Programmed::Alone, backend);
        let found = compute::baked(plan, point, &[&job], alone, &|_| ())?.remove(0);
        let statistics = outcome(point, &job, &found, shape, dump, alone)?;
        let (circuit, _) = worth(plan, number, (&job, &found), alone);
        let outcome = PointOutcome { circuit, ..statistics };
        let start = Instant::now();
        let traced = dump.map(|window| traced(point, &job, shape, window, alone)).transpose()?;
        let dumping_s = traced.map_or(0.0, |_| start.elapsed().as_secs_f64());
        let one = CampaignLabel { dump, ..plan.label.only(number) };
        let (few, several) =
            (write(&copies(&one, FEW), &by, &outcome)?, write(&copies(&one, FEW + MORE), &by, &outcome)?);
        let each = |of: fn(&Written) -> f64| (of(&several) - of(&few)).max(0.0) / MORE as f64;
        let (record, merging_s) = (each(|of| of.record), each(|of| of.merging_s));
        let first = few.record - FEW as f64 * record;
        Ok(Written { record, first, merging_s, dumping_s, ..several })
    };
    let of_lines = |window: CellWindow, most: u64| CellWindow {
        first_row: 0,
        first_col: 0,
        rows: window.rows.min(shape.rows).min(most),
        cols: window.cols.min(shape.cols).min(most),
    };
    let all = match plan.label.dump {
        None => written(None)?,
        Some(window) => {
            let (small, large) = (of_lines(window, FEW_LINES), of_lines(window, MORE_LINES));
            let (of_large, cells) = (written(Some(large))?, |of: CellWindow| (of.rows * of.cols) as f64);
            if (large.rows, large.cols) == (window.rows, window.cols) {
                of_large
            } else {
                let of_small = written(Some(small))?;
                let beyond = (cells(window) - cells(large)) / (cells(large) - cells(small)).max(1.0);
                of_large.grown(&of_small, beyond)
            }
        }
    };
    let points = plan.numbers.len() as f64;
    let nanoseconds = |seconds: f64| (seconds * 1e9) as u64;
    Ok(Recording {
        // For points that are not computed the record holds names and fill values, which compress to almost nothing.
        record_bytes: (all.first.max(0.0) + points * all.record) as u64,
        parts_bytes: (points * all.point) as u64,
        writing_ns: nanoseconds(all.writing_s),
        merging_ns: nanoseconds(all.merging_s),
        dumping_ns: nanoseconds(all.dumping_s),
    })
}

/// Sizes and times measured by writing points.
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
    /// Time of computing a dump.
    dumping_s: f64,
}

impl Written {
    /// Linear extrapolation: the line through `smaller` and this, continued beyond this by so many times their
    /// distance.
    fn grown(&self, smaller: &Written, times: f64) -> Written {
        let on = |of: fn(&Written) -> f64| of(self) + times * (of(self) - of(smaller)).max(0.0);
        Written {
            point: on(|of| of.point),
            record: on(|of| of.record),
            first: self.first,
            writing_s: on(|of| of.writing_s),
            merging_s: on(|of| of.merging_s),
            dumping_s: on(|of| of.dumping_s),
        }
    }
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
        dumping_s: 0.0,
    })
}

/// A campaign that repeats one point so many times.
fn copies(one: &CampaignLabel, count: usize) -> CampaignLabel {
    let coordinate = Coordinate::Whole((0..count as i64).collect());
    let sweep = Sweep { name: "copy".to_owned(), coordinate, keys: Vec::new() };
    CampaignLabel { sweeps: vec![sweep], settings: vec![one.settings[0]; count], ..one.clone() }
}

/// A dump of one point as it lies in memory: three numbers of four bytes for each reading.
fn dump_bytes(plan: &Plan) -> u64 {
    plan.label.dump.map_or(0, |of| of.rows * of.cols * plan.label.times_s.len() as u64 * 12)
}

/// Bytes held at once at the worst: the summary's numbers of all points, twice while they are read; points on their
/// way to their files; the pieces a record is written in. The backend's own memory comes to it.
pub fn memory_bytes(plan: &Plan) -> u64 {
    let label = &plan.label;
    let (points, times) = (label.points() as u64, label.times_s.len() as u64);
    // Moments of four quantities and the failures; texts and single numbers of a point.
    let summary = points * (2 * times * 17 * 8 + 1024);
    let histograms = times * 3 * (label.bins as u64 + 2) * 8;
    // Two dumps are in memory: one being computed, one being written.
    let waiting = 2;
    // Program and libraries, and 50 datasets of which up to a MiB waits.
    let base = 32 << 20;
    let pieces = 50 * (points * times * 8).min(1 << 20);
    // Dumps are packed: what waits, what it grows in, a piece in HDF5's cache and its packed copies, when read and
    // when written.
    let dumps = 3 * 8 * (points * dump_bytes(plan) / 3).min(1 << 20);
    let circuits = (0..plan.points.len()).filter(|&number| plan.circuit(number).is_some()).map(|number| {
        let ArrayShape { rows, cols } = plan.shape(number);
        let bytes = match plan.wired_programming(number) {
            Some(_) => programming::memory_bytes(ArrayShape { rows, cols }, plan.classes(number)),
            None => Circuit::memory_bytes(rows, cols),
        };
        u64::try_from(bytes).unwrap_or(u64::MAX)
    });
    let circuit = circuits.max().unwrap_or(0);
    circuit.saturating_add(summary) + waiting * (histograms + 3 * dump_bytes(plan)) + base + pieces + dumps
}

fn length(path: &Path) -> Result<u64, RecordError> {
    let metadata = fs::metadata(path).map_err(|source| RecordError::Unreadable { path: path.to_owned(), source })?;
    Ok(metadata.len())
}
