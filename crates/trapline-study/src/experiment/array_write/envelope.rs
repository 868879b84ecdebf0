//! Very many equal writes, of which few are stepped: an envelope over writes that repeat.
//!
//! # Theory
//! The number of writes is a slow variable: what one write does to a cell hardly differs from what the next one does
//! (multirevolution methods: L. R. Petzold, SIAM J. Numer. Anal. 18, 455 (1981); M. Calvo, L. O. Jay, J. I. Montijano,
//! L. Randez, Numer. Math. 97, 635 (2004)). The first writes are stepped one by one. Then one write is stepped where
//! the array stands and one where many more would lead it, and from both follows where they do ([`super::leap`]): a
//! leap of second order, whose number of writes is chosen by its error. A leap may be wrong by the tolerance times
//! the largest change of a filling so far times its share of the decades that are to go, so that the errors of all
//! leaps together stay below the tolerance. Errors of a cell are added up: a cell that fills towards a rest value
//! forgets some of them.
//!
//! # Practice
//! After the first writes each cell catches at its own median speed in every write: what the scatter from cycle to
//! cycle does to the sum of n of them is smaller than its standard deviation over the root of n.

use super::account::Energy;
use super::course::{Course, Own};
use super::endurance::{Endured, Log};
use super::leap::{corrected, drift, predicted};
use super::writer::ROUNDING;
use super::{Stroke, WriteError, Writer, strokes};
use ndarray::{Array1, Array2};
use std::sync::Arc;

/// Most writes that can be asked for.
pub const MOST_WRITES: u64 = 1_000_000;
/// Most numbers of writes that are reported.
const MOST_REPORTS: usize = 1000;
/// Writes that are stepped one by one before the first leap.
pub(super) const FIRST: u64 = 10;
/// A leap steps two writes; one over fewer than these is stepped instead.
const SHORTEST: u64 = 3;
/// Least error that is told of a leap, over the tolerance times what it moves the cell by: that two ways agree may be
/// chance.
const LEAST_ERROR: f64 = 0.1;
/// Error of a leap, over the largest filling, that single precision accounts for: a few roundings of a filling in each
/// of the two writes that it is found from, and the safety of the error.
const HIDDEN: f64 = 16.0 * ROUNDING;
/// Most writes that are stepped in all.
const MOST_STEPPED: u64 = 20_000;

/// How often a pattern is written, and at which numbers of writes the cells are reported.
#[derive(Debug, Clone, PartialEq)]
pub struct Endurance {
    writes: u64,
    at: Vec<u64>,
}

impl Endurance {
    /// So many writes, reported at some of them, by their numbers, and at the last; if none are given, at 1, 2, 5, 10
    /// and so on.
    ///
    /// # Errors
    /// [`WriteError::Writes`], [`WriteError::ReportAt`], [`WriteError::ManyReports`].
    pub fn new(writes: f64, at: &[f64]) -> Result<Endurance, WriteError> {
        let whole = |value: f64| value.fract() == 0.0 && (1.0..=MOST_WRITES as f64).contains(&value);
        if !whole(writes) {
            return Err(WriteError::Writes(writes));
        }
        if at.len() > MOST_REPORTS {
            return Err(WriteError::ManyReports(at.len()));
        }
        let writes = writes as u64;
        let (mut numbers, mut before) = (Vec::new(), 0);
        for &value in at {
            if !whole(value) || value as u64 > writes || value as u64 <= before {
                return Err(WriteError::ReportAt { value, before, writes });
            }
            before = value as u64;
            numbers.push(before);
        }
        if at.is_empty() {
            let decades = std::iter::successors(Some(1), |decade: &u64| decade.checked_mul(10));
            numbers.extend(decades.flat_map(|decade| [1, 2, 5].map(|n| n * decade)).take_while(|n| *n < writes));
        }
        if numbers.last() != Some(&writes) {
            numbers.push(writes);
        }
        Ok(Endurance { writes, at: numbers })
    }

    /// How often the pattern is written.
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// The numbers of writes at which cells are reported, ascending; the last is [`Endurance::writes`].
    pub fn at(&self) -> &[u64] {
        &self.at
    }
}

/// The array between two writes.
struct Standing {
    writes: u64,
    /// Axes (cell, class).
    state: Array2<f64>,
    /// Of each cell's filling, added up.
    error: Array1<f64>,
    energy: Energy,
    /// The next write, once it was stepped, and its energy.
    next: Option<(Course, Energy)>,
    /// The write from which it came here, and how many writes that is ago.
    before: Option<(Course, f64)>,
    /// Of each cell's uptake, per write.
    drift: Array1<f64>,
    /// How each cell was last seen to relax ([`super::leap::Leap::seen`]).
    seen: Array1<f64>,
}

