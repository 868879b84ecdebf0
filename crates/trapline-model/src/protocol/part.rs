//! Pulse trains and sweeps as files and options give them, and their limits.

use super::{Part, Segment, segments};
use serde::Deserialize;

/// Largest bias of either sign, V.
pub const MAX_BIAS_V: f64 = 100.0;
/// Longest pulse, interval and dwell, s.
pub const MAX_DWELL_S: f64 = 1e6;
/// Shortest pulse, interval and dwell, s: a period of the lattice, below which no rate of a trap means anything.
pub const MIN_DWELL_S: f64 = 1e-12;
/// Most segments of constant bias in one programming or waveform.
pub const MAX_SEGMENTS: u64 = 1_000_000;
/// Most points of a staircase, up.
pub const MAX_SWEEP_POINTS: f64 = 1e5;

/// A step count may be off a whole number by this, relatively: what decimal fractions lose in binary.
const WHOLE: f64 = 1e-6;

/// One part of a programming: a pulse train (`pulses`, `amplitude_v`, `width_s`, `interval_s`) or staircase sweeps
/// (`sweeps`, `sweep_to_v`, `step_v`, `dwell_s`), all four keys of the one or of the other.
///
/// Integers are signed, so that a negative number is told its limit, not its type.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartFile {
    pub pulses: Option<i64>,
    /// Volts, up to 100 of either sign.
    pub amplitude_v: Option<f64>,
    pub width_s: Option<f64>,
    /// At 0 V after each pulse; may be 0.
    pub interval_s: Option<f64>,
    pub sweeps: Option<i64>,
    /// A whole number of steps, of either sign.
    pub sweep_to_v: Option<f64>,
    pub step_v: Option<f64>,
    /// At each point of the staircase.
    pub dwell_s: Option<f64>,
}

/// What is wrong with a part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is {value}; it must be {limit}", if key.is_empty() { "it" } else { key })]
pub struct Wrong {
    /// As [`PartFile`] has it; empty where the part as a whole is wrong.
    pub key: &'static str,
    pub value: String,
    pub limit: String,
}

impl Wrong {
    pub(super) fn new(key: &'static str, value: impl ToString, limit: impl ToString) -> Wrong {
        Wrong { key, value: value.to_string(), limit: limit.to_string() }
    }

    /// The key in full, in a list called `list`: `program[0].width_s`.
    pub fn key_in(&self, list: &str, place: Option<usize>) -> String {
        let part = place.map_or_else(String::new, |place| format!("[{place}]"));
        let dot = if self.key.is_empty() { "" } else { "." };
        format!("{list}{part}{dot}{}", self.key)
    }
}

const PULSES: &str = "pulses, amplitude_v, width_s and interval_s";
const SWEEPS: &str = "sweeps, sweep_to_v, step_v and dwell_s";

impl PartFile {
    /// The part, checked.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn part(&self) -> Result<Part, Wrong> {
        let of_pulses =
            [self.pulses.is_some(), self.amplitude_v.is_some(), self.width_s.is_some(), self.interval_s.is_some()];
        let of_sweeps =
            [self.sweeps.is_some(), self.sweep_to_v.is_some(), self.step_v.is_some(), self.dwell_s.is_some()];
        let either = format!("a pulse train ({PULSES}) or a sweep ({SWEEPS})");
        let part = match (of_pulses.contains(&true), of_sweeps.contains(&true)) {
            (true, false) => Part::Pulses {
                pulses: number("pulses", required("pulses", self.pulses, PULSES)?)?,
                amplitude_v: required("amplitude_v", self.amplitude_v, PULSES)?,
                width_s: required("width_s", self.width_s, PULSES)?,
                interval_s: required("interval_s", self.interval_s, PULSES)?,
            },
            (false, true) => Part::Sweep {
                sweeps: number("sweeps", required("sweeps", self.sweeps, SWEEPS)?)?,
                sweep_to_v: required("sweep_to_v", self.sweep_to_v, SWEEPS)?,
                step_v: required("step_v", self.step_v, SWEEPS)?,
                dwell_s: required("dwell_s", self.dwell_s, SWEEPS)?,
            },
            (true, true) => return Err(Wrong::new("", "both", either)),
            (false, false) => return Err(Wrong::new("", "empty", either)),
        };
        part.checked()
    }
}

