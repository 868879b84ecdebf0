//! Reading a file piece by piece, each distrusted until its size, type and text are what the format says.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use hdf5::types::VarLenUnicode;
use hdf5::{Attribute, H5Type, Location};
use ndarray::{Array, Array1, ArrayD, Dimension, IxDyn};

use super::contents::{self, Contents};
use super::error::RecordError;
use super::hdf::{Explain, Source, has_attribute};
use super::kind::{self, Kind};
use super::texts;

/// Most bytes that are read at once, and that all numbers of a campaign but its histograms and dumps take.
pub(super) const MAX_READ_BYTES: u64 = 1 << 30;

fn place(at: &Location, name: &str) -> String {
    match at.name().as_str() {
        "" | "/" => format!("the attribute {name}"),
        place => format!("the attribute {name} of {}", place.trim_start_matches('/')),
    }
}

/// Reads attributes and datasets, distrusting sizes, types and text.
pub(crate) struct Input<'a> {
    pub(crate) file: &'a hdf5::File,
    pub(crate) path: &'a Path,
    pub(super) contents: &'a Contents,
    /// Datasets that were opened; where there is a list they stay open.
    opened: Option<&'a Opened>,
    /// Called before each large part is read, with its size in bytes.
    watch: Option<&'a dyn Fn(u64)>,
    /// Files that virtual datasets may lead to, as the file names them, and their bytes.
    sources: &'a [String],
    source_bytes: u64,
}

/// Datasets that are open, by name: opening one costs more than reading a row of it.
pub(crate) type Opened = RefCell<BTreeMap<String, hdf5::Dataset>>;

