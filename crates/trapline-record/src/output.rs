//! A new file: its attributes, its axes and its datasets, still without a point.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, DatasetBuilderEmptyShape, H5Type, Hyperslab, SliceOrIndex};

use super::error::RecordError;
use super::hdf::{self, Attributes, Explain};
use super::layout::{self, Axis, Quantity};
use super::linked::{self, Run};
use super::pending::{self, Pending};
use super::{root, scales};
use trapline_model::outcome::{CampaignLabel, MERITS, Provenance};

mod axes;

/// A dataset that is being written.
pub(super) struct Slot {
    pub(super) dataset: Dataset,
    pub(super) pending: RefCell<Pending>,
    /// Names of its axes.
    axes: Vec<String>,
    /// The axes it has besides those of the points.
    pub(super) inner: &'static [Axis],
}

/// A file being written.
pub(super) struct Output<'a> {
    file: hdf5::File,
    temporary: PathBuf,
    /// The final path, which errors name.
    pub(super) shown: &'a Path,
    pub(super) label: &'a CampaignLabel,
    compress: bool,
    /// Where the values of datasets with more axes than the points' lie, for virtual ones; nothing where they are in
    /// this file.
    linked: &'a [Run],
    pub(super) datasets: BTreeMap<String, Slot>,
}

impl<'a> Output<'a> {
    /// Creates the file, its attributes, axes and empty datasets.
    pub(super) fn create(
        temporary: &Path,
        shown: &'a Path,
        file_type: &str,
        label: &'a CampaignLabel,
        provenance: &Provenance,
        linked: &'a [Run],
    ) -> Result<Self, RecordError> {
        let mut output = Output::empty(temporary, shown, file_type, label, provenance, linked)?;
        if !linked.is_empty() {
            linked::name(&output.root(), shown, linked)?;
        }
        output.layout()?;
        output.attach_scales()?;
        Ok(output)
    }

    /// The same without datasets for results, and without the axes' list of those who use them.
    pub(super) fn without_results(
        temporary: &Path,
        shown: &'a Path,
        file_type: &str,
        label: &'a CampaignLabel,
        provenance: &Provenance,
    ) -> Result<Self, RecordError> {
        Output::empty(temporary, shown, file_type, label, provenance, &[])
    }

    fn empty(
        temporary: &Path,
        shown: &'a Path,
        file_type: &str,
        label: &'a CampaignLabel,
        provenance: &Provenance,
        linked: &'a [Run],
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
        if label.settings.len() != label.points() {
            let found = format!("of {} points", label.settings.len());
            return Err(RecordError::unwritable("the list of settings", found, format!("of {}", label.points())));
        }
        let compress = hdf5::filters::deflate_available();
        if !compress {
            tracing::warn!("this HDF5 library has no gzip filter: histograms and dumps are stored uncompressed");
        }
        let pieces = if label.points() == 1 && label.dump.is_none() { hdf::FEW_PIECES } else { hdf::MANY_PIECES };
        let file = hdf::create(temporary, shown, pieces, !linked.is_empty())?;
        let mut output =
            Output { file, temporary: temporary.to_owned(), shown, label, compress, linked, datasets: BTreeMap::new() };
        output.attributes(file_type, provenance)?;
        output.coordinates()?;
        output.settings()?;
        Ok(output)
    }

    pub(super) fn file(&self) -> &hdf5::File {
        &self.file
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
        root.texts("inputs", &label.inputs)?;
        let texts: Vec<&str> = label.materials.iter().map(|(_, toml)| toml.as_str()).collect();
        root.texts("material_toml", &texts)?;
        let sweeps: Vec<&str> = label.sweeps.iter().map(|sweep| sweep.name.as_str()).collect();
        root.texts("sweeps", &sweeps)?;
        // What differs from point to point has no value of the whole file.
        root.scalar_if("seed", label.common(|of| of.seed))?;
        root.scalar_if("array_rows", label.common(|of| of.rows))?;
        root.scalar_if("array_cols", label.common(|of| of.cols))?;
        root.scalar_if("read_bias", label.common(|of| of.read_v))?;
        root.scalar_if("read_temperature", label.common(|of| of.read_k))?;
        root.scalar_if("program_temperature", label.common(|of| of.program_k))?;
        root.scalar_if("kept_threshold", label.common(|of| of.kept_threshold))?;
        root.array("report_times", &label.report_times_s)?;
        if let Some(w) = label.dump {
            root.array("dump_window", &[w.first_row, w.first_col, w.rows, w.cols])?;
        }
        Ok(())
    }

