//! Figures of merit of a reading: errors, margin, power.

use super::law::{connected, solved};
use super::{ArrayReadError, Cells, Scheme, Setup};
use ndarray::{ArrayView1, Axis as Dim};
use trapline_engine::backend::Backend;
use trapline_engine::circuit::{Crossbar, End, Law, Lines, Solution, SolveError, Wire};

/// Errors of currents against the ideal ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorStatistics {
    /// Largest magnitude of an ideal current, A: what the others are relative to.
    pub largest_a: f64,
    /// Root of the mean square error, over the largest ideal current.
    pub rms: f64,
    /// Largest error, over the largest ideal current.
    pub worst: f64,
    /// Bits of a converter over the largest ideal current whose rounding alone, `1/sqrt(12)` of a step, has the same
    /// root mean square: `-log2(sqrt(12) rms)`, and 0 where that is below. Infinite without error.
    pub effective_bits: f64,
}

impl ErrorStatistics {
    /// Of currents of the same lines.
    pub fn of(ideal_a: &[f64], found_a: &[f64]) -> ErrorStatistics {
        let largest_a = ideal_a.iter().fold(0.0, |most: f64, a| most.max(a.abs()));
        let scale = if largest_a > 0.0 { 1.0 / largest_a } else { f64::NAN };
        let errors: Vec<f64> = ideal_a.iter().zip(found_a).map(|(ideal, found)| (found - ideal) * scale).collect();
        let rms = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
        // `max` would leave out what is not a number.
        let larger = |most: f64, e: &f64| if most.is_nan() || e.abs() <= most { most } else { e.abs() };
        let worst = errors.iter().fold(0.0, larger);
        ErrorStatistics { largest_a, rms, worst, effective_bits: (-(12f64.sqrt() * rms).log2()).max(0.0) }
    }
}

/// What the selected cell's two states look like from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    pub between: Between,
    /// Current of the sensed bit line with the selected cell as the first and as the second of these, A; the other
    /// cells as they are.
    pub on_a: f64,
    pub off_a: f64,
    /// `(on - off)/on`; without wires and sneak paths 1 less the second cell's current over that of the first.
    pub margin: f64,
    pub ideal_margin: f64,
}

/// The cells of an array that a margin is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// The written cell that conducts least and the other one that conducts most: what one sense level must tell apart.
    WrittenAndOthers,
    /// The largest and the smallest conductance, where it is not known which cells are written.
    Extremes,
}

impl Between {
    /// In words.
    pub fn in_words(self) -> &'static str {
        match self {
            Between::WrittenAndOthers => "between the array's weakest written cell and the strongest of the others",
            Between::Extremes => "between the array's largest and smallest conductance",
        }
    }
}

/// The places of the cells that a margin is between; none where all cells are in one state.
pub(super) fn states(cells: &Cells) -> Option<(Between, [(usize, usize); 2])> {
    let of = |state: Option<bool>| {
        let is_meant = move |at: (usize, usize)| match (&cells.written, state) {
            (Some(written), Some(state)) => written[at] == state,
            _ => true,
        };
        cells.conductance_s.indexed_iter().filter(move |(at, _)| is_meant(*at))
    };
    let most = |state| of(state).max_by(|a, b| a.1.total_cmp(b.1)).map(|(at, _)| at);
    let least = |state| of(state).min_by(|a, b| a.1.total_cmp(b.1)).map(|(at, _)| at);
    if cells.written.is_some() {
        Some((Between::WrittenAndOthers, [least(Some(true))?, most(Some(false))?]))
    } else {
        Some((Between::Extremes, [most(None)?, least(None)?]))
    }
}

