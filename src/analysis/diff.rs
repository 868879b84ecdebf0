//! In what two files of results differ, number by number.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::Values;
use crate::outcome::{HistogramSeries, MomentSeries, PointLabel, PointOutcome};
use crate::record::{CampaignRecord, ExperimentRecord, OpenRecord, RecordError};

/// One dataset of two files.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Difference {
    pub name: String,
    /// Numbers compared, and those that differ.
    pub numbers: u64,
    pub differ: u64,
    /// Largest |a - b| over max(|a|, |b|); 1 or more where one is not a number, or the signs differ.
    pub largest: f64,
    /// Where that is, and the two numbers.
    pub at: String,
    pub values: [f64; 2],
}

/// What two files have in common, and what not.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Comparison {
    /// In what they are not the same thing: campaign, axes, materials. One line each.
    pub described: Vec<String>,
    /// What one of them lacks. One line each.
    pub missing: Vec<String>,
    /// Points, or datasets of experiments, that both hold.
    pub common: usize,
    /// Of each dataset that differs.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Whether both hold the same results, whoever computed them and whatever the campaign says.
    pub fn is_same(&self) -> bool {
        self.common > 0 && self.missing.is_empty() && self.differences.is_empty()
    }
}

/// How far two numbers are apart: 0 for the same bits (and for two that are not numbers), relative to the larger.
fn apart(a: f64, b: f64) -> f64 {
    match (a.is_nan(), b.is_nan()) {
        _ if a.to_bits() == b.to_bits() || a == b => 0.0,
        (true, true) => 0.0,
        (true, false) | (false, true) => f64::INFINITY,
        (false, false) if a.is_infinite() || b.is_infinite() => f64::INFINITY,
        (false, false) => (a - b).abs() / a.abs().max(b.abs()),
    }
}

/// Differences in the making, by dataset.
struct Tally {
    tolerance: f64,
    found: BTreeMap<String, Difference>,
}

impl Tally {
    fn compare(
        &mut self,
        name: &str,
        a: impl IntoIterator<Item = f64>,
        b: impl IntoIterator<Item = f64>,
        at: impl Fn(usize) -> String,
    ) {
        let of = self.found.entry(name.to_owned()).or_insert_with(|| Difference {
            name: name.to_owned(),
            numbers: 0,
            differ: 0,
            largest: 0.0,
            at: String::new(),
            values: [0.0; 2],
        });
        for (i, (a, b)) in a.into_iter().zip(b).enumerate() {
            of.numbers += 1;
            let distance = apart(a, b);
            if distance > self.tolerance {
                of.differ += 1;
                if distance > of.largest {
                    of.largest = distance;
                    of.at = at(i);
                    of.values = [a, b];
                }
            }
        }
    }

    fn differences(self) -> Vec<Difference> {
        self.found.into_values().filter(|of| of.differ > 0).collect()
    }
}

/// Compares two campaigns point by point: points are the same where sweeps, material and temperature are; checkpoints where their
/// times are. Numbers that are apart by no more than `tolerance`, relative, count as the same; 0 asks for the same value.
///
/// # Errors
/// [`RecordError`] for a histogram or dump that cannot be read.
pub fn campaigns(a: &CampaignRecord, b: &CampaignRecord, tolerance: f64) -> Result<Comparison, RecordError> {
    let mut found = Comparison::default();
    if let Some(what) = a.label.difference(&b.label) {
        found.described.push(format!("not the same {what}"));
    }
    let names = |of: &CampaignRecord| {
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        let mut told = |name: String| {
            // Alike by name, a value that a sweep lists twice say: told apart by their order.
            let times = known.entry(name.clone()).and_modify(|times| *times += 1).or_insert(1);
            if *times == 1 { name } else { format!("{name} (number {times})") }
        };
        of.points.iter().map(|point| told(name(of, &point.label))).collect::<Vec<_>>()
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
            found.missing.push(format!("{only} checkpoints are in {} only", of.path.display()));
        }
    }
    let (open_a, open_b) = (OpenRecord::new(a)?, OpenRecord::new(b)?);
    let mut tally = Tally { tolerance, found: BTreeMap::new() };
    let mut only = [0_usize; 2];
    let mut dumps = 0;
    for (place_a, name) in names_a.iter().enumerate() {
        let whole_a = open_a.whole(place_a)?;
        let whole_b = places.get(name.as_str()).map(|&place| open_b.whole(place)).transpose()?.flatten();
        match (whole_a, whole_b) {
            (Some(a), Some(b)) => {
                found.common += 1;
                points(&mut tally, &a, &b, &times, name);
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
            found.missing.push(format!("{only} points are in {} only", of.path.display()));
        }
    }
    if dumps > 0 {
        found.missing.push(format!("{dumps} points have a dump in one file only, or of another window"));
    }
    found.differences = tally.differences();
    Ok(found)
}

/// What a point is, whatever its number.
fn name(record: &CampaignRecord, point: &PointLabel) -> String {
    let sweeps = record.label.sweeps.iter().zip(&point.sweep_index);
    let sweeps =
        sweeps.map(|(sweep, &at)| format!("{} {}, ", sweep.name, sweep.coordinate.text(at))).collect::<String>();
    format!("{sweeps}{}, {} K", point.material, point.temperature_k)
}

