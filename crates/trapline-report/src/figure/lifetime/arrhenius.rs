//! Times to a failed fraction over the inverse temperature, on which an activated process is a straight line.

use super::super::plate::Panel;
use super::super::{Axis, Chart, Colour, Curve, Mark, Reading, Style};
use super::{LifetimeFigure, Scene, celsius, columns, drawn, ends, padded, sentences};
use crate::analysis::lifetime::{Line, Segments, TIME_FLOOR, TemperatureLaw, slope_told};
use crate::analysis::report::{
    AtUse, Energy, Group, LineOfTimes, Observed, Population, TimeSource, line_for, parts, span,
};
use trapline_model::units::celsius_texts;

const POINTS: Colour = Colour(0, 114, 178);
const LINE: Colour = Colour(60, 60, 60);
const RIVAL: Colour = Colour(213, 94, 0);
/// Points of a line.
const STEPS: usize = 60;

/// The abscissa: 1000/T, 1/K.
fn abscissa(temperature_k: f64) -> f64 {
    1000.0 / temperature_k
}

pub(super) fn figure(scene: &Scene<'_>) -> LifetimeFigure {
    let tells = |group: &Group| !dots(group).points.is_empty();
    let (groups, others) = drawn(&scene.report.groups, tells, NO_TIME);
    let why = |name: &str| {
        let of = scene.report.groups.iter().find(|group| group.name == name)?;
        of.lines.first()?.segments.as_ref().err().cloned()
    };
    let mut left_out: Vec<(String, String)> = others
        .into_iter()
        .map(|(name, said)| {
            let said = if said == NO_TIME { why(&name).unwrap_or(said) } else { said };
            (name, said)
        })
        .collect();
    let mut panels: Vec<Panel> = groups.iter().map(|group| Panel::Chart(chart(group, scene))).collect();
    let last = columns(panels.len()) - 1;
    if let Some(Panel::Chart(chart)) = panels.get_mut(last) {
        chart.curves.push(Curve::line("Arrhenius", Vec::new()).coloured(LINE));
        chart.curves.push(Curve::line("beyond the data", Vec::new()).styled(Style::Dashed).coloured(LINE));
        chart.curves.push(Curve::line("ln t linear in T", Vec::new()).styled(Style::Dashed).coloured(RIVAL));
        chart.shade = format!("{} bounds", scene.confidence());
    }
    let share = scene.report.question.fractions.first().map_or_else(String::new, |&share| parts(share));
    for group in groups {
        left_out.extend(before_the_bake(group));
        if let Some(Err(why)) = group.lines.first().map(|line| &line.segments) {
            left_out.push((group.name.clone(), format!("no line, because {why}")));
            continue;
        }
        for at in &group.uses {
            if let Some(Err(why)) = at.lives.first().map(|life| &life.arrhenius) {
                let use_c = celsius_texts(&[at.temperature_k]).concat();
                left_out.push((format!("{} at {use_c} °C", group.name), format!("nothing is said, because {why}")));
            }
        }
    }
    LifetimeFigure {
        name: "arrhenius",
        title: "Time to failure over temperature",
        caption: format!(
            "Time until {share} of the cells have failed against the inverse temperature, with {} bounds; the slope of a straight line is \
             its activation energy. A bar without a dot is a bound: no time could be told. Shaded is where lines break, or where \
             nothing is said, or should not be, because the line does not reach so far.",
            scene.confidence()
        ),
        left_out: sentences(left_out),
        plate: scene.plate(panels, &format!("Time to {share}")),
    }
}

