//! The release bundle: what its binary needs from the machine, what the archive holds, and that it runs.
//!
//! The tests of the archive show as ignored unless asked for: `make bundle && make bundle-test` sets `TRAPLINE_BUNDLE`
//! to the archive and runs them, in a build that links the bundle's own HDF5. The checks themselves are tested always.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The newest glibc the bundle may ask for. RHEL 8, the oldest system that clusters still run, has this one.
const GLIBC: (u32, u32) = (2, 28);

/// Libraries of glibc itself. Nothing else may be needed: HDF5 and zlib are linked in, Vulkan is opened at run time.
const SYSTEM_LIBRARIES: [&str; 7] =
    ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "ld-linux-x86-64.so.2"];

const FILES: [&str; 19] = [
    "trapline",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/bake.png",
    "docs/format.md",
    "docs/performance.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "campaigns/bake.toml",
    "studies/array-size.toml",
    "claims/paper.toml",
    "docs/fit.md",
    "fits/pi-ws2-qd.toml",
    "materials/",
    "licences/CRATES.txt",
    "licences/HDF5/COPYING",
    "licences/zlib/COPYING",
    "licences/rust-std/",
];

/// The symbol versions a binary asks of its libraries, from `readelf --version-info`.
///
/// Only the "version needs" section counts; the same names appear again beside every symbol.
fn versions_needed(readelf: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut found = BTreeSet::new();
    for line in readelf.lines() {
        if line.starts_with("Version ") {
            inside = line.starts_with("Version needs section '.gnu.version_r'");
        } else if inside && let Some((_, rest)) = line.split_once("Name: ") {
            found.extend(rest.split_whitespace().next().map(str::to_owned));
        }
    }
    found
}

/// The versions that are no plain glibc version up to [`GLIBC`].
fn too_new<'a>(versions: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let acceptable = |version: &str| {
        let mut numbers = version.strip_prefix("GLIBC_")?.split('.').map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next()?.ok()?;
        Some((major, minor) <= GLIBC)
    };
    versions.into_iter().filter(|version| acceptable(version) != Some(true)).collect()
}

/// The shared libraries a binary needs, from `readelf --dynamic`.
fn libraries_needed(readelf: &str) -> Vec<&str> {
    readelf
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split_once('[')?.1.split_once(']'))
        .map(|(name, _)| name)
        .collect()
}

fn foreign<'a>(libraries: &[&'a str]) -> Vec<&'a str> {
    libraries.iter().copied().filter(|name| !SYSTEM_LIBRARIES.contains(name)).collect()
}

/// The files of this project that a text links to or names: targets of links, and paths between backticks.
fn named(markdown: &str) -> BTreeSet<String> {
    let links = markdown.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let code = markdown.split('`').skip(1).step_by(2);
    let code = code.filter(|text| text.ends_with(".md") || text.ends_with(".toml") || text.ends_with('/'));
    let ours = |target: &&str| !target.contains("://") && !target.contains(char::is_whitespace);
    links.chain(code).filter(ours).map(|target| target.split('#').next().unwrap_or_default().to_owned()).collect()
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}

fn readelf(what: &str, binary: &Path) -> String {
    // The words of readelf's output are translated; we look for the English ones.
    let output = run(Command::new("readelf").args(["--wide", what]).arg(binary).env("LC_ALL", "C"));
    String::from_utf8(output.stdout).expect("readelf prints names of symbols and sections, which are ASCII here")
}

/// The bundle, unpacked. The folder goes when this does.
struct Bundle {
    root: PathBuf,
    scratch: TempDir,
}

impl Bundle {
    /// From `TRAPLINE_BUNDLE`: the archive, or a folder it was unpacked into.
    fn open() -> Self {
        let path = PathBuf::from(
            env::var_os("TRAPLINE_BUNDLE").expect("TRAPLINE_BUNDLE is not set; `make bundle-test` sets it"),
        );
        let scratch = tempfile::tempdir().expect("the temporary folder takes a folder");
        if path.is_dir() {
            return Self { root: path, scratch };
        }
        run(Command::new("tar").arg("-xzf").arg(&path).arg("-C").arg(scratch.path()));
        let tops: Vec<PathBuf> = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(tops.len(), 1, "the archive should hold one folder, and holds {tops:?}");
        let root = tops[0].clone();
        let name = root.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(name, format!("trapline-{}", env!("CARGO_PKG_VERSION")));
        Self { root, scratch }
    }

    fn binary(&self) -> PathBuf {
        self.root.join("trapline")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.binary());
        command.current_dir(self.scratch.path());
        command
    }
}

