//! Measured curves from files of columns: which readings are compared, and which are none.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::FitError;
use super::target::{Kept, MeasuredIv, Point};
use trapline_model::csv_file::{Columns, CsvError, Reading, Wanted};
use trapline_model::protocol::{MAX_BIAS_V, MAX_DWELL_S, MIN_DWELL_S};

/// Points of a measured curve.
const POINTS: RangeInclusive<usize> = 3..=20_000;
/// Latest time of a reading, s.
const LATEST_S: f64 = 1e12;
/// A first time that is so many times what lies between first and last is one of another clock.
const OLD_CLOCK: f64 = 10.0;

/// Files of columns that are read once, however many targets and devices they hold: the last one, for those of one file
/// come after one another.
#[derive(Default)]
pub(super) struct Files {
    text: RefCell<Option<(PathBuf, Rc<str>)>>,
    columns: RefCell<Option<Parsed>>,
}

/// The columns of a file, and what was asked of it.
struct Parsed {
    path: PathBuf,
    wanted: Vec<Wanted>,
    how: Reading,
    columns: Columns,
}

impl Files {
    fn text(&self, path: &Path) -> Result<Rc<str>, CsvError> {
        let mut last = self.text.borrow_mut();
        if let Some((_, text)) = last.as_ref().filter(|(of, _)| of == path) {
            return Ok(Rc::clone(text));
        }
        let text: Rc<str> = Columns::text_of(path)?.into();
        *last = Some((path.to_owned(), Rc::clone(&text)));
        Ok(text)
    }

    fn read(&self, path: &Path, wanted: &[Wanted], how: &Reading) -> Result<Columns, CsvError> {
        Columns::parse(&self.text(path)?, &path.display().to_string(), wanted, how)
    }

    fn keys_of(&self, path: &Path, wanted: &[Wanted], how: &Reading) -> Result<Vec<&'static str>, CsvError> {
        Columns::keys_in(&self.text(path)?, &path.display().to_string(), wanted, how)
    }

    /// The lines of one of the devices of a file, which are all asked for in the same way.
    fn of_device(&self, path: &Path, wanted: &[Wanted], how: &Reading, device: f64) -> Result<Columns, CsvError> {
        let wanted = [wanted, &[DEVICE]].concat();
        let mut last = self.columns.borrow_mut();
        if let Some(parsed) = last.as_ref().filter(|of| of.path == path && of.wanted == wanted && of.how == *how) {
            return Ok(parsed.columns.only(DEVICE.key, device));
        }
        let columns = self.read(path, &wanted, how)?;
        let own = columns.only(DEVICE.key, device);
        *last = Some(Parsed { path: path.to_owned(), wanted, how: how.clone(), columns });
        Ok(own)
    }
}

/// Whose curve of a file is meant.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum Whose {
    /// The file is of one device.
    #[default]
    Alone,
    /// Its lines have this number in the column of devices.
    Lines(f64),
    /// It has a column of its own beside those of others.
    Column,
}

/// How a sweep is read.
pub(super) struct Sweep {
    pub(super) how: Reading,
    /// Added to each time of the file; none where nothing is said.
    pub(super) shift_s: Option<f64>,
    /// The dwell that the target gives, which takes the place of times; and that of all targets, which gives way to
    /// them.
    pub(super) own_dwell_s: Option<f64>,
    pub(super) common_dwell_s: Option<f64>,
    /// The instrument's limit of the current, A, where it is given; 0 for none.
    pub(super) compliance_a: Option<f64>,
    /// Whether a current may flow against its bias.
    pub(super) signs_differ: bool,
    pub(super) whose: Whose,
}

/// A sweep as it was read.
pub(super) struct ReadSweep {
    pub(super) points: Vec<Point>,
    pub(super) dwells_s: Vec<f64>,
    pub(super) read_as: String,
}

