//! `trapline iv`, `pulse`, `retain`, `noise`, `learn`, `read`, `write` and `heat`: one experiment on chosen cells of a
//! material, or on an array.

mod findings;
mod heat;
mod iv;
mod learn;
mod maps;
mod noise;
mod pulse;
mod pulses;
mod read;
mod retain;
mod wires;
mod write;

use std::path::{Path, PathBuf};

use clap::Args;
use trapline::backend::Backend;
use trapline::campaign::{now, provenance};
use trapline::dataset::Dataset;
use trapline::experiment::ExperimentError;
use trapline::experiment::probe::{Conditions, Probe};
use trapline::export;
use trapline::figure::Look;
use trapline::files::commit::Batch;
use trapline::material::{self, Material};
use trapline::outcome::ExperimentLabel;
use trapline::protocol::Wrong;
use trapline::record;
use trapline::units::kelvin;

use super::amounts;
use super::computing::{self, Computing};
use super::drawing::Drawing;
use super::electrons::OfCells;
use super::outputs::Form;
use super::{Failure, outputs, size, terminal};

use findings::Findings;
use pulses::{Pulses, checked};

pub use heat::Heat;
pub use iv::Iv;
pub use learn::Learn;
pub use noise::Noise;
pub use pulse::Pulse;
pub use read::Read;
pub use retain::Retain;
pub use write::Write;

/// The material, what it is under, what computes, and where the result goes.
#[derive(Debug, Args)]
struct Specimen {
    /// A shipped material by name, or a file by path
    #[arg(long, value_name = "NAME", default_value = "pi-ws2-qd")]
    material: String,
    /// Ambient temperature, °C, or with K; iv, pulse and retain take several, apart by commas
    #[arg(
        long,
        value_name = "C",
        value_parser = amounts::celsius,
        value_delimiter = ',',
        default_value = "25",
        allow_hyphen_values = true
    )]
    temperature: Vec<f64>,
    /// Seed of variation and noise
    #[arg(long, value_name = "N", value_parser = size::seed, default_value = "1", allow_hyphen_values = true)]
    seed: u64,
    /// Every cell the nominal one
    #[arg(long)]
    no_variation: bool,
    /// Currents without noise
    #[arg(long)]
    no_noise: bool,
    /// How the electrons of cells are taken [default: counted, where a cell has up to 2e6 dots]
    #[arg(long, value_enum, value_name = "HOW")]
    electrons: Option<OfCells>,
    #[command(flatten)]
    computing: Computing,
    /// What to write: OUT.h5 (a record), OUT.csv or OUT.json; the plot goes beside it, as .png and .svg [default:
    /// nothing is written]
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replaces outputs that exist
    #[arg(long, requires = "output")]
    force: bool,
    /// Draws no plot
    #[arg(long, requires = "output")]
    no_plot: bool,
    #[command(flatten)]
    drawing: Drawing,
    /// Prints the summary only
    #[arg(long, short)]
    quiet: bool,
}

/// How many cells are measured, each by itself.
#[derive(Debug, Args)]
struct Cells {
    /// Cells, each with its own variation; the summary is of their mean
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    cells: u64,
}

/// How conductance is read.
#[derive(Debug, Clone, Copy, Args)]
struct Reading {
    /// Bias of a reading, V [default: 0.1]
    #[arg(long, value_name = "V", value_parser = amounts::volts, allow_hyphen_values = true)]
    read_bias: Option<f64>,
    /// Time of a reading, s: the longer, the less noise [default: 0.01]
    #[arg(long, value_name = "S", value_parser = amounts::seconds, allow_hyphen_values = true)]
    read_time: Option<f64>,
}

impl Reading {
    fn bias_v(&self) -> f64 {
        self.read_bias.unwrap_or(0.1)
    }

    fn time_s(&self) -> f64 {
        self.read_time.unwrap_or(1e-2)
    }

    fn checked(self) -> Result<Reading, Failure> {
        within("--read-time", self.time_s(), 1e-12, 1e6, "s")?;
        within("--read-bias", self.bias_v().abs(), 1e-3, 100.0, "V")?;
        Ok(self)
    }
}

/// Refuses an option that was given and does nothing beside others, with what to do about it: silence would let the
/// user think that it counts.
fn does_nothing(given: bool, option: &str, why: &str, fix: &str) -> Result<(), Failure> {
    if given { Err(Failure::Usage(format!("{option} does nothing {why}: {fix}"))) } else { Ok(()) }
}

/// A checked specimen.
struct Ready {
    material: Material,
    /// Whether what is measured is made of it: records name it then.
    of_material: bool,
    conditions: Conditions,
    backend: Box<dyn Backend>,
    started: String,
    /// Files that are read, which no output may replace.
    inputs: Vec<PathBuf>,
}

