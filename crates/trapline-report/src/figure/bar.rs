//! Colours for numbers, and the bar beside a picture that tells which is which.

use plotters::backend::DrawingBackend;
use plotters::style::{Color, RGBColor};

use super::axis::{Axis, Ruler, SMALL, TEXT, drawable, label};
use super::canvas::{Anchor, Drawn, Page};
use super::frame::Frame;
use super::scale::{INK, diverging, plasma, power_of_ten};

/// A range of numbers in colours: dark blue to yellow, or blue over white to red where zero is in its middle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colours {
    /// Ends; logarithms on a logarithmic scale.
    low: f64,
    high: f64,
    log: bool,
    signed: bool,
}

/// Numbers that differ by less, of themselves, have one colour: a bar between them would have one number twice.
const ALIKE: f64 = 1e-6;

impl Colours {
    /// Between these ends; from the values where there are none.
    pub(super) fn new(values: impl Iterator<Item = f64>, range: Option<(f64, f64)>, log: bool) -> Colours {
        let fits = |v: f64| drawable(v, log);
        let view = |v: f64| if log { v.log10() } else { v };
        let given = range.filter(|&(a, b)| fits(a) && fits(b) && a < b);
        let ends = values.filter(|&v| fits(v)).fold(None, |ends: Option<(f64, f64)>, v| {
            let (low, high) = ends.unwrap_or((v, v));
            Some((low.min(v), high.max(v)))
        });
        let (mut low, mut high) = given.or(ends).unwrap_or(if log { (1.0, 10.0) } else { (0.0, 1.0) });
        if high - low <= ALIKE * low.abs().max(high.abs()) {
            // One number has no range: a colour from the middle. So do numbers that differ by their rounding.
            (low, high) = if log {
                (low / 2.0, high * 2.0)
            } else {
                (low - 0.5 * low.abs().max(1e-300), high + 0.5 * high.abs().max(1e-300))
            };
        }
        let signed = !log && low < 0.0 && high > 0.0;
        if signed {
            high = high.max(-low);
            low = -high;
        }
        Colours { low: view(low), high: view(high), log, signed }
    }

    /// None for what has no place on the scale.
    pub(super) fn of(&self, value: f64) -> Option<RGBColor> {
        let fits = drawable(value, self.log);
        let view = if self.log { value.log10() } else { value };
        fits.then(|| self.at(((view - self.low) / (self.high - self.low)).clamp(0.0, 1.0)))
    }

    fn at(&self, part: f64) -> RGBColor {
        // Steps too small to see, so that neighbours of one colour are drawn as one.
        let part = (part * 250.0).round() / 250.0;
        if self.signed { diverging(part) } else { plasma(part) }
    }

    /// The bar for a picture of this height.
    pub(super) fn bar(&self, label: &str, height: f64) -> Bar {
        let ends = [self.low, self.high].map(|end| if self.log { 10_f64.powf(end) } else { end });
        let axis = Axis { log: self.log, range: Some((ends[0], ends[1])), ..Axis::default() };
        // A low bar has its ticks nearer to each other, for one alone tells no scale.
        let apart = (height / 5.0).clamp(TEXT + 2.0, 28.0);
        Bar { colours: *self, ruler: Ruler::new(&axis, std::iter::empty(), height, apart), label: label.to_owned() }
    }
}

const WIDTH: f64 = 11.0;
/// Between the picture and the bar.
const GAP: f64 = 10.0;

pub(super) struct Bar {
    colours: Colours,
    ruler: Ruler,
    label: String,
}

impl Bar {
    /// Of all that stands beside the picture.
    pub(super) fn width(&self) -> f64 {
        let label = if self.label.is_empty() { 0.0 } else { TEXT + 8.0 };
        GAP + WIDTH + 6.0 + self.ruler.widest() + label
    }

    /// Room that it needs above the picture.
    pub(super) fn above(&self) -> f64 {
        if self.ruler.power == 0 { 0.0 } else { 12.0 }
    }

    pub(super) fn draw<DB: DrawingBackend>(&self, page: &Page<'_, DB>, frame: &Frame) -> Drawn {
        let (ink, Colours { low, high, .. }) = (INK.to_rgba(), self.colours);
        let bar = Frame { left: frame.right + GAP, right: frame.right + GAP + WIDTH, ..*frame };
        let height = bar.bottom - bar.top;
        let steps = (height * 2.0).ceil().min(250.0);
        for step in 0..steps as usize {
            let part = (step as f64 + 0.5) / steps;
            let top = bar.bottom - height * (step as f64 + 1.0) / steps;
            let bottom = (bar.bottom - height * step as f64 / steps + 0.5).min(bar.bottom);
            page.block((bar.left, top), (bar.right, bottom), self.colours.at(part).to_rgba())?;
        }
        page.line(&bar.corners(), ink, 0.7)?;
        for (view, text) in &self.ruler.majors {
            let at = bar.bottom - height * (view - low) / (high - low);
            page.line(&[(bar.right, at), (bar.right + 3.0, at)], ink, 0.7)?;
            page.text(text, (bar.right + 5.5, at), TEXT, Anchor::Left, ink)?;
        }
        if self.ruler.power != 0 {
            let text = format!("×{}", power_of_ten(self.ruler.power));
            page.text(&text, (bar.left, bar.top - 8.0), SMALL, Anchor::Left, ink)?;
        }
        let beside = bar.right + 6.0 + self.ruler.widest() + 4.0 + TEXT / 2.0;
        label(page, &self.label, (beside, bar.middle().1), height + 60.0, Anchor::Turned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_alike_have_a_bar_that_tells_them() {
        for (low, high) in [(0.75, 0.75 + 1e-9), (-2.0, -2.0), (0.0, 0.0), (5e-12, 5e-12 * (1.0 + 1e-8))] {
            let bar = Colours::new([low, high].into_iter(), None, false).bar("", 112.0);
            let mut texts: Vec<&str> = bar.ruler.majors.iter().map(|(_, text)| &text[..]).collect();
            let all = texts.len();
            texts.dedup();
            assert!(all > 1 && texts.len() == all, "{low} to {high}: {texts:?}");
        }
    }

    #[test]
    fn a_low_bar_has_ticks_to_tell_a_scale_by() {
        for most in [1.0, 1.4, 2.0, 3.0, 4.2, 5.5, 7.0, 9.9] {
            for height in [80.0, 112.0, 210.0] {
                let bar = Colours::new([-most, most].into_iter(), None, false).bar("Weight (pS)", height);
                let ticks = bar.ruler.majors.len();
                assert!((3..=12).contains(&ticks), "{ticks} ticks to {most} over {height}");
            }
        }
    }
}
