//! The cell in f64: the oracle everything else is held against.
//!
//! # Theory
//! A cell is K trap classes with occupancies `f_k` (mean field: very many dots), with whole electrons
//! ([`counted`]), or dot by dot ([`each_dot`]). [`current`] says what
//! flows, [`capture`] what is caught, [`release`] what is let go, [`step`](mod@step) moves
//! the charge in time ([`train`] by many pulses in one go), [`charge`] adds up what passes meanwhile, and
//! [`read`](mod@read) is what a reading makes of it. Every current scales with the cell's area and capture
//! with area over the number of traps, which scales with area too: an area
//! change alone changes no capture rate.
//!
//! # Practice
//! Kernels in f32 whose cells differ in bias or temperature read the laws from [`tabulated`].
//! A [`Segment`] of constant bias becomes a [`Drive`] once, for all cells; a
//! cell differs from the nominal one by its [`Factors`].

pub mod capture;
pub mod charge;
pub mod counted;
pub mod current;
pub mod each_dot;
pub mod filled;
pub mod life;
pub mod narrowing;
pub mod read;
pub mod release;
pub mod step;
pub mod tabulated;
pub mod train;
pub mod validity;

use crate::material::{MAX_CLASSES, Material, TrapClass, Variation};
use crate::protocol::Segment;
use counted::{CountedCell, Draws, Electrons, OnTheWay, Settling};
use step::{Occupancy, StepDrive};
use train::Trajectory;

/// How a cell differs from the nominal one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// ln of its dots' size over the nominal size.
    pub log_size: f64,
    /// Its area over the nominal area.
    pub area: f64,
    /// Its trap-filled limit, and with it its number of traps, over the nominal ones.
    pub trap_filled: f64,
}

impl Factors {
    pub const NOMINAL: Factors = Factors { log_size: 0.0, area: 1.0, trap_filled: 1.0 };
}

/// A constant bias at a temperature, as rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drive {
    pub bias_v: f64,
    pub dwell_s: f64,
    /// Offered electrons that stay, per trap, at F = 0, 1/s.
    pub offered_per_s: f64,
    /// Field release of a class of speed 1, 1/s.
    pub field_per_s: f64,
    /// Equal parts the segment is stepped in.
    pub substeps: u32,
}

/// `x` of a substep (see [`step`](mod@step)) the automatic choice aims at.
///
/// The target is a filling within 6e-4 of the exact one after the first pulse and within 2e-4 after the whole
/// programming (relative; later pulses forget earlier errors). Measured for the nominal cell against 2048 substeps,
/// after 1, 10 and 30 pulses: quantum dots at 1.5 V (x = 0.10, one substep) 5.3e-4, 1.9e-4, 4.1e-5; nanosheets at
/// 0.7 V (x = 1.36, nine substeps) 1.1e-4, 4e-9, 3e-15.
const AIMED_STEP: f64 = 0.16;
/// Substeps of a segment that takes away more than [`LEAST_EMPTIED`] of the electrons of a class of dots, by its field
/// or by heat: what is caught beside it changes with the filling. Fillings after pulses of -3 to -7 V are then within
/// 1e-3 of 64 substeps; in one substep pulses of -6 V that end midway were 4 % off, and pulses at 100 C on traps of
/// 0.64 and 1.6 eV 1 %.
const SUBSTEPS_THAT_EMPTY: f64 = 6.0;
/// See [`SUBSTEPS_THAT_EMPTY`].
const LEAST_EMPTIED: f64 = 0.01;
/// Spread, of the capture speed and of the trap-filled limit together, that the aim has room for: two standard
/// deviations of it change the error by a tenth.
const SPREAD_WITHIN_AIM: f64 = 0.02;
/// Substeps the automatic choice does not exceed: past it the step's own safety is relied on.
const MAX_AUTOMATIC_SUBSTEPS: f64 = 16.0;

/// The same of cells with fewer dots than [`FEW_DOTS`] whose electrons are counted: they are drawn each substep, in
/// which those that do not know of each other make no more than 3 % too much of the variance.
const AIMED_STEP_OF_FEW: f64 = 0.03;
const FEW_DOTS: f64 = 5000.0;
const MAX_COUNTED_SUBSTEPS: f64 = 64.0;

