//! The density that cells are drawn from: nominal, wide, and one shifted component for each design point.
//!
//! Component numbers repeat every [`ROUND`] cells, so that each component's share of a whole number of rounds is exact.

/// Cells of one round.
pub(super) const ROUND: u64 = 64;
/// Cells of a round from the nominal density; every weight is at most `ROUND` over it.
const NOMINAL: usize = 8;
/// Cells of a round from the widened one.
const WIDE: usize = 8;
/// Most shifted components: each has a cell in every round.
pub(super) const MOST_SHIFTS: usize = ROUND as usize - NOMINAL - WIDE;
/// Standard deviation of the widened density: a cell 6 out is as likely in it as one 2 out is nominally.
const WIDE_SD: f64 = 3.0;

pub(super) struct Mixture {
    dimensions: usize,
    /// Component of each cell of a round: 0 nominal, 1 wide, then the shifts.
    round: Vec<usize>,
    shifts: Vec<Vec<f64>>,
    /// Of each component.
    share: Vec<f64>,
}

impl Mixture {
    pub(super) fn new(dimensions: usize, shifts: &[Vec<f64>]) -> Mixture {
        let mut round = vec![0; NOMINAL];
        round.extend([1; WIDE]);
        // Without shifts the cells left over are nominal and wide in turn.
        let next = |i: usize| if shifts.is_empty() { i % 2 } else { 2 + i % shifts.len() };
        round.extend((0..MOST_SHIFTS).map(next));
        let count = |component: usize| round.iter().filter(|&&of| of == component).count();
        let share = (0..2 + shifts.len()).map(|component| count(component) as f64 / ROUND as f64).collect();
        Mixture { dimensions, round, shifts: shifts.to_vec(), share }
    }

    pub(super) fn components(&self) -> usize {
        self.share.len()
    }

    pub(super) fn component(&self, number: u64) -> usize {
        self.round[(number % ROUND) as usize]
    }

    /// Makes standard normals those of a component.
    pub(super) fn place(&self, component: usize, normals: &mut [f64]) {
        match component {
            0 => {}
            1 => normals.iter_mut().for_each(|x| *x *= WIDE_SD),
            shifted => normals.iter_mut().zip(&self.shifts[shifted - 2]).for_each(|(x, shift)| *x += shift),
        }
    }

    /// Standard normal density over the mixture's. At most one over the nominal share.
    pub(super) fn weight(&self, x: &[f64]) -> f64 {
        let square: f64 = x.iter().map(|x| x * x).sum();
        let narrow = 1.0 / (WIDE_SD * WIDE_SD);
        let wide = libm::exp(0.5 * square * (1.0 - narrow)) / libm::pow(WIDE_SD, self.dimensions as f64);
        let shifted = self.shifts.iter().zip(&self.share[2..]).map(|(shift, share)| {
            let exponent: f64 = x.iter().zip(shift).map(|(x, s)| s * (x - 0.5 * s)).sum();
            share * libm::exp(exponent)
        });
        1.0 / (self.share[0] + self.share[1] * wide + shifted.sum::<f64>())
    }
}
