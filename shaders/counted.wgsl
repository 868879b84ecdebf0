// Cells whose electrons are counted, under bias. Twin: crates/trapline-engine/src/backend/cpu/counted.rs. Their state
// is whole numbers, class by class: electrons in the first rows of `occupancy`, dots in those behind them.

var<private> filled: array<f32, CLASSES>;
var<private> dots: array<f32, CLASSES>;
// One over all dots; 0 of none.
var<private> inverse_total: f32;
// Since the last draw: the chance that an empty dot has caught an electron, that a full one has let go of its; and the
// variances of the filling, times the number of dots, with the feedback of the uptake and without: see
// crates/trapline-model/src/cell/narrowing.rs.
var<private> way_caught: array<f32, CLASSES>;
var<private> way_freed: array<f32, CLASSES>;
var<private> way_held: f32;
var<private> way_alone: f32;

fn one_over(number: f32) -> f32 {
    return select(0.0, 1.0 / number, number > 0.0);
}

fn weight_of(k: u32) -> f32 {
    return dots[k] * inverse_total;
}

fn start_way() {
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        way_caught[k] = 0.0;
        way_freed[k] = 0.0;
        f[k] = filled[k] * one_over(dots[k]);
    }
    way_held = 0.0;
    way_alone = 0.0;
}

fn load_cell(i: u32) {
    var total = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        filled[k] = occupancy[k * params.cells + i];
        dots[k] = occupancy[(CLASSES + k) * params.cells + i];
        total += dots[k];
    }
    inverse_total = one_over(total);
    start_way();
}

fn store_cell(i: u32) {
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        occupancy[k * params.cells + i] = filled[k];
    }
}

// Where the cell is on its way: filling, speeds of the empty dots, and what is let go in a substep as if it stayed.
fn here() -> vec3<f32> {
    var at = vec3<f32>(0.0);
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        at += weight_of(k) * vec3<f32>(f[k], classes[k].speed * (1.0 - f[k]), emission[k] * f[k]);
    }
    return at;
}

// Goes on by a substep: electrons that are caught or let go in it, per dot, at the rate of its start and of its end;
// its feedback, and what dots forget in it.
fn note_step(start: f32, end: f32, feedback: f32, forgets: f32) {
    let x = feedback + forgets;
    let stays = 1.0 - fraction_lost(x);
    let alone = 1.0 - fraction_lost(forgets);
    let held = 0.5 * phi(x) * (end + start * stays);
    way_held = way_held * stays * stays + held;
    let d = forgets - feedback;
    let q = select(alone * alone, stays, d >= 0.0) * phi(abs(d));
    let psi = phi(2.0 * forgets);
    var drawn = 0.5 * (end + start * alone * alone);
    if x >= SHORT {
        drawn = end * psi + (start - end) * (q - stays * psi) / fraction_lost(x);
    }
    way_alone = way_alone * alone * alone + select(held, drawn, feedback > 0.0);
}

// Goes on by a train that adds so much to the filling, with the speeds of the empty dots at its end over those at its
// start, its feedback, and its steepness at the start over that at the end.
fn note_train(gained: f32, speeds: f32, feedback: f32, flattens: f32) {
    let stays = 1.0 - fraction_lost(feedback);
    let empties = phi(feedback);
    let bend = flattens - 1.0;
    let drawn = feedback * empties + bend * (empties - stays);
    let held = stays * (feedback * empties + bend * (1.0 - empties));
    let left = select(1.0, held / drawn, drawn > 0.0);
    let fades = speeds * speeds;
    way_held = way_held * fades * stays * stays + gained * speeds * left;
    way_alone = way_alone * fades + gained * speeds;
}

// Moves the cell through a substep, in the mean: what has become of an empty and of a full dot, and so of all.
fn move_on(uptake: Uptake) {
    let start = here();
    // What dots forget by themselves: the mean of their rates over the flux.
    var flux = 0.0;
    var forgotten = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let e = emission[k];
        let c = classes[k].speed * uptake.average;
        let x = c + e;
        let phi_x = phi(x);
        let stays = max(1.0 - x * phi_x, 0.0);
        let up = way_caught[k] * stays + c * phi_x;
        let down = way_freed[k] * stays + e * phi_x;
        let before = filled[k] * one_over(dots[k]);
        let after = min(max(before + (up * (1.0 - before) - down * before), 0.0), 1.0);
        let mean = 0.5 * (f[k] + after);
        let of_class = weight_of(k) * (c * (1.0 - mean) + e * mean);
        flux += of_class;
        forgotten += of_class * x;
        f[k] = after;
        way_caught[k] = up;
        way_freed[k] = down;
    }
    let end = here();
    let held_back = falls(start.x, inverse_limit) * start.y + falls(end.x, inverse_limit) * end.y;
    note_step(
        uptake.start * start.y + start.z,
        uptake.end * end.y + end.z,
        0.5 * offered * held_back,
        select(0.0, forgotten / flux, flux > 0.0),
    );
}

