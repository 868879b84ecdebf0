//! The coarse crossbar: the second level of the preconditioner.
//!
//! What the bit lines' own solves leave over is smooth in both directions, with the healing length
//! `sqrt(G_wire/G_cell)` as its scale, and nearly the same on word and bit lines. It is caught by a crossbar of fewer
//! nodes: word and bit potentials are each bilinear between coarse nodes, and its matrix is the Galerkin product
//!
//! ```text
//! C = [K_w + D_c, -D_c; -D_c, K_b + D_c],   K_w = (Y'Y) x (X'L_w X) + ends,   D_c = P' diag(g) P
//! ```
//!
//! Coarse nodes sit on fine nodes: a segment then lies within one coarse interval, and the wire matrix is tridiagonal.
//! A sparse Cholesky factorisation (faer's) is made once; only right-hand sides on word nodes are solved for, and only
//! word potentials are used.

use crate::circuit::tiles::{COLUMNS, Layout, Row, Tile, widest};
use crate::circuit::wiring::{Circuit, Side};
use faer::MatMut;
use faer::linalg::solvers::Solve;
use faer::sparse::linalg::solvers::Llt;
use faer::sparse::{SparseColMat, Triplet};
use rayon::prelude::*;

/// Linear interpolation along one axis.
#[derive(Debug, Clone)]
pub(crate) struct Hats {
    /// Coarse nodes.
    pub(crate) nodes: usize,
    /// The coarse node at or before each fine node; never the last one where there are several.
    pub(crate) left: Vec<usize>,
    /// Weight of the coarse node after it.
    pub(crate) weight: Vec<f64>,
}

impl Hats {
    fn new(fine: usize, nodes: usize) -> Hats {
        let (mut left, mut weight) = (vec![0; fine], vec![0.0; fine]);
        let place = |node: usize| node * (fine - 1) / (nodes - 1).max(1);
        for node in 0..nodes.saturating_sub(1) {
            let (from, to) = (place(node), place(node + 1));
            for at in from..to {
                (left[at], weight[at]) = (node, (at - from) as f64 / (to - from) as f64);
            }
        }
        if nodes > 1 {
            (left[fine - 1], weight[fine - 1]) = (nodes - 2, 1.0);
        }
        Hats { nodes, left, weight }
    }

    /// The first fine node of each coarse interval, and the number of fine nodes behind them: nodes + 1 numbers. The
    /// last node has no interval of its own, unless it is the only one.
    pub(crate) fn starts(&self) -> Vec<usize> {
        (0..=self.nodes).map(|node| self.left.partition_point(|left| *left < node)).collect()
    }

    /// Diagonal and superdiagonal of `P' diag(values) P`.
    fn mass(&self, value: impl Fn(usize) -> f64) -> [Vec<f64>; 2] {
        let (mut own, mut next) = (vec![0.0; self.nodes], vec![0.0; self.nodes]);
        for (at, (&left, &weight)) in self.left.iter().zip(&self.weight).enumerate() {
            let value = value(at);
            own[left] += value * (1.0 - weight) * (1.0 - weight);
            if weight > 0.0 {
                own[left + 1] += value * weight * weight;
                next[left] += value * weight * (1.0 - weight);
            }
        }
        [own, next]
    }

    /// Diagonal and superdiagonal of `P' L P` for the segments L.
    fn wires(&self, segment_s: &[f64]) -> [Vec<f64>; 2] {
        let (mut own, mut next) = (vec![0.0; self.nodes], vec![0.0; self.nodes]);
        for (at, segment_s) in segment_s.iter().enumerate().filter(|_| self.nodes > 1) {
            let left = self.left[at];
            let after = if self.left[at + 1] == left { self.weight[at + 1] } else { 1.0 };
            let step = after - self.weight[at];
            own[left] += segment_s * step * step;
            own[left + 1] += segment_s * step * step;
            next[left] -= segment_s * step * step;
        }
        [own, next]
    }
}

/// The coarse crossbar, factored.
#[derive(Debug)]
pub(crate) struct Coarse {
    pub(crate) rows: Hats,
    pub(crate) cols: Hats,
    factor: Llt<usize, f64>,
}

/// Coarse nodes for a spacing of one healing length of the mean cell on each axis, at most `budget` of them.
pub(crate) fn grid(circuit: &Circuit, mean_s: f64, budget: usize) -> (usize, usize) {
    let spacing = |side: &Side| (1.0 / (side.mean_segment_ohm() * mean_s).max(1e-300)).sqrt().max(1.0);
    let nodes = |fine: usize, spacing: f64| fine.min(2.max(((fine - 1) as f64 / spacing).ceil() as usize + 1));
    let (mut along_rows, mut along_cols) = (spacing(&circuit.words), spacing(&circuit.bits));
    loop {
        let (rows, cols) = (nodes(circuit.rows, along_cols), nodes(circuit.cols, along_rows));
        if rows * cols <= budget.max(4) {
            return (rows, cols);
        }
        let excess = ((rows * cols) as f64 / budget as f64).sqrt().max(1.02);
        // An axis that has its least number of nodes leaves the cut to the other.
        along_rows *= excess;
        along_cols *= excess;
    }
}

