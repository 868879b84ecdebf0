//! Maps of the cells of an array.

use ndarray::Array2;
use trapline::experiment::array_read;
use trapline::figure::{Map, Panel};

/// Rows and columns of a map; larger arrays are drawn as means of blocks.
pub(super) const DRAWN: usize = 64;

/// A number of each cell, word lines from top to bottom.
pub(super) fn of_cells(title: &str, label: &str, values: &Array2<f64>) -> Panel {
    of_cells_within(title, label.to_owned(), None, values)
}

/// The same with the ends of its colour scale.
pub(super) fn of_cells_within(title: &str, label: String, range: Option<(f64, f64)>, values: &Array2<f64>) -> Panel {
    let (values, step) = array_read::blocks(values, DRAWN);
    Panel::Map(Map {
        title: title.to_owned(),
        subtitle: (step > 1).then(|| format!("means of {step} x {step} cells")),
        x_label: "Bit line".to_owned(),
        y_label: "Word line".to_owned(),
        step: step as u64,
        values,
        value_label: label,
        range,
        ..Map::default()
    })
}
