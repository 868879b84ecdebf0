//! Experiment files: many [`Dataset`]s in one file, a group each.
//!
//! The shape is netCDF's, so that xarray opens a group as it stands: a variable over the axis of its own name is that
//! axis' dimension scale, an axis without a coordinate has a scale without numbers, and every other variable points
//! to the scales of its axes. What HDF5 does not keep, the order of groups, variables and notes, is written down as
//! lists of names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hdf5::types::VarLenUnicode;
use hdf5::{H5Type, Location};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::error::RecordError;
use super::hdf::{self, Attributes, Explain, unicode};
use super::layout::EXPERIMENT_FILE_TYPE;
use super::{root, scales};
use trapline_model::dataset::{Dataset, DatasetError, Values, Variable};
use trapline_model::files::commit::Batch;
use trapline_model::outcome::{ExperimentLabel, Provenance};

/// Numbers per chunk, each with its checksum: 1 MiB, HDF5's cache of one dataset.
const CHUNK: usize = 1 << 17;

/// Longest name of a variable or an axis: what a scale's `NAME` holds.
const LONGEST: usize = 63;

/// Commits an experiment file, replacing what was there.
///
/// # Errors
/// [`RecordError::Unwritable`] where datasets, variables or notes have names that the format or each other forbids,
/// or an array does not fit its axes; [`RecordError::Commit`] and [`RecordError::Hdf5`] where the disk refuses. What
/// was there before is then as it was.
pub fn write_datasets(
    path: &Path,
    label: &ExperimentLabel,
    provenance: &Provenance,
    datasets: &[Dataset],
) -> Result<(), RecordError> {
    let mut batch = Batch::new();
    stage_datasets(&mut batch, path, label, provenance, datasets)?;
    Ok(batch.replace()?)
}

/// Writes an experiment file that gets its name with the rest of a batch.
///
/// # Errors
/// As [`write_datasets`].
pub fn stage_datasets(
    batch: &mut Batch,
    path: &Path,
    label: &ExperimentLabel,
    provenance: &Provenance,
    datasets: &[Dataset],
) -> Result<(), RecordError> {
    check_names(datasets)?;
    batch.write(path, |temporary| {
        let file = hdf::create(temporary, path, hdf::MANY_PIECES, false)?;
        let output = Output { file: &file, shown: path };
        output.root(label, provenance, datasets)?;
        for dataset in datasets {
            output.group(dataset)?;
        }
        hdf::finish(file, temporary, path)
    })
}

