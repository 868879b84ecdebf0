// Folds the readings of a block in registers: eight neighbours exchange halves of their slots until each has one sum
// and one least number of the eight, which takes 14 exchanges for 16 slots. What is combined with what is the same as
// in fold_shared.wgsl, and so are the bits. Needs subgroups of at least eight, whose invocations are numbered as those
// of the workgroup are; the host tries that (gpu/variant.rs).

const OCTET: u32 = 8u;
const OCTETS: u32 = BLOCK / OCTET;
const SUMS: u32 = 2u * QUANTITIES;
// A little longer than needed, so that neighbours write to different banks.
const ROW: u32 = OCTETS + 1u;

// An octet a slot.
const_assert OCTETS == SLOTS;
var<private> slot_sums: array<f32, SUMS>;
var<private> slot_leasts: array<f32, SUMS>;
var<workgroup> octets: array<f32, SLOTS * ROW>;

fn put(q: u32, local: u32, reading: Put) {
    slot_sums[q] = reading.sum;
    slot_sums[QUANTITIES + q] = reading.square;
    slot_leasts[q] = reading.least;
    slot_leasts[QUANTITIES + q] = reading.most;
}

// Of two slots, the upper invocation of a pair keeps the second and gives away the first.
fn sum_of_pair(first: f32, second: f32, apart: u32, upper: bool) -> f32 {
    return select(first, second, upper) + subgroupShuffleXor(select(second, first, upper), apart);
}

fn least_of_pair(first: f32, second: f32, apart: u32, upper: bool) -> f32 {
    return min(select(first, second, upper), subgroupShuffleXor(select(second, first, upper), apart));
}

// After all readings of the block were put.
fn fold_parts(local: u32) {
    let by_one = (local & 1u) != 0u;
    let by_two = (local & 2u) != 0u;
    let by_four = (local & 4u) != 0u;
    let sum = sum_of_pair(
        sum_of_pair(
            sum_of_pair(slot_sums[0], slot_sums[4], 1u, by_one),
            sum_of_pair(slot_sums[2], slot_sums[6], 1u, by_one),
            2u,
            by_two,
        ),
        sum_of_pair(
            sum_of_pair(slot_sums[1], slot_sums[5], 1u, by_one),
            sum_of_pair(slot_sums[3], slot_sums[7], 1u, by_one),
            2u,
            by_two,
        ),
        4u,
        by_four,
    );
    let least = least_of_pair(
        least_of_pair(
            least_of_pair(slot_leasts[0], slot_leasts[4], 1u, by_one),
            least_of_pair(slot_leasts[2], slot_leasts[6], 1u, by_one),
            2u,
            by_two,
        ),
        least_of_pair(
            least_of_pair(slot_leasts[1], slot_leasts[5], 1u, by_one),
            least_of_pair(slot_leasts[3], slot_leasts[7], 1u, by_one),
            2u,
            by_two,
        ),
        4u,
        by_four,
    );
    let slot = select(0u, 4u, by_one) + select(0u, 2u, by_two) + select(0u, 1u, by_four);
    octets[slot * ROW + local / OCTET] = sum;
    octets[(SUMS + slot) * ROW + local / OCTET] = least;
}

// After all parts were folded: an octet takes a slot, an invocation two of its parts.
fn fold_whole(local: u32, at: u32) {
    let slot = local / OCTET;
    let first = slot * ROW + local % OCTET * 2u;
    var whole = combine(slot, octets[first], octets[first + 1u]);
    whole = combine(slot, whole, subgroupShuffleXor(whole, 1u));
    whole = combine(slot, whole, subgroupShuffleXor(whole, 2u));
    whole = combine(slot, whole, subgroupShuffleXor(whole, 4u));
    if local % OCTET == 0u {
        partials[at + slot] = whole;
    }
}
