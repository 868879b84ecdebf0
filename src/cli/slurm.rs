//! `trapline slurm`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};

use clap::Args;
use trapline::campaign::slurm::{Slurm as Scripts, TimeLimit, merge_conditions};
use trapline::campaign::{Destination, MAX_SHARDS, Overrides, Plan};
use trapline::files::commit::{self, Batch, CommitError};
use trapline::{options, record};

use super::computing::Computing;
use super::electrons::Electrons;
use super::reading::{self, Extent};
use super::{Failure, outputs, size, terminal};

/// Writes the scripts of a Slurm job array that runs a campaign, one shard a task, and of the merge behind it;
/// submits them on request
#[derive(Debug, Args)]
#[command(after_help = "\
Without --backend, all tasks compute on a GPU where they ask Slurm for one, and
else on processors: never on what a node happens to have. A task that asked for
a GPU takes the adapter of the one it was given.
A task ends with the exit code of trapline. Out of time or killed, it goes back
into the queue, and goes on with its points, as long as each turn finishes one.
docs/slurm.md tells more.")]
pub struct Slurm {
    /// The campaign file
    file: PathBuf,
    /// Number of tasks, each of which computes a piece of equal work on one node
    #[arg(long, value_name = "N", value_parser = tasks, allow_hyphen_values = true)]
    tasks: usize,
    /// Longest time of a task: 2h, 90min, 1-12:00:00. A task that needs longer goes on in another turn
    #[arg(long, allow_hyphen_values = true)]
    time: TimeLimit,
    /// The record to write in the end; the scripts and logs go to OUT.slurm beside it [default: the campaign's name
    /// and .h5]
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Submits both scripts by sbatch, and prints the numbers of the jobs
    #[arg(long)]
    submit: bool,
    /// Replaces scripts that differ, and lets the merge replace a record that exists
    #[arg(long)]
    force: bool,
    /// Starts no task again that was out of time, killed or preempted
    #[arg(long)]
    no_requeue: bool,
    /// Most tasks that run at the same time
    #[arg(long, value_name = "K", value_parser = tasks, allow_hyphen_values = true)]
    max_at_once: Option<usize>,
    /// Where to queue; as sbatch takes it
    #[arg(long, value_name = "NAME", help_heading = "What Slurm gives a task")]
    partition: Option<String>,
    /// Whom to charge; as sbatch takes it
    #[arg(long, value_name = "NAME", help_heading = "What Slurm gives a task")]
    account: Option<String>,
    /// Processors of a task, as many as the CPU backend takes threads [default: sbatch's]
    #[arg(long, value_name = "N", value_parser = size::threads, allow_hyphen_values = true, help_heading = "What Slurm gives a task")]
    cpus_per_task: Option<usize>,
    /// Memory of a task, as sbatch takes it: 4G
    #[arg(long, value_name = "SIZE", help_heading = "What Slurm gives a task")]
    mem: Option<String>,
    /// The GPU of a task, as sbatch takes it: 1, or a100:1
    #[arg(long, value_name = "GPU", conflicts_with = "gres", help_heading = "What Slurm gives a task")]
    gpus_per_task: Option<String>,
    /// The GPU of a task, as sbatch takes it: gpu:1, or gpu:a100:1
    #[arg(long, value_name = "GRES", help_heading = "What Slurm gives a task")]
    gres: Option<String>,
    /// A further option of sbatch, for the tasks and the merge; may be given several times:
    /// --sbatch=--constraint=avx512
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true, help_heading = "What Slurm gives a task")]
    sbatch: Vec<String>,
    /// The program on the nodes [default: the one that runs now]
    #[arg(long, value_name = "PATH")]
    trapline: Option<PathBuf>,
    /// Rows, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::lines, allow_hyphen_values = true)]
    rows: Option<u64>,
    /// Columns, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::lines, allow_hyphen_values = true)]
    cols: Option<u64>,
    /// Seed, in the place of the file's
    #[arg(long, value_name = "N", value_parser = size::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    /// How the electrons of cells are taken, in the place of the file's
    #[arg(long, value_enum, value_name = "HOW")]
    electrons: Option<Electrons>,
    #[command(flatten)]
    computing: Computing,
    /// Prints the commands or the numbers of the jobs only: no remarks
    #[arg(long, short)]
    quiet: bool,
}

fn tasks(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=MAX_SHARDS).contains(n));
    number.ok_or_else(|| format!("it must be a whole number from 1 to {MAX_SHARDS}"))
}

