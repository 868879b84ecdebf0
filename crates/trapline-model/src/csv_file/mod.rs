//! Columns of numbers that a user gives as a file: as trapline writes them, as a spreadsheet saves them, as an instrument
//! exports them.
//!
//! - Text in UTF-8, UTF-16 or the code page of Western Windows; with or without a byte order mark; any line ends.
//! - Columns apart by comma, semicolon, tab, bar or spaces; numbers with a decimal point, or a decimal comma where the
//!   comma does not separate columns (or where the numbers stand in quotes). Two decimal signs in one file, and marks of
//!   thousands, are refused.
//! - Lines before the one that names the columns are let be, and so are lines that begin with `#`, `%`, `!` or `//`;
//!   names may stand in such a line. A line of units may follow the names.
//! - A column is found by trapline's own name for it (`bias_v`), by what others call it with or without a unit ("Bias
//!   (mV)", "AV", "I / nA"), or by a unit of its quantity in brackets, if there is only one such column. Columns nobody
//!   asks for are let be.
//! - What guessing does not find is said in [`Reading`].
//!
//! A line with more or fewer fields than the names is refused: it is what a decimal comma between commas looks like.
//! [`Columns::understood`] says in one line what was made of a file.

mod encoding;
mod fields;
mod heading;
mod layout;
mod matrix;
mod nameless;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;

use crate::files::{self, TextError};
use crate::text::counted;
pub use fields::Decimal;
use fields::{Separator, starts_without_number};
use heading::Quantity;
use layout::{Found, Layout, separators};
pub use matrix::{matrix, matrix_shape};

/// Longest file of columns, bytes.
pub const MOST_BYTES: u64 = 64 << 20;

/// What is wrong with a file of columns, in one line.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    #[error("{path}: {message}")]
    File { path: String, message: String },
    #[error("{path}: line {line}: {message}")]
    Line { path: String, line: usize, message: String },
}

/// A column that is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// Name with unit: one of `time_s`, `bias_v`, `current_a`, `conductance_s`, `kept` and `device` (a number).
    pub key: &'static str,
    pub needed: bool,
    /// Whether a reading may be none (NaN, or an instrument's overflow): its number is NaN then, and is told as left out.
    pub gaps: bool,
}

impl Wanted {
    /// A column that must be there, and hold a number in each line.
    pub const fn needed(key: &'static str) -> Wanted {
        Wanted { key, needed: true, gaps: false }
    }

    /// A column that is taken where it is there.
    pub const fn optional(key: &'static str) -> Wanted {
        Wanted { key, needed: false, gaps: false }
    }

    /// The same with readings that may be none.
    pub const fn with_gaps(self) -> Wanted {
        Wanted { gaps: true, ..self }
    }
}

/// Which column of a file is meant: its name there, or its number, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ColumnName {
    Number(i64),
    Name(String),
}

/// How a file is to be read where guessing does not do. Everything may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Names or numbers of columns in the file, by the key they are wanted as: `{ time_s = "Zeit (s)" }`.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnName>,
    /// What stands between columns: `,`, `;`, `|`, `tab` or `space`.
    pub delimiter: Option<String>,
    /// `.` or `,`.
    pub decimal: Option<Decimal>,
    /// Lines at the beginning that are let be.
    pub skip: Option<usize>,
}

impl Reading {
    /// Whether nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Reading::default()
    }
}

/// Columns of a file, each with its number of the line.
#[derive(Debug)]
pub struct Columns {
    path: String,
    /// Key of each column, and how it was found.
    found: Vec<Found>,
    rows: Vec<(usize, Vec<f64>)>,
    separator: Separator,
    decimal: Decimal,
    header_line: Option<usize>,
    /// Names of columns that nobody asked for, or in which nothing was found that was asked for.
    unread: Vec<String>,
    left_out: Vec<(String, Vec<usize>)>,
}

