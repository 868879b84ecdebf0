//! Campaigns: planned, and run in a thread of their own while the interpreter listens for Ctrl-C.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use trapline::backend::Backend;
use trapline::campaign::file::ElectronsFile;
use trapline::campaign::{self, Destination, Existing, Overrides, Shard, Watch, estimate};
use trapline::failure::Failure;
use trapline::figure::{self, Look};
use trapline::files::commit::Batch;
use trapline::options;
use trapline::outcome::PointLabel;
use trapline::reading::{self, Extent};
use trapline::record::{self, point_path};
use trapline::units::celsius;

use crate::backends::{self, Asked};
use crate::process::{away, said, without_threads};
use crate::trouble::{Trouble, interrupted};

/// Time between two looks for Ctrl-C.
const LOOKS: Duration = Duration::from_millis(50);

/// A campaign file and what is put in the place of its values.
#[derive(FromPyObject, Debug, Clone)]
#[pyo3(from_item_all)]
pub struct OfFile {
    file: PathBuf,
    rows: Option<u64>,
    cols: Option<u64>,
    seed: Option<u64>,
    electrons: Option<String>,
    shard: Option<String>,
}

impl OfFile {
    fn plan(&self) -> Result<(campaign::Plan, Option<Shard>), Failure> {
        let electrons = self.electrons.as_deref().map(electrons).transpose()?;
        let overrides = Overrides { rows: self.rows, cols: self.cols, seed: self.seed, electrons };
        let shard = self
            .shard
            .as_deref()
            .map(|text| text.parse::<Shard>().map_err(|limit| Failure::Usage(format!("shard is \"{text}\"; {limit}"))));
        let (plan, shard) = (campaign::Plan::load(&self.file, &overrides)?, shard.transpose()?);
        Ok((shard.map_or(plan.clone(), |shard| plan.shard(shard)), shard))
    }
}

/// How electrons are taken, by the word for it.
///
/// # Errors
/// [`Failure::Usage`] for another word.
pub fn electrons(word: &str) -> Result<ElectronsFile, Failure> {
    let all = [ElectronsFile::Counted, ElectronsFile::MeanField, ElectronsFile::EachDot];
    all.into_iter()
        .find(|of| of.name() == word)
        .ok_or_else(|| Failure::Usage(format!("electrons is \"{word}\"; it must be counted, mean-field or each-dot")))
}

/// What a campaign will take. Nothing is computed but a quick measurement, when its time is asked for.
#[pyclass(frozen, module = "trapline._trapline")]
pub struct Plan {
    of: campaign::Plan,
    file: PathBuf,
}

#[pymethods]
impl Plan {
    #[new]
    fn new(py: Python<'_>, of: OfFile) -> PyResult<Plan> {
        without_threads(py, || Ok(Plan { of: of.plan()?.0, file: of.file }))
    }

    #[getter]
    fn name(&self) -> &str {
        &self.of.label.name
    }

    #[getter]
    fn points(&self) -> usize {
        self.of.points.len()
    }

    #[getter]
    fn numbers<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u64>> {
        let numbers: Vec<u64> = self.of.numbers.iter().map(|&number| number as u64).collect();
        numbers.into_pyarray(py)
    }

    #[getter]
    fn cell_steps(&self) -> u64 {
        self.of.work_of(&self.of.numbers)
    }

    #[getter]
    fn memory_bytes(&self) -> u64 {
        estimate::memory_bytes(&self.of)
    }

