//! How warm an array gets: a map of power and one of the ambient make one of temperatures.
//!
//! The physics is [`trapline_engine::heat`]'s. Here is where power comes from (a number, a table, a material at a bias, a reading
//! of `trapline read`), and what is told of the result. Other experiments take the map by [`temperature_map`].

use ndarray::{Array2, Array3, ArrayView2, Axis};
use std::path::{Path, PathBuf};
use trapline_engine::heat::{Chip, HeatError, Solver, check_map};
use trapline_model::cell::current::current_a;
use trapline_model::csv_file;
use trapline_model::csv_file::CsvError;
use trapline_model::dataset::Dataset;
use trapline_model::material::Material;
use trapline_model::units::kelvin;
use trapline_record::{RecordError, cells_of, read_datasets, read_temperature_map};

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    pub chip: Chip,
    /// Of each cell, W. Shape: (rows, columns).
    pub power_w: Array2<f64>,
    /// Of each cell without power, K.
    pub ambient_k: Array2<f64>,
    /// Times after the power was switched on, s, at which temperatures are told besides.
    pub times_s: Vec<f64>,
    /// How long the power is on in these, s; for good, where there is none.
    pub on_s: Option<f64>,
    /// Whether the substrate's heat capacity is known: settled temperatures need none, and without it no time
    /// constant is told.
    pub knows_capacity: bool,
}

/// Most numbers of maps at times: a gigabyte.
const MOST_AT_TIMES: usize = 1 << 27;
/// Least and largest time, s.
const TIMES_S: (f64, f64) = (1e-12, 1e12);

/// Why there is no map.
#[derive(Debug, thiserror::Error)]
pub enum HeatMapError {
    #[error(transparent)]
    Heat(#[from] HeatError),
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("{} holds {} x {} cells; the array has {} x {}", path.display(), found.0, found.1, needed.0, needed.1)]
    Shape { path: PathBuf, found: (usize, usize), needed: (usize, usize) },
    #[error("{}: {source}", path.display())]
    InFile { path: PathBuf, source: HeatError },
    #[error("a time is {seconds:?} s; it must be {:e} to {:e} s", TIMES_S.0, TIMES_S.1)]
    Time { seconds: f64 },
    #[error("{times} times of {cells} cells are too many to be held; ask for at most {} times", MOST_AT_TIMES / cells)]
    Times { times: usize, cells: usize },
    #[error(
        "neither the sheet nor the substrate has a heat capacity, so that no time passes until they are warm; give one"
    )]
    NoCapacity,
}

/// Temperatures of an array.
#[derive(Debug, Clone, PartialEq)]
pub struct Heated {
    pub setup: Setup,
    /// What the array's own power adds to each cell in the end, K.
    pub rise_k: Array2<f64>,
    /// The same at each of the times, K. Shape: (time, row, column).
    pub rise_after_k: Array3<f64>,
    /// Slowest time constant of the array as a whole, s.
    pub time_constant_s: Option<f64>,
}

/// Heats an array.
///
/// # Errors
/// [`HeatMapError`].
pub fn run(setup: Setup) -> Result<Heated, HeatMapError> {
    let (rows, cols) = setup.power_w.dim();
    let solver = Solver::new(&setup.chip, rows, cols)?;
    check_map(setup.ambient_k.view(), (rows, cols))?;
    let time_constant_s = setup.chip.time_constant_s().filter(|_| setup.knows_capacity);
    let times = setup.times_s.len();
    if times.saturating_mul(rows * cols) > MOST_AT_TIMES {
        return Err(HeatMapError::Times { times, cells: rows * cols });
    }
    let wrong = setup.times_s.iter().chain(&setup.on_s).find(|s| !(TIMES_S.0..=TIMES_S.1).contains(*s));
    if let Some(seconds) = wrong {
        return Err(HeatMapError::Time { seconds: *seconds });
    }
    if times > 0 && time_constant_s.is_none() {
        return Err(HeatMapError::NoCapacity);
    }
    let heating = solver.heating(setup.power_w.view())?;
    let mut rise_after_k = Array3::zeros((times, rows, cols));
    for (seconds, mut map) in setup.times_s.iter().zip(rise_after_k.axis_iter_mut(Axis(0))) {
        map.assign(&heating.pulse_k(*seconds, setup.on_s.unwrap_or(f64::INFINITY)));
    }
    let rise_k = heating.steady_k();
    Ok(Heated { rise_k, rise_after_k, time_constant_s, setup })
}

