//! trapline: a simulator of charge-trap synaptic crossbars.

pub mod analysis;
pub mod array;
pub mod backend;
pub mod cell;
pub mod experiment;
pub mod figure;
pub mod material;
pub mod outcome;
pub mod protocol;
pub mod record;
pub mod rng;
mod toml_file;
pub mod units;
