//! Failed cells against time on Weibull's axes, on which Weibull's law is a straight line whose slope is its shape.

use super::super::plate::Panel;
use super::super::{Axis, Chart, Curve, Mark, Reading, Style};
use super::{LifetimeFigure, NEUTRAL, Scene, colour, columns, degrees, drawn, ends, names, padded, sentences};
use crate::analysis::lifetime::{CurvePoint, Law};
use crate::analysis::report::{FitReport, Group, Observed, Population, parts};

/// Failed fractions outside of these have no place: counts and laws are no better.
const LEAST: f64 = 1e-12;
const MOST: f64 = 1.0 - 1e-9;
/// Points of a fitted line.
const STEPS: u32 = 240;

/// The ordinate: ln(-ln(1 - F)).
fn ordinate(fraction: f64) -> f64 {
    libm::log(-libm::log1p(-fraction))
}

pub(super) fn figure(scene: &Scene<'_>) -> LifetimeFigure {
    let observed = |group: &Group| group.populations.iter().any(|of| of.observed.is_ok());
    let (groups, left_out) = drawn(&scene.report.groups, observed, "nothing programmed, or nothing computed");
    let mut panels: Vec<Panel> = groups.iter().map(|group| Panel::Chart(chart(scene, group))).collect();
    let last = columns(panels.len()) - 1;
    if let (Some(Panel::Chart(chart)), Some(group)) = (panels.get_mut(last), groups.get(last).copied()) {
        for (curve, name) in chart.curves.iter_mut().zip(names(group)) {
            curve.label = name;
        }
        // What is drawn somewhere, and nothing else.
        let fitted = |law: Law| groups.iter().flat_map(|of| &of.populations).any(|of| has_fit(of, law));
        let chosen = groups.iter().any(|of| of.law.is_some_and(|law| of.populations.iter().any(|at| has_fit(at, law))));
        if chosen {
            chart.curves.push(Curve::line("law chosen by AIC", Vec::new()).coloured(NEUTRAL));
            chart.shade = format!("{} bounds", scene.confidence());
        }
        if fitted(Law::Weibull) && fitted(Law::Lognormal) {
            chart.curves.push(Curve::line("the other law", Vec::new()).styled(Style::Dashed).coloured(NEUTRAL));
        }
    }
    LifetimeFigure {
        name: "weibull",
        title: "Failed cells on Weibull's axes",
        caption: format!(
            "Failed cells at the checkpoints with exact {} bounds (Clopper and Pearson), and the fitted laws: Weibull's is straight here, \
             and its slope is its shape. The law chosen by AIC is drawn through, with its bounds shaded; the other one is dashed. A bar without a dot \
             is a checkpoint at which none, or all, had failed.",
            scene.confidence()
        ),
        left_out: sentences(left_out),
        plate: scene.plate(panels, "Failed cells"),
    }
}

fn has_fit(of: &Population, law: Law) -> bool {
    of.observed.as_ref().is_ok_and(|observed| observed.fit(law).is_ok())
}

