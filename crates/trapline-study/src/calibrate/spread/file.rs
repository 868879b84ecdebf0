//! `[spread]` and `[[devices]]` of a fit file: keys in, the checked curves of each device out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Key;
use crate::calibrate::FitError;
use crate::calibrate::curve_file::{self, Files, Whose};
use crate::calibrate::target::Aim;
use crate::calibrate::target_file::TargetFile;
use trapline_model::csv_file::{ColumnName, Decimal};
use trapline_model::text::counted;

/// Fewest devices that a spread is found from: of two, its bounds are a factor of thirty apart.
const LEAST_DEVICES: usize = 3;
/// What a column of a device may hold.
const QUANTITIES: [&str; 3] = ["current_a", "conductance_s", "kept"];
/// Most devices of all blocks together.
const MOST_DEVICES: usize = 1000;

/// What spread is found, and from which devices.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The keys of `[variation]` that are found. The others stay as the material has them.
    pub find: Vec<Key>,
    /// Whether the errors of readings are those stated, and not found with the spread.
    pub errors_as_stated: bool,
    pub blocks: Vec<Block>,
    /// The files of the devices.
    pub inputs: Vec<PathBuf>,
}

/// Devices measured alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub name: String,
    pub devices: Vec<Device>,
}

/// A device and its curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    pub name: String,
    /// A measured sweep or a measured retention curve.
    pub aim: Aim,
}

impl Block {
    /// What was understood of the files: the first line, and how many more there are.
    pub fn read_as(&self) -> Vec<String> {
        let told: Vec<&str> = self.devices.iter().filter_map(|device| device.aim.read_as()).collect();
        let mut lines: Vec<String> = told.first().map(|first| (*first).to_owned()).into_iter().collect();
        if told.len() > 1 {
            lines.push(format!("{}: {}, of which this is the first", self.name, counted(told.len(), "device")));
        }
        let missing: Vec<(&str, usize)> =
            self.devices.iter().map(|d| (d.name.as_str(), d.missing())).filter(|(_, missing)| *missing > 0).collect();
        if !missing.is_empty() {
            let all: usize = missing.iter().map(|(_, missing)| missing).sum();
            let (worst, most) = missing.iter().max_by_key(|(_, missing)| *missing).copied().unwrap_or_default();
            let of = counted(missing.len(), "device");
            lines.push(format!(
                "{}: {} left out as none, of {of}, most of them ({most}) of {worst}",
                self.name,
                counted(all, "reading")
            ));
        }
        lines
    }
}

impl Device {
    /// Readings that are none.
    pub fn missing(&self) -> usize {
        let of = |points: &[crate::calibrate::target::Point]| points.iter().filter(|p| p.y.is_nan()).count();
        match &self.aim {
            Aim::Iv(measured) => of(&measured.points),
            Aim::Retention(measured) => of(&measured.points),
            _ => 0,
        }
    }
}

#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields)]
pub(in crate::calibrate) struct SpreadFile {
    find: Option<Vec<String>>,
    errors_as_stated: Option<bool>,
}

/// Which columns of a file are devices.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum DeviceColumns {
    List(Vec<ColumnName>),
    Range(ColumnRange),
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct ColumnRange {
    from: i64,
    to: i64,
}

/// Flat, as a target is, and for the same reason.
#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields)]
pub(in crate::calibrate) struct DevicesFile {
    name: Option<String>,
    kind: Option<String>,
    // Where the curves are.
    files: Option<Vec<String>>,
    folder: Option<String>,
    file: Option<String>,
    device_column: Option<ColumnName>,
    device_columns: Option<DeviceColumns>,
    quantity: Option<String>,
    /// Devices that are left out.
    except: Option<Vec<ColumnName>>,
    // The keys of a target of the kind.
    tolerance: Option<f64>,
    relative: Option<f64>,
    floor_a: Option<f64>,
    columns: Option<BTreeMap<String, ColumnName>>,
    delimiter: Option<String>,
    decimal: Option<Decimal>,
    skip: Option<usize>,
    time_shift_s: Option<f64>,
    compliance_a: Option<f64>,
    temperature_c: Option<f64>,
    dwell_s: Option<f64>,
    amplitude_v: Option<f64>,
    width_s: Option<f64>,
    interval_s: Option<f64>,
    pulses: Option<i64>,
    read_v: Option<f64>,
    read_s: Option<f64>,
}

