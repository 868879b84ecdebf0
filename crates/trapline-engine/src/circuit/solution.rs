//! What a solve gives: currents with their certificate, and the state of all nodes.

use crate::circuit::accuracy::Accuracy;
use crate::circuit::audit::Audit;
use crate::circuit::error::SolveError;
use crate::circuit::network::{Axis, Crossbar};
use crate::circuit::pcg::Core;
use crate::circuit::solve::Solver;
use crate::circuit::tiles::{COLUMNS, LANES, Tile};
use crate::circuit::wiring::Side;
use ndarray::Array2;

/// How far the currents can be trusted.
///
/// With `r` what Kirchhoff's law leaves over at the nodes of the computed state, and `z_j` the potentials for 1 V at
/// end j with all other sources at 0 V, the error of the current at end j is `sum_n z_j(n) r(n)`. Potentials of a
/// network of resistors obey the maximum principle, so `z_j >= 0` and `sum_j z_j <= 1`: hence, rigorously,
///
/// ```text
/// sum over all ends of |error of the current| <= |r|_1
/// ```
///
/// For nonlinear cells the same holds with conductances between computed and true voltages (secants), which need not be
/// known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certificate {
    /// Bound of the sum of the errors of all end currents, A: the residual and its rounding.
    pub bound_a: f64,
    /// `|r|_1` as computed, A.
    pub residual_a: f64,
    /// Most that rounding can have hidden of it, A.
    pub floor_a: f64,
    /// What was asked for, A.
    pub target_a: f64,
    /// Current that flows through the array, A: half the sum of the magnitudes at all ends.
    pub total_a: f64,
    /// Sum of the currents of all sources, A; 0 but for rounding and the residual.
    pub conservation_a: f64,
    /// Largest difference between a column's current taken at its ends and from its cells, A.
    pub two_ways_a: f64,
}

impl Certificate {
    /// The bound over the total current; 0 where nothing flows.
    pub fn relative(&self) -> f64 {
        if self.total_a > 0.0 { self.bound_a / self.total_a } else { 0.0 }
    }
}

/// What it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Method {
    /// Iterations of conjugate gradients, all corrections together.
    pub iterations: usize,
    /// Times that a residual was formed and corrected.
    pub corrections: usize,
    /// Rows and columns of the coarse crossbar, if there was one.
    pub coarse_nodes: Option<(usize, usize)>,
    /// Whether the array was factored as a whole.
    pub direct: bool,
    /// Whether a device iterated, and whether it was left because f32 did not do.
    pub on_device: bool,
    pub left_device: bool,
    /// Newton steps; 0 for linear cells.
    pub newton_steps: usize,
    /// Passes of the bounds, where they sufficed and nothing was solved.
    pub bound_passes: usize,
}

/// Currents of a solved crossbar.
#[derive(Debug, Clone, PartialEq)]
pub struct Currents {
    /// Out of each bit line into its sources, both ends together, A; length cols.
    pub column_a: Vec<f64>,
    /// The same at the near (top) and far (bottom) ends.
    pub column_end_a: [Vec<f64>; 2],
    /// The same as the sum of the column's cells: keeps its digits where the bit line drops little, and misses the
    /// end's current by what Kirchhoff's law leaves over in the column.
    pub column_cells_a: Vec<f64>,
    /// From its sources into each word line, A; length rows.
    pub row_a: Vec<f64>,
    /// The same at the near (left) and far (right) ends.
    pub row_end_a: [Vec<f64>; 2],
    /// Sum of the magnitudes of all cell currents, A.
    pub cells_a: f64,
    /// Bound of the errors of the currents at ends.
    pub certificate: Certificate,
    /// How they were found.
    pub method: Method,
    /// Lines that are connected with no source; they carry no current, and their potentials are NaN.
    pub islands: Vec<(Axis, usize)>,
}

/// A solved crossbar: currents, and for each cell its voltages and current, rows by columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Currents at the ends.
    pub currents: Currents,
    /// Potential of the word line at each cell, V.
    pub word_v: Array2<f64>,
    /// Potential of the bit line at each cell, V.
    pub bit_v: Array2<f64>,
    /// Current through each cell from the word to the bit line, A.
    pub cell_a: Array2<f64>,
}

