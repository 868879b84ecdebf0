//! Line charts: curves over two axes, with what a paper states marked on them.

mod legend;

use plotters::backend::DrawingBackend;
use plotters::style::Color;

use super::axis::{self, Axis, Margins, Ruler, TEXT};
use super::bar::Bar;
use super::canvas::{Drawn, Page, Part, text_width};
use super::frame::Frame;
use super::heat::Heat;
use super::marks;
use super::plate::Heading;
use super::scale::{Colour, runs};

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
}

/// A legend wider than this stands below the chart.
const WIDEST_LEGEND: f64 = 150.0;
const STEP: f64 = 16.0;
/// So far a legend beside the frame may reach below it: where the numbers of its axis are.
const BELOW_FRAME: f64 = 24.0;
/// Of a sample of a curve, with the space to its text.
const SAMPLE: f64 = 27.0;
/// How much of its colour a shade has.
const SHADE: f64 = 0.2;
/// How much a bar has.
const BAR: f64 = 0.6;
/// Half the width of what ends a bar.
const CAP: f64 = 2.5;
/// Thickness of the least shade that is seen on both sides of its line, in parts of the height of the frame.
const LEAST_SHADE: f64 = 0.012;

enum Legend {
    None,
    /// Beside the frame: its width.
    Right(f64),
    /// Below, in this many columns of this width, from the left edge of what the panel takes.
    Below(usize, f64),
}

/// Where a legend may stand.
#[derive(Debug, Clone, Copy)]
pub(super) enum LegendRoom {
    /// Beside the frame, if it is no higher than this.
    Beside(f64),
    Below,
}

/// Where a point lies in the frame's page; none for one that has no place on its axes.
type Place = Option<(f64, f64)>;
/// A stretch of a line, in points of the page.
type Run = Vec<(f64, f64)>;

/// A chart with its axes fixed and its place still open.
pub(super) struct Ready<'a> {
    chart: &'a Chart,
    heading: Heading,
    size: (f64, f64),
    x: Ruler,
    y: Ruler,
    legend: Legend,
    bar: Option<Bar>,
}

impl<'a> Ready<'a> {
    /// For a frame of this size in points; `bar` draws the bar of its heat's colours beside it.
    pub(super) fn new(chart: &'a Chart, size: (f64, f64), bar: bool, room: LegendRoom) -> Self {
        let points = || chart.curves.iter().flat_map(|curve| curve.points.iter().copied());
        let visible = |&(x, y): &(f64, f64)| {
            x.is_finite() && y.is_finite() && !(chart.x.log && x <= 0.0) && !(chart.y.log && y <= 0.0)
        };
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = points().filter(visible).unzip();
        for (x, low, high) in chart.curves.iter().flat_map(|curve| curve.shades().chain(curve.bars())) {
            if x.is_finite() && low.is_finite() && high.is_finite() {
                ys.extend([low, high].into_iter().filter(|&y| !chart.y.log || y > 0.0));
                xs.extend(Some(x).filter(|&x| !chart.x.log || x > 0.0));
            }
        }
        if let Some(heat) = &chart.heat {
            xs.extend(&heat.x_edges);
            ys.extend(&heat.y_edges);
        }
        for mark in &chart.marks {
            match *mark {
                Mark::Horizontal { at, .. } => ys.push(at),
                Mark::Vertical { at, .. } => xs.push(at),
                Mark::Point { x, y, .. } => {
                    xs.push(x);
                    ys.push(y);
                }
                Mark::Band { low, high, .. } => ys.extend([low, high]),
                Mark::Span { low, high, .. } => xs.extend([low, high]),
            }
        }
        let named: Vec<f64> = chart.entries().map(|(_, text)| text_width(text, TEXT)).collect();
        let widest = named.iter().copied().fold(0.0, f64::max) + SAMPLE;
        let x = Ruler::new(&chart.x, xs.into_iter(), size.0, 44.0);
        let y = Ruler::new(&chart.y, ys.into_iter(), size.1, 26.0);
        let beside = |most: f64| widest <= WIDEST_LEGEND && STEP * named.len() as f64 <= most + BELOW_FRAME;
        let legend = match (named.len(), room) {
            (0, _) => Legend::None,
            (_, LegendRoom::Beside(most)) if beside(most) => Legend::Right(widest),
            (count, _) => {
                let wide = size.0 + axis::margins(&x, &y, &chart.x.label, &chart.y.label).left;
                let columns = (wide / (widest + 10.0)).floor().clamp(1.0, count as f64);
                Legend::Below(columns as usize, wide / columns)
            }
        };
        Ready {
            chart,
            heading: Heading::new(&chart.title, chart.subtitle.as_deref(), size.0 + 30.0),
            size,
            x,
            y,
            legend,
            bar: chart.heat.as_ref().filter(|_| bar).map(|heat| heat.bar(size.1)),
        }
    }

    pub(super) fn size(&self) -> (f64, f64) {
        self.size
    }

