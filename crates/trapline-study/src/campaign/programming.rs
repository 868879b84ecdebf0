//! Programming through the wires of an array: `[array.programming]`.
//!
//! The segments of a material's program are given as strokes: lines are selected together, a cell, a row or the whole
//! array at a time, the others held as `[array.scheme]` says, and every cell fills by the bias that the network leaves
//! it ([`array_write`](crate::experiment::array_write)). What the strokes leave is what the bake begins with. Without
//! the table each cell is programmed by itself, under the full bias.

use ndarray::{Array2, Axis};

use super::check;
use super::error::Bad;
use super::file::{OrderFile, ProgrammingFile};
use super::plan::Plan;
use crate::experiment::array_read::{Circuit, Scheme};
use crate::experiment::array_write::{Order, Setup, Stroke, TOLERANCES, Wiring, WriteError, Writer, every_stroke};
use crate::experiment::probe::Conditions;
use crate::experiment::pulse::Train;
use trapline_engine::backend::cells::Cells;
use trapline_engine::backend::job::Job;
use trapline_engine::backend::tally::Tally;
use trapline_engine::backend::{Backend, BackendError, Trace, fillings_of};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::material::Variation;
use trapline_model::memory::{self, Left};
use trapline_model::outcome::{CircuitOutcome, MeritIs};
use trapline_model::protocol::Segment;

/// Largest error of a step in time where the file names none: of a filling, over the largest change of one.
const TOLERANCE: f64 = 1e-3;

/// How an array is programmed through its wires.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Programming {
    order: Order,
    tolerance: f64,
}

/// Checks what the file says of it; none where each cell is programmed by itself.
pub(super) fn programming(of: &ProgrammingFile) -> Result<Option<Programming>, Bad> {
    let (least, most) = (*TOLERANCES.start(), *TOLERANCES.end());
    let tolerance = of.tolerance.unwrap_or(TOLERANCE);
    let tolerance = check::between("array.programming.tolerance", tolerance, least, most, "")?;
    let order = match of.order {
        None | Some(OrderFile::Rows) => Order::RowByRow,
        Some(OrderFile::Cells) => Order::CellByCell,
        Some(OrderFile::All) => Order::AllAtOnce,
        Some(OrderFile::Alone) => return Ok(None),
    };
    Ok(Some(Programming { order, tolerance }))
}

/// Why an array could not be programmed through its wires.
#[derive(Debug, thiserror::Error)]
pub enum ProgrammingError {
    #[error("{0}")]
    Write(#[from] Box<WriteError>),
    #[error(
        "programming {rows} x {cols} cells through wires takes {} of memory, and {}; take fewer rows or columns, or leave out [array.programming]",
        memory::in_words(*.needed), .there.in_words()
    )]
    Memory { rows: u64, cols: u64, needed: u128, there: Left },
}

impl ProgrammingError {
    /// Whether other values in the campaign would mend it.
    pub fn is_asked_for(&self) -> bool {
        match self {
            ProgrammingError::Memory { .. } => true,
            ProgrammingError::Write(error) => !matches!(**error, WriteError::Experiment(_)),
        }
    }
}

impl From<WriteError> for ProgrammingError {
    fn from(error: WriteError) -> ProgrammingError {
        Box::new(error).into()
    }
}

/// The cells of some points as their bakes find them.
pub(super) enum Programmed<'a> {
    /// Each by itself: the backend programs and bakes it in one go.
    Alone,
    /// Through the wires of their array.
    Wired(Wired<'a>),
}

/// Cells that hold what the strokes left.
pub(super) struct Wired<'a> {
    cells: Box<dyn Cells<'a> + 'a>,
    /// Each with its place among the figures of merit.
    figures: [(MeritIs, f64); 4],
}

