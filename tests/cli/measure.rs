//! What the commands that measure cells refuse, and what they leave alone.

use std::fs;
use std::process::{Command, Output};

use crate::desk::Desk;
use trapline::record;

#[test]
fn values_and_outputs_that_cannot_be_are_refused_in_one_line() {
    let desk = Desk::new();
    fs::write(desk.path("one.csv"), "time_s,bias_v\n0,1\n").unwrap();
    fs::write(desk.path("nan.csv"), "time_s,bias_v\n0,NaN\n1,0\n").unwrap();
    fs::write(desk.path("back.csv"), "time_s,bias_v\n0,1\n1,0\n0.5,0\n").unwrap();
    fs::write(desk.path("short.csv"), "time_s,x\n0,1\n1,0\n").unwrap();
    fs::write(desk.path("wide.txt"), "1 0 1 0 1 1\n").unwrap();
    for (call, needed) in [
        ("iv --to 0", &["--to is 0.0", "not 0"][..]),
        ("iv --step 9", &["--step is 9.0", "whole fraction"]),
        ("iv --dwell -1", &["--dwell is -1.0", "1e-12 to 1000000.0 s"]),
        ("iv --sweeps 0", &["--sweeps is 0", "1 to"]),
        ("iv --cells 100000 --step 0.0001 --sweeps 4", &["100000 cells with 400000 readings", "--cells"]),
        ("iv --waveform one.csv", &["one.csv", "no segment"]),
        ("iv --waveform nan.csv", &["nan.csv: line 2", "NaN"]),
        ("iv --waveform back.csv", &["back.csv: line 4", "0.5"]),
        ("iv --waveform short.csv", &["short.csv: line 1", "no column bias_v"]),
        ("iv --waveform nowhere.csv", &["nowhere.csv", "check the path"]),
        ("iv -o no/such/x.h5", &["no/such", "not a folder"]),
        ("iv -o x.png", &["x.png", "choose .h5 (a record), .csv or .json"]),
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
        ("noise --electrons mean-field", &["mean-field", "no noise"]),
        ("noise --electrons each-dot", &["each-dot", "--backend reference"]),
        ("noise --area 1e-6", &["1e-6 um^2", "0.075 dots", "1 to"]),
        ("noise --area NaN", &["--area is NaN"]),
        ("noise --area 1e-3 --step 0", &["--step is 0.0"]),
        ("noise --area 1e-3 --step NaN", &["--step is NaN"]),
        ("noise --area 1e-3 --bias NaN", &["--bias is NaN"]),
        ("noise --area 1e-3 --bias 0", &["0.0 V catches nothing"]),
        ("noise --area 1e-3 --samples 100", &["--samples", "256"]),
        ("noise --area 1e-3 --samples 99999999", &["--samples", "16777216"]),
        ("noise --area 1e-3 --samples 16777216 --cells 100", &["--cells", "at most 20000000"]),
        ("noise --area 1e-3 --no-noise", &["--no-noise"]),
        ("noise --material pi", &["pi has no traps"]),
        ("paper --figure 1c", &["1c", "S13"]),
    ] {
        desk.refused(call, needed);
    }
}

