//! The kernels: which files make one, and which buffers it touches.
//!
//! A [`Kernel`] is put together from functions that others have too, from parts that are chosen (`choices`) and from
//! its own body. How many loop iterations it takes is bounded in `loops`.

mod choices;
mod loops;
mod soiled;

pub use choices::{Carriers, Decay, Driving, Fold, Judges, Numbered, Over};
pub use loops::{
    MAX_LOOPS, bake_start_loops, draw_loops, program_loops, program_start_loops, read_loops, reduce_loops,
    stimulate_loops, visit_loops,
};
pub use soiled::soiled;

use super::layout::{self, Params, SLOTS};
use crate::backend::tables::Tables;
use crate::backend::tally::{BLOCK_CELLS, CHUNK_CELLS};

/// Whether wgpu puts a bound of its own on the loops of kernels. It keeps drivers from unrolling short ones, and takes
/// up to a third of the instructions of a turn; all loops end by construction, see [`super`]'s `device`.
pub const FORCE_LOOP_BOUNDING: bool = false;
/// Whether wgpu has the memory of workgroups filled with zeros before a kernel begins: where the driver cannot, one
/// invocation stores one word after another while the others wait. Kernels write what they read.
pub const ZERO_INITIALIZE_WORKGROUP_MEMORY: bool = false;

const PHILOX: &str = include_str!("../../../../../shaders/philox.wgsl");
const NORMAL: &str = include_str!("../../../../../shaders/normal.wgsl");
const MATH: &str = include_str!("../../../../../shaders/math.wgsl");
const CELL: &str = include_str!("../../../../../shaders/cell.wgsl");
const VARY: &str = include_str!("../../../../../shaders/vary.wgsl");
const STEP: &str = include_str!("../../../../../shaders/step.wgsl");
const TRAIN: &str = include_str!("../../../../../shaders/train.wgsl");
const CHARGE: &str = include_str!("../../../../../shaders/charge.wgsl");
const DECAY: &str = include_str!("../../../../../shaders/decay.wgsl");
const READING: &str = include_str!("../../../../../shaders/reading.wgsl");
const FOLD: &str = include_str!("../../../../../shaders/fold.wgsl");

/// One kernel: functions that others have too, parts that were chosen, and its body.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// Stem of its body's file in `shaders/`, and what was chosen.
    pub name: &'static str,
    pub entry_point: &'static str,
    prologue: &'static [&'static str],
    /// Parts of which there are several to choose from.
    chosen: [&'static str; 4],
    body: &'static str,
    /// How it folds blocks, if it does.
    pub fold: Option<Fold>,
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

/// Buffers of the kernels that bake and reduce; the last is of cells whose electrons are counted, or that readings
/// judge.
const BAKED: [&str; 9] =
    ["params", "classes", "visits", "nominal", "factors", "occupancy", "partials", "counts", "normal_table"];
const COUNTS: &str = include_str!("../../../../../shaders/counts.wgsl");
const COUNTED: &str = include_str!("../../../../../shaders/counted.wgsl");
const COUNTED_DECAY: &str = include_str!("../../../../../shaders/counted_decay.wgsl");
const MEAN_FIELD: &str = include_str!("../../../../../shaders/mean_field.wgsl");
const EMPTY_COUNTED: &str = include_str!("../../../../../shaders/empty_counted.wgsl");
const EMPTY_MEAN_FIELD: &str = include_str!("../../../../../shaders/empty_mean_field.wgsl");

/// What kernels that bake need; those that judge their cells fold too.
const fn decay_prologue(carriers: Carriers, judges: Option<Judges>) -> &'static [&'static str] {
    match (carriers, judges) {
        (Carriers::MeanField, None) => &[PHILOX, MATH, CELL, DECAY],
        (Carriers::MeanField, Some(Judges::Kept)) => &[PHILOX, MATH, CELL, DECAY, FOLD],
        (Carriers::MeanField, Some(_)) => &[PHILOX, NORMAL, MATH, CELL, DECAY, FOLD, READING],
        (Carriers::Counted, None) => &[PHILOX, MATH, CELL, COUNTS],
        (Carriers::Counted, Some(Judges::Kept)) => &[PHILOX, MATH, CELL, COUNTS, FOLD],
        (Carriers::Counted, Some(_)) => &[PHILOX, NORMAL, MATH, CELL, COUNTS, FOLD, READING],
    }
}

const fn decay_parts(
    decay: Decay,
    carriers: Carriers,
    judges: Option<Judges>,
    numbered: Numbered,
) -> [&'static str; 4] {
    let numbers = match (carriers, judges, numbered) {
        (Carriers::MeanField, None | Some(Judges::Kept), _) => "",
        (_, _, Numbered::Tile) => numbered.wgsl(),
        (_, _, Numbered::Listed) => include_str!("../../../../../shaders/baked_cells.wgsl"),
    };
    let loses = match carriers {
        Carriers::MeanField => decay.lose_wgsl(),
        Carriers::Counted => COUNTED_DECAY,
    };
    let judging = match judges {
        None => "",
        Some(judges) => judges.wgsl(),
    };
    [decay.wgsl(), loses, numbers, judging]
}