/// One device of a block: its name, and the target that its curve is.
type Named = (String, TargetFile);

/// The readings of a device: kind of the curve, file, column, number of the device. No two devices have the same.
type Readings = (Option<String>, PathBuf, Option<ColumnName>, Whose);

impl DevicesFile {
    /// The keys that a target has too.
    pub(in crate::calibrate) fn target(&self) -> TargetFile {
        let DevicesFile { kind, tolerance, relative, floor_a, columns, delimiter, .. } = self.clone();
        let DevicesFile { decimal, skip, time_shift_s, compliance_a, temperature_c, dwell_s, .. } = *self;
        let DevicesFile { amplitude_v, width_s, interval_s, pulses, read_v, read_s, .. } = *self;
        TargetFile {
            kind,
            tolerance,
            relative,
            floor_a,
            columns,
            delimiter,
            decimal,
            skip,
            time_shift_s,
            compliance_a,
            temperature_c,
            dwell_s,
            amplitude_v,
            width_s,
            interval_s,
            pulses,
            read_v,
            read_s,
            ..TargetFile::default()
        }
    }

    /// The devices, the files they are read from, and the readings of each.
    fn checked(
        &self,
        common: &TargetFile,
        base: &Path,
        files: &Files,
    ) -> Result<(Block, Vec<PathBuf>, Vec<Readings>), FitError> {
        match self.kind.as_deref() {
            Some("iv_csv" | "retention_csv") => {}
            Some(kind) => {
                return Err(wrong(format!("kind is {kind:?}; it must be \"iv_csv\" or \"retention_csv\"")));
            }
            None => return Err(wrong("kind is missing; it must be \"iv_csv\" or \"retention_csv\"")),
        }
        let (name, inputs, devices) = self.devices(base, files)?;
        if devices.len() > MOST_DEVICES {
            return Err(wrong(format!("there are {} devices; there may be {MOST_DEVICES}", devices.len())));
        }
        let readings = devices.iter().filter_map(|(_, target)| {
            let columns = target.columns.as_ref();
            let column = QUANTITIES.iter().find_map(|key| columns?.get(*key)).cloned();
            let path = target.measured(base)?;
            Some((self.kind.clone(), fs::canonicalize(&path).unwrap_or(path), column, target.whose))
        });
        let readings = readings.collect();
        let devices = devices.into_iter().map(|(name, target)| {
            let target = target.checked(common, base, files)?;
            Ok(Device { name, aim: target.aim })
        });
        let devices = devices.collect::<Result<Vec<_>, FitError>>()?;
        Ok((Block { name: self.name.clone().unwrap_or(name), devices }, inputs, readings))
    }

    /// Without those that `except` names, each of which must be there.
    fn chosen(&self, devices: Vec<Named>) -> Result<Vec<Named>, FitError> {
        let is_meant = |except: &ColumnName, (name, target): &Named| match except {
            ColumnName::Number(number) => {
                *name == shown(except) || matches!(target.whose, Whose::Lines(device) if device == *number as f64)
            }
            ColumnName::Name(except) => {
                let file = target.file.as_deref().and_then(|file| Path::new(file).file_name());
                let is_file = target.whose == Whose::Alone && file.is_some_and(|file| file == except.as_str());
                name == except || is_file
            }
        };
        let except = self.except.as_deref().unwrap_or_default();
        if let Some(none) = except.iter().find(|except| !devices.iter().any(|device| is_meant(except, device))) {
            const MOST_TOLD: usize = 8;
            let names: Vec<&str> = devices.iter().take(MOST_TOLD).map(|(name, _)| name.as_str()).collect();
            let more = if devices.len() > MOST_TOLD { " and others" } else { "" };
            let none = match none {
                ColumnName::Number(number) => number.to_string(),
                ColumnName::Name(name) => format!("{name:?}"),
            };
            return Err(wrong(format!("except has {none}, which is none of the devices: {}{more}", names.join(", "))));
        }
        Ok(devices.into_iter().filter(|device| !except.iter().any(|except| is_meant(except, device))).collect())
    }

