//! `trapline write`.

mod endurance;
mod levels;
mod report;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ndarray::{Array2, s};
use trapline::array::ArrayShape;
use trapline::circuit::memory_bytes;
use trapline::circuit::scheme::Unselected;
use trapline::experiment::array_read::Scheme;
use trapline::experiment::array_write::{self, Order, Setup, Verify, Wiring, WriteError, Writer};
use trapline::experiment::letter::{self, Pattern};
use trapline::{memory, options};

use super::wires::Wires;
use super::{Failure, Findings, Pulses, Reading, Specimen, does_nothing};
use endurance::EnduranceAsked;
use levels::LevelsAsked;
use trapline::experiment::array_read::selector::{self, Selector};

/// What becomes of the lines that are not selected.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Others {
    /// All at 0 V: cells of the selected word line see the whole pulse
    Grounded,
    /// Connected to nothing
    Floating,
    /// All at half of the amplitude
    Half,
    /// Word lines at a third of it, bit lines at two thirds
    Third,
    /// A switch at every cell: only cells that are written are connected
    Isolated,
}

impl From<Others> for Scheme {
    fn from(others: Others) -> Scheme {
        Scheme::Passive(match others {
            Others::Grounded => Unselected::Grounded,
            Others::Floating => Unselected::Floating,
            Others::Half => Unselected::Half,
            Others::Third => Unselected::Third,
            Others::Isolated => return Scheme::Isolated,
        })
    }
}

/// What is written together.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Together {
    /// One cell after another
    Cells,
    /// The cells of a row at once
    Rows,
    /// The whole pattern at once
    All,
}

impl From<Together> for Order {
    fn from(together: Together) -> Order {
        match together {
            Together::Cells => Order::CellByCell,
            Together::Rows => Order::RowByRow,
            Together::All => Order::AllAtOnce,
        }
    }
}

/// Writes a pattern into an array through its wires: every cell's filling, and which are disturbed
///
/// Each pulse selects a cell (or a row of cells, or all) by its lines; the others are held as the scheme says. The
/// network of wires and cells gives each cell its bias, under which its traps fill or empty, and is solved again as
/// they do.
#[derive(Debug, Args)]
pub struct Write {
    /// H, L, T, X, O, +, or a file with rows of 0 and 1 [default: H]
    #[arg(long, value_name = "NAME", conflicts_with = "levels")]
    pattern: Option<String>,
    #[command(flatten)]
    asked: LevelsAsked,
    #[command(flatten)]
    endurance: EnduranceAsked,
    /// Rows of the array [default: as the pattern or the levels]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4096))]
    rows: Option<u64>,
    /// Columns of the array [default: as the pattern or the levels]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4096))]
    cols: Option<u64>,
    /// How lines that are not selected are held
    #[arg(long, value_enum, value_name = "HOW", default_value = "half")]
    scheme: Others,
    /// What is written together
    #[arg(long, value_enum, value_name = "WHAT", default_value = "cells")]
    order: Together,
    /// A selector in series with each cell: sinh:A,V for A sinh(U/V), exp:A,V for A (exp(U/V) - 1), or a file of
    /// voltages in V and currents in A, a point a line, both rising
    #[arg(long, value_name = "LAW", value_parser = selector::parse)]
    selector: Option<Selector>,
    /// Largest error of a step in time, of a filling over the largest change of one in the step [default: 1e-3]
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    tolerance: Option<f64>,
    /// Bound of the errors of all currents of a solution of the network, over the total current [default: 1e-9]
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    accuracy: Option<f64>,
    /// Prints everything but the cells as JSON
    #[arg(long)]
    json: bool,
    /// Resistance of a wire from cell to cell, ohm; 0 for lines without resistance, which need no network [default: 1]
    #[arg(long, value_name = "OHM", allow_hyphen_values = true)]
    wire_ohm: Option<f64>,
    #[command(flatten)]
    wires: Wires,
    #[command(flatten)]
    pulses: Pulses,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    specimen: Specimen,
}

/// Most strokes of all pulses together: each takes a solution of the network or two.
const MOST_STROKES: u64 = 1_000_000;
/// Bytes of a cell beside the solver of its network: its state twice, its biases, what is recorded.
const BYTES_OF_A_CELL: u128 = 600;
/// Writes that an envelope over many of them steps, if all goes well; and bytes of a cell that it takes for each
/// write it looks at at the same time, and for each that it reports.
const STEPPED: u64 = 200;
const BYTES_OF_AN_ENVELOPE: u128 = 5000;
const BYTES_OF_A_REPORT: u128 = 64;

