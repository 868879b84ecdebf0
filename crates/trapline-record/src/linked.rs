//! Records whose large datasets are virtual: the values stay in the files that were merged, and this file refers to
//! them.
//!
//! HDF5 gives fill values for what a missing or changed source should hold, without a word. So the record names its
//! sources and their checksums, every byte of a source is compared with its checksum when the record is opened, and
//! the record is refused if one has changed. A source must hold its values itself, because only the first file of a
//! chain would be checked.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

use super::error::RecordError;
use super::hdf::{self, Attributes, Trust};
use super::input::Input;
use super::layout::CAMPAIGN_FILE_TYPE;
use super::seal;
use trapline_model::files::commit;
use trapline_model::outcome::CampaignRecord;

const SOURCES: &str = "virtual_sources";
const CHECKSUMS: &str = "virtual_checksums";

/// Consecutive points that lie in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// As the record names it: seen from its own folder, or from the root.
    pub(super) file: String,
    pub(super) points: Range<usize>,
}

/// The points of several records as runs; `points` gives them in the order of their numbers.
pub(super) fn runs(destination: &Path, points: &[(usize, &CampaignRecord)]) -> Result<Vec<Run>, RecordError> {
    let mut runs: Vec<Run> = Vec::new();
    let mut known = BTreeSet::new();
    for &(number, record) in points {
        if known.insert(&record.path) {
            refuse_virtual(&record.path)?;
        }
        let file = name_of(destination, &record.path)?;
        match runs.last_mut() {
            Some(run) if run.file == file && run.points.end == number => run.points.end += 1,
            _ => runs.push(Run { file, points: number..number + 1 }),
        }
    }
    Ok(runs)
}

/// Refuses a source whose values lie in yet other files.
fn refuse_virtual(path: &Path) -> Result<(), RecordError> {
    if hdf::open_again(path)?.sources.is_empty() {
        return Ok(());
    }
    let limit = "a record that holds its values itself: give the files it was merged from";
    Err(RecordError::unwritable("a source of virtual datasets", path.display(), limit))
}

/// How a record at `destination` names a file.
fn name_of(destination: &Path, source: &Path) -> Result<String, RecordError> {
    let real = |path: &Path| {
        fs::canonicalize(path).map_err(|source| RecordError::Unreadable { path: path.to_owned(), source })
    };
    let (folder, source) = (real(commit::folder_of(destination))?, real(source)?);
    let name = source.strip_prefix(&folder).unwrap_or(&source);
    match name.to_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(RecordError::unwritable("the name of a source", name.display(), "UTF-8")),
    }
}

/// Writes down the sources and their checksums.
pub(super) fn name(root: &Attributes<'_>, destination: &Path, runs: &[Run]) -> Result<(), RecordError> {
    let mut names: Vec<&str> = runs.iter().map(|run| run.file.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let folder = commit::folder_of(destination);
    let sums: Result<Vec<u32>, RecordError> = names.iter().map(|name| checksum(&folder.join(name))).collect();
    root.texts(SOURCES, &names)?;
    root.array(CHECKSUMS, &sums?)
}

fn checksum(path: &Path) -> Result<u32, RecordError> {
    match seal::stated(path) {
        Ok(Some(sum)) => Ok(sum),
        Ok(None) => Err(RecordError::damaged(
            path,
            "the seal at the end of the file",
            "missing",
            "there: merge copies of it instead",
        )),
        Err(source) => Err(RecordError::Unreadable { path: path.to_owned(), source }),
    }
}

/// The files that a record names as those its virtual datasets lead to, and their bytes together.
pub(super) fn sources(input: &Input<'_>) -> Result<(Vec<String>, u64), RecordError> {
    let names = input.texts(SOURCES)?;
    let folder = commit::folder_of(input.path);
    let bytes = names.iter().map(|name| fs::metadata(folder.join(name)).map_or(0, |metadata| metadata.len()));
    let bytes = bytes.fold(0_u64, u64::saturating_add);
    Ok((names, bytes))
}

/// Refuses a record of which a source is gone or another file, or leads elsewhere itself. A record without virtual
/// datasets passes.
pub(super) fn check(input: &Input<'_>) -> Result<(), RecordError> {
    let (names, sums): (Vec<String>, Vec<u32>) = (input.texts(SOURCES)?, input.array(CHECKSUMS)?);
    if names.len() != sums.len() {
        return Err(RecordError::damaged(input.path, CHECKSUMS, format!("of length {}", sums.len()), names.len()));
    }
    if let Some(twice) = names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
        return Err(RecordError::damaged(input.path, SOURCES, format!("{twice:?} twice"), "each file once"));
    }
    let folder = commit::folder_of(input.path);
    for (name, sum) in names.iter().zip(sums) {
        let source = folder.join(name);
        // The checksum covers the whole source, however small the record that refers to it.
        input.tell(fs::metadata(&source).map_or(0, |metadata| metadata.len()));
        let linked = |found| RecordError::Linked { path: input.path.to_owned(), source_name: name.clone(), found };
        let opened = hdf::open(&source, Trust::Sealed).map_err(|error| match error {
            RecordError::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => linked("missing"),
            RecordError::Unsealed { .. } => linked("a file without its seal"),
            RecordError::Damaged { .. } => linked("damaged"),
            RecordError::NotHdf5 { .. } => linked("another file"),
            other => other,
        })?;
        if !seal::stated(&source).is_ok_and(|stated| stated == Some(sum)) {
            return Err(linked("another file"));
        }
        let (there, what) = (opened.input(), "a record whose values lie in yet other files");
        // Only a campaign's links all lie within its file; one in progress leads to its points.
        if !opened.sources.is_empty() || there.text_if("file_type")?.as_deref() != Some(CAMPAIGN_FILE_TYPE) {
            return Err(linked(what));
        }
        // Every name that this record may be led to is a dataset there, and neither a link nor kept elsewhere.
        let names = input.contents.top().chain(opened.contents.top()).filter(|(_, is_dataset)| *is_dataset);
        for (name, _) in names.filter(|(name, _)| opened.contents.knows(name)) {
            there.open_any(name)?;
        }
    }
    Ok(())
}
