//! How many electrons a counted cell holds after its programming: the law of that number, without drawing it.
//!
//! # Theory
//! Dots of a cell are alike but for their class, and know of each other through the cell's filling alone. So the number
//! n of filled dots among N is a birth-death chain. With the mean composition of the filled and of the empty dots (S
//! the speeds of the empty ones, E the emission of the filled ones, per dot of the cell) it rises at `N u(n/N) S` and
//! falls at `N E`. Its drift and noise per dot, as functions of the filling,
//!
//! ```text
//! a(F) = u(F) S - E,   b(F) = u(F) S + E,   dS/dF = -S/(1 - F),   dE/dF = E/F
//! ```
//!
//! give the cumulants of n in leading order of 1/N (N. G. van Kampen, Stochastic Processes in Physics and Chemistry,
//! chapter X), `N F + m`, `N v` and `N w`, F being the mean field's filling:
//!
//! ```text
//! dm/dt = a' m + a'' v/2
//! dv/dt = 2 a' v + b
//! dw/dt = 3 a' w + 3 a'' v^2 + 3 b' v + a
//! ```
//!
//! Where the uptake does not depend on the filling, dots are independent, and the law is the binomial one, `v = F (1 -
//! F)`, `w = v (1 - 2 F)`, whatever the classes. Space charge makes `a'` more negative, and the law narrower.
//!
//! Where nothing is caught, at rest, no dot knows of another: of the n filled ones, whose classes are drawn with the
//! shares of the mean field, each stays filled with the chance r that the mean field has. What is left of them is
//! binomial, however unequally the classes empty and however long it takes:
//!
//! ```text
//! m -> r m,   v -> r^2 v + r (1 - r) F,   w -> r^3 w + 3 r^2 (1 - r) v + r (1 - r) (1 - 2 r) F
//! ```
//!
//! # Practice
//! [`apply`] moves the occupancy as [`super::apply`] does, substep by substep, and the cumulants with it, each substep
//! with the coefficients of its two ends in the weights of the step itself. [`apply_to_each`] moves the chances of all
//! numbers of electrons of a cell of few dots.

use super::step::{self, Occupancy, StepDrive, phi, weight_of_start};
use super::{Drive, Factors, step_drive};
use crate::material::{Material, TrapClass};

/// Cumulants of the number of electrons, in leading order: see the module.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// Electrons that the mean has beside the mean field's.
    pub offset: f64,
    /// Variance of the number, per dot of the cell.
    pub variance: f64,
    /// Third cumulant of the number, per dot of the cell.
    pub third: f64,
}

impl Spread {
    /// After a rest from a filling in which each electron stayed with this chance.
    fn thin(&mut self, filling: f64, stays: f64) {
        let goes = 1.0 - stays;
        let Spread { offset, variance, third } = *self;
        *self = Spread {
            offset: stays * offset,
            variance: stays * stays * variance + stays * goes * filling,
            third: stays * stays * stays * third
                + 3.0 * stays * stays * goes * variance
                + stays * goes * (goes - stays) * filling,
        };
    }
}

/// The share of a filling that is left of it.
fn share_left(before: f64, after: f64) -> f64 {
    if before > 0.0 { (after / before).clamp(0.0, 1.0) } else { 1.0 }
}

/// Chances of numbers of electrons after each of them has stayed with a chance. All terms are positive.
fn thin(chances: &mut [f64], stays: f64, room: &mut Vec<f64>) {
    let goes = 1.0 - stays;
    if goes <= 0.0 {
        return;
    }
    room.clear();
    room.resize(chances.len(), 0.0);
    for (n, &chance) in chances.iter().enumerate().filter(|(_, chance)| **chance > 0.0) {
        // From all gone up, or from all left down: where the first term has all of its digits.
        let all_go = libm::pow(goes, n as f64);
        if all_go >= f64::MIN_POSITIVE {
            let mut term = chance * all_go;
            for (k, left) in room.iter_mut().enumerate().take(n + 1) {
                *left += term;
                term *= (n - k) as f64 / (k + 1) as f64 * (stays / goes);
            }
        } else {
            let mut term = chance * libm::pow(stays, n as f64);
            for (k, left) in room.iter_mut().enumerate().take(n + 1).rev() {
                *left += term;
                term *= k as f64 / (n - k + 1) as f64 * (goes / stays);
            }
        }
    }
    chances.copy_from_slice(room);
}

/// Drift and noise at a filling, per dot of the cell and step, and their slopes.
#[derive(Debug, Clone, Copy)]
struct Rates {
    drift: f64,
    drift_slope: f64,
    drift_second_derivative: f64,
    noise: f64,
    noise_slope: f64,
    /// Mean speed of the empty dots, mean emission of the filled ones.
    speed: f64,
    emission: f64,
}

