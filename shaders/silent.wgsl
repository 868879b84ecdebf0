// Nothing is recorded of what happens to a cell but its occupancy.

fn begin_segment(segment: SegmentRow, trap_filled: f32, speed: f32) {
}

fn watch_substep(segment: SegmentRow, uptake: Uptake) {
}

fn end_segment(segment: SegmentRow, cell_factors: Factors, j: u32) {
}
