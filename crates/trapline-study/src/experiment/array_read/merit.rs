//! Figures of merit of a reading: errors, margin, power.

use super::Setup;
use ndarray::ArrayView2;
use trapline_engine::circuit::scheme::Unselected;
use trapline_engine::circuit::{Crossbar, End, Solution, Solver};

/// Errors of currents against the ideal ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorStatistics {
    /// Largest magnitude of an ideal current, A: what the others are relative to.
    pub largest_a: f64,
    /// Root of the mean square error, over the largest ideal current.
    pub rms: f64,
    /// Largest error, over the largest ideal current.
    pub worst: f64,
    /// Bits of a converter over the largest ideal current whose rounding alone, `1/sqrt(12)` of a step, has the same root
    /// mean square: `-log2(sqrt(12) rms)`, and 0 where that is below. Infinite without error.
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
        let worst = errors.iter().fold(0.0, |most: f64, e| if e.abs() <= most { most } else { e.abs() });
        ErrorStatistics { largest_a, rms, worst, effective_bits: (-(12f64.sqrt() * rms).log2()).max(0.0) }
    }
}

/// What the selected cell's two states look like from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// Current of the sensed bit line with the selected cell at the largest and at the smallest conductance of the array,
    /// A; the other cells as they are.
    pub on_a: f64,
    pub off_a: f64,
    /// `(on - off)/on`; without wires and sneak paths `1 - smallest/largest`.
    pub margin: f64,
    pub ideal_margin: f64,
}

impl Margin {
    /// Of a cell at a read bias, V; none where the currents are not known well enough: to a thousandth of the difference
    /// of its two states.
    pub(super) fn of(
        conductance_s: ArrayView2<'_, f64>,
        setup: &Setup,
        (row, col): (usize, usize),
        read_v: f64,
        unselected: &Unselected,
    ) -> Option<Margin> {
        let (least, most) = conductance_s
            .iter()
            .fold((f64::INFINITY, 0.0), |(least, most): (f64, f64), s| (least.min(*s), most.max(*s)));
        let current_a = |siemens: f64| {
            let mut other = conductance_s.to_owned();
            other[[row, col]] = siemens;
            let crossbar = setup.periphery.one_cell(other, (row, col), read_v, unselected).ok()?;
            let currents = Solver::new(&crossbar).solve(setup.accuracy).ok()?;
            Some((currents.column_a[col], currents.certificate.bound_a))
        };
        let ((on_a, on_bound_a), (off_a, off_bound_a)) = (current_a(most)?, current_a(least)?);
        let resolved = on_bound_a + off_bound_a <= 1e-3 * (on_a - off_a).abs();
        let margin = Margin { on_a, off_a, margin: (on_a - off_a) / on_a, ideal_margin: 1.0 - least / most };
        resolved.then_some(margin)
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
    /// In the wires: what is left.
    pub wires_w: f64,
}

impl Power {
    /// Of a solved array.
    pub(super) fn of(crossbar: &Crossbar<'_>, solution: &Solution) -> Power {
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
        let cells_w = solution.cell_power_w();
        Power { total_w, cells_w, ends_w, wires_w: (total_w - cells_w - ends_w).max(0.0) }
    }
}
