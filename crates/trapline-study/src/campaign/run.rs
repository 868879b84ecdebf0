//! Running a campaign: points in order, each committed as its own file, then one record of all.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::compute::{Found, found, outcome, worth};
use super::destination::{ClaimedDestination, Destination, is_unfinished};
use super::error::RunError;
use super::intent::Intent;
use super::parts::{Parts, refused};
use super::plan::Plan;
use super::programming::Programmed;
use trapline_engine::backend::Backend;
use trapline_engine::backend::job::Job;
use trapline_model::files::commit::{self, Batch, Mark};
use trapline_model::outcome::{Identity, PointLabel, PointOutcome, Program, Provenance};
use trapline_record::{point_path, stage_points, stage_unfinished, write_point};

/// Receives the progress of a run, from any thread.
pub trait Watch: Sync {
    /// So many further steps of cells are done, of [`Plan::work_of`] the points that are not taken over.
    fn steps(&self, steps: u64);
    /// A point is in its file.
    fn finished(&self, point: &PointLabel);
    /// Asked once, when all points are there and none of them has been opened yet: numbers of those taken over from
    /// an earlier run whose files are better not opened. They are computed again.
    fn spoilt(&self) -> Vec<usize> {
        Vec::new()
    }
    /// Whether the run is to end ([`RunError::Ended`]); asked before each point, and while one is computed after each
    /// [`Watch::steps`]. What is being merged is merged.
    fn ends(&self) -> bool {
        false
    }
}

/// Ignores all progress.
impl Watch for () {
    fn steps(&self, _: u64) {}
    fn finished(&self, _: &PointLabel) {}
}

/// Runs all points of a plan and writes the record.
///
/// The folder of points is removed when the record is whole, and so are the figures of a record that was replaced;
/// new ones are not drawn here.
///
/// # Errors
/// [`RunError`]. Points that were finished stay in the folder ([`RunError::Stopped`] says how many), and the record
/// is as it was. [`RunError::Taken`] where the run was not to replace anything, and another file has the record's
/// name by now: the record is whole and has the name that the error says.
pub fn run(
    plan: &Plan,
    backend: &dyn Backend,
    claim: ClaimedDestination<'_>,
    watch: &dyn Watch,
) -> Result<(), RunError> {
    let ClaimedDestination { destination, parts, stale, program } = claim;
    let computing = Computing { plan, backend, program };
    if parts.is_locked() {
        // Temporaries of a run that was killed while merging are as large as the record. The lock is held, so nobody
        // writes them now.
        commit::remove_stale(&destination.record, Duration::ZERO);
    }
    match record(&computing, destination, &parts.done, watch) {
        Ok(()) => {}
        Err(RunError::Taken(taken)) => {
            parts.discard()?;
            return Err(taken.into());
        }
        Err(source) => {
            return Err(match parts.points() {
                0 => {
                    // Links to points of which there will be none.
                    if is_unfinished(&destination.record) {
                        let _ = fs::remove_file(&destination.record);
                    }
                    source
                }
                points => RunError::Stopped { source: Box::new(source), points, path: parts.path().to_owned() },
            });
        }
    }
    for figure in stale {
        fs::remove_file(&figure).map_err(|e| refused("remove the figure of the replaced record", &figure, e))?;
    }
    if Parts::replaces(&destination.parts) {
        // If the program is killed after this, a resumed run must find a complete record, not one that it may replace.
        parts.write_down(&Intent::new(plan, &backend.identity(), program, false))?;
    }
    parts.discard()
}