impl Slurm {
    /// Checks the campaign, writes the scripts, and submits them where that is wanted.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self) -> Result<(), Failure> {
        self.computing.consistent()?;
        let overrides = Overrides {
            rows: self.rows,
            cols: self.cols,
            seed: self.seed,
            electrons: self.electrons.map(Electrons::of_file),
        };
        let plan = Plan::load(&self.file, &overrides)?;
        if self.tasks > plan.points.len() {
            return Err(Failure::Usage(format!(
                "--tasks is {}; it must be at most {}, the number of points of this campaign: a point is computed by one task",
                self.tasks,
                plan.points.len()
            )));
        }
        let scripts = self.scripts(&plan)?;
        self.check_outputs(&scripts, &plan)?;
        self.write(&scripts)?;
        let note = |line: &str| {
            if !self.quiet {
                terminal::note(line);
            }
        };
        note(&format!(
            "{}: {} points in {} tasks of at most {}; scripts and logs in {}",
            plan.label.name,
            plan.points.len(),
            self.tasks,
            scripts.time,
            scripts.folder().display()
        ));
        if !self.submit {
            note("to submit both (or call again with --submit):");
            return terminal::print(&scripts.commands()?);
        }
        submit(&scripts)
    }

    fn scripts(&self, plan: &Plan) -> Result<Scripts, Failure> {
        let gpu = self.gpu()?;
        // Left to themselves, tasks on unlike nodes would compute on unlike backends, whose values agree, but not bit
        // by bit.
        let backend = self.computing.backend().unwrap_or(if gpu { "gpu" } else { "cpu" });
        options::can_compute(backend, plan, &self.file)?;
        let mut computing = vec!["--backend".to_owned(), backend.to_owned()];
        computing.extend(self.computing.words());
        let overrides = [("--rows", self.rows), ("--cols", self.cols), ("--seed", self.seed)];
        let electrons = self.electrons.map(|of| ["--electrons".to_owned(), of.of_file().name().to_owned()]);
        let given = overrides.into_iter().filter_map(|(option, value)| Some([option.to_owned(), value?.to_string()]));
        let record = self.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.h5", plan.label.name)));
        let mut options = Vec::new();
        let mut task_options = Vec::new();
        let cpus = self.cpus_per_task.map(|n| n.to_string());
        for (list, option, value) in [
            (true, "--partition", &self.partition),
            (true, "--account", &self.account),
            (true, "--mem", &self.mem),
            (false, "--cpus-per-task", &cpus),
            (false, "--gpus-per-task", &self.gpus_per_task),
            (false, "--gres", &self.gres),
        ] {
            if let Some(value) = value {
                if list { &mut options } else { &mut task_options }.push((option, value.clone()));
            }
        }
        Ok(Scripts {
            trapline: self.program()?,
            campaign: whole(&self.file)?,
            record: Destination::new(&whole(&record)?, &[])?.record,
            tasks: self.tasks,
            time: self.time,
            at_once: self.max_at_once,
            requeue: !self.no_requeue,
            replace: self.force,
            task_options,
            options,
            own_options: self.sbatch.clone(),
            overrides: given.chain(electrons).flatten().collect(),
            computing,
            picks_gpu: gpu && !self.computing.names_adapter(),
            counts_threads: backend == "cpu" && !self.computing.names_threads(),
        })
    }

    /// Whether a task asks for a GPU; one, because that is what a shard computes on.
    fn gpu(&self) -> Result<bool, Failure> {
        let asked = [("--gpus-per-task", &self.gpus_per_task), ("--gres", &self.gres)];
        for (option, value) in asked.into_iter().filter_map(|(option, value)| Some((option, value.as_deref()?))) {
            if option == "--gres" && value != "gpu" && !value.starts_with("gpu:") {
                continue;
            }
            let count = value.rsplit(':').next().and_then(|last| last.parse::<u64>().ok());
            if count.is_some_and(|count| count != 1) {
                return Err(Failure::Usage(format!(
                    "{option} is {value}; it must ask for 1 GPU: a task computes on one; for more of them give more --tasks"
                )));
            }
            if let Some(backend @ ("cpu" | "reference")) = self.computing.backend() {
                return Err(Failure::Usage(format!(
                    "{option} asks for a GPU; it cannot go with --backend {backend}, which would leave it idle"
                )));
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// The program on the nodes. A bare name is left to their PATH.
    fn program(&self) -> Result<PathBuf, Failure> {
        match &self.trapline {
            Some(name) if name.components().count() == 1 && !name.is_absolute() => Ok(name.clone()),
            Some(path) => whole(path),
            None => std::env::current_exe().map_err(|error| {
                Failure::Failed(format!("where this program lies cannot be found: {error}; give it by --trapline"))
            }),
        }
    }

    /// Refuses to be in the way of what is there: the record, scripts of other content, pieces of another campaign.
    fn check_outputs(&self, scripts: &Scripts, plan: &Plan) -> Result<(), Failure> {
        let record = [scripts.record.clone()];
        outputs::free(&record, self.force)?;
        outputs::not_inputs(&record, &plan.inputs)?;
        let pieces = scripts.pieces();
        if let Some(last) = pieces.last() {
            Destination::new(last, &[])?;
        }
        for piece in pieces.iter().filter(|piece| piece.exists()) {
            let usage = |what: &str| {
                let piece = piece.display();
                Failure::Usage(format!("{piece} {what}; move it away, or choose another name with -o"))
            };
            reading::survive(piece, Extent::Summary)?;
            match record::open_campaign(piece) {
                // What is in progress the task itself holds against its plan.
                Err(_) if matches!(record::file_type(piece), Ok(record::FileType::Unfinished)) => {}
                Err(error) => return Err(usage(&format!("is no record to go on with ({error})"))),
                Ok(piece_read) => {
                    if let Some(what) = piece_read.label.difference(&plan.label) {
                        return Err(usage(&format!("is of another campaign: its {what} is another")));
                    }
                }
            }
        }
        for (path, text) in texts(scripts)? {
            if !self.force && path.symlink_metadata().is_ok() && !holds(&path, &text) {
                return Err(Failure::Usage(format!(
                    "{} is another script than this call makes; choose another name with -o, or replace it with --force",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    fn write(&self, scripts: &Scripts) -> Result<(), Failure> {
        commit::create_folder(&scripts.logs()).map_err(|error| Failure::Failed(error.to_string()))?;
        let mut batch = Batch::new();
        for (path, text) in texts(scripts)? {
            if !holds(&path, &text) {
                batch.write::<CommitError>(&path, |temporary| {
                    fs::write(temporary, text).map_err(|source| CommitError {
                        path: path.clone(),
                        step: "write",
                        source,
                    })?;
                    may_run(temporary);
                    Ok(())
                })?;
            }
        }
        outputs::place(batch, self.force, &scripts.folder())
    }
}

/// Whether a file is there and holds this text. One that is no file is not opened: a pipe would wait.
fn holds(path: &Path, text: &str) -> bool {
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == text.len() as u64);
    is_file && fs::read(path).is_ok_and(|there| there == text.as_bytes())
}

fn texts(scripts: &Scripts) -> Result<[(PathBuf, String); 2], Failure> {
    Ok([(scripts.array_path(), scripts.array_script()?), (scripts.merge_path(), scripts.merge_script()?)])
}

fn whole(path: &Path) -> Result<PathBuf, Failure> {
    absolute(path).map_err(|error| Failure::Usage(format!("{}: has no absolute path: {error}", path.display())))
}

/// A convenience: sbatch reads what is not executable too.
fn may_run(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Ok(metadata) = fs::metadata(path) {
            let mut permissions = metadata.permissions();
            // Whoever may read it may run it.
            permissions.set_mode(permissions.mode() | (permissions.mode() & 0o444) >> 2);
            let _ = fs::set_permissions(path, permissions);
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Submits the array and the merge, and prints their numbers.
fn submit(scripts: &Scripts) -> Result<(), Failure> {
    let array = sbatch([scripts.array_path().as_os_str()])?;
    terminal::print(&format!("array {array}\n"))?;
    let conditions = merge_conditions(&array);
    let path = scripts.merge_path();
    let arguments = conditions.iter().map(OsStr::new).chain([path.as_os_str()]);
    let merge = sbatch(arguments).map_err(|failure| {
        let why = failure.message().unwrap_or_default();
        Failure::Failed(format!(
            "{why}; the array {array} is submitted and its merge is not: submit that by sbatch {} {}, or end the array by scancel {array}",
            conditions.join(" "),
            path.display()
        ))
    })?;
    terminal::print(&format!("merge {merge}\n"))
}

/// The number that sbatch gives a job.
fn sbatch<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<String, Failure> {
    let run = Command::new("sbatch").arg("--parsable").args(arguments).stdin(Stdio::null()).output();
    let output = run.map_err(|error| {
        Failure::Failed(format!(
            "sbatch cannot be started: {error}; call this on a machine of the cluster, or submit the scripts there"
        ))
    })?;
    let said = String::from_utf8_lossy(&output.stdout);
    // JOB, or JOB;CLUSTER.
    let number = said.trim().split(';').next().unwrap_or_default();
    if output.status.success() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
        // Remarks of a site's plug-ins.
        let remarks = String::from_utf8_lossy(&output.stderr);
        remarks.lines().filter(|line| !line.trim().is_empty()).for_each(terminal::note);
        return Ok(number.to_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    let why = if why.trim().is_empty() { said.trim() } else { why.trim() };
    Err(Failure::Failed(format!("sbatch refused: {why}")))
}
