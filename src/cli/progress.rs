//! How far a campaign is, for whoever watches: a bar on a terminal, a line now and then where there is none, every
//! point in a log.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar};
use trapline::campaign::{self, Plan, Watch};
use trapline::files::commit::other_kind;
use trapline::outcome::{PointLabel, Sweep};
use trapline::record::point_path;
use trapline::text::{counted, one_line};
use trapline::units::celsius_texts;

use super::reading::{self, Extent};
use super::{Failure, terminal};

/// Least time between two lines where the standard error is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// A log file: one line for each event, with its time.
#[derive(Clone)]
pub struct Log(Option<Arc<Mutex<File>>>);

impl Log {
    /// Appends to this file, or to nothing. The streams of this process may be named as files (`/dev/stderr`,
    /// `/dev/fd/3`), and a device that takes characters will do; a pipe or a socket that lies at a path would wait
    /// for a reader, and is refused.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a file that cannot be written to.
    pub fn open(path: Option<&Path>) -> Result<Log, Failure> {
        let Some(path) = path else { return Ok(Log(None)) };
        let wrong = |what: String| Failure::Usage(format!("--log {}: {what}; choose another file", path.display()));
        let unwritable = |error: std::io::Error| wrong(format!("cannot be written: {error}"));
        if let Some(stream) = own_stream(path) {
            return Ok(Log(Some(Arc::new(Mutex::new(stream.map_err(unwritable)?)))));
        }
        let is_new = match std::fs::metadata(path) {
            Ok(found) => match refused(found.file_type(), path) {
                Some(kind) => return Err(wrong(format!("is {kind}, not a file"))),
                None => false,
            },
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(unwritable(error)),
        };
        let mut options = File::options();
        options.append(true);
        if is_new {
            // Exclusively: a link that leads nowhere makes no file somewhere else.
            options.create_new(true);
        } else {
            options.read(true);
        }
        without_waiting(&mut options);
        let opened = options.open(path).or_else(|error| match is_new {
            true => Err(error),
            // A stream of this process, or a file that is not ours to read, may be open to be written only.
            false => options.read(false).open(path),
        });
        let mut file = opened.map_err(unwritable)?;
        if !is_log(&mut file).map_err(|error| wrong(format!("cannot be read: {error}")))? {
            return Err(wrong("is there and no log of this program".to_owned()));
        }
        Ok(Log(Some(Arc::new(Mutex::new(file)))))
    }

    /// Writes a line. A log that cannot be written does not stop a campaign.
    pub fn line(&self, text: &str) {
        if let Some(file) = &self.0 {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(file, "{}  {}", campaign::now(), one_line(text));
        }
    }
}

/// The standard output or error of this process, where that is what a path names: opened anew it would have an end of
/// its own, and the two would write over each other.
fn own_stream(path: &Path) -> Option<std::io::Result<File>> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let copy = |stream: std::os::fd::BorrowedFd<'_>| stream.try_clone_to_owned().map(File::from);
        match path.to_str()? {
            "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(copy(std::io::stdout().as_fd())),
            "/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2" => Some(copy(std::io::stderr().as_fd())),
            _ => None,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Why a path cannot be a log: it would wait for a reader, or an existing file would be damaged.
fn refused(kind: std::fs::FileType, path: &Path) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        // A pipe that this process has open already has its reader, or had.
        let is_own = ["/dev/fd", "/proc/self/fd"].iter().any(|own| path.starts_with(own));
        if kind.is_char_device() || kind.is_fifo() && is_own {
            return None;
        }
    }
    let _ = path;
    other_kind(kind)
}

/// Opening waits for nobody, whatever came to lie at the path since it was looked at.
fn without_waiting(options: &mut std::fs::OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    }
    #[cfg(not(unix))]
    let _ = options;
}

