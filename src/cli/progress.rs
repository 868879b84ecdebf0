//! How far a campaign is, for whoever watches: a bar on a terminal, a line now and then where there is none, every point in a log.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar};
use trapline::campaign::{self, Plan, Watch};
use trapline::outcome::{PointLabel, Sweep};
use trapline::text::one_line;
use trapline::units::celsius_texts;

use super::{Failure, terminal};

/// Least time between two lines where the standard error is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// A file of lines with times.
#[derive(Clone)]
pub struct Log(Option<Arc<Mutex<File>>>);

impl Log {
    /// Appends to this file, or to nothing.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a file that cannot be written to.
    pub fn open(path: Option<&Path>) -> Result<Log, Failure> {
        let Some(path) = path else { return Ok(Log(None)) };
        let wrong = |what: String| Failure::Usage(format!("--log {}: {what}; choose another file", path.display()));
        if !is_log(path).map_err(|error| wrong(format!("cannot be read: {error}")))? {
            return Err(wrong("is there and no log of this program".to_owned()));
        }
        let opened = File::options().append(true).create(true).open(path);
        match opened {
            Ok(file) => Ok(Log(Some(Arc::new(Mutex::new(file))))),
            Err(error) => Err(wrong(format!("cannot be written: {error}"))),
        }
    }

    /// Writes a line. A log that cannot be written does not stop a campaign.
    pub fn line(&self, text: &str) {
        if let Some(file) = &self.0 {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(file, "{}  {}", campaign::now(), one_line(text));
        }
    }
}

/// Whether a file is a log to go on with: missing, empty, or with a line that begins with a time. Nothing else is appended to.
fn is_log(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
        // A pipe or a terminal has no beginning to look at.
        Ok(file) if !file.metadata()?.is_file() => return Ok(true),
        Ok(file) => file.take(22).read_to_end(&mut start)?,
    };
    let pattern = b"0000-00-00T00:00:00Z  ";
    let alike = |(&byte, &wanted): (&u8, &u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    Ok(start.is_empty() || start.len() == pattern.len() && start.iter().zip(pattern).all(alike))
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
    pub fn new<'a>(plan: &Plan, done: impl IntoIterator<Item = &'a usize>, log: Log, quiet: bool) -> Progress {
        let done: Vec<usize> = done.into_iter().copied().collect();
        let (all, before) = (plan.work_of(&plan.numbers), plan.work_of(&done));
        let bar = terminal::bar(all, "cell-steps", quiet);
        // Neither the rate nor the time that is left knows of what was there before.
        bar.set_position(before);
        bar.reset_eta();
        let now = Instant::now();
        let state = State { start: now, spoke: now, steps: 0, to_do: all.saturating_sub(before), finished: done.len() };
        Progress {
            bar,
            log,
            speaks: !quiet && !std::io::stderr().is_terminal(),
            points: plan.numbers.len(),
            sweeps: plan.label.sweeps.clone(),
            state: Mutex::new(state),
        }
    }

    /// Takes the bar away.
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
        format!("{} of {points} points, {:.1} % of what was to do, {left} left", self.finished, 100.0 * share)
    }
}

impl Watch for Progress {
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
