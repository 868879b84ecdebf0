//! How far cells whose electrons are counted go from draw to draw.

use super::counted::{self, Electrons, OnTheWay, Settling};
use super::drive::{Drive, FEW_DOTS};
use super::{Factors, charge, emission_per_s, train};
use crate::material::{Material, Variation};

/// How far cells go from draw to draw where their electrons are counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Most feedback: see [`counted`].
    most: f64,
    /// What the feedback of cells that differ may be over the nominal one's.
    spread: f64,
}

/// A drive that cells go through, or some pulses of it in one go.
#[derive(Debug, Clone, Copy)]
pub struct Passage<'a> {
    pub drive: &'a Drive,
    /// Of a [`train`]; 0 of a drive that is stepped.
    pub pulses: u32,
    /// Whether somebody looks at its end.
    pub looked_at: bool,
}

impl Pace {
    /// That of a material's cells; none where electrons are not counted.
    pub fn of(material: &Material, variation: &Variation, electrons: Electrons) -> Option<Pace> {
        let capture = material.capture.filter(|_| electrons.are_counted())?;
        let few = capture.traps < FEW_DOTS;
        let most = if few { counted::MOST_ON_THE_WAY_OF_FEW } else { counted::MOST_ON_THE_WAY };
        let limit_sd = electrons.scatter_of_limit(material, variation);
        Some(Pace { most, spread: libm::exp(2.0 * (variation.capture_speed + limit_sd)) })
    }

    /// The parts of a drive, at a temperature, between which electrons are drawn.
    pub fn parts(&self, material: &Material, temperature_k: f64, drive: &Drive) -> Vec<Drive> {
        let feedback = drive.step_stiffness(material) * self.spread;
        let mut of_part = counted::substeps_of_part(drive.substeps, feedback, self.most);
        let unequal = drive.unequal(material, temperature_k);
        if unequal > counted::MOST_UNEQUAL_ON_THE_WAY {
            let of_step = unequal / f64::from(drive.substeps);
            let by_feedback = counted::substeps_of_part(drive.substeps, feedback, counted::MOST_ON_THE_WAY_OF_FEW);
            let by_loss = counted::substeps_of_part(drive.substeps, of_step, counted::MOST_UNEQUAL_ON_THE_WAY);
            of_part = of_part.min(by_feedback.max(by_loss));
        }
        let firsts = (0..drive.substeps).step_by(of_part as usize);
        let part = |first: u32| {
            let substeps = of_part.min(drive.substeps - first);
            Drive { substeps, dwell_s: drive.dwell_s * f64::from(substeps) / f64::from(drive.substeps), ..*drive }
        };
        firsts.map(part).collect()
    }

    /// By what share an electron too many lowers, in a drive, what is caught, at most.
    fn feedback(&self, material: &Material, drive: &Drive) -> f64 {
        drive.step_stiffness(material) * self.spread * f64::from(drive.substeps)
    }

    /// How many pulses like this one cells may go through from draw to draw: one at least.
    pub fn pulses_at_once(&self, material: &Material, drive: &Drive) -> u32 {
        (self.most / self.feedback(material, drive)).clamp(1.0, f64::from(u32::MAX)) as u32
    }

    /// Where the electrons of cells that go through these drives at a temperature are drawn. `first` numbers the first
    /// draw among all of the cells.
    pub fn settlings<'a>(
        &self,
        material: &Material,
        temperature_k: f64,
        drives: impl IntoIterator<Item = Passage<'a>>,
        first: u32,
    ) -> Vec<Settling> {
        let emission = emission_per_s(material, &Factors::NOMINAL, temperature_k);
        let of = |Passage { drive, pulses, looked_at }: Passage| {
            // Whether or not the charge is asked for, so that what is recorded changes no draw.
            let pieces = charge::pieces(material, drive, &emission);
            let solved = if drive.step_stiffness(material) > 0.0 { drive.substeps } else { 0 };
            let equations = solved + if pieces > 1 { pieces } else { 0 };
            match pulses {
                0 => {
                    let unequal = drive.unequal(material, temperature_k);
                    OnTheWay { feedback: self.feedback(material, drive), unequal, equations, looked_at }
                }
                // A train solves none: what it adds up and steps takes as long as these. Of it heat takes next to
                // nothing.
                _ => OnTheWay {
                    unequal: 0.0,
                    feedback: self.feedback(material, drive) * f64::from(pulses),
                    equations: pulses.div_ceil(train::PULSES_AN_EQUATION),
                    looked_at,
                },
            }
        };
        counted::settlings(drives.into_iter().map(of), self.most, first)
    }
}