/// How far cells go from draw to draw where their electrons are counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Most feedback: see [`counted`].
    most: f64,
    /// What the feedback of cells that differ may be over the nominal one's.
    spread: f64,
}

/// A drive that cells go through, or some pulses of it in one go.
#[derive(Debug, Clone, Copy)]
pub struct Passage<'a> {
    pub drive: &'a Drive,
    /// Of a [`train`]; 0 of a drive that is stepped.
    pub pulses: u32,
    /// Whether somebody looks at its end.
    pub looked_at: bool,
}

impl Pace {
    /// That of a material's cells; none where electrons are not counted.
    pub fn of(material: &Material, variation: &Variation, electrons: Electrons) -> Option<Pace> {
        let capture = material.capture.filter(|_| electrons.are_counted())?;
        let few = capture.traps < FEW_DOTS;
        let most = if few { counted::MOST_ON_THE_WAY_OF_FEW } else { counted::MOST_ON_THE_WAY };
        let limit_sd = electrons.scatter_of_limit(material, variation);
        Some(Pace { most, spread: libm::exp(2.0 * (variation.capture_speed + limit_sd)) })
    }

    /// The parts of a drive, at a temperature, between which electrons are drawn.
    pub fn parts(&self, material: &Material, temperature_k: f64, drive: &Drive) -> Vec<Drive> {
        let feedback = drive.step_stiffness(material) * self.spread;
        let mut of_part = counted::substeps_of_part(drive.substeps, feedback, self.most);
        let unequal = drive.emptied(material, temperature_k).unequal();
        if unequal > counted::MOST_UNEQUAL_ON_THE_WAY {
            let of_step = unequal / f64::from(drive.substeps);
            let by_feedback = counted::substeps_of_part(drive.substeps, feedback, counted::MOST_ON_THE_WAY_OF_FEW);
            let by_loss = counted::substeps_of_part(drive.substeps, of_step, counted::MOST_UNEQUAL_ON_THE_WAY);
            of_part = of_part.min(by_feedback.max(by_loss));
        }
        let firsts = (0..drive.substeps).step_by(of_part as usize);
        let part = |first: u32| {
            let substeps = of_part.min(drive.substeps - first);
            Drive { substeps, dwell_s: drive.dwell_s * f64::from(substeps) / f64::from(drive.substeps), ..*drive }
        };
        firsts.map(part).collect()
    }

    /// By what share an electron too many lowers, in a drive, what is caught, at most.
    fn feedback(&self, material: &Material, drive: &Drive) -> f64 {
        drive.step_stiffness(material) * self.spread * f64::from(drive.substeps)
    }

    /// How many pulses like this one cells may go through from draw to draw: one at least.
    pub fn pulses_at_once(&self, material: &Material, drive: &Drive) -> u32 {
        (self.most / self.feedback(material, drive)).clamp(1.0, f64::from(u32::MAX)) as u32
    }

    /// Where the electrons of cells that go through these drives at a temperature are drawn. `first` numbers the first
    /// draw among all of the cells.
    pub fn settlings<'a>(
        &self,
        material: &Material,
        temperature_k: f64,
        drives: impl IntoIterator<Item = Passage<'a>>,
        first: u32,
    ) -> Vec<Settling> {
        let emission = emission_per_s(material, &Factors::NOMINAL, temperature_k);
        let of = |Passage { drive, pulses, looked_at }: Passage| {
            // Whether or not the charge is asked for, so that what is recorded changes no draw.
            let pieces = charge::pieces(material, drive, &emission);
            let solved = if drive.step_stiffness(material) > 0.0 { drive.substeps } else { 0 };
            let equations = solved + if pieces > 1 { pieces } else { 0 };
            match pulses {
                0 => {
                    let unequal = drive.emptied(material, temperature_k).unequal();
                    OnTheWay { feedback: self.feedback(material, drive), unequal, equations, looked_at }
                }
                // A train solves none: what it adds up and steps takes as long as these. Of it heat takes next to
                // nothing.
                _ => OnTheWay {
                    unequal: 0.0,
                    feedback: self.feedback(material, drive) * f64::from(pulses),
                    equations: pulses.div_ceil(train::PULSES_AN_EQUATION),
                    looked_at,
                },
            }
        };
        counted::settlings(drives.into_iter().map(of), self.most, first)
    }
}

