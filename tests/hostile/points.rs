//! Sound files of single points: every command takes them for what they are.

use trapline::record;

use crate::calls::{alone, good, run};
use crate::made_up::{SMALL, Size, swept, write_all};

#[test]
fn every_point_file_is_shown_and_compared() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let label = swept(&Size { dump: None, ..SMALL });
    let points = write_all(folder.path(), &label);
    for (number, point) in points.iter().enumerate() {
        let (record, place) = record::open_point(point).unwrap();
        let planned = label.point(number);
        assert_eq!((place.number, &place.sweep_index), (number, &planned.sweep_index));
        // What the file says of the point's place on the axes is of its own axes.
        let rows = trapline::analysis::retention::summary(&record);
        let sweeps = label.sweeps.iter().zip(&planned.sweep_index);
        let texts: Vec<_> = sweeps.map(|(of, &at)| (of.name.clone(), of.coordinate.text(at))).collect();
        assert_eq!(rows[0].sweeps, texts, "point {number}");
        assert!(record::describe(&record).unwrap().contains(&format!("{number} of its campaign")));
    }
    let names: Vec<String> = points.iter().map(|path| path.display().to_string()).collect();
    for name in [&names[0], &names[7], names.last().unwrap()] {
        assert!(good(folder.path(), &["show", name]).contains("of its campaign"));
        let json: serde_json::Value = serde_json::from_str(&good(folder.path(), &["show", "--json", name])).unwrap();
        assert_eq!(json["points"].as_array().map(Vec::len), Some(1));
        assert!(good(folder.path(), &["diff", name, name]).contains("the same results: 1 in common"));
    }
    assert_eq!(run(folder.path(), &["diff", &names[7], &names[8]]).code, Some(1));
    // Analysed, or refused for what such a point cannot tell.
    let _ = run(folder.path(), &["analyze", &names[7], "-o", "report"]);
}
