//! `trapline show`.

use std::path::PathBuf;

use clap::Args;
use trapline::analysis::retention;
use trapline::record::{self, CampaignRecord, FileType, RecordError};

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
        let text = match record::file_type(&self.file)? {
            FileType::Campaign => campaign(&record::open_campaign(&self.file)?)?,
            FileType::Point => campaign(&record::open_point(&self.file)?.0)?,
            FileType::Unfinished => record::describe_unfinished(&record::open_unfinished(&self.file)?),
            FileType::Experiment => record::describe_experiment(&record::read_datasets(&self.file)?),
        };
        terminal::print(&text)
    }
}

fn campaign(found: &CampaignRecord) -> Result<String, RecordError> {
    Ok(format!("{}\n{}", record::describe(found)?, retention::table(&retention::summary(found))))
}
