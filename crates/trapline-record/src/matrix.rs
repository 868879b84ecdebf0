//! Numbers that another program wrote: one dataset of two dimensions, or of one, in a file of any kind.
//!
//! h5py, xarray and MATLAB write such files. They have no seal, so HDF5 may not come through a damaged one: a program
//! lets another process read it first. What is distrusted of records is distrusted here too: nothing leads to another
//! file, pieces are small, filters those that every HDF5 has, and no more is read at once than 1 GiB.

use std::path::Path;

use hdf5::types::VarLenUnicode;
use ndarray::Array2;

use super::error::RecordError;
use super::hdf::{self, Explain, Source};
use super::input::Input;
use super::kind::Kind;

/// Names that a refusal lists.
const NAMED: usize = 8;
/// Characters of such a name that are shown.
const SHOWN: usize = 60;

/// A dataset of numbers that is found, and not yet read.
pub struct Matrix {
    source: Source,
    name: String,
    /// As the file has it, of one or two sides.
    shape: Vec<usize>,
}

impl Matrix {
    /// Finds a dataset of floating-point numbers: the one of this name, or where none is given the only one of two
    /// dimensions (`lists`: or of one). A dataset of one dimension is a row.
    ///
    /// # Errors
    /// [`RecordError::Matrix`] for what is not there, ambiguous, or not of such numbers, and for files that lead to
    /// others; [`RecordError::NotHdf5`], [`RecordError::Unreadable`], [`RecordError::Hdf5`].
    pub fn open(path: &Path, name: Option<&str>, lists: bool) -> Result<Matrix, RecordError> {
        as_of_others(Matrix::find(path, name, lists))
    }

    fn find(path: &Path, name: Option<&str>, lists: bool) -> Result<Matrix, RecordError> {
        let source = hdf::open_any(path)?;
        let input = source.input();
        let name = match name {
            Some(name) => name.trim_start_matches('/').to_owned(),
            None => only(&input, lists)?,
        };
        let dataset = input.open_any(&name)?;
        let shape = dataset.get_shape().reading(path, &format!("open the dataset {name}"))?;
        let kind = input.kind_of(&name, &dataset)?;
        if !kind.reads_as::<f64>() {
            let limit = "floating-point numbers of 32 or 64 bits";
            return Err(refused(path, format!("the type of the dataset {}", shown(&name)), kind, limit));
        }
        if !(shape.len() == 2 || (lists && shape.len() == 1)) || shape.contains(&0) {
            let limit = if lists { "of one or two dimensions, none empty" } else { "of two dimensions, none empty" };
            return Err(refused(
                path,
                format!("the shape of the dataset {}", shown(&name)),
                format!("{shape:?}"),
                limit,
            ));
        }
        for packed in ["scale_factor", "add_offset"] {
            if hdf::has_attribute(&dataset, packed) {
                let what = format!("the dataset {}", shown(&name));
                return Err(refused(path, what, format!("packed by {packed}"), "stored as its numbers are"));
            }
        }
        drop(dataset);
        Ok(Matrix { source, name, shape })
    }

    /// The dataset, with its path in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rows and columns.
    pub fn dim(&self) -> (usize, usize) {
        match self.shape[..] {
            [rows, cols] => (rows, cols),
            _ => (1, self.shape.iter().product()),
        }
    }

    /// Its attribute `units`, where that is a text.
    pub fn units(&self) -> Option<String> {
        let dataset = self.source.input().open_any(&self.name).ok()?;
        if !hdf::has_attribute(&dataset, "units") {
            return None;
        }
        let attribute = dataset.attr("units").ok()?;
        let is_text = attribute.dtype().and_then(|of| Kind::of(&of)).ok()? == Kind::Text;
        if !(is_text && attribute.space().ok()?.is_scalar()) {
            return None;
        }
        Some(attribute.read_scalar::<VarLenUnicode>().ok()?.as_str().to_owned())
    }

    /// Reads it. `watch` is told before how many bytes it has in memory.
    ///
    /// # Errors
    /// As [`Matrix::open`].
    pub fn read(&self, watch: &dyn Fn(u64)) -> Result<Array2<f64>, RecordError> {
        let (rows, cols) = self.dim();
        let read = || {
            let input = self.source.input().watched(watch);
            // Refused before anybody waits for it.
            input.is_small_enough(&self.name, &self.shape, size_of::<f64>())?;
            input.tell(rows as u64 * cols as u64 * size_of::<f64>() as u64);
            let numbers: ndarray::ArrayD<f64> = input.numbers(&self.name, &self.shape)?;
            input.shaped(&self.name, &[rows, cols], numbers.into_raw_vec_and_offset().0)
        };
        as_of_others(read())
    }
}

/// The only dataset of numbers that it may be.
fn only(input: &Input<'_>, lists: bool) -> Result<String, RecordError> {
    let mut found = Vec::new();
    for name in input.contents.datasets() {
        // A type that has a name stands among them.
        let Ok(dataset) = input.file.dataset(name) else { continue };
        let sides = dataset.get_shape().map_or(0, |shape| shape.len());
        let is_real = dataset.dtype().and_then(|of| Kind::of(&of)).is_ok_and(|kind| kind.reads_as::<f64>());
        if is_real && (sides == 2 || (lists && sides == 1)) {
            found.push((name, sides));
        }
    }
    // A list counts where nothing has two dimensions: coordinates stand beside what they are of.
    if found.iter().any(|(_, sides)| *sides == 2) {
        found.retain(|(_, sides)| *sides == 2);
    }
    let dimensions = if lists { "one or two dimensions" } else { "two dimensions" };
    match found[..] {
        [(name, _)] => Ok(name.to_owned()),
        [] => {
            let what = format!("the number of datasets of floating-point numbers of {dimensions}");
            Err(refused(input.path, what, 0, "1 at least, of 32 or 64 bits"))
        }
        _ => {
            let mut names: Vec<String> = found.iter().take(NAMED).map(|(name, _)| shown(name)).collect();
            if found.len() > NAMED {
                names.push("...".to_owned());
            }
            let what = format!("the number of datasets of floating-point numbers of {dimensions}");
            let found = format!("{} ({})", found.len(), names.join(", "));
            Err(refused(input.path, what, found, "1, or one of them named"))
        }
    }
}

