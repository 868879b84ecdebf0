//! Options of `trapline heat` that are more than a number: substrates, directions, gradients, cells and hot spots.

use clap::ValueEnum;

use super::super::amounts;

/// What the array lies on.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Substrate {
    /// A film of polyethylene naphthalate: 125 µm, 0.18 W/(m K)
    Pen,
    /// Borosilicate: 0.7 mm, 1.1 W/(m K)
    Glass,
    /// A wafer: 525 µm, 148 W/(m K)
    Silicon,
    /// Any other, by --substrate-um and --substrate-conductivity
    Own,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Direction {
    /// From the first row to the last
    Rows,
    /// From the first column to the last
    Columns,
}

/// Temperatures in °C: one, or the first and the last of a gradient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Degrees(pub f64, pub Option<f64>);

pub(super) fn degrees(text: &str) -> Result<Degrees, String> {
    let wrong = || "it must be a temperature in °C, or two of a gradient: 25 or 25,85".to_owned();
    let parse = |part: &str| amounts::celsius(part).map_err(|_| wrong());
    match text.split_once(',') {
        None => Ok(Degrees(parse(text)?, None)),
        Some((first, last)) => Ok(Degrees(parse(first)?, Some(parse(last)?))),
    }
}

pub(super) fn cell(text: &str) -> Result<(usize, usize), String> {
    let numbers =
        text.split_once(',').and_then(|(row, col)| Some((row.trim().parse().ok()?, col.trim().parse().ok()?)));
    numbers.ok_or_else(|| "it must be a row and a column, counted from 0: 3,5".to_owned())
}

/// A hot spot: row, column, radius in cells, °C.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot(pub [f64; 4]);

pub(super) fn spot(text: &str) -> Result<Spot, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
    let numbers = numbers.and_then(|numbers| <[f64; 4]>::try_from(numbers).ok());
    numbers
        .map(Spot)
        .ok_or_else(|| "it must be a row, a column, a radius in cells and a peak in °C: 8,8,4,110".to_owned())
}
