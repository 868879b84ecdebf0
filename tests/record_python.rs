//! The record as Python sees it: written here, read by h5py and xarray.

mod made_up;

use std::process::Command;

use made_up::{SMALL, Size, campaign, outcome};

#[test]
#[ignore = "needs TRAPLINE_PYTHON with h5py, xarray, h5netcdf"]
fn python_reads_what_was_written() {
    let python =
        std::env::var_os("TRAPLINE_PYTHON").expect("TRAPLINE_PYTHON names a Python with h5py, xarray and h5netcdf");
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
            "seed": label.seed,
            "shape": [2, 3],
            "cells": last.cells,
            "flags": made_up::point(&label, 5).flags,
            // Bits, because JSON has no NaN.
            "filling_mean": last.filling.mean.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            "kept_variance": last.kept.variance.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            "histogram": last.kept_histogram.counts.iter().collect::<Vec<_>>(),
            "cell_filling": last.dump.as_ref().map(|d| d.filling.iter().map(|x| x.to_bits()).collect::<Vec<_>>()),
        });
        let wanted = folder.path().join("expected.json");
        std::fs::write(&wanted, expected.to_string()).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/read_record.py");
        for file in [path, trapline::record::point_path(&folder.path().join("made-up.h5.parts"), 5)] {
            let run = Command::new(&python).arg(script).arg(&file).arg(&wanted).output().unwrap();
            let said = String::from_utf8_lossy(&run.stdout);
            let complained = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "{}: {said}{complained}", file.display());
            assert!(said.contains("read by h5py and xarray"), "{said}{complained}");
        }
    }
}
