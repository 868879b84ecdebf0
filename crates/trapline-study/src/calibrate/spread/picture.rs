//! The curves of all devices with the spread that was found over them, and what is left of them.

use super::{BlockFound, Drawn, Spread};
use crate::calibrate::target::{Aim, Kept};
use trapline_report::figure::{Axis, Chart, Colour, Curve, Panel, Plate};

/// Devices that are drawn of a block: more are one stain.
const MOST_DRAWN: usize = 60;

/// Two panels for each block.
pub fn plate(spread: &Spread, title: &str) -> Plate {
    let panels = spread.blocks.iter().flat_map(|block| [curves(block), residuals(block)]);
    Plate { title: Some(title.to_owned()), columns: 2, panels: panels.map(Panel::Chart).collect() }
}

/// What stands along the axes of a curve, and what its values are multiplied with.
fn axes(aim: &Aim) -> (Axis, Axis, f64) {
    match aim {
        Aim::Retention(measured) if measured.kept == Kept::Window => {
            (Axis::time("Time (s)"), Axis::linear("Window kept (%)"), 100.0)
        }
        Aim::Retention(_) => (Axis::time("Time (s)"), Axis::linear("Conductance (S)"), 1.0),
        _ => (Axis::linear("Bias (V)"), Axis::log("Current, magnitude (A)"), 1.0),
    }
}

/// Points of a curve. A sweep has a gap where its bias changes sign, so that no line joins the branches, and where it turns,
/// so that the shade of one branch is not that of both.
fn line(drawn: &Drawn, values: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
    let is_sweep = matches!(drawn.aim, Aim::Iv(_));
    let points: Vec<(f64, f64)> = drawn.x.iter().copied().zip(values).collect();
    let mut all: Vec<(f64, f64)> = Vec::new();
    for (i, point) in points.iter().enumerate() {
        let before = |back: usize| i.checked_sub(back).map(|at| points[at]);
        if let Some(last) = before(1).filter(|_| is_sweep) {
            let turns = before(2).is_some_and(|first| (last.0 - first.0) * (point.0 - last.0) < 0.0);
            if last.0 * point.0 < 0.0 {
                all.push((f64::NAN, f64::NAN));
            } else if turns {
                all.extend([(f64::NAN, f64::NAN), last]);
            }
        }
        all.push(*point);
    }
    all
}

/// A shade around a line, with its gaps.
fn shade(drawn: &Drawn, ends: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let (low, high): (Vec<f64>, Vec<f64>) = ends.unzip();
    let gaps = |values: Vec<f64>| line(drawn, values.into_iter()).into_iter().map(|(_, y)| y);
    gaps(low).zip(gaps(high).collect::<Vec<_>>()).collect()
}

/// The first few of a block's devices: each with its grid.
fn some(block: &BlockFound) -> Vec<(&Drawn, usize)> {
    let all = block.curves.iter().flat_map(|drawn| (0..drawn.measured.len()).map(move |device| (drawn, device)));
    all.take(MOST_DRAWN).collect()
}

fn curves(block: &BlockFound) -> Chart {
    let shown = some(block);
    let Some(most) = largest(block) else { return Chart { title: block.name.clone(), ..Chart::default() } };
    let (x, y, unit) = axes(&most.aim);
    let mut curves: Vec<Curve> = shown
        .iter()
        .enumerate()
        .map(|(number, (drawn, device))| {
            let label = if number == 0 { "measured".to_owned() } else { String::new() };
            let values = drawn.measured[*device].iter().map(|y| y.abs() * unit);
            Curve::line(label, line(drawn, values)).named(&drawn.names[*device]).coloured(Colour::distinct(5))
        })
        .collect();
    let band = most.band.iter().map(|(a, b)| (a.abs() * unit, b.abs() * unit));
    curves.push(
        Curve::line("simulated, median", line(most, most.median.iter().map(|y| y.abs() * unit)))
            .shaded(shade(most, band))
            .coloured(Colour::distinct(1)),
    );
    let all: usize = block.curves.iter().map(|drawn| drawn.measured.len()).sum();
    let subtitle =
        if shown.len() < all { format!("{} of {all} devices", shown.len()) } else { format!("{all} devices") };
    let shade = "16 % to 84 % of the spread found".to_owned();
    Chart { title: block.name.clone(), subtitle: Some(subtitle), x, y, curves, shade, ..Chart::default() }
}

fn residuals(block: &BlockFound) -> Chart {
    let Some(most) = largest(block) else { return Chart { title: block.name.clone(), ..Chart::default() } };
    // Of a sweep over its course: over the bias there and back would lie on each other.
    let is_sweep = matches!(most.aim, Aim::Iv(_));
    let (x, ..) = axes(&most.aim);
    let x = if is_sweep { Axis::linear("Reading, in the order of the sweep") } else { x };
    let line = |drawn: &Drawn, values: &mut dyn Iterator<Item = f64>| -> Vec<(f64, f64)> {
        let number = |i: usize| if is_sweep { (i + 1) as f64 } else { drawn.x[i] };
        values.enumerate().map(|(i, y)| (number(i), y)).collect()
    };
    let mut curves: Vec<Curve> = some(block)
        .into_iter()
        .map(|(drawn, device)| {
            let points = line(drawn, &mut drawn.residuals[device].iter().copied());
            Curve::line("", points).named(&drawn.names[device]).coloured(Colour::distinct(5))
        })
        .collect();
    let zero = line(most, &mut most.x.iter().map(|_| 0.0));
    let ends = most.sd.iter().map(|sd| (-sd, *sd)).collect();
    curves.push(Curve::line("", zero).named("one standard deviation").shaded(ends).coloured(Colour::distinct(1)));
    Chart {
        title: "Devices over their mean".to_owned(),
        x,
        y: Axis::linear("In standard errors of a reading"),
        curves,
        shade: "1 standard deviation of spread, chance and readings".to_owned(),
        ..Chart::default()
    }
}

/// The points that most devices of a block have.
fn largest(block: &BlockFound) -> Option<&Drawn> {
    block.curves.iter().max_by_key(|drawn| drawn.measured.len())
}
