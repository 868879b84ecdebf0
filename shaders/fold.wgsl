// How two numbers of a slot become one: sums in the first half of the slots, minima in the second. Shared by bake and
// reduce. Twin: crates/trapline-engine/src/backend/tally.rs (Partial::add).

fn combine(slot: u32, a: f32, b: f32) -> f32 {
    return select(min(a, b), a + b, slot < 2u * QUANTITIES);
}

// One quantity of one cell, as it goes into a fold: what of it is added up, its square, and what the least of is
// wanted.
struct Put {
    sum: f32,
    square: f32,
    least: f32,
    most: f32,
}
