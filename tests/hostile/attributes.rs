//! Attributes that are of another type or shape, or name a thing twice.

use std::fs;

use hdf5::Extents;
use hdf5::File;
use hdf5::types::VarLenUnicode;
use trapline::record::{self, Trust};

use crate::calls::{alone, refused};
use crate::harm::{ByPath, REPLACEMENTS, change, put, sound};
use crate::made_up::{self, check_line, provenance};

#[test]
fn attributes_of_another_type_or_shape_are_refused() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    let experiment = folder.path().join("experiment.h5");
    let (label, mut datasets) = made_up::experiment();
    datasets.remove(2);
    record::write_datasets(&experiment, &label, &provenance("e"), &datasets).unwrap();
    let mut refusals = 0;
    for (path, objects) in
        [(&path, ["/", "kept_mean", "temperature"]), (&experiment, ["/", "sweep", "sweep/current_a"])]
    {
        let whole = fs::read(path).unwrap();
        for object in objects {
            let names = File::open(path).unwrap().loc_by(object).attr_names().unwrap();
            for name in names {
                for (number, replace) in REPLACEMENTS.iter().enumerate() {
                    fs::write(path, &whole).unwrap();
                    change(path, |file| {
                        let at = file.loc_by(object);
                        at.delete_attr(&name).unwrap();
                        replace(&at, &name);
                    });
                    let said = record::read_all(path, Trust::Sealed, &|_| {});
                    // Files of an older format have no list where there is nothing to list, and labels of axes are
                    // for people.
                    if let Err(error) = said {
                        let line = check_line(&error, path);
                        let named = line.contains(&name.replace("file_type", "file type"));
                        // Of an empty list another list is told, which is longer.
                        assert!(named || number == 5, "{object} {name} {number}: {line}");
                        refusals += 1;
                    }
                }
            }
        }
        fs::write(path, &whole).unwrap();
    }
    // Of 20 attributes of the root that are read, each in nine ways, and units and names of experiments.
    assert!(refusals > 250, "{refusals}");
    for (name, words) in [("driver", "driver"), ("file_type", "file type"), ("campaign_name", "campaign_name")] {
        let whole = fs::read(&path).unwrap();
        change(&path, |file| {
            file.delete_attr(name).unwrap();
            put::<VarLenUnicode>(file, name, Extents::Null);
        });
        for command in [&["show", "record.h5"][..], &["qualify", "record.h5"], &["analyze", "record.h5"]] {
            refused(folder.path(), command, words);
        }
        refused(folder.path(), &["merge", "record.h5", "-o", "all.h5"], words);
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn what_is_named_twice_is_read_once() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("experiment.h5");
    let (label, datasets) = made_up::experiment();
    record::write_datasets(&path, &label, &provenance("e"), &datasets).unwrap();
    change(&path, |file| {
        file.delete_attr("datasets").unwrap();
        let twice: Vec<VarLenUnicode> = ["weights", "weights"].map(|name| name.parse().unwrap()).to_vec();
        file.new_attr_builder().with_data(&twice).create("datasets").unwrap();
    });
    refused(folder.path(), &["show", "experiment.h5"], "\"weights\" twice");
}
