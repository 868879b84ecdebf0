//! What people ask: campaigns, experiments on cells, the source paper, and fits of materials.
//!
//! The uppermost crate under the command line. It uses all others: [`trapline_engine`] computes, [`trapline_record`]
//! keeps, and [`trapline_report`] draws.
//!
//! # Where things are
//!
//! - [`campaign`]: many points: a file to a checked [`Plan`](campaign::Plan), points to a record ([`campaign::run()`]),
//!   shards and their merge, job scripts for Slurm
//! - [`experiment`]: I-V curves, pulse trains, retention of states, learning, MNIST; the self-test and the benchmark
//! - [`paper`]: every figure and claim of the source paper, from simulated raw data
//! - [`calibrate`]: a material's numbers from measurements: least squares, and what the data cannot tell
//!
//! # Practice
//!
//! A [`Plan`](campaign::Plan) holds a campaign whose every value is within its limits; its points are numbered and know
//! nothing of each other. Each becomes a [`Job`](trapline_engine::backend::job::Job), which any backend computes.
//! [`campaign::run()`] computes all of them into a record that a crash does not harm: a
//! [`Destination`](campaign::Destination) is where its files go, and a [`ClaimedDestination`](campaign::ClaimedDestination), which lives as long
//! as the run, keeps a second run out.
//!
//! ```
//! use std::path::Path;
//! use trapline_engine::backend::{Backend, cpu::Cpu};
//! use trapline_study::campaign::{Overrides, Plan};
//!
//! let text = r#"
//!     format = 1
//!     name = "small"
//!     seed = 7
//!     variation = true
//!     array = { rows = 16, cols = 16 }
//!     bake = { temperatures_c = [150.0, 160.0], times_s = [1e3, 1e4] }
//!
//!     [[material]]
//!     use = "pi-ws2-qd"
//!     program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]
//! "#;
//! // Paths in a campaign are seen from its folder; this one names none.
//! let plan = Plan::parse(text, "small.toml", Path::new(""), &Overrides::default())?;
//! assert_eq!(plan.points.len(), 2);
//! let hotter = plan.job(1)?;
//! let outcome = Cpu::open(None, None)?.statistics(&hotter, &|_| ())?.outcome(&hotter);
//! // The array right after programming, and at both times.
//! assert_eq!((outcome.times_s.len(), outcome.cells), (3, 256));
//! assert!(outcome.kept.mean[2] < outcome.kept.mean[1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! None of its own; it takes the engine without its GPU backend, and whoever builds a program chooses (`trapline` takes
//! it).

pub mod calibrate;
pub mod campaign;
pub mod experiment;
pub mod paper;
pub mod reference;
