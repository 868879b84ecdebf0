//! `trapline scale`: studies over sizes.

use std::fs;
use std::path::Path;

use crate::calls::{good, refused, trapline};
use trapline::campaign::{Overrides, Plan};

const ARRAYS: &str = r#"
format = 1
name = "few"
seed = 1
variation = false
electrons = "mean-field"

[study]
kind = "array-size"
limits = [{ of = "margin_worst", at_least = 0.02 }, { of = "read_noise", at_most = 1e-9 }, { of = "error_bound", at_most = 1.0 }]

[array]
rows = 4
cols = 4

[array.wires]
segment_ohm = 1e-3

[array.scheme]
unselected = "half"
patterns = 0

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[bake]
temperatures_c = [25.0]
times_s = [1.0]

[report]
times_s = [1.0]

[[sweep]]
name = "size"
keys = ["array.rows", "array.cols"]
values = [[4, 4], [8, 8], [16, 16], [32, 32]]
"#;

/// Cells that are alike under V/2: `margin = ideal/(1 + (N - 1)/K)`, which meets 0.02 at a size that follows from the
/// first size alone. Sizes are twice apart: a straight line of logarithms is off by ln(2)^2/8/4 = 0.015 in the margin.
#[test]
fn the_largest_array_is_where_the_closed_form_says() {
    let desk = tempfile::tempdir().unwrap();
    let here = |name: &str| desk.path().join(name);
    fs::write(here("few.toml"), ARRAYS).unwrap();
    let scale = |more: &[&str]| {
        trapline(desk.path(), &[&["scale", "few.toml", "-o", "few", "--backend", "cpu"], more].concat())
    };
    let found: serde_json::Value = serde_json::from_str(&good(&scale(&["--json", "-q"]))).unwrap();
    let figures = fs::read_to_string(here("few/figures.csv")).unwrap();
    let heading: Vec<&str> = figures.lines().next().unwrap().split(',').collect();
    let first: Vec<&str> = figures.lines().nth(1).unwrap().split(',').collect();
    let of = |name: &str| -> f64 { first[heading.iter().position(|h| *h == name).unwrap()].parse().unwrap() };
    let expected = 1.0 + of("selectivity") * (of("margin_ideal") / 0.02 - 1.0);
    let size = found["answers"][0]["reach"]["to"]["size"].as_f64().unwrap();
    assert!((size / expected - 1.0).abs() < 0.02, "{size} {expected}");
    // A limit that no size keeps to, and one that all do.
    assert_eq!(found["answers"][1]["reach"]["none"]["size"].as_f64(), Some(4.0));
    assert_eq!(found["answers"][2]["reach"]["all"]["size"].as_f64(), Some(32.0));
    let page = fs::read_to_string(here("few/index.html")).unwrap();
    for part in ["not even 4 x 4", "at least 32 x 32", "circuit_NAME", "<svg", "Provenance"] {
        assert!(page.contains(part), "{part}");
    }
    for name in ["few.h5", "sizes.svg", "sizes.png", "answers.csv", "answers.json"] {
        assert!(here("few").join(name).is_file(), "{name}");
    }
    // Sizes at one temperature have no map.
    assert!(!here("few/reach.svg").exists());

    refused(&scale(&[]), &["exists", "--force"]);
    let text = good(&scale(&["--resume"]));
    assert!(text.contains("margin_worst at least 0.02") && text.contains("4 x 4 does not keep to it"), "{text}");
    // The page of a record that is there.
    let page = ["scale", "few/few.h5", "-o", "page", "-q"];
    assert_eq!(good(&trapline(desk.path(), &page)), text);
    assert!(here("page/index.html").is_file() && !here("page/few.h5").exists());
}

#[test]
fn studies_that_come_with_the_program_are_campaigns() {
    let desk = tempfile::tempdir().unwrap();
    let listed = good(&trapline(desk.path(), &["scale", "--list"]));
    for name in ["array-size", "array-matters", "array-temperature", "cell-size"] {
        assert!(listed.contains(&format!("studies/{name}.toml")), "{listed}");
        let text = good(&trapline(desk.path(), &["scale", "--print", name]));
        let plan = Plan::parse(&text, name, Path::new(""), &Overrides::default()).map_err(|error| error.to_string());
        assert_eq!(plan.map(|plan| plan.label.name), Ok(name.to_owned()));
    }
    refused(&trapline(desk.path(), &["scale", "--print", "moon"]), &["--print moon", "array-size"]);
}

