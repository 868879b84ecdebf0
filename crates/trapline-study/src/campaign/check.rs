//! Limits of a campaign's values, and the messages that name them.

use super::error::Bad;
use super::file::{ArrayFile, BakeFile, DotsFile, DumpFile, ElectronsFile, FailureFile, JudgeFile};
use trapline_model::array::ArrayShape;
use trapline_model::cell::counted::{DotNumber, Electrons, MOST_DOTS, most_dots};
use trapline_model::cell::each_dot::MOST_DOTS_OF_ARRAY;
use trapline_model::cell::read::{Judging, LEAST_READING_S, MOST_READING_S, ReadOut};
use trapline_model::material::Material;
use trapline_model::material::Variation;
use trapline_model::outcome::{CellWindow, MERITS, MeritIs, ReadOf, Sweep};
use trapline_model::protocol::{self, MAX_BIAS_V, Part, PartFile, Profile};
use trapline_model::protocol::{CELL_AREA, MAX_LIMITS, QualificationFile, StudyFile};
use trapline_model::units::celsius_texts;

/// Highest temperature, degrees Celsius.
pub const MAX_TEMPERATURE_C: f64 = 1000.0;
/// Most temperatures of a campaign.
pub const MAX_TEMPERATURES: usize = 1000;
/// Most materials of a campaign: as many as a figure has panels.
pub const MAX_MATERIALS: usize = 12;
/// Earliest checkpoint, s: the kernels count time in the longest one, in f32.
pub const MIN_TIME_S: f64 = 1e-12;
/// Latest checkpoint, s.
pub const MAX_TIME_S: f64 = 1e12;
/// Largest share of the window a cell may be asked to keep: f32 knows what is kept to 4e-6.
pub const MAX_KEPT_BELOW: f64 = 0.9999;
/// Most readings (cells times checkpoints) of a dump: it passes through memory, 28 bytes a reading, less than 1 GiB.
pub const MAX_DUMP_READINGS: u64 = 1 << 25;
/// Random patterns of the other cells where a file names none.
pub(super) const DEFAULT_PATTERNS: i64 = 1;
/// Most points of a campaign.
pub const MAX_POINTS: usize = 200_000;
/// Most materials with numbers that sweeps give them: each is read like a file of its own, up to some milliseconds
/// and kilobytes each.
pub const MAX_CHANGED_MATERIALS: usize = 20_000;
/// Largest record, dumps aside: its histograms pass through memory a point at a time.
pub const MAX_RECORD_BYTES: u64 = 1 << 36;
/// Largest part of a record that the summary and the figures hold in memory, twice while it is read: all numbers but
/// histograms and dumps.
pub const MAX_SUMMARY_BYTES: u64 = 1 << 30;

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

/// What the failing of cells goes by.
pub(super) fn judged(failure: Option<&FailureFile>) -> Result<Judging, Bad> {
    let Some(file) = failure.and_then(|failure| failure.as_read.as_ref()) else { return Ok(Judging::Kept) };
    let key = "failure.as_read.integration_s";
    let integration_s = between(key, file.integration_s, LEAST_READING_S, MOST_READING_S, "s, such as 1e-2 for 10 ms")?;
    Ok(Judging::Reading { integration_s, first: file.judge != Some(JudgeFile::This) })
}

/// A whole number from `low` to `high`, both included.
pub(super) fn whole(key: &str, value: i64, low: u64, high: u64) -> Result<u64, Bad> {
    match u64::try_from(value) {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        _ => Err(Bad::key(key, value, format!("{low} to {high}"))),
    }
}

/// Refuses an empty list.
pub(super) fn not_empty(key: &str, length: usize, of: &str) -> Result<(), Bad> {
    if length > 0 { Ok(()) } else { Err(Bad::key(key, "an empty list", format!("a list of at least {of}"))) }
}

/// Refuses a list longer than its limit.
pub(super) fn at_most(key: &str, length: usize, most: usize) -> Result<(), Bad> {
    if length <= most {
        return Ok(());
    }
    Err(Bad::key(key, format!("a list of {length}"), format!("a list of at most {most}")))
}