    /// Names of the axes of the points.
    fn point_axes(&self) -> Vec<String> {
        let sweeps = self.label.sweeps.iter().map(|sweep| sweep.name.clone());
        sweeps.chain([Axis::Material, Axis::Temperature].map(|axis| axis.name().to_owned())).collect()
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
            self.keep(d.name, dataset, self.point_axes(), layout::PER_POINT, d.units, d.long_name)?;
        }
        if !self.label.circuit_times_s.is_empty() {
            for merit in &MERITS {
                let inner = layout::PER_CIRCUIT_TIME;
                self.numbers(&layout::of_merit(merit), inner, f64::NAN, merit.units, merit.long_name)?;
            }
        }
        if self.label.dump.is_some() {
            for quantity in [layout::CONDUCTANCE, layout::FILLING, layout::LOST_FRACTION] {
                let (name, long_name) = layout::of_cells(&quantity);
                self.numbers(&name, layout::PER_CELL, f32::NAN, quantity.units, &long_name)?;
            }
        }
        Ok(())
    }

    fn histogram(&mut self, quantity: &Quantity) -> Result<(), RecordError> {
        let words = |(suffix, words): (&str, &str)| {
            (format!("{}{suffix}", quantity.name), format!("{words} {}", quantity.long_name))
        };
        let (name, long_name) = words(layout::HISTOGRAM);
        self.numbers(&name, layout::PER_BIN, 0_u64, "1", &long_name)?;
        for (name, long_name) in [layout::BELOW, layout::ABOVE].map(words) {
            self.numbers(&name, layout::PER_TIME, 0_u64, "1", &long_name)?;
        }
        for (name, long_name) in [layout::LOW, layout::HIGH].map(words) {
            self.numbers(&name, layout::PER_POINT, f64::NAN, quantity.units, &long_name)?;
        }
        Ok(())
    }

    /// An empty dataset of numbers in chunks, each with a checksum.
    fn numbers<T>(
        &mut self,
        name: &str,
        inner: &'static [Axis],
        fill: T,
        units: &str,
        long_name: &str,
    ) -> Result<(), RecordError>
    where
        T: H5Type + Into<hdf5::types::dyn_value::OwnedDynValue>,
    {
        let shape = self.shape(inner);
        if !self.linked.is_empty() && !inner.is_empty() {
            let builder = self.file.new_dataset_builder().fill_value(fill);
            let dataset = self.links(builder.empty::<T>().shape(shape.as_slice()), name, &shape, inner).create(name);
            let dataset = dataset.writing(self.shown, &format!("create the dataset {name}"))?;
            return self.keep(name, dataset, self.all_axes(inner), inner, units, long_name);
        }
        let chunk = chunk_shape(inner, &shape);
        let mut builder = self.file.new_dataset_builder().chunk(chunk.as_slice()).fill_value(fill);
        if self.compress && inner.len() > layout::PER_TIME.len() {
            builder = builder.shuffle().deflate(layout::DEFLATE);
        }
        let doing = format!("create the dataset {name}");
        let dataset = builder.fletcher32().empty::<T>().shape(shape).create(name);
        let dataset = dataset.writing(self.shown, &doing)?;
        self.keep(name, dataset, self.all_axes(inner), inner, units, long_name)
    }

    fn all_axes(&self, inner: &[Axis]) -> Vec<String> {
        self.point_axes().into_iter().chain(inner.iter().map(|axis| axis.name().to_owned())).collect()
    }

    /// Leads each run of points to the same place of the same dataset in the file that holds them.
    fn links(
        &self,
        mut builder: DatasetBuilderEmptyShape,
        name: &str,
        shape: &[usize],
        inner: &[Axis],
    ) -> DatasetBuilderEmptyShape {
        let axes = shape.len() - inner.len();
        for run in self.linked {
            // In these names HDF5 takes a percent sign for the beginning of a placeholder.
            let file = run.file.replace('%', "%%");
            for block in pending::blocks(&shape[..axes], run.points.clone()) {
                let ranges = block.into_iter().chain(shape[axes..].iter().map(|&n| 0..n));
                let slab = Hyperslab::from(ranges.map(SliceOrIndex::from).collect::<Vec<_>>());
                builder = builder.virtual_map(&file, name, shape, slab.clone(), shape, slab);
            }
        }
        builder
    }

    fn keep(
        &mut self,
        name: &str,
        dataset: Dataset,
        axes: Vec<String>,
        inner: &'static [Axis],
        units: &str,
        long_name: &str,
    ) -> Result<(), RecordError> {
        let attributes = Attributes { at: &dataset, path: self.shown };
        attributes.text("units", units)?;
        attributes.text("long_name", long_name)?;
        let pending = RefCell::default();
        self.datasets.insert(name.to_owned(), Slot { dataset, pending, axes, inner });
        Ok(())
    }

    /// Lengths of the axes of the points and of these.
    fn shape(&self, inner: &[Axis]) -> Vec<usize> {
        self.label.shape().into_iter().chain(self.inner_shape(inner)).collect()
    }

    /// Whether values of these axes lie in other files.
    pub(super) fn is_linked(&self, inner: &[Axis]) -> bool {
        !self.linked.is_empty() && !inner.is_empty()
    }

    /// Lengths of axes besides those of the points.
    pub(super) fn inner_shape(&self, inner: &[Axis]) -> Vec<usize> {
        let label = self.label;
        let (rows, cols) = label.dump.map_or((0, 0), |w| (w.rows as usize, w.cols as usize));
        let length = |axis: &Axis| match axis {
            Axis::Material => label.materials.len(),
            Axis::Temperature => label.temperatures_k.len(),
            Axis::Time => label.times_s.len(),
            Axis::Bin => label.bins,
            Axis::Row => rows,
            Axis::Col => cols,
            Axis::CircuitTime => label.circuit_times_s.len(),
        };
        inner.iter().map(length).collect()
    }

    /// Points every dataset to its axes and every axis back to the datasets.
    pub(super) fn attach_scales(&self) -> Result<(), RecordError> {
        let uses = self.datasets.iter().map(|(name, slot)| (name.as_str(), &slot.dataset, slot.axes.clone()));
        scales::attach(&self.file, self.shown, uses)
    }

    /// Writes what is pending, closes the file and reports whether all of it reached the system.
    pub(super) fn close(self) -> Result<(), RecordError> {
        let axes = self.label.shape();
        for (name, slot) in &self.datasets {
            let doing = format!("write the dataset {name}");
            slot.pending.borrow_mut().write(&slot.dataset, &axes).writing(self.shown, &doing)?;
        }
        // Closing a file with an open dataset would be an error in this module.
        drop(self.datasets);
        hdf::finish(self.file, &self.temporary, self.shown)
    }
}

