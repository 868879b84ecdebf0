//! An array read through its wires: what the amplifiers see, what they should see, and what it costs.
//!
//! # Theory
//! Ideally a bit line delivers the sum of what its cells pass when each is alone with its two sources: `g_ij V_i` by
//! Ohm's law, `I_ij(V_i)` by the law of a material or with a selector in series. Wires drop a part of the voltages, and
//! of one selected cell the unselected lines add what sneaks through other cells. The currents come from
//! [`trapline_engine::circuit`], with its certificate.
//!
//! Noise is that of the cells, each (with its selector) by its own current and voltage ([`noise_a`]), added in their
//! variances along a bit line; that of wires, sources and amplifiers is left out. A converter of n bits has `2^n` codes
//! over its range and gives the nearest one.
//!
//! The power of all sources goes into cells, into the segments of the wires (the sum of `r i^2`), and into what sources
//! and amplifiers add to their lines.
//!
//! # Practice
//! [`read`] takes one vector of inputs or one selected cell, [`read_batch`] many vectors. [`Cells`] come from anyone's
//! conductances ([`Cells::linear`]) or are made of a material ([`programmed`]). [`Worth`] has the figures of merit of a
//! campaign's array.

mod array;
mod batch;
mod figures;
mod law;
mod merit;
mod recorded;
pub mod selector;

pub use array::{Pattern, blocks, programmed, remarks};
pub use batch::{BatchReading, read_batch};
pub use figures::{Circuit, Segment, Subject, Worth, Writing};
pub use law::{Cells, MaterialCells};
pub use merit::{Between, ErrorStatistics, Margin, Power};

use law::{CellLaw, connected, solved};
use trapline_engine::backend::Backend;
use trapline_engine::circuit::scheme::{Reading, Unselected};
use trapline_engine::circuit::{Accuracy, Certificate, Crossbar, Law, NetworkError, Solution, SolveError};
use trapline_model::cell::read::noise_a;
use trapline_model::rng::{self, NORMAL_UNIT, Purpose};
use trapline_model::units::{ELEMENTARY_CHARGE_C, thermal_energy_ev};

/// Which lines are driven.
#[derive(Debug, Clone, PartialEq)]
pub enum Driving {
    /// Every word line at its own voltage, V; every bit line is sensed.
    AllRows { input_v: Vec<f64> },
    /// One cell at a voltage, V; its bit line is sensed, and the others are held as a scheme says.
    OneCell { row: usize, col: usize, read_v: f64, scheme: Scheme },
}

/// What becomes of the cells that are not selected.
#[derive(Debug, Clone, PartialEq)]
pub enum Scheme {
    /// They stay connected, and their lines are held or float.
    Passive(Unselected),
    /// A switch at every cell: only the selected one is connected, through its wires and sources.
    Isolated,
}

impl Driving {
    /// Whether one cell is selected.
    pub fn selects(&self) -> bool {
        matches!(self, Driving::OneCell { .. })
    }
}

/// A converter of currents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adc {
    /// 1 to 32.
    pub bits: u32,
    /// The currents of its first and its last code, A.
    pub range_a: (f64, f64),
}

impl Adc {
    /// The code of a current: the nearest one.
    pub fn code(&self, current_a: f64) -> u64 {
        let (low, high) = self.range_a;
        let last = (1u64 << self.bits) - 1;
        let share = (current_a - low) / (high - low);
        // A share that is not a number becomes code 0.
        (share.clamp(0.0, 1.0) * last as f64).round() as u64
    }

    /// The current that a code stands for, A.
    pub fn current_a(&self, code: u64) -> f64 {
        let (low, high) = self.range_a;
        low + (high - low) * code as f64 / ((1u64 << self.bits) - 1) as f64
    }

