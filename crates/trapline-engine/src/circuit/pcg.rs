//! Conjugate gradients on the Schur complement of the bit lines, with the two-level preconditioner.
//!
//! # Theory
//! With `A_w = T_w + D` (a tridiagonal matrix a word line), `A_b` likewise and `D = diag(g)`, elimination of the word
//! potentials leaves `S = A_b - D A_w^-1 D` on the bit potentials. S is symmetric and positive definite, and
//!
//! ```text
//! S^-1 = A_b^-1 + A_b^-1 D S_w^-1 D A_b^-1,   S_w = A_w - D A_b^-1 D
//! ```
//!
//! The preconditioner takes the word block of the inverse of the coarse crossbar for `S_w^-1` (`coarse.rs`), or nothing
//! where one direction drops little. Both need `A_b z = r + D P e` before they solve for z: from it `A_b p` follows by
//! the recurrence of p itself, and no current of a wire is ever formed from differences of potentials.
//!
//! # Practice
//! An iteration is three passes over the array: along bit lines (residual, first solve, restriction), along bit lines
//! again (prolongation, second solve, direction), along word lines (product with S). The product `r.z` that the
//! direction needs is known after the first, since `r.z = r.A_b^-1 r + (P' D A_b^-1 r).e`. Dot products are summed
//! panel by panel and block by block in order, so that the bits do not depend on threads.

use crate::backend::BackendError;
use crate::circuit::coarse::{self, Coarse};
use crate::circuit::device::OnDevice;
use crate::circuit::kernels::{
    Along, Bits, Words, ascend_block, ascend_lines, condense_panel, descend_block, descend_lines, finish_panel,
    multiply_panel,
};
use crate::circuit::lines::{factor_bits, factor_block, factor_panel, factor_words};
use crate::circuit::tiles::{COLUMNS, LANES, Lane, Layout, Row, Tile, ZERO};
use crate::circuit::wiring::Circuit;
use rayon::prelude::*;
use std::sync::Arc;

/// The matrix of a network with its factors, and the fields of an iteration.
#[derive(Debug)]
pub(crate) struct Core<'d> {
    pub(crate) layout: Layout,
    pub(crate) circuit: Circuit,
    /// Conductances of the cells, S, in block order.
    pub(crate) cells_s: Arc<Vec<Tile>>,
    /// Their sum, S: of the sums below, which are summed anew where a cell changes. Differences added to it would leave
    /// the digits of the largest cell there ever was.
    pub(crate) sum_s: f64,
    /// The sum of each block, S.
    block_sums_s: Vec<f64>,
    word_inverse: Arc<Vec<Lane>>,
    bit_inverse: Arc<Vec<Row>>,
    coarse: Option<Arc<Coarse>>,
    restricted: Vec<Row>,
    expanded: Vec<Row>,
    coarse_right: Vec<f64>,
    /// Residual of the bit lines, A, in block order; on entry of [`Core::correct`] the right-hand side.
    pub(crate) r: Vec<Tile>,
    /// `A_b^-1 r`, in block order; empty where there is a coarse crossbar, which needs its sums only.
    z: Vec<Tile>,
    /// Search direction, in block order; between runs the cell currents of the last audit, A, in panel order.
    pub(crate) p: Vec<Tile>,
    /// `A_b p`, in block order.
    ap: Vec<Tile>,
    /// `S p`, in panel order; on entry of [`Core::correct`] the right-hand side of the word lines, A.
    pub(crate) q: Vec<Tile>,
    /// Step of the bit potentials, V, in block order.
    pub(crate) bit_step: Vec<Tile>,
    /// Step of the word potentials, V, in panel order.
    pub(crate) word_step: Vec<Tile>,
    /// Slopes of the cells at the last audit, S, in panel order; empty for linear cells.
    pub(crate) slopes: Vec<Tile>,
    /// What iterates in the place of this processor.
    pub(crate) device: Option<OnDevice<'d>>,
    /// How the device failed, for whoever asked for the correction.
    pub(crate) failure: Option<BackendError>,
}

/// A network with its factors, for several cores to share.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    circuit: Circuit,
    cells_s: Arc<Vec<Tile>>,
    block_sums_s: Vec<f64>,
    word_inverse: Arc<Vec<Lane>>,
    bit_inverse: Arc<Vec<Row>>,
    coarse: Option<Arc<Coarse>>,
}

