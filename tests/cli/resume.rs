//! Runs that are killed, and gone on with.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::calls::{good, refused};
use crate::desk::Desk;
use trapline::outcome::{CampaignRecord, PointOutcome};
use trapline::record;

/// Two materials at forty temperatures, with a dump.
fn campaign() -> String {
    let temperatures: Vec<String> = (0..40).map(|i| format!("{}.0", 20 + 4 * i)).collect();
    format!(
        "format = 1\nname = \"killed\"\nseed = 5\nvariation = true\nelectrons = \"mean-field\"\n\
         [array]\nrows = 192\ncols = 160\n\
         [[material]]\nuse = \"pi-ws2-qd\"\nprogram = [{{ pulses = 8, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }}]\n\
         [[material]]\nuse = \"pi-ws2-ns\"\nprogram = [{{ pulses = 8, amplitude_v = 0.7, width_s = 1e-3, interval_s = 1e-3 }}]\n\
         [bake]\ntemperatures_c = [{}]\nfrom_s = 1.0\nto_s = 1e6\nper_octave = 1\n\
         [histogram]\nbins = 16\n\
         [dump]\nfirst_row = 3\nfirst_col = 5\nrows = 4\ncols = 4\n",
        temperatures.join(", ")
    )
}

/// The program that runs the campaign into a record: on the CPU and without a plot, unless more is said.
fn command(desk: &Desk, record: &str, more: &[&str]) -> Command {
    let mut command = desk.command(&["run", "killed.toml", "-o", record, "--quiet"]);
    command.args(more.iter().filter(|option| **option != "--plot"));
    if !more.contains(&"--plot") {
        command.arg("--no-plot");
    }
    if !more.contains(&"--backend") {
        command.args(["--backend", "cpu"]);
    }
    command
}

fn run(desk: &Desk, record: &str, more: &[&str]) -> Output {
    command(desk, record, more).output().unwrap()
}

