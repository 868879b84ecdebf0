//! What can be wrong with a campaign, and what can stop one.

use std::io;
use std::path::PathBuf;

use super::programming::ProgrammingError;
use trapline_engine::backend::BackendError;
use trapline_engine::backend::job::JobError;
use trapline_model::files::commit::{CommitError, KeepError, Taken};
use trapline_model::material::MaterialError;
use trapline_model::toml_file;
use trapline_record::RecordError;

/// A value outside its limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {value}; it must be {limit}")]
pub struct Bad {
    /// `key array.rows`, or the option of the command line.
    pub what: String,
    pub value: String,
    pub limit: String,
}

impl Bad {
    pub(crate) fn key(key: impl std::fmt::Display, value: impl ToString, limit: impl ToString) -> Bad {
        // Shortened: a file can hold a text of a mebibyte here, and its end helps nobody.
        Bad { what: format!("key {key}"), value: toml_file::shown(&value.to_string()), limit: limit.to_string() }
    }
}

/// Why a campaign file does not become a plan. Each in one line.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    #[error(
        "{path}: cannot be read: {source}; give the path of a campaign file, or write one to begin with by `trapline init`"
    )]
    Unreadable { path: String, source: io::Error },
    #[error("{path}: {message}")]
    Syntax { path: String, message: String },
    #[error("{path}: {bad}")]
    Value { path: String, bad: Bad },
    #[error("{path}: key {key}: {text}")]
    Material {
        path: String,
        key: String,
        /// The error in one line.
        text: String,
        error: Box<MaterialError>,
    },
}

impl CampaignError {
    /// Whether the system refused to read a file, rather than the file holding something wrong.
    pub fn is_io(&self) -> bool {
        match self {
            CampaignError::Unreadable { .. } => true,
            CampaignError::Material { error, .. } => matches!(**error, MaterialError::Unreadable { .. }),
            CampaignError::Syntax { .. } | CampaignError::Value { .. } => false,
        }
    }
}

/// Why a campaign does not run, or stops. The points finished until then stay in their folder.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{} exists; choose another name with -o, or replace it with --force", .0.display())]
    Exists(PathBuf),
    #[error("{} is {kind}, not a file; choose another name with -o", path.display())]
    NotAFile { path: PathBuf, kind: &'static str },
    #[error("{} is a file this campaign is read from; choose another name with -o", .0.display())]
    Input(PathBuf),
    #[error(
        "{} holds {points} finished points of an interrupted run (trapline show {}); go on with it by --resume, choose another name with -o, or discard them with --force",
        path.display(), first.display()
    )]
    Interrupted {
        path: PathBuf,
        points: usize,
        /// The first of them.
        first: PathBuf,
    },
    #[error(
        "{} cannot be resumed, its {points} points are of another run: {what}; take that back, choose another name with -o, or discard them with --force",
        path.display()
    )]
    Changed { path: PathBuf, points: usize, what: String },
    #[error("{} is complete, but {what}; choose another name with -o, or compute it again with --force", path.display())]
    Computed { path: PathBuf, what: String },
    #[error("{} belongs to a run that is still running; wait for it, or choose another name with -o", .0.display())]
    Running(PathBuf),
    #[error(
        "{} is there, and this file system has no locks that would tell whether a run still uses it; choose another name with -o, or discard it with --force",
        .0.display()
    )]
    NoLocks(PathBuf),
    #[error("{} is not a folder of points: {found}; remove that, or choose another name with -o", path.display())]
    NotParts { path: PathBuf, found: String },
    #[error("{} names no file; give one with -o, such as bake.h5", .0.display())]
    NoFile(PathBuf),
    #[error("{} cannot be written: {} is not a folder; make it, or choose another name with -o", path.display(), folder.display())]
    NoFolder { path: PathBuf, folder: PathBuf },
    #[error("{} {what}; choose another name with -o", path.display())]
    Name { path: PathBuf, what: String },
    #[error("point {number} ({material}, {temperature_c} °C): {source}")]
    Backend { number: usize, material: String, temperature_c: String, source: Box<BackendError> },
    #[error("point {number} ({material}, {temperature_c} °C), programmed through its wires: {source}")]
    Programming { number: usize, material: String, temperature_c: String, source: Box<ProgrammingError> },
    #[error("a point cannot be computed: {0}")]
    Job(#[from] JobError),
    #[error("the record of point {number} cannot be made: its dump does not have the shape of its window")]
    Dump { number: usize },
    #[error("the run was asked to end")]
    Ended,
    #[error("{source}; the {points} points finished before are kept in {}: go on with them by --resume", path.display())]
    Stopped { source: Box<RunError>, points: usize, path: PathBuf },
    #[error(transparent)]
    Taken(#[from] Taken),
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<KeepError> for RunError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Taken(taken) => taken.into(),
            KeepError::Commit(refused) => refused.into(),
        }
    }
}

impl From<CommitError> for RunError {
    fn from(error: CommitError) -> Self {
        RunError::Record(error.into())
    }
}
