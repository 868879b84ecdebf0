//! Campaigns over sweeps, whole and in shards, from the command line.

use std::fs;
use std::path::{Path, PathBuf};

use crate::calls::{good, refused, trapline};
use trapline::campaign::{Overrides, Plan};
use trapline::outcome::{CampaignRecord, Coordinate};
use trapline::record;

const SWEEP: &str = r#"
format = 1
name = "sweep"
seed = 5
variation = true
electrons = "mean-field"

[array]
rows = 16
cols = 16

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 4, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[[material]]
use = "pi-ws2-ns"
program = [{ pulses = 4, amplitude_v = 0.7, width_s = 1e-3, interval_s = 1e-3 }]

[bake]
temperatures_c = [100.0, 155.0]
times_s = [10.0, 1e3, 1e5]

[histogram]
bins = 8

[[sweep]]
key = "seed"
from = 7
to = 9

[[sweep]]
name = "size"
keys = ["array.rows", "array.cols"]
values = [[8, 16], [32, 64]]
labels = ["small", "large"]

[[sweep]]
key = "parameter.matrix.fragility"
values = [100.0, 114.7]
"#;

fn desk() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sweep.toml"), SWEEP).unwrap();
    folder
}

#[track_caller]
fn same(a: &CampaignRecord, b: &CampaignRecord) {
    assert_eq!(a.label.difference(&b.label), None);
    for number in 0..a.points.len() {
        let [a, b] = [a, b].map(|record| record::whole(record, number).unwrap().expect("computed"));
        assert!(a.is_same(&b), "point {number} differs");
    }
}

fn plan(text: &str) -> Result<Plan, String> {
    Plan::parse(text, "sweep.toml", Path::new(""), &Overrides::default()).map_err(|e| e.to_string())
}

#[test]
fn shards_merge_to_what_one_run_computes() {
    let desk = desk();
    let here = |name: &str| desk.path().join(name);
    good(&trapline(desk.path(), &["run", "sweep.toml", "-o", "whole.h5", "--backend", "cpu"]));
    let whole = record::open_campaign(&here("whole.h5")).unwrap();
    assert_eq!((whole.label.shape(), whole.computed()), (vec![3, 2, 2, 2, 2], 48));
    for (number, backend) in [(1, &["--threads", "1"][..]), (2, &["--threads", "2"]), (3, &[])] {
        let shard = format!("{number}/3");
        let fixed = ["run", "sweep.toml", "-o", "part", "--backend", "cpu", "--shard", &shard];
        good(&trapline(desk.path(), &[&fixed[..], backend].concat()));
    }
    let parts = ["part-1-of-3.h5", "part-2-of-3.h5", "part-3-of-3.h5"];
    let computed = parts.map(|name| record::open_campaign(&here(name)).unwrap().computed());
    assert_eq!(computed.iter().sum::<usize>(), 48);
    // The large arrays hold 16 times the cells: half of the points are all of the work.
    assert!(computed.iter().all(|n| (12..=20).contains(n)), "{computed:?}");
    let merge =
        |parts: &[&str], more: &[&str]| trapline(desk.path(), &[&["merge"], parts, &["-o", "all.h5"], more].concat());
    refused(&merge(&parts[..2], &[]), &["points are in none of the files", "--partial"]);
    good(&merge(&parts, &[]));
    same(&whole, &record::open_campaign(&here("all.h5")).unwrap());
    refused(&merge(&parts, &[]), &["all.h5 exists"]);
    refused(&trapline(desk.path(), &["merge", parts[0], "-o", parts[0], "--force"]), &["reads"]);

    // A part, and the same points twice; then the same points with other values.
    good(&merge(&[parts[0], parts[0], "whole.h5"], &["--force"]));
    same(&whole, &record::open_campaign(&here("all.h5")).unwrap());
    good(&merge(&parts[1..], &["--force", "--partial"]));
    assert_eq!(record::open_campaign(&here("all.h5")).unwrap().computed(), 48 - computed[0]);
    good(&trapline(desk.path(), &["run", "sweep.toml", "-o", "exact.h5", "--backend", "reference"]));
    refused(&merge(&["whole.h5", "exact.h5"], &["--force"]), &["other values for point 0"]);

    // Another campaign.
    fs::write(here("sweep.toml"), SWEEP.replace("from = 7", "from = 8")).unwrap();
    good(&trapline(desk.path(), &["run", "sweep.toml", "-o", "other.h5", "--backend", "cpu"]));
    refused(&merge(&["whole.h5", "other.h5"], &["--force"]), &["other.h5 is of another campaign", "campaign file"]);
}

