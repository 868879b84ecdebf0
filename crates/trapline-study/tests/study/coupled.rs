//! Writing through wires against a stiff integration of the coupled equations: nine cells, their traps, and the
//! network that joins them, all at once.
//!
//! Nothing of the writer, of the network's solver or of a cell's step is used: rates and currents are written out in
//! [`Equation`], the 18 potentials of a 3 x 3 array are found by Newton's method on a dense matrix at every
//! evaluation of the rates, and diffsol takes all occupancies through time together.

use crate::kinetics::Equation;
use diffsol::{NalgebraLU, NalgebraMat, OdeBuilder, OdeSolverMethod};
use nalgebra::{DMatrix, DVector};
use ndarray::{Array2, array};
use std::cell::RefCell;
use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
#[cfg(not(trapline_skip_gpu))]
use trapline_engine::backend::gpu::Gpu;
use trapline_engine::backend::reference::Reference;
use trapline_engine::circuit::Reading;
use trapline_engine::circuit::scheme::Unselected;
use trapline_model::array::ArrayShape;
use trapline_model::material::{Material, shipped};
use trapline_model::units::kelvin;
use trapline_study::experiment::array_read::Scheme;
use trapline_study::experiment::array_write::{Order, Setup, Wiring, Writer, write};
use trapline_study::experiment::probe::Conditions;
use trapline_study::experiment::pulse::Train;

/// Rows and columns.
const LINES: usize = 3;
const CELLS: usize = LINES * LINES;
const AMPLITUDE_V: f64 = 3.0;
/// Short enough that no cell comes to rest.
const WIDTH_S: f64 = 1e-3;

/// The shipped dots, each cell conducting a million times as much at as many traps more, so that wires of kilo-ohms
/// matter.
fn strong() -> Material {
    let mut material = shipped("pi-ws2-qd").expect("shipped");
    material.injection.direct_s *= 1e6;
    material.injection.fowler_nordheim_a_per_v2 *= 1e6;
    material.capture.as_mut().expect("has traps").traps *= 1e6;
    material
}

/// Potentials that the ends of lines are held at, V; none floats.
struct Ends {
    words_v: [Option<f64>; LINES],
    bits_v: [Option<f64>; LINES],
}

struct Coupled<'a> {
    material: &'a Material,
    kelvin: f64,
    segment_ohm: f64,
    ends: Ends,
    /// The potentials found last, from which the next are sought.
    volts: RefCell<DVector<f64>>,
}

