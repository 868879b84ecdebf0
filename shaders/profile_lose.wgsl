// What one cell of very many dots has lost at several temperatures. Twin: `lose` of
// crates/trapline-engine/src/backend/cpu/profile.rs.

// Fraction of the charge that the classes have lost by a visit.
fn lose(v: u32) -> f32 {
    var lost = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        lost += share[k] * fraction_lost(emptied(v, k));
    }
    return lost;
}
