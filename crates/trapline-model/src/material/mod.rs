//! What a cell is made of: a TOML file becomes checked numbers and trap classes.
//!
//! A material is read once ([`load`]), is immutable, and lives as long as the
//! run. Every number of a file carries its unit and its source; here they are
//! SI, energies in eV. The shipped materials are embedded in the program.

pub mod classes;
pub mod draft;
mod file;
pub mod measured;
pub mod quadrature;
mod quantity;
pub mod well;

pub use classes::{Spread, TrapClass};
use measured::MeasuredCurrent;

use crate::files::{self, TextError};
use std::path::{Path, PathBuf};

/// Most trap classes a cell can have.
pub const MAX_CLASSES: usize = 24;

/// The materials that come with the program: name and file.
pub const SHIPPED: [(&str, &str); 3] = [
    ("pi-ws2-qd", include_str!("../../../../materials/pi-ws2-qd.toml")),
    ("pi-ws2-ns", include_str!("../../../../materials/pi-ws2-ns.toml")),
    ("pi", include_str!("../../../../materials/pi.toml")),
];

/// A checked material.
#[derive(Debug, Clone, PartialEq)]
pub struct Material {
    pub name: String,
    pub description: String,
    /// The file, byte for byte; only the columns of a table that lies in a file of its own are written into it.
    pub text: String,
    pub glass_transition_k: f64,
    pub thickness_m: f64,
    /// Area that takes part in conduction and capture.
    pub area_m2: f64,
    pub barrier: Barrier,
    pub injection: Injection,
    /// An injected current that was measured, in the place of the formula.
    pub measured: Option<MeasuredCurrent>,
    pub hopping: Option<Hopping>,
    /// Shallowest first; empty where there are no traps.
    pub classes: Vec<TrapClass>,
    /// What the classes stand for, where the traps are dots or sheets.
    pub spread: Option<Spread>,
    /// Attempt rate of thermal escape, 1/s.
    pub attempt_per_s: f64,
    /// Present exactly where there are classes.
    pub capture: Option<Capture>,
    pub field_release: Option<FieldRelease>,
    /// Release by the relaxing matrix; `None` where it is switched off.
    pub matrix: Option<Matrix>,
    pub variation: Variation,
}

impl Material {
    /// The material without release by the matrix.
    pub fn without_matrix(self) -> Material {
        Material { matrix: None, ..self }
    }

    /// The material with other classes, which heat alone empties: what is lost of them has a closed form.
    pub fn with_thermal_classes(self, classes: Vec<TrapClass>) -> Material {
        Material { classes, spread: None, matrix: None, ..self }
    }
}

/// The tunnelling barrier of equation 1 of the paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Barrier {
    pub height_ev: f64,
    /// Tunnelling mass, in electron masses.
    pub mass: f64,
    /// Width at the reference concentration.
    pub width_m: f64,
    pub reference_concentration: f64,
    /// How much thinner the barrier is per unit of dot concentration.
    pub thinning_m: f64,
    /// Dot concentration of this material, 0 to 1.
    pub concentration: f64,
}

/// Injection from the electrode, at the reference temperature and concentration. The four numbers of the formula are
/// 0 where a measured current takes its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Injection {
    pub direct_s: f64,
    pub superlinearity_per_v2: f64,
    pub fowler_nordheim_a_per_v2: f64,
    pub fowler_nordheim_v: f64,
    /// Share theta0 of the injected electrons that passes empty traps.
    pub free_share: f64,
    pub reference_k: f64,
    /// Whether the electrode's Fermi tail broadens injection with temperature.
    pub thermal_broadening: bool,
}

/// Hopping between nanosheets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hopping {
    pub conductance_s: f64,
    /// beta at the reference temperature of the injection; it falls as 1/T.
    pub field_per_root_v: f64,
    pub activation_ev: f64,
}

/// Filling of the traps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capture {
    pub trap_filled_v: f64,
    pub onset_v: f64,
    /// Bias at which half of the offered electrons stays.
    pub stay_midpoint_v: f64,
    pub stay_width_v: f64,
    /// Under negative bias the share that stays is that of this positive bias.
    pub reverse_stay_v: f64,
    /// Traps of the cell, N_d.
    pub traps: f64,
}

/// Release by a negative field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldRelease {
    pub attempt_per_s: f64,
    pub bias_v: f64,
}

