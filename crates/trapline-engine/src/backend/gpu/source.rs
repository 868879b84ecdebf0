//! The kernels: which files make one, which buffers it touches, how many loop iterations it takes.
//!
//! llvmpipe ends all loops of an invocation silently after 65,535 iterations together. [`program_loops`] and
//! the others bound them from above, a test counts them on the device, and long protocols are split into dispatches
//! of at most [`MAX_LOOPS`].

use super::layout::{self, Params, SLOTS};
use crate::backend::job::MAX_BINS;
use crate::backend::tables::{SegmentRow, Tables};
use crate::backend::tally::{BLOCK_CELLS, CHUNK_CELLS, counters};

/// Loop iterations of one invocation a dispatch may take: half of what llvmpipe allows.
pub const MAX_LOOPS: u64 = 32_768;

const PHILOX: &str = include_str!("../../../../../shaders/philox.wgsl");
const NORMAL: &str = include_str!("../../../../../shaders/normal.wgsl");
const MATH: &str = include_str!("../../../../../shaders/math.wgsl");
const CELL: &str = include_str!("../../../../../shaders/cell.wgsl");
const VARY: &str = include_str!("../../../../../shaders/vary.wgsl");
const STEP: &str = include_str!("../../../../../shaders/step.wgsl");
const CHARGE: &str = include_str!("../../../../../shaders/charge.wgsl");
const DECAY: &str = include_str!("../../../../../shaders/decay.wgsl");
const CONSTANT: &str = include_str!("../../../../../shaders/constant.wgsl");
const PROFILE: &str = include_str!("../../../../../shaders/profile.wgsl");
const FOLD: &str = include_str!("../../../../../shaders/fold.wgsl");

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

    /// What gives `set_rate`, `checkpoint_of` and `lose`.
    const fn wgsl(self) -> &'static str {
        match self {
            Decay::Constant => CONSTANT,
            Decay::Profile => PROFILE,
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
    const fn wgsl(self) -> &'static str {
        match self {
            Numbered::Tile => include_str!("../../../../../shaders/tile_cells.wgsl"),
            Numbered::Listed => include_str!("../../../../../shaders/listed_cells.wgsl"),
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

/// One kernel: functions that others have too, parts that were chosen, and its body.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// Stem of its body's file in `shaders/`, and what was chosen.
    pub name: &'static str,
    pub entry_point: &'static str,
    prologue: &'static [&'static str],
    /// Parts of which there are several to choose from.
    chosen: [&'static str; 3],
    body: &'static str,
    /// Buffers it touches, by name.
    pub buffers: &'static [&'static str],
    pub over: Over,
    /// Whether its counting variant reports: those whose loops are a fixed few do not.
    pub reports_ticks: bool,
}

const SILENT: &str = include_str!("../../../../../shaders/silent.wgsl");
const RECORDING: &str = include_str!("../../../../../shaders/recording.wgsl");
const TABLES: &str = include_str!("../../../../../shaders/tables.wgsl");
const APART: &str = include_str!("../../../../../shaders/apart.wgsl");

/// Buffers of the kernels that drive listed cells; the last is the recording one's.
const DRIVEN: [&str; 8] =
    ["params", "normal_table", "classes", "segments", "cell_numbers", "factors", "occupancy", "responses"];
const DRIVEN_APART: [&str; 10] = [
    "params",
    "normal_table",
    "classes",
    "segments",
    "cell_numbers",
    "factors",
    "occupancy",
    "laws",
    "tables",
    "responses",
];
const ALIKE: &str = include_str!("../../../../../shaders/alike.wgsl");

