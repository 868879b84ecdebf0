//! The cell whose electrons are counted.
//!
//! # Theory
//! A cell owns whole dots: a Poisson number about the nominal one (N_t A L, by its area and film), shared out over the
//! trap classes at random, which makes the numbers of the classes independent Poisson numbers. A dot is empty or holds
//! an electron. Its filling is `n/N`, with the cell's own N; where a cell has more dots than its area should have, the
//! same electrons are offered to more of them and the trap-filled limit rises as N does: [`Factors::trap_filled`] of
//! such a cell is `N/(N_nominal area)`. A cell without dots has no memory.
//!
//! In a substep the uptake `a` follows the counted filling at its start, and each dot is a two-state system with
//! constant rates, so that of the empty and the full ones of a class binomial numbers move:
//!
//! ```text
//! P(0 -> 1) = c phi(c + e),   P(1 -> 0) = e phi(c + e),   c = s u dt,   e = e_k dt
//! ```
//!
//! Drawn so, the electrons of one substep do not know of each other: the next substep hears of them. What they do to
//! the uptake within it makes the filled number narrower than that, by `exp(-x)` in its variance, where x is the rate of
//! the approach by capture per substep (capture is its own noise, and both fall as `exp(-x t)`). So once the numbers are
//! drawn, a share of their deviation is taken back ([`share_taken_back`]): electrons too many are taken from those just
//! caught, those that lack are caught by a higher uptake, both drawn by thinning. Without this a substep of x = 0.1
//! leaves 7 % too much of the variance, after thirty of them.
//!
//! Without bias a class of n electrons keeps Binomial(n, exp(-e t)), whatever t: the law at a checkpoint does not
//! depend on which others there are.
//!
//! # Practice
//! Probabilities are rounded to f32, and of the two ways to draw (those who move, those who stay) the one whose
//! probability is below 1/2 is taken: then [`counts::binomial`] is the same on every backend for the same bits.

use super::Factors;
use super::step::{self, Occupancy, StepDrive, Uptake, phi, phi_slope};
use crate::material::{MAX_CLASSES, Material, TrapClass, Variation};
use crate::rng::Purpose;
use crate::rng::counts::{self, Counts, MOST_TRIALS, Source};

/// How the electrons of a cell are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Electrons {
    /// Occupancies are real numbers: the limit of very many dots.
    #[default]
    MeanField,
    /// Each cell owns whole dots and whole electrons.
    Counted(DotNumber),
}

/// How many dots a cell has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DotNumber {
    /// A Poisson number about the nominal one.
    #[default]
    Poisson,
    /// The nominal one, rounded; which class each belongs to is still drawn.
    Fixed,
}

impl Electrons {
    /// Whether they are counted.
    pub fn are_counted(self) -> bool {
        self != Electrons::MeanField
    }

    /// The variation beside what is drawn anyway. `variation.trap_filled_limit` is all of the scatter of a cell of the
    /// material's size; of it the Poisson number of its dots makes `1/sqrt(N)`, and the film's thickness and density
    /// the rest.
    pub fn beside_chance(self, material: &Material, variation: &Variation) -> Variation {
        match (self, material.capture) {
            (Electrons::Counted(DotNumber::Poisson), Some(capture)) if capture.traps > 0.0 => {
                let rest = variation.trap_filled * variation.trap_filled - 1.0 / capture.traps;
                Variation { trap_filled: libm::sqrt(rest.max(0.0)), ..*variation }
            }
            _ => *variation,
        }
    }
}

/// Most dots of a class of the nominal cell: half of what can be counted.
pub const MOST_DOTS_A_CLASS: f64 = (MOST_TRIALS / 2) as f64;

/// Tables for the draws of a material's cells. Their largest class may be four times as large as the nominal one's.
pub fn tables(material: &Material) -> Counts {
    let largest = material.classes.iter().fold(0.0, |largest: f64, class| largest.max(class.weight));
    let dots = material.capture.map_or(0.0, |c| c.traps) * largest;
    Counts::up_to((4.0 * dots).min(f64::from(MOST_TRIALS)) as u32)
}

/// Events of a substep; each class has one of each.
pub const CATCHES: u32 = 0;
pub const LETS_GO: u32 = 1;
pub const CORRECTS: u32 = 2;
/// Where the numbers of events begin that give several classes their first words.
pub const FIRST_WORDS: u32 = 64;

/// The number of a class's event.
pub const fn event(kind: u32, class: usize) -> u32 {
    kind * MAX_CLASSES as u32 + class as u32
}

/// Whose electrons, and the tables to draw them with.
#[derive(Debug, Clone, Copy)]
pub struct Draws<'a> {
    pub counts: &'a Counts,
    pub seed: u64,
    pub cell: u64,
}

