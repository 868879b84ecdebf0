//! Sixteen cells whose electrons are counted. Twin: `shaders/counted.wgsl`; the equations are those of
//! [`mod@trapline_model::cell::counted`].

use super::bake::Decay;
use super::draw::{Factors, Numbers};
use super::drive::{Carriers, Driven};
use super::lanes::{LANES, Lane, exp, fraction_lost, phi, splat};
use super::step::{Classes, Motion, Occupancy, Own, Uptake, Weights};
use crate::backend::tables::{CellTables, Tables, VisitRow};
use trapline_model::cell::counted::{self, DotNumber, Electrons, FIRST_WORDS, event};
use trapline_model::material::MAX_CLASSES;
use trapline_model::rng::counts::{self, Bits, CALL_BITS, Counts, Source};
use trapline_model::rng::{self, Purpose};

/// Whose random words are used, of sixteen cells.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    pub counts: &'a Counts,
    pub seed: u64,
    pub cells: &'a Numbers,
    pub purpose: Purpose,
    pub step: u32,
}

impl Sources<'_> {
    #[inline(always)]
    fn of(&self, lane: usize, event: u32) -> Source {
        let cell = u64::from(self.cells.high[lane]) << 32 | u64::from(self.cells.low[lane]);
        Source { seed: self.seed, cell, purpose: self.purpose, step: self.step, event }
    }

    /// First words of an event of four classes, from the first of them on; `[class][lane]`.
    #[inline(always)]
    fn first_words(&self, kind: u32, class: usize) -> [[u32; LANES]; 4] {
        let draw = (FIRST_WORDS + 4 * kind + class as u32 / 4) << CALL_BITS;
        let counter = rng::purpose_and_draw(self.purpose, draw);
        rng::philox4x32_10_lanes(self.cells.low, self.cells.high, self.step, counter, rng::key(self.seed))
    }

    /// Whether an event of a class may meet any of the cells: it does not where the first word is above the number that
    /// is expected, as it most often is. `p` is its probability, or a bound of it. `counts::binomial` asks the same; here
    /// with some room for rounding, and for all lanes at once.
    #[inline(always)]
    fn may_meet(first: &[u32; LANES], trials: &Lane, p: &Lane) -> bool {
        let mut open = 0;
        for lane in 0..LANES {
            let expected = trials[lane] * p[lane];
            let nothing = (expected < 0.249) & (first[lane] as f32 >= expected * 4.294_98e9 + 512.0);
            open |= u32::from(!nothing & (trials[lane] > 0.0));
        }
        open != 0
    }

    /// Of `trials`, those that an event of a class meets: `p` is its probability, `q` what that lacks of 1.
    #[inline(always)]
    fn draw(&self, event: u32, first: &[u32; LANES], trials: &Lane, p: &Lane, q: &Lane) -> Lane {
        let mut rarer = [0.0; LANES];
        for lane in 0..LANES {
            rarer[lane] = if p[lane] <= 0.5 { p[lane] } else { q[lane] };
        }
        let mut met = splat(0.0);
        if Self::may_meet(first, trials, &rarer) {
            self.met(event, first, trials, &rarer, &mut met);
        }
        for lane in 0..LANES {
            met[lane] = if p[lane] <= 0.5 { met[lane] } else { trials[lane] - met[lane] };
        }
        met
    }
}