/// A name of a file as it may be shown: it may hold anything.
fn shown(name: &str) -> String {
    let plain = trapline_model::text::one_line(name);
    if plain.chars().count() <= SHOWN {
        return format!("/{plain}");
    }
    let short: String = plain.chars().take(SHOWN).collect();
    format!("/{short}...")
}

fn refused(path: &Path, what: impl Into<String>, found: impl ToString, limit: impl ToString) -> RecordError {
    let (what, found, limit) = (what.into(), found.to_string(), limit.to_string());
    RecordError::Matrix { path: path.to_owned(), what, found, limit }
}

/// What is said of records, of a file that is none.
fn as_of_others<T>(read: Result<T, RecordError>) -> Result<T, RecordError> {
    read.map_err(|error| match error {
        RecordError::Damaged { path, what, found, limit } | RecordError::Foreign { path, what, found, limit } => {
            let limit = if limit.contains("virtual_sources") { "this file".to_owned() } else { limit };
            let [what, found] = [what, found].map(|text| trapline_model::text::one_line(&text));
            RecordError::Matrix { path, what, found, limit }
        }
        RecordError::Hdf5 { path, doing, detail, .. } => {
            RecordError::Hdf5 { path, doing, detail, remedy: "the file is damaged: write it again" }
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr1, arr2};

    fn said(path: &Path, name: Option<&str>) -> String {
        let read = Matrix::open(path, name, false).and_then(|matrix| matrix.read(&|_| {}));
        let text = read.expect_err("is refused").to_string();
        assert!(text.starts_with(&path.display().to_string()) && !text.contains('\n') && text.len() < 700, "{text}");
        text
    }

    #[test]
    fn the_numbers_of_others_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("g.h5");
        let file = hdf5::File::create(&path).expect("created");
        let numbers = arr2(&[[1e-6_f32, 2e-6, 3e-6], [4e-6, 5e-6, 6e-6]]);
        file.new_dataset_builder().with_data(&numbers).chunk((1, 3)).deflate(5).create("run/g").expect("written");
        file.new_dataset_builder().with_data(&arr1(&[0.1, 0.2])).create("run/v").expect("written");
        file.new_dataset_builder().with_data(&arr2(&[[1, 2]])).create("counts").expect("written");
        let units = file.dataset("run/g").expect("there").new_attr::<VarLenUnicode>().create("units").expect("made");
        units.write_scalar(&"S".parse::<VarLenUnicode>().expect("text")).expect("written");
        drop(units);
        file.close().expect("closed");
        for name in [None, Some("run/g"), Some("/run/g")] {
            let found = Matrix::open(&path, name, false).expect("found");
            assert_eq!((found.name(), found.dim(), found.units().as_deref()), ("run/g", (2, 3), Some("S")));
            let told = std::cell::Cell::new(0);
            assert_eq!(found.read(&|bytes| told.set(bytes)).expect("read"), numbers.mapv(f64::from));
            assert_eq!(told.get(), 48);
        }
        // A list is a row; beside a matrix it is named.
        let list = Matrix::open(&path, Some("/run/v"), true).expect("found");
        assert_eq!(list.read(&|_| {}).expect("read"), arr2(&[[0.1, 0.2]]));
        assert!(said(&path, Some("run/v")).contains("of two dimensions"));
        assert!(said(&path, Some("counts")).contains("whole numbers"));
        assert!(said(&path, Some("run")).contains("a group"));
        assert!(said(&path, Some("none")).contains("missing"));
        let absent = Matrix::open(&folder.path().join("none.h5"), None, false).err().expect("is refused");
        assert!(matches!(absent, RecordError::Unreadable { .. }), "{absent}");
    }

    #[test]
    fn what_others_write_to_harm_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("g.h5");
        let file = hdf5::File::create(&path).expect("created");
        file.new_dataset_builder().with_data(&arr2(&[[1.0]])).create("a\u{1b}[2J").expect("written");
        // Pieces that nobody stored, of an array that no memory holds.
        file.new_dataset::<f64>().chunk((1024, 1024)).shape((1 << 20, 1 << 20)).create("huge").expect("made");
        file.new_dataset::<f64>().chunk((8192, 8192)).shape((8192, 8192)).create("piece").expect("made");
        file.link_external("other.h5", "/g", "elsewhere").expect("linked");
        file.close().expect("closed");
        assert!(said(&path, None).contains("to another file"));
        let file = hdf5::File::open_rw(&path).expect("opened");
        file.unlink("elsewhere").expect("unlinked");
        file.link_soft("/huge", "soft").expect("linked");
        file.close().expect("closed");
        let several = said(&path, None);
        assert!(several.contains("is 3 (/a\\u{1b}[2J, /huge, /piece)"), "{several}");
        assert!(said(&path, Some("huge")).contains("1 GiB"));
        assert!(said(&path, Some("piece")).contains("16 MiB"));
        assert!(said(&path, Some("soft")).contains("a link"));
        assert!(said(&path, Some("a\nb\u{1b}")).contains("missing"));
    }
}
