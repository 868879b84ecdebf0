//! The datasets of one point in two files: moments, counts, histograms, dumps.

use trapline_model::cell::read::Judging;
use trapline_model::outcome::{HistogramSeries, MERITS, MeritIs, MomentSeries, PointOutcome, PointSettings};

use crate::analysis::limits;

use super::tally::{DEVIATIONS, Kind, Tally, allowed};

/// Two points and the checkpoints that both have.
pub(super) struct Pair<'a> {
    pub(super) a: &'a PointOutcome,
    pub(super) b: &'a PointOutcome,
    pub(super) times: &'a [(usize, usize)],
    pub(super) name: &'a str,
    pub(super) tolerance: f64,
}

pub(super) fn points(
    tally: &mut Tally,
    a: &PointOutcome,
    b: &PointOutcome,
    times: &[(usize, usize)],
    name: &str,
    settings: &PointSettings,
) {
    let pair = Pair { a, b, times, name, tolerance: tally.tolerance };
    let at_point = |_: usize| name.to_owned();
    tally.compare("cells", Kind::Same, [a.cells as f64], [b.cells as f64], at_point);
    let none = |_: usize| 0.0;
    tally.compare("programmed", Kind::Counts(&none), [a.programmed as f64], [b.programmed as f64], at_point);
    let fresh = [a, b].map(|of| of.fresh_conductance_s);
    tally.compare("fresh_conductance", Kind::Scale(0.0), [fresh[0]], [fresh[1]], at_point);
    let window =
        [a, b].map(|of| of.conductance_s.mean.first().map_or(0.0, |mean| (mean - of.fresh_conductance_s).abs()));
    let window = window[0].max(window[1]);
    let both: [(&str, f64, &MomentSeries, &MomentSeries); 4] = [
        ("conductance", window, &a.conductance_s, &b.conductance_s),
        ("filling", 1.0, &a.filling, &b.filling),
        ("lost_fraction", 1.0, &a.lost_fraction, &b.lost_fraction),
        ("kept", 1.0, &a.kept, &b.kept),
    ];
    for (quantity, scale, x, y) in both {
        let magnitude = |of: &MomentSeries| of.max.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        let largest = magnitude(x).max(magnitude(y));
        for (moment, kind, x, y) in [
            ("mean", Kind::Scale(scale), &x.mean, &y.mean),
            ("variance", Kind::Variance(scale, largest), &x.variance, &y.variance),
            ("min", Kind::Scale(scale), &x.min, &y.min),
            ("max", Kind::Scale(scale), &x.max, &y.max),
        ] {
            let (x, y) = (times.iter().map(|t| x[t.0]), times.iter().map(|t| y[t.1]));
            tally.compare(&format!("{quantity}_{moment}"), kind, x, y, |i| pair.at_time(i));
        }
    }
    pair.circuits(tally);
    let kept = [a, b].map(|of| of.histograms.as_ref().map(|all| Binned { counts: &all.kept, moments: &of.kept }));
    let [Some(kept_a), Some(kept_b)] = kept else {
        pair.failed(tally, &none);
        return pair.dumps(tally, window);
    };
    let threshold = settings.kept_threshold;
    match limits::noise_of_window(a, settings, limits::reading_s(settings)) {
        Some(noise) if settings.judged != Judging::Kept => {
            pair.failed(tally, &|i| pair.moved_readings(noise, i, settings.judged.is_first(), threshold));
        }
        _ => pair.failed(tally, &|i| pair.moved([&kept_a, &kept_b], i, &[threshold], 1.0)),
    }
    if let (Some(x), Some(y)) = (&a.histograms, &b.histograms) {
        for (quantity, scale, x, y, of_x, of_y) in [
            ("conductance", window, &x.conductance, &y.conductance, &a.conductance_s, &b.conductance_s),
            ("filling", 1.0, &x.filling, &y.filling, &a.filling, &b.filling),
            ("kept", 1.0, &x.kept, &y.kept, &a.kept, &b.kept),
        ] {
            let both = [Binned { counts: x, moments: of_x }, Binned { counts: y, moments: of_y }];
            pair.histogram(tally, &format!("{quantity}_histogram"), both, scale);
        }
    }
    pair.dumps(tally, window);
}

