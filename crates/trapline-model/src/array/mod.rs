//! The array: its shape, which cells of it are meant, and how they differ.
//!
//! Cells are numbered row by row from 0; a cell's number is 64 bits wide and
//! is all that its draws depend on, beside the seed.

mod variation;
pub mod wire;

pub use variation::{capture_speed, factors};

use crate::outcome::CellWindow;

/// Most rows and most columns an array can have.
pub const MAX_LINES: u64 = 1 << 20;

/// Rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayShape {
    pub rows: u64,
    pub cols: u64,
}

impl ArrayShape {
    /// Number of cells.
    pub fn cells(&self) -> u64 {
        self.rows * self.cols
    }
}

/// Cells of an array, in an order: cell `i` is `first + (i / width) * stride + i % width`.
///
/// A run of consecutive cells has one row as wide as itself; a rectangle has the window's width and the array's
/// columns as stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellSet {
    pub first: u64,
    pub width: u64,
    pub stride: u64,
    pub count: u64,
}

impl CellSet {
    /// Consecutive cells.
    pub fn run(first: u64, count: u64) -> CellSet {
        CellSet { first, width: count.max(1), stride: count, count }
    }

    /// The cells of a window, row by row.
    pub fn window(shape: ArrayShape, window: &CellWindow) -> CellSet {
        CellSet {
            first: window.first_row * shape.cols + window.first_col,
            width: window.cols.max(1),
            stride: shape.cols,
            count: window.rows * window.cols,
        }
    }

    /// Number of the `i`-th cell.
    #[inline(always)]
    pub fn number(&self, i: u64) -> u64 {
        self.first + (i / self.width) * self.stride + i % self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_numbered_row_by_row() {
        let shape = ArrayShape { rows: 4, cols: 10 };
        let set = CellSet::window(shape, &CellWindow { first_row: 1, first_col: 3, rows: 2, cols: 3 });
        let numbers: Vec<_> = (0..set.count).map(|i| set.number(i)).collect();
        assert_eq!(numbers, [13, 14, 15, 23, 24, 25]);
        assert_eq!(CellSet::run(7, 3).number(2), 9);
    }
}
