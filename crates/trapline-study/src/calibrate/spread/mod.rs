//! `[variation]` from the curves of many devices measured alike.
//!
//! # Theory
//! A device differs from the nominal cell by z: the logarithms of the size of its dots, of its area and of its
//! trap-filled limit, normal with the standard deviations sought, and by its capture speed, drawn anew for each pulse. Its curve, in
//! standard errors of a reading, is to first order
//!
//! ```text
//! r = measured - simulated mean = J z + B x + chance + error
//! ```
//!
//! with J the slopes of a simulated cell in the coordinates in which cells scatter, B those in the speed of each pulse,
//! chance what a nominal cell of a finite number of dots and electrons does, known from the counted engine
//! (`cells`), and the errors of readings independent and as large as stated, times a factor of their own. The
//! variances are found by restricted maximum likelihood (`reml`).
//!
//! `variation.trap_filled_limit` of a material is all of the scatter of the limit, of which the Poisson number of a
//! cell's dots makes 1/sqrt(N) ([`trapline_model::cell::counted::Electrons::beside_chance`]). So it is found as all of it, not below
//! 1/sqrt(N), and the chance above is that of cells which have all as many dots.
//!
//! # Practice
//! `file::plan` reads the tables of a fit file; [`run`] finds a [`Spread`]; [`material_text`] writes it into a material, [`report`] and
//! [`picture`] show it.

mod cells;
pub mod file;
mod judge;
mod look;
pub mod picture;
mod points;
mod reml;
pub mod report;
mod search;
#[cfg(test)]
mod tests;

use super::FitError;
use super::advice;
use super::target::Target;
use cells::{Simulation, value};
use file::Plan;
use look::{Looked, bent};
use reml::KEYS;
use search::{Search, found};
use trapline_engine::backend::Backend;
use trapline_model::cell::Factors;
use trapline_model::cell::counted::{DotNumber, Electrons, can_count};
use trapline_model::material::draft::{Draft, rounded};
use trapline_model::material::{Material, Variation};

pub use judge::{Judged, Open, Outlier};

/// A key of `[variation]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Diameter,
    Area,
    TrapFilledLimit,
    CaptureSpeed,
}

impl Key {
    /// Those that a device has once and for all; they are found where nothing else is said.
    pub const OF_DEVICES: [Key; 3] = [Key::Diameter, Key::Area, Key::TrapFilledLimit];
    /// In the order of `KEYS`.
    pub const ALL: [Key; KEYS] = [Key::Diameter, Key::Area, Key::TrapFilledLimit, Key::CaptureSpeed];

    /// As `[variation]` has it.
    pub fn name(self) -> &'static str {
        match self {
            Key::Diameter => "diameter",
            Key::Area => "area",
            Key::TrapFilledLimit => "trap_filled_limit",
            Key::CaptureSpeed => "capture_speed",
        }
    }

    fn names() -> String {
        Key::ALL.map(Key::name).join(", ")
    }

    fn named(name: &str) -> Result<Key, FitError> {
        Key::ALL.into_iter().find(|key| key.name() == name).ok_or_else(|| {
            FitError::request(format!(
                "spread.find has {name:?}; it may have {}, the keys of [variation]",
                Key::names()
            ))
        })
    }

    /// The largest standard deviation that a material's file may have.
    pub fn most(self) -> f64 {
        if self == Key::Diameter { Variation::MOST_SIZE } else { Variation::MOST }
    }

    /// The variation with this standard deviation and no other.
    fn alone(self, sd: f64) -> Variation {
        match self {
            Key::Diameter => Variation { size: sd, ..Variation::OFF },
            Key::Area => Variation { area: sd, ..Variation::OFF },
            Key::TrapFilledLimit => Variation { trap_filled: sd, ..Variation::OFF },
            Key::CaptureSpeed => Variation { capture_speed: sd, ..Variation::OFF },
        }
    }

    fn of(self, variation: &Variation) -> f64 {
        match self {
            Key::Diameter => variation.size,
            Key::Area => variation.area,
            Key::TrapFilledLimit => variation.trap_filled,
            Key::CaptureSpeed => variation.capture_speed,
        }
    }

    /// Where a cell with these factors lies in the coordinate that is normal.
    fn coordinate(self, factors: &Factors) -> f64 {
        match self {
            Key::Diameter => factors.log_size,
            Key::Area => libm::log(factors.area),
            _ => libm::log(factors.trap_filled),
        }
    }
}

