//! `trapline fit`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use trapline::backend::Backend;
use trapline::backend::cpu::Cpu;
use trapline::backend::reference::Reference;
use trapline::calibrate::claim::Role;
use trapline::calibrate::file::{self, Fit as FitPlan};
use trapline::calibrate::parameter::Parameter;
use trapline::calibrate::target::Aim;
use trapline::calibrate::{self, FitError, FitResult, Problem, Search, picture, report};
use trapline::figure::Look;
use trapline::files::commit::Batch;
use trapline::material::{self, Material};

use super::drawing::Drawing;
use super::{Failure, computing, outputs, size, terminal};

mod spread;

const MORE: &str = "\
A fit file lists what is fitted ([[parameter]]: a key of the material's file with its bounds) and to what ([[target]]: slopes, \
currents, energies, retention, measured curves as CSV, claims of the source paper); docs/fit.md has every key and an example. \
Without a fit file, --parameter and --claims say both. With [spread] and [[devices]] in it, the curves of many devices say what [variation] of the \
material is.

The new material is the old one with the fitted values, comments and order kept. It is written also where targets are missed or \
the search did not converge. Exit codes: 0 when the search converged, every target is met and no parameter ends at a bound; 1 when one of these is \
not so; 2 for wrong usage.";

/// Fits numbers of a material to measurements or published values, and says which of them the data cannot tell
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub struct Fit {
    /// What is fitted to what: TOML
    #[arg(value_name = "FITFILE")]
    file: Option<PathBuf>,
    /// A shipped material by name, or a file by path
    #[arg(long, value_name = "NAME")]
    material: String,
    /// A further parameter: a key of the material's file and its bounds, capture.stay_midpoint=2.5..3.5
    #[arg(long = "parameter", value_name = "KEY=LOWER..UPPER")]
    parameters: Vec<String>,
    /// Claims of the source paper as further targets: their ids (claims/paper.toml), or all that speak of the material
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    claims: Vec<String>,
    /// The shipped material whose claims these are [default: pi-ws2-ns for a material that hops, else pi-ws2-qd]
    #[arg(long, value_name = "NAME")]
    claims_as: Option<String>,
    /// What simulates: the reference in f64, or the CPU backend in f32
    #[arg(long, value_enum, default_value_t = BackendName::Reference)]
    backend: BackendName,
    /// Starts of the search: the first at the material's values, the others anywhere between the bounds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    starts: u32,
    /// Seed of the further starts
    #[arg(long, value_name = "N", value_parser = size::seed, default_value = "1", allow_hyphen_values = true)]
    seed: u64,
    /// Simulations of all targets from each start
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_evaluations: u32,
    /// Significant digits that fitted values are rounded to
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=17))]
    digits: Option<u32>,
    /// The material to write; with measured curves, a plot goes beside it, as .png and .svg
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replaces outputs that exist
    #[arg(long)]
    force: bool,
    /// Draws no plot
    #[arg(long)]
    no_plot: bool,
    #[command(flatten)]
    drawing: Drawing,
    /// Prints the fit as JSON
    #[arg(long)]
    json: bool,
    /// Prints the fit only
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BackendName {
    Reference,
    Cpu,
}

