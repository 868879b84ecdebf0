// Draws what distinguishes each cell, and empties it. Twin: crates/trapline-engine/src/backend/cpu/draw.rs. Which
// cells these are is told by tile_cells.wgsl or listed_cells.wgsl.

@compute @workgroup_size(BLOCK)
fn draw(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_number(group, groups) * BLOCK + local;
    if i >= params.count {
        return;
    }
    let drawn = draw_factors(number_of(i));
    factors[i] = drawn.log_size;
    factors[params.cells + i] = drawn.area;
    factors[2u * params.cells + i] = drawn.trap_filled;
    for (var k = 0u; k < CLASSES; k += 1u) {
        occupancy[k * params.cells + i] = 0.0;
    }
}
