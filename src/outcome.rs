//! What a computed point is, in plain numbers: the only thing the rooms that
//! compute and the rooms that keep, analyse and draw have in common.
//!
//! Axis 0 of every array is the checkpoint, in the order of
//! [`PointOutcome::times_s`]; checkpoint 0 is the array right after
//! programming (t = 0). Nothing here knows a device, a file or a plot.

use ndarray::{Array1, Array2, Array3};

/// Who computed a result: enough to repeat it, or to doubt it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// `reference`, `cpu` or `gpu`.
    pub backend: String,
    /// The adapter's name as its driver gives it; the processor's for the host backends.
    pub adapter: String,
    /// Driver name and version; empty for the host backends.
    pub driver: String,
    /// Instruction set of the host kernels (`sse2`, `avx2`, `avx512`, `portable`), or the graphics API (`Vulkan`, ...).
    pub instruction_set: String,
    /// A GPU API implemented on the host processor (llvmpipe, WARP).
    pub software: bool,
}

/// Mean, population variance, smallest and largest value of one quantity over the cells, per checkpoint.
///
/// Where no cell counts (the `kept` of an array in which nothing was programmed) all four are NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentSeries {
    pub mean: Array1<f64>,
    /// Population variance (divided by the number of cells), in the quantity's unit squared.
    pub variance: Array1<f64>,
    pub min: Array1<f64>,
    pub max: Array1<f64>,
}

/// Counts of cells in equal bins of one quantity between two fixed edges, per checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSeries {
    /// Lower edge of the first bin, in the quantity's unit.
    pub low: f64,
    /// Upper edge of the last bin.
    pub high: f64,
    /// Axes (checkpoint, bin). A bin holds its lower edge and not its upper one.
    pub counts: Array2<u64>,
    /// Cells below `low`, per checkpoint.
    pub below: Array1<u64>,
    /// Cells at or above `high`, per checkpoint.
    pub above: Array1<u64>,
}

impl HistogramSeries {
    /// The bins' edges, one more than there are bins.
    pub fn edges(&self) -> Array1<f64> {
        Array1::linspace(self.low, self.high, self.counts.ncols() + 1)
    }
}

/// A rectangle of the array, rows and columns counted from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellWindow {
    pub first_row: u64,
    pub first_col: u64,
    pub rows: u64,
    pub cols: u64,
}

/// Every cell of a window of the array, at every checkpoint. Axes (checkpoint, row, column).
#[derive(Debug, Clone, PartialEq)]
pub struct CellDump {
    pub window: CellWindow,
    pub conductance_s: Array3<f32>,
    pub filling: Array3<f32>,
    pub lost_fraction: Array3<f32>,
}

/// One point of a campaign: one material, one temperature, all checkpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct PointOutcome {
    /// Checkpoints, seconds after programming; the first is 0.
    pub times_s: Array1<f64>,
    /// Cells simulated.
    pub cells: u64,
    /// Cells that held charge after programming: only these have a window, and only they can keep or fail.
    pub programmed: u64,
    /// Conductance at the read bias of the cell without variation and without charge, siemens.
    pub fresh_conductance_s: f64,
    /// Read at the read bias, siemens.
    pub conductance_s: MomentSeries,
    /// Filling F, the weighted mean occupancy, 0 to 1.
    pub filling: MomentSeries,
    /// Fraction of the programmed charge lost, computed as such (not one minus what is kept), over programmed cells.
    pub lost_fraction: MomentSeries,
    /// Window over its value right after programming, over programmed cells.
    pub kept: MomentSeries,
    /// Programmed cells that keep less than the threshold.
    pub failed: Array1<u64>,
    /// None where they were left in the file.
    pub histograms: Option<Histograms>,
    /// None where the campaign asked for none, or where it was left in the file.
    pub dump: Option<CellDump>,
}

impl PointOutcome {
    /// Whether two outcomes hold the same bits, histograms and dump included. NaN equals itself.
    pub fn is_same(&self, other: &PointOutcome) -> bool {
        self.bits() == other.bits()
    }

    /// Every number in a fixed order, as bits, with the lengths of the lists between them.
    fn bits(&self) -> Vec<u64> {
        let mut all = vec![self.cells, self.programmed, self.fresh_conductance_s.to_bits()];
        let real = |values: &Array1<f64>, all: &mut Vec<u64>| {
            all.push(values.len() as u64);
            all.extend(values.iter().map(|value| value.to_bits()));
        };
        real(&self.times_s, &mut all);
        for moments in [&self.conductance_s, &self.filling, &self.lost_fraction, &self.kept] {
            for series in [&moments.mean, &moments.variance, &moments.min, &moments.max] {
                real(series, &mut all);
            }
        }
        all.extend(&self.failed);
        if let Some(histograms) = &self.histograms {
            for of in [&histograms.conductance, &histograms.filling, &histograms.kept] {
                all.extend([of.low.to_bits(), of.high.to_bits(), of.counts.ncols() as u64]);
                all.extend(of.counts.iter().chain(&of.below).chain(&of.above));
            }
        }
        if let Some(CellDump { window, conductance_s, filling, lost_fraction }) = &self.dump {
            all.extend([window.first_row, window.first_col, window.rows, window.cols]);
            for cells in [conductance_s, filling, lost_fraction] {
                all.extend(cells.iter().map(|value| u64::from(value.to_bits())));
            }
        }
        all
    }
}

