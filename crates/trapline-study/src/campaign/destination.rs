//! Where a campaign's files go, and whose they are: nothing that stands there is replaced unasked, and a second run
//! with the same output is kept out.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::error::RunError;
use super::intent::{self, Intent};
use super::parts::{Existing, Parts, refused};
use super::plan::Plan;
use super::shard::Shard;
use trapline_model::files::{self, commit};
use trapline_model::outcome::{CampaignRecord, Identity, Program};
use trapline_record::{FileType, RecordError, file_type, open_campaign};
use trapline_report::figure::{ENDINGS, NUMBERS_OF_FIGURE};

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

    /// The names that go with `record`, and with its figure, a file for each ending; none for no figure. A link
    /// stands for the file it leads to.
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
        // A campaign in progress has no figures yet, and one that drew none has none: files of their names belong to
        // somebody else. Where there are figures, there are their numbers.
        let numbers = appended(&self.figure_stem, ".figure.csv");
        let has_figures = self.record.exists() && !is_unfinished(&self.record) && has_numbers(&numbers);
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
    pub(super) destination: &'a Destination,
    pub(super) parts: Parts,
    /// Figures of the record that is replaced; removed once the new record is complete, because they do not show it.
    pub(super) stale: Vec<PathBuf>,
    pub(super) program: Program,
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
pub(super) fn is_unfinished(path: &Path) -> bool {
    matches!(file_type(path), Ok(FileType::Unfinished))
}

/// Whether a file begins as the numbers of a figure do.
fn has_numbers(path: &Path) -> bool {
    let mut start = vec![0; NUMBERS_OF_FIGURE.len()];
    files::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok() && start == NUMBERS_OF_FIGURE.as_bytes())
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
