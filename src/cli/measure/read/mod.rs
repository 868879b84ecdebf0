//! `trapline read`.

mod array;
mod batch;
mod numbers;
mod periphery;
mod report;

use clap::Args;
use trapline::circuit::{SolveError, memory_bytes};
use trapline::experiment::array_read::{self, ArrayReadError};

use super::{Failure, Findings, Pulses, Reading, Specimen, does_nothing, scientific};
use array::Source;
use periphery::{Inputs, Periphery};

/// Reads a whole array through its wires: currents, sneak paths, errors, noise and energy
///
/// The array is one of a material's cells (--rows, --cols, --written), any conductances (--conductance), or a part of
/// an array that a campaign recorded cell by cell (--record). All word lines are driven and all bit lines sensed, or
/// one cell is selected (--select) while a --scheme holds the other lines. Currents come with a bound of their errors.
/// The network is solved in f64 on the processor; --backend computes the cells that are made here.
#[derive(Debug, Args)]
pub struct Read {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    periphery: Periphery,
    /// Prints everything but the cells as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pulses: Pulses,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    specimen: Specimen,
}

impl Read {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        let train = self.pulses.train()?;
        self.periphery.check()?;
        self.all_count()?;
        let given = [self.source.inputs(), self.periphery.inputs()].concat();
        let mut ready = self.specimen.ready(Some(self.reading), &given)?;
        ready.of_material = self.source.is_of_material();
        let read_v = self.reading.bias_v();
        let taken = self.source.take(&ready, &self.specimen, read_v, &train)?;
        let shape = taken.cells.conductance_s.dim();
        let setup = self.periphery.setup(shape, &self.reading, &self.specimen, taken.temperature_k)?;
        let title = format!("{} x {} cells: {}", shape.0, shape.1, taken.what);
        let told = |error: ArrayReadError| match error {
            ArrayReadError::Solve(SolveError::Device(_)) => Failure::Failed(error.to_string()),
            other => Failure::Usage(other.to_string()),
        };
        let inputs = self.periphery.drives(shape, read_v)?;
        let strongest_v = match &inputs {
            Inputs::One(_) => read_v,
            Inputs::Many(all) => all.iter().fold(0.0, |most: f64, v| if v.abs() > most.abs() { *v } else { most }),
        };
        let driven = match &inputs {
            Inputs::One(_) => self.periphery.driving_in_words(),
            Inputs::Many(_) => "vectors".to_owned(),
        };
        let (mut findings, json) = match inputs {
            Inputs::One(driving) => {
                let read = array_read::read(ready.backend.as_ref(), &taken.cells, &driving, &setup).map_err(told)?;
                let findings = Findings {
                    command: "read",
                    dataset: read.dataset("read", &title, taken.cells.conductance_s.view()),
                    further: Vec::new(),
                    plate: report::plate(&read, &title),
                    summary: report::summary(&read),
                    remark: Some(report::remark(&read, &driving, &setup)),
                };
                (findings, report::as_json(&read, &title))
            }
            Inputs::Many(input_v) => {
                let read = array_read::read_batch(
                    ready.backend.as_ref(),
                    &taken.cells,
                    input_v.view(),
                    &setup,
                    self.periphery.weights,
                )
                .map_err(told)?;
                let findings = Findings {
                    command: "read",
                    dataset: read.dataset("read", &title, &taken.cells),
                    further: Vec::new(),
                    plate: batch::plate(&read, &title),
                    summary: batch::summary(&read),
                    remark: Some(batch::remark(&read)),
                };
                (findings, batch::as_json(&read, &title))
            }
        };
        for (key, text) in [
            ("array", taken.what),
            ("driving", driven),
            ("temperature_k", taken.temperature_k.to_string()),
            ("seed", self.specimen.seed.to_string()),
            ("read_noise", if self.specimen.no_noise { "off" } else { "on" }.to_owned()),
            ("read_bias_v", read_v.to_string()),
            ("read_time_s", self.reading.time_s().to_string()),
        ] {
            findings.dataset.note(key, text);
        }
        if self.source.is_of_material() {
            let remarks = array_read::remarks(&ready.material, strongest_v, taken.temperature_k);
            if !remarks.is_empty() {
                findings.dataset.note("outside_validity", remarks.join("; "));
            }
        }
        let text = self.json.then(|| format!("{json:#}\n"));
        self.specimen.done_with(&ready, findings, text)
    }

    /// Refuses options that what else is asked for leaves without an effect.
    fn all_count(&self) -> Result<(), Failure> {
        let read_bias = self.reading.read_bias;
        // Of a material's cells it says the conductance, which is no number of its own; of a record's it is compared.
        let of_anyone = self.source.conductance.is_some() && self.periphery.has_inputs();
        let leave = "leave it out";
        does_nothing(
            self.periphery.weights && !self.source.is_linear(),
            "--weights",
            "where cells have no weights, only laws",
            leave,
        )?;
        does_nothing(
            read_bias.is_some() && of_anyone,
            "--read-bias",
            "where --conductance says the cells and --inputs the voltages",
            leave,
        )?;
        if let (true, Some(option)) = (self.source.is_unwritten(), self.pulses.given()) {
            does_nothing(true, option, "where no cell gets a pulse (--written none)", "leave one of them out")?;
        }
        Ok(())
    }
}

/// Bytes of a reading of an array: its solver with a coarse crossbar, its conductances, potentials and currents, and a
/// copy with the selected cell in another state.
fn bytes_of_cells(rows: usize, cols: usize, linear: bool) -> u128 {
    let cells = rows as u128 * cols as u128;
    // Slopes and a law of their own where cells are nonlinear.
    let each = if linear { 68 } else { 68 + 40 };
    memory_bytes(rows, cols).saturating_add(cells.saturating_mul(each))
}
