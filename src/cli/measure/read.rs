//! `trapline read`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ndarray::Array2;
use serde_json::json;
use trapline::analysis::Table;
use trapline::array::ArrayShape;
use trapline::circuit::scheme::{Reading as Periphery, Unselected};
use trapline::circuit::{Accuracy, Wire};
use trapline::experiment::array_read::{self, ArrayReading, Driving, Pattern, Setup};
use trapline::experiment::pulse::Train;
use trapline::figure::{Axis, Chart, Curve, Map, Panel, Plate, Style};
use trapline::record;
use trapline::units::kelvin;

use super::{Failure, Findings, Pulses, Ready, Specimen, scientific, within};
use crate::cli::reading::{self, Extent};

/// What becomes of the lines that are not selected.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Scheme {
    /// All at 0 V
    Grounded,
    /// Connected to nothing
    Floating,
    /// All at half of the read bias
    Half,
    /// Word lines at a third of it, bit lines at two thirds
    Third,
}

impl From<Scheme> for Unselected {
    fn from(scheme: Scheme) -> Unselected {
        match scheme {
            Scheme::Grounded => Unselected::Grounded,
            Scheme::Floating => Unselected::Floating,
            Scheme::Half => Unselected::Half,
            Scheme::Third => Unselected::Third,
        }
    }
}

/// Which cells of a fresh array the pulses go to.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Written {
    /// Every cell
    All,
    /// None: the array stays as it was made
    None,
    /// Each with a chance of a half, by the seed
    Half,
    /// Every second one
    Checkerboard,
}

impl From<Written> for Pattern {
    fn from(written: Written) -> Pattern {
        match written {
            Written::All => Pattern::All,
            Written::None => Pattern::None,
            Written::Half => Pattern::Half,
            Written::Checkerboard => Pattern::Checkerboard,
        }
    }
}

/// A row and a column.
#[derive(Debug, Clone, Copy)]
struct Cell {
    row: usize,
    col: usize,
}

fn cell(text: &str) -> Result<Cell, String> {
    let numbers = text
        .split_once(',')
        .and_then(|(row, col)| Some(Cell { row: row.trim().parse().ok()?, col: col.trim().parse().ok()? }));
    numbers.ok_or_else(|| "it must be a row and a column, counted from 0: 3,5".to_owned())
}

fn range(text: &str) -> Result<(f64, f64), String> {
    let numbers =
        text.split_once(',').and_then(|(low, high)| Some((low.trim().parse().ok()?, high.trim().parse().ok()?)));
    numbers.ok_or_else(|| "it must be two currents in A: 0,1e-6".to_owned())
}

/// Reads a whole array through its wires: currents, sneak paths, errors, noise and energy
///
/// The array is one of a material's cells (--rows, --cols, --written), any conductances (--conductance), or a part of an
/// array that a campaign recorded cell by cell (--record). All word lines are driven and all bit lines sensed, or one cell
/// is selected (--select) while a --scheme holds the other lines. Currents come with a bound of their errors.
#[derive(Debug, Args)]
pub struct Read {
    /// Conductances in S, one row of the array a line, separated by commas
    #[arg(long, value_name = "CSV", conflicts_with_all = ["record", "rows", "cols"])]
    conductance: Option<PathBuf>,
    /// A campaign's record with [dump]: its cells at --temperature and --time
    #[arg(long, value_name = "H5", conflicts_with_all = ["rows", "cols"])]
    record: Option<PathBuf>,
    /// Time after programming, s, of the record's cells
    #[arg(long, value_name = "S", default_value_t = 0.0, requires = "record")]
    time: f64,
    /// Rows of an array of the material's cells [default: 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_LINES))]
    rows: Option<u64>,
    /// Columns of it [default: as many as rows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_LINES))]
    cols: Option<u64>,
    /// Which of its cells get the pulses
    #[arg(long, value_enum, value_name = "WHICH", default_value = "half")]
    written: Written,
    /// Resistance of a wire from cell to cell, ohm
    #[arg(long, value_name = "OHM", default_value_t = 1.0, allow_hyphen_values = true)]
    wire_ohm: f64,
    /// The same of word lines [default: as --wire-ohm]
    #[arg(long, value_name = "OHM", allow_hyphen_values = true)]
    word_wire_ohm: Option<f64>,
    /// The same of bit lines
    #[arg(long, value_name = "OHM", allow_hyphen_values = true)]
    bit_wire_ohm: Option<f64>,
    /// Resistance of each source beside its wire, ohm
    #[arg(long, value_name = "OHM", default_value_t = 0.0, allow_hyphen_values = true)]
    source_ohm: f64,
    /// Input resistance of each amplifier, ohm
    #[arg(long, value_name = "OHM", default_value_t = 0.0, allow_hyphen_values = true)]
    sense_ohm: f64,
    /// Drives and senses lines at both of their ends
    #[arg(long)]
    both_ends: bool,
    /// Reads one cell, by row and column from 0; all rows at once where it is left out
    #[arg(long, value_name = "ROW,COL", value_parser = cell)]
    select: Option<Cell>,
    /// How the other lines are held while one cell is read
    #[arg(long, value_enum, value_name = "HOW", requires = "select")]
    scheme: Option<Scheme>,
    /// Voltages of the word lines, V, one a line of a file [default: --read-bias on all]
    #[arg(long, value_name = "CSV", conflicts_with = "select")]
    inputs: Option<PathBuf>,
    /// Bits of the converters [default: currents as they are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    adc_bits: Option<u32>,
    /// Currents of the converters' first and last code, A [default: 0 and the largest current]
    #[arg(long, value_name = "LOW,HIGH", value_parser = range, requires = "adc_bits", allow_hyphen_values = true)]
    adc_range: Option<(f64, f64)>,
    /// Bound of the errors of all currents together, over the total current
    #[arg(long, value_name = "SHARE", default_value_t = 1e-9)]
    accuracy: f64,
    /// Prints everything but the cells as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pulses: Pulses,
    #[command(flatten)]
    reading: super::Reading,
    #[command(flatten)]
    specimen: Specimen,
}

