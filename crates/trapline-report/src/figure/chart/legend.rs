//! The legend of a chart: which curve is which.

use plotters::backend::DrawingBackend;
use plotters::style::Color;

use super::super::axis::{self, TEXT};
use super::super::canvas::{Anchor, Drawn, Page, Part, fitted};
use super::super::frame::Frame;
use super::super::scale::{GREY, INK};
use super::Style;
use super::curves::SHADE;
use super::ready::{Legend, Ready, SAMPLE, STEP};

impl Ready<'_> {
    pub(super) fn legend<DB: DrawingBackend>(&self, page: &Page<'_, DB>, frame: &Frame, panel: usize) -> Drawn {
        let around = axis::margins(&self.x, &self.y, &self.chart.x.label, &self.chart.y.label);
        for (place, (curve, text)) in self.chart.entries().enumerate() {
            let (left, at, room) = match self.legend {
                Legend::None => return Ok(()),
                Legend::Right(width) => {
                    (frame.right + 12.0 + self.y.beside(), frame.top + 8.0 + STEP * place as f64, width)
                }
                Legend::Below(columns, width) => (
                    frame.left - around.left + width * (place % columns) as f64,
                    frame.bottom + around.bottom + 12.0 + STEP * (place / columns) as f64,
                    width,
                ),
            };
            let text = fitted(text, TEXT, room - SAMPLE + 0.5);
            let name = |page: &Page<'_, DB>| page.text(&text, (left + SAMPLE, at), TEXT, Anchor::Left, INK.to_rgba());
            match curve {
                Some(number) => page.part(Part::Key(panel, number), |page| {
                    self.sample(page, (left, at), number)?;
                    name(page)
                })?,
                None => {
                    page.block((left, at - 5.0), (left + SAMPLE - 7.0, at + 5.0), GREY.mix(SHADE))?;
                    name(page)?;
                }
            }
        }
        Ok(())
    }

    /// A short piece of a curve, as it is drawn.
    fn sample<DB: DrawingBackend>(&self, page: &Page<'_, DB>, (left, at): (f64, f64), number: usize) -> Drawn {
        let ends = [(left, at), (left + SAMPLE - 7.0, at)];
        let (colour, style) = (self.chart.colour(number).rgba(), self.chart.curves[number].style);
        match style {
            Style::Dots => {}
            Style::Shade => page.block((ends[0].0, at - 5.0), (ends[1].0, at + 5.0), colour.mix(SHADE))?,
            Style::Dashed => page.dashes(&ends, colour, 1.8)?,
            Style::Line | Style::LineAndDots => page.line(&ends, colour, 1.8)?,
        }
        match style {
            Style::Dots | Style::LineAndDots => page.dot((left + (SAMPLE - 7.0) / 2.0, at), 2.5, colour),
            _ => Ok(()),
        }
    }
}
