//! A number as a material file gives it: value, unit and source.

use super::MaterialError;
use serde::Deserialize;

/// `{ value = 4.0, unit = "V", source = "Figure 2a" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ value = 1.0, unit = \"V\", source = \"where from\" }")]
pub struct Quantity {
    pub value: f64,
    pub unit: String,
    pub source: String,
}

/// Several numbers with one unit and one source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ values = [1.0], unit = \"V\", source = \"where from\" }")]
pub struct Quantities {
    pub values: Vec<f64>,
    pub unit: String,
    pub source: String,
}

/// A unit a file may use for a dimension: its name, and `SI = value * scale + offset`.
type Unit = (&'static str, f64, f64);

/// A dimension: its units, and the largest number of it, in SI, that a cell could be made of by any stretch.
#[derive(Debug, Clone, Copy)]
pub struct Dimension {
    units: &'static [Unit],
    most: f64,
}

const fn dimension(units: &'static [Unit], most: f64) -> Dimension {
    Dimension { units, most }
}

pub const LENGTH: Dimension = dimension(&[("nm", 1e-9, 0.0), ("m", 1.0, 0.0)], 1e-3);
pub const AREA: Dimension = dimension(&[("um^2", 1e-12, 0.0), ("m^2", 1.0, 0.0)], 1.0);
pub const VOLTAGE: Dimension = dimension(&[("V", 1.0, 0.0)], 1e4);
pub const CONDUCTANCE: Dimension = dimension(&[("S", 1.0, 0.0)], 1e6);
pub const PER_SQUARE_VOLT: Dimension = dimension(&[("1/V^2", 1.0, 0.0)], 1e6);
pub const PER_ROOT_VOLT: Dimension = dimension(&[("1/V^0.5", 1.0, 0.0)], 1e3);
pub const CURRENT: Dimension = dimension(&[("A", 1.0, 0.0)], 1e6);
pub const CURRENT_PER_SQUARE_VOLT: Dimension = dimension(&[("A/V^2", 1.0, 0.0)], 1e6);
pub const RATE: Dimension = dimension(&[("1/s", 1.0, 0.0)], 1e20);
pub const TIME: Dimension = dimension(&[("s", 1.0, 0.0)], 1e30);
pub const ENERGY_EV: Dimension = dimension(&[("eV", 1.0, 0.0)], 100.0);
pub const ELECTRON_MASSES: Dimension = dimension(&[("m0", 1.0, 0.0)], 1e3);
pub const TEMPERATURE: Dimension = dimension(&[("C", 1.0, crate::units::ZERO_CELSIUS_K), ("K", 1.0, 0.0)], 1e4);
pub const RATIO: Dimension = dimension(&[("1", 1.0, 0.0), ("%", 0.01, 0.0)], 1e6);

/// Smallest number, in SI, that is not taken for a slip: nothing physical is nearer to 0, and products stay inside f64.
const LEAST: f64 = 1e-60;

/// The values a key accepts, in SI.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    low_included: bool,
    high: f64,
}

impl Range {
    /// More than 0.
    pub const POSITIVE: Range = Range { low_included: false, high: f64::INFINITY };
    /// 0 or more.
    pub const NOT_NEGATIVE: Range = Range { low_included: true, high: f64::INFINITY };

    pub const fn up_to(self, high: f64) -> Range {
        Range { high, ..self }
    }
}

/// As a person writes it: without the last digits that a conversion leaves, and never in three hundred digits.
fn spoken(value: f64) -> String {
    let rounded = format!("{value:.11e}").parse().unwrap_or(value);
    let text = format!("{rounded:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

fn with_unit(value: f64, unit: &str) -> String {
    let value = spoken(value);
    if unit == "1" { value } else { format!("{value} {unit}") }
}

fn unit_of(key: &str, unit: &str, source: &str, of: Dimension) -> Result<&'static Unit, MaterialError> {
    if source.trim().is_empty() {
        return Err(MaterialError::value(key, "has an empty source: say where the number comes from"));
    }
    of.units.iter().find(|known| known.0 == unit).ok_or_else(|| {
        let known: Vec<_> = of.units.iter().map(|u| format!("\"{}\"", u.0)).collect();
        MaterialError::value(key, format!("has unit {unit:?}; write it in {}", known.join(" or ")))
    })
}

fn in_range(key: &str, value: f64, unit: &Unit, range: Range, of: Dimension) -> Result<f64, MaterialError> {
    let si = value * unit.1 + unit.2;
    let high = range.high.min(of.most);
    let low = if range.low_included { 0.0 } else { LEAST };
    // A limit in the unit of the file is a limit: 1000 nm are 1.0000000000000002e-6 m.
    let si = if si > high && si <= high * (1.0 + 4.0 * f64::EPSILON) { high } else { si };
    if (low..=high).contains(&si) && (si == 0.0 || si >= LEAST) {
        return Ok(si);
    }
    let limit = |si: f64| with_unit((si - unit.2) / unit.1, unit.0);
    let lower = match (range.low_included, si > 0.0 && si < LEAST) {
        (true, false) => format!("at least {}", limit(0.0)),
        (false, false) => format!("more than {}", limit(0.0)),
        (true, true) => format!("0 or at least {}", limit(LEAST)),
        (false, true) => format!("at least {}", limit(LEAST)),
    };
    let message = format!("is {}; it must be {lower} and at most {}", with_unit(value, unit.0), limit(high));
    Err(MaterialError::value(key, message))
}

impl Quantity {
    /// The number in SI (energies in eV), once its unit, source and range are right.
    pub fn si(&self, key: &str, of: Dimension, range: Range) -> Result<f64, MaterialError> {
        let unit = unit_of(key, &self.unit, &self.source, of)?;
        in_range(key, self.value, unit, range, of)
    }

    /// Value and unit as the file has them.
    pub fn written(&self) -> String {
        with_unit(self.value, &self.unit)
    }
}

impl Quantities {
    /// As [`Quantity::si`], for each number.
    pub fn si(&self, key: &str, of: Dimension, range: Range) -> Result<Vec<f64>, MaterialError> {
        let unit = unit_of(key, &self.unit, &self.source, of)?;
        let number = |(i, value): (usize, &f64)| in_range(&format!("{key}.values[{i}]"), *value, unit, range, of);
        self.values.iter().enumerate().map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_in_the_unit_of_the_file_is_allowed() {
        let of = |value: f64| {
            let length = Quantity { value, unit: "nm".to_owned(), source: "ours".to_owned() };
            length.si("traps.diameter", LENGTH, Range::POSITIVE.up_to(1e-6))
        };
        // 1000 times 1e-9 is the next number above 1e-6.
        assert_eq!(of(1000.0).expect("on the limit"), 1e-6);
        assert!(of(1000.001).is_err() && of(0.0).is_err());
    }
}
