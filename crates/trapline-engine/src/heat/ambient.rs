//! The temperature that each cell has without power of its own.

use super::HeatError;
use super::error::TEMPERATURE_K;
use ndarray::{Array2, ArrayView2};

/// A direction over the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Along {
    /// From the first row to the last.
    Rows,
    /// From the first column to the last.
    Columns,
}

/// Temperatures over an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Ambient {
    /// The same everywhere, K.
    Uniform(f64),
    /// From one value in the first row (column) to another in the last, K, evenly.
    Gradient { first_k: f64, last_k: f64, along: Along },
    /// `base + (peak - base) exp(-r^2/radius^2)` at a distance r from a cell, in cells.
    HotSpot { base_k: f64, peak_k: f64, row: f64, col: f64, radius: f64 },
    /// Each cell's own, K. Shape: (rows, columns).
    Map(Array2<f64>),
}

impl Ambient {
    /// Of each cell of an array, K. Shape: (rows, columns).
    ///
    /// # Errors
    /// [`HeatError`] for a map of another shape, a radius that is not positive, and temperatures that are none.
    pub fn map(&self, shape: (usize, usize)) -> Result<Array2<f64>, HeatError> {
        let map = match self {
            Ambient::Uniform(kelvin) => Array2::from_elem(shape, *kelvin),
            Ambient::Gradient { first_k, last_k, along } => Array2::from_shape_fn(shape, |(row, col)| {
                let (at, count) = match along {
                    Along::Rows => (row, shape.0),
                    Along::Columns => (col, shape.1),
                };
                // A line of one cell is in the middle of the way.
                let share = if count > 1 { at as f64 / (count - 1) as f64 } else { 0.5 };
                first_k + (last_k - first_k) * share
            }),
            Ambient::HotSpot { base_k, peak_k, row, col, radius } => {
                if !(1e-3..=1e6).contains(radius) {
                    let what = "the radius of the hot spot";
                    return Err(HeatError::Value { what, value: *radius, unit: "cells", low: 1e-3, high: 1e6 });
                }
                Array2::from_shape_fn(shape, |(r, c)| {
                    let (x, y) = ((c as f64 - col) / radius, (r as f64 - row) / radius);
                    base_k + (peak_k - base_k) * libm::exp(-(x * x + y * y))
                })
            }
            Ambient::Map(map) => map.clone(),
        };
        check_map(map.view(), shape)?;
        Ok(map)
    }
}

/// Refuses a map of another shape, and temperatures that are none.
///
/// # Errors
/// [`HeatError::Shape`] and [`HeatError::Temperature`].
pub fn check_map(map_k: ArrayView2<'_, f64>, needed: (usize, usize)) -> Result<(), HeatError> {
    if map_k.dim() != needed {
        return Err(HeatError::Shape { what: "the map of temperatures", found: map_k.dim(), needed });
    }
    match map_k.indexed_iter().find(|(_, kelvin)| !(TEMPERATURE_K.0..=TEMPERATURE_K.1).contains(*kelvin)) {
        Some(((row, col), &kelvin)) => Err(HeatError::Temperature { row, col, kelvin }),
        None => Ok(()),
    }
}
