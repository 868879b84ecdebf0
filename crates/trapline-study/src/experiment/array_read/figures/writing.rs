//! What it takes to write a cell of an array, and what the writes of all other cells do to it.
//!
//! # Theory
//! The cell that is read is written, too: it is without charge, all others are on, and its lines are at a pulse's amplitude
//! under the same scheme. The network says what is left for its traps, what the sources spend, and which biases the other
//! cells feel: those of its word line, those of its bit line, and all others.
//!
//! While every other cell of an R x C array is written n times, a cell shares its word line with n (C - 1) of the pulses, its
//! bit line with n (R - 1), and no line with the rest. It is taken for a nominal cell that feels the strongest bias of each
//! kind for all of these pulses one after another, the weakest first, by its own kinetics in double precision: biases
//! that fill for the charge that a cell without any gains, biases that empty for what a cell that is on loses beyond
//! what it loses at rest meanwhile. No cell
//! of the array feels the strongest of every kind, and rests between pulses, in which a cell lets go of some of what it
//! caught, are left out: both figures are upper bounds as far as the kinetics of one cell go. What scatters from cell to
//! cell, electron by electron and from write to write is not in them.

use ndarray::{Array1, Array2};
use trapline_engine::backend::reference::Reference;
use trapline_engine::circuit::{Law, SolveError};
use trapline_model::outcome::MeritIs;
use trapline_model::protocol::MAX_DWELL_S;

use super::super::law::{CellLaw, MaterialCells, connected, solved};
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
/// A bias below this share of the amplitude is rest: it is what the network is not known to.
const REST: f64 = 1e-6;
/// Pulses that bring a nominal cell to the charge of the array's cells, at most.
const MOST_PULSES: u32 = 4096;

