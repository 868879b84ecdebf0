//! Figures of a benchmark: times over sizes, kernels under the limits of their devices, and how many times as fast as
//! the processor a GPU is.

use std::path::{Path, PathBuf};

use super::chart::{Chart, Curve, Mark, Style};
use super::plate::{Panel, Plate, stage_plate};
use super::{Axis, Colour, FigureError, Look};
use crate::analysis::benchmark::{Benchmark, Ceiling, Problem, Role};
use trapline_model::files::commit::Batch;

/// A figure of a benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchmarkFigure {
    /// Of its files, `NAME.png` and `NAME.svg`.
    pub name: &'static str,
    pub title: &'static str,
    pub caption: String,
    pub plate: Plate,
}

/// Names of all figures there may be.
pub const NAMES: [&str; 3] = ["scaling", "roofline", "crossover"];

/// Grey of a roof.
const ROOF: Colour = Colour(90, 90, 90);

/// The figures of a benchmark: without the last two where no limit was measured, or no GPU.
pub fn benchmark(of: &Benchmark) -> Vec<BenchmarkFigure> {
    [scaling(of), roofline(of), crossover(of)].into_iter().flatten().collect()
}

/// Writes them into a folder.
///
/// # Errors
/// [`FigureError`].
pub fn stage(
    batch: &mut Batch,
    figures: &[BenchmarkFigure],
    folder: &Path,
    look: &Look,
) -> Result<Vec<PathBuf>, FigureError> {
    let mut paths = Vec::new();
    for figure in figures {
        paths.extend(stage_plate(batch, &figure.plate, &folder.join(figure.name), look)?);
    }
    Ok(paths)
}

/// The sizes that were measured, as an axis.
fn lines_axis(of: &Benchmark) -> Axis {
    let mut sizes: Vec<u64> = of.measurements.iter().map(|row| row.lines).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let axis = Axis::log("lines of the array (1)");
    match (sizes.first(), sizes.last()) {
        (Some(&first), Some(&last)) => {
            let ticks = sizes.iter().map(|&lines| (lines as f64, lines.to_string()));
            axis.ticked(ticks).within(first as f64 / 1.3, last as f64 * 1.3)
        }
        _ => axis,
    }
}

fn measured_problems(of: &Benchmark) -> Vec<Problem> {
    let is_measured = |problem: &Problem| of.measurements.iter().any(|row| row.problem == *problem);
    Problem::ALL.into_iter().filter(is_measured).collect()
}

fn scaling(of: &Benchmark) -> Option<BenchmarkFigure> {
    let panel = |problem: Problem| {
        let curve = |device: usize| {
            let rows = of.over_sizes(device, problem);
            let points = rows.iter().map(|row| (row.lines as f64, row.time_s.median)).collect();
            let bars = rows.iter().map(|row| (row.time_s.low, row.time_s.high)).collect();
            Curve::line(of.devices[device].name.clone(), points)
                .styled(Style::LineAndDots)
                .coloured(Colour::distinct(device))
                .barred(bars)
        };
        let measured = (0..of.devices.len()).filter(|&device| !of.over_sizes(device, problem).is_empty());
        Panel::Chart(Chart {
            title: problem.title().to_owned(),
            x: lines_axis(of),
            y: Axis::log("time of a call (s)"),
            curves: measured.map(curve).collect(),
            ..Chart::default()
        })
    };
    let panels: Vec<Panel> = measured_problems(of).into_iter().map(panel).collect();
    (!panels.is_empty()).then(|| BenchmarkFigure {
        name: "scaling",
        title: "Time to solution over the size",
        caption: format!(
            "Median time of a call from the job to the numbers on the host, set-up and compilation done before; bars: \
             {} % bounds of the median. A square array has as many cells as its lines squared.",
            100.0 * of.settings.confidence
        ),
        plate: Plate { title: None, panels, columns: 2 },
    })
}

/// The least and the most of some numbers, widened by a factor.
fn widened(values: impl Iterator<Item = f64>, factor: f64) -> Option<(f64, f64)> {
    let (low, high) =
        values.fold((f64::INFINITY, 0.0), |(low, high), value| (f64::min(low, value), f64::max(high, value)));
    (low < high && low > 0.0).then(|| (low / factor, high * factor))
}

