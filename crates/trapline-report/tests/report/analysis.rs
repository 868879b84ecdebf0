//! Summaries of made-up campaigns against the closed forms they were made from.

use crate::made_up;
use crate::made_up::retention;
use trapline_record as record;
use trapline_report::analysis;

#[test]
fn the_summary_quotes_the_exact_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let times = [0.0, 1e3, 1e5, 1e7];
    let (mut label, outcomes) = retention(3, &[25.0, 150.0], &times);
    label.report_times_s = vec![1e5, 1e7];
    let path = made_up::file(folder.path(), &label, &outcomes);
    let record = record::open_campaign(&path).unwrap();
    let rows = analysis::retention::summary(&record);
    assert_eq!(rows.len(), 6);
    for (row, outcome) in rows.iter().zip(&outcomes) {
        let at: Vec<f64> = row.at.iter().map(|a| a.time_s).collect();
        assert_eq!(at, [1e5, 1e7]);
        for (at, k) in row.at.iter().zip([2, 3]) {
            if outcome.programmed == 0 {
                assert_eq!((at.kept, at.lost_fraction, at.failed_fraction), (None, None, None));
                assert_eq!(row.window_variation, None);
                continue;
            }
            assert_eq!(at.kept, Some(outcome.kept.mean[k]));
            assert_eq!(at.lost_fraction, Some(outcome.lost_fraction.mean[k]));
            let failed = if outcome.kept.mean[k] < 0.8 { 1.0 } else { 0.0 };
            assert_eq!(at.failed_fraction, Some(failed));
        }
    }
    let text = analysis::retention::table(&rows);
    println!("{text}{}", record::describe(&record::open_campaign(&path).unwrap()).unwrap());
    assert!(text.lines().all(|line| line == line.trim_end()));
    assert!(text.contains("stoff-2") && text.contains(" - "), "{text}");
    assert!(text.contains("remark 0 on point 1"), "{text}");
    // The cold array loses so little that two decimals would say it lost nothing.
    assert!(text.contains(">99.99"), "{text}");
}

#[test]
fn a_description_names_everything() {
    let folder = tempfile::tempdir().unwrap();
    let label = made_up::campaign(&made_up::SMALL);
    let outcomes: Vec<_> = (0..6).map(|n| made_up::outcome(&label, n)).collect();
    let path = made_up::file(folder.path(), &label, &outcomes);
    let text = record::describe(&record::open_campaign(&path).unwrap()).unwrap();
    for part in [
        "trapline campaign",
        "format 2.7",
        "6 of 6",
        "reference",
        "row",
        "3 to 6",
        "conductance_variance",
        "S2",
        "25 °C",
        "-0.25 V",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let point = record::point_path(&folder.path().join("made-up.h5.parts"), 4);
    let (point, _) = record::open_point(&point).unwrap();
    assert!(record::describe(&point).unwrap().contains("4 of its campaign"));
    let rows = analysis::retention::summary(&record::open_campaign(&path).unwrap());
    assert!(rows.iter().all(|row| row.computed && !row.at.is_empty()));
}
