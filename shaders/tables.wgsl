// Laws of bias and temperature as tables. Twin: crates/trapline-model/src/cell/tabulated/grid.rs, same names and same
// order of steps. A
// kernel declares `tables`, an array<vec4<f32>>, and gets the structure TableHeader from TableHeader::WGSL.

struct TablePlace {
    part: i32,
    // Where in the part, -1/2 to 1/2: exact.
    s: f32,
}

// The place of a positive number in an octave that is cut into parts of 2^shift bit patterns.
fn table_place(bits: u32, shift: u32) -> TablePlace {
    let within = bits & 0x7fffffu;
    let rest = within & ((1u << shift) - 1u);
    return TablePlace(i32(within >> shift), f32(rest) * bitcast<f32>((127u - shift) << 23u) - 0.5);
}

fn table_cubic(c: vec4<f32>, s: f32) -> f32 {
    return ((c.w * s + c.z) * s + c.y) * s + c.x;
}

// What a curve says at |x|; 0 at 0.
fn table_curve(header: TableHeader, x: f32) -> f32 {
    let given = bitcast<u32>(x) & 0x7fffffffu;
    let bits = min(max(given, header.low_x), header.high_x);
    let octave = (bits >> 23u) - (header.low_x >> 23u);
    let entry = tables[header.directory + octave];
    let at = table_place(bits, u32(entry.y));
    let value = table_cubic(tables[u32(i32(entry.x) + at.part)], at.s);
    return select(min(value, header.most) * header.factor, 0.0, given == 0u);
}

// What a surface says at |x| and y; 0 at x = 0.
fn table_surface(header: TableHeader, x: f32, y: f32) -> f32 {
    let given = bitcast<u32>(x) & 0x7fffffffu;
    let bits_x = min(max(given, header.low_x), header.high_x);
    let bits_y = min(max(bitcast<u32>(y) & 0x7fffffffu, header.low_y), header.high_y);
    let octave_x = (bits_x >> 23u) - (header.low_x >> 23u);
    let octave_y = (bits_y >> 23u) - (header.low_y >> 23u);
    let entry = tables[header.directory + octave_x * header.octaves_y + octave_y];
    let at_x = table_place(bits_x, u32(entry.y));
    let at_y = table_place(bits_y, u32(entry.z));
    let first = u32(i32(entry.x) + 4 * (at_x.part * i32(entry.w) + at_y.part));
    // Each quad is the cubic in y that multiplies one power of x.
    let c = vec4<f32>(
        table_cubic(tables[first], at_y.s),
        table_cubic(tables[first + 1u], at_y.s),
        table_cubic(tables[first + 2u], at_y.s),
        table_cubic(tables[first + 3u], at_y.s),
    );
    return select(min(table_cubic(c, at_x.s), header.most) * header.factor, 0.0, given == 0u);
}
