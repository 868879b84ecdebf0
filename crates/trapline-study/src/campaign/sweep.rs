//! Sweeps: keys of a campaign file that take several values.
//!
//! A sweep is an axis along which one key, or several together, take one value after another; the campaign is the
//! grid of all sweeps, materials and temperatures. Each place of the sweeps (a *case*) is the campaign file with
//! those values written into it, and is checked like any campaign file.

use std::collections::HashSet;

use toml::{Table, Value};

use super::check;
use super::error::Bad;
use super::file::SweepFile;
use trapline_model::files;
use trapline_model::outcome::{Coordinate, Sweep, SweptKey};
use trapline_model::toml_file;
use trapline_record as record;

/// Most sweeps of a campaign.
pub const MAX_SWEEPS: usize = 8;
/// Most values of a sweep.
pub const MAX_VALUES: usize = 100_000;
/// Most parts of a key; no file has keys of more than four.
pub const MAX_KEY_PARTS: usize = 16;
/// Prefix of keys of the material files.
const PARAMETER: &str = "parameter.";
/// Keys that are axes already, or that all points of a record share.
const SHARED: [(&str, &str); 10] = [
    ("format", "one for the whole file"),
    ("name", "one for the whole file"),
    ("sweep", "no sweep itself"),
    ("material.use", "a list of materials: [[material]] is an axis already"),
    ("bake.temperatures_c", "a list of temperatures: it is an axis already"),
    ("bake.times_s", "one time axis for all points"),
    ("bake.from_s", "one time axis for all points"),
    ("bake.to_s", "one time axis for all points"),
    ("bake.per_octave", "one time axis for all points"),
    ("bake.points", "one time axis for all points"),
];
/// Keys that cases differ in without being read again, in the order of [`Numbers`]: whole numbers that nothing else
/// depends on.
const DIRECT: [&str; 4] = ["seed", "seed_offset", "array.rows", "array.cols"];
/// Tables of keys that decide what a cell is made of and how it is programmed.
const OF_MATERIALS: [&str; 3] = ["material", "physics", "parameter"];
/// Tables of which no key is swept.
const SHARED_TABLES: [&str; 5] = ["histogram", "report", "dump", "qualification", "study"];

/// The sweeps of a file: what the record says of them, and the values as they stand in the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sweeps {
    pub(super) axes: Vec<Sweep>,
    /// Values by axis, place on the axis, and key.
    values: Vec<Vec<Vec<Value>>>,
    /// For each axis, whether all its keys are set directly (whole numbers that nothing else depends on).
    direct: Vec<bool>,
}

/// Seed, its offset, rows and columns of a case.
pub(super) type Numbers = [i64; DIRECT.len()];

/// A change of a number in every material.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    /// As in the material's file.
    pub(super) key: String,
    pub(super) value: f64,
}

impl Sweeps {
    /// Reads the sweeps of a campaign that has so many points at each place of them. Their lengths and the number of
    /// points are checked before any list is built or searched.
    pub(super) fn read(files: &[SweepFile], points_each: usize) -> Result<Sweeps, Bad> {
        check::at_most("sweep", files.len(), MAX_SWEEPS)?;
        let mut points = points_each as u64;
        for (i, file) in files.iter().enumerate() {
            points = points.saturating_mul(length(&format!("sweep[{i}]"), file)?);
        }
        check::points(points)?;
        let mut sweeps = Sweeps::default();
        for (i, file) in files.iter().enumerate() {
            let here = format!("sweep[{i}]");
            let keys = keys(&here, file)?;
            for key in &keys {
                may_be_swept(&here, key)?;
                let twice = sweeps.axes.iter().flat_map(|axis| &axis.keys).any(|other| other.key == *key);
                if twice || keys.iter().filter(|other| *other == key).count() > 1 {
                    return Err(Bad::key(format!("{here}.key"), format!("{key:?} for the second time"), "another key"));
                }
            }
            let name = name(&here, file, &keys)?;
            if sweeps.axes.iter().any(|axis| axis.name == name) {
                let limit = "the name of one axis; give the sweep another name";
                return Err(Bad::key(format!("{here}.name"), format!("{name:?} for the second time"), limit));
            }
            let values = values(&here, file, keys.len())?;
            sweeps.axes.push(axis(&here, file, name, keys, &values)?);
            sweeps.values.push(values);
        }
        // A sweep over the whole table [array] would change rows and columns too.
        let whole = |axis: &Sweep, values: &[Vec<Value>]| {
            axis.keys.iter().all(|key| DIRECT.contains(&key.key.as_str()))
                && values.iter().flatten().all(Value::is_integer)
        };
        let tabled = sweeps.changes("array");
        sweeps.direct = sweeps.axes.iter().zip(&sweeps.values).map(|(axis, of)| !tabled && whole(axis, of)).collect();
        Ok(sweeps)
    }