impl<'a> Input<'a> {
    pub(super) fn new(source: &'a Source) -> Input<'a> {
        Input {
            file: &source.file,
            path: &source.path,
            contents: &source.contents,
            opened: None,
            watch: None,
            sources: &source.sources,
            source_bytes: source.source_bytes,
        }
    }

    /// The same, for many small reads.
    pub(crate) fn keeping(self, opened: &'a Opened) -> Input<'a> {
        Input { opened: Some(opened), ..self }
    }

    /// The same, telling somebody of each large part before it is read.
    pub(super) fn watched(self, watch: &'a dyn Fn(u64)) -> Input<'a> {
        Input { watch: Some(watch), ..self }
    }

    /// Reports that so many bytes are read next.
    pub(super) fn tell(&self, bytes: u64) {
        if let Some(watch) = self.watch {
            watch(bytes);
        }
    }
}

impl Input<'_> {
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        has_attribute(self.file, name)
    }

    pub(crate) fn text(&self, name: &str) -> Result<String, RecordError> {
        self.text_of(self.file, name)
    }

    /// A text attribute of the file, where there is such a text.
    pub(crate) fn text_if(&self, name: &str) -> Result<Option<String>, RecordError> {
        if !self.has_attribute(name) {
            return Ok(None);
        }
        match self.text(name) {
            Ok(text) => Ok(Some(text)),
            Err(RecordError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
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
        let attribute = self.attribute::<T>(at, name)?;
        let (what, doing) = (place(at, name), format!("read {}", place(at, name)));
        let space = attribute.space().reading(self.path, &doing)?;
        if !space.is_scalar() {
            let found = if space.is_null() { "empty".to_owned() } else { format!("of shape {:?}", space.shape()) };
            return Err(RecordError::damaged(self.path, what, found, "one value"));
        }
        attribute.read_scalar().reading(self.path, &doing)
    }

    /// Opens an attribute of this type. HDF5 is not asked to convert: where it cannot, it leaves the memory as it was.
    fn attribute<T: H5Type>(&self, at: &Location, name: &str) -> Result<Attribute, RecordError> {
        let (what, doing) = (place(at, name), format!("read {}", place(at, name)));
        if !has_attribute(at, name) {
            return Err(RecordError::damaged(self.path, what, "missing", kind::wanted::<T>()));
        }
        let attribute = at.attr(name).reading(self.path, &doing)?;
        let found = attribute.dtype().and_then(|of| Kind::of(&of)).reading(self.path, &doing)?;
        if found.reads_as::<T>() {
            return Ok(attribute);
        }
        Err(RecordError::damaged(self.path, format!("the type of {what}"), found, kind::wanted::<T>()))
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
        let attribute = self.attribute::<T>(at, name)?;
        let (what, doing) = (place(at, name), format!("read {}", place(at, name)));
        let space = attribute.space().reading(self.path, &doing)?;
        let shape = space.shape();
        if !space.is_simple() || shape.len() != 1 || shape[0] > self.elements_that_fit() {
            let found = if space.is_null() { "empty".to_owned() } else { format!("of shape {shape:?}") };
            return Err(RecordError::damaged(self.path, what, found, "a list"));
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
        let dataset = self.open_any(name)?;
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

    /// Refuses a shape that needs more bytes than the file has, with those that its virtual datasets lead to.
    pub(crate) fn fits(&self, name: &str, shape: &[usize], bytes_each: usize) -> Result<(), RecordError> {
        let room = self.file.size().saturating_add(self.source_bytes);
        match bytes_of(shape, bytes_each) {
            Some(bytes) if bytes <= room => Ok(()),
            _ => {
                let what = format!("the shape of the dataset {name}");
                let limit = format!("of {} values or fewer, as the file is long", room / bytes_each.max(1) as u64);
                Err(RecordError::damaged(self.path, what, format!("{shape:?}"), limit))
            }
        }
    }

    pub(crate) fn has_dataset(&self, name: &str) -> bool {
        self.contents.knows(name)
    }

    /// Reads a whole numeric dataset of exactly this shape.
    pub(crate) fn numbers<T, D>(&self, name: &str, shape: &[usize]) -> Result<Array<T, D>, RecordError>
    where
        T: H5Type + Copy + Default,
        D: Dimension,
    {
        let doing = format!("read the dataset {name}");
        let dataset = self.dataset::<T>(name, shape)?;
        let mut values: Vec<T> = self.room_for(name, shape)?;
        dataset.read_into_raw(&mut values).reading(self.path, &doing)?;
        self.shaped(name, shape, values)
    }

    pub(crate) fn strings(&self, name: &str, shape: &[usize]) -> Result<ArrayD<String>, RecordError> {
        let doing = format!("read the dataset {name}");
        let dataset = self.dataset::<VarLenUnicode>(name, shape)?;
        self.is_small_enough(name, shape, size_of::<String>())?;
        let raw = texts::read(&dataset).reading(self.path, &doing)?;
        let texts: Result<Vec<_>, _> = raw.iter().map(|text| self.utf8(name, text)).collect();
        self.shaped(name, shape, texts?)
    }

    /// The dataset, once its shape is what the axes say and its type what it is read as.
    pub(crate) fn dataset<T: H5Type>(&self, name: &str, shape: &[usize]) -> Result<hdf5::Dataset, RecordError> {
        let doing = format!("open the dataset {name}");
        let dataset = self.open_any(name)?;
        let found = dataset.get_shape().reading(self.path, &doing)?;
        if found != shape {
            let what = format!("the shape of the dataset {name}");
            let limit = format!("{shape:?}, as the axes say");
            return Err(RecordError::damaged(self.path, what, format!("{found:?}"), limit));
        }
        let kind = self.kind_of(name, &dataset)?;
        if !kind.reads_as::<T>() {
            let what = format!("the type of the dataset {name}");
            return Err(RecordError::damaged(self.path, what, kind, kind::wanted::<T>()));
        }
        Ok(dataset)
    }

    /// The type of a dataset's values.
    pub(super) fn kind_of(&self, name: &str, dataset: &hdf5::Dataset) -> Result<Kind, RecordError> {
        let doing = format!("open the dataset {name}");
        dataset.dtype().and_then(|of| Kind::of(&of)).reading(self.path, &doing)
    }

    /// A dataset of any shape and type; its values lie in this file, or in those that virtual datasets may lead to.
    pub(super) fn open_any(&self, name: &str) -> Result<hdf5::Dataset, RecordError> {
        if let Some(known) = self.opened.and_then(|opened| opened.borrow().get(name).cloned()) {
            return Ok(known);
        }
        let doing = format!("open the dataset {name}");
        if !self.contents.has_dataset(name) {
            let found = if self.contents.knows(name) { "a group or a link" } else { "missing" };
            return Err(RecordError::damaged(self.path, format!("the dataset {name}"), found, "in this file"));
        }
        let dataset = self.file.dataset(name).reading(self.path, &doing)?;
        let checked = contents::check_storage(name, &dataset, self.sources);
        checked.map_err(|unfit| unfit.of(self.path, &doing))?;
        if !dataset.space().reading(self.path, &doing)?.is_simple() && !dataset.is_scalar() {
            return Err(RecordError::damaged(self.path, format!("the dataset {name}"), "empty", "numbers or texts"));
        }
        if let Some(opened) = self.opened {
            opened.borrow_mut().insert(name.to_owned(), dataset.clone());
        }
        Ok(dataset)
    }

    /// Refuses to read more at once than this program holds.
    pub(super) fn is_small_enough(&self, name: &str, shape: &[usize], bytes_each: usize) -> Result<(), RecordError> {
        match bytes_of(shape, bytes_each) {
            Some(bytes) if bytes <= MAX_READ_BYTES => Ok(()),
            _ => {
                let limit = format!("at most {} GiB", MAX_READ_BYTES >> 30);
                let found = format!("{shape:?} values of {bytes_each} bytes");
                Err(RecordError::damaged(self.path, format!("the size of {name}"), found, limit))
            }
        }
    }

    pub(crate) fn room_for<T: Copy + Default>(&self, name: &str, shape: &[usize]) -> Result<Vec<T>, RecordError> {
        self.is_small_enough(name, shape, size_of::<T>())?;
        let size = shape.iter().product();
        let mut values = Vec::new();
        if values.try_reserve_exact(size).is_err() {
            let what = format!("the size of the dataset {name}");
            return Err(RecordError::damaged(self.path, what, format!("{shape:?}"), "what memory can hold"));
        }
        values.resize(size, T::default());
        Ok(values)
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

/// Bytes of so many values; `None` where the product overflows.
fn bytes_of(shape: &[usize], bytes_each: usize) -> Option<u64> {
    shape.iter().try_fold(bytes_each as u64, |product, &n| product.checked_mul(n as u64))
}
