//! `trapline diff`, and backends that must agree by it.

use crate::campaign::{campaign, desk, whole};
use crate::desk::Desk;
use std::fs;
use std::path::Path;
use trapline::record;

/// The file with the first of the numbers that the change is made of changed.
fn changed<T: hdf5::H5Type>(path: &Path, dataset: &str, change: impl FnOnce(&mut [T])) {
    let file = hdf5::File::open_rw(path).unwrap();
    let dataset = file.dataset(dataset).unwrap();
    let mut values: ndarray::ArrayD<T> = dataset.read().unwrap();
    change(values.as_slice_mut().unwrap());
    dataset.write(values.view()).unwrap();
}

/// The file with one number changed by 1e-6 of it.
fn with_another_value(path: &Path, dataset: &str) {
    changed::<f64>(path, dataset, |values| *values.last_mut().unwrap() *= 1.0 + 1e-6);
}

#[test]
fn a_diff_finds_one_number() {
    let desk = desk(&campaign(16, 3));
    whole(&desk, "a.h5");
    fs::copy(desk.path("a.h5"), desk.path("b.h5")).unwrap();
    assert!(desk.good(&["diff", "a.h5", "b.h5"]).contains("the same results: 9 in common"));
    with_another_value(&desk.path("b.h5"), "kept_mean");
    let (code, out, _) = desk.words(&["diff", "a.h5", "b.h5"]);
    assert_eq!(code, Some(1), "{out}");
    let line = out.lines().find(|line| line.starts_with("kept_mean")).unwrap_or_else(|| panic!("{out}"));
    assert!(line.contains("seed 3") && line.contains("1000000 s") && line.contains("1.0e-6"), "{line}");
    // One line for the dataset, one for its heading, one for the verdict.
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(out.lines().last().is_some_and(|line| line.contains("furthest apart is kept_mean")), "{out}");
    let (_, json, _) = desk.words(&["diff", "a.h5", "b.h5", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["differences"][0]["differ"], 1);
    assert!(json["differences"][0]["times_allowed"].is_null());
    // Next to nothing is kept there: 1e-6 of it is nothing of the window, whose rounding a tolerance is of.
    assert_eq!(desk.words(&["diff", "a.h5", "b.h5", "--tolerance", "1e-9"]).0, Some(0));
    // A number that is its own scale: within the tolerance, and just not. Twice the tolerance is allowed, once for
    // rounding.
    fs::copy(desk.path("a.h5"), desk.path("d.h5")).unwrap();
    with_another_value(&desk.path("d.h5"), "fresh_conductance");
    assert_eq!(desk.words(&["diff", "a.h5", "d.h5", "--tolerance", "0.6e-6"]).0, Some(0));
    let (code, out, _) = desk.words(&["diff", "a.h5", "d.h5", "--tolerance", "0.4e-6"]);
    assert!(code == Some(1) && out.contains("of allowed") && out.contains("1.2e0"), "{out}");
    // Another seed's campaign: other points, and said so.
    desk.good(&["run", "small.toml", "--rows", "8", "-o", "c.h5", "--backend", "cpu", "--no-plot", "--quiet"]);
    let (code, out, _) = desk.words(&["diff", "a.h5", "c.h5"]);
    assert!(code == Some(1) && out.contains("not the same"), "{out}");
    // A dump that one of them lacks is told; so is that they have nothing in common.
    let text = fs::read_to_string(desk.path("small.toml")).unwrap();
    fs::write(desk.path("dump.toml"), format!("{text}[dump]\nfirst_row = 0\nfirst_col = 0\nrows = 2\ncols = 2\n"))
        .unwrap();
    fs::write(desk.path("later.toml"), text.replace("from = 1\nto = 3", "from = 7\nto = 8")).unwrap();
    for (file, said) in [("dump", "9 points have a dump in one file only"), ("later", "nothing in common")] {
        let (toml, h5) = (format!("{file}.toml"), format!("{file}.h5"));
        desk.good(&["run", &toml, "-o", &h5, "--backend", "cpu", "--no-plot", "--quiet"]);
        let (code, out, _) = desk.words(&["diff", "a.h5", &h5]);
        assert!(code == Some(1) && out.contains(said), "{out}");
        desk.good(&["diff", &h5, &h5]);
    }
    // What cannot be compared is refused.
    let (code, _, error) = desk.words(&["diff", "a.h5", "small.toml"]);
    assert!(code == Some(1) && error.lines().count() == 1, "{error}");
}

/// The campaign that the help names for it, on a smaller array: within 1e-5 of the scale of each dataset, and each
/// kind of dataset notices a change that two backends do not make.
fn backends_agree(other: &str) {
    let desk = Desk::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/bake.toml");
    let shipped = shipped.to_str().unwrap();
    for backend in ["cpu", other] {
        let fixed = ["run", shipped, "--rows", "24", "--cols", "24", "--no-plot", "--quiet", "--backend", backend];
        // Of counted electrons a few go other ways where a probability has another last bit.
        let mean_field = ["--electrons", "mean-field", "-o", &format!("{backend}.h5")];
        desk.good(&[&fixed[..], &mean_field].concat());
    }
    let theirs = format!("{other}.h5");
    let out = desk.good(&["diff", "cpu.h5", &theirs, "--tolerance", "1e-5"]);
    assert!(out.contains("the same results within 1e-5: 16 in common"), "{out}");
    // Relative to the numbers themselves they are not the same: what is left of a window is rounding.
    assert_eq!(desk.words(&["diff", "cpu.h5", &theirs, "--quiet"]).0, Some(1), "control: they differ at all");

    let record = record::open_campaign(&desk.path("cpu.h5")).unwrap();
    let outcome = record.points[0].outcome.as_ref().unwrap();
    let window_s = outcome.conductance_s.mean[0] - outcome.fresh_conductance_s;
    assert!(window_s > 0.0);
    type Change<'a> = &'a dyn Fn(&Path);
    let real = |name: &'static str, by: f64| {
        move |path: &Path| changed::<f64>(path, name, |values| values[3] = (values[3].sqrt() + by).powi(2))
    };
    let plus = |name: &'static str, by: f64| move |path: &Path| changed::<f64>(path, name, |values| values[3] += by);
    let count = |name: &'static str| move |path: &Path| changed::<u64>(path, name, |values| values[3] += 60);
    let controls: [(&str, Change<'_>); 10] = [
        ("conductance_mean", &plus("conductance_mean", 1e-4 * window_s)),
        ("conductance_min", &plus("conductance_min", -1e-4 * window_s)),
        ("conductance_variance", &real("conductance_variance", 1e-4 * window_s)),
        ("kept_mean", &plus("kept_mean", 1e-4)),
        ("kept_variance", &real("kept_variance", 1e-4)),
        ("lost_fraction_max", &plus("lost_fraction_max", 1e-4)),
        ("filling_max", &plus("filling_max", f64::NAN)),
        // The dots lose next to nothing in a few seconds at 25 C: no cell is near the threshold.
        ("failed", &count("failed")),
        // A bin of conductance at the far end, where there is no cell or hardly one.
        ("conductance_histogram", &count("conductance_histogram")),
        ("programmed", &|path: &Path| changed::<u64>(path, "programmed", |values| values[0] -= 1)),
    ];
    for (name, change) in controls {
        fs::copy(desk.path(&theirs), desk.path("changed.h5")).unwrap();
        change(&desk.path("changed.h5"));
        let (code, out, error) = desk.words(&["diff", "cpu.h5", "changed.h5", "--tolerance", "1e-5"]);
        assert_eq!(code, Some(1), "{name}: {out}{error}");
        assert!(out.lines().any(|line| line.starts_with(name)) && out.lines().count() == 3, "{name}: {out}");
        assert!(out.contains(&format!("furthest apart is {name}, by ")), "{name}: {out}");
    }
}

#[test]
fn the_reference_agrees_within_the_tolerance_of_two_backends() {
    backends_agree("reference");
}

#[test]
#[cfg_attr(trapline_skip_gpu, ignore = "TRAPLINE_SKIP_GPU_TESTS is set")]
fn the_gpu_agrees_within_the_tolerance_of_two_backends() {
    backends_agree("gpu");
}
