//! How fast a backend is: cell-checkpoints and cell-pulses per second, in the mean field and with counted electrons.
//!
//! Two jobs over the shipped dots, with the shipped variation: one with a single pulse and many checkpoints, one with
//! thirty pulses and one checkpoint. Counted ones have a quarter of the cells. Timed is the whole call, from the job to the statistics: drawing, all
//! dispatches, reduction and read-back. Not timed: opening the backend and compiling its kernels, which a first call
//! has done. Median, smallest and largest of several calls.

use super::{ExperimentError, material, octave_times, point};
use std::time::Instant;
use trapline_engine::backend::Backend;
use trapline_engine::backend::job::{Bake, Job};
use trapline_engine::backend::tally::CHUNK_CELLS;
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::outcome::Identity;
use trapline_model::protocol::{Part, segments};
use trapline_model::units::kelvin;

/// Timed calls of each job.
pub const CALLS: usize = 5;
const PULSES: u32 = 30;

/// Per second, over the timed calls.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Rate {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// One backend's figures.
#[derive(Debug, Clone, serde::Serialize)]
pub struct BenchRow {
    pub identity: Identity,
    /// How electrons are taken, in words.
    pub electrons: &'static str,
    pub cells: u64,
    pub checkpoints: usize,
    pub cell_checkpoints_per_s: Rate,
    pub cell_pulses_per_s: Rate,
}

/// Times a job; `work` is what one call does.
fn rate(backend: &dyn Backend, job: &Job, work: f64) -> Result<Rate, ExperimentError> {
    backend.statistics(job, &|_| ())?;
    let mut rates = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let start = Instant::now();
        backend.statistics(job, &|_| ())?;
        rates.push(work / start.elapsed().as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    Ok(Rate { median: rates[CALLS / 2], least: rates[0], most: rates[CALLS - 1] })
}

/// Rows and columns that keep a call between a tenth of a second and some seconds on each kind of backend. The same
/// for the processor and a real GPU, which are compared: enough for eight pieces of work a thread, and to fill a GPU.
pub fn default_lines(identity: &Identity, threads: usize) -> u64 {
    let enough = |lines: &u64| lines * lines >= 8 * CHUNK_CELLS * threads as u64;
    match (identity.backend.as_str(), identity.software) {
        ("reference", _) => 64,
        ("gpu", true) => 256,
        _ => (10..=13).map(|power| 1 << power).find(enough).unwrap_or(1 << 13),
    }
}

/// Measures a backend in the mean field and with counted electrons: on an array of `lines` rows and columns, where it is
/// given, else on one of [`default_lines`], and half of them for the counted ones.
///
/// # Errors
/// What the backend fails with.
pub fn run(backend: &dyn Backend, lines: Option<u64>) -> Result<[BenchRow; 2], ExperimentError> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let default = default_lines(&backend.identity(), threads);
    Ok([
        of_electrons(backend, lines.unwrap_or(default), Electrons::MeanField)?,
        of_electrons(backend, lines.unwrap_or(default / 2), Electrons::Counted(DotNumber::Poisson))?,
    ])
}

fn of_electrons(backend: &dyn Backend, lines: u64, electrons: Electrons) -> Result<BenchRow, ExperimentError> {
    let shape = ArrayShape { rows: lines, cols: lines };
    let qd = material("pi-ws2-qd")?;
    let train = |count| segments(&[Part::Pulses { pulses: count, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    let of = |pulses: u32, times_s: &[f64]| {
        let bake = Bake::at(kelvin(150.0)).checkpoints(times_s);
        point(&qd, &train(pulses), shape, 1).electrons(electrons).bake(bake).build()
    };
    let (bake, program) = (of(1, &octave_times(28))?, of(PULSES, &[1.0])?);
    let cells = shape.cells();
    let checkpoints = bake.times_s().len();
    Ok(BenchRow {
        identity: backend.identity(),
        electrons: electrons.words(),
        cells,
        checkpoints,
        cell_checkpoints_per_s: rate(backend, &bake, cells as f64 * checkpoints as f64)?,
        cell_pulses_per_s: rate(backend, &program, cells as f64 * f64::from(PULSES))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opponents_get_the_same_size_and_every_thread_work() {
        let of = |backend: &str, software| Identity {
            backend: backend.to_owned(),
            adapter: String::new(),
            driver: String::new(),
            instruction_set: String::new(),
            software,
        };
        for threads in [1, 2, 16, 64, 128] {
            let lines = default_lines(&of("cpu", false), threads);
            assert_eq!(lines, default_lines(&of("gpu", false), threads));
            assert!(lines * lines / CHUNK_CELLS >= 8 * threads as u64 && lines >= 1024, "{threads} threads: {lines}");
        }
    }
}