/// Most rows or columns.
const MOST_LINES: u64 = 16_384;
/// Most cells: a solution takes some hundred bytes of each.
const MOST_CELLS: usize = 1 << 26;
/// Bit lines that the summary names one by one.
const NAMED: usize = 8;
/// Rows and columns of a map; larger arrays are drawn as means of blocks.
const DRAWN: usize = 64;

impl Read {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let train = self.pulses.train()?;
        let given: Vec<PathBuf> =
            [&self.conductance, &self.record, &self.inputs].into_iter().flatten().cloned().collect();
        self.check()?;
        let ready = self.specimen.ready(Some(self.reading), &given)?;
        let (conductance_s, what) = self.array(&ready, train)?;
        let setup = self.setup(conductance_s.dim())?;
        let read = array_read::read(conductance_s.view(), &setup).map_err(|e| Failure::Usage(e.to_string()))?;
        let (rows, cols) = conductance_s.dim();
        let title = format!("{rows} x {cols} cells: {what}");
        let dataset = read.dataset("read", &title, conductance_s.view());
        let findings = Findings {
            command: "read",
            dataset,
            plate: self.plate(&read, &title),
            summary: summary(&read),
            remark: Some(remark(&read, &setup)),
        };
        let text = self.json.then(|| format!("{:#}\n", as_json(&read, &title)));
        self.specimen.done_with(&ready, findings, text)
    }

    fn check(&self) -> Result<(), Failure> {
        within("--accuracy", self.accuracy, 1e-14, 0.1, "")?;
        if self.select.is_some() != self.scheme.is_some() {
            return Err(Failure::Usage(
                "--select ROW,COL needs --scheme: how the lines that are not selected are held, grounded, floating, half or third"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// The conductances, and what they are of.
    fn array(&self, ready: &Ready, train: Train) -> Result<(Array2<f64>, String), Failure> {
        if let Some(path) = &self.conductance {
            let table = array_read::table(path).map_err(|e| Failure::Usage(e.to_string()))?;
            held(table.dim())?;
            return Ok((table, path.display().to_string()));
        }
        if let Some(path) = &self.record {
            return self.of_record(path);
        }
        let rows = self.rows.unwrap_or(64);
        let shape = ArrayShape { rows, cols: self.cols.unwrap_or(rows) };
        held((shape.rows as usize, shape.cols as usize))?;
        let (backend, material) = (ready.backend.as_ref(), &ready.material);
        let conditions = ready.conditions;
        let made = array_read::programmed(backend, material, conditions, shape, self.written.into(), &train)?;
        Ok((made, format!("{} at {} °C", material.name, self.specimen.temperature)))
    }

    /// Cells that a campaign wrote one by one.
    fn of_record(&self, path: &Path) -> Result<(Array2<f64>, String), Failure> {
        reading::survive(path, Extent::Summary)?;
        let campaign = record::open_campaign(path)?;
        let refuse = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
        let name = &self.specimen.material;
        let celsius = self.specimen.temperature;
        let of = |place: usize| {
            let point = &campaign.label.point(place);
            (
                campaign.label.materials[point.material_index].0.clone(),
                campaign.label.temperatures_k[point.temperature_index],
            )
        };
        let places = 0..campaign.points.len();
        let found = places.clone().find(|&place| {
            let (material, temperature_k) = of(place);
            material == *name && (temperature_k - kelvin(celsius)).abs() < 1e-6
        });
        let place = found
            .ok_or_else(|| refuse(format!("no point is of {name} at {celsius} °C; it has others: trapline show")))?;
        let dump = record::read_dump(&campaign, place)?.ok_or_else(|| {
            refuse("it holds no cells one by one; add [dump] to the campaign and run it again".to_owned())
        })?;
        let times_s = &campaign.label.times_s;
        let at = times_s.iter().position(|t| (t - self.time).abs() <= 1e-9 * self.time.abs());
        let at =
            at.ok_or_else(|| refuse(format!("no checkpoint is at {} s; it has others: trapline show", self.time)))?;
        let cells = dump.conductance_s.index_axis(ndarray::Axis(0), at).mapv(f64::from);
        held(cells.dim())?;
        Ok((cells, format!("{name} at {celsius} °C, {} s after programming", self.time)))
    }

    fn setup(&self, (rows, _): (usize, usize)) -> Result<Setup, Failure> {
        let wire = |own: Option<f64>| Wire::Uniform(own.unwrap_or(self.wire_ohm));
        let driving = match (self.select, self.scheme) {
            (Some(Cell { row, col }), Some(scheme)) => {
                Driving::OneCell { row, col, read_v: self.reading.read_bias, unselected: scheme.into() }
            }
            _ => Driving::AllRows {
                input_v: match &self.inputs {
                    None => vec![self.reading.read_bias; rows],
                    Some(path) => array_read::list(path).map_err(|e| Failure::Usage(e.to_string()))?,
                },
            },
        };
        Ok(Setup {
            periphery: Periphery {
                word_wire: wire(self.word_wire_ohm),
                bit_wire: wire(self.bit_wire_ohm),
                source_ohm: self.source_ohm,
                sense_ohm: self.sense_ohm,
                both_ends: self.both_ends,
            },
            driving,
            temperature_k: kelvin(self.specimen.temperature),
            integration_s: self.reading.read_time,
            noise: !self.specimen.no_noise,
            seed: self.specimen.seed,
            adc_bits: self.adc_bits,
            adc_range_a: self.adc_range,
            accuracy: Accuracy::of_total(self.accuracy),
        })
    }

    fn plate(&self, read: &ArrayReading, title: &str) -> Plate {
        let solution = &read.solution;
        let map = |title: &str, label: &str, values: &Array2<f64>| {
            let (values, step) = array_read::blocks(values, DRAWN);
            Panel::Map(Map {
                title: title.to_owned(),
                subtitle: (step > 1).then(|| format!("means of {step} x {step} cells")),
                x_label: "Bit line".to_owned(),
                y_label: "Word line".to_owned(),
                step: step as u64,
                values,
                value_label: label.to_owned(),
                ..Map::default()
            })
        };
        let volts = &solution.word_v - &solution.bit_v;
        let errors: Vec<(f64, f64)> = read
            .columns
            .iter()
            .zip(read.ideal_a.iter().zip(&read.wired_a))
            .map(|(column, (ideal, wired))| (*column as f64, 100.0 * (wired - ideal) / read.errors_of_wires.largest_a))
            .collect();
        let error = Chart {
            title: "Error by the wires".to_owned(),
            x: Axis::linear("Bit line"),
            y: Axis::linear("Error (% of the largest)"),
            curves: vec![Curve::line("", errors).styled(Style::LineAndDots)],
            ..Chart::default()
        };
        let panels = vec![
            map("Voltage across each cell", "voltage (mV)", &volts.mapv(|v| 1e3 * v)),
            map("Current through each cell", "current (nA)", &solution.cell_a.mapv(|a| 1e9 * a)),
            Panel::Chart(error),
        ];
        Plate { title: Some(title.to_owned()), panels, columns: 3 }
    }
}

/// An array that fits.
fn held((rows, cols): (usize, usize)) -> Result<(), Failure> {
    if rows.saturating_mul(cols) <= MOST_CELLS {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{rows} x {cols} cells take more memory than there may be; it must be at most {MOST_CELLS} cells: read a part of the array"
    )))
}

fn summary(read: &ArrayReading) -> Table {
    let mut table =
        Table::new(["bit line", "ideal (A)", "by the wires (A)", "error", "noise (A)", "as read (A)", "code"], 0);
    for (at, column) in read.columns.iter().enumerate().take(NAMED) {
        let (ideal_a, wired_a) = (read.ideal_a[at], read.wired_a[at]);
        let code = read.converted.as_ref().map_or("-".to_owned(), |(_, codes)| codes[at].to_string());
        table.row([
            column.to_string(),
            scientific(ideal_a),
            scientific(wired_a),
            percent((wired_a - ideal_a) / ideal_a),
            scientific(read.noise_a[at]),
            scientific(read.read_a[at]),
            code,
        ]);
    }
    table
}

fn remark(read: &ArrayReading, setup: &Setup) -> String {
    let mut lines = Vec::new();
    if read.columns.len() > NAMED {
        lines.push(format!("the first {NAMED} of {} bit lines", read.columns.len()));
    }
    let (wires, all) = (&read.errors_of_wires, &read.errors);
    lines.push(format!(
        "errors over the largest ideal current: by wires and sneak paths {} rms, {} at worst; with noise and converter {} rms, {:.2} \
         effective bits",
        percent(wires.rms),
        percent(wires.worst),
        percent(all.rms),
        all.effective_bits
    ));
    if read.clipped() > 0 {
        lines.push(format!(
            "{} of {} readings lie beyond the converter's range (--adc-range)",
            read.clipped(),
            read.read_a.len()
        ));
    }
    if let Some(margin) = &read.margin {
        lines.push(format!(
            "read margin of the selected cell, between the array's largest and smallest conductance: {}, alone {}",
            percent(margin.margin),
            percent(margin.ideal_margin)
        ));
    }
    if setup.selects() && read.margin.is_none() {
        lines.push("the bound of the currents does not tell the selected cell's states apart".to_owned());
    }
    let power = &read.power;
    let cells = read.solution.cell_a.len() as f64;
    let energy_j = power.total_w * setup.integration_s;
    lines.push(format!(
        "energy of a reading of {} s: {energy_j:.3e} J, {:.3e} J a cell; in cells {}, wires {}, sources and amplifiers {}",
        setup.integration_s,
        energy_j / cells,
        percent(power.cells_w / power.total_w),
        percent(power.wires_w / power.total_w),
        percent(power.ends_w / power.total_w)
    ));
    let (certificate, method) = (&read.certificate, &read.solution.currents.method);
    lines.push(format!(
        "all currents together are off by {:.1e} A at most, {:.1e} of what flows; iterations: {}",
        certificate.bound_a,
        certificate.relative(),
        method.iterations
    ));
    lines.join("\n")
}

/// A share in per cent, to three digits.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if !percent.is_finite() {
        return "-".to_owned();
    }
    if percent == 0.0 || (0.1..1e5).contains(&percent.abs()) {
        format!("{percent:.3} %")
    } else {
        format!("{percent:.2e} %")
    }
}

