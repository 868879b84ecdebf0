//! The CPU backend: f32, sixteen cells side by side, all cores.
//!
//! The honest opponent of the GPU: the same algorithm ([`draw`](mod@draw), [`drive`](mod@drive), [`bake`],
//! [`read`](mod@read), [`reduce`]; a shader of the same name for each), vectorised by the compiler for the
//! instruction set found at run time. The kernels are compiled once per instruction set from one source
//! (`instruction_set`); none fuses a multiply with an add and every reduction has a fixed order, so the result is the
//! same, bit for bit, on every x86-64 and on any number of threads. Threads share the chunks of an array (`chunk`);
//! what a cell goes through in its bake is in `baking`.

// Loops over lanes and classes index several arrays at once; written alike, they stay recognisable to the vectoriser
// and the reader.
#![allow(clippy::needless_range_loop)]
// `max` then `min` turns a NaN into a number, which `clamp` does not.
#![allow(clippy::manual_clamp)]

#[macro_use]
mod instruction_set;

pub mod bake;
mod baking;
pub mod charge;
mod chunk;
pub mod constant;
pub mod counted;
pub mod counts;
pub mod draw;
pub mod drive;
mod expose;
pub mod judge;
pub mod lanes;
pub mod means;
mod narrowing;
pub mod profile;
pub mod read;
mod record;
pub mod reduce;
pub mod step;
pub mod stimulate;
mod trace;
pub mod train;

pub use instruction_set::InstructionSet;

use super::cells::{Cells, HostCells, Population, check_by_class};
use super::exposure::Exposed;
use super::job::Job;
use super::processor::processor_name;
use super::stimulus::{Response, Stimulus};
use super::tables::{Tables, round_to_f32};
use super::tally::{CHUNK_CELLS, Tally, chunks_at_once};
use super::{Backend, BackendError, Progress, Trace, reference, warmer};
use baking::{Context, Given};
use chunk::{Chunk, chunk, chunk_given};
use lanes::LANES;
use ndarray::Array2;
use rayon::prelude::*;
use trace::{trace_given, trace_group};
use trapline_model::array::CellSet;
use trapline_model::cell::read::QUANTITIES;
use trapline_model::outcome::Identity;

/// The f32 backend of the host.
#[derive(Debug)]
pub struct Cpu {
    set: InstructionSet,
    pool: rayon::ThreadPool,
}

