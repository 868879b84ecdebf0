//! `trapline slurm` with a real Slurm, which scripts/slurm-test.sh starts and stops.
#![cfg(unix)]

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use trapline::outcome::PointOutcome;
use trapline::record;

use crate::calls::good;
use crate::desk::Desk;

/// Names as people have them, and worse.
const ODD: &str = "it's \"100%\" $HOME #1";
const SEVERAL_MINUTES: Duration = Duration::from_secs(300);

/// So many temperatures, each a point.
fn campaign(points: usize, lines: u64) -> String {
    let temperatures: Vec<String> = (0..points).map(|i| format!("{}.0", 20 + i)).collect();
    format!(
        "format = 1\nname = \"queued\"\nseed = 5\nvariation = true\nelectrons = \"mean-field\"\n\
         [array]\nrows = {lines}\ncols = 512\n\
         [[material]]\nuse = \"pi-ws2-qd\"\nprogram = [{{ pulses = 8, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }}]\n\
         [bake]\ntemperatures_c = [{}]\nfrom_s = 1.0\nto_s = 1e6\nper_octave = 1\n\
         [histogram]\nbins = 16\n\
         [dump]\nfirst_row = 3\nfirst_col = 5\nrows = 4\ncols = 4\n",
        temperatures.join(", ")
    )
}

/// A campaign that waits in the queue of a Slurm.
struct Queue {
    desk: Desk,
}

impl Deref for Queue {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Queue {
    fn new(points: usize, lines: u64) -> Queue {
        assert_eq!(
            std::env::var("TRAPLINE_SLURM").as_deref(),
            Ok("1"),
            "these tests submit jobs; scripts/slurm-test.sh starts a Slurm for them"
        );
        let desk = Desk::with("queued.toml", &campaign(points, lines));
        fs::create_dir(desk.path(ODD)).unwrap();
        Queue { desk }
    }

    fn record(&self) -> PathBuf {
        self.path(ODD).join("out.h5")
    }

    /// Submits the campaign; the numbers of the array and of the merge.
    fn submit(&self, more: &[&str]) -> [String; 2] {
        let to = format!("{ODD}/out.h5");
        let said = good(&self.trapline(&[&["slurm", "queued.toml", "-o", &to, "--submit"], more].concat()));
        let mut jobs = said.lines().map(|line| line.split_once(' ').unwrap().1.to_owned());
        [jobs.next().unwrap(), jobs.next().unwrap()]
    }

    /// What a job wrote; empty before it began.
    fn log(&self, job: &str) -> String {
        fs::read_to_string(self.path(ODD).join("out.slurm/logs").join(format!("out-{job}.log"))).unwrap_or_default()
    }

    fn points(&self, piece: &str) -> usize {
        let parts = self.path(ODD).join(format!("{piece}.parts"));
        (0..128).filter(|&number| record::point_path(&parts, number).exists()).count()
    }
}

#[track_caller]
fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < SEVERAL_MINUTES, "{what}: not after {SEVERAL_MINUTES:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether nothing of these jobs is in the queue. A query that fails is no answer.
fn ended(jobs: &[&str]) -> bool {
    let output = Command::new("squeue").args(["--noheader", "--format=%A %F"]).output().unwrap();
    let queue = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success() && !queue.split_whitespace().any(|job| jobs.contains(&job))
}

/// State, reason and exit code as Slurm tells them.
fn told(job: &str) -> String {
    let output = Command::new("scontrol").args(["show", "job", job]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn scontrol(arguments: &[&str]) {
    good(&Command::new("scontrol").args(arguments).output().unwrap());
}

/// Kills the program (not the script) that runs this shard below this folder, as the system does when memory is short.
fn kill_trapline(desk: &Desk, shard: &str) {
    let below = fs::canonicalize(desk.folder.path()).unwrap();
    let mut killed = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<_> = words.split(|&byte| byte == 0).map(String::from_utf8_lossy).collect();
        let ours = words.iter().any(|word| Path::new(word.as_ref()).starts_with(&below));
        if ours
            && words.first().is_some_and(|name| name.ends_with("trapline"))
            && words.iter().any(|word| word == shard)
        {
            let number = entry.file_name().into_string().unwrap();
            assert!(Command::new("kill").args(["-KILL", &number]).status().unwrap().success());
            killed += 1;
        }
    }
    assert_eq!(killed, 1, "programs of shard {shard}");
}

fn values(path: &Path) -> Vec<PointOutcome> {
    let found = record::open_campaign(path).unwrap();
    (0..found.points.len()).map(|number| record::whole(&found, number).unwrap().expect("computed")).collect()
}

fn same(a: &[PointOutcome], b: &[PointOutcome]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b))
}

