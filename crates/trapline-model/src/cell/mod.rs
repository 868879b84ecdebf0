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
//! A [`Segment`](crate::protocol::Segment) of constant bias becomes a [`Drive`] once, for all cells; a
//! cell differs from the nominal one by its [`Factors`].

pub mod capture;
pub mod charge;
pub mod counted;
pub mod current;
mod drive;
pub mod each_dot;
pub mod filled;
pub mod life;
pub mod narrowing;
mod pace;
pub mod read;
pub mod release;
pub mod step;
pub mod tabulated;
pub mod train;
pub mod validity;

pub use drive::Drive;
pub use pace::{Pace, Passage};

use crate::material::{MAX_CLASSES, Material, TrapClass};
use counted::{CountedCell, Draws, Settling};
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
