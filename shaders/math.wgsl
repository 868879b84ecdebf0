// The f32 functions of the cell: the twin of crates/trapline-engine/src/backend/cpu/lanes.rs,
// same names and same order of steps. The built-in exp is
// not used: on some drivers it loses 4e-6, and 1 - exp(-x) all digits. Coefficients and limits come from the generated header.

struct Reduced {
    n: i32,
    r: f32,
}

// x = n ln 2 + r with |r| <= ln(2)/2; x within EXP_LIMIT.
fn reduce(x: f32) -> Reduced {
    // Adding 128.5 makes the truncation a rounding.
    let n = i32(x * LOG2_E + 128.5) - 128;
    let m = f32(n);
    return Reduced(n, (x - m * LN2_HIGH) - m * LN2_LOW);
}

fn expm1_over_r(r: f32) -> f32 {
    return ((((EXPM1_5 * r + EXPM1_4) * r + EXPM1_3) * r + EXPM1_2) * r + EXPM1_1) * r + EXPM1_0;
}

fn power_of_two(n: i32) -> f32 {
    return bitcast<f32>(u32(n + 127) << 23u);
}

fn exp_(x: f32) -> f32 {
    let a = reduce(min(max(x, -EXP_LIMIT), EXP_LIMIT));
    return power_of_two(a.n) * (a.r * expm1_over_r(a.r) + 1.0);
}

// Thermal escape in a cell whose dots are larger than the nominal ones by a factor exp(u), from the nominal cell's rate: the depth
// shifts by u (slope + curvature u), here over kT.
fn thermal_escape(nominal_rate: f32, slope: f32, curvature: f32, u: f32) -> f32 {
    return nominal_rate * exp_(-(u * (slope + curvature * u)));
}

// 1 - exp(-x) for x >= 0, accurate relative to itself. The select keeps the small branch free of the sum that a
// compiler may rearrange.
fn fraction_lost(x: f32) -> f32 {
    let a = reduce(-min(max(x, 0.0), EXP_LIMIT));
    let p = a.r * expm1_over_r(a.r);
    let s = power_of_two(a.n);
    return select((1.0 - s) - s * p, -p, a.n == 0);
}

// (1 - exp(-x))/x for x >= 0, 1 at 0.
fn phi(x: f32) -> f32 {
    let a = reduce(-min(max(x, 0.0), EXP_LIMIT));
    let q = expm1_over_r(a.r);
    let s = power_of_two(a.n);
    // Past the limit the exponential is nothing, and the quotient 1/x.
    return select(((1.0 - s) - s * (a.r * q)) / max(x, 0.25), q, a.n == 0);
}

// Derivative of phi, to the accuracy Newton's iteration needs: below NEAR a series.
fn phi_slope(x: f32, phi_x: f32) -> f32 {
    let near = -0.5 + x * (0.33333334 - x * (0.125 - x * 0.033333335));
    return select(((1.0 - x * phi_x) - phi_x) / max(x, NEAR), near, x < NEAR);
}

// (1 - phi(x))/x for x >= 0, 1/2 at 0.
fn phi_rest(x: f32, phi_x: f32) -> f32 {
    let near = 0.5
        - x * (0.16666667
            - x * (0.041666668 - x * (0.008333334 - x * (0.0013888889 - x * 0.0001984127))));
    return select((1.0 - phi_x) / max(x, NEAR), near, x < NEAR);
}