/// Whether a file is a log to go on with: empty, or with a line that begins with a time. Nothing else is appended to.
fn is_log(file: &mut File) -> std::io::Result<bool> {
    let found = file.metadata()?;
    // A stream or a terminal has no beginning to look at.
    if !found.is_file() || found.len() == 0 {
        return Ok(true);
    }
    let mut start = Vec::new();
    file.take(22).read_to_end(&mut start)?;
    let pattern = b"0000-00-00T00:00:00Z  ";
    let alike = |(&byte, &wanted): (&u8, &u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    Ok(start.len() == pattern.len() && start.iter().zip(pattern).all(alike))
}

/// The progress of a run.
pub struct Progress {
    bar: ProgressBar,
    log: Log,
    /// Lines on the standard error now and then: no terminal, and not quiet.
    speaks: bool,
    points: usize,
    sweeps: Vec<Sweep>,
    state: Mutex<State>,
    /// Looks at the files of an earlier run while this one computes; gives the numbers of those that must not be
    /// opened.
    screening: Mutex<Option<JoinHandle<Vec<usize>>>>,
}

struct State {
    start: Instant,
    spoke: Instant,
    /// Steps that this run did, of those that it has to do.
    steps: u64,
    to_do: u64,
    /// Points in their files, those of an earlier run included.
    finished: usize,
}

impl Progress {
    /// Of a run of which `done` points were there before.
    /// The files of those are in the folder `parts`.
    pub fn new<'a>(
        plan: &Plan,
        done: impl IntoIterator<Item = &'a usize>,
        parts: &Path,
        log: Log,
        quiet: bool,
    ) -> Progress {
        let done: Vec<usize> = done.into_iter().copied().collect();
        let (all, before) = (plan.work_of(&plan.numbers), plan.work_of(&done));
        let bar = terminal::bar(all, "cell-steps", quiet);
        // The rate and the time left count only the steps of this run.
        bar.set_position(before);
        bar.reset_eta();
        let now = Instant::now();
        let state = State { start: now, spoke: now, steps: 0, to_do: all.saturating_sub(before), finished: done.len() };
        let files: Vec<PathBuf> = done.iter().map(|&number| point_path(parts, number)).collect();
        let screening = std::thread::spawn(move || screened(&done, &files));
        Progress {
            bar,
            log,
            speaks: !quiet && !std::io::stderr().is_terminal(),
            points: plan.numbers.len(),
            sweeps: plan.label.sweeps.clone(),
            state: Mutex::new(state),
            screening: Mutex::new(Some(screening)),
        }
    }

    /// Removes the progress bar.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// `17 of 1000 points, 1.7 %, 2 hours left`.
    fn told(&self, points: usize) -> String {
        let share = self.steps as f64 / self.to_do.max(1) as f64;
        let left = self.start.elapsed().mul_f64((1.0 - share).max(0.0) / share.max(1e-9));
        let left = if self.steps >= self.to_do { "0 seconds".to_owned() } else { HumanDuration(left).to_string() };
        format!(
            "{} of {}, {:.1} % of what was to do, {left} left",
            self.finished,
            counted(points, "point"),
            100.0 * share
        )
    }
}

/// Numbers of the points whose files HDF5 does not survive, each with a remark.
fn screened(numbers: &[usize], files: &[PathBuf]) -> Vec<usize> {
    let found = reading::spoilt(files, Extent::Everything).into_iter();
    found
        .map(|(at, said)| {
            terminal::note(&format!("{said}: computing point {} again", numbers[at]));
            numbers[at]
        })
        .collect()
}

impl Watch for Progress {
    fn spoilt(&self) -> Vec<usize> {
        let screening = self.screening.lock().unwrap_or_else(PoisonError::into_inner).take();
        screening.and_then(|thread| thread.join().ok()).unwrap_or_default()
    }

    fn steps(&self, steps: u64) {
        self.bar.inc(steps);
        let mut state = self.state();
        state.steps = state.steps.saturating_add(steps);
        if self.speaks && state.spoke.elapsed() >= BETWEEN_LINES {
            state.spoke = Instant::now();
            terminal::note(&state.told(self.points));
        }
    }

    fn finished(&self, point: &PointLabel) {
        let mut state = self.state();
        state.finished += 1;
        let sweeps = self.sweeps.iter().zip(&point.sweep_index);
        let place = sweeps.map(|(of, &at)| format!(", {} {}", of.name, of.coordinate.text(at))).collect::<String>();
        let degrees = celsius_texts(&[point.temperature_k]).concat();
        let told = state.told(self.points);
        drop(state);
        self.log
            .line(&format!("point {} ({}, {degrees} °C{place}) is in its file: {told}", point.number, point.material));
    }
}