/// How a run of iterations ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    pub(crate) iterations: usize,
    /// Whether the goal was reached by the residual that the iteration carries along.
    pub(crate) reached: bool,
    /// Right-hand side times step, W.
    pub(crate) descent_w: f64,
}

impl Run {
    /// Nothing done.
    pub(crate) const NONE: Run = Run { iterations: 0, reached: false, descent_w: 0.0 };
}

impl<'d> Core<'d> {
    /// Without factors, for [`Core::factor`] to make.
    pub(crate) fn new(circuit: Circuit, cells_s: Vec<Tile>, device: Option<OnDevice<'d>>) -> Core<'d> {
        let layout = Layout::new(circuit.rows, circuit.cols);
        let block_sums_s = block_sums(&layout, &cells_s);
        let sum_s = block_sums_s.iter().sum();
        Core {
            layout,
            circuit,
            cells_s: Arc::new(cells_s),
            sum_s,
            block_sums_s,
            word_inverse: Arc::default(),
            bit_inverse: Arc::default(),
            coarse: None,
            restricted: Vec::new(),
            expanded: Vec::new(),
            coarse_right: Vec::new(),
            r: layout.zeros(),
            z: Vec::new(),
            p: layout.zeros(),
            ap: Vec::new(),
            q: layout.zeros(),
            bit_step: Vec::new(),
            word_step: Vec::new(),
            slopes: Vec::new(),
            device,
            failure: None,
        }
    }

    /// Its network, on this processor.
    pub(crate) fn network(&self) -> Network {
        Network {
            circuit: self.circuit.clone(),
            cells_s: Arc::clone(&self.cells_s),
            block_sums_s: self.block_sums_s.clone(),
            word_inverse: Arc::clone(&self.word_inverse),
            bit_inverse: Arc::clone(&self.bit_inverse),
            coarse: self.coarse.clone(),
        }
    }

    /// A core with fields of its own.
    pub(crate) fn of(network: &Network) -> Core<'static> {
        let Network { circuit, cells_s, block_sums_s, word_inverse, bit_inverse, coarse } = network.clone();
        // Cells of its own would be summed anew: nothing is allocated for these.
        let mut core = Core::new(circuit, Vec::new(), None);
        core.sum_s = block_sums_s.iter().sum();
        (core.cells_s, core.block_sums_s) = (cells_s, block_sums_s);
        (core.word_inverse, core.bit_inverse, core.coarse) = (word_inverse, bit_inverse, coarse);
        core.make_room();
        core
    }

    /// Whether its factors are those of a network.
    pub(crate) fn is_of(&self, network: &Network) -> bool {
        let same_coarse = match (&self.coarse, &network.coarse) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        same_coarse && Arc::ptr_eq(&self.cells_s, &network.cells_s)
    }

    /// Factors the lines and the coarse crossbar for the present conductances; `coarse_nodes` is the most that the
    /// coarse crossbar may have, `None` for none.
    pub(crate) fn factor(&mut self, coarse_nodes: Option<usize>) {
        self.block_sums_s = block_sums(&self.layout, &self.cells_s);
        self.sum_s = self.block_sums_s.iter().sum();
        if self.device.is_none() {
            self.word_inverse = Arc::new(factor_words(&self.layout, &self.circuit.words, &self.cells_s));
            self.bit_inverse = Arc::new(factor_bits(&self.layout, &self.circuit.bits, &self.cells_s));
        }
        self.make_coarse(coarse_nodes);
    }

    /// Iterates on this processor from now on.
    pub(crate) fn leave_device(&mut self, coarse_nodes: Option<usize>) {
        self.device = None;
        self.factor(coarse_nodes);
    }

