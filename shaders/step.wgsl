// Moves a cell through one substep at constant bias. Twin: src/backend/cpu/step.rs.

var<private> f: array<f32, CLASSES>;
var<private> emission: array<f32, CLASSES>;
var<private> rate: array<f32, CLASSES>;
// Of the segment under way: electrons offered per trap in a substep, and one over F_sc (0 where nothing can be caught).
var<private> offered: f32;
var<private> inverse_limit: f32;

// Emission of a cell's classes without bias, 1/s.
fn set_rates(log_size: f32) {
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let shift = exp_(-(log_size * (classes[k].program_slope + classes[k].program_curvature * log_size)));
        rate[k] = classes[k].program_rate * shift + params.program_matrix;
    }
}

// Sets what drives a substep of a segment.
fn set_motion(segment: SegmentRow, trap_filled: f32, speed: f32) {
    offered = segment.offered * speed;
    let span = params.trap_filled_v * trap_filled - params.onset_v;
    let limit = select(1.0, min(max(segment.overdrive_v / span, 0.0), 1.0), span > 0.0);
    inverse_limit = select(0.0, 1.0 / limit, limit > 0.0 && segment.overdrive_v > 0.0);
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        emission[k] = rate[k] * segment.step_s + classes[k].speed * segment.field;
    }
}

// Capture per empty trap at filling g, and its slope by the filling: at F_sc the one from below, past it none.
fn uptake(g: f32) -> vec2<f32> {
    let through = 1.0 / (1.0 - params.open * g);
    let blocked = (1.0 - g) * through;
    let room = 1.0 - g * inverse_limit;
    let slope = -((1.0 - params.open) * through * through) * max(room, 0.0) - blocked * inverse_limit;
    // F_sc times its rounded inverse is 1 within two roundings.
    let open_traps = room > -1e-6 && inverse_limit > 0.0;
    return select(vec2<f32>(0.0), vec2<f32>(offered * (blocked * max(room, 0.0)), offered * slope), open_traps);
}

// The uptake averaged over a substep: the root of its equation by Newton's iteration inside a bracket, which is halved where
// Newton leaves it or does not halve its own stride.
fn average_uptake(iterations: u32) -> f32 {
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
    let explicit_part = weight * uptake(start).x;
    let implicit_weight = 1.0 - weight;
    let limit = select(0.0, 1.0 / inverse_limit, inverse_limit > 0.0);
    var low = 0.0;
    let top = min(max(start, limit), 1.0);
    var high = top;
    var end = select(start, min(limit, 1.0), x > 1.0 && limit > start);
    var stride = 2.0;
    var average = 0.0;
    for (var iteration = 0u; iteration < iterations; iteration += 1u) {
        tick();
        let at_end = uptake(end);
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
        // Within some roundings of the root strides do not halve, and the bracket's ends are rounded too.
        let near = abs(offset) <= 4e-7 * top;
        let inside = near || (newton >= low && newton <= high && abs(offset) <= 0.5 * stride);
        stride = select(high - low, abs(offset), inside);
        end = select(middle, newton, inside);
        // Along the slope by the unrounded offset: taken at the rounded filling it would be off by `offered` roundings.
        let along = max(uptake_end + slope_end * offset, explicit_part);
        let at_middle = explicit_part + implicit_weight * uptake(middle).x;
        average = select(at_middle, along, inside);
    }
    return average;
}

// Moves the classes through one substep at an average uptake.
fn advance(average: f32) {
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let c = classes[k].speed * average;
        let e = emission[k];
        let new_f = f[k] + (c * (1.0 - f[k]) - e * f[k]) * phi(c + e);
        f[k] = min(max(new_f, 0.0), 1.0);
    }
}

// Electrons caught per trap in the substep that starts here.
fn caught(average: f32) -> f32 {
    var sum = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let c = classes[k].speed * average;
        let x = c + emission[k];
        let phi_x = phi(x);
        let mean = c * phi_rest(x, phi_x) + f[k] * phi_x;
        sum += classes[k].weight * c * (1.0 - mean);
    }
    return sum;
}
