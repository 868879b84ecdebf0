// Moves cells through some segments of constant bias; the occupancy carries the state from dispatch to dispatch.
// Twin: crates/trapline-engine/src/backend/cpu/drive.rs. Which cells these are is told by tile_cells.wgsl or
// listed_cells.wgsl, what drives them by alike.wgsl or apart.wgsl, what is recorded by silent.wgsl or recording.wgsl,
// and how their electrons are taken by mean_field.wgsl or counted.wgsl.

@compute @workgroup_size(BLOCK)
fn drive(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let j = group_number(group, groups) * BLOCK + local;
    if j >= params.count {
        return;
    }
    let i = place_of(j);
    let cell = number_of(i);
    let cell_factors = Factors(factors[i], factors[params.cells + i], factors[2u * params.cells + i]);
    set_rates_of(i, cell_factors.log_size);
    load_cell(i);
    var speed = 1.0;
    var drawn = 0xFFFFFFFFu;
    for (var s = params.first_segment; s < params.last_segment; s += 1u) {
        tick();
        let segment = segment_of(s, i);
        if segment.pulses > 0u {
            take_up(fill_by(segment, cell, cell_factors.trap_filled));
            settle_after(segment, cell);
            continue;
        }
        if params.speed_sd > 0.0 && segment.offered > 0.0 && segment.cycle != drawn {
            speed = draw_speed(cell, segment.cycle);
            drawn = segment.cycle;
        }
        begin_segment(segment, cell_factors.trap_filled, speed);
        set_motion(segment, cell_factors.trap_filled, speed);
        for (var substep = 0u; substep < segment.substeps; substep += 1u) {
            tick();
            let uptake = average_uptake(segment.iterations);
            watch_substep(segment, uptake);
            move_on(uptake);
        }
        settle_after(segment, cell);
        end_segment(segment, cell_factors, j);
    }
    store_cell(i);
    report_ticks();
}
