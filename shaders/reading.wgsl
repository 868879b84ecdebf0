// One noisy reading of a cell in a bake. Twin: crates/trapline-engine/src/backend/cpu/judge.rs; the equations are those
// of crates/trapline-model/src/cell/read.rs. Needs normal.wgsl, and number_of.

var<private> read_cell: vec2<u32>;
// Noise of a reading over the window right after programming, over the root of the conductance.
var<private> noise_of_root: f32;

fn start_reading(i: u32, area: f32, start: f32) {
    read_cell = number_of(i);
    let charge = params.open * start;
    noise_of_root = params.reading_noise / (area * (params.direct * charge / (1.0 - charge)));
}

// Whether the reading of a checkpoint fails a cell of which this is read without noise.
fn reading_fails(seen: Observables, checkpoint: u32) -> bool {
    let seed = vec2<u32>(params.bake_seed_low, params.bake_seed_high);
    let word = words(seed, read_cell, PURPOSE_READING_OF_BAKE, checkpoint, 0u).x;
    let z = f32(normal_fixed(word)) * NORMAL_UNIT;
    return seen.kept + z * (noise_of_root * sqrt(seen.conductance)) < params.kept_threshold;
}
