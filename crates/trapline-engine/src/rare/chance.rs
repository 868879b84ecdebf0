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
mod tests {
    use super::*;
    use crate::backend::Backend;
    use crate::backend::cpu::Cpu;
    use crate::backend::job::{Bake, Program};
    use trapline_model::array::ArrayShape;
    use trapline_model::cell::counted::Electrons;
    use trapline_model::material::draft::Draft;
    use trapline_model::material::{self, Material};
    use trapline_model::protocol::Segment;
    use trapline_model::units::kelvin;

    /// The shipped dots, so many a cell.
    fn of_dots(dots: f64) -> Material {
        let (_, text) = material::SHIPPED.into_iter().find(|(name, _)| *name == "pi-ws2-qd").unwrap();
        let nominal = material::shipped("pi-ws2-qd").unwrap().capture.unwrap().traps;
        let mut draft = Draft::new(text, "dots").unwrap();
        let area = draft.number("film.area").unwrap() * dots / nominal;
        draft.set("film.area", area);
        material::parse(&draft.text(), "dots").unwrap()
    }

    fn job(dots: f64, number: DotNumber, (pulses, width_s): (u32, f64), kept_below: f64, times_s: &[f64]) -> Job {
        let segments: Vec<_> = (0..pulses).map(|cycle| Segment { bias_v: 1.5, dwell_s: width_s, cycle }).collect();
        Job::of(&of_dots(dots))
            .electrons(Electrons::Counted(number))
            .array(ArrayShape { rows: 1, cols: 1 })
            .program(Program::of(&segments))
            .bake(Bake::at(kelvin(125.0)).checkpoints(times_s))
            .fails_below(kept_below)
            .build()
            .unwrap()
    }

    fn fate(job: &Job, ways: Option<Ways>, all: bool) -> Fate {
        let chance = Chance::of(job).unwrap();
        let mut fate = Fate::default();
        let mean = chance.nominal;
        let mut dots = chance.dots(mean);
        if all && chance.number == DotNumber::Poisson {
            let reach = 9.0 * mean.sqrt();
            let numbers: Vec<f64> =
                ((mean - reach).max(0.0) as u64..(mean + reach + 40.0) as u64).map(|n| n as f64).collect();
            let chances = laws::poisson(mean, &numbers);
            dots = numbers.into_iter().zip(chances).collect();
        }
        match ways {
            None => chance.see(&Factors::NOMINAL, &|_| 1.0, &mut fate),
            Some(ways) => chance.sum(&Factors::NOMINAL, &|_| 1.0, mean, &dots, ways, &mut fate),
        }
        fate
    }

    /// Without space charge to speak of electrons are caught and lost independently: the numbers lost and kept are
    /// independent Poisson numbers.
    #[test]
    fn electrons_of_a_weak_pulse_are_two_poisson_numbers() {
        let mut rarest: f64 = 1.0;
        let weak = [(60.0, 1e-4, 0.9), (6e4, 1e-6, 0.9), (1e6, 1.2e-6, 0.9), (1e6, 1.2e-6, 0.75)];
        for (dots, width_s, kept_below) in weak {
            let job = job(dots, DotNumber::Poisson, (1, width_s), kept_below, &[1e4, 1e6, 1e7]);
            let found = fate(&job, None, false);
            let occupancy = job.programmed(&Factors::NOMINAL, |_| 1.0);
            let classes = &job.material.classes;
            let filling = step::filling(classes, &occupancy);
            let electrons = filling * dots;
            let chance = Chance::of(&job).unwrap();
            let most = (electrons + 12.0 * electrons.sqrt() + 60.0) as u32;
            let numbers: Vec<f64> = (0..most).map(f64::from).collect();
            for (found, emptied) in found.failed.iter().zip(chance.emptied(&Factors::NOMINAL)) {
                let Loss { lost, kept } = loss(classes, &occupancy, &emptied, filling);
                let of = |mean: f64| laws::poisson(mean, &numbers);
                let (of_lost, of_kept) = (of(electrons * lost), of(electrons * kept));
                let pairs = numbers.iter().flat_map(|l| numbers.iter().map(move |k| (*l, *k)));
                let too_many = pairs.filter(|(l, k)| *l >= 1.0 && *l >= chance.least(l + k, dots));
                let exact: f64 = too_many.map(|(l, k)| of_lost[l as usize] * of_kept[k as usize]).sum();
                // A filling of 4e-5, of many dots, makes the number of electrons narrower by 1e-4 of its variance, which
                // moves a tail at 7 standard deviations by 2e-3; that of 3e-3 meets tails of two standard deviations.
                assert!((found / exact - 1.0).abs() < 3e-3, "{dots} {width_s:e}: {found:e} {exact:e}");
                rarest = rarest.min(*found);
            }
            // The same of none at all; in few dots a share of a few per mille of what is caught is not offered twice.
            let none = (-electrons).exp();
            assert!(
                (found.unprogrammed / none - 1.0).abs() < 3e-3 || none < 1e-10,
                "{:e} {none:e}",
                found.unprogrammed
            );
        }
        assert!(rarest < 1e-9, "{rarest:e}");
    }

