//! Datasets as text for other programs: tables of comma-separated values, and JSON.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use trapline_model::dataset::{Dataset, Values, Variable};

/// A dataset, and what tells it from others of its kind: `("temperature_c", 85.0)`.
pub type Labelled<'a> = (&'a [(&'a str, f64)], &'a Dataset);

/// A table: its name, empty for the first one, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    pub text: String,
}

/// Datasets of the same variables as tables of comma-separated values, with names in the first line.
///
/// A table has a row for each place of its axes: where it is on them (the axis' own numbers, else counted from 0), and
/// every variable over some of them. Variables of other axes make a further table, called by its first variable.
/// Datasets that are told apart by labels follow one another, with the labels in columns of their own.
pub fn tables(datasets: &[Labelled<'_>]) -> Vec<Table> {
    let Some((labels, first)) = datasets.first() else { return Vec::new() };
    // Sets of axes that are a part of no other.
    let mut sets: Vec<&Variable> = Vec::new();
    for variable in &first.variables {
        if !sets.iter().any(|set| covers(&set.axes, &variable.axes)) {
            sets.retain(|set| !covers(&variable.axes, &set.axes));
            sets.push(variable);
        }
    }
    let table = |(number, set): (usize, &&Variable)| {
        let measured = |variable: &&Variable| variable.axes == set.axes;
        let named = first.variables.iter().find(measured).map_or("", |variable| &variable.name);
        let mut text = String::new();
        // What a dataset says of itself it need not be told again.
        let told = |label: &&(&str, f64)| first.get(label.0).is_none();
        let heads = labels.iter().filter(told).map(|(name, _)| (*name).to_owned());
        let heads: Vec<String> = heads.chain(columns(first, &set.axes).into_iter().map(|(name, _)| name)).collect();
        text.push_str(&heads.iter().map(|head| quoted(head)).collect::<Vec<_>>().join(","));
        text.push('\n');
        for (labels, dataset) in datasets {
            let labels: Vec<String> = labels.iter().filter(told).map(|(_, value)| real(*value)).collect();
            rows(&mut text, &labels, dataset, &set.axes);
        }
        Table { name: if number == 0 { String::new() } else { named.to_owned() }, text }
    };
    sets.iter().enumerate().map(table).collect()
}

/// Whether all of `some` are among `all`.
fn covers(all: &[String], some: &[String]) -> bool {
    some.iter().all(|axis| all.contains(axis))
}

/// Columns of a table over axes: first the axes, then what lies over them; a variable, or none for counted places.
fn columns<'d>(dataset: &'d Dataset, axes: &[String]) -> Vec<(String, Option<&'d Variable>)> {
    let coordinate = |axis: &String| dataset.get(axis).filter(|variable| variable.axes == [axis.clone()]);
    let mut columns: Vec<_> = axes.iter().map(|axis| (axis.clone(), coordinate(axis))).collect();
    let over =
        dataset.variables.iter().filter(|variable| covers(axes, &variable.axes) && !axes.contains(&variable.name));
    columns.extend(over.map(|variable| (variable.name.clone(), Some(variable))));
    columns
}

fn rows(text: &mut String, labels: &[String], dataset: &Dataset, axes: &[String]) {
    let length = |axis: &String| {
        dataset.variables.iter().find_map(|v| Some(v.values.shape()[v.axes.iter().position(|own| own == axis)?]))
    };
    let shape: Vec<usize> = axes.iter().map(|axis| length(axis).unwrap_or(0)).collect();
    let columns = columns(dataset, axes);
    // Where each column's value is, by the place on the axes: the stride of each of them.
    let strides: Vec<Vec<usize>> = columns
        .iter()
        .map(|(name, variable)| {
            let own: Vec<&String> = variable.map_or(vec![name], |variable| variable.axes.iter().collect());
            let stride = |axis: &String| match own.iter().position(|other| *other == axis) {
                Some(at) => own[at + 1..].iter().map(|inner| length(inner).unwrap_or(1)).product(),
                None => 0,
            };
            axes.iter().map(stride).collect()
        })
        .collect();
    let elements: Vec<Option<Vec<String>>> =
        columns.iter().map(|(_, variable)| variable.map(|variable| elements(&variable.values))).collect();
    for row in 0..shape.iter().product() {
        let (mut rest, mut place) = (row, vec![0; shape.len()]);
        for (at, length) in shape.iter().enumerate().rev() {
            (place[at], rest) = (rest % length, rest / length);
        }
        let fields = elements.iter().zip(&strides).map(|(elements, strides)| {
            let at: usize = place.iter().zip(strides).map(|(place, stride)| place * stride).sum();
            elements.as_ref().map_or_else(|| at.to_string(), |all| all.get(at).cloned().unwrap_or_default())
        });
        let fields: Vec<String> = labels.iter().cloned().chain(fields).collect();
        let _ = writeln!(text, "{}", fields.join(","));
    }
}

/// All values in the order of a record, rows first.
fn elements(values: &Values) -> Vec<String> {
    match values {
        Values::Real(array) => array.iter().copied().map(real).collect(),
        Values::Count(array) => array.iter().map(u64::to_string).collect(),
        Values::Text(list) => list.iter().map(|text| quoted(text)).collect(),
    }
}

