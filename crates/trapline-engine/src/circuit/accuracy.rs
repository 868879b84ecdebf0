//! How exact a solution must be, and when an iteration is.

use crate::circuit::audit::Audit;
use crate::circuit::error::SolveError;
use crate::circuit::pcg::Core;
use crate::circuit::wiring::{Circuit, Side};

/// Share of the promised error at which an iteration stops; the rest is for its own rounding.
pub(crate) const STOP_SHARE: f64 = 0.5;
/// Relative accuracies that can be asked for.
const ACCURACY: std::ops::RangeInclusive<f64> = 1e-14..=0.1;
/// Current that counts as none, over what would flow if every cell had the whole span of the sources.
const NOTHING: f64 = 1e-20;

/// What a solution must keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accuracy {
    /// Bound of the sum of the errors of all end currents, relative to what [`Accuracy::of`] says.
    pub relative: f64,
    /// What it is relative to.
    pub of: Reference,
}

/// What an accuracy is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The current that flows through the array, half the sum of the magnitudes at all ends.
    Total,
    /// The smallest current of a driven column: then every column has the relative accuracy.
    WeakestColumn,
    /// The current of one column, counted from 0: then that one has the relative accuracy, whatever flows elsewhere. A
    /// column that is not there counts as one without a current.
    Column(usize),
}

impl Default for Accuracy {
    /// 1e-9 of the total current.
    fn default() -> Accuracy {
        Accuracy { relative: 1e-9, of: Reference::Total }
    }
}

impl Accuracy {
    /// Relative to the total current.
    pub fn of_total(relative: f64) -> Accuracy {
        Accuracy { relative, of: Reference::Total }
    }

    /// Relative to the current of every driven column.
    pub fn of_each_column(relative: f64) -> Accuracy {
        Accuracy { relative, of: Reference::WeakestColumn }
    }

    /// Relative to the current of one column, counted from 0.
    pub fn of_column(relative: f64, col: usize) -> Accuracy {
        Accuracy { relative, of: Reference::Column(col) }
    }

    pub(crate) fn check(&self) -> Result<(), SolveError> {
        if ACCURACY.contains(&self.relative) { Ok(()) } else { Err(SolveError::Accuracy(self.relative)) }
    }

    /// What the bound must not exceed, A.
    pub(crate) fn target_a(&self, audit: &Audit, core: &Core<'_>) -> f64 {
        let circuit = &core.circuit;
        let (side, ends) =
            if circuit.transposed { (&circuit.words, &audit.word_end_a) } else { (&circuit.bits, &audit.bit_end_a) };
        let reference = match self.of {
            Reference::Total => audit.total_a(),
            Reference::WeakestColumn => weakest(side, &ends[0], &ends[1]),
            Reference::Column(col) => of_line(col, &ends[0], &ends[1]),
        };
        let conceivable_a = (circuit.range_v.1 - circuit.range_v.0) * core.sum_s;
        self.relative * reference.max(NOTHING * conceivable_a)
    }
}

/// Smallest magnitude of the current of a driven line that has cells, A.
fn weakest(side: &Side, near_a: &[f64], far_a: &[f64]) -> f64 {
    let driven = |line: &usize| side.near_s[*line] > 0.0 || side.far_s[*line] > 0.0;
    let current = |line: usize| (near_a[line] + far_a[line]).abs();
    (0..near_a.len()).filter(driven).map(current).reduce(f64::min).unwrap_or(0.0)
}

/// Magnitude of the current of a line, A; 0 of one that is not there.
fn of_line(line: usize, near_a: &[f64], far_a: &[f64]) -> f64 {
    near_a.get(line).zip(far_a.get(line)).map_or(0.0, |(near, far)| (near + far).abs())
}

/// When the iteration has come far enough: its residual is a share of the promise, taken from the currents at the bit
/// lines' ends as they are by then.
pub(crate) struct Stop<'a> {
    here: &'a Audit,
    accuracy: &'a Accuracy,
}

impl<'a> Stop<'a> {
    pub(crate) fn new(here: &'a Audit, accuracy: &'a Accuracy) -> Stop<'a> {
        Stop { here, accuracy }
    }

    /// With the 1-norm of the residual, A, and the steps of the first and last rows of the bit lines, V.
    pub(crate) fn at(&self, circuit: &Circuit, l1: f64, near_v: &[f64], far_v: &[f64]) -> bool {
        let (side, by_column) = (&circuit.bits, self.accuracy.of != Reference::Total);
        let unseen = side.near_s.iter().chain(&side.far_s).all(|s| *s == 0.0);
        if unseen || (circuit.transposed && by_column) {
            // The currents in question are those of the word lines, which are eliminated: the residual decides.
            return l1 <= 1e-2 * self.accuracy.relative * self.here.residual_a;
        }
        let after = |a: &[f64], s: &[f64], v: &[f64]| -> Vec<f64> {
            a.iter().zip(s).zip(v).map(|((a, s), v)| a - s * v).collect()
        };
        let near_a = after(&self.here.bit_end_a[0], &side.near_s, near_v);
        let far_a = after(&self.here.bit_end_a[1], &side.far_s, far_v);
        let reference = match self.accuracy.of {
            Reference::WeakestColumn => weakest(side, &near_a, &far_a),
            Reference::Column(col) => of_line(col, &near_a, &far_a),
            // Half of what the bit lines carry is a lower bound of the total.
            Reference::Total => 0.5 * near_a.iter().chain(&far_a).map(|a| a.abs()).sum::<f64>(),
        };
        l1 <= STOP_SHARE * self.accuracy.relative * reference
    }
}
