//! The cell whose electrons are counted.
//!
//! # Theory
//! A cell owns whole dots: a Poisson number about the nominal one (N_t A L, by its area and film), shared out over the
//! trap classes at random, which makes the numbers of the classes independent Poisson numbers. A dot is empty or holds
//! an electron. Its filling is `n/N`, with the cell's own N; where a cell has more dots than its area should have, the
//! same electrons are offered to more of them and the trap-filled limit rises as N does: [`Factors::trap_filled`] of
//! such a cell is `N/(N_nominal area)`. A cell without dots has no memory.
//!
//! From the electrons it has, the cell goes some way in the mean: the uptake follows the filling, and each dot is a
//! two-state system, whose chances to have been caught, B, and let go, L, by then follow the same steps as its mean
//! occupancy does:
//!
//! ```text
//! B <- B exp(-x) + c phi(x),   L <- L exp(-x) + e phi(x),   x = c + e,   c = s u dt,   e = e_k dt
//! ```
//!
//! Then the electrons are drawn: of the empty and the full dots of a class binomial numbers move. Drawn so, electrons
//! of one draw do not know of each other. What they do to the uptake makes the filled number narrower than that
//! ([`super::narrowing`]: by `exp(-X)` while a cell fills, where X sums, over the way, the share by which an electron
//! too many lowers what is caught). So a share of their deviation is taken back ([`share_taken_back`]): electrons too
//! many are taken from those just caught, those that lack are caught by empty dots, both drawn. Without this a draw
//! every x = 0.1 leaves 7 % too much of the variance, after thirty of them. Draws are [`MOST_ON_THE_WAY`] apart at
//! most; which segments end with one is the same for all cells.
//!
//! Without bias a class of n electrons keeps Binomial(n, exp(-e t)), whatever t: the law at a checkpoint does not
//! depend on which others there are.
//!
//! # Practice
//! Probabilities are rounded to f32, and of the two ways to draw (those who move, those who stay) the one whose
//! probability is below 1/2 is taken: then [`counts::binomial`] is the same on every backend for the same bits.

mod electrons;
mod settling;

pub use electrons::{DotNumber, Electrons, MOST_DOTS, can_count, most_dots, tables};
pub use settling::{
    MOST_EQUATIONS_ON_THE_WAY, MOST_ON_THE_WAY, MOST_ON_THE_WAY_OF_FEW, MOST_SEGMENTS_ON_THE_WAY,
    MOST_UNEQUAL_ON_THE_WAY, OnTheWay, Settling, settlings, substeps_of_part,
};

use super::Factors;
use super::narrowing::Noise;
use super::step::{self, Occupancy, StepDrive, Uptake, phi};
use super::train::Filled;
use crate::material::{MAX_CLASSES, Material, TrapClass};
use crate::rng::Purpose;
use crate::rng::counts::{self, Counts, Source};

/// Events of a draw; each class has one of each.
pub const CATCHES: u32 = 0;
pub const LETS_GO: u32 = 1;
pub const CORRECTS: u32 = 2;
/// Where the numbers of events begin that give four classes each their first words, and how many each kind has of them.
pub const FIRST_WORDS: u32 = 128;
pub const FIRST_WORDS_EACH: u32 = MAX_CLASSES as u32 / 4;

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
    /// Of `trials`, those that an event of probability p meets; `q` is what p lacks of 1.
    fn draw(&self, of: Event, trials: u32, p: f64, q: f64) -> u32 {
        let Event { purpose, step, kind, class } = of;
        if trials == 0 {
            return 0;
        }
        let of = |event| Source { seed: self.seed, cell: self.cell, purpose, step, event };
        let first = of(FIRST_WORDS + FIRST_WORDS_EACH * kind + class as u32 / 4).call(0)[class % 4];
        let source = of(event(kind, class));
        if p as f32 <= 0.5 {
            counts::binomial(self.counts, &source, first, trials, p as f32)
        } else {
            trials - counts::binomial(self.counts, &source, first, trials, q as f32)
        }
    }
}