impl<'a> Programmed<'a> {
    /// Programs the cells of a job through the wires of its array, where the plan has it so. `done` is told how many
    /// of how many strokes are done.
    pub(super) fn of(
        plan: &Plan,
        number: usize,
        job: &Job,
        backend: &'a dyn Backend,
        done: &dyn Fn(u64, u64),
    ) -> Result<Programmed<'a>, ProgrammingError> {
        match plan.wired_programming(number) {
            None => Ok(Programmed::Alone),
            Some((programming, circuit, scheme)) => {
                let array = Through { programming, circuit, scheme, job, backend };
                array.program(&plan.segments(number), done).map(Programmed::Wired)
            }
        }
    }

    /// Statistics of the bakes of jobs that begin with these cells, and the filling of each cell at some checkpoints:
    /// axes (checkpoint, cell).
    pub(super) fn statistics(
        &self,
        jobs: &[&Job],
        checkpoints: &[usize],
        backend: &dyn Backend,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<(Tally, Array2<f32>)>, BackendError> {
        match self {
            Programmed::Alone => backend.statistics_with_fillings(jobs, checkpoints, progress),
            Programmed::Wired(of) => {
                // The state is fetched once, however often a part of it is followed.
                let occupancy = of.cells.download()?;
                let one = |(number, job): (usize, &&Job)| {
                    let tally = of.cells.reduce(job)?;
                    let of_run = |cells: &CellSet| {
                        let numbers: Vec<u64> = (0..cells.count).map(|i| cells.number(i)).collect();
                        let places: Vec<usize> = numbers.iter().map(|number| *number as usize).collect();
                        Ok(of.cells.trace_given(job, &numbers, &occupancy.select(Axis(0), &places)))
                    };
                    let fillings = fillings_of(job, checkpoints, &of_run)?;
                    // The strokes were the progress of the first.
                    progress(if number == 0 { 0 } else { job.shape().cells() });
                    Ok((tally, fillings))
                };
                jobs.iter().enumerate().map(one).collect()
            }
        }
    }

    /// Some of the cells, checkpoint by checkpoint.
    pub(super) fn trace(&self, job: &Job, cells: &CellSet, backend: &dyn Backend) -> Result<Trace, BackendError> {
        match self {
            Programmed::Alone => backend.trace(job, cells),
            Programmed::Wired(of) => {
                // Every cell of the array is there, at the place of its number.
                let places: Vec<u32> = (0..cells.count).map(|i| cells.number(i) as u32).collect();
                of.cells.trace(job, &places)
            }
        }
    }

    /// Puts the figures of the programming where they belong; they are the same at all times.
    pub(super) fn describe(&self, outcome: &mut CircuitOutcome) {
        if let Programmed::Wired(of) = self {
            of.figures.iter().for_each(|(merit, value)| outcome.values.column_mut(*merit as usize).fill(*value));
        }
    }
}

/// An array that is programmed through its wires.
struct Through<'a, 'p> {
    programming: Programming,
    circuit: &'p Circuit,
    scheme: &'p Scheme,
    job: &'p Job,
    backend: &'a dyn Backend,
}

impl<'a> Through<'a, '_> {
    /// Every cell is written.
    fn strokes(&self) -> impl Iterator<Item = Stroke> + use<> {
        let ArrayShape { rows, cols } = self.job.shape();
        every_stroke((rows as usize, cols as usize), self.programming.order)
    }

    fn writer(&self, segments: &[Segment]) -> Result<Writer<'a>, ProgrammingError> {
        let job = self.job;
        let ArrayShape { rows, cols } = job.shape();
        let needed = memory_bytes(job.shape(), job.material().classes.len());
        if let Some(there) = memory::available().filter(|there| needed > u128::from(there.bytes)) {
            return Err(ProgrammingError::Memory { rows, cols, needed, there });
        }
        let conditions = Conditions {
            seed: job.seed(),
            variation: *job.variation() != Variation::OFF,
            electrons: job.electrons(),
            ..Conditions::nominal(job.program_k())
        };
        let first = segments.iter().find(|segment| segment.bias_v != 0.0);
        let (amplitude_v, width_s) = first.map_or((0.0, 0.0), |segment| (segment.bias_v, segment.dwell_s));
        let setup = Setup {
            wiring: Wiring::Wires(self.circuit.periphery(job.program_k())),
            scheme: self.scheme.clone(),
            order: self.programming.order,
            train: Train { amplitude_v, width_s, interval_s: 0.0, count: 1 },
            selector: self.circuit.selector.clone(),
            tolerance: self.programming.tolerance,
            accuracy: self.circuit.accuracy,
        };
        Ok(Writer::new(self.backend, job.material(), conditions, job.shape(), setup)?)
    }

    fn program(&self, segments: &[Segment], done: &dyn Fn(u64, u64)) -> Result<Wired<'a>, ProgrammingError> {
        let mut writer = self.writer(segments)?;
        let biased = segments.iter().filter(|segment| segment.bias_v != 0.0);
        let of = biased.clone().count() as u64 * self.programming.strokes(self.job.shape());
        writer.program(|| self.strokes(), segments, &mut |strokes_done| done(strokes_done, of))?;
        let strongest_v = biased.fold(0.0, |most: f64, segment| most.max(segment.bias_v.abs()));
        let least = writer.own_share().iter().fold(f64::INFINITY, |least: f64, share| least.min(*share));
        let disturbing = writer.others_v().iter().fold(0.0, |most: f64, volts| most.max(volts.abs()));
        let (energy, steps) = (*writer.energy(), *writer.steps());
        Ok(Wired {
            cells: writer.into_cells(),
            figures: [
                (MeritIs::ProgrammingVoltage, if least.is_finite() { least } else { f64::NAN }),
                (MeritIs::ProgrammingDisturb, disturbing / strongest_v),
                (MeritIs::ProgrammingEnergy, energy.cells_j + energy.wires_j + energy.ends_j),
                (MeritIs::ProgrammingError, steps.worst_error),
            ],
        })
    }
}

/// Biases at which strokes are measured, of a program that has many.
const MEASURED: usize = 4;

