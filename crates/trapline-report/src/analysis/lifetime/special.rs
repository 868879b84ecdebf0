//! Tails of the binomial, Poisson, chi-square and F laws at counts up to 1e12.
//!
//! statrs has the quantiles of the normal and of Student's t. Its incomplete beta function stops after 140 terms of
//! the continued fraction and takes its prefactor from differences of ln Gamma; at 1e9 cells some 1e5 terms are
//! needed and the difference keeps six digits. So the two incomplete functions are here: the same continued fractions
//! (Lentz's method) to the end, with the prefactor in the saddle-point form (C. Loader 2000, "Fast and accurate
//! computation of binomial probabilities"), which loses no digits.

use statrs::distribution::{ContinuousCDF, StudentsT};

use std::f64::consts::{PI, SQRT_2};

/// Enough for 1e12 cells: the fractions need a few times the square root of the count.
const MOST_TERMS: usize = 10_000_000;
const TINY: f64 = 1e-300;

/// ln(n!) less Stirling's formula for it.
fn stirling_error(n: f64) -> f64 {
    if n < 15.0 {
        return libm::lgamma(n + 1.0) - (n + 0.5) * libm::log(n) + n - 0.5 * libm::log(2.0 * PI);
    }
    // The next term, 1/(1188 n^9), is 2e-14 at 15.
    let m = 1.0 / (n * n);
    (1.0 / 12.0 - m * (1.0 / 360.0 - m * (1.0 / 1260.0 - m / 1680.0))) / n
}

/// u - ln(1 + u), without cancellation near 0.
fn log1p_gap(u: f64) -> f64 {
    if u.abs() > 0.05 {
        return u - libm::log1p(u);
    }
    // sum over k >= 2 of (-u)^k / k; 0.05^13/13 is 1e-18 of the whole.
    let terms = (2..=14).rev().map(|k| 1.0 / f64::from(k));
    u * u * terms.fold(0.0, |sum, term| term - u * sum)
}

/// Deviance of a count from its mean: n ln(n/m) + m - n.
fn deviance(n: f64, mean: f64) -> f64 {
    n * log1p_gap((mean - n) / n)
}