fn begin(desk: &Desk, record: &str, more: &[&str]) -> Child {
    command(desk, record, more).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Finished points of a record that is not merged.
fn finished(desk: &Desk, record: &str) -> usize {
    let parts = desk.path(&format!("{record}.parts"));
    (0..80).filter(|&number| record::point_path(&parts, number).exists()).count()
}

fn wait_for_points(desk: &Desk, record: &str, least: usize) {
    let start = Instant::now();
    while finished(desk, record) < least {
        assert!(start.elapsed() < Duration::from_secs(120), "no {least} points after two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Every value of a record, point by point; not who computed it, and when.
fn values(path: &Path) -> Vec<PointOutcome> {
    let found: CampaignRecord = record::open_campaign(path).unwrap();
    (0..found.points.len()).map(|number| record::whole(&found, number).unwrap().expect("computed")).collect()
}

/// Bit for bit, histograms and dump included.
#[track_caller]
fn same(a: &[PointOutcome], b: &[PointOutcome]) {
    assert_eq!(a.len(), b.len());
    for (number, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a.histograms.is_some() && a.dump.is_some());
        assert!(a.is_same(b), "point {number} differs");
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_one_that_is_not() {
    let desk = Desk::with("killed.toml", &campaign());
    let begun = Instant::now();
    good(&run(&desk, "whole.h5", &[]));
    let whole = begun.elapsed();

    // Killed at fifty times in no pattern, together half of what the whole takes: none of them finds it finished.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut share = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    for kill in 0..50 {
        let mut child = begin(&desk, "killed.h5", &["--resume"]);
        std::thread::sleep(whole.mul_f64(0.02 * share()));
        assert!(child.try_wait().unwrap().is_none(), "finished before kill {kill}");
        let before = finished(&desk, "killed.h5");
        child.kill().unwrap();
        child.wait().unwrap();
        // What is under its own name is whole, and nothing that was is gone.
        assert!(finished(&desk, "killed.h5") >= before);
    }
    // And in the merge, as often as it can be caught there.
    let mut caught = 0;
    for _ in 0..10 {
        let mut child = begin(&desk, "killed.h5", &["--resume"]);
        let start = Instant::now();
        while finished(&desk, "killed.h5") < 80 && child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(120), "no 80 points after two minutes");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_secs_f64(0.02 * share()));
        caught += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        if record::open_campaign(&desk.path("killed.h5")).is_ok() {
            break;
        }
        assert_eq!(finished(&desk, "killed.h5"), 80);
    }
    println!("caught in the merge {caught} times");
    good(&run(&desk, "killed.h5", &["--resume"]));
    assert!(!desk.path("killed.h5.parts").exists());
    // Nor is there anything left of the merges that were killed.
    let left = fs::read_dir(desk.folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.ends_with(".part")).collect::<Vec<_>>(), Vec::<String>::new());
    let (expected, found) = (values(&desk.path("whole.h5")), values(&desk.path("killed.h5")));
    same(&expected, &found);
    // Control: another seed is another record.
    good(&run(&desk, "other.h5", &["--seed", "6"]));
    assert!(!values(&desk.path("other.h5"))[0].is_same(&expected[0]));
    // A record that is whole is no error for who asks for it again (a queue that starts a task twice).
    fs::write(desk.path("killed.png"), "mine").unwrap();
    let again = run(&desk, "killed.h5", &["--resume", "--plot"]);
    good(&again);
    assert_eq!(fs::read(desk.path("killed.png")).unwrap(), b"mine");
    refused(&run(&desk, "killed.h5", &["--resume", "--seed", "6"]), &["killed.h5 exists"]);
    let other = ["--resume", "--backend", "reference"];
    refused(
        &run(&desk, "killed.h5", &other),
        &["killed.h5 is complete", "by cpu and would be by reference", "--force"],
    );
}

#[test]
fn a_run_that_replaces_a_record_is_gone_on_with_and_strange_points_are_kept() {
    let desk = Desk::with("killed.toml", &campaign());
    good(&run(&desk, "old.h5", &["--rows", "16", "--cols", "16"]));
    let old = fs::read(desk.path("old.h5")).unwrap();
    // Killed as soon as its folder is there, and again in its midst: the old record stands until the new one is whole.
    let mut child = begin(&desk, "old.h5", &["--force", "--threads", "1"]);
    let start = Instant::now();
    while !desk.path("old.h5.parts/plan.json").exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no plan after a minute");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = begin(&desk, "old.h5", &["--resume", "--threads", "1"]);
    wait_for_points(&desk, "old.h5", 2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read(desk.path("old.h5")).unwrap(), old);

    // A whole record of another campaign beside these points is no reason to throw them away.
    good(&run(&desk, "small.h5", &["--rows", "16", "--cols", "16"]));
    fs::rename(desk.path("old.h5.parts"), desk.path("small.h5.parts")).unwrap();
    let plan = fs::read_to_string(desk.path("small.h5.parts/plan.json")).unwrap();
    assert!(plan.contains("\"replaces\": true"));
    fs::write(desk.path("small.h5.parts/plan.json"), plan.replace("\"replaces\": true", "\"replaces\": false"))
        .unwrap();
    let small = ["--resume", "--rows", "16", "--cols", "16"];
    refused(&run(&desk, "small.h5", &small), &["small.h5.parts", "another run", "rows = 16"]);
    assert!(finished(&desk, "small.h5") >= 2);
    fs::write(desk.path("small.h5.parts/plan.json"), plan).unwrap();
    fs::rename(desk.path("small.h5.parts"), desk.path("old.h5.parts")).unwrap();

    good(&run(&desk, "old.h5", &["--resume"]));
    good(&run(&desk, "whole.h5", &[]));
    same(&values(&desk.path("whole.h5")), &values(&desk.path("old.h5")));
}

#[test]
fn only_the_same_campaign_is_gone_on_with_and_damaged_points_are_computed_again() {
    let desk = Desk::with("killed.toml", &campaign());
    let mut child = begin(&desk, "killed.h5", &["--threads", "1"]);
    wait_for_points(&desk, "killed.h5", 3);
    refused(&run(&desk, "killed.h5", &["--resume"]), &["still running"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let points = finished(&desk, "killed.h5");
    assert!((3..80).contains(&points), "{points}");

    refused(&run(&desk, "killed.h5", &[]), &["finished points", "--resume"]);
    refused(&run(&desk, "killed.h5", &["--resume", "--seed", "6"]), &["another run", "seed = 6"]);
    let sheet = campaign().replace("per_octave = 1", "per_octave = 2");
    fs::write(desk.path("killed.toml"), sheet).unwrap();
    refused(&run(&desk, "killed.h5", &["--resume"]), &["another run", "per_octave = 1", "per_octave = 2"]);
    fs::write(desk.path("killed.toml"), campaign()).unwrap();
    refused(&run(&desk, "killed.h5", &["--resume", "--backend", "reference"]), &["by cpu and would be by reference"]);
    assert_eq!(finished(&desk, "killed.h5"), points, "a refused run changes nothing");

    // One point cut short, one with a bit flipped, and one whose texts are damaged and which is sealed again: HDF5
    // 1.10 does not return from that. Their names are trusted until they are merged.
    let damages: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
        },
        |bytes| {
            bytes.truncate(bytes.len() - 20);
            let heaps: Vec<usize> = (0..bytes.len() - 32).filter(|&at| bytes[at..].starts_with(b"GCOL")).collect();
            heaps.iter().for_each(|at| bytes[at + 24..at + 32].copy_from_slice(&(u64::MAX - 15).to_le_bytes()));
            let (length, sum) = (bytes.len() as u64, crc32fast::hash(bytes));
            bytes.extend(b"trapline");
            bytes.extend(length.to_le_bytes());
            bytes.extend(sum.to_le_bytes());
        },
    ];
    for (number, damage) in [(0, damages[0]), (1, damages[2]), (2, damages[1])] {
        let path = record::point_path(&desk.path("killed.h5.parts"), number);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }
    let output = run(&desk, "killed.h5", &["--resume"]);
    good(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    for number in 0..3 {
        assert!(said.contains(&format!("computing point {number} again")), "{number}: {said}");
    }
    good(&run(&desk, "whole.h5", &[]));
    same(&values(&desk.path("whole.h5")), &values(&desk.path("killed.h5")));
}