/// Cells by bins of a quantity, and between which values they lie.
pub(super) struct Binned<'a> {
    pub(super) counts: &'a HistogramSeries,
    pub(super) moments: &'a MomentSeries,
}

impl Binned<'_> {
    /// Cells of a checkpoint that are expected within `reach` of an edge: those of a bin are taken to lie evenly in
    /// it, between the smallest and the largest value of all.
    pub(super) fn near(&self, time: usize, edge: f64, reach: f64) -> f64 {
        let of = self.counts;
        let (bins, least, most) = (of.counts.ncols(), self.moments.min[time], self.moments.max[time]);
        if bins == 0 {
            return 0.0;
        }
        let width = (of.high - of.low) / bins as f64;
        let within = |count: u64, low: f64, high: f64| {
            let (low, high) = if least <= most { (low.max(least), high.min(most)) } else { (low, high) };
            let (from, to) = (low.max(edge - reach), high.min(edge + reach));
            // Ends that rounding has put the wrong way round hold the cells all the same.
            let (length, inside) = ((high - low).max(0.0), to - from);
            if count == 0 || inside < -reach {
                0.0
            } else if length <= 2.0 * reach {
                count as f64
            } else {
                count as f64 * inside.max(0.0) / length
            }
        };
        let bin = |k: usize| within(of.counts[[time, k]], of.low + k as f64 * width, of.low + (k + 1) as f64 * width);
        let place = |x: f64| ((x - of.low) / width).floor().clamp(0.0, (bins - 1) as f64) as usize;
        let inside: f64 = (place(edge - reach)..=place(edge + reach)).map(bin).sum();
        let below = within(of.below[time], f64::NEG_INFINITY.max(least.min(of.low)), of.low);
        let above = within(of.above[time], of.high, most.max(of.high));
        inside + below + above
    }
}

