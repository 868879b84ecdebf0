//! Statistics over cells: what a backend counts, and how it becomes a point's outcome.
//!
//! # Theory
//! A quantity varies by a percent or less over an array, so moments are taken of the difference from the nominal
//! cell, `d = (x - x_nominal)/scale`: then `sum d^2 - (sum d)^2/n` loses no digits that matter. The f32 backends add
//! up fixed blocks of global cells ([`BLOCK_CELLS`]). The CPU hands over one [`Partial`] a block, the GPU folds the
//! blocks of a chunk ([`CHUNK_CELLS`]) in a fixed order and hands over one a chunk; the host adds these in f64, in
//! their order, so that neither tiles nor threads nor lanes change a bit.
//!
//! The scale is 1, except for the lost fraction, where it is the nominal cell's: losses of 1e-17 have moments too.

use super::job::Job;
use ndarray::{Array1, Array2};
use trapline_model::cell::read::{Observables, QUANTITIES};
use trapline_model::outcome::{HistogramSeries, Histograms, MomentSeries, PointOutcome};

/// Cells whose sums are kept apart in f32: the unit of reduction on every backend.
pub const BLOCK_CELLS: u64 = 128;
/// Cells of which a GPU hands over one partial, and a CPU thread takes one piece of work.
pub const CHUNK_CELLS: u64 = 8192;

/// Memory the sums and counters of chunks may take that are not merged yet.
const CHUNK_MEMORY_BYTES: u64 = 256 << 20;

/// Chunks a host backend may compute before it merges their sums: so many that `threads` have enough to do, and that
/// the memory they take is bounded whatever the array, the checkpoints and the bins. A counter takes `counter_bytes`.
pub fn chunks_at_once(job: &Job, counter_bytes: usize, threads: usize) -> u64 {
    let checkpoint_bytes = size_of::<Partial>() + counters(job.bins.count) * counter_bytes;
    let chunk_bytes = (job.times_s.len() * checkpoint_bytes) as u64;
    let enough = 4 * (threads as u64).max(64);
    (CHUNK_MEMORY_BYTES / chunk_bytes.max(1)).clamp(1, enough)
}

/// Nominal losses below this count as none when the scale is chosen.
const LEAST_LOSS_SCALE: f64 = 1e-30;

/// Integer counters of one checkpoint: three histograms of `bins + 2` (below, bins, above), failed, programmed.
pub fn counters(bins: usize) -> usize {
    3 * (bins + 2) + 2
}

/// Sums over some cells at one checkpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Partial {
    pub sum: [f64; QUANTITIES],
    pub square: [f64; QUANTITIES],
    pub min: [f64; QUANTITIES],
    pub max: [f64; QUANTITIES],
}

impl Partial {
    pub const EMPTY: Partial = Partial {
        sum: [0.0; QUANTITIES],
        square: [0.0; QUANTITIES],
        min: [f64::INFINITY; QUANTITIES],
        max: [f64::NEG_INFINITY; QUANTITIES],
    };

    /// Adds the sums of further cells.
    pub fn add(&mut self, other: &Partial) {
        for q in 0..QUANTITIES {
            self.sum[q] += other.sum[q];
            self.square[q] += other.square[q];
            self.min[q] = self.min[q].min(other.min[q]);
            self.max[q] = self.max[q].max(other.max[q]);
        }
    }
}

/// What a cell's reading is compared with at one checkpoint: nominal values and scales of the differences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    pub nominal: [f64; QUANTITIES],
    pub scale: [f64; QUANTITIES],
}

impl Shift {
    /// The shift of a checkpoint; `round` is what the backend's precision makes of a number.
    pub fn new(nominal: &Observables<f64>, round: impl Fn(f64) -> f64) -> Shift {
        let lost_scale = if nominal.lost > LEAST_LOSS_SCALE { nominal.lost } else { 1.0 };
        Shift { nominal: nominal.array().map(&round), scale: [1.0, 1.0, round(lost_scale), 1.0] }
    }
}

/// A number that rounding alone can take beyond these ends; what is not a number stays so.
fn within(value: f64, least: f64, most: f64) -> f64 {
    if value < least {
        least
    } else if value > most {
        most
    } else {
        value
    }
}

/// Statistics of an array, checkpoint by checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    pub cells: u64,
    pub shifts: Vec<Shift>,
    pub partials: Vec<Partial>,
    /// Axes (checkpoint, counter).
    pub counts: Array2<u64>,
}

impl Tally {
    /// An empty tally; `round` as in [`Shift::new`].
    pub fn new(job: &Job, round: impl Fn(f64) -> f64) -> Tally {
        let checkpoints = job.times_s.len();
        Tally {
            cells: job.shape.cells(),
            shifts: job.nominal.iter().map(|n| Shift::new(n, &round)).collect(),
            partials: vec![Partial::EMPTY; checkpoints],
            counts: Array2::zeros((checkpoints, counters(job.bins.count))),
        }
    }

