// What one cell of very many dots has lost at one temperature. Twin: `lose` of crates/trapline-engine/src/backend/cpu/constant.rs.

// Fraction lost by each class at the visit before.
var<private> lost_part: array<f32, CLASSES>;

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