impl Pair<'_> {
    pub(super) fn at_time(&self, i: usize) -> String {
        format!("{}, {} s", self.name, self.a.times_s[self.times[i].0])
    }

    /// By how many cells a count may be apart that has these edges, at the `i`-th common checkpoint.
    pub(super) fn moved(&self, both: [&Binned<'_>; 2], i: usize, edges: &[f64], scale: f64) -> f64 {
        let (j, k) = self.times[i];
        let near = |of: &Binned<'_>, time: usize| -> f64 {
            let each = edges.iter().map(|&edge| of.near(time, edge, allowed(self.tolerance, scale, edge.abs())));
            each.sum()
        };
        let cells = near(both[0], j).max(near(both[1], k));
        if cells > 0.0 { (cells + DEVIATIONS * cells.sqrt()).max(1.0) } else { 0.0 }
    }

    /// By how many cells the failed may be apart that readings of this noise judge: those within reach of the
    /// threshold, of which there are at most 1/(sqrt(2 pi) noise) in a unit, whatever cells keep; and of all readings
    /// before, where the first failing one counts.
    fn moved_readings(&self, noise: f64, i: usize, first: bool, threshold: f64) -> f64 {
        let readings = if first { self.times[i].0 + 1 } else { 1 };
        let reach = allowed(self.tolerance, 1.0, threshold);
        let share = 2.0 * reach / (noise * (2.0 * std::f64::consts::PI).sqrt());
        let cells = self.a.programmed.max(self.b.programmed) as f64 * readings as f64 * share;
        if cells > 0.0 { (cells + DEVIATIONS * cells.sqrt()).max(1.0) } else { 0.0 }
    }

    pub(super) fn failed(&self, tally: &mut Tally, moved: &dyn Fn(usize) -> f64) {
        let (a, b) = (
            self.times.iter().map(|t| self.a.failed[t.0] as f64),
            self.times.iter().map(|t| self.b.failed[t.1] as f64),
        );
        tally.compare("failed", Kind::Counts(moved), a, b, |i| self.at_time(i));
    }

    /// Only of the same bins: counts of others cannot be compared.
    pub(super) fn histogram(&self, tally: &mut Tally, name: &str, both: [Binned<'_>; 2], scale: f64) {
        let [x, y] = both.each_ref().map(|of| of.counts);
        let at = |_: usize| format!("{}, its bins", self.name);
        let (bins, edges) =
            (|of: &HistogramSeries| [of.counts.ncols() as f64], |of: &HistogramSeries| [of.low, of.high]);
        tally.compare(name, Kind::Same, bins(x), bins(y), at);
        tally.compare(name, Kind::Scale(scale), edges(x), edges(y), at);
        let near = |(a, b): (f64, f64)| (a - b).abs() <= allowed(self.tolerance, scale, a.abs().max(b.abs()));
        if bins(x) != bins(y) || !edges(x).into_iter().zip(edges(y)).all(near) {
            return;
        }
        let count = x.counts.ncols();
        let edge = |k: usize| x.low + (x.high - x.low) * k as f64 / count as f64;
        for (i, &(j, k)) in self.times.iter().enumerate() {
            let row = |of: &HistogramSeries, time: usize| {
                let ends = [of.below[time] as f64, of.above[time] as f64];
                of.counts.row(time).iter().map(|&n| n as f64).chain(ends).collect::<Vec<_>>()
            };
            let moved = |place: usize| {
                let edges = match place {
                    below if below == count => vec![edge(0)],
                    above if above == count + 1 => vec![edge(count)],
                    bin => vec![edge(bin), edge(bin + 1)],
                };
                self.moved([&both[0], &both[1]], i, &edges, scale)
            };
            let at = |bin: usize| format!("{}, checkpoint {j}, bin {bin}", self.name);
            tally.compare(name, Kind::Counts(&moved), row(x, j), row(y, k), at);
        }
    }

    /// Figures of merit at the times that both have.
    fn circuits(&self, tally: &mut Tally) {
        let (Some(x), Some(y)) = (&self.a.circuit, &self.b.circuit) else { return };
        let common: Vec<(usize, usize)> = x
            .times_s
            .iter()
            .enumerate()
            .filter_map(|(i, t)| Some((i, y.times_s.iter().position(|u| u.to_bits() == t.to_bits())?)))
            .collect();
        let at = |i: usize| format!("{}, {} s", self.name, x.times_s[common[i].0]);
        for (place, merit) in MERITS.iter().enumerate() {
            let values = [x, y].map(|of| of.values.column(place));
            let (a, b) = (common.iter().map(|t| values[0][t.0]), common.iter().map(|t| values[1][t.1]));
            // A bit line beside the threshold may lie on either side.
            let one = |_: usize| 1.0;
            let kind = match merit.units {
                "1" if place == MeritIs::ColumnsFailed as usize => Kind::Counts(&one),
                "1" | "dB" => Kind::Scale(1.0),
                _ => Kind::Scale(0.0),
            };
            tally.compare(&format!("circuit_{}", merit.name), kind, a, b, at);
        }
    }

    pub(super) fn dumps(&self, tally: &mut Tally, window: f64) {
        let (Some(x), Some(y)) = (&self.a.dump, &self.b.dump) else { return };
        if x.window != y.window {
            return;
        }
        for (name, scale, x, y) in [
            ("cell_conductance", window, &x.conductance_s, &y.conductance_s),
            ("cell_filling", 1.0, &x.filling, &y.filling),
            ("cell_lost_fraction", 1.0, &x.lost_fraction, &y.lost_fraction),
        ] {
            for (i, &(j, k)) in self.times.iter().enumerate() {
                let plane = |of: &ndarray::Array3<f32>, t: usize| {
                    of.index_axis(ndarray::Axis(0), t).iter().map(|&v| f64::from(v)).collect::<Vec<_>>()
                };
                tally.compare(name, Kind::Scale(scale), plane(x, j), plane(y, k), |_| self.at_time(i));
            }
        }
    }
}
