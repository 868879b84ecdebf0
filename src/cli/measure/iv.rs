//! `trapline iv`.

use std::path::PathBuf;

use clap::Args;
use ndarray::{ArrayD, Axis as Along};
use trapline::analysis::Table;
use trapline::campaign::VALID_TO_V;
use trapline::dataset::Dataset;
use trapline::experiment::iv;
use trapline::figure::{Axis, Chart, Colour, Curve, Mark, Plate};
use trapline::protocol::{Part, Segment, checked_segments, waveform};
use trapline::units::kelvin;

use super::{
    Cells, Failure, Findings, Specimen, affordable, amounts, by_option, cells_in_words, fixed, number, scientific,
    terminal,
};

/// Rows of the summary: a screenful.
const ROWS: usize = 24;
/// Most curves of the plot.
const CURVES: usize = 25;
/// So many cells have a colour and a name each.
const NAMED: usize = 7;

const WAVEFORM: &str = "\
A waveform in CSV has columns time_s and bias_v, or of such a meaning (time in ms, \"Bias (V)\"; a line says what was understood); from \
each line's time on its bias holds until the time of the next line, and the last line only ends the one before. In TOML it is \
program = [...] with pulse trains and sweeps, as in a campaign file, or file = \"w.csv\" with columns, delimiter, decimal and skip.

Noise is that of a current averaged over each dwell.";

/// Current against bias: a sweep, or any waveform from a file
#[derive(Debug, Args)]
#[command(after_help = WAVEFORM)]
pub struct Iv {
    /// Largest bias of the sweep 0 to V and back; negative for the other polarity
    #[arg(long, value_name = "V", value_parser = amounts::volts, default_value_t = 5.0, allow_hyphen_values = true)]
    to: f64,
    /// Step of the staircase, V
    #[arg(long, value_name = "V", value_parser = amounts::volts, default_value_t = 0.05, allow_hyphen_values = true)]
    step: f64,
    /// Time at each step, s
    #[arg(long, value_name = "S", value_parser = amounts::seconds, default_value_t = 3.9e-4, allow_hyphen_values = true)]
    dwell: f64,
    /// Sweeps, one after the other
    #[arg(long, value_name = "N", default_value_t = 1)]
    sweeps: u32,
    /// A waveform in the place of the sweep, CSV or TOML (see below)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "step", "dwell", "sweeps"])]
    waveform: Option<PathBuf>,
    /// Prints all numbers as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cells: Cells,
    #[command(flatten)]
    specimen: Specimen,
}

