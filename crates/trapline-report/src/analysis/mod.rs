//! Summary numbers from recorded data. It knows the record and nothing of who computed it.

pub mod benchmark;
pub mod cells;
pub mod diff;
pub mod lifetime;
pub mod limits;
pub mod line;
pub mod qualification;
pub mod quantile;
pub mod report;
pub mod retention;
pub mod scaling;
mod table;

pub use table::Table;
