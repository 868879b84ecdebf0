//! What people ask of the program beside campaigns: does it compute right on this machine ([`selftest`]), and how fast ([`mod@bench`]).

pub mod bench;
pub mod mnist;
pub mod selftest;

use crate::array::ArrayShape;
use crate::backend::job::{Job, JobSpec};
use crate::material::{Material, MaterialError, shipped};
use crate::protocol::Segment;
use crate::units::kelvin;

/// Times at two points an octave, 1 s to `octaves` octaves later.
fn octave_times(octaves: u32) -> Vec<f64> {
    (0..=2 * octaves).map(|i| 2f64.powf(f64::from(i) / 2.0)).collect()
}

/// A job of these experiments: shipped variation, programmed at 25 C, read at 0.1 V.
fn job(material: &Material, program: &[Segment], celsius: f64, shape: ArrayShape, seed: u64, times_s: &[f64]) -> Job {
    Job::new(&JobSpec {
        material,
        variation: true,
        seed,
        shape,
        program_k: kelvin(25.0),
        bake_k: kelvin(celsius),
        program,
        substeps: None,
        times_s,
        read_v: 0.1,
        kept_threshold: 0.9,
        bins: 64,
    })
}

/// Why an experiment could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    #[error(transparent)]
    Material(#[from] MaterialError),
    #[error(transparent)]
    Backend(#[from] crate::backend::BackendError),
}

/// A shipped material by name.
fn material(name: &str) -> Result<Material, ExperimentError> {
    Ok(shipped(name)?)
}
