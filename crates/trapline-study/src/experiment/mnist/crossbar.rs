//! The array that learns: the state of its cells, what was last read of them, and what the pulses have cost.

use super::MnistError;
use super::learn::Learning;
use super::scheme::{Pulse, Scheme};
use ndarray::{Array2, Axis};
use trapline_engine::backend::Backend;
use trapline_engine::backend::stimulus::{Response, Stimulus};
use trapline_model::material::Variation;
use trapline_model::protocol::Segment;

/// What pulses were given, and what they cost. Reading is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Spent {
    /// Pulses that raise and pulses that lower, over all cells.
    pub raising: u64,
    pub lowering: u64,
    /// Electrical energy of the pulses, J.
    pub energy_j: f64,
    /// Largest ratio of electrons caught to electrons injected in any pulse of any cell, or the reading after it.
    pub caught_share: f64,
}

/// Cells number `row * columns + column`.
pub(super) struct Crossbar<'a> {
    with: &'a dyn Backend,
    learning: &'a Learning<'a>,
    columns: usize,
    /// Axes (cell, class).
    pub occupancy: Array2<f64>,
    /// What was last read, S; axes (pixel, column).
    pub conductance_s: Array2<f64>,
    /// Calls so far: the pulse number the cycle-to-cycle draw goes by.
    cycle: u32,
    /// Every pulse that was given, with the reading after it: only the cycle differs from call to call.
    prepared: Vec<(Pulse, Stimulus)>,
    pub spent: Spent,
}

impl<'a> Crossbar<'a> {
    /// A fresh array of `pixels` rows, programmed as the scheme wants it and read.
    pub fn prepared(
        with: &'a dyn Backend,
        learning: &'a Learning<'a>,
        pixels: usize,
    ) -> Result<Crossbar<'a>, MnistError> {
        let columns = learning.scheme.columns();
        let occupancy = Array2::zeros((pixels * columns, learning.material.classes.len()));
        let mut crossbar = Crossbar::from_state(with, learning, pixels, occupancy);
        let all: Vec<u64> = (0..(pixels * columns) as u64).collect();
        let (cells, pulses) = match learning.scheme {
            Scheme::Plain(plain) => {
                let column = all.iter().copied().skip(columns - 1).step_by(columns).collect();
                (column, plain.reference_pulses)
            }
            Scheme::Pairs(pairs) => (all.clone(), pairs.first_pulses),
        };
        for _ in 0..pulses {
            crossbar.pulse(&Pulse::PAPER, true, &cells)?;
        }
        crossbar.read(&all)?;
        Ok(crossbar)
    }

    /// An array in a given state, not yet read.
    pub fn from_state(
        with: &'a dyn Backend,
        learning: &'a Learning<'a>,
        pixels: usize,
        occupancy: Array2<f64>,
    ) -> Crossbar<'a> {
        let columns = learning.scheme.columns();
        let conductance_s = Array2::zeros((pixels, columns));
        Crossbar {
            with,
            learning,
            columns,
            occupancy,
            conductance_s,
            cycle: 0,
            prepared: Vec::new(),
            spent: Spent::default(),
        }
    }

    /// Gives each of the cells (ascending, none twice) one pulse, which is counted as one that raises or lowers, and reads them.
    pub fn pulse(&mut self, pulse: &Pulse, raises: bool, cells: &[u64]) -> Result<(), MnistError> {
        if cells.is_empty() {
            return Ok(());
        }
        self.cycle += 1;
        let at = self.prepared.iter().position(|(known, _)| known == pulse).unwrap_or_else(|| {
            let segment = Segment { bias_v: pulse.bias_v, dwell_s: pulse.width_s, cycle: 0 };
            self.prepared
                .push((*pulse, self.stimulus(&[(segment, true), (self.reading(), true)], self.learning.ambient_k)));
            self.prepared.len() - 1
        });
        let stimulus = &mut self.prepared[at].1;
        stimulus.steps.iter_mut().for_each(|step| step.program.cycle = self.cycle);
        let response = apply(self.with, stimulus, cells, &mut self.occupancy)?;
        self.keep(cells, response.current_a.row(1).iter());
        let count = cells.len() as u64;
        if raises {
            self.spent.raising += count
        } else {
            self.spent.lowering += count
        }
        self.spent.energy_j += response.energy_j.row(0).sum();
        for (caught, injected) in response.caught.iter().zip(&response.injected) {
            if *injected > 0.0 {
                self.spent.caught_share = self.spent.caught_share.max(caught / injected);
            }
        }
        Ok(())
    }

    /// Reads the cells.
    pub fn read(&mut self, cells: &[u64]) -> Result<(), MnistError> {
        let stimulus = self.stimulus(&[(self.reading(), true)], self.learning.ambient_k);
        let response = apply(self.with, &stimulus, cells, &mut self.occupancy)?;
        self.keep(cells, response.current_a.row(0).iter());
        Ok(())
    }

    /// Leaves the whole array at 0 V and a temperature for a time, and reads it at the temperature of learning.
    pub fn bake(&mut self, bake_k: f64, time_s: f64) -> Result<(), MnistError> {
        let all: Vec<u64> = (0..self.occupancy.nrows() as u64).collect();
        let stimulus = self.stimulus(&[(Segment { bias_v: 0.0, dwell_s: time_s, cycle: 0 }, false)], bake_k);
        apply(self.with, &stimulus, &all, &mut self.occupancy)?;
        self.read(&all)
    }

    fn reading(&self) -> Segment {
        Segment { bias_v: self.learning.read_v, dwell_s: self.learning.read_s, cycle: self.cycle }
    }

    fn keep<'b>(&mut self, cells: &[u64], currents_a: impl Iterator<Item = &'b f64>) {
        for (cell, current_a) in cells.iter().zip(currents_a) {
            let cell = *cell as usize;
            self.conductance_s[[cell / self.columns, cell % self.columns]] = current_a / self.learning.read_v;
        }
    }

    fn stimulus(&self, segments: &[(Segment, bool)], ambient_k: f64) -> Stimulus {
        let learning = self.learning;
        let variation = if learning.variation { learning.material.variation } else { Variation::OFF };
        Stimulus::new(learning.material, variation, learning.seed, ambient_k, segments)
    }
}

/// Puts the cells (ascending, none twice) through a stimulus.
fn apply(
    with: &dyn Backend,
    stimulus: &Stimulus,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
) -> Result<Response, MnistError> {
    let rows: Vec<usize> = cells.iter().map(|cell| *cell as usize).collect();
    let mut part = occupancy.select(Axis(0), &rows);
    let response = with.stimulate(stimulus, cells, &mut part)?;
    for (row, state) in rows.iter().zip(part.rows()) {
        occupancy.row_mut(*row).assign(&state);
    }
    Ok(response)
}
