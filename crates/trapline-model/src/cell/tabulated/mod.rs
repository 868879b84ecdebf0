//! What a bias and a temperature do to a cell, as tables that f32 kernels read.
//!
//! # Theory
//! Where the cells of an array differ in bias or temperature, a kernel cannot be given the laws' values: it has to look
//! them up. The tables here are made on the host from the f64 functions of [`current`], [`capture`] and [`release`],
//! and differ from them by less than 1e-6 of the value, where the value is above 1e-30 of the largest one in the range.
//!
//! An argument is a positive f32, of which the octave `[2^e, 2^(e+1))` and the place in it are read from the bits.
//! The octave is cut into `2^m` equal parts, and in each the law is a cubic of `s`, the place in the part from -1/2
//! to 1/2. All of `s` is exact. This matters: at `exp(-b/a)` with `b/a = 69` a rounding of the coordinate would
//! return 69 times as large. `m` is chosen for each octave by itself, as the smallest that meets the tolerance at a
//! dense set of points: field release needs 512 parts an octave at 1 V, and every law needs a single one at a
//! nanovolt, where it is a straight line. So the biases of an array with wires, which reach down to nothing, cost no
//! more than those of its driven cells.
//!
//! ```text
//! injected(a, T) = I(a) B(T)               two curves
//! offered(V, T)  = O+(a) B(T), O-(a) B(T)  by the sign of V
//! hopping(a, T)  = H(a, T) A(T)            a surface, in each part a cubic of a times one of T, and a curve
//! field(V) for V < 0; thermal_k(T), background(T), 1/kT: curves
//! ```
//!
//! Heat changes injection by a factor that no bias enters, [`current::thermal_factor`], so that a product of two
//! curves takes the place of a surface: a thousandth of its size, and less error. Hopping is no product, but most of
//! what heat does to it is: the surface has what is left, `g a exp(beta(T) sqrt(a))`, which hardly knows the
//! temperature where the bias is small. (Where one of the two leaves what a table can hold, in a range that is as hot
//! as it is cold, the surface is the whole law and the curve is 1.) The products are tested against the laws whenever
//! tables are made ([`LawTableError::NotAProduct`]). Values are stored, no logarithms, of which f32 cannot hold the
//! digits. They are stored times a power of two, 2^64 at most, so that f32 holds rates of 1e-40 per second;
//! [`TableHeader::times`] brings them into the unit that a kernel wants. Rates stay at [`MOST_PER_S`].
//!
//! Neighbouring parts differ by a rounding or two where they meet: a law that rises does not do so from each f32 to
//! the next. The space-charge limit is no part of the tables: it is a line in `|V|` with two bends, and the cell's
//! own factor is in it.
//!
//! # Practice
//! [`LawTables::build`] takes the material and the ranges that really occur, of the f32 arguments.
//! [`LawTables::numbers`] is one list for all tables, an `array<vec4<f32>>` on a device; each law is a
//! [`TableHeader`] into it. `shaders/tables.wgsl` is the twin of [`curve`] and [`surface`]. Nothing is fused and no
//! operation is left to a library: the bits are the same on every processor.

mod axis;
mod build;
mod grid;

pub use grid::{Quad, TableHeader, curve, surface};

use super::{capture, current, release};
use crate::material::{Hopping, Material};
use crate::units::thermal_energy_ev;
use axis::Axis;
use build::{Builder, Law, PRODUCT_ERROR};

/// Rates of release stay here, 1/s: what is let go so fast is empty after any time.
pub const MOST_PER_S: f64 = 1e30;

/// Magnitudes of the biases that occur, V: least and largest, for each sign that does.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BiasRange {
    pub positive: Option<(f32, f32)>,
    pub negative: Option<(f32, f32)>,
}

impl BiasRange {
    /// The range of some biases, V, as f32 has them; 0 counts for neither sign.
    ///
    /// # Errors
    /// [`LawTableError::Bias`] where one is no finite number of f32.
    pub fn of(biases_v: impl IntoIterator<Item = f64>) -> Result<BiasRange, LawTableError> {
        let mut range = BiasRange::default();
        for bias_v in biases_v {
            let a_v = bias_v.abs() as f32;
            if !a_v.is_finite() {
                return Err(LawTableError::Bias { bias_v });
            }
            let side = if bias_v < 0.0 { &mut range.negative } else { &mut range.positive };
            if a_v > 0.0 {
                let (least, most) = side.unwrap_or((a_v, a_v));
                *side = Some((least.min(a_v), most.max(a_v)));
            }
        }
        Ok(range)
    }

