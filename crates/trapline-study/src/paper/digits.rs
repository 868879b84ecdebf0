//! The experiments on handwritten digits: they need MNIST, which is not part of the program.

use super::raw::Laboratory;
use crate::experiment::mnist::study::{self, Afterwards, Bakes};
use crate::experiment::mnist::{Learning, Mnist, MnistError, Pairs, Plain, Scheme};
use trapline_model::dataset::Dataset;
use trapline_model::units::kelvin;

/// The batch's name, as the figures know it.
pub const BATCH: &str = "mnist";
/// Digits shown to each array, as the paper's 60,000 is read: each training picture once.
pub const PRESENTATIONS: u32 = 60_000;
/// Arrays that learn.
pub const LEARNING_SEEDS: u32 = 5;
/// Arrays that are tested fresh.
pub const UNTRAINED_SEEDS: u32 = 10;

/// The scheme that is held against the paper's rates.
fn plain() -> Scheme {
    Scheme::Plain(Plain::default())
}

/// The better one.
fn pairs() -> Scheme {
    Scheme::Pairs(Pairs::default())
}

fn learning<'a>(lab: &'a Laboratory, scheme: Scheme) -> Learning<'a> {
    Learning {
        material: &lab.qd,
        variation: true,
        seed: lab.seed,
        ambient_k: kelvin(100.0),
        read_v: 0.1,
        read_s: 1e-2,
        read_noise: true,
        electrons: lab.electrons,
        scheme,
        presentations: PRESENTATIONS,
        stages: study::stages(PRESENTATIONS),
    }
}

/// `mnist/untrained`: fresh arrays of the plain scheme, and what they answer.
///
/// # Errors
/// [`MnistError`].
pub fn untrained(lab: &Laboratory, data: &Mnist) -> Result<Dataset, MnistError> {
    study::untrained(lab.backend, "mnist/untrained", &learning(lab, plain()), UNTRAINED_SEEDS, &data.test)
}

/// `mnist/plain` with bakes, and `mnist/pairs`: arrays that learn at 100 °C. `progress` is told of each further
/// presentation.
///
/// # Errors
/// [`MnistError`].
pub fn learnt(lab: &Laboratory, data: &Mnist, progress: &(dyn Fn(u32) + Sync)) -> Result<[Dataset; 2], MnistError> {
    let run = |name: &str, scheme: Scheme, bakes: Option<&Bakes>| {
        study::run(
            lab.backend,
            name,
            &learning(lab, scheme),
            LEARNING_SEEDS,
            Afterwards { bakes, wires_ohm: &[] },
            data,
            progress,
        )
    };
    let bakes = Bakes::to_ten_years();
    Ok([run("mnist/plain", plain(), Some(&bakes))?, run("mnist/pairs", pairs(), None)?])
}

/// Presentations that [`learnt`] tells of.
pub const ALL_PRESENTATIONS: u64 = 2 * LEARNING_SEEDS as u64 * PRESENTATIONS as u64;
