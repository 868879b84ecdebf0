//! One point of a campaign, ready to compute: everything that does not depend on the cell, in f64, from the host.
//!
//! Backends see a [`Job`] and nothing else. The f32 backends take their constants from the same
//! fields, so that rates near the ends of f32's range are rounded once, from f64; a cell's own small
//! shifts are applied on the device.

use super::schedule::{self, Visit};
use crate::array::ArrayShape;
use crate::cell::{self, Drive, Factors, current, step};
use crate::material::{MAX_CLASSES, Material, Variation};
use crate::protocol::Segment;

/// Most checkpoints of a bake.
pub const MAX_CHECKPOINTS: usize = 4096;
/// Most histogram bins.
pub const MAX_BINS: usize = 256;

/// Quantities whose moments are taken, in the order all backends keep them.
pub const QUANTITIES: usize = 4;

/// What is read of a cell at a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Observables<T> {
    /// Conductance over the fresh conductance of the nominal cell.
    pub conductance: T,
    /// Filling F.
    pub filling: T,
    /// Fraction of the programmed charge lost.
    pub lost: T,
    /// Window over the programmed window.
    pub kept: T,
}

impl<T: Copy> Observables<T> {
    /// In the order of [`QUANTITIES`].
    pub fn array(&self) -> [T; QUANTITIES] {
        [self.conductance, self.filling, self.lost, self.kept]
    }
}

/// A segment of the programming with its cycle number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProgramStep {
    pub drive: Drive,
    pub cycle: u32,
    /// Newton iterations the f32 kernels give each substep's equation (see `newton_iterations`).
    pub iterations: u32,
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

/// How a cell's conductance follows from its filling: `area (direct/(1 - open F) + hopping)`, over the nominal fresh conductance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadOut {
    pub direct: f64,
    pub hopping: f64,
    pub fresh_conductance_s: f64,
}

/// A point: one material, one temperature.
#[derive(Debug, Clone)]
pub struct Job {
    pub material: Material,
    /// The material's, or [`Variation::OFF`].
    pub variation: Variation,
    pub seed: u64,
    pub shape: ArrayShape,
    pub program_k: f64,
    pub bake_k: f64,
    pub program: Vec<ProgramStep>,
    /// Checkpoints, ascending, the first 0.
    pub times_s: Vec<f64>,
    pub visits: Vec<Visit>,
    pub read: ReadOut,
    pub kept_threshold: f64,
    pub bins: Bins,
    /// The nominal cell at each checkpoint; moments are taken of the difference from it.
    pub nominal: Vec<Observables<f64>>,
}

/// What a job is made from.
#[derive(Debug, Clone)]
pub struct JobSpec<'a> {
    pub material: &'a Material,
    pub variation: bool,
    pub seed: u64,
    pub shape: ArrayShape,
    pub program_k: f64,
    pub bake_k: f64,
    pub program: &'a [Segment],
    /// Overrides the automatic number of substeps of every segment that catches charge.
    pub substeps: Option<u32>,
    /// Checkpoints after programming, ascending and positive; 0 is added.
    pub times_s: &'a [f64],
    pub read_v: f64,
    pub kept_threshold: f64,
    pub bins: usize,
}

/// Newton iterations that bring a substep of stiffness `x` to f32 accuracy.
///
/// Newton's iteration starts from the old filling. Measured up to x = 0.7 (both shipped materials, 0.5 V to 1.7 V, 2000 cells),
/// one iteration leaves at most 3e-5 of the filling, and two what f32 rounds; the second squares the first one's error. Cells
/// that catch twice as fast as the nominal one have twice the x, hence the margins. Beyond, the bracket may have to bisect: 24
/// halvings reach 2^-24.
pub(super) fn newton_iterations(drive: &Drive, material: &Material) -> u32 {
    match drive.step_stiffness(material) {
        0.0 => 0,
        x if x <= 0.3 => 2,
        x if x <= 1.0 => 4,
        _ => 24,
    }
}

