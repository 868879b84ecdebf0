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
//! Then the electrons are drawn: of the empty and the full dots of a class binomial numbers move. Drawn so, electrons of
//! one draw do not know of each other. What they do to the uptake makes the filled number narrower than that
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

use super::Factors;
use super::narrowing::Noise;
use super::step::{self, Occupancy, StepDrive, Uptake, phi};
use super::train::Filled;
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
    /// And each dot has a depth and a speed of its own: [`super::each_dot`].
    EachDot(DotNumber),
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
    /// As records number them, with the words for each.
    pub const NUMBERED: [(Electrons, &str); 5] = [
        (Electrons::MeanField, "mean-field"),
        (Electrons::Counted(DotNumber::Poisson), "counted"),
        (Electrons::Counted(DotNumber::Fixed), "counted, a fixed number of dots"),
        (Electrons::EachDot(DotNumber::Poisson), "each dot by itself"),
        (Electrons::EachDot(DotNumber::Fixed), "each dot by itself, a fixed number of dots"),
    ];

    /// Its number in records.
    pub fn number(self) -> u64 {
        Self::NUMBERED.iter().position(|(known, _)| *known == self).unwrap_or(0) as u64
    }

    /// The one of a number in a record.
    pub fn of_number(number: u64) -> Option<Electrons> {
        Self::NUMBERED.get(usize::try_from(number).ok()?).map(|(electrons, _)| *electrons)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        Self::NUMBERED[self.number() as usize].1
    }

    /// Whether they are counted.
    pub fn are_counted(self) -> bool {
        self != Electrons::MeanField
    }

    /// How many dots a cell has, where they are counted.
    pub fn dot_number(self) -> Option<DotNumber> {
        match self {
            Electrons::MeanField => None,
            Electrons::Counted(number) | Electrons::EachDot(number) => Some(number),
        }
    }

    /// Standard deviation of ln of the number of dots that chance makes.
    fn scatter_of_number(self, material: &Material) -> f64 {
        match (self.dot_number(), material.capture) {
            (Some(DotNumber::Poisson), Some(capture)) if capture.traps > 0.0 => 1.0 / libm::sqrt(capture.traps),
            _ => 0.0,
        }
    }

    /// Standard deviation of ln of the trap-filled limit from cell to cell, the chance of few dots included.
    pub fn scatter_of_limit(self, material: &Material, variation: &Variation) -> f64 {
        variation.trap_filled.max(self.scatter_of_number(material))
    }

    /// The variation beside what is drawn anyway. `variation.trap_filled_limit` is all of the scatter of a cell of the
    /// material's size; of it the Poisson number of its dots makes `1/sqrt(N)`, and the film's thickness and density
    /// the rest.
    pub fn beside_chance(self, material: &Material, variation: &Variation) -> Variation {
        let chance = self.scatter_of_number(material);
        if chance == 0.0 {
            return *variation;
        }
        let rest = variation.trap_filled * variation.trap_filled - chance * chance;
        Variation { trap_filled: libm::sqrt(rest.max(0.0)), ..*variation }
    }
}

/// Most dots of a cell five standard deviations larger than the nominal one: up to it an f32 share of them tells every number.
pub const MOST_DOTS: f64 = 2_097_152.0;

/// Dots of a cell whose area and film are five standard deviations larger than the nominal one's; 0 without traps.
pub fn most_dots(material: &Material, variation: &Variation) -> f64 {
    let nominal = material.capture.map_or(0.0, |c| c.traps);
    nominal * libm::exp(5.0 * (variation.area + variation.trap_filled))
}

/// Whether the dots of a material's cells can be counted: there is one at least, and [`MOST_DOTS`] at most.
pub fn can_count(material: &Material, variation: &Variation) -> bool {
    let nominal = material.capture.map_or(1.0, |c| c.traps);
    nominal >= 1.0 && most_dots(material, variation) <= MOST_DOTS
}

/// Tables for the draws of a material's cells, where electrons are counted: of twice the largest cell's dots, since a
/// Poisson number of a mean above half of them would be cut.
pub fn tables(material: &Material, variation: &Variation, electrons: Electrons) -> Counts {
    if !electrons.are_counted() {
        return Counts::NONE;
    }
    Counts::up_to((2.0 * most_dots(material, variation) + 256.0).min(f64::from(MOST_TRIALS)) as u32)
}

/// Most feedback from draw to draw of cells of many dots, and of few: see the module. Bounds of the nominal cell, with
/// room for two standard deviations of others.
pub const MOST_ON_THE_WAY: f64 = 1.5;
/// See [`MOST_ON_THE_WAY`].
pub const MOST_ON_THE_WAY_OF_FEW: f64 = 0.03;

/// Most equations solved from draw to draw, of substeps and of the pieces that a charge is taken in, and most segments:
/// a GPU goes no further at once. One segment may have more.
pub const MOST_EQUATIONS_ON_THE_WAY: u32 = 16;
/// See [`MOST_EQUATIONS_ON_THE_WAY`].
pub const MOST_SEGMENTS_ON_THE_WAY: u32 = 64;

/// Whether a segment ends with a draw, and how many draws come before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settling {
    pub at_end: bool,
    pub before: u32,
}

/// What a segment adds to the way from draw to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnTheWay {
    /// By what share an electron too many lowers what is caught in it, at most.
    pub feedback: f64,
    /// Equations that are solved in it.
    pub equations: u32,
    /// Whether somebody looks at its end.
    pub looked_at: bool,
}

/// Substeps of a part of a segment between whose parts electrons are drawn: those of the whole where there is none.
/// `feedback` is the most of a substep.
pub fn substeps_of_part(substeps: u32, feedback: f64, most: f64) -> u32 {
    let within = if feedback * f64::from(substeps) > most { (most / feedback) as u32 } else { substeps };
    within.clamp(1, MOST_EQUATIONS_ON_THE_WAY)
}

/// Where electrons are drawn: after segments that somebody looks at, after the last one, and wherever the way from the
/// last draw would become too long. `first` numbers the first draw.
pub fn settlings(segments: impl IntoIterator<Item = OnTheWay>, most_feedback: f64, first: u32) -> Vec<Settling> {
    let mut settlings: Vec<Settling> = Vec::new();
    let (mut feedback, mut equations, mut count) = (0.0, 0, 0);
    for segment in segments {
        let too_far = feedback + segment.feedback > most_feedback
            || equations + segment.equations > MOST_EQUATIONS_ON_THE_WAY
            || count == MOST_SEGMENTS_ON_THE_WAY;
        if let Some(last) = settlings.last_mut()
            && too_far
        {
            last.at_end = true;
        }
        if settlings.last().is_none_or(|last| last.at_end) {
            (feedback, equations, count) = (0.0, 0, 0);
        }
        feedback += segment.feedback;
        equations += segment.equations;
        count += 1;
        settlings.push(Settling { at_end: segment.looked_at, before: 0 });
    }
    if let Some(last) = settlings.last_mut() {
        last.at_end = true;
    }
    let mut before = first;
    for settling in &mut settlings {
        settling.before = before;
        before = before.wrapping_add(u32::from(settling.at_end));
    }
    settlings
}

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