/// The histograms of a point: most of its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Histograms {
    pub conductance: HistogramSeries,
    pub filling: HistogramSeries,
    /// Of programmed cells.
    pub kept: HistogramSeries,
}

/// What the record says of a point beside its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct PointLabel {
    /// Number of the point in its campaign, from 0.
    pub number: usize,
    /// Position on each of the campaign's sweeps, in their order.
    pub sweep_index: Vec<usize>,
    /// Position on the material axis.
    pub material_index: usize,
    pub material: String,
    /// Position on the temperature axis.
    pub temperature_index: usize,
    /// Bake temperature; where the bake has a cycle, that of its legs which name none.
    pub temperature_k: f64,
    /// Remarks on the model's validity, one sentence each (for example: above the glass transition).
    pub flags: Vec<String>,
}

/// What stands on an axis, or what a key is set to along it.
#[derive(Debug, Clone, PartialEq)]
pub enum Coordinate {
    Whole(Vec<i64>),
    Real(Vec<f64>),
    Text(Vec<String>),
}

impl Coordinate {
    pub fn len(&self) -> usize {
        match self {
            Coordinate::Whole(values) => values.len(),
            Coordinate::Real(values) => values.len(),
            Coordinate::Text(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at one place alone.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn only(&self, at: usize) -> Coordinate {
        match self {
            Coordinate::Whole(values) => Coordinate::Whole(vec![values[at]]),
            Coordinate::Real(values) => Coordinate::Real(vec![values[at]]),
            Coordinate::Text(values) => Coordinate::Text(vec![values[at].clone()]),
        }
    }

    /// An entry as text.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn text(&self, at: usize) -> String {
        match self {
            Coordinate::Whole(values) => values[at].to_string(),
            Coordinate::Real(values) => {
                let text = format!("{:?}", values[at]);
                text.strip_suffix(".0").unwrap_or(&text).to_owned()
            }
            Coordinate::Text(values) => values[at].clone(),
        }
    }

    /// Equal to the last bit.
    fn is_same(&self, other: &Coordinate) -> bool {
        match (self, other) {
            (Coordinate::Real(a), Coordinate::Real(b)) => same(a, b),
            (a, b) => a == b,
        }
    }
}

/// A key of the campaign file along a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct SweptKey {
    /// As in the campaign file, `array.rows`; or `parameter.` and a key of the material files.
    pub key: String,
    /// In the spelling of UDUNITS; `1` for numbers without one and for text.
    pub units: String,
    pub values: Coordinate,
}

/// What a campaign varies beside material and temperature: an axis of its record.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The axis.
    pub name: String,
    /// What stands on it: the values of its only key, labels, or numbers from 0.
    pub coordinate: Coordinate,
    /// Keys that are set along it, together.
    pub keys: Vec<SweptKey>,
}

impl Sweep {
    /// Whether the axis holds the values of its only key.
    pub fn is_its_key(&self) -> bool {
        self.keys.len() == 1 && self.keys[0].values.is_same(&self.coordinate)
    }

    /// Name of the dataset with the values of a key, where they do not stand on the axis.
    pub fn dataset_of(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    fn only(&self, at: usize) -> Sweep {
        let keys = self.keys.iter().map(|of| SweptKey { values: of.values.only(at), ..of.clone() });
        Sweep { name: self.name.clone(), coordinate: self.coordinate.only(at), keys: keys.collect() }
    }

    fn is_same(&self, other: &Sweep) -> bool {
        let key = |(a, b): (&SweptKey, &SweptKey)| a.key == b.key && a.units == b.units && a.values.is_same(&b.values);
        self.name == other.name
            && self.coordinate.is_same(&other.coordinate)
            && self.keys.len() == other.keys.len()
            && self.keys.iter().zip(&other.keys).all(key)
    }
}

/// What a sweep may change from point to point and readers need to know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointSettings {
    pub rows: u64,
    pub cols: u64,
    pub seed: u64,
    /// Bias at which conductance is read, V.
    pub read_v: f64,
    /// Temperature at which it is read, K.
    pub read_k: f64,
    /// Temperature of the programming, K.
    pub program_k: f64,
    /// Kept below this is failed.
    pub kept_threshold: f64,
}

impl PointSettings {
    fn is_same(&self, other: &PointSettings) -> bool {
        let bits = |of: &PointSettings| [of.read_v, of.read_k, of.program_k, of.kept_threshold].map(f64::to_bits);
        (self.rows, self.cols, self.seed) == (other.rows, other.cols, other.seed) && bits(self) == bits(other)
    }
}