    /// Changes one cell, and the factors of its two lines; the coarse crossbar stays. False for a cell that is open:
    /// which lines carry current would change.
    pub(crate) fn set_cell(&mut self, row: usize, col: usize, siemens: f64) -> bool {
        let Core { layout, circuit, cells_s, word_inverse, bit_inverse, .. } = self;
        let (panel, block) = (row / LANES, col / COLUMNS);
        let cells_s = Arc::make_mut(cells_s);
        let cell = &mut cells_s[layout.by_block(panel, block)][row % LANES][col % COLUMNS];
        if *cell == 0.0 {
            return false;
        }
        *cell = siemens;
        let tiles = &cells_s[block * layout.panels..][..layout.panels];
        self.block_sums_s[block] = sum(tiles);
        self.sum_s = self.block_sums_s.iter().sum();
        if let Some(device) = &mut self.device {
            device.take(layout, circuit, cells_s, self.coarse.as_deref());
            return true;
        }
        let (word_inverse, bit_inverse) = (Arc::make_mut(word_inverse), Arc::make_mut(bit_inverse));
        factor_panel(layout, &circuit.words, cells_s, panel, &mut word_inverse[panel * layout.cols..][..layout.cols]);
        factor_block(layout, &circuit.bits, tiles, block, &mut bit_inverse[block * layout.rows..][..layout.rows]);
        true
    }

    /// Replaces the coarse crossbar.
    pub(crate) fn make_coarse(&mut self, nodes: Option<usize>) {
        let mean_s = self.mean_s();
        let nodes = nodes.filter(|_| mean_s > 0.0).map(|budget| coarse::grid(&self.circuit, mean_s, budget));
        let coarse = nodes.and_then(|nodes| Coarse::new(&self.layout, &self.circuit, &self.cells_s, nodes));
        self.coarse = coarse.map(Arc::new);
        if let Some(device) = &mut self.device {
            device.take(&self.layout, &self.circuit, &self.cells_s, self.coarse.as_deref());
            return;
        }
        self.make_room();
    }

    /// Fields for what goes to the coarse crossbar and comes back.
    fn make_room(&mut self) {
        let rows = self.coarse.as_ref().map_or(0, |coarse| self.layout.blocks * coarse.stride());
        self.restricted = vec![[0.0; COLUMNS]; rows];
        self.expanded = vec![[0.0; COLUMNS]; rows];
    }

    /// Nodes of the coarse crossbar, on rows and columns.
    pub(crate) fn coarse_nodes(&self) -> Option<(usize, usize)> {
        self.coarse.as_ref().map(|coarse| (coarse.rows.nodes, coarse.cols.nodes))
    }

    /// Mean conductance of a cell, S.
    pub(crate) fn mean_s(&self) -> f64 {
        self.sum_s / (self.layout.rows * self.layout.cols) as f64
    }

    /// Solves `[A_w -D; -D A_b] (word step, bit step) = (q, r)` until `stop` is content with the 1-norm of the
    /// residual, A, and the bit step of the first and last row, V. The steps are left in their fields.
    pub(crate) fn correct(&mut self, most: usize, stop: impl Fn(&Circuit, f64, &[f64], &[f64]) -> bool) -> Run {
        if let Some(device) = &mut self.device {
            let right = [&self.q[..], &self.r[..]];
            return match device.correct(&self.layout, &self.circuit, self.coarse.as_deref(), right, most, &stop) {
                Ok((run, steps)) => {
                    [self.word_step, self.bit_step] = steps;
                    run
                }
                Err(error) => {
                    self.failure = Some(error);
                    (self.word_step, self.bit_step) = (self.layout.zeros(), self.layout.zeros());
                    Run::NONE
                }
            };
        }
        for field in [&mut self.ap, &mut self.bit_step, &mut self.word_step] {
            field.resize(self.layout.tiles(), ZERO);
        }
        self.z.resize(if self.coarse.is_some() { 0 } else { self.layout.tiles() }, ZERO);
        let mut descent_w = self.condense();
        let (mut near_v, mut far_v) = (vec![0.0; self.layout.cols], vec![0.0; self.layout.cols]);
        let (mut l1, mut own) = self.descend(-1.0);
        let (mut iterations, mut alpha, mut before) = (0, 0.0, 1.0);
        let reached = loop {
            if l1 == 0.0 || (iterations > 0 && stop(&self.circuit, l1, &near_v, &far_v)) {
                break true;
            }
            let product = own + self.solve_coarse();
            if iterations == most || product <= 0.0 || !product.is_finite() {
                break false;
            }
            self.ascend(product / before, alpha, iterations);
            before = product;
            let curvature = self.multiply();
            if curvature <= 0.0 || !curvature.is_finite() {
                // The step along the last direction is taken; this one is none.
                (alpha, iterations) = (0.0, iterations + 1);
                break false;
            }
            alpha = product / curvature;
            descent_w += alpha * product;
            self.add_ends(alpha, &mut near_v, &mut far_v);
            (l1, own) = self.descend(alpha);
            iterations += 1;
        };
        self.finish(alpha, iterations);
        Run { iterations, reached, descent_w }
    }

