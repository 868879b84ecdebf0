//! A cell at rest under a constant bias: how full it is, and how it fluctuates.
//!
//! # Theory
//! An empty trap of kind k catches at `c_k = s_k u(F)`, a full one lets go at `e_k`; all kinds see the same uptake u,
//! which falls with the filling F, `rho = -du/dF`. At rest `f_k = c_k/(c_k + e_k)` and `u = u(F)`, one equation for u.
//!
//! Small deviations of `f_k` obey `d(df)/dt = -A df + noise` with `A_kl = (c_k + e_k) delta_kl + s_k (1 - f_k) rho w_l`
//! and noise of the strength `B_k = 2 c_k (1 - f_k)/(N w_k)`: as many electrons come as go, each by chance. The current
//! is `dI = I' sum w_k df_k`, and `S_I = g^T (A + i w)^-1 B (A + i w)^-H g` with `g_k = I' w_k`. In the unknowns
//! `df_k sqrt(w_k/(s_k (1 - f_k)))` the drift is symmetric, a diagonal and one product, and the noise alike in all of
//! them, so that the inverse is written down (Sherman and Morrison). One-sided, with `d_k = c_k + e_k`,
//! `v_k^2 = w_k s_k (1 - f_k)`, `w = 2 pi f`:
//!
//! ```text
//! S_I(f) = 4 I'^2 (u/N) sum v_k^2/(d_k^2 + w^2) / |1 + rho sum v_k^2/(d_k + i w)|^2
//! var I  =   I'^2 (u/N) sum v_k^2/d_k / (1 + rho sum v_k^2/d_k)
//! ```
//!
//! Of traps that are all alike it is one Lorentzian with its corner at `(c + e + rho s (1 - f))/(2 pi)`; without space
//! charge rho is 0 and it is `4 dI^2 N f (1 - f) tau/(1 + (w tau)^2)`, `1/tau = c + e` (S. Machlup, J. Appl. Phys. 25,
//! 341 (1954)).
//!
//! The law of the whole numbers of electrons is known too, not only for many dots: coming and going balance for every
//! pair of states, which gives `P(n_1, n_2, ...) ~ prod C(N_k, n_k) (s_k/e_k)^n_k prod u(m/N)`, m from 0 to n - 1 with
//! n the sum of the `n_k`. It is a product of binomials of `f_k` times `prod u(m/N)/u`, which is largest at rest: a
//! state is drawn from the binomials and taken with that probability over the largest.

use trapline_model::cell::each_dot::Uniforms;
use trapline_model::cell::step::{self, StepDrive};
use trapline_model::material::MAX_CLASSES;

/// Points a decade of frequency, of integrals over it.
const A_DECADE: f64 = 32.0;
/// Images on each side that are summed one by one where a spectrum is folded.
const IMAGES: i32 = 16;

/// Traps of a cell that are all alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kind {
    /// How many.
    pub dots: u32,
    pub speed: f64,
    /// All ways out together, 1/s.
    pub emission_per_s: f64,
}

/// A cell under a bias.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    pub kinds: Vec<Kind>,
    /// `1 - theta0`.
    pub open: f64,
    /// Offered electrons per trap at F = 0, 1/s.
    pub offered_per_s: f64,
    pub space_charge_limit: f64,
    /// Of the cell, A: injected, and hopping.
    pub injected_a: f64,
    pub hopping_a: f64,
}

impl Held {
    /// All dots.
    pub fn dots(&self) -> u32 {
        self.kinds.iter().map(|kind| kind.dots).sum()
    }

    /// Current at a filling, A, without its sign.
    pub fn current_a(&self, filling: f64) -> f64 {
        (1.0 - self.open) / (1.0 - self.open * filling) * self.injected_a + self.hopping_a
    }

    /// Its slope by the filling, A.
    fn slope_a(&self, filling: f64) -> f64 {
        let through = 1.0 - self.open * filling;
        (1.0 - self.open) * self.open / (through * through) * self.injected_a
    }

    /// Uptake at a filling, 1/s, and its slope.
    fn uptake(&self, filling: f64) -> (f64, f64) {
        let drive = StepDrive {
            open: self.open,
            offered: self.offered_per_s,
            space_charge_limit: self.space_charge_limit,
            emission: [0.0; MAX_CLASSES],
        };
        step::uptake(&drive, filling)
    }
}

/// A cell at rest. One without dots, or in which nothing moves, has no noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Rest {
    held: Held,
    dots: f64,
    /// u, 1/s.
    pub uptake_per_s: f64,
    /// rho, 1/s.
    pub feedback_per_s: f64,
    pub filling: f64,
    /// `d_k` and `v_k^2`, 1/s.
    modes: Vec<(f64, f64)>,
}