impl Rates {
    fn at(classes: &[TrapClass], occupancy: &Occupancy, drive: &StepDrive) -> Rates {
        let filling = step::filling(classes, occupancy);
        let (mut ready, mut released, mut emission_of_all) = (0.0, 0.0, 0.0);
        for (k, class) in classes.iter().enumerate() {
            ready += class.weight * class.speed * (1.0 - occupancy[k]);
            released += class.weight * drive.emission[k] * occupancy[k];
            emission_of_all += class.weight * drive.emission[k];
        }
        let speed = if filling < 1.0 { ready / (1.0 - filling) } else { 0.0 };
        let emission = if filling > 0.0 { released / filling } else { emission_of_all };
        let (uptake, slope) = step::uptake(drive, filling);
        let second_derivative = if uptake > 0.0 { uptake_second_derivative(drive, filling) } else { 0.0 };
        Rates {
            drift: uptake * ready - released,
            drift_slope: slope * ready - uptake * speed - emission,
            drift_second_derivative: second_derivative * ready - 2.0 * slope * speed,
            noise: uptake * ready + released,
            noise_slope: slope * ready - uptake * speed + emission,
            speed,
            emission,
        }
    }

    /// Driving term of the third cumulant at a variance.
    fn of_third(&self, variance: f64) -> f64 {
        3.0 * variance * (self.drift_second_derivative * variance + self.noise_slope) + self.drift
    }
}

/// Second derivative of [`step::uptake`] by the filling, below F_sc.
fn uptake_second_derivative(drive: &StepDrive, filling: f64) -> f64 {
    let (open, through) = (drive.open, 1.0 - drive.open * filling);
    let room = 1.0 - filling / drive.space_charge_limit;
    let blocked_slope = -(1.0 - open) / (through * through);
    drive.offered * (2.0 * open * blocked_slope / through * room - 2.0 * blocked_slope / drive.space_charge_limit)
}

/// [`super::apply`], and what it makes of the law of the number of electrons.
pub fn apply(
    material: &Material,
    factors: &Factors,
    emission: &Occupancy,
    drive: &Drive,
    speed: f64,
    occupancy: &mut Occupancy,
    spread: &mut Spread,
) {
    let step_s = drive.dwell_s / f64::from(drive.substeps);
    let of_step = step_drive(material, factors, emission, drive, speed, step_s);
    let mut start = Rates::at(&material.classes, occupancy, &of_step);
    for _ in 0..drive.substeps {
        let before = step::filling(&material.classes, occupancy);
        let uptake = step::average_uptake(&material.classes, occupancy, &of_step);
        step::advance(&material.classes, occupancy, &of_step, uptake.average);
        if uptake.average <= 0.0 {
            spread.thin(before, share_left(before, step::filling(&material.classes, occupancy)));
            start = Rates::at(&material.classes, occupancy, &of_step);
            continue;
        }
        let end = Rates::at(&material.classes, occupancy, &of_step);
        let of_start = weight_of_start(uptake.relaxation);
        let mean = |at_start: f64, at_end: f64| of_start * at_start + (1.0 - of_start) * at_end;
        let falls = -mean(start.drift_slope, end.drift_slope).min(0.0);
        let before = spread.variance;
        let after = before * libm::exp(-2.0 * falls) + mean(start.noise, end.noise) * phi(2.0 * falls);
        let of_third = mean(start.of_third(before), end.of_third(after));
        let of_offset = 0.5 * mean(start.drift_second_derivative * before, end.drift_second_derivative * after);
        spread.third = spread.third * libm::exp(-3.0 * falls) + of_third * phi(3.0 * falls);
        spread.offset = spread.offset * libm::exp(-falls) + of_offset * phi(falls);
        spread.variance = after;
        start = end;
    }
}

/// Most changes of a cell's number of electrons in a substep that [`apply_to_each`] goes through.
pub const MOST_CHANGES: f64 = 400.0;

