//! Statistics of a chunk of cells: block by block through all checkpoints, judged, counted and summed up in a fixed
//! order.
//!
//! Jobs that differ in their bake alone are computed together, so that their cells are drawn and programmed once.

use super::bake::Bake;
use super::baking::{Baking, Begin, Context, Given};
use super::constant::Constant;
use super::counted::CountedBake;
use super::draw::Numbers;
use super::judge::Judge;
use super::lanes::{LANES, Lane, splat};
use super::profile::Profile;
use super::reduce::{self, Counters, Included, Sums};
use super::{InstructionSet, read};
use crate::backend::tally::{BLOCK_CELLS, Partial, counters};
use trapline_model::array::CellSet;

/// What a chunk of cells hands over.
pub(super) struct Chunk {
    pub partials: Vec<Partial>,
    /// Axes (checkpoint, counter), flat.
    pub counts: Vec<u32>,
    /// Axes (checkpoint that is kept, cell), flat.
    pub fillings: Vec<f32>,
}

/// Groups of lanes in a block.
pub(super) const GROUPS: usize = BLOCK_CELLS as usize / LANES;

per_instruction_set! {
    /// Statistics of a run of cells that starts on a block's edge, for jobs that share its programming.
    pub(super) fn chunk = chunk_body(contexts: &[Context], cells: &CellSet) -> Vec<Chunk>
}

#[inline(always)]
fn chunk_body(contexts: &[Context], cells: &CellSet) -> Vec<Chunk> {
    // Which of the two is decided once a chunk: neither does anything for the other.
    match (contexts[0].tables.cell.electrons.are_counted(), contexts[0].tables.has_profile()) {
        (false, false) => chunk_of::<Bake<Constant>, _>(contexts, cells),
        (false, true) => chunk_of::<Bake<Profile>, _>(contexts, cells),
        (true, false) => chunk_of::<CountedBake<Constant>, _>(contexts, cells),
        (true, true) => chunk_of::<CountedBake<Profile>, _>(contexts, cells),
    }
}

per_instruction_set! {
    /// Statistics of cells that begin with given occupancies.
    pub(super) fn chunk_given = chunk_given_body(context: &[Context], given: &Given) -> Vec<Chunk>
}

#[inline(always)]
fn chunk_given_body(contexts: &[Context], given: &Given) -> Vec<Chunk> {
    match (contexts[0].tables.cell.electrons.are_counted(), contexts[0].tables.has_profile()) {
        (false, false) => chunk_of::<Bake<Constant>, _>(contexts, given),
        (false, true) => chunk_of::<Bake<Profile>, _>(contexts, given),
        (true, false) => chunk_of::<CountedBake<Constant>, _>(contexts, given),
        (true, true) => chunk_of::<CountedBake<Profile>, _>(contexts, given),
    }
}

#[inline(always)]
fn chunk_of<T: Baking, B: Begin>(contexts: &[Context], cells: &B) -> Vec<Chunk> {
    let mut groups = [const { (T::EMPTY, splat(0.0)) }; GROUPS];
    let mut included = [Included::NONE; GROUPS];
    let mut judges = [Judge::NONE; GROUPS];
    let empty = |context: &Context| {
        let (checkpoints, width) = (context.tables.nominal.len(), counters(context.tables.bins as usize));
        Chunk {
            partials: vec![Partial::EMPTY; checkpoints],
            counts: vec![0; checkpoints * width],
            fillings: vec![0.0; context.kept.len() * cells.count() as usize],
        }
    };
    let mut chunks: Vec<Chunk> = contexts.iter().map(empty).collect();
    let mut held: [Option<(Numbers, T::Held)>; GROUPS] = [const { None }; GROUPS];
    for block in (0..cells.count()).step_by(BLOCK_CELLS as usize) {
        // No closures around a kernel: one that is not inlined is compiled for the baseline.
        for group in 0..GROUPS {
            held[group] = Some(cells.held::<T>(&contexts[0], block + (group * LANES) as u64));
        }
        for number in 0..contexts.len() {
            let context = &contexts[number];
            for group in 0..GROUPS {
                let Some((numbers, held)) = &held[group] else { continue };
                let (bake, area) = &mut groups[group];
                *area = bake.begin_with(context, numbers, held);
                if let Some(readings) = &context.tables.readings {
                    judges[group].begin(context.tables, readings, numbers, area, bake.start());
                }
                let left = cells.count().saturating_sub(block + (group * LANES) as u64);
                included[group] = Included::new(left, bake.start());
            }
            let here = Here { first: block as usize, cells: cells.count() as usize };
            block_body(context, here, &mut groups, &mut judges, &included, &mut chunks[number]);
        }
    }
    chunks
}

/// Where a block stands in its chunk.
#[derive(Clone, Copy)]
struct Here {
    first: usize,
    /// Cells of the chunk.
    cells: usize,
}

/// Bakes one block through all its checkpoints.
#[inline(always)]
fn block_body<T: Baking>(
    context: &Context,
    here: Here,
    groups: &mut [(T, Lane); GROUPS],
    judges: &mut [Judge; GROUPS],
    included: &[Included; GROUPS],
    chunk: &mut Chunk,
) {
    let tables = context.tables;
    let width = counters(tables.bins as usize);
    let mut counted = Counters::ZERO;
    for visit in tables.visits() {
        let checkpoint = visit[0].checkpoint as usize;
        let counts = &mut chunk.counts[checkpoint * width..(checkpoint + 1) * width];
        let mut sums = Sums::EMPTY;
        let kept = context.kept.iter().position(|kept| *kept == checkpoint);
        let mut place = here.first;
        for (group, (((bake, area), judge), included)) in
            groups.iter_mut().zip(judges.iter_mut()).zip(included).enumerate()
        {
            let lost = bake.go_to(context, visit);
            let seen = read::read(tables, area, bake.start(), &lost);
            // The last block of a chunk may have groups without a cell.
            if let (Some(row), 1..) = (kept, here.cells.saturating_sub(place)) {
                let count = LANES.min(here.cells - place);
                let first = row * here.cells + place;
                chunk.fillings[first..first + count].copy_from_slice(&seen.filling[..count]);
            }
            place += LANES;
            sums.add(&seen, &tables.nominal[checkpoint], included);
            let failing = match &tables.readings {
                None => reduce::below_threshold(tables, &seen.kept),
                Some(readings) => {
                    let Context { bake_seed, normal_table, .. } = *context;
                    judge.failing(tables, readings, bake_seed, visit[0].checkpoint, &seen, normal_table)
                }
            };
            counted.take(group, tables, &seen, &failing, included);
        }
        counted.flush(tables.bins, counts);
        chunk.partials[checkpoint].add(&sums.fold());
    }
}
