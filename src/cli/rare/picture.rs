//! The failed fraction over time, as a figure: a panel for each material and place of the sweeps, a curve for each
//! temperature.

use trapline::figure::{Axis, Chart, Colour, Curve, Panel, Plate, Style};
use trapline::rare::Estimate;
use trapline::units::{celsius_texts, kelvin};

use super::{PointResult, Report};

/// Smaller fractions are not drawn: no estimate reaches so far.
const LEAST: f64 = 1e-15;
/// More panels are too small to read; the file has all estimates.
const MOST_PANELS: usize = 12;

/// The figure; none where there is no estimate.
pub(super) fn plate(report: &Report) -> Option<Plate> {
    let estimated = || report.points.iter().filter(|of| of.estimate.is_some());
    let key = |of: &PointResult| (of.material.clone(), of.sweeps.clone());
    let mut keys: Vec<_> = estimated().map(key).collect();
    keys.dedup();
    let fractions = || {
        estimated()
            .filter_map(|of| of.estimate.as_ref())
            .flat_map(|of| &of.times)
            .flat_map(|time| [time.fraction, time.lower, time.upper].into_iter().filter(|share| *share >= LEAST))
    };
    let percent = 100.0 * report.request.confidence;
    let least = fractions().fold(1.0, f64::min);
    let panels: Vec<Panel> = keys
        .iter()
        .take(MOST_PANELS)
        .map(|wanted| {
            let mut points: Vec<&PointResult> = estimated().filter(|of| key(of) == *wanted).collect();
            points.sort_by(|a, b| b.temperature_c.total_cmp(&a.temperature_c));
            let named: Vec<String> = wanted.1.iter().map(|(name, value)| format!("{name} {value}")).collect();
            Panel::Chart(Chart {
                title: std::iter::once(wanted.0.clone()).chain(named).collect::<Vec<_>>().join(", "),
                subtitle: Some(format!("bars: {percent} % bounds")),
                x: Axis::time("time after programming (s)"),
                y: Axis::log("failed fraction of the cells (1)").within(least / 2.0, 1.5),
                curves: curves(&points),
                empty: "no failures found at these times".to_owned(),
                ..Chart::default()
            })
        })
        .collect();
    let left_out = match keys.len() {
        all if all > MOST_PANELS => format!("; {MOST_PANELS} of {all} cases"),
        _ => String::new(),
    };
    let title = format!("Rare failures, {}{left_out}", report.campaign);
    (!panels.is_empty()).then(|| Plate { title: Some(title), columns: panels.len().min(2), panels })
}

/// From hot to cold, as curves lie from early failures to late ones.
fn curves(points: &[&PointResult]) -> Vec<Curve> {
    let degrees = celsius_texts(&points.iter().map(|of| kelvin(of.temperature_c)).collect::<Vec<_>>());
    let curve = |(rank, of): (usize, &&PointResult)| {
        let times: &[Estimate] = of.estimate.as_ref().map_or(&[], |estimate| &estimate.times);
        // Where none was found there is a bound alone, which is open below: its lower end is 0.
        let share =
            |time: &Estimate| if time.failed_cells > 0 && time.fraction >= LEAST { time.fraction } else { f64::NAN };
        let drawn = || times.iter().filter(|time| time.upper >= LEAST);
        Curve::line(format!("{} °C", degrees[rank]), drawn().map(|time| (time.time_s, share(time))).collect())
            .styled(Style::LineAndDots)
            .coloured(Colour::ordered(points.len() - 1 - rank, points.len()))
            .barred(drawn().map(|time| (time.lower, time.upper)).collect())
    };
    points.iter().enumerate().map(curve).collect()
}
