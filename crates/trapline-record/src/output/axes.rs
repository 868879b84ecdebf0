//! What stands on the axes of a file, and the settings of its points.

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, H5Type};
use ndarray::{Array1, ArrayD, ArrayViewD, IxDyn};

use super::Output;
use crate::error::RecordError;
use crate::hdf::{Attributes, Explain, unicode};
use crate::layout::{self, Axis, PointDataset};
use crate::{scales, texts};
use trapline_model::outcome::{CellWindow, Coordinate, PointSettings, Sweep};
use trapline_model::units::celsius;

impl Output<'_> {
    pub(super) fn coordinates(&mut self) -> Result<(), RecordError> {
        let label = self.label;
        for sweep in &label.sweeps {
            self.sweep(sweep)?;
        }
        let names: Result<Vec<VarLenUnicode>, _> =
            label.materials.iter().map(|(name, _)| unicode("a material's name", name)).collect();
        let words = Axis::Material;
        let names = self.text_array(words.name(), &names?)?;
        self.scale_of(&names, words.name(), words.units(), words.long_name())?;
        self.fixed_scale(Axis::Temperature, &label.temperatures_k)?;
        self.fixed_scale(Axis::Time, &label.times_s)?;
        let bins: Vec<u64> = (0..label.bins as u64).collect();
        self.fixed_scale(Axis::Bin, &bins)?;
        if let Some(w) = label.dump {
            window_shape(w)?;
            self.fixed_scale(Axis::Row, &indices(w.first_row, w.rows))?;
            self.fixed_scale(Axis::Col, &indices(w.first_col, w.cols))?;
        }
        if !label.circuit_times_s.is_empty() {
            self.fixed_scale(Axis::CircuitTime, &label.circuit_times_s)?;
        }
        let celsius: Array1<f64> = label.temperatures_k.iter().map(|&t| celsius(t)).collect();
        let axes = vec![Axis::Temperature.name().to_owned()];
        let words = layout::CELSIUS;
        let dataset = self.array(words.name, &celsius.to_vec())?;
        self.keep(words.name, dataset, axes, &[], words.units, words.long_name)
    }

    /// A sweep's axis, and beside it what its keys are set to, where that does not stand on the axis itself.
    fn sweep(&mut self, sweep: &Sweep) -> Result<(), RecordError> {
        if layout::is_taken(&sweep.name) {
            return Err(RecordError::unwritable("the name of a sweep", &sweep.name, "none of the format's own"));
        }
        let units = if sweep.is_its_key() { &sweep.keys[0].units } else { "1" };
        let keys: Vec<&str> = sweep.keys.iter().map(|key| key.key.as_str()).collect();
        let long_name = keys.join(", ");
        match &sweep.coordinate {
            Coordinate::Whole(values) => self.scale(&sweep.name, values, units, &long_name)?,
            Coordinate::Real(values) => self.scale(&sweep.name, values, units, &long_name)?,
            Coordinate::Text(values) => {
                let dataset = self.text_array(&sweep.name, &self.texts(values)?)?;
                self.scale_of(&dataset, &sweep.name, units, &long_name)?;
            }
        }
        let scale = self.file.dataset(&sweep.name).writing(self.shown, "open an axis")?;
        Attributes { at: &scale, path: self.shown }.texts("keys", &keys)?;
        if sweep.is_its_key() {
            return Ok(());
        }
        for key in &sweep.keys {
            let name = sweep.dataset_of(&key.key);
            let dataset = match &key.values {
                Coordinate::Whole(values) => self.array(&name, values)?,
                Coordinate::Real(values) => self.array(&name, values)?,
                Coordinate::Text(values) => self.text_array(&name, &self.texts(values)?)?,
            };
            self.keep(&name, dataset, vec![sweep.name.clone()], &[], &key.units, &key.key)?;
        }
        Ok(())
    }

    fn texts(&self, values: &[String]) -> Result<Vec<VarLenUnicode>, RecordError> {
        values.iter().map(|value| unicode("a value of a sweep", value)).collect()
    }

    /// A one-dimensional dataset.
    fn array<T: H5Type>(&self, name: &str, values: &[T]) -> Result<Dataset, RecordError> {
        let doing = format!("write the dataset {name}");
        let values = ArrayViewD::from_shape(IxDyn(&[values.len()]), values);
        let values = values.map_err(|e| RecordError::unwritable(name, e, "one-dimensional"))?;
        self.file.new_dataset_builder().with_data(values).create(name).writing(self.shown, &doing)
    }

    /// The same of texts.
    fn text_array(&self, name: &str, values: &[VarLenUnicode]) -> Result<Dataset, RecordError> {
        let doing = format!("write the dataset {name}");
        let dataset = self.file.new_dataset::<VarLenUnicode>().shape(values.len()).create(name);
        let dataset = dataset.writing(self.shown, &doing)?;
        texts::write(&dataset, values).writing(self.shown, &doing)?;
        Ok(dataset)
    }

    fn fixed_scale<T: H5Type>(&mut self, axis: Axis, values: &[T]) -> Result<(), RecordError> {
        self.scale(axis.name(), values, axis.units(), axis.long_name())
    }

    /// A coordinate: a dataset of its axis's name that other datasets point to.
    fn scale<T: H5Type>(&self, name: &str, values: &[T], units: &str, long_name: &str) -> Result<(), RecordError> {
        self.scale_of(&self.array(name, values)?, name, units, long_name)
    }

    fn scale_of(&self, dataset: &Dataset, name: &str, units: &str, long_name: &str) -> Result<(), RecordError> {
        let attributes = Attributes { at: dataset, path: self.shown };
        scales::mark::<{ layout::MAX_AXIS_NAME + 1 }>(&attributes, name)?;
        attributes.text("units", units)?;
        attributes.text("long_name", long_name)
    }

    /// The settings of all points, computed or not.
    pub(super) fn settings(&mut self) -> Result<(), RecordError> {
        let all = &self.label.settings;
        let whole = |of: fn(&PointSettings) -> u64| all.iter().map(of).collect::<Vec<_>>();
        let real = |of: fn(&PointSettings) -> f64| all.iter().map(of).collect::<Vec<_>>();
        for (words, values) in [
            (layout::ROWS, whole(|of| of.rows)),
            (layout::COLS, whole(|of| of.cols)),
            (layout::SEED, whole(|of| of.seed)),
            (layout::ELECTRONS, whole(|of| of.electrons.number())),
        ] {
            self.per_point(&words, values)?;
        }
        for (words, values) in [
            (layout::READ_BIAS, real(|of| of.read_v)),
            (layout::READ_TEMPERATURE, real(|of| of.read_k)),
            (layout::PROGRAM_TEMPERATURE, real(|of| of.program_k)),
            (layout::KEPT_THRESHOLD, real(|of| of.kept_threshold)),
            (layout::DOTS, real(|of| of.dots)),
            (layout::READING, real(|of| of.judged.numbers().1)),
        ] {
            self.per_point(&words, values)?;
        }
        self.per_point(&layout::JUDGED, all.iter().map(|of| of.judged.numbers().0).collect())?;
        self.per_point(&layout::SAME_CELLS, all.iter().map(|of| u8::from(of.same_cells)).collect())
    }

    /// A dataset of one value per point, written at once.
    fn per_point<T: H5Type>(&mut self, words: &PointDataset, values: Vec<T>) -> Result<(), RecordError> {
        let shape = self.label.shape();
        let doing = format!("write the dataset {}", words.name);
        let values = ArrayD::from_shape_vec(IxDyn(&shape), values);
        let values = values.map_err(|e| RecordError::unwritable(words.name, e, "one value per point"))?;
        let dataset =
            self.file.new_dataset_builder().with_data(&values).create(words.name).writing(self.shown, &doing)?;
        self.keep(words.name, dataset, self.point_axes(), &[], words.units, words.long_name)
    }
}

fn indices(first: u64, count: u64) -> Vec<u64> {
    (first..first.saturating_add(count)).collect()
}

fn window_shape(window: CellWindow) -> Result<(), RecordError> {
    let limit = u64::from(u32::MAX);
    for (what, n) in [("rows", window.rows), ("columns", window.cols)] {
        if n == 0 || n > limit {
            let what = format!("the number of {what} of a cell dump");
            return Err(RecordError::unwritable(what, n, format!("1 to {limit}")));
        }
    }
    Ok(())
}
