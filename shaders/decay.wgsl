// The bake of one cell, visit by visit: shared by the kernels that reduce (bake) and that write out (read).
// Twin: src/backend/cpu/bake.rs.

// Rates over the longest checkpoint; share of the charge in each class; fraction lost by each class at the visit before.
var<private> rate: array<f32, CLASSES>;
var<private> share: array<f32, CLASSES>;
var<private> lost_part: array<f32, CLASSES>;

// Starts the bake of the tile's i-th cell; gives its filling right after programming.
fn start_bake(i: u32) -> f32 {
    let u = variation[i];
    var start = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let shift = exp_(-(u * (classes[k].bake_slope + classes[k].bake_curvature * u)));
        rate[k] = classes[k].bake_rate * shift + params.bake_matrix;
        share[k] = classes[k].weight * occupancy[k * params.count + i];
        start += share[k];
    }
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        share[k] = select(0.0, share[k] / start, start > PROGRAMMED_FILLING);
    }
    return start;
}

// Goes to a checkpoint; gives the fraction of the cell's charge lost by then.
fn visit_checkpoint(visit: VisitRow) -> f32 {
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
    return min(lost, 1.0);
}
