//! Campaigns whose arrays are read through wires.

use std::fs;
use std::path::Path;

use crate::calls::{good, trapline};
use trapline::campaign::{Overrides, Plan};
use trapline::outcome::{CampaignRecord, MeritIs, PointOutcome};
use trapline::record;

const WIRED: &str = r#"
format = 1
name = "wired"
seed = 5
variation = true

[array]
rows = 12
cols = 10

[array.wires]
segment_ohm = 1e-3
vectors = 1

[array.scheme]
unselected = "half"

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 20, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[bake]
temperatures_c = [100.0, 150.0]
times_s = [1.0, 10.0, 1e4, 1e5]

[report]
times_s = [1e4, 1e5]

[dump]
first_row = 0
first_col = 0
rows = 12
cols = 10

[[sweep]]
name = "wire"
key = "array.wires.segment_ohm"
values = [1e-3, 1e6]
"#;

fn plan(text: &str) -> Result<Plan, String> {
    Plan::parse(text, "wired.toml", Path::new(""), &Overrides::default()).map_err(|e| e.to_string())
}

fn whole(record: &CampaignRecord, number: usize) -> PointOutcome {
    record::whole(record, number).unwrap().expect("computed")
}

/// Cells under wires are those of the statistics: with lines that resist nothing, bit lines carry what the dump's cells
/// conduct, to the rounding of its single precision. In shards, resumed, on another backend: the same figures.
#[test]
fn wires_join_the_cells_of_the_statistics() {
    let desk = tempfile::tempdir().unwrap();
    let here = |name: &str| desk.path().join(name);
    fs::write(here("wired.toml"), WIRED).unwrap();
    let run = |more: &[&str]| good(&trapline(desk.path(), &[&["run", "wired.toml", "-q"], more].concat()));
    run(&["-o", "all.h5", "--backend", "cpu", "--no-plot"]);
    let all = record::open_campaign(&here("all.h5")).unwrap();
    assert_eq!(all.label.circuit_times_s, [0.0, 1e4, 1e5]);
    for number in 0..4 {
        let point = whole(&all, number);
        let (circuit, dump) = (point.circuit.as_ref().expect("has wires"), point.dump.as_ref().expect("has a dump"));
        for (at, checkpoint) in [(0, 0), (1, 3), (2, 4)] {
            let cells_a: f64 =
                dump.conductance_s.index_axis(ndarray::Axis(0), checkpoint).iter().map(|&s| 0.1 * f64::from(s)).sum();
            let bit_line_a = circuit.at(at, MeritIs::ColumnMean);
            let apart = (bit_line_a / (cells_a / 10.0) - 1.0).abs();
            // Wires of a megohm take a part of 4e-11 S x 120 cells x 1e6 ohm.
            let wired = number >= 2;
            assert!(if wired { (1e-4..0.1).contains(&apart) } else { apart < 1e-6 }, "point {number}: {apart:e}");
            // 11 cells under half the bias on the sensed bit line, in an array of cells that are alike to 1 %.
            let sneak = circuit.at(at, MeritIs::Sneak);
            assert!((sneak - 5.5).abs() < 0.3, "{sneak}");
            assert!(circuit.at(at, MeritIs::Bound) < 1e-6);
        }
        assert_eq!(circuit.at(0, MeritIs::ColumnKeptMean), 1.0);
        assert!(circuit.at(2, MeritIs::ColumnKeptMean) < circuit.at(1, MeritIs::ColumnKeptMean));
        // Bit lines keep what their cells keep on average.
        let kept = point.kept.mean[4];
        assert!((circuit.at(2, MeritIs::ColumnKeptMean) - kept).abs() < 2e-3, "{kept}");
    }

    for shard in ["1/2", "2/2"] {
        run(&["-o", "part", "--backend", "cpu", "--shard", shard, "--threads", "1"]);
    }
    good(&trapline(desk.path(), &["merge", "part-1-of-2.h5", "part-2-of-2.h5", "-o", "merged.h5"]));
    let merged = record::open_campaign(&here("merged.h5")).unwrap();
    assert!((0..4).all(|number| whole(&all, number).is_same(&whole(&merged, number))));

    run(&["-o", "exact.h5", "--backend", "reference", "--no-plot", "--electrons", "mean-field"]);
    run(&["-o", "near.h5", "--backend", "cpu", "--no-plot", "--electrons", "mean-field"]);
    let said = good(&trapline(desk.path(), &["diff", "exact.h5", "near.h5", "--tolerance", "1e-4"]));
    assert!(!said.contains("differ"), "{said}");
    // Control: other wires are other figures.
    fs::write(here("wired.toml"), WIRED.replace("1e6]", "2e6]")).unwrap();
    run(&["-o", "other.h5", "--backend", "cpu", "--no-plot", "--electrons", "mean-field"]);
    let differ = trapline(desk.path(), &["diff", "near.h5", "other.h5", "--tolerance", "1e-4"]);
    assert_eq!(differ.status.code(), Some(1));
    let shown = good(&trapline(desk.path(), &["show", "all.h5"]));
    assert!(shown.contains("circuit_time") && shown.contains("circuit_margin_worst"), "{shown}");
}

/// The cells of a GPU under wires; its network is solved on the processor, which small arrays are left to.
#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn the_gpu_reads_the_same_through_wires() {
    let desk = tempfile::tempdir().unwrap();
    fs::write(desk.path().join("wired.toml"), WIRED).unwrap();
    for backend in ["gpu", "cpu"] {
        let record = format!("{backend}.h5");
        let mean = ["--electrons", "mean-field", "--backend", backend];
        let run = ["run", "wired.toml", "-o", &record, "--no-plot", "-q"];
        good(&trapline(desk.path(), &[&run[..], &mean].concat()));
    }
    let by = |name: &str| record::open_campaign(&desk.path().join(name)).unwrap().points[0].provenance.identity.clone();
    assert_eq!((by("gpu.h5").backend, by("cpu.h5").backend), ("gpu".to_owned(), "cpu".to_owned()));
    good(&trapline(desk.path(), &["diff", "gpu.h5", "cpu.h5", "--tolerance", "1e-4"]));
}

