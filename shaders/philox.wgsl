// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) without state: the twin of
// crates/trapline-model/src/rng.rs, same names and same order of steps. A test holds the constants to the Rust ones.

const PHILOX_M0: u32 = 0xD2511F53u;
const PHILOX_M1: u32 = 0xCD9E8D57u;
const PHILOX_W0: u32 = 0x9E3779B9u;
const PHILOX_W1: u32 = 0xBB67AE85u;
const PHILOX_ROUNDS: u32 = 10u;

// What a random number is for.
const PURPOSE_DEVICE: u32 = 1u;
const PURPOSE_CYCLE: u32 = 2u;
const PURPOSE_READ_NOISE: u32 = 3u;
const PURPOSE_SUBSTEP: u32 = 7u;
const PURPOSE_BAKE: u32 = 8u;
const PURPOSE_DOTS: u32 = 9u;
const PURPOSE_READING_OF_BAKE: u32 = 13u;

const DRAW_BITS: u32 = 24u;

fn purpose_and_draw(purpose: u32, draw: u32) -> u32 {
    return (purpose << DRAW_BITS) | draw;
}

// Seed and cell are 64-bit numbers, low word first: the seed is the key as it stands.
fn words(seed: vec2<u32>, cell: vec2<u32>, purpose: u32, step: u32, draw: u32) -> vec4<u32> {
    let counter = vec4<u32>(cell, step, purpose_and_draw(purpose, draw));
    return philox4x32_10(counter, seed);
}

// The 64-bit product of two words: (low, high). WGSL has no 64-bit integers, so the high word is put together from
// the four products of 16-bit halves; no sum here overflows.
fn mul_wide(a: u32, b: u32) -> vec2<u32> {
    let a_low = a & 0xFFFFu;
    let a_high = a >> 16u;
    let b_low = b & 0xFFFFu;
    let b_high = b >> 16u;
    let cross_a = a_high * b_low;
    let cross_b = a_low * b_high;
    let carry = ((a_low * b_low) >> 16u) + (cross_a & 0xFFFFu) + (cross_b & 0xFFFFu);
    return vec2<u32>(a * b, a_high * b_high + (cross_a >> 16u) + (cross_b >> 16u) + (carry >> 16u));
}

fn philox4x32_10(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < PHILOX_ROUNDS; round += 1u) {
        let product0 = mul_wide(PHILOX_M0, c.x);
        let product1 = mul_wide(PHILOX_M1, c.z);
        c = vec4<u32>(product1.y ^ c.y ^ k.x, product1.x, product0.y ^ c.w ^ k.y, product0.x);
        k += vec2<u32>(PHILOX_W0, PHILOX_W1);
    }
    return c;
}
