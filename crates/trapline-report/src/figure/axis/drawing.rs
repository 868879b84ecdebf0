//! Draws the axes around a frame, and what room they take there.

use super::{Ruler, SMALL, TEXT};
use crate::figure::canvas::{Anchor, Drawn, Page, fitted, text_width};
use crate::figure::frame::Frame;
use crate::figure::scale::{GREY, INK, power_of_ten};
use plotters::backend::DrawingBackend;
use plotters::style::{Color, WHITE};

/// Space that a panel needs around its frame.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::figure) struct Margins {
    pub(in crate::figure) left: f64,
    pub(in crate::figure) right: f64,
    pub(in crate::figure) top: f64,
    pub(in crate::figure) bottom: f64,
}

/// What axes need outside their frame.
pub(in crate::figure) fn margins(x: &Ruler, y: &Ruler, x_label: &str, y_label: &str) -> Margins {
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
pub(in crate::figure) fn draw<DB: DrawingBackend>(
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
pub(in crate::figure) fn label<DB: DrawingBackend>(
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
pub(in crate::figure) fn say<DB: DrawingBackend>(page: &Page<'_, DB>, frame: &Frame, words: &str) -> Drawn {
    let ((x, y), half) = (frame.middle(), text_width(words, TEXT) / 2.0 + 3.0);
    // No line runs through the words.
    page.block((x - half, y - TEXT), (x + half, y + TEXT), WHITE.to_rgba())?;
    page.text(words, (x, y), TEXT, Anchor::Centre, GREY.to_rgba())
}
