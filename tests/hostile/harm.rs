//! A sound record, and what is done to it: other objects in the place of its attributes, and a seal that fits again.

use std::path::{Path, PathBuf};

use hdf5::types::{FixedUnicode, VarLenArray, VarLenUnicode};
use hdf5::{Extents, File, Location};
use trapline::record;

use crate::made_up::{SMALL, campaign, provenance, seal, write_all};

/// A sealed record of six points, `record.h5`, with the points it was merged from.
pub fn sound(folder: &Path) -> PathBuf {
    let path = folder.join("record.h5");
    let label = campaign(&SMALL);
    write_all(&folder.join("parts"), &label);
    record::merge_points(&folder.join("parts"), &label, &provenance("m"), &path, 0..6).unwrap();
    path
}

/// Changes a file through HDF5, and seals it.
pub fn change(path: &Path, change: impl FnOnce(&File)) {
    let file = File::open_rw(path).unwrap();
    change(&file);
    file.close().unwrap();
    seal(path);
}

/// Puts something else in the place of an attribute.
type Replace = fn(&Location, &str);

pub fn put<T: hdf5::H5Type>(at: &Location, name: &str, shape: impl Into<Extents>) {
    at.new_attr::<T>().shape(shape).create(name).unwrap();
}

/// What HDF5 can hold in the place of a text or a number. The first three made 950947b free what it had not been given.
pub const REPLACEMENTS: [Replace; 9] = [
    |at, name| put::<VarLenUnicode>(at, name, Extents::Null),
    |at, name| put::<VarLenArray<f64>>(at, name, Extents::Null),
    |at, name| put::<VarLenArray<f64>>(at, name, ()),
    |at, name| put::<f64>(at, name, Extents::Null),
    |at, name| put::<VarLenUnicode>(at, name, [2, 2]),
    |at, name| put::<VarLenUnicode>(at, name, [0]),
    |at, name| put::<FixedUnicode<8>>(at, name, ()),
    |at, name| put::<bool>(at, name, ()),
    |at, name| put::<hdf5::ObjectReference1>(at, name, [3]),
];

/// Opens an object by its path.
pub trait ByPath {
    fn loc_by(&self, path: &str) -> Location;
}

impl ByPath for File {
    fn loc_by(&self, path: &str) -> Location {
        match path {
            "/" => self.as_location().unwrap(),
            _ => match self.dataset(path) {
                Ok(dataset) => dataset.as_location().unwrap(),
                Err(_) => self.group(path).unwrap().as_location().unwrap(),
            },
        }
    }
}
