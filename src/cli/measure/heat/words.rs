//! What is told of an array that its own power warms: a table, remarks, and all of it as JSON.

use ndarray::Array2;
use serde_json::json;
use trapline::analysis::Table;
use trapline::experiment::heat::Heated;
use trapline::heat::Layer;
use trapline::units::{celsius, spoken_reading};

use super::super::scientific;

/// A unit in which a difference of temperature has few digits, and how many of them a kelvin has.
pub(super) fn unit(kelvin: f64) -> (&'static str, f64) {
    const UNITS: [(f64, &str, f64); 4] = [(1.0, "K", 1.0), (1e-3, "mK", 1e3), (1e-6, "µK", 1e6), (0.0, "nK", 1e9)];
    let found = UNITS.into_iter().find(|(least, ..)| kelvin >= *least || kelvin == 0.0);
    found.map_or(("K", 1.0), |(_, name, per)| (name, per))
}

/// A difference of temperature in words.
fn degrees_of(kelvin: f64) -> String {
    let (name, per) = unit(kelvin.abs());
    format!("{:.4} {name}", kelvin * per)
}

pub(super) fn summary(heated: &Heated) -> Table {
    let mut table = Table::new(["", "warmest cell", "mean of all cells"], 1);
    let (temperature_k, at) = (heated.temperature_k(), heated.warmest());
    let mean = |map: &Array2<f64>| map.mean().unwrap_or(f64::NAN);
    let mut rise = |name: String, most: f64, mean: f64| table.row([name, degrees_of(most), degrees_of(mean)]);
    for (seconds, map) in heated.setup.times_s.iter().zip(heated.rise_after_k.outer_iter()) {
        rise(format!("rise after {}", spoken_reading(*seconds)), map[at], map.mean().unwrap_or(f64::NAN));
    }
    rise("rise, settled".to_owned(), heated.rise_k[at], mean(&heated.rise_k));
    let shown = |kelvin: f64| format!("{:.4} °C", celsius(kelvin));
    table.row(["temperature, settled".to_owned(), shown(temperature_k[at]), shown(mean(&temperature_k))]);
    table
}

pub(super) fn remark(heated: &Heated) -> String {
    let (row, col) = heated.warmest();
    let mut lines =
        vec![format!("{} W in all; the warmest cell is at row {row}, column {col}", scientific(heated.total_w()))];
    let one = heated.power_for_one_kelvin_w();
    if one.is_finite() {
        lines.push(format!("1 K where it is warmed most takes {} W a powered cell, in this pattern", scientific(one)));
    }
    if let Some(seconds) = heated.time_constant_s {
        lines.push(format!("slowest time constant, of the array as a whole: {} s", scientific(seconds)));
    }
    if heated.setup.chip.margin == 0 {
        lines.push(
            "no heat passes the array's edges: it is one of many side by side (--margin puts a chip around it)"
                .to_owned(),
        );
    }
    lines.join("\n")
}

pub(super) fn as_json(heated: &Heated, title: &str) -> serde_json::Value {
    let number = |value: f64| if value.is_finite() { json!(value) } else { serde_json::Value::Null };
    let (temperature_k, (row, col)) = (heated.temperature_k(), heated.warmest());
    let layer = |of: Layer, knows_capacity: bool| {
        json!({ "thickness_m": of.thickness_m, "conductivity_w_per_m_k": of.conductivity_w_per_m_k,
                "capacity_j_per_m3_k": knows_capacity.then_some(of.capacity_j_per_m3_k) })
    };
    let chip = &heated.setup.chip;
    let after = |of: &dyn Fn(ndarray::ArrayView2<'_, f64>) -> f64| {
        heated.rise_after_k.outer_iter().map(of).collect::<Vec<f64>>()
    };
    json!({
        "title": title,
        "warmest": { "row": row, "column": col, "temperature_k": temperature_k[[row, col]], "rise_k": heated.rise_k[[row, col]] },
        "mean_rise_k": heated.rise_k.mean().map(number),
        "mean_temperature_k": temperature_k.mean().map(number),
        "power_w": heated.total_w(),
        "power_of_a_cell_for_1_k_w": number(heated.power_for_one_kelvin_w()),
        "times_s": heated.setup.times_s,
        "warmest_rise_after_k": after(&|map| map[[row, col]]),
        "mean_rise_after_k": after(&|map| map.mean().unwrap_or(f64::NAN)),
        "time_constant_s": heated.time_constant_s,
        "substrate": layer(chip.substrate, heated.setup.knows_capacity),
        "sheet": layer(chip.sheet, true),
        "air_w_per_m2_k": chip.air_w_per_m2_k,
        "pitch_m": chip.pitch_m,
        "margin": chip.margin,
    })
}
