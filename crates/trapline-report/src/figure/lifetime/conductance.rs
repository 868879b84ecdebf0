//! Conductance of the cells against time, as a map of where how many of them are.

use ndarray::Array2;

use super::super::heat::Heat;
use super::super::plate::{Panel, Plate};
use super::super::{Axis, Chart, FigureError, Mark};
use super::{LifetimeFigure, Scene, celsius, drawn, ends, filled, grid, padded, sentences, some_drawn, spread_out};
use crate::analysis::quantile::Pool;
use crate::analysis::report::Group;
use trapline_model::outcome::HistogramSeries;

/// Columns narrower than a point of the page cannot be seen.
const MOST_COLUMNS: usize = 240;

pub(super) fn figure(scene: &Scene<'_>) -> Result<LifetimeFigure, FigureError> {
    let computed = |group: &Group| group.populations.iter().any(|of| of.computed > 0);
    let (groups, mut left_out) = drawn(&scene.report.groups, computed, "nothing was computed");
    let (each, columns) = grid(groups.len());
    let mut panels = Vec::new();
    let range = (least_share(scene), 1.0);
    for group in groups {
        let computed: Vec<usize> =
            (0..group.populations.len()).filter(|&i| group.populations[i].computed > 0).collect();
        let chosen = spread_out(&computed, each);
        left_out.extend(some_drawn(group, &chosen, computed.len()));
        for &index in &chosen {
            panels.push(Panel::Chart(chart(scene, group, index, range)?));
        }
        if each > 1 {
            panels = filled(panels, columns);
        }
    }
    let few = panels.len().min(columns).max(1);
    let title = Some(format!("Conductance of the cells, {}", scene.report.campaign));
    Ok(LifetimeFigure {
        name: "conductance",
        title: "Conductance against time",
        caption: "How many of the cells have which conductance at each checkpoint, in colour on a logarithmic scale; white: none. The \
                  dashed line is a cell without charge and without variation, at which a cell that has lost everything arrives."
            .to_owned(),
        left_out: sentences(left_out),
        plate: (!panels.is_empty()).then_some(Plate { title, panels, columns: few }),
    })
}

/// A power of ten that no share of the cells lies below.
fn least_share(scene: &Scene<'_>) -> f64 {
    let cells = scene.record.points.iter().filter_map(|point| Some(point.outcome.as_ref()?.cells));
    let most = cells.max().unwrap_or(1).max(10) as f64;
    libm::pow(10.0, -libm::ceil(libm::log10(most) - 1e-9)).max(1e-6)
}

fn chart(scene: &Scene<'_>, group: &Group, index: usize, range: (f64, f64)) -> Result<Chart, FigureError> {
    let of = &group.populations[index];
    let (mut pool, mut first) = (Pool::default(), None);
    for &place in &of.places {
        if let Some(histograms) = scene.details.histograms(place)? {
            pool.add(&histograms.conductance);
            first.get_or_insert(histograms.conductance);
        }
    }
    let series = pool.all().or(first);
    let outcomes = || of.places.iter().filter_map(|&place| scene.record.points[place].outcome.as_ref());
    let extremes = outcomes().flat_map(|of| of.conductance_s.min.iter().chain(&of.conductance_s.max).copied());
    let fresh = outcomes().next().map_or(f64::NAN, |of| of.fresh_conductance_s);
    let (low, high) = ends(extremes.chain([fresh])).unwrap_or((0.0, 1.0));
    let room = 0.05 * (high - low).max(1e-3 * high.abs()).max(1e-300);
    let time = Axis::time("time after programming (s)");
    let times = &scene.record.label.times_s;
    Ok(Chart {
        title: format!("{}, {} °C", group.name, celsius(group)[index]),
        x: match padded(times.iter().copied()) {
            Some((first, last)) => time.within(first, last),
            None => time,
        },
        y: Axis::linear("conductance (S)").within(low - room, high + room),
        heat: series.map(|series| Box::new(heat(&series, times, range))),
        marks: vec![Mark::Horizontal { at: fresh, label: "without charge".to_owned() }],
        empty: "no checkpoint after t = 0, or no cell within the bins".to_owned(),
        ..Chart::default()
    })
}

/// Shares of the cells: a column for each checkpoint after 0, from the middle to the one before to the middle to the
/// next.
fn heat(series: &HistogramSeries, times_s: &[f64], range: (f64, f64)) -> Heat {
    let after: Vec<usize> = (0..times_s.len()).filter(|&k| times_s[k] > 0.0).collect();
    let shown = spread_out(&after, MOST_COLUMNS);
    let at: Vec<f64> = shown.iter().map(|&k| times_s[k]).collect();
    let total = |k: usize| {
        let outside = (series.below[k] as f64) + (series.above[k] as f64);
        series.counts.row(k).iter().fold(outside, |sum, &n| sum + n as f64).max(1.0)
    };
    let values = Array2::from_shape_fn((series.counts.ncols(), shown.len()), |(bin, column)| {
        series.counts[[shown[column], bin]] as f64 / total(shown[column])
    });
    Heat {
        x_edges: between(&at),
        y_edges: series.edges().to_vec(),
        values,
        label: "share of the cells (1)".to_owned(),
        range: Some(range),
        log: true,
    }
}

/// Edges about times, halfway on a logarithmic axis; the outer ones as far out as the next ones are inside.
fn between(times_s: &[f64]) -> Vec<f64> {
    let middle = |a: f64, b: f64| libm::sqrt(a) * libm::sqrt(b);
    match times_s {
        [] => Vec::new(),
        [one] => vec![one / 1.5, one * 1.5],
        [first, .., last] => {
            let inner: Vec<f64> = times_s.windows(2).map(|pair| middle(pair[0], pair[1])).collect();
            let (left, right) = (first * first / inner[0], last * last / inner[inner.len() - 1]);
            std::iter::once(left).chain(inner.iter().copied()).chain([right]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr1, arr2};

    #[test]
    fn shares_stand_about_their_checkpoints() {
        let series = HistogramSeries {
            low: 1.0,
            high: 3.0,
            counts: arr2(&[[4, 0], [3, 1], [0, 2]]),
            below: arr1(&[0, 0, 1]),
            above: arr1(&[0, 0, 1]),
        };
        let heat = heat(&series, &[0.0, 1.0, 100.0], (0.1, 1.0));
        assert_eq!(heat.values, arr2(&[[0.75, 0.0], [0.25, 0.5]]));
        assert_eq!(heat.y_edges, [1.0, 2.0, 3.0]);
        for (edge, expected) in heat.x_edges.iter().zip([0.1, 10.0, 1000.0]) {
            assert!((edge / expected - 1.0).abs() < 1e-15, "{edge}");
        }
        assert!(between(&[]).is_empty() && between(&[2.0]).len() == 2);
    }
}
