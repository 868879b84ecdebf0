//! What is said and drawn of a reading.

use serde_json::json;
use trapline::analysis::Table;
use trapline::experiment::array_read::{ArrayReading, Driving, ErrorStatistics, Setup};
use trapline::figure::{Axis, Chart, Curve, Panel, Plate, Style};

use super::super::{maps, scientific};

/// Share of the power that the cells, wires and ends of a solved array may lack before it is told.
const MOST_LEFT_OVER: f64 = 1e-3;

/// Bit lines, or vectors, that a summary names one by one.
pub(super) const NAMED: usize = 8;

/// Maps of voltages and currents, and the error by bit line.
pub(super) fn plate(read: &ArrayReading, title: &str) -> Plate {
    let solution = &read.solution;
    let volts = &solution.word_v - &solution.bit_v;
    let errors: Vec<(f64, f64)> = read
        .columns
        .iter()
        .zip(read.ideal_a.iter().zip(&read.wired_a))
        .map(|(column, (ideal, wired))| (*column as f64, 100.0 * (wired - ideal) / read.errors_of_wires.largest_a))
        .collect();
    let error = Chart {
        title: "Error by the wires".to_owned(),
        x: Axis::linear("Bit line"),
        y: Axis::linear("Error (% of the largest)"),
        curves: vec![Curve::line("", errors).styled(Style::LineAndDots)],
        ..Chart::default()
    };
    let panels = vec![
        maps::of_cells("Voltage across each cell", "voltage (mV)", &volts.mapv(|v| 1e3 * v)),
        maps::of_cells("Current through each cell", "current (nA)", &solution.cell_a.mapv(|a| 1e9 * a)),
        Panel::Chart(error),
    ];
    Plate { title: Some(title.to_owned()), panels, columns: 3 }
}

/// Bit lines, one a row.
pub(super) fn summary(read: &ArrayReading) -> Table {
    let mut table =
        Table::new(["bit line", "ideal (A)", "by the wires (A)", "error", "noise (A)", "as read (A)", "code"], 0);
    for (at, column) in read.columns.iter().enumerate().take(NAMED) {
        let (ideal_a, wired_a) = (read.ideal_a[at], read.wired_a[at]);
        // Of a current within the bound not even the sign is known.
        let bound_a = read.certificate.bound_a;
        let (wired, error) = if wired_a.abs() > bound_a || wired_a == 0.0 {
            (scientific(wired_a), percent((wired_a - ideal_a) / ideal_a))
        } else {
            (format!("below {bound_a:.1e}"), "-".to_owned())
        };
        let code = read.converted.as_ref().map_or("-".to_owned(), |(_, codes)| codes[at].to_string());
        table.row([
            column.to_string(),
            scientific(ideal_a),
            wired,
            error,
            scientific(read.noise_a[at]),
            scientific(read.read_a[at]),
            code,
        ]);
    }
    table
}

/// What the table leaves out.
pub(super) fn remark(read: &ArrayReading, driving: &Driving, setup: &Setup) -> String {
    let mut lines = Vec::new();
    if read.columns.len() > NAMED {
        lines.push(format!("the first {NAMED} of {} bit lines", read.columns.len()));
    }
    lines.push(errors(&read.errors_of_wires, &read.errors));
    lines.extend(clipped(read.clipped(), read.read_a.len()));
    if let Some(margin) = &read.margin {
        lines.push(format!(
            "read margin of the selected cell, {}: {}, alone {}",
            margin.between.in_words(),
            percent(margin.margin),
            percent(margin.ideal_margin)
        ));
    }
    if driving.selects() && read.one_state {
        lines.push("no read margin: all cells of the array are in one state".to_owned());
    } else if driving.selects() && read.margin.is_none() {
        lines.push("the bound of the currents does not tell the selected cell's states apart".to_owned());
    }
    let power = &read.power;
    let cells = read.solution.cell_a.len() as f64;
    let energy_j = power.total_w * setup.integration_s;
    lines.push(format!(
        "energy of a reading of {} s: {energy_j:.3e} J, {:.3e} J a cell; in cells {}, wires {}, sources and amplifiers {}",
        setup.integration_s,
        energy_j / cells,
        percent(power.cells_w / power.total_w),
        percent(power.wires_w / power.total_w),
        percent(power.ends_w / power.total_w)
    ));
    let left_over = power.left_over_w() / power.total_w;
    if left_over.abs() > MOST_LEFT_OVER {
        lines.push(format!(
            "these shares are known to {} only: what currents are off counts by its square in large resistances; a smaller --accuracy helps",
            percent(left_over.abs())
        ));
    }
    if read.fell_back(driving, setup) {
        lines.push(format!(
            "the sensed current could not be known to {:e} of itself: the bound is {}",
            setup.accuracy,
            read.accuracy_in_words()
        ));
    }
    let (certificate, method) = (&read.certificate, &read.solution.currents.method);
    lines.push(format!(
        "all currents together are off by {:.1e} A at most, {:.1e} of what flows; iterations: {}",
        certificate.bound_a,
        certificate.relative(),
        method.iterations
    ));
    lines.join("\n")
}

