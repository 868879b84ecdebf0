//! What a file declares: sizes, filters and counts are bounded before room is made for them, and sound ones have the
//! time they need.

use std::fs;

use trapline::record;

use crate::calls::{alone, good, refused};
use crate::harm::{change, sound};
use crate::made_up::{Size, campaign, check_line, provenance, write_all};

#[test]
fn filters_that_the_format_does_not_have_are_refused() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    change(&path, |file| {
        file.unlink("kept_mean").unwrap();
        file.new_dataset::<f64>().shape([2, 3, 5]).chunk([2, 3, 5]).nbit().create("kept_mean").unwrap();
    });
    refused(folder.path(), &["show", "record.h5"], "a filter of the dataset kept_mean");
}

#[test]
fn what_a_file_declares_is_bounded_before_it_is_read() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.h5");
    let size = Size { materials: 60, temperatures: 100, times: 2000, bins: 2, dump: None };
    let label = campaign(&size);
    // Nothing is stored of 6,000 points, which would take 1.5 GiB.
    record::merge_points(folder.path(), &label, &provenance("m"), &path, std::iter::empty()).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 8 << 20);
    let error = record::open_campaign(&path).unwrap_err();
    assert!(check_line(&error, &path).contains("1 GiB"), "{error}");
    refused(folder.path(), &["show", "large.h5"], "1 GiB");

    // Below that limit, and still not stored; then they say that they were computed.
    let label = campaign(&Size { times: 1000, ..size });
    record::merge_points(folder.path(), &label, &provenance("m"), &path, std::iter::empty()).unwrap();
    good(folder.path(), &["show", "large.h5"]);
    let empty = record::open_campaign(&path).unwrap();
    assert_eq!((empty.points.len(), empty.computed()), (6000, 0));
    let whole = fs::read(&path).unwrap();
    change(&path, |file| file.dataset("computed").unwrap().write(&ndarray::Array2::<u8>::ones((60, 100))).unwrap());
    refused(folder.path(), &["show", "large.h5"], "as the file is long");

    // Pieces of 4 GiB, of which none is stored: HDF5 would make room for one.
    fs::write(&path, &whole).unwrap();
    change(&path, |file| {
        file.unlink("computed").unwrap();
        file.new_dataset::<u8>().shape([60, 100]).chunk([60, 100]).create("computed").unwrap();
        file.unlink("cells").unwrap();
        let chunk = file.new_dataset::<u64>().shape(hdf5::SimpleExtents::resizable([60, 100]));
        chunk.chunk([20_000, 20_000]).create("cells").unwrap();
    });
    refused(folder.path(), &["show", "large.h5"], "the size of a piece of the dataset cells");
}

/// A piece of 48 bytes of which 60 KB are stored: HDF5 would unfold them to 60 MB, whatever the shape says.
#[test]
fn pieces_that_unfold_beyond_their_size_are_refused() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    change(&path, |file| {
        file.unlink("cells").unwrap();
        let cells = file.new_dataset::<u64>().shape([2, 3]).chunk([2, 3]).deflate(1).create("cells").unwrap();
        let bomb = vec![7_u8; 60_000];
        // SAFETY: the identifiers are valid while their owners live, and the bytes are as many as it is told.
        let written = hdf5::sync::sync(|| unsafe {
            hdf5_sys::h5d::H5Dwrite_chunk(cells.id(), 0, 0, [0, 0].as_ptr(), bomb.len(), bomb.as_ptr().cast())
        });
        hdf5::h5check(written).unwrap();
    });
    refused(folder.path(), &["show", "record.h5"], "what is stored of the dataset cells");
}

/// The time that reading may take grows with the points: very many small ones are no endless loop.
#[test]
fn many_points_have_the_time_they_need() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&Size { materials: 10, temperatures: 100, times: 2, bins: 2, dump: None });
    write_all(&folder.path().join("many.h5.parts"), &label);
    let (parts, who) = (folder.path().join("many.h5.parts"), provenance("m"));
    let planned: Vec<usize> = (0..label.points()).collect();
    record::write_unfinished(&folder.path().join("many.h5"), &parts, &label, &who, &planned).unwrap();
    good(folder.path(), &["merge", "many.h5", "-o", "all.h5"]);
    good(folder.path(), &["diff", "all.h5", "all.h5"]);
}

#[test]
fn counts_that_cannot_be_are_refused() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    let whole = fs::read(&path).unwrap();
    for (name, words) in [("cells", "cells at point 0"), ("programmed", "programmed"), ("failed", "failed")] {
        fs::write(&path, &whole).unwrap();
        change(&path, |file| {
            let dataset = file.dataset(name).unwrap();
            let values = ndarray::ArrayD::from_elem(dataset.shape(), 1_u64 << 63);
            dataset.write(values.view()).unwrap();
        });
        refused(folder.path(), &["qualify", "record.h5"], words);
    }
}
