//! The array that learns: the state of its cells, what was last read of them, and what the pulses have cost.

use super::MnistError;
use super::learn::Learning;
use super::scheme::{Pulse, Scheme};
use ndarray::Array2;
use trapline_engine::backend::Backend;
use trapline_engine::backend::cells::{Cells, Population};
use trapline_engine::backend::stimulus::Stimulus;
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
    cells: Box<dyn Cells<'a> + 'a>,
    learning: &'a Learning<'a>,
    columns: usize,
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
        let mut crossbar = Crossbar::empty(with, learning, pixels)?;
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

    /// A fresh array, not yet read.
    fn empty(with: &'a dyn Backend, learning: &'a Learning<'a>, pixels: usize) -> Result<Crossbar<'a>, MnistError> {
        let columns = learning.scheme.columns();
        let variation = if learning.variation { learning.material.variation } else { Variation::OFF };
        let numbers = (0..(pixels * columns) as u64).collect();
        let population = Population::new(learning.material, variation, learning.seed, numbers);
        Ok(Crossbar {
            cells: with.cells(population.electrons(learning.electrons))?,
            learning,
            columns,
            conductance_s: Array2::zeros((pixels, columns)),
            cycle: 0,
            prepared: Vec::new(),
            spent: Spent::default(),
        })
    }

    /// An array in a given state, not yet read. `occupancy` has axes (cell, class).
    pub fn from_state(
        with: &'a dyn Backend,
        learning: &'a Learning<'a>,
        pixels: usize,
        occupancy: &Array2<f64>,
    ) -> Result<Crossbar<'a>, MnistError> {
        let mut crossbar = Crossbar::empty(with, learning, pixels)?;
        crossbar.cells.upload(occupancy)?;
        Ok(crossbar)
    }

    /// Occupancy of each class; axes (cell, class).
    pub fn occupancy(&self) -> Result<Array2<f64>, MnistError> {
        Ok(self.cells.download()?)
    }

    /// Gives each of the cells (ascending, none twice) one pulse, which is counted as one that raises or lowers, and
    /// reads them.
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
        let response = self.cells.advance(stimulus, Some(&places(cells)))?;
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
        let response = self.cells.advance(&stimulus, Some(&places(cells)))?;
        self.keep(cells, response.current_a.row(0).iter());
        Ok(())
    }

    /// Leaves the whole array at 0 V and a temperature for a time, and reads it at the temperature of learning.
    pub fn bake(&mut self, bake_k: f64, time_s: f64) -> Result<(), MnistError> {
        self.cells.bake(bake_k, time_s)?;
        let all: Vec<u64> = self.cells.population().numbers.clone();
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
        self.cells.population().stimulus(ambient_k, segments)
    }
}

/// Places of cells, which are their numbers here.
fn places(cells: &[u64]) -> Vec<u32> {
    cells.iter().map(|&cell| cell as u32).collect()
}
