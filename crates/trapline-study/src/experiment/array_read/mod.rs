//! An array read through its wires: what the amplifiers see, what they should see, and what it costs.
//!
//! # Theory
//! Ideally a bit line delivers the sum of `g_ij V_i` (or, of one selected cell, `g V`). Wires drop a part of the
//! voltages, and of one selected cell the unselected lines add what sneaks through other cells. The currents come from
//! [`trapline_engine::circuit`], with its certificate.
//!
//! Noise is that of the cells, each by its own current and voltage ([`noise_a`]), added in their variances along a bit
//! line; that of wires, sources and amplifiers is left out. A converter of n bits has `2^n` codes over its range and
//! gives the nearest one.
//!
//! The power of all sources goes into cells, into what sources and amplifiers add to their lines, and, what is left,
//! into wires.

mod array;
mod merit;

pub use array::{Pattern, blocks, list, programmed, table};
pub use merit::{ErrorStatistics, Margin, Power};

use ndarray::ArrayView2;
use trapline_engine::circuit::scheme::{Reading, Unselected, isolated_a};
use trapline_engine::circuit::{Accuracy, Certificate, NetworkError, Solution, SolveError, solve_to};
use trapline_model::cell::read::noise_a;
use trapline_model::dataset::Dataset;
use trapline_model::rng::{self, NORMAL_UNIT, Purpose};
use trapline_model::units::{ELEMENTARY_CHARGE_C, thermal_energy_ev};

/// Which lines are driven.
#[derive(Debug, Clone, PartialEq)]
pub enum Driving {
    /// Every word line at its own voltage, V; every bit line is sensed.
    AllRows { input_v: Vec<f64> },
    /// One cell at a voltage, V; its bit line is sensed, and the other lines are held as a scheme says.
    OneCell { row: usize, col: usize, read_v: f64, unselected: Unselected },
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
}

/// How an array is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Wires, sources and amplifiers.
    pub periphery: Reading,
    pub driving: Driving,
    /// Of the cells' noise, K.
    pub temperature_k: f64,
    /// Time that a reading is averaged over, s.
    pub integration_s: f64,
    /// Whether the reading has noise; its standard deviation is told anyway.
    pub noise: bool,
    /// Seed of the noise of this reading.
    pub seed: u64,
    /// None takes currents as they are. A converter without a range reaches from 0 to the largest current, ideal or through
    /// the wires.
    pub adc_bits: Option<u32>,
    pub adc_range_a: Option<(f64, f64)>,
    /// What the currents must keep.
    pub accuracy: Accuracy,
}

