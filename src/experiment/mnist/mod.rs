//! Handwritten digits, learnt by a single layer of simulated cells.

pub mod idx;