impl Sources<'_> {
    /// Of `trials`, those that an event of a probability below 1/2 meets: [`counts::binomial`] of each lane. Where many
    /// are expected all lanes go together.
    #[inline(always)]
    fn met(&self, event: u32, first: &[u32; LANES], trials: &Lane, p: &Lane, met: &mut Lane) {
        let (mut undecided, mut zeros, mut rest) = ([0; LANES], [0; LANES], [0; LANES]);
        let mut any = false;
        for lane in 0..LANES {
            let (n, p) = (trials[lane] as u32, p[lane]);
            // A probability that is none, and one that does not need many trials, is asked lane by lane.
            let in_range = n > 0 && p < 1.0 && p.to_bits() >> 23 >= counts::LEAST_EXPONENT && p > 0.0;
            let bits = Bits::of(if in_range { p } else { 0.5 });
            if in_range && !counts::is_scarce(n, bits) {
                (undecided[lane], zeros[lane], rest[lane]) = (n, bits.zeros, bits.significant << 8);
                any = true;
            } else {
                met[lane] = counts::binomial(self.counts, &self.of(lane, event), first[lane], n, p) as f32;
            }
        }
        if any {
            let found = self.plenty(event, undecided, zeros, rest);
            for lane in 0..LANES {
                // Lanes without trials of this kind have none.
                met[lane] += found[lane] as f32;
            }
        }
    }

    /// Words of a call of an event, `[word][lane]`.
    #[inline(always)]
    fn call(&self, event: u32, call: u32) -> [[u32; LANES]; 4] {
        let counter = rng::purpose_and_draw(self.purpose, event << CALL_BITS | call);
        rng::philox4x32_10_lanes(self.cells.low, self.cells.high, self.step, counter, rng::key(self.seed))
    }

    /// Trials that are decided bit by bit of their probability: `rest` are the bits to come after so many zeros.
    #[inline(always)]
    fn plenty(
        &self,
        event: u32,
        mut undecided: [u32; LANES],
        mut zeros: [u32; LANES],
        mut rest: [u32; LANES],
    ) -> [u32; LANES] {
        let mut successes = [0; LANES];
        for stage in 0.. {
            let mut most = 0;
            for lane in 0..LANES {
                let goes_on = undecided[lane] > counts::FEW && (zeros[lane] > 0 || rest[lane] != 0);
                most = most.max(if goes_on { undecided[lane] } else { 0 });
            }
            if most == 0 {
                break;
            }
            let low = self.call(event, counts::PLENTY_CALL + 2 * stage);
            let high =
                if most >> 16 > 0 { self.call(event, counts::PLENTY_CALL + 2 * stage + 1) } else { [[0; LANES]; 4] };
            for lane in 0..LANES {
                if undecided[lane] <= counts::FEW || (zeros[lane] == 0 && rest[lane] == 0) {
                    continue;
                }
                if zeros[lane] == 0 {
                    zeros[lane] = rest[lane].leading_zeros();
                    rest[lane] <<= zeros[lane];
                }
                let law = zeros[lane].clamp(1, counts::MOST_ZEROS);
                let word = |place: u32| match place {
                    0..4 => low[place as usize][lane],
                    _ => high[place as usize - 4][lane],
                };
                let tie = |place: u32| {
                    self.of(lane, event).call(counts::TIE_CALL + 2 * stage + place / 4)[place as usize % 4]
                };
                let left = counts::by_digits(self.counts, law, undecided[lane], word, tie);
                if zeros[lane] > 0 {
                    undecided[lane] = left;
                    zeros[lane] -= law;
                } else {
                    successes[lane] += left;
                    undecided[lane] -= left;
                    rest[lane] <<= 1;
                }
            }
        }
        // A bit for each trial. Where all bits of p are gone the others have not fallen below it.
        let mut trials = [0; LANES];
        for lane in 0..LANES {
            let count = undecided[lane];
            trials[lane] = if count >= counts::FEW { u32::MAX } else { (1 << (count & 31)) - 1 };
            trials[lane] = if count > counts::FEW { 0 } else { trials[lane] };
        }
        for call in 0.. {
            let going = (0..LANES).any(|lane| trials[lane] != 0 && (zeros[lane] > 0 || rest[lane] != 0));
            if !going {
                break;
            }
            for falls in self.call(event, counts::FEW_CALL + call) {
                for lane in 0..LANES {
                    // No bit is left to decide where `zeros` and `rest` are both 0: then nobody falls below it.
                    let has_zeros = zeros[lane] > 0;
                    let is_one = !has_zeros && rest[lane] >> 31 == 1;
                    let fallen = trials[lane] & falls[lane];
                    successes[lane] += if is_one { fallen.count_ones() } else { 0 };
                    trials[lane] = if is_one { trials[lane] & !falls[lane] } else { fallen };
                    rest[lane] = if has_zeros { rest[lane] } else { rest[lane] << 1 };
                    zeros[lane] = zeros[lane].saturating_sub(1);
                }
            }
        }
        successes
    }
}

/// Dots and electrons of sixteen cells, class by class; whole numbers.
pub struct Counted<'a> {
    counts: &'a Counts,
    dots: Occupancy,
    filled: Occupancy,
    /// One over the dots of each class; 0 of none.
    inverse_dots: Occupancy,
    /// Share of each class among the cell's dots.
    weight: Occupancy,
    /// One over all dots; 0 of none.
    inverse_total: Lane,
    way: Way,
}

/// What may have become of the dots since the last draw: the chance that an empty dot has caught an electron, that a
/// full one has let go of its, and what these lack of 1; and by what share an electron too many lowers what is caught.
struct Way {
    caught: Occupancy,
    not_caught: Occupancy,
    freed: Occupancy,
    not_freed: Occupancy,
    feedback: Lane,
}