/// Shape of the pieces a dataset is stored in: whole points, as many as make a piece of some 8,000 values, or a part
/// of one point.
fn chunk_shape(inner: &[Axis], shape: &[usize]) -> Vec<usize> {
    const MOST: usize = 1 << 20;
    const ENOUGH: usize = 1 << 13;
    let points = shape.len() - inner.len();
    let mut chunk = vec![1; shape.len()];
    match inner {
        layout::PER_CELL => {
            chunk[points + 1] = shape[points + 1].min(layout::DUMP_CHUNK);
            chunk[points + 2] = shape[points + 2].min(layout::DUMP_CHUNK);
            return chunk;
        }
        layout::PER_BIN => {
            chunk[points + 1] = shape[points + 1].min(MOST);
            chunk[points] = shape[points].min((MOST / chunk[points + 1]).max(1));
        }
        layout::PER_TIME | layout::PER_CIRCUIT_TIME => chunk[points] = shape[points].min(MOST),
        _ => {}
    }
    // From the axis that runs fastest outwards, as long as it is held whole.
    let mut values: usize = chunk[points..].iter().product();
    for axis in (0..points).rev() {
        chunk[axis] = shape[axis].min((ENOUGH / values).max(1));
        values *= chunk[axis];
        if chunk[axis] < shape[axis] {
            break;
        }
    }
    chunk
}
