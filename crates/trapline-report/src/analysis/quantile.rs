//! Quantiles of cells that were counted into bins.

use trapline_model::outcome::HistogramSeries;

/// A tail of fewer cells than this is chance rather than a quantile.
pub const LEAST_TAIL: u64 = 10;

/// The cells of one checkpoint, bin by bin.
///
/// Within a bin the cells are taken to lie evenly, so a quantile is known to the width of its bin. The least and the
/// largest value are known exactly: no bin reaches beyond them, and cells outside of all bins lie between those and
/// them.
#[derive(Debug, Clone, PartialEq)]
pub struct Binned {
    /// Lower edge, upper edge, cells: rising, none without cells.
    bins: Vec<(f64, f64, u64)>,
    cells: u64,
}

/// A value that a share of the cells lies below.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    pub value: f64,
    /// Width of the bin that it lies in: it may be off by as much.
    pub resolution: f64,
}

impl Binned {
    /// Checkpoint `at` of counts; `least` and `most` are the extreme values then (NaN where they are not known).
    ///
    /// # Panics
    /// If there are fewer checkpoints.
    pub fn new(series: &HistogramSeries, at: usize, least: f64, most: f64) -> Binned {
        let edges = series.edges();
        let inner = series.counts.row(at).to_vec().into_iter().enumerate().map(|(i, n)| (edges[i], edges[i + 1], n));
        let outer = |from: f64, to: f64, n: u64| std::iter::once((from, to, n));
        let below = outer(least.min(series.low), series.low, series.below[at]);
        let above = outer(series.high, most.max(series.high), series.above[at]);
        let known = |(from, to, n): (f64, f64, u64)| {
            let from = from.max(least).min(most);
            (from, to.min(most).max(from), n)
        };
        let bins: Vec<_> = below.chain(inner).chain(above).filter(|bin| bin.2 > 0).map(known).collect();
        Binned { cells: bins.iter().fold(0, |sum, bin| sum.saturating_add(bin.2)), bins }
    }

    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// Whether this quantile has [`LEAST_TAIL`] cells on its smaller side.
    pub fn carries(&self, share: f64) -> bool {
        share.min(1.0 - share) * self.cells as f64 >= LEAST_TAIL as f64 * (1.0 - 1e-9)
    }

    /// None without cells, and for a share that is not between 0 and 1.
    pub fn quantile(&self, share: f64) -> Option<Quantile> {
        let wanted = share * self.cells as f64;
        let mut before = 0.0;
        for &(from, to, n) in &self.bins {
            let n = n as f64;
            if before + n >= wanted && (0.0..=1.0).contains(&share) {
                let value = from + (to - from) * ((wanted - before) / n).clamp(0.0, 1.0);
                return Some(Quantile { value, resolution: to - from });
            }
            before += n;
        }
        None
    }
}

/// The counts of several points together, taken one by one: never more than a sum and a point are held.
#[derive(Debug, Default)]
pub struct Pool {
    sum: Option<HistogramSeries>,
    /// Of which the bins differ from the first's.
    others: usize,
}

impl Pool {
    /// Adds the counts of a point.
    pub fn add(&mut self, one: &HistogramSeries) {
        let Some(sum) = &mut self.sum else {
            self.sum = Some(one.clone());
            return;
        };
        let alike = (sum.low.to_bits(), sum.high.to_bits()) == (one.low.to_bits(), one.high.to_bits());
        if !alike || sum.counts.dim() != one.counts.dim() {
            self.others += 1;
            return;
        }
        sum.counts.zip_mut_with(&one.counts, |a, b| *a = a.saturating_add(*b));
        sum.below.zip_mut_with(&one.below, |a, b| *a = a.saturating_add(*b));
        sum.above.zip_mut_with(&one.above, |a, b| *a = a.saturating_add(*b));
    }

    /// All counts together; none where there are none, or their bins differ.
    pub fn all(self) -> Option<HistogramSeries> {
        self.sum.filter(|_| self.others == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr1, arr2};

    fn series(below: u64, counts: [u64; 4], above: u64) -> HistogramSeries {
        HistogramSeries { low: 0.0, high: 4.0, counts: arr2(&[counts]), below: arr1(&[below]), above: arr1(&[above]) }
    }

    #[test]
    fn quantiles_of_an_even_law_are_its_shares() {
        // 100 cells in each of four bins from 0 to 4: the quantile of a share p is 4 p, and only rounding differs.
        let even = Binned::new(&series(0, [100; 4], 0), 0, 0.0, 4.0);
        for share in [0.0, 0.001, 0.05, 0.25, 0.5, 0.93, 1.0] {
            let found = even.quantile(share).unwrap();
            assert!((found.value - 4.0 * share).abs() < 1e-12 && found.resolution == 1.0, "{share} {found:?}");
        }
        // A heavier bin draws the median into it.
        let heavy = Binned::new(&series(0, [100, 100, 100, 700], 0), 0, 0.0, 4.0);
        assert!((heavy.quantile(0.5).unwrap().value - (3.0 + 200.0 / 700.0)).abs() < 1e-12);
        assert_eq!((even.quantile(1.5), even.quantile(f64::NAN)), (None, None));
    }

    #[test]
    fn extremes_are_exact_and_close_the_bins_in() {
        // All cells in one bin: it is as wide as they are.
        let narrow = Binned::new(&series(0, [0, 50, 0, 0], 0), 0, 1.25, 1.5);
        assert_eq!(narrow.quantile(0.5), Some(Quantile { value: 1.375, resolution: 0.25 }));
        // Outside of all bins they reach to the extremes.
        let outside = Binned::new(&series(10, [0, 0, 0, 0], 30), 0, -2.0, 6.0);
        assert_eq!(outside.quantile(0.125), Some(Quantile { value: -1.0, resolution: 2.0 }));
        assert_eq!(outside.quantile(0.625), Some(Quantile { value: 5.0, resolution: 2.0 }));
        // Where they are not known, nothing is invented.
        let unknown = Binned::new(&series(10, [0, 0, 0, 0], 30), 0, f64::NAN, f64::NAN);
        assert_eq!(unknown.quantile(0.625), Some(Quantile { value: 4.0, resolution: 0.0 }));
        assert_eq!(Binned::new(&series(0, [0; 4], 0), 0, f64::NAN, f64::NAN).quantile(0.5), None);
    }

    #[test]
    fn a_tail_needs_cells() {
        let carries = |cells: u64, share: f64| Binned::new(&series(0, [cells, 0, 0, 0], 0), 0, 0.0, 1.0).carries(share);
        assert!(carries(10_000, 0.001) && !carries(9_990, 0.001) && carries(200, 0.95) && !carries(199, 0.95));
    }

    #[test]
    fn pooled_counts_add_up_where_bins_are_the_same() {
        let pooled = |all: &[HistogramSeries]| {
            let mut pool = Pool::default();
            all.iter().for_each(|one| pool.add(one));
            pool.all()
        };
        let sum = pooled(&[series(1, [1, 2, 3, 4], 2), series(0, [10, 0, 0, u64::MAX], 1)]).unwrap();
        assert_eq!(sum, series(1, [11, 2, 3, u64::MAX], 3));
        let other = HistogramSeries { high: 5.0, ..series(0, [0; 4], 0) };
        assert_eq!(pooled(&[series(0, [0; 4], 0), other]), None);
        assert_eq!(pooled(&[]), None);
    }
}
