//! `trapline heat`: power from everywhere, maps that others read, what it refuses.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use trapline::record::{RecordError, read_datasets, read_temperature_map};

fn trapline(folder: &Path, call: &str) -> Output {
    let arguments = call.split_whitespace();
    Command::new(env!("CARGO_BIN_EXE_trapline")).args(arguments).current_dir(folder).output().expect("starts")
}

#[track_caller]
fn json(folder: &Path, call: &str) -> serde_json::Value {
    let output = trapline(folder, &format!("heat --json --quiet {call}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{call}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON and nothing else")
}

#[track_caller]
fn refused(folder: &Path, call: &str, words: &[&str]) {
    let output = trapline(folder, &format!("heat {call}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{call}: {said}");
    assert!(output.stdout.is_empty() && words.iter().all(|word| said.contains(word)), "{call}: {said}");
}

#[track_caller]
fn near(found: &serde_json::Value, wanted: f64, share: f64) {
    let found = found.as_f64().expect("a number");
    assert!((found / wanted - 1.0).abs() < share, "{found}, not {wanted}");
}

#[test]
fn power_is_that_of_a_number_a_current_a_table_or_a_material() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    // An even source: P/p^2 d/k, 0.7 mm of glass.
    let glass = 0.7e-3 / 1.1;
    let found = json(at, "--rows 4 --cols 6 --power 2e-9 --pitch-um 2");
    near(&found["warmest"]["rise_k"], 2e-9 / 4e-12 * glass, 1e-9);
    near(&found["power_of_a_cell_for_1_k_w"], 4e-12 / glass, 1e-9);
    near(&found["power_w"], 48e-9, 1e-12);
    let own = "--substrate own --substrate-um 100 --substrate-conductivity 0.5";
    let found = json(at, &format!("--rows 3 --current -1e-9 --bias 2 {own} --air 5000"));
    near(&found["mean_rise_k"], 2e-9 / 1e-12 / (0.5 / 1e-4 + 5000.0), 1e-9);
    fs::write(at.join("p.csv"), "1e-6,0\n0,0\n3e-6,0\n").expect("written");
    let found = json(at, "--power-map p.csv --substrate silicon");
    assert_eq!((&found["warmest"]["row"], &found["warmest"]["column"]), (&2.into(), &0.into()));
    // 4e-6 W on six cells; what a cell has beyond the mean depends on the pattern.
    near(&found["mean_rise_k"], 4e-6 / 6.0 / 1e-12 * 525e-6 / 148.0, 1e-9);
    let one = json(at, "--power-map p.csv --substrate silicon --cell 0,0");
    near(&one["power_w"], 1e-6, 1e-12);
    // The paper's device: some nA at 5 V.
    let found = json(at, "--rows 8 --margin 8 --times 1e-6,1 --on 0.5");
    let watts = found["power_w"].as_f64().expect("a number") / 64.0;
    assert!((1e-10..1e-7).contains(&watts), "{watts}");
    let after: Vec<f64> =
        found["warmest_rise_after_k"].as_array().expect("two").iter().filter_map(|k| k.as_f64()).collect();
    assert!(after[0] > 0.0 && after[0] < after[1], "{after:?}");
}

#[test]
fn maps_are_written_and_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let call = "heat --rows 5 --cols 70 --power 1e-8 --ambient 25,85 --substrate pen --times 0.1,10 -o map.h5";
    let output = trapline(at, call);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(at.join("map.png").exists() && at.join("map.svg").exists());
    let map_k = read_temperature_map(&at.join("map.h5"), Some((5, 70))).expect("a map");
    let rise_k = 1e-8 / 1e-12 * 125e-6 / 0.18;
    for (col, celsius) in [(0, 25.0), (69, 85.0)] {
        assert!((map_k[[2, col]] - 273.15 - celsius - rise_k).abs() < 1e-9, "{}", map_k[[2, col]]);
    }
    let record = read_datasets(&at.join("map.h5")).expect("a record");
    let group = record.get("heat").expect("there");
    assert_eq!(group.shaped::<ndarray::Ix3>("rise_after_k").expect("maps").dim(), (2, 5, 70));
    assert_eq!(group.remark("substrate_thickness_m"), Some("1.25e-4"));
    // As the ambient of another run, and refused where it does not fit.
    let found = json(at, "--rows 5 --cols 70 --power 0 --ambient-map map.h5");
    near(&found["mean_temperature_k"], map_k.mean().expect("cells"), 1e-12);
    assert!(found["power_of_a_cell_for_1_k_w"].is_null());
    refused(at, "--rows 5 --along rows --ambient 25", &["--along is given", "--ambient 25,85"]);
    refused(at, "--rows 5 --cols 71 --ambient-map map.h5", &["map.h5", "5 x 70 cells", "5 x 71"]);
    let error = read_temperature_map(&at.join("map.h5"), Some((1, 1))).expect_err("another shape");
    assert!(matches!(error, RecordError::Unsuited { .. }), "{error}");
    fs::write(at.join("cold.csv"), "20,-273.15\n").expect("written");
    refused(at, "--rows 1 --cols 2 --ambient-map cold.csv", &["cold.csv", "row 0, column 1", "K; it must be"]);
    refused(at, "--rows 2 --cols 2 --ambient-map cold.csv", &["cold.csv", "1 x 2"]);
    refused(at, "--rows 5 --cols 70 --ambient-map map.h5 -o map.h5 --force", &["map.h5 is a file this command reads"]);
}

