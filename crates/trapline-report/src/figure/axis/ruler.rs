//! An axis of a certain length: the ends that its data give it, its ticks and names, and the places of numbers on it.

use super::ticks::{digits_and_power, round_ticks};
use super::{Axis, SMALL, TEXT};
use crate::figure::canvas::text_width;
use crate::figure::scale::{Scale, power_of_ten};

/// Ends and ticks of an axis, before it has a place on the page.
#[derive(Debug, Clone)]
pub(in crate::figure) struct Ruler {
    low: f64,
    high: f64,
    log: bool,
    pub(in crate::figure) majors: Vec<(f64, String)>,
    pub(super) minors: Vec<f64>,
    pub(super) named: Vec<(f64, String)>,
    /// Power of ten by which the numbers at the ticks are to be multiplied.
    pub(in crate::figure) power: i32,
}

impl Ruler {
    /// For an axis of this many points, with a tick text every `apart` points at most.
    pub(in crate::figure) fn new(axis: &Axis, values: impl Iterator<Item = f64>, length: f64, apart: f64) -> Ruler {
        let fits = |v: f64| drawable(v, axis.log);
        let view = |v: f64| if axis.log { v.log10() } else { v };
        let given = axis.range.filter(|&(a, b)| fits(a) && fits(b) && view(a) < view(b));
        let (low, high) = match given {
            Some((low, high)) => (view(low), view(high)),
            None => around(values.filter(|&v| fits(v)).map(view), axis.log),
        };
        let most = (length / apart).floor().max(2.0);
        let inside = |at: f64| (low..=high).contains(&at);
        let named = axis.named.iter().filter(|(v, _)| fits(*v)).map(|(v, name)| (view(*v), name.clone()));
        let named = named.filter(|(at, _)| inside(*at)).collect();
        let mut ruler = Ruler { low, high, log: axis.log, majors: Vec::new(), minors: Vec::new(), named, power: 0 };
        if !axis.ticks.is_empty() {
            let ticks = axis.ticks.iter().filter(|(v, _)| fits(*v)).map(|(v, text)| (view(*v), &text[..]));
            ruler.given(ticks.filter(|(at, _)| inside(*at)), 0.55 * apart * (high - low) / length);
        } else if axis.log {
            ruler.decades(most);
        } else {
            (ruler.majors, ruler.minors, ruler.power) = round_ticks(low, high, most);
        }
        ruler
    }

