//! One point of a campaign, ready to compute: everything that does not depend on the cell, in f64, from the host.
//!
//! Backends see a [`Job`] and nothing else. The f32 backends take their constants from the same
//! fields, so that rates near the ends of f32's range are rounded once, from f64; a cell's own small
//! shifts are applied on the device.
//!
//! A job is put together step by step and checked as a whole, so that a job which is there can be computed:
//!
//! ```
//! use trapline_engine::backend::Backend;
//! use trapline_engine::backend::job::{Bake, Job, Program};
//! use trapline_engine::backend::reference::Reference;
//! use trapline_model::array::ArrayShape;
//! use trapline_model::material;
//! use trapline_model::protocol::{Part, segments};
//! use trapline_model::units::kelvin;
//!
//! let dots = material::shipped("pi-ws2-qd")?;
//! let pulses = segments(&[Part::Pulses { pulses: 30, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
//! let job = Job::of(&dots)
//!     .seed(7)
//!     .array(ArrayShape { rows: 4, cols: 8 })
//!     .program(Program::of(&pulses))
//!     .bake(Bake::at(kelvin(150.0)).checkpoints(&[1e3, 1e4]))
//!     .build()?;
//! let outcome = Reference.statistics(&job, &|_| ())?.outcome(&job);
//! assert_eq!((outcome.cells, outcome.times_s.len()), (32, 3));
//! assert!(outcome.kept.mean[2] < outcome.kept.mean[1]);
//!
//! let unread = Job::of(&dots).bake(Bake::at(kelvin(150.0)).checkpoints(&[1e4, 1e3])).build();
//! assert_eq!(
//!     unread.unwrap_err().to_string(),
//!     "checkpoint 2, at 1000 s, follows one at 10000 s; checkpoints must ascend"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod error;
mod program;

pub use build::{Bake, DEFAULT_BINS, DEFAULT_FAILS_BELOW, DEFAULT_READ_V, JobBuilder, Program, Read};
pub use error::JobError;

use super::schedule::Visit;
use std::sync::Arc;
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::{Electrons, Settling};
use trapline_model::cell::read::{self, Judging, Observables, PROGRAMMED_FILLING, ReadOut};
use trapline_model::cell::train::{Train, Trajectory};
use trapline_model::cell::{self, Drive, Factors, step};
use trapline_model::material::{MAX_CLASSES, Material, Variation};
use trapline_model::protocol::Stays;

/// Most checkpoints of a bake, the one right after programming included.
pub const MAX_CHECKPOINTS: usize = 4096;
/// Most histogram bins.
pub const MAX_BINS: usize = 256;
/// Longest segment of a programming, s: in the units of the kernels it is an f32.
pub const MAX_SEGMENT_S: f64 = 1e12;
/// Most substeps of a segment that can be asked for.
pub const MAX_SUBSTEPS: u32 = 64;

/// A segment of the programming, or several pulses that are one [`train`](mod@trapline_model::cell::train).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProgramStep {
    /// Of a train, each pulse's.
    pub drive: Drive,
    /// Number of the pulse, for the cycle-to-cycle draw; of a train its first one's.
    pub cycle: u32,
    /// Iterations the f32 kernels give each substep's equation (see `iterations`); a train has none.
    pub iterations: u32,
    /// Where electrons that are counted are drawn.
    pub settling: Settling,
    /// None of a segment that is stepped.
    pub train: Option<Train>,
}

impl ProgramStep {
    /// Numbers of its pulses.
    pub fn cycles(&self) -> std::ops::Range<u32> {
        self.cycle..self.cycle + self.train.map_or(1, |train| train.pulses)
    }
}

/// Edges of the histograms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bins {
    pub count: usize,
    /// Conductance over the nominal fresh conductance, filling, kept: (low, high).
    pub conductance: (f64, f64),
    pub filling: (f64, f64),
    pub kept: (f64, f64),
}

/// A point: one material, one temperature or one profile of them. Made by [`Job::of`].
#[derive(Debug, Clone)]
pub struct Job {
    pub(crate) material: Material,
    pub(crate) variation: Variation,
    pub(crate) electrons: Electrons,
    pub(crate) seed: u64,
    pub(crate) shape: ArrayShape,
    pub(crate) program_k: f64,
    pub(crate) bake_k: f64,
    pub(crate) stays: Stays,
    /// By how much each cell is warmer in the bake, K, row by row.
    pub(crate) warmer_k: Option<Arc<[f64]>>,
    pub(crate) read_k: f64,
    pub(crate) program: Vec<ProgramStep>,
    /// Of the trains of the programming; none where it has none.
    pub(crate) trajectory: Option<Trajectory>,
    pub(crate) times_s: Vec<f64>,
    pub(crate) visits: Vec<Visit>,
    pub(crate) read: ReadOut,
    pub(crate) kept_threshold: f64,
    pub(crate) judged: Judging,
    /// See [`Job::reading_noise`].
    pub(crate) reading_noise: f64,
    pub(crate) bins: Bins,
    pub(crate) nominal: Vec<Observables<f64>>,
}

