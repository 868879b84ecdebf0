// Fills a cell by pulses in one go. Twin: crates/trapline-engine/src/backend/cpu/train.rs; the equations are those of
// crates/trapline-model/src/cell/train.rs.

// What a train makes of a cell.
struct Filled {
    // What an empty trap of speed 1 catches.
    uptake: f32,
    // By what share an electron too many lowers what is caught.
    feedback: f32,
    // One over F_sc, and 0 where nothing can be caught.
    inverse_limit: f32,
}

// Mean speed of the empty dots at a filling.
fn mean_speed(at: f32) -> f32 {
    let filling = min(at, params.mean_speed_top);
    return ((((((params.mean_speed_7 * filling + params.mean_speed_6) * filling + params.mean_speed_5) * filling
        + params.mean_speed_4) * filling + params.mean_speed_3) * filling + params.mean_speed_2) * filling
        + params.mean_speed_1) * filling + params.mean_speed_0;
}

// The capture speeds of the pulses of a train, added up: what they have beside 1, so that a sum of many keeps its digits.
fn speeds_of(segment: SegmentRow, cell: vec2<u32>) -> f32 {
    var sum = 0.0;
    if params.speed_sd > 0.0 {
        for (var pulse = 0u; pulse < segment.pulses; pulse += 1u) {
            tick();
            sum += draw_speed(cell, segment.cycle + pulse) - 1.0;
        }
    }
    return f32(segment.pulses) + sum;
}

// Slopes of the feedback and of the uptake by x. `room` is what F_sc leaves at the start, `own` the speeds of the cell's
// own empty dots over those of the nominal ones.
fn slopes(feedback: f32, start: f32, room: f32, own: f32) -> vec2<f32> {
    let gained = fraction_lost(feedback);
    let filling = start + room * gained;
    let empty = 1.0 - filling;
    let open_share = empty / (1.0 - params.open * filling);
    return vec2<f32>(open_share * (own * (empty * mean_speed(filling))), room * ((1.0 - gained) * open_share));
}

// Fills the cell from its occupancy.
fn fill_by(segment: SegmentRow, cell: vec2<u32>, trap_filled: f32) -> Filled {
    let speeds = speeds_of(segment, cell);
    var start = 0.0;
    var ready = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        start += weight_of(k) * f[k];
        ready += weight_of(k) * classes[k].speed * (1.0 - f[k]);
    }
    let span = params.trap_filled_v * trap_filled - params.onset_v;
    let limit = select(1.0, min(max(segment.overdrive_v / span, 0.0), 1.0), span > 0.0);
    let dose = segment.offered * speeds / trap_filled;
    // Past F_sc nothing is caught.
    if !(limit - start > 0.0 && segment.overdrive_v > 0.0) {
        return Filled(0.0, 0.0, 0.0);
    }
    let room = limit - start;
    let nominal = (1.0 - start) * mean_speed(start);
    let own = select(0.0, ready / nominal, nominal > 0.0);
    var filled = Filled(0.0, 0.0, 1.0 / limit);
    var h = dose / limit * segment.first_share;
    for (var step = 0u; step < segment.train_steps; step += 1u) {
        tick();
        let a = slopes(filled.feedback, start, room, own);
        let b = slopes(filled.feedback + 0.5 * h * a.x, start, room, own);
        let c = slopes(filled.feedback + 0.5 * h * b.x, start, room, own);
        let d = slopes(filled.feedback + 1.0 * h * c.x, start, room, own);
        let sixth = h * (1.0 / 6.0);
        filled.feedback += sixth * (a.x + 2.0 * (b.x + c.x) + d.x);
        filled.uptake += sixth * (a.y + 2.0 * (b.y + c.y) + d.y);
        h *= segment.growth;
    }
    // U drifts more than the filling does: the one that fills as far.
    var gained = 0.0;
    ready = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let empty = 1.0 - f[k];
        let caught = empty * fraction_lost(classes[k].speed * filled.uptake);
        gained += weight_of(k) * caught;
        ready += weight_of(k) * classes[k].speed * (empty - caught);
    }
    let lacks = room * fraction_lost(filled.feedback) - gained;
    filled.uptake = max(filled.uptake + select(0.0, lacks / ready, ready > 1e-30), 0.0);
    return filled;
}
