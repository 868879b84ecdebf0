//! The record against damage, foreign files and disks that refuse: one-line errors, no panic, nothing half-written.

use crate::made_up;
use std::fs;
use std::path::{Path, PathBuf};

use crate::made_up::{
    Random, SMALL, Size, bits, campaign, check_line, leftovers, outcome, point, provenance, seal, write_all,
};
use trapline_model::outcome::CellWindow;
use trapline_record as record;
use trapline_record::{Record, RecordError, Trust};

#[test]
fn outcomes_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    let attempt = |point: &trapline_model::outcome::PointLabel, outcome: &trapline_model::outcome::PointOutcome| {
        record::write_point(folder.path(), &label, point, &provenance("p"), outcome)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let (good_point, good) = (point(&label, 1), outcome(&label, 1));

    let mut bad = good.clone();
    bad.filling.max = ndarray::Array1::zeros(4);
    assert!(attempt(&good_point, &bad).contains("filling_max"));
    let mut bad = good.clone();
    bad.times_s[1] += 1.0;
    assert!(attempt(&good_point, &bad).contains("time axis"));
    let mut bad = good.clone();
    bad.dump = None;
    assert!(attempt(&good_point, &bad).contains("dump"));
    let mut bad = good_point.clone();
    bad.number = 2;
    assert!(attempt(&bad, &good).contains("number"));
    let mut bad = good_point.clone();
    bad.material_index = 9;
    assert!(attempt(&bad, &good).contains("material"));
    let mut bad = good_point.clone();
    bad.flags = vec!["two\nlines".to_owned()];
    assert!(attempt(&bad, &good).contains("flag"));
    let mut bad = good_point.clone();
    bad.flags = vec!["a \0 inside".to_owned()];
    assert!(attempt(&bad, &good).contains("NUL"));
    assert!(!record::point_path(folder.path(), 1).exists());
    assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new());
}

#[test]
fn foreign_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.h5");
    let label = campaign(&SMALL);
    let point_file = write_all(folder.path(), &label).remove(0);

    let error = record::open_campaign(&path).unwrap_err();
    assert!(matches!(error, RecordError::Unreadable { .. }), "{}", check_line(&error, &path));
    let error = record::open_campaign(folder.path()).unwrap_err();
    assert!(matches!(error, RecordError::Unreadable { .. }), "{}", check_line(&error, folder.path()));
    for text in ["", "short", "# a text file, with enough of it to be read\n"] {
        fs::write(&path, text).unwrap();
        let error = record::open_campaign(&path).unwrap_err();
        assert!(matches!(error, RecordError::NotHdf5 { .. }), "{}", check_line(&error, &path));
    }
    let error = record::open_campaign(&point_file).unwrap_err();
    assert!(matches!(error, RecordError::FileType { .. }), "{error}");
    assert!(check_line(&error, &point_file).contains("`trapline point`"));

    hdf5::File::create(&path).unwrap().close().unwrap();
    let error = record::open_campaign(&path).unwrap_err();
    assert!(matches!(error, RecordError::Unsealed { .. }), "{}", check_line(&error, &path));
    seal(&path);
    let error = record::open_campaign(&path).unwrap_err();
    assert!(check_line(&error, &path).contains("not given"));
    assert!(matches!(record::read_point(&path).unwrap_err(), RecordError::FileType { .. }));

    record::merge_points(folder.path(), &label, &provenance("m"), &path, 0..6).unwrap();
    assert!(matches!(record::read_point(&path).unwrap_err(), RecordError::FileType { .. }));
    for (version, readable) in [([3, 0], false), ([0, 9], false), ([2, -1], false), ([2, 7], true)] {
        let file = hdf5::File::open_rw(&path).unwrap();
        file.attr("format_version").unwrap().write(&ndarray::arr1(&version)).unwrap();
        file.close().unwrap();
        seal(&path);
        match record::open_campaign(&path) {
            Ok(_) => assert!(readable),
            Err(error) => {
                assert!(!readable && matches!(error, RecordError::Version { .. }), "{error}");
                let line = check_line(&error, &path);
                assert!(line.contains(&format!("{}.{}", version[0], version[1])), "{line}");
                assert!(line.contains("1.0") && line.contains("0.1.0"), "{line}");
            }
        }
    }
}

/// Reads a file every way there is; damage may end in an error, never in a panic.
fn read_everything(path: &Path) -> Result<Vec<u64>, RecordError> {
    let (_, _, read) = record::read_point(path)?;
    Ok(bits(&read))
}

