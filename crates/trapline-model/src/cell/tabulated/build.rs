//! Tables from functions: cubics through Chebyshev's points, in as few parts of an octave as the error allows.

use super::LawTableError;
use super::axis::{Axis, argument};
use super::grid::{self, MANTISSA_BITS, Quad, TableHeader};

/// Largest relative error of a curve. Its roundings, of the constant and of the last addition, are 1.2e-7 together;
/// the cubic gets the rest.
pub const CURVE_ERROR: f64 = 2.2e-7;
/// Largest relative error of a surface, whose cubics round once more.
pub const SURFACE_ERROR: f64 = 4e-7;
/// Largest relative error of a product: a surface's, a curve's and one rounding, 6e-8. All tables promise 1e-6; the
/// rest is room for a device that rounds worse, and for points between those that are tested.
pub const PRODUCT_ERROR: f64 = 7e-7;
/// Largest error that one of a surface's two directions has of its cubic alone.
const CUBIC_ERROR: f64 = 7e-8;
/// Most halvings of an octave.
pub const MOST_HALVINGS: u32 = 16;
/// Largest size of all tables, bytes: numbers of quads are then whole numbers that f32 holds.
pub const MOST_BYTES: usize = 256 << 20;
/// What is stored is 2^64 at most: whatever is above 1e-45 of it then has all digits of an f32.
const STORED_EXPONENT: i32 = 64;
/// Stored values below this may be 0. Its cubic's coefficients are still normal numbers, which no device takes for 0.
const FLOOR: f64 = 1.0 / (1u128 << 100) as f64;
/// Chebyshev's four points of a part, and its ends.
struct Nodes {
    points: [f64; 4],
    /// Coefficients, constant first, of the cubic that is 1 at a point and 0 at the others.
    basis: [[f64; 4]; 4],
}

impl Nodes {
    fn new() -> Nodes {
        let points = [7.0, 5.0, 3.0, 1.0].map(|k: f64| 0.5 * libm::cos(k * std::f64::consts::PI / 8.0));
        let mut basis = [[1.0, 0.0, 0.0, 0.0]; 4];
        for (j, cubic) in basis.iter_mut().enumerate() {
            for (_, &root) in points.iter().enumerate().filter(|(i, _)| *i != j) {
                // Times (s - root)/(point - root).
                let over = 1.0 / (points[j] - root);
                for power in (0..4).rev() {
                    let lower = if power > 0 { cubic[power - 1] } else { 0.0 };
                    cubic[power] = (lower - root * cubic[power]) * over;
                }
            }
        }
        Nodes { points, basis }
    }

    /// The cubic through four values.
    fn fit(&self, values: [f64; 4]) -> [f64; 4] {
        let mut cubic = [0.0; 4];
        for (value, basis) in values.iter().zip(&self.basis) {
            for (power, of_basis) in cubic.iter_mut().zip(basis) {
                *power += value * of_basis;
            }
        }
        cubic
    }
}

fn cubic(c: &[f64; 4], s: f64) -> f64 {
    ((c[3] * s + c[2]) * s + c[1]) * s + c[0]
}

/// A law to be tabulated.
pub struct Law<F, G> {
    /// Its name in errors.
    pub name: &'static str,
    /// The law on its range.
    pub value: F,
    /// The same without bends, a little past the range's ends, as a cubic can follow it.
    pub smooth: G,
    /// Where the law stays, however large its function becomes.
    pub most: f64,
}

/// Relative difference between a table and a law; what the law has below the floor may be anything below it.
fn difference(table: f64, law: f64) -> f64 {
    if law >= FLOOR {
        let relative = (table / law - 1.0).abs();
        return if relative.is_nan() { f64::INFINITY } else { relative };
    }
    // A cubic near the floor may cross 0.
    if table.abs() <= FLOOR * (1.0 + PRODUCT_ERROR) { 0.0 } else { f64::INFINITY }
}

/// The exponent of the factor between a law and what is stored of it.
fn scale(largest: f64) -> i32 {
    if largest <= 0.0 {
        return 0;
    }
    let exponent = libm::ilogb(largest);
    // The factor is a normal f32 as long as the law itself is, and of smaller laws a number still: what it is times a
    // unit is none of the smallest.
    (STORED_EXPONENT - exponent).min(if exponent >= -126 { 126 } else { 149 })
}