fn roofline(of: &Benchmark) -> Option<BenchmarkFigure> {
    let counted = || of.measurements.iter().filter_map(|row| Some((row, row.intensity()?, row.operations_per_s()?)));
    let with_ceiling: Vec<(usize, Ceiling)> = (0..of.devices.len())
        .filter(|&device| counted().any(|(row, ..)| row.device == device))
        .filter_map(|device| Some((device, of.devices[device].ceiling?)))
        .collect();
    let ridge = |ceiling: &Ceiling| ceiling.f32_per_s / ceiling.copy_bytes_per_s;
    let shown = || counted().filter(|(row, ..)| with_ceiling.iter().any(|(device, _)| *device == row.device));
    let ridges = || with_ceiling.iter().map(|(_, ceiling)| ridge(ceiling));
    let (left, right) = widened(shown().map(|(_, intensity, _)| intensity).chain(ridges()), 3.0)?;
    let tops = with_ceiling.iter().map(|(_, ceiling)| ceiling.f32_per_s);
    let (bottom, top) = widened(shown().map(|(.., rate)| rate).chain(tops), 2.0)?;
    let panel = |&(device, ceiling): &(usize, Ceiling)| {
        let roof = [left, ridge(&ceiling), right].map(|at| (at, ceiling.attainable_per_s(at)));
        let mut curves = vec![Curve::line("measured limits", roof.to_vec()).styled(Style::Line).coloured(ROOF)];
        for (rank, problem) in Problem::ALL.into_iter().enumerate() {
            let rows = of.over_sizes(device, problem);
            let points: Vec<_> =
                rows.iter().filter_map(|row| Some((row.intensity()?, row.operations_per_s()?))).collect();
            if !points.is_empty() {
                let colour = Colour::distinct(rank);
                curves.push(Curve::line(problem.title(), points).styled(Style::Dots).coloured(colour));
            }
        }
        Panel::Chart(Chart {
            title: of.devices[device].name.clone(),
            x: Axis::log("operations per byte of traffic (1/B)").within(left, right),
            y: Axis::log("operations per second (1/s)").within(bottom, top),
            curves,
            ..Chart::default()
        })
    };
    let panels: Vec<Panel> = with_ceiling.iter().map(panel).collect();
    (!panels.is_empty()).then(|| BenchmarkFigure {
        name: "roofline",
        title: "Kernels under the limits of their devices",
        caption: "Grey: the most that the measured copy bandwidth (slope) and the measured rate of f32 (flat) allow. \
                  Dots: a problem at each size. Operations and traffic are counted by hand; where electrons are \
                  counted they are not, since integers decide there. A dot above the slope has its data in a cache."
            .to_owned(),
        plate: Plate { title: None, panels, columns: 2 },
    })
}

fn crossover(of: &Benchmark) -> Option<BenchmarkFigure> {
    let panel = |device: usize| {
        let curve = |(rank, problem): (usize, Problem)| {
            let rows = of.over_sizes(device, problem);
            let points: Vec<(f64, f64)> =
                rows.iter().filter_map(|row| Some((row.lines as f64, row.derived.over_all_threads?))).collect();
            let styled = Curve::line(problem.title(), points).styled(Style::LineAndDots);
            (!rows.is_empty()).then(|| styled.coloured(Colour::distinct(rank)))
        };
        Panel::Chart(Chart {
            title: of.devices[device].name.clone(),
            x: lines_axis(of),
            y: Axis::log("times as fast as all threads (1)"),
            curves: Problem::ALL.into_iter().enumerate().filter_map(curve).collect(),
            marks: vec![Mark::Horizontal { at: 1.0, label: "alike".to_owned() }],
            ..Chart::default()
        })
    };
    let is_shown = |device: &usize| {
        matches!(of.devices[*device].role, Role::Gpu | Role::Software)
            && of.overtakings.iter().any(|found| found.device == *device)
    };
    let panels: Vec<Panel> = (0..of.devices.len()).filter(is_shown).map(panel).collect();
    (!panels.is_empty()).then(|| BenchmarkFigure {
        name: "crossover",
        title: "Where a GPU overtakes the processor",
        caption: "How many times as fast as all threads of the processor, at the same size; above 1 the GPU leads. \
                  A software adapter is the processor itself under the API of a GPU."
            .to_owned(),
        plate: Plate { title: None, panels, columns: 2 },
    })
}
