//! What people do around a campaign: plan it, watch it, stop it, compare it, merge it without copying.

use crate::calls::told;
use crate::desk::Desk;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use trapline::record;

/// Seeds by temperatures of a small array.
pub(super) fn campaign(rows: u64, seeds: u64) -> String {
    format!(
        "format = 1\nname = \"small\"\nseed = 5\nvariation = true\nelectrons = \"mean-field\"\n[array]\nrows = {rows}\ncols = {rows}\n\
         [[material]]\nuse = \"pi-ws2-qd\"\n\
         program = [{{ pulses = 8, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }}]\n\
         [bake]\ntemperatures_c = [100.0, 150.0, 160.0]\nfrom_s = 1.0\nto_s = 1e6\nper_octave = 1\n\
         [histogram]\nbins = 16\n[[sweep]]\nkey = \"seed\"\nfrom = 1\nto = {seeds}\n"
    )
}

/// A folder with a campaign in it, `small.toml`.
pub(super) fn desk(text: &str) -> Desk {
    Desk::with("small.toml", text)
}

pub(super) fn whole(desk: &Desk, name: &str) {
    desk.good(&["run", "small.toml", "-o", name, "--backend", "cpu", "--no-plot", "--quiet"]);
}

#[test]
fn a_large_dump_is_foretold_from_small_ones() {
    let window = "\n[dump]\nfirst_row = 0\nfirst_col = 0\nrows = 96\ncols = 80\n";
    let desk = desk(&(campaign(96, 1) + window));
    let json: serde_json::Value =
        serde_json::from_str(&desk.good(&["plan", "small.toml", "--backend", "cpu", "--json"])).unwrap();
    whole(&desk, "small.h5");
    let found = desk.path("small.h5").metadata().unwrap().len() as f64;
    let foretold = json["recording"]["record_bytes"].as_f64().unwrap();
    // Extrapolated 7.5 times from windows of 12 and 32 lines, whose planes pack as the large one's does but for their
    // headers.
    assert!((foretold - found).abs() < 0.2 * found, "{foretold} foretold, {found} found");
    assert!(json["recording"]["dumping_ns"].as_u64().unwrap() > 0);
}

#[test]
fn a_plan_says_what_the_run_then_takes() {
    let desk = desk(&campaign(16, 20));
    let told = desk.good(&["plan", "small.toml", "--backend", "cpu", "--tasks", "4"]);
    for part in ["60 points", "time", "tasks    4, of", "memory", "disk"] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&desk.good(&["plan", "small.toml", "--backend", "cpu", "--json"])).unwrap();
    assert_eq!(json["points"], 60);
    // 16 x 16 cells, 8 pulses and pauses, and the checkpoints: 0 s, 1 s and its doublings up to 2^19, 1e6 s, 1e3, 1e4
    // and 1e5 s.
    assert_eq!(json["cell_steps"], 60 * 256 * (2 * 8 + 1 + 20 + 1 + 3));
    let computing = json["computing"]["seconds"].as_f64().unwrap();
    assert!(computing > 0.0 && json["seconds"].as_f64().unwrap() > computing, "{json}");
    // What is foretold of the disk is measured on points of the same shape: the record is within a fifth and 64 KiB
    // of it (histograms pack differently from point to point; HDF5 allocates in blocks).
    whole(&desk, "small.h5");
    let (foretold, found) =
        (json["recording"]["record_bytes"].as_f64().unwrap(), desk.path("small.h5").metadata().unwrap().len() as f64);
    assert!((foretold - found).abs() < 0.2 * found + 65_536.0, "{foretold} foretold, {found} found");
    // A list has a line for each point, and a shard's has its own.
    let list = desk.good(&["plan", "small.toml", "--list"]);
    assert_eq!(list.lines().count(), 61, "{list}");
    assert!(list.lines().nth(60).is_some_and(|line| line.starts_with("59") && line.contains("160")), "{list}");
    let shard = desk.good(&["plan", "small.toml", "--list", "--shard", "1/4"]);
    assert_eq!(shard.lines().count(), 16, "{shard}");
    let (code, _, error) = desk.words(&["plan", "small.toml", "--tasks", "0"]);
    assert!(code == Some(2) && error.lines().count() == 1, "{error}");
}

