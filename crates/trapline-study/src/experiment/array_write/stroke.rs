//! Which lines are selected together.

use super::WriteError;
use crate::experiment::array_read::Scheme;
use ndarray::Array2;

/// In which order the cells of a pattern are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    CellByCell,
    /// All cells of a row at once.
    RowByRow,
    AllAtOnce,
}

impl Order {
    /// As records and options name it.
    pub fn name(self) -> &'static str {
        match self {
            Order::CellByCell => "cells",
            Order::RowByRow => "rows",
            Order::AllAtOnce => "all",
        }
    }
}

/// Lines that are selected together, and the cells that are written by it: where both lines are selected, or with a
/// switch at every cell those that are switched on.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    pub rows: Vec<usize>,
    pub cols: Vec<usize>,
    /// Row by row.
    pub cells: Vec<(usize, usize)>,
}

impl Stroke {
    fn of(cells: Vec<(usize, usize)>) -> Stroke {
        let distinct = |lines: Vec<usize>| {
            let mut lines = lines;
            lines.sort_unstable();
            lines.dedup();
            lines
        };
        let rows = distinct(cells.iter().map(|(row, _)| *row).collect());
        let cols = distinct(cells.iter().map(|(_, col)| *col).collect());
        Stroke { rows, cols, cells }
    }

    /// Every cell where both lines are selected, which is more than asked for where the pattern is no product.
    fn is_product(&self) -> bool {
        self.cells.len() == self.rows.len() * self.cols.len()
    }
}

/// The strokes that write every cell of an array once, rows by columns, each made when its turn comes.
pub fn every_stroke((rows, cols): (usize, usize), order: Order) -> impl Iterator<Item = Stroke> {
    let lines = |count: usize| (0..count).collect::<Vec<usize>>();
    let count = match order {
        Order::CellByCell => rows * cols,
        Order::RowByRow => rows,
        Order::AllAtOnce => 1,
    };
    (0..count).map(move |number| {
        let (rows, cols) = match order {
            Order::CellByCell => (vec![number / cols], vec![number % cols]),
            Order::RowByRow => (vec![number], lines(cols)),
            Order::AllAtOnce => (lines(rows), lines(cols)),
        };
        let cells = rows.iter().flat_map(|row| cols.iter().map(|col| (*row, *col))).collect();
        Stroke { rows, cols, cells }
    })
}

/// The strokes that write a pattern once.
///
/// # Errors
/// [`WriteError::Nothing`], [`WriteError::NoProduct`].
pub fn strokes(written: &Array2<bool>, order: Order, scheme: &Scheme) -> Result<Vec<Stroke>, WriteError> {
    let cells: Vec<(usize, usize)> = written.indexed_iter().filter(|(_, w)| **w).map(|(at, _)| at).collect();
    if cells.is_empty() {
        return Err(WriteError::Nothing);
    }
    let strokes: Vec<Stroke> = match order {
        Order::CellByCell => cells.into_iter().map(|cell| Stroke::of(vec![cell])).collect(),
        Order::RowByRow => cells.chunk_by(|a, b| a.0 == b.0).map(|row| Stroke::of(row.to_vec())).collect(),
        Order::AllAtOnce => vec![Stroke::of(cells)],
    };
    if *scheme != Scheme::Isolated
        && let Some(stroke) = strokes.iter().find(|stroke| !stroke.is_product())
    {
        let mut crossings = stroke.rows.iter().flat_map(|row| stroke.cols.iter().map(|col| (*row, *col)));
        if let Some((row, col)) = crossings.find(|at| !written[*at]) {
            return Err(WriteError::NoProduct { row, col });
        }
    }
    Ok(strokes)
}
