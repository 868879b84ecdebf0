//! Figures as they are asked for: for a paper, a slide, as a page, with their numbers beside them.

use std::fs;

use crate::desk::Desk;

/// Width of an SVG, mm.
fn width_mm(svg: &str) -> f64 {
    let points: f64 = svg.split_once(" width=\"").unwrap().1.split_once("pt\"").unwrap().0.parse().unwrap();
    points * 25.4 / 72.0
}

#[test]
fn a_figure_is_made_for_what_is_asked() {
    let desk = Desk::new();
    let call = "iv --material pi-ws2-qd --step 0.5 -q --force -o iv.h5";
    for (options, width, has_page) in [
        ("--style paper", Some(85.0), false),
        ("--style slide --interactive", Some(338.7), true),
        ("--figure-width 60 --font-size 6", Some(60.0), false),
        ("--interactive", None, true),
    ] {
        desk.good(&format!("{call} {options}"));
        let svg = fs::read_to_string(desk.path("iv.svg")).unwrap();
        assert!(width.is_none_or(|width| (width_mm(&svg) - width).abs() < 0.6), "{options}: {}", width_mm(&svg));
        assert_eq!(desk.path("iv.figure.html").exists(), has_page, "{options}");
        let _ = fs::remove_file(desk.path("iv.figure.html"));
    }
    desk.good(&format!("{call} --figure-width 3.35in --font-size 8pt --interactive"));
    let svg = fs::read_to_string(desk.path("iv.svg")).unwrap();
    assert!((width_mm(&svg) - 85.1).abs() < 0.6 && desk.path("iv.figure.html").exists());
    // A page of an earlier picture does not stay beside another one.
    desk.good(&format!("{call} --font Arial"));
    assert!(!desk.path("iv.figure.html").exists());
    assert!(fs::read_to_string(desk.path("iv.svg")).unwrap().contains("font-family=\"'Arial', sans-serif\""));
    let table = fs::read_to_string(desk.path("iv.figure.csv")).unwrap();
    assert!(table.starts_with("panel,title,curve,x_label,x,") && table.contains("Bias (V),5,"), "{table}");
}

#[test]
fn looks_that_cannot_be_are_refused_before_anything_is_computed() {
    let desk = Desk::new();
    fs::write(desk.path("few.toml"), FEW).unwrap();
    for (call, needed) in [
        ("iv -o x.h5 --style poster", &["poster", "screen, paper, slide"][..]),
        ("iv -o x.h5 --figure-width 10", &["--figure-width", "10", "40 to 1000 mm"]),
        ("iv -o x.h5 --font-size 100", &["--font-size", "100", "4 to 72 pt"]),
        ("iv -o x.h5 --font a;b", &["--font", "name of a font"]),
        ("iv -o x.h5 --figure-width wide", &["--figure-width", "mm", "85mm"]),
        ("iv --style paper", &["--style", "none is drawn", "-o"]),
        ("iv -o x.h5 --no-plot --interactive", &["--interactive", "none is drawn"]),
        (
            "run few.toml --shard 1/2 -o x.h5 --style paper",
            &["a shard draws no figure", "run few.toml -o MERGED --resume"],
        ),
        ("analyze life.h5 --figure-width 85", &["--figure-width", "none is drawn"]),
    ] {
        let call = if call.starts_with("iv") { format!("{call} --material pi-ws2-qd") } else { call.to_owned() };
        desk.refused(&call, needed);
    }
    // What a figure would replace is refused, too.
    fs::write(desk.path("x.figure.csv"), "mine").unwrap();
    desk.refused("iv --material pi-ws2-qd -o x.h5", &["x.figure.csv exists", "--force"]);
}

