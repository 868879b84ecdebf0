//! Records made to harm their reader: each ends in one line, and no file but the one that was named is read.
//!
//! All but the unsealed ones are sealed again after they were changed: the seal keeps out accidents, and can be forged.

mod made_up;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdf5::types::{FixedUnicode, VarLenArray, VarLenUnicode};
use hdf5::{Extents, File, Location};
use made_up::{Random, SMALL, Size, campaign, check_line, provenance, seal, swept, write_all};
use trapline::record::{self, Held, RecordError, Source, Trust};
use trapline::text::is_unseen;

/// A command that has not ended by then never will: sound files of the size here take milliseconds.
const HANG: Duration = Duration::from_secs(60);

/// Address space that a command may have, KiB: less than 1 GiB is what reading takes; threads reserve more than they
/// use.
const MEMORY_KIB: u64 = 4 << 20;

/// Held by a test while it runs: HDF5 locks the files it has open, a process that another test starts in that moment
/// inherits the lock, and the file cannot be opened again until it has ended.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a command said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs a command in a folder. It may not be ended by a signal, panic, or run on for ever.
fn run(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MEMORY_KIB} 2>/dev/null; exec \"$0\" \"$@\"")]);
    command.arg(env!("CARGO_BIN_EXE_trapline")).args(arguments).current_dir(folder);
    let files = ["out", "err"].map(|name| folder.join(format!("said-{name}")));
    let [out, err] = files.each_ref().map(|file| fs::File::create(file).unwrap());
    let mut child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > HANG => {
                child.kill().unwrap();
                panic!("{arguments:?} did not end");
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let [out, err] = files.map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned());
    assert!(status.code().is_some_and(|code| code < 100), "{arguments:?}: {status}: {err}");
    // HDF5 has an `addr overflow` of its own, which is a refusal; Rust's are `attempt to add with overflow`.
    assert!(!err.contains("panicked") && !err.contains("with overflow"), "{arguments:?}: {err}");
    Said { code: status.code(), out, err }
}

/// A command that must refuse: exit code 1 and one line that names the file.
fn refused(folder: &Path, arguments: &[&str], words: &str) -> String {
    let said = run(folder, arguments);
    let lines: Vec<&str> = said.err.lines().collect();
    assert!(said.code == Some(1) && lines.len() == 1, "{arguments:?}: {:?}: {}", said.code, said.err);
    assert!(said.err.contains(words) && said.err.len() < 700, "{arguments:?}: {words}: {}", said.err);
    said.err
}

fn good(folder: &Path, arguments: &[&str]) -> String {
    let said = run(folder, arguments);
    assert!(said.code == Some(0), "{arguments:?}: {:?}: {}", said.code, said.err);
    said.out
}

/// A sealed record of six points, `record.h5`, with the points it was merged from.
fn sound(folder: &Path) -> PathBuf {
    let path = folder.join("record.h5");
    let label = campaign(&SMALL);
    write_all(&folder.join("parts"), &label);
    record::merge_points(&folder.join("parts"), &label, &provenance("m"), &path, 0..6).unwrap();
    path
}

/// Changes a file through HDF5, and seals it.
fn change(path: &Path, change: impl FnOnce(&File)) {
    let file = File::open_rw(path).unwrap();
    change(&file);
    file.close().unwrap();
    seal(path);
}

#[test]
fn every_point_file_is_shown_and_compared() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let label = swept(&Size { dump: None, ..SMALL });
    let points = write_all(folder.path(), &label);
    for (number, point) in points.iter().enumerate() {
        let (record, place) = record::open_point(point).unwrap();
        let planned = label.point(number);
        assert_eq!((place.number, &place.sweep_index), (number, &planned.sweep_index));
        // What the file says of the point's place on the axes is of its own axes.
        let rows = trapline::analysis::retention::summary(&record);
        let sweeps = label.sweeps.iter().zip(&planned.sweep_index);
        let texts: Vec<_> = sweeps.map(|(of, &at)| (of.name.clone(), of.coordinate.text(at))).collect();
        assert_eq!(rows[0].sweeps, texts, "point {number}");
        assert!(record::describe(&record).unwrap().contains(&format!("{number} of its campaign")));
    }
    let names: Vec<String> = points.iter().map(|path| path.display().to_string()).collect();
    for name in [&names[0], &names[7], names.last().unwrap()] {
        assert!(good(folder.path(), &["show", name]).contains("of its campaign"));
        let json: serde_json::Value = serde_json::from_str(&good(folder.path(), &["show", "--json", name])).unwrap();
        assert_eq!(json["points"].as_array().map(Vec::len), Some(1));
        assert!(good(folder.path(), &["diff", name, name]).contains("the same results: 1 in common"));
    }
    assert_eq!(run(folder.path(), &["diff", &names[7], &names[8]]).code, Some(1));
    // Analysed, or refused for what such a point cannot tell.
    let _ = run(folder.path(), &["analyze", &names[7], "-o", "report"]);
}

