// Eliminates the word lines from the right-hand side: r += D A_w^-1 right.

fn right_of(cell: u32) -> f32 {
    return right[cell];
}

fn take(cell: u32, volts: f32) {
    r[cell] += cells[cell] * volts;
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
    solve_line(chunk_of(group, local), local);
}
