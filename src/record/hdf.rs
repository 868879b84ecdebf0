//! The few HDF5 operations the format needs, with every error turned into a [`RecordError`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use hdf5::file::{FileCloseDegree, LibraryVersion};
use hdf5::types::{FixedAscii, VarLenUnicode};
use hdf5::{H5Type, Location};
use hdf5_sys::h5t::{H5T_str_t, H5Tset_strpad};
use ndarray::{Array, Array1, ArrayD, ArrayView1, Dimension, IxDyn};

use super::commit::CommitError;
use super::error::{RecordError, flatten};
use super::seal::{self, Seal};
use super::texts;
use crate::files;

const DAMAGED: &str = "the file is damaged: restore it or compute it again";
const NO_SEAL: &str = "it has no seal at its end, so it was cut short or changed: restore it or compute it again";
const CHECK_DISK: &str = "check the free space and the disk";

/// For files of many pieces: HDF5's own choice.
pub(crate) const MANY_PIECES: u32 = 32;
/// For files of a few: a point's.
pub(crate) const FEW_PIECES: u32 = 1;

/// Attaches the file and the operation to an HDF5 error.
pub(crate) trait Explain<T> {
    fn writing(self, path: &Path, doing: &str) -> Result<T, RecordError>;
    fn reading(self, path: &Path, doing: &str) -> Result<T, RecordError>;
}

impl<T> Explain<T> for hdf5::Result<T> {
    fn writing(self, path: &Path, doing: &str) -> Result<T, RecordError> {
        self.map_err(|e| explain(path, doing, &e, CHECK_DISK))
    }

    fn reading(self, path: &Path, doing: &str) -> Result<T, RecordError> {
        self.map_err(|e| explain(path, doing, &e, DAMAGED))
    }
}

fn explain(path: &Path, doing: &str, error: &hdf5::Error, remedy: &'static str) -> RecordError {
    RecordError::Hdf5 { path: path.to_owned(), doing: doing.to_owned(), detail: flatten(error), remedy }
}

/// Creates a file in the 1.8 format, whatever the library would choose.
///
/// That format carries checksums on its metadata (the default of HDF5 1.10 does not), every library since 2008 reads it,
/// and a file whose writer was killed still opens. `shown` is the path that errors name.
///
/// `pieces_of_a_node` is half the number of pieces of a dataset that one node of their index holds: HDF5 reserves room for all of
/// them, 3 KiB a dataset with its own choice.
///
/// Virtual datasets are of the 1.10 format; a file `newer` than 1.8's has each object in the oldest format that can hold it.
pub(crate) fn create(
    temporary: &Path,
    shown: &Path,
    pieces_of_a_node: u32,
    newer: bool,
) -> Result<hdf5::File, RecordError> {
    let newest = if newer { LibraryVersion::V110 } else { LibraryVersion::V18 };
    hdf5::File::with_options()
        .with_fapl(|access| {
            access
                .libver_bounds(LibraryVersion::V18, newest)
                // Closing with a dataset still open is then an error, not a file left open.
                .fclose_degree(FileCloseDegree::Semi)
        })
        .with_fcpl(|creation| creation.istore_k(pieces_of_a_node))
        .create(temporary)
        .writing(shown, "create the file")
}

/// Opens a file for reading; what is not HDF5 is refused before the library sees it. Says whether the file has its seal.
pub(crate) fn open(path: &Path) -> Result<(hdf5::File, bool), RecordError> {
    let unreadable = |source| RecordError::Unreadable { path: path.to_owned(), source };
    let not_hdf5 = |reason: &str| Err(RecordError::NotHdf5 { path: path.to_owned(), reason: reason.to_owned() });
    let mut file = files::open(path).map_err(unreadable)?;
    let mut start = [0_u8; 8];
    if let Err(e) = file.read_exact(&mut start) {
        return match e.kind() {
            io::ErrorKind::UnexpectedEof => not_hdf5("it is shorter than 8 bytes"),
            _ => Err(unreadable(e)),
        };
    }
    if start != *b"\x89HDF\r\n\x1a\n" {
        return not_hdf5("it does not begin with the HDF5 signature");
    }
    if path.to_str().is_none() {
        return not_hdf5("its name is not UTF-8, which the HDF5 library needs");
    }
    let sealed = match seal::check(&mut file).map_err(unreadable)? {
        Seal::Intact => true,
        Seal::Absent => false,
        Seal::Broken { written, found } => {
            let (found, limit) = (format!("{found:08x}"), format!("{written:08x} as sealed"));
            return Err(RecordError::damaged(path, "the checksum of the file", found, limit));
        }
    };
    let file = hdf5::File::open(path).reading(path, "open the file");
    Ok((blame(sealed, file)?, sealed))
}