impl Iv {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let (segments, understood, inputs) = match &self.waveform {
            None => (self.sweep()?, None, Vec::new()),
            Some(path) => {
                let found = waveform::read(path).map_err(|e| Failure::Usage(e.to_string()))?;
                (found.segments, found.understood, found.files)
            }
        };
        affordable(self.cells.cells, segments.len() as u64, "ask for fewer --cells, --sweeps or points")?;
        let ready = self.specimen.ready_at_each(None, &inputs)?;
        if let Some(understood) = understood.filter(|_| !self.specimen.quiet) {
            terminal::note(&understood);
        }
        let temperatures = &self.specimen.temperature;
        let each = temperatures.iter().map(|&celsius| {
            let mut probe = ready.probe_at(kelvin(celsius), self.cells.cells)?;
            Ok((celsius, iv::run(&mut probe, &self.specimen.named("iv", celsius), &segments)?))
        });
        let mut datasets: Vec<(f64, Dataset)> = each.collect::<Result<_, Failure>>()?;
        let shown = rows(&segments);
        let heads = (temperatures.len() > 1).then_some("temperature (°C)");
        let mut summary = Table::new(heads.into_iter().chain(["bias (V)", "current (A)", "filling"]), 0);
        let (mut curves, mut cells) = (Vec::new(), 0);
        for (rank, (celsius, dataset)) in datasets.iter().enumerate() {
            let (current, filling) = (number(dataset, "current_a")?, number(dataset, "filling")?);
            cells = current.shape()[0];
            for &point in &shown {
                let mean = |of: &ArrayD<f64>| of.index_axis(Along(1), point).mean().unwrap_or(f64::NAN);
                let bias = fixed(segments[point].bias_v, 4);
                let row = [bias, scientific(mean(current)), fixed(mean(filling), 5)];
                summary.row(self.specimen.column(*celsius).into_iter().chain(row));
            }
            let drawn = cells.min(CURVES / temperatures.len()).max(1);
            curves.extend((0..drawn).map(|cell| {
                let points = segments.iter().enumerate().map(|(p, s)| (s.bias_v, current[[cell, p]].abs()));
                let name = if cells == 1 { String::new() } else { format!("cell {cell}") };
                let curve = Curve::line("", parted(points)).named(self.specimen.label(*celsius, name));
                // Many are a bundle of one colour, which the first of them names.
                match (drawn <= NAMED, cell) {
                    (true, _) => Curve { label: curve.name.clone(), ..curve }.directed(),
                    (false, 0) => {
                        let label = self.specimen.label(*celsius, format!("{drawn} cells"));
                        Curve { label, ..curve }.directed().coloured(Colour::distinct(rank))
                    }
                    (false, _) => curve.coloured(Colour::distinct(rank)),
                }
            }));
        }
        let largest_v = segments.iter().map(|segment| segment.bias_v.abs()).fold(0.0, f64::max);
        let beyond = |sign: f64| {
            let reached = segments.iter().any(|segment| segment.bias_v * sign > VALID_TO_V);
            let (low, high) = (VALID_TO_V * sign, largest_v * sign);
            let label = "beyond the model's validity".to_owned();
            reached.then(|| Mark::Span { low: low.min(high), high: low.max(high), label })
        };
        let plate = Plate::of(Chart {
            title: self.specimen.title(&ready),
            x: Axis::linear("Bias (V)"),
            y: Axis::log("Current, magnitude (A)"),
            curves,
            marks: [1.0, -1.0].into_iter().filter_map(beyond).collect(),
            ..Chart::default()
        });
        let cut = if shown.len() < segments.len() {
            let all =
                if self.specimen.output.is_some() { "all are in the output" } else { "-o OUT.h5 or OUT.csv keeps all" };
            format!("; {} of {} points, {all}", shown.len(), segments.len())
        } else {
            String::new()
        };
        let remark = Some(format!("{}{cut}", cells_in_words(cells)));
        let (_, dataset) = datasets.remove(0);
        let findings = Findings { command: "iv", dataset, further: datasets, plate, summary, remark };
        self.specimen.done(&ready, findings, self.json)
    }

    fn sweep(&self) -> Result<Vec<Segment>, Failure> {
        let part = Part::Sweep { sweeps: self.sweeps, sweep_to_v: self.to, step_v: self.step, dwell_s: self.dwell };
        let options = [("sweeps", "--sweeps"), ("sweep_to_v", "--to"), ("step_v", "--step"), ("dwell_s", "--dwell")];
        checked_segments(part).map_err(|wrong| by_option(&wrong, &options))
    }
}

/// Points of a curve with a gap where the bias changes its sign from one to the next: no line joins the branches.
fn parted(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let (mut all, mut before) = (Vec::new(), 0.0);
    for (bias_v, current_a) in points {
        if bias_v * before < 0.0 {
            all.push((f64::NAN, f64::NAN));
        }
        before = bias_v;
        all.push((bias_v, current_a));
    }
    all
}

/// The points of the summary: evenly spread, with the first, the last and, where they are few, those at which the
/// bias turns.
fn rows(segments: &[Segment]) -> Vec<usize> {
    let last = segments.len() - 1;
    let every = segments.len().div_ceil(ROWS).max(1);
    let turns = |p: &usize| {
        let [before, here, after] = [p - 1, *p, p + 1].map(|p| segments[p].bias_v);
        (here - before) * (after - here) < 0.0
    };
    let turning: Vec<usize> = (1..last.max(1)).filter(turns).collect();
    let turning = if turning.len() <= ROWS / 2 { turning } else { Vec::new() };
    (0..=last).filter(|p| p % every == every - 1 || *p == 0 || *p == last || turning.contains(p)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_ends_and_the_turning_points() {
        let sweep = Part::Sweep { sweeps: 1, sweep_to_v: -5.0, step_v: 0.05, dwell_s: 1e-3 };
        let segments = checked_segments(sweep).expect("sound");
        let shown = rows(&segments);
        assert!(shown.len() <= ROWS + 3 && shown[0] == 0 && shown.ends_with(&[199]));
        assert!(shown.iter().any(|&p| segments[p].bias_v == -5.0));
        // A train turns at every pulse: those would crowd the rest out.
        let train = Part::Pulses { pulses: 500, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 };
        assert!(rows(&checked_segments(train).expect("sound")).len() <= ROWS + 2);
        assert_eq!(rows(&segments[..1]), [0]);
        assert_eq!(rows(&segments[..2]), [0, 1]);
    }
}
