//! Bakes whose temperature changes with time: steps and cycles.
//!
//! # Theory
//! A bake has no bias, so a class k empties at a rate that depends on the temperature alone:
//! `d ln(f_k)/dt = -e_k(T(t))`. What is lost by a time depends only on how long each temperature was held so far, in
//! whatever order: `1 - exp(-sum_j e_k(T_j) t_j)`. So a profile is, to whoever computes it, a table of [`Stays`]. It
//! is closed form: whole cycles are multiplied, not walked through.

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

/// Legs in order, again and again; after the last cycle the temperature of the last leg holds on. Within its limits,
/// always.
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

    /// The temperatures of a point baked at `bake_k`, and the time at each by each of the ascending `times_s`. The
    /// times of a checkpoint add up to its own and none ever falls, both to f64's rounding.
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
                // Where a cycle ends, the product of the next may be rounded below the sum so far: no time is taken
                // back.
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

#[cfg(test)]
mod tests {
    use super::*;

    const BAKE_K: f64 = 423.15;

    fn leg(temperature_k: Option<f64>, for_s: f64) -> Leg {
        Leg { temperature_k, for_s }
    }

    /// An hour at the point's temperature, ten minutes at 25 C, then half an hour at the point's again.
    fn three() -> Vec<Leg> {
        vec![leg(None, 3600.0), leg(Some(298.15), 600.0), leg(Some(BAKE_K), 1800.0)]
    }

    fn profile(legs: Vec<Leg>, cycles: Option<u64>) -> Profile {
        Profile::new(legs, cycles).unwrap()
    }

    #[test]
    fn stays_are_those_of_a_walk_through_the_legs() {
        let times: Vec<f64> = (0..400).map(|i| f64::from(i) * 100.0).collect();
        for cycles in [None, Some(1), Some(3)] {
            let found = profile(three(), cycles).stays(BAKE_K, &times);
            assert_eq!(found.temperatures_k, [BAKE_K, 298.15]);
            // Every leg is whole hundreds of seconds, so that a walk in such steps is exact.
            let (mut hot_s, mut cold_s) = (0.0, 0.0);
            for (step, row) in found.for_s.rows().into_iter().enumerate() {
                assert_eq!((row[0], row[1]), (hot_s, cold_s), "{cycles:?} after {step} steps");
                let over = cycles.is_some_and(|n| step as u64 >= 60 * n);
                let cold = !over && (36..42).contains(&(step % 60));
                *if cold { &mut cold_s } else { &mut hot_s } += 100.0;
            }
            // Control: the cold was counted.
            assert!(cold_s >= 600.0);
        }
    }

    #[test]
    fn the_last_leg_holds_on() {
        let found = profile(vec![leg(None, 10.0), leg(Some(300.0), 5.0)], Some(2)).stays(400.0, &[30.0, 31.0, 1e9]);
        assert_eq!(
            found.for_s.rows().into_iter().map(|r| (r[0], r[1])).collect::<Vec<_>>(),
            [(20.0, 10.0), (20.0, 11.0), (20.0, 1e9 - 20.0)]
        );
    }

    #[test]
    fn stays_never_fall_and_add_up_however_many_cycles() {
        let long = leg(Some(300.0), 1e12);
        for (legs, cycles) in [
            (vec![leg(None, 0.7), leg(Some(300.0), 0.3)], None),
            (vec![leg(None, 0.1), leg(Some(300.0), 0.2), leg(Some(310.0), 1e-3)], Some(1_000_000_000)),
            (vec![leg(None, 1e-12), leg(Some(300.0), 3e-12)], None),
            (vec![leg(None, 1e-12), leg(Some(300.0), 3e-12)], Some(MAX_CYCLES)),
            (vec![leg(None, 1e-12), long], None),
        ] {
            let period_s: f64 = legs.iter().map(|leg| leg.for_s).sum();
            // Just before, at and after the ends of cycles, and on to the latest time there is.
            let edges = (1..200).flat_map(|n| {
                let edge = f64::from(n) * period_s;
                [edge.next_down(), edge, edge.next_up()]
            });
            let mut times: Vec<f64> =
                edges.chain((0..2000).map(|i| 10f64.powf(-12.0 + f64::from(i) * 0.012))).collect();
            times.sort_by(f64::total_cmp);
            let found = profile(legs, cycles).stays(400.0, &times);
            for (number, &time_s) in times.iter().enumerate().skip(1) {
                let (before, after) = (found.for_s.row(number - 1), found.for_s.row(number));
                assert!(before.iter().zip(after).all(|(b, a)| a >= b), "{time_s} s: {before} then {after}");
                // A product and a sum for each of eight legs, in f64.
                let error = (after.sum() - time_s).abs() / time_s;
                assert!(error < 16.0 * f64::EPSILON, "{time_s} s: {after} is off by {error:e}");
            }
        }
        // A thousand million cycles: three tenths of the time were cold.
        let many = profile(vec![leg(None, 0.7), leg(Some(300.0), 0.3)], Some(1_000_000_000)).stays(400.0, &[1e9]);
        assert!((many.for_s[[0, 1]] / 0.3e9 - 1.0).abs() < 1e-12 && (many.for_s[[0, 0]] / 0.7e9 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn one_temperature_is_a_constant_bake() {
        let times = [0.0, 1.0, 1e4];
        let found = profile(vec![leg(None, 3.0), leg(Some(400.0), 1.0)], None).stays(400.0, &times);
        assert_eq!(found, Stays::constant(400.0, &times));
        assert_ne!(found, Stays::constant(401.0, &times));
    }

    #[test]
    fn bad_profiles_say_what_is_wrong() {
        let file = |temperature_c, for_s| LegFile { temperature_c, for_s };
        let refused = |files: &[LegFile], cycles| {
            let wrong = Profile::from_files(files, cycles).unwrap_err();
            format!("{}: {wrong}", wrong.key_in("bake"))
        };
        let hour = || file(None, 3600.0);
        assert_eq!(refused(&[], None), "bake.cycle: cycle is an empty list; it must be a list of 1 to 8 legs");
        assert!(refused(&vec![hour(); 9], None).contains("cycle is a list of 9; it must be a list of 1 to 8 legs"));
        let text = refused(&[hour(), file(None, 0.0)], None);
        assert_eq!(text, "bake.cycle[1].for_s: for_s is 0.0; it must be 1e-12 to 1000000000000.0 s");
        assert!(refused(&[file(None, f64::NAN)], None).contains("for_s is NaN"));
        let cold = refused(&[file(Some(-300.0), 1.0)], None);
        assert!(cold.contains("temperature_c is -300; it must be above -273.15 and at most 1000.0 C"), "{cold}");
        assert!(refused(&[file(Some(1000.1), 1.0)], None).contains("temperature_c is 1000.1; it must"));
        assert!(refused(&[file(Some(f64::INFINITY), 1.0)], None).contains("temperature_c is inf"));
        for cycles in [0, -1, (1 << 53) + 1] {
            let text = refused(&[hour()], Some(cycles));
            let limit = "it must be 1 to 9007199254740992";
            assert_eq!(text, format!("bake.cycles: cycles is {cycles}; {limit}"));
        }
        assert!(Profile::from_files(&[file(Some(1000.0), 1e12), hour()], Some(1 << 53)).is_ok());
        assert!(toml::from_str::<LegFile>("for_s = 1.0\ntemperature_k = 300.0").is_err());
        assert!(toml::from_str::<LegFile>("for_s = 1.0\ntemperature_c = 25.0").is_ok());
    }
}
