//! A constant bias at a temperature, as rates, and the substeps it is taken in.

use super::counted::{self, Electrons};
use super::{capture, escapes_per_s, release};
use crate::material::{Material, TrapClass, Variation};
use crate::protocol::Segment;

/// A constant bias at a temperature, as rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drive {
    pub bias_v: f64,
    pub dwell_s: f64,
    /// Offered electrons that stay, per trap, at F = 0, 1/s.
    pub offered_per_s: f64,
    /// Field release of a class of speed 1, 1/s.
    pub field_per_s: f64,
    /// Equal parts the segment is stepped in.
    pub substeps: u32,
}

/// `x` of a substep (see [`step`](mod@step)) the automatic choice aims at.
///
/// The target is a filling within 6e-4 of the exact one after the first pulse and within 2e-4 after the whole
/// programming (relative; later pulses forget earlier errors). Measured for the nominal cell against 2048 substeps,
/// after 1, 10 and 30 pulses: quantum dots at 1.5 V (x = 0.10, one substep) 5.3e-4, 1.9e-4, 4.1e-5; nanosheets at
/// 0.7 V (x = 1.36, nine substeps) 1.1e-4, 4e-9, 3e-15.
const AIMED_STEP: f64 = 0.16;
/// Substeps of a segment that takes away more than [`LEAST_EMPTIED`] of the electrons of a class of dots, by its field
/// or by heat: what is caught beside it changes with the filling. Fillings after pulses of -3 to -7 V are then within
/// 1e-3 of 64 substeps; in one substep pulses of -6 V that end midway were 4 % off, and pulses at 100 C on traps of
/// 0.64 and 1.6 eV 1 %.
const SUBSTEPS_THAT_EMPTY: f64 = 6.0;
/// See [`SUBSTEPS_THAT_EMPTY`].
const LEAST_EMPTIED: f64 = 0.01;
/// Spread, of the capture speed and of the trap-filled limit together, that the aim has room for: two standard
/// deviations of it change the error by a tenth.
const SPREAD_WITHIN_AIM: f64 = 0.02;
/// Substeps the automatic choice does not exceed: past it the step's own safety is relied on.
const MAX_AUTOMATIC_SUBSTEPS: f64 = 16.0;

/// The same of cells with fewer dots than [`FEW_DOTS`] whose electrons are counted: they are drawn each substep, in
/// which those that do not know of each other make no more than 3 % too much of the variance.
const AIMED_STEP_OF_FEW: f64 = 0.03;
pub(super) const FEW_DOTS: f64 = 5000.0;
const MAX_COUNTED_SUBSTEPS: f64 = 64.0;

impl Drive {
    /// The drive of a segment for cells like the nominal one; `substeps` overrides the automatic choice.
    pub fn new(material: &Material, segment: &Segment, temperature_k: f64, substeps: Option<u32>) -> Drive {
        Drive::for_spread(material, &Variation::OFF, Electrons::MeanField, segment, temperature_k, substeps)
    }

    /// The drive of a segment for cells that differ: substeps are chosen for one that catches faster by two standard
    /// deviations.
    pub fn for_spread(
        material: &Material,
        variation: &Variation,
        electrons: Electrons,
        segment: &Segment,
        temperature_k: f64,
        substeps: Option<u32>,
    ) -> Drive {
        let offered_per_s = capture::offered_per_s(material, segment.bias_v, temperature_k);
        let limit = match &material.capture {
            Some(c) => capture::space_charge_limit(c, 1.0, segment.bias_v.abs()),
            None => 0.0,
        };
        let stiffness = if limit > 0.0 { offered_per_s * segment.dwell_s / limit } else { 0.0 };
        let limit_sd = electrons.scatter_of_limit(material, variation);
        let spread = (variation.capture_speed + limit_sd - SPREAD_WITHIN_AIM).max(0.0);
        let (aimed, most) = match (electrons, &material.capture) {
            (Electrons::MeanField, _) => (AIMED_STEP, MAX_AUTOMATIC_SUBSTEPS),
            (_, Some(c)) if c.traps < FEW_DOTS => (AIMED_STEP_OF_FEW, MAX_COUNTED_SUBSTEPS),
            (..) => (AIMED_STEP, MAX_COUNTED_SUBSTEPS),
        };
        let field_per_s = release::field_per_s(material.field_release.as_ref(), segment.bias_v);
        let (bias_v, dwell_s) = (segment.bias_v, segment.dwell_s);
        let drive = Drive { bias_v, dwell_s, offered_per_s, field_per_s, substeps: 1 };
        // A segment that catches nothing is one exact step however long.
        if stiffness <= 0.0 {
            return drive;
        }
        let emptied = drive.emptied(material, temperature_k);
        let mut least: f64 = if emptied.most > LEAST_EMPTIED { SUBSTEPS_THAT_EMPTY } else { 1.0 };
        let stiffness = stiffness * libm::exp(2.0 * spread);
        if electrons.are_counted() && emptied.unequal() > counted::MOST_UNEQUAL_ON_THE_WAY {
            let by_loss = emptied.unequal() / counted::MOST_UNEQUAL_ON_THE_WAY;
            least = least.max(by_loss.min(stiffness / counted::MOST_ON_THE_WAY_OF_FEW).ceil());
        }
        let automatic = (stiffness / aimed).ceil().max(least).min(most) as u32;
        Drive { substeps: substeps.unwrap_or(automatic), ..drive }
    }

    /// By how much it empties, at a temperature, the class of the nominal cell that it empties most more often than
    /// that which it empties least.
    pub fn unequal(&self, material: &Material, temperature_k: f64) -> f64 {
        self.emptied(material, temperature_k).unequal()
    }

    /// How often heat and field empty, in this drive at a temperature, the classes of the nominal cell.
    fn emptied(&self, material: &Material, temperature_k: f64) -> Emptied {
        let escapes = escapes_per_s(material, &material.classes, 0.0, temperature_k);
        let of_class = |(class, escapes): (&TrapClass, f64)| (escapes + class.speed * self.field_per_s) * self.dwell_s;
        let start = Emptied { least: f64::INFINITY, most: 0.0 };
        material
            .classes
            .iter()
            .zip(escapes)
            .map(of_class)
            .fold(start, |so_far, times| Emptied { least: so_far.least.min(times), most: so_far.most.max(times) })
    }

    /// Largest `x` of one substep of the nominal cell.
    pub fn step_stiffness(&self, material: &Material) -> f64 {
        match &material.capture {
            Some(c) => {
                let limit = capture::space_charge_limit(c, 1.0, self.bias_v.abs());
                if limit > 0.0 { self.offered_per_s * self.dwell_s / f64::from(self.substeps) / limit } else { 0.0 }
            }
            None => 0.0,
        }
    }
}

/// Rates of emission times a time, of the class that empties least and of that which empties most.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Emptied {
    least: f64,
    most: f64,
}

impl Emptied {
    /// By how much classes differ; 0 without any.
    fn unequal(&self) -> f64 {
        (self.most - self.least).max(0.0)
    }
}
