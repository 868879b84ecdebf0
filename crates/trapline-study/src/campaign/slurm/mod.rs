//! Job scripts for Slurm: an array with one shard a task, and a merge behind it.
//!
//! The scripts are text that depends on [`Slurm`] alone. Their heads are made here; what follows is the same for
//! every campaign, and stands in `array.sh` and `merge.sh`. A task may be stopped at any moment and started again:
//! `--resume` begins where there is nothing yet, and goes on where there is something.

mod quote;
mod time;

use std::fmt::Write;
use std::path::{Path, PathBuf};

pub use time::TimeLimit;

use super::destination::Destination;
use super::shard::Shard;

const ARRAY_BODY: &str = include_str!("array.sh");
const MERGE_BODY: &str = include_str!("merge.sh");

/// Why there can be no script; one line.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    #[error("{} {problem}; rename it, or choose another", path.display())]
    Name { path: PathBuf, problem: &'static str },
    #[error("{option} is {value:?}; it must be {limit}")]
    Option { option: &'static str, value: String, limit: &'static str },
}

/// A campaign to be run by Slurm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slurm {
    /// The program: an absolute path, or a name to be found in the PATH of the nodes.
    pub trapline: PathBuf,
    /// The campaign file, by its absolute path.
    pub campaign: PathBuf,
    /// The merged record, by its absolute path.
    pub record: PathBuf,
    /// Number of tasks, each of which computes one shard.
    pub tasks: usize,
    /// Time limit of a task, and of the merge.
    pub time: TimeLimit,
    /// Most tasks that run at the same time.
    pub at_once: Option<usize>,
    /// Whether a task that was stopped by its time limit, by the system or by Slurm is started again.
    pub requeue: bool,
    /// Whether the merge replaces a record.
    pub replace: bool,
    /// Options of sbatch for the tasks only, name and value: `--gres`, `gpu:1`.
    pub task_options: Vec<(&'static str, String)>,
    /// Options of sbatch for the tasks and the merge.
    pub options: Vec<(&'static str, String)>,
    /// Options of sbatch as the user wrote them, for the tasks and the merge.
    pub own_options: Vec<String>,
    /// Options of `trapline run` that choose what is computed.
    pub overrides: Vec<String>,
    /// Options of `trapline run` that choose what computes.
    pub computing: Vec<String>,
    /// Whether a task picks the adapter of the GPU that Slurm gave it.
    pub picks_gpu: bool,
    /// Whether a task takes as many threads as Slurm gave it processors.
    pub counts_threads: bool,
}

impl Slurm {
    /// Path of the record without its ending: `sweep` of `sweep.h5`, from which the pieces and the scripts have their
    /// names.
    fn stem(&self) -> PathBuf {
        if self.record.extension().is_some_and(|e| e == "h5") {
            self.record.with_extension("")
        } else {
            self.record.clone()
        }
    }

    /// The folder of the scripts and the logs: `sweep.slurm`.
    pub fn folder(&self) -> PathBuf {
        let mut name = self.stem().into_os_string();
        name.push(".slurm");
        PathBuf::from(name)
    }

    /// The folder of the logs. Slurm does not make it, and a job without it fails without a word.
    pub fn logs(&self) -> PathBuf {
        self.folder().join("logs")
    }

    pub fn array_path(&self) -> PathBuf {
        self.folder().join("array.sh")
    }

    pub fn merge_path(&self) -> PathBuf {
        self.folder().join("merge.sh")
    }

    /// The records of the tasks, in their order.
    pub fn pieces(&self) -> Vec<PathBuf> {
        let shards = (1..=self.tasks).filter_map(|number| Shard::new(number, self.tasks));
        shards.map(|shard| Destination::of_shard(&self.record, shard)).collect()
    }

    /// The shell commands that submit both scripts.
    ///
    /// # Errors
    /// [`SlurmError`].
    pub fn commands(&self) -> Result<String, SlurmError> {
        let [array, merge] = [self.array_path(), self.merge_path()];
        Ok(format!(
            "array=$(sbatch --parsable {}) &&\nsbatch {} {}\n",
            quote::shell(text(&array)?),
            merge_conditions("${array%%;*}").join(" "),
            quote::shell(text(&merge)?)
        ))
    }

    /// The script of the array.
    ///
    /// # Errors
    /// [`SlurmError`] for a name or an option that has no form in a script.
    pub fn array_script(&self) -> Result<String, SlurmError> {
        let tasks = self.tasks;
        let at_once = self.at_once.map_or_else(String::new, |most| format!("%{most}"));
        let mut options = vec![
            ("--array", format!("1-{tasks}{at_once}")),
            // SIGUSR1, and to the script alone: it says why it stops, and hands SIGTERM on.
            ("--signal", format!("B:USR1@{}", self.time.warning_s())),
        ];
        options.extend(self.task_options.iter().cloned());
        let mut script = self.head("", "%A_%a", &options)?;
        assign(&mut script, "campaign", &self.campaign)?;
        let yes = |is: bool| if is { "yes" } else { "no" };
        let _ = write!(
            script,
            "options=({})\ncomputing=({})\n# Whether Slurm gave a GPU to pick; whether to take as many threads as Slurm gave processors.\n\
             gpu={}\nthreads={}\n# Whether a task that is out of time or was killed starts again.\nrequeue={}\n\n",
            words(&self.overrides),
            words(&self.computing),
            yes(self.picks_gpu),
            yes(self.counts_threads),
            yes(self.requeue)
        );
        Ok(script + ARRAY_BODY)
    }

    /// The script of the merge.
    ///
    /// # Errors
    /// As [`Slurm::array_script`].
    pub fn merge_script(&self) -> Result<String, SlurmError> {
        let mut script = self.head("-merge", "%j", &[])?;
        assign(&mut script, "record", &self.record)?;
        let options: &[String] = if self.replace { &["--force".to_owned()] } else { &[] };
        let _ = write!(script, "options=({})\n\n", words(options));
        Ok(script + MERGE_BODY)
    }

    /// What sbatch reads, and the names that both scripts use.
    fn head(&self, suffix: &str, job: &str, more: &[(&'static str, String)]) -> Result<String, SlurmError> {
        let stem = self.stem();
        let name = stem.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default() + suffix;
        let logs = self.logs();
        let log = format!("{}-{job}.log", quote::log_folder(text(&logs.join(&name))?));
        if log.contains('\\') {
            let problem = "has a backslash in its path, which Slurm allows in no name of a log";
            return Err(SlurmError::Name { path: self.record.clone(), problem });
        }
        let requeue = if self.requeue { "--requeue" } else { "--no-requeue" };
        let mut script = "#!/usr/bin/env bash\n".to_owned();
        let mut line = |option: &'static str, value: &str| -> Result<(), SlurmError> {
            let value = one_line(option, value)?;
            let _ = writeln!(script, "#SBATCH {option}={}", quote::sbatch(value));
            Ok(())
        };
        line("--job-name", &name)?;
        line("--output", &log)?;
        line("--open-mode", "append")?;
        line("--time", &self.time.to_string())?;
        line("--nodes", "1")?;
        line("--ntasks", "1")?;
        for (option, value) in self.options.iter().chain(more) {
            line(option, value)?;
        }
        let _ = writeln!(script, "#SBATCH {requeue}");
        // Last: sbatch takes the last of two.
        for own in &self.own_options {
            let value = one_line("--sbatch", own)?;
            if !value.starts_with('-') {
                let limit = "an option of sbatch, such as --sbatch=--constraint=a100";
                return Err(SlurmError::Option { option: "--sbatch", value: own.clone(), limit });
            }
            let _ = writeln!(script, "#SBATCH {value}");
        }
        let _ = writeln!(script, "# Written by trapline slurm (trapline {}).\n", env!("CARGO_PKG_VERSION"));
        assign(&mut script, "trapline", &self.trapline)?;
        assign(&mut script, "stem", &stem)?;
        let _ = writeln!(script, "tasks={}", self.tasks);
        Ok(script)
    }
}

/// A variable that the rest of the script uses.
fn assign(script: &mut String, variable: &str, path: &Path) -> Result<(), SlurmError> {
    let _ = writeln!(script, "{variable}={}", quote::shell(text(path)?));
    Ok(())
}

/// What the merge waits for: that every task of the array ended well. Where one did not, it leaves the queue.
pub fn merge_conditions(array: &str) -> [String; 2] {
    [format!("--dependency=afterok:{array}"), "--kill-on-invalid-dep=yes".to_owned()]
}

fn text(path: &Path) -> Result<&str, SlurmError> {
    let name = |problem| SlurmError::Name { path: path.to_owned(), problem };
    let text = path.to_str().ok_or_else(|| name("is not UTF-8, which a script must be"))?;
    if text.contains(char::is_control) { Err(name("has a control character in its path")) } else { Ok(text) }
}

fn one_line<'a>(option: &'static str, value: &'a str) -> Result<&'a str, SlurmError> {
    if value.is_empty() || value.contains(char::is_control) {
        let limit = "one line of text";
        return Err(SlurmError::Option { option, value: value.to_owned(), limit });
    }
    Ok(value)
}

fn words(words: &[String]) -> String {
    words.iter().map(|word| quote::shell(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
