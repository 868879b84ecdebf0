// Writes out what is read of each cell of the tile at each checkpoint: for dumps, and for comparing cell by cell.
// Twin: crates/trapline-engine/src/backend/cpu/read.rs.

@compute @workgroup_size(BLOCK)
fn read_cells(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_number(group, groups) * BLOCK + local;
    if i >= params.count {
        return;
    }
    let start = start_bake(i);
    let area = factors[params.count + i];
    for (var v = params.first_visit; v < params.last_visit; v += 1u) {
        tick();
        let seen = read_out(area, start, go_to_visit(v));
        let row = checkpoint_of(v) * QUANTITIES;
        cells[row * params.count + i] = seen.conductance;
        cells[(row + 1u) * params.count + i] = seen.filling;
        cells[(row + 2u) * params.count + i] = seen.lost;
        cells[(row + 3u) * params.count + i] = seen.kept;
    }
    end_bake(i);
    report_ticks();
}
