//! Columns of numbers that a user gives as a file: comma-separated, with names that end in their unit.
//!
//! Lines that are blank or begin with `#` are skipped; the first other line names the columns, in any order; columns
//! nobody asks for are let be. A field may stand in double quotes (RFC 4180), but not go over the end of its line.
//! Times rise from line to line.

use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::path::Path;

use ndarray::Array2;

use crate::files::{self, TextError};

/// What is wrong with a file of columns, in one line.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    #[error("{path}: {message}")]
    File { path: String, message: String },
    #[error("{path}: line {line}: {message}")]
    Line { path: String, line: usize, message: String },
}

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
    /// [`CsvError::File`] and [`CsvError::Line`].
    pub fn read(path: &Path, needed: &[&str], optional: &[&str]) -> Result<Columns, CsvError> {
        let shown = path.display().to_string();
        let text = files::read_text(path).map_err(|error| unreadable(&shown, error))?;
        Columns::parse(&text, &shown, needed, optional)
    }

    /// As [`Columns::read`], of a text; `path` names it in errors.
    ///
    /// # Errors
    /// [`CsvError::Line`].
    pub fn parse(text: &str, path: &str, needed: &[&str], optional: &[&str]) -> Result<Columns, CsvError> {
        let at = |line: usize, message: String| CsvError::Line { path: path.to_owned(), line, message };
        let mut lines = Lines::of(text);
        let (header_line, header) = lines.next().unwrap_or((1, Ok(Vec::new())));
        let header = header.map_err(|message| at(header_line, message))?;
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
        for (line, fields) in lines {
            let fields = fields.map_err(|message| at(line, message))?;
            if fields.len() != header.len() {
                let (has, named) = (fields.len(), header.len());
                let message =
                    format!("the number of fields is {has}; it must be {named}, as in the line that names the columns");
                return Err(at(line, message));
            }
            let value = |&(column, name): &(usize, &str)| {
                let text = &fields[column];
                match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => Ok(value),
                    _ => Err(at(line, format!("{name} is {text:?}; it must be a finite number"))),
                }
            };
            rows.push((line, chosen.iter().map(value).collect::<Result<_, _>>()?));
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
    /// [`CsvError::Line`].
    pub fn each(&self, name: &str, limit: &str, holds: impl Fn(usize, f64) -> bool) -> Result<(), CsvError> {
        for (row, value) in self.needed(name).into_iter().enumerate() {
            if !holds(row, value) {
                let message = format!("{name} is {value:?}; it must be {limit}");
                return Err(CsvError::Line { path: self.path.clone(), line: self.rows[row].0, message });
            }
        }
        Ok(())
    }

    /// Refuses the number of a column in a row, where there is something to say about it.
    ///
    /// # Errors
    /// [`CsvError::Line`].
    pub fn row(&self, name: &str, wrong: Option<(usize, String)>) -> Result<(), CsvError> {
        match wrong.and_then(|(row, message)| Some((self.rows.get(row)?.0, message))) {
            None => Ok(()),
            Some((line, message)) => {
                Err(CsvError::Line { path: self.path.clone(), line, message: format!("{name} {message}") })
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
}

fn unreadable(path: &str, error: TextError) -> CsvError {
    let reason = match error {
        TextError::Unreadable(e) => e.to_string(),
        TextError::Content(what) => what,
    };
    CsvError::File { path: path.to_owned(), message: format!("cannot be read: {reason}; check the path") }
}

/// Longest file of a matrix, bytes: sixteen for each number of 8192 x 8192.
const MOST_MATRIX_BYTES: u64 = 1 << 30;

/// Lines of a matrix, and numbers of its first one, as [`matrix`] will find them in a sound file: by one look through it
/// that holds nothing, for whoever wants to refuse what memory cannot hold.
///
/// # Errors
/// [`CsvError`].
pub fn matrix_shape(path: &Path) -> Result<(usize, usize), CsvError> {
    let shown = path.display().to_string();
    let unread = |e| unreadable(&shown, TextError::Unreadable(e));
    let mut file = BufReader::with_capacity(1 << 16, files::open(path).map_err(unread)?);
    let (mut lines, mut commas, mut holds) = (0, 0, None);
    loop {
        let block = file.fill_buf().map_err(unread)?;
        if block.is_empty() {
            break;
        }
        for &byte in block {
            match byte {
                b'\n' => lines += usize::from(holds.take() == Some(true)),
                b',' if lines == 0 && holds != Some(false) => (commas, holds) = (commas + 1, Some(true)),
                byte if holds.is_none() && !byte.is_ascii_whitespace() => holds = Some(byte != b'#'),
                _ => {}
            }
        }
        let used = block.len();
        file.consume(used);
    }
    lines += usize::from(holds == Some(true));
    Ok((lines, if lines == 0 { 0 } else { commas + 1 }))
}

/// Reads a matrix without names: a row of it a line, as many numbers in each. Shape: (lines, numbers).
///
/// # Errors
/// [`CsvError`].
pub fn matrix(path: &Path) -> Result<Array2<f64>, CsvError> {
    let shown = path.display().to_string();
    let text = files::read_text_up_to(path, MOST_MATRIX_BYTES).map_err(|error| unreadable(&shown, error))?;
    let at = |line: usize, message: String| CsvError::Line { path: shown.clone(), line, message };
    let (mut numbers, mut rows, mut columns) = (Vec::new(), 0, 0);
    for (line, fields) in Lines::of(&text) {
        let fields = fields.map_err(|message| at(line, message))?;
        if rows > 0 && fields.len() != columns {
            let message =
                format!("the number of fields is {}; it must be {columns}, as in the first line", fields.len());
            return Err(at(line, message));
        }
        (rows, columns) = (rows + 1, fields.len());
        for (column, field) in fields.iter().enumerate() {
            match field.parse::<f64>() {
                Ok(number) if number.is_finite() => numbers.push(number),
                _ => return Err(at(line, format!("number {} is {field:?}; it must be finite", column + 1))),
            }
        }
    }
    if numbers.is_empty() {
        return Err(CsvError::File { path: shown, message: "holds no numbers; it must hold at least one".to_owned() });
    }
    Array2::from_shape_vec((rows, columns), numbers).map_err(|error| at(rows, error.to_string()))
}

/// The lines with something on them, each with its number and its fields, or what is wrong with it.
struct Lines<'t> {
    text: &'t str,
    reader: csv::Reader<&'t [u8]>,
    record: csv::StringRecord,
    /// Bytes whose line breaks are counted, and how many they are.
    counted: (usize, usize),
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Lines<'t> {
        let mut builder = csv::ReaderBuilder::new();
        // Lines are counted by their line feeds, so nothing else ends one; a return before it is white space and
        // trimmed.
        builder.has_headers(false).flexible(true).comment(Some(b'#')).terminator(csv::Terminator::Any(b'\n'));
        Lines { text, reader: builder.from_reader(text.as_bytes()), record: csv::StringRecord::new(), counted: (0, 0) }
    }

    /// The number of the line that the reader has just read. What it says itself is where it began to look: at a
    /// comment, perhaps.
    fn number(&mut self) -> usize {
        let (from, lines) = self.counted;
        let end = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX).min(self.text.len());
        let read = &self.text.as_bytes()[from..end];
        let number = lines + read.trim_ascii_end().iter().filter(|&&byte| byte == b'\n').count() + 1;
        self.counted = (end, lines + read.iter().filter(|&&byte| byte == b'\n').count());
        number
    }
}

