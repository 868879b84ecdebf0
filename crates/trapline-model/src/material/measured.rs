//! An injected current that was measured: points of bias and current, and a smooth curve that rises through them.
//!
//! # Theory
//! Between the points the logarithm of the current is a cubic of the logarithm of the bias whose slopes at the points
//! are those of F. N. Fritsch and J. Butland, SIAM J. Sci. Stat. Comput. 5, 300 (1984), the weighted harmonic mean of
//! the secants on both sides: the curve goes through the points, its slope has no jump, and it rises wherever they do
//! (F. N. Fritsch and R. E. Carlson, SIAM J. Numer. Anal. 17, 238 (1980)). A power law between two points is met
//! exactly.
//!
//! Beyond the first and the last point the curve goes on as the power law of the two points at that end. A read at
//! 0.1 V, and the cells that wires leave a millivolt, need it below; above the last point the same is a guess, and
//! runs that go there say so ([`measured_bias`](crate::cell::validity::measured_bias)).
//!
//! The current is odd in the bias: what was measured under positive bias holds under negative bias too, as the
//! formula does.

use super::MaterialError;
use super::quantity::*;
use crate::csv_file::{ColumnName, Columns, CsvError, Decimal, Reading, Wanted};
use crate::files;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Value, value};

/// Points that a table may have.
pub const POINTS: std::ops::RangeInclusive<usize> = 4..=4096;

/// Where a table stands in a material's file.
const KEY: &str = "injection.table";

/// An injected current that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredCurrent {
    /// File that the points came from, as the material's file names it.
    pub file: Option<String>,
    /// Filling of the cell when it was measured, 0 to 1.
    pub filling: f64,
    pub temperature_k: f64,
    /// Points that were pooled because the current did not rise from one to the next.
    pub pooled: usize,
    /// Least and largest bias that was measured, V.
    pub range_v: (f64, f64),
    /// ln of the bias in V, ln of the current in A, and the slope there.
    knots: Vec<[f64; 3]>,
}

/// `[injection.table]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableFile {
    file: Option<String>,
    source: Option<String>,
    filling: Quantity,
    temperature: Quantity,
    #[serde(default)]
    smooth: bool,
    bias: Option<Quantities>,
    current: Option<Quantities>,
    // How the file is read; gone from the text once it is.
    columns: Option<BTreeMap<String, ColumnName>>,
    delimiter: Option<String>,
    decimal: Option<Decimal>,
    skip: Option<usize>,
}

/// How a table says that its file is read, where guessing does not do: the keys of [`Reading`].
const READING: [&str; 4] = ["columns", "delimiter", "decimal", "skip"];

impl TableFile {
    /// The checked table. The currents are those of `1/wider` of the cell's area.
    pub(super) fn check(&self, wider: f64) -> Result<MeasuredCurrent, MaterialError> {
        let of = |key: &str| format!("{KEY}.{key}");
        let filling = self.filling.si(&of("filling"), RATIO, Range::NOT_NEGATIVE.up_to(1.0))?;
        let temperature_k = self.temperature.si(&of("temperature"), TEMPERATURE, Range::POSITIVE)?;
        if self.source.as_ref().is_some_and(|source| source.trim().is_empty()) {
            return Err(MaterialError::value(&of("source"), "is empty: say where the table's currents come from"));
        }
        let (Some(bias), Some(current)) = (&self.bias, &self.current) else {
            let message = match &self.file {
                Some(file) if self.bias.is_none() && self.current.is_none() => {
                    format!(
                        "is {file:?}, and this text lies in no folder: give the columns, injection.table.bias and .current"
                    )
                }
                _ => "needs a file, or both bias and current".to_owned(),
            };
            return Err(MaterialError::value(&of("file"), message));
        };
        let given = [self.columns.is_some(), self.delimiter.is_some(), self.decimal.is_some(), self.skip.is_some()];
        if let Some((key, _)) = READING.into_iter().zip(given).find(|(_, given)| *given) {
            let message = "says how a file is read, but bias and current stand here, so that none is: leave it out";
            return Err(MaterialError::value(&of(key), message));
        }
        let biases_v = bias.si(&of("bias"), VOLTAGE, Range::POSITIVE)?;
        let currents_a = current.si(&of("current"), CURRENT, Range::POSITIVE)?;
        if biases_v.len() != currents_a.len() {
            let message =
                format!("has {} values, {} has {}; give as many", currents_a.len(), of("bias"), biases_v.len());
            return Err(MaterialError::value(&of("current"), message));
        }
        if !POINTS.contains(&biases_v.len()) {
            let message = format!("has {} values; it must have {} to {}", biases_v.len(), POINTS.start(), POINTS.end());
            return Err(MaterialError::value(&of("bias"), message));
        }
        if let Some(i) = first_too_close(&biases_v) {
            let by = format!("{} by {LEAST_RISE:e} of itself", not_above(&biases_v, i, "V"));
            return Err(MaterialError::value(&format!("{}.values[{i}]", of("bias")), by));
        }
        if let Some(i) = first_not_rising(&currents_a).filter(|_| !self.smooth) {
            return Err(MaterialError::value(&format!("{}.values[{i}]", of("current")), falls(&currents_a, i)));
        }
        let points: Vec<[f64; 2]> =
            biases_v.iter().zip(&currents_a).map(|(v, i)| [libm::log(*v), libm::log(wider * i)]).collect();
        let rising = pooled(&points);
        if rising.len() < *POINTS.start() {
            let message = format!(
                "has {} points left once those that do not rise are pooled; it must have at least {}",
                rising.len(),
                POINTS.start()
            );
            return Err(MaterialError::value(&of("current"), message));
        }
        Ok(MeasuredCurrent {
            file: self.file.clone(),
            filling,
            temperature_k,
            pooled: points.len() - rising.len(),
            range_v: (biases_v[0], biases_v[biases_v.len() - 1]),
            knots: with_slopes(&rising),
        })
    }
}

