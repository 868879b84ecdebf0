//! The campaign file as it is written: TOML keys and their types. Limits are checked afterwards.
//!
//! `campaigns/bake.toml` has every key with a comment. Unknown keys are refused everywhere. In the structures below
//! an `Option` may be left out; integers are read as signed ones, so that a negative number is told its limit, not
//! its type.

use serde::Deserialize;
use trapline_model::array::wire::Metal;
use trapline_model::material::Material;
use trapline_model::protocol::{LegFile, PartFile};
use trapline_model::protocol::{QualificationFile, StudyFile};

/// Version of the file format this program reads.
pub const FORMAT: i64 = 1;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignFile {
    /// [`FORMAT`].
    pub format: i64,
    /// 1 to 64 characters; the record's name where the command line gives none.
    pub name: String,
    /// 0 to 2^63 - 1.
    pub seed: i64,
    /// Added to the seed, 0 where it is left out: a second key for it, so that two sweeps can change it together.
    pub seed_offset: Option<i64>,
    /// Whether cells differ from one another.
    pub variation: bool,
    /// Whether the cells of a seed are the same at every temperature; each has its own where it is left out.
    pub same_cells: Option<bool>,
    /// How the electrons of the cells are taken: counted where it is left out, and there are not too many.
    pub electrons: Option<ElectronsFile>,
    /// How many dots a cell has where they are counted: a Poisson number where it is left out.
    pub dots: Option<DotsFile>,
    pub array: ArrayFile,
    /// Cells that are warmer in the bake than others; all are alike where it is left out.
    pub heat: Option<HeatFile>,
    pub material: Vec<MaterialFile>,
    pub program: Option<ProgramFile>,
    pub bake: BakeFile,
    pub read: Option<ReadFile>,
    pub failure: Option<FailureFile>,
    pub histogram: Option<HistogramFile>,
    pub report: Option<ReportFile>,
    pub qualification: Option<QualificationFile>,
    pub study: Option<StudyFile>,
    pub dump: Option<DumpFile>,
    pub physics: Option<PhysicsFile>,
    pub sweep: Option<Vec<SweepFile>>,
}

/// `electrons`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElectronsFile {
    /// Occupancies are real numbers: the limit of very many dots.
    MeanField,
    /// Each cell owns whole dots and whole electrons.
    Counted,
    /// And each dot has a depth and a speed of its own.
    EachDot,
}

impl ElectronsFile {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            ElectronsFile::MeanField => "mean-field",
            ElectronsFile::Counted => "counted",
            ElectronsFile::EachDot => "each-dot",
        }
    }
}

/// `dots`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DotsFile {
    /// A Poisson number about the nominal one.
    Poisson,
    /// The nominal one, rounded.
    Fixed,
}

impl DotsFile {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            DotsFile::Poisson => "poisson",
            DotsFile::Fixed => "fixed",
        }
    }
}

/// `[[sweep]]`: an axis of the campaign beside material and temperature.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepFile {
    /// Name of the axis; the last part of the key where there is one key alone.
    pub name: Option<String>,
    /// A key of this file; `material.` stands for every material, `parameter.` for a key of every material's own file.
    pub key: Option<String>,
    /// Keys that change together.
    pub keys: Option<Vec<String>>,
    /// A value for each place of the axis; for several keys a list of one value a key.
    pub values: Option<Vec<toml::Value>>,
    /// Whole numbers, both ends included, in the place of `values`.
    pub from: Option<i64>,
    pub to: Option<i64>,
    /// What stands on the axis where the values would not read well.
    pub labels: Option<Vec<String>>,
}

/// `[array]`: 1 to 2^20 rows and columns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrayFile {
    pub rows: i64,
    pub cols: i64,
    /// Read through wires at the report times, beside cell by cell.
    pub wires: Option<WiresFile>,
    /// One cell is read among the others; needs wires.
    pub scheme: Option<SchemeFile>,
    /// Cells are programmed through the wires, under the scheme; each by itself where it is left out.
    pub programming: Option<ProgrammingFile>,
    /// One cell is written among the others; needs the scheme.
    pub write: Option<WriteFile>,
}

/// `[array.wires]`: what lines resist from cell to cell, those of words and of bits alike or each by itself, and what is
/// read of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WiresFile {
    pub segment_ohm: Option<f64>,
    pub metal: Option<Metal>,
    pub width_nm: Option<f64>,
    pub thickness_nm: Option<f64>,
    /// Twice the width where it is left out.
    pub segment_nm: Option<f64>,
    pub word: Option<LineFile>,
    pub bit: Option<LineFile>,
    /// Of each driven word line and each bit line, 0 where they are left out.
    pub source_ohm: Option<f64>,
    pub sense_ohm: Option<f64>,
    /// Whether lines are connected at both ends; at one where it is left out.
    pub both_ends: Option<bool>,
    /// Random vectors that products are taken of, 0 to 1000; none where it is left out.
    pub vectors: Option<i64>,
    /// Time of a reading; 10 ms where it is left out.
    pub integration_s: Option<f64>,
    /// Bound of the errors of currents over the total current; 1e-6 where it is left out.
    pub accuracy: Option<f64>,
}

/// `array.wires.word` and `array.wires.bit`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineFile {
    pub segment_ohm: Option<f64>,
    pub metal: Option<Metal>,
    pub width_nm: Option<f64>,
    pub thickness_nm: Option<f64>,
    pub segment_nm: Option<f64>,
}

