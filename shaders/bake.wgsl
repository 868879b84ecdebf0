// Bakes each cell of the tile through some visits, reads it at each, and reduces a block of cells to sums and counts.
// Which cells have failed is another file's: judge_kept.wgsl, judge_reading.wgsl or judge_first.wgsl.
// Twins: crates/trapline-engine/src/backend/cpu/bake.rs, read.rs and reduce.rs.
//
// One workgroup is one block. Its readings go through workgroup memory: slot by slot (sum, square, min and -max of
// each quantity) the block is folded by 8 invocations a slot, then those 8 by one. The order is fixed, so the tile
// does not matter.

const FOLDERS: u32 = BLOCK / SLOTS;
// A row a little longer than the block, so that folders of neighbouring slots read different banks.
const ROW: u32 = BLOCK + FOLDERS;

var<workgroup> readings: array<f32, SLOTS * ROW>;
var<workgroup> folded: array<f32, BLOCK>;
var<workgroup> local_counts: array<atomic<u32>, MAX_COUNTERS>;

// Stores one quantity of one cell for the fold.
fn put(q: u32, local: u32, x: f32, nominal: f32, inverse_scale: f32, counts: bool) {
    let d = select(0.0, (x - nominal) * inverse_scale, counts);
    readings[q * ROW + local] = d;
    readings[(QUANTITIES + q) * ROW + local] = d * d;
    readings[(2u * QUANTITIES + q) * ROW + local] = select(HUGE, x, counts);
    readings[(3u * QUANTITIES + q) * ROW + local] = select(HUGE, -x, counts);
}

// Counter of a value: 0 below the first bin, then the bins, last the ones above.
fn bin_of(value: f32, low: f32, per_unit: f32) -> u32 {
    let place = (value - low) * per_unit + 1.0;
    return u32(min(max(place, 0.0), f32(params.bins) + 1.0));
}

@compute @workgroup_size(BLOCK)
fn bake(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = group_number(group, groups);
    if block >= params.blocks {
        return;
    }
    // Invocations past the last cell compute it again and count for nothing.
    let here = block * BLOCK + local;
    let valid = here < params.count;
    let i = min(here, params.count - 1u);
    let width = params.bins + 2u;
    let counters = 3u * width + 2u;
    // Workgroup memory begins with anything. Everything else in it is written before it is read.
    for (var c = local; c < counters; c += BLOCK) {
        tick();
        atomicStore(&local_counts[c], 0u);
    }
    let start = start_bake(i);
    let area = factors[params.count + i];
    let programmed = valid && start > PROGRAMMED_FILLING;
    start_judging(i, area, start);
    let slot = local / FOLDERS;
    let folder = local % FOLDERS;
    workgroupBarrier();
    for (var v = params.first_visit; v < params.last_visit; v += 1u) {
        tick();
        let checkpoint = checkpoint_of(v);
        let seen = read_out(area, start, go_to_visit(v));
        let shift = nominal[checkpoint];
        put(0u, local, seen.conductance, shift.conductance, shift.conductance_scale, valid);
        put(1u, local, seen.filling, shift.filling, shift.filling_scale, valid);
        put(2u, local, seen.lost, shift.lost, shift.lost_scale, programmed);
        put(3u, local, seen.kept, shift.kept, shift.kept_scale, programmed);
        if valid {
            atomicAdd(&local_counts[bin_of(seen.conductance, params.conductance_low, params.conductance_per_unit)], 1u);
            atomicAdd(&local_counts[width + bin_of(seen.filling, params.filling_low, params.filling_per_unit)], 1u);
        }
        if programmed {
            atomicAdd(&local_counts[2u * width + bin_of(seen.kept, params.kept_low, params.kept_per_unit)], 1u);
            if has_failed(seen, checkpoint) {
                atomicAdd(&local_counts[3u * width], 1u);
            }
            atomicAdd(&local_counts[3u * width + 1u], 1u);
        }
        workgroupBarrier();
        var fold = readings[slot * ROW + folder];
        // As many turns as slots, a number that compilers unroll.
        for (var turn = 1u; turn < SLOTS; turn += 1u) {
            tick();
            fold = combine(slot, fold, readings[slot * ROW + turn * FOLDERS + folder]);
        }
        folded[local] = fold;
        for (var c = local; c < counters; c += BLOCK) {
            tick();
            let counted = atomicExchange(&local_counts[c], 0u);
            if counted > 0u {
                atomicAdd(&counts[checkpoint * counters + c], counted);
            }
        }
        workgroupBarrier();
        if local < SLOTS {
            var whole = folded[local * FOLDERS];
            for (var r = 1u; r < FOLDERS; r += 1u) {
                tick();
                whole = combine(local, whole, folded[local * FOLDERS + r]);
            }
            partials[(block * params.checkpoints + checkpoint) * SLOTS + local] = whole;
        }
    }
    if valid {
        end_bake(i);
        end_judging(i);
    }
    report_ticks();
}