impl Sweep {
    pub(super) fn read(&self, path: &Path, files: &Files) -> Result<ReadSweep, FitError> {
        let mut wanted = vec![Wanted::needed("bias_v"), Wanted::needed("current_a").with_gaps()];
        match (self.own_dwell_s, self.common_dwell_s) {
            (Some(own_s), _) => {
                let of_times = [
                    ("columns.time_s", self.how.columns.contains_key("time_s")),
                    ("time_shift_s", self.shift_s.is_some()),
                ];
                if let Some((key, _)) = of_times.iter().find(|(_, given)| *given) {
                    return Err(FitError::request(format!(
                        "{key} is given, but dwell_s, {own_s:?}, takes the place of times: leave one of them out"
                    )));
                }
            }
            (None, Some(_)) => wanted.push(Wanted::optional("time_s")),
            (None, None) => wanted.push(Wanted::needed("time_s")),
        }
        let mut found = of_device(path, &wanted, &self.how, self.whose, files)?;
        found.between(found.count(), POINTS, "lines of numbers")?;
        let times = found.column("time_s");
        if times.is_none() && self.shift_s.is_some() {
            return Err(FitError::request(format!(
                "time_shift_s is given, but {} has no column time_s: leave it out",
                path.display()
            )));
        }
        let dwell_s = self.own_dwell_s.or(self.common_dwell_s);
        let limit = format!("between -{MAX_BIAS_V:?} and {MAX_BIAS_V:?} V");
        found.each("bias_v", &limit, |_, v| v.abs() <= MAX_BIAS_V)?;
        let (bias, current) = (found.needed("bias_v"), found.needed("current_a"));
        let plateau = match self.compliance_a {
            None => compliance(&bias, &current),
            Some(limit_a) => at_limit(&current, limit_a),
        };
        if !self.signs_differ {
            let limit = "of the sign of bias_v and not 0 (magnitudes: give them the sign of the bias; with floor_a, a current may be anything)";
            found.each("current_a", limit, |row, i| bias[row] == 0.0 || i * bias[row] > 0.0)?;
        }
        let dwells_s = match (times, dwell_s) {
            (Some(times), _) => dwells_of(&found, &times, self.shift_s)?,
            (None, Some(dwell_s)) => vec![dwell_s; bias.len()],
            (None, None) => Vec::new(),
        };
        found
            .leave_out("at 0 V and not compared", &(0..bias.len()).filter(|row| bias[*row] == 0.0).collect::<Vec<_>>());
        for rows in &plateau {
            if let Some(limit_a) = self.compliance_a {
                found.leave_out(format!("left out at or beyond compliance_a, {limit_a:?} A"), rows);
                continue;
            }
            let level_a = current[rows[0]];
            found.leave_out(
                format!("left out at what looks like a compliance of {level_a:.3e} A (compliance_a = 0 takes them in)"),
                rows,
            );
        }
        let mut points: Vec<_> = bias.into_iter().zip(current).map(|(x, y)| Point { x, y }).collect();
        plateau.iter().flatten().for_each(|row| points[*row].y = f64::NAN);
        let compared = points.iter().filter(|p| MeasuredIv::compares(p)).count();
        found.between(compared, POINTS, "points that can be compared, with a bias other than 0")?;
        let held = match (&dwells_s[..], found.column("time_s")) {
            ([dwell_s, ..], None) => format!("; each bias held for dwell_s, {dwell_s:?} s"),
            _ => String::new(),
        };
        Ok(ReadSweep { points, dwells_s, read_as: format!("{}{held}", found.understood()) })
    }
}

/// The columns of a file, or those of one device.
fn of_device(path: &Path, wanted: &[Wanted], how: &Reading, whose: Whose, files: &Files) -> Result<Columns, CsvError> {
    match whose {
        Whose::Alone => files.read(path, wanted, how),
        Whose::Lines(device) => files.of_device(path, wanted, how, device),
        Whose::Column => {
            let mut found = files.read(path, wanted, how)?;
            // The other columns are read as those of the other devices.
            found.leave_names();
            Ok(found)
        }
    }
}

/// The column that says of which device a line is.
const DEVICE: Wanted = Wanted::needed("device");

/// Most devices of a file.
const MOST_DEVICES: usize = 1000;

/// The devices that a file of the lines of several has, in the order of the file.
pub(super) fn devices(path: &Path, how: &Reading, files: &Files) -> Result<Vec<f64>, FitError> {
    let columns = how.columns.iter().filter(|(key, _)| *key == DEVICE.key).map(|(k, n)| (k.clone(), n.clone()));
    let found = files.read(path, &[DEVICE], &Reading { columns: columns.collect(), ..how.clone() })?;
    let (mut devices, mut seen) = (Vec::new(), BTreeSet::new());
    for number in found.needed(DEVICE.key) {
        if seen.insert(number.to_bits()) {
            devices.push(number);
        }
    }
    found.between(devices.len(), 1..=MOST_DEVICES, "devices")?;
    Ok(devices)
}