/// A continued fraction a1/(b1 + a2/(b2 + ...)) by Lentz's method; `term` gives (a, b) of a place from 1 on.
fn continued_fraction(term: impl Fn(f64) -> (f64, f64)) -> f64 {
    let away = |x: f64| if x.abs() < TINY { TINY } else { x };
    let (mut value, mut c, mut d) = (TINY, TINY, 0.0);
    for place in 1..MOST_TERMS {
        let (a, b) = term(place as f64);
        d = 1.0 / away(b + a * d);
        c = away(b + a / c);
        let factor = c * d;
        value *= factor;
        if (factor - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// x^a (1-x)^b / B(a, b) as a function of x and 1 - x.
fn beta_front(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let n = a + b;
    let ln = stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y);
    libm::exp(ln) * (a * b / (2.0 * PI * n)).sqrt()
}

/// Lower and upper tail of the beta law at x: I_x(a, b) and 1 - I_x(a, b). Source of the fraction: DLMF 8.17.22.
pub(super) fn beta_tails(a: f64, b: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x >= 1.0 {
        return (1.0, 0.0);
    }
    let y = 1.0 - x;
    let front = beta_front(a, b, x, y);
    let tail = |a: f64, b: f64, x: f64| {
        let term = |place: f64| {
            let k = place - 1.0;
            let m = (k / 2.0).floor();
            let step = if k == 0.0 {
                1.0
            } else if k % 2.0 == 0.0 {
                m * (b - m) * x / ((a + k - 1.0) * (a + k))
            } else {
                -(a + m) * (a + b + m) * x / ((a + k - 1.0) * (a + k))
            };
            (step, 1.0)
        };
        (front / a * continued_fraction(term)).min(1.0)
    };
    if x < (a + 1.0) / (a + b + 2.0) {
        let lower = tail(a, b, x);
        (lower, 1.0 - lower)
    } else {
        let upper = tail(b, a, y);
        (1.0 - upper, upper)
    }
}

/// Lower and upper tail of the gamma law of shape a at x. Sources: DLMF 8.11.4 (series), 8.9.2 (fraction).
pub(super) fn gamma_tails(a: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    let point = libm::exp(-stirling_error(a) - deviance(a, x)) / (2.0 * PI * a).sqrt();
    if x < a + 1.0 {
        let (mut sum, mut term, mut k) = (1.0, 1.0, a);
        while term > 1e-16 * sum {
            k += 1.0;
            term *= x / k;
            sum += term;
        }
        let lower = (point * sum).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let fraction = |place: f64| {
            let m = place - 1.0;
            (if m == 0.0 { 1.0 } else { -m * (m - a) }, x + 2.0 * m + 1.0 - a)
        };
        let upper = (point * a * continued_fraction(fraction)).min(1.0);
        (1.0 - upper, upper)
    }
}

/// Root of a function that rises over `low..high` (the upper end may be infinite), with its slope: Newton's steps, held
/// inside the bracket that they narrow.
fn rising_root(mut low: f64, mut high: f64, start: f64, f: impl Fn(f64) -> (f64, f64)) -> f64 {
    let mut x = start;
    for _ in 0..400 {
        let (value, slope) = f(x);
        if value > 0.0 {
            high = x
        } else {
            low = x
        }
        let newton = x - value / slope;
        let half = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * x };
        let next = if newton >= low && newton <= high { newton } else { half };
        if (next - x).abs() <= 4e-16 * x.abs() {
            return next;
        }
        x = next;
    }
    x
}

/// The x below which the beta law has this much (`tail` in the lower tail).
pub(super) fn beta_lower_quantile(a: f64, b: f64, tail: f64) -> f64 {
    rising_root(0.0, 1.0, a / (a + b), |x| (beta_tails(a, b, x).0 - tail, beta_density(a, b, x)))
}

/// The x above which the beta law has this much.
pub(super) fn beta_upper_quantile(a: f64, b: f64, tail: f64) -> f64 {
    rising_root(0.0, 1.0, a / (a + b), |x| (tail - beta_tails(a, b, x).1, beta_density(a, b, x)))
}

fn beta_density(a: f64, b: f64, x: f64) -> f64 {
    beta_front(a, b, x, 1.0 - x) / (x * (1.0 - x))
}

/// Quantile of the chi-square law with an even or odd number of degrees: above it lies `tail`.
pub(super) fn chi_square_upper_quantile(degrees: f64, tail: f64) -> f64 {
    let a = 0.5 * degrees;
    let density = |x: f64| libm::exp(-stirling_error(a) - deviance(a, x)) / (2.0 * PI * a).sqrt() * a / x;
    2.0 * rising_root(0.0, f64::INFINITY, a, |x| (tail - gamma_tails(a, x).1, density(x)))
}

/// P(chi-square with so many degrees of freedom exceeds this).
pub(super) fn chi_square_tail(value: f64, degrees: usize) -> f64 {
    gamma_tails(0.5 * degrees as f64, 0.5 * value.max(0.0)).1
}

/// P(F with so many degrees of freedom above and below exceeds this).
pub(super) fn f_tail(value: f64, above: usize, below: usize) -> f64 {
    let (p, q) = (above as f64, below as f64);
    beta_tails(0.5 * q, 0.5 * p, q / (q + p * value.max(0.0))).0
}

/// Quantile of the standard normal law.
pub(super) fn normal_quantile(share: f64) -> f64 {
    -SQRT_2 * statrs::function::erf::erfc_inv(2.0 * share)
}

/// The z that a normal variate stays within, both ways, with this confidence.
pub(super) fn two_sided_z(confidence: f64) -> f64 {
    SQRT_2 * statrs::function::erf::erfc_inv(1.0 - confidence)
}

/// The t that Student's variate stays within, both ways, with this confidence; none without degrees of freedom.
pub(super) fn two_sided_t(confidence: f64, degrees: usize) -> Option<f64> {
    let law = StudentsT::new(0.0, 1.0, degrees as f64).ok()?;
    Some(law.inverse_cdf(0.5 + 0.5 * confidence))
}
