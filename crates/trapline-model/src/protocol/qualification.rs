//! What a qualification asks of a bake: when parts are read out, what a part is, and what fails it.

use serde::Deserialize;

/// `[qualification]` of a campaign file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualificationFile {
    /// When parts are read out, s after programming; joins the report times.
    pub after_s: f64,
    /// Name of the sweep whose places are the parts.
    pub parts: String,
    /// Name of the sweep whose places are the lots; one lot where it is left out.
    pub lots: Option<String>,
    /// Share of a part's cells, from 0 to below 1; 0 where it is left out: one failed cell fails a part.
    #[serde(default)]
    pub part_fails_above: f64,
    /// Failed parts a lot may have; 0 where it is left out.
    #[serde(default)]
    pub allowed_fails: i64,
}
