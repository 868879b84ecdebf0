//! Reduces readings to sums and counts. Twin: `shaders/reduce.wgsl`.
//!
//! A block is [`BLOCK_CELLS`] consecutive cells. Its sums stay in sixteen lanes, cell `i` in lane `i % 16`, until the
//! block is done; then the lanes are folded in halves. This order is fixed and knows neither registers nor threads.

use super::lanes::{LANES, Lane, splat};
use crate::backend::job::{Observables, QUANTITIES};
use crate::backend::tables::{BinRow, Tables};
use crate::backend::tally::{Partial, counters};

/// Lane sums of one checkpoint.
#[derive(Clone, Copy)]
pub struct Sums {
    sum: [Lane; QUANTITIES],
    square: [Lane; QUANTITIES],
    min: [Lane; QUANTITIES],
    max: [Lane; QUANTITIES],
}

impl Sums {
    pub const EMPTY: Sums = Sums {
        sum: [[0.0; LANES]; QUANTITIES],
        square: [[0.0; LANES]; QUANTITIES],
        min: [[f32::INFINITY; LANES]; QUANTITIES],
        max: [[f32::NEG_INFINITY; LANES]; QUANTITIES],
    };

    /// Adds sixteen readings; `counted[q]` is 1 in the lanes where quantity `q` counts, else 0.
    #[inline(always)]
    pub fn add(
        &mut self,
        seen: &Observables<Lane>,
        nominal: &[f32; QUANTITIES],
        inverse_scale: &[f32; QUANTITIES],
        counted: &[Lane; QUANTITIES],
    ) {
        let values = seen.array();
        for q in 0..QUANTITIES {
            for lane in 0..LANES {
                let (x, counts) = (values[q][lane], counted[q][lane] > 0.0);
                let d = if counts { (x - nominal[q]) * inverse_scale[q] } else { 0.0 };
                self.sum[q][lane] += d;
                self.square[q][lane] += d * d;
                let low = self.min[q][lane];
                let high = self.max[q][lane];
                self.min[q][lane] = if counts && x < low { x } else { low };
                self.max[q][lane] = if counts && x > high { x } else { high };
            }
        }
    }

    /// Folds the lanes.
    #[inline(always)]
    pub fn fold(&self) -> Partial {
        let mut partial = Partial::EMPTY;
        for q in 0..QUANTITIES {
            partial.sum[q] = f64::from(fold(&self.sum[q], |a, b| a + b));
            partial.square[q] = f64::from(fold(&self.square[q], |a, b| a + b));
            partial.min[q] = f64::from(fold(&self.min[q], f32::min));
            partial.max[q] = f64::from(fold(&self.max[q], f32::max));
        }
        partial
    }
}

/// Folds sixteen lanes in halves.
#[inline(always)]
pub fn fold(lanes: &Lane, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut rest = *lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            rest[lane] = f(rest[lane], rest[lane + width]);
        }
        width /= 2;
    }
    rest[0]
}

/// Counter of a value: 0 below the first bin, then the bins, last the ones above.
#[inline(always)]
fn slots(values: &Lane, bin: &BinRow, bins: u32) -> [u32; LANES] {
    let mut slots = [0; LANES];
    for lane in 0..LANES {
        // From -1 (below) to `bins` (above), shifted by one so that truncation is a floor.
        let place = (values[lane] - bin.low) * bin.per_unit + 1.0;
        slots[lane] = place.max(0.0).min(bins as f32 + 1.0) as u32;
    }
    slots
}

/// Counts sixteen cells at one checkpoint into `counts` (three histograms, failed, programmed); `valid` and
/// `programmed` are 1 in lanes that count.
#[inline(always)]
pub fn count(tables: &Tables, seen: &Observables<Lane>, valid: &Lane, programmed: &Lane, counts: &mut [u32]) {
    let bins = tables.bins;
    let width = bins as usize + 2;
    let conductance = slots(&seen.conductance, &tables.histograms[0], bins);
    let filling = slots(&seen.filling, &tables.histograms[1], bins);
    let kept = slots(&seen.kept, &tables.histograms[2], bins);
    let (mut failed, mut held) = (0, 0);
    for lane in 0..LANES {
        if valid[lane] > 0.0 {
            counts[conductance[lane] as usize] += 1;
            counts[width + filling[lane] as usize] += 1;
        }
        if programmed[lane] > 0.0 {
            counts[2 * width + kept[lane] as usize] += 1;
            held += 1;
            failed += u32::from(seen.kept[lane] < tables.kept_threshold);
        }
    }
    debug_assert_eq!(counts.len(), counters(bins as usize));
    counts[3 * width] += failed;
    counts[3 * width + 1] += held;
}

/// Ones in the first `count` lanes, zeros after.
#[inline(always)]
pub fn mask(count: u64) -> Lane {
    let mut lanes = splat(0.0);
    for lane in 0..LANES {
        lanes[lane] = if (lane as u64) < count { 1.0 } else { 0.0 };
    }
    lanes
}
