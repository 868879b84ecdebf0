//! The bake of cells whose occupancies are given: programmed elsewhere, through their wires for one.

use super::super::job::Job;
use super::super::tally::{CHUNK_CELLS, Tally};
use super::{Readings, Trace, baked, chunk, counted, written_down};
use ndarray::{Array2, ArrayView1};
use rayon::prelude::*;
use trapline_model::array;
use trapline_model::cell::counted::tables;
use trapline_model::material::MAX_CLASSES;
use trapline_model::rng::counts::Counts;

/// One cell at every checkpoint of the bake: its filling at the beginning, and the readings.
fn observe<'a>(job: &'a Job, counts: &Counts, number: u64, occupancy: ArrayView1<'_, f64>) -> (f64, Readings<'a>) {
    let mut state = [0.0; MAX_CLASSES];
    state.iter_mut().zip(occupancy).for_each(|(to, from)| *to = *from);
    let draws = counted::draws(counts, job.seed, number);
    if let Some(mut cell) = counted::drawn(&job.material, &job.variation, job.electrons, &draws) {
        cell.fill(&state);
        let (start, readings) = counted::baked(job, cell, &draws);
        return (start, Box::new(readings.into_iter()));
    }
    let factors = array::factors(&job.variation, job.seed, number);
    let (start, readings) = baked(job, number, factors, state);
    (start, Box::new(readings))
}

/// See [`Backend::reduce`](super::Backend::reduce).
pub(in super::super) fn reduce(job: &Job, cells: &[u64], occupancy: &Array2<f64>) -> Tally {
    let mut tally = Tally { cells: cells.len() as u64, ..Tally::new(job, |x| x) };
    let (counts, shifts) = (tables(&job.material, &job.variation, job.electrons), &tally.shifts);
    let firsts: Vec<usize> = (0..cells.len()).step_by(CHUNK_CELLS as usize).collect();
    let done: Vec<_> = firsts
        .into_par_iter()
        .map(|first| {
            let last = cells.len().min(first + CHUNK_CELLS as usize);
            let each = (first..last).map(|i| {
                let (start, readings) = observe(job, &counts, cells[i], occupancy.row(i));
                (cells[i], start, readings)
            });
            chunk(job, shifts, each)
        })
        .collect();
    for (partials, counts) in done {
        tally.partials.iter_mut().zip(&partials).for_each(|(sum, part)| sum.add(part));
        tally.counts += &counts;
    }
    tally
}

/// The cells at every checkpoint, in their order: axes (cell, class) of the occupancies.
pub(in super::super) fn trace(job: &Job, cells: &[u64], occupancy: &Array2<f64>) -> Trace {
    let counts = tables(&job.material, &job.variation, job.electrons);
    let of_cell = |i: usize| observe(job, &counts, cells[i], occupancy.row(i)).1.collect();
    written_down(job, (0..cells.len()).into_par_iter().map(of_cell).collect())
}
