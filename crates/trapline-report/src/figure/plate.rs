//! A page of charts and maps.

mod sheet;

use std::path::{Path, PathBuf};

use plotters::backend::DrawingBackend;
use plotters::style::Color;

use super::canvas::{self, Anchor, Drawn, Page};
use super::chart::Chart;
use super::look::Look;
use super::map::Map;
use super::scale::{GREY, INK};
use super::{FigureError, data};
use sheet::Sheet;
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

/// Writes `STEM.png`, `STEM.svg` and `STEM.figure.csv`, with all numbers that it shows, and returns their paths.
///
/// # Errors
/// [`FigureError`] where the folder cannot be written, or the page is too large to be drawn.
pub fn plate(plate: &Plate, stem: &Path, look: &Look) -> Result<Vec<PathBuf>, FigureError> {
    let mut batch = Batch::new();
    let paths = stage_plate(&mut batch, plate, stem, look)?;
    batch.replace()?;
    Ok(paths)
}

/// The same of files that get their names with the rest of a batch.
///
/// # Errors
/// As [`plate`].
pub fn stage_plate(batch: &mut Batch, plate: &Plate, stem: &Path, look: &Look) -> Result<Vec<PathBuf>, FigureError> {
    let dressed = look.dressed(plate);
    let (page, zoom) = Sheet::looking(&dressed, look);
    page.check(stem, zoom)?;
    let dots_per_inch = page.dots_per_inch(zoom, look.dots_per_inch());
    let mut paths = canvas::stage(batch, &page, stem, (look, zoom, dots_per_inch))?;
    let table = canvas::with_ending(stem, "figure.csv");
    batch.text(&table, &data::table(plate))?;
    paths.push(table);
    Ok(paths)
}

/// The page as SVG, an `<svg>` element to be put into another page.
///
/// # Errors
/// [`FigureError`] where the page is too large to be drawn.
pub fn plate_svg(plate: &Plate) -> Result<String, FigureError> {
    let page = Sheet::new(plate);
    page.check(Path::new("the page"), 1.0)?;
    canvas::svg(&page, false)
}

/// A figure inside a page: as it is on a screen and, where that is too wide for a phone, with its panels below one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageDrawing {
    /// An `<svg>` element.
    pub wide: String,
    pub narrow: Option<String>,
    /// JSON of what lies where, for a page that tells numbers under the pointer: `panels`, a list, each with its frames in
    /// points of the wide and the narrow form, its axes and its curves, or its map.
    pub told: String,
}

/// The page for a page of HTML.
///
/// # Errors
/// As [`plate_svg`].
pub fn page_drawing(plate: &Plate) -> Result<PageDrawing, FigureError> {
    let wide = Sheet::new(plate);
    wide.check(Path::new("the page"), 1.0)?;
    let narrow = Sheet::narrow(plate);
    // One that is too long is left to be scrolled aside.
    let fits = narrow.size.0 < wide.size.0 && narrow.check(Path::new("the page"), 1.0).is_ok();
    let narrow = fits.then_some(narrow);
    let told = wide.told(narrow.as_ref()).to_string();
    let narrow = narrow.map(|narrow| canvas::svg(&narrow, true)).transpose()?;
    Ok(PageDrawing { wide: canvas::svg(&wide, true)?, narrow, told })
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
