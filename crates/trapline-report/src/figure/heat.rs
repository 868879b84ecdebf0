//! Colours over the two axes of a chart: how much lies where.

use ndarray::Array2;
use plotters::backend::DrawingBackend;
use plotters::style::Color;

use super::axis::Placed;
use super::bar::{Bar, Colours};
use super::canvas::Page;
use super::frame::Frame;

/// A colour for each field of a grid, in the units of the axes of its chart.
///
/// What is not finite (or not positive, on a logarithmic scale) is left white.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Heat {
    /// Rising; one more than there are columns.
    pub x_edges: Vec<f64>,
    /// Rising; one more than there are rows.
    pub y_edges: Vec<f64>,
    /// Axes (row, column), the first row at the first of `y_edges`.
    pub values: Array2<f64>,
    /// With the unit in brackets: `share of the cells (1)`.
    pub label: String,
    /// Numbers at the ends of the colours; from the values where there is none. Neighbours in a row of a plate that
    /// give the same one share a bar.
    pub range: Option<(f64, f64)>,
    pub log: bool,
}

impl Heat {
    fn colours(&self) -> Colours {
        Colours::new(self.values.iter().copied(), self.range, self.log)
    }

    pub(super) fn bar(&self, height: f64) -> Bar {
        self.colours().bar(&self.label, height)
    }

    /// For each column a line through its fields that have a colour: what labels had better leave free.
    pub(super) fn spines(&self, (x, y): (&Placed, &Placed)) -> Vec<Vec<(f64, f64)>> {
        let colours = self.colours();
        let spine = |column: usize| {
            let filled = |row: &usize| colours.of(self.values[[*row, column]]).is_some();
            let (low, high) = ((0..self.values.nrows()).find(filled)?, (0..self.values.nrows()).rfind(filled)?);
            let at = x.place(*self.x_edges.get(column)?)?;
            let (from, to) = (y.place(*self.y_edges.get(low)?)?, y.place(*self.y_edges.get(high + 1)?)?);
            Some(vec![(at, from), (at, to)])
        };
        (0..self.values.ncols()).filter_map(spine).collect()
    }

    /// Draws the fields that lie in the frame, and says whether there are any.
    pub(super) fn draw<DB: DrawingBackend>(
        &self,
        page: &Page<'_, DB>,
        frame: &Frame,
        (x, y): (&Placed, &Placed),
    ) -> Result<bool, String> {
        let colours = self.colours();
        let (rows, columns) = self.values.dim();
        let mut drawn = false;
        for column in 0..columns {
            let edges = self.x_edges.get(column).zip(self.x_edges.get(column + 1));
            let Some((left, right)) = edges.and_then(|(&a, &b)| x.place(a).zip(x.place(b))) else {
                continue;
            };
            // Fields of one colour above one another are drawn as one.
            let mut from = 0;
            for row in 1..=rows {
                let colour = |row: usize| colours.of(self.values[[row, column]]);
                if row < rows && colour(row) == colour(from) {
                    continue;
                }
                let edges = self.y_edges.get(from).zip(self.y_edges.get(row));
                let ends = edges.and_then(|(&a, &b)| y.place(a).zip(y.place(b)));
                if let (Some(colour), Some((bottom, top))) = (colour(from), ends) {
                    drawn |= block(page, frame, (left, right), (bottom, top), colour.to_rgba())?;
                }
                from = row;
            }
        }
        Ok(drawn)
    }
}

/// The part of a field that lies in the frame.
fn block<DB: DrawingBackend>(
    page: &Page<'_, DB>,
    frame: &Frame,
    (left, right): (f64, f64),
    (bottom, top): (f64, f64),
    colour: plotters::style::RGBAColor,
) -> Result<bool, String> {
    // It reaches under the next above and to its right, or a reader's smoothing would leave a light seam.
    let (left, right) = (left.max(frame.left), (right + 0.3).min(frame.right));
    let (top, bottom) = ((top - 0.3).max(frame.top), bottom.min(frame.bottom));
    if left >= right || top >= bottom {
        return Ok(false);
    }
    page.block((left, top), (right, bottom), colour)?;
    Ok(true)
}
