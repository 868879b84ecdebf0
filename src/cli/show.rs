//! `trapline show`.

use std::path::PathBuf;

use clap::Args;
use trapline::analysis::retention;
use trapline::record::{self, FileType};

use super::{Failure, terminal};

/// Says what is in a record: where it comes from, its axes and datasets, and a summary of its numbers
#[derive(Debug, Args)]
pub struct Show {
    /// A record, or one of its points
    file: PathBuf,
}

impl Show {
    /// Prints the description, and the summary of a campaign.
    ///
    /// # Errors
    /// [`Failure::Failed`] for what is no record of this program.
    pub fn run(self) -> Result<(), Failure> {
        let mut text = record::describe(&self.file)?;
        let campaign = match record::file_type(&self.file)? {
            FileType::Campaign => Some(record::open_campaign(&self.file)?),
            FileType::Point => Some(record::open_point(&self.file)?.0),
            FileType::Experiment => None,
        };
        if let Some(campaign) = campaign {
            text.push('\n');
            text.push_str(&retention::table(&retention::summary(&campaign)));
        }
        terminal::print(&text)
    }
}
