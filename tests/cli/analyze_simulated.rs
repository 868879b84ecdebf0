//! Lifetimes of simulated campaigns whose activation energy and shape are known: from the record that `trapline run`
//! writes.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use trapline::analysis::lifetime::Bounds;

/// Depth of the only trap level, eV, and its spread from cell to cell.
const DEPTH_EV: f64 = 1.3;
const DEPTH_SD_EV: f64 = 0.01;
/// The normal variate that 1 in 1000 lie below.
const Z_OF_1000_PPM: f64 = -3.090_232_306;

fn trapline(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
    let run = command.current_dir(folder).args(arguments).output().unwrap();
    assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// The dots' material with one level in their place: cells differ in its depth and in nothing else.
fn one_level(folder: &Path) {
    let shipped = include_str!("../../materials/pi-ws2-qd.toml");
    let traps = format!(
        "[traps]\nkind = \"levels\"\nweights = {{ values = [1.0], unit = \"1\", source = \"test\" }}\n\
         depths = {{ values = [{DEPTH_EV:?}], unit = \"eV\", source = \"test\" }}\n\
         depth_per_size = {{ value = 1.0, unit = \"eV\", source = \"test\" }}\n\
         attempt_rate = {{ value = 1e13, unit = \"1/s\", source = \"test\" }}\n\n"
    );
    let (before, after) = (shipped.find("[traps]").unwrap(), shipped.find("[capture]").unwrap());
    let variation = shipped.find("[variation]").unwrap();
    let number = |key: &str, sd: f64| format!("{key} = {{ value = {sd:?}, unit = \"1\", source = \"test\" }}\n");
    let spread = [
        number("diameter", DEPTH_SD_EV),
        number("area", 0.0),
        number("trap_filled_limit", 0.0),
        number("capture_speed", 0.0),
    ];
    let text = [&shipped[..before], &traps, &shipped[after..variation], "[variation]\n", &spread.concat()].concat();
    std::fs::write(folder.join("level.toml"), text.replace("\"pi-ws2-qd\"", "\"level\"")).unwrap();
}

fn campaign(folder: &Path, material: &str, celsius: &str, kept_below: f64, matrix: bool) {
    let text = format!(
        "format = 1\nname = \"bake\"\nseed = 11\nvariation = true\nelectrons = \"mean-field\"\n\
         [array]\nrows = 64\ncols = 64\n\
         [[material]]\nuse = \"{material}\"\n\
         program = [{{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }}]\n\
         [program]\ntemperature_c = 25.0\n\
         [bake]\ntemperatures_c = {celsius}\nfrom_s = 1.0\nto_s = 3.15576e8\nper_octave = 6\n\
         [failure]\nkept_below = {kept_below:?}\n[physics]\nmatrix_relaxation = {matrix}\n"
    );
    std::fs::write(folder.join("bake.toml"), text).unwrap();
}

/// The only group of the report on the campaign in the folder.
fn group(folder: &Path, more: &[&str]) -> Value {
    if !folder.join("bake.h5").exists() {
        trapline(folder, &["run", "bake.toml", "-o", "bake.h5", "--no-plot", "--quiet", "--backend", "cpu"]);
    }
    let json = trapline(folder, &[&["analyze", "bake.h5", "--json"], more].concat());
    let mut report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["groups"].as_array().map(Vec::len), Some(1));
    report["groups"][0].take()
}

fn bounds(of: &Value) -> Bounds {
    let end = |name: &str| of[name].as_f64().unwrap_or_else(|| panic!("{name} of {of}"));
    Bounds { lower: end("lower"), upper: end("upper") }
}

