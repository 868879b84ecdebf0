// The bake of one cell, visit by visit: shared by the kernels that reduce (bake) and that write out (read). How its
// classes empty is another file's: constant.wgsl or profile.wgsl, which give set_rate, checkpoint_of and lose.
// Twin: crates/trapline-engine/src/backend/cpu/bake.rs.

// Share of the charge in each class.
var<private> share: array<f32, CLASSES>;

// Starts the bake of the tile's i-th cell; gives its filling right after programming.
fn start_bake(i: u32) -> f32 {
    let u = factors[i];
    var start = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        set_rate(k, u);
        share[k] = classes[k].weight * occupancy[k * params.count + i];
        start += share[k];
    }
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        share[k] = select(0.0, share[k] / start, start > PROGRAMMED_FILLING);
    }
    return start;
}

fn end_bake(i: u32) {
}

// Goes to a visit; gives the fraction of the cell's charge lost by then.
fn go_to_visit(v: u32) -> f32 {
    return min(lose(v), 1.0);
}
