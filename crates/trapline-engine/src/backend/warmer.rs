//! Bakes whose cells each have a temperature of their own ([`Bake::warmer`](super::job::Bake::warmer)).
//!
//! The kernels of [`cpu`](super::cpu) and [`gpu`](super::gpu) bake all cells at the same temperatures, by constants
//! that are the same for all. Such cells are programmed there, and followed from checkpoint to checkpoint on the host
//! in f64, by the reference's equations: the rates of a cell are computed once, and a checkpoint takes one
//! exponential a class.

use super::cells::Population;
use super::job::Job;
use super::tally::{CHUNK_CELLS, Tally};
use super::{Backend, BackendError, Progress, Trace, reference};
use ndarray::{Array2, Axis, s};
use trapline_model::array::CellSet;

/// Cells that are resident at once: their occupancies take at most some 20 MB.
const AT_ONCE: u64 = 32 * CHUNK_CELLS;

/// See [`Backend::statistics_with_fillings`].
pub(super) fn statistics(
    backend: &dyn Backend,
    job: &Job,
    checkpoints: &[usize],
    progress: Progress,
) -> Result<(Tally, Array2<f32>), BackendError> {
    let mut tally = Tally::new(job, |x| x);
    let cells = job.shape.cells();
    let mut fillings = Array2::zeros((checkpoints.len(), if checkpoints.is_empty() { 0 } else { cells as usize }));
    for first in (0..cells).step_by(AT_ONCE as usize) {
        let numbers: Vec<u64> = (first..cells.min(first + AT_ONCE)).collect();
        let occupancy = programmed(backend, job, numbers.clone())?;
        let part = reference::reduce(job, &numbers, &occupancy);
        tally.partials.iter_mut().zip(&part.partials).for_each(|(sum, part)| sum.add(part));
        tally.counts += &part.counts;
        if !checkpoints.is_empty() {
            let found = reference::trace(job, &numbers, &occupancy).filling.select(Axis(0), checkpoints);
            fillings.slice_mut(s![.., first as usize..first as usize + numbers.len()]).assign(&found);
        }
        progress(numbers.len() as u64);
    }
    Ok((tally, fillings))
}

/// See [`Backend::trace`].
pub(super) fn trace(backend: &dyn Backend, job: &Job, cells: &CellSet) -> Result<Trace, BackendError> {
    let numbers: Vec<u64> = (0..cells.count).map(|i| cells.number(i)).collect();
    let occupancy = programmed(backend, job, numbers.clone())?;
    Ok(reference::trace(job, &numbers, &occupancy))
}

/// Occupancies of cells that a backend has programmed as a job does: axes (cell, class).
fn programmed(backend: &dyn Backend, job: &Job, numbers: Vec<u64>) -> Result<Array2<f64>, BackendError> {
    let population = Population::new(&job.material, job.variation, job.seed, numbers).electrons(job.electrons);
    let mut cells = backend.cells(population)?;
    cells.program(job)?;
    cells.download()
}
