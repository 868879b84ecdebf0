//! Ranges of a table's arguments, in octaves and parts of these.

use super::grid::MANTISSA_BITS;
use std::ops::RangeInclusive;

/// Arguments below this part of the largest are not told apart: a law that vanishes with its argument is there below
/// 1e-30 of its largest value.
const LEAST_PART: f32 = 1.0 / (1u128 << 100) as f32;

/// A range of arguments, as bit patterns of positive f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    pub low: u32,
    pub high: u32,
}

impl Axis {
    pub fn new(least: f32, most: f32) -> Axis {
        let most = most.max(f32::MIN_POSITIVE);
        Axis { low: least.max(most * LEAST_PART).max(f32::MIN_POSITIVE).to_bits(), high: most.to_bits() }
    }

    /// One argument.
    pub fn single(self) -> bool {
        self.low == self.high
    }

    pub fn octaves(self) -> RangeInclusive<u32> {
        self.low >> MANTISSA_BITS..=self.high >> MANTISSA_BITS
    }

    /// Parts of an octave that the range touches.
    pub(super) fn parts(self, octave: u32, shift: u32) -> RangeInclusive<u32> {
        let within = |bits: u32| (bits & ((1 << MANTISSA_BITS) - 1)) >> shift;
        let (low, high) = (self.low.max(octave << MANTISSA_BITS), self.high.min(((octave + 1) << MANTISSA_BITS) - 1));
        within(low)..=within(high)
    }

    /// So many arguments of an octave, evenly, its ends in the range among them.
    pub fn points(self, octave: u32, count: u32) -> impl Iterator<Item = f32> {
        let (low, high) = (self.low.max(octave << MANTISSA_BITS), self.high.min(((octave + 1) << MANTISSA_BITS) - 1));
        spread(low, high, count)
    }

    /// So many arguments of a part of an octave, both ends among them.
    pub(super) fn points_of(self, octave: u32, part: u32, shift: u32, count: u32) -> impl Iterator<Item = f32> {
        let first = (octave << MANTISSA_BITS) + (part << shift);
        spread(first.max(self.low), (first + (1 << shift) - 1).min(self.high), count)
    }
}

/// So many numbers from one bit pattern to another.
fn spread(low: u32, high: u32, count: u32) -> impl Iterator<Item = f32> {
    (0..count)
        .map(move |i| f32::from_bits(low + (u64::from(high - low) * u64::from(i) / u64::from(count.max(2) - 1)) as u32))
}

/// The argument at the place `s` of a part of an octave.
pub(super) fn argument(octave: u32, part: u32, shift: u32, s: f64) -> f64 {
    let within = (f64::from(part) + 0.5 + s) * libm::scalbn(1.0, shift as i32 - MANTISSA_BITS as i32);
    libm::scalbn(1.0 + within, octave as i32 - 127)
}
