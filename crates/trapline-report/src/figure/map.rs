//! Heat maps: a colour for each number of a table, the first row on top.

use ndarray::Array2;
use plotters::backend::DrawingBackend;
use plotters::style::{Color, RGBColor, WHITE};

use super::axis::{Margins, SMALL, TEXT};
use super::bar::{Bar, Colours};
use super::canvas::{Anchor, Drawn, Page, text_width};
use super::frame::Frame;
use super::plate::Heading;
use super::scale::INK;

/// A heat map.
///
/// Colours go from dark blue to yellow, or from blue over white to red where the range has numbers to both sides of
/// zero, which is then in its middle. What is not finite (or not positive, on a logarithmic scale) is grey.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    pub title: String,
    pub subtitle: Option<String>,
    /// Of the columns; without one, columns are not numbered.
    pub x_label: String,
    /// Of the rows; without one, rows are not numbered.
    pub y_label: String,
    /// Numbers of the first row and the first column, and how far it is from each to the next; 0 is taken for 1.
    pub first: (u64, u64),
    pub step: u64,
    /// Axes (row, column).
    pub values: Array2<f64>,
    /// With the unit in brackets: `conductance (nS)`.
    pub value_label: String,
    /// Numbers at the ends of the colours; from the values where there is none. Neighbours in a row of a plate that
    /// give the same one share a colour bar.
    pub range: Option<(f64, f64)>,
    pub log: bool,
    /// Writes each number into its cell.
    pub annotate: bool,
}

impl Map {
    /// The number of a row or a column.
    pub(super) fn number_of(&self, first: u64, at: usize) -> u64 {
        first.saturating_add(self.step.max(1).saturating_mul(at as u64))
    }
}

const MISSING: RGBColor = RGBColor(200, 200, 200);

/// A map with its colours fixed and its place still open.
pub(super) struct Ready<'a> {
    map: &'a Map,
    heading: Heading,
    size: (f64, f64),
    /// Side of a cell.
    cell: f64,
    colours: Colours,
    texts: Vec<String>,
    bar: Option<Bar>,
}

impl<'a> Ready<'a> {
    /// For a frame of about this height in points.
    pub(super) fn new(map: &'a Map, height: f64, bar: bool) -> Self {
        let (rows, columns) = map.values.dim();
        let texts = if map.annotate { texts(map) } else { Vec::new() };
        let widest = texts.iter().map(|text| text_width(text, SMALL)).fold(0.0, f64::max);
        let wanted = height / rows.max(columns).max(1) as f64;
        // Whole tenths are whole units of the SVG, and whole halves whole pixels of the bitmap.
        let cell =
            (2.0 * if map.annotate { wanted.max(widest + 6.0) } else { wanted.min(36.0) }).round().max(1.0) / 2.0;
        let colours = Colours::new(map.values.iter().copied(), map.range, map.log);
        let size = (cell * columns.max(1) as f64, cell * rows.max(1) as f64);
        let bar = bar.then(|| colours.bar(&map.value_label, size.1));
        let heading = Heading::new(&map.title, map.subtitle.as_deref(), size.0 + 50.0);
        Ready { map, heading, size, cell, colours, texts, bar }
    }

    pub(super) fn size(&self) -> (f64, f64) {
        self.size
    }

    /// What a page tells of it under the pointer.
    pub(super) fn told(&self) -> serde_json::Value {
        super::data::told_map(self.map)
    }

    /// The number of a row or a column.
    fn number(&self, first: u64, at: usize) -> String {
        self.map.number_of(first, at).to_string()
    }

    /// Width of the numbers along a side.
    fn numbers(&self, label: &str, first: u64, count: usize) -> f64 {
        if label.is_empty() { 0.0 } else { text_width(&self.number(first, count.saturating_sub(1)), TEXT) }
    }

    pub(super) fn margins(&self) -> Margins {
        let label = |text: &str, width: f64| if text.is_empty() { 4.0 } else { 10.0 + width + 7.0 + TEXT };
        Margins {
            left: label(&self.map.y_label, self.numbers(&self.map.y_label, self.map.first.0, self.map.values.nrows())),
            right: self.bar.as_ref().map_or(4.0, Bar::width),
            top: self.heading.height() + 4.0 + self.bar.as_ref().map_or(0.0, Bar::above),
            bottom: label(&self.map.x_label, TEXT),
        }
    }