#[test]
fn a_figure_that_cannot_be_drawn_costs_nobody_the_result() {
    let desk = Desk::new();
    let (code, _, err) = desk.words("read --rows 4 --wire-ohm 1 -q -o r.h5 --font-size 72");
    assert!(code == Some(1) && err.contains("the result is written: r.h5") && err.lines().count() == 1, "{err}");
    assert!(desk.path("r.h5").is_file() && !desk.path("r.png").exists());
}

#[test]
fn rare_failures_and_qualifications_are_drawn() {
    let desk = Desk::new();
    let campaign = include_str!("../../campaigns/qualification/uncycled-retention.toml");
    fs::write(desk.path("q.toml"), campaign).unwrap();
    desk.good("run q.toml --rows 8 --cols 8 -o q.h5 -q --no-plot --backend cpu");
    desk.words("qualify q.h5 -o verdict.json --interactive");
    for ending in ["json", "svg", "png", "figure.csv", "figure.html"] {
        assert!(desk.path(&format!("verdict.{ending}")).is_file(), "{ending}");
    }
    let svg = fs::read_to_string(desk.path("verdict.svg")).unwrap();
    assert!(
        ["fails below", "read out", "parts failed", "window kept by the worst cell"].iter().all(|w| svg.contains(w))
    );
    // The curve of each lot meets the verdict where that is read out: what the worst cell keeps.
    let verdict: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(desk.path("verdict.json")).unwrap()).unwrap();
    let table = fs::read_to_string(desk.path("verdict.figure.csv")).unwrap();
    let after = verdict["after_s"].as_f64().unwrap();
    let shown: Vec<f64> = table
        .lines()
        .filter_map(|line| {
            line.split_once("time after programming (s),")?.1.split_once(",window kept by the worst cell (1),")
        })
        .filter(|(time, _)| time.parse::<f64>() == Ok(after))
        .filter_map(|(_, kept)| kept.split(',').next()?.parse().ok())
        .collect();
    let lots = || verdict["conditions"].as_array().unwrap().iter().flat_map(|of| of["lots"].as_array().unwrap());
    assert!(lots().count() > 2);
    for kept in lots().map(|lot| lot["least_kept"].as_f64().unwrap()) {
        assert!(shown.iter().any(|of| (of / kept - 1.0).abs() < 5e-16), "{kept} is not in {shown:?}");
    }
    desk.refused("qualify q.h5 -o verdict.json", &["verdict.json exists", "--force"]);
    desk.refused("qualify q.h5 -o q.h5 --force", &["q.h5 is a file this command reads"]);

    fs::write(desk.path("few.toml"), FEW).unwrap();
    desk.words("rare few.toml -o few.json --precision 0.5 -q");
    let table = fs::read_to_string(desk.path("few.figure.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(desk.path("few.json")).unwrap()).unwrap();
    let times = json["points"][0]["estimate"]["times"].as_array().unwrap();
    let found = times.iter().filter(|time| time["failed_cells"].as_u64().unwrap() > 0);
    for time in found {
        let of = |name: &str| time[name].as_f64().unwrap();
        let row = rows.iter().find(|row| row[2] == "150 °C" && row[4].parse::<f64>() == Ok(of("time_s"))).unwrap();
        // JSON is read to within a unit in the last place.
        for (text, wanted) in [(row[6], "fraction"), (row[7], "lower"), (row[8], "upper")] {
            let number: f64 = text.parse().unwrap();
            assert!((number / of(wanted) - 1.0).abs() < 5e-16, "{wanted}: {number} and {}", of(wanted));
        }
    }
    assert!(rows.iter().any(|row| !row[6].is_empty()), "{table}");
    assert!(fs::read_to_string(desk.path("few.svg")).unwrap().contains("failed fraction of the cells"));
}

const FEW: &str = r#"
format = 1
name = "few"
seed = 1
variation = true
array = { rows = 16, cols = 16 }
program = { temperature_c = 25.0 }
bake = { temperatures_c = [150.0], times_s = [1e4, 1e5, 3e5, 1e6] }
histogram = { bins = 8 }

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 1, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]
"#;
