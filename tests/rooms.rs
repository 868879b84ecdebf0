//! The order of the rooms: each module uses only those above it.
//!
//! Kept from the `use crate::` lines of the sources (an inline `crate::` path counts too); a room may use itself and every room
//! on a line above its own, and `main.rs` everything.

use std::path::Path;

/// The order, top to bottom; rooms of one line do not know each other.
///
/// A protocol is plain data (what is done, not what it does), so it stands above the cell, whose drives are made of its
/// segments. An outcome is plain data too and knows nothing; the array takes its window from there.
const ORDER: [&[&str]; 14] = [
    &["units", "rng", "files", "toml_file", "outcome", "dataset"],
    &["material"],
    &["protocol"],
    &["cell"],
    &["array"],
    &["backend"],
    &["circuit", "heat"],
    &["experiment"],
    &["record"],
    &["analysis"],
    &["figure"],
    &["campaign", "paper"],
    &["cli"],
    &["lib"],
];

/// Rooms that know results, each other in the order above, and nothing that computes them.
const KNOW_RESULTS_ONLY: [&str; 3] = ["record", "analysis", "figure"];
const RESULTS: [&str; 8] = ["units", "files", "toml_file", "outcome", "dataset", "record", "analysis", "figure"];

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

#[test]
fn rooms_use_only_rooms_above_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 20, "only {} sources found", files.len());
    let mut faults = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        faults.extend(faults_in(file.strip_prefix(&src).unwrap(), &text));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
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
