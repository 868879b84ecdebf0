//! Pass or fail of a qualification: parts in lots, read out after a time, and what no failures show.
//!
//! A part is an array, a place on the sweep named `parts`. It fails when more than a share of its cells
//! has failed (keeps less than `failure.kept_below`), or when it holds no charge at all. A lot passes with at most
//! `allowed_fails` failed parts; a condition (a material at a temperature, at a place of the sweeps that are neither)
//! passes when all its lots do.
//!
//! What a sample shows is stated as the upper bound of the share of parts that would fail (Clopper and Pearson; with
//! no failures `1 - (1 - confidence)^(1/N)`, which is the LTPD of the sample at 90 % confidence).
//! `docs/qualification.md` says what a simulation does not show.

use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use crate::analysis::lifetime::{FailedFraction, LifetimeError, failed_fraction_bounds, failure_rate};
use trapline_model::outcome::{CampaignRecord, PointOutcome, RecordedPoint, Sweep};
use trapline_model::protocol::QualificationFile;
use trapline_model::toml_file;
use trapline_model::units::celsius;

/// Confidences at which the share of failing parts is bounded: the one of failure rates, and the one of LTPD tables.
pub const CONFIDENCES: [f64; 2] = [0.6, 0.9];

/// The rest of a campaign file is none of this room's business.
#[derive(Deserialize)]
struct CampaignFile {
    qualification: Option<QualificationFile>,
}

/// Why there is no verdict. One line each.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QualificationError {
    #[error(
        "its campaign has no [qualification] (after_s, parts): there is nothing to pass; docs/qualification.md has an example"
    )]
    NoTable,
    #[error("its campaign cannot be read: {0}; it was written by another version")]
    Campaign(String),
    #[error("{what} {value} is not in the record, which has {known}; it was written by another program")]
    Strange { what: &'static str, value: String, known: String },
    #[error(
        "no verdict: {missing} of {of} points are not computed (the first is point {first}); go on with `trapline run --resume`, or merge the missing pieces"
    )]
    Incomplete { missing: usize, of: usize, first: usize },
    #[error(transparent)]
    Statistics(#[from] LifetimeError),
}

/// The verdict of a campaign.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Qualification {
    pub passed: bool,
    pub after_s: f64,
    pub part_fails_above: f64,
    pub allowed_fails: u64,
    /// In the order of the points.
    pub conditions: Vec<Condition>,
}

/// Lots under one condition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Condition {
    pub passed: bool,
    /// Sweeps that are neither parts nor lots: name and value.
    pub sweeps: Vec<(String, String)>,
    pub material: String,
    pub temperature_c: f64,
    pub lots: Vec<Lot>,
    /// Of all lots together; none where two parts have a seed in common.
    pub together: Option<Shown>,
}

/// One lot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lot {
    /// Its value on the axis of the lots.
    pub name: Option<String>,
    pub passed: bool,
    /// Parts it has.
    pub parts: u64,
    pub fails: u64,
    pub failed_parts: Vec<FailedPart>,
    /// Numbers of its points, a point for each part.
    #[serde(skip)]
    pub points: Vec<usize>,
    /// Largest share of failed cells of a part; 1 where one holds no charge.
    pub worst_part: f64,
    /// What the worst cell of all keeps of its window: how far the lot is from the threshold. None where none holds
    /// charge.
    pub least_kept: Option<f64>,
    pub kept_below: f64,
    /// None where two of its parts have a seed in common: else they are not as many samples as they are parts.
    pub shown: Option<Shown>,
}

/// A part that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailedPart {
    /// Its value on the axis of the parts.
    pub part: String,
    pub point: usize,
    /// Those that held no charge after programming among them.
    pub failed_cells: u64,
    pub cells: u64,
    /// Cells that held charge after programming.
    pub programmed_cells: u64,
    /// It had failed at 0 s, before the bake.
    pub at_programming: bool,
}

/// What a sample shows of the parts it was drawn from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Failing share of the parts, at each of [`CONFIDENCES`].
    pub parts: [FailedFraction; 2],
    /// Failing share of the cells, at each, of which those without charge have failed.
    pub cells: [FailedFraction; 2],
    /// Hours that the parts surely lived: each up to the last checkpoint before it failed, one without charge none at
    /// all.
    pub part_hours: f64,
    /// Upper bound of a constant failure rate of the parts at the bake's own temperature, in failures in 1e9 hours,
    /// at each; none where no part lived to a checkpoint.
    pub fit_upper: Option<[f64; 2]>,
}

