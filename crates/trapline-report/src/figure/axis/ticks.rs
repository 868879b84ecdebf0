//! Round numbers for ticks, and how they are written.

use crate::figure::scale::power_of_ten;

pub(super) type Ticks = (Vec<(f64, String)>, Vec<f64>, i32);

/// Ticks a step of 1, 2 or 5 apart, smaller ones between them, and the power of ten taken out of their texts.
pub(super) fn round_ticks(low: f64, high: f64, most: f64) -> Ticks {
    let rough = (high - low) / most;
    let decade = 10_f64.powf(rough.log10().floor());
    let (factor, parts) = [(1.0, 5.0), (2.0, 4.0), (5.0, 5.0)]
        .into_iter()
        .find(|(factor, _)| factor * decade >= rough * (1.0 - 1e-9))
        .unwrap_or((10.0, 5.0));
    let step = factor * decade;
    let multiples = |step: f64| {
        let (first, last) = ((low / step - 1e-6).ceil(), (high / step + 1e-6).floor());
        // A range too narrow for its numbers has no ticks to tell apart.
        let count = if last - first < 1000.0 { (last - first + 1.0).max(0.0) as usize } else { 0 };
        (0..count).map(move |i| (first + i as f64) * step)
    };
    let size = low.abs().max(high.abs());
    let exponent = size.log10().floor() as i32;
    // What is smaller than 1e-300 has no reciprocal.
    let power = if (-2..=4).contains(&exponent) { 0 } else { (exponent.div_euclid(3) * 3).max(-300) };
    let unit = 10_f64.powi(power);
    let decimals = (-(step / unit).log10().floor()).clamp(0.0, 9.0) as usize;
    let text = |at: f64| {
        let text = format!("{:.decimals$}", at / unit);
        if text.starts_with('-') && !text.contains(|c: char| ('1'..='9').contains(&c)) {
            text[1..].to_owned()
        } else {
            text.replace('-', "−")
        }
    };
    (multiples(step).map(|at| (at, text(at))).collect(), multiples(step / parts).collect(), power)
}

/// `2`, `0.05`, `10⁻⁹` or `5×10⁻⁹`.
pub(super) fn digits_and_power(digit: i32, exponent: i32) -> String {
    match (digit, exponent) {
        (_, 0..=3) => format!("{digit}{}", "0".repeat(exponent as usize)),
        (_, -3..=-1) => format!("0.{}{digit}", "0".repeat((-exponent - 1) as usize)),
        (1, _) => power_of_ten(exponent),
        _ => format!("{digit}×{}", power_of_ten(exponent)),
    }
}
