//! The job scripts of `trapline slurm`, run by the shell alone: programs that stand in for trapline, sbatch and
//! scontrol write down how they were called. A real Slurm runs them in `slurm.rs`.
#![cfg(unix)]

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::calls::{err, good, out, refused_with, told};
use crate::desk::Desk;

/// A name that a careless script would take apart.
const ODD: &str = "it's \"100%\" $HOME #1";

const CAMPAIGN: &str = "format = 1\nname = \"small\"\nseed = 5\nvariation = true\nelectrons = \"mean-field\"\n\
     [array]\nrows = 8\ncols = 8\n\
     [[material]]\nuse = \"pi-ws2-qd\"\nprogram = [{ pulses = 2, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]\n\
     [bake]\ntemperatures_c = [25.0, 85.0, 125.0, 150.0]\nfrom_s = 1.0\nto_s = 1e3\nper_octave = 1\n";

/// A folder with a campaign, and one of programs that come first in the PATH.
struct Scripts {
    desk: Desk,
}

impl Deref for Scripts {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Scripts {
    fn new() -> Scripts {
        let desk = Desk::with(&format!("{ODD}.toml"), CAMPAIGN);
        fs::create_dir(desk.path("bin")).unwrap();
        fs::create_dir(desk.path(ODD)).unwrap();
        Scripts { desk }
    }

    fn record(&self) -> PathBuf {
        self.path(ODD).join("out.h5")
    }

    /// A program that writes its arguments, each ended by a line of its own, and then does what it is told.
    fn program(&self, name: &str, does: &str) -> PathBuf {
        let path = self.path("bin").join(name);
        let calls = self.path(&format!("{name}.calls"));
        let text = format!("#!/bin/bash\nprintf '%s\\n' \"$@\" end >>'{}'\n{does}\n", calls.display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn calls(&self, name: &str) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.path(&format!("{name}.calls"))).unwrap_or_default();
        let mut calls = vec![Vec::new()];
        for line in text.lines() {
            match line {
                "end" => calls.push(Vec::new()),
                word => calls.last_mut().unwrap().push(word.to_owned()),
            }
        }
        calls.pop();
        calls
    }

    fn with_path(&self, command: &mut Command) {
        command.env("PATH", format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap()));
        for name in ["CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "SLURM_JOB_GPUS", "SLURM_RESTART_COUNT"] {
            command.env_remove(name);
        }
    }

    fn slurm(&self, more: &[&str]) -> Output {
        let mut command = self.command(&["slurm", &format!("{ODD}.toml")]);
        self.with_path(&mut command);
        command.args(["-o", &format!("{ODD}/out.h5"), "--trapline", "bin/trapline"]);
        if !more.contains(&"--time") {
            command.args(["--time", "2h"]);
        }
        command.args(more).output().unwrap()
    }

    fn script(&self, name: &str) -> PathBuf {
        self.path(ODD).join("out.slurm").join(name)
    }

    /// The script as Slurm starts it for a task.
    fn task(&self, task: usize, environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new("bash");
        self.with_path(&mut command);
        command.arg(self.script("array.sh")).current_dir("/").stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("SLURM_ARRAY_TASK_ID", task.to_string()).env("SLURM_ARRAY_JOB_ID", "77").env("SLURM_JOB_ID", "80");
        command.env("SLURM_CPUS_ON_NODE", "3").envs(environment.iter().copied());
        command
    }

    fn point(&self, piece: &str) -> String {
        let folder = self.path(ODD).join(format!("{piece}.parts")).join("000000");
        format!("mkdir -p {0} && touch {0}/point-000001.h5", quoted(&folder))
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_str().unwrap().replace('\'', r"'\''"))
}