#[test]
fn a_case_is_the_campaign_with_its_values_written_in() {
    let swept = plan(SWEEP).unwrap();
    assert_eq!((swept.points.len(), swept.label.sweeps.len()), (48, 3));
    assert_eq!(swept.label.sweeps[1].coordinate, Coordinate::Text(vec!["small".to_owned(), "large".to_owned()]));
    // Seed 8, large, 100.0: place (1, 1, 0) of (3, 2, 2), four points each.
    let plain = &SWEEP[..SWEEP.find("[[sweep]]").unwrap()];
    let written =
        plain.replace("seed = 5", "seed = 8").replace("rows = 16", "rows = 32").replace("cols = 16", "cols = 64");
    let written = plan(&written).unwrap();
    let first = (2 + 1) * 2 * 4;
    for number in 0..4 {
        let (a, b) = (swept.job(first + number).unwrap(), written.job(number).unwrap());
        assert_eq!((a.seed(), a.shape()), (b.seed(), b.shape()));
        assert_eq!((a.times_s(), a.bake_k(), a.variation()), (b.times_s(), b.bake_k(), b.variation()));
        assert_eq!(a.material().matrix.unwrap().fragility, 100.0);
        assert_eq!(b.material().matrix.unwrap().fragility, 114.7);
    }
    // What no sweep changes is the file's.
    let other = swept.job(first + 4).unwrap();
    assert_eq!(other.material(), written.job(0).unwrap().material());
}

/// A point as a plan has it: what it is called and what is computed there.
fn planned(plan: &Plan, number: usize) -> impl PartialEq + std::fmt::Debug {
    let (job, point) = (plan.job(number).unwrap(), &plan.points[number]);
    let nominal: Vec<_> = job.nominal().iter().map(|seen| seen.array()).collect();
    let settings = plan.label.settings[number];
    (
        settings,
        nominal,
        point.material.clone(),
        point.temperature_k,
        point.flags.clone(),
        plan.steps(number),
        job.program_k(),
    )
}