    /// Three cumulants of the number of electrons against the chance of each, in cells in which the one is used and
    /// smaller ones.
    #[test]
    fn three_cumulants_are_enough() {
        let (mut rarest, mut control): (f64, f64) = (1.0, 0.0);
        for (dots, pulses) in [(64.0, 1), (100.0, 30), (500.0, 10), (500.0, 30), (1500.0, 30)] {
            let job = job(dots, DotNumber::Fixed, (pulses, 1e-3), 0.9, &[1e4, 1e5, 1e6, 1e7]);
            let of = |law| fate(&job, Some(Ways { law, interpolated: false }), true);
            let (each, cumulants, binomial) = (of(Law::Each), of(Law::Cumulants), of(Law::Binomial));
            for (i, exact) in each.failed.iter().enumerate() {
                let off = (cumulants.failed[i] / exact - 1.0).abs();
                // Measured: 3e-3 at most. The next cumulant is of the order 1/N.
                assert!(off < 5e-3, "{dots} {pulses}: {exact:e} {off}");
                control = control.max((binomial.failed[i] / exact - 1.0).abs());
                rarest = rarest.min(*exact);
            }
        }
        assert!(rarest < 1e-25, "{rarest:e}");
        // Control: the law without space charge.
        assert!(control > 0.1, "{control}");
    }

    /// Numbers of dots at distances, and the mean field at some of them, against all numbers.
    #[test]
    fn some_numbers_of_dots_stand_for_all() {
        for (dots, pulses, kept_below) in
            [(50.0, 30, 0.9), (250.0, 10, 0.9), (700.0, 30, 0.9), (5100.0, 1, 0.9), (6e4, 1, 0.97)]
        {
            let job = job(dots, DotNumber::Poisson, (pulses, 1e-3), kept_below, &[1e6, 1e7, 4e7]);
            let some = fate(&job, None, false);
            let law = if dots <= EACH { Law::Each } else { Law::Cumulants };
            let all = fate(&job, Some(Ways { law, interpolated: false }), true);
            for (exact, found) in all.failed.iter().zip(&some.failed) {
                // The fewest electrons that are too many jump with the number of dots, whose distances are a fifth of
                // its standard deviation, or 5/4 where the jumps are small beside it.
                // Measured: 5e-3 at most, of 250 dots.
                println!("{dots} {pulses}: {found:e} {exact:e} {:.5}", found / exact);
                assert!((found / exact - 1.0).abs() < 1e-2, "{dots} {pulses}: {found:e} {exact:e}");
            }
        }
    }

    /// Arrays of cells that differ by chance alone: their failed fraction is the chance of one.
    #[test]
    fn the_law_of_the_electrons_is_the_narrow_one() {
        let cpu = Cpu::open(None, None).unwrap();
        for (dots, number, kept_below, times_s) in [
            (50.0, DotNumber::Fixed, 0.9, [3e5, 1e6, 3e6]),
            (50.0, DotNumber::Poisson, 0.8, [3e5, 1e6, 3e6]),
            (300.0, DotNumber::Fixed, 0.95, [1e5, 3e5, 1e6]),
        ] {
            let segments: Vec<_> = (0..30).map(|cycle| Segment { bias_v: 1.5, dwell_s: 1e-3, cycle }).collect();
            let array = Job::of(&of_dots(dots))
                .variation(false)
                .electrons(Electrons::Counted(number))
                .array(ArrayShape { rows: 256, cols: 512 })
                .program(Program::of(&segments))
                .bake(Bake::at(kelvin(125.0)).checkpoints(&times_s))
                .fails_below(kept_below)
                .build()
                .unwrap();
            let outcome = cpu.statistics(&array, &|_| ()).unwrap().outcome(&array);
            let narrow = fate(&array, None, false);
            let binomial = fate(&array, Some(Ways { law: Law::Binomial, interpolated: false }), false);
            let cells = outcome.programmed as f64;
            for (i, failed) in outcome.failed.iter().skip(1).enumerate() {
                let off = |fate: &Fate| {
                    let expected = fate.failed[i] / (1.0 - fate.unprogrammed);
                    (*failed as f64 / cells - expected) / (expected * (1.0 - expected) / cells).sqrt()
                };
                let (narrow, binomial) = (off(&narrow), off(&binomial));
                println!("{dots} {number:?} {:e}: {failed} failed, {narrow:.1}, {binomial:.1}", times_s[i]);
                // What an array draws has the variance within 5 %, of which these fractions, which the wider law
                // triples, have some 2 %: one standard error of the largest.
                assert!(narrow.abs() < 5.0, "{dots} {number:?} {:e}: {failed} {narrow}", times_s[i]);
                // Control: the law without space charge is told apart.
                assert!(dots > 100.0 || binomial.abs() > 3.0, "{dots} {number:?} {:e}: {binomial}", times_s[i]);
            }
        }
    }
}