/// Strongest biases of the cells of one kind, V, and how many pulses each feels.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// That fill, 0 or more, and that empty, 0 or less.
    filling_v: f64,
    emptying_v: f64,
    pulses: f64,
}

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
        let cells = &self.cells(filling, |row, col| (row, col) != selected);
        let (there, unselected) = connected(cells.conductance_s.view(), selected, scheme);
        let crossbar = self.setup.periphery.one_cell(there, selected, writing.amplitude_v, &unselected)?;
        let solution = match solved(self.backend, &crossbar, cells, None, &self.setup.accuracies(None)) {
            Ok((solution, _)) => solution,
            Err(SolveError::NotConverged { .. } | SolveError::Newton { .. }) => {
                self.remark("the network of a written cell is not solved well enough: writes have no figures");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        worse(figures, solution.currents.certificate.relative());
        let law = cells.law();
        let traps_v = |row: usize, col: usize| {
            let volts = solution.word_v[[row, col]] - solution.bit_v[[row, col]];
            match &law {
                CellLaw::Bare(_) => volts,
                CellLaw::Selected(series) => series.cell_v(row, col, volts),
            }
        };
        let felt_v = |row: usize, col: usize| {
            let volts = traps_v(row, col);
            if volts.abs() > REST * writing.amplitude_v.abs() { volts } else { 0.0 }
        };
        let kinds = match scheme {
            // Switches at all other cells are open.
            Scheme::Isolated => [Kind { filling_v: 0.0, emptying_v: 0.0, pulses: 0.0 }; 3],
            Scheme::Passive(_) => kinds(filling.dim(), selected, writing.writes as f64, &felt_v),
        };
        let amplitude_v = writing.amplitude_v.abs();
        let strongest_v = kinds.iter().fold(0.0, |most: f64, of| most.max(of.filling_v).max(-of.emptying_v));
        figures[MeritIs::WriteVoltage as usize] = traps_v(selected.0, selected.1).abs() / amplitude_v;
        figures[MeritIs::WriteEnergy as usize] = Power::of(&crossbar, &solution, false).total_w * writing.width_s;
        figures[MeritIs::DisturbVoltage as usize] = strongest_v / amplitude_v;
        if kinds.iter().any(|of| of.pulses * writing.width_s > MOST_SEGMENTS * MAX_DWELL_S) {
            self.remark("writes of all other cells take more than 1e9 s: what they do to a cell is not followed");
            return Ok(());
        }
        let mean = filling.iter().sum::<f64>() / filling.len() as f64;
        figures[MeritIs::DisturbGain as usize] = self.gain(mean, &kinds, writing)?;
        figures[MeritIs::DisturbLoss as usize] = self.loss(mean, &kinds, writing)?;
        Ok(())
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

    /// What a cell without charge gains of the window of one with the mean charge.
    fn gain(&self, mean: f64, kinds: &[Kind; 3], writing: &Writing) -> Result<f64, ArrayReadError> {
        let mut cell = self.nominal_cell()?;
        let gained = expose(&mut cell, kinds.map(|of| (of.filling_v, of.pulses * writing.width_s)))?.unwrap_or(0.0);
        let [empty_s, now_s, on_s] = [0.0, gained, mean].map(|filling| self.nominal_s(filling));
        Ok(share(now_s - empty_s, on_s - empty_s))
    }

    /// What a cell loses of its window that was brought to the mean charge by pulses like those of the writes, beyond what
    /// it loses at rest in the same time.
    fn loss(&self, mean: f64, kinds: &[Kind; 3], writing: &Writing) -> Result<f64, ArrayReadError> {
        let mut cell = self.nominal_cell()?;
        let (mut before, mut pulses) = (0.0, 0);
        while before < mean && pulses < MOST_PULSES {
            before = held(&mut cell, writing.amplitude_v.abs(), writing.width_s)?;
            pulses += 1;
        }
        let felt = kinds.map(|of| (of.emptying_v, of.pulses * writing.width_s));
        let mut resting = cell.fork().map_err(disturb)?;
        let rest_s = felt.iter().filter(|(volts, _)| *volts != 0.0).map(|(_, seconds)| seconds).sum();
        let (after, rested) = (expose(&mut cell, felt)?, long(&mut resting, 0.0, rest_s)?);
        let [empty_s, now_s, rested_s, on_s] =
            [0.0, after.unwrap_or(before), rested.unwrap_or(before), before].map(|filling| self.nominal_s(filling));
        Ok(share((rested_s - now_s).max(0.0), on_s - empty_s))
    }
}

/// Part of a window; not a number where there is no window.
fn share(part: f64, window: f64) -> f64 {
    if window > 0.0 { part / window } else { f64::NAN }
}

/// The cells of the selected word line, those of the selected bit line, and all others.
fn kinds(
    (rows, cols): (usize, usize),
    selected: (usize, usize),
    writes: f64,
    traps_v: &dyn Fn(usize, usize) -> f64,
) -> [Kind; 3] {
    let none = Kind { filling_v: 0.0, emptying_v: 0.0, pulses: 0.0 };
    let mut kinds = [none; 3];
    let others = |lines: usize| (lines - 1) as f64;
    for (kind, cells) in kinds.iter_mut().zip([others(cols), others(rows), others(rows) * others(cols)]) {
        kind.pulses = writes * cells;
    }
    for (row, col) in (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col))) {
        let place = match (row == selected.0, col == selected.1) {
            (true, true) => continue,
            (true, false) => 0,
            (false, true) => 1,
            (false, false) => 2,
        };
        let volts = traps_v(row, col);
        kinds[place].filling_v = kinds[place].filling_v.max(volts);
        kinds[place].emptying_v = kinds[place].emptying_v.min(volts);
    }
    kinds
}

/// Keeps a cell at some biases, V, for so many seconds each, the weakest first; its filling after them, none where there is
/// nothing to feel.
fn expose(cell: &mut Probe<'_>, mut felt: [(f64, f64); 3]) -> Result<Option<f64>, ArrayReadError> {
    felt.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
    let mut filling = None;
    for (volts, seconds) in felt.into_iter().filter(|(volts, _)| *volts != 0.0) {
        filling = long(cell, volts, seconds)?.or(filling);
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