/// The table of a record's campaign.
///
/// # Errors
/// [`QualificationError::NoTable`], or a campaign that cannot be read.
pub fn table_of(record: &CampaignRecord) -> Result<QualificationFile, QualificationError> {
    let file: CampaignFile = toml_file::read(&record.label.campaign_toml).map_err(QualificationError::Campaign)?;
    file.qualification.ok_or(QualificationError::NoTable)
}

/// Judges a whole record.
///
/// # Errors
/// [`QualificationError`]: no table, a point that was not computed, or a record that does not fit its own campaign.
pub fn qualify(record: &CampaignRecord) -> Result<Qualification, QualificationError> {
    let table = table_of(record)?;
    let missing = || record.points.iter().filter(|point| point.outcome.is_none());
    if let Some(first) = missing().next() {
        let (of, first) = (record.points.len(), first.label.number);
        return Err(QualificationError::Incomplete { missing: missing().count(), of, first });
    }
    let axes = Axes::new(record, &table)?;
    let judged = alike(record.points.iter().map(|point| (axes.condition(point), point)));
    let judged = judged.iter().map(|points| axes.judge(points));
    let conditions = judged.collect::<Result<Vec<_>, _>>()?;
    Ok(Qualification {
        passed: conditions.iter().all(|of| of.passed),
        after_s: table.after_s,
        part_fails_above: table.part_fails_above,
        allowed_fails: axes.allowed_fails,
        conditions,
    })
}

/// Points of one key together, in the order in which each key and each point came first.
fn alike<'a, K: Eq + Hash>(points: impl Iterator<Item = (K, &'a RecordedPoint)>) -> Vec<Vec<&'a RecordedPoint>> {
    let mut parts: Vec<Vec<&RecordedPoint>> = Vec::new();
    let mut known: HashMap<K, usize> = HashMap::new();
    for (key, point) in points {
        let at = *known.entry(key).or_insert(parts.len());
        match parts.get_mut(at) {
            Some(of_key) => of_key.push(point),
            None => parts.push(vec![point]),
        }
    }
    parts
}

/// Where parts, lots and the time of the verdict are.
struct Axes<'a> {
    record: &'a CampaignRecord,
    sweeps: &'a [Sweep],
    parts: usize,
    lots: Option<usize>,
    checkpoint: usize,
    part_fails_above: f64,
    allowed_fails: u64,
}