/// [`super::apply`], and the chances of each number of electrons, 0 to the number of dots: `chances` has one more than
/// there are dots. `room` is for work, and its contents do not count.
///
/// The chain of a substep has constant rates for each number, and is solved by its jumps (A. Jensen, Skand.
/// Aktuarietidskr. 36, 87 (1953)): all terms are positive, so that the smallest chances are as accurate as the largest.
/// Returns false where a substep has more than [`MOST_CHANGES`]; occupancy and chances then are those on the way to it.
#[expect(clippy::too_many_arguments, reason = "those of `apply`, and the chances")]
pub fn apply_to_each(
    material: &Material,
    factors: &Factors,
    emission: &Occupancy,
    drive: &Drive,
    speed: f64,
    occupancy: &mut Occupancy,
    chances: &mut [f64],
    room: &mut Vec<f64>,
) -> bool {
    let step_s = drive.dwell_s / f64::from(drive.substeps);
    let of_step = step_drive(material, factors, emission, drive, speed, step_s);
    let dots = (chances.len() - 1) as f64;
    let mut start = Rates::at(&material.classes, occupancy, &of_step);
    for _ in 0..drive.substeps {
        let before = step::filling(&material.classes, occupancy);
        let uptake = step::average_uptake(&material.classes, occupancy, &of_step);
        step::advance(&material.classes, occupancy, &of_step, uptake.average);
        if uptake.average <= 0.0 {
            thin(chances, share_left(before, step::filling(&material.classes, occupancy)), room);
            start = Rates::at(&material.classes, occupancy, &of_step);
            continue;
        }
        let end = Rates::at(&material.classes, occupancy, &of_step);
        let of_start = weight_of_start(uptake.relaxation);
        let mean = |at_start: f64, at_end: f64| of_start * at_start + (1.0 - of_start) * at_end;
        let (speed, emission) = (mean(start.speed, end.speed), mean(start.emission, end.emission));
        let rates = |n: usize| {
            let filled = n as f64;
            (step::uptake(&of_step, filled / dots).0 * speed * (dots - filled), emission * filled)
        };
        if !jump(chances, rates, room) {
            return false;
        }
        start = end;
    }
    true
}

/// Moves the chances of a birth-death chain through a time of 1. `room` holds up to four numbers a state.
fn jump(chances: &mut [f64], rates: impl Fn(usize) -> (f64, f64), room: &mut Vec<f64>) -> bool {
    let states = chances.len();
    room.clear();
    room.resize(4 * states, 0.0);
    let (up, rest) = room.split_at_mut(states);
    let (down, rest) = rest.split_at_mut(states);
    let (now, next) = rest.split_at_mut(states);
    let mut most: f64 = 0.0;
    for n in 0..states {
        (up[n], down[n]) = rates(n);
        most = most.max(up[n] + down[n]);
    }
    if most <= 0.0 {
        return true;
    }
    if most > MOST_CHANGES {
        return false;
    }
    up.iter_mut().chain(down.iter_mut()).for_each(|rate| *rate /= most);
    now.copy_from_slice(chances);
    let mut weight = libm::exp(-most);
    chances.iter_mut().for_each(|chance| *chance *= weight);
    let (mut so_far, mut jumps) = (weight, 0.0);
    // Up to 1e-16 of the whole, and some more for the far states, which only many jumps lead to.
    let last = most + 12.0 * libm::sqrt(most) + 24.0;
    while jumps < last {
        for n in 0..states {
            let below = if n > 0 { now[n - 1] * up[n - 1] } else { 0.0 };
            let above = if n + 1 < states { now[n + 1] * down[n + 1] } else { 0.0 };
            next[n] = now[n] * (1.0 - up[n] - down[n]) + below + above;
        }
        now.copy_from_slice(next);
        jumps += 1.0;
        weight *= most / jumps;
        so_far += weight;
        chances.iter_mut().zip(now.iter()).for_each(|(chance, of)| *chance += weight * of);
    }
    chances.iter_mut().for_each(|chance| *chance /= so_far);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the binomial law by logarithms of factorials, from rests that lose next to nothing to such that leave
    /// next to nothing.
    #[test]
    fn thinning_keeps_the_whole_and_every_digit() {
        let ln_choose = |n: f64, k: f64| libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
        for n in [1_usize, 24, 48, 52, 64, 110] {
            for exponent in 1..600 {
                for goes in [10f64.powf(-0.05 * f64::from(exponent)), 1.0 - 10f64.powf(-0.02 * f64::from(exponent))] {
                    // As it is of what stays.
                    let stays = 1.0 - goes;
                    let goes = 1.0 - stays;
                    let mut chances = vec![0.0; n + 1];
                    chances[n] = 1.0;
                    thin(&mut chances, stays, &mut Vec::new());
                    let sum: f64 = chances.iter().sum();
                    assert!((sum - 1.0).abs() < 1e-12 || goes >= 1.0, "{n} {goes:e}: {sum}");
                    if goes == 0.0 || stays == 0.0 {
                        continue;
                    }
                    let k = n as f64 - 1.0;
                    let one_gone = (ln_choose(n as f64, k) + k * stays.ln() + goes.ln()).exp();
                    let off = (chances[n - 1] / one_gone - 1.0).abs();
                    // Logarithms of up to 700, of 2e-16 each.
                    assert!(off < 1e-12 || one_gone < 1e-300, "{n} {goes:e}: {off:e}");
                }
            }
        }
    }
}