    /// The first and last rows of the bit step, kept by themselves.
    fn add_ends(&self, alpha: f64, near_v: &mut [f64], far_v: &mut [f64]) {
        let last = self.layout.rows - 1;
        for col in 0..self.layout.cols {
            let value =
                |row: usize| self.p[self.layout.by_block(row / LANES, col / COLUMNS)][row % LANES][col % COLUMNS];
            near_v[col] += alpha * value(0);
            far_v[col] += alpha * value(last);
        }
    }

    /// Word lines eliminated: word step = `A_w^-1 q`, then q = `D A_w^-1 q`; the product of q and the step.
    fn condense(&mut self) -> f64 {
        let Core { layout, circuit, cells_s, word_inverse, q, word_step, .. } = self;
        let words = Words { layout, circuit, cells_s, inverse: word_inverse };
        let panels = q.par_chunks_mut(layout.blocks).zip(word_step.par_chunks_mut(layout.blocks)).enumerate();
        let of_panel = |lanes: &mut Vec<Lane>, (panel, (q, step)): (usize, (&mut [Tile], &mut [Tile]))| {
            condense_panel(&words, panel, lanes, q, step)
        };
        let sums: Vec<f64> = panels.map_init(Vec::new, of_panel).collect();
        sums.iter().sum()
    }

    /// `r -= alpha q`, and the first half of the preconditioner; the 1-norm of r and the product `r.A_b^-1 r`.
    fn descend(&mut self, alpha: f64) -> (f64, f64) {
        let Core { layout, circuit, cells_s, bit_inverse, coarse, restricted, r, z, q, .. } = self;
        let bits = Bits { layout, circuit, cells_s, inverse: bit_inverse, q };
        let chunks = r.par_chunks_mut(layout.panels).enumerate();
        let sums: Vec<(f64, f64)> = match coarse {
            None => {
                let chunks = chunks.zip(z.par_chunks_mut(layout.panels));
                chunks.map(|((block, r), z)| descend_lines(&bits, block, alpha, r, z)).collect()
            }
            Some(coarse) => {
                let rows = &coarse.rows;
                let chunks = chunks.zip(restricted.par_chunks_mut(coarse.stride()));
                let of_block = |scratch: &mut Vec<Row>, ((block, r), sums): ((usize, &mut [Tile]), &mut [Row])| {
                    descend_block(&bits, rows, block, alpha, r, sums, scratch)
                };
                chunks.map_init(Vec::new, of_block).collect()
            }
        };
        sums.iter().fold((0.0, 0.0), |(l1, own), block| (l1 + block.0, own + block.1))
    }

    /// The coarse crossbar's answer, expanded along the rows, and what it adds to the product `r.z`.
    fn solve_coarse(&mut self) -> f64 {
        let Core { layout, coarse, restricted, expanded, coarse_right, .. } = self;
        coarse.as_ref().map_or(0.0, |coarse| coarse.solve(layout, restricted, coarse_right, expanded))
    }

    /// `x += alpha p; p = z + beta p; A_b p = A_b z + beta A_b p`, of which the first iteration starts all, and the
    /// second starts x.
    fn ascend(&mut self, beta: f64, alpha: f64, iteration: usize) {
        let Core { layout, circuit, cells_s, bit_inverse, coarse, expanded, r, z, p, ap, q, bit_step, .. } = self;
        let bits = Bits { layout, circuit, cells_s, inverse: bit_inverse, q };
        let along = Along { alpha, beta, iteration };
        let directions = p.par_chunks_mut(layout.panels).zip(ap.par_chunks_mut(layout.panels));
        let fields = directions.zip(bit_step.par_chunks_mut(layout.panels).zip(r.par_chunks(layout.panels)));
        match coarse {
            None => {
                let blocks = fields.zip(z.par_chunks(layout.panels));
                blocks.for_each(|(((p, ap), (x, r)), z)| ascend_lines(&bits, &along, r, z, p, ap, x));
            }
            Some(coarse) => {
                let (rows, stride) = (&coarse.rows, coarse.stride());
                fields.enumerate().for_each_init(Vec::new, |scratch, (block, ((p, ap), (x, r)))| {
                    let expanded = &expanded[block * stride..][..stride];
                    ascend_block(&bits, rows, expanded, block, &along, r, p, ap, x, scratch);
                });
            }
        }
    }

