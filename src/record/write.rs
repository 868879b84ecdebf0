//! Writing: an empty file with all axes and datasets, then the values of one point at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hdf5::types::{VarLenArray, VarLenUnicode};
use hdf5::{Dataset, H5Type, Hyperslab, ObjectReference1, SliceOrIndex};
use ndarray::{Array1, ArrayViewD, Axis as Dim, IxDyn, arr0};

use super::commit::{self, CommitError};
use super::error::RecordError;
use super::hdf::{self, Attributes, Explain, unicode};
use super::layout::{self, Axis, FORMAT_VERSION, POINT_FILE_TYPE, POINTS_PER_FOLDER, Quantity};
use super::seal;
use crate::outcome::{CampaignLabel, CellWindow, HistogramSeries, MomentSeries, PointLabel, PointOutcome, Provenance};
use crate::units::celsius;

/// Where the point of this number lies under the folder of a campaign's points.
pub fn point_path(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("{:06}", number / POINTS_PER_FOLDER)).join(format!("point-{number:06}.h5"))
}

/// Commits one point as its own file under `dir` (see [`point_path`]) and returns its path.
///
/// # Errors
/// [`RecordError::Unwritable`] where the outcome does not have the shape the campaign says, [`RecordError::Commit`] and
/// [`RecordError::Hdf5`] where the disk refuses. Nothing is left under the final name then.
pub fn write_point(
    dir: &Path,
    campaign: &CampaignLabel,
    point: &PointLabel,
    provenance: &Provenance,
    outcome: &PointOutcome,
) -> Result<PathBuf, RecordError> {
    check_point(campaign, point)?;
    let path = point_path(dir, point.number);
    commit::create_folder(commit::folder_of(&path))?;
    let mut label = campaign.clone();
    label.materials = vec![campaign.materials[point.material_index].clone()];
    label.temperatures_k = vec![point.temperature_k];
    commit::atomic_write(&path, |temporary| {
        let output = Output::create(temporary, &path, POINT_FILE_TYPE, &label, provenance)?;
        let root = output.root();
        root.scalar("point_number", &(point.number as u64))?;
        root.scalar("material_index", &(point.material_index as u64))?;
        root.scalar("temperature_index", &(point.temperature_index as u64))?;
        output.point([0, 0], point, provenance, outcome)?;
        output.close()
    })?;
    Ok(path)
}

fn check_point(campaign: &CampaignLabel, point: &PointLabel) -> Result<(), RecordError> {
    let (m, t) = (point.material_index, point.temperature_index);
    let materials = campaign.materials.len();
    let temperatures = campaign.temperatures_k.len();
    if m >= materials || campaign.materials[m].0 != point.material {
        let limit = format!("the material on the campaign's axis of {materials}");
        return Err(RecordError::unwritable("the point's material", format!("{} at {m}", point.material), limit));
    }
    if t >= temperatures || campaign.temperatures_k[t].to_bits() != point.temperature_k.to_bits() {
        let limit = format!("the temperature on the campaign's axis of {temperatures}");
        let found = format!("{} K at {t}", point.temperature_k);
        return Err(RecordError::unwritable("the point's temperature", found, limit));
    }
    let number = m * temperatures + t;
    if point.number != number {
        return Err(RecordError::unwritable("the point's number", point.number, number));
    }
    Ok(())
}

/// A reference and the axis of the object that uses the scale, as the dimension scale specification lays it out.
#[derive(Clone, Copy, H5Type)]
#[repr(C)]
struct ScaleUse {
    dataset: ObjectReference1,
    dimension: i32,
}

