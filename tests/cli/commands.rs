//! The program as a user meets it: the real binary, its files, its words and its exit codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use trapline::campaign::{Overrides, Plan};
use trapline::material::Variation;
use trapline::outcome::CampaignRecord;
use trapline::record;

const SMALL: &str = r#"
format = 1
name = "small"
seed = 5
variation = true
electrons = "mean-field"

[array]
rows = 32
cols = 48

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[[material]]
use = "pi-ws2-ns"
program = [{ pulses = 30, amplitude_v = 0.7, width_s = 1e-3, interval_s = 1e-3 }]

[program]
temperature_c = 25.0

[bake]
temperatures_c = [25.0, 155.0, 180.0]
from_s = 1.0
to_s = 1e6
per_octave = 1

[histogram]
bins = 8

[dump]
first_row = 30
first_col = 40
rows = 2
cols = 8
"#;

/// A folder with a campaign in it, in which the program runs.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new(campaign: &str) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("small.toml"), campaign).unwrap();
        Desk { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn trapline(&self, arguments: &[&str]) -> Output {
        command(self.folder.path()).args(arguments).output().unwrap()
    }

    /// Runs `small.toml` on the CPU.
    fn run(&self, more: &[&str]) -> Output {
        self.trapline(&[&["run", "small.toml", "--backend", "cpu", "--no-plot"], more].concat())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}\n{}", output.status, err(output));
    out(output)
}

