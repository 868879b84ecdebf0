//! Experiment files: round trips bit for bit, damage, and what may not be written.

use crate::made_up;
use std::fs;
use std::path::{Path, PathBuf};

use crate::made_up::{Random, check_line, dataset_bits, experiment, leftovers, provenance, seal};
use ndarray::{ArrayD, IxDyn};
use trapline_model::dataset::Dataset;
use trapline_model::outcome::ExperimentLabel;
use trapline_record as record;
use trapline_record::RecordError;

fn written(folder: &Path) -> PathBuf {
    let (label, datasets) = experiment();
    let path = folder.join("iv.h5");
    record::write_datasets(&path, &label, &provenance("e"), &datasets).unwrap();
    path
}

#[test]
fn an_experiment_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (label, datasets) = experiment();
    let read = record::read_datasets(&written(folder.path())).unwrap();
    assert_eq!((read.label, read.provenance, read.format_version), (label, provenance("e"), record::FORMAT_VERSION));
    assert_eq!(dataset_bits(&read.datasets), dataset_bits(&datasets));
    // The comparison sees the sign of a zero.
    let mut other = datasets;
    other[0].variables[0] =
        Dataset::new("", "").axis("bias_v", "V", "Bias at the cell", &[-1.0, 0.0, 0.5, f64::INFINITY]).variables[0]
            .clone();
    assert_ne!(dataset_bits(&read.datasets), dataset_bits(&other));
    assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new());
}

#[test]
fn nothing_and_very_much_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.h5");
    let label = ExperimentLabel::default();
    let many = |count: usize| -> Vec<Dataset> {
        let one = |i: usize| {
            let mut dataset = Dataset::new(format!("group/{i:05}"), "");
            dataset.real("x", &["point"], "1", "", ArrayD::from_elem(IxDyn(&[1 + i % 3]), i as f64));
            dataset
        };
        (0..count).map(one).collect()
    };
    // A list of 4,100 names no longer fits an object header.
    for datasets in [Vec::new(), many(4100)] {
        record::write_datasets(&path, &label, &provenance("n"), &datasets).unwrap();
        let read = record::read_datasets(&path).unwrap();
        assert_eq!((read.label, read.datasets), (label.clone(), datasets));
    }
}

#[test]
fn each_kind_of_file_is_told_from_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    for error in [record::open_campaign(&path).unwrap_err(), record::read_point(&path).unwrap_err()] {
        assert!(matches!(error, RecordError::FileType { .. }), "{error}");
        assert!(check_line(&error, &path).contains("`trapline experiment`"));
    }
    assert_eq!(record::file_type(&path).unwrap(), record::FileType::Experiment);
    let (label, outcomes) = made_up::retention(1, &[85.0], &[0.0, 1.0]);
    let campaign = made_up::file(folder.path(), &label, &outcomes);
    let error = record::read_datasets(&campaign).unwrap_err();
    assert!(check_line(&error, &campaign).contains("`trapline campaign`"), "{error}");
    assert_eq!(record::file_type(&campaign).unwrap(), record::FileType::Campaign);
    let file = hdf5::File::open_rw(&path).unwrap();
    file.attr("format_version").unwrap().write(&ndarray::arr1(&[3, 0])).unwrap();
    file.close().unwrap();
    seal(&path);
    assert!(matches!(record::read_datasets(&path).unwrap_err(), RecordError::Version { .. }));
}

fn with(fill: impl for<'a> Fn(&'a mut Dataset) -> &'a mut Dataset) -> Vec<Dataset> {
    let mut dataset = Dataset::new("a", "");
    fill(&mut dataset);
    vec![dataset]
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.h5");
    let ones = |n: usize| ArrayD::from_elem(IxDyn(&[n]), 1.0);
    let named = |name: &str| vec![Dataset::new(name, "")];
    let mut inside = named("a/x");
    inside.extend(with(|d| d.real("x", &["p"], "1", "", ones(1))));
    let cases: [(Vec<Dataset>, &str); 15] = [
        (named(""), "the name of a dataset"),
        (named("/a"), "the name of a dataset"),
        (named("a//b"), "the name of a dataset"),
        (named("a/../b"), "the name of a dataset"),
        (named("a\0"), "the name of a dataset"),
        ([named("a"), named("a")].concat(), "twice"),
        (inside, "a/x is a dataset and a variable"),
        (with(|d| d.real("", &["p"], "1", "", ones(1))), "letters, digits"),
        (with(|d| d.real("x/y", &["p"], "1", "", ones(1))), "letters, digits"),
        (with(|d| d.real("x", &["größe"], "1", "", ones(1))), "letters, digits"),
        (with(|d| d.real("x", &["p"], "", "", ones(1))), "the unit of a/x"),
        (with(|d| d.real("x", &["p"], "1", "", ones(1)).real("p", &["q"], "1", "", ones(1))), "a/p is over"),
        (with(|d| d.real("x", &["p"], "1", "", ones(1)).real("y", &["p"], "1", "", ones(2))), "axis p has 2"),
        (with(|d| d.note("title", "x")), "\"title\", which is taken"),
        (with(|d| d.note("n", "x").note("n", "y")), "\"n\", which is taken"),
    ];
    for (datasets, words) in cases {
        let error = record::write_datasets(&path, &ExperimentLabel::default(), &provenance("x"), &datasets);
        let line = error.expect_err(words).to_string();
        assert!(line.contains(words) && !line.contains('\n'), "{line}");
    }
    let label = ExperimentLabel { notes: vec![("seed".to_owned(), "7".to_owned())], ..ExperimentLabel::default() };
    let line = record::write_datasets(&path, &label, &provenance("x"), &[]).unwrap_err().to_string();
    assert!(line.contains("\"seed\", which is taken"), "{line}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let nowhere = folder.path().join("none/x.h5");
    let error = record::write_datasets(&nowhere, &ExperimentLabel::default(), &provenance("x"), &[]).unwrap_err();
    assert!(matches!(error, RecordError::Commit(_)), "{error}");
    check_line(&error, &nowhere);
}

