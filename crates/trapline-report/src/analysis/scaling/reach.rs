//! Where a figure over sizes meets a limit.

use serde::Serialize;
use trapline_model::protocol::LimitFile;

/// How far the sizes go that keep to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// To a size between two computed ones: the last that keeps to it, and the first that does not.
    To { size: f64, keeps: f64, fails: f64 },
    /// All that were computed: this is the last.
    All { size: f64 },
    /// To the last size before one of which the figure is not known.
    Known { size: f64, unknown: f64 },
    /// None that was computed: this is the first.
    None { size: f64 },
    /// The figure is not known at the first size.
    Unknown,
}

impl Reach {
    /// A size to sort by, of arrays (`rising`) or of cells: what is not known comes first, and where no size keeps to the
    /// limit it is beyond all of them.
    pub fn at(&self, rising: bool) -> f64 {
        match *self {
            Reach::To { size, .. } | Reach::All { size } | Reach::Known { size, .. } => size,
            Reach::None { size } if rising => 0.5 * size,
            Reach::None { .. } => f64::INFINITY,
            Reach::Unknown => f64::NEG_INFINITY,
        }
    }

    /// The size, where it is known that sizes up to it keep to the limit.
    pub fn size(&self) -> Option<f64> {
        match *self {
            Reach::To { size, .. } | Reach::All { size } | Reach::Known { size, .. } => Some(size),
            Reach::None { .. } | Reach::Unknown => None,
        }
    }
}

/// From the smallest size on where `rising`, else from the largest. `sizes` ascend.
pub(super) fn reach(sizes: &[f64], values: &[f64], limit: &LimitFile, rising: bool) -> Reach {
    let mut places: Vec<usize> = (0..sizes.len()).collect();
    if !rising {
        places.reverse();
    }
    let mut before: Option<usize> = None;
    for place in places {
        let value = values[place];
        if value.is_nan() {
            // Beyond it nothing is known.
            let known = |last: usize| Reach::Known { size: sizes[last], unknown: sizes[place] };
            return before.map_or(Reach::Unknown, known);
        }
        if !limit.holds(value) {
            return match before {
                None => Reach::None { size: sizes[place] },
                Some(last) => {
                    let size = between((sizes[last], values[last]), (sizes[place], value), limit.bound());
                    Reach::To { size, keeps: sizes[last], fails: sizes[place] }
                }
            };
        }
        before = Some(place);
    }
    before.map_or(Reach::Unknown, |last| Reach::All { size: sizes[last] })
}

/// The size at which a straight line through two points has a value; the logarithm of sizes, and of values where all are
/// positive.
fn between((size_a, a): (f64, f64), (size_b, b): (f64, f64), value: f64) -> f64 {
    let log = a > 0.0 && b > 0.0 && value > 0.0 && a.is_finite() && b.is_finite();
    let of = |x: f64| if log { x.ln() } else { x };
    let share = (of(value) - of(a)) / (of(b) - of(a));
    // An infinite value leaves the size that keeps to the limit.
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    // The size that keeps to the limit is known: rounding takes nothing from it and adds nothing to it.
    if share == 0.0 {
        return size_a;
    }
    let size = (size_a.ln() + share * (size_b.ln() - size_a.ln())).exp();
    if size_a < size_b { size.max(size_a) } else { size.min(size_a) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(at_least: Option<f64>, at_most: Option<f64>) -> LimitFile {
        LimitFile { of: "margin_worst".to_owned(), at_least, at_most }
    }

    /// A margin of 1/(1 + N/10) is a tenth at 90.
    #[test]
    fn a_power_law_is_met_where_it_is() {
        let sizes = [16.0, 64.0, 256.0];
        let found = reach(&sizes, &sizes.map(|n: f64| n.powf(-0.8)), &limit(Some(100f64.powf(-0.8)), None), true);
        let Reach::To { size, keeps, fails } = found else { panic!("{found:?}") };
        assert!((size / 100.0 - 1.0).abs() < 1e-12 && (keeps, fails) == (64.0, 256.0));
        // From the other side, a cell: the error falls as it grows.
        let errors = sizes.map(|side: f64| 1.0 / side);
        let found = reach(&sizes, &errors, &limit(None, Some(0.01)), false);
        let Reach::To { size, keeps, fails } = found else { panic!("{found:?}") };
        assert!((size / 100.0 - 1.0).abs() < 1e-12 && (keeps, fails) == (256.0, 64.0));
    }

    /// What was computed and keeps to a limit is the answer where nothing lies between it and the bound: of a count
    /// of none at most, and where the next value is infinite. `exp(ln(14))` is 13.999999999999996.
    #[test]
    fn a_computed_size_loses_no_line() {
        for keeps in 2..2000 {
            let sizes = [f64::from(keeps), 3.0 * f64::from(keeps)];
            for (values, rising) in [([0.0, 3.0], true), ([0.0, f64::INFINITY], true), ([3.0, 0.0], false)] {
                let found = reach(&sizes, &values, &limit(None, Some(0.0)), rising);
                let Reach::To { size, keeps, .. } = found else { panic!("{found:?}") };
                assert_eq!(size, keeps, "{values:?}");
            }
        }
        assert!(14f64.ln().exp() < 14.0 && 3f64.ln().exp() > 3.0, "control: rounding goes both ways");
    }

    #[test]
    fn nothing_is_said_beyond_what_was_computed() {
        let sizes = [16.0, 64.0, 256.0];
        let at = |values: [f64; 3]| reach(&sizes, &values, &limit(Some(0.1), None), true);
        assert_eq!(at([0.9, 0.8, 0.7]), Reach::All { size: 256.0 });
        assert_eq!(at([0.05, 0.01, 0.7]), Reach::None { size: 16.0 });
        assert_eq!(at([f64::NAN, 0.8, 0.7]), Reach::Unknown);
        assert_eq!(at([0.9, f64::NAN, 0.0]), Reach::Known { size: 16.0, unknown: 64.0 });
        // It keeps to the limit up to the first size that does not, whatever comes later.
        assert!(matches!(at([0.9, 0.0, 0.9]), Reach::To { keeps: 16.0, fails: 64.0, .. }));
        assert_eq!(reach(&[], &[], &limit(Some(0.1), None), true), Reach::Unknown);
    }
}
