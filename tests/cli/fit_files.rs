//! `trapline fit` and its files: what is refused in one line, what may be written over, and what a call without a
//! file does.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use trapline::calibrate::file;
use trapline::calibrate::target::Aim;
use trapline::material;

/// A quick fit: one number of the material, known from elsewhere.
const PLAN: &str = "format = 1\n[[parameter]]\nkey = \"film.area\"\nlower = 0.4\nupper = 2.0\n\
                    [[target]]\nkind = \"parameter\"\nkey = \"film.area\"\ntarget = 0.9\ntolerance = 0.01\n";
const IV: &str = "time_s,bias_v,current_a\n1,1,1e-12\n3,2,1e-11\n7,3,1e-10\n";

/// A folder with a material, a fit file and a measured curve.
struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new() -> Folder {
        let folder = Folder { folder: tempfile::tempdir().unwrap() };
        folder.write("start.toml", &material::shipped("pi-ws2-qd").unwrap().text);
        folder.write("fit.toml", PLAN);
        folder.write("iv.csv", IV);
        folder
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn fit<T: AsRef<OsStr>>(&self, arguments: &[T]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).arg("fit");
        command.args(arguments).output().unwrap()
    }
}

fn words(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_claim_is_fitted_without_a_file() {
    let lab = Folder::new();
    let call = [
        "--claims",
        "slope-low,slope-mid",
        "--material",
        "start.toml",
        "--parameter",
        "capture.stay_midpoint=2.5..3.5",
    ];
    let (code, out, err) = words(&lab.fit(&call));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("claim slope-low") && out.contains("1.2 ± 0.1") && out.contains("met"), "{out}");
    // Stopped early it says so, and keeps what it has.
    let (code, out, err) = words(&lab.fit(&[&call[..], &["--max-evaluations", "2", "-o", "early.toml"]].concat()));
    assert!(code == Some(1) && err.contains("--max-evaluations") && out.contains("not converged"), "{err}");
    material::load("early.toml", lab.folder.path()).unwrap();
}

