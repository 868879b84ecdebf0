//! What a campaign file holds, as plain arrays.

use std::ops::Range;
use std::path::PathBuf;

use ndarray::{Array1, Array2, Array3, Array4, s};

use crate::outcome::{CampaignLabel, CellDump, HistogramSeries, MomentSeries, PointOutcome, Provenance};

/// The four moments of one quantity. Axes (material, temperature, checkpoint); NaN where nothing was computed.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentCube {
    pub mean: Array3<f64>,
    /// Population variance, in the quantity's unit squared.
    pub variance: Array3<f64>,
    pub min: Array3<f64>,
    pub max: Array3<f64>,
}

/// Histograms of one quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramCube {
    /// Lower edge of the first bin and upper edge of the last. Axes (material, temperature).
    pub low: Array2<f64>,
    pub high: Array2<f64>,
    /// Axes (material, temperature, checkpoint, bin).
    pub counts: Array4<u64>,
    /// Axes (material, temperature, checkpoint).
    pub below: Array3<u64>,
    pub above: Array3<u64>,
}

/// A whole file in memory, except for cell dumps, which [`read_dump`](super::read_dump) fetches a point at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignRecord {
    pub path: PathBuf,
    /// [`CAMPAIGN_FILE_TYPE`](super::CAMPAIGN_FILE_TYPE), or [`POINT_FILE_TYPE`](super::POINT_FILE_TYPE) with one material and one temperature.
    pub file_type: String,
    pub format_version: [i32; 2],
    pub label: CampaignLabel,
    /// Of the run that wrote the file; each point has its own in `point_provenance`.
    pub provenance: Provenance,
    /// Numbers of the points the file was made from.
    pub points: Range<usize>,
    /// False where the file holds no values for a point. Axes (material, temperature), as in all fields that follow
    /// unless they say otherwise.
    pub computed: Array2<bool>,
    pub flags: Array2<Vec<String>>,
    pub point_provenance: Array2<Provenance>,
    pub cells: Array2<u64>,
    pub programmed: Array2<u64>,
    /// Siemens.
    pub fresh_conductance_s: Array2<f64>,
    pub conductance_s: MomentCube,
    pub filling: MomentCube,
    pub lost_fraction: MomentCube,
    pub kept: MomentCube,
    /// Axes (material, temperature, checkpoint).
    pub failed: Array3<u64>,
    pub conductance_histogram: HistogramCube,
    pub filling_histogram: HistogramCube,
    pub kept_histogram: HistogramCube,
}

impl CampaignRecord {
    /// The numbers of one point, as they were before they were recorded.
    ///
    /// # Panics
    /// If an index lies outside the record's axes.
    pub fn outcome(&self, m: usize, t: usize, dump: Option<CellDump>) -> PointOutcome {
        let moments = |cube: &MomentCube| MomentSeries {
            mean: cube.mean.slice(s![m, t, ..]).to_owned(),
            variance: cube.variance.slice(s![m, t, ..]).to_owned(),
            min: cube.min.slice(s![m, t, ..]).to_owned(),
            max: cube.max.slice(s![m, t, ..]).to_owned(),
        };
        let histogram = |cube: &HistogramCube| HistogramSeries {
            low: cube.low[[m, t]],
            high: cube.high[[m, t]],
            counts: cube.counts.slice(s![m, t, .., ..]).to_owned(),
            below: cube.below.slice(s![m, t, ..]).to_owned(),
            above: cube.above.slice(s![m, t, ..]).to_owned(),
        };
        PointOutcome {
            times_s: Array1::from(self.label.times_s.clone()),
            cells: self.cells[[m, t]],
            programmed: self.programmed[[m, t]],
            fresh_conductance_s: self.fresh_conductance_s[[m, t]],
            conductance_s: moments(&self.conductance_s),
            filling: moments(&self.filling),
            lost_fraction: moments(&self.lost_fraction),
            kept: moments(&self.kept),
            failed: self.failed.slice(s![m, t, ..]).to_owned(),
            conductance_histogram: histogram(&self.conductance_histogram),
            filling_histogram: histogram(&self.filling_histogram),
            kept_histogram: histogram(&self.kept_histogram),
            dump,
        }
    }
}
