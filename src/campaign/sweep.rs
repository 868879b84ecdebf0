//! Sweeps: keys of a campaign file that take several values.
//!
//! A sweep is an axis. Along it one key, or several together, are set to value after value; the campaign is the grid of all
//! sweeps, materials and temperatures. Each place of the sweeps (a *case*) is the campaign file with those values written into
//! it, and is checked like any campaign file.

use toml::{Table, Value};

use super::check;
use super::error::Bad;
use super::file::SweepFile;
use crate::files;
use crate::outcome::{Coordinate, Sweep, SweptKey};
use crate::record;

/// Most sweeps of a campaign.
pub const MAX_SWEEPS: usize = 8;
/// Most values of a sweep.
pub const MAX_VALUES: usize = 100_000;
/// What a key of the material files begins with.
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
/// Tables of which no key is swept.
const SHARED_TABLES: [&str; 4] = ["histogram", "report", "dump", "qualification"];

/// The sweeps of a file: what the record says of them, and the values as they stand in the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sweeps {
    pub(super) axes: Vec<Sweep>,
    /// Of each axis, for each place, the value of each key.
    values: Vec<Vec<Vec<Value>>>,
}

/// A change of a number in every material.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    /// As in the material's file.
    pub(super) key: String,
    pub(super) value: f64,
}

impl Sweeps {
    pub(super) fn read(files: &[SweepFile]) -> Result<Sweeps, Bad> {
        check::at_most("sweep", files.len(), MAX_SWEEPS)?;
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
        Ok(sweeps)
    }

    /// Number of cases: 1 without sweeps.
    pub(super) fn cases(&self) -> usize {
        self.values.iter().fold(1, |product, values| product.saturating_mul(values.len()))
    }

    /// Whether a sweep changes the key.
    pub(super) fn changes(&self, key: &str) -> bool {
        self.axes.iter().flat_map(|axis| &axis.keys).any(|swept| swept.key == key)
    }

    /// The campaign file of a case, and what changes in its materials. The last sweep runs fastest.
    pub(super) fn case(&self, file: &Table, number: usize) -> Result<(Table, Vec<Parameter>), Bad> {
        let mut document = Value::Table(file.clone());
        let mut parameters = Vec::new();
        for (axis, at) in self.axes.iter().zip(self.places(number)).enumerate().map(|(i, (axis, at))| ((i, axis), at)) {
            let (i, axis) = axis;
            for (key, value) in axis.keys.iter().zip(&self.values[i][at]) {
                let here = || format!("sweep[{i}].values[{at}]");
                match key.key.strip_prefix(PARAMETER) {
                    None => {
                        let segments: Vec<&str> = key.key.split('.').collect();
                        set(&mut document, &segments, value).map_err(|what| {
                            Bad::key(
                                format!("sweep[{i}].key"),
                                format!("{:?}", key.key),
                                format!("a key to set: {what}"),
                            )
                        })?;
                    }
                    Some(of_material) => {
                        let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
                        let number =
                            number.ok_or_else(|| Bad::key(here(), value, "a number, in the material's unit"))?;
                        parameters.push(Parameter { key: of_material.to_owned(), value: number });
                    }
                }
            }
        }
        match document {
            Value::Table(table) => Ok((table, parameters)),
            _ => Ok((Table::new(), parameters)),
        }
    }

    /// Place of a case on each sweep.
    fn places(&self, number: usize) -> Vec<usize> {
        let mut rest = number;
        let mut places: Vec<usize> = self.values.iter().map(Vec::len).collect();
        for place in places.iter_mut().rev() {
            (*place, rest) = (rest % *place, rest / *place);
        }
        places
    }

    /// What a case sets, for people: `seed = 3`.
    pub(super) fn told(&self, number: usize) -> String {
        let places = self.places(number);
        let value = |(axis, at): (&Sweep, usize)| format!("{} = {}", axis.name, axis.coordinate.text(at));
        self.axes.iter().zip(places).map(value).collect::<Vec<_>>().join(", ")
    }
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
    let refused = |limit: &str| Err(Bad::key(format!("{here}.key"), format!("{key:?}"), limit));
    if key.split('.').any(str::is_empty) || key == PARAMETER.trim_end_matches('.') {
        return refused(
            "a key of this file, such as seed or array.rows, or parameter. and a key of the material files",
        );
    }
    if let Some((_, why)) = SHARED.iter().find(|(shared, _)| *shared == key) {
        return refused(why);
    }
    let table = key.split('.').next().unwrap_or_default();
    if SHARED_TABLES.contains(&table) {
        return refused("a key outside [histogram], [report], [dump] and [qualification], which all points share");
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
        return Err(Bad::key(format!("{here}.name"), format!("{name:?}"), limit));
    }
    Ok(name)
}

/// For each place of the axis the value of each key.
fn values(here: &str, file: &SweepFile, keys: usize) -> Result<Vec<Vec<Value>>, Bad> {
    let key = format!("{here}.values");
    let found: Vec<Vec<Value>> = match (&file.values, file.from, file.to) {
        (Some(values), None, None) if keys == 1 => values.iter().map(|value| vec![value.clone()]).collect(),
        (Some(values), None, None) => {
            let mut found = Vec::new();
            for (i, value) in values.iter().enumerate() {
                match value.as_array().filter(|list| list.len() == keys) {
                    Some(list) => found.push(list.clone()),
                    None => {
                        let limit = format!("a list of {keys} values, one for each of the keys");
                        return Err(Bad::key(format!("{key}[{i}]"), value, limit));
                    }
                }
            }
            found
        }
        (None, Some(from), Some(to)) if keys == 1 => {
            let length = i128::from(to) - i128::from(from) + 1;
            if !(1..=MAX_VALUES as i128).contains(&length) {
                let limit = format!("from_s or more, and fewer than {MAX_VALUES} values");
                return Err(Bad::key(format!("{here}.to"), to, limit.replace("from_s", &format!("from, {from},"))));
            }
            (from..=to).map(|whole| vec![Value::Integer(whole)]).collect()
        }
        _ => {
            return Err(Bad::key(here, "a sweep with other values", "given either values, or from and to for one key"));
        }
    };
    check::not_empty(&key, found.len(), "one value")?;
    check::at_most(&key, found.len(), MAX_VALUES)?;
    for (i, value) in found.iter().enumerate() {
        if found[..i].contains(value) && found.len() < 10_000 {
            return Err(Bad::key(format!("{key}[{i}]"), "a value for the second time", "another value"));
        }
    }
    Ok(found)
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
        _ => "1",
    }
}

/// Sets a key; a list of tables on the way stands for each of them. Says what is in the way.
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
        // A table that may be left out is made.
        Value::Table(table) => set(table.entry(*first).or_insert_with(|| Value::Table(Table::new())), rest, value),
        _ => Err(format!("{first} would lie in what is no table")),
    }
}