#[test]
fn what_makes_no_fit_is_told_in_one_line() {
    let lab = Folder::new();
    let one = "[[parameter]]\nkey = \"capture.stay_midpoint\"\nlower = 2.5\nupper = 3.5\n";
    let slope = "[[target]]\nkind = \"slope\"\nfrom_v = 1.0\nto_v = 2.0\ntarget = 1.2\ntolerance = 0.1\n";
    let csv = "[[target]]\nkind = \"iv_csv\"\nfile = \"bad.csv\"\nrelative = 0.1\n";
    let iv = "time_s,bias_v,current_a\n1,1,1e-12\n2,2,1e-11\n3,3,1e-10\n";
    let whole = format!("{one}{slope}");
    let curve = format!("{one}{csv}");
    let cases: [(&str, &str, &[&str]); 38] = [
        (
            &format!("[conditions]\ntolerance = 0.1\n{whole}"),
            iv,
            &["key conditions.tolerance is no condition", "temperature_c"],
        ),
        (&whole.replace("stay_midpoint", "stay"), iv, &["capture.stay", "no such key", "stay_midpoint"]),
        (
            &whole.replace("capture.stay_midpoint", "injection.thermal_broadening"),
            iv,
            &["thermal_broadening", "no number"],
        ),
        (&whole.replace("lower = 2.5", "lower = 3.5"), iv, &["lower is 3.5; it must be below upper, 3.5"]),
        (&whole.replace("lower = 2.5", "lower = 3.2"), iv, &["the start is 3.0", "between the bounds, 3.2 and 3.5"]),
        (&whole.replace("lower = 2.5", "lower = 2.5\nstart = 9.0"), iv, &["the start is 9.0"]),
        (&whole.replace("lower = 2.5", "lower = -1.0\nscale = \"log\""), iv, &["lower is -1.0; on a log scale"]),
        (&format!("{one}{whole}"), iv, &["capture.stay_midpoint: it is there twice"]),
        (slope, iv, &["nothing is to be fitted", "--parameter"]),
        (one, iv, &["1 parameters", "0 numbers"]),
        (&format!("{one}{slope}check = true\n"), iv, &["1 parameters", "0 numbers"]),
        (
            &format!("{one}[[target]]\nclaim = \"slope-lo\"\n"),
            iv,
            &["target[0]", "claim \"slope-lo\" is not known", "slope-low"],
        ),
        (&whole.replace("kind = \"slope\"", "kind = \"slop\""), iv, &["target[0]: kind is \"slop\"", "retention_csv"]),
        (&whole.replace("from_v = 1.0", "from_v = 1.95"), iv, &["the window is 1.95 to 2.0 V"]),
        (&whole.replace("tolerance = 0.1", "tolerance = 0.0"), iv, &["tolerance is 0.0; it must be 1e-30 to 1e12"]),
        (&whole.replace("tolerance = 0.1", "pulses = 3"), iv, &["pulses is given, but kind slope takes"]),
        (&whole.replace("target = 1.2\n", ""), iv, &["target is missing: kind slope needs it"]),
        (&whole.replace("tolerance", "tolerence"), iv, &["line", "tolerence"]),
        (&whole.replace("to_v = 2.0", "to_v = 2.0\nbranch = \"up\""), iv, &["branch is \"up\""]),
        (&curve.replace("bad.csv", "none.csv"), iv, &["none.csv: cannot be read"]),
        (&curve, "time_s,current_a\n1,1e-12\n", &["bad.csv: line 1: there is no column bias_v"]),
        (&curve, &iv.replace("1e-11", "NaN"), &["bad.csv: holds 2 points that can be compared", "at least 3"]),
        (&curve, &iv.replace("2,2,", "2,9.91e37,"), &["bad.csv: line 3: bias_v is \"9.91e37\"", "beyond their range"]),
        (
            &curve,
            &iv.replace("1e-11", "1,5e-11"),
            &["bad.csv: line 3: the number of fields is 4; it must be 3", "decimal comma"],
        ),
        (
            &curve,
            &iv.replace("\n1,", "\n45000,").replace("\n2,", "\n45001,").replace("\n3,", "\n45002,"),
            &["bad.csv: line 2: time_s is 45000.0 in the first line", "time_shift_s = -44999.0"],
        ),
        (
            &curve,
            &iv.replace("\n1,", "\n0,"),
            &["bad.csv: line 2: time_s is 0.0 in the first line", "time_shift_s = 2.0 say"],
        ),
        (
            &curve,
            &iv.replace("e-1", "e-"),
            &["target bad.csv: its largest value is 1.000e0 A", "within a factor of 1e6"],
        ),
        (&curve, &iv.replace("\n3,", "\n1e9,"), &["bad.csv: line 4: time_s leaves its bias", "1000000.0 s"]),
        (&curve, &iv.replace("1e-11", "-1e-11"), &["bad.csv: line 3: current_a is -1e-11", "floor_a"]),
        (&curve, &iv.replace("\n3,3,1e-10", ""), &["bad.csv: holds 2 lines of numbers", "at least 3"]),
        (&curve, &iv.replace("3,3,", "2,3,"), &["bad.csv: line 4: time_s is 2.0"]),
        (
            &format!("{curve}dwell_s = 1e-3\ntime_shift_s = 1.0\n"),
            iv,
            &["target[0]: time_shift_s is given", "dwell_s, 0.001, takes the place of times", "leave one"],
        ),
        (
            &format!("{curve}dwell_s = 1e-3\ncolumns = {{ time_s = 1 }}\n"),
            iv,
            &["target[0]: columns.time_s is given", "dwell_s, 0.001", "leave one"],
        ),
        (
            &format!("[conditions]\ndwell_s = 1e-3\n{curve}time_shift_s = 1.0\n"),
            &iv.replace("time_s", "note"),
            &["target[0]: time_shift_s is given", "bad.csv has no column time_s", "leave it out"],
        ),
        // A condition that nothing is measured under: no pulses, and no target but a claim.
        (
            &format!("[conditions]\namplitude_v = 1.0\n{whole}"),
            iv,
            &["conditions.amplitude_v counts for nothing", "energy", "retained", "leave it out"],
        ),
        (
            &format!("[conditions]\ntemperature_c = 90.0\n{one}[[target]]\nclaim = \"slope-low\"\n"),
            iv,
            &["conditions.temperature_c counts for nothing"],
        ),
        (
            &format!("{one}[[target]]\nkind = \"energy\"\ntarget = 1e-13\nrelative = 0.1\npulses = -3\n"),
            iv,
            &["target[0]: pulses is -3; it must be 1 to 10000"],
        ),
        (
            &format!("{one}[[target]]\nkind = \"energy\"\ntarget = 1e-13\nrelative = 0.1\npulses = 10001\n"),
            iv,
            &["target[0]: pulses is 10001; it must be 1 to 10000"],
        ),
    ];
    for (plan, data, says) in cases {
        lab.write("bad.toml", &format!("format = 1\n{plan}"));
        lab.write("bad.csv", data);
        let (code, out, err) = words(&lab.fit(&["bad.toml", "--material", "start.toml", "-q"]));
        assert!(code == Some(2) && out.is_empty() && err.lines().count() == 1, "{plan}\n{out}{err}");
        assert!(says.iter().all(|word| err.contains(word)), "{says:?} not in: {err}");
    }
    for (arguments, says) in [
        (&["fit.toml", "--material", "start.toml", "-o", "mine.h5"][..], ".toml"),
        (&["fit.toml", "--material", "start.toml", "--parameter", "a=1"], "KEY=LOWER..UPPER"),
        (&["fit.toml", "--material", "start.toml", "--claims-as", "pi"], "claims_as"),
        (&["fit.toml", "--material", "unobtainium"], "unobtainium"),
        (&["none.toml", "--material", "start.toml"], "none.toml: cannot be read"),
    ] {
        let (code, out, err) = words(&lab.fit(arguments));
        assert!(code == Some(2) && out.is_empty() && err.lines().count() == 1 && err.contains(says), "{says}: {err}");
    }
}

