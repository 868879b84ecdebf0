//! What is computed: jobs over the shipped dots with the shipped variation, and a network of linear cells.

use super::super::{ExperimentError, material, octave_times, point};
use super::cost::{self, Cost};
use ndarray::Array2;
use trapline_engine::backend::Backend;
use trapline_engine::backend::job::{Bake, Job};
use trapline_engine::circuit::{Accuracy, Currents, Reading, SolveError, Solver, memory_bytes};
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::protocol::{Part, segments};
use trapline_model::units::kelvin;
use trapline_report::analysis::benchmark::Problem;

/// Pulses of a programming.
pub const PULSES: u32 = 30;
/// Octaves of the bake, two checkpoints each.
const OCTAVES: u32 = 28;
/// What the time axis of `campaigns/bake.toml` has beside its octaves: the times it quotes, and ten years.
const QUOTED_S: [f64; 4] = [1e3, 1e4, 1e5, 3.15576e8];
/// Least resistance of a cell of the network, and of a segment of its wires: a ratio of 1e-5.
const LEAST_OHM: f64 = 1e5;
const SEGMENT_OHM: f64 = 1.0;
const READ_V: f64 = 0.1;
const SEED: u64 = 1;

/// The work of a problem at a size, ready to be called.
pub enum Work {
    Job { job: Box<Job>, cost: Cost },
    Network { cells_s: Array2<f64> },
}

/// What a call tells of itself.
pub struct Called {
    /// Iterations of the solver; 0 of a job.
    pub iterations: usize,
}

/// The job of a problem but the network: of a bake, one pulse and many checkpoints; of a programming, thirty pulses and
/// one checkpoint; of a point, those of `campaigns/bake.toml` at 150 degrees C.
pub fn job(problem: Problem, lines: u64) -> Result<Job, ExperimentError> {
    let (pulses, times_s) = match problem {
        Problem::BakeMeanField | Problem::BakeCounted => (1, octave_times(OCTAVES)),
        Problem::ProgramMeanField | Problem::ProgramCounted => (PULSES, vec![1.0]),
        Problem::PointMeanField | Problem::PointCounted | Problem::Network => (PULSES, times_of_a_point()),
    };
    let electrons = match problem {
        Problem::BakeCounted | Problem::ProgramCounted | Problem::PointCounted => {
            Electrons::Counted(DotNumber::Poisson)
        }
        _ => Electrons::MeanField,
    };
    let train = segments(&[Part::Pulses { pulses, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    let shape = ArrayShape { rows: lines, cols: lines };
    let bake = Bake::at(kelvin(150.0)).checkpoints(&times_s);
    Ok(point(&material("pi-ws2-qd")?, &train, shape, SEED).electrons(electrons).bake(bake).build()?)
}

fn times_of_a_point() -> Vec<f64> {
    let mut times_s = octave_times(OCTAVES);
    times_s.extend(QUOTED_S);
    times_s.sort_by(f64::total_cmp);
    times_s
}

impl Work {
    /// The work of a problem on a square array.
    ///
    /// # Errors
    /// What a job fails with.
    pub fn of(problem: Problem, lines: u64) -> Result<Work, ExperimentError> {
        if problem == Problem::Network {
            return Ok(Work::Network { cells_s: cells_s(lines as usize) });
        }
        let job = Box::new(job(problem, lines)?);
        let cost = cost::of_job(&job);
        Ok(Work::Job { job, cost })
    }

    /// Bytes of memory it takes beside what a backend takes for a tile.
    pub fn memory_bytes(problem: Problem, lines: u64) -> u128 {
        let cells = u128::from(lines) * u128::from(lines);
        if problem == Problem::Network { memory_bytes(lines as usize, lines as usize) + 8 * cells } else { 0 }
    }

    /// In the problem's unit.
    pub fn amount(&self, problem: Problem) -> f64 {
        match self {
            Work::Network { cells_s } => cells_s.len() as f64,
            Work::Job { job, .. } => {
                let each = match problem {
                    Problem::ProgramMeanField | Problem::ProgramCounted => f64::from(PULSES),
                    _ => job.times_s().len() as f64,
                };
                job.shape().cells() as f64 * each
            }
        }
    }

    /// Computes it once, from the job to the numbers on the host.
    ///
    /// # Errors
    /// What the backend or the solver fails with.
    pub fn call(&self, backend: &dyn Backend) -> Result<Called, ExperimentError> {
        match self {
            Work::Job { job, .. } => {
                backend.statistics(job, &|_| ())?;
                Ok(Called { iterations: 0 })
            }
            Work::Network { cells_s } => {
                let currents = solved(backend, cells_s).map_err(Box::new)?;
                Ok(Called { iterations: currents.method.iterations })
            }
        }
    }
}

/// From the conductances to the column currents: all rows driven, all columns sensed, errors below 1e-9 of what flows.
fn solved(backend: &dyn Backend, cells_s: &Array2<f64>) -> Result<Currents, SolveError> {
    let input_v = vec![READ_V; cells_s.nrows()];
    let crossbar = Reading::with_wire(SEGMENT_OHM).all_rows(cells_s.view(), &input_v)?;
    Solver::on(backend, &crossbar).solve(Accuracy::default())
}

/// Conductances even in resistance between R and 10 R, S; the same for the same number of lines.
fn cells_s(lines: usize) -> Array2<f64> {
    // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    let mut state = SEED;
    Array2::from_shape_simple_fn((lines, lines), || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let even = ((z ^ z >> 31) >> 11) as f64 / (1_u64 << 53) as f64;
        1.0 / (LEAST_OHM * (1.0 + 9.0 * even))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use trapline_engine::backend::reference::Reference;

    /// `campaigns/bake.toml` has 62 checkpoints: t = 0, 57 of the octaves, and the quoted times.
    #[test]
    fn a_point_is_that_of_the_campaign() {
        let job = job(Problem::PointCounted, 8).expect("a job");
        assert_eq!((job.times_s().len(), job.electrons().are_counted()), (62, true));
        let work = Work::of(Problem::PointMeanField, 8).expect("work");
        assert_eq!(work.amount(Problem::PointMeanField), 64.0 * 62.0);
        let work = Work::of(Problem::ProgramMeanField, 8).expect("work");
        assert_eq!(work.amount(Problem::ProgramMeanField), 64.0 * 30.0);
    }

    #[test]
    fn a_network_is_solved_by_iterations() {
        let work = Work::of(Problem::Network, 64).expect("work");
        let called = work.call(&Reference).expect("it is solved");
        assert!((1..20).contains(&called.iterations), "{}", called.iterations);
        assert_eq!(work.amount(Problem::Network), 4096.0);
    }
}