/// Numbers of a record, which must be those that were printed.
#[test]
fn the_noise_of_few_dots_is_recorded_with_its_closed_form() {
    let desk = Desk::new();
    let call = "noise --area 0.02 --bias 4 --temperature 195 --step 5e-6 --samples 4096 --cells 4 --json -o noise.h5";
    let output = desk.trapline(call);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("4 cells of"), "{said}");
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = record::read_datasets(&desk.path("noise.h5")).unwrap();
    let d = &found.datasets[0];
    assert_eq!((d.name.as_str(), d.numbers("current_a").unwrap().shape()), ("noise", &[4, 4096][..]));
    let all = |name: &str| d.numbers(name).unwrap().iter().copied().collect::<Vec<f64>>();
    let (density, closed) = (all("density_a2_per_hz"), all("closed_form_a2_per_hz"));
    let listed: Vec<f64> =
        printed["density_a2_per_hz"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(listed.len(), density.len());
    // A number that is printed and read again may differ in its last bit.
    assert!(listed.iter().zip(&density).all(|(a, b)| (a / b - 1.0).abs() < 1e-15));
    // 4 x 15 segments: a band scatters by 13 % at most, and 60 of them are within 5 of that.
    assert!(density.iter().zip(&closed).skip(2).all(|(found, closed)| (found / closed - 1.0).abs() < 0.7));
    // The material of the record is the one that was measured, area and all.
    assert!(found.label.materials[0].1.contains("area = { value = 0.02,"), "{:?}", found.label.materials);
    assert!(["noise.png", "noise.svg"].iter().all(|name| desk.path(name).exists()));
    // The same seed, the same noise; another one, another.
    let again = |seed: &str| desk.trapline(&format!("{} --seed {seed}", call.split(" -o").next().unwrap())).stdout;
    assert_eq!(again("1"), output.stdout);
    assert_ne!(again("2"), output.stdout);
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

/// Each name that a line says was kept, without what stands around it.
fn kept(line: &str) -> Vec<String> {
    let names = line.split("kept as ").nth(1).unwrap_or_default().split(": rename").next().unwrap_or_default();
    names.split([',', ' ']).filter(|word| word.contains('.')).map(str::to_owned).collect()
}

/// Ten that compute at once and want one name: one gets it, with its plot; of the others each keeps its own, and says
/// where.
#[test]
fn of_ten_at_once_none_loses_its_result() {
    use trapline::record;

    let desk = Desk::new();
    let start = |seed: u64| {
        let call = format!("iv --cells 2000 --step 0.25 --quiet --backend cpu --threads 1 -o same.h5 --seed {seed}");
        Command::new(env!("CARGO_BIN_EXE_trapline"))
            .current_dir(desk.folder.path())
            .args(call.split_whitespace())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let running: Vec<_> = (1..=10).map(start).collect();
    let ended: Vec<Output> = running.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let lines: Vec<String> = ended.iter().map(|o| String::from_utf8_lossy(&o.stderr).into_owned()).collect();
    assert_eq!(ended.iter().filter(|o| o.status.success()).count(), 1, "{lines:?}");
    let mut stems = vec!["same".to_owned()];
    let mut late = 0;
    for (output, line) in ended.iter().zip(&lines).filter(|(o, _)| !o.status.success()) {
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert_eq!(line.trim_end().lines().count(), 1, "{line}");
        // One that started after the first had ended computed nothing.
        if line.contains("exists; choose") {
            late += 1;
            continue;
        }
        assert!(line.contains("same.h5 exists by now") && !output.stdout.is_empty(), "{line}");
        let [record, png, svg, csv] = &kept(line)[..] else { panic!("four files in: {line}") };
        let stem = record.strip_suffix(".h5").unwrap();
        assert_eq!(
            [png, svg, csv].map(String::as_str),
            ["png", "svg", "figure.csv"].map(|end| format!("{stem}.{end}")),
            "{line}"
        );
        stems.push(stem.to_owned());
    }
    assert!(late < 9, "none of them met another: {lines:?}");
    // Every result is there, once, with its plot; nothing else is.
    let mut seeds: Vec<u64> =
        stems.iter().map(|stem| record::read_datasets(&desk.path(&format!("{stem}.h5"))).unwrap().label.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 10 - late);
    assert!(
        stems
            .iter()
            .all(|stem| ["png", "svg", "figure.csv"].iter().all(|end| desk.path(&format!("{stem}.{end}")).exists()))
    );
    assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 4 * (10 - late));
}

/// While a page is computed a file comes to lie at the name of its figure, which is written after the record: the
/// page stays together.
#[test]
fn files_of_one_result_stay_together() {
    use std::io::BufRead;

    let desk = Desk::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_trapline"))
        .current_dir(desk.folder.path())
        .args(["paper", "--figure", "2i", "-o", "web", "--backend", "cpu"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // Who computes is said when the outputs have been looked at.
    said.read_line(&mut line).unwrap();
    assert!(line.starts_with("cpu: "), "{line}");
    fs::write(desk.path("web/figure-2i.svg"), "mine").unwrap();
    let rest: Vec<String> = said.lines().map(Result::unwrap).collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{rest:?}");
    let last = rest.last().unwrap();
    let kept = std::path::Path::new("web").join("result-2");
    assert!(last.contains("figure-2i.svg exists by now") && last.contains(kept.to_str().unwrap()), "{last}");
    assert!(!output.stdout.is_empty(), "the findings are told all the same");
    assert_eq!(fs::read(desk.path("web/figure-2i.svg")).unwrap(), b"mine");
    let names = |folder: &str| {
        let entries = fs::read_dir(desk.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("web"), ["figure-2i.svg", "result-2"]);
    let all = ["claims.json", "figure-2i.figure.csv", "figure-2i.png", "figure-2i.svg", "index.html", "paper.h5"];
    assert_eq!(names("web/result-2"), all);
}

/// The names that a temporary had, for every process that may come: links to another file. None is followed, and what
/// is replaced keeps its permissions.
#[cfg(unix)]
#[test]
fn planted_links_lead_nowhere_and_permissions_stay() {
    use std::os::unix::fs::PermissionsExt;

    let desk = Desk::new();
    fs::write(desk.path("victim"), "precious").unwrap();
    fs::write(desk.path("iv.h5"), "old").unwrap();
    fs::set_permissions(desk.path("iv.h5"), fs::Permissions::from_mode(0o600)).unwrap();
    // The shell has the number that the program has after it.
    let plant = "for n in 0 1 2 3; do ln -s victim iv.h5.$$-$n.part; done";
    let shell = format!("{plant}; exec '{}' iv --step 1 --no-plot -o iv.h5 --force", env!("CARGO_BIN_EXE_trapline"));
    let mut command = Command::new("sh");
    command.arg("-c").arg(shell).current_dir(desk.folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(desk.path("victim")).unwrap(), b"precious");
    let found = fs::symlink_metadata(desk.path("iv.h5")).unwrap();
    assert!(found.is_file() && found.len() > 8);
    assert_eq!(found.permissions().mode() & 0o777, 0o600, "{:o}", found.permissions().mode());
    // The text files of other commands too.
    fs::write(desk.path("trapline.1"), "old").unwrap();
    fs::set_permissions(desk.path("trapline.1"), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(desk.trapline("man -o . --force").status.success());
    let mode = fs::metadata(desk.path("trapline.1")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{mode:o}");
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_hdf5_cannot_have_are_refused_before_anything_is_computed() {
    use std::os::unix::ffi::OsStrExt;

    let desk = Desk::new();
    let name = std::ffi::OsStr::from_bytes(b"b\xe4d.h5");
    // A long computation, which a refusal must not wait for: each would take hours.
    for call in [
        "iv --cells 1000 --sweeps 90 --no-plot -o",
        "pulse --cells 1000 --count 9000 --no-plot -o",
        "retain --cells 10000 -o",
        "learn --rows 300 --cols 300 -o",
        "mnist --data . -o",
        "paper -o",
        "merge no.h5 -o",
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
        let output = command.current_dir(desk.folder.path()).args(call.split_whitespace()).arg(name).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{call}: {said}");
        assert!(
            said.contains("not UTF-8") && said.contains("-o") && said.trim_end().lines().count() == 1,
            "{call}: {said}"
        );
        assert!(!said.contains("disk") && output.stdout.is_empty(), "{call}: {said}");
        assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 0, "{call}");
    }
    let long = format!("iv -o {}.h5", "x".repeat(230));
    desk.refused(&long, &["233 bytes", "220", "-o"]);
}

/// `ulimit -f` in blocks of 512 or 1024 bytes, as the shell has them.
#[cfg(unix)]
#[test]
fn a_limit_of_a_files_size_is_told_by_its_name() {
    let desk = Desk::new();
    let limited = |call: &str| {
        let shell = format!("ulimit -f 4; exec '{}' {call}", env!("CARGO_BIN_EXE_trapline"));
        Command::new("sh").arg("-c").arg(shell).current_dir(desk.folder.path()).output().unwrap()
    };
    for call in [
        "iv --step 0.1 --no-plot -o x.h5 --quiet",
        "iv --step 1 -o y.h5 --quiet",
        "man -o pages",
        "completions bash > words",
    ] {
        let output = limited(call);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{call}: {:?} {said}", output.status);
        assert!(said.contains("ulimit -f") && said.trim_end().lines().count() == 1, "{call}: {said}");
    }
    let left: Vec<_> = fs::read_dir(desk.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(fs::read_dir(desk.path("pages")).unwrap().count(), 0);
}

/// A record given where a text is wanted, whatever its length, and in each place that takes one.
#[test]
fn a_record_in_the_place_of_a_text_is_told_as_one() {
    let desk = Desk::new();
    assert!(desk.trapline("iv --step 1 --no-plot -o small.h5 --quiet").status.success());
    assert!(desk.trapline("iv --step 0.05 --cells 2000 --no-plot -o large.h5 --quiet").status.success());
    assert!(fs::metadata(desk.path("small.h5")).unwrap().len() < 1 << 20);
    assert!(fs::metadata(desk.path("large.h5")).unwrap().len() > 1 << 20);
    for name in ["small.h5", "large.h5"] {
        for call in [
            format!("run {name}"),
            format!("plan {name}"),
            format!("rare {name}"),
            format!("slurm {name} --tasks 2 --time 1h"),
            format!("iv --material ./{name}"),
            format!("iv --waveform {name}"),
            format!("learn --pattern {name}"),
            format!("fit {name} --material pi-ws2-qd"),
        ] {
            desk.refused(&call, &[name, "is an HDF5 record", "trapline show"]);
        }
    }
}

/// A passive array is what `learn` simulates unless a switch at every cell is asked for; `grounded` was the name of
/// the latter.
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

/// What would be left without an effect, and biases at which the law gives no current of a cell, are refused in a line.
#[test]
fn what_has_no_effect_or_no_meaning_is_refused() {
    let desk = Desk::new();
    desk.refused("learn --wire-ohm 10 --word-wire-ohm 1e7 --bit-wire-ohm 1e7", &["--wire-ohm does nothing"]);
    desk.refused("pulse --count 2 --depress-amplitude -3", &["--depress-amplitude does nothing", "--depress"]);
    desk.refused("write --wire-ohm 0 --tolerance 1e-8", &["--tolerance does nothing", "--wire-ohm"]);
    desk.refused(
        "iv --material pi-ws2-ns --temperature -268 --to 100 --step 5 --backend cpu",
        &["gives the nominal cell a current of", "0 to 1e6 A"],
    );
    std::fs::write(desk.path("curve.csv"), "time_s,kept\n-5,1\n1,0.9\n0.5,0.8\n2,0.7\n").unwrap();
    desk.refused("check curve.csv", &["curve.csv: line 4", "time_s is 0.5", "more than that of the line before"]);
    std::fs::write(desk.path("curve.csv"), "time_s,kept\n-5,1\n0.5,0.9\n1,0.8\n2,0.7\n").unwrap();
    assert!(desk.good("check curve.csv").contains("nothing is wrong"));
}
