//! Where the marks of a chart and their labels go: beside the mark, on as little of the curves and of each other as
//! can be.

use plotters::backend::DrawingBackend;
use plotters::style::{Color, RGBColor, WHITE};

use super::axis::{Placed, SMALL};
use super::canvas::{Anchor, Drawn, Page, fitted, text_width};
use super::chart::Mark;
use super::frame::Frame;
use super::scale::INK;

const LINE: RGBColor = RGBColor(120, 120, 120);
const SHADE: RGBColor = RGBColor(236, 236, 232);
const HEIGHT: f64 = SMALL + 3.0;

/// A mark on the page.
pub(super) struct PlacedMark {
    shape: Shape,
    label: Option<Label>,
}

/// Beyond this, a line leads from a ring to its label.
const NEAR: f64 = 9.0;

enum Shape {
    Line([(f64, f64); 2]),
    Ring((f64, f64)),
    Band(f64, f64),
    Span(f64, f64),
}

/// A label's box on the page.
#[derive(Clone)]
struct Label {
    text: String,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    /// Read from below.
    turned: bool,
}

impl Label {
    /// A text of this width around a middle.
    fn new(text: &str, width: f64, middle: (f64, f64), turned: bool) -> Label {
        let (x, y) = if turned { (HEIGHT / 2.0, width / 2.0) } else { (width / 2.0, HEIGHT / 2.0) };
        let (left, right, top, bottom) = (middle.0 - x, middle.0 + x, middle.1 - y, middle.1 + y);
        Label { text: text.to_owned(), left, right, top, bottom, turned }
    }

    /// The area, in points squared, that this and another share.
    fn overlap(&self, other: &Label) -> f64 {
        let wide = self.right.min(other.right) - self.left.max(other.left);
        let high = self.bottom.min(other.bottom) - self.top.max(other.top);
        wide.max(0.0) * high.max(0.0)
    }

    fn covers(&self, (x, y): (f64, f64)) -> bool {
        (self.left - 1.0..=self.right + 1.0).contains(&x) && (self.top..=self.bottom).contains(&y)
    }

    fn is_inside(&self, frame: &Frame) -> bool {
        self.left >= frame.left + 2.0
            && self.right <= frame.right - 2.0
            && self.top >= frame.top + 1.0
            && self.bottom <= frame.bottom - 1.0
    }

    /// The place in it that is nearest to another.
    fn nearest(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
    }
}

/// Finds the places of marks that lie in the frame; curves are given as the stretches drawn.
pub(super) fn placed<'a>(
    marks: &[Mark],
    frame: &Frame,
    (x, y): (&Placed, &Placed),
    curves: impl Iterator<Item = &'a Vec<(f64, f64)>>,
) -> Vec<PlacedMark> {
    let mut avoid: Vec<(f64, f64)> = curves.flat_map(|run| sampled(run)).collect();
    let shapes: Vec<Option<Shape>> = marks.iter().map(|mark| shape(mark, frame, x, y)).collect();
    for shape in shapes.iter().flatten() {
        match shape {
            Shape::Line(ends) => avoid.extend(sampled(ends)),
            // A ring counts as much as a stretch of a curve.
            Shape::Ring(at) => avoid.extend([*at; 12]),
            Shape::Band(..) | Shape::Span(..) => {}
        }
    }
    let mut taken: Vec<Label> = Vec::new();
    let mut result = Vec::new();
    let mut pairs: Vec<(&Mark, Shape)> = marks.iter().zip(shapes).filter_map(|(m, s)| s.map(|s| (m, s))).collect();
    // Those with the least choice of places first.
    pairs.sort_by_key(|(mark, _)| match mark {
        Mark::Point { .. } => 0,
        Mark::Band { .. } | Mark::Span { .. } => 1,
        Mark::Horizontal { .. } => 2,
        Mark::Vertical { .. } => 3,
    });
    for (mark, shape) in pairs {
        let label = choose(text_of(mark), &shape, frame, &taken, &avoid);
        taken.extend(label.clone());
        result.push(PlacedMark { shape, label });
    }
    result
}

