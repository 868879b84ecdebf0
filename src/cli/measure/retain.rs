//! `trapline retain`.

use clap::Args;
use ndarray::{ArrayD, s};
use trapline::analysis::Table;
use trapline::cell::read::noise_a;
use trapline::dataset::Dataset;
use trapline::experiment::pulse::Train;
use trapline::experiment::retention;
use trapline::figure::{Axis, Chart, Curve, Panel, Plate, Style};
use trapline::text::counted;
use trapline::units::kelvin;

use super::{
    Cells, Failure, Findings, Pulses, Reading, Ready, Specimen, affordable, amounts, cells_in_words, fixed, number,
    scientific, within,
};

/// Retention of programmed states at a temperature
#[derive(Debug, Args)]
pub struct Retain {
    #[command(flatten)]
    pulses: Pulses,
    /// Last time after programming, s, or with a unit: 1000h, 10y
    #[arg(long, value_name = "S", value_parser = amounts::seconds, default_value_t = 1e5, allow_hyphen_values = true)]
    until: f64,
    /// Times a decade, from 1 s
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    per_decade: u32,
    /// Prints all numbers as JSON
    #[arg(long)]
    json: bool,
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
        let ready = self.specimen.ready_at_each(Some(self.reading), &[])?;
        let temperatures = &self.specimen.temperature;
        let each = temperatures.iter().map(|&celsius| {
            let (probe, name) =
                (ready.probe_at(kelvin(celsius), self.cells.cells)?, self.specimen.named("retention", celsius));
            Ok((celsius, retention::run(&probe, &name, &train, &[0, train.count], &times)?))
        });
        let mut datasets: Vec<(f64, Dataset)> = each.collect::<Result<_, Failure>>()?;
        let heads = (temperatures.len() > 1).then_some("temperature (°C)");
        let columns = ["time (s)", "as read (S)", "without noise (S)", "window kept (%)", "charge lost"];
        let mut summary = Table::new(heads.into_iter().chain(columns), 0);
        let (mut kept_curves, mut lost_curves, mut cells) = (Vec::new(), Vec::new(), 0);
        let (mut empty, mut first_s) = (false, (f64::NAN, f64::NAN));
        for (celsius, dataset) in &datasets {
            let (noisy, quiet) = (number(dataset, "conductance_s")?, number(dataset, "conductance_noiseless_s")?);
            let lost = number(dataset, "lost")?;
            cells = quiet.shape()[2];
            let mean = |of: &ArrayD<f64>, state: usize, t: usize| of.slice(s![state, t, ..]).mean().unwrap_or(f64::NAN);
            let window = |t: usize| mean(quiet, 1, t) - mean(quiet, 0, t);
            let kept = |t: usize| 100.0 * window(t) / window(0);
            let none = window(0) <= 0.0;
            if none {
                self.refuse_no_window(&ready, kelvin(*celsius), &train)?;
            }
            for (t, time_s) in times.iter().enumerate() {
                let kept = if none { "-".to_owned() } else { fixed(kept(t), 3) };
                let lost = Some(mean(lost, 1, t)).filter(|lost| lost.is_finite()).map_or("-".to_owned(), scientific);
                let (read, quiet) = (scientific(mean(noisy, 1, t)), scientific(mean(quiet, 1, t)));
                summary.row(self.specimen.column(*celsius).into_iter().chain([
                    scientific(*time_s),
                    read,
                    quiet,
                    kept,
                    lost,
                ]));
            }
            let drawn = |t: usize| if none { mean(quiet, 1, t) } else { kept(t) };
            let curve = |of: &dyn Fn(usize) -> f64| {
                let points = times.iter().enumerate().filter(|(_, s)| **s > 0.0).map(|(t, s)| (*s, of(t))).collect();
                let what = if temperatures.len() > 1 { String::new() } else { cells_in_words(cells) };
                Curve::line(self.specimen.label(*celsius, what), points).styled(Style::LineAndDots)
            };
            // A window and a conductance have no axis in common: where any state is empty, those that are not stay
            // away.
            if empty == none || kept_curves.is_empty() {
                (empty, first_s) = (none, (mean(quiet, 1, 0), window(0)));
                kept_curves.push(curve(&drawn));
            }
            lost_curves.push(curve(&|t| mean(lost, 1, t)));
        }
        let pulses = if train.count == 1 { "a pulse".to_owned() } else { format!("{} pulses", train.count) };
        let window_chart = Chart {
            title: format!("{} after {pulses}", self.specimen.title(&ready)),
            x: Axis::time("Time (s)"),
            y: Axis::linear(if empty { "Conductance without noise (S)" } else { "Window kept (%)" }),
            curves: kept_curves,
            ..Chart::default()
        };
        let lost_chart = Chart {
            x: Axis::time("Time (s)"),
            y: Axis::log("Fraction of the charge lost"),
            curves: lost_curves,
            empty: "no charge that could be lost".to_owned(),
            ..Chart::default()
        };
        let panels = [window_chart, lost_chart].map(Panel::Chart).to_vec();
        let plate = Plate { title: None, panels, columns: 1 };
        let more = match empty {
            true => "; no window is left of the pulses when they end".to_owned(),
            false => noise(&ready, first_s.0, first_s.1),
        };
        let remark = Some(format!("{}{more}", cells_in_words(cells)));
        let (_, dataset) = datasets.remove(0);
        let findings = Findings { command: "retain", dataset, further: datasets, plate, summary, remark };
        self.specimen.done(&ready, findings, self.json)
    }

    /// Pulses that leave nothing to keep are refused; not so above the glass transition, where to lose all at once is
    /// the result.
    fn refuse_no_window(&self, ready: &Ready, ambient_k: f64, train: &Train) -> Result<(), Failure> {
        let material = &ready.material;
        let why = match material.classes.is_empty() {
            true => "it has no traps",
            false if ambient_k > material.glass_transition_k => return Ok(()),
            false => "take a larger --amplitude",
        };
        let Train { count, amplitude_v, .. } = train;
        let name = &material.name;
        let pulses = counted(*count as usize, "pulse");
        let leave = if *count == 1 { "leaves" } else { "leave" };
        Err(Failure::Usage(format!("{pulses} of {amplitude_v:?} V {leave} no window in {name}: {why}")))
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
