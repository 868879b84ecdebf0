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
mod matrix;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;

use crate::files::{self, TextError};
use crate::text::counted;
pub use fields::Decimal;
use fields::{NoReading, SEPARATORS, Separator, Value, decimal_of, is_number, starts_without_number, value};
use heading::{Heading, Quantity, Sureness, is_unit};
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
    /// Name with unit: one of `time_s`, `bias_v`, `current_a`, `conductance_s` and `kept`.
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
    left_out: Vec<(String, Vec<usize>)>,
}

/// A column in the file.
#[derive(Debug, Clone)]
struct Found {
    key: &'static str,
    at: usize,
    gaps: bool,
    /// Its name in the file; none where it was given by number.
    text: Option<String>,
    /// The unit that the file says.
    unit: Option<String>,
    scale: f64,
}

/// How many lines there may be before the one with the names.
const MOST_LINES_BEFORE: usize = 1000;
/// Longest line of a file of columns, bytes.
const MOST_LINE_BYTES: usize = 1 << 20;
/// Lines after the names among which the first with numbers must be.
const MOST_LINES_BETWEEN: usize = 1000;
/// Lines of words alone that may stand between the names and the numbers.
const MOST_WORDS_BETWEEN: usize = 3;
/// Lines by which a separator is told from others where no names tell it.
const LINES_COMPARED: usize = 50;
/// Names of columns that an error repeats.
const MOST_NAMES_TOLD: usize = 8;

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
        Columns::parse(&text(path, MOST_BYTES)?, &path.display().to_string(), wanted, how)
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
        let (text, shown) = (text(path, MOST_BYTES)?, path.display().to_string());
        let lines = lines(text.trim_end_matches('\u{1a}'));
        let whole = |message: String| CsvError::File { path: shown.clone(), message };
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
        let layout = Layout::find(&lines, first, &separators, wanted, &asked).map_err(|wrong| wrong.at(&shown))?;
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

/// The number of the first line to look at, and the separators that may be meant.
fn separators(lines: &[&str], how: &Reading) -> Result<(usize, Vec<Separator>), String> {
    let first = how.skip.unwrap_or(0);
    if first >= lines.len() {
        return Err(format!("skip is {first}, but it has {} lines; skip fewer", lines.len()));
    }
    if let Some(name) = &how.delimiter {
        let separator = Separator::named(name)
            .ok_or_else(|| format!("delimiter is {name:?}; it must be \",\", \";\", \"|\", \"tab\" or \"space\""))?;
        return Ok((first, vec![separator]));
    }
    // What Excel takes for a file's first word.
    let said = lines[first].trim().strip_prefix("sep=").filter(|_| how.skip.is_none());
    match said.map(|mark| (mark, Separator::named(mark))) {
        Some((_, Some(separator))) => Ok((first + 1, vec![separator])),
        Some((mark, None)) => Err(format!("line 1: sep={mark} is no separator; it must be , ; | or a tab")),
        None => Ok((first, SEPARATORS.to_vec())),
    }
}

/// What is wrong, before the path is known.
struct Trouble {
    /// From 1; none where it is the file as a whole.
    line: Option<usize>,
    message: String,
}

impl Trouble {
    fn line(index: usize, message: impl Into<String>) -> Trouble {
        Trouble { line: Some(index + 1), message: message.into() }
    }

    fn at(self, path: &str) -> CsvError {
        let (path, message) = (path.to_owned(), self.message);
        match self.line {
            Some(line) => CsvError::Line { path, line, message },
            None => CsvError::File { path, message },
        }
    }
}

/// Where the names and the numbers of a file are.
struct Layout {
    separator: Separator,
    /// Index of the line with the names; none where all columns are given by number.
    header: Option<usize>,
    /// Index of the first line that may hold numbers.
    body: usize,
    /// Fields of a line; none where no line says so, and the first with numbers does.
    width: Option<usize>,
    found: Vec<Found>,
}

