//! Maps of temperature, as `trapline heat -o` writes them: the variable `temperature_k` (row, column) of the group `heat`.

use std::path::Path;

use ndarray::{Array2, Ix2};
use trapline_model::dataset::{Dataset, Values};

use super::error::RecordError;
use super::experiment::read_datasets;

/// Group and variable of a map.
const GROUP: &str = "heat";
const VARIABLE: &str = "temperature_k";

/// The settled temperature of each cell of an array, K, by word lines and bit lines: for whatever takes a temperature. A `shape`, (rows,
/// columns), is what the map must have.
///
/// # Errors
/// [`RecordError::Unsuited`] for a record without such a map, one of another shape, and one in which a cell is at or below 0 K or at
/// no number; what [`read_datasets`] refuses.
///
/// ```no_run
/// let map_k = trapline_record::read_temperature_map("map.h5".as_ref(), Some((64, 64)))?;
/// println!("{} K", map_k[[3, 5]]);
/// # Ok::<(), trapline_record::RecordError>(())
/// ```
pub fn read_temperature_map(path: &Path, shape: Option<(usize, usize)>) -> Result<Array2<f64>, RecordError> {
    let record = read_datasets(path)?;
    let limit = "one of cells by rows and columns, as `trapline heat -o` writes it";
    let group = record.get(GROUP).ok_or_else(|| {
        unsuited(path, format!("the group {GROUP}"), "not in this file", "there, as `trapline heat -o` writes it")
    })?;
    let map = cells_of(path, group, VARIABLE, limit)?;
    if let Some((rows, cols)) = shape.filter(|needed| *needed != map.dim()) {
        let (found, limit) =
            (format!("{} x {} cells", map.nrows(), map.ncols()), format!("{rows} x {cols}, as the array"));
        return Err(unsuited(path, format!("{GROUP}/{VARIABLE}"), found, limit));
    }
    let wrong = map.indexed_iter().find(|(_, kelvin)| !(kelvin.is_finite() && **kelvin > 0.0));
    match wrong {
        Some(((row, col), kelvin)) => {
            let what = format!("{GROUP}/{VARIABLE} at row {row}, column {col}");
            Err(unsuited(path, what, format!("{kelvin:?} K"), "above 0 K and finite"))
        }
        None => Ok(map),
    }
}

/// Real numbers of each cell, shape (rows, columns), of a group that was read from a file.
///
/// # Errors
/// [`RecordError::Unsuited`] where there are none by this name; `limit` says what they must be.
pub fn cells_of(path: &Path, group: &Dataset, variable: &str, limit: &str) -> Result<Array2<f64>, RecordError> {
    let what = || format!("{}/{variable}", group.name);
    let found = group.get(variable).ok_or_else(|| unsuited(path, what(), "not in this file", limit))?;
    match &found.values {
        Values::Real(numbers) => numbers
            .view()
            .into_dimensionality::<Ix2>()
            .map(|map| map.to_owned())
            .map_err(|_| unsuited(path, what(), format!("an array of {} axes", numbers.ndim()), limit)),
        _ => Err(unsuited(path, what(), "no array of real numbers", limit)),
    }
}

fn unsuited(path: &Path, what: String, found: impl Into<String>, limit: impl Into<String>) -> RecordError {
    RecordError::Unsuited { path: path.to_owned(), what, found: found.into(), limit: limit.into() }
}
