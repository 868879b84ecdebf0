//! The ways out of a trap.
//!
//! # Theory
//! ```text
//! e_k = nu exp(-E_k/kT)                                   thermal escape
//!     + 1/tau_m(T),  tau_m = tau_g 10^(m (Tg/T - 1))      the matrix lets go near its glass transition
//!     + s_k nu_F exp(-V_F/a)  for V < 0                   field release
//! ```
//!
//! The matrix term is a calibrated proposal: it makes the edge at 155 C that
//! Arrhenius alone would smear. `1/tau_m` is computed directly, because
//! `tau_m` itself leaves the range of f32 below 336 K. Under positive bias the
//! electrode refills what the field frees: no field release there.

use super::step::Occupancy;
use crate::material::{FieldRelease, Material, TrapClass};
use crate::units::thermal_energy_ev;

/// Rate of thermal escape of a trap of this depth, 1/s.
pub fn thermal_per_s(attempt_per_s: f64, depth_ev: f64, temperature_k: f64) -> f64 {
    attempt_per_s * libm::exp(-depth_ev / thermal_energy_ev(temperature_k))
}

/// Rate at which every trap of every cell is emptied alike, whatever its depth, 1/s: the background of thermal
/// escape. A way out that knows neither class nor cell is a term of this sum, and all backends have it from here.
pub fn background_per_s(material: &Material, temperature_k: f64) -> f64 {
    matrix_per_s(material, temperature_k)
}

/// Rate at which the relaxing matrix empties any trap, 1/s; 0 where it is switched off.
pub fn matrix_per_s(material: &Material, temperature_k: f64) -> f64 {
    material.matrix.map_or(0.0, |m| m.release_per_s(material.glass_transition_k, temperature_k))
}

/// Charge that leaves, per trap, once each class of a cell was `emptied` so many times (its rate times the time,
/// summed over temperatures): `sum w_k f_k (1 - exp(-x_k))`. By `expm1`: a loss of 1e-17 has all of its digits, where
/// one less what is left has none.
pub fn lost_filling(classes: &[TrapClass], occupancy: &Occupancy, emptied: &Occupancy) -> f64 {
    classes.iter().enumerate().map(|(k, class)| -class.weight * occupancy[k] * libm::expm1(-emptied[k])).sum()
}

/// Rate of field release at a bias, 1/s, for a class of speed 1.
pub fn field_per_s(release: Option<&FieldRelease>, bias_v: f64) -> f64 {
    match release {
        Some(f) if bias_v < 0.0 => f.attempt_per_s * libm::exp(f.bias_v / bias_v),
        _ => 0.0,
    }
}
