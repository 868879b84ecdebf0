//! `trapline read`: arrays of a material, of a file, of a record; what it refuses.

use hdf5::types::VarLenUnicode;
use ndarray::arr2;
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
    // Read at another bias than its cells were.
    let told = ["at 0.1 V", "0.2 V", "give --read-bias 0.1", "--law material"];
    refused(at, &["--record", "dumped.h5", "--read-bias", "0.2"], &told);
    // By the law of their material, at the bias they were read at and at another one: as cells that are made here.
    for bias in ["0.1", "2"] {
        let by_law = ["--law", "material", "--read-bias", bias];
        let of_record = json(at, &[&["--record", "dumped.h5", "--temperature", "25"][..], &by_law].concat());
        let made = json(at, &[&["--rows", "16", "--cols", "8", "--written", "all"][..], &by_law].concat());
        for name in ["ideal_current_a", "current_a"] {
            for (a, b) in numbers(&of_record, name).iter().zip(numbers(&made, name)) {
                // The record keeps f32 of what a cell conducts and of its filling.
                assert!((a / b - 1.0).abs() < 1e-6, "{bias} V: {a} {b}");
            }
        }
        // The control: what Ohm's law makes of them at 2 V is far off.
        let linear = numbers(&start, "ideal_current_a")[0] * bias.parse::<f64>().expect("a number") / 0.1;
        let off = (numbers(&of_record, "ideal_current_a")[0] / linear - 1.0).abs();
        assert!(if bias == "0.1" { off < 1e-6 } else { off > 1e-3 }, "{bias} V: {off}");
    }
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
    // A switch at every cell leaves nothing to sneak, and is all the same where every other line has its own 0 V.
    let isolated = of("isolated");
    assert!((current(&isolated) - 1.0).abs() < 1e-6);
    fs::write(at.join("w.csv"), "0\n".repeat(12)).expect("written");
    fs::write(at.join("b.csv"), format!("0{}\n", ",0".repeat(11))).expect("written");
    let own = ["--rows", "12", "--select", "11,3", "--word-bias", "w.csv", "--bit-bias", "b.csv", "--wire-ohm", "1"];
    assert_eq!(numbers(&json(at, &own), "current_a"), numbers(&grounded, "current_a"));
    refused(at, &[&own[..], &["--cols", "9"]].concat(), &["b.csv", "holds 12 numbers", "must hold 9", "bit line"]);
    refused(at, &own[..6], &["--bit-bias"]);
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
    // One column of decimal commas: refused where that is certain, else remarked on.
    fs::write(at.join("commas.csv"), "0,5\n0,25\n0,05\n").expect("written");
    refused(at, &["--conductance", "commas.csv"], &["commas.csv: line 3", "\"0,05\"", "decimal comma"]);
    for (text, is_told) in [("1,5\n2,5\n3,25\n", true), ("1,5\n2,5.5\n3,25\n", false)] {
        fs::write(at.join("commas.csv"), text).expect("written");
        let output = trapline(at, &["read", "--conductance", "commas.csv", "--quiet", "--backend", "cpu"]);
        let said = String::from_utf8_lossy(&output.stderr);
        let told = "commas.csv: read as two columns of whole numbers; if it is one column with decimal commas";
        assert!(output.status.success() && said.matches(told).count() == usize::from(is_told), "{said}");
    }
    fs::write(at.join("v.csv"), "0.1\n0.2\n").expect("written");
    refused(at, &["--rows", "3", "--inputs", "v.csv"], &["2 voltages", "3 word lines"]);
    refused(at, &["--conductance", "none.csv"], &["none.csv"]);
    refused(at, &["--rows", "4", "--wire-ohm", "0"], &["0 ohm", "1e-9"]);
    refused(at, &["--rows", "4", "--wire-ohm", "NaN"], &["NaN"]);
    refused(at, &["--rows", "4", "--source-ohm", "-1"], &["-1 ohm"]);
    refused(at, &["--rows", "4", "--accuracy", "1e-20"], &["--accuracy", "1e-14"]);
    let message = ["--accuracy is 1e-20; it must be between 1e-14 and 0.1"];
    refused(at, &["--rows", "4", "--accuracy", "1e-20"], &message);
    #[cfg(target_os = "linux")]
    refused(at, &["--rows", "65535", "--cols", "65535"], &["4294836225 cells", "GiB are there", "a part of it"]);
    // What would do nothing is not let pass in silence.
    fs::write(at.join("g.csv"), "1e-6,2e-6\n").expect("written");
    for option in
        ["--written=all", "--count=3", "--amplitude=2", "--no-variation", "--electrons=counted", "--law=material"]
    {
        let name = option.split('=').next().expect("a name");
        refused(at, &["--conductance", "g.csv", option], &["--conductance", name]);
        if name != "--law" {
            refused(at, &["--record", "r.h5", option], &["--record", name]);
        }
    }
    refused(at, &["--conductance", "g.csv", "--material", "pi"], &["--conductance", "--material"]);
    refused(at, &["--conductance", "g.csv", "--dataset", "/g"], &["g.csv", "no HDF5 file", "--dataset"]);
    let all = ["--conductance", "g.csv", "--wire-ohm", "1", "--word-wire-ohm", "1", "--bit-wire-ohm", "1"];
    refused(at, &all, &["--wire-ohm does nothing"]);
    // The cells are given in S and the voltages in V; without the voltages the bias of a reading drives.
    let own = ["--conductance", "g.csv", "--inputs", "one.csv", "--read-bias", "0.2"];
    fs::write(at.join("one.csv"), "0.1\n").expect("written");
    refused(at, &own, &["--read-bias does nothing", "--inputs", "leave it out"]);
    json(at, &own[..4]);
    let (usual, twice) = (json(at, &own[..2]), json(at, &[&own[..2], &own[4..]].concat()));
    let ratio = numbers(&twice, "ideal_current_a")[1] / numbers(&usual, "ideal_current_a")[1];
    assert!((ratio - 2.0).abs() < 1e-12, "{ratio}");
    // Currents do not depend on it, whatever the cells would catch; energy and noise do.
    let short = json(at, &["--rows", "2", "--no-noise", "--read-time", "1ms", "--wire-ohm", "1"]);
    let long = json(at, &["--rows", "2", "--no-noise", "--read-time", "10ms", "--wire-ohm", "1"]);
    assert_eq!(numbers(&short, "ideal_current_a"), numbers(&long, "ideal_current_a"));
    for pulses in ["--amplitude=2", "--width=1ms", "--interval=1ms", "--count=3"] {
        let name = pulses.split('=').next().expect("a name");
        refused(at, &["--rows", "2", "--written", "none", pulses], &[name, "does nothing", "--written none"]);
    }
    fs::write(at.join("r.csv"), "1\n2\n").expect("written");
    let segments = ["--conductance", "g.csv", "--word-wire-ohm-file", "r.csv"];
    refused(at, &segments, &["r.csv", "holds 2 numbers", "must hold 3", "segment"]);
    // Selectors that are none.
    fs::write(at.join("s.csv"), "0,0\n0.5,1e-9\n0.4,2e-9\n").expect("written");
    for (selector, words) in [
        ("s.csv", ["s.csv", "point 2", "snaps back"]),
        ("sinh:1,x", ["--selector", "sinh:1e-12,0.05", "--help"]),
        ("exp:-1,1", ["--selector", "current scale", "-1"]),
        ("r.csv", ["r.csv", "lines of 1 numbers", "has two"]),
    ] {
        refused(at, &["--conductance", "g.csv", "--selector", selector], &words);
    }
    refused(at, &["--rows", "4", "--adc-bits", "8", "--adc-range", "1,0"], &["above the first"]);
}

