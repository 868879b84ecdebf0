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
// By how much an electron lowers the uptake, times the speeds of the empty dots squared: where the way begins (negative
// where it has not begun), and where it is.
var<private> way_steepness: vec2<f32>;

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
    way_steepness = vec2<f32>(-1.0, 0.0);
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

// Filling and speeds of the empty dots, in the mean.
fn filling_and_ready() -> vec2<f32> {
    var filling = 0.0;
    var ready = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        filling += weight_of(k) * f[k];
        ready += weight_of(k) * classes[k].speed * (1.0 - f[k]);
    }
    return vec2<f32>(filling, ready);
}

// Goes on by so much feedback, between two places of such steepness.
fn go_on(feedback: f32, start: f32, end: f32) {
    way_feedback += feedback;
    way_steepness = vec2<f32>(select(way_steepness.x, start, way_steepness.x < 0.0), end);
}

// Moves the cell through a substep, in the mean: what has become of an empty and of a full dot, and so of all.
fn move_on(uptake: Uptake) {
    let start = filling_and_ready();
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
    let end = filling_and_ready();
    let before_it = falls(start.x, inverse_limit);
    let after_it = falls(end.x, inverse_limit);
    let feedback = 0.5 * offered * (before_it * start.y + after_it * end.y);
    go_on(feedback, before_it * start.y * start.y, after_it * end.y * end.y);
}

// Moves the cell through a train, in the mean.
fn take_up(of_train: Filled) {
    let start = filling_and_ready();
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let caught = fraction_lost(classes[k].speed * of_train.uptake);
        way_caught[k] = way_caught[k] + caught * (1.0 - way_caught[k]);
        way_freed[k] *= 1.0 - caught;
        f[k] = min(f[k] + caught * (1.0 - f[k]), 1.0);
    }
    let end = filling_and_ready();
    let before_it = falls(start.x, of_train.inverse_limit);
    let after_it = falls(end.x, of_train.inverse_limit);
    let feedback = of_train.feedback + blocked_more(start.x, end.x);
    go_on(feedback, before_it * start.y * start.y, after_it * end.y * end.y);
}

// What full dots that block the current add to the feedback of a train: see crates/trapline-model/src/cell/counted.rs.
fn blocked_more(before: f32, after: f32) -> f32 {
    let through_before = (1.0 - before) / (1.0 - params.open * before);
    return log_of_one_and(through_before * (1.0 - params.open * after) / max(1.0 - after, 1e-6) - 1.0);
}

// The logarithm of 1 + z, to 1e-2 for z up to 1 and never below it there; 0 of a negative z.
fn log_of_one_and(z: f32) -> f32 {
    let x = min(max(z, 0.0), 1e15);
    return x * (6.0 + x) / (6.0 + 4.0 * x);
}

// What the uptake takes of the variance of a draw: see crates/trapline-model/src/cell/counted.rs.
fn narrowed(feedback: f32, steepness: vec2<f32>, steady: f32, forgotten: f32) -> f32 {
    let y = min(log_of_one_and(steepness.x / max(steepness.y, 1e-30) - 1.0), feedback);
    let filling = 1.0 - (1.0 - fraction_lost(feedback - y)) * phi(feedback + y) / phi(feedback - y);
    if !(steady > 0.0 && forgotten > 0.0) {
        return filling;
    }
    let lost = min(forgotten, MOST_FORGOTTEN);
    let kept = 1.0 - lost;
    // Minus the logarithm of what is kept, to 3e-3: eight times that of its eighth root, 2 asinh(x/2) of which is known.
    let half = sqrt(kept);
    let quarter = sqrt(half);
    let eighth = sqrt(quarter);
    let x = lost / ((1.0 + half) * (1.0 + quarter) * (1.0 + eighth)) / sqrt(eighth);
    let alone = 8.0 * x / (1.0 + x * x * (1.0 / 24.0));
    let faded = lost * (1.0 + kept);
    let both = faded + kept * kept * fraction_lost(2.0 * feedback);
    let at_rest = 1.0 - both / (alone + feedback) * (alone / faded);
    return filling + steady * (at_rest - filling);
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
    let catches = way_feedback > 0.0;
    var caught: array<f32, CLASSES>;
    var freed: array<f32, CLASSES>;
    var deviation = 0.0;
    var variance = 0.0;
    var forgotten = 0.0;
    var expected_caught = 0.0;
    var expected_freed = 0.0;
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
        let of_class = up * (1.0 - up) * empty + down * (1.0 - down) * full;
        variance += of_class;
        forgotten += of_class * (up + down);
        expected_caught += up * empty;
        expected_freed += down * full;
    }
    if catches {
        var all = 0.0;
        var ready = 0.0;
        for (var k = 0u; k < CLASSES; k += 1u) {
            tick();
            all += caught[k];
            ready += classes[k].speed * ((dots[k] - filled[k]) - caught[k]);
        }
        let steady = select(1.0, expected_freed / expected_caught, expected_freed < expected_caught);
        let takes_of_variance = narrowed(way_feedback, way_steepness, steady, forgotten / max(variance, 1e-30));
        let back = share_taken_back(takes_of_variance, variance) * deviation;
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
