use super::super::plan::{Overrides, Plan};
use super::*;
use trapline_model::outcome::{Identity, Program};

const CAMPAIGN: &str = include_str!("../../../../../campaigns/bake.toml");

fn identity() -> Identity {
    Identity {
        backend: "cpu".to_owned(),
        adapter: String::new(),
        driver: String::new(),
        instruction_set: String::new(),
        software: false,
    }
}

fn some() -> Intent {
    let plan = Plan::parse(CAMPAIGN, "c.toml", Path::new(""), &Overrides::default()).unwrap();
    Intent::new(&plan, &identity(), Program { version: "0.0.0", commit: "made up" }, false)
}

fn folder_with(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5.parts");
    fs::create_dir(&path).unwrap();
    for file in files {
        let file = path.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
    (folder, path)
}

#[test]
fn only_what_this_program_makes_is_removed() {
    let ours = ["lock", "000000/point-000007.h5", "000000/point-000008.h5.12-3.part", "000001/point-001999.h5"];
    let (_folder, path) = folder_with(&ours);
    assert!(matches!(Parts::check(&path, Existing::Keep), Err(RunError::Interrupted { points: 2, .. })));
    Parts::check(&path, Existing::Replace).unwrap();
    drop(Parts::claim(&path, Existing::Replace, &some()).unwrap());
    assert!(!path.exists());

    let others = [
        "thesis.tex",
        "2024/thesis.tex",
        "202401/thesis.txt",
        "000000/point-000007.h5/x",
        "000001/point-000007.h5",
        "000000/point-7.h5",
        "000000/point-000007.h5.part",
        "000000/point-000007.h5.bak",
        "000000/000000/point-000007.h5",
        "lock/x",
    ];
    for other in others {
        let (_folder, path) = folder_with(&["000000/point-000001.h5", other]);
        for existing in [Existing::Keep, Existing::Replace, Existing::Resume] {
            let error = Parts::claim(&path, existing, &some()).unwrap_err();
            assert!(matches!(error, RunError::NotParts { .. }), "{other}: {error}");
        }
        assert!(path.join(other).exists() && path.join("000000/point-000001.h5").exists(), "{other}");
    }
}

#[test]
fn a_folder_without_points_is_no_obstacle() {
    for files in [&[][..], &["lock"], &["plan.json"], &["plan.json.7-0.part"], &["000000/point-000000.h5.1-0.part"]] {
        let (_folder, path) = folder_with(files);
        fs::create_dir_all(path.join("000003")).unwrap();
        Parts::check(&path, Existing::Keep).unwrap();
        let parts = Parts::claim(&path, Existing::Keep, &some()).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2, "the lock and what the run is for");
        drop(parts);
        assert!(!path.exists());
    }
}

#[test]
fn a_held_folder_is_refused_whatever_force_says() {
    let (_folder, path) = folder_with(&[]);
    let parts = Parts::claim(&path, Existing::Keep, &some()).unwrap();
    for existing in [Existing::Keep, Existing::Replace, Existing::Resume] {
        assert!(matches!(Parts::check(&path, existing), Err(RunError::Running(_))));
        assert!(matches!(Parts::claim(&path, existing, &some()), Err(RunError::Running(_))));
    }
    // A point keeps the folder, not the lock.
    fs::create_dir(path.join("000000")).unwrap();
    fs::write(point_path(&path, 0), "").unwrap();
    assert_eq!(parts.points(), 1);
    drop(parts);
    let keep = Parts::claim(&path, Existing::Keep, &some());
    assert!(matches!(keep, Err(RunError::Interrupted { points: 1, .. })));
    drop(Parts::claim(&path, Existing::Replace, &some()).unwrap());
    assert!(!path.exists());
}

#[test]
fn points_are_taken_over_by_the_run_they_belong_to() {
    let (_folder, path) = folder_with(&[]);
    let begun = Parts::claim(&path, Existing::Resume, &some()).unwrap();
    assert!(begun.done.is_empty());
    fs::create_dir(path.join("000001")).unwrap();
    for number in [1007, 1003] {
        fs::write(point_path(&path, number), "").unwrap();
    }
    let temporary = path.join("000001/point-001004.h5.9-0.part");
    fs::write(&temporary, "").unwrap();
    drop(begun);

    let other = Plan::parse(CAMPAIGN, "c.toml", Path::new(""), &Overrides { seed: Some(2), ..Overrides::default() });
    let other = Intent::new(&other.unwrap(), &identity(), Program { version: "0.0.0", commit: "made up" }, false);
    let refused = Parts::claim(&path, Existing::Resume, &other).unwrap_err().to_string();
    assert!(refused.contains("seed = 2") && !refused.contains('\n'), "{refused}");
    let found = Parts::claim(&path, Existing::Resume, &some()).unwrap();
    assert_eq!(found.done, BTreeSet::from([1003, 1007]));
    assert!(!temporary.exists() && found.points() == 2);
    drop(found);
    // Without what they are of, nobody knows.
    fs::remove_file(path.join(intent::NAME)).unwrap();
    let refused = Parts::claim(&path, Existing::Resume, &some()).unwrap_err().to_string();
    assert!(refused.contains("has no plan.json"), "{refused}");
    assert_eq!(Contents::of(&path).unwrap().points.len(), 2);
}

#[cfg(unix)]
/// A record that is nobody else's to read is not to be read in its points.
#[cfg(unix)]
#[test]
fn points_of_a_private_record_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (record, path) = (folder.path().join("bake.h5"), folder.path().join("bake.h5.parts"));
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o077;
    for (kept, private) in [(0o600, true), (0o644, false)] {
        fs::write(&record, "").unwrap();
        fs::set_permissions(&record, fs::Permissions::from_mode(kept)).unwrap();
        let parts = Parts::claim(&path, Existing::Replace, &some()).unwrap();
        assert_eq!(mode() == 0, private, "{kept:o} gave {:o}", mode());
        drop(parts);
        let _ = fs::remove_dir_all(&path);
    }
}

#[test]
fn a_link_is_no_folder_of_points() {
    let (folder, path) = folder_with(&["000000/point-000001.h5"]);
    let link = folder.path().join("y.h5.parts");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(Parts::claim(&link, Existing::Replace, &some()), Err(RunError::NotParts { .. })));
    assert!(path.join("000000/point-000001.h5").exists());
}
