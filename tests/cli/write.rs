//! `trapline write`: a pattern through wires, its record, what it refuses.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn trapline(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trapline")).args(arguments).current_dir(folder).output().expect("starts")
}

const QUICK: [&str; 8] = ["--backend", "cpu", "--quiet", "--no-variation", "--electrons", "mean-field", "--count", "3"];

fn json(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = trapline(folder, &[&["write", "--json"], &QUICK[..], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON and nothing else")
}

#[test]
fn schemes_disturb_as_much_as_they_show() {
    let folder = tempfile::tempdir().expect("a folder");
    let worst = |scheme: &str| {
        let found = json(folder.path(), &["--scheme", scheme, "--wire-ohm", "150"]);
        assert_eq!(found["written"], 13);
        assert!(found["steps"]["worst_bound"].as_f64().expect("a number") <= 1e-9);
        found["worst_disturb"].as_f64().expect("a number")
    };
    let (isolated, third, half) = (worst("isolated"), worst("third"), worst("half"));
    // A switch at every cell shows nothing to the others. Half of 1.5 V shows 0.75 V to those that share a line, a third
    // 0.5 V to all of them, each time that any cell is written: both are above the onset of 0.2 V.
    assert!(isolated < 1e-6 && half > 0.05 && third > 0.05, "{isolated} {third} {half}");
}

#[test]
fn the_record_holds_every_cell() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let asked = ["write", "--pattern", "L", "--rows", "6", "--cols", "7", "--order", "rows", "--scheme", "half"];
    let output = trapline(at, &[&asked, &QUICK[..], &["-o", "w.h5"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(at.join("w.png").is_file() && at.join("w.svg").is_file());
    let file = hdf5::File::open(at.join("w.h5")).expect("opens");
    let of = |name: &str| file.dataset(&format!("write/{name}")).and_then(|d| d.read_2d::<f64>()).expect(name);
    let (filling, written) =
        (of("filling"), file.dataset("write/written").and_then(|d| d.read_2d::<u64>()).expect("it"));
    assert_eq!((filling.dim(), written.sum()), ((6, 7), 9));
    let (own, others) = (of("own_bias_v"), of("other_bias_v"));
    for (at, flag) in written.indexed_iter() {
        assert_eq!(own[at].is_finite(), *flag == 1, "{at:?}");
        assert!(*flag == 0 || (own[at] - 1.5).abs() < 1e-6, "{at:?}: {}", own[at]);
        assert!(others[at].abs() < 0.7501, "{at:?}: {}", others[at]);
        assert!(*flag == 0 || filling[at] > 0.01, "{at:?}: {}", filling[at]);
    }
}

#[test]
fn levels_are_reached_and_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::write(at.join("levels.csv"), "3.5e-11, 3.6e-11\n0, 9e-11\n").expect("written");
    let asked = ["write", "--levels", "levels.csv", "--verify", "--band", "0.02", "--amplitude-step", "0.01", "--json"];
    let quiet = ["--no-noise", "--count", "12", "--scheme", "isolated", "-o", "l.h5", "--no-plot"];
    let output = trapline(at, &[&asked, &QUICK[..6], &quiet[..]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let levels = &found["levels"];
    // 9e-11 S are out of reach of twelve pulses.
    assert_eq!((&levels["in_band"], &levels["not_reached"]), (&2.into(), &1.into()), "{found}");
    assert_eq!(levels["rounds"], 12);
    let file = hdf5::File::open(at.join("l.h5")).expect("opens");
    let of = |name: &str| file.dataset(&format!("write/{name}")).and_then(|d| d.read_2d::<f64>()).expect(name);
    let (target_s, conductance_s) = (of("target_s"), of("conductance_s"));
    for place in [[0, 0], [0, 1]] {
        assert!((conductance_s[place] / target_s[place] - 1.0).abs() <= 0.02, "{place:?}: {}", conductance_s[place]);
    }
    let ended = file.dataset("write/ended").and_then(|d| d.read_2d::<u64>()).expect("there");
    assert_eq!(ended, ndarray::arr2(&[[1, 1], [0, 4]]));
}

#[test]
fn what_cannot_be_written_is_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::write(at.join("p.csv"), "10\n01\n").expect("written");
    fs::write(at.join("l.csv"), "1e-12, 4e-11\n").expect("written");
    for (arguments, words) in [
        (&["--order", "all"][..], &["row 0, column 1", "row by row"][..]),
        (&["--pattern", "p.csv", "--scheme", "floating", "--wire-ohm", "0"], &["floats"]),
        (&["--wire-ohm", "0", "--source-ohm", "5"], &["--source-ohm", "--wire-ohm"]),
        (&["--wire-ohm", "0", "--accuracy", "1e-6"], &["--accuracy does nothing", "--wire-ohm"]),
        (
            &["--wire-ohm", "2", "--word-wire-ohm", "1", "--bit-wire-ohm", "3"],
            &["--wire-ohm does nothing", "leave one of the three out"],
        ),
        (&["--read-time", "1ms"], &["--read-time does nothing", "--verify"]),
        (
            &["--levels", "l.csv", "--verify", "--band", "0.01", "--no-noise", "--read-time", "1ms"],
            &["--read-time does nothing", "--no-noise"],
        ),
        (&["--wire-ohm", "-1"], &["-1", "1e-9"]),
        (&["--wire-ohm", "0", "--selector", "sinh:1e-12,0.05"], &["selector"]),
        (&["--tolerance", "0.5"], &["0.5", "1e-8 to 0.1"]),
        (&["--rows", "4"], &["5 x 5", "4 x 5"]),
        (&["--pattern", "none.csv"], &["none.csv"]),
        (&["--levels", "l.csv", "--verify"], &["--band"]),
        (&["--writes", "0"], &["is 0", "1 to 1000000"]),
        (&["--writes", "NaN"], &["NaN", "1 to 1000000"]),
        (&["--writes", "2e6"], &["2000000", "1 to 1000000"]),
        (&["--writes", "100", "--at", "1,200"], &["200", "1 to the 100 writes"]),
        (&["--writes", "100", "--electrons", "counted"], &["--electrons mean-field", "--count"]),
        (&["--levels", "l.csv", "--verify", "--band", "2"], &["l.csv", "2", "below 1"]),
        (&["--levels", "l.csv", "--verify", "--band", "0.01"], &["row 0, column 0", "1e-12"]),
    ] {
        let output = trapline(at, &[&["write", "--backend", "cpu"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{arguments:?}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{arguments:?}: {said}");
    }
}

#[test]
fn a_million_writes_are_recorded_on_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let asked = ["write", "--pattern", "L", "--order", "rows", "--wire-ohm", "0", "--writes", "1e6", "-o", "w.h5"];
    let output = trapline(at, &[&asked, &QUICK[..6], &["--json", "--at", "1,10,1e3"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let endurance = &found["endurance"];
    assert!(endurance["stepped"].as_u64().expect("a count") < 400, "{endurance}");
    let writes: Vec<_> = endurance["at"].as_array().expect("some").iter().map(|at| at["writes"].as_u64()).collect();
    assert_eq!(writes, [1, 10, 1000, 1_000_000].map(Some));
    let reached = &endurance["reached"][1];
    assert!(reached["writes"].as_f64().expect("reached") < 1e3, "{reached}");
    let file = hdf5::File::open(at.join("w.h5")).expect("opens");
    let filling = file.dataset("write/filling_after").and_then(|d| d.read_dyn::<f64>()).expect("there");
    assert_eq!(filling.shape(), [4, 5, 5]);
    let numbers = file.dataset("write/writes").and_then(|d| d.read_1d::<f64>()).expect("there");
    assert_eq!(numbers.to_vec(), [1.0, 10.0, 1e3, 1e6]);
    let last = file.dataset("write/filling").and_then(|d| d.read_2d::<f64>()).expect("there");
    // The record holds the last state twice, once as single precision has it.
    for (place, filling) in last.indexed_iter().map(|(place, f)| (place, (f, filling[[3, place.0, place.1]]))) {
        assert!((filling.0 - filling.1).abs() < 1e-6, "{place:?}: {filling:?}");
    }
}
