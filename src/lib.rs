//! trapline: a simulator of charge-trap synaptic crossbars.
//!
//! # The physics in a page
//!
//! A cell is a polyimide film with WS2 quantum dots between Al and ITO (H. An et al., Advanced Electronic Materials
//! (2022), doi 10.1002/aelm.202200876). Under bias electrons tunnel in; empty dots catch some of them. Filled dots let more of
//! the injected electrons pass, so the conductance, read at 0.1 V, remembers the pulses. How long it remembers at a temperature is
//! what trapline computes, for every cell of an array.
//!
//! - **Traps** ([`material::classes`], [`material::well`]): an electron in a dot of diameter d sits `E(d)` below the matrix'
//!   band edge, the ground state of a finite spherical well. The spread of diameters becomes a few trap classes,
//!   a quadrature that keeps the shallow tail, because small dots lose their electrons first.
//! - **Current** ([`cell::current`]): `I = theta(F) I_inj + I_hop`, direct tunnelling and Fowler-Nordheim injection, of which empty
//!   traps take the share `1 - theta(F)`; nanosheets also hop.
//! - **Filling** ([`cell::capture`]): the electrons that do not pass are offered to empty traps; a share that grows with bias stays,
//!   up to the filling that space charge allows, complete at the trap-filled limit of 4 V.
//! - **Release** ([`cell::release`]): thermal escape `nu exp(-E/kT)`; the matrix letting go as it relaxes near its
//!   glass transition (170 C), which makes an edge at 155 C where Arrhenius alone would make a slope; field release at negative bias.
//! - **Time** ([`cell::step`](mod@cell::step)): under bias an implicit step that is safe at any length; without bias one exact step, microseconds or
//!   ten years. What passes meanwhile, and with it the energy of a pulse, is taken along the way ([`cell::charge`]).
//! - **Variation** ([`mod@array`]): size of the dots, area and trap-filled limit from cell to cell, capture speed from pulse to pulse,
//!   drawn from the cell's number alone ([`rng`]), so a cell is the same in any tile, on any backend, in any run.
//!
//! # The rooms
//!
//! ```text
//! units, rng            constants; random numbers without state
//! files, toml_file      what lies at a path; short texts, and TOML with errors of one line
//! text                  no text from a file acts on a terminal or a page
//! html                  what the pages have in common
//! csv_file              columns of numbers, with errors of one line
//! dataset               named arrays over named axes, with units: what an experiment found
//! outcome               a computed point in plain numbers: what computing, keeping and drawing have in common
//! material              TOML to checked parameters; confinement to trap classes
//! protocol              pulses and sweeps as segments of constant bias
//! cell                  the equations in f64: the oracle
//! array                 shape, cell numbers, variation
//! backend               the one seam: reference (f64), cpu (f32, vectors, threads), gpu (f32, WGSL); one trait
//! experiment            self-test, bench and handwritten digits
//! rare                  failed fractions down to 1e-9, by importance sampling over the variation
//! campaign              many points: a file to a plan, points to a record
//! report                lifetimes of a campaign on one HTML page
//! paper                 every figure and claim of the source paper, from raw data
//! calibrate             a material's numbers from measurements: least squares, and what they cannot tell
//! record                HDF5; the only room that knows hdf5
//! analysis              numbers from a record
//! figure                plots; the only room that knows plotters
//! cli                   one file per subcommand
//! ```
//!
//! A campaign file becomes a checked plan; each point of it a [`backend::job::Job`]; a [`backend::Backend`] runs the
//! job and hands back a [`outcome::PointOutcome`]; [`record`] writes it; [`analysis`] reads it; [`figure`] draws it. Nothing flows back.

pub use trapline_engine::{backend, rare};
pub use trapline_model::{
    array, cell, csv_file, dataset, files, material, outcome, protocol, rng, text, toml_file, units,
};
pub use trapline_record as record;
pub use trapline_report::{analysis, figure, html, report};
pub use trapline_study::{calibrate, campaign, experiment, paper};

/// Version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit it was built from, or `unknown`.
pub const COMMIT: &str = env!("TRAPLINE_COMMIT");
/// This program, as it names itself in what it writes.
pub const PROGRAM: outcome::Program = outcome::Program { version: VERSION, commit: COMMIT };