fn text_of(mark: &Mark) -> &str {
    match mark {
        Mark::Horizontal { label, .. }
        | Mark::Vertical { label, .. }
        | Mark::Point { label, .. }
        | Mark::Band { label, .. }
        | Mark::Span { label, .. } => label,
    }
}

fn shape(mark: &Mark, frame: &Frame, x: &Placed, y: &Placed) -> Option<Shape> {
    let Frame { left, right, top, bottom } = *frame;
    match *mark {
        Mark::Horizontal { at, .. } => {
            let at = y.place(at).filter(|&at| frame.contains((left, at)))?;
            Some(Shape::Line([(left, at), (right, at)]))
        }
        Mark::Vertical { at, .. } => {
            let at = x.place(at).filter(|&at| frame.contains((at, top)))?;
            Some(Shape::Line([(at, bottom), (at, top)]))
        }
        Mark::Point { x: a, y: b, .. } => x.place(a).zip(y.place(b)).filter(|&at| frame.contains(at)).map(Shape::Ring),
        Mark::Band { low, high, .. } => {
            let (a, b) = (y.place(low)?, y.place(high)?);
            let (upper, lower) = (a.min(b).max(top), a.max(b).min(bottom));
            (upper <= lower).then_some(Shape::Band(upper, lower))
        }
        Mark::Span { low, high, .. } => {
            let (a, b) = (x.place(low)?, x.place(high)?);
            let (from, to) = (a.min(b).max(left), a.max(b).min(right));
            (from <= to).then_some(Shape::Span(from, to))
        }
    }
}

/// A point every three points of length.
fn sampled(run: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let between = |pair: &[(f64, f64)]| {
        let (a, b) = (pair[0], pair[1]);
        let steps = ((b.0 - a.0).hypot(b.1 - a.1) / 3.0).ceil().clamp(1.0, 500.0) as usize;
        (0..steps).map(move |i| {
            let f = i as f64 / steps as f64;
            (a.0 + f * (b.0 - a.0), a.1 + f * (b.1 - a.1))
        })
    };
    run.windows(2).flat_map(between).collect()
}

/// The candidate that covers least; earlier ones where several do as well.
fn choose(text: &str, shape: &Shape, frame: &Frame, taken: &[Label], avoid: &[(f64, f64)]) -> Option<Label> {
    if text.is_empty() {
        return None;
    }
    let text = fitted(text, SMALL, 0.9 * (frame.right - frame.left));
    let mut best: Option<(f64, Label)> = None;
    for (price, label) in candidates(&text, shape, frame) {
        if !label.is_inside(frame) {
            continue;
        }
        let shared: f64 = taken.iter().map(|other| label.overlap(other)).sum();
        let covered = avoid.iter().filter(|&&p| label.covers(p)).count();
        // Two labels on one place are worse than any number of covered lines.
        let clash = if shared > 0.0 { 1000.0 + shared } else { 0.0 };
        let cost = clash + 3.0 * covered as f64 + price;
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            best = Some((cost, label));
        }
    }
    best.map(|(_, label)| label)
}

