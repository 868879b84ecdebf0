//! Crossbars as circuits: what wires, sneak paths and nonlinear cells make of an array, with a bound of the error.
//!
//! # Theory
//! Word line i and bit line j cross at a cell that conducts `g_ij`. Along the lines nodes are joined by segments of
//! wire; each end of a line is driven at a voltage through a resistance, or floats ([`network`]). With `A_w = T_w + D`
//! the tridiagonal matrices of the word lines, `A_b` those of the bit lines, and `D = diag(g)`
//!
//! ```text
//! [ A_w  -D ] [w]   [s_w]
//! [ -D  A_b ] [b] = [s_b]
//! ```
//!
//! Word lines are eliminated, and the rest is solved by conjugate gradients with a preconditioner of two levels: the
//! bit lines by themselves, and a coarse crossbar for what is smooth in both directions. A handful of iterations does,
//! from 1e-6 to 0.1 of wire over cell resistance. Unknowns are drops along the lines, line factors hold no subtraction,
//! and no wire current of an iteration is formed from voltages, so cells of 1e-12 S on wires of 1 S keep their digits,
//! floating lines included.
//!
//! Every solution carries a [`Certificate`]: the sum of the errors of all currents at ends is at most what Kirchhoff's
//! law leaves over at the nodes, and that is measured, with its rounding. The solver stops by it, not by a norm of its
//! own, and fails rather than promise less than was asked for.
//!
//! # Practice
//! An array of anyone's conductances, all rows driven, all columns sensed:
//!
//! ```
//! use trapline_engine::circuit::{Accuracy, Reading, Solver, Transfer, Unselected, isolated_a, solve};
//! use ndarray::{Array2, array};
//!
//! // 64 rows, 48 columns, cells of 1 to 10 microsiemens; 2 ohm a segment, drivers of 100 ohm, amplifiers of 50 ohm.
//! let conductance_s = Array2::from_shape_fn((64, 48), |(row, col)| 1e-6 * (1 + (7 * row + 3 * col) % 10) as f64);
//! let reading = Reading { source_ohm: 100.0, sense_ohm: 50.0, ..Reading::with_wire(2.0) };
//! let input_v = vec![0.2; 64];
//! let crossbar = reading.all_rows(conductance_s.view(), &input_v)?;
//! let solution = solve(&crossbar)?;
//!
//! // Columns pass less than if every cell were alone with its sources, and the more so the further they are.
//! let ideal_a = isolated_a(conductance_s.view(), &input_v, &[0.0; 48])?;
//! let loss = |col: usize| 1.0 - solution.currents.column_a[col] / ideal_a.column(col).sum();
//! assert!(loss(0) > 0.0 && loss(40) > loss(0));
//! // Errors of all currents together are below 1e-9 of what flows, by a bound that holds without exception.
//! assert!(solution.currents.certificate.relative() < 1e-9);
//! // Each node, each cell: what the word line lost on its way, what the bit line is above ground, what flows between.
//! let [word_v, bit_v] = [solution.word_v[[5, 47]], solution.bit_v[[5, 47]]];
//! assert!(word_v < 0.2 && bit_v > 0.0);
//! assert!((solution.cell_a[[5, 47]] / (conductance_s[[5, 47]] * (word_v - bit_v)) - 1.0).abs() < 1e-12);
//!
//! // One cell among lines that float: the current has other ways, and reads too high.
//! let crossbar = reading.one_cell(conductance_s.view(), (10, 20), 0.2, &Unselected::Floating)?;
//! let sneaking = solve(&crossbar)?;
//! assert!(sneaking.currents.column_a[20] > 2.0 * 0.2 * conductance_s[[10, 20]]);
//!
//! // The array as one matrix: any number of input vectors is then a product.
//! let crossbar = reading.all_rows(conductance_s.view(), &input_v)?;
//! let transfer = Transfer::new(&crossbar, Accuracy::default())?;
//! let outputs_a = transfer.apply(Array2::from_elem((1, 64), 0.2).view())?;
//! let apart = (outputs_a[[0, 7]] / solution.currents.column_a[7] - 1.0).abs();
//! assert!(apart < 1e-7);
//!
//! // A solver that is kept: one cell is programmed, and the next solve starts from where the last one ended.
//! let mut solver = Solver::new(&crossbar);
//! let before = solver.solve(Accuracy::default())?;
//! solver.set_cell(10, 20, 2e-5)?;
//! let after = solver.solve(Accuracy::default())?;
//! assert!(after.column_a[20] > before.column_a[20] && after.method.iterations <= before.method.iterations);
//!
//! // What cannot be is told in a line.
//! let error = reading.all_rows(array![[1e-6, -1e-6]], &[0.2]).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "the cell at row 0, column 1 conducts -1e-6 S; it must be 0 (open) or 1e-30 to 1e9 S"
//! );
//! # Ok::<(), trapline_engine::circuit::SolveError>(())
//! ```
//!
//! Nonlinear cells are a [`Law`]: current and slope of each cell at a voltage. With a [`Series`] each has its selector:
//!
//! ```
//! use trapline_engine::circuit::{Accuracy, Curve, Ohm, Reading, Series, Unselected, solve_nonlinear};
//! use ndarray::Array2;
//!
//! let cells = Ohm(Array2::from_elem((32, 32), 1e-6));
//! let selector = Curve::Sinh { scale_a: 1e-13, scale_v: 0.05 };
//! let reading = Reading::with_wire(2.0);
//! let crossbar = reading.one_cell(cells.0.view(), (31, 31), 1.0, &Unselected::Half)?;
//! let bare = solve_nonlinear(&crossbar, &cells, Accuracy::default())?;
//! let selected = solve_nonlinear(&crossbar, &Series::new(cells.clone(), selector)?, Accuracy::default())?;
//! // Under V/2 all cells of the row and of the column leak; with a selector they hardly do.
//! let share = |solution: &trapline_engine::circuit::Solution| solution.cell_a[[31, 31]] / solution.currents.column_a[31];
//! assert!(share(&bare) < 0.1 && share(&selected) > 0.8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where things are
//!
//! - [`network`]: cells, wires, ends; [`scheme`]: how arrays are read
//! - [`solve`](mod@solve): solving linear cells; [`accuracy`]: what is promised of a solution; [`solution`]: what comes
//!   out, with the certificate
//! - [`law`] and [`nonlinear`]: nonlinear cells and selectors
//! - [`bounds`]: arrays of small drops, without a solver; [`many`]: one array read many times; [`transfer`]: the array
//!   as one matrix
//!
//! All results are the same, bit for bit, for every number of threads and every instruction set.

