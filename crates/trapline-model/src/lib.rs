//! What is simulated: materials, protocols and arrays as plain data, and the equations of a cell in f64.
//!
//! Nothing here computes an array, opens a device, or knows what a result looks like on disk or on a page: this crate
//! is the lowest of the workspace, and all others use it. A law of the physics is a function here, and everything
//! faster is held against it.
//!
//! # Where things are
//!
//! - [`material`]: TOML to checked numbers ([`Material`](material::Material)); dots to trap classes
//!   ([`material::well`], [`material::classes`]); a measured current ([`material::measured`])
//! - [`cell`]: the laws, one file a family: [`current`](cell::current), [`capture`](cell::capture),
//!   [`release`](cell::release); the step in time ([`cell::step`](mod@cell::step)); the laws as tables for f32 kernels
//!   ([`cell::tabulated`])
//! - [`protocol`]: pulses and sweeps as segments of constant bias; bakes whose temperature changes
//! - [`mod@array`]: shape, numbers of cells, what a cell draws from its number; [`rng`] has the draws
//! - [`outcome`], [`dataset`]: what a computed point and an experiment are in plain numbers: between those who compute
//!   and those who keep and draw
//! - [`files`], [`toml_file`], [`csv_file`], [`text`]: files that are complete or not there ([`files::commit`]), and
//!   errors of one line
//! - [`units`]: constants, and conversions at the edges
//!
//! A law of bias or temperature is changed or added in `cell/`: its tables follow, and no kernel is touched.
//! `CONTRIBUTING.md` says how.
//!
//! # Practice
//!
//! A [`Material`](material::Material) is read once, never changes and lives as long as the run. A
//! [`Segment`](protocol::Segment) of constant bias becomes a [`Drive`](cell::Drive), once for all cells. A cell is its
//! [`Factors`](cell::Factors), how it differs from the nominal one, and its occupancy, one number for each trap class,
//! held by whoever moves it:
//!
//! ```
//! use trapline_model::cell::{self, Drive, Factors, current, step};
//! use trapline_model::protocol::{Part, Segment, segments};
//! use trapline_model::{material, units::kelvin};
//!
//! let dots = material::shipped("pi-ws2-qd")?;
//! let (room_k, oven_k) = (kelvin(25.0), kelvin(150.0));
//! // 30 pulses of 1.5 V, then 1e5 s at 150 °C without bias, which is one exact step.
//! let pulses = segments(&[Part::Pulses { pulses: 30, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
//! let bake = Segment { bias_v: 0.0, dwell_s: 1e5, cycle: 0 };
//!
//! let mut occupancy = [0.0; material::MAX_CLASSES];
//! let mut expose = |segment: &Segment, temperature_k: f64| {
//!     let emission = cell::emission_per_s(&dots, &Factors::NOMINAL, temperature_k);
//!     let drive = Drive::new(&dots, segment, temperature_k, None);
//!     cell::apply(&dots, &Factors::NOMINAL, &emission, &drive, 1.0, &mut occupancy);
//!     step::filling(&dots.classes, &occupancy)
//! };
//! let programmed = pulses.iter().fold(0.0, |_, pulse| expose(pulse, room_k));
//! let baked = expose(&bake, oven_k);
//! assert!(0.0 < baked && baked < programmed && programmed < 1.0);
//!
//! // The current read at 0.1 V, A, and what is left of the window.
//! let read_a = |filling: f64| current::current_a(&dots, 0.1, room_k, filling);
//! let kept = (read_a(baked) - read_a(0.0)) / (read_a(programmed) - read_a(0.0));
//! assert!(kept > 0.9 && kept < 1.0, "{kept}");
//! # Ok::<(), material::MaterialError>(())
//! ```
//!
//! # Features
//!
//! None.

pub mod array;
pub mod cell;
pub mod csv_file;
pub mod dataset;
pub mod files;
pub mod material;
pub mod memory;
pub mod outcome;
pub mod protocol;
pub mod rng;
pub mod text;
pub mod toml_file;
pub mod units;