/// An experiment small enough that damage hits everything in it.
fn small(folder: &Path) -> Vec<u8> {
    let (label, mut datasets) = experiment();
    datasets.remove(2);
    let path = folder.join("small.h5");
    record::write_datasets(&path, &label, &provenance("e"), &datasets).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn a_file_cut_short_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = small(folder.path());
    let path = folder.path().join("cut.h5");
    let mut random = Random(21);
    for cut in (0..200).map(|_| random.bits() as usize % whole.len()).chain([0, 7, 8, whole.len() - 1]) {
        fs::write(&path, &whole[..cut]).unwrap();
        match record::read_datasets(&path) {
            Err(error) => drop(check_line(&error, &path)),
            // Only the seal, the last 20 bytes, can go without loss.
            Ok(_) => assert!(cut >= whole.len() - 20, "{cut} of {}", whole.len()),
        }
    }
}

#[test]
fn flipped_bits_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = small(folder.path());
    let path = folder.path().join("flipped.h5");
    fs::write(&path, &whole).unwrap();
    let intact = dataset_bits(&record::read_datasets(&path).unwrap().datasets);
    let mut random = Random(22);
    let (mut refused, mut silent) = (0, 0);
    for _ in 0..600 {
        let mut damaged = whole.clone();
        let bit = random.bits() as usize % (8 * whole.len());
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).unwrap();
        match record::read_datasets(&path) {
            Err(error) => {
                check_line(&error, &path);
                refused += 1;
            }
            Ok(read) if dataset_bits(&read.datasets) == intact => {}
            Ok(_) => silent += 1,
        }
    }
    // All but the bits of the seal itself, 20 bytes of the file.
    assert!(refused >= 595 && silent == 0, "{refused} refused, {silent} silent");
}

type Damage<'a> = &'a dyn Fn(&hdf5::File);

/// A seal can be forged, so every part of a file is distrusted by itself.
#[test]
fn files_that_others_changed_are_read_or_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let (_, datasets) = experiment();
    let change = |change: Damage<'_>| {
        written(folder.path());
        let file = hdf5::File::open_rw(&path).unwrap();
        change(&file);
        file.close().unwrap();
        seal(&path);
        record::read_datasets(&path)
    };
    let read = change(&|file| {
        file.new_dataset::<f32>().shape([3]).create("sweep/by_another_hand").unwrap();
        file.new_attr::<f64>().create("a_remark").unwrap().write_scalar(&1.5).unwrap();
    });
    assert_eq!(dataset_bits(&read.unwrap().datasets), dataset_bits(&datasets));

    let again = |file: &hdf5::File, name: &str| file.unlink(name).unwrap();
    let refused: [(Damage<'_>, &str); 6] = [
        (&|file| again(file, "sweep/slope"), "sweep/slope"),
        (&|file| again(file, "weights"), "weights"),
        (&|file| file.dataset("sweep/current_a").unwrap().delete_attr("DIMENSION_LIST").unwrap(), "axes"),
        (&|file| again(file, "sweep/run"), "an axis of sweep/current_a"),
        (
            // No number is stored, whatever the shape says.
            &|file| {
                again(file, "sweep/cells");
                file.new_dataset::<u64>().chunk([1 << 20]).shape([1 << 40]).create("sweep/cells").unwrap();
            },
            "the shape of the dataset sweep/cells",
        ),
        (
            &|file| {
                again(file, "sweep/cells");
                file.new_dataset::<i16>().shape(()).create("sweep/cells").unwrap();
            },
            "the type of sweep/cells",
        ),
    ];
    for (damage, words) in refused {
        let line = check_line(&change(damage).expect_err(words), &path);
        assert!(line.contains(words), "{words}: {line}");
    }
}

#[test]
fn a_file_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let text = record::describe_experiment(&record::read_datasets(&written(folder.path())).unwrap());
    println!("{text}");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = text.lines().map(words).collect();
    for line in [
        "experiment iv",
        "title Größe gegen ΔE: a made-up sweep",
        "materials pi, empty",
        "program trapline 0.1.0, commit unknown",
        "read bias 0.1 V",
        "sweep: A sweep up and down",
        "ramp rate: 0.1 V/s",
        "bias_v bias_v 4 V -1 to inf Bias at the cell",
        "slope - 1 NaN Slope at the end",
        "cells - 1 18446744073709551615 Cells simulated",
        "sweep/fits/up: Fits within the sweep",
        "x_m point 2 m 4.9407e-324, 1 NaN A place",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.lines().all(|line| line == line.trim_end()));
}