impl Margin {
    /// Of a cell at a read bias, V; none where all cells are in one state, or the currents are not known well enough:
    /// to a thousandth of the difference of its two states.
    pub(super) fn of(
        backend: &dyn Backend,
        cells: &Cells,
        setup: &Setup,
        (row, col): (usize, usize),
        read_v: f64,
        scheme: &Scheme,
    ) -> Result<Option<Margin>, ArrayReadError> {
        let conductance_s = &cells.conductance_s;
        let Some((between, [on, off])) = states(cells) else { return Ok(None) };
        let current_a = |state: (usize, usize)| -> Result<Option<(f64, f64)>, ArrayReadError> {
            let mut other = conductance_s.clone();
            other[[row, col]] = conductance_s[state];
            let (connected, unselected) = connected(other.view(), (row, col), scheme);
            let crossbar = setup.periphery.one_cell(connected, (row, col), read_v, &unselected)?;
            let swapped = Some([(row, col), state]);
            match solved(backend, &crossbar, cells, swapped, &setup.accuracies(Some(col))) {
                Ok((solution, _)) => Ok(Some((solution.currents.column_a[col], solution.currents.certificate.bound_a))),
                Err(SolveError::NotConverged { .. } | SolveError::Newton { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        let (Some((on_a, on_bound_a)), Some((off_a, off_bound_a))) = (current_a(on)?, current_a(off)?) else {
            return Ok(None);
        };
        let resolved = on_bound_a + off_bound_a <= 1e-3 * (on_a - off_a).abs();
        // Alone with its sources.
        let law = cells.law();
        let alone_a = |(row, col): (usize, usize)| match conductance_s[[row, col]] {
            0.0 => 0.0,
            _ => law.current_and_slope(row, col, read_v).0,
        };
        // A written cell that passes nothing leaves no margin to tell.
        if on_a == 0.0 || alone_a(on) == 0.0 {
            return Ok(None);
        }
        let ideal_margin = 1.0 - alone_a(off) / alone_a(on);
        Ok(resolved.then_some(Margin { between, on_a, off_a, margin: (on_a - off_a) / on_a, ideal_margin }))
    }
}

/// Where the power of the sources goes, W.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Power {
    /// Of all sources.
    pub total_w: f64,
    pub cells_w: f64,
    /// In what sources and amplifiers add to their lines.
    pub ends_w: f64,
    /// In the segments of the wires: the sum of `r i^2`, each current the sum of those of the cells beyond.
    pub wires_w: f64,
}

impl Power {
    /// Of a solved array.
    pub(in crate::experiment) fn of(crossbar: &Crossbar<'_>, solution: &Solution, linear: bool) -> Power {
        let currents = &solution.currents;
        let (mut total_w, mut ends_w) = (0.0, 0.0);
        // Row currents flow in, column currents out.
        for (lines, end_a, sign) in
            [(crossbar.words(), &currents.row_end_a, 1.0), (crossbar.bits(), &currents.column_end_a, -1.0)]
        {
            for (ends, currents_a) in [&lines.near, &lines.far].into_iter().zip(end_a) {
                for (end, current_a) in ends.iter().zip(currents_a) {
                    if let End::Driven { volts, ohm } = end {
                        total_w += sign * volts * current_a;
                        ends_w += ohm * current_a * current_a;
                    }
                }
            }
        }
        let cells_w = if linear {
            // The voltage of a cell that shorts its lines has few digits; its current has all.
            let cells = solution.cell_a.iter().zip(crossbar.conductance_s());
            cells.filter(|(_, siemens)| **siemens > 0.0).map(|(a, siemens)| a * a / siemens).sum()
        } else {
            solution.cell_power_w()
        };
        let words_w: f64 = (0..crossbar.rows())
            .map(|row| wire_w(crossbar.words(), row, solution.cell_a.row(row), currents.row_end_a[0][row]))
            .sum();
        // Out of a bit line into its near source; cells feed it.
        let bits_w: f64 = (0..crossbar.cols())
            .map(|col| {
                wire_w(crossbar.bits(), col, solution.cell_a.index_axis(Dim(1), col), currents.column_end_a[0][col])
            })
            .sum();
        Power { total_w, cells_w, ends_w, wires_w: words_w + bits_w }
    }

    /// What the sources deliver less what cells, wires and ends take, W: 0 but for what the currents are off.
    pub fn left_over_w(&self) -> f64 {
        self.total_w - (self.cells_w + self.wires_w + self.ends_w)
    }
}

/// Power in the segments of one line, W. `near_a` goes in at the near end (or out, as the cells' currents go in), and
/// each cell takes its own. Sums go from an end that floats, where there is one: they begin with nothing there.
fn wire_w(lines: &Lines, line: usize, cell_a: ArrayView1<'_, f64>, near_a: f64) -> f64 {
    let ohm = |segment: usize| match &lines.wire {
        Wire::Uniform(ohm) => *ohm,
        Wire::Segments(ohms) => ohms[segment],
    };
    let (mut power_w, cells) = (0.0, cell_a.len());
    if lines.far[line] == End::Floating {
        let mut current_a = 0.0;
        for segment in (0..cells).rev() {
            current_a += cell_a[segment];
            power_w += ohm(segment) * current_a * current_a;
        }
    } else {
        let mut current_a = if lines.near[line] == End::Floating { 0.0 } else { near_a };
        power_w += ohm(0) * current_a * current_a;
        for segment in 1..=cells {
            current_a -= cell_a[segment - 1];
            power_w += ohm(segment) * current_a * current_a;
        }
    }
    power_w
}