/// A standard deviation as it came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub key: Key,
    /// As the material has it.
    pub before: f64,
    /// As a material's file has it: of the trap-filled limit with what the number of dots makes of it.
    pub value: f64,
    /// None where the value is not distinguishable from what it is at least.
    pub error: Option<f64>,
    /// 90 % between them; the upper one alone is one of 95 %.
    pub lower: f64,
    pub upper: f64,
    /// Whether more than chance is seen: where it is not, `upper` is what is known.
    pub is_seen: bool,
    /// Whether the curves say more of it than nothing; where they do not, the material's own stays.
    pub is_told: bool,
    pub at_limit: bool,
}

/// A common offset of the devices from the nominal cell, in the logarithm.
#[derive(Debug, Clone, PartialEq)]
pub struct Offset {
    pub key: Key,
    pub value: f64,
    pub error: f64,
}

/// What became of a block of devices.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockFound {
    pub name: String,
    pub devices: usize,
    /// Readings that are compared.
    pub readings: usize,
    /// Points left out of all devices, because one has no reading there.
    pub left_out: usize,
    /// Devices held against the nominal cell, since their points are their own.
    pub against_nominal: usize,
    /// Errors of readings over those stated; none where the directions that tell are too few.
    pub errors: Option<f64>,
    /// Shares of a curve's scatter, on average over its points: of spread, of chance, of readings.
    pub shares: [f64; 3],
    pub judged: Judged,
    pub(super) curves: Vec<Drawn>,
}

/// Curves to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawn {
    pub(super) aim: super::target::Aim,
    pub(super) x: Vec<f64>,
    pub(super) names: Vec<String>,
    /// By device, as measured.
    pub(super) measured: Vec<Vec<f64>>,
    /// Median, and 16 and 84 % of the devices, without errors of readings.
    pub(super) median: Vec<f64>,
    pub(super) band: Vec<(f64, f64)>,
    /// By device, in standard errors of a reading, over the mean of the devices where that is taken away.
    pub(super) residuals: Vec<Vec<f64>>,
    /// One standard deviation of all there is.
    pub(super) sd: Vec<f64>,
}

/// A spread that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    pub found: Vec<Found>,
    pub blocks: Vec<BlockFound>,
    pub devices: usize,
    pub offsets: Vec<Offset>,
    /// Directions that the curves leave open.
    pub open: Vec<Open>,
    /// The standard deviations with the errors as stated, in the order of `found`; none where they are those stated.
    pub as_stated: Option<Vec<f64>>,
    /// Standard deviation of the trap-filled limit by the number of dots alone.
    pub limit_by_chance: f64,
    /// Whether the dots of a cell are too many to be counted.
    pub mean_field: bool,
    pub converged: bool,
    /// How much curves bend over a standard deviation, as a share of how far they move, as far as a device's own curve leaves
    /// open how much it does.
    pub bend: f64,
}

impl Spread {
    /// Whether the devices' mean is so far off the nominal cell that its slopes are not theirs.
    pub fn is_far_off(&self) -> bool {
        self.offsets.iter().any(judge::is_far)
            || self.blocks.iter().any(|block| block.judged.misfit > Some(MOST_MISFIT))
    }