impl Rest {
    pub fn of(held: Held) -> Rest {
        let dots = f64::from(held.dots());
        let occupancy = |kind: &Kind, u: f64| {
            let caught = kind.speed * u;
            if caught > 0.0 { caught / (caught + kind.emission_per_s) } else { 0.0 }
        };
        let filling = |u: f64| {
            let full: f64 = held.kinds.iter().map(|kind| f64::from(kind.dots) * occupancy(kind, u)).sum();
            if dots > 0.0 { full / dots } else { 0.0 }
        };
        // What is offered at the filling of an uptake falls with it, so there is one root; it may lie many decades
        // below what an empty cell is offered.
        let (mut low, mut high) = (held.offered_per_s * 1e-300, held.offered_per_s);
        for _ in 0..120 {
            let middle = low.sqrt() * high.sqrt();
            if held.uptake(filling(middle)).0 > middle { low = middle } else { high = middle }
        }
        let moves = dots > 0.0 && held.offered_per_s > 0.0 && held.space_charge_limit > 0.0;
        let u = if moves { high } else { 0.0 };
        let filling = filling(u);
        let mode = |kind: &Kind| {
            let (f, caught) = (occupancy(kind, u), kind.speed * u);
            let empty = if f > 0.0 { kind.emission_per_s / (caught + kind.emission_per_s) } else { 1.0 };
            (caught + kind.emission_per_s, f64::from(kind.dots) / dots * kind.speed * empty)
        };
        let modes = held.kinds.iter().filter(|kind| moves && kind.dots > 0).map(mode).collect();
        let feedback_per_s = if moves { -held.uptake(filling).1 } else { 0.0 };
        Rest { dots, uptake_per_s: u, feedback_per_s, filling, modes, held }
    }

    /// Share of a kind's traps that is full.
    pub fn occupancy(&self, kind: &Kind) -> f64 {
        let caught = kind.speed * self.uptake_per_s;
        if caught > 0.0 { caught / (caught + kind.emission_per_s) } else { 0.0 }
    }

    pub fn held(&self) -> &Held {
        &self.held
    }

    /// Steps of the current in a second, up and down, on the average.
    pub fn steps_per_s(&self) -> f64 {
        2.0 * self.dots * self.uptake_per_s * self.modes.iter().map(|(_, square)| square).sum::<f64>()
    }

    /// Fastest rate at which a deviation decays, 1/s, at most.
    pub fn fastest_per_s(&self) -> f64 {
        let all: f64 = self.modes.iter().map(|(_, square)| square).sum();
        self.modes.iter().map(|(rate, _)| *rate).fold(0.0, f64::max) + self.feedback_per_s * all
    }

    /// `I'^2 u/N`, A^2/s.
    fn strength(&self) -> f64 {
        let slope_a = self.held.slope_a(self.filling);
        if self.dots > 0.0 { slope_a * slope_a * self.uptake_per_s / self.dots } else { 0.0 }
    }

    /// Variance of the current, A^2.
    pub fn variance_a2(&self) -> f64 {
        let sum: f64 = self.modes.iter().map(|(rate, square)| square / rate).sum();
        if sum > 0.0 { self.strength() * sum / (1.0 + self.feedback_per_s * sum) } else { 0.0 }
    }

    /// Variance of the number of electrons.
    pub fn variance_of_number(&self) -> f64 {
        let slope_a = self.held.slope_a(self.filling);
        if slope_a > 0.0 { self.variance_a2() * (self.dots / slope_a) * (self.dots / slope_a) } else { 0.0 }
    }

    /// One-sided density of the current's noise, A^2/Hz.
    pub fn density_a2_per_hz(&self, frequency_hz: f64) -> f64 {
        let w = std::f64::consts::TAU * frequency_hz;
        let (mut sum, mut real) = (0.0, 0.0);
        for (rate, square) in &self.modes {
            let part = square / (rate * rate + w * w);
            sum += part;
            real += part * rate;
        }
        let (real, imaginary) = (1.0 + self.feedback_per_s * real, self.feedback_per_s * w * sum);
        if sum > 0.0 { 4.0 * self.strength() * sum / (real * real + imaginary * imaginary) } else { 0.0 }
    }

