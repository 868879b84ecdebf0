//! One point of a campaign, ready to compute: everything that does not depend on the cell, in f64, from the host.
//!
//! Backends see a [`Job`] and nothing else. The f32 backends take their constants from the same
//! fields, so that rates near the ends of f32's range are rounded once, from f64; a cell's own small
//! shifts are applied on the device.

use super::schedule::{self, Visit};
use trapline_model::array::ArrayShape;
use trapline_model::cell::{self, Drive, Factors, current, release, step};
use trapline_model::material::{MAX_CLASSES, Material, Variation};
use trapline_model::protocol::{Profile, Segment, Stays};

/// Most checkpoints of a bake.
pub const MAX_CHECKPOINTS: usize = 4096;
/// Most histogram bins.
pub const MAX_BINS: usize = 256;

/// Filling above which a cell counts as programmed: one electron among the traps of a cell a hundred times as wide as the paper's.
/// Below it rounding decides what a cell holds, and differently in f32: such cells lose nothing and keep everything.
pub const PROGRAMMED_FILLING: f64 = 1e-9;

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
    /// Iterations the f32 kernels give each substep's equation (see `iterations`).
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

impl ReadOut {
    /// That of a material at a read bias of either sign: conductance is even in it.
    pub fn new(material: &Material, read_v: f64, temperature_k: f64) -> ReadOut {
        let a_v = read_v.abs();
        let fresh_conductance_s = cell::conductance_s(material, &Factors::NOMINAL, a_v, temperature_k, 0.0);
        let part = |current_a: f64| current_a / a_v / fresh_conductance_s;
        // Each share from its own current: as 1 less the other the smaller one would lose its digits.
        ReadOut {
            direct: part(material.injection.free_share * current::injected_a(material, a_v, temperature_k)),
            hopping: part(current::hopping_a(material, a_v, temperature_k)),
            fresh_conductance_s,
        }
    }
}

/// A point: one material, one temperature or one profile of them.
#[derive(Debug, Clone)]
pub struct Job {
    pub material: Material,
    /// The material's, or [`Variation::OFF`].
    pub variation: Variation,
    pub seed: u64,
    pub shape: ArrayShape,
    pub program_k: f64,
    /// The point's own bake temperature; what the cells really see is in `stays`.
    pub bake_k: f64,
    /// Temperatures of the bake, and the time at each by each checkpoint.
    pub stays: Stays,
    /// Conductance is read at this temperature.
    pub read_k: f64,
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
    /// Temperatures of the bake; `None`: `bake_k` throughout.
    pub profile: Option<&'a Profile>,
    pub program: &'a [Segment],
    /// Overrides the automatic number of substeps of every segment that catches charge.
    pub substeps: Option<u32>,
    /// Checkpoints after programming, ascending and positive; 0 is added.
    pub times_s: &'a [f64],
    pub read_v: f64,
    /// Conductance is read at this temperature, whatever the bake's.
    pub read_k: f64,
    pub kept_threshold: f64,
    pub bins: usize,
}

/// Iterations of the f32 kernels from which on a substep is solved by bisection: 12 bring the ends of the bracket together
/// to 1 in 1000 from 1e18, 26 the rest of f32's digits.
pub const STIFF_ITERATIONS: u32 = 40;