fn chart(scene: &Scene<'_>, group: &Group) -> Chart {
    let fractions = &scene.report.question.fractions;
    let observed = || group.populations.iter().filter_map(|of| of.observed.as_ref().ok());
    let plotted: Vec<&CurvePoint> = observed().flat_map(|of| telling(&of.curve)).collect();
    // An open bar is drawn about a decade beyond its bound.
    let inner =
        plotted.iter().filter(|point| is_inner(point)).flat_map(|point| [point.failed.lower, point.failed.upper]);
    let open = plotted.iter().filter(|point| !is_inner(point)).map(|point| point.failed);
    let open = open.map(|of| if of.failed == 0 { ordinate(of.upper) - 2.3 } else { ordinate(of.lower) + 0.5 });
    let shares = inner.chain(fractions.iter().copied()).filter(|share| (LEAST..=MOST).contains(share));
    let (low, high) = ends(shares.map(ordinate).chain(open).chain([ordinate(0.9)])).unwrap_or((-7.0, 1.0));
    let (low, high) = (low - 0.3, high + 0.3);
    let asked = observed().flat_map(|of| &of.times).filter_map(|of| Some(of.time?.time_s));
    let times = plotted.iter().map(|point| point.time_s).chain(asked);
    let time = Axis::time("time after programming (s)");
    let (first, last) = padded(times).unwrap_or((1.0, 10.0));
    let frame = Frame { low, high };
    let mut curves: Vec<Curve> = group
        .populations
        .iter()
        .enumerate()
        .map(|(i, of)| dots(of, &frame).named(degrees(group, i)).coloured(colour(group, i)))
        .collect();
    let z = observed().find_map(score);
    for (index, of) in group.populations.iter().enumerate() {
        let Ok(observed) = &of.observed else { continue };
        for law in [Law::Weibull, Law::Lognormal] {
            if let Ok(fit) = observed.fit(law) {
                let shaded = z.filter(|_| group.law == Some(law));
                let name = format!("{}, {}", degrees(group, index), law.name());
                let style = if group.law == Some(law) { Style::Line } else { Style::Dashed };
                curves.push(line(fit, &frame, shaded).styled(style).named(name).coloured(colour(group, index)));
            }
        }
    }
    let asked = fractions.first().map(|&share| Mark::Horizontal { at: ordinate(share), label: parts(share) });
    Chart {
        title: group.name.clone(),
        subtitle: Some(group.law.map_or("no law can be fitted".to_owned(), |law| format!("{} by AIC", law.name()))),
        x: time.within(first, last),
        y: Axis::linear("failed cells").within(low, high).ticked(ticks()).read_as(Reading::WeibullShare),
        curves,
        marks: asked.into_iter().collect(),
        empty: "no failures, and no bounds on them".to_owned(),
        ..Chart::default()
    }
}

/// Ends of the ordinate.
struct Frame {
    low: f64,
    high: f64,
}

fn is_inner(point: &CurvePoint) -> bool {
    point.failed.failed > 0 && point.failed.failed < point.failed.total
}

/// Checkpoints that say something: where some had failed, and the nearest ones at which none or all had.
fn telling(curve: &[CurvePoint]) -> impl Iterator<Item = &CurvePoint> {
    let none = curve.iter().rposition(|point| point.failed.failed == 0);
    let all = curve.iter().position(|point| point.failed.failed == point.failed.total);
    curve
        .iter()
        .enumerate()
        .filter(move |(i, point)| is_inner(point) || Some(*i) == none || Some(*i) == all)
        .map(|p| p.1)
}

fn dots(of: &Population, frame: &Frame) -> Curve {
    let curve = of.observed.as_ref().map_or(&[][..], |observed| &observed.curve[..]);
    let (mut points, mut bars) = (Vec::new(), Vec::new());
    for point in telling(curve) {
        let failed = &point.failed;
        points.push((point.time_s, if is_inner(point) { ordinate(failed.fraction) } else { f64::NAN }));
        let low = if failed.lower > 0.0 { ordinate(failed.lower) } else { frame.low - 1.0 };
        let high = if failed.upper < 1.0 { ordinate(failed.upper) } else { frame.high + 1.0 };
        bars.push((low, high));
    }
    Curve::line("", points).styled(Style::Dots).barred(bars)
}

/// Of the normal law at the report's confidence: Wald bounds lie so many standard errors to either side of ln(shape).
fn score(observed: &Observed) -> Option<f64> {
    let fit = [&observed.weibull, &observed.lognormal].into_iter().find_map(|fit| fit.as_ref().ok())?;
    // Of a Weibull beta the relative error is that of ln sigma, as a sigma's is.
    let of = fit.shape_estimate;
    let z = libm::log(of.wald.upper / of.value) * of.value / of.standard_error;
    (z.is_finite() && z > 0.0).then_some(z)
}

