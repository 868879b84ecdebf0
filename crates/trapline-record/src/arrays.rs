//! A campaign's record as named arrays, as its file has them: for readers who want all points at once.

use ndarray::{Array, ArrayD, Axis as Along, IxDyn};

use super::error::RecordError;
use super::layout::{self, Axis, PointDataset, Quantity};
use super::read::OpenRecord;
use trapline_model::outcome::{
    CampaignRecord, CellDump, Coordinate, HistogramSeries, Histograms, MERITS, MomentSeries, PointOutcome,
    PointSettings, RecordedPoint,
};
use trapline_model::units::celsius;

/// The numbers of an array, of the type that the file has.
#[derive(Debug, Clone, PartialEq)]
pub enum Elements {
    Real(ArrayD<f64>),
    Single(ArrayD<f32>),
    Count(ArrayD<u64>),
    Whole(ArrayD<i64>),
    Byte(ArrayD<u8>),
    Text(ArrayD<String>),
}

/// A dataset of a record: its name, its axes, its units, its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedArray {
    pub name: String,
    /// Outermost first.
    pub axes: Vec<String>,
    pub units: String,
    pub long_name: String,
    pub values: Elements,
}

/// What is read beside the series, which lie in memory already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beside {
    pub histograms: bool,
    /// The cells of the dump, where there is one.
    pub cells: bool,
}

/// Every dataset of the record of a campaign (or of a point, or a shard), axes first. Where a point was not computed
/// numbers are NaN or 0 and texts empty, as in the file.
///
/// # Errors
/// [`RecordError`] where histograms or cells are asked for and cannot be read.
pub fn arrays_of_campaign(record: &CampaignRecord, beside: Beside) -> Result<Vec<NamedArray>, RecordError> {
    let mut arrays = Arrays { record, shape: record.label.shape(), point_axes: point_axes(record), all: Vec::new() };
    arrays.coordinates();
    arrays.settings();
    arrays.series();
    arrays.per_point();
    arrays.circuits();
    if beside.histograms || beside.cells {
        arrays.beside(beside)?;
    }
    Ok(arrays.all)
}

fn point_axes(record: &CampaignRecord) -> Vec<String> {
    let fixed = [Axis::Material, Axis::Temperature].map(|axis| axis.name().to_owned());
    record.label.sweeps.iter().map(|sweep| sweep.name.clone()).chain(fixed).collect()
}

fn list<T>(values: Vec<T>) -> ArrayD<T> {
    ndarray::Array1::from(values).into_dyn()
}

impl From<&Coordinate> for Elements {
    fn from(of: &Coordinate) -> Elements {
        match of {
            Coordinate::Whole(values) => Elements::Whole(list(values.clone())),
            Coordinate::Real(values) => Elements::Real(list(values.clone())),
            Coordinate::Text(values) => Elements::Text(list(values.clone())),
        }
    }
}

/// A setting of a point: its words, and how it is taken from all of them.
type Setting<T> = (PointDataset, fn(&PointSettings) -> T);

struct Arrays<'a> {
    record: &'a CampaignRecord,
    /// Of the points.
    shape: Vec<usize>,
    point_axes: Vec<String>,
    all: Vec<NamedArray>,
}

