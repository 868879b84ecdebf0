//! Axes: ranges from data, round ticks, and their drawing around a frame.

use plotters::backend::DrawingBackend;

use super::canvas::{Anchor, Drawn, Page, fitted, text_width};
use super::frame::Frame;
use super::scale::{GREY, INK, Scale, power_of_ten};
use plotters::style::{Color, WHITE};
use trapline_model::units::YEAR_S;

pub(super) const SMALL: f64 = 9.5;
pub(super) const TEXT: f64 = 11.0;

/// What is drawn along one side of a chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// With the unit in brackets: `bias (V)`.
    pub label: String,
    /// Logarithmic: only numbers above zero have a place on it.
    pub log: bool,
    /// Ends, in the axis' unit; from the data where there are none, or where they are not in order (or not positive,
    /// on a logarithmic axis).
    pub range: Option<(f64, f64)>,
    /// Numbers with a name, in rising order. Those of the axis along the bottom are marked along the top, those of the
    /// axis on the left along the right, as far as their names do not overlap.
    pub named: Vec<(f64, String)>,
    /// Ticks in the place of round ones, in rising order, for axes whose numbers are not what they are called: 1 % at
    /// ln(-ln(0.99)). One without a text is small; of texts that are too close to each other, some are left out.
    pub ticks: Vec<(f64, String)>,
    /// What its numbers are to a reader.
    pub reading: Reading,
}

/// What the numbers of an axis are to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// What they say.
    #[default]
    Plain,
    /// `ln(-ln(1 - F))` of a share `F`, which is what is told.
    WeibullShare,
    /// `1000/T`, with `T` in K; the temperature in °C is told beside it.
    InverseKelvin,
}

impl Reading {
    /// The number that a table has for this one.
    pub(super) fn tabled(self, number: f64) -> f64 {
        match self {
            Reading::WeibullShare => -libm::expm1(-libm::exp(number)),
            Reading::Plain | Reading::InverseKelvin => number,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Reading::Plain => "plain",
            Reading::WeibullShare => "weibull share",
            Reading::InverseKelvin => "inverse kelvin",
        }
    }
}

impl Axis {
    /// A linear axis that fits its data.
    pub fn linear(label: impl Into<String>) -> Axis {
        Axis { label: label.into(), ..Axis::default() }
    }

    /// A logarithmic one.
    pub fn log(label: impl Into<String>) -> Axis {
        Axis { label: label.into(), log: true, ..Axis::default() }
    }

    /// A logarithmic one of times in seconds, which also names minutes to years.
    pub fn time(label: impl Into<String>) -> Axis {
        let named = [(60.0, "1 min"), (3600.0, "1 h"), (86_400.0, "1 d"), (YEAR_S, "1 y"), (10.0 * YEAR_S, "10 y")];
        Axis::log(label).naming(named)
    }

    /// The same axis with these ends.
    pub fn within(self, low: f64, high: f64) -> Axis {
        Axis { range: Some((low, high)), ..self }
    }

    /// The same axis with these numbers named.
    pub fn naming<S: Into<String>>(self, named: impl IntoIterator<Item = (f64, S)>) -> Axis {
        Axis { named: named.into_iter().map(|(at, name)| (at, name.into())).collect(), ..self }
    }

    /// The same axis with numbers that are something else to a reader.
    pub fn read_as(self, reading: Reading) -> Axis {
        Axis { reading, ..self }
    }

    /// The same axis with these ticks.
    pub fn ticked<S: Into<String>>(self, ticks: impl IntoIterator<Item = (f64, S)>) -> Axis {
        Axis { ticks: ticks.into_iter().map(|(at, text)| (at, text.into())).collect(), ..self }
    }
}

/// Space that a panel needs around its frame.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Margins {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// Ends and ticks of an axis, before it has a place on the page.
#[derive(Debug, Clone)]
pub(super) struct Ruler {
    low: f64,
    high: f64,
    log: bool,
    pub(super) majors: Vec<(f64, String)>,
    minors: Vec<f64>,
    named: Vec<(f64, String)>,
    /// Power of ten by which the numbers at the ticks are to be multiplied.
    pub(super) power: i32,
}

