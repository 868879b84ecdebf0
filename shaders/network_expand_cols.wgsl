// Coarse potentials, expanded to all columns: an invocation a coarse row and a column.

@compute @workgroup_size(GROUP)
fn run(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let here = number_of(group_id, groups) * GROUP + local;
    let row = here / network.cols;
    let col = here % network.cols;
    if row >= network.coarse_rows {
        return;
    }
    let first = row * network.coarse_cols + col_interval(col);
    let weight = col_weight(col);
    var volts = (1.0 - weight) * nodes[first];
    if weight > 0.0 {
        volts += weight * nodes[first + 1u];
    }
    strips[here] = volts;
}