    /// Whether it reaches as far as another.
    pub fn holds(&self, other: &BiasRange) -> bool {
        let side = |of: Option<(f32, f32)>, other: Option<(f32, f32)>| match (of, other) {
            (_, None) => true,
            (Some((least, most)), Some((low, high))) => least <= low && high <= most,
            (None, Some(_)) => false,
        };
        side(self.positive, other.positive) && side(self.negative, other.negative)
    }

    fn check(&self) -> Result<(), LawTableError> {
        for (least, most) in self.positive.iter().chain(&self.negative) {
            if !(least.is_finite() && most.is_finite() && *least >= 0.0 && least <= most) {
                return Err(LawTableError::Bias { bias_v: f64::from(if *least >= 0.0 { *most } else { *least }) });
            }
        }
        Ok(())
    }

    /// Of both signs together.
    fn either(&self) -> Option<(f32, f32)> {
        let join = |a: (f32, f32), b: (f32, f32)| (a.0.min(b.0), a.1.max(b.1));
        match (self.positive, self.negative) {
            (Some(a), Some(b)) => Some(join(a, b)),
            (a, b) => a.or(b),
        }
    }
}

/// Temperatures that occur, K.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureRange {
    pub least_k: f32,
    pub most_k: f32,
}

impl TemperatureRange {
    /// The range of some temperatures, K, as f32 has them.
    ///
    /// # Errors
    /// [`LawTableError::Temperature`] where one is no positive number of f32, or there is none.
    pub fn of(temperatures_k: impl IntoIterator<Item = f64>) -> Result<TemperatureRange, LawTableError> {
        let mut range: Option<TemperatureRange> = None;
        for temperature_k in temperatures_k {
            let t = temperature_k as f32;
            if !(t.is_normal() && t > 0.0) {
                return Err(LawTableError::Temperature { temperature_k });
            }
            let TemperatureRange { least_k, most_k } = range.unwrap_or(TemperatureRange { least_k: t, most_k: t });
            range = Some(TemperatureRange { least_k: least_k.min(t), most_k: most_k.max(t) });
        }
        range.ok_or(LawTableError::Temperature { temperature_k: f64::NAN })
    }

    /// Whether it reaches as far as another.
    pub fn holds(&self, other: &TemperatureRange) -> bool {
        self.least_k <= other.least_k && other.most_k <= self.most_k
    }

    fn check(&self) -> Result<(), LawTableError> {
        let sound =
            self.least_k.is_normal() && self.least_k > 0.0 && self.most_k.is_finite() && self.least_k <= self.most_k;
        let worse = if self.least_k.is_normal() && self.least_k > 0.0 { self.most_k } else { self.least_k };
        if sound { Ok(()) } else { Err(LawTableError::Temperature { temperature_k: f64::from(worse) }) }
    }
}

/// Why there are no tables.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LawTableError {
    #[error(
        "a bias of {bias_v} V is in the range of the law tables; it must be a finite number, and least at most largest"
    )]
    Bias { bias_v: f64 },
    #[error(
        "a temperature of {temperature_k} K is in the range of the law tables; it must be a number above 0, and least at most largest"
    )]
    Temperature { temperature_k: f64 },
    #[error("{law} is no finite number at {x}{}", .y.map_or_else(String::new, |y| format!(" and {y}")))]
    NotFinite { law: &'static str, x: f64, y: Option<f64> },
    #[error(
        "{law} changes too fast from {from} to {to} for a table: it is off by {error:.1e} of itself with {parts} parts; narrow the range of \
         biases or temperatures"
    )]
    TooFine { law: &'static str, from: f64, to: f64, parts: u32, error: f64 },
    #[error(
        "{law} needs a table of {bytes} bytes; all tables together may have {}; narrow the range of biases or temperatures",
        build::MOST_BYTES
    )]
    TooLarge { law: &'static str, bytes: usize },
    #[error(
        "{law} is no product of a law of bias and one of temperature: at {bias_v} V and {temperature_k} K it is off by {error:.1e}"
    )]
    NotAProduct { law: &'static str, bias_v: f64, temperature_k: f64, error: f64 },
}

