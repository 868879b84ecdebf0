//! Reading: a file back to plain numbers, each checked against the axes before it is believed.
//!
//! Here are the kinds of files and what each is read as; what is held in memory of all points is in `in_memory`, what
//! stays in the file until it is asked for in `in_file`.

mod in_file;
mod in_memory;

pub(super) use in_file::whole_in;
pub use in_file::{OpenRecord, read_dump, read_histograms, whole};

use std::path::Path;

use super::describe::describe;
use super::error::RecordError;
use super::experiment::{self, ExperimentRecord};
use super::hdf::{self, Trust};
use super::index::{self, UnfinishedRecord};
use super::input::{Input, MAX_READ_BYTES, Opened};
use super::layout::{CAMPAIGN_FILE_TYPE, POINT_FILE_TYPE};
use super::root::{self, FileType};
use super::write::point_path;
use in_memory::contents;
use trapline_model::outcome::{CampaignLabel, CampaignRecord, PointLabel, PointOutcome, Provenance};

/// A file of this program, by its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    Campaign(CampaignRecord),
    /// A campaign in progress.
    Unfinished(UnfinishedRecord),
    /// One point, as a campaign of it alone, and its place in its own campaign.
    Point(CampaignRecord, PointLabel),
    Experiment(ExperimentRecord),
}

/// Reads a file of whatever kind it is.
///
/// # Errors
/// A [`RecordError`] of one line for a file that is missing, not HDF5, not this program's, of another format version,
/// or damaged; [`RecordError::Unsealed`] for one without its seal, unless such files are trusted.
pub fn open(path: &Path, trust: Trust) -> Result<Record, RecordError> {
    open_watched(path, trust, &|_| {})
}

fn open_watched(path: &Path, trust: Trust, watch: &dyn Fn(u64)) -> Result<Record, RecordError> {
    let source = hdf::open(path, trust)?;
    source.read(|_| {
        let input = &source.input().watched(watch);
        Ok(match root::file_type(input)? {
            FileType::Campaign => Record::Campaign(campaign(input)?),
            FileType::Unfinished => Record::Unfinished(index::read(input)?),
            FileType::Experiment => Record::Experiment(experiment::experiment(input)?),
            FileType::Point => {
                let (record, label) = point(input)?;
                Record::Point(record, label)
            }
        })
    })
}

/// Reads everything a file holds, and lets it go: what can be read once can be read again. `watch` is told before
/// each point how many bytes its histograms and its dump have in memory, and of each file that virtual datasets lead
/// to how long it is.
///
/// # Errors
/// As [`open`].
pub fn read_all(path: &Path, trust: Trust, watch: &dyn Fn(u64)) -> Result<(), RecordError> {
    let source = hdf::open(path, trust)?;
    let datasets = Opened::default();
    source.read(|_| {
        let input = source.input().watched(watch).keeping(&datasets);
        let record = match root::file_type(&input)? {
            FileType::Campaign => campaign(&input)?,
            FileType::Point => point(&input)?.0,
            FileType::Experiment => return experiment::experiment(&input).map(drop),
            FileType::Unfinished => {
                let unfinished = index::read(&input)?;
                let bytes = bytes_of_a_point(&unfinished.label);
                for number in unfinished.finished() {
                    watch(bytes);
                    // A file of its own: what is wrong with it is told by whoever asks for it.
                    drop(read_point(&point_path(&unfinished.parts, number)));
                }
                return Ok(());
            }
        };
        let bytes = bytes_of_a_point(&record.label);
        (0..record.points.len()).try_for_each(|place| {
            watch(bytes);
            whole_in(&input, &record, place).map(drop)
        })
    })
}

/// Bytes of the histograms and the dump of one point, as they are in memory.
fn bytes_of_a_point(label: &CampaignLabel) -> u64 {
    let cells = label.dump.map_or(0, |window| window.rows.saturating_mul(window.cols).saturating_mul(3 * 4));
    let bins = (label.bins as u64 + 2).saturating_mul(3 * 8);
    // More is refused when it is read.
    (label.times_s.len() as u64).saturating_mul(cells.saturating_add(bins)).min(MAX_READ_BYTES)
}

