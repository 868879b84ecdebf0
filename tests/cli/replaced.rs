//! What a run does to files that are there: it keeps them, or replaces those that it was told to.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use trapline::record;

use crate::calls::{good, refused_with};
use crate::desk::Desk;
use crate::small::{self, SMALL};

#[test]
fn what_exists_is_kept_unless_forced() {
    let desk = small::desk(small::without_dump());
    fs::write(desk.path("small.h5"), "precious").unwrap();
    refused_with(&small::run(&desk, &[]), 2, &["small.h5 exists", "--force"]);
    assert_eq!(fs::read(desk.path("small.h5")).unwrap(), b"precious");
    assert_eq!(desk.names(), ["small.h5", "small.toml"]);
    good(&small::run(&desk, &["--force"]));
    record::open_campaign(&desk.path("small.h5")).unwrap();
    assert_eq!(desk.names(), ["small.h5", "small.toml"]);

    // A figure in the way counts as well, where one is to be drawn.
    fs::write(desk.path("plot.png"), "precious").unwrap();
    refused_with(&desk.trapline(&["run", "small.toml", "-o", "plot.h5"]), 2, &["plot.png exists", "--force"]);
    assert_eq!(fs::read(desk.path("plot.png")).unwrap(), b"precious");
    good(&small::run(&desk, &["-o", "plot.h5"]));
    assert_eq!(fs::read(desk.path("plot.png")).unwrap(), b"precious");
}

#[test]
fn points_of_an_interrupted_run_are_not_overwritten_silently() {
    let desk = small::desk(small::without_dump());
    fs::create_dir_all(desk.path("small.h5.parts/000000")).unwrap();
    fs::write(desk.path("small.h5.parts/000000/point-000000.h5"), "half").unwrap();
    let says = ["small.h5.parts", "1 finished points", "interrupted", "show", "point-000000.h5", "-o", "--force"];
    refused_with(&small::run(&desk, &[]), 2, &says);
    assert!(desk.path("small.h5.parts/000000/point-000000.h5").exists());
    good(&small::run(&desk, &["--force"]));
    assert_eq!(desk.names(), ["small.h5", "small.toml"]);

    // A folder of that name which is somebody's own stays even then.
    fs::create_dir(desk.path("other.h5.parts")).unwrap();
    fs::write(desk.path("other.h5.parts/thesis.tex"), "mine").unwrap();
    refused_with(&small::run(&desk, &["-o", "other.h5", "--force"]), 2, &["other.h5.parts", "thesis.tex"]);
    assert!(desk.path("other.h5.parts/thesis.tex").exists());
    // Nor does a file go that lies where points would.
    fs::create_dir_all(desk.path("deep.h5.parts/202401")).unwrap();
    fs::write(desk.path("deep.h5.parts/202401/thesis.tex"), "mine").unwrap();
    refused_with(&small::run(&desk, &["-o", "deep.h5", "--force"]), 2, &["deep.h5.parts", "202401/thesis.tex"]);
    assert_eq!(fs::read(desk.path("deep.h5.parts/202401/thesis.tex")).unwrap(), b"mine");

    // What a run left that was stopped before its first point is no obstacle.
    fs::create_dir_all(desk.path("early.h5.parts/000000")).unwrap();
    fs::write(desk.path("early.h5.parts/lock"), "").unwrap();
    fs::write(desk.path("early.h5.parts/000000/point-000000.h5.77-0.part"), "ha").unwrap();
    good(&small::run(&desk, &["-o", "early.h5"]));
    assert!(!desk.path("early.h5.parts").exists());
}

/// Only files and links to files are replaced, whatever `--force` says.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_replaced() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let desk = small::desk(small::without_dump());
    assert!(Command::new("mkfifo").arg(desk.path("pipe.h5")).status().unwrap().success());
    let is_pipe = || fs::symlink_metadata(desk.path("pipe.h5")).unwrap().file_type().is_fifo();
    for force in [&["-o", "pipe.h5"][..], &["-o", "pipe.h5", "--force"]] {
        refused_with(&small::run(&desk, force), 2, &["pipe.h5 is a pipe, not a file", "-o"]);
        assert!(is_pipe());
    }
    symlink("pipe.h5", desk.path("to-pipe.h5")).unwrap();
    refused_with(&small::run(&desk, &["-o", "to-pipe.h5", "--force"]), 2, &["pipe.h5 is a pipe"]);
    assert!(is_pipe());
    symlink("nowhere/x.h5", desk.path("dangling.h5")).unwrap();
    refused_with(&small::run(&desk, &["-o", "dangling.h5", "--force"]), 2, &["dangling.h5", "leads nowhere"]);
    fs::create_dir(desk.path("folder.h5")).unwrap();
    refused_with(&small::run(&desk, &["-o", "folder.h5", "--force"]), 2, &["folder.h5 is a folder"]);
    // Figures as well.
    assert!(Command::new("mkfifo").arg(desk.path("plot.svg")).status().unwrap().success());
    let plotted = desk.trapline(&["run", "small.toml", "-o", "plot.h5", "--force", "--backend", "cpu"]);
    refused_with(&plotted, 2, &["plot.svg is a pipe"]);
    assert!(!desk.path("plot.h5").exists() && !desk.path("plot.h5.parts").exists());
    // A device of our own making, where we may make one; never one of the system's.
    if Command::new("mknod").arg(desk.path("null.h5")).args(["c", "1", "3"]).output().is_ok_and(|o| o.status.success())
    {
        refused_with(&small::run(&desk, &["-o", "null.h5", "--force"]), 2, &["null.h5 is a device"]);
        assert!(fs::symlink_metadata(desk.path("null.h5")).unwrap().file_type().is_char_device());
    }

    // Nor does the program wait for what a pipe may one day bring.
    refused_with(&desk.trapline(&["run", "pipe.h5"]), 1, &["pipe.h5: cannot be read", "a pipe"]);
    refused_with(&desk.trapline(&["show", "pipe.h5"]), 1, &["cannot read pipe.h5", "a pipe"]);

    // A link to a file stands for the file, and stays a link.
    fs::create_dir(desk.path("store")).unwrap();
    fs::write(desk.path("store/real.h5"), "old").unwrap();
    symlink("store/real.h5", desk.path("link.h5")).unwrap();
    refused_with(&small::run(&desk, &["-o", "link.h5"]), 2, &["store/real.h5 exists"]);
    good(&small::run(&desk, &["-o", "link.h5", "--force"]));
    assert!(fs::symlink_metadata(desk.path("link.h5")).unwrap().is_symlink());
    record::open_campaign(&desk.path("store/real.h5")).unwrap();
}