/// Readings that an instrument's limit has cut: of either sign of the bias, the largest current where it stays within
/// a thousandth while the bias changes by a tenth or more, four readings long at least, and with lower ones before or
/// after: a branch that is flat altogether is what it is.
fn compliance(bias_v: &[f64], current_a: &[f64]) -> Vec<Vec<usize>> {
    const SAME: f64 = 1e-3;
    const BIAS_CHANGES: f64 = 1.1;
    const LEAST: usize = 4;
    let mut plateaus = Vec::new();
    for sign in [1.0, -1.0] {
        let of_sign: Vec<usize> =
            (0..bias_v.len()).filter(|row| bias_v[*row] * sign > 0.0 && current_a[*row].is_finite()).collect();
        let most = of_sign.iter().map(|row| current_a[*row].abs()).fold(0.0, f64::max);
        let at_most = |row: &usize| most > 0.0 && current_a[*row].abs() >= most * (1.0 - SAME);
        for run in of_sign.chunk_by(|a, b| b - a == 1 && at_most(a) == at_most(b)) {
            let ends = run.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), row| {
                (low.min(bias_v[*row].abs()), high.max(bias_v[*row].abs()))
            });
            if run.len() >= LEAST && run.len() < of_sign.len() && at_most(&run[0]) && ends.1 >= BIAS_CHANGES * ends.0 {
                plateaus.push(run.to_vec());
            }
        }
    }
    plateaus
}

/// Readings at a limit that is known, or beyond it but for a hundredth.
fn at_limit(current_a: &[f64], limit_a: f64) -> Vec<Vec<usize>> {
    let cut: Vec<usize> =
        (0..current_a.len()).filter(|row| limit_a > 0.0 && current_a[*row].abs() >= 0.99 * limit_a).collect();
    if cut.is_empty() { Vec::new() } else { vec![cut] }
}

/// The dwell of each reading, from times since the sweep began.
fn dwells_of(found: &Columns, times: &[f64], shift_s: Option<f64>) -> Result<Vec<f64>, CsvError> {
    let shifted: Vec<f64> = times.iter().map(|time| time + shift_s.unwrap_or(0.0)).collect();
    rising(found, times, &shifted)?;
    let between: Vec<f64> = shifted.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (first, usual) = (shifted.first().copied().unwrap_or(0.0), median(&between));
    if first <= 0.0 {
        let advice = if usual > 0.0 { format!(", time_shift_s = {} say", short(usual - first)) } else { String::new() };
        let message = format!(
            "is {first:?} in the first line; it must be more than 0: a reading's time is since the sweep began, and its bias was \
             held before it{advice}"
        );
        return Err(wrong(found, 0, message));
    }
    // The first bias is held for its dwell like any other.
    old_clock(found, &shifted, shift_s, usual, OLD_CLOCK * usual)?;
    let dwells: Vec<f64> = std::iter::once(first).chain(between).collect();
    match dwells.iter().position(|dwell_s| !(MIN_DWELL_S..=MAX_DWELL_S).contains(dwell_s)) {
        None => Ok(dwells),
        Some(row) => Err(wrong(
            found,
            row,
            format!("leaves its bias {:?} s; it must be {MIN_DWELL_S:?} to {MAX_DWELL_S:?} s", dwells[row]),
        )),
    }
}

/// A measured retention curve: shares of the window, or conductances, which may be given as currents at the bias of the
/// readings.
pub(super) fn retention(
    path: &Path,
    kept: Kept,
    read_v: f64,
    how: &Reading,
    shift_s: Option<f64>,
    (whose, files): (Whose, &Files),
) -> Result<(Vec<Point>, String), FitError> {
    let of = |key: &'static str| {
        let wanted = [Wanted::needed("time_s"), Wanted::needed(key).with_gaps()];
        of_device(path, &wanted, how, whose, files)
    };
    // Which it is, its name says; what is wrong with its numbers is told of it, and not taken for another.
    let has = |keys: &[&'static str]| -> Vec<&'static str> {
        let wanted: Vec<Wanted> =
            std::iter::once(Wanted::needed("time_s")).chain(keys.iter().map(|key| Wanted::optional(key))).collect();
        files.keys_of(path, &wanted, how).unwrap_or_default().into_iter().filter(|key| *key != "time_s").collect()
    };
    let by_unit =
        |key: &'static str| files.keys_of(path, &[Wanted::needed("time_s"), Wanted::needed(key)], how).is_ok();
    let key = match kept {
        Kept::Window => {
            // Currents and conductances are no shares: of which window?
            if let ([], [key, ..]) = (&has(&["kept"])[..], &has(&["conductance_s", "current_a"])[..]) {
                return Err(FitError::request(format!(
                    "{} has no column kept but {key}, whose error is given as relative: tolerance is for shares of the window",
                    path.display()
                )));
            }
            "kept"
        }
        Kept::Conductance => match has(&["conductance_s", "current_a"]).first() {
            Some(key) => key,
            None if !by_unit("conductance_s") && by_unit("current_a") => "current_a",
            None => "conductance_s",
        },
    };
    let mut found = of(key).map_err(|error| match error {
        CsvError::Line { path, line, message }
            if key == "conductance_s" && message.contains("no column conductance_s") =>
        {
            CsvError::Line { path, line, message: format!("{message}; a column current_a will do too") }
        }
        other => other,
    })?;
    found.between(found.count(), POINTS, "points")?;
    let times = found.needed("time_s");
    let shifted: Vec<f64> = times.iter().map(|time| time + shift_s.unwrap_or(0.0)).collect();
    rising(&found, &times, &shifted)?;
    let between: Vec<f64> = shifted.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let span = shifted.last().copied().unwrap_or(0.0) - shifted.first().copied().unwrap_or(0.0);
    old_clock(&found, &shifted, shift_s, median(&between), OLD_CLOCK * span)?;
    let mut values = found.needed(key);
    match key {
        "kept" => {
            let limit = "a share of the window, -1 to 2; per cent are read from a column called \"kept (%)\"";
            found.each(key, limit, |_, share| (-1.0..=2.0).contains(&share))?;
        }
        "current_a" => {
            let limit = "a current of the sign of read_v, and not 0";
            found.each(key, limit, |_, i| i * read_v > 0.0)?;
            values.iter_mut().for_each(|i| *i /= read_v);
        }
        _ => found.each(key, "more than 0", |_, g| g > 0.0)?,
    }
    let at_zero: Vec<usize> = (0..shifted.len()).filter(|row| shifted[*row] == 0.0).collect();
    found.leave_out(
        "compared but not drawn, because 0 s has no place on an axis of log time; time_shift_s moves it",
        &at_zero,
    );
    let points: Vec<_> = shifted.into_iter().zip(values).map(|(x, y)| Point { x, y }).collect();
    found.between(points.iter().filter(|point| point.y.is_finite()).count(), POINTS, "points")?;
    let taken = if key == "current_a" {
        format!("; conductance taken as current over read_v, {read_v:?} V")
    } else {
        String::new()
    };
    Ok((points, format!("{}{taken}", found.understood())))
}

