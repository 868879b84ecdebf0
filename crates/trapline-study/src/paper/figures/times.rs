//! Figures of retention.

use super::super::measure::Raw;
use super::super::measure::retention::lost;
use super::chart;
use trapline_model::dataset::DatasetError;
use trapline_report::figure::{Axis, Chart, Colour, Curve, Mark, Plate, Style};

type Drawn = Result<Plate, DatasetError>;

fn time() -> Axis {
    Axis::time("Time (s)")
}

/// Mean conductance of a state against time, without t = 0.
fn of_state(raw: &Raw, group: &str, state: usize, unit: f64) -> Result<Vec<(f64, f64)>, DatasetError> {
    let (g, times) = (raw.numbers(group, "conductance_s")?, raw.numbers(group, "time")?);
    let cells = g.shape()[2];
    let mean = |t: usize| (0..cells).map(|c| g[[state, t, c]]).sum::<f64>() / cells as f64;
    Ok((0..times.len()).filter(|t| times[[*t]] > 0.0).map(|t| (times[[t]], mean(t) * unit)).collect())
}

pub fn fig_3g(raw: &Raw) -> Drawn {
    const GROUP: &str = "retention/qd_100c";
    let states = raw.numbers(GROUP, "state")?;
    let mut curves = Vec::new();
    for (state, pulses) in states.iter().enumerate() {
        let label = if *pulses == 0.0 { "initial".to_owned() } else { format!("{pulses} pulses") };
        let colour = Colour::ordered(state, states.len());
        curves.push(Curve::line(label, of_state(raw, GROUP, state, 1e12)?).styled(Style::LineAndDots).coloured(colour));
    }
    let marks = vec![Mark::Vertical { at: 3e4, label: "paper: measured to 3e4 s".to_owned() }];
    let y = Axis::linear("Conductance at 0.1 V (pS)");
    Ok(Plate::of(Chart { marks, ..chart("Figure 3g: retention of the dots, 100 °C", time(), y, curves) }))
}

pub fn fig_3h(raw: &Raw) -> Drawn {
    let mut curves = Vec::new();
    for (name, group) in [("quantum dots, 1.5 V", "retention/qd_100c"), ("nanosheets, 0.7 V", "retention/ns_100c")] {
        let last = raw.numbers(group, "state")?.len() - 1;
        let points = of_state(raw, group, last, 1.0)?;
        let first = raw.numbers(group, "conductance_s")?[[last, 0, 0]];
        let relative = points.iter().map(|(t, g)| (*t, g / first)).collect();
        curves.push(Curve::line(name, relative).styled(Style::LineAndDots));
    }
    let y = Axis::linear("Conductance over that at the start");
    Ok(Plate::of(chart("Figure 3h: after 30 pulses, 100 °C", time(), y, curves)))
}

pub fn fig_s12(raw: &Raw) -> Drawn {
    let mut curves = Vec::new();
    for (rank, celsius) in [150, 155, 160].into_iter().enumerate() {
        let (lost, times) = lost(raw.group(&format!("retention/qd_{celsius}c"))?)?;
        let points = times.iter().zip(&lost).filter(|(t, _)| **t > 0.0).map(|(t, l)| (*t, 100.0 * (1.0 - l))).collect();
        curves.push(
            Curve::line(format!("{celsius} °C"), points).styled(Style::LineAndDots).coloured(Colour::ordered(rank, 3)),
        );
    }
    let marks = vec![Mark::Vertical { at: 1e5, label: "paper: kept for 1e5 s at 150 °C".to_owned() }];
    let y = Axis::linear("Window kept (%)");
    Ok(Plate::of(Chart { marks, ..chart("Figure S12: quantum dots, mean of 256 cells", time(), y, curves) }))
}
