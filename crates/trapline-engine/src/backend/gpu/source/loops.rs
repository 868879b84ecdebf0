//! How many loop iterations an invocation of each kernel takes, from above.
//!
//! llvmpipe ends all loops of an invocation silently after 65,535 iterations together. A test counts the iterations on
//! the device and holds them against these bounds, and long protocols are split into dispatches of at most
//! [`MAX_LOOPS`].

use crate::backend::job::MAX_BINS;
use crate::backend::tables::{CellTables, SegmentRow, Tables};
use crate::backend::tally::{BLOCK_CELLS, CHUNK_CELLS, counters};
use trapline_model::rng::counts;

/// Loop iterations of one invocation a dispatch may take: five eighths of what llvmpipe allows, for the dearest segment
/// of 24 classes.
pub const MAX_LOOPS: u64 = 40_960;

/// Loop iterations of one draw of a count, from above: its stages, of which there is one for each eight zeros of a
/// probability that is not scarce (26 at most) and one for each four bits, with the digits of their two draws; and a
/// bit a level. A scarce draw names [`counts::MOST_SCARCE`].
fn count_loops() -> u64 {
    const MOST_ZEROS: u32 = 26;
    let stages = u64::from(MOST_ZEROS.div_ceil(counts::MOST_ZEROS) + counts::SIGNIFICANT_BITS.div_ceil(4));
    stages * (1 + 2 * u64::from(counts::DIGITS)) + u64::from(counts::SIGNIFICANT_BITS + MOST_ZEROS)
}

/// Loop iterations of a draw: the rounds of the random words, and the classes.
pub fn draw_loops(cell: &CellTables) -> u64 {
    let classes = cell.classes.max(1) as u64;
    let dots = if cell.electrons.are_counted() { classes * 2 * count_loops() } else { 0 };
    u64::from(trapline_model::rng::PHILOX_ROUNDS) + classes + dots
}

/// Loop iterations of a programming dispatch before its first segment.
pub fn program_start_loops(classes: usize) -> u64 {
    4 * classes.max(1) as u64
}

/// Loop iterations of a substep's equation, from above: the sums, and its iterations over all classes.
fn root_loops(classes: u64, iterations: u32) -> u64 {
    if iterations == 0 { 0 } else { 2 * classes + u64::from(iterations) * (1 + classes) }
}

/// Loop iterations of one segment, from above: its own, emissions, the draw's rounds, and per substep its equation
/// and the update.
pub fn program_loops(cell: &CellTables, segment: &SegmentRow) -> u64 {
    let k = cell.classes.max(1) as u64;
    let root = root_loops(k, segment.iterations);
    let counted = if cell.electrons.are_counted() {
        // Each substep its way, with where it is before and after it; each draw its sums, its three counts a class,
        // and the start of the way after it.
        u64::from(segment.substeps) * 3 * k + u64::from(segment.settles) * (6 * k + 3 * k * count_loops())
    } else {
        0
    };
    // Each pulse its speed; the sums over the classes before the steps, and what is taken up after them, with the
    // fillings before and after it.
    let rounds = u64::from(trapline_model::rng::PHILOX_ROUNDS);
    let train = match segment.pulses {
        0 => 0,
        pulses => u64::from(pulses) * (1 + rounds) + u64::from(segment.train_steps) + 5 * k,
    };
    counted + train + 1 + rounds + k + u64::from(segment.substeps) * (1 + root + k)
}

/// Loop iterations of one segment of a stimulus, from above: as in a programming, a look after it, and at each
/// substep the electrons caught; and the charge that passes, two fillings of a substep, or of each piece with its own
/// emissions, equation and update.
pub fn stimulate_loops(cell: &CellTables, segment: &SegmentRow) -> u64 {
    let k = cell.classes.max(1) as u64;
    let pieces = u64::from(segment.pieces) * (1 + k + root_loops(k, segment.piece_iterations) + 2 * k + k);
    program_loops(cell, segment) + k + u64::from(segment.substeps) * (k + 2 * k) + pieces
}

/// Loop iterations over the classes, and over the temperatures of each.
fn decay_loops(tables: &Tables) -> u64 {
    let counted = if tables.cell.electrons.are_counted() { count_loops() } else { 0 };
    tables.cell.classes.max(1) as u64 * (1 + tables.profile.len() as u64 + counted)
}

/// Turns in which a workgroup goes through its counters.
fn counter_loops() -> u64 {
    (counters(MAX_BINS) as u64).div_ceil(BLOCK_CELLS)
}

/// Loop iterations of a baking dispatch before its first visit.
pub fn bake_start_loops(tables: &Tables) -> u64 {
    counter_loops() + tables.cell.classes.max(1) as u64 * (3 + tables.profile.len() as u64)
}

/// Loop iterations of one visit that is written out.
pub fn read_loops(tables: &Tables) -> u64 {
    1 + decay_loops(tables)
}

/// Loop iterations of one visit that is reduced, from above.
pub fn visit_loops(tables: &Tables) -> u64 {
    let reading = tables.readings.map_or(0, |_| u64::from(trapline_model::rng::PHILOX_ROUNDS));
    1 + decay_loops(tables) + reading + counter_loops()
}

/// Loop iterations of a fold of a chunk: its eights, and the blocks of each.
pub fn reduce_loops() -> u64 {
    (CHUNK_CELLS / BLOCK_CELLS).div_ceil(8) * 8
}
