//! Waveforms that a user gives as a file.
//!
//! - CSV, the columns `time_s` and `bias_v` as [`crate::csv_file`] finds them: from each time on the bias
//!   holds until the next; the last line only ends the one before.
//! - TOML, `program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }, ...]`, as in a campaign;
//!   or `file = "w.csv"` with what guessing does not find in it: `columns`, `delimiter`, `decimal`, `skip`.

use super::{MAX_BIAS_V, MAX_DWELL_S, MAX_SEGMENTS, MIN_DWELL_S, PartFile, Segment, program, segments};
use crate::csv_file::{self, Columns, CsvError, Reading, Wanted};
use crate::files::{self, TextError};
use crate::toml_file;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A waveform that a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    pub segments: Vec<Segment>,
    /// What was understood of a file of columns, in one line.
    pub understood: Option<String>,
    /// All files it was read from.
    pub files: Vec<PathBuf>,
}

/// What is wrong with a waveform file, in one line.
#[derive(Debug, thiserror::Error)]
pub enum WaveformError {
    #[error("{path}: cannot be read: {reason}; check the path")]
    Unreadable { path: String, reason: String },
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error("{path}: {message}")]
    Whole { path: String, message: String },
}

/// Reads a waveform; a name that ends in `.toml` holds parts, any other lines of CSV.
///
/// # Errors
/// [`WaveformError`].
pub fn read(path: &Path) -> Result<Waveform, WaveformError> {
    let shown = path.display().to_string();
    let found = if shown.ends_with(".toml") {
        let text = files::read_text(path).map_err(|error| WaveformError::Unreadable {
            path: shown.clone(),
            reason: match error {
                TextError::Unreadable(e) => e.to_string(),
                TextError::Content(what) => what,
            },
        })?;
        of_toml(&text, path)?
    } else {
        of_csv(path, &Reading::default())?
    };
    if found.segments.is_empty() {
        let message =
            "holds no segment; give two lines of values or more: a bias holds until the time of the next line".into();
        return Err(WaveformError::Whole { path: shown, message });
    }
    if found.segments.len() as u64 > MAX_SEGMENTS {
        let message = format!("holds {} segments; it may hold {MAX_SEGMENTS}", found.segments.len());
        return Err(WaveformError::Whole { path: shown, message });
    }
    Ok(found)
}

/// A waveform file in TOML. The keys of [`Reading`] stand beside the others, so that an error names their place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    program: Option<Vec<PartFile>>,
    file: Option<PathBuf>,
    #[serde(default)]
    columns: BTreeMap<String, csv_file::ColumnName>,
    delimiter: Option<String>,
    decimal: Option<csv_file::Decimal>,
    skip: Option<usize>,
}

fn of_toml(text: &str, path: &Path) -> Result<Waveform, WaveformError> {
    let whole = |message: String| WaveformError::Whole { path: path.display().to_string(), message };
    let File { program: parts, file, columns, delimiter, decimal, skip } = toml_file::read(text).map_err(whole)?;
    let how = Reading { columns, delimiter, decimal, skip };
    match (parts, file) {
        (Some(parts), None) if how.is_default() => {
            let parts = program(&parts).map_err(|(place, wrong)| {
                whole(format!("key {} is {}; it must be {}", wrong.key_in("program", place), wrong.value, wrong.limit))
            })?;
            Ok(Waveform { segments: segments(&parts), understood: None, files: vec![path.to_owned()] })
        }
        (None, Some(file)) => {
            let mut found = of_csv(&path.parent().unwrap_or(Path::new("")).join(file), &how)?;
            found.files.push(path.to_owned());
            Ok(found)
        }
        _ => Err(whole(
            "it must have one of program = [...] and file = \"...\"; columns, delimiter, decimal and skip go with file"
                .to_owned(),
        )),
    }
}

fn of_csv(path: &Path, how: &Reading) -> Result<Waveform, CsvError> {
    let columns = Columns::read(path, &[Wanted::needed("time_s"), Wanted::needed("bias_v")], how);
    let columns = columns.map_err(|error| if how.is_default() { said_in_toml(error) } else { error })?;
    Ok(Waveform {
        segments: of_columns(&columns)?,
        understood: Some(columns.understood()),
        files: vec![path.to_owned()],
    })
}

/// Where the columns of a file that is read by itself are named: a file of columns has no place for it.
fn said_in_toml(error: CsvError) -> CsvError {
    let where_to = |message: String| match message.contains("columns = {") {
        true => format!("{message}; in a waveform of TOML, beside file = \"...\""),
        false => message,
    };
    match error {
        CsvError::File { path, message } => CsvError::File { path, message: where_to(message) },
        CsvError::Line { path, line, message } => CsvError::Line { path, line, message: where_to(message) },
    }
}