/// Puts something else in the place of an attribute.
type Replace = fn(&Location, &str);

fn put<T: hdf5::H5Type>(at: &Location, name: &str, shape: impl Into<Extents>) {
    at.new_attr::<T>().shape(shape).create(name).unwrap();
}

/// What HDF5 can hold in the place of a text or a number. The first three made 950947b free what it had not been given.
const REPLACEMENTS: [Replace; 9] = [
    |at, name| put::<VarLenUnicode>(at, name, Extents::Null),
    |at, name| put::<VarLenArray<f64>>(at, name, Extents::Null),
    |at, name| put::<VarLenArray<f64>>(at, name, ()),
    |at, name| put::<f64>(at, name, Extents::Null),
    |at, name| put::<VarLenUnicode>(at, name, [2, 2]),
    |at, name| put::<VarLenUnicode>(at, name, [0]),
    |at, name| put::<FixedUnicode<8>>(at, name, ()),
    |at, name| put::<bool>(at, name, ()),
    |at, name| put::<hdf5::ObjectReference1>(at, name, [3]),
];

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

/// Opens an object by its path.
trait ByPath {
    fn loc_by(&self, path: &str) -> Location;
}

impl ByPath for File {
    fn loc_by(&self, path: &str) -> Location {
        match path {
            "/" => self.as_location().unwrap(),
            _ => match self.dataset(path) {
                Ok(dataset) => dataset.as_location().unwrap(),
                Err(_) => self.group(path).unwrap().as_location().unwrap(),
            },
        }
    }
}

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

/// A name that does what a terminal lets it do: colours, a title, the direction of writing, a line of its own, C1
/// controls.
const ACTS: &str = "a\u{1b}[31m\u{1b}]0;x\u{7}\u{202e}b\u{9b}c\nPASS\u{2066}\u{200b}d\r";