/// Refuses names that HDF5, netCDF or the format cannot hold, and two things of one name.
fn check_names(datasets: &[Dataset]) -> Result<(), RecordError> {
    let (mut groups, mut leaves, mut named) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for dataset in datasets {
        dataset.check().map_err(unfit)?;
        let group = dataset.name.as_str();
        let sound = |part: &str| !matches!(part, "" | "." | "..") && part == part.trim() && !has_control(part);
        if !group.split('/').all(sound) {
            let limit = "parts between slashes, each with a name";
            return Err(RecordError::unwritable("the name of a dataset", format!("{group:?}"), limit));
        }
        if !named.insert(group) {
            return Err(RecordError::unwritable("the name of a dataset", format!("{group:?} twice"), "unique"));
        }
        let parents = group.match_indices('/').map(|(end, _)| &group[..end]);
        groups.extend(parents.chain([group]).map(str::to_owned));
        for variable in &dataset.variables {
            let name = &variable.name;
            for part in variable.axes.iter().chain([name]) {
                let first = part.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
                let rest = part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                if !(first && rest && part.len() <= LONGEST) {
                    let limit = format!("1 to {LONGEST} ASCII letters, digits and underscores, a letter first");
                    let what = format!("the name of a variable or axis in {group}");
                    return Err(RecordError::unwritable(what, format!("{part:?}"), limit));
                }
                leaves.insert(format!("{group}/{part}"));
            }
            let is_axis = dataset.variables.iter().any(|other| other.axes.contains(name));
            if is_axis && variable.axes != [name.clone()] {
                let (what, limit) = (format!("{group}/{name}"), format!("over {name} only, the axis of its name"));
                return Err(RecordError::unwritable(what, format!("over {:?}", variable.axes), limit));
            }
            if variable.unit.is_empty() {
                let what = format!("the unit of {group}/{name}");
                return Err(RecordError::unwritable(what, "empty", "a unit, 1 for a pure number"));
            }
        }
    }
    match groups.iter().find(|&group| leaves.contains(group)) {
        Some(both) => Err(RecordError::unwritable(both, "a dataset and a variable", "one of them")),
        None => Ok(()),
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn unfit(error: DatasetError) -> RecordError {
    match error {
        DatasetError::Misfit { dataset, name, found, limit } => {
            RecordError::unwritable(format!("{dataset}/{name}"), found, limit)
        }
        DatasetError::Absent { dataset, name } => {
            RecordError::unwritable(format!("{dataset}/{name}"), "absent", "there")
        }
    }
}

struct Output<'a> {
    file: &'a hdf5::File,
    shown: &'a Path,
}

impl Output<'_> {
    fn attributes<'a>(&'a self, at: &'a Location) -> Attributes<'a> {
        Attributes { at, path: self.shown }
    }

    fn root(&self, label: &ExperimentLabel, from: &Provenance, datasets: &[Dataset]) -> Result<(), RecordError> {
        let root = self.attributes(self.file);
        root::write(&root, EXPERIMENT_FILE_TYPE, from)?;
        root.text("experiment", &label.command)?;
        root.text("title", &label.title)?;
        let names: Vec<&str> = label.materials.iter().map(|(name, _)| name.as_str()).collect();
        let texts: Vec<&str> = label.materials.iter().map(|(_, toml)| toml.as_str()).collect();
        root.texts("material_name", &names)?;
        root.texts("material_toml", &texts)?;
        root.scalar("seed", &label.seed)?;
        let groups: Vec<&str> = datasets.iter().map(|dataset| dataset.name.as_str()).collect();
        root.texts("datasets", &groups)?;
        notes(&root, &label.notes)
    }

    fn group(&self, dataset: &Dataset) -> Result<(), RecordError> {
        let place = &dataset.name;
        // The group exists already if a dataset inside it was written first.
        let made = if self.file.link_exists(place) { self.file.group(place) } else { self.file.create_group(place) };
        let group = made.writing(self.shown, &format!("create the group {place}"))?;
        let attributes = self.attributes(&group);
        attributes.text("title", &dataset.title)?;
        let names: Vec<&str> = dataset.variables.iter().map(|variable| variable.name.as_str()).collect();
        attributes.texts("variables", &names)?;
        // The convention of netCDF's climate and forecast files, which xarray follows.
        let known = dataset.coordinates.iter().filter(|name| dataset.get(name).is_some()).map(String::as_str);
        let coordinates = known.collect::<Vec<_>>().join(" ");
        if !coordinates.is_empty() {
            attributes.text("coordinates", &coordinates)?;
        }
        notes(&attributes, &dataset.notes)?;

        for (axis, length) in bare_axes(dataset) {
            self.bare_axis(&format!("{place}/{axis}"), length)?;
        }
        let mut written = Vec::new();
        for variable in &dataset.variables {
            let path = format!("{place}/{}", variable.name);
            let stored = self.variable(&path, variable)?;
            if !is_coordinate(variable) {
                let axes: Vec<String> = variable.axes.iter().map(|axis| format!("{place}/{axis}")).collect();
                written.push((path, stored, axes));
            }
        }
        let uses = written.iter().map(|(path, stored, axes)| (path.as_str(), stored, axes.clone()));
        scales::attach(self.file, self.shown, uses)
    }

    fn variable(&self, path: &str, variable: &Variable) -> Result<hdf5::Dataset, RecordError> {
        let coordinate = is_coordinate(variable);
        let stored = match &variable.values {
            Values::Real(array) => self.array(path, array.view(), !coordinate),
            Values::Count(array) => self.array(path, array.view(), !coordinate),
            Values::Text(list) => {
                let texts: Result<Vec<VarLenUnicode>, _> = list.iter().map(|text| unicode(path, text)).collect();
                let array = ArrayD::from_shape_vec(IxDyn(&[list.len()]), texts?);
                let array = array.map_err(|e| RecordError::unwritable(path, e, "one-dimensional"))?;
                self.array(path, array.view(), false)
            }
        }?;
        let attributes = self.attributes(&stored);
        if coordinate {
            scales::mark::<{ LONGEST + 1 }>(&attributes, &variable.name)?;
        }
        attributes.text("units", &variable.unit)?;
        attributes.text("long_name", &variable.long_name)?;
        Ok(stored)
    }

    /// Numbers or texts; in chunks with checksums where it is asked for and there is something to cut.
    fn array<T: H5Type + Clone>(
        &self,
        path: &str,
        values: ArrayViewD<'_, T>,
        chunked: bool,
    ) -> Result<hdf5::Dataset, RecordError> {
        let shape = values.shape();
        let mut builder = self.file.new_dataset_builder();
        if chunked && !shape.is_empty() && !values.is_empty() {
            builder = builder.chunk(chunk_shape(shape)).fletcher32();
        }
        let stored = builder.empty::<T>().shape(shape).create(path);
        let stored = stored.writing(self.shown, &format!("create the dataset {path}"))?;
        if !values.is_empty() {
            let values = values.as_standard_layout();
            stored.write(values.view()).writing(self.shown, &format!("write the dataset {path}"))?;
        }
        Ok(stored)
    }

    /// An axis without a coordinate, in the words by which netCDF knows one.
    fn bare_axis(&self, path: &str, length: usize) -> Result<(), RecordError> {
        let scale = self.file.new_dataset::<f32>().shape([length]).create(path);
        let scale = scale.writing(self.shown, &format!("create the axis {path}"))?;
        let name = format!("This is a netCDF dimension but not a netCDF variable. {length:>9}");
        let attributes = self.attributes(&scale);
        scales::mark::<{ LONGEST + 1 }>(&attributes, &name)?;
        attributes.text("units", "1")?;
        attributes.text("long_name", "an axis without a coordinate: places counted from 0")
    }
}

