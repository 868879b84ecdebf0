// Cells of a tile of an array: all of them, numbered by the array's shape.

fn place_of(j: u32) -> u32 {
    return j;
}

fn number_of(i: u32) -> vec2<u32> {
    return cell_number(i);
}
