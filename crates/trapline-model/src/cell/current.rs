//! The current through a cell.
//!
//! # Theory
//! For bias V, with a = |V| (odd in V):
//!
//! ```text
//! I = [theta(F) I_inj(a, T) + I_hop(a, T)] sign(V)
//! theta(F) = theta0 / (1 - (1 - theta0) F)
//! I_inj = [G0 a (1 + gamma a^2) + C_fn a^2 exp(-b/a)] / theta0  *  B(T)/B(T_ref)  *  D(c)
//! I_hop = g_h a exp(beta(T) sqrt(a)) exp(-(E_h/k)(1/T - 1/T_ref)),  beta(T) = beta T_ref/T
//! ```
//!
//! A material may give a measured current `I_m(a)` in the place of the bracket,
//! `I_inj = I_m(a)/theta(F_m) * B(T)/B(T_m) * D(c)`, with the filling and the temperature at which it was taken
//! ([`measured`](crate::material::measured)).
//!
//! Empty traps take 1 - theta of the injected electrons. `B(T) = x / sin x` with
//! `x = pi c1 kT`, `c1 = A/(2 phi)`, `A = (4 pi L/h) sqrt(2 q phi m)`, is the broadening
//! of tunnelling by the electrode's Fermi tail (R. Stratton, J. Phys. Chem.
//! Solids 23, 1177 (1962)): 2 % from 25 to 100 C, so that "the same at
//! 100 C" is a result. `D(c) = exp(-A(L(c)) + A(L_ref))` is equation 1 of the
//! paper for a barrier that thins with the dots' concentration (Figure S4).

use crate::material::{Barrier, Hopping, Material};
use crate::units::*;

/// Exponent of equation 1 of the paper, `(4 pi L/h) sqrt(2 q phi m)`, for a barrier of this width.
pub fn tunnelling_exponent(barrier: &Barrier, width_m: f64) -> f64 {
    let momentum = (2.0 * ELEMENTARY_CHARGE_C * barrier.height_ev * barrier.mass * ELECTRON_MASS_KG).sqrt();
    4.0 * std::f64::consts::PI * width_m / PLANCK_J_S * momentum
}

/// Factor `D(c)` by which the concentration changes injection; 1 at the reference concentration.
pub fn concentration_factor(barrier: &Barrier) -> f64 {
    let thinner_m = barrier.thinning_m * (barrier.concentration - barrier.reference_concentration);
    // A barrier cannot be thinner than nothing.
    let width_m = (barrier.width_m - thinner_m).max(0.0);
    libm::exp(tunnelling_exponent(barrier, barrier.width_m) - tunnelling_exponent(barrier, width_m))
}

/// Largest `x` of the broadening that is believed: the law ends at pi, where it is infinite, and rests on `x` being
/// small. 0.54 at 100 C for the shipped barriers, and 1.5 at 760 C.
pub const MAX_BROADENING_X: f64 = 1.5;

/// `x = pi c1 kT` of the broadening.
pub fn broadening_x(barrier: &Barrier, temperature_k: f64) -> f64 {
    let c1_per_ev = tunnelling_exponent(barrier, barrier.width_m) / (2.0 * barrier.height_ev);
    std::f64::consts::PI * c1_per_ev * thermal_energy_ev(temperature_k)
}

/// Thermal broadening `B(T)`, at least 1; past [`MAX_BROADENING_X`] it stays what it is there, and
/// [`super::validity::broadening`] says so.
pub fn broadening(barrier: &Barrier, temperature_k: f64) -> f64 {
    broadening_law(broadening_x(barrier, temperature_k).min(MAX_BROADENING_X))
}

/// The law of the broadening, `x / sin x`, wherever it is taken; it means nothing past [`MAX_BROADENING_X`].
pub fn broadening_law(x: f64) -> f64 {
    if x < 1e-4 { 1.0 + x * x / 6.0 } else { x / libm::sin(x) }
}

/// Factor by which a temperature changes injection, `B(T)/B(T_ref)`; 1 where the material has no thermal broadening.
pub fn thermal_factor(material: &Material, temperature_k: f64) -> f64 {
    let i = &material.injection;
    if !i.thermal_broadening {
        return 1.0;
    }
    broadening(&material.barrier, temperature_k) / broadening(&material.barrier, injection_k(material))
}

/// Temperature at which the material's injected current holds as it is given, K: that of the table where it was
/// measured.
pub fn injection_k(material: &Material) -> f64 {
    material.measured.as_ref().map_or(material.injection.reference_k, |measured| measured.temperature_k)
}

/// Electrons injected, as a current in A, at magnitude of bias `a_v`.
pub fn injected_a(material: &Material, a_v: f64, temperature_k: f64) -> f64 {
    let i = &material.injection;
    if a_v <= 0.0 {
        return 0.0;
    }
    let injected_a = match &material.measured {
        Some(measured) => measured.current_a(a_v) / free_share(1.0 - i.free_share, measured.filling),
        None => {
            let direct = i.direct_s * a_v * (1.0 + i.superlinearity_per_v2 * a_v * a_v);
            let fowler_nordheim = i.fowler_nordheim_a_per_v2 * a_v * a_v * libm::exp(-i.fowler_nordheim_v / a_v);
            (direct + fowler_nordheim) / i.free_share
        }
    };
    injected_a * thermal_factor(material, temperature_k) * concentration_factor(&material.barrier)
}

/// Hopping current, A, at magnitude of bias `a_v`.
pub fn hopping_a(material: &Material, a_v: f64, temperature_k: f64) -> f64 {
    match &material.hopping {
        None => 0.0,
        Some(h) => {
            let exponent = hopping_field_exponent(material, h, a_v, temperature_k);
            h.conductance_s * a_v * libm::exp(exponent + hopping_heat_exponent(material, h, temperature_k))
        }
    }
}

/// Exponent by which the field helps hopping, `beta(T) sqrt(a)`.
pub fn hopping_field_exponent(material: &Material, hopping: &Hopping, a_v: f64, temperature_k: f64) -> f64 {
    hopping.field_per_root_v * material.injection.reference_k / temperature_k * a_v.sqrt()
}

/// Exponent by which heat alone changes hopping, `-(E_h/k)(1/T - 1/T_ref)`.
pub fn hopping_heat_exponent(material: &Material, hopping: &Hopping, temperature_k: f64) -> f64 {
    -(hopping.activation_ev / BOLTZMANN_EV_PER_K) * (1.0 / temperature_k - 1.0 / material.injection.reference_k)
}

/// Share of the injected electrons that passes, `theta(F)`; `open` is `1 - theta0`.
pub fn free_share(open: f64, filling: f64) -> f64 {
    (1.0 - open) / (1.0 - open * filling)
}

/// Current in A of the nominal cell at a bias and filling.
pub fn current_a(material: &Material, bias_v: f64, temperature_k: f64, filling: f64) -> f64 {
    let a_v = bias_v.abs();
    let open = 1.0 - material.injection.free_share;
    let magnitude =
        free_share(open, filling) * injected_a(material, a_v, temperature_k) + hopping_a(material, a_v, temperature_k);
    magnitude.copysign(bias_v)
}
