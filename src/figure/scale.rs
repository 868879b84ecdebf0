//! From numbers to places and colours on the page.

use plotters::style::{Color, RGBAColor, RGBColor};

/// A linear map from a range of numbers to a range of places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Scale {
    pub(super) fn place(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }
}

/// The smallest range of whole decades around these positive numbers, as exponents of ten; a lone power of ten gets a decade
/// to either side.
pub(super) fn decades(values: impl Iterator<Item = f64>) -> Option<(i32, i32)> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter(|v| v.is_finite() && *v > 0.0) {
        low = low.min(value);
        high = high.max(value);
    }
    if low > high {
        return None;
    }
    // A thousandth of a decade beyond a tick is no reason for another.
    let low = (low.log10() + 1e-3).floor() as i32;
    let high = (high.log10() - 1e-3).ceil() as i32;
    Some(if low < high { (low, high) } else { (low - 1, low + 1) })
}

/// `10` with its exponent raised.
pub(super) fn power_of_ten(exponent: i32) -> String {
    let raised = exponent.to_string();
    let raised = raised.chars().map(|c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        _ => '⁰',
    });
    "10".chars().chain(raised).collect()
}

/// Colour of one of `count` temperatures, from the coldest to the hottest: dark blue over magenta to orange.
///
/// The path through the plasma colour map (N. Smith and S. van der Walt, 2015, CC0) is even to the eye and in grey; its yellow
/// end is left out because it fades on white. Neighbours differ by the same step whatever the temperatures are.
pub(super) fn temperature_colour(rank: usize, count: usize) -> RGBAColor {
    const PATH: [(f64, f64, f64); 7] = [
        (13.0, 8.0, 135.0),
        (83.0, 2.0, 163.0),
        (139.0, 10.0, 165.0),
        (184.0, 50.0, 137.0),
        (219.0, 92.0, 104.0),
        (244.0, 136.0, 73.0),
        (254.0, 189.0, 42.0),
    ];
    const END: f64 = 5.5;
    let along = if count < 2 { END / 2.0 } else { END * rank as f64 / (count - 1) as f64 };
    let step = (along as usize).min(PATH.len() - 2);
    let part = along - step as f64;
    let (a, b) = (PATH[step], PATH[step + 1]);
    let mix = |a: f64, b: f64| (a + part * (b - a)).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2)).to_rgba()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_cover_the_times() {
        assert_eq!(decades([0.0, 1.0, 1e5, 3.2e8].into_iter()), Some((0, 9)));
        assert_eq!(decades([0.3].into_iter()), Some((-1, 0)));
        assert_eq!(decades([100.0].into_iter()), Some((1, 3)));
        assert_eq!(decades([0.0, f64::NAN].into_iter()), None);
    }

    #[test]
    fn exponents_are_raised() {
        assert_eq!(power_of_ten(-12), "10⁻¹²");
        assert_eq!(power_of_ten(0), "10⁰");
    }

    #[test]
    fn colours_grow_lighter_with_temperature() {
        let light = |c: RGBAColor| 0.2126 * f64::from(c.0) + 0.7152 * f64::from(c.1) + 0.0722 * f64::from(c.2);
        for count in [2, 8, 30] {
            let path: Vec<f64> = (0..count).map(|i| light(temperature_colour(i, count))).collect();
            assert!(path.windows(2).all(|w| w[1] > w[0]), "{path:?}");
        }
    }
}