/// A temperature in degrees Celsius, above absolute zero.
pub(super) fn temperature(key: &str, value: f64) -> Result<f64, Bad> {
    let zero = -trapline_model::units::ZERO_CELSIUS_K;
    // Numbers beside absolute zero round to it in kelvin.
    if trapline_model::units::kelvin(value) > 0.0 && value <= MAX_TEMPERATURE_C {
        Ok(value)
    } else {
        let limit = format!("more than {zero} (absolute zero) and at most {MAX_TEMPERATURE_C} °C");
        Err(Bad::key(key, format!("{value:?}"), limit))
    }
}

/// The parts of a programming; see [`protocol::program`].
pub(super) fn program(key: &str, parts: &[PartFile]) -> Result<Vec<Part>, Bad> {
    protocol::program(parts).map_err(|(place, wrong)| Bad::key(wrong.key_in(key, place), wrong.value, wrong.limit))
}

/// What the temperature does while a bake lasts; none where it is constant.
pub(super) fn profile(bake: &BakeFile) -> Result<Option<Profile>, Bad> {
    match (&bake.cycle, bake.cycles) {
        (None, None) => Ok(None),
        (None, Some(cycles)) => Err(Bad::key("bake.cycles", cycles, "left out where there is no bake.cycle")),
        (Some(legs), cycles) => Profile::from_files(legs, cycles)
            .map(Some)
            .map_err(|wrong| Bad::key(wrong.key_in("bake"), wrong.wrong.value.clone(), wrong.wrong.limit.clone())),
    }
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

/// Refuses empty axes, and limits under which no cell could fail.
pub(super) fn qualification(of: &QualificationFile, sweeps: &[Sweep]) -> Result<(), Bad> {
    let swept: Vec<&str> = sweeps.iter().map(|sweep| sweep.name.as_str()).collect();
    let axis = |key: &str, name: &str| match &swept[..] {
        known if known.contains(&name) => Ok(()),
        [] => Err(Bad::key(
            key,
            format!("{name:?}"),
            "the name of a [[sweep]], of which there is none; add one over seed",
        )),
        known => Err(Bad::key(key, format!("{name:?}"), format!("the name of a [[sweep]]: {}", known.join(", ")))),
    };
    axis("qualification.parts", &of.parts)?;
    if let Some(lots) = &of.lots {
        axis("qualification.lots", lots)?;
        if *lots == of.parts {
            return Err(Bad::key("qualification.lots", format!("{lots:?}"), "another sweep than parts, or left out"));
        }
    }
    if !(0.0..1.0).contains(&of.part_fails_above) {
        let limit = "a share of a part's cells, from 0 to less than 1";
        return Err(Bad::key("qualification.part_fails_above", format!("{:?}", of.part_fails_above), limit));
    }
    whole("qualification.allowed_fails", of.allowed_fails, 0, MAX_POINTS as u64).map(drop)
}

/// Refuses a study of sizes that are not swept, of figures that its kind does not have, and limits that are none.
pub(super) fn study(of: &StudyFile, sweeps: &[Sweep], array: &ArrayFile) -> Result<(), Bad> {
    let kind = of.kind.name();
    let needed = if of.kind.is_of_arrays() { "array.rows" } else { CELL_AREA };
    let axis = sweeps.iter().find(|sweep| sweep.name == of.size);
    if !axis.is_some_and(|axis| axis.keys.iter().any(|key| key.key == needed)) {
        let limit = format!("the name of a [[sweep]] over {needed}, among its keys, as a study of kind {kind:?} needs");
        return Err(Bad::key("study.size", format!("{:?}", of.size), &*limit));
    }
    let size_keys = ["array.rows", "array.cols", CELL_AREA];
    for (i, sweep) in sweeps.iter().enumerate().filter(|(_, sweep)| sweep.name != of.size) {
        if let Some(key) = sweep.keys.iter().find(|key| size_keys.contains(&key.key.as_str())) {
            let limit = format!("a key of the sweep {:?}: sizes stand on one axis", of.size);
            return Err(Bad::key(format!("sweep[{i}].key"), format!("{:?}", key.key), &*limit));
        }
    }
    if of.kind.is_of_arrays() && array.wires.is_none() {
        return Err(Bad::key(
            "study.kind",
            format!("{kind:?}"),
            "given beside [array.wires]: arrays are read through them",
        ));
    }
    not_empty("study.limits", of.limits.len(), "one limit, such as { of = \"margin_worst\", at_least = 0.1 }")?;
    at_most("study.limits", of.limits.len(), MAX_LIMITS)?;
    for (i, limit) in of.limits.iter().enumerate() {
        let figures = of.kind.figures();
        if figures.iter().all(|figure| figure.name != limit.of) {
            let names: Vec<&str> = figures.iter().map(|figure| figure.name).collect();
            let known = format!("a figure of kind {kind:?}: {}", names.join(", "));
            return Err(Bad::key(format!("study.limits[{i}].of"), format!("{:?}", limit.of), &*known));
        }
        if let Some(needed) = of.kind.is_of_arrays().then(|| needs(&limit.of, array)).flatten() {
            return Err(Bad::key(format!("study.limits[{i}].of"), format!("{:?}", limit.of), needed));
        }
        let here = format!("study.limits[{i}]");
        match (limit.at_least, limit.at_most) {
            (Some(_), Some(_)) => return Err(Bad::key(here, "with at_least and at_most", "given one of the two")),
            (None, None) => return Err(Bad::key(here, "without at_least and at_most", "given one of the two")),
            _ if !limit.bound().is_finite() => return Err(Bad::key(here, limit.bound(), "a finite number")),
            _ => {}
        }
    }
    Ok(())
}

/// What a figure of arrays needs that the file does not ask for.
fn needs(figure: &str, array: &ArrayFile) -> Option<&'static str> {
    let vectors = array.wires.as_ref().and_then(|wires| wires.vectors).unwrap_or(0);
    let patterns = array.scheme.as_ref().map(|scheme| scheme.patterns.unwrap_or(DEFAULT_PATTERNS));
    let place = MERITS.iter().position(|of| of.name == figure)?;
    match (ReadOf::figure(place), patterns) {
        (ReadOf::Products, _) if vectors == 0 => Some("given beside array.wires.vectors, 1 or more"),
        (ReadOf::OneCell, None) => Some("given beside [array.scheme]"),
        (ReadOf::Write, _) if array.write.is_none() => Some("given beside [array.write]"),
        (ReadOf::Programming, _) if array.programming.is_none() => Some("given beside [array.programming]"),
        (ReadOf::OneCell, Some(0)) if place == MeritIs::MarginRandom as usize => {
            Some("given with array.scheme.patterns of 1 or more")
        }
        _ => None,
    }
}

