//! Cells that are warmer in the bake than others: `[heat]` of a campaign.

use std::path::Path;
use std::sync::Arc;

use super::check::{self, MAX_TEMPERATURE_C};
use super::error::Bad;
use super::file::HeatFile;
use super::inputs::Inputs;
use trapline_model::array::ArrayShape;
use trapline_model::toml_file;
use trapline_model::units::kelvin;

/// A map that is everywhere farther than this from the temperature it stands around, K, is taken for one in another
/// unit.
const FAR_K: f64 = 200.0;

/// By how much each cell of an array is warmer than the bake.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Warmer {
    /// Row by row.
    by_k: Arc<[f64]>,
    /// Rows and columns.
    shape: (usize, usize),
    /// The file, as the campaign names it.
    name: String,
}

/// Reads the map; `base` is the folder that its path is seen from.
pub(super) fn warmer(file: &HeatFile, base: &Path, inputs: &mut Inputs) -> Result<Warmer, Bad> {
    let around_k = kelvin(check::temperature("heat.around_c", file.around_c)?);
    let name = toml_file::shown(&file.map);
    let map_k = inputs.map_k(&base.join(&file.map)).map_err(|what| {
        let limit = format!("a map of temperatures: a record of trapline heat, or a .csv in °C ({what})");
        Bad::key("heat.map", format!("\"{name}\""), limit)
    })?;
    Ok(Warmer { by_k: map_k.iter().map(|cell_k| cell_k - around_k).collect(), shape: map_k.dim(), name })
}

impl Warmer {
    /// Refuses an array of another shape, maps in another unit, and cells that would be at or below 0 K or hotter
    /// than a bake may be; `baked_k` are the temperatures of the bake.
    pub(super) fn check(&self, shape: ArrayShape, baked_k: &[f64]) -> Result<(), Bad> {
        let ArrayShape { rows, cols } = shape;
        let (map_rows, map_cols) = self.shape;
        let refused = |value: String, limit: String| Bad::key("heat.map", format!("\"{}\", {value}", self.name), limit);
        if (map_rows as u64, map_cols as u64) != (rows, cols) {
            let limit = format!("a map of {rows} x {cols}, rows by columns, as the array");
            return Err(refused(format!("of {map_rows} x {map_cols} cells"), limit));
        }
        let (least_k, most_k) = self.least_and_most_k();
        if least_k > FAR_K || most_k < -FAR_K {
            let limit = format!("a map that is within {FAR_K} K of heat.around_c somewhere; a .csv is in °C");
            return Err(refused(format!("{least_k:+.2} to {most_k:+.2} K from heat.around_c"), limit));
        }
        let coldest_k = baked_k.iter().fold(f64::INFINITY, |least, kelvin| kelvin.min(least)) + least_k;
        let hottest_k = baked_k.iter().fold(0.0, |most: f64, kelvin| kelvin.max(most)) + most_k;
        if coldest_k.is_nan() || coldest_k <= 0.0 || hottest_k > kelvin(MAX_TEMPERATURE_C) {
            let limit = format!(
                "a map around heat.around_c that leaves every cell above 0 K and at {MAX_TEMPERATURE_C} °C at most"
            );
            return Err(refused(format!("by which cells are baked at {coldest_k:.2} to {hottest_k:.2} K"), limit));
        }
        Ok(())
    }

    /// Cell by cell, row by row, of the corner of that many rows and columns.
    pub(super) fn of(&self, ArrayShape { rows, cols }: ArrayShape) -> Arc<[f64]> {
        let (rows, cols) = (rows as usize, cols as usize);
        if (rows, cols) == self.shape {
            return Arc::clone(&self.by_k);
        }
        self.by_k.chunks(self.shape.1).take(rows).flat_map(|row| &row[..cols]).copied().collect()
    }

    /// The remark on points that are baked so.
    pub(super) fn remark(&self) -> String {
        let (least_k, most_k) = self.least_and_most_k();
        let mean_k = self.by_k.iter().sum::<f64>() / self.by_k.len() as f64;
        format!(
            "each cell is baked {least_k:+.3} to {most_k:+.3} K from the point's temperature ({mean_k:+.3} K in the mean), by the map {}",
            self.name
        )
    }

    /// By how much the warmest is warmer, K.
    pub(super) fn most_k(&self) -> f64 {
        self.least_and_most_k().1
    }

    fn least_and_most_k(&self) -> (f64, f64) {
        self.by_k.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), k| (least.min(*k), most.max(*k)))
    }
}
