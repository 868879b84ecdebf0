//! What is said and drawn of a written array.

use ndarray::Array2;
use serde_json::json;
use trapline::analysis::Table;
use trapline::experiment::array_write::{DISTURBED, Ended, Endured, Levels, Outcome, Writer};
use trapline::figure::{Axis, Chart, Curve, Panel, Plate, Style};

use super::super::{maps, scientific};
use super::endurance;

pub(super) fn plate(writer: &Writer<'_>, outcome: &Outcome, levels: Option<&Levels>, title: &str) -> Plate {
    let change = 100.0 * (&outcome.conductance_s / &outcome.fresh_s - 1.0);
    let mut panels = vec![
        maps::of_cells("Filling of the traps", "filling (%)", &outcome.filling.mapv(|f| 100.0 * f)),
        maps::of_cells("Change of the conductance", "change (%)", &change),
        maps::of_cells("Strongest bias by others", "bias (V)", &writer.others_v()),
    ];
    if let Some(levels) = levels {
        let points = levels.target_s.iter().zip(&levels.conductance_s).filter(|(target, _)| **target > 0.0);
        let points: Vec<(f64, f64)> = points.map(|(target, value)| (1e12 * target, 1e12 * value)).collect();
        let (least, most) = points.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), (t, _)| (l.min(*t), m.max(*t)));
        panels[2] = Panel::Chart(Chart {
            title: "Levels".to_owned(),
            x: Axis::linear("Asked for (pS)"),
            y: Axis::linear("After all rounds (pS)"),
            curves: vec![
                Curve::line("as asked", vec![(least, least), (most, most)]),
                Curve::line("cells", points).styled(Style::Dots),
            ],
            ..Chart::default()
        });
    }
    Plate { title: Some(title.to_owned()), panels, columns: 3 }
}

pub(super) fn summary(writer: &Writer<'_>, outcome: &Outcome) -> Table {
    let mut table = Table::new(
        [
            "cells",
            "number",
            "filling: mean",
            "least",
            "most",
            "conductance (S): mean",
            "least",
            "most",
            "strongest bias (V)",
        ],
        1,
    );
    let (own_v, others_v) = (writer.own_v(), writer.others_v());
    for (name, inside) in [("written", true), ("others", false)] {
        let of = |values: &Array2<f64>| -> Vec<f64> {
            values.iter().zip(&outcome.written).filter(|(_, own)| **own == inside).map(|(value, _)| *value).collect()
        };
        let (filling, conductance_s) = (of(&outcome.filling), of(&outcome.conductance_s));
        if filling.is_empty() {
            continue;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let bias = of(if inside { &own_v } else { &others_v });
        let strongest = bias.iter().fold(0.0, |most: f64, v| if v.abs() > most.abs() { *v } else { most });
        table.row([
            name.to_owned(),
            filling.len().to_string(),
            scientific(mean(&filling)),
            scientific(least(&filling)),
            scientific(most(&filling)),
            scientific(mean(&conductance_s)),
            scientific(least(&conductance_s)),
            scientific(most(&conductance_s)),
            format!("{strongest:.4}"),
        ]);
    }
    table
}

pub(super) fn remark(writer: &Writer<'_>, outcome: &Outcome, levels: Option<&Levels>) -> String {
    let mut lines = Vec::new();
    if let Some(levels) = levels {
        let pulses: u64 = levels.pulses.iter().sum();
        let asked = levels.ended.len() - levels.count(Ended::Left);
        lines.push(format!(
            "levels: {} of {asked} cells in their bands ({:.1} %), {} beyond, {} below, {} not reached; {} rounds, up to {} V, {:.1} \
             pulses a cell",
            levels.count(Ended::InBand),
            100.0 * levels.yielded(),
            levels.count(Ended::Beyond),
            levels.count(Ended::Below),
            levels.count(Ended::NotReached),
            levels.rounds,
            levels.most_v,
            pulses as f64 / asked as f64
        ));
    }
    let disturbed = outcome.disturbed.iter().filter(|flag| **flag).count();
    let others = outcome.written.iter().filter(|own| !**own).count();
    if others > 0 {
        lines.push(format!(
            "{disturbed} of {others} other cells are disturbed: moved by more than {} % of what writing moves a cell by; the worst by \
             {:.1} %",
            100.0 * DISTURBED,
            100.0 * outcome.worst_disturb
        ));
    }
    if let (Some(margin), None) = (outcome.margin, levels) {
        lines.push(format!(
            "margin: the lowest written conductance less the highest of the others is {:.1} % of that window",
            100.0 * margin
        ));
    }
    let (steps, energy) = (writer.steps(), writer.energy());
    if steps.solves == 0 {
        lines.push(format!("energy: {:.3e} J in the cells", energy.cells_j));
    } else {
        let all_j = energy.cells_j + energy.wires_j + energy.ends_j;
        lines.push(format!(
            "energy: {all_j:.3e} J, of which cells {:.1} %, wires {:.2e} %, sources {:.2e} %",
            100.0 * energy.cells_j / all_j,
            100.0 * energy.wires_j / all_j,
            100.0 * energy.ends_j / all_j
        ));
        let error = match steps.worst_error {
            0.0 => "no error of a step that rounding (and whole electrons, where they are counted) would not hide"
                .to_owned(),
            error => format!("largest error of a step {error:.1e}"),
        };
        lines.push(format!(
            "steps in time: {}, {} found too long; {error}; {} solutions of the network, all currents of each within {:.1e} of what flows",
            steps.taken, steps.refused, steps.solves, steps.worst_bound
        ));
    }
    lines.push("conductances are of each cell alone, without noise".to_owned());
    lines.join("\n")
}

pub(super) fn as_json(
    writer: &Writer<'_>,
    outcome: &Outcome,
    levels: Option<&Levels>,
    endured: Option<&Endured>,
    title: &str,
) -> serde_json::Value {
    let number = |value: f64| if value.is_finite() { json!(value) } else { serde_json::Value::Null };
    let (steps, energy) = (writer.steps(), writer.energy());
    // Lines without resistance have no network whose solutions could err.
    let of_network = |value: f64| if steps.solves > 0 { json!(value) } else { serde_json::Value::Null };
    json!({
        "title": title,
        "written": outcome.written.iter().filter(|own| **own).count(),
        "disturbed": outcome.disturbed.iter().filter(|flag| **flag).count(),
        "worst_disturb": number(outcome.worst_disturb),
        "window_s": number(outcome.window_s),
        "margin": outcome.margin.map(number),
        "levels": levels.map(|levels| json!({
            "in_band": levels.count(Ended::InBand), "beyond": levels.count(Ended::Beyond),
            "below": levels.count(Ended::Below), "not_reached": levels.count(Ended::NotReached),
            "yield": number(levels.yielded()), "rounds": levels.rounds, "last_amplitude_v": levels.last_v, "largest_amplitude_v": levels.most_v,
            "pulses": levels.pulses.iter().sum::<u64>(),
        })),
        "endurance": endured.map(endurance::as_json),
        "energy_j": { "cells": energy.cells_j, "wires": energy.wires_j, "ends": energy.ends_j },
        "steps": { "taken": steps.taken, "refused": steps.refused, "solves": steps.solves, "iterations": steps.iterations,
                   "worst_error": of_network(steps.worst_error), "worst_bound": of_network(steps.worst_bound),
                   "worst_conservation": of_network(steps.worst_conservation) },
    })
}
