//! A figure as a page of its own: numbers under the pointer, and curves that can be hidden.

use std::path::{Path, PathBuf};

use maud::html;
use trapline_model::files::commit::Batch;

use super::page::shell;
use crate::figure::{FigureError, Look, Panel, Plate, page_drawing, stage_plate};
use crate::html::drawing;

/// Writes the files that a figure is in this look, which get their names with the rest of a batch: as
/// [`stage_plate`] does, and `STEM.figure.html` where the look has a page.
///
/// # Errors
/// As [`stage_plate`].
pub fn stage_figure(batch: &mut Batch, plate: &Plate, stem: &Path, look: &Look) -> Result<Vec<PathBuf>, FigureError> {
    let mut paths = stage_plate(batch, plate, stem, look)?;
    if look.has_page() {
        let name = stem.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let path = stem.with_file_name(format!("{name}.figure.html"));
        batch.text(&path, &figure_page(plate, &name)?)?;
        paths.push(path);
    }
    Ok(paths)
}

/// The page of a figure whose other files lie beside it under this name.
fn figure_page(plate: &Plate, name: &str) -> Result<String, FigureError> {
    let titled = |panel: &Panel| match panel {
        Panel::Chart(chart) => Some(chart.title.clone()),
        Panel::Map(map) => Some(map.title.clone()),
        Panel::Blank => None,
    };
    let title = plate.title.clone().or_else(|| plate.panels.iter().find_map(titled)).unwrap_or_default();
    let title = if title.is_empty() { name.to_owned() } else { title };
    let body = html! {
        "\n" figure { (drawing(&page_drawing(plate)?)) figcaption {
            "Point at a curve or a field for its numbers; click a name to hide or show its curve. "
            (super::page::files_of(name))
        } } "\n"
    };
    Ok(shell(&title, &body))
}
