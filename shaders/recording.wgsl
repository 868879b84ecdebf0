// Records what passes and what is caught, segment by segment. Twin: `Recorder` in
// crates/trapline-engine/src/backend/cpu/record.rs. Responses have axes (row, quantity, cell), the cells in the order
// of the dispatch.

// Of the segment under way: sum over the substeps of the mean of theta in each, and electrons caught per trap.
var<private> passed_share: f32;
var<private> all_caught: f32;

fn pieces_of(segment: SegmentRow) -> u32 {
    return select(segment.pieces, 0u, segment.row == NOT_RECORDED);
}

fn begin_segment(segment: SegmentRow, trap_filled: f32, speed: f32) {
    passed_share = 0.0;
    all_caught = 0.0;
    if pieces_of(segment) > 1u {
        let mean = free_share_in_pieces(segment, trap_filled, speed);
        passed_share = mean * f32(segment.substeps);
    }
}

fn watch_substep(segment: SegmentRow, uptake: Uptake) {
    if segment.row == NOT_RECORDED {
        return;
    }
    if segment.iterations > 0u {
        all_caught += caught(uptake.average);
    }
    if segment.pieces == 1u {
        passed_share += passed(uptake).free_share;
    }
}

fn end_segment(segment: SegmentRow, cell_factors: Factors, j: u32) {
    if segment.row == NOT_RECORDED {
        return;
    }
    var filling = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        filling += weight_of(k) * f[k];
    }
    let free_share = params.free_share / (1.0 - params.open * filling);
    if segment.pieces == 0u {
        passed_share = free_share * f32(segment.substeps);
    }
    let current = free_share * segment.injected_a + segment.hopping_a;
    let at = segment.row * RESPONSE_QUANTITIES * params.count + j;
    let bias = abs(segment.bias_v);
    let dwell = segment.step_s * f32(segment.substeps);
    responses[at] = cell_factors.area * select(current, -current, segment.bias_v < 0.0);
    responses[at + params.count] = filling;
    let charge = passed_share * segment.injected_a + f32(segment.substeps) * segment.hopping_a;
    responses[at + 2u * params.count] += cell_factors.area * (charge * (bias * segment.step_s));
    responses[at + 3u * params.count] += cell_factors.area * (segment.injected_a * PER_CHARGE * dwell);
    responses[at + 4u * params.count] += cell_factors.area * cell_factors.trap_filled * (params.traps * all_caught);
}