impl Layout {
    fn find(
        lines: &[&str],
        first: usize,
        separators: &[Separator],
        wanted: &[Wanted],
        how: &Reading,
    ) -> Result<Layout, Trouble> {
        if let Some(by_number) = Layout::by_number(lines, first, separators, wanted, how)? {
            return Ok(by_number);
        }
        // The best of all separators: names that numbers follow, and then the surest ones.
        let mut best: Option<(Sureness, Layout)> = None;
        let (mut ambiguous, mut unfollowed) = (None, None);
        for in_comments in [false, true] {
            for &separator in separators {
                for index in first..lines.len().min(first + MOST_LINES_BEFORE) {
                    let line = match (comment(lines[index]), in_comments) {
                        (None, false) => lines[index],
                        (Some(inside), true) => inside,
                        _ => continue,
                    };
                    let Ok(names) = separator.split_names(line) else { continue };
                    match Layout::named(&names, separator, index, wanted, how) {
                        Ok(Some((sureness, layout))) => {
                            let layout = match layout.with_units(lines) {
                                Ok(layout) => layout,
                                Err(trouble) => {
                                    ambiguous = ambiguous.or(Some(trouble));
                                    continue;
                                }
                            };
                            if layout.numbers_follow(lines) {
                                if best.as_ref().is_none_or(|(other, _)| sureness < *other) {
                                    best = Some((sureness, layout));
                                }
                                break;
                            }
                            unfollowed = unfollowed.or(Some(layout));
                        }
                        Ok(None) => {}
                        Err(trouble) => ambiguous = ambiguous.or(Some(trouble)),
                    }
                }
            }
            if let Some((_, layout)) = best.take() {
                return Ok(layout);
            }
        }
        match (ambiguous, unfollowed) {
            (Some(trouble), _) => Err(trouble),
            // What is wrong with its first numbers is told when they are read.
            (None, Some(layout)) => Ok(layout),
            (None, None) => Err(nameless(lines, first, separators, wanted, how)),
        }
    }

    /// All columns given by their numbers: no line has to name them. Where one does, its units count.
    fn by_number(
        lines: &[&str],
        first: usize,
        separators: &[Separator],
        wanted: &[Wanted],
        how: &Reading,
    ) -> Result<Option<Layout>, Trouble> {
        let number = |wanted: &Wanted| match how.columns.get(wanted.key) {
            Some(ColumnName::Number(n)) => Some(Found {
                key: wanted.key,
                at: usize::try_from(*n - 1).ok()?,
                gaps: wanted.gaps,
                text: None,
                unit: None,
                scale: 1.0,
            }),
            _ => None,
        };
        let all_numbers = how.columns.values().all(|name| matches!(name, ColumnName::Number(_)));
        if how.columns.is_empty() || !all_numbers || wanted.iter().any(|w| w.needed && number(w).is_none()) {
            return Ok(None);
        }
        let found: Vec<_> = wanted.iter().filter_map(number).collect();
        let filled = |index: &usize| comment(lines[*index]).is_none() && !lines[*index].trim().is_empty();
        let has_numbers =
            |fields: &[String]| found.iter().all(|f| fields.get(f.at).is_some_and(|field| is_number(field)));
        // A comma may be a decimal one: the others first, and only what all lines have in the same way.
        let mut order = separators.to_vec();
        order.sort_by_key(|separator| match separator {
            Separator::Byte(b',') => 1,
            Separator::Spaces => 2,
            Separator::Byte(_) => 0,
        });
        for separator in order {
            let fields = |index: usize| separator.split(lines[index]).map(trimmed_end);
            let body = (first..lines.len()).filter(filled).find(|&index| fields(index).is_ok_and(|f| has_numbers(&f)));
            let Some(mut body) = body else { continue };
            let width = fields(body).map_or(0, |fields| fields.len());
            let rows = (body..lines.len()).filter(filled).take(LINES_COMPARED);
            let alike = rows.clone().all(|index| fields(index).is_ok_and(|fields| fields.len() == width));
            let other = |field: &String| separator == Separator::Byte(b',') && field.contains([';', '\t', '|']);
            if !alike || rows.clone().any(|index| fields(index).is_ok_and(|fields| fields.iter().any(other))) {
                continue;
            }
            let mut layout = Layout { separator, header: None, body, width: None, found: found.clone() };
            // What stands above the numbers in as many fields names them, or is a line of them that is wrong.
            if let Some(above) = (first..body).rev().find(filled)
                && let Ok(names) = separator.split_names(lines[above]).map(trimmed_end)
                && names.len() == width
            {
                if found.iter().any(|f| is_number(&names[f.at])) {
                    body = above;
                    layout.body = body;
                } else {
                    layout.header = Some(above);
                    for f in &mut layout.found {
                        let heading = Heading::of(&names[f.at]);
                        let quantity = Quantity::of(f.key);
                        let bare = heading.unit.is_none()
                            && quantity.is_some_and(|quantity| quantity.scale(&heading.text).is_some());
                        let unit = if bare { Some(heading.text.clone()) } else { heading.unit.clone() };
                        if let (Some(unit), Some(quantity)) = (unit, quantity) {
                            f.scale = scale_of(quantity, &unit, &heading.text).map_err(|m| Trouble::line(above, m))?;
                            f.unit = Some(unit);
                        }
                    }
                }
            }
            return Ok(Some(layout));
        }
        Ok(None)
    }

