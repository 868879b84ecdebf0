// What distinguishes a cell, drawn from its number. Twin: crates/trapline-engine/src/backend/cpu/draw.rs.

fn normal(word: u32) -> f32 {
    return f32(normal_fixed(word)) * NORMAL_UNIT;
}

struct Variation {
    log_size: f32,
    area: f32,
    trap_filled: f32,
}

// The device-to-device factors.
fn draw_variation(cell: vec2<u32>) -> Variation {
    let random = words(vec2<u32>(params.seed_low, params.seed_high), cell, PURPOSE_DEVICE, 0u, 0u);
    return Variation(
        params.size_sd * normal(random.x),
        exp_(params.area_sd * normal(random.y)),
        exp_(params.trap_filled_sd * normal(random.z)),
    );
}

// The capture speed of a cycle.
fn draw_speed(cell: vec2<u32>, cycle: u32) -> f32 {
    let word = words(vec2<u32>(params.seed_low, params.seed_high), cell, PURPOSE_CYCLE, cycle, 0u).x;
    return exp_(params.speed_sd * normal(word));
}
