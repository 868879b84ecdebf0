//! Records in great number: those that broke a reader before, and sound ones that are changed at random.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hdf5::types::VarLenUnicode;
use hdf5::{Extents, File};
use trapline::record;

use crate::calls::{alone, run};
use crate::harm::{ByPath, REPLACEMENTS, sound};
use crate::made_up::{self, Random, SMALL, Size, provenance, seal, swept, write_all};

/// Records that broke release 950947b: `TRAPLINE_HOSTILE_DIR` names their folder.
#[test]
#[ignore = "needs TRAPLINE_HOSTILE_DIR"]
fn records_that_broke_a_reader_end_in_one_line() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let records = std::env::var_os("TRAPLINE_HOSTILE_DIR").expect("TRAPLINE_HOSTILE_DIR names a folder");
    let mut count = 0;
    for entry in fs::read_dir(records).unwrap().flatten() {
        let path = entry.path().display().to_string();
        if !path.ends_with(".h5") {
            continue;
        }
        count += 1;
        let commands: [&[&str]; 6] = [
            &["show", &path],
            &["show", "--json", &path],
            &["diff", &path, &path],
            &["qualify", &path],
            &["merge", &path, "-o", "merged.h5", "--force"],
            &["analyze", &path, "-o", "report"],
        ];
        for command in commands {
            let said = run(folder.path(), command);
            // Some are sound but for what was changed, and read with a remark.
            let most = if said.code == Some(0) { 3 } else { 2 };
            let errors = said.err.lines().filter(|line| line.starts_with("trapline: ")).count();
            assert!(said.err.lines().count() <= most, "{command:?}: {}", said.err);
            assert_eq!(errors, usize::from(said.code != Some(0)), "{command:?}: {:?}: {}", said.code, said.err);
        }
    }
    assert!(count > 0);
}

/// Sound files, changed at random: bits and parts with no seal, parts with a forged one. For `TRAPLINE_FUZZ_SECONDS`
/// (3 without it); `TRAPLINE_FUZZ_SEED` repeats what failed.
#[test]
fn mutated_records_end_in_one_line() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let length = Duration::from_secs(number("TRAPLINE_FUZZ_SECONDS").unwrap_or(3));
    let seed = number("TRAPLINE_FUZZ_SEED").unwrap_or(1);
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(folder.path());
    let (start, mut turn, mut refusals) = (Instant::now(), 0_u64, 0_u64);
    // A number of turns that does not depend on the machine comes first.
    while turn < 12 || start.elapsed() < length {
        let this = seed.wrapping_add(turn);
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(this.wrapping_add(1)));
        let whole = &sources[random.bits() as usize % sources.len()];
        let path = folder.path().join("mutant.h5");
        fs::write(&path, whole).unwrap();
        mutate(&path, &mut random);
        let commands: [&[&str]; 6] = [
            &["show", "mutant.h5"],
            &["show", "--json", "mutant.h5"],
            &["diff", "mutant.h5", "mutant.h5"],
            &["qualify", "mutant.h5"],
            &["merge", "mutant.h5", "-o", "merged.h5", "--force"],
            &["analyze", "mutant.h5"],
        ];
        let command = commands[random.bits() as usize % commands.len()];
        let said = run(folder.path(), command);
        let errors = said.err.lines().filter(|line| line.starts_with("trapline: ")).count();
        assert!(
            errors == usize::from(said.code != Some(0)) || command[0] == "diff",
            "TRAPLINE_FUZZ_SEED={this}: {command:?}: {:?}: {}",
            said.code,
            said.err
        );
        refusals += u64::from(said.code == Some(1));
        turn += 1;
    }
    println!("{turn} mutants from seed {seed}, {refusals} refused");
    assert!(refusals > turn / 5, "{refusals} of {turn}");
}

/// One sound file of each kind, as bytes.
fn sources(folder: &Path) -> Vec<Vec<u8>> {
    let record = sound(folder);
    let label = swept(&Size { dump: None, ..SMALL });
    let points = write_all(&folder.join("swept.h5.parts"), &label);
    let unfinished = folder.join("swept.h5");
    let planned: Vec<usize> = (0..label.points()).collect();
    record::write_unfinished(&unfinished, &folder.join("swept.h5.parts"), &label, &provenance("u"), &planned).unwrap();
    let experiment = folder.join("experiment.h5");
    let (what, mut datasets) = made_up::experiment();
    datasets.remove(2);
    record::write_datasets(&experiment, &what, &provenance("e"), &datasets).unwrap();
    let (label, outcomes) = made_up::retention(2, &[125.0, 150.0, 175.0], &[0.0, 1e3, 1e4, 1e5, 1e6]);
    let bakes = made_up::file(folder, &label, &outcomes);
    [record, points[7].clone(), unfinished, experiment, bakes].map(|path| fs::read(path).unwrap()).into()
}

/// One to three changes, and a seal or none.
fn mutate(path: &Path, random: &mut Random) {
    let pick = |random: &mut Random, n: usize| random.bits() as usize % n.max(1);
    if random.bits().is_multiple_of(2) {
        let mut bytes = fs::read(path).unwrap();
        bytes.truncate(bytes.len() - 20);
        for _ in 0..=pick(random, 3) {
            let at = pick(random, bytes.len());
            match random.bits() % 3 {
                0 => bytes[at] ^= 1 << pick(random, 8),
                1 => bytes[at] = random.bits() as u8,
                _ => {
                    let end = (at + 8).min(bytes.len());
                    bytes[at..end].fill([0, 0xff][pick(random, 2)]);
                }
            }
        }
        return fs::write(path, bytes).unwrap();
    }
    let file = File::open_rw(path).unwrap();
    for _ in 0..=pick(random, 3) {
        let names = file.member_names().unwrap();
        let name = names[pick(random, names.len())].clone();
        // What an earlier change put there may lead nowhere.
        let is_there = file.dataset(&name).is_ok() || file.group(&name).is_ok();
        let object = if random.bits().is_multiple_of(2) || !is_there { "/".to_owned() } else { name.clone() };
        let at = file.loc_by(&object);
        let attributes = at.attr_names().unwrap_or_default();
        if random.bits().is_multiple_of(2) && !attributes.is_empty() {
            let attribute = &attributes[pick(random, attributes.len())];
            at.delete_attr(attribute).unwrap();
            if !random.bits().is_multiple_of(8) {
                REPLACEMENTS[pick(random, REPLACEMENTS.len())](&at, attribute);
            }
            continue;
        }
        drop(at);
        let shape = file.dataset(&name).map(|dataset| dataset.shape()).unwrap_or_default();
        file.unlink(&name).unwrap();
        let name = name.as_str();
        let made = match random.bits() % 9 {
            0 => Ok(()),
            1 => file.link_external("elsewhere.h5", "/x", name),
            2 => file.link_soft("/kept_max", name),
            3 => file.new_dataset::<f64>().shape(shape).external("/dev/zero", 0, 1 << 20).create(name).map(drop),
            4 => file.new_dataset::<u64>().shape(shape).create(name).map(drop),
            5 => file.new_dataset::<VarLenUnicode>().shape(shape).create(name).map(drop),
            6 => file.new_dataset::<f32>().shape(Extents::Null).create(name).map(drop),
            7 => file.new_dataset::<f64>().shape([1 << 30, 1 << 8]).chunk([1 << 10, 1]).create(name).map(drop),
            _ => file.create_group(name).map(drop),
        };
        // HDF5 itself refuses some of them.
        drop(made);
    }
    file.close().unwrap();
    if !random.bits().is_multiple_of(3) {
        seal(path);
    }
}
