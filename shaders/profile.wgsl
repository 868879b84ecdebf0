// One cell at several temperatures: a visit is as many rows of `visits` as there are temperatures, and each temperature has rows
// of its own in `classes`. Twin: crates/trapline-engine/src/backend/cpu/profile.rs.

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

// Fraction of the charge that the classes have lost by a visit.
fn lose(v: u32) -> f32 {
    let first = v * params.temperatures;
    let background = visits[first].background;
    var lost = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        var emptied = background;
        for (var j = 0u; j < params.temperatures; j += 1u) {
            tick();
            emptied += rate[j * CLASSES + k] * visits[first + j].time;
        }
        lost += share[k] * fraction_lost(emptied);
    }
    return lost;
}