    /// Checkpoints, s.
    #[getter]
    fn times_s<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, &self.of.label.times_s)
    }

    /// Of each point to compute: its number, its material, its temperature in degrees, rows, columns, seed, remarks.
    fn rows(&self) -> Vec<(usize, &str, f64, u64, u64, u64, String)> {
        let row = |&number: &usize| {
            let (point, of) = (&self.of.points[number], &self.of.label.settings[number]);
            let remarks = point.flags.join("; ");
            (number, point.material.as_str(), celsius(point.temperature_k), of.rows, of.cols, of.seed, remarks)
        };
        self.of.numbers.iter().map(row).collect()
    }

    /// Seconds to compute and record, bytes of the record and of its points, and the backend that was measured.
    fn measured(&self, py: Python<'_>, asked: Asked) -> PyResult<(f64, u64, u64, String)> {
        away(py, || {
            let backend = backends::opened(&asked)?;
            options::can_compute(&backend.identity().backend, &self.of, &self.file)?;
            let time = estimate::time(&self.of, backend, &self.of.numbers)?;
            let recording = estimate::recording(&self.of, backend, trapline::PROGRAM)?;
            let seconds = recording.seconds(self.of.numbers.len(), time.seconds);
            Ok((seconds, recording.record_bytes, recording.parts_bytes, backend.identity().backend))
        })
    }
}

/// How a run is made.
#[derive(FromPyObject, Debug, Clone)]
#[pyo3(from_item_all)]
pub struct How {
    output: Option<PathBuf>,
    force: bool,
    resume: bool,
    plot: bool,
}

/// How far a run is, between its thread and the interpreter's.
#[derive(Default)]
struct Course {
    steps: AtomicU64,
    finished: AtomicUsize,
    ends: AtomicBool,
    /// Steps and points that there are to do.
    of: Mutex<(u64, usize)>,
    remarks: Mutex<Vec<String>>,
}