/// What `D_c` needs of the cells of each block, from one pass over them: with `h` and `f` the weights of a row on the
/// coarse rows before and after it, sums of `g h h` and `g f f` by coarse row, then sums of `g h f`.
fn sums_over_rows(layout: &Layout, rows: &Hats, cells_s: &[Tile]) -> Vec<Row> {
    let stride = 2 * (rows.nodes + 1);
    let mut sums = vec![[0.0; COLUMNS]; layout.blocks * stride];
    let blocks = sums.par_chunks_mut(stride).zip(cells_s.par_chunks(layout.panels));
    blocks.for_each(|(sums, tiles)| sum_block(rows, &tiles.as_flattened()[..layout.rows], sums));
    sums
}

widest! {
    fn sum_block(rows: &'k Hats, cells_s: &'k [Row], sums: &'k mut [Row]) -> () {
        let (own, next) = sums.split_at_mut(rows.nodes + 1);
        for (row, cells_s) in cells_s.iter().enumerate() {
            let (left, after) = (rows.left[row], rows.weight[row]);
            let before = 1.0 - after;
            let [above, below] = &mut own[left..left + 2] else { continue };
            let beside = &mut next[left];
            for col in 0..COLUMNS {
                above[col] += before * before * cells_s[col];
                below[col] += after * after * cells_s[col];
                beside[col] += before * after * cells_s[col];
            }
        }
    }
}

/// Lower triangle of the coarse matrix; nodes (row, col) have the word potential `2 (row cols + col)` and the bit
/// potential after it.
struct Assembly {
    cols: usize,
    triplets: Vec<Triplet<usize, usize, f64>>,
}

impl Assembly {
    fn add(&mut self, a: usize, b: usize, value: f64) {
        if value != 0.0 {
            self.triplets.push(Triplet::new(a.max(b), a.min(b), value));
        }
    }

    /// Adds what couples two nodes: along word lines, along bit lines, and through cells.
    fn couple(&mut self, a: (usize, usize), b: (usize, usize), word_s: f64, bit_s: f64, cell_s: f64) {
        let (at, to) = (2 * (a.0 * self.cols + a.1), 2 * (b.0 * self.cols + b.1));
        self.add(at, to, word_s + cell_s);
        self.add(at + 1, to + 1, bit_s + cell_s);
        self.add(at + 1, to, -cell_s);
        if at != to {
            self.add(at, to + 1, -cell_s);
        }
    }
}

impl Coarse {
    /// Builds and factors it for given numbers of coarse rows and columns; `None` where no factor exists.
    pub(crate) fn new(layout: &Layout, circuit: &Circuit, cells_s: &[Tile], nodes: (usize, usize)) -> Option<Coarse> {
        let (rows, cols) = (Hats::new(layout.rows, nodes.0), Hats::new(layout.cols, nodes.1));
        let mut assembly = Assembly { cols: cols.nodes, triplets: Vec::new() };
        let sums = sums_over_rows(layout, &rows, cells_s);
        let (word_wires, word_mass) = (cols.wires(&circuit.words.segment_s), rows.mass(|_| 1.0));
        let (bit_wires, bit_mass) = (rows.wires(&circuit.bits.segment_s), cols.mass(|_| 1.0));
        let stride = 2 * (rows.nodes + 1);
        for row in 0..rows.nodes {
            for step in [0, 1].into_iter().filter(|step| row + step < rows.nodes) {
                let first = step * (rows.nodes + 1) + row;
                let sum = |col: usize| sums[col / COLUMNS * stride + first][col % COLUMNS];
                let cells = cols.mass(sum);
                let (word, bit) = (word_mass[step][row], bit_wires[step][row]);
                for col in 0..cols.nodes {
                    let (here, over) = ((row, col), (row + step, col));
                    assembly.couple(here, over, word * word_wires[0][col], bit * bit_mass[0][col], cells[0][col]);
                    if col + 1 < cols.nodes {
                        let (word_s, bit_s) = (word * word_wires[1][col], bit * bit_mass[1][col]);
                        assembly.couple(here, (row + step, col + 1), word_s, bit_s, cells[1][col]);
                        if step == 1 {
                            assembly.couple((row, col + 1), over, word_s, bit_s, cells[1][col]);
                        }
                    }
                }
            }
        }
        add_ends(&mut assembly, &rows, &cols, circuit);
        let factor = factor(&assembly.triplets, 2 * rows.nodes * cols.nodes)?;
        Some(Coarse { rows, cols, factor })
    }

