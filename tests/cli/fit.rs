//! `trapline fit`: known numbers are found again, what the data cannot tell is named, and the shipped materials are
//! where it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use trapline::backend::reference::Reference;
use trapline::calibrate::file::{self, Fit};
use trapline::calibrate::{self, FitResult, Problem, Search, Simulated};
use trapline::cell::current;
use trapline::experiment::probe::{Conditions, Probe};
use trapline::experiment::pulse::POTENTIATION;
use trapline::experiment::{iv, retention};
use trapline::material::{self, Material};
use trapline::protocol::{Part, segments};
use trapline::rng::{self, NORMAL_UNIT, Purpose};
use trapline::units::kelvin;

/// Another laboratory's device, in secret: the dots' material with other numbers.
const SECRET: [(&str, f64, f64, f64); 4] = [
    ("injection.direct_conductance", 5.1e-11, 1e-11, 2e-10),
    ("injection.free_share", 0.38, 0.2, 0.8),
    ("capture.stay_midpoint", 2.72, 2.2, 3.6),
    ("matrix.fragility", 131.0, 90.0, 160.0),
];

fn shipped() -> Material {
    material::shipped("pi-ws2-qd").unwrap()
}

/// The dots' material with the value of a key changed in its text.
fn changed(text: &str, key: &str, value: f64) -> String {
    let (table, name) = key.split_once('.').unwrap();
    let from = text.find(&format!("\n[{table}]\n")).unwrap();
    let at =
        from + text[from..].find(&format!("\n{name} = {{ value = ")).unwrap() + format!("\n{name} = {{ value = ").len();
    let end = at + text[at..].find(',').unwrap();
    format!("{}{value:?}{}", &text[..at], &text[end..])
}

fn secret() -> Material {
    let text = SECRET.iter().fold(shipped().text, |text, (key, value, ..)| changed(&text, key, *value));
    material::parse(&text, "secret").unwrap()
}

/// Normal variate number `i` of a seed.
fn normal(seed: u64, i: usize) -> f64 {
    f64::from(rng::normal_fixed(rng::words(seed, i as u64, Purpose::ReadNoise, 0, 0)[0])) * NORMAL_UNIT
}

/// A folder in which a laboratory keeps its two measurements, and trapline runs.
struct Laboratory {
    folder: TempDir,
}

/// Relative error of a measured current, and error of a measured share of the window.
const CURRENT_ERROR: f64 = 0.03;
const KEPT_ERROR: f64 = 0.01;

impl Laboratory {
    /// Measures a material: a sweep at 25 °C, and retention at 155 °C after 30 pulses; with errors where `seed` is
    /// given.
    fn measures(device: &Material, seed: Option<u64>) -> Laboratory {
        let error = |i: usize| seed.map_or(0.0, |seed| normal(seed, i));
        let sweep = segments(&[Part::Sweep { sweeps: 1, sweep_to_v: 5.0, step_v: 0.1, dwell_s: 1e-3 }]);
        let mut probe = Probe::new(&Reference, device, Conditions::nominal(kelvin(25.0)), vec![0]).expect("cells");
        let seen = iv::run(&mut probe, "iv", &sweep).unwrap();
        let mut text = "# fresh cell, 25 C\ntime_s,bias_v,current_a\n".to_owned();
        let (time, current) = (seen.numbers("time_s").unwrap(), seen.numbers("current_a").unwrap());
        for (i, segment) in sweep.iter().enumerate() {
            let current_a = current[[0, i]] * (CURRENT_ERROR * error(i)).exp();
            text.push_str(&format!("{:e},{},{current_a:e}\n", time[[i]], segment.bias_v));
        }
        let times: Vec<f64> = (0..=20).map(|i| 10f64.powf(f64::from(i) / 4.0)).collect();
        let from_start: Vec<f64> = std::iter::once(0.0).chain(times.iter().copied()).collect();
        let probe = Probe::new(&Reference, device, Conditions::nominal(kelvin(155.0)), vec![0]).expect("cells");
        let seen = retention::run(&probe, "retention", &POTENTIATION, &[0, 30], &from_start).unwrap();
        let g = seen.numbers("conductance_noiseless_s").unwrap();
        let window = |t: usize| g[[1, t, 0]] - g[[0, t, 0]];
        let mut kept = "time_s,kept\n".to_owned();
        for (i, time_s) in times.iter().enumerate() {
            let share = window(i + 1) / window(0) + KEPT_ERROR * error(1000 + i);
            kept.push_str(&format!("{time_s:e},{share:e}\n"));
        }
        let lab = Laboratory { folder: tempfile::tempdir().unwrap() };
        lab.write("iv.csv", &text);
        lab.write("retention.csv", &kept);
        lab.write("start.toml", &shipped().text);
        lab.write("fit.toml", &plan());
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn fit(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).arg("fit");
        command.args(arguments).output().unwrap()
    }

