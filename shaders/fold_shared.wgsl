// Folds the readings of a block in the memory of the workgroup, where subgroups are not to be had. What is combined
// with what is the same as in fold_subgroups.wgsl, and so are the bits: neighbours first, then pairs of neighbours, and
// so on up to the two halves of the block.

const FOLDERS: u32 = BLOCK / SLOTS;
// A folder's cells follow one another, with a gap between folders, so that they read different banks.
const CELLS_OF_FOLDER: u32 = BLOCK / FOLDERS;
const ROW: u32 = BLOCK + FOLDERS;

// Eight folders a slot, as the combinations below are written out.
const_assert BLOCK == 8u * SLOTS;
var<workgroup> readings: array<f32, SLOTS * ROW>;
var<workgroup> folded: array<f32, BLOCK>;

// Stores one quantity of one cell.
fn put(q: u32, local: u32, reading: Put) {
    let place = local + local / CELLS_OF_FOLDER;
    readings[q * ROW + place] = reading.sum;
    readings[(QUANTITIES + q) * ROW + place] = reading.square;
    readings[(2u * QUANTITIES + q) * ROW + place] = reading.least;
    readings[(3u * QUANTITIES + q) * ROW + place] = reading.most;
}

fn of_two(slot: u32, first: u32) -> f32 {
    return combine(slot, readings[first], readings[first + 1u]);
}

fn of_four(slot: u32, first: u32) -> f32 {
    return combine(slot, of_two(slot, first), of_two(slot, first + 2u));
}

fn of_eight(slot: u32, first: u32) -> f32 {
    return combine(slot, of_four(slot, first), of_four(slot, first + 4u));
}

// After all readings of the block were put.
fn fold_parts(local: u32) {
    let slot = local / FOLDERS;
    let first = slot * ROW + local % FOLDERS * (CELLS_OF_FOLDER + 1u);
    folded[local] = combine(slot, of_eight(slot, first), of_eight(slot, first + 8u));
}

// After all parts were folded: the slots of the block, by as many invocations.
fn fold_whole(local: u32, at: u32) {
    if local >= SLOTS {
        return;
    }
    let first = local * FOLDERS;
    let near = combine(
        local,
        combine(local, folded[first], folded[first + 1u]),
        combine(local, folded[first + 2u], folded[first + 3u]),
    );
    let far = combine(
        local,
        combine(local, folded[first + 4u], folded[first + 5u]),
        combine(local, folded[first + 6u], folded[first + 7u]),
    );
    partials[at + local] = combine(local, near, far);
}
