//! The charge that passes in a dwell.
//!
//! # Theory
//! The current `theta(F) I_inj + I_hop` follows the filling, so the charge of a dwell is
//! `dwell (mean theta I_inj + I_hop)`, with the mean taken over time. Within a step of [`step`](mod@super::step) the
//! classes relax at constant emission, and the uptake falls from `u0` at the start to `u1` at the end at about the
//! step's rate `x`, around the average `a` that the step found. By the part `s` of the step each trap has seen
//!
//! ```text
//! U(s)   = a s + (u0 - u1) s (1 - s)/(2 + x s)
//! f_k(s) = f_k + (c (1 - f_k) - e f_k) phi(c + e),   c = s_k U(s),   e = e_k s
//! ```
//!
//! which ends where the step ends (`U(1) = a`) and is exact where nothing is caught. The mean of theta is taken along
//! it, at Gauss' two points. A trapezoid over the step's ends is off by a sixth where a pulse empties a cell early in
//! the step.
//!
//! Steps that are long against a rate, or against capture, which has 16 substeps at most, end where they should but
//! do not know when they came there; and where few electrons pass beside filled traps, theta falls by far while the
//! filling hardly moves from near 1. Such a dwell gets a way of its own for the charge, from the same start: eighths
//! of the dwell, the first of them in pieces that double in length, so that what happens at the start is resolved and
//! what lasts is not stepped in vain. In a piece of small `x` the average uptake is corrected to the mean of `u`
//! along the way, with the weight `1/(1 + (x/2)^4)`. The state of the cell is not touched by any of this.
//!
//! # Practice
//! Within 1e-3 of a stiff solver, 2e-3 where a hundredth passes beside full traps
//! (`crates/trapline-engine/tests/engine/energies.rs`), and 1e-4 for most; 2e-3 for a cell that sinks through what
//! space charge allows because heat empties it, near the glass transition: its uptake has a kink in the middle of a
//! piece.

use super::step::{self, Occupancy, StepDrive, Uptake};
use super::{Drive, Factors, step_drive};
use crate::material::{Material, TrapClass};

/// Gauss' two points on a step.
pub const POINTS: [f64; 2] = [0.211_324_865_405_187_1, 0.788_675_134_594_812_9];
/// Parts of a dwell of which the first is divided further.
pub const PARTS: u32 = 8;
/// Most halvings of the first part: what happens within 6e-5 of a dwell is little to its charge, however little passes
/// beside full traps.
pub const MOST_HALVINGS: u32 = 11;
/// Largest `x` of a dwell, all rates together, in which nothing moves: below the roundings of f32.
const MOST_AT_REST: f64 = 1e-7;
/// Largest `x` of a substep along which the charge is taken.
const MOST_ALONG_A_SUBSTEP: f64 = 0.3;
/// Largest `x` of the first piece, where the halvings suffice.
const AIMED_PIECE: f64 = 0.25;
/// The logarithm of theta moves by up to `(1 - theta_0)/theta_0` of what the filling does. Up to this many times as
/// much the pieces for the filling do.
const STEEP: f64 = 2.5;
/// Most of a relaxation that the weight of the correction is reckoned with: past it there is none, and its fourth
/// power is an f32.
pub const MOST_RELAXATION: f64 = 1e4;

/// Pieces a dwell's charge is taken in; 1 where it is taken along the substeps, and 0 where nothing moves, or no
/// charge is asked for because there is no bias: what passes at the end is then the mean. `emission` is
/// [`emission_per_s`](super::emission_per_s) of the nominal cell.
pub fn pieces(material: &Material, drive: &Drive, emission: &Occupancy) -> u32 {
    let of_class = |(class, e): (&TrapClass, &f64)| e + class.speed * drive.field_per_s;
    let fastest_per_s = material.classes.iter().zip(emission).map(of_class).fold(0.0, f64::max);
    let substeps = f64::from(drive.substeps);
    let x = drive.step_stiffness(material) * substeps + fastest_per_s * drive.dwell_s;
    let free_share = material.injection.free_share;
    let x = x * ((1.0 - free_share) / (STEEP * free_share)).max(1.0);
    if drive.bias_v == 0.0 || x <= MOST_AT_REST {
        return 0;
    }
    if x <= MOST_ALONG_A_SUBSTEP * substeps {
        return 1;
    }
    let halvings = libm::log2(x / (f64::from(PARTS) * AIMED_PIECE)).ceil();
    PARTS + halvings.clamp(0.0, f64::from(MOST_HALVINGS)) as u32
}

