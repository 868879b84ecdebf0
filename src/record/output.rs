//! A new file: its attributes, its axes and its datasets, still without a point.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, H5Type};
use ndarray::{Array1, ArrayViewD, IxDyn};

use super::error::RecordError;
use super::hdf::{self, Attributes, Explain, unicode};
use super::layout::{self, Axis, Quantity};
use super::{root, scales};
use crate::outcome::{CampaignLabel, CellWindow, Provenance};
use crate::units::celsius;

/// A file being written.
pub(super) struct Output<'a> {
    file: hdf5::File,
    temporary: PathBuf,
    /// The final path, which errors name.
    pub(super) shown: &'a Path,
    pub(super) label: &'a CampaignLabel,
    compress: bool,
    pub(super) datasets: BTreeMap<String, (Dataset, Vec<Axis>)>,
}

impl<'a> Output<'a> {
    /// Creates the file, its attributes, axes and empty datasets.
    pub(super) fn create(
        temporary: &Path,
        shown: &'a Path,
        file_type: &str,
        label: &'a CampaignLabel,
        provenance: &Provenance,
    ) -> Result<Self, RecordError> {
        for (what, length) in [
            ("the number of materials", label.materials.len()),
            ("the number of temperatures", label.temperatures_k.len()),
            ("the number of checkpoints", label.times_s.len()),
            ("the number of histogram bins", label.bins),
        ] {
            if length == 0 {
                return Err(RecordError::unwritable(what, 0, "1 or more"));
            }
        }
        let compress = hdf5::filters::deflate_available();
        if !compress {
            tracing::warn!("this HDF5 library has no gzip filter: histograms and dumps are stored uncompressed");
        }
        let file = hdf::create(temporary, shown)?;
        let mut output =
            Output { file, temporary: temporary.to_owned(), shown, label, compress, datasets: BTreeMap::new() };
        output.attributes(file_type, provenance)?;
        output.coordinates()?;
        output.layout()?;
        output.attach_scales()?;
        Ok(output)
    }

