//! What a campaign is: its axes, what is set along them, where it came from.

use super::{CellWindow, PointLabel};
use crate::cell::counted::Electrons;
use crate::cell::read::Judging;
use crate::rng;

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
    /// How the electrons of the cells are taken.
    pub electrons: Electrons,
    /// Traps of the nominal cell; 0 of a material without.
    pub dots: f64,
    /// Whether the cells of a seed are the same at every temperature. Else each temperature has cells of its own.
    pub same_cells: bool,
    /// By what a cell has failed.
    pub judged: Judging,
}

impl PointSettings {
    /// The seed that the cells of a point are drawn from; `bake_k` is the point's own temperature, K: one of the
    /// campaign's list, whatever the legs of a cycle do. The campaign's seed where the cells are the same at every
    /// temperature, else [`rng::own_seed`].
    pub fn cell_seed(&self, bake_k: f64) -> u64 {
        if self.same_cells { self.seed } else { rng::own_seed(self.seed, bake_k) }
    }

    fn is_same(&self, other: &PointSettings) -> bool {
        // The dots are the material's, and older records do not name them.
        let reading_s = |of: &PointSettings| of.judged.numbers().1;
        let bits = |of: &PointSettings| {
            [of.read_v, of.read_k, of.program_k, of.kept_threshold, reading_s(of)].map(f64::to_bits)
        };
        let whole =
            |of: &PointSettings| (of.rows, of.cols, of.seed, of.electrons, of.same_cells, of.judged.numbers().0);
        whole(self) == whole(other) && bits(self) == bits(other)
    }
}

/// What a whole campaign is, for the record: its axes and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignLabel {
    pub name: String,
    /// The campaign file as it was read, byte for byte, and what the command line changed in it.
    pub campaign_toml: String,
    pub overrides: Vec<String>,
    /// Files that it names beside materials (tables of selectors, maps of temperatures), each with a checksum of what
    /// it held: `map.h5 (CRC-32 1a2b3c4d)`.
    pub inputs: Vec<String>,
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
    /// Times at which arrays are read through their wires, first 0, each on the time axis; none where there are no wires.
    pub circuit_times_s: Vec<f64>,
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
        // Each field by itself: a copy of the settings of all points for each of them would take the square of their
        // number.
        CampaignLabel {
            name: self.name.clone(),
            campaign_toml: self.campaign_toml.clone(),
            overrides: self.overrides.clone(),
            inputs: self.inputs.clone(),
            sweeps: self.sweeps.iter().zip(point.sweep_index).map(|(sweep, at)| sweep.only(at)).collect(),
            materials: vec![self.materials[point.material_index].clone()],
            temperatures_k: vec![point.temperature_k],
            times_s: self.times_s.clone(),
            bins: self.bins,
            report_times_s: self.report_times_s.clone(),
            dump: self.dump,
            circuit_times_s: self.circuit_times_s.clone(),
            settings: vec![self.settings[number]],
        }
    }

    /// The settings where all points share them.
    pub fn common<T: PartialEq>(&self, of: impl Fn(&PointSettings) -> T) -> Option<T> {
        let first = self.settings.first().map(&of)?;
        self.settings.iter().all(|settings| of(settings) == first).then_some(first)
    }

    /// When a cell has failed: the threshold, and what it goes by.
    pub fn failing_in_words(&self) -> String {
        let judged =
            self.common(|of| of.judged).map_or_else(|| ", what that goes by is swept".to_owned(), Judging::words);
        match self.common(|of| of.kept_threshold) {
            Some(kept) => format!("a cell fails below {kept} of its window{judged}"),
            None => format!("swept{judged}"),
        }
    }

    /// Which cells stand at the temperatures, in words.
    pub fn cells_in_words(&self) -> &'static str {
        match self.common(|of| of.same_cells) {
            Some(true) => "the same at every temperature",
            Some(false) => "each temperature has its own",
            None => "swept",
        }
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
            (self.inputs == other.inputs, "file that the campaign names, or what it held"),
            (sweeps, "sweep"),
            (self.materials == other.materials, "material"),
            (same(&self.temperatures_k, &other.temperatures_k), "temperature"),
            (
                settings,
                "array size, seed, reading, programming temperature, threshold, what failing goes by, electrons or cells of their own",
            ),
            (same(&self.times_s, &other.times_s), "time axis"),
            (self.bins == other.bins, "number of bins"),
            (same(&self.report_times_s, &other.report_times_s), "report times"),
            (self.dump == other.dump, "dump window"),
            (same(&self.circuit_times_s, &other.circuit_times_s), "times of reading through wires"),
        ];
        checks.into_iter().find(|(equal, _)| !equal).map(|(_, what)| what)
    }
}

/// Whether two lists hold the same bits.
fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits())
}
