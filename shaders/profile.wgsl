// One cell at several temperatures: a visit is as many rows of `visits` as there are temperatures, and each
// temperature has rows of its own in `classes`. Twin: crates/trapline-engine/src/backend/cpu/profile.rs.

// Rates at each temperature over the longest checkpoint, without the background; axes (temperature, class).
var<private> rate: array<f32, MAX_LEGS * CLASSES>;

// Sets the rates of a class of a cell of this size.
fn set_rate(k: u32, u: f32) {
    for (var j = 0u; j < params.temperatures; j += 1u) {
        tick();
        let row = classes[j * CLASSES + k];
        let escape = thermal_escape(row.bake_rate, row.bake_slope, row.bake_curvature, u);
        // An infinite rate would make of a time of 0 no number, and of the sum none.
        rate[j * CLASSES + k] = min(escape, MOST_EVENTS);
    }
}

fn checkpoint_of(v: u32) -> u32 {
    return visits[v * params.temperatures].checkpoint;
}

// How many times a class is emptied by a visit.
fn emptied(v: u32, k: u32) -> f32 {
    let first = v * params.temperatures;
    var sum = visits[first].background;
    for (var j = 0u; j < params.temperatures; j += 1u) {
        tick();
        sum += rate[j * CLASSES + k] * visits[first + j].time;
    }
    return sum;
}
