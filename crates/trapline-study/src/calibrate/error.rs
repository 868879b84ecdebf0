//! What can be wrong with a fit.

use crate::experiment::ExperimentError;
use trapline_model::csv_file::CsvError;
use trapline_model::material::MaterialError;
use trapline_model::material::draft::DraftError;

/// Why a fit could not be made, in one line.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// A file that cannot be read, or holds something else; the path, and what.
    #[error("{path}: {message}")]
    File { path: String, message: String },
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// The request makes no fit: its key, its value, the limit.
    #[error("{0}")]
    Request(String),
    #[error(transparent)]
    Material(#[from] MaterialError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
}

impl From<DraftError> for FitError {
    fn from(error: DraftError) -> FitError {
        match error {
            DraftError::Toml { origin, message } => FitError::File { path: origin, message },
            DraftError::Key(message) => FitError::Request(message),
        }
    }
}

impl FitError {
    pub(super) fn request(message: impl Into<String>) -> FitError {
        FitError::Request(message.into())
    }

    pub(super) fn file(path: &str, message: impl Into<String>) -> FitError {
        FitError::File { path: path.to_owned(), message: message.into() }
    }
}