impl Way {
    const START: Way = {
        let (zero, one) = ([[0.0; LANES]; MAX_CLASSES], [[1.0; LANES]; MAX_CLASSES]);
        Way { caught: zero, not_caught: one, freed: zero, not_freed: one, feedback: [0.0; LANES] }
    };
}

#[inline(always)]
fn one_over(number: f32) -> f32 {
    if number > 0.0 { 1.0 / number } else { 0.0 }
}

impl<'a> Counted<'a> {
    /// Draws the dots of empty cells. `factors` then have the trap-filled limit of the cells' own numbers of them.
    #[inline(always)]
    pub fn draw(
        tables: &CellTables,
        counts: &'a Counts,
        seed: u64,
        cells: &Numbers,
        factors: &mut Factors,
    ) -> Counted<'a> {
        let zero = [splat(0.0); MAX_CLASSES];
        let mut drawn = Counted {
            counts,
            dots: zero,
            filled: zero,
            inverse_dots: zero,
            weight: zero,
            inverse_total: splat(0.0),
            way: Way::START,
        };
        for lane in 0..LANES {
            let cell = u64::from(cells.high[lane]) << 32 | u64::from(cells.low[lane]);
            let nominal = tables.traps * factors.area[lane];
            let dots = dots_of_cell(tables, counts, seed, cell, nominal * factors.trap_filled[lane]);
            let mut total = 0.0;
            for k in 0..tables.classes {
                drawn.dots[k][lane] = dots[k] as f32;
                drawn.inverse_dots[k][lane] = one_over(dots[k] as f32);
                total += dots[k] as f32;
            }
            drawn.inverse_total[lane] = one_over(total);
            for k in 0..tables.classes {
                drawn.weight[k][lane] = drawn.dots[k][lane] * drawn.inverse_total[lane];
            }
            factors.trap_filled[lane] = if total > 0.0 { total / nominal } else { 1.0 };
        }
        drawn
    }

    /// Takes the electrons of occupancies, to the nearest number, and gives the occupancies of these.
    #[inline(always)]
    pub fn fill(&mut self, classes: usize, occupancy: &mut Occupancy) {
        for k in 0..classes {
            for lane in 0..LANES {
                self.filled[k][lane] =
                    (occupancy[k][lane] * self.dots[k][lane]).round().max(0.0).min(self.dots[k][lane]);
            }
        }
        self.fillings(classes, occupancy);
    }

    #[inline(always)]
    fn fillings(&self, classes: usize, occupancy: &mut Occupancy) {
        for k in 0..classes {
            for lane in 0..LANES {
                occupancy[k][lane] = self.filled[k][lane] * self.inverse_dots[k][lane];
            }
        }
    }
}

/// The dots of one cell, of which so many are expected. Not inlined: it is done once a cell.
#[inline(never)]
fn dots_of_cell(tables: &CellTables, counts: &Counts, seed: u64, cell: u64, mean: f32) -> [u32; MAX_CLASSES] {
    let source = |event| Source { seed, cell, purpose: Purpose::Dots, step: 0, event };
    let first = |k: usize| source(FIRST_WORDS + k as u32 / 4).call(0)[k % 4];
    let mut dots = [0; MAX_CLASSES];
    match tables.electrons {
        Electrons::Counted(DotNumber::Fixed) => {
            let mut left = (mean + 0.5).floor().min(counts.most() as f32) as u32;
            let mut rest = 1.0;
            for k in 0..tables.classes {
                let weight = tables.rows[k].weight;
                let (p, q) = (weight / rest, (rest - weight) / rest);
                dots[k] = if k + 1 == tables.classes {
                    left
                } else if p <= 0.5 {
                    counts::binomial(counts, &source(k as u32), first(k), left, p)
                } else {
                    left - counts::binomial(counts, &source(k as u32), first(k), left, q)
                };
                left -= dots[k];
                rest -= weight;
            }
        }
        _ => {
            for k in 0..tables.classes {
                dots[k] = counts::poisson(counts, &source(2 * k as u32), first(k), mean * tables.rows[k].weight);
            }
        }
    }
    dots
}

