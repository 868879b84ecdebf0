//! A page in points that is drawn once as PNG and once as SVG.
//!
//! plotters places things on whole pixels, so both are drawn larger than they are shown: the bitmap is averaged down,
//! which also smooths its edges, and the SVG gets its size through its `viewBox`. A look asks for a size by a zoom: so many
//! points on paper for each point of the drawing.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use super::FigureError;
use super::look::Look;
use trapline_model::files::commit::{Batch, CommitError};
use trapline_model::text::plain;

/// Each pixel of the bitmap is the mean of this many squared.
const SMOOTHING: u32 = 2;
/// SVG units per point: curves are placed to a tenth of a point.
const SVG_UNITS: u32 = 10;

pub(super) const FONT: &str = "sans-serif";

/// A drawing area with lengths in points.
pub(super) struct Page<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    scale: f64,
    /// How far the backend sets vertically centred text too high, in parts of its size.
    lift: f64,
    /// Whether the backend needs help where a path turns.
    joints: bool,
    /// Whether what belongs together is marked as a group.
    groups: bool,
}

/// A part of a drawing that a page hides and shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// What is drawn of a curve: of which panel and which of its curves.
    Curve(usize, usize),
    /// A curve's entry in a legend.
    Key(usize, usize),
}

/// Around what stands for the begin or the end of a group until the SVG is written; no text of a figure can hold it.
const SIGN: char = '\u{1}';

/// What a backend refused, in words.
pub(super) type Drawn = Result<(), String>;

/// Where text lies relative to its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Left,
    Centre,
    Right,
    /// Centred below.
    Below,
    /// Turned a quarter to the left, centred.
    Turned,
}

