//! Statistics of lifetimes: from counts of failed cells at checkpoints to failed fractions, laws of lifetimes,
//! activation energies and lives at a use temperature, each with bounds. Numbers in, numbers out; `docs/lifetime.md`
//! is the page for readers of results.
//!
//! - [`Lifetimes`]: the counts of one bake, as intervals that lifetimes lie in.
//! - [`failed_fraction_bounds`], [`failure_rate`], [`sample_size`]: without any law.
//! - [`Verdict`], [`Lack`]: what the data bear, and what they do not.
//! - [`Fit`]: Weibull's or the lognormal [`Law`] at one temperature.
//! - [`Line`]: ln t over temperature; [`Segments`]: whether one line is enough, and the life it allows to state;
//!   [`compare_temperature_laws`]: how much that depends on the law.
//! - [`JointFit`]: one likelihood over all temperatures; [`Design`]: whether those have cells of their own.

mod bearing;
mod bounds;
mod counts;
mod data;
mod error;
mod fit;
mod joint;
mod law;
mod likelihood;
mod line;
mod near;
mod rival;
mod segments;
mod shared;
mod special;
#[cfg(test)]
mod tests;

pub use bearing::{
    LEAST_FAILURES, LEAST_INTERVALS, LEAST_P_VALUE, Lack, MOST_AT_PROGRAMMING, MOST_BEYOND, MOST_BRACKET, MOST_RATIO,
    Verdict, law_holds, ratio_told, shape_told, slope_told, time_told,
};
pub use bounds::{Bounds, Estimate};
pub use counts::{FailedFraction, FailureRate, failed_fraction_bounds, failure_rate, sample_size};
pub use data::{Class, CurvePoint, Lifetimes};
pub use error::LifetimeError;
pub(in crate::analysis) use error::{confidence, fraction, positive};
pub use fit::{Fit, Goodness};
pub use joint::{JointFit, RatioTest};
pub use law::Law;
pub use line::{Life, Line, TIME_FLOOR, TemperatureLaw, TimePoint};
pub use near::{Near, hidden_by_programming};
pub use rival::{Rival, compare_temperature_laws};
pub use segments::{BREAK_P_VALUE, Break, LocalEnergy, Segments, Use};
pub use shared::{Design, LEAST_ARRAYS};