    /// How many currents, A, lie beyond the range by more than half a step.
    pub fn clipped<'a>(&self, currents_a: impl Iterator<Item = &'a f64>) -> usize {
        let (low, high) = self.range_a;
        let half_a = 0.5 * (self.current_a(1) - low);
        currents_a.filter(|a| !(low - half_a..=high + half_a).contains(*a)).count()
    }

    fn in_words(&self) -> String {
        let (low, high) = self.range_a;
        format!("{} bits from {low:e} to {high:e} A", self.bits)
    }
}

/// How an array is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Wires, sources and amplifiers.
    pub periphery: Reading,
    /// Of the cells' noise, K.
    pub temperature_k: f64,
    /// Time that a reading is averaged over, s.
    pub integration_s: f64,
    /// Whether the reading has noise; its standard deviation is told anyway.
    pub noise: bool,
    /// Seed of the noise of this reading.
    pub seed: u64,
    /// None takes currents as they are. A converter without a range reaches from 0 to the largest current, ideal or
    /// through the wires.
    pub adc_bits: Option<u32>,
    pub adc_range_a: Option<(f64, f64)>,
    /// Bound of the errors of the currents: of a selected cell over the sensed current, where rounding lets it be kept;
    /// else over the total current.
    pub accuracy: f64,
}

/// Accuracy of a sensed current that is still worth to be asked for.
const FEWEST_DIGITS: f64 = 1e-3;

impl Setup {
    fn accuracy(&self) -> Accuracy {
        Accuracy::of_total(self.accuracy)
    }

    /// What is asked for, and what is taken where rounding does not allow that: fewer digits of the sensed current,
    /// then of the total one.
    fn accuracies(&self, sensed: Option<usize>) -> Vec<Accuracy> {
        let Some(col) = sensed else { return vec![self.accuracy()] };
        let fewer = 1e3 * self.accuracy;
        let relative = [Some(self.accuracy), (fewer <= FEWEST_DIGITS).then_some(fewer)];
        let of_sensed = relative.into_iter().flatten().map(|relative| Accuracy::of_column(relative, col));
        of_sensed.chain([self.accuracy()]).collect()
    }
}

/// What is seen at the sensed bit lines.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayReading {
    /// The sensed bit lines.
    pub columns: Vec<usize>,
    /// Current of each without wires and sneak paths, A.
    pub ideal_a: Vec<f64>,
    /// With them, A.
    pub wired_a: Vec<f64>,
    /// Standard deviation of the noise of one reading, A.
    pub noise_a: Vec<f64>,
    /// One reading, with its noise, A.
    pub read_a: Vec<f64>,
    /// The converter and its codes.
    pub converted: Option<(Adc, Vec<u64>)>,
    /// Errors of what is known in the end (codes, or one reading) against the ideal currents, and of the wires alone.
    pub errors: ErrorStatistics,
    pub errors_of_wires: ErrorStatistics,
    /// Of one selected cell; none where the currents' bound does not tell its two states apart, and where all cells
    /// are in one.
    pub margin: Option<Margin>,
    /// Whether all cells are known to be in one state.
    pub one_state: bool,
    pub power: Power,
    pub certificate: Certificate,
    /// What the certificate keeps: the accuracy relative to the sensed line of a selected cell, or to the total
    /// current.
    pub kept: Accuracy,
    pub solution: Solution,
}

/// Why an array is not read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArrayReadError {
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Solve(#[from] SolveError),
    #[error("a reading takes {0} s; it must take 1e-12 to 1e6 s")]
    Integration(f64),
    #[error("the temperature is {0} K; it must be 1 to 2000 K")]
    Temperature(f64),
    #[error("a converter has {0} bits; it must have 1 to 32")]
    Bits(u32),
    #[error(
        "a converter reaches from {0:?} to {1:?} A; the second must be above the first, and both and their difference finite"
    )]
    Range(f64, f64),
    /// In the words of the backend that follows the cell.
    #[error("what writes do to another cell is not known: {0}")]
    Disturb(String),
    #[error("no current flows in any sensed bit line, so that a converter needs a range of its own")]
    NoRange,
}

