//! Curves as people and instruments write them (`tests/curves`): each is read as stated, or refused with its line.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use trapline_model::protocol::waveform;
use trapline_study::calibrate::file;
use trapline_study::calibrate::target::{Aim, MeasuredIv};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Curves {
    file: Vec<Curve>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Curve {
    name: String,
    kind: String,
    #[serde(default)]
    keys: String,
    says: Option<String>,
    refused: Option<String>,
    sign: Option<f64>,
    conductance: Option<f64>,
    #[serde(default)]
    zero: bool,
}

const BIAS_V: [f64; 5] = [0.5, 1.0, 1.5, 2.0, 2.5];
const CURRENT_A: [f64; 5] = [5e-12, 2e-11, 4.5e-11, 8e-11, 1.25e-10];
const TIME_S: [f64; 5] = [1.0, 10.0, 100.0, 1e3, 1e4];
const KEPT: [f64; 5] = [1.0, 0.9975, 0.98, 0.95, 0.9];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/curves")
}

/// Units are scaled in one product, hours are written to ten digits.
fn near(found: &[f64], wanted: &[f64]) -> bool {
    found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs())
}

/// What was understood, or why the file is refused.
fn read(curve: &Curve) -> Result<String, String> {
    if curve.kind == "waveform" {
        let found = waveform::read(&folder().join(&curve.name)).map_err(|error| error.to_string())?;
        let plain: Vec<(f64, f64)> = found.segments.iter().map(|s| (s.bias_v, s.dwell_s)).collect();
        let wanted = [(1.5, 1e-3), (0.0, 1e-3), (-1.0, 2e-3)];
        let same = |(a, b): (&(f64, f64), &(f64, f64))| a.0 == b.0 && (a.1 / b.1 - 1.0).abs() < 1e-12;
        assert!(plain.len() == wanted.len() && plain.iter().zip(&wanted).all(same), "{}: {plain:?}", curve.name);
        return Ok(found.understood.unwrap_or_default());
    }
    let width = if curve.kind == "iv" { "relative = 0.05" } else { "" };
    let Curve { name, kind, keys, .. } = curve;
    let fit = format!("format = 1\n[[target]]\nkind = \"{kind}_csv\"\nfile = \"{name}\"\n{width}\n{keys}\n");
    let fit = file::parse(&fit, &folder()).map_err(|error| error.to_string())?;
    match &fit.targets[0].aim {
        Aim::Iv(measured) => {
            let compared: Vec<_> = measured.points.iter().filter(|point| MeasuredIv::compares(point)).collect();
            let (bias, current): (Vec<f64>, Vec<f64>) = compared.iter().map(|point| (point.x, point.y)).unzip();
            let sign = curve.sign.unwrap_or(1.0);
            assert!(near(&bias, &BIAS_V.map(|v| sign * v)), "{name}: {bias:?}");
            assert!(near(&current, &CURRENT_A.map(|i| sign * i)), "{name}: {current:?}");
            assert_eq!(measured.dwells_s.len(), measured.points.len(), "{name}");
            Ok(measured.read_as.clone())
        }
        Aim::Retention(measured) => {
            let after: Vec<_> = measured.points.iter().filter(|point| point.x > 0.0).collect();
            let (times, kept): (Vec<f64>, Vec<f64>) = after.iter().map(|point| (point.x, point.y)).unzip();
            assert_eq!(measured.points.len() - after.len(), usize::from(curve.zero), "{name}");
            let scale = curve.conductance.unwrap_or(1.0);
            assert!(near(&times, &TIME_S) && near(&kept, &KEPT.map(|k| scale * k)), "{name}: {times:?} {kept:?}");
            Ok(measured.read_as.clone())
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn each_is_read_as_stated_or_refused() {
    let text = std::fs::read_to_string(folder().join("curves.toml")).expect("there");
    let curves: Curves = toml::from_str(&text).expect("sound");
    let (mut kinds_read, mut kinds_refused) = (0, 0);
    for curve in &curves.file {
        match (read(curve), &curve.says, &curve.refused) {
            (Ok(said), Some(says), None) => {
                assert!(said.contains(says) && !said.contains('\n'), "{}: {said}", curve.name);
                kinds_read += 1;
            }
            (Err(said), None, Some(refused)) => {
                assert!(said.contains(refused) && !said.contains('\n'), "{}: {said}", curve.name);
                kinds_refused += 1;
            }
            (found, ..) => panic!("{}: {found:?}", curve.name),
        }
    }
    assert!(kinds_read >= 20 && kinds_refused >= 10, "{kinds_read} {kinds_refused}");
    // No file lies there that nothing is said of.
    let files = std::fs::read_dir(folder()).expect("there").map(|of| of.expect("one").file_name());
    let mut named: Vec<String> = files.map(|name| name.to_string_lossy().into_owned()).collect();
    named.retain(|name| name != "curves.toml" && !curves.file.iter().any(|curve| curve.name == *name));
    assert!(named.is_empty(), "{named:?}");
}