/// Where a piece of a table goes.
pub struct Target {
    /// Quad of its entry in the directory.
    pub entry: usize,
    /// A law's value times two to the power of this is stored.
    pub exponent: i32,
    pub header: TableHeader,
}

/// Tables in one list of quads.
pub struct Builder {
    pub quads: Vec<Quad>,
    nodes: Nodes,
}

impl Builder {
    pub fn new() -> Builder {
        Builder { quads: Vec::new(), nodes: Nodes::new() }
    }

    fn header(&self, x: Axis, y: Axis, exponent: i32, most: f64) -> TableHeader {
        let most = libm::scalbn(most, exponent);
        TableHeader {
            low_x: x.low,
            high_x: x.high,
            low_y: y.low,
            high_y: y.high,
            directory: self.quads.len() as u32,
            octaves_y: y.octaves().count() as u32,
            factor: libm::scalbn(1.0, -exponent) as f32,
            most: if most < f64::from(f32::MAX) { most as f32 } else { f32::MAX },
        }
    }

    /// Room for one more piece of a table.
    fn room(&self, law: &'static str, quads: usize) -> Result<(), LawTableError> {
        let bytes = (self.quads.len() + quads) * size_of::<Quad>();
        if bytes > MOST_BYTES { Err(LawTableError::TooLarge { law, bytes }) } else { Ok(()) }
    }

    /// The table of a law of one number.
    pub fn curve(
        &mut self,
        law: &Law<impl Fn(f64) -> f64, impl Fn(f64) -> f64>,
        axis: Axis,
    ) -> Result<TableHeader, LawTableError> {
        let mut largest = 0.0f64;
        for x in axis.octaves().flat_map(|octave| axis.points(octave, 64)).map(f64::from) {
            let value = (law.value)(x);
            if !value.is_finite() {
                return Err(LawTableError::NotFinite { law: law.name, x, y: None });
            }
            largest = largest.max(value);
        }
        let exponent = scale(largest.min(law.most));
        let header = self.header(axis, Axis { low: 0, high: 0 }, exponent, law.most);
        let first_entry = self.quads.len();
        self.quads.resize(first_entry + axis.octaves().count(), [0.0; 4]);
        for (number, octave) in axis.octaves().enumerate() {
            let mut error = 0.0;
            let mut fits = false;
            for halvings in 0..=MOST_HALVINGS {
                let first = self.quads.len();
                error = self.curve_octave(
                    law,
                    &Target { entry: first_entry + number, exponent, header },
                    octave,
                    halvings,
                )?;
                fits = error <= CURVE_ERROR;
                if fits {
                    break;
                }
                self.quads.truncate(first);
            }
            if !fits {
                let (from, to) = (argument(octave, 0, 23, -0.5), argument(octave, 0, 23, 0.5));
                return Err(LawTableError::TooFine { law: law.name, from, to, parts: 1 << MOST_HALVINGS, error });
            }
        }
        Ok(header)
    }

    /// Appends an octave of a curve, cut so many times into halves, and gives its largest error.
    pub fn curve_octave(
        &mut self,
        law: &Law<impl Fn(f64) -> f64, impl Fn(f64) -> f64>,
        target: &Target,
        octave: u32,
        halvings: u32,
    ) -> Result<f64, LawTableError> {
        let Target { entry, exponent, ref header } = *target;
        let axis = Axis { low: header.low_x, high: header.high_x };
        let shift = MANTISSA_BITS - halvings;
        let parts = axis.parts(octave, shift);
        self.room(law.name, parts.clone().count())?;
        let origin = self.quads.len() as i64 - i64::from(*parts.start());
        self.quads[entry] = [origin as f32, shift as f32, 0.0, 0.0];
        let most = libm::scalbn(law.most, exponent);
        let stored = |x: f64| libm::scalbn((law.smooth)(x), exponent);
        for part in parts.clone() {
            let quad = if axis.single() {
                [stored(argument_of(axis)).min(most), 0.0, 0.0, 0.0]
            } else {
                let values = self.nodes.points.map(|s| stored(argument(octave, part, shift, s)));
                let ends = [-0.5, 0.5].map(|s| stored(argument(octave, part, shift, s)));
                match plain(values.iter().chain(&ends), most) {
                    Some(constant) => [constant, 0.0, 0.0, 0.0],
                    None => self.nodes.fit(values),
                }
            };
            self.quads.push(quad.map(|c| c as f32));
        }
        let unscaled = TableHeader { factor: 1.0, ..*header };
        let mut error = 0.0f64;
        // Enough that the four bends of a cubic's error are not missed.
        let count = if halvings > 6 { 9 } else { 33 };
        for x in parts.flat_map(|part| axis.points_of(octave, part, shift, count)) {
            let expected = libm::scalbn((law.value)(f64::from(x)).min(law.most), exponent);
            error = error.max(difference(f64::from(grid::curve(&self.quads, &unscaled, x)), expected));
            if error > CURVE_ERROR {
                break;
            }
        }
        Ok(error)
    }

