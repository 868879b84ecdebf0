//! `trapline schema`.

use clap::{Args, ValueEnum};
use trapline::reference;

use super::{Failure, terminal};

/// A kind of file with a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Campaigns, studies and qualifications
    Campaign,
    Material,
    Fit,
    Waveform,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Campaign => "campaign",
            Kind::Material => "material",
            Kind::Fit => "fit",
            Kind::Waveform => "waveform",
        }
    }
}

/// Prints the JSON Schema of a kind of file, with which editors complete and check
#[derive(Debug, Args)]
pub struct Schema {
    /// The kind of file
    #[arg(value_enum, required_unless_present = "reference")]
    kind: Option<Kind>,
    /// Prints the reference of every key of every file, as Markdown
    #[arg(long, conflicts_with = "kind")]
    reference: bool,
}

impl Schema {
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        match self.kind {
            Some(kind) => terminal::print(&text(kind)?),
            None => terminal::print(&reference::markdown(&reference::reference().map_err(Failure::Failed)?)),
        }
    }
}

/// The schema of a kind of file, as text.
///
/// # Errors
/// [`Failure::Failed`] where the program's own data are damaged.
pub fn text(kind: Kind) -> Result<String, Failure> {
    let all = reference::reference().map_err(Failure::Failed)?;
    let schema = reference::schema(&all, kind.name());
    terminal::json(&schema.ok_or_else(|| Failure::Failed(format!("there is no schema of {}", kind.name())))?)
}