/// Alpha relaxation of the polymer near its glass transition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matrix {
    /// Relaxation time at the glass transition, s.
    pub relaxation_s: f64,
    /// Fragility m: decades per (Tg/T - 1).
    pub fragility: f64,
}

impl Matrix {
    /// Rate at which it empties any trap, 1/s: `10^(m (1 - Tg/T))/tau_g`, written without the relaxation time, which
    /// overflows f32 below 336 K. At most 1e100: a product with any time stays a number.
    pub fn release_per_s(&self, glass_transition_k: f64, temperature_k: f64) -> f64 {
        (libm::pow(10.0, -self.fragility * (glass_transition_k / temperature_k - 1.0)) / self.relaxation_s).min(1e100)
    }
}

/// Standard deviations, of ln(size), ln(area), ln(V_TFL) from cell to cell and of ln(capture speed) from pulse to
/// pulse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variation {
    pub size: f64,
    pub area: f64,
    pub trap_filled: f64,
    pub capture_speed: f64,
}

impl Variation {
    /// Largest standard deviation of the dots' size from cell to cell: beyond it the quadratic depth shift no longer
    /// follows the well.
    pub const MOST_SIZE: f64 = 0.05;
    /// Largest one of the other factors, which are log-normal.
    pub const MOST: f64 = 0.5;

    /// Every cell the nominal one.
    pub const OFF: Variation = Variation { size: 0.0, area: 0.0, trap_filled: 0.0, capture_speed: 0.0 };
}

/// What is wrong with a material.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    #[error("{0}")]
    Syntax(String),
    #[error("key {key}: {message}")]
    Value { key: String, message: String },
    #[error("{origin}: {error}")]
    In { origin: String, error: Box<MaterialError> },
    #[error(
        "{path}: cannot be read: {reason}; give the path of a material file (in a campaign: seen from its folder), or a shipped name: {shipped}",
        shipped = shipped_names()
    )]
    Unreadable { path: String, reason: String },
    #[error("no material named \"{0}\"; shipped are {shipped}; for a file of your own give its path, ending in .toml", shipped = shipped_names())]
    Unknown(String),
}

impl MaterialError {
    fn value(key: &str, message: impl Into<String>) -> Self {
        Self::Value { key: key.to_owned(), message: message.into() }
    }

    fn of(self, origin: &str) -> Self {
        Self::In { origin: origin.to_owned(), error: Box::new(self) }
    }
}

fn shipped_names() -> String {
    SHIPPED.map(|(name, _)| name).join(", ")
}

/// Reads and checks the text of a material file; `origin` names it in errors.
pub fn parse(text: &str, origin: &str) -> Result<Material, MaterialError> {
    file::parse(text, origin)
}

/// The shipped material of this name.
pub fn shipped(name: &str) -> Result<Material, MaterialError> {
    match SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
        Some((_, text)) => parse(text, name),
        None => Err(MaterialError::Unknown(name.to_owned())),
    }
}

/// The path of a material that is not shipped: a slash or `.toml` makes it one, seen from `base`.
pub fn path_of(name_or_path: &str, base: &Path) -> Option<PathBuf> {
    let is_path = name_or_path.contains(['/', '\\']) || name_or_path.ends_with(".toml");
    is_path.then(|| base.join(name_or_path))
}

/// A shipped material by name, or a file by path (relative to `base`): a slash or `.toml` makes it a path.
pub fn load(name_or_path: &str, base: &Path) -> Result<Material, MaterialError> {
    let Some(path) = path_of(name_or_path, base) else {
        return shipped(name_or_path);
    };
    let shown = path.display().to_string();
    let text = files::read_text(&path).map_err(|error| match error {
        TextError::Unreadable(e) => MaterialError::Unreadable { path: shown.clone(), reason: e.to_string() },
        TextError::Content(what) => {
            MaterialError::Syntax(format!("{what}; `trapline materials NAME` prints one to copy")).of(&shown)
        }
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let text = measured::with_columns(text, folder).map_err(|error| error.of(&shown))?;
    parse(&text, &shown)
}

/// The files that a material was made from when it was loaded by this name or path; none where it is shipped.
pub fn inputs(material: &Material, name_or_path: &str, base: &Path) -> Vec<PathBuf> {
    let path = path_of(name_or_path, base);
    let table = material.measured.as_ref().and_then(|of| of.file.as_ref());
    let beside = path.as_ref().zip(table).map(|(path, file)| path.with_file_name(file));
    path.into_iter().chain(beside).collect()
}

#[cfg(test)]
mod tests;
