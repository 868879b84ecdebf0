//! Datasets of texts of any length, read and written whole.
//!
//! HDF5 turns such texts between memory and file in a buffer of 1 MiB, and clears it at every call, however few the
//! texts are: clearing it took half of the time to record a small point. The hdf5 crate has no way to ask for a
//! smaller buffer.

use std::mem::MaybeUninit;
use std::ptr;

use hdf5::globals::H5P_DATASET_XFER;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, Datatype, h5call};
use hdf5_sys::h5d::{H5Dread, H5Dwrite};
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5p::{H5Pclose, H5Pcreate, H5Pset_buffer};
use hdf5_sys::h5s::H5S_ALL;

/// Bytes of the buffer: 4,096 texts at once.
const BUFFER: usize = 1 << 15;

/// A data transfer property list that is closed on drop.
struct Transfer(hid_t);

impl Transfer {
    fn new() -> hdf5::Result<Transfer> {
        // SAFETY: the class is one of the library's own, which the lock has initialised; null pointers ask the
        // library to allocate.
        let list = Transfer(h5call!(H5Pcreate(*H5P_DATASET_XFER))?);
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
    // SAFETY: identifiers are valid while their owners live; the texts are as many as the dataset's space holds, of
    // the memory type named.
    h5call!(H5Dwrite(dataset.id(), kind.id(), H5S_ALL, H5S_ALL, list.0, texts.as_ptr().cast())).map(drop)
}

/// Reads all texts of a dataset, as bytes: nothing promises that they are UTF-8.
pub(super) fn read(dataset: &Dataset) -> hdf5::Result<Vec<Vec<u8>>> {
    let (kind, list) = (Datatype::from_type::<VarLenUnicode>()?, Transfer::new()?);
    if dataset.dtype()?.conv_path(&kind).is_none() {
        return Err(hdf5::Error::from("it does not hold texts of any length"));
    }
    let count = dataset.space()?.size();
    let mut texts = Vec::new();
    texts.try_reserve_exact(count).map_err(|_| hdf5::Error::from("more texts than memory can hold"))?;
    // SAFETY: such a text is one pointer, and the null pointer is one of its values: the empty text, which owns
    // nothing.
    texts.extend((0..count).map(|_| unsafe { MaybeUninit::<VarLenUnicode>::zeroed().assume_init() }));
    // SAFETY: there is a text for every one of the dataset's space, and HDF5 sets each to one that ends in a NUL, or
    // to null, of the allocator it has where a list of transfers names none. To that one the crate gives a text back
    // that is dropped: no call to H5Dvlen_reclaim, which newer libraries may lack.
    h5call!(H5Dread(dataset.id(), kind.id(), H5S_ALL, H5S_ALL, list.0, texts.as_mut_ptr().cast()))?;
    Ok(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
}

fn same_length(dataset: &Dataset, texts: usize) -> hdf5::Result<()> {
    match dataset.space()?.size() {
        size if size == texts => Ok(()),
        size => Err(hdf5::Error::from(format!("{texts} texts for a dataset of {size}"))),
    }
}
