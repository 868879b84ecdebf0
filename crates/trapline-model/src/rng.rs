//! Random numbers without state: every number is a function of who asks for it.
//!
//! # Theory
//!
//! Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011) is a keyed
//! bijection of 128-bit counters: ten rounds of two 32x32 to 64 bit products and some exclusive-ors. There is no
//! sequence to advance, so a cell's numbers do not depend on tile size, thread count, backend or the order in which
//! points run.
//!
//! | word | holds |
//! | --- | --- |
//! | key 0, 1 | the 64-bit seed, low word first |
//! | counter 0, 1 | the 64-bit global cell number, low word first |
//! | counter 2 | the step: pulse or cycle number |
//! | counter 3 | purpose in the top 8 bits, draw in the low 24 |
//!
//! The purpose could have taken half of the key; it shares the last counter word instead, so that seeds keep their 64
//! bits. No cell needs 2^24 draws for one purpose in one step.
//!
//! A normal variate is the quantile of one word, read as the probability (word + 1/2) / 2^32. Backends must agree on
//! it bit for bit, and no two of them agree on `log` or `cos`, so it is computed in integers: fixed point,
//! [`NORMAL_UNIT`] a step. The nearer tail holds 31 bits of the word. Its leading bit picks the octave, the next five
//! bits one of 32 segments, and a quadratic in the remaining bits gives the quantile: in the variable log p the
//! quantile is so smooth that each octave has nearly the same error. Interpolation at the ends and the middle of a
//! segment makes the pieces meet exactly.
//!
//! The error is below 7.5e-7, of which 4.8e-7 is half a step of the result. The largest magnitude is 6.338, at a tail
//! probability of 2^-33: what lies beyond occurs once in 4 billion draws.
//!
//! # Practice
//!
//! [`words`] gives four words for one cell; [`normal_fixed`] turns a word into a variate. The `_lanes` forms do the
//! same for `L` cells at once, in loops that compilers turn into vector code; they take [`key`] and
//! [`purpose_and_draw`] from here too. `shaders/philox.wgsl` and `shaders/normal.wgsl` are the twins of this file,
//! with the same names in the same order; a GPU reads [`normal_table`] from a buffer.

pub mod counts;

use std::sync::LazyLock;

/// Multipliers of the two products of a Philox round.
pub const PHILOX_M0: u32 = 0xD251_1F53;
/// See [`PHILOX_M0`].
pub const PHILOX_M1: u32 = 0xCD9E_8D57;
/// Key increments of a Philox round: the golden ratio and the square root of 3 less 1, as fractions of 2^32.
pub const PHILOX_W0: u32 = 0x9E37_79B9;
/// See [`PHILOX_W0`].
pub const PHILOX_W1: u32 = 0xBB67_AE85;
/// Rounds of Philox.
pub const PHILOX_ROUNDS: u32 = 10;

/// What a random number is for; part of the counter, so that purposes never share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Purpose {
    /// Device-to-device variation: drawn once per cell, at step 0.
    Device = 1,
    /// Cycle-to-cycle variation of the capture speed: drawn once per cell and pulse.
    Cycle = 2,
    /// Noise of one reading.
    ReadNoise = 3,
    /// Whether a learning update pulses a cell: drawn once per cell and update.
    Learning = 4,
    /// Where a further start of a fit lies between the bounds: the start is the cell, the parameter the step.
    FitStart = 5,
    /// A cell of a sample for rare failures: its number is the cell, the point of the campaign the step.
    Rare = 6,
    /// How many traps of a class catch an electron under bias from one draw to the next, and how many let one go.
    Substep = 7,
    /// How many traps of a class let go of theirs between two checkpoints.
    Bake = 8,
    /// How many dots of each class a cell has.
    Dots = 9,
    /// The seed of the cells that a bake temperature has of its own: the temperature's bits are the cell.
    OwnCells = 10,
    /// What a cell's dots are, and what they do under bias, where each of them is taken by itself.
    EachDot = 11,
    /// How long each of their electrons stays in a bake.
    EachDotBake = 12,
    /// Noise of the reading by which a cell is judged in a bake: drawn once per cell and checkpoint, the step.
    ReadingOfBake = 13,
    /// Whether a cell of an array is written: drawn once per cell.
    Pattern = 14,
    /// Noise of one reading of a bit line of an array: the line is the cell.
    LineNoise = 15,
    /// How many electrons a cell has that is at rest under a bias.
    AtRest = 16,
}

