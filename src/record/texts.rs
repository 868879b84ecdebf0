//! Datasets of texts of any length, read and written whole.
//!
//! HDF5 turns such texts between memory and file in a buffer of 1 MiB, and clears it at every call, however few the texts are: of
//! the time to record a small point that was the half. The crate has no way to ask for a smaller one.

use std::ffi::{CStr, c_char};
use std::ptr;

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, Datatype, h5call};
use hdf5_sys::h5d::{H5Dread, H5Dvlen_reclaim, H5Dwrite};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5p::{H5P_CLS_DATASET_XFER, H5Pclose, H5Pcreate, H5Pset_buffer};
use hdf5_sys::h5s::H5S_ALL;

/// Bytes of the buffer: 4,096 texts at once.
const BUFFER: usize = 1 << 15;

/// A property list of transfers that closes itself.
struct Transfer(hid_t);

impl Transfer {
    fn new() -> hdf5::Result<Transfer> {
        // SAFETY: the class is one of the library's own, which the lock has initialised; null pointers ask the library to allocate.
        let list = Transfer(h5call!(H5Pcreate(*H5P_CLS_DATASET_XFER))?);
        h5call!(H5Pset_buffer(list.0, BUFFER, ptr::null_mut(), ptr::null_mut()))?;
        Ok(list)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        // SAFETY: the list is this value's own.
        let _ = h5call!(H5Pclose(self.0));
    }
}

/// Writes all texts of a dataset; there must be as many as it holds.
pub(super) fn write(dataset: &Dataset, texts: &[VarLenUnicode]) -> hdf5::Result<()> {
    same_length(dataset, texts.len())?;
    let (kind, list) = (Datatype::from_type::<VarLenUnicode>()?, Transfer::new()?);
    // SAFETY: identifiers are valid while their owners live; the texts are as many as the dataset's space holds, of the memory type named.
    h5call!(H5Dwrite(dataset.id(), kind.id(), H5S_ALL, H5S_ALL, list.0, texts.as_ptr().cast())).map(drop)
}

/// Reads all texts of a dataset, as bytes: nothing promises that they are UTF-8.
pub(super) fn read(dataset: &Dataset) -> hdf5::Result<Vec<Vec<u8>>> {
    let (kind, list) = (Datatype::from_type::<VarLenUnicode>()?, Transfer::new()?);
    if dataset.dtype()?.conv_path(&kind).is_none() {
        return Err(hdf5::Error::from("it does not hold texts of any length"));
    }
    let space = dataset.space()?;
    let mut pointers: Vec<*mut c_char> = Vec::new();
    pointers.try_reserve_exact(space.size()).map_err(|_| hdf5::Error::from("more texts than memory can hold"))?;
    pointers.resize(space.size(), ptr::null_mut());
    let buffer = pointers.as_mut_ptr().cast();
    // SAFETY: there is a pointer for every text of the dataset's space, and HDF5 sets each to a text of its own that ends in a NUL, or to
    // null. They are copied before the library frees them.
    unsafe {
        h5call!(H5Dread(dataset.id(), kind.id(), H5S_ALL, H5S_ALL, list.0, buffer))?;
        let bytes = |&text: &*mut c_char| match text.is_null() {
            true => Vec::new(),
            false => CStr::from_ptr(text).to_bytes().to_vec(),
        };
        let texts = pointers.iter().map(bytes).collect();
        h5call!(H5Dvlen_reclaim(kind.id(), space.id(), list.0, buffer))?;
        Ok(texts)
    }
}

fn same_length(dataset: &Dataset, texts: usize) -> hdf5::Result<()> {
    match dataset.space()?.size() {
        size if size == texts => Ok(()),
        size => Err(hdf5::Error::from(format!("{texts} texts for a dataset of {size}"))),
    }
}
