//! What host and shaders share: buffers, constants and the parameters of a dispatch, each written once, here; the
//! rows of the tables are those of [`crate::backend::rows`].
//!
//! The WGSL of the structures, bindings and constants is generated from these lists and put in front of every
//! kernel ([`header`]); a test holds the structures' offsets against naga's own reflection.

use crate::backend::constants;
use crate::backend::job::{Job, MAX_BINS, STIFF_ITERATIONS};
use crate::backend::rows::device_struct;
use crate::backend::stimulus::RESPONSE_QUANTITIES;
use crate::backend::tables::{CellTables, MOST_EVENTS, NOT_RECORDED, Tables};
use crate::backend::tally::{BLOCK_CELLS, CHUNK_CELLS, counters};
use std::fmt::Write;
use trapline_model::cell::charge;
use trapline_model::cell::counted::{self, DotNumber, Electrons};
use trapline_model::cell::narrowing;
use trapline_model::cell::read::{PROGRAMMED_FILLING, QUANTITIES};
use trapline_model::cell::tabulated::{LawTables, TableHeader};
use trapline_model::material::MAX_CLASSES;
use trapline_model::protocol::MAX_LEGS;
use trapline_model::rng::{NORMAL_TABLE_LEN, counts};
use trapline_model::units::ELEMENTARY_CHARGE_C;

pub use crate::backend::rows::{ClassRow, NominalRow, SegmentRow, VisitRow};

/// Floats a block hands over per checkpoint: sum, square, min and -max of each quantity.
pub const SLOTS: u64 = 4 * QUANTITIES as u64;
/// Stands for no value where the least is sought; every reading is far below it.
const HUGE: f32 = 3e38;
/// Number of a workgroup that has nothing to do: its first cell is beyond those of any tile.
const NO_GROUP: u64 = u32::MAX as u64 / BLOCK_CELLS;

device_struct! {
    /// What a dispatch is told.
    Params {
        seed_low: u32, seed_high: u32,
        /// Cell of the tile's first row and column 0 of its window.
        first_low: u32, first_high: u32,
        /// Where in its window's row the tile starts; width and stride as in `CellSet`.
        column: u32, width: u32, stride: u32,
        /// Cells and blocks of the tile.
        count: u32, blocks: u32,
        checkpoints: u32, bins: u32,
        first_segment: u32, last_segment: u32, first_visit: u32, last_visit: u32,
        free_share: f32, open: f32, trap_filled_v: f32, onset_v: f32,
        program_background: f32, bake_background: f32,
        size_sd: f32, area_sd: f32, trap_filled_sd: f32, speed_sd: f32,
        direct: f32, hopping: f32, kept_threshold: f32,
        conductance_low: f32, conductance_per_unit: f32,
        filling_low: f32, filling_per_unit: f32, kept_low: f32, kept_per_unit: f32,
        /// Workgroups of this dispatch.
        first_group: u32, last_group: u32,
        traps: f32,
        /// Of a profile; 0 of a constant bake.
        temperatures: u32,
        /// Cells the state has room for: the stride of its arrays.
        cells: u32,
        /// Of listed cells: where the dispatch starts, and whether it goes by chosen places.
        first_place: u32, chosen: u32,
        /// Where electrons are counted: of what happens in the bake, the most trials that the tables of draws serve, and
        /// whether cells have the nominal number of dots.
        bake_seed_low: u32, bake_seed_high: u32, most_trials: u32, fixed_dots: u32,
        /// Where the numbers of listed cells in a bake lie, words.
        numbers_at: u32,
        /// Of readings that judge cells: as [`crate::backend::tables::Readings`] has it.
        reading_noise: f32,
        /// Mean speed of the empty dots by the filling: coefficients of [`crate::backend::tables::CellTables::mean_speed`].
        mean_speed_0: f32, mean_speed_1: f32, mean_speed_2: f32, mean_speed_3: f32,
        mean_speed_4: f32, mean_speed_5: f32, mean_speed_6: f32, mean_speed_7: f32,
        /// The filling from which on it stays.
        mean_speed_top: f32,
    }
}

/// How a kernel sees a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Uniform,
    Read,
    ReadWrite,
}

/// Buffers by number: name, access, WGSL type.
pub const BINDINGS: [(&str, Access, &str); 16] = [
    ("params", Access::Uniform, "Params"),
    ("normal_table", Access::Read, "array<i32>"),
    ("classes", Access::Read, "array<ClassRow>"),
    ("segments", Access::Read, "array<SegmentRow>"),
    ("visits", Access::Read, "array<VisitRow>"),
    ("nominal", Access::Read, "array<NominalRow>"),
    ("factors", Access::ReadWrite, "array<f32>"),
    ("occupancy", Access::ReadWrite, "array<f32>"),
    ("partials", Access::ReadWrite, "array<f32>"),
    ("sums", Access::ReadWrite, "array<f32>"),
    ("counts", Access::ReadWrite, "array<atomic<u32>>"),
    ("cells", Access::ReadWrite, "array<f32>"),
    ("cell_numbers", Access::Read, "array<u32>"),
    ("responses", Access::ReadWrite, "array<f32>"),
    ("laws", Access::Uniform, "array<TableHeader, MAX_LAWS>"),
    ("tables", Access::Read, "array<vec4<f32>>"),
];

