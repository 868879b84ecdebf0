// One cell at one temperature. Twin: crates/trapline-engine/src/backend/cpu/constant.rs.

// Rates over the longest checkpoint.
var<private> rate: array<f32, CLASSES>;

// Sets the rate of a class of a cell of this size.
fn set_rate(k: u32, u: f32) {
    let row = classes[k];
    rate[k] = thermal_escape(row.bake_rate, row.bake_slope, row.bake_curvature, u) + params.bake_background;
}

fn checkpoint_of(v: u32) -> u32 {
    return visits[v].checkpoint;
}

// How many times a class is emptied by the time of a visit.
fn emptied(v: u32, k: u32) -> f32 {
    return rate[k] * visits[v].time;
}