/// Opens a file again that [`open`] has opened: its checksum is over all of it, and is not taken twice.
pub(crate) fn open_again(path: &Path) -> Result<hdf5::File, RecordError> {
    hdf5::File::open(path).reading(path, "open the file")
}

/// What a missing seal has to say to the result of reading the file: a warning where it was read all the same, a part of
/// the error where not.
pub(crate) fn judge<T>(path: &Path, sealed: bool, read: Result<T, RecordError>) -> Result<T, RecordError> {
    let value = blame(sealed, read)?;
    if !sealed {
        let path = path.display();
        tracing::warn!("{path}: no seal at the end of the file: it was cut short, or another program changed it");
    }
    Ok(value)
}

/// The same without the warning.
pub(crate) fn blame<T>(sealed: bool, read: Result<T, RecordError>) -> Result<T, RecordError> {
    read.map_err(|error| if sealed { error } else { without_seal(error) })
}

fn without_seal(error: RecordError) -> RecordError {
    match error {
        RecordError::Hdf5 { path, doing, detail, .. } => RecordError::Hdf5 { path, doing, detail, remedy: NO_SEAL },
        other => other,
    }
}

/// Writes attributes of one object.
pub(crate) struct Attributes<'a> {
    pub(crate) at: &'a Location,
    pub(crate) path: &'a Path,
}

impl Attributes<'_> {
    pub(crate) fn text(&self, name: &str, value: &str) -> Result<(), RecordError> {
        self.scalar(name, &unicode(name, value)?)
    }

    /// An array of strings; nothing at all for none, since not every reader takes an empty attribute.
    pub(crate) fn texts<S: AsRef<str>>(&self, name: &str, values: &[S]) -> Result<(), RecordError> {
        let values: Result<Vec<_>, _> = values.iter().map(|v| unicode(name, v.as_ref())).collect();
        self.array(name, &values?)
    }

    /// A fixed-length string of the kind dimension scales use: ASCII, `N` bytes with the NUL that closes it.
    ///
    /// The crate pads fixed strings instead, and the HDF5 dimension scale library does not take such a dataset for a scale.
    pub(crate) fn scale_text<const N: usize>(&self, name: &str, value: &str) -> Result<(), RecordError> {
        let write = || {
            let kind = hdf5::Datatype::from_type::<FixedAscii<N>>()?;
            let id = kind.id();
            // SAFETY: the identifier is valid while `kind` lives, names a type of this function's own, and the library is locked.
            hdf5::h5check(hdf5::sync::sync(|| unsafe { H5Tset_strpad(id, H5T_str_t::H5T_STR_NULLTERM) }))?;
            let value = FixedAscii::<N>::from_ascii(value).map_err(|e| e.to_string())?;
            self.at.new_attr_builder().empty_as(&kind).create(name)?.write_scalar(&value)
        };
        write().writing(self.path, &format!("write the attribute {name}"))
    }

    pub(crate) fn scalar<T: H5Type>(&self, name: &str, value: &T) -> Result<(), RecordError> {
        let write = || self.at.new_attr::<T>().create(name)?.write_scalar(value);
        write().writing(self.path, &format!("write the attribute {name}"))
    }

    /// A number; nothing at all for none.
    pub(crate) fn scalar_if<T: H5Type>(&self, name: &str, value: Option<T>) -> Result<(), RecordError> {
        value.map_or(Ok(()), |value| self.scalar(name, &value))
    }

    /// An array; nothing at all for an empty one.
    pub(crate) fn array<T: H5Type>(&self, name: &str, values: &[T]) -> Result<(), RecordError> {
        if values.is_empty() {
            return Ok(());
        }
        let builder = self.at.new_attr_builder().with_data(ArrayView1::from(values));
        builder.create(name).map(|_| ()).writing(self.path, &format!("write the attribute {name}"))
    }
}

/// A string for HDF5, which ends strings at a NUL.
pub(crate) fn unicode(what: &str, value: &str) -> Result<VarLenUnicode, RecordError> {
    VarLenUnicode::from_str(value)
        .map_err(|_| RecordError::unwritable(what, "text with a NUL character", "text without one"))
}

