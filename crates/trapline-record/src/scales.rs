//! Dimension scales, written as the attributes that the HDF5 dimension scale specification lays down: what makes other
//! programs see named axes.

use std::collections::BTreeMap;
use std::path::Path;

use hdf5::types::VarLenArray;
use hdf5::{Dataset, H5Type, ObjectReference1};

use super::error::RecordError;
use super::hdf::{Attributes, Explain};

/// Name of the attribute that points a dataset to its axes.
pub(super) const DIMENSION_LIST: &str = "DIMENSION_LIST";

/// A reference and the axis of the object that uses the scale, as the specification lays it out.
#[derive(Clone, Copy, H5Type)]
#[repr(C)]
struct ScaleUse {
    dataset: ObjectReference1,
    dimension: i32,
}

/// Makes a dataset a dimension scale of this name, of less than `N` ASCII letters.
pub(super) fn mark<const N: usize>(scale: &Attributes<'_>, name: &str) -> Result<(), RecordError> {
    scale.scale_text::<16>("CLASS", "DIMENSION_SCALE")?;
    scale.scale_text::<N>("NAME", name)
}

/// Points every dataset to its axes, and every axis back to the datasets: path, dataset, paths of its axes.
pub(super) fn attach<'a>(
    file: &hdf5::File,
    shown: &Path,
    datasets: impl Iterator<Item = (&'a str, &'a Dataset, Vec<String>)>,
) -> Result<(), RecordError> {
    let mut uses: BTreeMap<String, Vec<ScaleUse>> = BTreeMap::new();
    let refer = |name: &str| {
        let doing = format!("refer to {name}");
        file.reference::<ObjectReference1>(name).writing(shown, &doing)
    };
    // A reference is looked up by name, and hundreds of places use the same few axes.
    let mut referred: BTreeMap<String, ObjectReference1> = BTreeMap::new();
    for (name, dataset, axes) in datasets {
        let itself = refer(name)?;
        let mut list = Vec::with_capacity(axes.len());
        for (dimension, axis) in axes.into_iter().enumerate() {
            let to_axis = match referred.get(&axis) {
                Some(&known) => known,
                None => *referred.entry(axis.clone()).or_insert(refer(&axis)?),
            };
            list.push(VarLenArray::from_slice(&[to_axis]));
            uses.entry(axis).or_default().push(ScaleUse { dataset: itself, dimension: dimension as i32 });
        }
        Attributes { at: dataset, path: shown }.array(DIMENSION_LIST, &list)?;
    }
    for (axis, places) in uses {
        let scale = file.dataset(&axis).writing(shown, "open an axis")?;
        Attributes { at: &scale, path: shown }.array("REFERENCE_LIST", &places)?;
    }
    Ok(())
}
