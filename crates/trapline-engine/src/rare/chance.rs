//! The chance that a cell of given factors fails, where its electrons are counted.
//!
//! # Theory
//! The cell has N dots, a Poisson number (or a fixed one); n of them are filled by its programming; l of these lose
//! their electron by a checkpoint. It has failed where `kept(F0 = n/N, L = l/n)` is below the threshold. So
//!
//! ```text
//! h = sum_N P(N) sum_n P(n | N) P(l >= least(n, N))
//! ```
//!
//! Dots differ in nothing but their class, which each has at random. So the classes of the filled ones are drawn
//! independently, with the shares `w_k f_k/F` of the mean field, and l is binomial, of n and the mean chance to be
//! lost.
//! What n is follows from [`trapline_model::cell::filled`]: chance by chance in cells of up to [`EACH`] dots, in larger
//! ones from three cumulants. Dots beyond the nominal number raise the trap-filled limit, and change the mean field.
//!
//! # Practice
//! Sums over n are exact. Those over N run over numbers at equal distances, a small share of its standard deviation,
//! all of them in small cells; in larger ones the mean field is solved at three to nine numbers and interpolated.

use super::laws::{self, Loss, Numbers};
use crate::backend::job::Job;
use trapline_model::cell::counted::DotNumber;
use trapline_model::cell::filled::{self, Spread};
use trapline_model::cell::step::{self, Occupancy};
use trapline_model::cell::{self, Factors};
use trapline_model::material::{MAX_CLASSES, TrapClass};

/// Most dots of a nominal cell whose electrons' numbers are followed one by one.
pub(super) const EACH: f64 = 64.0;
/// Dots from which on their number is taken at wide distances: the fewest electrons that are too many then jump by less
/// than they scatter.
const MANY: f64 = 5000.0;
/// Dots from which on the mean field is interpolated between numbers of dots: from nine, from five of [`FEW`] dots and
/// more, from three of [`MANY`]. The numbers are at most 14 % apart.
const LEAST_INTERPOLATED: f64 = 256.0;
const FEW: f64 = 1000.0;
/// Chances below this share of the greatest do not count: of the electrons of cells of few and of many dots.
const LEAST_OF_FEW: f64 = 1e-26;
const LEAST_OF_MANY: f64 = 1e-16;

/// What the chance is taken of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance<'a> {
    job: &'a Job,
    number: DotNumber,
    /// Dots of a nominal cell.
    nominal: f64,
}

/// What chance makes of a cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Fate {
    /// The chance that it holds no electron after programming.
    pub(super) unprogrammed: f64,
    /// The chances that it holds some and has failed at each checkpoint after programming.
    pub(super) failed: Vec<f64>,
}

/// What is known of the number of electrons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Law {
    /// The chance of each.
    Each,
    Cumulants,
    /// What it would be without space charge.
    #[cfg(test)]
    Binomial,
}

/// How numbers are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ways {
    law: Law,
    /// The mean field at some numbers of dots, and not at each.
    interpolated: bool,
}

/// A cell of so many dots after programming.
#[derive(Debug, Clone, PartialEq)]
struct Programmed {
    filling: f64,
    spread: Spread,
    /// At each checkpoint after programming.
    losses: Vec<Loss>,
    /// Where they are followed one by one.
    each: Option<Numbers>,
}

