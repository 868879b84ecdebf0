//! Compares two files of results, number by number.
//!
//! # Theory
//! Two backends agree within the rounding of single precision, and that is a share of the numbers they compute with,
//! not of the numbers that come out: a window of which 1e-9 is left is known to 1e-7 of the window, not of the 1e-9.
//! So every dataset has a *scale*, and under a tolerance `r` two numbers are the same where
//!
//! ```text
//! |a - b| <= r scale + min(r, 2^-20) max(|a|, |b|)
//! ```
//!
//! The scale is 1 for fractions (`filling`, `lost_fraction`, `kept`); for conductances the window of the point, its
//! mean conductance right after programming less the fresh one; for what has no scale of its own (and for
//! conductances without a window) the larger of the two numbers. The second term is the rounding of the numbers
//! themselves, 16 units of single precision: a conductance may be twenty windows.
//!
//! - *Moments.* Mean, smallest and largest value are numbers of the quantity. A variance is compared by its root:
//!   where each cell is apart by no more than d, so are the standard deviations.
//! - *Counts beside an edge.* A cell that is nearer to a threshold, or to the edge of a bin, than it may be apart can
//!   lie on either side. How many cells `n` are that near is read from the histogram, as if those of a bin lay evenly
//!   between its edges and the smallest and largest value; a count may be apart by `n + 4 sqrt(n)` and, where that is
//!   not 0, by one cell. Cells far from the edge move no count.
//! - *Cells* is the same in both; programmed cells may differ by the share `r` of them.
//! - *Experiments.* A variable without a unit (a filling, electrons) has the largest of its numbers for a scale, as
//!   what is caught in one dwell is a difference of fillings; one with a unit has none: currents of a sweep span ten
//!   decades, and each is known to its own digits.
//!
//! A tolerance of 0 asks for the same values.

use std::collections::{BTreeMap, BTreeSet};

use trapline_model::dataset::{Values, Variable};
use trapline_model::outcome::{CampaignRecord, HistogramSeries, MomentSeries, PointLabel, PointOutcome};
use trapline_record::{ExperimentRecord, OpenRecord, RecordError};

/// One dataset of two files.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Difference {
    pub name: String,
    /// Numbers compared, and those that differ.
    pub numbers: u64,
    pub differ: u64,
    /// At the place where the two are furthest apart, of what is allowed: |a - b| over max(|a|, |b|); 1 or more where
    /// the signs differ, infinite where one is not a number.
    pub largest: f64,
    /// |a - b| there over what is allowed; none where nothing is (a tolerance of 0).
    pub times_allowed: Option<f64>,
    /// Where that is, and the two numbers.
    pub at: String,
    pub values: [f64; 2],
}

/// The result of comparing two files.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// Differences in what was computed: campaign, axes, materials. One line each.
    pub described: Vec<String>,
    /// What only one of the files has. One line each.
    pub missing: Vec<String>,
    /// Points, or datasets of experiments, that both hold.
    pub common: usize,
    /// Of each dataset that differs.
    pub differences: Vec<Difference>,
    /// The dataset that is furthest apart, of what is allowed; none where all numbers are the same.
    pub furthest: Option<Difference>,
}

impl Comparison {
    /// Whether both hold the same results, whoever computed them and whatever the campaign says.
    pub fn is_same(&self) -> bool {
        self.common > 0 && self.missing.is_empty() && self.differences.is_empty()
    }
}

/// Rounding of a number that single precision computed: 16 units in its last place.
const ROUNDING: f64 = 1.0 / (1 << 20) as f64;
/// Standard deviations by which a number of cells beside an edge may be off its expectation.
const DEVIATIONS: f64 = 4.0;

/// How far two numbers are apart, relative to the larger: 0 for the same value (and for two that are not numbers).
fn apart(a: f64, b: f64) -> f64 {
    match (a.is_nan(), b.is_nan()) {
        _ if a.to_bits() == b.to_bits() || a == b => 0.0,
        (true, true) => 0.0,
        (true, false) | (false, true) => f64::INFINITY,
        (false, false) if a.is_infinite() || b.is_infinite() => f64::INFINITY,
        (false, false) => (a - b).abs() / a.abs().max(b.abs()),
    }
}

