//! How figures look: what commands that draw take for it.

use clap::{Args, ValueEnum};
use trapline::figure::{Look, Medium};

use super::{Failure, amounts};

/// How figures look.
#[derive(Debug, Clone, Default, Args)]
pub struct Looks {
    /// What figures are for: a screen; a paper, 85 mm wide, or 178 mm with panels beside one another, with letters of 8 pt; a
    /// slide of 16 to 9, with letters of 18 pt [default: screen]
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Figures")]
    style: Option<Style>,
    /// Width of figures, mm, or with a unit: 85, 8.5cm, 3.35in
    #[arg(long, value_name = "MM", value_parser = amounts::millimetres, allow_hyphen_values = true, help_heading = "Figures")]
    figure_width: Option<f64>,
    /// Letters on axes, pt; smaller where a figure of its width would not hold them
    #[arg(long, value_name = "PT", value_parser = amounts::points, allow_hyphen_values = true, help_heading = "Figures")]
    font_size: Option<f64>,
    /// Font of the .svg, by name; the .png keeps DejaVu Sans
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, help_heading = "Figures")]
    font: Option<String>,
}

/// How the figures of a command look that has no page for them.
#[derive(Debug, Clone, Default, Args)]
pub struct Drawing {
    #[command(flatten)]
    looks: Looks,
    /// Also writes figures as pages, .figure.html: numbers under the pointer, curves to hide and show
    #[arg(long, help_heading = "Figures")]
    interactive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Style {
    Screen,
    Paper,
    Slide,
}

impl Looks {
    /// The look that is asked for; none where no figure is drawn.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a look that is none, or one of no figure.
    pub fn look(&self, draws: bool) -> Result<Option<Look>, Failure> {
        let given = [
            (self.style.is_some(), "--style"),
            (self.figure_width.is_some(), "--figure-width"),
            (self.font_size.is_some(), "--font-size"),
            (self.font.is_some(), "--font"),
        ];
        if let Some((_, option)) = given.into_iter().find(|(given, _)| *given && !draws) {
            return Err(no_figure(option));
        }
        let look = Look::of(match self.style.unwrap_or(Style::Screen) {
            Style::Screen => Medium::Screen,
            Style::Paper => Medium::Paper,
            Style::Slide => Medium::Slide,
        });
        let of = |option: &str, error: trapline::figure::LookError| Failure::Usage(format!("{option}: {error}"));
        let look = match self.figure_width {
            Some(width_mm) => look.wide(width_mm).map_err(|e| of("--figure-width", e))?,
            None => look,
        };
        let look = match self.font_size {
            Some(size_pt) => look.lettered(size_pt).map_err(|e| of("--font-size", e))?,
            None => look,
        };
        let look = match &self.font {
            Some(name) => look.in_font(name).map_err(|e| of("--font", e))?,
            None => look,
        };
        Ok(draws.then_some(look))
    }
}

impl Drawing {
    /// Whether a look is asked for.
    pub fn is_asked(&self) -> bool {
        let Looks { style, figure_width, font_size, font } = &self.looks;
        self.interactive || style.is_some() || figure_width.is_some() || font_size.is_some() || font.is_some()
    }

    /// As [`Looks::look`], with the pages.
    ///
    /// # Errors
    /// As [`Looks::look`].
    pub fn look(&self, draws: bool) -> Result<Option<Look>, Failure> {
        if self.interactive && !draws {
            return Err(no_figure("--interactive"));
        }
        Ok(self.looks.look(draws)?.map(|look| look.with_page(self.interactive)))
    }
}

fn no_figure(option: &str) -> Failure {
    Failure::Usage(format!(
        "{option} says how figures look, and none is drawn; name an output with -o, without --no-plot"
    ))
}