    /// The columns that a line of names has; none where one that is needed is not among them.
    fn named(
        names: &[String],
        separator: Separator,
        index: usize,
        wanted: &[Wanted],
        how: &Reading,
    ) -> Result<Option<(Sureness, Layout)>, Trouble> {
        let width = names.len() - names.iter().rev().take_while(|name| name.is_empty()).count();
        let headings: Vec<Heading> = names[..width].iter().map(|name| Heading::of(name)).collect();
        let (mut found, mut least): (Vec<Found>, _) = (Vec::new(), Sureness::Key);
        for wanted in wanted {
            let Some(quantity) = Quantity::of(wanted.key) else {
                let message = format!("{} is no quantity that a column may hold", wanted.key);
                return Err(Trouble { line: None, message });
            };
            let places: Vec<(usize, Sureness)> = match how.columns.get(wanted.key) {
                Some(ColumnName::Number(n)) => {
                    let at = usize::try_from(*n - 1).ok().filter(|at| *at < width);
                    at.map(|at| (at, Sureness::Key)).into_iter().collect()
                }
                Some(ColumnName::Name(name)) => {
                    let same = |(_, heading): &(usize, &Heading)| heading.text == name.trim();
                    headings.iter().enumerate().filter(same).map(|(at, _)| (at, Sureness::Key)).collect()
                }
                None => {
                    let meant = |(at, heading): (usize, &Heading)| quantity.meant(heading).map(|sure| (at, sure));
                    let sure = |(_, sure): &(usize, Sureness)| wanted.needed || *sure < Sureness::Unit;
                    headings.iter().enumerate().filter_map(meant).filter(sure).collect()
                }
            };
            let Some(surest) = places.iter().map(|(_, sure)| *sure).min() else {
                if wanted.needed || how.columns.contains_key(wanted.key) {
                    return Ok(None);
                }
                continue;
            };
            // Our own name says it; of other names two are one too many, whatever units they have.
            let as_sure = |sure: Sureness| match surest {
                Sureness::Key | Sureness::Unit => sure == surest,
                Sureness::NameAndUnit | Sureness::Name => sure < Sureness::Unit,
            };
            let best: Vec<usize> = places.iter().filter(|(_, sure)| as_sure(*sure)).map(|(at, _)| *at).collect();
            if let [first, second, ..] = best[..] {
                let (a, b) = (&headings[first].text, &headings[second].text);
                let what = if a == b {
                    format!("the name {a:?} stands twice, in columns {} and {}", first + 1, second + 1)
                } else {
                    format!("{} may be {a:?} or {b:?}", wanted.key)
                };
                let fix = format!("say columns = {{ {} = {} }}", wanted.key, first + 1);
                return Err(Trouble::line(index, format!("{what}; {fix}, its number or its name")));
            }
            let (at, heading) = (best[0], &headings[best[0]]);
            if heading.is_logarithm() {
                let message =
                    format!("column {:?} holds logarithms; {} needs the numbers themselves", heading.text, wanted.key);
                return Err(Trouble::line(index, message));
            }
            let scale = match &heading.unit {
                Some(unit) if heading.text != wanted.key => {
                    scale_of(quantity, unit, &heading.text).map_err(|message| Trouble::line(index, message))?
                }
                _ => 1.0,
            };
            // A unit in a field of its own makes the names as many as the halves of decimal commas.
            if let Some(next) =
                headings.get(at + 1).filter(|next| heading.unit.is_none() && quantity.scale(&next.text).is_some())
            {
                let message = format!(
                    "the unit of {:?} stands in a field of its own, {:?}; write it as \"{} ({})\"",
                    heading.text, next.text, heading.text, next.text
                );
                return Err(Trouble::line(index, message));
            }
            if let Some(other) = found.iter().find(|other| other.at == at) {
                let message = format!("column {:?} is taken for both {} and {}", heading.text, other.key, wanted.key);
                return Err(Trouble::line(index, message));
            }
            found.push(Found {
                key: wanted.key,
                at,
                gaps: wanted.gaps,
                text: Some(heading.text.clone()),
                unit: heading.unit.clone().filter(|_| heading.text != wanted.key),
                scale,
            });
            least = least.max(surest);
        }
        Ok(Some((least, Layout { separator, header: Some(index), body: index + 1, width: Some(width), found })))
    }