impl Drive {
    /// The drive of a segment for cells like the nominal one; `substeps` overrides the automatic choice.
    pub fn new(material: &Material, segment: &Segment, temperature_k: f64, substeps: Option<u32>) -> Drive {
        Drive::for_spread(material, &Variation::OFF, Electrons::MeanField, segment, temperature_k, substeps)
    }

    /// The drive of a segment for cells that differ: substeps are chosen for one that catches faster by two standard
    /// deviations.
    pub fn for_spread(
        material: &Material,
        variation: &Variation,
        electrons: Electrons,
        segment: &Segment,
        temperature_k: f64,
        substeps: Option<u32>,
    ) -> Drive {
        let offered_per_s = capture::offered_per_s(material, segment.bias_v, temperature_k);
        let limit = match &material.capture {
            Some(c) => capture::space_charge_limit(c, 1.0, segment.bias_v.abs()),
            None => 0.0,
        };
        let stiffness = if limit > 0.0 { offered_per_s * segment.dwell_s / limit } else { 0.0 };
        let limit_sd = electrons.scatter_of_limit(material, variation);
        let spread = (variation.capture_speed + limit_sd - SPREAD_WITHIN_AIM).max(0.0);
        let (aimed, most) = match (electrons, &material.capture) {
            (Electrons::MeanField, _) => (AIMED_STEP, MAX_AUTOMATIC_SUBSTEPS),
            (_, Some(c)) if c.traps < FEW_DOTS => (AIMED_STEP_OF_FEW, MAX_COUNTED_SUBSTEPS),
            (..) => (AIMED_STEP, MAX_COUNTED_SUBSTEPS),
        };
        let field_per_s = release::field_per_s(material.field_release.as_ref(), segment.bias_v);
        let (bias_v, dwell_s) = (segment.bias_v, segment.dwell_s);
        let drive = Drive { bias_v, dwell_s, offered_per_s, field_per_s, substeps: 1 };
        // A segment that catches nothing is one exact step however long.
        if stiffness <= 0.0 {
            return drive;
        }
        let emptied = drive.emptied(material, temperature_k);
        let mut least: f64 = if emptied.most > LEAST_EMPTIED { SUBSTEPS_THAT_EMPTY } else { 1.0 };
        let stiffness = stiffness * libm::exp(2.0 * spread);
        if electrons.are_counted() && emptied.unequal() > counted::MOST_UNEQUAL_ON_THE_WAY {
            let by_loss = emptied.unequal() / counted::MOST_UNEQUAL_ON_THE_WAY;
            least = least.max(by_loss.min(stiffness / counted::MOST_ON_THE_WAY_OF_FEW).ceil());
        }
        let automatic = (stiffness / aimed).ceil().max(least).min(most) as u32;
        Drive { substeps: substeps.unwrap_or(automatic), ..drive }
    }

    /// How often heat and field empty, in this drive at a temperature, the classes of the nominal cell.
    fn emptied(&self, material: &Material, temperature_k: f64) -> Emptied {
        let escapes = escapes_per_s(material, &material.classes, 0.0, temperature_k);
        let of_class = |(class, escapes): (&TrapClass, f64)| (escapes + class.speed * self.field_per_s) * self.dwell_s;
        let start = Emptied { least: f64::INFINITY, most: 0.0 };
        material
            .classes
            .iter()
            .zip(escapes)
            .map(of_class)
            .fold(start, |so_far, times| Emptied { least: so_far.least.min(times), most: so_far.most.max(times) })
    }

    /// Largest `x` of one substep of the nominal cell.
    pub fn step_stiffness(&self, material: &Material) -> f64 {
        match &material.capture {
            Some(c) => {
                let limit = capture::space_charge_limit(c, 1.0, self.bias_v.abs());
                if limit > 0.0 { self.offered_per_s * self.dwell_s / f64::from(self.substeps) / limit } else { 0.0 }
            }
            None => 0.0,
        }
    }
}

/// Rates of emission times a time, of the class that empties least and of that which empties most.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Emptied {
    least: f64,
    most: f64,
}

impl Emptied {
    /// By how much classes differ; 0 without any.
    fn unequal(&self) -> f64 {
        (self.most - self.least).max(0.0)
    }
}