/// Computes the points that are not done, and merges all of them.
fn record(computing: &Computing, to: &Destination, done: &BTreeSet<usize>, watch: &dyn Watch) -> Result<(), RunError> {
    let plan = computing.plan;
    let campaign_start = now();
    let replaces = Parts::replaces(&to.parts);
    // A record that is to be replaced stays until the new one is whole.
    if !(replaces && to.record.exists()) || is_unfinished(&to.record) {
        let provenance = computing.provenance(campaign_start.clone());
        let mut batch = Batch::new();
        stage_unfinished(&mut batch, &to.record, &to.parts, &plan.label, &provenance, &plan.numbers)?;
        match place(batch, to, replaces, is_unfinished) {
            // Nothing is computed yet: there is nothing to be kept under another name.
            Err(RunError::Taken(taken)) => {
                taken.kept.iter().try_for_each(|kept| fs::remove_file(kept).map_err(|e| refused("remove", kept, e)))?;
                return Err(RunError::Exists(taken.path));
            }
            placed => placed?,
        }
    }
    // Identifies this file later, so that the complete record replaces it and no other.
    let begun = Mark::of(&to.record);
    let missing = plan.numbers.iter().filter(|number| !done.contains(number)).map(|&number| &plan.points[number]);
    compute_all(computing, to, missing, watch)?;
    let spoilt = watch.spoilt();
    compute_all(computing, to, plan.points.iter().filter(|point| spoilt.contains(&point.number)), &())?;
    let mut doubtful = done.clone();
    loop {
        let provenance = computing.provenance(campaign_start.clone());
        let (mut batch, numbers) = (Batch::new(), plan.numbers.iter().copied());
        let merged = stage_points(&mut batch, &to.parts, &plan.label, &provenance, &to.record, numbers);
        let Err(error) = merged else {
            return place(batch, to, replaces, |path| {
                begun.is_some() && Mark::of(path) == begun || is_unfinished(path)
            });
        };
        // A point that was taken over is first opened here. One that is damaged is computed again, once.
        let number =
            error.damaged_file().and_then(|path| plan.points.iter().find(|p| point_path(&to.parts, p.number) == path));
        match number.filter(|point| doubtful.remove(&point.number)) {
            Some(point) => {
                tracing::warn!("{error}: computing point {} again", point.number);
                compute_all(computing, to, [point], &())?;
            }
            None => return Err(error.into()),
        }
    }
}

/// Gives the record its name: in place of what has it, or, where nothing is to be replaced, of what is this run's own.
fn place(batch: Batch, to: &Destination, replaces: bool, is_ours: impl Fn(&Path) -> bool) -> Result<(), RunError> {
    if replaces { Ok(batch.replace()?) } else { Ok(batch.keep_over(&to.figure_stem, is_ours)?) }
}

/// Computes points and commits each as its own file. One is written while the next is computed; none waits, so a run
/// that is ended from outside loses these two at the most: of points whose cells are the same, [`Computing::TOGETHER`]
/// and one.
fn compute_all<'a>(
    computing: &Computing,
    to: &Destination,
    points: impl IntoIterator<Item = &'a PointLabel>,
    watch: &dyn Watch,
) -> Result<(), RunError> {
    let (computed, arriving) = mpsc::sync_channel::<Box<Computed>>(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            for computed in arriving {
                let Computed { label, by, outcome } = *computed;
                write_point(&to.parts, &computing.plan.label, &label, &by, &outcome)?;
                watch.finished(&label);
            }
            Ok(())
        });
        let mut result = Ok(());
        let mut points = points.into_iter().peekable();
        while let (Ok(()), Some(first)) = (&result, points.next()) {
            if watch.ends() {
                result = Err(RunError::Ended);
                break;
            }
            // If the writer has ended, its error is returned by `join` below.
            let send = |point| computed.send(Box::new(point)).is_ok();
            match computing.together(first, &mut points, watch, send) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => result = Err(error),
            }
        }
        drop(computed);
        // Points computed before a failure are still written.
        match writer.join() {
            Ok(written) => written.map_err(RunError::Record).and(result),
            Err(panic) => resume_unwind(panic),
        }
    })
}

/// A point on its way to its file.
struct Computed {
    label: PointLabel,
    by: Provenance,
    outcome: PointOutcome,
}

