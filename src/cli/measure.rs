//! `trapline iv`, `pulse`, `retain` and `learn`: one experiment on chosen cells of a material.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use trapline::analysis::Table;
use trapline::array::ArrayShape;
use trapline::backend::Backend;
use trapline::campaign::{now, provenance};
use trapline::dataset::Dataset;
use trapline::experiment::letter::{Lesson, Pattern, Scheme};
use trapline::experiment::probe::{Conditions, Probe};
use trapline::experiment::pulse::Train;
use trapline::experiment::{iv, letter, pulse, retention};
use trapline::figure::{self, Axis, Chart, Curve, Map, Panel, Plate, Style};
use trapline::material::{self, Material};
use trapline::outcome::ExperimentLabel;
use trapline::protocol::{self, Part, Segment, waveform};
use trapline::record;
use trapline::units::kelvin;

use super::computing::{self, Computing};
use super::{Failure, size, terminal};

/// The cells, what they are under, and where the result goes.
#[derive(Debug, Args)]
struct Specimen {
    /// A shipped material by name, or a file by path
    #[arg(long, value_name = "NAME", default_value = "pi-ws2-qd")]
    material: String,
    /// Ambient temperature, °C
    #[arg(long, value_name = "C", default_value_t = 25.0, allow_hyphen_values = true)]
    temperature: f64,
    /// Cells, with the material's variation where there are several
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    cells: u64,
    /// Seed of variation and noise
    #[arg(long, value_name = "N", value_parser = size::seed, default_value = "1", allow_hyphen_values = true)]
    seed: u64,
    /// Every cell the nominal one
    #[arg(long)]
    no_variation: bool,
    /// Readings without noise
    #[arg(long)]
    no_noise: bool,
    /// Bias of a reading, V
    #[arg(long, value_name = "V", default_value_t = 0.1, allow_hyphen_values = true)]
    read_bias: f64,
    /// Time of a reading, s
    #[arg(long, value_name = "S", default_value_t = 1e-2, allow_hyphen_values = true)]
    read_time: f64,
    #[command(flatten)]
    computing: Computing,
    /// The record to write; the plot goes beside it, as .png and .svg
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replaces outputs that exist
    #[arg(long)]
    force: bool,
    /// Draws no plot
    #[arg(long)]
    no_plot: bool,
    /// Prints the summary only
    #[arg(long, short)]
    quiet: bool,
}

/// A checked specimen.
struct Ready {
    material: Material,
    conditions: Conditions,
    backend: Box<dyn Backend>,
    started: String,
}

pub(super) fn within(option: &str, value: f64, low: f64, high: f64, unit: &str) -> Result<f64, Failure> {
    if value >= low && value <= high {
        return Ok(value);
    }
    Err(Failure::Usage(format!("{option} is {value:?} {unit}; it must be between {low:?} and {high:?} {unit}")))
}

impl Specimen {
    fn ready(&self) -> Result<Ready, Failure> {
        within("--temperature", self.temperature, -270.0, 1000.0, "C")?;
        within("--read-time", self.read_time, 1e-12, 1e6, "s")?;
        within("--read-bias", self.read_bias.abs(), 1e-3, 100.0, "V")?;
        let material = material::load(&self.material, Path::new(".")).map_err(|e| Failure::Usage(e.to_string()))?;
        let backend = self.computing.open()?;
        for path in self.outputs() {
            if path.symlink_metadata().is_ok() && !self.force {
                let path = path.display();
                return Err(Failure::Usage(format!(
                    "{path} exists; choose another name with -o, or replace it with --force"
                )));
            }
        }
        let conditions = Conditions {
            ambient_k: kelvin(self.temperature),
            seed: self.seed,
            variation: !self.no_variation,
            read_noise: !self.no_noise,
            read_v: self.read_bias,
            read_s: self.read_time,
        };
        Ok(Ready { material, conditions, backend, started: now() })
    }

    fn outputs(&self) -> Vec<PathBuf> {
        let Some(record) = &self.output else {
            return Vec::new();
        };
        let stem = record.with_extension("");
        let plot = |ending: &str| PathBuf::from(format!("{}.{ending}", stem.display()));
        if self.no_plot { vec![record.clone()] } else { vec![record.clone(), plot("png"), plot("svg")] }
    }

