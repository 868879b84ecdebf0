//! Reduces readings to sums and counts. Twin: `shaders/reduce.wgsl`.
//!
//! A block is [`BLOCK_CELLS`] consecutive cells. Its sums stay in sixteen lanes,
//! cell `i` in lane `i % 16`, until the block is done; then the lanes are folded in halves. This order is fixed and
//! knows neither registers nor threads.

use super::lanes::{LANES, Lane, splat};
use crate::backend::job::MAX_BINS;
use crate::backend::tables::{BinRow, NominalRow, Tables};
use crate::backend::tally::{BLOCK_CELLS, Partial, counters};
use trapline_model::cell::read::{Observables, PROGRAMMED_FILLING, QUANTITIES};

/// Conductance, filling, kept.
const HISTOGRAMS: usize = 3;

/// Lane sums of one quantity at one checkpoint.
#[derive(Clone, Copy)]
pub struct Moments {
    sum: Lane,
    square: Lane,
    min: Lane,
    max: Lane,
}

impl Moments {
    const EMPTY: Moments = Moments {
        sum: [0.0; LANES],
        square: [0.0; LANES],
        min: [f32::INFINITY; LANES],
        max: [f32::NEG_INFINITY; LANES],
    };

    /// Adds the differences from the nominal value to a sum of which nothing else is asked.
    #[inline(always)]
    pub fn add_to_sum(sum: &mut Lane, values: &Lane, nominal: f32, included: &Lane) {
        for lane in 0..LANES {
            let d = values[lane] - nominal;
            sum[lane] += if included[lane] > 0.0 { d } else { 0.0 };
        }
    }

    /// Adds sixteen values.
    #[inline(always)]
    fn add(&mut self, values: &Lane, nominal: f32, inverse_scale: f32) {
        for lane in 0..LANES {
            let x = values[lane];
            let d = (x - nominal) * inverse_scale;
            self.sum[lane] += d;
            self.square[lane] += d * d;
            self.min[lane] = if x < self.min[lane] { x } else { self.min[lane] };
            self.max[lane] = if x > self.max[lane] { x } else { self.max[lane] };
        }
    }

    /// Adds those of sixteen values that count: with all of them, the same bits as [`Moments::add`].
    #[inline(always)]
    fn add_counted(&mut self, values: &Lane, nominal: f32, inverse_scale: f32, included: &Lane) {
        for lane in 0..LANES {
            let (x, counts) = (values[lane], included[lane] > 0.0);
            let d = (x - nominal) * inverse_scale;
            let d = if counts { d } else { 0.0 };
            self.sum[lane] += d;
            self.square[lane] += d * d;
            let (low, high) = (if counts { x } else { f32::INFINITY }, if counts { x } else { f32::NEG_INFINITY });
            self.min[lane] = if low < self.min[lane] { low } else { self.min[lane] };
            self.max[lane] = if high > self.max[lane] { high } else { self.max[lane] };
        }
    }
}

/// Lane sums of one checkpoint.
#[derive(Clone, Copy)]
pub struct Sums {
    moments: [Moments; QUANTITIES],
}

impl Sums {
    pub const EMPTY: Sums = Sums { moments: [Moments::EMPTY; QUANTITIES] };

    /// Adds sixteen readings: the first two quantities of valid cells, the others of programmed ones.
    #[inline(always)]
    pub fn add(&mut self, seen: &Observables<Lane>, nominal: &NominalRow, included: &Included) {
        let [conductance, filling, lost, kept] = &mut self.moments;
        if included.all {
            conductance.add(&seen.conductance, nominal.conductance, nominal.conductance_scale);
            filling.add(&seen.filling, nominal.filling, nominal.filling_scale);
            lost.add(&seen.lost, nominal.lost, nominal.lost_scale);
            kept.add(&seen.kept, nominal.kept, nominal.kept_scale);
        } else {
            conductance.add_counted(&seen.conductance, nominal.conductance, nominal.conductance_scale, &included.valid);
            filling.add_counted(&seen.filling, nominal.filling, nominal.filling_scale, &included.valid);
            lost.add_counted(&seen.lost, nominal.lost, nominal.lost_scale, &included.programmed);
            kept.add_counted(&seen.kept, nominal.kept, nominal.kept_scale, &included.programmed);
        }
    }

