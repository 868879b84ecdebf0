//! `trapline run`.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use trapline::analysis::retention;
use trapline::campaign::{self, Destination, Existing, Overrides, Plan, Shard};
use trapline::{figure, record};

use super::computing::{self, Computing};
use super::{Failure, size, terminal};

/// Runs a campaign and writes its record, a summary and a plot
#[derive(Debug, Args)]
pub struct Run {
    /// The campaign file
    file: PathBuf,
    /// The record to write; the plots go beside it, as .png and .svg [default: the campaign's name and .h5]
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replaces outputs that exist, and the points of an interrupted run
    #[arg(long)]
    force: bool,
    /// Goes on with an interrupted run of the same campaign: its finished points are kept
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    /// Rows, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::lines, allow_hyphen_values = true)]
    rows: Option<u64>,
    /// Columns, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::lines, allow_hyphen_values = true)]
    cols: Option<u64>,
    /// Seed, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    /// Computes one piece of so many, of equal work: 3/16. The record is OUT-03-of-16.h5; `trapline merge` puts pieces together
    #[arg(long, value_name = "N/OF")]
    shard: Option<Shard>,
    #[command(flatten)]
    computing: Computing,
    /// Draws no plot
    #[arg(long)]
    no_plot: bool,
    /// Prints the summary only: no progress, no remarks on the run
    #[arg(long, short)]
    quiet: bool,
}

impl Run {
    /// Checks everything that can be checked before computing, computes, and says what was found.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let start = Instant::now();
        self.computing.consistent()?;
        let mut plan = Plan::load(&self.file, &self.overrides())?;
        let mut output = self.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.h5", plan.label.name)));
        if let Some(shard) = self.shard {
            output = Destination::of_shard(&output, shard);
            plan = plan.shard(shard);
        }
        let draws = !self.no_plot && self.shard.is_none();
        let destination = Destination::new(&output, draws)?;
        let existing = match (self.force, self.resume) {
            (true, _) => Existing::Replace,
            (_, true) => Existing::Resume,
            _ => Existing::Keep,
        };
        let note = |line: &str| {
            if !self.quiet {
                terminal::note(line);
            }
        };
        let maybe_finished = self.resume && destination.record.exists();
        if !maybe_finished {
            destination.check(&plan.inputs, existing)?;
        }
        let backend = self.computing.open()?;
        if maybe_finished && destination.is_finished(&plan, &backend.identity())? {
            note(&format!("{} is complete: nothing is left to compute", destination.record.display()));
            let drawn = !draws || destination.figures.iter().any(|figure| figure.symlink_metadata().is_ok());
            return report(&destination, !drawn).map(drop);
        }
        let claim = destination.claim(&plan, &backend.identity(), existing)?;
        note(&heading(&plan));
        note(&computing::heading(&backend.identity()));
        if claim.taken_over() > 0 {
            note(&format!("{} of {} points are there already", claim.taken_over(), plan.numbers.len()));
        }

        let bar = terminal::bar(plan.cells(), "cells", self.quiet);
        // Neither the rate nor the time that is left knows of what was there before.
        bar.set_position(plan.cells_of(claim.done()));
        bar.reset_eta();
        let result = campaign::run(&plan, backend.as_ref(), claim, &|cells| bar.inc(cells));
        bar.finish_and_clear();
        result?;

        let written = report(&destination, draws)?;
        note(&format!("wrote {} in {}", written.join(", "), terminal::waited(start.elapsed())));
        Ok(())
    }

    fn overrides(&self) -> Overrides {
        Overrides { rows: self.rows, cols: self.cols, seed: self.seed }
    }
}

fn heading(plan: &Plan) -> String {
    let label = &plan.label;
    let points = match plan.numbers.len() {
        all if all == plan.points.len() => format!("{all} points"),
        some => format!("{some} of {} points", plan.points.len()),
    };
    let cases = plan.points.len() / (label.materials.len() * label.temperatures_k.len());
    let swept = if label.sweeps.is_empty() { String::new() } else { format!("{cases} places of the sweeps, ") };
    let size = match label.common(|of| (of.rows, of.cols)) {
        Some((rows, cols)) => format!("of {rows} x {cols} cells"),
        None => "of several sizes".to_owned(),
    };
    let seed = label.common(|of| of.seed).map_or_else(String::new, |seed| format!(", seed {seed}"));
    format!(
        "{}: {points} ({swept}{} materials, {} temperatures) {size} at {} times{seed}",
        label.name,
        label.materials.len(),
        label.temperatures_k.len(),
        label.times_s.len(),
    )
}

/// Prints the summary of the record and draws its figures where they are wanted; the names of the files.
fn report(destination: &Destination, draw: bool) -> Result<Vec<String>, Failure> {
    let found = record::open_campaign(&destination.record)?;
    let table = terminal::print(&retention::table(&retention::summary(&found)));
    let mut written = vec![destination.record.clone()];
    if draw {
        written.extend(figure::retention(&found, &destination.figure_stem)?);
    }
    table?;
    Ok(written.iter().map(|path| path.display().to_string()).collect())
}
