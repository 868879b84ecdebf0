//! The inner loops of conjugate gradients, one panel or one block at a time.

use crate::circuit::coarse::Hats;
use crate::circuit::lines::{eliminate, solve_panel, substitute};
use crate::circuit::tiles::{COLUMNS, LANES, Lane, Layout, Row, Tile, widest};
use crate::circuit::wiring::Circuit;

/// What the loops along word lines read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) circuit: &'a Circuit,
    pub(crate) cells_s: &'a [Tile],
    pub(crate) inverse: &'a [Lane],
}

impl Words<'_> {
    /// `A_w^-1 D x` of a panel, for a field in block order.
    #[inline(always)]
    fn pull(&self, panel: usize, lanes: &mut Vec<Lane>, x: &[Tile]) {
        lanes.resize(self.layout.blocks * COLUMNS, [0.0; LANES]);
        for block in 0..self.layout.blocks {
            let tile = self.layout.by_block(panel, block);
            let mut currents = self.cells_s[tile];
            for lane in 0..LANES {
                for col in 0..COLUMNS {
                    currents[lane][col] *= x[tile][lane][col];
                }
            }
            to_lanes(&currents, block, lanes);
        }
        self.solve(panel, lanes);
    }

    /// Solves the lines of a panel, in place.
    #[inline(always)]
    fn solve(&self, panel: usize, lanes: &mut [Lane]) {
        let inverse = &self.inverse[panel * self.layout.cols..][..self.layout.cols];
        solve_panel(inverse, &self.circuit.words.segment_s, lanes);
    }
}

/// What the loops along bit lines read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) circuit: &'a Circuit,
    pub(crate) cells_s: &'a [Tile],
    pub(crate) inverse: &'a [Row],
    pub(crate) q: &'a [Tile],
}

impl<'a> Bits<'a> {
    /// Inverse pivots and cells of a block, row by row.
    #[inline(always)]
    fn block(&self, block: usize) -> (&'a [Row], &'a [Row]) {
        let inverse = &self.inverse[block * self.layout.rows..][..self.layout.rows];
        let cells_s = self.cells_s[block * self.layout.panels..][..self.layout.panels].as_flattened();
        (inverse, &cells_s[..self.layout.rows])
    }
}

/// The numbers of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Along {
    pub(crate) alpha: f64,
    pub(crate) beta: f64,
    /// The first starts p and `A_b p`, the second x.
    pub(crate) iteration: usize,
}

impl Along {
    /// The rows of the direction; before the first step the field held something else, and its padding is cleared.
    #[inline(always)]
    fn rows<'a>(&self, p: &'a mut [Tile], count: usize) -> &'a mut [Row] {
        let (rows, padding) = p.as_flattened_mut().split_at_mut(count);
        if self.iteration == 0 {
            padding.fill([0.0; COLUMNS]);
        }
        rows
    }

    /// `x += alpha p; p = z + beta p; A_b p = right + beta A_b p` at a row.
    #[inline(always)]
    fn advance(&self, z: &Row, right: &Row, p: &mut Row, ap: &mut Row, x: &mut Row) {
        if self.iteration == 0 {
            (*p, *ap) = (*z, *right);
            return;
        }
        for col in 0..COLUMNS {
            let step = self.alpha * p[col];
            x[col] = if self.iteration == 1 { step } else { x[col] + step };
            p[col] = z[col] + self.beta * p[col];
            ap[col] = right[col] + self.beta * ap[col];
        }
    }
}

widest! {
    /// Word step = `A_w^-1 q`, q = `D A_w^-1 q`; the product of the old q and the step.
    pub(crate) fn condense_panel(
        words: &'k Words<'k>,
        panel: usize,
        lanes: &'k mut Vec<Lane>,
        q: &'k mut [Tile],
        step: &'k mut [Tile],
    ) -> f64 {
        let layout = words.layout;
        lanes.resize(layout.blocks * COLUMNS, [0.0; LANES]);
        for (block, tile) in q.iter().enumerate() {
            to_lanes(tile, block, lanes);
        }
        words.solve(panel, lanes);
        let mut product = [0.0; COLUMNS];
        for block in 0..layout.blocks {
            let cells = &words.cells_s[layout.by_block(panel, block)];
            let (q, step) = (&mut q[block], &mut step[block]);
            *step = from_lanes(lanes, block);
            for lane in 0..LANES {
                for col in 0..COLUMNS {
                    product[col] += q[lane][col] * step[lane][col];
                    q[lane][col] = cells[lane][col] * step[lane][col];
                }
            }
        }
        total(&product)
    }
}

