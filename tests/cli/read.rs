//! `trapline read`: arrays of a material, of a file, of a record; what it refuses.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn trapline(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trapline")).args(arguments).current_dir(folder).output().expect("starts")
}

fn json(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = trapline(folder, &[&["read", "--backend", "cpu", "--json", "--quiet"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON and nothing else")
}

fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = trapline(folder, &[&["read", "--backend", "cpu"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{arguments:?}: {said}");
    assert!(words.iter().all(|word| said.contains(word)), "{arguments:?}: {said}");
}

fn numbers(of: &serde_json::Value, key: &str) -> Vec<f64> {
    of[key].as_array().unwrap_or_else(|| panic!("{key}")).iter().map(|n| n.as_f64().expect("a number")).collect()
}

#[test]
fn any_conductances_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::write(at.join("g.csv"), "# siemens\n1e-3, 2e-3\n3e-3, 0\n4e-3, 1e-3\n").expect("written");
    fs::write(at.join("v.csv"), "0.1, 0.2, 0.3\n").expect("written");
    let found = json(at, &["--conductance", "g.csv", "--inputs", "v.csv", "--wire-ohm", "1e-6"]);
    let ideal = [1e-4 + 6e-4 + 12e-4, 2e-4 + 3e-4];
    for (key, tolerance) in [("ideal_current_a", 1e-12), ("current_a", 1e-6)] {
        for (found, expected) in numbers(&found, key).iter().zip(ideal) {
            assert!((found / expected - 1.0).abs() < tolerance, "{key}: {found}");
        }
    }
    // Ten ohms a segment, by hand: one row and one column of 1 kohm with two segments.
    fs::write(at.join("one.csv"), "1e-3\n").expect("written");
    let found = json(at, &["--conductance", "one.csv", "--wire-ohm", "10", "--read-bias", "1"]);
    assert!((numbers(&found, "current_a")[0] * 1020.0 - 1.0).abs() < 1e-9);
    let bound = found["certificate"]["bound_a"].as_f64().expect("a number");
    assert!((0.0..1e-12).contains(&bound));
}

#[test]
fn arrays_of_a_material_and_of_a_record_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let written = json(at, &["--rows", "16", "--cols", "8", "--written", "all"]);
    let fresh = json(at, &["--rows", "16", "--cols", "8", "--written", "none"]);
    for (more, less) in numbers(&written, "current_a").iter().zip(numbers(&fresh, "current_a")) {
        assert!(*more > 1.15 * less, "{more} {less}");
    }
    // The same array cell by cell, of a campaign with a dump: the same conductances, so the same currents.
    let campaign = "format = 1\nname = \"dumped\"\nseed = 1\nvariation = true\nsame_cells = true\narray = { rows = 16, cols = 8 }\n\
        program = { temperature_c = 25.0 }\nbake = { temperatures_c = [25.0, 150.0], times_s = [1e3, 1e5] }\n\
        dump = { first_row = 0, first_col = 0, rows = 16, cols = 8 }\n\
        [[material]]\nuse = \"pi-ws2-qd\"\nprogram = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]\n";
    fs::write(at.join("dumped.toml"), campaign).expect("written");
    let run = trapline(at, &["run", "dumped.toml", "--backend", "cpu", "--no-plot", "--quiet", "-o", "dumped.h5"]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let of = |temperature: &str, time: &str| {
        json(at, &["--record", "dumped.h5", "--temperature", temperature, "--time", time])
    };
    let start = of("25", "0");
    for (a, b) in numbers(&start, "ideal_current_a").iter().zip(numbers(&written, "ideal_current_a")) {
        // Records keep f32.
        assert!((a / b - 1.0).abs() < 1e-6, "{a} {b}");
    }
    // At 150 degrees all cells conduct more, and lose of it.
    let (hot, baked) = (of("150", "0"), of("150", "1e5"));
    for (a, b) in numbers(&baked, "current_a").iter().zip(numbers(&hot, "current_a")) {
        assert!(*a < b, "{a} {b}");
    }
    refused(at, &["--record", "dumped.h5", "--temperature", "85"], &["dumped.h5", "85", "trapline show"]);
    refused(at, &["--record", "dumped.h5", "--time", "7"], &["no checkpoint is at 7 s"]);
    // A record of its own, that others read.
    let output = trapline(at, &["read", "--record", "dumped.h5", "--backend", "cpu", "--quiet", "-o", "read.h5"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(at.join("read.png").exists() && at.join("read.svg").exists());
    let shown = trapline(at, &["show", "read.h5"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("cell_current_a"));
}

#[test]
fn one_cell_is_read_by_a_scheme() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let of = |scheme: &str| json(at, &["--rows", "12", "--select", "11,3", "--scheme", scheme, "--wire-ohm", "1"]);
    let [grounded, floating, half, third] = ["grounded", "floating", "half", "third"].map(of);
    let current = |of: &serde_json::Value| numbers(of, "current_a")[0] / numbers(of, "ideal_current_a")[0];
    // Nothing sneaks at 0 V; eleven half-selected cells of the column add half each, or a third.
    assert!((current(&grounded) - 1.0).abs() < 1e-6, "{}", current(&grounded));
    assert!(current(&half) > 5.0 && current(&third) > 3.5 && current(&third) < current(&half));
    assert!(current(&floating) > 1.5);
    let margin = |of: &serde_json::Value| of["margin"]["margin"].as_f64().expect("a number");
    assert!(margin(&half) < margin(&floating) && margin(&floating) < margin(&grounded));
    // A selected cell that is open among others, and an array in which nothing flows.
    for text in ["0,0\n0,1e-6\n", "1e-6,0\n1e-6,0\n", "0,1e-6\n1e-6,1e-6\n"] {
        fs::write(at.join("open.csv"), text).expect("written");
        for scheme in ["grounded", "floating", "half"] {
            json(at, &["--conductance", "open.csv", "--select", "0,0", "--scheme", scheme]);
        }
    }
    refused(at, &["--select", "0,0"], &["--scheme", "grounded"]);
    refused(at, &["--rows", "4", "--select", "4,0", "--scheme", "half"], &["row 4", "4 rows"]);
}

#[test]
fn what_cannot_be_read_is_refused_in_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    for (text, words) in [
        ("1e-3,-2e-3\n", ["row 0, column 1", "-0.002"]),
        ("1e-3,2e-3\n1e-3\n", ["line 2", "must be 2"]),
        ("1e-3,inf\n", ["line 1", "inf"]),
        ("", ["bad.csv", "at least one"]),
    ] {
        fs::write(at.join("bad.csv"), text).expect("written");
        refused(at, &["--conductance", "bad.csv"], &words);
    }
    fs::write(at.join("v.csv"), "0.1\n0.2\n").expect("written");
    refused(at, &["--rows", "3", "--inputs", "v.csv"], &["2 voltages", "3 word lines"]);
    refused(at, &["--conductance", "none.csv"], &["none.csv"]);
    refused(at, &["--rows", "4", "--wire-ohm", "0"], &["0 ohm", "1e-9"]);
    refused(at, &["--rows", "4", "--wire-ohm", "NaN"], &["NaN"]);
    refused(at, &["--rows", "4", "--source-ohm", "-1"], &["-1 ohm"]);
    refused(at, &["--rows", "4", "--accuracy", "1e-20"], &["--accuracy", "1e-14"]);
    refused(at, &["--rows", "16384", "--cols", "16384"], &["67108864"]);
    refused(at, &["--rows", "4", "--adc-bits", "8", "--adc-range", "1,0"], &["above the first"]);
}
