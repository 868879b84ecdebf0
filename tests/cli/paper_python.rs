//! The claims of the source paper, measured again in Python from the raw data that `trapline paper` leaves.

use std::path::Path;
use std::process::{Command, Output};

fn python() -> Command {
    Command::new(std::env::var_os("TRAPLINE_PYTHON").expect("TRAPLINE_PYTHON names a Python with h5py and numpy"))
}

/// The exit status and the words of `measure_claims.py`.
fn measured_again(raw: &Path, claims: &Path) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/measure_claims.py");
    let Output { status, stdout, stderr } = python().arg(script).arg(raw).arg(claims).output().expect("Python runs");
    (status.success(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

/// A variable, the part of it that is scaled by a factor, and a claim that must notice.
const CONTROLS: [(&str, &str, f64, &str); 10] = [
    ("iv/qd_100c/current_a", "...", 1.0 + 1e-6, "power-order"),
    ("iv/set_voltage/current_a", "0, :100", 1.0 + 1e-6, "set-voltage"),
    // That cell catches a 200th of what is injected, a tenth of the largest share of all experiments.
    ("iv/set_voltage/caught", "...", 100.0, "charge-balance"),
    ("pulse/cycles_25c/energy_j", "0, 0, 29", 1.0 + 1e-6, "pulse-energy"),
    ("pulse/cycles_25c/conductance_noiseless_s", "0, 99, 12", 1.1, "pulse-cycles"),
    ("retention/qd_150c/conductance_noiseless_s", "1, -1, 3", 1.0 + 1e-6, "qd-retention-150c"),
    ("letter/ns_100c/kept_conductance_s", "0, -1", 1.0 + 1e-6, "ns-array-forgets"),
    // Other readings have lines of their own, set in by two blanks.
    ("pulse/cycles_25c/energy_j", "0, 0, 3", 1.0 + 1e-6, "  a cycle of 30 pulses"),
    ("iv/ns_25c/current_a", "...", 1.0 + 1e-4, "  activation energy"),
    ("letter/qd_150c_half/conductance_s", ":, -1", 1.0 + 1e-6, "letter-h"),
];

const SCALE: &str = "import sys, h5py
with h5py.File(sys.argv[1], 'r+') as file:
    part = eval(f'__import__(\"numpy\").s_[{sys.argv[3]}]')
    file[sys.argv[2]][part] = file[sys.argv[2]][part] * float(sys.argv[4])";

#[test]
#[ignore = "needs TRAPLINE_PYTHON with h5py, numpy"]
fn python_finds_the_same_in_the_raw_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let paper = folder.path().join("paper");
    let run = Command::new(env!("CARGO_BIN_EXE_trapline"))
        .args(["paper", "--seed", "29", "--backend", "cpu", "--quiet", "-o"])
        .arg(&paper)
        .output()
        .expect("the program runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let (raw, claims) = (paper.join("paper.h5"), paper.join("claims.json"));
    let (same, said) = measured_again(&raw, &claims);
    assert!(same && said.contains("33 claims and 5 other readings measured again, 0 with objections"), "{said}");

    for (variable, part, factor, claim) in CONTROLS {
        let scaled = folder.path().join("scaled.h5");
        std::fs::copy(&raw, &scaled).expect("copied");
        let edit = python().args(["-c", SCALE]).arg(&scaled).args([variable, part, &factor.to_string()]).output();
        let edit = edit.expect("Python runs");
        assert!(edit.status.success(), "{variable}: {}", String::from_utf8_lossy(&edit.stderr));
        let (same, said) = measured_again(&scaled, &claims);
        let line = said.lines().find(|line| line.starts_with(claim)).unwrap_or_default();
        assert!(!same && line.contains("another value"), "{variable} was scaled: {said}");
    }
}