impl Kernel {
    /// Draws what distinguishes cells, and empties them.
    pub const fn draw(numbered: Numbered, carriers: Carriers) -> Kernel {
        let counted = matches!(carriers, Carriers::Counted);
        let (name, buffers): (_, &'static [&'static str]) = match (numbered, counted) {
            (Numbered::Tile, false) => ("draw", &["params", "normal_table", "factors", "occupancy"]),
            (Numbered::Tile, true) => ("draw_counted", &["params", "normal_table", "classes", "factors", "occupancy"]),
            (Numbered::Listed, false) => {
                ("draw_listed", &["params", "normal_table", "cell_numbers", "factors", "occupancy"])
            }
            (Numbered::Listed, true) => {
                ("draw_listed_counted", &["params", "normal_table", "classes", "cell_numbers", "factors", "occupancy"])
            }
        };
        let (counts, empty) = if counted { (COUNTS, EMPTY_COUNTED) } else { ("", EMPTY_MEAN_FIELD) };
        Kernel {
            name,
            entry_point: "draw",
            prologue: &[PHILOX, NORMAL, MATH, CELL, VARY],
            chosen: [numbered.wgsl(), counts, empty, ""],
            body: include_str!("../../../../../shaders/draw.wgsl"),
            fold: None,
            buffers,
            over: Over::Cells,
            reports_ticks: false,
        }
    }

    /// Moves cells through segments of constant bias.
    pub const fn drive(driving: Driving, carriers: Carriers) -> Kernel {
        let counted = matches!(carriers, Carriers::Counted);
        let (names, numbered, laws, record) = match driving {
            Driving::Program => (["program", "program_counted"], Numbered::Tile, ALIKE, SILENT),
            Driving::Silent => (["drive", "drive_counted"], Numbered::Listed, ALIKE, SILENT),
            Driving::Recorded => (["drive_recorded", "drive_recorded_counted"], Numbered::Listed, ALIKE, RECORDING),
            Driving::ApartSilent => (["drive_apart", "drive_apart_counted"], Numbered::Listed, APART, SILENT),
            Driving::ApartRecorded => {
                (["drive_apart_recorded", "drive_apart_recorded_counted"], Numbered::Listed, APART, RECORDING)
            }
        };
        Kernel {
            name: names[counted as usize],
            entry_point: "drive",
            prologue: match (driving, counted) {
                (Driving::Program | Driving::Silent, false) => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, TRAIN],
                (Driving::Recorded, false) => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, TRAIN, CHARGE],
                (Driving::ApartSilent, false) => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, TRAIN, TABLES],
                (Driving::ApartRecorded, false) => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, TRAIN, CHARGE, TABLES],
                (Driving::Program | Driving::Silent, true) => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, TRAIN, COUNTS],
                (Driving::Recorded, true) => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, TRAIN, CHARGE, COUNTS],
                (Driving::ApartSilent, true) => &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, TRAIN, TABLES, COUNTS],
                (Driving::ApartRecorded, true) => {
                    &[PHILOX, NORMAL, MATH, CELL, VARY, STEP, TRAIN, CHARGE, TABLES, COUNTS]
                }
            },
            chosen: [numbered.wgsl(), laws, record, if counted { COUNTED } else { MEAN_FIELD }],
            body: include_str!("../../../../../shaders/drive.wgsl"),
            fold: None,
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

    /// Bakes cells, reduces what is read of them, and counts those that have failed.
    pub const fn bake(decay: Decay, carriers: Carriers, judges: Judges, numbered: Numbered) -> Kernel {
        // Cells in the mean field that are judged by what they keep need no number.
        let names = match (decay, judges) {
            (Decay::Constant, Judges::Kept) => ["bake", "bake", "bake_counted", "bake_listed_counted"],
            (Decay::Constant, Judges::Reading) => {
                ["bake_reading", "bake_listed_reading", "bake_counted_reading", "bake_listed_counted_reading"]
            }
            (Decay::Constant, Judges::First) => {
                ["bake_first", "bake_listed_first", "bake_counted_first", "bake_listed_counted_first"]
            }
            (Decay::Profile, Judges::Kept) => {
                ["bake_profile", "bake_profile", "bake_profile_counted", "bake_profile_listed_counted"]
            }
            (Decay::Profile, Judges::Reading) => [
                "bake_profile_reading",
                "bake_profile_listed_reading",
                "bake_profile_counted_reading",
                "bake_profile_listed_counted_reading",
            ],
            (Decay::Profile, Judges::First) => [
                "bake_profile_first",
                "bake_profile_listed_first",
                "bake_profile_counted_first",
                "bake_profile_listed_counted_first",
            ],
        };
        let buffers: &'static [&'static str] = match (carriers, judges) {
            (Carriers::MeanField, Judges::Kept) => BAKED.split_at(8).0,
            _ => &BAKED,
        };
        Kernel {
            name: names[2 * carriers as usize + numbered as usize],
            entry_point: "bake",
            prologue: decay_prologue(carriers, Some(judges)),
            chosen: decay_parts(decay, carriers, Some(judges), numbered),
            body: include_str!("../../../../../shaders/bake.wgsl"),
            fold: Some(Fold::Shared),
            buffers,
            over: Over::Cells,
            reports_ticks: true,
        }
    }

    /// Bakes cells and writes out what is read of each.
    pub const fn read(decay: Decay, carriers: Carriers) -> Kernel {
        let names = match decay {
            Decay::Constant => ["read", "read_counted"],
            Decay::Profile => ["read_profile", "read_profile_counted"],
        };
        let buffers: &'static [&'static str] =
            &["params", "classes", "visits", "factors", "occupancy", "cells", "normal_table"];
        let counted = matches!(carriers, Carriers::Counted);
        Kernel {
            name: names[counted as usize],
            entry_point: "read_cells",
            prologue: decay_prologue(carriers, None),
            chosen: decay_parts(decay, carriers, None, Numbered::Tile),
            body: include_str!("../../../../../shaders/read.wgsl"),
            fold: None,
            buffers: if counted { buffers } else { buffers.split_at(6).0 },
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

    /// The same kernel, folding blocks, if it does, in this way.
    pub fn folding(self, fold: Fold) -> Kernel {
        Kernel { fold: self.fold.map(|_| fold), ..self }
    }

    /// The kernel's whole text for a number of classes; the counting variant reports its loop iterations.
    pub fn wgsl(&self, classes: usize, count_loops: bool) -> String {
        let mut text = layout::header(classes, count_loops);
        let fold = self.fold.map_or("", Fold::wgsl);
        for part in self.prologue.iter().copied().chain(self.chosen).chain([fold, self.body]) {
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
    chosen: [""; 4],
    body: include_str!("../../../../../shaders/reduce.wgsl"),
    fold: None,
    buffers: &["params", "partials", "sums"],
    over: Over::ChunkSlots,
    reports_ticks: true,
};

/// Folds given numbers, to compare ways to do it.
pub const FOLD_PROBE: Kernel = Kernel {
    name: "fold_probe",
    entry_point: "fold_probe",
    prologue: &[PHILOX, CELL, FOLD],
    chosen: [""; 4],
    body: include_str!("../../../../../shaders/fold_probe.wgsl"),
    fold: Some(Fold::Shared),
    buffers: &["params", "factors", "partials"],
    over: Over::Cells,
    reports_ticks: true,
};

/// The kernels of a job's statistics, in the order a tile runs them.
pub fn of_statistics(tables: &Tables) -> [Kernel; 4] {
    let carriers = Carriers::of(&tables.cell);
    let bake = Kernel::bake(Decay::of(tables), carriers, Judges::of(tables), Numbered::Tile);
    [Kernel::draw(Numbered::Tile, carriers), Kernel::drive(Driving::Program, carriers), bake, REDUCE]
}

/// The kernels that read a job's cells one by one, in the order a tile runs them.
pub fn of_trace(tables: &Tables) -> [Kernel; 3] {
    let carriers = Carriers::of(&tables.cell);
    let read = Kernel::read(Decay::of(tables), carriers);
    [Kernel::draw(Numbered::Tile, carriers), Kernel::drive(Driving::Program, carriers), read]
}

/// All kernels.
pub fn kernels() -> impl Iterator<Item = Kernel> {
    let of = |carriers| {
        let baking = Decay::ALL.into_iter().flat_map(move |decay| {
            let baked = Judges::ALL.map(|judges| Kernel::bake(decay, carriers, judges, Numbered::Tile));
            baked.into_iter().chain([Kernel::read(decay, carriers)])
        });
        let drawing = [Kernel::draw(Numbered::Tile, carriers), Kernel::draw(Numbered::Listed, carriers)];
        drawing.into_iter().chain(Driving::ALL.map(|driving| Kernel::drive(driving, carriers))).chain(baking)
    };
    let listed = Carriers::ALL.into_iter().flat_map(|carriers| {
        let baked = move |decay| Judges::ALL.map(|judges| Kernel::bake(decay, carriers, judges, Numbered::Listed));
        Decay::ALL.into_iter().flat_map(baked)
    });
    // Those of the mean field that need no number are the tile's.
    let mut names = std::collections::HashSet::new();
    let all = Carriers::ALL.into_iter().flat_map(of).chain(listed).chain([REDUCE]);
    all.filter(move |kernel| names.insert(kernel.name))
}