/// What numbers of a dataset are.
#[derive(Clone, Copy)]
enum Kind<'a> {
    /// The same in both, whatever the tolerance.
    Same,
    /// On this scale; 0 where they have none of their own.
    Scale(f64),
    /// Variances of such numbers.
    Variance(f64),
    /// Counts, of which so many cells may lie on either side of an edge.
    Counts(&'a dyn Fn(usize) -> f64),
}

impl Kind<'_> {
    /// |a - b| and how much of it is allowed.
    fn judge(self, i: usize, a: f64, b: f64, tolerance: f64) -> (f64, f64) {
        let larger = a.abs().max(b.abs());
        match self {
            Kind::Same => ((a - b).abs(), 0.0),
            Kind::Scale(scale) => ((a - b).abs(), allowed(tolerance, scale, larger)),
            Kind::Variance(scale) => ((a.sqrt() - b.sqrt()).abs(), allowed(tolerance, scale, larger.sqrt())),
            Kind::Counts(_) if tolerance == 0.0 => ((a - b).abs(), 0.0),
            Kind::Counts(moved) => ((a - b).abs(), tolerance * larger + moved(i)),
        }
    }
}

/// How far two numbers on a scale may be apart.
fn allowed(tolerance: f64, scale: f64, larger: f64) -> f64 {
    let scale = if scale > 0.0 { scale } else { larger };
    tolerance * scale + tolerance.min(ROUNDING) * larger
}

/// Differences in the making, by dataset.
struct Tally {
    tolerance: f64,
    differences: BTreeMap<String, Difference>,
}

impl Tally {
    fn new(tolerance: f64) -> Tally {
        Tally { tolerance, differences: BTreeMap::new() }
    }

    fn compare(
        &mut self,
        name: &str,
        kind: Kind<'_>,
        a: impl IntoIterator<Item = f64>,
        b: impl IntoIterator<Item = f64>,
        at: impl Fn(usize) -> String,
    ) {
        let of = self.differences.entry(name.to_owned()).or_insert_with(|| Difference {
            name: name.to_owned(),
            numbers: 0,
            differ: 0,
            largest: 0.0,
            times_allowed: None,
            at: String::new(),
            values: [0.0; 2],
        });
        for (i, (a, b)) in a.into_iter().zip(b).enumerate() {
            of.numbers += 1;
            let relative = apart(a, b);
            if relative == 0.0 {
                continue;
            }
            let times = match kind.judge(i, a, b, self.tolerance) {
                (distance, allowed) if relative.is_finite() && allowed > 0.0 => distance / allowed,
                // Nothing is allowed, or one of them is no number; the root of a negative variance is none either.
                _ => f64::INFINITY,
            };
            let times = if times.is_nan() { f64::INFINITY } else { times };
            of.differ += u64::from(times > 1.0);
            if (times, relative) > (of.times_allowed.unwrap_or(0.0), of.largest) {
                of.largest = relative;
                of.times_allowed = Some(times);
                of.at = at(i);
                of.values = [a, b];
            }
        }
    }

    /// Puts what was found into a comparison.
    fn into(self, comparison: &mut Comparison) {
        let further = |a: &&Difference, b: &&Difference| {
            let times = |of: &Difference| of.times_allowed.unwrap_or(0.0);
            times(a).total_cmp(&times(b)).then(a.largest.total_cmp(&b.largest))
        };
        let shown = |of: &Difference| {
            // Where nothing is allowed there is nothing to be so many times of.
            let times_allowed = of.times_allowed.filter(|_| self.tolerance > 0.0);
            Difference { times_allowed, ..of.clone() }
        };
        let furthest = self.differences.values().filter(|of| of.times_allowed.is_some()).max_by(further);
        comparison.furthest = furthest.map(shown);
        comparison.differences = self.differences.values().filter(|of| of.differ > 0).map(shown).collect();
    }
}