/// One line on the standard error with all of these in it, nothing on the standard output, and this exit code.
#[track_caller]
fn refused(output: &Output, code: i32, says: &[&str]) {
    let text = err(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "not one line:\n{text}");
    assert!(text.starts_with("trapline: "), "{text}");
    for word in says {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert_eq!(out(output), "", "{text}");
}

#[test]
fn a_campaign_from_end_to_end() {
    let desk = Desk::new(SMALL);
    let ran = desk.trapline(&["run", "small.toml", "-o", "mine.h5", "--backend", "cpu"]);
    let summary = good(&ran);
    assert_eq!(desk.names(), ["mine.figure.csv", "mine.h5", "mine.png", "mine.svg", "small.toml"]);
    for word in ["pi-ws2-qd", "pi-ws2-ns", "1536/1536", "kept %", "failed %", "1e3 s", "1e4 s", "1e5 s"] {
        assert!(summary.contains(word), "{word} is not in\n{summary}");
    }
    assert!(summary.contains("180 °C is above the glass transition, 170 °C"), "{summary}");
    assert_eq!(summary.matches("glass transition").count(), 1, "once, with its points:\n{summary}");
    let notes = err(&ran);
    assert!(notes.contains("6 points") && notes.contains("32 x 48 cells") && notes.contains("cpu:"), "{notes}");
    assert!(notes.contains("wrote mine.h5, mine.png, mine.svg, mine.figure.csv in "), "{notes}");
    assert!(!notes.contains('\r') && !notes.contains('\u{1b}'), "a bar without a terminal: {notes:?}");

    let found = record::open_campaign(&desk.path("mine.h5")).unwrap();
    assert_eq!(found.label.campaign_toml, SMALL);
    assert_eq!(found.label.common(|of| (of.rows, of.cols, of.seed)), Some((32, 48, 5)));
    assert_eq!(found.computed(), 6);
    assert_eq!(found.provenance.commit, trapline::COMMIT);
    assert_eq!(found.label.common(|of| (of.read_v, of.program_k)), Some((0.1, 298.15)));
    // The dump is of the cells that the statistics are of.
    let dump = record::read_dump(&found, 1).unwrap().unwrap();
    let statistics = &found.points[1].outcome.as_ref().unwrap().conductance_s;
    assert_eq!(dump.conductance_s.dim(), (found.label.times_s.len(), 2, 8));
    for (k, plane) in dump.conductance_s.outer_iter().enumerate() {
        let (low, high) = (statistics.min[k], statistics.max[k]);
        // f32 in the dump.
        let within = |g: &f32| f64::from(*g) >= low * (1.0 - 1e-6) && f64::from(*g) <= high * (1.0 + 1e-6);
        assert!(plane.iter().all(within), "checkpoint {k}: {plane} is not within {low} to {high}");
    }

    let shown = good(&desk.trapline(&["show", "mine.h5"]));
    assert!(shown.contains("campaign      small") && shown.contains("6 of 6"), "{shown}");
    assert!(shown.ends_with(&summary), "show ends with the summary of the run");
}

/// A point depends on the plan and its number: the same from a campaign of all points, and of itself.
#[test]
fn a_point_does_not_depend_on_the_others() {
    let desk = Desk::new(SMALL);
    good(&desk.run(&["-o", "all.h5"]));
    let alone = SMALL.replace("[25.0, 155.0, 180.0]", "[155.0]");
    fs::write(desk.path("small.toml"), alone).unwrap();
    good(&desk.run(&["-o", "alone.h5", "--threads", "1"]));
    let [all, alone] = ["all.h5", "alone.h5"].map(|name| record::open_campaign(&desk.path(name)).unwrap());
    for m in 0..2 {
        let pair = [(&all, 3 * m + 1), (&alone, m)].map(|(r, n)| record::whole(r, n).unwrap().unwrap());
        assert!(pair[0] == pair[1], "material {m} differs");
        assert!(pair[0].times_s.len() > 20 && pair[0].dump.is_some());
    }
    // The negative control: another temperature does differ.
    let kept = |record: &CampaignRecord| record.points[0].outcome.as_ref().unwrap().kept.clone();
    assert!(kept(&all) != kept(&alone));
}

#[test]
fn the_command_line_overrides_and_the_record_says_so() {
    let desk = Desk::new(&SMALL[..SMALL.find("[dump]").unwrap()]);
    good(&desk.run(&["--rows", "4", "--cols", "8", "--seed", "18446744073709551615"]));
    let found = record::open_campaign(&desk.path("small.h5")).unwrap();
    assert_eq!(found.label.common(|of| (of.rows, of.cols, of.seed)), Some((4, 8, u64::MAX)));
    assert_eq!(found.label.overrides, ["rows = 4", "cols = 8", "seed = 18446744073709551615"]);
    assert!(good(&desk.trapline(&["show", "small.h5"])).contains("rows = 4, cols = 8"));
    let quiet = desk.run(&["--rows", "4", "--cols", "8", "--force", "--quiet"]);
    assert!(good(&quiet).contains("32/32"));
    assert_eq!(err(&quiet), "");
}

/// Programmed with next to nothing, an array holds nothing: the record and the summary say so.
#[test]
fn an_array_that_takes_no_charge_is_remarked_on() {
    let text = SMALL.replace("amplitude_v = 1.5", "amplitude_v = 1e-300");
    let desk = Desk::new(&text[..text.find("[dump]").unwrap()]);
    let summary = good(&desk.run(&[]));
    let remark = summary.lines().find(|line| line.contains("put no charge into any cell")).unwrap();
    assert_eq!(remark.matches("pi-ws2-qd, ").count(), 3, "of the points of one material:\n{summary}");
    assert!(!remark.contains("pi-ws2-ns"), "{remark}");
    assert!(good(&desk.trapline(&["show", "small.h5"])).contains("put no charge into any cell"));
    // A material without traps has nothing to take charge with.
    fs::write(desk.path("small.toml"), text[..text.find("[dump]").unwrap()].replace("pi-ws2-qd", "pi")).unwrap();
    assert!(!good(&desk.run(&["--force"])).contains("put no charge"));
}

#[test]
fn what_exists_is_kept_unless_forced() {
    let desk = Desk::new(&SMALL[..SMALL.find("[dump]").unwrap()]);
    fs::write(desk.path("small.h5"), "precious").unwrap();
    refused(&desk.run(&[]), 2, &["small.h5 exists", "--force"]);
    assert_eq!(fs::read(desk.path("small.h5")).unwrap(), b"precious");
    assert_eq!(desk.names(), ["small.h5", "small.toml"]);
    good(&desk.run(&["--force"]));
    record::open_campaign(&desk.path("small.h5")).unwrap();
    assert_eq!(desk.names(), ["small.h5", "small.toml"]);

    // A figure in the way counts as well, where one is to be drawn.
    fs::write(desk.path("plot.png"), "precious").unwrap();
    refused(&desk.trapline(&["run", "small.toml", "-o", "plot.h5"]), 2, &["plot.png exists", "--force"]);
    assert_eq!(fs::read(desk.path("plot.png")).unwrap(), b"precious");
    good(&desk.run(&["-o", "plot.h5"]));
    assert_eq!(fs::read(desk.path("plot.png")).unwrap(), b"precious");
}

#[test]
fn points_of_an_interrupted_run_are_not_overwritten_silently() {
    let desk = Desk::new(&SMALL[..SMALL.find("[dump]").unwrap()]);
    fs::create_dir_all(desk.path("small.h5.parts/000000")).unwrap();
    fs::write(desk.path("small.h5.parts/000000/point-000000.h5"), "half").unwrap();
    let says = ["small.h5.parts", "1 finished points", "interrupted", "show", "point-000000.h5", "-o", "--force"];
    refused(&desk.run(&[]), 2, &says);
    assert!(desk.path("small.h5.parts/000000/point-000000.h5").exists());
    good(&desk.run(&["--force"]));
    assert_eq!(desk.names(), ["small.h5", "small.toml"]);

    // A folder of that name which is somebody's own stays even then.
    fs::create_dir(desk.path("other.h5.parts")).unwrap();
    fs::write(desk.path("other.h5.parts/thesis.tex"), "mine").unwrap();
    refused(&desk.run(&["-o", "other.h5", "--force"]), 2, &["other.h5.parts", "thesis.tex"]);
    assert!(desk.path("other.h5.parts/thesis.tex").exists());
    // Nor does a file go that lies where points would.
    fs::create_dir_all(desk.path("deep.h5.parts/202401")).unwrap();
    fs::write(desk.path("deep.h5.parts/202401/thesis.tex"), "mine").unwrap();
    refused(&desk.run(&["-o", "deep.h5", "--force"]), 2, &["deep.h5.parts", "202401/thesis.tex"]);
    assert_eq!(fs::read(desk.path("deep.h5.parts/202401/thesis.tex")).unwrap(), b"mine");

    // What a run left that was stopped before its first point is no obstacle.
    fs::create_dir_all(desk.path("early.h5.parts/000000")).unwrap();
    fs::write(desk.path("early.h5.parts/lock"), "").unwrap();
    fs::write(desk.path("early.h5.parts/000000/point-000000.h5.77-0.part"), "ha").unwrap();
    good(&desk.run(&["-o", "early.h5"]));
    assert!(!desk.path("early.h5.parts").exists());
}

/// Only files and links to files are replaced, whatever `--force` says.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_replaced() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let desk = Desk::new(&SMALL[..SMALL.find("[dump]").unwrap()]);
    assert!(Command::new("mkfifo").arg(desk.path("pipe.h5")).status().unwrap().success());
    let is_pipe = || fs::symlink_metadata(desk.path("pipe.h5")).unwrap().file_type().is_fifo();
    for force in [&["-o", "pipe.h5"][..], &["-o", "pipe.h5", "--force"]] {
        refused(&desk.run(force), 2, &["pipe.h5 is a pipe, not a file", "-o"]);
        assert!(is_pipe());
    }
    symlink("pipe.h5", desk.path("to-pipe.h5")).unwrap();
    refused(&desk.run(&["-o", "to-pipe.h5", "--force"]), 2, &["pipe.h5 is a pipe"]);
    assert!(is_pipe());
    symlink("nowhere/x.h5", desk.path("dangling.h5")).unwrap();
    refused(&desk.run(&["-o", "dangling.h5", "--force"]), 2, &["dangling.h5", "leads nowhere"]);
    fs::create_dir(desk.path("folder.h5")).unwrap();
    refused(&desk.run(&["-o", "folder.h5", "--force"]), 2, &["folder.h5 is a folder"]);
    // Figures as well.
    assert!(Command::new("mkfifo").arg(desk.path("plot.svg")).status().unwrap().success());
    let plotted = desk.trapline(&["run", "small.toml", "-o", "plot.h5", "--force", "--backend", "cpu"]);
    refused(&plotted, 2, &["plot.svg is a pipe"]);
    assert!(!desk.path("plot.h5").exists() && !desk.path("plot.h5.parts").exists());
    // A device of our own making, where we may make one; never one of the system's.
    if Command::new("mknod").arg(desk.path("null.h5")).args(["c", "1", "3"]).output().is_ok_and(|o| o.status.success())
    {
        refused(&desk.run(&["-o", "null.h5", "--force"]), 2, &["null.h5 is a device"]);
        assert!(fs::symlink_metadata(desk.path("null.h5")).unwrap().file_type().is_char_device());
    }

    // Nor does the program wait for what a pipe may one day bring.
    refused(&desk.trapline(&["run", "pipe.h5"]), 1, &["pipe.h5: cannot be read", "a pipe"]);
    refused(&desk.trapline(&["show", "pipe.h5"]), 1, &["cannot read pipe.h5", "a pipe"]);

    // A link to a file stands for the file, and stays a link.
    fs::create_dir(desk.path("store")).unwrap();
    fs::write(desk.path("store/real.h5"), "old").unwrap();
    symlink("store/real.h5", desk.path("link.h5")).unwrap();
    refused(&desk.run(&["-o", "link.h5"]), 2, &["store/real.h5 exists"]);
    good(&desk.run(&["-o", "link.h5", "--force"]));
    assert!(fs::symlink_metadata(desk.path("link.h5")).unwrap().is_symlink());
    record::open_campaign(&desk.path("store/real.h5")).unwrap();
}

