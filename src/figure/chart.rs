//! Line charts: curves over two axes, with what a paper states marked on them.

use plotters::backend::DrawingBackend;
use plotters::style::Color;

use super::axis::{self, Axis, Frame, Margins, Ruler, TEXT};
use super::canvas::{Anchor, Drawn, Page, fitted, text_width};
use super::marks;
use super::plate::Heading;
use super::scale::{Colour, INK, runs};

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    #[default]
    Line,
    Dots,
    LineAndDots,
    Dashed,
}

/// Points in the order in which a line joins them, in the units of the axes.
///
/// A point that is not finite, or not positive on a logarithmic axis, is left out and leaves a gap in the line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// In the legend; a curve without a label is not in it.
    pub label: String,
    pub points: Vec<(f64, f64)>,
    pub style: Style,
    /// One of [`Colour::distinct`] in the order of the curves, where there is none.
    pub colour: Option<Colour>,
}

impl Curve {
    /// A line.
    pub fn line(label: impl Into<String>, points: Vec<(f64, f64)>) -> Curve {
        Curve { label: label.into(), points, ..Curve::default() }
    }

    /// The same points in another style.
    pub fn styled(self, style: Style) -> Curve {
        Curve { style, ..self }
    }

    /// The same curve in this colour.
    pub fn coloured(self, colour: Colour) -> Curve {
        Curve { colour: Some(colour), ..self }
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
}

/// A line chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chart {
    pub title: String,
    pub subtitle: Option<String>,
    pub x: Axis,
    pub y: Axis,
    pub curves: Vec<Curve>,
    pub marks: Vec<Mark>,
}

impl Chart {
    /// Colours the curves as an ordered series, from cold to hot.
    pub fn ordered(mut self) -> Chart {
        let count = self.curves.len();
        for (rank, curve) in self.curves.iter_mut().enumerate() {
            curve.colour = Some(Colour::ordered(rank, count));
        }
        self
    }
}

/// A legend wider than this stands below the chart.
const WIDEST_LEGEND: f64 = 150.0;
const STEP: f64 = 16.0;
/// Of a sample of a curve, with the space to its text.
const SAMPLE: f64 = 27.0;

enum Legend {
    None,
    /// Beside the frame: its width.
    Right(f64),
    /// Below, in this many columns of this width.
    Below(usize, f64),
}

/// A chart with its axes fixed and its place still open.
pub(super) struct Ready<'a> {
    chart: &'a Chart,
    heading: Heading,
    size: (f64, f64),
    x: Ruler,
    y: Ruler,
    legend: Legend,
}

impl<'a> Ready<'a> {
    /// For a frame of this size in points.
    pub(super) fn new(chart: &'a Chart, size: (f64, f64)) -> Self {
        let points = || chart.curves.iter().flat_map(|curve| curve.points.iter().copied());
        let visible = |&(x, y): &(f64, f64)| {
            x.is_finite() && y.is_finite() && !(chart.x.log && x <= 0.0) && !(chart.y.log && y <= 0.0)
        };
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = points().filter(visible).unzip();
        for mark in &chart.marks {
            match *mark {
                Mark::Horizontal { at, .. } => ys.push(at),
                Mark::Vertical { at, .. } => xs.push(at),
                Mark::Point { x, y, .. } => {
                    xs.push(x);
                    ys.push(y);
                }
                Mark::Band { low, high, .. } => ys.extend([low, high]),
            }
        }
        let named: Vec<f64> = chart.named().map(|(_, curve)| text_width(&curve.label, TEXT)).collect();
        let widest = named.iter().copied().fold(0.0, f64::max) + SAMPLE;
        let legend = match named.len() {
            0 => Legend::None,
            _ if widest <= WIDEST_LEGEND => Legend::Right(widest),
            count => {
                let columns = (size.0 / (widest + 10.0)).floor().clamp(1.0, count as f64);
                Legend::Below(columns as usize, size.0 / columns)
            }
        };
        Ready {
            chart,
            heading: Heading::new(&chart.title, chart.subtitle.as_deref(), size.0 + 30.0),
            size,
            x: Ruler::new(&chart.x, xs.into_iter(), size.0, 44.0),
            y: Ruler::new(&chart.y, ys.into_iter(), size.1, 26.0),
            legend,
        }
    }

    pub(super) fn size(&self) -> (f64, f64) {
        self.size
    }

    pub(super) fn margins(&self) -> Margins {
        let mut margins = axis::margins(&self.x, &self.y, &self.chart.x.label, &self.chart.y.label);
        margins.top += self.heading.height();
        match self.legend {
            Legend::None => {}
            Legend::Right(width) => margins.right = margins.right.max(12.0 + width),
            Legend::Below(columns, _) => {
                margins.bottom += 8.0 + STEP * self.chart.named().count().div_ceil(columns) as f64;
            }
        }
        margins
    }