fn required<T>(name: &str, value: Option<T>, all: &str) -> Result<T, Wrong> {
    value.ok_or_else(|| Wrong::new("", format!("without {name}"), format!("given {all}")))
}

fn number(key: &'static str, value: i64) -> Result<u32, Wrong> {
    u32::try_from(value).map_err(|_| Wrong::new(key, value, format!("1 to {MAX_SEGMENTS}")))
}

impl Part {
    /// The part, if every value is within its limit.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn checked(self) -> Result<Part, Wrong> {
        match self {
            Part::Pulses { pulses, amplitude_v, width_s, interval_s } => {
                bias("amplitude_v", amplitude_v)?;
                lasting("width_s", width_s)?;
                if interval_s != 0.0 && !(MIN_DWELL_S..=MAX_DWELL_S).contains(&interval_s) {
                    let limit = format!("0, or {MIN_DWELL_S:?} to {MAX_DWELL_S:?} s");
                    return Err(Wrong::new("interval_s", format!("{interval_s:?}"), limit));
                }
                let each = if interval_s > 0.0 { 2 } else { 1 };
                within("pulses", pulses, MAX_SEGMENTS / each)?;
            }
            Part::Sweep { sweeps, sweep_to_v, step_v, dwell_s } => {
                bias("sweep_to_v", sweep_to_v)?;
                positive("step_v", step_v, MAX_BIAS_V, "V")?;
                lasting("dwell_s", dwell_s)?;
                within("sweeps", sweeps, MAX_SEGMENTS / (2 * steps(sweep_to_v, step_v)?))?;
            }
        }
        Ok(self)
    }

    /// Number of its segments; of a checked part at most [`MAX_SEGMENTS`].
    pub fn segment_count(&self) -> u64 {
        match *self {
            Part::Pulses { pulses, interval_s, .. } => u64::from(pulses) * if interval_s > 0.0 { 2 } else { 1 },
            Part::Sweep { sweeps, sweep_to_v, step_v, .. } => {
                u64::from(sweeps) * 2 * (sweep_to_v.abs() / step_v).round() as u64
            }
        }
    }
}

/// Points of a staircase, up.
fn steps(sweep_to_v: f64, step_v: f64) -> Result<u64, Wrong> {
    let steps = sweep_to_v.abs() / step_v;
    let points = steps.round();
    if points > MAX_SWEEP_POINTS {
        let least = sweep_to_v.abs() / MAX_SWEEP_POINTS;
        let limit = format!("at least {least:?} V, so that a sweep has at most {MAX_SWEEP_POINTS} points");
        return Err(Wrong::new("step_v", format!("{step_v:?}"), limit));
    }
    if points < 1.0 || (steps - points).abs() > WHOLE * points {
        let limit = format!("a whole fraction of the sweep's {:?} V", sweep_to_v.abs());
        return Err(Wrong::new("step_v", format!("{step_v:?}"), limit));
    }
    Ok(points as u64)
}

fn bias(key: &'static str, value: f64) -> Result<(), Wrong> {
    if value != 0.0 && value.abs() <= MAX_BIAS_V {
        return Ok(());
    }
    Err(Wrong::new(key, format!("{value:?}"), format!("-{MAX_BIAS_V} to {MAX_BIAS_V} V, and not 0")))
}

fn positive(key: &'static str, value: f64, high: f64, unit: &str) -> Result<(), Wrong> {
    if value > 0.0 && value <= high {
        return Ok(());
    }
    Err(Wrong::new(key, format!("{value:?}"), format!("more than 0 and at most {high:?} {unit}")))
}

fn lasting(key: &'static str, value_s: f64) -> Result<(), Wrong> {
    if (MIN_DWELL_S..=MAX_DWELL_S).contains(&value_s) {
        return Ok(());
    }
    Err(Wrong::new(key, format!("{value_s:?}"), format!("{MIN_DWELL_S:?} to {MAX_DWELL_S:?} s")))
}

