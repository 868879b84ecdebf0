//! The arrays that the crossbar solver is timed on: cells drawn evenly in resistance between R and 10 R, all rows at one
//! voltage, all columns sensed at 0 V.

use ndarray::Array2;
use trapline_engine::circuit::{Accuracy, Currents, Law, Reading, SolveError, Solver, solve_nonlinear, solve_to};
use trapline_model::cell::current::current_a;
use trapline_model::material::{Injection, Material, shipped};
use trapline_model::units::kelvin;

/// R, ohm. Times depend on the ratio of wire to cell alone.
pub const LEAST_OHM: f64 = 1e5;
/// Seed of the cells.
const SEED: u64 = 14;

/// Conductances of a square array, S; the same for the same number of lines.
pub fn cells_s(lines: usize) -> Array2<f64> {
    // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    let mut state = SEED;
    Array2::from_shape_simple_fn((lines, lines), || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let even = ((z ^ z >> 31) >> 11) as f64 / (1u64 << 53) as f64;
        1.0 / (LEAST_OHM * (1.0 + 9.0 * even))
    })
}

/// Cells with the I(V) of the shipped quantum dots, each scaled to conduct what it is said to at the read bias. Filling
/// and temperature scale this law and leave its shape.
pub struct Dots {
    cells_s: Array2<f64>,
    injection: Injection,
    /// Read bias over the law's current there, V/A.
    scale: f64,
}

impl Dots {
    pub fn new(cells_s: Array2<f64>, read_v: f64) -> Result<Dots, String> {
        let dots = shipped("pi-ws2-qd").map_err(|e| e.to_string())?;
        let injection = dots.injection;
        let law = Dots { cells_s, injection, scale: read_v / curve(&injection, read_v).0 };
        law.check(&dots, read_v)?;
        Ok(law)
    }

    /// Whether this is the model's law: an equation in two places is one that can part.
    fn check(&self, material: &Material, read_v: f64) -> Result<(), String> {
        let model = |v| current_a(material, v, kelvin(25.0), 0.5);
        for v in [-5.0, -1.0, 1e-3, 0.1, 0.7, 2.5, 4.9] {
            let (own, slope) = curve(&self.injection, v);
            let (own, of_model) = (own / curve(&self.injection, read_v).0, model(v) / model(read_v));
            // A dozen roundings, some of them of an exponent of 7 at 2.5 V.
            let same = (own / of_model - 1.0).abs() < 1e-13;
            if !same {
                return Err(format!("the law at {v} V is {own} and the model's {of_model}, of that at {read_v} V"));
            }
            // A chord errs by a sixth of h^2 I'''/I' and by rounding over h.
            let h = 1e-4 * v.abs();
            let chord = (curve(&self.injection, v + h).0 - curve(&self.injection, v - h).0) / (2.0 * h);
            let same = (chord / slope - 1.0).abs() < 1e-6;
            if !same {
                return Err(format!("the slope at {v} V is {slope} and the chord {chord}"));
            }
        }
        Ok(())
    }
}

/// Current and slope of the dots' law, but for filling and temperature.
#[inline]
fn curve(injection: &Injection, volts: f64) -> (f64, f64) {
    let a = volts.abs();
    if a == 0.0 {
        return (0.0, injection.direct_s);
    }
    let tunnelled = injection.fowler_nordheim_a_per_v2 * (-injection.fowler_nordheim_v / a).exp();
    let bend = injection.superlinearity_per_v2 * a * a;
    let current = injection.direct_s * a * (1.0 + bend) + tunnelled * a * a;
    let slope = injection.direct_s * (1.0 + 3.0 * bend) + tunnelled * (2.0 * a + injection.fowler_nordheim_v);
    (current.copysign(volts), slope)
}

impl Law for Dots {
    fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
        let scale = self.cells_s[[row, col]] * self.scale;
        let (current, slope) = curve(&self.injection, volts);
        (scale * current, scale * slope)
    }
}

/// What is solved.
#[derive(Clone, Copy, PartialEq)]
pub enum Cells {
    Linear,
    Dots,
}

/// A reading to time.
pub struct Case {
    pub cells: Cells,
    /// Resistance of a segment of wire over R.
    pub ratio: f64,
    /// Of all rows.
    pub read_v: f64,
    pub accuracy: Accuracy,
    /// Whether the voltages of all nodes and the currents of all cells are wanted too.
    pub nodes: bool,
}

impl Case {
    /// One reading, from the conductances to the currents of the columns.
    pub fn solve(&self, cells_s: &Array2<f64>, law: &Dots) -> Result<Currents, SolveError> {
        let crossbar = self.reading().all_rows(cells_s.view(), &vec![self.read_v; cells_s.nrows()])?;
        match (self.cells, self.nodes) {
            (Cells::Dots, _) => Ok(solve_nonlinear(&crossbar, law, self.accuracy)?.currents),
            (Cells::Linear, true) => Ok(solve_to(&crossbar, self.accuracy)?.currents),
            (Cells::Linear, false) => Solver::new(&crossbar).solve(self.accuracy),
        }
    }

    fn reading(&self) -> Reading {
        Reading::with_wire(self.ratio * LEAST_OHM)
    }
}
