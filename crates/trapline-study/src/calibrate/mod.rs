//! Calibration: numbers of a material from measurements, by bounded least squares.
//!
//! # Theory
//! Every target has a standard error, and the sum of the squared distances in standard errors, chi-squared, is made
//! as small as it gets ([`mod@solve`]). Beside the values the fit says what the targets know of them ([`identify`]):
//! a standard error for each parameter, and the directions that the targets leave open.
//!
//! What devices that were measured alike differ in is found by likelihood instead ([`spread`]).
//!
//! # Practice
//! A [`file::Fit`] is read from a file ([`file::read`]) or put together; with a material it is a
//! [`problem::Problem`], whose parameters are keys of the material's own file. [`run`] fits and returns a
//! [`FitResult`], with the text of the new material: the old one with other values and sources in it. Of materials no
//! file format and no equation is known here, and of their keys two: `film.area` takes `injection.reference_area`
//! along ([`parameter`]). Claims are known by id, with the two shipped materials they speak of ([`claim`]).

pub mod advice;
mod bench;
pub mod claim;
mod curve_file;
mod error;
pub mod file;
pub mod identify;
pub mod parameter;
pub mod picture;
mod problem;
pub mod report;
pub mod solve;
pub mod spread;
pub mod target;
mod target_file;

pub use bench::Simulated;
pub use curve_file::check_times;
pub use error::FitError;
pub use problem::{Outcome, Problem};

use identify::Knowledge;
use parameter::Parameter;
use solve::{Minimum, Stop};
use target::Target;
use trapline_model::files;
use trapline_model::rng::{self, Purpose};

/// How a fit is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    /// Starts: the first is the material's own, the others lie anywhere between the bounds.
    pub starts: u32,
    pub seed: u64,
    /// Evaluations of all targets from each start.
    pub max_evaluations: usize,
}

/// A parameter as it came out, in the unit of the material's file.
#[derive(Debug, Clone)]
pub struct FittedParameter {
    pub parameter: Parameter,
    pub unit: String,
    pub start: f64,
    pub value: f64,
    /// None where it is not identifiable, or at a bound.
    pub error: Option<f64>,
    pub at_bound: bool,
}

/// A fit.
#[derive(Debug, Clone)]
pub struct FitResult {
    pub parameters: Vec<FittedParameter>,
    /// Outcomes of the targets at the fitted values.
    pub targets: Vec<(Target, Outcome)>,
    pub knowledge: Knowledge,
    /// Chi-squared over the fitted targets, at the fitted values.
    pub chi2: f64,
    pub chi2_at_start: f64,
    /// Number of residuals.
    pub residuals: usize,
    pub stop: Stop,
    pub evaluations: usize,
    /// Chi-squared that each start led to; none where a start made no material.
    pub starts: Vec<Option<f64>>,
    /// Other numbers of the material that would take residuals away, where a search that ended misses a target.
    pub helps: Vec<advice::Help>,
}

impl FitResult {
    /// Whether the search ended at a minimum.
    pub fn converged(&self) -> bool {
        matches!(self.stop, Stop::Converged | Stop::Stalled)
    }

    /// Names of the targets that are missed.
    pub fn missed(&self) -> Vec<&str> {
        self.targets
            .iter()
            .filter(|(target, outcome)| report::missed(target, outcome))
            .map(|(t, _)| t.name.as_str())
            .collect()
    }

    /// Keys of the parameters that are best at one of their bounds.
    pub fn at_bound(&self) -> Vec<&str> {
        self.parameters.iter().filter(|p| p.at_bound).map(|p| p.parameter.key.as_str()).collect()
    }
}

