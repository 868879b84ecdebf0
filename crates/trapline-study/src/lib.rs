//! What people ask.

pub mod calibrate;
pub mod campaign;
pub mod experiment;
pub mod paper;