#[test]
fn arrays_of_others_are_read_from_hdf5() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let conductance_s = arr2(&[[1e-3, 2e-3], [3e-3, 4e-3], [5e-3, 0.0]]);
    let inputs = arr2(&[[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.0, 0.0, 0.0], [-0.1, 0.1, 0.2]]);
    let file = hdf5::File::create(at.join("g.h5")).expect("created");
    file.new_dataset_builder().with_data(&conductance_s).create("g").expect("written");
    file.new_dataset_builder().with_data(&inputs).create("in/v").expect("written");
    file.new_dataset_builder().with_data(&arr2(&[[1.0, f64::NAN]])).create("in/nan").expect("written");
    let milli = file.new_dataset_builder().with_data(&conductance_s).create("milli").expect("written");
    let units = milli.new_attr::<VarLenUnicode>().create("units").expect("made");
    units.write_scalar(&"mS".parse::<VarLenUnicode>().expect("text")).expect("written");
    drop((milli, units));
    file.close().expect("closed");
    let text = |rows: ndarray::ArrayView2<'_, f64>| -> String {
        let line = |row: ndarray::ArrayView1<'_, f64>| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        rows.outer_iter().map(|row| line(row) + "\n").collect()
    };
    fs::write(at.join("g.csv"), text(conductance_s.view())).expect("written");
    fs::write(at.join("v.csv"), text(inputs.view())).expect("written");
    // All vectors at once, of either kind of file, to the last digit.
    let common = ["--wire-ohm", "5", "--seed", "3"];
    let h5 = ["--conductance", "g.h5", "--dataset", "/g", "--inputs", "g.h5", "--inputs-dataset", "in/v"];
    let csv = ["--conductance", "g.csv", "--inputs", "v.csv"];
    let (of_h5, of_csv) = (json(at, &[&h5[..], &common].concat()), json(at, &[&csv[..], &common].concat()));
    for key in ["ideal_current_a", "current_a", "noise_a", "read_current_a"] {
        assert_eq!((&of_h5[key], of_h5["vectors"].as_u64()), (&of_csv[key], Some(4)));
    }
    // Each of them is what it is alone.
    for (vector, input_v) in inputs.outer_iter().enumerate() {
        fs::write(at.join("one.csv"), text(input_v.insert_axis(ndarray::Axis(1)))).expect("written");
        let alone = json(at, &[&["--conductance", "g.csv", "--inputs", "one.csv"], &common[..]].concat());
        let bound =
            of_csv["bound_a"].as_f64().expect("a number") + alone["certificate"]["bound_a"].as_f64().expect("one");
        let together = of_csv["current_a"][vector].as_array().expect("currents");
        for (a, b) in together.iter().zip(numbers(&alone, "current_a")) {
            assert!((a.as_f64().expect("a number") - b).abs() <= bound && bound < 1e-8, "{a} {b} {bound}");
        }
    }
    // A record of it, which names no material.
    let call = [&["read", "--backend", "cpu", "--quiet", "-o", "read.h5"], &h5[..]].concat();
    // One vector alone has weights where these are asked for; cells by a law have none.
    fs::write(at.join("one.csv"), "0.1,0.2,0.3\n").expect("written");
    let one = ["--conductance", "g.csv", "--inputs", "one.csv"];
    let by_weights = json(at, &[&one[..], &["--weights"]].concat());
    assert_eq!((by_weights["vectors"].as_u64(), by_weights["solves"].as_u64()), (Some(1), Some(2)));
    assert!(json(at, &one)["vectors"].is_null());
    let of_law = [&one[..], &["--weights", "--selector", "sinh:1e-9,0.05"]].concat();
    refused(at, &of_law, &["--weights does nothing", "leave it out"]);
    let output = trapline(at, &call);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = String::from_utf8_lossy(&trapline(at, &["show", "read.h5"]).stdout).into_owned();
    assert!(shown.contains("weight_s") && shown.contains("input_v") && !shown.contains("pi-ws2-qd"), "{shown}");
    refused(at, &["--conductance", "g.h5"], &["g.h5", "is 4 (/g, /in/nan, /in/v, /milli)", "named: --dataset"]);
    refused(at, &["--conductance", "g.h5", "--dataset", "h"], &["g.h5", "dataset h", "missing"]);
    refused(at, &["--conductance", "g.h5", "--dataset", "milli"], &["/milli", "\"mS\"", "numbers in S"]);
    refused(at, &["--conductance", "g.h5", "--dataset", "in/nan"], &["/in/nan", "row 0, column 1", "NaN"]);
    refused(at, &["--conductance", "g.h5", "--dataset", "in/v"], &["row 3, column 0", "-0.1 S"]);
    // What was spoilt on its way is no panic and no crash: one line, by whichever process meets it.
    let mut bytes = fs::read(at.join("g.h5")).expect("read");
    bytes.truncate(bytes.len() / 2);
    fs::write(at.join("cut.h5"), &bytes).expect("written");
    let output = trapline(at, &["read", "--backend", "cpu", "--conductance", "cut.h5"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.lines().count() == 1 && said.contains("cut.h5"), "{said}");
}

