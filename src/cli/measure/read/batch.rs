//! What is said and drawn of many vectors of inputs.

use ndarray::{Array2, ArrayView2};
use serde_json::json;
use trapline::analysis::Table;
use trapline::experiment::array_read::{self, BatchReading, ErrorStatistics};
use trapline::figure::{Axis, Chart, Curve, Map, Panel, Plate, Style};

use super::super::maps::DRAWN;
use super::report::{NAMED, clipped, errors, number, percent, statistics};
use super::scientific;

/// Errors by the wires of each vector, over the largest ideal current of all.
fn of_vectors(read: &BatchReading) -> Vec<ErrorStatistics> {
    let largest_a = read.errors_of_wires.largest_a;
    let rows = read.ideal_a.outer_iter().zip(read.wired_a.outer_iter());
    rows.map(|(ideal, wired)| {
        let own = ErrorStatistics::of(&ideal.to_vec(), &wired.to_vec());
        let scale = own.largest_a / largest_a;
        // A vector at 0 V passes nothing, and errs by nothing.
        let over_all = |share: f64| if own.largest_a > 0.0 { share * scale } else { 0.0 };
        ErrorStatistics { rms: over_all(own.rms), worst: over_all(own.worst), ..own }
    })
    .collect()
}

/// Vectors, one a row.
pub(super) fn summary(read: &BatchReading) -> Table {
    let mut table =
        Table::new(["vector", "largest ideal (A)", "all ideal (A)", "all by the wires (A)", "rms error", "worst"], 0);
    for (vector, of) in of_vectors(read).into_iter().enumerate().take(NAMED) {
        table.row([
            vector.to_string(),
            scientific(of.largest_a),
            scientific(read.ideal_a.row(vector).sum()),
            scientific(read.wired_a.row(vector).sum()),
            percent(of.rms),
            percent(of.worst),
        ]);
    }
    table
}

/// What the table leaves out.
pub(super) fn remark(read: &BatchReading) -> String {
    let mut lines = Vec::new();
    let vectors = read.ideal_a.nrows();
    if vectors > NAMED {
        lines.push(format!("the first {NAMED} of {vectors} vectors"));
    }
    lines.push(errors(&read.errors_of_wires, &read.errors));
    lines.extend(clipped(read.clipped(), read.read_a.len()));
    let how = if read.weight_s.is_some() { "the array as one matrix" } else { "vector after vector" };
    lines.push(format!(
        "each current is off by {:.1e} A at most; {how}: {} solves, {} iterations",
        read.bound_a, read.solves, read.iterations
    ));
    lines.join("\n")
}

/// A map of the errors, and the worst by vector.
pub(super) fn plate(read: &BatchReading, title: &str) -> Plate {
    let errors = (&read.wired_a - &read.ideal_a) / read.errors_of_wires.largest_a * 100.0;
    let (values, step) = array_read::blocks(&errors, DRAWN);
    let map = Map {
        title: "Error by the wires".to_owned(),
        subtitle: (step > 1).then(|| format!("means of {step} x {step}")),
        x_label: "Bit line".to_owned(),
        y_label: "Vector".to_owned(),
        step: step as u64,
        values,
        value_label: "error (% of the largest)".to_owned(),
        ..Map::default()
    };
    let worst = of_vectors(read).into_iter().enumerate().map(|(vector, of)| (vector as f64, 100.0 * of.worst));
    let chart = Chart {
        title: "Worst error of each vector".to_owned(),
        x: Axis::linear("Vector"),
        y: Axis::linear("Error (% of the largest)"),
        curves: vec![Curve::line("", worst.collect()).styled(Style::LineAndDots)],
        ..Chart::default()
    };
    Plate { title: Some(title.to_owned()), panels: vec![Panel::Map(map), Panel::Chart(chart)], columns: 2 }
}

/// Everything but the cells, by vector.
pub(super) fn as_json(read: &BatchReading, title: &str) -> serde_json::Value {
    let lists = |of: ArrayView2<'_, f64>| -> Vec<Vec<f64>> { of.outer_iter().map(|row| row.to_vec()).collect() };
    let codes = |of: &Array2<u64>| -> Vec<Vec<u64>> { of.outer_iter().map(|row| row.to_vec()).collect() };
    json!({
        "title": title,
        "vectors": read.ideal_a.nrows(),
        "ideal_current_a": lists(read.ideal_a.view()),
        "current_a": lists(read.wired_a.view()),
        "noise_a": lists(read.noise_a.view()),
        "read_current_a": lists(read.read_a.view()),
        "clipped": read.clipped(),
        "code": read.converted.as_ref().map(|(_, all)| codes(all)),
        "errors_of_wires": statistics(&read.errors_of_wires),
        "errors": statistics(&read.errors),
        "bound_a": number(read.bound_a),
        "solves": read.solves,
        "iterations": read.iterations,
    })
}
