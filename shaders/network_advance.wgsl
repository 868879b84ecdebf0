// x += alpha p, p = z + beta p, A_b p = pulled + beta A_b p, with z in the place of q; the first iteration starts all
// three. An invocation a cell.

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
    if network.iteration == 0u {
        x[cell] = 0.0;
        p[cell] = q[cell];
        ap[cell] = pulled[cell];
        return;
    }
    let along = p[cell];
    x[cell] += scalars[0] * along;
    p[cell] = q[cell] + network.beta * along;
    ap[cell] = pulled[cell] + network.beta * ap[cell];
}
