//! `trapline analyze` as a user meets it: synthetic records of known law, its files and its refusals.

use crate::made_up;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::made_up::lifetimes::*;
use trapline::analysis::lifetime::Bounds;
use trapline::record;

/// A child process keeps the locks of the HDF5 files that were open when it began: one test at a time writes and runs.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn trapline(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
    command.current_dir(folder).args(arguments).output().unwrap()
}

fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output, code: i32, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.trim_end().lines().count() == 1 && parts.iter().all(|part| said.contains(part)), "{said}");
    assert!(output.stdout.is_empty());
}

fn bounds(of: &serde_json::Value) -> Bounds {
    let end = |name: &str| of[name].as_f64().unwrap_or_else(|| panic!("{name} of {of}"));
    Bounds { lower: end("lower"), upper: end("upper") }
}

#[test]
fn the_command_recovers_a_synthetic_law() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let label = label(&CELSIUS, &TIMES, &[1, 2]);
    // Enough that the counts tell both fractions: their times rest on nothing else.
    let outcomes = weibull(&label, 20_000, 77);
    made_up::file(folder.path(), &label, &outcomes);
    let run = |more: &[&str]| trapline(folder.path(), &[&["analyze", "made-up.h5"], more].concat());
    let all = ["-o", "report", "--json", "--use-temperature", "85,100", "--ppm", "1000,100"];
    let json: serde_json::Value = serde_json::from_str(&good(&run(&all))).unwrap();
    let group = &json["groups"][0];
    assert_eq!(group["law"], "weibull");
    assert!(bounds(&group["joint"]["energy_ev"]["profile"]).hold(ENERGY_EV));
    assert!(bounds(&group["joint"]["shape_estimate"]["profile"]).hold(SHAPE));
    assert!(!bounds(&group["joint"]["shape_estimate"]["profile"]).hold(1.2 * SHAPE));
    for (line, fraction) in [(0, 1e-3), (1, 1e-4)] {
        assert!(bounds(&group["lines"][line]["energy_ev"]["bounds"]).hold(ENERGY_EV));
        for (at, celsius) in [(0, 85.0), (1, 100.0)] {
            let life = &group["uses"][at]["lives"][line];
            assert!(bounds(&life["arrhenius"]["bounds"]).hold(life_s(celsius, fraction)), "{life}");
            assert!(!bounds(&life["arrhenius"]["bounds"]).hold(3.0 * life_s(celsius, fraction)), "{life}");
            assert!(bounds(&life["joint"]["profile"]).hold(life_s(celsius, fraction)), "{life}");
        }
    }
    assert!(group["uses"][0]["failure_rate"]["refused"].as_str().unwrap().contains("shape"));

    // The files say the same, and are kept unless they may be replaced.
    let report = |name: &str| std::fs::read_to_string(folder.path().join("report").join(name)).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&report("report.json")).unwrap();
    assert_eq!(kept, json);
    assert_eq!(report("lifetimes.csv").lines().count(), 1 + CELSIUS.len());
    assert_eq!(report("curves.csv").lines().count(), 1 + CELSIUS.len() * (TIMES.len() - 1));
    for name in ["lifetimes.csv", "curves.csv"] {
        let text = report(name);
        let columns = text.lines().next().unwrap().split(',').count();
        // The reason in the last column may hold commas, in quotes; here there is none.
        assert!(text.lines().all(|line| line.split(',').count() == columns), "{text}");
    }
    refused(&run(&["-o", "report"]), 2, &["report.json exists", "--force"]);
    let text = good(&run(&["-o", "report", "--force", "--use-temperature", "105"]));
    assert!(text.contains("At 105 °C") && text.contains("stoff-0 ΔE") && !text.contains('\t'), "{text}");
    assert!(made_up::leftovers(folder.path()).is_empty());
}

