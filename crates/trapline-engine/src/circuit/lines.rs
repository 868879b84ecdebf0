//! Lines by themselves: factors of their tridiagonal matrices without subtractions, and solves with them.
//!
//! A line of segments `G_j`, cells `g_j` to fixed potentials and ends `G_L`, `G_R` has the matrix T + diag(g). Its
//! pivots are `m_j = y_j + G_j`, where y is what the line conducts to the left of a node, its own cell included:
//!
//! ```text
//! y_0 = g_0 + G_L,   y_{j+1} = g_{j+1} + G_j y_j/m_j,   m_last = y_last + G_R
//! ```
//!
//! All terms are positive and none is subtracted, so every pivot is accurate to a few roundings, for cells of 1e-12 S
//! on wires of 1 S and for floating lines too, where the usual pivots `g + 2G - G^2/m` lose `log10(G/g)` digits. A line
//! without cells and sources has a last pivot of 0; its inverse is stored as 0, and its solution is 0.

use crate::circuit::tiles::{COLUMNS, LANES, Lane, Layout, Row, Tile, widest};
use crate::circuit::wiring::Side;
use rayon::prelude::*;

/// Inverse pivots of the word lines: a lane for each panel and column.
pub(crate) fn factor_words(layout: &Layout, side: &Side, cells_s: &[Tile]) -> Vec<Lane> {
    let mut inverse = vec![[0.0; LANES]; layout.panels * layout.cols];
    inverse.par_chunks_mut(layout.cols).enumerate().for_each(|(panel, out)| {
        factor_panel(layout, side, cells_s, panel, out);
    });
    inverse
}

widest! {
    /// Inverse pivots of the word lines of a panel.
    pub(crate) fn factor_panel(
        layout: &'k Layout,
        side: &'k Side,
        cells_s: &'k [Tile],
        panel: usize,
        out: &'k mut [Lane],
    ) -> () {
        let of_rows = |values: &[f64]| -> Lane {
            let mut lane = [0.0; LANES];
            let first = panel * LANES;
            lane[..layout.rows_in(panel)].copy_from_slice(&values[first..first + layout.rows_in(panel)]);
            lane
        };
        let mut y = of_rows(&side.near_s);
        let last = layout.cols - 1;
        for at in 0..=last {
            let (tile, col) = (&cells_s[layout.by_block(panel, at / COLUMNS)], at % COLUMNS);
            for lane in 0..LANES {
                y[lane] += tile[lane][col];
            }
            if at == last {
                break;
            }
            let segment_s = side.segment_s[at];
            for lane in 0..LANES {
                let inverse = 1.0 / (y[lane] + segment_s);
                out[at][lane] = inverse;
                y[lane] = segment_s * (y[lane] * inverse);
            }
        }
        let far = of_rows(&side.far_s);
        for lane in 0..LANES {
            let pivot = y[lane] + far[lane];
            out[last][lane] = if pivot > 0.0 { 1.0 / pivot } else { 0.0 };
        }
    }
}

/// Inverse pivots of the bit lines: a row for each block and row.
pub(crate) fn factor_bits(layout: &Layout, side: &Side, cells_s: &[Tile]) -> Vec<Row> {
    let mut inverse = vec![[0.0; COLUMNS]; layout.blocks * layout.rows];
    let chunks = inverse.par_chunks_mut(layout.rows).zip(cells_s.par_chunks(layout.panels)).enumerate();
    chunks.for_each(|(block, (out, tiles))| factor_block(layout, side, tiles, block, out));
    inverse
}

widest! {
    /// Inverse pivots of the bit lines of a block.
    pub(crate) fn factor_block(
        layout: &'k Layout,
        side: &'k Side,
        tiles: &'k [Tile],
        block: usize,
        out: &'k mut [Row],
    ) -> () {
        let of_cols = |values: &[f64]| -> Row {
            let mut row = [0.0; COLUMNS];
            let first = block * COLUMNS;
            row[..layout.cols_in(block)].copy_from_slice(&values[first..first + layout.cols_in(block)]);
            row
        };
        let mut y = of_cols(&side.near_s);
        let last = layout.rows - 1;
        for at in 0..last {
            let (cells, segment_s) = (&tiles[at / LANES][at % LANES], side.segment_s[at]);
            for col in 0..COLUMNS {
                let here = y[col] + cells[col];
                let inverse = 1.0 / (here + segment_s);
                out[at][col] = inverse;
                y[col] = segment_s * (here * inverse);
            }
        }
        let far = of_cols(&side.far_s);
        for col in 0..COLUMNS {
            let pivot = y[col] + tiles[last / LANES][last % LANES][col] + far[col];
            out[last][col] = if pivot > 0.0 { 1.0 / pivot } else { 0.0 };
        }
    }
}

/// Solves the word lines of a panel, in place: a lane for each column.
#[inline(always)]
pub(crate) fn solve_panel(inverse: &[Lane], segment_s: &[f64], values: &mut [Lane]) {
    let last = inverse.len() - 1;
    let values = &mut values[..=last];
    let mut carry = values[0];
    for at in 1..=last {
        let segment_s = segment_s[at - 1];
        for lane in 0..LANES {
            carry[lane] = values[at][lane] + (segment_s * inverse[at - 1][lane]) * carry[lane];
        }
        values[at] = carry;
    }
    for lane in 0..LANES {
        carry[lane] *= inverse[last][lane];
    }
    values[last] = carry;
    for at in (0..last).rev() {
        let segment_s = segment_s[at];
        for lane in 0..LANES {
            carry[lane] = (values[at][lane] + segment_s * carry[lane]) * inverse[at][lane];
        }
        values[at] = carry;
    }
}

/// The way down a block of bit lines: right-hand sides in order of rows, eliminated sums out.
#[inline(always)]
pub(crate) fn eliminate(inverse: &[Row], segment_s: &[f64], at: usize, carry: &mut Row, right: &Row) {
    if at == 0 {
        *carry = *right;
        return;
    }
    let segment_s = segment_s[at - 1];
    for col in 0..COLUMNS {
        carry[col] = right[col] + (segment_s * inverse[at - 1][col]) * carry[col];
    }
}

/// The way up: the solution at row `at` from the eliminated sum there and the solution below.
#[inline(always)]
pub(crate) fn substitute(inverse: &[Row], segment_s: &[f64], at: usize, carry: &mut Row, eliminated: &Row) {
    let below_s = if at + 1 < inverse.len() { segment_s[at] } else { 0.0 };
    for col in 0..COLUMNS {
        carry[col] = (eliminated[col] + below_s * carry[col]) * inverse[at][col];
    }
}
