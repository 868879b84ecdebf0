// The steps of the lines as a potential of each line and drops from it. Potentials in f32 know the differences between
// neighbours, which drive the currents of wires, to 1e-7 of the potential only; a line that floats, or hangs on a large
// resistance, is far from its reference all along while it drops little. So each line is solved once more for what it
// differs from its first cell: word lines into q, from the bit lines' potentials x; bit lines into x, from word lines'
// references and drops.

var<private> reference: f32;

fn right_of(cell: u32) -> f32 {
    let row = cell / network.cols;
    let col = cell % network.cols;
    let line = select(col, row, ALONG_WORDS);
    let at = select(row, col, ALONG_WORDS);
    var end = 0.0;
    if at == 0u {
        end += near_end(line);
    }
    if at + 1u == select(network.rows, network.cols, ALONG_WORDS) {
        end += far_end(line);
    }
    var difference: f32;
    if ALONG_WORDS {
        difference = x[cell] - reference;
    } else {
        difference = q[cell] + (references[row] - reference);
    }
    return right[cell] + cells[cell] * difference - end * reference;
}

fn hold(cell: u32, value: f32) {
    if ALONG_WORDS {
        q[cell] = value;
    } else {
        x[cell] = value;
    }
}

fn held(cell: u32) -> f32 {
    if ALONG_WORDS {
        return q[cell];
    }
    return x[cell];
}

fn take(cell: u32, volts: f32) {
    hold(cell, volts);
}

@compute @workgroup_size(GROUP)
fn run(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = number_of(group_id, groups);
    if group * lines_of_a_group() >= line_count() {
        return;
    }
    let chunk = chunk_of(group, local);
    reference = 0.0;
    if chunk.line < line_count() {
        reference = held(cell_of(chunk.line, 0u));
        if chunk.number == 0u {
            references[chunk.line + select(network.rows, 0u, ALONG_WORDS)] = reference;
        }
    }
    // The reference is read before anything is held in its place.
    storageBarrier();
    solve_line(chunk, local);
}
