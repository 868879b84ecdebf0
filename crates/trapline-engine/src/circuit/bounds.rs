//! Bounds from above and below in turn, without a solver, for arrays whose wires drop little.
//!
//! # Theory
//! With V the voltages of the cells if no line dropped (all of one sign: a reading) and R >= 0 what a current in one
//! cell takes off the voltage of another over shared segments, the currents solve `i = I(V - R i)` cell by cell. The
//! right-hand side falls where i rises, so
//!
//! ```text
//! i_0 = I(V),  i_{k+1} = I(V - R i_k):   i_1 <= i_3 <= ... <= i <= ... <= i_2 <= i_0
//! ```
//!
//! for linear cells and for every law that rises with the voltage. That the solution lies between `i_1` and `i_0` needs
//! `i_1 >= 0`, which is checked: the map then takes the box from 0 to `i_0` into itself and has a fixed point in it
//! (Brouwer), and a network of monotone cells has one solution. R is two cumulative sums along each line: currents from
//! its open end, voltages from its source. Currents of lines are compensated sums (W. Kahan, Commun. ACM 8, 40 (1965)),
//! right to two roundings however many cells a line has; the bound has these as well.
//!
//! # Practice
//! A pass costs a few nanoseconds a cell and gains a factor `rho = (4/pi^2)(N^2 r_w + M^2 r_b) G`, plus what sources
//! and amplifiers add; above 0.02 conjugate gradients are quicker. Lines must have one driven end each. Every pass is
//! rounded outwards, what the cells' law is off included ([`Law::rounding`]).

use crate::circuit::accuracy::{Accuracy, Reference};
use crate::circuit::error::SolveError;
use crate::circuit::law::Law;
use crate::circuit::network::Crossbar;
use crate::circuit::solution::{Certificate, Currents, Method, Solution};
use crate::circuit::wiring::{Circuit, Side};
use ndarray::{Array2, Axis, Zip, s};
use rayon::prelude::*;

/// Contraction below which bounds are quicker than a solve.
const MOST_CONTRACTION: f64 = 0.02;
/// Passes that are tried.
const MOST_PASSES: usize = 10;
/// Half the distance of 1 to the next number.
const UNIT: f64 = 0.5 * f64::EPSILON;
/// Columns that a thread takes at a time.
const COLUMNS_AT_ONCE: usize = 64;

/// One axis of an array in the caller's orientation: its segments, and where its sources are.
#[derive(Debug, Clone)]
struct Driven {
    /// From the source to the first cell of each line, ohm.
    lead_ohm: Vec<f64>,
    segment_ohm: Vec<f64>,
    from_far: Vec<bool>,
    volts: Vec<f64>,
}

impl Driven {
    /// `None` unless every line has one driven end.
    fn new(side: &Side) -> Option<Driven> {
        let ends = || side.near_s.iter().zip(&side.far_s);
        if !ends().all(|(near, far)| (*near == 0.0) != (*far == 0.0)) {
            return None;
        }
        Some(Driven {
            lead_ohm: ends().map(|(near, far)| 1.0 / (near + far)).collect(),
            segment_ohm: side.segment_s.iter().map(|s| 1.0 / s).collect(),
            from_far: ends().map(|(near, _)| *near == 0.0).collect(),
            volts: side.reference_v[..side.near_s.len()].to_vec(),
        })
    }

    /// Largest drop of a line per siemens of each of its cells, ohm.
    fn drop_ohm(&self) -> f64 {
        let cells = (self.segment_ohm.len() + 1) as f64;
        let mean_ohm = self.segment_ohm.iter().sum::<f64>() / (cells - 1.0).max(1.0);
        let lead_ohm = self.lead_ohm.iter().fold(0.0, |most: f64, ohm| most.max(*ohm));
        cells * (lead_ohm + 4.0 / std::f64::consts::PI.powi(2) * cells * mean_ohm)
    }
}

/// Solves an array of linear cells by bounds; `None` where it is not an array for them, or they do not come as close as
/// asked.
pub(crate) fn solve_linear(crossbar: &Crossbar<'_>, accuracy: Accuracy) -> Option<Result<Solution, SolveError>> {
    struct Linear<'a>(ndarray::ArrayView2<'a, f64>);
    impl Law for Linear<'_> {
        fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
            (self.0[[row, col]] * volts, self.0[[row, col]])
        }

        fn rounding(&self) -> f64 {
            0.0
        }
    }
    solve(crossbar, &Linear(crossbar.conductance_s()), accuracy)
}

