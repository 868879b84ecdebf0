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
        let mut text = record::describe(&self.file)?;
        let found = match record::open_campaign(&self.file) {
            // It was described, so it is a campaign or a point.
            Err(RecordError::FileType { .. }) => record::open_point(&self.file)?.0,
            other => other?,
        };
        text.push('\n');
        text.push_str(&retention::table(&retention::summary(&found)));
        terminal::print(&text)
    }
}