#[test]
fn the_inputs_of_a_run_are_never_replaced() {
    let text = SMALL[..SMALL.find("[dump]").unwrap()].replace("\"pi-ws2-qd\"", "\"./mine.h5\"");
    let desk = Desk::new(&text);
    let material = good(&desk.trapline(&["materials", "pi-ws2-qd"]));
    fs::write(desk.path("mine.h5"), &material).unwrap();
    fs::create_dir(desk.path("folder")).unwrap();
    for (output, input) in
        [("small.toml", "small.toml"), ("folder/../small.toml", "small.toml"), ("mine.h5", "mine.h5")]
    {
        for force in [&["-o", output][..], &["-o", output, "--force"]] {
            refused(&desk.run(force), 2, &[input, "is read from", "-o"]);
        }
    }
    fs::rename(desk.path("small.toml"), desk.path("small.png")).unwrap();
    let plotted = desk.trapline(&["run", "small.png", "-o", "small.h5", "--force", "--backend", "cpu"]);
    refused(&plotted, 2, &["small.png", "is read from"]);
    // Nor does it go as the figure of a record that is replaced.
    fs::write(desk.path("small.h5"), "old").unwrap();
    good(&desk.trapline(&["run", "small.png", "-o", "small.h5", "--force", "--backend", "cpu", "--no-plot"]));
    assert_eq!(fs::read_to_string(desk.path("small.png")).unwrap(), text);
    assert_eq!(fs::read_to_string(desk.path("mine.h5")).unwrap(), material);
}

