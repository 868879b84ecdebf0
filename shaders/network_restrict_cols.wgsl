// The same summed over the columns onto the coarse columns: an invocation a coarse node.

@compute @workgroup_size(GROUP)
fn run(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let here = number_of(group_id, groups) * GROUP + local;
    let row = here / network.coarse_cols;
    let node = here % network.coarse_cols;
    if row >= network.coarse_rows {
        return;
    }
    var sum = 0.0;
    if node > 0u {
        for (var col = col_start(node - 1u); col < col_start(node); col += 1u) {
            sum += col_weight(col) * strips[row * network.cols + col];
        }
    }
    for (var col = col_start(node); col < col_start(node + 1u); col += 1u) {
        sum += (1.0 - col_weight(col)) * strips[row * network.cols + col];
    }
    nodes[here] = sum;
}
