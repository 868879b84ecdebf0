//! The limits that the reference names are those of the parsers: what lies beyond is refused by the key's name, what lies
//! on them is not.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use toml::Value;

use super::*;
use crate::calibrate;
use crate::campaign::{Overrides, Plan};
use trapline_model::material;
use trapline_model::protocol::waveform;

const WIRED: &str = r#"
format = 1
name = "a"
seed = 1
variation = true

[array]
rows = 8
cols = 8

[array.wires]
segment_ohm = 1.0
source_ohm = 1.0
sense_ohm = 1.0
vectors = 1
integration_s = 1e-2
accuracy = 1e-6

[array.scheme]
unselected = "half"
patterns = 1

[array.programming]
order = "rows"
tolerance = 1e-3

[array.write]
amplitude_v = 1.5
width_s = 1e-3
writes = 10

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 3, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[program]
temperature_c = 25.0
substeps = 16

[bake]
temperatures_c = [100.0]
times_s = [1e2, 1e5]

[read]
bias_v = 0.1
temperature_c = 25.0

[failure]
kept_below = 0.9
as_read = { integration_s = 1e-2 }

[histogram]
bins = 8

[report]
times_s = [1e5]

[dump]
first_row = 0
first_col = 0
rows = 2
cols = 2

[qualification]
after_s = 1e5
parts = "part"
part_fails_above = 0.0
allowed_fails = 0

[[sweep]]
name = "part"
key = "seed_offset"
from = 1
to = 2
"#;

const METAL: &str = r#"
format = 1
name = "b"
seed = 1
variation = true

[array]
rows = 8
cols = 8

[array.wires]
metal = "copper"
width_nm = 20.0
thickness_nm = 40.0
segment_nm = 60.0

[[material]]
use = "pi-ws2-qd"
program = [{ sweeps = 1, sweep_to_v = 2.0, step_v = 0.1, dwell_s = 1e-3 }]

[bake]
temperatures_c = [100.0]
from_s = 1.0
to_s = 1e4
per_octave = 1
"#;

const LINES: &str = r#"
format = 1
name = "c"
seed = 1
variation = true
array = { rows = 8, cols = 8, wires = { word = { segment_ohm = 1.0 }, bit = { segment_ohm = 1.0 } } }

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 3, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[bake]
temperatures_c = [100.0]
from_s = 1.0
to_s = 1e4
points = 5
"#;

const CYCLED: &str = r#"
format = 1
name = "e"
seed = 1
seed_offset = 0
variation = true
array = { rows = 8, cols = 8 }
read = { temperature_c = 25.0 }

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 3, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[bake]
temperatures_c = [125.0]
times_s = [1e2]
cycles = 3
cycle = [{ temperature_c = 25.0, for_s = 10.0 }, { for_s = 10.0 }]
"#;

const METAL_LINES: &str = r#"
format = 1
name = "d"
seed = 1
variation = true

[array]
rows = 8
cols = 8

[array.wires.word]
metal = "copper"
width_nm = 20.0
thickness_nm = 40.0
segment_nm = 60.0

[array.wires.bit]
metal = "copper"
width_nm = 20.0
thickness_nm = 40.0
segment_nm = 60.0

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 3, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[bake]
temperatures_c = [100.0]
times_s = [1e2, 1e5]
"#;

const FIT: &str = r#"
format = 1

[conditions]
temperature_c = 25.0
sweep_to_v = 5.0
step_v = 0.1
dwell_s = 1e-3
amplitude_v = 1.5
width_s = 1e-3
interval_s = 1e-3
pulses = 10
read_v = 0.1
read_s = 1e-2

[[parameter]]
key = "capture.stay_midpoint"
lower = 2.5
upper = 3.5
"#;

/// Targets, each after [`FIT`].
const TARGETS: [&str; 5] = [
    "kind = \"slope\"\nbranch = \"forward\"\nlaw = \"power\"\nfrom_v = 1.0\nto_v = 2.0\ntarget = 2.0\ntolerance = 0.1\ntemperature_c = 25.0\nsweep_to_v = 5.0\nstep_v = 0.1\ndwell_s = 1e-3\n",
    "kind = \"current\"\nbranch = \"forward\"\nbias_v = 2.0\ntarget = 1e-9\nrelative = 0.1\n",
    "kind = \"retained\"\ntime_s = 1e3\ntarget = 0.9\ntolerance = 0.1\namplitude_v = 1.5\nwidth_s = 1e-3\ninterval_s = 1e-3\npulses = 10\nread_v = 0.1\nread_s = 1e-2\n",
    "kind = \"iv_csv\"\nfile = \"iv.csv\"\nrelative = 0.03\nfloor_a = 1e-12\ncompliance_a = 1.0\nskip = 0\ntime_shift_s = 0.0\n",
    "kind = \"retention_csv\"\nfile = \"retention.csv\"\ntolerance = 0.03\n",
];