    /// Sets what the axes that are set directly say of a case at these places.
    pub(super) fn set(&self, places: &[usize], numbers: &mut Numbers) {
        for (i, &at) in places.iter().enumerate().filter(|&(i, _)| self.direct[i]) {
            for (key, value) in self.axes[i].keys.iter().zip(&self.values[i][at]) {
                let number = DIRECT.iter().zip(&mut *numbers).find(|(name, _)| **name == key.key);
                if let (Some((_, number)), Some(whole)) = (number, value.as_integer()) {
                    *number = whole;
                }
            }
        }
    }

    /// The places on the axes that a case must be read for: cases that share them differ in their [`Numbers`] only.
    pub(super) fn read_for(&self, places: &[usize]) -> Vec<usize> {
        places.iter().zip(&self.direct).filter(|(_, direct)| !**direct).map(|(&at, _)| at).collect()
    }

    /// The places on the axes that change materials or their programming.
    pub(super) fn of_materials(&self, places: &[usize]) -> Vec<usize> {
        let of = |axis: &Sweep| {
            let mut tables = axis.keys.iter().map(|key| key.key.split('.').next().unwrap_or_default());
            tables.any(|table| OF_MATERIALS.contains(&table))
        };
        places.iter().zip(&self.axes).filter(|(_, axis)| of(axis)).map(|(&at, _)| at).collect()
    }

    /// Number of cases: 1 without sweeps.
    pub(super) fn cases(&self) -> usize {
        self.values.iter().fold(1, |product, values| product.saturating_mul(values.len()))
    }

    /// Whether a sweep changes the key.
    pub(super) fn changes(&self, key: &str) -> bool {
        self.axes.iter().flat_map(|axis| &axis.keys).any(|swept| swept.key == key)
    }

    /// The campaign file of a case. The last sweep runs fastest. `file` is the campaign's without
    /// its sweeps, of which a case has none.
    pub(super) fn case(&self, file: &Table, number: usize) -> Result<Table, Bad> {
        let mut document = Value::Table(file.clone());
        for (i, (axis, at)) in self.axes.iter().zip(self.places(number)).enumerate() {
            for (key, value) in axis.keys.iter().zip(&self.values[i][at]) {
                if key.key.starts_with(PARAMETER) {
                    continue;
                }
                let segments: Vec<&str> = key.key.split('.').collect();
                set(&mut document, &segments, value).map_err(|what| {
                    Bad::key(format!("sweep[{i}].key"), quoted(&key.key), format!("a key to set: {what}"))
                })?;
            }
        }
        match document {
            Value::Table(table) => Ok(table),
            _ => Ok(Table::new()),
        }
    }

    /// What changes in the materials of a case; the same keys in all cases, in the same order.
    pub(super) fn parameters(&self, number: usize) -> Result<Vec<Parameter>, Bad> {
        let mut parameters = Vec::new();
        for (i, (axis, at)) in self.axes.iter().zip(self.places(number)).enumerate() {
            for (key, value) in axis.keys.iter().zip(&self.values[i][at]) {
                let Some(of_material) = key.key.strip_prefix(PARAMETER) else { continue };
                let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
                let number = number.ok_or_else(|| {
                    let here = format!("sweep[{i}].values[{at}]");
                    Bad::key(here, value, "a number, in the material's unit")
                })?;
                parameters.push(Parameter { key: of_material.to_owned(), value: number });
            }
        }
        Ok(parameters)
    }

    /// The places on the axes that change numbers of the materials' files.
    pub(super) fn of_parameters(&self, places: &[usize]) -> Vec<usize> {
        places.iter().zip(&self.axes).filter(|(_, axis)| changes_materials(axis)).map(|(&at, _)| at).collect()
    }

    /// One case for each set of values that the sweeps give to numbers of the materials' files, with its
    /// [`Sweeps::of_parameters`]; none where they change no such number.
    pub(super) fn sets_of_parameters(&self) -> Vec<(Vec<usize>, usize)> {
        let lengths: Vec<usize> = self.values.iter().map(Vec::len).collect();
        let changing: Vec<usize> = (0..lengths.len()).filter(|&i| changes_materials(&self.axes[i])).collect();
        let sets = if changing.is_empty() { 0 } else { changing.iter().map(|&i| lengths[i]).product() };
        let set = |number: usize| {
            let (mut rest, mut places) = (number, vec![0; lengths.len()]);
            for &i in changing.iter().rev() {
                (places[i], rest) = (rest % lengths[i], rest / lengths[i]);
            }
            let case = places.iter().zip(&lengths).fold(0, |case, (at, length)| case * length + at);
            (self.of_parameters(&places), case)
        };
        (0..sets).map(set).collect()
    }

