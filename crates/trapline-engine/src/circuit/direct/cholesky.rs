//! Sparse Cholesky of the whole network.

use super::cell_s;
use crate::circuit::pcg::Core;
use crate::circuit::wiring::Side;
use faer::MatMut;
use faer::linalg::solvers::Solve;
use faer::sparse::linalg::solvers::Llt;
use faer::sparse::{SparseColMat, Triplet};

/// Shares of the diagonals that are added to them, in the order they are tried: lines that leak 1e-14 of what their
/// wires conduct make a matrix that is positive definite in theory only. What the addition does to the step, the next
/// correction undoes.
pub(super) const RAISED: [f64; 4] = [0.0, 3e-16, 3e-15, 3e-14];

/// The factor of a network.
#[derive(Debug)]
pub(crate) struct Factor(Llt<usize, f64>);

impl Factor {
    /// `None` where there is none in f64.
    pub(super) fn new(core: &Core<'_>, raised: f64) -> Option<Factor> {
        let triplets = matrix(core, raised);
        let nodes = 2 * core.layout.rows * core.layout.cols;
        let matrix = SparseColMat::<usize, f64>::try_new_from_triplets(nodes, nodes, &triplets).ok()?;
        matrix.sp_cholesky(faer::Side::Lower).ok().map(Factor)
    }

    /// Solves for the steps of the nodes of the word lines, row by row, and behind them of the bit lines, in the
    /// place of the currents into them.
    pub(super) fn solve(&self, step: &mut [f64]) {
        let nodes = step.len();
        self.0.solve_in_place(MatMut::from_column_major_slice_mut(step, nodes, 1));
    }
}

/// The lower triangle of the network's matrix.
fn matrix(core: &Core<'_>, raised: f64) -> Vec<Triplet<usize, usize, f64>> {
    let layout = core.layout;
    let cells = layout.rows * layout.cols;
    let (words, bits) = (&core.circuit.words, &core.circuit.bits);
    let mut triplets = Vec::with_capacity(5 * cells);
    for (row, col) in (0..layout.rows).flat_map(|row| (0..layout.cols).map(move |col| (row, col))) {
        let (word, bit) = (row * layout.cols + col, cells + row * layout.cols + col);
        let cell_s = cell_s(core, row, col);
        let word_s = own_s(words, row, col, layout.cols) + cell_s;
        let bit_s = own_s(bits, col, row, layout.rows) + cell_s;
        // A node of an island has no cell and no source; its line is held by an arbitrary conductance.
        triplets.push(Triplet::new(word, word, if words.live[row] { word_s * (1.0 + raised) } else { word_s + 1.0 }));
        triplets.push(Triplet::new(bit, bit, if bits.live[col] { bit_s * (1.0 + raised) } else { bit_s + 1.0 }));
        triplets.push(Triplet::new(bit, word, -cell_s));
        if col > 0 {
            triplets.push(Triplet::new(word, word - 1, -words.segment_s[col - 1]));
        }
        if row > 0 {
            triplets.push(Triplet::new(bit, bit - layout.cols, -bits.segment_s[row - 1]));
        }
    }
    triplets
}

/// What a node has to its neighbours on the line and to the line's sources, S.
fn own_s(side: &Side, line: usize, at: usize, cells: usize) -> f64 {
    let before = if at > 0 { side.segment_s[at - 1] } else { side.near_s[line] };
    before + if at + 1 < cells { side.segment_s[at] } else { side.far_s[line] }
}
