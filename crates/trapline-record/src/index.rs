//! The record of a campaign that is not finished: its axes, the settings of its points, and links to their files.
//!
//! It is written before the first point and never changed: a link to a point that does not exist yet dangles, and
//! h5py says so. The merge replaces it, by rename, with a file that holds everything.

use std::path::{Path, PathBuf};

use super::error::RecordError;
use super::hdf::{self, Explain, Trust};
use super::input::Input;
use super::label;
use super::layout::{POINTS_GROUP, UNFINISHED_FILE_TYPE};
use super::output::Output;
use super::root;
use super::write::point_path;
use trapline_model::files::commit::{self, Batch};
use trapline_model::outcome::{CampaignLabel, Provenance};

/// A campaign in progress.
#[derive(Debug, Clone, PartialEq)]
pub struct UnfinishedRecord {
    pub path: PathBuf,
    pub label: CampaignLabel,
    pub provenance: Provenance,
    /// Numbers of the points the run was asked for; all of them, unless it is a shard.
    pub planned: Vec<usize>,
    /// Folder of the points, as the links name it: beside the file.
    pub parts: PathBuf,
}

impl UnfinishedRecord {
    /// Numbers of the planned points whose files are there. They are not opened.
    pub fn finished(&self) -> Vec<usize> {
        let there = |number: &usize| point_path(&self.parts, *number).is_file();
        self.planned.iter().copied().filter(there).collect()
    }
}

/// Writes the record of a campaign of which no point may have been computed yet. `parts` lies in the folder of
/// `destination`.
///
/// # Errors
/// [`RecordError`] where the disk refuses, or where `parts` has no name.
pub fn write_unfinished(
    destination: &Path,
    parts: &Path,
    campaign: &CampaignLabel,
    provenance: &Provenance,
    planned: &[usize],
) -> Result<(), RecordError> {
    let mut batch = Batch::new();
    stage_unfinished(&mut batch, destination, parts, campaign, provenance, planned)?;
    Ok(batch.replace()?)
}

/// The same of a record that gets its name with the rest of a batch.
///
/// # Errors
/// As [`write_unfinished`].
pub fn stage_unfinished(
    batch: &mut Batch,
    destination: &Path,
    parts: &Path,
    campaign: &CampaignLabel,
    provenance: &Provenance,
    planned: &[usize],
) -> Result<(), RecordError> {
    let Some(folder) = parts.file_name().and_then(|name| name.to_str()) else {
        return Err(RecordError::unwritable("the folder of points", parts.display(), "one with a name in UTF-8"));
    };
    batch.write(destination, |temporary| {
        let output = Output::without_results(temporary, destination, UNFINISHED_FILE_TYPE, campaign, provenance)?;
        output.attach_scales()?;
        output.root().text("parts", folder)?;
        let doing = "link the points";
        let points = output.file().create_group(POINTS_GROUP).writing(destination, doing)?;
        for &number in planned {
            // Seen from the folder of the file; HDF5 takes a slash on every system.
            let file = point_path(Path::new(folder), number);
            let file: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
            points.link_external(&file.join("/"), "/", &link_name(number)).writing(destination, doing)?;
        }
        drop(points);
        output.close()
    })
}

fn link_name(number: usize) -> String {
    format!("point-{number:06}")
}

/// Reads the record of a campaign in progress, without its points.
///
/// # Errors
/// As [`open_campaign`](super::open_campaign).
pub fn open_unfinished(path: &Path) -> Result<UnfinishedRecord, RecordError> {
    hdf::open(path, Trust::Sealed)?.read(read)
}

pub(super) fn read(input: &Input<'_>) -> Result<UnfinishedRecord, RecordError> {
    let path = input.path;
    root::check(input, UNFINISHED_FILE_TYPE)?;
    let label = label::read(input, root::version(input)?)?;
    let folder = input.text("parts")?;
    let is_name = Path::new(&folder).file_name().is_some_and(|name| *name == *folder);
    if !is_name {
        return Err(RecordError::damaged(path, "the attribute parts", folder, "the name of a folder"));
    }
    if !input.contents.has_group(POINTS_GROUP) {
        return Err(RecordError::damaged(path, format!("the group {POINTS_GROUP}"), "missing", "in this file"));
    }
    let doing = "list the points";
    let names = input.file.group(POINTS_GROUP).and_then(|group| group.member_names()).reading(path, doing)?;
    let mut planned = Vec::with_capacity(names.len());
    for name in names {
        let number = name.strip_prefix("point-").and_then(|digits| digits.parse().ok());
        match number.filter(|&n| n < label.points()) {
            Some(number) => planned.push(number),
            None => return Err(RecordError::damaged(path, "a link", name, "to a point of the campaign")),
        }
    }
    planned.sort_unstable();
    let parts = commit::folder_of(path).join(folder);
    Ok(UnfinishedRecord { path: path.to_owned(), provenance: root::provenance(input)?, label, planned, parts })
}