/// Compares two campaigns point by point: points are the same where sweeps, material and temperature are; checkpoints
/// where their times are. What counts as the same under a tolerance is said [above](self).
///
/// # Errors
/// [`RecordError`] for a histogram or dump that cannot be read.
pub fn campaigns(a: &CampaignRecord, b: &CampaignRecord, tolerance: f64) -> Result<Comparison, RecordError> {
    let mut comparison = Comparison::default();
    if let Some(what) = a.label.difference(&b.label) {
        comparison.described.push(format!("not the same {what}"));
    }
    let names = |of: &CampaignRecord| {
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        let mut unique_name = |name: String| {
            // Points of the same name, such as those of a value that a sweep lists twice, are numbered in their order.
            let times = known.entry(name.clone()).and_modify(|times| *times += 1).or_insert(1);
            if *times == 1 { name } else { format!("{name} (number {times})") }
        };
        of.points.iter().map(|point| unique_name(name(of, &point.label))).collect::<Vec<_>>()
    };
    let (names_a, names_b) = (names(a), names(b));
    let places: BTreeMap<&str, usize> =
        names_b.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let times: Vec<(usize, usize)> = {
        let same = |t: &f64| b.label.times_s.iter().position(|u| u.to_bits() == t.to_bits());
        a.label.times_s.iter().enumerate().filter_map(|(i, t)| Some((i, same(t)?))).collect()
    };
    for (of, other) in [(a, b), (b, a)] {
        let only =
            of.label.times_s.iter().filter(|t| other.label.times_s.iter().all(|u| u.to_bits() != t.to_bits())).count();
        if only > 0 {
            comparison.missing.push(format!("{only} checkpoints are in {} only", of.path.display()));
        }
    }
    let (open_a, open_b) = (OpenRecord::new(a)?, OpenRecord::new(b)?);
    let mut tally = Tally::new(tolerance);
    let threshold = |place: usize| a.label.settings[place].kept_threshold;
    let mut only = [0_usize; 2];
    let mut dumps = 0;
    for (place_a, name) in names_a.iter().enumerate() {
        let whole_a = open_a.whole(place_a)?;
        let whole_b = places.get(name.as_str()).map(|&place| open_b.whole(place)).transpose()?.flatten();
        match (whole_a, whole_b) {
            (Some(a), Some(b)) => {
                comparison.common += 1;
                let threshold = threshold(place_a);
                points(&mut tally, &a, &b, &times, name, threshold);
                let windows = [&a.dump, &b.dump].map(|dump| dump.as_ref().map(|dump| dump.window));
                dumps += usize::from(windows[0] != windows[1]);
            }
            (Some(_), None) => only[0] += 1,
            (None, Some(_)) => only[1] += 1,
            (None, None) => {}
        }
    }
    let known: BTreeSet<&String> = names_a.iter().collect();
    let of_b_only = |i: &usize| b.points[*i].outcome.is_some() && !known.contains(&names_b[*i]);
    only[1] += (0..names_b.len()).filter(of_b_only).count();
    for (only, of) in only.into_iter().zip([a, b]) {
        if only > 0 {
            comparison.missing.push(format!("{only} points are in {} only", of.path.display()));
        }
    }
    if dumps > 0 {
        comparison.missing.push(format!("{dumps} points have a dump in one file only, or of another window"));
    }
    tally.into(&mut comparison);
    Ok(comparison)
}

/// Names a point by its material, temperature and place on the sweeps, not by its number.
fn name(record: &CampaignRecord, point: &PointLabel) -> String {
    let sweeps = record.label.sweeps.iter().zip(&point.sweep_index);
    let sweeps =
        sweeps.map(|(sweep, &at)| format!("{} {}, ", sweep.name, sweep.coordinate.text(at))).collect::<String>();
    format!("{sweeps}{}, {} K", point.material, point.temperature_k)
}

/// Two points and the checkpoints that both have.
struct Pair<'a> {
    a: &'a PointOutcome,
    b: &'a PointOutcome,
    times: &'a [(usize, usize)],
    name: &'a str,
    tolerance: f64,
}

