//! What the build knows and the sources cannot ask: the commit, for the records (`TRAPLINE_COMMIT` where it is set,
//! else git's, else `unknown`), and whether GPU tests are left out.

use std::env;
use std::path::Path;
use std::process::Command;

/// What the program is made of: built with changes that are not committed, it is not that commit's.
const SOURCES: [&str; 8] = ["build.rs", "Cargo.toml", "Cargo.lock", "src", "crates", "shaders", "materials", "claims"];

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|o| o.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The commit of the repository whose root is this package, with `-changed` where the sources differ from it.
/// Unpacked inside another repository, the package has none.
fn commit() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let here = env::var_os("CARGO_MANIFEST_DIR")?;
    if Path::new(&root).canonicalize().ok()? != Path::new(&here).canonicalize().ok()? {
        return None;
    }
    // HEAD changes with the branch, its log with every commit.
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    let changed = git(&[&["status", "--porcelain", "--untracked-files=no", "--"], &SOURCES[..]].concat()).is_some();
    git(&["rev-parse", "--short=12", "HEAD"]).map(|commit| commit + if changed { "-changed" } else { "" })
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TRAPLINE_COMMIT");
    let given = env::var("TRAPLINE_COMMIT").ok().filter(|commit| !commit.trim().is_empty());
    let commit = given.or_else(commit).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=TRAPLINE_COMMIT={}", commit.trim());
    gpu_tests_left_out();
}

/// `trapline_skip_gpu` where TRAPLINE_SKIP_GPU_TESTS is set to 1: GPU tests then show as ignored, which cannot be
/// decided at run time.
fn gpu_tests_left_out() {
    println!("cargo::rerun-if-env-changed=TRAPLINE_SKIP_GPU_TESTS");
    println!("cargo::rustc-check-cfg=cfg(trapline_skip_gpu)");
    if env::var("TRAPLINE_SKIP_GPU_TESTS").is_ok_and(|value| value == "1") {
        println!("cargo::rustc-cfg=trapline_skip_gpu");
    }
}