#[test]
fn the_command_refuses_in_one_line() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let label = label(&CELSIUS, &TIMES, &[1]);
    made_up::file(folder.path(), &label, &weibull(&label, 50, 1));
    let run = |arguments: &[&str]| trapline(folder.path(), &[&["analyze"], arguments].concat());
    refused(&run(&["other.h5"]), 1, &["other.h5"]);
    for (option, value) in [("--ppm", "0"), ("--ppm", "1e6"), ("--confidence", "1"), ("--use-temperature", "-300")] {
        refused(&run(&["made-up.h5", option, value]), 2, &[option, value]);
    }
    refused(&run(&["made-up.h5", "made-up.h5", "-o", "r"]), 2, &["two records"]);
    let begun = folder.path().join("begun.h5");
    let parts = folder.path().join("made-up.h5.parts");
    record::write_unfinished(&begun, &parts, &label, &made_up::provenance("b"), &[0, 1, 2, 3]).unwrap();
    refused(&run(&["begun.h5"]), 2, &["in progress", "--partial"]);
    let (experiment, datasets) = made_up::experiment();
    record::write_datasets(&folder.path().join("iv.h5"), &experiment, &made_up::provenance("e"), &datasets).unwrap();
    refused(&run(&["iv.h5"]), 2, &["iv.h5", "experiment"]);
    std::fs::write(folder.path().join("file"), "").unwrap();
    refused(&run(&["made-up.h5", "-o", "file"]), 1, &["file", "cannot be made"]);
    // Several records have a folder each; one point of a campaign is a record too.
    let point = record::point_path(&parts, 2);
    let both = run(&["made-up.h5", point.to_str().unwrap(), "-o", "reports", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&good(&both)).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(2));
    assert!(folder.path().join("reports/made-up/report.json").is_file());
}

#[test]
fn refusals_are_the_same_in_every_form() {
    // At 110 °C nothing fails, at 125 °C one cell of 105 does, at 140 °C all between two checkpoints, at 155 °C all
    // had failed at 0 s.
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let label = label(&CELSIUS, &TIMES, &[1]);
    let counts: [&[u64]; 4] = [&[0; 8], &[0, 0, 0, 1, 1, 1, 1, 1], &[0, 0, 0, 0, 105, 105, 105, 105], &[105; 8]];
    let mut outcomes = weibull(&label, 105, 3);
    for (outcome, failed) in outcomes.iter_mut().zip(counts) {
        outcome.failed = failed.to_vec().into();
    }
    made_up::file(folder.path(), &label, &outcomes);
    let run = |more: &[&str]| good(&trapline(folder.path(), &[&["analyze", "made-up.h5"], more].concat()));
    let text = run(&["-o", "report", "--ppm", "100000"]).replace("\n    ", " ");
    let read = |name: &str| std::fs::read_to_string(folder.path().join("report").join(name)).unwrap();
    let (page, json, csv) = (read("index.html"), read("report.json"), read("lifetimes.csv"));
    for said in [
        "nothing fails: none of 105 cells failed by 1.2 d; bake longer (to_s above 1e5) or hotter",
        "hardly anything fails: 1 of 105 cells failed within the bake; a law takes 5 failures in 2 intervals",
        // From 5e3 to 1e4 s is an octave.
        "everything at once: all 105 cells failed between the same two checkpoints, 1.4 h and 2.8 h; more checkpoints: per_octave = 3",
        "everything at once: all 105 cells had failed at programming (0 s), before the bake",
    ] {
        for (name, form) in [("text", &text), ("page", &page), ("json", &json), ("csv", &csv)] {
            assert!(form.contains(said), "{name}: {said}: {form}");
        }
    }
    assert!(text.contains("at programming") && page.contains("<td>at programming</td>"), "{text}");
    // The figure of the times draws the one that is told, and says of the last that it is none.
    assert!(page.contains("at 155 °C so many cells had failed at programming, before the bake"), "{page}");
    for form in [&text, &page, &csv] {
        assert!(!form.contains("< 0 s") && !form.contains("&lt; 0 s") && !form.contains("0.000e0"), "{form}");
    }
    // The summary of the record tells them as well.
    let shown = good(&trapline(folder.path(), &["show", "made-up.h5"]));
    assert!(shown.contains("155 °C: some cells had failed at programming, before the bake"), "{shown}");
    assert!(!shown.contains("140 °C: some cells had failed at programming"), "{shown}");
}