#[test]
fn a_task_runs_its_shard_and_the_merge_gets_all_of_them() {
    let desk = Scripts::new();
    desk.program("trapline", "exit 0");
    good(&desk.slurm(&["--tasks", "4", "--rows", "16", "--seed", "9"]));
    // Slurm makes no folder for its logs.
    assert!(desk.script("logs").is_dir());
    let done = good(&desk.task(3, &[]).output().unwrap());
    assert!(done.contains("task 3 of 4: done: ") && done.contains("job 77_3"), "{done}");
    let campaign = desk.path(&format!("{ODD}.toml")).display().to_string();
    let record = desk.record().display().to_string();
    let expected = ["run", &campaign, "--shard", "3/4", "-o", &record, "--resume", "--rows", "16", "--seed", "9"];
    let calls = desk.calls("trapline");
    assert_eq!(calls[0], [&expected[..], &["--backend", "cpu", "--threads", "3"]].concat());

    good(&Command::new("bash").arg(desk.script("merge.sh")).current_dir("/").output().unwrap());
    let piece = |n: usize| desk.path(ODD).join(format!("out-{n}-of-4.h5")).display().to_string();
    let expected = ["merge", &piece(1), &piece(2), &piece(3), &piece(4), "-o", &record];
    assert_eq!(desk.calls("trapline")[1], expected);
    // A merge that Slurm starts again after it ended is done; the same record is in the way of another.
    fs::write(desk.record(), "").unwrap();
    let mut merge = Command::new("bash");
    merge.arg(desk.script("merge.sh")).env("SLURM_RESTART_COUNT", "1");
    assert!(good(&merge.output().unwrap()).contains("done before"));
    assert_eq!(desk.calls("trapline").len(), 2);
}