/// Reads an array once; a backend with a device iterates there for the network's solver.
///
/// # Errors
/// [`ArrayReadError`].
pub fn read(
    backend: &dyn Backend,
    cells: &Cells,
    driving: &Driving,
    setup: &Setup,
) -> Result<ArrayReading, ArrayReadError> {
    check(setup)?;
    let (periphery, conductance_s) = (&setup.periphery, cells.conductance_s.view());
    let (crossbar, sensed) = match driving {
        Driving::AllRows { input_v } => (periphery.all_rows(conductance_s, input_v)?, None),
        Driving::OneCell { row, col, read_v, scheme } => {
            let (connected, unselected) = connected(conductance_s, (*row, *col), scheme);
            (periphery.one_cell(connected, (*row, *col), *read_v, &unselected)?, Some(*col))
        }
    };
    let (solution, kept) = solved(backend, &crossbar, cells, None, &setup.accuracies(sensed))?;
    let law = cells.law();
    let (columns, ideal_a) = ideal(cells, &law, driving);
    let wired_a: Vec<f64> = columns.iter().map(|&col| solution.currents.column_a[col]).collect();
    let noise_a: Vec<f64> =
        columns.iter().map(|&col| noise_of_column(&crossbar, &law, &solution, col, setup)).collect();
    let read_a: Vec<f64> = columns
        .iter()
        .zip(wired_a.iter().zip(&noise_a))
        .map(|(&col, (wired, noise))| noisy(setup, col, 0, *wired, *noise))
        .collect();
    let converted = converter(setup, &[ideal_a.as_slice(), &wired_a].concat())?
        .map(|adc| (adc, read_a.iter().map(|a| adc.code(*a)).collect::<Vec<_>>()));
    let known_a: Vec<f64> = match &converted {
        Some((adc, codes)) => codes.iter().map(|code| adc.current_a(*code)).collect(),
        None => read_a.clone(),
    };
    let margin = match driving {
        Driving::AllRows { .. } => None,
        Driving::OneCell { row, col, read_v, scheme } => {
            Margin::of(backend, cells, setup, (*row, *col), *read_v, scheme)?
        }
    };
    let mut errors = ErrorStatistics::of(&ideal_a, &known_a);
    if let Some((adc, _)) = &converted {
        // Currents that happen to lie on codes do not make a converter better than it is.
        errors.effective_bits = errors.effective_bits.min(f64::from(adc.bits));
    }
    Ok(ArrayReading {
        errors,
        errors_of_wires: ErrorStatistics::of(&ideal_a, &wired_a),
        margin,
        one_state: merit::states(cells).is_none(),
        power: Power::of(&crossbar, &solution, cells.is_linear()),
        certificate: solution.currents.certificate,
        kept,
        columns,
        ideal_a,
        wired_a,
        noise_a,
        read_a,
        converted,
        solution,
    })
}

/// One reading of a bit line: its current with a draw of its noise, A.
fn noisy(setup: &Setup, col: usize, vector: u32, wired_a: f64, noise_a: f64) -> f64 {
    if !setup.noise {
        return wired_a;
    }
    let word = rng::words(setup.seed, col as u64, Purpose::LineNoise, vector, 0)[0];
    wired_a + f64::from(rng::normal_fixed(word)) * NORMAL_UNIT * noise_a
}

fn check(setup: &Setup) -> Result<(), ArrayReadError> {
    if !(1e-12..=1e6).contains(&setup.integration_s) {
        return Err(ArrayReadError::Integration(setup.integration_s));
    }
    if !(1.0..=2000.0).contains(&setup.temperature_k) {
        return Err(ArrayReadError::Temperature(setup.temperature_k));
    }
    if let Some(bits) = setup.adc_bits.filter(|bits| !(1..=32).contains(bits)) {
        return Err(ArrayReadError::Bits(bits));
    }
    match setup.adc_range_a {
        Some((low, high)) if !(low < high && (high - low).is_finite()) => Err(ArrayReadError::Range(low, high)),
        _ => Ok(()),
    }
}

