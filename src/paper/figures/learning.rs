//! Figures of the letter.

use super::super::measure::Raw;
use crate::dataset::DatasetError;
use crate::figure::{Map, Panel, Plate};
use ndarray::Array2;

type Drawn = Result<Plate, DatasetError>;

/// The first seed's array at places of an axis (stage or time), in picosiemens: labels and maps.
fn maps(raw: &Raw, group: &str, variable: &str, axis: &str) -> Result<Vec<(f64, Array2<f64>)>, DatasetError> {
    let (g, places) = (raw.numbers(group, variable)?, raw.numbers(group, axis)?);
    let (rows, cols) = (g.shape()[2], g.shape()[3]);
    let map = |at: usize| Array2::from_shape_fn((rows, cols), |(r, c)| g[[0, at, r, c]] * 1e12);
    Ok(places.iter().enumerate().map(|(i, place)| (*place, map(i))).collect())
}

/// Panels of one colour scale.
fn panels(found: Vec<(String, Array2<f64>)>) -> Vec<Panel> {
    let all = || found.iter().flat_map(|(_, map)| map.iter().copied());
    let range = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let panel = |(title, values): &(String, Array2<f64>)| {
        Panel::Map(Map {
            title: title.clone(),
            values: values.clone(),
            value_label: "Conductance at 0.1 V (pS)".to_owned(),
            range: Some(range),
            ..Map::default()
        })
    };
    found.iter().map(panel).collect()
}

pub fn fig_4e(raw: &Raw) -> Drawn {
    let mut found = Vec::new();
    for (celsius, figure) in [(100, "4f"), (25, "4h")] {
        for (pulses, map) in maps(raw, &format!("letter/qd_{celsius}c"), "conductance_s", "stage")? {
            found.push((format!("{figure}: {celsius} °C, {pulses} pulses"), map));
        }
    }
    Ok(Plate { title: Some("Figure 4e to 4h: learning the letter H".to_owned()), panels: panels(found), columns: 4 })
}

pub fn fig_s11(raw: &Raw) -> Drawn {
    let mut found = Vec::new();
    for (seconds, map) in maps(raw, "letter/qd_100c", "kept_conductance_s", "time")? {
        found.push((format!("S11: 100 °C, {seconds} s later"), map));
    }
    found.truncate(3);
    for (pulses, map) in maps(raw, "letter/qd_150c", "conductance_s", "stage")?.into_iter().skip(1) {
        found.push((format!("S13: 150 °C, {pulses} pulses"), map));
    }
    Ok(Plate {
        title: Some("Figures S11 and S13: kept at 100 °C, learnt at 150 °C".to_owned()),
        panels: panels(found),
        columns: 3,
    })
}

pub fn fig_s14(raw: &Raw) -> Drawn {
    let mut found = Vec::new();
    for (pulses, map) in maps(raw, "letter/ns_100c", "conductance_s", "stage")? {
        found.push((format!("{pulses} pulses"), map));
    }
    for (seconds, map) in maps(raw, "letter/ns_100c", "kept_conductance_s", "time")? {
        found.push((format!("{seconds} s later"), map));
    }
    Ok(Plate { title: Some("Figure S14: nanosheets at 100 °C".to_owned()), panels: panels(found), columns: 4 })
}