/// Names of columns that are not read, as [`Columns::understood`] tells them.
const MOST_UNREAD_TOLD: usize = 6;

/// Longest line of a file of columns, bytes.
const MOST_LINE_BYTES: usize = 1 << 20;

/// What begins a line that holds no numbers.
const COMMENTS: [&str; 4] = ["#", "%", "!", "//"];

/// What a comment says; none for a line that is no comment. `#N/A` at its start is a reading that is none.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if line.starts_with('#') && starts_without_number(line) {
        return None;
    }
    COMMENTS.iter().find_map(|mark| line.strip_prefix(mark))
}

impl Columns {
    /// Reads a file with these columns.
    ///
    /// # Errors
    /// [`CsvError::File`] and [`CsvError::Line`].
    pub fn read(path: &Path, wanted: &[Wanted], how: &Reading) -> Result<Columns, CsvError> {
        Columns::parse(&Columns::text_of(path)?, &path.display().to_string(), wanted, how)
    }

    /// The text of a file, for whoever reads more than once from it.
    ///
    /// # Errors
    /// [`CsvError::File`].
    pub fn text_of(path: &Path) -> Result<String, CsvError> {
        text(path, MOST_BYTES)
    }

    /// As [`Columns::read`], of a text; `path` names it in errors.
    ///
    /// # Errors
    /// [`CsvError::File`] and [`CsvError::Line`].
    pub fn parse(text: &str, path: &str, wanted: &[Wanted], how: &Reading) -> Result<Columns, CsvError> {
        // Old instruments end a file with the character that ended files of their day.
        let lines = lines(text.trim_end_matches('\u{1a}'));
        let whole = |message: String| CsvError::File { path: path.to_owned(), message };
        if let Some(index) = lines.iter().position(|line| line.len() > MOST_LINE_BYTES) {
            let message = format!("is {} bytes long; a line may have {MOST_LINE_BYTES}", lines[index].len());
            return Err(CsvError::Line { path: path.to_owned(), line: index + 1, message });
        }
        check_columns(wanted, how).map_err(whole)?;
        let (first, separators) = separators(&lines, how).map_err(whole)?;
        let layout = Layout::find(&lines, first, &separators, wanted, how).map_err(|wrong| wrong.at(path))?;
        layout.read(&lines, path, how)
    }