#[test]
fn no_text_of_a_record_acts_on_a_terminal_or_a_page() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (label, outcomes) =
        made_up::retention(2, &[125.0, 150.0, 175.0], &[0.0, 1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 64e3, 128e3, 256e3]);
    made_up::file(folder.path(), &label, &outcomes);
    let text = |acts: &str| -> VarLenUnicode { acts.parse().unwrap() };
    let with_text = |at: &Location, name: &str| {
        at.delete_attr(name).unwrap();
        at.new_attr::<VarLenUnicode>().create(name).unwrap().write_scalar(&text(ACTS)).unwrap();
    };
    change(&folder.path().join("made-up.h5"), |file| {
        for name in
            ["campaign_name", "adapter", "driver", "instruction_set", "program_version", "commit", "started_utc"]
        {
            with_text(file, name);
        }
        for name in ["units", "long_name"] {
            with_text(&file.dataset("kept_mean").unwrap().as_location().unwrap(), name);
        }
        for name in ["material", "flags", "point_adapter"] {
            let dataset = file.dataset(name).unwrap();
            let values = ndarray::ArrayD::from_elem(dataset.shape(), text(ACTS));
            dataset.write(values.view()).unwrap();
        }
    });
    let (label, datasets) = made_up::experiment();
    record::write_datasets(&folder.path().join("experiment.h5"), &label, &provenance("e"), &datasets).unwrap();
    change(&folder.path().join("experiment.h5"), |file| {
        ["title", "experiment", "driver", "adapter"].iter().for_each(|name| with_text(file, name));
        with_text(&file.group("sweep").unwrap().as_location().unwrap(), "title");
        with_text(&file.dataset("sweep/current_a").unwrap().as_location().unwrap(), "units");
        with_text(&file.dataset("sweep/current_a").unwrap().as_location().unwrap(), "long_name");
    });
    let commands: [&[&str]; 9] = [
        &["show", "made-up.h5"],
        &["show", "--json", "made-up.h5"],
        &["diff", "made-up.h5", "made-up.h5"],
        &["analyze", "made-up.h5"],
        &["analyze", "made-up.h5", "--json"],
        &["analyze", "made-up.h5", "-o", "report"],
        &["qualify", "made-up.h5"],
        &["show", "experiment.h5"],
        &["merge", "experiment.h5", "-o", "x.h5"],
    ];
    for command in commands {
        let said = run(folder.path(), command);
        for text in [&said.out, &said.err] {
            let raw = text.chars().find(|&c| is_unseen(c) && c != '\n');
            assert!(raw.is_none(), "{command:?}: {raw:?} in {text}");
            assert!(!text.lines().any(|line| line.trim_end() == "PASS"), "{command:?}: a forged line in {text}");
        }
    }
    let mut pages = 0;
    for entry in fs::read_dir(folder.path().join("report")).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ["html", "svg", "csv", "json"].iter().any(|of| ending == *of)) {
            let text = fs::read_to_string(&path).unwrap();
            let raw = text.chars().find(|&c| is_unseen(c) && !matches!(c, '\n' | '\t'));
            assert!(raw.is_none(), "{}: {raw:?}", path.display());
            pages += 1;
        }
    }
    assert!(pages >= 4, "{pages}");
    // The names themselves stay what they are in the record.
    assert_eq!(record::open_campaign(&folder.path().join("made-up.h5")).unwrap().label.name, ACTS);
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

/// Without a seal a damaged heap of texts sends HDF5 1.10 round for ever. The command ends, in one line.
#[test]
fn unsealed_damage_ends_in_one_line() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 20);
    fs::write(&path, &bytes).unwrap();
    // No seal, and sound: it is told, and read.
    let said = run(folder.path(), &["show", "record.h5"]);
    assert!(said.code == Some(0) && said.err.lines().count() == 1 && said.err.contains("no seal"), "{}", said.err);
    assert!(said.out.contains("made up"));
    good(folder.path(), &["diff", "record.h5", "record.h5"]);
    good(folder.path(), &["merge", "record.h5", "-o", "sealed.h5"]);
    let said = run(folder.path(), &["diff", "record.h5", "sealed.h5"]);
    assert!(said.code == Some(0) && said.err.contains("no seal"), "{}", said.err);
    assert_eq!(run(folder.path(), &["show", "sealed.h5"]).err, "");

    let heaps: Vec<usize> = bytes.windows(4).enumerate().filter(|(_, w)| *w == b"GCOL").map(|(at, _)| at).collect();
    assert!(!heaps.is_empty());
    // Of the first object in each heap: its size, so that the next one is the same.
    for size in [u64::MAX - 15, u64::MAX, 0, 1 << 40] {
        let mut damaged = bytes.clone();
        for at in &heaps {
            damaged[at + 24..at + 32].copy_from_slice(&size.to_le_bytes());
        }
        fs::write(&path, damaged).unwrap();
        for command in [&["show", "record.h5"][..], &["diff", "record.h5", "sealed.h5"]] {
            let said = run(folder.path(), command);
            assert!(said.code == Some(1) && said.err.lines().count() == 1, "{size}: {:?}: {}", said.code, said.err);
            assert!(said.err.contains("record.h5") && said.err.contains("seal"), "{size}: {}", said.err);
        }
    }
}

#[test]
fn a_record_that_was_left_open_says_so() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    // What HDF5 does to a file of the 1.8 format or newer that it opens for writing, and undoes when it is closed.
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!(bytes[8], 2);
    bytes[11] |= 1;
    fs::write(&path, bytes).unwrap();
    let line = refused(folder.path(), &["show", "record.h5"], "marked as open");
    assert!(line.contains("h5clear -s record.h5") && !line.contains("damaged"), "{line}");
}

