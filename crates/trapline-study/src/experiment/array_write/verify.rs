//! Program and verify: pulses that rise, a reading after each, until a cell is in its band.
//!
//! A round gives every cell that is not yet there one pulse, by its lines and with all that the others see meanwhile,
//! and reads all cells, each by itself and with the noise of a reading. A cell stays where a reading finds it at the
//! lower edge of its band or beyond, and gets no further pulse; what the pulses of others do to it afterwards shows in
//! the end. Each round's amplitude is higher than that of the last by a step.

use super::{Order, WriteError, Writer, strokes};
use ndarray::Array2;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Verify {
    /// Conductance of each cell at the read bias, S; 0 leaves a cell alone.
    pub target_s: Array2<f64>,
    /// Half of the width of a band, over its target.
    pub band: f64,
    /// Amplitude of the first round and step to the next, V; a step of 0 repeats the first.
    pub first_v: f64,
    pub step_v: f64,
    /// Most rounds.
    pub rounds: u32,
}

/// Why levels are refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LevelError {
    #[error("the level of row {row}, column {col} is {target_s} S; it must be 0 (left alone) or more, and finite")]
    Level { row: usize, col: usize, target_s: f64 },
    #[error(
        "the level of row {row}, column {col} is {target_s:e} S, and the cell has {fresh_s:e} S before any pulse: pulses of this sign only raise it"
    )]
    Below { row: usize, col: usize, target_s: f64, fresh_s: f64 },
    #[error("the band is {0} of a level; it must be above 0 and below 1")]
    Band(f64),
    #[error(
        "the last of {rounds} rounds has {last_v} V; it must be above 0 and 100 V at most: give fewer rounds, or a smaller step"
    )]
    Amplitude { rounds: u32, last_v: f64 },
    #[error(
        "the first pulse of levels has {0} V; it must be above 0: cells start empty, and levels are reached from below"
    )]
    Lowers(f64),
    #[error("no cell has a level")]
    Nothing,
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// No level was asked for.
    Left,
    /// In its band by its true conductance after all rounds.
    InBand,
    /// Read as there when its pulses ended, and beyond its band in the end: by its own last pulse, or by others'.
    Beyond,
    /// Read as there when its pulses ended, and below its band in the end: noise deceived the reading, or charge was
    /// lost.
    Below,
    /// Never read as there.
    NotReached,
}

impl Ended {
    /// As records number it.
    pub fn number(self) -> u64 {
        self as u64
    }

    /// The words of the numbers, in their order.
    pub const WORDS: [&'static str; 5] = ["left alone", "in band", "beyond", "below", "not reached"];
}

/// Levels, and how they were reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    pub target_s: Array2<f64>,
    pub fresh_s: Array2<f64>,
    /// Without noise, after all rounds, S.
    pub conductance_s: Array2<f64>,
    /// As the last reading of all cells saw it, S.
    pub read_s: Array2<f64>,
    /// Pulses each cell got in strokes of its own.
    pub pulses: Array2<u64>,
    pub ended: Array2<Ended>,
    pub rounds: u32,
    /// Amplitude of the last round, V.
    pub last_v: f64,
    /// The largest amplitude of a round, V.
    pub most_v: f64,
}

impl Levels {
    /// Cells that ended so.
    pub fn count(&self, how: Ended) -> usize {
        self.ended.iter().filter(|ended| **ended == how).count()
    }

    /// Share of the cells with a level that are in their bands.
    pub fn yielded(&self) -> f64 {
        self.count(Ended::InBand) as f64 / (self.ended.len() - self.count(Ended::Left)) as f64
    }
}

impl Verify {
    /// What can be refused before a cell is made.
    ///
    /// # Errors
    /// [`LevelError`].
    pub fn check(&self) -> Result<(), LevelError> {
        let sound = |target_s: f64| target_s >= 0.0 && target_s.is_finite();
        if let Some(((row, col), &target_s)) = self.target_s.indexed_iter().find(|(_, target)| !sound(**target)) {
            return Err(LevelError::Level { row, col, target_s });
        }
        if !(self.band > 0.0 && self.band < 1.0) {
            return Err(LevelError::Band(self.band));
        }
        let last_v = self.first_v + self.step_v * f64::from(self.rounds.saturating_sub(1));
        // Fresh cells are empty, and pulses of either sign fill them; what a reading can stop is a rise.
        if self.first_v.is_nan() || self.first_v <= 0.0 {
            return Err(LevelError::Lowers(self.first_v));
        }
        if !(last_v > 0.0 && last_v <= 100.0) {
            return Err(LevelError::Amplitude { rounds: self.rounds, last_v });
        }
        if self.target_s.iter().all(|target| *target == 0.0) { Err(LevelError::Nothing) } else { Ok(()) }
    }
}

/// Brings the cells of an array to levels.
///
/// # Errors
/// [`WriteError`].
pub fn verify(writer: &mut Writer, asked: &Verify) -> Result<Levels, WriteError> {
    asked.check()?;
    let (shape, target_s) = (writer.shape, &asked.target_s);
    writer.check_shape(target_s.dim())?;
    let fresh_s = writer.conductance_s()?;
    let lower = |target: f64| target * (1.0 - asked.band);
    if let Some((at, &target)) =
        target_s.indexed_iter().find(|(at, target)| **target > 0.0 && **target * (1.0 + asked.band) < fresh_s[*at])
    {
        let (row, col) = at;
        return Err(LevelError::Below { row, col, target_s: target, fresh_s: fresh_s[at] }.into());
    }
    let there = |target: f64, read: f64| read >= lower(target);
    let (order, scheme) = (writer.setup().order, writer.setup().scheme.clone());
    let mut read_s = writer.read()?;
    let mut pulses = Array2::zeros(shape);
    let mut reached = Array2::from_shape_fn(shape, |at| target_s[at] == 0.0 || there(target_s[at], read_s[at]));
    let (mut rounds, mut last_v, mut most_v) = (0, 0.0, 0.0_f64);
    while rounds < asked.rounds && !reached.iter().all(|done| *done) {
        let pattern = reached.mapv(|done| !done);
        last_v = asked.first_v + asked.step_v * f64::from(rounds);
        most_v = most_v.max(last_v);
        // Cells that are left need be no product of rows and columns any more.
        let round = match strokes(&pattern, order, &scheme) {
            Err(WriteError::NoProduct { .. }) => strokes(&pattern, Order::RowByRow, &scheme)?,
            round => round?,
        };
        writer.pulse(&round, last_v)?;
        read_s = writer.read()?;
        for (at, done) in reached.indexed_iter_mut().filter(|(_, done)| !**done) {
            pulses[at] += 1;
            *done = there(target_s[at], read_s[at]);
        }
        rounds += 1;
    }
    let conductance_s = writer.conductance_s()?;
    let ended = Array2::from_shape_fn(shape, |at| {
        let (target, value) = (target_s[at], conductance_s[at]);
        match (target == 0.0, reached[at]) {
            (true, _) => Ended::Left,
            (_, false) => Ended::NotReached,
            _ if value > target * (1.0 + asked.band) => Ended::Beyond,
            _ if value < lower(target) => Ended::Below,
            _ => Ended::InBand,
        }
    });
    Ok(Levels { target_s: target_s.clone(), fresh_s, conductance_s, read_s, pulses, ended, rounds, last_v, most_v })
}