impl Ruler {
    /// For an axis of this many points, with a tick text every `apart` points at most.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>, length: f64, apart: f64) -> Ruler {
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
    pub(super) fn scale(&self, from: f64, to: f64) -> Placed {
        Placed { scale: Scale { low: self.low, high: self.high, from, to }, log: self.log }
    }

    /// What a page must know to tell a number from a place: ends of the axis as they are seen on it.
    pub(super) fn told(&self, axis: &Axis) -> serde_json::Value {
        let reading = axis.reading.name();
        serde_json::json!({
            "label": axis.label, "low": self.low, "high": self.high, "log": self.log, "reading": reading,
        })
    }

    /// The named numbers whose names, written side by side, do not overlap between these two places: where each lies, and
    /// its name.
    fn apart(&self, from: f64, to: f64) -> Vec<(f64, &str)> {
        self.chosen(from, to, 5.0, |name| text_width(name, SMALL) / 2.0)
    }

    /// The same of names that are written above one another, from the lower place to the upper one.
    fn above_one_another(&self, bottom: f64, top: f64) -> Vec<(f64, &str)> {
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
    pub(super) fn beside(&self) -> f64 {
        let widest = self.named.iter().map(|(_, name)| text_width(name, SMALL)).fold(0.0, f64::max);
        if self.named.is_empty() { 0.0 } else { 7.0 + widest }
    }

    pub(super) fn widest(&self) -> f64 {
        self.majors.iter().map(|(_, text)| text_width(text, TEXT)).fold(0.0, f64::max)
    }
}

/// A ruler on the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    scale: Scale,
    log: bool,
}

impl Placed {
    /// Where a number lies; nowhere if it has no place on this axis.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let value = if self.log && value <= 0.0 { f64::NAN } else { value };
        let view = if self.log { value.log10() } else { value };
        // Far outside is as good as a little outside, and keeps lines to it drawable.
        let place = self.scale.place(view);
        place.is_finite().then(|| place.clamp(-1e5, 1e5))
    }
}

