//! What a segment of a line resists: by its metal, its width and its thickness.
//!
//! In narrow wires electrons also scatter at surfaces and at grain boundaries. Both add to the resistivity in the bulk
//! `rho_0(T)`:
//!
//! ```text
//! rho = rho_0 / (1 - 3 a/2 + 3 a^2 - 3 a^3 ln(1 + 1/a)) + 3/8 rho_0 l (1 - p) (1/w + 1/h),    a = l/d R/(1 - R)
//! ```
//!
//! with the mean free path l, grains as large as the smaller of width w and thickness h (d), a share R of electrons that
//! grain boundaries reflect (A. F. Mayadas and M. Shatzkes, Phys. Rev. B 1, 1382 (1970)), and a share p that surfaces
//! reflect like mirrors (K. Fuchs, Proc. Camb. Philos. Soc. 34, 100 (1938); E. H. Sondheimer, Adv. Phys. 1, 1 (1952)).
//! `rho_0 l` does not depend on temperature, so that heat moves the first part alone. Here p = 0 and R = 0.3, which is
//! what damascene lines come near to; liners and barriers, which take a part of the cross section, are left out.

use crate::units::kelvin;

/// Share of the electrons that a grain boundary reflects.
pub const GRAIN_REFLECTION: f64 = 0.3;
/// Share of the electrons that a surface reflects like a mirror.
pub const SPECULARITY: f64 = 0.0;

/// What lines are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metal {
    Copper,
    Aluminium,
    /// Indium tin oxide, as it is sputtered. Its mean free path is a few nanometres: it has no size effect worth naming.
    Ito,
}

/// In the bulk, at 20 °C.
struct Bulk {
    ohm_m: f64,
    free_path_m: f64,
    /// Relative change of the resistivity for each kelvin.
    per_k: f64,
}

impl Metal {
    /// As files name it.
    pub fn name(self) -> &'static str {
        match self {
            Metal::Copper => "copper",
            Metal::Aluminium => "aluminium",
            Metal::Ito => "ito",
        }
    }

    /// Copper and aluminium: D. Gall, J. Appl. Phys. 119, 085101 (2016), table 1; their temperature coefficients: CRC
    /// Handbook of Chemistry and Physics, resistivity of pure metals (the slope from 293 to 400 K). ITO: T. Minami,
    /// Semicond. Sci. Technol. 20, S35 (2005), the middle of 1 to 3e-6 ohm m.
    fn bulk(self) -> Bulk {
        match self {
            Metal::Copper => Bulk { ohm_m: 1.678e-8, free_path_m: 39.9e-9, per_k: 4.0e-3 },
            Metal::Aluminium => Bulk { ohm_m: 2.650e-8, free_path_m: 18.9e-9, per_k: 4.3e-3 },
            Metal::Ito => Bulk { ohm_m: 2e-6, free_path_m: 0.0, per_k: 0.0 },
        }
    }

    /// Resistivity of a wire of a width and a thickness, m, at a temperature, K; ohm m.
    pub fn resistivity_ohm_m(self, width_m: f64, thickness_m: f64, temperature_k: f64) -> f64 {
        let Bulk { ohm_m, free_path_m, per_k } = self.bulk();
        // Far below room temperature the line goes below zero, where the metal does not.
        let warm = (1.0 + per_k * (temperature_k - kelvin(20.0))).max(0.05);
        let (bulk_ohm_m, free_path_m) = (ohm_m * warm, free_path_m / warm);
        let a = free_path_m / width_m.min(thickness_m) * GRAIN_REFLECTION / (1.0 - GRAIN_REFLECTION);
        let grains = if a > 0.0 { 1.0 - 1.5 * a + 3.0 * a * a - 3.0 * a * a * a * libm::log1p(1.0 / a) } else { 1.0 };
        let surfaces = 0.375 * free_path_m * (1.0 - SPECULARITY) * (1.0 / width_m + 1.0 / thickness_m);
        bulk_ohm_m * (1.0 / grains + surfaces)
    }
}

/// A wire by its metal and its sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wire {
    pub metal: Metal,
    pub width_m: f64,
    pub thickness_m: f64,
    /// From cell to cell.
    pub segment_m: f64,
}

impl Wire {
    /// Resistance of a segment at a temperature, K; ohm.
    pub fn segment_ohm(&self, temperature_k: f64) -> f64 {
        let Wire { metal, width_m, thickness_m, segment_m } = *self;
        metal.resistivity_ohm_m(width_m, thickness_m, temperature_k) * segment_m / (width_m * thickness_m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative difference of `a` from `b`.
    fn apart(a: f64, b: f64) -> f64 {
        (a / b - 1.0).abs()
    }

    #[test]
    fn wide_wires_are_bulk_and_narrow_ones_are_not() {
        let room_k = kelvin(20.0);
        for (metal, ohm_m) in [(Metal::Copper, 1.678e-8), (Metal::Aluminium, 2.65e-8), (Metal::Ito, 2e-6)] {
            assert!(apart(metal.resistivity_ohm_m(1e-3, 1e-3, room_k), ohm_m) < 1e-3);
        }
        // By hand: a = 39.9/20 * 3/7 = 0.855, grains 0.4585, surfaces 3/8 39.9 (1/20 + 1/40) = 1.1222.
        let narrow = Metal::Copper.resistivity_ohm_m(20e-9, 40e-9, room_k);
        assert!(apart(narrow, 1.678e-8 * (1.0 / 0.4585 + 1.1222)) < 1e-3, "{narrow:e}");
        // A sheet of 10 ohm: 200 nm of ITO, a square a segment, at any temperature.
        let sheet = Wire { metal: Metal::Ito, width_m: 1e-6, thickness_m: 200e-9, segment_m: 1e-6 };
        assert!(apart(sheet.segment_ohm(room_k), 10.0) < 1e-12 && apart(sheet.segment_ohm(450.0), 10.0) < 1e-12);
    }

    /// What scattering at grains and surfaces adds does not grow with the temperature: in a narrow wire heat counts less.
    #[test]
    fn heat_moves_the_part_of_the_bulk() {
        let ratio = |width_m: f64| {
            let at = |k| Metal::Copper.resistivity_ohm_m(width_m, 2.0 * width_m, k);
            at(kelvin(120.0)) / at(kelvin(20.0))
        };
        assert!(apart(ratio(1e-4), 1.4) < 1e-3, "{}", ratio(1e-4));
        assert!(ratio(20e-9) < 1.2 && ratio(20e-9) > 1.05, "{}", ratio(20e-9));
        assert!(Metal::Copper.resistivity_ohm_m(1e-6, 1e-6, 4.0) > 0.0);
    }
}