impl Ready {
    fn probe(&self, cells: u64) -> Result<Probe<'_>, ExperimentError> {
        self.probe_at(self.conditions.ambient_k, cells)
    }

    fn probe_at(&self, ambient_k: f64, cells: u64) -> Result<Probe<'_>, ExperimentError> {
        let conditions = Conditions { ambient_k, ..self.conditions };
        Probe::new(self.backend.as_ref(), &self.material, conditions, (0..cells).collect())
    }
}

pub(super) fn within(option: &str, value: f64, low: f64, high: f64, unit: &str) -> Result<f64, Failure> {
    if value >= low && value <= high {
        return Ok(value);
    }
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    Err(Failure::Usage(format!("{option} is {value:?}{unit}; it must be between {low:?} and {high:?}{unit}")))
}

impl Specimen {
    /// Checks everything before anything is computed; `reading` is `None` where nothing is read at a bias of its own,
    /// `inputs` are files that are read beside the material's.
    fn ready(&self, reading: Option<Reading>, inputs: &[PathBuf]) -> Result<Ready, Failure> {
        if self.temperature.len() > 1 {
            return Err(Failure::Usage(format!(
                "--temperature {}: this command takes one temperature",
                self.temperatures()
            )));
        }
        self.ready_at_each(reading, inputs)
    }

    /// The same for experiments that are made at every temperature; the conditions are those of the first.
    fn ready_at_each(&self, reading: Option<Reading>, inputs: &[PathBuf]) -> Result<Ready, Failure> {
        const MOST: usize = 16;
        for (number, celsius) in self.temperature.iter().enumerate() {
            within("--temperature", *celsius, -270.0, 1000.0, "C")?;
            if self.temperature[..number].contains(celsius) {
                return Err(Failure::Usage(format!("--temperature has {celsius} twice; give each once")));
            }
        }
        if self.temperature.len() > MOST {
            let given = self.temperature.len();
            return Err(Failure::Usage(format!("--temperature has {given} temperatures; it may have {MOST}")));
        }
        let nominal = Conditions::nominal(kelvin(self.celsius()));
        let (read_v, read_s) = match reading {
            Some(reading) => reading.checked().map(|r| (r.bias_v(), r.time_s()))?,
            None => (nominal.read_v, nominal.read_s),
        };
        let material = material::load(&self.material, Path::new("")).map_err(|e| Failure::Usage(e.to_string()))?;
        self.output.as_deref().map(outputs::form).transpose()?;
        let outputs = outputs::with_figure(self.output.as_deref(), self.look()?.as_ref());
        outputs::free(&outputs, self.force)?;
        let of_material = material::inputs(&material, &self.material, Path::new(""));
        let inputs = [inputs, of_material.as_slice()].concat();
        outputs::not_inputs(&outputs, &inputs)?;
        let conditions = Conditions {
            seed: self.seed,
            variation: !self.no_variation,
            read_noise: !self.no_noise,
            electrons: OfCells::of_cells(self.electrons, &material, !self.no_variation),
            read_v,
            read_s,
            ..nominal
        };
        Ok(Ready { material, of_material: true, conditions, backend: self.computing.open()?, started: now(), inputs })
    }

    /// How the figure looks; none where none is drawn.
    fn look(&self) -> Result<Option<Look>, Failure> {
        self.drawing.look(self.output.is_some() && !self.no_plot)
    }

    /// The first temperature, °C.
    fn celsius(&self) -> f64 {
        self.temperature.first().copied().unwrap_or(25.0)
    }

    fn temperatures(&self) -> String {
        self.temperature.iter().map(f64::to_string).collect::<Vec<_>>().join(",")
    }

    /// A column of the temperature, for tables of several.
    fn column(&self, celsius: f64) -> Option<String> {
        (self.temperature.len() > 1).then(|| celsius.to_string())
    }

    /// A label of a curve: the temperature where there are several, and what else it is.
    fn label(&self, celsius: f64, what: String) -> String {
        match (self.temperature.len(), what.is_empty()) {
            (1, _) => what,
            (_, true) => format!("{celsius} °C"),
            (_, false) => format!("{celsius} °C, {what}"),
        }
    }

    /// The name of a dataset: with the temperature where there are several.
    fn named(&self, name: &str, celsius: f64) -> String {
        if self.temperature.len() > 1 { format!("{name}_{celsius}C") } else { name.to_owned() }
    }

    /// The material and the temperature, as plots are titled.
    fn title(&self, ready: &Ready) -> String {
        let name = &ready.material.name;
        match &self.temperature[..] {
            [celsius] => format!("{name} at {celsius} °C"),
            _ => name.clone(),
        }
    }

    /// Writes the output and the plot, where an output is asked for, and prints the summary, or all numbers as JSON.
    fn done(&self, ready: &Ready, findings: Findings, json: bool) -> Result<(), Failure> {
        let text = if json { Some(self.json(&findings)?) } else { None };
        self.done_with(ready, findings, text)
    }

