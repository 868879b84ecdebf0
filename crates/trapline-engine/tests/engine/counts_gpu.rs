//! How many of n trials of probability p succeed: the shader's number against the crate's, over ten million pairs of n
//! and p, on whatever adapter wgpu finds; no adapter is a failure.

use crate::rng_gpu::{Gpu, NORMAL, PHILOX};
use rayon::prelude::*;
use trapline_model::cell::counted::{FIRST_WORDS, FIRST_WORDS_EACH};
use trapline_model::material::MAX_CLASSES;
use trapline_model::rng::counts::{self, Counts, Source};
use trapline_model::rng::{self, Purpose};

const COUNTS: &str = include_str!("../../../../shaders/counts.wgsl");
/// Pairs of a dispatch, and dispatches.
const PAIRS: usize = 1 << 20;
const DISPATCHES: u32 = 10;
const SEED: u64 = 0x1234_5678_9abc_def0;

/// A kernel that makes n and p of its place and the dispatch, and draws.
fn source() -> String {
    let constants = [
        ("NORMAL_TABLE_WORDS", rng::normal_table().len() as u32),
        ("DIGITS", counts::DIGITS),
        ("LAWS", counts::LAWS),
        ("MOST_ZEROS", counts::MOST_ZEROS),
        ("EQUAL", counts::EQUAL),
        ("FEW", counts::FEW),
        ("LEAST_EXPONENT", counts::LEAST_EXPONENT),
        ("CALL_BITS", counts::CALL_BITS),
        ("PLENTY_CALL", counts::PLENTY_CALL),
        ("FEW_CALL", counts::FEW_CALL),
        ("TIE_CALL", counts::TIE_CALL),
        ("MOST_SCARCE", counts::MOST_SCARCE),
        ("FIRST_WORDS", FIRST_WORDS),
        ("FIRST_WORDS_EACH", FIRST_WORDS_EACH),
        ("MAX_CLASSES", MAX_CLASSES as u32),
    ];
    let constants: String = constants.iter().map(|(name, value)| format!("const {name} = {value}u;\n")).collect();
    let most = counts::MOST_TRIALS;
    format!(
        "{PHILOX}{NORMAL}{constants}
struct Params {{ most_trials: u32 }}
var<private> params: Params = Params({most}u);
@group(0) @binding(0) var<storage, read> input: array<u32>;
@group(0) @binding(1) var<storage, read> normal_table: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;
fn tick() {{}}
{COUNTS}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
    if id.x >= arrayLength(&input) {{ return; }}
    let seed = vec2<u32>({}u, {}u);
    let w = words(seed, vec2<u32>(id.x, input[id.x]), 3u, 0u, 0u);
    let n = w.x >> (8u + w.y % 24u);
    let p = bitcast<f32>(((68u + w.z % 59u) << 23u) | (w.w & 0x7FFFFFu));
    let source = Source(seed, vec2<u32>(id.x, input[id.x]), 7u, 1u, w.y >> 27u);
    output[id.x] = binomial(source, words(seed, vec2<u32>(id.x, input[id.x]), 3u, 0u, 1u).x, n, p);
}}
",
        SEED as u32,
        (SEED >> 32) as u32
    )
}

/// The same on the host: n, p and the number.
fn pair(place: u32, dispatch: u32, tables: &Counts) -> (u32, f32, u32) {
    let cell = u64::from(dispatch) << 32 | u64::from(place);
    let [a, b, c, d] = rng::words(SEED, cell, Purpose::ReadNoise, 0, 0);
    let n = a >> (8 + b % 24);
    let p = f32::from_bits((68 + c % 59) << 23 | d & 0x7f_ffff);
    (n, p, draw(place, dispatch, n, p, tables))
}

/// The number of a place, with its words.
fn draw(place: u32, dispatch: u32, n: u32, p: f32, tables: &Counts) -> u32 {
    let cell = u64::from(dispatch) << 32 | u64::from(place);
    let event = rng::words(SEED, cell, Purpose::ReadNoise, 0, 0)[1] >> 27;
    let first = rng::words(SEED, cell, Purpose::ReadNoise, 0, 1)[0];
    let source = Source { seed: SEED, cell, purpose: Purpose::Substep, step: 1, event };
    counts::binomial(tables, &source, first, n, p)
}

#[test]
fn ten_million_pairs_give_the_same_number() {
    agree(0..DISPATCHES);
}

#[test]
#[ignore = "for a second adapter: TRAPLINE_SECOND_VULKAN in the Makefile"]
fn on_another_adapter_a_million_pairs_do() {
    agree(0..1);
}

fn agree(dispatches: std::ops::Range<u32>) {
    let tables = Counts::up_to(counts::MOST_TRIALS);
    let mut table: Vec<u8> = bytemuck::cast_slice(rng::normal_table()).to_vec();
    table.extend_from_slice(bytemuck::cast_slice(&tables.words()));
    let (gpu, source) = (Gpu::open(), source());
    let (mut zeros, mut alls, mut largest, mut many, mut other) = (0, 0, 0, 0, 0);
    let wanted = dispatches.len() * PAIRS / 10;
    for dispatch in dispatches {
        let found = gpu.run_source(&source, (1, 1), &vec![dispatch; PAIRS], &table);
        let expected: Vec<_> = (0..PAIRS as u32).into_par_iter().map(|place| pair(place, dispatch, &tables)).collect();
        let off = expected.iter().zip(&found).filter(|((.., expected), found)| expected != *found).count();
        assert_eq!(off, 0, "of {PAIRS} in dispatch {dispatch}");
        // What the pairs cover: none, all and many that succeed.
        for (n, _, drawn) in &expected {
            zeros += usize::from(*drawn == 0 && *n > 0);
            alls += usize::from(*drawn == *n && *n > 1);
            largest = largest.max(*drawn);
        }
    }
    // Control: a p whose tenth bit is another one, with the same words, is mostly another number where many are drawn.
    for place in 0..4096 {
        let (n, p, drawn) = pair(place, 0, &tables);
        let near = draw(place, 0, n, f32::from_bits(p.to_bits() ^ 1 << 13), &tables);
        (many, other) = (many + usize::from(drawn > 1000), other + usize::from(drawn > 1000 && near != drawn));
    }
    println!("{zeros} draws of nothing, {alls} of all, {largest} at most, {other} of {many} others by another p");
    assert!(zeros > wanted && alls > 10 && largest > 1 << 22);
    assert!(many > 100 && other * 10 > many * 9, "{other} of {many}");
}