fn chart(group: &Group, scene: &Scene<'_>) -> Chart {
    let Some(times) = group.lines.first() else {
        return Chart { title: group.name.clone(), ..Chart::default() };
    };
    let temperatures = group.populations.iter().map(|of| of.temperature_k);
    let used = group.uses.iter().map(|at| at.temperature_k);
    let (left, right) = ends(temperatures.chain(used).map(abscissa)).unwrap_or((2.0, 3.0));
    let room = 0.04 * (right - left).max(0.05);
    // A transition just beyond the hottest bake is worth its room.
    let near = group.glass_transition_k.map(abscissa).filter(|at| left - 3.0 * room < *at);
    let (left, right) = (near.unwrap_or(left).min(left) - room, right + room);
    let mut curves = Vec::new();
    let mut marks = Vec::new();
    if let Ok(segments) = &times.segments {
        lines(group, segments, scene.report.question.confidence, &mut curves);
        marks.extend(breaks(segments, times.left_out_k));
    }
    marks.extend(uses(group, times, (left, right)));
    if let Some(glass_k) = group.glass_transition_k {
        marks.push(Mark::Vertical {
            at: abscissa(glass_k),
            label: format!("Tg {} °C", celsius_texts(&[glass_k]).concat()),
        });
    }
    let dots = dots(group);
    let shown = curves.iter().chain([&dots]).flat_map(|of| &of.points).map(|point| point.1);
    let bars = dots.bars.iter().flat_map(|&(low, high)| [low, high]);
    let lives = marks.iter().filter_map(|mark| if let Mark::Point { y, .. } = mark { Some(*y) } else { None });
    let range = padded(shown.chain(bars).filter(|&time| 1e-300 < time && time < 1e300).chain(lives));
    let (low, high) = range.unwrap_or((1.0, 1e6));
    // Bars of bounds that are open reach the frame.
    let dots = Curve { bars: dots.bars.iter().map(|&(a, b)| (a.max(low / 1e3), b.min(high * 1e3))).collect(), ..dots };
    curves.push(dots.coloured(POINTS));
    let mut named: Vec<(f64, String)> = group
        .populations
        .iter()
        .zip(celsius(group))
        .map(|(of, text)| (abscissa(of.temperature_k), format!("{text} °C")))
        .collect();
    named.reverse();
    Chart {
        title: group.name.clone(),
        subtitle: energy(times),
        x: Axis::linear("1000/T (1/K)").within(left, right).naming(named).read_as(Reading::InverseKelvin),
        y: Axis::time(format!("time to {} (s)", parts(times.fraction))).within(low, high),
        curves,
        marks,
        empty: "no temperature tells the time".to_owned(),
        ..Chart::default()
    }
}

/// What is said of a group without any time.
const NO_TIME: &str = "no temperature tells the time";

/// Temperatures whose share of cells had failed before the bake: no time is theirs.
fn before_the_bake(group: &Group) -> Option<(String, String)> {
    let at_programming = |(of, text): (&Population, String)| {
        let time = of.observed.as_ref().ok()?.times.first()?;
        (time.source == TimeSource::Programming).then(|| format!("{text} °C"))
    };
    let names: Vec<String> = group.populations.iter().zip(celsius(group)).filter_map(at_programming).collect();
    let what = format!("at {} so many cells had failed at programming, before the bake", names.join(", "));
    (!names.is_empty()).then(|| (group.name.clone(), what))
}

/// Times at the temperatures with their bounds; where there are bounds only, no dot.
fn dots(group: &Group) -> Curve {
    let (mut points, mut bars) = (Vec::new(), Vec::new());
    for of in &group.populations {
        let Some((observed, time)) = of.observed.as_ref().ok().and_then(|of| Some((of, of.times.first()?))) else {
            continue;
        };
        let fitted = fitted(group, observed);
        let bounds = if time.source == TimeSource::Fit { fitted.unwrap_or(time.between_s) } else { time.between_s };
        let open = bounds.lower <= 0.0 && !bounds.upper.is_finite();
        if !open && time.source != TimeSource::Programming {
            points.push((abscissa(of.temperature_k), time.time.map_or(f64::NAN, |of| of.time_s)));
            bars.push((bounds.lower.max(1e-300), bounds.upper.min(1e300)));
        }
    }
    Curve::line("", points).named("computed").styled(Style::Dots).barred(bars)
}

fn fitted(group: &Group, observed: &Observed) -> Option<crate::analysis::lifetime::Bounds> {
    Some(observed.fit(group.law?).as_ref().ok()?.lives.first()?.as_ref().ok()?.profile)
}

/// Lines where they rest on times, and dashed as far as they answer for a temperature of use.
fn lines(group: &Group, segments: &Segments, confidence: f64, curves: &mut Vec<Curve>) {
    let all: Vec<&Line> = match &segments.broken {
        Some(broken) => vec![&broken.below, &broken.above],
        None => vec![&segments.whole],
    };
    for line in all.into_iter().filter(|line| slope_told(line, confidence).is_ok()) {
        let (coldest, hottest) = range(line);
        curves.push(piece(line, coldest, hottest, confidence));
    }
    for at in &group.uses {
        let answered = at.lives.first().is_some_and(|life| life.arrhenius.is_ok());
        let line = line_for(&group.lines[0], at.temperature_k, group.glass_transition_k);
        let Some((line, _)) = line.ok().filter(|_| answered) else { continue };
        let (coldest, hottest) = range(line);
        let (from, to) = (at.temperature_k.min(coldest), at.temperature_k.max(hottest));
        let beyond = if at.temperature_k < coldest { (from, coldest) } else { (hottest, to) };
        if beyond.0 < beyond.1 {
            curves.push(piece(line, beyond.0, beyond.1, confidence).styled(Style::Dashed));
        }
        let on = group.lines[0].points.iter().filter(|point| line.temperatures_k.contains(&point.temperature_k));
        if let Ok(rival) = Line::fit(TemperatureLaw::LinearInT, &on.copied().collect::<Vec<_>>(), TIME_FLOOR) {
            curves.push(
                Curve { spread: Vec::new(), ..piece(&rival, from, to, confidence) }
                    .named("straight in T")
                    .styled(Style::Dashed)
                    .coloured(RIVAL),
            );
        }
    }
}