impl Cpu {
    /// Opens the backend on `threads` threads (all cores where `None`) with the named instruction set (the widest
    /// where `None`).
    ///
    /// # Errors
    /// An instruction set this processor does not have; a number of threads outside 1 to 1024.
    pub fn open(threads: Option<usize>, instruction_set: Option<&str>) -> Result<Cpu, BackendError> {
        let available = InstructionSet::available();
        let set = match instruction_set {
            None => available[available.len() - 1],
            Some(name) => *available.iter().find(|set| set.name() == name).ok_or_else(|| {
                let found = available.iter().map(|s| s.name()).collect::<Vec<_>>().join(", ");
                BackendError::InstructionSet { asked: name.to_owned(), found }
            })?,
        };
        let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
        if !(1..=1024).contains(&threads) {
            return Err(BackendError::Threads(threads));
        }
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|_| BackendError::Threads(threads))?;
        Ok(Cpu { set, pool })
    }

    /// The instruction set in use.
    pub fn instruction_set(&self) -> InstructionSet {
        self.set
    }

    /// Computes the chunks of so many cells for each job, and adds them up in their order; with the fillings at so many
    /// checkpoints that the chunks hand over.
    fn in_chunks(
        &self,
        jobs: &[&Job],
        (cells, kept): (u64, usize),
        compute: impl Fn(u64, u64) -> Vec<Chunk> + Sync,
    ) -> Vec<(Tally, Array2<f32>)> {
        let empty = |job: &&Job| {
            let fillings = Array2::zeros((kept, if kept == 0 { 0 } else { cells as usize }));
            (Tally { cells, ..Tally::new(job, round_to_f32) }, fillings)
        };
        let mut found: Vec<(Tally, Array2<f32>)> = jobs.iter().map(empty).collect();
        let chunks = cells.div_ceil(CHUNK_CELLS);
        let of_job = |job: &&Job| chunks_at_once(job, size_of::<u32>(), self.threads());
        let at_once = (jobs.iter().map(of_job).min().unwrap_or(1) / jobs.len().max(1) as u64).max(1);
        let mut first_chunk = 0;
        while first_chunk < chunks {
            let last_chunk = chunks.min(first_chunk + at_once);
            let done: Vec<Vec<Chunk>> = self.pool.install(|| {
                // Where one thread is told to end by what it reports to, the others end too.
                let numbers = (first_chunk..last_chunk).into_par_iter().panic_fuse();
                numbers
                    .map(|number| {
                        let first = number * CHUNK_CELLS;
                        compute(first, CHUNK_CELLS.min(cells - first))
                    })
                    .collect()
            });
            for (of_jobs, number) in done.iter().zip(first_chunk..) {
                for (chunk, (tally, fillings)) in of_jobs.iter().zip(&mut found) {
                    tally.partials.iter_mut().zip(&chunk.partials).for_each(|(sum, part)| sum.add(part));
                    tally.counts.iter_mut().zip(&chunk.counts).for_each(|(sum, part)| *sum += u64::from(*part));
                    let first = (number * CHUNK_CELLS) as usize;
                    let count = chunk.fillings.len() / kept.max(1);
                    for (mut row, part) in fillings.rows_mut().into_iter().zip(chunk.fillings.chunks(count.max(1))) {
                        let to = row.iter_mut().skip(first).take(count);
                        to.zip(part).for_each(|(to, from)| *to = *from);
                    }
                }
            }
            first_chunk = last_chunk;
        }
        found
    }

    /// Readings of so many cells, a group of lanes after another.
    fn in_groups(
        &self,
        job: &Job,
        cells: u64,
        compute: impl Fn(u64) -> Vec<[lanes::Lane; QUANTITIES]> + Sync,
    ) -> Trace {
        let mut trace = Trace::unwritten(job.times_s.len(), cells as usize);
        let firsts: Vec<u64> = (0..cells).step_by(LANES).collect();
        let groups: Vec<_> = self.pool.install(|| firsts.par_iter().map(|&first| compute(first)).collect());
        for (&first, readings) in firsts.iter().zip(&groups) {
            for (checkpoint, [conductance, filling, lost, kept]) in readings.iter().enumerate() {
                for lane in 0..LANES.min((cells - first) as usize) {
                    let at = [checkpoint, first as usize + lane];
                    trace.conductance[at] = conductance[lane];
                    trace.filling[at] = filling[lane];
                    trace.lost[at] = lost[lane];
                    trace.kept[at] = kept[lane];
                }
            }
        }
        trace
    }

    /// Worker threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }
}

impl Backend for Cpu {
    fn identity(&self) -> Identity {
        Identity {
            backend: "cpu".to_owned(),
            adapter: processor_name(),
            driver: String::new(),
            instruction_set: self.set.name().to_owned(),
            software: false,
        }
    }

    fn at_once(&self) -> usize {
        self.threads()
    }

    fn statistics(&self, job: &Job, progress: Progress) -> Result<Tally, BackendError> {
        Ok(self.statistics_together(&[job], progress)?.remove(0))
    }

    fn programs_once(&self) -> bool {
        true
    }

    fn statistics_together(&self, jobs: &[&Job], progress: Progress) -> Result<Vec<Tally>, BackendError> {
        let found = self.statistics_with_fillings(jobs, &[], progress)?;
        Ok(found.into_iter().map(|(tally, _)| tally).collect())
    }

