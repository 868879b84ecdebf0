//! Sixteen cells side by side, and the f32 functions of the cell.
//!
//! A lane array is as wide as the widest registers; narrower ones take it in parts. Only adds, multiplies, divisions,
//! comparisons and integer operations occur, one IEEE rounding each and none fused, so every instruction set gives
//! the same bits. `shaders/math.wgsl` is the twin of the functions.

use crate::backend::constants::{EXP_LIMIT, EXPM1_OVER_R, LN2_HIGH, LN2_LOW, NEAR};

/// Cells computed side by side.
pub const LANES: usize = 16;

/// One number of each cell.
pub type Lane = [f32; LANES];

/// The same number in every lane.
#[inline(always)]
pub const fn splat(value: f32) -> Lane {
    [value; LANES]
}

/// Applies `f` lane by lane.
#[inline(always)]
pub fn map(a: &Lane, f: impl Fn(f32) -> f32) -> Lane {
    let mut out = [0.0; LANES];
    for lane in 0..LANES {
        out[lane] = f(a[lane]);
    }
    out
}

/// Applies `f` to pairs of lanes.
#[inline(always)]
pub fn zip(a: &Lane, b: &Lane, f: impl Fn(f32, f32) -> f32) -> Lane {
    let mut out = [0.0; LANES];
    for lane in 0..LANES {
        out[lane] = f(a[lane], b[lane]);
    }
    out
}

/// `x = n ln 2 + r` with |r| <= ln(2)/2: (n, r). `x` must lie within [`EXP_LIMIT`].
#[inline(always)]
fn reduce(x: f32) -> (i32, f32) {
    // Adding 128.5 makes the truncation a rounding. SAFETY: |x| <= 87 keeps the sum between 2 and 255; a NaN cannot
    // come here because the clamp in the callers (max, then min) replaces it.
    let n = unsafe { (x * std::f32::consts::LOG2_E + 128.5).to_int_unchecked::<i32>() } - 128;
    let m = n as f32;
    (n, (x - m * LN2_HIGH) - m * LN2_LOW)
}

/// `expm1(r)/r` on the reduced range.
#[inline(always)]
fn expm1_over_r(r: f32) -> f32 {
    let c = EXPM1_OVER_R;
    ((((c[5] * r + c[4]) * r + c[3]) * r + c[2]) * r + c[1]) * r + c[0]
}

/// `2^n` for -126 <= n <= 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << 23)
}

/// `exp(x)`; relative error at most 2 ULP (measured by the tests).
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let (n, r) = reduce(x.max(-EXP_LIMIT).min(EXP_LIMIT));
    power_of_two(n) * (r * expm1_over_r(r) + 1.0)
}

/// Thermal escape in a cell whose dots are larger than the nominal ones by a factor `exp(u)`, from the nominal cell's
/// rate: the depth shifts by `u (slope + curvature u)`, here over kT.
#[inline(always)]
pub fn thermal_escape(rate: f32, slope: f32, curvature: f32, u: f32) -> f32 {
    rate * exp(-(u * (slope + curvature * u)))
}

/// `1 - exp(-x)` for x >= 0, accurate relative to itself down to the smallest x.
#[inline(always)]
pub fn fraction_lost(x: f32) -> f32 {
    let (n, r) = reduce(-x.max(0.0).min(EXP_LIMIT));
    let p = r * expm1_over_r(r);
    let s = power_of_two(n);
    let far = (1.0 - s) - s * p;
    if n == 0 { -p } else { far }
}

/// [`fraction_lost`] for 0 <= x < [`NEAR`], the same number.
#[inline(always)]
pub fn fraction_lost_near(x: f32) -> f32 {
    x * expm1_over_r(-x)
}

/// `(1 - exp(-x))/x` for x >= 0, 1 at 0.
#[inline(always)]
pub fn phi(x: f32) -> f32 {
    // A NaN becomes 0; past the limit the exponential is nothing, and the quotient 1/x.
    let x = x.max(0.0).min(f32::MAX);
    let (n, r) = reduce(-x.min(EXP_LIMIT));
    let q = expm1_over_r(r);
    let s = power_of_two(n);
    // At n = 0 the reduced argument is -x itself, and the quotient is the polynomial. Both are computed, so that this
    // is a selection and not a branch.
    let far = ((1.0 - s) - s * (r * q)) / x;
    if n == 0 { q } else { far }
}

/// [`phi`] for 0 <= x < [`NEAR`], the same bits.
#[inline(always)]
pub fn phi_near(x: f32) -> f32 {
    expm1_over_r(-x)
}

