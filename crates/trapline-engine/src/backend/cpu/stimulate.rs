//! Moves chosen cells through a stimulus and records what is seen. Twin: `shaders/drive.wgsl` with
//! `shaders/recording.wgsl`.

use super::counted::Counted;
use super::draw::{self, Factors, Numbers};
use super::drive::{Carriers, Driven, MeanField, Silent, drive};
use super::lanes::{LANES, splat};
use super::record::{Recorder, Seen};
use super::step::Occupancy;
use super::{Cpu, InstructionSet};
use crate::backend::BackendError;
use crate::backend::stimulus::{self, Response, Stimulus};
use crate::backend::tables::CellTables;
use ndarray::Array2;
use rayon::prelude::*;
use trapline_model::cell::counted;
use trapline_model::material::MAX_CLASSES;
use trapline_model::rng::counts::Counts;
use trapline_model::rng::{NORMAL_TABLE_LEN, normal_table};

/// Groups of sixteen cells a thread takes at once.
const GROUPS_A_PIECE: usize = 4;

/// Substeps of sixteen cells that take about as long as it takes to wake the threads: so many are done at once, by
/// the caller.
const SMALL: usize = 256;

/// What every group reads.
struct Context<'a> {
    tables: &'a CellTables,
    counts: &'a Counts,
    seed: u64,
    rows: usize,
    normal_table: &'a [i32; NORMAL_TABLE_LEN],
}

per_instruction_set! {
    /// Moves sixteen cells; gives the rows of their response.
    fn group = group_body(context: &Context, cells: &Numbers, occupancy: &mut Occupancy) -> Vec<Seen>
}

#[inline(always)]
fn group_body(context: &Context, cells: &Numbers, occupancy: &mut Occupancy) -> Vec<Seen> {
    if context.tables.electrons.are_counted() {
        let Context { tables, counts, seed, normal_table, .. } = *context;
        let mut factors = draw::draw(tables, seed, cells, normal_table);
        let mut carriers = Counted::draw(tables, counts, seed, cells, &mut factors);
        carriers.fill(tables.classes, occupancy);
        return moved(context, cells, &factors, &mut carriers, occupancy);
    }
    let factors = draw::draw(context.tables, context.seed, cells, context.normal_table);
    moved(context, cells, &factors, &mut MeanField, occupancy)
}

#[inline(always)]
fn moved<C: Carriers>(
    context: &Context,
    cells: &Numbers,
    factors: &Factors,
    carriers: &mut C,
    occupancy: &mut Occupancy,
) -> Vec<Seen> {
    let Context { tables, seed, rows, normal_table, .. } = *context;
    let driven = Driven { tables, seed, cells, factors, normal_table };
    if rows == 0 {
        drive(&driven, carriers, occupancy, &mut Silent);
        return Vec::new();
    }
    let mut recorder = Recorder::new(rows);
    drive(&driven, carriers, occupancy, &mut recorder);
    recorder.seen
}

/// Cells of one group: their occupancies before and after, and what was seen.
struct Piece {
    first: usize,
    groups: Vec<(Occupancy, Vec<Seen>)>,
}

/// See [`crate::backend::Backend::stimulate`].
pub(super) fn stimulate(
    cpu: &Cpu,
    stimulus: &Stimulus,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
) -> Result<Response, BackendError> {
    stimulus::check(stimulus, cells, occupancy)?;
    let tables = CellTables::of(stimulus);
    let counts = counted::tables(&stimulus.material, &stimulus.variation, stimulus.electrons);
    let context = Context {
        tables: &tables,
        counts: &counts,
        seed: stimulus.seed,
        rows: stimulus.rows,
        normal_table: normal_table(),
    };
    let before = &*occupancy;
    let piece = |first: usize| {
        let last = cells.len().min(first + GROUPS_A_PIECE * LANES);
        let groups = (first..last).step_by(LANES).map(|start| {
            let mut numbers = [0; LANES];
            let mut state = [splat(0.0); MAX_CLASSES];
            for lane in 0..LANES {
                // Past the end the last cell again.
                let cell = (start + lane).min(cells.len() - 1);
                numbers[lane] = cells[cell];
                for k in 0..tables.classes {
                    state[k][lane] = before[[cell, k]] as f32;
                }
            }
            let seen = group(cpu.set, &context, &Numbers::new(numbers), &mut state);
            (state, seen)
        });
        Piece { first, groups: groups.collect() }
    };
    let starts = || (0..cells.len()).step_by(GROUPS_A_PIECE * LANES);
    let substeps: usize = tables.segments.iter().map(|segment| segment.substeps as usize).sum();
    let pieces: Vec<Piece> = if cells.len().div_ceil(LANES).saturating_mul(substeps) <= SMALL {
        starts().map(piece).collect()
    } else {
        cpu.pool.install(|| starts().collect::<Vec<_>>().into_par_iter().map(piece).collect())
    };
    let mut response = Response::unwritten(stimulus.rows, cells.len());
    let mut arrays = response.arrays();
    for piece in &pieces {
        for (number, (state, seen)) in piece.groups.iter().enumerate() {
            let start = piece.first + number * LANES;
            for lane in 0..LANES.min(cells.len() - start) {
                let cell = start + lane;
                for k in 0..tables.classes {
                    occupancy[[cell, k]] = f64::from(state[k][lane]);
                }
                for (row, quantities) in seen.iter().enumerate() {
                    for (array, quantity) in arrays.iter_mut().zip(quantities) {
                        array[[row, cell]] = f64::from(quantity[lane]);
                    }
                }
            }
        }
    }
    Ok(response)
}