#[test]
fn a_file_cut_short_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    let whole = fs::read(write_all(folder.path(), &label).remove(0)).unwrap();
    let path = folder.path().join("cut.h5");
    let mut random = Random(11);
    for cut in (0..200).map(|_| random.bits() as usize % whole.len()).chain([0, 7, 8, whole.len() - 1]) {
        fs::write(&path, &whole[..cut]).unwrap();
        match read_everything(&path) {
            Err(error) => drop(check_line(&error, &path)),
            // Only the seal, the last 20 bytes, can go without loss.
            Ok(_) => assert!(cut >= whole.len() - 20, "{cut} of {}", whole.len()),
        }
    }
}

#[test]
fn flipped_bits_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    let whole = fs::read(write_all(folder.path(), &label).remove(0)).unwrap();
    let path = folder.path().join("flipped.h5");
    fs::write(&path, &whole).unwrap();
    let intact = read_everything(&path).unwrap();
    let mut random = Random(12);
    let (mut refused, mut silent) = (0, 0);
    for _ in 0..600 {
        let mut damaged = whole.clone();
        let bit = random.bits() as usize % (8 * whole.len());
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).unwrap();
        match read_everything(&path) {
            Err(error) => {
                check_line(&error, &path);
                refused += 1;
            }
            Ok(read) if read == intact => {}
            Ok(_) => silent += 1,
        }
    }
    println!("of 600 flipped bits: {refused} refused, {silent} changed a number unnoticed");
    // All but the bits of the seal itself: those unseal the file (16 bytes) or break the seal (4 bytes).
    assert!(refused >= 595 && silent == 0, "{refused} refused, {silent} silent");
}

/// What another program changed through HDF5 has lost its seal: it is read by whoever says so.
#[test]
fn a_file_changed_by_another_program_is_read_by_who_trusts_it() {
    let folder = tempfile::tempdir().unwrap();
    for path in one_of_each(folder.path()) {
        let (before, whole) = (record::open(&path, Trust::Sealed).unwrap(), fs::read(&path).unwrap());
        let file = hdf5::File::open_rw(&path).unwrap();
        file.new_attr::<f64>().create("a_remark").unwrap().write_scalar(&1.5).unwrap();
        file.close().unwrap();
        for refused in [record::open(&path, Trust::Sealed).map(drop), record::read_all(&path, Trust::Sealed, &|_| {})] {
            let error = refused.unwrap_err();
            assert!(matches!(error, RecordError::Unsealed { .. }), "{}", check_line(&error, &path));
        }
        assert!(read_as_anything(&path).iter().all(|error| matches!(error, RecordError::Unsealed { .. })));
        record::read_all(&path, Trust::Unsealed, &|_| {}).unwrap();
        // Bit by bit, for NaN is not equal to itself.
        let text = |record: &Record| format!("{record:?}");
        assert_eq!(text(&record::open(&path, Trust::Unsealed).unwrap()), text(&before));
        // Another of them leads to it, and wants it as it was.
        fs::write(&path, whole).unwrap();
    }
}

/// A reason of the system that HDF5 hands on is told as that, and not as damage.
#[test]
fn a_file_that_is_locked_is_not_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_all(folder.path(), &campaign(&SMALL)).remove(0);
    let lock = fs::File::options().read(true).write(true).open(&path).unwrap();
    lock.lock().unwrap();
    let error = record::read_point(&path).unwrap_err();
    assert!(matches!(error, RecordError::Unreadable { .. }), "{error}");
    let line = check_line(&error, &path);
    assert!(line.contains("HDF5_USE_FILE_LOCKING") && !line.contains("damaged"), "{line}");
    // One that is held for a moment, as by a process that another thread begins, is waited for.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            lock.unlock().unwrap();
        });
        record::read_point(&path).unwrap();
    });
}

#[test]
fn a_refused_write_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    let blocked = folder.path().join("file");
    fs::write(&blocked, "not a folder").unwrap();
    let (p, o, who) = (point(&label, 0), outcome(&label, 0), provenance("p"));

    let error = record::write_point(&blocked.join("parts"), &label, &p, &who, &o).unwrap_err();
    assert!(matches!(error, RecordError::Commit(_)), "{error}");
    check_line(&error, &blocked);
    write_all(folder.path(), &label);
    for destination in [blocked.join("all.h5"), folder.path().join("none/all.h5"), folder.path().to_owned()] {
        let error = record::merge_points(folder.path(), &label, &who, &destination, 0..6).unwrap_err();
        assert!(matches!(error, RecordError::Commit(_)), "{error}");
        check_line(&error, &destination);
        assert!(!destination.is_file());
    }
    assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new());
}

