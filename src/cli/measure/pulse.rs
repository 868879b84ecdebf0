//! `trapline pulse`.

use clap::Args;
use ndarray::{ArrayD, s};
use trapline::analysis::Table;
use trapline::dataset::Dataset;
use trapline::experiment::pulse::{self, Train};
use trapline::figure::{Axis, Chart, Curve, Plate, Style};
use trapline::units::kelvin;

use super::{
    Cells, Failure, Findings, Pulses, Reading, Specimen, affordable, amounts, cells_in_words, checked, does_nothing,
    fixed, number, scientific,
};

/// Conductance after each pulse, and the energy of each; over cycles of potentiation and depression
#[derive(Debug, Args)]
pub struct Pulse {
    #[command(flatten)]
    pulses: Pulses,
    /// Pulses of depression after those of potentiation
    #[arg(long, value_name = "N", default_value_t = 0)]
    depress: u32,
    /// Bias of a pulse of depression, V [default: -5.5]
    #[arg(long, value_name = "V", value_parser = amounts::volts, allow_hyphen_values = true)]
    depress_amplitude: Option<f64>,
    /// Cycles of all pulses
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    cycles: u32,
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

impl Pulse {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let up = self.pulses.train()?;
        let mut trains = vec![up];
        does_nothing(
            self.depress == 0 && self.depress_amplitude.is_some(),
            "--depress-amplitude",
            "without pulses of depression",
            "give their number by --depress",
        )?;
        if self.depress > 0 {
            let down = Train { amplitude_v: self.depress_amplitude.unwrap_or(-5.5), count: self.depress, ..up };
            checked(&down, "--depress-amplitude", "--depress")?;
            trains.push(down);
        }
        let pulses: u64 = trains.iter().map(|train| u64::from(train.count)).sum();
        let readings = (2 * pulses + 1) * u64::from(self.cycles);
        affordable(self.cells.cells, readings, "ask for fewer --cells, --cycles or pulses")?;
        let ready = self.specimen.ready_at_each(Some(self.reading), &[])?;
        let temperatures = &self.specimen.temperature;
        let each = temperatures.iter().map(|&celsius| {
            let mut probe = ready.probe_at(kelvin(celsius), self.cells.cells)?;
            Ok((celsius, pulse::run(&mut probe, &self.specimen.named("pulse", celsius), &trains, self.cycles)?))
        });
        let mut datasets: Vec<(f64, Dataset)> = each.collect::<Result<_, Failure>>()?;
        let heads = (temperatures.len() > 1).then_some("temperature (°C)");
        let mut summary = Table::new(heads.into_iter().chain(["pulse", "conductance (S)", "filling", "energy (J)"]), 0);
        let (mut curves, mut cells, mut cycles) = (Vec::new(), 0, 0);
        for (celsius, dataset) in &datasets {
            let (g, energy) = (number(dataset, "conductance_s")?, number(dataset, "energy_j")?);
            let filling = number(dataset, "filling")?;
            let states = g.shape()[2];
            (cells, cycles) = (g.shape()[0], g.shape()[1]);
            let mean =
                |of: &ArrayD<f64>, cycle: usize, at: usize| of.slice(s![.., cycle, at]).mean().unwrap_or(f64::NAN);
            let last = cycles - 1;
            for state in 0..states {
                let cost = if state == 0 { "-".to_owned() } else { scientific(mean(energy, last, state - 1)) };
                let row =
                    [state.to_string(), scientific(mean(g, last, state)), fixed(mean(filling, last, state), 5), cost];
                summary.row(self.specimen.column(*celsius).into_iter().chain(row));
            }
            let mut drawn = if temperatures.len() > 1 { vec![last] } else { vec![0, last / 2, last] };
            drawn.dedup();
            curves.extend(drawn.iter().map(|&cycle| {
                let points = (0..states).map(|state| (state as f64, mean(g, cycle, state))).collect();
                let label = if cycles == 1 { String::new() } else { format!("cycle {}", cycle + 1) };
                Curve::line(self.specimen.label(*celsius, label), points).styled(Style::LineAndDots)
            }));
        }
        let plate = Plate::of(Chart {
            title: self.specimen.title(&ready),
            x: Axis::linear("Pulse"),
            y: Axis::linear("Conductance (S)"),
            curves,
            ..Chart::default()
        });
        let of = if cycles == 1 { String::new() } else { format!(", cycle {cycles} of {cycles}") };
        let remark = Some(format!("{}{of}", cells_in_words(cells)));
        let (_, dataset) = datasets.remove(0);
        let findings = Findings { command: "pulse", dataset, further: datasets, plate, summary, remark };
        self.specimen.done(&ready, findings, self.json)
    }
}
