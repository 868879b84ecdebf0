//! What counts say without a law of lifetimes: failed fractions, failure rates, and what a test without failures shows.

use serde::Serialize;

use super::data::MOST_CELLS;
use super::error::{self, LifetimeError, input};
use super::special::{beta_lower_quantile, beta_tails, beta_upper_quantile, chi_square_upper_quantile};

/// A failed fraction with its exact bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FailedFraction {
    pub failed: u64,
    pub total: u64,
    pub fraction: f64,
    /// Two-sided, half of one less the confidence on each side.
    pub lower: f64,
    pub upper: f64,
    /// One-sided: all of one less the confidence above. With no failures and 95 % it is close to 3/N, the rule of
    /// three.
    pub upper_one_sided: f64,
    pub confidence: f64,
}

/// Bounds of Clopper and Pearson (Biometrika 26, 404, 1934): the fractions at which a count this large, or this
/// small, is just as improbable as the confidence allows. As quantiles of the beta law: lower B(alpha/2; n, N-n+1),
/// upper B(1-alpha/2; n+1, N-n). They cover with at least the confidence, for every fraction.
///
/// # Errors
/// [`LifetimeError::Input`].
pub fn failed_fraction_bounds(failed: u64, total: u64, confidence: f64) -> Result<FailedFraction, LifetimeError> {
    let confidence = error::confidence(confidence)?;
    check_counts(failed, total)?;
    let alpha = 1.0 - confidence;
    let (n, survived) = (failed as f64, (total - failed) as f64);
    let upper = |tail: f64| match failed {
        _ if failed == total => 1.0,
        // (1 - p)^N = tail
        0 => -libm::expm1(libm::log(tail) / survived),
        _ => beta_upper_quantile(n + 1.0, survived, tail),
    };
    let lower = match failed {
        0 => 0.0,
        _ if failed == total => libm::exp(libm::log(0.5 * alpha) / n),
        _ => beta_lower_quantile(n, survived + 1.0, 0.5 * alpha),
    };
    let fraction = n / total as f64;
    Ok(FailedFraction {
        failed,
        total,
        fraction,
        lower,
        upper: upper(0.5 * alpha),
        upper_one_sided: upper(alpha),
        confidence,
    })
}

fn check_counts(failed: u64, total: u64) -> Result<(), LifetimeError> {
    if total == 0 || total > MOST_CELLS {
        return Err(input(
            "the number of cells",
            total,
            format!("1 to {MOST_CELLS}"),
            "give the number of cells tested",
        ));
    }
    if failed > total {
        return Err(input("the number of failed cells", failed, format!("at most {total}, all cells"), "correct it"));
    }
    Ok(())
}

/// A constant failure rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FailureRate {
    pub failed: u64,
    pub device_hours: f64,
    /// Failures over device-hours, in FIT: failures in 1e9 device-hours.
    pub fit: f64,
    /// One-sided upper bound.
    pub fit_upper: f64,
    pub confidence: f64,
}

/// Upper bound of a constant failure rate: chi-square quantile with 2 n + 2 degrees of freedom over twice the
/// device-hours (JESD85, "Methods for Calculating Failure Rates in Units of FITs"). For accelerated hours, multiply
/// them by the acceleration factor first. The failure rate is constant only for lifetimes with Weibull shape 1: with
/// another shape it is a mean over the test.
///
/// # Errors
/// [`LifetimeError::Input`].
pub fn failure_rate(failed: u64, device_hours: f64, confidence: f64) -> Result<FailureRate, LifetimeError> {
    let confidence = error::confidence(confidence)?;
    let device_hours = error::positive("the time on test", device_hours, "device-hours")?;
    if failed > MOST_CELLS {
        return Err(input("the number of failures", failed, format!("at most {MOST_CELLS}"), "correct it"));
    }
    let quantile = match failed {
        0 => -2.0 * libm::log(1.0 - confidence),
        _ => chi_square_upper_quantile(2.0 * failed as f64 + 2.0, 1.0 - confidence),
    };
    let per_hour = 1e9 / device_hours;
    Ok(FailureRate {
        failed,
        device_hours,
        fit: failed as f64 * per_hour,
        fit_upper: 0.5 * quantile * per_hour,
        confidence,
    })
}

/// The smallest sample that shows a failed fraction (LTPD, lot tolerance per cent defective) to be no larger than
/// this when at most `allowed` of it fail: the least N with P(at most `allowed` of N fail) <= 1 - confidence.
///
/// With none allowed, (1 - p)^N <= 1 - confidence.
///
/// # Errors
/// [`LifetimeError::Input`], also where more than 1e12 cells were needed.
pub fn sample_size(fraction: f64, confidence: f64, allowed: u64) -> Result<u64, LifetimeError> {
    let (fraction, confidence) = (error::fraction(fraction)?, error::confidence(confidence)?);
    let alpha = 1.0 - confidence;
    // P(X <= k of N) is the upper tail of the beta law with k+1 and N-k.
    let shows =
        |total: u64| total > allowed && beta_tails(allowed as f64 + 1.0, (total - allowed) as f64, fraction).1 <= alpha;
    let mut high = allowed.saturating_add(1);
    while !shows(high) {
        high = high.saturating_mul(2);
        if high > 2 * MOST_CELLS {
            let limit = format!("large enough for a sample of {MOST_CELLS}");
            return Err(input("the failed fraction to show", fraction, limit, "allow fewer failures or a larger one"));
        }
    }
    let mut low = allowed;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if shows(middle) { high = middle } else { low = middle }
    }
    Ok(high)
}
