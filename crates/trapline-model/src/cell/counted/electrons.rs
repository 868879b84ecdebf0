//! How the electrons of cells are taken, and of which materials they can be counted.

use crate::material::{Material, Variation};
use crate::rng::counts::{Counts, MOST_TRIALS};

/// How the electrons of a cell are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Electrons {
    /// Occupancies are real numbers: the limit of very many dots.
    #[default]
    MeanField,
    /// Each cell owns whole dots and whole electrons.
    Counted(DotNumber),
    /// And each dot has a depth and a speed of its own: [`crate::cell::each_dot`].
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

/// Most dots of a cell five standard deviations larger than the nominal one: up to it an f32 share of them tells every
/// number.
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
