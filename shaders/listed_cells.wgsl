// Cells by their numbers in a list: all of them, or those at chosen places of it. The list has two words a number,
// the low one first, and the chosen places after the last number.

fn place_of(j: u32) -> u32 {
    let at = params.first_place + j;
    return select(at, cell_numbers[2u * params.cells + at], params.chosen != 0u);
}

fn number_of(i: u32) -> vec2<u32> {
    return vec2<u32>(cell_numbers[2u * i], cell_numbers[2u * i + 1u]);
}