/// Whether a number has a place on an axis; beyond 1e300 differences overflow.
pub(super) fn drawable(value: f64, log: bool) -> bool {
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

type Ticks = (Vec<(f64, String)>, Vec<f64>, i32);

/// Ticks a step of 1, 2 or 5 apart, smaller ones between them, and the power of ten taken out of their texts.
fn round_ticks(low: f64, high: f64, most: f64) -> Ticks {
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
fn digits_and_power(digit: i32, exponent: i32) -> String {
    match (digit, exponent) {
        (_, 0..=3) => format!("{digit}{}", "0".repeat(exponent as usize)),
        (_, -3..=-1) => format!("0.{}{digit}", "0".repeat((-exponent - 1) as usize)),
        (1, _) => power_of_ten(exponent),
        _ => format!("{digit}×{}", power_of_ten(exponent)),
    }
}

/// What axes need outside their frame.
pub(super) fn margins(x: &Ruler, y: &Ruler, x_label: &str, y_label: &str) -> Margins {
    let label = |text: &str| if text.is_empty() { 0.0 } else { TEXT + 7.0 };
    let last = x.majors.last().map_or(0.0, |(_, text)| text_width(text, TEXT) / 2.0);
    Margins {
        left: 10.0 + y.widest() + label(y_label),
        right: last.max(8.0).max(y.beside() + 2.0),
        top: if y.power == 0 { 6.0 } else { 20.0 } + if x.named.is_empty() { 0.0 } else { SMALL + 6.0 },
        bottom: 10.0 + TEXT + label(x_label).max(if x.power == 0 { 0.0 } else { TEXT + 4.0 }),
    }
}

/// The frame, its ticks to the inside, numbers and labels to the outside.
pub(super) fn draw<DB: DrawingBackend>(
    page: &Page<'_, DB>,
    frame: &Frame,
    (x, x_label): (&Ruler, &str),
    (y, y_label): (&Ruler, &str),
) -> Drawn {
    let ink = INK.to_rgba();
    let (along, up) = (x.scale(frame.left, frame.right).scale, y.scale(frame.bottom, frame.top).scale);
    let Frame { left, right, top, bottom } = *frame;
    for (ticks, length, width) in [(&x.minors, 2.5, 0.5), (&firsts(&x.majors), 5.0, 0.8)] {
        for at in ticks.iter().map(|&at| along.place(at)) {
            page.line(&[(at, bottom), (at, bottom - length)], ink, width)?;
            page.line(&[(at, top), (at, top + length)], ink, width)?;
        }
    }
    for (ticks, length, width) in [(&y.minors, 2.5, 0.5), (&firsts(&y.majors), 5.0, 0.8)] {
        for at in ticks.iter().map(|&at| up.place(at)) {
            page.line(&[(left, at), (left + length, at)], ink, width)?;
            page.line(&[(right, at), (right - length, at)], ink, width)?;
        }
    }
    page.line(&frame.corners(), ink, 0.9)?;
    for (at, text) in &x.majors {
        page.text(text, (along.place(*at), bottom + 5.0), TEXT, Anchor::Below, ink)?;
    }
    for (at, text) in &y.majors {
        page.text(text, (left - 5.0, up.place(*at)), TEXT, Anchor::Right, ink)?;
    }
    for (at, name) in x.apart(left, right) {
        page.line(&[(at, top), (at, top - 3.5)], GREY.to_rgba(), 0.8)?;
        page.text(name, (at, top - 5.0 - SMALL / 2.0), SMALL, Anchor::Centre, GREY.to_rgba())?;
    }
    for (at, name) in y.above_one_another(bottom, top) {
        page.line(&[(right, at), (right + 3.5, at)], GREY.to_rgba(), 0.8)?;
        page.text(name, (right + 6.0, at), SMALL, Anchor::Left, GREY.to_rgba())?;
    }
    if y.power != 0 {
        let top = if x.named.is_empty() { top } else { top - SMALL - 6.0 };
        page.text(&format!("×{}", power_of_ten(y.power)), (left, top - 9.0), SMALL, Anchor::Left, ink)?;
    }
    let below = bottom + TEXT + 12.0;
    if x.power != 0 {
        page.text(&format!("×{}", power_of_ten(x.power)), (right, below + 6.0), SMALL, Anchor::Right, ink)?;
    }
    let middle = frame.middle();
    label(page, x_label, (middle.0, below), right - left + 70.0, Anchor::Below)?;
    label(page, y_label, (left - y.widest() - 10.0 - TEXT / 2.0, middle.1), bottom - top + 70.0, Anchor::Turned)
}

/// The label of an axis, in letters so small that it is no longer than this, as far as they can be read.
pub(super) fn label<DB: DrawingBackend>(
    page: &Page<'_, DB>,
    text: &str,
    at: (f64, f64),
    room: f64,
    anchor: Anchor,
) -> Drawn {
    const LEAST: f64 = 0.6 * TEXT;
    let size = (TEXT * room / text_width(text, TEXT).max(1.0)).clamp(LEAST, TEXT);
    page.text(&fitted(text, size, room), at, size, anchor, INK.to_rgba())
}

fn firsts(ticks: &[(f64, String)]) -> Vec<f64> {
    ticks.iter().map(|(at, _)| *at).collect()
}

/// Words in the middle of an empty frame.
pub(super) fn say<DB: DrawingBackend>(page: &Page<'_, DB>, frame: &Frame, words: &str) -> Drawn {
    let ((x, y), half) = (frame.middle(), text_width(words, TEXT) / 2.0 + 3.0);
    // No line runs through the words.
    page.block((x - half, y - TEXT), (x + half, y + TEXT), WHITE.to_rgba())?;
    page.text(words, (x, y), TEXT, Anchor::Centre, GREY.to_rgba())
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
