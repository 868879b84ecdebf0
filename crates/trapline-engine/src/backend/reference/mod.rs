//! The reference backend: the f64 cell, one cell after another.
//!
//! It evaluates the equations of [`trapline_model::cell`] directly from the material, with library exponentials for
//! every class at every checkpoint: no recurrence, no table of the fast backends is used. Slow on purpose; threads
//! only spread whole chunks, which are merged in order.

mod counted;
mod expose;
mod given;
mod judge;
mod stimulate;

pub(super) use expose::expose;
pub(super) use given::{reduce, trace};

use super::cells::{Cells, HostCells, Population};
use super::job::Job;
use super::stimulus::{RESPONSE_QUANTITIES, Response, Stimulus};
use super::tally::{CHUNK_CELLS, Partial, Shift, Tally, bin_of, chunks_at_once, counters};
use super::{Backend, BackendError, Progress, Trace};
use judge::Judge;
use ndarray::Array2;
use rayon::prelude::*;
use trapline_model::array::{self, CellSet};
use trapline_model::cell::counted::{Electrons, tables};
use trapline_model::cell::read::{self, Observables, PROGRAMMED_FILLING, QUANTITIES};
use trapline_model::cell::{Factors, step};
use trapline_model::material::MAX_CLASSES;
use trapline_model::material::classes::Singles;
use trapline_model::outcome::Identity;
use trapline_model::rng::counts::Counts;

/// The f64 backend.
#[derive(Debug, Default)]
pub struct Reference;

/// What is read of a cell, checkpoint by checkpoint.
type Readings<'a> = Box<dyn Iterator<Item = Observables<f64>> + 'a>;

/// What the cells of a job are drawn with.
struct Drawn {
    counts: Counts,
    /// The traps, where each is taken by itself.
    singles: Option<Singles>,
}

impl Drawn {
    fn of(job: &Job) -> Drawn {
        let by_themselves = matches!(job.electrons, Electrons::EachDot(_)) && job.material.capture.is_some();
        Drawn {
            counts: tables(&job.material, &job.variation, job.electrons),
            singles: by_themselves.then(|| Singles::of(&job.material)),
        }
    }
}

/// One cell at every checkpoint, programmed by the job.
fn observe<'a>(job: &'a Job, drawn: &Drawn, cell_number: u64) -> (f64, Readings<'a>) {
    if let Some(singles) = &drawn.singles {
        let (start, readings) = counted::dot_by_dot(job, singles, &drawn.counts, cell_number);
        return (start, Box::new(readings.into_iter()));
    }
    let draws = counted::draws(&drawn.counts, job.seed, cell_number);
    if let Some(cell) = counted::drawn(&job.material, &job.variation, job.electrons, &draws) {
        let (start, readings) = counted::baked(job, counted::programmed(job, cell, &draws), &draws);
        return (start, Box::new(readings.into_iter()));
    }
    let factors = array::factors(&job.variation, job.seed, cell_number);
    let speed = |cycle| array::capture_speed(&job.variation, job.seed, cell_number, cycle);
    let occupancy = job.programmed(&factors, speed);
    let (start, readings) = baked(job, cell_number, factors, occupancy);
    (start, Box::new(readings))
}

/// A cell at every checkpoint of the bake that begins with an occupancy: its filling then, and the readings.
fn baked(
    job: &Job,
    cell_number: u64,
    factors: Factors,
    occupancy: step::Occupancy,
) -> (f64, impl Iterator<Item = Observables<f64>>) {
    let emissions = job.emissions_per_s(&factors, cell_number);
    let start = step::filling(&job.material.classes, &occupancy);
    let readings = job.stays.for_s.rows().into_iter().map(move |stays_s| {
        let emptied = std::array::from_fn(|k| emissions.iter().zip(stays_s).map(|(per_s, s)| per_s[k] * s).sum());
        let lost = read::lost_fraction(&job.material.classes, &occupancy, &emptied, start);
        job.read.read(factors.area, start, lost)
    });
    (start, readings)
}

/// The readings of some cells, cell after cell, as a trace.
fn written_down(job: &Job, of_cells: Vec<Vec<Observables<f64>>>) -> Trace {
    let mut trace = Trace::unwritten(job.times_s.len(), of_cells.len());
    for (i, readings) in of_cells.into_iter().enumerate() {
        for (checkpoint, seen) in readings.into_iter().enumerate() {
            trace.conductance[[checkpoint, i]] = seen.conductance as f32;
            trace.filling[[checkpoint, i]] = seen.filling as f32;
            trace.lost[[checkpoint, i]] = seen.lost as f32;
            trace.kept[[checkpoint, i]] = seen.kept as f32;
        }
    }
    trace
}

