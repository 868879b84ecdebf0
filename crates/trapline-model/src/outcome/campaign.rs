//! What a campaign file holds, as plain arrays.

use std::path::PathBuf;

use super::{CampaignLabel, PointLabel, PointOutcome, Provenance};

/// A point of a campaign file.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedPoint {
    pub label: PointLabel,
    /// Empty texts where the point was not computed.
    pub provenance: Provenance,
    /// None where the file has no values for the point. Histograms and dump stay in the file, from where
    /// `record::read_histograms` and `record::read_dump` fetch them.
    pub outcome: Option<PointOutcome>,
}

/// A whole file in memory, except for the histograms and dumps.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignRecord {
    pub path: PathBuf,
    /// `trapline campaign`, or `trapline point` with one point.
    pub file_type: String,
    pub format_version: [i32; 2],
    pub label: CampaignLabel,
    /// Of the run that wrote the file; each point has its own.
    pub provenance: Provenance,
    /// Every point of the campaign, in the order of their numbers.
    pub points: Vec<RecordedPoint>,
}

impl CampaignRecord {
    /// Number of points that the file holds values for.
    pub fn computed(&self) -> usize {
        self.points.iter().filter(|point| point.outcome.is_some()).count()
    }

    /// The points of a material, at one place of the sweeps (counted through all of them), in the order of the
    /// temperatures.
    ///
    /// # Panics
    /// If an index lies outside the axes.
    pub fn of_material(&self, case: usize, material: usize) -> &[RecordedPoint] {
        let (materials, temperatures) = (self.label.materials.len(), self.label.temperatures_k.len());
        let first = (case * materials + material) * temperatures;
        &self.points[first..first + temperatures]
    }

    /// Number of places of the sweeps: 1 without any.
    pub fn cases(&self) -> usize {
        self.label.sweeps.iter().map(|sweep| sweep.coordinate.len()).product()
    }
}
