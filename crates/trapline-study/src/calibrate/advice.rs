//! What to say where a fit misses: where the residuals lie, and which other numbers of the material would take them away.

use nalgebra::{DMatrix, DVector};

use super::parameter::Parameter;
use super::problem::Problem;
use super::solve::chi2;
use super::target::{Aim, Kept, MeasuredIv, Target};
use super::{FitError, Outcome};
use trapline_model::material::draft::Draft;

/// Numbers of the material that are named at most.
const MOST: usize = 3;
/// Share of chi-squared that a number must take away to be named.
const LEAST_SHARE: f64 = 0.2;
/// Change of a number by which its effect is seen, as a share of it.
const CHANGE: f64 = 0.01;
/// Largest change of the logarithm of a number that a straight line is believed for: a factor of ten.
const MOST_CHANGE: f64 = 2.303;
/// Parts that a curve is seen in.
const PARTS: usize = 5;

/// A number of the material that is not fitted and would take residuals away.
#[derive(Debug, Clone, PartialEq)]
pub struct Help {
    pub key: String,
    /// Share of chi-squared that it would take away, the fitted parameters moving along; as far as residuals are
    /// straight lines in it.
    pub share: f64,
    /// Whether it would be raised.
    pub raise: bool,
}

/// The numbers that would help most, at values of the parameters. `jacobian` is of the residuals there; what its columns
/// do is theirs, those of parameters at a bound too: these help by a wider bound.
pub(super) fn helps(problem: &Problem<'_>, values: &[f64], residuals: &[f64], jacobian: &DMatrix<f64>) -> Vec<Help> {
    let all = chi2(residuals);
    let taken: Vec<String> =
        problem.parameters.iter().flat_map(|p| std::iter::once(p.key.clone()).chain(p.followers())).collect();
    let draft = problem.draft_at(values);
    let columns: Vec<_> = (0..jacobian.ncols()).map(|i| jacobian.column(i).into_owned()).collect();
    let mut basis = orthonormal(&columns);
    let at = DVector::from_column_slice(residuals);
    // Slopes of the residuals in the logarithm of each other number, with what goes along with it in a fit.
    let slope = |key: &String| {
        let value = draft.number(key).ok().filter(|value| *value != 0.0)?;
        let followers = Parameter::new(key, value, value).followers();
        let (change, found) = [CHANGE, -CHANGE].into_iter().find_map(|change| {
            let mut moved: Draft = draft.clone();
            moved.set(key, value * (1.0 + change));
            for follower in followers.iter().filter(|key| !taken.contains(key)) {
                if let Ok(number) = draft.number(follower) {
                    moved.set(follower, number * (1.0 + change));
                }
            }
            let found = problem.residuals_of(&moved)?;
            (found.len() == residuals.len()).then(|| (change, DVector::from_vec(found)))
        })?;
        Some((found - &at) / change)
    };
    let keys = draft.numbers().into_iter().filter(|key| !taken.contains(key));
    let mut slopes: Vec<(String, DVector<f64>)> =
        keys.filter_map(|key| slope(&key).map(|slope| (key, slope))).collect();
    let mut helps: Vec<Help> = Vec::new();
    // One after the other: what a second one does as well as the first is no further help.
    while helps.len() < MOST {
        let rest = |slope: &DVector<f64>| {
            let mut rest = slope.clone();
            basis.iter().for_each(|unit| rest -= unit * unit.dot(&rest));
            rest
        };
        let share = |(key, slope): &(String, DVector<f64>)| {
            let rest = rest(slope);
            let (along, length) = (rest.dot(&at), rest.norm_squared());
            let (share, change) = (along * along / (length * all), -along / length);
            // What rounding leaves of a slope is none, and a change this large is no straight line's to tell.
            let told = share >= LEAST_SHARE && length > 1e-6 * slope.norm_squared() && change.abs() <= MOST_CHANGE;
            told.then(|| Help {
                key: key.clone(),
                share,
                raise: change * draft.number(key).unwrap_or(1.0).signum() > 0.0,
            })
        };
        let best = slopes.iter().enumerate().filter_map(|(place, one)| share(one).map(|help| (place, help)));
        let Some((place, help)) = best.max_by(|a, b| a.1.share.total_cmp(&b.1.share)) else { break };
        let (_, slope) = slopes.swap_remove(place);
        let rest = rest(&slope);
        let length = rest.norm();
        basis.push(rest / length);
        helps.push(help);
    }
    helps
}

