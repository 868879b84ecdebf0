// All cells see the same bias at the same temperature: the host has evaluated its laws.

fn set_rates_of(i: u32, log_size: f32) {
    set_rates(log_size);
}

fn segment_of(s: u32, i: u32) -> SegmentRow {
    return segments[s];
}