/// Time that a stroke takes on the mean of a program's segments, s a cell: for estimates. An array is given one
/// stroke at each of some of its biases, the strongest included, each while it is empty, when cells move farthest.
/// None where a point is not programmed through wires.
pub(super) fn seconds_of_a_stroke(
    plan: &Plan,
    number: usize,
    job: &Job,
    backend: &dyn Backend,
) -> Result<Option<f64>, ProgrammingError> {
    let Some((programming, circuit, scheme)) = plan.wired_programming(number) else { return Ok(None) };
    let array = Through { programming, circuit, scheme, job, backend };
    let mut biased: Vec<Segment> = plan.segments(number).into_iter().filter(|of| of.bias_v != 0.0).collect();
    biased.sort_by(|a, b| a.bias_v.abs().total_cmp(&b.bias_v.abs()));
    let mut distinct = biased.clone();
    distinct.dedup_by_key(|of| of.bias_v.abs().to_bits());
    let Some(last) = distinct.len().checked_sub(1) else { return Ok(None) };
    let count = MEASURED.min(distinct.len());
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for place in (1..=count).map(|of| last * of / count) {
        let one = [Segment { cycle: 0, ..distinct[place] }];
        let mut writer = array.writer(&one)?;
        let start = std::time::Instant::now();
        writer.program(|| array.strokes().take(1), &one, &mut |_| ())?;
        taken.push((distinct[place].bias_v.abs(), start.elapsed().as_secs_f64()));
    }
    // A segment takes as long as the next stronger one that was measured.
    let of_segment = |segment: &Segment| {
        taken.iter().find(|(volts, _)| *volts >= segment.bias_v.abs()).map_or(0.0, |(_, seconds)| *seconds)
    };
    let mean = biased.iter().map(of_segment).sum::<f64>() / biased.len() as f64;
    Ok(Some(mean / job.shape().cells() as f64))
}

impl Programming {
    /// Strokes of one pulse of an array.
    pub(super) fn strokes(self, ArrayShape { rows, cols }: ArrayShape) -> u64 {
        match self.order {
            Order::CellByCell => rows * cols,
            Order::RowByRow => rows,
            Order::AllAtOnce => 1,
        }
    }
}

/// Bytes that an array takes while it is programmed through wires: the network; three states of the cells, one of
/// which is tried and one of which judges; what they answer, and the lists of cells and biases.
pub(super) fn memory_bytes(ArrayShape { rows, cols }: ArrayShape, classes: usize) -> u128 {
    let cell = 4 * 8 * classes as u128 + 300;
    Circuit::memory_bytes(rows, cols).saturating_add(u128::from(rows) * u128::from(cols) * cell)
}

#[cfg(test)]
mod tests {
    use super::Programmed;
    use crate::campaign::{Overrides, Plan};
    use std::path::Path;
    use trapline_engine::backend::reference::Reference;

    /// Strokes of pulses, pauses left out; and cells are the same where their seed and their programming are.
    #[test]
    fn strokes_are_counted_and_shared() {
        let plan = |order: &str, same: bool, program: &str| {
            let text = format!(
                "format = 1\nname = \"a\"\nseed = 1\nvariation = true\nsame_cells = {same}\n\
                 array = {{ rows = 8, cols = 4, wires.segment_ohm = 1.0, scheme.unselected = \"isolated\", \
                 programming.order = \"{order}\" }}\n{program}\
                 bake = {{ temperatures_c = [85.0, 150.0], times_s = [1e3] }}\n\
                 [[material]]\nuse = \"pi-ws2-qd\"\n\
                 program = [{{ pulses = 3, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }}]\n"
            );
            Plan::parse(&text, "a.toml", Path::new(""), &Overrides::default()).expect("a plan")
        };
        let at_25 = "program.temperature_c = 25.0\n";
        for (order, strokes) in [("cells", 96), ("rows", 24), ("all", 3)] {
            assert_eq!(plan(order, true, at_25).strokes(1), strokes, "{order}");
        }
        for (same, program, shared) in [(true, at_25, true), (false, at_25, false), (true, "", false)] {
            assert_eq!(plan("rows", same, program).same_programming(0, 1), shared, "{same} {program}");
        }
    }

    /// An array as large as there can be is refused before anything of it is made, in words that say what it would
    /// take.
    #[test]
    fn an_array_that_memory_does_not_hold_is_refused() {
        let plan = Plan::parse(
            "format = 1\nname = \"a\"\nseed = 1\nvariation = true\nelectrons = \"mean-field\"\n\
             array = { rows = 1048576, cols = 1048576, wires.segment_ohm = 1.0, scheme.unselected = \"half\", \
             programming = {} }\nbake = { temperatures_c = [85.0], times_s = [1e3] }\n[[material]]\n\
             use = \"pi-ws2-qd\"\nprogram = [{ pulses = 1, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]\n",
            "a.toml",
            Path::new(""),
            &Overrides::default(),
        )
        .expect("a plan");
        let job = plan.job(0).expect("a job");
        let refused = Programmed::of(&plan, 0, &job, &Reference, &|_, _| ()).err().expect("refused");
        assert!(refused.is_asked_for() && refused.to_string().contains("1048576 x 1048576 cells"), "{refused}");
    }
}