    /// Ticks with a text where they are so far from the last one, small ones elsewhere.
    fn given<'a>(&mut self, ticks: impl Iterator<Item = (f64, &'a str)>, apart: f64) {
        let mut free = f64::NEG_INFINITY;
        for (at, text) in ticks {
            if text.is_empty() || at < free {
                self.minors.push(at);
            } else {
                self.majors.push((at, text.to_owned()));
                free = at + apart;
            }
        }
    }

    fn decades(&mut self, most: f64) {
        let (low, high) = (self.low, self.high);
        // A hair beyond the ends, so that a range of round numbers shows them.
        let slack = 1e-9 * (high - low);
        let inside = |v: f64| (low - slack..=high + slack).contains(&v);
        let exponents = low.floor() as i32..=high.ceil() as i32;
        let steps = |digits: &'static [i32]| {
            exponents
                .clone()
                .flat_map(move |e| digits.iter().map(move |&d| (d, e, f64::from(d).log10() + f64::from(e))))
        };
        self.minors = steps(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).map(|(_, _, at)| at).filter(|&at| inside(at)).collect();
        if high - low < 2.0 {
            let named = steps(&[1, 2, 5]).filter(|&(_, _, at)| inside(at));
            self.majors = named.map(|(digit, exponent, at)| (at, digits_and_power(digit, exponent))).collect();
            if self.majors.len() < 2 {
                let (majors, _, power) = round_ticks(10_f64.powf(low), 10_f64.powf(high), most.min(4.0));
                let majors = majors.into_iter().map(|(at, text)| (at.log10(), text));
                (self.majors, self.power) = (majors.filter(|(at, _)| inside(*at)).collect(), power);
                self.minors.clear();
            }
            return;
        }
        let all: Vec<i32> = exponents.filter(|&e| inside(f64::from(e))).collect();
        let every = (all.len() as f64 / most).ceil().max(1.0) as i32;
        if every > 1 {
            self.minors = all.iter().map(|&e| f64::from(e)).collect();
        }
        // Few and near 1, they are plain numbers.
        let plain = all.iter().all(|e| (-2..=3).contains(e));
        let text = |e: i32| if plain { digits_and_power(1, e) } else { power_of_ten(e) };
        let named = |every: i32| all.iter().copied().filter(move |e| e.rem_euclid(every) == 0);
        // One number alone tells no scale.
        let every = if named(every).count() < 2 { 1 } else { every };
        self.majors = named(every).map(|e| (f64::from(e), text(e))).collect();
    }

    /// This axis between two places on the page.
    pub(in crate::figure) fn scale(&self, from: f64, to: f64) -> Placed {
        Placed { scale: Scale { low: self.low, high: self.high, from, to }, log: self.log }
    }

    /// What a page must know to tell a number from a place: ends of the axis as they are seen on it.
    pub(in crate::figure) fn told(&self, axis: &Axis) -> serde_json::Value {
        let reading = axis.reading.name();
        serde_json::json!({
            "label": axis.label, "low": self.low, "high": self.high, "log": self.log, "reading": reading,
        })
    }

    /// The named numbers whose names, written side by side, do not overlap between these two places: where each lies,
    /// and its name.
    pub(super) fn apart(&self, from: f64, to: f64) -> Vec<(f64, &str)> {
        self.chosen(from, to, 5.0, |name| text_width(name, SMALL) / 2.0)
    }

    /// The same of names that are written above one another, from the lower place to the upper one.
    pub(super) fn above_one_another(&self, bottom: f64, top: f64) -> Vec<(f64, &str)> {
        let mirrored = self.chosen(-bottom, -top, 1.0, |_| SMALL / 2.0);
        mirrored.into_iter().map(|(at, name)| (-at, name)).collect()
    }

    fn chosen(&self, from: f64, to: f64, gap: f64, half: impl Fn(&str) -> f64) -> Vec<(f64, &str)> {
        let scale = self.scale(from, to).scale;
        let mut free = f64::NEG_INFINITY;
        let mut chosen = Vec::new();
        for (at, name) in &self.named {
            let (at, half) = (scale.place(*at), half(name));
            if at - half >= free {
                free = at + half + gap;
                chosen.push((at, &name[..]));
            }
        }
        chosen
    }

    /// Room that names need beside the frame.
    pub(in crate::figure) fn beside(&self) -> f64 {
        let widest = self.named.iter().map(|(_, name)| text_width(name, SMALL)).fold(0.0, f64::max);
        if self.named.is_empty() { 0.0 } else { 7.0 + widest }
    }

    pub(in crate::figure) fn widest(&self) -> f64 {
        self.majors.iter().map(|(_, text)| text_width(text, TEXT)).fold(0.0, f64::max)
    }
}

/// A ruler on the page.
#[derive(Debug, Clone, Copy)]
pub(in crate::figure) struct Placed {
    pub(super) scale: Scale,
    log: bool,
}

impl Placed {
    /// Where a number lies; nowhere if it has no place on this axis.
    pub(in crate::figure) fn place(&self, value: f64) -> Option<f64> {
        let value = if self.log && value <= 0.0 { f64::NAN } else { value };
        let view = if self.log { value.log10() } else { value };
        // Far outside is as good as a little outside, and keeps lines to it drawable.
        let place = self.scale.place(view);
        place.is_finite().then(|| place.clamp(-1e5, 1e5))
    }
}

/// Whether a number has a place on an axis; beyond 1e300 differences overflow.
pub(in crate::figure) fn drawable(value: f64, log: bool) -> bool {
    value.abs() <= 1e300 && (!log || value > 0.0)
}

