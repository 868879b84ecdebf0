//! Figures of recorded results: the only room that knows plotters.
//!
//! Every figure is drawn into memory, once per format, by the same code, and committed like a record: a file under
//! its final name is complete. Beside the pictures lie the numbers that they show. A [`Look`] says for what a figure is made. The font is embedded, so the bitmap looks the same on every machine; the SVG names the
//! generic family `sans-serif` and leaves the choice to its reader.

mod axis;
mod bar;
pub mod benchmark;
mod canvas;
mod chart;
mod data;
pub mod digits;
mod frame;
mod heat;
pub mod lifetime;
mod look;
mod map;
mod marks;
mod plate;
mod qualification;
mod retention;
mod scale;
pub mod scaling;

use std::path::{Path, PathBuf};

pub use axis::{Axis, Reading};
pub use chart::{Chart, Curve, Mark, Style};
pub use data::COLUMNS as NUMBERS_OF_FIGURE;
pub use heat::Heat;
pub use look::{ENDINGS, Look, LookError, MM_PER_PT, Medium};
pub use map::Map;
pub use plate::{PageDrawing, Panel, Plate, page_drawing, plate, plate_svg, stage_plate};
pub use qualification::qualification;
pub use retention::retention;
pub use scale::Colour;

use trapline_model::files::commit::CommitError;
use trapline_record::RecordError;

/// Why a figure could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    #[error(transparent)]
    Commit(#[from] CommitError),

    #[error(transparent)]
    Record(#[from] RecordError),

    #[error("cannot draw {}: {detail}; look at the numbers with `trapline show`", path.display())]
    Draw { path: PathBuf, detail: String },

    #[error("cannot draw {}: the record has {found} materials, and a figure holds 1 to {limit}; run fewer in one campaign", path.display())]
    TooMany { path: PathBuf, found: usize, limit: usize },
}

impl FigureError {
    fn draw(path: &Path, detail: impl ToString) -> Self {
        FigureError::Draw { path: path.to_owned(), detail: detail.to_string() }
    }
}
