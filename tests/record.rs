//! The record: round trips bit for bit, and what a file says of itself.

mod made_up;

use std::fs;
use std::path::{Path, PathBuf};

use made_up::{SMALL, Size, bits, campaign, check_line, leftovers, outcome, point, provenance, write_all};
use trapline::outcome::{CampaignLabel, CellWindow};
use trapline::record::{self, RecordError};

#[test]
fn a_point_comes_back_bit_for_bit() {
    let sizes = [
        SMALL,
        Size { materials: 1, temperatures: 1, times: 1, bins: 1, dump: None },
        Size {
            materials: 1,
            temperatures: 1,
            times: 1,
            bins: 1,
            dump: Some(CellWindow { first_row: 0, first_col: 0, rows: 1, cols: 1 }),
        },
        Size {
            materials: 1,
            temperatures: 2,
            times: 3,
            bins: 300,
            dump: Some(CellWindow { first_row: 0, first_col: 9, rows: 300, cols: 257 }),
        },
    ];
    for size in sizes {
        let folder = tempfile::tempdir().unwrap();
        let label = campaign(&size);
        for (number, path) in write_all(folder.path(), &label).iter().enumerate() {
            let (read_label, who, read) = record::read_point(path).unwrap();
            assert_eq!(read_label, point(&label, number));
            assert_eq!(who, provenance(&number.to_string()));
            let written = outcome(&label, number);
            assert_eq!(bits(&read), bits(&written));
            // The comparison sees a single bit.
            let mut other = written;
            other.kept.variance[0] = f64::NAN;
            assert_ne!(bits(&read), bits(&other));
        }
    }
}

#[test]
fn points_lie_in_folders_of_a_thousand() {
    let dir = Path::new("parts");
    assert_eq!(record::point_path(dir, 17), Path::new("parts/000000/point-000017.h5"));
    assert_eq!(record::point_path(dir, 999), Path::new("parts/000000/point-000999.h5"));
    assert_eq!(record::point_path(dir, 1000), Path::new("parts/000001/point-001000.h5"));
}

#[test]
fn a_merge_holds_every_point_bit_for_bit() {
    for size in [SMALL, Size { dump: None, ..SMALL }] {
        let folder = tempfile::tempdir().unwrap();
        let mut label = campaign(&size);
        if size.dump.is_none() {
            label.overrides.clear();
            label.program_k = None;
            label.report_times_s.clear();
        }
        write_all(folder.path(), &label);
        let path = folder.path().join("all.h5");
        let who = provenance("merge");
        record::merge_points(folder.path(), &label, &who, &path, 0..6).unwrap();
        let record = record::open_campaign(&path).unwrap();
        assert_eq!(record.label, label);
        assert_eq!(record.provenance, who);
        assert_eq!((record.format_version, record.points.clone()), ([1, 0], 0..6));
        assert!(record.computed.iter().all(|&c| c));
        for number in 0..6 {
            let (m, t) = (number / 3, number % 3);
            let dump = record::read_dump(&record, m, t).unwrap();
            assert_eq!(bits(&record.outcome(m, t, dump)), bits(&outcome(&label, number)));
            assert_eq!(record.flags[[m, t]], point(&label, number).flags);
            assert_eq!(record.point_provenance[[m, t]], provenance(&number.to_string()));
        }
        assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_shard_says_which_points_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    write_all(folder.path(), &label);
    let path = folder.path().join("shard.h5");
    record::merge_points(folder.path(), &label, &provenance("s"), &path, 2..4).unwrap();
    let record = record::open_campaign(&path).unwrap();
    assert_eq!(record.points, 2..4);
    let computed: Vec<bool> = record.computed.iter().copied().collect();
    assert_eq!(computed, [false, false, true, true, false, false]);
    assert!(record.filling.mean[[0, 0, 0]].is_nan() && record.cells[[0, 0]] == 0);
    assert_eq!(record.flags[[0, 0]], Vec::<String>::new());
    assert!(record::read_dump(&record, 0, 0).unwrap().is_none());
    let dump = record::read_dump(&record, 1, 0).unwrap();
    assert_eq!(bits(&record.outcome(1, 0, dump)), bits(&outcome(&label, 3)));
}

#[test]
fn a_long_campaign_text_is_kept_verbatim() {
    let folder = tempfile::tempdir().unwrap();
    let mut label = campaign(&Size { materials: 1, temperatures: 1, ..SMALL });
    label.campaign_toml = "# a line of a long file\r\n\t \n".repeat(20_000);
    label.materials[0].1 = String::new();
    let path = write_all(folder.path(), &label).remove(0);
    let (record, _) = record::open_point(&path).unwrap();
    assert_eq!(record.label, label);
}

#[test]
fn a_merge_names_what_is_missing_or_foreign() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    let paths = write_all(folder.path(), &label);
    let destination = folder.path().join("all.h5");
    let merge =
        |label: &CampaignLabel| record::merge_points(folder.path(), label, &provenance("m"), &destination, 0..6);

    let mut other = label.clone();
    other.seed ^= 1;
    let error = merge(&other).unwrap_err();
    assert!(matches!(error, RecordError::OtherCampaign { what: "seed", .. }), "{error}");
    check_line(&error, &paths[0]);

    fs::rename(&paths[4], folder.path().join("away")).unwrap();
    let error = merge(&label).unwrap_err();
    assert!(matches!(error, RecordError::MissingPoint { number: 4, .. }), "{error}");
    check_line(&error, &paths[4]);

    // A point under another point's name.
    fs::copy(&paths[3], &paths[4]).unwrap();
    let error = merge(&label).unwrap_err();
    assert!(matches!(error, RecordError::OtherCampaign { what: "number", .. }), "{error}");

    let error = record::merge_points(folder.path(), &label, &provenance("m"), &destination, 0..7).unwrap_err();
    assert!(error.to_string().contains("0..7"), "{error}");
    assert!(!destination.exists());
    assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new());
}