    /// With the units of the line after the names, where there is such a line; other lines of words before the numbers are
    /// let be.
    fn with_units(mut self, lines: &[&str]) -> Result<Layout, Trouble> {
        for _ in 0..MOST_WORDS_BETWEEN {
            let next = (self.body..lines.len()).find(|&index| !lines[index].trim().is_empty());
            let Some(index) = next else { break };
            let line = comment(lines[index]).unwrap_or(lines[index]);
            let Ok(words) = self.separator.split(line) else { break };
            let bare = |unit: &String| unit.trim_matches(['(', ')', '[', ']']).trim().to_owned();
            let words: Vec<String> = words.iter().map(bare).collect();
            // A digit too: "nA" is a unit, and in small letters no reading.
            // So is a figure with its unit beside it, which is no line of words either.
            let is_figure = |word: &String| {
                is_number(word) && word.contains(|c: char| c.is_ascii_digit())
                    || word.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit())
            };
            if words.iter().any(is_figure) || words.len() > self.width.unwrap_or(words.len()) {
                break;
            }
            let chosen = |word: &&String| is_unit(word);
            if self.found.iter().filter_map(|found| words.get(found.at)).any(|word| chosen(&word)) {
                self.take_units(index, &words)?;
            } else if comment(lines[index]).is_some()
                || self.found.iter().any(|found| words.get(found.at).is_none_or(String::is_empty))
            {
                break;
            }
            self.body = index + 1;
        }
        Ok(self)
    }

    /// The units of a line, by their columns.
    fn take_units(&mut self, index: usize, units: &[String]) -> Result<(), Trouble> {
        for found in &mut self.found {
            let unit = units.get(found.at).filter(|unit| !unit.is_empty() && *unit != "-");
            let (Some(unit), Some(quantity)) = (unit, Quantity::of(found.key)) else { continue };
            let name = found.text.clone().unwrap_or_default();
            let scale = scale_of(quantity, unit, &name).map_err(|message| Trouble::line(index, message))?;
            // A name of ours that carries a unit says it.
            let said = if name == found.key && quantity.unit != "1" {
                Some(1.0)
            } else {
                found.unit.as_ref().map(|_| found.scale)
            };
            if said.is_some_and(|said| said != scale) {
                let message = format!("the unit {unit:?} contradicts the name {name:?} above it; take one of them out");
                return Err(Trouble::line(index, message));
            }
            (found.unit, found.scale) = (Some(unit.clone()), scale);
        }
        Ok(())
    }

    /// Whether the next line with something on it holds numbers where the columns are.
    fn numbers_follow(&self, lines: &[&str]) -> bool {
        let rows = lines[self.body..].iter().take(MOST_LINES_BETWEEN).filter(|line| comment(line).is_none());
        let fields = rows.filter_map(|line| self.separator.split(line).ok());
        let first = fields.into_iter().find(|fields| fields.iter().any(|field| !field.is_empty()));
        first.is_some_and(|mut fields| {
            while self.width.is_some_and(|width| fields.len() > width) && fields.last().is_some_and(String::is_empty) {
                fields.pop();
            }
            if self.width.is_some_and(|width| fields.len() != width) {
                return false;
            }
            let number =
                |found: &Found| fields.get(found.at).is_some_and(|field| is_number(field.trim_end_matches('%')));
            self.found.iter().all(number)
        })
    }

    /// The numbers.
    fn read(self, lines: &[&str], path: &str, how: &Reading) -> Result<Columns, CsvError> {
        let at = |index: usize, message: String| Trouble::line(index, message).at(path);
        let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
        let mut width = self.width;
        for (index, line) in lines.iter().enumerate().skip(self.body) {
            if comment(line).is_some() || line.trim().is_empty() {
                continue;
            }
            let mut fields = self.separator.split(line).map_err(|message| at(index, message))?;
            if fields.iter().all(String::is_empty) && self.separator != Separator::Spaces && fields.len() > 1 {
                continue;
            }
            let named = *width.get_or_insert(fields.len());
            while fields.len() > named && fields.last().is_some_and(String::is_empty) {
                fields.pop();
            }
            if fields.len() != named {
                let hint = match self.separator {
                    Separator::Byte(b',') if fields.len() > named => {
                        "; a decimal comma makes two fields of a number: separate the columns by ; or a tab"
                    }
                    _ => "",
                };
                let line = self.header.map_or("the first line of numbers".to_owned(), |header| {
                    format!("the line that names the columns (line {})", header + 1)
                });
                let message =
                    format!("the number of fields is {}; it must be {named}, as in {line}{hint}", fields.len());
                return Err(at(index, message));
            }
            rows.push((index, self.found.iter().map(|found| fields[found.at].clone()).collect()));
        }
        let decimal = match how.decimal {
            Some(decimal) => decimal,
            None => {
                let fields =
                    rows.iter().flat_map(|(index, row)| row.iter().map(move |field| (index + 1, field.as_str())));
                decimal_of(self.separator, fields).map_err(|(line, message)| at(line - 1, message))?
            }
        };
        let mut numbers = Vec::with_capacity(rows.len());
        let mut gaps: BTreeMap<NoReading, Vec<usize>> = BTreeMap::new();
        for (index, fields) in rows {
            let mut row = Vec::with_capacity(fields.len());
            for (found, field) in self.found.iter().zip(&fields) {
                row.push(match found.number(field, decimal).map_err(|message| at(index, message))? {
                    Ok(number) => number,
                    Err(none) => {
                        gaps.entry(none).or_default().push(index + 1);
                        f64::NAN
                    }
                });
            }
            numbers.push((index + 1, row));
        }
        let why = |none: NoReading| match none {
            NoReading::Overflow => "left out as an instrument's overflow",
            NoReading::NotANumber => "left out as no number",
        };
        Ok(Columns {
            path: path.to_owned(),
            found: self.found,
            rows: numbers,
            separator: self.separator,
            decimal,
            header_line: self.header.map(|header| header + 1),
            left_out: gaps.into_iter().map(|(none, lines)| (why(none).to_owned(), lines)).collect(),
        })
    }
}