    /// The point's outcome, in SI.
    pub fn outcome(&self, job: &Job) -> PointOutcome {
        let bins = job.bins.count;
        let slot_failed = 3 * (bins + 2);
        let programmed = self.counts[[0, slot_failed + 1]];
        let moments = |q: usize, cells: u64, unit: f64| {
            let count = cells as f64;
            let series = |value: &dyn Fn(&Partial, &Shift) -> f64| -> Array1<f64> {
                let both = self.partials.iter().zip(&self.shifts);
                if cells == 0 {
                    Array1::from_elem(self.partials.len(), f64::NAN)
                } else {
                    both.map(|(p, s)| value(p, s)).collect()
                }
            };
            MomentSeries {
                mean: series(&|p, s| within(s.nominal[q] + s.scale[q] * (p.sum[q] / count), p.min[q], p.max[q]) * unit),
                variance: series(&|p, s| {
                    let mean = p.sum[q] / count;
                    let variance = (p.square[q] / count - mean * mean) * (s.scale[q] * unit) * (s.scale[q] * unit);
                    let half_range = 0.5 * (p.max[q] - p.min[q]) * unit;
                    within(variance, 0.0, half_range * half_range)
                }),
                min: series(&|p, _| p.min[q] * unit),
                max: series(&|p, _| p.max[q] * unit),
            }
        };
        let histogram = |which: usize, (low, high): (f64, f64), unit: f64| {
            let first = which * (bins + 2);
            HistogramSeries {
                low: low * unit,
                high: high * unit,
                counts: self.counts.slice(ndarray::s![.., first + 1..first + 1 + bins]).to_owned(),
                below: self.counts.column(first).to_owned(),
                above: self.counts.column(first + 1 + bins).to_owned(),
            }
        };
        let siemens = job.read.fresh_conductance_s;
        PointOutcome {
            times_s: Array1::from(job.times_s.clone()),
            cells: self.cells,
            programmed,
            fresh_conductance_s: siemens,
            conductance_s: moments(0, self.cells, siemens),
            filling: moments(1, self.cells, 1.0),
            lost_fraction: moments(2, programmed, 1.0),
            kept: moments(3, programmed, 1.0),
            failed: self.counts.column(slot_failed).to_owned(),
            histograms: Some(Histograms {
                conductance: histogram(0, job.bins.conductance, siemens),
                filling: histogram(1, job.bins.filling, 1.0),
                kept: histogram(2, job.bins.kept, 1.0),
            }),
            dump: None,
            circuit: None,
        }
    }
}

/// The counter a value falls into, from 0 (below) to `bins + 1` (at or above the upper edge).
#[inline(always)]
pub fn bin_of(value: f64, (low, high): (f64, f64), bins: usize) -> usize {
    let place = (value - low) * (bins as f64 / (high - low));
    if place < 0.0 {
        0
    } else if place >= bins as f64 {
        bins + 1
    } else {
        1 + place as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::job::Bake;

    /// Of cells that are all alike, the mean is what each of them is, and nothing varies: sums of rounded differences
    /// from a nominal value say otherwise by 1e-15.
    #[test]
    fn rounding_takes_no_mean_out_of_what_was_seen() {
        let pi = trapline_model::material::shipped("pi").expect("shipped");
        let job = Job::of(&pi).bake(Bake::at(400.0).checkpoints(&[1.0])).build().expect("within limits");
        let mut tally = Tally { cells: 36, ..Tally::new(&job, |x| x) };
        let checkpoints = tally.partials.len();
        tally.counts.fill(36);
        for (partial, shift) in tally.partials.iter_mut().zip(&mut tally.shifts) {
            // 36 cells of 0, as differences from a nominal 1.1e-15 whose sums are a hundredth too large.
            (shift.nominal, shift.scale) = ([1.1e-15; QUANTITIES], [1.0; QUANTITIES]);
            partial.sum = [36.0 * -1.1e-15 * 1.01; QUANTITIES];
            partial.square = [36.0 * 1.1e-15 * 1.1e-15 * 1.1; QUANTITIES];
            (partial.min, partial.max) = ([0.0; QUANTITIES], [0.0; QUANTITIES]);
        }
        let outcome = tally.outcome(&job);
        for at in 0..checkpoints {
            assert_eq!((outcome.filling.mean[at], outcome.filling.variance[at]), (0.0, 0.0));
        }
        // Half of the cells at 0 and half at 1 vary by 1/4, and nothing between 0 and 1 varies more.
        for partial in &mut tally.partials {
            (partial.sum, partial.square) = ([18.0; QUANTITIES], [18.000_001; QUANTITIES]);
            (partial.min, partial.max) = ([0.0; QUANTITIES], [1.0; QUANTITIES]);
        }
        tally.shifts.iter_mut().for_each(|shift| shift.nominal = [0.0; QUANTITIES]);
        assert_eq!(tally.outcome(&job).filling.variance[0], 0.25);
        // Control: a mean within what was seen is left alone, and so is what is not a number.
        assert_eq!((within(0.3, 0.2, 0.4), within(0.1, 0.2, 0.4), within(0.5, 0.2, 0.4)), (0.3, 0.2, 0.4));
        assert!(within(f64::NAN, 0.2, 0.4).is_nan());
    }

    #[test]
    fn chunks_are_bounded_by_memory_and_always_some() {
        let times_s: Vec<f64> = (1..=4095).map(f64::from).collect();
        let pi = trapline_model::material::shipped("pi").expect("shipped");
        let job = |times: usize, bins: usize| {
            Job::of(&pi).bake(Bake::at(400.0).checkpoints(&times_s[..times])).bins(bins).build().expect("within limits")
        };
        // The limits of a campaign: 4096 checkpoints, 256 bins.
        let largest = job(4095, 256);
        for (counter_bytes, threads) in [(4, 1), (4, 300), (8, 1024)] {
            let chunks = chunks_at_once(&largest, counter_bytes, threads);
            let bytes = chunks * 4096 * (128 + 776 * counter_bytes as u64);
            assert!(chunks >= 1 && bytes <= CHUNK_MEMORY_BYTES, "{chunks} chunks of {bytes} bytes");
        }
        // Where memory allows, every thread has work.
        assert_eq!(chunks_at_once(&job(3, 8), 4, 1), 256);
        assert_eq!(chunks_at_once(&job(3, 8), 4, 300), 1200);
    }
}
