// Draws what distinguishes each cell of the tile, and empties it. Twin: src/backend/cpu/draw.rs.

fn normal(word: u32) -> f32 {
    return f32(normal_fixed(word)) * NORMAL_UNIT;
}

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
    let random = words(vec2<u32>(params.seed_low, params.seed_high), cell_number(i), PURPOSE_DEVICE, 0u, 0u);
    variation[i] = params.size_sd * normal(random.x);
    variation[params.count + i] = exp_(params.area_sd * normal(random.y));
    variation[2u * params.count + i] = exp_(params.trap_filled_sd * normal(random.z));
    for (var k = 0u; k < CLASSES; k += 1u) {
        occupancy[k * params.count + i] = 0.0;
    }
}