impl<'a> Axes<'a> {
    fn new(record: &'a CampaignRecord, table: &QualificationFile) -> Result<Axes<'a>, QualificationError> {
        let sweeps = &record.label.sweeps[..];
        let axis = |name: &str| {
            let names = || sweeps.iter().map(|sweep| sweep.name.as_str());
            names().position(|known| known == name).ok_or_else(|| QualificationError::Strange {
                what: "the sweep",
                value: format!("{name:?} of [qualification]"),
                known: format!("the sweeps {}", names().collect::<Vec<_>>().join(", ")),
            })
        };
        let times_s = &record.label.times_s;
        // As near as two times of a plan may be.
        let is_it = |time_s: &f64| (time_s - table.after_s).abs() <= 1e-12 * table.after_s;
        let checkpoint = times_s.iter().position(is_it).ok_or_else(|| QualificationError::Strange {
            what: "the time",
            value: format!("{:?} s of [qualification]", table.after_s),
            known: format!("{} times", times_s.len()),
        })?;
        Ok(Axes {
            record,
            sweeps,
            parts: axis(&table.parts)?,
            lots: table.lots.as_deref().map(axis).transpose()?,
            checkpoint,
            part_fails_above: table.part_fails_above,
            allowed_fails: table.allowed_fails.max(0) as u64,
        })
    }

    /// Sweeps that are neither parts nor lots.
    fn others(&self) -> impl Iterator<Item = usize> {
        (0..self.sweeps.len()).filter(|&axis| axis != self.parts && Some(axis) != self.lots)
    }

    /// What all parts of a condition share.
    fn condition(&self, point: &RecordedPoint) -> Vec<usize> {
        let label = &point.label;
        let others = self.others().map(|axis| label.sweep_index[axis]);
        others.chain([label.material_index, label.temperature_index]).collect()
    }

    fn value(&self, axis: usize, point: &RecordedPoint) -> String {
        self.sweeps[axis].coordinate.text(point.label.sweep_index[axis])
    }

    fn judge(&self, points: &[&RecordedPoint]) -> Result<Condition, QualificationError> {
        let lot_of = |point: &RecordedPoint| self.lots.map(|axis| point.label.sweep_index[axis]);
        let lots = alike(points.iter().map(|&point| (lot_of(point), point)));
        let lots = lots.iter().map(|points| self.lot(points)).collect::<Result<Vec<_>, _>>()?;
        let first = points[0];
        let sweeps = self.others().map(|axis| (self.sweeps[axis].name.clone(), self.value(axis, first)));
        Ok(Condition {
            passed: lots.iter().all(|lot| lot.passed),
            sweeps: sweeps.collect(),
            material: first.label.material.clone(),
            temperature_c: celsius(first.label.temperature_k),
            together: self.shown(points)?,
            lots,
        })
    }

    /// Whether each part has a seed of its own.
    fn independent(&self, points: &[&RecordedPoint]) -> bool {
        let seed = |point: &&RecordedPoint| self.record.label.settings[point.label.number].seed;
        let mut seeds: Vec<u64> = points.iter().map(seed).collect();
        seeds.sort_unstable();
        seeds.windows(2).all(|pair| pair[0] != pair[1])
    }

    fn lot(&self, points: &[&RecordedPoint]) -> Result<Lot, QualificationError> {
        let failed_parts: Vec<_> = points.iter().filter_map(|point| self.failed(point)).collect();
        let fails = failed_parts.len() as u64;
        Ok(Lot {
            name: self.lots.map(|axis| self.value(axis, points[0])),
            passed: fails <= self.allowed_fails,
            parts: points.len() as u64,
            fails,
            failed_parts,
            points: points.iter().map(|point| point.label.number).collect(),
            worst_part: points.iter().map(|point| self.failed_share(point, self.checkpoint)).fold(0.0, f64::max),
            least_kept: points.iter().filter_map(|point| self.least_kept(point)).reduce(f64::min),
            kept_below: self.record.label.settings[points[0].label.number].kept_threshold,
            shown: self.shown(points)?,
        })
    }

    fn least_kept(&self, point: &RecordedPoint) -> Option<f64> {
        point.outcome.as_ref().map(|outcome| outcome.kept.min[self.checkpoint]).filter(|kept| kept.is_finite())
    }

    /// Failed cells of a part at a checkpoint, and all of it. A cell that holds no charge after programming is no
    /// memory, and has failed.
    fn cells(&self, point: &RecordedPoint, checkpoint: usize) -> (u64, u64) {
        let failed =
            |outcome: &PointOutcome| outcome.failed[checkpoint] + outcome.cells.saturating_sub(outcome.programmed);
        point.outcome.as_ref().map_or((0, 0), |outcome| (failed(outcome).min(outcome.cells), outcome.cells))
    }

    fn failed_share(&self, point: &RecordedPoint, checkpoint: usize) -> f64 {
        match self.cells(point, checkpoint) {
            (_, 0) => 1.0,
            (failed, cells) => failed as f64 / cells as f64,
        }
    }

    /// Hours that a part surely lived until it was read out. When between two checkpoints it failed is not known.
    fn lived_hours(&self, point: &RecordedPoint) -> f64 {
        let lives = |&checkpoint: &usize| self.failed_share(point, checkpoint) <= self.part_fails_above;
        let last = (0..=self.checkpoint).take_while(lives).last();
        last.map_or(0.0, |checkpoint| self.record.label.times_s[checkpoint] / 3600.0)
    }

    fn failed(&self, point: &RecordedPoint) -> Option<FailedPart> {
        let (failed_cells, cells) = self.cells(point, self.checkpoint);
        let programmed_cells = point.outcome.as_ref().map_or(0, |outcome| outcome.programmed);
        (self.failed_share(point, self.checkpoint) > self.part_fails_above).then(|| FailedPart {
            part: self.value(self.parts, point),
            point: point.label.number,
            failed_cells,
            cells,
            programmed_cells,
            at_programming: self.record.label.times_s.first() == Some(&0.0)
                && self.failed_share(point, 0) > self.part_fails_above,
        })
    }

    /// What independent parts show; nothing where they are not.
    fn shown(&self, points: &[&RecordedPoint]) -> Result<Option<Shown>, QualificationError> {
        if !self.independent(points) {
            return Ok(None);
        }
        let parts = points.len() as u64;
        let fails = points.iter().filter(|point| self.failed(point).is_some()).count() as u64;
        let cells = points.iter().map(|point| self.cells(point, self.checkpoint));
        let (failed, all) = cells.fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        let part_hours: f64 = points.iter().map(|point| self.lived_hours(point)).sum();
        let [low, high] = CONFIDENCES;
        let of = |failed, total| -> Result<_, LifetimeError> {
            Ok([failed_fraction_bounds(failed, total, low)?, failed_fraction_bounds(failed, total, high)?])
        };
        let rate = |confidence| failure_rate(fails, part_hours, confidence).map(|rate| rate.fit_upper);
        Ok(Some(Shown {
            parts: of(fails, parts)?,
            cells: of(failed, all)?,
            part_hours,
            fit_upper: if part_hours > 0.0 { Some([rate(low)?, rate(high)?]) } else { None },
        }))
    }
}