#[test]
#[ignore = "needs a Slurm: scripts/slurm-test.sh"]
fn tasks_that_are_killed_and_requeued_merge_to_the_same_record() {
    let desk = Queue::new(16, 512);
    let [array, merge] = desk.submit(&["--tasks", "4", "--time", "20min"]);
    wait_for("a point of task 2", || desk.points("out-2-of-4.h5") >= 1);
    kill_trapline(&desk, "2/4");
    wait_for("a point of task 3", || desk.points("out-3-of-4.h5") >= 1);
    scontrol(&["requeue", &format!("{array}_3")]);
    wait_for("the end of all jobs", || ended(&[&array, &merge]));

    let logs: Vec<String> = (1..=4).map(|task| desk.log(&format!("{array}_{task}"))).collect();
    let merged = desk.log(&format!("merge-{merge}"));
    println!("{}{merged}", logs.concat());
    for (task, log) in logs.iter().enumerate() {
        assert!(log.contains("turn 1") && log.contains("done: "), "{log}");
        assert_eq!(log.contains("turn 2"), task == 1 || task == 2, "{log}");
        assert_eq!(log.contains("of 4 points are there already"), task == 1 || task == 2, "{log}");
    }
    assert!(
        logs[1].contains("was killed (SIGKILL, exit code 137)") && logs[1].contains("scontrol requeue"),
        "{}",
        logs[1]
    );
    assert!(logs[2].contains("told to end (SIGTERM"), "{}", logs[2]);
    assert!(merged.contains("16 of 16 points"), "{merged}");

    good(&desk.trapline(&["run", "queued.toml", "-o", "whole.h5", "--backend", "cpu", "--no-plot", "--quiet"]));
    let (whole, found) = (values(&desk.path("whole.h5")), values(&desk.record()));
    assert!(whole.iter().all(|point| point.histograms.is_some() && point.dump.is_some()));
    assert!(same(&whole, &found), "the merged record is not that of an uninterrupted run");
    // Control: another seed is another record.
    let other = ["run", "queued.toml", "-o", "other.h5", "--backend", "cpu", "--no-plot", "--quiet", "--seed", "6"];
    good(&desk.trapline(&other));
    assert!(!same(&values(&desk.path("other.h5")), &found));
}

#[test]
#[ignore = "needs a Slurm: scripts/slurm-test.sh"]
fn a_task_that_is_out_of_time_goes_on_in_another_turn() {
    // Slurm looks at time limits every half minute: the signal comes in the first minute, 15 s after the start or
    // later. One point takes a few seconds of one thread, so that the first turn finishes some; all of them take
    // minutes.
    let desk = Queue::new(128, 2048);
    let [array, merge] = desk.submit(&["--tasks", "1", "--time", "1min"]);
    let first = format!("{array}_1");
    wait_for("the end of the first turn", || desk.log(&first).contains("turn 2"));
    let log = desk.log(&first);
    println!("{log}");
    assert!(log.contains("the time limit is near (SIGUSR1)") && log.contains("out of time"), "{log}");
    assert!(log.contains("to go on with its points: scontrol requeue"), "{log}");
    wait_for("what was finished is taken over", || desk.log(&first).contains("of 128 points are there already"));
    // Cancelled, it stays away: neither its script nor Slurm starts it again, and the merge goes too.
    assert!(Command::new("scancel").arg(&array).status().unwrap().success());
    wait_for("the end of all jobs", || ended(&[&array, &merge]));
    let log = desk.log(&first);
    println!("{log}");
    assert!(!log.contains("turn 3") && log.matches("scontrol requeue").count() == 1, "{log}");
    assert!(!desk.record().exists() && desk.points("out-1-of-1.h5") > 0);
}

#[test]
#[ignore = "needs a Slurm: scripts/slurm-test.sh"]
fn tasks_that_ask_slurm_for_one_compute_on_the_gpu() {
    // Slurm's GPUs are devices that are none (scripts/slurm-test.sh); one task at a time is given the first of them,
    // and takes the first adapter, which is a GPU, or one in software.
    let desk = Queue::new(16, 8);
    let [array, merge] = desk.submit(&["--tasks", "2", "--time", "20min", "--gres", "gpu:1", "--max-at-once", "1"]);
    wait_for("the end of all jobs", || ended(&[&array, &merge]));
    let logs: Vec<String> = (1..=2).map(|task| desk.log(&format!("{array}_{task}"))).collect();
    println!("{}", logs.concat());
    for log in &logs {
        assert!(log.lines().any(|line| line.starts_with("gpu: ")) && log.contains("done: "), "{log}");
    }
    let found = record::open_campaign(&desk.record()).unwrap();
    assert!(found.points.iter().all(|point| point.provenance.identity.backend == "gpu"));
}

#[test]
#[ignore = "needs a Slurm: scripts/slurm-test.sh"]
fn a_task_that_fails_says_why_and_nothing_is_merged() {
    let desk = Queue::new(16, 8);
    // The campaign is good when the scripts are written, and is not when the tasks read it.
    let to = format!("{ODD}/out.h5");
    let call = ["slurm", "queued.toml", "-o", &to, "--tasks", "4", "--time", "20min", "--quiet"];
    let commands = good(&desk.trapline(&call));
    fs::write(desk.path("queued.toml"), campaign(16, 0)).unwrap();
    let submitted =
        Command::new("bash").args(["-c", &format!("{commands}printf '%s\\n' \"$array\"")]).output().unwrap();
    let said = good(&submitted);
    let array = said.lines().last().unwrap().to_owned();
    let merge = said.lines().find_map(|line| line.strip_prefix("Submitted batch job ")).unwrap().to_owned();
    wait_for("the end of all jobs", || ended(&[&array, &merge]));
    for task in 1..=4 {
        let log = desk.log(&format!("{array}_{task}"));
        assert!(log.contains("array.rows") && log.contains("wrong usage") && log.contains("exit code 2"), "{log}");
        assert!(!log.contains("turn 2"), "{log}");
    }
    let state = told(&array);
    assert!(state.contains("JobState=FAILED") && state.contains("ExitCode=2:0"), "{state}");
    let state = told(&merge);
    assert!(state.contains("JobState=CANCELLED"), "the merge left the queue: {state}");
    assert_eq!(desk.log(&format!("merge-{merge}")), "");
    assert!(!desk.record().exists());

    // Mended, the same call goes on, and this time there is a record.
    fs::write(desk.path("queued.toml"), campaign(16, 8)).unwrap();
    let [array, merge] = desk.submit(&["--tasks", "4", "--time", "20min"]);
    wait_for("the end of all jobs", || ended(&[&array, &merge]));
    assert_eq!(values(&desk.record()).len(), 16, "{}", desk.log(&format!("merge-{merge}")));
}
