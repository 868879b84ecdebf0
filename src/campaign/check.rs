//! Limits of a campaign's values, and the messages that name them.

use super::error::Bad;
use super::file::{DumpFile, PartFile};
use crate::array::ArrayShape;
use crate::backend::job::ReadOut;
use crate::material::Material;
use crate::outcome::CellWindow;
use crate::protocol::Part;
use crate::units::celsius_texts;

/// Highest temperature, degrees Celsius.
pub const MAX_TEMPERATURE_C: f64 = 1000.0;
/// Most temperatures of a campaign.
pub const MAX_TEMPERATURES: usize = 1000;
/// Most materials of a campaign: as many as a figure has panels.
pub const MAX_MATERIALS: usize = 12;
/// Largest bias of either sign, V.
pub const MAX_BIAS_V: f64 = 100.0;
/// Longest pulse, interval and dwell, s.
pub const MAX_DWELL_S: f64 = 1e6;
/// Most segments of constant bias in the programming of one material.
pub const MAX_SEGMENTS: u64 = 1_000_000;
/// Most points of a staircase, up.
pub const MAX_SWEEP_POINTS: f64 = 1e5;
/// Most substeps of a segment.
pub const MAX_SUBSTEPS: u64 = 64;
/// Earliest checkpoint, s: the kernels count time in the longest one, in f32.
pub const MIN_TIME_S: f64 = 1e-12;
/// Latest checkpoint, s.
pub const MAX_TIME_S: f64 = 1e12;
/// Largest share of the window a cell may be asked to keep: f32 knows what is kept to 4e-6.
pub const MAX_KEPT_BELOW: f64 = 0.9999;
/// Most readings (cells times checkpoints) of a dump: it passes through memory, 28 bytes a reading, less than 1 GiB.
pub const MAX_DUMP_READINGS: u64 = 1 << 25;
/// Largest record, dumps aside: the summary and the figure hold it in memory.
pub const MAX_RECORD_BYTES: u64 = 1 << 30;

/// A step count may be off a whole number by this, relatively: what decimal fractions lose in binary.
const WHOLE: f64 = 1e-6;

/// A finite number from `low` to `high`, both included.
pub(super) fn between(key: &str, value: f64, low: f64, high: f64, unit: &str) -> Result<f64, Bad> {
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(Bad::key(key, format!("{value:?}"), format!("{low:?} to {high:?} {unit}").trim_end()))
    }
}

/// A finite number above 0, up to `high`.
pub(super) fn positive(key: &str, value: f64, high: f64, unit: &str) -> Result<f64, Bad> {
    if value > 0.0 && value <= high {
        Ok(value)
    } else {
        Err(Bad::key(key, format!("{value:?}"), format!("more than 0 and at most {high:?} {unit}").trim_end()))
    }
}

/// A bias of either sign, not 0.
pub(super) fn bias(key: &str, value: f64) -> Result<f64, Bad> {
    if value != 0.0 && value.abs() <= MAX_BIAS_V {
        Ok(value)
    } else {
        let limit = format!("-{MAX_BIAS_V} to {MAX_BIAS_V} V, and not 0");
        Err(Bad::key(key, format!("{value:?}"), limit))
    }
}

/// A whole number from `low` to `high`, both included.
pub(super) fn whole(key: &str, value: i64, low: u64, high: u64) -> Result<u64, Bad> {
    match u64::try_from(value) {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        _ => Err(Bad::key(key, value, format!("{low} to {high}"))),
    }
}

/// A list with something in it.
pub(super) fn not_empty(key: &str, length: usize, of: &str) -> Result<(), Bad> {
    if length > 0 { Ok(()) } else { Err(Bad::key(key, "an empty list", format!("a list of at least {of}"))) }
}

/// A list that is not too long.
pub(super) fn at_most(key: &str, length: usize, most: usize) -> Result<(), Bad> {
    if length <= most {
        return Ok(());
    }
    Err(Bad::key(key, format!("a list of {length}"), format!("a list of at most {most}")))
}

/// A temperature in degrees Celsius, above absolute zero.
pub(super) fn temperature(key: &str, value: f64) -> Result<f64, Bad> {
    let zero = -crate::units::ZERO_CELSIUS_K;
    // Numbers beside absolute zero round to it in kelvin.
    if crate::units::kelvin(value) > 0.0 && value <= MAX_TEMPERATURE_C {
        Ok(value)
    } else {
        let limit = format!("more than {zero} (absolute zero) and at most {MAX_TEMPERATURE_C} °C");
        Err(Bad::key(key, format!("{value:?}"), limit))
    }
}

