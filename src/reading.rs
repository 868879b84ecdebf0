//! Opening records. A child of this process reads each of them first.
//!
//! On a damaged file HDF5 may run for ever, take all memory, or end the process, and no check by its caller can
//! prevent that. A seal says that a file is what was written, but it is no signature: whoever changes a file can seal
//! it again. So a child reads everything that the command is going to read, with limits of time and memory, and only
//! what it came through is read here. Whatever happens to the child becomes one line.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ndarray::Array2;

use crate::failure::Failure;
use crate::record::{self, Matrix, Record, RecordError, Trust};
use crate::text::one_line;

/// First word of the call of a child; its limits and how much it reads follow.
pub const COMMAND: &str = "--read-records";
/// A word of that call: histograms and dumps are read too.
pub const EVERYTHING: &str = "everything";
/// A word of that call: files without a seal are read too.
pub const UNSEALED_TOO: &str = "unsealed-too";
/// Begins the word for a dataset of any program's file; its name follows, or nothing where it is the only one.
pub const MATRIX: &str = "matrix=";
/// The same of a dataset that may be a list too.
pub const LIST: &str = "list=";

/// Exit code of a child in which HDF5 refused a file. The cause may be one of the child's limits, which the parent
/// does not have.
pub const BY_HDF5: u8 = 3;

/// What a child writes for each file it has read.
pub const FILE: u8 = b'.';
/// What it writes for each point it is going to read.
pub const POINT: u8 = b',';

/// The program that is started as a child: `trapline`, where this process is another one.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Says once where the program `trapline` of this same version lies, for a process that is another program. Without it
/// the child is the program of this process.
pub fn children_are(program: PathBuf) {
    let _ = PROGRAM.set(program);
}

const NO_SEAL: &str = "it has no seal at its end, so it was cut short or changed: restore it or compute it again";
const DAMAGED: &str = "the file is damaged: restore it or compute it again";
const OF_OTHERS: &str = "the file is damaged: write it again";

/// How much of a record a command is going to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All but the histograms and the dumps.
    Summary,
    Everything,
}

/// What a child reads.
#[derive(Debug, Clone, Copy)]
enum What<'a> {
    Records(Extent, Trust),
    Numbers(Numbers<'a>),
}

/// A dataset of any program's file.
#[derive(Debug, Clone, Copy)]
pub struct Numbers<'a> {
    /// None for the only one there is.
    pub name: Option<&'a str>,
    /// Whether it may have one dimension.
    pub lists: bool,
}

/// Numbers of any program's HDF5 file, with the dataset that they are, once a child has come through it. `admits` says
/// of the dataset whether it is to be read.
///
/// # Errors
/// [`Failure::Usage`] for what is not there or not such numbers, [`Failure::Failed`] for what cannot be read.
pub fn numbers(
    path: &Path,
    of: Numbers<'_>,
    admits: impl FnOnce(&Matrix) -> Result<(), Failure>,
) -> Result<(Array2<f64>, String), Failure> {
    match in_a_child(&[path.to_owned()], What::Numbers(of)) {
        Came::Through => {}
        Came::Refused(said) | Came::None(said) | Came::Lost { said, .. } => return Err(Failure::Failed(said)),
    }
    let matrix = Matrix::open(path, of.name, of.lists).map_err(of_others)?;
    admits(&matrix)?;
    Ok((matrix.read(&|_| {}).map_err(of_others)?, matrix.name().to_owned()))
}

/// A file that somebody gives is theirs to change.
fn of_others(error: RecordError) -> Failure {
    match error {
        RecordError::Matrix { .. } => Failure::Usage(error.to_string()),
        other => other.into(),
    }
}

/// Opens a record of whatever kind, once a child has come through it. One without a seal is told.
///
/// # Errors
/// [`Failure::Failed`] for what cannot be read.
pub fn open(path: &Path, extent: Extent) -> Result<Record, Failure> {
    may_be_read(path, extent)?;
    Ok(record::open(path, Trust::Unsealed)?)
}

/// Refuses a file, sealed or not, that a child does not come through.
///
/// # Errors
/// As [`open`].
pub fn may_be_read(path: &Path, extent: Extent) -> Result<(), Failure> {
    match in_a_child(&[path.to_owned()], What::Records(extent, Trust::Unsealed)) {
        Came::Through => Ok(()),
        Came::Refused(said) | Came::None(said) | Came::Lost { said, .. } => Err(Failure::Failed(said)),
    }
}

/// Refuses a file on which HDF5 would end this process, which is going to read it if it is sealed. What is found
/// wrong without HDF5 is left to whoever reads it.
///
/// # Errors
/// [`Failure::Failed`].
pub fn survive(path: &Path, extent: Extent) -> Result<(), Failure> {
    match spoilt(&[path.to_owned()], extent).pop() {
        None => Ok(()),
        Some((_, said)) => Err(Failure::Failed(said)),
    }
}

/// The files, by their places in the list, on which HDF5 would end this process, and what is to be said of each.
pub fn spoilt(paths: &[PathBuf], extent: Extent) -> Vec<(usize, String)> {
    let (mut refusals, mut from) = (Vec::new(), 0);
    while from < paths.len() {
        match in_a_child(&paths[from..], What::Records(extent, Trust::Sealed)) {
            Came::Through | Came::Refused(_) | Came::None(_) => break,
            Came::Lost { at, said } => {
                refusals.push((from + at, said));
                from += at + 1;
            }
        }
    }
    refusals
}

/// How a child ended.
enum Came {
    Through,
    /// It could not read a file; its message says why.
    Refused(String),
    /// No child could be started.
    None(String),
    /// It ended before it had read the file at this place in the list, or HDF5 refused that file.
    Lost {
        at: usize,
        said: String,
    },
}

