//! The tests of `trapline-model`, one program.

mod cell_claims;
mod rng_normal;