    /// Place of a case on each sweep.
    pub(super) fn places(&self, number: usize) -> Vec<usize> {
        let mut rest = number;
        let mut places: Vec<usize> = self.values.iter().map(Vec::len).collect();
        for place in places.iter_mut().rev() {
            (*place, rest) = (rest % *place, rest / *place);
        }
        places
    }

    /// The values that a case sets, for messages: `seed = 3`.
    pub(super) fn described(&self, number: usize) -> String {
        let places = self.places(number);
        let value =
            |(axis, at): (&Sweep, usize)| format!("{} = {}", axis.name, toml_file::shown(&axis.coordinate.text(at)));
        self.axes.iter().zip(places).map(value).collect::<Vec<_>>().join(", ")
    }
}

fn changes_materials(axis: &Sweep) -> bool {
    axis.keys.iter().any(|key| key.key.starts_with(PARAMETER))
}

fn keys(here: &str, file: &SweepFile) -> Result<Vec<String>, Bad> {
    match (&file.key, &file.keys) {
        (Some(key), None) => Ok(vec![key.clone()]),
        (None, Some(keys)) => {
            check::not_empty(&format!("{here}.keys"), keys.len(), "one key")?;
            check::at_most(&format!("{here}.keys"), keys.len(), MAX_SWEEPS)?;
            Ok(keys.clone())
        }
        _ => Err(Bad::key(here, "a sweep with neither or both of key and keys", "given one of the two")),
    }
}

fn may_be_swept(here: &str, key: &str) -> Result<(), Bad> {
    let parts = key.split('.').count();
    if parts > MAX_KEY_PARTS {
        let limit = format!("a key of at most {MAX_KEY_PARTS}, such as array.rows");
        return Err(Bad::key(format!("{here}.key"), format!("of {parts} parts"), limit));
    }
    let refused = |limit: &str| Err(Bad::key(format!("{here}.key"), quoted(key), limit));
    if key.split('.').any(str::is_empty) || key == PARAMETER.trim_end_matches('.') {
        return refused(
            "a key of this file, such as seed or array.rows, or parameter. and a key of the material files",
        );
    }
    if let Some((_, why)) = SHARED.iter().find(|(shared, _)| *shared == key) {
        return refused(why);
    }
    let table = key.split('.').next().unwrap_or_default();
    if table == "sweep" {
        return refused("no sweep itself");
    }
    if SHARED_TABLES.contains(&table) {
        return refused(
            "a key outside [histogram], [report], [dump], [qualification] and [study], which all points share",
        );
    }
    Ok(())
}

fn name(here: &str, file: &SweepFile, keys: &[String]) -> Result<String, Bad> {
    let last = |key: &String| key.rsplit('.').next().unwrap_or_default().to_owned();
    let name = match (&file.name, keys) {
        (Some(name), _) => name.clone(),
        (None, [key]) => last(key),
        (None, _) => {
            return Err(Bad::key(format!("{here}.name"), "missing", "given where several keys change together"));
        }
    };
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let sound = letters && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= record::MAX_AXIS_NAME;
    if !sound || record::is_taken_name(&name) {
        let limit = format!(
            "a letter and then small letters, digits and _, {} at most, and no name of the record's own; set name",
            record::MAX_AXIS_NAME
        );
        return Err(Bad::key(format!("{here}.name"), quoted(&name), limit));
    }
    Ok(name)
}

/// A text of the file in an error.
fn quoted(text: &str) -> String {
    format!("\"{}\"", toml_file::shown(text))
}

/// Number of values of a sweep: at least one and at most [`MAX_VALUES`].
fn length(here: &str, file: &SweepFile) -> Result<u64, Bad> {
    match (&file.values, file.from, file.to) {
        (Some(values), None, None) => {
            let key = format!("{here}.values");
            check::not_empty(&key, values.len(), "one value")?;
            check::at_most(&key, values.len(), MAX_VALUES)?;
            Ok(values.len() as u64)
        }
        (None, Some(from), Some(to)) => {
            let length = i128::from(to) - i128::from(from) + 1;
            match u64::try_from(length) {
                Ok(length) if (1..=MAX_VALUES as u64).contains(&length) => Ok(length),
                _ => {
                    let limit = format!("from, {from}, or more, and at most {MAX_VALUES} values with it");
                    Err(Bad::key(format!("{here}.to"), to, limit))
                }
            }
        }
        _ => Err(Bad::key(here, "a sweep with other values", "given either values, or from and to for one key")),
    }
}