impl Write {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let train = self.pulses.train()?;
        let accuracy = self.accuracy.unwrap_or(1e-9);
        super::within("--accuracy", accuracy, 1e-14, 0.1, "")?;
        let wiring = self.wires.wiring(self.wire_ohm.unwrap_or(1.0))?;
        self.all_count(&wiring)?;
        let wrong = |e: letter::PatternError| Failure::Usage(e.to_string());
        let asked = self.asked.verify(&train)?;
        let pattern = match &asked {
            None => Pattern::load(self.pattern.as_deref().unwrap_or("H")).map_err(wrong)?,
            Some(asked) => Pattern { name: "levels".to_owned(), written: asked.target_s.mapv(|s| s > 0.0) },
        };
        let (rows, cols) = pattern.written.dim();
        let shape = ArrayShape { rows: self.rows.unwrap_or(rows as u64), cols: self.cols.unwrap_or(cols as u64) };
        let written = pattern.on(shape).map_err(wrong)?;
        let selector = self.selector.as_ref().map(Selector::curve).transpose().map_err(Failure::Usage)?;
        let files = [
            self.pattern.as_ref().map(PathBuf::from),
            self.asked.file(),
            self.selector.as_ref().and_then(Selector::file),
        ];
        let given: Vec<PathBuf> = files.into_iter().flatten().collect();
        let setup = Setup {
            wiring,
            scheme: self.scheme.into(),
            order: self.order.into(),
            train,
            selector,
            tolerance: self.tolerance.unwrap_or(1e-3),
            accuracy,
        };
        let told = |error: WriteError| match error {
            WriteError::Experiment(error) => Failure::from(error),
            failed @ (WriteError::Stiff { .. } | WriteError::Slow { .. } | WriteError::Solve(_)) => {
                Failure::Failed(failed.to_string())
            }
            other => Failure::Usage(other.to_string()),
        };
        let endurance = self.endurance.asked().map_err(told)?;
        let strokes = array_write::strokes(&written, setup.order, &setup.scheme).map_err(told)?;
        let rounds = match (&asked, &endurance) {
            (Some(asked), _) => asked.rounds,
            // No more than the constant.
            (None, Some(endurance)) => endurance.writes().min(STEPPED) as u32,
            (None, None) => train.count,
        };
        let all = strokes.len() as u64 * u64::from(rounds);
        if all > MOST_STROKES {
            return Err(Failure::Usage(format!(
                "{} strokes for each of {} pulses are {all}; it must be at most {MOST_STROKES}: write rows at once (--order \
                 rows), or give fewer pulses",
                strokes.len(),
                rounds
            )));
        }
        let (rows, cols) = written.dim();
        let reports = endurance.as_ref().map_or(0, |asked| asked.at().len() as u128);
        let of_envelope = if reports > 0 { BYTES_OF_AN_ENVELOPE + BYTES_OF_A_REPORT * reports } else { 0 };
        let needed = memory_bytes(rows, cols) + (BYTES_OF_A_CELL + of_envelope) * u128::from(shape.cells());
        options::afford(&format!("a {rows} x {cols} array"), needed, memory::available(), "write a smaller one")?;
        let ready = self.specimen.ready(Some(self.reading), &given)?;
        let mut writer =
            Writer::new(ready.backend.as_ref(), &ready.material, ready.conditions, shape, setup).map_err(told)?;
        let fresh_s = writer.conductance_s().map_err(told)?;
        let mut endured = None;
        let levels = match (asked, endurance) {
            (None, None) => {
                array_write::write(&mut writer, &written).map_err(told)?;
                None
            }
            (None, Some(endurance)) => {
                endured = Some(array_write::endure(&mut writer, &written, &endurance).map_err(told)?);
                None
            }
            (Some(asked), _) => {
                let (rows, cols) = asked.target_s.dim();
                let mut target_s = Array2::zeros(written.dim());
                target_s.slice_mut(s![..rows, ..cols]).assign(&asked.target_s);
                Some(array_write::verify(&mut writer, &Verify { target_s, ..asked }).map_err(told)?)
            }
        };
        let outcome = writer.outcome(&written, &fresh_s).map_err(told)?;
        let title = format!(
            "{} written into {rows} x {cols} cells of {}; {}",
            pattern.name,
            self.specimen.title(&ready),
            writer.setup().scheme_name()
        );
        let mut dataset = writer.dataset("write", &title, &outcome);
        dataset.note("pattern", pattern.name.clone());
        if let Some(levels) = &levels {
            writer.add_levels(&mut dataset, levels);
        }
        if let Some(endured) = &endured {
            endured.add_to(&mut dataset);
        }
        let (levels, endured) = (levels.as_ref(), endured.as_ref());
        let mut plate = report::plate(&writer, &outcome, levels, &title);
        plate.panels.extend(endured.map(endurance::panel));
        let mut remark = report::remark(&writer, &outcome, levels);
        if let Some(endured) = endured {
            remark = format!("{remark}\n{}", endurance::remark(endured));
        }
        let findings = Findings {
            command: "write",
            dataset,
            further: Vec::new(),
            plate,
            summary: endured.map_or_else(|| report::summary(&writer, &outcome), endurance::summary),
            remark: Some(remark),
        };
        let text = self.json.then(|| format!("{:#}\n", report::as_json(&writer, &outcome, levels, endured, &title)));
        self.specimen.done_with(&ready, findings, text)
    }

    /// Refuses options that what else is asked for leaves without an effect.
    fn all_count(&self, wiring: &Wiring) -> Result<(), Failure> {
        self.wires.all_count(self.wire_ohm)?;
        does_nothing(
            self.accuracy.is_some() && *wiring == Wiring::Ideal,
            "--accuracy",
            "on lines without resistance, which need no network",
            "give --wire-ohm",
        )?;
        let moves = *wiring != Wiring::Ideal || self.selector.is_some() || self.endurance.is_asked();
        does_nothing(
            self.tolerance.is_some() && !moves,
            "--tolerance",
            "on lines without resistance, where a cell's bias does not move in a pulse",
            "give --wire-ohm, or leave it out",
        )?;
        let verified = self.asked.file().is_some();
        does_nothing(
            self.reading.read_time.is_some() && (!verified || self.specimen.no_noise),
            "--read-time",
            if verified { "without noise (--no-noise)" } else { "where no reading has noise, without --verify" },
            "leave it out",
        )
    }
}
