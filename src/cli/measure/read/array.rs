//! Which array is read: a material's, anyone's conductances, a part of a record.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ndarray::Array2;
use trapline::array::ArrayShape;
use trapline::campaign;
use trapline::experiment::array_read::{self, Cells, MaterialCells, Pattern};
use trapline::experiment::pulse::Train;
use trapline::outcome::CampaignLabel;
use trapline::record;
use trapline::units::kelvin;
use trapline::{memory, options, toml_file};

use super::super::{Failure, Ready, Specimen, amounts};
use super::bytes_of_cells;
use super::numbers::{self, File, SIEMENS};
use crate::cli::reading::{self, Extent};
use trapline::experiment::array_read::selector::{self, Selector};

/// Which cells of a fresh array the pulses go to.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Written {
    /// Every cell
    All,
    /// None: the array stays as it was made
    None,
    /// Each with a chance of a half, by the seed
    Half,
    /// Every second one
    Checkerboard,
}

impl From<Written> for Pattern {
    fn from(written: Written) -> Pattern {
        match written {
            Written::All => Pattern::All,
            Written::None => Pattern::None,
            Written::Half => Pattern::Half,
            Written::Checkerboard => Pattern::Checkerboard,
        }
    }
}

/// What a cell passes at other voltages than the read bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LawOfCells {
    /// Its conductance at the read bias, times the voltage
    Linear,
    /// What the material passes at the voltage, by the cell's filling
    Material,
}

/// What only cells that are made here have: their pulses, their chance, their electrons.
const MADE_HERE: [&str; 9] =
    ["rows", "cols", "written", "amplitude", "width", "interval", "count", "no_variation", "electrons"];
/// What cells without a material have not.
const OF_MATERIALS: [&str; 3] = ["record", "material", "law"];

/// The array.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// Conductances in S, 0 for an open cell: a row of the array a line, separated by commas (or
    /// semicolons, tabs or blanks), or an HDF5 file with a dataset
    /// of rows by columns
    #[arg(long, value_name = "FILE", conflicts_with_all = MADE_HERE.iter().copied().chain(OF_MATERIALS))]
    pub(super) conductance: Option<PathBuf>,
    /// The dataset of the conductances in their HDF5 file [default: the only one it may be]
    #[arg(long, value_name = "PATH", requires = "conductance")]
    dataset: Option<String>,
    /// A campaign's record with [dump]: its cells at --temperature and --time
    #[arg(long, value_name = "H5", conflicts_with_all = MADE_HERE)]
    pub(super) record: Option<PathBuf>,
    /// Number of the record's point, where a sweep has several of the material at the temperature
    #[arg(long, value_name = "N", requires = "record")]
    point: Option<usize>,
    /// Time after programming of the record's cells, s
    #[arg(long, value_name = "S", value_parser = amounts::seconds, default_value_t = 0.0, requires = "record")]
    time: f64,
    /// Rows of an array of the material's cells [default: 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_LINES))]
    rows: Option<u64>,
    /// Columns of it [default: as many as rows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_LINES))]
    cols: Option<u64>,
    /// Which of its cells get the pulses
    #[arg(long, value_enum, value_name = "WHICH", default_value = "half")]
    written: Written,
    /// What its cells pass at other voltages than the read bias
    #[arg(long, value_enum, value_name = "LAW", default_value = "linear")]
    law: LawOfCells,
    /// A selector in series with each cell: sinh:A,V for A sinh(U/V), exp:A,V for A (exp(U/V) - 1), or a file of
    /// voltages in V and currents in A, a point a line, both rising
    #[arg(long, value_name = "LAW", value_parser = selector::parse)]
    selector: Option<Selector>,
}

/// Most rows or columns of an array that is made here: cells have numbers of 32 bits.
const MOST_LINES: u64 = 65_535;
/// Bytes of a cell while it is programmed, measured: its number, its occupancies, what its drives answer; and with its
/// filling and its law.
const BYTES_MADE: u128 = 300;
const BYTES_WITH_LAW: u128 = 450;