/// Bits of the last counter word that hold the draw; the purpose lies above them.
pub const DRAW_BITS: u32 = 24;

/// The Philox key of a seed.
#[inline(always)]
pub const fn key(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// The last counter word: `draw` must be below 2^[`DRAW_BITS`], or it would reach into the purpose.
#[inline(always)]
pub const fn purpose_and_draw(purpose: Purpose, draw: u32) -> u32 {
    debug_assert!(draw < 1 << DRAW_BITS);
    (purpose as u32) << DRAW_BITS | draw
}

/// Four random words for draw number `draw` (below 2^[`DRAW_BITS`]) of one cell at one step.
#[inline(always)]
pub fn words(seed: u64, cell: u64, purpose: Purpose, step: u32, draw: u32) -> [u32; 4] {
    let counter = [cell as u32, (cell >> 32) as u32, step, purpose_and_draw(purpose, draw)];
    philox4x32_10(counter, key(seed))
}

/// The seed of the cells that a campaign's bake temperature has of its own.
///
/// It is a function of the campaign's seed and of the bits of the temperature, K, and of nothing else, so that a
/// temperature has the same cells in whatever list and file it stands. The first two words of a Philox block: for one
/// seed, two temperatures share theirs with a chance of 2^-64, and no sum or exclusive-or of a seed and a temperature
/// leads from one to another.
pub fn own_seed(seed: u64, temperature_k: f64) -> u64 {
    let [low, high, ..] = words(seed, temperature_k.to_bits(), Purpose::OwnCells, 0, 0);
    u64::from(high) << 32 | u64::from(low)
}

/// The 64-bit product of two words: (low, high).
#[inline(always)]
fn mul_wide(a: u32, b: u32) -> (u32, u32) {
    let product = a as u64 * b as u64;
    (product as u32, (product >> 32) as u32)
}

/// Philox4x32 with ten rounds (Salmon et al., SC 2011).
#[inline(always)]
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..PHILOX_ROUNDS {
        let (low0, high0) = mul_wide(PHILOX_M0, c0);
        let (low1, high1) = mul_wide(PHILOX_M1, c2);
        (c0, c1, c2, c3) = (high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0);
        k0 = k0.wrapping_add(PHILOX_W0);
        k1 = k1.wrapping_add(PHILOX_W1);
    }
    [c0, c1, c2, c3]
}

/// [`philox4x32_10`] for `L` counters that differ in their first two words only; `[word][lane]`.
#[inline(always)]
pub fn philox4x32_10_lanes<const L: usize>(
    c0: [u32; L],
    c1: [u32; L],
    c2: u32,
    c3: u32,
    key: [u32; 2],
) -> [[u32; L]; 4] {
    let (mut c0, mut c1, mut c2, mut c3) = (c0, c1, [c2; L], [c3; L]);
    let [mut k0, mut k1] = key;
    // Rounds outside, lanes inside: the inner loop is what becomes vector code.
    for _ in 0..PHILOX_ROUNDS {
        for lane in 0..L {
            let (low0, high0) = mul_wide(PHILOX_M0, c0[lane]);
            let (low1, high1) = mul_wide(PHILOX_M1, c2[lane]);
            c0[lane] = high1 ^ c1[lane] ^ k0;
            c1[lane] = low1;
            c2[lane] = high0 ^ c3[lane] ^ k1;
            c3[lane] = low0;
        }
        k0 = k0.wrapping_add(PHILOX_W0);
        k1 = k1.wrapping_add(PHILOX_W1);
    }
    [c0, c1, c2, c3]
}

/// One step of [`normal_fixed`]: a power of two, and small enough that every variate is exact in f32.
pub const NORMAL_UNIT: f64 = 1.0 / 1_048_576.0;
/// Leading bits of a segment number within its octave.
pub const NORMAL_SEGMENT_BITS: u32 = 5;
/// Coefficients of a segment: level, slope and bend.
pub const NORMAL_COEFFICIENTS: u32 = 3;
/// Bits by which the table's coefficients are finer than [`NORMAL_UNIT`]; their unit is 2^-28.
pub const NORMAL_GUARD_BITS: u32 = 8;
/// Entries of [`normal_table`]: one octave per leading bit of a word.
pub const NORMAL_TABLE_LEN: usize = (u32::BITS * NORMAL_COEFFICIENTS) as usize * (1 << NORMAL_SEGMENT_BITS);