/// Laws of bias and temperature, in the order of their headers; those of thermal escape from each class come after
/// them.
pub const LAWS: [&str; 9] = [
    "INJECTED",
    "HEAT",
    "OFFERED_POSITIVE",
    "OFFERED_NEGATIVE",
    "HOPPING",
    "HOPPING_HEAT",
    "FIELD",
    "BACKGROUND",
    "PER_EV",
];

/// Headers of the tables, in the order of [`LAWS`].
pub fn laws(tables: &LawTables) -> [TableHeader; LAWS.len() + MAX_CLASSES] {
    let LawTables { injected, heat, offered_positive, offered_negative, hopping, hopping_heat, field, .. } = tables;
    let shared = [injected, heat, offered_positive, offered_negative, hopping, hopping_heat, field];
    let mut all = [TableHeader::default(); LAWS.len() + MAX_CLASSES];
    let given = shared.into_iter().chain([&tables.background, &tables.per_ev]).chain(&tables.thermal);
    all.iter_mut().zip(given).for_each(|(to, from)| *to = *from);
    all
}

/// Number of the buffer that the loop-counting variant of a kernel reports to.
pub const TICKS_BINDING: u32 = BINDINGS.len() as u32;
/// Its name.
pub const TICKS: &str = "most_ticks";

/// Number of a buffer by name; a name that is not in [`BINDINGS`] has none.
pub fn binding(name: &str) -> Option<u32> {
    BINDINGS.iter().position(|(known, _, _)| *known == name).map(|i| i as u32)
}

/// Everything the kernels expect in front of them.
pub fn header(classes: usize, count_loops: bool) -> String {
    let mut text = String::from("// Generated: constants, structures and buffers that host and shaders share.\n");
    let constants = [
        ("CLASSES", classes.max(1) as u64),
        ("QUANTITIES", QUANTITIES as u64),
        ("BLOCK", BLOCK_CELLS),
        ("CHUNK_BLOCKS", CHUNK_CELLS / BLOCK_CELLS),
        ("MAX_COUNTERS", counters(MAX_BINS) as u64),
        ("SLOTS", SLOTS),
        ("NO_GROUP", NO_GROUP),
        ("RESPONSE_QUANTITIES", RESPONSE_QUANTITIES as u64),
        ("NOT_RECORDED", u64::from(NOT_RECORDED)),
        ("STIFF_ITERATIONS", u64::from(STIFF_ITERATIONS)),
        ("MAX_LEGS", MAX_LEGS as u64),
        ("PARTS", u64::from(charge::PARTS)),
        ("MAX_LAWS", (LAWS.len() + MAX_CLASSES) as u64),
        ("LAW_THERMAL", LAWS.len() as u64),
        ("MAX_CLASSES", MAX_CLASSES as u64),
        ("NORMAL_TABLE_WORDS", NORMAL_TABLE_LEN as u64),
        ("DIGITS", u64::from(counts::DIGITS)),
        ("LAWS", u64::from(counts::LAWS)),
        ("MOST_ZEROS", u64::from(counts::MOST_ZEROS)),
        ("EQUAL", u64::from(counts::EQUAL)),
        ("FEW", u64::from(counts::FEW)),
        ("LEAST_EXPONENT", u64::from(counts::LEAST_EXPONENT)),
        ("CALL_BITS", u64::from(counts::CALL_BITS)),
        ("PLENTY_CALL", u64::from(counts::PLENTY_CALL)),
        ("FEW_CALL", u64::from(counts::FEW_CALL)),
        ("TIE_CALL", u64::from(counts::TIE_CALL)),
        ("MOST_SCARCE", u64::from(counts::MOST_SCARCE)),
        ("FIRST_WORDS", u64::from(counted::FIRST_WORDS)),
        ("FIRST_WORDS_EACH", u64::from(counted::FIRST_WORDS_EACH)),
        ("EVENT_CATCHES", u64::from(counted::CATCHES)),
        ("EVENT_LETS_GO", u64::from(counted::LETS_GO)),
        ("EVENT_CORRECTS", u64::from(counted::CORRECTS)),
    ];
    for (name, value) in constants {
        let _ = writeln!(text, "const {name}: u32 = {value}u;");
    }
    for (number, law) in LAWS.iter().enumerate() {
        let _ = writeln!(text, "const LAW_{law}: u32 = {number}u;");
    }
    let polynomial = constants::EXPM1_OVER_R.iter().enumerate().map(|(i, c)| (format!("EXPM1_{i}"), *c));
    let limits = [
        ("LOG2_E", std::f32::consts::LOG2_E),
        ("LN2_HIGH", constants::LN2_HIGH),
        ("LN2_LOW", constants::LN2_LOW),
        ("EXP_LIMIT", constants::EXP_LIMIT),
        ("NEAR", constants::NEAR),
        ("HUGE", HUGE),
        ("MOST_EVENTS", MOST_EVENTS),
        ("PROGRAMMED_FILLING", PROGRAMMED_FILLING as f32),
        ("PER_CHARGE", (1.0 / ELEMENTARY_CHARGE_C) as f32),
        ("EARLY_POINT", charge::POINTS[0] as f32),
        ("LATE_POINT", charge::POINTS[1] as f32),
        ("MOST_RELAXATION", charge::MOST_RELAXATION as f32),
        ("FRAC_2_PI", std::f32::consts::FRAC_2_PI),
        ("SHORT", narrowing::SHORT as f32),
    ];
    for (name, value) in polynomial.chain(limits.map(|(name, value)| (name.to_owned(), value))) {
        // Rust prints the shortest decimal that reads back as the same f32.
        let _ = writeln!(text, "const {name}: f32 = {value:e}f;");
    }
    for wgsl in [Params::WGSL, ClassRow::WGSL, SegmentRow::WGSL, VisitRow::WGSL, NominalRow::WGSL, TableHeader::WGSL] {
        text.push_str(wgsl);
    }
    for (number, (name, access, kind)) in BINDINGS.iter().enumerate() {
        let space = match access {
            Access::Uniform => "uniform",
            Access::Read => "storage, read",
            Access::ReadWrite => "storage, read_write",
        };
        let _ = writeln!(text, "@group(0) @binding({number}) var<{space}> {name}: {kind};");
    }
    if count_loops {
        let _ = writeln!(text, "@group(0) @binding({TICKS_BINDING}) var<storage, read_write> {TICKS}: atomic<u32>;");
        text.push_str("var<private> ticks: u32;\nfn tick() {\n    ticks += 1u;\n}\n");
        text.push_str("fn report_ticks() {\n    atomicMax(&most_ticks, ticks);\n}\n");
    } else {
        text.push_str("fn tick() {}\nfn report_ticks() {}\n");
    }
    text
}

