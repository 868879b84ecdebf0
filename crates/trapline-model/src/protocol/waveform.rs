//! Waveforms that a user gives as a file.
//!
//! - CSV, two columns `time_s,bias_v`: from each time on the bias holds until the next; the last line only ends the
//!   one before.
//! - TOML, `program = [{ pulses = 30, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }, ...]`, as in a campaign.

use super::{MAX_BIAS_V, MAX_SEGMENTS, PartFile, Segment, program, segments};
use crate::csv_file::{Columns, CsvError};
use crate::files::{self, TextError};
use crate::toml_file;
use serde::Deserialize;
use std::path::Path;

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
pub fn read(path: &Path) -> Result<Vec<Segment>, WaveformError> {
    let shown = path.display().to_string();
    let text = files::read_text(path).map_err(|error| WaveformError::Unreadable {
        path: shown.clone(),
        reason: match error {
            TextError::Unreadable(e) => e.to_string(),
            TextError::Content(what) => what,
        },
    })?;
    let found = if shown.ends_with(".toml") { of_toml(&text, &shown)? } else { of_csv(&text, &shown)? };
    if found.is_empty() {
        let message =
            "holds no segment; give two lines of values or more: a bias holds until the time of the next line".into();
        return Err(WaveformError::Whole { path: shown, message });
    }
    if found.len() as u64 > MAX_SEGMENTS {
        let message = format!("holds {} segments; it may hold {MAX_SEGMENTS}", found.len());
        return Err(WaveformError::Whole { path: shown, message });
    }
    Ok(found)
}

fn of_toml(text: &str, path: &str) -> Result<Vec<Segment>, WaveformError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        program: Vec<PartFile>,
    }
    let whole = |message: String| WaveformError::Whole { path: path.to_owned(), message };
    let file: File = toml_file::read(text).map_err(whole)?;
    let parts = program(&file.program).map_err(|(place, wrong)| {
        whole(format!("key {} is {}; it must be {}", wrong.key_in("program", place), wrong.value, wrong.limit))
    })?;
    Ok(segments(&parts))
}

fn of_csv(text: &str, path: &str) -> Result<Vec<Segment>, CsvError> {
    let columns = Columns::parse(text, path, &["time_s", "bias_v"], &[])?;
    let (times_s, biases_v) = (columns.needed("time_s"), columns.needed("bias_v"));
    if let Some(before) = times_s.windows(2).position(|times| times[1] <= times[0]) {
        let limit = format!("more than the {:?} of the line before", times_s[before]);
        columns.each("time_s", &limit, |row, _| row != before + 1)?;
    }
    let limit = format!("between -{MAX_BIAS_V} and {MAX_BIAS_V} V");
    columns.each("bias_v", &limit, |_, bias_v| bias_v.abs() <= MAX_BIAS_V)?;
    let dwells_s = times_s.windows(2).map(|t| t[1] - t[0]);
    Ok(dwells_s.zip(biases_v).map(|(dwell_s, bias_v)| Segment { bias_v, dwell_s, cycle: 0 }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_holds_each_bias_until_the_next_time() {
        let found = of_csv("# mine\nbias_v, time_s\n1.5,0\n0,1e-3\n-1,3e-3\n0,4e-3\n", "w.csv").expect("sound");
        let plain: Vec<_> = found.iter().map(|s| (s.bias_v, s.dwell_s)).collect();
        assert_eq!(plain, [(1.5, 1e-3), (0.0, 2e-3), (-1.0, 1e-3)]);
    }

    #[test]
    fn bad_csv_is_told_its_line() {
        for (text, needed) in [
            ("time_s\n0\n1\n", "line 1: there is no column bias_v"),
            ("time_s,bias_v\n0,1\n0,2\n", "line 3: time_s is 0.0; it must be more than the 0.0"),
            ("time_s,bias_v\n0,NaN\n", "line 2: bias_v is \"NaN\""),
            ("time_s,bias_v\n0\n", "line 2: the number of fields is 1; it must be 2"),
            ("time_s,bias_v\n0,1\n1,500\n", "line 3: bias_v is 500.0"),
        ] {
            let error = of_csv(text, "w.csv").expect_err(text).to_string();
            assert!(error.contains(needed) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn toml_takes_the_parts_of_a_campaign() {
        let text = "program = [{ pulses = 2, amplitude_v = 1.5, width_s = 1e-3, interval_s = 0.0 }]";
        assert_eq!(of_toml(text, "w.toml").expect("sound").len(), 2);
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
        ] {
            let error = of_toml(text, "w.toml").expect_err(text).to_string();
            assert!(error.contains(needed) && !error.contains('\n'), "{error}");
        }
    }
}
