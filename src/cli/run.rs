//! `trapline run`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use trapline::analysis::retention;
use trapline::backend::Backend;
use trapline::campaign::{self, Destination, Existing, Overrides, Plan, RunError, Shard, estimate};
use trapline::figure::{self, Look};
use trapline::files::commit::Batch;
use trapline::report::stage_figure;
use trapline::text::counted;
use trapline::{options, record};

use super::computing::{self, Computing};
use super::drawing::Drawing;
use super::electrons::Electrons;
use super::progress::{Log, Progress};
use super::reading::{self, Extent};
use super::{Failure, interrupt, outputs, size, terminal};

/// Runs a campaign and writes its record, a summary and a plot
#[derive(Debug, Args)]
pub struct Run {
    /// The campaign file
    pub(super) file: PathBuf,
    /// The record to write; the plots go beside it, as .png and .svg, with their numbers as .figure.csv [default: the campaign's name and .h5]
    #[arg(long, short, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    /// Replaces outputs that exist, and the points of an interrupted run
    #[arg(long)]
    pub(super) force: bool,
    /// Goes on with an interrupted run of the same campaign: its finished points are kept
    #[arg(long, conflicts_with = "force")]
    pub(super) resume: bool,
    #[command(flatten)]
    pub(super) changes: Changes,
    /// Computes one piece of so many, of equal work: 3/16. The record is OUT-03-of-16.h5; `trapline merge` puts
    /// pieces together
    #[arg(long, value_name = "N/OF")]
    pub(super) shard: Option<Shard>,
    #[command(flatten)]
    pub(super) computing: Computing,
    /// Draws no plot
    #[arg(long)]
    pub(super) no_plot: bool,
    #[command(flatten)]
    pub(super) drawing: Drawing,
    /// Prints the summary only: no progress, no remarks on the run
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Prints the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Prints no summary: of a study, which has its own.
    #[arg(skip)]
    pub(super) no_summary: bool,
    /// Appends what happens, with times, to this file: start, each finished point with the time left, the end. A device
    /// that takes characters or a stream of the process will do too (/dev/stderr), a pipe that lies at a path will not
    #[arg(long, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,
}

/// What the command line puts in the place of the campaign file's values.
#[derive(Debug, Clone, Args)]
pub struct Changes {
    /// Rows, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::lines, allow_hyphen_values = true)]
    rows: Option<u64>,
    /// Columns, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::lines, allow_hyphen_values = true)]
    cols: Option<u64>,
    /// Seed, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    /// How the electrons of cells are taken, in the place of the file's
    #[arg(long, value_enum, value_name = "HOW")]
    electrons: Option<Electrons>,
}

impl Changes {
    pub fn overrides(&self) -> Overrides {
        let electrons = self.electrons.map(Electrons::of_file);
        Overrides { rows: self.rows, cols: self.cols, seed: self.seed, electrons }
    }
}

impl Run {
    /// Checks everything that can be checked before computing, computes, and says what was found.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let log = Log::open(self.log.as_deref())?;
        let result = self.logged(&log);
        if let Err(failure) = &result
            && let Some(message) = failure.message()
        {
            log.line(&format!("failed: {message}"));
        }
        result
    }

    fn logged(self, log: &Log) -> Result<(), Failure> {
        let start = Instant::now();
        self.computing.consistent()?;
        let mut plan = Plan::load(&self.file, &self.changes.overrides())?;
        let mut output = self.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.h5", plan.label.name)));
        if let Some(shard) = self.shard {
            output = Destination::of_shard(&output, shard);
            plan = plan.shard(shard);
        }
        if self.shard.is_some() && self.drawing.is_asked() {
            let file = self.file.display();
            return Err(Failure::Usage(format!(
                "a shard draws no figure: leave out how figures look, and draw the merged record with trapline run {file} -o MERGED --resume"
            )));
        }
        let draws = !self.no_plot && self.shard.is_none();
        let look = self.drawing.look(draws)?;
        let endings = look.as_ref().map_or(&[][..], Look::endings);
        let destination = Destination::new(&output, endings)?;
        let existing = match (self.force, self.resume) {
            (true, _) => Existing::Replace,
            (_, true) => Existing::Resume,
            _ => Existing::Keep,
        };
        let note = |line: &str| {
            log.line(line);
            if !self.quiet {
                terminal::note(line);
            }
        };
        // An existing output is opened to see whether it really is a record.
        if destination.record.is_file() {
            reading::survive(&destination.record, Extent::Summary)?;
        }
        let maybe_finished = self.resume && destination.record.exists();
        if !maybe_finished {
            destination.check(&plan.inputs, existing)?;
        }
        outputs::record_name(&output)?;
        let backend = self.computing.open()?;
        if maybe_finished && destination.is_finished(&plan, &backend.identity(), trapline::PROGRAM)? {
            note(&format!("{} is complete: nothing is left to compute", destination.record.display()));
            let is_there = |figure: &&PathBuf| figure.symlink_metadata().is_ok();
            let there: Vec<&PathBuf> = destination.figures.iter().filter(is_there).collect();
            let drawn = !there.is_empty();
            if drawn && (there.len() < destination.figures.len() || self.drawing.is_asked()) {
                let names: Vec<_> = there.iter().map(|figure| figure.display().to_string()).collect();
                note(&format!(
                    "{} stays as it is; remove what is there of the figure to have it drawn anew",
                    names.join(", ")
                ));
            }
            let figure = look.as_ref().filter(|_| !drawn).map(|look| (destination.figure_stem.as_path(), look));
            return if self.no_summary {
                Ok(())
            } else {
                report(&destination.record, figure, false, self.json).map(drop)
            };
        }
        options::can_compute(&backend.identity().backend, &plan, &self.file)?;
        let claim = destination.claim(&plan, &backend.identity(), trapline::PROGRAM, existing)?;
        note(&heading(&plan));
        note(&computing::heading(&backend.identity()));
        if plan.numbers.is_empty() {
            note(&format!("there are more shards than the {} points: this one has none", plan.points.len()));
        }
        if claim.taken_over() > 0 {
            note(&format!("{} of {} points are there already", claim.taken_over(), plan.numbers.len()));
        }

        let missing: Vec<usize> =
            plan.numbers.iter().copied().filter(|number| !claim.done().contains(number)).collect();
        if let Some(long) = long(&plan, backend.as_ref(), &missing)? {
            // A run of more than a day is announced even with --quiet.
            log.line(&long);
            terminal::note(&long);
        }
        interrupt::say_at_end(kept(&destination, log));

        let replaces = destination.replaces(existing);
        let progress = Progress::new(&plan, claim.done(), &destination.parts, log.clone(), self.quiet);
        let result = campaign::run(&plan, backend.as_ref(), claim, &progress);
        progress.end();
        let (destination, taken) = match result {
            Ok(()) => (destination, None),
            // The record is complete, but under another name.
            Err(RunError::Taken(taken)) => (Destination::new(&taken.kept[0], endings)?, Some(RunError::Taken(taken))),
            Err(error) => return Err(error.into()),
        };

        let figure = look.as_ref().map(|look| (destination.figure_stem.as_path(), look));
        let written = match self.no_summary {
            true => vec![destination.record.display().to_string()],
            false => report(&destination.record, figure, replaces, self.json)?,
        };
        if let Some(taken) = taken {
            return Err(taken.into());
        }
        if !self.no_summary && !plan.label.circuit_times_s.is_empty() {
            note(
                "what arrays are worth through their wires is in the record's circuit_ datasets: docs/figures-of-merit.md",
            );
        }
        note(&format!("wrote {} in {}", written.join(", "), terminal::waited(start.elapsed())));
        Ok(())
    }
}