    /// Which of the columns a file has, by its names alone.
    ///
    /// # Errors
    /// As [`Columns::read`], but of the numbers.
    pub fn keys_of(path: &Path, wanted: &[Wanted], how: &Reading) -> Result<Vec<&'static str>, CsvError> {
        Columns::keys_in(&Columns::text_of(path)?, &path.display().to_string(), wanted, how)
    }

    /// As [`Columns::keys_of`], of a text; `path` names it in errors.
    ///
    /// # Errors
    /// As [`Columns::keys_of`].
    pub fn keys_in(text: &str, path: &str, wanted: &[Wanted], how: &Reading) -> Result<Vec<&'static str>, CsvError> {
        let lines = lines(text.trim_end_matches('\u{1a}'));
        let whole = |message: String| CsvError::File { path: path.to_owned(), message };
        let asked = Reading {
            columns: how
                .columns
                .iter()
                .filter(|(key, _)| wanted.iter().any(|w| w.key == key.as_str()))
                .map(|(k, n)| (k.clone(), n.clone()))
                .collect(),
            ..how.clone()
        };
        let (first, separators) = separators(&lines, &asked).map_err(whole)?;
        let layout = Layout::find(&lines, first, &separators, wanted, &asked).map_err(|wrong| wrong.at(path))?;
        Ok(layout.found.iter().map(|found| found.key).collect())
    }

    /// The numbers of a column, where there is one; NaN where a reading is none.
    pub fn column(&self, key: &str) -> Option<Vec<f64>> {
        let at = self.found.iter().position(|found| found.key == key)?;
        Some(self.rows.iter().map(|(_, row)| row[at]).collect())
    }

    /// The numbers of a column that was asked for as needed.
    pub fn needed(&self, key: &str) -> Vec<f64> {
        self.column(key).unwrap_or_default()
    }

    /// Refuses a number that does not hold, by its line. Readings that are none are not asked.
    ///
    /// # Errors
    /// [`CsvError::Line`].
    pub fn each(&self, key: &str, limit: &str, holds: impl Fn(usize, f64) -> bool) -> Result<(), CsvError> {
        let gaps = self.found.iter().any(|found| found.key == key && found.gaps);
        for (row, value) in self.needed(key).into_iter().enumerate() {
            if !(gaps && value.is_nan() || holds(row, value)) {
                let message = format!("{key} is {value:?}; it must be {limit}");
                return Err(CsvError::Line { path: self.path.clone(), line: self.rows[row].0, message });
            }
        }
        Ok(())
    }

    /// Refuses the number of a column in a row, where there is something to say about it.
    ///
    /// # Errors
    /// [`CsvError::Line`].
    pub fn row(&self, key: &str, wrong: Option<(usize, String)>) -> Result<(), CsvError> {
        match wrong.and_then(|(row, message)| Some((self.rows.get(row)?.0, message))) {
            None => Ok(()),
            Some((line, message)) => {
                Err(CsvError::Line { path: self.path.clone(), line, message: format!("{key} {message}") })
            }
        }
    }

    /// Refuses too few or too many of something.
    ///
    /// # Errors
    /// [`CsvError::File`].
    pub fn between(&self, found: usize, limits: RangeInclusive<usize>, what: &str) -> Result<(), CsvError> {
        if limits.contains(&found) {
            return Ok(());
        }
        let (least, most) = limits.into_inner();
        let limit = if found < least { format!("at least {least}") } else { format!("at most {most}") };
        let message = format!("holds {found} {what}; it must hold {limit}");
        Err(CsvError::File { path: self.path.clone(), message })
    }

    /// Number of lines with numbers.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The file's number of the line that a row is from.
    pub fn line(&self, row: usize) -> usize {
        self.rows.get(row).map_or(0, |(line, _)| *line)
    }

    /// Notes that rows are not used, and why, for [`Columns::understood`].
    pub fn leave_out(&mut self, why: impl Into<String>, rows: &[usize]) {
        if !rows.is_empty() {
            let lines = rows.iter().map(|row| self.line(*row)).collect();
            self.left_out.push((why.into(), lines));
        }
    }

    /// The lines alone in which a column has this number.
    #[must_use]
    pub fn only(&self, key: &str, number: f64) -> Columns {
        let at = self.found.iter().position(|found| found.key == key);
        let is_kept = |row: &[f64]| at.is_none_or(|at| row[at] == number);
        let rows: Vec<_> = self.rows.iter().filter(|(_, row)| is_kept(row)).cloned().collect();
        let kept: BTreeSet<usize> = rows.iter().map(|(line, _)| *line).collect();
        let kept_of = |lines: &[usize]| lines.iter().copied().filter(|line| kept.contains(line)).collect::<Vec<_>>();
        let left_out = self.left_out.iter().map(|(why, lines)| (why.clone(), kept_of(lines)));
        Columns {
            path: self.path.clone(),
            found: self.found.clone(),
            left_out: left_out.filter(|(_, lines)| !lines.is_empty()).collect(),
            rows,
            unread: self.unread.clone(),
            ..*self
        }
    }

    /// Does not tell the names of the other columns: somebody else reads them.
    pub fn leave_names(&mut self) {
        self.unread.clear();
    }

    /// What was understood of the file, in one line.
    pub fn understood(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: columns apart by {}, decimal ", self.path, self.separator.word())?;
        f.write_str(if self.decimal == Decimal::Comma { "comma" } else { "point" })?;
        if let Some(line) = self.header_line {
            write!(f, ", names in line {line}")?;
        }
        for (i, found) in self.found.iter().enumerate() {
            let mark = if i == 0 { ";" } else { "," };
            match &found.text {
                Some(text) if text == found.key => write!(f, "{mark} {}", found.key)?,
                Some(text) => write!(f, "{mark} {} from {text:?}", found.key)?,
                None => write!(f, "{mark} {} from column {}", found.key, found.at + 1)?,
            }
            let si = Quantity::of(found.key).map_or("", |quantity| quantity.unit);
            match &found.unit {
                Some(unit) if found.scale != 1.0 => write!(f, " in {unit}")?,
                None if found.key == "device" => {}
                None if found.text.as_deref() != Some(found.key) && si != "1" => write!(f, " taken as {si}")?,
                None if found.text.as_deref() != Some(found.key) => f.write_str(" taken as a share")?,
                _ => {}
            }
        }
        write!(f, "; {}", counted(self.rows.len(), "row"))?;
        for (i, (why, lines)) in self.left_out.iter().enumerate() {
            let mark = if i == 0 { ", of which" } else { "," };
            let (first, last) = (lines.iter().min().unwrap_or(&0), lines.iter().max().unwrap_or(&0));
            let place = match lines.len() {
                1 => format!("line {first}"),
                2 => format!("lines {first} and {last}"),
                n if last - first + 1 == n => format!("lines {first} to {last}"),
                _ => format!("lines {first} to {last} among others"),
            };
            write!(f, "{mark} {} {why} ({place})", lines.len())?;
        }
        for (i, name) in self.unread.iter().take(MOST_UNREAD_TOLD).enumerate() {
            write!(f, "{} {name:?}", if i == 0 { "; not read:" } else { "," })?;
        }
        if self.unread.len() > MOST_UNREAD_TOLD {
            write!(f, " and {} more", self.unread.len() - MOST_UNREAD_TOLD)?;
        }
        Ok(())
    }
}