/// Unit vectors that span what columns span.
fn orthonormal(columns: &[DVector<f64>]) -> Vec<DVector<f64>> {
    let mut basis: Vec<DVector<f64>> = Vec::new();
    for column in columns {
        let mut rest = column.clone();
        // Twice is enough (Kahan and Parlett).
        for _ in 0..2 {
            basis.iter().for_each(|unit| rest -= unit * unit.dot(&rest));
        }
        let length = rest.norm();
        if length > 1e-9 * column.norm() {
            basis.push(rest / length);
        }
    }
    basis
}

/// Where the residuals of a missed curve lie, in a line; none for what is no curve.
pub(super) fn place_of_residuals(target: &Target, outcome: &Outcome) -> Option<String> {
    let (points, what): (Vec<_>, &str) = match &target.aim {
        Aim::Iv(measured) => (measured.points.iter().filter(|point| MeasuredIv::compares(point)).collect(), "current"),
        Aim::Retention(measured) => (
            measured.points.iter().filter(|point| point.y.is_finite()).collect(),
            if measured.kept == Kept::Window { "share kept" } else { "conductance" },
        ),
        _ => return None,
    };
    let residuals = &outcome.residuals;
    if residuals.is_empty() || points.len() != residuals.len() {
        return None;
    }
    let (size, all) = (residuals.len().div_ceil(PARTS), chi2(residuals));
    let parts = residuals.chunks(size).zip(points.chunks(size));
    let (worst, of) = parts.max_by(|a, b| chi2(a.0).total_cmp(&chi2(b.0)))?;
    let mean = worst.iter().sum::<f64>() / worst.len() as f64;
    let way = if mean.abs() < 0.5 * (chi2(worst) / worst.len() as f64).sqrt() {
        "too high and too low by turns".to_owned()
    } else {
        let word = if mean > 0.0 { "too high" } else { "too low" };
        format!("{word} by {:.1} standard errors on average", mean.abs())
    };
    let (from, to, unit) = match &target.aim {
        Aim::Iv(_) => (of[0].x, of[of.len() - 1].x, "V"),
        _ => (of[0].x, of[of.len() - 1].x, "s"),
    };
    let (from, to) = (short(from), short(to));
    let place = if from == to { format!("at {from} {unit}") } else { format!("on the way from {from} to {to} {unit}") };
    Some(format!(
        "{}: {:.0} % of its chi-squared lies {place}, where the simulated {what} is {way}",
        target.name,
        100.0 * chi2(worst) / all
    ))
}

/// A number as short as six digits make it.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    rounded.to_string()
}

/// How many times too large a measured curve may be at the start before it is refused as one in another unit.
const FAR_OFF: f64 = 1e6;

/// Refuses a curve whose currents or conductances are of another order of magnitude altogether at the start: with such
/// residuals every fit ends anywhere.
///
/// # Errors
/// [`FitError::Request`].
pub(super) fn comparable(target: &Target, simulated: &[f64]) -> Result<(), FitError> {
    let (points, unit): (Vec<_>, &str) = match &target.aim {
        Aim::Iv(measured) => (measured.points.iter().filter(|p| MeasuredIv::compares(p)).map(|p| p.y).collect(), "A"),
        Aim::Retention(measured) if measured.kept == Kept::Conductance => {
            (measured.points.iter().map(|p| p.y).filter(|y| y.is_finite()).collect(), "S")
        }
        _ => return Ok(()),
    };
    let simulated: Vec<f64> = match &target.aim {
        Aim::Iv(measured) => {
            let compared = measured.points.iter().zip(simulated).filter(|(p, _)| MeasuredIv::compares(p));
            compared.map(|(_, i)| *i).collect()
        }
        _ => simulated.to_vec(),
    };
    let largest = |of: &[f64]| of.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let (measured, simulated) = (largest(&points), largest(&simulated));
    let ratio = measured / simulated;
    if !(measured > 0.0 && simulated > 0.0) || (1.0 / FAR_OFF..=FAR_OFF).contains(&ratio) {
        return Ok(());
    }
    Err(FitError::request(format!(
        "target {}: its largest value is {measured:.3e} {unit} and that of the material at the start {simulated:.3e} {unit}; they must be \
         within a factor of 1e6: check the unit of the column, film.area, or start nearer",
        target.name
    )))
}