impl Carriers for Counted<'_> {
    #[inline(always)]
    fn classes<'a>(&'a self, tables: &'a CellTables) -> Classes<'a, impl Weights> {
        Classes { tables, weights: Own(&self.weight) }
    }

    #[inline(always)]
    fn advance(&mut self, driven: &Driven, motion: &Motion, uptake: &Uptake, occupancy: &mut Occupancy) {
        let tables = driven.tables;
        for k in 0..tables.classes {
            let speed = tables.rows[k].speed;
            let way = &mut self.way;
            for lane in 0..LANES {
                let (e, c) = (motion.release.emission[k][lane], speed * uptake.average[lane]);
                let x = c + e;
                let (stays, phi_x) = (exp(-x), phi(x));
                way.caught[k][lane] = way.caught[k][lane] * stays + c * phi_x;
                way.not_caught[k][lane] = way.not_caught[k][lane] * stays + e * phi_x;
                way.freed[k][lane] = way.freed[k][lane] * stays + e * phi_x;
                way.not_freed[k][lane] = way.not_freed[k][lane] * stays + c * phi_x;
            }
        }
        for lane in 0..LANES {
            self.way.feedback[lane] += uptake.feedback[lane];
        }
        motion.advance(tables, &uptake.average, occupancy);
    }

    #[inline(always)]
    fn settle(&mut self, driven: &Driven, draw: u32, occupancy: &mut Occupancy) {
        let Driven { tables, seed, cells, .. } = *driven;
        let sources = Sources { counts: self.counts, seed, cells, purpose: Purpose::Substep, step: draw };
        let mut caught = [splat(0.0); MAX_CLASSES];
        let mut freed = [splat(0.0); MAX_CLASSES];
        let (mut deviation, mut variance) = (splat(0.0), splat(0.0));
        let catches = self.way.feedback.iter().any(|feedback| *feedback > 0.0);
        let mut first_caught = [[0; LANES]; 4];
        let mut first_freed = [[0; LANES]; 4];
        for k in 0..tables.classes {
            if k % 4 == 0 {
                if catches {
                    first_caught = sources.first_words(counted::CATCHES, k);
                }
                first_freed = sources.first_words(counted::LETS_GO, k);
            }
            let way = &self.way;
            let full = self.filled[k];
            let empty = super::lanes::zip(&self.dots[k], &full, |dots, full| dots - full);
            if catches {
                let first = &first_caught[k % 4];
                caught[k] = sources.draw(event(counted::CATCHES, k), first, &empty, &way.caught[k], &way.not_caught[k]);
            }
            let first = &first_freed[k % 4];
            freed[k] = sources.draw(event(counted::LETS_GO, k), first, &full, &way.freed[k], &way.not_freed[k]);
            for lane in 0..LANES {
                let (up, down) = (way.caught[k][lane], way.freed[k][lane]);
                deviation[lane] += (caught[k][lane] - freed[k][lane]) - (up * empty[lane] - down * full[lane]);
                variance[lane] +=
                    up * way.not_caught[k][lane] * empty[lane] + down * way.not_freed[k][lane] * full[lane];
            }
        }
        if catches {
            self.take_back(&sources, tables, &deviation, &variance, &mut caught);
        }
        for k in 0..tables.classes {
            for lane in 0..LANES {
                self.filled[k][lane] += caught[k][lane] - freed[k][lane];
            }
        }
        self.way = Way::START;
        self.fillings(tables.classes, occupancy);
    }
}

impl Counted<'_> {
    /// Takes back what the uptake has made up for of a deviation, in electrons.
    #[inline(always)]
    fn take_back(
        &self,
        sources: &Sources,
        tables: &CellTables,
        deviation: &Lane,
        variance: &Lane,
        caught: &mut Occupancy,
    ) {
        let (mut all, mut ready) = (splat(0.0), splat(0.0));
        for k in 0..tables.classes {
            let speed = tables.rows[k].speed;
            for lane in 0..LANES {
                all[lane] += caught[k][lane];
                ready[lane] += speed * ((self.dots[k][lane] - self.filled[k][lane]) - caught[k][lane]);
            }
        }
        // The chance of each electron just caught to be taken away, or else that of an empty dot of speed 1 to catch one.
        let (mut away, mut more) = (splat(0.0), splat(0.0));
        for lane in 0..LANES {
            let back = share_taken_back(self.way.feedback[lane], variance[lane]) * deviation[lane];
            let (of_caught, of_empty) = (back / all[lane], -back / ready[lane]);
            away[lane] = if back > 0.0 && all[lane] > 0.0 { of_caught.min(1.0) } else { 0.0 };
            more[lane] = if back < 0.0 && ready[lane] > 0.0 { of_empty } else { 0.0 };
        }
        let mut first = [[0; LANES]; 4];
        for k in 0..tables.classes {
            if k % 4 == 0 {
                first = sources.first_words(counted::CORRECTS, k);
            }
            let speed = tables.rows[k].speed;
            let (mut trials, mut p, mut q) = (splat(0.0), splat(0.0), splat(0.0));
            for lane in 0..LANES {
                let takes = away[lane] > 0.0;
                let empty = (self.dots[k][lane] - self.filled[k][lane]) - caught[k][lane];
                trials[lane] = if takes { caught[k][lane] } else { empty };
                p[lane] = if takes { away[lane] } else { (speed * more[lane]).min(1.0) };
                q[lane] = 1.0 - p[lane];
            }
            let changed = sources.draw(event(counted::CORRECTS, k), &first[k % 4], &trials, &p, &q);
            for lane in 0..LANES {
                caught[k][lane] += if away[lane] > 0.0 { -changed[lane] } else { changed[lane] };
            }
        }
    }
}