/// Refuses a retention curve whose times do not rise. Where its clock begins is for `time_shift_s` of a fit to say.
///
/// # Errors
/// [`CsvError`], with the line.
pub fn check_times(found: &Columns) -> Result<(), CsvError> {
    let times = found.needed("time_s");
    let earliest = times.first().copied().unwrap_or(0.0).min(0.0);
    let shifted: Vec<f64> = times.iter().map(|time| time - earliest).collect();
    let late = (1..times.len()).find(|&row| shifted[row] <= shifted[row - 1] || shifted[row] > LATEST_S);
    late.map_or(Ok(()), |row| {
        let limit = "more than that of the line before, and at most 1e12";
        Err(wrong(found, row, format!("is {:?}; it must be {limit}", times[row])))
    })
}

/// Refuses times that do not rise from 0 or later.
fn rising(found: &Columns, times: &[f64], shifted: &[f64]) -> Result<(), CsvError> {
    let late = |row: usize| {
        let after = if row == 0 { shifted[0] >= 0.0 } else { shifted[row] > shifted[row - 1] };
        after && shifted[row] <= LATEST_S
    };
    match (0..times.len()).find(|row| !late(*row)) {
        None => Ok(()),
        Some(row) => {
            let shift =
                if times == shifted { String::new() } else { format!(", {:?} with time_shift_s", shifted[row]) };
            let limit = "0 or more, at most 1e12, and more than that of the line before";
            Err(wrong(found, row, format!("is {:?}{shift}; it must be {limit}", times[row])))
        }
    }
}

/// Refuses a first time of another clock, later than `most_s`, unless a shift of 0 says that it is meant. `times_s` are
/// shifted ones.
fn old_clock(
    found: &Columns,
    times_s: &[f64],
    shift_s: Option<f64>,
    usual_s: f64,
    most_s: f64,
) -> Result<(), CsvError> {
    let [first, .., last] = times_s[..] else { return Ok(()) };
    if shift_s == Some(0.0) || first <= most_s {
        return Ok(());
    }
    let given = shift_s.unwrap_or(0.0);
    let message = format!(
        "is {:?} in the first line{}, and all lines are within {} s: does the clock run longer than the curve? Say \
         time_shift_s = {}, or 0 where it is meant",
        first - given,
        if given == 0.0 { String::new() } else { format!(" ({first:?} with the shift)") },
        short(last - first),
        short(usual_s - first + given)
    );
    Err(wrong(found, 0, message))
}

fn wrong(found: &Columns, row: usize, message: String) -> CsvError {
    match found.row("time_s", Some((row, message))) {
        Err(error) => error,
        Ok(()) => CsvError::File { path: String::new(), message: "holds no lines of numbers".to_owned() },
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// A number without what rounding leaves behind its twelfth digit.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.11e}").parse().unwrap_or(value);
    format!("{rounded:?}")
}

#[cfg(test)]
mod tests;