    /// What a page tells of it under the pointer.
    pub(super) fn told(&self) -> serde_json::Value {
        let colours: Vec<String> = (0..self.chart.curves.len()).map(|number| self.chart.colour(number).css()).collect();
        let axes = (self.x.told(&self.chart.x), self.y.told(&self.chart.y));
        super::data::told(self.chart, &colours, axes.0, axes.1)
    }

    pub(super) fn margins(&self) -> Margins {
        let mut margins = axis::margins(&self.x, &self.y, &self.chart.x.label, &self.chart.y.label);
        margins.top += self.heading.height();
        if let Some(bar) = &self.bar {
            margins.right = margins.right.max(bar.width());
            margins.top += bar.above();
        }
        match self.legend {
            Legend::None => {}
            Legend::Right(width) => margins.right = margins.right.max(12.0 + self.y.beside() + width),
            Legend::Below(columns, _) => {
                margins.bottom += 8.0 + STEP * self.chart.entries().count().div_ceil(columns) as f64;
            }
        }
        margins
    }

    /// Draws it as this panel of its page.
    pub(super) fn draw<DB: DrawingBackend>(&self, page: &Page<'_, DB>, frame: &Frame, panel: usize) -> Drawn {
        let chart = self.chart;
        let (x, y) = (self.x.scale(frame.left, frame.right), self.y.scale(frame.bottom, frame.top));
        let place = |&(a, b): &(f64, f64)| x.place(a).zip(y.place(b));
        let curves: Vec<Vec<Option<(f64, f64)>>> =
            chart.curves.iter().map(|curve| curve.points.iter().map(place).collect()).collect();
        let lines: Vec<Vec<Vec<(f64, f64)>>> = curves.iter().map(|places| visible(places, frame)).collect();

        let spines = chart.heat.as_ref().map_or_else(Vec::new, |heat| heat.spines((&x, &y)));
        let marks = marks::placed(&chart.marks, frame, (&x, &y), lines.iter().flatten().chain(&spines));
        marks::bands(page, &marks, frame)?;
        let mut drawn = false;
        if let Some(heat) = &chart.heat {
            drawn = heat.draw(page, frame, (&x, &y))?;
        }
        // Under all lines, so that none is dimmed.
        for (number, curve) in chart.curves.iter().enumerate() {
            let outlines = self.shades(curve, frame);
            if !outlines.is_empty() {
                let shade = chart.colour(number).rgba().mix(SHADE);
                page.part(Part::Curve(panel, number), |page| {
                    outlines.iter().try_for_each(|outline| page.area(outline, shade))
                })?;
            }
        }
        marks::lines(page, &marks)?;
        for (number, (places, runs)) in curves.iter().zip(&lines).enumerate() {
            let mut seen = false;
            page.part(Part::Curve(panel, number), |page| {
                seen = self.curve(page, frame, number, (places, runs))?;
                Ok(())
            })?;
            drawn |= seen;
        }
        marks::labels(page, &marks)?;
        if !drawn {
            axis::say(page, frame, if chart.empty.is_empty() { "no data" } else { &chart.empty })?;
        }
        axis::draw(page, frame, (&self.x, &chart.x.label), (&self.y, &chart.y.label))?;
        let axis_top = axis::margins(&self.x, &self.y, "", "").top + self.bar.as_ref().map_or(0.0, Bar::above);
        self.heading.draw(page, frame.middle().0, frame.top - axis_top)?;
        if let Some(bar) = &self.bar {
            bar.draw(page, frame)?;
        }
        self.legend(page, frame, panel)
    }

    /// Draws bars, lines and dots of a curve, whose points lie at these places; whether there is anything to be seen of it.
    fn curve<DB: DrawingBackend>(
        &self,
        page: &Page<'_, DB>,
        frame: &Frame,
        number: usize,
        (places, runs): (&[Place], &[Run]),
    ) -> Result<bool, String> {
        let (x, y) = (self.x.scale(frame.left, frame.right), self.y.scale(frame.bottom, frame.top));
        let (curve, colour) = (&self.chart.curves[number], self.chart.colour(number).rgba());
        let mut drawn = false;
        for (at, low, high) in curve.bars() {
            // On a logarithmic axis, what reaches down to zero leaves it.
            let below_all = (self.chart.y.log && low <= 0.0).then_some(frame.bottom + 1e4);
            let ends = x.place(at).zip(below_all.or_else(|| y.place(low))).zip(y.place(high));
            let Some(((at, low), high)) = ends else { continue };
            if let Some(ends) = frame.clip((at, low), (at, high)) {
                page.line(&ends, colour.mix(BAR), 1.1)?;
                drawn = true;
            }
            // An end outside of the frame has no cap: the bar is open.
            for end in [(at, low), (at, high)].into_iter().filter(|&end| frame.contains(end)) {
                page.line(&[(end.0 - CAP, end.1), (end.0 + CAP, end.1)], colour.mix(BAR), 1.1)?;
            }
        }
        if curve.style == Style::Shade {
            return Ok(drawn || !curve.spread.is_empty());
        }
        if curve.style != Style::Dots {
            for run in runs {
                drawn = true;
                match curve.style {
                    Style::Dashed => page.dashes(run, colour, 1.5)?,
                    _ => page.line(run, colour, 1.5)?,
                }
                for head in arrow_heads(run).into_iter().filter(|_| curve.directed) {
                    page.area(&head, colour)?;
                }
            }
        }
        for &dot in places.iter().flatten().filter(|&&at| frame.contains(at)) {
            let alone = runs.iter().all(|run| !run.contains(&dot));
            if matches!(curve.style, Style::Dots | Style::LineAndDots) || alone {
                page.dot(dot, if curve.points.len() > 60 { 1.6 } else { 2.5 }, colour)?;
                drawn = true;
            }
        }
        Ok(drawn)
    }

