//! Campaigns whose electrons are counted: the key, the option, the record, and what refuses them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use trapline::cell::counted::{DotNumber, Electrons};
use trapline::record;

const FEW: &str = r#"
format = 1
name = "few"
seed = 5
variation = true
electrons = "counted"
array = { rows = 64, cols = 64 }
program = { temperature_c = 25.0 }
bake = { temperatures_c = [125.0, 150.0], times_s = [1e3, 3e7] }
failure = { kept_below = 0.97 }

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 1, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[[material]]
use = "pi"
program = [{ pulses = 1, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]
"#;

fn trapline(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trapline")).args(arguments).current_dir(folder).output().expect("starts")
}

fn good(folder: &Path, arguments: &[&str]) -> String {
    let output = trapline(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// The one line of a refusal.
fn refused(folder: &Path, text: &str) -> String {
    fs::write(folder.join("bad.toml"), text).expect("written");
    let output = trapline(folder, &["run", "bad.toml", "--backend", "cpu", "--no-plot"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_counted_campaign_runs_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::write(at.join("few.toml"), FEW).expect("written");
    let run = |options: &[&str], out: &str| {
        let all = ["run", "few.toml", "--backend", "cpu", "--no-plot", "--quiet", "-o", out];
        good(at, &[&all, options].concat());
        record::open_campaign(&at.join(out)).expect("reads")
    };
    let failed = |of: &trapline::outcome::CampaignRecord| {
        let outcome = of.points[0].outcome.as_ref().expect("computed");
        outcome.failed[outcome.failed.len() - 1] as f64 / outcome.programmed as f64
    };
    let counted = run(&[], "counted.h5");
    assert_eq!(counted.label.settings[0].electrons, Electrons::Counted(DotNumber::Poisson));
    assert!((counted.label.settings[0].dots / 6.0e4 - 1.0).abs() < 0.01);
    // Without traps there is nothing to count.
    assert_eq!(counted.label.settings[2].dots, 0.0);
    // 9e-3 of 4,096 cells; docs/electrons.md.
    assert!((5e-3..1.5e-2).contains(&failed(&counted)), "{}", failed(&counted));
    let mean_field = run(&["--electrons", "mean-field"], "mean-field.h5");
    assert_eq!(mean_field.label.settings[0].electrons, Electrons::MeanField);
    assert_eq!(mean_field.label.overrides, ["electrons = \"mean-field\""]);
    assert_eq!(failed(&mean_field), 0.0);
    assert!(good(at, &["show", "counted.h5"]).contains("counted, 59"));
    assert!(!good(at, &["show", "mean-field.h5"]).contains("counted, 59"));
    // The same campaign again is the same.
    let again = run(&[], "again.h5");
    assert!(counted.points[0].outcome.as_ref().unwrap().is_same(again.points[0].outcome.as_ref().unwrap()));
    let rare = trapline(at, &["rare", "few.toml"]);
    let said = format!("{}{}", String::from_utf8_lossy(&rare.stdout), String::from_utf8_lossy(&rare.stderr));
    // Of this material and threshold 7.7e-3 fail at 3e7 s (docs/rare.md), by chance; the estimate says of which electrons.
    let line = said.lines().find(|line| line.contains("3.000e7")).expect("the time");
    assert!(line.contains("counted") && (line.contains(" 7.6") || line.contains(" 7.7")), "{said}");
    let plan = good(at, &["plan", "few.toml", "--backend", "cpu", "--electrons", "mean-field"]);
    assert!(plan.contains("4 points"), "{plan}");
}

#[test]
fn what_cannot_be_counted_is_refused_in_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let said = refused(at, &FEW.replace("\"counted\"", "\"whole\""));
    assert!(said.contains("whole") && said.contains("counted") && said.contains("mean-field"), "{said}");
    let said = refused(at, &FEW.replace("electrons = \"counted\"", "electrons = \"counted\"\ndots = \"some\""));
    assert!(said.contains("some") && said.contains("poisson"), "{said}");
    let said = refused(at, &FEW.replace("electrons = \"counted\"", "electrons = \"mean-field\"\ndots = \"fixed\""));
    assert!(said.contains("dots") && said.contains("fixed") && said.contains("electrons"), "{said}");
    let of_area = |area: &str| {
        let text = good(at, &["materials", "pi-ws2-qd"]);
        let line = text.lines().find(|line| line.starts_with("area = { value = 0.798")).expect("there");
        fs::write(at.join("own.toml"), text.replace(line, &line.replace("0.798", area))).expect("written");
        refused(at, &FEW.replace("use = \"pi-ws2-qd\"", "use = \"own.toml\""))
    };
    let said = of_area("1e-5");
    assert!(said.contains("0.75") && said.contains("film.area") && said.contains("mean-field"), "{said}");
    let said = of_area("1e4");
    assert!(said.contains("2097152") && said.contains("mean-field"), "{said}");
}

#[test]
fn dots_one_by_one_are_the_references() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let text = FEW.replace("rows = 64, cols = 64", "rows = 4, cols = 4").replace("\"counted\"", "\"each-dot\"");
    fs::write(at.join("dots.toml"), &text).expect("written");
    good(at, &["run", "dots.toml", "--backend", "reference", "--no-plot", "--quiet", "-o", "dots.h5"]);
    let found = record::open_campaign(&at.join("dots.h5")).expect("reads");
    assert_eq!(found.label.settings[0].electrons, Electrons::EachDot(DotNumber::Poisson));
    // One pulse fills 3.1 % of the dots; of 16 cells the mean is known to 0.8 %.
    let filling = found.points[0].outcome.as_ref().expect("computed").filling.mean[0];
    assert!((filling / 0.0315 - 1.0).abs() < 0.04, "{filling}");
    assert!(good(at, &["show", "dots.h5"]).contains("each dot by itself"));
    // By the option too, and everywhere that a campaign is prepared.
    fs::write(at.join("few.toml"), text.replace("each-dot", "counted")).expect("written");
    for command in [&["run", "--no-plot"][..], &["slurm", "--tasks", "1", "--time", "1:00"]] {
        for file in [&["dots.toml"][..], &["few.toml", "--electrons", "each-dot"]] {
            let output = trapline(at, &[command, file, &["--backend", "cpu", "--force", "-o", "no.h5"]].concat());
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{command:?} {file:?}: {said}");
            assert!(said.contains("--backend reference") && said.contains(file[0]), "{said}");
        }
    }
}
