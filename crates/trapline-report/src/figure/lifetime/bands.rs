//! What the cells keep: median and quantiles against the logarithm of time.

use super::super::plate::Panel;
use super::super::{Axis, Chart, Colour, Curve, FigureError, Mark, Style};
use super::{LifetimeFigure, NEUTRAL, Scene, colour, columns, degrees, drawn, ends, names, padded, sentences};
use crate::analysis::quantile::{Binned, Pool};
use crate::analysis::report::{Group, Population};

/// Median, the shaded quantiles from the outside in, and the tail.
const MEDIAN: f64 = 0.5;
const BANDS: [(f64, f64); 2] = [(0.05, 0.95), (0.25, 0.75)];
const TAIL: f64 = 0.001;
/// Above this threshold the axis is of what is lost.
const LOSS_FROM: f64 = 0.95;
/// Smaller losses of the window are rounding: cells are read in single precision.
const LEAST_LOSS: f64 = 1e-6;

/// The cells of a population at each checkpoint after 0, s, and what they keep on average.
struct Course {
    at: Vec<(f64, Binned)>,
    mean: Vec<f64>,
}

impl Course {
    fn curve(&self, share: f64) -> Vec<(f64, f64)> {
        let value = |cells: &Binned| cells.quantile(share).map_or(f64::NAN, |of| of.value);
        self.at.iter().map(|(time, cells)| (*time, value(cells))).collect()
    }

    /// What is lost: of the middle of the cells their mean, of other quantiles what histograms can tell, which is nothing
    /// narrower than a bin.
    fn lost(&self, share: f64) -> Vec<(f64, f64)> {
        let value = |((time, cells), mean): (&(f64, Binned), &f64)| {
            if share == MEDIAN {
                return (*time, 1.0 - mean);
            }
            let found = cells.quantile(share).map(|of| (1.0 - of.value, of.resolution));
            (*time, found.filter(|(lost, resolution)| lost >= resolution).map_or(f64::NAN, |(lost, _)| lost))
        };
        let mut lost: Vec<(f64, f64)> = self.at.iter().zip(&self.mean).map(value).collect();
        // From where on it can be told at every checkpoint: pieces in between would be no more than noise of bins.
        if let Some(last) = lost.iter().rposition(|(_, lost)| lost.is_nan()) {
            lost[..last].iter_mut().for_each(|(_, lost)| *lost = f64::NAN);
        }
        lost
    }

    /// The widest bin that the median lies in.
    fn resolution(&self) -> f64 {
        self.at.iter().filter_map(|(_, cells)| cells.quantile(MEDIAN)).fold(0.0, |most, of| most.max(of.resolution))
    }

    fn carries(&self, share: f64) -> bool {
        self.at.first().is_some_and(|(_, cells)| cells.carries(share))
    }
}

pub(super) fn figure(scene: &Scene<'_>) -> Result<LifetimeFigure, FigureError> {
    let programmed =
        |group: &Group| group.populations.iter().any(|of| of.places.iter().any(|&place| holds(scene, place)));
    let (groups, mut left_out) = drawn(&scene.report.groups, programmed, "nothing programmed, or nothing computed");
    let mut courses = Vec::new();
    for group in &groups {
        courses.push(group.populations.iter().map(|of| course(scene, of)).collect::<Result<Vec<_>, _>>()?);
    }
    let all = || courses.iter().flatten().flatten();
    let resolution = all().map(Course::resolution).fold(0.0, f64::max);
    let tail = all().any(|course| course.carries(TAIL));
    // All in one way, that they can be compared.
    let loss = groups.iter().any(|group| group.kept_threshold > LOSS_FROM);
    let mut panels: Vec<Panel> =
        groups.iter().zip(&courses).map(|(group, courses)| Panel::Chart(chart(scene, group, courses, loss))).collect();
    let last = columns(panels.len()) - 1;
    if let (Some(Panel::Chart(chart)), Some(&group)) = (panels.get_mut(last), groups.get(last)) {
        legend(chart, group, tail);
    }
    let (what, line) = if loss { ("loses", "the mean of the cells") } else { ("keeps", "the median of the cells") };
    let mut caption = format!(
        "The window that a cell {what}, of what it had right after programming: {line}, with 5 to 95 % of them in the light band and 25 to \
         75 % in the dark one"
    );
    if tail {
        caption.push_str("; of 1000 cells, one keeps less than the dashed line");
    }
    caption.push_str(&if loss {
        format!(". Bands and the dashed line are read off histograms, from where a bin, {resolution:.2} wide at most, tells them.")
    } else {
        format!(". Read off histograms, evenly within a bin: a value may be off by the width of its bin, here {resolution:.2} at most.")
    });
    for (group, courses) in groups.iter().zip(&courses) {
        for (text, _) in super::celsius(group).iter().zip(courses).filter(|(_, course)| course.is_none()) {
            left_out
                .push((format!("{} at {text} °C", group.name), "nothing programmed, or nothing computed".to_owned()));
        }
    }
    Ok(LifetimeFigure {
        name: "retention",
        title: if loss { "Window lost" } else { "Window kept" },
        caption,
        left_out: sentences(left_out),
        plate: scene.plate(panels, if loss { "Window lost" } else { "Window kept" }),
    })
}

/// Whether a point was computed, and some of its cells programmed.
fn holds(scene: &Scene<'_>, place: usize) -> bool {
    scene.record.points[place].outcome.as_ref().is_some_and(|of| of.programmed > 0)
}