impl<DB: DrawingBackend> Page<'_, DB> {
    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    /// Draws something as a part of the page that can be told from the rest.
    pub(super) fn part(&self, part: Part, draw: impl FnOnce(&Self) -> Drawn) -> Drawn {
        if !self.groups {
            return draw(self);
        }
        let (class, panel, number) = match part {
            Part::Curve(panel, number) => ("curve", panel, number),
            Part::Key(panel, number) => ("key", panel, number),
        };
        self.sign(&format!("{class} {panel} {number}"))?;
        draw(self)?;
        self.sign("")
    }

    /// A text in whose place the SVG has the tag that begins this group, or ends one.
    fn sign(&self, group: &str) -> Drawn {
        let style = TextStyle::from(FontDesc::new(FontFamily::SansSerif, 1.0, FontStyle::Normal));
        self.area.draw(&Text::new(format!("{SIGN}{group}{SIGN}"), (0, 0), style)).map_err(|e| e.to_string())
    }

    fn width(&self, points: f64) -> u32 {
        (points * self.scale).round().max(1.0) as u32
    }

    pub(super) fn line(&self, points: &[(f64, f64)], colour: RGBAColor, width: f64) -> Drawn {
        let style = ShapeStyle { color: colour, filled: false, stroke_width: self.width(width) };
        let mut path: Vec<_> = points.iter().map(|&p| self.at(p)).collect();
        // What lies on one place is drawn once.
        path.dedup();
        if !self.joints {
            return self.area.draw(&PathElement::new(path, style)).map_err(|e| e.to_string());
        }
        // The bitmap backend draws a thick path with pointed joints, which reach far out where it turns back sharply.
        let joint = (self.width(width) / 2) as i32;
        for pair in path.windows(2) {
            self.area.draw(&PathElement::new(pair.to_vec(), style)).map_err(|e| e.to_string())?;
        }
        for &centre in path.get(1..path.len().saturating_sub(1)).unwrap_or_default() {
            self.area.draw(&Circle::new(centre, joint, colour.filled())).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// A broken line; its dashes run on around corners.
    pub(super) fn dashes(&self, points: &[(f64, f64)], colour: RGBAColor, width: f64) -> Drawn {
        const ON: f64 = 5.0;
        const PERIOD: f64 = 8.5;
        let mut phase = 0.0;
        let mut dash: Vec<(f64, f64)> = Vec::new();
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let at = |d: f64| (from.0 + d / length * (to.0 - from.0), from.1 + d / length * (to.1 - from.1));
            let mut done = 0.0;
            while length - done > 1e-9 {
                let on = phase < ON;
                let next = length.min(done + if on { ON - phase } else { PERIOD - phase });
                if on {
                    if dash.is_empty() {
                        dash.push(at(done));
                    }
                    dash.push(at(next));
                }
                phase += next - done;
                done = next;
                if phase >= ON - 1e-9 && !dash.is_empty() {
                    self.line(&dash, colour, width)?;
                    dash.clear();
                }
                if on && phase >= ON - 1e-9 {
                    phase = ON;
                } else if phase >= PERIOD - 1e-9 {
                    phase = 0.0;
                }
            }
        }
        if dash.is_empty() { Ok(()) } else { self.line(&dash, colour, width) }
    }

    /// A filled rectangle between two corners.
    pub(super) fn block(&self, from: (f64, f64), to: (f64, f64), colour: RGBAColor) -> Drawn {
        let block = Rectangle::new([self.at(from), self.at(to)], colour.filled());
        self.area.draw(&block).map_err(|e| e.to_string())
    }

    pub(super) fn ring(&self, centre: (f64, f64), radius: f64, colour: RGBAColor, width: f64) -> Drawn {
        self.dot(centre, radius, WHITE.to_rgba())?;
        let style = ShapeStyle { color: colour, filled: false, stroke_width: self.width(width) };
        let ring = Circle::new(self.at(centre), self.width(radius), style);
        self.area.draw(&ring).map_err(|e| e.to_string())
    }

    pub(super) fn area(&self, outline: &[(f64, f64)], colour: RGBAColor) -> Drawn {
        let path: Vec<_> = outline.iter().map(|&p| self.at(p)).collect();
        self.area.draw(&Polygon::new(path, colour.filled())).map_err(|e| e.to_string())
    }

    pub(super) fn dot(&self, centre: (f64, f64), radius: f64, colour: RGBAColor) -> Drawn {
        let dot = Circle::new(self.at(centre), self.width(radius), colour.filled());
        self.area.draw(&dot).map_err(|e| e.to_string())
    }

    pub(super) fn text(&self, text: &str, at: (f64, f64), size: f64, anchor: Anchor, colour: RGBAColor) -> Drawn {
        self.styled(text, at, size, anchor, colour, FontStyle::Normal)
    }

    pub(super) fn bold(&self, text: &str, at: (f64, f64), size: f64, anchor: Anchor, colour: RGBAColor) -> Drawn {
        self.styled(text, at, size, anchor, colour, FontStyle::Bold)
    }

    fn styled(
        &self,
        text: &str,
        at: (f64, f64),
        size: f64,
        anchor: Anchor,
        colour: RGBAColor,
        style: FontStyle,
    ) -> Drawn {
        // A control character is not allowed in XML, whatever its escape.
        let text = plain(&text.replace(['\n', '\t'], " ")).into_owned();
        let at = match anchor {
            Anchor::Left | Anchor::Centre | Anchor::Right => (at.0, at.1 + self.lift * size),
            Anchor::Below | Anchor::Turned => at,
        };
        let (h, v) = match anchor {
            Anchor::Left => (HPos::Left, VPos::Center),
            Anchor::Centre | Anchor::Turned => (HPos::Center, VPos::Center),
            Anchor::Right => (HPos::Right, VPos::Center),
            Anchor::Below => (HPos::Center, VPos::Top),
        };
        let turn = if matches!(anchor, Anchor::Turned) { FontTransform::Rotate270 } else { FontTransform::None };
        let font = FontDesc::new(FontFamily::SansSerif, size * self.scale, style).transform(turn);
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(h, v));
        self.area.draw(&Text::new(text, self.at(at), style)).map_err(|e| e.to_string())
    }
}

/// A drawing that does not know its format.
pub(super) trait Drawing {
    /// Width and height in points.
    fn size(&self) -> (u32, u32);
    fn draw<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Drawn;
}

