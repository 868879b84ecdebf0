//! Reading a file piece by piece, each distrusted until its size, type and text are what the format says.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use hdf5::types::VarLenUnicode;
use hdf5::{H5Type, Location};
use ndarray::{Array, Array1, ArrayD, Dimension, IxDyn};

use super::error::RecordError;
use super::hdf::{Explain, has_attribute};
use super::texts;

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
        let texts: Result<Vec<_>, _> = raw.iter().map(|text| self.utf8(name, text)).collect();
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
