//! What it takes to write a cell of an array, and what the writes of all other cells do to it.
//!
//! # Theory
//! The cell that is read is written, too: it is without charge, all others are on, and its lines are at a pulse's amplitude
//! under the same scheme. The network says what is left for its traps, what the sources spend, and which biases the other
//! cells feel: those of its word line, those of its bit line, and all others. They are taken once more with all others
//! off, and the stronger ones count.
//!
//! While every other cell of an R x C array is written n times, a cell shares its word line with n (C - 1) of the pulses, its
//! bit line with n (R - 1), and no line with the rest. What that does is estimated with a nominal cell that feels, in every
//! pulse of a kind, the strongest bias of that kind, with its sign, by its own kinetics in double precision; the kinds take
//! turns. A cell without charge gains by it: traps fill under biases of either sign. One that is on loses by biases of the
//! other sign, where the material has a field release, and may gain by others.
//!
//! It is an estimate, not a bound: where one sign fills and the other empties, what comes last counts, and the turns end with
//! the cells that share no line; without wires every cell feels just these biases, with wires most feel less, and behind
//! selectors an empty cell may feel more than the cells that were asked. Rests between pulses, in which a cell lets go of
//! some of what it caught, are left out, and so is all that scatters: from cell to cell, electron by electron, pulse by pulse.

use ndarray::{Array1, Array2};
use trapline_engine::backend::reference::Reference;
use trapline_engine::circuit::{Crossbar, Law, Solution, SolveError};
use trapline_model::cell::validity;
use trapline_model::outcome::MeritIs;
use trapline_model::protocol::MAX_DWELL_S;

use super::super::law::{CellLaw, Cells, MaterialCells, connected, solved};
use super::super::{ArrayReadError, Power, Scheme};
use super::{Worth, worse};
use crate::experiment::ExperimentError;
use crate::experiment::probe::{Conditions, Probe};

/// The pulse of a write, and how often every other cell is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Writing {
    /// V.
    pub amplitude_v: f64,
    pub width_s: f64,
    pub writes: u64,
}

/// Segments of the longest dwell that pulses of one kind are followed through at most.
const MOST_SEGMENTS: f64 = 1000.0;
/// Turns that the kinds of pulses take, at most: each is then a small part of what all of them do.
const MOST_TURNS: f64 = 64.0;
/// A bias below this share of the amplitude is rest: it is what the network is not known to.
const REST: f64 = 1e-6;
/// Pulses that bring a nominal cell to the charge of the array's cells, at most.
const MOST_PULSES: u32 = 4096;

/// The strongest bias of the cells of one kind, V, with its sign, and how many pulses each feels.
#[derive(Debug, Clone, Copy)]
struct Kind {
    volts: f64,
    pulses: f64,
}

const UNDISTURBED: [Kind; 3] = [Kind { volts: 0.0, pulses: 0.0 }; 3];

