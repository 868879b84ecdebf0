//! `trapline bench`.

use std::cell::Cell;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use trapline::analysis::benchmark::{self, Benchmark};
use trapline::experiment::bench::{self, Plan, Watch};
use trapline::figure::{Look, benchmark as figures};
use trapline::files::commit::Batch;
use trapline::report::{Attachment, benchmark_page};

use super::drawing::Looks;
use super::everyone::Everyone;
use super::{Failure, outputs, size, terminal};

/// Lines of the arrays, and seconds for each measurement, where nothing else is asked for.
const LINES: [u64; 9] = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];
const SECONDS: f64 = 2.0;
/// The same of `--quick`.
const QUICK_LINES: [u64; 3] = [32, 128, 512];
const QUICK_SECONDS: f64 = 0.2;
/// The largest size for what is slow, where no sizes are asked for.
const SMALL_LINES: u64 = 256;
const QUICK_SMALL_LINES: u64 = 32;

const PAGE: &str = "index.html";
/// Files beside the page, and what they hold.
const FILES: [(&str, &str); 3] = [
    ("bench.json", "devices, limits, measurements and what follows from them, with all digits"),
    ("bench.csv", "a row for each measurement, with the limits of its device"),
    ("p3.csv", "application, platform, problem and time to solution in s, for Intel's p3-analysis library"),
];

const MORE: &str = "\
Times go from the job to the numbers on the host, read-back included, set-up and compilation before; --json and the \
files have both. A size of which a call would take longer than --seconds is left out, and said so. docs/performance.md \
says what is measured, how, and how to read it.";

/// Measures backends over sizes: times with bounds, limits of the devices, rooflines, where a GPU overtakes the
/// processor
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub struct Bench {
    #[command(flatten)]
    everyone: Everyone,
    /// Rows and columns of the arrays, by doubling or as a list: 64..16384, or 64,100,256 [default: 64..16384;
    /// 32,128,512 with --quick]
    #[arg(long, value_name = "SIZES", value_parser = size::sizes, conflicts_with = "lines", allow_hyphen_values = true)]
    sizes: Option<size::Sizes>,
    /// One size only
    #[arg(long, value_name = "N", value_parser = size::lines, allow_hyphen_values = true)]
    lines: Option<u64>,
    /// Half a minute: fewer sizes, less time for each measurement
    #[arg(long)]
    quick: bool,
    /// When a measurement ends that has not come within 2 % [default: 2; 0.2 with --quick]
    #[arg(long, value_name = "S", value_parser = size::seconds, allow_hyphen_values = true)]
    seconds: Option<f64>,
    /// Instruction set of the CPU backend, as `trapline devices` lists them [default: the widest]
    #[arg(long, value_name = "NAME")]
    instruction_set: Option<String>,
    /// Folder for index.html, its figures, bench.json, bench.csv and p3.csv
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Replaces what an earlier benchmark left in the folder
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    looks: Looks,
    /// Prints the results only
    #[arg(long, short)]
    quiet: bool,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    /// Measures everything in turn, prints what was found, and writes the files.
    ///
    /// # Errors
    /// A backend that fails; files that are there.
    pub fn run(self) -> Result<(), Failure> {
        let look = self.looks.look(self.output.is_some())?;
        if let Some(folder) = &self.output {
            self.check(folder)?;
        }
        let candidates = self.everyone.candidates(self.instruction_set.as_deref())?;
        // What cannot be opened is told before anything is measured.
        for candidate in &candidates {
            candidate.open()?;
        }
        let plan = self.plan();
        let progress = Progress::new(plan.measurements(&candidates), plan.seconds, self.quiet || self.json);
        progress.begin(&plan);
        let found = bench::run(&candidates, &plan, trapline::PROGRAM, &progress)?;
        progress.end();
        let files = self.output.as_ref().zip(look.as_ref());
        let written = files.map(|(folder, look)| self.write(&found, folder, look)).transpose();
        if self.json {
            terminal::print_json(&found)?;
        } else {
            terminal::print(&said(&found))?;
        }
        // What was measured is printed even if its files cannot be written.
        if let (Some(count), Some(folder), false) = (written?, &self.output, self.quiet) {
            let (shown, page) = (folder.display(), folder.join(PAGE));
            terminal::note(&format!("wrote {count} files in {shown}; look at {}", page.display()));
        }
        Ok(())
    }

    fn plan(&self) -> Plan {
        let asked = self.sizes.as_ref().map(|sizes| sizes.0.clone()).or(self.lines.map(|lines| vec![lines]));
        let (lines, seconds, small) = match self.quick {
            true => (&QUICK_LINES[..], QUICK_SECONDS, QUICK_SMALL_LINES),
            false => (&LINES[..], SECONDS, SMALL_LINES),
        };
        Plan {
            small_lines: asked.is_none().then_some(small),
            lines: asked.unwrap_or_else(|| lines.to_vec()),
            seconds: self.seconds.unwrap_or(seconds),
        }
    }

    /// Before anything is measured: that the folder is one, and holds nothing that would be replaced.
    fn check(&self, folder: &Path) -> Result<(), Failure> {
        if folder.exists() && !folder.is_dir() {
            return Err(Failure::Usage(format!("{}: is no folder; choose another one with -o", folder.display())));
        }
        if folder.is_dir() {
            outputs::free(&names().map(|name| folder.join(name)).collect::<Vec<_>>(), self.force)?;
        }
        Ok(())
    }

    /// Writes the page and what lies beside it; the number of files.
    fn write(&self, found: &Benchmark, folder: &Path, look: &Look) -> Result<usize, Failure> {
        std::fs::create_dir_all(folder).map_err(|e| {
            Failure::Failed(format!("{}: cannot be made: {e}; choose another folder with -o", folder.display()))
        })?;
        let mut batch = Batch::new();
        let texts = [terminal::json(found)?, benchmark::csv(found), benchmark::p3_csv(found)];
        for ((name, _), text) in FILES.iter().zip(texts) {
            batch.text(&folder.join(name), &text)?;
        }
        let drawn = figures::benchmark(found);
        figures::stage(&mut batch, &drawn, folder, look)?;
        let beside: Vec<Attachment> = FILES.iter().map(|&(name, holds)| Attachment { name, holds }).collect();
        batch.text(&folder.join(PAGE), &benchmark_page(found, &drawn, &beside)?)?;
        let written = batch.destinations();
        outputs::place(batch, self.force, folder)?;
        if self.force {
            outputs::remove(names().map(|name| folder.join(name)).filter(|path| !written.contains(path)))?;
        }
        Ok(written.len())
    }
}