/// Fits.
///
/// # Errors
/// [`FitError`] at the values found, but for targets that are only checked; during the search, values that make no
/// material are stepped away from.
pub fn run(problem: &Problem, search: &Search) -> Result<FitResult, FitError> {
    let residuals = |places: &[f64]| problem.residuals(places);
    let first = problem.places(&problem.start);
    let at_start = residuals(&first);
    let minima: Vec<Option<Minimum>> = (0..search.starts.max(1))
        .map(|number| {
            let start = if number == 0 { first.clone() } else { anywhere(first.len(), number, search.seed) };
            solve::minimise(&residuals, &start, search.max_evaluations)
        })
        .collect();
    let starts = minima.iter().map(|m| m.as_ref().map(Minimum::chi2)).collect();
    let evaluations = minima.iter().flatten().map(|m| m.evaluations).sum();
    let Some(best) = minima.into_iter().flatten().min_by(|a, b| a.chi2().total_cmp(&b.chi2())) else {
        return Err(FitError::request("no start makes a material whose targets can be measured; choose another start"));
    };
    let values = problem.rounded(&best.places);
    let places = problem.places(&values);
    let held: Vec<bool> = best.at_bound().iter().map(Option::is_some).collect();
    // Evaluated at the values as they are written, rounded or not.
    let targets: Vec<_> = problem.targets.iter().cloned().zip(problem.all_outcomes(&values)?).collect();
    let fitted: Vec<f64> =
        targets.iter().filter(|(target, _)| !target.check).flat_map(|(_, outcome)| outcome.residuals.clone()).collect();
    let least = problem.least_steps(&values);
    let errors = |jacobian: &_| identify::knowledge(jacobian, &held).errors;
    let jacobian = solve::fine_jacobian(&residuals, &places, &fitted, &least, errors);
    let knowledge = identify::knowledge(&jacobian, &held);
    let parameters = problem.parameters.iter().enumerate().map(|(i, parameter)| FittedParameter {
        parameter: parameter.clone(),
        unit: problem.unit(&parameter.key),
        start: problem.start[i],
        value: values[i],
        error: knowledge.errors[i].map(|error| parameter.spread(values[i], error)),
        at_bound: held[i],
    });
    let missed = matches!(best.stop, Stop::Converged | Stop::Stalled)
        && targets.iter().any(|(target, outcome)| !target.check && report::missed(target, outcome));
    let helps = if missed { advice::helps(problem, &values, &fitted, &jacobian) } else { Vec::new() };
    Ok(FitResult {
        parameters: parameters.collect(),
        helps,
        targets,
        chi2: solve::chi2(&fitted),
        chi2_at_start: at_start.as_deref().map_or(f64::NAN, solve::chi2),
        residuals: fitted.len(),
        stop: best.stop,
        evaluations,
        starts,
        knowledge,
    })
}

/// Places of a further start, uniform between the bounds.
fn anywhere(parameters: usize, start: u32, seed: u64) -> Vec<f64> {
    let place = |i: usize| {
        let word = rng::words(seed, u64::from(start), Purpose::FitStart, i as u32, 0)[0];
        (f64::from(word) + 0.5) / 4_294_967_296.0
    };
    (0..parameters).map(place).collect()
}

/// Refuses a name that the new material must not have.
///
/// # Errors
/// [`FitError::Request`].
pub fn check_name(name: &str) -> Result<(), FitError> {
    if files::is_name(name) {
        return Ok(());
    }
    Err(FitError::request(format!("the new material would be called {name:?}; a name must be {}", files::NAME_LIMIT)))
}

/// The file of the material that was found: the old one with the new values, sources and name, and the command in its
/// head.
pub fn material_text(problem: &Problem, result: &FitResult, name: &str, from: &str, command: &str) -> String {
    let values: Vec<f64> = result.parameters.iter().map(|p| p.value).collect();
    let mut draft = problem.draft_at(&values);
    draft.set_name(name);
    for p in &result.parameters {
        let known = match (p.at_bound, p.error) {
            (true, _) => "at a bound".to_owned(),
            (false, Some(error)) => format!("standard error {error:.1e}"),
            (false, None) => "not identifiable from the targets".to_owned(),
        };
        let why = p.parameter.source.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
        draft.set_source(&p.parameter.key, &format!("fitted: {from}, {known}{why}"));
        for key in p.parameter.followers() {
            draft.set_source(&key, &format!("fitted: {from}, with {}", p.parameter.key));
        }
    }
    draft.text_made_by(command)
}
