//! What the kernels cost at least, counted by hand from their sources: operations of f32, and bytes to and from the
//! memory behind the caches. Rooflines and shares of limits rest on these numbers.
//!
//! # What counts
//! An addition, subtraction, multiplication, division or comparison of f32 counts one, and so do `min` and `max`;
//! signs, selections, conversions and everything on integers (random words, table look-ups, counters) count nothing.
//! The CPU kernels and the shaders are twins, operation for operation, so one count serves both. A division counts one
//! although it takes several times as long: a kernel that divides cannot come near the limit.
//!
//! Counted where `iterations` are Newton's and the substeps short ([`Tables`] decides): other segments have no count.
//! Where electrons are counted integers decide, and nothing is counted either.
//!
//! # Counted against measured
//! Shares of the limit follow from these counts and measured times: a share above 1 of a kernel whose data lie in
//! registers would refute a count. The tests hold that against the machine they run on.

use trapline_engine::backend::job::{Job, STIFF_ITERATIONS};
use trapline_engine::backend::tables::Tables;
use trapline_engine::backend::tally::{BLOCK_CELLS, CHUNK_CELLS, counters};
use trapline_model::cell::read::QUANTITIES;

/// `cpu/lanes.rs`, `reduce`: `x log2(e) + 128.5`, and two products that are taken off.
const REDUCE: f64 = 6.0;
/// `expm1_over_r`: a polynomial of degree five.
const POLYNOMIAL: f64 = 10.0;
/// `exp`: two ends, reduction, polynomial, `2^n (r p + 1)`.
const EXP: f64 = 2.0 + REDUCE + POLYNOMIAL + 3.0;
/// `fraction_lost`: two ends, reduction, polynomial, `r p`, `(1 - s) - s p`.
const FRACTION_LOST: f64 = 2.0 + REDUCE + POLYNOMIAL + 1.0 + 3.0;
/// `thermal_escape`: `u (slope + curvature u)`, exponential, its product with the rate.
const THERMAL_ESCAPE: f64 = 3.0 + EXP + 1.0;
/// `cpu/draw.rs`, of one normal variate: its unit.
const NORMAL: f64 = 1.0;
/// `log_normal`.
const LOG_NORMAL: f64 = 1.0 + EXP;
/// `draw`, a cell: three variates, a product, two log-normal factors.
const DRAW: f64 = 3.0 * NORMAL + 1.0 + 2.0 * LOG_NORMAL;
/// `draw_speed`, a cell and a cycle.
const DRAW_SPEED: f64 = NORMAL + LOG_NORMAL;
/// `cpu/drive.rs`, `emission_per_s`, a class.
const EMISSION: f64 = THERMAL_ESCAPE + 1.0;
/// `cpu/step.rs`, `Motion::new`, a segment: offer 2, span 2, limit 4, its inverse 3.
const MOTION: f64 = 11.0;
/// The same, a class: the emission 3, the fastest 1.
const MOTION_CLASS: f64 = 4.0;
/// `average_uptake`, a class: `stays` 2, four weighted sums of 2, 2, 4 and 3.
const UPTAKE_CLASS: f64 = 13.0;
/// The same, a substep: capture 7, emission 2, `x` 2, weight 6, `uptake` without its slope 11, its share 1, the rest of
/// the weight 1, and the end 2.
const UPTAKE: f64 = 32.0;
/// `by_newton`, an iteration: `uptake` with its slope 18, both at the end 3, whether it is near 3, the step 7.
const NEWTON: f64 = 31.0;
/// `balance`, an iteration and a class: capture 1, net 4, `x` 1, `phi_near` 10, its slope 6, the value 4, the slope 7.
const NEWTON_CLASS: f64 = 33.0;
/// Whether `advance` is near.
const ADVANCE: f64 = 3.0;
/// `advance`, a class: capture 1, net 4, `x` 1, `phi_near` 10, the new filling 2, its ends 2.
const ADVANCE_CLASS: f64 = 20.0;
/// `cpu/train.rs`, a pulse: its speed is added up.
const SPEED: f64 = 1.0;
/// The polynomial of the mean speed, of degree seven.
const MEAN_SPEED: f64 = 14.0;
/// `slopes`: what is gained, filling 2, empty 1, the open share 3, the slope of the feedback 3 and the polynomial, that of
/// the uptake 3.
const SLOPES: f64 = FRACTION_LOST + 2.0 + 1.0 + 3.0 + 3.0 + MEAN_SPEED + 3.0;
/// A step of a train: four slopes, three places between of 3, two sums of 6, the sixth and the growth.
const TRAIN_STEP: f64 = 4.0 * SLOPES + 9.0 + 12.0 + 2.0;
/// A train: span 2, limit 4, room 1, dose 2, whether it catches 2, the first step 2, own speeds 4 and the polynomial; and the
/// correction: what is gained, 3 sums, two comparisons, quotient, sum and its end.
const TRAIN: f64 = 17.0 + MEAN_SPEED + FRACTION_LOST + 8.0;
/// The same, a class: filling 2 and speeds 4 at the start; the correction: capture 1, what it catches and 3, filling 2,
/// speeds 4.
const TRAIN_CLASS: f64 = 6.0 + 1.0 + FRACTION_LOST + 3.0 + 6.0;
/// `take_up`, a class: capture 1, what it catches, the new filling 3, its end 1.
const TAKE_UP_CLASS: f64 = 1.0 + FRACTION_LOST + 4.0;
/// `cpu/bake.rs`, `begin`, a cell: one over the charge, and whether there is any.
const BEGIN: f64 = 2.0;
/// The same, a class: the rate, the charge 2, the share 1.
const BEGIN_CLASS: f64 = THERMAL_ESCAPE + 1.0 + 3.0;
/// `cpu/constant.rs`, `lose`, a class of a checkpoint that is computed from its time: how often it is emptied 1, whether that is
/// little 1, the polynomial and its product where it is, its share 2.
const DIRECT_CLASS: f64 = 2.0 + POLYNOMIAL + 1.0 + 2.0;
/// The same of one that doubles the time of the one before: `y (2 - y)`, and its share.
const DOUBLED_CLASS: f64 = 4.0;
/// A checkpoint: the end of what is lost 1, `read` 13, moments of four quantities of 7, bins of three of 5, the
/// threshold 1, and three sums.
const CHECKPOINT: f64 = 1.0 + 13.0 + 4.0 * 7.0 + 3.0 * 5.0 + 4.0;

