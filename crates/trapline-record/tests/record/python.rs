//! The record as Python sees it: written here, read by h5py and xarray.

use crate::made_up;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use crate::made_up::{SMALL, Size, campaign, outcome};
use trapline_model::dataset::{Dataset, Values, Variable};
use trapline_model::outcome::MeritIs;

/// One at a time: a process that is being started holds a file of the other test for a moment, and with it HDF5's
/// lock on it.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs a script of this folder on a file and what it should hold.
fn compare(script: &str, file: &Path, expected: &serde_json::Value) {
    let python =
        std::env::var_os("TRAPLINE_PYTHON").expect("TRAPLINE_PYTHON names a Python with h5py, xarray and h5netcdf");
    let wanted = file.with_extension("json");
    std::fs::write(&wanted, expected.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script);
    let run = Command::new(&python).arg(script).arg(file).arg(&wanted).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{}: {said}{complained}", file.display());
    assert!(said.contains("read by h5py and xarray"), "{said}{complained}");
}

#[test]
#[ignore = "needs TRAPLINE_PYTHON with h5py, xarray, h5netcdf"]
fn python_reads_what_was_written() {
    let _alone = ALONE.lock();
    for size in [SMALL, Size { dump: None, ..SMALL }] {
        let folder = tempfile::tempdir().unwrap();
        let label = campaign(&size);
        let outcomes: Vec<_> = (0..6).map(|n| outcome(&label, n)).collect();
        let path = made_up::file(folder.path(), &label, &outcomes);
        let last = &outcomes[5];
        let expected = serde_json::json!({
            "file_type": "trapline campaign",
            "materials": label.materials.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "campaign_toml": label.campaign_toml,
            "temperatures": label.temperatures_k,
            "times": label.times_s,
            "bins": label.bins,
            "window": label.dump,
            "seed": made_up::SEED,
            "shape": [2, 3],
            "cells": last.cells,
            "flags": made_up::point(&label, 5).flags,
            // Bits, because JSON has no NaN.
            "filling_mean": last.filling.mean.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            "kept_variance": last.kept.variance.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            "histogram": last.histograms.as_ref().map(|h| h.kept.counts.iter().collect::<Vec<_>>()),
            "margin_worst": last.circuit.as_ref().map(|of| {
                let place = MeritIs::MarginWorst as usize;
                of.values.column(place).iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            }),
            "cell_filling": last.dump.as_ref().map(|d| d.filling.iter().map(|x| x.to_bits()).collect::<Vec<_>>()),
        });
        for file in [path, trapline_record::point_path(&folder.path().join("made-up.h5.parts"), 5)] {
            compare("read_record.py", &file, &expected);
        }
    }
}

#[test]
#[ignore = "needs TRAPLINE_PYTHON with h5py, xarray, h5netcdf"]
fn python_reads_an_experiment() {
    let _alone = ALONE.lock();
    let folder = tempfile::tempdir().unwrap();
    let (label, datasets) = made_up::experiment();
    let path = folder.path().join("iv.h5");
    trapline_record::write_datasets(&path, &label, &made_up::provenance("e"), &datasets).unwrap();
    let variable = |v: &Variable| {
        let values = match &v.values {
            // Bits, because JSON has no NaN.
            Values::Real(array) => serde_json::json!(array.iter().map(|x| x.to_bits()).collect::<Vec<_>>()),
            Values::Count(array) => serde_json::json!(array.iter().collect::<Vec<_>>()),
            Values::Text(list) => serde_json::json!(list),
        };
        let kind = match v.values {
            Values::Real(_) => "f8",
            Values::Count(_) => "u8",
            Values::Text(_) => "text",
        };
        serde_json::json!({
            "name": v.name, "axes": v.axes, "shape": v.values.shape(), "unit": v.unit, "long_name": v.long_name,
            "kind": kind, "values": values,
        })
    };
    let group = |d: &Dataset| {
        let variables: Vec<_> = d.variables.iter().map(variable).collect();
        serde_json::json!({ "name": d.name, "title": d.title, "notes": d.notes, "variables": variables, "coordinates": d.coordinates })
    };
    let expected = serde_json::json!({
        "experiment": label.command,
        "title": label.title,
        "materials": label.materials,
        "seed": made_up::SEED,
        "notes": label.notes,
        "datasets": datasets.iter().map(group).collect::<Vec<_>>(),
    });
    compare("read_experiment.py", &path, &expected);
}

#[test]
#[ignore = "needs TRAPLINE_PYTHON with h5py, xarray, h5netcdf"]
fn python_reads_sweeps_and_a_campaign_in_progress() {
    let _alone = ALONE.lock();
    let folder = tempfile::tempdir().unwrap();
    let label = made_up::swept(&SMALL);
    let outcomes: Vec<_> = (0..36).map(|n| outcome(&label, n)).collect();
    let whole = made_up::file(folder.path(), &label, &outcomes);
    let parts = folder.path().join("made-up.h5.parts");
    std::fs::remove_file(trapline_record::point_path(&parts, 1)).unwrap();
    let begun = folder.path().join("begun.h5");
    let all: Vec<usize> = (0..36).collect();
    trapline_record::write_unfinished(&begun, &parts, &label, &made_up::provenance("b"), &all).unwrap();
    let filling: Vec<u64> = outcomes[35].filling.mean.iter().map(|x| x.to_bits()).collect();
    // The same through virtual datasets.
    let linked = folder.path().join("linked.h5");
    let piece = trapline_record::open_campaign(&whole).unwrap();
    let sources: Vec<_> = all.iter().map(|&n| (n, trapline_record::Source::Record(&piece))).collect();
    let who = made_up::provenance("v");
    trapline_record::merge(&label, &who, &linked, &sources, trapline_record::Held::Virtual).unwrap();
    for (path, in_progress) in [(whole, false), (linked, false), (begun, true)] {
        let expected = serde_json::json!({ "in_progress": in_progress, "filling_mean": filling });
        compare("read_swept.py", &path, &expected);
    }
}