/// Rates of a cell's classes at a temperature without bias, 1/s: [`escapes_per_s`] of those of the material.
pub fn emission_per_s(material: &Material, factors: &Factors, temperature_k: f64) -> Occupancy {
    let mut rates = [0.0; MAX_CLASSES];
    let escapes = escapes_per_s(material, &material.classes, factors.log_size, temperature_k);
    rates.iter_mut().zip(escapes).for_each(|(rate, escapes)| *rate = escapes);
    rates
}

/// Rates at which traps are emptied at a temperature without bias, 1/s: thermal escape, with the depths of a cell whose
/// dots are larger by a factor `exp(log_size)`, and what empties all of them alike.
pub fn escapes_per_s<'a>(
    material: &'a Material,
    traps: &'a [TrapClass],
    log_size: f64,
    temperature_k: f64,
) -> impl Iterator<Item = f64> + 'a {
    let background = release::background_per_s(material, temperature_k);
    traps.iter().map(move |trap| {
        // One exponential of the cell's own depth: of two factors, near 0 K, one is 0 and the other infinite.
        let depth_ev = trap.depth_ev + trap.depth_shift_ev(log_size);
        release::thermal_per_s(material.attempt_per_s, depth_ev, temperature_k) + background
    })
}

/// Moves a cell through one drive. `emission` is [`emission_per_s`] of the cell; `speed` its capture speed in
/// this segment over the nominal one. Returns the electrons caught, per trap of the cell.
pub fn apply(
    material: &Material,
    factors: &Factors,
    emission: &Occupancy,
    drive: &Drive,
    speed: f64,
    occupancy: &mut Occupancy,
) -> f64 {
    let step_s = drive.dwell_s / f64::from(drive.substeps);
    let of_step = step_drive(material, factors, emission, drive, speed, step_s);
    (0..drive.substeps).map(|_| step::step(&material.classes, occupancy, &of_step)).sum()
}

/// What flows in a drive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Electrons caught, per trap of the cell.
    pub caught: f64,
    /// Mean over the drive of the share of the injected electrons that passes: see [`charge`].
    pub free_share: f64,
}

/// [`apply`], and what passes meanwhile, taken in so many [`charge::pieces`].
pub fn apply_metered(
    material: &Material,
    factors: &Factors,
    emission: &Occupancy,
    drive: &Drive,
    pieces: u32,
    speed: f64,
    occupancy: &mut Occupancy,
) -> Flow {
    let step_s = drive.dwell_s / f64::from(drive.substeps);
    let of_step = step_drive(material, factors, emission, drive, speed, step_s);
    let mut flow = Flow { caught: 0.0, free_share: 0.0 };
    if pieces > 1 {
        flow.free_share = charge::free_share_in_pieces(
            material,
            &material.classes,
            factors,
            emission,
            drive,
            pieces,
            speed,
            occupancy,
        );
    }
    for _ in 0..drive.substeps {
        let uptake = step::average_uptake(&material.classes, occupancy, &of_step);
        if pieces == 1 {
            let passed = charge::passed(&material.classes, occupancy, &of_step, &uptake);
            flow.free_share += passed.free_share / f64::from(drive.substeps);
        }
        flow.caught += step::advance(&material.classes, occupancy, &of_step, uptake.average);
    }
    if pieces == 0 {
        flow.free_share = current::free_share(of_step.open, step::filling(&material.classes, occupancy));
    }
    flow
}

/// [`apply_metered`] of a cell whose electrons are counted, which are drawn where `settling` says.
#[expect(clippy::too_many_arguments, reason = "those of `apply_metered`, and whose random words")]
pub fn apply_counted(
    material: &Material,
    cell: &mut CountedCell,
    emission: &Occupancy,
    drive: &Drive,
    pieces: u32,
    speed: f64,
    draws: &Draws,
    settling: Settling,
) -> Flow {
    let step_s = drive.dwell_s / f64::from(drive.substeps);
    let of_step = step_drive(material, &cell.factors, emission, drive, speed, step_s);
    let mut flow = Flow { caught: 0.0, free_share: 0.0 };
    if pieces > 1 {
        let (factors, start) = (cell.factors, cell.occupancy);
        flow.free_share =
            charge::free_share_in_pieces(material, &cell.classes, &factors, emission, drive, pieces, speed, &start);
    }
    for _ in 0..drive.substeps {
        let uptake = step::average_uptake(&cell.classes, &cell.occupancy, &of_step);
        if pieces == 1 {
            let passed = charge::passed(&cell.classes, &cell.occupancy, &of_step, &uptake);
            flow.free_share += passed.free_share / f64::from(drive.substeps);
        }
        flow.caught += cell.advance(&of_step, &uptake);
    }
    if settling.at_end {
        cell.settle(draws, settling.before);
    }
    if pieces == 0 {
        flow.free_share = current::free_share(of_step.open, cell.filling());
    }
    flow
}