impl Job {
    /// Prepares a point. The specification is already checked.
    pub fn new(spec: &JobSpec) -> Job {
        let material = spec.material;
        let program: Vec<_> = spec
            .program
            .iter()
            .map(|segment| {
                let drive = Drive::new(material, segment, spec.program_k, spec.substeps);
                ProgramStep { drive, cycle: segment.cycle, iterations: newton_iterations(&drive, material) }
            })
            .collect();
        let mut times_s = vec![0.0];
        times_s.extend_from_slice(spec.times_s);
        let fresh = cell::conductance_s(material, &Factors::NOMINAL, spec.read_v, spec.bake_k, 0.0);
        let hopping = current::hopping_a(material, spec.read_v, spec.bake_k) / spec.read_v / fresh;
        let read = ReadOut { direct: 1.0 - hopping, hopping, fresh_conductance_s: fresh };
        let mut job = Job {
            material: material.clone(),
            variation: if spec.variation { material.variation } else { Variation::OFF },
            seed: spec.seed,
            shape: spec.shape,
            program_k: spec.program_k,
            bake_k: spec.bake_k,
            program,
            visits: schedule::visits(&times_s),
            times_s,
            read,
            kept_threshold: spec.kept_threshold,
            bins: Bins { count: spec.bins, conductance: (0.0, 1.0), filling: (0.0, 1.0), kept: (0.0, 1.0) },
            nominal: Vec::new(),
        };
        let programmed = job.programmed(&Factors::NOMINAL, |_| 1.0);
        job.nominal = job.times_s.iter().map(|&t| job.observe(&Factors::NOMINAL, &programmed, t)).collect();
        job.bins = job.default_bins(spec.bins);
        job
    }

    /// `1 - theta0`.
    pub fn open(&self) -> f64 {
        1.0 - self.material.injection.free_share
    }

    /// Longest checkpoint; the f32 kernels count time in it.
    pub fn longest_s(&self) -> f64 {
        self.times_s.last().copied().unwrap_or(0.0).max(f64::MIN_POSITIVE)
    }

    /// The occupancy of a cell after programming; `speed` is its capture speed in a cycle.
    pub fn programmed(&self, factors: &Factors, speed: impl Fn(u32) -> f64) -> step::Occupancy {
        let emission = cell::emission_per_s(&self.material, factors, self.program_k);
        let mut occupancy = [0.0; MAX_CLASSES];
        for part in &self.program {
            cell::apply(&self.material, factors, &emission, &part.drive, speed(part.cycle), &mut occupancy);
        }
        occupancy
    }

    /// What is read of a cell that was programmed to `occupancy`, `time_s` into the bake.
    pub fn observe(&self, factors: &Factors, occupancy: &step::Occupancy, time_s: f64) -> Observables<f64> {
        let emission = cell::emission_per_s(&self.material, factors, self.bake_k);
        let classes = &self.material.classes;
        let start = step::filling(classes, occupancy);
        let lost_charge: f64 =
            (0..classes.len()).map(|k| -classes[k].weight * occupancy[k] * (-emission[k] * time_s).exp_m1()).sum();
        let lost = if start > 0.0 { (lost_charge / start).min(1.0) } else { 0.0 };
        self.read_out(factors.area, start, lost)
    }

    /// Conductance, filling and window of a cell that has lost a fraction of its charge.
    ///
    /// The window is `theta0 q F/(1 - q F)` with `q = 1 - theta0`, so what is kept of it is
    /// `(1 - L)/(1 + L q F0/(1 - q F0))`: no small difference of large numbers.
    pub fn read_out(&self, area: f64, start: f64, lost: f64) -> Observables<f64> {
        let open = self.open();
        let filling = start * (1.0 - lost);
        Observables {
            conductance: area * (self.read.direct / (1.0 - open * filling) + self.read.hopping),
            filling,
            lost,
            kept: (1.0 - lost) / (1.0 + lost * open * start / (1.0 - open * start)),
        }
    }

    /// Edges that hold all but the far ends of the array: 4 standard deviations and a margin around the nominal cell's way.
    fn default_bins(&self, count: usize) -> Bins {
        let v = &self.variation;
        let programmed = self.nominal[0];
        let spread = (4.0 * v.area).exp();
        let charge = (4.0 * (v.trap_filled + v.capture_speed)).exp() * 1.05;
        let full = (programmed.filling * charge).min(1.0);
        let top = self.read_out(spread * 1.02, full, 0.0).conductance;
        Bins {
            count,
            conductance: (1.0 / (spread * 1.02), top),
            // An array that was never programmed still has a histogram of its (zero) filling.
            filling: (0.0, if full > 0.0 { full * 1.0001 } else { 1.0 }),
            // Just past 1, so that a cell that keeps everything is inside the last bins.
            kept: (0.0, 1.03),
        }
    }
}
