// What every kernel shares: which cell an invocation is, and what is read of a cell. Twins:
// crates/trapline-model/src/array/mod.rs (CellSet) and
// crates/trapline-engine/src/backend/cpu/read.rs.

// Number of the workgroup in its tile. Dispatches are two-dimensional where one dimension does not reach, and a tile may take several:
// a group past the last one of this dispatch belongs to the next, or to nothing.
fn group_number(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    let number = params.first_group + group.y * groups.x + group.x;
    return select(NO_GROUP, number, number < params.last_group);
}

// 64-bit number of the tile's i-th cell, low word first.
fn cell_number(i: u32) -> vec2<u32> {
    let column = params.column + i;
    let rows = mul_wide(column / params.width, params.stride);
    let low = params.first_low + rows.x;
    let carry_rows = select(0u, 1u, low < rows.x);
    let number = low + column % params.width;
    let carry_column = select(0u, 1u, number < low);
    return vec2<u32>(number, params.first_high + rows.y + carry_rows + carry_column);
}

struct Observables {
    conductance: f32,
    filling: f32,
    lost: f32,
    kept: f32,
}

// What is read of a cell that has lost a fraction of its charge.
fn read_out(area: f32, start: f32, lost: f32) -> Observables {
    let left = 1.0 - lost;
    let filling = start * left;
    let charge = params.open * start;
    let conductance = area * (params.direct / (1.0 - params.open * filling) + params.hopping);
    return Observables(conductance, filling, lost, left / (1.0 + lost * charge / (1.0 - charge)));
}
