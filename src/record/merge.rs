//! Merging point files into a campaign file, one point in memory at a time.

use std::ops::Range;
use std::path::Path;

use super::campaign::CampaignRecord;
use super::commit;
use super::error::RecordError;
use super::layout::CAMPAIGN_FILE_TYPE;
use super::output::Output;
use super::read::{open_point, read_dump};
use super::write::point_path;
use crate::outcome::{CampaignLabel, PointLabel, Provenance};

/// Merges the points of these numbers under `dir` into `destination`.
///
/// The file has the axes of the whole campaign; where a point is not among `numbers`, its values are NaN or 0 and `computed`
/// says so. `provenance` describes the run that merges; every point keeps its own beside its values.
///
/// # Errors
/// [`RecordError::MissingPoint`] naming the first point that is not there, [`RecordError::OtherCampaign`] for a point file
/// that another campaign left, and what reading and writing may return. The destination is then as it was.
pub fn merge_points(
    dir: &Path,
    campaign: &CampaignLabel,
    provenance: &Provenance,
    destination: &Path,
    numbers: Range<usize>,
) -> Result<(), RecordError> {
    let temperatures = campaign.temperatures_k.len();
    let count = campaign.materials.len() * temperatures;
    if numbers.start > numbers.end || numbers.end > count {
        let limit = format!("within 0..{count}, the campaign's");
        return Err(RecordError::unwritable("the range of points", format!("{numbers:?}"), limit));
    }
    // Looked for first: a missing point must not cost the merge of those before it.
    for number in numbers.clone() {
        let path = point_path(dir, number);
        if !path.is_file() {
            return Err(RecordError::MissingPoint { number, path });
        }
    }
    commit::atomic_write(destination, |temporary| {
        let output = Output::create(temporary, destination, CAMPAIGN_FILE_TYPE, campaign, provenance)?;
        let root = output.root();
        root.scalar("first_point", &(numbers.start as u64))?;
        root.scalar("end_point", &(numbers.end as u64))?;
        for number in numbers {
            let path = point_path(dir, number);
            let (record, point) = open_point(&path)?;
            let at = [number / temperatures, number % temperatures];
            if let Some(what) = difference(campaign, at, number, &record, &point) {
                return Err(RecordError::OtherCampaign { path, what });
            }
            let dump = read_dump(&record, 0, 0)?;
            let outcome = record.outcome(0, 0, dump);
            output.point(at, &point, &record.point_provenance[[0, 0]], &outcome)?;
        }
        output.close()
    })
}

/// The first thing in which a point differs from its place in the campaign.
pub(crate) fn difference(
    campaign: &CampaignLabel,
    at: [usize; 2],
    number: usize,
    record: &CampaignRecord,
    point: &PointLabel,
) -> Option<&'static str> {
    let theirs = &record.label;
    let same = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits());
    let checks = [
        (point.number == number, "number"),
        ([point.material_index, point.temperature_index] == at, "place on the axes"),
        (theirs.materials[0] == campaign.materials[at[0]], "material"),
        (same(&theirs.temperatures_k, &campaign.temperatures_k[at[1]..=at[1]]), "temperature"),
        (theirs.name == campaign.name, "campaign name"),
        (theirs.campaign_toml == campaign.campaign_toml, "campaign file"),
        (theirs.overrides == campaign.overrides, "command line"),
        (theirs.seed == campaign.seed, "seed"),
        ((theirs.rows, theirs.cols) == (campaign.rows, campaign.cols), "array size"),
        (same(&theirs.times_s, &campaign.times_s), "time axis"),
        (theirs.bins == campaign.bins, "number of bins"),
        (same(&[theirs.read_v], &[campaign.read_v]), "read bias"),
        (same(theirs.program_k.as_slice(), campaign.program_k.as_slice()), "programming temperature"),
        (same(&[theirs.kept_threshold], &[campaign.kept_threshold]), "threshold"),
        (same(&theirs.report_times_s, &campaign.report_times_s), "report times"),
        (theirs.dump == campaign.dump, "dump window"),
    ];
    checks.into_iter().find(|(equal, _)| !equal).map(|(_, what)| what)
}
