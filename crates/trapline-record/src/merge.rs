//! Merging: points from files of their own, or from records of a part of the campaign, into one campaign file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use super::error::RecordError;
use super::hdf;
use super::input::Opened;
use super::layout::CAMPAIGN_FILE_TYPE;
use super::linked::{self, Run};
use super::output::Output;
use super::read::{open_whole_point, whole_in};
use super::write::point_path;
use trapline_model::files::commit::Batch;
use trapline_model::outcome::{CampaignLabel, CampaignRecord, PointLabel, PointOutcome, Provenance};

/// Where the values of a point come from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A file of the point alone, in this folder of points.
    Folder(&'a Path),
    /// A record of the same campaign that holds the point.
    Record(&'a CampaignRecord),
}

/// Where the large datasets of a merged record lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Held {
    /// In the record: it needs no other file.
    #[default]
    Copied,
    /// In the records it was merged from: virtual datasets lead there. Only records can be sources.
    Virtual,
}

/// Merges the points of a folder of points into `destination`.
///
/// The file has the axes of the whole campaign; where a point is not among `numbers`, its values are NaN or 0 and
/// `computed` says so. `provenance` describes the run that merges; every point keeps its own beside its values.
///
/// # Errors
/// As [`merge`].
pub fn merge_points(
    dir: &Path,
    campaign: &CampaignLabel,
    provenance: &Provenance,
    destination: &Path,
    numbers: impl IntoIterator<Item = usize>,
) -> Result<(), RecordError> {
    let sources: Vec<_> = numbers.into_iter().map(|number| (number, Source::Folder(dir))).collect();
    merge(campaign, provenance, destination, &sources, Held::Copied)
}

/// Merges points, each from where it lies, into `destination`; one point is in memory at a time.
///
/// # Errors
/// [`RecordError::MissingPoint`] naming the first point that is not there, [`RecordError::OtherCampaign`] for a point
/// file that another campaign left, and what reading and writing may return. The destination is then as it was.
pub fn merge(
    campaign: &CampaignLabel,
    provenance: &Provenance,
    destination: &Path,
    sources: &[(usize, Source<'_>)],
    held: Held,
) -> Result<(), RecordError> {
    let mut batch = Batch::new();
    stage_merge(&mut batch, campaign, provenance, destination, sources, held)?;
    Ok(batch.replace()?)
}

/// As [`merge_points`], but the record gets its name with the rest of a batch.
///
/// # Errors
/// As [`merge`].
pub fn stage_points(
    batch: &mut Batch,
    dir: &Path,
    campaign: &CampaignLabel,
    provenance: &Provenance,
    destination: &Path,
    numbers: impl IntoIterator<Item = usize>,
) -> Result<(), RecordError> {
    let sources: Vec<_> = numbers.into_iter().map(|number| (number, Source::Folder(dir))).collect();
    stage_merge(batch, campaign, provenance, destination, &sources, Held::Copied)
}

/// As [`merge`], but the record gets its name with the rest of a batch.
///
/// # Errors
/// As [`merge`].
pub fn stage_merge(
    batch: &mut Batch,
    campaign: &CampaignLabel,
    provenance: &Provenance,
    destination: &Path,
    sources: &[(usize, Source<'_>)],
    held: Held,
) -> Result<(), RecordError> {
    let count = campaign.points();
    // All points are looked for first, so that a missing one is reported before time is spent on merging the others.
    for &(number, source) in sources {
        if number >= count {
            let limit = format!("less than {count}, one of the campaign's");
            return Err(RecordError::unwritable("the number of a point", number, limit));
        }
        let missing = match source {
            Source::Folder(dir) => Some(point_path(dir, number)).filter(|path| !path.is_file()),
            Source::Record(record) => record.points[number].outcome.is_none().then(|| record.path.clone()),
        };
        if let Some(path) = missing {
            return Err(RecordError::MissingPoint { number, path });
        }
    }
    let linked = if held == Held::Virtual { linked(destination, sources)? } else { Vec::new() };
    batch.write(destination, |temporary| {
        let output = Output::create(temporary, destination, CAMPAIGN_FILE_TYPE, campaign, provenance, &linked)?;
        let mut opened = Records::default();
        for &(number, source) in sources {
            let (label, provenance, outcome) = load(campaign, number, source, &mut opened)?;
            output.point(number, &label, &provenance, &outcome)?;
        }
        output.close()
    })
}

/// Where virtual datasets lead.
fn linked(destination: &Path, sources: &[(usize, Source<'_>)]) -> Result<Vec<Run>, RecordError> {
    let record = |&(number, source): &(usize, _)| match source {
        Source::Record(record) => Ok((number, record)),
        Source::Folder(dir) => {
            let limit = "a record that is finished: copy instead, or finish it by `trapline run --resume`";
            Err(RecordError::unwritable("a source of virtual datasets", dir.display(), limit))
        }
    };
    let points: Vec<_> = sources.iter().map(record).collect::<Result<_, RecordError>>()?;
    linked::runs(destination, &points)
}

/// The numbers of a point, histograms and dump included, wherever it lies.
///
/// # Errors
/// As [`merge`].
pub fn load_outcome(campaign: &CampaignLabel, number: usize, source: Source<'_>) -> Result<PointOutcome, RecordError> {
    load(campaign, number, source, &mut Records::default()).map(|(_, _, outcome)| outcome)
}

/// Records whose points are being read, by path.
#[derive(Default)]
struct Records(BTreeMap<PathBuf, (Opened, hdf::Source)>);

impl Records {
    /// Most files that are open at once: a process may have a thousand or so, and each keeps pieces of its datasets
    /// in memory.
    const MOST: usize = 32;

    /// The file of a record, which was opened and checked before.
    fn get(&mut self, path: &Path) -> Result<&(Opened, hdf::Source), RecordError> {
        if self.0.len() >= Self::MOST && !self.0.contains_key(path) {
            self.0.clear();
        }
        Ok(match self.0.entry(path.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(place) => place.insert((Opened::default(), hdf::open_again(path)?)),
        })
    }
}

/// Reads a point whole, wherever it lies.
fn load(
    campaign: &CampaignLabel,
    number: usize,
    source: Source<'_>,
    opened: &mut Records,
) -> Result<(PointLabel, Provenance, PointOutcome), RecordError> {
    let missing = |path: PathBuf| RecordError::MissingPoint { number, path };
    match source {
        Source::Record(record) => {
            let point = &record.points[number];
            let (datasets, source) = opened.get(&record.path)?;
            let input = source.input().keeping(datasets);
            let outcome = whole_in(&input, record, number)?.ok_or_else(|| missing(record.path.clone()))?;
            Ok((point.label.clone(), point.provenance.clone(), outcome))
        }
        Source::Folder(dir) => {
            let path = point_path(dir, number);
            let (mut record, label, outcome) = open_whole_point(&path)?;
            if let Some(what) = difference(campaign, number, &record, &label) {
                return Err(RecordError::OtherCampaign { path, what });
            }
            Ok((label, record.points.swap_remove(0).provenance, outcome))
        }
    }
}

/// The first thing in which the file of a point differs from its place in the campaign.
fn difference(
    campaign: &CampaignLabel,
    number: usize,
    record: &CampaignRecord,
    point: &PointLabel,
) -> Option<&'static str> {
    let planned = campaign.point(number);
    if point.number != number {
        return Some("number");
    }
    let place = |of: &PointLabel| (of.sweep_index.clone(), of.material_index, of.temperature_index);
    if place(point) != place(&planned) {
        return Some("place on the axes");
    }
    campaign.only(number).difference(&record.label)
}
