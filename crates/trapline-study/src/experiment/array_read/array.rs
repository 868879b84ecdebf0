//! Where the conductances of an array come from, and how they are drawn.

use super::law::{Cells, MaterialCells};
use crate::experiment::ExperimentError;
use crate::experiment::probe::{Conditions, Probe};
use crate::experiment::pulse::Train;
use ndarray::{Array1, Array2, s};
use trapline_engine::backend::Backend;
use trapline_model::array::ArrayShape;
use trapline_model::cell::validity;
use trapline_model::material::{Material, Variation};
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

/// A fresh array of a material after pulses to some of its cells, each by itself; what each conducts at the conditions'
/// bias, without noise and without what reading at it would catch. With `own_law` the cells keep the law of the
/// material at their filling, else they obey Ohm's.
///
/// # Errors
/// [`ExperimentError`].
pub fn programmed(
    backend: &dyn Backend,
    material: &Material,
    conditions: Conditions,
    shape: ArrayShape,
    (pattern, train): (Pattern, &Train),
    own_law: bool,
) -> Result<Cells, ExperimentError> {
    let cells = shape.rows * shape.cols;
    let mut probe = Probe::new(backend, material, conditions, (0..cells).collect())?;
    let written: Vec<u32> =
        (0..cells).filter(|&cell| pattern.writes(conditions.seed, shape, cell)).map(|cell| cell as u32).collect();
    let Train { amplitude_v, width_s, interval_s, count } = *train;
    let parts = [Part::Pulses { pulses: count, amplitude_v, width_s, interval_s }];
    if !written.is_empty() {
        probe.program_some(&written, &trapline_model::protocol::segments(&parts))?;
        probe.skip_cycles(count);
    }
    let in_rows = |values: Array1<f64>| {
        let cols = shape.cols as usize;
        Array2::from_shape_fn((shape.rows as usize, cols), |(row, col)| values[row * cols + col])
    };
    let is_written =
        |(row, col): (usize, usize)| pattern.writes(conditions.seed, shape, row as u64 * shape.cols + col as u64);
    let written = Array2::from_shape_fn((shape.rows as usize, shape.cols as usize), is_written);
    let made = Cells { written: Some(written), ..Cells::linear(in_rows(probe.noiseless()?)) };
    if !own_law {
        return Ok(made);
    }
    let variation = if conditions.variation { material.variation } else { Variation::OFF };
    let area = (0..cells).map(|cell| trapline_model::array::factors(&variation, conditions.seed, cell).area).collect();
    let filling = in_rows(probe.filling()?);
    let law = MaterialCells::new(material, conditions.ambient_k, &filling, in_rows(area));
    Ok(Cells { material: Some(law), ..made })
}

/// What stands outside of the model's validity where cells of a material are read at a bias and a temperature, one
/// sentence each.
pub fn remarks(material: &Material, read_v: f64, temperature_k: f64) -> Vec<String> {
    let of = |remark: fn(&Material, &str, f64) -> Option<String>, value: f64| remark(material, "reading", value);
    let all = [
        of(validity::glass, temperature_k),
        of(validity::broadening, temperature_k),
        validity::bias("reading", read_v),
        of(validity::measured_bias, read_v),
        validity::disturbs(material, read_v),
    ];
    all.into_iter().flatten().collect()
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