/// What is drawn: for what, in which step, which of its events, of which class.
#[derive(Debug, Clone, Copy)]
struct Event {
    purpose: Purpose,
    step: u32,
    kind: u32,
    class: usize,
}

/// What may have become of the dots of a cell since the last draw.
#[derive(Debug, Clone, PartialEq)]
struct Way {
    /// The chance that an empty dot of a class has caught an electron, that a full one has let go of its.
    caught: Occupancy,
    freed: Occupancy,
    noise: Noise,
}

impl Way {
    const START: Way = Way { caught: [0.0; MAX_CLASSES], freed: [0.0; MAX_CLASSES], noise: Noise::NONE };
}

/// A cell on its way: speeds of its empty dots, electrons caught or let go in a step as if it stayed, and by how much
/// the uptake falls with the filling, of each electron offered.
struct Here {
    ready: f64,
    flux: f64,
    falls: f64,
}

/// Dots of a cell by class, and how many hold an electron.
#[derive(Debug, Clone, PartialEq)]
pub struct CountedCell {
    pub dots: [u32; MAX_CLASSES],
    pub filled: [u32; MAX_CLASSES],
    /// Share of the dots of each class that hold an electron, 0 of a class without dots; on the way the mean of it.
    pub occupancy: Occupancy,
    /// Since the last draw.
    way: Way,
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
                let (mut left, mut rest) = (libm::floor(mean + 0.5).min(f64::from(draws.counts.most())) as u32, 1.0);
                for (k, class) in material.classes.iter().enumerate() {
                    let (p, q) = (class.weight / rest, (rest - class.weight) / rest);
                    let last = k + 1 == material.classes.len();
                    dots[k] = if last {
                        left
                    } else {
                        draws.draw(Event { purpose: Purpose::Dots, step: 0, kind: 0, class: k }, left, p, q)
                    };
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
        CountedCell {
            dots,
            filled: [0; MAX_CLASSES],
            occupancy: [0.0; MAX_CLASSES],
            way: Way::START,
            classes,
            factors: Factors { trap_filled, ..*factors },
        }
    }

    /// Takes the electrons of an occupancy: to the nearest number of each class.
    pub fn fill(&mut self, occupancy: &Occupancy) {
        for ((filled, share), dots) in self.filled.iter_mut().zip(occupancy).zip(self.dots) {
            *filled = counts_of(*share, dots);
        }
        self.settled();
    }

    /// Share of all dots that hold an electron; on the way the mean of it.
    pub fn filling(&self) -> f64 {
        step::filling(&self.classes, &self.occupancy)
    }

    /// Electrons.
    pub fn electrons(&self) -> u32 {
        self.filled.iter().sum()
    }

    /// Moves the cell through a substep, in the mean. Returns the electrons caught, per trap.
    pub fn advance(&mut self, drive: &StepDrive, uptake: &Uptake) -> f64 {
        let before = self.occupancy;
        let start = self.here(drive, uptake.start);
        for (k, class) in self.classes.iter().enumerate() {
            let (e, c) = (drive.emission[k], class.speed * uptake.average);
            let x = c + e;
            let (stays, phi_x) = (libm::exp(-x), phi(x));
            let way = &mut self.way;
            way.caught[k] = way.caught[k] * stays + c * phi_x;
            way.freed[k] = way.freed[k] * stays + e * phi_x;
        }
        let caught = step::advance(&self.classes, &mut self.occupancy, drive, uptake.average);
        let end = self.here(drive, uptake.end);
        // What dots forget by themselves: the mean of their rates over the flux.
        let (mut flux, mut forgotten) = (0.0, 0.0);
        for (k, class) in self.classes.iter().enumerate() {
            let (e, c) = (drive.emission[k], class.speed * uptake.average);
            let f = 0.5 * (before[k] + self.occupancy[k]);
            let of_class = class.weight * (c * (1.0 - f) + e * f);
            flux += of_class;
            forgotten += of_class * (c + e);
        }
        let forgets = if flux > 0.0 { forgotten / flux } else { 0.0 };
        let feedback = 0.5 * drive.offered * (start.falls * start.ready + end.falls * end.ready);
        self.way.noise.step([start.flux, end.flux], feedback, forgets);
        caught
    }