impl Heated {
    /// Of each cell, settled, K.
    pub fn temperature_k(&self) -> Array2<f64> {
        &self.setup.ambient_k + &self.rise_k
    }

    /// The warmest cell, settled: row and column. Where the ambient is the same for all, the one that the power of
    /// all warms most, to the last digit of what it adds.
    pub fn warmest(&self) -> (usize, usize) {
        let ambient_k = &self.setup.ambient_k;
        let even = ambient_k.iter().all(|kelvin| *kelvin == ambient_k[[0, 0]]);
        if even { largest(self.rise_k.view()) } else { largest(self.temperature_k().view()) }
    }

    /// The power of all cells, W.
    pub fn total_w(&self) -> f64 {
        self.setup.power_w.sum()
    }

    /// Power of each powered cell, W on average, at which the one that is warmed most is warmed by 1 K, if all have
    /// as much more: temperatures are in proportion. Infinite without power.
    pub fn power_for_one_kelvin_w(&self) -> f64 {
        let powered = self.setup.power_w.iter().filter(|watts| **watts > 0.0).count();
        self.total_w() / powered.max(1) as f64 / self.rise_k[largest(self.rise_k.view())]
    }

    /// All of it as named arrays.
    pub fn dataset(&self, name: &str, title: &str) -> Dataset {
        let mut dataset = Dataset::new(name, title);
        let numbers = |count: usize| (0..count).map(|number| number as f64).collect::<Vec<f64>>();
        let (rows, cols) = self.rise_k.dim();
        dataset.axis("row", "1", "word line", &numbers(rows));
        dataset.axis("column", "1", "bit line", &numbers(cols));
        let cells = ["row", "column"];
        for (name, unit, long_name, values) in [
            ("temperature_k", "K", "temperature of the cell, settled", self.temperature_k()),
            ("power_w", "W", "power of the cell", self.setup.power_w.clone()),
            ("ambient_k", "K", "temperature of the cell without power", self.setup.ambient_k.clone()),
            ("rise_k", "K", "what power adds to it", self.rise_k.clone()),
        ] {
            dataset.real(name, &cells, unit, long_name, values.into_dyn());
        }
        if !self.setup.times_s.is_empty() {
            dataset.axis("time", "s", "time after the power was switched on", &self.setup.times_s);
            let rises_k = self.rise_after_k.clone().into_dyn();
            dataset.real("rise_after_k", &["time", "row", "column"], "K", "what power has added by then", rises_k);
        }
        for (key, text) in self.remarks() {
            dataset.note(key, text);
        }
        dataset
    }

    fn remarks(&self) -> Vec<(&'static str, String)> {
        let Chip { sheet, substrate, air_w_per_m2_k, pitch_m, margin } = self.setup.chip;
        let mut remarks = vec![
            ("substrate_thickness_m", format!("{:e}", substrate.thickness_m)),
            ("substrate_conductivity_w_per_m_k", format!("{:e}", substrate.conductivity_w_per_m_k)),
            ("sheet_thickness_m", format!("{:e}", sheet.thickness_m)),
            ("sheet_conductivity_w_per_m_k", format!("{:e}", sheet.conductivity_w_per_m_k)),
            ("sheet_capacity_j_per_m3_k", format!("{:e}", sheet.capacity_j_per_m3_k)),
            ("air_w_per_m2_k", format!("{air_w_per_m2_k:e}")),
            ("pitch_m", format!("{pitch_m:e}")),
            ("margin_cells", margin.to_string()),
            ("power_of_all_cells_w", format!("{:e}", self.total_w())),
        ];
        if self.setup.knows_capacity {
            remarks.push(("substrate_capacity_j_per_m3_k", format!("{:e}", substrate.capacity_j_per_m3_k)));
        }
        if let Some(on_s) = self.setup.on_s {
            remarks.push(("power_on_s", format!("{on_s:e}")));
        }
        if let Some(seconds) = self.time_constant_s {
            remarks.push(("time_constant_s", format!("{seconds:e}")));
        }
        remarks
    }
}

