// Solves the lines of a workgroup with the factors of network_factor.wgsl.

// Potential of the last cell of each chunk, by parallel cyclic reduction.
fn solve_last_cells(chunk: Chunk, local: u32, right: f32, passed_back: f32) -> f32 {
    current[local] = passed_back;
    workgroupBarrier();
    var a = ends[chunk.place];
    var c = 0.0;
    var e = ends[chunk.place + 1u];
    var b = right;
    if chunk.number + 1u < chunk.count {
        let next = chunk.place + 3u * chunk.step;
        c = ends[next];
        e += ends[next + 2u];
        b += current[local + chunk.step];
    }
    workgroupBarrier();
    for (var reach = 1u; reach < chunk.count; reach *= 2u) {
        before[local] = a;
        after[local] = c;
        ground[local] = e;
        current[local] = b;
        workgroupBarrier();
        var far_a = 0.0;
        var far_c = 0.0;
        if a > 0.0 && chunk.number >= reach {
            let other = local - reach * chunk.step;
            let share = a / (before[other] + after[other] + ground[other]);
            far_a = share * before[other];
            e += share * ground[other];
            b += share * current[other];
        }
        if c > 0.0 && chunk.number + reach < chunk.count {
            let other = local + reach * chunk.step;
            let share = c / (before[other] + after[other] + ground[other]);
            far_c = share * after[other];
            e += share * ground[other];
            b += share * current[other];
        }
        a = far_a;
        c = far_c;
        workgroupBarrier();
    }
    if e > 0.0 {
        return b / e;
    }
    return 0.0;
}

fn solve_line(chunk: Chunk, local: u32) {
    let link_here = link_before(chunk);
    var right = 0.0;
    var passed_back = 0.0;
    if chunk.first < chunk.end {
        var coupling = link_here;
        right = right_of(cell_of(chunk.line, chunk.first));
        for (var at = chunk.first; at + 1u < chunk.end; at += 1u) {
            let share = inverse[cell_of(chunk.line, at)];
            let onward = link(at) * share;
            passed_back += coupling * share * right;
            coupling *= onward;
            right = right_of(cell_of(chunk.line, at + 1u)) + onward * right;
        }
    }
    let last_v = solve_last_cells(chunk, local, right, passed_back);
    current[local] = last_v;
    workgroupBarrier();
    if chunk.first < chunk.end {
        right = right_of(cell_of(chunk.line, chunk.first));
        if link_here > 0.0 {
            right += link_here * current[local - chunk.step];
        }
        for (var at = chunk.first; at + 1u < chunk.end; at += 1u) {
            let cell = cell_of(chunk.line, at);
            hold(cell, right);
            right = right_of(cell_of(chunk.line, at + 1u)) + link(at) * inverse[cell] * right;
        }
        var volts = last_v;
        take(cell_of(chunk.line, chunk.end - 1u), volts);
        for (var left = chunk.end - 1u - chunk.first; left > 0u; left -= 1u) {
            let at = chunk.first + left - 1u;
            let cell = cell_of(chunk.line, at);
            volts = (held(cell) + link(at) * volts) * inverse[cell];
            take(cell, volts);
        }
    }
    workgroupBarrier();
}