/// What is said of cells that keep the law of their material.
const BY_LAW: &str = ", by its law of current";

/// An array, and what is known of it.
pub(super) struct Taken {
    pub(super) cells: Cells,
    pub(super) what: String,
    /// At which it is read, K.
    pub(super) temperature_k: f64,
}

impl Source {
    /// Files that are read.
    pub(super) fn inputs(&self) -> Vec<PathBuf> {
        let selector = self.selector.as_ref().and_then(Selector::file);
        [self.conductance.clone(), self.record.clone(), selector].into_iter().flatten().collect()
    }

    /// Whether it is made of a material, here or in a campaign.
    pub(super) fn is_of_material(&self) -> bool {
        self.conductance.is_none()
    }

    /// Whether its cells are made here and get no pulses.
    pub(super) fn is_unwritten(&self) -> bool {
        self.conductance.is_none() && self.record.is_none() && matches!(self.written, Written::None)
    }

    /// The array; `read_v` is the bias at which its cells are read, V.
    pub(super) fn take(
        &self,
        ready: &Ready,
        specimen: &Specimen,
        read_v: f64,
        train: &Train,
    ) -> Result<Taken, Failure> {
        let selector = self.selector.as_ref().map(Selector::curve).transpose().map_err(Failure::Usage)?;
        let mut taken = if let Some(path) = &self.conductance {
            self.of_anyone(path, specimen)?
        } else if let Some(path) = &self.record {
            self.of_record(path, ready, specimen, read_v)?
        } else {
            self.of_material(ready, specimen, train)?
        };
        taken.cells.selector = selector;
        if let Some(selector) = &self.selector {
            taken.what = format!("{}, selectors ({})", taken.what, selector.in_words());
        }
        Ok(taken)
    }

    /// Whether currents are proportional to voltages.
    pub(super) fn is_linear(&self) -> bool {
        self.law == LawOfCells::Linear && self.selector.is_none()
    }

    fn of_anyone(&self, path: &Path, specimen: &Specimen) -> Result<Taken, Failure> {
        let file = File { path, dataset: self.dataset.as_deref(), option: "--dataset", lists: false, unit: SIEMENS };
        let (conductance_s, name) = numbers::matrix(&file, |shape| self.affordable(shape, 0))?;
        Ok(Taken { cells: Cells::linear(conductance_s), what: name, temperature_k: kelvin(specimen.celsius()) })
    }

    fn of_material(&self, ready: &Ready, specimen: &Specimen, train: &Train) -> Result<Taken, Failure> {
        let rows = self.rows.unwrap_or(64);
        let shape = ArrayShape { rows, cols: self.cols.unwrap_or(rows) };
        let own_law = self.law == LawOfCells::Material;
        let made = if own_law { BYTES_WITH_LAW } else { BYTES_MADE };
        self.affordable((shape.rows as usize, shape.cols as usize), made)?;
        let (backend, material) = (ready.backend.as_ref(), &ready.material);
        let pattern = (self.written.into(), train);
        let cells = array_read::programmed(backend, material, ready.conditions, shape, pattern, own_law)?;
        let law = if own_law { BY_LAW } else { "" };
        Ok(Taken {
            cells,
            what: format!("{} at {} °C{law}", material.name, specimen.celsius()),
            temperature_k: kelvin(specimen.celsius()),
        })
    }