    /// Blocks whose devices are not what this spread makes.
    pub fn missed(&self) -> Vec<&str> {
        self.blocks.iter().filter(|block| !block.judged.met).map(|block| block.name.as_str()).collect()
    }
}

/// What a spread is found with.
pub struct Request<'a> {
    pub material: &'a Material,
    /// Names the material in errors.
    pub origin: &'a str,
    pub plan: &'a Plan,
    /// For slopes.
    pub backend: &'a dyn Backend,
    /// For chance, which takes a thousand cells: [`trapline_engine::backend::cpu::Cpu`].
    pub fast: &'a dyn Backend,
    /// Whether the chance of electrons is taken into account. `false` shows what that does, and nothing else.
    pub chance: bool,
}

/// Standard deviation at which slopes are taken first, and within which ends afterwards.
const FIRST_STEP: f64 = 0.01;
const STEPS: std::ops::RangeInclusive<f64> = 0.003..=0.1;
/// Spread of the capture speed up to which its effects are looked for.
const MOST_SPEED: f64 = 0.1;
/// Standard errors of a reading by which the nominal cell may miss the devices' mean.
const MOST_MISFIT: f64 = 10.0;

/// Refuses curves that the material cannot be compared with, before anything takes long.
///
/// # Errors
/// [`FitError`].
pub fn check(request: &Request) -> Result<(), FitError> {
    let simulation = simulation(request);
    for (block, of) in request.plan.blocks.iter().enumerate() {
        let Some(device) = of.devices.first() else { continue };
        let grid = points::grids(std::slice::from_ref(of)).into_iter().next();
        let all: Vec<usize> = (0..cells::points_of(&device.aim).len()).collect();
        let nominal = simulation.nominal(&device.aim, &all)?;
        let seen: Vec<f64> = nominal.iter().map(|at| value(&device.aim, *at)).collect();
        let target =
            Target { name: format!("devices[{block}] ({})", device.name), aim: device.aim.clone(), check: false };
        advice::comparable(&target, &seen)?;
        let compared = grid.map(|grid| grid.compared).unwrap_or_default();
        if compared.iter().any(|point| !nominal[*point].is_finite()) {
            return Err(FitError::request(format!(
                "devices[{block}]: the nominal cell has no number to compare; look at the material, or fit it first"
            )));
        }
    }
    Ok(())
}

fn simulation<'a>(request: &Request<'a>) -> Simulation<'a> {
    let Request { material, plan, backend, fast, chance, .. } = *request;
    let speed_sd = match plan.find.contains(&Key::CaptureSpeed) {
        true => MOST_SPEED,
        false => material.variation.capture_speed,
    };
    Simulation { material, backend, fast, speed_sd, with_chance: chance }
}

