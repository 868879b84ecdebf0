//! Running a campaign: points in order, each committed as its own file, then one record of all.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use ndarray::{Array3, ArrayView2};

use super::error::RunError;
use super::plan::Plan;
use crate::array::CellSet;
use crate::backend::job::Job;
use crate::backend::{Backend, BackendError, Progress};
use crate::outcome::{CellDump, CellWindow, Identity, Provenance};
use crate::record::commit::CommitError;
use crate::record::{RecordError, merge_points, write_point};
use crate::units::celsius_texts;

/// Where a campaign's files go: `bake.h5`, its points in `bake.h5.parts/` until it is whole, `bake.png` and `bake.svg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub record: PathBuf,
    pub parts: PathBuf,
    /// Path of the figures without their ending.
    pub figure_stem: PathBuf,
    pub figures: Vec<PathBuf>,
}

impl Destination {
    /// The names that go with `record`; no figures where `with_figures` is false.
    ///
    /// # Errors
    /// [`RunError::NoFile`] for a path that ends in no file name.
    pub fn new(record: &Path, with_figures: bool) -> Result<Destination, RunError> {
        let slash = record.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]);
        if record.file_name().is_none() || slash {
            return Err(RunError::NoFile(record.to_owned()));
        }
        let figure_stem =
            if record.extension().is_some_and(|e| e == "h5") { record.with_extension("") } else { record.to_owned() };
        let endings: &[&str] = if with_figures { &[".png", ".svg"] } else { &[] };
        let figures = endings.iter().map(|ending| appended(&figure_stem, ending)).collect();
        Ok(Destination { record: record.to_owned(), parts: appended(record, ".parts"), figure_stem, figures })
    }

    /// Refuses to replace what is there, unless `force`; changes nothing.
    ///
    /// # Errors
    /// [`RunError::Exists`] for the record or a figure, [`RunError::Interrupted`] for the points of another run,
    /// [`RunError::Record`] where a folder has a file's name.
    pub fn check(&self, force: bool) -> Result<(), RunError> {
        for path in std::iter::once(&self.record).chain(&self.figures) {
            // A dangling link is there, too.
            match fs::symlink_metadata(path) {
                Ok(_) if path.is_dir() => return Err(refused("write", path, ErrorKind::IsADirectory.into())),
                Ok(_) if !force => return Err(RunError::Exists(path.clone())),
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(refused("write", path, e)),
                _ => {}
            }
        }
        match fs::symlink_metadata(&self.parts) {
            Ok(_) if !force => Err(RunError::Interrupted(self.parts.clone())),
            Ok(_) => only_points(&self.parts),
            Err(_) => Ok(()),
        }
    }

    /// Makes the folder of points, which keeps a second run of the same name out; what an interrupted run left in it goes.
    ///
    /// # Errors
    /// As [`Destination::check`]; [`RunError::Record`] where the folder above is missing or may not be written to.
    pub fn claim(&self, force: bool) -> Result<Claim<'_>, RunError> {
        self.check(force)?;
        if force && self.parts.exists() {
            fs::remove_dir_all(&self.parts).map_err(|e| refused("remove the folder", &self.parts, e))?;
        }
        match fs::create_dir(&self.parts) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(RunError::Interrupted(self.parts.clone())),
            Err(e) => Err(refused("create the folder", &self.parts, e)),
            Ok(()) => Ok(Claim { destination: self }),
        }
    }
}

/// A destination that is this run's: its folder of points exists, and a second run of the same name is refused.
///
/// When the claim ends, a folder in which no point was finished goes too; one with points stays.
#[derive(Debug)]
pub struct Claim<'a> {
    destination: &'a Destination,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // The system refuses this for a folder that holds something: just so.
        let _ = fs::remove_dir(&self.destination.parts);
    }
}

fn refused(step: &'static str, path: &Path, source: io::Error) -> RunError {
    RunError::Record(RecordError::Commit(CommitError::new(step, path, source)))
}

fn appended(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Refuses a folder that holds anything but numbered folders: it is about to be removed with all that is in it.
fn only_points(parts: &Path) -> Result<(), RunError> {
    let entries = fs::read_dir(parts).map_err(|e| refused("read the folder", parts, e))?;
    for entry in entries {
        let name = entry.map_err(|e| refused("read the folder", parts, e))?.file_name();
        let name = name.to_string_lossy();
        if name.len() != 6 || !name.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RunError::NotParts { path: parts.to_owned(), found: format!("{name:?}") });
        }
    }
    Ok(())
}

/// Runs all points of a plan and writes the record.
///
/// `progress` is told how many further cells are done, of [`Plan::cells`]. The folder of points is removed when the record
/// is whole; figures are not drawn here.
///
/// # Errors
/// [`RunError`]. Points that were finished stay in the folder, and the record is as it was.
pub fn run(plan: &Plan, backend: &dyn Backend, claim: &Claim<'_>, progress: Progress) -> Result<(), RunError> {
    let parts = &claim.destination.parts;
    points(plan, backend, claim.destination, progress)?;
    fs::remove_dir_all(parts).map_err(|e| refused("remove the folder", parts, e))
}

fn points(plan: &Plan, backend: &dyn Backend, to: &Destination, progress: Progress) -> Result<(), RunError> {
    let identity = backend.identity();
    let campaign_start = now();
    for point in &plan.points {
        let start = now();
        let job = plan.job(point.number);
        let failed = |source: BackendError| RunError::Backend {
            number: point.number,
            material: point.material.clone(),
            temperature_c: celsius_texts(&[point.temperature_k]).concat(),
            source: Box::new(source),
        };
        let mut outcome = backend.statistics(&job, progress).map_err(failed)?.outcome(&job);
        if let Some(window) = plan.label.dump {
            let trace = backend.trace(&job, &CellSet::window(plan.shape, &window)).map_err(failed)?;
            let found = dump(&job, window, [&trace.conductance, &trace.filling, &trace.lost].map(|a| a.view()));
            outcome.dump = Some(found.ok_or(RunError::Dump { number: point.number })?);
        }
        write_point(&to.parts, &plan.label, point, &provenance(&identity, start), &outcome)?;
    }
    let provenance = provenance(&identity, campaign_start);
    merge_points(&to.parts, &plan.label, &provenance, &to.record, 0..plan.points.len())?;
    Ok(())
}

/// The trace of a window, as planes of rows and columns and in siemens.
fn dump(job: &Job, window: CellWindow, [conductance, filling, lost]: [ArrayView2<'_, f32>; 3]) -> Option<CellDump> {
    let shape = (job.times_s.len(), window.rows as usize, window.cols as usize);
    let plane =
        |view: ArrayView2<'_, f32>| -> Option<Array3<f32>> { view.to_owned().into_shape_with_order(shape).ok() };
    let siemens = job.read.fresh_conductance_s;
    let mut conductance_s = plane(conductance)?;
    // Multiplied in f64: a conductance of 1e-11 S times its ratio is rounded once.
    conductance_s.mapv_inplace(|ratio| (f64::from(ratio) * siemens) as f32);
    Some(CellDump { window, conductance_s, filling: plane(filling)?, lost_fraction: plane(lost)? })
}

fn provenance(identity: &Identity, started_utc: String) -> Provenance {
    Provenance {
        program_version: crate::VERSION.to_owned(),
        commit: crate::COMMIT.to_owned(),
        identity: identity.clone(),
        started_utc,
        ended_utc: now(),
    }
}

/// The time in RFC 3339, UTC.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
