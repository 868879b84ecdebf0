//! Figures of the letter.

use super::super::measure::Raw;
use super::super::measure::learning::scheme_of_the_letter;
use crate::experiment::letter::Scheme;
use ndarray::Array2;
use trapline_model::dataset::DatasetError;
use trapline_report::figure::{Map, Panel, Plate};

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

/// The passive scheme that the claim is judged by, at both temperatures; and a switch at every cell beside it.
pub fn fig_4e(raw: &Raw) -> Drawn {
    let passive = scheme_of_the_letter(raw)?;
    let mut found = Vec::new();
    for (scheme, celsius, row) in
        [(passive, 100, "4f: 100 °C"), (passive, 25, "4h: 25 °C"), (Scheme::Isolated, 100, "isolated")]
    {
        let group = format!("letter/qd_{celsius}c_{}", scheme.name());
        for (pulses, map) in maps(raw, &group, "conductance_s", "stage")? {
            found.push((format!("{row}, {pulses} pulses"), map));
        }
    }
    let title = format!("Figure 4e to 4h: the letter H; {}; below, isolated at 100 °C", passive.what());
    Ok(Plate { title: Some(title), panels: panels(found), columns: 4 })
}

pub fn fig_s11(raw: &Raw) -> Drawn {
    let scheme = scheme_of_the_letter(raw)?;
    let group = |celsius: u32| format!("letter/qd_{celsius}c_{}", scheme.name());
    let mut found = Vec::new();
    for (seconds, map) in maps(raw, &group(100), "kept_conductance_s", "time")? {
        found.push((format!("S11: 100 °C, {seconds} s later"), map));
    }
    found.truncate(3);
    for (pulses, map) in maps(raw, &group(150), "conductance_s", "stage")?.into_iter().skip(1) {
        found.push((format!("S13: 150 °C, {pulses} pulses"), map));
    }
    Ok(Plate {
        title: Some(format!("Figures S11 and S13: kept at 100 °C, learnt at 150 °C; {}", scheme.what())),
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
    Ok(Plate {
        title: Some(format!("Figure S14: nanosheets at 100 °C; {}", Scheme::Half.what())),
        panels: panels(found),
        columns: 4,
    })
}