    /// What moves, and how it is held back, where the cell is on its way; `uptake` is that of an empty dot of speed 1.
    fn here(&self, drive: &StepDrive, uptake: f64) -> Here {
        let ready = self.ready();
        let of_class = |(k, class): (usize, &TrapClass)| class.weight * drive.emission[k] * self.occupancy[k];
        let released: f64 = self.classes.iter().enumerate().map(of_class).sum();
        Here { ready, flux: uptake * ready + released, falls: step::falls(drive, self.filling()) }
    }

    /// Speeds of the empty dots, per dot of the cell; on the way the mean of it.
    pub fn ready(&self) -> f64 {
        self.classes.iter().zip(self.occupancy).map(|(class, f)| class.weight * class.speed * (1.0 - f)).sum()
    }

    /// Moves the cell through a train of pulses, in the mean. Of `drive` the offer does not count.
    pub fn take_up(&mut self, filled: &Filled, drive: &StepDrive) {
        let (start, before) = (self.here(drive, 0.0), self.filling());
        for (k, class) in self.classes.iter().enumerate() {
            let caught = -libm::expm1(-class.speed * filled.uptake);
            let way = &mut self.way;
            way.caught[k] += caught * (1.0 - way.caught[k]);
            way.freed[k] *= 1.0 - caught;
            self.occupancy[k] = (self.occupancy[k] + caught * (1.0 - self.occupancy[k])).min(1.0);
        }
        let (end, after) = (self.here(drive, 0.0), self.filling());
        if filled.feedback > 0.0 && start.ready > 0.0 {
            let steepness = |here: &Here| here.falls * here.ready * here.ready;
            let flattens = steepness(&start) / steepness(&end).max(1e-30);
            let feedback = filled.feedback + blocked_more(drive.open, before, after);
            self.way.noise.train(after - before, end.ready / start.ready, feedback, flattens);
        }
    }

    /// Draws the electrons that moved since the last draw; `step` numbers it among all of the cell.
    pub fn settle(&mut self, draws: &Draws, step: u32) {
        let of = |kind, class, trials, p, q| {
            draws.draw(Event { purpose: Purpose::Substep, step, kind, class }, trials, p, q)
        };
        let way = std::mem::replace(&mut self.way, Way::START);
        let catches = way.caught.iter().any(|up| *up > 0.0);
        let (mut caught, mut freed) = ([0; MAX_CLASSES], [0; MAX_CLASSES]);
        // Electrons beyond what is expected, and the variance of their number.
        let (mut deviation, mut variance) = (0.0, 0.0);
        for k in 0..self.classes.len() {
            let (full, empty) = (self.filled[k], self.dots[k] - self.filled[k]);
            let (up, down) = (way.caught[k], way.freed[k]);
            caught[k] = if catches { of(CATCHES, k, empty, up, 1.0 - up) } else { 0 };
            freed[k] = of(LETS_GO, k, full, down, 1.0 - down);
            deviation += f64::from(caught[k]) - f64::from(freed[k]) - (up * f64::from(empty) - down * f64::from(full));
            variance += up * (1.0 - up) * f64::from(empty) + down * (1.0 - down) * f64::from(full);
        }
        if catches {
            self.take_back(share_taken_back(way.noise.narrowed(), variance) * deviation, &mut caught, of);
        }
        for k in 0..self.classes.len() {
            self.filled[k] = self.filled[k] + caught[k] - freed[k];
        }
        self.settled();
    }