    /// Writes the record and the plot, where an output is asked for, and prints the summary.
    fn done(&self, ready: &Ready, command: &str, found: Dataset, plate: &Plate, summary: Table) -> Result<(), Failure> {
        let note = |line: &str| {
            if !self.quiet {
                terminal::note(line);
            }
        };
        note(&computing::heading(&ready.backend.identity()));
        if let Some(remarks) = found.remark("outside_validity") {
            note(remarks);
        }
        if let Some(path) = &self.output {
            let label = ExperimentLabel {
                command: command.to_owned(),
                title: found.title.clone(),
                materials: vec![(ready.material.name.clone(), ready.material.text.clone())],
                seed: self.seed,
                notes: Vec::new(),
            };
            let made = provenance(&ready.backend.identity(), ready.started.clone());
            record::write_datasets(path, &label, &made, &[found])?;
            let mut written = vec![path.clone()];
            if !self.no_plot {
                written.extend(figure::plate(plate, &path.with_extension(""))?);
            }
            let names: Vec<_> = written.iter().map(|p| p.display().to_string()).collect();
            note(&format!("wrote {}", names.join(", ")));
        }
        terminal::print(&summary.render())
    }
}

fn scientific(value: f64) -> String {
    format!("{value:.4e}")
}

/// Current against bias: a sweep, or any waveform from a file
#[derive(Debug, Args)]
pub struct Iv {
    /// Largest bias of the sweep 0 to V and back; negative for the other polarity
    #[arg(long, value_name = "V", default_value_t = 5.0, allow_hyphen_values = true)]
    to: f64,
    /// Step of the staircase, V
    #[arg(long, value_name = "V", default_value_t = 0.05, allow_hyphen_values = true)]
    step: f64,
    /// Time at each step, s
    #[arg(long, value_name = "S", default_value_t = 3.9e-4, allow_hyphen_values = true)]
    dwell: f64,
    /// Sweeps, one after the other
    #[arg(long, value_name = "N", default_value_t = 1)]
    sweeps: u32,
    /// A waveform in the place of the sweep: CSV (time_s,bias_v) or TOML (program = [...])
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "step", "dwell", "sweeps"])]
    waveform: Option<PathBuf>,
    #[command(flatten)]
    specimen: Specimen,
}

impl Iv {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let segments: Vec<Segment> = match &self.waveform {
            Some(path) => waveform::read(path).map_err(|e| Failure::Usage(e.to_string()))?,
            None => {
                let part =
                    Part::Sweep { sweeps: self.sweeps, sweep_to_v: self.to, step_v: self.step, dwell_s: self.dwell };
                waveform::check(&part).map_err(|what| Failure::Usage(format!("the sweep's {what}")))?;
                protocol::segments(&[part])
            }
        };
        let ready = self.specimen.ready()?;
        let cells = (0..self.specimen.cells).collect();
        let mut probe = Probe::new(ready.backend.as_ref(), &ready.material, ready.conditions, cells);
        let found = iv::run(&mut probe, "iv", &segments)?;
        let (bias, current) = (number(&found, "bias_v")?, number(&found, "current_a")?);
        let filling = number(&found, "filling")?;
        let mut table = Table::new(["bias (V)", "current (A)", "filling"], 0);
        // A screenful, with the first and the last.
        let every = bias.len().div_ceil(24).max(1);
        for p in (0..bias.len()).filter(|p| p % every == every - 1 || *p == 0 || *p + 1 == bias.len()) {
            let row = [format!("{:.4}", bias[[p]]), scientific(current[[0, p]]), format!("{:.5}", filling[[0, p]])];
            table.row(row);
        }
        let shown = current.shape()[0].min(25);
        let curves = (0..shown).map(|cell| {
            let points = (0..bias.len()).map(|p| (bias[[p]], current[[cell, p]].abs())).collect();
            Curve::line(if shown == 1 { String::new() } else { format!("cell {cell}") }, points)
        });
        let plate = Plate::of(Chart {
            title: format!("{} at {} °C", ready.material.name, self.specimen.temperature),
            x: Axis::linear("Bias (V)"),
            y: Axis::log("Current, magnitude (A)"),
            curves: curves.collect(),
            ..Chart::default()
        });
        self.specimen.done(&ready, "iv", found, &plate, table)
    }
}

fn number<'a>(d: &'a Dataset, name: &str) -> Result<&'a ndarray::ArrayD<f64>, Failure> {
    d.numbers(name).map_err(|e| Failure::Failed(e.to_string()))
}

/// Equal pulses.
#[derive(Debug, Args)]
struct Pulses {
    /// Bias of a pulse, V
    #[arg(long, value_name = "V", default_value_t = 1.5, allow_hyphen_values = true)]
    amplitude: f64,
    /// Width of a pulse, s
    #[arg(long, value_name = "S", default_value_t = 1e-3, allow_hyphen_values = true)]
    width: f64,
    /// Time at 0 V after a pulse, s
    #[arg(long, value_name = "S", default_value_t = 1e-3, allow_hyphen_values = true)]
    interval: f64,
    /// Pulses
    #[arg(long, value_name = "N", default_value_t = 30)]
    count: u32,
}