/// What is foretold has the wires in it: the time of their networks, and the memory of the largest.
#[test]
fn a_plan_counts_the_wires() {
    let desk = tempfile::tempdir().unwrap();
    let large = WIRED.replace("rows = 12\ncols = 10\n\n[array", "rows = 300\ncols = 300\n\n[array");
    let (head, rest) = large.split_once("[array.wires]").unwrap();
    let unwired = format!("{head}{}", &rest[rest.find("[[material]]").unwrap()..rest.find("[[sweep]]").unwrap()]);
    let planned = |text: &str| -> (f64, f64) {
        fs::write(desk.path().join("plan.toml"), text).unwrap();
        let said = good(&trapline(desk.path(), &["plan", "plan.toml", "--json", "--backend", "cpu"]));
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        let of = |key: &str| json[key].as_f64().unwrap();
        // Half as many points have no sweep over wires.
        (of("seconds") / of("points"), of("memory_bytes"))
    };
    let ((with_s, with_bytes), (without_s, without_bytes)) = (planned(&large), planned(&unwired));
    assert!(with_s > without_s, "{with_s} {without_s}");
    // 244 bytes for each of 9e4 cells, and the block that is traced.
    assert!(with_bytes - without_bytes > 244.0 * 9e4, "{with_bytes} {without_bytes}");
}

#[test]
fn wires_that_cannot_be_are_refused_in_one_line() {
    let (fixed, _) = WIRED.split_once("[[sweep]]").unwrap();
    assert!(plan(WIRED).is_ok() && plan(fixed).is_ok());
    let written = |amplitude_v: &str, width_s: &str, writes: &str| {
        format!("\"half\"\n\n[array.write]\namplitude_v = {amplitude_v}\nwidth_s = {width_s}\nwrites = {writes}")
    };
    let said = |from: &str, to: &str| {
        assert!(WIRED.contains(from), "{from}");
        // What a sweep sets is not looked at in the file.
        let of = if from.starts_with('[') { WIRED } else { fixed };
        let error = plan(&of.replacen(from, to, 1)).map(drop).expect_err(to);
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    };
    for (from, to, parts) in [
        ("segment_ohm = 1e-3", "segment_ohm = -2.8", ["array.wires.segment_ohm", "-2.8"]),
        ("[1e-3, 1e6]", "[1e-3, inf]", ["array.wires.segment_ohm", "inf"]),
        ("segment_ohm = 1e-3", "source_ohm = 1.0", ["array.wires.segment_ohm", "metal"]),
        ("segment_ohm = 1e-3", "metal = \"copper\"", ["array.wires.width_nm", "missing"]),
        ("segment_ohm = 1e-3", "segment_ohm = 1.0\nwidth_nm = 20.0", ["array.wires.width_nm", "left out"]),
        ("segment_ohm = 1e-3", "metal = \"gold\"", ["gold", "copper"]),
        ("segment_ohm = 1e-3", "metal = \"copper\"\nwidth_nm = 0.0\nthickness_nm = 40.0", ["width_nm", "0.0"]),
        ("vectors = 1", "vectors = -1", ["array.wires.vectors", "-1"]),
        ("vectors = 1", "integration_s = 0.0", ["array.wires.integration_s", "0.0"]),
        ("vectors = 1", "accuracy = 0.5", ["array.wires.accuracy", "0.5"]),
        ("\"half\"", "\"quarter\"", ["quarter", "half"]),
        ("\"half\"", "\"half\"\nselector = \"sinh:1e-12\"", ["array.scheme.selector", "sinh:1e-12,0.05"]),
        ("\"half\"", "\"half\"\nselector = \"none.csv\"", ["array.scheme.selector", "none.csv"]),
        ("\"half\"", "\"half\"\nmargin = 1.0", ["margin", "selector"]),
        ("\"half\"", &written("0.0", "1e-3", "1"), ["array.write.amplitude_v", "not 0 V"]),
        ("\"half\"", &written("1.5", "1e9", "1"), ["array.write.width_s", "1e-12 to 1000000.0"]),
        ("\"half\"", &written("1.5", "1e-3", "0"), ["array.write.writes", "1 to 1000000000"]),
        ("\"half\"", &written("1.5", "1e-3", "1\ntimes = 2"), ["times", "amplitude_v"]),
    ] {
        let error = said(from, to);
        for part in parts {
            assert!(error.contains(part), "'{part}' is not in: {error}");
        }
    }
    let held = WIRED.split_once("[array.scheme]").expect("a scheme");
    let after = held.1.split_once("\n\n").expect("a further table").1;
    let unheld = format!("{}[array.write]\namplitude_v = 1.5\nwidth_s = 1e-3\nwrites = 1\n\n{after}", held.0);
    let error = plan(&unheld).map(drop).expect_err("writes without a scheme");
    assert!(error.contains("array.write") && error.contains("[array.scheme]"), "{error}");
    let unwired = WIRED.replace("[array.wires]\nsegment_ohm = 1e-3\nvectors = 1\n", "");
    let error = plan(&unwired).map(drop).expect_err("a scheme without wires");
    assert!(error.contains("array.wires") || error.contains("array.scheme"), "{error}");
}
