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

use crate::material::measured::MeasuredCurrent;
use crate::material::{Barrier, Hopping, Injection, Material};
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

/// Largest current of a cell, A. A law that gives more has been continued to biases or temperatures where it means
/// nothing, and numbers of single precision are not far.
pub const MAX_CURRENT_A: f64 = 1e6;

/// The current through the nominal cell with its traps filled, A, where it is above [`MAX_CURRENT_A`] or not a number.
pub fn beyond_reason_a(material: &Material, bias_v: f64, temperature_k: f64) -> Option<f64> {
    let a_v = bias_v.abs();
    let most_a = injected_a(material, a_v, temperature_k) + hopping_a(material, a_v, temperature_k);
    // A number that is none is not within the limit either.
    Some(most_a).filter(|amperes| !(0.0..=MAX_CURRENT_A).contains(amperes))
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

/// Bias below which a measured current is taken as a straight line, V: a power law below 1 would rise without end there.
const LINE_BELOW_V: f64 = 1e-9;

/// The parts of the current that know neither the charge nor the area of a cell, with their slopes: for networks, which
/// ask the law of every cell many times. What depends on the material and the temperature alone is taken once.
#[derive(Debug, Clone, PartialEq)]
pub struct BiasLaw {
    injection: Injection,
    /// What the injected current is times: broadening, barrier, and of a measured one the share that passed.
    injected_times: f64,
    measured: Option<MeasuredCurrent>,
    /// Conductance at no field, S, and the exponent per root of the bias.
    hopping: Option<(f64, f64)>,
}

/// A current, A, and its slope, S.
pub type CurrentAndSlope = (f64, f64);

impl BiasLaw {
    /// Of the nominal cell of a material at a temperature.
    pub fn new(material: &Material, temperature_k: f64) -> BiasLaw {
        let i = material.injection;
        let passed = match &material.measured {
            Some(measured) => free_share(1.0 - i.free_share, measured.filling),
            None => i.free_share,
        };
        let hopping = material.hopping.as_ref().map(|h| {
            let heat = libm::exp(hopping_heat_exponent(material, h, temperature_k));
            (h.conductance_s * heat, hopping_field_exponent(material, h, 1.0, temperature_k))
        });
        let injected_times = thermal_factor(material, temperature_k) * concentration_factor(&material.barrier) / passed;
        BiasLaw { injection: i, injected_times, measured: material.measured.clone(), hopping }
    }

    /// The injected and the hopping current at a magnitude of bias, V.
    pub fn at(&self, a_v: f64) -> [CurrentAndSlope; 2] {
        [self.injected(a_v), self.hopping(a_v)]
    }

    /// The current of a cell at a bias of either sign, V, from the share of the injected electrons that pass, times its
    /// area, and its area over the nominal one.
    pub fn current_and_slope(&self, passing: f64, area: f64, bias_v: f64) -> CurrentAndSlope {
        let [injected, hopping] = self.at(bias_v.abs());
        let magnitude = passing * injected.0 + area * hopping.0;
        (magnitude.copysign(bias_v), passing * injected.1 + area * hopping.1)
    }

    fn injected(&self, a_v: f64) -> CurrentAndSlope {
        let times = self.injected_times;
        let (current_a, slope_s) = match &self.measured {
            Some(measured) if a_v < LINE_BELOW_V => {
                let slope_s = measured.current_a(LINE_BELOW_V) / LINE_BELOW_V;
                (slope_s * a_v, slope_s)
            }
            Some(measured) => measured.current_and_slope(a_v),
            None => {
                let i = &self.injection;
                let square = i.superlinearity_per_v2 * a_v * a_v;
                let direct = (i.direct_s * a_v * (1.0 + square), i.direct_s * (1.0 + 3.0 * square));
                let fowler_nordheim = if a_v > 0.0 {
                    let tunnels = i.fowler_nordheim_a_per_v2 * libm::exp(-i.fowler_nordheim_v / a_v);
                    (tunnels * a_v * a_v, tunnels * (2.0 * a_v + i.fowler_nordheim_v))
                } else {
                    (0.0, 0.0)
                };
                (direct.0 + fowler_nordheim.0, direct.1 + fowler_nordheim.1)
            }
        };
        (times * current_a, times * slope_s)
    }

    fn hopping(&self, a_v: f64) -> CurrentAndSlope {
        let Some((conductance_s, per_root_v)) = self.hopping else { return (0.0, 0.0) };
        let exponent = per_root_v * a_v.sqrt();
        let siemens = conductance_s * libm::exp(exponent);
        (siemens * a_v, siemens * (1.0 + 0.5 * exponent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::material::shipped;
    use crate::units::kelvin;

    /// Against the law that is not split, and against differences of it: central ones of a relative step h are off by
    /// h^2/6 of the third derivative, some 1e-8 here, and by the rounding 1e-16/h.
    #[test]
    fn the_law_of_bias_is_the_current_with_its_slope() {
        for (name, celsius) in [("pi-ws2-qd", 25.0), ("pi-ws2-qd", 150.0), ("pi-ws2-ns", 100.0), ("pi", 25.0)] {
            let (material, t_k) = (shipped(name).expect("shipped"), kelvin(celsius));
            let law = BiasLaw::new(&material, t_k);
            for (filling, bias_v) in [(0.0, 0.1), (0.5, -0.05), (1.0, 3.0), (0.3, 5.0), (0.7, -1e-6)] {
                let area = 1.3;
                let passing = area * free_share(1.0 - material.injection.free_share, filling);
                let (current, slope_s) = law.current_and_slope(passing, area, bias_v);
                let of = |v: f64| area * current_a(&material, v, t_k, filling);
                assert!((current / of(bias_v) - 1.0).abs() < 1e-13, "{name} {bias_v}: {current:e}");
                let h = 1e-5 * bias_v.abs();
                let expected = (of(bias_v + h) - of(bias_v - h)) / (2.0 * h);
                assert!((slope_s / expected - 1.0).abs() < 1e-7, "{name} {bias_v}: {slope_s:e} {expected:e}");
                // The conductance is another number where the law bends.
                assert!(bias_v.abs() < 1.0 || (slope_s * bias_v / current - 1.0).abs() > 1e-3, "{name} {bias_v}");
            }
            let (none_a, slope_s) = law.current_and_slope(1.0, 1.0, 0.0);
            assert!(none_a == 0.0 && slope_s > 0.0 && slope_s.is_finite());
        }
    }
}
