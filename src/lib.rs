//! trapline: a simulator of charge-trap synaptic crossbars.

pub mod analysis;
pub mod array;
pub mod backend;
pub mod campaign;
pub mod cell;
pub mod figure;
pub mod material;
pub mod outcome;
pub mod protocol;
pub mod record;
pub mod rng;
mod toml_file;
pub mod units;

/// Version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit it was built from, or `unknown`.
pub const COMMIT: &str = env!("TRAPLINE_COMMIT");