impl Draws<'_> {
    /// Of `trials`, those that an event of probability p meets; `q` is what p lacks of 1. `kind` is that of the event
    /// within the step.
    fn draw(&self, purpose: Purpose, step: u32, kind: u32, class: usize, trials: u32, p: f64, q: f64) -> u32 {
        if trials == 0 {
            return 0;
        }
        let of = |event| Source { seed: self.seed, cell: self.cell, purpose, step, event };
        let first = of(FIRST_WORDS + 4 * kind + class as u32 / 4).call(0)[class % 4];
        let source = of(event(kind, class));
        if p as f32 <= 0.5 {
            counts::binomial(self.counts, &source, first, trials, p as f32)
        } else {
            trials - counts::binomial(self.counts, &source, first, trials, q as f32)
        }
    }
}

/// Dots of a cell by class, and how many hold an electron.
#[derive(Debug, Clone, PartialEq)]
pub struct CountedCell {
    pub dots: [u32; MAX_CLASSES],
    pub filled: [u32; MAX_CLASSES],
    /// The material's classes with the cell's own weights, `N_k/N`.
    pub classes: Vec<TrapClass>,
    /// The cell's, with the trap-filled limit of its own number of dots.
    pub factors: Factors,
}

impl CountedCell {
    /// An empty cell. `factors` are those drawn by [`Electrons::beside_chance`].
    pub fn draw(material: &Material, number: DotNumber, factors: &Factors, draws: &Draws) -> CountedCell {
        let nominal = material.capture.map_or(0.0, |c| c.traps);
        let mean = nominal * factors.area * factors.trap_filled;
        let mut dots = [0; MAX_CLASSES];
        let source = |event| Source { seed: draws.seed, cell: draws.cell, purpose: Purpose::Dots, step: 0, event };
        match number {
            DotNumber::Poisson => {
                for (k, class) in material.classes.iter().enumerate() {
                    let first = source(FIRST_WORDS + k as u32 / 4).call(0)[k % 4];
                    dots[k] = counts::poisson(draws.counts, &source(2 * k as u32), first, (mean * class.weight) as f32);
                }
            }
            DotNumber::Fixed => {
                // A binomial of what is left, class by class.
                let (mut left, mut rest) = (libm::round(mean).min(f64::from(draws.counts.most())) as u32, 1.0);
                for (k, class) in material.classes.iter().enumerate() {
                    let (p, q) = (class.weight / rest, (rest - class.weight) / rest);
                    let last = k + 1 == material.classes.len();
                    dots[k] = if last { left } else { draws.draw(Purpose::Dots, 0, 0, k, left, p, q) };
                    left -= dots[k];
                    rest -= class.weight;
                }
            }
        }
        CountedCell::of(material, factors, nominal, dots)
    }

    fn of(material: &Material, factors: &Factors, nominal: f64, dots: [u32; MAX_CLASSES]) -> CountedCell {
        let total: u32 = dots.iter().sum();
        let inverse = if total > 0 { 1.0 / f64::from(total) } else { 0.0 };
        let mut classes = material.classes.clone();
        for (class, dots) in classes.iter_mut().zip(dots) {
            class.weight = f64::from(dots) * inverse;
        }
        let trap_filled = if total > 0 { f64::from(total) / (nominal * factors.area) } else { 1.0 };
        CountedCell { dots, filled: [0; MAX_CLASSES], classes, factors: Factors { trap_filled, ..*factors } }
    }

    /// Share of the dots of each class that hold an electron; 0 of a class without dots.
    pub fn occupancy(&self) -> Occupancy {
        let mut occupancy = [0.0; MAX_CLASSES];
        for k in 0..self.classes.len() {
            occupancy[k] = share(self.filled[k], self.dots[k]);
        }
        occupancy
    }

    /// Takes the electrons of an occupancy: to the nearest number of each class.
    pub fn fill(&mut self, occupancy: &Occupancy) {
        for k in 0..self.classes.len() {
            self.filled[k] = counts_of(occupancy[k], self.dots[k]);
        }
    }

    /// Share of all dots that hold an electron.
    pub fn filling(&self) -> f64 {
        step::filling(&self.classes, &self.occupancy())
    }

    /// Electrons.
    pub fn electrons(&self) -> u32 {
        self.filled.iter().sum()
    }

