// What one cell of very many dots has lost at one temperature. Twin: `lose` of
// crates/trapline-engine/src/backend/cpu/constant.rs.

// Fraction lost by each class at the visit before.
var<private> lost_part: array<f32, CLASSES>;

// Fraction of the charge that the classes have lost by a visit; even classes and odd ones are added up apart.
fn lose(v: u32) -> f32 {
    let visit = visits[v];
    var lost = vec2<f32>(0.0);
    if visit.chained == 0u {
        for (var k = 0u; k < CLASSES; k += 1u) {
            tick();
            lost_part[k] = fraction_lost(rate[k] * visit.time);
            lost[k % 2u] += share[k] * lost_part[k];
        }
    } else {
        for (var k = 0u; k < CLASSES; k += 1u) {
            tick();
            let y = lost_part[k];
            lost_part[k] = y * (2.0 - y);
            lost[k % 2u] += share[k] * lost_part[k];
        }
    }
    return lost.x + lost.y;
}
