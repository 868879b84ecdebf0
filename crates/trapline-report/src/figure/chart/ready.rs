//! A chart whose axes are fixed: the room it takes around its frame, where its legend stands, and the order in which
//! its parts are drawn.

use super::curves::{SHADE, visible};
use super::{Chart, Mark};
use crate::figure::axis::{self, Margins, Ruler, TEXT};
use crate::figure::bar::Bar;
use crate::figure::canvas::{Drawn, Page, Part, text_width};
use crate::figure::frame::Frame;
use crate::figure::plate::Heading;
use crate::figure::{data, marks};
use plotters::backend::DrawingBackend;
use plotters::style::Color;

/// A legend wider than this stands below the chart.
const WIDEST_LEGEND: f64 = 150.0;
pub(super) const STEP: f64 = 16.0;
/// So far a legend beside the frame may reach below it: where the numbers of its axis are.
const BELOW_FRAME: f64 = 24.0;
/// Of a sample of a curve, with the space to its text.
pub(super) const SAMPLE: f64 = 27.0;

pub(super) enum Legend {
    None,
    /// Beside the frame: its width.
    Right(f64),
    /// Below, in this many columns of this width, from the left edge of what the panel takes.
    Below(usize, f64),
}

/// Where a legend may stand.
#[derive(Debug, Clone, Copy)]
pub(in crate::figure) enum LegendRoom {
    /// Beside the frame, if it is no higher than this.
    Beside(f64),
    Below,
}

/// A chart with its axes fixed and its place still open.
pub(in crate::figure) struct Ready<'a> {
    pub(super) chart: &'a Chart,
    heading: Heading,
    size: (f64, f64),
    pub(super) x: Ruler,
    pub(super) y: Ruler,
    pub(super) legend: Legend,
    bar: Option<Bar>,
}

impl<'a> Ready<'a> {
    /// For a frame of this size in points; `bar` draws the bar of its heat's colours beside it.
    pub(in crate::figure) fn new(chart: &'a Chart, size: (f64, f64), bar: bool, room: LegendRoom) -> Self {
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

    pub(in crate::figure) fn size(&self) -> (f64, f64) {
        self.size
    }

    /// What a page tells of it under the pointer.
    pub(in crate::figure) fn told(&self) -> serde_json::Value {
        let colours: Vec<String> = (0..self.chart.curves.len()).map(|number| self.chart.colour(number).css()).collect();
        let axes = (self.x.told(&self.chart.x), self.y.told(&self.chart.y));
        data::told(self.chart, &colours, axes.0, axes.1)
    }

    pub(in crate::figure) fn margins(&self) -> Margins {
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
    pub(in crate::figure) fn draw<DB: DrawingBackend>(
        &self,
        page: &Page<'_, DB>,
        frame: &Frame,
        panel: usize,
    ) -> Drawn {
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
}