/// The plan, the backend and the program that compute the points of a run.
struct Computing<'a> {
    plan: &'a Plan,
    backend: &'a dyn Backend,
    program: Program,
}

impl Computing<'_> {
    fn provenance(&self, started_utc: String) -> Provenance {
        provenance(self.program, &self.backend.identity(), started_utc)
    }

    /// Points computed in one go at most, where their cells are the same.
    const TOGETHER: usize = 16;

    /// Computes a point, and those after it whose cells are programmed alike: once for all of them. Each is handed on as
    /// it is ready; returns whether the last one was taken.
    fn together<'p>(
        &self,
        first: &'p PointLabel,
        others: &mut std::iter::Peekable<impl Iterator<Item = &'p PointLabel>>,
        watch: &dyn Watch,
        send: impl Fn(Computed) -> bool,
    ) -> Result<bool, RunError> {
        let (plan, start) = (self.plan, now());
        let (mut points, mut jobs) = (vec![first], vec![plan.job(first.number)?]);
        let most = Self::TOGETHER.min(plan.together(first.number));
        while (self.backend.programs_once() || plan.wired_programming(first.number).is_some())
            && points.len() < most
            && let Some(next) = others.peek()
            && plan.steps(next.number) == plan.steps(first.number)
            && plan.wired_programming(next.number) == plan.wired_programming(first.number)
        {
            // One that is none stops the run when its turn comes.
            let Some(job) = plan.job(next.number).ok().filter(|job| jobs[0].shares_programming(job)) else { break };
            points.extend(others.next());
            jobs.push(job);
        }
        let steps = plan.weight(first.number);
        let progress = |cells: u64| {
            watch.steps(cells.saturating_mul(steps));
            if watch.ends() {
                // No backend goes on computing for nobody; nothing is printed, as a panic would.
                resume_unwind(Box::new(Ended));
            }
        };
        let compute = || found(plan, &points, &jobs.iter().collect::<Vec<_>>(), self.backend, &progress);
        let (programmed, found) = unless_ended(compute)?;
        for ((point, job), found) in points.into_iter().zip(&jobs).zip(&found) {
            if !send(self.point(point, (job, found), &programmed, &start)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a point's statistics make of it.
    fn point(
        &self,
        point: &PointLabel,
        (job, found): (&Job, &Found),
        programmed: &Programmed<'_>,
        start: &str,
    ) -> Result<Computed, RunError> {
        let (plan, by) = (self.plan, (programmed, self.backend));
        let statistics = outcome(point, job, found, plan.shape(point.number), plan.label.dump, by)?;
        let (circuit, remarks) = worth(plan, point.number, (job, found), by);
        let outcome = PointOutcome { circuit, ..statistics };
        let mut label = point.clone();
        label.flags.extend(remarks);
        if outcome.programmed == 0 && !job.material().classes.is_empty() {
            label.flags.push("the programming put no charge into any cell: there is no window to keep".to_owned());
        }
        Ok(Computed { label, by: self.provenance(start.to_owned()), outcome })
    }
}

/// What a run that is to end unwinds with, out of the backend that computes for it.
struct Ended;

fn unless_ended<T>(compute: impl FnOnce() -> Result<T, RunError>) -> Result<T, RunError> {
    match catch_unwind(AssertUnwindSafe(compute)) {
        Ok(done) => done,
        Err(cause) if cause.is::<Ended>() => Err(RunError::Ended),
        Err(panic) => resume_unwind(panic),
    }
}

/// Provenance of something whose computation started at `started_utc` and ends now.
pub fn provenance(program: Program, identity: &Identity, started_utc: String) -> Provenance {
    Provenance {
        program_version: program.version.to_owned(),
        commit: program.commit.to_owned(),
        identity: identity.clone(),
        started_utc,
        ended_utc: now(),
    }
}

/// The time in RFC 3339, UTC.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()
}
