//! Weighted counts of failures, and the fraction and bounds that follow.

use serde::Serialize;

use super::mixture::Mixture;
use super::population::Seen;
use super::{LEAST_BOUNDED, LEAST_EFFECTIVE, Request, least_fraction};
use crate::backend::job::Job;

/// The failed fraction at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    pub time_s: f64,
    /// Failed cells over programmed cells.
    pub fraction: f64,
    /// Two-sided bounds: normal ones of the logarithm. Where hardly any cell failed (or survived) a one-sided one
    /// that assumes nothing, and 0 (or 1) on the other side.
    pub lower: f64,
    pub upper: f64,
    pub standard_error: f64,
    pub confidence: f64,
    /// Cells of the sample that failed, unweighted, or that may have where electrons are counted; 0 where all of them
    /// lie farther out than failures were looked for.
    pub failed_cells: u64,
    /// Cells that would give as good an estimate if each of them had failed, unweighted: (sum w)^2 / sum w^2 over the
    /// failed ones, or over the survivors where those are fewer.
    pub effective_cells: f64,
    /// Whether the precision asked for is there, or the fraction is below [`least_fraction`].
    pub reached: bool,
}

impl Estimate {
    /// Of cells that are all alike.
    pub fn exact(time_s: f64, fraction: f64, confidence: f64) -> Estimate {
        Estimate {
            time_s,
            fraction,
            lower: fraction,
            upper: fraction,
            standard_error: 0.0,
            confidence,
            failed_cells: u64::from(fraction > 0.0),
            effective_cells: f64::from(u8::from(fraction > 0.0)),
            reached: true,
        }
    }

    /// The estimate of a time without failures, with this upper bound.
    pub(super) fn none(self, upper: f64) -> Estimate {
        let none = Estimate::exact(self.time_s, 0.0, self.confidence);
        Estimate { upper, reached: false, ..none }
    }
}

/// The fraction of which no more than `count` of `cells` show with a probability of `tail` only: Clopper and
/// Pearson's upper bound, found by halving.
fn most_shown(count: u64, cells: u64, tail: f64) -> f64 {
    let n = cells as f64;
    let at_most = |p: f64| {
        let (mut term, mut sum) = (libm::exp(n * libm::log1p(-p)), 0.0);
        for i in 0..=count {
            sum += term;
            term *= (n - i as f64) / (i as f64 + 1.0) * p / (1.0 - p);
        }
        sum
    };
    let (mut low, mut high) = (count as f64 / n.max(1.0), 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if at_most(middle) > tail { low = middle } else { high = middle }
    }
    high
}

/// Weights of some cells, and their squares: each times the chance to be one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Weights {
    sum: f64,
    square: f64,
    /// Of a chance that is not 0.
    cells: u64,
    /// Sum of the chances, unweighted.
    expected: f64,
}

impl Weights {
    fn add(&mut self, weight: f64, chance: f64) {
        let weighted = weight * chance;
        self.sum += weighted;
        self.square += weighted * weighted;
        self.cells += u64::from(chance > 0.0);
        self.expected += chance;
    }

    fn merge(&mut self, other: &Weights) {
        self.sum += other.sum;
        self.square += other.square;
        self.cells += other.cells;
        self.expected += other.expected;
    }
}

/// What the cells of one component came to.
#[derive(Debug, Clone, PartialEq)]
struct Stratum {
    all: Weights,
    unprogrammed: Weights,
    /// At each time.
    failed: Vec<Weights>,
    survived: Vec<Weights>,
    /// Squares of the weights times the chances to be unprogrammed and to have failed, or to have survived: 0 where no
    /// cell may be both.
    failed_or_empty: Vec<f64>,
    survived_or_empty: Vec<f64>,
}

/// Which programmed cells.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Failed,
    Survived,
}

impl Stratum {
    fn side(&self, side: Side, time: usize) -> (Weights, f64) {
        match side {
            Side::Failed => (self.failed[time], self.failed_or_empty[time]),
            Side::Survived => (self.survived[time], self.survived_or_empty[time]),
        }
    }
}

/// Sums over a sample, component by component.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sums {
    strata: Vec<Stratum>,
    samples: u64,
}

impl Sums {
    pub(super) fn new(mixture: &Mixture, times: usize) -> Sums {
        let none = Weights::default();
        let stratum = Stratum {
            all: none,
            unprogrammed: none,
            failed: vec![none; times],
            survived: vec![none; times],
            failed_or_empty: vec![0.0; times],
            survived_or_empty: vec![0.0; times],
        };
        Sums { strata: vec![stratum; mixture.components()], samples: 0 }
    }

