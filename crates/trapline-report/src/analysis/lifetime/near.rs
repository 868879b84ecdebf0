//! A law fitted to the counts about one fraction.
//!
//! Lives are not quite lognormal, nor Weibull's. A law of all counts is ruled by their middle: where lives are skewed
//! by a few hundredths of their spread, the time that it has for the first thousandth is off by more than bounds that
//! narrow with the root of the cells, and no test of the whole law sees it. The same law through the counts on either
//! side of a fraction has to hold there only.
//!
//! What it has to hold for is a straight line of ln t over the law's quantiles between these checkpoints. The lines of
//! the two laws part there by what their curvature differs by, which is more than that of lives from either: a
//! quarter of it is taken for the standard error of the law, beside that of the counts.

use super::bounds::Estimate;
use super::data::Lifetimes;
use super::error::LifetimeError;
use super::fit::Fit;
use super::law::Law;
use super::line::TimePoint;
use super::{shape_told, time_told};

/// Cells that fail on either side of a fraction, in the counts that tell the time to it. The more there are, the less
/// chance is in it, and the more it is the law.
const FAILURES_BESIDE: u64 = 100;
/// Share of the distance between the two laws' times that is taken for the error of either: lives that are skewed by
/// 0.012 z^2 of their spread, as simulated ones are, are off by a tenth of it.
const OF_OTHER_LAW: f64 = 0.25;

/// What tells the time to a fraction.
#[derive(Debug, Clone)]
pub struct Near {
    fit: Fit,
    /// Of the cells that the fit is of.
    fraction: f64,
    /// Standard error of ln t by the law.
    misfit: f64,
}

impl Near {
    /// The law of all counts.
    pub fn whole(fit: &Fit, fraction: f64) -> Near {
        Near { fit: fit.clone(), fraction, misfit: 0.0 }
    }

    /// The law fitted to the fewest checkpoints about a fraction that tell the time to it: with 100 failures on either
    /// side, or twice as many until it is told. None where it takes all of them.
    ///
    /// Cells that had failed at 0 s, before any life began, are known not to be of the law: it is of the others, at the
    /// fraction of these.
    pub fn new(law: Law, data: &Lifetimes, fraction: f64, confidence: f64) -> Option<Near> {
        let (total, at_zero) = (data.total() as f64, data.failed_at_zero() as f64);
        let living = data.living()?;
        let share = (fraction * total - at_zero) / (total - at_zero);
        if share <= 0.0 {
            return None;
        }
        let mut failures = FAILURES_BESIDE;
        loop {
            let near = match living.about(share, failures) {
                Some(near) => near,
                // All checkpoints, which tell something else only without the cells that had failed at 0 s.
                None if at_zero > 0.0 => living.clone(),
                None => return None,
            };
            let told = |fit: &Fit| {
                fit.shape(confidence).is_ok_and(|shape| shape_told(law, &shape).is_ok())
                    && fit.life(share, confidence).is_ok_and(|life| time_told(&life, data).is_ok())
            };
            if let Some(fit) = Fit::new(law, &near).ok().filter(told) {
                let other = Fit::new(law.other(), &near).map(|other| other.ln_life(share).0);
                let apart = other.map_or(0.0, |other| (other - fit.ln_life(share).0).abs());
                return Some(Near { fit, fraction: share, misfit: OF_OTHER_LAW * apart });
            }
            if near == living {
                return None;
            }
            failures = failures.checked_mul(2)?;
        }
    }

    /// The time, s.
    ///
    /// # Errors
    /// As [`Fit::life`].
    pub fn life(&self, confidence: f64) -> Result<Estimate, LifetimeError> {
        Ok(self.fit.life(self.fraction, confidence)?.widened(self.misfit))
    }

    /// The time at a temperature, for lines over temperature.
    ///
    /// # Errors
    /// As [`TimePoint::of_fit`].
    pub fn time_point(&self, temperature_k: f64) -> Result<TimePoint, LifetimeError> {
        let point = TimePoint::of_fit(temperature_k, &self.fit, self.fraction)?;
        Ok(TimePoint { relative_error: point.relative_error.hypot(self.misfit), ..point })
    }
}