#[test]
fn version_check_accepts_up_to_2_28_and_refuses_the_rest() {
    assert_eq!(too_new(["GLIBC_2.2.5", "GLIBC_2.14", "GLIBC_2.28"]), Vec::<&str>::new());
    // The negative controls: what a build on Debian 12 asks for, the next minor version (which sorts before 2.3 as
    // text), a future major one, a private interface, and another library's version.
    let refused = ["GLIBC_2.35", "GLIBC_2.29", "GLIBC_3.0", "GLIBC_PRIVATE", "GLIBC_ABI_DT_RELR", "GCC_3.0", ""];
    assert_eq!(too_new(refused), refused);
}

#[test]
fn readelf_output_is_read_as_it_is_written() {
    let versions = "\
Version symbols section '.gnu.version' contains 3 entries:
 Addr: 0x0000000000000c2e  Offset: 0x00000c2e  Link: 4 (.dynsym)
  000:   0 (*local*)       2 (GLIBC_2.35)

Version needs section '.gnu.version_r' contains 2 entries:
 Addr: 0x0000000000000d00  Offset: 0x00000d00  Link: 5 (.dynstr)
  000000: Version: 1  File: libm.so.6  Cnt: 1
  0x0010:   Name: GLIBC_2.27  Flags: none  Version: 12
  0x0020: Version: 1  File: libc.so.6  Cnt: 1
  0x0030:   Name: GLIBC_2.35  Flags: none  Version: 8
";
    let found = versions_needed(versions);
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), ["GLIBC_2.27", "GLIBC_2.35"]);
    assert_eq!(too_new(found.iter().map(String::as_str)), ["GLIBC_2.35"]);

    let dynamic = "\
 0x0000000000000001 (NEEDED)             Shared library: [libhdf5_serial.so.103]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000000e (SONAME)             Library soname: [libmine.so]
";
    let libraries = libraries_needed(dynamic);
    assert_eq!(libraries, ["libhdf5_serial.so.103", "libc.so.6"]);
    assert_eq!(foreign(&libraries), ["libhdf5_serial.so.103"]);
}

#[test]
fn what_the_readme_names_is_there_and_goes_into_the_archive() {
    assert_eq!(
        named("[a](b/c.png) `d.md` [e](https://f) `g h.toml` `i/`").into_iter().collect::<Vec<_>>(),
        ["b/c.png", "d.md", "i/"]
    );
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = fs::read_to_string(home.join("scripts/bundle.sh")).unwrap();
    let copied: BTreeSet<&str> =
        script.lines().filter(|line| line.starts_with("cp ")).flat_map(str::split_whitespace).collect();
    let names = named(&fs::read_to_string(home.join("README.md")).unwrap());
    assert!(names.contains("docs/bake.png") && names.contains("docs/format.md"), "{names:?}");
    for name in names {
        assert!(home.join(&name).exists(), "README.md names {name}, which is not there");
        let top = name.split('/').next().unwrap();
        assert!(copied.contains(top), "README.md names {name}, which scripts/bundle.sh does not copy");
    }
}

/// The readers must work on a real binary of this machine too: this test's own.
#[test]
fn readelf_finds_glibc_in_this_very_test() {
    let this = env::current_exe().unwrap();
    let versions = versions_needed(&readelf("--version-info", &this));
    assert!(versions.iter().any(|version| version.starts_with("GLIBC_2.")), "{versions:?}");
    let dynamic = readelf("--dynamic", &this);
    assert!(libraries_needed(&dynamic).contains(&"libc.so.6"), "{dynamic}");
}

#[test]
#[ignore = "needs the archive: make bundle && make bundle-test"]
fn binary_needs_glibc_2_28_and_nothing_else() {
    let bundle = Bundle::open();
    let versions = versions_needed(&readelf("--version-info", &bundle.binary()));
    assert!(!versions.is_empty(), "readelf found no version needs in {}", bundle.binary().display());
    assert_eq!(too_new(versions.iter().map(String::as_str)), Vec::<&str>::new());

    let dynamic = readelf("--dynamic", &bundle.binary());
    let libraries = libraries_needed(&dynamic);
    assert!(libraries.contains(&"libc.so.6"), "{dynamic}");
    assert_eq!(foreign(&libraries), Vec::<&str>::new());
    assert!(!dynamic.contains("(RPATH)") && !dynamic.contains("(RUNPATH)"), "{dynamic}");

    let sections = readelf("--sections", &bundle.binary());
    assert!(!sections.contains(".symtab") && !sections.contains(".debug_"), "not stripped:\n{sections}");
}