#[test]
fn names_that_would_fail_at_the_end_are_refused_at_the_start() {
    let desk = Desk::new(&SMALL.replace("rows = 32", "rows = 1048576").replace("cols = 48", "cols = 1048576"));
    refused(&desk.run(&["-o", &format!("{}.h5", "x".repeat(237))]), 2, &["240 bytes", "220", "-o"]);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"\xff.h5");
        let ran =
            command(desk.folder.path()).args(["run", "small.toml", "--no-plot", "-o"]).arg(name).output().unwrap();
        refused(&ran, 2, &["not UTF-8", "-o"]);
    }
    // As long as is allowed does work, figures and all.
    let long = "y".repeat(220);
    let text = SMALL[..SMALL.find("[dump]").unwrap()].to_owned();
    fs::write(desk.path("small.toml"), text).unwrap();
    good(&desk.trapline(&["run", "small.toml", "--backend", "cpu", "--rows", "4", "--cols", "4", "-o", &long]));
    assert!(desk.path(&format!("{long}.svg")).exists());
}

#[test]
fn figures_of_a_replaced_record_go_with_it() {
    let desk = Desk::new(&SMALL[..SMALL.find("[dump]").unwrap()]);
    good(&desk.trapline(&["run", "small.toml", "--backend", "cpu", "--rows", "4", "--cols", "4"]));
    assert_eq!(desk.names(), ["small.figure.csv", "small.h5", "small.png", "small.svg", "small.toml"]);
    good(&desk.run(&["--force"]));
    assert_eq!(desk.names(), ["small.h5", "small.toml"]);
}

