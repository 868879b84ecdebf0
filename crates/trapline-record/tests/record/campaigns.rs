//! The record: round trips bit for bit, and what a file says of itself.

use std::fs;
use std::path::{Path, PathBuf};

use crate::made_up::{
    SMALL, Size, bits, campaign, check_line, leftovers, outcome, point, provenance, seal, swept, write_all,
};
use trapline_model::cell::counted::Electrons;
use trapline_model::cell::read::Judging;
use trapline_model::outcome::{CampaignLabel, CellWindow, Coordinate};
use trapline_record as record;
use trapline_record::RecordError;

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
    let plain = Size { dump: None, ..SMALL };
    for mut label in [campaign(&SMALL), campaign(&plain), swept(&SMALL), swept(&plain)] {
        let folder = tempfile::tempdir().unwrap();
        if label.dump.is_none() {
            label.overrides.clear();
            label.report_times_s.clear();
        }
        write_all(folder.path(), &label);
        let path = folder.path().join("all.h5");
        let who = provenance("merge");
        record::merge_points(folder.path(), &label, &who, &path, 0..label.points()).unwrap();
        let record = record::open_campaign(&path).unwrap();
        assert_eq!(record.label, label);
        assert_eq!(record.label.difference(&label), None);
        assert_eq!(record.provenance, who);
        assert_eq!((record.format_version, record.points.len()), (record::FORMAT_VERSION, label.points()));
        assert_eq!(record.computed(), label.points());
        for number in 0..label.points() {
            let whole = record::whole(&record, number).unwrap().unwrap();
            assert_eq!(bits(&whole), bits(&outcome(&label, number)));
            assert_eq!(record.points[number].label, point(&label, number));
            assert_eq!(record.points[number].provenance, provenance(&number.to_string()));
        }
        assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new());
    }
}

/// A label differs in whatever one of its values differs.
#[test]
fn campaigns_are_told_apart() {
    let label = swept(&SMALL);
    let changes: [fn(&mut CampaignLabel); 10] = [
        |l| l.settings[7].judged = Judging::Reading { integration_s: 1e-2, first: false },
        |l| l.settings[7].judged = Judging::Reading { integration_s: 1e-2, first: true },
        |l| l.settings[7].seed ^= 1,
        |l| l.settings[35].read_k += 1.0,
        |l| l.settings[35].kept_threshold = f64::NAN,
        |l| l.sweeps[0].name.push('s'),
        |l| l.sweeps[1].keys[1].values = Coordinate::Real(vec![0.0, 1.5]),
        |l| l.times_s[1] += 1e-9,
        |l| l.materials[1].1.push(' '),
        |l| l.overrides.clear(),
    ];
    assert_eq!(label.difference(&label.clone()), None);
    for (i, change) in changes.into_iter().enumerate() {
        let mut other = label.clone();
        change(&mut other);
        assert!(label.difference(&other).is_some(), "change {i}");
    }
}

/// A file of format 1.0 has neither sweeps nor settings of its points: the root says them for all.
#[test]
fn a_file_of_format_1_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut label = campaign(&SMALL);
    for (n, settings) in label.settings.iter_mut().enumerate() {
        settings.read_k = label.temperatures_k[n % 3];
        // Nobody counted electrons then, and a seed's cells were the same at every temperature.
        (settings.electrons, settings.dots, settings.same_cells) = (Electrons::MeanField, 0.0, true);
        settings.judged = Judging::Kept;
    }
    let path = folder.path().join("all.h5");
    write_all(folder.path(), &label);
    record::merge_points(folder.path(), &label, &provenance("m"), &path, 0..6).unwrap();
    let file = hdf5::File::open_rw(&path).unwrap();
    file.attr("format_version").unwrap().write(&ndarray::arr1(&[1, 0])).unwrap();
    let settings = file.member_names().unwrap().into_iter().filter(|name| {
        [
            "rows",
            "cols",
            "seed",
            "bias",
            "temperature",
            "threshold",
            "electrons",
            "dots",
            "cells",
            "judged",
            "reading_s",
        ]
        .iter()
        .any(|end| name.ends_with(end))
            && name.starts_with("point_")
    });
    let settings: Vec<String> = settings.collect();
    assert_eq!(settings.len(), 12, "{settings:?}");
    settings.iter().for_each(|name| file.unlink(name).unwrap());
    // It was a list of one.
    file.delete_attr("program_temperature").unwrap();
    file.new_attr_builder().with_data(&[298.15]).create("program_temperature").unwrap();
    file.close().unwrap();
    seal(&path);
    let read = record::open_campaign(&path).unwrap();
    assert_eq!((read.format_version, &read.label), ([1, 0], &label));
    assert_eq!(bits(&record::whole(&read, 4).unwrap().unwrap()), bits(&outcome(&label, 4)));
}