/// The parts of a programming, each with its keys and within its limits, together within [`MAX_SEGMENTS`].
pub(super) fn program(key: &str, parts: &[PartFile]) -> Result<Vec<Part>, Bad> {
    not_empty(key, parts.len(), "one pulse train or sweep")?;
    let mut segments = 0_u64;
    let mut checked = Vec::new();
    for (i, file) in parts.iter().enumerate() {
        let (part, count) = part(&format!("{key}[{i}]"), file)?;
        checked.push(part);
        segments = segments.saturating_add(count);
        if segments > MAX_SEGMENTS {
            let what = format!("key {key}: the number of segments of constant bias");
            return Err(Bad { what, value: segments.to_string(), limit: format!("at most {MAX_SEGMENTS}") });
        }
    }
    Ok(checked)
}

const PULSES: &str = "pulses, amplitude_v, width_s and interval_s";
const SWEEPS: &str = "sweeps, sweep_to_v, step_v and dwell_s";

/// A part and its number of segments.
fn part(key: &str, file: &PartFile) -> Result<(Part, u64), Bad> {
    let of_pulses =
        [file.pulses.is_some(), file.amplitude_v.is_some(), file.width_s.is_some(), file.interval_s.is_some()];
    let of_sweeps = [file.sweeps.is_some(), file.sweep_to_v.is_some(), file.step_v.is_some(), file.dwell_s.is_some()];
    match (of_pulses.contains(&true), of_sweeps.contains(&true)) {
        (true, false) => pulses(key, file),
        (false, true) => sweeps(key, file),
        (true, true) => Err(Bad::key(key, "both", format!("a pulse train ({PULSES}) or a sweep ({SWEEPS})"))),
        (false, false) => Err(Bad::key(key, "empty", format!("a pulse train ({PULSES}) or a sweep ({SWEEPS})"))),
    }
}

fn required<T>(key: &str, name: &str, value: Option<T>, all: &str) -> Result<T, Bad> {
    value.ok_or_else(|| Bad::key(key, format!("without {name}"), format!("given {all}")))
}

fn pulses(key: &str, file: &PartFile) -> Result<(Part, u64), Bad> {
    let number = required(key, "pulses", file.pulses, PULSES)?;
    let amplitude_v = bias(&format!("{key}.amplitude_v"), required(key, "amplitude_v", file.amplitude_v, PULSES)?)?;
    let width_s = required(key, "width_s", file.width_s, PULSES)?;
    let width_s = positive(&format!("{key}.width_s"), width_s, MAX_DWELL_S, "s")?;
    let interval_s = required(key, "interval_s", file.interval_s, PULSES)?;
    let interval_s = between(&format!("{key}.interval_s"), interval_s, 0.0, MAX_DWELL_S, "s")?;
    let each = if interval_s > 0.0 { 2 } else { 1 };
    let pulses = whole(&format!("{key}.pulses"), number, 1, MAX_SEGMENTS / each)?;
    Ok((Part::Pulses { pulses: pulses as u32, amplitude_v, width_s, interval_s }, pulses * each))
}

fn sweeps(key: &str, file: &PartFile) -> Result<(Part, u64), Bad> {
    let number = required(key, "sweeps", file.sweeps, SWEEPS)?;
    let sweep_to_v = bias(&format!("{key}.sweep_to_v"), required(key, "sweep_to_v", file.sweep_to_v, SWEEPS)?)?;
    let step_key = format!("{key}.step_v");
    let step_v = positive(&step_key, required(key, "step_v", file.step_v, SWEEPS)?, MAX_BIAS_V, "V")?;
    let dwell_s = required(key, "dwell_s", file.dwell_s, SWEEPS)?;
    let dwell_s = positive(&format!("{key}.dwell_s"), dwell_s, MAX_DWELL_S, "s")?;
    let steps = sweep_to_v.abs() / step_v;
    let points = steps.round();
    if points > MAX_SWEEP_POINTS {
        let limit = format!("at least sweep_to_v/{MAX_SWEEP_POINTS}, {:?} V", sweep_to_v.abs() / MAX_SWEEP_POINTS);
        return Err(Bad::key(step_key, format!("{step_v:?}"), limit));
    }
    if points < 1.0 || (steps - points).abs() > WHOLE * points {
        let limit = format!("a whole fraction of sweep_to_v, {sweep_to_v:?} V");
        return Err(Bad::key(step_key, format!("{step_v:?}"), limit));
    }
    let each = 2 * points as u64;
    let sweeps = whole(&format!("{key}.sweeps"), number, 1, MAX_SEGMENTS / each)?;
    Ok((Part::Sweep { sweeps: sweeps as u32, sweep_to_v, step_v, dwell_s }, sweeps * each))
}

