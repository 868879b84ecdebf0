//! `trapline show`.

use std::path::PathBuf;

use clap::Args;
use trapline::analysis::retention;
use trapline::record::{self, RecordError};

use super::{Failure, terminal};

/// Says what is in a record: where it comes from, its axes and datasets, and a summary of its numbers
#[derive(Debug, Args)]
pub struct Show {
    /// A record, or one of its points
    file: PathBuf,
}

impl Show {
    /// Prints the description and the summary.
    ///
    /// # Errors
    /// [`Failure::Failed`] for what is no record of this program.
    pub fn run(self) -> Result<(), Failure> {
        let found = match record::open_campaign(&self.file) {
            // Perhaps a point; what is neither is refused as no campaign.
            Err(error @ RecordError::FileType { .. }) => match record::open_point(&self.file) {
                Err(RecordError::FileType { .. }) => return Err(error.into()),
                point => point?.0,
            },
            other => other?,
        };
        let mut text = record::describe(&found)?;
        text.push('\n');
        text.push_str(&retention::table(&retention::summary(&found)));
        terminal::print(&text)
    }
}
