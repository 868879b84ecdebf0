//! `trapline pulse`.

use clap::Args;
use ndarray::{ArrayD, s};
use trapline::analysis::Table;
use trapline::experiment::pulse::{self, Train};
use trapline::figure::{Axis, Chart, Curve, Plate, Style};

use super::{
    Cells, Failure, Findings, Pulses, Reading, Specimen, affordable, cells_in_words, checked, number, scientific,
};

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
    cells: Cells,
    #[command(flatten)]
    reading: Reading,
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
            let down = Train { amplitude_v: self.depress_amplitude, count: self.depress, ..up };
            checked(&down, "--depress-amplitude", "--depress")?;
            trains.push(down);
        }
        let pulses: u64 = trains.iter().map(|train| u64::from(train.count)).sum();
        let readings = (2 * pulses + 1) * u64::from(self.cycles);
        affordable(self.cells.cells, readings, "ask for fewer --cells, --cycles or pulses")?;
        let ready = self.specimen.ready(Some(self.reading), &[])?;
        let dataset = pulse::run(&mut ready.probe(self.cells.cells)?, "pulse", &trains, self.cycles)?;
        let (g, energy) = (number(&dataset, "conductance_s")?, number(&dataset, "energy_j")?);
        let filling = number(&dataset, "filling")?;
        let (cells, cycles, states) = (g.shape()[0], g.shape()[1], g.shape()[2]);
        let mean = |of: &ArrayD<f64>, cycle: usize, at: usize| of.slice(s![.., cycle, at]).mean().unwrap_or(f64::NAN);
        let last = cycles - 1;
        let mut summary = Table::new(["pulse", "conductance (S)", "filling", "energy (J)"], 0);
        for state in 0..states {
            let cost = if state == 0 { "-".to_owned() } else { scientific(mean(energy, last, state - 1)) };
            let f = format!("{:.5}", mean(filling, last, state));
            summary.row([state.to_string(), scientific(mean(g, last, state)), f, cost]);
        }
        let mut drawn = vec![0, last / 2, last];
        drawn.dedup();
        let curves = drawn.iter().map(|&cycle| {
            let points = (0..states).map(|state| (state as f64, mean(g, cycle, state))).collect();
            let label = if cycles == 1 { String::new() } else { format!("cycle {}", cycle + 1) };
            Curve::line(label, points).styled(Style::LineAndDots)
        });
        let plate = Plate::of(Chart {
            title: self.specimen.title(&ready),
            x: Axis::linear("Pulse"),
            y: Axis::linear("Conductance (S)"),
            curves: curves.collect(),
            ..Chart::default()
        });
        let of = if cycles == 1 { String::new() } else { format!(", cycle {cycles} of {cycles}") };
        let remark = Some(format!("{}{of}", cells_in_words(cells)));
        self.specimen.done(&ready, Findings { command: "pulse", dataset, plate, summary, remark })
    }
}