#[test]
fn the_depth_of_the_only_level_is_recovered() {
    // Every cell is programmed alike and escapes at nu exp(-E/kT) with its own E, so its lifetime is exp(E/kT) times
    // what all share. E is normal: lifetimes are lognormal, of sigma sd/kT, and the time to a fraction p has the
    // energy mean + z_p sd.
    let folder = tempfile::tempdir().unwrap();
    one_level(folder.path());
    campaign(folder.path(), "level.toml", "[100.0, 115.0, 130.0, 145.0, 160.0]", 0.9, false);
    let group = group(folder.path(), &["--ppm", "1000,500000", "--use-temperature", "85"]);
    assert_eq!((group["law"].as_str(), group["glass_transition_k"].is_null()), (Some("lognormal"), true));
    for (line, z) in [(0, Z_OF_1000_PPM), (1, 0.0)] {
        let energy = bounds(&group["lines"][line]["energy_ev"]["bounds"]);
        let truth = DEPTH_EV + z * DEPTH_SD_EV;
        assert!(energy.hold(truth), "{energy:?} {truth}");
        // Errors of 5 %, the floor, at five values of 1/kT with squared deviations of 11.5 /eV^2 together: 0.05 /
        // sqrt(11.5) = 0.0147 eV, and 2.35 of them for three degrees of freedom. Twice as far off is outside.
        assert!(!energy.hold(truth + 0.07) && !energy.hold(truth - 0.07), "{energy:?} {truth}");
        assert!(group["lines"][line]["segments"]["broken"].is_null());
    }
    for population in group["populations"].as_array().unwrap() {
        let kt_ev = trapline::units::thermal_energy_ev(population["temperature_k"].as_f64().unwrap());
        let sigma = &population["observed"]["lognormal"]["shape_estimate"];
        // 4096 cells of its own: sigma is known to 1/sqrt(8192) = 1.1 %. Three standard errors; of bounds of 90 % one in
        // ten would miss.
        let ratio = sigma["value"].as_f64().unwrap() / (DEPTH_SD_EV / kt_ev);
        assert!((ratio - 1.0).abs() < 0.033, "{ratio}");
        // The Weibull law that lies nearest to such lives (1/k = E[x^k ln x] / E[x^k] - E[ln x], which is k sigma^2
        // of a lognormal) has the shape 1/sigma. Its estimate has the standard error 1.053 k / sqrt(n): the sandwich
        // of the law's information, ((2.25, -0.5), (-0.5, 1)), about the scores' covariance, ((3.25 e - 2.25, 1.5 -
        // 1.5 e), (.., e - 1)), in units of k. Three of them are 4.9 %; classes of a sixth of an octave add less than
        // 1 %.
        let shape = &population["observed"]["weibull"]["shape_estimate"];
        let k = kt_ev / DEPTH_SD_EV;
        let ratio = shape["value"].as_f64().unwrap() / k;
        assert!((ratio - 1.0).abs() < 0.049, "{ratio}");
        // Its own bounds take the lives for Weibull's, +-1.8 % of k, and need not hold k; a tenth off is outside of
        // them all the same.
        let shape = bounds(&shape["profile"]);
        assert!(!shape.hold(1.1 * k) && !shape.hold(0.9 * k), "{shape:?} {k}");
    }
}

