//! The picture of an array that its own power warms: maps of its cells, lines through the warmest, and its course in
//! time.

use trapline::experiment::heat::Heated;
use trapline::figure::{Axis, Chart, Curve, Panel, Plate, Style};
use trapline::units::celsius;

use super::super::maps;
use super::words::unit;

pub(super) fn plate(heated: &Heated, title: &str) -> Plate {
    let (row, col) = heated.warmest();
    let most_k = heated.rise_k.iter().fold(0.0, |most: f64, kelvin| most.max(*kelvin));
    let (name, per) = unit(most_k);
    // Where all cells are alike, rounding is no pattern.
    let alike = most_k > 0.0 && heated.rise_k.iter().all(|k| most_k - k <= 1e-6 * most_k);
    let map = maps::of_cells_within;
    let range = alike.then_some((0.0, most_k * per));
    let rise = heated.rise_k.mapv(|k| k * per);
    let temperature_c = heated.temperature_k().mapv(celsius);
    // Without power there is nothing but the map of the surroundings.
    let powered = heated.total_w() > 0.0;
    let mut panels = Vec::new();
    if powered {
        panels.push(map("Rise by the array's own power", format!("rise ({name})"), range, &rise));
    }
    let first_k = heated.setup.ambient_k[[0, 0]];
    if !powered || heated.setup.ambient_k.iter().any(|kelvin| *kelvin != first_k) {
        panels.push(map("Temperature", "temperature (°C)".to_owned(), None, &temperature_c));
    }
    let pitch_um = 1e6 * heated.setup.chip.pitch_m;
    let profile = |line: ndarray::ArrayView1<'_, f64>, at: usize| {
        line.iter().enumerate().map(|(i, value)| ((i as f64 - at as f64) * pitch_um, *value)).collect::<Vec<_>>()
    };
    let (shown, axis) = match powered {
        true => (
            &rise,
            Axis { range: alike.then_some((0.0, 1.2 * most_k * per)), ..Axis::linear(format!("Rise ({name})")) },
        ),
        false => (&temperature_c, Axis::linear("Temperature (°C)")),
    };
    panels.push(Panel::Chart(Chart {
        title: "Through the warmest cell".to_owned(),
        x: Axis::linear("Distance from it (µm)"),
        y: axis,
        curves: vec![
            Curve::line("along its word line", profile(shown.row(row), col)),
            Curve::line("along its bit line", profile(shown.column(col), row)).styled(Style::Dashed),
        ],
        ..Chart::default()
    }));
    let times_s = &heated.setup.times_s;
    if powered && times_s.len() > 1 {
        let mut points: Vec<(f64, f64)> =
            times_s.iter().zip(heated.rise_after_k.outer_iter()).map(|(s, map)| (*s, map[[row, col]] * per)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        panels.push(Panel::Chart(Chart {
            title: "The warmest cell in time".to_owned(),
            x: Axis::time("Time after the power is on (s)"),
            y: Axis::linear(format!("Rise ({name})")),
            curves: vec![Curve::line("", points).styled(Style::LineAndDots)],
            ..Chart::default()
        }));
    }
    let columns = if panels.len() == 3 { 3 } else { 2 };
    Plate { title: Some(title.to_owned()), panels, columns }
}
