// The bake of one cell whose electrons are counted, visit by visit: in the place of decay.wgsl. What is left of them is
// in the third rows of `occupancy`, from dispatch to dispatch. Twin: `CountedBake` in
// crates/trapline-engine/src/backend/cpu/counted.rs.

var<private> left_in: array<f32, CLASSES>;
var<private> electrons_at_start: f32;
var<private> inverse_electrons: f32;
var<private> baked_cell: vec2<u32>;

// Starts the bake of the tile's i-th cell, or goes on with it; gives its filling right after programming.
fn start_bake(i: u32) -> f32 {
    let u = factors[i];
    baked_cell = number_of(i);
    let row = select(2u * CLASSES, 0u, params.first_visit == 0u);
    var electrons = 0.0;
    var total = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        set_rate(k, u);
        electrons += occupancy[k * params.count + i];
        total += occupancy[(CLASSES + k) * params.count + i];
        left_in[k] = occupancy[(row + k) * params.count + i];
    }
    electrons_at_start = electrons;
    inverse_electrons = select(0.0, 1.0 / electrons, electrons > 0.0);
    return select(0.0, electrons / total, total > 0.0);
}

// Goes to a visit; gives the fraction of the cell's charge lost by then.
fn go_to_visit(v: u32) -> f32 {
    let seed = vec2<u32>(params.bake_seed_low, params.bake_seed_high);
    let source = Source(seed, baked_cell, PURPOSE_BAKE, checkpoint_of(v), 0u);
    var left = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let x = emptied(v, k);
        left_in[k] -= count_met(source, 0u, k, left_in[k], fraction_lost(x), exp_(-x));
        left += left_in[k];
    }
    // Exactly 0 where nothing is lost.
    return (electrons_at_start - left) * inverse_electrons;
}

// Keeps what is left for the next dispatch.
fn end_bake(i: u32) {
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        occupancy[(2u * CLASSES + k) * params.count + i] = left_in[k];
    }
}