/// What a whole campaign is, for the record: its axes and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignLabel {
    pub name: String,
    /// The campaign file as it was read, byte for byte, and what the command line changed in it.
    pub campaign_toml: String,
    pub overrides: Vec<String>,
    /// The outer axes of the record, slowest first; material and temperature follow.
    pub sweeps: Vec<Sweep>,
    /// Name and file text of each material, in the order of the material axis; without what sweeps change in them.
    pub materials: Vec<(String, String)>,
    pub temperatures_k: Vec<f64>,
    /// Checkpoints, first 0.
    pub times_s: Vec<f64>,
    pub bins: usize,
    /// Times at which the summary quotes what is kept; each is on the time axis.
    pub report_times_s: Vec<f64>,
    pub dump: Option<CellWindow>,
    /// Of every point, in the order of their numbers.
    pub settings: Vec<PointSettings>,
}

impl CampaignLabel {
    /// Lengths of the axes of the points: sweeps, material, temperature.
    pub fn shape(&self) -> Vec<usize> {
        let sweeps = self.sweeps.iter().map(|sweep| sweep.coordinate.len());
        sweeps.chain([self.materials.len(), self.temperatures_k.len()]).collect()
    }

    /// Number of points. Points are numbered with the temperature running fastest, then the material, then the sweeps.
    pub fn points(&self) -> usize {
        self.shape().iter().product()
    }

    /// Place of a point on the axes of [`CampaignLabel::shape`].
    pub fn place(&self, number: usize) -> Vec<usize> {
        let mut rest = number;
        let mut place = self.shape();
        for at in place.iter_mut().rev() {
            (*at, rest) = (rest % (*at).max(1), rest / (*at).max(1));
        }
        place
    }

    /// The label of a point of this number, without remarks.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn point(&self, number: usize) -> PointLabel {
        let mut sweep_index = self.place(number);
        let [material_index, temperature_index] = [self.sweeps.len(), self.sweeps.len() + 1].map(|i| sweep_index[i]);
        sweep_index.truncate(self.sweeps.len());
        PointLabel {
            number,
            sweep_index,
            material_index,
            material: self.materials[material_index].0.clone(),
            temperature_index,
            temperature_k: self.temperatures_k[temperature_index],
            flags: Vec::new(),
        }
    }

    /// The campaign as if it had this one point.
    ///
    /// # Panics
    /// If there are fewer points.
    pub fn only(&self, number: usize) -> CampaignLabel {
        let point = self.point(number);
        CampaignLabel {
            sweeps: self.sweeps.iter().zip(point.sweep_index).map(|(sweep, at)| sweep.only(at)).collect(),
            materials: vec![self.materials[point.material_index].clone()],
            temperatures_k: vec![point.temperature_k],
            settings: vec![self.settings[number]],
            ..self.clone()
        }
    }

    /// The settings where all points share them.
    pub fn common<T: PartialEq>(&self, of: impl Fn(&PointSettings) -> T) -> Option<T> {
        let first = self.settings.first().map(&of)?;
        self.settings.iter().all(|settings| of(settings) == first).then_some(first)
    }

    /// The first thing in which two campaigns differ, in words; none where they are the same to the last bit.
    pub fn difference(&self, other: &CampaignLabel) -> Option<&'static str> {
        let sweeps =
            self.sweeps.len() == other.sweeps.len() && self.sweeps.iter().zip(&other.sweeps).all(|(a, b)| a.is_same(b));
        let settings = self.settings.len() == other.settings.len()
            && self.settings.iter().zip(&other.settings).all(|(a, b)| a.is_same(b));
        let checks = [
            (self.name == other.name, "campaign name"),
            (self.campaign_toml == other.campaign_toml, "campaign file"),
            (self.overrides == other.overrides, "command line"),
            (sweeps, "sweep"),
            (self.materials == other.materials, "material"),
            (same(&self.temperatures_k, &other.temperatures_k), "temperature"),
            (settings, "array size, seed, reading, programming temperature or threshold"),
            (same(&self.times_s, &other.times_s), "time axis"),
            (self.bins == other.bins, "number of bins"),
            (same(&self.report_times_s, &other.report_times_s), "report times"),
            (self.dump == other.dump, "dump window"),
        ];
        checks.into_iter().find(|(equal, _)| !equal).map(|(_, what)| what)
    }
}

/// Whether two lists hold the same bits.
fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits())
}

/// What an experiment is, for the record: what was asked, of what, and from which seed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExperimentLabel {
    /// The experiment as it is asked for: `iv`, `letter`, ...
    pub command: String,
    /// One line that a person reads.
    pub title: String,
    /// Name and file text of each material.
    pub materials: Vec<(String, String)>,
    pub seed: u64,
    /// What else is known, as text: arguments, conditions with their units, remarks. Names are unique.
    pub notes: Vec<(String, String)>,
}

/// When and by whom a record was computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    pub program_version: String,
    /// Commit the program was built from, or `unknown`.
    pub commit: String,
    pub identity: Identity,
    /// RFC 3339, UTC.
    pub started_utc: String,
    pub ended_utc: String,
}