/// The same for any law.
pub(crate) fn solve(
    crossbar: &Crossbar<'_>,
    law: &impl Law,
    accuracy: Accuracy,
) -> Option<Result<Solution, SolveError>> {
    if let Err(error) = accuracy.check() {
        return Some(Err(error));
    }
    let bounds = Bounds::new(crossbar, law)?;
    let mut method = Method::default();
    let (mut above, mut below) = (bounds.above(), None);
    while method.bound_passes < MOST_PASSES {
        below = Some(bounds.pass(&above, 1.0));
        method.bound_passes += 1;
        let lower = below.as_ref()?;
        if method.bound_passes == 1 && !lower.iter().all(|a| *a >= 0.0) {
            return None;
        }
        let target_a = bounds.target_a(&above, lower, &accuracy);
        if bound_a(&above, lower) <= target_a {
            return Some(Ok(bounds.solution(&above, lower, target_a, method)));
        }
        above = bounds.pass(lower, -1.0);
        method.bound_passes += 1;
    }
    let lower = below.as_ref()?;
    let target_a = bounds.target_a(&above, lower, &accuracy);
    (bound_a(&above, lower) <= target_a).then(|| Ok(bounds.solution(&above, lower, target_a, method)))
}

/// Currents of each cell, bounded from both sides after a number of passes, A: lower and upper ones, of one sign with
/// the voltages. `None` where an array is not a reading with one driven end a line, or a cell may pass a current
/// backwards.
pub fn enclose(crossbar: &Crossbar<'_>, law: &impl Law, passes: usize) -> Option<[Array2<f64>; 2]> {
    let bounds = Bounds::of_any(crossbar, law)?;
    let mut above = bounds.above();
    let mut below = bounds.pass(&above, 1.0);
    if !below.iter().all(|a| *a >= 0.0) {
        return None;
    }
    for pass in 1..passes.max(1) {
        if pass % 2 == 1 {
            above = bounds.pass(&below, -1.0);
        } else {
            below = bounds.pass(&above, 1.0);
        }
    }
    Some(if bounds.sign > 0.0 { [below, above] } else { [above.mapv(|a| 0.0 - a), below.mapv(|a| 0.0 - a)] })
}

/// A sum of numbers of one sign that is right to two roundings.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    so_far: f64,
    /// What rounding has added to it.
    added: f64,
}

impl Sum {
    fn add(&mut self, number: f64) {
        let next = number - self.added;
        let sum = self.so_far + next;
        (self.so_far, self.added) = (sum, (sum - self.so_far) - next);
    }

    fn of(numbers: impl IntoIterator<Item = f64>) -> f64 {
        let mut sum = Sum::default();
        numbers.into_iter().for_each(|number| sum.add(number));
        sum.so_far
    }
}

/// Sum of all, row by row.
fn total(array: &Array2<f64>) -> f64 {
    Sum::of(array.outer_iter().map(|row| Sum::of(row.iter().copied())))
}

/// Roundings of the currents of lines from bounds of those of cells, over the sum of all: two of the sums of rows, two
/// of those of columns, one of the middle, and as many again for the sums that the bound itself is made of.
const ROUNDINGS: f64 = 10.0;

/// What row and column currents may be off, all together, A, where cells' currents lie between two bounds and the
/// middle is taken.
fn bound_a(above: &Array2<f64>, below: &Array2<f64>) -> f64 {
    total(&(above - below)) + UNIT * ROUNDINGS * total(above)
}

struct Bounds<'a, L> {
    law: &'a L,
    words: Driven,
    bits: Driven,
    open: Array2<bool>,
    /// 1 where voltages from word to bit lines are positive, else -1; with it all are positive.
    sign: f64,
}

