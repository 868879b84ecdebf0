//! `trapline merge`.

use std::path::PathBuf;

use clap::Args;
use trapline::campaign;
use trapline::files::commit::Batch;
use trapline::record::{Held, Trust};
use trapline::text::counted;

use super::reading::{self, Extent};
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
    /// Leaves histograms, series and dumps in the pieces, which must then stay where they are: virtual datasets lead
    /// there
    #[arg(long = "virtual")]
    linked: bool,
    /// Prints what was done as JSON
    #[arg(long)]
    json: bool,
    /// Says nothing where all went well
    #[arg(long, short)]
    quiet: bool,
}

impl Merge {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let output = [self.output.clone()];
        outputs::record_name(&self.output)?;
        outputs::free(&output, self.force)?;
        outputs::not_inputs(&output, &self.pieces)?;
        let held = if self.linked { Held::Virtual } else { Held::Copied };
        self.pieces.iter().try_for_each(|piece| reading::may_be_read(piece, Extent::Everything))?;
        let mut batch = Batch::new();
        let merged = campaign::stage_merge(
            &mut batch,
            &self.pieces,
            &self.output,
            self.partial,
            held,
            Trust::Unsealed,
            trapline::PROGRAM,
        )?;
        let is_h5 = self.output.extension().is_some_and(|end| end == "h5");
        let stem = if is_h5 { self.output.with_extension("") } else { self.output.clone() };
        outputs::place(batch, self.force, &stem)?;
        if self.json {
            return terminal::print_json(&serde_json::json!({
                "written": self.output, "computed": merged.points, "points": merged.of, "remarks": merged.remarks,
            }));
        }
        for remark in merged.remarks {
            terminal::note(&remark);
        }
        if !self.quiet {
            terminal::note(&format!(
                "wrote {}: {} of {}",
                self.output.display(),
                merged.points,
                counted(merged.of, "point")
            ));
        }
        Ok(())
    }
}
