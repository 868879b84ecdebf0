//! Counts of failed cells at checkpoints, as classes of lifetimes.

use serde::Serialize;

use super::counts::{FailedFraction, failed_fraction_bounds};
use super::error::{LifetimeError, input};

/// The most cells that the tails of [`super::special`] are made for.
pub(super) const MOST_CELLS: u64 = 1_000_000_000_000;
/// A cumulative count may fall by this share of the cells: rounding of values beside the threshold.
const ROUNDED_SHARE: f64 = 1e-3;

/// Cells whose lifetimes lie between two checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Class {
    /// s; 0 for cells that had failed by the first checkpoint (left-censored).
    pub from_s: f64,
    /// s; infinite for cells that outlived the last checkpoint (right-censored).
    pub to_s: f64,
    pub cells: u64,
}

/// Lifetimes of one population at one temperature, known to the checkpoint: n_i of N cells had failed by t_i, so
/// n_i - n_(i-1) lifetimes lie in (t_(i-1), t_i], and the others beyond the last checkpoint (Meeker & Escobar,
/// Statistical Methods for Reliability Data, 1998, chapter 2).
///
/// A lifetime is the time of the first failure. Where a cumulative count falls, cells have come back over the
/// threshold: a fall of up to one in a thousand cells, or one cell, is rounding, and the count is held at what it
/// was; a larger one is an error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lifetimes {
    times_s: Vec<f64>,
    failed: Vec<u64>,
    total: u64,
    at_zero: u64,
    held: u64,
    #[serde(skip)]
    classes: Vec<Class>,
}

/// The failed fraction at a checkpoint, without any law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    pub time_s: f64,
    #[serde(flatten)]
    pub failed: FailedFraction,
}

impl Lifetimes {
    /// Checkpoints (s, rising, from 0 on), the cells that had failed by each, and all cells.
    ///
    /// Cells that had failed at 0 s count as failed by the first later checkpoint: no law of lifetimes has mass at 0.
    ///
    /// # Errors
    /// [`LifetimeError::Input`].
    pub fn new(times_s: &[f64], failed: &[u64], total: u64) -> Result<Lifetimes, LifetimeError> {
        check_times(times_s)?;
        if failed.len() != times_s.len() {
            let limit = format!("{}, one for each checkpoint", times_s.len());
            return Err(input("the number of counts", failed.len(), limit, "give a count for each checkpoint"));
        }
        if total == 0 || total > MOST_CELLS {
            return Err(input("the number of cells", total, format!("1 to {MOST_CELLS}"), "leave out empty arrays"));
        }
        let (rising, held) = held_up(times_s, failed, total)?;
        let first = usize::from(times_s[0] == 0.0);
        let mut kept = Lifetimes {
            times_s: times_s[first..].to_vec(),
            failed: rising[first..].to_vec(),
            total,
            at_zero: if first == 1 { rising[0] } else { 0 },
            held,
            classes: Vec::new(),
        };
        kept.classes = kept.in_classes();
        Ok(kept)
    }

    fn in_classes(&self) -> Vec<Class> {
        let (mut from_s, mut before, mut classes) = (0.0, 0, Vec::new());
        let ends = self.times_s.iter().copied().zip(self.failed.iter().copied());
        for (to_s, failed) in ends.chain([(f64::INFINITY, self.total)]) {
            classes.push(Class { from_s, to_s, cells: failed - before });
            (from_s, before) = (to_s, failed);
        }
        classes
    }

    /// Those that had not failed at 0 s, before the bake; none where there are none.
    pub fn living(&self) -> Option<Lifetimes> {
        let total = self.total.checked_sub(self.at_zero).filter(|total| *total > 0)?;
        let failed = self.failed.iter().map(|failed| failed.saturating_sub(self.at_zero)).collect();
        let mut living = Lifetimes {
            times_s: self.times_s.clone(),
            failed,
            total,
            at_zero: 0,
            held: self.held,
            classes: Vec::new(),
        };
        living.classes = living.in_classes();
        Some(living)
    }

    /// The same cells with only the checkpoints about the one by which a fraction had failed: so many that on either
    /// side of it this number of cells fails, where as many do. Cells that failed before the first of them, and after
    /// the last, are one class each. None where these are all checkpoints.
    pub fn about(&self, fraction: f64, failures: u64) -> Option<Lifetimes> {
        let (wanted, failures) = (fraction * self.total as f64, failures as f64);
        let before = self.failed.iter().rposition(|&failed| failed as f64 <= wanted - failures);
        let last = self.failed.iter().position(|&failed| failed as f64 >= wanted + failures);
        if before.is_none() && last.is_none_or(|last| last + 1 == self.failed.len()) {
            return None;
        }
        let within = before.unwrap_or(0)..=last.unwrap_or(self.failed.len() - 1);
        let mut near = Lifetimes {
            times_s: self.times_s[within.clone()].to_vec(),
            failed: self.failed[within].to_vec(),
            total: self.total,
            at_zero: if before.is_some() { 0 } else { self.at_zero },
            held: self.held,
            classes: Vec::new(),
        };
        near.classes = near.in_classes();
        Some(near)
    }

