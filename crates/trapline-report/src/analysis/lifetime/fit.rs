//! One law fitted to the lifetimes at one temperature.

use nalgebra::DVector;
use serde::Serialize;

use super::bounds::{Estimate, estimate, not_told};
use super::data::Lifetimes;
use super::error::{self, LifetimeError};
use super::law::Law;
use super::likelihood::{Group, Maximum, Model};
use super::shared::Cells;
use super::special::chi_square_tail;

/// A law with its parameters, by maximum likelihood.
#[derive(Debug, Clone, Serialize)]
pub struct Fit {
    pub law: Law,
    /// Weibull's eta, the lognormal median: s.
    pub scale_s: f64,
    /// Weibull's beta, the lognormal sigma.
    pub shape: f64,
    /// Of (ln scale, ln sigma), with sigma = 1/beta for Weibull's law.
    pub covariance: [[f64; 2]; 2],
    pub log_likelihood: f64,
    /// Akaike's criterion: 4 - 2 ln L. The smaller is the better law.
    pub aic: f64,
    /// Schwarz's criterion: 2 ln N - 2 ln L, N all cells. Both laws have two parameters, so both criteria choose alike.
    pub bic: f64,
    #[serde(skip)]
    data: Lifetimes,
    #[serde(skip)]
    maximum: Maximum,
}

/// How well a law describes the counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Goodness {
    /// Likelihood-ratio statistic 2 sum n ln(n / expected) over the classes, sparse ones merged with their neighbours
    /// until 5 cells are expected in each.
    pub g2: f64,
    pub classes: usize,
    /// Classes less one less two parameters.
    pub degrees: usize,
    /// Chance of a larger statistic if the law held; none without degrees of freedom. With 1e6 cells and more it is 0
    /// for every law: no formula is that exact. The distance then says whether the departure matters.
    pub p_value: Option<f64>,
    /// Largest distance of the fitted from the observed failed fraction, over the checkpoints.
    pub distance: f64,
    /// Where it is, s.
    pub distance_at_s: f64,
}

/// Cells to be expected in a class for the statistic to be close to chi-square.
const LEAST_EXPECTED: f64 = 5.0;

impl Fit {
    /// # Errors
    /// [`LifetimeError::NotIdentifiable`] names what is missing, [`LifetimeError::NoMaximum`].
    pub fn new(law: Law, data: &Lifetimes) -> Result<Fit, LifetimeError> {
        if let Some(lack) = data.lack() {
            return Err(lack.of(law));
        }
        let model = single(law, data, 0.0);
        let (mu, sigma) = start(law, data);
        let maximum = model.maximise(DVector::from_vec(vec![mu, libm::log(sigma)]), None)?;
        let covariance = maximum.covariance().ok_or_else(|| not_told(&model))?;
        let log_likelihood = model.log_likelihood(maximum.value);
        let sigma = libm::exp(maximum.at[1]);
        Ok(Fit {
            law,
            scale_s: libm::exp(maximum.at[0]),
            shape: if law == Law::Weibull { 1.0 / sigma } else { sigma },
            covariance: [[covariance[(0, 0)], covariance[(0, 1)]], [covariance[(1, 0)], covariance[(1, 1)]]],
            log_likelihood,
            aic: 4.0 - 2.0 * log_likelihood,
            bic: 2.0 * libm::log(data.total() as f64) - 2.0 * log_likelihood,
            data: data.clone(),
            maximum,
        })
    }

    /// Weibull's beta or the lognormal sigma.
    ///
    /// # Errors
    /// [`LifetimeError::Input`] for the confidence.
    pub fn shape(&self, confidence: f64) -> Result<Estimate, LifetimeError> {
        let model = single(self.law, &self.data, 0.0);
        let spread = estimate(&model, &self.maximum, 1, &Cells::Own, error::confidence(confidence)?)?;
        Ok(if self.law == Law::Weibull { spread.exp_minus() } else { spread.exp() })
    }

    /// Weibull's eta or the lognormal median, s.
    ///
    /// # Errors
    /// [`LifetimeError::Input`] for the confidence.
    pub fn scale(&self, confidence: f64) -> Result<Estimate, LifetimeError> {
        let model = single(self.law, &self.data, 0.0);
        Ok(estimate(&model, &self.maximum, 0, &Cells::Own, error::confidence(confidence)?)?.exp())
    }

