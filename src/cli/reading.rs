//! Opening records. A child of this process reads each of them first.
//!
//! On a damaged file HDF5 may run for ever, take all memory, or end the process, and no check by its caller can prevent that. A seal
//! says that a file is what was written, but it is no signature: whoever changes a file can seal it again. So a child reads everything
//! that the command is going to read, with limits of time and memory, and only what it came through is read here. Whatever happens to
//! the child becomes one line.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use trapline::record::{self, Record, RecordError, Trust};
use trapline::text::one_line;

use super::Failure;

/// First word of the call of a child; its limits and how much it reads follow.
const COMMAND: &str = "--read-records";
const EVERYTHING: &str = "everything";
const UNSEALED_TOO: &str = "unsealed-too";

/// Exit code of a child to which HDF5 refused a file. What stood behind that may be a limit that the process that asks has not.
const BY_HDF5: u8 = 3;

const NO_SEAL: &str = "it has no seal at its end, so it was cut short or changed: restore it or compute it again";
const DAMAGED: &str = "the file is damaged: restore it or compute it again";

/// How much of a record a command is going to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All but the histograms and the dumps.
    Summary,
    Everything,
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
    match in_a_child(&[path.to_owned()], extent, Trust::Unsealed) {
        Came::Through => Ok(()),
        Came::Refused(said) | Came::Lost(said) => Err(Failure::Failed(said)),
    }
}

/// Refuses files on which HDF5 would end this process, which is going to read the sealed ones of them. What is wrong with the others, or
/// is found wrong without HDF5, is left to whoever reads them.
///
/// # Errors
/// [`Failure::Failed`].
pub fn survive(paths: &[PathBuf], extent: Extent) -> Result<(), Failure> {
    if paths.is_empty() {
        return Ok(());
    }
    match in_a_child(paths, extent, Trust::Sealed) {
        Came::Through | Came::Refused(_) => Ok(()),
        Came::Lost(said) => Err(Failure::Failed(said)),
    }
}

/// What came of a child.
enum Came {
    Through,
    /// It could not read a file, and says why.
    Refused(String),
    /// It did not live to say anything.
    Lost(String),
}

/// What a child may use of the machine.
struct Limits {
    /// Of the processor for each file, s. A sound one takes a tenth of it. What its points unfold to in memory is allowed beside.
    processor_s: u64,
    /// From one sign of life to the next: more, for a machine with other work and for slow disks.
    wall: Duration,
    memory_bytes: u64,
}

/// Bytes of histograms and dumps that any processor unfolds in a second, and of a file that it sums.
const UNFOLDED_A_SECOND: u64 = 64 << 20;

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

fn in_a_child(paths: &[PathBuf], extent: Extent, trust: Trust) -> Came {
    let bytes = paths.iter().map(|path| std::fs::metadata(path).map_or(0, |found| found.len()));
    let limits = Limits::of(bytes.max().unwrap_or(0));
    match read_by(paths, extent, trust, &limits) {
        Ok(came) => came,
        Err(error) => {
            let first = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
            Came::Lost(one_line(&format!("{first}: the process to read it in cannot be used: {error}")))
        }
    }
}

fn read_by(paths: &[PathBuf], extent: Extent, trust: Trust, limits: &Limits) -> std::io::Result<Came> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(COMMAND).args([limits.processor_s, limits.memory_bytes].map(|limit| limit.to_string()));
    if extent == Extent::Everything {
        command.arg(EVERYTHING);
    }
    if trust == Trust::Unsealed {
        command.arg(UNSEALED_TOO);
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
    // A child that is gone closes its end; what became of it is told below.
    let tells = std::thread::spawn(move || listens.map(|mut pipe| pipe.write_all(&names)));
    let alive = Arc::new(Mutex::new(Instant::now()));
    let sign = Arc::clone(&alive);
    let done = child.stdout.take().map(|pipe| std::thread::spawn(move || count(pipe, &sign)));
    let said = child.stderr.take().map(|pipe| std::thread::spawn(move || last_line(pipe)));
    let status = wait(&mut child, limits.wall, &alive);
    let _ = tells.join();
    let done = done.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let said = said.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let path = paths.get(done).or(paths.last());
    let lost = |what: String| {
        let shown = path.map(|path| path.display().to_string()).unwrap_or_default();
        let sealed = path.is_none_or(|path| record::is_sealed(path).unwrap_or(true));
        let remedy = if sealed { DAMAGED } else { NO_SEAL };
        Came::Lost(one_line(&format!("{shown}: {what}; {remedy}")))
    };
    Ok(match status? {
        None => lost(format!("reading it did not end within {} s", limits.wall.as_secs())),
        Some(status) if status.success() => Came::Through,
        // The child's own account, which names the file.
        Some(status) if !said.is_empty() && matches!(status.code(), Some(1 | 3)) => {
            let said = one_line(said.strip_prefix("trapline: ").unwrap_or(&said));
            if status.code() == Some(BY_HDF5.into()) { Came::Lost(said) } else { Came::Refused(said) }
        }
        Some(status) => lost(how_it_ended(status, limits)),
    })
}

fn bytes_of(name: &OsStr) -> Vec<u8> {
    name.as_encoded_bytes().to_vec()
}

/// What a child writes for each file it has read, and for each point it is going to read.
const FILE: u8 = b'.';
const POINT: u8 = b',';

