//! The claims of the source paper, as data (`claims/paper.toml`), and what became of each.
//!
//! # Verdicts
//! A claim is *met* where the value measured lies in its band and the conditions of its measure hold, and
//! *contradicted* where it does not. Neither is said of a value that is no number, or of data that is less than the
//! measure asks for (fewer seeds, cycles, pictures): that is *undecided*. What is *not run* has no data.
//!
//! What is expected is written beside the claim: `met`, or `contradicted` where the model does not do what the paper
//! reports. A verdict that differs from what is expected is news in both directions, and fails `trapline paper`; one
//! that is not run does not.
//!
//! Where the paper's words or our measure allow several readings, each has its own band, expectation and verdict
//! ([`Reading`]). `follows_from` names what was put into the material or the model that makes a claim hold: such a
//! claim says that the parts agree, and predicts nothing.

mod finding;
mod text;

use serde::Deserialize;

use trapline_model::toml_file;

pub use finding::{Condition, Finding, Judged, Measured, surprises};

/// Text of `claims/paper.toml`, embedded in the binary.
pub const TEXT: &str = include_str!("../../../../../claims/paper.toml");

/// Where a value must lie; without limits any number does, and the claim is what its conditions say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Band {
    pub target: Option<f64>,
    /// Half of the band around the target.
    pub within: Option<f64>,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
    /// Of the value too; empty or `1` for a pure number.
    pub unit: String,
}

impl Band {
    /// The band in words.
    pub fn words(&self) -> String {
        let unit = self.spaced_unit();
        let mut parts = Vec::new();
        match (self.target, self.within) {
            (Some(target), Some(within)) => parts.push(format!("{target} ± {within}{unit}")),
            (Some(target), None) => parts.push(format!("{target}{unit}")),
            _ => {}
        }
        if let Some(least) = self.at_least {
            parts.push(format!("at least {}{unit}", short(least)));
        }
        if let Some(most) = self.at_most {
            parts.push(format!("at most {}{unit}", short(most)));
        }
        if parts.is_empty() { "in order".to_owned() } else { parts.join(", ") }
    }

    /// A value with the band's unit, as a person writes it.
    pub fn with_unit(&self, value: f64) -> String {
        format!("{}{}", short(value), self.spaced_unit())
    }

    fn spaced_unit(&self) -> String {
        if self.unit.is_empty() || self.unit == "1" { String::new() } else { format!(" {}", self.unit) }
    }

    /// Whether a value is inside the band; NaN is not.
    pub fn holds(&self, value: f64) -> bool {
        let near = match (self.target, self.within) {
            (Some(target), Some(within)) => (value - target).abs() <= within,
            (Some(target), None) => value == target,
            _ => value.is_finite(),
        };
        near && self.at_least.is_none_or(|least| value >= least) && self.at_most.is_none_or(|most| value <= most)
    }
}

/// The verdict that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    #[default]
    Met,
    Contradicted,
}

impl Expected {
    /// The word for it.
    pub fn word(self) -> &'static str {
        Verdict::from(self).word()
    }
}

/// The verdict on a claim or on a reading of it; see [the module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Met,
    Contradicted,
    Undecided,
    NotRun,
}

impl Verdict {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Contradicted => "contradicted",
            Verdict::Undecided => "undecided",
            Verdict::NotRun => "not run",
        }
    }

    /// Whether it differs from what is expected; what is not run does not.
    pub fn differs_from(self, expected: Expected) -> bool {
        self != Verdict::NotRun && self != expected.into()
    }
}

impl From<Expected> for Verdict {
    fn from(expected: Expected) -> Verdict {
        match expected {
            Expected::Met => Verdict::Met,
            Expected::Contradicted => Verdict::Contradicted,
        }
    }
}

/// What the paper says, how it is measured, and the band to pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub id: String,
    pub figure: String,
    pub says: String,
    pub measure: String,
    pub band: Band,
    /// Whether the paper is only qualitative and the band is a reading of it (`kind = "ordinal"`).
    pub ordinal: bool,
    pub expected: Expected,
    /// The fitted or chosen number, or the law, that makes the claim hold.
    pub follows_from: Option<String>,
    /// Other readings of the same words.
    pub readings: Vec<Reading>,
}

/// Another reading of a claim's words, or of our measure, with a band and a verdict of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub name: String,
    pub measure: String,
    pub band: Band,
    pub expected: Expected,
    pub follows_from: Option<String>,
}

/// A number as a person writes it.
pub fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e4).contains(&magnitude) {
        // Of R² near 1 the fifth digit says how straight a line is.
        let text = if (value - 1.0).abs() < 1e-2 { format!("{value:.5}") } else { format!("{value:.4}") };
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        let text = format!("{value:.3e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// The claims, in their order.
///
/// # Errors
/// A file that cannot be read, in one line.
pub fn parse(text: &str) -> Result<Vec<Claim>, String> {
    let file = toml_file::read::<text::File>(text)?;
    Ok(file.claim.into_iter().map(text::ClaimTable::into_claim).collect())
}

#[cfg(test)]
mod tests;
