//! Every key of the files that users write: with type, unit, range and default, for the manual and for editors.
//!
//! `keys.toml` lists them; a test holds it against what the parsers know. [`markdown`] makes `docs/reference.md` of it,
//! [`schema`] a JSON Schema (draft 7) of a file, with which editors complete and check.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Map, Value, json};

const TEXT: &str = include_str!("keys.toml");

/// All files, as `keys.toml` has them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub file: Vec<File>,
}

/// A kind of file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub name: String,
    pub title: String,
    pub about: String,
    pub table: Vec<Table>,
}

/// What a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    Table,
    /// A list of tables.
    List,
    /// Each key is `{ value, unit, source }`.
    Quantities,
}

/// A table of a file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Dotted; empty for the top level.
    pub path: String,
    pub kind: TableKind,
    pub required: bool,
    pub about: String,
    #[serde(default)]
    pub key: Vec<Key>,
}

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    Number,
    Integer,
    String,
    Boolean,
    Numbers,
    Integers,
    Strings,
    Table,
    Tables,
    /// `{ value, unit, source }`.
    Quantity,
    /// `{ values, unit, source }`.
    Quantities,
    Any,
}

/// A key of a table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    pub name: String,
    #[serde(rename = "type")]
    pub of: Type,
    pub unit: Option<String>,
    #[serde(default)]
    pub units: Vec<String>,
    pub required: bool,
    /// As it is written in TOML.
    pub default: Option<String>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub exclusive_minimum: Option<f64>,
    pub exclusive_maximum: Option<f64>,
    #[serde(default)]
    pub one_of: Vec<String>,
    pub equation: Option<String>,
    pub about: String,
}

/// All keys.
///
/// # Errors
/// What is wrong with `keys.toml`, which a test holds to be nothing.
pub fn reference() -> Result<Reference, String> {
    trapline_model::toml_file::read(TEXT)
}

impl File {
    /// A table by its path.
    pub fn table(&self, path: &str) -> Option<&Table> {
        self.table.iter().find(|table| table.path == path)
    }
}

/// The page of all keys, in Markdown.
pub fn markdown(reference: &Reference) -> String {
    let mut text = "# Every key of every file\n\n\
        Made of the data by which `trapline schema` writes JSON Schemas: `trapline schema --reference > docs/reference.md`. A test holds \
        the names against the parsers. A key without a default must be there where its table is, unless it says *optional*. Keys carry \
        their unit: `_s` seconds, `_v` volts, `_c` degrees Celsius; a quantity is `{ value = 3.0, unit = \"nm\", source = \"...\" }`, and one \
        of more than 0 at least 1e-60 of its unit.\n"
        .to_owned();
    for file in &reference.file {
        let _ = write!(text, "\n## {}\n\n{} Schema: `trapline schema {}`.\n", file.title, file.about, file.name);
        for table in &file.table {
            let heading = match (table.path.as_str(), table.kind) {
                ("", _) => format!("{}: top level", file.title),
                (path, TableKind::List) => format!("`[[{path}]]`"),
                (path, _) => format!("`[{path}]`"),
            };
            let must = if table.required || table.path.is_empty() { "" } else { " Optional." };
            let _ = write!(text, "\n### {heading}\n\n{}{must}\n\n", table.about);
            text.push_str("| key | takes | what it is |\n| --- | --- | --- |\n");
            for key in &table.key {
                let equation = key.equation.as_ref().map_or(String::new(), |equation| format!(" `{equation}`"));
                let default = match (&key.default, key.required) {
                    (Some(default), _) => format!("`{}` where it is left out", cell(default)),
                    (None, true) => String::new(),
                    (None, false) => "*optional*".to_owned(),
                };
                let takes = [cell(&in_words(key)), cell(&range(key)), default];
                let takes = takes.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
                let _ = writeln!(text, "| `{}` | {takes} | {}{} |", key.name, cell(&key.about), cell(&equation));
            }
        }
    }
    text
}

/// A text as a cell of a table takes it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\t'], " ")
}

fn in_words(key: &Key) -> String {
    let unit = key.unit.as_ref().map_or(String::new(), |unit| format!(", {unit}"));
    let units = if key.units.is_empty() { String::new() } else { format!(" in {}", key.units.join(" or ")) };
    let of = match key.of {
        Type::Number => "number",
        Type::Integer => "whole number",
        Type::String => "text",
        Type::Boolean => "true or false",
        Type::Numbers => "numbers",
        Type::Integers => "whole numbers",
        Type::Strings => "texts",
        Type::Table => "table",
        Type::Tables => "tables",
        Type::Quantity => "quantity",
        Type::Quantities => "quantity of several values",
        Type::Any => "any value",
    };
    format!("{of}{unit}{units}")
}