impl Iterator for Lines<'_> {
    type Item = (usize, Result<Vec<String>, String>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let more = self.reader.read_record(&mut self.record);
            let number = self.number();
            match more {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some((number, Err(format!("cannot be read: {error}")))),
            }
            if self.record.iter().any(|field| field.contains('\n')) {
                let begins = number - self.record.as_slice().trim_end().matches('\n').count();
                let message = "a field in quotes goes over the end of the line; is a quote missing?";
                return Some((begins, Err(message.to_owned())));
            }
            let first = self.record.get(0).unwrap_or_default().trim();
            if !first.starts_with('#') && (self.record.len() > 1 || !first.is_empty()) {
                return Some((number, Ok(self.record.iter().map(|field| field.trim().to_owned()).collect())));
            }
        }
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
    fn fields_may_stand_in_quotes() {
        let text = "\"time_s\",note,\"kept\"\r\n0,\"a, \"\"b\"\"\",\"1\"\r\n# \"\n\"1\",,0.5\r\n";
        let found = Columns::parse(text, "r.csv", &["time_s", "kept"], &[]).expect("sound");
        assert_eq!((found.needed("time_s"), found.needed("kept")), (vec![0.0, 1.0], vec![1.0, 0.5]));
        let error = found.each("kept", "1", |_, v| v == 1.0).expect_err("lost").to_string();
        assert_eq!(error, "r.csv: line 4: kept is 0.5; it must be 1");
    }

    #[test]
    fn a_look_through_a_matrix_finds_its_shape() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("g.csv");
        for text in ["1,2\n3,4\n5,6\n", "# a,b,c\n\n 1, 2,3\r\n\n#4\n4,5,6", "7", "1\n2\n3\n"] {
            std::fs::write(&path, text).expect("written");
            let found = matrix_shape(&path).expect("readable");
            assert_eq!(found, matrix(&path).expect("sound").dim(), "{text:?}");
        }
        std::fs::write(&path, "# nothing\n").expect("written");
        assert_eq!(matrix_shape(&path).expect("readable"), (0, 0));
        let error = matrix_shape(&folder.path().join("none.csv")).expect_err("absent").to_string();
        assert!(error.contains("none.csv") && error.contains("check the path"), "{error}");
    }

    #[test]
    fn bad_csv_is_told_its_line() {
        for (text, needed) in [
            ("time_s\n0\n", "line 1: there is no column kept; the first line must name time_s and kept"),
            ("", "line 1: there is no column time_s"),
            ("time_s,kept\n1,NaN\n", "line 2: kept is \"NaN\"; it must be a finite number"),
            ("time_s,kept\n1,\n", "line 2: kept is \"\""),
            ("# 1\n\ntime_s,kept\n \n # 2\n1\n", "line 6: the number of fields is 1; it must be 2"),
            ("time_s,kept\r\n0,1\r\n\r\n1,1,1\r\n", "line 4: the number of fields is 3; it must be 2"),
            ("time_s,kept\n0,1\n\n1,x", "line 4: kept is \"x\""),
            // A quote that nobody closes takes the rest of the file with it.
            ("time_s,kept\n\"0,1\n1,1\n", "line 2: a field in quotes goes over the end of the line"),
            ("time_s,kept\n # a,\"b\n1,1\n2,2\n", "line 2: a field in quotes goes over the end of the line"),
        ] {
            let error = Columns::parse(text, "r.csv", &["time_s", "kept"], &[]).expect_err(text).to_string();
            assert!(error.contains(needed) && error.starts_with("r.csv: ") && !error.contains('\n'), "{error}");
        }
        let one = Columns::parse("time_s\n2\n", "r.csv", &["time_s"], &[]).expect("columns");
        assert!(one.between(one.count(), 1..=2, "points").is_ok());
        let error = one.between(one.count(), 2..=9, "points").expect_err("too few").to_string();
        assert_eq!(error, "r.csv: holds 1 points; it must hold at least 2");
        let error = one.between(one.count(), 0..=0, "points").expect_err("too many").to_string();
        assert_eq!(error, "r.csv: holds 1 points; it must hold at most 0");
    }
}
