//! What a material is fitted to: one number, a claim of the source paper, or a measured curve.

use super::claim::ClaimTarget;
use crate::experiment::pulse::Train;
use crate::paper::measure::current::{self, law};
use trapline_report::analysis::line::Line;

/// A target by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    pub name: String,
    pub aim: Aim,
    /// Only checked at the end: it does not enter the fit.
    pub check: bool,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Aim {
    Number { of: Measure, target: f64, width: Width },
    Claim(ClaimTarget),
    Iv(MeasuredIv),
    Retention(MeasuredRetention),
}

impl Aim {
    /// What was understood of a measured curve's file, in one line.
    pub fn read_as(&self) -> Option<&str> {
        match self {
            Aim::Iv(measured) => Some(&measured.read_as),
            Aim::Retention(measured) => Some(&measured.read_as),
            _ => None,
        }
    }
}

/// The standard error of a target's number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Width {
    /// In the unit of the target.
    Absolute(f64),
    /// As a share of the target; numbers are then compared by the logarithm of their ratio.
    Relative(f64),
}

impl Width {
    /// Distance of a simulated number from its target in standard errors; not finite where they cannot be compared.
    pub fn residual(self, simulated: f64, target: f64) -> f64 {
        match self {
            Width::Absolute(error) => (simulated - target) / error,
            Width::Relative(share) => libm::log(simulated / target) / share,
        }
    }
}

/// Forward or return branch of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    Forward,
    Return,
}

/// The plot in which a mechanism makes a straight line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// `ln I` on `ln V`.
    Power,
    /// `ln(I/V)` on `sqrt V`.
    Hopping,
    /// `ln(I/V^2)` on `1/V`.
    Tunnelling,
    /// `ln(I/V^2)` on `ln(1/V)`.
    Direct,
}

impl Law {
    /// By the name a fit file has for it.
    pub fn named(name: &str) -> Option<Law> {
        match name {
            "power" => Some(Law::Power),
            "hopping" => Some(Law::Hopping),
            "tunnelling" => Some(Law::Tunnelling),
            "direct" => Some(Law::Direct),
            _ => None,
        }
    }
}

/// A window of a sweep, seen in the plot of a law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    pub branch: Branch,
    pub law: Law,
    /// Magnitudes of bias.
    pub from_v: f64,
    pub to_v: f64,
}

/// A staircase 0 to `to_v` and back on a fresh nominal cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SweepSetup {
    pub ambient_k: f64,
    pub to_v: f64,
    pub step_v: f64,
    pub dwell_s: f64,
}

/// Pulses on a fresh nominal cell, and readings between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PulseSetup {
    pub ambient_k: f64,
    pub train: Train,
    pub read_v: f64,
    pub read_s: f64,
}

/// A number that is taken from a simulated experiment.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// Slope of the least-squares line in a window.
    Slope { sweep: SweepSetup, window: Window },
    /// Coefficient of determination of that line.
    Linearity { sweep: SweepSetup, window: Window },
    /// Current at a bias of the staircase, A.
    Current { sweep: SweepSetup, branch: Branch, bias_v: f64 },
    /// Return over forward current at a bias.
    MemoryRatio { sweep: SweepSetup, bias_v: f64 },
    /// Filling at a bias of the staircase.
    Filling { sweep: SweepSetup, branch: Branch, bias_v: f64 },
    /// Electrical energy of one pulse, the last of so many, J.
    Energy { pulses: PulseSetup },
    /// Conductance after so many pulses over that before, less 1.
    ConductanceRise { pulses: PulseSetup },
    /// Filling after so many pulses.
    FillingAfter { pulses: PulseSetup },
    /// Share of the programmed window that is left some time after the pulses.
    Retained { pulses: PulseSetup, time_s: f64 },
    /// A number of the material's own file, whose value is known from elsewhere.
    Parameter { key: String },
}

/// A point of a measured curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Bias, V, or time, s.
    pub x: f64,
    /// NaN where the reading is none.
    pub y: f64,
}

/// A measured sweep: each point's bias is held for its dwell, and the current taken at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredIv {
    pub ambient_k: f64,
    pub points: Vec<Point>,
    pub dwells_s: Vec<f64>,
    /// Standard error of a current as a share of it.
    pub relative: f64,
    /// Current, A, below which the error no longer falls with it.
    pub floor_a: Option<f64>,
    /// What was understood of the file, in one line.
    pub read_as: String,
}