    /// A name for the block, its files, and its devices.
    fn devices(&self, base: &Path, read: &Files) -> Result<(String, Vec<PathBuf>, Vec<Named>), FitError> {
        let kind = self.kind.clone().unwrap_or_default();
        let in_one = self.device_column.is_some() || self.device_columns.is_some();
        if !in_one && (self.quantity.is_some() || self.file.is_some()) {
            let key = if self.file.is_some() { "file" } else { "quantity" };
            return Err(wrong(format!(
                "{key} is given without device_columns (a column for each device) or device_column (which says of which a line \
                 is); for a file for each device give files or folder"
            )));
        }
        match (&self.files, &self.folder, &self.file) {
            (Some(files), None, None) if !in_one => Ok((kind, Vec::new(), self.of_files(files, base)?)),
            (None, Some(folder), None) if !in_one => {
                let files = csv_files(&base.join(folder), folder)?;
                Ok((folder.clone(), Vec::new(), self.of_files(&files, base)?))
            }
            (None, None, Some(file)) => {
                let devices = match (&self.device_columns, &self.device_column) {
                    (Some(columns), None) => self.of_columns(file, columns)?,
                    (None, Some(column)) => self.of_lines(file, column, base, read)?,
                    _ => return Err(wrong("it has device_column and device_columns; leave one of them out")),
                };
                Ok((file.clone(), vec![base.join(file)], devices))
            }
            _ => Err(wrong(
                "it must have one of files (a list), folder, and file with device_columns or device_column: where the curves are",
            )),
        }
        .and_then(|(name, files, devices)| {
            let devices = self.chosen(devices)?;
            let own = devices.iter().filter_map(|(_, target)| target.measured(base));
            let files = if files.is_empty() { own.collect() } else { files };
            Ok((name, files, devices))
        })
    }

    fn of_files(&self, files: &[String], base: &Path) -> Result<Vec<Named>, FitError> {
        let target = self.target();
        for (number, file) in files.iter().enumerate() {
            let same = |other: &String| base.join(other) == base.join(file);
            if files[..number].iter().any(same) {
                return Err(wrong(format!("files names {file:?} twice; each device has a file of its own")));
            }
        }
        let stem = |file: &String| {
            Path::new(file).file_stem().map_or_else(|| file.clone(), |stem| stem.to_string_lossy().into_owned())
        };
        let stems: Vec<String> = files.iter().map(stem).collect();
        // "1/iv.csv" and "2/iv.csv" keep their folders.
        let alone = |stem: &String| stems.iter().filter(|other| *other == stem).count() == 1;
        let named = files.iter().zip(&stems).map(|(file, stem)| {
            (if alone(stem) { stem.clone() } else { file.clone() }, target.of_one(file, None, Whose::Alone))
        });
        Ok(named.collect())
    }

    fn of_columns(&self, file: &str, columns: &DeviceColumns) -> Result<Vec<Named>, FitError> {
        let key = match (self.kind.as_deref(), self.tolerance.is_some(), self.quantity.as_deref()) {
            (Some("iv_csv"), _, None | Some("current_a")) => "current_a",
            (Some("retention_csv"), true, None | Some("kept")) => "kept",
            (Some("retention_csv"), false, None | Some("conductance_s")) => "conductance_s",
            (Some("retention_csv"), false, Some("current_a")) => "current_a",
            (_, _, Some(quantity)) => {
                return Err(wrong(format!(
                    "quantity is {quantity:?}; it must be \"conductance_s\" or \"current_a\", for retention_csv with relative"
                )));
            }
            _ => "current_a",
        };
        let columns: Vec<ColumnName> = match columns {
            DeviceColumns::List(list) => list.clone(),
            DeviceColumns::Range(ColumnRange { from, to }) => {
                let count = to.checked_sub(*from).unwrap_or(-1).saturating_add(1);
                if *from < 1 || !(1..=MOST_DEVICES as i64).contains(&count) {
                    return Err(wrong(format!(
                        "device_columns is from {from} to {to}; it must rise from 1 at least, over {MOST_DEVICES} columns at most"
                    )));
                }
                (*from..=*to).map(ColumnName::Number).collect()
            }
        };
        if let Some(given) = self.columns.as_ref().and_then(|columns| columns.get(key)) {
            return Err(wrong(format!("columns names {key} ({given:?}), but device_columns are that: leave one out")));
        }
        let target = self.target();
        let named = columns.iter().enumerate().map(|(number, column)| {
            if columns[..number].contains(column) {
                return Err(wrong(format!("device_columns has {} twice", shown(column))));
            }
            Ok((shown(column), target.of_one(file, Some((key, column.clone())), Whose::Column)))
        });
        named.collect()
    }