/// The remark on points whose file says nothing of electrons, and whose cells have too many dots to count them.
pub(super) const TOO_MANY_DOTS: &str =
    "a cell has more than 2e6 dots: they are taken in the mean field, and which electron escapes when is left out";

/// How the electrons of a material's cells are taken: counted where nothing is said, and in the mean field where there are
/// more of them than can be counted, and chance hardly matters. Refuses a material whose dots cannot be counted where
/// they shall be.
pub(super) fn electrons(
    how: Option<ElectronsFile>,
    dots: Option<DotsFile>,
    material: &Material,
    variation: bool,
) -> Result<Electrons, Bad> {
    let number = if dots == Some(DotsFile::Fixed) { DotNumber::Fixed } else { DotNumber::Poisson };
    let variation = if variation { material.variation } else { Variation::OFF };
    let electrons = match how {
        Some(ElectronsFile::MeanField) => Electrons::MeanField,
        None if dots.is_none() && most_dots(material, &variation) > MOST_DOTS => Electrons::MeanField,
        Some(ElectronsFile::Counted) | None => Electrons::Counted(number),
        Some(ElectronsFile::EachDot) => Electrons::EachDot(number),
    };
    if electrons.are_counted() {
        can_be_counted(material, &variation)?;
    }
    Ok(electrons)
}