    /// Time by which this fraction has failed, s: 0.1 gives the B10 life, 1e-6 the time to 1 ppm. Beyond the observed
    /// fractions it is the law that speaks, and the bounds do not hold the chance that the law is wrong.
    ///
    /// # Errors
    /// [`LifetimeError::Input`].
    pub fn life(&self, fraction: f64, confidence: f64) -> Result<Estimate, LifetimeError> {
        let pivot = self.law.quantile(error::fraction(fraction)?);
        let confidence = error::confidence(confidence)?;
        let model = single(self.law, &self.data, pivot);
        let mut at = self.maximum.at.clone();
        at[0] += pivot * libm::exp(at[1]);
        let maximum = model.maximise(at, None)?;
        Ok(estimate(&model, &maximum, 0, &Cells::Own, confidence)?.exp())
    }

    /// Fitted failed fraction by a time, s; 0 for times that are not above 0.
    pub fn failed_fraction(&self, time_s: f64) -> f64 {
        if time_s > 0.0 { self.law.below((libm::log(time_s) - self.maximum.at[0]) / self.sigma()) } else { 0.0 }
    }

    /// Spread of ln t.
    pub(super) fn sigma(&self) -> f64 {
        libm::exp(self.maximum.at[1])
    }

    pub(super) fn location(&self) -> f64 {
        self.maximum.at[0]
    }

    /// ln t of a fraction and its standard error (delta method).
    pub(super) fn ln_life(&self, fraction: f64) -> (f64, f64) {
        let lever = self.law.quantile(fraction) * self.sigma();
        let [[mm, ms], [_, ss]] = self.covariance;
        (self.location() + lever, (mm + 2.0 * lever * ms + lever * lever * ss).sqrt())
    }

    pub fn goodness(&self) -> Goodness {
        let merged = self.merged();
        let term = |&(n, expected): &(f64, f64)| if n > 0.0 { n * libm::log(n / expected) } else { 0.0 };
        let g2 = (2.0 * merged.iter().map(term).sum::<f64>()).max(0.0);
        let degrees = merged.len().saturating_sub(3);
        let total = self.data.total() as f64;
        let apart = self.data.times_s().iter().zip(self.data.failed()).map(|(&time, &failed)| {
            let distance = (self.failed_fraction(time) - failed as f64 / total).abs();
            (distance, time)
        });
        let (distance, distance_at_s) = apart.fold((0.0, 0.0), |most, next| if next.0 > most.0 { next } else { most });
        Goodness {
            g2,
            classes: merged.len(),
            degrees,
            p_value: (degrees > 0).then(|| chi_square_tail(g2, degrees)),
            distance,
            distance_at_s,
        }
    }

    /// Observed and expected cells of the classes, each with five expected at least.
    fn merged(&self) -> Vec<(f64, f64)> {
        let total = self.data.total() as f64;
        let mut merged: Vec<(f64, f64)> = Vec::new();
        let (mut n, mut expected) = (0.0, 0.0);
        for class in self.data.classes() {
            n += class.cells as f64;
            expected +=
                total * libm::exp(self.law.ln_probability(class, self.location(), libm::log(self.sigma())).value);
            if expected >= LEAST_EXPECTED {
                merged.push((n, expected));
                (n, expected) = (0.0, 0.0);
            }
        }
        // What is left at the end joins the last class.
        match merged.last_mut() {
            Some(last) => *last = (last.0 + n, last.1 + expected),
            None => merged.push((n, expected)),
        }
        merged
    }
}

fn single(law: Law, data: &Lifetimes, pivot: f64) -> Model<'_> {
    Model { law, groups: vec![Group { row: vec![1.0], ln_scale: 0.0, data }], pivot }
}

/// Location and spread from the probability plot: the line of ln t over z of the observed fraction.
pub(super) fn start(law: Law, data: &Lifetimes) -> (f64, f64) {
    let points: Vec<(f64, f64)> =
        data.inner_points().iter().map(|&(time, share)| (law.quantile(share), libm::log(time))).collect();
    if points.is_empty() {
        // Nobody, or everybody, had failed at every checkpoint: just before the end of the class that holds them.
        let class = data.classes().iter().find(|class| class.cells > 0);
        let edge = class.map_or(1.0, |class| if class.to_s.is_finite() { class.to_s } else { 3.0 * class.from_s });
        return (libm::log(edge), 1.0);
    }
    let n = points.len() as f64;
    let (z, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let (zz, zy) =
        points.iter().fold((0.0, 0.0), |(zz, zy), p| (zz + (p.0 - z) * (p.0 - z), zy + (p.0 - z) * (p.1 - y)));
    let slope = zy / zz;
    let sigma = if slope > 0.0 && slope.is_finite() { slope.clamp(1e-3, 1e3) } else { 1.0 };
    (y - sigma * z, sigma)
}
