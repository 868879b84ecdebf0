//! The order of the rooms: each module uses only those above it.
//!
//! Kept from the `use crate::` lines of the sources (an inline `crate::` path counts too); a room may use itself and every room
//! on a line above its own, and `main.rs` everything.

use std::path::Path;

/// The order, top to bottom; rooms of one line do not know each other.
///
/// A protocol is plain data (what is done, not what it does), so it stands above the cell, whose drives are made of its
/// segments. An outcome is plain data too and knows nothing; the array takes its window from there.
const ORDER: [&[&str]; 17] = [
    &["units", "rng", "text", "outcome", "dataset"],
    &["files", "toml_file", "html"],
    &["csv_file"],
    &["material"],
    &["protocol"],
    &["cell"],
    &["array"],
    &["backend"],
    &["circuit", "heat"],
    &["experiment", "rare"],
    &["record"],
    &["analysis"],
    &["figure"],
    &["campaign", "paper", "report"],
    &["calibrate"],
    &["cli"],
    &["lib"],
];

/// Rooms that know results, each other in the order above, and nothing that computes them.
const KNOW_RESULTS_ONLY: [&str; 4] = ["record", "analysis", "figure", "report"];
const RESULTS: [&str; 10] =
    ["units", "text", "files", "toml_file", "html", "outcome", "dataset", "record", "analysis", "figure"];

fn line_of(room: &str) -> Option<usize> {
    ORDER.iter().position(|rooms| rooms.contains(&room))
}

/// What is wrong with `user` using `used`.
fn fault(user: &str, used: &str) -> Option<String> {
    if user == used {
        return None;
    }
    let (Some(from), Some(to)) = (line_of(user), line_of(used)) else {
        return Some(format!(
            "{user} uses {used}: one of them has no place in the order; give it one in tests/rooms.rs"
        ));
    };
    if to >= from {
        return Some(format!("{user} uses {used}, which is not above it"));
    }
    if KNOW_RESULTS_ONLY.contains(&user) && !RESULTS.contains(&used) {
        return Some(format!("{user} uses {used}; it may know results only"));
    }
    None
}