    pub(super) fn root(&self) -> Attributes<'_> {
        Attributes { at: &self.file, path: self.shown }
    }

    fn attributes(&self, file_type: &str, provenance: &Provenance) -> Result<(), RecordError> {
        let (root, label) = (self.root(), self.label);
        root::write(&root, file_type, provenance)?;
        root.text("campaign_name", &label.name)?;
        root.text("campaign_toml", &label.campaign_toml)?;
        root.texts("overrides", &label.overrides)?;
        let texts: Vec<&str> = label.materials.iter().map(|(_, toml)| toml.as_str()).collect();
        root.texts("material_toml", &texts)?;
        root.scalar("seed", &label.seed)?;
        root.scalar("array_rows", &label.rows)?;
        root.scalar("array_cols", &label.cols)?;
        root.scalar("read_bias", &label.read_v)?;
        root.array("program_temperature", label.program_k.as_slice())?;
        root.scalar("kept_threshold", &label.kept_threshold)?;
        root.array("report_times", &label.report_times_s)?;
        if let Some(w) = label.dump {
            root.array("dump_window", &[w.first_row, w.first_col, w.rows, w.cols])?;
        }
        Ok(())
    }

    fn coordinates(&mut self) -> Result<(), RecordError> {
        let label = self.label;
        let names: Result<Vec<VarLenUnicode>, _> =
            label.materials.iter().map(|(name, _)| unicode("a material's name", name)).collect();
        self.scale(Axis::Material, &names?)?;
        self.scale(Axis::Temperature, &label.temperatures_k)?;
        self.scale(Axis::Time, &label.times_s)?;
        let bins: Vec<u64> = (0..label.bins as u64).collect();
        self.scale(Axis::Bin, &bins)?;
        if let Some(w) = label.dump {
            window_shape(w)?;
            self.scale(Axis::Row, &indices(w.first_row, w.rows))?;
            self.scale(Axis::Col, &indices(w.first_col, w.cols))?;
        }
        let celsius: Array1<f64> = label.temperatures_k.iter().map(|&t| celsius(t)).collect();
        let doing = "write the dataset temperature_celsius";
        let dataset = self.file.new_dataset_builder().with_data(&celsius).create("temperature_celsius");
        let dataset = dataset.writing(self.shown, doing)?;
        self.keep("temperature_celsius", dataset, &[Axis::Temperature], "degC", "bake temperature")
    }

    /// A coordinate: a dataset of its axis's name that other datasets point to.
    fn scale<T: H5Type>(&mut self, axis: Axis, values: &[T]) -> Result<(), RecordError> {
        let doing = format!("write the axis {}", axis.name());
        let builder = self.file.new_dataset_builder().with_data(
            ArrayViewD::from_shape(IxDyn(&[values.len()]), values)
                .map_err(|e| RecordError::unwritable(axis.name(), e, "one-dimensional"))?,
        );
        let dataset = builder.create(axis.name()).writing(self.shown, &doing)?;
        let attributes = Attributes { at: &dataset, path: self.shown };
        scales::mark::<16>(&attributes, axis.name())?;
        attributes.text("units", axis.units())?;
        attributes.text("long_name", axis.long_name())
    }

    fn layout(&mut self) -> Result<(), RecordError> {
        for quantity in [layout::CONDUCTANCE, layout::FILLING, layout::LOST_FRACTION, layout::KEPT] {
            for (suffix, words, squared) in layout::MOMENTS {
                let name = format!("{}_{suffix}", quantity.name);
                let units = if squared { quantity.units_squared } else { quantity.units };
                let long_name = format!("{words} {}", quantity.long_name);
                self.numbers(&name, layout::PER_TIME, f64::NAN, units, &long_name)?;
            }
        }
        for quantity in [layout::CONDUCTANCE, layout::FILLING, layout::KEPT] {
            self.histogram(&quantity)?;
        }
        let failed = layout::FAILED;
        self.numbers(failed.name, layout::PER_TIME, 0_u64, failed.units, failed.long_name)?;
        for d in [layout::CELLS, layout::PROGRAMMED] {
            self.numbers(d.name, layout::PER_POINT, 0_u64, d.units, d.long_name)?;
        }
        let fresh = layout::FRESH;
        self.numbers(fresh.name, layout::PER_POINT, f64::NAN, fresh.units, fresh.long_name)?;
        for d in [layout::COMPUTED, layout::POINT_SOFTWARE] {
            self.numbers(d.name, layout::PER_POINT, 0_u8, d.units, d.long_name)?;
        }
        for d in layout::POINT_STRINGS {
            let shape = self.shape(layout::PER_POINT);
            let doing = format!("create the dataset {}", d.name);
            let builder = self.file.new_dataset::<VarLenUnicode>().shape(shape);
            let dataset = builder.create(d.name).writing(self.shown, &doing)?;
            self.keep(d.name, dataset, layout::PER_POINT, d.units, d.long_name)?;
        }
        if self.label.dump.is_some() {
            for quantity in [layout::CONDUCTANCE, layout::FILLING, layout::LOST_FRACTION] {
                let name = format!("cell_{}", quantity.name);
                let long_name = format!("{}, cell by cell", quantity.long_name);
                self.numbers(&name, layout::PER_CELL, f32::NAN, quantity.units, &long_name)?;
            }
        }
        Ok(())
    }

    fn histogram(&mut self, quantity: &Quantity) -> Result<(), RecordError> {
        let (name, of) = (quantity.name, quantity.long_name);
        let words = format!("number of cells per bin of the {of}");
        self.numbers(&format!("{name}_histogram"), layout::PER_BIN, 0_u64, "1", &words)?;
        let words = format!("number of cells below the first bin of the {of}");
        self.numbers(&format!("{name}_histogram_below"), layout::PER_TIME, 0_u64, "1", &words)?;
        let words = format!("number of cells at or above the end of the last bin of the {of}");
        self.numbers(&format!("{name}_histogram_above"), layout::PER_TIME, 0_u64, "1", &words)?;
        let words = format!("lower edge of the first bin of the {of}");
        self.numbers(&format!("{name}_histogram_low"), layout::PER_POINT, f64::NAN, quantity.units, &words)?;
        let words = format!("upper edge of the last bin of the {of}");
        self.numbers(&format!("{name}_histogram_high"), layout::PER_POINT, f64::NAN, quantity.units, &words)
    }

    /// An empty dataset of numbers in chunks of one point, each with a checksum.
    fn numbers<T>(
        &mut self,
        name: &str,
        axes: &[Axis],
        fill: T,
        units: &str,
        long_name: &str,
    ) -> Result<(), RecordError>
    where
        T: H5Type + Into<hdf5::types::dyn_value::OwnedDynValue>,
    {
        let shape = self.shape(axes);
        let chunk = chunk_shape(axes, &shape);
        let mut builder = self.file.new_dataset_builder().chunk(chunk.as_slice()).fill_value(fill);
        if self.compress && axes.len() > layout::PER_TIME.len() {
            builder = builder.shuffle().deflate(layout::DUMP_DEFLATE);
        }
        let doing = format!("create the dataset {name}");
        let dataset = builder.fletcher32().empty::<T>().shape(shape).create(name);
        let dataset = dataset.writing(self.shown, &doing)?;
        self.keep(name, dataset, axes, units, long_name)
    }

    fn keep(
        &mut self,
        name: &str,
        dataset: Dataset,
        axes: &[Axis],
        units: &str,
        long_name: &str,
    ) -> Result<(), RecordError> {
        let attributes = Attributes { at: &dataset, path: self.shown };
        attributes.text("units", units)?;
        attributes.text("long_name", long_name)?;
        self.datasets.insert(name.to_owned(), (dataset, axes.to_vec()));
        Ok(())
    }

    pub(super) fn shape(&self, axes: &[Axis]) -> Vec<usize> {
        let label = self.label;
        let (rows, cols) = label.dump.map_or((0, 0), |w| (w.rows as usize, w.cols as usize));
        let length = |axis: &Axis| match axis {
            Axis::Material => label.materials.len(),
            Axis::Temperature => label.temperatures_k.len(),
            Axis::Time => label.times_s.len(),
            Axis::Bin => label.bins,
            Axis::Row => rows,
            Axis::Col => cols,
        };
        axes.iter().map(length).collect()
    }

    /// Points every dataset to its axes and every axis back to the datasets.
    fn attach_scales(&self) -> Result<(), RecordError> {
        let uses = self.datasets.iter().map(|(name, (dataset, axes))| {
            let axes = axes.iter().map(|axis| axis.name().to_owned()).collect();
            (name.as_str(), dataset, axes)
        });
        scales::attach(&self.file, self.shown, uses)
    }

    /// Closes the file and reports whether all of it reached the system.
    pub(super) fn close(self) -> Result<(), RecordError> {
        // A dataset that is open when the file closes would be an error of ours.
        drop(self.datasets);
        hdf::finish(self.file, &self.temporary, self.shown)
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

/// Shape of the pieces a dataset is stored in: values of one point, at most a million of them.
fn chunk_shape(axes: &[Axis], shape: &[usize]) -> Vec<usize> {
    const MOST: usize = 1 << 20;
    if axes == layout::PER_POINT {
        return shape.iter().map(|&n| n.min(1 << 10)).collect();
    }
    let mut chunk = vec![1; shape.len()];
    match axes {
        layout::PER_CELL => {
            chunk[3] = shape[3].min(layout::DUMP_CHUNK);
            chunk[4] = shape[4].min(layout::DUMP_CHUNK);
        }
        layout::PER_BIN => {
            chunk[3] = shape[3].min(MOST);
            chunk[2] = shape[2].min((MOST / chunk[3]).max(1));
        }
        _ => chunk[2] = shape[2].min(MOST),
    }
    chunk
}
