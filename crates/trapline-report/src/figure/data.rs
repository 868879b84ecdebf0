//! What a figure shows, as numbers: a table of comma-separated values, and what a page needs to tell them.

use std::fmt::Write;

use ndarray::Array2;
use serde_json::{Value, json};

use super::axis::drawable;
use super::chart::{Chart, Curve, Mark};
use super::heat::Heat;
use super::map::Map;
use super::plate::{Panel, Plate};
use crate::export::{quoted, real};
use trapline_model::text::one_line;

/// Columns of the table.
pub const COLUMNS: &str = "panel,title,curve,x_label,x,y_label,y,low,high,value_label,value";

/// All numbers of a figure: a row for each point of a curve, with the ends of its shade or its bar, for each number that is
/// marked (with its label after `mark:` in the place of a curve's name), and for each field
/// of a map, or of a heat map that has a colour, with its value. Panels count from 1, in the order of reading.
pub(super) fn table(plate: &Plate) -> String {
    let mut text = format!("{COLUMNS}\n");
    let shown = plate.panels.iter().filter(|panel| **panel != Panel::Blank);
    for (number, panel) in (1..).zip(shown) {
        // A panel without a title has that of the page.
        let page = plate.title.as_deref().unwrap_or_default();
        let title = |own: &str| field(if own.is_empty() { page } else { own });
        match panel {
            Panel::Chart(chart) => of_chart(&mut text, number, &title(&chart.title), chart),
            Panel::Map(map) => of_map(&mut text, number, &title(&map.title), map),
            Panel::Blank => {}
        }
    }
    text
}

fn of_chart(text: &mut String, number: usize, title: &str, chart: &Chart) {
    let (x_label, y_label) = (field(&chart.x.label), field(&chart.y.label));
    for (place, curve) in chart.curves.iter().enumerate() {
        let ends = if curve.bars.is_empty() { &curve.spread } else { &curve.bars };
        let (x_is, y_is) = (|x| chart.x.reading.tabled(x), |y| chart.y.reading.tabled(y));
        let name = field(&name(curve, place));
        for (at, &(x, y)) in curve.points.iter().enumerate() {
            let (low, high) = ends.get(at).map_or((f64::NAN, f64::NAN), |&(a, b)| (a.min(b), a.max(b)));
            let [x, y, low, high] = [x_is(x), y_is(y), y_is(low), y_is(high)].map(real);
            let _ = writeln!(text, "{number},{title},{name},{x_label},{x},{y_label},{y},{low},{high},,");
        }
    }
    for mark in &chart.marks {
        let (label, rows) = marked(mark);
        let label = field(format!("mark: {label}").trim_end_matches([':', ' ']));
        for [x, y, low, high] in rows {
            let [x, y, low, high] = [chart.x.reading.tabled(x), chart.y.reading.tabled(y), low, high].map(real);
            let _ = writeln!(text, "{number},{title},{label},{x_label},{x},{y_label},{y},{low},{high},,");
        }
    }
    if let Some(heat) = &chart.heat {
        let value_label = field(&heat.label);
        // What has no colour is not there: most of a histogram over a logarithm.
        let drawn = |value: f64| drawable(value, heat.log);
        for ((row, column), &value) in heat.values.indexed_iter().filter(|(_, value)| drawn(**value)) {
            let x = middle(&heat.x_edges, column, chart.x.log);
            let y = middle(&heat.y_edges, row, chart.y.log);
            let ends = [heat.y_edges.get(row), heat.y_edges.get(row + 1)].map(|end| end.copied().unwrap_or(f64::NAN));
            let [x, y, low, high, value] = [x, y, ends[0], ends[1], value].map(real);
            let _ = writeln!(text, "{number},{title},,{x_label},{x},{y_label},{y},{low},{high},{value_label},{value}");
        }
    }
}

fn of_map(text: &mut String, number: usize, title: &str, map: &Map) {
    let or = |label: &str, else_it_is: &str| field(if label.is_empty() { else_it_is } else { label });
    let value_label = field(&map.value_label);
    let (x_label, y_label) = (or(&map.x_label, "column"), or(&map.y_label, "row"));
    for ((row, column), &value) in map.values.indexed_iter() {
        let (x, y) = (map.number_of(map.first.1, column), map.number_of(map.first.0, row));
        let _ = writeln!(text, "{number},{title},,{x_label},{x},{y_label},{y},,,{value_label},{}", real(value));
    }
}

