//! Commands beside `run`: what they show, list and measure, and what they refuse.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use trapline::campaign::{Overrides, Plan};
use trapline::record;

use crate::calls::{err, good, out, refused_with};
use crate::small::{self, SMALL};

#[test]
fn what_is_no_record_is_not_shown() {
    let desk = small::desk(SMALL);
    refused_with(&desk.trapline(&["show", "small.toml"]), 1, &["small.toml", "not an HDF5 file"]);
    refused_with(&desk.trapline(&["show", "none.h5"]), 1, &["none.h5", "check that the path exists"]);
    hdf5::File::create(desk.path("foreign.h5")).unwrap().close().unwrap();
    refused_with(&desk.trapline(&["show", "foreign.h5"]), 1, &["foreign.h5", "file type is not given"]);
    good(&small::run(&desk, &["--quiet"]));
    let whole = fs::read(desk.path("small.h5")).unwrap();
    fs::write(desk.path("cut.h5"), &whole[..whole.len() / 2]).unwrap();
    refused_with(&desk.trapline(&["show", "cut.h5"]), 1, &["cut.h5", "no seal"]);
    // Without its seal a file is still read: what is shown is the same, with one warning.
    fs::write(desk.path("small.h5"), &whole[..whole.len() - 20]).unwrap();
    let shown = desk.trapline(&["show", "small.h5"]);
    assert!(good(&shown).contains("campaign      small"));
    assert_eq!(err(&shown).lines().count(), 1, "{}", err(&shown));
    assert!(err(&shown).contains("small.h5: no seal"), "{}", err(&shown));
    refused_with(&desk.trapline(&["show", "."]), 1, &["cannot read ."]);
}

#[test]
fn one_point_of_a_run_can_be_shown() {
    let plan = Plan::parse(SMALL, "small", Path::new(""), &Overrides::default()).unwrap();
    let job = plan.job(4).unwrap();
    let backend = trapline::backend::open(&trapline::backend::Options {
        choice: trapline::backend::Choice::Cpu,
        ..Default::default()
    })
    .unwrap();
    let outcome = backend.statistics(&job, &|_| ()).unwrap().outcome(&job);
    let provenance = trapline::outcome::Provenance {
        program_version: trapline::VERSION.to_owned(),
        commit: trapline::COMMIT.to_owned(),
        identity: backend.identity(),
        started_utc: "2026-01-01T00:00:00Z".to_owned(),
        ended_utc: "2026-01-01T00:00:01Z".to_owned(),
    };
    let desk = small::desk(SMALL);
    let mut label = plan.label.clone();
    label.dump = None;
    let path = record::write_point(desk.folder.path(), &label, &plan.points[4], &provenance, &outcome).unwrap();
    let shown = good(&desk.trapline(&["show", path.to_str().unwrap()]));
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert!(shown.contains("trapline point") && words.windows(2).any(|w| w == ["pi-ws2-ns", "155"]), "{shown}");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let desk = small::desk(SMALL);
    for arguments in [["materials", "pi-ws2-qd"], ["run", "--help"]] {
        let mut child = desk.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Closed before the program writes its first byte, or soon after: both must be borne.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(err(&output), "");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn version_help_and_devices() {
    let desk = small::desk(SMALL);
    let version = good(&desk.trapline(&["--version"]));
    assert_eq!(version, format!("trapline {} ({})\n", trapline::VERSION, trapline::COMMIT));
    let help = good(&desk.trapline(&["--help"]));
    for word in ["run", "show", "devices", "materials", "Exit codes", "2 for wrong usage"] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
    let bare = desk.trapline("");
    assert_eq!((bare.status.code(), out(&bare).as_str()), (Some(2), ""));
    assert!(err(&bare).contains("Usage"), "{}", err(&bare));

    let table = good(&desk.trapline(&["devices"]));
    assert!(table.contains("cpu") && table.contains("reference"), "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("auto ")).count(), 1, "one mark:\n{table}");
    let json: serde_json::Value = serde_json::from_str(&good(&desk.trapline(&["devices", "--json"]))).unwrap();
    assert!(json["threads"].as_u64().unwrap() >= 1);
    assert!(!json["instruction_sets"].as_array().unwrap().is_empty());
    assert!(json["adapters"].is_array());
    let listed = good(&desk.trapline(&["materials"]));
    assert!(listed.contains("pi-ws2-qd") && listed.contains("quantum dots"), "{listed}");
}

#[test]
fn a_selftest_and_a_measurement_can_be_read_by_programs() {
    let desk = small::desk(SMALL);
    let results: serde_json::Value =
        serde_json::from_str(&good(&desk.trapline(&["selftest", "--backend", "cpu", "--json"]))).unwrap();
    let results = results.as_array().unwrap();
    assert!(!results.is_empty());
    for result in results {
        assert_eq!((&result["identity"]["backend"], &result["passed"]), (&"cpu".into(), &true.into()));
        assert!(result["checks"].as_array().unwrap().len() > 5);
    }
    let call = ["bench", "--backend", "reference", "--lines", "4", "--seconds", "0.01", "--json"];
    let found: serde_json::Value = serde_json::from_str(&good(&desk.trapline(&call))).unwrap();
    let first = &found["measurements"][0];
    assert_eq!((&first["cells"], &found["devices"][0]["name"]), (&16.into(), &"reference".into()));
    assert!(first["time_s"]["median"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_comparison_of_nothing_is_refused_with() {
    let desk = small::desk(SMALL);
    refused_with(&desk.trapline(&["selftest", "--backend", "reference"]), 2, &["--backend reference"]);
    for command in ["selftest", "bench"] {
        refused_with(&desk.trapline(&[command, "--backend", "cpu", "--adapter", "nosuch"]), 2, &["--adapter", "gpu"]);
    }
}