/// Ends that hold these numbers with a little room.
fn around(values: impl Iterator<Item = f64>, log: bool) -> (f64, f64) {
    let ends = values.fold(None, |ends: Option<(f64, f64)>, v| {
        let (low, high) = ends.unwrap_or((v, v));
        Some((low.min(v), high.max(v)))
    });
    let Some((low, high)) = ends else {
        return (0.0, 1.0);
    };
    if high - low <= 1e-12 * low.abs().max(high.abs()) {
        let room = if log {
            0.5
        } else if low == 0.0 {
            1.0
        } else {
            0.1 * low.abs()
        };
        return (low - room, high + room);
    }
    let room = 0.04 * (high - low);
    // Numbers from zero up start at the frame.
    (if low == 0.0 && !log { 0.0 } else { low - room }, high + room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis, values: &[f64]) -> (Vec<String>, i32) {
        let ruler = Ruler::new(axis, values.iter().copied(), 200.0, 40.0);
        (ruler.majors.into_iter().map(|(_, text)| text).collect(), ruler.power)
    }

    #[test]
    fn linear_ticks_are_round() {
        let linear = Axis::linear("x");
        let cases: [(&[f64], &[&str], i32); 4] = [
            (&[0.0, 1.0], &["0.0", "0.5", "1.0"], 0),
            (&[-5.0, 5.0], &["−5", "0", "5"], 0),
            (&[0.0, 4.2e-9], &["0", "1", "2", "3", "4"], -9),
            (&[], &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], 0),
        ];
        for (values, expected, power) in cases {
            assert_eq!(texts(&linear, values), (expected.iter().map(|&s| s.to_owned()).collect(), power), "{values:?}");
        }
    }

    #[test]
    fn logarithmic_ticks_are_decades_or_parts_of_one() {
        let log = Axis::log("x");
        assert_eq!(texts(&log, &[-1.0, 0.0, 1e-12, 1e-9, f64::NAN]).0, ["10⁻¹²", "10⁻¹¹", "10⁻¹⁰", "10⁻⁹"]);
        assert_eq!(texts(&log, &[1e-9, 3e-8]).0, ["10⁻⁹", "2×10⁻⁹", "5×10⁻⁹", "10⁻⁸", "2×10⁻⁸"]);
        assert_eq!(texts(&log, &[0.3, 4.0]).0, ["0.5", "1", "2"]);
        // Less than two of 1, 2 and 5: round numbers instead.
        assert!(texts(&log.clone().within(3.0, 4.0), &[]).0.len() > 1);
        assert!(texts(&log.within(1e-30, 1e30), &[]).0.len() <= 5);
    }

    #[test]
    fn names_that_overlap_are_left_out() {
        let named = [(-1.0, "never"), (1e-9, "far"), (60.0, "1 min"), (3600.0, "1 h"), (86_400.0, "1 d")];
        let names = |low: f64, high: f64| {
            let ruler = Ruler::new(&Axis::log("t").within(low, high).naming(named), std::iter::empty(), 300.0, 40.0);
            ruler.apart(50.0, 350.0).into_iter().map(|(_, name)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(1.0, 1e6), ["1 min", "1 h", "1 d"]);
        assert_eq!(names(1e3, 1e4), ["1 h"]);
        // However long the axis, some stay.
        assert_eq!(names(1e-20, 1e20), ["far", "1 min", "1 d"]);
        assert!(names(1e6, 1e7).is_empty());
        // Above one another they need their height alone, in the order of the axis.
        let ruler = Ruler::new(&Axis::log("t").within(1.0, 1e6).naming(named), std::iter::empty(), 300.0, 40.0);
        let found = ruler.above_one_another(250.0, 50.0);
        assert_eq!(found.iter().map(|of| of.1).collect::<Vec<_>>(), ["1 min", "1 h", "1 d"]);
        assert!(found.windows(2).all(|two| two[1].0 < two[0].0 - SMALL) && ruler.beside() > 20.0, "{found:?}");
    }
}