    fn of_lines(&self, file: &str, column: &ColumnName, base: &Path, read: &Files) -> Result<Vec<Named>, FitError> {
        if self.quantity.is_some() {
            return Err(wrong("quantity is given, but it is for device_columns: leave it out"));
        }
        let target = self.target();
        let in_column = |whose| target.of_one(file, Some(("device", column.clone())), whose);
        let devices = curve_file::devices(&base.join(file), &in_column(Whose::Alone).reading(), read)?;
        let named = |device: f64| (format!("{} {device}", shown(column)), in_column(Whose::Lines(device)));
        Ok(devices.into_iter().map(named).collect())
    }
}

fn shown(column: &ColumnName) -> String {
    match column {
        ColumnName::Number(number) => format!("column {number}"),
        ColumnName::Name(name) => name.clone(),
    }
}

/// The files of a folder that end in `.csv`, as the fit file names them, by their names.
fn csv_files(path: &Path, folder: &str) -> Result<Vec<String>, FitError> {
    let unreadable =
        |e: std::io::Error| FitError::file(&path.display().to_string(), format!("cannot be read: {e}; check folder"));
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let is_csv = Path::new(&name).extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        if let Some(name) = name.to_str().filter(|_| is_csv) {
            names.push(format!("{folder}/{name}"));
        }
    }
    if names.is_empty() {
        return Err(wrong(format!("folder {folder:?} holds no file that ends in .csv; a device has one each")));
    }
    names.sort();
    Ok(names)
}

fn wrong(message: impl Into<String>) -> FitError {
    FitError::request(message)
}

/// The plan that a fit file has; none where it has neither table.
pub(in crate::calibrate) fn plan(
    spread: Option<&SpreadFile>,
    devices: &[DevicesFile],
    common: &TargetFile,
    base: &Path,
) -> Result<Option<Plan>, FitError> {
    let Some(spread) = spread else {
        return match devices {
            [] => Ok(None),
            _ => Err(wrong("[[devices]] is given without [spread], which says what is found from them")),
        };
    };
    let find = match &spread.find {
        None => Key::OF_DEVICES.to_vec(),
        Some(names) => names.iter().map(|name| Key::named(name)).collect::<Result<Vec<_>, _>>()?,
    };
    if find.is_empty() {
        return Err(wrong(format!("spread.find is empty; it must name some of {}", Key::names())));
    }
    if let Some(twice) = find.iter().enumerate().find(|(i, key)| find[..*i].contains(key)) {
        return Err(wrong(format!("spread.find has {:?} twice; name each key once", twice.1.name())));
    }
    let (mut blocks, mut inputs, files) = (Vec::new(), Vec::new(), Files::default());
    let mut known: Vec<(usize, Readings)> = Vec::new();
    for (number, of) in devices.iter().enumerate() {
        let (block, read, readings) = of.checked(common, base, &files).map_err(|error| match error {
            FitError::Request(message) => wrong(format!("devices[{number}]: {message}")),
            other => other,
        })?;
        for (device, readings) in block.devices.iter().zip(readings) {
            if let Some((before, _)) = known.iter().find(|(before, of)| *before < number && *of == readings) {
                return Err(wrong(format!(
                    "devices[{number}]: the readings of {} are in devices[{before}] already, and would count twice: \
                     leave one out, by except say",
                    device.name
                )));
            }
            known.push((number, readings));
        }
        blocks.push(block);
        inputs.extend(read);
    }
    let count: usize = blocks.iter().map(|block: &Block| block.devices.len()).sum();
    if !(LEAST_DEVICES..=MOST_DEVICES).contains(&count) {
        return Err(wrong(format!(
            "there {} in [[devices]]; a spread needs {LEAST_DEVICES} at least, and {MOST_DEVICES} at most are taken",
            if count == 1 { "is 1 device".to_owned() } else { format!("are {count} devices") }
        )));
    }
    Ok(Some(Plan { find, errors_as_stated: spread.errors_as_stated.unwrap_or(false), blocks, inputs }))
}