impl Currents {
    pub(crate) fn new(solver: &Solver<'_>, audit: &Audit, target_a: f64, method: Method) -> Currents {
        let circuit = &solver.core.circuit;
        let out = |ends: &[Vec<f64>; 2]| ends.clone().map(|end| end.into_iter().map(|a| 0.0 - a).collect::<Vec<f64>>());
        let (row_end_a, column_end_a, column_cells_a) = if circuit.transposed {
            let cells = audit.word_cells_a.iter().map(|a| 0.0 - a).collect();
            (audit.bit_end_a.clone(), out(&audit.word_end_a), cells)
        } else {
            (audit.word_end_a.clone(), out(&audit.bit_end_a), audit.bit_cells_a.clone())
        };
        let both = |ends: &[Vec<f64>; 2]| -> Vec<f64> { ends[0].iter().zip(&ends[1]).map(|(a, b)| a + b).collect() };
        let (row_a, column_a) = (both(&row_end_a), both(&column_end_a));
        let apart = column_a.iter().zip(&column_cells_a).map(|(end, cells)| (end - cells).abs());
        let certificate = Certificate {
            bound_a: audit.bound_a(),
            residual_a: audit.residual_a,
            floor_a: audit.floor_a,
            target_a,
            total_a: audit.total_a(),
            conservation_a: row_a.iter().sum::<f64>() - column_a.iter().sum::<f64>(),
            two_ways_a: apart.fold(0.0, f64::max),
        };
        let (words, bits) = solver.sides();
        let dead = |axis: Axis, side: &Side| -> Vec<(Axis, usize)> {
            side.live.iter().enumerate().filter(|(_, live)| !**live).map(|(line, _)| (axis, line)).collect()
        };
        let islands = [dead(Axis::Word, words), dead(Axis::Bit, bits)].concat();
        let cells_a = audit.cells_a;
        Currents { column_a, column_end_a, column_cells_a, row_a, row_end_a, cells_a, certificate, method, islands }
    }
}

impl Solver<'_> {
    /// Word and bit lines as the caller has them.
    fn sides(&self) -> (&Side, &Side) {
        let circuit = &self.core.circuit;
        if circuit.transposed { (&circuit.bits, &circuit.words) } else { (&circuit.words, &circuit.bits) }
    }

    /// Potential of the word line at each cell, V, in the present state; rows by columns, NaN on islands.
    pub fn word_v(&self) -> Array2<f64> {
        self.potentials(!self.core.circuit.transposed)
    }

    /// Potential of the bit line at each cell, V.
    pub fn bit_v(&self) -> Array2<f64> {
        self.potentials(self.core.circuit.transposed)
    }

    /// Current of each cell from the word to the bit line, A, of the last solve.
    pub fn cell_a(&self) -> Array2<f64> {
        let Core { layout, circuit, p: currents, .. } = &self.core;
        let sign = if circuit.transposed { -1.0 } else { 1.0 };
        layout.store(circuit.transposed, |row, block, out| {
            let currents = &currents[layout.by_panel(row / LANES, block)][row % LANES];
            // Adding 0 makes no zero negative.
            out.iter_mut().zip(currents).for_each(|(out, a)| *out = sign * a + 0.0);
        })
    }

    /// Potentials of the lines that the core has as word or as bit lines.
    fn potentials(&self, of_words: bool) -> Array2<f64> {
        let Core { layout, circuit, .. } = &self.core;
        let (side, drops) =
            if of_words { (&circuit.words, &self.state.word) } else { (&circuit.bits, &self.state.bit) };
        layout.store(circuit.transposed, |row, block, out| {
            let panel = row / LANES;
            let tile = if of_words { layout.by_panel(panel, block) } else { layout.by_block(panel, block) };
            let of = |field: &[Tile]| field.get(tile).map_or([0.0; COLUMNS], |tile| tile[row % LANES]);
            let (high, low) = (of(&drops.high), of(&drops.low));
            for (col, out) in out.iter_mut().enumerate() {
                let line = if of_words { row } else { block * COLUMNS + col };
                *out = if side.live[line] { side.reference_v[line] + (high[col] + low[col]) } else { f64::NAN };
            }
        })
    }

    /// Solves, and gives the state of all nodes too.
    pub fn solve_all(&mut self, accuracy: Accuracy) -> Result<Solution, SolveError> {
        let currents = self.solve(accuracy)?;
        Ok(Solution { currents, word_v: self.word_v(), bit_v: self.bit_v(), cell_a: self.cell_a() })
    }
}

impl Solution {
    /// Power that the cells turn into heat, W.
    pub fn cell_power_w(&self) -> f64 {
        let cells = self.word_v.iter().zip(&self.bit_v).zip(&self.cell_a);
        cells.filter(|(_, i)| **i != 0.0).map(|((w, b), i)| (w - b) * i).sum()
    }

    /// Shape of the array it is of.
    pub fn fits(&self, crossbar: &Crossbar<'_>) -> bool {
        self.cell_a.dim() == (crossbar.rows(), crossbar.cols())
    }
}
