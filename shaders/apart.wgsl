// Each cell has a bias and a temperature of its own, and what they do to it is read from tables (tables.wgsl). Twin:
// crates/trapline-engine/src/backend/cpu/expose.rs. Biases and temperatures follow the places in the list of cells.

fn bias_of(i: u32) -> f32 {
    return bitcast<f32>(cell_numbers[3u * params.cells + i]);
}

fn temperature_of(i: u32) -> f32 {
    return bitcast<f32>(cell_numbers[4u * params.cells + i]);
}

// Slope and curvature of the classes' depths are in eV here.
fn set_rates_of(i: u32, log_size: f32) {
    let temperature = temperature_of(i);
    let per_ev = table_curve(laws[LAW_PER_EV], temperature);
    let background = table_curve(laws[LAW_BACKGROUND], temperature);
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let row = classes[k];
        let nominal = table_curve(laws[LAW_THERMAL + k], temperature);
        rate[k] = thermal_escape(nominal, row.program_slope * per_ev, row.program_curvature * per_ev, log_size) + background;
    }
}

fn segment_of(s: u32, i: u32) -> SegmentRow {
    var segment = segments[s];
    let bias = bias_of(i);
    let temperature = temperature_of(i);
    let heat = table_curve(laws[LAW_HEAT], temperature);
    segment.bias_v = bias;
    segment.overdrive_v = abs(bias) - params.onset_v;
    segment.injected_a = table_curve(laws[LAW_INJECTED], bias) * heat;
    segment.hopping_a =
        table_surface(laws[LAW_HOPPING], bias, temperature) * table_curve(laws[LAW_HOPPING_HEAT], temperature);
    var offered = 0.0;
    var field = 0.0;
    if bias > 0.0 {
        offered = table_curve(laws[LAW_OFFERED_POSITIVE], bias);
    } else {
        offered = table_curve(laws[LAW_OFFERED_NEGATIVE], bias);
        field = table_curve(laws[LAW_FIELD], bias);
    }
    segment.offered = min(offered * heat * segment.step_s, MOST_EVENTS);
    segment.field = min(field * segment.step_s, MOST_EVENTS);
    return segment;
}