fn within(key: &'static str, value: u32, high: u64) -> Result<(), Wrong> {
    if (1..=high).contains(&u64::from(value)) {
        return Ok(());
    }
    Err(Wrong::new(key, value, format!("1 to {high}")))
}

/// The parts of a programming, each within its limits, together within [`MAX_SEGMENTS`].
///
/// # Errors
/// [`Wrong`], with the number of the part (none where all of them together are wrong).
pub fn program(files: &[PartFile]) -> Result<Vec<Part>, (Option<usize>, Wrong)> {
    if files.is_empty() {
        return Err((None, Wrong::new("", "an empty list", "a list of at least one pulse train or sweep")));
    }
    let (mut parts, mut count) = (Vec::new(), 0_u64);
    for (place, file) in files.iter().enumerate() {
        let part = file.part().map_err(|wrong| (Some(place), wrong))?;
        count = count.saturating_add(part.segment_count());
        parts.push(part);
        if count > MAX_SEGMENTS {
            let limit = format!("at most {MAX_SEGMENTS} segments of constant bias");
            return Err((None, Wrong::new("", format!("{count} segments long"), limit)));
        }
    }
    Ok(parts)
}

/// The segments of a part from options; see [`Part::checked`].
///
/// # Errors
/// [`Wrong`].
pub fn checked_segments(part: Part) -> Result<Vec<Segment>, Wrong> {
    part.checked().map(|part| segments(&[part]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train() -> PartFile {
        PartFile {
            pulses: Some(30),
            amplitude_v: Some(1.5),
            width_s: Some(1e-3),
            interval_s: Some(1e-3),
            ..PartFile::default()
        }
    }

    fn staircase() -> PartFile {
        PartFile {
            sweeps: Some(1),
            sweep_to_v: Some(-5.0),
            step_v: Some(0.05),
            dwell_s: Some(3.9e-4),
            ..PartFile::default()
        }
    }

    #[test]
    fn parts_count_their_segments_before_there_are_any() {
        for file in [train(), staircase(), PartFile { interval_s: Some(0.0), ..train() }] {
            let part = file.part().unwrap();
            assert_eq!(part.segments(0).len() as u64, part.segment_count());
        }
        let many = PartFile { pulses: Some(i64::from(u32::MAX)), ..train() }.part().unwrap_err();
        assert_eq!(many.to_string(), "pulses is 4294967295; it must be 1 to 500000");
        let half = || PartFile { pulses: Some(400_000), ..train() };
        let (place, together) = program(&[half(), half()]).unwrap_err();
        assert!(place.is_none() && together.to_string().contains("at most 1000000"), "{together}");
    }

    #[test]
    fn bad_parts_say_what_is_missing_or_wrong() {
        let refused = |file: PartFile| file.part().unwrap_err().to_string();
        assert!(refused(PartFile::default()).contains("pulses, amplitude_v"));
        assert!(refused(PartFile { width_s: None, ..train() }).contains("without width_s"));
        assert!(refused(PartFile { sweeps: Some(1), ..train() }).contains("is both"));
        assert!(
            refused(PartFile { width_s: Some(-1e-3), ..train() })
                .starts_with("width_s is -0.001; it must be 1e-12 to 1000000.0 s")
        );
        assert!(refused(PartFile { amplitude_v: Some(0.0), ..train() }).contains("not 0"));
        assert!(refused(PartFile { amplitude_v: Some(f64::NAN), ..train() }).contains("NaN"));
        assert!(refused(PartFile { interval_s: Some(-0.1), ..train() }).contains("interval_s"));
        assert!(refused(PartFile { pulses: Some(0), ..train() }).contains("pulses is 0; it must be 1 to 500000"));
        assert!(refused(PartFile { pulses: Some(-3), ..train() }).contains("pulses is -3; it must be 1 to"));
        assert!(refused(PartFile { step_v: Some(0.3), ..staircase() }).contains("whole fraction"));
        assert!(refused(PartFile { step_v: Some(1e-9), ..staircase() }).contains("at least"));
        assert!(refused(PartFile { step_v: Some(20.0), ..staircase() }).contains("whole fraction"));
        assert!(refused(PartFile { sweep_to_v: Some(0.0), ..staircase() }).contains("sweep_to_v"));
    }
}