    /// The table of a law of two numbers.
    pub fn surface(
        &mut self,
        law: &Law<impl Fn(f64, f64) -> f64, impl Fn(f64, f64) -> f64>,
        x_axis: Axis,
        y_axis: Axis,
    ) -> Result<TableHeader, LawTableError> {
        let mut largest = 0.0f64;
        for x in x_axis.octaves().flat_map(|octave| x_axis.points(octave, 9)).map(f64::from) {
            for y in y_axis.octaves().flat_map(|octave| y_axis.points(octave, 9)).map(f64::from) {
                let value = (law.value)(x, y);
                if !value.is_finite() {
                    return Err(LawTableError::NotFinite { law: law.name, x, y: Some(y) });
                }
                largest = largest.max(value);
            }
        }
        let exponent = scale(largest.min(law.most));
        let header = self.header(x_axis, y_axis, exponent, law.most);
        let mut entry = self.quads.len();
        self.quads.resize(entry + x_axis.octaves().count() * y_axis.octaves().count(), [0.0; 4]);
        for octave_x in x_axis.octaves() {
            for octave_y in y_axis.octaves() {
                self.surface_octaves(law, &Target { entry, exponent, header }, octave_x, octave_y)?;
                entry += 1;
            }
        }
        Ok(header)
    }

