//! A material's file with some of its values changed, and everything else, comments and order included, as it was.

use toml_edit::{DocumentMut, Item, Value};

use crate::toml_file;

/// What a line that names the command of a fit begins with.
const HEADER: &str = "# Fitted by: ";

/// What a draft cannot do; one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    #[error("{origin}: {message}")]
    Toml { origin: String, message: String },
    #[error("{0}")]
    Key(String),
}

/// A material's file, being changed.
#[derive(Debug, Clone)]
pub struct Draft {
    document: DocumentMut,
    /// Names the material in errors.
    origin: String,
}

impl Draft {
    /// # Errors
    /// [`DraftError::Toml`] for what is no TOML.
    pub fn new(text: &str, origin: &str) -> Result<Draft, DraftError> {
        let wrong = |message| DraftError::Toml { origin: origin.to_owned(), message };
        toml_file::nesting(text).map_err(wrong)?;
        let document = text
            .parse()
            .map_err(|e: toml_edit::TomlError| wrong(e.message().split_whitespace().collect::<Vec<_>>().join(" ")))?;
        Ok(Draft { document, origin: origin.to_owned() })
    }

    /// The number of a key, in the unit of the file.
    ///
    /// # Errors
    /// [`DraftError::Key`] for a key that is not there, or holds no number.
    pub fn number(&self, key: &str) -> Result<f64, DraftError> {
        let number = |value: &Value| value.as_float().or_else(|| value.as_integer().map(|i| i as f64));
        match (self.find(key).and_then(number), self.quantity(key)) {
            (Some(number), _) => Ok(number),
            (None, Some((_, None))) => {
                Err(DraftError::Key(format!("parameter {key}: {} has no number with a unit there", self.origin)))
            }
            (None, _) => Err(self.absent(key)),
        }
    }

    /// The unit of a key; empty where it has none.
    pub fn unit(&self, key: &str) -> String {
        let unit = self.quantity(key).and_then(|(item, _)| item.get("unit")?.as_str().map(str::to_owned));
        unit.unwrap_or_default()
    }

    /// The keys of all quantities that hold one number.
    pub fn numbers(&self) -> Vec<String> {
        let tables = self.document.iter().filter_map(|(table, item)| Some((table, item.as_table_like()?)));
        let of_table = |(table, items): (&str, &dyn toml_edit::TableLike)| {
            let named = items.iter().filter(|(_, item)| item.get("value").is_some());
            named.map(|(name, _)| format!("{table}.{name}")).collect::<Vec<_>>()
        };
        tables.flat_map(of_table).filter(|key| self.number(key).is_ok()).collect()
    }

    /// Whether there is such a key.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Sets the number of a key that [`Draft::number`] knows, written so that it is read as the same f64.
    pub fn set(&mut self, key: &str, value: f64) {
        if let Some(place) = self.find_mut(key) {
            replace(place, written(value));
        }
    }

    /// Says where the number of a key comes from.
    pub fn set_source(&mut self, key: &str, source: &str) {
        let quantity = key.rsplit_once('.').filter(|(_, last)| last.parse::<usize>().is_ok()).map_or(key, |(q, _)| q);
        let place = split(quantity)
            .and_then(|(table, name)| self.document.get_mut(table)?.get_mut(name)?.get_mut("source")?.as_value_mut());
        if let Some(place) = place {
            replace(place, Value::from(source));
        }
    }