/// A campaign of so many points that it is stopped in the middle.
fn long_run(desk: &Desk, more: &[&str]) -> std::process::Child {
    let child = command(desk.folder.path())
        .args(["run", "small.toml", "--backend", "cpu", "--no-plot", "--threads", "1", "--quiet"])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let first = record::point_path(&desk.path("small.h5.parts"), 0);
    let start = std::time::Instant::now();
    while !first.exists() {
        assert!(start.elapsed().as_secs() < 120, "no point after two minutes");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child
}

#[test]
fn a_killed_run_leaves_its_points_and_a_running_one_is_left_alone() {
    let temperatures: Vec<String> = (0..300).map(|i| format!("{}", 20 + i)).collect();
    let text = SMALL[..SMALL.find("[dump]").unwrap()]
        .replace("[25.0, 155.0, 180.0]", &format!("[{}]", temperatures.join(", ")));
    let desk = Desk::new(&text);
    let mut first = long_run(&desk, &["--rows", "256", "--cols", "256"]);
    // While it runs nobody else may write there, force or not.
    for more in [&["--rows", "4", "--cols", "4"][..], &["--rows", "4", "--cols", "4", "--force"]] {
        refused(&desk.run(more), 2, &["small.h5.parts", "still running"]);
    }
    assert!(first.try_wait().unwrap().is_none(), "the first run should still be at it");
    assert!(record::point_path(&desk.path("small.h5.parts"), 0).exists());
    first.kill().unwrap();
    first.wait().unwrap();

    // Every point under its own name is whole; under the record's there are links to them.
    assert_eq!(desk.names(), ["small.h5", "small.h5.parts", "small.toml"]);
    let mut points = 0;
    while record::point_path(&desk.path("small.h5.parts"), points).exists() {
        let path = record::point_path(&desk.path("small.h5.parts"), points);
        let (label, _, outcome) = record::read_point(&path).unwrap();
        assert_eq!((label.number, outcome.cells), (points, 256 * 256));
        points += 1;
    }
    assert!((1..600).contains(&points), "{points}");
    let says = format!("{points} finished points");
    refused(&desk.run(&["--rows", "4", "--cols", "4"]), 2, &["small.h5.parts", &says, "--force"]);
    // The lock went with the process.
    let small = SMALL[..SMALL.find("[dump]").unwrap()].to_owned();
    fs::write(desk.path("small.toml"), small).unwrap();
    good(&desk.run(&["--force"]));
    assert_eq!(desk.names(), ["small.h5", "small.toml"]);
}

#[test]
fn a_material_of_ones_own() {
    let desk = Desk::new(&SMALL.replace("\"pi-ws2-qd\"", "\"bench/mine.toml\""));
    fs::create_dir(desk.path("bench")).unwrap();
    let shipped = good(&desk.trapline(&["materials", "pi-ws2-qd"]));
    assert_eq!(shipped, fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/materials/pi-ws2-qd.toml")).unwrap());
    fs::write(desk.path("bench/mine.toml"), shipped.replace("name = \"pi-ws2-qd\"", "name = \"mine\"")).unwrap();
    // The path is seen from the campaign file, not from where the program runs.
    let elsewhere = tempfile::tempdir().unwrap();
    let ran = command(elsewhere.path())
        .arg("run")
        .arg(desk.path("small.toml"))
        .args(["--backend", "cpu", "--no-plot", "-o", "there.h5"])
        .output()
        .unwrap();
    assert!(good(&ran).contains("mine"), "{}", out(&ran));
    assert!(elsewhere.path().join("there.h5").exists());

    let wrong = [
        ("name = \"mine\"", "name = 5", "name"),
        ("kind = \"dots\"", "kind = \"dots\"\nclasses = 99", "classes"),
        ("{ value = 20.0, unit = \"nm\"", "{ value = -20.0, unit = \"nm\"", "-20"),
        ("[film]", "colour = 3\n[film]", "colour"),
    ];
    for (from, to, says) in wrong {
        let text = shipped.replace("name = \"pi-ws2-qd\"", "name = \"mine\"");
        assert!(text.contains(from), "{from}");
        fs::write(desk.path("bench/mine.toml"), text.replacen(from, to, 1)).unwrap();
        refused(&desk.run(&[]), 2, &["small.toml", "material[0].use", "mine.toml", says]);
    }
    let levels = |weights: &str| {
        let traps = format!(
            "[traps]\nkind = \"levels\"\nweights = {{ values = {weights}, unit = \"1\", source = \"test\" }}\n\
             depths = {{ values = [1.2, 1.4], unit = \"eV\", source = \"test\" }}\n\
             depth_per_size = {{ value = 0.5, unit = \"eV\", source = \"test\" }}\n\
             attempt_rate = {{ value = 1e13, unit = \"1/s\", source = \"test\" }}\n\n"
        );
        let (before, after) = (shipped.find("[traps]").unwrap(), shipped.find("[capture]").unwrap());
        let text = [&shipped[..before], &traps, &shipped[after..]].concat();
        fs::write(desk.path("bench/mine.toml"), text.replace("\"pi-ws2-qd\"", "\"mine\"")).unwrap();
    };
    levels("[0.5, 0.4]");
    refused(&desk.run(&[]), 2, &["mine.toml", "traps.weights", "0.9"]);
    // The negative control: with weights that sum it is a material.
    levels("[0.6, 0.4]");
    good(&desk.run(&["-o", "levels.h5"]));
    fs::remove_file(desk.path("levels.h5")).unwrap();
    fs::remove_file(desk.path("bench/mine.toml")).unwrap();
    refused(&desk.run(&[]), 1, &["small.toml", "material[0].use", "mine.toml", "cannot be read"]);
    assert_eq!(desk.names(), ["bench", "small.toml"]);
}

/// Each bad campaign: what is replaced by what, and what the error says.
#[test]
fn bad_campaigns_are_refused_in_one_line() {
    let wrong: &[(&str, &str, &[&str])] = &[
        ("seed = 5", "seed = 5\ncolour = 1", &["line", "colour"]),
        ("rows = 32\ncols", "depth = 1\nrows = 32\ncols", &["depth", "array"]),
        ("seed = 5", "seed = \"five\"", &["line 4", "seed", "five"]),
        ("seed = 5", "seed = -5", &["seed", "-5", "0 to 9223372036854775807"]),
        ("rows = 32", "rows = 0", &["array.rows", "is 0", "1 to 1048576"]),
        ("rows = 32", "rows = 1048577", &["array.rows", "1048577", "1 to 1048576"]),
        ("rows = 32", "rows = 3.5", &["array.rows", "3.5"]),
        ("rows = 32", "rows = \"many\"", &["array.rows", "many"]),
        ("width_s = 1e-3", "width_s = -1e-3", &["material[0].program[0].width_s", "-0.001", "1e-12 to 1000000.0 s"]),
        ("pulses = 30", "pulses = 4294967295", &["program[0].pulses", "4294967295", "500000"]),
        ("pulses = 30,", "pulses = 30, sweeps = 3,", &["program[0]", "pulse train", "sweep"]),
        ("pulses = 30,", "pulse = 30,", &["pulse", "material[0].program[0]"]),
        ("amplitude_v = 1.5", "amplitude_v = nan", &["amplitude_v", "NaN"]),
        ("amplitude_v = 1.5", "amplitude_v = 101", &["amplitude_v", "101", "100"]),
        ("[25.0, 155.0, 180.0]", "[25.0, -273.15]", &["bake.temperatures_c[1]", "-273.15", "absolute zero"]),
        ("[25.0, 155.0, 180.0]", "[-300.0]", &["bake.temperatures_c[0]", "-300", "absolute zero"]),
        ("[25.0, 155.0, 180.0]", "[1000.5]", &["bake.temperatures_c[0]", "1000.5", "1000"]),
        ("[25.0, 155.0, 180.0]", "[inf]", &["bake.temperatures_c[0]", "inf"]),
        ("[25.0, 155.0, 180.0]", "[25.0, 25.0]", &["bake.temperatures_c[1]", "25.0"]),
        ("[25.0, 155.0, 180.0]", "[]", &["bake.temperatures_c", "empty list"]),
        (
            "program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]",
            "program = []",
            &["material[0].program", "empty list"],
        ),
        ("temperature_c = 25.0", "temperature_c = -273.15", &["program.temperature_c", "absolute zero"]),
        ("temperature_c = 25.0", "substeps = 65", &["program.substeps", "65", "1 to 64"]),
        ("to_s = 1e6", "to_s = 0.5", &["bake.to_s", "0.5", "from_s"]),
        ("from_s = 1.0", "from_s = 0.0", &["bake.from_s", "0.0"]),
        ("per_octave = 1", "per_octave = 1\npoints = 4", &["bake.points", "per_octave"]),
        ("per_octave = 1", "", &["bake", "per_octave", "points"]),
        ("per_octave = 1", "per_octave = 4000", &["bake.per_octave", "at most 4095"]),
        ("bins = 8", "bins = 0", &["histogram.bins", "is 0", "1 to 256"]),
        ("bins = 8", "bins = 257", &["histogram.bins", "257", "1 to 256"]),
        ("[histogram]", "[failure]\nkept_below = 1.5\n[histogram]", &["failure.kept_below", "1.5", "at most 0.9999"]),
        ("[histogram]", "[report]\ntimes_s = []\n[histogram]", &["report.times_s", "empty list"]),
        ("[histogram]", "[report]\ntimes_s = [-1.0]\n[histogram]", &["report.times_s[0]", "-1.0"]),
        ("[histogram]", "[read]\nbias_v = 0\n[histogram]", &["read.bias_v", "not 0"]),
        ("first_row = 30", "first_row = 31", &["dump.rows", "is 2", "1 to 1"]),
        ("first_col = 40", "first_col = 48", &["dump.first_col", "48", "0 to 47"]),
        ("\"pi-ws2-ns\"", "\"pi-ws2-qd\"", &["material[1].use", "pi-ws2-qd", "another name"]),
        ("\"pi-ws2-ns\"", "\"unobtainium\"", &["material[1].use", "unobtainium", "pi-ws2-qd"]),
        ("format = 1", "format = 2", &["format", "2", "it must be 1"]),
        ("name = \"small\"", "name = \"a/b\"", &["name", "a/b"]),
        ("name = \"small\"", "name = \"\"", &["name", "1 to 64"]),
        ("name = \"small\"", "name = \" \"", &["name", "\" \"", "blank"]),
        ("name = \"small\"", "name = \"a\\u001b[31m\"", &["name", "u{1b}", "control"]),
        ("rows = 2\n", "rows = 2\ndeep = [[[[[1]]]]]\n", &["line", "deep"]),
        ("[array]", "[array", &["line"]),
        ("variation = true\n", "", &["variation"]),
    ];
    let desk = Desk::new(SMALL);
    for (from, to, says) in wrong {
        assert!(SMALL.contains(from), "{from}");
        fs::write(desk.path("small.toml"), SMALL.replacen(from, to, 1)).unwrap();
        refused(&desk.run(&[]), 2, &[&["small.toml: "], *says].concat());
    }
    fs::write(desk.path("small.toml"), b"format = 1\n\xff\xfe").unwrap();
    refused(&desk.run(&[]), 2, &["small.toml", "line 2", "UTF-8"]);
    fs::write(desk.path("small.toml"), vec![b'\n'; (1 << 20) + 1]).unwrap();
    refused(&desk.run(&[]), 2, &["small.toml", "1024 KiB"]);
    // A material is read with the same care.
    fs::write(desk.path("small.toml"), SMALL.replace("\"pi-ws2-qd\"", "\"/dev/zero\"")).unwrap();
    refused(&desk.run(&[]), 1, &["material[0].use", "/dev/zero: cannot be read", "a device", "pi-ws2-qd"]);
    fs::write(desk.path("small.toml"), SMALL.replace("\"pi-ws2-qd\"", "\"../small.bin/x.toml\"")).unwrap();
    refused(&desk.run(&[]), 1, &["material[0].use", "cannot be read", "give the path", "pi-ws2-qd"]);
    let mine = tempfile::NamedTempFile::new().unwrap();
    fs::write(desk.path("small.toml"), SMALL.replace("pi-ws2-qd", mine.path().to_str().unwrap())).unwrap();
    fs::write(mine.path(), b"format = 1\n\n\xff\xfe").unwrap();
    refused(&desk.run(&[]), 2, &["material[0].use", "line 3", "UTF-8", "trapline materials"]);
    fs::write(mine.path(), vec![b'\n'; (1 << 20) + 1]).unwrap();
    refused(&desk.run(&[]), 2, &["material[0].use", "1024 KiB"]);
    // Nothing was computed, nothing is left.
    assert_eq!(desk.names(), ["small.toml"]);
}

#[test]
fn bad_calls_are_refused_before_anything_is_computed() {
    // Large enough that computing it first would be noticed.
    let desk = Desk::new(&SMALL.replace("rows = 32", "rows = 1048576").replace("cols = 48", "cols = 1048576"));
    refused(&desk.run(&["-o", "no/such/folder/x.h5"]), 2, &["no/such/folder/x.h5", "is not a folder; make it"]);
    refused(&desk.run(&["-o", "small.toml/x.h5"]), 2, &["small.toml/x.h5", "small.toml is not a folder"]);
    refused(&desk.run(&["-o", "."]), 2, &["names no file"]);
    refused(&desk.run(&["-o", "/"]), 2, &["names no file"]);
    refused(&desk.run(&["-o", "/proc/x.h5"]), 1, &["/proc/x.h5"]);
    refused(&desk.run(&["--rows", "0"]), 2, &["--rows", "'0'", "1 to 1048576"]);
    refused(&desk.run(&["--cols", "-4"]), 2, &["--cols", "-4", "1 to 1048576"]);
    refused(&desk.run(&["--rows", "16"]), 2, &["small.toml", "dump.first_row", "30", "0 to 15"]);
    refused(&desk.run(&["--seed", "18446744073709551616"]), 2, &["--seed", "18446744073709551615"]);
    refused(&desk.run(&["--threads", "0"]), 2, &["--threads", "1 to 1024"]);
    refused(&desk.run(&["--instruction-set", "mmx"]), 2, &["mmx"]);
    refused(&desk.run(&["--colour"]), 2, &["--colour"]);
    refused(&desk.run(&["--adapter", "Voodoo"]), 2, &["--adapter", "--backend cpu"]);
    refused(&desk.trapline(&["run", "small.toml", "--device-memory", "12MB"]), 2, &["--device-memory", "12MB", "MiB"]);
    refused(&desk.trapline(&["run", "small.toml", "--backend", "abacus"]), 2, &["abacus", "auto", "cpu", "gpu"]);
    refused(&desk.trapline(&["run"]), 2, &["<FILE>"]);
    refused(&desk.trapline(&["run", "none.toml"]), 1, &["none.toml", "cannot be read"]);
    refused(&desk.trapline(&["run", "."]), 1, &[".: cannot be read"]);
    refused(&desk.trapline(&["fly"]), 2, &["fly"]);
    refused(&desk.trapline(&["materials", "unobtainium"]), 2, &["unobtainium", "pi-ws2-qd"]);
    let missing = desk.trapline(&["run", "small.toml", "--adapter", "no such adapter, surely"]);
    let code = missing.status.code().unwrap();
    // Without any adapter it is the machine that lacks something; with one it is the name that is wrong.
    assert!(code == 1 || code == 2, "{code}");
    refused(&missing, code, &["adapter"]);
    assert_eq!(desk.names(), ["small.toml"]);
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_found_before_computing() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new(&SMALL.replace("rows = 32", "rows = 1048576").replace("cols = 48", "cols = 1048576"));
    fs::create_dir(desk.path("locked")).unwrap();
    fs::set_permissions(desk.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(desk.path("locked/probe"), "").is_ok() {
        // The superuser may write anywhere; /proc, in the test above, refuses even them.
        return;
    }
    refused(&desk.run(&["-o", "locked/x.h5"]), 1, &["locked/x.h5.parts", "ermission"]);
}

#[test]
fn what_is_no_record_is_not_shown() {
    let desk = Desk::new(SMALL);
    refused(&desk.trapline(&["show", "small.toml"]), 1, &["small.toml", "not an HDF5 file"]);
    refused(&desk.trapline(&["show", "none.h5"]), 1, &["none.h5", "check that the path exists"]);
    hdf5::File::create(desk.path("foreign.h5")).unwrap().close().unwrap();
    refused(&desk.trapline(&["show", "foreign.h5"]), 1, &["foreign.h5", "file type is not given"]);
    good(&desk.run(&["--quiet"]));
    let whole = fs::read(desk.path("small.h5")).unwrap();
    fs::write(desk.path("cut.h5"), &whole[..whole.len() / 2]).unwrap();
    refused(&desk.trapline(&["show", "cut.h5"]), 1, &["cut.h5", "no seal"]);
    // Without its seal a file is still read: what is shown is the same, with one warning.
    fs::write(desk.path("small.h5"), &whole[..whole.len() - 20]).unwrap();
    let shown = desk.trapline(&["show", "small.h5"]);
    assert!(good(&shown).contains("campaign      small"));
    assert_eq!(err(&shown).lines().count(), 1, "{}", err(&shown));
    assert!(err(&shown).contains("small.h5: no seal"), "{}", err(&shown));
    refused(&desk.trapline(&["show", "."]), 1, &["cannot read ."]);
}

#[test]
fn one_point_of_a_run_can_be_shown() {
    let plan = Plan::parse(SMALL, "small", Path::new(""), &Overrides::default()).unwrap();
    let job = plan.job(4).unwrap();
    let backend = trapline::backend::open(&trapline::backend::Options {
        choice: trapline::backend::Choice::Cpu,
        ..Default::default()
    })
    .unwrap();
    let outcome = backend.statistics(&job, &|_| ()).unwrap().outcome(&job);
    let provenance = trapline::outcome::Provenance {
        program_version: trapline::VERSION.to_owned(),
        commit: trapline::COMMIT.to_owned(),
        identity: backend.identity(),
        started_utc: "2026-01-01T00:00:00Z".to_owned(),
        ended_utc: "2026-01-01T00:00:01Z".to_owned(),
    };
    let desk = Desk::new(SMALL);
    let mut label = plan.label.clone();
    label.dump = None;
    let path = record::write_point(desk.folder.path(), &label, &plan.points[4], &provenance, &outcome).unwrap();
    let shown = good(&desk.trapline(&["show", path.to_str().unwrap()]));
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert!(shown.contains("trapline point") && words.windows(2).any(|w| w == ["pi-ws2-ns", "155"]), "{shown}");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let desk = Desk::new(SMALL);
    for arguments in [["materials", "pi-ws2-qd"], ["run", "--help"]] {
        let mut child =
            command(desk.folder.path()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Closed before the program writes its first byte, or soon after: both must be borne.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(err(&output), "");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn version_help_and_devices() {
    let desk = Desk::new(SMALL);
    let version = good(&desk.trapline(&["--version"]));
    assert_eq!(version, format!("trapline {} ({})\n", trapline::VERSION, trapline::COMMIT));
    let help = good(&desk.trapline(&["--help"]));
    for word in ["run", "show", "devices", "materials", "Exit codes", "2 for wrong usage"] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
    let bare = desk.trapline(&[]);
    assert_eq!((bare.status.code(), out(&bare).as_str()), (Some(2), ""));
    assert!(err(&bare).contains("Usage"), "{}", err(&bare));

    let table = good(&desk.trapline(&["devices"]));
    assert!(table.contains("cpu") && table.contains("reference"), "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("auto ")).count(), 1, "one mark:\n{table}");
    let json: serde_json::Value = serde_json::from_str(&good(&desk.trapline(&["devices", "--json"]))).unwrap();
    assert!(json["threads"].as_u64().unwrap() >= 1);
    assert!(!json["instruction_sets"].as_array().unwrap().is_empty());
    assert!(json["adapters"].is_array());
    let listed = good(&desk.trapline(&["materials"]));
    assert!(listed.contains("pi-ws2-qd") && listed.contains("quantum dots"), "{listed}");
}

#[test]
fn a_selftest_and_a_measurement_can_be_read_by_programs() {
    let desk = Desk::new(SMALL);
    let results: serde_json::Value =
        serde_json::from_str(&good(&desk.trapline(&["selftest", "--backend", "cpu", "--json"]))).unwrap();
    let results = results.as_array().unwrap();
    assert!(!results.is_empty());
    for result in results {
        assert_eq!((&result["identity"]["backend"], &result["passed"]), (&"cpu".into(), &true.into()));
        assert!(result["checks"].as_array().unwrap().len() > 5);
    }
    let call = ["bench", "--backend", "reference", "--lines", "4", "--seconds", "0.01", "--json"];
    let found: serde_json::Value = serde_json::from_str(&good(&desk.trapline(&call))).unwrap();
    let first = &found["measurements"][0];
    assert_eq!((&first["cells"], &found["devices"][0]["name"]), (&16.into(), &"reference".into()));
    assert!(first["time_s"]["median"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_comparison_of_nothing_is_refused() {
    let desk = Desk::new(SMALL);
    refused(&desk.trapline(&["selftest", "--backend", "reference"]), 2, &["--backend reference"]);
    for command in ["selftest", "bench"] {
        refused(&desk.trapline(&[command, "--backend", "cpu", "--adapter", "nosuch"]), 2, &["--adapter", "gpu"]);
    }
}

/// The shipped campaign is the one the documents promise.
#[test]
fn the_shipped_campaign_is_complete() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/bake.toml");
    let plan = Plan::load(&path, &Overrides::default()).unwrap();
    let label = &plan.label;
    assert_eq!(label.common(|of| (of.rows, of.cols, of.kept_threshold)), Some((1024, 1024, 0.9)));
    let names: Vec<&str> = label.materials.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["pi-ws2-qd", "pi-ws2-ns"]);
    let celsius: Vec<i32> = label.temperatures_k.iter().map(|t| (t - 273.15).round() as i32).collect();
    assert_eq!(celsius, [25, 85, 100, 125, 150, 155, 160, 170]);
    assert_eq!((label.times_s[0], label.times_s[1]), (0.0, 1.0));
    assert_eq!(label.times_s.last(), Some(&3.15576e8));
    assert_eq!(label.report_times_s, [1e3, 1e4, 1e5]);
    assert_ne!(*plan.job(0).unwrap().variation(), Variation::OFF);
    assert!(plan.points.iter().all(|p| p.flags.is_empty()), "170 °C is not above the glass transition of 170 °C");
    // What the file says of the keys that may be left out is true: without them the plan is the same.
    let text = std::fs::read_to_string(&path).unwrap();
    let short = &text[..text.find("# All that follows").unwrap()];
    assert_eq!(plan.inputs, [path]);
    let mut same = Plan::parse(short, "bake", Path::new(""), &Overrides::default()).unwrap();
    same.inputs = plan.inputs.clone();
    same.label.campaign_toml = text;
    assert_eq!(same, plan);
}
