//! Summary numbers from recorded data. It knows the record and nothing of who computed it.

pub mod cells;
pub mod lifetime;
pub mod line;
pub mod quantile;
pub mod report;
pub mod retention;
mod table;

pub use table::Table;
