//! Confidence bounds of one parameter: Wald's, and by the profile of the likelihood.

use nalgebra::DVector;
use serde::Serialize;

use super::error::LifetimeError;
use super::likelihood::{Maximum, Model};
use super::shared::Cells;
use super::special::two_sided_z;

/// Two-sided bounds. A side that the data leave open is 0 or infinite (null in JSON).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bounds {
    pub lower: f64,
    pub upper: f64,
}

impl Bounds {
    pub fn hold(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }

    pub(super) fn map(self, f: impl Fn(f64) -> f64) -> Bounds {
        let (a, b) = (f(self.lower), f(self.upper));
        Bounds { lower: a.min(b), upper: a.max(b) }
    }

    pub(super) fn about(value: f64, half: f64) -> Bounds {
        Bounds { lower: value - half, upper: value + half }
    }
}

/// An estimate with both kinds of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    pub value: f64,
    pub standard_error: f64,
    /// From the curvature at the maximum, on the scale on which the parameter may have any sign (logarithmic for
    /// times and shapes).
    pub wald: Bounds,
    /// All values that a likelihood-ratio test would not reject. To be preferred for few failures, where the
    /// likelihood is lopsided.
    pub profile: Bounds,
    pub confidence: f64,
}

impl Estimate {
    /// Of exp x, from that of x.
    pub(super) fn exp(self) -> Estimate {
        let value = libm::exp(self.value);
        Estimate {
            value,
            standard_error: value * self.standard_error,
            wald: self.wald.map(libm::exp),
            profile: self.profile.map(libm::exp),
            ..self
        }
    }

    /// Of a time or another number above 0, with another, independent standard error of its logarithm.
    pub(super) fn widened(self, error: f64) -> Estimate {
        let more = two_sided_z(self.confidence) * error;
        let wider = |of: Bounds| Bounds {
            lower: self.value * libm::exp(-libm::log(self.value / of.lower).hypot(more)),
            upper: self.value * libm::exp(libm::log(of.upper / self.value).hypot(more)),
        };
        Estimate {
            standard_error: self.standard_error.hypot(self.value * error),
            wald: wider(self.wald),
            profile: wider(self.profile),
            ..self
        }
    }

    /// Of exp(-x), from that of x.
    pub(super) fn exp_minus(self) -> Estimate {
        let turned = |bounds: Bounds| bounds.map(|x| -x);
        Estimate { value: -self.value, wald: turned(self.wald), profile: turned(self.profile), ..self }.exp()
    }
}

/// Parameter `index` of a model, about its maximum, with bounds for temperatures with these cells.
///
/// # Errors
/// [`LifetimeError::NotIdentifiable`] where the information is singular.
pub(super) fn estimate(
    model: &Model,
    maximum: &Maximum,
    index: usize,
    cells: &Cells,
    confidence: f64,
) -> Result<Estimate, LifetimeError> {
    let covariance = maximum.covariance().ok_or_else(|| not_told(model))?;
    let (value, unit) = (maximum.at[index], covariance[(index, index)].sqrt());
    let (error, quantile) = cells.error(model, maximum, &covariance, index, confidence);
    // The likelihood takes all cells for independent: its root goes as far as the error is larger than it believes.
    let z = quantile * error / unit;
    // The other parameters move with this one along its column of the covariance.
    let along = covariance.column(index) / covariance[(index, index)];
    let side = |sign: f64| crossing(model, maximum, index, &along.clone_owned(), sign * unit, z);
    let (down, up) = (side(-1.0), side(1.0));
    Ok(Estimate {
        value,
        standard_error: error,
        wald: Bounds::about(value, quantile * error),
        profile: Bounds { lower: down.unwrap_or(f64::NEG_INFINITY), upper: up.unwrap_or(f64::INFINITY) },
        confidence,
    })
}

pub(super) fn not_told(model: &Model) -> LifetimeError {
    LifetimeError::NotIdentifiable {
        law: model.law.name(),
        missing: "the counts leave some combination of the parameters open".to_owned(),
        fix: "add checkpoints or temperatures with failures".to_owned(),
    }
}

/// Where the signed root of the deviance from the maximum reaches z, on the side of `unit` (a standard error, signed).
/// The root is nearly a straight line in the parameter, so the secant takes few steps; the bracket keeps it safe.
fn crossing(model: &Model, maximum: &Maximum, index: usize, along: &DVector<f64>, unit: f64, z: f64) -> Option<f64> {
    // Each profile starts from the one before.
    let mut warm = maximum.at.clone();
    let mut root = |offset: f64| {
        let mut start = &warm + (maximum.at[index] + offset - warm[index]) * along;
        start[index] = maximum.at[index] + offset;
        let profile = model.maximise(start, Some(index)).ok()?;
        warm = profile.at;
        Some((2.0 * (maximum.value - profile.value)).max(0.0).sqrt() - z)
    };
    let (mut near, mut far) = ((0.0, -z), None);
    let mut offset = z * unit;
    for _ in 0..100 {
        // A profile that cannot be found ends the search on that side: open, as far as the data tell.
        let value = root(offset)?;
        if value.abs() < 1e-7 * z {
            return Some(maximum.at[index] + offset);
        }
        if value > 0.0 {
            far = Some((offset, value))
        } else {
            near = (offset, value)
        }
        offset = match far {
            None if offset.abs() > 1e3 * z * unit.abs() => return None,
            None => 2.0 * offset,
            Some((end, height)) => {
                let secant = near.0 + (end - near.0) * (-near.1 / (height - near.1));
                let share = (secant - near.0) / (end - near.0);
                near.0 + share.clamp(0.02, 0.98) * (end - near.0)
            }
        };
        if far.is_some_and(|(end, _)| (end - near.0).abs() < 1e-9 * unit.abs()) {
            return Some(maximum.at[index] + offset);
        }
    }
    None
}