/// See [`counted::share_taken_back`].
#[inline(always)]
fn share_taken_back(feedback: f32, variance: f32) -> f32 {
    const FRAC_2_PI: f32 = std::f32::consts::FRAC_2_PI;
    let half = 1.0 - 0.5 * (FRAC_2_PI / variance).sqrt();
    let share = half - (half * half - fraction_lost(feedback)).max(0.0).sqrt();
    if variance > FRAC_2_PI { share } else { 0.0 }
}

/// Sixteen cells in the bake.
pub struct CountedBake<D> {
    pub decay: D,
    filled: Occupancy,
    /// Filling right after programming, the electrons then, and one over them.
    pub start: Lane,
    electrons: Lane,
    inverse_electrons: Lane,
    cells: Numbers,
}

impl<D: Decay> CountedBake<D> {
    /// Empty cells'.
    pub const EMPTY: CountedBake<D> = CountedBake {
        decay: D::EMPTY,
        filled: [[0.0; LANES]; MAX_CLASSES],
        start: [0.0; LANES],
        electrons: [0.0; LANES],
        inverse_electrons: [0.0; LANES],
        cells: Numbers { low: [0; LANES], high: [0; LANES] },
    };

    /// Starts the bake of programmed cells.
    #[inline(always)]
    pub fn begin(&mut self, tables: &Tables, cells: &Numbers, factors: &Factors, carriers: &Counted) {
        let mut electrons = splat(0.0);
        for k in 0..tables.cell.classes {
            self.decay.set_rate(tables, k, &factors.log_size);
            self.filled[k] = carriers.filled[k];
            for lane in 0..LANES {
                electrons[lane] += carriers.filled[k][lane];
            }
        }
        for lane in 0..LANES {
            self.start[lane] = electrons[lane] * carriers.inverse_total[lane];
            self.inverse_electrons[lane] = one_over(electrons[lane]);
        }
        self.electrons = electrons;
        self.cells = *cells;
    }

    /// Goes to a checkpoint; gives the fraction of the cell's charge lost by then. `seed` is that of the bake.
    #[inline(always)]
    pub fn visit(&mut self, tables: &Tables, counts: &Counts, seed: u64, visit: &[VisitRow]) -> Lane {
        let step = visit[0].checkpoint;
        let cells = self.cells;
        let sources = Sources { counts, seed, cells: &cells, purpose: Purpose::Bake, step };
        let mut left = splat(0.0);
        let mut first = [[0; LANES]; 4];
        for k in 0..tables.cell.classes {
            if k % 4 == 0 {
                first = sources.first_words(0, k);
            }
            let emptied = self.decay.emptied(visit, k);
            let trials = self.filled[k];
            // No more are lost than are emptied.
            if Sources::may_meet(&first[k % 4], &trials, &emptied) {
                let (mut p, mut q) = (splat(0.0), splat(0.0));
                for lane in 0..LANES {
                    p[lane] = fraction_lost(emptied[lane]);
                    q[lane] = exp(-emptied[lane]);
                }
                let lost = sources.draw(event(0, k), &first[k % 4], &trials, &p, &q);
                for lane in 0..LANES {
                    self.filled[k][lane] -= lost[lane];
                }
            }
            for lane in 0..LANES {
                left[lane] += self.filled[k][lane];
            }
        }
        let mut lost = splat(0.0);
        for lane in 0..LANES {
            let inverse = self.inverse_electrons[lane];
            // Exactly 0 where nothing is lost.
            lost[lane] = (self.electrons[lane] - left[lane]) * inverse;
        }
        lost
    }
}