/// Writes a pattern as often as asked, each time as [`super::write`] does with one pulse, and reports the cells on
/// the way. The writer stands after the last write then, and its energy is that of all of them; its steps are those
/// of the writes that were stepped.
///
/// # Errors
/// [`WriteError`]; [`WriteError::Counted`] for electrons that are counted.
pub fn endure(writer: &mut Writer, written: &Array2<bool>, asked: &Endurance) -> Result<Endured, WriteError> {
    writer.check_shape(written.dim())?;
    if writer.probe.counts_electrons() {
        return Err(WriteError::Counted);
    }
    let strokes = strokes(written, writer.setup.order, &writer.setup.scheme)?;
    let amplitude_v = writer.setup.train.amplitude_v;
    writer.look()?;
    let own = Own::of(
        writer.probe.material(),
        writer.probe.variation(),
        writer.probe.conditions.seed,
        writer.probe.numbers(),
        writer.probe.conditions.ambient_k,
    );
    let mut log = Log::new(writer, written, asked, own.clone());
    let nothing = Array1::zeros(own.len());
    let first = asked.writes.min(FIRST);
    for number in 1..=first {
        writer.pulse(&strokes, amplitude_v)?;
        log.stepped += 1;
        log.look(number, &writer.filling, &nothing);
    }
    if asked.writes > first {
        let state = writer.probe.occupancy()?;
        writer.probe = writer.probe.steady(writer.backend)?;
        let energy = writer.energy;
        let drift = nothing.clone();
        let seen = Array1::from_elem(own.len(), f64::NAN);
        let mut standing =
            Standing { writes: first, state, error: nothing, energy, next: None, before: None, drift, seen };
        let mut leap = SHORTEST as f64;
        while standing.writes < asked.writes {
            leap = go_on(writer, &strokes, asked, &own, &mut standing, &mut log, leap)?;
        }
        writer.probe.put(&standing.state)?;
        writer.look()?;
        writer.energy = standing.energy;
        // No more than a million.
        writer.pulses = asked.writes as u32;
    }
    Ok(log.over())
}

/// Goes on by a leap, or by one write where leaps are no shorter; what was tried may be refused. The writes that the
/// next leap should take.
fn go_on(
    writer: &mut Writer,
    strokes: &[Stroke],
    asked: &Endurance,
    own: &Arc<[Own]>,
    standing: &mut Standing,
    log: &mut Log,
    leap: f64,
) -> Result<f64, WriteError> {
    let tolerance = writer.setup.tolerance;
    if log.stepped >= MOST_STEPPED {
        let (stepped, done, writes) = (log.stepped, standing.writes, asked.writes);
        return Err(WriteError::Slow { stepped, done, writes, limit: MOST_STEPPED, tolerance });
    }
    let (from, energy) = match standing.next.take() {
        Some(next) => next,
        None => {
            let (now, energy) = stepped(writer, strokes, own, &standing.state, log)?;
            if let Some((before, writes)) = &standing.before {
                standing.drift = drift(writer.probe.material(), before, &now, *writes);
            }
            (now, energy)
        }
    };
    let goal = asked.at.iter().copied().find(|number| *number > standing.writes).unwrap_or(asked.writes);
    let room = goal - standing.writes;
    let mut writes = (leap as u64).clamp(1, room);
    if writes < room && room < 2 * writes {
        writes = room.div_ceil(2);
    }
    if writes < SHORTEST {
        let filling = (0..own.len()).map(|place| from.end_filling(writer.probe.material(), place)).collect();
        standing.state.assign(&from.state);
        standing.before = Some((from, 1.0));
        standing.writes += 1;
        standing.energy = standing.energy.and(&energy, 1.0);
        log.look(standing.writes, &filling, &standing.error);
        return Ok(1.5 * leap.max(1.0));
    }
    let material = writer.probe.material().clone();
    let many = writes as f64;
    let at = predicted(&material, &from, &standing.drift, &standing.seen, many);
    let (to, energy_there) = stepped(writer, strokes, own, &at.state, log)?;
    let before = standing.before.as_ref().map(|(course, writes)| (course, *writes));
    let found = corrected(&material, before, &from, &to, &at, many);
    let decades = libm::log(asked.writes as f64 / FIRST as f64);
    let share = libm::log1p(many / standing.writes as f64) / decades;
    let budget = tolerance * log.largest_change() * share;
    // What single precision hides is no error of the leap: shorter ones would not tell it better.
    let fullest = found.filling.iter().fold(0.0, |most: f64, filling| most.max(*filling));
    let hidden = if writer.backend.identity().backend == "reference" { 0.0 } else { HIDDEN * fullest };
    let worst = found.error.iter().fold(0.0, |worst: f64, error| {
        let beyond = error - hidden;
        if beyond.is_nan() { f64::INFINITY } else { worst.max(beyond) }
    });
    let fits = if worst > 0.0 { 0.9 * libm::sqrt(budget / worst) } else { f64::INFINITY };
    if worst > budget {
        log.refused += 1;
        standing.next = Some((from, energy));
        return Ok(many * fits.clamp(0.1, 0.7));
    }
    for (place, (own, error)) in standing.error.iter_mut().zip(&found.error).enumerate() {
        let moved = found.filling[place] - from.start_filling(&material, place);
        *own += error.max(LEAST_ERROR * tolerance * moved.abs());
    }
    standing.seen = found.seen;
    standing.state = found.state;
    standing.before = Some((from, many));
    standing.writes += writes;
    standing.energy = standing.energy.and(&energy, 0.5 * (many + 1.0)).and(&energy_there, 0.5 * (many - 1.0));
    log.leaps += 1;
    log.look(standing.writes, &found.filling, &standing.error);
    // A leap that had to end at a number to report says nothing against longer ones.
    Ok((many * fits.clamp(0.5, 8.0)).max(if many < leap { leap } else { 0.0 }))
}

/// Steps one write from a state, as each class sees it, and says what energy it took.
pub(super) fn stepped(
    writer: &mut Writer,
    strokes: &[Stroke],
    own: &Arc<[Own]>,
    state: &Array2<f64>,
    log: &mut Log,
) -> Result<(Course, Energy), WriteError> {
    let before = writer.energy;
    writer.probe.put(state)?;
    let start = || Course::new(own.clone(), state.clone());
    writer.course = Some(start());
    writer.pulse(strokes, writer.setup.train.amplitude_v)?;
    log.stepped += 1;
    let left = writer.probe.occupancy()?;
    let course = writer.course.take().unwrap_or_else(start).end(writer.probe.material(), &left);
    let energy = writer.energy.and(&before, -1.0);
    writer.energy = before;
    Ok((course, energy))
}
