//! The claims of the source paper, as data (`claims/paper.toml`), and what became of each.

use serde::Deserialize;

use crate::toml_file;

/// The file, embedded.
pub const TEXT: &str = include_str!("../../claims/paper.toml");

/// What the paper says, how it is measured, and the band to pass.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    pub id: String,
    pub figure: String,
    pub says: String,
    pub measure: String,
    pub target: Option<f64>,
    /// Half of the band around the target.
    pub within: Option<f64>,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
    #[serde(default)]
    pub unit: String,
    /// `ordinal` where the paper is only qualitative and the band is a reading of it.
    #[serde(default)]
    pub kind: String,
}

impl Claim {
    /// The band in words.
    pub fn band(&self) -> String {
        let unit = if self.unit.is_empty() || self.unit == "1" { String::new() } else { format!(" {}", self.unit) };
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

    /// Whether a value is inside the band; NaN is not.
    fn holds(&self, value: f64) -> bool {
        let near = match (self.target, self.within) {
            (Some(target), Some(within)) => (value - target).abs() <= within,
            (Some(target), None) => value == target,
            _ => value.is_finite(),
        };
        near && self.at_least.is_none_or(|least| value >= least) && self.at_most.is_none_or(|most| value <= most)
    }
}

/// A number as a person writes it.
pub fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e4).contains(&magnitude) {
        let text = format!("{value:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        let text = format!("{value:.3e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A further condition that the measure states.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub text: String,
    pub holds: bool,
}

/// What was measured for a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub value: f64,
    pub conditions: Vec<Condition>,
    /// Group and variables of the record it was taken from.
    pub from: String,
    /// What is reported beside it: name and value.
    pub beside: Vec<(String, f64)>,
}

impl Measured {
    /// A value from a group.
    pub fn new(value: f64, from: impl Into<String>) -> Measured {
        Measured { value, conditions: Vec::new(), from: from.into(), beside: Vec::new() }
    }

    /// With a condition that must hold too.
    pub fn and(mut self, text: impl Into<String>, holds: bool) -> Measured {
        self.conditions.push(Condition { text: text.into(), holds });
        self
    }

    /// With a number to report.
    pub fn beside(mut self, name: impl Into<String>, value: f64) -> Measured {
        self.beside.push((name.into(), value));
        self
    }
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub claim: Claim,
    /// None where it was not run; why not.
    pub measured: Result<Measured, String>,
    /// The command that makes its data.
    pub command: String,
}

impl Finding {
    /// Passed, failed, or not run.
    pub fn verdict(&self) -> Option<bool> {
        let measured = self.measured.as_ref().ok()?;
        Some(self.claim.holds(measured.value) && measured.conditions.iter().all(|c| c.holds))
    }
}

/// The claims, in their order.
///
/// # Errors
/// A file that cannot be read, in one line.
pub fn parse(text: &str) -> Result<Vec<Claim>, String> {
    #[derive(Deserialize)]
    struct File {
        claim: Vec<Claim>,
    }
    toml_file::read::<File>(text).map(|file| file.claim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_has_a_band_or_an_order() {
        let claims = parse(TEXT).expect("embedded");
        assert_eq!(claims.len(), 33);
        let mut ids: Vec<_> = claims.iter().map(|c| c.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 33);
    }

    #[test]
    fn a_band_holds_its_ends_and_no_nan() {
        let claim = |text: &str| {
            parse(&format!("[[claim]]\nid='a'\nfigure='b'\nsays='c'\nmeasure='d'\n{text}")).expect("sound").remove(0)
        };
        let band = claim("target = 4.0\nwithin = 0.5");
        assert!(band.holds(3.5) && band.holds(4.5) && !band.holds(4.51) && !band.holds(f64::NAN));
        let range = claim("at_least = 1e-15\nat_most = 1e-12\nunit = 'J'");
        assert!(range.holds(1e-13) && !range.holds(1e-11) && !range.holds(f64::NAN));
        assert_eq!(range.band(), "at least 1e-15 J, at most 1e-12 J");
        let order = claim("kind = 'ordinal'");
        assert!(order.holds(0.3) && !order.holds(f64::NAN));
    }
}