/// Whether a variable lies over the axis of its own name, and nothing else.
fn is_coordinate(variable: &Variable) -> bool {
    matches!(&variable.axes[..], [axis] if *axis == variable.name)
}

/// Axes that no variable gives numbers to, with their lengths.
fn bare_axes(dataset: &Dataset) -> BTreeMap<&str, usize> {
    let all = dataset.variables.iter().flat_map(|v| v.axes.iter().map(String::as_str).zip(v.values.shape()));
    all.filter(|(axis, _)| dataset.get(axis).is_none()).collect()
}

/// A text attribute for each note, and the list of their names, since HDF5 keeps no order.
fn notes(at: &Attributes<'_>, notes: &[(String, String)]) -> Result<(), RecordError> {
    let names: Vec<&str> = notes.iter().map(|(name, _)| name.as_str()).collect();
    at.texts("notes", &names)?;
    for (name, text) in notes {
        if name.is_empty() || has_control(name) {
            let limit = "one line of text";
            return Err(RecordError::unwritable("the name of a note", format!("{name:?}"), limit));
        }
        if hdf::has_attribute(at.at, name) || name == "notes" {
            let found = format!("{name:?}, which is taken");
            return Err(RecordError::unwritable("the name of a note", found, "unique, and none of the format's own"));
        }
        at.text(name, text)?;
    }
    Ok(())
}

/// Chunks of whole rows where they fit.
fn chunk_shape(shape: &[usize]) -> Vec<usize> {
    let mut chunk = vec![1; shape.len()];
    let mut room = CHUNK;
    for (side, &length) in chunk.iter_mut().zip(shape).rev() {
        *side = length.min(room);
        room /= *side;
        if room == 0 {
            break;
        }
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::chunk_shape;

    #[test]
    fn chunks_hold_whole_rows_where_they_fit() {
        assert_eq!(chunk_shape(&[3, 5]), [3, 5]);
        assert_eq!(chunk_shape(&[1000, 1000]), [131, 1000]);
        assert_eq!(chunk_shape(&[2, 7, 1 << 20]), [1, 1, 1 << 17]);
    }
}