impl Worth<'_> {
    /// Writes the selected cell, the others on.
    pub(super) fn write(
        &mut self,
        filling: &Array2<f64>,
        scheme: &Scheme,
        writing: &Writing,
        figures: &mut Array1<f64>,
    ) -> Result<(), ArrayReadError> {
        let selected = self.selected(filling.dim());
        let on = self.cells(filling, |row, col| (row, col) != selected);
        let Some((voltages, power_w)) = self.written(&on, scheme, writing, figures)? else { return Ok(()) };
        let kinds = match scheme {
            // Switches at all other cells are open.
            Scheme::Isolated => UNDISTURBED,
            Scheme::Passive(_) => {
                let off = self.cells(filling, |_, _| false);
                let Some((without, _)) = self.written(&off, scheme, writing, figures)? else { return Ok(()) };
                let writes = writing.writes as f64;
                let [on, off] = [&voltages, &without].map(|volts| kinds(volts, selected, writes, writing.amplitude_v));
                let stronger = |kind: usize| off[kind].volts.abs() > on[kind].volts.abs();
                std::array::from_fn(|kind| if stronger(kind) { off[kind] } else { on[kind] })
            }
        };
        let amplitude_v = writing.amplitude_v.abs();
        let strongest_v = kinds.iter().fold(0.0, |most: f64, of| most.max(of.volts.abs()));
        figures[MeritIs::WriteVoltage as usize] = voltages[selected].abs() / amplitude_v;
        figures[MeritIs::WriteEnergy as usize] = power_w * writing.width_s;
        figures[MeritIs::DisturbVoltage as usize] = strongest_v / amplitude_v;
        if let Some(beyond) = validity::bias("writing", writing.amplitude_v) {
            self.remark(&beyond);
        }
        if kinds.iter().any(|of| of.pulses * writing.width_s > MOST_SEGMENTS * MAX_DWELL_S) {
            self.remark("writes of all other cells take more than 1e9 s: what they do to a cell is not followed");
            return Ok(());
        }
        let mean = filling.iter().sum::<f64>() / filling.len() as f64;
        figures[MeritIs::DisturbGain as usize] = self.gain(mean, &kinds, writing)?;
        figures[MeritIs::DisturbLoss as usize] = self.loss(mean, &kinds, writing)?;
        Ok(())
    }

    /// Voltages across the traps of all cells while the selected one is written, and the power of all sources, W; none where
    /// the network is not solved well enough.
    fn written(
        &mut self,
        cells: &Cells,
        scheme: &Scheme,
        writing: &Writing,
        figures: &mut Array1<f64>,
    ) -> Result<Option<(Array2<f64>, f64)>, ArrayReadError> {
        let selected = self.selected(cells.conductance_s.dim());
        let (there, unselected) = connected(cells.conductance_s.view(), selected, scheme);
        let crossbar = self.setup.periphery.one_cell(there, selected, writing.amplitude_v, &unselected)?;
        match solved(self.backend, &crossbar, cells, None, &self.setup.accuracies(None)) {
            Ok((solution, _)) => {
                worse(figures, solution.currents.certificate.relative());
                Ok(Some(across(cells, &crossbar, &solution)))
            }
            Err(SolveError::NotConverged { .. } | SolveError::Newton { .. }) => {
                self.remark("the network of a written cell is not solved well enough: writes have no figures");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Conductance of a nominal cell at the read bias, S.
    fn nominal_s(&self, filling: f64) -> f64 {
        let one = |value: f64| Array2::from_elem((1, 1), value);
        let law = MaterialCells::new(self.subject.material, self.subject.read_k, &one(filling), one(1.0));
        law.current_and_slope(0, 0, self.subject.read_v).0 / self.subject.read_v
    }

    fn nominal_cell(&self) -> Result<Probe<'static>, ArrayReadError> {
        let conditions = Conditions::nominal(self.subject.read_k);
        Probe::new(&Reference, self.subject.material, conditions, vec![0]).map_err(disturb)
    }

    /// What a cell without charge gains, over the window of one with the mean charge.
    fn gain(&self, mean: f64, kinds: &[Kind; 3], writing: &Writing) -> Result<f64, ArrayReadError> {
        let mut cell = self.nominal_cell()?;
        let gained = expose(&mut cell, kinds, writing.width_s)?.unwrap_or(0.0);
        let [empty_s, now_s, on_s] = [0.0, gained, mean].map(|filling| self.nominal_s(filling));
        Ok(share(now_s - empty_s, on_s - empty_s))
    }

    /// What a cell loses of its own window beyond what it loses at rest in the same time, after the fewest pulses like those
    /// of the writes that bring it to the mean charge; not a number where none do.
    fn loss(&mut self, mean: f64, kinds: &[Kind; 3], writing: &Writing) -> Result<f64, ArrayReadError> {
        let mut cell = self.nominal_cell()?;
        let (mut before, mut pulses) = (0.0, 0);
        while before < mean && pulses < MOST_PULSES {
            before = held(&mut cell, writing.amplitude_v.abs(), writing.width_s)?;
            pulses += 1;
        }
        // The mean of many cells is a hair above what the nominal one fills to in the end.
        if before < 0.98 * mean {
            self.remark("pulses of the writes do not bring a cell to the charge of the array's: its loss by writes is not known");
            return Ok(f64::NAN);
        }
        let mut resting = cell.fork().map_err(disturb)?;
        let felt_s: f64 = kinds.iter().filter(|of| of.volts != 0.0).map(|of| of.pulses * writing.width_s).sum();
        let (after, rested) = (expose(&mut cell, kinds, writing.width_s)?, long(&mut resting, 0.0, felt_s)?);
        let [empty_s, now_s, rested_s, on_s] =
            [0.0, after.unwrap_or(before), rested.unwrap_or(before), before].map(|filling| self.nominal_s(filling));
        Ok(share(rested_s - now_s, on_s - empty_s))
    }
}

/// Voltages across the traps of each cell, V, and the power of all sources, W.
fn across(cells: &Cells, crossbar: &Crossbar<'_>, solution: &Solution) -> (Array2<f64>, f64) {
    let law = cells.law();
    let traps_v = Array2::from_shape_fn(cells.conductance_s.dim(), |(row, col)| {
        let volts = solution.word_v[[row, col]] - solution.bit_v[[row, col]];
        match &law {
            CellLaw::Bare(_) => volts,
            CellLaw::Selected(series) => series.cell_v(row, col, volts),
        }
    });
    (traps_v, Power::of(crossbar, solution, false).total_w)
}

/// Part of a window; not a number where there is no window.
fn share(part: f64, window: f64) -> f64 {
    if window > 0.0 { part / window } else { f64::NAN }
}

/// The cells of the selected word line, those of the selected bit line, and all others.
fn kinds(traps_v: &Array2<f64>, selected: (usize, usize), writes: f64, amplitude_v: f64) -> [Kind; 3] {
    let mut kinds = UNDISTURBED;
    let [rows, cols] = [traps_v.nrows(), traps_v.ncols()].map(|lines| (lines - 1) as f64);
    for (kind, others) in kinds.iter_mut().zip([cols, rows, rows * cols]) {
        kind.pulses = writes * others;
    }
    for ((row, col), &volts) in traps_v.indexed_iter() {
        let kind = match (row == selected.0, col == selected.1) {
            (true, true) => continue,
            (true, false) => &mut kinds[0],
            (false, true) => &mut kinds[1],
            (false, false) => &mut kinds[2],
        };
        if volts.abs() > kind.volts.abs().max(REST * amplitude_v.abs()) {
            kind.volts = volts;
        }
    }
    kinds
}

/// Takes a cell through the pulses of all kinds, in turns; its filling after them, none where there is nothing to feel.
fn expose(cell: &mut Probe<'_>, kinds: &[Kind; 3], width_s: f64) -> Result<Option<f64>, ArrayReadError> {
    let felt: Vec<&Kind> = kinds.iter().filter(|of| of.volts != 0.0 && of.pulses > 0.0).collect();
    let most = felt.iter().fold(0.0, |most: f64, of| most.max(of.pulses));
    // Kinds of one bias need no turns.
    let turns = if felt.windows(2).all(|two| two[0].volts == two[1].volts) { 1.0 } else { most.min(MOST_TURNS) };
    let mut filling = None;
    for _ in 0..turns as usize {
        for of in &felt {
            filling = long(cell, of.volts, of.pulses * width_s / turns)?.or(filling);
        }
    }
    Ok(filling)
}

/// Filling of a cell after a bias, V, for any time; none after no time.
fn long(cell: &mut Probe<'_>, volts: f64, seconds: f64) -> Result<Option<f64>, ArrayReadError> {
    let (mut left_s, mut filling) = (seconds, None);
    while left_s > 0.0 {
        let dwell_s = left_s.min(MAX_DWELL_S);
        filling = Some(held(cell, volts, dwell_s)?);
        left_s -= dwell_s;
    }
    Ok(filling)
}

/// Filling of a cell after a bias, V, for as long as a segment may be.
fn held(cell: &mut Probe<'_>, volts: f64, dwell_s: f64) -> Result<f64, ArrayReadError> {
    Ok(cell.expose(&Array1::from_elem(1, volts), dwell_s).map_err(disturb)?.filling[[0, 0]])
}

fn disturb(error: ExperimentError) -> ArrayReadError {
    ArrayReadError::Disturb(error.to_string())
}
