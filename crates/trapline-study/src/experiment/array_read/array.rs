//! Where the conductances of an array come from, and how they are drawn.

use crate::experiment::ExperimentError;
use crate::experiment::probe::{Conditions, Probe};
use crate::experiment::pulse::Train;
use ndarray::{Array2, s};
use std::path::Path;
use trapline_engine::backend::Backend;
use trapline_model::array::ArrayShape;
use trapline_model::csv_file::{self, CsvError};
use trapline_model::material::Material;
use trapline_model::protocol::Part;
use trapline_model::rng::{self, Purpose};

/// Which cells of an array are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    All,
    None,
    /// Each with a chance of a half.
    Half,
    Checkerboard,
}

impl Pattern {
    /// Whether a cell is written. The seed matters to [`Pattern::Half`] alone.
    pub fn writes(self, seed: u64, shape: ArrayShape, number: u64) -> bool {
        match self {
            Pattern::All => true,
            Pattern::None => false,
            Pattern::Half => rng::words(seed, number, Purpose::Pattern, 0, 0)[0] >> 31 == 1,
            Pattern::Checkerboard => (number / shape.cols + number % shape.cols) % 2 == 1,
        }
    }
}

/// Conductances of a fresh array of a material, S, after pulses to some of its cells, each by itself; read without noise
/// at the conditions' bias. Shape: (rows, columns).
///
/// # Errors
/// [`ExperimentError`].
pub fn programmed(
    backend: &dyn Backend,
    material: &Material,
    conditions: Conditions,
    shape: ArrayShape,
    pattern: Pattern,
    train: &Train,
) -> Result<Array2<f64>, ExperimentError> {
    let cells = shape.rows * shape.cols;
    let mut probe =
        Probe::new(backend, material, Conditions { read_noise: false, ..conditions }, (0..cells).collect())?;
    let written: Vec<u32> =
        (0..cells).filter(|&cell| pattern.writes(conditions.seed, shape, cell)).map(|cell| cell as u32).collect();
    let Train { amplitude_v, width_s, interval_s, count } = *train;
    let parts = [Part::Pulses { pulses: count, amplitude_v, width_s, interval_s }];
    let segments: Vec<_> = trapline_model::protocol::segments(&parts).into_iter().map(|s| (s, false)).collect();
    if !written.is_empty() {
        probe.drive_some(&written, &segments)?;
        probe.skip_cycles(count);
    }
    let conductance_s = probe.read()?;
    let cols = shape.cols as usize;
    Ok(Array2::from_shape_fn((shape.rows as usize, cols), |(row, col)| conductance_s[row * cols + col]))
}

/// A matrix of a file, one row a line.
///
/// # Errors
/// [`CsvError`].
pub fn table(path: &Path) -> Result<Array2<f64>, CsvError> {
    csv_file::matrix(path)
}

/// Numbers of a file, in one line or one a line.
///
/// # Errors
/// [`CsvError`].
pub fn list(path: &Path) -> Result<Vec<f64>, CsvError> {
    let matrix = csv_file::matrix(path)?;
    let (lines, numbers) = matrix.dim();
    if lines.min(numbers) > 1 {
        let message = format!("holds {lines} lines of {numbers} numbers; it must hold one line, or one number a line");
        return Err(CsvError::File { path: path.display().to_string(), message });
    }
    Ok(matrix.into_iter().collect())
}

/// Means of square blocks, so that neither side has more than `most`, and the side of a block. What is not a number is
/// left out of a mean.
pub fn blocks(values: &Array2<f64>, most: usize) -> (Array2<f64>, usize) {
    let (rows, cols) = values.dim();
    let step = rows.max(cols).div_ceil(most).max(1);
    let means = Array2::from_shape_fn((rows.div_ceil(step), cols.div_ceil(step)), |(row, col)| {
        let (last_row, last_col) = (((row + 1) * step).min(rows), ((col + 1) * step).min(cols));
        let block = values.slice(s![row * step..last_row, col * step..last_col]);
        let known: Vec<f64> = block.iter().copied().filter(|value| !value.is_nan()).collect();
        known.iter().sum::<f64>() / known.len() as f64
    });
    (means, step)
}
