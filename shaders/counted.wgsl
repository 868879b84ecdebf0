// Cells whose electrons are counted, under bias. Twin: crates/trapline-engine/src/backend/cpu/counted.rs. Their state
// is whole numbers, class by class: electrons in the first rows of `occupancy`, dots in those behind them.

var<private> filled: array<f32, CLASSES>;
var<private> dots: array<f32, CLASSES>;
// One over all dots; 0 of none.
var<private> inverse_total: f32;
// Since the last draw: the chance that an empty dot has caught an electron, that a full one has let go of its; and by
// what share an electron too many lowers what is caught.
var<private> way_caught: array<f32, CLASSES>;
var<private> way_freed: array<f32, CLASSES>;
var<private> way_feedback: f32;

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
    way_feedback = 0.0;
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

// Moves the cell through a substep, in the mean: what has become of an empty and of a full dot, and so of all.
fn move_on(uptake: Uptake) {
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
        f[k] = min(max(before + (up * (1.0 - before) - down * before), 0.0), 1.0);
        way_caught[k] = up;
        way_freed[k] = down;
    }
    way_feedback += uptake.feedback;
}

// Moves the cell through a train, in the mean.
fn take_up(of_train: Filled) {
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let caught = fraction_lost(classes[k].speed * of_train.uptake);
        way_caught[k] = way_caught[k] + caught * (1.0 - way_caught[k]);
        way_freed[k] *= 1.0 - caught;
        f[k] = min(f[k] + caught * (1.0 - f[k]), 1.0);
    }
    way_feedback += of_train.feedback;
}

// Share of a deviation that the uptake makes up for: see crates/trapline-model/src/cell/counted.rs.
fn share_taken_back(feedback: f32, variance: f32) -> f32 {
    if !(variance > FRAC_2_PI) {
        return 0.0;
    }
    let half = 1.0 - 0.5 * sqrt(FRAC_2_PI / variance);
    return half - sqrt(max(half * half - fraction_lost(feedback), 0.0));
}

// Draws what moved since the last draw, where a segment ends with one.
fn settle_after(segment: SegmentRow, cell: vec2<u32>) {
    if segment.settles == 0u {
        return;
    }
    let source = Source(vec2<u32>(params.seed_low, params.seed_high), cell, PURPOSE_SUBSTEP, segment.settled_before, 0u);
    let catches = way_feedback > 0.0;
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
        let back = share_taken_back(way_feedback, variance) * deviation;
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
