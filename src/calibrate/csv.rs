//! Measured curves: comma-separated columns whose names end in their unit, as those of a waveform.
//!
//! Lines that are blank or begin with `#` are skipped; the first other line names the columns, in any order; columns nobody asks for
//! are let be. Times rise from line to line.

use std::path::Path;

use super::FitError;
use crate::files::{self, TextError};

/// Most points of a curve.
const MAX_POINTS: usize = 20_000;

/// Columns of a file, each with its number of the line.
#[derive(Debug)]
pub struct Columns {
    path: String,
    names: Vec<String>,
    rows: Vec<(usize, Vec<f64>)>,
}

impl Columns {
    /// Reads a file with these columns, and those of `optional` that it has.
    ///
    /// # Errors
    /// [`FitError::File`] and [`FitError::Line`].
    pub fn read(path: &Path, needed: &[&str], optional: &[&str]) -> Result<Columns, FitError> {
        let shown = path.display().to_string();
        let text = files::read_text(path).map_err(|error| {
            let reason = match error {
                TextError::Unreadable(e) => e.to_string(),
                TextError::Content(what) => what,
            };
            FitError::file(&shown, format!("cannot be read: {reason}; check the path"))
        })?;
        Columns::parse(&text, &shown, needed, optional)
    }

    fn parse(text: &str, path: &str, needed: &[&str], optional: &[&str]) -> Result<Columns, FitError> {
        let at = |line: usize, message: String| FitError::Line { path: path.to_owned(), line: line + 1, message };
        let mut lines =
            text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
        let (header_line, header) = lines.next().unwrap_or((0, ""));
        let header: Vec<&str> = header.split(',').map(str::trim).collect();
        let mut chosen = Vec::new();
        for name in needed.iter().chain(optional) {
            match header.iter().position(|column| column == name) {
                Some(column) => chosen.push((column, *name)),
                None if optional.contains(name) => {}
                None => {
                    let (all, found) = (needed.join(" and "), header.join(","));
                    return Err(at(
                        header_line,
                        format!("there is no column {name}; the first line must name {all}, and is {found:?}"),
                    ));
                }
            }
        }
        let mut rows: Vec<(usize, Vec<f64>)> = Vec::new();
        for (number, line) in lines {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let value = |(column, name): &(usize, &str)| {
                let text = fields.get(*column).copied().unwrap_or_default();
                match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => Ok(value),
                    _ => Err(at(number, format!("{name} is {text:?}; it must be a finite number"))),
                }
            };
            rows.push((number, chosen.iter().map(value).collect::<Result<_, _>>()?));
        }
        if rows.len() > MAX_POINTS {
            return Err(FitError::file(
                path,
                format!("holds {} points; it must hold at most {MAX_POINTS}", rows.len()),
            ));
        }
        let names = chosen.iter().map(|(_, name)| (*name).to_owned()).collect();
        Ok(Columns { path: path.to_owned(), names, rows })
    }

    /// The numbers of a column, where there is one.
    pub fn column(&self, name: &str) -> Option<Vec<f64>> {
        let at = self.names.iter().position(|known| known == name)?;
        Some(self.rows.iter().map(|(_, row)| row[at]).collect())
    }

    /// The numbers of a column that was asked for as needed.
    pub fn needed(&self, name: &str) -> Vec<f64> {
        self.column(name).unwrap_or_default()
    }

    /// Refuses a number that does not hold, by its line.
    ///
    /// # Errors
    /// [`FitError::Line`].
    pub fn each(&self, name: &str, limit: &str, holds: impl Fn(usize, f64) -> bool) -> Result<(), FitError> {
        for (row, value) in self.needed(name).into_iter().enumerate() {
            if !holds(row, value) {
                let message = format!("{name} is {value:?}; it must be {limit}");
                return Err(FitError::Line { path: self.path.clone(), line: self.rows[row].0 + 1, message });
            }
        }
        Ok(())
    }

    /// Refuses times that do not rise from 0, or from the first.
    ///
    /// # Errors
    /// [`FitError::Line`].
    pub fn rising_times(&self, name: &str, zero_too: bool) -> Result<(), FitError> {
        let times = self.needed(name);
        let first = if zero_too { "0 or more" } else { "more than 0" };
        self.each(name, &format!("{first}, at most 1e12, and more than that of the line before"), |row, time| {
            let after = if row == 0 { time > 0.0 || (zero_too && time == 0.0) } else { time > times[row - 1] };
            after && time <= 1e12
        })
    }

    /// Refuses a curve with too few points that can be compared.
    ///
    /// # Errors
    /// [`FitError::File`].
    pub fn enough(&self, found: usize, least: usize, what: &str) -> Result<(), FitError> {
        if found >= least {
            return Ok(());
        }
        Err(FitError::file(&self.path, format!("holds {found} {what}; it must hold at least {least}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let text = "# mine\nnote_1, current_a ,bias_v\n7,1e-12,0.1\n\n7,2e-12,0.2\n";
        let found = Columns::parse(text, "iv.csv", &["bias_v", "current_a"], &["time_s"]).expect("sound");
        assert_eq!((found.needed("bias_v"), found.needed("current_a")), (vec![0.1, 0.2], vec![1e-12, 2e-12]));
        assert_eq!(found.column("time_s"), None);
        let error = found.each("bias_v", "below 0.15", |_, v| v < 0.15).expect_err("too large").to_string();
        assert_eq!(error, "iv.csv: line 5: bias_v is 0.2; it must be below 0.15");
    }

    #[test]
    fn bad_csv_is_told_its_line() {
        for (text, needed) in [
            ("time_s\n0\n", "line 1: there is no column kept; the first line must name time_s and kept"),
            ("", "line 1: there is no column time_s"),
            ("time_s,kept\n1,NaN\n", "line 2: kept is \"NaN\"; it must be a finite number"),
            ("time_s,kept\n1\n", "line 2: kept is \"\""),
        ] {
            let error = Columns::parse(text, "r.csv", &["time_s", "kept"], &[]).expect_err(text).to_string();
            assert!(error.contains(needed) && error.starts_with("r.csv: ") && !error.contains('\n'), "{error}");
        }
        let back = Columns::parse("time_s\n2\n1\n", "r.csv", &["time_s"], &[]).expect("columns");
        let error = back.rising_times("time_s", false).expect_err("falls").to_string();
        assert!(error.contains("line 3: time_s is 1.0"), "{error}");
    }
}
