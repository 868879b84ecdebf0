//! A number as a material file gives it: value, unit and source.

use super::MaterialError;
use serde::Deserialize;

/// `{ value = 4.0, unit = "V", source = "Figure 2a" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    pub value: f64,
    pub unit: String,
    pub source: String,
}

/// Several numbers with one unit and one source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantities {
    pub values: Vec<f64>,
    pub unit: String,
    pub source: String,
}

/// A unit a file may use for a dimension: its name, and `SI = value * scale + offset`.
type Unit = (&'static str, f64, f64);

pub const LENGTH: &[Unit] = &[("nm", 1e-9, 0.0), ("m", 1.0, 0.0)];
pub const AREA: &[Unit] = &[("um^2", 1e-12, 0.0), ("m^2", 1.0, 0.0)];
pub const VOLTAGE: &[Unit] = &[("V", 1.0, 0.0)];
pub const CONDUCTANCE: &[Unit] = &[("S", 1.0, 0.0)];
pub const PER_SQUARE_VOLT: &[Unit] = &[("1/V^2", 1.0, 0.0)];
pub const PER_ROOT_VOLT: &[Unit] = &[("1/V^0.5", 1.0, 0.0)];
pub const CURRENT_PER_SQUARE_VOLT: &[Unit] = &[("A/V^2", 1.0, 0.0)];
pub const RATE: &[Unit] = &[("1/s", 1.0, 0.0)];
pub const TIME: &[Unit] = &[("s", 1.0, 0.0)];
pub const ENERGY_EV: &[Unit] = &[("eV", 1.0, 0.0)];
pub const ELECTRON_MASSES: &[Unit] = &[("m0", 1.0, 0.0)];
pub const TEMPERATURE: &[Unit] = &[("C", 1.0, crate::units::ZERO_CELSIUS_K), ("K", 1.0, 0.0)];
pub const RATIO: &[Unit] = &[("1", 1.0, 0.0), ("%", 0.01, 0.0)];

/// The values a key accepts, in SI.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub low: f64,
    pub low_included: bool,
    pub high: f64,
}

impl Range {
    pub const POSITIVE: Range = Range { low: 0.0, low_included: false, high: f64::INFINITY };
    pub const NOT_NEGATIVE: Range = Range { low: 0.0, low_included: true, high: f64::INFINITY };

    pub const fn up_to(self, high: f64) -> Range {
        Range { high, ..self }
    }

    fn holds(&self, value: f64) -> bool {
        // Nothing physical is farther from 1, in SI, and products of two such numbers stay inside f64.
        let sane = value == 0.0 || (1e-60..1e60).contains(&value.abs());
        sane && value <= self.high && if self.low_included { value >= self.low } else { value > self.low }
    }

    /// The limit in words, in the unit the user wrote.
    fn spoken(&self, unit: &Unit) -> String {
        let shown = |si: f64| (si - unit.2) / unit.1;
        let lower = format!("{} {}", if self.low_included { "at least" } else { "more than" }, shown(self.low));
        if self.high.is_finite() {
            format!("{lower} and at most {} {}", shown(self.high), unit.0)
        } else {
            format!("{lower} {}", unit.0)
        }
    }
}

fn unit_of(key: &str, unit: &str, source: &str, units: &'static [Unit]) -> Result<&'static Unit, MaterialError> {
    if source.trim().is_empty() {
        return Err(MaterialError::value(key, "has an empty source: say where the number comes from"));
    }
    units.iter().find(|known| known.0 == unit).ok_or_else(|| {
        let known: Vec<_> = units.iter().map(|u| format!("\"{}\"", u.0)).collect();
        MaterialError::value(key, format!("has unit {unit:?}; write it in {}", known.join(" or ")))
    })
}

fn in_range(key: &str, value: f64, unit: &Unit, range: Range) -> Result<f64, MaterialError> {
    let si = value * unit.1 + unit.2;
    if range.holds(si) {
        Ok(si)
    } else {
        Err(MaterialError::value(key, format!("is {value} {}; it must be {}", unit.0, range.spoken(unit))))
    }
}

impl Quantity {
    /// The number in SI (energies in eV), once its unit, source and range are right.
    pub fn si(&self, key: &str, units: &'static [Unit], range: Range) -> Result<f64, MaterialError> {
        let unit = unit_of(key, &self.unit, &self.source, units)?;
        in_range(key, self.value, unit, range)
    }
}

impl Quantities {
    /// As [`Quantity::si`], for each number.
    pub fn si(&self, key: &str, units: &'static [Unit], range: Range) -> Result<Vec<f64>, MaterialError> {
        let unit = unit_of(key, &self.unit, &self.source, units)?;
        let number = |(i, value): (usize, &f64)| in_range(&format!("{key}.values[{i}]"), *value, unit, range);
        self.values.iter().enumerate().map(number).collect()
    }
}
