//! Values that lie in another file than the one that was named: by external storage, by links, by virtual datasets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hdf5::File;
use hdf5::types::VarLenUnicode;
use trapline::record::{self, Held, RecordError, Source};

use crate::calls::{alone, good, refused};
use crate::harm::{change, sound};
use crate::made_up::{SMALL, campaign, check_line, provenance, write_all};

/// What is done to a file.
type Harm<'a> = Box<dyn Fn(&File) + 'a>;

/// What a file of somebody else holds, and no record may show.
const SECRET: f64 = 12345.678;

fn secret(folder: &Path) -> PathBuf {
    let path = folder.join("secret");
    fs::write(&path, SECRET.to_le_bytes().repeat(4096)).unwrap();
    let file = File::create(folder.join("secret.h5")).unwrap();
    file.new_dataset_builder().with_data(&vec![SECRET; 30]).create("kept_mean").unwrap();
    path
}

#[test]
fn values_that_lie_elsewhere_are_refused() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    let name = secret(folder.path()).display().to_string();
    let whole = fs::read(&path).unwrap();
    let harm: [(&str, Harm<'_>); 6] = [
        (
            "the storage of the dataset kept_mean",
            Box::new(|file: &File| {
                file.new_dataset::<f64>().shape([2, 3, 5]).external(&name, 0, 240).create("kept_mean").unwrap();
            }),
        ),
        (
            "the link kept_mean is to another file",
            Box::new(|file: &File| file.link_external("secret.h5", "kept_mean", "kept_mean").unwrap()),
        ),
        (
            "a file that the dataset kept_mean leads to",
            Box::new(|file: &File| leads(file, "kept_mean", "secret.h5", "kept_mean")),
        ),
        (
            "a file that the dataset kept_mean leads to",
            Box::new(|file: &File| leads(file, "kept_mean", ".", "kept_mean")),
        ),
        (
            "a file that the dataset kept_mean leads to",
            Box::new(|file: &File| leads(file, "kept_mean", "record.h5", "kept_mean")),
        ),
        (
            "the dataset kept_mean is a group or a link",
            Box::new(|file: &File| file.link_soft("/kept_max", "kept_mean").unwrap()),
        ),
    ];
    for (words, harm) in &harm {
        fs::write(&path, &whole).unwrap();
        change(&path, |file| {
            file.unlink("kept_mean").unwrap();
            harm(file);
        });
        let error = record::open_campaign(&path).unwrap_err();
        assert!(check_line(&error, &path).contains(words), "{words}: {error}");
        for command in
            [&["show", "record.h5"][..], &["merge", "record.h5", "-o", "out.h5"], &["diff", "record.h5", "record.h5"]]
        {
            refused(folder.path(), command, words);
        }
        assert!(!folder.path().join("out.h5").exists());
    }
    // A link that nobody knows is not followed either; it may be a pipe.
    fs::write(&path, &whole).unwrap();
    change(&path, |file| file.link_external("pipe", "/", "more").unwrap());
    refused(folder.path(), &["show", "record.h5"], "the link more is to another file");
}

/// A virtual dataset of the shape of `kept_mean`.
fn leads(file: &File, name: &str, to: &str, dataset: &str) {
    let shape = [2, 3, 5];
    let all = hdf5::Hyperslab::from(shape.map(|n| hdf5::SliceOrIndex::from(0..n)).to_vec());
    let made = file.new_dataset::<f64>().shape(shape).virtual_map(to, dataset, shape, all.clone(), shape, all);
    made.create(name).unwrap();
}

#[test]
fn points_that_lie_elsewhere_are_not_merged() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    let points = write_all(folder.path(), &label);
    let name = secret(folder.path()).display().to_string();
    change(&points[4], |file| {
        file.unlink("kept_mean").unwrap();
        file.new_dataset::<f64>().shape([1, 1, 5]).external(&name, 0, 40).create("kept_mean").unwrap();
    });
    let all = folder.path().join("all.h5");
    let error = record::merge_points(folder.path(), &label, &provenance("m"), &all, 0..6).unwrap_err();
    assert!(matches!(error, RecordError::Foreign { .. }), "{error}");
    check_line(&error, &points[4]);
    assert!(!all.exists());
}

#[test]
fn sources_of_virtual_datasets_are_what_they_were_and_hold_their_values_themselves() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    let (label, who) = (campaign(&SMALL), provenance("m"));
    let linked = folder.path().join("linked.h5");
    let piece = record::open_campaign(&path).unwrap();
    let sources: Vec<_> = (0..6).map(|number| (number, Source::Record(&piece))).collect();
    record::merge(&label, &who, &linked, &sources, Held::Virtual).unwrap();
    good(folder.path(), &["show", "linked.h5"]);
    let (whole, source) = (fs::read(&linked).unwrap(), fs::read(&path).unwrap());

    // The source leads on, and the record's checksums are those of the source as it is now.
    let name = secret(folder.path()).display().to_string();
    change(&path, |file| {
        file.unlink("kept_mean").unwrap();
        file.new_dataset::<f64>().shape([2, 3, 5]).external(&name, 0, 240).create("kept_mean").unwrap();
    });
    let sum = |path: &Path| u32::from_le_bytes(fs::read(path).unwrap().last_chunk().copied().unwrap());
    let forged = sum(&path);
    change(&linked, |file| {
        file.delete_attr("virtual_checksums").unwrap();
        file.new_attr_builder().with_data(&[forged]).create("virtual_checksums").unwrap();
    });
    refused(folder.path(), &["show", "linked.h5"], "the storage of the dataset kept_mean");
    fs::write(&path, &source).unwrap();

    // The source leads on by a link that HDF5 follows, though no dataset of it does.
    change(&path, |file| {
        file.unlink("kept_mean").unwrap();
        let inside = file.create_group("g").unwrap();
        inside.new_dataset::<f64>().shape([2, 3, 5]).external(&name, 0, 240).create("evil").unwrap();
        file.link_soft("/g/evil", "kept_mean").unwrap();
    });
    let forged = sum(&path);
    fs::write(&linked, &whole).unwrap();
    change(&linked, |file| {
        file.delete_attr("virtual_checksums").unwrap();
        file.new_attr_builder().with_data(&[forged]).create("virtual_checksums").unwrap();
    });
    refused(folder.path(), &["show", "linked.h5"], "the dataset kept_mean is a group or a link");
    fs::write(&path, &source).unwrap();

    // Named by the record: a pipe, a folder, a device, the record itself.
    #[cfg(unix)]
    assert!(Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap().success());
    for (named, words) in [("pipe", "pipe"), (".", "folder"), ("/dev/zero", "device"), ("linked.h5", "linked.h5")] {
        fs::write(&linked, &whole).unwrap();
        change(&linked, |file| {
            file.delete_attr("virtual_sources").unwrap();
            let name: VarLenUnicode = named.parse().unwrap();
            file.new_attr_builder().with_data(&[name]).create("virtual_sources").unwrap();
        });
        refused(folder.path(), &["show", "linked.h5"], words);
    }
    #[cfg(unix)]
    refused(folder.path(), &["show", "pipe"], "pipe");
}