    /// Names the material.
    pub fn set_name(&mut self, name: &str) {
        if let Some(place) = self.document.get_mut("name").and_then(Item::as_value_mut) {
            replace(place, Value::from(name));
        }
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// The text with a line that names the command; an earlier one is replaced.
    pub fn text_made_by(&self, command: &str) -> String {
        let text = self.text();
        let line = format!("{HEADER}{command}");
        match text.lines().any(|l| l.starts_with(HEADER)) {
            true => {
                text.lines().map(|l| if l.starts_with(HEADER) { line.clone() } else { l.to_owned() } + "\n").collect()
            }
            false => format!("{line}\n{text}"),
        }
    }

    fn absent(&self, key: &str) -> DraftError {
        let shown = |text: &str| format!("parameter {key}: {} has no such key; {text}", self.origin);
        let Some((table, _)) = split(key) else {
            return DraftError::Key(shown("write it as table.name, capture.onset say"));
        };
        let Some(found) = self.document.get(table).and_then(Item::as_table_like) else {
            let tables = self.document.iter().filter(|(_, item)| item.is_table_like()).map(|(name, _)| name);
            return DraftError::Key(shown(&format!("it has the tables {}", tables.collect::<Vec<_>>().join(", "))));
        };
        let numbers = found.iter().filter(|(_, item)| item.get("value").is_some()).map(|(name, _)| name);
        DraftError::Key(shown(&format!("[{table}] has {}", numbers.collect::<Vec<_>>().join(", "))))
    }

    /// The quantity of a key, and which of its numbers, where it has several.
    fn quantity(&self, key: &str) -> Option<(&Item, Option<usize>)> {
        let (table, rest) = split(key)?;
        let (name, index) = part(rest);
        Some((self.document.get(table)?.get(name)?, index))
    }

    fn find(&self, key: &str) -> Option<&Value> {
        match self.quantity(key)? {
            (item, None) => item.get("value")?.as_value(),
            (item, Some(index)) => item.get("values")?.as_array()?.get(index),
        }
    }

    fn find_mut(&mut self, key: &str) -> Option<&mut Value> {
        let (table, rest) = split(key)?;
        let (name, index) = part(rest);
        let item = self.document.get_mut(table)?.get_mut(name)?;
        match index {
            None => item.get_mut("value")?.as_value_mut(),
            Some(index) => item.get_mut("values")?.as_array_mut()?.get_mut(index),
        }
    }
}

fn split(key: &str) -> Option<(&str, &str)> {
    key.split_once('.')
}

/// A name, and the number of a value in a list (`depths.0`).
fn part(rest: &str) -> (&str, Option<usize>) {
    match rest.split_once('.') {
        Some((name, index)) => (name, index.parse().ok()),
        None => (rest, None),
    }
}

/// A number as it is written, read back as the same f64.
fn written(value: f64) -> Value {
    // Rust's shortest form is TOML's too: 3.03, 3.42e-11.
    format!("{value:?}").parse().unwrap_or_else(|_| Value::from(value))
}

/// Puts a value in the place of another, with the spaces around it.
fn replace(place: &mut Value, mut value: Value) {
    *value.decor_mut() = place.decor().clone();
    *place = value;
}

/// A number with so many significant digits.
pub fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits.saturating_sub(1)).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# top\nname = \"a\"  # its name\n\n[film]\n# wide\narea = { value = 0.798, unit = \"um^2\", source = \"x\" } # end\n[traps]\nkind = \"levels\"\ndepths = { values = [1.0, 1.25], unit = \"eV\", source = \"y\" }\nclasses = 8\n";

    #[test]
    fn values_change_and_the_rest_stays() {
        let mut draft = Draft::new(TEXT, "a.toml").expect("TOML");
        assert_eq!((draft.number("film.area").ok(), draft.number("traps.depths.1").ok()), (Some(0.798), Some(1.25)));
        assert_eq!(draft.unit("film.area"), "um^2");
        let values = [0.1 + 0.2, 3.42e-11];
        draft.set("film.area", values[0]);
        draft.set("traps.depths.1", values[1]);
        draft.set_source("film.area", "fitted");
        draft.set_name("b");
        let text = draft.text_made_by("trapline fit x");
        let expected = TEXT
            .replace("0.798", "0.30000000000000004")
            .replace("1.25", "3.42e-11")
            .replace("\"x\"", "\"fitted\"")
            .replace("\"a\"", "\"b\"");
        assert_eq!(text, format!("# Fitted by: trapline fit x\n{expected}"));
        let again = Draft::new(&text, "b.toml").expect("TOML");
        assert_eq!(
            (again.number("film.area").ok(), again.number("traps.depths.1").ok()),
            (Some(values[0]), Some(values[1]))
        );
        assert_eq!(again.text_made_by("other"), text.replace("trapline fit x", "other"));
    }

    #[test]
    fn a_key_that_is_not_there_is_told_what_is() {
        let draft = Draft::new(TEXT, "a.toml").expect("TOML");
        for (key, needed) in [
            ("film.width", "[film] has area"),
            ("name", "write it as table.name"),
            ("nowhere.x", "it has the tables film, traps"),
            ("traps.kind", "no number with a unit"),
            ("traps.classes", "no number with a unit"),
            ("traps.depths.7", "no such key"),
        ] {
            let error = draft.number(key).expect_err(key).to_string();
            assert!(error.contains(needed) && error.contains(key) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn digits_are_significant_ones() {
        assert_eq!(rounded(3.141_59e-11, 4), 3.142e-11);
        assert_eq!(rounded(16.6, 4), 16.6);
    }
}