    fn statistics_with_fillings(
        &self,
        jobs: &[&Job],
        checkpoints: &[usize],
        progress: Progress,
    ) -> Result<Vec<(Tally, Array2<f32>)>, BackendError> {
        let Some(first) = jobs.first() else { return Ok(Vec::new()) };
        check_by_class(first.electrons)?;
        if jobs.iter().any(|job| job.warmer_k.is_some()) {
            let one = |job: &&Job| self.pool.install(|| warmer::statistics(self, job, checkpoints, progress));
            return jobs.iter().map(one).collect();
        }
        if !jobs.windows(2).all(|pair| pair[0].shares_programming(pair[1])) {
            let one = |job: &&Job| Ok(self.statistics_with_fillings(&[job], checkpoints, progress)?.remove(0));
            return jobs.iter().map(one).collect();
        }
        let tables: Vec<Tables> = jobs.iter().map(|job| Tables::new(job)).collect();
        let counts = trapline_model::cell::counted::tables(&first.material, &first.variation, first.electrons);
        let contexts: Vec<Context> = jobs
            .iter()
            .zip(&tables)
            .map(|(job, tables)| Context::new(job, tables, &counts).keeping(checkpoints))
            .collect();
        Ok(self.in_chunks(jobs, (first.shape.cells(), checkpoints.len()), |first, count| {
            let done = chunk(self.set, &contexts, &CellSet::run(first, count));
            progress(count * jobs.len() as u64);
            done
        }))
    }

    fn reduce(&self, job: &Job, cells: &[u64], occupancy: &Array2<f64>) -> Result<Tally, BackendError> {
        if job.warmer_k.is_some() {
            return Ok(self.pool.install(|| reference::reduce(job, cells, occupancy)));
        }
        let tables = Tables::new(job);
        let counts = trapline_model::cell::counted::tables(&job.material, &job.variation, job.electrons);
        let context = Context::new(job, &tables, &counts);
        let mut found = self.in_chunks(&[job], (cells.len() as u64, 0), |first, count| {
            let range = first as usize..(first + count) as usize;
            let occupancy = occupancy.slice(ndarray::s![range.clone(), ..]);
            chunk_given(self.set, std::slice::from_ref(&context), &Given { numbers: &cells[range], occupancy })
        });
        Ok(found.remove(0).0)
    }

    fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, BackendError> {
        check_by_class(job.electrons)?;
        if job.warmer_k.is_some() {
            return self.pool.install(|| warmer::trace(self, job, cells));
        }
        let tables = Tables::new(job);
        let counts = trapline_model::cell::counted::tables(&job.material, &job.variation, job.electrons);
        let context = Context::new(job, &tables, &counts);
        Ok(self.in_groups(job, cells.count, |first| trace_group(self.set, &context, cells, first)))
    }

    fn trace_given(&self, job: &Job, cells: &[u64], occupancy: &Array2<f64>) -> Trace {
        if job.warmer_k.is_some() {
            return self.pool.install(|| reference::trace(job, cells, occupancy));
        }
        let tables = Tables::new(job);
        let counts = trapline_model::cell::counted::tables(&job.material, &job.variation, job.electrons);
        let context = Context::new(job, &tables, &counts);
        let given = Given { numbers: cells, occupancy: occupancy.view() };
        self.in_groups(job, cells.len() as u64, |first| trace_given(self.set, &context, &given, first))
    }

    fn stimulate(
        &self,
        stimulus: &Stimulus,
        cells: &[u64],
        occupancy: &mut Array2<f64>,
    ) -> Result<Response, BackendError> {
        stimulate::stimulate(self, stimulus, cells, occupancy)
    }

    fn expose(&self, exposed: &Exposed, cells: &[u64], occupancy: &mut Array2<f64>) -> Result<Response, BackendError> {
        expose::expose(self, exposed, cells, occupancy)
    }

    fn cells<'a>(&'a self, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
        population.check_dots()?;
        Ok(Box::new(HostCells::new(self, population)))
    }
}