/// The parameters of cells that do not change from dispatch to dispatch.
pub fn cell_params(seed: u64, cell: &CellTables) -> Params {
    let [
        mean_speed_0,
        mean_speed_1,
        mean_speed_2,
        mean_speed_3,
        mean_speed_4,
        mean_speed_5,
        mean_speed_6,
        mean_speed_7,
    ] = cell.mean_speed;
    Params {
        seed_low: seed as u32,
        seed_high: (seed >> 32) as u32,
        free_share: cell.free_share,
        open: cell.open,
        trap_filled_v: cell.trap_filled_v,
        onset_v: cell.onset_v,
        program_background: cell.program_background,
        size_sd: cell.size_sd,
        area_sd: cell.area_sd,
        trap_filled_sd: cell.trap_filled_sd,
        speed_sd: cell.speed_sd,
        traps: cell.traps,
        most_trials: cell.most_trials,
        mean_speed_0,
        mean_speed_1,
        mean_speed_2,
        mean_speed_3,
        mean_speed_4,
        mean_speed_5,
        mean_speed_6,
        mean_speed_7,
        mean_speed_top: cell.mean_speed_top,
        fixed_dots: u32::from(cell.electrons == Electrons::Counted(DotNumber::Fixed)),
        ..Params::default()
    }
}

/// The parameters of a job that do not change from dispatch to dispatch.
pub fn params(job: &Job, tables: &Tables) -> Params {
    let [conductance, filling, kept] = tables.histograms;
    Params {
        checkpoints: job.times_s.len() as u32,
        bins: tables.bins,
        bake_background: tables.bake_background,
        direct: tables.direct,
        hopping: tables.hopping,
        kept_threshold: tables.kept_threshold,
        reading_noise: tables.readings.map_or(0.0, |readings| readings.noise),
        conductance_low: conductance.low,
        conductance_per_unit: conductance.per_unit,
        filling_low: filling.low,
        filling_per_unit: filling.per_unit,
        kept_low: kept.low,
        kept_per_unit: kept.per_unit,
        temperatures: tables.profile.len() as u32,
        bake_seed_low: job.bake_seed() as u32,
        bake_seed_high: (job.bake_seed() >> 32) as u32,
        ..cell_params(job.seed, &tables.cell)
    }
}

/// Class rows; an array without traps gets one class that holds nothing.
pub fn classes(cell: &CellTables) -> Vec<ClassRow> {
    cell.rows[..cell.classes.max(1)].to_vec()
}

/// Segment rows; at least one, because a buffer cannot be empty.
pub fn segments(cell: &CellTables) -> Vec<SegmentRow> {
    if cell.segments.is_empty() { vec![SegmentRow::default()] } else { cell.segments.clone() }
}

/// Class rows of a job: of a profile those of each temperature, one after another.
pub fn job_classes(tables: &Tables) -> Vec<ClassRow> {
    if !tables.has_profile() {
        return classes(&tables.cell);
    }
    tables.profile.iter().flat_map(|rows| &rows[..tables.cell.classes.max(1)]).copied().collect()
}