impl Pulses {
    fn train(&self) -> Result<Train, Failure> {
        let (amplitude_v, width_s, interval_s) = (self.amplitude, self.width, self.interval);
        let part = Part::Pulses { pulses: self.count, amplitude_v, width_s, interval_s };
        waveform::check(&part).map_err(|what| Failure::Usage(format!("the train's {what}")))?;
        Ok(Train { amplitude_v, width_s, interval_s, count: self.count })
    }
}

/// Conductance after each pulse, and the energy of each; over cycles of potentiation and depression
#[derive(Debug, Args)]
pub struct Pulse {
    #[command(flatten)]
    pulses: Pulses,
    /// Pulses of depression after those of potentiation
    #[arg(long, value_name = "N", default_value_t = 0)]
    depress: u32,
    /// Bias of a pulse of depression, V
    #[arg(long, value_name = "V", default_value_t = -5.5, allow_hyphen_values = true)]
    depress_amplitude: f64,
    /// Cycles of all pulses
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    cycles: u32,
    #[command(flatten)]
    specimen: Specimen,
}

impl Pulse {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let up = self.pulses.train()?;
        let mut trains = vec![up];
        if self.depress > 0 {
            trains.push(Train { amplitude_v: self.depress_amplitude, count: self.depress, ..up });
        }
        let ready = self.specimen.ready()?;
        let cells = (0..self.specimen.cells).collect();
        let mut probe = Probe::new(ready.backend.as_ref(), &ready.material, ready.conditions, cells);
        let found = pulse::run(&mut probe, "pulse", &trains, self.cycles)?;
        let (g, energy) = (number(&found, "conductance_s")?, number(&found, "energy_j")?);
        let (filling, states) = (number(&found, "filling")?, g.shape()[2]);
        let last = g.shape()[1] - 1;
        let mut table = Table::new(["pulse", "conductance (S)", "filling", "energy (J)"], 0);
        for state in 0..states {
            let cost = if state == 0 { "-".to_owned() } else { scientific(energy[[0, last, state - 1]]) };
            let f = format!("{:.5}", filling[[0, last, state]]);
            table.row([state.to_string(), scientific(g[[0, last, state]]), f, cost]);
        }
        let cycles: Vec<usize> = if last == 0 { vec![0] } else { vec![0, last / 2, last] };
        let curves = cycles.iter().map(|&cycle| {
            let points = (0..states).map(|s| (s as f64, g[[0, cycle, s]])).collect();
            Curve::line(format!("cycle {}", cycle + 1), points).styled(Style::LineAndDots)
        });
        let plate = Plate::of(Chart {
            title: format!("{} at {} °C", ready.material.name, self.specimen.temperature),
            x: Axis::linear("Pulse"),
            y: Axis::linear("Conductance (S)"),
            curves: curves.collect(),
            ..Chart::default()
        });
        self.specimen.done(&ready, "pulse", found, &plate, table)
    }
}

/// Retention of programmed states at a temperature
#[derive(Debug, Args)]
pub struct Retain {
    #[command(flatten)]
    pulses: Pulses,
    /// Last time after programming, s
    #[arg(long, value_name = "S", default_value_t = 1e5, allow_hyphen_values = true)]
    until: f64,
    /// Times a decade, from 1 s
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    per_decade: u32,
    #[command(flatten)]
    specimen: Specimen,
}

