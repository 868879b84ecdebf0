//! Draws the curves of a chart: their lines as far as they lie in the frame, dots, bars, shades and heads of arrows.

use super::ready::Ready;
use super::{Curve, Style};
use crate::figure::canvas::Page;
use crate::figure::frame::Frame;
use crate::figure::scale::runs;
use plotters::backend::DrawingBackend;
use plotters::style::Color;

/// How much of its colour a shade has.
pub(super) const SHADE: f64 = 0.2;
/// How much a bar has.
const BAR: f64 = 0.6;
/// Half the width of what ends a bar.
const CAP: f64 = 2.5;
/// Thickness of the least shade that is seen on both sides of its line, in parts of the height of the frame.
const LEAST_SHADE: f64 = 0.012;

/// Where a point lies in the frame's page; none for one that has no place on its axes.
type Place = Option<(f64, f64)>;
/// A stretch of a line, in points of the page.
type Run = Vec<(f64, f64)>;

impl Ready<'_> {
    /// Draws bars, lines and dots of a curve, whose points lie at these places; whether there is anything to be seen of
    /// it.
    pub(super) fn curve<DB: DrawingBackend>(
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
    pub(super) fn shades(&self, curve: &Curve, frame: &Frame) -> Vec<Vec<(f64, f64)>> {
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
pub(super) fn visible(places: &[Option<(f64, f64)>], frame: &Frame) -> Vec<Vec<(f64, f64)>> {
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
