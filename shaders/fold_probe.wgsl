// Folds blocks of given numbers, time after time, as bake.wgsl folds its readings: to see whether two ways of folding
// give the same bits on an adapter, and which is faster. Of a block the fold of the last turn stays.

@compute @workgroup_size(BLOCK)
fn fold_probe(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = group_number(group, groups);
    if block >= params.blocks {
        return;
    }
    let here = 4u * (block * BLOCK + local);
    for (var turn = params.first_visit; turn < params.last_visit; turn += 1u) {
        tick();
        let scale = f32(turn + 1u);
        put(0u, local, number_of_probe(factors[here] * scale));
        put(1u, local, number_of_probe(factors[here + 1u] * scale));
        put(2u, local, number_of_probe(factors[here + 2u] * scale));
        put(3u, local, number_of_probe(factors[here + 3u] * scale));
        workgroupBarrier();
        fold_parts(local);
        workgroupBarrier();
        fold_whole(local, block * SLOTS);
    }
    report_ticks();
}

fn number_of_probe(x: f32) -> Put {
    return Put(x, x * x, x, -x);
}