    /// Folds the lanes. Never inlined: the narrow operations of the last halves would split the sums in the caller's
    /// loop into pairs.
    #[inline(never)]
    pub fn fold(&self) -> Partial {
        let mut partial = Partial::EMPTY;
        for q in 0..QUANTITIES {
            let moments = &self.moments[q];
            partial.sum[q] = f64::from(total(&moments.sum));
            partial.square[q] = f64::from(total(&moments.square));
            partial.min[q] = f64::from(least(&moments.min));
            partial.max[q] = f64::from(most(&moments.max));
        }
        partial
    }
}

/// Which of sixteen cells count: 1 where they do, else 0.
#[derive(Clone, Copy)]
pub struct Included {
    /// Cells of the array.
    pub valid: Lane,
    /// Those of them that hold charge after programming.
    pub programmed: Lane,
    /// Whether all sixteen are both.
    pub all: bool,
}

impl Included {
    pub const NONE: Included = Included { valid: splat(0.0), programmed: splat(0.0), all: false };

    /// The first `cells` of sixteen, with their fillings after programming.
    #[inline(always)]
    pub fn new(cells: u64, start: &Lane) -> Included {
        let mut included = Included { all: true, ..Included::NONE };
        for lane in 0..LANES {
            included.valid[lane] = if (lane as u64) < cells { 1.0 } else { 0.0 };
            included.programmed[lane] =
                if start[lane] > PROGRAMMED_FILLING as f32 { included.valid[lane] } else { 0.0 };
            included.all &= included.programmed[lane] > 0.0;
        }
        included
    }
}

/// Adds up sixteen lanes in halves. Kept apart for the reason of [`Sums::fold`], and so that folds of several
/// quantities are not woven into one, which takes their lanes apart one by one.
#[inline(never)]
pub fn total(lanes: &Lane) -> f32 {
    fold(lanes, |a, b| a + b)
}

/// The least of sixteen lanes, none of which is NaN.
#[inline(never)]
fn least(lanes: &Lane) -> f32 {
    fold(lanes, |a, b| if b < a { b } else { a })
}

/// The most of sixteen lanes, none of which is NaN.
#[inline(never)]
fn most(lanes: &Lane) -> f32 {
    fold(lanes, |a, b| if b > a { b } else { a })
}

