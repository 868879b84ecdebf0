//! The option that says how the electrons of cells are taken.

use clap::ValueEnum;
use trapline::campaign::file::ElectronsFile;
use trapline::cell::counted::{self, DotNumber};

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

/// The same of experiments on single cells, which do not take each dot by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OfCells {
    /// Each cell owns whole dots and whole electrons, and chance decides which of them move
    Counted,
    /// As real numbers: the limit of very many dots
    MeanField,
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
    /// As cells have it.
    pub fn of_cells(self) -> counted::Electrons {
        match self {
            OfCells::Counted => counted::Electrons::Counted(DotNumber::Poisson),
            OfCells::MeanField => counted::Electrons::MeanField,
        }
    }
}
