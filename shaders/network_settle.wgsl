// The last step along the last direction: x += alpha p. An invocation a cell.

@compute @workgroup_size(GROUP)
fn run(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let cell = number_of(group_id, groups) * GROUP + local;
    if cell / network.cols >= network.rows {
        return;
    }
    x[cell] += scalars[0] * p[cell];
}