    /// Takes back so many electrons, which may be a fraction of one: from those just caught, all alike; or, of a
    /// negative number, from the empty dots by their speed.
    fn take_back(
        &self,
        electrons: f64,
        caught: &mut [u32; MAX_CLASSES],
        draw: impl Fn(u32, usize, u32, f64, f64) -> u32,
    ) {
        let empty = |k: usize, caught: &[u32; MAX_CLASSES]| self.dots[k] - self.filled[k] - caught[k];
        let all: u32 = caught.iter().sum();
        let ready: f64 =
            self.classes.iter().enumerate().map(|(k, class)| class.speed * f64::from(empty(k, caught))).sum();
        for (k, class) in self.classes.iter().enumerate() {
            if electrons > 0.0 && all > 0 {
                let p = (electrons / f64::from(all)).min(1.0);
                caught[k] -= draw(CORRECTS, k, caught[k], p, 1.0 - p);
            } else if electrons < 0.0 && ready > 0.0 {
                let p = (class.speed * (-electrons / ready)).min(1.0);
                caught[k] += draw(CORRECTS, k, empty(k, caught), p, 1.0 - p);
            }
        }
    }

    fn settled(&mut self) {
        for ((occupancy, filled), dots) in self.occupancy.iter_mut().zip(self.filled).zip(self.dots) {
            *occupancy = share(filled, dots);
        }
    }

    /// Lets electrons go by a checkpoint, each class having been `emptied` so many times since the one before (its
    /// rate times the time). `checkpoint` numbers it.
    pub fn lose(&mut self, emptied: &Occupancy, draws: &Draws, checkpoint: u32) {
        let purpose = Purpose::Bake;
        for (class, (filled, x)) in self.filled.iter_mut().zip(emptied).enumerate().take(self.classes.len()) {
            let of = Event { purpose, step: checkpoint, kind: 0, class };
            *filled -= draws.draw(of, *filled, -libm::expm1(-x), libm::exp(-x));
        }
        self.settled();
    }
}

/// What full dots that block the current add to the feedback of a train, beside what its own counts: by space charge.
/// With both the feedback is the logarithm of what the uptake was over what it is, and `(1 - F)/(1 - open F)` is this
/// factor of the uptake.
pub fn blocked_more(open: f64, before: f64, after: f64) -> f64 {
    let through = |filling: f64| (1.0 - filling) / (1.0 - open * filling);
    let (before, after) = (through(before), through(after));
    if after > 0.0 && after < before { libm::log(before / after) } else { 0.0 }
}

/// Share of a deviation that the uptake makes up for within the substep, `g`, where it takes a share `narrowed` of the
/// variance V that is drawn. `g` electrons of the deviation are taken in whole ones, with a variance of their own
/// number, `g sqrt(2 V/pi)` on average:
///
/// ```text
/// (1 - g)^2 V + g sqrt(2 V/pi) = (1 - narrowed) V
/// ```
///
/// 0 where less than an electron is drawn: there is nothing to take back, and the next substep hears of it.
pub fn share_taken_back(narrowed: f64, variance: f64) -> f64 {
    if variance <= std::f64::consts::FRAC_2_PI {
        return 0.0;
    }
    let half = 1.0 - 0.5 * libm::sqrt(std::f64::consts::FRAC_2_PI / variance);
    half - libm::sqrt((half * half - narrowed).max(0.0))
}

/// A number of electrons over one of dots; 0 without dots.
fn share(filled: u32, dots: u32) -> f64 {
    if dots > 0 { f64::from(filled) / f64::from(dots) } else { 0.0 }
}

/// The number of electrons of a share of some dots.
pub fn counts_of(share: f64, dots: u32) -> u32 {
    libm::round(share * f64::from(dots)).clamp(0.0, f64::from(dots)) as u32
}