/// Targets after those, for the conditions that they do not take: one that no target takes is refused.
const UNDER_CONDITIONS: &str = "[[target]]\nkind = \"slope\"\nfrom_v = 1.0\nto_v = 2.0\ntarget = 2.0\ntolerance = 0.1\n\
                                [[target]]\nkind = \"energy\"\ntarget = 1e-13\nrelative = 0.1\n";

/// Curves of devices.
const DEVICES: [&str; 2] = [
    r#"
format = 1
spread = { find = ["area"] }

[[devices]]
kind = "iv_csv"
file = "spread/iv.csv"
device_column = "cell"
temperature_c = 25.0
dwell_s = 1e-3
relative = 0.03
floor_a = 1e-12
compliance_a = 1.0
skip = 0
"#,
    r#"
format = 1
spread = { find = ["diameter"] }

[[devices]]
kind = "retention_csv"
file = "spread/retention.csv"
device_column = "cell"
temperature_c = 155.0
relative = 0.03
amplitude_v = 1.5
width_s = 1e-3
interval_s = 1e-3
pulses = 10
read_v = 0.1
read_s = 1e-2
time_shift_s = 0.0
"#,
];

const TRAIN: &str = "program = [{ pulses = 3, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]\n";
const STAIRS: &str = "program = [{ sweeps = 1, sweep_to_v = 2.0, step_v = 0.1, dwell_s = 1e-3 }]\n";

const LEVELS: &str = r#"[traps]
kind = "levels"
weights = { values = [0.5, 0.5], unit = "1", source = "s" }
depths = { values = [1.2, 1.3], unit = "eV", source = "s" }
speeds = { values = [1.0, 1.0], unit = "1", source = "s" }
depth_per_size = { value = 0.5, unit = "eV", source = "s" }
attempt_rate = { value = 1e13, unit = "1/s", source = "s" }

"#;

/// What no file here has: windows of several devices, tables of currents, which are long, and rows of a waveform's own file.
const NOT_TRIED: [&str; 7] = [
    "devices.tolerance",
    "injection.table.filling",
    "injection.table.temperature",
    "injection.table.bias",
    "injection.table.current",
    "injection.table.skip",
    "waveform: skip",
];

/// Keys whose limit another key of the same file may draw closer: a dump lies in its array, a step divides its sweep.
const DRAWN_CLOSER: [&str; 12] = [
    "rows",
    "cols",
    "first_row",
    "first_col",
    "pulses",
    "sweeps",
    "step_v",
    "to_s",
    "after_s",
    "bias_v",
    "from_v",
    "to_v",
];

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fits/example")
}

/// A map of temperatures of the array of [`WIRED`], which stays until the tests end.
fn map() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("map.csv"), "25,25,25,25,25,25,25,25\n".repeat(8)).expect("written");
        folder
    });
    folder.path().join("map.csv")
}

/// Files of a kind that are sound, and have every key between them.
fn sound(kind: &str) -> Vec<String> {
    match kind {
        "campaign" => {
            let heated = format!("{WIRED}\n[heat]\nmap = {:?}\naround_c = 25.0\n", map().display().to_string());
            [WIRED, METAL, LINES, METAL_LINES, CYCLED].map(str::to_owned).into_iter().chain([heated]).collect()
        }
        "material" => {
            let shipped = ["pi-ws2-qd", "pi-ws2-ns"].map(|name| material::shipped(name).expect("ships").text);
            let of_classes = shipped[1].replacen("kind = \"sheets\"", "kind = \"sheets\"\nclasses = 4", 1);
            let (before, after) = shipped[0].split_once("[traps]").expect("traps");
            let after = after.split_once("[capture]").expect("capture").1;
            let levels = format!("{before}{LEVELS}[capture]{after}");
            shipped.into_iter().chain([of_classes, levels]).collect()
        }
        "fit" => {
            let of_targets = TARGETS.iter().map(|target| format!("{FIT}\n[[target]]\n{target}{UNDER_CONDITIONS}"));
            of_targets.chain(DEVICES.map(str::to_owned)).collect()
        }
        _ => [TRAIN, STAIRS].map(str::to_owned).to_vec(),
    }
}

/// What a parser says of a text; nothing where it takes it.
fn refusal(kind: &str, text: &str) -> Option<String> {
    match kind {
        "campaign" => Plan::parse(text, "x.toml", Path::new(""), &Overrides::default()).err().map(|e| e.to_string()),
        "material" => material::parse(text, "x.toml").err().map(|e| e.to_string()),
        "fit" => calibrate::file::parse(text, &examples()).err().map(|e| e.to_string()),
        _ => {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("x.toml");
            std::fs::write(&path, text).expect("written");
            waveform::read(&path).err().map(|e| e.to_string())
        }
    }
}