/// Labels beside a mark, each with its price: what it is worth not to have it there.
fn candidates(text: &str, shape: &Shape, frame: &Frame) -> Vec<(f64, Label)> {
    const GAP: f64 = 4.0;
    let width = text_width(text, SMALL);
    let (half, height) = (width / 2.0, HEIGHT / 2.0);
    let at = |price: f64, x: f64, y: f64| (price, Label::new(text, width, (x, y), false));
    let part = |i: usize, count: usize| i as f64 / count as f64;
    // From right to left along the frame.
    let along = |heights: &[f64]| -> Vec<(f64, Label)> {
        let (first, last) = (frame.right - 8.0 - half, frame.left + 8.0 + half);
        let places = (0..=8).flat_map(|i| heights.iter().enumerate().map(move |(n, &y)| (i, n, y)));
        places.map(|(i, n, y)| at(0.4 * i as f64 + 0.2 * n as f64, first + (last - first) * part(i, 8), y)).collect()
    };
    match *shape {
        Shape::Line([(left, y), (_, end)]) if y == end && left == frame.left => {
            along(&[y - height - 1.0, y + height + 1.0])
        }
        Shape::Line([(x, _), _]) => {
            let mut all = Vec::new();
            for i in 0..14 {
                let y = frame.top + height + 8.0 + (frame.bottom - frame.top - 30.0) * part(i, 13);
                let price = 0.4 * i as f64;
                all.extend([at(price, x + GAP + half, y), at(price + 0.2, x - GAP - half, y)]);
                // Along the line, where it is too close to others.
                let y = frame.top + half + 8.0 + (frame.bottom - frame.top - width - 16.0) * part(i, 13);
                for x in [x - height - 2.5, x + height + 2.5] {
                    all.push((price + 6.0, Label::new(text, width, (x, y), true)));
                }
            }
            all
        }
        Shape::Ring((x, y)) => {
            let mut all = Vec::new();
            for far in [7.0, 12.0, 18.0, 26.0, 36.0] {
                all.extend([at(far / 3.0, x + far + half, y), at(far / 3.0, x - far - half, y)]);
                for up in [-1.0, 1.0] {
                    let y = y + up * (far + height - 2.0);
                    all.extend([
                        at(far / 3.0, x, y),
                        at(far / 3.0 + 0.2, x + 3.0 + half, y),
                        at(far / 3.0 + 0.2, x - 3.0 - half, y),
                    ]);
                }
            }
            all
        }
        Shape::Band(upper, lower) => {
            let (middle, above, below) = ((upper + lower) / 2.0, upper - height - 1.0, lower + height + 1.0);
            along(&if lower - upper >= HEIGHT { [middle, above, below] } else { [above, below, middle] })
        }
        Shape::Span(from, to) => {
            let mut all = Vec::new();
            let (x, side) = ((from + to) / 2.0, (to - from - width) / 2.0 - 4.0);
            for i in 0..14 {
                let price = 0.4 * i as f64;
                let y = frame.top + height + 4.0 + (frame.bottom - frame.top - 24.0) * part(i, 13);
                let asides = [0.0, side, -side];
                all.extend(
                    asides.iter().filter(|_| side > 0.0).map(|aside| at(price + 0.01 * aside.abs(), x + aside, y)),
                );
                let y = frame.top + half + 6.0 + (frame.bottom - frame.top - width - 12.0) * part(i, 13);
                all.push((price + 6.0, Label::new(text, width, (x, y), true)));
            }
            all
        }
    }
}

/// Bands, which lie under all else.
pub(super) fn bands<DB: DrawingBackend>(page: &Page<'_, DB>, marks: &[PlacedMark], frame: &Frame) -> Drawn {
    for mark in marks {
        if let Shape::Band(upper, lower) = mark.shape {
            page.block((frame.left, upper), (frame.right, lower.max(upper + 1.0)), SHADE.to_rgba())?;
        }
        if let Shape::Span(from, to) = mark.shape {
            page.block((from, frame.top), (to.max(from + 1.0), frame.bottom), SHADE.to_rgba())?;
        }
    }
    Ok(())
}

/// Lines, which lie under the curves.
pub(super) fn lines<DB: DrawingBackend>(page: &Page<'_, DB>, marks: &[PlacedMark]) -> Drawn {
    for mark in marks {
        if let Shape::Line(ends) = mark.shape {
            page.dashes(&ends, LINE.to_rgba(), 0.9)?;
        }
    }
    Ok(())
}