/// Every dataset says what it is and in what unit, and every root attribute of the format is there.
#[test]
fn every_dataset_has_units_a_name_and_axes() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    write_all(folder.path(), &label);
    let path = folder.path().join("all.h5");
    record::merge_points(folder.path(), &label, &provenance("m"), &path, 0..6).unwrap();
    let file = hdf5::File::open(&path).unwrap();
    let axes = ["material", "temperature", "time", "bin", "row", "col"];
    let datasets = file.datasets().unwrap();
    assert!(datasets.len() > 50, "{}", datasets.len());
    for dataset in datasets {
        let name = dataset.name();
        for attribute in ["units", "long_name"] {
            let value = dataset.attr(attribute).unwrap();
            let value: hdf5::types::VarLenUnicode = value.read_scalar().unwrap();
            assert!(!value.is_empty(), "{name}: {attribute}");
        }
        let link = if axes.contains(&&name[1..]) { "REFERENCE_LIST" } else { "DIMENSION_LIST" };
        assert!(dataset.attr_names().unwrap().iter().any(|a| a == link), "{name}: {link}");
    }
    let names = file.attr_names().unwrap();
    for attribute in [
        "file_type",
        "format_version",
        "program",
        "program_version",
        "commit",
        "campaign_name",
        "campaign_toml",
        "material_toml",
        "overrides",
        "seed",
        "backend",
        "adapter",
        "driver",
        "instruction_set",
        "started_utc",
        "ended_utc",
        "array_rows",
        "array_cols",
        "kept_threshold",
        "report_times",
        "first_point",
        "end_point",
    ] {
        assert!(names.iter().any(|n| n == attribute), "{attribute}");
    }
    let documentation = include_str!("../docs/format.md");
    for name in names.iter().chain(&file.member_names().unwrap()) {
        assert!(documentation.contains(&format!("`{name}`")), "docs/format.md says nothing of {name}");
    }
}

#[test]
fn many_threads_write_points_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (label, dir) = (&label, folder.path());
            scope.spawn(move || {
                let (p, o) = (point(label, number), outcome(label, number));
                record::write_point(dir, label, &p, &provenance("t"), &o).unwrap();
            });
        }
    });
    for number in 0..6 {
        let (_, _, read) = record::read_point(&record::point_path(folder.path(), number)).unwrap();
        assert_eq!(bits(&read), bits(&outcome(&label, number)));
    }
}

/// A minor version may add anything; what this program does not know it names, and reads the rest.
#[test]
fn what_a_newer_minor_version_adds_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    write_all(folder.path(), &label);
    let path = folder.path().join("all.h5");
    record::merge_points(folder.path(), &label, &provenance("m"), &path, 0..6).unwrap();
    let before = record::open_campaign(&path).unwrap();
    let file = hdf5::File::open_rw(&path).unwrap();
    file.attr("format_version").unwrap().write(&ndarray::arr1(&[1, 9])).unwrap();
    file.create_group("learning").unwrap().new_dataset_builder().with_data(&[1.0]).create("rate").unwrap();
    file.new_dataset_builder().with_data(&[1.0, 2.0]).create("bare").unwrap();
    let odd = file.new_dataset_builder().with_data(&[1_u8]).create("odd").unwrap();
    odd.new_attr::<f64>().create("units").unwrap().write_scalar(&1.5).unwrap();
    file.link_soft("/nowhere", "dangling").unwrap();
    drop(odd);
    file.close().unwrap();

    let after = record::open_campaign(&path).unwrap();
    assert_eq!((after.format_version, &after.label), ([1, 9], &before.label));
    let text = record::describe(&after).unwrap();
    let line = |name: &str| {
        let found = text.lines().find(|line| line.trim_start().starts_with(name));
        found.unwrap_or_else(|| panic!("{name} is not in\n{text}")).split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(line("bare "), ["bare", "2", "-", "-"]);
    assert_eq!(line("odd "), ["odd", "1", "-", "-"]);
    assert_eq!(line("kept_mean ")[..6], ["kept_mean", "2", "x", "3", "x", "5"]);
    assert!(text.contains("unknown to this program: dangling, learning\n"), "{text}");
}