/// The laws of a material over ranges of bias and temperature.
///
/// Arguments outside the ranges are taken at the nearer end; a sign that does not occur offers and frees nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct LawTables {
    quads: Vec<Quad>,
    /// Curve of `|V|`: injected current at the reference temperature, A.
    pub injected: TableHeader,
    /// Curve of T: factor of heat on all injection.
    pub heat: TableHeader,
    /// Curves of `|V|`: electrons offered, at the reference temperature, 1/s, under positive and under negative bias.
    pub offered_positive: TableHeader,
    pub offered_negative: TableHeader,
    /// Surface of `|V|` and T, A, and curve of T: their product is the hopping current.
    pub hopping: TableHeader,
    pub hopping_heat: TableHeader,
    /// Curve of `|V|` for V < 0: field release of a class of speed 1, 1/s.
    pub field: TableHeader,
    /// Curves of T: thermal escape of each class of the nominal cell, 1/s.
    pub thermal: Vec<TableHeader>,
    /// Curve of T: release of all traps alike, 1/s.
    pub background: TableHeader,
    /// Curve of T: 1/kT, 1/eV.
    pub per_ev: TableHeader,
}

impl LawTables {
    /// The tables of a material for the biases and temperatures that occur.
    ///
    /// # Errors
    /// Ranges that are none, a law that is infinite in them or changes too fast for a table, tables larger than
    /// 256 MiB.
    pub fn build(
        material: &Material,
        biases: BiasRange,
        temperatures: TemperatureRange,
    ) -> Result<LawTables, LawTableError> {
        biases.check()?;
        temperatures.check()?;
        let reference_k = current::injection_k(material);
        let axis =
            |range: Option<(f32, f32)>| range.map_or(Axis::new(0.0, 0.0), |(least, most)| Axis::new(least, most));
        let (either, positive, negative) = (axis(biases.either()), axis(biases.positive), axis(biases.negative));
        let t_axis = Axis::new(temperatures.least_k, temperatures.most_k);
        let mut builder = Builder::new();
        let mut of = |name: &'static str, axis: Axis, most: f64, law: &dyn Fn(f64) -> f64| {
            builder.curve(&Law { name, value: law, smooth: law, most }, axis)
        };
        let endless = f64::INFINITY;
        let occurs = |range: Option<(f32, f32)>, value: f64| if range.is_some() { value } else { 0.0 };
        let injected = of("the injected current", either, endless, &|a| {
            if biases.either().is_some() { current::injected_a(material, a, reference_k) } else { 0.0 }
        })?;
        let offered = |a: f64, range: Option<(f32, f32)>, sign: f64| {
            occurs(range, capture::offered_per_s(material, sign * a, reference_k))
        };
        let offered_positive =
            of("the offer under positive bias", positive, endless, &|a| offered(a, biases.positive, 1.0))?;
        let offered_negative =
            of("the offer under negative bias", negative, endless, &|a| offered(a, biases.negative, -1.0))?;
        let field = of("field release", negative, MOST_PER_S, &|a| {
            occurs(biases.negative, release::field_per_s(material.field_release.as_ref(), -a))
        })?;
        let escape = |depth_ev: f64, t: f64| release::thermal_per_s(material.attempt_per_s, depth_ev, t);
        let thermal = material
            .classes
            .iter()
            .map(|class| of("thermal escape", t_axis, MOST_PER_S, &|t| escape(class.depth_ev, t)))
            .collect::<Result<_, _>>()?;
        let background =
            of("release of all traps alike", t_axis, MOST_PER_S, &|t| release::background_per_s(material, t))?;
        let per_ev = of("1/kT", t_axis, endless, &|t| 1.0 / thermal_energy_ev(t))?;
        let heat = heat(&mut builder, material, temperatures)?;
        let (hopping, hopping_heat) = match &material.hopping {
            Some(law) if biases.either().is_some() => hopping(&mut builder, material, law, either, t_axis)?,
            _ => {
                let (nothing, one) = (|_: f64, _: f64| 0.0, Axis::new(1.0, 1.0));
                let law = Law { name: HOPPING, value: nothing, smooth: nothing, most: endless };
                (builder.surface(&law, one, one)?, constant(&mut builder)?)
            }
        };
        let quads = builder.quads;
        let tables = LawTables {
            quads,
            injected,
            heat,
            offered_positive,
            offered_negative,
            hopping,
            hopping_heat,
            field,
            thermal,
            background,
            per_ev,
        };
        for (range, sign) in [(biases.positive, 1.0), (biases.negative, -1.0)] {
            let axis = axis(range);
            for a in axis.octaves().flat_map(|octave| axis.points(octave, 9)).filter(|_| range.is_some()) {
                tables.check_products(material, f32::copysign(a, sign), t_axis)?;
            }
        }
        Ok(tables)
    }

    /// That heat does to injection at a bias what it does at any other.
    fn check_products(&self, material: &Material, bias_v: f32, t_axis: Axis) -> Result<(), LawTableError> {
        let v = f64::from(bias_v);
        for temperature_k in t_axis.octaves().flat_map(|octave| t_axis.points(octave, 9)) {
            let t = f64::from(temperature_k);
            let injected = (self.injected_a(bias_v, temperature_k), current::injected_a(material, v.abs(), t));
            let offered = (self.offered_per_s(bias_v, temperature_k), capture::offered_per_s(material, v, t));
            for (law, (table, value)) in [("the injected current", injected), ("the offer", offered)] {
                // Below this f32 has no digits left.
                let error = (f64::from(table) / value - 1.0).abs();
                if value > 1e-30 && error > PRODUCT_ERROR {
                    return Err(LawTableError::NotAProduct { law, bias_v: v, temperature_k: t, error });
                }
            }
        }
        Ok(())
    }

    /// All tables, in quads: what the headers count.
    pub fn quads(&self) -> &[Quad] {
        &self.quads
    }

    /// The same, number by number.
    pub fn numbers(&self) -> &[f32] {
        self.quads.as_flattened()
    }

    /// Injected current at `|V|` and T, A; see [`current::injected_a`].
    pub fn injected_a(&self, bias_v: f32, temperature_k: f32) -> f32 {
        curve(&self.quads, &self.injected, bias_v) * curve(&self.quads, &self.heat, temperature_k)
    }

    /// Electrons offered at V and T, 1/s; see [`capture::offered_per_s`].
    pub fn offered_per_s(&self, bias_v: f32, temperature_k: f32) -> f32 {
        let header = if bias_v > 0.0 { &self.offered_positive } else { &self.offered_negative };
        curve(&self.quads, header, bias_v) * curve(&self.quads, &self.heat, temperature_k)
    }

    /// Hopping current at `|V|` and T, A; see [`current::hopping_a`].
    pub fn hopping_a(&self, bias_v: f32, temperature_k: f32) -> f32 {
        surface(&self.quads, &self.hopping, bias_v, temperature_k)
            * curve(&self.quads, &self.hopping_heat, temperature_k)
    }

    /// Field release at V, 1/s; see [`release::field_per_s`].
    pub fn field_per_s(&self, bias_v: f32) -> f32 {
        if bias_v < 0.0 { curve(&self.quads, &self.field, bias_v) } else { 0.0 }
    }

    /// Thermal escape of a class of the nominal cell at T, 1/s; see [`release::thermal_per_s`].
    pub fn thermal_per_s(&self, class: usize, temperature_k: f32) -> f32 {
        curve(&self.quads, &self.thermal[class], temperature_k)
    }

    /// Release of all traps alike at T, 1/s; see [`release::background_per_s`].
    pub fn background_per_s(&self, temperature_k: f32) -> f32 {
        curve(&self.quads, &self.background, temperature_k)
    }

    /// 1/kT, 1/eV.
    pub fn per_ev(&self, temperature_k: f32) -> f32 {
        curve(&self.quads, &self.per_ev, temperature_k)
    }
}

