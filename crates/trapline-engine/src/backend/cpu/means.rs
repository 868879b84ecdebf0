//! Mean conductances of cells whose state lies in memory: the bake kernel alone, as the benchmark compares it with
//! others.
//!
//! The campaign never stores a cell; whoever has an array programmed by other means gets its decay from here.

use super::bake::{Bake, Decay};
use super::chunk::GROUPS;
use super::constant::Constant;
use super::draw::Factors;
use super::lanes::{LANES, Lane, splat};
use super::profile::Profile;
use super::reduce::{Included, Moments, total};
use super::step::Occupancy;
use super::{Cpu, InstructionSet, read};
use crate::backend::BackendError;
use crate::backend::job::Job;
use crate::backend::tables::Tables;
use crate::backend::tally::{BLOCK_CELLS, CHUNK_CELLS};
use rayon::prelude::*;
use trapline_model::material::MAX_CLASSES;

/// Programmed cells in memory.
#[derive(Clone, Copy)]
struct Cells<'a> {
    /// Occupancies, axes (class, cell), flat.
    occupancy: &'a [f32],
    /// ln of the dots' size over the nominal size, per cell.
    log_size: &'a [f32],
}

/// Sixteen numbers from `first` on; past the end zeros.
#[inline(always)]
fn load(values: &[f32], first: usize) -> Lane {
    if let Some(sixteen) = values.get(first..first + LANES).and_then(|found| found.first_chunk()) {
        return *sixteen;
    }
    let mut lanes = splat(0.0);
    let found = &values[first.min(values.len())..(first + LANES).min(values.len())];
    lanes[..found.len()].copy_from_slice(found);
    lanes
}

per_instruction_set! {
    /// Sums over the cells `first` to `first + CHUNK_CELLS` of the conductance less the nominal one, checkpoint by
    /// checkpoint.
    fn chunk_sums = chunk_sums_body(tables: &Tables, cells: &Cells, first: usize) -> Vec<f64>
}

#[inline(always)]
fn chunk_sums_body(tables: &Tables, cells: &Cells, first: usize) -> Vec<f64> {
    if tables.has_profile() {
        chunk_sums_of::<Profile>(tables, cells, first)
    } else {
        chunk_sums_of::<Constant>(tables, cells, first)
    }
}

#[inline(always)]
fn chunk_sums_of<D: Decay>(tables: &Tables, cells: &Cells, first: usize) -> Vec<f64> {
    let count = cells.log_size.len();
    let mut sums = vec![0.0; tables.nominal.len()];
    let mut groups = [const { Bake::<D>::EMPTY }; GROUPS];
    let mut included = [Included::NONE; GROUPS];
    let ones = splat(1.0);
    let mut occupancy: Occupancy = [splat(0.0); MAX_CLASSES];
    for block in (first..count.min(first + CHUNK_CELLS as usize)).step_by(BLOCK_CELLS as usize) {
        for group in 0..GROUPS {
            let at = block + group * LANES;
            let factors = Factors { log_size: load(cells.log_size, at), area: ones, trap_filled: ones };
            for k in 0..tables.cell.classes {
                occupancy[k] = load(&cells.occupancy[k * count..(k + 1) * count], at);
            }
            groups[group].begin(tables, &factors, &occupancy);
            included[group] = Included::new(count.saturating_sub(at) as u64, &groups[group].start);
        }
        for visit in tables.visits().filter(|visit| visit[0].checkpoint > 0) {
            let checkpoint = visit[0].checkpoint as usize;
            let nominal = tables.nominal[checkpoint].conductance;
            let mut sum = splat(0.0);
            for (bake, included) in groups.iter_mut().zip(&included) {
                let lost = bake.visit(tables, visit);
                let seen = read::read(tables, &ones, &bake.start, &lost);
                Moments::add_to_sum(&mut sum, &seen.conductance, nominal, &included.valid);
            }
            sums[checkpoint] += f64::from(total(&sum));
        }
    }
    sums
}

impl Cpu {
    /// Mean conductance at each checkpoint of the job's bake but the first, at which nothing is lost yet, over the
    /// nominal fresh conductance, of cells given by their occupancies (axes (class, cell), flat) and ln(size over
    /// nominal size). All areas are nominal; the job's programming is not used. The same bits on any instruction set
    /// and number of threads.
    ///
    /// # Errors
    /// An `occupancy` that does not hold one number for each class and cell.
    pub fn bake_means(&self, job: &Job, occupancy: &[f32], log_size: &[f32]) -> Result<Vec<f64>, BackendError> {
        let (classes, count) = (job.material.classes.len(), log_size.len());
        if occupancy.len() != classes * count {
            return Err(BackendError::Lengths { found: occupancy.len(), classes, cells: count });
        }
        let tables = Tables::new(job);
        let cells = Cells { occupancy, log_size };
        let chunks: Vec<Vec<f64>> = self.pool.install(|| {
            let firsts = (0..count).into_par_iter().step_by(CHUNK_CELLS as usize);
            firsts.map(|first| chunk_sums(self.set, &tables, &cells, first)).collect()
        });
        let mean = |checkpoint: usize| {
            let sum: f64 = chunks.iter().map(|chunk| chunk[checkpoint]).sum();
            f64::from(tables.nominal[checkpoint].conductance) + sum / count as f64
        };
        Ok((1..tables.nominal.len()).map(mean).collect())
    }
}