/// Folds sixteen lanes in halves.
#[inline(always)]
fn fold(lanes: &Lane, f: impl Fn(f32, f32) -> f32) -> f32 {
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

/// Counter of a value: 0 below the first bin, then the bins, last the ones above; [`NONE`] where a cell does not count.
#[inline(always)]
fn put_slots(slots: &mut Slots, values: &Lane, bin: &BinRow, bins: u32, counts: &Lane) {
    for lane in 0..LANES {
        // From -1 (below) to `bins` (above), shifted by one so that truncation is a floor.
        let place = ((values[lane] - bin.low) * bin.per_unit + 1.0).max(0.0).min(bins as f32 + 1.0);
        // SAFETY: between 0 and `bins + 1`; a NaN became 0.
        let slot = unsafe { place.to_int_unchecked::<i32>() } as i16;
        slots[lane] = if counts[lane] > 0.0 { slot } else { NONE };
    }
}

/// Gives 1 where cells keep less than the threshold.
#[inline(always)]
pub fn below_threshold(tables: &Tables, kept: &Lane) -> Lane {
    super::lanes::map(kept, |kept| if kept < tables.kept_threshold { 1.0 } else { 0.0 })
}

/// Slot of a cell that does not count.
const NONE: i16 = i16::MAX;
/// Slots of sixteen cells in a histogram.
type Slots = [i16; LANES];
/// Groups of sixteen cells in a block.
const GROUPS: usize = BLOCK_CELLS as usize / LANES;
/// So many neighbouring slots at most are each compared with all cells of a block. Where there are more it is cheaper
/// to count cell by cell: an increment waits for the one before it where cells fall into the same bin, as alike ones
/// do.
const COMPARED: i16 = 16;

const _: () = assert!(MAX_BINS + 2 < NONE as usize && BLOCK_CELLS < NONE as u64);

/// What is counted of a block at one checkpoint.
pub struct Counters {
    /// Axes (histogram, group).
    slots: [[Slots; GROUPS]; HISTOGRAMS],
    failed: Lane,
    programmed: Lane,
}

impl Counters {
    /// Nothing counted.
    pub const ZERO: Counters =
        Counters { slots: [[[NONE; LANES]; GROUPS]; HISTOGRAMS], failed: splat(0.0), programmed: splat(0.0) };

    /// Takes the sixteen cells of a group of the block, of which some are failing (1, else 0).
    #[inline(always)]
    pub fn take(
        &mut self,
        group: usize,
        tables: &Tables,
        seen: &Observables<Lane>,
        failing: &Lane,
        included: &Included,
    ) {
        let bins = tables.bins;
        let [conductance, filling, kept] = &mut self.slots;
        put_slots(&mut conductance[group], &seen.conductance, &tables.histograms[0], bins, &included.valid);
        put_slots(&mut filling[group], &seen.filling, &tables.histograms[1], bins, &included.valid);
        put_slots(&mut kept[group], &seen.kept, &tables.histograms[2], bins, &included.programmed);
        for lane in 0..LANES {
            self.failed[lane] += failing[lane] * included.programmed[lane];
            self.programmed[lane] += included.programmed[lane];
        }
    }

    /// Adds all to the counters of a checkpoint (three histograms, failed, programmed), and begins anew.
    #[inline(always)]
    pub fn flush(&mut self, bins: u32, counts: &mut [u32]) {
        let width = bins as usize + 2;
        debug_assert_eq!(counts.len(), counters(bins as usize));
        let (histograms, last) = counts.split_at_mut(HISTOGRAMS * width);
        for (histogram, counts) in histograms.chunks_exact_mut(width).enumerate() {
            count_into(counts, &self.slots[histogram]);
            self.slots[histogram] = [[NONE; LANES]; GROUPS];
        }
        // Whole numbers of at most a block: exact in any order.
        last[0] += total(&self.failed) as u32;
        last[1] += total(&self.programmed) as u32;
        (self.failed, self.programmed) = (splat(0.0), splat(0.0));
    }
}

/// Adds the slots of a block's cells to the counters of a histogram.
#[inline(always)]
fn count_into(counts: &mut [u32], slots: &[Slots; GROUPS]) {
    // One list: lane by lane, the vectoriser takes it apart.
    let slots = slots.as_flattened();
    let (mut low, mut high) = (NONE, 0);
    for cell in 0..slots.len() {
        let slot = slots[cell];
        low = if slot < low { slot } else { low };
        high = if slot > high { slot } else { high };
    }
    // Where a cell does not count, the highest is NONE.
    if high - low < COMPARED {
        for slot in low..=high {
            let mut alike = 0;
            for cell in 0..slots.len() {
                alike += i16::from(slots[cell] == slot);
            }
            if let Some(count) = counts.get_mut(slot as usize) {
                *count += alike as u32;
            }
        }
    } else {
        for slot in slots {
            if let Some(count) = counts.get_mut(*slot as usize) {
                *count += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_fold_in_halves() {
        // In any other order the large ones would have swallowed what is small before they cancel.
        let mut lanes = splat(1.0);
        (lanes[0], lanes[8]) = (1e8, -1e8);
        assert_eq!(fold(&lanes, |a, b| a + b), 14.0);
        let order: Vec<_> = (0..LANES).map(|lane| lane as f32).collect();
        assert_eq!(fold(order.as_slice().first_chunk().expect("sixteen"), |a, b| 2.0 * a + b), {
            // Level by level: lane i with lane i + 8, then + 4, + 2, + 1.
            let mut rest = order.clone();
            for width in [8, 4, 2, 1] {
                rest = (0..width).map(|i| 2.0 * rest[i] + rest[i + width]).collect();
            }
            rest[0]
        });
        // Control: from left to right it is another number.
        assert_ne!(lanes.iter().sum::<f32>(), 14.0);
    }

    #[test]
    fn edges_fall_into_the_right_bins() {
        let bin = BinRow { low: 0.25, per_unit: 8.0 };
        let mut values = splat(0.0);
        let expected: [(f32, i16); 10] = [
            (-1e30, 0),
            (0.25f32.next_down(), 0),
            (0.25, 1),
            (0.374, 1),
            (0.375, 2),
            (0.74, 4),
            (0.75, 5),
            (1e30, 5),
            (f32::INFINITY, 5),
            (f32::NAN, 0),
        ];
        for (value, (edge, _)) in values.iter_mut().zip(expected) {
            *value = edge;
        }
        let (mut found, mut none) = ([0; LANES], [0; LANES]);
        put_slots(&mut found, &values, &bin, 4, &splat(1.0));
        put_slots(&mut none, &values, &bin, 4, &splat(0.0));
        for (lane, (value, slot)) in expected.into_iter().enumerate() {
            // One step of f32 below an edge may round up to it.
            let low = if value == 0.25f32.next_down() { slot..=slot + 1 } else { slot..=slot };
            assert!(low.contains(&found[lane]), "{value}: {}", found[lane]);
        }
        assert_eq!(none, [NONE; LANES]);
    }

    #[test]
    fn counters_count_each_cell_once() {
        let pi = trapline_model::material::shipped("pi").expect("shipped");
        let tables = Tables::new(&crate::backend::job::Job::of(&pi).bins(7).build().expect("sound"));
        let width = tables.bins as usize + 2;
        let (mut found, mut expected) = (vec![0; counters(7)], vec![0; counters(7)]);
        let mut of_block = Counters::ZERO;
        for group in 0..BLOCK_CELLS as usize / LANES {
            let lane = |scale: f32, offset: f32| -> Lane {
                std::array::from_fn(|lane| offset + scale * ((7 * group + 3 * lane) % 11) as f32)
            };
            let seen = Observables {
                conductance: lane(0.02, 0.95),
                filling: lane(0.1, -0.01),
                lost: splat(0.0),
                kept: lane(0.1, 0.0),
            };
            let failing = below_threshold(&tables, &seen.kept);
            // Of the last group some are beyond the array, and of one some hold no charge.
            let start: Lane = std::array::from_fn(|lane| if group == 3 && lane > 5 { 0.0 } else { 0.5 });
            let included = Included::new(if group == 7 { 9 } else { 16 }, &start);
            of_block.take(group, &tables, &seen, &failing, &included);
            let values = [&seen.conductance, &seen.filling, &seen.kept];
            for lane in 0..LANES {
                for (histogram, values) in values.into_iter().enumerate() {
                    let counts = if histogram < 2 { included.valid[lane] } else { included.programmed[lane] };
                    let mut slots = [0; LANES];
                    put_slots(&mut slots, values, &tables.histograms[histogram], tables.bins, &splat(1.0));
                    let slot = slots[lane] as usize;
                    expected[histogram * width + slot] += u32::from(counts > 0.0);
                }
                expected[3 * width] += (failing[lane] * included.programmed[lane]) as u32;
                expected[3 * width + 1] += included.programmed[lane] as u32;
            }
        }
        of_block.flush(tables.bins, &mut found);
        assert_eq!(found, expected);
        let of_histogram = |which: usize| found[which * width..(which + 1) * width].iter().sum::<u32>();
        assert_eq!((of_histogram(0), of_histogram(1), of_histogram(2)), (121, 121, 111));
        // Nothing is left for the next checkpoint.
        of_block.flush(tables.bins, &mut found);
        assert_eq!(found, expected);
    }

    #[test]
    fn masked_sums_of_all_are_the_plain_sums() {
        let mut values = splat(0.0);
        for (lane, value) in values.iter_mut().enumerate() {
            *value = 0.1 + 0.37 * lane as f32;
        }
        let (mut plain, mut masked) = (Moments::EMPTY, Moments::EMPTY);
        plain.add(&values, 0.3, 1.7);
        masked.add_counted(&values, 0.3, 1.7, &splat(1.0));
        assert_eq!(
            (plain.sum, plain.square, plain.min, plain.max),
            (masked.sum, masked.square, masked.min, masked.max)
        );
        masked.add_counted(&splat(1e9), 0.3, 1.7, &splat(0.0));
        assert_eq!(
            (plain.sum, plain.square, plain.min, plain.max),
            (masked.sum, masked.square, masked.min, masked.max)
        );
    }
}