    /// Frequency below which half of the variance lies, Hz: of one Lorentzian its corner. NaN without noise.
    pub fn corner_hz(&self) -> f64 {
        let all = self.variance_a2();
        let slowest = self.modes.iter().map(|(rate, _)| *rate).fold(f64::INFINITY, f64::min);
        if all.is_nan() || all <= 0.0 {
            return f64::NAN;
        }
        // What lies below a frequency by the slowest of all is a ten thousandth.
        let (mut below, mut ln_f) = (0.0, libm::log(1e-4 * slowest / std::f64::consts::TAU));
        let stride = std::f64::consts::LN_10 / A_DECADE;
        let at = |ln_f: f64| self.density_a2_per_hz(libm::exp(ln_f)) * libm::exp(ln_f);
        let mut before = at(ln_f);
        while below < 0.5 * all && ln_f < 700.0 {
            let after = at(ln_f + stride);
            let more = 0.5 * stride * (before + after);
            if below + more >= 0.5 * all {
                return libm::exp(ln_f + stride * (0.5 * all - below) / more);
            }
            (below, before, ln_f) = (below + more, after, ln_f + stride);
        }
        f64::NAN
    }

    /// What lies above a frequency, A^2.
    fn above_a2(&self, frequency_hz: f64) -> f64 {
        let end_hz = 1e4 * frequency_hz.max(self.fastest_per_s());
        let ln_ends = libm::log(end_hz / frequency_hz);
        let parts = 2.0 * (ln_ends / std::f64::consts::LN_10 * A_DECADE / 2.0).ceil();
        let stride = ln_ends / parts;
        let at = |i: f64| {
            let f = frequency_hz * libm::exp(i * stride);
            f * self.density_a2_per_hz(f)
        };
        let weight = |i: u32| if i % 2 == 1 { 4.0 } else { 2.0 };
        let inner: f64 = (1..parts as u32).map(|i| weight(i) * at(f64::from(i))).sum();
        // Past the end it falls as 1/f^2.
        stride / 3.0 * (at(0.0) + inner + at(parts)) + at(parts)
    }

    /// The density of samples a time apart, at frequencies up to half of their number a second: what lies above is
    /// folded back. `S(f) + sum S(|f + m/step|)` over all m but 0, the first 16 of each sign one by one, the others by
    /// an integral.
    pub fn sampled_a2_per_hz(&self, step_s: f64, frequencies_hz: &[f64]) -> Vec<f64> {
        let rate_hz = 1.0 / step_s;
        let rest = 2.0 * self.above_a2((f64::from(IMAGES) + 0.5) * rate_hz) * step_s;
        let image = |f: f64, m: i32| self.density_a2_per_hz((f + f64::from(m) * rate_hz).abs());
        frequencies_hz.iter().map(|&f| rest + (-IMAGES..=IMAGES).map(|m| image(f, m)).sum::<f64>()).collect()
    }

    /// Electrons of each kind, drawn from the law of the cell at rest.
    pub fn draw(&self, uniforms: &mut Uniforms) -> Vec<u32> {
        let held = &self.held;
        let of = |electrons: u32| held.uptake(f64::from(electrons) / self.dots).0;
        let u = self.uptake_per_s;
        if u <= 0.0 {
            return vec![0; held.kinds.len()];
        }
        // The number up to which more is offered than at rest is the likeliest beside the binomials.
        let mut top = (self.filling * self.dots) as u32;
        while top > 0 && of(top - 1) < u {
            top -= 1;
        }
        while f64::from(top) < self.dots && of(top) >= u {
            top += 1;
        }
        // Some hundred tries are needed where space charge holds 6e4 dots tightly.
        let mut drawn: Vec<u32> = Vec::new();
        for _ in 0..1_000_000 {
            drawn = held.kinds.iter().map(|kind| binomial(uniforms, kind.dots, self.occupancy(kind))).collect();
            let number: u32 = drawn.iter().sum();
            let (from, to) = (number.min(top), number.max(top));
            let ratio: f64 = (from..to).map(|m| libm::log(of(m) / u)).sum();
            let ln_taken = if number >= top { ratio } else { -ratio };
            if libm::log(uniforms.draw()) <= ln_taken {
                break;
            }
        }
        drawn
    }
}

/// A binomial number, by the waiting times between the rarer of its two outcomes.
fn binomial(uniforms: &mut Uniforms, trials: u32, p: f64) -> u32 {
    let rare = p.min(1.0 - p);
    if rare <= 0.0 || trials == 0 {
        return if p > 0.5 { trials } else { 0 };
    }
    let ln_miss = libm::log1p(-rare);
    let (mut passed, mut hits) = (0.0, 0);
    loop {
        passed += (libm::log(uniforms.draw()) / ln_miss).floor() + 1.0;
        if passed > f64::from(trials) {
            break;
        }
        hits += 1;
    }
    if p > 0.5 { trials - hits } else { hits }
}