impl Coupled<'_> {
    /// Current of a cell, A, by its voltage and its filling.
    fn cell_a(&self, volts: f64, filling: f64) -> f64 {
        let of = Equation::new(self.material, volts, self.kelvin);
        let amperes = of.injected_a * of.passes(filling) + of.hopping_a;
        if volts < 0.0 { -amperes } else { amperes }
    }

    /// Voltage across each cell at the fillings of all, row by row: word lines first among the unknowns, then bit
    /// lines. Lines are driven at both ends, over a segment each.
    fn across(&self, filling: &[f64]) -> Vec<f64> {
        let (word, bit) =
            (|row: usize, col: usize| row * LINES + col, |row: usize, col: usize| CELLS + row * LINES + col);
        let g = 1.0 / self.segment_ohm;
        let mut volts = self.volts.borrow_mut();
        for _ in 0..60 {
            let mut residual = DVector::zeros(2 * CELLS);
            let mut slope = DMatrix::zeros(2 * CELLS, 2 * CELLS);
            let mut joined = |one: usize, other: usize| {
                let amperes = g * (volts[one] - volts[other]);
                residual[one] += amperes;
                residual[other] -= amperes;
                for (row, col, siemens) in [(one, one, g), (one, other, -g), (other, other, g), (other, one, -g)] {
                    slope[(row, col)] += siemens;
                }
            };
            for line in 0..LINES {
                for cell in 1..LINES {
                    joined(word(line, cell - 1), word(line, cell));
                    joined(bit(cell - 1, line), bit(cell, line));
                }
            }
            for line in 0..LINES {
                for (held, ends) in [
                    (self.ends.words_v[line], [word(line, 0), word(line, LINES - 1)]),
                    (self.ends.bits_v[line], [bit(0, line), bit(LINES - 1, line)]),
                ] {
                    let Some(held_v) = held else { continue };
                    for end in ends {
                        residual[end] += g * (volts[end] - held_v);
                        slope[(end, end)] += g;
                    }
                }
            }
            for row in 0..LINES {
                for col in 0..LINES {
                    let (w, b) = (word(row, col), bit(row, col));
                    let (across, of) = (volts[w] - volts[b], filling[row * LINES + col]);
                    let amperes = self.cell_a(across, of);
                    let step = 1e-6;
                    let siemens = (self.cell_a(across + step, of) - self.cell_a(across - step, of)) / (2.0 * step);
                    residual[w] += amperes;
                    residual[b] -= amperes;
                    for (at, to, sign) in [(w, w, 1.0), (w, b, -1.0), (b, b, 1.0), (b, w, -1.0)] {
                        slope[(at, to)] += sign * siemens;
                    }
                }
            }
            let change = slope.lu().solve(&residual).expect("every line is joined to a source");
            *volts -= &change;
            // Newton squares its errors: the next change would be below 1e-16.
            if change.amax() < 1e-9 * AMPLITUDE_V {
                break;
            }
        }
        (0..CELLS).map(|cell| volts[cell] - volts[CELLS + cell]).collect()
    }

    /// Rates of all occupancies, cell after cell, over the width of the pulse.
    fn rates(&self, occupancy: &[f64], out: &mut [f64]) {
        let classes = self.material.classes.len();
        let weight = |k: usize| self.material.classes[k].weight;
        let of_cell = |cell: usize| &occupancy[cell * classes..(cell + 1) * classes];
        let filling: Vec<f64> =
            (0..CELLS).map(|cell| of_cell(cell).iter().enumerate().map(|(k, f)| weight(k) * f).sum()).collect();
        for (cell, volts) in self.across(&filling).into_iter().enumerate() {
            let rates = &mut out[cell * classes..(cell + 1) * classes];
            Equation::new(self.material, volts, self.kelvin).rate(of_cell(cell), rates);
            rates.iter_mut().for_each(|rate| *rate *= WIDTH_S);
        }
    }

    /// Occupancies after the pulse.
    fn after(&self, start: Vec<f64>) -> Vec<f64> {
        let count = start.len();
        let last = RefCell::new((Vec::new(), Vec::new()));
        let problem = OdeBuilder::<NalgebraMat<f64>>::new()
            .rtol(1e-7)
            .atol([1e-10])
            .h0(1e-6)
            .rhs_implicit(
                |f: &[f64], _: &[f64], _: f64, out: &mut [f64]| self.rates(f, out),
                |f: &[f64], _: &[f64], _: f64, along: &[f64], out: &mut [f64]| {
                    let step = 1e-7;
                    let (mut there, mut moved) = (vec![0.0; count], f.to_vec());
                    moved.iter_mut().zip(along).for_each(|(at, along)| *at += step * along);
                    // Asked for each direction in turn from the same place.
                    let mut last = last.borrow_mut();
                    if last.0 != f {
                        let mut here = vec![0.0; count];
                        self.rates(f, &mut here);
                        *last = (f.to_vec(), here);
                    }
                    let here = &last.1;
                    self.rates(&moved, &mut there);
                    out.iter_mut().zip(there.iter().zip(here)).for_each(|(out, (a, b))| *out = (a - b) / step);
                },
            )
            .init(move |_: &[f64], _: f64, f: &mut [f64]| f.copy_from_slice(&start), count)
            .build()
            .expect("the problem is well posed");
        let ends = problem.bdf::<NalgebraLU<f64>>().expect("BDF starts").solve(1.0).expect("BDF ends").0;
        let last = diffsol::MatrixCommon::ncols(&ends) - 1;
        (0..count).map(|i| diffsol::DenseMatrix::get_index(&ends, i, last)).collect()
    }
}

