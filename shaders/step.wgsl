// Moves a cell through one substep at constant bias. Twin: crates/trapline-engine/src/backend/cpu/step.rs.

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
        let row = classes[k];
        rate[k] = thermal_escape(row.program_rate, row.program_slope, row.program_curvature, log_size) + params.program_background;
    }
}

// Sets what drives a substep of a segment.
fn set_motion(segment: SegmentRow, trap_filled: f32, speed: f32) {
    // The trap-filled limit counts the traps: a cell with more of them offers each less.
    offered = segment.offered * speed / trap_filled;
    let span = params.trap_filled_v * trap_filled - params.onset_v;
    let limit = select(1.0, min(max(segment.overdrive_v / span, 0.0), 1.0), span > 0.0);
    inverse_limit = select(0.0, 1.0 / limit, limit > 0.0 && segment.overdrive_v > 0.0);
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        emission[k] = rate[k] * segment.step_s + classes[k].speed * segment.field;
    }
}

// Capture per empty trap at filling g, and its slope by the filling.
fn uptake(g: f32) -> vec2<f32> {
    let through = 1.0 / (1.0 - params.open * g);
    let blocked = (1.0 - g) * through;
    let room = 1.0 - g * inverse_limit;
    let slope = -((1.0 - params.open) * through * through) * room - blocked * inverse_limit;
    let open_traps = room > 0.0 && inverse_limit > 0.0;
    return select(vec2<f32>(0.0), vec2<f32>(offered * (blocked * room), offered * slope), open_traps);
}

// Occupancy of a class after a substep of constant rates: a small change as one, what is left of a large decay as a
// sum of positive terms.
fn after(occupied: f32, c: f32, e: f32) -> f32 {
    let x = c + e;
    let phi_x = phi(x);
    let near = occupied + (c * (1.0 - occupied) - e * occupied) * phi_x;
    return select(occupied * exp_(-x) + c * phi_x, near, x < NEAR);
}

// explicit + g u(F1(a)): the right side of the equation of the average uptake a.
fn right_side(explicit_part: f32, implicit_weight: f32, a: f32) -> f32 {
    var end = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        end += weight_of(k) * after(f[k], classes[k].speed * a, emission[k]);
    }
    return explicit_part + implicit_weight * uptake(end).x;
}

// Its root by halving its bracket, by the logarithm while the ends are far apart: for stiff substeps.
fn bisected(explicit_part: f32, implicit_weight: f32) -> f32 {
    var low = explicit_part;
    var high = right_side(explicit_part, implicit_weight, low);
    for (var iteration = 0u; iteration < STIFF_ITERATIONS; iteration += 1u) {
        tick();
        let middle = select(0.5 * (low + high), max(low, 0.03125 * high), low < 1e-3 * high);
        let above = middle > right_side(explicit_part, implicit_weight, middle);
        high = select(high, middle, above);
        low = select(middle, low, above);
    }
    return 0.5 * (low + high);
}

// Its root by Newton's iteration for the filling at the end, from the one at the start: for substeps that are not
// stiff.
fn by_newton(iterations: u32, explicit_part: f32, implicit_weight: f32, start: f32) -> f32 {
    var end = start;
    var average = explicit_part;
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
            value -= weight_of(k) * (f[k] + net * phi_x);
            slope -= weight_of(k) * classes[k].speed * ((1.0 - f[k]) * phi_x + net * phi_slope(c + e, phi_x)) * slope_end;
        }
        let offset = -value / slope;
        end = min(max(end + offset, 0.0), 1.0);
        // Along the slope by the unrounded offset: taken at the rounded filling it would be off by `offered` roundings.
        average = max(uptake_end + slope_end * offset, explicit_part);
    }
    return average;
}

// What an empty trap of speed 1 catches in a substep.
struct Uptake {
    // The average the substep is made with.
    average: f32,
    // At the filling it starts with, and at the one it ends with.
    start: f32,
    end: f32,
    // The rate of the approach, per substep.
    relaxation: f32,
}

// By how much the uptake falls with the filling, of each electron offered; 0 where nothing is caught.
fn falls(filling: f32, one_over_limit: f32) -> f32 {
    let through = 1.0 / max(1.0 - params.open * filling, 1e-6);
    let room = 1.0 - filling * one_over_limit;
    let fall = (1.0 - params.open) * through * through * room + (1.0 - filling) * through * one_over_limit;
    return select(0.0, fall, one_over_limit > 0.0 && room >= 0.0);
}

// The uptake averaged over a substep.
fn average_uptake(iterations: u32) -> Uptake {
    if iterations == 0u {
        return Uptake(0.0, 0.0, 0.0, 0.0);
    }
    var start = 0.0;
    var left = 0.0;
    var empty = 0.0;
    var released = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let stays = f[k] / (1.0 + emission[k]);
        start += weight_of(k) * f[k];
        left += weight_of(k) * stays;
        empty += weight_of(k) * classes[k].speed * (1.0 - stays);
        released += weight_of(k) * emission[k] * f[k];
    }
    let capture = offered * (1.0 - left) / (1.0 - params.open * left) * inverse_limit * empty;
    let x = min(capture + select(0.0, released / start, start > 0.0), 1e18);
    let weight = (3.0 + x) / (6.0 + 3.0 * x + x * x);
    let at_start = uptake(start).x;
    let explicit_part = weight * at_start;
    var average = 0.0;
    if iterations >= STIFF_ITERATIONS {
        average = bisected(explicit_part, 1.0 - weight);
    } else {
        average = by_newton(iterations, explicit_part, 1.0 - weight, start);
    }
    return Uptake(average, at_start, (average - explicit_part) / (1.0 - weight), x);
}

// Moves the classes through one substep at an average uptake.
fn advance(average: f32) {
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        f[k] = min(max(after(f[k], classes[k].speed * average, emission[k]), 0.0), 1.0);
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
        sum += weight_of(k) * c * (1.0 - mean);
    }
    return sum;
}
