//! A page of charts and maps.

use std::path::{Path, PathBuf};

use plotters::backend::DrawingBackend;
use plotters::style::Color;

use super::FigureError;
use super::axis::Margins;
use super::canvas::{self, Anchor, Drawing, Drawn, Page};
use super::chart::{self, Chart};
use super::frame::Frame;
use super::map::{self, Map};
use super::scale::{GREY, INK};
use trapline_model::files::commit::Batch;

/// One of the pictures of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Panel {
    Chart(Chart),
    Map(Map),
    /// Nothing: keeps its place free.
    Blank,
}

/// A page: panels in rows of so many columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plate {
    pub title: Option<String>,
    pub panels: Vec<Panel>,
    /// Panels side by side; 0 is taken for 1. Panels get smaller from three on.
    pub columns: usize,
}

impl Plate {
    /// A page of one chart.
    pub fn of(chart: Chart) -> Plate {
        Plate { title: None, panels: vec![Panel::Chart(chart)], columns: 1 }
    }
}

/// Writes `STEM.png` and `STEM.svg` and returns their paths.
///
/// # Errors
/// [`FigureError`] where the folder cannot be written, or the page is too large to be drawn.
pub fn plate(plate: &Plate, stem: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let mut batch = Batch::new();
    let paths = stage_plate(&mut batch, plate, stem)?;
    batch.replace()?;
    Ok(paths)
}

/// The same of files that get their names with the rest of a batch.
///
/// # Errors
/// As [`plate`].
pub fn stage_plate(batch: &mut Batch, plate: &Plate, stem: &Path) -> Result<Vec<PathBuf>, FigureError> {
    let page = Sheet::new(plate);
    page.check(stem)?;
    canvas::stage(batch, &page, stem)
}

/// The page as SVG, an `<svg>` element to be put into another page.
///
/// # Errors
/// [`FigureError`] where the page is too large to be drawn.
pub fn plate_svg(plate: &Plate) -> Result<String, FigureError> {
    let page = Sheet::new(plate);
    page.check(Path::new("the page"))?;
    canvas::svg(&page)
}

/// A figure inside a page: as it is on a screen and, where that is too wide for a phone, with its panels below one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageDrawing {
    /// An `<svg>` element.
    pub wide: String,
    pub narrow: Option<String>,
}

/// The page for a page of HTML.
///
/// # Errors
/// As [`plate_svg`].
pub fn page_drawing(plate: &Plate) -> Result<PageDrawing, FigureError> {
    let wide = Sheet::new(plate);
    wide.check(Path::new("the page"))?;
    let narrow = Sheet::narrow(plate);
    // One that is too long is left to be scrolled aside.
    let fits = narrow.size.0 < wide.size.0 && narrow.check(Path::new("the page")).is_ok();
    let narrow = if fits { Some(canvas::svg(&narrow)?) } else { None };
    Ok(PageDrawing { wide: canvas::svg(&wide)?, narrow })
}

/// Title and subtitle over a frame.
pub(super) struct Heading {
    title: Vec<String>,
    subtitle: Vec<String>,
}

impl Heading {
    const TITLE: f64 = 12.0;
    const SUBTITLE: f64 = 9.5;

    pub(super) fn new(title: &str, subtitle: Option<&str>, width: f64) -> Heading {
        // Bold letters are about an eighth wider than those measured.
        Heading {
            title: canvas::lines(title, Self::TITLE * 1.12, width, 2),
            subtitle: canvas::lines(subtitle.unwrap_or_default(), Self::SUBTITLE, width, 2),
        }
    }

    pub(super) fn height(&self) -> f64 {
        let lines = self.title.len() as f64 * (Self::TITLE + 4.0) + self.subtitle.len() as f64 * (Self::SUBTITLE + 4.0);
        if lines > 0.0 { lines + 1.0 } else { 0.0 }
    }

    /// Draws it centred with its lower edge here.
    pub(super) fn draw<DB: DrawingBackend>(&self, page: &Page<'_, DB>, x: f64, bottom: f64) -> Drawn {
        let mut y = bottom - self.height();
        for line in &self.title {
            page.bold(line, (x, y + Self::TITLE / 2.0), Self::TITLE, Anchor::Centre, INK.to_rgba())?;
            y += Self::TITLE + 4.0;
        }
        for line in &self.subtitle {
            page.text(line, (x, y + Self::SUBTITLE / 2.0), Self::SUBTITLE, Anchor::Centre, GREY.to_rgba())?;
            y += Self::SUBTITLE + 4.0;
        }
        Ok(())
    }
}

enum Ready<'a> {
    Chart(Box<chart::Ready<'a>>),
    Map(Box<map::Ready<'a>>),
    Blank,
}

impl Ready<'_> {
    fn size(&self) -> (f64, f64) {
        match self {
            Ready::Chart(chart) => chart.size(),
            Ready::Map(map) => map.size(),
            Ready::Blank => (0.0, 0.0),
        }
    }

    fn margins(&self) -> Margins {
        match self {
            Ready::Chart(chart) => chart.margins(),
            Ready::Map(map) => map.margins(),
            Ready::Blank => Margins::default(),
        }
    }
}

/// What pictures that share a bar of colours have in common; none where the range is the picture's own.
fn colours(panel: &Panel) -> Option<((f64, f64), bool, &str)> {
    match panel {
        Panel::Map(map) => Some((map.range?, map.log, &map.value_label)),
        Panel::Chart(Chart { heat: Some(heat), .. }) => Some((heat.range?, heat.log, &heat.label)),
        _ => None,
    }
}

