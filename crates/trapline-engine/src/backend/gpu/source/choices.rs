//! What is chosen for a kernel: which cells, how they are driven, how their electrons are taken, how they empty in a
//! bake and by what they have failed.
//!
//! Each choice knows the shader files that stand for it, and how it follows from the tables of a job.

use crate::backend::tables::{CellTables, Tables};

const CONSTANT: &str = include_str!("../../../../../../shaders/constant.wgsl");
const PROFILE: &str = include_str!("../../../../../../shaders/profile.wgsl");

/// What an invocation works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// A cell of the tile.
    Cells,
    /// A slot of a checkpoint of a chunk.
    ChunkSlots,
}

/// How the classes of a cell empty in a bake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decay {
    /// At one temperature, by doublings.
    Constant,
    /// At the temperatures of a profile.
    Profile,
}

impl Decay {
    /// Both.
    pub const ALL: [Decay; 2] = [Decay::Constant, Decay::Profile];

    /// That of a job.
    pub fn of(tables: &Tables) -> Decay {
        if tables.has_profile() { Decay::Profile } else { Decay::Constant }
    }

    /// What gives `set_rate`, `checkpoint_of` and `emptied`.
    pub(super) const fn wgsl(self) -> &'static str {
        match self {
            Decay::Constant => CONSTANT,
            Decay::Profile => PROFILE,
        }
    }

    /// What gives `lose`, of cells of very many dots.
    pub(super) const fn lose_wgsl(self) -> &'static str {
        match self {
            Decay::Constant => include_str!("../../../../../../shaders/constant_lose.wgsl"),
            Decay::Profile => include_str!("../../../../../../shaders/profile_lose.wgsl"),
        }
    }
}

/// How the electrons of the cells are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carriers {
    MeanField,
    Counted,
}

impl Carriers {
    /// Both.
    pub const ALL: [Carriers; 2] = [Carriers::MeanField, Carriers::Counted];

    /// Those of cells.
    pub fn of(cell: &CellTables) -> Carriers {
        if cell.electrons.are_counted() { Carriers::Counted } else { Carriers::MeanField }
    }
}

/// By what a kernel that bakes has cells failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judges {
    Kept,
    /// By the reading of each checkpoint alone.
    Reading,
    /// From the first failing reading on.
    First,
}

impl Judges {
    /// All of them.
    pub const ALL: [Judges; 3] = [Judges::Kept, Judges::Reading, Judges::First];

    /// Those of a job.
    pub fn of(tables: &Tables) -> Judges {
        match tables.readings {
            None => Judges::Kept,
            Some(readings) if readings.first => Judges::First,
            Some(_) => Judges::Reading,
        }
    }

    /// What gives `start_judging`, `has_failed` and `end_judging`.
    pub(super) const fn wgsl(self) -> &'static str {
        match self {
            Judges::Kept => include_str!("../../../../../../shaders/judge_kept.wgsl"),
            Judges::Reading => include_str!("../../../../../../shaders/judge_reading.wgsl"),
            Judges::First => include_str!("../../../../../../shaders/judge_first.wgsl"),
        }
    }
}

/// How the readings of a block become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fold {
    /// In the memory of the workgroup.
    Shared,
    /// In registers, by exchanges within subgroups.
    Subgroups,
}

impl Fold {
    /// Both.
    pub const ALL: [Fold; 2] = [Fold::Shared, Fold::Subgroups];

    /// What gives `put`, `fold_parts` and `fold_whole`.
    pub(super) const fn wgsl(self) -> &'static str {
        match self {
            Fold::Shared => include_str!("../../../../../../shaders/fold_shared.wgsl"),
            Fold::Subgroups => include_str!("../../../../../../shaders/fold_subgroups.wgsl"),
        }
    }
}

/// How a kernel knows its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbered {
    /// They are a tile of an array.
    Tile,
    /// By a list of their numbers.
    Listed,
}

impl Numbered {
    /// What gives `place_of` and `number_of`.
    pub(super) const fn wgsl(self) -> &'static str {
        match self {
            Numbered::Tile => include_str!("../../../../../../shaders/tile_cells.wgsl"),
            Numbered::Listed => include_str!("../../../../../../shaders/listed_cells.wgsl"),
        }
    }
}

/// Which kernel drives cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driving {
    /// A tile of an array, all cells alike, nothing recorded: the programming of a campaign.
    Program,
    /// Listed cells, all alike, nothing recorded.
    Silent,
    /// Listed cells, all alike, and what passes and what is caught is recorded.
    Recorded,
    /// As the two before, of cells that differ in bias or temperature.
    ApartSilent,
    ApartRecorded,
}

impl Driving {
    /// All of them.
    pub const ALL: [Driving; 5] =
        [Driving::Program, Driving::Silent, Driving::Recorded, Driving::ApartSilent, Driving::ApartRecorded];
}