fn points(tally: &mut Tally, a: &PointOutcome, b: &PointOutcome, times: &[(usize, usize)], point: &str) {
    let at_point = |_: usize| point.to_owned();
    let counts = |of: &PointOutcome| [of.cells as f64, of.programmed as f64];
    tally.compare("cells and programmed", counts(a), counts(b), at_point);
    tally.compare("fresh_conductance", [a.fresh_conductance_s], [b.fresh_conductance_s], at_point);
    let at_time = |i: usize| format!("{point}, {} s", a.times_s[times[i].0]);
    let series = |tally: &mut Tally, name: &str, x: &dyn Fn(usize) -> f64, y: &dyn Fn(usize) -> f64| {
        tally.compare(name, times.iter().map(|t| x(t.0)), times.iter().map(|t| y(t.1)), at_time);
    };
    let both: [(&str, &MomentSeries, &MomentSeries); 4] = [
        ("conductance", &a.conductance_s, &b.conductance_s),
        ("filling", &a.filling, &b.filling),
        ("lost_fraction", &a.lost_fraction, &b.lost_fraction),
        ("kept", &a.kept, &b.kept),
    ];
    for (name, x, y) in both {
        for (moment, x, y) in [
            ("mean", &x.mean, &y.mean),
            ("variance", &x.variance, &y.variance),
            ("min", &x.min, &y.min),
            ("max", &x.max, &y.max),
        ] {
            series(tally, &format!("{name}_{moment}"), &|i| x[i], &|i| y[i]);
        }
    }
    series(tally, "failed", &|i| a.failed[i] as f64, &|i| b.failed[i] as f64);
    if let (Some(x), Some(y)) = (&a.histograms, &b.histograms) {
        for (name, x, y) in [
            ("conductance", &x.conductance, &y.conductance),
            ("filling", &x.filling, &y.filling),
            ("kept", &x.kept, &y.kept),
        ] {
            histograms(tally, name, x, y, times, point);
        }
    }
    if let (Some(x), Some(y)) = (&a.dump, &b.dump)
        && x.window == y.window
    {
        for (name, x, y) in [
            ("cell_conductance", &x.conductance_s, &y.conductance_s),
            ("cell_filling", &x.filling, &y.filling),
            ("cell_lost_fraction", &x.lost_fraction, &y.lost_fraction),
        ] {
            for (i, &(j, k)) in times.iter().enumerate() {
                let plane = |of: &ndarray::Array3<f32>, t: usize| {
                    of.index_axis(ndarray::Axis(0), t).iter().map(|&v| f64::from(v)).collect::<Vec<_>>()
                };
                tally.compare(name, plane(x, j), plane(y, k), |_| at_time(i));
            }
        }
    }
}

/// Only of the same bins: counts of others cannot be compared.
fn histograms(
    tally: &mut Tally,
    name: &str,
    x: &HistogramSeries,
    y: &HistogramSeries,
    times: &[(usize, usize)],
    point: &str,
) {
    let edges = |of: &HistogramSeries| [of.low, of.high, of.counts.ncols() as f64];
    let name = format!("{name}_histogram");
    tally.compare(&name, edges(x), edges(y), |_| format!("{point}, its bins"));
    if edges(x).map(f64::to_bits) != edges(y).map(f64::to_bits) {
        return;
    }
    for &(j, k) in times {
        let row = |of: &HistogramSeries, t: usize| {
            let ends = [of.below[t] as f64, of.above[t] as f64];
            of.counts.row(t).iter().map(|&n| n as f64).chain(ends).collect::<Vec<_>>()
        };
        tally.compare(&name, row(x, j), row(y, k), |bin| format!("{point}, checkpoint {j}, bin {bin}"));
    }
}

/// Compares two experiments, variable by variable.
pub fn experiments(a: &ExperimentRecord, b: &ExperimentRecord, tolerance: f64) -> Comparison {
    let mut found = Comparison::default();
    if a.label != b.label {
        found.described.push("not the same experiment, material, seed or conditions".to_owned());
    }
    let mut tally = Tally { tolerance, found: BTreeMap::new() };
    let known = |of: &ExperimentRecord| {
        let variables = of
            .datasets
            .iter()
            .flat_map(|set| set.variables.iter().map(move |v| (format!("{}/{}", set.name, v.name), v.values.clone())));
        variables.collect::<BTreeMap<_, _>>()
    };
    let (x, y) = (known(a), known(b));
    for (of, other, path) in [(&x, &y, &a.path), (&y, &x, &b.path)] {
        let only = of.keys().filter(|name| !other.contains_key(*name));
        found.missing.extend(only.map(|name| format!("{name} is in {} only", path.display())));
    }
    for (name, x) in &x {
        let Some(y) = y.get(name) else { continue };
        found.common += 1;
        if x.shape() != y.shape() {
            found.missing.push(format!("{name} is of shape {:?} and {:?}", x.shape(), y.shape()));
            continue;
        }
        let at = |i: usize| format!("number {i}");
        match (x, y) {
            (Values::Real(x), Values::Real(y)) => tally.compare(name, x.iter().copied(), y.iter().copied(), at),
            (Values::Count(x), Values::Count(y)) => {
                tally.compare(name, x.iter().map(|&n| n as f64), y.iter().map(|&n| n as f64), at)
            }
            (Values::Text(x), Values::Text(y)) => {
                let same = |(x, y): (&String, &String)| f64::from(u8::from(x != y));
                let differ: Vec<f64> = x.iter().zip(y).map(same).collect();
                tally.compare(name, vec![0.0; differ.len()], differ, at);
            }
            _ => found.missing.push(format!("{name} is of two types")),
        }
    }
    found.differences = tally.differences();
    found
}

#[cfg(test)]
mod tests {
    use super::apart;

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