const HOPPING: &str = "the hopping current";

/// A curve that is 1.
fn constant(builder: &mut Builder) -> Result<TableHeader, LawTableError> {
    let one = |_: f64| 1.0;
    builder.curve(&Law { name: "1", value: one, smooth: one, most: f64::INFINITY }, Axis::new(1.0, 1.0))
}

/// The surface and the curve of hopping.
fn hopping(
    builder: &mut Builder,
    material: &Material,
    hopping: &Hopping,
    a_axis: Axis,
    t_axis: Axis,
) -> Result<(TableHeader, TableHeader), LawTableError> {
    let most = f64::INFINITY;
    let first = builder.quads.len();
    // The curve is 1 at its end, where it is largest, so that the surface is no smaller than the product and has as
    // many digits.
    let heat_exponent = |t: f64| current::hopping_heat_exponent(material, hopping, t);
    let hottest = heat_exponent(f64::from(f32::from_bits(t_axis.high)));
    let by_field = |a: f64, t: f64| {
        let exponent = current::hopping_field_exponent(material, hopping, a, t) + hottest;
        hopping.conductance_s * a * libm::exp(exponent)
    };
    let by_heat = |t: f64| libm::exp(heat_exponent(t) - hottest);
    let field = builder.surface(&Law { name: HOPPING, value: by_field, smooth: by_field, most }, a_axis, t_axis);
    let heat = builder.curve(&Law { name: HOPPING, value: by_heat, smooth: by_heat, most }, t_axis);
    if let (Ok(field), Ok(heat)) = (field, heat)
        && product_holds(builder, material, (&field, &heat), (a_axis, t_axis))
    {
        return Ok((field, heat));
    }
    builder.quads.truncate(first);
    let whole = |a: f64, t: f64| current::hopping_a(material, a, t);
    Ok((
        builder.surface(&Law { name: HOPPING, value: whole, smooth: whole, most }, a_axis, t_axis)?,
        constant(builder)?,
    ))
}