#[test]
fn the_inputs_of_a_run_are_never_replaced() {
    let text = small::without_dump().replace("\"pi-ws2-qd\"", "\"./mine.h5\"");
    let desk = small::desk(&text);
    let material = good(&desk.trapline(&["materials", "pi-ws2-qd"]));
    fs::write(desk.path("mine.h5"), &material).unwrap();
    fs::create_dir(desk.path("folder")).unwrap();
    for (output, input) in
        [("small.toml", "small.toml"), ("folder/../small.toml", "small.toml"), ("mine.h5", "mine.h5")]
    {
        for force in [&["-o", output][..], &["-o", output, "--force"]] {
            refused_with(&small::run(&desk, force), 2, &[input, "is read from", "-o"]);
        }
    }
    fs::rename(desk.path("small.toml"), desk.path("small.png")).unwrap();
    let plotted = desk.trapline(&["run", "small.png", "-o", "small.h5", "--force", "--backend", "cpu"]);
    refused_with(&plotted, 2, &["small.png", "is read from"]);
    // Nor does it go as the figure of a record that is replaced.
    fs::write(desk.path("small.h5"), "old").unwrap();
    good(&desk.trapline(&["run", "small.png", "-o", "small.h5", "--force", "--backend", "cpu", "--no-plot"]));
    assert_eq!(fs::read_to_string(desk.path("small.png")).unwrap(), text);
    assert_eq!(fs::read_to_string(desk.path("mine.h5")).unwrap(), material);
}

#[test]
fn names_that_would_fail_at_the_end_are_refused_at_the_start() {
    let desk = small::desk(&SMALL.replace("rows = 32", "rows = 1048576").replace("cols = 48", "cols = 1048576"));
    refused_with(&small::run(&desk, &["-o", &format!("{}.h5", "x".repeat(237))]), 2, &["240 bytes", "220", "-o"]);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"\xff.h5");
        let ran = desk.command(&["run", "small.toml", "--no-plot", "-o"]).arg(name).output().unwrap();
        refused_with(&ran, 2, &["not UTF-8", "-o"]);
    }
    // As long as is allowed does work, figures and all.
    let long = "y".repeat(220);
    let text = small::without_dump().to_owned();
    fs::write(desk.path("small.toml"), text).unwrap();
    good(&desk.trapline(&["run", "small.toml", "--backend", "cpu", "--rows", "4", "--cols", "4", "-o", &long]));
    assert!(desk.path(&format!("{long}.svg")).exists());
}

#[test]
fn figures_of_a_replaced_record_go_with_it() {
    let desk = small::desk(small::without_dump());
    good(&desk.trapline(&["run", "small.toml", "--backend", "cpu", "--rows", "4", "--cols", "4"]));
    assert_eq!(desk.names(), ["small.figure.csv", "small.h5", "small.png", "small.svg", "small.toml"]);
    good(&small::run(&desk, &["--force"]));
    assert_eq!(desk.names(), ["small.h5", "small.toml"]);
}

/// A campaign of so many points that it is stopped in the middle.
fn long_run(desk: &Desk, more: &[&str]) -> Child {
    let child = desk
        .command(&["run", "small.toml", "--backend", "cpu", "--no-plot", "--threads", "1", "--quiet"])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let first = record::point_path(&desk.path("small.h5.parts"), 0);
    let start = Instant::now();
    while !first.exists() {
        assert!(start.elapsed().as_secs() < 120, "no point after two minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

#[test]
fn a_killed_run_leaves_its_points_and_a_running_one_is_left_alone() {
    let temperatures: Vec<String> = (0..300).map(|i| format!("{}", 20 + i)).collect();
    let text = small::without_dump().replace("[25.0, 155.0, 180.0]", &format!("[{}]", temperatures.join(", ")));
    let desk = small::desk(&text);
    let mut first = long_run(&desk, &["--rows", "256", "--cols", "256"]);
    // While it runs nobody else may write there, force or not.
    for more in [&["--rows", "4", "--cols", "4"][..], &["--rows", "4", "--cols", "4", "--force"]] {
        refused_with(&small::run(&desk, more), 2, &["small.h5.parts", "still running"]);
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
    refused_with(&small::run(&desk, &["--rows", "4", "--cols", "4"]), 2, &["small.h5.parts", &says, "--force"]);
    // The lock went with the process.
    let small = small::without_dump().to_owned();
    fs::write(desk.path("small.toml"), small).unwrap();
    good(&small::run(&desk, &["--force"]));
    assert_eq!(desk.names(), ["small.h5", "small.toml"]);
}
