//! The numbers of a file whose layout is found.

use std::collections::BTreeMap;

use super::{Found, Layout, Trouble};
use crate::csv_file::fields::{Decimal, NoReading, Separator, Value, decimal_of, value};
use crate::csv_file::{Columns, CsvError, Reading, comment};

impl Layout {
    /// The numbers.
    pub(in crate::csv_file) fn read(self, lines: &[&str], path: &str, how: &Reading) -> Result<Columns, CsvError> {
        let at = |index: usize, message: String| Trouble::line(index, message).at(path);
        let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
        let mut width = self.width;
        for (index, line) in lines.iter().enumerate().skip(self.body) {
            if comment(line).is_some() || line.trim().is_empty() {
                continue;
            }
            let mut fields = self.separator.split_in_place(line).map_err(|message| at(index, message))?;
            if fields.iter().all(|field| field.is_empty()) && self.separator != Separator::Spaces && fields.len() > 1 {
                continue;
            }
            let named = *width.get_or_insert(fields.len());
            while fields.len() > named && fields.last().is_some_and(|field| field.is_empty()) {
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
            rows.push((index, self.found.iter().map(|found| fields[found.at].clone().into_owned()).collect()));
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
            unread: self.unread,
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
