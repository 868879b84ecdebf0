//! The option that says how the electrons of cells are taken.

use clap::ValueEnum;
use trapline::campaign::file::ElectronsFile;
use trapline::cell::counted::{self, DotNumber};
use trapline::material::{Material, Variation};

/// How the electrons of cells are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Electrons {
    /// Each cell owns whole dots and whole electrons, and chance decides which of them move
    Counted,
    /// As real numbers: the limit of very many dots
    MeanField,
    /// Each dot has a depth and a speed of its own: slow, for thousands of cells, by --backend reference
    EachDot,
}

/// The same of experiments on single cells, most of which do not take each dot by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OfCells {
    /// Each cell owns whole dots and whole electrons, and chance decides which of them move
    Counted,
    /// As real numbers: the limit of very many dots
    MeanField,
    /// Each dot has a depth and a speed of its own; only of commands that name it
    #[value(skip)]
    EachDot,
}

impl Electrons {
    /// As campaign files have it.
    pub fn of_file(self) -> ElectronsFile {
        match self {
            Electrons::Counted => ElectronsFile::Counted,
            Electrons::MeanField => ElectronsFile::MeanField,
            Electrons::EachDot => ElectronsFile::EachDot,
        }
    }
}

impl OfCells {
    /// As cells of a material have it: what is asked for; else counted, where there are not more dots than can be.
    pub fn of_cells(asked: Option<OfCells>, material: &Material, varies: bool) -> counted::Electrons {
        let variation = if varies { material.variation } else { Variation::OFF };
        let few = counted::most_dots(material, &variation) <= counted::MOST_DOTS;
        match asked {
            Some(OfCells::MeanField) => counted::Electrons::MeanField,
            Some(OfCells::EachDot) => counted::Electrons::EachDot(DotNumber::Poisson),
            None if !few => counted::Electrons::MeanField,
            Some(OfCells::Counted) | None => counted::Electrons::Counted(DotNumber::Poisson),
        }
    }
}