/// Length of a piece over the dwell: of the first part `h, h, 2 h, 4 h, ...`, then whole parts. `number` is below
/// `pieces`, and those are [`PARTS`] at least.
pub fn piece_length(pieces: u32, number: u32) -> f64 {
    let halvings = pieces - PARTS;
    let halved = if number > halvings { 0 } else { (halvings - number.saturating_sub(1)).min(halvings) };
    1.0 / f64::from(PARTS << halved)
}

/// What passes in a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passed {
    /// Mean of theta over the step.
    pub free_share: f64,
    /// The average uptake, corrected.
    pub uptake: f64,
}

/// What passes in a step from an occupancy, whose uptake is known.
pub fn passed(classes: &[TrapClass], occupancy: &Occupancy, drive: &StepDrive, uptake: &Uptake) -> Passed {
    let after = |caught: f64, part: f64| {
        let of_class = |(k, class): (usize, &TrapClass)| {
            class.weight * step::after(occupancy[k], class.speed * caught, drive.emission[k] * part)
        };
        classes.iter().enumerate().map(of_class).sum::<f64>()
    };
    let bend = uptake.start - uptake.end;
    let (mut free_share, mut mean) = (0.0, 0.0);
    for part in POINTS {
        let caught = uptake.average * part + bend * (part * (1.0 - part)) / (2.0 + uptake.relaxation * part);
        let filling = after(caught.max(0.0), part);
        free_share += 0.5 * super::current::free_share(drive.open, filling);
        mean += 0.5 * step::uptake(drive, filling).0;
    }
    let half = 0.5 * uptake.relaxation.min(MOST_RELAXATION);
    let corrected = uptake.average + (mean - uptake.average) / (1.0 + (half * half) * (half * half));
    Passed { free_share, uptake: corrected.max(0.0) }
}

/// Mean of theta over a drive from an occupancy, taken in pieces.
#[expect(clippy::too_many_arguments, reason = "a cell, and what drives it")]
pub(super) fn free_share_in_pieces(
    material: &Material,
    classes: &[TrapClass],
    factors: &Factors,
    emission: &Occupancy,
    drive: &Drive,
    pieces: u32,
    speed: f64,
    start: &Occupancy,
) -> f64 {
    let mut occupancy = *start;
    let mut mean = 0.0;
    for number in 0..pieces {
        let length = piece_length(pieces, number);
        let of_piece = step_drive(material, factors, emission, drive, speed, drive.dwell_s * length);
        let uptake = step::average_uptake(classes, &occupancy, &of_piece);
        let seen = passed(classes, &occupancy, &of_piece, &uptake);
        mean += length * seen.free_share;
        step::advance(classes, &mut occupancy, &of_piece, seen.uptake);
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_whole_and_grow() {
        for pieces in PARTS..=PARTS + MOST_HALVINGS {
            let lengths: Vec<_> = (0..pieces).map(|number| piece_length(pieces, number)).collect();
            assert_eq!(lengths.iter().sum::<f64>(), 1.0, "{lengths:?}");
            assert_eq!(lengths[0], 0.125 / f64::from(1 << (pieces - PARTS)));
            assert!(lengths.windows(2).all(|pair| pair[1] == pair[0] || pair[1] == 2.0 * pair[0]), "{lengths:?}");
            assert_eq!(lengths.last(), Some(&0.125));
        }
    }
}
