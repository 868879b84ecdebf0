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
//! 1 - g = (3 + x)/(6 + 3x + x^2),   x = o (1 - F)/(1 - q F)/F_sc S,   S = sum w_k s_k (1 - f_k)
//! ```
//!
//! with `F` and `S` of the occupancies `f_k/(1 + e_k)`: those of the start in a short step, and without what is let go in a
//! long one, or a full cell (`S = 0`) would keep half of its explicit part however long it empties. `x` is the step times
//! `|du/dF| S`, for short steps. The weight goes from 1/2 (second order; on the linear problem it is that of exponential fitting to the next order too)
//! to `1/x`: the explicit part alone then fills at most the room `F_sc - F0` that space
//! charge leaves, and the implicit part stops at F_sc by itself. So a step of any
//! length neither overshoots nor stalls, and an endless one ends at the
//! equilibrium of capture and emission.
//!
//! # Practice
//! Convergence is second order against a stiff solver (`tests/cell_convergence.rs`). No more
//! electrons are caught than offered, for every step length, because the caught
//! ones are a mean of `u s_k (1 - f_k)` over the step (`tests/cell_invariants.rs`).

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

/// Capture per empty trap of speed 1 over the step at filling `f`, and its slope by the filling: at F_sc the one from below, past
/// it none.
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

/// Advances the occupancy by one step. Returns the electrons caught in the step, per trap of the cell.
pub fn step(classes: &[TrapClass], occupancy: &mut Occupancy, drive: &StepDrive) -> f64 {
    let start = filling(classes, occupancy);
    let (uptake_start, _) = uptake(drive, start);
    let (mut left, mut empty) = (0.0, 0.0);
    for (k, class) in classes.iter().enumerate() {
        let stays = occupancy[k] / (1.0 + drive.emission[k]);
        left += class.weight * stays;
        empty += class.weight * class.speed * (1.0 - stays);
    }
    let x = if drive.space_charge_limit > 0.0 {
        drive.offered * (1.0 - left) / (1.0 - drive.open * left) / drive.space_charge_limit * empty
    } else {
        0.0
    };
    let explicit_weight = (3.0 + x) / (6.0 + 3.0 * x + x * x);
    let uptake_average = if drive.offered > 0.0 && drive.space_charge_limit > 0.0 {
        average_uptake(classes, occupancy, drive, explicit_weight * uptake_start, 1.0 - explicit_weight, [start, x])
    } else {
        0.0
    };
    let mut caught = 0.0;
    for (k, class) in classes.iter().enumerate() {
        let (f, e, c) = (occupancy[k], drive.emission[k], class.speed * uptake_average);
        let change = (c * (1.0 - f) - e * f) * phi(c + e);
        // Caught: c times the mean of 1 - f over the step, with the exact mean of f.
        let x = c + e;
        let mean_f = if x > 0.0 { c / x + (f - c / x) * phi(x) } else { f };
        caught += class.weight * c * (1.0 - mean_f);
        occupancy[k] = (f + change).clamp(0.0, 1.0);
    }
    caught
}

/// The uptake averaged over the step, at the root F1 of the step's equation: Newton inside a bracket.
///
/// F1 is at most F_sc, or where the step starts if that is above: the bracket's end. A stiff step (x > 1) ends near F_sc and
/// is looked for from there. Where a step of Newton's leaves the bracket, or is not half as long as the one before it, the
/// bracket is halved instead: the uptake bends at F_sc, and Newton alone would jump to and fro across.
///
/// `u(F1)` taken at a rounded F1 would be off by `offered` times that rounding, without bound in a long step. So the
/// last steps are kept apart from the rounded F1, as an offset that moves `u` along its slope: the filling that follows
/// is then F1 to rounding.
fn average_uptake(
    classes: &[TrapClass],
    occupancy: &Occupancy,
    drive: &StepDrive,
    explicit: f64,
    implicit_weight: f64,
    [start, x]: [f64; 2],
) -> f64 {
    let limit = drive.space_charge_limit;
    let top = start.max(limit).min(1.0);
    let (mut low, mut high, mut offset, mut stride) = (0.0, top, 0.0, 2.0);
    let mut end = if x > 1.0 && limit > start { top } else { start };
    let mut average = explicit;
    for _ in 0..100 {
        let (uptake_end, uptake_slope) = uptake(drive, end);
        let by_filling = implicit_weight * uptake_slope;
        let here = explicit + implicit_weight * uptake_end + by_filling * offset;
        let (mut value, mut slope) = (end + offset, 1.0);
        for (k, class) in classes.iter().enumerate() {
            let (f, e) = (occupancy[k], drive.emission[k]);
            let c = class.speed * here;
            let net = c * (1.0 - f) - e * f;
            value -= class.weight * (f + net * phi(c + e));
            let by_uptake = class.speed * ((1.0 - f) * phi(c + e) + net * phi_slope(c + e));
            slope -= class.weight * by_uptake * by_filling;
        }
        let newton = -value / slope;
        average = here + by_filling * newton;
        // A few roundings from the root strides no longer halve.
        if newton.abs() <= 4e-15 * top {
            // What the slope leaves out goes as the square of this.
            if (by_filling * newton).abs() <= 1e-9 * (1.0 + here) {
                break;
            }
            offset += newton;
            continue;
        }
        if value > 0.0 {
            high = end;
        } else {
            low = end;
        }
        let next = end + offset + newton;
        let moved = (next - end).abs();
        let inside = next >= low && next <= high && moved <= 0.5 * stride;
        stride = if inside { moved } else { high - low };
        end = if inside { next } else { 0.5 * (low + high) };
        offset = 0.0;
    }
    average.max(explicit)
}
