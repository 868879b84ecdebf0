//! What recorded results say: statistics, lifetimes, comparisons, figures and pages.
//!
//! Everything here begins with a record or with plain numbers; nothing knows a backend. Experiments and the source
//! paper (`trapline-study`) draw and write pages with it, the command line does the rest.
//!
//! # Where things are
//!
//! - [`analysis`]: numbers from a record: [`lifetime`](analysis::lifetime) (laws, bounds, Arrhenius lines; numbers in,
//!   numbers out), [`quantile`](analysis::quantile), [`qualification`](analysis::qualification),
//!   [`diff`](analysis::diff), and [`report`](analysis::report), which puts a campaign's together
//! - [`analysis::benchmark`]: what follows from measured times: medians with bounds, speed-ups, shares of limits
//! - [`figure`]: plots as PNG and SVG, the only folder that knows plotters: [`Chart`](figure::Chart) for lines,
//!   [`Heat`](figure::Heat) for maps, [`plate()`](figure::plate()) for several panels. A new plot is a file here
//! - [`export`]: datasets as CSV and JSON
//! - [`html`]: what the pages have in common, the source paper's included
//! - [`report`]: the lifetime page
//!
//! # Practice
//!
//! Values go from step to step, and none lives longer than its caller: counts are
//! [`Lifetimes`](analysis::lifetime::Lifetimes), a law is fitted to them ([`Fit`](analysis::lifetime::Fit)), and a fit
//! tells lives with bounds. What the data do not bear is an error that says why.
//!
//! ```
//! use trapline_report::analysis::lifetime::{Fit, Law, Lifetimes};
//!
//! // Of 10,000 cells this many had failed by each checkpoint: Weibull's law of scale 1e5 s and shape 2, in whole cells.
//! let times_s = [1e4, 2e4, 5e4, 1e5, 2e5];
//! let failed = times_s.map(|time_s: f64| (10_000.0 * -(-(time_s / 1e5).powi(2)).exp_m1()).round() as u64);
//! let lifetimes = Lifetimes::new(&times_s, &failed, 10_000)?;
//! let fit = Fit::new(Law::Weibull, &lifetimes)?;
//! // A count is off by half a cell at most: of the first, 100 cells, by 1 in 200, of the others, which decide, by less.
//! assert!((fit.scale_s / 1e5 - 1.0).abs() < 0.005 && (fit.shape / 2.0 - 1.0).abs() < 0.005);
//! // Time by which a tenth has failed, and its bounds at 95 %.
//! let b10 = fit.life(0.1, 0.95)?;
//! assert!(b10.profile.lower < b10.value && b10.value < b10.profile.upper);
//! # Ok::<(), trapline_report::analysis::lifetime::LifetimeError>(())
//! ```
//!
//! # Features
//!
//! None.

pub mod analysis;
pub mod export;
pub mod figure;
pub mod html;
pub mod report;