#[test]
fn a_file_of_before_electrons_were_counted_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut label = campaign(&SMALL);
    // Point by point, as a sweep of the key makes it.
    label.settings.iter_mut().step_by(2).for_each(|settings| settings.same_cells = true);
    label.settings[1].judged = Judging::Reading { integration_s: 2.5e-3, first: true };
    label.settings[2].judged = Judging::Reading { integration_s: 1e6, first: false };
    let path = folder.path().join("all.h5");
    write_all(folder.path(), &label);
    record::merge_points(folder.path(), &label, &provenance("m"), &path, 0..6).unwrap();
    assert_eq!(record::open_campaign(&path).unwrap().label, label);
    let changed = |change: &dyn Fn(&hdf5::File)| {
        let other = folder.path().join("other.h5");
        std::fs::copy(&path, &other).unwrap();
        let file = hdf5::File::open_rw(&other).unwrap();
        change(&file);
        file.close().unwrap();
        seal(&other);
        record::open_campaign(&other).map(|read| read.label)
    };
    let before = changed(&|file| {
        file.attr("format_version").unwrap().write(&ndarray::arr1(&[2, 1])).unwrap();
        let added = ["point_electrons", "point_dots", "point_same_cells", "point_judged", "point_reading_s"];
        added.iter().for_each(|name| file.unlink(name).unwrap());
    });
    let mut expected = label.clone();
    for settings in &mut expected.settings {
        (settings.electrons, settings.dots, settings.same_cells) = (Electrons::MeanField, 0.0, true);
        settings.judged = Judging::Kept;
    }
    assert_eq!(before.unwrap(), expected);
    // A way that no program knows.
    let unknown = changed(&|file| {
        let dataset = file.dataset("point_electrons").unwrap();
        dataset.write(&ndarray::Array2::from_elem((2, 3), 9u64)).unwrap();
    });
    let said = unknown.unwrap_err().to_string();
    assert!(said.contains("point_electrons") && said.contains('9') && said.contains("0 to 4"), "{said}");
    let unknown = changed(&|file| {
        file.dataset("point_same_cells").unwrap().write(&ndarray::Array2::from_elem((2, 3), 2_u8)).unwrap();
    });
    let said = unknown.unwrap_err().to_string();
    assert!(said.contains("point_same_cells") && said.contains("2") && said.contains("0 or 1"), "{said}");
    let unknown = changed(&|file| {
        file.dataset("point_judged").unwrap().write(&ndarray::Array2::from_elem((2, 3), 7_u8)).unwrap();
    });
    let said = unknown.unwrap_err().to_string();
    assert!(said.contains("point_judged") && said.contains('7') && said.contains("0 to 2"), "{said}");
    // A reading without a time, where readings judge.
    for seconds in [0.0, f64::NAN, f64::INFINITY] {
        let unknown = changed(&|file| {
            file.dataset("point_reading_s").unwrap().write(&ndarray::Array2::from_elem((2, 3), seconds)).unwrap();
        });
        let said = unknown.unwrap_err().to_string();
        assert!(said.contains("point_reading_s") && said.contains("1e-9 to 1e6"), "{said}");
    }
}