#[test]
fn an_existing_file_survives_a_failed_merge() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    let paths = write_all(folder.path(), &label);
    let destination = folder.path().join("all.h5");
    record::merge_points(folder.path(), &label, &provenance("1"), &destination, 0..6).unwrap();
    let before = fs::read(&destination).unwrap();
    let point = fs::read(&paths[5]).unwrap();
    fs::write(&paths[5], &point[..point.len() / 2]).unwrap();
    let error = record::merge_points(folder.path(), &label, &provenance("2"), &destination, 0..6).unwrap_err();
    check_line(&error, &paths[5]);
    assert_eq!(fs::read(&destination).unwrap(), before);
    fs::write(&paths[5], &point).unwrap();
    record::merge_points(folder.path(), &label, &provenance("2"), &destination, 0..6).unwrap();
    assert_eq!(record::open_campaign(&destination).unwrap().provenance, provenance("2"));
    assert_eq!(leftovers(folder.path()), Vec::<PathBuf>::new());
}

#[test]
fn old_temporaries_of_the_same_file_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let label = campaign(&SMALL);
    let path = record::point_path(folder.path(), 0);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let named = |name: &str| path.with_file_name(name);
    let names = ["point-000000.h5.12-0.part", "point-000000.h5.12-1.part", "point-000001.h5.12-0.part", "notes.part"];
    for name in names {
        fs::write(named(name), "left over").unwrap();
    }
    let old = std::time::SystemTime::now() - 2 * trapline_model::files::commit::STALE_AFTER;
    for name in [names[0], names[2], names[3]] {
        fs::File::options().write(true).open(named(name)).unwrap().set_modified(old).unwrap();
    }
    write_all(folder.path(), &campaign(&Size { materials: 1, temperatures: 1, ..SMALL }));
    let _ = label;
    let left: Vec<bool> = names.iter().map(|n| named(n).exists()).collect();
    assert_eq!(left, [false, true, true, true]);
}

/// One file of each kind: a point, a campaign, one that leads to its pieces, one in progress, an experiment.
fn one_of_each(folder: &Path) -> Vec<PathBuf> {
    let label = campaign(&SMALL);
    let who = provenance("m");
    let parts = folder.join("progress.h5.parts");
    let point_file = write_all(&parts, &label).remove(0);
    let path = |name: &str| folder.join(name);
    record::merge_points(&parts, &label, &who, &path("campaign.h5"), 0..6).unwrap();
    let piece = record::open_campaign(&path("campaign.h5")).unwrap();
    let sources: Vec<_> = (0..6).map(|number| (number, record::Source::Record(&piece))).collect();
    record::merge(&label, &who, &path("virtual.h5"), &sources, record::Held::Virtual).unwrap();
    record::write_unfinished(&path("progress.h5"), &parts, &label, &who, &[0, 1, 2, 3, 4, 5]).unwrap();
    let (label, datasets) = made_up::experiment();
    record::write_datasets(&path("experiment.h5"), &label, &who, &datasets).unwrap();
    ["campaign.h5", "virtual.h5", "progress.h5", "experiment.h5"].map(path).into_iter().chain([point_file]).collect()
}

/// Every reader there is, on one file: what they say, if anything.
fn read_as_anything(path: &Path) -> Vec<RecordError> {
    let campaign = || {
        let found = record::open_campaign(path)?;
        let _ = record::describe(&found)?;
        (0..found.points.len()).try_for_each(|place| record::whole(&found, place).map(drop))
    };
    let unfinished = || record::open_unfinished(path).map(|found| drop(record::describe_unfinished(&found)));
    let results = [
        record::file_type(path).map(drop),
        campaign(),
        unfinished(),
        record::read_point(path).map(drop),
        record::read_datasets(path).map(|found| drop(record::describe_experiment(&found))),
    ];
    results.into_iter().filter_map(Result::err).collect()
}

/// A file is of one kind: each reader but its own and the one of kinds refuses it.
const OTHERS: usize = 3;