fn range(line: &Line) -> (f64, f64) {
    let of = ends(line.temperatures_k.iter().copied());
    of.unwrap_or((f64::NAN, f64::NAN))
}

/// A line between two temperatures, with bounds where it has them.
fn piece(line: &Line, coldest: f64, hottest: f64, confidence: f64) -> Curve {
    let (mut points, mut spread) = (Vec::new(), Vec::new());
    for step in 0..=STEPS {
        let x = abscissa(hottest) + (abscissa(coldest) - abscissa(hottest)) * step as f64 / STEPS as f64;
        if let Ok(life) = line.life(1000.0 / x, Some(confidence)).or_else(|_| line.life(1000.0 / x, None)) {
            points.push((x, life.life_s));
            spread.extend(life.bounds.map(|of| (of.lower, of.upper)));
        }
    }
    Curve::line("", points).named("Arrhenius").shaded(spread).coloured(LINE)
}

/// Between the lines, or between the line and the hotter temperatures that were left out of it.
fn breaks(segments: &Segments, left_out_k: Option<f64>) -> Option<Mark> {
    let (cooler_k, hotter_k) = match (&segments.broken, left_out_k) {
        (Some(broken), _) => (broken.cooler_k, broken.hotter_k),
        (None, left_out_k) => (range(&segments.whole).1, left_out_k?),
    };
    Some(Mark::Span { low: abscissa(hotter_k), high: abscissa(cooler_k), label: "break".to_owned() })
}

/// Temperatures of use: the life there, or that none is stated.
fn uses(group: &Group, times: &LineOfTimes, frame: (f64, f64)) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for at in &group.uses {
        let x = abscissa(at.temperature_k);
        let text = celsius_texts(&[at.temperature_k]).concat();
        marks.push(Mark::Vertical { at: x, label: format!("use, {text} °C") });
        let Some(first) = at.lives.first() else { continue };
        if let Ok(life) = &first.arrhenius {
            marks.push(Mark::Point { x, y: life.life_s, label: span(life.life_s) });
        }
        let doubt = match (&first.arrhenius, &first.beyond_data) {
            (Err(_), _) => beyond(at, times, frame, "nothing is said here"),
            (Ok(_), Some(_)) => beyond(at, times, frame, "the line should not be followed here"),
            (Ok(_), None) => None,
        };
        // Temperatures of use on one side share it.
        marks.extend(doubt.filter(|mark| !marks.contains(mark)));
    }
    marks
}

/// From the end of the nearest line to the side of the frame beyond the temperature of use.
fn beyond(at: &AtUse, times: &LineOfTimes, (left, right): (f64, f64), label: &str) -> Option<Mark> {
    let label = label.to_owned();
    let rests = times.segments.as_ref().ok().map(|segments| range(&segments.whole))?;
    match at.temperature_k {
        use_k if use_k < rests.0 => Some(Mark::Span { low: abscissa(rests.0), high: right, label }),
        use_k if use_k > rests.1 => Some(Mark::Span { low: left, high: abscissa(rests.1), label }),
        _ => None,
    }
}

/// The activation energies, in words.
fn energy(times: &LineOfTimes) -> Option<String> {
    let one = |of: &Energy| {
        let bounds = of.bounds.map_or_else(String::new, |of| format!(" ({:.2} to {:.2})", of.lower, of.upper));
        format!("{:.2} eV{bounds}", of.value)
    };
    let side = |of: &Result<Energy, String>| of.as_ref().map_or_else(|_| "no energy told".to_owned(), one);
    match &times.energy_ev {
        Ok(_) if times.break_meaning.is_some() => {
            Some(format!("{} below the break, {} above", side(&times.energy_below_ev), side(&times.energy_above_ev)))
        }
        Ok(whole) => Some(one(whole)),
        Err(_) => None,
    }
}
