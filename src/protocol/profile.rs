//! Bakes whose temperature changes with time: steps and cycles.
//!
//! # Theory
//! A bake has no bias, so a class k empties at a rate that depends on the temperature alone: `d ln(f_k)/dt = -e_k(T(t))`. What is lost by a
//! time depends only on how long each temperature was held so far, in whatever order: `1 - exp(-sum_j e_k(T_j) t_j)`. So
//! a profile is, to whoever computes it, a table of [`Stays`]. It is closed form: whole cycles are multiplied, not walked through.

use super::Wrong;
use crate::units::{ZERO_CELSIUS_K, celsius_texts, kelvin};
use ndarray::Array2;
use serde::Deserialize;

/// Most legs of a profile, and with them most temperatures: the fast backends hold a rate of each for every class.
pub const MAX_LEGS: usize = 8;
/// Shortest leg, s.
pub const MIN_LEG_S: f64 = 1e-12;
/// Longest leg, s.
pub const MAX_LEG_S: f64 = 1e12;
/// Highest temperature of a leg, degrees Celsius.
pub const MAX_LEG_C: f64 = 1000.0;
/// Most cycles: f64 counts no further.
pub const MAX_CYCLES: u64 = 1 << 53;

/// One temperature for a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leg {
    /// `None`: the point's own bake temperature.
    pub temperature_k: Option<f64>,
    pub for_s: f64,
}

/// Legs in order, again and again; after the last cycle the temperature of the last leg holds on. Within its limits, always.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    legs: Vec<Leg>,
    cycles: Option<u64>,
}

/// How long each temperature of a bake has been held by each checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Stays {
    /// No two alike, in the order in which they first come.
    pub temperatures_k: Vec<f64>,
    /// Axes (checkpoint, temperature).
    pub for_s: Array2<f64>,
}

impl Stays {
    /// One temperature throughout.
    pub fn constant(temperature_k: f64, times_s: &[f64]) -> Stays {
        let column = |(checkpoint, _): (usize, usize)| times_s[checkpoint];
        Stays { temperatures_k: vec![temperature_k], for_s: Array2::from_shape_fn((times_s.len(), 1), column) }
    }
}

impl Profile {
    /// A profile whose legs are run through `cycles` times, or for ever where `None`.
    ///
    /// # Errors
    /// [`WrongProfile`]: no leg or too many, a leg or a number of cycles outside its limits.
    pub fn new(legs: Vec<Leg>, cycles: Option<u64>) -> Result<Profile, WrongProfile> {
        if !(1..=MAX_LEGS).contains(&legs.len()) {
            let found = if legs.is_empty() { "an empty list".to_owned() } else { format!("a list of {}", legs.len()) };
            return Err(WrongProfile::whole("cycle", found, format!("a list of 1 to {MAX_LEGS} legs")));
        }
        for (place, leg) in legs.iter().enumerate() {
            leg.check().map_err(|wrong| WrongProfile { place: Some(place), wrong })?;
        }
        match cycles {
            Some(number) if !(1..=MAX_CYCLES).contains(&number) => Err(WrongProfile::cycles(number)),
            _ => Ok(Profile { legs, cycles }),
        }
    }

    /// The profile of a file.
    ///
    /// # Errors
    /// As [`Profile::new`].
    pub fn from_files(files: &[LegFile], cycles: Option<i64>) -> Result<Profile, WrongProfile> {
        let number = |value: i64| u64::try_from(value).map_err(|_| WrongProfile::cycles(value));
        Profile::new(files.iter().map(LegFile::leg).collect(), cycles.map(number).transpose()?)
    }

    /// In order of time, one cycle of them.
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// `None`: for ever.
    pub fn cycles(&self) -> Option<u64> {
        self.cycles
    }

    /// Time of one cycle, s.
    pub fn period_s(&self) -> f64 {
        self.legs.iter().map(|leg| leg.for_s).sum()
    }

