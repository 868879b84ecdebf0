use super::*;
use trapline_model::csv_file::ColumnName;

/// The file is gone after the first of its devices is read, and the second is there all the same; whoever has not
/// read it finds nothing.
#[test]
fn a_file_of_several_devices_is_read_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("iv.csv");
    let text = "cell,bias_v,current_a\n1,0.5,1e-12\n2,0.5,2e-12\n1,1,3e-12\n2,1,4e-12\n";
    std::fs::write(&path, text).expect("written");
    let how =
        Reading { columns: [("device".to_owned(), ColumnName::Name("cell".to_owned()))].into(), ..Reading::default() };
    let wanted = [Wanted::needed("bias_v"), Wanted::needed("current_a").with_gaps()];
    let current = |device: f64, files: &Files| {
        of_device(&path, &wanted, &how, Whose::Lines(device), files).map(|found| found.needed("current_a"))
    };
    let files = Files::default();
    assert_eq!(current(1.0, &files).expect("sound"), [1e-12, 3e-12]);
    std::fs::remove_file(&path).expect("removed");
    assert_eq!(current(2.0, &files).expect("sound"), [2e-12, 4e-12]);
    assert!(current(2.0, &Files::default()).is_err());
    // Another question of the same file is asked of the text that is there.
    let others = files.read(&path, &[Wanted::needed("bias_v")], &Reading::default());
    assert_eq!(others.expect("sound").needed("bias_v"), [0.5, 0.5, 1.0, 1.0]);
}

#[test]
fn a_plateau_at_the_largest_current_is_the_instruments() {
    let bias: Vec<f64> = (1..=10).map(|i| 0.5 * f64::from(i)).collect();
    let cut: Vec<f64> = bias.iter().map(|v| (1e-9 * v.powi(3)).min(3e-8)).collect();
    assert_eq!(compliance(&bias, &cut), [vec![6, 7, 8, 9]]);
    // A current that rises has none; nor has a floor, nor the turn of a sweep written to two digits.
    let free: Vec<f64> = bias.iter().map(|v| 1e-9 * v.powi(3)).collect();
    assert!(compliance(&bias, &free).is_empty());
    let floor: Vec<f64> = bias.iter().map(|v| (1e-9 * v.powi(3)).max(2e-8)).collect();
    assert!(compliance(&bias, &floor).is_empty());
    // A leakage of one digit is flat, and no instrument's doing.
    assert!(compliance(&[-1.0, -2.0, -3.0, -4.0, -5.0], &[-1e-12; 5]).is_empty());
    assert_eq!(at_limit(&[1e-9, 9.95e-9, -1e-8, f64::NAN], 1e-8), [vec![1, 2]]);
    assert!(at_limit(&[1e-9], 0.0).is_empty());
    let turn = [4.8, 4.9, 5.0, 4.9, 4.8];
    assert!(compliance(&turn, &[1.2e-9; 5]).is_empty());
    // Of the other sign, and with a reading that is none in between.
    let negative: Vec<f64> = bias.iter().map(|v| -v).collect();
    let mut of_negative: Vec<f64> = cut.iter().map(|i| -i).collect();
    assert_eq!(compliance(&negative, &of_negative), [vec![6, 7, 8, 9]]);
    of_negative[7] = f64::NAN;
    assert!(compliance(&negative, &of_negative).is_empty());
}