impl MeasuredIv {
    /// Distance of a simulated current from the measured one, in standard errors.
    ///
    /// The logarithm of their ratio; with a floor `f`, the difference of `asinh(I/f)`, which is the logarithm well
    /// above the floor, and `I/f` well below, whatever the signs.
    pub fn residual(&self, simulated_a: f64, measured_a: f64) -> f64 {
        let distance = match self.floor_a {
            None => libm::log(simulated_a / measured_a),
            Some(floor) => libm::asinh(simulated_a / floor) - libm::asinh(measured_a / floor),
        };
        distance / self.relative
    }

    /// Whether a point is compared: at 0 V the current is 0 in any material, and a reading may be none.
    pub fn compares(point: &Point) -> bool {
        point.x != 0.0 && point.y.is_finite()
    }
}

/// What a measured retention curve holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Share of the programmed window that is left.
    Window,
    /// Conductance of the programmed cell, S.
    Conductance,
}

/// A measured retention curve after pulses.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredRetention {
    pub pulses: PulseSetup,
    pub kept: Kept,
    pub points: Vec<Point>,
    pub width: Width,
    /// What was understood of the file, in one line.
    pub read_as: String,
}

/// Currents and fillings of a staircase.
#[derive(Debug, Clone)]
pub struct SweepSeen {
    pub current: Vec<(f64, f64)>,
    pub filling: Vec<(f64, f64)>,
}

impl SweepSeen {
    /// A branch, by ascending magnitude of bias; the turning point is in both.
    fn branch(points: &[(f64, f64)], branch: Branch) -> Vec<(f64, f64)> {
        let (forward, back) = current::split(points);
        match branch {
            Branch::Forward => forward,
            Branch::Return => back,
        }
    }

    /// The least-squares line of the magnitudes in a window.
    pub fn line(&self, window: &Window) -> Line {
        let magnitudes = |(v, i): (f64, f64)| (v.abs(), i.abs());
        let curve: Vec<_> = Self::branch(&self.current, window.branch).into_iter().map(magnitudes).collect();
        let law = match window.law {
            Law::Power => law::power,
            Law::Hopping => law::hopping,
            Law::Tunnelling => law::tunnelling,
            Law::Direct => law::direct,
        };
        current::fitted(&current::between(&curve, window.from_v, window.to_v), law)
    }

    pub fn current_a(&self, branch: Branch, bias_v: f64) -> f64 {
        current::at(&Self::branch(&self.current, branch), bias_v)
    }

    pub fn filling(&self, branch: Branch, bias_v: f64) -> f64 {
        current::at(&Self::branch(&self.filling, branch), bias_v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residuals_count_standard_errors() {
        assert_eq!(Width::Absolute(0.1).residual(1.25, 1.0), 2.5);
        // ln(e^0.2)/0.1 within two roundings.
        assert!((Width::Relative(0.1).residual(3.0 * libm::exp(0.2), 3.0) - 2.0).abs() < 1e-14);
        assert!(!Width::Relative(0.1).residual(-1.0, 1.0).is_finite());
    }

    #[test]
    fn a_floor_is_the_logarithm_above_and_the_difference_below() {
        let plain = MeasuredIv {
            ambient_k: 300.0,
            points: Vec::new(),
            dwells_s: Vec::new(),
            relative: 0.05,
            floor_a: None,
            read_as: String::new(),
        };
        let floor = MeasuredIv { floor_a: Some(1e-15), ..plain.clone() };
        // asinh(x) = ln 2x + 1/(4 x^2): at a thousand floors they differ by 2.5e-7, over 0.05.
        let (log, asinh) = (plain.residual(1.2e-12, 1e-12), floor.residual(1.2e-12, 1e-12));
        assert!((log - asinh).abs() < 1e-5, "{log} {asinh}");
        // asinh(x) = x - x^3/6 at x = 0.01 and -0.02: within 2e-6.
        assert!((floor.residual(1e-17, -2e-17) - 0.03 / 0.05).abs() < 1e-4);
        assert!(!plain.residual(1e-17, -2e-17).is_finite());
    }
}
