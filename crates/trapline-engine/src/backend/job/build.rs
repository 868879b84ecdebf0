//! The steps in which a job is put together.

use super::program::Programming;
use super::{Bins, Job, JobError, MAX_BINS, MAX_CHECKPOINTS, MAX_SEGMENT_S, MAX_SUBSTEPS};
use crate::backend::schedule;
use std::sync::Arc;
use trapline_model::array::{ArrayShape, MAX_LINES};
use trapline_model::cell::capture::space_charge_limit;
use trapline_model::cell::counted::{Electrons, MOST_DOTS, most_dots};
use trapline_model::cell::current::beyond_reason_a;
use trapline_model::cell::each_dot::{self, MOST_DOTS_OF_ARRAY, MOST_EVENTS_OF_ARRAY};
use trapline_model::cell::read::{self, Judging, LEAST_READING_S, MOST_READING_S, ReadOut};
use trapline_model::cell::{Drive, Factors};
use trapline_model::material::{MAX_CLASSES, Material, TrapClass, Variation};
use trapline_model::protocol::{MAX_BIAS_V, Profile, Segment, Stays};
use trapline_model::units::kelvin;

/// Bias of a reading, V, where none is given.
pub const DEFAULT_READ_V: f64 = 0.1;
/// Share of its programmed window below which a cell has failed, where none is given.
pub const DEFAULT_FAILS_BELOW: f64 = 0.9;
/// Bins of a histogram where no number is given.
pub const DEFAULT_BINS: usize = 64;

/// What is done to the cells first: segments of constant bias, at 25 °C where nothing else is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    segments: Vec<Segment>,
    temperature_k: f64,
    substeps: Option<u32>,
}

impl Program {
    /// These segments, in order.
    #[must_use]
    pub fn of(segments: &[Segment]) -> Program {
        Program { segments: segments.to_vec(), temperature_k: kelvin(25.0), substeps: None }
    }

    /// At this temperature, K.
    #[must_use]
    pub fn at(self, temperature_k: f64) -> Program {
        Program { temperature_k, ..self }
    }

    /// In so many substeps for every segment that catches charge, 1 to [`MAX_SUBSTEPS`]; chosen for each where `None`.
    #[must_use]
    pub fn substeps(self, substeps: impl Into<Option<u32>>) -> Program {
        Program { substeps: substeps.into(), ..self }
    }
}

/// What the cells are left to after their programming: a temperature, or a profile of them, and the times at which
/// they are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Bake {
    temperature_k: f64,
    profile: Option<Profile>,
    times_s: Vec<f64>,
    warmer_k: Option<Arc<[f64]>>,
}

impl Bake {
    /// At this temperature, K, throughout; read right after programming only.
    #[must_use]
    pub fn at(temperature_k: f64) -> Bake {
        Bake { temperature_k, profile: None, times_s: Vec::new(), warmer_k: None }
    }

    /// Along a profile; the bake's own temperature is that of its legs which name none.
    #[must_use]
    pub fn along(self, profile: impl Into<Option<Profile>>) -> Bake {
        Bake { profile: profile.into(), ..self }
    }

    /// Read at these times after programming, s, ascending, and at 0 s before them: [`MAX_CHECKPOINTS`] together at
    /// most.
    #[must_use]
    pub fn checkpoints(self, times_s: &[f64]) -> Bake {
        Bake { times_s: times_s.to_vec(), ..self }
    }

    /// Each cell warmer than that, all the while, by so many kelvin, row by row (colder, where they are negative);
    /// all alike where `None`. Backends bake such cells in f64, one by one.
    #[must_use]
    pub fn warmer(self, by_k: impl Into<Option<Arc<[f64]>>>) -> Bake {
        Bake { warmer_k: by_k.into(), ..self }
    }
}

/// How the cells are read: at 0.1 V and the temperature of the bake where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Read {
    bias_v: f64,
    temperature_k: Option<f64>,
}

impl Read {
    /// At this bias, V.
    #[must_use]
    pub fn with(bias_v: f64) -> Read {
        Read { bias_v, temperature_k: None }
    }

