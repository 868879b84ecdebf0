// Draws what distinguishes each cell, and empties it. Twin: crates/trapline-engine/src/backend/cpu/draw.rs. Which
// cells these are is told by tile_cells.wgsl or listed_cells.wgsl, and what an empty one has by empty_mean_field.wgsl or
// empty_counted.wgsl.

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
    let cell = number_of(i);
    let of_cell = draw_factors(cell);
    factors[i] = of_cell.log_size;
    factors[params.cells + i] = of_cell.area;
    factors[2u * params.cells + i] = empty_cell(i, cell, of_cell);
}