/// Iterations of the f32 kernels from which on a substep is solved by bisection: 12 bring the ends of the bracket
/// together to 1 in 1000 from 1e18, 26 the rest of f32's digits.
pub const STIFF_ITERATIONS: u32 = 40;

/// Iterations that bring a substep's equation to f32 accuracy; from [`STIFF_ITERATIONS`] on halvings instead of
/// Newton's.
///
/// Newton's iteration starts from the old filling. One leaves at most 3e-5 of the filling up to x = 0.3, and two what
/// f32 rounds; three suffice up to x = 1. The x of a cell that catches faster than the nominal one is larger: 5
/// standard deviations of the speed and of the trap-filled limit are reckoned with.
pub(super) fn iterations(drive: &Drive, material: &Material, variation: &Variation) -> u32 {
    let fastest = libm::exp(5.0 * (variation.capture_speed + 2.0 * variation.trap_filled));
    match drive.step_stiffness(material) * fastest {
        0.0 => 0,
        x if x <= 0.3 => 2,
        x if x <= 1.0 => 4,
        _ => STIFF_ITERATIONS,
    }
}

impl Job {
    /// A job on cells of a material, to be put together.
    pub fn of(material: &Material) -> JobBuilder<'_> {
        JobBuilder::new(material)
    }

    /// The cells' material.
    pub fn material(&self) -> &Material {
        &self.material
    }

    /// The material's, or [`Variation::OFF`].
    pub fn variation(&self) -> &Variation {
        &self.variation
    }

    /// How the electrons of the cells are taken.
    pub fn electrons(&self) -> Electrons {
        self.electrons
    }

    /// What electrons that are counted are drawn from in the bake: the seed, told apart by the bake's temperature. The
    /// same cells at another temperature lose theirs independently.
    pub fn bake_seed(&self) -> u64 {
        // The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) spreads the temperature's bits.
        let mut bits = self.bake_k.to_bits();
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.seed ^ bits ^ bits >> 31
    }

    /// The seed that cells are drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Rows and columns.
    pub fn shape(&self) -> ArrayShape {
        self.shape
    }

    /// Temperature of the programming, K.
    pub fn program_k(&self) -> f64 {
        self.program_k
    }

    /// The point's own bake temperature, K; what the cells really see is in [`Job::stays`].
    pub fn bake_k(&self) -> f64 {
        self.bake_k
    }

    /// Temperatures of the bake, and the time at each by each checkpoint.
    pub fn stays(&self) -> &Stays {
        &self.stays
    }

    /// By how much each cell is warmer in the bake, K, row by row; none where all are alike.
    pub fn warmer_k(&self) -> Option<&[f64]> {
        self.warmer_k.as_deref()
    }

    /// What a cell empties by in a second at each temperature of [`Job::stays`], by its number: at its own.
    pub(crate) fn emissions_per_s(&self, factors: &Factors, cell: u64) -> Vec<step::Occupancy> {
        let warmer_k = self.warmer_k.as_ref().map_or(0.0, |of| of[cell as usize]);
        let at = |bake_k: &f64| cell::emission_per_s(&self.material, factors, bake_k + warmer_k);
        self.stays.temperatures_k.iter().map(at).collect()
    }

    /// Conductance is read at this temperature, K.
    pub fn read_k(&self) -> f64 {
        self.read_k
    }

    /// The segments of the programming, and the trains of pulses.
    pub fn program(&self) -> &[ProgramStep] {
        &self.program
    }

    /// What the trains of the programming go along; none where each segment is stepped.
    pub fn trajectory(&self) -> Option<&Trajectory> {
        self.trajectory.as_ref()
    }

    /// Checkpoints, s after programming, ascending, the first 0.
    pub fn times_s(&self) -> &[f64] {
        &self.times_s
    }

    /// The order in which checkpoints are visited.
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// How conductance follows from filling.
    pub fn read(&self) -> &ReadOut {
        &self.read
    }

    /// Share of its programmed window below which a cell has failed.
    pub fn kept_threshold(&self) -> f64 {
        self.kept_threshold
    }

    /// By what a cell has failed.
    pub fn judged(&self) -> Judging {
        self.judged
    }

    /// Noise of one reading that judges cells, over the nominal fresh conductance, of a cell that conducts this; that
    /// of one which conducts g times as much is sqrt(g) times as large. 0 where cells are judged by what they keep.
    pub fn reading_noise(&self) -> f64 {
        self.reading_noise
    }

    /// Edges of the histograms.
    pub fn bins(&self) -> &Bins {
        &self.bins
    }

    /// The nominal cell at each checkpoint; moments are taken of the difference from it.
    pub fn nominal(&self) -> &[Observables<f64>] {
        &self.nominal
    }

    /// `1 - theta0`.
    pub fn open(&self) -> f64 {
        self.read.open
    }

    /// Longest checkpoint; the f32 kernels count time in it.
    pub fn longest_s(&self) -> f64 {
        self.times_s.last().copied().unwrap_or(0.0).max(f64::MIN_POSITIVE)
    }

    /// Whether the cells of another job are the same after programming, and their bakes alike in kind: at one
    /// temperature or along a profile.
    pub fn shares_programming(&self, other: &Job) -> bool {
        let of = |job: &Job| (job.variation, job.electrons, job.seed, job.shape, job.program_k, job.trajectory);
        let profiles = |job: &Job| job.stays.temperatures_k.len() > 1;
        of(self) == of(other)
            && profiles(self) == profiles(other)
            && self.material == other.material
            && self.program == other.program
    }

    /// The occupancy of a cell after programming; `speed` is its capture speed in a cycle.
    pub fn programmed(&self, factors: &Factors, speed: impl Fn(u32) -> f64) -> step::Occupancy {
        let emission = cell::emission_per_s(&self.material, factors, self.program_k);
        let mut occupancy = [0.0; MAX_CLASSES];
        for part in &self.program {
            let (material, drive) = (&self.material, &part.drive);
            let speeds = part.cycles().map(&speed).sum();
            match &part.train {
                Some(train) => cell::apply_train(material, factors, drive, &train.steps, speeds, &mut occupancy),
                None => {
                    cell::apply(material, factors, &emission, drive, speeds, &mut occupancy);
                }
            }
        }
        occupancy
    }

    /// What is read of a cell that was programmed to `occupancy` at a checkpoint of the bake, at the bake's own
    /// temperatures.
    ///
    /// # Panics
    /// If there are fewer checkpoints.
    pub fn observe(&self, factors: &Factors, occupancy: &step::Occupancy, checkpoint: usize) -> Observables<f64> {
        let mut emptied = [0.0; MAX_CLASSES];
        for (&bake_k, &stay_s) in self.stays.temperatures_k.iter().zip(self.stays.for_s.row(checkpoint)) {
            let emission = cell::emission_per_s(&self.material, factors, bake_k);
            emptied.iter_mut().zip(emission).for_each(|(sum, per_s)| *sum += per_s * stay_s);
        }
        let start = step::filling(&self.material.classes, occupancy);
        let lost = read::lost_fraction(&self.material.classes, occupancy, &emptied, start);
        self.read.read(factors.area, start, lost)
    }

    /// Edges that hold all but the far ends of the array: 4 standard deviations and a margin around the nominal
    /// cell's way.
    /// `reach` is a filling that cells may come to beyond the nominal one's.
    fn default_bins(&self, count: usize, reach: f64) -> Bins {
        let v = &self.variation;
        let programmed = self.nominal[0];
        let spread = libm::exp(4.0 * v.area);
        let charge = libm::exp(4.0 * (v.trap_filled + v.capture_speed)) * 1.05;
        // Of few electrons chance makes the rest.
        let dots = self.material.capture.map_or(0.0, |c| c.traps);
        let electrons = programmed.filling * dots;
        let chance =
            if self.electrons.are_counted() && electrons > 0.0 { 1.0 + 4.0 / libm::sqrt(electrons) } else { 1.0 };
        let full = (programmed.filling.max(reach) * charge * chance).min(1.0);
        let top = self.read.read(spread * 1.02, full, 0.0).conductance;
        Bins {
            count,
            conductance: (1.0 / (spread * 1.02), top),
            // An array that was never programmed still has a histogram of its (zero) filling.
            filling: (0.0, if full > PROGRAMMED_FILLING { full * 1.0001 } else { 1.0 }),
            // Just past 1, so that a cell that keeps everything is inside the last bins.
            kept: (0.0, 1.03),
        }
    }
}

#[cfg(test)]
mod tests;
