//! From numbers to places and colours on the page.

use plotters::style::{Color, RGBAColor, RGBColor};

pub(super) const INK: RGBColor = RGBColor(40, 40, 40);
pub(super) const GREY: RGBColor = RGBColor(110, 110, 110);

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
/// The path through the plasma colour map (N. Smith and S. van der Walt, 2015, CC0) is even to the eye and in grey; its
/// yellow end is left out because it fades on white. Neighbours differ by the same step whatever the temperatures are.
pub(super) fn temperature_colour(rank: usize, count: usize) -> RGBAColor {
    const END: f64 = 5.5 / 7.0;
    let along = if count < 2 { END / 2.0 } else { END * rank as f64 / (count - 1) as f64 };
    plasma(along).to_rgba()
}

/// The plasma colour map from 0 to 1, dark blue to yellow.
pub(super) fn plasma(part: f64) -> RGBColor {
    const PATH: [(f64, f64, f64); 8] = [
        (13.0, 8.0, 135.0),
        (83.0, 2.0, 163.0),
        (139.0, 10.0, 165.0),
        (184.0, 50.0, 137.0),
        (219.0, 92.0, 104.0),
        (244.0, 136.0, 73.0),
        (254.0, 189.0, 42.0),
        (240.0, 249.0, 33.0),
    ];
    mixed(&PATH, part)
}

/// From blue over white to red, white in the middle: for numbers to both sides of zero (colour-blind safe, after
/// ColorBrewer's RdBu).
pub(super) fn diverging(part: f64) -> RGBColor {
    const PATH: [(f64, f64, f64); 7] = [
        (33.0, 102.0, 172.0),
        (103.0, 169.0, 207.0),
        (209.0, 229.0, 240.0),
        (250.0, 250.0, 250.0),
        (253.0, 219.0, 199.0),
        (239.0, 138.0, 98.0),
        (178.0, 24.0, 43.0),
    ];
    mixed(&PATH, part)
}

fn mixed(path: &[(f64, f64, f64)], part: f64) -> RGBColor {
    let along = part.clamp(0.0, 1.0) * (path.len() - 1) as f64;
    let step = (along as usize).min(path.len() - 2);
    let part = along - step as f64;
    let (a, b) = (path[step], path[step + 1]);
    let mix = |a: f64, b: f64| (a + part * (b - a)).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// A colour of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// Of what is stated and not measured.
    pub const GREY: Colour = Colour(110, 110, 110);

    /// One of seven that colour-blind readers tell apart (M. Okabe and K. Ito, 2008, without its yellow).
    pub fn distinct(index: usize) -> Colour {
        const ALL: [Colour; 7] = [
            Colour(0, 114, 178),
            Colour(213, 94, 0),
            Colour(0, 158, 115),
            Colour(204, 121, 167),
            Colour(230, 159, 0),
            Colour(86, 180, 233),
            Colour(60, 60, 60),
        ];
        ALL[index % ALL.len()]
    }

    /// One of an ordered series, from the first (dark blue, cold) to the last (orange, hot).
    pub fn ordered(rank: usize, count: usize) -> Colour {
        let RGBAColor(r, g, b, _) = temperature_colour(rank, count);
        Colour(r, g, b)
    }

    /// As CSS has it: `#0072b2`.
    pub(super) fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    pub(super) fn rgba(self) -> RGBAColor {
        RGBColor(self.0, self.1, self.2).to_rgba()
    }
}

/// The stretches without a gap.
pub(super) fn runs<T: Copy>(places: &[Option<T>]) -> Vec<Vec<T>> {
    let stretches = places.split(Option::is_none).map(|run| run.iter().flatten().copied().collect::<Vec<T>>());
    stretches.filter(|run| !run.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
