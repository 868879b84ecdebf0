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
use super::failed_fraction_bounds;
use super::fit::Fit;
use super::law::Law;
use super::line::TimePoint;
use super::{shape_told, time_told};

/// Cells that fail on either side of a fraction, in the counts that tell the time to it. The more there are, the less
/// chance is in it, and the more it is the law.
pub(super) const FAILURES_BESIDE: u64 = 100;
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
    /// A law of all counts, of cells that were living when the bake began.
    pub fn whole(fit: &Fit, data: &Lifetimes, fraction: f64) -> Near {
        let share = living_share(data, fraction);
        let living = data.living();
        let misfit = misfit(fit, living.as_ref().unwrap_or(data), share).hypot(by_programming(fit, data, share));
        Near { fit: fit.clone(), fraction: share, misfit }
    }

    /// The law fitted to the fewest checkpoints about a fraction that tell the time to it: with 100 failures on either
    /// side, or twice as many until it is told. None where it takes all of them.
    ///
    /// Cells that had failed at 0 s, before any life began, are known not to be of the law: it is of the others, at the
    /// fraction of these.
    pub fn new(law: Law, data: &Lifetimes, fraction: f64, confidence: f64) -> Option<Near> {
        let (at_zero, living) = (data.failed_at_zero(), data.living()?);
        let share = living_share(data, fraction);
        if share <= 0.0 {
            return None;
        }
        let mut failures = FAILURES_BESIDE;
        loop {
            let near = match living.about(share, failures) {
                Some(near) => near,
                // All checkpoints, which tell something else only without the cells that had failed at 0 s.
                None if at_zero > 0 => living.clone(),
                None => return None,
            };
            let told = |fit: &Fit| {
                fit.shape(confidence).is_ok_and(|shape| shape_told(law, &shape).is_ok())
                    && fit.life(share, confidence).is_ok_and(|life| time_told(&life, data).is_ok())
            };
            if let Some(fit) = Fit::new(law, &near).ok().filter(told) {
                let misfit = misfit(&fit, &near, share).hypot(by_programming(&fit, data, share));
                return Some(Near { fit, fraction: share, misfit });
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

/// The share, of cells that were living when the bake began, at which a fraction of all has failed.
fn living_share(data: &Lifetimes, fraction: f64) -> f64 {
    let (total, at_zero) = (data.total() as f64, data.failed_at_zero() as f64);
    (fraction * total - at_zero) / (total - at_zero)
}

/// Standard error of [`living_share`]: of cells that had failed at 0 s there is a count, with its chance.
fn error_of_share(data: &Lifetimes) -> f64 {
    libm::sqrt(data.failed_at_zero() as f64) / data.total() as f64
}

/// Standard error of ln t by the law that was taken.
fn misfit(fit: &Fit, data: &Lifetimes, share: f64) -> f64 {
    let other = Fit::new(fit.law.other(), data).map(|other| other.ln_life(share).0);
    OF_OTHER_LAW * other.map_or(0.0, |other| (other - fit.ln_life(share).0).abs())
}

/// Standard error of ln t by the number of cells that had failed at 0 s.
fn by_programming(fit: &Fit, data: &Lifetimes, share: f64) -> f64 {
    let error = error_of_share(data);
    if error == 0.0 {
        return 0.0;
    }
    if share <= error {
        return f64::INFINITY;
    }
    let at = |share: f64| fit.ln_life(share).0;
    // The lower side is the wider one.
    at(share) - at(share - error)
}

/// Why a fraction's time is not told where cells had failed at 0 s: their number leaves open whether it was reached
/// then. Bounds of this share of confidence, on either side.
pub fn hidden_by_programming(data: &Lifetimes, fraction: f64, confidence: f64) -> Option<String> {
    if data.failed_at_zero() == 0 {
        return None;
    }
    let at_zero = failed_fraction_bounds(data.failed_at_zero(), data.total(), confidence).ok()?;
    (at_zero.upper >= fraction).then(|| {
        format!(
            "{} of {} cells had failed at programming (0 s), which is up to {:.3e} of all: the fraction may have failed then",
            data.failed_at_zero(),
            data.total(),
            at_zero.upper
        )
    })
}
