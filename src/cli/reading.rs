//! Opening records. One without its seal is read in a child of this process first.
//!
//! On a damaged file HDF5 may run for ever, take all memory, or end the process, and no check by its caller can prevent that. A seal
//! says that a file is what was written; without it, a child reads everything the file holds, with limits of time and memory, and
//! only what it came through is read here. Whatever happens to the child becomes one line.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use trapline::record::{self, Record, RecordError, Trust};
use trapline::text::one_line;

use super::Failure;

/// Name of the command that the child runs.
const COMMAND: &str = "read-unsealed";

const DAMAGED: &str = "it has no seal at its end, so it was cut short or changed: restore it or compute it again";

/// Opens a record of whatever kind. One without a seal is told, and read once a child has come through it.
///
/// # Errors
/// [`Failure::Failed`] for what cannot be read.
pub fn open(path: &Path) -> Result<Record, Failure> {
    Ok(record::open(path, trust(path)?)?)
}

/// How far a file may be trusted: as far as its seal, or all the way where it has none and a child came through it.
///
/// # Errors
/// As [`open`].
pub fn trust(path: &Path) -> Result<Trust, Failure> {
    match record::is_sealed(path)? {
        true => Ok(Trust::Sealed),
        false => read_in_a_child(path).map(|()| Trust::Unsealed),
    }
}

/// What a child may use of the machine.
struct Limits {
    /// Of the processor, s.
    processor_s: u64,
    /// From start to end: more, for a machine with other work and for slow disks.
    wall: Duration,
    memory_bytes: u64,
}

impl Limits {
    /// A sound file of this size takes a tenth of this.
    fn of(file_bytes: u64) -> Limits {
        let processor_s = 2 + file_bytes / (8 << 20);
        Limits {
            processor_s,
            wall: Duration::from_secs(10 + 10 * processor_s),
            // The program itself, and what a record may hold in memory, twice.
            memory_bytes: (768 << 20) + file_bytes.saturating_mul(64).min(3 << 30),
        }
    }
}

fn read_in_a_child(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let failed = |what: String| Failure::Failed(format!("{shown}: {what}; {DAMAGED}"));
    let bytes = std::fs::metadata(path).map_or(0, |found| found.len());
    let limits = Limits::of(bytes);
    let program = std::env::current_exe()
        .map_err(|error| failed(format!("a process of its own to read it in cannot be started: {error}")))?;
    let mut command = Command::new(program);
    command.arg(COMMAND).arg("--processor-s").arg(limits.processor_s.to_string());
    command.arg("--memory-bytes").arg(limits.memory_bytes.to_string()).arg("--").arg(path);
    // Memory that is read before it is written shows in the child, and not first in the process that trusts it.
    command.env("GLIBC_TUNABLES", "glibc.malloc.perturb=165");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| failed(format!("a process of its own to read it in cannot be started: {error}")))?;
    let said = child.stderr.take().map(|pipe| std::thread::spawn(move || last_line(pipe)));
    let status = wait(&mut child, limits.wall)
        .map_err(|error| failed(format!("the process that reads it cannot be waited for: {error}")))?;
    let said = said.and_then(|thread| thread.join().ok()).unwrap_or_default();
    match status {
        None => Err(failed(format!("reading it did not end within {} s", limits.wall.as_secs()))),
        Some(status) if status.success() => Ok(()),
        // The child's own account, which names the file.
        Some(status) if status.code() == Some(1) && !said.is_empty() => {
            Err(Failure::Failed(one_line(said.strip_prefix("trapline: ").unwrap_or(&said))))
        }
        Some(status) => Err(failed(how_it_ended(status, &limits))),
    }
}

/// Waits so long, and ends the child then.
fn wait(child: &mut Child, most: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= most {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (2 * pause).min(Duration::from_millis(50));
    }
}

/// The last line of what a child says, of the last few thousand bytes.
fn last_line(mut pipe: impl Read) -> String {
    const KEPT: usize = 1 << 14;
    let (mut said, mut block) = (Vec::new(), [0_u8; 4096]);
    while let Ok(read @ 1..) = pipe.read(&mut block) {
        said.extend_from_slice(&block[..read]);
        if said.len() > 2 * KEPT {
            said.drain(..said.len() - KEPT);
        }
    }
    let text = String::from_utf8_lossy(&said);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
}

fn how_it_ended(status: ExitStatus, limits: &Limits) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        let out_of_time = status.signal() == Some(24);
        if out_of_time {
            return format!("HDF5 did not come to an end with it within {} s", limits.processor_s);
        }
        if let Some(signal) = status.signal() {
            return format!("HDF5 ended the process that read it, by signal {signal}");
        }
    }
    let _ = limits;
    match status.code() {
        Some(code) => format!("the process that read it ended with code {code}"),
        None => "the process that read it was ended".to_owned(),
    }
}

/// Reads a record that has no seal, and prints nothing: for the process that asks, which this one may be lost without.
#[derive(Debug, Args)]
#[command(hide = true)]
pub struct ReadUnsealed {
    /// Most time of the processor
    #[arg(long, value_name = "S")]
    processor_s: u64,
    /// Most memory
    #[arg(long, value_name = "BYTES")]
    memory_bytes: u64,
    /// The record
    file: std::path::PathBuf,
}

impl ReadUnsealed {
    /// # Errors
    /// [`Failure::Failed`].
    pub fn run(self) -> Result<(), Failure> {
        self.limit();
        match record::read_all(&self.file, Trust::Unsealed) {
            Ok(()) => Ok(()),
            // What an attribute or a dataset lacks may be the loss of its end.
            Err(error @ RecordError::Damaged { .. }) => Err(Failure::Failed(format!("{error} (it has no seal)"))),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes what this process may use from it. Where the system has no such limit, the one who waits keeps the time.
    fn limit(&self) {
        #[cfg(unix)]
        {
            use rustix::process::{Resource, Rlimit, setrlimit};
            let limits = [
                (Resource::Cpu, self.processor_s, self.processor_s + 1),
                (Resource::Core, 0, 0),
                #[cfg(any(target_os = "linux", target_os = "android"))]
                (Resource::As, self.memory_bytes, self.memory_bytes),
            ];
            for (of, current, maximum) in limits {
                // Refused where a lower one is set already, which then holds.
                let _ = setrlimit(of, Rlimit { current: Some(current), maximum: Some(maximum) });
            }
        }
    }
}