/// Bytes of an f32 or a u32.
const WORD: f64 = 4.0;
/// Factors of a cell on a GPU: size, area, trap-filled limit.
const FACTORS: f64 = 3.0;

/// What a call costs at least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    pub operations: Option<f64>,
    /// To and from memory on the processor, whose cells live in registers and the first cache.
    pub host_bytes: f64,
    /// To and from the memory of a GPU, whose cells go through it from kernel to kernel.
    pub device_bytes: f64,
    /// From a GPU to the host.
    pub read_back_bytes: f64,
}

/// The cost of the statistics of a job.
pub fn of_job(job: &Job) -> Cost {
    let (cells, tables) = (job.shape().cells() as f64, Tables::new(job));
    let (classes, checkpoints) = (tables.cell.classes as f64, tables.nominal.len() as f64);
    let chunks = (cells / CHUNK_CELLS as f64).ceil();
    let counts = counters(tables.bins as usize) as f64;
    // The processor: a chunk writes its sums, f64, and counts, and they are read to be added up.
    let sums = 4.0 * QUANTITIES as f64;
    let chunk_bytes = 2.0 * checkpoints * (8.0 * sums + WORD * counts);
    // The GPU: factors and occupancies are written when drawn and driven and read by the next kernel; the sums of a
    // block are written, and read to be folded.
    let cell_bytes = WORD * (3.0 * FACTORS + 2.0 * classes);
    let block_bytes = 2.0 * checkpoints * WORD * sums;
    Cost {
        operations: cell_operations(&tables).map(|of_cell| of_cell * cells),
        host_bytes: chunks * chunk_bytes,
        device_bytes: cells * (cell_bytes + block_bytes / BLOCK_CELLS as f64),
        read_back_bytes: WORD * checkpoints * (chunks * sums + counts),
    }
}