/// Everything that may lie in a benchmark's folder.
fn names() -> impl Iterator<Item = String> {
    outputs::names(FILES.iter().map(|(name, _)| *name).chain([PAGE]), figures::NAMES)
}

fn said(found: &Benchmark) -> String {
    let lines = [benchmark::summary(found), benchmark::remarks(found)].concat();
    format!("{}\n{}\n", benchmark::table(found), lines.join("\n"))
}

/// How far the benchmark is: a bar on a terminal, a line for each device elsewhere.
struct Progress {
    bar: ProgressBar,
    /// Lines on the standard error: not quiet.
    speaks: bool,
    start: Instant,
    seconds: f64,
    left: Cell<usize>,
}

impl Progress {
    fn new(measurements: usize, seconds: f64, quiet: bool) -> Progress {
        let bar = terminal::bar(measurements as u64, "measurements", quiet);
        Progress { bar, speaks: !quiet, start: Instant::now(), seconds, left: Cell::new(measurements) }
    }

    fn begin(&self, plan: &Plan) {
        if self.speaks {
            let sizes: Vec<String> = plan.lines.iter().map(u64::to_string).collect();
            self.note(&format!("arrays of {} lines, {} s for a measurement", sizes.join(", "), plan.seconds));
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
        if self.speaks {
            terminal::note(&format!("measured in {}", terminal::waited(self.start.elapsed())));
        }
    }

    /// Time that is left, s: by the time that was taken so far, and before that by the longest of each measurement.
    fn left_s(&self) -> f64 {
        let (left, all) = (self.left.get(), self.bar.length().unwrap_or_default() as usize);
        let each_s = match all.saturating_sub(left) {
            0 => self.seconds,
            done => self.start.elapsed().as_secs_f64() / done as f64,
        };
        left as f64 * each_s
    }

    /// A line that leaves the bar below it whole.
    fn note(&self, line: &str) {
        self.bar.suspend(|| terminal::note(line));
    }
}

impl Watch for Progress {
    fn device(&self, name: &str, number: usize, of: usize) {
        if self.speaks {
            // A hidden bar leaves no time to be read.
            let left = match std::io::stderr().is_terminal() {
                true => String::new(),
                false => format!(", about {} left", terminal::about(self.left_s())),
            };
            self.note(&format!("measuring {name} ({} of {of}){left}", number + 1));
        }
    }

    fn done(&self, measurements: usize) {
        self.bar.inc(measurements as u64);
        self.left.set(self.left.get().saturating_sub(measurements));
    }
}