fn of_columns(columns: &Columns) -> Result<Vec<Segment>, CsvError> {
    let (times_s, biases_v) = (columns.needed("time_s"), columns.needed("bias_v"));
    if let Some(before) = times_s.windows(2).position(|times| times[1] <= times[0]) {
        let limit = format!("more than the {:?} of the line before", times_s[before]);
        columns.each("time_s", &limit, |row, _| row != before + 1)?;
    }
    let limit = format!("between -{MAX_BIAS_V} and {MAX_BIAS_V} V");
    columns.each("bias_v", &limit, |_, bias_v| bias_v.abs() <= MAX_BIAS_V)?;
    // Each bias holds until the next line, which is where a dwell that is none is told.
    let dwell = |row: usize| if row == 0 { MIN_DWELL_S } else { times_s[row] - times_s[row - 1] };
    let limit = format!("{MIN_DWELL_S:?} to {MAX_DWELL_S:?} s after the line before");
    columns.each("time_s", &limit, |row, _| (MIN_DWELL_S..=MAX_DWELL_S).contains(&dwell(row)))?;
    let dwells_s = times_s.windows(2).map(|t| t[1] - t[0]);
    Ok(dwells_s.zip(biases_v).map(|(dwell_s, bias_v)| Segment { bias_v, dwell_s, cycle: 0 }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_holds_each_bias_until_the_next_time() {
        let found = of_text("# mine\nbias_v, time_s\n1.5,0\n0,1e-3\n-1,3e-3\n0,4e-3\n").expect("sound");
        let plain: Vec<_> = found.iter().map(|s| (s.bias_v, s.dwell_s)).collect();
        assert_eq!(plain, [(1.5, 1e-3), (0.0, 2e-3), (-1.0, 1e-3)]);
    }

    fn of_text(text: &str) -> Result<Vec<Segment>, CsvError> {
        let wanted = [Wanted::needed("time_s"), Wanted::needed("bias_v")];
        Columns::parse(text, "w.csv", &wanted, &Reading::default()).and_then(|columns| of_columns(&columns))
    }

    #[test]
    fn bad_csv_is_told_its_line() {
        for (text, needed) in [
            ("time_s\n0\n1\n", "line 1: there is no column bias_v"),
            ("time_s,bias_v\n0,1\n0,2\n", "line 3: time_s is 0.0; it must be more than the 0.0"),
            ("time_s,bias_v\n0,NaN\n", "line 2: bias_v is \"NaN\""),
            ("time_s,bias_v\n0\n", "line 2: the number of fields is 1; it must be 2"),
            ("time_s,bias_v\n0,1\n1,500\n", "line 3: bias_v is 500.0"),
            ("time_s,bias_v\n1,1,5\n", "line 2: the number of fields is 3; it must be 2"),
            // A bias for longer than any that an option may ask for, and for shorter.
            (
                "time_s,bias_v\n0,1\n1e14,0\n",
                "line 3: time_s is 100000000000000.0; it must be 1e-12 to 1000000.0 s after",
            ),
            ("time_s,bias_v\n0,1\n1e-300,0\n", "line 3: time_s is 1e-300; it must be 1e-12 to"),
        ] {
            let error = of_text(text).expect_err(text).to_string();
            assert!(error.contains(needed) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn toml_says_how_a_file_of_columns_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let written = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        written("w.csv", "Messung\nx;y\n0;1,5\n0,001;0\n");
        let path = written("w.toml", "file = \"w.csv\"\ncolumns = { time_s = \"x\", bias_v = \"y\" }\nskip = 1\n");
        let found = read(&path).expect("sound");
        assert_eq!(found.segments, [Segment { bias_v: 1.5, dwell_s: 1e-3, cycle: 0 }]);
        assert!(found.understood.is_some_and(|said| said.contains("decimal comma")) && found.files.len() == 2);
    }

    #[test]
    fn toml_takes_the_parts_of_a_campaign() {
        let text = "program = [{ pulses = 2, amplitude_v = 1.5, width_s = 1e-3, interval_s = 0.0 }]";
        assert_eq!(of_toml(text, Path::new("w.toml")).expect("sound").segments.len(), 2);
        for (text, needed) in [
            (
                "program = [{ pulses = 2, amplitude_v = 1.5, width_s = -1.0, interval_s = 0.0 }]",
                "program[0].width_s is -1.0",
            ),
            (
                "program = [{ sweeps = 1, sweep_to_v = 5.0, step_v = 1e-9, dwell_s = 1.0 }]",
                "program[0].step_v is 1e-9; it must be at least",
            ),
            ("programme = []", "programme"),
            ("skip = 1", "it must have one of program = [...] and file"),
            (
                "program = [{ pulses = 2, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-300 }]",
                "program[0].interval_s is 1e-300; it must be 0, or 1e-12 to",
            ),
            (
                "program = [{ pulses = 2, amplitude_v = 1.5, width_s = 1e-300, interval_s = 0.0 }]",
                "program[0].width_s is 1e-300; it must be 1e-12 to",
            ),
        ] {
            let error = of_toml(text, Path::new("w.toml")).expect_err(text).to_string();
            assert!(error.contains(needed) && !error.contains('\n'), "{error}");
        }
    }
}
