//! What the commands that measure cells refuse, and what they leave alone.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use trapline::record;

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

    /// The long help of a command, wherever its lines are broken.
    fn help(&self, command: &str) -> String {
        let text = String::from_utf8(self.trapline(&format!("{command} --help")).stdout).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
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

/// A passive array is what `learn` simulates unless a switch at every cell is asked for; `grounded` was the name of the latter.
#[test]
fn learning_says_which_scheme_it_is_under() {
    let desk = Desk::new();
    for name in ["grounded", "Grounded"] {
        desk.refused(&format!("learn --select {name}"), &["--select", "grounded", "isolated", "switch at every cell"]);
    }
    desk.refused("learn --select float", &["float", "half", "third", "isolated"]);
    let help = desk.help("learn");
    assert!(help.contains("[default: half]") && help.contains("isolated") && !help.contains("grounded"), "{help}");

    // The highest conductance outside the letter after all pulses: the last column of the row before the bake.
    let outside = |call: &str, scheme: &str| -> f64 {
        let output = desk.trapline(call);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && err.contains(&format!("scheme {scheme}: ")), "{call}: {err}");
        let row = out.lines().find(|line| line.starts_with("30 pulses")).unwrap();
        row.split_whitespace().next_back().unwrap().parse().unwrap()
    };
    let by_itself = outside("learn --no-noise -o half.h5 --no-plot", "half");
    let isolated = outside("learn --no-noise --select isolated -o isolated.h5 --no-plot", "isolated");
    // Half-selected cells fill: by more than all variation of cells that are not disturbed.
    assert!(by_itself > 1.02 * isolated, "{by_itself:e} {isolated:e}");
    assert_eq!(outside("learn --no-noise --select half", "half"), by_itself);
    let shown = |name: &str| String::from_utf8(desk.trapline(&format!("show {name}")).stdout).unwrap();
    assert!(shown("half.h5").contains("scheme: half") && shown("isolated.h5").contains("scheme: isolated"));

    // A file from before the name was changed.
    let mut old = record::read_datasets(&desk.path("isolated.h5")).unwrap();
    let note = old.datasets[0].notes.iter_mut().find(|(key, _)| key == "scheme").unwrap();
    note.1 = "grounded".to_owned();
    record::write_datasets(&desk.path("old.h5"), &old.label, &old.provenance, &old.datasets).unwrap();
    assert!(shown("old.h5").contains("scheme: grounded"));
    let same = desk.trapline("diff old.h5 isolated.h5");
    assert!(
        same.status.success(),
        "{}{}",
        String::from_utf8_lossy(&same.stdout),
        String::from_utf8_lossy(&same.stderr)
    );
}

/// Thirty blank pictures with a digit each, as IDX.
fn made_up_digits(desk: &Desk) {
    fs::create_dir(desk.path("digits")).unwrap();
    for set in ["train", "t10k"] {
        let head = |magic: u32, sizes: &[u32]| {
            std::iter::once(&magic).chain(sizes).flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>()
        };
        let ink = (0..30 * 28 * 28).map(|i: u32| if i % 7 == i / 784 % 7 { 255 } else { 0 });
        let images: Vec<u8> = head(0x803, &[30, 28, 28]).into_iter().chain(ink).collect();
        let labels: Vec<u8> = head(0x801, &[30]).into_iter().chain((0..30).map(|i| i % 10)).collect();
        fs::write(desk.path(&format!("digits/{set}-images-idx3-ubyte")), images).unwrap();
        fs::write(desk.path(&format!("digits/{set}-labels-idx1-ubyte")), labels).unwrap();
    }
}

#[test]
fn digits_are_learnt_by_isolated_cells_and_told_so() {
    let desk = Desk::new();
    made_up_digits(&desk);
    let help = desk.help("mnist");
    assert!(help.contains("isolated") && help.contains("a switch at every one"), "{help}");
    let output = desk.trapline("mnist --data digits --presentations 3 --seeds 1 -o m.h5 --no-plot --quiet");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("isolated: a switch at every cell"), "{out}{err}");
    let found = record::read_datasets(&desk.path("m.h5")).unwrap();
    assert_eq!(found.datasets[0].remark("selection"), Some("isolated"));
}

/// The page, the terminal and claims.json say what was found and what was expected, reading by reading.
#[test]
fn a_contradiction_that_is_expected_is_shown_and_is_no_failure() {
    let desk = Desk::new();
    let json = |folder: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(desk.path(folder).join("claims.json")).unwrap()).unwrap()
    };
    let output = desk.trapline("paper --figure 3c -o 3c --quiet");
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let columns = |start: &str| -> Vec<String> {
        let line = out.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_else(|| panic!("{out}"));
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
    };
    let line = columns("qd-no-hopping");
    assert_eq!(
        (line[2].as_str(), &line[4..]),
        ("at most 0.998", &["contradicted".to_owned(), "contradicted".to_owned()][..])
    );
    assert_eq!(columns("activation energy")[3..], ["met", "met", "put in"]);
    let claims = json("3c");
    let claim = &claims[0];
    assert_eq!((&claim["found"], &claim["expected"]), (&"contradicted".into(), &"contradicted".into()));
    assert!(claim["as_expected"] == true && claim["value"].as_f64().unwrap() > 0.998, "{claim}");
    let reading = &claim["readings"][0];
    assert!(reading["name"] == "activation energy" && reading["found"] == "met" && reading["expected"] == "met");
    let page = fs::read_to_string(desk.path("3c/index.html")).unwrap();
    assert!(page.contains("data-of=\"found\">contradicted<") && page.contains("data-of=\"expected\">contradicted<"));
    assert!(page.contains("this plot is not reproduced") || page.contains("This plot is not reproduced"));

    // One pulse takes femtojoules, and a cycle of 30 does not.
    assert!(desk.trapline("paper --figure 2i -o 2i --quiet").status.success());
    let energy = json("2i");
    let (pulse, cycle) = (&energy[0], &energy[0]["readings"][0]);
    assert!(pulse["id"] == "pulse-energy" && pulse["found"] == "met" && cycle["found"] == "contradicted", "{energy}");
    let joules = |one: &serde_json::Value| one["value"].as_f64().unwrap();
    // The dearest of 30 pulses that differ by a fifth: their sum is 30 times less up to a fifth of it.
    assert!(joules(cycle) > 24.0 * joules(pulse) && joules(cycle) < 30.0 * joules(pulse), "{energy}");
    assert!(pulse["follows_from"].as_str().unwrap().contains("1e-11 W"));

    // Where the window counts as closed is ours: at 90 and 98 % the set voltage is another.
    assert!(desk.trapline("paper --figure S3 -o s3 --quiet").status.success());
    let set = json("s3");
    let volts: Vec<f64> = [&set[0]["readings"][0], &set[0], &set[0]["readings"][1]].map(joules).to_vec();
    assert!(volts.windows(2).all(|pair| pair[1] > pair[0] + 0.2), "{volts:?}");
}