/// `[array.scheme]`: how the other lines are held while one cell is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemeFile {
    pub unselected: UnselectedFile,
    /// Random patterns of the other cells, 0 to 1000, beside the one with all of them on; 1 where it is left out.
    pub patterns: Option<i64>,
    /// In series with each cell: `sinh:A,V`, `exp:A,V`, or a file of voltages and currents.
    pub selector: Option<String>,
}

/// `[array.programming]`: how lines are selected while the array is programmed through its wires.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgrammingFile {
    /// Row by row where it is left out.
    pub order: Option<OrderFile>,
    /// Largest error of a step in time, 1e-8 to 0.1: of a filling, over the largest change of one; 1e-3 where it is
    /// left out.
    pub tolerance: Option<f64>,
}

/// `array.programming.order`: the cells that are selected together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderFile {
    /// One after another.
    Cells,
    /// A row after another.
    Rows,
    /// The whole array at once.
    All,
    /// Each cell by itself, under the full bias, as without the table.
    Alone,
}

/// `[array.write]`: the pulse of a write, and how often every other cell is written.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteFile {
    pub amplitude_v: f64,
    pub width_s: f64,
    pub writes: i64,
}

/// `array.scheme.unselected`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnselectedFile {
    /// At 0 V.
    Grounded,
    /// Connected to nothing.
    Floating,
    /// At half the bias.
    Half,
    /// Word lines at a third of it, bit lines at two thirds.
    Third,
    /// A switch at every cell.
    Isolated,
}

/// `[heat]`: a map of temperatures, by which cells are warmer in the bake than others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatFile {
    /// A record of `trapline heat`, or a `.csv` in °C; relative to the campaign file.
    pub map: String,
    /// Each cell is baked as much warmer than the point's temperature as the map is than this one.
    pub around_c: f64,
}

/// `[[material]]`: a material and what is done to its cells before the bake.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaterialFile {
    /// A shipped name, or a path relative to the campaign file: with a slash, or ending in `.toml`.
    #[serde(rename = "use")]
    pub name_or_path: String,
    /// In order of time; at least one.
    pub program: Vec<PartFile>,
}

/// `[program]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramFile {
    /// The bake temperature where it is left out.
    pub temperature_c: Option<f64>,
    /// Equal parts every segment is stepped in, 1 to 64; found from the segment's stiffness where it is left out.
    pub substeps: Option<i64>,
}

/// `[bake]`: temperatures, and one time axis: `times_s`, or `from_s` and `to_s` with `per_octave` or `points`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BakeFile {
    pub temperatures_c: Vec<f64>,
    /// Ascending.
    pub times_s: Option<Vec<f64>>,
    pub from_s: Option<f64>,
    pub to_s: Option<f64>,
    /// Points per doubling, at `from_s 2^(i/n)`, and one at `to_s`.
    pub per_octave: Option<i64>,
    /// Points from `from_s` to `to_s`, evenly in log(t).
    pub points: Option<i64>,
    /// What the temperature does, again and again: a leg that names no temperature is at the point's. Constant where
    /// it is left out.
    pub cycle: Option<Vec<LegFile>>,
    /// How often; for ever where it is left out. The temperature of the last leg holds on.
    pub cycles: Option<i64>,
}

/// `[read]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadFile {
    /// 0.1 V where it is left out.
    pub bias_v: Option<f64>,
    /// The bake temperature where it is left out.
    pub temperature_c: Option<f64>,
}

/// `[failure]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureFile {
    /// More than 0, at most 1; 0.9 where it is left out.
    pub kept_below: f64,
    /// Readings that judge cells; they are judged by what they keep where it is left out.
    pub as_read: Option<AsReadFile>,
}

/// `failure.as_read`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsReadFile {
    /// Time of a reading.
    pub integration_s: f64,
    /// From the first failing reading on where it is left out.
    pub judge: Option<JudgeFile>,
}

/// `failure.as_read.judge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeFile {
    /// A cell has failed from its first failing reading on.
    First,
    /// By the reading at the checkpoint alone.
    This,
}

/// `[histogram]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistogramFile {
    /// 1 to 256; 64 where it is left out.
    pub bins: i64,
}

/// `[report]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportFile {
    /// Join the time axis. Where they are left out: those of 1e3, 1e4 and 1e5 s that lie within it.
    pub times_s: Vec<f64>,
}

/// `[dump]`: a window of the array of which every cell is recorded.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DumpFile {
    pub first_row: i64,
    pub first_col: i64,
    pub rows: i64,
    pub cols: i64,
}

/// `[physics]`: false switches a process off in every material; true leaves it as the material has it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhysicsFile {
    pub matrix_relaxation: Option<bool>,
    pub thermal_broadening: Option<bool>,
}

impl PhysicsFile {
    /// Sets a process by its key, as a sweep does; other keys change nothing.
    pub fn set(&mut self, key: &str, on: bool) {
        match key {
            "physics.matrix_relaxation" => self.matrix_relaxation = Some(on),
            "physics.thermal_broadening" => self.thermal_broadening = Some(on),
            _ => {}
        }
    }

    /// What is left of a material without the processes that are switched off.
    pub fn left_of(&self, material: Material) -> Material {
        let mut left = if self.matrix_relaxation == Some(false) { material.without_matrix() } else { material };
        left.injection.thermal_broadening &= self.thermal_broadening != Some(false);
        left
    }
}