impl Kernel {
    /// Draws what distinguishes cells, and empties them.
    pub const fn draw(numbered: Numbered) -> Kernel {
        let (name, buffers): (_, &'static [&'static str]) = match numbered {
            Numbered::Tile => ("draw", &["params", "normal_table", "factors", "occupancy"]),
            Numbered::Listed => ("draw_listed", &["params", "normal_table", "cell_numbers", "factors", "occupancy"]),
        };
        Kernel {
            name,
            entry_point: "draw",
            prologue: &[PHILOX, NORMAL, MATH, CELL, VARY],
            chosen: [numbered.wgsl(), "", ""],
            body: include_str!("../../../../../shaders/draw.wgsl"),
            buffers,
            over: Over::Cells,
            reports_ticks: false,
        }
    }

    /// Moves cells through segments of constant bias.
    pub const fn drive(driving: Driving) -> Kernel {
        let (name, numbered, laws, record) = match driving {
            Driving::Program => ("program", Numbered::Tile, ALIKE, SILENT),
            Driving::Silent => ("drive", Numbered::Listed, ALIKE, SILENT),
            Driving::Recorded => ("drive_recorded", Numbered::Listed, ALIKE, RECORDING),
            Driving::ApartSilent => ("drive_apart", Numbered::Listed, APART, SILENT),
            Driving::ApartRecorded => ("drive_apart_recorded", Numbered::Listed, APART, RECORDING),
        };
        Kernel {
            name,
            entry_point: "drive",
            prologue: match driving {
                Driving::Program | Driving::Silent => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP],
                Driving::Recorded => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, CHARGE],
                Driving::ApartSilent => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, TABLES],
                Driving::ApartRecorded => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, CHARGE, TABLES],
            },
            chosen: [numbered.wgsl(), laws, record],
            body: include_str!("../../../../../shaders/drive.wgsl"),
            buffers: match driving {
                Driving::Program => &["params", "normal_table", "classes", "segments", "factors", "occupancy"],
                Driving::Silent => DRIVEN.split_at(7).0,
                Driving::Recorded => DRIVEN.split_at(8).0,
                Driving::ApartSilent => DRIVEN_APART.split_at(9).0,
                Driving::ApartRecorded => &DRIVEN_APART,
            },
            over: Over::Cells,
            reports_ticks: true,
        }
    }

    /// Bakes cells and reduces what is read of them.
    pub const fn bake(decay: Decay) -> Kernel {
        Kernel {
            name: match decay {
                Decay::Constant => "bake",
                Decay::Profile => "bake_profile",
            },
            entry_point: "bake",
            prologue: &[PHILOX, MATH, CELL, DECAY, FOLD],
            chosen: [decay.wgsl(), "", ""],
            body: include_str!("../../../../../shaders/bake.wgsl"),
            buffers: &["params", "classes", "visits", "nominal", "factors", "occupancy", "partials", "counts"],
            over: Over::Cells,
            reports_ticks: true,
        }
    }

    /// Bakes cells and writes out what is read of each.
    pub const fn read(decay: Decay) -> Kernel {
        Kernel {
            name: match decay {
                Decay::Constant => "read",
                Decay::Profile => "read_profile",
            },
            entry_point: "read_cells",
            prologue: &[PHILOX, MATH, CELL, DECAY],
            chosen: [decay.wgsl(), "", ""],
            body: include_str!("../../../../../shaders/read.wgsl"),
            buffers: &["params", "classes", "visits", "factors", "occupancy", "cells"],
            over: Over::Cells,
            reports_ticks: true,
        }
    }

    /// Invocations a tile takes.
    pub fn invocations(&self, params: &Params) -> u64 {
        let chunks = u64::from(params.blocks).div_ceil(CHUNK_CELLS / BLOCK_CELLS);
        match self.over {
            Over::Cells => u64::from(params.count),
            Over::ChunkSlots => chunks * u64::from(params.checkpoints) * SLOTS,
        }
    }

    /// The kernel's whole text for a number of classes; the counting variant reports its loop iterations.
    pub fn wgsl(&self, classes: usize, count_loops: bool) -> String {
        let mut text = layout::header(classes, count_loops);
        for part in self.prologue.iter().copied().chain(self.chosen).chain([self.body]) {
            text.push('\n');
            text.push_str(part);
        }
        text
    }
}

pub const REDUCE: Kernel = Kernel {
    name: "reduce",
    entry_point: "reduce_chunks",
    prologue: &[PHILOX, CELL, FOLD],
    chosen: [""; 3],
    body: include_str!("../../../../../shaders/reduce.wgsl"),
    buffers: &["params", "partials", "sums"],
    over: Over::ChunkSlots,
    reports_ticks: true,
};
/// Of a tile of an array, and of listed cells.
pub const DRAW: Kernel = Kernel::draw(Numbered::Tile);
pub const PROGRAM: Kernel = Kernel::drive(Driving::Program);
pub const DRAW_LISTED: Kernel = Kernel::draw(Numbered::Listed);
pub const DRIVE_LISTED: Kernel = Kernel::drive(Driving::Silent);
pub const STIMULATE: Kernel = Kernel::drive(Driving::Recorded);
pub const DRIVE_APART: Kernel = Kernel::drive(Driving::ApartSilent);
pub const STIMULATE_APART: Kernel = Kernel::drive(Driving::ApartRecorded);
pub const STIMULUS: [Kernel; 3] = [DRAW_LISTED, DRIVE_LISTED, STIMULATE];

