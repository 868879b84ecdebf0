//! A selector in series with each cell, as it is asked for.

use std::path::PathBuf;

use trapline_engine::circuit::{Curve, Table};
use trapline_model::csv_file;

/// A law with its numbers, or a file with a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Selector {
    Law(Curve),
    File(PathBuf),
}

/// `sinh:A,V`, `exp:A,V`, or a path.
///
/// # Errors
/// What is wrong, in a line.
pub fn parse(text: &str) -> Result<Selector, String> {
    let laws = [("sinh:", true), ("exp:", false)];
    let Some((numbers, is_sinh)) = laws.iter().find_map(|(name, sinh)| Some((text.strip_prefix(name)?, *sinh))) else {
        return Ok(Selector::File(PathBuf::from(text)));
    };
    let (scale_a, scale_v) =
        two_numbers(numbers).ok_or("it must have a current in A and a voltage in V: sinh:1e-12,0.05")?;
    let curve = if is_sinh { Curve::Sinh { scale_a, scale_v } } else { Curve::Exponential { scale_a, scale_v } };
    curve.check().map_err(|error| error.to_string())?;
    Ok(Selector::Law(curve))
}

impl Selector {
    /// The file that is read for it.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Selector::Law(_) => None,
            Selector::File(path) => Some(path.clone()),
        }
    }

    /// Its current by its voltage; a file is read.
    ///
    /// # Errors
    /// What is wrong, in a line.
    pub fn curve(&self) -> Result<Curve, String> {
        let path = match self {
            Selector::Law(curve) => return Ok(curve.clone()),
            Selector::File(path) => path,
        };
        let refuse = |what: String| format!("{}: {what}", path.display());
        let points = csv_file::matrix(path).map_err(|error| error.to_string())?;
        if points.ncols() != 2 {
            let found = points.ncols();
            return Err(refuse(format!("holds lines of {found} numbers; a selector has two, a voltage and a current")));
        }
        let column = |index| points.column(index).to_vec();
        let table = Table::new(column(0), column(1)).map_err(|error| refuse(error.to_string()))?;
        Ok(Curve::Table(table))
    }

    /// In words, for records.
    pub fn in_words(&self) -> String {
        match self {
            Selector::Law(Curve::Sinh { scale_a, scale_v }) => format!("sinh, {scale_a:e} A, {scale_v} V"),
            Selector::Law(Curve::Exponential { scale_a, scale_v }) => format!("exp, {scale_a:e} A, {scale_v} V"),
            Selector::Law(Curve::Table(_)) => "a table".to_owned(),
            Selector::File(path) => path.display().to_string(),
        }
    }
}

/// Two numbers with a comma between them.
pub fn two_numbers(text: &str) -> Option<(f64, f64)> {
    text.split_once(',').and_then(|(first, second)| Some((first.trim().parse().ok()?, second.trim().parse().ok()?)))
}
