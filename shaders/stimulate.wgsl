// Moves chosen cells through some segments of a stimulus and records what is seen; occupancy and responses carry the state
// from dispatch to dispatch. Twin: src/backend/cpu/stimulate.rs.

// Filling, and the share of the injected electrons that passes.
fn look() -> vec2<f32> {
    var filling = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        filling += classes[k].weight * f[k];
    }
    return vec2<f32>(filling, params.free_share / (1.0 - params.open * filling));
}

@compute @workgroup_size(BLOCK)
fn stimulate(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_number(group, groups) * BLOCK + local;
    if i >= params.count {
        return;
    }
    let cell = vec2<u32>(cell_numbers[2u * i], cell_numbers[2u * i + 1u]);
    let factors = draw_variation(cell);
    set_rates(factors.log_size);
    for (var k = 0u; k < CLASSES; k += 1u) {
        f[k] = occupancy[k * params.count + i];
    }
    var speed = 1.0;
    var drawn = 0xFFFFFFFFu;
    for (var s = params.first_segment; s < params.last_segment; s += 1u) {
        tick();
        let segment = segments[s];
        if params.speed_sd > 0.0 && segment.offered > 0.0 && segment.cycle != drawn {
            speed = draw_speed(cell, segment.cycle);
            drawn = segment.cycle;
        }
        let pieces = select(segment.pieces, 0u, segment.row == NOT_RECORDED);
        // Sum over the substeps of the mean of theta in each.
        var free_share = 0.0;
        var all_caught = 0.0;
        if pieces > 1u {
            let mean = free_share_in_pieces(segment, factors.trap_filled, speed);
            free_share = mean * f32(segment.substeps);
        }
        set_motion(segment, factors.trap_filled, speed);
        for (var substep = 0u; substep < segment.substeps; substep += 1u) {
            tick();
            let seen = average_uptake(segment.iterations);
            if segment.iterations > 0u {
                all_caught += caught(seen.average);
            }
            if pieces == 1u {
                free_share += passed(seen).free_share;
            }
            advance(seen.average);
        }
        if segment.row != NOT_RECORDED {
            let seen = look();
            if pieces == 0u {
                free_share = seen.y * f32(segment.substeps);
            }
            let current = seen.y * segment.injected_a + segment.hopping_a;
            let at = segment.row * RESPONSE_QUANTITIES * params.count + i;
            let bias = abs(segment.bias_v);
            let dwell = segment.step_s * f32(segment.substeps);
            responses[at] = factors.area * select(current, -current, segment.bias_v < 0.0);
            responses[at + params.count] = seen.x;
            let charge = free_share * segment.injected_a + f32(segment.substeps) * segment.hopping_a;
            responses[at + 2u * params.count] += factors.area * (charge * (bias * segment.step_s));
            responses[at + 3u * params.count] += factors.area * (segment.injected_a * PER_CHARGE * dwell);
            responses[at + 4u * params.count] += factors.area * factors.trap_filled * (params.traps * all_caught);
        }
    }
    for (var k = 0u; k < CLASSES; k += 1u) {
        occupancy[k * params.count + i] = f[k];
    }
    report_ticks();
}