/// None where nothing was computed or programmed.
fn course(scene: &Scene<'_>, of: &Population) -> Result<Option<Course>, FigureError> {
    let mut pool = Pool::default();
    let times = scene.record.label.times_s.len();
    let (mut sums, mut cells) = (vec![0.0; times], 0.0);
    let mut extremes: Vec<(f64, f64)> = vec![(f64::INFINITY, f64::NEG_INFINITY); scene.record.label.times_s.len()];
    for &place in &of.places {
        let Some(outcome) = scene.record.points[place].outcome.as_ref().filter(|of| of.programmed > 0) else {
            continue;
        };
        if let Some(histograms) = scene.details.histograms(place)? {
            pool.add(&histograms.kept);
        }
        cells += outcome.programmed as f64;
        for (sum, mean) in sums.iter_mut().zip(&outcome.kept.mean) {
            *sum += outcome.programmed as f64 * mean;
        }
        for (ends, (&least, &most)) in extremes.iter_mut().zip(outcome.kept.min.iter().zip(&outcome.kept.max)) {
            *ends = (ends.0.min(least), ends.1.max(most));
        }
    }
    let Some(series) = pool.all() else {
        return Ok(None);
    };
    let times = scene.record.label.times_s.iter().zip(&extremes).enumerate();
    let after = times.filter(|(_, (time, _))| **time > 0.0);
    let (at, mean) =
        after.map(|(k, (&time, ends))| ((time, Binned::new(&series, k, ends.0, ends.1)), sums[k] / cells)).unzip();
    Ok(Some(Course { at, mean }))
}

fn chart(scene: &Scene<'_>, group: &Group, courses: &[Option<Course>], loss: bool) -> Chart {
    let drawn = || courses.iter().flatten();
    let widest = drawn().flat_map(|course| [TAIL, 0.05, 0.95].map(|share| course.curve(share)));
    let kept = widest.flatten().map(|(_, kept)| kept).filter(|kept| kept.is_finite());
    // Near 1 what is kept shows no crossing; what is lost does, on a logarithmic axis.
    let y = if loss {
        let lost = drawn().flat_map(|course| [TAIL, 0.05, MEDIAN, 0.95].map(|share| course.lost(share)));
        let losses = lost.flatten().map(|(_, lost)| lost).chain([1.0 - group.kept_threshold]);
        let axis = Axis::log("window lost (1)");
        match padded(losses.filter(|lost| (LEAST_LOSS..=10.0).contains(lost))) {
            Some((least, most)) => axis.within(least, most),
            None => axis,
        }
    } else {
        let (low, high) = ends(kept.chain([0.95 * group.kept_threshold, 1.0])).unwrap_or((0.0, 1.0));
        let room = 0.03 * (high - low).max(1e-3);
        Axis::linear("window kept (1)").within((low - room).max(-1.0), (high + room).min(3.0))
    };
    let shown = |course: &Course, share: f64| if loss { course.lost(share) } else { course.curve(share) };
    let mut curves = Vec::new();
    // The lines come first: the legend is theirs.
    for (index, course) in courses.iter().enumerate() {
        let points = course.as_ref().map_or_else(Vec::new, |course| shown(course, MEDIAN));
        let name = format!("{}, half keep less", degrees(group, index));
        curves.push(Curve::line("", points).named(name).coloured(colour(group, index)));
    }
    for (index, course) in courses.iter().enumerate() {
        let Some(course) = course else { continue };
        for ends in BANDS.into_iter().filter(|&(lower, _)| course.carries(lower)) {
            let (lower, upper) = (shown(course, ends.0), shown(course, ends.1));
            let spread = lower.iter().zip(&upper).map(|(a, b)| (a.1, b.1)).collect();
            let name = format!("{}, {} to {} %", degrees(group, index), 100.0 * ends.0, (100.0 * ends.1).round());
            let band = Curve::line("", lower).named(name).shaded(spread).styled(Style::Shade);
            curves.push(band.coloured(colour(group, index)));
        }
        if course.carries(TAIL) {
            let name = format!("{}, 0.1 % keep less", degrees(group, index));
            let tail = Curve::line("", shown(course, TAIL)).named(name).styled(Style::Dashed);
            curves.push(tail.coloured(colour(group, index)));
        }
    }
    let time = Axis::time("time after programming (s)");
    let x = match padded(scene.record.label.times_s.iter().copied()) {
        Some((first, last)) => time.within(first, last),
        None => time,
    };
    // The threshold's place in the legend: a label beside its line would lie on the curves.
    curves.push(Curve::line("", Vec::new()).styled(Style::Dashed).coloured(Colour::GREY));
    let at = if loss { 1.0 - group.kept_threshold } else { group.kept_threshold };
    Chart {
        title: group.name.clone(),
        x,
        y,
        marks: vec![Mark::Horizontal { at, label: String::new() }],
        empty: "nothing programmed, or nothing computed".to_owned(),
        curves,
        ..Chart::default()
    }
}

fn legend(chart: &mut Chart, group: &Group, tail: bool) {
    for (curve, name) in chart.curves.iter_mut().zip(names(group)) {
        curve.label = name;
    }
    if let Some(threshold) = chart.curves.last_mut() {
        threshold.label = format!("fails below {}", group.kept_threshold);
    }
    chart.shade = "5 to 95 %, 25 to 75 %".to_owned();
    if tail {
        chart.curves.push(Curve::line("0.1 % keep less", Vec::new()).styled(Style::Dashed).coloured(NEUTRAL));
    }
}