#[test]
fn a_reading_is_power() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::write(at.join("g.csv"), "1e-3, 2e-3\n3e-3, 0\n4e-3, 1e-3\n").expect("written");
    let read =
        "read --conductance g.csv --read-bias 0.5 --wire-ohm 20 --backend cpu --json --quiet --no-plot -o read.h5";
    let output = trapline(at, read);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = json(at, "--record read.h5");
    let of = |part: &str| read["power_w"][part].as_f64().expect("a number");
    // Solved to 1e-9 of the current.
    near(&found["power_w"], of("cells") + of("wires"), 1e-6);
    assert!(of("wires") > 0.01 * of("cells"));
    refused(at, "--record read.h5 --rows 3", &["--record", "--rows"]);
    let map = trapline(at, "heat --rows 3 --no-plot -o map.h5");
    assert!(map.status.success(), "{}", String::from_utf8_lossy(&map.stderr));
    refused(at, "--record map.h5", &["map.h5", "the group read", "trapline read -o"]);
    refused(at, "--ambient-map read.h5", &["read.h5", "the group heat", "trapline heat -o"]);
}

#[test]
fn what_cannot_be_heated_is_refused_in_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::write(at.join("p.csv"), "1e-6,-2e-6\n").expect("written");
    fs::write(at.join("inf.csv"), "1e-6,inf\n").expect("written");
    for (call, words) in [
        ("--substrate own", &["--substrate own has no thickness", "--substrate-um"][..]),
        ("--substrate own --substrate-um 100", &["no conductivity", "--substrate-conductivity"]),
        (
            "--substrate own --substrate-um 9 --substrate-conductivity 1 --times 1",
            &["heat capacity", "--substrate-capacity"],
        ),
        ("--substrate-um 0", &["--substrate-um is 0.0 µm", "between"]),
        ("--power -1e-9", &["--power is -1e-9 W", "between 0.0"]),
        ("--power-map p.csv", &["row 0, column 1", "-2e-6 W"]),
        ("--power-map inf.csv", &["inf.csv", "line 1", "finite"]),
        ("--ambient -300", &["--ambient is -300.0 C"]),
        ("--hot-spot 1,2,3", &["--hot-spot", "8,8,4,110"]),
        ("--hot-spot 99,2,3,100", &["the row is 99.0", "63.0"]),
        ("--hot-spot 9,2,0,100", &["radius", "0.0 cells"]),
        ("--ambient 25,85 --hot-spot 1,2,3,100", &["--ambient-map"]),
        ("--cell 64,0", &["--cell 64,0 is outside", "64,64"]),
        ("--times -1", &["a time is -1.0 s"]),
        ("--times 1 --sheet-capacity 0 --substrate-capacity 0", &["heat capacity"]),
        ("--margin 100000", &["with 100000 more on each side"]),
    ] {
        refused(at, call, words);
    }
}

/// A material's power goes by the temperature that each of its cells has without it, however that is given.
#[test]
fn a_materials_power_is_that_of_each_cells_own_temperature() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::write(at.join("even.csv"), "150,150\n150,150\n").expect("written");
    let rise = |call: &str| json(at, &format!("--rows 2 {call}"))["warmest"]["rise_k"].as_f64().expect("a number");
    let (even, cold) = (rise("--ambient 150"), rise("--ambient 25"));
    assert!((rise("--ambient-map even.csv") / even - 1.0).abs() < 1e-12 && even > 1.01 * cold, "{even} {cold}");
    // A gradient has the same power from either side.
    let power = |call: &str| json(at, &format!("--rows 2 {call}"))["power_w"].as_f64().expect("a number");
    let [up, down] = ["25,150", "150,25"].map(|ends| power(&format!("--ambient {ends}")));
    assert!((up / down - 1.0).abs() < 1e-12, "{up} {down}");
    refused(at, "--rows 2 --ambient-map even.csv --along rows", &["--along"]);
}

/// Settled temperatures need no heat capacity; without one there is no time constant to be told.
#[test]
fn without_a_heat_capacity_no_time_constant_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = "--rows 2 --power 1e-6 --substrate own --substrate-um 50 --substrate-conductivity 0.2";
    let bare = json(folder.path(), own);
    assert!(bare["time_constant_s"].is_null() && bare["substrate"]["capacity_j_per_m3_k"].is_null(), "{bare}");
    let known = json(folder.path(), &format!("{own} --substrate-capacity 1.6e6"));
    assert!(known["time_constant_s"].as_f64().is_some_and(|seconds| seconds > 1e-3), "{known}");
    assert_eq!(bare["warmest"]["rise_k"], known["warmest"]["rise_k"]);
}
