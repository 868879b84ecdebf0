//! `trapline bench`: what it measures, writes and refuses. Times are whatever they are; what is said of them must
//! agree.

use std::collections::BTreeSet;
use std::fs;

use crate::calls::{good, refused, trapline};

const FILES: [&str; 10] = [
    "bench.csv",
    "bench.json",
    "index.html",
    "p3.csv",
    "roofline.figure.csv",
    "roofline.png",
    "roofline.svg",
    "scaling.figure.csv",
    "scaling.png",
    "scaling.svg",
];

#[test]
fn a_benchmark_fills_a_folder() {
    let desk = tempfile::tempdir().unwrap();
    let bench = |more: &[&str]| {
        let call = ["bench", "--quick", "--backend", "cpu", "--sizes", "8..20", "--seconds", "0.01", "-o", "out"];
        trapline(desk.path(), &[&call[..], more].concat())
    };
    let run = bench(&[]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    let text = good(&run);
    assert!(said.contains("arrays of 8, 16, 20 lines") && said.contains("measuring cpu, 1 thread"), "{said}");
    for part in ["whole point, counted", "network", "share of it", "no performance portability"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let out = desk.path().join("out");
    let names: BTreeSet<String> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, FILES.map(str::to_owned).into());

    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(out.join("bench.json")).unwrap()).unwrap();
    let measurements = json["measurements"].as_array().unwrap();
    let devices = json["devices"].as_array().unwrap();
    let sizes = measurements.iter().map(|of| of["lines"].as_u64().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!(sizes, [8, 16, 20].into());
    let csv = fs::read_to_string(out.join("bench.csv")).unwrap();
    let p3 = fs::read_to_string(out.join("p3.csv")).unwrap();
    assert_eq!((csv.lines().count(), p3.lines().count()), (1 + measurements.len(), 1 + measurements.len()));
    assert!(p3.starts_with("application,platform,problem,fom\ntrapline,"), "{p3}");
    for of in measurements {
        let time = |key: &str| of["time_s"][key].as_f64().unwrap();
        assert!(0.0 < time("low") && time("low") <= time("median") && time("median") <= time("high"), "{of}");
        let derived = &of["derived"];
        assert!(derived["with_set_up_s"].as_f64().unwrap() >= time("median"), "{of}");
        // A share above 1 would refute what is counted, with room for a machine that was busy while its limits were
        // measured; but for the network, which lies in a cache.
        if of["problem"] != "network"
            && let Some(share) = derived["share"].as_f64()
        {
            assert!((0.0..1.5).contains(&share), "{of}");
        }
    }
    for device in devices {
        let ceiling = |key: &str| device["ceiling"][key].as_f64().unwrap();
        assert!(ceiling("f32_per_s") > 1e6 && ceiling("copy_bytes_per_s") > 1e6, "{device}");
    }
    let page = fs::read_to_string(out.join("index.html")).unwrap();
    for part in ["Time to solution over the size", "Kernels under the limits", "<svg", "load average before", "p3.csv"]
    {
        assert!(page.contains(part), "{part}");
    }

    // What is there is not replaced unasked; asked, it is.
    let before = fs::read(out.join("bench.json")).unwrap();
    refused(&bench(&[]), &["out/bench.json", "exists", "--force"]);
    assert_eq!(fs::read(out.join("bench.json")).unwrap(), before);
    good(&bench(&["--force", "--quiet"]));
    assert_ne!(fs::read(out.join("bench.json")).unwrap(), before);
}

#[test]
fn wrong_calls_are_refused_in_a_line() {
    let desk = tempfile::tempdir().unwrap();
    let bench = |more: &[&str]| trapline(desk.path(), &[&["bench"], more].concat());
    for (sizes, limit) in
        [("0..3", "from 1 to"), ("a..b", "from 1 to"), ("512..64", "more than 64"), ("-1", "from 1 to")]
    {
        refused(&bench(&["--sizes", sizes]), &["--sizes", sizes, limit, "64..16384"]);
    }
    let beyond = (trapline::array::MAX_LINES + 1).to_string();
    refused(&bench(&["--sizes", &format!("64..{beyond}")]), &[&beyond, &trapline::array::MAX_LINES.to_string()]);
    refused(&bench(&["--sizes", "8..16", "--lines", "8"]), &["--sizes", "--lines", "cannot be used"]);
    refused(&bench(&["--seconds", "0"]), &["--seconds", "0.001 to 3600"]);
    refused(&bench(&["--force"]), &["--output"]);
    refused(&bench(&["--backend", "cpu", "--instruction-set", "abacus"]), &["abacus", "not available"]);
    fs::write(desk.path().join("file"), "").unwrap();
    refused(&bench(&["-o", "file"]), &["file", "is no folder"]);
}