impl Fit {
    /// Fits, prints, and writes the material; exit code 1 where the search did not converge, a target is missed or a
    /// parameter ends at a bound.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let start = Instant::now();
        let material = material::load(&self.material, Path::new(".")).map_err(|e| Failure::Usage(e.to_string()))?;
        let plan = self.plan(&material)?;
        let found = plan.spread.clone();
        let name = self.name(&material)?;
        let drawn = self.output.is_some() && !self.no_plot;
        let look = self.drawing.look(drawn)?.filter(|_| {
            found.is_some() || plan.targets.iter().any(|t| matches!(t.aim, Aim::Iv(_) | Aim::Retention(_)))
        });
        // The material itself may be brought up to date; the table beside it may not.
        let table = material::inputs(&material, &self.material, Path::new(".")).into_iter().skip(1);
        let inputs = plan.inputs.iter().cloned().chain(table).collect::<Vec<_>>();
        let reference = Reference;
        let cpu;
        let backend: &(dyn Backend + Sync) = match self.backend {
            BackendName::Reference => &reference,
            BackendName::Cpu => {
                cpu = Cpu::open(None, None)?;
                &cpu
            }
        };
        if let Some(of) = found {
            return self.find_spread(start, &material, &plan, &of, &inputs, (backend, look.as_ref()));
        }
        self.nothing_is_there(&inputs, look.as_ref())?;
        plan.targets.iter().filter_map(|target| target.aim.read_as()).for_each(|line| self.note(line));
        self.note(&computing::heading(&backend.identity()));
        let digits = self.digits.map(|digits| digits as usize);
        let problem = Problem::new(&material, &self.material, plan, digits, backend)?;
        let search = Search { starts: self.starts, seed: self.seed, max_evaluations: self.max_evaluations as usize };
        let result = calibrate::run(&problem, &search)?;
        terminal::print(&if self.json { json(&result)? } else { report::text(&result) })?;
        if let Some(path) = &self.output {
            let text = calibrate::material_text(&problem, &result, &name, &self.from(), &self.command());
            // What was written must be read again, by this very program.
            material::parse(&text, &path.display().to_string()).map_err(|e| Failure::Failed(e.to_string()))?;
            let (mut batch, stem) = (Batch::new(), path.with_extension(""));
            batch.text(path, &text)?;
            let figure = picture::plate(&result, &name).map(|plate| (stem.clone(), plate));
            let written = outputs::place_drawn(batch, self.force, &stem, look.as_ref(), figure)?;
            let written: Vec<String> = written.iter().map(|p| p.display().to_string()).collect();
            self.note(&format!("wrote {} in {}", written.join(", "), terminal::waited(start.elapsed())));
        }
        verdict(&result)
    }

    fn note(&self, line: &str) {
        if !self.quiet {
            terminal::note(line);
        }
    }

    /// The fit file with what the call adds.
    fn plan(&self, material: &Material) -> Result<FitPlan, FitError> {
        let mut plan = match &self.file {
            Some(path) => file::read(path)?,
            None => FitPlan::default(),
        };
        if let Some(name) = &self.claims_as {
            plan.claims_as = Some(Role::named(name)?);
        }
        for text in &self.parameters {
            plan.parameters.push(Parameter::parse(text)?);
        }
        let role = plan.claims_as.unwrap_or_else(|| Role::of(material));
        plan.add_claims(&self.claims, role)?;
        Ok(plan)
    }

    /// The new material's name: that of its file.
    fn name(&self, material: &Material) -> Result<String, Failure> {
        let Some(path) = &self.output else {
            return Ok(material.name.clone());
        };
        if path.to_str().is_none() {
            return Err(Failure::Usage(format!("-o {} is no UTF-8; choose a name that is", path.display())));
        }
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if path.extension().is_none_or(|end| end != "toml") {
            return Err(Failure::Usage(format!(
                "-o {} is no name of a material file; it must end in .toml",
                path.display()
            )));
        }
        calibrate::check_name(&stem)?;
        Ok(stem)
    }

    /// What the values come from, for their sources.
    fn from(&self) -> String {
        match &self.file {
            Some(path) => path.display().to_string(),
            None => "claims of the source paper".to_owned(),
        }
    }

    /// The call, as it is typed.
    fn command(&self) -> String {
        // A name that is no UTF-8 is shown as well as it can be.
        let words = std::env::args_os().skip(1).map(|word| {
            let word = word.to_string_lossy().into_owned();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,+:".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                word
            } else {
                format!("'{}'", word.replace('\'', "'\\''"))
            }
        });
        let call = std::iter::once("trapline".to_owned()).chain(words).collect::<Vec<_>>().join(" ");
        call.replace(char::is_control, " ")
    }

    /// That no output is there unless it may be replaced, and none is what the fit is made from; but for the material
    /// itself, which a fit may bring up to date.
    fn nothing_is_there(&self, inputs: &[PathBuf], look: Option<&Look>) -> Result<(), Failure> {
        let outputs = outputs::with_figure(self.output.as_deref(), look);
        if let Some(output) = outputs.iter().find(|output| inputs.iter().any(|input| is_same(input, output))) {
            return Err(Failure::Usage(format!(
                "{} is what this fit is read from; choose another name with -o",
                output.display()
            )));
        }
        outputs::free(&outputs, self.force)
    }
}

/// A fit that did not converge, misses a target or ends at a bound is no result to rely on: the exit code says so.
fn verdict(result: &FitResult) -> Result<(), Failure> {
    let (missed, bounded) = (result.missed(), result.at_bound());
    let mut wrong = Vec::new();
    if !result.converged() {
        wrong.push(format!("has {}", report::stopped(result.stop)));
    }
    if !missed.is_empty() {
        wrong.push(format!("misses {}", listed(&missed)));
    }
    if !bounded.is_empty() {
        wrong.push(format!("ends at a bound of {}: widen it, or ask why", listed(&bounded)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Failed(format!("the fit {}", wrong.join("; it ")))) }
}

/// Names in a row, the first few of many.
fn listed(names: &[&str]) -> String {
    const MOST: usize = 3;
    let more = names.len().saturating_sub(MOST);
    let first = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

/// Whether two paths lead to one file that is there.
fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn json(result: &FitResult) -> Result<String, Failure> {
    terminal::json(&report::json(result))
}