    /// Memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.strata.iter().map(|s| (2 + 3 * s.failed.len()) * size_of::<Weights>()).sum()
    }

    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    pub(super) fn add(&mut self, component: usize, weight: f64, seen: &Seen) {
        let stratum = &mut self.strata[component];
        self.samples += 1;
        stratum.all.add(weight, 1.0);
        let empty = seen.unprogrammed;
        stratum.unprogrammed.add(weight, empty);
        for (time, &failed) in seen.failed.iter().enumerate() {
            let survived = (1.0 - empty - failed).max(0.0);
            stratum.failed[time].add(weight, failed);
            stratum.survived[time].add(weight, survived);
            stratum.failed_or_empty[time] += weight * weight * failed * empty;
            stratum.survived_or_empty[time] += weight * weight * survived * empty;
        }
    }

    pub(super) fn merge(&mut self, other: &Sums) {
        self.samples += other.samples;
        for (into, from) in self.strata.iter_mut().zip(&other.strata) {
            into.all.merge(&from.all);
            into.unprogrammed.merge(&from.unprogrammed);
            into.failed.iter_mut().zip(&from.failed).for_each(|(a, b)| a.merge(b));
            into.survived.iter_mut().zip(&from.survived).for_each(|(a, b)| a.merge(b));
            into.failed_or_empty.iter_mut().zip(&from.failed_or_empty).for_each(|(a, b)| *a += b);
            into.survived_or_empty.iter_mut().zip(&from.survived_or_empty).for_each(|(a, b)| *a += b);
        }
    }

    fn total(&self, of: impl Fn(&Stratum) -> Weights) -> Weights {
        let mut total = Weights::default();
        self.strata.iter().for_each(|stratum| total.merge(&of(stratum)));
        total
    }

    /// Mean over all cells of what `of` picks, and its variance: the sum over components of `n_j s_j^2/N^2`, with
    /// `s_j^2` the variance within the component.
    fn mean(&self, of: impl Fn(&Stratum) -> (f64, f64)) -> (f64, f64) {
        let count = self.samples as f64;
        let (mut mean, mut variance) = (0.0, 0.0);
        for stratum in &self.strata {
            let (n, (sum, square)) = (stratum.all.cells as f64, of(stratum));
            mean += sum / count;
            let spread = (square - sum * sum / n).max(0.0) / (n - 1.0);
            variance += n * spread / (count * count);
        }
        (mean, variance)
    }

    /// The mean weight and its standard error.
    pub(super) fn mean_weight(&self) -> (f64, f64) {
        let (mean, variance) = self.mean(|stratum| (stratum.all.sum, stratum.all.square));
        (mean, variance.sqrt())
    }

    /// Share of the cells that hold charge.
    pub(super) fn programmed(&self) -> f64 {
        if self.total(|stratum| stratum.unprogrammed).expected >= self.samples as f64 {
            return 0.0;
        }
        1.0 - self.unprogrammed()
    }

    fn unprogrammed(&self) -> f64 {
        self.total(|stratum| stratum.unprogrammed).sum / self.samples as f64
    }

    /// `P = A/(1 - B)` of the weighted means A of one side and B of the unprogrammed, and its variance by the delta
    /// method: that of the mean of `(w P(side) + P w P(unprogrammed))/(1 - B)`.
    fn share(&self, side: Side, time: usize) -> (f64, f64) {
        let programmed = 1.0 - self.unprogrammed();
        let fraction = self.mean(|stratum| (stratum.side(side, time).0.sum, 0.0)).0 / programmed;
        let (_, variance) = self.mean(|stratum| {
            let ((side, both), empty) = (stratum.side(side, time), stratum.unprogrammed);
            let square = side.square + fraction * fraction * empty.square + 2.0 * fraction * both;
            (side.sum + fraction * empty.sum, square)
        });
        (fraction, variance.sqrt() / programmed)
    }

    /// Upper bound of a fraction from the nominal cells alone, `count` of which are of it: it assumes nothing of
    /// where they lie.
    ///
    /// Chances in the place of cells that fail or do not scatter less, and their sum is rounded up.
    fn bound(&self, count: f64, request: &Request) -> f64 {
        let nominal = &self.strata[0];
        let cells = nominal.all.cells - nominal.unprogrammed.expected.ceil() as u64;
        most_shown(count.ceil() as u64, cells, 1.0 - request.confidence)
    }

    /// That of a time without failures.
    pub(super) fn none(&self, request: &Request) -> f64 {
        self.bound(0.0, request)
    }

    /// The fraction at a checkpoint after programming, with bounds `z` standard errors wide.
    pub(super) fn estimate(&self, time: usize, job: &Job, z: f64, request: &Request) -> Estimate {
        let (failed, survived) = (self.total(|s| s.failed[time]), self.total(|s| s.survived[time]));
        // The smaller side is the one with the smaller error; the larger one is its complement.
        let failed_is_rarer = failed.sum <= survived.sum;
        let (rarer, nominal, (share, error)) = match failed_is_rarer {
            true => (failed, self.strata[0].failed[time], self.share(Side::Failed, time)),
            false => (survived, self.strata[0].survived[time], self.share(Side::Survived, time)),
        };
        let effective_cells = if rarer.square <= 0.0 { 0.0 } else { rarer.sum * rarer.sum / rarer.square };
        let (low, high) = if effective_cells < LEAST_BOUNDED {
            (0.0, self.bound(nominal.expected, request))
        } else {
            let wide = libm::exp((z * error / share).min(700.0));
            (share / wide, (share * wide).min(1.0))
        };
        let (fraction, lower, upper) =
            if failed_is_rarer { (share, low, high) } else { (1.0 - share, 1.0 - high, 1.0 - low) };
        let believed = effective_cells >= LEAST_EFFECTIVE || !failed_is_rarer;
        let narrow = libm::expm1(z * error / fraction.max(f64::MIN_POSITIVE)) <= request.precision;
        let too_rare = rarer.cells > 0 && fraction < least_fraction(job.electrons());
        Estimate {
            time_s: job.times_s[time + 1],
            fraction,
            lower,
            upper,
            standard_error: error,
            confidence: request.confidence,
            failed_cells: failed.cells,
            effective_cells,
            reached: (failed.cells > 0 && narrow && believed) || too_rare,
        }
    }
}
