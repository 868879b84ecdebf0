//! Computes cells.

pub mod backend;
pub mod rare;
