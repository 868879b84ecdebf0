// The lines of a crossbar, each solved by the invocations of a workgroup.
//
// A row of a line's matrix is (a + c + e) x[i] = a x[i-1] + c x[i+1] + b: couplings to its neighbours and e, its own
// conductance to ground. What is carried along is e, never the diagonal, and nothing is subtracted: cells that conduct
// 1e-11 of what wires do keep all their digits. An invocation owns a chunk of neighbouring cells and eliminates all but
// the last; the last cells of all chunks are solved by parallel cyclic reduction (R. W. Hockney, J. ACM 12, 95 (1965))
// in the memory of the workgroup; then each goes back through its chunk.
//
// A kernel says what its right-hand side is (right_of), where a number waits between the two ways (hold, held), and what
// becomes of the solution (take).

var<workgroup> before: array<f32, GROUP>;
var<workgroup> after: array<f32, GROUP>;
var<workgroup> ground: array<f32, GROUP>;
var<workgroup> current: array<f32, GROUP>;

struct Chunk {
    line: u32,
    number: u32,
    // Chunks of a line.
    count: u32,
    // Its cells; none where first is end.
    first: u32,
    end: u32,
    // From an invocation to that of the next chunk of the line.
    step: u32,
    // Where its row of the matrix of last cells lies.
    place: u32,
}

fn lines_of_a_group() -> u32 {
    return GROUP / select(network.bit_chunks, network.word_chunks, ALONG_WORDS);
}

fn line_count() -> u32 {
    return select(network.cols, network.rows, ALONG_WORDS);
}

fn chunk_of(group: u32, local: u32) -> Chunk {
    var chunk: Chunk;
    chunk.count = select(network.bit_chunks, network.word_chunks, ALONG_WORDS);
    let lines = GROUP / chunk.count;
    // Neighbours in a workgroup read neighbours in memory.
    chunk.step = select(lines, 1u, ALONG_WORDS);
    chunk.number = select(local / lines, local % chunk.count, ALONG_WORDS);
    chunk.line = group * lines + select(local % lines, local / chunk.count, ALONG_WORDS);
    chunk.place = 3u * (group * GROUP + local);
    if chunk.line < line_count() {
        let length = select(network.bit_length, network.word_length, ALONG_WORDS);
        let cells = select(network.rows, network.cols, ALONG_WORDS);
        chunk.first = min(chunk.number * length, cells);
        chunk.end = min(chunk.first + length, cells);
    }
    return chunk;
}

fn cell_of(line: u32, at: u32) -> u32 {
    return select(at * network.cols + line, line * network.cols + at, ALONG_WORDS);
}

// Conductance of the segment before a chunk; 0 before the first.
fn link_before(chunk: Chunk) -> f32 {
    if chunk.number == 0u || chunk.first == chunk.end {
        return 0.0;
    }
    return link(chunk.first - 1u);
}

// Sum over the workgroup, in a fixed order.
fn sum_over_group(local: u32, value: f32) -> f32 {
    current[local] = value;
    workgroupBarrier();
    for (var reach = GROUP / 2u; reach > 0u; reach /= 2u) {
        if local < reach {
            current[local] += current[local + reach];
        }
        workgroupBarrier();
    }
    return current[0];
}