impl<'a, L: Law> Bounds<'a, L> {
    fn new(crossbar: &Crossbar<'_>, law: &'a L) -> Option<Bounds<'a, L>> {
        let bounds = Bounds::of_any(crossbar, law)?;
        let above = bounds.above();
        let (rows, cols) = above.dim();
        let volts =
            (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col))).map(|(row, col)| bounds.ideal_v(row, col));
        let mean_s = total(&above) / volts.sum::<f64>().max(f64::MIN_POSITIVE);
        let contraction = mean_s * (bounds.words.drop_ohm() + bounds.bits.drop_ohm());
        (contraction < MOST_CONTRACTION).then_some(bounds)
    }

    fn of_any(crossbar: &Crossbar<'_>, law: &'a L) -> Option<Bounds<'a, L>> {
        let circuit = Circuit::new(crossbar);
        let (words, bits) =
            if circuit.transposed { (&circuit.bits, &circuit.words) } else { (&circuit.words, &circuit.bits) };
        let (words, bits) = (Driven::new(words)?, Driven::new(bits)?);
        let least = |volts: &[f64]| volts.iter().fold(f64::INFINITY, |a: f64, b| a.min(*b));
        let most = |volts: &[f64]| volts.iter().fold(f64::NEG_INFINITY, |a: f64, b| a.max(*b));
        let sign = if least(&words.volts) >= most(&bits.volts) {
            1.0
        } else if most(&words.volts) <= least(&bits.volts) {
            -1.0
        } else {
            return None;
        };
        let open = crossbar.conductance_s().mapv(|s| s == 0.0);
        Some(Bounds { law, words, bits, open, sign })
    }

    fn ideal_v(&self, row: usize, col: usize) -> f64 {
        self.sign * (self.words.volts[row] - self.bits.volts[col])
    }

    fn current(&self, row: usize, col: usize, volts: f64) -> f64 {
        if self.open[[row, col]] { 0.0 } else { self.sign * self.law.current_and_slope(row, col, self.sign * volts).0 }
    }

    /// Currents without any drop, rounded up.
    fn above(&self) -> Array2<f64> {
        self.pass(&Array2::zeros(self.open.dim()), -1.0)
    }

    /// `I(V - R i)`; for `outwards` 1 rounded down, else up.
    fn pass(&self, currents: &Array2<f64>, outwards: f64) -> Array2<f64> {
        let mut volts = self.drops_v(currents);
        let (rows, cols) = currents.dim();
        let rounding = outwards * UNIT * (2 * (rows + cols) + 16) as f64;
        let of_voltage = outwards * UNIT * (2.0 + self.law.rounding());
        let lines = volts.as_slice_mut().unwrap_or_default().par_chunks_mut(cols).enumerate();
        lines.for_each(|(row, line)| {
            for (col, value) in line.iter_mut().enumerate() {
                let ideal_v = self.ideal_v(row, col);
                let current = self.current(row, col, ideal_v - (1.0 + rounding) * *value - of_voltage * ideal_v);
                *value = current - outwards * 4.0 * UNIT * current.abs();
            }
        });
        volts
    }

    /// What currents take off the voltage of each cell on its word line and its bit line, V.
    fn drops_v(&self, currents: &Array2<f64>) -> Array2<f64> {
        let mut drops = Array2::zeros(currents.dim());
        self.words_drop_v(currents, &mut drops);
        self.add_bits_drop_v(currents, &mut drops);
        drops
    }

    fn words_drop_v(&self, currents: &Array2<f64>, drops: &mut Array2<f64>) {
        let cols = currents.ncols();
        let lines = drops.as_slice_mut().unwrap_or_default().par_chunks_mut(cols).enumerate();
        lines.for_each(|(row, line)| {
            let at = |step: usize| if self.words.from_far[row] { cols - 1 - step } else { step };
            let mut sum = 0.0;
            for step in (0..cols).rev() {
                sum += currents[[row, at(step)]];
                line[at(step)] = sum;
            }
            let mut drop = 0.0;
            for step in 0..cols {
                let ohm = if step == 0 {
                    self.words.lead_ohm[row]
                } else {
                    self.words.segment_ohm[at(step).min(at(step - 1))]
                };
                drop += ohm * line[at(step)];
                line[at(step)] = drop;
            }
        });
    }

    fn add_bits_drop_v(&self, currents: &Array2<f64>, drops: &mut Array2<f64>) {
        let rows = currents.nrows();
        let blocks: Vec<_> = drops.axis_chunks_iter_mut(Axis(1), COLUMNS_AT_ONCE).enumerate().collect();
        blocks.into_par_iter().for_each(|(block, mut drops)| {
            let first = block * COLUMNS_AT_ONCE;
            let currents = currents.slice(s![.., first..first + drops.ncols()]);
            let mut sums = currents.to_owned();
            for from_far in [false, true] {
                let columns: Vec<usize> =
                    (0..drops.ncols()).filter(|c| self.bits.from_far[first + c] == from_far).collect();
                let at = |step: usize| if from_far { rows - 1 - step } else { step };
                for step in (0..rows.saturating_sub(1)).rev() {
                    for &col in &columns {
                        sums[[at(step), col]] += sums[[at(step + 1), col]];
                    }
                }
                let mut drop = vec![0.0; columns.len()];
                for step in 0..rows {
                    for (drop, &col) in drop.iter_mut().zip(&columns) {
                        let ohm = if step == 0 {
                            self.bits.lead_ohm[first + col]
                        } else {
                            self.bits.segment_ohm[at(step).min(at(step - 1))]
                        };
                        *drop += ohm * sums[[at(step), col]];
                        drops[[at(step), col]] += *drop;
                    }
                }
            }
        });
    }

    fn target_a(&self, above: &Array2<f64>, below: &Array2<f64>, accuracy: &Accuracy) -> f64 {
        let reference = match accuracy.of {
            Reference::Total => total(below),
            Reference::WeakestColumn => {
                let columns = below.axis_iter(Axis(1)).map(|column| Sum::of(column.iter().copied()));
                columns.fold(total(above), |least: f64, a| least.min(a))
            }
            Reference::Column(col) if col < below.ncols() => Sum::of(below.column(col).iter().copied()),
            Reference::Column(_) => 0.0,
        };
        accuracy.relative * reference
    }

    /// The middle of the bounds. Errors of row and column currents together are at most the sum of the gaps, and
    /// rounding.
    fn solution(&self, above: &Array2<f64>, below: &Array2<f64>, target_a: f64, method: Method) -> Solution {
        let mut middle = Zip::from(above).and(below).map_collect(|a, b| 0.5 * (a + b));
        let (rows, cols) = middle.dim();
        let mut word_drop_v = Array2::zeros((rows, cols));
        self.words_drop_v(&middle, &mut word_drop_v);
        let mut bit_drop_v = Array2::zeros((rows, cols));
        self.add_bits_drop_v(&middle, &mut bit_drop_v);
        let word_v = Array2::from_shape_fn((rows, cols), |at| self.words.volts[at.0] - self.sign * word_drop_v[at]);
        let bit_v = Array2::from_shape_fn((rows, cols), |at| self.bits.volts[at.1] + self.sign * bit_drop_v[at]);
        let bound_a = bound_a(above, below);
        let cells_a = total(&middle);
        middle.mapv_inplace(|a| self.sign * a + 0.0);
        let row_a: Vec<f64> = middle.outer_iter().map(|row| Sum::of(row.iter().copied())).collect();
        let mut columns = vec![Sum::default(); cols];
        for row in middle.outer_iter() {
            columns.iter_mut().zip(row).for_each(|(sum, a)| sum.add(*a));
        }
        let column_a: Vec<f64> = columns.iter().map(|sum| sum.so_far).collect();
        let at_ends = |currents: &[f64], from_far: &[bool]| {
            let end =
                |far: bool| currents.iter().zip(from_far).map(|(a, f)| if *f == far { *a } else { 0.0 }).collect();
            [end(false), end(true)]
        };
        let certificate = Certificate {
            bound_a,
            residual_a: bound_a,
            floor_a: UNIT * ROUNDINGS * cells_a,
            target_a,
            total_a: cells_a,
            conservation_a: row_a.iter().sum::<f64>() - column_a.iter().sum::<f64>(),
            two_ways_a: 0.0,
        };
        let currents = Currents {
            column_end_a: at_ends(&column_a, &self.bits.from_far),
            row_end_a: at_ends(&row_a, &self.words.from_far),
            column_cells_a: column_a.clone(),
            column_a,
            row_a,
            cells_a,
            certificate,
            method,
            islands: Vec::new(),
        };
        Solution { currents, word_v, bit_v, cell_a: middle }
    }
}
