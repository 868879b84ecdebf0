// One cell at one temperature. Twin: crates/trapline-engine/src/backend/cpu/constant.rs.

// Rates over the longest checkpoint; fraction lost by each class at the visit before.
var<private> rate: array<f32, CLASSES>;
var<private> lost_part: array<f32, CLASSES>;

// Sets the rate of a class of a cell of this size.
fn set_rate(k: u32, u: f32) {
    let row = classes[k];
    rate[k] = thermal_escape(row.bake_rate, row.bake_slope, row.bake_curvature, u) + params.bake_background;
}

fn checkpoint_of(v: u32) -> u32 {
    return visits[v].checkpoint;
}

// Fraction of the charge that the classes have lost by a visit.
fn lose(v: u32) -> f32 {
    let visit = visits[v];
    var lost = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let y = lost_part[k];
        if visit.chained == 0u {
            lost_part[k] = fraction_lost(rate[k] * visit.time);
        } else {
            lost_part[k] = y * (2.0 - y);
        }
        lost += share[k] * lost_part[k];
    }
    return lost;
}
