//! How the segments of a programming are gone through: one by one, or several pulses as a
//! [`train`](mod@trapline_model::cell::train).

use super::{ProgramStep, iterations};
use trapline_model::cell::counted::{Electrons, Settling};
use trapline_model::cell::train::{self, MOST_PULSES, Train, Trajectory};
use trapline_model::cell::{Drive, Pace, Passage};
use trapline_model::material::{Material, Variation};

/// What is done to cells.
pub(super) struct Programming<'a> {
    pub material: &'a Material,
    pub variation: &'a Variation,
    pub electrons: Electrons,
    pub temperature_k: f64,
    /// Each with the number of its pulse.
    pub drives: Vec<(Drive, u32)>,
}

impl Programming<'_> {
    /// The steps, and what their trains go along. As trains where `in_trains`, as far as nothing but filling happens.
    pub fn steps(&self, in_trains: bool) -> (Vec<ProgramStep>, Option<Trajectory>) {
        let pace = Pace::of(self.material, self.variation, self.electrons);
        let trajectory = if in_trains { self.trajectory() } else { None };
        let mut steps: Vec<ProgramStep> = Vec::new();
        let mut left = &self.drives[..];
        if let Some(trajectory) = &trajectory {
            while let Some(((drive, cycle), rest)) = left.split_first() {
                if train::only_rests(self.material, drive) {
                    left = rest;
                    continue;
                }
                if !train::only_fills(self.material, drive) {
                    break;
                }
                let (pulses, after) = self.alike(left);
                let Some(trains) = self.trains(trajectory, pace.as_ref(), drive, *cycle, pulses) else { break };
                steps.extend(trains);
                left = after;
            }
        }
        for (drive, cycle) in left {
            let parts = pace.map_or_else(|| vec![*drive], |pace| pace.parts(self.material, self.temperature_k, drive));
            steps.extend(parts.iter().map(|drive| self.step(drive, *cycle, None)));
        }
        if let Some(pace) = pace {
            let passages = steps.iter().map(|ProgramStep { drive, train, .. }| Passage {
                drive,
                pulses: train.map_or(0, |train| train.pulses),
                looked_at: false,
            });
            let settlings = pace.settlings(self.material, self.temperature_k, passages, 0);
            steps.iter_mut().zip(settlings).for_each(|(step, settling)| step.settling = settling);
        }
        let trajectory = trajectory.filter(|_| steps.iter().any(|step| step.train.is_some()));
        (steps, trajectory)
    }

    /// What the pulses go along from empty cells on. Dots that are taken each by itself are followed event by event.
    fn trajectory(&self) -> Option<Trajectory> {
        if matches!(self.electrons, Electrons::EachDot(_)) {
            return None;
        }
        let drives: Vec<Drive> = self.drives.iter().map(|(drive, _)| *drive).collect();
        let scatter = self.electrons.scatter_of_limit(self.material, self.variation);
        train::trajectory(self.material, self.variation, scatter, self.temperature_k, &drives)
    }

    /// How many pulses like the first one follow one another, rests between them, and what comes after them.
    fn alike<'d>(&self, drives: &'d [(Drive, u32)]) -> (u32, &'d [(Drive, u32)]) {
        let (drive, cycle) = drives[0];
        let (mut pulses, mut left) = (1, &drives[1..]);
        for (number, (next, of_next)) in drives.iter().enumerate().skip(1) {
            if *next == drive && *of_next == cycle + pulses {
                pulses += 1;
                left = &drives[number + 1..];
            } else if !train::only_rests(self.material, next) {
                break;
            }
        }
        (pulses, left)
    }

    /// So many pulses as trains, each as long as may be; a pulse as several where electrons are drawn on the way. None
    /// where a pulse alone takes too many steps.
    fn trains(
        &self,
        trajectory: &Trajectory,
        pace: Option<&Pace>,
        drive: &Drive,
        cycle: u32,
        pulses: u32,
    ) -> Option<Vec<ProgramStep>> {
        let scatter = self.electrons.scatter_of_limit(self.material, self.variation);
        let steps_of =
            |drive: &Drive, pulses| train::steps(self.material, self.variation, scatter, trajectory, drive, pulses);
        let parts = pace.map_or_else(|| vec![*drive], |pace| pace.parts(self.material, self.temperature_k, drive));
        let mut steps = Vec::new();
        if parts.len() > 1 {
            let of_part = |part: &Drive| Some((*part, Train { pulses: 1, steps: steps_of(part, 1)? }));
            let trains: Vec<_> = parts.iter().map(of_part).collect::<Option<_>>()?;
            for number in 0..pulses {
                steps.extend(trains.iter().map(|(part, train)| self.step(part, cycle + number, Some(*train))));
            }
            return Some(steps);
        }
        let at_most = pace.map_or(MOST_PULSES, |pace| pace.pulses_at_once(self.material, drive).min(MOST_PULSES));
        let mut at_once = pulses.min(at_most);
        let mut of_train = steps_of(drive, at_once);
        while of_train.is_none() && at_once > 1 {
            at_once /= 2;
            of_train = steps_of(drive, at_once);
        }
        let (of_train, rest) = (of_train?, pulses % at_once);
        let train = Train { pulses: at_once, steps: of_train };
        steps.extend((0..pulses / at_once).map(|number| self.step(drive, cycle + number * at_once, Some(train))));
        if rest > 0 {
            let train = Train { pulses: rest, steps: steps_of(drive, rest)? };
            steps.push(self.step(drive, cycle + pulses - rest, Some(train)));
        }
        Some(steps)
    }

    fn step(&self, drive: &Drive, cycle: u32, train: Option<Train>) -> ProgramStep {
        let iterations = match train {
            Some(_) => 0,
            None => iterations(drive, self.material, self.variation),
        };
        ProgramStep { drive: *drive, cycle, iterations, settling: Settling::default(), train }
    }
}