    fn found(&self) -> FitResult {
        let plan = file::read(&self.path("fit.toml")).unwrap();
        found(&shipped(), plan)
    }
}

const SEARCH: Search = Search { starts: 1, seed: 1, max_evaluations: 1000 };

fn found(start: &Material, plan: Fit) -> FitResult {
    let problem = Problem::new(start, "start.toml", plan, None, &Reference).unwrap();
    calibrate::run(&problem, &SEARCH).unwrap()
}

const TARGETS: &str = r#"
[[target]]
kind = "iv_csv"
file = "iv.csv"
relative = 0.03

[[target]]
kind = "retention_csv"
file = "retention.csv"
temperature_c = 155.0
tolerance = 0.01
"#;

fn plan() -> String {
    let parameter = |(key, _, lower, upper): &(&str, f64, f64, f64)| {
        format!("[[parameter]]\nkey = \"{key}\"\nlower = {lower:e}\nupper = {upper:e}\n\n")
    };
    format!("format = 1\n\n{}{TARGETS}", SECRET.iter().map(parameter).collect::<String>())
}

fn words(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_secret_device_is_found_from_two_measurements_without_errors() {
    let found = Laboratory::measures(&secret(), None).found();
    assert!(found.converged(), "{:?}", found.stop);
    // The data are the model's own to the last digit, so the least chi-squared is 0. The search ends when chi-squared
    // stands still to 1e-9 of itself; the jumps of the simulation where substeps change (1e-6 of a current, over an
    // error of 3e-2) leave parameters loose by some 1e-5 of their standard errors' scale. 1e-3 is asked for.
    for (p, (key, value, ..)) in found.parameters.iter().zip(SECRET) {
        assert!((p.value / value - 1.0).abs() < 1e-3, "{key}: {} for {value}", p.value);
        assert!(p.error.is_some() && !p.at_bound, "{key} is identifiable");
    }
    assert!(found.chi2 < 1e-3 && found.chi2_at_start > 1e3, "{} from {}", found.chi2, found.chi2_at_start);
    assert!(found.knowledge.open.is_empty(), "{:?}", found.knowledge.open);
}

#[test]
fn errors_of_the_measurement_become_errors_of_the_parameters() {
    let found = Laboratory::measures(&secret(), Some(8)).found();
    assert!(found.converged(), "{:?}", found.stop);
    // 99 currents (0 V is not compared) and 21 shares less 4 parameters: chi-squared of 116 degrees of freedom, whose
    // standard deviation is sqrt(232) = 15.2; within four of them.
    assert_eq!(found.residuals, 120);
    assert!((found.chi2 - 116.0).abs() < 4.0 * 15.3, "{}", found.chi2);
    for (p, (key, value, ..)) in found.parameters.iter().zip(SECRET) {
        let error = p.error.unwrap_or_else(|| panic!("{key} is identifiable"));
        assert!((p.value - value).abs() < 4.0 * error, "{key}: {} ± {error} for {value}", p.value);
        assert!((p.value - value).abs() > 1e-4 * error, "{key}: exact in spite of errors");
    }
}

/// The example of docs/fit.md: the secret device again, with errors.
#[test]
fn the_example_is_fitted_as_its_page_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fits/example/fit.toml");
    let found = found(&shipped(), file::read(&path).unwrap());
    assert!(found.converged() && found.residuals == 120);
    for (p, (key, value, ..)) in found.parameters.iter().zip(SECRET) {
        assert_eq!(p.parameter.key, key);
        // The file's numbers have four digits, a hundredth of their errors.
        let error = p.error.unwrap_or_else(|| panic!("{key} is identifiable"));
        assert!((p.value - value).abs() < 4.0 * error, "{key}: {} ± {error} for {value}", p.value);
    }
}

