//! The tests of `trapline-study`, one program.

mod agreement;
mod campaign_parser;
mod closed_forms;
mod coupled;
mod coverage;
mod curves;
mod fit_errors;
#[path = "../../../../tests/support/kinetics.rs"]
mod kinetics;
mod paper;
mod runs;
mod same_bits;
mod selftest;
mod spread;
mod statistics;
#[path = "../../../../tests/support/mod.rs"]
mod support;
