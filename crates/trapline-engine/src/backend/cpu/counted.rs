//! Sixteen cells whose electrons are counted. Twin: `shaders/counted.wgsl`; the equations are those of
//! [`mod@trapline_model::cell::counted`].

use super::bake::Decay;
use super::counts::Sources;
use super::draw::{Factors, Numbers};
use super::drive::{Carriers, Driven};
use super::lanes::{LANES, Lane, exp, fraction_lost, map, phi, phi_near, splat, zip};
use super::narrowing::{Here, Noise, blocked_more};
use super::step::{Classes, Motion, Occupancy, Own, Uptake, Weights, falls};
use super::train::Filled;
use crate::backend::tables::{CellTables, Tables, VisitRow};
use trapline_model::cell::counted::{self, DotNumber, Electrons, FIRST_WORDS, event};
use trapline_model::material::MAX_CLASSES;
use trapline_model::rng::Purpose;
use trapline_model::rng::counts::{self, Counts, Source};

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

/// Electrons of sixteen programmed cells, class by class, and one over their dots; 0 of none.
pub struct HeldElectrons {
    filled: Occupancy,
    inverse_total: Lane,
}

/// What may have become of the dots since the last draw: the chance that an empty dot has caught an electron, that a
/// full one has let go of its; and what the feedback makes of the variance.
struct Way {
    caught: Occupancy,
    freed: Occupancy,
    noise: Noise,
}