/// Iterations that bring a substep's equation to f32 accuracy; from [`STIFF_ITERATIONS`] on halvings instead of Newton's.
///
/// Newton's iteration starts from the old filling. One leaves at most 3e-5 of the filling up to x = 0.3, and two what f32 rounds;
/// three suffice up to x = 1. The x of a cell that catches faster than the nominal one is larger: 5 standard deviations of the
/// speed and of the trap-filled limit are reckoned with.
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
    /// Prepares a point. The specification is already checked.
    pub fn new(spec: &JobSpec) -> Job {
        let material = spec.material;
        let variation = if spec.variation { material.variation } else { Variation::OFF };
        let program: Vec<_> = spec
            .program
            .iter()
            .map(|segment| {
                let drive = Drive::for_spread(material, &variation, segment, spec.program_k, spec.substeps);
                let iterations = iterations(&drive, material, &variation);
                ProgramStep { drive, cycle: segment.cycle, iterations }
            })
            .collect();
        let mut times_s = vec![0.0];
        times_s.extend_from_slice(spec.times_s);
        let read = ReadOut::new(material, spec.read_v, spec.read_k);
        let stays = match spec.profile {
            None => Stays::constant(spec.bake_k, &times_s),
            Some(profile) => profile.stays(spec.bake_k, &times_s),
        };
        // A profile that stays at one temperature is the constant bake.
        let visits =
            if stays.temperatures_k.len() == 1 { schedule::visits(&times_s) } else { schedule::direct(&times_s) };
        let mut job = Job {
            material: material.clone(),
            variation,
            seed: spec.seed,
            shape: spec.shape,
            program_k: spec.program_k,
            bake_k: spec.bake_k,
            stays,
            read_k: spec.read_k,
            program,
            visits,
            times_s,
            read,
            kept_threshold: spec.kept_threshold,
            bins: Bins { count: spec.bins, conductance: (0.0, 1.0), filling: (0.0, 1.0), kept: (0.0, 1.0) },
            nominal: Vec::new(),
        };
        let programmed = job.programmed(&Factors::NOMINAL, |_| 1.0);
        job.nominal =
            (0..job.times_s.len()).map(|checkpoint| job.observe(&Factors::NOMINAL, &programmed, checkpoint)).collect();
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

    /// What is read of a cell that was programmed to `occupancy` at a checkpoint of the bake.
    pub fn observe(&self, factors: &Factors, occupancy: &step::Occupancy, checkpoint: usize) -> Observables<f64> {
        let mut emptied = [0.0; MAX_CLASSES];
        for (&bake_k, &stay_s) in self.stays.temperatures_k.iter().zip(self.stays.for_s.row(checkpoint)) {
            let emission = cell::emission_per_s(&self.material, factors, bake_k);
            emptied.iter_mut().zip(emission).for_each(|(sum, per_s)| *sum += per_s * stay_s);
        }
        let start = step::filling(&self.material.classes, occupancy);
        self.read_out(factors.area, start, self.lost_fraction(occupancy, &emptied, start))
    }

    /// Fraction of the charge of a cell filled to `start` that is lost once each class was `emptied` so many times: its rate times
    /// the time, summed over temperatures.
    pub fn lost_fraction(&self, occupancy: &step::Occupancy, emptied: &step::Occupancy, start: f64) -> f64 {
        if start <= PROGRAMMED_FILLING {
            return 0.0;
        }
        (release::lost_filling(&self.material.classes, occupancy, emptied) / start).min(1.0)
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
        let spread = libm::exp(4.0 * v.area);
        let charge = libm::exp(4.0 * (v.trap_filled + v.capture_speed)) * 1.05;
        let full = (programmed.filling * charge).min(1.0);
        let top = self.read_out(spread * 1.02, full, 0.0).conductance;
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
mod tests {
    use super::*;
    use trapline_model::material;

    fn job(name: &str, read_v: f64) -> Job {
        Job::new(&JobSpec {
            material: &material::shipped(name).unwrap(),
            variation: true,
            seed: 1,
            shape: ArrayShape { rows: 1, cols: 1 },
            program_k: 298.15,
            bake_k: 373.15,
            profile: None,
            program: &[Segment { bias_v: 1.5, dwell_s: 1e-2, cycle: 0 }],
            substeps: None,
            times_s: &[1.0, 1e4],
            read_v,
            read_k: 373.15,
            kept_threshold: 0.9,
            bins: 8,
        })
    }

    #[test]
    fn a_negative_read_bias_reads_as_the_positive_one() {
        for (name, _) in material::SHIPPED {
            let (forward, reverse) = (job(name, 0.1), job(name, -0.1));
            assert_eq!(forward.read, reverse.read, "{name}");
            assert_eq!(forward.nominal, reverse.nominal, "{name}");
            assert!(forward.nominal.iter().all(|seen| seen.array().iter().all(|x| x.is_finite())), "{name}");
            // Control: not every bias reads alike.
            assert_ne!(forward.read, job(name, 0.2).read, "{name}");
        }
    }

    #[test]
    fn the_smaller_share_of_the_conductance_keeps_its_digits() {
        let mut sheets = material::shipped("pi-ws2-ns").unwrap();
        for hopping_s in [0.0, 4.5e-12, 1e-3, 1e20] {
            sheets.hopping.as_mut().unwrap().conductance_s = hopping_s;
            let read = ReadOut::new(&sheets, 0.1, 373.15);
            let direct_s = sheets.injection.free_share * current::injected_a(&sheets, 0.1, 373.15) / 0.1;
            // A quotient and a product of f64, or two of each.
            assert!((read.direct * read.fresh_conductance_s / direct_s - 1.0).abs() < 1e-15, "{hopping_s} S: {read:?}");
            assert!((read.direct + read.hopping - 1.0).abs() < 1e-15, "{hopping_s} S: {read:?}");
        }
    }
}
