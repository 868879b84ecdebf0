//! The source paper, figure by figure and claim by claim, from simulated raw data.

pub mod claims;
pub mod raw;