    pub(super) fn draw<DB: DrawingBackend>(&self, page: &Page<'_, DB>, frame: &Frame) -> Drawn {
        let ink = INK.to_rgba();
        let (rows, columns) = self.map.values.dim();
        let colour = |row, column| self.colours.of(self.map.values[[row, column]]).unwrap_or(MISSING);
        let (x, y) =
            (|column: usize| frame.left + self.cell * column as f64, |row: usize| frame.top + self.cell * row as f64);
        // Each reaches under the next, or a reader's smoothing would leave a light seam.
        let under = |end: f64, last: f64| (end + 0.5).min(last);
        for row in 0..rows {
            let mut from = 0;
            for column in 1..=columns {
                if column == columns || colour(row, column) != colour(row, from) {
                    let end = (under(x(column), frame.right), under(y(row + 1), frame.bottom));
                    page.block((x(from), y(row)), end, colour(row, from).to_rgba())?;
                    from = column;
                }
            }
        }
        for (number, text) in self.texts.iter().enumerate() {
            let (row, column) = (number / columns, number % columns);
            let RGBColor(r, g, b) = colour(row, column);
            let light = 0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b) > 140.0;
            let at = (x(column) + self.cell / 2.0, y(row) + self.cell / 2.0);
            page.text(text, at, SMALL, Anchor::Centre, if light { ink } else { WHITE.to_rgba() })?;
        }
        if rows == 0 || columns == 0 {
            super::axis::say(page, frame, "no data")?;
        }
        page.line(&frame.corners(), ink, 0.9)?;
        self.names(page, frame)?;
        self.heading.draw(page, frame.middle().0, frame.top - self.margins().top + self.heading.height())?;
        self.bar.as_ref().map_or(Ok(()), |bar| bar.draw(page, frame))
    }

    fn names<DB: DrawingBackend>(&self, page: &Page<'_, DB>, frame: &Frame) -> Drawn {
        let ink = INK.to_rgba();
        let (rows, columns) = self.map.values.dim();
        let at = |number: usize| self.cell * (number as f64 + 0.5);
        if !self.map.x_label.is_empty() {
            let every = step(columns, (self.numbers(&self.map.x_label, self.map.first.1, columns) + 8.0) / self.cell);
            for column in (0..columns).step_by(every) {
                page.text(
                    &self.number(self.map.first.1, column),
                    (frame.left + at(column), frame.bottom + 4.0),
                    TEXT,
                    Anchor::Below,
                    ink,
                )?;
            }
            let below = (frame.middle().0, frame.bottom + TEXT + 9.0);
            page.text(&self.map.x_label, below, TEXT, Anchor::Below, ink)?;
        }
        if !self.map.y_label.is_empty() {
            let every = step(rows, 15.0 / self.cell);
            for row in (0..rows).step_by(every) {
                let name = self.number(self.map.first.0, row);
                page.text(&name, (frame.left - 5.0, frame.top + at(row)), TEXT, Anchor::Right, ink)?;
            }
            let beside = frame.left - self.numbers(&self.map.y_label, self.map.first.0, rows) - 10.0 - TEXT / 2.0;
            page.text(&self.map.y_label, (beside, frame.middle().1), TEXT, Anchor::Turned, ink)?;
        }
        Ok(())
    }
}

/// How many of these lie between two names, if each name takes this many of them.
fn step(count: usize, each: f64) -> usize {
    let nice = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
    nice.into_iter().find(|&n| n as f64 >= each).unwrap_or(count.max(1))
}

/// The numbers as they are written into cells, alike for all.
fn texts(map: &Map) -> Vec<String> {
    let finite = || map.values.iter().filter(|v| v.is_finite());
    let most = finite().fold(0.0_f64, |most, v| most.max(v.abs()));
    let whole = finite().all(|v| v.fract() == 0.0) && most < 1e7;
    let text = |&v: &f64| match () {
        () if !v.is_finite() => String::new(),
        () if whole => format!("{v:.0}"),
        () if !(0.1..1e4).contains(&most) => format!("{v:.1e}"),
        () if most >= 100.0 => format!("{v:.0}"),
        () if most >= 10.0 => format!("{v:.1}"),
        () => format!("{v:.2}"),
    };
    map.values.iter().map(|v| text(v).replace('-', "−")).collect()
}
