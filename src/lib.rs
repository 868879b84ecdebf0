//! trapline: a simulator of charge-trap synaptic crossbars.

pub mod analysis;
pub mod figure;
pub mod outcome;
pub mod record;
pub mod rng;
