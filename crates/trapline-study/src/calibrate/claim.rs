//! Claims of the source paper as targets: measured as `trapline paper` measures them.

use super::FitError;
use crate::paper::claims::{self, Band, Claim, Expected};
use trapline_model::material::Material;

/// The shipped material in whose place a fitted one is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Dots,
    Nanosheets,
}

impl Role {
    /// The role of a shipped material, by its name.
    ///
    /// # Errors
    /// [`FitError::Request`] for any other name.
    pub fn named(name: &str) -> Result<Role, FitError> {
        match name {
            "pi-ws2-qd" => Ok(Role::Dots),
            "pi-ws2-ns" => Ok(Role::Nanosheets),
            _ => Err(FitError::request(format!("claims_as is {name:?}; it must be \"pi-ws2-qd\" or \"pi-ws2-ns\""))),
        }
    }

    /// The role that fits a material: nanosheets are those with a hopping current.
    pub fn of(material: &Material) -> Role {
        if material.hopping.is_some() { Role::Nanosheets } else { Role::Dots }
    }
}

/// Batches of experiments (see [`crate::paper::raw::BATCHES`]) a claim is measured from, and the materials it speaks
/// of.
struct Need {
    id: &'static str,
    batches: &'static [&'static str],
    dots: bool,
    nanosheets: bool,
}