    /// At this temperature, K, whatever the bake's.
    #[must_use]
    pub fn at(self, temperature_k: f64) -> Read {
        Read { temperature_k: Some(temperature_k), ..self }
    }
}

impl Default for Read {
    fn default() -> Read {
        Read::with(DEFAULT_READ_V)
    }
}

/// A job in the making. What is not said: cells vary as the material has it, seed 1, one cell, no programming, 25 °C
/// throughout, a reading at 0.1 V, failed where it keeps less than 0.9 of the window, 64 bins.
#[derive(Debug, Clone)]
#[must_use]
pub struct JobBuilder<'a> {
    material: &'a Material,
    variation: bool,
    electrons: Electrons,
    seed: u64,
    array: ArrayShape,
    program: Program,
    bake: Bake,
    read: Read,
    fails_below: f64,
    judged: Judging,
    bins: usize,
    filled_by_others: bool,
}

impl<'a> JobBuilder<'a> {
    pub(super) fn new(material: &'a Material) -> JobBuilder<'a> {
        JobBuilder {
            material,
            variation: true,
            electrons: Electrons::MeanField,
            seed: 1,
            array: ArrayShape { rows: 1, cols: 1 },
            program: Program::of(&[]),
            bake: Bake::at(kelvin(25.0)),
            read: Read::default(),
            fails_below: DEFAULT_FAILS_BELOW,
            judged: Judging::Kept,
            bins: DEFAULT_BINS,
            filled_by_others: false,
        }
    }

    /// Whether cells differ as the material has it; every cell is the nominal one where not.
    pub fn variation(self, on: bool) -> Self {
        JobBuilder { variation: on, ..self }
    }

    /// How the electrons of the cells are taken: as real numbers where nothing is said.
    pub fn electrons(self, electrons: Electrons) -> Self {
        JobBuilder { electrons, ..self }
    }

    /// The seed that cells are drawn from.
    pub fn seed(self, seed: u64) -> Self {
        JobBuilder { seed, ..self }
    }

    /// Rows and columns.
    pub fn array(self, array: ArrayShape) -> Self {
        JobBuilder { array, ..self }
    }

    /// What is done to the cells first.
    pub fn program(self, program: Program) -> Self {
        JobBuilder { program, ..self }
    }

    /// What they are left to.
    pub fn bake(self, bake: Bake) -> Self {
        JobBuilder { bake, ..self }
    }

    /// How they are read.
    pub fn read(self, read: Read) -> Self {
        JobBuilder { read, ..self }
    }

    /// Share of its programmed window below which a cell has failed.
    pub fn fails_below(self, share: f64) -> Self {
        JobBuilder { fails_below: share, ..self }
    }

    /// By what a cell has failed: by what it keeps where nothing is said.
    pub fn judged(self, judged: Judging) -> Self {
        JobBuilder { judged, ..self }
    }

    /// Bins of each histogram.
    pub fn bins(self, bins: usize) -> Self {
        JobBuilder { bins, ..self }
    }

    /// Whether pulses that are meant for other cells fill these too, so that histograms reach as far as space charge
    /// lets the strongest bias fill, and not only as far as the program fills the nominal cell.
    pub fn filled_by_others(self, yes: bool) -> Self {
        JobBuilder { filled_by_others: yes, ..self }
    }

    /// The job, with its nominal cell computed.
    ///
    /// # Errors
    /// [`JobError`]: the first value that is outside its limits.
    pub fn build(&self) -> Result<Job, JobError> {
        let JobBuilder { material, program: of_program, bake, .. } = self;
        let variation = if self.variation { material.variation } else { Variation::OFF };
        self.check(&variation)?;
        let read_k = self.read.temperature_k.unwrap_or(bake.temperature_k);
        let read = ReadOut::new(material, self.read.bias_v, read_k);
        if !read.is_sound() {
            let (siemens, bias_v) = (read.fresh_conductance_s, self.read.bias_v);
            return Err(JobError::FreshConductance { siemens, bias_v, kelvin: read_k });
        }
        let Program { temperature_k, substeps, segments } = of_program;
        let drives = segments.iter().map(|segment| {
            let drive = Drive::for_spread(material, &variation, self.electrons, segment, *temperature_k, *substeps);
            (drive, segment.cycle)
        });
        let programming = Programming {
            material,
            variation: &variation,
            electrons: self.electrons,
            temperature_k: *temperature_k,
            drives: drives.collect(),
        };
        // Who says how many substeps wants steps.
        let (program, trajectory) = programming.steps(substeps.is_none());
        if matches!(self.electrons, Electrons::EachDot(_)) {
            let of_cell = each_dot::most_events(material, program.iter().map(|s| &s.drive), of_program.temperature_k);
            let events = of_cell * self.array.cells() as f64;
            holds(events <= MOST_EVENTS_OF_ARRAY, || JobError::EachDotEvents { events })?;
        }
        let mut times_s = vec![0.0];
        times_s.extend_from_slice(&bake.times_s);
        let stays = match &bake.profile {
            None => Stays::constant(bake.temperature_k, &times_s),
            Some(profile) => profile.stays(bake.temperature_k, &times_s),
        };
        // A profile that stays at one temperature is the constant bake.
        // Electrons that are counted are lost from checkpoint to checkpoint, and what failed first is known in the
        // order of time.
        let in_order = self.electrons.are_counted() || self.judged.is_first();
        let visits = if stays.temperatures_k.len() == 1 && !in_order {
            schedule::visits(&times_s)
        } else {
            schedule::direct(&times_s)
        };
        let noise = |seconds| read::noise_of_fresh(read.fresh_conductance_s, self.read.bias_v, read_k, seconds);
        let mut job = Job {
            material: (*material).clone(),
            variation,
            electrons: self.electrons,
            seed: self.seed,
            shape: self.array,
            program_k: of_program.temperature_k,
            bake_k: bake.temperature_k,
            stays,
            warmer_k: bake.warmer_k.clone(),
            read_k,
            program,
            trajectory,
            visits,
            times_s,
            read,
            kept_threshold: self.fails_below,
            judged: self.judged,
            reading_noise: self.judged.integration_s().map_or(0.0, noise),
            bins: Bins { count: self.bins, conductance: (0.0, 1.0), filling: (0.0, 1.0), kept: (0.0, 1.0) },
            nominal: Vec::new(),
        };
        let programmed = job.programmed(&Factors::NOMINAL, |_| 1.0);
        job.nominal =
            (0..job.times_s.len()).map(|checkpoint| job.observe(&Factors::NOMINAL, &programmed, checkpoint)).collect();
        let limit = |segment: &Segment| {
            material.capture.as_ref().map_or(0.0, |of| space_charge_limit(of, 1.0, segment.bias_v.abs()))
        };
        let reach = if self.filled_by_others { segments.iter().map(limit).fold(0.0, f64::max) } else { 0.0 };
        job.bins = job.default_bins(self.bins, reach);
        Ok(job)
    }

    fn check(&self, variation: &Variation) -> Result<(), JobError> {
        let JobBuilder { material, program, bake, read, .. } = self;
        let ArrayShape { rows, cols } = self.array;
        let line = |lines: u64| (1..=MAX_LINES).contains(&lines);
        holds(line(rows) && line(cols), || JobError::Array { rows, cols })?;
        holds(material.classes.len() <= MAX_CLASSES, || JobError::Classes(material.classes.len()))?;
        if self.electrons.are_counted() {
            let traps = material.capture.map_or(0.0, |capture| capture.traps);
            holds(traps == 0.0 || traps >= 1.0, || JobError::FewDots(traps))?;
            let largest = most_dots(material, variation);
            holds(largest <= MOST_DOTS, || JobError::ManyDots(largest))?;
            let (cells, each_dot) = (self.array.cells(), matches!(self.electrons, Electrons::EachDot(_)));
            let dots = traps * cells as f64;
            holds(!each_dot || dots <= MOST_DOTS_OF_ARRAY, || JobError::EachDot { cells, dots })?;
        }
        if let Some(number) = material.classes.iter().position(|class: &TrapClass| !class.is_finite()) {
            return Err(JobError::Class(number));
        }
        let Variation { size, area, trap_filled, capture_speed } = *variation;
        for (what, value) in [
            ("size of the dots", size),
            ("area", area),
            ("trap-filled limit", trap_filled),
            ("capture speed", capture_speed),
        ] {
            holds(value >= 0.0 && value.is_finite(), || JobError::Variation { what, value })?;
        }
        let read_k = read.temperature_k.unwrap_or(bake.temperature_k);
        for (what, kelvin) in
            [("the programming", program.temperature_k), ("the bake", bake.temperature_k), ("the reading", read_k)]
        {
            holds(kelvin > 0.0 && kelvin.is_finite(), || JobError::Temperature { what, kelvin })?;
        }
        program.check()?;
        for (number, &Segment { bias_v, .. }) in program.segments.iter().enumerate() {
            if let Some(amperes) = beyond_reason_a(material, bias_v, program.temperature_k) {
                return Err(JobError::Current { number, bias_v, kelvin: program.temperature_k, amperes });
            }
        }
        bake.check(self.array)?;
        let bias_v = read.bias_v;
        holds(bias_v.abs() <= MAX_BIAS_V && bias_v != 0.0, || JobError::ReadBias(bias_v))?;
        holds(self.fails_below > 0.0 && self.fails_below < 1.0, || JobError::FailsBelow(self.fails_below))?;
        if let Judging::Reading { integration_s, .. } = self.judged {
            let readable = (LEAST_READING_S..=MOST_READING_S).contains(&integration_s);
            holds(readable, || JobError::Reading(integration_s))?;
        }
        holds((1..=MAX_BINS).contains(&self.bins), || JobError::Bins(self.bins))
    }
}

impl Program {
    fn check(&self) -> Result<(), JobError> {
        for (number, &Segment { bias_v, dwell_s, cycle }) in self.segments.iter().enumerate() {
            holds(bias_v.abs() <= MAX_BIAS_V, || JobError::Bias { number, bias_v })?;
            holds((0.0..=MAX_SEGMENT_S).contains(&dwell_s), || JobError::Dwell { number, dwell_s })?;
            // The kernels know a cycle of which nothing is drawn yet by the last number there is.
            holds(cycle < u32::MAX, || JobError::Cycle { number, cycle })?;
        }
        match self.substeps {
            Some(substeps) => holds((1..=MAX_SUBSTEPS).contains(&substeps), || JobError::Substeps(substeps)),
            None => Ok(()),
        }
    }
}

impl Bake {
    fn check(&self, ArrayShape { rows, cols }: ArrayShape) -> Result<(), JobError> {
        if let Some(warmer_k) = &self.warmer_k {
            let (found, needed) = (warmer_k.len() as u64, rows * cols);
            holds(found == needed, || JobError::Warmer { found, needed })?;
            let legs = self.profile.iter().flat_map(Profile::legs).filter_map(|leg| leg.temperature_k);
            let coldest_k = legs.fold(self.temperature_k, f64::min);
            for (cell, by_k) in (0_u64..).zip(warmer_k.iter()) {
                let kelvin = coldest_k + by_k;
                holds(kelvin > 0.0 && kelvin.is_finite(), || JobError::WarmerCell {
                    row: cell / cols,
                    col: cell % cols,
                    kelvin,
                })?;
            }
        }
        let checkpoints = self.times_s.len() + 1;
        holds(checkpoints <= MAX_CHECKPOINTS, || JobError::Checkpoints(checkpoints))?;
        let mut before_s = 0.0;
        for (at, &time_s) in self.times_s.iter().enumerate() {
            let number = at + 1;
            holds(time_s > 0.0 && time_s.is_finite(), || JobError::Checkpoint { number, time_s })?;
            holds(time_s > before_s, || JobError::Order { number, time_s, before_s })?;
            before_s = time_s;
        }
        Ok(())
    }
}

/// A comparison with NaN is false, so a condition that holds has no NaN in it.
fn holds(condition: bool, otherwise: impl FnOnce() -> JobError) -> Result<(), JobError> {
    if condition { Ok(()) } else { Err(otherwise()) }
}
