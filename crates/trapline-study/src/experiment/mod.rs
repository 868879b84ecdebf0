//! What people ask of the program beside campaigns: currents ([`iv`]), pulses ([`pulse`]), retention of states
//! ([`retention`]), telegraph noise ([`noise`]), learning a pattern ([`letter`]), reading an array through its wires ([`array_read`]) and writing it ([`array_write`]),
//! heat ([`heat`]); does it compute right on this machine ([`selftest`]), and how fast ([`mod@bench`]).
//!
//! An experiment drives a [`probe::Probe`] on any backend and hands back a [`Dataset`]: raw data, from which every
//! number that is quoted is computed again elsewhere.

pub mod array_read;
pub mod array_write;
pub mod bench;
pub mod heat;
pub mod iv;
pub mod letter;
pub mod mnist;
pub mod noise;
pub mod probe;
pub mod pulse;
pub mod retention;
pub mod selftest;

use probe::Probe;
use trapline_engine::backend::job::{Bake, Job, JobBuilder, JobError, Program};
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::Electrons;
use trapline_model::dataset::Dataset;
use trapline_model::material::{Material, MaterialError, shipped};
use trapline_model::protocol::Segment;
use trapline_model::units::{celsius, kelvin};

/// Times at two points an octave, 1 s to `octaves` octaves later.
fn octave_times(octaves: u32) -> Vec<f64> {
    (0..=2 * octaves).map(|i| libm::pow(2.0, f64::from(i) / 2.0)).collect()
}

/// A job of these experiments: shipped variation, programmed at 25 C, read at 0.1 V.
fn job(
    material: &Material,
    program: &[Segment],
    celsius: f64,
    shape: ArrayShape,
    seed: u64,
    times_s: &[f64],
) -> Result<Job, JobError> {
    point(material, program, shape, seed).bake(Bake::at(kelvin(celsius)).checkpoints(times_s)).build()
}

/// What [`job`] makes one of; what it is left to is still to be said.
fn point<'a>(material: &'a Material, program: &[Segment], shape: ArrayShape, seed: u64) -> JobBuilder<'a> {
    Job::of(material).seed(seed).array(shape).program(Program::of(program))
}

/// Why an experiment could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    #[error(transparent)]
    Material(#[from] MaterialError),
    #[error(transparent)]
    Backend(#[from] trapline_engine::backend::BackendError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Profile(#[from] trapline_model::protocol::WrongProfile),
    #[error(transparent)]
    Pattern(#[from] letter::PatternError),
    #[error(transparent)]
    Noise(#[from] noise::NoiseError),
    #[error(transparent)]
    Dataset(#[from] trapline_model::dataset::DatasetError),
    #[error(transparent)]
    Write(#[from] Box<array_write::WriteError>),
    #[error(transparent)]
    Network(#[from] Box<trapline_engine::circuit::SolveError>),
    #[error("an experiment's array has another shape than was laid out: {0}")]
    Shape(#[from] ndarray::ShapeError),
}

/// A shipped material by name.
fn material(name: &str) -> Result<Material, ExperimentError> {
    Ok(shipped(name)?)
}

/// Notes the conditions a probe was under.
pub(crate) fn describe(dataset: &mut Dataset, probe: &Probe) {
    let c = &probe.conditions;
    let on = |on: bool| if on { "on" } else { "off" };
    dataset
        .note("material", probe.material().name.clone())
        .note("temperature_c", celsius(c.ambient_k).to_string())
        .note("seed", c.seed.to_string())
        .note("variation", on(c.variation))
        .note("read_noise", on(c.read_noise))
        .note("electrons", if probe.counts_electrons() { c.electrons.words() } else { Electrons::MeanField.words() })
        .note("read_bias_v", c.read_v.to_string())
        .note("read_time_s", c.read_s.to_string())
        .setting("temperature_c", "degC", "Ambient temperature", celsius(c.ambient_k))
        .setting("read_bias_v", "V", "Bias of a reading", c.read_v)
        .setting("read_time_s", "s", "Time of a reading", c.read_s);
    let remarks = probe.remarks();
    if !remarks.is_empty() {
        dataset.note("outside_validity", remarks.join("; "));
    }
}

/// The axis of a probe's cells.
fn cell_axis(dataset: &mut Dataset, probe: &Probe) {
    let numbers: ndarray::Array1<u64> = probe.numbers().iter().copied().collect();
    dataset.count("cell", &["cell"], "1", "Number of the cell", numbers.into_dyn());
}
