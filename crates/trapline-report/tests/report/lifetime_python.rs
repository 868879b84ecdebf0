//! Lifetimes as other programs compute them: Python's `reliability` and `scipy`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use trapline_model::rng::philox4x32_10;
use trapline_model::units::thermal_energy_ev;
use trapline_report::analysis::lifetime::{
    Fit, JointFit, Law, Lifetimes, TemperatureLaw, Use, failed_fraction_bounds, failure_rate, sample_size,
};

const CONFIDENCE: f64 = 0.9;
/// Half the width of the classes that stand for exact times, relative.
const HALF_WIDTH: f64 = 1e-6;

/// What Python says of each document: `agree`, or what does not.
fn compared(documents: &[Value]) -> Vec<String> {
    let python =
        std::env::var_os("TRAPLINE_PYTHON").expect("TRAPLINE_PYTHON names a Python with reliability and scipy");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lifetimes.json");
    std::fs::write(&file, json!(documents).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compare_lifetimes.py");
    // Without a display, and without a window of matplotlib's.
    let run = Command::new(python).arg(script).arg(&file).env("MPLBACKEND", "Agg").output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    said.lines().map(str::to_owned).collect()
}

fn uniform(stream: u32, number: u32) -> f64 {
    (f64::from(philox4x32_10([number, stream, 0, 0], [0x9711, 3])[0]) + 0.5) / 4_294_967_296.0
}

fn weibull(stream: u32, cells: u32, eta: f64, beta: f64) -> Vec<f64> {
    (0..cells).map(|cell| eta * (-uniform(stream, cell).ln()).powf(1.0 / beta)).collect()
}

/// A fit and all its bounds.
fn fitted(law: Law, data: &Lifetimes) -> Value {
    let fit = Fit::new(law, data).unwrap();
    json!({
        "law": law, "scale": fit.scale(CONFIDENCE).unwrap(), "shape": fit.shape(CONFIDENCE).unwrap(),
        "life": fit.life(0.01, CONFIDENCE).unwrap(), "log_likelihood": fit.log_likelihood,
    })
}

/// Exact lifetimes, censored at a time: each failure in a class of its own, so narrow that its probability is the
/// density times the width.
fn exact(lives: &[f64], end_s: f64) -> Value {
    let mut failures: Vec<f64> = lives.iter().copied().filter(|&life| life < end_s).collect();
    failures.sort_by(f64::total_cmp);
    let (mut times, mut counts) = (Vec::new(), Vec::new());
    for (number, life) in failures.iter().enumerate() {
        times.extend([life * (1.0 - HALF_WIDTH), life * (1.0 + HALF_WIDTH)]);
        counts.extend([number as u64, number as u64 + 1]);
    }
    times.push(end_s);
    counts.push(failures.len() as u64);
    let data = Lifetimes::new(&times, &counts, lives.len() as u64).unwrap();
    let fits: Vec<Value> = [Law::Weibull, Law::Lognormal].map(|law| fitted(law, &data)).into();
    json!({ "failures": failures, "end": end_s, "censored": lives.len() - failures.len(), "half_width": HALF_WIDTH, "fits": fits })
}

fn intervals(lives: &[f64], times: &[f64]) -> Value {
    let failed: Vec<u64> = times.iter().map(|t| lives.iter().filter(|life| *life <= t).count() as u64).collect();
    let data = Lifetimes::new(times, &failed, lives.len() as u64).unwrap();
    let fits: Vec<Value> = [Law::Weibull, Law::Lognormal].map(|law| fitted(law, &data)).into();
    json!({ "times": times, "failed": failed, "total": lives.len(), "fits": fits })
}

/// Bakes at three temperatures, each of cells of its own, in one likelihood: 1.2 eV, 2e4 s at 400 K.
fn joint(law: Law) -> Value {
    let times: Vec<f64> = (0..16).map(|step| 250.0 * 2_f64.powi(step)).collect();
    let x = |kelvin: f64| 1.0 / thermal_energy_ev(kelvin);
    let at = |(stream, kelvin): (u32, f64)| {
        let lives = weibull(stream, 300, 2e4 * (1.2 * (x(kelvin) - x(400.0))).exp(), 1.4);
        let failed: Vec<u64> = times.iter().map(|t| lives.iter().filter(|life| *life <= t).count() as u64).collect();
        (kelvin, Lifetimes::new(&times, &failed, lives.len() as u64).unwrap())
    };
    let groups: Vec<_> = [(5, 380.0), (6, 400.0), (7, 420.0)].map(at).into();
    let fit = JointFit::new(law, TemperatureLaw::Arrhenius, &groups).unwrap();
    let life = |(kelvin, fraction): (f64, f64)| {
        let to = Use { across_break: true, ..Use::at(kelvin, CONFIDENCE) };
        json!({ "x": x(kelvin), "fraction": fraction, "life": fit.life(&to, fraction).unwrap() })
    };
    let lives = [(358.15, 1e-3), (358.15, 0.5), (400.0, 1e-3), (400.0, 1e-2), (400.0, 0.5)].map(life);
    let bakes: Vec<Value> = groups
        .iter()
        .map(|(kelvin, of)| json!({ "x": x(*kelvin), "times": times, "failed": of.failed(), "total": of.total() }))
        .collect();
    json!({
        "law": law, "bakes": bakes, "lives": lives, "shape": fit.shape(CONFIDENCE).unwrap(),
        "slope": fit.slope(CONFIDENCE).unwrap(), "log_likelihood": fit.log_likelihood,
    })
}

fn counts() -> Value {
    let cases =
        [(0, 77, 0.9), (1, 231, 0.6), (3, 25, 0.95), (25, 25, 0.9), (17, 4096, 0.9), (900_000, 1_000_000, 0.99)];
    let fractions: Vec<_> = cases.iter().map(|&(n, of, c)| failed_fraction_bounds(n, of, c).unwrap()).collect();
    let rates: Vec<_> =
        [(0, 1e6, 0.6), (2, 2.31e5, 0.9), (400, 1e8, 0.9)].map(|(n, h, c)| failure_rate(n, h, c).unwrap()).into();
    let samples: Vec<_> = [(0.01, 0.9, 0), (0.05, 0.9, 2), (1e-4, 0.6, 1)]
        .map(|(p, c, allowed)| json!({ "fraction": p, "confidence": c, "allowed": allowed, "size": sample_size(p, c, allowed).unwrap() }))
        .into();
    json!({ "fractions": fractions, "rates": rates, "samples": samples })
}

#[test]
#[ignore = "needs TRAPLINE_PYTHON with reliability, scipy"]
fn python_fits_the_same_laws() {
    let data = json!({
        "confidence": CONFIDENCE,
        "exact": [exact(&weibull(1, 200, 2e4, 1.4), 3e4), exact(&weibull(2, 60, 500.0, 0.8), 1e3)],
        "intervals": [
            intervals(&weibull(3, 300, 2e4, 1.4), &[1e3, 3e3, 6e3, 1e4, 2e4, 3e4]),
            intervals(&weibull(4, 1000, 100.0, 3.0), &[30.0, 60.0, 90.0, 120.0]),
        ],
        "joint": [joint(Law::Weibull), joint(Law::Lognormal)],
        "counts": counts(),
    });
    // The negative controls: each kind of number, a little wrong, is found. A document of its own holds its section
    // only.
    let wrong = [
        ("exact", "/exact/1/fits/0/shape/value", 1.001),
        ("exact", "/exact/1/fits/1/scale/wald/upper", 1.005),
        ("intervals", "/intervals/0/fits/0/scale/value", 1.001),
        ("intervals", "/intervals/0/fits/1/life/profile/lower", 1.001),
        ("joint", "/joint/0/lives/0/life/profile/upper", 1.001),
        ("joint", "/joint/1/slope/profile/lower", 1.0001),
        ("counts", "/counts/fractions/4/lower", 1.0 + 1e-8),
        ("counts", "/counts/rates/1/fit_upper", 1.0 + 1e-8),
    ];
    let spoilt = |(section, place, factor): (&str, &str, f64)| {
        let mut document = json!({ "confidence": CONFIDENCE, section: data[section] });
        let number = document.pointer_mut(place).unwrap();
        *number = json!(number.as_f64().unwrap() * factor);
        document
    };
    let documents: Vec<Value> = std::iter::once(data.clone()).chain(wrong.map(spoilt)).collect();
    let said = compared(&documents);
    assert_eq!(said.len(), 1 + wrong.len(), "{said:?}");
    assert_eq!(said[0], "agree");
    for (line, place) in said[1..].iter().zip(wrong) {
        assert!(line.contains(", wanted "), "{place:?}: {line}");
    }
}