/// As few digits as lead to the same number; nothing for what is none.
pub(crate) fn real(value: f64) -> String {
    match value {
        value if value.is_nan() => String::new(),
        value if value == value.trunc() && value.abs() < 1e15 => format!("{value}"),
        value => format!("{value:?}"),
    }
}

/// A text in quotes where it must stand in them (RFC 4180).
pub(crate) fn quoted(text: &str) -> String {
    let plain = !text.contains([',', '"', '\n', '\r']);
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

/// Datasets as JSON: a list, each with its name, title, notes, labels and variables; of these axes, unit, meaning and
/// values, nested as the axes are. What is no number is null.
pub fn json(datasets: &[Labelled<'_>]) -> Value {
    let one = |(labels, dataset): &Labelled<'_>| {
        let notes: Map<String, Value> = dataset.notes.iter().map(|(key, text)| (key.clone(), json!(text))).collect();
        let variables: Map<String, Value> = dataset.variables.iter().map(|v| (v.name.clone(), variable(v))).collect();
        let mut all = json!({ "name": dataset.name, "title": dataset.title, "notes": notes, "variables": variables });
        for (key, value) in *labels {
            all[*key] = json!(value);
        }
        all
    };
    Value::Array(datasets.iter().map(one).collect())
}

fn variable(variable: &Variable) -> Value {
    let flat: Vec<Value> = match &variable.values {
        Values::Real(array) => array.iter().map(|value| json!(value)).collect(),
        Values::Count(array) => array.iter().map(|value| json!(value)).collect(),
        Values::Text(list) => list.iter().map(|value| json!(value)).collect(),
    };
    json!({
        "axes": variable.axes,
        "unit": variable.unit,
        "meaning": variable.long_name,
        "values": nested(flat, &variable.values.shape()),
    })
}

fn nested(flat: Vec<Value>, shape: &[usize]) -> Value {
    match shape {
        [] => flat.into_iter().next().unwrap_or(Value::Null),
        [_] => Value::Array(flat),
        [first, inner @ ..] => {
            let size = inner.iter().product::<usize>().max(1);
            let mut parts: Vec<Value> = flat.chunks(size).map(|part| nested(part.to_vec(), inner)).collect();
            parts.resize(*first, Value::Array(Vec::new()));
            Value::Array(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    fn numbers(shape: &[usize], from: f64) -> ArrayD<f64> {
        let mut next = from - 1.5;
        ArrayD::from_shape_fn(IxDyn(shape), |_| {
            next += 1.0;
            next
        })
    }

    fn sweep() -> Dataset {
        let mut d = Dataset::new("iv", "Current");
        d.note("what, \"why\"", "x");
        d.axis("point", "1", "Point", &[0.0, 1.0, 2.0]);
        d.real("bias_v", &["point"], "V", "Bias", numbers(&[3], 1.0));
        d.real("current_a", &["cell", "point"], "A", "Current", numbers(&[2, 3], 10.0));
        d.real("later_a", &["cell", "later"], "A", "Current later", numbers(&[2, 1], 90.0));
        d.text("kind", "cell", "Kind", vec!["a, b".to_owned(), "c".to_owned()]);
        d
    }

    #[test]
    fn a_table_has_a_row_for_each_place_of_its_axes() {
        let tables = tables(&[(&[], &sweep())]);
        let named: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(named, ["", "later_a"]);
        let wanted = "cell,point,bias_v,current_a,kind\n0,0,0.5,9.5,\"a, b\"\n0,1,1.5,10.5,\"a, b\"\n0,2,2.5,11.5,\"a, b\"\n\
                      1,0,0.5,12.5,c\n1,1,1.5,13.5,c\n1,2,2.5,14.5,c\n";
        assert_eq!(tables[0].text, wanted);
        assert_eq!(tables[1].text, "cell,later,later_a,kind\n0,0,89.5,\"a, b\"\n1,0,90.5,c\n");
    }

    #[test]
    fn labels_tell_datasets_apart() {
        let (one, mut two) = (sweep(), sweep());
        two.variables[1].values = Values::Real(ArrayD::from_elem(IxDyn(&[3]), f64::NAN));
        two.setting("read_v", "V", "Bias", 0.1);
        let mut one = one;
        one.setting("read_v", "V", "Bias", 0.1);
        let of = |celsius: f64| [("temperature_c", celsius), ("read_v", 9.0)];
        let tables = tables(&[(&of(25.0), &one), (&of(85.5), &two)]);
        let lines: Vec<&str> = tables[0].text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (13, "temperature_c,cell,point,bias_v,current_a,kind,read_v"));
        assert_eq!((lines[1], lines[7]), ("25,0,0,0.5,9.5,\"a, b\",0.1", "85.5,0,0,,9.5,\"a, b\",0.1"));
    }

    #[test]
    fn json_nests_values_as_the_axes_are() {
        let found = json(&[(&[("temperature_c", 25.0)], &sweep())]);
        assert_eq!(found[0]["variables"]["current_a"]["values"][1][2], json!(14.5));
        assert_eq!(found[0]["variables"]["current_a"]["axes"], json!(["cell", "point"]));
        assert_eq!((&found[0]["temperature_c"], &found[0]["name"]), (&json!(25.0), &json!("iv")));
    }
}