/// Where a column or a row of frames begins, and how long they may be.
struct Track {
    from: f64,
    length: f64,
}

struct Sheet<'a> {
    title: Vec<String>,
    panels: Vec<Ready<'a>>,
    columns: Vec<Track>,
    rows: Vec<Track>,
    size: (f64, f64),
}

impl<'a> Sheet<'a> {
    const EDGE: f64 = 8.0;
    const GAP: f64 = 10.0;
    const TITLE: f64 = 14.0;
    /// Side of the largest page, in points: its bitmap, four times finer, still fits memory.
    const LARGEST: f64 = 3600.0;

    fn new(plate: &'a Plate) -> Self {
        Sheet::of(plate, false)
    }

    /// With one column, and legends below their charts.
    fn narrow(plate: &'a Plate) -> Self {
        Sheet::of(plate, true)
    }

    fn of(plate: &'a Plate, narrow: bool) -> Self {
        let panels: Vec<&'a Panel> = plate.panels.iter().filter(|panel| !narrow || **panel != Panel::Blank).collect();
        let count = if narrow { 1 } else { plate.columns.clamp(1, panels.len().max(1)) };
        let frame = match count {
            1 | 2 => (300.0, 210.0),
            3 => (240.0, 170.0),
            _ => (200.0, 140.0),
        };
        let height = if count > 3 { 112.0 } else { frame.1 };
        let one = |(number, panel): (usize, &'a Panel)| {
            // The last of its row has the bar of all that share it; a row that ends early has the bar of the row above.
            let next = match (number + 1) % count {
                0 => None,
                _ if number + 1 < panels.len() => panels.get(number + 1).copied(),
                _ => (number / count * count).checked_sub(1).and_then(|above| panels.get(above).copied()),
            };
            let bar = colours(panel).is_some() && colours(panel) != next.and_then(colours);
            match panel {
                Panel::Chart(chart) => {
                    let own = bar || chart.heat.as_ref().is_some_and(|heat| heat.range.is_none());
                    Ready::Chart(Box::new(chart::Ready::new(chart, frame, own, narrow)))
                }
                Panel::Map(map) => Ready::Map(Box::new(map::Ready::new(map, height, bar || map.range.is_none()))),
                Panel::Blank => Ready::Blank,
            }
        };
        let panels: Vec<Ready<'a>> = panels.iter().copied().enumerate().map(one).collect();
        let of = |pick: &dyn Fn(&Ready<'_>) -> f64, chosen: &dyn Fn(usize) -> bool| {
            let values = panels.iter().enumerate().filter(|(number, _)| chosen(*number)).map(|(_, panel)| pick(panel));
            values.fold(0.0, f64::max)
        };
        let mut columns = Vec::new();
        let mut x = Self::EDGE;
        for column in 0..count {
            let here = |number: usize| number % count == column;
            let from = x + of(&|p| p.margins().left, &here);
            let length = of(&|p| p.size().0, &here);
            x = from + length + of(&|p| p.margins().right, &here) + Self::GAP;
            columns.push(Track { from, length });
        }
        let width = (x - Self::GAP + Self::EDGE).max(160.0);
        let title = canvas::lines(plate.title.as_deref().unwrap_or_default(), Self::TITLE * 1.12, width - 20.0, 2);
        let mut y = Self::EDGE + title.len() as f64 * (Self::TITLE + 6.0) + if title.is_empty() { 0.0 } else { 6.0 };
        let mut rows = Vec::new();
        for row in 0..panels.len().div_ceil(count) {
            let here = |number: usize| number / count == row;
            let from = y + of(&|p| p.margins().top, &here);
            let length = of(&|p| p.size().1, &here);
            y = from + length + of(&|p| p.margins().bottom, &here) + Self::GAP;
            rows.push(Track { from, length });
        }
        Sheet { title, panels, columns, rows, size: (width, y - Self::GAP + Self::EDGE) }
    }

    fn check(&self, path: &Path) -> Result<(), FigureError> {
        let (width, height) = self.size;
        if width.max(height) <= Self::LARGEST && width * height <= Self::LARGEST * Self::LARGEST / 4.0 {
            return Ok(());
        }
        let found = format!("the page would be {width:.0} by {height:.0} points, and may be {0} by {0}", Self::LARGEST);
        Err(FigureError::draw(path, format!("{found}; draw fewer panels on one page")))
    }
}

impl Drawing for Sheet<'_> {
    fn size(&self) -> (u32, u32) {
        (self.size.0.ceil() as u32, self.size.1.max(40.0).ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Drawn {
        let mut y = Self::EDGE + Self::TITLE / 2.0;
        for line in &self.title {
            page.bold(line, (self.size.0 / 2.0, y), Self::TITLE, Anchor::Centre, INK.to_rgba())?;
            y += Self::TITLE + 6.0;
        }
        for (number, panel) in self.panels.iter().enumerate() {
            let (column, row) = (&self.columns[number % self.columns.len()], &self.rows[number / self.columns.len()]);
            let (width, height) = panel.size();
            // In the middle of its column, and at the top of its row.
            let left = (2.0 * (column.from + (column.length - width) / 2.0)).round() / 2.0;
            let top = (2.0 * row.from).round() / 2.0;
            let frame = Frame { left, right: left + width, top, bottom: top + height };
            match panel {
                Ready::Chart(chart) => chart.draw(page, &frame)?,
                Ready::Map(map) => map.draw(page, &frame)?,
                Ready::Blank => {}
            }
        }
        Ok(())
    }
}