widest! {
    /// `r -= alpha q` and `z = A_b^-1 r`; the 1-norm of r and the product `r.z`.
    pub(crate) fn descend_lines(
        bits: &'k Bits<'k>,
        block: usize,
        alpha: f64,
        r: &'k mut [Tile],
        z: &'k mut [Tile],
    ) -> (f64, f64) {
        let (inverse, _) = bits.block(block);
        let z = &mut z.as_flattened_mut()[..inverse.len()];
        let l1 = down(bits, block, alpha, r, z);
        let r = &r.as_flattened()[..inverse.len()];
        let (segment_s, mut carry, mut product) = (&bits.circuit.bits.segment_s[..], [0.0; COLUMNS], [0.0; COLUMNS]);
        for at in (0..inverse.len()).rev() {
            substitute(inverse, segment_s, at, &mut carry, &z[at]);
            z[at] = carry;
            for col in 0..COLUMNS {
                product[col] += carry[col] * r[at][col];
            }
        }
        (l1, total(&product))
    }
}

widest! {
    /// `r -= alpha q`, and `D A_b^-1 r` summed over rows onto the coarse rows; the 1-norm of r and the product
    /// `r.A_b^-1 r`.
    pub(crate) fn descend_block(
        bits: &'k Bits<'k>,
        rows: &'k Hats,
        block: usize,
        alpha: f64,
        r: &'k mut [Tile],
        sums: &'k mut [Row],
        scratch: &'k mut Vec<Row>,
    ) -> (f64, f64) {
        let (inverse, cells) = bits.block(block);
        scratch.resize(inverse.len(), [0.0; COLUMNS]);
        let l1 = down(bits, block, alpha, r, scratch);
        let r = &r.as_flattened()[..inverse.len()];
        let (segment_s, mut carry, mut product) = (&bits.circuit.bits.segment_s[..], [0.0; COLUMNS], [0.0; COLUMNS]);
        sums.fill([0.0; COLUMNS]);
        for at in (0..inverse.len()).rev() {
            substitute(inverse, segment_s, at, &mut carry, &scratch[at]);
            let (left, after) = (rows.left[at], rows.weight[at]);
            let [above, below] = &mut sums[left..left + 2] else { continue };
            for col in 0..COLUMNS {
                let current = cells[at][col] * carry[col];
                above[col] += (1.0 - after) * current;
                below[col] += after * current;
                product[col] += carry[col] * r[at][col];
            }
        }
        (l1, total(&product))
    }
}

/// `r -= alpha q`, and its elimination downwards; the 1-norm of r.
#[inline(always)]
fn down(bits: &Bits<'_>, block: usize, alpha: f64, r: &mut [Tile], eliminated: &mut [Row]) -> f64 {
    let layout = bits.layout;
    let (inverse, _) = bits.block(block);
    let segment_s = &bits.circuit.bits.segment_s[..];
    let (mut l1, mut carry) = ([0.0; COLUMNS], [0.0; COLUMNS]);
    for panel in 0..layout.panels {
        let (r, q) = (&mut r[panel], &bits.q[layout.by_panel(panel, block)]);
        for lane in 0..layout.rows_in(panel) {
            let at = panel * LANES + lane;
            let (r, q) = (&mut r[lane], &q[lane]);
            for col in 0..COLUMNS {
                r[col] -= alpha * q[col];
                l1[col] += r[col].abs();
            }
            eliminate(inverse, segment_s, at, &mut carry, r);
            eliminated[at] = carry;
        }
    }
    total(&l1)
}

widest! {
    /// `z = A_b^-1 (r + D P e)`, and the step along it.
    pub(crate) fn ascend_block(
        bits: &'k Bits<'k>,
        rows: &'k Hats,
        expanded: &'k [Row],
        block: usize,
        along: &'k Along,
        r: &'k [Tile],
        p: &'k mut [Tile],
        ap: &'k mut [Tile],
        x: &'k mut [Tile],
        scratch: &'k mut Vec<Row>,
    ) -> () {
        let (inverse, cells) = bits.block(block);
        let (segment_s, count) = (&bits.circuit.bits.segment_s[..], inverse.len());
        scratch.resize(count, [0.0; COLUMNS]);
        let (r, z) = (&r.as_flattened()[..count], &mut scratch[..]);
        let (p, ap) = (along.rows(p, count), &mut ap.as_flattened_mut()[..count]);
        let x = &mut x.as_flattened_mut()[..count];
        let mut carry = [0.0; COLUMNS];
        for at in 0..count {
            let right = pulled(rows, expanded, at, &cells[at], &r[at]);
            eliminate(inverse, segment_s, at, &mut carry, &right);
            z[at] = carry;
        }
        for at in (0..count).rev() {
            substitute(inverse, segment_s, at, &mut carry, &z[at]);
            let right = pulled(rows, expanded, at, &cells[at], &r[at]);
            along.advance(&carry, &right, &mut p[at], &mut ap[at], &mut x[at]);
        }
    }
}

