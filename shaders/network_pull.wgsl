// pulled = r + D P e: what the coarse potentials pull out of the bit lines. An invocation a cell.

@compute @workgroup_size(GROUP)
fn run(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let cell = number_of(group_id, groups) * GROUP + local;
    let row = cell / network.cols;
    if row >= network.rows {
        return;
    }
    let first = row_interval(row) * network.cols + cell % network.cols;
    let weight = row_weight(row);
    var volts = (1.0 - weight) * strips[first];
    if weight > 0.0 {
        volts += weight * strips[first + network.cols];
    }
    pulled[cell] = r[cell] + cells[cell] * volts;
}
