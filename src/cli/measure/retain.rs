//! `trapline retain`.

use clap::Args;
use ndarray::{ArrayD, s};
use trapline::analysis::Table;
use trapline::cell::read::noise_a;
use trapline::experiment::pulse::Train;
use trapline::experiment::retention;
use trapline::figure::{Axis, Chart, Curve, Panel, Plate, Style};

use super::{
    Cells, Failure, Findings, Pulses, Reading, Ready, Specimen, affordable, cells_in_words, number, scientific, within,
};

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
    cells: Cells,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    specimen: Specimen,
}

impl Retain {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let train = self.pulses.train()?;
        within("--until", self.until, 1.0, 1e12, "s")?;
        let times = self.times();
        affordable(self.cells.cells, 2 * times.len() as u64, "ask for fewer --cells or times")?;
        let ready = self.specimen.ready(Some(self.reading), &[])?;
        let dataset = retention::run(&ready.probe(self.cells.cells)?, "retention", &train, &[0, train.count], &times)?;
        let (noisy, quiet) = (number(&dataset, "conductance_s")?, number(&dataset, "conductance_noiseless_s")?);
        let lost = number(&dataset, "lost")?;
        let cells = quiet.shape()[2];
        let mean = |of: &ArrayD<f64>, state: usize, t: usize| of.slice(s![state, t, ..]).mean().unwrap_or(f64::NAN);
        let window = |t: usize| mean(quiet, 1, t) - mean(quiet, 0, t);
        let kept = |t: usize| 100.0 * window(t) / window(0);
        let empty = window(0) <= 0.0;
        if empty {
            self.refuse_no_window(&ready, &train)?;
        }
        let mut summary =
            Table::new(["time (s)", "as read (S)", "without noise (S)", "window kept (%)", "charge lost"], 0);
        for (t, time_s) in times.iter().enumerate() {
            let kept = if empty { "-".to_owned() } else { format!("{:.3}", kept(t)) };
            let lost = Some(mean(lost, 1, t)).filter(|lost| lost.is_finite()).map_or("-".to_owned(), scientific);
            let (read, quiet) = (scientific(mean(noisy, 1, t)), scientific(mean(quiet, 1, t)));
            summary.row([format!("{time_s:.4e}"), read, quiet, kept, lost]);
        }
        let drawn = |t: usize| if empty { mean(quiet, 1, t) } else { kept(t) };
        let points = |of: &dyn Fn(usize) -> f64| {
            times.iter().enumerate().filter(|(_, s)| **s > 0.0).map(|(t, s)| (*s, of(t))).collect::<Vec<_>>()
        };
        let curve =
            |of: &dyn Fn(usize) -> f64| vec![Curve::line(cells_in_words(cells), points(of)).styled(Style::LineAndDots)];
        let pulses = if train.count == 1 { "a pulse".to_owned() } else { format!("{} pulses", train.count) };
        let window_chart = Chart {
            title: format!("{} after {pulses}", self.specimen.title(&ready)),
            x: Axis::log("Time (s)"),
            y: Axis::linear(if empty { "Conductance without noise (S)" } else { "Window kept (%)" }),
            curves: curve(&drawn),
            ..Chart::default()
        };
        let lost_chart = Chart {
            x: Axis::log("Time (s)"),
            y: Axis::log("Fraction of the charge lost"),
            curves: curve(&|t| mean(lost, 1, t)),
            empty: "no charge that could be lost".to_owned(),
            ..Chart::default()
        };
        let panels = [window_chart, lost_chart].map(Panel::Chart).to_vec();
        let plate = Plate { title: None, panels, columns: 1 };
        let more = match empty {
            true => "; no window is left of the pulses when they end".to_owned(),
            false => noise(&ready, mean(quiet, 1, 0), window(0)),
        };
        let remark = Some(format!("{}{more}", cells_in_words(cells)));
        self.specimen.done(&ready, Findings { command: "retain", dataset, plate, summary, remark })
    }

    /// Pulses that leave nothing to keep are refused; not so above the glass transition, where to lose all at once is
    /// the result.
    fn refuse_no_window(&self, ready: &Ready, train: &Train) -> Result<(), Failure> {
        let material = &ready.material;
        let why = match material.classes.is_empty() {
            true => "it has no traps",
            false if ready.conditions.ambient_k > material.glass_transition_k => return Ok(()),
            false => "take a larger --amplitude",
        };
        let Train { count, amplitude_v, .. } = train;
        let name = &material.name;
        Err(Failure::Usage(format!("{count} pulses of {amplitude_v:?} V leave no window in {name}: {why}")))
    }

    /// 0, then from 1 s on so many a decade, and the last.
    fn times(&self) -> Vec<f64> {
        let per = f64::from(self.per_decade);
        let steps = (self.until.log10() * per - 1e-9).ceil() as i32;
        let between = (0..steps).map(|i| 10f64.powf(f64::from(i) / per));
        std::iter::once(0.0).chain(between).chain([self.until]).collect()
    }
}

/// A remark where one reading scatters more than the window is wide.
fn noise(ready: &Ready, conductance_s: f64, window_s: f64) -> String {
    let conditions = &ready.conditions;
    let current_a = conductance_s * conditions.read_v;
    let scatter_s =
        noise_a(current_a, conditions.read_v, conditions.ambient_k, conditions.read_s) / conditions.read_v.abs();
    if !conditions.read_noise || scatter_s < window_s {
        return String::new();
    }
    format!(
        "; a reading scatters by {scatter_s:.1e} S, the window is {window_s:.1e} S: read longer (--read-time) or program more"
    )
}