fn range(key: &Key) -> String {
    if !key.one_of.is_empty() {
        return key.one_of.iter().map(|one| format!("`{one:?}`")).collect::<Vec<_>>().join(", ");
    }
    let low = key.minimum.map(number).or(key.exclusive_minimum.map(|above| format!("more than {}", number(above))));
    let high = match (key.maximum, key.exclusive_maximum) {
        (Some(most), _) => Some(number(most)),
        (None, Some(below)) => Some(format!("less than {}", number(below))),
        (None, None) => None,
    };
    match (low, high) {
        (Some(low), Some(high)) => format!("{low} to {high}"),
        (Some(low), None) => {
            if key.minimum.is_some() {
                format!("{low} or more")
            } else {
                low
            }
        }
        (None, Some(high)) => {
            if key.maximum.is_some() {
                format!("{high} or less")
            } else {
                high
            }
        }
        (None, None) => String::new(),
    }
}

/// A limit as short as it is exact.
fn number(value: f64) -> String {
    // The largest whole number of TOML.
    if value == 9_223_372_036_854_775_807.0 {
        return "2^63 - 1".to_owned();
    }
    let plain = format!("{value}");
    if plain.len() <= 7 { plain } else { format!("{value:e}") }
}

/// JSON Schema (draft 7) of a kind of file; none for a name that is not there.
pub fn schema(reference: &Reference, name: &str) -> Option<Value> {
    let file = reference.file.iter().find(|file| file.name == name)?;
    let mut all = of_table(file, "")?;
    all["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    all["title"] = json!(format!("trapline: {}", file.title.to_lowercase()));
    all["description"] = json!(file.about);
    Some(all)
}

fn of_table(file: &File, path: &str) -> Option<Value> {
    let table = file.table(path)?;
    let mut properties = Map::new();
    for key in &table.key {
        let inner = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
        properties.insert(key.name.clone(), of_key(file, key, &inner));
    }
    let required: Vec<&String> = table.key.iter().filter(|key| key.required).map(|key| &key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": table.about,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    Some(schema)
}

fn of_key(file: &File, key: &Key, path: &str) -> Value {
    let bounded = |mut schema: Value| {
        let bounds = [
            ("minimum", key.minimum),
            ("maximum", key.maximum),
            ("exclusiveMinimum", key.exclusive_minimum),
            ("exclusiveMaximum", key.exclusive_maximum),
        ];
        for (name, bound) in bounds {
            if let Some(bound) = bound {
                schema[name] = whole(bound);
            }
        }
        schema
    };
    let text = || if key.one_of.is_empty() { json!({ "type": "string" }) } else { json!({ "enum": key.one_of }) };
    let list = |of: Value| json!({ "type": "array", "items": of });
    // A bound of a quantity holds in the first of its units, so that it says something only where there is one.
    let values = |several: bool| {
        let number = json!({ "type": "number" });
        let number = if key.units.len() == 1 { bounded(number) } else { number };
        let (name, value) = if several { ("values", list(number)) } else { ("value", number) };
        let unit = if key.units.is_empty() { json!({ "type": "string" }) } else { json!({ "enum": key.units }) };
        json!({
            "type": "object",
            "properties": { name: value, "unit": unit, "source": { "type": "string", "minLength": 1 } },
            "required": [name, "unit", "source"],
            "additionalProperties": false,
        })
    };
    // A map of names nobody knows has no table of its own.
    let table = || of_table(file, path).unwrap_or_else(|| json!({ "type": "object" }));
    let mut schema = match key.of {
        Type::Number => bounded(json!({ "type": "number" })),
        Type::Integer => bounded(json!({ "type": "integer" })),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::String => text(),
        Type::Numbers => list(bounded(json!({ "type": "number" }))),
        Type::Integers => list(bounded(json!({ "type": "integer" }))),
        Type::Strings => list(text()),
        Type::Table => table(),
        Type::Tables => list(table()),
        Type::Quantity => values(false),
        Type::Quantities => values(true),
        Type::Any => json!({}),
    };
    let unit = key.unit.as_ref().map_or(String::new(), |unit| format!(" ({unit})"));
    schema["description"] = json!(format!("{}{unit}", key.about));
    if let Some(default) = key.default.as_ref().and_then(|default| toml_value(default)) {
        schema["default"] = default;
    }
    schema
}

/// A number without a fraction where it has none.
fn whole(bound: f64) -> Value {
    if bound == bound.trunc() && bound.abs() < 9e15 { json!(bound as i64) } else { json!(bound) }
}

/// A default as JSON has it.
fn toml_value(text: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_limits;
