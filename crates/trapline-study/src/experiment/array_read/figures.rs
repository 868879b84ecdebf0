//! Figures of merit of an array of a material, at one time after another of its bake.
//!
//! # Theory
//! Every cell has two states: *on* is the filling it has at the time, *off* is without charge. What is read is
//!
//! - all word lines at the read bias, all cells on: currents of bit lines, their windows against the array without
//!   charge, the cell that gets least of the bias, the energy of a multiply-accumulate;
//! - random vectors (each word line at the bias with a chance of a half) on random weights (each cell on with a chance
//!   of a half): errors of products by wires, by cells that differ, and by noise;
//! - the cell that is farthest from sources and amplifiers, on and off, with all others on and with random ones on, the
//!   other lines held by a scheme: read margin, sneak current, leakage, energy;
//! - in its place the cell of the array that passes least when on and the one that passes most when off, in all of
//!   these patterns and with all others off: what one sense level must tell apart;
//! - the same cell while it is written, and what such writes do to others ([`writing`]).
//!
//! `docs/figures-of-merit.md` defines each figure with its source. Networks have the cells' own law, and a selector in
//! series where there is one.
//!
//! # Practice
//! A [`Worth`] is made for an array and told its fillings in the order of time; the first ones are those right after
//! programming, which windows are taken against.

mod selected;
mod writing;

pub use writing::Writing;

use super::law::{Cells, MaterialCells};
use super::{ArrayReadError, Driving, Scheme, Setup, alone_a, read};
use ndarray::{Array1, Array2};
use trapline_engine::backend::Backend;
use trapline_engine::circuit::{Curve, Law, Reading, Wire, memory_bytes};
use trapline_model::array::wire;
use trapline_model::material::Material;
use trapline_model::outcome::{MERITS, MeritIs};
use trapline_model::rng::{self, Purpose};

/// What a line resists from cell to cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Segment {
    Ohm(f64),
    Metal(wire::Wire),
}

impl Segment {
    /// At a temperature, K; ohm.
    pub fn ohm(self, temperature_k: f64) -> f64 {
        match self {
            Segment::Ohm(ohm) => ohm,
            Segment::Metal(wire) => wire.segment_ohm(temperature_k),
        }
    }
}

/// How an array is read through its wires.
#[derive(Debug, Clone, PartialEq)]
pub struct Circuit {
    pub word: Segment,
    pub bit: Segment,
    pub source_ohm: f64,
    pub sense_ohm: f64,
    pub both_ends: bool,
    /// Random vectors; 0 asks for no products.
    pub vectors: u32,
    /// How other lines are held while one cell is read; none asks for no margin.
    pub scheme: Option<Scheme>,
    /// Random patterns of the other cells while one is read.
    pub patterns: u32,
    pub selector: Option<Curve>,
    /// How it is written; none asks for no figures of writes, and so does no scheme.
    pub write: Option<Writing>,
    /// Time that a reading is averaged over, s.
    pub integration_s: f64,
    /// Bound of the errors of currents, over the total current.
    pub accuracy: f64,
}

impl Circuit {
    /// Wires, sources and amplifiers at a temperature, K.
    pub(crate) fn periphery(&self, temperature_k: f64) -> Reading {
        Reading {
            word_wire: Wire::Uniform(self.word.ohm(temperature_k)),
            bit_wire: Wire::Uniform(self.bit.ohm(temperature_k)),
            source_ohm: self.source_ohm,
            sense_ohm: self.sense_ohm,
            both_ends: self.both_ends,
        }
    }

    fn setup(&self, temperature_k: f64, seed: u64) -> Setup {
        Setup {
            periphery: self.periphery(temperature_k),
            temperature_k,
            integration_s: self.integration_s,
            noise: false,
            seed,
            adc_bits: None,
            adc_range_a: None,
            accuracy: self.accuracy,
        }
    }

    /// Bytes that an array of a size takes while it is read.
    pub fn memory_bytes(rows: u64, cols: u64) -> u128 {
        let cells = u128::from(rows).saturating_mul(u128::from(cols));
        // A solution, slopes, fillings and areas, a law and its conductances; the trace of a block of rows.
        let solver = memory_bytes(rows as usize, cols as usize);
        solver.saturating_add(cells.saturating_mul(108 + 24)).saturating_add(1 << 28)
    }
}

