//! `trapline run`.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use trapline::analysis::retention;
use trapline::backend::{self, Choice, Options};
use trapline::campaign::{self, Destination, Overrides, Plan};
use trapline::{figure, record};

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
    /// Rows, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::lines, allow_hyphen_values = true)]
    rows: Option<u64>,
    /// Columns, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::lines, allow_hyphen_values = true)]
    cols: Option<u64>,
    /// Seed, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    /// What computes
    #[arg(long, value_enum, default_value_t = BackendName::Auto)]
    backend: BackendName,
    /// Part of a GPU adapter's name, or its number in `trapline devices`
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// Device memory the GPU backend may take for a tile, in MiB or with a unit: 512MiB
    #[arg(long, value_name = "SIZE", value_parser = size::memory, allow_hyphen_values = true)]
    device_memory: Option<u64>,
    /// Threads of the CPU backend [default: one per core]
    #[arg(long, value_name = "N", value_parser = size::threads, allow_hyphen_values = true)]
    threads: Option<usize>,
    /// Instruction set of the CPU backend, as `trapline devices` lists them [default: the widest]
    #[arg(long, value_name = "NAME")]
    instruction_set: Option<String>,
    /// Draws no plot
    #[arg(long)]
    no_plot: bool,
    /// Prints the summary only: no progress, no remarks on the run
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BackendName {
    /// A real GPU where there is one, else the CPU
    Auto,
    /// f32 on the processor: vectors and threads
    Cpu,
    /// f32 on a GPU
    Gpu,
    /// f64, plain and slow
    Reference,
}

impl Run {
    /// Checks everything that can be checked before computing, computes, and says what was found.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let start = Instant::now();
        self.consistent()?;
        let plan = Plan::load(&self.file, &self.overrides())?;
        let output = self.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.h5", plan.label.name)));
        let destination = Destination::new(&output, !self.no_plot)?;
        destination.check(&plan.inputs, self.force)?;
        let backend = backend::open(&self.options())?;
        let claim = destination.claim(&plan.inputs, self.force)?;
        let note = |line: &str| {
            if !self.quiet {
                terminal::note(line);
            }
        };
        let who = backend.identity();
        let software = if who.software { ", in software on the host processor" } else { "" };
        note(&heading(&plan));
        note(&format!("{}: {} ({}){software}", who.backend, who.adapter, who.instruction_set));

        let bar = terminal::cells_bar(plan.cells(), self.quiet);
        let result = campaign::run(&plan, backend.as_ref(), claim, &|cells| bar.inc(cells));
        bar.finish_and_clear();
        result?;

        let found = record::open_campaign(&destination.record)?;
        let table = terminal::print(&retention::table(&retention::summary(&found)));
        let mut written = vec![destination.record.clone()];
        if !self.no_plot {
            written.extend(figure::retention(&found, &destination.figure_stem)?);
        }
        let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        note(&format!("wrote {} in {}", names.join(", "), terminal::waited(start.elapsed())));
        table
    }

    /// Options of one backend are refused beside the name of another: silence would let the user think they count.
    fn consistent(&self) -> Result<(), Failure> {
        let name = self.backend.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
        let refuse = |option: &str, of: &str| {
            Err(Failure::Usage(format!(
                "{option} is an option of the {of} backend; it cannot go with --backend {name}"
            )))
        };
        match self.backend {
            BackendName::Cpu | BackendName::Reference if self.adapter.is_some() => refuse("--adapter", "gpu"),
            BackendName::Cpu | BackendName::Reference if self.device_memory.is_some() => {
                refuse("--device-memory", "gpu")
            }
            BackendName::Gpu | BackendName::Reference if self.threads.is_some() => refuse("--threads", "cpu"),
            BackendName::Gpu | BackendName::Reference if self.instruction_set.is_some() => {
                refuse("--instruction-set", "cpu")
            }
            _ => Ok(()),
        }
    }

    fn overrides(&self) -> Overrides {
        Overrides { rows: self.rows, cols: self.cols, seed: self.seed }
    }

    fn options(&self) -> Options {
        Options {
            choice: match self.backend {
                BackendName::Auto => Choice::Auto,
                BackendName::Cpu => Choice::Cpu,
                BackendName::Gpu => Choice::Gpu,
                BackendName::Reference => Choice::Reference,
            },
            adapter: self.adapter.clone(),
            device_memory: self.device_memory,
            threads: self.threads,
            instruction_set: self.instruction_set.clone(),
        }
    }
}

fn heading(plan: &Plan) -> String {
    let label = &plan.label;
    format!(
        "{}: {} points ({} materials, {} temperatures) of {} x {} cells at {} times, seed {}",
        label.name,
        plan.points.len(),
        label.materials.len(),
        label.temperatures_k.len(),
        label.rows,
        label.cols,
        label.times_s.len(),
        label.seed
    )
}