impl Way {
    const START: Way = {
        let zero = [[0.0; LANES]; MAX_CLASSES];
        Way { caught: zero, freed: zero, noise: Noise::NONE }
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

    /// What the cells hold.
    #[inline(always)]
    pub fn held(&self) -> HeldElectrons {
        HeldElectrons { filled: self.filled, inverse_total: self.inverse_total }
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
        if motion.release.is_near(driven.tables, &uptake.average) {
            self.move_on(driven.tables, motion, uptake, occupancy, phi_near);
        } else {
            self.move_on(driven.tables, motion, uptake, occupancy, phi);
        }
    }

    #[inline(always)]
    fn take_up(&mut self, tables: &CellTables, filled: &Filled, occupancy: &mut Occupancy) {
        let (mut start, mut end) = (Here::NOWHERE, Here::NOWHERE);
        for k in 0..tables.classes {
            let speed = tables.rows[k].speed;
            let way = &mut self.way;
            for lane in 0..LANES {
                let caught = fraction_lost(speed * filled.uptake[lane]);
                let before = way.caught[k][lane];
                way.caught[k][lane] = before + caught * (1.0 - before);
                way.freed[k][lane] *= 1.0 - caught;
                let f = occupancy[k][lane];
                let after = (f + caught * (1.0 - f)).min(1.0);
                let weight = self.weight[k][lane];
                start.add(lane, weight, speed, 0.0, f);
                end.add(lane, weight, speed, 0.0, after);
                occupancy[k][lane] = after;
            }
        }
        for lane in 0..LANES {
            let steepness = |here: &Here| {
                falls(tables.open, filled.inverse_limit[lane], here.filling[lane]) * here.ready[lane] * here.ready[lane]
            };
            if filled.feedback[lane] > 0.0 && start.ready[lane] > 0.0 {
                let flattens = steepness(&start) / steepness(&end).max(1e-30);
                let feedback =
                    filled.feedback[lane] + blocked_more(tables.open, start.filling[lane], end.filling[lane]);
                let gained = end.filling[lane] - start.filling[lane];
                self.way.noise.train(lane, gained, end.ready[lane] / start.ready[lane], feedback, flattens);
            }
        }
    }

    #[inline(always)]
    fn settle(&mut self, driven: &Driven, draw: u32, occupancy: &mut Occupancy) {
        let Driven { tables, seed, cells, .. } = *driven;
        let sources = Sources { counts: self.counts, seed, cells, purpose: Purpose::Substep, step: draw };
        let mut caught = [splat(0.0); MAX_CLASSES];
        let mut freed = [splat(0.0); MAX_CLASSES];
        let (mut deviation, mut variance) = (splat(0.0), splat(0.0));
        let catches = self.way.caught[..tables.classes].iter().flatten().any(|caught| *caught > 0.0);
        // Of a train nothing is let go.
        let frees = self.way.freed[..tables.classes].iter().flatten().any(|freed| *freed > 0.0);
        let mut first_caught = [[0; LANES]; 4];
        let mut first_freed = [[0; LANES]; 4];
        for k in 0..tables.classes {
            if k % 4 == 0 {
                if catches {
                    first_caught = sources.first_words(counted::CATCHES, k);
                }
                if frees {
                    first_freed = sources.first_words(counted::LETS_GO, k);
                }
            }
            let (up, down) = (&self.way.caught[k], &self.way.freed[k]);
            let lacks = |p: &Lane| map(p, |p| 1.0 - p);
            let full = self.filled[k];
            let empty = zip(&self.dots[k], &full, |dots, full| dots - full);
            if catches {
                caught[k] = sources.draw(event(counted::CATCHES, k), &first_caught[k % 4], &empty, up, &lacks(up));
            }
            if frees {
                freed[k] = sources.draw(event(counted::LETS_GO, k), &first_freed[k % 4], &full, down, &lacks(down));
            }
            for lane in 0..LANES {
                let (up, down) = (up[lane], down[lane]);
                deviation[lane] += (caught[k][lane] - freed[k][lane]) - (up * empty[lane] - down * full[lane]);
                variance[lane] += up * (1.0 - up) * empty[lane] + down * (1.0 - down) * full[lane];
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
    /// Moves the cells through a substep of known uptake, in the mean: what has become of an empty and of a full dot, and
    /// so of all.
    #[inline(always)]
    fn move_on(
        &mut self,
        tables: &CellTables,
        motion: &Motion,
        uptake: &Uptake,
        occupancy: &mut Occupancy,
        phi: impl Fn(f32) -> f32,
    ) {
        let (mut start, mut end) = (Here::NOWHERE, Here::NOWHERE);
        // What dots forget by themselves: the mean of their rates over the flux.
        let (mut flux, mut forgotten) = (splat(0.0), splat(0.0));
        for k in 0..tables.classes {
            let speed = tables.rows[k].speed;
            let way = &mut self.way;
            for lane in 0..LANES {
                let (e, c) = (motion.release.emission[k][lane], speed * uptake.average[lane]);
                let x = c + e;
                let phi_x = phi(x);
                let stays = (1.0 - x * phi_x).max(0.0);
                let up = way.caught[k][lane] * stays + c * phi_x;
                let down = way.freed[k][lane] * stays + e * phi_x;
                let before = self.filled[k][lane] * self.inverse_dots[k][lane];
                let after = (before + (up * (1.0 - before) - down * before)).max(0.0).min(1.0);
                let weight = self.weight[k][lane];
                let f = 0.5 * (occupancy[k][lane] + after);
                let of_class = weight * (c * (1.0 - f) + e * f);
                flux[lane] += of_class;
                forgotten[lane] += of_class * x;
                start.add(lane, weight, speed, e, occupancy[k][lane]);
                end.add(lane, weight, speed, e, after);
                occupancy[k][lane] = after;
                (way.caught[k][lane], way.freed[k][lane]) = (up, down);
            }
        }
        for lane in 0..LANES {
            let held_back =
                |here: &Here| falls(tables.open, motion.inverse_limit[lane], here.filling[lane]) * here.ready[lane];
            let feedback = 0.5 * motion.offered[lane] * (held_back(&start) + held_back(&end));
            let forgets = if flux[lane] > 0.0 { forgotten[lane] / flux[lane] } else { 0.0 };
            let at = |here: &Here, uptake: f32| uptake * here.ready[lane] + here.released[lane];
            let flux = [at(&start, uptake.start[lane]), at(&end, uptake.end[lane])];
            self.way.noise.step(lane, flux, feedback, forgets);
        }
    }

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
            let back = share_taken_back(self.way.noise.narrowed(lane), variance[lane]) * deviation[lane];
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
fn share_taken_back(narrowed: f32, variance: f32) -> f32 {
    const FRAC_2_PI: f32 = std::f32::consts::FRAC_2_PI;
    let half = 1.0 - 0.5 * (FRAC_2_PI / variance).sqrt();
    let share = half - (half * half - narrowed).max(0.0).sqrt();
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
    pub fn begin(&mut self, tables: &Tables, cells: &Numbers, factors: &Factors, held: &HeldElectrons) {
        let mut electrons = splat(0.0);
        for k in 0..tables.cell.classes {
            self.decay.set_rate(tables, k, &factors.log_size);
            self.filled[k] = held.filled[k];
            for lane in 0..LANES {
                electrons[lane] += held.filled[k][lane];
            }
        }
        for lane in 0..LANES {
            self.start[lane] = electrons[lane] * held.inverse_total[lane];
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