/// The sensed bit lines and their currents without wires and sneak paths, A.
fn ideal(cells: &Cells, law: &CellLaw<'_>, driving: &Driving) -> (Vec<usize>, Vec<f64>) {
    match driving {
        Driving::AllRows { input_v } => {
            ((0..cells.conductance_s.ncols()).collect(), ideal_of_columns(cells, law, input_v))
        }
        Driving::OneCell { row, col, read_v, .. } => (vec![*col], vec![alone_a(cells, law, *row, *col, *read_v)]),
    }
}

/// What a cell passes when it is alone with its sources, A.
fn alone_a(cells: &Cells, law: &CellLaw<'_>, row: usize, col: usize, volts: f64) -> f64 {
    if cells.conductance_s[[row, col]] == 0.0 { 0.0 } else { law.current_and_slope(row, col, volts).0 }
}

/// The sums of that over the columns, whose bit lines are at 0 V.
fn ideal_of_columns(cells: &Cells, law: &CellLaw<'_>, input_v: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; cells.conductance_s.ncols()];
    for (row, volts) in input_v.iter().enumerate() {
        sums.iter_mut().enumerate().for_each(|(col, sum)| *sum += alone_a(cells, law, row, col, *volts));
    }
    sums
}

/// Voltages of cells, in kT/q, below which shot and thermal noise are one, to 1e-7 of it: there the noise is that of
/// the slope of the cell's law at half of the voltage, which is its chord. The voltage of a cell is a difference of
/// its lines', whose rounding goes by the largest voltage of the array: its current, which knows more, does not
/// belong to it, and neither has a law digits for a current over it.
const SMALL_VOLTAGE: f64 = 1e-3;

/// Standard deviation of the current of a bit line, A, by the noise of its cells.
fn noise_of_column(crossbar: &Crossbar<'_>, law: &CellLaw<'_>, solution: &Solution, col: usize, setup: &Setup) -> f64 {
    let variance = |row: usize| {
        let (siemens, current_a) = (crossbar.conductance_s()[[row, col]], solution.cell_a[[row, col]]);
        let (word_v, bit_v) = (solution.word_v[[row, col]], solution.bit_v[[row, col]]);
        // Where a cell shorts its lines, its current has all digits and the difference of the lines few.
        let volts = if law.is_ohmic() { current_a / siemens } else { word_v - bit_v };
        let kt_ev = thermal_energy_ev(setup.temperature_k);
        if siemens == 0.0 {
            0.0
        } else if volts.is_nan() || volts.abs() < SMALL_VOLTAGE * kt_ev {
            // Thermal, 2 k T g/t.
            let middle_v = if volts.is_nan() { 0.0 } else { 0.5 * volts };
            let chord_s = law.current_and_slope(row, col, middle_v).1;
            2.0 * kt_ev * ELEMENTARY_CHARGE_C * chord_s / setup.integration_s
        } else {
            let sd_a = noise_a(current_a, volts, setup.temperature_k, setup.integration_s);
            sd_a * sd_a
        }
    };
    (0..crossbar.rows()).map(variance).sum::<f64>().sqrt()
}

fn converter(setup: &Setup, currents_a: &[f64]) -> Result<Option<Adc>, ArrayReadError> {
    let Some(bits) = setup.adc_bits else { return Ok(None) };
    let range_a = match setup.adc_range_a {
        Some(range_a) => range_a,
        None => {
            let reach = |start: f64, of: fn(f64, f64) -> f64| currents_a.iter().copied().fold(start, of);
            let (low, high) = (reach(0.0, f64::min), reach(0.0, f64::max));
            if low == high {
                return Err(ArrayReadError::NoRange);
            }
            (low, high)
        }
    };
    Ok(Some(Adc { bits, range_a }))
}

#[cfg(test)]
mod tests;
