//! The differences of datasets, number by number, against what a tolerance allows.

use std::collections::BTreeMap;

use super::{Comparison, Difference};

/// Rounding of a number that single precision computed: 16 units in its last place.
pub(super) const ROUNDING: f64 = 1.0 / (1 << 20) as f64;

/// Standard deviations by which a number of cells beside an edge may be off its expectation.
pub(super) const DEVIATIONS: f64 = 4.0;

/// How far two numbers are apart, relative to the larger: 0 for the same value (and for two that are not numbers).
pub(super) fn apart(a: f64, b: f64) -> f64 {
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
pub(super) enum Kind<'a> {
    /// The same in both, whatever the tolerance.
    Same,
    /// On this scale; 0 where they have none of their own.
    Scale(f64),
    /// Variances of such numbers, of which the largest is the second number: what rounding leaves of a spread goes by
    /// the numbers, however little they differ.
    Variance(f64, f64),
    /// Counts, of which so many cells may lie on either side of an edge.
    Counts(&'a dyn Fn(usize) -> f64),
}

impl Kind<'_> {
    /// |a - b| and how much of it is allowed.
    pub(super) fn judge(self, i: usize, a: f64, b: f64, tolerance: f64) -> (f64, f64) {
        let larger = a.abs().max(b.abs());
        match self {
            Kind::Same => ((a - b).abs(), 0.0),
            Kind::Scale(scale) => ((a - b).abs(), allowed(tolerance, scale, larger)),
            Kind::Variance(scale, largest) => {
                ((a.sqrt() - b.sqrt()).abs(), allowed(tolerance, scale, larger.sqrt().max(largest)))
            }
            Kind::Counts(_) if tolerance == 0.0 => ((a - b).abs(), 0.0),
            Kind::Counts(moved) => ((a - b).abs(), tolerance * larger + moved(i)),
        }
    }
}

/// How far two numbers on a scale may be apart.
pub(super) fn allowed(tolerance: f64, scale: f64, larger: f64) -> f64 {
    let scale = if scale > 0.0 { scale } else { larger };
    tolerance * scale + tolerance.min(ROUNDING) * larger
}

/// Differences in the making, by dataset.
pub(super) struct Tally {
    pub(super) tolerance: f64,
    pub(super) differences: BTreeMap<String, Difference>,
}

impl Tally {
    pub(super) fn new(tolerance: f64) -> Tally {
        Tally { tolerance, differences: BTreeMap::new() }
    }

    pub(super) fn compare(
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
    pub(super) fn into(self, comparison: &mut Comparison) {
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