/// Of one cell from its draw to its last checkpoint; none where they are not counted.
fn cell_operations(tables: &Tables) -> Option<f64> {
    let (cell, classes) = (&tables.cell, tables.cell.classes as f64);
    let is_stiff = cell.segments.iter().any(|row| row.iterations >= STIFF_ITERATIONS);
    if cell.electrons.are_counted() || is_stiff || tables.has_profile() || tables.readings.is_some() {
        return None;
    }
    let mut sum = DRAW + classes * EMISSION + BEGIN + classes * BEGIN_CLASS;
    let mut drawn = None;
    for row in &cell.segments {
        if row.pulses > 0 {
            let speeds = if cell.speed_sd > 0.0 { f64::from(row.pulses) * (DRAW_SPEED + SPEED) } else { 0.0 };
            let steps = f64::from(row.train_steps) * TRAIN_STEP;
            sum += speeds + TRAIN + steps + classes * (TRAIN_CLASS + TAKE_UP_CLASS);
            continue;
        }
        if cell.speed_sd > 0.0 && row.offered > 0.0 && drawn != Some(row.cycle) {
            sum += DRAW_SPEED;
            drawn = Some(row.cycle);
        }
        let newton = f64::from(row.iterations) * (NEWTON + classes * NEWTON_CLASS);
        let uptake = if row.iterations > 0 { UPTAKE + classes * UPTAKE_CLASS + newton } else { 0.0 };
        let substep = uptake + ADVANCE + classes * ADVANCE_CLASS;
        sum += MOTION + classes * MOTION_CLASS + f64::from(row.substeps) * substep;
    }
    for visit in tables.visits() {
        let class = if visit[0].is_direct() { DIRECT_CLASS } else { DOUBLED_CLASS };
        sum += CHECKPOINT + classes * class;
    }
    Some(sum)
}

/// f64 numbers that an iteration of the crossbar solver moves for each cell: its first pass along bit lines reads and
/// writes the residual and reads q, pivots and cells (5), its second reads pivots, cells and residual and reads and
/// writes p, A p and x (9), the pass along word lines reads cells, pivots, p and A p and writes q (5). What a pass goes
/// through twice stays in a cache for a block of bit lines.
const NETWORK_NUMBERS: f64 = 19.0;
/// Operations of an iteration for each cell: passes of 16, 22 and 11 (`circuit/kernels.rs`), of f64, each of which
/// takes the place of two of f32 in a register.
const NETWORK_OPERATIONS: f64 = 2.0 * 49.0;

/// The cost of solving a network of so many cells in so many iterations on the processor; factors and certificates,
/// which come once, are left out. None without an iteration.
pub fn of_network(cells: u64, iterations: usize) -> Option<(f64, f64)> {
    let steps = cells as f64 * iterations as f64;
    (iterations > 0).then_some((NETWORK_OPERATIONS * steps, 8.0 * NETWORK_NUMBERS * steps))
}

#[cfg(test)]
mod tests {
    use super::super::jobs::job;
    use super::*;
    use trapline_report::analysis::benchmark::Problem;

    #[test]
    fn costs_grow_with_what_they_are_of() {
        let of = |problem, lines| of_job(&job(problem, lines).expect("a job"));
        let (bake, program) = (of(Problem::BakeMeanField, 128), of(Problem::ProgramMeanField, 128));
        let point = of(Problem::PointMeanField, 128);
        let count = |cost: Cost| cost.operations.expect("counted");
        // Four times the cells.
        assert_eq!(count(of(Problem::BakeMeanField, 256)), 4.0 * count(bake));
        // The point has the pulses of the one and more checkpoints than the other.
        assert!(count(point) > count(bake) && count(point) > count(program));
        assert!(count(point) < count(bake) * 1.2 + count(program));
        // By hand, of sixteen classes: 57 or so checkpoints of some 61 + 16 * 4 operations, and what comes before.
        let of_cell = count(bake) / (128.0 * 128.0);
        assert!((7_000.0..13_000.0).contains(&of_cell), "{of_cell}");
        // On a GPU cells go through the memory, on the processor only sums of chunks do.
        assert!(bake.device_bytes > 5.0 * bake.host_bytes && bake.read_back_bytes < bake.device_bytes);
        assert_eq!(of(Problem::BakeCounted, 128).operations, None);
    }

    /// Most checkpoints of two an octave double the one before last: dear ones are few.
    #[test]
    fn doublings_are_cheap() {
        let job = job(Problem::BakeMeanField, 8).expect("a job");
        let tables = Tables::new(&job);
        let direct = tables.visits().filter(|visit| visit[0].is_direct()).count();
        assert!((1..=tables.nominal.len() / 4).contains(&direct), "{direct} of {}", tables.nominal.len());
    }

    #[test]
    fn networks_cost_by_iteration() {
        assert_eq!(of_network(100, 0), None);
        assert_eq!(of_network(100, 2), Some((19_600.0, 30_400.0)));
    }
}
