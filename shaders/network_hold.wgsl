// Numbers wait in q between the two ways along a line. What its cells held before must have been read by then.

fn hold(cell: u32, value: f32) {
    q[cell] = value;
}

fn held(cell: u32) -> f32 {
    return q[cell];
}
