//! How long a job may take.

use std::fmt;
use std::str::FromStr;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;
/// Longest time limit, days: what Slurm itself can hold is longer.
const MAX_DAYS: u64 = 365;
/// Longest warning before the limit, seconds.
const WARNING_S: u64 = 120;

const FORMS: &str =
    "it must be a time such as 2h, 90min, 1d12h, or as Slurm writes it: minutes, HH:MM:SS or D-HH:MM:SS";

/// A time limit, in whole minutes as Slurm counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimit {
    seconds: u64,
}

impl TimeLimit {
    /// How long before the limit the script is told, in seconds: two minutes, or a quarter of a limit that is shorter
    /// than eight.
    pub fn warning_s(self) -> u64 {
        WARNING_S.min(self.seconds / 4)
    }
}

/// As Slurm writes it: `1-12:00:00`.
impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.seconds / DAY_S, self.seconds % DAY_S);
        write!(f, "{days}-{:02}:{:02}:00", rest / HOUR_S, rest % HOUR_S / MINUTE_S)
    }
}

impl FromStr for TimeLimit {
    type Err = String;

    /// Reads `2h`, `90min`, `1d12h30m`, and Slurm's `90`, `90:00`, `1:30:00`, `1-12`, `1-12:00`, `1-12:00:00`.
    /// Seconds are rounded up to a minute.
    fn from_str(text: &str) -> Result<TimeLimit, String> {
        let text = text.trim();
        let units = text.ends_with(|c: char| c.is_ascii_alphabetic());
        let seconds = if units { of_units(text) } else { of_slurm(text) }.ok_or(FORMS)?;
        if !(1..=MAX_DAYS * DAY_S).contains(&seconds) {
            return Err(format!("it must be more than 0 and at most {MAX_DAYS} days"));
        }
        Ok(TimeLimit { seconds: seconds.div_ceil(MINUTE_S) * MINUTE_S })
    }
}

/// `1d12h30min`: numbers with units, largest first, each once.
fn of_units(text: &str) -> Option<u64> {
    let mut rest = text;
    let (mut sum, mut last) = (0_u64, u64::MAX);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let unit_s = match unit.trim() {
            "d" | "day" | "days" => DAY_S,
            "h" | "hour" | "hours" => HOUR_S,
            "m" | "min" | "minute" | "minutes" => MINUTE_S,
            "s" => 1,
            _ => return None,
        };
        if unit_s >= last {
            return None;
        }
        last = unit_s;
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(unit_s)?)?;
        rest = after;
    }
    Some(sum)
}

/// sbatch(1), `--time`.
fn of_slurm(text: &str) -> Option<u64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(number(days)?), clock),
        None => (None, text),
    };
    let parts = clock.split(':').map(number).collect::<Option<Vec<u64>>>()?;
    let [hours, minutes, seconds] = match (days, parts.as_slice()) {
        (_, &[h, m, s]) => [h, m, s],
        (Some(_), &[h, m]) => [h, m, 0],
        (Some(_), &[h]) => [h, 0, 0],
        (None, &[m, s]) => [0, m, s],
        (None, &[m]) => [0, m, 0],
        _ => return None,
    };
    let scaled = [(days.unwrap_or(0), DAY_S), (hours, HOUR_S), (minutes, MINUTE_S), (seconds, 1)];
    scaled.into_iter().try_fold(0_u64, |sum, (count, unit_s)| sum.checked_add(count.checked_mul(unit_s)?))
}

fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_and_as_slurm_write_them() {
        for (text, slurm) in [
            ("2h", "0-02:00:00"),
            ("90min", "0-01:30:00"),
            ("90m", "0-01:30:00"),
            ("1h30min", "0-01:30:00"),
            ("1d12h", "1-12:00:00"),
            ("7 days", "7-00:00:00"),
            ("61s", "0-00:02:00"),
            ("90", "0-01:30:00"),
            ("90:00", "0-01:30:00"),
            ("1:30:00", "0-01:30:00"),
            ("0:00:30", "0-00:01:00"),
            ("1-12", "1-12:00:00"),
            ("1-12:30", "1-12:30:00"),
            ("1-12:00:00", "1-12:00:00"),
            ("365d", "365-00:00:00"),
        ] {
            let found: TimeLimit = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(found.to_string(), slurm, "{text}");
            // What is written is read as the same.
            assert_eq!(slurm.parse(), Ok(found));
        }
        for wrong in [
            "",
            "0",
            "0h",
            "h",
            "2x",
            "2 h 3",
            "-1",
            "1.5h",
            "1h2h",
            "30min1h",
            "1:2:3:4",
            "1-",
            "1-2-3",
            "a",
            "366d",
            "99999999999999999999",
            "18446744073709551615h",
            "+5",
            "1h 30",
        ] {
            assert!(wrong.parse::<TimeLimit>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_warning_comes_before_the_limit_and_leaves_most_of_the_time() {
        let warning_s = |text: &str| text.parse::<TimeLimit>().unwrap().warning_s();
        assert_eq!((warning_s("1min"), warning_s("8min"), warning_s("2h")), (15, 120, 120));
    }
}
