use super::rename::rename_to_claimed;
use super::temporary::is_temporary_of;
use super::*;

#[test]
fn only_our_own_temporaries_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let made = create(&folder.path().join("bake.h5")).unwrap();
    let ours = made.guard.file_name().unwrap().to_string_lossy().into_owned();
    assert!(is_temporary_of(&ours, "bake.h5"), "{ours}");
    assert!(is_temporary_of("bake.h5.12-3.part", "bake.h5"));
    for other in [
        "bake.h5",
        "bake.h5.part",
        "bake.h5.1-.part",
        "bake.h5.x-1.part",
        "a.h5.1-1.part",
        "bake.h5.1-1.parts",
        "bake.h5.1-abcdefghijk.part",
        "bake.h5.1-abcdefghijkl.h5",
    ] {
        assert!(!is_temporary_of(other, "bake.h5"), "{other}");
    }
}

fn texts(folder: &Path, names: &[&str]) -> Batch {
    let mut batch = Batch::new();
    names.iter().for_each(|name| batch.text(&folder.join(name), &format!("new {name}")).unwrap());
    batch
}

fn listed(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
    let mut found: Vec<_> = entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    found.sort();
    found
}

fn pairs<const N: usize>(of: [(&str, &str); N]) -> Vec<(String, String)> {
    of.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec()
}

/// The last name is taken: what was placed before goes along to the other names, and what is there stays.
#[test]
fn files_of_one_result_get_their_names_together() {
    let folder = tempfile::tempdir().unwrap();
    let (path, stem) = (folder.path(), folder.path().join("iv"));
    let batch = texts(path, &["iv.h5", "iv.png", "iv.svg"]);
    fs::write(path.join("iv.svg"), "old").unwrap();
    fs::write(path.join("iv-2.png"), "old").unwrap();
    let Err(KeepError::Taken(taken)) = batch.keep(&stem) else { panic!("not refused") };
    assert_eq!(taken.path, path.join("iv.svg"));
    assert_eq!(taken.kept, ["iv-3.h5", "iv-3.png", "iv-3.svg"].map(|name| path.join(name)));
    let line = taken.to_string();
    assert!(line.contains("iv-3.h5") && line.contains("iv-3.svg") && !line.contains('\n'), "{line}");
    let found = pairs([
        ("iv-2.png", "old"),
        ("iv-3.h5", "new iv.h5"),
        ("iv-3.png", "new iv.png"),
        ("iv-3.svg", "new iv.svg"),
        ("iv.svg", "old"),
    ]);
    assert_eq!(listed(path), found);
    // With --force all are replaced, and nothing is left over.
    texts(path, &["iv.h5", "iv.svg"]).replace().unwrap();
    assert_eq!(listed(path).len(), 6);
    assert_eq!(fs::read_to_string(path.join("iv.svg")).unwrap(), "new iv.svg");
    // A batch that is given up leaves nothing.
    drop(texts(path, &["x.h5"]));
    assert_eq!(listed(path).len(), 6);
}

#[test]
fn a_folder_of_files_is_kept_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let batch = texts(path, &["index.html", "a.csv"]);
    fs::write(path.join("index.html"), "old").unwrap();
    fs::create_dir(path.join("result-2")).unwrap();
    let Err(KeepError::Taken(taken)) = batch.keep(path) else { panic!("not refused") };
    assert_eq!(taken.kept, [path.join("result-3")]);
    assert_eq!(listed(path), pairs([("index.html", "old")]));
    assert_eq!(listed(&path.join("result-3")), pairs([("a.csv", "new a.csv"), ("index.html", "new index.html")]));
}

#[test]
fn only_what_is_ours_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (path, stem) = (folder.path(), folder.path().join("bake"));
    let record = path.join("bake.h5");
    fs::write(&record, "begun").unwrap();
    let ours = Mark::of(&record);
    let is_ours = |path: &Path| Mark::of(path) == ours;
    texts(path, &["bake.h5"]).keep_over(&stem, is_ours).unwrap();
    assert_eq!(listed(path), pairs([("bake.h5", "new bake.h5")]));
    // It is another file now.
    let Err(KeepError::Taken(taken)) = texts(path, &["bake.h5"]).keep_over(&stem, is_ours) else {
        panic!("not refused")
    };
    assert_eq!(taken.kept, [path.join("bake-2.h5")]);
    // One that comes between the look and the exchange is brought back.
    let looks = std::cell::Cell::new(0);
    let only_once = |_: &Path| looks.replace(looks.get() + 1) == 0;
    fs::write(&record, "theirs").unwrap();
    let Err(KeepError::Taken(taken)) = texts(path, &["bake.h5"]).keep_over(&stem, only_once) else {
        panic!("not refused")
    };
    assert_eq!(taken.kept, [path.join("bake-3.h5")]);
    assert_eq!(fs::read_to_string(&record).unwrap(), "theirs");
    fs::remove_file(&record).unwrap();
    texts(path, &["bake.h5"]).keep_over(&stem, |_| true).unwrap();
    let all = ["bake-2.h5", "bake-3.h5", "bake.h5"];
    assert_eq!(listed(path), all.map(|name| (name.to_owned(), "new bake.h5".to_owned())));
}

/// Of the ways in which a name is taken the last is for file systems that lack the others.
#[test]
fn a_name_is_taken_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for rename in [rename_to_new, rename_to_claimed] {
        for name in ["a", "b"] {
            fs::write(path.join(name), name).unwrap();
        }
        rename(&path.join("a"), &path.join("same")).unwrap();
        let refused = rename(&path.join("b"), &path.join("same")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(listed(path), pairs([("b", "b"), ("same", "a")]));
        assert!(rename(&path.join("none"), &path.join("other")).is_err());
        assert_eq!(listed(path).len(), 2);
        fs::remove_file(path.join("same")).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn permissions_outlive_a_replacement() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iv.h5");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    // What the umask leaves of a new file.
    fs::write(folder.path().join("other"), "").unwrap();
    texts(folder.path(), &["iv.h5"]).replace().unwrap();
    assert_eq!(mode(&file), mode(&folder.path().join("other")));
    for kept in [0o600, 0o400, 0o640, 0o666, 0o755] {
        fs::set_permissions(&file, fs::Permissions::from_mode(kept)).unwrap();
        texts(folder.path(), &["iv.h5"]).replace().unwrap();
        assert_eq!(mode(&file), kept, "{kept:o} became {:o}", mode(&file));
    }
}

/// The names that were used before, and could be guessed, are links to another file: none is followed.
#[cfg(unix)]
#[test]
fn planted_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let process = std::process::id();
    for count in 0..100 {
        let planted = folder.path().join(format!("iv.h5.{process}-{count}.part"));
        std::os::unix::fs::symlink(&victim, planted).unwrap();
    }
    let mut batch = Batch::new();
    batch
        .write::<CommitError>(&folder.path().join("iv.h5"), |temporary| {
            assert!(fs::symlink_metadata(temporary).unwrap().is_file(), "{}", temporary.display());
            fs::write(temporary, "new").map_err(|e| CommitError::new("write", temporary, e))
        })
        .unwrap();
    batch.replace().unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    // One that is put in the temporary's place while it is written is noticed: it does not get the name.
    let error = Batch::new().write::<CommitError>(&folder.path().join("iv.h5"), |temporary| {
        fs::remove_file(temporary).unwrap();
        std::os::unix::fs::symlink(&victim, temporary).unwrap();
        Ok(())
    });
    assert!(error.unwrap_err().to_string().contains("temporary"));
    assert_eq!(fs::read_to_string(folder.path().join("iv.h5")).unwrap(), "new");
}
