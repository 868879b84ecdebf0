//! Bounded nonlinear least squares.
//!
//! # Theory
//! Every parameter has a place x between its bounds, 0 to 1. The search runs in an angle, `x = (1 + sin p)/2`, so
//! that no step leaves the bounds (the transformation of MINUIT: F. James and M. Roos, Comput. Phys. Commun. 10, 343
//! (1975)), by the Levenberg-Marquardt method of MINPACK (J. J. Moré, Lecture Notes in Mathematics 630, 105 (1978)),
//! as the crate `levenberg-marquardt` has it. At a bound the angle has no slope: a start there is moved inside by a
//! hundredth.
//!
//! The Jacobian is of central differences. What is differentiated is a simulation, which jumps where the number of
//! substeps of a segment changes; the jumps are of some 1e-6 of a result. On a result that follows its parameter in
//! proportion, a step that is a share h of the value has the error `h^2/6` of the third derivative and `1e-6/h` of
//! the jumps: both stay below 1e-3 for h from 1e-3 to a few 1e-2.
//!
//! The search takes [`STEP`] of the distance between the bounds, and less near a bound. That is such a share of the
//! value where the bounds are within a few times the value, or on a log scale; where they are wider it is too much,
//! which costs the search evaluations and does not move its end beyond the change of chi-squared it stops at. Standard
//! errors are worth more care: [`fine_jacobian`] takes a tenth of each parameter's own standard error, over which the
//! residuals are as straight as the standard error itself takes them to be, and no less than the jumps allow.
//!
//! # Practice
//! [`minimise`] knows no material: it is given a function of places that returns residuals, or none where there is
//! nothing.

use std::cell::{Cell, RefCell};

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt, TerminationReason};
use nalgebra::{DMatrix, DVector, Dyn, Owned};
use rayon::prelude::*;

/// Residuals at places; none where they cannot be had.
pub type Residuals<'a> = &'a (dyn Fn(&[f64]) -> Option<Vec<f64>> + Sync);

/// Step of the search's differences, in places, and the largest of any.
pub const STEP: f64 = 3e-3;
/// Nearer to a bound, the step is this share of the way there, but no shorter than the least.
const OF_THE_WAY: f64 = 0.3;
const LEAST_STEP: f64 = 1e-5;
/// The fine step, as a share of a standard error.
const OF_AN_ERROR: f64 = 0.1;
/// A fine step is right if it is within this factor of what the errors it leads to ask for.
const STABLE: f64 = 1.5;
/// Jacobians for fine steps at most.
const ROUNDS: usize = 5;
/// A start nearer to a bound is moved so far inside.
const MARGIN: f64 = 1e-2;
/// A place nearer to a bound in the end may belong onto it.
const NEAR_BOUND: f64 = 1e-3;
/// A parameter near a bound is put onto it if that costs no more of chi-squared than this: a thousandth of what one
/// standard error costs.
const SNAP_COSTS: f64 = 1e-3;
/// Relative changes of chi-squared and of the parameters at which the search ends.
const CHI2_CHANGE: f64 = 1e-9;
const PLACE_CHANGE: f64 = 1e-8;
/// A residual that stands for none: so far off that any place is better.
const NOTHING: f64 = 1e8;

/// Why the search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Neither chi-squared nor the parameters change any more, or every residual is 0.
    Converged,
    /// Steps no longer lower chi-squared, though its gradient is not 0: the simulation's own jumps.
    Stalled,
    /// The evaluations allowed are used up.
    Evaluations,
    /// Residuals that are no numbers.
    Broken,
}

/// Where the search ended.
#[derive(Debug, Clone)]
pub struct Minimum {
    pub places: Vec<f64>,
    pub residuals: Vec<f64>,
    pub stop: Stop,
    /// Simulations, those of the Jacobians included.
    pub evaluations: usize,
}

impl Minimum {
    pub fn chi2(&self) -> f64 {
        chi2(&self.residuals)
    }

