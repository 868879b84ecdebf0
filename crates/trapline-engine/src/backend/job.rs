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

    /// Whether the cells of another job are the same after programming, and their bakes alike in kind: at one temperature
    /// or along a profile.
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
mod tests {
    use super::*;
    use trapline_model::material::{self, TrapClass};
    use trapline_model::protocol::Segment;

    const PULSE: Segment = Segment { bias_v: 1.5, dwell_s: 1e-2, cycle: 0 };

    #[test]
    fn a_negative_read_bias_reads_as_the_positive_one() {
        for (name, _) in material::SHIPPED {
            let material = material::shipped(name).unwrap();
            let bake = Bake::at(373.15).checkpoints(&[1.0, 1e4]);
            let job = |read_v| {
                let job = Job::of(&material).program(Program::of(&[PULSE])).bake(bake.clone()).read(Read::with(read_v));
                job.build().unwrap()
            };
            let (forward, reverse) = (job(0.1), job(-0.1));
            assert_eq!(forward.nominal, reverse.nominal, "{name}");
            assert!(forward.nominal.iter().all(|seen| seen.array().iter().all(|x| x.is_finite())), "{name}");
            // Control: not every bias reads alike.
            assert_ne!(forward.read, job(0.2).read, "{name}");
        }
    }

    #[test]
    fn what_is_not_said_is_what_the_docs_say() {
        let dots = material::shipped("pi-ws2-qd").unwrap();
        let short = Job::of(&dots).build().unwrap();
        let room_k = trapline_model::units::kelvin(25.0);
        let long = Job::of(&dots)
            .variation(true)
            .seed(1)
            .array(ArrayShape { rows: 1, cols: 1 })
            .program(Program::of(&[]).at(room_k).substeps(None))
            .bake(Bake::at(room_k).along(None).checkpoints(&[]))
            .read(Read::with(0.1).at(room_k))
            .fails_below(0.9)
            .judged(Judging::Kept)
            .bins(64);
        assert_eq!(format!("{short:?}"), format!("{:?}", long.build().unwrap()));
        assert_eq!((short.times_s(), short.bins().count, short.variation()), (&[0.0][..], 64, &dots.variation));
        // A reading is at the temperature of its bake.
        let hot = |read: Read| Job::of(&dots).bake(Bake::at(400.0)).read(read).build().unwrap().read_k();
        assert_eq!((hot(Read::default()), hot(Read::default().at(300.0))), (400.0, 300.0));
    }

    /// Each limit, by a value just outside of it; and the value just inside is a job.
    #[test]
    fn nonsense_is_refused_in_one_line_with_its_value() {
        let dots = material::shipped("pi-ws2-qd").unwrap();
        let segment = |bias_v, dwell_s, cycle| Program::of(&[PULSE, Segment { bias_v, dwell_s, cycle }]);
        let until = |times_s: &[f64]| Bake::at(400.0).checkpoints(times_s);
        let most: Vec<f64> = (1..=MAX_CHECKPOINTS).map(|i| i as f64).collect();
        let of = || Job::of(&dots);
        let array = |rows, cols| of().array(ArrayShape { rows, cols });
        let bad = [
            (array(0, 1), "0 rows and 1 columns"),
            (array(1, (1 << 20) + 1), "1048577 columns"),
            (of().program(Program::of(&[]).at(0.0)), "the programming is 0 K"),
            (of().bake(Bake::at(f64::INFINITY)), "the bake is inf K"),
            (of().read(Read::default().at(f64::NAN)), "the reading is NaN K"),
            (of().program(segment(f64::NAN, 1.0, 0)), "segment 1 of the programming is at NaN V"),
            (of().program(segment(-100.1, 1.0, 0)), "at -100.1 V"),
            (of().program(segment(1.0, -1e-9, 0)), "lasts -0.000000001 s"),
            (of().program(segment(1.0, f64::INFINITY, 0)), "lasts inf s"),
            (of().program(segment(1.0, 1.0, u32::MAX)), "cycle 4294967295"),
            (of().program(segment(1.0, 1.0, 0).substeps(0)), "0 substeps"),
            (of().program(segment(1.0, 1.0, 0).substeps(65)), "65 substeps"),
            (of().bake(until(&[0.0])), "checkpoint 1 is 0 s"),
            (of().bake(until(&[1.0, f64::NAN])), "checkpoint 2 is NaN s"),
            (of().bake(until(&[1.0, 2.0, 2.0])), "checkpoint 3, at 2 s, follows one at 2 s"),
            (of().bake(until(&most)), "4097 checkpoints"),
            (of().read(Read::with(0.0)), "read bias is 0 V"),
            (of().read(Read::with(f64::NAN)), "read bias is NaN V"),
            (of().fails_below(0.0), "below 0 of its window"),
            (of().fails_below(1.0), "below 1 of its window"),
            (of().judged(Judging::Reading { integration_s: 0.0, first: true }), "averaged over 0 s"),
            (of().judged(Judging::Reading { integration_s: f64::NAN, first: false }), "averaged over NaN s"),
            (of().judged(Judging::Reading { integration_s: 1.1e6, first: true }), "averaged over 1100000 s"),
            (of().bins(0), "0 bins"),
            (of().bins(MAX_BINS + 1), "257 bins"),
        ];
        // A law that is taken to where it means nothing.
        let sheets = material::shipped("pi-ws2-ns").unwrap();
        let cold = Program::of(&[PULSE, Segment { bias_v: 60.0, ..PULSE }]).at(5.0);
        let error = Job::of(&sheets).program(cold).build().unwrap_err().to_string();
        assert!(error.contains("segment 1 of the programming, at 60 V and 5 K"), "{error}");
        for (job, said) in bad {
            let error = job.build().unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains('\n'), "{said}: {error}");
        }
        let good = [
            array(1, 1 << 20),
            of().program(segment(-100.0, 0.0, u32::MAX - 1).substeps(64)),
            of().bake(until(&most[1..])),
            of().read(Read::with(-0.1)),
            of().fails_below(1e-9),
            of().fails_below(0.999),
            of().judged(Judging::Reading { integration_s: 1e-9, first: true }),
            of().judged(Judging::Reading { integration_s: 1e6, first: false }),
            of().bins(MAX_BINS),
            of().bins(1),
        ];
        for job in good {
            assert!(job.build().is_ok(), "{job:?}");
        }
    }

    #[test]
    fn a_material_that_no_file_could_hold_is_refused() {
        let dots = || material::shipped("pi-ws2-qd").unwrap();
        let refused = |of: &Material, said: &str| {
            let error = Job::of(of).build().unwrap_err().to_string();
            assert!(error.contains(said), "{said}: {error}");
        };
        refused(&Material { classes: vec![dots().classes[0]; 25], ..dots() }, "25 trap classes");
        let nan = TrapClass { depth_ev: f64::NAN, ..dots().classes[0] };
        refused(&Material { classes: vec![dots().classes[0], nan], ..dots() }, "trap class 1");
        refused(&Material { variation: Variation { area: -0.1, ..dots().variation }, ..dots() }, "the area is -0.1");
        let mut dead = dots();
        dead.injection.direct_s = 0.0;
        dead.injection.fowler_nordheim_a_per_v2 = 0.0;
        refused(&dead, "a fresh cell conducts 0 S at 0.1 V");
        // Without variation its numbers do not count.
        let odd = Material { variation: Variation { area: f64::NAN, ..dots().variation }, ..dots() };
        assert!(Job::of(&odd).variation(false).build().is_ok());
    }
}
