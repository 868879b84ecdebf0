//! trapline: a simulator of charge-trap synaptic crossbars.

pub mod outcome;
pub mod rng;
