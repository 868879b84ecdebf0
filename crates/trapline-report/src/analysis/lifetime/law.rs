//! The two laws of lifetimes, on the logarithm of time.
//!
//! Both are laws of location and scale in ln t: F(t) = F0((ln t - mu) / sigma). Weibull: F0 is the smallest extreme
//! value law, F0(z) = 1 - exp(-exp z), scale eta = exp mu, shape beta = 1 / sigma. Lognormal: F0 is the normal law,
//! median exp mu, spread sigma (Meeker & Escobar 1998, chapter 4).

use std::f64::consts::{LN_2, PI, SQRT_2};

use serde::Serialize;

use super::data::Class;
use super::special::normal_quantile;

/// A law of lifetimes with two parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Law {
    Weibull,
    Lognormal,
}

impl Law {
    /// The fraction that has failed by the law's scale: Weibull's eta, the lognormal median.
    pub fn scale_fraction(self) -> f64 {
        match self {
            Law::Weibull => -libm::expm1(-1.0),
            Law::Lognormal => 0.5,
        }
    }

    /// The one that this is not.
    pub fn other(self) -> Law {
        match self {
            Law::Weibull => Law::Lognormal,
            Law::Lognormal => Law::Weibull,
        }
    }
}

/// A function of (mu, ln sigma) with its first derivatives and its second: mu mu, mu ln-sigma, ln-sigma ln-sigma.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Jet {
    pub value: f64,
    pub first: [f64; 2],
    pub second: [f64; 3],
}

/// A class narrower than this, in units of sigma, has its density times its width: the difference of two values of F
/// would lose digits in the second derivatives (as width^-2), the density is off by width^2/24 of itself, 4e-10.
const NARROW: f64 = 1e-4;

impl Law {
    pub fn name(self) -> &'static str {
        match self {
            Law::Weibull => "Weibull",
            Law::Lognormal => "lognormal",
        }
    }

    /// The z that a share of the lifetimes lies below.
    pub(super) fn quantile(self, share: f64) -> f64 {
        match self {
            Law::Weibull => libm::log(-libm::log1p(-share)),
            Law::Lognormal => normal_quantile(share),
        }
    }

    /// F0(z).
    pub(super) fn below(self, z: f64) -> f64 {
        match self {
            Law::Weibull => -libm::expm1(-libm::exp(z)),
            Law::Lognormal => 0.5 * libm::erfc(-z / SQRT_2),
        }
    }

    fn ln_below(self, z: f64) -> f64 {
        match self {
            Law::Weibull => ln_of_less(libm::exp(z)),
            Law::Lognormal => ln_normal_below(z),
        }
    }

    fn ln_above(self, z: f64) -> f64 {
        match self {
            Law::Weibull => -libm::exp(z),
            Law::Lognormal => ln_normal_below(-z),
        }
    }

    /// ln F0'(z), its slope and its curvature.
    fn ln_density(self, z: f64) -> (f64, f64, f64) {
        match self {
            Law::Weibull => (z - libm::exp(z), 1.0 - libm::exp(z), -libm::exp(z)),
            Law::Lognormal => (-0.5 * z * z - 0.5 * libm::log(2.0 * PI), -z, -1.0),
        }
    }

    /// ln(F0(b) - F0(a)) for a < b.
    fn ln_between(self, a: f64, b: f64) -> f64 {
        match self {
            Law::Weibull => -libm::exp(a) + ln_of_less(libm::exp(a) * libm::expm1(b - a)),
            // On the side where the smaller tail is, so that neither is near 1.
            Law::Lognormal if a > 0.0 => self.ln_between(-b, -a),
            Law::Lognormal => {
                let upper = ln_normal_below(b);
                upper + ln_of_less(upper - ln_normal_below(a))
            }
        }
    }

    /// ln of the probability of a class.
    pub(super) fn ln_probability(self, class: &Class, mu: f64, ln_sigma: f64) -> Jet {
        let sigma = libm::exp(ln_sigma);
        let z = |time_s: f64| (libm::log(time_s) - mu) / sigma;
        let (first, last) = (class.from_s == 0.0, class.to_s == f64::INFINITY);
        if !first && !last {
            let width = libm::log1p((class.to_s - class.from_s) / class.from_s) / sigma;
            if width < NARROW {
                return self.density_jet(z(class.from_s) + 0.5 * width, width, sigma);
            }
            let a = z(class.from_s);
            let value = self.ln_between(a, a + width);
            return self.class_jet(value, Some(a), Some(a + width), sigma);
        }
        match (first, last) {
            (true, true) => Jet::default(),
            (true, false) => self.class_jet(self.ln_below(z(class.to_s)), None, Some(z(class.to_s)), sigma),
            _ => self.class_jet(self.ln_above(z(class.from_s)), Some(z(class.from_s)), None, sigma),
        }
    }

    /// Derivatives of ln(F0(b) - F0(a)) through dz/dmu = -1/sigma and dz/dln-sigma = -z.
    fn class_jet(self, value: f64, a: Option<f64>, b: Option<f64>, sigma: f64) -> Jet {
        // Density over probability at an edge, and its slope over probability; an edge at infinity adds nothing.
        let edge = |z: Option<f64>| {
            z.map_or((0.0, 0.0, 0.0), |z| {
                let (ln, slope, _) = self.ln_density(z);
                let ratio = libm::exp(ln - value);
                // The ratio falls faster than its slope grows.
                (z, ratio, if ratio == 0.0 { 0.0 } else { slope * ratio })
            })
        };
        let ((za, ra, sa), (zb, rb, sb)) = (edge(a), edge(b));
        let (a1, b1) = (-ra, rb);
        let (aa, ab, bb) = (-sa - ra * ra, ra * rb, sb - rb * rb);
        Jet {
            value,
            first: [-(a1 + b1) / sigma, -(za * a1 + zb * b1)],
            second: [
                (aa + 2.0 * ab + bb) / (sigma * sigma),
                (za * aa + (za + zb) * ab + zb * bb + a1 + b1) / sigma,
                za * za * aa + 2.0 * za * zb * ab + zb * zb * bb + za * a1 + zb * b1,
            ],
        }
    }

    /// The same for a narrow class: ln(F0'(z) w), w proportional to 1/sigma.
    fn density_jet(self, z: f64, width: f64, sigma: f64) -> Jet {
        let (ln, slope, curvature) = self.ln_density(z);
        Jet {
            value: ln + libm::log(width),
            first: [-slope / sigma, -slope * z - 1.0],
            second: [curvature / (sigma * sigma), (curvature * z + slope) / sigma, (curvature * z + slope) * z],
        }
    }
}

/// ln(1 - exp(-x)) for x > 0.
fn ln_of_less(x: f64) -> f64 {
    if x < LN_2 { libm::log(-libm::expm1(-x)) } else { libm::log1p(-libm::exp(-x)) }
}

/// ln of the normal law below z; the asymptotic series where the law itself would underflow.
fn ln_normal_below(z: f64) -> f64 {
    if z > 5.0 {
        return libm::log1p(-0.5 * libm::erfc(z / SQRT_2));
    }
    if z > -30.0 {
        return libm::log(0.5 * libm::erfc(-z / SQRT_2));
    }
    // Abramowitz & Stegun 26.2.12; the next term, 105/z^8, is 2e-10 of a logarithm of -450.
    let m = 1.0 / (z * z);
    -0.5 * z * z - libm::log(-z) - 0.5 * libm::log(2.0 * PI) + libm::log1p(-m * (1.0 - 3.0 * m * (1.0 - 5.0 * m)))
}