/// A window inside the array, small enough to pass through memory.
pub(super) fn dump(file: &DumpFile, shape: ArrayShape, checkpoints: usize) -> Result<CellWindow, Bad> {
    let first_row = whole("dump.first_row", file.first_row, 0, shape.rows - 1)?;
    let first_col = whole("dump.first_col", file.first_col, 0, shape.cols - 1)?;
    let rows = whole("dump.rows", file.rows, 1, shape.rows - first_row)?;
    let cols = whole("dump.cols", file.cols, 1, shape.cols - first_col)?;
    let readings = rows * cols * checkpoints as u64;
    if readings > MAX_DUMP_READINGS {
        let what = format!("key dump: the number of readings, {rows} x {cols} cells at {checkpoints} times,");
        return Err(Bad { what, value: readings.to_string(), limit: format!("at most {MAX_DUMP_READINGS}") });
    }
    Ok(CellWindow { first_row, first_col, rows, cols })
}

/// A fresh cell that conducts, and no more than a number can say.
pub(super) fn read_out(material: &Material, read: &ReadOut, temperature_k: f64) -> Result<(), Bad> {
    if read.fresh_conductance_s.is_normal() && read.direct.is_finite() && read.hopping.is_finite() {
        return Ok(());
    }
    let what = format!(
        "the conductance of a fresh cell of {:?} at {} °C",
        material.name,
        celsius_texts(&[temperature_k]).concat()
    );
    let limit = "a positive number of S; check the material's barrier and hopping, the temperature and read.bias_v";
    Err(Bad { what, value: format!("{:e} S", read.fresh_conductance_s), limit: limit.to_owned() })
}

/// Numbers of the record of this many points, dumps aside.
pub(super) fn record_size(points: usize, checkpoints: usize, bins: usize) -> Result<(), Bad> {
    // Per checkpoint four moments of four quantities, three histograms with their two ends, and the failures; 8 bytes each.
    let bytes = (points * checkpoints) as u64 * (16 + 3 * (bins as u64 + 2) + 1) * 8;
    if bytes <= MAX_RECORD_BYTES {
        return Ok(());
    }
    let what = format!("the record of {points} points, {checkpoints} times and {bins} bins");
    let limit = format!("at most {} GiB; ask for fewer points, times or bins", MAX_RECORD_BYTES >> 30);
    Err(Bad { what, value: format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)), limit })
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
            let (part, count) = part("p", &file).unwrap();
            assert_eq!(part.segments(0).len() as u64, count);
        }
        let many = program("p", &[PartFile { pulses: Some(i64::from(u32::MAX)), ..train() }]).unwrap_err();
        assert!(many.to_string().contains("p[0].pulses is 4294967295; it must be 1 to 500000"), "{many}");
        let together = program(
            "p",
            &[PartFile { pulses: Some(400_000), ..train() }, PartFile { pulses: Some(400_000), ..train() }],
        );
        assert!(together.unwrap_err().to_string().contains("at most 1000000"));
    }

    #[test]
    fn bad_parts_say_what_is_missing_or_wrong() {
        let refused = |file: PartFile| program("material[0].program", &[file]).unwrap_err().to_string();
        assert!(refused(PartFile::default()).contains("pulses, amplitude_v"));
        assert!(refused(PartFile { width_s: None, ..train() }).contains("without width_s"));
        assert!(refused(PartFile { sweeps: Some(1), ..train() }).contains("is both"));
        assert!(
            refused(PartFile { width_s: Some(-1e-3), ..train() }).contains("width_s is -0.001; it must be more than 0")
        );
        assert!(refused(PartFile { amplitude_v: Some(0.0), ..train() }).contains("not 0"));
        assert!(refused(PartFile { amplitude_v: Some(f64::NAN), ..train() }).contains("NaN"));
        assert!(refused(PartFile { interval_s: Some(-0.1), ..train() }).contains("interval_s"));
        assert!(refused(PartFile { step_v: Some(0.3), ..staircase() }).contains("whole fraction"));
        assert!(refused(PartFile { step_v: Some(1e-9), ..staircase() }).contains("at least"));
        assert!(refused(PartFile { step_v: Some(20.0), ..staircase() }).contains("whole fraction"));
    }
}
