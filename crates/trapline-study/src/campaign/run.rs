//! Running a campaign: points in order, each committed as its own file, then one record of all.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use super::compute::{Found, found, outcome, worth};
use super::error::RunError;
use super::intent::{self, Intent};
use super::parts::{Existing, Parts, refused};
use super::plan::Plan;
use super::programming::Programmed;
use super::shard::Shard;
use trapline_engine::backend::Backend;
use trapline_engine::backend::job::Job;
use trapline_model::files;
use trapline_model::files::commit::{self, Batch, Mark};
use trapline_model::outcome::{CampaignRecord, Identity, PointLabel, PointOutcome, Program, Provenance};
use trapline_record::{
    FileType, RecordError, file_type, open_campaign, point_path, stage_points, stage_unfinished, write_point,
};
use trapline_report::figure::ENDINGS;

/// Longest name of a record, bytes: file systems take 255, and its temporary is longer by a process number and an
/// ending.
pub const MAX_NAME_BYTES: usize = 220;

/// Where a campaign's files go: `bake.h5`, its points in `bake.h5.parts/` until it is whole, `bake.png`, `bake.svg` and
/// what else its figure is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub record: PathBuf,
    pub parts: PathBuf,
    /// Path of the figures without their ending.
    pub figure_stem: PathBuf,
    /// Paths of the files that its figure is; none where none is drawn.
    pub figures: Vec<PathBuf>,
}

impl Destination {
    /// The record of a shard, beside the name given for the whole: `part.h5` or `part` becomes `part-03-of-16.h5`.
    pub fn of_shard(record: &Path, shard: Shard) -> PathBuf {
        let stem =
            if record.extension().is_some_and(|e| e == "h5") { record.with_extension("") } else { record.to_owned() };
        appended(&stem, &format!("{}.h5", shard.suffix()))
    }