    /// The bound each parameter is at: 0, 1 or none.
    pub fn at_bound(&self) -> Vec<Option<u8>> {
        self.within(0.0)
    }

    /// The bound that each parameter is no farther from than so much, if any.
    fn within(&self, distance: f64) -> Vec<Option<u8>> {
        let end = |x: &f64| match *x {
            x if x <= distance => Some(0),
            x if x >= 1.0 - distance => Some(1),
            _ => None,
        };
        self.places.iter().map(end).collect()
    }
}

pub fn chi2(residuals: &[f64]) -> f64 {
    residuals.iter().map(|r| r * r).sum()
}

/// Looks for the least sum of squares from a start, within so many evaluations. None where the start has no residuals.
pub fn minimise(residuals: Residuals, start: &[f64], max_evaluations: usize) -> Option<Minimum> {
    let inside: Vec<f64> = start.iter().map(|x| x.clamp(MARGIN, 1.0 - MARGIN)).collect();
    let first = residuals(&inside)?;
    let search = Search {
        residuals,
        count: first.len(),
        angles: DVector::from_iterator(inside.len(), inside.iter().map(|x| libm::asin(2.0 * x - 1.0))),
        evaluations: Cell::new(1),
        max_evaluations,
        best: RefCell::new((inside, first)),
    };
    let method = LevenbergMarquardt::new()
        .with_ftol(CHI2_CHANGE)
        .with_xtol(PLACE_CHANGE)
        .with_gtol(CHI2_CHANGE)
        // The least of the usual steps: angles have no scale beyond 1.
        .with_stepbound(0.1)
        .with_patience(max_evaluations.max(1));
    let (search, report) = method.minimize(search);
    let stop = match report.termination {
        TerminationReason::ResidualsZero | TerminationReason::Orthogonal | TerminationReason::Converged { .. } => {
            Stop::Converged
        }
        TerminationReason::NoImprovementPossible(_) => Stop::Stalled,
        TerminationReason::LostPatience => Stop::Evaluations,
        TerminationReason::User(_) if search.evaluations.get() >= max_evaluations => Stop::Evaluations,
        _ => Stop::Broken,
    };
    let evaluations = search.evaluations.get();
    let (places, found) = search.best.into_inner();
    let mut minimum = Minimum { places, residuals: found, stop, evaluations };
    snap(residuals, &mut minimum);
    Some(minimum)
}

/// Puts parameters that are near a bound onto it, where that costs nothing.
fn snap(residuals: Residuals, minimum: &mut Minimum) {
    for (i, end) in minimum.within(NEAR_BOUND).into_iter().enumerate() {
        let Some(end) = end else { continue };
        let mut places = minimum.places.clone();
        places[i] = f64::from(end);
        minimum.evaluations += 1;
        if let Some(found) = residuals(&places).filter(|found| chi2(found) <= minimum.chi2() + SNAP_COSTS) {
            (minimum.places, minimum.residuals) = (places, found);
        }
    }
}

/// The search's steps at places.
pub fn steps(places: &[f64]) -> Vec<f64> {
    places.iter().map(|x| (OF_THE_WAY * x.min(1.0 - x)).clamp(LEAST_STEP, STEP)).collect()
}

/// Derivatives as [`jacobian`] has them, with steps that go with the standard errors of the parameters.
///
/// `least` are the shortest steps that the jumps of the simulation allow, in places, and `errors` the standard errors
/// that a Jacobian leads to; a parameter without one keeps the search's step.
pub fn fine_jacobian(
    residuals: Residuals,
    places: &[f64],
    at: &[f64],
    least: &[f64],
    errors: impl Fn(&DMatrix<f64>) -> Vec<Option<f64>>,
) -> DMatrix<f64> {
    let coarse = steps(places);
    let mut used = coarse.clone();
    let mut found = jacobian(residuals, places, at, &used);
    for _ in 1..ROUNDS {
        let wanted: Vec<f64> = errors(&found)
            .iter()
            .enumerate()
            .map(|(i, error)| error.map_or(coarse[i], |error| (OF_AN_ERROR * error).max(least[i]).min(STEP)))
            .collect();
        let stands = |(a, b): (&f64, &f64)| a.max(*b) <= STABLE * a.min(*b);
        if used.iter().zip(&wanted).all(stands) {
            break;
        }
        used = wanted;
        found = jacobian(residuals, places, at, &used);
    }
    found
}

