//! Figures of conductance over pulses and cycles.

use super::super::measure::Raw;
use super::super::measure::pulses::STATES;
use super::chart;
use trapline_model::dataset::DatasetError;
use trapline_report::figure::{Axis, Chart, Colour, Curve, Mark, Plate, Style};

type Drawn = Result<Plate, DatasetError>;

const PICO: f64 = 1e12;

fn conductance() -> Axis {
    Axis::linear("Conductance at 0.1 V (pS)")
}

/// The first 20 cycles in a row.
pub fn fig_2f(raw: &Raw) -> Drawn {
    let g = raw.numbers("pulse/cycles_25c", "conductance_s")?;
    let (cycles, states) = (g.shape()[1].min(20), g.shape()[2]);
    let points = (0..cycles)
        .flat_map(|c| (0..states).map(move |s| (c, s)))
        .map(|(c, s)| ((c * (states - 1) + s) as f64, g[[0, c, s]] * PICO))
        .collect();
    let curves = vec![Curve::line("one cell", points)];
    Ok(Plate::of(chart("Figure 2f: the first 20 cycles, 25 °C", Axis::linear("Pulse"), conductance(), curves)))
}

fn states(raw: &Raw, celsius: u32, title: &str) -> Drawn {
    let g = raw.numbers(&format!("pulse/cycles_{celsius}c"), "conductance_s")?;
    let curves = STATES.iter().enumerate().map(|(rank, &state)| {
        let points = (0..g.shape()[1]).map(|c| ((c + 1) as f64, g[[0, c, state]] * PICO)).collect();
        let label = if state == 0 { "initial".to_owned() } else { format!("{state} pulses") };
        Curve::line(label, points).styled(Style::Dots).coloured(Colour::ordered(rank, STATES.len()))
    });
    Ok(Plate::of(chart(title, Axis::linear("Cycle"), conductance(), curves.collect())))
}

pub fn fig_2g(raw: &Raw) -> Drawn {
    states(raw, 25, "Figure 2g: four states over 256 cycles, 25 °C")
}

pub fn fig_4c(raw: &Raw) -> Drawn {
    states(raw, 100, "Figure 4c: four states over 256 cycles, 100 °C")
}

fn within(raw: &Raw, celsius: u32, title: &str) -> Drawn {
    let g = raw.numbers(&format!("pulse/cycles_{celsius}c"), "conductance_noiseless_s")?;
    let curves = [1, 20, 50, 100, 150, 256].into_iter().filter(|c| *c <= g.shape()[1]).map(|cycle| {
        let points = (0..g.shape()[2]).map(|s| (s as f64, g[[0, cycle - 1, s]] * PICO)).collect();
        Curve::line(format!("cycle {cycle}"), points)
    });
    let marks = vec![Mark::Vertical { at: 30.0, label: "-5.5 V from here".to_owned() }];
    Ok(Plate::of(Chart { marks, ..chart(title, Axis::linear("Pulse"), conductance(), curves.collect()).ordered() }))
}

pub fn fig_2h(raw: &Raw) -> Drawn {
    within(raw, 25, "Figure 2h: conductance within a cycle, 25 °C")
}

pub fn fig_4d(raw: &Raw) -> Drawn {
    within(raw, 100, "Figure 4d: conductance within a cycle, 100 °C")
}

pub fn fig_2i(raw: &Raw) -> Drawn {
    let energy = raw.numbers("pulse/cycles_25c", "energy_j")?;
    let each: Vec<f64> = (0..30.min(energy.shape()[2])).map(|p| energy[[0, 0, p]] * 1e15).collect();
    let numbered = |of: &dyn Fn(usize) -> f64| (0..each.len()).map(|p| ((p + 1) as f64, of(p))).collect();
    let curves = vec![
        Curve::line("V I dt of one pulse", numbered(&|p| each[p])).styled(Style::LineAndDots),
        Curve::line("of all pulses so far", numbered(&|p| each[..=p].iter().sum())).styled(Style::Dashed),
    ];
    let marks = vec![Mark::Band { low: 1.0, high: 1000.0, label: "paper: of the order of fJ".to_owned() }];
    let title = "Figure 2i: energy of the positive pulses of cycle 1";
    Ok(Plate::of(Chart { marks, ..chart(title, Axis::linear("Pulse"), Axis::log("Energy (fJ)"), curves) }))
}
