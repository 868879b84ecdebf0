//! Campaigns whose cells are judged by noisy readings: the key, the record, what is said of them, and what refuses
//! them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use trapline::cell::read::Judging;
use trapline::outcome::CampaignRecord;
use trapline::record;

const READ: &str = r#"
format = 1
name = "read"
seed = 5
variation = true
electrons = "mean-field"
array = { rows = 64, cols = 64 }
program = { temperature_c = 25.0 }
bake = { temperatures_c = [85.0, 105.0], from_s = 1e4, to_s = 1e8, points = 12 }
failure = { kept_below = 0.97, as_read = { integration_s = 1e-2 } }

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]
"#;
const AS_READ: &str = "as_read = { integration_s = 1e-2 }";

fn with(as_read: &str) -> String {
    READ.replace(AS_READ, as_read)
}

fn trapline(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trapline")).args(arguments).current_dir(folder).output().expect("starts")
}

fn good(folder: &Path, arguments: &[&str]) -> String {
    let output = trapline(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The one line of a refusal.
fn refused(folder: &Path, text: &str, command: &str) -> String {
    fs::write(folder.join("bad.toml"), text).expect("written");
    let output = trapline(folder, &[command, "bad.toml"]);
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

fn run(folder: &Path, text: &str, name: &str) -> CampaignRecord {
    fs::write(folder.join(format!("{name}.toml")), text).expect("written");
    let (file, out) = (format!("{name}.toml"), format!("{name}.h5"));
    good(folder, &["run", &file, "-o", &out, "--backend", "cpu", "--no-plot", "--quiet"]);
    record::open_campaign(&folder.join(out)).expect("reads")
}

fn failed(record: &CampaignRecord, number: usize) -> Vec<u64> {
    record.points[number].outcome.as_ref().expect("computed").failed.to_vec()
}

#[test]
fn a_campaign_of_readings_runs_and_says_so() {
    let desk = tempfile::tempdir().expect("a folder");
    let at = desk.path();
    let first = run(at, READ, "first");
    let this = run(at, &with("as_read = { integration_s = 1e-2, judge = \"this\" }"), "this");
    let kept = run(at, &READ.replace(&format!(", {AS_READ}"), ""), "kept");
    let judged = |of: &CampaignRecord| of.label.settings[1].judged;
    assert_eq!(judged(&first), Judging::Reading { integration_s: 1e-2, first: true });
    assert_eq!(judged(&this), Judging::Reading { integration_s: 1e-2, first: false });
    assert_eq!(judged(&kept), Judging::Kept);
    for number in 0..2 {
        let [first, this, kept] = [&first, &this, &kept].map(|of| failed(of, number));
        // At 0 s all cells keep everything: what fails, 3 % of the window off, is noise of more than 1 %.
        assert!(kept[0] == 0 && this[0] > 0 && this[0] == first[0], "{kept:?} {this:?} {first:?}");
        // Failing once is failing for good, and a cell that fails by this reading has failed by a first one.
        assert!(first.is_sorted() && first.iter().zip(&this).all(|(first, this)| first >= this));
        assert!(first[6] > this[6], "{first:?} {this:?}");
    }
    for (name, words) in [
        ("first", "a cell fails below 0.97 of its window as a reading of 10 ms sees it, from the first failing one on"),
        ("this", "a cell fails below 0.97 of its window as the reading of 10 ms at the checkpoint sees it"),
    ] {
        let said = good(at, &["show", &format!("{name}.h5")]);
        assert!(said.contains(words) && said.contains("point_judged") && said.contains("point_reading_s"), "{said}");
        assert!(!said.contains("judged here by what they keep"), "{said}");
    }
    assert!(!good(at, &["show", "kept.h5"]).contains("as a reading"));

    // At 0 s, at 12 times, and at 1e5 s, which the summary quotes.
    let said = good(at, &["analyze", "first.h5"]);
    for words in
        ["from the first failing one on", "of the 14 up to the last checkpoint", "other checkpoints give other lives"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("by what they keep"), "{said}");
    // Counts of single readings are none of first failures.
    let said = good(at, &["analyze", "this.h5"]);
    assert!(said.contains("no counts of first failures") && said.contains("comes and goes"), "{said}");
    assert!(said.contains("judge = \"first\""), "{said}");
    assert!(good(at, &["analyze", "kept.h5"]).contains("judged here by what they keep"));

    // Told apart, whatever the numbers.
    let said = trapline(at, &["diff", "first.h5", "this.h5"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("failed"), "{said}");
    good(at, &["diff", "first.h5", "first.h5"]);
    // Two backends are the same within what the noise has beside the threshold; without the readings they are not.
    good(at, &["run", "first.toml", "-o", "f64.h5", "--backend", "reference", "--no-plot", "--quiet"]);
    good(at, &["diff", "first.h5", "f64.h5", "--tolerance", "1e-5"]);
    let said = trapline(at, &["diff", "first.h5", "kept.h5", "--tolerance", "1e-5"]);
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("furthest apart is failed, by "), "{said}");
}

#[test]
fn the_time_of_a_reading_is_swept_like_any_key() {
    let desk = tempfile::tempdir().expect("a folder");
    let at = desk.path();
    let sweep = "[[sweep]]\nkey = \"failure.as_read.integration_s\"\nvalues = [1e-3, 1e-2, 1.0]\n";
    let swept = run(at, &[READ, sweep].concat(), "swept");
    let seconds: Vec<_> = swept.label.settings.iter().map(|of| of.judged.integration_s()).collect();
    assert_eq!(seconds, [1e-3, 1e-3, 1e-2, 1e-2, 1.0, 1.0].map(Some));
    // A longer reading is quieter: fewer cells fail by noise alone. 1 s has a tenth of the noise of 10 ms.
    let [ms, ten_ms, second] = [0, 2, 4].map(|number| failed(&swept, number)[0]);
    assert!(ms > 4 * ten_ms && ten_ms > 0 && second == 0, "{ms} {ten_ms} {second}");
    assert!(good(at, &["show", "swept.h5"]).contains("what that goes by is swept"));
    let ways = "[[sweep]]\nkey = \"failure.as_read.judge\"\nvalues = [\"first\", \"this\"]\n";
    let ways = run(at, &[READ, ways].concat(), "ways");
    let first: Vec<_> = ways.label.settings.iter().map(|of| of.judged.is_first()).collect();
    assert_eq!(first, [true, true, false, false]);
}

#[test]
fn what_is_no_reading_is_refused_in_one_line() {
    let desk = tempfile::tempdir().expect("a folder");
    let at = desk.path();
    for (value, shown) in
        [("0.0", "0.0"), ("-1.0", "-1.0"), ("1e-10", "1e-10"), ("2e6", "2000000.0"), ("nan", "NaN"), ("inf", "inf")]
    {
        let said = refused(at, &with(&format!("as_read = {{ integration_s = {value} }}")), "run");
        let words = ["bad.toml", "failure.as_read.integration_s", shown, "1e-9 to 1000000.0 s", "10 ms"];
        assert!(words.iter().all(|words| said.contains(words)), "{said}");
    }
    let said = refused(at, &with("as_read = { integration_s = 1e-2, judge = \"last\" }"), "run");
    assert!(said.contains("last") && said.contains("first") && said.contains("this"), "{said}");
    let said = refused(at, &with("as_read = { judge = \"this\" }"), "run");
    assert!(said.contains("integration_s"), "{said}");
    let said = refused(at, &with("as_read = { integration_s = 1e-2, readings = 3 }"), "run");
    assert!(said.contains("readings"), "{said}");
    let sweep = "[[sweep]]\nkey = \"failure.as_read.integration_s\"\nvalues = [1e-2, 0.0]\n";
    let said = refused(at, &[READ, sweep].concat(), "run");
    assert!(said.contains("failure.as_read.integration_s") && said.contains("0.0"), "{said}");
    let said = refused(at, READ, "rare");
    assert!(said.contains("failure.as_read") && said.contains("trapline run"), "{said}");
}
