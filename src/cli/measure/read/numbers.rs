//! Numbers that users give as files: comma-separated, or a dataset of an HDF5 file.

use std::io::Read;
use std::path::Path;

use ndarray::Array2;
use trapline::csv_file;
use trapline::files;
use trapline::text::one_line;

use super::super::Failure;
use crate::cli::reading::{self, Numbers};

/// A file, and what is wanted of it.
pub(super) struct File<'a> {
    pub(super) path: &'a Path,
    /// Which dataset of an HDF5 file, by which option.
    pub(super) dataset: Option<&'a str>,
    pub(super) option: &'static str,
    /// Whether a dataset of one dimension will do.
    pub(super) lists: bool,
    pub(super) unit: Unit,
}

/// A unit as others spell it in an attribute `units`; the first is what numbers are in.
pub(super) type Unit = &'static [&'static str];

pub(super) const SIEMENS: Unit = &["S", "siemens", "Siemens", "A/V", "A V-1", "1/ohm", "ohm-1", "mho"];
pub(super) const VOLT: Unit = &["V", "volt", "volts", "Volt"];

/// The matrix in a file, and what it is called. `affords` refuses rows and columns for which there is no room.
pub(super) fn matrix(
    file: &File<'_>,
    affords: impl FnOnce((usize, usize)) -> Result<(), Failure>,
) -> Result<(Array2<f64>, String), Failure> {
    let shown = file.path.display().to_string();
    let refuse = |what: String| Failure::Usage(format!("{shown}: {what}"));
    if !is_hdf5(file.path) {
        if let Some(name) = file.dataset {
            return Err(refuse(format!("is no HDF5 file, and {} names the dataset {name}: leave it out", file.option)));
        }
        let text = |error: csv_file::CsvError| Failure::Usage(error.to_string());
        affords(csv_file::matrix_shape(file.path).map_err(text)?)?;
        return Ok((csv_file::matrix(file.path).map_err(text)?, shown));
    }
    let (units, option) = (file.unit, file.option);
    let (numbers, name) = reading::numbers(file.path, Numbers { name: file.dataset, lists: file.lists }, |matrix| {
        if let Some(found) = matrix.units().filter(|found| !units.contains(&found.trim())) {
            let unit = units[0];
            return Err(refuse(format!("/{}: its units are {found:?}; it must hold numbers in {unit}", matrix.name())));
        }
        affords(matrix.dim())
    })
    .map_err(|failure| match failure {
        Failure::Usage(said) if said.ends_with("one of them named") => Failure::Usage(format!("{said}: {option}")),
        other => other,
    })?;
    if let Some(((row, col), number)) = numbers.indexed_iter().find(|(_, number)| !number.is_finite()) {
        return Err(refuse(format!("/{name}: row {row}, column {col} is {number}; it must be finite")));
    }
    // A file's own words, which go into titles.
    Ok((numbers, format!("{shown} /{}", one_line(&name))))
}

/// Whether a file begins as HDF5 files do. What cannot be read is none: whoever reads it says why.
fn is_hdf5(path: &Path) -> bool {
    let mut start = [0_u8; files::HDF5_SIGNATURE.len()];
    files::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *files::HDF5_SIGNATURE
}

/// Numbers of a text file, in one line or one a line.
pub(super) fn list(path: &Path) -> Result<Vec<f64>, Failure> {
    let matrix = csv_file::matrix(path).map_err(|error| Failure::Usage(error.to_string()))?;
    let (lines, numbers) = matrix.dim();
    if lines.min(numbers) > 1 {
        return Err(Failure::Usage(format!(
            "{}: holds {lines} lines of {numbers} numbers; it must hold one line, or one number a line",
            path.display()
        )));
    }
    Ok(matrix.into_iter().collect())
}

/// The same, as many as there are lines or segments.
pub(super) fn as_many(path: &Path, wanted: usize, of: &str) -> Result<Vec<f64>, Failure> {
    let found = list(path)?;
    if found.len() == wanted {
        return Ok(found);
    }
    Err(Failure::Usage(format!("{}: holds {} numbers; it must hold {wanted}, {of}", path.display(), found.len())))
}