// Moves the cell through a train, in the mean.
fn take_up(of_train: Filled) {
    let start = here();
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let caught = fraction_lost(classes[k].speed * of_train.uptake);
        way_caught[k] = way_caught[k] + caught * (1.0 - way_caught[k]);
        way_freed[k] *= 1.0 - caught;
        f[k] = min(f[k] + caught * (1.0 - f[k]), 1.0);
    }
    let end = here();
    if of_train.feedback > 0.0 && start.y > 0.0 {
        let steepness_before = falls(start.x, of_train.inverse_limit) * start.y * start.y;
        let steepness_after = falls(end.x, of_train.inverse_limit) * end.y * end.y;
        let feedback = of_train.feedback + blocked_more(start.x, end.x);
        note_train(end.x - start.x, end.y / start.y, feedback, steepness_before / max(steepness_after, 1e-30));
    }
}

// What full dots that block the current add to the feedback of a train: see
// crates/trapline-model/src/cell/counted.rs. The logarithm of a quotient by its first terms.
fn blocked_more(filling_before: f32, filling_after: f32) -> f32 {
    let before = (1.0 - filling_before) / max(1.0 - params.open * filling_before, 1e-6);
    let after = (1.0 - filling_after) / max(1.0 - params.open * filling_after, 1e-6);
    let t = (before - after) / max(before + after, 1e-30);
    let squared = t * t;
    return max(2.0 * t * (1.0 + squared * (1.0 / 3.0 + squared * (0.2 + squared * (1.0 / 7.0)))), 0.0);
}

// Share of a deviation that the uptake makes up for: see crates/trapline-model/src/cell/counted.rs.
fn share_taken_back(narrowed: f32, variance: f32) -> f32 {
    if !(variance > FRAC_2_PI) {
        return 0.0;
    }
    let half = 1.0 - 0.5 * sqrt(FRAC_2_PI / variance);
    return half - sqrt(max(half * half - narrowed, 0.0));
}

// Draws what moved since the last draw, where a segment ends with one.
fn settle_after(segment: SegmentRow, cell: vec2<u32>) {
    if segment.settles == 0u {
        return;
    }
    let source = Source(vec2<u32>(params.seed_low, params.seed_high), cell, PURPOSE_SUBSTEP, segment.settled_before, 0u);
    var catches = false;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        catches = catches || way_caught[k] > 0.0;
    }
    var caught: array<f32, CLASSES>;
    var freed: array<f32, CLASSES>;
    var deviation = 0.0;
    var variance = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let full = filled[k];
        let empty = dots[k] - full;
        let up = way_caught[k];
        let down = way_freed[k];
        caught[k] = 0.0;
        if catches {
            caught[k] = count_met(source, EVENT_CATCHES, k, empty, up, 1.0 - up);
        }
        freed[k] = count_met(source, EVENT_LETS_GO, k, full, down, 1.0 - down);
        deviation += (caught[k] - freed[k]) - (up * empty - down * full);
        variance += up * (1.0 - up) * empty + down * (1.0 - down) * full;
    }
    if catches {
        var all = 0.0;
        var ready = 0.0;
        for (var k = 0u; k < CLASSES; k += 1u) {
            tick();
            all += caught[k];
            ready += classes[k].speed * ((dots[k] - filled[k]) - caught[k]);
        }
        let narrowed = select(0.0, clamp(1.0 - way_held / max(way_alone, 1e-37), 0.0, 1.0), way_alone > 0.0);
        let back = share_taken_back(narrowed, variance) * deviation;
        let away = select(0.0, min(back / max(all, 1.0), 1.0), back > 0.0 && all > 0.0);
        let more = select(0.0, -back / max(ready, 1e-30), back < 0.0 && ready > 0.0);
        for (var k = 0u; k < CLASSES; k += 1u) {
            tick();
            let takes = away > 0.0;
            let empty = (dots[k] - filled[k]) - caught[k];
            let p = select(min(classes[k].speed * more, 1.0), away, takes);
            let changed = count_met(source, EVENT_CORRECTS, k, select(empty, caught[k], takes), p, 1.0 - p);
            caught[k] += select(changed, -changed, takes);
        }
    }
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        filled[k] += caught[k] - freed[k];
    }
    start_way();
}
