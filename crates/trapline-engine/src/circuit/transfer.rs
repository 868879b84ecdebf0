//! The array as one matrix: effective weights that hold wires, sneak paths and ends.
//!
//! An array of linear cells is a linear map from its inputs to its outputs. Column j's current per volt at word line i
//! is, by reciprocity, what flows out of word line i with 1 V at column j and 0 V everywhere else: one solve for each
//! output gives a column of the map, or one for each input a row, whichever are fewer. Every further vector of inputs
//! then costs a product.

use crate::backend::Backend;
use crate::circuit::accuracy::Accuracy;
use crate::circuit::error::{NetworkError, SolveError};
use crate::circuit::network::{Axis, Crossbar, End};
use crate::circuit::solution::Currents;
use crate::circuit::solve::Solver;
use ndarray::{Array1, Array2, ArrayView2};

/// Effective weights of an array.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// Current out of each column per volt at each row, S; rows by columns. 0 for lines without a driven end.
    pub weight_s: Array2<f64>,
    /// Currents out of the columns with all inputs at 0 V, A: what the bit lines' own sources do.
    pub offset_a: Array1<f64>,
    /// Bound of the sum of the errors of the weights of one solve (of a column, or of a row), S.
    pub bound_s: f64,
    /// Solves, and their iterations together.
    pub solves: usize,
    pub iterations: usize,
}

impl Transfer {
    /// The map from the voltages of the word lines (at both ends, where both are driven) to the currents of the
    /// columns. Voltages of the crossbar's word lines are not looked at; those of its bit lines make the offset.
    pub fn new(crossbar: &Crossbar<'_>, accuracy: Accuracy) -> Result<Transfer, SolveError> {
        Transfer::by(Solver::new(crossbar), crossbar, accuracy)
    }

    /// The same with the iterations on a backend's device, if it has one.
    pub fn on(backend: &dyn Backend, crossbar: &Crossbar<'_>, accuracy: Accuracy) -> Result<Transfer, SolveError> {
        Transfer::by(Solver::on(backend, crossbar), crossbar, accuracy)
    }

    fn by(mut solver: Solver<'_>, crossbar: &Crossbar<'_>, accuracy: Accuracy) -> Result<Transfer, SolveError> {
        let (rows, cols) = (crossbar.rows(), crossbar.cols());
        let driven = |[near, far]: [&Vec<End>; 2]| -> Vec<usize> {
            let driven = |line: &usize| near[*line] != End::Floating || far[*line] != End::Floating;
            (0..near.len()).filter(driven).collect()
        };
        let words = [&crossbar.words().near, &crossbar.words().far];
        let bits = [&crossbar.bits().near, &crossbar.bits().far];
        let (inputs, outputs) = (driven(words), driven(bits));
        let by_outputs = outputs.len() <= inputs.len();
        let lines = if by_outputs { &outputs } else { &inputs };
        let volts = |end: &End| if let End::Driven { volts, .. } = end { *volts } else { 0.0 };
        let has_offset = bits.into_iter().flatten().any(|end| volts(end) != 0.0);
        // The last one is of the bit lines' own sources.
        let drive = |number: usize| match lines.get(number) {
            Some(&line) => {
                let of = |ends: [&Vec<End>; 2], here: bool| {
                    ends.map(|ends| at_volts(ends, |other| f64::from(u8::from(here && other == line))))
                };
                crossbar.with_ends(of(words, !by_outputs), of(bits, by_outputs))
            }
            None => crossbar.with_ends(words.map(|ends| at_volts(ends, |_| 0.0)), bits.map(Vec::clone)),
        };
        let take = |number: usize, currents: Currents| {
            let (bound_a, iterations) = (currents.certificate.bound_a, currents.method.iterations);
            let of_lines = if number < lines.len() && by_outputs { currents.row_a } else { currents.column_a };
            (of_lines, bound_a, iterations)
        };
        let found = solver.solve_each(lines.len() + usize::from(has_offset), drive, accuracy, take)?;
        let mut transfer = Transfer {
            weight_s: Array2::zeros((rows, cols)),
            offset_a: Array1::zeros(cols),
            bound_s: 0.0,
            solves: found.len(),
            iterations: found.iter().map(|(.., iterations)| iterations).sum(),
        };
        for (number, (of_lines, bound_a, _)) in found.into_iter().enumerate() {
            match lines.get(number) {
                Some(&col) if by_outputs => {
                    inputs.iter().for_each(|&row| transfer.weight_s[[row, col]] = 0.0 - of_lines[row]);
                }
                Some(&row) => outputs.iter().for_each(|&col| transfer.weight_s[[row, col]] = of_lines[col]),
                None => {
                    transfer.offset_a = Array1::from_vec(of_lines);
                    continue;
                }
            }
            transfer.bound_s = transfer.bound_s.max(bound_a);
        }
        Ok(transfer)
    }

    /// Currents of the columns, A, for vectors of input voltages: vectors by rows in, vectors by columns out.
    pub fn apply(&self, input_v: ArrayView2<'_, f64>) -> Result<Array2<f64>, NetworkError> {
        let (lines, found) = (self.weight_s.nrows(), input_v.ncols());
        if found != lines {
            return Err(NetworkError::Inputs { axis: Axis::Word, found, lines });
        }
        Ok(input_v.dot(&self.weight_s) + &self.offset_a)
    }
}

/// The same ends at other voltages; those that float stay so.
fn at_volts(ends: &[End], volts: impl Fn(usize) -> f64) -> Vec<End> {
    let end = |(line, end): (usize, &End)| match end {
        End::Driven { ohm, .. } => End::Driven { volts: volts(line), ohm: *ohm },
        End::Floating => End::Floating,
    };
    ends.iter().enumerate().map(end).collect()
}