/// A file being written.
pub(super) struct Output<'a> {
    file: hdf5::File,
    temporary: PathBuf,
    /// The final path, which errors name.
    shown: &'a Path,
    label: &'a CampaignLabel,
    compress: bool,
    datasets: BTreeMap<String, (Dataset, Vec<Axis>)>,
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
        root.text("file_type", file_type)?;
        root.array("format_version", &FORMAT_VERSION)?;
        root.text("program", "trapline")?;
        root.text("program_version", &provenance.program_version)?;
        root.text("commit", &provenance.commit)?;
        root.text("backend", &provenance.identity.backend)?;
        root.text("adapter", &provenance.identity.adapter)?;
        root.text("driver", &provenance.identity.driver)?;
        root.text("instruction_set", &provenance.identity.instruction_set)?;
        root.scalar("software", &u8::from(provenance.identity.software))?;
        root.text("started_utc", &provenance.started_utc)?;
        root.text("ended_utc", &provenance.ended_utc)?;
        root.text("campaign_name", &label.name)?;
        root.text("campaign_toml", &label.campaign_toml)?;
        root.texts("overrides", &label.overrides)?;
        let texts: Vec<&str> = label.materials.iter().map(|(_, toml)| toml.as_str()).collect();
        root.texts("material_toml", &texts)?;
        root.scalar("seed", &label.seed)?;
        root.scalar("array_rows", &label.rows)?;
        root.scalar("array_cols", &label.cols)?;
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
        attributes.scale_text("CLASS", "DIMENSION_SCALE")?;
        attributes.scale_text("NAME", axis.name())?;
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
        self.numbers(&format!("{name}_below"), layout::PER_TIME, 0_u64, "1", &words)?;
        let words = format!("number of cells at or above the end of the last bin of the {of}");
        self.numbers(&format!("{name}_above"), layout::PER_TIME, 0_u64, "1", &words)?;
        let words = format!("lower edge of the first bin of the {of}");
        self.numbers(&format!("{name}_low"), layout::PER_POINT, f64::NAN, quantity.units, &words)?;
        let words = format!("upper edge of the last bin of the {of}");
        self.numbers(&format!("{name}_high"), layout::PER_POINT, f64::NAN, quantity.units, &words)
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

    fn shape(&self, axes: &[Axis]) -> Vec<usize> {
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
        let mut uses: BTreeMap<&str, Vec<ScaleUse>> = BTreeMap::new();
        let refer = |name: &str| {
            let doing = format!("refer to {name}");
            self.file.reference::<ObjectReference1>(name).writing(self.shown, &doing)
        };
        for (name, (dataset, axes)) in &self.datasets {
            let mut list = Vec::with_capacity(axes.len());
            for (dimension, axis) in axes.iter().enumerate() {
                list.push(VarLenArray::from_slice(&[refer(axis.name())?]));
                let place = ScaleUse { dataset: refer(name)?, dimension: dimension as i32 };
                uses.entry(axis.name()).or_default().push(place);
            }
            Attributes { at: dataset, path: self.shown }.array("DIMENSION_LIST", &list)?;
        }
        for (axis, places) in uses {
            let scale = self.file.dataset(axis).writing(self.shown, "open an axis")?;
            Attributes { at: &scale, path: self.shown }.array("REFERENCE_LIST", &places)?;
        }
        Ok(())
    }

    /// Writes everything known of one point at these places on the material and temperature axes.
    pub(super) fn point(
        &self,
        at: [usize; 2],
        point: &PointLabel,
        provenance: &Provenance,
        outcome: &PointOutcome,
    ) -> Result<(), RecordError> {
        let same_times = outcome.times_s.len() == self.label.times_s.len()
            && outcome.times_s.iter().zip(&self.label.times_s).all(|(a, b)| a.to_bits() == b.to_bits());
        if !same_times {
            let found = format!("{} checkpoints", outcome.times_s.len());
            return Err(RecordError::unwritable("the time axis of a point", found, "the campaign's"));
        }
        self.moments(at, layout::CONDUCTANCE.name, &outcome.conductance_s)?;
        self.moments(at, layout::FILLING.name, &outcome.filling)?;
        self.moments(at, layout::LOST_FRACTION.name, &outcome.lost_fraction)?;
        self.moments(at, layout::KEPT.name, &outcome.kept)?;
        self.counts(at, layout::CONDUCTANCE.name, &outcome.conductance_histogram)?;
        self.counts(at, layout::FILLING.name, &outcome.filling_histogram)?;
        self.counts(at, layout::KEPT.name, &outcome.kept_histogram)?;
        self.put(layout::FAILED.name, at, outcome.failed.view().into_dyn())?;
        self.put_one(layout::CELLS.name, at, outcome.cells)?;
        self.put_one(layout::PROGRAMMED.name, at, outcome.programmed)?;
        self.put_one(layout::FRESH.name, at, outcome.fresh_conductance_s)?;
        self.dump(at, outcome)?;
        for flag in &point.flags {
            if flag.is_empty() || flag.contains('\n') {
                return Err(RecordError::unwritable("a flag", format!("{flag:?}"), "one line of text"));
            }
        }
        let who = &provenance.identity;
        let flags = point.flags.join("\n");
        let texts: [&str; layout::POINT_STRINGS.len()] = [
            &flags,
            &provenance.started_utc,
            &provenance.ended_utc,
            &who.backend,
            &who.adapter,
            &who.driver,
            &who.instruction_set,
            &provenance.program_version,
            &provenance.commit,
        ];
        for (dataset, value) in layout::POINT_STRINGS.iter().zip(texts) {
            self.put_one(dataset.name, at, unicode(dataset.name, value)?)?;
        }
        self.put_one(layout::POINT_SOFTWARE.name, at, u8::from(who.software))?;
        self.put_one(layout::COMPUTED.name, at, 1_u8)
    }

    fn moments(&self, at: [usize; 2], name: &str, series: &MomentSeries) -> Result<(), RecordError> {
        let all = [&series.mean, &series.variance, &series.min, &series.max];
        for ((suffix, _, _), values) in layout::MOMENTS.into_iter().zip(all) {
            self.put(&format!("{name}_{suffix}"), at, values.view().into_dyn())?;
        }
        Ok(())
    }

    fn counts(&self, at: [usize; 2], name: &str, series: &HistogramSeries) -> Result<(), RecordError> {
        self.put(&format!("{name}_histogram"), at, series.counts.view().into_dyn())?;
        self.put(&format!("{name}_below"), at, series.below.view().into_dyn())?;
        self.put(&format!("{name}_above"), at, series.above.view().into_dyn())?;
        self.put_one(&format!("{name}_low"), at, series.low)?;
        self.put_one(&format!("{name}_high"), at, series.high)
    }

    fn dump(&self, at: [usize; 2], outcome: &PointOutcome) -> Result<(), RecordError> {
        let found = outcome.dump.as_ref().map(|d| d.window);
        if found != self.label.dump {
            let limit = format!("{:?}, the campaign's", self.label.dump);
            return Err(RecordError::unwritable("the window of a cell dump", format!("{found:?}"), limit));
        }
        let Some(dump) = &outcome.dump else {
            return Ok(());
        };
        for (quantity, values) in [
            (layout::CONDUCTANCE, &dump.conductance_s),
            (layout::FILLING, &dump.filling),
            (layout::LOST_FRACTION, &dump.lost_fraction),
        ] {
            self.put(&format!("cell_{}", quantity.name), at, values.view().into_dyn())?;
        }
        Ok(())
    }

    fn put_one<T: H5Type + Clone>(&self, name: &str, at: [usize; 2], value: T) -> Result<(), RecordError> {
        self.put(name, at, arr0(value).view().into_dyn())
    }

    /// Writes the values of one point into a dataset.
    fn put<T: H5Type + Clone>(&self, name: &str, at: [usize; 2], values: ArrayViewD<'_, T>) -> Result<(), RecordError> {
        let Some((dataset, axes)) = self.datasets.get(name) else {
            return Err(RecordError::unwritable("a dataset", name, "one of the format's"));
        };
        let shape = self.shape(axes);
        if values.shape() != &shape[2..] {
            let found = format!("{:?}", values.shape());
            let limit = format!("{:?}, as the campaign says", &shape[2..]);
            return Err(RecordError::unwritable(format!("the shape of {name}"), found, limit));
        }
        let ranges = at.into_iter().map(|i| i..i + 1).chain(shape[2..].iter().map(|&n| 0..n));
        let slab = Hyperslab::from(ranges.map(SliceOrIndex::from).collect::<Vec<_>>());
        let block = values.insert_axis(Dim(0)).insert_axis(Dim(0));
        let block = block.as_standard_layout();
        let doing = format!("write the dataset {name}");
        dataset.write_slice(block.view(), slab).writing(self.shown, &doing)
    }

    /// Closes the file and reports whether all of it reached the system.
    ///
    /// Where it did not, HDF5 keeps its handle until the program ends; the commit removes the name all the same.
    pub(super) fn close(self) -> Result<(), RecordError> {
        // A dataset that is open when the file closes would be an error of ours.
        drop(self.datasets);
        self.file.flush().writing(self.shown, "write the file")?;
        self.file.close().writing(self.shown, "close the file")?;
        seal::close(&self.temporary).map_err(|e| CommitError::new("seal", self.shown, e).into())
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