    /// Moves the electrons through a substep whose uptake is known; `step` numbers it among all that the cell goes
    /// through.
    pub fn substep(&mut self, drive: &StepDrive, uptake: &Uptake, draws: &Draws, step: u32) {
        let occupancy = self.occupancy();
        let of = |kind, k, trials, p, q| draws.draw(Purpose::Substep, step, kind, k, trials, p, q);
        let a = uptake.average;
        let (mut caught, mut freed) = ([0; MAX_CLASSES], [0; MAX_CLASSES]);
        // Of the filling: what is expected and what was drawn at the end, and the slope of the first by the uptake.
        let (mut deviation, mut slope) = (0.0, 0.0);
        // Variance of the number of electrons that is drawn.
        let mut variance = 0.0;
        for (k, class) in self.classes.iter().enumerate() {
            let (f, e, c) = (occupancy[k], drive.emission[k], class.speed * a);
            let x = c + e;
            let phi_x = phi(x);
            let stays = libm::exp(-x);
            let (up, down) = (c * phi_x, e * phi_x);
            let empty = self.dots[k] - self.filled[k];
            caught[k] = if c > 0.0 { of(CATCHES, k, empty, up, stays + down) } else { 0 };
            freed[k] = of(LETS_GO, k, self.filled[k], down, stays + up);
            let expected = up * f64::from(empty) - down * f64::from(self.filled[k]);
            let drawn = f64::from(caught[k]) - f64::from(freed[k]);
            deviation += class.weight * over(drawn - expected, self.dots[k]);
            variance += up * (1.0 - up) * f64::from(empty) + down * (1.0 - down) * f64::from(self.filled[k]);
            slope += class.weight * (1.0 - f) * class.speed * (phi_x + c * phi_slope(x));
        }
        // What takes the deviation back to what the substep leaves of it. Of electrons too many those just caught are
        // taken away, all alike: a number in proportion to the deviation, so that the mean stays.
        let taken_back = share_taken_back(uptake.feedback, variance) * deviation;
        let caught_share: f64 =
            self.classes.iter().enumerate().map(|(k, c)| c.weight * share(caught[k], self.dots[k])).sum();
        for (k, class) in self.classes.iter().enumerate() {
            if taken_back > 0.0 && caught_share > 0.0 {
                let p = (taken_back / caught_share).min(1.0);
                caught[k] -= of(CORRECTS, k, caught[k], p, 1.0 - p);
            } else if taken_back < 0.0 && slope > 0.0 {
                let (e, c) = (drive.emission[k], class.speed * a);
                let x = c + e;
                let phi_x = phi(x);
                let more = class.speed * (-taken_back / slope) * (phi_x + c * phi_slope(x));
                let empty = self.dots[k] - self.filled[k] - caught[k];
                let p = (more / (1.0 - c * phi_x)).clamp(0.0, 1.0);
                caught[k] += of(CORRECTS, k, empty, p, 1.0 - p);
            }
            self.filled[k] = self.filled[k] + caught[k] - freed[k];
        }
    }

    /// Lets electrons go by a checkpoint, each class having been `emptied` so many times since the one before (its
    /// rate times the time). `checkpoint` numbers it.
    pub fn lose(&mut self, emptied: &Occupancy, draws: &Draws, checkpoint: u32) {
        for k in 0..self.classes.len() {
            let x = emptied[k];
            self.filled[k] -=
                draws.draw(Purpose::Bake, checkpoint, 0, k, self.filled[k], -libm::expm1(-x), libm::exp(-x));
        }
    }
}

/// Share of a deviation that the uptake makes up for within the substep, `g`, where an electron too many lowers what is
/// caught by a share x of it. It leaves `exp(-x)` of the variance V that is drawn, and `g` electrons of the deviation
/// are taken in whole ones, with a variance of their own number, `g sqrt(2 V/pi)` on average:
///
/// ```text
/// (1 - g)^2 V + g sqrt(2 V/pi) = exp(-x) V
/// ```
///
/// 0 where less than an electron is drawn: there is nothing to take back, and the next substep hears of it.
pub fn share_taken_back(feedback: f64, variance: f64) -> f64 {
    if variance <= std::f64::consts::FRAC_2_PI {
        return 0.0;
    }
    let half = 1.0 - 0.5 * libm::sqrt(std::f64::consts::FRAC_2_PI / variance);
    half - libm::sqrt((half * half + libm::expm1(-feedback)).max(0.0))
}

/// A number of electrons over one of dots; 0 without dots.
fn share(filled: u32, dots: u32) -> f64 {
    over(f64::from(filled), dots)
}

/// The number of electrons of a share of some dots.
pub fn counts_of(share: f64, dots: u32) -> u32 {
    libm::round(share * f64::from(dots)).clamp(0.0, f64::from(dots)) as u32
}

fn over(number: f64, dots: u32) -> f64 {
    if dots > 0 { number / f64::from(dots) } else { 0.0 }
}
