use std::path::Path;

use super::*;
use crate::calibrate;
use crate::campaign::{Overrides, Plan};
use trapline_model::material;
use trapline_model::protocol::waveform;

/// A key that no file has.
const NONE: &str = "no_such_key";

fn parsed() -> Reference {
    reference().expect("sound")
}

/// A text in which the table of a path has a key that no file has.
fn with_a_stray(file: &File, path: &str) -> String {
    let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    let mut text = format!("{NONE} = 1");
    for depth in (0..parts.len()).rev() {
        let is_list = file.table(&parts[..=depth].join(".")).is_some_and(|table| table.kind == TableKind::List);
        let inside = if is_list { format!("[{{ {text} }}]") } else { format!("{{ {text} }}") };
        text = format!("{} = {inside}", parts[depth]);
    }
    format!("{text}\n")
}

/// What the program says of a text of this kind of file.
fn refusal(kind: &str, text: &str) -> String {
    match kind {
        "campaign" => {
            let read = Plan::parse(text, "x.toml", Path::new(""), &Overrides::default());
            read.map(drop).expect_err("stray").to_string()
        }
        "material" => material::parse(text, "x.toml").map(drop).expect_err("stray").to_string(),
        "fit" => calibrate::file::parse(text, Path::new("")).map(drop).expect_err("stray").to_string(),
        "waveform" => {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("x.toml");
            std::fs::write(&path, text).expect("written");
            waveform::read(&path).map(drop).expect_err("stray").to_string()
        }
        other => panic!("no reader of {other}"),
    }
}

/// The keys that the program says it knows in the place of the stray one.
fn known(said: &str) -> Option<Vec<String>> {
    let (_, list) = said.split_once("known here: ")?;
    let list = list.split_once(')').map_or(list, |(list, _)| list);
    Some(list.split(", ").map(str::to_owned).collect())
}

#[test]
fn every_key_that_a_parser_knows_is_listed_and_no_other() {
    let reference = parsed();
    let mut looked_at = 0;
    for file in &reference.file {
        for table in &file.table {
            let said = refusal(&file.name, &with_a_stray(file, &table.path));
            let mut listed: Vec<String> = table.key.iter().map(|key| key.name.clone()).collect();
            let Some(mut known) = known(&said) else {
                // Maps of names that the user chooses know all of them.
                assert!(table.path.ends_with("columns"), "{} [{}]: {said}", file.name, table.path);
                continue;
            };
            // Conditions are read as a target is; the rest of its keys is refused afterwards.
            if file.name == "fit" && table.path == "conditions" {
                known.retain(|key| listed.contains(key));
            }
            listed.sort();
            known.sort();
            assert_eq!(listed, known, "{} [{}]: {said}", file.name, table.path);
            looked_at += 1;
        }
    }
    assert!(looked_at > 35, "{looked_at}");
}

#[test]
fn tables_and_the_keys_that_hold_them_belong_together() {
    for file in &parsed().file {
        for table in &file.table {
            for key in &table.key {
                let path =
                    if table.path.is_empty() { key.name.clone() } else { format!("{}.{}", table.path, key.name) };
                let inner = file.table(&path).map(|inner| inner.kind);
                match key.of {
                    Type::Tables => assert_eq!(inner, Some(TableKind::List), "{path}"),
                    Type::Table => assert!(inner.is_some_and(|kind| kind != TableKind::List), "{path}"),
                    _ => assert_eq!(inner, None, "{path}"),
                }
                assert!(!key.about.is_empty() && key.about.ends_with(['.', ')']), "{path}: {}", key.about);
                let default = key.default.as_ref().map(|default| toml_value(default).is_some());
                assert!(default != Some(false) && !(key.required && default.is_some()), "{path}");
            }
        }
    }
}

/// The schema of a file takes what the program takes; a little validator of what the schemas here use.
fn fits(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{at}: {what}"));
    if let Some(choices) = schema["enum"].as_array() {
        return if choices.contains(value) { Ok(()) } else { wrong("is none of the choices") };
    }
    let number = value.as_f64();
    match schema["type"].as_str() {
        Some("object") => {
            let Some(object) = value.as_object() else { return wrong("is no table") };
            for name in schema["required"].as_array().into_iter().flatten() {
                if !object.contains_key(name.as_str().unwrap_or_default()) {
                    return wrong(&format!("has no {name}"));
                }
            }
            let Some(properties) = schema["properties"].as_object() else { return Ok(()) };
            object.iter().try_for_each(|(key, value)| match properties.get(key) {
                Some(schema) => fits(schema, value, &format!("{at}.{key}")),
                None => wrong(&format!("has the key {key}")),
            })
        }
        Some("array") => {
            let Some(items) = value.as_array() else { return wrong("is no list") };
            items.iter().try_for_each(|item| fits(&schema["items"], item, at))
        }
        Some("string") if !value.is_string() => wrong("is no text"),
        Some("boolean") if !value.is_boolean() => wrong("is neither true nor false"),
        Some("integer") if !value.is_i64() => wrong("is no whole number"),
        Some("number") if number.is_none() => wrong("is no number"),
        _ => {
            let limit = |name: &str| schema[name].as_f64().zip(number);
            let holds = limit("minimum").is_none_or(|(least, n)| n >= least)
                && limit("maximum").is_none_or(|(most, n)| n <= most)
                && limit("exclusiveMinimum").is_none_or(|(above, n)| n > above)
                && limit("exclusiveMaximum").is_none_or(|(below, n)| n < below);
            if holds { Ok(()) } else { wrong("is beyond its limits") }
        }
    }
}

#[test]
fn schemas_take_the_shipped_files_and_refuse_wrong_ones() {
    let reference = parsed();
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seen = 0;
    for (folder, kind) in [
        ("campaigns", "campaign"),
        ("campaigns/qualification", "campaign"),
        ("studies", "campaign"),
        ("materials", "material"),
        ("fits", "fit"),
        ("fits/example", "fit"),
        ("fits/example/spread", "fit"),
    ] {
        let schema = schema(&reference, kind).expect("there");
        for file in std::fs::read_dir(top.join(folder)).expect("there") {
            let path = file.expect("one").path();
            if path.extension().is_none_or(|ending| ending != "toml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("text");
            let table: toml::Table = toml::from_str(&text).expect("TOML");
            let value = serde_json::to_value(&table).expect("JSON");
            assert_eq!(fits(&schema, &value, kind), Ok(()), "{}", path.display());
            // The controls: a key nobody knows, and no format.
            let mut stray = value.clone();
            stray[NONE] = json!(1);
            assert!(fits(&schema, &stray, kind).is_err(), "{}", path.display());
            let mut without = value;
            without.as_object_mut().expect("a table").remove("format");
            assert!(fits(&schema, &without, kind).is_err(), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 14, "{seen}");
    assert!(super::schema(&reference, "no such file").is_none());
}

#[test]
fn the_page_is_what_the_data_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference.md");
    let page = std::fs::read_to_string(path).expect("there");
    assert!(
        page == markdown(&parsed()),
        "docs/reference.md is old; write it by: trapline schema --reference > docs/reference.md"
    );
}