/// Label of a mark, and its x, y, and the two ends of y; what it has none of is not a number. A span has a row for each end.
fn marked(mark: &Mark) -> (&str, Vec<[f64; 4]>) {
    const NONE: f64 = f64::NAN;
    match mark {
        Mark::Horizontal { at, label } => (label, vec![[NONE, *at, NONE, NONE]]),
        Mark::Vertical { at, label } => (label, vec![[*at, NONE, NONE, NONE]]),
        Mark::Point { x, y, label } => (label, vec![[*x, *y, NONE, NONE]]),
        Mark::Band { low, high, label } => (label, vec![[NONE, NONE, *low, *high]]),
        Mark::Span { low, high, label } => (label, vec![[*low, NONE, NONE, NONE], [*high, NONE, NONE, NONE]]),
    }
}

/// A text as a field: on one line, and without what would act where it is shown, for names come from records.
fn field(text: &str) -> String {
    quoted(&one_line(text))
}

/// A curve without a name is told by its place.
fn name(curve: &Curve, place: usize) -> String {
    let called = curve.called();
    if called.is_empty() { format!("curve {}", place + 1) } else { called.to_owned() }
}

/// The middle of a field, as it is seen on its axis.
fn middle(edges: &[f64], at: usize, log: bool) -> f64 {
    match (edges.get(at), edges.get(at + 1)) {
        (Some(&a), Some(&b)) if log => libm::sqrt(a * b),
        (Some(&a), Some(&b)) => (a + b) / 2.0,
        _ => f64::NAN,
    }
}

/// What a page tells of a panel under the pointer; where it lies is added by who draws it.
pub(super) fn told(chart: &Chart, colours: &[String], x: Value, y: Value) -> Value {
    let curves: Vec<Value> = chart
        .curves
        .iter()
        .zip(colours)
        .map(|(curve, colour)| {
            let ends = if curve.bars.is_empty() { &curve.spread } else { &curve.bars };
            json!({ "label": curve.called(), "colour": colour, "points": short(&curve.points), "ends": short(ends) })
        })
        .collect();
    json!({ "x": x, "y": y, "curves": curves, "heat": chart.heat.as_deref().map(told_heat) })
}

fn told_heat(heat: &Heat) -> Value {
    json!({
        "x": heat.x_edges, "y": heat.y_edges, "label": heat.label, "log": heat.log, "values": rows(&heat.values),
    })
}

/// The same of a map.
pub(super) fn told_map(map: &Map) -> Value {
    json!({ "map": {
        "x": if map.x_label.is_empty() { "column" } else { &map.x_label },
        "y": if map.y_label.is_empty() { "row" } else { &map.y_label },
        "first": [map.first.1, map.first.0], "step": map.step.max(1),
        "label": map.value_label, "values": rows(&map.values),
    } })
}

fn rows(values: &Array2<f64>) -> Vec<Vec<f64>> {
    values.rows().into_iter().map(|row| row.iter().map(|&value| digits(value)).collect()).collect()
}

fn short(points: &[(f64, f64)]) -> Vec<[f64; 2]> {
    points.iter().map(|&(x, y)| [digits(x), digits(y)]).collect()
}

/// As many digits as a reader is told, and some more; what is no number becomes null.
fn digits(value: f64) -> f64 {
    format!("{value:.7e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::Axis;
    use super::*;

    #[test]
    fn every_number_of_a_figure_is_in_its_table() {
        let curve = Curve::line("a, b", vec![(1.0, 2.0), (3.0, f64::NAN)]).shaded(vec![(2.5, 1.5), (0.0, 1.0)]);
        let heat = Heat {
            x_edges: vec![1.0, 100.0],
            y_edges: vec![0.0, 1.0, 3.0],
            values: array![[5.0], [7.0]],
            label: "n".to_owned(),
            ..Heat::default()
        };
        let chart = Chart {
            title: "t".to_owned(),
            x: Axis::log("x (s)"),
            y: Axis::linear("y (1)"),
            curves: vec![curve, Curve::line("", vec![(4.0, 5.0)])],
            heat: Some(Box::new(heat)),
            marks: vec![Mark::Vertical { at: 7.0, label: "end".to_owned() }],
            ..Chart::default()
        };
        let map = Map { values: array![[0.5, f64::NAN]], step: 4, first: (8, 0), ..Map::default() };
        let plate = Plate { panels: vec![Panel::Chart(chart), Panel::Blank, Panel::Map(map)], ..Plate::default() };
        let text = table(&plate);
        let wanted = [
            COLUMNS,
            "1,t,\"a, b\",x (s),1,y (1),2,1.5,2.5,,",
            "1,t,\"a, b\",x (s),3,y (1),,0,1,,",
            "1,t,curve 2,x (s),4,y (1),5,,,,",
            "1,t,mark: end,x (s),7,y (1),,,,,",
            "1,t,,x (s),10,y (1),0.5,0,1,n,5",
            "1,t,,x (s),10,y (1),2,1,3,n,7",
            "2,,,column,0,row,8,,,,0.5",
            "2,,,column,4,row,8,,,,",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), wanted);
        assert!(text.lines().all(|line| line.replace("a, b", "").matches(',').count() == 10));
    }
}
