//! A law fitted to the counts about one fraction.
//!
//! Lives are not quite lognormal, nor Weibull's. A law of all counts is ruled by their middle: where lives are skewed by
//! a few hundredths of their spread, the time that it has for the first thousandth is off by more than bounds that
//! narrow with the root of the cells, and no test of the whole law sees it. The same law through the counts on either
//! side of a fraction has to hold there only.

use super::data::Lifetimes;
use super::fit::Fit;
use super::law::Law;
use super::{shape_told, time_told};

/// Cells that fail on either side of a fraction, in the counts that tell the time to it. The more there are, the less
/// chance is in it, and the more it is the law.
const FAILURES_BESIDE: u64 = 100;

impl Fit {
    /// The law fitted to the fewest checkpoints about a fraction that tell the time to it: with 100 failures on either
    /// side, or twice as many until it is told. None where it takes all of them.
    pub fn about(law: Law, data: &Lifetimes, fraction: f64, confidence: f64) -> Option<Fit> {
        let mut failures = FAILURES_BESIDE;
        while let Some(near) = data.about(fraction, failures) {
            let told = |fit: &Fit| {
                fit.shape(confidence).is_ok_and(|shape| shape_told(law, &shape).is_ok())
                    && fit.life(fraction, confidence).is_ok_and(|life| time_told(&life, data).is_ok())
            };
            if let Some(fit) = Fit::new(law, &near).ok().filter(told) {
                return Some(fit);
            }
            failures = failures.checked_mul(2)?;
        }
        None
    }
}
