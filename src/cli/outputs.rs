//! Files a command is going to write.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use trapline::campaign::MAX_NAME_BYTES;
use trapline::figure::{ENDINGS, Look, Plate};
use trapline::files::commit::{Batch, other_kind};
use trapline::report::stage_figure;

use super::Failure;

/// Names of files that are written as they are, and of all that figures may be.
pub fn names<'a>(
    files: impl Iterator<Item = &'a str>,
    figures: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = String> {
    let drawn = figures.into_iter().flat_map(|name| ENDINGS.map(|ending| format!("{name}.{ending}")));
    files.map(str::to_owned).chain(drawn)
}

/// Paths of the files that a figure of this stem is in a look.
pub fn of_figure(stem: &Path, look: &Look) -> impl Iterator<Item = PathBuf> {
    let stem = stem.display().to_string();
    look.endings().iter().map(move |ending| PathBuf::from(format!("{stem}.{ending}")))
}

/// An output and the files of the figure beside it; nothing where there is no output.
pub fn with_figure(output: Option<&Path>, look: Option<&Look>) -> Vec<PathBuf> {
    let Some(path) = output else { return Vec::new() };
    let stem = path.with_extension("");
    let figure = look.iter().flat_map(|look| of_figure(&stem, look));
    std::iter::once(path.to_owned()).chain(figure).collect()
}

/// Before anything is computed: that none of the files is there, unless they may be replaced, that their folders are,
/// and that no two have one name.
///
/// # Errors
/// [`Failure::Usage`]; [`Failure::Failed`] for a folder that the system does not show.
pub fn free(paths: &[PathBuf], force: bool) -> Result<(), Failure> {
    for (number, path) in paths.iter().enumerate() {
        if paths[..number].contains(path) {
            let path = path.display();
            return Err(Failure::Usage(format!(
                "{path} would be the record and its plot; give -o another ending, such as .h5"
            )));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let shown = path.display();
        if let Err(e) = folder.metadata()
            && !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        {
            return Err(Failure::Failed(format!("{shown} cannot be written: {}: {e}", folder.display())));
        }
        if !folder.is_dir() {
            return Err(Failure::Usage(format!(
                "{shown} cannot be written: {} is not a folder; make it, or choose another name with -o",
                folder.display()
            )));
        }
        if path.is_dir() {
            return Err(Failure::Usage(format!("{shown} is a folder; choose another name with -o")));
        }
        let bytes = path.file_name().map_or(0, OsStr::len);
        if bytes > MAX_NAME_BYTES {
            return Err(Failure::Usage(format!(
                "{shown} has a name of {bytes} bytes, and {MAX_NAME_BYTES} is the limit; choose another name with -o"
            )));
        }
        if let Some(kind) = path.symlink_metadata().ok().and_then(|found| other_kind(found.file_type())) {
            return Err(Failure::Usage(format!("{shown} is {kind}, not a file; choose another name with -o")));
        }
        if path.symlink_metadata().is_ok() && !force {
            return Err(Failure::Usage(format!(
                "{shown} exists; choose another name with -o, or replace it with --force"
            )));
        }
    }
    Ok(())
}

/// That no output replaces a file the command reads, with `--force` either.
///
/// # Errors
/// [`Failure::Usage`].
pub fn not_inputs(paths: &[PathBuf], inputs: &[PathBuf]) -> Result<(), Failure> {
    let real: Vec<_> = inputs.iter().filter_map(|input| fs::canonicalize(input).ok()).collect();
    match paths.iter().find(|path| fs::canonicalize(path).is_ok_and(|path| real.contains(&path))) {
        None => Ok(()),
        Some(path) => {
            let path = path.display();
            Err(Failure::Usage(format!("{path} is a file this command reads; choose another name with -o")))
        }
    }
}

/// Endings of records.
pub const RECORDS: [&str; 4] = ["h5", "hdf5", "hdf", "nc"];

/// What an output is, by the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Record,
    Csv,
    Json,
}

/// The form that the name of an output asks for.
///
/// # Errors
/// [`Failure::Usage`] for any other ending, and as [`record_name`].
pub fn form(path: &Path) -> Result<Form, Failure> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("csv") => Ok(Form::Csv),
        Some("json") => Ok(Form::Json),
        None => record_name(path).map(|()| Form::Record),
        Some(ending) if RECORDS.contains(&ending) => record_name(path).map(|()| Form::Record),
        Some(_) => Err(Failure::Usage(format!(
            "{} does not say by its ending what to write; choose .h5 (a record), .csv or .json with -o",
            path.display()
        ))),
    }
}

/// That HDF5 can write a record under this name, and that the name does not promise something else.
///
/// # Errors
/// [`Failure::Usage`].
pub fn record_name(path: &Path) -> Result<(), Failure> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    if ending.is_some_and(|ending| !RECORDS.contains(&ending.as_str())) {
        return Err(Failure::Usage(format!(
            "{} would be a record of HDF5; choose a name that ends in .h5 with -o",
            path.display()
        )));
    }
    match path.to_str() {
        Some(_) => Ok(()),
        None => Err(Failure::Usage(format!(
            "{} is not UTF-8, which the HDF5 library needs; choose another name with -o",
            path.display()
        ))),
    }
}

/// Gives the files of a result their names, now that all of them are written: in place of what is there with `force`,
/// and otherwise only where nothing is. `stem` is what their names begin with, or their folder.
///
/// # Errors
/// [`Failure::Usage`] where a name is taken by now, which says under which names the files are; [`Failure::Failed`].
pub fn place(batch: Batch, force: bool, stem: &Path) -> Result<(), Failure> {
    if force { Ok(batch.replace()?) } else { Ok(batch.keep(stem)?) }
}

/// Gives the files of a result their names, and draws its figures, each under a stem of its own: the names of all files. What
/// a figure was before and is not now goes with `force`.
///
/// # Errors
/// As [`place`]. A figure that cannot be drawn costs nobody the result, which is written before that is said.
pub fn place_drawn(
    mut batch: Batch,
    force: bool,
    stem: &Path,
    look: Option<&Look>,
    figures: impl IntoIterator<Item = (PathBuf, Plate)>,
) -> Result<Vec<PathBuf>, Failure> {
    let (mut drawn, mut earlier) = (Ok(()), Vec::new());
    for ((own, plate), look) in figures.into_iter().filter_map(|figure| Some((figure, look?))) {
        if drawn.is_ok() {
            drawn = stage_figure(&mut batch, &plate, &own, look).map(drop);
        }
        earlier.extend(ENDINGS.map(|ending| PathBuf::from(format!("{}.{ending}", own.display()))));
    }
    let written = batch.destinations();
    place(batch, force, stem)?;
    if force {
        remove(earlier.into_iter().filter(|path| !written.contains(path)))?;
    }
    let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    drawn.map_err(|error| Failure::Failed(format!("{error} (the result is written: {})", names.join(", "))))?;
    Ok(written)
}

/// Removes files of an earlier result that have no successor in this one: beside it they would be taken for a part of
/// it.
///
/// # Errors
/// [`Failure::Failed`] for what the system refuses.
pub fn remove(paths: impl IntoIterator<Item = PathBuf>) -> Result<(), Failure> {
    for path in paths {
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(Failure::Failed(format!("{}: cannot be removed: {e}", path.display())));
            }
            _ => {}
        }
    }
    Ok(())
}