/// Closes a file without a dataset of it still open, reports whether all of it reached the system, and seals it.
///
/// Where it did not, HDF5 keeps its handle until the program ends; the commit removes the name all the same.
pub(crate) fn finish(file: hdf5::File, temporary: &Path, shown: &Path) -> Result<(), RecordError> {
    file.flush().writing(shown, "write the file")?;
    file.close().writing(shown, "close the file")?;
    seal::close(temporary).map_err(|e| CommitError::new("seal", shown, e).into())
}

pub(crate) fn has_attribute(at: &Location, name: &str) -> bool {
    at.attr_names().is_ok_and(|names| names.iter().any(|n| n == name))
}

fn reading_attribute(at: &Location, name: &str) -> String {
    match at.name().as_str() {
        "" | "/" => format!("read the attribute {name}"),
        place => format!("read the attribute {name} of {place}"),
    }
}

/// Reads attributes and datasets, distrusting sizes, types and text.
pub(crate) struct Input<'a> {
    pub(crate) file: &'a hdf5::File,
    pub(crate) path: &'a Path,
    /// Datasets that were opened; where there is a list they stay open.
    opened: Option<&'a Opened>,
}

/// Datasets that are open, by name: opening one costs more than reading a row of it.
pub(crate) type Opened = RefCell<BTreeMap<String, hdf5::Dataset>>;

impl<'a> Input<'a> {
    pub(crate) fn new(file: &'a hdf5::File, path: &'a Path) -> Input<'a> {
        Input { file, path, opened: None }
    }

    /// The same, for many small reads.
    pub(crate) fn keeping(self, opened: &'a Opened) -> Input<'a> {
        Input { opened: Some(opened), ..self }
    }
}

