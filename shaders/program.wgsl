// Moves each cell of the tile through some segments of a programming; the occupancy carries the state from dispatch to
// dispatch. Twin: src/backend/cpu/program.rs.

@compute @workgroup_size(BLOCK)
fn program(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_number(group, groups) * BLOCK + local;
    if i >= params.count {
        return;
    }
    let cell = cell_number(i);
    let trap_filled = variation[2u * params.count + i];
    set_rates(variation[i]);
    for (var k = 0u; k < CLASSES; k += 1u) {
        f[k] = occupancy[k * params.count + i];
    }
    var speed = 1.0;
    var drawn = 0xFFFFFFFFu;
    for (var s = params.first_segment; s < params.last_segment; s += 1u) {
        tick();
        let segment = segments[s];
        if params.speed_sd > 0.0 && segment.offered > 0.0 && segment.cycle != drawn {
            speed = draw_speed(cell, segment.cycle);
            drawn = segment.cycle;
        }
        set_motion(segment, trap_filled, speed);
        for (var substep = 0u; substep < segment.substeps; substep += 1u) {
            tick();
            advance(average_uptake(segment.iterations).average);
        }
    }
    for (var k = 0u; k < CLASSES; k += 1u) {
        occupancy[k * params.count + i] = f[k];
    }
    report_ticks();
}