    /// Potentials of the coarse word nodes for currents on them, both row by row, and the product of both, where
    /// conductances count in units of `unit_s`.
    pub(crate) fn solve_nodes(&self, currents: &[f32], unit_s: f64) -> (Vec<f32>, f64) {
        let mut right: Vec<f64> = currents.iter().flat_map(|current| [f64::from(*current), 0.0]).collect();
        let nodes = right.len();
        self.factor.solve_in_place(MatMut::from_column_major_slice_mut(&mut right, nodes, 1));
        let volts = || right.iter().step_by(2).map(|volts| volts * unit_s);
        let product = currents.iter().zip(volts()).map(|(current, volts)| f64::from(*current) * volts).sum();
        (volts().map(|volts| volts as f32).collect(), product)
    }

    /// Rows that a block has in the restricted and expanded fields.
    pub(crate) fn stride(&self) -> usize {
        self.rows.nodes + 1
    }

    /// From currents summed over rows, by block and coarse row, to the coarse word potentials, expanded along the rows
    /// to all columns; the product of both. Sums have a fixed order.
    pub(crate) fn solve(&self, layout: &Layout, restricted: &[Row], right: &mut Vec<f64>, expanded: &mut [Row]) -> f64 {
        let (stride, cols) = (self.stride(), self.cols.nodes);
        right.clear();
        right.resize(2 * self.rows.nodes * cols, 0.0);
        for at in 0..layout.cols {
            let (left, after) = (self.cols.left[at], self.cols.weight[at]);
            let block = &restricted[at / COLUMNS * stride..];
            for row in 0..self.rows.nodes {
                let value = block[row][at % COLUMNS];
                right[2 * (row * cols + left)] += (1.0 - after) * value;
                if after > 0.0 {
                    right[2 * (row * cols + left + 1)] += after * value;
                }
            }
        }
        let nodes = right.len();
        let currents = right.clone();
        self.factor.solve_in_place(MatMut::from_column_major_slice_mut(right, nodes, 1));
        for at in 0..layout.cols {
            let (left, after) = (self.cols.left[at], self.cols.weight[at]);
            let next = if after > 0.0 { left + 1 } else { left };
            let block = &mut expanded[at / COLUMNS * stride..];
            for row in 0..self.rows.nodes {
                let value = |node: usize| right[2 * (row * cols + node)];
                block[row][at % COLUMNS] = (1.0 - after) * value(left) + after * value(next);
            }
        }
        currents.iter().zip(right).map(|(current, volts)| current * *volts).sum()
    }
}

/// The ends of word lines lie on the first and last coarse columns, those of bit lines on the first and last rows.
fn add_ends(assembly: &mut Assembly, rows: &Hats, cols: &Hats, circuit: &Circuit) {
    let (words, bits) = (&circuit.words, &circuit.bits);
    for (col, ends_s) in [(0, &words.near_s), (cols.nodes - 1, &words.far_s)] {
        let [own, next] = rows.mass(|row| ends_s[row]);
        let node = |row: usize| 2 * (row * cols.nodes + col);
        (0..rows.nodes).for_each(|row| assembly.add(node(row), node(row), own[row]));
        (1..rows.nodes).for_each(|row| assembly.add(node(row - 1), node(row), next[row - 1]));
    }
    for (row, ends_s) in [(0, &bits.near_s), (rows.nodes - 1, &bits.far_s)] {
        let [own, next] = cols.mass(|col| ends_s[col]);
        let node = |col: usize| 2 * (row * cols.nodes + col) + 1;
        (0..cols.nodes).for_each(|col| assembly.add(node(col), node(col), own[col]));
        (1..cols.nodes).for_each(|col| assembly.add(node(col - 1), node(col), next[col - 1]));
    }
}

/// Cholesky factor of a matrix that is positive definite up to rounding: its diagonal is raised by as little as makes
/// the pivots positive. Any positive definite matrix preconditions.
fn factor(triplets: &[Triplet<usize, usize, f64>], nodes: usize) -> Option<Llt<usize, f64>> {
    let mut diagonal = vec![0.0; nodes];
    triplets.iter().filter(|t| t.row == t.col).for_each(|t| diagonal[t.row] += t.val);
    let most = diagonal.iter().fold(0.0, |most: f64, d| most.max(*d));
    [1e-15, 1e-13, 1e-10, 1e-6].into_iter().find_map(|share| {
        let raise = |(node, d): (usize, &f64)| Triplet::new(node, node, if *d > 0.0 { share * d } else { most });
        let raised: Vec<_> = triplets.iter().copied().chain(diagonal.iter().enumerate().map(raise)).collect();
        let matrix = SparseColMat::try_new_from_triplets(nodes, nodes, &raised).ok()?;
        matrix.sp_cholesky(faer::Side::Lower).ok()
    })
}