impl Retain {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let train = self.pulses.train()?;
        within("--until", self.until, 1.0, 1e12, "s")?;
        let ready = self.specimen.ready()?;
        let cells = (0..self.specimen.cells).collect();
        let probe = Probe::new(ready.backend.as_ref(), &ready.material, ready.conditions, cells);
        let per = f64::from(self.per_decade);
        let steps = (self.until.log10() * per - 1e-9).ceil() as i32;
        let times: Vec<f64> = std::iter::once(0.0)
            .chain((0..steps).map(|i| 10f64.powf(f64::from(i) / per)))
            .chain([self.until])
            .collect();
        let found = retention::run(&probe, "retention", &train, &[0, train.count], &times)?;
        let (seen, g) = (number(&found, "conductance_s")?, number(&found, "conductance_noiseless_s")?);
        let cells = g.shape()[2];
        let mean = |a: &ndarray::ArrayD<f64>, state: usize, t: usize| {
            (0..cells).map(|c| a[[state, t, c]]).sum::<f64>() / cells as f64
        };
        let window = |t: usize| mean(g, 1, t) - mean(g, 0, t);
        let mut table = Table::new(["time (s)", "conductance (S)", "window kept (%)"], 0);
        for (t, time_s) in times.iter().enumerate() {
            let kept = format!("{:.3}", 100.0 * window(t) / window(0));
            table.row([format!("{time_s:.4e}"), scientific(mean(seen, 1, t)), kept]);
        }
        let points =
            times.iter().enumerate().filter(|(_, s)| **s > 0.0).map(|(t, s)| (*s, 100.0 * window(t) / window(0)));
        let plate = Plate::of(Chart {
            title: format!("{} at {} °C after {} pulses", ready.material.name, self.specimen.temperature, train.count),
            x: Axis::log("Time (s)"),
            y: Axis::linear("Window kept (%)"),
            curves: vec![Curve::line(format!("mean of {cells}"), points.collect()).styled(Style::LineAndDots)],
            ..Chart::default()
        });
        self.specimen.done(&ready, "retain", found, &plate, table)
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Select {
    /// Cells that are not written see nothing
    Grounded,
    /// Cells that share a line with the written one see half of its bias
    Half,
    /// All other cells see a third of it
    Third,
}

/// Learning of a pattern by an array
#[derive(Debug, Args)]
pub struct Learn {
    /// H, L, T, X, O, +, or a file with rows of 0 and 1
    #[arg(long, value_name = "NAME", default_value = "H")]
    pattern: String,
    /// Rows of the array
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    rows: u64,
    /// Columns of the array
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    cols: u64,
    /// What the lines that are not selected are held at
    #[arg(long, value_enum, default_value_t = Select::Grounded)]
    select: Select,
    /// Time after which the array is read again, s
    #[arg(long, value_name = "S", default_value_t = 3e4, allow_hyphen_values = true)]
    later: f64,
    #[command(flatten)]
    pulses: Pulses,
    #[command(flatten)]
    specimen: Specimen,
}

impl Learn {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let train = self.pulses.train()?;
        within("--later", self.later, 1e-9, 1e12, "s")?;
        let wrong = |e: letter::PatternError| Failure::Usage(e.to_string());
        let pattern = Pattern::load(&self.pattern).map_err(wrong)?;
        let shape = ArrayShape { rows: self.rows, cols: self.cols };
        let third = train.count.div_ceil(3).max(1);
        let stages = vec![0, third, (2 * third).min(train.count), train.count];
        let scheme = match self.select {
            Select::Grounded => Scheme::Grounded,
            Select::Half => Scheme::Half,
            Select::Third => Scheme::Third,
        };
        let lesson = Lesson { pattern, train, scheme, stages, later_s: vec![self.later] };
        let written = lesson.pattern.on(shape).map_err(wrong)?;
        let ready = self.specimen.ready()?;
        let cells = (0..shape.cells()).collect();
        let mut probes = [Probe::new(ready.backend.as_ref(), &ready.material, ready.conditions, cells)];
        let found = letter::run(&mut probes, "letter", shape, &lesson)?;
        let (g, kept) = (number(&found, "conductance_s")?, number(&found, "kept_conductance_s")?);
        let map = |a: &ndarray::ArrayD<f64>, at: usize| {
            ndarray::Array2::from_shape_fn(written.dim(), |(r, c)| a[[0, at, r, c]])
        };
        let mut maps: Vec<(String, ndarray::Array2<f64>)> =
            lesson.stages.iter().enumerate().map(|(i, n)| (format!("{n} pulses"), map(g, i))).collect();
        maps.push((format!("{} s later", self.later), map(kept, 0)));
        let mut table = Table::new(["", "inside: lowest (S)", "mean (S)", "outside: mean (S)", "highest (S)"], 1);
        for (name, values) in &maps {
            let side = |inside: bool| {
                values.iter().zip(&written).filter(move |(_, w)| **w == inside).map(|(v, _)| *v).collect::<Vec<_>>()
            };
            let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
            let (inside, outside) = (side(true), side(false));
            let lowest = inside.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = outside.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            table.row([
                name.clone(),
                scientific(lowest),
                scientific(mean(&inside)),
                scientific(mean(&outside)),
                scientific(highest),
            ]);
        }
        let all = || maps.iter().flat_map(|(_, m)| m.iter().map(|g| g * 1e12));
        let range = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let panel = |(title, values): &(String, ndarray::Array2<f64>)| {
            Panel::Map(Map {
                title: title.clone(),
                values: values.mapv(|g| g * 1e12),
                value_label: "Conductance (pS)".to_owned(),
                range: Some(range),
                ..Map::default()
            })
        };
        let title =
            format!("{} learns {} at {} °C", ready.material.name, lesson.pattern.name, self.specimen.temperature);
        let plate = Plate { title: Some(title), panels: maps.iter().map(panel).collect(), columns: 5 };
        self.specimen.done(&ready, "learn", found, &plate, table)
    }
}