impl Input<'_> {
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        has_attribute(self.file, name)
    }

    pub(crate) fn text(&self, name: &str) -> Result<String, RecordError> {
        self.text_of(self.file, name)
    }

    /// A text attribute of another object of the file.
    pub(crate) fn text_of(&self, at: &Location, name: &str) -> Result<String, RecordError> {
        let value: VarLenUnicode = self.scalar_of(at, name)?;
        self.utf8(name, value.as_bytes())
    }

    pub(crate) fn scalar<T: H5Type>(&self, name: &str) -> Result<T, RecordError> {
        self.scalar_of(self.file, name)
    }

    fn scalar_of<T: H5Type>(&self, at: &Location, name: &str) -> Result<T, RecordError> {
        let doing = reading_attribute(at, name);
        let attribute = at.attr(name).reading(self.path, &doing)?;
        attribute.read_scalar().reading(self.path, &doing)
    }

    /// A one-dimensional attribute; empty where there is none.
    pub(crate) fn array<T: H5Type>(&self, name: &str) -> Result<Vec<T>, RecordError> {
        self.array_of(self.file, name)
    }

    /// The same of another object.
    pub(crate) fn array_of<T: H5Type>(&self, at: &Location, name: &str) -> Result<Vec<T>, RecordError> {
        if !has_attribute(at, name) {
            return Ok(Vec::new());
        }
        let doing = reading_attribute(at, name);
        let attribute = at.attr(name).reading(self.path, &doing)?;
        let shape = attribute.get_shape().reading(self.path, &doing)?;
        if shape.len() != 1 || shape[0] > self.elements_that_fit() {
            let what = format!("the shape of the attribute {name}");
            return Err(RecordError::damaged(self.path, what, format!("{shape:?}"), "one-dimensional"));
        }
        attribute.read_raw().reading(self.path, &doing)
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, RecordError> {
        self.texts_of(self.file, name)
    }

    /// A list of texts of another object; empty where there is none.
    pub(crate) fn texts_of(&self, at: &Location, name: &str) -> Result<Vec<String>, RecordError> {
        let values: Vec<VarLenUnicode> = self.array_of(at, name)?;
        values.iter().map(|v| self.utf8(name, v.as_bytes())).collect()
    }

    /// Length of a one-dimensional dataset that is stored as it is, so that no file can claim more than it holds.
    pub(crate) fn axis_length(&self, name: &str) -> Result<usize, RecordError> {
        let doing = format!("open the dataset {name}");
        let dataset = self.file.dataset(name).reading(self.path, &doing)?;
        let shape = dataset.get_shape().reading(self.path, &doing)?;
        let limit = self.elements_that_fit();
        match shape[..] {
            [n] if (1..=limit).contains(&n) => Ok(n),
            _ => {
                let limit = format!("one-dimensional with 1 to {limit} entries");
                let what = format!("the shape of the axis {name}");
                Err(RecordError::damaged(self.path, what, format!("{shape:?}"), limit))
            }
        }
    }

    fn elements_that_fit(&self) -> usize {
        usize::try_from(self.file.size() / 4).unwrap_or(usize::MAX)
    }

    /// Refuses a shape that needs more bytes than the file has.
    pub(crate) fn fits(&self, name: &str, shape: &[usize], bytes_each: usize) -> Result<(), RecordError> {
        let size = shape.iter().try_fold(bytes_each, |product, &n| product.checked_mul(n));
        match size {
            Some(size) if size as u64 <= self.file.size() => Ok(()),
            _ => {
                let what = format!("the shape of the dataset {name}");
                let limit = format!("of {} values or fewer, as the file is long", self.file.size() / bytes_each as u64);
                Err(RecordError::damaged(self.path, what, format!("{shape:?}"), limit))
            }
        }
    }

    pub(crate) fn has_dataset(&self, name: &str) -> bool {
        self.file.link_exists(name)
    }

    /// Reads a whole numeric dataset of exactly this shape.
    pub(crate) fn numbers<T, D>(&self, name: &str, shape: &[usize]) -> Result<Array<T, D>, RecordError>
    where
        T: H5Type + Copy + Default,
        D: Dimension,
    {
        let doing = format!("read the dataset {name}");
        let dataset = self.dataset(name, shape)?;
        let mut values: Vec<T> = self.room_for(name, shape)?;
        dataset.read_into_raw(&mut values).reading(self.path, &doing)?;
        self.shaped(name, shape, values)
    }

    pub(crate) fn strings(&self, name: &str, shape: &[usize]) -> Result<ArrayD<String>, RecordError> {
        let doing = format!("read the dataset {name}");
        let dataset = self.dataset(name, shape)?;
        let raw = texts::read(&dataset).reading(self.path, &doing)?;
        let texts: Result<Vec<_>, _> = raw.iter().map(|v| self.utf8(name, v)).collect();
        self.shaped(name, shape, texts?)
    }

    /// The dataset, once its shape is what the axes say.
    pub(crate) fn dataset(&self, name: &str, shape: &[usize]) -> Result<hdf5::Dataset, RecordError> {
        if let Some(known) = self.opened.and_then(|opened| opened.borrow().get(name).cloned()) {
            return Ok(known);
        }
        let dataset = self.open_dataset(name, shape)?;
        if let Some(opened) = self.opened {
            opened.borrow_mut().insert(name.to_owned(), dataset.clone());
        }
        Ok(dataset)
    }

    fn open_dataset(&self, name: &str, shape: &[usize]) -> Result<hdf5::Dataset, RecordError> {
        let doing = format!("open the dataset {name}");
        let dataset = self.file.dataset(name).reading(self.path, &doing)?;
        let found = dataset.get_shape().reading(self.path, &doing)?;
        if found != shape {
            let what = format!("the shape of the dataset {name}");
            let limit = format!("{shape:?}, as the axes say");
            return Err(RecordError::damaged(self.path, what, format!("{found:?}"), limit));
        }
        Ok(dataset)
    }

    pub(crate) fn room_for<T: Copy + Default>(&self, name: &str, shape: &[usize]) -> Result<Vec<T>, RecordError> {
        let size = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        let mut values = Vec::new();
        match size {
            Some(size) if values.try_reserve_exact(size).is_ok() => {
                values.resize(size, T::default());
                Ok(values)
            }
            _ => {
                let what = format!("the size of the dataset {name}");
                Err(RecordError::damaged(self.path, what, format!("{shape:?}"), "what memory can hold"))
            }
        }
    }

    pub(crate) fn shaped<T, D: Dimension>(
        &self,
        name: &str,
        shape: &[usize],
        values: Vec<T>,
    ) -> Result<Array<T, D>, RecordError> {
        let array = ArrayD::from_shape_vec(IxDyn(shape), values);
        array.and_then(ArrayD::into_dimensionality).map_err(|e| {
            RecordError::damaged(self.path, format!("the dataset {name}"), e, format!("of shape {shape:?}"))
        })
    }

    fn utf8(&self, name: &str, bytes: &[u8]) -> Result<String, RecordError> {
        String::from_utf8(bytes.to_vec())
            .map_err(|e| RecordError::damaged(self.path, format!("the text {name}"), e, "UTF-8"))
    }

    pub(crate) fn axis_numbers<T: H5Type + Copy + Default>(&self, name: &str) -> Result<Array1<T>, RecordError> {
        let length = self.axis_length(name)?;
        self.numbers(name, &[length])
    }
}