#[cfg(unix)]
#[test]
fn what_the_system_refuses_is_not_damage() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = sound(folder.path());
    let mut command = Command::new("sh");
    command.args(["-c", "exec 3</dev/null 4</dev/null 5</dev/null; ulimit -n 7; exec \"$0\" show \"$1\""]);
    let few: Output = command.arg(env!("CARGO_BIN_EXE_trapline")).arg(&path).output().unwrap();
    let line = String::from_utf8_lossy(&few.stderr).into_owned();
    assert!(few.status.code() == Some(0) || !line.contains("damaged"), "{line}");
    assert!(few.status.code() != Some(1) || line.contains("Too many open files"), "{line}");
    let named = folder.path().join(unnamed());
    fs::copy(&path, &named).unwrap();
    let said = Command::new(env!("CARGO_BIN_EXE_trapline")).arg("show").arg(&named).output().unwrap();
    let line = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.code() == Some(1) && line.contains("not UTF-8") && line.lines().count() == 1, "{line}");
}

#[cfg(unix)]
fn unnamed() -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(b"caf\xe9.h5".to_vec())
}

/// Records that broke release 950947b: `TRAPLINE_HOSTILE_DIR` names their folder.
#[test]
#[ignore = "needs TRAPLINE_HOSTILE_DIR"]
fn records_that_broke_a_reader_end_in_one_line() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let records = std::env::var_os("TRAPLINE_HOSTILE_DIR").expect("TRAPLINE_HOSTILE_DIR names a folder");
    let mut count = 0;
    for entry in fs::read_dir(records).unwrap().flatten() {
        let path = entry.path().display().to_string();
        if !path.ends_with(".h5") {
            continue;
        }
        count += 1;
        let commands: [&[&str]; 6] = [
            &["show", &path],
            &["show", "--json", &path],
            &["diff", &path, &path],
            &["qualify", &path],
            &["merge", &path, "-o", "merged.h5", "--force"],
            &["analyze", &path, "-o", "report"],
        ];
        for command in commands {
            let said = run(folder.path(), command);
            // Some are sound but for what was changed, and read with a remark.
            let most = if said.code == Some(0) { 3 } else { 2 };
            let errors = said.err.lines().filter(|line| line.starts_with("trapline: ")).count();
            assert!(said.err.lines().count() <= most, "{command:?}: {}", said.err);
            assert_eq!(errors, usize::from(said.code != Some(0)), "{command:?}: {:?}: {}", said.code, said.err);
        }
    }
    assert!(count > 0);
}

/// Sound files, changed at random: bits and parts with no seal, parts with a forged one. For `TRAPLINE_FUZZ_SECONDS`
/// (3 without it); `TRAPLINE_FUZZ_SEED` repeats what failed.
#[test]
fn mutated_records_end_in_one_line() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let length = Duration::from_secs(number("TRAPLINE_FUZZ_SECONDS").unwrap_or(3));
    let seed = number("TRAPLINE_FUZZ_SEED").unwrap_or(1);
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path());
    let (start, mut turn, mut refusals) = (Instant::now(), 0_u64, 0_u64);
    // A number of turns that does not depend on the machine comes first.
    while turn < 12 || start.elapsed() < length {
        let this = seed.wrapping_add(turn);
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(this.wrapping_add(1)));
        let whole = &sources[random.bits() as usize % sources.len()];
        let path = folder.path().join("mutant.h5");
        fs::write(&path, whole).unwrap();
        mutate(&path, &mut random);
        let commands: [&[&str]; 6] = [
            &["show", "mutant.h5"],
            &["show", "--json", "mutant.h5"],
            &["diff", "mutant.h5", "mutant.h5"],
            &["qualify", "mutant.h5"],
            &["merge", "mutant.h5", "-o", "merged.h5", "--force"],
            &["analyze", "mutant.h5"],
        ];
        let command = commands[random.bits() as usize % commands.len()];
        let said = run(folder.path(), command);
        let errors = said.err.lines().filter(|line| line.starts_with("trapline: ")).count();
        assert!(
            errors == usize::from(said.code != Some(0)) || command[0] == "diff",
            "TRAPLINE_FUZZ_SEED={this}: {command:?}: {:?}: {}",
            said.code,
            said.err
        );
        refusals += u64::from(said.code == Some(1));
        turn += 1;
    }
    println!("{turn} mutants from seed {seed}, {refusals} refused");
    assert!(refusals > turn / 5, "{refusals} of {turn}");
}

