//! The median of repeated times, with bounds that assume no law of the times.
//!
//! # Theory
//! Of `n` independent times each lies below the true median with chance 1/2, so the number of those below it is
//! binomial: the median lies between the k-th smallest and the k-th largest time with confidence `1 - 2 P(Bin(n, 1/2) <
//! k)` (order statistics: H. A. David and H. N. Nagaraja, Order Statistics, 3rd edition, section 7.1). `k` is the
//! largest that keeps the confidence asked for; six times are the fewest that keep 95 %.
//!
//! Repeating until the bounds are narrow looks at them again and again, which favours lucky ones: the confidence of
//! bounds that stopped a repetition is a little below its name.

/// Confidence of the bounds.
pub const CONFIDENCE: f64 = 0.95;
/// How far the bounds may lie from the median, relative to it, when a repetition stops.
pub const NARROW: f64 = 0.02;
/// Fewest values whose smallest and largest bound the median at [`CONFIDENCE`]: 1 - 2/2^6 = 0.969.
pub const FEWEST: usize = 6;
/// Most values: 2^-n of more would be no number of f64.
pub const MOST: usize = 1000;

/// A median with its bounds, all in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Median {
    pub median: f64,
    pub low: f64,
    pub high: f64,
    /// Of the bounds: at least [`CONFIDENCE`] of [`FEWEST`] values and more, and less of fewer, whose bounds are the
    /// smallest and the largest.
    pub confidence: f64,
    pub least: f64,
    pub most: f64,
    pub repetitions: usize,
}

impl Median {
    /// Of values in any order, up to [`MOST`] of them; none of no value.
    pub fn of(values: &[f64]) -> Option<Median> {
        let mut sorted = values.iter().copied().take(MOST).collect::<Vec<_>>();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let count = sorted.len();
        let (below, confidence) = bounds(count);
        let median = 0.5 * (sorted[(count - 1) / 2] + sorted[count / 2]);
        let (low, high) = (sorted[below], sorted[count - 1 - below]);
        Some(Median { median, low, high, confidence, least, most, repetitions: count })
    }

    /// How far the farther bound lies from the median, relative to it.
    pub fn spread(&self) -> f64 {
        (self.high - self.median).max(self.median - self.low) / self.median
    }

    /// Whether the bounds have their confidence and lie within [`NARROW`] of the median.
    pub fn is_narrow(&self) -> bool {
        self.confidence >= CONFIDENCE && self.spread() <= NARROW
    }
}

/// How many of the smallest, and of the largest, of so many values lie outside of the bounds, and the confidence of
/// these.
fn bounds(count: usize) -> (usize, f64) {
    // P(Bin(count, 1/2) = k), from k = 0 on.
    let mut chance = 0.5_f64.powi(count as i32);
    let mut tail = chance;
    let (mut outside, mut confidence) = (0, (1.0 - 2.0 * tail).max(0.0));
    for k in 1..=count / 2 {
        chance *= (count + 1 - k) as f64 / k as f64;
        tail += chance;
        if 1.0 - 2.0 * tail < CONFIDENCE {
            break;
        }
        (outside, confidence) = (k, 1.0 - 2.0 * tail);
    }
    (outside, confidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_model::rng::{Purpose, words};

    #[test]
    fn ranks_are_those_of_the_tables() {
        // David and Nagaraja, and every table of the sign test at 5 %: n, values outside on each side.
        for (count, outside) in [(5, 0), (6, 0), (8, 0), (9, 1), (11, 1), (12, 2), (20, 5), (25, 7), (50, 17)] {
            assert_eq!(bounds(count).0, outside, "{count}");
        }
        assert!((bounds(6).1 - 0.96875).abs() < 1e-12 && (bounds(20).1 - 0.958_610_5).abs() < 1e-6);
        assert!((bounds(5).1 - 0.9375).abs() < 1e-12 && bounds(1).1 == 0.0);
        let (outside, confidence) = bounds(MOST);
        // 500 - 1.96 sqrt(1000)/2, and a step of the law is 0.004 there.
        assert!((468..=470).contains(&outside) && (0.95..0.96).contains(&confidence), "{outside} {confidence}");
    }

    #[test]
    fn a_median_is_the_middle() {
        let odd = Median::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((odd.median, odd.low, odd.high, odd.repetitions), (2.0, 1.0, 3.0, 3));
        assert_eq!(Median::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Median::of(&[]), None);
        assert!(!Median::of(&[1.0; 5]).unwrap().is_narrow() && Median::of(&[1.0; 6]).unwrap().is_narrow());
        assert!(!Median::of(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.03]).unwrap().is_narrow());
    }

    /// Times with a long tail, as times of a busy machine have: `exp(4 u^4)` of even u, whose median is exp(4/16).
    #[test]
    fn bounds_cover_the_median_as_often_as_they_say() {
        let truth = f64::exp(4.0 / 16.0);
        for count in [6_u64, 9, 20, 51] {
            const TRIALS: u64 = 4000;
            let covered = (0..TRIALS).filter(|&trial| {
                let values: Vec<f64> = (0..count).map(|i| f64::exp(4.0 * even(trial, i).powi(4))).collect();
                let found = Median::of(&values).unwrap();
                (found.low..=found.high).contains(&truth)
            });
            let share = covered.count() as f64 / TRIALS as f64;
            let named = bounds(count as usize).1;
            // Four standard deviations of a share of 4000 trials.
            let allowed = 4.0 * (named * (1.0 - named) / TRIALS as f64).sqrt();
            assert!((share - named).abs() < allowed, "{count}: {share}, not {named}");
        }
    }

    /// An even number of (0, 1).
    fn even(trial: u64, i: u64) -> f64 {
        let word = words(20_221_107, trial, Purpose::Device, i as u32, 0)[0];
        (f64::from(word) + 0.5) / 4_294_967_296.0
    }
}