/// Rooms named after `crate::` in a line of code; `crate::{a, b::c}` names several.
fn used_in(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` is what a macro's caller sees: the same crate.
        let rest = &code[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => outermost(group),
            None => vec![rest],
        };
        for name in names {
            let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // A macro or an item of the crate's root is upper case or ends in `!`; rooms are neither.
            if !name.is_empty() && name.starts_with(|c: char| c.is_lowercase()) {
                rooms.push(name);
            }
        }
    }
    rooms
}

/// The parts of a `{...}` list, split at its own commas and not at those of inner lists.
fn outermost(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..i]);
                return parts;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    parts
}

/// Faults in one source file; `path` is relative to `src`. A `use` over several lines is joined first.
fn faults_in(path: &Path, text: &str) -> Vec<String> {
    let first = path.components().next().unwrap().as_os_str().to_string_lossy();
    let room = first.trim_end_matches(".rs");
    if room == "main" {
        return Vec::new();
    }
    let mut joined = String::new();
    for line in text.lines() {
        joined.push_str(line.split("//").next().unwrap_or_default());
        let in_list = joined.rfind("crate::{").is_some_and(|at| !joined[at..].contains(';'));
        joined.push(if in_list { ' ' } else { '\n' });
    }
    let found = joined.lines().flat_map(used_in).filter_map(|used| fault(room, &used));
    found.map(|fault| format!("{}: {fault}", path.display())).collect()
}

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Looks for faults in every source; `find` is given its path below `src` and its text.
fn nothing_found(find: impl Fn(&Path, &str) -> Vec<String>) {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 20, "only {} sources found", files.len());
    let mut faults = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        faults.extend(find(file.strip_prefix(&src).unwrap(), &text));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn rooms_use_only_rooms_above_them() {
    nothing_found(faults_in);
}

/// Rooms whose numbers reach a result.
const COMPUTE: [&str; 11] =
    ["units", "rng", "material", "protocol", "cell", "array", "backend", "experiment", "rare", "campaign", "calibrate"];
/// What std hands to the C library, whose last bit depends on the processor (glibc has a variant with fused multiply-adds).
const OF_THE_C_LIBRARY: [&str; 22] = [
    "exp", "exp2", "exp_m1", "ln", "ln_1p", "log", "log2", "log10", "powf", "powi", "sin", "cos", "tan", "sin_cos",
    "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "cbrt",
];

/// Lines of a computing room, its tests left out, that call the C library's functions.
fn unportable_in(path: &Path, text: &str) -> Vec<String> {
    let room = path.components().next().unwrap().as_os_str().to_string_lossy();
    if !COMPUTE.contains(&room.trim_end_matches(".rs")) || path.ends_with("tests.rs") {
        return Vec::new();
    }
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().enumerate().filter_map(|(number, line)| {
        let code = line.split("//").next().unwrap_or_default();
        let called = |name: &&str| {
            let ways = [format!(".{name}("), format!("f64::{name}"), format!("f32::{name}")];
            let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            ways.iter().any(|way| {
                code.match_indices(way.as_str()).any(|(at, _)| way.ends_with('(') || ends(&code[at + way.len()..]))
            })
        };
        let name = OF_THE_C_LIBRARY.iter().find(|name| called(name))?;
        Some(format!(
            "{}:{}: {name} is the C library's; libm has one that is the same everywhere",
            path.display(),
            number + 1
        ))
    });
    lines.collect()
}

#[test]
fn numbers_do_not_depend_on_the_c_library() {
    nothing_found(unportable_in);
    let faults = |path: &str, text: &str| unportable_in(Path::new(path), text).len();
    assert_eq!(faults("cell/step.rs", "let y = (-x).exp_m1() / x;"), 1);
    assert_eq!(faults("cell/step.rs", "let y = values.map(f64::exp);"), 1);
    assert_eq!(faults("cell/step.rs", "let y = libm::exp(x) + x.sqrt() + f64::EPSILON; // not x.exp()"), 0);
    assert_eq!(faults("cell/step.rs", "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { 1f64.exp(); } }"), 0);
    assert_eq!(faults("figure/scale.rs", "let y = x.log10();"), 0);
}

/// Crates that one room only knows.
const ONE_ROOM: [(&str, &str); 8] = [
    ("wgpu", "backend/gpu"),
    ("hdf5", "record"),
    ("hdf5_sys", "record"),
    ("plotters", "figure"),
    ("clap", "cli"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("signal_hook", "cli"),
];

/// Lines that name a crate outside the room that knows it.
fn strangers_in(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default();
        for (name, room) in ONE_ROOM {
            let named = code.match_indices(name).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || "_:\"".contains(c))
                    && code[at + name.len()..].starts_with("::")
            });
            if named && !path.starts_with(room) {
                found.push(format!("{}: only {room} knows {name}", path.display()));
            }
        }
    }
    found
}

#[test]
fn one_room_knows_the_gpu_the_file_format_and_the_plots() {
    nothing_found(strangers_in);
    let faults = |path: &str, text: &str| strangers_in(Path::new(path), text).len();
    assert_eq!(faults("backend/cpu/mod.rs", "use wgpu::Device;"), 1);
    assert_eq!(faults("backend/gpu/mod.rs", "use wgpu::Device;"), 0);
    assert_eq!(faults("analysis/mod.rs", "    let f = hdf5::File::open(path);"), 1);
    assert_eq!(faults("backend/cpu/mod.rs", "// wgpu::Device is another matter"), 0);
}

#[test]
fn a_use_against_the_order_is_found() {
    let faults = |path: &str, text: &str| faults_in(Path::new(path), text).len();
    assert_eq!(faults("cell/step.rs", "use crate::material::TrapClass;"), 0);
    assert_eq!(faults("cell/step.rs", "// use crate::backend::job::Job;"), 0);
    assert_eq!(faults("cell/step.rs", "use crate::backend::job::Job;"), 1);
    assert_eq!(faults("cell/step.rs", "    let job = crate::backend::job::Job::new();"), 1);
    assert_eq!(faults("cell/step.rs", "use crate::{material::{self, well}, units, array::CellSet};"), 1);
    assert_eq!(faults("cell/step.rs", "use crate::{\n    material,\n    cli, // why\n};\nuse crate::units;"), 1);
    assert_eq!(faults("outcome.rs", "use crate::units::YEAR_S;"), 1);
    assert_eq!(faults("record/write.rs", "use crate::backend::Tally;"), 1);
    assert_eq!(faults("analysis/table.rs", "use crate::figure::Canvas;"), 1);
    assert_eq!(faults("figure/scale.rs", "use crate::analysis::table;"), 0);
    assert_eq!(faults("newroom/mod.rs", "use crate::units;"), 1);
    assert_eq!(faults("main.rs", "use crate::cli;"), 0);
}