/// The curve is one of logarithms, whose slopes have no digit left between neighbours that are closer than this.
const LEAST_RISE: f64 = 1e-9;

fn first_not_rising(values: &[f64]) -> Option<usize> {
    (1..values.len()).find(|&i| values[i] <= values[i - 1])
}

/// The same of biases, which must be told apart as logarithms.
fn first_too_close(biases_v: &[f64]) -> Option<usize> {
    (1..biases_v.len()).find(|&i| biases_v[i] <= biases_v[i - 1] * (1.0 + LEAST_RISE))
}

fn not_above(values: &[f64], i: usize, unit: &str) -> String {
    format!("is {:?} {unit} after {:?} {unit}; it must rise", values[i], values[i - 1])
}

fn falls(currents_a: &[f64], i: usize) -> String {
    format!("{}, or injection.table.smooth = true pools what does not", not_above(currents_a, i, "A"))
}

/// Isotonic regression by pooling adjacent violators (R. E. Barlow and others, Statistical Inference under Order
/// Restrictions, Wiley 1972), of the logarithms and with equal weights. Each pool is one point, the mean of its own,
/// so that what is left rises strictly.
fn pooled(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    // Sums of the logarithms, and how many.
    let mut pools: Vec<([f64; 2], f64)> = Vec::new();
    for &point in points {
        let (mut sum, mut count) = (point, 1.0);
        while let Some((before, of)) = pools.last().copied()
            && before[1] / of >= sum[1] / count
        {
            sum = [sum[0] + before[0], sum[1] + before[1]];
            count += of;
            pools.pop();
        }
        pools.push((sum, count));
    }
    pools.into_iter().map(|(sum, count)| sum.map(|s| s / count)).collect()
}

/// The points with the slopes of the curve.
fn with_slopes(points: &[[f64; 2]]) -> Vec<[f64; 3]> {
    let steps: Vec<f64> = points.windows(2).map(|p| p[1][0] - p[0][0]).collect();
    let secants: Vec<f64> = points.windows(2).zip(&steps).map(|(p, step)| (p[1][1] - p[0][1]) / step).collect();
    let last = points.len() - 1;
    let slope = |i: usize| {
        if i == 0 || i == last {
            return secants[i.min(last - 1)];
        }
        let (before, after) = (steps[i - 1], steps[i]);
        let (first, second) = (2.0 * after + before, after + 2.0 * before);
        (first + second) / (first / secants[i - 1] + second / secants[i])
    };
    points.iter().enumerate().map(|(i, p)| [p[0], p[1], slope(i)]).collect()
}

impl MeasuredCurrent {
    /// The current at a magnitude of bias above 0, A, as it would have been measured.
    pub fn current_a(&self, a_v: f64) -> f64 {
        let x = libm::log(a_v);
        let next = self.knots.partition_point(|knot| knot[0] <= x);
        let line = |[at, value, slope]: [f64; 3]| libm::exp(value + slope * (x - at));
        if next == 0 {
            return line(self.knots[0]);
        }
        let [x0, y0, d0] = self.knots[next - 1];
        let Some(&[x1, y1, d1]) = self.knots.get(next) else {
            return line([x0, y0, d0]);
        };
        let width = x1 - x0;
        let t = (x - x0) / width;
        // Hermite's cubic, from the nearer point for its digits.
        let secant = (y1 - y0) / width;
        let bend = |near: f64, far: f64| (3.0 * secant - 2.0 * near - far, near + far - 2.0 * secant);
        let y = if t <= 0.5 {
            let (square, cube) = bend(d0, d1);
            y0 + width * t * (d0 + t * (square + t * cube))
        } else {
            let (u, (square, cube)) = (1.0 - t, bend(d1, d0));
            y1 - width * u * (d1 + u * (square + u * cube))
        };
        libm::exp(y)
    }

