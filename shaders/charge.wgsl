// The charge that passes in a dwell. Twin: crates/trapline-engine/src/backend/cpu/charge.rs. Everything here begins
// with the state of the cell in `f`, and what drives a substep in `offered`, `inverse_limit` and `emission`.

struct Passed {
    // Mean of theta over a substep.
    free_share: f32,
    // The average uptake, corrected.
    uptake: f32,
}

// Filling by the part `part` of a substep, once each empty trap of speed 1 has seen `seen`.
fn filling_after(seen: f32, part: f32) -> f32 {
    var filling = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        filling += weight_of(k) * after(f[k], classes[k].speed * seen, emission[k] * part);
    }
    return filling;
}

// What an empty trap of speed 1 has seen by the part `part` of a substep.
fn seen_by(part: f32, uptake: Uptake) -> f32 {
    let bent = (uptake.start - uptake.end) * (part * (1.0 - part)) / (2.0 + uptake.relaxation * part);
    return max(uptake.average * part + bent, 0.0);
}

// What passes in a substep whose uptake is known.
fn passed(seen: Uptake) -> Passed {
    let early = filling_after(seen_by(EARLY_POINT, seen), EARLY_POINT);
    let late = filling_after(seen_by(LATE_POINT, seen), LATE_POINT);
    let free_share = 0.5 * (params.free_share / (1.0 - params.open * early))
        + 0.5 * (params.free_share / (1.0 - params.open * late));
    let mean = 0.5 * uptake(early).x + 0.5 * uptake(late).x;
    let half = 0.5 * min(seen.relaxation, MOST_RELAXATION);
    let corrected = seen.average + (mean - seen.average) / (1.0 + (half * half) * (half * half));
    return Passed(free_share, max(corrected, 0.0));
}

// Length of a piece over the dwell: of the first part h, h, 2 h, 4 h, ..., then whole parts.
fn piece_length(pieces: u32, number: u32) -> f32 {
    let halvings = pieces - PARTS;
    let halved = select(min(halvings - (max(number, 1u) - 1u), halvings), 0u, number > halvings);
    return 1.0 / f32(PARTS << halved);
}

// Mean of theta over a segment, taken in pieces. Leaves the state as it was, and other numbers in what drives a
// substep.
fn free_share_in_pieces(segment: SegmentRow, trap_filled: f32, speed: f32) -> f32 {
    let start = f;
    var sum = 0.0;
    for (var number = 0u; number < segment.pieces; number += 1u) {
        tick();
        let length = piece_length(segment.pieces, number);
        let substeps = f32(segment.substeps) * length;
        var piece = segment;
        piece.offered = segment.offered * substeps;
        piece.field = segment.field * substeps;
        piece.step_s = segment.step_s * substeps;
        set_motion(piece, trap_filled, speed);
        let seen = passed(average_uptake(segment.piece_iterations));
        sum += length * seen.free_share;
        advance(seen.uptake);
    }
    f = start;
    return sum;
}