/// Derivatives of the residuals with respect to places: rows of residuals, columns of parameters, each by its own
/// step. Never steps over a bound.
pub fn jacobian(residuals: Residuals, places: &[f64], at: &[f64], steps: &[f64]) -> DMatrix<f64> {
    let column = |i: usize| {
        let step = |to: f64| {
            let mut moved = places.to_vec();
            moved[i] = to;
            residuals(&moved)
        };
        let (low, high) = ((places[i] - steps[i]).max(0.0), (places[i] + steps[i]).min(1.0));
        let (below, above) = (step(low), step(high));
        // Where one side makes no material, the other has to do.
        let (x0, r0) = below.map_or((places[i], at.to_vec()), |r| (low, r));
        let (x1, r1) = above.map_or((places[i], at.to_vec()), |r| (high, r));
        let width = x1 - x0;
        let slope = |(b, a): (&f64, &f64)| if width > 0.0 { (b - a) / width } else { 0.0 };
        r1.iter().zip(&r0).map(slope).collect::<Vec<f64>>()
    };
    let columns: Vec<Vec<f64>> = (0..places.len()).into_par_iter().map(column).collect();
    DMatrix::from_fn(at.len(), places.len(), |row, i| columns[i][row])
}

/// The state of a search, as the method wants it.
struct Search<'a> {
    residuals: Residuals<'a>,
    count: usize,
    angles: DVector<f64>,
    evaluations: Cell<usize>,
    max_evaluations: usize,
    /// Places and residuals of the least chi-squared so far: the method may end on a step it did not take.
    best: RefCell<(Vec<f64>, Vec<f64>)>,
}

impl Search<'_> {
    fn places(&self) -> Vec<f64> {
        self.angles.iter().map(|p| (0.5 * (1.0 + libm::sin(*p))).clamp(0.0, 1.0)).collect()
    }

    /// Counts evaluations; none where they would be more than allowed.
    fn spend(&self, evaluations: usize) -> Option<()> {
        let spent = self.evaluations.get() + evaluations;
        if spent > self.max_evaluations {
            self.evaluations.set(self.max_evaluations);
            return None;
        }
        self.evaluations.set(spent);
        Some(())
    }

    fn here(&self) -> Vec<f64> {
        let places = self.places();
        if self.best.borrow().0 == places {
            return self.best.borrow().1.clone();
        }
        let Some(found) = (self.residuals)(&places) else {
            return vec![NOTHING; self.count];
        };
        if chi2(&found) < chi2(&self.best.borrow().1) {
            *self.best.borrow_mut() = (places, found.clone());
        }
        found
    }
}