impl Course {
    fn remark(&self, line: String) {
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn remarks(&self) -> Vec<String> {
        std::mem::take(&mut *self.remarks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn of(&self) -> (u64, usize) {
        *self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run as it is watched: points of an earlier run are looked at by a child before they are opened.
struct Watched<'a> {
    course: &'a Course,
    taken_over: Vec<usize>,
    parts: &'a Path,
}

impl Watch for Watched<'_> {
    fn steps(&self, steps: u64) {
        self.course.steps.fetch_add(steps, Ordering::Relaxed);
    }

    fn finished(&self, _: &PointLabel) {
        self.course.finished.fetch_add(1, Ordering::Relaxed);
    }

    fn spoilt(&self) -> Vec<usize> {
        let files: Vec<PathBuf> = self.taken_over.iter().map(|&number| point_path(self.parts, number)).collect();
        let found = reading::spoilt(&files, Extent::Everything).into_iter();
        let again = found.map(|(at, said)| {
            self.course.remark(format!("{said}: computing point {} again", self.taken_over[at]));
            self.taken_over[at]
        });
        again.collect()
    }

    fn ends(&self) -> bool {
        self.course.ends.load(Ordering::Relaxed)
    }
}

/// Runs a campaign; the path of its record, and remarks.
///
/// `progress` is called about ten times a second with the steps done, all steps, the points finished and all points.
#[pyfunction]
pub fn run(
    py: Python<'_>,
    of: OfFile,
    how: How,
    asked: Asked,
    progress: Option<Py<PyAny>>,
) -> PyResult<(PathBuf, Vec<String>)> {
    // Everything that waits for nobody is checked before there is a thread.
    let (plan, destination, existing) = away(py, || {
        let (plan, shard) = of.plan()?;
        let mut output = how.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.h5", plan.label.name)));
        if let Some(shard) = shard {
            output = Destination::of_shard(&output, shard);
        }
        let destination =
            Destination::new(&output, if how.plot && shard.is_none() { Look::default().endings() } else { &[] })?;
        let existing = match (how.force, how.resume) {
            (true, _) => Existing::Replace,
            (_, true) => Existing::Resume,
            _ => Existing::Keep,
        };
        Ok((plan, destination, existing))
    })?;
    let course = Arc::new(Course::default());
    let (done, result) = mpsc::channel();
    // Only this thread listens; the lock says so to the compiler.
    let result = Mutex::new(result);
    let thread = {
        let (course, destination, file) = (Arc::clone(&course), destination.clone(), of.file.clone());
        std::thread::spawn(move || {
            let ended = computed(&plan, &destination, existing, &file, &asked, &course);
            // Nobody waits for it any more only where the interpreter ends.
            let _ = done.send(ended);
        })
    };
    let mut stopped = None;
    let ended = loop {
        match py.detach(|| result.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOKS)) {
            Ok(ended) => break ended,
            Err(RecvTimeoutError::Disconnected) => {
                let panic = py.detach(|| thread.join());
                return Err(Trouble::Defect(panic.map_or_else(|of| said(&*of), |()| "a run vanished".into())).into());
            }
            Err(RecvTimeoutError::Timeout) if stopped.is_some() => {}
            Err(RecvTimeoutError::Timeout) => {
                let listened = py.check_signals().and_then(|()| tell(py, progress.as_ref(), &course));
                if let Err(error) = listened {
                    course.ends.store(true, Ordering::Relaxed);
                    stopped = Some(error);
                }
            }
        }
    };
    if let Some(error) = stopped {
        return Err(interrupted(py, error, || kept(&destination)));
    }
    match ended {
        Ok(record) => {
            tell(py, progress.as_ref(), &course)?;
            Ok((record, course.remarks()))
        }
        Err(trouble) => {
            // A child that reads points may have been ended by the same Ctrl-C.
            py.check_signals().map_err(|error| interrupted(py, error, || kept(&destination)))?;
            Err(trouble.into())
        }
    }
}

fn tell(py: Python<'_>, progress: Option<&Py<PyAny>>, course: &Course) -> PyResult<()> {
    let Some(progress) = progress else { return Ok(()) };
    let (steps, points) = course.of();
    if points == 0 {
        return Ok(());
    }
    let (done, finished) = (course.steps.load(Ordering::Relaxed), course.finished.load(Ordering::Relaxed));
    progress.call1(py, (done.min(steps), steps, finished, points)).map(drop)
}

/// What is there after a run was told to end.
fn kept(destination: &Destination) -> String {
    match destination.finished() {
        0 if destination.record.exists() && !destination.parts.exists() => {
            format!("interrupted: {} is whole", destination.record.display())
        }
        0 => "interrupted: no point was finished".to_owned(),
        points => format!(
            "interrupted: {points} finished points are kept in {}; trapline.resume goes on",
            destination.parts.display()
        ),
    }
}

/// The thread of a run: as `trapline run` does it.
fn computed(
    plan: &campaign::Plan,
    destination: &Destination,
    existing: Existing,
    file: &Path,
    asked: &Asked,
    course: &Course,
) -> Result<PathBuf, Trouble> {
    if destination.record.is_file() {
        reading::survive(&destination.record, Extent::Summary)?;
    }
    let maybe_finished = existing == Existing::Resume && destination.record.exists();
    if !maybe_finished {
        destination.check(&plan.inputs, existing)?;
    }
    let backend: &dyn Backend = backends::opened(asked)?;
    let identity = backend.identity();
    if maybe_finished && destination.is_finished(plan, &identity, trapline::PROGRAM)? {
        course.remark(format!("{} is complete: nothing is left to compute", destination.record.display()));
        return Ok(destination.record.clone());
    }
    options::can_compute(&identity.backend, plan, file)?;
    let claim = destination.claim(plan, &identity, trapline::PROGRAM, existing)?;
    let taken_over: Vec<usize> = claim.done().iter().copied().collect();
    *course.of.lock().unwrap_or_else(PoisonError::into_inner) = (plan.work_of(&plan.numbers), plan.numbers.len());
    course.steps.store(plan.work_of(&taken_over), Ordering::Relaxed);
    course.finished.store(taken_over.len(), Ordering::Relaxed);
    let replaces = destination.replaces(existing);
    let watched = Watched { course, taken_over, parts: &destination.parts };
    campaign::run(plan, backend, claim, &watched)?;
    if !destination.figures.is_empty() {
        let record = record::open_campaign(&destination.record)?;
        let mut batch = Batch::new();
        let plate = figure::retention(&record, &destination.figure_stem)?;
        figure::stage_plate(&mut batch, &plate, &destination.figure_stem, &Look::default())?;
        if replaces { batch.replace()? } else { batch.keep(&destination.figure_stem)? }
    }
    Ok(destination.record.clone())
}