impl Found {
    /// The number of a field in our unit, or why it is none though a reading may be.
    fn number(&self, field: &str, decimal: Decimal) -> Result<Result<f64, NoReading>, String> {
        // A sign of per cent, whether or not the heading has one too.
        let share = Some(field).filter(|_| self.key == "kept").and_then(|f| f.strip_suffix('%'));
        let (text, scale) = share.map_or((field, self.scale), |share| (share.trim(), 0.01));
        if text.is_empty() && self.gaps {
            return Ok(Err(NoReading::NotANumber));
        }
        match value(text, decimal) {
            Value::Number(number) => Ok(Ok(number * scale)),
            Value::NoReading(none) if self.gaps => Ok(Err(none)),
            Value::NoReading(NoReading::Overflow) => {
                Err(format!("{} is {field:?}, which instruments write beyond their range; take the line out", self.key))
            }
            _ => {
                let sign = if decimal == Decimal::Comma { " with a decimal comma" } else { "" };
                Err(format!("{} is {field:?}; it must be a finite number{sign}", self.key))
            }
        }
    }
}

/// What is said where no line names the columns that are needed: of the line that comes nearest to it.
fn nameless(lines: &[&str], first: usize, separators: &[Separator], wanted: &[Wanted], how: &Reading) -> Trouble {
    let named = |wanted: &Wanted, headings: &[Heading]| match how.columns.get(wanted.key) {
        Some(ColumnName::Name(name)) => headings.iter().any(|heading| heading.text == name.trim()),
        Some(ColumnName::Number(n)) => usize::try_from(*n).is_ok_and(|n| (1..=headings.len()).contains(&n)),
        None => headings.iter().any(|heading| Quantity::of(wanted.key).is_some_and(|q| q.meant(heading).is_some())),
    };
    let mut nearest: Option<(usize, usize, Vec<Heading>)> = None;
    let filled = |index: &usize| comment(lines[*index]).is_none() && !lines[*index].trim().is_empty();
    for index in (first..lines.len().min(first + MOST_LINES_BEFORE)).filter(filled) {
        for separator in separators {
            let Ok(names) = separator.split_names(lines[index]) else { continue };
            let headings: Vec<Heading> = names.iter().map(|name| Heading::of(name)).collect();
            let known = wanted.iter().filter(|wanted| wanted.needed && named(wanted, &headings)).count();
            // Of separators that find as much in a line, the one that finds most names.
            let nearer = |(most, at, others): &(usize, usize, Vec<Heading>)| {
                known > *most || (known == *most && *at == index && headings.len() > others.len())
            };
            if nearest.as_ref().is_none_or(nearer) {
                nearest = Some((known, index, headings));
            }
        }
    }
    let all = wanted.iter().filter(|w| w.needed).map(|w| w.key).collect::<Vec<_>>();
    let Some((known, index, headings)) = nearest else {
        return Trouble { line: None, message: format!("is empty; its first line must name {}", all.join(" and ")) };
    };
    if known == 0
        && separators.iter().any(|s| s.split(lines[index]).is_ok_and(|fields| fields.iter().all(|f| is_number(f))))
    {
        let by_number =
            all.iter().enumerate().map(|(i, key)| format!("{key} = {}", i + 1)).collect::<Vec<_>>().join(", ");
        let names = all.join(",");
        let message = format!(
            "no line before the numbers names the columns; write {names} there, or say columns = {{ {by_number} }}"
        );
        return Trouble::line(index, message);
    }
    let missing = wanted.iter().find(|w| (w.needed || how.columns.contains_key(w.key)) && !named(w, &headings));
    let has = headings
        .iter()
        .take(MOST_NAMES_TOLD)
        .map(|heading| format!("{:?}", short(&heading.text)))
        .collect::<Vec<_>>()
        .join(", ");
    let more = if headings.len() > MOST_NAMES_TOLD { ", and more" } else { "" };
    let message = match missing {
        Some(Wanted { key, .. }) => match how.columns.get(*key) {
            Some(ColumnName::Name(name)) => {
                format!("there is no column {name:?}, as columns names {key}; the line has {has}{more}")
            }
            Some(ColumnName::Number(n)) => {
                format!("there is no column {n}, as columns numbers {key}; the line has {} columns", headings.len())
            }
            None => format!(
                "there is no column {key}; the line that names the columns must have {}, and has {has}{more}; rename one, or say \
                 columns = {{ {key} = \"its name\" }}",
                all.join(" and ")
            ),
        },
        None => "names the columns, but not each with a name of its own".to_owned(),
    };
    Trouble::line(index, message)
}

/// A name as an error repeats it.
fn short(name: &str) -> String {
    const MOST: usize = 60;
    if name.chars().count() <= MOST { name.to_owned() } else { name.chars().take(MOST).chain("...".chars()).collect() }
}

/// Fields without the empty ones at their end.
fn trimmed_end(mut fields: Vec<String>) -> Vec<String> {
    while fields.len() > 1 && fields.last().is_some_and(String::is_empty) {
        fields.pop();
    }
    fields
}

/// How many of our units one of a column's is.
fn scale_of(quantity: &Quantity, unit: &str, name: &str) -> Result<f64, String> {
    quantity.scale(unit).ok_or_else(|| {
        format!(
            "column {:?} has the unit {:?}; {} takes {}",
            short(name),
            short(unit),
            quantity.key,
            quantity.unit_words()
        )
    })
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