/// The rows of parameters and targets that docs/fit.md shows, against what is printed.
#[test]
fn the_page_shows_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/fit.md")).unwrap();
    let printed = calibrate::report::text(&found(&shipped(), file::read(&root.join("fits/example/fit.toml")).unwrap()));
    let keys = SECRET.iter().map(|secret| secret.0).chain(["iv.csv", "retention.csv"]);
    for key in keys {
        let row = |text: &str| -> Vec<String> {
            let line = text.lines().map(str::trim).find(|l| l.starts_with(&format!("{key} ")) && l.contains("  "));
            line.unwrap_or_else(|| panic!("{key} is in no row")).split_whitespace().map(str::to_owned).collect()
        };
        // Fitted values are the same on any machine to four digits; 3.424e-11 for 3.423e-11 is 3e-4 off.
        let same = |a: &str, b: &str| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => (a / b - 1.0).abs() < 1e-4,
            _ => a == b,
        };
        let (shown, printed) = (row(&page), row(&printed));
        let all = shown.len() == printed.len() && shown.iter().zip(&printed).all(|(a, b)| same(a, b));
        assert!(all && shown.len() > 4, "{shown:?}, printed {printed:?}");
    }
}

#[test]
fn data_of_another_kind_do_not_fit() {
    let lab = Laboratory::measures(&secret(), None);
    // An ohmic resistor: no parameter of the four bends the tunnelling away.
    let ohmic: String = (1..=50)
        .map(|i| format!("{:e},{},{:e}\n", 1e-3 * f64::from(i), 0.1 * f64::from(i), 1e-11 * f64::from(i)))
        .collect();
    lab.write("iv.csv", &format!("time_s,bias_v,current_a\n{ohmic}"));
    let found = lab.found();
    // What fits has some 1 of chi-squared a number.
    assert!(found.chi2 > 10.0 * found.residuals as f64, "{}", found.chi2);
}

/// A fit of parameters to the currents of a sweep in a narrow window.
fn narrow(parameters: &str) -> FitResult {
    let lab = Laboratory::measures(&shipped(), None);
    let text = fs::read_to_string(lab.path("iv.csv")).unwrap();
    // Only what lies above 4.5 V is given, as a sweep of its own on the way back: the dots are full there.
    let rows = text.lines().filter(|line| {
        let bias = line.split(',').nth(1).and_then(|v| v.parse::<f64>().ok());
        bias.is_none_or(|v| v > 4.55) || line.starts_with("time")
    });
    lab.write("iv.csv", &rows.collect::<Vec<_>>().join("\n"));
    // The first bias is held as long as all that was cut off.
    let target = "[[target]]\nkind = \"iv_csv\"\nfile = \"iv.csv\"\nrelative = 0.05\ntime_shift_s = 0.0\n";
    found(&shipped(), file::parse(&format!("format = 1\n{parameters}{target}"), lab.folder.path()).unwrap())
}

