// Multiplies and adds in eight chains of four numbers that do not wait for each other.

struct Given {
    factor: f32,
    term: f32,
    turns: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> given: Given;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn run(@builtin(global_invocation_id) id: vec3<u32>) {
    let factor = vec4<f32>(given.factor);
    let term = vec4<f32>(given.term);
    let start = vec4<f32>(f32(id.x), f32(id.x) + 1.0, f32(id.x) + 2.0, f32(id.x) + 3.0);
    var a = start;
    var b = start + 4.0;
    var c = start + 8.0;
    var d = start + 12.0;
    var e = start + 16.0;
    var f = start + 20.0;
    var g = start + 24.0;
    var h = start + 28.0;
    for (var turn = 0u; turn < given.turns; turn += 1u) {
        a = a * factor + term;
        b = b * factor + term;
        c = c * factor + term;
        d = d * factor + term;
        e = e * factor + term;
        f = f * factor + term;
        g = g * factor + term;
        h = h * factor + term;
    }
    let all = ((a + b) + (c + d)) + ((e + f) + (g + h));
    sums[id.x] = (all.x + all.y) + (all.z + all.w);
}