/// Every case of many sweeps against the same file with the values written in by hand. Seeds, offsets and sizes are
/// set without the file being read again; the others are read once for all of their seeds.
#[test]
fn cases_that_share_what_is_read_are_those_of_their_own_files() {
    let plain = SWEEP[..SWEEP.find("[[sweep]]").unwrap()]
        .replace("pulses = 4, amplitude_v = 1.5", "pulses = PULSES, amplitude_v = 1.5");
    let file = |[seed, offset, rows, pulses, hot]: [&str; 5], kept: &str| {
        let text =
            plain.replace("seed = 5", &format!("seed = {seed}\nseed_offset = {offset}")).replace("PULSES", pulses);
        text.replace("rows = 16", &format!("rows = {rows}"))
            + &format!("[failure]\nkept_below = {kept}\n[program]\ntemperature_c = {hot}\n")
    };
    let of_program =
        |pulses: &str| format!("[{{ pulses = {pulses}, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }}]");
    let sweeps = format!(
        "[[sweep]]\nname = \"both\"\nkeys = [\"seed_offset\", \"failure.kept_below\"]\nvalues = [[1, 0.9], [2, 0.8]]\n\
         [[sweep]]\nkey = \"seed\"\nfrom = 7\nto = 8\n\
         [[sweep]]\nkey = \"material.program\"\nvalues = [{}, {}]\nlabels = [\"two\", \"nine\"]\n\
         [[sweep]]\nkey = \"program.temperature_c\"\nvalues = [25.0, 180]\n\
         [[sweep]]\nkey = \"array.rows\"\nvalues = [4, 64]\n",
        of_program("2"),
        of_program("9"),
    );
    let swept = plan(&(file(["5", "0", "16", "2", "25.0"], "0.7") + &sweeps)).unwrap();
    let each = 4;
    let (mut number, mut found) = (0, std::collections::BTreeSet::new());
    for (offset, kept) in [("1", "0.9"), ("2", "0.8")] {
        for seed in ["7", "8"] {
            for pulses in ["2", "9"] {
                for hot in ["25.0", "180.0"] {
                    for rows in ["4", "64"] {
                        // The sweep gives both materials the program of dots.
                        let text = file([seed, offset, rows, pulses, hot], kept).replace(
                            "[{ pulses = 4, amplitude_v = 0.7, width_s = 1e-3, interval_s = 1e-3 }]",
                            &of_program(pulses),
                        );
                        let alone = plan(&text).unwrap();
                        for at in 0..each {
                            assert_eq!(planned(&swept, number), planned(&alone, at), "point {number}: {text}");
                            found.insert(format!("{:?}", planned(&swept, number)));
                            number += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!((number, found.len()), (swept.points.len(), number), "control: no two points are alike");
}

/// Ten times the largest sweep that was planned in seconds before, of every kind, and none of them takes a second in
/// a release: a guard against what grows with the square of the values, which took minutes, and not a measurement.
#[test]
fn long_sweeps_are_planned_or_refused_at_once() {
    let plain = &SWEEP[..SWEEP.find("[[sweep]]").unwrap()];
    let plain = plain.replace("temperatures_c = [100.0, 155.0]", "temperatures_c = [100.0]");
    let list = |of: &dyn Fn(usize) -> String, count: usize| (0..count).map(of).collect::<Vec<_>>().join(", ");
    let started = std::time::Instant::now();
    let both = 2;
    for (sweeps, points) in [
        ("[[sweep]]\nkey = \"seed\"\nfrom = 1\nto = 100000\n".to_owned(), 100_000 * both),
        (format!("[[sweep]]\nkey = \"seed\"\nvalues = [{}]\n", list(&|i| i.to_string(), 100_000)), 100_000 * both),
        (
            format!(
                "[[sweep]]\nkey = \"failure.kept_below\"\nvalues = [{}]\n",
                list(&|i| format!("0.{}", 10_000 + i), 30_000)
            ),
            30_000 * both,
        ),
        (
            format!(
                "[[sweep]]\nname = \"x\"\nkeys = [\"array.rows\", \"seed\", \"read.bias_v\"]\nvalues = [{}]\n",
                list(&|i| format!("[8, {i}, 0.1]"), 30_000)
            ),
            30_000 * both,
        ),
        (
            format!(
                "[[sweep]]\nkey = \"seed\"\nfrom = 1\nto = 50000\nlabels = [{}]\n",
                list(&|i| format!("\"l{i}\""), 50_000)
            ),
            50_000 * both,
        ),
        (
            format!(
                "[[sweep]]\nkey = \"bake.cycle\"\nname = \"way\"\nvalues = [{}]\n",
                list(&|i| format!("[{{ for_s = {i}.5 }}]"), 20_000)
            ),
            20_000 * both,
        ),
        (
            format!(
                "[[sweep]]\nkey = \"seed\"\nfrom = 1\nto = 1000\n[[sweep]]\nkey = \"parameter.capture.onset\"\nvalues = [{}]\n",
                list(&|i| format!("0.{}", 100 + i), 100)
            ),
            100_000 * both,
        ),
    ] {
        let head = &sweeps[..sweeps.len().min(80)];
        let plan = plan(&format!("{plain}{sweeps}")).unwrap_or_else(|error| panic!("{head}: {error}"));
        assert_eq!(plan.points.len(), points, "{head}");
        let shards = plan.shards(1000);
        assert_eq!(shards.iter().map(Vec::len).sum::<usize>(), points, "{head}");
        assert!(started.elapsed().as_secs() < 240, "{head}: {:?}", started.elapsed());
    }
    let seven_twice = format!("[[sweep]]\nkey = \"seed\"\nvalues = [{}, 7]\n", list(&|i| i.to_string(), 50_000));
    let with_a_point = format!("[[sweep]]\nkey = \"seed\"\nvalues = [{}, 7.0]\n", list(&|i| i.to_string(), 50_000));
    let eight = |i: usize| format!("[[sweep]]\nname = \"s{i}\"\nkey = \"k{i}\"\nfrom = 1\nto = 100000\n");
    let too_many = list(&|i| format!("0.1{i:05}"), 10_001);
    for (sweeps, needed) in [
        // The product is too large, and is known before a list is made.
        ((0..8).map(eight).collect(), &["the number of points", "200000", "split the campaign"][..]),
        (eight(0) + "[[sweep]]\nkey = \"seed\"\nvalues = [1, 2]\n", &["is 400000"]),
        ("[[sweep]]\nkey = \"seed\"\nfrom = 1\nto = 100001\n".to_owned(), &["sweep[0].to is 100001", "100000"]),
        (
            format!("[[sweep]]\nkey = \"seed\"\nvalues = [{}]\n", list(&|i| i.to_string(), 100_001)),
            &["sweep[0].values", "100001"],
        ),
        // Long lists were not looked through.
        (seven_twice, &["sweep[0].values[50000]", "second time"]),
        (with_a_point, &["sweep[0].values[50000]", "second time"]),
        // Each is a material to be read.
        (
            format!("[[sweep]]\nkey = \"parameter.capture.onset\"\nvalues = [{too_many}]\n"),
            &["materials that sweeps over parameter. keys make is 20002", "at most 20000"],
        ),
    ] {
        let head = &sweeps[..sweeps.len().min(80)];
        let error = plan(&format!("{plain}{sweeps}")).expect_err(head);
        assert!(!error.contains('\n') && error.len() < 400, "{head}: {error}");
        for part in needed {
            assert!(error.contains(part), "{head}: '{part}' is not in: {error}");
        }
    }
    assert!(started.elapsed().as_secs() < 300, "{:?}", started.elapsed());
}

/// Texts that would go through the stack level by level, by every command that reads TOML.
#[test]
fn no_text_goes_deeper_than_the_stack() {
    let desk = desk();
    let write = |name: &str, text: &str| fs::write(desk.path().join(name), text).unwrap();
    let dotted = vec!["a"; 60_000].join(".");
    let nested = |parts: usize, levels: usize| {
        (0..levels).fold("1".to_owned(), |inner, _| format!("{{ {} = {inner} }}", vec!["a"; parts].join(".")))
    };
    write("key.toml", &SWEEP.replacen("key = \"seed\"", &format!("name = \"s\"\nkey = \"{dotted}\""), 1));
    refused(&trapline(desk.path(), &["plan", "key.toml"]), &["sweep[0].key is of 60000 parts", "at most 16"]);
    let deep_value = format!("key = \"bake.cycle\"\nname = \"s\"\nvalues = [{}, 2]", nested(79, 75));
    write("value.toml", &SWEEP.replacen("key = \"seed\"\nfrom = 7\nto = 9", &deep_value, 1));
    refused(&trapline(desk.path(), &["plan", "value.toml"]), &["line 30", "more than 32 deep"]);
    for (what, text) in [
        ("dots", format!("{dotted} = 1\n")),
        ("heading", format!("[{dotted}]\nb = 1\n")),
        ("list", format!("[[{dotted}]]\nb = 1\n")),
        ("brackets", format!("b = {}{}\n", "[".repeat(60_000), "]".repeat(60_000))),
        ("tables", format!("b = {}\n", nested(79, 79))),
    ] {
        write("deep.toml", &text);
        for call in [
            "plan deep.toml",
            "run deep.toml",
            "slurm deep.toml --tasks 2 --time 1h",
            "rare deep.toml",
            "iv --waveform deep.toml",
            "iv --material ./deep.toml",
            "fit deep.toml --material pi-ws2-qd",
        ] {
            let output = trapline(desk.path(), &call.split(' ').collect::<Vec<_>>());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code().is_some_and(|code| code > 0), "{what}, {call}: {:?} {said}", output.status);
            assert!(said.trim_end().lines().count() == 1 && said.len() < 500, "{what}, {call}: {said}");
            assert!(said.contains("line 1: ") && said.contains("more than 32 deep"), "{what}, {call}: {said}");
        }
    }
}

/// A bake whose temperature changes: constant legs are the constant bake, and time at room temperature loses nothing.
#[test]
fn a_cycle_bakes_only_while_it_is_hot() {
    let plain =
        SWEEP[..SWEEP.find("[[sweep]]").unwrap()].replace("times_s = [10.0, 1e3, 1e5]", "times_s = [1e3, 2e3, 4e3]");
    let cycled = plain
        .replace("[histogram]", "cycle = [{ for_s = 500.0 }, { temperature_c = -200.0, for_s = 500.0 }]\n[histogram]");
    let steady = plain.replace("[histogram]", "cycle = [{ for_s = 500.0 }]\ncycles = 7\n[histogram]");
    let [plain, cycled, steady] = [plain, cycled, steady].map(|text| plan(&text).unwrap());
    for number in 0..4 {
        let lost = |plan: &Plan| plan.job(number).unwrap().nominal().iter().map(|seen| seen.lost).collect::<Vec<_>>();
        let (constant, half, steady) = (lost(&plain), lost(&cycled), lost(&steady));
        assert_eq!(constant, steady);
        // At 2000 s the cycle was hot for 1000 s: the same sums of the same rates, a few roundings apart.
        for (hot, cycled) in [(1, 2), (2, 3)] {
            assert!((half[cycled] / constant[hot] - 1.0).abs() < 1e-12, "{number}: {half:?} {constant:?}");
            assert!(half[hot] < constant[hot], "control");
        }
    }
    let swept = SWEEP.replace(
        "key = \"parameter.matrix.fragility\"\nvalues = [100.0, 114.7]",
        "name = \"way\"\nkey = \"bake.cycle\"\nvalues = [[{ for_s = 1.0 }], [{ for_s = 1.0 }, { temperature_c = 20.0, for_s = 1.0 }]]",
    );
    assert_eq!(plan(&swept).unwrap().points.len(), 48);
    for (cycle, needed) in [
        ("cycle = []", "bake.cycle"),
        ("cycles = 3", "bake.cycles"),
        ("cycle = [{ for_s = -1.0 }]", "bake.cycle[0].for_s"),
        ("cycle = [{ for_s = 1.0 }]\ncycles = 0", "bake.cycles"),
        ("cycle = [{ for_s = 1.0, temperature_c = 2000.0 }]", "bake.cycle[0].temperature_c"),
    ] {
        let error = plan(&SWEEP.replacen("[histogram]", &format!("{cycle}\n[histogram]"), 1)).expect_err(cycle);
        assert!(error.contains(needed) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_wrong_sweep_is_told_where_and_how() {
    for (old, new, needed) in [
        ("key = \"seed\"", "key = \"sede\"", &["with sede = 7", "unknown key sede", "did you mean seed"][..]),
        ("key = \"seed\"", "key = \"bake.temperatures_c\"", &["sweep[0].key", "axis already"]),
        ("key = \"seed\"", "key = \"histogram.bins\"", &["sweep[0].key", "[histogram]"]),
        ("key = \"seed\"", "key = \"seed\"\nkeys = [\"seed\"]", &["sweep[0]", "key and keys"]),
        ("key = \"seed\"", "name = \"time\"\nkey = \"seed\"", &["sweep[0].name", "\"time\""]),
        ("key = \"seed\"", "name = \"size\"\nkey = \"seed\"", &["sweep[1].name", "second time"]),
        ("key = \"seed\"", "key = \"array.rows\"", &["sweep[1].key", "second time"]),
        ("to = 9", "to = 6", &["sweep[0].to", "6"]),
        ("to = 9", "to = 9223372036854775807", &["sweep[0].to"]),
        ("from = 7", "from = -7", &["with seed = -7", "key seed is -7"]),
        ("[32, 64]", "[32]", &["sweep[1].values[1]", "a list of 2 values"]),
        ("[32, 64]", "[8, 16]", &["sweep[1].values[1]", "second time"]),
        ("[32, 64]", "[0, 64]", &["with seed = 7, size = large", "array.rows is 0"]),
        ("[32, 64]", "[\"many\", 64]", &["array.rows", "\"many\"", "whole number"]),
        ("[\"small\", \"large\"]", "[\"small\"]", &["sweep[1].labels", "2, one for each"]),
        ("matrix.fragility", "matrix.fragile", &["fragile", "[matrix] has"]),
        ("[100.0, 114.7]", "[100.0, -1.0]", &["fragility", "-1"]),
        ("[100.0, 114.7]", "[\"high\"]", &["sweep[2].values[0]", "a number"]),
        ("[100.0, 114.7]", "[]", &["sweep[2].values", "an empty list"]),
        ("key = \"parameter.matrix.fragility\"", "key = \"parameter.\"", &["sweep[2].key"]),
    ] {
        assert!(SWEEP.contains(old), "{old}");
        let error = plan(&SWEEP.replacen(old, new, 1)).expect_err(new);
        assert!(!error.contains('\n'), "{error}");
        for part in needed {
            assert!(error.contains(part), "'{part}' is not in: {error}");
        }
    }
    let folder = desk();
    let called =
        |arguments: &[&str]| trapline(folder.path(), &[&["run", "sweep.toml", "--backend", "cpu"], arguments].concat());
    refused(&called(&["--seed", "3"]), &["--seed", "sweeps seed"]);
    refused(&called(&["--shard", "4/3"]), &["--shard", "3/16"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
}

/// A campaign that is under way is one file for h5py, and goes on from where it was, or is taken as it is.
#[test]
fn a_campaign_in_progress_is_merged_as_far_as_it_is() {
    let desk = desk();
    let here = |name: &str| -> PathBuf { desk.path().join(name) };
    good(&trapline(desk.path(), &["run", "sweep.toml", "-o", "whole.h5", "--backend", "cpu"]));
    let whole = record::open_campaign(&here("whole.h5")).unwrap();
    // As a run leaves it that was killed after three points.
    let parts = here("begun.h5.parts");
    for number in [0, 1, 30] {
        let outcome = record::whole(&whole, number).unwrap().unwrap();
        let point = &whole.points[number];
        record::write_point(&parts, &whole.label, &point.label, &point.provenance, &outcome).unwrap();
    }
    let all: Vec<usize> = (0..48).collect();
    record::write_unfinished(&here("begun.h5"), &parts, &whole.label, &whole.provenance, &all).unwrap();
    let shown = good(&trapline(desk.path(), &["show", "begun.h5"]));
    assert!(shown.contains("3 of 48 finished") && shown.contains("small, large"), "{shown}");
    refused(&trapline(desk.path(), &["merge", "begun.h5", "-o", "some.h5"]), &["45 of 48 points", "point 2"]);
    good(&trapline(desk.path(), &["merge", "begun.h5", "-o", "some.h5", "--partial"]));
    let some = record::open_campaign(&here("some.h5")).unwrap();
    assert_eq!(some.computed(), 3);
    let [a, b] = [&some, &whole].map(|record| record::whole(record, 30).unwrap().unwrap());
    assert!(a.is_same(&b));
}