/// What is going to be computed, in one line.
pub fn heading(plan: &Plan) -> String {
    let label = &plan.label;
    let points = match plan.numbers.len() {
        all if all == plan.points.len() => counted(all, "point"),
        some => format!("{some} of {}", counted(plan.points.len(), "point")),
    };
    let cases = plan.points.len() / (label.materials.len() * label.temperatures_k.len());
    let swept =
        if label.sweeps.is_empty() { String::new() } else { format!("{} of the sweeps, ", counted(cases, "place")) };
    let size = match label.common(|of| (of.rows, of.cols)) {
        Some((rows, cols)) => format!("of {rows} x {cols} cells"),
        None => "of several sizes".to_owned(),
    };
    let seed = label.common(|of| of.seed).map_or_else(String::new, |seed| format!(", seed {seed}"));
    format!(
        "{}: {points} ({swept}{}, {}) {size} at {}{seed}",
        label.name,
        counted(label.materials.len(), "material"),
        counted(label.temperatures_k.len(), "temperature"),
        counted(label.times_s.len(), "time"),
    )
}

/// Cell-steps that no backend does in less than minutes: below them nothing is measured beforehand.
const MANY_STEPS: u64 = 20_000_000_000;
const DAY_S: f64 = 86_400.0;

/// A line for a campaign that takes more than a day, by a measurement of its own points on this backend.
fn long(plan: &Plan, backend: &dyn Backend, numbers: &[usize]) -> Result<Option<String>, Failure> {
    if plan.work_of(numbers) < MANY_STEPS {
        return Ok(None);
    }
    let seconds = estimate::time(plan, backend, numbers)?.seconds;
    let warning = || {
        let time = terminal::about(seconds);
        format!(
            "this takes about {time}, by a quick measurement: `trapline plan` says more, --shard and `trapline slurm` divide it"
        )
    };
    Ok((seconds > DAY_S).then(warning))
}

/// What to say when the run is told to end: where its points are.
fn kept(destination: &Destination, log: &Log) -> impl Fn() -> String + Send + 'static {
    let (destination, log) = (destination.clone(), log.clone());
    move || {
        let said = match destination.finished() {
            0 if destination.record.exists() && !destination.parts.exists() => {
                format!("{} is whole", destination.record.display())
            }
            0 => "no point was finished".to_owned(),
            points => {
                let parts = destination.parts.display();
                format!("{points} finished points are kept in {parts}; the same command with --resume goes on")
            }
        };
        log.line(&format!("stopped by a signal: {said}"));
        said
    }
}

/// Prints the summary of the record and draws its figure where a stem is given; the names of the files.
fn report(path: &Path, figure: Option<(&Path, &Look)>, replaces: bool, json: bool) -> Result<Vec<String>, Failure> {
    let record_read = record::open_campaign(path)?;
    let mut rows = retention::summary(&record_read);
    // The record of a shard holds no values for the points of other shards.
    rows.retain(|row| row.computed);
    let printed = if json { Ok(()) } else { terminal::print(&retention::table(&rows)) };
    let mut written = vec![path.to_owned()];
    let drawn = figure.map_or(Ok(Vec::new()), |(stem, look)| {
        let mut batch = Batch::new();
        let figures = stage_figure(&mut batch, &figure::retention(&record_read, stem)?, stem, look)?;
        outputs::place(batch, replaces, stem).map(|()| figures)
    });
    written.extend(drawn.iter().flatten().cloned());
    let written: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    if json {
        let points = serde_json::json!({
            "campaign": record_read.label.name, "written": written, "computed": record_read.computed(), "points": rows,
        });
        terminal::print_json(&points)?;
    }
    printed.and(drawn)?;
    Ok(written)
}