/// The line of a law in the frame, with bounds so many standard errors wide: of the law's own z at each time (Meeker
/// & Escobar 1998, section 8.4).
fn line(report: &FitReport, frame: &Frame, score: Option<f64>) -> Curve {
    let fit = &report.fit;
    let sigma = if fit.law == Law::Weibull { 1.0 / fit.shape } else { fit.shape };
    let mu = libm::log(fit.scale_s);
    let at = |z: f64| {
        let share = fit.failed_fraction(libm::exp(mu + sigma * z));
        (LEAST * 1e-3..=1.0 - 1e-12).contains(&share).then(|| ordinate(share))
    };
    // Weibull's z is the ordinate; beyond 8 the normal law has no place in the frame.
    let (from, to) = if fit.law == Law::Weibull { (frame.low - 0.1, frame.high + 0.1) } else { (-8.0, 8.0) };
    let (mut points, mut spread) = (Vec::new(), Vec::new());
    for step in 0..=STEPS {
        let z = from + (to - from) * f64::from(step) / f64::from(STEPS);
        let Some(y) = at(z).filter(|y| (frame.low - 2.0..=frame.high + 2.0).contains(y)) else {
            continue;
        };
        points.push((libm::exp(mu + sigma * z), y));
        let [[mm, ms], [_, ss]] = fit.covariance;
        let error = libm::sqrt((mm + 2.0 * sigma * z * ms + sigma * sigma * z * z * ss).max(0.0)) / sigma;
        let half = score.unwrap_or(0.0) * error;
        spread.push((at(z - half).unwrap_or(frame.low - 1.0), at(z + half).unwrap_or(frame.high + 1.0)));
    }
    let curve = Curve::line("", points);
    if score.is_some() { curve.shaded(spread) } else { curve }
}

/// Failed fractions as they are called, at their ordinates.
fn ticks() -> Vec<(f64, String)> {
    let mut ticks = Vec::new();
    for exponent in -12..=-2_i32 {
        for digit in 1..=9 {
            let share = f64::from(digit) * libm::pow(10.0, f64::from(exponent));
            ticks.push((ordinate(share), if digit == 1 { called(exponent) } else { String::new() }));
        }
    }
    for percent in [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 63.2, 70.0, 80.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.9999] {
        let named = [10.0, 50.0, 63.2, 90.0, 99.0, 99.9].contains(&percent);
        ticks.push((ordinate(percent / 100.0), if named { format!("{percent} %") } else { String::new() }));
    }
    ticks
}

fn called(exponent: i32) -> String {
    match exponent {
        -2 => "1 %".to_owned(),
        -3 => "0.1 %".to_owned(),
        -6..=-4 => format!("{} ppm", 10_u32.pow((exponent + 6) as u32)),
        -9..=-7 => format!("{} ppb", 10_u32.pow((exponent + 9) as u32)),
        _ => format!("{} ppt", 10_u32.pow((exponent + 12).max(0) as u32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_rise_and_bear_their_names() {
        let ticks = ticks();
        assert!(ticks.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let share = |name: &str| {
            let (at, _) = ticks.iter().find(|(_, text)| text == name).unwrap();
            -libm::expm1(-libm::exp(*at))
        };
        // -ln(1-F) and back lose 1e-16 of F relative to the ordinate's size, 28 at most.
        for (name, expected) in [
            ("1 ppt", 1e-12),
            ("100 ppt", 1e-10),
            ("1 ppb", 1e-9),
            ("1 ppm", 1e-6),
            ("100 ppm", 1e-4),
            ("0.1 %", 1e-3),
            ("63.2 %", 0.632),
            ("99.9 %", 0.999),
        ] {
            assert!((share(name) / expected - 1.0).abs() < 1e-13, "{name} {}", share(name));
        }
    }
}