#[test]
fn cells_need_not_obey_ohms_law() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let of = |law: &str, bias: &str, more: &[&str]| {
        let call =
            ["--rows", "8", "--cols", "6", "--law", law, "--read-bias", bias, "--no-noise", "--wire-ohm", "1e-3"];
        json(at, &[&call[..], more].concat())
    };
    // At the read bias the law is the conductance; its own is in f64, the conductances of this backend in f32.
    let (line, law) = (of("linear", "0.1", &[]), of("material", "0.1", &[]));
    for (a, b) in numbers(&law, "current_a").iter().zip(numbers(&line, "current_a")) {
        assert!((a / b - 1.0).abs() < 1e-5, "{a} {b}");
    }
    // At half of it the half-selected cells conduct less than they would by Ohm's law.
    let half = ["--select", "7,5", "--scheme", "half"];
    let (line, law) = (of("linear", "3", &half), of("material", "3", &half));
    let sneak = |of: &serde_json::Value| numbers(of, "current_a")[0] / numbers(of, "ideal_current_a")[0];
    assert!(sneak(&law) < 0.95 * sneak(&line), "{} {}", sneak(&law), sneak(&line));
    // With a selector they hardly do; a table of one is the same as its law.
    let selected = of("linear", "3", &[&half[..], &["--selector", "sinh:1e-20,0.1"]].concat());
    assert!((1.0..1.2).contains(&sneak(&selected)), "{}", sneak(&selected));
    let margin = |of: &serde_json::Value| of["margin"]["margin"].as_f64().expect("a number");
    assert!(margin(&selected) > margin(&line));
    let points: String =
        (-400..=400).map(|k| 0.01 * f64::from(k)).map(|v| format!("{v},{}\n", 1e-20 * (v / 0.1).sinh())).collect();
    fs::write(at.join("s.csv"), points).expect("written");
    let table = of("linear", "3", &[&half[..], &["--selector", "s.csv"]].concat());
    // A step of a tenth of the scale: cubics are off by its fourth power over 384, and the current by less than its
    // part.
    let apart = numbers(&table, "current_a")[0] / numbers(&selected, "current_a")[0] - 1.0;
    assert!(apart.abs() < 1e-3, "{apart}");
    // Vectors of inputs go through the law, too.
    fs::write(at.join("v.csv"), format!("3{0}\n0.1{0}\n", ",1".repeat(7))).expect("written");
    let found = of("material", "0.1", &["--inputs", "v.csv"]);
    assert_eq!((found["vectors"].as_u64(), found["solves"].as_u64()), (Some(2), Some(2)));
}