#[test]
fn a_pair_that_the_data_cannot_tell_apart_is_named() {
    let pair = "[[parameter]]\nkey = \"injection.fowler_nordheim\"\nlower = 1e-10\nupper = 1e-9\n\
                [[parameter]]\nkey = \"injection.fowler_nordheim_bias\"\nlower = 14.0\nupper = 20.0\n";
    // C exp(-b/a) over 4.6 to 5 V: from end to end an error of 0.3 V in b changes the current by 0.5 %. ln C and b/a
    // go together.
    let found = narrow(pair);
    assert!(found.parameters.iter().all(|p| p.error.is_none()), "{:?}", found.parameters);
    let [direction] = found.knowledge.open.as_slice() else { panic!("{:?}", found.knowledge.open) };
    assert_eq!(direction.len(), 2, "{direction:?}");
    let said = calibrate::report::text(&found);
    assert!(
        said.contains("the combination") && said.contains("fowler_nordheim_bias") && said.contains("not identifiable"),
        "{said}"
    );
    // Either of them alone is told well.
    for one in pair.split_inclusive("= 1e-9\n") {
        let alone = narrow(one);
        assert!(alone.parameters[0].error.is_some() && alone.knowledge.open.is_empty(), "{one}");
    }
    // And what has no part in a sweep at all.
    let nothing = narrow("[[parameter]]\nkey = \"field_release.attempt_rate\"\nlower = 1e8\nupper = 1e10\n");
    assert!(nothing.parameters[0].error.is_none());
    assert_eq!(nothing.knowledge.open, [vec![(0, 1.0)]]);
}

#[test]
fn a_bound_is_kept_and_told() {
    let lab = Laboratory::measures(&secret(), None);
    // The secret fragility is 131: it is sought below 120.
    lab.write("fit.toml", &plan().replace("upper = 1.6e2", "upper = 1.2e2"));
    let (code, out, err) = words(&lab.fit(&["fit.toml", "--material", "start.toml", "--json", "-q"]));
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("misses retention.csv; it ends at a bound of matrix.fragility"), "{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["missed"], serde_json::json!(["retention.csv"]));
    let fragility = &found["parameters"][3];
    assert_eq!((&fragility["fitted"], &fragility["at_bound"]), (&Value::from(120.0), &Value::from(true)));
    assert_eq!(fragility["identifiable"], Value::from(false));
    assert_eq!(found["targets"][1]["met"], Value::from(false), "{}", found["targets"][1]);
}

#[test]
fn the_new_material_is_the_old_one_with_the_fitted_values() {
    let lab = Laboratory::measures(&secret(), Some(7));
    let call = ["fit.toml", "--material", "start.toml", "--json", "-o", "mine.toml"];
    let (code, out, err) = words(&lab.fit(&call));
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("wrote mine.toml, mine.png, mine.svg, mine.figure.csv"), "{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let text = fs::read_to_string(lab.path("mine.toml")).unwrap();
    let made = material::load("mine.toml", lab.folder.path()).unwrap();
    assert_eq!(made.name, "mine");
    // Exactly the numbers that were printed, and nothing else of the material is another.
    // Rust reads the printed digits exactly; serde_json is content with the last but one.
    let printed = out
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\"fitted\": ")?.trim_end_matches(',').parse::<f64>().ok());
    let keys = SECRET.iter().map(|secret| secret.0);
    let expected = keys.zip(printed).fold(shipped().text, |text, (key, value)| changed(&text, key, value));
    let expected = material::parse(&expected, "expected").unwrap();
    let plain = |m: &Material| Material { name: String::new(), text: String::new(), ..m.clone() };
    assert_eq!(plain(&made), plain(&expected));
    let comments = |text: &str| text.lines().filter(|l| l.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (comments(&shipped().text), comments(&text));
    assert_eq!(old[1..], new[1..], "only the command differs");
    assert_eq!(new[0], format!("# Fitted by: trapline fit {}", call.join(" ")));
    assert_eq!(text.matches("source = \"fitted: fit.toml, standard error ").count(), SECRET.len());
    // What exists is kept.
    let (code, _, err) = words(&lab.fit(&call));
    assert!(code == Some(2) && err.contains("mine.toml exists") && err.contains("--force"), "{err}");
    // A second fit starts where the first ended, and stays.
    let (code, out, err) = words(&lab.fit(&["fit.toml", "--material", "mine.toml", "--json", "-q"]));
    assert_eq!(code, Some(0), "{err}");
    let again: Value = serde_json::from_str(&out).unwrap();
    for (a, b) in found["parameters"].as_array().unwrap().iter().zip(again["parameters"].as_array().unwrap()) {
        let number = |v: &Value, key: &str| v[key].as_f64().unwrap();
        // Chi-squared stands still to 1e-9 of some 100: 3e-4 standard errors.
        let moved = (number(a, "fitted") - number(b, "fitted")).abs() / number(a, "standard_error");
        assert!(moved < 3e-3, "{}: by {moved} standard errors", a["key"]);
    }
}

