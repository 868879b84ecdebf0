//! Reading records by a child of this process ([`trapline::reading`]), and the child's part: it reads what it is told
//! to, within limits that it sets itself, and says how far it is.

use std::cell::Cell;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use trapline::reading::{BY_HDF5, COMMAND, EVERYTHING, FILE, LIST, MATRIX, POINT, UNSEALED_TOO};
use trapline::record::{self, Matrix, RecordError, Trust};

use super::{Failure, terminal};

pub use trapline::reading::{Extent, Numbers, may_be_read, numbers, open, spoilt, survive};

/// Bytes of histograms and dumps that any processor unfolds in a second, and of a file that it sums.
const UNFOLDED_A_SECOND: u64 = 64 << 20;

/// Reads the records that the standard input names, each name ending in a NUL, and writes a byte for each: for the
/// process that asks, which cannot be lost with this one.
#[derive(Debug)]
pub struct ReadRecords {
    processor_s: u64,
    /// Only Linux keeps a process to it.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    memory_bytes: u64,
    /// Histograms and dumps too.
    everything: bool,
    trust: Trust,
    /// A dataset of any program's file, and whether it may be a list; an empty name for the only one there is.
    numbers: Option<(String, bool)>,
}

/// What this process was asked to do by another of this program, if so.
pub fn asked() -> Option<ReadRecords> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != COMMAND {
        return None;
    }
    let mut number = || words.next()?.to_str()?.parse().ok();
    let (processor_s, memory_bytes) = (number()?, number()?);
    let mut asked = ReadRecords { processor_s, memory_bytes, everything: false, trust: Trust::Sealed, numbers: None };
    for word in words {
        asked.everything |= word == EVERYTHING;
        if word == UNSEALED_TOO {
            asked.trust = Trust::Unsealed;
        }
        let word = word.to_str().unwrap_or_default();
        let name = |begins: &str, lists: bool| Some((word.strip_prefix(begins)?.to_owned(), lists));
        asked.numbers = name(MATRIX, false).or_else(|| name(LIST, true)).or(asked.numbers);
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
                // Whoever reads sealed files only says himself what is wrong with the others; the next one is looked
                // at too.
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
        let read = match (&self.numbers, self.everything) {
            (Some((name, lists)), _) => {
                let name = (!name.is_empty()).then_some(name.as_str());
                Matrix::open(path, name, *lists).and_then(|matrix| matrix.read(&watch)).map(drop)
            }
            (None, true) => record::read_all(path, self.trust, &watch),
            (None, false) => record::read_summary(path, self.trust, &watch),
        };
        match read {
            // Of memory that it does not get, too, HDF5 says no more than this.
            Err(error @ RecordError::Hdf5 { .. }) => {
                if let Some(line) = Failure::from(error).message() {
                    terminal::note(&format!("trapline: {line}"));
                }
                Err(Failure::Reported(BY_HDF5))
            }
            // What is found wrong without HDF5 is left to whoever reads the file.
            Err(_) if self.numbers.is_some() => Ok(()),
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

/// Lets this process use the processor until it has used so much, in whole seconds. Where the system has no such
/// limit, the one who waits keeps the time.
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