/// Fills a cell by a [`train`], whose pulses' speeds add up to `speed`: in eight times as many steps as others take, so
/// that their error shows beside it.
pub fn apply_train(
    material: &Material,
    factors: &Factors,
    drive: &Drive,
    steps: &train::Steps,
    speed: f64,
    occupancy: &mut Occupancy,
) {
    let (limit, dose) = limit_and_dose(material, factors, drive, speed);
    let open = 1.0 - material.injection.free_share;
    let filled = train::fill_classes(&material.classes, open, limit, dose, &steps.finer(8), occupancy);
    for (class, f) in material.classes.iter().zip(occupancy) {
        *f = (*f - (1.0 - *f) * libm::expm1(-class.speed * filled.uptake)).min(1.0);
    }
}

/// [`apply_train`] of a cell whose electrons are counted, which are drawn where `settling` says.
#[expect(clippy::too_many_arguments, reason = "those of `apply_train`, and whose random words")]
pub fn apply_train_counted(
    material: &Material,
    trajectory: &Trajectory,
    cell: &mut CountedCell,
    drive: &Drive,
    steps: &train::Steps,
    speed: f64,
    draws: &Draws,
    settling: Settling,
) {
    let (limit, dose) = limit_and_dose(material, &cell.factors, drive, speed);
    let open = 1.0 - material.injection.free_share;
    let filling = cell.filling();
    let nominal = trajectory.ready(filling);
    let own = if nominal > 0.0 { cell.ready() / nominal } else { 0.0 };
    let filled = train::fill(open, limit, filling, dose, steps, |filling, _| own * trajectory.ready(filling));
    let of_train = StepDrive { open, offered: dose, space_charge_limit: limit, emission: [0.0; MAX_CLASSES] };
    cell.take_up(&filled.corrected(&cell.classes, &cell.occupancy, limit - filling), &of_train);
    if settling.at_end {
        cell.settle(draws, settling.before);
    }
}

/// F_sc of a cell in a drive, and the electrons offered per trap of it.
fn limit_and_dose(material: &Material, factors: &Factors, drive: &Drive, speed: f64) -> (f64, f64) {
    let limit = match &material.capture {
        Some(c) => capture::space_charge_limit(c, factors.trap_filled, drive.bias_v.abs()),
        None => 0.0,
    };
    (limit, train::dose(drive) * speed / factors.trap_filled)
}

/// A part of a drive, `step_s` long, as one step of a cell.
fn step_drive(
    material: &Material,
    factors: &Factors,
    emission: &Occupancy,
    drive: &Drive,
    speed: f64,
    step_s: f64,
) -> StepDrive {
    let mut step_drive = StepDrive {
        open: 1.0 - material.injection.free_share,
        // The trap-filled limit counts the traps (V_TFL = q N_t L^2/(2 eps)): a cell with more of them offers each
        // less.
        offered: drive.offered_per_s * step_s * speed / factors.trap_filled,
        space_charge_limit: match &material.capture {
            Some(c) => capture::space_charge_limit(c, factors.trap_filled, drive.bias_v.abs()),
            None => 0.0,
        },
        emission: [0.0; MAX_CLASSES],
    };
    for (k, class) in material.classes.iter().enumerate() {
        step_drive.emission[k] = (emission[k] + class.speed * drive.field_per_s) * step_s;
    }
    step_drive
}

/// Conductance at a read bias, S, of a cell at a filling: noise-free.
pub fn conductance_s(material: &Material, factors: &Factors, read_v: f64, temperature_k: f64, filling: f64) -> f64 {
    factors.area * current::current_a(material, read_v, temperature_k, filling) / read_v
}
