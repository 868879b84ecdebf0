//! What the commands that measure cells refuse, and what they leave alone.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        Desk { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn trapline(&self, call: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_trapline"))
            .current_dir(self.folder.path())
            .args(call.split_whitespace())
            .output()
            .unwrap()
    }

    /// One line, exit code 2, nothing on the standard output, and no file more than before.
    #[track_caller]
    fn refused(&self, call: &str, needed: &[&str]) {
        let names = || fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
        let before = names();
        let output = self.trapline(call);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{call}: {said}");
        assert!(output.stdout.is_empty() && said.trim_end().lines().count() == 1, "{call}: {said}");
        for part in needed {
            assert!(said.contains(part), "{call}: '{part}' is not in: {said}");
        }
        assert_eq!(names(), before, "{call}");
    }
}

#[test]
fn values_and_outputs_that_cannot_be_are_refused_in_one_line() {
    let desk = Desk::new();
    fs::write(desk.path("one.csv"), "time_s,bias_v\n0,1\n").unwrap();
    fs::write(desk.path("nan.csv"), "time_s,bias_v\n0,NaN\n1,0\n").unwrap();
    fs::write(desk.path("back.csv"), "time_s,bias_v\n0,1\n1,0\n0.5,0\n").unwrap();
    fs::write(desk.path("short.csv"), "time_s,volts\n0,1\n1,0\n").unwrap();
    fs::write(desk.path("wide.txt"), "1 0 1 0 1 1\n").unwrap();
    for (call, needed) in [
        ("iv --to 0", &["--to is 0.0", "not 0"][..]),
        ("iv --step 9", &["--step is 9.0", "whole fraction"]),
        ("iv --dwell -1", &["--dwell is -1.0", "more than 0"]),
        ("iv --sweeps 0", &["--sweeps is 0", "1 to"]),
        ("iv --cells 100000 --step 0.0001 --sweeps 4", &["100000 cells with 400000 readings", "--cells"]),
        ("iv --waveform one.csv", &["one.csv", "no segment"]),
        ("iv --waveform nan.csv", &["nan.csv: line 2", "NaN"]),
        ("iv --waveform back.csv", &["back.csv: line 4", "0.5"]),
        ("iv --waveform short.csv", &["short.csv: line 1", "no column bias_v"]),
        ("iv --waveform nowhere.csv", &["nowhere.csv", "check the path"]),
        ("iv -o no/such/x.h5", &["no/such", "not a folder"]),
        ("iv -o x.png", &["x.png", "the record and its plot"]),
        ("iv --no-plot", &["--output"]),
        ("iv --read-bias 1", &["--read-bias"]),
        ("pulse --count 0", &["--count is 0", "1 to"]),
        ("pulse --width -1", &["--width is -1.0"]),
        ("pulse --depress 3 --depress-amplitude 0", &["--depress-amplitude is 0.0"]),
        ("pulse --temperature -300", &["--temperature is -300.0"]),
        ("retain --amplitude 0.15", &["no window", "larger --amplitude"]),
        ("retain --material pi", &["no window", "no traps"]),
        ("retain --until 0", &["--until is 0.0"]),
        ("learn --cells 3", &["--cells"]),
        ("learn --pattern ./wide.txt", &["1 x 6", "5 x 5"]),
        ("learn --pattern Q", &["\"Q\" is unknown", "H, L, T"]),
        ("paper --figure 1c", &["1c", "S13"]),
    ] {
        desk.refused(call, needed);
    }
}

#[test]
fn what_was_there_stays_unless_it_may_be_replaced() {
    let desk = Desk::new();
    let waveform = "time_s,bias_v\n0,1\n1,0\n";
    fs::write(desk.path("mine.csv"), waveform).unwrap();
    desk.refused("iv --waveform mine.csv -o mine.csv --force", &["mine.csv", "reads"]);
    assert_eq!(fs::read_to_string(desk.path("mine.csv")).unwrap(), waveform);
    fs::write(desk.path("x.svg"), "mine").unwrap();
    desk.refused("pulse -o x.h5", &["x.svg exists", "--force"]);
    assert!(desk.trapline("pulse -o x.h5 --force").status.success());
    assert_ne!(fs::read(desk.path("x.svg")).unwrap(), b"mine");
    assert!(desk.path("x.h5").exists() && desk.path("x.png").exists());

    fs::create_dir(desk.path("web")).unwrap();
    fs::write(desk.path("web/index.html"), "mine").unwrap();
    desk.refused("paper --figure 2i -o web", &["web/index.html exists", "--force"]);
    assert_eq!(fs::read_dir(desk.path("web")).unwrap().count(), 1);
    // One figure does not replace those of an earlier call, and what is not trapline's stays whatever happens.
    for name in ["figure-3g.png", "figure-mine.png"] {
        fs::write(desk.path("web").join(name), "old").unwrap();
    }
    desk.refused("paper --figure 2i -o web --force", &["web/figure-3g.png", "another folder"]);
    fs::remove_file(desk.path("web/figure-3g.png")).unwrap();
    let output = desk.trapline("paper --figure 2i -o web --force");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(desk.path("web/figure-mine.png").exists());
    assert!(desk.path("web/figure-2i.png").exists() && desk.path("web/paper.h5").exists());
}

#[test]
fn above_the_glass_transition_is_simulated_and_flagged() {
    let desk = Desk::new();
    for celsius in ["175", "200"] {
        let output = desk.trapline(&format!("retain --temperature {celsius} --until 10 -o {celsius}.h5"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("above the glass transition, 170 °C"), "{said}");
        let table = String::from_utf8_lossy(&output.stdout);
        // At 200 °C the matrix lets go within 5 us, and 1 ms passes after each pulse: no window, and no NaN for it.
        assert_eq!(table.lines().skip(1).all(|line| line.ends_with(" -")), celsius == "200", "{table}");
        assert!(!table.contains("NaN"), "{table}");
        assert!(desk.path(&format!("{celsius}.png")).exists());
    }
}