    /// The same with its slope, S.
    pub fn current_and_slope(&self, a_v: f64) -> (f64, f64) {
        let x = libm::log(a_v);
        let next = self.knots.partition_point(|knot| knot[0] <= x);
        let power = match (next.checked_sub(1).map(|before| self.knots[before]), self.knots.get(next)) {
            (Some([x0, y0, d0]), Some(&[x1, y1, d1])) => {
                let t = (x - x0) / (x1 - x0);
                let secant = (y1 - y0) / (x1 - x0);
                d0 + t * (2.0 * (3.0 * secant - 2.0 * d0 - d1) + 3.0 * t * (d0 + d1 - 2.0 * secant))
            }
            (Some([_, _, slope]), None) | (None, Some(&[_, _, slope])) => slope,
            (None, None) => 0.0,
        };
        let current_a = self.current_a(a_v);
        (current_a, power.max(0.0) * current_a / a_v)
    }

    /// What the table is, for the material's description.
    pub fn described(&self) -> String {
        let from = self.file.as_ref().map_or_else(String::new, |file| format!(" ({file})"));
        let pooled = match self.pooled {
            0 => String::new(),
            1 => ", smoothed: 1 point pooled with others".to_owned(),
            many => format!(", smoothed: {many} points pooled with others"),
        };
        format!(
            "injected current measured{from}: {} points from {} V to {} V at a filling of {} and {} °C{pooled}",
            self.knots.len() + self.pooled,
            self.range_v.0,
            self.range_v.1,
            self.filling,
            crate::units::celsius_texts(&[self.temperature_k]).concat()
        )
    }
}

/// Writes the columns of the file that `[injection.table]` names into a material's text, so that the text can be read
/// anywhere. A text without such a table, or with its columns, stays as it is, byte for byte.
///
/// # Errors
/// A name that is not that of a plain file beside the material's, and whatever is wrong in it, by its line.
pub(super) fn with_columns(text: String, folder: &Path) -> Result<String, MaterialError> {
    // What is no TOML, or no such table, is told by the reading that follows.
    if crate::toml_file::nesting(&text).is_err() {
        return Ok(text);
    }
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return Ok(text);
    };
    let Some(table) =
        document.get_mut("injection").and_then(|of| of.get_mut("table")).and_then(Item::as_table_like_mut)
    else {
        return Ok(text);
    };
    if table.contains_key("bias") || table.contains_key("current") {
        return Ok(text);
    }
    let Some(name) = table.get("file").and_then(Item::as_str).map(str::to_owned) else {
        return Ok(text);
    };
    let wrong = |message: &str| Err(MaterialError::value(&format!("{KEY}.file"), format!("is {name:?}; {message}")));
    if !files::is_name(&name) || [".", ".."].contains(&name.as_str()) || Path::new(&name).file_name().is_none() {
        return wrong("it must be the name of a file in the material's folder, without a path");
    }
    let path = folder.join(&name);
    match std::fs::symlink_metadata(&path) {
        Ok(of) if of.is_symlink() => {
            return wrong("it is a link, which is not followed; put the file itself beside the material's");
        }
        Ok(of) if !of.is_file() => return wrong("it is no file"),
        Ok(_) => {}
        Err(e) => return wrong(&format!("it cannot be read beside the material's file: {e}")),
    }
    let source = match table.get("source").and_then(Item::as_str) {
        Some(source) if !source.trim().is_empty() => source.to_owned(),
        _ => {
            let message = "is missing: say where the table's currents come from";
            return Err(MaterialError::value(&format!("{KEY}.source"), message));
        }
    };
    let mut said = DocumentMut::new();
    for key in READING {
        if let Some(item) = table.get(key) {
            said.insert(key, item.clone());
        }
    }
    // What is no such key is told by the reading that follows, with its line.
    let Ok(how) = crate::toml_file::read::<Reading>(&said.to_string()) else {
        return Ok(text);
    };
    let smooth = table.get("smooth").and_then(Item::as_bool) == Some(true);
    let (biases_v, currents_a) = columns(&path, &how, smooth).map_err(|e| MaterialError::Syntax(e.to_string()))?;
    for key in READING {
        table.remove(key);
    }
    for (key, values, unit) in [("bias", biases_v, "V"), ("current", currents_a, "A")] {
        let mut quantity = InlineTable::new();
        quantity.insert("values", Value::Array(values.into_iter().collect::<Array>()));
        quantity.insert("unit", unit.into());
        quantity.insert("source", source.as_str().into());
        table.insert(key, value(quantity));
    }
    Ok(document.to_string())
}

/// The columns `bias_v` and `current_a` of a file.
fn columns(path: &Path, how: &Reading, smooth: bool) -> Result<(Vec<f64>, Vec<f64>), CsvError> {
    let columns = Columns::read(path, &[Wanted::needed("bias_v"), Wanted::needed("current_a")], how)?;
    columns.between(columns.count(), POINTS, "points")?;
    for name in ["bias_v", "current_a"] {
        columns.each(name, "more than 0", |_, value| value > 0.0)?;
    }
    let (biases_v, currents_a) = (columns.needed("bias_v"), columns.needed("current_a"));
    columns.row("bias_v", first_not_rising(&biases_v).map(|i| (i, not_above(&biases_v, i, "V"))))?;
    columns.row("current_a", first_not_rising(&currents_a).filter(|_| !smooth).map(|i| (i, falls(&currents_a, i))))?;
    Ok((biases_v, currents_a))
}

#[cfg(test)]
mod tests;