/// The text of a file.
fn text(path: &Path, most: u64) -> Result<String, CsvError> {
    let shown = path.display().to_string();
    let mut bytes = Vec::new();
    let read = files::open(path).and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes));
    read.map_err(|e| unreadable(&shown, TextError::Unreadable(e)))?;
    if bytes.len() as u64 > most {
        return Err(CsvError::File { path: shown, message: format!("is longer than {} MiB, the limit", most >> 20) });
    }
    encoding::text_of(bytes).map_err(|what| unreadable(&shown, TextError::Content(what)))
}

fn unreadable(path: &str, error: TextError) -> CsvError {
    let message = match error {
        TextError::Unreadable(e) => format!("cannot be read: {e}; check the path"),
        TextError::Content(what) => format!("cannot be read: {what}"),
    };
    CsvError::File { path: path.to_owned(), message }
}

/// The lines of a text, whatever ends them.
fn lines(text: &str) -> Vec<&str> {
    match text.contains('\n') {
        true => text.split('\n').map(|line| line.trim_end_matches('\r')).collect(),
        false => text.split('\r').collect(),
    }
}

/// Refuses columns that nobody asks for, numbers that count from 0, and two columns in one.
fn check_columns(wanted: &[Wanted], how: &Reading) -> Result<(), String> {
    for (number, (key, name)) in how.columns.iter().enumerate() {
        if !wanted.iter().any(|w| w.key == key.as_str()) {
            let keys = wanted.iter().map(|w| w.key).collect::<Vec<_>>().join(", ");
            return Err(format!("columns names {key:?}; it may name {keys}"));
        }
        if let ColumnName::Number(n) = name
            && *n < 1
        {
            return Err(format!("columns: {key} is {n}; a column's number counts from 1"));
        }
        if let Some((other, _)) = how.columns.iter().take(number).find(|(_, other)| *other == name) {
            return Err(format!("columns: {other} and {key} are the same column; give each its own"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