#[test]
fn questions_that_cannot_be_are_refused_in_one_line() {
    let desk = tempfile::tempdir().unwrap();
    for (from, to, parts) in [
        ("\"array-size\"", "\"moon-size\"", ["moon-size", "array-size"]),
        ("margin_worst", "levels", ["study.limits[0].of", "margin_worst"]),
        ("at_least = 0.02", "at_least = 0.02, at_most = 1.0", ["study.limits[0]", "one of the two"]),
        (", at_least = 0.02", "", ["study.limits[0]", "one of the two"]),
        ("margin_worst", "disturb_gain", ["study.limits[0].of", "[array.write]"]),
        ("at_least = 0.02", "at_least = nan", ["study.limits[0]", "finite"]),
        ("kind = \"array-size\"", "kind = \"array-size\"\nsize = \"lines\"", ["study.size", "array.rows"]),
        ("kind = \"array-size\"", "kind = \"array-size\"\nmargin = 0.1", ["margin", "limits"]),
        ("\"array-size\"", "\"cell-size\"", ["study.size", "parameter.film.area"]),
        (
            "[study]\nkind = \"array-size\"\nlimits = [{ of = \"margin_worst\", at_least = 0.02 }, { of = \"read_noise\", at_most = 1e-9 }, { of = \"error_bound\", at_most = 1.0 }]",
            "",
            ["few.toml", "[study]"],
        ),
        (
            "[array.wires]\nsegment_ohm = 1e-3\n\n[array.scheme]\nunselected = \"half\"\npatterns = 0\n",
            "",
            ["study.kind", "[array.wires]"],
        ),
    ] {
        assert!(ARRAYS.contains(from), "{from}");
        fs::write(desk.path().join("few.toml"), ARRAYS.replacen(from, to, 1)).unwrap();
        refused(&trapline(desk.path(), &["scale", "few.toml", "-o", "few", "--backend", "cpu"]), &parts);
        assert!(!desk.path().join("few").exists(), "{to}");
    }
    fs::write(desk.path().join("few.toml"), ARRAYS).unwrap();
    fs::write(desk.path().join("file"), "").unwrap();
    refused(&trapline(desk.path(), &["scale", "few.toml", "-o", "file"]), &["file", "no folder"]);
    refused(&trapline(desk.path(), &["scale", "few.toml"]), &["--output"]);
}

const CELLS: &str = r#"
format = 1
name = "cells"
seed = 1
variation = true

[study]
kind = "cell-size"
size = "area"
limits = [
    { of = "levels", at_least = 2.0 },
    { of = "failed_below", at_most = 1e-2 },
    { of = "without_charge_below", at_most = 1e-4 },
]

[array]
rows = 20
cols = 20

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[read]
temperature_c = 25.0

[bake]
temperatures_c = [165.0]
times_s = [1.0, 1e6]

[report]
times_s = [1e6]

[[sweep]]
name = "area"
key = "parameter.film.area"
values = [4e-2, 1.0]
"#;

/// Levels are those of the window that is left; and a share that 400 cells cannot show, however many of them fail, is
/// not told as one that a size does not keep to.
#[test]
fn cells_are_judged_at_their_time_and_by_what_their_number_shows() {
    let desk = tempfile::tempdir().unwrap();
    fs::write(desk.path().join("cells.toml"), CELLS).unwrap();
    let call = ["scale", "cells.toml", "-o", "cells", "--backend", "cpu", "--json", "-q"];
    let found: serde_json::Value = serde_json::from_str(&good(&trapline(desk.path(), &call))).unwrap();
    let reach = |series: u64, limit: u64| {
        let answers = found["answers"].as_array().unwrap();
        let of = answers.iter().find(|of| of["series"] == series && of["limit"] == limit).unwrap();
        of["reach"].clone()
    };
    let times: Vec<f64> = found["series"].as_array().unwrap().iter().map(|of| of["time_s"].as_f64().unwrap()).collect();
    assert_eq!(times, [0.0, 1e6]);
    // Two levels right after programming, none where all is lost.
    assert!(reach(0, 0)["all"]["size"].as_f64().unwrap() < 201.0, "{found}");
    assert!(reach(1, 0)["none"].is_object(), "{found}");
    // 0 of 400 is below 0.75 % with 95 % confidence: enough for 1 %, and not for a ten thousandth.
    assert!(reach(0, 1)["all"].is_object() && reach(1, 1)["none"].is_object(), "{found}");
    assert_eq!(reach(0, 2), "unknown");
    let remarks = found["remarks"].to_string();
    assert!(remarks.contains("so few cells cannot show without_charge_below at most 0.0001"), "{remarks}");
    assert!(remarks.contains("7.5e-3 at most; take more (--rows, --cols)"), "{remarks}");
}
