// Folds the sums of the blocks of a chunk into one: an invocation folds one slot of one checkpoint of one chunk, in eights.
// Twin: src/backend/tally.rs, which folds the chunks.

const SLOTS: u32 = 4u * QUANTITIES;
const EIGHT: u32 = 8u;

fn combine(slot: u32, a: f32, b: f32) -> f32 {
    return select(min(a, b), a + b, slot < 2u * QUANTITIES);
}

@compute @workgroup_size(BLOCK)
fn reduce_chunks(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let here = group_number(group, groups) * BLOCK + local;
    let row = params.checkpoints * SLOTS;
    let chunk = here / row;
    let column = here % row;
    let first = chunk * CHUNK_BLOCKS;
    if first >= params.blocks {
        return;
    }
    let slot = column % SLOTS;
    let last = min(first + CHUNK_BLOCKS, params.blocks);
    var whole = select(3.0e38, 0.0, slot < 2u * QUANTITIES);
    for (var eight = first; eight < last; eight += EIGHT) {
        var part = partials[eight * row + column];
        for (var block = eight + 1u; block < min(eight + EIGHT, last); block += 1u) {
            part = combine(slot, part, partials[block * row + column]);
        }
        whole = combine(slot, whole, part);
    }
    sums[here] = whole;
}
