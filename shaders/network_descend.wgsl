// r -= alpha q, and z = A_b^-1 r in the place of q; of each workgroup the 1-norm of r and the product of r and z.

var<private> product: f32;

fn right_of(cell: u32) -> f32 {
    return r[cell];
}

fn take(cell: u32, volts: f32) {
    q[cell] = volts;
    product += r[cell] * volts;
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
    let alpha = scalars[0];
    var norm = 0.0;
    for (var at = chunk.first; at < chunk.end; at += 1u) {
        let cell = cell_of(chunk.line, at);
        var left = r[cell];
        if alpha != 0.0 {
            left -= alpha * q[cell];
        }
        r[cell] = left;
        norm += abs(left);
    }
    product = 0.0;
    solve_line(chunk, local);
    let norms = sum_over_group(local, norm);
    workgroupBarrier();
    let products = sum_over_group(local, product);
    if local == 0u {
        partials[2u * group] = norms;
        partials[2u * group + 1u] = products;
    }
}
