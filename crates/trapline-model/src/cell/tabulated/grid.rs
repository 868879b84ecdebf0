//! Where a number lies in a table, and what the table says there: plain f32, the twin of `shaders/tables.wgsl`.

/// Bits of an f32 below its exponent.
pub(super) const MANTISSA_BITS: u32 = 23;
const MANTISSA: u32 = (1 << MANTISSA_BITS) - 1;

/// Four numbers that are loaded at once: an entry of a directory, or the coefficients of a cubic, constant first.
pub type Quad = [f32; 4];

/// Where a table lies in the numbers of a [`LawTables`](super::LawTables), and what goes before and after the
/// look-up. 32 bytes, of u32 and f32 alone, so that a uniform or storage buffer takes it as it is.
///
/// A curve reads `x` only.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct TableHeader {
    /// Bit patterns of the least and the largest argument; others are taken at the nearer end.
    pub low_x: u32,
    pub high_x: u32,
    pub low_y: u32,
    pub high_y: u32,
    /// Number of the quad that holds the directory's first entry.
    pub directory: u32,
    /// Entries of a row of the directory: octaves of y.
    pub octaves_y: u32,
    /// What is stored times this is the law's value.
    pub factor: f32,
    /// Largest stored value; the law stays there.
    pub most: f32,
}

impl TableHeader {
    /// The structure in WGSL.
    pub const WGSL: &'static str = "struct TableHeader {\n    low_x: u32,\n    high_x: u32,\n    low_y: u32,\n    high_y: u32,\n    \
        directory: u32,\n    octaves_y: u32,\n    factor: f32,\n    most: f32,\n}\n";
    /// Fields and their offsets in bytes.
    pub const OFFSETS: &'static [(&'static str, usize)] = &[
        ("low_x", std::mem::offset_of!(TableHeader, low_x)),
        ("high_x", std::mem::offset_of!(TableHeader, high_x)),
        ("low_y", std::mem::offset_of!(TableHeader, low_y)),
        ("high_y", std::mem::offset_of!(TableHeader, high_y)),
        ("directory", std::mem::offset_of!(TableHeader, directory)),
        ("octaves_y", std::mem::offset_of!(TableHeader, octaves_y)),
        ("factor", std::mem::offset_of!(TableHeader, factor)),
        ("most", std::mem::offset_of!(TableHeader, most)),
    ];

    /// The header for values in another unit: the law's value times `unit` comes out of the table, with one rounding
    /// more where `unit` is no power of two. So a rate of 1e-40 per second becomes the events of ten years and stays
    /// inside f32. The unit is that of the product with what the header has.
    pub fn times(&self, unit: f64) -> TableHeader {
        TableHeader { factor: (f64::from(self.factor) * unit) as f32, ..*self }
    }
}

/// Place in an octave that is cut into parts of `2^shift` bit patterns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub part: i32,
    /// Where in the part, -1/2 to 1/2: exact.
    pub s: f32,
}

/// `2^n` for -126 <= n <= 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << MANTISSA_BITS)
}

/// The place of a positive number.
#[inline(always)]
pub(super) fn place(bits: u32, shift: u32) -> Place {
    let within = bits & MANTISSA;
    let rest = within & ((1 << shift) - 1);
    Place { part: (within >> shift) as i32, s: rest as f32 * power_of_two(-(shift as i32)) - 0.5 }
}

/// The cubic of a quad.
#[inline(always)]
fn cubic(c: &Quad, s: f32) -> f32 {
    ((c[3] * s + c[2]) * s + c[1]) * s + c[0]
}

/// Bits of an argument's magnitude.
#[inline(always)]
fn magnitude(x: f32) -> u32 {
    x.to_bits() & 0x7fff_ffff
}

/// What a curve says at `|x|`; 0 at 0.
#[inline(always)]
pub fn curve(quads: &[Quad], header: &TableHeader, x: f32) -> f32 {
    let given = magnitude(x);
    let bits = given.max(header.low_x).min(header.high_x);
    let octave = (bits >> MANTISSA_BITS) - (header.low_x >> MANTISSA_BITS);
    let entry = &quads[(header.directory + octave) as usize];
    let at = place(bits, entry[1] as u32);
    let value = cubic(&quads[(entry[0] as i32 + at.part) as usize], at.s);
    let value = if value < header.most { value } else { header.most } * header.factor;
    if given == 0 { 0.0 } else { value }
}

/// What a surface says at `|x|` and `y`; 0 at x = 0.
#[inline(always)]
pub fn surface(quads: &[Quad], header: &TableHeader, x: f32, y: f32) -> f32 {
    let given = magnitude(x);
    let bits_x = given.max(header.low_x).min(header.high_x);
    let bits_y = magnitude(y).max(header.low_y).min(header.high_y);
    let octave_x = (bits_x >> MANTISSA_BITS) - (header.low_x >> MANTISSA_BITS);
    let octave_y = (bits_y >> MANTISSA_BITS) - (header.low_y >> MANTISSA_BITS);
    let entry = &quads[(header.directory + octave_x * header.octaves_y + octave_y) as usize];
    let at_x = place(bits_x, entry[1] as u32);
    let at_y = place(bits_y, entry[2] as u32);
    let first = (entry[0] as i32 + 4 * (at_x.part * entry[3] as i32 + at_y.part)) as usize;
    // Each quad is the cubic in y that multiplies one power of x.
    let c = [
        cubic(&quads[first], at_y.s),
        cubic(&quads[first + 1], at_y.s),
        cubic(&quads[first + 2], at_y.s),
        cubic(&quads[first + 3], at_y.s),
    ];
    let value = cubic(&c, at_x.s);
    let value = if value < header.most { value } else { header.most } * header.factor;
    if given == 0 { 0.0 } else { value }
}