    /// The same with another text in the place of the summary, for programs.
    fn done_with(&self, ready: &Ready, findings: Findings, text: Option<String>) -> Result<(), Failure> {
        let note = |line: &str| {
            if !self.quiet {
                terminal::note(line);
            }
        };
        note(&computing::heading(&ready.backend.identity()));
        let mut remarks: Vec<&str> = findings.datasets().filter_map(|(_, d)| d.remark("outside_validity")).collect();
        remarks.dedup();
        remarks.into_iter().for_each(note);
        // The result is printed even if its files cannot be written.
        let written = match &self.output {
            Some(path) => self.write(ready, &findings, path).map(|files| note(&format!("wrote {files}"))),
            None => Ok(()),
        };
        if let Some(remark) = &findings.remark {
            note(remark);
        }
        let printed = terminal::print(&text.unwrap_or_else(|| findings.summary.render()));
        written.and(printed)
    }

    /// The record and the plot get their names together; those names.
    fn write(&self, ready: &Ready, findings: &Findings, path: &Path) -> Result<String, Failure> {
        let label = ExperimentLabel {
            command: findings.command.to_owned(),
            title: findings.dataset.title.clone(),
            materials: ready
                .of_material
                .then(|| (ready.material.name.clone(), ready.material.text.clone()))
                .into_iter()
                .collect(),
            seed: self.seed,
            notes: Vec::new(),
        };
        let made = provenance(trapline::PROGRAM, &ready.backend.identity(), ready.started.clone());
        let (mut batch, stem) = (Batch::new(), path.with_extension(""));
        match outputs::form(path)? {
            Form::Record => {
                let datasets: Vec<Dataset> = findings.datasets().map(|(_, dataset)| dataset.clone()).collect();
                record::stage_datasets(&mut batch, path, &label, &made, &datasets)?;
            }
            Form::Json => batch.text(path, &self.json(findings)?)?,
            Form::Csv => {
                let tables = self.exported(findings, export::tables);
                let further: Vec<PathBuf> = tables
                    .iter()
                    .filter(|table| !table.name.is_empty())
                    .map(|table| PathBuf::from(format!("{}-{}.csv", stem.display(), table.name)))
                    .collect();
                // Which there are is known only now.
                outputs::not_inputs(&further, &ready.inputs)?;
                for table in tables {
                    let of = |name: &str| PathBuf::from(format!("{}-{name}.csv", stem.display()));
                    let path = if table.name.is_empty() { path.to_owned() } else { of(&table.name) };
                    batch.text(&path, &table.text)?;
                }
            }
        }
        let look = self.look()?;
        let figure = look.is_some().then(|| (stem.clone(), findings.marked_plate()));
        let written = outputs::place_drawn(batch, self.force, &stem, look.as_ref(), figure)?;
        Ok(written.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "))
    }

    /// The datasets of an experiment as JSON.
    fn json(&self, findings: &Findings) -> Result<String, Failure> {
        terminal::json(&self.exported(findings, export::json))
    }

    fn exported<T>(&self, findings: &Findings, as_what: impl FnOnce(&[export::Labelled<'_>]) -> T) -> T {
        let celsius: Vec<[(&str, f64); 1]> =
            findings.datasets().map(|(celsius, _)| [("temperature_c", celsius.unwrap_or(self.celsius()))]).collect();
        let several = celsius.len() > 1;
        let labelled = celsius.iter().zip(findings.datasets());
        let labelled: Vec<export::Labelled<'_>> =
            labelled.map(|(label, (_, dataset))| (if several { &label[..] } else { &[] }, dataset)).collect();
        as_what(&labelled)
    }
}

/// What is wrong with a part, by the name of the option that gave it.
fn by_option(wrong: &Wrong, options: &[(&str, &str)]) -> Failure {
    let option = options.iter().find(|(key, _)| *key == wrong.key).map_or(wrong.key, |(_, option)| option);
    Failure::Usage(format!("{option} is {}; it must be {}", wrong.value, wrong.limit))
}

/// Most readings of an experiment: all of them, five numbers each, are in memory at once.
const MAX_READINGS: u64 = 20_000_000;

/// An experiment that fits into memory; `each` is the number of readings a cell.
fn affordable(cells: u64, each: u64, how: &str) -> Result<(), Failure> {
    let readings = cells.saturating_mul(each);
    if readings <= MAX_READINGS {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{cells} cells with {each} readings each are {readings}; it must be at most {MAX_READINGS} together: {how}"
    )))
}

fn scientific(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.4e}") }
}

/// A number with so many decimals; a 0 that rounding leaves has no sign.
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(size) if size.chars().all(|c| matches!(c, '0' | '.')) => size.to_owned(),
        _ => text,
    }
}

fn number<'a>(d: &'a Dataset, name: &str) -> Result<&'a ndarray::ArrayD<f64>, Failure> {
    d.numbers(name).map_err(|e| Failure::Failed(e.to_string()))
}

fn cells_in_words(cells: usize) -> String {
    if cells == 1 { "one cell".to_owned() } else { format!("the mean of {cells} cells") }
}