    /// Appends an octave by an octave of a surface.
    fn surface_octaves(
        &mut self,
        law: &Law<impl Fn(f64, f64) -> f64, impl Fn(f64, f64) -> f64>,
        target: &Target,
        octave_x: u32,
        octave_y: u32,
    ) -> Result<(), LawTableError> {
        let Target { entry, exponent, ref header } = *target;
        let x_axis = Axis { low: header.low_x, high: header.high_x };
        let y_axis = Axis { low: header.low_y, high: header.high_y };
        let stored = |x: f64, y: f64| libm::scalbn((law.smooth)(x, y), exponent);
        // Each direction for itself, on three lines across it; where both together are not enough, both are halved
        // again.
        let mut halvings_x = {
            let lines: Vec<f64> = y_axis.points(octave_y, 3).map(f64::from).collect();
            self.halvings(x_axis, octave_x, |x, line| stored(x, lines[line]))
        };
        let mut halvings_y = {
            let lines: Vec<f64> = x_axis.points(octave_x, 3).map(f64::from).collect();
            self.halvings(y_axis, octave_y, |y, line| stored(lines[line], y))
        };
        let first = self.quads.len();
        let mut error = f64::INFINITY;
        while halvings_x <= MOST_HALVINGS && halvings_y <= MOST_HALVINGS {
            let (shift_x, shift_y) = (MANTISSA_BITS - halvings_x, MANTISSA_BITS - halvings_y);
            let (parts_x, parts_y) = (x_axis.parts(octave_x, shift_x), y_axis.parts(octave_y, shift_y));
            let row = parts_y.clone().count();
            self.room(law.name, 4 * row * parts_x.clone().count())?;
            // The place that part 0, 0 has or would have.
            let before = 4 * (i64::from(*parts_x.start()) * row as i64 + i64::from(*parts_y.start()));
            let origin = first as i64 - before;
            if origin.abs() > 1 << (f32::MANTISSA_DIGITS) {
                return Err(LawTableError::TooLarge { law: law.name, bytes: before as usize * size_of::<Quad>() });
            }
            self.quads[entry] = [origin as f32, shift_x as f32, shift_y as f32, row as f32];
            for part_x in parts_x.clone() {
                for part_y in parts_y.clone() {
                    self.push_patch(
                        &stored,
                        (x_axis, octave_x, part_x, shift_x),
                        (y_axis, octave_y, part_y, shift_y),
                        libm::scalbn(law.most, exponent),
                    );
                }
            }
            let unscaled = TableHeader { factor: 1.0, ..*header };
            error = 0.0;
            'tested: for part_x in parts_x.clone() {
                for x in x_axis.points_of(octave_x, part_x, shift_x, 7) {
                    for y in parts_y.clone().flat_map(|part| y_axis.points_of(octave_y, part, shift_y, 7)) {
                        let value = (law.value)(f64::from(x), f64::from(y)).min(law.most);
                        let table = grid::surface(&self.quads, &unscaled, x, y);
                        error = difference(f64::from(table), libm::scalbn(value, exponent)).max(error);
                        if error > SURFACE_ERROR {
                            break 'tested;
                        }
                    }
                }
            }
            if error <= SURFACE_ERROR {
                return Ok(());
            }
            self.quads.truncate(first);
            halvings_x += u32::from(!x_axis.single());
            halvings_y += u32::from(!y_axis.single());
            if x_axis.single() && y_axis.single() {
                break;
            }
        }
        let (from, to) = (argument(octave_x, 0, 23, -0.5), argument(octave_x, 0, 23, 0.5));
        Err(LawTableError::TooFine { law: law.name, from, to, parts: 1 << MOST_HALVINGS, error })
    }

    /// Halvings of an octave after which cubics along three lines are good enough; one more than there may be where
    /// none are.
    fn halvings(&self, axis: Axis, octave: u32, stored: impl Fn(f64, usize) -> f64) -> u32 {
        if axis.single() {
            return 0;
        }
        let good = |halvings: &u32| {
            let shift = MANTISSA_BITS - halvings;
            axis.parts(octave, shift).all(|part| {
                (0..3).all(|line| {
                    let values = self.nodes.points.map(|s| stored(argument(octave, part, shift, s), line));
                    let fitted = self.nodes.fit(values);
                    [-0.5, -0.35, 0.0, 0.35, 0.5].iter().all(|&s| {
                        let value = stored(argument(octave, part, shift, s), line);
                        value < FLOOR || (cubic(&fitted, s) / value - 1.0).abs() <= CUBIC_ERROR
                    })
                })
            })
        };
        (0..=MOST_HALVINGS).find(good).unwrap_or(MOST_HALVINGS + 1)
    }

    fn push_patch(
        &mut self,
        stored: &impl Fn(f64, f64) -> f64,
        (x_axis, octave_x, part_x, shift_x): (Axis, u32, u32, u32),
        (y_axis, octave_y, part_y, shift_y): (Axis, u32, u32, u32),
        most: f64,
    ) {
        let places = |axis: Axis, octave: u32, part: u32, shift: u32| {
            if axis.single() {
                [argument_of(axis); 4]
            } else {
                self.nodes.points.map(|s| argument(octave, part, shift, s))
            }
        };
        // Of one argument the cubic is its constant.
        let fit = |axis: Axis, values: [f64; 4]| {
            if axis.single() { [values[0], 0.0, 0.0, 0.0] } else { self.nodes.fit(values) }
        };
        let xs = places(x_axis, octave_x, part_x, shift_x);
        let ys = places(y_axis, octave_y, part_y, shift_y);
        let values = xs.map(|x| ys.map(|y| stored(x, y)));
        let patch = match plain(values.iter().flatten(), most) {
            Some(constant) => {
                let mut patch = [[0.0; 4]; 4];
                patch[0][0] = constant;
                patch
            }
            None => {
                let along_y = values.map(|row| fit(y_axis, row));
                let mut patch = [[0.0; 4]; 4];
                for power_y in 0..4 {
                    let along_x = fit(x_axis, [0, 1, 2, 3].map(|node| along_y[node][power_y]));
                    for (row, coefficient) in patch.iter_mut().zip(along_x) {
                        row[power_y] = coefficient;
                    }
                }
                patch
            }
        };
        self.quads.extend(patch.map(|row| row.map(|c| c as f32)));
    }
}

fn argument_of(axis: Axis) -> f64 {
    f64::from(f32::from_bits(axis.low))
}

/// The constant that stands for a part of which all values are far below the floor, so that nothing between them is
/// above it, or all where the law stays.
fn plain<'a>(mut values: impl Iterator<Item = &'a f64> + Clone, most: f64) -> Option<f64> {
    if values.clone().all(|&value| value < FLOOR / 16.0) {
        return Some(0.0);
    }
    values.all(|&value| value >= most).then_some(most)
}