fn points(tally: &mut Tally, a: &PointOutcome, b: &PointOutcome, times: &[(usize, usize)], name: &str, threshold: f64) {
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
        for (moment, kind, x, y) in [
            ("mean", Kind::Scale(scale), &x.mean, &y.mean),
            ("variance", Kind::Variance(scale), &x.variance, &y.variance),
            ("min", Kind::Scale(scale), &x.min, &y.min),
            ("max", Kind::Scale(scale), &x.max, &y.max),
        ] {
            let (x, y) = (times.iter().map(|t| x[t.0]), times.iter().map(|t| y[t.1]));
            tally.compare(&format!("{quantity}_{moment}"), kind, x, y, |i| pair.at_time(i));
        }
    }
    let kept = [a, b].map(|of| of.histograms.as_ref().map(|all| Binned { counts: &all.kept, moments: &of.kept }));
    let [Some(kept_a), Some(kept_b)] = kept else {
        pair.failed(tally, &none);
        return pair.dumps(tally, window);
    };
    pair.failed(tally, &|i| pair.moved([&kept_a, &kept_b], i, &[threshold], 1.0));
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
struct Binned<'a> {
    counts: &'a HistogramSeries,
    moments: &'a MomentSeries,
}

impl Binned<'_> {
    /// Cells of a checkpoint that are expected within `reach` of an edge: those of a bin are taken to lie evenly in
    /// it, between the smallest and the largest value of all.
    fn near(&self, time: usize, edge: f64, reach: f64) -> f64 {
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
    fn at_time(&self, i: usize) -> String {
        format!("{}, {} s", self.name, self.a.times_s[self.times[i].0])
    }

    /// By how many cells a count may be apart that has these edges, at the `i`-th common checkpoint.
    fn moved(&self, both: [&Binned<'_>; 2], i: usize, edges: &[f64], scale: f64) -> f64 {
        let (j, k) = self.times[i];
        let near = |of: &Binned<'_>, time: usize| -> f64 {
            let each = edges.iter().map(|&edge| of.near(time, edge, allowed(self.tolerance, scale, edge.abs())));
            each.sum()
        };
        let cells = near(both[0], j).max(near(both[1], k));
        if cells > 0.0 { (cells + DEVIATIONS * cells.sqrt()).max(1.0) } else { 0.0 }
    }

    fn failed(&self, tally: &mut Tally, moved: &dyn Fn(usize) -> f64) {
        let (a, b) = (
            self.times.iter().map(|t| self.a.failed[t.0] as f64),
            self.times.iter().map(|t| self.b.failed[t.1] as f64),
        );
        tally.compare("failed", Kind::Counts(moved), a, b, |i| self.at_time(i));
    }

    /// Only of the same bins: counts of others cannot be compared.
    fn histogram(&self, tally: &mut Tally, name: &str, both: [Binned<'_>; 2], scale: f64) {
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

    fn dumps(&self, tally: &mut Tally, window: f64) {
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

/// Compares two experiments, variable by variable.
pub fn experiments(a: &ExperimentRecord, b: &ExperimentRecord, tolerance: f64) -> Comparison {
    let mut comparison = Comparison::default();
    if a.label != b.label {
        comparison.described.push("not the same experiment, material, seed or conditions".to_owned());
    }
    let mut tally = Tally::new(tolerance);
    fn known(of: &ExperimentRecord) -> BTreeMap<String, &Variable> {
        let named = of
            .datasets
            .iter()
            .flat_map(|set| set.variables.iter().map(move |v| (format!("{}/{}", set.name, v.name), v)));
        named.collect()
    }
    let (x, y) = (known(a), known(b));
    for (of, other, path) in [(&x, &y, &a.path), (&y, &x, &b.path)] {
        let only = of.keys().filter(|name| !other.contains_key(*name));
        comparison.missing.extend(only.map(|name| format!("{name} is in {} only", path.display())));
    }
    for (name, x) in &x {
        let Some(y) = y.get(name) else { continue };
        comparison.common += 1;
        let (unit, x, y) = (x.unit.as_str(), &x.values, &y.values);
        if x.shape() != y.shape() {
            comparison.missing.push(format!("{name} is of shape {:?} and {:?}", x.shape(), y.shape()));
            continue;
        }
        let at = |i: usize| format!("number {i}");
        match (x, y) {
            (Values::Real(x), Values::Real(y)) => {
                let finite = x.iter().chain(y).copied().filter(|value| value.is_finite());
                let scale = if unit == "1" { finite.fold(0.0, |most: f64, value| most.max(value.abs())) } else { 0.0 };
                tally.compare(name, Kind::Scale(scale), x.iter().copied(), y.iter().copied(), at);
            }
            (Values::Count(x), Values::Count(y)) => {
                let (x, y) = (x.iter().map(|&n| n as f64), y.iter().map(|&n| n as f64));
                tally.compare(name, Kind::Counts(&|_| 0.0), x, y, at);
            }
            (Values::Text(x), Values::Text(y)) => {
                let same = |(x, y): (&String, &String)| f64::from(u8::from(x != y));
                let differ: Vec<f64> = x.iter().zip(y).map(same).collect();
                tally.compare(name, Kind::Same, vec![0.0; differ.len()], differ, at);
            }
            _ => comparison.missing.push(format!("{name} is of two types")),
        }
    }
    tally.into(&mut comparison);
    comparison
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, arr1};

    use super::*;

    /// Differences of one dataset under a tolerance.
    fn compared(kind: Kind<'_>, a: f64, b: f64, tolerance: f64) -> Comparison {
        let mut tally = Tally::new(tolerance);
        tally.compare("x", kind, [a], [b], |_| "here".to_owned());
        let mut comparison = Comparison { common: 1, ..Comparison::default() };
        tally.into(&mut comparison);
        comparison
    }

    #[test]
    fn a_tolerance_is_of_the_scale_and_of_rounding() {
        let same = |kind, a, b| compared(kind, a, b, 1e-5).is_same();
        // Of a window of 1e-12 S under a conductance of 18 windows: 1e-5 of the window, and 2^-20 of the conductance.
        let (window, g) = (1e-12, 1.8e-11);
        let allowed = 1e-5 * window + g / f64::from(1 << 20);
        for (part, expected) in [(0.99, true), (1.01, false)] {
            assert_eq!(same(Kind::Scale(window), g, g - part * allowed), expected, "{part}");
        }
        assert!(!same(Kind::Scale(window), g, g + 1e-4 * window), "control: 1e-4 of the window");
        // What is left of a window, 1e-9 of it and wrong by a third, is within the rounding of the window.
        assert!(same(Kind::Scale(1.0), 1.0e-9, 0.7e-9) && !same(Kind::Scale(1.0), 0.5, 0.5 + 1e-4));
        // Without a scale the numbers are their own.
        assert!(same(Kind::Scale(0.0), 1e-9, 1.000_01e-9) && !same(Kind::Scale(0.0), 1e-9, 1.000_02e-9));
        // A standard deviation of 1e-3, apart by 0.9e-5 and by 1.1e-5; its square by 1.8 %.
        let square = |sd: f64| sd * sd;
        assert!(same(Kind::Variance(1.0), square(1e-3), square(1e-3 + 0.9e-5)));
        assert!(!same(Kind::Variance(1.0), square(1e-3), square(1e-3 + 1.1e-5)));
        assert!(same(Kind::Variance(1.0), 0.0, 1e-16) && !same(Kind::Variance(1.0), -1.0, 1e-16));
        // A number against none, whatever the scale; none against none.
        for kind in [Kind::Scale(1.0), Kind::Variance(1.0), Kind::Scale(0.0), Kind::Counts(&|_| 1e9)] {
            assert!(!same(kind, f64::NAN, 1.0) && !same(kind, 1.0, f64::INFINITY), "NaN passes");
            assert!(same(kind, f64::NAN, f64::NAN));
        }
        assert!(!same(Kind::Same, 1.0, 1.0 + 1e-15));
        // At a tolerance of 0 nothing but the value itself.
        for kind in [Kind::Scale(1.0), Kind::Variance(1.0), Kind::Counts(&|_| 5.0)] {
            let comparison = compared(kind, 1.0, 1.0 + 1e-15, 0.0);
            let of = comparison.furthest.clone().expect("they differ");
            assert!(!comparison.is_same() && of.times_allowed.is_none() && of.largest < 1.2e-15, "{of:?}");
        }
        // How far, in parts of what is allowed: also of what is the same.
        let times = |b: f64| compared(Kind::Scale(1.0), 0.0, b, 1e-5).furthest.and_then(|of| of.times_allowed);
        for (b, expected) in [(2e-6, 0.2), (3e-4, 30.0)] {
            // What is added for rounding is 2^-20 of b: 1e-5 of the answer for the first, 3e-5 for the second.
            assert!(times(b).is_some_and(|found| (found / expected - 1.0).abs() < 1e-4), "{:?}", times(b));
        }
        assert_eq!(times(0.0), None);
    }

    /// A thousand cells in ten bins from 0 to 1, of which 400 lie in the fifth, between these values.
    fn binned(least: f64, most: f64) -> (HistogramSeries, MomentSeries) {
        let mut counts = Array2::zeros((1, 10));
        counts[[0, 4]] = 400;
        let none = || Array1::zeros(1);
        let series = HistogramSeries { low: 0.0, high: 1.0, counts, below: none(), above: none() };
        let of = |value: f64| arr1(&[value]);
        (series, MomentSeries { mean: of(0.45), variance: of(0.0), min: of(least), max: of(most) })
    }

    #[test]
    fn cells_beside_an_edge_are_counted_by_the_histogram() {
        let near = |least, most, edge, reach| {
            let (counts, moments) = binned(least, most);
            Binned { counts: &counts, moments: &moments }.near(0, edge, reach)
        };
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} of {expected}");
        // 400 cells over 0.1: within 1e-3 to both sides of 0.45 there are 8, of an edge of the bin half of them, and
        // of 0.55 none.
        close(near(0.0, 1.0, 0.45, 1e-3), 8.0);
        close(near(0.0, 1.0, 0.4, 1e-3), 4.0);
        assert_eq!(near(0.0, 1.0, 0.55, 1e-3), 0.0);
        // Over 0.02 of the bin they lie closer; beyond their ends there are none.
        close(near(0.44, 0.46, 0.45, 1e-3), 40.0);
        assert_eq!(near(0.44, 0.46, 0.43, 1e-3), 0.0);
        // Cells that are all alike: all of them, or none.
        assert_eq!((near(0.45, 0.45, 0.4505, 1e-3), near(0.45, 0.45, 0.452, 1e-3)), (400.0, 0.0));
        // What no array can be is no panic either.
        for (least, most) in [(f64::NAN, f64::NAN), (2.0, -2.0), (f64::INFINITY, 0.0)] {
            assert!(!near(least, most, 0.45, 1e-3).is_sign_negative());
        }
        let (mut counts, moments) = binned(0.0, 1.0);
        counts.high = 0.0;
        assert!(Binned { counts: &counts, moments: &moments }.near(0, 0.45, 1e-3) >= 0.0);
        counts.counts = Array2::zeros((1, 0));
        assert_eq!(Binned { counts: &counts, moments: &moments }.near(0, 0.45, 1e-3), 0.0);
    }

    #[test]
    fn distances_are_relative_and_know_what_is_no_number() {
        assert_eq!(apart(1.0, 1.0), 0.0);
        assert_eq!(apart(0.0, -0.0), 0.0);
        assert_eq!(apart(f64::NAN, f64::NAN), 0.0);
        assert!((apart(1e-30, 1.01e-30) - 0.01 / 1.01).abs() < 1e-12);
        assert_eq!(apart(1.0, 0.0), 1.0);
        assert_eq!(apart(1.0, -1.0), 2.0);
        assert_eq!(apart(1.0, f64::NAN), f64::INFINITY);
        assert_eq!(apart(f64::INFINITY, 1.0), f64::INFINITY);
        assert_eq!(apart(f64::INFINITY, f64::INFINITY), 0.0);
    }
}