    /// The names that go with `record`, and with its figure, a file for each ending; none for no figure. A link stands for
    /// the file it leads to.
    ///
    /// # Errors
    /// [`RunError::NoFile`] for a path that ends in no file name, [`RunError::Name`] for a name that would fail later.
    pub fn new(record: &Path, figure_endings: &[&str]) -> Result<Destination, RunError> {
        let slash = record.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]);
        if record.file_name().is_none() || slash {
            return Err(RunError::NoFile(record.to_owned()));
        }
        let is_link = fs::symlink_metadata(record).is_ok_and(|metadata| metadata.is_symlink());
        let bad_name = |what: String| Err(RunError::Name { path: record.to_owned(), what });
        let target = match fs::canonicalize(record) {
            Ok(target) if is_link => target,
            Err(_) if is_link => return bad_name("is a link that leads nowhere".to_owned()),
            _ => record.to_owned(),
        };
        if target.to_str().is_none() {
            return bad_name("is not UTF-8, which the HDF5 library needs".to_owned());
        }
        let bytes = target.file_name().map_or(0, OsStr::len);
        if bytes > MAX_NAME_BYTES {
            return bad_name(format!("has a name of {bytes} bytes, and {MAX_NAME_BYTES} is the limit"));
        }
        let figure_stem =
            if target.extension().is_some_and(|e| e == "h5") { target.with_extension("") } else { target.clone() };
        let figures = figures_of(&figure_stem, figure_endings);
        Ok(Destination { parts: appended(&target, ".parts"), record: target, figure_stem, figures })
    }

    /// Refuses outputs that exist, unless `existing` says otherwise, and in any case those that must never be replaced:
    /// what is no regular file, the `inputs` of the campaign, the points of a run that is still going. Changes nothing.
    ///
    /// # Errors
    /// [`RunError::NoFolder`] for a folder that is missing, [`RunError::Exists`] for the record or a figure,
    /// [`RunError::NotAFile`] and [`RunError::Input`] for one that `force` does not replace either,
    /// [`RunError::Interrupted`] for the points of another run, [`RunError::Running`], [`RunError::NotParts`] and
    /// [`RunError::NoLocks`] for a folder of points that is none or is in use.
    pub fn check(&self, inputs: &[PathBuf], existing: Existing) -> Result<(), RunError> {
        self.check_files(inputs, self.replaces(existing))?;
        Parts::check(&self.parts, existing)
    }

    /// Number of finished points in the folder of points.
    pub fn finished(&self) -> usize {
        Parts::finished(&self.parts)
    }

    /// Whether existing outputs are replaced. A resumed run replaces them if the run that began was told to.
    pub fn replaces(&self, existing: Existing) -> bool {
        existing == Existing::Replace || existing == Existing::Resume && Parts::replaces(&self.parts)
    }

    fn check_files(&self, inputs: &[PathBuf], replaces: bool) -> Result<(), RunError> {
        let folder = commit::folder_of(&self.record);
        match fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => {}
            Err(e) if !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(refused("read the folder", folder, e));
            }
            _ => return Err(RunError::NoFolder { path: self.record.clone(), folder: folder.to_owned() }),
        }
        for path in std::iter::once(&self.record).chain(&self.figures) {
            let metadata = match fs::symlink_metadata(path) {
                Ok(metadata) => metadata,
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => return Err(refused("write", path, e)),
            };
            let kind = if path.is_dir() { Some("a folder") } else { files::other_kind(metadata.file_type()) };
            if let Some(kind) = kind {
                return Err(RunError::NotAFile { path: path.clone(), kind });
            }
            // The unfinished record that an interrupted run left holds nothing but links.
            if *path == self.record && is_unfinished(path) {
                continue;
            }
            if is_one_of(path, inputs) {
                return Err(RunError::Input(path.clone()));
            }
            if !replaces {
                // Replacing it would be wrong advice: it may be the record of these very points.
                return Err(match file_type(path) {
                    Err(error @ RecordError::Unsealed { .. }) if self.finished() > 0 => error.into(),
                    _ => RunError::Exists(path.clone()),
                });
            }
        }
        Ok(())
    }

    /// Whether the record exists, is complete and belongs to this plan, so that nothing is left to resume. Points of
    /// this plan that a killed run could not remove any more are removed.
    ///
    /// # Errors
    /// [`RunError::Computed`] for such a record from another backend; as [`Destination::claim`], for the points.
    pub fn is_finished(&self, plan: &Plan, identity: &Identity, program: Program) -> Result<bool, RunError> {
        let is_plans = |recorded: &CampaignRecord| {
            let whole = plan.numbers.iter().all(|&number| recorded.points[number].outcome.is_some());
            recorded.label.difference(&plan.label).is_none() && whole
        };
        let recorded = open_campaign(&self.record).ok().filter(is_plans);
        let Some(recorded) = recorded.filter(|_| !Parts::replaces(&self.parts)) else {
            return Ok(false);
        };
        let others = recorded
            .points
            .iter()
            .filter(|point| point.outcome.is_some())
            .map(|point| &point.provenance)
            .find_map(|by| intent::other_computer(&intent::computer(&by.identity), &intent::computer(identity)));
        if let Some(what) = others {
            return Err(RunError::Computed { path: self.record.clone(), what });
        }
        if self.parts.exists() {
            Parts::claim(&self.parts, Existing::Resume, &Intent::new(plan, identity, program, false))?.discard()?;
        }
        Ok(true)
    }

    /// Makes the folder of points and locks it, which keeps a second run of the same name out. The points that an
    /// interrupted run left in it go, or are taken over, if they are this plan's and this backend's.
    ///
    /// # Errors
    /// As [`Destination::check`]; [`RunError::Changed`] for points of another plan or backend; [`RunError::Record`]
    /// where the folder above may not be written to.
    pub fn claim(
        &self,
        plan: &Plan,
        identity: &Identity,
        program: Program,
        existing: Existing,
    ) -> Result<ClaimedDestination<'_>, RunError> {
        let (inputs, replaces) = (&plan.inputs, self.replaces(existing));
        self.check(inputs, existing)?;
        let parts = Parts::claim(&self.parts, existing, &Intent::new(plan, identity, program, replaces))?;
        // Checked once more now that the folder is locked: a run that was going at the first check may have written
        // its record since.
        self.check_files(inputs, replaces)?;
        // A campaign in progress has no figures yet: files of their names belong to somebody else.
        let has_figures = self.record.exists() && !is_unfinished(&self.record);
        let stale = if has_figures { figures_of(&self.figure_stem, &ENDINGS) } else { Vec::new() };
        let stale = stale.into_iter().filter(|figure| figure.is_file() && !is_one_of(figure, inputs)).collect();
        Ok(ClaimedDestination { destination: self, parts, stale, program })
    }
}

/// A destination whose folder of points this run has locked: a second run with the same output is refused.
///
/// On drop, a folder without a finished point is removed; one with points stays.
#[derive(Debug)]
pub struct ClaimedDestination<'a> {
    destination: &'a Destination,
    parts: Parts,
    /// Figures of the record that is replaced; removed once the new record is complete, because they do not show it.
    stale: Vec<PathBuf>,
    program: Program,
}

impl ClaimedDestination<'_> {
    /// Number of points that an interrupted run finished and this one takes over.
    pub fn taken_over(&self) -> usize {
        self.parts.done.len()
    }

    /// Numbers of the points taken over.
    pub fn done(&self) -> &BTreeSet<usize> {
        &self.parts.done
    }
}

/// Whether a file is the record of a campaign in progress.
fn is_unfinished(path: &Path) -> bool {
    matches!(file_type(path), Ok(FileType::Unfinished))
}

fn figures_of(stem: &Path, endings: &[&str]) -> Vec<PathBuf> {
    endings.iter().map(|ending| appended(stem, &format!(".{ending}"))).collect()
}

/// Whether the path leads to one of the files.
fn is_one_of(path: &Path, files: &[PathBuf]) -> bool {
    let Ok(path) = fs::canonicalize(path) else {
        return false;
    };
    files.iter().any(|file| fs::canonicalize(file).is_ok_and(|file| file == path))
}

fn appended(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

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
