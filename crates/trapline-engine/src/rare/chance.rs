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
//! independently, with the shares `w_k f_k/F` of the mean field, and l is binomial, of n and the mean chance to be lost.
//! What n is follows from [`trapline_model::cell::filled`]: chance by chance in cells of up to [`EACH`] dots, in larger
//! ones from three cumulants. Dots beyond the nominal number raise the trap-filled limit, and change the mean field.
//!
//! # Practice
//! Sums over n are exact. Those over N run over numbers at equal distances, a small share of its standard deviation, all
//! of them in small cells; in large ones the mean field is solved at three numbers and interpolated.

use super::laws::{self, Loss, Numbers};
use crate::backend::job::Job;
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::cell::filled::{self, Spread};
use trapline_model::cell::step::{self, Occupancy};
use trapline_model::cell::{self, Factors};
use trapline_model::material::{MAX_CLASSES, TrapClass};

/// Most dots of a nominal cell whose electrons' numbers are followed one by one.
pub(super) const EACH: f64 = 64.0;
/// Dots from which on their number is taken at wide distances and the mean field interpolated: numbers 4 standard
/// deviations apart then differ by 6 % at most.
const MANY: f64 = 5000.0;
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
    /// The mean field at three numbers of dots, and not at each.
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
        let Electrons::Counted(number) = job.electrons else { return None };
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
                    if mean < MANY { (libm::floor(sd / 4.0).max(1.0), 8.5) } else { (libm::floor(1.25 * sd), 6.3) };
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
        let ways = Ways { law, interpolated: mean >= MANY && dots.len() > 3 };
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
        let interpolated = ways.interpolated.then(|| {
            let far = 4.0 * libm::sqrt(mean);
            ([mean - far, mean, mean + far].map(solve), far)
        });
        for &(number, chance) in dots {
            if number < 1.0 {
                fate.unprogrammed += chance;
                continue;
            }
            let of = match &interpolated {
                Some((solved, far)) => Programmed::between(solved, (number - mean) / far),
                None => solve(number),
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
            let followed = job.program.iter().all(|part| {
                let speed = speed(part.cycle);
                let of = &mut occupancy;
                filled::apply_to_each(&job.material, factors, emission, &part.drive, speed, of, &mut chances, &mut room)
            });
            each = followed.then(|| Numbers::of_all(&chances, LEAST_OF_FEW));
        }
        let (mut occupancy, mut spread) = ([0.0; MAX_CLASSES], Spread::default());
        for part in &job.program {
            let speed = speed(part.cycle);
            filled::apply(&job.material, factors, emission, &part.drive, speed, &mut occupancy, &mut spread);
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
    /// At a place between three: -1, 0 and 1.
    fn between(of: &[Programmed; 3], place: f64) -> Programmed {
        let weights = [0.5 * place * (place - 1.0), 1.0 - place * place, 0.5 * place * (place + 1.0)];
        let mean = |value: &dyn Fn(&Programmed) -> f64| -> f64 {
            of.iter().zip(weights).map(|(of, weight)| weight * value(of)).sum()
        };
        let share = |value: &dyn Fn(&Programmed) -> f64| mean(value).clamp(0.0, 1.0);
        Programmed {
            filling: share(&|of| of.filling),
            spread: Spread {
                offset: mean(&|of| of.spread.offset),
                variance: mean(&|of| of.spread.variance).max(0.0),
                third: mean(&|of| of.spread.third),
            },
            losses: (0..of[1].losses.len())
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
    use trapline_model::material::draft::Draft;
    use trapline_model::material::{self, Material, Variation};
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
        for (dots, width_s) in [(60.0, 1e-4), (6e4, 1e-6), (6e4, 2e-5)] {
            let times_s = [1e4, 1e6, 4e6, 1e7];
            let job = job(dots, DotNumber::Poisson, (1, width_s), 0.9, &times_s);
            let found = fate(&job, None, false);
            let occupancy = job.programmed(&Factors::NOMINAL, |_| 1.0);
            let classes = &job.material.classes;
            let filling = step::filling(classes, &occupancy);
            let electrons = filling * job.material.capture.unwrap().traps;
            let chance = Chance::of(&job).unwrap();
            assert!(filling < 2e-3 || dots < 100.0, "{filling}");
            for (i, emptied) in chance.emptied(&Factors::NOMINAL).iter().enumerate() {
                let Loss { lost, kept } = loss(classes, &occupancy, emptied, filling);
                let numbers: Vec<f64> =
                    (0..(electrons + 12.0 * electrons.sqrt() + 60.0) as u64).map(|n| n as f64).collect();
                let of = |mean: f64| laws::poisson(mean, &numbers);
                let (of_lost, of_kept) = (of(electrons * lost), of(electrons * kept));
                let mut exact = 0.0;
                for (l, chance_of_l) in of_lost.iter().enumerate().skip(1) {
                    for (k, chance_of_k) in of_kept.iter().enumerate() {
                        if l as f64 >= chance.least((l + k) as f64, dots) {
                            exact += chance_of_l * chance_of_k;
                        }
                    }
                }
                let ratio = found.failed[i] / exact;
                println!(
                    "{dots} {width_s:e} {electrons:.2} {lost:.2e}: {:.4e} {exact:.4e} {ratio:.5}",
                    found.failed[i]
                );
            }
            println!("none {:e} {:e}", found.unprogrammed, (-electrons).exp());
        }
    }

    /// Three cumulants against the chance of each number of electrons.
    #[test]
    fn three_cumulants_are_enough() {
        for dots in [50.0, 100.0, 200.0, 500.0, 1500.0] {
            for pulses in [1, 10, 30] {
                let times_s = [1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 2e7];
                let job = job(dots, DotNumber::Fixed, (pulses, 1e-3), 0.9, &times_s);
                let of = |law| fate(&job, Some(Ways { law, interpolated: false }), true);
                let (each, cumulants) = (of(Law::Each), of(Law::Cumulants));
                for (a, b) in each.failed.iter().zip(&cumulants.failed) {
                    println!("{dots} {pulses}: {a:.4e} {b:.4e} {:.5}", b / a);
                }
            }
        }
    }

    /// Numbers of dots at distances, and the mean field at three of them, against all numbers.
    #[test]
    fn some_numbers_of_dots_stand_for_all() {
        for (dots, pulses) in
            [(50.0, 30), (90.0, 30), (700.0, 1), (700.0, 30), (4900.0, 30), (5100.0, 30), (6e4, 1), (6e4, 30)]
        {
            let times_s = [1e4, 1e5, 1e6, 1e7, 4e7, 8e7];
            let job = job(dots, DotNumber::Poisson, (pulses, 1e-3), if dots > 1e4 { 0.97 } else { 0.9 }, &times_s);
            let some = fate(&job, None, false);
            let all = fate(
                &job,
                Some(Ways { law: if dots <= EACH { Law::Each } else { Law::Cumulants }, interpolated: false }),
                true,
            );
            for (a, b) in all.failed.iter().zip(&some.failed) {
                println!("{dots} {pulses}: {a:.4e} {b:.4e} {:.6}", b / a);
            }
        }
    }

    /// Arrays of cells that differ by chance alone: their failed fraction is the chance of one.
    #[test]
    fn the_law_of_the_electrons_is_the_narrow_one() {
        let cpu = Cpu::open(None, None).unwrap();
        for (dots, number, pulses, kept_below, times_s) in [
            (500.0, DotNumber::Fixed, 30, 0.9, [2e6, 5e6, 1e7]),
            (500.0, DotNumber::Poisson, 30, 0.9, [2e6, 5e6, 1e7]),
            (50.0, DotNumber::Fixed, 30, 0.9, [3e5, 1e6, 3e6]),
            (50.0, DotNumber::Poisson, 30, 0.8, [3e5, 1e6, 3e6]),
            (6e4, DotNumber::Poisson, 30, 0.98, [2e7, 2.5e7, 3e7]),
        ] {
            let rows = if dots > 1e4 { 64 } else { 512 };
            let material = Material { variation: Variation::OFF, ..of_dots(dots) };
            let segments: Vec<_> = (0..pulses).map(|cycle| Segment { bias_v: 1.5, dwell_s: 1e-3, cycle }).collect();
            let array = Job::of(&material)
                .electrons(Electrons::Counted(number))
                .array(ArrayShape { rows, cols: 512 })
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
                let of = |fate: &Fate| {
                    let expected = fate.failed[i] / (1.0 - fate.unprogrammed);
                    let off = (*failed as f64 / cells - expected) / (expected * (1.0 - expected) / cells).sqrt();
                    (expected, off)
                };
                println!(
                    "{dots} {number:?} {:e}: {:.4e}, narrow {:?}, binomial {:?}",
                    times_s[i],
                    *failed as f64 / cells,
                    of(&narrow),
                    of(&binomial)
                );
            }
        }
    }
}
