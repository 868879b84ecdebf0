//! A material, what of it is fitted, and to what: residuals as a function of places between the bounds.

use super::FitError;
use super::advice;
use super::bench::{Bench, Simulated};
use super::claim::Role;
use super::file::Fit;
use super::parameter::Parameter;
use super::target::*;
use trapline_engine::backend::Backend;
use trapline_model::material::draft::{Draft, rounded};
use trapline_model::material::{self, Material};

/// Change of a value that is seen in spite of the simulation's jumps of 1e-6 of a result: they are a thousandth of it.
const LEAST_CHANGE: f64 = 1e-3;

/// Everything a search needs, checked.
pub struct Problem<'a> {
    backend: &'a (dyn Backend + Sync),
    draft: Draft,
    origin: String,
    pub parameters: Vec<Parameter>,
    pub targets: Vec<Target>,
    role: Role,
    /// Values of the parameters at the start.
    pub start: Vec<f64>,
    /// Significant digits that values are rounded to in the end.
    digits: Option<usize>,
}

/// What became of a target at some values.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub simulated: Simulated,
    /// In standard errors; one for each point that is compared.
    pub residuals: Vec<f64>,
}

impl<'a> Problem<'a> {
    /// A checked problem.
    ///
    /// # Errors
    /// [`FitError`] where there are no parameters, no targets but those that are only checked, more parameters than
    /// residuals, unknown keys, a start outside the bounds, or a target whose quantity the material at the start does
    /// not have.
    pub fn new(
        material: &Material,
        origin: &str,
        mut fit: Fit,
        digits: Option<usize>,
        backend: &'a (dyn Backend + Sync),
    ) -> Result<Problem<'a>, FitError> {
        let draft = Draft::new(&material.text, origin)?;
        if fit.parameters.is_empty() {
            return Err(FitError::request(
                "nothing is to be fitted: name a [[parameter]] in the fit file, or --parameter KEY=LOWER..UPPER",
            ));
        }
        follow(&draft, &mut fit.parameters)?;
        let mut start = Vec::new();
        for parameter in &fit.parameters {
            let value = match parameter.start {
                Some(start) => start,
                None => draft.number(&parameter.key)?,
            };
            draft.number(&parameter.key)?;
            parameter.holds(value)?;
            start.push(value);
        }
        let role = fit.claims_as.unwrap_or_else(|| Role::of(material));
        let origin = origin.to_owned();
        let Fit { parameters, targets, .. } = fit;
        let problem = Problem { backend, draft, origin, parameters, targets, role, start, digits };
        problem.check_start()?;
        Ok(problem)
    }

    fn check_start(&self) -> Result<(), FitError> {
        let outcomes = self.outcomes(&self.start, |target| !target.check)?;
        let mut count = 0;
        for (target, outcome) in self.targets.iter().zip(&outcomes) {
            let Some(outcome) = outcome else { continue };
            if let Simulated::Curve(simulated) = &outcome.simulated {
                advice::comparable(target, simulated)?;
            }
            count += outcome.residuals.len();
            if !outcome.residuals.iter().all(|r| r.is_finite()) {
                let name = &target.name;
                return Err(FitError::request(format!(
                    "target {name}: the simulated cell has no number to compare at the start; choose another start or target"
                )));
            }
        }
        let parameters = self.parameters.len();
        if count < parameters {
            return Err(FitError::request(format!(
                "{parameters} parameters are to be fitted to {count} numbers; there must be at least as many numbers (targets that \
                 are only checked do not count)"
            )));
        }
        Ok(())
    }

    /// The material at values of the parameters: its text.
    pub fn draft_at(&self, values: &[f64]) -> Draft {
        let mut draft = self.draft.clone();
        for (parameter, value) in self.parameters.iter().zip(values) {
            draft.set(&parameter.key, *value);
            parameter.followers().iter().for_each(|key| draft.set(key, *value * self.ratio(key, parameter)));
        }
        draft
    }

    /// A follower's number over its parameter's, in the material at hand: what stays as it is. [`follow`] looked at
    /// both.
    fn ratio(&self, follower: &str, parameter: &Parameter) -> f64 {
        let number = |key: &str| self.draft.number(key).unwrap_or(f64::NAN);
        number(follower) / number(&parameter.key)
    }

    pub fn values(&self, places: &[f64]) -> Vec<f64> {
        self.parameters.iter().zip(places).map(|(parameter, x)| parameter.value(*x)).collect()
    }

    /// Values as they are written: rounded where digits are asked for, and never past a bound.
    pub fn rounded(&self, places: &[f64]) -> Vec<f64> {
        let round = |(parameter, value): (&Parameter, f64)| match self.digits {
            Some(digits) => rounded(value, digits).clamp(parameter.lower, parameter.upper),
            None => value,
        };
        self.parameters.iter().zip(self.values(places)).map(round).collect()
    }

    pub fn places(&self, values: &[f64]) -> Vec<f64> {
        self.parameters.iter().zip(values).map(|(parameter, value)| parameter.place(*value)).collect()
    }

    /// The shortest steps of differences at values, in places: over a thousandth of the value.
    pub fn least_steps(&self, values: &[f64]) -> Vec<f64> {
        let step = |(parameter, value): (&Parameter, &f64)| LEAST_CHANGE * value.abs() / parameter.spread(*value, 1.0);
        self.parameters.iter().zip(values).map(step).collect()
    }

    /// Residuals of the targets that are fitted; none where the values make no material, or a number cannot be had.
    pub fn residuals(&self, places: &[f64]) -> Option<Vec<f64>> {
        self.residuals_of(&self.draft_at(&self.values(places)))
    }

    /// The same of a draft.
    pub fn residuals_of(&self, draft: &Draft) -> Option<Vec<f64>> {
        let outcomes = self.outcomes_of(draft, |target| !target.check).ok()?;
        let all: Vec<f64> = outcomes.into_iter().flatten().flat_map(|outcome| outcome.residuals).collect();
        all.iter().all(|r| r.is_finite()).then_some(all)
    }

    /// What becomes of all targets at values of the parameters; one that is only checked may come to nothing.
    ///
    /// # Errors
    /// As [`Problem::outcomes`].
    pub fn all_outcomes(&self, values: &[f64]) -> Result<Vec<Outcome>, FitError> {
        let draft = self.draft_at(values);
        let material = material::parse(&draft.text(), &self.origin)?;
        let mut bench = Bench::new(self.backend, &material, self.role);
        let one = |target: &Target| match outcome(&mut bench, &draft, target) {
            Err(error) if target.check => {
                Ok(Outcome { residuals: Vec::new(), simulated: Simulated::Nothing(error.to_string()) })
            }
            simulated => simulated,
        };
        self.targets.iter().map(one).collect()
    }

    /// What becomes of the targets that are chosen, at values of the parameters.
    ///
    /// # Errors
    /// Values that make no material; what the backend says.
    pub fn outcomes(&self, values: &[f64], chosen: impl Fn(&Target) -> bool) -> Result<Vec<Option<Outcome>>, FitError> {
        self.outcomes_of(&self.draft_at(values), chosen)
    }

    fn outcomes_of(&self, draft: &Draft, chosen: impl Fn(&Target) -> bool) -> Result<Vec<Option<Outcome>>, FitError> {
        let material = material::parse(&draft.text(), &self.origin)?;
        let mut bench = Bench::new(self.backend, &material, self.role);
        let one = |target: &Target| chosen(target).then(|| outcome(&mut bench, draft, target)).transpose();
        self.targets.iter().map(one).collect()
    }

    pub fn unit(&self, key: &str) -> String {
        self.draft.unit(key)
    }
}

