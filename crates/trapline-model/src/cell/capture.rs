//! The way into a trap.
//!
//! # Theory
//! The injected electrons that do not pass are offered to the empty traps:
//!
//! ```text
//! c_k = s_k S(V) (1 - theta(F)) I_inj/(q N_d) max(0, 1 - F/F_sc(a))
//! S(V) = 1/(1 + exp(-(V - V_h)/V_c)) for V > 0, S(V_reverse) for V < 0
//! F_sc(a) = min(1, max(0, (a - V_on)/(V_TFL - V_on)))
//! ```
//!
//! With `open = 1 - theta0`, `1 - theta(F) = open (1 - F)/(1 - open F)`: the share
//! falls to zero with the empty traps. Space charge limits how far a bias can
//! fill; it takes nothing back.

use super::current::injected_a;
use crate::material::{Capture, Material};
use crate::units::ELEMENTARY_CHARGE_C;

/// Share `S(V)` of the offered electrons that stays.
pub fn stay_share(capture: &Capture, bias_v: f64) -> f64 {
    let effective_v = if bias_v > 0.0 { bias_v } else { capture.reverse_stay_v };
    1.0 / (1.0 + libm::exp(-(effective_v - capture.stay_midpoint_v) / capture.stay_width_v))
}

/// Largest filling `F_sc` a magnitude of bias can reach against space charge, 0 to 1.
pub fn space_charge_limit(capture: &Capture, trap_filled_factor: f64, a_v: f64) -> f64 {
    let span_v = capture.trap_filled_v * trap_filled_factor - capture.onset_v;
    if span_v <= 0.0 {
        return if a_v > capture.onset_v { 1.0 } else { 0.0 };
    }
    ((a_v - capture.onset_v) / span_v).clamp(0.0, 1.0)
}

/// Rate per trap at which electrons that stay are offered to an empty cell's traps, `S(V) open I_inj/(q N_d)`, 1/s.
pub fn offered_per_s(material: &Material, bias_v: f64, temperature_k: f64) -> f64 {
    match &material.capture {
        Some(capture) if bias_v != 0.0 => {
            let open = 1.0 - material.injection.free_share;
            stay_share(capture, bias_v) * open * injected_a(material, bias_v.abs(), temperature_k)
                / (ELEMENTARY_CHARGE_C * capture.traps)
        }
        _ => 0.0,
    }
}
