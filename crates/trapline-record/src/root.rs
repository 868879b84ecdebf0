//! The root attributes that every kind of file has: its type, its format version, and who wrote it.

use std::path::Path;

use super::error::RecordError;
use super::hdf::{self, Attributes, Trust};
use super::input::Input;
use super::layout::{CAMPAIGN_FILE_TYPE, EXPERIMENT_FILE_TYPE, FORMAT_VERSION, POINT_FILE_TYPE, UNFINISHED_FILE_TYPE};
use trapline_model::outcome::{Identity, Provenance};

/// The kinds of file, as the root attribute `file_type` tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    Campaign,
    /// A campaign in progress.
    Unfinished,
    Point,
    Experiment,
}

/// Which kind of file this is.
///
/// # Errors
/// A [`RecordError`] for what is not a file of this program.
pub fn kind(path: &Path) -> Result<FileType, RecordError> {
    hdf::open(path, Trust::Sealed)?.read(file_type)
}

pub(super) fn file_type(input: &Input<'_>) -> Result<FileType, RecordError> {
    match input.text_if("file_type")?.as_deref() {
        Some(POINT_FILE_TYPE) => Ok(FileType::Point),
        Some(UNFINISHED_FILE_TYPE) => Ok(FileType::Unfinished),
        Some(EXPERIMENT_FILE_TYPE) => Ok(FileType::Experiment),
        _ => check(input, CAMPAIGN_FILE_TYPE).map(|()| FileType::Campaign),
    }
}

pub(super) fn write(root: &Attributes<'_>, file_type: &str, provenance: &Provenance) -> Result<(), RecordError> {
    root.text("file_type", file_type)?;
    root.array("format_version", &FORMAT_VERSION)?;
    root.text("program", "trapline")?;
    root.text("program_version", &provenance.program_version)?;
    root.text("commit", &provenance.commit)?;
    root.text("backend", &provenance.identity.backend)?;
    root.text("adapter", &provenance.identity.adapter)?;
    root.text("driver", &provenance.identity.driver)?;
    root.text("instruction_set", &provenance.identity.instruction_set)?;
    root.scalar("software", &u8::from(provenance.identity.software))?;
    root.text("started_utc", &provenance.started_utc)?;
    root.text("ended_utc", &provenance.ended_utc)
}

/// Refuses a file of another type or of a newer major version.
pub(super) fn check(input: &Input<'_>, expected: &'static str) -> Result<(), RecordError> {
    let wrong =
        |found: String, remedy| Err(RecordError::FileType { path: input.path.to_owned(), found, expected, remedy });
    if !input.has_attribute("file_type") {
        return wrong("not given".to_owned(), "give a file written by `trapline`");
    }
    match input.text("file_type") {
        Ok(found) if found == expected => version(input).map(drop),
        Ok(found)
            if [CAMPAIGN_FILE_TYPE, POINT_FILE_TYPE, EXPERIMENT_FILE_TYPE, UNFINISHED_FILE_TYPE]
                .contains(&found.as_str()) =>
        {
            let remedy = match (expected, found.as_str()) {
                (CAMPAIGN_FILE_TYPE, UNFINISHED_FILE_TYPE) => {
                    "finish it by `trapline run --resume`, or take what is there by `trapline merge --partial`"
                }
                (CAMPAIGN_FILE_TYPE, POINT_FILE_TYPE) => "point files become one when their campaign is complete",
                (POINT_FILE_TYPE, CAMPAIGN_FILE_TYPE) => "give one of the files in the folder of points",
                _ => "`trapline show` says what it holds",
            };
            wrong(format!("`{found}`"), remedy)
        }
        Ok(found) => wrong(format!("{found:?}"), "give a file written by `trapline`"),
        Err(_) => wrong("not a text".to_owned(), "give a file written by `trapline`"),
    }
}

/// The format version, major and minor, if it is one that this program reads.
pub(super) fn version(input: &Input<'_>) -> Result<[i32; 2], RecordError> {
    let version: Vec<i32> = input.array("format_version")?;
    match version[..] {
        [major, minor] if (1..=FORMAT_VERSION[0]).contains(&major) && minor >= 0 => Ok([major, minor]),
        [major, minor] => Err(RecordError::Version {
            path: input.path.to_owned(),
            found: [major, minor],
            written_by: input.text("program_version").ok(),
        }),
        _ => {
            let found = format!("{version:?}");
            Err(RecordError::damaged(input.path, "format_version", found, "two integers"))
        }
    }
}

pub(super) fn provenance(input: &Input<'_>) -> Result<Provenance, RecordError> {
    Ok(Provenance {
        program_version: input.text("program_version")?,
        commit: input.text("commit")?,
        identity: Identity {
            backend: input.text("backend")?,
            adapter: input.text("adapter")?,
            driver: input.text("driver")?,
            instruction_set: input.text("instruction_set")?,
            software: input.scalar::<u8>("software")? != 0,
        },
        started_utc: input.text("started_utc")?,
        ended_utc: input.text("ended_utc")?,
    })
}
