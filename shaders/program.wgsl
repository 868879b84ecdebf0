// Moves each cell of the tile through some segments of a programming; the occupancy carries the state from dispatch to
// dispatch. Twin: src/backend/cpu/program.rs.

var<private> f: array<f32, CLASSES>;
var<private> emission: array<f32, CLASSES>;

// Capture per empty trap at filling g, and its slope by the filling.
fn uptake(offered: f32, inverse_limit: f32, g: f32) -> vec2<f32> {
    let through = 1.0 / (1.0 - params.open * g);
    let blocked = (1.0 - g) * through;
    let room = 1.0 - g * inverse_limit;
    let slope = -((1.0 - params.open) * through * through) * room - blocked * inverse_limit;
    let open_traps = room > 0.0 && inverse_limit > 0.0;
    return select(vec2<f32>(0.0), vec2<f32>(offered * (blocked * room), offered * slope), open_traps);
}

// The uptake averaged over a substep: the root of its equation by Newton's iteration inside a bracket.
fn average_uptake(iterations: u32, offered: f32, inverse_limit: f32) -> f32 {
    if iterations == 0u {
        return 0.0;
    }
    var start = 0.0;
    var left = 0.0;
    var empty = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let stays = f[k] / (1.0 + emission[k]);
        start += classes[k].weight * f[k];
        left += classes[k].weight * stays;
        empty += classes[k].weight * classes[k].speed * (1.0 - stays);
    }
    let x = offered * (1.0 - left) / (1.0 - params.open * left) * inverse_limit * empty;
    let weight = (3.0 + x) / (6.0 + 3.0 * x + x * x);
    let explicit_part = weight * uptake(offered, inverse_limit, start).x;
    let implicit_weight = 1.0 - weight;
    var low = 0.0;
    var high = 1.0;
    var end = start;
    var average = 0.0;
    for (var iteration = 0u; iteration < iterations; iteration += 1u) {
        tick();
        let at_end = uptake(offered, inverse_limit, end);
        let uptake_end = explicit_part + implicit_weight * at_end.x;
        let slope_end = implicit_weight * at_end.y;
        var value = end;
        var slope = 1.0;
        for (var k = 0u; k < CLASSES; k += 1u) {
            tick();
            let c = classes[k].speed * uptake_end;
            let e = emission[k];
            let net = c * (1.0 - f[k]) - e * f[k];
            let phi_x = phi(c + e);
            value -= classes[k].weight * (f[k] + net * phi_x);
            slope -= classes[k].weight * classes[k].speed * ((1.0 - f[k]) * phi_x + net * phi_slope(c + e, phi_x)) * slope_end;
        }
        let above = value > 0.0;
        high = select(high, end, above);
        low = select(end, low, above);
        let offset = -value / slope;
        let newton = end + offset;
        let middle = 0.5 * (low + high);
        let inside = newton >= low && newton <= high;
        end = select(middle, newton, inside);
        // Along the slope by the unrounded offset: taken at the rounded filling it would be off by `offered` roundings.
        let along = max(uptake_end + slope_end * offset, explicit_part);
        let at_middle = explicit_part + implicit_weight * uptake(offered, inverse_limit, middle).x;
        average = select(at_middle, along, inside);
    }
    return average;
}

@compute @workgroup_size(BLOCK)
fn program(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_number(group, groups) * BLOCK + local;
    if i >= params.count {
        return;
    }
    let seed = vec2<u32>(params.seed_low, params.seed_high);
    let cell = cell_number(i);
    let u = variation[i];
    let trap_filled = variation[2u * params.count + i];
    var rate: array<f32, CLASSES>;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let shift = exp_(-(u * (classes[k].program_slope + classes[k].program_curvature * u)));
        rate[k] = classes[k].program_rate * shift + params.program_matrix;
        f[k] = occupancy[k * params.count + i];
    }
    var speed = 1.0;
    var drawn = 0xFFFFFFFFu;
    for (var s = params.first_segment; s < params.last_segment; s += 1u) {
        tick();
        let segment = segments[s];
        if params.speed_sd > 0.0 && segment.offered > 0.0 && segment.cycle != drawn {
            let word = words(seed, cell, PURPOSE_CYCLE, segment.cycle, 0u).x;
            speed = exp_(params.speed_sd * (f32(normal_fixed(word)) * NORMAL_UNIT));
            drawn = segment.cycle;
        }
        let offered = segment.offered * speed;
        let span = params.trap_filled_v * trap_filled - params.onset_v;
        let limit = select(1.0, min(max(segment.overdrive_v / span, 0.0), 1.0), span > 0.0);
        let inverse_limit = select(0.0, 1.0 / limit, limit > 0.0 && segment.overdrive_v > 0.0);
        for (var k = 0u; k < CLASSES; k += 1u) {
            tick();
            emission[k] = rate[k] * segment.step_s + classes[k].speed * segment.field;
        }
        for (var substep = 0u; substep < segment.substeps; substep += 1u) {
            tick();
            let average = average_uptake(segment.iterations, offered, inverse_limit);
            for (var k = 0u; k < CLASSES; k += 1u) {
                tick();
                let c = classes[k].speed * average;
                let e = emission[k];
                let new_f = f[k] + (c * (1.0 - f[k]) - e * f[k]) * phi(c + e);
                f[k] = min(max(new_f, 0.0), 1.0);
            }
        }
    }
    for (var k = 0u; k < CLASSES; k += 1u) {
        occupancy[k * params.count + i] = f[k];
    }
    report_ticks();
}