/// One sound file of each kind, as bytes.
fn sources(folder: &Path) -> Vec<Vec<u8>> {
    let record = sound(folder);
    let label = swept(&Size { dump: None, ..SMALL });
    let points = write_all(&folder.join("swept.h5.parts"), &label);
    let unfinished = folder.join("swept.h5");
    let planned: Vec<usize> = (0..label.points()).collect();
    record::write_unfinished(&unfinished, &folder.join("swept.h5.parts"), &label, &provenance("u"), &planned).unwrap();
    let experiment = folder.join("experiment.h5");
    let (what, mut datasets) = made_up::experiment();
    datasets.remove(2);
    record::write_datasets(&experiment, &what, &provenance("e"), &datasets).unwrap();
    let (label, outcomes) = made_up::retention(2, &[125.0, 150.0, 175.0], &[0.0, 1e3, 1e4, 1e5, 1e6]);
    let bakes = made_up::file(folder, &label, &outcomes);
    [record, points[7].clone(), unfinished, experiment, bakes].map(|path| fs::read(path).unwrap()).into()
}

/// One to three changes, and a seal or none.
fn mutate(path: &Path, random: &mut Random) {
    let pick = |random: &mut Random, n: usize| random.bits() as usize % n.max(1);
    if random.bits().is_multiple_of(2) {
        let mut bytes = fs::read(path).unwrap();
        bytes.truncate(bytes.len() - 20);
        for _ in 0..=pick(random, 3) {
            let at = pick(random, bytes.len());
            match random.bits() % 3 {
                0 => bytes[at] ^= 1 << pick(random, 8),
                1 => bytes[at] = random.bits() as u8,
                _ => {
                    let end = (at + 8).min(bytes.len());
                    bytes[at..end].fill([0, 0xff][pick(random, 2)]);
                }
            }
        }
        return fs::write(path, bytes).unwrap();
    }
    let file = File::open_rw(path).unwrap();
    for _ in 0..=pick(random, 3) {
        let names = file.member_names().unwrap();
        let name = names[pick(random, names.len())].clone();
        // What an earlier change put there may lead nowhere.
        let is_there = file.dataset(&name).is_ok() || file.group(&name).is_ok();
        let object = if random.bits().is_multiple_of(2) || !is_there { "/".to_owned() } else { name.clone() };
        let at = file.loc_by(&object);
        let attributes = at.attr_names().unwrap_or_default();
        if random.bits().is_multiple_of(2) && !attributes.is_empty() {
            let attribute = &attributes[pick(random, attributes.len())];
            at.delete_attr(attribute).unwrap();
            if !random.bits().is_multiple_of(8) {
                REPLACEMENTS[pick(random, REPLACEMENTS.len())](&at, attribute);
            }
            continue;
        }
        drop(at);
        let shape = file.dataset(&name).map(|dataset| dataset.shape()).unwrap_or_default();
        file.unlink(&name).unwrap();
        let name = name.as_str();
        let made = match random.bits() % 9 {
            0 => Ok(()),
            1 => file.link_external("elsewhere.h5", "/x", name),
            2 => file.link_soft("/kept_max", name),
            3 => file.new_dataset::<f64>().shape(shape).external("/dev/zero", 0, 1 << 20).create(name).map(drop),
            4 => file.new_dataset::<u64>().shape(shape).create(name).map(drop),
            5 => file.new_dataset::<VarLenUnicode>().shape(shape).create(name).map(drop),
            6 => file.new_dataset::<f32>().shape(Extents::Null).create(name).map(drop),
            7 => file.new_dataset::<f64>().shape([1 << 30, 1 << 8]).chunk([1 << 10, 1]).create(name).map(drop),
            _ => file.create_group(name).map(drop),
        };
        // HDF5 itself refuses some of them.
        drop(made);
    }
    file.close().unwrap();
    if !random.bits().is_multiple_of(3) {
        seal(path);
    }
}