    /// The same cells with only these checkpoints, which must be some of theirs; as [`Lifetimes::about`].
    pub(super) fn only(&self, times_s: &[f64]) -> Lifetimes {
        let kept: Vec<usize> = (0..self.times_s.len()).filter(|&at| times_s.contains(&self.times_s[at])).collect();
        let mut only = Lifetimes {
            times_s: kept.iter().map(|&at| self.times_s[at]).collect(),
            failed: kept.iter().map(|&at| self.failed[at]).collect(),
            total: self.total,
            at_zero: if kept.first() == Some(&0) { self.at_zero } else { 0 },
            held: self.held,
            classes: Vec::new(),
        };
        only.classes = only.in_classes();
        only
    }

    /// The same at one checkpoint: at the last one where cells survived it, else at the first by which all had failed.
    /// That is what cells that bear no law tell of one: how many had failed by then.
    pub fn at_an_end(&self) -> Lifetimes {
        let last = self.times_s.len() - 1;
        let all_by = self.failed.iter().position(|failed| *failed == self.total).unwrap_or(last);
        let mut one = Lifetimes {
            times_s: vec![self.times_s[all_by]],
            failed: vec![self.failed[all_by]],
            classes: Vec::new(),
            ..self.clone()
        };
        one.classes = one.in_classes();
        one
    }

    /// All classes in the order of time, empty ones included.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// Checkpoints after 0, s.
    pub fn times_s(&self) -> &[f64] {
        &self.times_s
    }

    /// Cells that had failed by each checkpoint after 0.
    pub fn failed(&self) -> &[u64] {
        &self.failed
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// Cells that had failed at 0 s already; they stand in the first class.
    pub fn failed_at_zero(&self) -> u64 {
        self.at_zero
    }

    /// By how many cells a falling count was held up, at most.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Failed by the last checkpoint.
    pub fn failed_in_all(&self) -> u64 {
        self.failed[self.failed.len() - 1]
    }

    /// Failed fraction at each checkpoint with exact bounds.
    ///
    /// # Errors
    /// [`LifetimeError::Input`] for a confidence that is none.
    pub fn curve(&self, confidence: f64) -> Result<Vec<CurvePoint>, LifetimeError> {
        let point = |(&time_s, &failed): (&f64, &u64)| {
            Ok(CurvePoint { time_s, failed: failed_fraction_bounds(failed, self.total, confidence)? })
        };
        self.times_s.iter().zip(&self.failed).map(point).collect()
    }

    /// Checkpoints that some but not all cells had outlived, each with the failed fraction; equal fractions once, at
    /// the first.
    pub(super) fn inner_points(&self) -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, f64)> = Vec::new();
        for (&time_s, &failed) in self.times_s.iter().zip(&self.failed) {
            let share = failed as f64 / self.total as f64;
            if failed > 0 && failed < self.total && points.last().is_none_or(|last| last.1 < share) {
                points.push((time_s, share));
            }
        }
        points
    }
}

fn check_times(times_s: &[f64]) -> Result<(), LifetimeError> {
    for (i, &time) in times_s.iter().enumerate() {
        let what = || format!("checkpoint {} (s)", i + 1);
        if !(time >= 0.0 && time.is_finite()) {
            return Err(input(what(), time, "finite and not negative", "correct the time"));
        }
        if i > 0 && time <= times_s[i - 1] {
            return Err(input(what(), time, format!("after {} s, the one before", times_s[i - 1]), "sort the times"));
        }
    }
    if !times_s.last().is_some_and(|&last| last > 0.0) {
        return Err(input("the number of checkpoints after 0 s", 0, "at least 1", "give a later checkpoint"));
    }
    Ok(())
}

/// The running maximum of the counts, and the largest fall that it hides.
fn held_up(times_s: &[f64], failed: &[u64], total: u64) -> Result<(Vec<u64>, u64), LifetimeError> {
    let allowed = ((ROUNDED_SHARE * total as f64) as u64).max(1);
    let (mut most, mut held, mut rising) = (0, 0, Vec::with_capacity(failed.len()));
    for (&count, time) in failed.iter().zip(times_s) {
        let what = || format!("the failed cells by {time} s");
        if count > total {
            return Err(input(what(), count, format!("at most {total}, all cells"), "correct the count"));
        }
        if count + allowed < most {
            let limit = format!("{most} as before, less {allowed} at most for rounding");
            return Err(input(what(), count, limit, "give cumulative counts of first failures"));
        }
        most = most.max(count);
        held = held.max(most - count);
        rising.push(most);
    }
    Ok((rising, held))
}