/// The same without histograms and dumps, and without the points of a campaign in progress; with what [`describe`]
/// reads.
///
/// # Errors
/// As [`open`].
pub fn read_summary(path: &Path, trust: Trust, watch: &dyn Fn(u64)) -> Result<(), RecordError> {
    match open_watched(path, trust, watch)? {
        Record::Campaign(record) | Record::Point(record, _) => describe(&record).map(drop),
        Record::Unfinished(_) | Record::Experiment(_) => Ok(()),
    }
}

/// Reads a campaign file.
///
/// # Errors
/// A [`RecordError`] of one line for a file that is missing, not HDF5, of another type or format version, without its
/// seal, or damaged.
pub fn open_campaign(path: &Path) -> Result<CampaignRecord, RecordError> {
    hdf::open(path, Trust::Sealed)?.read(campaign)
}

fn campaign(input: &Input<'_>) -> Result<CampaignRecord, RecordError> {
    root::check(input, CAMPAIGN_FILE_TYPE)?;
    contents(input, CAMPAIGN_FILE_TYPE)
}

/// Reads one point as a campaign of it alone: its material, its temperature and its place on the sweeps are the only
/// ones there, and it has number 0. Its place in its own campaign is beside it.
///
/// # Errors
/// As [`open_campaign`].
pub fn open_point(path: &Path) -> Result<(CampaignRecord, PointLabel), RecordError> {
    hdf::open(path, Trust::Sealed)?.read(point)
}

fn point(input: &Input<'_>) -> Result<(CampaignRecord, PointLabel), RecordError> {
    let path = input.path;
    root::check(input, POINT_FILE_TYPE)?;
    let record = contents(input, POINT_FILE_TYPE)?;
    let number: u64 = input.scalar("point_number")?;
    let material_index: u64 = input.scalar("material_index")?;
    let temperature_index: u64 = input.scalar("temperature_index")?;
    let sweep_index: Vec<u64> = input.array("sweep_index")?;
    let [point] = record.points.as_slice() else {
        return Err(RecordError::damaged(path, "the number of points", record.points.len(), 1));
    };
    if point.outcome.is_none() {
        return Err(RecordError::damaged(path, "the dataset computed", 0, 1));
    }
    if sweep_index.len() != record.label.sweeps.len() {
        let limit = format!("{}, as many as there are sweeps", record.label.sweeps.len());
        return Err(RecordError::damaged(path, "the length of sweep_index", sweep_index.len(), limit));
    }
    let label = PointLabel {
        number: number as usize,
        sweep_index: sweep_index.into_iter().map(|i| i as usize).collect(),
        material_index: material_index as usize,
        temperature_index: temperature_index as usize,
        ..point.label.clone()
    };
    Ok((record, label))
}

/// Reads one point with its histograms and its cell dump.
///
/// # Errors
/// As [`open_campaign`].
pub fn read_point(path: &Path) -> Result<(PointLabel, Provenance, PointOutcome), RecordError> {
    let (mut record, label, outcome) = open_whole_point(path)?;
    Ok((label, record.points.swap_remove(0).provenance, outcome))
}

/// The same as [`open_point`] and [`whole`], of a file that is opened and checked once.
pub(super) fn open_whole_point(path: &Path) -> Result<(CampaignRecord, PointLabel, PointOutcome), RecordError> {
    let source = hdf::open(path, Trust::Sealed)?;
    let datasets = Opened::default();
    let input = source.input().keeping(&datasets);
    let (record, label) = point(&input)?;
    match whole_in(&input, &record, 0)? {
        Some(outcome) => Ok((record, label, outcome)),
        None => Err(RecordError::damaged(path, "the dataset computed", 0, 1)),
    }
}
