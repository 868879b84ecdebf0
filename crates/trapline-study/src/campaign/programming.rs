//! Programming through the wires of an array: `[array.programming]`.
//!
//! The segments of a material's program are given as strokes: lines are selected together, a cell, a row or the whole
//! array at a time, the others held as `[array.scheme]` says, and every cell fills by the bias that the network leaves
//! it ([`array_write`](crate::experiment::array_write)). What the strokes leave is what the bake begins with. Without the
//! table each cell is programmed by itself, under the full bias.

use ndarray::Array2;

use super::check;
use super::error::Bad;
use super::file::{OrderFile, ProgrammingFile};
use super::plan::Plan;
use crate::experiment::array_read::{Circuit, Scheme};
use crate::experiment::array_write::{Order, Setup, Stroke, TOLERANCES, Wiring, WriteError, Writer, strokes};
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
    /// Programs the cells of a job through the wires of its array, where the plan has it so. `done` is told how many of how
    /// many strokes are done.
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
                let (segments, strokes) = (plan.segments(number), array.strokes()?);
                array.program(&segments, &strokes, done).map(Programmed::Wired)
            }
        }
    }

    /// Statistics of the bakes of jobs that begin with these cells, and the filling of each cell at some checkpoints: axes
    /// (checkpoint, cell).
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
                let one = |(number, job): (usize, &&Job)| {
                    let tally = of.cells.reduce(job)?;
                    let fillings = fillings_of(job, checkpoints, &|cells| self.trace(job, cells, backend))?;
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
    fn strokes(&self) -> Result<Vec<Stroke>, WriteError> {
        let ArrayShape { rows, cols } = self.job.shape();
        strokes(&Array2::from_elem((rows as usize, cols as usize), true), self.programming.order, self.scheme)
    }

    fn writer(&self, segments: &[Segment]) -> Result<Writer<'a>, ProgrammingError> {
        let job = self.job;
        let ArrayShape { rows, cols } = job.shape();
        let needed = memory_bytes(job.shape());
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

    fn program(
        &self,
        segments: &[Segment],
        strokes: &[Stroke],
        done: &dyn Fn(u64, u64),
    ) -> Result<Wired<'a>, ProgrammingError> {
        let mut writer = self.writer(segments)?;
        let biased = segments.iter().filter(|segment| segment.bias_v != 0.0);
        let of = biased.clone().count() as u64 * strokes.len() as u64;
        writer.program(strokes, segments, &mut |strokes_done| -> Result<(), ProgrammingError> {
            done(strokes_done, of);
            Ok(())
        })?;
        let last_v = biased.clone().next_back().map_or(f64::NAN, |segment| segment.bias_v);
        let strongest_v = biased.fold(0.0, |most: f64, segment| most.max(segment.bias_v.abs()));
        let least = writer.own_v().iter().fold(f64::INFINITY, |least: f64, volts| least.min(volts / last_v));
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

/// One stroke of a point's first pulse, on an array of a shape, and how many there are on the whole array; for
/// estimates.
pub(super) struct OneStroke {
    pub(super) seconds: f64,
    pub(super) cells: u64,
}

impl OneStroke {
    /// Gives it; none where a point is not programmed through wires.
    pub(super) fn measured(
        plan: &Plan,
        number: usize,
        job: &Job,
        backend: &dyn Backend,
    ) -> Result<Option<OneStroke>, ProgrammingError> {
        let Some((programming, circuit, scheme)) = plan.wired_programming(number) else { return Ok(None) };
        let array = Through { programming, circuit, scheme, job, backend };
        let segments: Vec<Segment> =
            plan.segments(number).into_iter().filter(|segment| segment.bias_v != 0.0).take(1).collect();
        let strokes = array.strokes()?;
        let mut writer = array.writer(&segments)?;
        let start = std::time::Instant::now();
        writer.program(&strokes[..1], &segments, &mut |_| Ok::<(), ProgrammingError>(()))?;
        Ok(Some(OneStroke { seconds: start.elapsed().as_secs_f64(), cells: job.shape().cells() }))
    }
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

/// Bytes that an array takes while it is programmed through wires: the network, and three states of the cells with
/// what they answer.
pub(super) fn memory_bytes(ArrayShape { rows, cols }: ArrayShape) -> u128 {
    Circuit::memory_bytes(rows, cols) + u128::from(rows * cols) * 3 * (8 * 8 + 6 * 8)
}

#[cfg(test)]
mod tests {
    use crate::campaign::{Overrides, Plan};
    use std::path::Path;

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
}
