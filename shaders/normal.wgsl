// The standard normal quantile of a word in integer arithmetic, the same bits as on the CPU: the twin of normal_fixed in
// crates/trapline-model/src/rng.rs, same names and same order of steps. Needs philox.wgsl for mul_wide. The includer declares the table:
//
//     @group(0) @binding(1) var<storage, read> normal_table: array<i32>;

// One step of the result; a power of two, so that the product with a variate is exact in f32.
const NORMAL_UNIT: f32 = 0x1p-20f;
const NORMAL_SEGMENT_BITS: u32 = 5u;
const NORMAL_COEFFICIENTS: u32 = 3u;
const NORMAL_GUARD_BITS: u32 = 8u;

// The standard normal quantile of (word + 1/2) / 2^32, in units of NORMAL_UNIT.
fn normal_fixed(word: u32) -> i32 {
    let upper = word >= 0x80000000u;
    let tail = select(word, ~word, upper);
    // The tail probability in units of 2^-33: odd, hence never zero.
    let odds = 2u * tail + 1u;
    let octave = countLeadingZeros(odds);
    let leading = odds << octave;
    let segment = (leading << 1u) >> (32u - NORMAL_SEGMENT_BITS);
    let fraction = leading << (1u + NORMAL_SEGMENT_BITS);
    let entry = NORMAL_COEFFICIENTS * ((octave << NORMAL_SEGMENT_BITS) + segment);
    let level = u32(normal_table[entry]);
    let slope = u32(normal_table[entry + 1u]);
    let bend = u32(normal_table[entry + 2u]);
    // No difference goes below zero: slope >= bend, and the pieces end at the next level, the last one at 0.
    let steepness = slope - mul_wide(bend, fraction).y;
    let fine = level - mul_wide(steepness, fraction).y;
    let magnitude = i32((fine + (1u << (NORMAL_GUARD_BITS - 1u))) >> NORMAL_GUARD_BITS);
    return select(-magnitude, magnitude, upper);
}
