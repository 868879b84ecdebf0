//! Line charts: curves over two axes, with what a paper states marked on them.
//!
//! Here is what a chart shows. How it is laid out is in `ready`, and how its curves and their legend are drawn in
//! `curves` and `legend`.

mod curves;
mod legend;
mod ready;

pub(super) use ready::{LegendRoom, Ready};

use super::axis::Axis;
use super::frame::Frame;
use super::heat::Heat;
use super::scale::Colour;

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    #[default]
    Line,
    Dots,
    LineAndDots,
    Dashed,
    /// Nothing but the shade.
    Shade,
}

/// Points in the order in which a line joins them, in the units of the axes.
///
/// A point that is not finite, or not positive on a logarithmic axis, is left out and leaves a gap in the line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// In the legend; a curve without a label is not in it.
    pub label: String,
    /// What it is called where the legend does not name it: in the table beside the figure and under the pointer.
    pub name: String,
    pub points: Vec<(f64, f64)>,
    pub style: Style,
    /// One of [`Colour::distinct`] in the order of the curves, where there is none.
    pub colour: Option<Colour>,
    /// Two values of y for each point, in the order of the points: what lies between them is shaded. None at all for
    /// no shade.
    pub spread: Vec<(f64, f64)>,
    /// Two values of y for each point, in the order of the points, joined by a bar. None at all for no bars.
    pub bars: Vec<(f64, f64)>,
    /// Whether heads of arrows show which way the points go.
    pub directed: bool,
}

impl Curve {
    /// A line.
    pub fn line(label: impl Into<String>, points: Vec<(f64, f64)>) -> Curve {
        Curve { label: label.into(), points, ..Curve::default() }
    }

    /// The same curve with a name for the table beside the figure and under the pointer.
    pub fn named(self, name: impl Into<String>) -> Curve {
        Curve { name: name.into(), ..self }
    }

    /// Its name, or else its label.
    pub(super) fn called(&self) -> &str {
        if self.name.is_empty() { &self.label } else { &self.name }
    }

    /// The same points in another style.
    pub fn styled(self, style: Style) -> Curve {
        Curve { style, ..self }
    }

    /// The same curve in this colour.
    pub fn coloured(self, colour: Colour) -> Curve {
        Curve { colour: Some(colour), ..self }
    }

    /// The same curve with a shade around it.
    pub fn shaded(self, spread: Vec<(f64, f64)>) -> Curve {
        Curve { spread, ..self }
    }

    /// The same curve with bars through its points.
    pub fn barred(self, bars: Vec<(f64, f64)>) -> Curve {
        Curve { bars, ..self }
    }

    /// The same curve with heads of arrows.
    pub fn directed(self) -> Curve {
        Curve { directed: true, ..self }
    }

    /// Points and the ends of their shades.
    fn shades(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        self.points.iter().zip(&self.spread).map(|(&(x, _), &(a, b))| (x, a.min(b), a.max(b)))
    }

    /// Points and the ends of their bars.
    fn bars(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        self.points.iter().zip(&self.bars).map(|(&(x, _), &(a, b))| (x, a.min(b), a.max(b)))
    }
}

/// A number that is stated somewhere, drawn in grey with its label beside it. Axes without a range make room for marks.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A dashed line at a value of y.
    Horizontal { at: f64, label: String },
    /// A dashed line at a value of x.
    Vertical { at: f64, label: String },
    /// A ring.
    Point { x: f64, y: f64, label: String },
    /// Values of y between two ends, shaded.
    Band { low: f64, high: f64, label: String },
    /// Values of x between two ends, shaded.
    Span { low: f64, high: f64, label: String },
}

/// A line chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chart {
    pub title: String,
    pub subtitle: Option<String>,
    pub x: Axis,
    pub y: Axis,
    /// Under the curves.
    pub heat: Option<Box<Heat>>,
    pub curves: Vec<Curve>,
    pub marks: Vec<Mark>,
    /// What the shades are, for the legend; nothing if it is empty.
    pub shade: String,
    /// What is said in the frame if no point has a place in it: `no data` if it is empty.
    pub empty: String,
}

impl Chart {
    /// Whether a shade of a curve is wide enough to be seen.
    pub(super) fn shows_shade(&self) -> bool {
        // All frames have about these proportions, and thickness is relative.
        const ANY: (f64, f64) = (300.0, 210.0);
        let frame = Frame { left: 0.0, right: ANY.0, top: 0.0, bottom: ANY.1 };
        let ready = Ready::new(self, ANY, false, LegendRoom::Below);
        self.curves.iter().any(|curve| !ready.shades(curve, &frame).is_empty())
    }

    /// Whether anything stands in its legend.
    pub(super) fn has_legend(&self) -> bool {
        self.entries().next().is_some()
    }

    /// Colours the curves as an ordered series, from cold to hot.
    pub fn ordered(mut self) -> Chart {
        let count = self.curves.len();
        for (rank, curve) in self.curves.iter_mut().enumerate() {
            curve.colour = Some(Colour::ordered(rank, count));
        }
        self
    }

    /// Texts of the legend, each with the number of its curve; that of the shades has none.
    fn entries(&self) -> impl Iterator<Item = (Option<usize>, &str)> {
        let curves = self.curves.iter().enumerate().map(|(number, curve)| (Some(number), &curve.label[..]));
        curves.chain([(None, &self.shade[..])]).filter(|(_, text)| !text.is_empty())
    }

    fn colour(&self, number: usize) -> Colour {
        self.curves[number].colour.unwrap_or_else(|| Colour::distinct(number))
    }
}
