// Currents D z, summed over the rows onto the coarse rows: an invocation a coarse row and a column.

@compute @workgroup_size(GROUP)
fn run(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let here = number_of(group_id, groups) * GROUP + local;
    let node = here / network.cols;
    let col = here % network.cols;
    if node >= network.coarse_rows {
        return;
    }
    var sum = 0.0;
    if node > 0u {
        for (var row = row_start(node - 1u); row < row_start(node); row += 1u) {
            let cell = row * network.cols + col;
            sum += row_weight(row) * cells[cell] * q[cell];
        }
    }
    for (var row = row_start(node); row < row_start(node + 1u); row += 1u) {
        let cell = row * network.cols + col;
        sum += (1.0 - row_weight(row)) * cells[cell] * q[cell];
    }
    strips[here] = sum;
}