/// Whether the product of a surface and a curve is the hopping current wherever that is not negligible.
fn product_holds(
    builder: &Builder,
    material: &Material,
    (field, heat): (&TableHeader, &TableHeader),
    (a_axis, t_axis): (Axis, Axis),
) -> bool {
    let places = |axis: Axis| axis.octaves().flat_map(move |octave| axis.points(octave, 9));
    let law = |a: f32, t: f32| current::hopping_a(material, f64::from(a), f64::from(t));
    let largest = places(t_axis).map(|t| law(f32::from_bits(a_axis.high), t)).fold(0.0, f64::max);
    places(a_axis).all(|a| {
        places(t_axis).all(|t| {
            let product = surface(&builder.quads, field, a, t) * curve(&builder.quads, heat, t);
            let value = law(a, t);
            value < (1e-30 * largest).max(1e-37) || (f64::from(product) / value - 1.0).abs() <= PRODUCT_ERROR
        })
    })
}

/// The curve of heat's factor on injection. Its law has a bend where the broadening is believed no further, which no
/// cubic follows: the table ends there, and hotter cells read its end.
fn heat(
    builder: &mut Builder,
    material: &Material,
    temperatures: TemperatureRange,
) -> Result<TableHeader, LawTableError> {
    let barrier = &material.barrier;
    let value = |t: f64| current::thermal_factor(material, t);
    let TemperatureRange { least_k, most_k } = temperatures;
    let name = "thermal broadening";
    if !material.injection.thermal_broadening {
        return constant(builder);
    }
    // x is proportional to T.
    let bend_k = current::MAX_BROADENING_X / current::broadening_x(barrier, 1.0);
    let axis = Axis::new(least_k, most_k.min(bend_k as f32).max(least_k));
    if axis.single() {
        return builder.curve(&Law { name, value, smooth: value, most: f64::INFINITY }, axis);
    }
    let reference = current::broadening(barrier, current::injection_k(material));
    let smooth = |t: f64| current::broadening_law(current::broadening_x(barrier, t)) / reference;
    builder.curve(&Law { name, value, smooth, most: f64::INFINITY }, axis)
}

#[cfg(test)]
mod tests;
