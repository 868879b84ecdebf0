//! Moves chosen cells through a stimulus and records what is seen. Twin: `shaders/drive.wgsl` with `shaders/recording.wgsl`.

use super::charge::{free_share_in_pieces, passed};
use super::draw::{self, Numbers};
use super::drive::{Driven, Record, Silent, drive};
use super::lanes::{LANES, Lane, map, splat, zip};
use super::step::{Motion, Occupancy, Uptake};
use super::{Cpu, InstructionSet};
use crate::backend::BackendError;
use crate::backend::stimulus::{self, RESPONSE_QUANTITIES, Response, Stimulus};
use crate::backend::tables::{CellTables, NOT_RECORDED, SegmentRow};
use ndarray::Array2;
use rayon::prelude::*;
use trapline_model::material::MAX_CLASSES;
use trapline_model::rng::{NORMAL_TABLE_LEN, normal_table};
use trapline_model::units::ELEMENTARY_CHARGE_C;

/// Groups of sixteen cells a thread takes at once.
const GROUPS_A_PIECE: usize = 4;

/// Substeps of sixteen cells that take about as long as it takes to wake the threads: so many are done at once, by the caller.
const SMALL: usize = 256;

/// What every group reads.
struct Context<'a> {
    tables: &'a CellTables,
    seed: u64,
    rows: usize,
    normal_table: &'a [i32; NORMAL_TABLE_LEN],
}

/// A row of the response for sixteen cells, in the order of [`RESPONSE_QUANTITIES`].
type Seen = [Lane; RESPONSE_QUANTITIES];

per_instruction_set! {
    /// Moves sixteen cells; gives the rows of their response.
    fn group = group_body(context: &Context, cells: &Numbers, occupancy: &mut Occupancy) -> Vec<Seen>
}

/// Records what passes and what is caught, segment by segment. Twin: `shaders/recording.wgsl`.
struct Recorder {
    /// Rows of the response.
    seen: Vec<Seen>,
    /// Of the segment under way: sum over the substeps of the mean of theta in each, and electrons caught per trap.
    free_share: Lane,
    caught: Lane,
}

impl Record for Recorder {
    #[inline(always)]
    fn begin_segment(
        &mut self,
        driven: &Driven,
        segment: &SegmentRow,
        rate: &Occupancy,
        speed: &Lane,
        occupancy: &Occupancy,
    ) {
        (self.free_share, self.caught) = (splat(0.0), splat(0.0));
        if segment.row != NOT_RECORDED && segment.pieces > 1 {
            let trap_filled = &driven.variation.trap_filled;
            let mean = free_share_in_pieces(driven.tables, segment, trap_filled, rate, speed, occupancy);
            self.free_share = map(&mean, |mean| mean * segment.substeps as f32);
        }
    }

    #[inline(always)]
    fn watch_substep(
        &mut self,
        driven: &Driven,
        segment: &SegmentRow,
        motion: &Motion,
        uptake: &Uptake,
        occupancy: &Occupancy,
    ) {
        if segment.row == NOT_RECORDED {
            return;
        }
        if segment.iterations > 0 {
            let more = motion.caught(driven.tables, &uptake.average, occupancy);
            self.caught = zip(&self.caught, &more, |sum, more| sum + more);
        }
        if segment.pieces == 1 {
            let through = passed(driven.tables, motion, occupancy, uptake);
            self.free_share = zip(&self.free_share, &through.free_share, |sum, more| sum + more);
        }
    }

    #[inline(always)]
    fn end_segment(&mut self, driven: &Driven, segment: &SegmentRow, occupancy: &Occupancy) {
        if segment.row == NOT_RECORDED {
            return;
        }
        let (tables, variation) = (driven.tables, driven.variation);
        let per_charge = (1.0 / ELEMENTARY_CHARGE_C) as f32;
        let mut filling = splat(0.0);
        for k in 0..tables.classes {
            for lane in 0..LANES {
                filling[lane] += tables.rows[k].weight * occupancy[k][lane];
            }
        }
        let theta = map(&filling, |filling| tables.free_share / (1.0 - tables.open * filling));
        if segment.pieces == 0 {
            self.free_share = map(&theta, |theta| theta * segment.substeps as f32);
        }
        let row = &mut self.seen[segment.row as usize];
        let bias = segment.bias_v.abs();
        let dwell = segment.step_s * segment.substeps as f32;
        for lane in 0..LANES {
            let area = variation.area[lane];
            let current = theta[lane] * segment.injected_a + segment.hopping_a;
            row[0][lane] = area * (if segment.bias_v < 0.0 { -current } else { current });
            row[1][lane] = filling[lane];
            let passed = self.free_share[lane] * segment.injected_a + segment.substeps as f32 * segment.hopping_a;
            row[2][lane] += area * (passed * (bias * segment.step_s));
            row[3][lane] += area * (segment.injected_a * per_charge * dwell);
            row[4][lane] += area * variation.trap_filled[lane] * (tables.traps * self.caught[lane]);
        }
    }
}

#[inline(always)]
fn group_body(context: &Context, cells: &Numbers, occupancy: &mut Occupancy) -> Vec<Seen> {
    let Context { tables, seed, rows, normal_table } = *context;
    let variation = draw::draw(tables, seed, cells, normal_table);
    let driven = Driven { tables, seed, cells, variation: &variation, normal_table };
    if rows == 0 {
        drive(&driven, occupancy, &mut Silent);
        return Vec::new();
    }
    let seen = vec![[splat(0.0); RESPONSE_QUANTITIES]; rows];
    let mut recorder = Recorder { seen, free_share: splat(0.0), caught: splat(0.0) };
    drive(&driven, occupancy, &mut recorder);
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
    let context = Context { tables: &tables, seed: stimulus.seed, rows: stimulus.rows, normal_table: normal_table() };
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
