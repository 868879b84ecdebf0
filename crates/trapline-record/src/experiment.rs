//! Reading experiment files.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use hdf5::types::VarLenArray;
use hdf5::{Group, ObjectReference1};

use super::error::RecordError;
use super::hdf::{self, Explain, Trust};
use super::input::Input;
use super::kind::Kind;
use super::layout::EXPERIMENT_FILE_TYPE;
use super::{root, scales};
use trapline_model::dataset::{Dataset, DatasetError, Values, Variable};
use trapline_model::outcome::{ExperimentLabel, Provenance};

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
    hdf::open(path, Trust::Sealed)?.read(experiment)
}

pub(super) fn experiment(input: &Input<'_>) -> Result<ExperimentRecord, RecordError> {
    root::check(input, EXPERIMENT_FILE_TYPE)?;
    let names = input.texts("material_name")?;
    let texts = input.texts("material_toml")?;
    if names.len() != texts.len() {
        let limit = format!("{}, one per material", names.len());
        return Err(RecordError::damaged(input.path, "the number of material_toml texts", texts.len(), limit));
    }
    let groups = input.texts("datasets")?;
    each_once(input, "datasets", &groups)?;
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

/// Refuses a list of what is to be read that names something twice: a small file could ask for any amount of memory.
fn each_once(input: &Input<'_>, what: &str, names: &[String]) -> Result<(), RecordError> {
    let mut known = HashSet::new();
    match names.iter().find(|name| !known.insert(name.as_str())) {
        None => Ok(()),
        Some(name) => Err(RecordError::damaged(
            input.path,
            format!("the list {what}"),
            format!("{name:?} twice"),
            "each name once",
        )),
    }
}

fn notes(input: &Input<'_>, at: &Group) -> Result<Vec<(String, String)>, RecordError> {
    let names = input.texts_of(at, "notes")?;
    let note = |name: String| input.text_of(at, &name).map(|text| (name, text));
    names.into_iter().map(note).collect()
}

fn dataset(input: &Input<'_>, name: String) -> Result<Dataset, RecordError> {
    if !input.contents.has_group(&name) {
        return Err(RecordError::damaged(input.path, format!("the group {name}"), "missing", "in this file"));
    }
    let group = input.file.group(&name).reading(input.path, &format!("open the group {name}"))?;
    let scales = Scales::of(input, &name)?;
    let variables = input.texts_of(&group, "variables")?;
    each_once(input, "variables", &variables)?;
    let variables: Result<Vec<_>, _> =
        variables.into_iter().map(|variable| read(input, &scales, &format!("{name}/{variable}"), variable)).collect();
    let coordinates = match hdf::has_attribute(&group, "coordinates") {
        true => input.text_of(&group, "coordinates")?.split_whitespace().map(str::to_owned).collect(),
        false => Vec::new(),
    };
    let (title, notes) = (input.text_of(&group, "title")?, notes(input, &group)?);
    let dataset = Dataset { title, notes, variables: variables?, coordinates, name };
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
    let stored = input.open_any(path)?;
    let shape = stored.get_shape().reading(input.path, &doing)?;
    let kind = input.kind_of(path, &stored)?;
    // Nothing is compressed, so a file that claims more than it is long is wrong.
    input.fits(path, &shape, kind.bytes())?;
    let values = match kind {
        Kind::Real(8) => Values::Real(input.numbers(path, &shape)?),
        Kind::Unsigned(8) => Values::Count(input.numbers(path, &shape)?),
        Kind::Text if shape.len() == 1 => Values::Text(input.strings(path, &shape)?.into_iter().collect()),
        other => {
            let what = format!("the type of {path}");
            let found = format!("{other} over {} axes", shape.len());
            let limit = "64-bit numbers, whole numbers without a sign, or texts over one axis";
            return Err(RecordError::damaged(input.path, what, found, limit));
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

/// The dimension scales of one group by the references that lead to them.
struct Scales {
    known: HashMap<u64, String>,
}

impl Scales {
    fn of(input: &Input<'_>, group: &str) -> Result<Scales, RecordError> {
        let doing = format!("list the axes of {group}");
        let known = input.contents.datasets_in(group).map(|name| {
            let to = input.file.reference(&format!("{group}/{name}")).reading(input.path, &doing)?;
            Ok((address(to), name.to_owned()))
        });
        Ok(Scales { known: known.collect::<Result<_, RecordError>>()? })
    }

    /// Names of the axes of a dataset: its own for a scale, and those that it points to for anything else.
    ///
    /// References are compared with those to the scales, and not followed: they may lead anywhere in the file.
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
        let follow = |to: &VarLenArray<ObjectReference1>| {
            let found = to.first().and_then(|to| self.known.get(&address(*to)));
            found.cloned().ok_or_else(|| {
                RecordError::damaged(input.path, format!("an axis of {path}"), "elsewhere", "in the same group")
            })
        };
        list.iter().map(follow).collect()
    }
}

/// Where in its file the object lies that a reference leads to.
fn address(reference: ObjectReference1) -> u64 {
    // SAFETY: the crate's type is a transparent wrapper of this number, which HDF5 defines as the address of the
    // object.
    unsafe { std::mem::transmute::<ObjectReference1, u64>(reference) }
}