const fn of_dots(id: &'static str, batches: &'static [&'static str]) -> Need {
    Need { id, batches, dots: true, nanosheets: false }
}

const fn of_sheets(id: &'static str, batches: &'static [&'static str]) -> Need {
    Need { id, batches, dots: false, nanosheets: true }
}

const fn of_both(id: &'static str, batches: &'static [&'static str]) -> Need {
    Need { id, batches, dots: true, nanosheets: true }
}

const NEEDS: [Need; 31] = [
    of_dots("set-voltage", &["set-voltage"]),
    of_dots("slope-low", &["sweeps"]),
    of_dots("slope-mid", &["sweeps"]),
    of_dots("slope-high", &["sweeps"]),
    of_dots("hysteresis", &["sweeps"]),
    of_dots("pure-pi", &["sweeps"]),
    of_dots("concentration", &["concentration"]),
    of_dots("uniformity", &["uniformity"]),
    of_dots("potentiation-sweeps", &["small-sweeps"]),
    of_dots("reverse-sweeps", &["small-sweeps"]),
    of_dots("pulse-cycles", &["cycles"]),
    of_dots("state-separation", &["cycles"]),
    of_dots("depression-sharp", &["cycles"]),
    of_dots("pulse-energy", &["cycles"]),
    of_dots("power-order", &["sweeps"]),
    of_dots("working-current", &["sweeps"]),
    of_dots("no-field-no-release", &["disturb"]),
    of_both("ns-current-larger", &["sweeps"]),
    of_sheets("ns-hopping", &["sweeps"]),
    of_sheets("ns-tunnelling", &["sweeps"]),
    of_both("qd-no-hopping", &["sweeps"]),
    of_dots("qd-retention-100c", &["retention"]),
    of_sheets("ns-retention-100c", &["retention"]),
    of_dots("endurance-100c", &["sweeps", "small-sweeps", "cycles"]),
    of_dots("letter-h", &["letter"]),
    of_dots("letter-same-at-100c", &["letter"]),
    of_dots("qd-retention-150c", &["retention"]),
    of_dots("qd-forgetting-155c", &["retention"]),
    of_sheets("ns-array-forgets", &["ns-array"]),
    of_both("low-bias-tunnelling", &["sweeps"]),
    of_dots("larger-current-more-trapping", &["sweeps"]),
];

/// Batches that take well under a second on the reference: claims on them are fitted; those on the others are looked
/// at in the end, unless the user says otherwise.
const QUICK: [&str; 4] = ["sweeps", "concentration", "small-sweeps", "ns-array"];

/// A claim that is a target.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimTarget {
    pub claim: Claim,
    pub batches: &'static [&'static str],
    /// The standard error that the user gives, if any.
    pub tolerance: Option<f64>,
}

/// Standard error of a limit as a share of it, where the user gives none; each of two limits has its own.
const OF_A_LIMIT: f64 = 0.01;

impl ClaimTarget {
    /// The claim of an id, and whether it is fitted where the user does not say: it has a band, is quick, and is
    /// expected to be met. A claim that the model is known to contradict would only pull the parameters away from
    /// those it can meet.
    ///
    /// # Errors
    /// [`FitError::Request`] for an id that is not known, or is not measured on single cells and small arrays.
    pub fn new(id: &str, tolerance: Option<f64>) -> Result<(ClaimTarget, bool), FitError> {
        let all = claims::parse(claims::TEXT).map_err(FitError::request)?;
        let known = || NEEDS.iter().map(|need| need.id).collect::<Vec<_>>().join(", ");
        let Some(claim) = all.into_iter().find(|claim| claim.id == id) else {
            return Err(FitError::request(format!("claim {id:?} is not known; it must be one of {}", known())));
        };
        let Some(need) = NEEDS.iter().find(|need| need.id == id) else {
            return Err(FitError::request(format!(
                "claim {id:?} is no target of a fit; it must be one of {}",
                known()
            )));
        };
        let banded = claim.band.within.or(claim.band.at_least).or(claim.band.at_most).is_some();
        let meant = banded && claim.expected == Expected::Met;
        let target = ClaimTarget { claim, batches: need.batches, tolerance };
        Ok((target, meant && need.batches.iter().all(|batch| QUICK.contains(batch))))
    }

    /// Distance from the band's centre in standard errors; from a limit, how far a value is past it, and 0 within.
    pub fn residual(&self, value: f64) -> f64 {
        if value.is_nan() {
            return f64::NAN;
        }
        let Band { at_least, at_most, target, .. } = &self.claim.band;
        let below = at_least.map_or(0.0, |least| (value - least).min(0.0) / self.past(least));
        let above = at_most.map_or(0.0, |most| (value - most).max(0.0) / self.past(most));
        let off = target.map_or(0.0, |target| (value - target) / self.band());
        off + below + above
    }

    /// One standard error of a band: half of it.
    fn band(&self) -> f64 {
        self.tolerance.or(self.claim.band.within).unwrap_or(1.0)
    }

    /// One standard error past a limit.
    fn past(&self, limit: f64) -> f64 {
        let own = if limit == 0.0 { 1.0 } else { OF_A_LIMIT * limit.abs() };
        self.tolerance.or(self.claim.band.within).unwrap_or(own)
    }
}

/// Ids of the claims that speak of a material in a role.
pub fn ids(role: Role) -> Vec<&'static str> {
    let speaks = |need: &&Need| if role == Role::Dots { need.dots } else { need.nanosheets };
    NEEDS.iter().filter(speaks).map(|need| need.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::raw::BATCHES;

    #[test]
    fn every_need_is_a_claim_of_known_batches() {
        for need in &NEEDS {
            ClaimTarget::new(need.id, None).unwrap_or_else(|e| panic!("{}: {e}", need.id));
            assert!(need.batches.iter().all(|name| BATCHES.iter().any(|batch| batch.0 == *name)), "{}", need.id);
        }
        for (id, needed) in [("slope", "is not known; it must be one of set-voltage"), ("mnist-trained", "no target")] {
            let error = ClaimTarget::new(id, None).expect_err(id).to_string();
            assert!(error.contains(needed), "{error}");
        }
        assert!(ids(Role::Nanosheets).contains(&"ns-hopping") && !ids(Role::Dots).contains(&"ns-hopping"));
    }

    #[test]
    fn bands_pull_to_their_centre_and_limits_only_from_outside() {
        let (slope, quick) = ClaimTarget::new("slope-low", None).expect("known");
        // (1.25 - 1.2)/0.1, two roundings.
        assert!(quick && (slope.residual(1.25) - 0.5).abs() < 1e-12);
        let (ratio, _) = ClaimTarget::new("hysteresis", Some(0.1)).expect("known");
        assert!(ratio.residual(2.5) == 0.0 && (ratio.residual(1.8) + 2.0).abs() < 1e-12);
        assert!(ratio.residual(f64::NAN).is_nan());
        // Each of two limits by 1 % of itself: 1e-12 past 1e-10 is one standard error, and so is 1e-13 short of 1e-11.
        let (power, _) = ClaimTarget::new("power-order", None).expect("known");
        for (value, expected) in [(1.01e-10, 1.0), (0.99e-11, -1.0), (3e-11, 0.0), (1.2e-10, 20.0)] {
            assert!((power.residual(value) - expected).abs() < 1e-9, "{value:e}: {}", power.residual(value));
        }
        assert!(!ClaimTarget::new("set-voltage", None).expect("known").1);
        // A claim that the model is known to contradict is checked only and does not enter the fit, though its sweeps
        // are quick.
        let (line, quick) = ClaimTarget::new("qd-no-hopping", None).expect("known");
        assert!(!quick && line.batches == ["sweeps"] && line.claim.expected == Expected::Contradicted);
    }
}