/// Where the largest number of a map stands, the first of several.
fn largest(map: ArrayView2<'_, f64>) -> (usize, usize) {
    map.indexed_iter().fold((0, 0), |most, (at, value)| if *value > map[most] { at } else { most })
}

/// Power of the nominal cell of a material at a bias, W, with all traps filled: the most it takes, since filled traps let more
/// pass.
pub fn power_of_material_w(material: &Material, bias_v: f64, temperature_k: f64) -> f64 {
    (bias_v * current_a(material, bias_v, temperature_k, 1.0)).abs()
}

/// Power of each cell, W, from a table: a row of the array a line.
///
/// # Errors
/// [`HeatMapError::Csv`].
pub fn power_of_table(path: &Path) -> Result<Array2<f64>, HeatMapError> {
    Ok(csv_file::matrix(path)?)
}

/// Power of each cell, W, from a reading that `trapline read -o` recorded: |I V|. That of its wires, of which the record has the sum, is
/// spread evenly over the cells.
///
/// # Errors
/// [`HeatMapError::Record`] for a file that is no such record.
pub fn power_of_reading(path: &Path) -> Result<Array2<f64>, HeatMapError> {
    let record = read_datasets(path)?;
    let limit = "of each cell, as `trapline read -o` writes it";
    let group = record.get("read").ok_or_else(|| RecordError::Unsuited {
        path: path.to_owned(),
        what: "the group read".to_owned(),
        found: "not in this file".to_owned(),
        limit: "there, as `trapline read -o` writes it".to_owned(),
    })?;
    let cells = |variable: &str| cells_of(path, group, variable, limit);
    let (current_a, word_v, bit_v) = (cells("cell_current_a")?, cells("word_v")?, cells("bit_v")?);
    let wires_w = group.remark("power_of_wires_w").and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    let each_w = wires_w / current_a.len().max(1) as f64;
    // Lines without a cell that conducts have no potential, and their cells no current.
    Ok(Array2::from_shape_fn(current_a.dim(), |at| {
        let amperes = current_a[at];
        each_w + if amperes == 0.0 { 0.0 } else { (amperes * (word_v[at] - bit_v[at])).abs() }
    }))
}

/// A temperature of each cell of an array of a shape, or of any where there is none, K, from a file: one that
/// `trapline heat -o` wrote, or, where its name ends in `.csv`, a table in degrees Celsius, a row of the array a
/// line.
///
/// # Errors
/// [`HeatMapError`] for a file that is neither, another shape, and temperatures at or below 0 K.
pub fn temperature_map(path: &Path, shape: impl Into<Option<(usize, usize)>>) -> Result<Array2<f64>, HeatMapError> {
    let shape = shape.into();
    if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        return Ok(read_temperature_map(path, shape)?);
    }
    let map_k = csv_file::matrix(path)?.mapv(kelvin);
    if let Some(needed) = shape.filter(|needed| *needed != map_k.dim()) {
        return Err(HeatMapError::Shape { path: path.to_owned(), found: map_k.dim(), needed });
    }
    let refuse = |source| HeatMapError::InFile { path: path.to_owned(), source };
    check_map(map_k.view(), map_k.dim()).map_err(refuse)?;
    Ok(map_k)
}