/// The standard normal quantile of (`word` + 1/2) / 2^32, in units of [`NORMAL_UNIT`]: non-decreasing in the word (to
/// within one unit), antisymmetric under complement of the word, and at most 6.338 in magnitude.
#[inline]
pub fn normal_fixed(word: u32) -> i32 {
    normal_from_table(word, normal_table())
}

/// [`normal_fixed`] of `L` words; `table` is [`normal_table`], looked up once outside the loop over cells.
#[inline(always)]
pub fn normal_fixed_lanes<const L: usize>(words: [u32; L], table: &[i32; NORMAL_TABLE_LEN]) -> [i32; L] {
    let mut normals = [0; L];
    for lane in 0..L {
        normals[lane] = normal_from_table(words[lane], table);
    }
    normals
}

#[inline(always)]
fn normal_from_table(word: u32, table: &[i32; NORMAL_TABLE_LEN]) -> i32 {
    let upper = word >= 0x8000_0000;
    let tail = if upper { !word } else { word };
    // The tail probability in units of 2^-33: odd, hence never zero.
    let odds = 2 * tail + 1;
    let octave = odds.leading_zeros();
    let leading = odds << octave;
    let segment = (leading << 1) >> (32 - NORMAL_SEGMENT_BITS);
    let fraction = leading << (1 + NORMAL_SEGMENT_BITS);
    let entry = (NORMAL_COEFFICIENTS * ((octave << NORMAL_SEGMENT_BITS) + segment)) as usize;
    let level = table[entry] as u32;
    let slope = table[entry + 1] as u32;
    let bend = table[entry + 2] as u32;
    // No difference goes below zero: slope >= bend, and the pieces end at the next level, the last one at 0.
    let steepness = slope - mul_wide(bend, fraction).1;
    let fine = level - mul_wide(steepness, fraction).1;
    let magnitude = ((fine + (1 << (NORMAL_GUARD_BITS - 1))) >> NORMAL_GUARD_BITS) as i32;
    if upper { magnitude } else { -magnitude }
}

/// The coefficients of [`normal_fixed`]: for each octave (leading zeros of the tail probability in units of 2^-33)
/// and each of its segments the level, slope and bend of `level - fraction * (slope - bend * fraction)`, in units of
/// 2^-28, none negative. Computed on first use, from functions whose bits are the same on every platform.
pub fn normal_table() -> &'static [i32; NORMAL_TABLE_LEN] {
    static TABLE: LazyLock<Box<[i32; NORMAL_TABLE_LEN]>> = LazyLock::new(build_normal_table);
    &TABLE
}

fn build_normal_table() -> Box<[i32; NORMAL_TABLE_LEN]> {
    let segments = 1 << NORMAL_SEGMENT_BITS;
    let fine_units = (1u64 << NORMAL_GUARD_BITS) as f64 / NORMAL_UNIT;
    let mut table = Box::new([0; NORMAL_TABLE_LEN]);
    for (index, entry) in table.chunks_exact_mut(NORMAL_COEFFICIENTS as usize).enumerate() {
        let (octave, segment) = (index / segments, index % segments);
        // Octave 0 is [1/4, 1/2): there the leading bit of the tail probability in units of 2^-33 is bit 31. All exact.
        let smallest = 0.25 / (1u64 << octave) as f64;
        let at = |offset: f64| {
            fine_units * normal_upper_quantile(smallest * (1.0 + (segment as f64 + offset) / segments as f64))
        };
        let (start, middle, end) = (at(0.0), at(0.5), at(1.0));
        let bend = libm::round(2.0 * (start - 2.0 * middle + end)) as i32;
        let level = libm::round(start) as i32;
        // From the rounded ends, so that a segment ends exactly where the next begins.
        let slope = level - libm::round(end) as i32 + bend;
        entry.copy_from_slice(&[level, slope, bend]);
    }
    table
}

/// The z with an upper tail probability of `p`, for 2^-33 <= p <= 1/2, within a few ULP of 1.
pub fn normal_upper_quantile(p: f64) -> f64 {
    // Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.2.22: within 3e-3.
    let t = libm::sqrt(-2.0 * libm::log(p));
    let mut z = t - (2.30753 + 0.27061 * t) / (1.0 + t * (0.99229 + t * 0.04481));
    // Halley's method triples the correct digits: 3e-3 becomes 1e-8, then better than f64.
    for _ in 0..3 {
        let density = libm::exp(-0.5 * z * z) / libm::sqrt(std::f64::consts::TAU);
        let newton = (0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2) - p) / density;
        z += newton / (1.0 - 0.5 * z * newton);
    }
    z
}

#[cfg(test)]
mod tests;