#[test]
fn a_campaign_in_progress_opens_at_any_time() {
    let folder = tempfile::tempdir().unwrap();
    let label = swept(&SMALL);
    let (path, parts) = (folder.path().join("sweep.h5"), folder.path().join("sweep.h5.parts"));
    let planned = [1, 2, 5, 35];
    record::write_unfinished(&path, &parts, &label, &provenance("r"), &planned).unwrap();
    assert_eq!(record::file_type(&path).unwrap(), record::FileType::Unfinished);
    for number in [2, 35] {
        let (point, outcome) = (point(&label, number), outcome(&label, number));
        record::write_point(&parts, &label, &point, &provenance("p"), &outcome).unwrap();
    }
    let found = record::open_unfinished(&path).unwrap();
    assert_eq!((&found.label, found.planned.as_slice()), (&label, &planned[..]));
    assert_eq!(found.finished(), [2, 35]);
    assert!(record::describe_unfinished(&found).contains("2 of 4 finished (of 36 of the whole campaign)"));
    // A point behind its link, as any HDF5 program sees it; and one that is not there yet.
    let file = hdf5::File::open(&path).unwrap();
    let kept = file.dataset("points/point-000035/kept_variance").unwrap().read_raw::<f64>().unwrap();
    assert_eq!(kept[0].to_bits(), outcome(&label, 35).kept.variance[0].to_bits());
    assert!(file.group("points/point-000001").is_err());
    drop(file);
    let error = record::open_campaign(&path).unwrap_err();
    assert!(check_line(&error, &path).contains("--resume"), "{error}");
}

#[test]
fn a_shard_says_which_points_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    write_all(folder.path(), &label);
    let path = folder.path().join("shard.h5");
    record::merge_points(folder.path(), &label, &provenance("s"), &path, [3, 2]).unwrap();
    let record = record::open_campaign(&path).unwrap();
    let computed: Vec<bool> = record.points.iter().map(|point| point.outcome.is_some()).collect();
    assert_eq!(computed, [false, false, true, true, false, false]);
    assert_eq!(record.points[0].label.flags, Vec::<String>::new());
    assert_eq!(record.label.settings, label.settings, "the plan is whole");
    assert!(record::read_dump(&record, 0).unwrap().is_none());
    assert_eq!(bits(&record::whole(&record, 3).unwrap().unwrap()), bits(&outcome(&label, 3)));
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
    other.settings[0].seed ^= 1;
    let error = merge(&other).unwrap_err();
    assert!(matches!(&error, RecordError::OtherCampaign { what, .. } if what.contains("seed")), "{error}");
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
    assert!(error.to_string().contains("less than 6"), "{error}");
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
    let axes = ["material", "temperature", "time", "bin", "row", "col", "circuit_time"];
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
        "read_bias",
        "read_temperature",
        "program_temperature",
    ] {
        assert!(names.iter().any(|n| n == attribute), "{attribute}");
    }
    let documentation = include_str!("../../../../docs/format.md");
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
    file.attr("format_version").unwrap().write(&ndarray::arr1(&[2, 9])).unwrap();
    file.create_group("learning").unwrap().new_dataset_builder().with_data(&[1.0]).create("rate").unwrap();
    file.new_dataset_builder().with_data(&[1.0, 2.0]).create("bare").unwrap();
    let odd = file.new_dataset_builder().with_data(&[1_u8]).create("odd").unwrap();
    odd.new_attr::<f64>().create("units").unwrap().write_scalar(&1.5).unwrap();
    file.link_soft("/nowhere", "dangling").unwrap();
    drop(odd);
    file.close().unwrap();
    seal(&path);

    let after = record::open_campaign(&path).unwrap();
    assert_eq!((after.format_version, &after.label), ([2, 9], &before.label));
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