#[test]
fn a_dwell_of_a_targets_own_takes_the_place_of_times() {
    let lab = Folder::new();
    let plan = |conditions: &str, own: &str| {
        format!("format = 1\n{conditions}[[target]]\nkind = \"iv_csv\"\nfile = \"iv.csv\"\nrelative = 0.1\n{own}")
    };
    let read = |plan: &str| {
        let fit = file::parse(plan, lab.folder.path()).unwrap();
        let Aim::Iv(measured) = &fit.targets[0].aim else { panic!("{plan}") };
        (measured.dwells_s.clone(), measured.read_as.clone())
    };
    // The clock of the file, which a dwell of all targets gives way to.
    let (times, said) = read(&plan("", ""));
    assert_eq!(times, [1.0, 2.0, 4.0]);
    assert!(!said.contains("dwell_s") && !said.contains("not read"), "{said}");
    assert_eq!(read(&plan("[conditions]\ndwell_s = 0.5\n", "")).0, times);
    let (own, said) = read(&plan("", "dwell_s = 0.5\n"));
    assert_eq!(own, [0.5; 3]);
    assert!(said.contains("not read: \"time_s\"; each bias held for dwell_s, 0.5 s"), "{said}");
}

#[test]
fn what_a_fit_is_read_from_is_never_replaced() {
    let lab = Folder::new();
    // A plot beside mine.toml would be mine.svg: here that is the measured curve's name.
    lab.write("mine.svg", IV);
    let curve = "[[target]]\nkind = \"iv_csv\"\nfile = \"mine.svg\"\nrelative = 0.1\ncheck = true\n";
    lab.write("curve.toml", &format!("{PLAN}{curve}"));
    let folder = lab.folder.path().file_name().unwrap().to_string_lossy().into_owned();
    for (plan, output, named) in [
        ("fit.toml", "fit.toml".to_owned(), "fit.toml"),
        ("fit.toml", format!("../{folder}/fit.toml"), "fit.toml"),
        ("curve.toml", "mine.toml".to_owned(), "mine.svg"),
    ] {
        let (code, out, err) = words(&lab.fit(&[plan, "--material", "start.toml", "-o", &output, "--force"]));
        assert!(code == Some(2) && out.is_empty() && err.lines().count() == 1, "{out}{err}");
        assert!(err.contains(named) && err.contains("is what this fit is read from"), "{err}");
        assert_eq!(fs::read_to_string(lab.path("fit.toml")).unwrap(), PLAN);
    }
    assert_eq!(fs::read_to_string(lab.path("mine.svg")).unwrap(), IV);
    // The material itself may be.
    let (code, _, err) = words(&lab.fit(&["fit.toml", "--material", "start.toml", "-o", "start.toml", "--force"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(fs::read_to_string(lab.path("start.toml")).unwrap().starts_with("# Fitted by: trapline fit fit.toml"));
}

#[cfg(unix)]
#[test]
fn names_that_are_no_utf8_are_no_panic() {
    use std::os::unix::ffi::OsStrExt;
    let lab = Folder::new();
    let strange = OsStr::from_bytes(b"f\xfft.toml");
    fs::write(lab.path(strange), PLAN).unwrap();
    let material = [OsStr::new("--material"), OsStr::new("start.toml"), OsStr::new("-o")];
    let call = [&[strange][..], &material, &[OsStr::new("mine.toml")]].concat();
    let (code, _, err) = words(&lab.fit(&call));
    assert_eq!(code, Some(0), "{err}");
    let text = fs::read_to_string(lab.path("mine.toml")).unwrap();
    assert!(text.starts_with("# Fitted by: trapline fit 'f\u{fffd}t.toml' --material"), "{:?}", text.lines().next());
    let call = [&[OsStr::new("fit.toml")][..], &material, &[strange]].concat();
    let (code, out, err) = words(&lab.fit(&call));
    assert!(code == Some(2) && out.is_empty() && err.lines().count() == 1 && err.contains("no UTF-8"), "{err}");
}

#[test]
fn measured_times_go_before_the_dwell_of_all() {
    let lab = Folder::new();
    let dwells = |text: &str| {
        lab.write("iv.csv", text);
        let curve = "[[target]]\nkind = \"iv_csv\"\nfile = \"iv.csv\"\nrelative = 0.1\n";
        let plan = format!("format = 1\nconditions = {{ dwell_s = 0.5 }}\n{curve}");
        let plan = file::parse(&plan, lab.folder.path()).unwrap();
        let Aim::Iv(measured) = &plan.targets[0].aim else { panic!("a curve") };
        measured.dwells_s.clone()
    };
    assert_eq!(dwells(IV), [1.0, 2.0, 4.0]);
    assert_eq!(dwells("bias_v,current_a\n1,1e-12\n2,1e-11\n3,1e-10\n"), [0.5; 3]);
}

#[test]
fn a_check_that_cannot_be_measured_is_told_in_its_row() {
    let lab = Folder::new();
    let check =
        "[[target]]\nkind = \"parameter\"\nname = \"elsewhere\"\nkey = \"film.width\"\ntarget = 1.0\ntolerance = 0.1\n";
    lab.write("fit.toml", &format!("{PLAN}{check}check = true\n"));
    let (code, out, err) = words(&lab.fit(&["fit.toml", "--material", "start.toml", "-o", "mine.toml"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("NOT MEASURED, only checked") && out.contains("elsewhere: not measured: parameter film.width"),
        "{out}"
    );
    assert!(lab.path("mine.toml").is_file());
    // One that is fitted is told before anything is.
    lab.write("fit.toml", &format!("{PLAN}{check}"));
    let (code, out, err) = words(&lab.fit(&["fit.toml", "--material", "start.toml"]));
    assert!(code == Some(2) && out.is_empty() && err.contains("film.width"), "{err}");
}