fn as_json(read: &ArrayReading, title: &str) -> serde_json::Value {
    let number = |value: f64| if value.is_finite() { json!(value) } else { serde_json::Value::Null };
    let statistics = |of: &array_read::ErrorStatistics| {
        json!({ "largest_a": number(of.largest_a), "rms": number(of.rms), "worst": number(of.worst),
                "effective_bits": number(of.effective_bits) })
    };
    let certificate = &read.certificate;
    json!({
        "title": title,
        "bit_lines": read.columns,
        "ideal_current_a": read.ideal_a,
        "current_a": read.wired_a,
        "noise_a": read.noise_a,
        "read_current_a": read.read_a,
        "clipped": read.clipped(),
        "code": read.converted.as_ref().map(|(_, codes)| codes),
        "errors_of_wires": statistics(&read.errors_of_wires),
        "errors": statistics(&read.errors),
        "margin": read.margin.map(|m| json!({ "on_a": number(m.on_a), "off_a": number(m.off_a), "margin": number(m.margin),
                                              "ideal_margin": number(m.ideal_margin) })),
        "power_w": { "total": number(read.power.total_w), "cells": number(read.power.cells_w),
                     "wires": number(read.power.wires_w), "ends": number(read.power.ends_w) },
        "certificate": { "bound_a": number(certificate.bound_a), "residual_a": number(certificate.residual_a),
                         "rounding_floor_a": number(certificate.floor_a), "total_a": number(certificate.total_a),
                         "conservation_a": number(certificate.conservation_a),
                         "ends_against_cells_a": number(certificate.two_ways_a) },
        "iterations": read.solution.currents.method.iterations,
    })
}