/// What a target comes to on a bench with the material of a draft.
fn outcome(bench: &mut Bench, draft: &Draft, target: &Target) -> Result<Outcome, FitError> {
    let simulated = bench.simulate(&target.aim, &|key| Ok(draft.number(key)?))?;
    let residuals = residuals(&target.aim, &simulated);
    Ok(Outcome { simulated, residuals })
}

/// Completes and checks the keys that go with another: only those that are there, with a ratio to keep, and no key
/// twice.
fn follow(draft: &Draft, parameters: &mut [Parameter]) -> Result<(), FitError> {
    let named: Vec<String> = parameters.iter().map(|p| p.key.clone()).collect();
    let mut taken: Vec<String> = Vec::new();
    for parameter in parameters {
        let mut followers = parameter.followers();
        match &parameter.with {
            Some(keys) => keys.iter().try_for_each(|key| draft.number(key).map(|_| ()))?,
            None => followers.retain(|key| draft.has(key) && !named.contains(key)),
        }
        if !followers.is_empty() && draft.number(&parameter.key)? == 0.0 {
            return Err(FitError::request(format!(
                "parameter {}: it is 0 in the material, and {} keeps its ratio to it; leave out with",
                parameter.key,
                followers.join(", ")
            )));
        }
        taken.push(parameter.key.clone());
        taken.extend(followers.iter().cloned());
        parameter.with = Some(followers);
    }
    taken.sort();
    match taken.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(FitError::request(format!("parameter {}: it is there twice; name each key once", pair[0]))),
        None => Ok(()),
    }
}

/// Distances from what is wanted, in standard errors.
fn residuals(aim: &Aim, simulated: &Simulated) -> Vec<f64> {
    match (aim, simulated) {
        (Aim::Number { target, width, .. }, Simulated::Number(value)) => vec![width.residual(*value, *target)],
        (Aim::Claim(target), Simulated::Claim(measured)) => vec![target.residual(measured.value)],
        (Aim::Iv(measured), Simulated::Curve(simulated)) => {
            let compared = measured.points.iter().zip(simulated).filter(|(point, _)| MeasuredIv::compares(point));
            compared.map(|(point, i)| measured.residual(*i, point.y)).collect()
        }
        (Aim::Retention(measured), Simulated::Curve(simulated)) => {
            let compared = measured.points.iter().zip(simulated).filter(|(point, _)| point.y.is_finite());
            compared.map(|(point, y)| measured.width.residual(*y, point.y)).collect()
        }
        // A target sees its own kind.
        _ => vec![f64::NAN],
    }
}
