//! The tests of `trapline-study`, one program.

mod agreement;
mod campaign_parser;
mod coupled;
mod coverage;
mod curves;
mod fit_errors;
#[path = "../../../../tests/support/kinetics.rs"]
mod kinetics;
mod paper;
mod runs;
mod selftest;
mod spread;
#[path = "../../../../tests/support/mod.rs"]
mod support;
