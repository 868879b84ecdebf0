//! What recorded results say.

pub mod analysis;
pub mod figure;
pub mod html;
pub mod report;