    /// The temperatures of a point baked at `bake_k`, and the time at each by each of the ascending `times_s`. The times of a
    /// checkpoint add up to its own and none ever falls, both to f64's rounding.
    pub fn stays(&self, bake_k: f64, times_s: &[f64]) -> Stays {
        let mut temperatures_k: Vec<f64> = Vec::new();
        let of_leg: Vec<usize> = self
            .legs
            .iter()
            .map(|leg| {
                let leg_k = leg.temperature_k.unwrap_or(bake_k);
                temperatures_k.iter().position(|known| *known == leg_k).unwrap_or_else(|| {
                    temperatures_k.push(leg_k);
                    temperatures_k.len() - 1
                })
            })
            .collect();
        let mut for_s: Array2<f64> = Array2::zeros((times_s.len(), temperatures_k.len()));
        let mut before = vec![0.0; temperatures_k.len()];
        for (mut row, &time_s) in for_s.rows_mut().into_iter().zip(times_s) {
            for (leg, spent_s) in self.spent_s(time_s).into_iter().enumerate() {
                row[of_leg[leg]] += spent_s;
            }
            for (stay_s, before_s) in row.iter_mut().zip(&mut before) {
                // Where a cycle ends, the product of the next may be rounded below the sum so far: no time is taken back.
                *stay_s = stay_s.max(*before_s);
                *before_s = *stay_s;
            }
        }
        Stays { temperatures_k, for_s }
    }

    /// Time spent in each leg by a time.
    fn spent_s(&self, time_s: f64) -> Vec<f64> {
        let period_s = self.period_s();
        // The remainder of f64 is exact, however many cycles there are.
        let rest_s = time_s % period_s;
        let whole = ((time_s - rest_s) / period_s).round();
        let most = self.cycles.map_or(f64::INFINITY, |cycles| cycles as f64);
        let ended = whole >= most;
        let mut left_s = if ended { 0.0 } else { rest_s };
        let mut spent: Vec<f64> = self
            .legs
            .iter()
            .map(|leg| {
                let part_s = leg.for_s.min(left_s);
                left_s -= part_s;
                whole.min(most) * leg.for_s + part_s
            })
            .collect();
        if ended && let Some(last) = spent.last_mut() {
            *last += (time_s - most * period_s).max(0.0);
        }
        spent
    }
}

impl Leg {
    fn check(&self) -> Result<(), Wrong> {
        if !(MIN_LEG_S..=MAX_LEG_S).contains(&self.for_s) {
            return Err(Wrong::new("for_s", format!("{:?}", self.for_s), format!("{MIN_LEG_S:?} to {MAX_LEG_S:?} s")));
        }
        match self.temperature_k {
            Some(hot) if !(hot > 0.0 && hot <= kelvin(MAX_LEG_C)) => {
                let limit = format!("above {:?} and at most {MAX_LEG_C:?} C", -ZERO_CELSIUS_K);
                Err(Wrong::new("temperature_c", celsius_texts(&[hot]).concat(), limit))
            }
            _ => Ok(()),
        }
    }
}

/// One leg as a file gives it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegFile {
    /// Left out: the point's own bake temperature.
    pub temperature_c: Option<f64>,
    pub for_s: f64,
}

impl LegFile {
    fn leg(&self) -> Leg {
        Leg { temperature_k: self.temperature_c.map(kelvin), for_s: self.for_s }
    }
}

/// What is wrong with a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wrong}")]
pub struct WrongProfile {
    /// Which leg, from 0; `None` where it is the list of legs (`cycle`) or their number of `cycles`.
    pub place: Option<usize>,
    pub wrong: Wrong,
}

impl WrongProfile {
    fn whole(key: &'static str, value: impl ToString, limit: impl ToString) -> WrongProfile {
        WrongProfile { place: None, wrong: Wrong::new(key, value, limit) }
    }

    fn cycles(value: impl ToString) -> WrongProfile {
        WrongProfile::whole("cycles", value, format!("1 to {MAX_CYCLES}"))
    }

    /// The key in full, in the table that holds `cycle` and `cycles`: `bake.cycle[1].for_s`.
    pub fn key_in(&self, table: &str) -> String {
        match self.place {
            Some(_) => self.wrong.key_in(&format!("{table}.cycle"), self.place),
            None => format!("{table}.{}", self.wrong.key),
        }
    }
}
