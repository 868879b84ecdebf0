//! Reading experiment files.

use std::path::{Path, PathBuf};

use hdf5::types::{FloatSize, IntSize, TypeDescriptor, VarLenArray};
use hdf5::{Group, ObjectReference1, ReferencedObject};

use super::error::RecordError;
use super::hdf::{self, Explain};
use super::input::Input;
use super::layout::EXPERIMENT_FILE_TYPE;
use super::{root, scales};
use crate::dataset::{Dataset, DatasetError, Values, Variable};
use crate::outcome::{ExperimentLabel, Provenance};

/// An experiment file as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentRecord {
    pub path: PathBuf,
    /// Major and minor.
    pub format_version: [i32; 2],
    pub label: ExperimentLabel,
    pub provenance: Provenance,
    /// In the order in which they were written.
    pub datasets: Vec<Dataset>,
}

impl ExperimentRecord {
    /// A dataset by name.
    pub fn get(&self, name: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name)
    }
}

/// Reads an experiment file.
///
/// # Errors
/// A [`RecordError`] of one line for a file that is missing, not HDF5, of another type or format version, or damaged.
pub fn read_datasets(path: &Path) -> Result<ExperimentRecord, RecordError> {
    let (file, sealed) = hdf::open(path)?;
    hdf::judge(path, sealed, experiment(&Input::new(&file, path)))
}

fn experiment(input: &Input<'_>) -> Result<ExperimentRecord, RecordError> {
    root::check(input, EXPERIMENT_FILE_TYPE)?;
    let names = input.texts("material_name")?;
    let texts = input.texts("material_toml")?;
    if names.len() != texts.len() {
        let limit = format!("{}, one per material", names.len());
        return Err(RecordError::damaged(input.path, "the number of material_toml texts", texts.len(), limit));
    }
    let groups = input.texts("datasets")?;
    let datasets: Result<Vec<_>, _> = groups.into_iter().map(|name| dataset(input, name)).collect();
    Ok(ExperimentRecord {
        path: input.path.to_owned(),
        format_version: root::version(input)?,
        label: ExperimentLabel {
            command: input.text("experiment")?,
            title: input.text("title")?,
            materials: names.into_iter().zip(texts).collect(),
            seed: input.scalar("seed")?,
            notes: notes(input, input.file)?,
        },
        provenance: root::provenance(input)?,
        datasets: datasets?,
    })
}

fn notes(input: &Input<'_>, at: &Group) -> Result<Vec<(String, String)>, RecordError> {
    let names = input.texts_of(at, "notes")?;
    let note = |name: String| input.text_of(at, &name).map(|text| (name, text));
    names.into_iter().map(note).collect()
}

fn dataset(input: &Input<'_>, name: String) -> Result<Dataset, RecordError> {
    let group = input.file.group(&name).reading(input.path, &format!("open the group {name}"))?;
    let scales = Scales::of(input, &group)?;
    let variables: Result<Vec<_>, _> = input
        .texts_of(&group, "variables")?
        .into_iter()
        .map(|variable| read(input, &scales, &format!("{name}/{variable}"), variable))
        .collect();
    let dataset =
        Dataset { title: input.text_of(&group, "title")?, notes: notes(input, &group)?, variables: variables?, name };
    match dataset.check() {
        Ok(()) => Ok(dataset),
        Err(DatasetError::Misfit { dataset, name, found, limit }) => {
            Err(RecordError::damaged(input.path, format!("{dataset}/{name}"), found, limit))
        }
        Err(DatasetError::Absent { dataset, name }) => {
            Err(RecordError::damaged(input.path, format!("{dataset}/{name}"), "absent", "there"))
        }
    }
}

fn read(input: &Input<'_>, scales: &Scales, path: &str, name: String) -> Result<Variable, RecordError> {
    let doing = format!("open the dataset {path}");
    let stored = input.file.dataset(path).reading(input.path, &doing)?;
    let shape = stored.get_shape().reading(input.path, &doing)?;
    let kind = stored.dtype().and_then(|kind| kind.to_descriptor()).reading(input.path, &doing)?;
    // Nothing is compressed, so a file that claims more than it is long is wrong. A text takes 16 bytes and its letters.
    input.fits(path, &shape, if kind == TypeDescriptor::VarLenUnicode { 16 } else { 8 })?;
    let values = match kind {
        TypeDescriptor::Float(FloatSize::U8) => Values::Real(input.numbers(path, &shape)?),
        TypeDescriptor::Unsigned(IntSize::U8) => Values::Count(input.numbers(path, &shape)?),
        TypeDescriptor::VarLenUnicode if shape.len() == 1 => {
            Values::Text(input.strings(path, &shape)?.into_iter().collect())
        }
        other => {
            let what = format!("the type of {path}");
            let found = format!("{other} of {} axes", shape.len());
            return Err(RecordError::damaged(input.path, what, found, "f64, u64, or text over one axis"));
        }
    };
    Ok(Variable {
        axes: scales.axes(input, &stored, path, &name, shape.len())?,
        unit: input.text_of(&stored, "units")?,
        long_name: input.text_of(&stored, "long_name")?,
        values,
        name,
    })
}

/// The dimension scales of one group: where each lies in the file, and its name.
struct Scales {
    known: Vec<(hdf5::LocationToken, String)>,
}

impl Scales {
    fn of(input: &Input<'_>, group: &Group) -> Result<Scales, RecordError> {
        let doing = format!("list the axes of {}", group.name());
        let names = group.member_names().reading(input.path, &doing)?;
        let known = names.into_iter().map(|name| {
            let info = group.loc_info_by_name(&name).reading(input.path, &doing)?;
            Ok((info.token, name))
        });
        Ok(Scales { known: known.collect::<Result<_, RecordError>>()? })
    }

    /// Names of the axes of a dataset: its own for a scale, and those that it points to for anything else.
    fn axes(
        &self,
        input: &Input<'_>,
        stored: &hdf5::Dataset,
        path: &str,
        name: &str,
        count: usize,
    ) -> Result<Vec<String>, RecordError> {
        if count == 1 && hdf::has_attribute(stored, "CLASS") {
            return Ok(vec![name.to_owned()]);
        }
        let list: Vec<VarLenArray<ObjectReference1>> = input.array_of(stored, scales::DIMENSION_LIST)?;
        if list.len() != count {
            let what = format!("the number of axes that {path} names");
            return Err(RecordError::damaged(input.path, what, list.len(), count));
        }
        let doing = format!("follow {path} to its axes");
        let follow = |to: &VarLenArray<ObjectReference1>| {
            let token = match to.first().map(|to| input.file.dereference(to)) {
                Some(Ok(ReferencedObject::Dataset(scale))) => Some(scale.loc_info().reading(input.path, &doing)?.token),
                Some(Err(e)) => return Err(e).reading(input.path, &doing),
                _ => None,
            };
            let found = self.known.iter().find(|(known, _)| Some(*known) == token);
            found.map(|(_, axis)| axis.clone()).ok_or_else(|| {
                RecordError::damaged(input.path, format!("an axis of {path}"), "elsewhere", "in the same group")
            })
        };
        list.iter().map(follow).collect()
    }
}