#[test]
fn the_matrix_breaks_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let celsius = "[85.0, 100.0, 115.0, 130.0, 140.0, 150.0, 155.0, 160.0, 165.0, 180.0]";
    campaign(folder.path(), "pi-ws2-qd", celsius, 0.99, true);
    let found = group(folder.path(), &["--use-temperature", "55,153"]);
    let broken = &found["lines"][0]["segments"]["broken"];
    let celsius_of = |name: &str| broken[name].as_f64().unwrap_or(f64::NAN) - 273.15;
    // 155 C is where the matrix lets go (docs: 0.3 % lost at 150 C and 10 % at 155 C after 1e5 s).
    assert!((140.0..=151.0).contains(&celsius_of("cooler_k")) && (149.0..=161.0).contains(&celsius_of("hotter_k")));
    assert!((145.0..=160.0).contains(&celsius_of("crossing_k")), "{broken}");
    let energy = |name: &str| found["lines"][0][name]["value"].as_f64().unwrap();
    // Traps hold 1.3 to 2.3 eV; the matrix has m ln 10 k Tg = 10.1 eV at Tg, and a mixture of both at the edge.
    assert!((1.3..2.3).contains(&energy("energy_below_ev")) && (5.0..11.0).contains(&energy("energy_above_ev")));
    assert!(found["lines"][0]["break_meaning"].as_str().unwrap().contains("glass transition at 170 °C"));
    assert!(found["remarks"].as_array().unwrap().iter().any(|r| r.as_str().unwrap().contains("above the glass")));
    assert!(found["uses"][0]["lives"][0]["arrhenius"]["life_s"].as_f64().unwrap() > 0.0);
    assert!(found["uses"][1]["lives"][0]["arrhenius"]["refused"].as_str().unwrap().contains("break between"));

    // Told to, it answers: in the gap by a line through everything, and elsewhere as before.
    let told = group(folder.path(), &["--use-temperature", "55,153", "--extrapolate-across-break"]);
    let life = |of: &Value, at: usize| of["uses"][at]["lives"][0]["arrhenius"]["life_s"].as_f64();
    assert!(life(&told, 1).is_some() && told["uses"][1]["lives"][0]["beyond_data"].is_string());
    assert!((life(&told, 0).unwrap() / life(&found, 0).unwrap() - 1.0).abs() < 1e-9);

    // With three temperatures above, of which one fails before the first checkpoint, the statistics alone are in
    // doubt; no trap is.
    let folder = tempfile::tempdir().unwrap();
    campaign(folder.path(), "pi-ws2-qd", "[85.0, 100.0, 125.0, 150.0, 155.0, 160.0, 170.0]", 0.99, true);
    let few = group(folder.path(), &[]);
    let broken = &few["lines"][0]["segments"]["broken"];
    assert!((broken["cooler_k"].as_f64().unwrap() - 423.15).abs() < 1e-9, "{broken}");
    assert!(few["joint"]["temperatures_k"].as_array().unwrap().len() == 4);
    // One temperature above the edge makes no second line: it is left out.
    let folder = tempfile::tempdir().unwrap();
    campaign(folder.path(), "pi-ws2-qd", "[85.0, 100.0, 115.0, 140.0, 160.0]", 0.99, true);
    let one = group(folder.path(), &["--use-temperature", "85,150"]);
    let refused = one["uses"][1]["lives"][0]["arrhenius"]["refused"].as_str().unwrap();
    assert!(refused.contains("left out as steeper"), "{refused}");
    assert_eq!(one["lines"][0]["left_out_k"].as_f64(), Some(433.15));
    let energy = bounds(&one["lines"][0]["energy_ev"]["bounds"]);
    // The continuum of sizes has 1.469 eV.
    assert!(energy.hold(1.469) && !energy.hold(1.6), "{energy:?}");

    // Without the term there is no break: it is what the switch is for.
    let folder = tempfile::tempdir().unwrap();
    campaign(folder.path(), "pi-ws2-qd", celsius, 0.99, false);
    let without = group(folder.path(), &[]);
    assert!(without["lines"][0]["segments"]["broken"].is_null(), "{}", without["lines"][0]);
}

#[test]
fn the_hot_side_promises_nothing_for_the_cold() {
    // As the campaign that is shipped: with a threshold of 90 % nothing fails below the edge, and the hot line alone
    // would promise more than the age of the universe.
    let folder = tempfile::tempdir().unwrap();
    campaign(folder.path(), "pi-ws2-qd", "[85.0, 150.0, 155.0, 160.0, 165.0]", 0.9, true);
    let life = |more: &[&str]| group(folder.path(), more)["uses"][0]["lives"][0].clone();
    let refused = life(&[]);
    assert!(refused["arrhenius"]["refused"].as_str().unwrap().contains("more than any trap holds"), "{refused}");
    assert_eq!(refused["shown"]["baked_k"].as_f64(), Some(358.15));
    let told = life(&["--extrapolate-across-break"]);
    assert!(told["arrhenius"]["life_s"].as_f64().unwrap() > 4e17, "{told}");
    assert!(told["beyond_data"].as_str().unwrap().contains("glass transition"));
}
