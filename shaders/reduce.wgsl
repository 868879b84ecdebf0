// Folds the sums of the blocks of a chunk into one: an invocation folds one slot of one checkpoint of one chunk, in eights.
// Twin: crates/trapline-engine/src/backend/tally.rs, which folds the chunks.

const EIGHT: u32 = 8u;

@compute @workgroup_size(BLOCK)
fn reduce_chunks(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let here = group_number(group, groups) * BLOCK + local;
    let row = params.checkpoints * SLOTS;
    if here >= (params.blocks + CHUNK_BLOCKS - 1u) / CHUNK_BLOCKS * row {
        return;
    }
    let chunk = here / row;
    let column = here % row;
    let first = chunk * CHUNK_BLOCKS;
    let slot = column % SLOTS;
    let last = min(first + CHUNK_BLOCKS, params.blocks);
    var whole = select(HUGE, 0.0, slot < 2u * QUANTITIES);
    for (var eight = first; eight < last; eight += EIGHT) {
        tick();
        var part = partials[eight * row + column];
        for (var block = eight + 1u; block < min(eight + EIGHT, last); block += 1u) {
            tick();
            part = combine(slot, part, partials[block * row + column]);
        }
        whole = combine(slot, whole, part);
    }
    sums[here] = whole;
    report_ticks();
}
