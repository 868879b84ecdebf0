// Draws what distinguishes each cell of the tile, and empties it. Twin: src/backend/cpu/draw.rs.

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
    let drawn = draw_variation(cell_number(i));
    variation[i] = drawn.log_size;
    variation[params.count + i] = drawn.area;
    variation[2u * params.count + i] = drawn.trap_filled;
    for (var k = 0u; k < CLASSES; k += 1u) {
        occupancy[k * params.count + i] = 0.0;
    }
}