/// The kernels of a job's statistics, in the order a tile runs them.
pub fn of_statistics(tables: &Tables) -> &'static [Kernel; 4] {
    const fn of(decay: Decay) -> [Kernel; 4] {
        [DRAW, PROGRAM, Kernel::bake(decay), REDUCE]
    }
    static CONSTANT: [Kernel; 4] = of(Decay::Constant);
    static PROFILE: [Kernel; 4] = of(Decay::Profile);
    match Decay::of(tables) {
        Decay::Constant => &CONSTANT,
        Decay::Profile => &PROFILE,
    }
}

/// The kernels that read a job's cells one by one, in the order a tile runs them.
pub fn of_trace(tables: &Tables) -> &'static [Kernel; 3] {
    const fn of(decay: Decay) -> [Kernel; 3] {
        [DRAW, PROGRAM, Kernel::read(decay)]
    }
    static CONSTANT: [Kernel; 3] = of(Decay::Constant);
    static PROFILE: [Kernel; 3] = of(Decay::Profile);
    match Decay::of(tables) {
        Decay::Constant => &CONSTANT,
        Decay::Profile => &PROFILE,
    }
}

/// All kernels.
pub fn kernels() -> impl Iterator<Item = Kernel> {
    let baking = Decay::ALL.into_iter().flat_map(|decay| [Kernel::bake(decay), Kernel::read(decay)]);
    [DRAW, DRAW_LISTED, REDUCE].into_iter().chain(Driving::ALL.map(Kernel::drive)).chain(baking)
}

/// Loop iterations of a draw: the rounds of the random words, and the classes.
pub fn draw_loops(classes: usize) -> u64 {
    u64::from(trapline_model::rng::PHILOX_ROUNDS) + classes.max(1) as u64
}

/// Loop iterations of a programming dispatch before its first segment.
pub fn program_start_loops(classes: usize) -> u64 {
    2 * classes.max(1) as u64
}

/// Loop iterations of a substep's equation, from above: the sums, and its iterations over all classes.
fn root_loops(classes: u64, iterations: u32) -> u64 {
    if iterations == 0 { 0 } else { 2 * classes + u64::from(iterations) * (1 + classes) }
}

/// Loop iterations of one segment, from above: its own, emissions, the draw's rounds, and per substep its equation
/// and the update.
pub fn program_loops(classes: usize, segment: &SegmentRow) -> u64 {
    let k = classes.max(1) as u64;
    let root = root_loops(k, segment.iterations);
    1 + u64::from(trapline_model::rng::PHILOX_ROUNDS) + k + u64::from(segment.substeps) * (1 + root + k)
}

/// Loop iterations of one segment of a stimulus, from above: as in a programming, a look after it, and at each
/// substep the electrons caught; and the charge that passes, two fillings of a substep, or of each piece with its own
/// emissions, equation and update.
pub fn stimulate_loops(classes: usize, segment: &SegmentRow) -> u64 {
    let k = classes.max(1) as u64;
    let pieces = u64::from(segment.pieces) * (1 + k + root_loops(k, segment.piece_iterations) + 2 * k + k);
    program_loops(classes, segment) + k + u64::from(segment.substeps) * (k + 2 * k) + pieces
}

/// Loop iterations over the classes, and over the temperatures of each.
fn decay_loops(tables: &Tables) -> u64 {
    tables.cell.classes.max(1) as u64 * (1 + tables.profile.len() as u64)
}

/// Loop iterations of a baking dispatch before its first visit.
pub fn bake_start_loops(tables: &Tables) -> u64 {
    decay_loops(tables) + tables.cell.classes.max(1) as u64
}

/// Loop iterations of one visit that is written out.
pub fn read_loops(tables: &Tables) -> u64 {
    1 + decay_loops(tables)
}

/// Loop iterations of one visit that is reduced, from above.
pub fn visit_loops(tables: &Tables) -> u64 {
    let folders = BLOCK_CELLS / SLOTS;
    let flush = (counters(MAX_BINS) as u64).div_ceil(BLOCK_CELLS);
    1 + decay_loops(tables) + BLOCK_CELLS / folders + flush + folders
}

/// Loop iterations of a fold of a chunk: its eights, and the blocks of each.
pub fn reduce_loops() -> u64 {
    (CHUNK_CELLS / BLOCK_CELLS).div_ceil(8) * 8
}
