//! `trapline merge`.

use std::path::PathBuf;

use clap::Args;
use trapline::campaign;

use super::{Failure, outputs, terminal};

/// Puts records of shards, and what is finished of campaigns in progress, together into one record
#[derive(Debug, Args)]
pub struct Merge {
    /// The pieces
    #[arg(required = true)]
    pieces: Vec<PathBuf>,
    /// The record to write
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
    /// Replaces a record that exists
    #[arg(long)]
    force: bool,
    /// Writes the record though points are missing; in it they are told apart by `computed`
    #[arg(long)]
    partial: bool,
    /// Says nothing where all went well
    #[arg(long, short)]
    quiet: bool,
}

impl Merge {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let output = [self.output.clone()];
        outputs::free(&output, self.force)?;
        outputs::not_inputs(&output, &self.pieces)?;
        let merged = campaign::merge(&self.pieces, &self.output, self.partial)?;
        for remark in merged.remarks {
            terminal::note(&remark);
        }
        if !self.quiet {
            terminal::note(&format!("wrote {}: {} of {} points", self.output.display(), merged.points, merged.of));
        }
        Ok(())
    }
}