#[test]
fn a_campaign_of_days_says_so_before_it_starts() {
    // 2^20 by 2^20 cells: years on any machine. It is stopped as soon as it has spoken.
    let desk = desk(&campaign(1 << 20, 1));
    let mut run = desk
        .command(&["run", "small.toml", "-o", "long.h5", "--backend", "cpu", "--quiet", "--log", "long.log"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let said = loop {
        let log = fs::read_to_string(desk.path("long.log")).unwrap_or_default();
        if log.contains("this takes about") || start.elapsed() > Duration::from_secs(120) {
            break log;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    run.kill().unwrap();
    run.wait().unwrap();
    let line = said.lines().find(|line| line.contains("this takes about")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains("years") || line.contains("days"), "{line}");
}

#[test]
fn a_log_has_every_point_and_json_the_summary() {
    let desk = desk(&campaign(16, 3));
    let out = desk.good(&[
        "run",
        "small.toml",
        "-o",
        "a.h5",
        "--backend",
        "cpu",
        "--no-plot",
        "--json",
        "--quiet",
        "--log",
        "a.log",
    ]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["computed"], 9);
    assert_eq!(json["points"].as_array().map(Vec::len), Some(9));
    assert!(json["points"][8]["at"][0]["kept"].as_f64().is_some_and(|kept| (0.0..=1.0).contains(&kept)));
    let log = fs::read_to_string(desk.path("a.log")).unwrap();
    for number in 0..9 {
        let line = log.lines().find(|line| line.contains(&format!("point {number} (")));
        assert!(line.is_some_and(|line| line.contains("is in its file") && line.contains("left")), "{log}");
    }
    assert!(log.lines().all(|line| line.starts_with("20")) && log.contains("wrote a.h5"), "{log}");
    // A failure is in the log too, after what was there.
    let (code, _, error) = desk.words(&["run", "small.toml", "-o", "a.h5", "--backend", "cpu", "--log", "a.log"]);
    assert_eq!(code, Some(2), "{error}");
    let after = fs::read_to_string(desk.path("a.log")).unwrap();
    assert!(after.starts_with(&log) && after.contains("failed: ") && after.contains("a.h5 exists"), "{after}");
    // Nothing but a log is appended to.
    for file in ["small.toml", "a.h5"] {
        let before = fs::read(desk.path(file)).unwrap();
        let (code, _, error) = desk.words(&["run", "small.toml", "-o", "b.h5", "--log", file]);
        assert!(code == Some(2) && error.lines().count() == 1 && error.contains("no log"), "{error}");
        assert_eq!(fs::read(desk.path(file)).unwrap(), before);
    }
    let (code, _, error) = desk.words(&["run", "small.toml", "-o", "b.h5", "--log", "no/such/folder.log"]);
    assert!(code == Some(2) && error.lines().count() == 1 && error.contains("--log"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_asked_to_end_says_what_is_kept() {
    let desk = desk(&campaign(256, 40));
    whole(&desk, "whole.h5");
    for (signal, code, word) in [("-INT", 130, "interrupted"), ("-TERM", 143, "asked to end")] {
        let name = format!("stopped{code}.h5");
        let command = ["run", "small.toml", "-o", &name, "--backend", "cpu", "--no-plot", "--log", "stopped.log"];
        let run = desk.command(&command).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let parts = desk.path(&format!("{name}.parts"));
        let start = Instant::now();
        while !record::point_path(&parts, 2).exists() {
            assert!(start.elapsed() < Duration::from_secs(60), "no third point");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(Command::new("kill").args([signal, &run.id().to_string()]).status().unwrap().success());
        let (found, _, said) = told(&run.wait_with_output().unwrap());
        assert_eq!(found, Some(code), "{said}");
        let line = said.lines().last().unwrap_or_default();
        assert!(
            line.contains(word) && line.contains("finished points are kept in") && line.contains("--resume"),
            "{said}"
        );
        assert!(fs::read_to_string(desk.path("stopped.log")).unwrap().contains("stopped by a signal"));
        desk.good(&["run", "small.toml", "-o", &name, "--backend", "cpu", "--no-plot", "--quiet", "--resume"]);
        desk.good(&["diff", "whole.h5", &name]);
    }
}

#[test]
fn virtual_datasets_lead_to_the_pieces_and_say_when_these_are_gone() {
    let desk = desk(&campaign(16, 4));
    whole(&desk, "whole.h5");
    for shard in ["1/3", "2/3", "3/3"] {
        desk.good(&["run", "small.toml", "-o", "part.h5", "--shard", shard, "--backend", "cpu", "--quiet"]);
    }
    let pieces = ["part-1-of-3.h5", "part-2-of-3.h5", "part-3-of-3.h5"];
    let merge = |output: &str, more: &[&str]| {
        let arguments = [&["merge", "-o", output, "--quiet"], &pieces[..], more].concat();
        desk.good(&arguments);
    };
    merge("copied.h5", &[]);
    merge("virtual.h5", &["--virtual"]);
    desk.good(&["diff", "whole.h5", "copied.h5"]);
    desk.good(&["diff", "whole.h5", "virtual.h5"]);
    let layout = |file: &str| {
        let file = hdf5::File::open(desk.path(file)).unwrap();
        file.dataset("kept_histogram").unwrap().dcpl().unwrap().layout()
    };
    assert_eq!(layout("virtual.h5"), hdf5::plist::dataset_create::Layout::Virtual);
    assert_eq!(layout("copied.h5"), hdf5::plist::dataset_create::Layout::Chunked);
    // Names are seen from the record's folder: all of them may be moved together.
    let moved = desk.path("moved");
    fs::create_dir(&moved).unwrap();
    for file in pieces.iter().chain(&["virtual.h5"]) {
        fs::copy(desk.path(file), moved.join(file)).unwrap();
    }
    desk.good(&["diff", "whole.h5", "moved/virtual.h5"]);
    // Virtual datasets that lead to virtual ones would hide a missing piece.
    let (code, _, error) = desk.words(&["merge", "virtual.h5", "-o", "twice.h5", "--virtual"]);
    assert!(code != Some(0) && error.lines().count() == 1 && error.contains("itself"), "{error}");
    desk.good(&["merge", "virtual.h5", "-o", "again.h5", "--quiet"]);
    desk.good(&["diff", "whole.h5", "again.h5"]);
    // A name that HDF5 would read a placeholder into.
    fs::copy(desk.path(pieces[0]), desk.path("part-1%%b.h5")).unwrap();
    desk.good(&["merge", "part-1%%b.h5", pieces[1], pieces[2], "-o", "percent.h5", "--virtual", "--quiet"]);
    desk.good(&["diff", "whole.h5", "percent.h5"]);
    // One bit of a piece, its seal left as it was.
    let mut bytes = fs::read(desk.path(pieces[1])).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(moved.join(pieces[1]), bytes).unwrap();
    let (code, _, error) = desk.words(&["show", "moved/virtual.h5"]);
    assert!(code == Some(1) && error.contains("damaged"), "{error}");
    // A copy without its pieces is refused, where HDF5 would give fill values; so is one whose piece is another file.
    fs::remove_file(moved.join(pieces[1])).unwrap();
    let (code, _, error) = desk.words(&["show", "moved/virtual.h5"]);
    assert!(code == Some(1) && error.lines().count() == 1 && error.contains(pieces[1]), "{error}");
    fs::copy(desk.path(pieces[0]), moved.join(pieces[1])).unwrap();
    let (code, _, error) = desk.words(&["show", "moved/virtual.h5"]);
    assert!(code == Some(1) && error.contains("another file"), "{error}");
}

/// Filters that every HDF5 library and MATLAB have, and no other.
#[test]
fn no_file_needs_a_plugin() {
    let desk = desk(&(campaign(16, 2) + "[dump]\nfirst_row = 0\nfirst_col = 0\nrows = 4\ncols = 4\n"));
    whole(&desk, "a.h5");
    let file = hdf5::File::open(desk.path("a.h5")).unwrap();
    for dataset in file.datasets().unwrap() {
        for filter in dataset.filters() {
            use hdf5::filters::Filter::{Deflate, Fletcher32, Shuffle};
            assert!(matches!(filter, Deflate(_) | Fletcher32 | Shuffle), "{}: {filter:?}", dataset.name());
        }
    }
}

/// A file system with too little room: what fits is kept and said, and the run goes on where there is more.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs the right to mount a tmpfs, as root or by user namespaces"]
fn a_full_disk_keeps_what_is_finished() {
    let desk = desk(&campaign(16, 10));
    whole(&desk, "whole.h5");
    let disk = desk.path("disk");
    fs::create_dir(&disk).unwrap();
    // At 60 KiB a point: some points, a third of them, all points and not the record.
    for kilobytes in [400, 900, 1900] {
        let script = format!(
            "set -u; mount -t tmpfs -o size={kilobytes}k tmpfs disk || exit 99\n\
             run() {{ \"$TRAPLINE\" run small.toml -o disk/a.h5 --backend cpu --no-plot --quiet \"$@\"; }}\n\
             run > out 2> err; echo $? > code\n\
             ls disk/a.h5.parts/000000 > points\n\
             mount -o remount,size=64m disk || exit 98\n\
             run --resume > out2 2> err2; echo $? > code2\n\
             \"$TRAPLINE\" diff whole.h5 disk/a.h5 > diff; echo $? > code3\n\
             umount disk"
        );
        let run = Command::new("unshare")
            .args(["--mount", "--map-root-user", "sh", "-c", &script])
            .env("TRAPLINE", env!("CARGO_BIN_EXE_trapline"))
            .current_dir(desk.folder.path())
            .output()
            .unwrap();
        assert!(run.status.success(), "{:?}", told(&run));
        let read = |name: &str| fs::read_to_string(desk.path(name)).unwrap();
        let error = read("err");
        println!("{kilobytes} KiB: {} points, {error}", read("points").lines().count());
        assert_eq!(read("code").trim(), "1", "{error}");
        assert!(error.contains("No space left on device") && error.lines().count() == 1, "{error}");
        let points = read("points").lines().filter(|name| name.ends_with(".h5")).count();
        assert!(points > 0 && error.contains(&format!("the {points} points finished before are kept")), "{error}");
        assert_eq!((read("code2").trim(), read("code3").trim()), ("0", "0"), "{}{}", read("err2"), read("diff"));
    }
}

/// Ends within the time, or fails: what waits for a pipe waits for ever.
#[cfg(unix)]
#[track_caller]
fn soon(desk: &Desk, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut child = desk.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{arguments:?} waits");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    told(&child.wait_with_output().unwrap())
}

/// A log may be a file, a device that takes characters, or a stream of the process; it never waits, and it makes no
/// file through a link.
#[cfg(unix)]
#[test]
fn a_log_waits_for_nobody() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    let desk = desk(&campaign(4, 1));
    assert!(Command::new("mkfifo").arg(desk.path("pipe")).status().unwrap().success());
    symlink("pipe", desk.path("to-pipe")).unwrap();
    let _listener = UnixListener::bind(desk.path("socket")).unwrap();
    symlink("nowhere.log", desk.path("dangling")).unwrap();
    fs::create_dir(desk.path("folder")).unwrap();
    let run = ["run", "small.toml", "-o", "a.h5", "--backend", "cpu", "--no-plot", "--quiet", "--log"];
    for (log, what) in [
        ("pipe", "a pipe"),
        ("to-pipe", "a pipe"),
        ("socket", "a socket"),
        ("folder", "a folder"),
        ("dangling", "cannot be written"),
    ] {
        let (code, _, error) = soon(&desk, &[&run[..], &[log]].concat());
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(&format!("--log {log}: ")) && error.contains(what), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(!desk.path("a.h5").exists() && !desk.path("nowhere.log").exists());
    }
    for (number, log) in ["/dev/null", "/dev/stderr", "/dev/fd/2"].iter().enumerate() {
        let name = format!("{number}.h5");
        let run = ["run", "small.toml", "-o", &name, "--backend", "cpu", "--no-plot", "--quiet", "--log", log];
        let (code, _, error) = soon(&desk, &run);
        assert_eq!(code, Some(0), "{error}");
        assert_eq!(error.contains(" wrote "), *log != "/dev/null", "{log}: {error}");
    }
}

/// Other places that a pipe may lie in: the scripts of a job, the output of every command, the files of MNIST.
#[cfg(unix)]
#[test]
fn no_command_waits_for_a_pipe() {
    let desk = desk(&campaign(4, 2));
    let pipe = |name: &str| assert!(Command::new("mkfifo").arg(desk.path(name)).status().unwrap().success());
    fs::create_dir_all(desk.path("small.slurm")).unwrap();
    fs::create_dir_all(desk.path("mnist")).unwrap();
    for name in ["small.slurm/array.sh", "out", "out.toml", "mnist/train-images-idx3-ubyte"] {
        pipe(name);
    }
    for (call, code, says) in [
        (&["slurm", "small.toml", "--tasks", "2", "--time", "1h"][..], 2, "array.sh is another script"),
        (&["iv", "-o", "out"], 2, "out is a pipe, not a file"),
        (&["iv", "-o", "out", "--force"], 2, "out is a pipe, not a file"),
        (&["rare", "small.toml", "-o", "out", "--force"], 2, "out is a pipe, not a file"),
        (&["merge", "small.h5", "-o", "out", "--force"], 2, "out is a pipe, not a file"),
        (
            &["fit", "--material", "pi-ws2-qd", "--parameter", "film.area=0.4..2.0", "-o", "out.toml", "--force"],
            2,
            "out.toml is a pipe, not a file",
        ),
        (&["mnist", "--data", "mnist"], 2, "there is no train-images"),
        (&["fit", "out", "--material", "pi-ws2-qd"], 2, "a pipe"),
        (&["iv", "--waveform", "out"], 2, "a pipe"),
        (&["learn", "--pattern", "./out"], 2, "a pipe"),
    ] {
        let (found, _, error) = soon(&desk, call);
        assert!(
            found == Some(code) && error.contains(says) && error.lines().count() == 1,
            "{call:?}: {found:?} {error}"
        );
    }
}

/// A file that somebody puts at the record's name while a run computes stays, and so does the run's record, under a
/// name that is told. A run that was told to replace what is there does.
#[test]
fn what_comes_to_lie_at_the_name_in_mid_run_stays() {
    let desk = desk(&campaign(256, 4));
    for (force, more) in [(false, &[][..]), (true, &["--force"])] {
        let mut run = desk
            .command(
                &[&["run", "small.toml", "-o", "bake.h5", "--backend", "cpu", "--threads", "1", "--quiet"], more]
                    .concat(),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let first = record::point_path(&desk.path("bake.h5.parts"), 0);
        let start = Instant::now();
        while !first.exists() {
            assert!(start.elapsed() < Duration::from_secs(120), "no point after two minutes");
            std::thread::sleep(Duration::from_millis(2));
        }
        fs::write(desk.path("theirs"), "theirs").unwrap();
        fs::rename(desk.path("theirs"), desk.path("bake.h5")).unwrap();
        assert!(run.try_wait().unwrap().is_none(), "it should still compute");
        let (code, out, error) = told(&run.wait_with_output().unwrap());
        assert!(out.contains("pi-ws2-qd"), "{out}");
        if force {
            assert_eq!(code, Some(0), "{error}");
            assert_eq!(record::open_campaign(&desk.path("bake.h5")).unwrap().computed(), 12);
            continue;
        }
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains("bake.h5 exists by now") && error.contains("bake-2.h5"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert_eq!(fs::read(desk.path("bake.h5")).unwrap(), b"theirs");
        assert_eq!(record::open_campaign(&desk.path("bake-2.h5")).unwrap().computed(), 12);
        // The plot goes with the record that it is of; nothing is left over.
        assert!(
            desk.path("bake-2.png").exists() && desk.path("bake-2.svg").exists() && !desk.path("bake.png").exists()
        );
        assert!(!desk.path("bake.h5.parts").exists());
    }
}

/// Names come from files of anybody: one that turns around what stands after it is no name.
#[test]
fn names_with_invisible_characters_are_refused() {
    for hidden in ["\u{202e}", "\u{2066}", "\u{200b}", "\u{2028}", "\u{feff}"] {
        let desk = desk(&campaign(4, 1).replace("\"small\"", &format!("\"sm{hidden}all\"")));
        let (code, _, error) = desk.words(&["run", "small.toml", "--backend", "cpu"]);
        assert!(code == Some(2) && error.contains("invisible"), "{hidden:?}: {error}");
        assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 1);
    }
}

/// A record without figures leaves alone what bears their names; those of a record that is replaced go, for they do not
/// show the new one.
#[test]
fn figures_of_a_replaced_record_go_and_those_of_others_stay() {
    let desk = desk(&campaign(4, 4));
    let run = ["run", "small.toml", "-o", "bake.h5", "--backend", "cpu", "--quiet"];
    desk.good(&[&run[..], &["--no-plot"]].concat());
    for name in ["bake.png", "bake.figure.csv"] {
        fs::write(desk.path(name), "mine").unwrap();
    }
    desk.good(&[&run[..], &["--no-plot", "--force"]].concat());
    assert_eq!(fs::read(desk.path("bake.png")).unwrap(), b"mine");
    assert_eq!(fs::read(desk.path("bake.figure.csv")).unwrap(), b"mine");
    desk.good(&[&run[..], &["--force"]].concat());
    assert_ne!(fs::read(desk.path("bake.png")).unwrap(), b"mine");
    desk.good(&[&run[..], &["--no-plot", "--force"]].concat());
    assert!(!desk.path("bake.png").exists() && !desk.path("bake.figure.csv").exists());
}

/// What is said of points is said of those that the table leaves out, too.
#[test]
fn remarks_are_of_all_points() {
    let many: Vec<String> = (0..30).map(|n| format!("{}.0", 25 + n)).collect();
    let text = campaign(2, 2);
    let line = text.lines().find(|line| line.starts_with("temperatures_c")).unwrap().to_owned();
    let text = text.replace(&line, &format!("temperatures_c = [{}, 190.0]", many.join(", ")));
    let desk = desk(&text);
    let run = desk.good(&["run", "small.toml", "-o", "bake.h5", "--backend", "cpu", "--quiet", "--no-plot"]);
    assert!(run.contains("more points") && run.contains("above the glass transition"), "{run}");
}

/// A campaign in progress that another file replaced is not a figure's reason to go: what lies beside it is
/// somebody's own.
#[test]
fn a_run_that_goes_on_removes_no_figure_of_another() {
    let desk = desk(&campaign(256, 4));
    let run = ["run", "small.toml", "-o", "bake.h5", "--backend", "cpu", "--no-plot", "--quiet"];
    let mut first = desk.command(&run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let point = record::point_path(&desk.path("bake.h5.parts"), 0);
    let start = Instant::now();
    while !point.exists() && start.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(2));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    fs::write(desk.path("bake.png"), "mine").unwrap();
    desk.good(&[&run[..], &["--resume"]].concat());
    assert_eq!(fs::read(desk.path("bake.png")).unwrap(), b"mine");
}
