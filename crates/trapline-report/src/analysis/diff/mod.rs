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

mod points;
mod tally;

use std::collections::{BTreeMap, BTreeSet};

use trapline_model::dataset::{Values, Variable};
use trapline_model::outcome::{CampaignRecord, PointLabel};
use trapline_record::{ExperimentRecord, OpenRecord, RecordError};

use points::points;
use tally::{Kind, Tally};

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
    let settings = |place: usize| &a.label.settings[place];
    let mut only = [0_usize; 2];
    let (mut dumps, mut circuits) = (0, 0);
    for (place_a, name) in names_a.iter().enumerate() {
        let whole_a = open_a.whole(place_a)?;
        let whole_b = places.get(name.as_str()).map(|&place| open_b.whole(place)).transpose()?.flatten();
        match (whole_a, whole_b) {
            (Some(a), Some(b)) => {
                comparison.common += 1;
                points(&mut tally, &a, &b, &times, name, settings(place_a));
                let windows = [&a.dump, &b.dump].map(|dump| dump.as_ref().map(|dump| dump.window));
                dumps += usize::from(windows[0] != windows[1]);
                circuits += usize::from(a.circuit.is_some() != b.circuit.is_some());
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
    if circuits > 0 {
        comparison.missing.push(format!("{circuits} points are read through wires in one file only"));
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
mod tests;
