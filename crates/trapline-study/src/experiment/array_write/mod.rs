//! Writing an array through its wires: every cell feels the bias that the network leaves it, and its traps fill.
//!
//! # Theory
//! A stroke holds the selected word lines at the pulse's amplitude, the selected bit lines at 0 V, and the others as a
//! scheme says, for the width of a pulse. The network ([`trapline_engine::circuit`]), with the cells' own law at their
//! present filling, gives the bias of each cell; under that bias traps fill and empty, conductances move, and with them
//! the biases. Steps in time follow (K. Heun, Z. Math. Phys. 45, 23 (1900)): all cells are moved at the biases of the
//! step's beginning, the network is solved again, and where its biases have moved all cells are moved once more, at the
//! mean of both. The difference of the two, over the largest change of a filling in the step, is the error that a
//! tolerance bounds: that of the first order, while what is taken is of the second. Within a step each cell follows its
//! own kinetics, with as many substeps as these need. What single precision makes of a filling is no
//! error; where electrons are counted, fillings that are expected of them are judged.
//!
//! # Practice
//! [`Writer`] holds the array and knows what it went through; [`Stroke`]s say which lines are selected together
//! ([`strokes`]). One pulse of a pattern is one stroke for each of its cells, rows, or the whole, and then a rest at 0
//! V. [`verify`] brings cells to levels by pulses that rise and a reading after each.
//!
//! [`endure`] follows up to a million writes of the same pattern, of which it steps a few hundred.
//!
//! Lines without resistance ([`Wiring::Ideal`]) need no network: cells see the scheme's biases.
//!
//! The circuit has no capacitances, so that biases follow at once; and while a pulse lasts electrons that are counted
//! chance within each cell, not in the currents of wires.

mod account;
mod course;
mod dataset;
mod endurance;
mod envelope;
mod leap;
mod setup;
mod stroke;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_envelope;
mod verify;
mod writer;

pub use account::{Energy, Steps};
pub use dataset::{DISTURBED, Outcome};
pub use endurance::{Endured, Moved, Reached, SHARES};
pub use envelope::{Endurance, MOST_WRITES, endure};
pub use stroke::{Order, Stroke, every_stroke, strokes};
pub use verify::{Ended, LevelError, Levels, Verify, verify};
pub use writer::Writer;

use super::ExperimentError;
use super::array_read::Scheme;
use super::pulse::Train;
use ndarray::Array2;
use trapline_engine::circuit::scheme::Reading;
use trapline_engine::circuit::{Curve, NetworkError, SolveError};

/// What joins the cells.
#[derive(Debug, Clone, PartialEq)]
pub enum Wiring {
    /// Lines without resistance: no network is solved, and no line may float.
    Ideal,
    /// Wires, sources and amplifiers; the latter hold the selected bit lines at 0 V.
    Wires(Reading),
}

/// How an array is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    pub wiring: Wiring,
    pub scheme: Scheme,
    pub order: Order,
    pub train: Train,
    /// In series with each cell; needs wires.
    pub selector: Option<Curve>,
    /// Largest error of a step in time: of a filling, over the largest change of one in the step.
    pub tolerance: f64,
    /// Of each solution of the network: the sum of the errors of all currents, over the total current.
    pub accuracy: f64,
}

/// Tolerances that can be asked for.
pub const TOLERANCES: std::ops::RangeInclusive<f64> = 1e-8..=0.1;

/// Why an array is not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Solve(#[from] SolveError),
    #[error(transparent)]
    Level(#[from] LevelError),
    #[error("the tolerance of a step is {0}; it must be 1e-8 to 0.1")]
    Tolerance(f64),
    #[error("the pattern has {rows} x {cols} cells and the array {of_rows} x {of_cols}; both must be alike")]
    Shape { rows: usize, cols: usize, of_rows: usize, of_cols: usize },
    #[error("the number of writes is {0}; it must be a whole number, 1 to 1000000")]
    Writes(f64),
    #[error(
        "a number of writes to report at is {value}; it must be a whole number, 1 to the {writes} writes, larger than the one before it ({before})"
    )]
    ReportAt { value: f64, before: u64, writes: u64 },
    #[error("{0} numbers of writes to report at; it must be at most 1000")]
    ManyReports(usize),
    #[error(
        "writes that are not stepped one by one have no electrons that are counted: how these scatter over many writes is not known; take their mean (--electrons mean-field), or step every write (--count)"
    )]
    Counted,
    #[error(
        "{stepped} writes were stepped for the first {done} of {writes}, and it must be at most {limit}: allow a larger tolerance than {tolerance:e}, or ask for fewer writes"
    )]
    Slow { stepped: u64, done: u64, writes: u64, limit: u64, tolerance: f64 },
    #[error("no cell of the pattern is to be written")]
    Nothing,
    #[error(
        "written all at once, the cell at row {row}, column {col} would be too, since its row and its column are selected: write row by row, or with a switch at every cell"
    )]
    NoProduct { row: usize, col: usize },
    #[error("a line without resistance that floats has no voltage: give wires a resistance, or hold the lines")]
    Floats,
    #[error(
        "a scheme for writing holds unselected lines by the pulse's amplitude; voltages of their own are not taken"
    )]
    OwnVoltages,
    #[error("a selector takes its part of a crossing's voltage in the network: give wires a resistance")]
    SelectorWithoutWires,
    #[error(
        "at {at_s:e} s of a pulse a step of {step_s:e} s is still off by {error:.1e} of the largest change, and {tolerance:.1e} are allowed: allow more, or make pulses less steep"
    )]
    Stiff { at_s: f64, step_s: f64, error: f64, tolerance: f64 },
}

/// Writes a pattern into an array: as many times as the train has pulses, every stroke of the pattern once, then a
/// rest.
///
/// # Errors
/// [`WriteError`].
pub fn write(writer: &mut Writer, written: &Array2<bool>) -> Result<(), WriteError> {
    writer.check_shape(written.dim())?;
    let strokes = strokes(written, writer.setup().order, &writer.setup().scheme)?;
    let Train { amplitude_v, count, .. } = writer.setup().train;
    for _ in 0..count {
        writer.pulse(&strokes, amplitude_v)?;
    }
    Ok(())
}
