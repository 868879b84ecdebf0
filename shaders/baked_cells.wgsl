// Listed cells in a bake: their numbers lie behind the tables of random numbers, since a stage has eight buffers.

fn number_of(i: u32) -> vec2<u32> {
    let at = params.numbers_at + 2u * i;
    return vec2<u32>(u32(normal_table[at]), u32(normal_table[at + 1u]));
}
