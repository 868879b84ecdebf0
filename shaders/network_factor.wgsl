// Factors the lines: inverse pivots of all cells of a chunk but the last, as if the cell before the chunk were grounded;
// and of the last one its coupling to that cell, its conductance to ground, and what it adds to the ground of that cell.

fn ground_of(line: u32, at: u32) -> f32 {
    var sum = cells[cell_of(line, at)];
    if at == 0u {
        sum += near_end(line);
    }
    if at + 1u == select(network.rows, network.cols, ALONG_WORDS) {
        sum += far_end(line);
    }
    return sum;
}

@compute @workgroup_size(GROUP)
fn run(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = number_of(group_id, groups);
    if group * lines_of_a_group() >= line_count() {
        return;
    }
    let chunk = chunk_of(group, local);
    var coupling = link_before(chunk);
    var own = 0.0;
    var ground_before = 0.0;
    if chunk.first < chunk.end {
        own = ground_of(chunk.line, chunk.first);
        for (var at = chunk.first; at + 1u < chunk.end; at += 1u) {
            let onward = link(at);
            let share = 1.0 / (coupling + own + onward);
            inverse[cell_of(chunk.line, at)] = share;
            ground_before += coupling * (share * own);
            own = ground_of(chunk.line, at + 1u) + onward * (share * own);
            coupling *= share * onward;
        }
        inverse[cell_of(chunk.line, chunk.end - 1u)] = 0.0;
    }
    ends[chunk.place] = coupling;
    ends[chunk.place + 1u] = own;
    ends[chunk.place + 2u] = ground_before;
}
