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

/// One kernel: functions that others have too, how classes empty where it bakes, and its body.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// Stem of its body's file in `shaders/`, and `_profile` where temperatures change.
    pub name: &'static str,
    pub entry_point: &'static str,
    prologue: &'static [&'static str],
    decay: Option<Decay>,
    body: &'static str,
    /// Buffers it touches, by name.
    pub buffers: &'static [&'static str],
    pub over: Over,
    /// Whether its counting variant reports: those whose loops are a fixed few do not.
    pub reports_ticks: bool,
}

impl Kernel {
    /// Bakes cells and reduces what is read of them.
    pub const fn bake(decay: Decay) -> Kernel {
        Kernel {
            name: match decay {
                Decay::Constant => "bake",
                Decay::Profile => "bake_profile",
            },
            entry_point: "bake",
            prologue: &[PHILOX, MATH, CELL, DECAY, FOLD],
            decay: Some(decay),
            body: include_str!("../../../../../shaders/bake.wgsl"),
            buffers: &["params", "classes", "visits", "nominal", "variation", "occupancy", "partials", "counts"],
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
            decay: Some(decay),
            body: include_str!("../../../../../shaders/read.wgsl"),
            buffers: &["params", "classes", "visits", "variation", "occupancy", "cells"],
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
        for part in self.prologue.iter().copied().chain(self.decay.map(Decay::wgsl)).chain([self.body]) {
            text.push('\n');
            text.push_str(part);
        }
        text
    }
}

pub const DRAW: Kernel = Kernel {
    name: "draw",
    entry_point: "draw",
    prologue: &[PHILOX, NORMAL, MATH, CELL, VARY],
    decay: None,
    body: include_str!("../../../../../shaders/draw.wgsl"),
    buffers: &["params", "normal_table", "variation", "occupancy"],
    over: Over::Cells,
    reports_ticks: false,
};
pub const PROGRAM: Kernel = Kernel {
    name: "program",
    entry_point: "program",
    prologue: &[PHILOX, NORMAL, MATH, CELL, VARY, STEP],
    decay: None,
    body: include_str!("../../../../../shaders/program.wgsl"),
    buffers: &["params", "normal_table", "classes", "segments", "variation", "occupancy"],
    over: Over::Cells,
    reports_ticks: true,
};
pub const REDUCE: Kernel = Kernel {
    name: "reduce",
    entry_point: "reduce_chunks",
    prologue: &[PHILOX, CELL, FOLD],
    decay: None,
    body: include_str!("../../../../../shaders/reduce.wgsl"),
    buffers: &["params", "partials", "sums"],
    over: Over::ChunkSlots,
    reports_ticks: true,
};
pub const STIMULATE: Kernel = Kernel {
    name: "stimulate",
    entry_point: "stimulate",
    prologue: &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, CHARGE],
    decay: None,
    body: include_str!("../../../../../shaders/stimulate.wgsl"),
    buffers: &["params", "normal_table", "classes", "segments", "cell_numbers", "occupancy", "responses"],
    over: Over::Cells,
    reports_ticks: true,
};
pub const STIMULUS: [Kernel; 1] = [STIMULATE];

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
    [DRAW, PROGRAM, REDUCE, STIMULATE].into_iter().chain(baking)
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

/// Loop iterations of one segment, from above: its own, emissions, the draw's rounds, and per substep its equation and the update.
pub fn program_loops(classes: usize, segment: &SegmentRow) -> u64 {
    let k = classes.max(1) as u64;
    let root = root_loops(k, segment.iterations);
    1 + u64::from(trapline_model::rng::PHILOX_ROUNDS) + k + u64::from(segment.substeps) * (1 + root + k)
}

/// Loop iterations of a stimulating dispatch before its first segment: the draw's rounds, rates and occupancies.
pub fn stimulate_start_loops(classes: usize) -> u64 {
    u64::from(trapline_model::rng::PHILOX_ROUNDS) + 3 * classes.max(1) as u64
}

/// Loop iterations of one segment of a stimulus, from above: as in a programming, a look after it, and at each substep the electrons
/// caught; and the charge that passes, two fillings of a substep, or of each piece with its own emissions, equation and update.
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