impl<'a> Chance<'a> {
    /// That of a job whose electrons are counted and whose cells have dots.
    pub(super) fn of(job: &'a Job) -> Option<Chance<'a>> {
        let number = job.electrons.dot_number()?;
        let nominal = job.material.capture?.traps;
        Some(Chance { job, number, nominal })
    }

    fn times(&self) -> usize {
        self.job.times_s.len() - 1
    }

    /// Numbers of dots and their chances, of a cell that has so many on average.
    fn dots(&self, mean: f64) -> Vec<(f64, f64)> {
        match self.number {
            DotNumber::Fixed => vec![(libm::floor(mean + 0.5), 1.0)],
            DotNumber::Poisson => {
                let sd = libm::sqrt(mean);
                let (distance, reach) =
                    if mean < MANY { (libm::floor(sd / 5.0).max(1.0), 8.5) } else { (libm::floor(1.25 * sd), 6.3) };
                // To the right a Poisson law of a small mean reaches farther.
                let below = libm::floor((reach * sd).min(mean) / distance);
                let above = libm::ceil((reach * sd + if mean < MANY { reach * reach / 2.0 } else { 0.0 }) / distance);
                let middle = libm::floor(mean);
                let numbers: Vec<f64> = (-(below as i64)..=above as i64)
                    .map(|i| middle + distance * i as f64)
                    .filter(|number| *number >= 0.0)
                    .collect();
                let chances = laws::poisson(mean, &numbers);
                numbers.into_iter().zip(chances).filter(|(_, chance)| *chance > 1e-22).collect()
            }
        }
    }

    /// The chances of a cell of these factors, drawn beside chance, and speeds.
    pub(super) fn see(&self, factors: &Factors, speed: &dyn Fn(u32) -> f64, fate: &mut Fate) {
        let mean = self.nominal * factors.area * factors.trap_filled;
        let dots = self.dots(mean);
        let law = if self.nominal <= EACH { Law::Each } else { Law::Cumulants };
        let ways = Ways { law, interpolated: mean >= LEAST_INTERPOLATED && dots.len() > 9 };
        self.sum(factors, speed, mean, &dots, ways, fate);
    }

    /// The same of given numbers of dots and their chances.
    fn sum(
        &self,
        factors: &Factors,
        speed: &dyn Fn(u32) -> f64,
        mean: f64,
        dots: &[(f64, f64)],
        ways: Ways,
        fate: &mut Fate,
    ) {
        fate.unprogrammed = 0.0;
        fate.failed.clear();
        fate.failed.resize(self.times(), 0.0);
        let emission = cell::emission_per_s(&self.job.material, factors, self.job.program_k);
        let emptied = self.emptied(factors);
        let solve = |dots: f64| {
            let trap_filled = dots / (self.nominal * factors.area);
            self.programmed(dots, &Factors { trap_filled, ..*factors }, &emission, &emptied, speed, ways.law)
        };
        let least = if self.nominal < MANY { LEAST_OF_FEW } else { LEAST_OF_MANY };
        // The mean field at so many numbers of dots, from the first to the last.
        let (low, high) = (dots[0].0, dots[dots.len() - 1].0);
        let solved: Vec<Programmed> = if ways.interpolated {
            let solved_at = if mean < FEW {
                9
            } else if mean < MANY {
                5
            } else {
                3
            };
            let at = |i: usize| low + (high - low) * i as f64 / (solved_at - 1) as f64;
            (0..solved_at).map(|i| solve(at(i))).collect()
        } else {
            Vec::new()
        };
        for &(number, chance) in dots {
            if number < 1.0 {
                fate.unprogrammed += chance;
                continue;
            }
            let of = if solved.is_empty() {
                solve(number)
            } else {
                Programmed::between(&solved, (number - low) / (high - low))
            };
            let electrons = of.each.unwrap_or_else(|| Numbers::filled(number, of.filling, &of.spread, least));
            fate.unprogrammed += chance * electrons.of_none();
            for (failed, loss) in fate.failed.iter_mut().zip(&of.losses) {
                *failed += chance * laws::too_many(&electrons, *loss, |n| self.least(n, number));
            }
        }
    }

    /// The fewest electrons lost with which a cell has failed that had `electrons` of its dots filled:
    /// `kept = (1 - L)/(1 + L r)` of [`trapline_model::cell::read`], solved for L.
    fn least(&self, electrons: f64, dots: f64) -> f64 {
        let (kept, open) = (self.job.kept_threshold, self.job.read.open);
        let filled = open * electrons / dots;
        let lost = (1.0 - kept) * (1.0 - filled) / (1.0 - filled + kept * filled);
        (libm::floor(lost * electrons) + 1.0).min(electrons)
    }

    /// How many times each class was emptied by each checkpoint after programming: its rate times the time.
    fn emptied(&self, factors: &Factors) -> Vec<Occupancy> {
        let stays = &self.job.stays;
        let rates: Vec<_> = stays
            .temperatures_k
            .iter()
            .map(|bake_k| cell::emission_per_s(&self.job.material, factors, *bake_k))
            .collect();
        let at = |time: usize| {
            let mut emptied = [0.0; MAX_CLASSES];
            for (rates, stay_s) in rates.iter().zip(stays.for_s.row(time + 1)) {
                emptied.iter_mut().zip(rates).for_each(|(sum, per_s)| *sum += per_s * stay_s);
            }
            emptied
        };
        (0..self.times()).map(at).collect()
    }

    /// A cell of so many dots. `factors` are those of that number.
    fn programmed(
        &self,
        dots: f64,
        factors: &Factors,
        emission: &Occupancy,
        emptied: &[Occupancy],
        speed: &dyn Fn(u32) -> f64,
        law: Law,
    ) -> Programmed {
        let job = self.job;
        let classes = &job.material.classes;
        let mut each = None;
        if law == Law::Each {
            let (mut chances, mut room) = (vec![0.0; dots as usize + 1], Vec::new());
            chances[0] = 1.0;
            let mut occupancy = [0.0; MAX_CLASSES];
            let mut pulses = job.program.iter().flat_map(|part| part.cycles().map(move |cycle| (&part.drive, cycle)));
            let followed = pulses.all(|(drive, cycle)| {
                let (speed, of) = (speed(cycle), &mut occupancy);
                filled::apply_to_each(&job.material, factors, emission, drive, speed, of, &mut chances, &mut room)
            });
            each = followed.then(|| Numbers::of_all(&chances, LEAST_OF_FEW));
        }
        let (mut occupancy, mut spread) = ([0.0; MAX_CLASSES], Spread::default());
        for part in &job.program {
            for cycle in part.cycles() {
                filled::apply(&job.material, factors, emission, &part.drive, speed(cycle), &mut occupancy, &mut spread);
            }
        }
        // The law's width is stepped, pulse by pulse; its middle is the cells'.
        if job.trajectory.is_some() {
            occupancy = job.programmed(factors, speed);
        }
        let filling = step::filling(classes, &occupancy);
        #[cfg(test)]
        if law == Law::Binomial {
            let variance = filling * (1.0 - filling);
            spread = Spread { offset: 0.0, variance, third: variance * (1.0 - 2.0 * filling) };
        }
        let losses = emptied.iter().map(|emptied| loss(classes, &occupancy, emptied, filling)).collect();
        Programmed { filling, spread, losses, each }
    }
}

/// Of the electrons of an occupancy.
fn loss(classes: &[TrapClass], occupancy: &Occupancy, emptied: &Occupancy, filling: f64) -> Loss {
    if filling <= 0.0 {
        return Loss { lost: 0.0, kept: 1.0 };
    }
    let mean = |of: fn(f64) -> f64| {
        let sum: f64 =
            classes.iter().zip(occupancy).zip(emptied).map(|((class, f), x)| class.weight * f * of(*x)).sum();
        (sum / filling).clamp(0.0, 1.0)
    };
    Loss { lost: mean(|x| -libm::expm1(-x)), kept: mean(|x| libm::exp(-x)) }
}

impl Programmed {
    /// At a place, 0 to 1, between some at equal distances (Lagrange's polynomial).
    fn between(of: &[Programmed], place: f64) -> Programmed {
        let at = place * (of.len() - 1) as f64;
        let weight = |i: usize| -> f64 {
            let others = (0..of.len()).filter(|j| *j != i);
            others.map(|j| (at - j as f64) / (i as f64 - j as f64)).product()
        };
        let weights: Vec<f64> = (0..of.len()).map(weight).collect();
        let mean = |value: &dyn Fn(&Programmed) -> f64| -> f64 {
            of.iter().zip(&weights).map(|(of, weight)| weight * value(of)).sum()
        };
        let share = |value: &dyn Fn(&Programmed) -> f64| mean(value).clamp(0.0, 1.0);
        Programmed {
            filling: share(&|of| of.filling),
            spread: Spread {
                offset: mean(&|of| of.spread.offset),
                variance: mean(&|of| of.spread.variance).max(0.0),
                third: mean(&|of| of.spread.third),
            },
            losses: (0..of[0].losses.len())
                .map(|time| Loss { lost: share(&|of| of.losses[time].lost), kept: share(&|of| of.losses[time].kept) })
                .collect(),
            each: None,
        }
    }
}

#[cfg(test)]
mod tests;