/// Draws `STEM.png` and `STEM.svg`, which get their names with the rest of a batch, at so many points for each of the
/// drawing's, and dots per inch.
pub(super) fn stage(
    batch: &mut Batch,
    drawing: &impl Drawing,
    stem: &Path,
    (look, zoom, dots_per_inch): (&Look, f64, f64),
) -> Result<Vec<PathBuf>, FigureError> {
    fonts().map_err(|detail| FigureError::draw(stem, detail))?;
    let png = with_ending(stem, "png");
    let svg = with_ending(stem, "svg");
    // Both are drawn before either is written.
    let pixels_per_pt = zoom * dots_per_inch / 72.0;
    let (pixels, size) = bitmap(drawing, pixels_per_pt).map_err(|detail| FigureError::draw(&png, detail))?;
    let text = vector(drawing, (look, zoom), false).map_err(|detail| FigureError::draw(&svg, detail))?;
    save(batch, &png, |out| encode(out, &pixels, size, dots_per_inch))?;
    save(batch, &svg, |out| out.write_all(text.as_bytes()))?;
    Ok(vec![png, svg])
}

/// The drawing as SVG, to be put into another page; its curves and their names are groups where a page wants them.
pub(super) fn svg(drawing: &impl Drawing, groups: bool) -> Result<String, FigureError> {
    let explain = |detail| FigureError::draw(Path::new("the figure"), detail);
    fonts().map_err(explain)?;
    vector(drawing, (&Look::default(), 1.0), groups).map_err(explain)
}

/// Width of a text in the embedded font, in points; other fonts of a reader of the SVG are rarely wider.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    // At a size at which whole pixels do not matter.
    const FINE: f64 = 100.0;
    let measured = fonts().ok().and_then(|()| {
        let font = FontDesc::new(FontFamily::SansSerif, FINE, FontStyle::Normal);
        font.box_size(text).ok()
    });
    match measured {
        Some((width, _)) => f64::from(width) * size / FINE,
        None => 0.65 * size * text.chars().count() as f64,
    }
}

pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// As much of a text as fits a width in points.
pub(super) fn fitted(text: &str, size: f64, width: f64) -> String {
    let mut count = text.chars().count();
    while count > 1 && text_width(&shortened(text, count), size) > width {
        count -= 1;
    }
    shortened(text, count)
}

/// A text in lines of this width in points, broken between words; the last of `most` lines is cut.
pub(super) fn lines(text: &str, size: f64, width: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) > width => lines.push(word.to_owned()),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    if lines.len() > most {
        let rest = lines.split_off(most - 1).join(" ");
        lines.push(rest);
    }
    lines.iter().map(|line| fitted(line, size, width)).collect()
}

/// The stem is kept whole: `bake-85.5` becomes `bake-85.5.png`.
pub(super) fn with_ending(stem: &Path, ending: &str) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    PathBuf::from(path)
}

pub(super) fn save(
    batch: &mut Batch,
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), FigureError> {
    batch.write(path, |temporary| {
        let write = || {
            let mut out = BufWriter::new(File::create(temporary)?);
            fill(&mut out)?;
            out.flush()
        };
        write().map_err(|source| CommitError { path: path.to_owned(), step: "write", source }.into())
    })
}

fn fonts() -> Result<(), String> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| {
        register_font(FONT, FontStyle::Normal, dejavu::sans::regular()).is_ok()
            && register_font(FONT, FontStyle::Bold, dejavu::sans::bold()).is_ok()
    });
    if *registered { Ok(()) } else { Err("the embedded font cannot be read".to_owned()) }
}