/// Sums and counts of some cells, of which each gives its number, its filling and its readings.
fn chunk<R: Iterator<Item = Observables<f64>>>(
    job: &Job,
    shifts: &[Shift],
    cells: impl Iterator<Item = (u64, f64, R)>,
) -> (Vec<Partial>, Array2<u64>) {
    let checkpoints = job.times_s.len();
    let bins = job.bins.count;
    let mut partials = vec![Partial::EMPTY; checkpoints];
    let mut counts = Array2::zeros((checkpoints, counters(bins)));
    for (number, start, readings) in cells {
        let programmed = start > PROGRAMMED_FILLING;
        let mut judge = Judge::new(job, number, start);
        for (checkpoint, seen) in readings.enumerate() {
            let (partial, shift) = (&mut partials[checkpoint], &shifts[checkpoint]);
            // The last two quantities mean nothing without charge.
            let quantities = if programmed { QUANTITIES } else { 2 };
            for (q, value) in seen.array().into_iter().enumerate().take(quantities) {
                let d = (value - shift.nominal[q]) / shift.scale[q];
                partial.sum[q] += d;
                partial.square[q] += d * d;
                partial.min[q] = partial.min[q].min(value);
                partial.max[q] = partial.max[q].max(value);
            }
            let mut row = counts.row_mut(checkpoint);
            row[bin_of(seen.conductance, job.bins.conductance, bins)] += 1;
            row[bins + 2 + bin_of(seen.filling, job.bins.filling, bins)] += 1;
            if programmed {
                row[2 * (bins + 2) + bin_of(seen.kept, job.bins.kept, bins)] += 1;
                row[3 * (bins + 2)] += u64::from(judge.has_failed(&seen, checkpoint));
                row[3 * (bins + 2) + 1] += 1;
            }
        }
    }
    (partials, counts)
}

/// Moves cells one by one. `one` is told a cell's place and number and its occupancy, which it moves, and gives the
/// rows of the cell's response.
fn each_cell(
    classes: usize,
    rows: usize,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
    one: impl Fn(usize, u64, &mut step::Occupancy) -> Vec<[f64; RESPONSE_QUANTITIES]> + Sync,
) -> Response {
    let before = &*occupancy;
    let after: Vec<_> = cells
        .par_iter()
        .enumerate()
        .map(|(place, &cell)| {
            let mut state = [0.0; MAX_CLASSES];
            state.iter_mut().zip(before.row(place)).for_each(|(to, from)| *to = *from);
            let rows = one(place, cell, &mut state);
            (state, rows)
        })
        .collect();
    let mut response = Response::unwritten(rows, cells.len());
    let mut arrays = response.arrays();
    for (place, (state, rows)) in after.iter().enumerate() {
        for k in 0..classes {
            occupancy[[place, k]] = state[k];
        }
        for (row, quantities) in rows.iter().enumerate() {
            for (array, quantity) in arrays.iter_mut().zip(quantities) {
                array[[row, place]] = *quantity;
            }
        }
    }
    response
}

impl Backend for Reference {
    fn identity(&self) -> Identity {
        Identity {
            backend: "reference".to_owned(),
            adapter: super::processor_name(),
            driver: String::new(),
            instruction_set: "f64".to_owned(),
            software: false,
        }
    }

    fn at_once(&self) -> usize {
        rayon::current_num_threads()
    }

    fn statistics(&self, job: &Job, progress: Progress) -> Result<Tally, BackendError> {
        let mut tally = Tally::new(job, |x| x);
        let drawn = Drawn::of(job);
        let cells = job.shape.cells();
        let chunks = cells.div_ceil(CHUNK_CELLS);
        let at_once = chunks_at_once(job, size_of::<u64>(), rayon::current_num_threads());
        for batch in (0..chunks).step_by(at_once as usize) {
            let shifts = &tally.shifts;
            let done: Vec<_> = (batch..chunks.min(batch + at_once))
                .into_par_iter()
                // Where one thread is told to end by what it reports to, the others end too.
                .panic_fuse()
                .map(|number| {
                    let first = number * CHUNK_CELLS;
                    let count = CHUNK_CELLS.min(cells - first);
                    let cells = first..first + count;
                    if drawn.singles.is_none() {
                        let each = cells.map(|number| {
                            let (start, readings) = observe(job, &drawn, number);
                            (number, start, readings)
                        });
                        let found = chunk(job, shifts, each);
                        progress(count);
                        return found;
                    }
                    // A cell of many dots is work enough for a thread.
                    let of_cell = |number| {
                        let (start, readings) = observe(job, &drawn, number);
                        let readings = readings.collect::<Vec<_>>();
                        progress(1);
                        (number, start, readings)
                    };
                    let found: Vec<_> = cells.into_par_iter().panic_fuse().map(of_cell).collect();
                    chunk(job, shifts, found.into_iter().map(|(number, start, of)| (number, start, of.into_iter())))
                })
                .collect();
            for (partials, counts) in done {
                tally.partials.iter_mut().zip(&partials).for_each(|(sum, part)| sum.add(part));
                tally.counts += &counts;
            }
        }
        Ok(tally)
    }

    fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, BackendError> {
        let drawn = Drawn::of(job);
        let numbers = (0..cells.count).into_par_iter().map(|i| cells.number(i));
        Ok(written_down(job, numbers.map(|number| observe(job, &drawn, number).1.collect()).collect()))
    }

    fn stimulate(
        &self,
        stimulus: &Stimulus,
        cells: &[u64],
        occupancy: &mut Array2<f64>,
    ) -> Result<Response, BackendError> {
        stimulate::stimulate(stimulus, cells, occupancy)
    }

    fn cells<'a>(&'a self, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
        population.check_dots()?;
        Ok(Box::new(HostCells::new(self, population)))
    }
}
