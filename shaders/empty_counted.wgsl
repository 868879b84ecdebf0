// An empty cell with dots of its own. Twin: `Counted::draw` in crates/trapline-engine/src/backend/cpu/counted.rs.

// Gives the cell's trap-filled limit over the nominal one: its dots over those that its area should have.
fn empty_cell(i: u32, cell: vec2<u32>, factors_of_cell: Factors) -> f32 {
    let source = Source(vec2<u32>(params.seed_low, params.seed_high), cell, PURPOSE_DOTS, 0u, 0u);
    let nominal = params.traps * factors_of_cell.area;
    let mean = nominal * factors_of_cell.trap_filled;
    var left = u32(min(floor(mean + 0.5), f32(params.most_trials)));
    var rest = 1.0;
    var total = 0.0;
    for (var k = 0u; k < CLASSES; k += 1u) {
        tick();
        let weight = classes[k].weight;
        var of_class = source;
        var number = 0u;
        let first = first_word(source, 0u, k);
        if params.fixed_dots != 0u {
            let p = weight / rest;
            let q = (rest - weight) / rest;
            of_class.event = k;
            if k + 1u == CLASSES {
                number = left;
            } else if p <= 0.5 {
                number = binomial(of_class, first, left, p);
            } else {
                number = left - binomial(of_class, first, left, q);
            }
            left -= number;
            rest -= weight;
        } else {
            of_class.event = 2u * k;
            number = poisson(of_class, first, mean * weight);
        }
        occupancy[k * params.cells + i] = 0.0;
        occupancy[(CLASSES + k) * params.cells + i] = f32(number);
        total += f32(number);
    }
    return select(1.0, total / nominal, total > 0.0);
}
