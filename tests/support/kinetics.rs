//! The kinetics of a cell under a constant bias, written out once more from the material's numbers and the equations in
//! the docs of `trapline_model::cell`, for tests that hold trapline against other solvers.

use trapline_model::material::{self, Material};
use trapline_model::units::{BOLTZMANN_EV_PER_K, ELECTRON_MASS_KG, ELEMENTARY_CHARGE_C, PLANCK_J_S};

/// `df_k/dt = s_k u(F) (1 - f_k) - e_k f_k` under a constant bias, as numbers.
#[derive(Clone)]
pub struct Equation {
    pub weight: Vec<f64>,
    pub speed: Vec<f64>,
    pub emission: Vec<f64>,
    /// Offered electrons that would stay at F = 0 if nothing passed, per trap: `S I_inj/(q N_d)`, 1/s.
    pub offered: f64,
    pub theta0: f64,
    pub limit: f64,
    /// Injected current, and the one that hops past the traps, A.
    pub injected_a: f64,
    pub hopping_a: f64,
}

impl Equation {
    pub fn new(m: &Material, bias_v: f64, t_k: f64) -> Equation {
        let kt = BOLTZMANN_EV_PER_K * t_k;
        let a = bias_v.abs();
        let (i, c, b) = (&m.injection, m.capture.as_ref().unwrap(), &m.barrier);
        // Stratton's broadening, x/sin x; the shipped materials stand at their reference concentration.
        assert_eq!(b.concentration, b.reference_concentration);
        let per_ev = 4.0 * std::f64::consts::PI * b.width_m / PLANCK_J_S
            * (2.0 * ELEMENTARY_CHARGE_C * b.height_ev * b.mass * ELECTRON_MASS_KG).sqrt()
            / (2.0 * b.height_ev);
        let broad = |t: f64| {
            let x = std::f64::consts::PI * per_ev * BOLTZMANN_EV_PER_K * t;
            x / x.sin()
        };
        let direct = i.direct_s * (a + i.superlinearity_per_v2 * a.powi(3));
        let tunnel = if a > 0.0 { i.fowler_nordheim_a_per_v2 * a * a * (-i.fowler_nordheim_v / a).exp() } else { 0.0 };
        let injected = (direct + tunnel) / i.free_share * broad(t_k) / broad(i.reference_k);
        let stays_at = if bias_v < 0.0 { c.reverse_stay_v } else { a };
        let share = 1.0 / (1.0 + ((c.stay_midpoint_v - stays_at) / c.stay_width_v).exp());
        let matrix = m
            .matrix
            .map_or(0.0, |x| 1.0 / (x.relaxation_s * 10f64.powf(x.fragility * (m.glass_transition_k / t_k - 1.0))));
        let field = match m.field_release {
            Some(f) if bias_v < 0.0 => f.attempt_per_s * (-f.bias_v / a).exp(),
            _ => 0.0,
        };
        let hopping = m.hopping.map_or(0.0, |h| {
            let activation = -(h.activation_ev / BOLTZMANN_EV_PER_K) * (1.0 / t_k - 1.0 / i.reference_k);
            h.conductance_s * a * (h.field_per_root_v * i.reference_k / t_k * a.sqrt() + activation).exp()
        });
        let emission = |k: &material::TrapClass| m.attempt_per_s * (-k.depth_ev / kt).exp() + matrix + k.speed * field;
        Equation {
            weight: m.classes.iter().map(|k| k.weight).collect(),
            speed: m.classes.iter().map(|k| k.speed).collect(),
            emission: m.classes.iter().map(emission).collect(),
            offered: if a > 0.0 { share * injected / (ELEMENTARY_CHARGE_C * c.traps) } else { 0.0 },
            theta0: i.free_share,
            limit: ((a - c.onset_v) / (c.trap_filled_v - c.onset_v)).clamp(0.0, 1.0),
            injected_a: if a > 0.0 { injected } else { 0.0 },
            hopping_a: hopping,
        }
    }

    pub fn filling(&self, f: &[f64]) -> f64 {
        self.weight.iter().zip(f).map(|(w, f)| w * f).sum()
    }

    /// `u(F)` in 1/s: the electrons that do not pass, times the room that space charge leaves.
    pub fn uptake(&self, filling: f64) -> f64 {
        if self.limit == 0.0 {
            return 0.0;
        }
        let passes = self.theta0 / (1.0 - (1.0 - self.theta0) * filling);
        self.offered * (1.0 - passes) * (1.0 - filling / self.limit).max(0.0)
    }

    /// The share of the injected electrons that passes.
    pub fn passes(&self, filling: f64) -> f64 {
        self.theta0 / (1.0 - (1.0 - self.theta0) * filling)
    }

    pub fn rate(&self, f: &[f64], out: &mut [f64]) {
        let u = self.uptake(self.filling(f));
        for k in 0..f.len() {
            out[k] = self.speed[k] * u * (1.0 - f[k]) - self.emission[k] * f[k];
        }
    }
}
