//! What a new way out of the traps costs to write: the files that know one of those there are, by name.
//! `CONTRIBUTING.md` lists them for whoever adds another.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files that read matrices of numbers; none of them has to do with a bake.
const MATRICES_OF_NUMBERS: [&str; 9] = [
    "crates/trapline-model/src/csv_file/matrix.rs",
    "crates/trapline-model/src/csv_file/mod.rs",
    "crates/trapline-record/src/error.rs",
    "crates/trapline-record/src/lib.rs",
    "crates/trapline-record/src/matrix.rs",
    "src/cli/measure/read/batch.rs",
    "src/cli/measure/read/numbers.rs",
    "src/cli/reading.rs",
    "src/reading.rs",
];

/// Where the release by the relaxing matrix is named: code, shaders and shipped materials, without comments and tests.
const NAME_THE_MATRIX: [&str; 8] = [
    // The equation: a term of `background_per_s`, which all backends take their constants from.
    "crates/trapline-model/src/cell/release.rs",
    // Its parameters, and how a file gives them.
    "crates/trapline-model/src/material/mod.rs",
    "crates/trapline-model/src/material/file.rs",
    // The switch of a campaign.
    "crates/trapline-study/src/campaign/file.rs",
    // What the manual and the schemas say of its keys.
    "crates/trapline-study/src/reference/keys.toml",
    // What the lifetime page says of it.
    "crates/trapline-report/src/analysis/report/gather.rs",
    // The numbers.
    "materials/pi-ws2-ns.toml",
    "materials/pi-ws2-qd.toml",
];

/// Where the depth of a class is shifted by a cell's size: once a language.
const SHIFT_THE_DEPTH: [&str; 3] = [
    "crates/trapline-engine/src/backend/cpu/lanes.rs",
    "crates/trapline-model/src/material/classes.rs",
    "shaders/math.wgsl",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files of a folder and the folders in it.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("readable").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Code, shaders and materials of the workspace, by their paths from its root; without tests.
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    for folder in ["crates", "materials", "shaders", "src"] {
        files(&root.join(folder), &mut found);
    }
    let named = found.iter().filter_map(|path| {
        let name = path.strip_prefix(&root).ok()?.to_str()?.replace('\\', "/");
        let source = [".rs", ".wgsl", ".toml"].iter().any(|ending| name.ends_with(ending));
        let tests = name.contains("/tests/") || name.ends_with("/tests.rs") || name.ends_with("Cargo.toml");
        (source && !tests).then(|| (code(&name, &fs::read_to_string(path).expect("readable")), name))
    });
    named.map(|(text, name)| (name, text)).collect()
}

/// A text without its comments, and without the tests at its end.
fn code(name: &str, text: &str) -> String {
    let comment = if name.ends_with(".toml") { "#" } else { "//" };
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    text.lines().map(|line| line.split(comment).next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// Whether a text has a thing by its name: a part of a longer name, a type, or the word where it is a field or a key.
/// In a sentence for the reader it is none.
fn names(text: &str, word: &str) -> bool {
    let mut capital = word.to_owned();
    capital[..1].make_ascii_uppercase();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let longer = text.split(|c| !is_part(c)).any(|token| {
        token.contains(&format!("{word}_")) || token.contains(&format!("_{word}")) || token.starts_with(&capital)
    });
    let alone = text.match_indices(word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        before.is_some_and(|c| ".\"[".contains(c)) || after.is_some_and(|c| ":]\"".contains(c))
    });
    longer || alone
}

fn where_named(sources: &[(String, String)], is_named: impl Fn(&str) -> bool) -> BTreeSet<&str> {
    sources.iter().filter(|(_, text)| is_named(text)).map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_term_of_the_bake_is_named_in_few_files() {
    // Rows and columns of numbers in a file are another matrix.
    let (of_numbers, sources): (Vec<_>, Vec<_>) =
        sources().into_iter().partition(|(name, _)| MATRICES_OF_NUMBERS.contains(&name.as_str()));
    assert_eq!(of_numbers.len(), MATRICES_OF_NUMBERS.len(), "a file that is no more");
    assert_eq!(where_named(&sources, |text| names(text, "matrix")), BTreeSet::from(NAME_THE_MATRIX));
    // Control: the same look at a name that every backend has finds them.
    let known = where_named(&sources, |text| names(text, "background"));
    for backend in ["crates/trapline-engine/src/backend/cpu/constant.rs", "shaders/step.wgsl", "shaders/profile.wgsl"] {
        assert!(known.contains(backend), "{backend} is not looked at: {known:?}");
    }
    assert!(names("params.bake_matrix + 1", "matrix") && names("pub struct Matrix {", "matrix"));
    assert!(!names("let d: DMatrix<f64> = relaxed(); // matrix", "matrix"));
    assert!(!names(&code("x.rs", "1; // a.matrix\n#[cfg(test)]\nmod tests { m.matrix }"), "matrix"));
}

#[test]
fn the_depth_is_shifted_in_one_place_a_language() {
    // The curvature of a lifetime's likelihood is another.
    let (_, sources): (Vec<_>, Vec<_>) =
        sources().into_iter().partition(|(name, _)| name.contains("/trapline-report/"));
    let shifts =
        |text: &str| ["slope + curvature *", "slope_ev + self.depth_curvature"].iter().any(|of| text.contains(of));
    assert_eq!(where_named(&sources, shifts), BTreeSet::from(SHIFT_THE_DEPTH));
    // Slope and curvature by any other name: where a product of the curvature is taken, other than with 1/kT.
    let other = |text: &str| {
        let products = text.split("curvature").skip(1).filter(|rest| {
            let rest = rest.trim_start_matches("_ev").trim_start();
            rest.starts_with('*') && !rest.starts_with("* per_ev")
        });
        products.count() > 0
    };
    assert_eq!(where_named(&sources, other), BTreeSet::from(SHIFT_THE_DEPTH));
}