/// The value of a key in a file, of the first entry of each list.
fn place<'v>(value: &'v mut Value, path: &[&str]) -> Option<&'v mut Value> {
    let Some((first, rest)) = path.split_first() else { return Some(value) };
    let table = match value {
        Value::Array(list) => list.first_mut()?.as_table_mut()?,
        other => other.as_table_mut()?,
    };
    place(table.get_mut(*first)?, rest)
}

/// A text with another number in the place of a key's, in this unit if it is a quantity; whether the key holds a list.
fn with(text: &str, path: &[&str], unit: Option<&String>, number: f64) -> Option<(String, bool)> {
    let mut file: Value = toml::from_str(text).expect("TOML");
    let put = |value: &mut Value| {
        *value = match value {
            Value::Integer(_) if number.fract() == 0.0 && number.abs() < 9e18 => Value::Integer(number as i64),
            _ => Value::Float(number),
        };
    };
    let mut is_list = false;
    match place(&mut file, path)? {
        Value::Table(quantity) => {
            if let Some(unit) = unit {
                quantity.insert("unit".to_owned(), Value::String(unit.clone()));
            }
            match quantity.get_mut("values") {
                Some(list) => {
                    is_list = true;
                    put(list.as_array_mut()?.first_mut()?);
                }
                None => put(quantity.get_mut("value")?),
            }
        }
        Value::Array(list) => {
            is_list = true;
            put(list.first_mut()?);
        }
        one => put(one),
    }
    Some((toml::to_string(&file).expect("TOML"), is_list))
}

/// A number a little beyond a limit, in this direction.
fn beyond(limit: f64, is_whole: bool, up: bool) -> f64 {
    let step = if is_whole { 1.0 } else { (1e-3 * limit.abs()).max(1e-15) };
    if up { limit + step } else { limit - step }
}

#[test]
fn limits_are_those_of_the_parsers() {
    let reference = reference().expect("sound");
    let (mut tried, mut wrong, mut left) = (0, Vec::new(), Vec::new());
    for file in &reference.file {
        let sound = sound(&file.name);
        for text in &sound {
            assert_eq!(refusal(&file.name, text), None, "{text}");
        }
        for (table, key) in file.table.iter().flat_map(|table| table.key.iter().map(move |key| (table, key))) {
            let path: Vec<&str> =
                table.path.split('.').filter(|part| !part.is_empty()).chain([&key.name[..]]).collect();
            let named = path.join(".");
            let is_whole = key.of == Type::Integer;
            // A limit, whether it is the upper one, and whether the number itself is taken.
            let limits = [
                (key.minimum, false, true),
                (key.maximum, true, true),
                (key.exclusive_minimum, false, false),
                (key.exclusive_maximum, true, false),
            ];
            for (limit, up, taken) in limits {
                // The format's own number has a message of its own; beyond 2^53 a float is no whole number.
                let Some(limit) = limit.filter(|limit| key.name != "format" && limit.abs() < 9e15) else { continue };
                let refused = if taken { beyond(limit, is_whole, up) } else { limit };
                let inside = if taken { limit } else { beyond(limit, is_whole, !up) };
                let unit = key.units.first();
                let texts = sound
                    .iter()
                    .filter_map(|text| Some((with(text, &path, unit, refused)?, with(text, &path, unit, inside)?)));
                let texts: Vec<_> = texts.collect();
                if texts.is_empty() {
                    left.push(if file.name == "waveform" { format!("waveform: {named}") } else { named.clone() });
                    continue;
                }
                let at = format!("{}: {named}, {limit}", file.name);
                let mut is_seen = false;
                for ((out, _), (within, is_list)) in texts {
                    tried += 1;
                    match refusal(&file.name, &out) {
                        // Conditions are those of the targets that have none of their own.
                        None if table.path == "conditions" => {}
                        None => wrong.push(format!("{at}: {refused} is taken")),
                        Some(said) if said.contains(&key.name) || said.contains("the window is") => is_seen = true,
                        Some(said) => wrong.push(format!("{at}: {refused}: {said}")),
                    }
                    // Entries of a list stand in an order, and may be beyond that.
                    let may_be_refused = is_list || DRAWN_CLOSER.contains(&&key.name[..]);
                    if let Some(said) = refusal(&file.name, &within).filter(|_| !may_be_refused)
                        && said.contains(&format!("{} is", key.name))
                    {
                        wrong.push(format!("{at}: {inside} is refused: {said}"));
                    }
                }
                if !is_seen {
                    wrong.push(format!("{at}: {refused} is taken everywhere"));
                }
            }
        }
    }
    left.sort();
    left.dedup();
    left.retain(|name| !NOT_TRIED.contains(&&name[..]));
    assert!(wrong.is_empty() && left.is_empty(), "{}\nin no file: {left:?}", wrong.join("\n"));
    assert!(tried > 200, "{tried}");
}
