//! Computes cells: on the processor, on a GPU, and in f64 as the equations stand.
//!
//! For whoever wants a kernel and no files: this crate needs [`trapline_model`] and neither HDF5 nor plots. Campaigns,
//! experiments and fits (`trapline-study`) compute through it alone.
//!
//! # Where things are
//!
//! - [`backend`]: the trait [`Backend`](backend::Backend), which computes a [`Job`](backend::job::Job) or holds
//!   [`Cells`](backend::cells::Cells)
//! - [`backend::reference`](mod@backend::reference): f64, cell by cell, slow: what the others are held against
//! - [`backend::cpu`]: f32, sixteen cells at a time, all threads; the same bits on every processor
//! - `backend::gpu`, and `shaders/` of the repository: f32 in WGSL through wgpu: Vulkan, Metal, DX12. A kernel has the
//!   same file stem in `backend/cpu/` and `shaders/`, and its constants and structures are generated from those of the
//!   CPU
//! - [`backend::limits`]: what a processor or a GPU can do at best, measured, for rooflines
//! - [`rare`]: failed fractions down to 1e-9 (1e-12 where electrons are counted, whose chance is summed), by importance
//!   sampling over the variation
//! - [`circuit`]: crossbars of wires and cells, with a bound of the currents' errors
//! - [`heat`]: how warm an array gets by its own power, settled and in time
//!
//! # Practice
//!
//! A [`Backend`](backend::Backend) is opened once ([`backend::open`], or `Cpu::open` and `Gpu::open`) and lives as long
//! as the run; it holds the device and its compiled kernels. Two things are asked of it.
//!
//! *A whole array, reduced.* A [`Job`](backend::job::Job) is a material, an array, a programming, a bake and its
//! checkpoints, checked when it is built. Cells are drawn, programmed, baked and counted a tile at a time, so that
//! memory does not grow with the array:
//!
//! ```
//! use trapline_engine::backend::job::{Bake, Job, Program};
//! use trapline_engine::backend::{Backend, cpu::Cpu};
//! use trapline_model::array::ArrayShape;
//! use trapline_model::protocol::{Part, segments};
//! use trapline_model::{material, units::kelvin};
//!
//! let dots = material::shipped("pi-ws2-qd")?;
//! let pulses = segments(&[Part::Pulses { pulses: 30, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
//! let job = Job::of(&dots)
//!     .array(ArrayShape { rows: 16, cols: 16 })
//!     .program(Program::of(&pulses))
//!     .bake(Bake::at(kelvin(155.0)).checkpoints(&[1e3, 1e4]))
//!     .build()?;
//! let outcome = Cpu::open(None, None)?.statistics(&job, &|_| ())?.outcome(&job);
//! // Axis 0 is the checkpoint; the first is right after programming.
//! assert_eq!((outcome.cells, outcome.kept.mean[0]), (256, 1.0));
//! assert!(outcome.kept.mean[2] < outcome.kept.mean[1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! *Cells that stay.* [`Backend::cells`](backend::Backend::cells) makes [`Cells`](backend::cells::Cells), whose state
//! remains where it is computed until they are dropped: a pulse, a bake and a reading are a call each
//! ([`backend::cells`] has an example), and [`snapshot`](backend::cells::Cells::snapshot) and
//! [`fork`](backend::cells::Cells::fork) try several futures. Under an [`Exposure`](backend::exposure::Exposure) each
//! word line, bit line or cell has its own bias and temperature, as under a scheme of selection:
//!
//! ```
//! use trapline_engine::backend::cells::Population;
//! use trapline_engine::backend::exposure::{Each, Exposure};
//! use trapline_engine::backend::{Backend, cpu::Cpu};
//! use trapline_model::array::ArrayShape;
//! use trapline_model::{material, units::kelvin};
//!
//! let dots = material::shipped("pi-ws2-qd").expect("it comes with the program");
//! let cpu = Cpu::open(None, None)?;
//! let mut cells = cpu.cells(Population::array(&dots, dots.variation, 1, ArrayShape { rows: 2, cols: 8 }))?;
//! // The first word line has the whole pulse, the second half of it.
//! let (bias_v, temperature_k) = (Each::Row(&[3.0, 1.5]), Each::Array(kelvin(25.0)));
//! cells.expose(&Exposure { bias_v, temperature_k, dwell_s: 1e-3, cycle: 0, recorded: false }, None)?;
//! let conductance_s = cells.read(0.1, kelvin(25.0))?;
//! let of_row = |row: usize| conductance_s.iter().skip(8 * row).take(8).sum::<f64>();
//! assert!(of_row(0) > of_row(1));
//! # Ok::<(), trapline_engine::backend::BackendError>(())
//! ```
//!
//! # Features
//!
//! - `gpu` (default): the GPU backend. Without it neither wgpu nor a shader is built, and asking for a GPU is
//!   [`BackendError::WithoutGpu`](backend::BackendError::WithoutGpu).

pub mod backend;
pub mod circuit;
pub mod heat;
pub mod rare;