/// Rings and labels, which lie over them.
pub(super) fn labels<DB: DrawingBackend>(page: &Page<'_, DB>, marks: &[PlacedMark]) -> Drawn {
    for mark in marks {
        if let Shape::Ring(at) = mark.shape {
            page.ring(at, 4.0, INK.to_rgba(), 1.2)?;
        }
    }
    for mark in marks {
        let Some(label) = &mark.label else { continue };
        page.block((label.left - 1.0, label.top), (label.right + 1.0, label.bottom), WHITE.mix(0.75))?;
        let middle = ((label.left + label.right) / 2.0, (label.top + label.bottom) / 2.0);
        match label.turned {
            true => page.text(&label.text, middle, SMALL, Anchor::Turned, INK.to_rgba())?,
            false => page.text(&label.text, (label.left, middle.1), SMALL, Anchor::Left, INK.to_rgba())?,
        }
        if let Shape::Ring((x, y)) = mark.shape {
            let end = label.nearest((x, y));
            let length = (end.0 - x).hypot(end.1 - y);
            if length > NEAR {
                let start = (x + (end.0 - x) * 4.5 / length, y + (end.1 - y) * 4.5 / length);
                page.line(&[start, end], LINE.to_rgba(), 0.7)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::axis::{Axis, Ruler};
    use super::*;

    const FRAME: Frame = Frame { left: 50.0, right: 350.0, top: 20.0, bottom: 230.0 };

    fn on_frame(marks: &[Mark], curve: &Vec<(f64, f64)>) -> Vec<PlacedMark> {
        let ruler = |length| Ruler::new(&Axis::linear("").within(0.0, 1.0), std::iter::empty(), length, 40.0);
        let (x, y) = (ruler(300.0).scale(FRAME.left, FRAME.right), ruler(210.0).scale(FRAME.bottom, FRAME.top));
        placed(marks, &FRAME, (&x, &y), std::iter::once(curve))
    }

    #[test]
    fn labels_keep_clear_of_each_other() {
        let label = |i: usize| format!("a stated number, {i}");
        let mut marks = Vec::new();
        for i in 0..3 {
            let at = 0.5 + 0.02 * i as f64;
            marks.push(Mark::Horizontal { at, label: label(i) });
            marks.push(Mark::Vertical { at, label: label(i) });
            marks.push(Mark::Point { x: at, y: 0.1 + at / 10.0, label: label(i) });
        }
        marks.push(Mark::Band { low: 0.9, high: 0.95, label: label(9) });
        let found = on_frame(&marks, &Vec::new());
        let labels: Vec<&Label> = found.iter().filter_map(|mark| mark.label.as_ref()).collect();
        assert_eq!(labels.len(), marks.len());
        for (number, one) in labels.iter().enumerate() {
            assert!(one.is_inside(&FRAME));
            for other in &labels[..number] {
                assert_eq!(one.overlap(other), 0.0, "{number}");
            }
        }
    }

    #[test]
    fn labels_keep_clear_of_curves() {
        // Through the first place of each label, and through its second for good measure.
        let curve = vec![(345.0, 20.0), (300.0, 40.0), (210.0, 60.0), (210.0, 130.0), (340.0, 128.0)];
        for mark in [
            Mark::Horizontal { at: 0.5, label: "a stated number".to_owned() },
            Mark::Vertical { at: 0.5, label: "a stated number".to_owned() },
            Mark::Point { x: 0.5, y: 0.5, label: "a stated number".to_owned() },
        ] {
            let label = on_frame(std::slice::from_ref(&mark), &curve).remove(0).label.unwrap();
            assert!(!sampled(&curve).into_iter().any(|p| label.covers(p)), "{mark:?}");
        }
    }

    #[test]
    fn marks_outside_the_frame_are_left_out() {
        let outside = [
            Mark::Horizontal { at: 1.5, label: String::new() },
            Mark::Vertical { at: f64::NAN, label: String::new() },
            Mark::Point { x: 0.5, y: -0.5, label: String::new() },
            Mark::Band { low: 2.0, high: 3.0, label: String::new() },
        ];
        assert!(on_frame(&outside, &Vec::new()).is_empty());
        assert_eq!(on_frame(&[Mark::Band { low: -5.0, high: 0.5, label: String::new() }], &Vec::new()).len(), 1);
    }
}