impl Arrays<'_> {
    fn add(&mut self, name: &str, axes: &[String], units: &str, long_name: &str, values: Elements) {
        let (name, axes) = (name.to_owned(), axes.to_vec());
        self.all.push(NamedArray { name, axes, units: units.to_owned(), long_name: long_name.to_owned(), values });
    }

    fn axis(&mut self, axis: Axis, values: Elements) {
        self.add(axis.name(), &[axis.name().to_owned()], axis.units(), axis.long_name(), values);
    }

    fn coordinates(&mut self) {
        let label = &self.record.label;
        for sweep in &label.sweeps {
            let axes = [sweep.name.clone()];
            let units = if sweep.is_its_key() { &sweep.keys[0].units } else { "1" };
            let keys = sweep.keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>().join(", ");
            self.add(&sweep.name, &axes, units, &keys, (&sweep.coordinate).into());
            if !sweep.is_its_key() {
                for key in &sweep.keys {
                    self.add(&sweep.dataset_of(&key.key), &axes, &key.units, &key.key, (&key.values).into());
                }
            }
        }
        let names = label.materials.iter().map(|(name, _)| name.clone()).collect();
        self.axis(Axis::Material, Elements::Text(list(names)));
        self.axis(Axis::Temperature, Elements::Real(list(label.temperatures_k.clone())));
        let degrees = label.temperatures_k.iter().map(|&kelvin| celsius(kelvin)).collect();
        let along = [Axis::Temperature.name().to_owned()];
        let words = layout::CELSIUS;
        self.add(words.name, &along, words.units, words.long_name, Elements::Real(list(degrees)));
        self.axis(Axis::Time, Elements::Real(list(label.times_s.clone())));
        if !label.circuit_times_s.is_empty() {
            self.axis(Axis::CircuitTime, Elements::Real(list(label.circuit_times_s.clone())));
        }
    }

    /// An array over the points and more axes, from the values of each point, which are one after the other.
    fn over<T>(&self, inner: &[usize], values: Vec<T>) -> ArrayD<T> {
        let shape = [&self.shape[..], inner].concat();
        // As many values as points, by the label: else what there is, in a list.
        Array::from_shape_vec(IxDyn(&shape), values).unwrap_or_else(|_| list(Vec::new()))
    }

    fn each<T>(&mut self, words: &PointDataset, of: impl Fn(usize) -> T, made: fn(ArrayD<T>) -> Elements) {
        let values = self.over(&[], (0..self.record.points.len()).map(of).collect());
        let axes = self.point_axes.clone();
        self.add(words.name, &axes, words.units, words.long_name, made(values));
    }

    fn settings(&mut self) {
        let record = self.record;
        let set = |place: usize| &record.label.settings[place];
        let whole: [Setting<u64>; 4] = [
            (layout::ROWS, |of| of.rows),
            (layout::COLS, |of| of.cols),
            (layout::SEED, |of| of.seed),
            (layout::ELECTRONS, |of| of.electrons.number()),
        ];
        for (words, of) in whole {
            self.each(&words, |place| of(set(place)), Elements::Count);
        }
        let real: [Setting<f64>; 6] = [
            (layout::READ_BIAS, |of| of.read_v),
            (layout::READ_TEMPERATURE, |of| of.read_k),
            (layout::PROGRAM_TEMPERATURE, |of| of.program_k),
            (layout::KEPT_THRESHOLD, |of| of.kept_threshold),
            (layout::DOTS, |of| of.dots),
            (layout::READING, |of| of.judged.numbers().1),
        ];
        for (words, of) in real {
            self.each(&words, |place| of(set(place)), Elements::Real);
        }
        self.each(&layout::JUDGED, |place| set(place).judged.numbers().0, Elements::Byte);
        self.each(&layout::SAME_CELLS, |place| u8::from(set(place).same_cells), Elements::Byte);
    }

    fn outcome(&self, place: usize) -> Option<&PointOutcome> {
        self.record.points[place].outcome.as_ref()
    }

    /// Axes of the points, and one more.
    fn with(&self, axes: &[Axis]) -> Vec<String> {
        self.point_axes.iter().cloned().chain(axes.iter().map(|axis| axis.name().to_owned())).collect()
    }

    fn moments(&mut self, quantity: &Quantity, of: fn(&PointOutcome) -> &MomentSeries) {
        let times = self.record.label.times_s.len();
        for (suffix, words, squared) in layout::MOMENTS {
            let mut values = Vec::with_capacity(self.record.points.len() * times);
            for place in 0..self.record.points.len() {
                match self.outcome(place).map(of) {
                    None => values.extend(std::iter::repeat_n(f64::NAN, times)),
                    Some(series) => values.extend(match suffix {
                        "mean" => &series.mean,
                        "variance" => &series.variance,
                        "min" => &series.min,
                        _ => &series.max,
                    }),
                }
            }
            let units = if squared { quantity.units_squared } else { quantity.units };
            let (name, long_name) = (format!("{}_{suffix}", quantity.name), format!("{words} {}", quantity.long_name));
            let values = Elements::Real(self.over(&[times], values));
            self.add(&name, &self.with(layout::PER_TIME), units, &long_name, values);
        }
    }

    fn series(&mut self) {
        self.moments(&layout::CONDUCTANCE, |of| &of.conductance_s);
        self.moments(&layout::FILLING, |of| &of.filling);
        self.moments(&layout::LOST_FRACTION, |of| &of.lost_fraction);
        self.moments(&layout::KEPT, |of| &of.kept);
        let times = self.record.label.times_s.len();
        let mut failed = Vec::with_capacity(self.record.points.len() * times);
        for place in 0..self.record.points.len() {
            match self.outcome(place) {
                None => failed.extend(std::iter::repeat_n(0, times)),
                Some(outcome) => failed.extend(&outcome.failed),
            }
        }
        let words = layout::FAILED;
        let values = Elements::Count(self.over(&[times], failed));
        self.add(words.name, &self.with(layout::PER_TIME), words.units, words.long_name, values);
    }

    fn per_point(&mut self) {
        let record = self.record;
        let outcome = |place: usize| record.points[place].outcome.as_ref();
        self.each(&layout::COMPUTED, |place| u8::from(outcome(place).is_some()), Elements::Byte);
        self.each(&layout::CELLS, |place| outcome(place).map_or(0, |of| of.cells), Elements::Count);
        self.each(&layout::PROGRAMMED, |place| outcome(place).map_or(0, |of| of.programmed), Elements::Count);
        let fresh = |place| outcome(place).map_or(f64::NAN, |of| of.fresh_conductance_s);
        self.each(&layout::FRESH, fresh, Elements::Real);
        let texts: [fn(&RecordedPoint) -> String; layout::POINT_STRINGS.len()] = [
            |of| of.label.flags.join("\n"),
            |of| of.provenance.started_utc.clone(),
            |of| of.provenance.ended_utc.clone(),
            |of| of.provenance.identity.backend.clone(),
            |of| of.provenance.identity.adapter.clone(),
            |of| of.provenance.identity.driver.clone(),
            |of| of.provenance.identity.instruction_set.clone(),
            |of| of.provenance.program_version.clone(),
            |of| of.provenance.commit.clone(),
        ];
        for (words, of) in layout::POINT_STRINGS.iter().zip(texts) {
            self.each(words, |place| of(&record.points[place]), Elements::Text);
        }
        let software = |place: usize| u8::from(record.points[place].provenance.identity.software);
        self.each(&layout::POINT_SOFTWARE, software, Elements::Byte);
    }

    fn circuits(&mut self) {
        let times = self.record.label.circuit_times_s.len();
        if times == 0 {
            return;
        }
        for (place, merit) in MERITS.iter().enumerate() {
            let mut values = Vec::with_capacity(self.record.points.len() * times);
            for point in 0..self.record.points.len() {
                match self.outcome(point).and_then(|of| of.circuit.as_ref()) {
                    None => values.extend(std::iter::repeat_n(f64::NAN, times)),
                    Some(of) => values.extend(of.values.column(place)),
                }
            }
            let values = Elements::Real(self.over(&[times], values));
            let axes = self.with(layout::PER_CIRCUIT_TIME);
            self.add(&layout::of_merit(merit), &axes, merit.units, merit.long_name, values);
        }
    }

    /// Histograms and cells, point by point from the file.
    fn beside(&mut self, beside: Beside) -> Result<(), RecordError> {
        let (label, open) = (&self.record.label, OpenRecord::new(self.record)?);
        let (points, times, bins) = (self.record.points.len(), label.times_s.len(), label.bins);
        let quantities = [layout::CONDUCTANCE, layout::FILLING, layout::KEPT];
        let mut histograms = quantities.each_ref().map(|_| Counted::new(points, times, bins, beside.histograms));
        let dumped = label.dump.filter(|_| beside.cells);
        let (rows, cols) = dumped.map_or((0, 0), |window| (window.rows as usize, window.cols as usize));
        let of_cells = [layout::CONDUCTANCE, layout::FILLING, layout::LOST_FRACTION];
        let mut cells = of_cells.each_ref().map(|_| Vec::<f32>::with_capacity(points * times * rows * cols));
        for place in 0..points {
            if beside.histograms
                && let Some(Histograms { conductance, filling, kept }) = open.histograms(place)?
            {
                histograms.iter_mut().zip([conductance, filling, kept]).for_each(|(all, of)| all.put(place, &of));
            }
            if dumped.is_some() {
                match open.dump(place)? {
                    None => cells.iter_mut().for_each(|of| of.resize(of.len() + times * rows * cols, f32::NAN)),
                    Some(CellDump { conductance_s, filling, lost_fraction, .. }) => {
                        for (all, of) in cells.iter_mut().zip([conductance_s, filling, lost_fraction]) {
                            all.extend(of);
                        }
                    }
                }
            }
        }
        if beside.histograms {
            self.axis(Axis::Bin, Elements::Count(list((0..bins as u64).collect())));
            for (quantity, of) in quantities.iter().zip(histograms) {
                self.histogram(quantity, of, times, bins);
            }
        }
        if let Some(window) = dumped {
            let indices = |first: u64, count: u64| Elements::Count(list((first..first + count).collect()));
            self.axis(Axis::Row, indices(window.first_row, window.rows));
            self.axis(Axis::Col, indices(window.first_col, window.cols));
            for (quantity, values) in of_cells.iter().zip(cells) {
                let values = Elements::Single(self.over(&[times, rows, cols], values));
                let axes = self.with(layout::PER_CELL);
                let (name, long_name) = layout::of_cells(quantity);
                self.add(&name, &axes, quantity.units, &long_name, values);
            }
        }
        Ok(())
    }

    fn histogram(&mut self, quantity: &Quantity, of: Counted, times: usize, bins: usize) {
        let words = |(suffix, words): (&str, &str)| {
            (format!("{}{suffix}", quantity.name), format!("{words} {}", quantity.long_name))
        };
        let ((name, long_name), counts) = (words(layout::HISTOGRAM), self.over(&[times, bins], of.counts));
        self.add(&name, &self.with(layout::PER_BIN), "1", &long_name, Elements::Count(counts));
        for ((name, long_name), values) in [(words(layout::BELOW), of.below), (words(layout::ABOVE), of.above)] {
            let values = Elements::Count(self.over(&[times], values));
            self.add(&name, &self.with(layout::PER_TIME), "1", &long_name, values);
        }
        for ((name, long_name), values) in [(words(layout::LOW), of.low), (words(layout::HIGH), of.high)] {
            let values = Elements::Real(self.over(&[], values));
            self.add(&name, &self.with(layout::PER_POINT), quantity.units, &long_name, values);
        }
    }
}

/// The histograms of one quantity, of all points.
struct Counted {
    counts: Vec<u64>,
    below: Vec<u64>,
    above: Vec<u64>,
    low: Vec<f64>,
    high: Vec<f64>,
}

impl Counted {
    fn new(points: usize, times: usize, bins: usize, wanted: bool) -> Counted {
        let points = if wanted { points } else { 0 };
        let none = || vec![0; points * times];
        let edge = || vec![f64::NAN; points];
        Counted { counts: vec![0; points * times * bins], below: none(), above: none(), low: edge(), high: edge() }
    }

    fn put(&mut self, place: usize, of: &HistogramSeries) {
        let (times, bins) = (of.counts.len_of(Along(0)), of.counts.len_of(Along(1)));
        let counts = self.counts.iter_mut().skip(place * times * bins);
        counts.zip(&of.counts).for_each(|(to, from)| *to = *from);
        self.below.iter_mut().skip(place * times).zip(&of.below).for_each(|(to, from)| *to = *from);
        self.above.iter_mut().skip(place * times).zip(&of.above).for_each(|(to, from)| *to = *from);
        (self.low[place], self.high[place]) = (of.low, of.high);
    }
}