widest! {
    /// The step along z where it is `A_b^-1 r`.
    pub(crate) fn ascend_lines(
        bits: &'k Bits<'k>,
        along: &'k Along,
        r: &'k [Tile],
        z: &'k [Tile],
        p: &'k mut [Tile],
        ap: &'k mut [Tile],
        x: &'k mut [Tile],
    ) -> () {
        let count = bits.layout.rows;
        let (r, z, p) = (&r.as_flattened()[..count], &z.as_flattened()[..count], along.rows(p, count));
        let (ap, x) = (&mut ap.as_flattened_mut()[..count], &mut x.as_flattened_mut()[..count]);
        for at in 0..count {
            along.advance(&z[at], &r[at], &mut p[at], &mut ap[at], &mut x[at]);
        }
    }
}

widest! {
    /// `q = A_b p - D A_w^-1 D p`; the product `p.q`.
    pub(crate) fn multiply_panel(
        words: &'k Words<'k>,
        panel: usize,
        lanes: &'k mut Vec<Lane>,
        p: &'k [Tile],
        ap: &'k [Tile],
        q: &'k mut [Tile],
    ) -> f64 {
        words.pull(panel, lanes, p);
        let mut product = [0.0; COLUMNS];
        for block in 0..words.layout.blocks {
            let tile = words.layout.by_block(panel, block);
            let (cells, p, ap, q) = (&words.cells_s[tile], &p[tile], &ap[tile], &mut q[block]);
            let volts = from_lanes(lanes, block);
            for lane in 0..LANES {
                for col in 0..COLUMNS {
                    q[lane][col] = ap[lane][col] - cells[lane][col] * volts[lane][col];
                    product[col] += q[lane][col] * p[lane][col];
                }
            }
        }
        total(&product)
    }
}

widest! {
    /// Word step `+= A_w^-1 D x`.
    pub(crate) fn finish_panel(
        words: &'k Words<'k>,
        panel: usize,
        lanes: &'k mut Vec<Lane>,
        x: &'k [Tile],
        step: &'k mut [Tile],
    ) -> () {
        words.pull(panel, lanes, x);
        for block in 0..words.layout.blocks {
            let volts = from_lanes(lanes, block);
            let step = &mut step[block];
            for lane in 0..LANES {
                for col in 0..COLUMNS {
                    step[lane][col] += volts[lane][col];
                }
            }
        }
    }
}

/// `r + g (P e)` at a row: the right-hand side of the second bit-line solve.
#[inline(always)]
fn pulled(rows: &Hats, expanded: &[Row], row: usize, cells_s: &Row, r: &Row) -> Row {
    let (left, after) = (rows.left[row], rows.weight[row]);
    let [above, below] = &expanded[left..left + 2] else { return *r };
    let mut right = [0.0; COLUMNS];
    for col in 0..COLUMNS {
        right[col] = r[col] + cells_s[col] * ((1.0 - after) * above[col] + after * below[col]);
    }
    right
}

/// Sum of a row, in order.
#[inline(always)]
fn total(row: &Row) -> f64 {
    let mut sum = 0.0;
    for value in row {
        sum += value;
    }
    sum
}

#[inline(always)]
fn to_lanes(tile: &Tile, block: usize, lanes: &mut [Lane]) {
    let lanes = &mut lanes[block * COLUMNS..][..COLUMNS];
    for col in 0..COLUMNS {
        for lane in 0..LANES {
            lanes[col][lane] = tile[lane][col];
        }
    }
}

#[inline(always)]
fn from_lanes(lanes: &[Lane], block: usize) -> Tile {
    let lanes = &lanes[block * COLUMNS..][..COLUMNS];
    let mut tile = [[0.0; COLUMNS]; LANES];
    for lane in 0..LANES {
        for col in 0..COLUMNS {
            tile[lane][col] = lanes[col][lane];
        }
    }
    tile
}