/// Files that a child has read. Each byte of it is a sign of life.
fn count(mut pipe: impl Read, alive: &Mutex<Instant>) -> usize {
    let (mut count, mut block) = (0, [0_u8; 4096]);
    while let Ok(read @ 1..) = pipe.read(&mut block) {
        count += block[..read].iter().filter(|byte| **byte == FILE).count();
        *alive.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
    count
}

/// Waits for as long as the child shows that it lives, and ends it then.
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

/// Reads the records that the standard input names, each name ending in a NUL, and writes a byte for each: for the process that asks,
/// which cannot be lost with this one.
#[derive(Debug)]
pub struct ReadRecords {
    processor_s: u64,
    memory_bytes: u64,
    /// Histograms and dumps too.
    everything: bool,
    trust: Trust,
}

/// What this process was asked to do by another of this program, if so.
pub fn asked() -> Option<ReadRecords> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != COMMAND {
        return None;
    }
    let mut number = || words.next()?.to_str()?.parse().ok();
    let (processor_s, memory_bytes) = (number()?, number()?);
    let mut asked = ReadRecords { processor_s, memory_bytes, everything: false, trust: Trust::Sealed };
    for word in words {
        asked.everything |= word == EVERYTHING;
        if word == UNSEALED_TOO {
            asked.trust = Trust::Unsealed;
        }
    }
    Some(asked)
}

impl ReadRecords {
    /// # Errors
    /// [`Failure::Failed`] for the first file that cannot be read.
    pub fn run(self) -> Result<(), Failure> {
        self.limit_memory();
        // Who asked may be ended first: then nobody waits for this process.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        let unread = |error: std::io::Error| Failure::Failed(format!("the names of the files cannot be read: {error}"));
        let mut names = Vec::new();
        std::io::stdin().lock().read_to_end(&mut names).map_err(unread)?;
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            // SAFETY: the bytes are those of a name of this same program on this same system, up to its end.
            let path = PathBuf::from(unsafe { OsStr::from_encoded_bytes_unchecked(name) });
            match (self.read(&path), self.trust) {
                // Whoever reads sealed files only says himself what is wrong with the others; the next one is looked at too.
                (Err(Failure::Failed(_)), Trust::Sealed) => {}
                (read, _) => read?,
            }
            sign(FILE).map_err(unread)?;
        }
        Ok(())
    }

    fn read(&self, path: &Path) -> Result<(), Failure> {
        let start = used();
        let whole = Cell::new(Duration::from_secs(self.processor_s));
        allow(start + whole.get());
        // What is read next may take as long as the whole file, and no more than all of it so far has been given.
        let watch = |bytes: u64| {
            let this = Duration::from_millis(50 + (1000 * u128::from(bytes) / u128::from(UNFOLDED_A_SECOND)) as u64);
            whole.set(whole.get() + this);
            allow((used() + Duration::from_secs(self.processor_s) + this).min(start + whole.get()));
            // Where nobody listens any more nothing is left to read for.
            if sign(POINT).is_err() {
                std::process::exit(1);
            }
        };
        let read = match self.everything {
            true => record::read_all(path, self.trust, &watch),
            false => record::read_summary(path, self.trust, &watch),
        };
        match read {
            // Of memory that it does not get, too, HDF5 says no more than this.
            Err(error @ RecordError::Hdf5 { .. }) => {
                if let Some(line) = Failure::from(error).message() {
                    super::terminal::note(&format!("trapline: {line}"));
                }
                Err(Failure::Told(BY_HDF5))
            }
            Err(error @ (RecordError::Unreadable { .. } | RecordError::Unsealed { .. })) => Err(error.into()),
            // What is missing or wrong in it may be the loss of its end.
            Err(error) if !record::is_sealed(path).unwrap_or(true) => {
                Err(Failure::Failed(format!("{error} (it has no seal)")))
            }
            read => Ok(read?),
        }
    }

    /// Takes memory beyond the limit from this process, and the image of it that a crash would leave.
    fn limit_memory(&self) {
        #[cfg(unix)]
        {
            use rustix::process::{Resource, Rlimit, setrlimit};
            let limits = [
                (Resource::Core, 0),
                #[cfg(any(target_os = "linux", target_os = "android"))]
                (Resource::As, self.memory_bytes),
            ];
            for (of, most) in limits {
                let _ = setrlimit(of, Rlimit { current: Some(most), maximum: Some(most) });
            }
        }
    }
}

/// Time of the processor that this process has used.
fn used() -> Duration {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        let used = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(u64::try_from(used.tv_sec).unwrap_or(0), u32::try_from(used.tv_nsec).unwrap_or(0))
    }
    #[cfg(not(unix))]
    {
        Duration::ZERO
    }
}

/// Lets this process use the processor until it has used so much, in whole seconds. Where the system has no such limit, the one who
/// waits keeps the time.
fn allow(until: Duration) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Cpu).maximum;
        // Refused where a lower one is set already, which then holds.
        let _ = setrlimit(Resource::Cpu, Rlimit { current: Some(until.as_secs().max(1)), maximum });
    }
    #[cfg(not(unix))]
    {
        let _ = until;
    }
}

/// Tells the process that asks.
fn sign(byte: u8) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(&[byte]).and_then(|()| out.flush())
}
