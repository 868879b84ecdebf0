//! Measured curves and the fitted material's, in one chart each.

use super::FitResult;
use super::bench::Simulated;
use super::target::{Aim, Kept, MeasuredIv, MeasuredRetention};
use trapline_report::figure::{Axis, Chart, Colour, Curve, Panel, Plate, Style};

/// A panel for each measured curve; none where there is none.
pub fn plate(result: &FitResult, title: &str) -> Option<Plate> {
    let panel = |(target, outcome): &(super::target::Target, super::Outcome)| match (&target.aim, &outcome.simulated) {
        (Aim::Iv(measured), Simulated::Curve(simulated)) => Some(Panel::Chart(iv(&target.name, measured, simulated))),
        (Aim::Retention(measured), Simulated::Curve(simulated)) => {
            Some(Panel::Chart(retention(&target.name, measured, simulated)))
        }
        _ => None,
    };
    let panels: Vec<Panel> = result.targets.iter().filter_map(panel).collect();
    (!panels.is_empty()).then(|| Plate { title: Some(title.to_owned()), columns: panels.len().min(2), panels })
}

fn curves(measured: Vec<(f64, f64)>, simulated: Vec<(f64, f64)>) -> Vec<Curve> {
    vec![
        Curve::line("measured", measured).styled(Style::Dots).coloured(Colour::distinct(1)),
        Curve::line("fitted", simulated).coloured(Colour::distinct(0)),
    ]
}

fn iv(name: &str, measured: &MeasuredIv, simulated: &[f64]) -> Chart {
    // A line that joined the branches of both polarities would cross 0 V, where there is no current to draw.
    let points = |values: Vec<f64>, left_out_too: bool| {
        let (mut all, mut before): (Vec<(f64, f64)>, f64) = (Vec::new(), 0.0);
        for (point, i) in measured
            .points
            .iter()
            .zip(values)
            .filter(|(point, _)| MeasuredIv::compares(point) || (left_out_too && point.x != 0.0))
        {
            if point.x * before < 0.0 {
                all.push((f64::NAN, f64::NAN));
            }
            before = point.x;
            all.push((point.x, i.abs()));
        }
        all
    };
    let measurement = measured.points.iter().map(|point| point.y).collect();
    Chart {
        title: name.to_owned(),
        x: Axis::linear("Bias (V)"),
        y: Axis::log("Current, magnitude (A)"),
        curves: curves(points(measurement, false), points(simulated.to_vec(), true))
            .into_iter()
            .map(Curve::directed)
            .collect(),
        ..Chart::default()
    }
}

fn retention(name: &str, measured: &MeasuredRetention, simulated: &[f64]) -> Chart {
    let (label, unit) = match measured.kept {
        Kept::Window => ("Window kept (%)", 100.0),
        Kept::Conductance => ("Conductance (S)", 1.0),
    };
    let measurement = measured.points.iter().filter(|p| p.y.is_finite()).map(|p| (p.x, p.y * unit)).collect();
    let fitted = measured.points.iter().zip(simulated).map(|(p, y)| (p.x, y * unit)).collect();
    Chart {
        title: name.to_owned(),
        x: Axis::time("Time (s)"),
        y: Axis::linear(label),
        curves: curves(measurement, fitted),
        ..Chart::default()
    }
}
