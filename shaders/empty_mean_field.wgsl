// An empty cell of very many dots.

fn empty_cell(i: u32, cell: vec2<u32>, factors_of_cell: Factors) -> f32 {
    for (var k = 0u; k < CLASSES; k += 1u) {
        occupancy[k * params.cells + i] = 0.0;
    }
    return factors_of_cell.trap_filled;
}
