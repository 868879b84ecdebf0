//! Numbers that a call gives for all cells, or for each its own.

use numpy::PyReadonlyArray2;
use pyo3::prelude::*;
use trapline::backend::exposure::Each;
use trapline::failure::Failure;

/// A value within its limits.
pub fn within(what: &str, value: f64, low: f64, high: f64, unit: &str) -> Result<f64, Failure> {
    if value >= low && value <= high {
        return Ok(value);
    }
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    Err(Failure::Usage(format!("{what} is {value:?}{unit}; it must be between {low:?} and {high:?}{unit}")))
}

/// Numbers of one array: for all cells, or each its own.
#[derive(FromPyObject)]
pub enum Numbers<'py> {
    One(f64),
    Each(PyReadonlyArray2<'py, f64>),
}

impl Numbers<'_> {
    pub fn taken(self) -> Taken {
        match self {
            Numbers::One(value) => Taken::One(value),
            Numbers::Each(array) => Taken::Each(array.as_array().iter().copied().collect()),
        }
    }
}

/// The same, out of the interpreter's hands.
pub enum Taken {
    One(f64),
    Each(Vec<f64>),
}

impl Taken {
    pub fn checked(&self, what: &str, (low, high): (f64, f64), unit: &str) -> Result<(), Failure> {
        match self {
            Taken::One(value) => within(what, *value, low, high, unit).map(drop),
            Taken::Each(all) => all.iter().try_for_each(|value| within(what, *value, low, high, unit).map(drop)),
        }
    }

    pub fn each(&self) -> Each<'_> {
        match self {
            Taken::One(value) => Each::Array(*value),
            Taken::Each(all) => Each::Cell(all),
        }
    }
}