#[test]
fn the_area_of_the_currents_goes_with_the_area() {
    let plan = "format = 1\n[[parameter]]\nkey = \"film.area\"\nlower = 0.4\nupper = 2.0\nstart = 1.5\n\
                [[target]]\nkind = \"parameter\"\nkey = \"injection.reference_area\"\ntarget = 0.9\ntolerance = 0.01\n";
    let together = found(&shipped(), file::parse(plan, Path::new(".")).unwrap());
    // One number, one parameter, linear: the search ends where chi-squared is 0 to its square root.
    assert!((together.parameters[0].value - 0.9).abs() < 1e-6, "{}", together.parameters[0].value);
    // Unless the user says otherwise: then it cannot be reached.
    let apart = plan.replace("start = 1.5", "start = 1.5\nwith = []");
    let apart = found(&shipped(), file::parse(&apart, Path::new(".")).unwrap());
    assert!(apart.chi2 > 1.0 && apart.parameters[0].error.is_none());
    // Areas that differ in the material stay in their ratio: 2, so that the currents' is 0.9 where the film's is 0.45.
    let area = changed(&shipped().text, "film.area", 0.6);
    let twice = changed(&area, "injection.reference_area", 1.2);
    let twice = found(&material::parse(&twice, "twice").unwrap(), file::parse(plan, Path::new(".")).unwrap());
    assert!((twice.parameters[0].value - 0.45).abs() < 1e-6, "{}", twice.parameters[0].value);
}

/// The shipped materials are the end of the search of their own fit files: no target is missed, and one step of the
/// method from there (Gauss and Newton's, from the same differences) is shorter than a hundredth of any standard
/// error plus the rounding of the values to four digits.
#[test]
fn the_shipped_materials_are_the_result_of_their_fits() {
    for name in ["pi-ws2-qd", "pi-ws2-ns"] {
        let shipped = material::shipped(name).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fits/{name}.toml"));
        let command = format!(
            "# Fitted by: trapline fit fits/{name}.toml --material materials/{name}.toml --claims all --digits 4 -o materials/{name}.toml --force"
        );
        assert!(shipped.text.starts_with(&command), "{name}: {:?}", shipped.text.lines().next());
        let mut plan = file::read(&path).unwrap();
        plan.add_claims(&["all".to_owned()], plan.claims_as.unwrap()).unwrap();
        plan.parameters.iter_mut().for_each(|p| p.start = None);
        let parameters = plan.parameters.clone();
        let problem = Problem::new(&shipped, name, plan, None, &Reference).unwrap();
        let places = problem.places(&problem.start);
        let residuals = problem.residuals(&places).unwrap();
        assert!(residuals.iter().all(|r| r.abs() <= 1.0), "{name}: {residuals:?}");
        let compute = |at: &[f64]| problem.residuals(at);
        let jacobian = calibrate::solve::jacobian(&compute, &places, &residuals, &calibrate::solve::steps(&places));
        let normal = jacobian.transpose() * &jacobian;
        let covariance = normal.try_inverse().unwrap();
        let step = -&covariance * (jacobian.transpose() * nalgebra::DVector::from_vec(residuals));
        for (i, p) in parameters.iter().enumerate() {
            let error = covariance[(i, i)].sqrt();
            let rounding = p.place(problem.start[i] * (1.0 + 5e-4)) - places[i];
            assert!(step[i].abs() < 0.01 * error + 2.0 * rounding, "{name}: {} by {} of {error}", p.key, step[i]);
            assert!(shipped.text.contains(&format!("fitted: fits/{name}.toml, standard error")));
        }
    }
}