    pub(super) fn draw<DB: DrawingBackend>(&self, page: &Page<'_, DB>, frame: &Frame) -> Drawn {
        let chart = self.chart;
        let (x, y) = (self.x.scale(frame.left, frame.right), self.y.scale(frame.bottom, frame.top));
        let place = |&(a, b): &(f64, f64)| x.place(a).zip(y.place(b));
        let curves: Vec<Vec<Option<(f64, f64)>>> =
            chart.curves.iter().map(|curve| curve.points.iter().map(place).collect()).collect();
        let lines: Vec<Vec<Vec<(f64, f64)>>> = curves.iter().map(|places| visible(places, frame)).collect();

        let marks = marks::placed(&chart.marks, frame, (&x, &y), lines.iter().flatten());
        marks::lines(page, &marks, frame)?;
        let mut drawn = false;
        for (number, curve) in chart.curves.iter().enumerate() {
            let colour = chart.colour(number).rgba();
            if curve.style != Style::Dots {
                for run in &lines[number] {
                    drawn = true;
                    match curve.style {
                        Style::Dashed => page.dashes(run, colour, 1.5)?,
                        _ => page.line(run, colour, 1.5)?,
                    }
                }
            }
            for &dot in curves[number].iter().flatten().filter(|&&at| frame.contains(at)) {
                let alone = lines[number].iter().all(|run| !run.contains(&dot));
                if matches!(curve.style, Style::Dots | Style::LineAndDots) || alone {
                    page.dot(dot, if curve.points.len() > 60 { 1.6 } else { 2.5 }, colour)?;
                    drawn = true;
                }
            }
        }
        marks::labels(page, &marks)?;
        if !drawn {
            axis::say(page, frame, "no data")?;
        }
        axis::draw(page, frame, (&self.x, &chart.x.label), (&self.y, &chart.y.label))?;
        let axis_top = axis::margins(&self.x, &self.y, "", "").top;
        self.heading.draw(page, frame.middle().0, frame.top - axis_top)?;
        self.legend(page, frame)
    }

    fn legend<DB: DrawingBackend>(&self, page: &Page<'_, DB>, frame: &Frame) -> Drawn {
        let below = axis::margins(&self.x, &self.y, &self.chart.x.label, &self.chart.y.label).bottom;
        for (place, (number, curve)) in self.chart.named().enumerate() {
            let (left, at, room) = match self.legend {
                Legend::None => return Ok(()),
                Legend::Right(width) => (frame.right + 12.0, frame.top + 8.0 + STEP * place as f64, width),
                Legend::Below(columns, width) => (
                    frame.left + width * (place % columns) as f64,
                    frame.bottom + below + 12.0 + STEP * (place / columns) as f64,
                    width,
                ),
            };
            let colour = self.chart.colour(number).rgba();
            let ends = [(left, at), (left + SAMPLE - 7.0, at)];
            match curve.style {
                Style::Dots => {}
                Style::Dashed => page.dashes(&ends, colour, 1.8)?,
                Style::Line | Style::LineAndDots => page.line(&ends, colour, 1.8)?,
            }
            if matches!(curve.style, Style::Dots | Style::LineAndDots) {
                page.dot((left + (SAMPLE - 7.0) / 2.0, at), 2.5, colour)?;
            }
            let text = fitted(&curve.label, TEXT, room - SAMPLE + 0.5);
            page.text(&text, (left + SAMPLE, at), TEXT, Anchor::Left, INK.to_rgba())?;
        }
        Ok(())
    }
}

impl Chart {
    /// Curves with a label, and their numbers.
    fn named(&self) -> impl Iterator<Item = (usize, &Curve)> {
        self.curves.iter().enumerate().filter(|(_, curve)| !curve.label.is_empty())
    }

    fn colour(&self, number: usize) -> Colour {
        self.curves[number].colour.unwrap_or_else(|| Colour::distinct(number))
    }
}

/// The stretches of a line that lie in the frame.
fn visible(places: &[Option<(f64, f64)>], frame: &Frame) -> Vec<Vec<(f64, f64)>> {
    let mut stretches = Vec::new();
    for run in runs(places) {
        let mut stretch: Vec<(f64, f64)> = Vec::new();
        for pair in run.windows(2) {
            let Some([from, to]) = frame.clip(pair[0], pair[1]) else {
                continue;
            };
            if stretch.last() != Some(&from) {
                stretches.push(std::mem::take(&mut stretch));
                stretch.push(from);
            }
            stretch.push(to);
        }
        stretches.push(stretch);
    }
    stretches.retain(|stretch| stretch.len() > 1);
    stretches
}
