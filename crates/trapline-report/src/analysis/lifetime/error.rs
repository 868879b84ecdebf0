//! What can be wrong with lifetimes, and with questions to them.

/// One line: what, the value, the limit, the fix.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LifetimeError {
    #[error("{what} is {value}; it must be {limit}: {fix}")]
    Input { what: String, value: String, limit: String, fix: &'static str },
    /// The data do not bear the law ([`super::Lack`]), or its likelihood has no single, finite maximum.
    #[error("{law} cannot be fitted: {missing}; {fix}")]
    NotIdentifiable { law: &'static str, missing: String, fix: String },
    /// The search ended away from a maximum.
    #[error(
        "{law}: no maximum of the likelihood after {steps} steps (ln sigma is {ln_spread:.3}); \
         try the other law, or checkpoints closer to the failures"
    )]
    NoMaximum { law: &'static str, steps: usize, ln_spread: f64 },
    /// An answer that the data would not bear.
    #[error("{what} at {value} refused: {limit}; {fix}")]
    Refused { what: &'static str, value: String, limit: String, fix: &'static str },
}

/// An [`LifetimeError::Input`].
pub(super) fn input(
    what: impl Into<String>,
    value: impl std::fmt::Display,
    limit: impl Into<String>,
    fix: &'static str,
) -> LifetimeError {
    LifetimeError::Input { what: what.into(), value: value.to_string(), limit: limit.into(), fix }
}

/// A share strictly between 0 and 1: a confidence, a failed fraction.
pub(super) fn inside(what: &str, value: f64, fix: &'static str) -> Result<f64, LifetimeError> {
    let good = value > 0.0 && value < 1.0;
    good.then_some(value).ok_or_else(|| input(what, value, "above 0 and below 1", fix))
}

pub(in crate::analysis) fn confidence(value: f64) -> Result<f64, LifetimeError> {
    inside("the confidence", value, "give a share such as 0.9")
}

pub(in crate::analysis) fn fraction(value: f64) -> Result<f64, LifetimeError> {
    inside("the failed fraction", value, "give a share such as 1e-6 for 1 ppm")
}

/// A finite number above 0 in its unit.
pub(in crate::analysis) fn positive(what: &str, value: f64, unit: &str) -> Result<f64, LifetimeError> {
    let good = value > 0.0 && value.is_finite();
    good.then_some(value).ok_or_else(|| input(what, value, format!("a finite number of {unit} above 0"), "correct it"))
}