    /// Outlines of the parts of a curve's shade that are wide enough to be seen beside the curve.
    fn shades(&self, curve: &Curve, frame: &Frame) -> Vec<Vec<(f64, f64)>> {
        let (x, y) = (self.x.scale(frame.left, frame.right), self.y.scale(frame.bottom, frame.top));
        let ends = |(at, low, high): (f64, f64, f64)| {
            // On a logarithmic axis, what reaches down to zero leaves it.
            let below_all = self.chart.y.log && low <= 0.0;
            let (at, upper) = (x.place(at)?, y.place(high)?);
            Some([(at, upper), (at, if below_all { frame.bottom + 1e4 } else { y.place(low)? })])
        };
        let places: Vec<_> = curve.shades().map(ends).collect();
        let least = LEAST_SHADE * (frame.bottom - frame.top);
        let mut outlines = Vec::new();
        for mut run in runs(&places) {
            // A lone point is shaded to its sides as well.
            if let [ends] = run[..] {
                run = [-1.5, 1.5].map(|aside| ends.map(|(x, y)| (x + aside, y))).to_vec();
            }
            if run.windows(2).any(|pair| thickness(pair, frame) > least) {
                let outline: Vec<_> = run.iter().map(|p| p[0]).chain(run.iter().rev().map(|p| p[1])).collect();
                outlines.push(frame.clip_area(&outline));
            }
        }
        outlines
    }
}

impl Chart {
    /// Texts of the legend, each with the number of its curve; that of the shades has none.
    fn entries(&self) -> impl Iterator<Item = (Option<usize>, &str)> {
        let curves = self.curves.iter().enumerate().map(|(number, curve)| (Some(number), &curve.label[..]));
        curves.chain([(None, &self.shade[..])]).filter(|(_, text)| !text.is_empty())
    }

    fn colour(&self, number: usize) -> Colour {
        self.curves[number].colour.unwrap_or_else(|| Colour::distinct(number))
    }
}

/// Of a shade between two points, across its direction: the part in the frame.
fn thickness(pair: &[[(f64, f64); 2]], frame: &Frame) -> f64 {
    let within = |(x, y): (f64, f64)| (x, y.clamp(frame.top, frame.bottom));
    let [[a, b], [c, d]] = [pair[0], pair[1]].map(|ends| ends.map(within));
    if !(frame.left..=frame.right).contains(&a.0) || !(frame.left..=frame.right).contains(&c.0) {
        return 0.0;
    }
    let (along, up) = (c.0 - a.0, (c.1 + d.1 - a.1 - b.1) / 2.0);
    let upright = (b.1 - a.1 + d.1 - c.1) / 2.0;
    if along == 0.0 { 0.0 } else { upright * along.abs() / along.hypot(up) }
}

/// Heads of arrows on a line: one on each stretch that goes one way in x and is long enough to have a middle.
fn arrow_heads(line: &[(f64, f64)]) -> Vec<[(f64, f64); 3]> {
    const LEAST_LENGTH: f64 = 50.0;
    const LENGTH: f64 = 8.0;
    const HALF_WIDTH: f64 = 3.6;
    let steps: Vec<[(f64, f64); 2]> = line.windows(2).map(|pair| [pair[0], pair[1]]).collect();
    let way = |step: &[(f64, f64); 2]| (step[1].0 - step[0].0).partial_cmp(&0.0);
    let length = |step: &[(f64, f64); 2]| (step[1].0 - step[0].0).hypot(step[1].1 - step[0].1);
    let mut heads = Vec::new();
    for stretch in steps.chunk_by(|a, b| way(a) == way(b)) {
        let all: f64 = stretch.iter().map(length).sum();
        if all < LEAST_LENGTH {
            continue;
        }
        let mut gone = 0.0;
        let middle = stretch.iter().find(|step| {
            gone += length(step);
            gone >= 0.5 * all
        });
        let Some([from, to]) = middle else { continue };
        let size = length(&[*from, *to]);
        if size == 0.0 {
            continue;
        }
        let (x, y) = ((to.0 - from.0) / size, (to.1 - from.1) / size);
        let back = (to.0 - LENGTH * x, to.1 - LENGTH * y);
        let aside = |side: f64| (back.0 - side * HALF_WIDTH * y, back.1 + side * HALF_WIDTH * x);
        heads.push([*to, aside(1.0), aside(-1.0)]);
    }
    heads
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
