//! trapline: a simulator of charge-trap synaptic crossbars.
//!
//! # The physics in a page
//!
//! A cell is a polyimide film with WS2 quantum dots between Al and ITO (H. An et al., Advanced Electronic Materials
//! (2022), doi 10.1002/aelm.202200876). Under bias electrons tunnel in; empty dots catch some of them. Filled dots let
//! more of the injected electrons pass, so the conductance, read at 0.1 V, remembers the pulses. How long it remembers
//! at a temperature is what trapline computes, for every cell of an array.
//!
//! - **Traps** ([`material::classes`], [`material::well`]): an electron in a dot of diameter d sits `E(d)` below the
//!   matrix' band edge, the ground state of a finite spherical well. The spread of diameters becomes a few trap
//!   classes, a quadrature that keeps the shallow tail, because small dots lose their electrons first.
//! - **Current** ([`cell::current`]): `I = theta(F) I_inj + I_hop`, direct tunnelling and Fowler-Nordheim injection, of
//!   which empty traps take the share `1 - theta(F)`; nanosheets also hop.
//! - **Filling** ([`cell::capture`]): the electrons that do not pass are offered to empty traps; a share that grows
//!   with bias stays, up to the filling that space charge allows, complete at the trap-filled limit of 4 V.
//! - **Release** ([`cell::release`]): thermal escape `nu exp(-E/kT)`; the matrix letting go as it relaxes near its
//!   glass transition (170 C), which makes an edge at 155 C where Arrhenius alone would make a slope; field release at
//!   negative bias.
//! - **Time** ([`cell::step`](mod@cell::step)): under bias an implicit step that is safe at any length; without bias
//!   one exact step, microseconds or ten years. What passes meanwhile, and with it the energy of a pulse, is taken
//!   along the way ([`cell::charge`]).
//! - **Variation** ([`mod@array`]): size of the dots, area and trap-filled limit from cell to cell, capture speed from
//!   pulse to pulse, drawn from the cell's number alone ([`rng`]), so a cell is the same in any tile, on any backend,
//!   in any run.
//!
//! # The map
//!
//! Five crates, each of which uses only those above it, and this one, which re-exports what they have under one name
//! and is the command line. Cargo keeps the order.
//!
//! - [`trapline_model`]: what is simulated, plain data and the equations in f64. In it: [`units`], [`rng`], [`material`],
//!   [`cell`], [`mod@array`], [`protocol`], [`outcome`], [`dataset`], [`files`], [`toml_file`], [`csv_file`], [`text`]
//! - [`trapline_engine`]: computes cells: f64 reference, CPU, GPU. Uses the model. In it: [`backend`], [`circuit`], [`heat`], [`rare`]
//! - [`trapline_record`]: results in HDF5. Uses the model. In it: [`record`]
//! - [`trapline_report`]: statistics, figures, pages of what was recorded. Uses model and record. In it: [`analysis`],
//!   [`export`], [`figure`], [`html`], [`report`]
//! - [`trapline_study`]: campaigns, experiments, the source paper, fits. Uses all of them. In it: [`campaign`],
//!   [`experiment`], [`paper`], [`calibrate`], [`mod@reference`]
//! - `trapline`: the program, and this facade. In it: `src/cli`, one file a subcommand; [`failure`], [`options`] and
//!   [`reading`], which the Python package (`python/`) shares with it
//!
//! Where is ...
//!
//! - a law of bias or temperature: [`cell`], one file a family. Its tables for f32 kernels follow
//!   ([`cell::tabulated`]);
//! - a kernel: `backend/cpu/` and `shaders/`, the same file stem, held against the equations by one test for all
//!   backends;
//! - the file format: [`record`], and `docs/format.md` for readers in any language;
//! - a plot: [`figure`];
//! - a number of a material: `materials/*.toml`, each with unit and source, read by [`material`].
//!
//! # Practice
//!
//! A campaign file becomes a checked [`campaign::Plan`]; each point of it a [`backend::job::Job`]; a
//! [`backend::Backend`] runs the job and hands back an [`outcome::PointOutcome`]; [`record`] writes it; [`analysis`]
//! reads it; [`figure`] draws it. Nothing flows back. Cells that are treated step by step are
//! [`backend::cells::Cells`], which keep their state on the device.
//!
//! ```
//! use trapline::backend::{Backend, cells::Population, cpu::Cpu};
//! use trapline::{array::ArrayShape, material, protocol::Segment, units::kelvin};
//!
//! let dots = material::shipped("pi-ws2-qd")?;
//! let cpu = Cpu::open(None, None)?;
//! let mut cells = cpu.cells(Population::array(&dots, dots.variation, 1, ArrayShape { rows: 16, cols: 16 }))?;
//! let fresh_s = cells.read(0.1, kelvin(25.0))?;
//! let pulse = Segment { bias_v: 3.0, dwell_s: 1e-2, cycle: 0 };
//! cells.advance(&cells.population().stimulus(kelvin(25.0), &[(pulse, false)]), None)?;
//! let programmed_s = cells.read(0.1, kelvin(25.0))?;
//! cells.bake(kelvin(155.0), 1e5)?;
//! let baked_s = cells.read(0.1, kelvin(25.0))?;
//! assert!(fresh_s.sum() < baked_s.sum() && baked_s.sum() < programmed_s.sum());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/` has five programs of a page each: `retention`, `custom_material`, `own_current_law`, `gpu_against_cpu`
//! and `read_record` (`cargo run --release --example retention`).
//!
//! # Features
//!
//! - `hdf5-static`: builds HDF5 from source and links it in (that of [`trapline_record`]).
//!
//! Whoever wants kernels without HDF5 depends on [`trapline_engine`] alone, without its feature `gpu` also without
//! wgpu.

pub mod failure;
pub mod options;
pub mod reading;

pub use trapline_engine::{backend, circuit, heat, rare};
pub use trapline_model::{
    array, cell, csv_file, dataset, files, material, memory, outcome, protocol, rng, text, toml_file, units,
};
pub use trapline_record as record;
pub use trapline_report::{analysis, export, figure, html, report};
pub use trapline_study::{calibrate, campaign, experiment, paper, reference};

/// Version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit it was built from, or `unknown`.
pub const COMMIT: &str = env!("TRAPLINE_COMMIT");
/// This program, as it names itself in what it writes.
pub const PROGRAM: outcome::Program = outcome::Program { version: VERSION, commit: COMMIT };