impl Setup {
    /// Whether one cell is selected.
    pub fn selects(&self) -> bool {
        matches!(self.driving, Driving::OneCell { .. })
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
    /// Of one selected cell; none where the currents' bound does not tell its two states apart.
    pub margin: Option<Margin>,
    pub power: Power,
    pub certificate: Certificate,
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
    #[error("a converter reaches from {0} to {1} A; the second must be above the first, both finite")]
    Range(f64, f64),
    #[error("no current flows in any sensed bit line, so that a converter needs a range of its own")]
    NoRange,
}

/// Reads an array of conductances, S, rows by columns.
///
/// # Errors
/// [`ArrayReadError`].
pub fn read(conductance_s: ArrayView2<'_, f64>, setup: &Setup) -> Result<ArrayReading, ArrayReadError> {
    check(setup)?;
    let periphery = &setup.periphery;
    let crossbar = match &setup.driving {
        Driving::AllRows { input_v } => periphery.all_rows(conductance_s, input_v)?,
        Driving::OneCell { row, col, read_v, unselected } => {
            periphery.one_cell(conductance_s, (*row, *col), *read_v, unselected)?
        }
    };
    let solution = solve_to(&crossbar, setup.accuracy)?;
    let (columns, ideal_a) = ideal(conductance_s, &setup.driving)?;
    let wired_a: Vec<f64> = columns.iter().map(|&col| solution.currents.column_a[col]).collect();
    let noise_a: Vec<f64> = columns.iter().map(|&col| noise_of_column(conductance_s, &solution, col, setup)).collect();
    let read_a: Vec<f64> = columns
        .iter()
        .zip(&wired_a)
        .zip(&noise_a)
        .map(|((&col, wired), noise)| {
            let word = rng::words(setup.seed, col as u64, Purpose::LineNoise, 0, 0)[0];
            let z = f64::from(rng::normal_fixed(word)) * NORMAL_UNIT;
            if setup.noise { wired + z * noise } else { *wired }
        })
        .collect();
    let converted = converter(setup, &[ideal_a.as_slice(), &wired_a].concat())?
        .map(|adc| (adc, read_a.iter().map(|a| adc.code(*a)).collect::<Vec<_>>()));
    let known_a: Vec<f64> = match &converted {
        Some((adc, codes)) => codes.iter().map(|code| adc.current_a(*code)).collect(),
        None => read_a.clone(),
    };
    let margin = match &setup.driving {
        Driving::AllRows { .. } => None,
        Driving::OneCell { row, col, read_v, unselected } => {
            Margin::of(conductance_s, setup, (*row, *col), *read_v, unselected)
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
        power: Power::of(&crossbar, &solution),
        certificate: solution.currents.certificate,
        columns,
        ideal_a,
        wired_a,
        noise_a,
        read_a,
        converted,
        solution,
    })
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
fn ideal(conductance_s: ArrayView2<'_, f64>, driving: &Driving) -> Result<(Vec<usize>, Vec<f64>), NetworkError> {
    match driving {
        Driving::AllRows { input_v } => {
            let cols = conductance_s.ncols();
            let cell_a = isolated_a(conductance_s, input_v, &vec![0.0; cols])?;
            Ok(((0..cols).collect(), cell_a.columns().into_iter().map(|column| column.sum()).collect()))
        }
        Driving::OneCell { row, col, read_v, .. } => Ok((vec![*col], vec![conductance_s[[*row, *col]] * read_v])),
    }
}

/// Standard deviation of the current of a bit line, A, by the noise of its cells.
fn noise_of_column(conductance_s: ArrayView2<'_, f64>, solution: &Solution, col: usize, setup: &Setup) -> f64 {
    let variance = |row: usize| {
        let (siemens, current_a) = (conductance_s[[row, col]], solution.cell_a[[row, col]]);
        let volts = solution.word_v[[row, col]] - solution.bit_v[[row, col]];
        if siemens == 0.0 {
            0.0
        } else if current_a == 0.0 || volts.is_nan() {
            // Without a voltage the noise is thermal, 2 k T g/t.
            let kt_j = thermal_energy_ev(setup.temperature_k) * ELEMENTARY_CHARGE_C;
            2.0 * kt_j * siemens / setup.integration_s
        } else {
            let sd_a = noise_a(current_a, volts, setup.temperature_k, setup.integration_s);
            sd_a * sd_a
        }
    };
    (0..conductance_s.nrows()).map(variance).sum::<f64>().sqrt()
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

impl ArrayReading {
    /// Readings that lie beyond the converter's range, by more than half a step.
    pub fn clipped(&self) -> usize {
        let Some((adc, _)) = &self.converted else { return 0 };
        let (low, high) = adc.range_a;
        let half_a = 0.5 * (adc.current_a(1) - low);
        self.read_a.iter().filter(|a| !(low - half_a..=high + half_a).contains(*a)).count()
    }

    /// All of it as named arrays: columns, rows and cells.
    pub fn dataset(&self, name: &str, title: &str, conductance_s: ArrayView2<'_, f64>) -> Dataset {
        let mut dataset = Dataset::new(name, title);
        let numbers = |count: usize| (0..count).map(|number| number as f64).collect::<Vec<f64>>();
        let (rows, cols) = conductance_s.dim();
        let list = |values: &[f64]| ndarray::Array1::from(values.to_vec()).into_dyn();
        let columns: Vec<f64> = self.columns.iter().map(|column| *column as f64).collect();
        dataset.axis("sensed", "1", "sensed bit line", &columns);
        dataset.axis("row", "1", "word line", &numbers(rows));
        dataset.axis("column", "1", "bit line", &numbers(cols));
        dataset.real("ideal_current_a", &["sensed"], "A", "current without wires and sneak paths", list(&self.ideal_a));
        dataset.real("current_a", &["sensed"], "A", "current through the wires", list(&self.wired_a));
        dataset.real("noise_a", &["sensed"], "A", "standard deviation of one reading", list(&self.noise_a));
        dataset.real("read_current_a", &["sensed"], "A", "one reading, with its noise", list(&self.read_a));
        if let Some((_, codes)) = &self.converted {
            let codes = ndarray::Array1::from(codes.clone()).into_dyn();
            dataset.count("code", &["sensed"], "1", "code of the converter", codes);
        }
        dataset.real("row_current_a", &["row"], "A", "current into the word line", list(&self.solution.currents.row_a));
        let column_a = list(&self.solution.currents.column_a);
        dataset.real("column_current_a", &["column"], "A", "current out of the bit line", column_a);
        for (name, unit, long_name, values) in [
            ("conductance_s", "S", "conductance of the cell", conductance_s.to_owned()),
            ("word_v", "V", "potential of the word line at the cell", self.solution.word_v.clone()),
            ("bit_v", "V", "potential of the bit line at the cell", self.solution.bit_v.clone()),
            ("cell_current_a", "A", "current from the word to the bit line", self.solution.cell_a.clone()),
        ] {
            dataset.real(name, &["row", "column"], unit, long_name, values.into_dyn());
        }
        for (key, text) in self.remarks() {
            dataset.note(key, text);
        }
        dataset
    }

    /// What else is known, as text.
    fn remarks(&self) -> Vec<(&'static str, String)> {
        let Certificate { bound_a, residual_a, floor_a, total_a, conservation_a, two_ways_a, .. } = self.certificate;
        let mut remarks = vec![
            ("error_bound_a", format!("{bound_a:e}")),
            ("residual_a", format!("{residual_a:e}")),
            ("rounding_floor_a", format!("{floor_a:e}")),
            ("total_current_a", format!("{total_a:e}")),
            ("conservation_a", format!("{conservation_a:e}")),
            ("ends_against_cells_a", format!("{two_ways_a:e}")),
            ("power_w", format!("{:e}", self.power.total_w)),
            ("power_of_cells_w", format!("{:e}", self.power.cells_w)),
            ("power_of_sources_w", format!("{:e}", self.power.ends_w)),
            ("power_of_wires_w", format!("{:e}", self.power.wires_w)),
        ];
        if let Some((adc, _)) = &self.converted {
            let (low, high) = adc.range_a;
            remarks.push(("converter", format!("{} bits from {low:e} to {high:e} A", adc.bits)));
        }
        remarks
    }
}

#[cfg(test)]
mod tests;
