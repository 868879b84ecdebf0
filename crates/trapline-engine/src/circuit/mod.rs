//! Crossbars as circuits.

// Tiles are numbered as their rows and columns are, in several arrays at once; and what is not a number must fail a comparison.
#![allow(clippy::needless_range_loop, clippy::neg_cmp_op_on_partial_ord)]

mod audit;
pub mod bounds;
mod coarse;
mod direct;
pub mod error;
mod kernels;
pub mod law;
mod lines;
pub mod network;
pub mod nonlinear;
mod pcg;
pub mod scheme;
pub mod solution;
pub mod solve;
mod tiles;
pub mod transfer;
mod wiring;

pub use error::{LawError, NetworkError, SolveError};
pub use law::{Alike, Curve, Law, Ohm, Series, Table};
pub use network::{Axis, Crossbar, End, Lines, Wire};
pub use nonlinear::{Nonlinear, solve_nonlinear};
pub use scheme::{Reading, Unselected, isolated_a};
pub use solution::{Certificate, Currents, Method, Solution};
pub use solve::{Accuracy, Preconditioner, Reference, Solver, solve, solve_to};
pub use transfer::Transfer;
