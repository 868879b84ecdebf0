//! `trapline show`.

use std::path::PathBuf;

use clap::Args;
use trapline::analysis::retention;
use trapline::export;
use trapline::outcome::CampaignRecord;
use trapline::record::{self, Record, RecordError};

use super::reading::{self, Extent};
use super::{Failure, terminal};

/// Says what is in a record: where it comes from, its axes and datasets, and a summary of its numbers
#[derive(Debug, Args)]
pub struct Show {
    /// A record, or one of its points
    file: PathBuf,
    /// Prints the summary of a campaign's numbers, or all numbers of an experiment, as JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    /// Prints the description, and the summary of a campaign.
    ///
    /// # Errors
    /// [`Failure::Failed`] for what is no record of this program.
    pub fn run(self) -> Result<(), Failure> {
        if self.json {
            return self.as_json();
        }
        let text = match reading::open(&self.file, Extent::Summary)? {
            Record::Campaign(contents) | Record::Point(contents, _) => campaign(&contents)?,
            Record::Unfinished(contents) => record::describe_unfinished(&contents),
            Record::Experiment(contents) => record::describe_experiment(&contents),
        };
        terminal::print(&text)
    }
}

impl Show {
    fn as_json(&self) -> Result<(), Failure> {
        let contents = match reading::open(&self.file, Extent::Summary)? {
            Record::Campaign(contents) | Record::Point(contents, _) => contents,
            Record::Unfinished(contents) => {
                return terminal::print_json(&serde_json::json!({
                    "campaign": contents.label.name, "planned": contents.planned.len(), "finished": contents.finished(),
                }));
            }
            Record::Experiment(found) => {
                let label = &found.label;
                let names: Vec<&String> = label.materials.iter().map(|(name, _)| name).collect();
                let datasets: Vec<export::Labelled<'_>> = found.datasets.iter().map(|d| (&[][..], d)).collect();
                return terminal::print_json(&serde_json::json!({
                    "experiment": label.command,
                    "title": label.title,
                    "materials": names,
                    "seed": label.seed,
                    "datasets": export::json(&datasets),
                }));
            }
        };
        terminal::print_json(&serde_json::json!({
            "campaign": contents.label.name, "computed": contents.computed(), "points": retention::summary(&contents),
        }))
    }
}

fn campaign(contents: &CampaignRecord) -> Result<String, RecordError> {
    Ok(format!("{}\n{}", record::describe(contents)?, retention::table(&retention::summary(contents))))
}