#[test]
fn the_exit_code_is_traplines_and_the_log_says_what_it_means() {
    let desk = Scripts::new();
    desk.program("scontrol", "");
    desk.program("trapline", "exit 0");
    good(&desk.slurm(&["--tasks", "2"]));
    for (code, says) in
        [(1, "failed while running"), (2, "wrong usage"), (127, "cannot be started"), (143, "by a signal")]
    {
        desk.program("trapline", &format!("exit {code}"));
        let output = desk.task(1, &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        assert!(out(&output).contains(says), "{}", out(&output));
    }
    assert!(desk.calls("scontrol").is_empty(), "none of these is better for another turn");

    // Killed from outside: again, as long as it gets on.
    desk.program("trapline", "kill -KILL $$");
    let output = desk.task(1, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(137));
    assert!(out(&output).contains("no point was finished in this turn") && desk.calls("scontrol").is_empty());
    desk.program("trapline", &format!("{} && kill -KILL $$", desk.point("out-1-of-2.h5")));
    let output = desk.task(1, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(137));
    assert_eq!(desk.calls("scontrol"), [["requeue", "80"]]);
    // The same point is no news.
    assert!(out(&desk.task(1, &[]).output().unwrap()).contains("no point was finished"));
    assert_eq!(desk.calls("scontrol").len(), 1);
}

/// Starts a task whose program waits, sends the script a signal, and says how it ended.
fn signalled(desk: &Scripts, signal: &str) -> Output {
    let begun = desk.path("begun");
    let _ = fs::remove_file(&begun);
    let point = desk.point("out-2-of-2.h5");
    // Takes a moment to end, as a program does that has a file open.
    let does = format!(
        "{point}; trap 'sleep 0.3; exit 143' TERM; touch {}; for i in {{1..200}}; do sleep 0.1; done; exit 0",
        quoted(&begun)
    );
    desk.program("trapline", &does);
    let task = desk.task(2, &[]).spawn().unwrap();
    let start = Instant::now();
    while !begun.exists() {
        assert!(start.elapsed() < Duration::from_secs(20), "not begun");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args([signal, &task.id().to_string()]).status().unwrap().success());
    task.wait_with_output().unwrap()
}

#[test]
fn a_task_that_is_out_of_time_goes_back_into_the_queue_and_a_cancelled_one_does_not() {
    let desk = Scripts::new();
    desk.program("scontrol", "");
    desk.program("trapline", "exit 0");
    good(&desk.slurm(&["--tasks", "2"]));
    let output = signalled(&desk, "-TERM");
    assert_eq!(output.status.code(), Some(143));
    assert!(out(&output).contains("told to end (SIGTERM"), "{}", out(&output));
    assert!(desk.calls("scontrol").is_empty());

    fs::remove_dir_all(desk.path(ODD).join("out-2-of-2.h5.parts")).unwrap();
    let output = signalled(&desk, "-USR1");
    assert_eq!(output.status.code(), Some(143), "the code of trapline, not that of the interrupted wait");
    assert!(out(&output).contains("the time limit is near") && out(&output).contains("scontrol requeue 80"));
    assert_eq!(desk.calls("scontrol"), [["requeue", "80"]]);

    fs::remove_dir_all(desk.path(ODD).join("out-2-of-2.h5.parts")).unwrap();
    good(&desk.slurm(&["--tasks", "2", "--no-requeue", "--force"]));
    assert!(out(&signalled(&desk, "-USR1")).contains("not started again (--no-requeue)"));
    assert_eq!(desk.calls("scontrol").len(), 1);
}

#[test]
fn the_exit_code_is_not_lost_where_the_program_gets_the_signal_too() {
    use std::os::unix::process::CommandExt;
    let desk = Scripts::new();
    let begun = desk.path("begun");
    desk.program("trapline", &format!("trap 'exit 7' TERM; touch {}; while :; do :; done", quoted(&begun)));
    good(&desk.slurm(&["--tasks", "2"]));
    for _ in 0..20 {
        let _ = fs::remove_file(&begun);
        let task = desk.task(1, &[]).process_group(0).spawn().unwrap();
        let start = Instant::now();
        while !begun.exists() {
            assert!(start.elapsed() < Duration::from_secs(20), "not begun");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Slurm signals every process of a job that is cancelled.
        assert!(Command::new("kill").args(["-TERM", "--", &format!("-{}", task.id())]).status().unwrap().success());
        let output = task.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(7), "{}{}", out(&output), err(&output));
    }
}

#[test]
fn a_task_names_the_gpu_it_was_given() {
    let desk = Scripts::new();
    desk.program("trapline", "exit 0");
    good(&desk.slurm(&["--tasks", "2", "--gpus-per-task", "1"]));
    let adapter = |environment: &[(&str, &str)]| {
        good(&desk.task(1, environment).output().unwrap());
        let call = desk.calls("trapline").pop().unwrap();
        assert!(call.windows(2).any(|pair| pair == ["--backend", "gpu"]) && !call.contains(&"--threads".to_owned()));
        let at = call.iter().position(|word| word == "--adapter")?;
        Some(call[at + 1].clone())
    };
    // A machine without NVIDIA's tools: the number is a place.
    desk.program("nvidia-smi", "exit 9");
    assert_eq!(adapter(&[]), None);
    assert_eq!(adapter(&[("SLURM_JOB_GPUS", "3")]).as_deref(), Some("3"));
    // Where Slurm shows a task its own GPU only, that is number 0 of those it can see.
    assert_eq!(adapter(&[("SLURM_JOB_GPUS", "3"), ("CUDA_VISIBLE_DEVICES", "0")]).as_deref(), Some("0"));
    assert_eq!(adapter(&[("CUDA_VISIBLE_DEVICES", "GPU-12ab")]), None);
    desk.program("nvidia-smi", "echo 00000000:65:00.0");
    assert_eq!(adapter(&[("CUDA_VISIBLE_DEVICES", "GPU-12ab")]).as_deref(), Some("00000000:65:00.0"));
    assert!(desk.calls("nvidia-smi").pop().unwrap().contains(&"--id=GPU-12ab".to_owned()));

    // An adapter of the user's stays.
    good(&desk.slurm(&["--tasks", "2", "--gres", "gpu:a100:1", "--adapter", "A 100", "--force"]));
    assert_eq!(adapter(&[("CUDA_VISIBLE_DEVICES", "1")]).as_deref(), Some("A 100"));
}

#[test]
fn both_jobs_are_submitted_and_the_merge_depends_on_the_array() {
    let desk = Scripts::new();
    desk.program("trapline", "exit 0");
    desk.program("sbatch", "case \"$*\" in *merge.sh) echo 78 ;; *) echo '77;here' ;; esac");
    let expected = |ids: &str| {
        let array = desk.script("array.sh").display().to_string();
        let merge = desk.script("merge.sh").display().to_string();
        assert_eq!(ids, "array 77\nmerge 78\n");
        let depends = ["--parsable", "--dependency=afterok:77", "--kill-on-invalid-dep=yes", &merge].map(str::to_owned);
        assert_eq!(desk.calls("sbatch"), [vec!["--parsable".to_owned(), array], depends.to_vec()]);
        fs::remove_file(desk.path("sbatch.calls")).unwrap();
    };
    expected(&good(&desk.slurm(&["--tasks", "4", "--submit"])));
    // The same call goes on; the scripts are there already, and the same.
    expected(&good(&desk.slurm(&["--tasks", "4", "--submit"])));

    // What is printed without --submit does the same by hand.
    let commands = good(&desk.slurm(&["--tasks", "4"]));
    let mut shell = Command::new("bash");
    desk.with_path(&mut shell);
    let said = good(&shell.args(["-c", &commands]).output().unwrap());
    assert_eq!(said, "78\n");
    let merge = desk.calls("sbatch").pop().unwrap();
    assert_eq!(merge[0], "--dependency=afterok:77");

    desk.program("sbatch", "echo 'sbatch: error: invalid account' >&2; exit 1");
    refused_with(&desk.slurm(&["--tasks", "4", "--submit", "--quiet"]), 1, &["sbatch refused", "invalid account"]);
    desk.program("sbatch", "case \"$*\" in *merge.sh) exit 1 ;; *) echo 77 ;; esac");
    // The array is in the queue, so its number is printed.
    let (code, printed, error) = told(&desk.slurm(&["--tasks", "4", "--submit", "-q"]));
    assert_eq!((code, printed.as_str(), error.lines().count()), (Some(1), "array 77\n", 1), "{error}");
    assert!(error.contains("array 77 is submitted") && error.contains("scancel 77"), "{error}");
}

#[test]
fn what_cannot_run_is_refused_before_anything_is_written() {
    let desk = Scripts::new();
    desk.program("trapline", "exit 0");
    let nothing = || assert!(!desk.script("").exists());
    for (more, says) in [
        (&["--tasks", "5"][..], &["--tasks is 5", "at most 4"][..]),
        (&["--tasks", "0"], &["--tasks", "from 1 to 10000"]),
        (&["--tasks", "2", "--max-at-once", "0"], &["--max-at-once"]),
        (&["--tasks", "2", "--gpus-per-task", "2"], &["--gpus-per-task is 2", "more --tasks"]),
        (&["--tasks", "2", "--gres", "gpu:1", "--backend", "cpu"], &["--gres", "--backend cpu"]),
        (&["--tasks", "2", "--sbatch", "mem=1"], &["--sbatch", "an option of sbatch"]),
        (&["--tasks", "2", "--mem", "1\n2"], &["--mem", "one line"]),
        (&["--tasks", "2", "--threads", "2", "--backend", "gpu"], &["--threads"]),
        (&["--tasks", "2", "--time", "soon"], &["--time", "2h, 90min"]),
        (&["--tasks", "2", "--time", "0"], &["--time", "more than 0"]),
    ] {
        refused_with(&desk.slurm(more), 2, says);
        nothing();
    }
    fs::write(desk.path(&format!("{ODD}.toml")), CAMPAIGN.replace("rows = 8", "rows = 0")).unwrap();
    refused_with(&desk.slurm(&["--tasks", "2"]), 2, &["array.rows"]);
    nothing();
    fs::write(desk.path(&format!("{ODD}.toml")), CAMPAIGN).unwrap();

    // Outputs that are there.
    fs::write(desk.record(), "mine").unwrap();
    refused_with(&desk.slurm(&["--tasks", "2"]), 2, &["out.h5 exists", "--force"]);
    fs::remove_file(desk.record()).unwrap();
    fs::create_dir(desk.script("")).unwrap();
    fs::write(desk.script("merge.sh"), "mine").unwrap();
    refused_with(&desk.slurm(&["--tasks", "2"]), 2, &["merge.sh is another script", "--force"]);
    assert!(!desk.script("array.sh").exists());
    good(&desk.slurm(&["--tasks", "2", "--force"]));
    refused_with(&desk.slurm(&["--tasks", "3"]), 2, &["is another script"]);

    // A piece of another campaign would stop its task tomorrow.
    let mut run = desk.command(&["run", &format!("{ODD}.toml"), "--shard", "1/2", "--seed", "6"]);
    good(&run.args(["--backend", "cpu", "--quiet", "-o", &format!("{ODD}/out.h5")]).output().unwrap());
    refused_with(&desk.slurm(&["--tasks", "2"]), 2, &["out-1-of-2.h5 is of another campaign", "move it away"]);
    good(&desk.slurm(&["--tasks", "2", "--seed", "6", "--force"]));
}
