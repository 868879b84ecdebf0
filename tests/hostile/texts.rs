//! Texts of a record, which come from anybody: none acts on a terminal or a page.

use std::fs;

use hdf5::Location;
use hdf5::types::VarLenUnicode;
use trapline::record;
use trapline::text::is_unseen;

use crate::calls::{alone, run};
use crate::harm::change;
use crate::made_up::{self, provenance};

/// A name that does what a terminal lets it do: colours, a title, the direction of writing, a line of its own, C1
/// controls.
const ACTS: &str = "a\u{1b}[31m\u{1b}]0;x\u{7}\u{202e}b\u{9b}c\nPASS\u{2066}\u{200b}d\r";

#[test]
fn no_text_of_a_record_acts_on_a_terminal_or_a_page() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (label, outcomes) =
        made_up::retention(2, &[125.0, 150.0, 175.0], &[0.0, 1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 64e3, 128e3, 256e3]);
    made_up::file(folder.path(), &label, &outcomes);
    let text = |acts: &str| -> VarLenUnicode { acts.parse().unwrap() };
    let with_text = |at: &Location, name: &str| {
        at.delete_attr(name).unwrap();
        at.new_attr::<VarLenUnicode>().create(name).unwrap().write_scalar(&text(ACTS)).unwrap();
    };
    change(&folder.path().join("made-up.h5"), |file| {
        for name in
            ["campaign_name", "adapter", "driver", "instruction_set", "program_version", "commit", "started_utc"]
        {
            with_text(file, name);
        }
        for name in ["units", "long_name"] {
            with_text(&file.dataset("kept_mean").unwrap().as_location().unwrap(), name);
        }
        for name in ["material", "flags", "point_adapter"] {
            let dataset = file.dataset(name).unwrap();
            let values = ndarray::ArrayD::from_elem(dataset.shape(), text(ACTS));
            dataset.write(values.view()).unwrap();
        }
    });
    let (label, datasets) = made_up::experiment();
    record::write_datasets(&folder.path().join("experiment.h5"), &label, &provenance("e"), &datasets).unwrap();
    change(&folder.path().join("experiment.h5"), |file| {
        ["title", "experiment", "driver", "adapter"].iter().for_each(|name| with_text(file, name));
        with_text(&file.group("sweep").unwrap().as_location().unwrap(), "title");
        with_text(&file.dataset("sweep/current_a").unwrap().as_location().unwrap(), "units");
        with_text(&file.dataset("sweep/current_a").unwrap().as_location().unwrap(), "long_name");
    });
    let commands: [&[&str]; 9] = [
        &["show", "made-up.h5"],
        &["show", "--json", "made-up.h5"],
        &["diff", "made-up.h5", "made-up.h5"],
        &["analyze", "made-up.h5"],
        &["analyze", "made-up.h5", "--json"],
        &["analyze", "made-up.h5", "-o", "report"],
        &["qualify", "made-up.h5"],
        &["show", "experiment.h5"],
        &["merge", "experiment.h5", "-o", "x.h5"],
    ];
    for command in commands {
        let said = run(folder.path(), command);
        for text in [&said.out, &said.err] {
            let raw = text.chars().find(|&c| is_unseen(c) && c != '\n');
            assert!(raw.is_none(), "{command:?}: {raw:?} in {text}");
            assert!(!text.lines().any(|line| line.trim_end() == "PASS"), "{command:?}: a forged line in {text}");
        }
    }
    let mut pages = 0;
    for entry in fs::read_dir(folder.path().join("report")).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ["html", "svg", "csv", "json"].iter().any(|of| ending == *of)) {
            let text = fs::read_to_string(&path).unwrap();
            let raw = text.chars().find(|&c| is_unseen(c) && !matches!(c, '\n' | '\t'));
            assert!(raw.is_none(), "{}: {raw:?}", path.display());
            pages += 1;
        }
    }
    assert!(pages >= 4, "{pages}");
    // The names themselves stay what they are in the record.
    assert_eq!(record::open_campaign(&folder.path().join("made-up.h5")).unwrap().label.name, ACTS);
}
