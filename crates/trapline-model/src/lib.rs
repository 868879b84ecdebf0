//! What is simulated: plain data, and the equations in f64.

pub mod array;
pub mod cell;
pub mod csv_file;
pub mod dataset;
pub mod files;
pub mod material;
pub mod outcome;
pub mod protocol;
pub mod rng;
pub mod text;
pub mod toml_file;
pub mod units;