/// Refuses an array that is too large to take each dot by itself; `dots` are those of a cell.
pub(super) fn each_dot(electrons: Electrons, shape: ArrayShape, dots: f64) -> Result<(), Bad> {
    let all = shape.cells() as f64 * dots;
    if !matches!(electrons, Electrons::EachDot(_)) || all <= MOST_DOTS_OF_ARRAY {
        return Ok(());
    }
    let limit = format!(
        "for arrays of {MOST_DOTS_OF_ARRAY:.2e} dots at most, here {} cells; take fewer rows and columns, or \"counted\"",
        (MOST_DOTS_OF_ARRAY / dots).floor()
    );
    let value = format!("\"each-dot\" for {} x {} cells of {dots:.0} dots", shape.rows, shape.cols);
    Err(Bad::key("electrons", value, limit))
}

fn can_be_counted(material: &Material, variation: &Variation) -> Result<(), Bad> {
    let Some(capture) = material.capture else { return Ok(()) };
    let largest = most_dots(material, variation);
    let (what, value, limit) = if capture.traps < 1.0 {
        let limit = "1 at least; enlarge film.area, or set electrons = \"mean-field\"";
        ("the number of traps of a cell of", capture.traps, limit.to_owned())
    } else if largest > MOST_DOTS {
        let limit = format!("{MOST_DOTS} at most; set electrons = \"mean-field\"");
        ("the number of traps of a cell five standard deviations larger than the nominal one of", largest, limit)
    } else {
        return Ok(());
    };
    Err(Bad { what: format!("{what} {:?}", material.name), value: format!("{value:?}"), limit })
}

/// Refuses a material whose fresh cell does not conduct, or conducts more than a number can hold.
pub(super) fn read_out(material: &Material, read: &ReadOut, temperature_k: f64) -> Result<(), Bad> {
    if read.is_sound() {
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

/// A number of points that a folder, a plan and a record can hold.
pub(super) fn points(points: u64) -> Result<(), Bad> {
    if points <= MAX_POINTS as u64 {
        return Ok(());
    }
    let value = if points == u64::MAX { format!("{points} or more") } else { points.to_string() };
    let what = "the number of points, sweeps by materials by temperatures,".to_owned();
    Err(Bad { what, value, limit: format!("at most {MAX_POINTS}; split the campaign") })
}

/// A number of changed materials that can be read and held.
pub(super) fn changed_materials(number: usize) -> Result<(), Bad> {
    if number <= MAX_CHANGED_MATERIALS {
        return Ok(());
    }
    let what = "the number of materials that sweeps over parameter. keys make".to_owned();
    let limit = format!("at most {MAX_CHANGED_MATERIALS}; split the campaign");
    Err(Bad { what, value: number.to_string(), limit })
}

/// Numbers of the record of this many points, dumps aside.
pub(super) fn record_size(points: usize, checkpoints: usize, bins: usize) -> Result<(), Bad> {
    // Per checkpoint four moments of four quantities and the failures, 8 bytes each; and three histograms with their
    // two ends.
    let summary = (points * checkpoints) as u64 * (16 + 1) * 8;
    let record = summary + (points * checkpoints) as u64 * 3 * (bins as u64 + 2) * 8;
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let too_large = |what: String, bytes: u64, limit: u64, fewer: &str| {
        let limit = format!("at most {} GiB; ask for fewer {fewer}", limit >> 30);
        Err(Bad { what, value: format!("{:.2} GiB", gib(bytes)), limit })
    };
    if summary > MAX_SUMMARY_BYTES {
        let what = format!("what is held in memory of {points} points at {checkpoints} times");
        return too_large(what, summary, MAX_SUMMARY_BYTES, "points or times");
    }
    if record > MAX_RECORD_BYTES {
        let what = format!("the record of {points} points, {checkpoints} times and {bins} bins");
        return too_large(what, record, MAX_RECORD_BYTES, "points, times or bins");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_as_large_as_its_points_allow() {
        assert!(record_size(10_000, 72, 64).is_ok());
        let told = |points, times, bins| record_size(points, times, bins).unwrap_err().to_string();
        // 8 bytes of 17 numbers, for each point and time; 3 x 1026 numbers more for 1024 bins.
        let memory = told(80_000, 100, 64);
        assert!(memory.contains("held in memory") && memory.contains("1.01 GiB"), "{memory}");
        assert!(record_size(78_000, 100, 64).is_ok());
        let file = told(70_000, 100, 1024);
        assert!(file.contains("1024 bins") && file.contains("161.42 GiB") && file.contains("at most 64 GiB"), "{file}");
    }
}