impl LeastSquaresProblem<f64, Dyn, Dyn> for Search<'_> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Dyn>;
    type ParameterStorage = Owned<f64, Dyn>;

    fn set_params(&mut self, angles: &DVector<f64>) {
        self.angles.copy_from(angles);
    }

    fn params(&self) -> DVector<f64> {
        self.angles.clone()
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        self.spend(1)?;
        Some(DVector::from_vec(self.here()))
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        self.spend(2 * self.angles.len())?;
        let places = self.places();
        let mut found = jacobian(self.residuals, &places, &self.here(), &steps(&places));
        for (mut column, angle) in found.column_iter_mut().zip(&self.angles) {
            column *= 0.5 * libm::cos(*angle);
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley over places -2 to 2, whose least is at (1, 1).
    fn valley(places: &[f64]) -> Option<Vec<f64>> {
        let [x, y] = [places[0], places[1]].map(|p| 4.0 * p - 2.0);
        Some(vec![1.0 - x, 10.0 * (y - x * x)])
    }

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let found = minimise(&valley, &[0.2, 0.8], 2000).expect("starts");
        assert_eq!(found.stop, Stop::Converged);
        // Both residuals are 0 at the end; central differences of a quadratic are exact, so the end is reached to the
        // change asked for.
        assert!(found.places.iter().all(|p| (p - 0.75).abs() < 1e-6), "{found:?}");
        assert!(found.chi2() < 1e-10 && found.at_bound() == [None, None]);
    }

    #[test]
    fn what_lies_outside_is_sought_at_the_bound() {
        // The least of (x - 1.5)^2 + (y - 0.3)^2 between 0 and 1 is at x = 1.
        let away = |p: &[f64]| Some(vec![p[0] - 1.5, p[1] - 0.3]);
        let found = minimise(&away, &[0.5, 0.5], 500).expect("starts");
        assert_eq!((found.places[0], found.at_bound()), (1.0, vec![Some(1), None]));
        assert!((found.places[1] - 0.3).abs() < 1e-6 && (found.chi2() - 0.25).abs() < 1e-9, "{found:?}");
        // A minimum near a bound is not at it: (0.0005 - 0)/1e-5 = 50 standard errors away.
        let near = |p: &[f64]| Some(vec![(p[0] - 5e-4) / 1e-5]);
        let found = minimise(&near, &[0.5], 500).expect("starts");
        assert!(found.at_bound() == [None] && (found.places[0] - 5e-4).abs() < 1e-7, "{found:?}");
        // From the other bound, where the angle has no slope.
        let found = minimise(&away, &[0.0, 0.0], 500).expect("starts");
        assert_eq!(found.places[0], 1.0);
    }

    #[test]
    fn fine_steps_go_with_the_standard_error() {
        // ln x over an error of 0.01 at x = 1e-3: the standard error is 1e-5, the slope 1e5.
        let log = |p: &[f64]| Some(vec![libm::log(p[0].max(1e-9)) / 0.01]);
        let errors = |j: &DMatrix<f64>| vec![Some(1.0 / j[(0, 0)])];
        let (at, places) = (log(&[1e-3]).unwrap(), [1e-3]);
        // Central differences of the logarithm are off by (h/x)^2/3: 3e-7 for a step of 1e-6, which is a tenth of the
        // error.
        let fine = fine_jacobian(&log, &places, &at, &[0.0], errors)[(0, 0)];
        assert!((fine / 1e5 - 1.0).abs() < 1e-6, "{fine}");
        // Not below the least step: 3 % for 0.3 of the value.
        let held = fine_jacobian(&log, &places, &at, &[3e-4], errors)[(0, 0)];
        assert!((held / 1e5 - 1.0 - 0.0317).abs() < 1e-3, "{held}");
        // The largest step is no measure of it: from the bound at 0 on.
        assert!((jacobian(&log, &places, &at, &[STEP])[(0, 0)] / 1e5 - 1.0).abs() > 1.0);
    }

    #[test]
    fn evaluations_are_limited_and_places_without_residuals_are_left() {
        let found = minimise(&valley, &[0.2, 0.8], 12).expect("starts");
        assert!(
            found.stop == Stop::Evaluations
                && found.evaluations <= 12
                && found.chi2() <= chi2(&valley(&[0.2, 0.8]).unwrap())
        );
        let half = |p: &[f64]| (p[0] < 0.6).then(|| vec![p[0] - 0.55, p[1] - 0.5]);
        let found = minimise(&half, &[0.1, 0.1], 500).expect("starts");
        assert!((found.places[0] - 0.55).abs() < 1e-6, "{found:?}");
        assert!(minimise(&half, &[0.9, 0.1], 500).is_none());
    }
}
