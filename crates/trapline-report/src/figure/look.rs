//! How figures look: for a screen, in a paper or on a slide; their size, their letters, and which files they are.

use super::plate::{Panel, Plate};

/// Width of a point, mm.
pub const MM_PER_PT: f64 = 25.4 / 72.0;
/// Letters of axes on a screen, pt.
const SCREEN_LETTERS_PT: f64 = 11.0;

/// Endings of all files that a figure may be: pictures, its data, and a page.
pub const ENDINGS: [&str; 4] = ["png", "svg", "figure.csv", "figure.html"];

/// What a figure is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Medium {
    /// As large as its panels are, with letters of 11 pt.
    #[default]
    Screen,
    /// One column of a journal, 85 mm, for a page of one column of panels, else two columns, 178 mm; letters of 8 pt; no
    /// title over the figure, whose place is the caption; panels of several are lettered. 300 dots per inch.
    Paper,
    /// A page of 16 to 9, 338.7 mm wide, with letters of 18 pt.
    Slide,
}

/// How a figure looks: a medium, and what is asked for beside it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    medium: Medium,
    width_mm: Option<f64>,
    letters_pt: Option<f64>,
    font: Option<String>,
    page: bool,
}

/// What a look cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LookError {
    #[error("a figure cannot be {0} mm wide; the width must be 40 to 1000 mm")]
    Width(f64),
    #[error("letters cannot be of {0} pt; the size must be 4 to 72 pt")]
    Letters(f64),
    #[error(
        "{0:?} is no name of a font; it must be of letters, digits, spaces and hyphens, 60 at most: \"Source Sans 3\""
    )]
    Font(String),
}

impl Look {
    /// The look of a medium.
    pub fn of(medium: Medium) -> Look {
        Look { medium, ..Look::default() }
    }

    /// The same of this width, mm, whatever the number of panels. Letters get smaller where they would not fit.
    ///
    /// # Errors
    /// [`LookError::Width`] outside of 40 to 1000 mm.
    pub fn wide(self, width_mm: f64) -> Result<Look, LookError> {
        if !(40.0..=1000.0).contains(&width_mm) {
            return Err(LookError::Width(width_mm));
        }
        Ok(Look { width_mm: Some(width_mm), ..self })
    }

    /// The same with letters of this size on its axes, pt; titles and names keep their proportion to them.
    ///
    /// # Errors
    /// [`LookError::Letters`] outside of 4 to 72 pt.
    pub fn lettered(self, letters_pt: f64) -> Result<Look, LookError> {
        if !(4.0..=72.0).contains(&letters_pt) {
            return Err(LookError::Letters(letters_pt));
        }
        Ok(Look { letters_pt: Some(letters_pt), ..self })
    }

    /// The same with another font in the SVG, by name; the bitmap keeps the font it carries, DejaVu Sans.
    ///
    /// # Errors
    /// [`LookError::Font`] for what is no name of a font.
    pub fn in_font(self, name: &str) -> Result<Look, LookError> {
        let plain = |c: char| c.is_alphanumeric() || c == ' ' || c == '-';
        if name.trim().is_empty() || name.chars().count() > 60 || !name.chars().all(plain) {
            return Err(LookError::Font(name.to_owned()));
        }
        Ok(Look { font: Some(name.trim().to_owned()), ..self })
    }

    /// The same, and whether each figure is also a page that tells numbers under the pointer.
    pub fn with_page(self, page: bool) -> Look {
        Look { page, ..self }
    }

    /// Whether a figure is also a page.
    pub fn has_page(&self) -> bool {
        self.page
    }

    /// Endings of the files that a figure is.
    pub fn endings(&self) -> &'static [&'static str] {
        if self.page { &ENDINGS } else { &ENDINGS[..3] }
    }

    /// Points on the page for each point of a drawing, if nothing has to shrink.
    pub(super) fn zoom(&self) -> f64 {
        let usual = match self.medium {
            Medium::Screen => SCREEN_LETTERS_PT,
            Medium::Paper => 8.0,
            Medium::Slide => 18.0,
        };
        self.letters_pt.unwrap_or(usual) / SCREEN_LETTERS_PT
    }

    /// Size of a page with so many columns of panels, pt; what is none is as the panels have it.
    pub(super) fn size_pt(&self, columns: usize) -> (Option<f64>, Option<f64>) {
        let width_mm = self.width_mm.or(match (self.medium, columns) {
            (Medium::Screen, _) => None,
            (Medium::Paper, 0 | 1) => Some(85.0),
            (Medium::Paper, _) => Some(178.0),
            (Medium::Slide, _) => Some(960.0 * MM_PER_PT),
        });
        let width = width_mm.map(|mm| mm / MM_PER_PT);
        (width, width.filter(|_| self.medium == Medium::Slide).map(|width| width * 9.0 / 16.0))
    }

    pub(super) fn dots_per_inch(&self) -> f64 {
        match self.medium {
            Medium::Screen | Medium::Slide => 144.0,
            Medium::Paper => 300.0,
        }
    }

    /// Fonts of the SVG, as an attribute names them.
    pub(super) fn fonts(&self) -> String {
        match (&self.font, self.medium) {
            // Quoted: a part of it may begin with a digit.
            (Some(name), _) => format!("'{name}', {}", super::canvas::FONT),
            (None, Medium::Paper) => format!("Helvetica, Arial, {}", super::canvas::FONT),
            (None, _) => super::canvas::FONT.to_owned(),
        }
    }

    /// The plate with the titles that this medium shows.
    pub(super) fn dressed(&self, plate: &Plate) -> Plate {
        let mut plate = plate.clone();
        if self.medium != Medium::Paper {
            return plate;
        }
        plate.title = None;
        let mut titles: Vec<&mut String> = plate
            .panels
            .iter_mut()
            .filter_map(|panel| match panel {
                Panel::Chart(chart) => Some(&mut chart.title),
                Panel::Map(map) => Some(&mut map.title),
                Panel::Blank => None,
            })
            .collect();
        match &mut titles[..] {
            [one] => one.clear(),
            several => {
                for (number, title) in several.iter_mut().enumerate() {
                    **title = format!("({}) {title}", letter(number)).trim_end().to_owned();
                }
            }
        }
        plate
    }
}

/// `a`, `b`, to `z`, then `aa`.
fn letter(number: usize) -> String {
    let last = char::from(b'a' + (number % 26) as u8);
    if number < 26 { last.to_string() } else { format!("{}{last}", letter(number / 26 - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_size_or_font_is_refused() {
        for width in [39.9, f64::NAN, 1e4, -85.0] {
            assert!(matches!(Look::default().wide(width), Err(LookError::Width(_))), "{width}");
        }
        for size in [0.0, f64::INFINITY, 73.0] {
            assert!(matches!(Look::default().lettered(size), Err(LookError::Letters(_))), "{size}");
        }
        for name in ["", "  ", "a\"b", "a;b", "x\u{1b}", "Arial, sans"] {
            assert!(matches!(Look::default().in_font(name), Err(LookError::Font(_))), "{name:?}");
        }
        assert_eq!(
            Look::default().in_font("Source Sans 3").map(|look| look.fonts()).ok().as_deref(),
            Some("'Source Sans 3', sans-serif")
        );
    }

    #[test]
    fn panels_are_lettered() {
        assert_eq!([0, 1, 25, 26, 27, 52].map(letter), ["a", "b", "z", "aa", "ab", "ba"]);
    }
}
