// q = A_b p - D A_w^-1 D p; of each workgroup the product of p and q.

var<private> product: f32;

fn right_of(cell: u32) -> f32 {
    return cells[cell] * p[cell];
}

fn take(cell: u32, volts: f32) {
    let value = ap[cell] - cells[cell] * volts;
    q[cell] = value;
    product += p[cell] * value;
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
    product = 0.0;
    solve_line(chunk_of(group, local), local);
    let products = sum_over_group(local, product);
    if local == 0u {
        partials[group] = products;
    }
}
