//! One step in time of a cell's charge, safe at any length.
//!
//! # Theory
//! `df_k/dt = s_k u(F) (1 - f_k) - e_k f_k`, `u(F) = o (1 - F)/(1 - q F) max(0, 1 - F/F_sc)`.
//! At constant `u` each class has an exact step, written without a
//! quotient of vanishing rates:
//!
//! ```text
//! f <- f + (c (1 - f) - e f) phi(c + e),   phi(x) = (1 - exp(-x))/x,   c = s u dt,  e = e_k dt
//! ```
//!
//! `u` depends on the filling, so the step uses the average
//! `u = (1 - g) u(F0) + g u(F1)`, where the new filling F1 is the root of one scalar
//! equation that is monotone in F1 (more charge, less capture). The weight
//!
//! ```text
//! 1 - g = (3 + x)/(6 + 3x + x^2),   x = o (1 - F)/(1 - q F)/F_sc S + sum w_k e_k f_k / F,   S = sum w_k s_k (1 - f_k)
//! ```
//!
//! is that of an exponential approach at the rate x per step: capture's `|du/dF| S`, and emission's. In the first
//! term `F` and `S` are those of the occupancies `f_k/(1 + e_k)`: the start's in a short step, and without what is
//! let go in a long one, or a full cell (`S = 0`) would keep half of its explicit part however long it empties. The
//! weight goes from 1/2 (second order; on the linear problem it is that of exponential fitting to the next order too)
//! to `1/x`: the explicit part alone then fills at most the room `F_sc - F0` that space charge leaves, and the
//! implicit part stops at F_sc by itself. So a step of any length neither overshoots nor stalls, and an endless one
//! ends at the equilibrium of capture and emission.
//!
//! # Practice
//! Convergence is second order against a stiff solver (`cell_convergence.rs` of the engine's tests). No more
//! electrons are caught than offered, for every step length, because the caught
//! ones are a mean of `u s_k (1 - f_k)` over the step (`cell_invariants.rs` beside it).

use crate::material::{MAX_CLASSES, TrapClass};

/// Occupancy of each class, 0 to 1; unused classes stay 0.
pub type Occupancy = [f64; MAX_CLASSES];

/// What drives one step: rates times the step's length, dimensionless.
#[derive(Debug, Clone, Copy)]
pub struct StepDrive {
    /// `1 - theta0`.
    pub open: f64,
    /// Offered electrons per trap at F = 0, times the step.
    pub offered: f64,
    /// `F_sc`; capture needs it above 0.
    pub space_charge_limit: f64,
    /// Emission of each class, all ways out together, times the step.
    pub emission: Occupancy,
}

/// `phi(x) = (1 - exp(-x))/x`, 1 at 0.
pub fn phi(x: f64) -> f64 {
    if x < 1e-300 { 1.0 } else { -libm::expm1(-x) / x }
}

/// Derivative of [`phi`].
fn phi_slope(x: f64) -> f64 {
    if x < 1e-4 { -0.5 + x / 3.0 } else { (libm::exp(-x) - phi(x)) / x }
}

/// Filling `F = sum w_k f_k`.
pub fn filling(classes: &[TrapClass], occupancy: &Occupancy) -> f64 {
    classes.iter().zip(occupancy).map(|(class, f)| class.weight * f).sum()
}

/// Capture per empty trap of speed 1 over the step at filling `f`, and its slope by the filling: at F_sc the one from
/// below, past it none.
pub fn uptake(drive: &StepDrive, f: f64) -> (f64, f64) {
    if drive.space_charge_limit <= 0.0 || drive.offered <= 0.0 || f > drive.space_charge_limit {
        return (0.0, 0.0);
    }
    let through = 1.0 - drive.open * f;
    let blocked = (1.0 - f) / through;
    let room = 1.0 - f / drive.space_charge_limit;
    let slope = -(1.0 - drive.open) / (through * through) * room - blocked / drive.space_charge_limit;
    (drive.offered * blocked * room, drive.offered * slope)
}

/// What an empty trap of speed 1 catches in a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uptake {
    /// The average the step is made with.
    pub average: f64,
    /// At the filling it starts with, and at the one it ends with.
    pub start: f64,
    pub end: f64,
    /// The rate `x` of the approach, per step.
    pub relaxation: f64,
}

/// Advances the occupancy by one step. Returns the electrons caught in the step, per trap of the cell.
pub fn step(classes: &[TrapClass], occupancy: &mut Occupancy, drive: &StepDrive) -> f64 {
    let uptake = average_uptake(classes, occupancy, drive);
    advance(classes, occupancy, drive, uptake.average)
}

/// The uptake of a step from an occupancy.
pub fn average_uptake(classes: &[TrapClass], occupancy: &Occupancy, drive: &StepDrive) -> Uptake {
    let catches = drive.offered > 0.0 && drive.space_charge_limit > 0.0;
    if !catches {
        return Uptake { average: 0.0, start: 0.0, end: 0.0, relaxation: 0.0 };
    }
    let filling = filling(classes, occupancy);
    let relaxation = relaxation(classes, occupancy, drive, filling);
    let weight = weight_of_start(relaxation);
    let start = uptake(drive, filling).0;
    let average = root(classes, occupancy, drive, weight * start, 1.0 - weight);
    Uptake { average, start, end: (average - weight * start) / (1.0 - weight), relaxation }
}