#[test]
fn files_of_every_kind_survive_cuts_and_flips() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(13);
    for file in one_of_each(folder.path()) {
        let whole = fs::read(&file).unwrap();
        assert_eq!(read_as_anything(&file).len(), OTHERS, "{}", file.display());
        for _ in 0..40 {
            let mut damaged = whole.clone();
            let bit = random.bits() as usize % (8 * whole.len());
            damaged[bit / 8] ^= 1 << (bit % 8);
            for bytes in [&damaged[..], &whole[..bit / 8]] {
                // In its own place: what leads elsewhere still does.
                fs::write(&file, bytes).unwrap();
                let said = read_as_anything(&file);
                said.iter().for_each(|error| drop(check_line(error, &file)));
                assert!(said.len() > OTHERS || bit / 8 >= whole.len() - 20, "{}: bit {bit}", file.display());
            }
        }
        fs::write(&file, &whole).unwrap();
    }
}

/// What another program may make of a file without breaking its format: things gone, of another type, of another shape.
#[test]
fn files_that_another_program_mangled_are_refused_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let (mut random, mut refused) = (Random(14), 0);
    for file in one_of_each(folder.path()) {
        let whole = fs::read(&file).unwrap();
        for turn in 0..60 {
            let mangled = hdf5::File::open_rw(&file).unwrap();
            let names = mangled.member_names().unwrap();
            let attributes = mangled.attr_names().unwrap();
            let pick = random.bits() as usize;
            let (name, attribute) = (&names[pick % names.len()], &attributes[pick % attributes.len()]);
            match turn % 6 {
                0 => mangled.unlink(name).unwrap(),
                1 => {
                    mangled.unlink(name).unwrap();
                    mangled.new_dataset::<f64>().shape(()).create(name.as_str()).unwrap();
                }
                2 => {
                    mangled.unlink(name).unwrap();
                    mangled.new_dataset::<hdf5::types::VarLenAscii>().shape([3, 0, 7]).create(name.as_str()).unwrap();
                }
                3 => {
                    mangled.unlink(name).unwrap();
                    mangled.create_group(name).unwrap();
                }
                4 => mangled.delete_attr(attribute).unwrap(),
                _ => {
                    mangled.delete_attr(attribute).unwrap();
                    let values = ndarray::arr2(&[[i8::MIN, 1], [2, i8::MAX]]);
                    mangled.new_attr_builder().with_data(&values).create(attribute.as_str()).unwrap();
                }
            }
            mangled.close().unwrap();
            // Sealed again: the seal keeps out accidents, and every part of a file is distrusted by itself.
            seal(&file);
            let said = read_as_anything(&file);
            said.iter().for_each(|error| drop(check_line(error, &file)));
            refused += usize::from(said.len() > OTHERS);
            fs::write(&file, &whole).unwrap();
        }
    }
    // Some of what goes is not needed: labels for people, the order of things.
    assert!(refused > 150, "only {refused} of 300 were refused");
}

/// A disk that fills up in the middle: the error says so, and nothing is left under the final name.
#[test]
#[ignore = "needs the right to mount a tmpfs"]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let mount = |arguments: &[&str]| std::process::Command::new(arguments[0]).args(&arguments[1..]).status().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().to_str().unwrap();
    let window = Some(CellWindow { first_row: 0, first_col: 0, rows: 300, cols: 300 });
    let label = campaign(&Size { materials: 1, temperatures: 1, times: 4, bins: 3, dump: window });
    let elsewhere = tempfile::tempdir().unwrap();
    write_all(elsewhere.path(), &label);
    for kilobytes in [1, 40, 100, 1000, 3000] {
        assert!(mount(&["mount", "-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs", disk]).success());
        let (p, o, who) = (point(&label, 0), outcome(&label, 0), provenance("p"));
        let written = record::write_point(folder.path(), &label, &p, &who, &o);
        let path = record::point_path(folder.path(), 0);
        let all = folder.path().join("all.h5");
        let merged = record::merge_points(elsewhere.path(), &label, &who, &all, 0..1);
        let left = (path.exists(), all.exists(), leftovers(folder.path()));
        // Lazily: HDF5 does not let go of a file that it could not close.
        assert!(mount(&["umount", "-l", disk]).success());
        for error in [written.unwrap_err(), merged.unwrap_err()] {
            let line = error.to_string();
            println!("{kilobytes} kB: {line}");
            assert!(line.contains("No space left on device") && !line.contains('\n'), "{line}");
        }
        assert_eq!(left, (false, false, Vec::new()));
    }
}