/// Limits of a child process.
struct Limits {
    /// Of the processor for each file, s. A sound one takes a tenth of it. What its points unfold to in memory is
    /// allowed beside.
    processor_s: u64,
    /// From one sign of life to the next: more, for a machine with other work and for slow disks.
    wall: Duration,
    memory_bytes: u64,
}

/// Time of the processor for a file of so many bytes, s.
fn seconds_of(bytes: u64) -> u64 {
    2 + bytes / (8 << 20)
}

impl Limits {
    /// For files of which the largest has so many bytes.
    fn of(bytes: u64) -> Limits {
        let processor_s = seconds_of(bytes);
        Limits {
            processor_s,
            wall: Duration::from_secs(60 + 10 * processor_s),
            // What a record may hold in memory, twice, or the dump of a point; and what its texts and labels take.
            memory_bytes: (3 << 29) + bytes.saturating_mul(16).min(5 << 29),
        }
    }
}

fn in_a_child(paths: &[PathBuf], what: What<'_>) -> Came {
    let bytes = paths.iter().map(|path| std::fs::metadata(path).map_or(0, |metadata| metadata.len()));
    let limits = Limits::of(bytes.max().unwrap_or(0));
    match read_by(paths, what, &limits) {
        Ok(came) => came,
        Err(error) => {
            let first = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
            Came::None(one_line(&format!("{first}: the process to read it in cannot be used: {error}")))
        }
    }
}

fn read_by(paths: &[PathBuf], what: What<'_>, limits: &Limits) -> std::io::Result<Came> {
    let program = PROGRAM.get().cloned().map_or_else(std::env::current_exe, Ok)?;
    let mut command = Command::new(program);
    command.arg(COMMAND).args([limits.processor_s, limits.memory_bytes].map(|limit| limit.to_string()));
    match what {
        What::Records(extent, trust) => {
            if extent == Extent::Everything {
                command.arg(EVERYTHING);
            }
            if trust == Trust::Unsealed {
                command.arg(UNSEALED_TOO);
            }
        }
        What::Numbers(Numbers { name, lists }) => {
            let word = if lists { LIST } else { MATRIX };
            command.arg(format!("{word}{}", name.unwrap_or_default()));
        }
    }
    // Memory that is read before it is written shows in the child, and not first in the process that comes after it.
    let mut tunables = OsString::from("glibc.malloc.perturb=165");
    if let Some(own) = std::env::var_os("GLIBC_TUNABLES") {
        tunables.push(":");
        tunables.push(own);
    }
    command.env("GLIBC_TUNABLES", tunables);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let listens = child.stdin.take();
    let names: Vec<u8> = paths.iter().flat_map(|path| [bytes_of(path.as_os_str()), vec![0]].concat()).collect();
    // A child that has ended closes its end of the pipe; how it ended is handled below.
    let tells = std::thread::spawn(move || listens.map(|mut pipe| pipe.write_all(&names)));
    let alive = Arc::new(Mutex::new(Instant::now()));
    let sign = Arc::clone(&alive);
    let done = child.stdout.take().map(|pipe| std::thread::spawn(move || count(pipe, &sign)));
    let said = child.stderr.take().map(|pipe| std::thread::spawn(move || last_line(pipe)));
    let status = wait(&mut child, limits.wall, &alive);
    let _ = tells.join();
    let done = done.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let said = said.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let at = done.min(paths.len().saturating_sub(1));
    let path = paths.get(at);
    let lost = |how: String| {
        let shown = path.map(|path| path.display().to_string()).unwrap_or_default();
        let sealed = path.is_none_or(|path| record::is_sealed(path).unwrap_or(true));
        let remedy = match what {
            What::Numbers(_) => OF_OTHERS,
            What::Records(..) if sealed => DAMAGED,
            What::Records(..) => NO_SEAL,
        };
        Came::Lost { at, said: one_line(&format!("{shown}: {how}; {remedy}")) }
    };
    Ok(match status? {
        None => lost(format!("reading it did not end within {} s", limits.wall.as_secs())),
        Some(status) if status.success() => Came::Through,
        // The child's own account, which names the file.
        Some(status) if !said.is_empty() && matches!(status.code(), Some(1 | 3)) => {
            let said = one_line(said.strip_prefix("trapline: ").unwrap_or(&said));
            if status.code() == Some(BY_HDF5.into()) { Came::Lost { at, said } } else { Came::Refused(said) }
        }
        Some(status) => lost(how_it_ended(status, limits)),
    })
}

fn bytes_of(name: &OsStr) -> Vec<u8> {
    name.as_encoded_bytes().to_vec()
}

/// Counts the files a child has read. Every byte it sends shows that it is alive.
fn count(mut pipe: impl Read, alive: &Mutex<Instant>) -> usize {
    let (mut count, mut block) = (0, [0_u8; 4096]);
    while let Ok(read @ 1..) = pipe.read(&mut block) {
        count += block[..read].iter().filter(|byte| **byte == FILE).count();
        *alive.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
    count
}

/// Waits while the child shows that it is alive, and kills it otherwise.
fn wait(child: &mut Child, most: Duration, alive: &Mutex<Instant>) -> std::io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if alive.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= most {
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
        // SIGXCPU, and the abort of an allocation that is refused.
        match status.signal() {
            Some(24) => return format!("HDF5 did not come to an end with it, within {} s a point", limits.processor_s),
            Some(6) => {
                let most = limits.memory_bytes >> 20;
                return format!("HDF5 ended the process that read it, or it needs more memory than {most} MiB");
            }
            _ => {}
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