#[test]
#[ignore = "needs the archive: make bundle && make bundle-test"]
fn archive_holds_materials_campaigns_and_licences() {
    let bundle = Bundle::open();
    for name in FILES {
        let path = bundle.root.join(name);
        if name.ends_with('/') {
            let entries = fs::read_dir(&path).map(|entries| entries.count()).unwrap_or(0);
            assert!(entries > 0, "{name} is missing from the bundle, or empty");
        } else {
            let size = fs::metadata(&path).map(|metadata| metadata.len()).unwrap_or(0);
            assert!(size > 0, "{name} is missing from the bundle, or empty");
        }
    }
    for name in named(&fs::read_to_string(bundle.root.join("README.md")).unwrap()) {
        assert!(bundle.root.join(&name).exists(), "README.md names {name}, which is missing from the bundle");
    }
    for folder in ["materials", "campaigns", "studies", "docs"] {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in fs::read_dir(ours).unwrap() {
            let name = entry.unwrap().file_name();
            assert!(bundle.root.join(folder).join(&name).exists(), "{folder}/{} is missing", name.display());
        }
    }
    let zlib = fs::read_to_string(bundle.root.join("licences/zlib/COPYING")).unwrap();
    assert!(zlib.contains("Jean-loup Gailly"), "{zlib}");
    let hdf5 = fs::read_to_string(bundle.root.join("licences/HDF5/COPYING")).unwrap();
    assert!(hdf5.contains("The HDF Group"), "{hdf5}");
    let crates = fs::read_to_string(bundle.root.join("licences/CRATES.txt")).unwrap();
    for name in ["wgpu", "hdf5-metno", "plotters", "rayon", "The Rust standard library"] {
        assert!(crates.lines().any(|line| line.starts_with(name)), "licences/CRATES.txt does not name {name}");
    }
}

/// Runs the binary with no libhdf5 to be found, and away from its own folder.
#[test]
#[ignore = "needs the archive: make bundle && make bundle-test"]
fn binary_runs_a_campaign() {
    let bundle = Bundle::open();
    let version = run(bundle.command().arg("--version"));
    let version = String::from_utf8(version.stdout).unwrap();
    assert!(version.starts_with(concat!("trapline ", env!("CARGO_PKG_VERSION"))), "{version}");

    let materials = run(bundle.command().arg("materials"));
    assert!(!materials.stdout.is_empty());

    let record = bundle.scratch.path().join("bake.h5");
    run(bundle.command().arg("run").arg(bundle.root.join("campaigns/bake.toml")).arg("-o").arg(&record).args([
        "--backend",
        "cpu",
        "--rows",
        "64",
        "--cols",
        "64",
    ]));
    let file = hdf5::File::open(&record).expect("the bundle's record opens with the HDF5 of this test");
    assert!(!file.member_names().unwrap().is_empty());
}

/// `make bundle-test` means to run the HDF5 tests against the bundle's HDF5: this is where that would come to light.
#[test]
#[ignore = "needs the archive: make bundle && make bundle-test"]
fn hdf5_of_this_build_is_the_bundles() {
    let bundle = Bundle::open();
    let this = env::current_exe().unwrap();
    let dynamic = readelf("--dynamic", &this);
    assert!(!dynamic.contains("libhdf5"), "this test links a shared HDF5:\n{dynamic}");

    // HDF5 carries the settings it was configured and compiled with, compiler and time included, as one text.
    let ours = settings(&fs::read(&this).unwrap());
    let theirs = settings(&fs::read(bundle.binary()).unwrap());
    assert!(ours.contains("HDF5 Version:"), "{ours}");
    assert_eq!(ours, theirs);
    let (major, minor, micro) = hdf5::library_version();
    assert!(
        ours.contains(&format!("{major}.{minor}.{micro}")),
        "{major}.{minor}.{micro} is not the version in\n{ours}"
    );
}

/// HDF5's settings text in an executable: printable from its title to the next NUL.
fn settings(executable: &[u8]) -> String {
    // Put together here, so that this executable does not hold the title a second time.
    let title = ["SUMMARY OF THE HDF5", "CONFIGURATION"].join(" ");
    let start = executable
        .windows(title.len())
        .position(|window| window == title.as_bytes())
        .unwrap_or_else(|| panic!("no '{title}' in the executable"));
    let end = executable[start..].iter().position(|byte| *byte == 0).unwrap_or(executable.len() - start);
    String::from_utf8_lossy(&executable[start..start + end]).into_owned()
}