/// Numbers of single targets, computed again from the equations and from each other.
#[test]
fn every_kind_measures_what_it_says() {
    let number = |target: &str| {
        let plan = format!(
            "format = 1\nconditions = {{ temperature_c = 100.0 }}\n[[parameter]]\nkey = \"film.area\"\nlower = 0.1\nupper = 9.0\n\
             [[target]]\n{target}\ntarget = 1.0\ntolerance = 1.0\n"
        );
        let plan = file::parse(&plan, Path::new(".")).unwrap_or_else(|e| panic!("{target}: {e}"));
        let problem = Problem::new(&shipped(), "shipped", plan, None, &Reference).unwrap();
        let outcome = problem.outcomes(&problem.start, |_| true).unwrap().remove(0).unwrap();
        let Simulated::Number(value) = outcome.simulated else { panic!("{target}") };
        assert_eq!(outcome.residuals, [value - 1.0]);
        value
    };
    let (qd, hot) = (shipped(), kelvin(100.0));
    let open = 1.0 - qd.injection.free_share;
    let near =
        |a: f64, b: f64, within: f64, what: &str| assert!((a / b - 1.0).abs() < within, "{what}: {a:e} and {b:e}");
    // One formula evaluated twice from an f64: a few roundings.
    let filling = number("kind = \"filling\"\nbias_v = 1.5");
    let forward = number("kind = \"current\"\nbias_v = 1.5");
    near(forward, current::current_a(&qd, 1.5, hot, filling), 1e-12, "current");
    let back = number("kind = \"current\"\nbias_v = 1.5\nbranch = \"return\"");
    near(number("kind = \"memory_ratio\"\nbias_v = 1.5"), back / forward, 1e-12, "ratio");
    assert!(back > 1.5 * forward);
    // At a reading all current is injected: the rise is theta(F)/theta(0) - 1. The reading itself catches nothing
    // below the onset.
    let filled = number("kind = \"filling_after\"\npulses = 30");
    near(number("kind = \"conductance_rise\"\npulses = 30"), 1.0 / (1.0 - open * filled) - 1.0, 1e-9, "rise");
    // V I dt with the current of the filling before and after the pulse: between the two.
    let first = number("kind = \"filling_after\"\npulses = 1");
    let energy = number("kind = \"energy\"\npulses = 1");
    let at = |filling: f64| 1.5 * 1e-3 * current::current_a(&qd, 1.5, hot, filling);
    assert!(energy > at(0.0) && energy < at(first), "{energy:e} {:e} {:e}", at(0.0), at(first));
    // Halfway: the filling grows nearly evenly in one pulse of 3 %, so the mean is right to a hundredth of the
    // difference of 1.7 %.
    near(energy, 0.5 * (at(0.0) + at(first)), 2e-4, "energy");
    // A line through the points that the equations give with no filling to speak of: below the onset, ln I on ln V.
    let straight = "from_v = 0.05\nto_v = 0.15\nsweep_to_v = 0.15\nstep_v = 0.05";
    let gamma = qd.injection.superlinearity_per_v2;
    // The slope of G a (1 + gamma a^2) is 1 + 2 gamma a^2: 1 + 3e-5 at most; Fowler-Nordheim's part is exp(-16.6/0.15).
    let slope = number(&format!("kind = \"slope\"\n{straight}"));
    assert!(slope > 1.0 && slope < 1.0 + 2.0 * gamma * 0.15 * 0.15, "{slope}");
    near(number(&format!("kind = \"linearity\"\n{straight}")), 1.0, 1e-9, "linearity");
    // ln(I/V^2) on ln(1/V) is 2 less the power law's slope, and turned round.
    near(number(&format!("kind = \"slope\"\nlaw = \"direct\"\n{straight}")), 2.0 - slope, 1e-9, "direct");
    let kept = |time_s: f64| number(&format!("kind = \"retained\"\ntime_s = {time_s:e}\ntemperature_c = 155.0"));
    let falling = [1.0, 1e3, 1e5, 1e7].map(kept);
    assert!(falling[0] < 1.0 && falling.windows(2).all(|w| w[1] < w[0]) && falling[3] < 0.01, "{falling:?}");
    assert_eq!(number("kind = \"parameter\"\nkey = \"capture.onset\""), 0.2);
}
