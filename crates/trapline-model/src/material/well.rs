//! The ground state of an electron in a dot: a finite spherical well.
//!
//! # Theory
//! Height `V0`, radius `R`, effective mass `m_i` inside and `m_o` outside,
//! current-conserving (BenDaniel-Duke) matching of the s-state:
//!
//! ```text
//! (1/m_i)(kR cot kR - 1) = -(1/m_o)(1 + qR),
//! k = sqrt(2 m_i E)/hbar,  q = sqrt(2 m_o (V0 - E))/hbar
//! ```
//!
//! The depth of the trap is `V0 - E1`. On `0 < kR < pi` the left side falls
//! monotonically and the right side rises, so there is at most one root and
//! bisection finds it. A dot too small to bind has depth 0.

use crate::units::{ELECTRON_MASS_KG, ELEMENTARY_CHARGE_C, REDUCED_PLANCK_J_S};

/// A finite spherical well, all but its size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SphericalWell {
    /// Height of the barrier around the dot, eV.
    pub height_ev: f64,
    /// Effective mass inside, in electron masses.
    pub mass_inside: f64,
    /// Effective mass outside, in electron masses.
    pub mass_outside: f64,
}

impl SphericalWell {
    /// Depth of the ground state below the barrier, eV; 0 where nothing is bound.
    pub fn depth_ev(&self, diameter_m: f64) -> f64 {
        let radius_m = diameter_m / 2.0;
        let wave_number = |mass: f64, energy_ev: f64| {
            (2.0 * mass * ELECTRON_MASS_KG * energy_ev * ELEMENTARY_CHARGE_C).sqrt() / REDUCED_PLANCK_J_S
        };
        // Positive below the level, negative above it.
        let mismatch = |energy_ev: f64| {
            let kr = wave_number(self.mass_inside, energy_ev) * radius_m;
            let qr = wave_number(self.mass_outside, self.height_ev - energy_ev) * radius_m;
            let inside = if kr < 1e-6 { -kr * kr / 3.0 } else { kr / libm::tan(kr) - 1.0 };
            inside / self.mass_inside + (1.0 + qr) / self.mass_outside
        };
        // The s-state lies below kR = pi, where the cotangent runs to minus infinity.
        let kr_of_height = wave_number(self.mass_inside, self.height_ev) * radius_m;
        let mut high = if kr_of_height > std::f64::consts::PI {
            let fraction = std::f64::consts::PI / kr_of_height;
            self.height_ev * fraction * fraction * (1.0 - 1e-14)
        } else {
            self.height_ev
        };
        if mismatch(high) > 0.0 {
            return 0.0;
        }
        let mut low = 0.0;
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if mismatch(middle) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.height_ev - 0.5 * (low + high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WS2: SphericalWell = SphericalWell { height_ev: 2.4, mass_inside: 0.32, mass_outside: 1.0 };

    #[test]
    fn published_depths() {
        // The design's table, two decimals: 1.31, 1.83, 2.09, 2.26 eV.
        for (diameter_nm, depth) in [(1.2, 1.31), (2.0, 1.83), (3.0, 2.09), (5.0, 2.26)] {
            let found = WS2.depth_ev(diameter_nm * 1e-9);
            assert!((found - depth).abs() < 0.006, "{diameter_nm} nm: {found}");
        }
    }

    #[test]
    fn equal_masses_bind_from_the_textbook_radius() {
        // With one mass the s-state appears at k0 R = pi/2 (any quantum mechanics text).
        let well = SphericalWell { height_ev: 1.0, mass_inside: 1.0, mass_outside: 1.0 };
        let k0 = (2.0 * ELECTRON_MASS_KG * ELEMENTARY_CHARGE_C).sqrt() / REDUCED_PLANCK_J_S;
        let critical_m = std::f64::consts::PI / k0;
        assert_eq!(well.depth_ev(critical_m * 0.999), 0.0);
        let just_bound = well.depth_ev(critical_m * 1.01);
        assert!(just_bound > 0.0 && just_bound < 1e-3, "{just_bound}");
    }

    #[test]
    fn a_tall_well_approaches_the_infinite_one() {
        // Infinite well: E1 = (pi hbar)^2 / (2 m R^2); leakage lowers it by 2/(q R) to first order, equal masses.
        let well = SphericalWell { height_ev: 1e6, mass_inside: 1.0, mass_outside: 1.0 };
        let radius_m = 2e-9;
        let infinite_ev = (std::f64::consts::PI * REDUCED_PLANCK_J_S / radius_m).powi(2)
            / (2.0 * ELECTRON_MASS_KG * ELEMENTARY_CHARGE_C);
        let q_r = (2.0 * ELECTRON_MASS_KG * 1e6 * ELEMENTARY_CHARGE_C).sqrt() / REDUCED_PLANCK_J_S * radius_m;
        let level_ev = 1e6 - well.depth_ev(2.0 * radius_m);
        assert!((level_ev / (infinite_ev * (1.0 - 2.0 / q_r)) - 1.0).abs() < 2e-4);
    }
}
