//! Why a temperature is not computed: one line each, with what, the value, the limit.

use super::{MOST_CELLS, MOST_POWER_W};

/// Least and largest temperature of a map, K.
pub const TEMPERATURE_K: (f64, f64) = (1.0, 1e4);

/// Why heat is refused. Rows and columns count from 0.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HeatError {
    #[error("{what} is {value:?} {unit}; it must be {low:e} to {high:e} {unit}")]
    Value { what: &'static str, value: f64, unit: &'static str, low: f64, high: f64 },
    #[error(
        "an array of {rows} x {cols} cells with {margin} more on each side cannot be held; it must have at least one cell, and at most {MOST_CELLS} \
         with its margin"
    )]
    Size { rows: usize, cols: usize, margin: usize },
    #[error("{what} has {} x {} cells; the array has {} x {}", found.0, found.1, needed.0, needed.1)]
    Shape { what: &'static str, found: (usize, usize), needed: (usize, usize) },
    #[error("the power of the cell at row {row}, column {col} is {watts:?} W; it must be 0 to {MOST_POWER_W:e} W")]
    Power { row: usize, col: usize, watts: f64 },
    #[error(
        "the temperature of the map at row {row}, column {col} is {kelvin:?} K; it must be {:e} to {:e} K",
        TEMPERATURE_K.0,
        TEMPERATURE_K.1
    )]
    Temperature { row: usize, col: usize, kelvin: f64 },
}