/// What wires, noise and converters do.
pub(super) fn errors(wires: &ErrorStatistics, all: &ErrorStatistics) -> String {
    format!(
        "errors over the largest ideal current: by wires and sneak paths {} rms, {} at worst; with noise and converter {} rms, {:.2} \
         effective bits",
        percent(wires.rms),
        percent(wires.worst),
        percent(all.rms),
        all.effective_bits
    )
}

/// How many of the readings a converter cannot show, if any.
pub(super) fn clipped(clipped: usize, all: usize) -> Option<String> {
    (clipped > 0).then(|| format!("{clipped} of {all} readings lie beyond the converter's range (--adc-range)"))
}

/// A share in per cent, to three digits.
pub(super) fn percent(share: f64) -> String {
    // Without the sign of a 0.
    let percent = 100.0 * share + 0.0;
    if !percent.is_finite() {
        return "-".to_owned();
    }
    if percent == 0.0 || (0.1..1e5).contains(&percent.abs()) {
        format!("{percent:.3} %")
    } else {
        format!("{percent:.2e} %")
    }
}

/// Everything but the cells.
pub(super) fn as_json(read: &ArrayReading, title: &str) -> serde_json::Value {
    let certificate = &read.certificate;
    json!({
        "title": title,
        "bit_lines": read.columns,
        "ideal_current_a": read.ideal_a,
        "current_a": read.wired_a,
        "noise_a": read.noise_a,
        "read_current_a": read.read_a,
        "clipped": read.clipped(),
        "code": read.converted.as_ref().map(|(_, codes)| codes),
        "errors_of_wires": statistics(&read.errors_of_wires),
        "errors": statistics(&read.errors),
        "margin": read.margin.map(|m| json!({ "between": m.between.in_words(), "on_a": number(m.on_a), "off_a": number(m.off_a),
                                              "margin": number(m.margin), "ideal_margin": number(m.ideal_margin) })),
        "power_w": { "total": number(read.power.total_w), "cells": number(read.power.cells_w),
                     "wires": number(read.power.wires_w), "ends": number(read.power.ends_w),
                     "left_over": number(read.power.left_over_w()) },
        "accuracy": read.accuracy_in_words(),
        "certificate": { "bound_a": number(certificate.bound_a), "residual_a": number(certificate.residual_a),
                         "rounding_floor_a": number(certificate.floor_a), "total_a": number(certificate.total_a),
                         "conservation_a": number(certificate.conservation_a),
                         "ends_against_cells_a": number(certificate.two_ways_a) },
        "iterations": read.solution.currents.method.iterations,
    })
}

/// JSON has no other numbers.
pub(super) fn number(value: f64) -> serde_json::Value {
    if value.is_finite() { json!(value) } else { serde_json::Value::Null }
}

pub(super) fn statistics(of: &ErrorStatistics) -> serde_json::Value {
    json!({ "largest_a": number(of.largest_a), "rms": number(of.rms), "worst": number(of.worst),
            "effective_bits": number(of.effective_bits) })
}