/// Weight of the uptake at the start of a step in its average, by how many times the uptake relaxes within it.
pub(super) fn weight_of_start(relaxation: f64) -> f64 {
    (3.0 + relaxation) / (6.0 + 3.0 * relaxation + relaxation * relaxation)
}

/// Advances the occupancy by one step of a given average uptake. Returns the electrons caught, per trap of the cell.
pub fn advance(classes: &[TrapClass], occupancy: &mut Occupancy, drive: &StepDrive, uptake_average: f64) -> f64 {
    let mut caught = 0.0;
    for (k, class) in classes.iter().enumerate() {
        let (f, e, c) = (occupancy[k], drive.emission[k], class.speed * uptake_average);
        // Caught: c times the mean of 1 - f over the step, with the exact mean of f.
        let x = c + e;
        let mean_f = if x > 0.0 { c / x + (f - c / x) * phi(x) } else { f };
        caught += class.weight * c * (1.0 - mean_f);
        occupancy[k] = after(f, c, e).clamp(0.0, 1.0);
    }
    caught
}

/// Occupancy of a class after a step of constant rates, times the step.
pub(super) fn after(f: f64, c: f64, e: f64) -> f64 {
    let x = c + e;
    // The same number; a small change is exact as one, and what is left of a large decay as a sum of positive terms.
    if x < 0.3 { f + (c * (1.0 - f) - e * f) * phi(x) } else { f * libm::exp(-x) + c * phi(x) }
}

/// By how much the uptake falls with the filling, `-du/dF`, of each electron offered; 0 where nothing is caught.
pub(super) fn falls(drive: &StepDrive, filling: f64) -> f64 {
    if drive.space_charge_limit <= 0.0 || filling > drive.space_charge_limit {
        return 0.0;
    }
    let through = 1.0 - drive.open * filling;
    let room = (1.0 - filling / drive.space_charge_limit).max(0.0);
    let by_blocking = (1.0 - drive.open) / (through * through) * room;
    let by_space_charge = (1.0 - filling) / through / drive.space_charge_limit;
    by_blocking + by_space_charge
}

/// The rate `x` of the approach, of which the weight of the uptake at the start follows, 1/2 to 0.
fn relaxation(classes: &[TrapClass], occupancy: &Occupancy, drive: &StepDrive, start: f64) -> f64 {
    let (mut left, mut empty, mut released) = (0.0, 0.0, 0.0);
    for (k, class) in classes.iter().enumerate() {
        let (f, e) = (occupancy[k], drive.emission[k]);
        let stays = f / (1.0 + e);
        left += class.weight * stays;
        empty += class.weight * class.speed * (1.0 - stays);
        released += class.weight * e * f;
    }
    let capture = drive.offered * (1.0 - left) / (1.0 - drive.open * left) / drive.space_charge_limit * empty;
    let emission = if start > 0.0 { released / start } else { 0.0 };
    // Past 1e18 the weight is nothing whatever x, and its square stays a number in f32 too.
    (capture + emission).min(1e18)
}

/// The uptake averaged over the step: the root `a` of `a = explicit + g u(F1(a))`, where F1(a) is the filling that a
/// step at the uptake a ends with.
///
/// The left side rises and the right one falls with a, so the root is bracketed by `explicit` and what that leads to.
/// It is looked for in a, not in F1: in a long step the filling hardly depends on a, while `u` jumps by `offered`
/// roundings from one number F1 to the next. Newton's step is taken where it stays in the bracket and halves the one
/// before it; else the bracket is halved, by its logarithm while its ends are far apart.
fn root(classes: &[TrapClass], occupancy: &Occupancy, drive: &StepDrive, explicit: f64, implicit_weight: f64) -> f64 {
    // The filling at the end, and its slope by the uptake.
    let end = |a: f64| {
        let (mut end, mut slope) = (0.0, 0.0);
        for (k, class) in classes.iter().enumerate() {
            let (f, e, c) = (occupancy[k], drive.emission[k], class.speed * a);
            end += class.weight * after(f, c, e);
            let net = c * (1.0 - f) - e * f;
            slope += class.weight * class.speed * ((1.0 - f) * phi(c + e) + net * phi_slope(c + e));
        }
        (end, slope)
    };
    let (mut low, mut high) = (explicit, explicit + implicit_weight * uptake(drive, end(explicit).0).0);
    let (mut a, mut stride) = (high, high - low);
    for _ in 0..200 {
        if high - low <= 2e-16 * high {
            break;
        }
        let (filling, slope) = end(a);
        let (uptake_end, uptake_slope) = uptake(drive, filling);
        let value = a - explicit - implicit_weight * uptake_end;
        if value > 0.0 {
            high = a;
        } else {
            low = a;
        }
        let newton = -value / (1.0 - implicit_weight * uptake_slope * slope);
        if newton.abs() <= 4e-16 * a {
            break;
        }
        let next = a + newton;
        let inside = next >= low && next <= high && newton.abs() <= 0.5 * stride;
        let middle = if low < 1e-3 * high { high / 32.0 } else { 0.5 * (low + high) };
        stride = if inside { newton.abs() } else { high - low };
        a = if inside { next } else { middle.max(low) };
    }
    a
}