    /// Cells that a campaign wrote one by one.
    fn of_record(&self, path: &Path, ready: &Ready, specimen: &Specimen, read_v: f64) -> Result<Taken, Failure> {
        reading::survive(path, Extent::Everything)?;
        let recorded = record::open_campaign(path)?;
        let refuse = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
        let (name, celsius) = (&ready.material.name, specimen.celsius());
        let is_meant = |place: &usize| {
            let point = &recorded.label.point(*place);
            let temperature_k = recorded.label.temperatures_k[point.temperature_index];
            recorded.label.materials[point.material_index].0 == *name && (temperature_k - kelvin(celsius)).abs() < 1e-6
        };
        let meant: Vec<usize> = (0..recorded.points.len()).filter(is_meant).collect();
        let numbers = || meant.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let place = match (self.point, &meant[..]) {
            (_, []) => {
                return Err(refuse(format!("no point is of {name} at {celsius} °C; it has others: trapline show")));
            }
            (Some(number), _) if meant.contains(&number) => number,
            (Some(number), _) => {
                return Err(refuse(format!(
                    "--point is {number}; it must be one of {name} at {celsius} °C: {}",
                    numbers()
                )));
            }
            (None, [only]) => *only,
            (None, _) => {
                return Err(refuse(format!(
                    "{} points are of {name} at {celsius} °C, one for each place of its sweeps ({}); name one by --point {}",
                    meant.len(),
                    numbers(),
                    meant[0]
                )));
            }
        };
        let settings = &recorded.label.settings[place];
        let own_law = self.law == LawOfCells::Material;
        // Conductance is the same at either sign of the bias.
        if !own_law && (settings.read_v.abs() / read_v.abs() - 1.0).abs() > 1e-9 {
            return Err(refuse(format!(
                "its cells were read at {} V, and --read-bias is {read_v} V: give --read-bias {}, or --law material for \
                 what they pass at other voltages",
                settings.read_v, settings.read_v
            )));
        }
        let none = || refuse("it holds no cells one by one; add [dump] to the campaign and run it again".to_owned());
        let window = recorded.label.dump.ok_or_else(none)?;
        let times_s = &recorded.label.times_s;
        let at = times_s.iter().position(|t| (t - self.time).abs() <= 1e-9 * self.time.abs());
        let at =
            at.ok_or_else(|| refuse(format!("no checkpoint is at {} s; it has others: trapline show", self.time)))?;
        // The dump of a point has three numbers of 4 bytes for each time; a law takes five of 8 beside it.
        let more = 12 * times_s.len() as u128 + if own_law { 40 } else { 0 };
        self.affordable((window.rows as usize, window.cols as usize), more)?;
        let dump = record::read_dump(&recorded, place)?.ok_or_else(none)?;
        let plane = |of: &ndarray::Array3<f32>| of.index_axis(ndarray::Axis(0), at).mapv(f64::from);
        let conductance_s = plane(&dump.conductance_s);
        let (cells, law) = if own_law {
            let material = campaign::material_of(&recorded.label, place).map_err(refuse)?;
            let seen = (settings.read_v, &conductance_s);
            let law = MaterialCells::seen(&material, settings.read_k, &plane(&dump.filling), seen);
            let at_read_v = Cells::linear(law.conductance_s(read_v));
            (Cells { material: Some(law), ..at_read_v }, BY_LAW)
        } else {
            (Cells::linear(conductance_s), "")
        };
        // A campaign programs all of them alike.
        let written = Some(Array2::from_elem(cells.conductance_s.dim(), true));
        let cells = Cells { written, ..cells };
        let (time_s, places) = (self.time, swept(&recorded.label, place));
        let what = format!("{name} at {celsius} °C, {time_s} s after programming{places}{law}");
        Ok(Taken { cells, what, temperature_k: settings.read_k })
    }

    /// An array that fits into memory; `more` bytes of each cell are needed before it is solved.
    fn affordable(&self, (rows, cols): (usize, usize), more: u128) -> Result<(), Failure> {
        let cells = rows as u128 * cols as u128;
        let needed = bytes_of_cells(rows, cols, self.is_linear()).max(more.saturating_mul(cells));
        let what = format!("an array of {rows} x {cols}, {cells} cells,");
        options::afford(&what, needed, memory::available(), "read a part of it, or on a larger machine")
    }
}

/// What the sweeps of a campaign are set to at a point, behind a comma; nothing where there are none.
fn swept(label: &CampaignLabel, place: usize) -> String {
    let point = label.point(place);
    let each = label.sweeps.iter().zip(&point.sweep_index);
    each.map(|(sweep, &at)| format!(", {} = {}", sweep.name, toml_file::shown(&sweep.coordinate.text(at)))).collect()
}