/// Every stroke of a pattern, row by row, by the stiff solver.
fn integrated(material: &Material, segment_ohm: f64, scheme: &Unselected, cells: &Array2<bool>) -> Vec<f64> {
    let classes = material.classes.len();
    let mut occupancy = vec![0.0; CELLS * classes];
    for row in 0..LINES {
        let of_row = |col: usize| cells[[row, col]];
        if !(0..LINES).any(of_row) {
            continue;
        }
        let (word, bit) = match scheme {
            Unselected::Floating => (None, None),
            Unselected::Third => (Some(AMPLITUDE_V / 3.0), Some(2.0 * AMPLITUDE_V / 3.0)),
            _ => (Some(0.5 * AMPLITUDE_V), Some(0.5 * AMPLITUDE_V)),
        };
        let ends = Ends {
            words_v: std::array::from_fn(|line| if line == row { Some(AMPLITUDE_V) } else { word }),
            bits_v: std::array::from_fn(|line| if of_row(line) { Some(0.0) } else { bit }),
        };
        let volts = RefCell::new(DVector::from_element(2 * CELLS, 0.5 * AMPLITUDE_V));
        occupancy = Coupled { material, kelvin: kelvin(25.0), segment_ohm, ends, volts }.after(occupancy);
    }
    let weights: Vec<f64> = material.classes.iter().map(|class| class.weight).collect();
    let filling = |cell: &[f64]| cell.iter().zip(&weights).map(|(f, w)| f * w).sum();
    occupancy.chunks(classes).map(filling).collect()
}

fn written(
    backend: &dyn Backend,
    material: &Material,
    segment_ohm: f64,
    scheme: &Unselected,
    cells: &Array2<bool>,
) -> Vec<f64> {
    let setup = Setup {
        wiring: Wiring::Wires(Reading { both_ends: true, ..Reading::with_wire(segment_ohm) }),
        scheme: Scheme::Passive(scheme.clone()),
        order: Order::RowByRow,
        train: Train { amplitude_v: AMPLITUDE_V, width_s: WIDTH_S, interval_s: 0.0, count: 1 },
        selector: None,
        tolerance: 1e-4,
        accuracy: 1e-10,
    };
    let shape = ArrayShape { rows: LINES as u64, cols: LINES as u64 };
    let mut writer = Writer::new(backend, material, Conditions::nominal(kelvin(25.0)), shape, setup).expect("a setup");
    write(&mut writer, cells).expect("is written");
    writer.filling().iter().copied().collect()
}

/// Two schemes, with wires that take a good part of the pulse, so that biases move while cells fill.
#[test]
fn writing_through_wires_is_the_coupled_integration() {
    let material = strong();
    let cells = array![[true, false, true], [false, true, false], [true, true, false]];
    let cpu = Cpu::open(None, None).expect("opens");
    let backends: Vec<&dyn Backend> = vec![&Reference, &cpu];
    #[cfg(not(trapline_skip_gpu))]
    let gpu = Gpu::open(None, None).unwrap_or_else(|error| panic!("GPU tests need an adapter: {error}"));
    #[cfg(not(trapline_skip_gpu))]
    let backends: Vec<&dyn Backend> = backends.into_iter().chain([&gpu as &dyn Backend]).collect();
    for (number, (scheme, segment_ohm)) in
        [(Unselected::Floating, 1e3), (Unselected::Third, 3e3)].into_iter().enumerate()
    {
        let expected = integrated(&material, segment_ohm, &scheme, &cells);
        let most = expected.iter().fold(0.0, |most: f64, f| most.max(*f));
        let worst = |found: &[f64]| {
            found.iter().zip(&expected).fold(0.0, |worst: f64, (a, b)| {
                let apart = (a - b).abs() / most;
                if apart.is_nan() { f64::INFINITY } else { worst.max(apart) }
            })
        };
        // A GPU in software takes a minute a scheme.
        let tried = if number == 0 { backends.len() } else { 2 };
        for backend in &backends[..tried] {
            let apart = worst(&written(*backend, &material, segment_ohm, &scheme, &cells));
            println!("{scheme:?}, {}: {apart:.1e} of {most}", backend.identity().backend);
            // What the solver is asked for in each of its steps, 1e-7, and single precision; the writer's steps,
            // whose first order is within 1e-4 of the change, are of the second.
            assert!(apart < 5e-6, "{scheme:?}: {apart:e}");
        }
        // Control: wires that take half as much are another array.
        let other = worst(&written(&cpu, &material, 0.5 * segment_ohm, &scheme, &cells));
        assert!(other > 5e-3, "{scheme:?}: {other:e}");
    }
}
