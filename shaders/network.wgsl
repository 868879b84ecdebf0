// Where things lie in the network of a crossbar: fields over the array row by row, wires and ends in one list, and the
// weights of the coarse crossbar in another. The host packs both lists (circuit/device.rs).

const GROUP: u32 = 256u;

fn number_of(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}

// Conductance of the segment after a cell of a line; 0 after the last.
fn link(at: u32) -> f32 {
    return wires[select(network.cols, 0u, ALONG_WORDS) + at];
}

// Conductance from the first and from the last cell of a line to its sources.
fn near_end(line: u32) -> f32 {
    let lists = network.cols + network.rows;
    return wires[lists + line + select(2u * network.rows, 0u, ALONG_WORDS)];
}

fn far_end(line: u32) -> f32 {
    let lists = network.cols + network.rows;
    return wires[lists + line + select(lists + network.rows, network.rows, ALONG_WORDS)];
}