    /// `q = S p`; the product `p.q`.
    fn multiply(&mut self) -> f64 {
        let Core { layout, circuit, cells_s, word_inverse, p, ap, q, .. } = self;
        let words = Words { layout, circuit, cells_s, inverse: word_inverse };
        let (p, ap) = (&p[..], &ap[..]);
        let of_panel =
            |lanes: &mut Vec<Lane>, (panel, q): (usize, &mut [Tile])| multiply_panel(&words, panel, lanes, p, ap, q);
        let sums: Vec<f64> = q.par_chunks_mut(layout.blocks).enumerate().map_init(Vec::new, of_panel).collect();
        sums.iter().sum()
    }

    /// The last step along p, and the word step `+= A_w^-1 D x`.
    fn finish(&mut self, alpha: f64, iterations: usize) {
        let Core { layout, circuit, cells_s, word_inverse, p, bit_step, word_step, .. } = self;
        bit_step.par_iter_mut().zip(p.par_iter()).for_each(|(x, p)| add_last(iterations, alpha, p, x));
        if iterations == 0 {
            return;
        }
        let words = Words { layout, circuit, cells_s, inverse: word_inverse };
        let x = &bit_step[..];
        let panels = word_step.par_chunks_mut(layout.blocks).enumerate();
        panels.for_each_init(Vec::new, |lanes, (panel, step)| finish_panel(&words, panel, lanes, x, step));
    }
}

/// The last step along the last direction.
fn add_last(iterations: usize, alpha: f64, p: &Tile, x: &mut Tile) {
    for (x, p) in x.as_flattened_mut().iter_mut().zip(p.as_flattened()) {
        *x = match iterations {
            0 => 0.0,
            1 => alpha * p,
            _ => *x + alpha * p,
        };
    }
}

/// Sums of the blocks of a field in block order.
fn block_sums(layout: &Layout, field: &[Tile]) -> Vec<f64> {
    field.par_chunks(layout.panels).map(sum).collect()
}

/// Sum of the tiles of a block.
fn sum(tiles: &[Tile]) -> f64 {
    tiles.as_flattened().as_flattened().iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::scheme::Reading;
    use ndarray::Array2;

    fn core(cells: &Array2<f64>) -> Core<'static> {
        let volts = vec![0.1; cells.nrows()];
        let reading = Reading::with_wire(10.0);
        let crossbar = reading.all_rows(cells.view(), &volts).expect("sound");
        let circuit = Circuit::new(&crossbar);
        let layout = Layout::new(circuit.rows, circuit.cols);
        let cells_s = layout.load(cells.view(), circuit.transposed, &circuit.words.live, &circuit.bits.live);
        let mut core = Core::new(circuit, cells_s, None);
        core.factor(None);
        core
    }

    /// A cell of a megasiemens that comes and goes a hundred times: the sum is, bit for bit, that of an array in which
    /// it never was. A sum that differences are added to has lost all of its digits by then.
    #[test]
    fn the_sum_of_cells_keeps_its_digits_over_many_changes() {
        let cells = Array2::from_shape_fn((40, 50), |(i, j)| 1e-15 * (1.0 + 0.01 * (i * 50 + j) as f64));
        let mut changed = core(&cells);
        let (line, at) = if changed.circuit.transposed { (4, 3) } else { (3, 4) };
        let before_s = changed.sum_s;
        let (mut running_s, mut last_s) = (before_s, cells[[3, 4]]);
        for turn in 0..100 {
            for siemens in [1e6 + 1e3 * f64::from(turn), cells[[3, 4]]] {
                running_s += siemens - last_s;
                last_s = siemens;
                assert!(changed.set_cell(line, at, siemens));
            }
        }
        assert_eq!(changed.sum_s.to_bits(), before_s.to_bits());
        assert!((running_s / before_s - 1.0).abs() > 0.1, "{running_s} {before_s}");
        // One that stays changed is in the sum.
        assert!(changed.set_cell(line, at, 1e-12));
        let mut other = cells;
        other[[3, 4]] = 1e-12;
        assert_eq!(changed.sum_s.to_bits(), core(&other).sum_s.to_bits());
        assert!(changed.sum_s > 1.04 * before_s);
    }
}