/// For each place of the axis the value of each key.
fn values(here: &str, file: &SweepFile, keys: usize) -> Result<Vec<Vec<Value>>, Bad> {
    let key = format!("{here}.values");
    let of_one = |i: usize, value: &Value| match value.as_array().filter(|list| list.len() == keys) {
        Some(list) => Ok(list.clone()),
        None => {
            let limit = format!("a list of {keys} values, one for each of the keys");
            Err(Bad::key(format!("{key}[{i}]"), toml_file::shown(&value.to_string()), limit))
        }
    };
    let places: Vec<Vec<Value>> = match (&file.values, file.from, file.to) {
        (Some(values), None, None) if keys == 1 => values.iter().map(|value| vec![value.clone()]).collect(),
        (Some(values), None, None) => {
            values.iter().enumerate().map(|(i, value)| of_one(i, value)).collect::<Result<_, Bad>>()?
        }
        // Consecutive integers: no value occurs twice.
        (None, Some(from), Some(to)) if keys == 1 => {
            return Ok((from..=to).map(|whole| vec![Value::Integer(whole)]).collect());
        }
        _ => {
            return Err(Bad::key(here, "a sweep with other values", "given either values, or from and to for one key"));
        }
    };
    let mut taken = HashSet::with_capacity(places.len());
    for (i, values) in places.iter().enumerate() {
        let mut text = String::new();
        values.iter().for_each(|value| identity(value, &mut text));
        if !taken.insert(text) {
            return Err(Bad::key(format!("{key}[{i}]"), "a value for the second time", "another value"));
        }
    }
    Ok(places)
}

/// A text that is the same for two values exactly where they mean the same to a campaign: `1` and `1.0` do.
fn identity(value: &Value, text: &mut String) {
    match value {
        Value::Integer(whole) if (whole.unsigned_abs() >> 53) == 0 => identity(&Value::Float(*whole as f64), text),
        // 0.0 and -0.0 mean the same to a campaign.
        Value::Float(number) => text.push_str(&format!("{:x},", (number + 0.0).to_bits())),
        Value::Array(values) => {
            text.push('[');
            values.iter().for_each(|value| identity(value, text));
            text.push(']');
        }
        other => text.push_str(&format!("{other},")),
    }
}

fn axis(here: &str, file: &SweepFile, name: String, keys: Vec<String>, values: &[Vec<Value>]) -> Result<Sweep, Bad> {
    let column = |k: usize| coordinate(values.iter().map(|of| &of[k]));
    let swept = keys.iter().enumerate().map(|(k, key)| SweptKey {
        key: key.clone(),
        units: unit_of(key).to_owned(),
        values: column(k),
    });
    let swept: Vec<SweptKey> = swept.collect();
    let coordinate = match &file.labels {
        Some(labels) => {
            let wrong = labels.len() != values.len() || labels.iter().any(|label| !files::is_name(label));
            if wrong {
                let limit = format!("{}, one for each value, each {}", values.len(), files::NAME_LIMIT);
                return Err(Bad::key(format!("{here}.labels"), format!("a list of {}", labels.len()), limit));
            }
            Coordinate::Text(labels.clone())
        }
        None if swept.len() == 1 => swept[0].values.clone(),
        None => Coordinate::Whole((0..values.len() as i64).collect()),
    };
    Ok(Sweep { name, coordinate, keys: swept })
}

/// Values as a record keeps them: whole numbers, numbers, or the TOML text of anything else.
fn coordinate<'a>(values: impl Iterator<Item = &'a Value> + Clone) -> Coordinate {
    if let Some(whole) = values.clone().map(Value::as_integer).collect::<Option<Vec<_>>>() {
        return Coordinate::Whole(whole);
    }
    let real = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
    if let Some(real) = values.clone().map(real).collect::<Option<Vec<_>>>() {
        return Coordinate::Real(real);
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Coordinate::Text(values.map(text).collect())
}

/// Keys carry their unit at their end.
fn unit_of(key: &str) -> &'static str {
    match key.rsplit('_').next() {
        _ if !key.contains('_') || key.starts_with(PARAMETER) => "1",
        Some("s") => "s",
        Some("v") => "V",
        Some("c") => "degC",
        Some("ohm") => "ohm",
        Some("nm") => "nm",
        _ => "1",
    }
}

/// Sets a key; where the path leads through a list of tables, in each of them. The error names what blocks the path.
fn set(place: &mut Value, key: &[&str], value: &Value) -> Result<(), String> {
    let [first, rest @ ..] = key else {
        *place = value.clone();
        return Ok(());
    };
    match place {
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_table) => {
            items.iter_mut().try_for_each(|item| set(item, key, value))
        }
        Value::Table(table) if rest.is_empty() => {
            table.insert((*first).to_owned(), value.clone());
            Ok(())
        }
        // A table that the file leaves out is created.
        Value::Table(table) => set(table.entry(*first).or_insert_with(|| Value::Table(Table::new())), rest, value),
        _ => Err(format!("{first} would lie in what is no table")),
    }
}