/// At so many pixels for each point of the drawing.
fn bitmap(drawing: &impl Drawing, pixels_per_pt: f64) -> Result<(Vec<u8>, (u32, u32)), String> {
    let (width, height) = drawing.size();
    let size = [width, height].map(|points| (f64::from(points) * pixels_per_pt).round().max(1.0) as u32);
    let size = (size[0], size[1]);
    let fine = (size.0 * SMOOTHING, size.1 * SMOOTHING);
    let mut buffer = vec![0_u8; fine.0 as usize * fine.1 as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut buffer, fine).into_drawing_area();
        area.fill(&WHITE).map_err(|e| e.to_string())?;
        let scale = pixels_per_pt * f64::from(SMOOTHING);
        drawing.draw(&Page { area: &area, scale, lift: 0.16, joints: true, groups: false })?;
        area.present().map_err(|e| e.to_string())?;
    }
    Ok((averaged(&buffer, fine.0 as usize, size), size))
}

/// Each pixel the mean of a square of the fine ones.
fn averaged(fine: &[u8], fine_width: usize, (width, height): (u32, u32)) -> Vec<u8> {
    let n = SMOOTHING as usize;
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height as usize {
        for x in 0..width as usize {
            for colour in 0..3 {
                let mut sum = 0;
                for dy in 0..n {
                    for dx in 0..n {
                        sum += usize::from(fine[((y * n + dy) * fine_width + x * n + dx) * 3 + colour]);
                    }
                }
                pixels.push((sum / (n * n)) as u8);
            }
        }
    }
    pixels
}

fn encode(out: &mut BufWriter<File>, pixels: &[u8], (width, height): (u32, u32), dots_per_inch: f64) -> io::Result<()> {
    let mut encoder = png::Encoder::new(out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Its size on paper, which a page takes it in at.
    let per_metre = (dots_per_inch / 0.0254).round() as u32;
    let dims = png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter };
    encoder.set_pixel_dims(Some(dims));
    encoder.set_compression(png::Compression::Best);
    // Lines on white repeat themselves: a filter only hides it.
    encoder.set_filter(png::FilterType::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    Ok(writer.finish()?)
}

fn vector(drawing: &impl Drawing, (look, zoom): (&Look, f64), groups: bool) -> Result<String, String> {
    let (width, height) = drawing.size();
    let fine = (width * SVG_UNITS, height * SVG_UNITS);
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, fine).into_drawing_area();
        area.fill(&WHITE).map_err(|e| e.to_string())?;
        drawing.draw(&Page { area: &area, scale: f64::from(SVG_UNITS), lift: 0.0, joints: false, groups })?;
        area.present().map_err(|e| e.to_string())?;
    }
    // The drawing keeps its fine units; only the size on the page is in points.
    let fine_size = format!("width=\"{}\" height=\"{}\" viewBox", fine.0, fine.1);
    let size = [width, height].map(|points| (f64::from(points) * zoom * 100.0).round() / 100.0);
    let size = format!("width=\"{}pt\" height=\"{}pt\" viewBox", size[0], size[1]);
    let text = text.replacen(&fine_size, &size, 1);
    let text = if groups { grouped(&text) } else { text };
    let (usual, asked) = (format!("font-family=\"{FONT}\""), format!("font-family=\"{}\"", look.fonts()));
    let text = if asked == usual { text } else { text.replace(&usual, &asked) };
    // What is so anyway: a third of a heat map. A text cannot hold it, since its quotation marks are escaped.
    Ok(text.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", ""))
}

/// The SVG with the tags of its groups in the place of their signs.
fn grouped(svg: &str) -> String {
    let mut text = String::with_capacity(svg.len());
    let mut pieces = svg.split(SIGN);
    text.push_str(pieces.next().unwrap_or_default());
    while let (Some(group), Some(after)) = (pieces.next(), pieces.next()) {
        // The element around the sign goes with it.
        text.truncate(text.rfind("<text").unwrap_or(text.len()));
        let mut words = group.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some(class), Some(panel), Some(curve)) => {
                text.push_str(&format!("<g class=\"{class}\" data-panel=\"{panel}\" data-curve=\"{curve}\">"));
            }
            _ => text.push_str("</g>"),
        }
        text.push_str(after.find("</text>").map_or(after, |end| &after[end + "</text>".len()..]));
    }
    text
}