/// The array that is read.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub material: &'a Material,
    /// Area of each cell over the nominal one, rows by columns.
    pub area: &'a Array2<f64>,
    pub read_v: f64,
    pub read_k: f64,
    /// Seed of random vectors and patterns.
    pub seed: u64,
    /// Share of its window below which a bit line has failed.
    pub kept_threshold: f64,
}

/// Figures of an array, time after time.
pub struct Worth<'a> {
    backend: &'a dyn Backend,
    circuit: &'a Circuit,
    subject: Subject<'a>,
    setup: Setup,
    /// Currents of bit lines without charge and right after programming, A.
    fresh_a: Vec<f64>,
    start_a: Vec<f64>,
    /// Ideal products right after programming, A, vector after vector.
    start_products_a: Vec<f64>,
    /// Bound of the reading without charge, over its total current.
    fresh_bound: f64,
    remarks: Vec<String>,
}

/// Patterns and vectors are drawn by the numbers of cells and rows; vectors follow far behind patterns.
const FIRST_VECTOR: u32 = 1 << 16;

impl<'a> Worth<'a> {
    /// Reads the array without charge.
    ///
    /// # Errors
    /// [`ArrayReadError`].
    pub fn new(
        backend: &'a dyn Backend,
        circuit: &'a Circuit,
        subject: Subject<'a>,
    ) -> Result<Worth<'a>, ArrayReadError> {
        let setup = circuit.setup(subject.read_k, subject.seed);
        let (fresh_a, start_a, start_products_a) = (Vec::new(), Vec::new(), Vec::new());
        let (fresh_bound, remarks) = (0.0, Vec::new());
        let mut worth =
            Worth { backend, circuit, subject, setup, fresh_a, start_a, start_products_a, fresh_bound, remarks };
        let empty = Array2::zeros(subject.area.dim());
        let reading = read(backend, &worth.cells(&empty, |_, _| false), &worth.all_rows(), &worth.setup)?;
        worth.fresh_bound = reading.certificate.relative();
        worth.fresh_a = reading.wired_a;
        Ok(worth)
    }

    /// What could not be known, one line each.
    pub fn remarks(self) -> Vec<String> {
        self.remarks
    }

    /// The figures at fillings of the cells, in the order of [`MERITS`].
    ///
    /// # Errors
    /// [`ArrayReadError`]. A margin whose network is not solved is NaN, with a remark; so is told where the two states
    /// are closer than the currents are known.
    pub fn at(&mut self, filling: &Array2<f64>) -> Result<Array1<f64>, ArrayReadError> {
        let mut figures = Array1::from_elem(MERITS.len(), f64::NAN);
        let k = self.subject.read_k;
        figures[MeritIs::WordSegment as usize] = self.circuit.word.ohm(k);
        figures[MeritIs::BitSegment as usize] = self.circuit.bit.ohm(k);
        figures[MeritIs::Bound as usize] = self.fresh_bound;
        self.columns(filling, &mut figures)?;
        if self.circuit.vectors > 0 {
            self.products(filling, &mut figures)?;
        }
        if let Some(scheme) = &self.circuit.scheme {
            self.one_cell(filling, scheme, &mut figures)?;
            if let Some(writing) = &self.circuit.write {
                self.write(filling, scheme, writing, &mut figures)?;
            }
        }
        Ok(figures)
    }

    /// The array with some cells on and the others off.
    fn cells(&self, filling: &Array2<f64>, is_on: impl Fn(usize, usize) -> bool) -> Cells {
        self.cells_with(filling, is_on, None)
    }

    /// The same with the second of two cells in the place of the first, too.
    fn cells_with(
        &self,
        filling: &Array2<f64>,
        is_on: impl Fn(usize, usize) -> bool,
        swapped: Option<[(usize, usize); 2]>,
    ) -> Cells {
        let Subject { material, area, read_v, read_k, .. } = self.subject;
        let cell_at = |at: (usize, usize)| match swapped {
            Some([place, by]) if place == at => by,
            _ => at,
        };
        let held = |at: (usize, usize)| if is_on(at.0, at.1) { filling[cell_at(at)] } else { 0.0 };
        let held = Array2::from_shape_fn(filling.dim(), held);
        let area = Array2::from_shape_fn(filling.dim(), |at| area[cell_at(at)]);
        let law = MaterialCells::new(material, read_k, &held, area);
        let conductance_s =
            Array2::from_shape_fn(filling.dim(), |(row, col)| law.current_and_slope(row, col, read_v).0 / read_v);
        Cells { material: Some(law), selector: self.circuit.selector.clone(), ..Cells::linear(conductance_s) }
    }

    fn all_rows(&self) -> Driving {
        Driving::AllRows { input_v: vec![self.subject.read_v; self.subject.area.nrows()] }
    }

    /// Whether a cell is on in a random pattern.
    fn draws(&self, step: u32, number: u64) -> bool {
        rng::words(self.subject.seed, number, Purpose::Pattern, step, 0)[0] >> 31 == 1
    }

    /// All word lines at the bias, all cells on.
    fn columns(&mut self, filling: &Array2<f64>, figures: &mut Array1<f64>) -> Result<(), ArrayReadError> {
        let cells = self.cells(filling, |_, _| true);
        let reading = read(self.backend, &cells, &self.all_rows(), &self.setup)?;
        if self.start_a.is_empty() {
            self.start_a.clone_from(&reading.wired_a);
        }
        let windows = self.fresh_a.iter().zip(&self.start_a).zip(&reading.wired_a);
        let kept: Vec<f64> = windows.map(|((fresh, start), now)| (now - fresh) / (start - fresh)).collect();
        let known = kept.iter().all(|kept| !kept.is_nan());
        let failed = kept.iter().filter(|kept| **kept < self.subject.kept_threshold).count();
        let columns = kept.len() as f64;
        let voltages = &reading.solution.word_v - &reading.solution.bit_v;
        let worst_v = least(voltages.iter().map(|volts| (volts / self.subject.read_v).abs()));
        let multiplied = filling.len() as f64;
        for (of, value) in [
            (MeritIs::ColumnMean, reading.wired_a.iter().sum::<f64>() / columns),
            (MeritIs::ColumnKeptMean, kept.iter().sum::<f64>() / columns),
            (MeritIs::ColumnKeptLeast, least(kept.iter().copied())),
            (MeritIs::ColumnsFailed, if known { failed as f64 } else { f64::NAN }),
            (MeritIs::WireErrorRms, reading.errors_of_wires.rms),
            (MeritIs::WireErrorWorst, reading.errors_of_wires.worst),
            (MeritIs::WorstCell, worst_v),
            (MeritIs::EnergyPerProduct, reading.power.total_w * self.circuit.integration_s / multiplied),
        ] {
            figures[of as usize] = value;
        }
        worse(figures, reading.certificate.relative());
        Ok(())
    }

    /// Random vectors on random weights.
    fn products(&mut self, filling: &Array2<f64>, figures: &mut Array1<f64>) -> Result<(), ArrayReadError> {
        let (rows, cols) = filling.dim();
        let cells = self.cells(filling, |row, col| self.draws(0, (row * cols + col) as u64));
        let (mut ideal_a, mut wired_a, mut noise_a2) = (Vec::new(), Vec::new(), 0.0);
        for vector in 0..self.circuit.vectors {
            let volts = |row: usize| {
                if self.draws(FIRST_VECTOR + vector, row as u64) { self.subject.read_v } else { 0.0 }
            };
            let driving = Driving::AllRows { input_v: (0..rows).map(volts).collect() };
            let reading = read(self.backend, &cells, &driving, &self.setup)?;
            worse(figures, reading.certificate.relative());
            noise_a2 += reading.noise_a.iter().map(|a| a * a).sum::<f64>();
            ideal_a.extend(reading.ideal_a);
            wired_a.extend(reading.wired_a);
        }
        if self.start_products_a.is_empty() {
            self.start_products_a.clone_from(&ideal_a);
        }
        let count = ideal_a.len() as f64;
        let most = |values: &[f64]| values.iter().fold(0.0, |most: f64, a| most.max(a.abs()));
        let error_a2 = |against: &[f64]| -> f64 {
            against.iter().zip(&wired_a).map(|(ideal, wired)| (wired - ideal) * (wired - ideal)).sum::<f64>() / count
        };
        let worst_a = ideal_a.iter().zip(&wired_a).fold(0.0, |most: f64, (a, b)| most.max((b - a).abs()));
        let (wires_a2, largest_a) = (error_a2(&ideal_a), most(&ideal_a));
        let Stored { signal_a2, spread_a2 } = self.stored(filling);
        let snr_db = 10.0 * (signal_a2 / (wires_a2 + spread_a2 + noise_a2 / count)).log10();
        for (of, value) in [
            (MeritIs::ProductErrorRms, wires_a2.sqrt() / largest_a),
            (MeritIs::ProductErrorWorst, worst_a / largest_a),
            (MeritIs::ProductSpread, spread_a2.sqrt() / largest_a),
            (MeritIs::Snr, snr_db),
            // Not a number stays none.
            (MeritIs::EffectiveBits, if snr_db < 1.76 { 0.0 } else { (snr_db - 1.76) / 6.02 }),
            (MeritIs::AgedErrorRms, error_a2(&self.start_products_a).sqrt() / most(&self.start_products_a)),
        ] {
            figures[of as usize] = value;
        }
        Ok(())
    }

    /// What stored weights are worth over all random vectors and weights, without drawing any: see [`Stored`].
    ///
    /// A product should be `sum x (w d + c)`, with what the mean cell and its selector pass at the bias without
    /// charge, c, and what they pass more when on, d: a reference takes the rest away, and a common gain is known.
    /// That has the variance `(1/4 - 1/16) N d^2`. A cell that passes `c + p` and `d + q` adds `x (w q + p)`, of which
    /// x and w, each 1 with a chance of a half, leave a mean square of their own along each bit line.
    fn stored(&self, filling: &Array2<f64>) -> Stored {
        let (rows, cols) = filling.dim();
        let alone = |cells: Cells| {
            let law = cells.law();
            Array2::from_shape_fn((rows, cols), |(row, col)| alone_a(&cells, &law, row, col, self.subject.read_v))
        };
        let off_a = alone(self.cells(&Array2::zeros((rows, cols)), |_, _| false));
        let more_a = alone(self.cells(filling, |_, _| true)) - &off_a;
        let mean = |of: &Array2<f64>| of.sum() / (rows * cols) as f64;
        let (mean_off_a, mean_more_a) = (mean(&off_a), mean(&more_a));
        let of_column = |(off_a, more_a): (ndarray::ArrayView1<'_, f64>, ndarray::ArrayView1<'_, f64>)| {
            let (mut mean, mut variance) = (0.0, 0.0);
            for (p, q) in off_a.iter().map(|a| a - mean_off_a).zip(more_a.iter().map(|a| a - mean_more_a)) {
                let over_weights = 0.5 * q + p;
                mean += 0.5 * over_weights;
                variance += 0.25 * ((p + q) * (p + q) + p * p) - 0.25 * over_weights * over_weights;
            }
            mean * mean + variance
        };
        let spread_a2 = off_a.columns().into_iter().zip(more_a.columns()).map(of_column).sum::<f64>() / cols as f64;
        Stored { signal_a2: 3.0 / 16.0 * rows as f64 * mean_more_a * mean_more_a, spread_a2 }
    }

    fn remark(&mut self, what: &str) {
        if self.remarks.iter().all(|remark| remark != what) {
            self.remarks.push(what.to_owned());
        }
    }
}

/// What stored weights add to a product, and what cells that differ make of it.
struct Stored {
    /// Variance of what they should add, A^2.
    signal_a2: f64,
    /// Mean square of what differs from that, A^2.
    spread_a2: f64,
}

/// The larger of the bound so far and this one; what is not a number stays.
fn worse(figures: &mut Array1<f64>, bound: f64) {
    let worst = &mut figures[MeritIs::Bound as usize];
    *worst = if worst.is_nan() || bound <= *worst { *worst } else { bound };
}

/// The least of some numbers; not a number where one of them is none, and of none.
fn least(values: impl Iterator<Item = f64>) -> f64 {
    let smaller = |a: f64, b: f64| if a.is_nan() || a <= b { a } else { b };
    values.reduce(smaller).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests;