/// Derivative of [`phi`], to the accuracy Newton's iteration needs: 3e-4.
#[inline(always)]
pub fn phi_slope(x: f32, phi: f32) -> f32 {
    // exp(-x) = 1 - x phi; the difference loses digits where x is small.
    let far = ((1.0 - x * phi) - phi) / x;
    if x < NEAR { phi_slope_near(x) } else { far }
}

/// [`phi_slope`] for 0 <= x < [`NEAR`], the same bits: the series, whose next term is x^4/144.
#[inline(always)]
pub fn phi_slope_near(x: f32) -> f32 {
    -0.5 + x * (0.333_333_34 - x * (0.125 - x * 0.033_333_335))
}

/// `(1 - phi(x))/x` for x >= 0, 1/2 at 0: what an exponential approach lacks, on average, of its end.
#[inline(always)]
pub fn phi_rest(x: f32, phi: f32) -> f32 {
    // The next term is x^6/40320.
    let near = 0.5
        - x * (0.166_666_67 - x * (0.041_666_668 - x * (0.008_333_334 - x * (0.001_388_888_9 - x * 0.000_198_412_7))));
    if x < NEAR { near } else { (1.0 - phi) / x }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest relative error of an f32 function over a logarithmic and a linear scan.
    fn worst(points: impl Iterator<Item = f32>, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        points.map(|x| ((f64::from(f(x)) - exact(f64::from(x))) / exact(f64::from(x))).abs()).fold(0.0, f64::max)
    }

    fn log_scan() -> impl Iterator<Item = f32> {
        (0..400_000).map(|i| 10f32.powf(-30.0 + i as f32 * (60.0 / 400_000.0)))
    }

    const ULP: f64 = 1.0 / 8_388_608.0;

    #[test]
    fn functions_are_accurate_relative_to_themselves() {
        let exp_error = worst((0..1_000_000).map(|i| -87.0 + i as f32 * 174e-6), exp, f64::exp);
        assert!(exp_error < 2.0 * ULP, "exp {exp_error:e}");
        let lost_error = worst(log_scan(), fraction_lost, |x| -(-x).exp_m1());
        assert!(lost_error < 2.0 * ULP, "fraction_lost {lost_error:e}");
        let phi_error = worst(log_scan(), phi, |x| if x < 1e-12 { 1.0 } else { -(-x).exp_m1() / x });
        assert!(phi_error < 3.0 * ULP, "phi {phi_error:e}");
        // 1 - phi has lost three bits where the series ends.
        let exact_rest = |x: f64| if x < 1e-3 { 0.5 - x / 6.0 + x * x / 24.0 } else { (1.0 - -(-x).exp_m1() / x) / x };
        let rest_error = worst(log_scan(), |x| phi_rest(x, phi(x)), exact_rest);
        assert!(rest_error < 16.0 * ULP, "phi_rest {rest_error:e}");
        // Control: the same measure sees the plain formula fail.
        assert!(worst(log_scan(), |x| 1.0 - (-x).exp(), |x| -(-x).exp_m1()) > 0.1);
    }

    #[test]
    fn ends_are_tame() {
        assert_eq!(phi(0.0), 1.0);
        assert_eq!(fraction_lost(0.0), 0.0);
        for x in [f32::NAN, f32::INFINITY, 1e30] {
            assert!(exp(x).is_finite() && phi(x).is_finite() && fraction_lost(x).is_finite());
        }
    }

    #[test]
    fn near_functions_are_the_same_function() {
        let near = (0..100_000).map(|i| i as f32 * (NEAR / 100_001.0)).chain([0.0, 1e-40, 1e-20, NEAR.next_down()]);
        for x in near {
            assert_eq!(phi(x).to_bits(), phi_near(x).to_bits(), "{x}");
            // But for the sign of 0.
            assert_eq!((fraction_lost(x) + 0.0).to_bits(), (fraction_lost_near(x) + 0.0).to_bits(), "{x}");
            assert_eq!(phi_slope(x, phi(x)).to_bits(), phi_slope_near(x).to_bits(), "{x}");
        }
        // Control: past ln(2)/2 they part.
        assert_ne!(phi(0.36), phi_near(0.36));
    }

    #[test]
    fn slope_is_good_enough_for_newton() {
        for i in 1..2000 {
            let x = i as f32 * 0.01;
            let exact = {
                let x = f64::from(x);
                ((-x).exp() - -(-x).exp_m1() / x) / x
            };
            assert!((f64::from(phi_slope(x, phi(x))) / exact - 1.0).abs() < 3e-4, "{x}");
        }
    }
}