/// Finds the spread.
///
/// # Errors
/// [`FitError`]: curves that cannot be compared with the material, and what the backend says.
pub fn run(request: &Request) -> Result<Spread, FitError> {
    check(request)?;
    let Request { material, plan, .. } = *request;
    let simulation = simulation(request);
    let grids = points::grids(&plan.blocks);
    let mut chances = Vec::new();
    for (number, grid) in grids.iter().enumerate() {
        let of = grids.iter().filter(|other| other.block == grid.block).count();
        let nominal = simulation.nominal(&grid.aim, &grid.compared)?;
        chances.push(simulation.chance(&grid.aim, &grid.compared, &nominal, number as u64, of)?);
    }
    let look = |steps: [f64; 3]| -> Result<Looked, FitError> {
        let linears = grids
            .iter()
            .zip(&chances)
            .map(|(grid, chance)| simulation.linear(&grid.aim, &grid.compared, steps, chance));
        let linears = linears.collect::<Result<Vec<_>, FitError>>()?;
        Ok(Looked::of(plan, &grids, linears, None))
    };
    let limit_by_chance = number_scatter(material);
    let least = if request.chance { limit_by_chance } else { 0.0 };
    let mut looked = look(Key::OF_DEVICES.map(|key| FIRST_STEP.min(key.most())))?;
    let mut search = Search::new(plan, &looked, &grids, &material.variation, least);
    let mut fitted = search.fit(&looked.parts)?;
    // Curves bend: slopes over what the devices scatter by are those of them.
    let steps = Key::OF_DEVICES.map(|key| {
        let found = fitted.theta[key as usize].sqrt();
        found.clamp(*STEPS.start(), STEPS.end().min(key.most()))
    });
    looked = look(steps)?;
    search.start.clone_from(&fitted.theta);
    search.choose(plan, &looked, &grids);
    fitted = search.fit(&looked.parts)?;
    // And where each device lies among them is known now: its own bend with it.
    let (linears, bent) = bent(&simulation, &grids, &looked, &fitted)?;
    looked = Looked::of(plan, &grids, linears, Some(&bent));
    search.start.clone_from(&fitted.theta);
    fitted = search.fit(&looked.parts)?;
    let as_stated = if search.free.iter().any(|component| *component >= KEYS) {
        search.with_errors_as_stated(&looked.parts)
    } else {
        None
    };
    let judge = judge::Judge { plan, grids: &grids, looked: &looked, fitted: &fitted, search: &search };
    let (open, told) = judge.open();
    let found: Vec<Found> = plan
        .find
        .iter()
        .map(|key| found(*key, &search, &looked.parts, &fitted, material, told.contains(key)))
        .collect();
    let sds = |theta: &Vec<f64>| plan.find.iter().map(|key| theta[*key as usize].sqrt()).collect();
    Ok(Spread {
        as_stated: as_stated.as_ref().map(sds),
        found,
        offsets: judge.offsets(),
        blocks: judge.blocks(),
        devices: plan.blocks.iter().map(|block| block.devices.len()).sum(),
        open,
        limit_by_chance,
        mean_field: limit_by_chance == 0.0 && material.capture.is_some(),
        converged: fitted.converged,
        bend: looked
            .linears
            .iter()
            .map(|linear| linear.bend * linear.left.iter().fold(0.0, |a, b| f64::max(a, *b)))
            .fold(0.0, f64::max),
    })
}

/// Standard deviation of the trap-filled limit by the number of dots; 0 where they are not counted.
fn number_scatter(material: &Material) -> f64 {
    match material.capture {
        Some(_) if can_count(material, &Variation::OFF) => {
            Electrons::Counted(DotNumber::Poisson).scatter_of_limit(material, &Variation::OFF)
        }
        _ => 0.0,
    }
}

/// The material's file with the spread in it: values and sources, the name, and the command in its head.
///
/// # Errors
/// A material without `[variation]`.
pub fn material_text(
    request: &Request,
    spread: &Spread,
    digits: Option<usize>,
    name: &str,
    from: &str,
    command: &str,
) -> Result<String, FitError> {
    let mut draft = Draft::new(&request.material.text, request.origin)?;
    draft.set_name(name);
    for of in spread.found.iter().filter(|of| of.is_told) {
        let key = format!("variation.{}", of.key.name());
        draft.number(&key)?;
        let value = digits.map_or(of.value, |digits| rounded(of.value, digits).min(of.key.most()));
        draft.set(&key, value);
        let known = match of.error {
            Some(error) => format!("standard error {error:.1e}"),
            None => format!("not distinguishable from chance, below {:.2e} (95 %)", of.upper),
        };
        let dots = if of.key == Key::TrapFilledLimit && spread.limit_by_chance > 0.0 {
            format!(", of it {:.1e} by the number of dots", spread.limit_by_chance)
        } else {
            String::new()
        };
        draft.set_source(&key, &format!("measured: {} of {from}, {known}{dots}", of_devices(spread)));
    }
    Ok(draft.text_made_by(command))
}

fn of_devices(spread: &Spread) -> String {
    trapline_model::text::counted(spread.devices, "device")
}