// Tiles are numbered as their rows and columns are, in several arrays at once; and what is not a number must fail a
// comparison.
#![allow(clippy::needless_range_loop, clippy::neg_cmp_op_on_partial_ord)]

pub mod accuracy;
mod audit;
pub mod bounds;
mod coarse;
// Without the feature no device makes use of it.
#[cfg_attr(not(feature = "gpu"), allow(dead_code))]
pub mod device;
mod direct;
pub mod error;
mod kernels;
pub mod law;
mod lines;
pub mod many;
pub mod network;
pub mod nonlinear;
mod pcg;
mod residual;
pub mod scheme;
pub mod solution;
pub mod solve;
mod state;
mod tiles;
pub mod transfer;
mod wiring;

pub use accuracy::{Accuracy, Reference};
pub use device::OnDevice;
pub use error::{LawError, NetworkError, SolveError};
pub use law::{Alike, Curve, Law, Ohm, Series, Table};
pub use network::{Axis, Crossbar, End, Lines, Wire};
pub use nonlinear::{Nonlinear, solve_nonlinear, solve_nonlinear_on, solve_nonlinear_to_first_of};
pub use scheme::{Reading, Unselected, isolated_a};
pub use solution::{Certificate, Currents, Method, Solution};
pub use solve::{Preconditioner, Solver, memory_bytes, solve, solve_on, solve_to, solve_to_first_of};
pub use transfer::Transfer;
