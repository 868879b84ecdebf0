// Bakes each cell of the tile through some visits, reads it at each, and reduces a block of cells to sums and counts.
// Which cells have failed is another file's: judge_kept.wgsl, judge_reading.wgsl or judge_first.wgsl.
// Twins: crates/trapline-engine/src/backend/cpu/bake.rs, read.rs and reduce.rs.
//
// One workgroup is one block, which is folded slot by slot (sum, square, min and -max of each quantity) as
// fold_shared.wgsl or fold_subgroups.wgsl do it. The order is fixed, so the tile does not matter.

var<workgroup> local_counts: array<atomic<u32>, MAX_COUNTERS>;

// What of one quantity of one cell is folded.
fn reading_of(x: f32, nominal: f32, inverse_scale: f32, counts: bool) -> Put {
    let d = select(0.0, (x - nominal) * inverse_scale, counts);
    return Put(d, d * d, select(HUGE, x, counts), select(HUGE, -x, counts));
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
    workgroupBarrier();
    if programmed {
        atomicAdd(&local_counts[counters - 1u], 1u);
    }
    workgroupBarrier();
    // The last counter is the same at every visit.
    let all_programmed = atomicLoad(&local_counts[counters - 1u]);
    for (var v = params.first_visit; v < params.last_visit; v += 1u) {
        tick();
        let checkpoint = checkpoint_of(v);
        let seen = read_out(area, start, go_to_visit(v));
        let shift = nominal[checkpoint];
        put(0u, local, reading_of(seen.conductance, shift.conductance, shift.conductance_scale, valid));
        put(1u, local, reading_of(seen.filling, shift.filling, shift.filling_scale, valid));
        put(2u, local, reading_of(seen.lost, shift.lost, shift.lost_scale, programmed));
        put(3u, local, reading_of(seen.kept, shift.kept, shift.kept_scale, programmed));
        if valid {
            atomicAdd(&local_counts[bin_of(seen.conductance, params.conductance_low, params.conductance_per_unit)], 1u);
            atomicAdd(&local_counts[width + bin_of(seen.filling, params.filling_low, params.filling_per_unit)], 1u);
        }
        if programmed {
            atomicAdd(&local_counts[2u * width + bin_of(seen.kept, params.kept_low, params.kept_per_unit)], 1u);
            if has_failed(seen, checkpoint) {
                atomicAdd(&local_counts[3u * width], 1u);
            }
        }
        workgroupBarrier();
        fold_parts(local);
        for (var c = local; c < counters - 1u; c += BLOCK) {
            tick();
            let counted = atomicExchange(&local_counts[c], 0u);
            if counted > 0u {
                atomicAdd(&counts[checkpoint * counters + c], counted);
            }
        }
        if local == 0u && all_programmed > 0u {
            atomicAdd(&counts[checkpoint * counters + counters - 1u], all_programmed);
        }
        workgroupBarrier();
        fold_whole(local, (block * params.checkpoints + checkpoint) * SLOTS);
    }
    if valid {
        end_bake(i);
        end_judging(i);
    }
    report_ticks();
}
