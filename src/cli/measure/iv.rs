//! `trapline iv`.

use std::path::PathBuf;

use clap::Args;
use ndarray::{ArrayD, Axis as Along};
use trapline::analysis::Table;
use trapline::experiment::iv;
use trapline::figure::{Axis, Chart, Curve, Plate};
use trapline::protocol::{Part, Segment, checked_segments, waveform};

use super::{Cells, Failure, Findings, Specimen, affordable, by_option, cells_in_words, number, scientific};

/// Rows of the summary: a screenful.
const ROWS: usize = 24;
/// Most curves of the plot.
const CURVES: usize = 25;

const WAVEFORM: &str = "\
A waveform in CSV has a first line time_s,bias_v; from each line's time on its bias holds until the time of the next line, and the last \
line only ends the one before. In TOML it is program = [...] with pulse trains and sweeps, as in a campaign file.

Noise is that of a current averaged over each dwell.";

/// Current against bias: a sweep, or any waveform from a file
#[derive(Debug, Args)]
#[command(after_help = WAVEFORM)]
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
    /// A waveform in the place of the sweep, CSV or TOML (see below)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "step", "dwell", "sweeps"])]
    waveform: Option<PathBuf>,
    #[command(flatten)]
    cells: Cells,
    #[command(flatten)]
    specimen: Specimen,
}

impl Iv {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let segments = self.segments()?;
        affordable(self.cells.cells, segments.len() as u64, "ask for fewer --cells, --sweeps or points")?;
        let inputs: Vec<PathBuf> = self.waveform.iter().cloned().collect();
        let ready = self.specimen.ready(None, &inputs)?;
        let dataset = iv::run(&mut ready.probe(self.cells.cells)?, "iv", &segments)?;
        let (current, filling) = (number(&dataset, "current_a")?, number(&dataset, "filling")?);
        let cells = current.shape()[0];
        let shown = rows(&segments);
        let mut summary = Table::new(["bias (V)", "current (A)", "filling"], 0);
        for &point in &shown {
            let mean = |of: &ArrayD<f64>| of.index_axis(Along(1), point).mean().unwrap_or(f64::NAN);
            let bias = format!("{:.4}", segments[point].bias_v);
            summary.row([bias, scientific(mean(current)), format!("{:.5}", mean(filling))]);
        }
        let curves = (0..cells.min(CURVES)).map(|cell| {
            let points = segments.iter().enumerate().map(|(p, s)| (s.bias_v, current[[cell, p]].abs())).collect();
            Curve::line(if cells == 1 { String::new() } else { format!("cell {cell}") }, points)
        });
        let plate = Plate::of(Chart {
            title: self.specimen.title(&ready),
            x: Axis::linear("Bias (V)"),
            y: Axis::log("Current, magnitude (A)"),
            curves: curves.collect(),
            ..Chart::default()
        });
        let cut = if shown.len() < segments.len() {
            let all = if self.specimen.output.is_some() { "all are in the record" } else { "-o OUT.h5 keeps all" };
            format!("; {} of {} points, {all}", shown.len(), segments.len())
        } else {
            String::new()
        };
        let remark = Some(format!("{}{cut}", cells_in_words(cells)));
        self.specimen.done(&ready, Findings { command: "iv", dataset, plate, summary, remark })
    }

    fn segments(&self) -> Result<Vec<Segment>, Failure> {
        if let Some(path) = &self.waveform {
            return waveform::read(path).map_err(|e| Failure::Usage(e.to_string()));
        }
        let part = Part::Sweep { sweeps: self.sweeps, sweep_to_v: self.to, step_v: self.step, dwell_s: self.dwell };
        let options = [("sweeps", "--sweeps"), ("sweep_to_v", "--to"), ("step_v", "--step"), ("dwell_s", "--dwell")];
        checked_segments(part).map_err(|wrong| by_option(&wrong, &options))
    }
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
