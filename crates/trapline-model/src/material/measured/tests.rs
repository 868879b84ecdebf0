use super::*;
use crate::cell::current;
use crate::cell::validity;
use crate::material::{self, Material, SHIPPED, shipped};
use std::fs;

/// The dots' file with a table in the place of the formula.
fn with_table(table: &str) -> String {
    let text = SHIPPED[0].1;
    let formula = ["direct_conductance", "superlinearity", "fowler_nordheim", "fowler_nordheim_bias"];
    let kept = text.lines().filter(|line| !formula.iter().any(|key| line.starts_with(&format!("{key} ="))));
    let text: String = kept.map(|line| format!("{line}\n")).collect();
    text.replace("[traps]\n", &format!("{table}\n[traps]\n"))
}

const FILE: &str = "[injection.table]\nfile = \"iv.csv\" # mine\nsource = \"measured\"\n\
    filling = { value = 0.0, unit = \"1\", source = \"fresh cell\" }\n\
    temperature = { value = 100.0, unit = \"C\", source = \"stage\" }\n";

/// A folder with the material's file and its table.
fn folder(material: &str, csv: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("mine.toml"), material).expect("written");
    fs::write(folder.path().join("iv.csv"), csv).expect("written");
    folder
}

fn loaded(folder: &tempfile::TempDir) -> Result<Material, MaterialError> {
    material::load("mine.toml", folder.path())
}

/// A table of the dots' own formula: the current that passes at a filling and a temperature.
fn of_formula(points: u32, filling: f64, temperature_k: f64) -> String {
    let qd = shipped("pi-ws2-qd").expect("shipped");
    let line = |i: u32| {
        let a_v = 0.05 * (6.0f64 / 0.05).powf(f64::from(i) / f64::from(points - 1));
        format!("{a_v:?},{:?}\n", current::current_a(&qd, a_v, temperature_k, filling))
    };
    format!("# by the formula\nbias_v,current_a\n{}", (0..points).map(line).collect::<String>())
}

/// Largest relative difference of injection from the shipped dots', over biases and temperatures, by the measured
/// range.
fn worst(material: &Material) -> f64 {
    let qd = shipped("pi-ws2-qd").expect("shipped");
    let error = |i: u32, t: f64| {
        let a_v = 0.05 * (6.0f64 / 0.05).powf((f64::from(i) + 0.37) / 1000.0);
        let error = (current::injected_a(material, a_v, t) / current::injected_a(&qd, a_v, t) - 1.0).abs();
        if error.is_nan() { f64::INFINITY } else { error }
    };
    [250.0, 298.15, 373.15, 450.0, 1100.0].iter().flat_map(|&t| (0..1000).map(move |i| error(i, t))).fold(0.0, f64::max)
}

#[test]
fn a_table_of_the_formula_gives_the_formulas_current() {
    // Between points a step h of ln(bias) apart the error of a cubic with harmonic slopes is of order h^3, of the
    // logarithm; the formula's bends are of order 1, and its steepest third derivative is 3 b/a = 3 at the turn to
    // tunnelling.
    for (points, tolerance) in [(40, 2e-3), (160, 4e-5)] {
        let made = loaded(&folder(&with_table(FILE), &of_formula(points, 0.0, 373.15))).expect("a material");
        let error = worst(&made);
        assert!(error < tolerance, "{points} points: {error:e}");
    }
    // Taken at another temperature and filling, and said so, it is the same current.
    let other = FILE.replace("value = 0.0", "value = 0.25").replace("value = 100.0", "value = 25.0");
    let made = loaded(&folder(&with_table(&other), &of_formula(160, 0.25, 298.15))).expect("a material");
    assert!(worst(&made) < 4e-5, "{:e}", worst(&made));
    // Control: not said, it is not.
    let made = loaded(&folder(&with_table(FILE), &of_formula(160, 0.25, 298.15))).expect("a material");
    assert!(worst(&made) > 1e-2);
    // Half of the film's area carries half of it.
    let half = with_table(FILE).replace("area = { value = 0.798", "area = { value = 0.399");
    let half = half.replace("reference_area = { value = 0.399", "reference_area = { value = 0.798");
    let half = loaded(&folder(&half, &of_formula(160, 0.0, 373.15))).expect("a material");
    let whole = loaded(&folder(&with_table(FILE), &of_formula(160, 0.0, 373.15))).expect("a material");
    let ratio = current::injected_a(&half, 1.5, 300.0) / current::injected_a(&whole, 1.5, 300.0);
    assert!((ratio - 0.5).abs() < 1e-12, "{ratio}");
}

#[test]
fn the_curve_goes_through_the_points_rises_and_goes_on_as_a_power() {
    let folder =
        folder(&with_table(FILE), "bias_v,current_a\n0.1,1e-12\n0.2,2e-12\n0.5,2.001e-12\n1,9e-10\n2,7.2e-9\n");
    let made = loaded(&folder).expect("a material");
    let curve = made.measured.as_ref().expect("a table");
    for (v, i) in [(0.1, 1e-12), (0.2, 2e-12), (0.5, 2.001e-12), (1.0, 9e-10), (2.0, 7.2e-9)] {
        assert!((curve.current_a(v) / i - 1.0).abs() < 1e-13, "{v}");
    }
    let values: Vec<f64> = (0..=4000).map(|i| curve.current_a(1e-3 * 1e4f64.powf(f64::from(i) / 4000.0))).collect();
    assert!(values.windows(2).all(|w| w[1] > w[0]));
    // 1 to 2 V is the power 3, 0.1 to 0.2 V the power 1.
    assert!((curve.current_a(4.0) / 57.6e-9 - 1.0).abs() < 1e-12);
    assert!((curve.current_a(1e-6) / 1e-17 - 1.0).abs() < 1e-9);
    assert_eq!(current::injected_a(&made, 0.0, 300.0), 0.0);
    assert_eq!(validity::measured_bias(&made, "driving", -2.0), None);
    let remark = validity::measured_bias(&made, "driving", -2.5).expect("beyond");
    assert!(remark.contains("-2.5 V") && remark.contains("0.1 V to 2 V"), "{remark}");
    assert!(
        made.description.contains("measured (iv.csv): 5 points from 0.1 V to 2 V at a filling of 0 and 100 °C"),
        "{}",
        made.description
    );
    // A power law is met between its points too.
    let power = "bias_v,current_a\n0.1,1e-12\n0.3,2.7e-11\n0.4,6.4e-11\n2,8e-9\n";
    let curve = loaded(&self::folder(&with_table(FILE), power)).expect("a material").measured.expect("a table");
    assert!((curve.current_a(1.0) / 1e-9 - 1.0).abs() < 1e-12);
}

#[test]
fn the_text_holds_the_table_and_is_read_again_anywhere() {
    let folder = folder(&with_table(FILE), &of_formula(40, 0.0, 373.15));
    let made = loaded(&folder).expect("a material");
    assert!(
        made.text.contains("file = \"iv.csv\" # mine") && made.text.contains("bias = { values = ["),
        "{}",
        made.text
    );
    drop(folder);
    let again = material::parse(&made.text, "record").expect("a material");
    assert_eq!(again, made);
    // The same text as a file, in a folder without the table.
    let folder = self::folder(&made.text, "");
    assert_eq!(loaded(&folder).expect("a material").text, made.text);
    assert_eq!(material::inputs(&made, "mine.toml", folder.path()).len(), 2);
    let draft = material::draft::Draft::new(&made.text, "mine").expect("a draft");
    assert_eq!(draft.text(), made.text);
    // Without a folder the name alone says nothing; without a table a text stays as it is.
    let error = material::parse(&with_table(FILE), "record").expect_err("no folder").to_string();
    assert!(
        error.contains("injection.table.file") && error.contains("iv.csv") && error.contains("no folder"),
        "{error}"
    );
    let folder = self::folder(SHIPPED[0].1, "");
    assert_eq!(loaded(&folder).expect("a material").text, SHIPPED[0].1);
}

#[test]
fn a_table_says_how_its_file_is_read() {
    // A program's export: settings, columns in another order with names of its own, decimal commas.
    let plain = of_formula(40, 0.0, 373.15);
    let rows = plain.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let rows = rows.map(|row| {
        let (bias, current) = row.split_once(',').expect("two");
        format!("{};7;{}\n", current.replace('.', ","), bias.replace('.', ","))
    });
    let export = format!("run 3;a;b\nc;d;e\n{}", rows.collect::<String>());
    let how = "columns = { bias_v = 3, current_a = 1 }\ndelimiter = \";\"\ndecimal = \",\"\nskip = 2\n";
    let wanted = loaded(&folder(&with_table(FILE), &plain)).expect("a material");
    for how in [how.to_owned(), "columns = { bias_v = \"e\", current_a = \"c\" }\n".to_owned()] {
        let made = loaded(&folder(&with_table(&format!("{FILE}{how}")), &export)).expect("a material");
        assert_eq!(made.measured, wanted.measured);
        // What was said of the file is gone from the text, which is read without it.
        assert_eq!(material::parse(&made.text, "record").expect("a material").measured, wanted.measured);
        assert!(!made.text.contains("skip = ") && !made.text.contains("columns = "), "{}", made.text);
    }
    // Nothing said, or the wrong thing, and it is refused.
    for (how, what) in [
        ("", "iv.csv: line"),
        ("columns = { bias_v = 2, current_a = 1 }\nskip = 2\n", "it must rise"),
        ("columns = { bias = 3 }\n", "columns names \"bias\"; it may name bias_v, current_a"),
        ("columns = 3\n", "columns"),
        ("decimal = \"x\"\n", "decimal"),
    ] {
        let error = loaded(&folder(&with_table(&format!("{FILE}{how}")), &export)).expect_err(how).to_string();
        assert!(error.contains(what) && !error.contains('\n'), "{how}: {error}");
    }
    // Beside numbers that stand in the material itself it says nothing.
    let here = wanted.text.replace("file = \"iv.csv\" # mine\n", "file = \"iv.csv\"\nskip = 2\n");
    let error = material::parse(&here, "record").expect_err("no file").to_string();
    assert!(error.contains("injection.table.skip") && error.contains("leave it out"), "{error}");
}

#[test]
fn what_does_not_rise_is_refused_or_pooled() {
    let noisy = "bias_v,current_a\n0.1,1e-12\n0.2,2e-12\n# noise\n0.3,1.5e-12\n0.4,4e-12\n0.5,5e-12\n";
    let error = loaded(&folder(&with_table(FILE), noisy)).expect_err("noise").to_string();
    for word in ["iv.csv: line 5: current_a", "1.5e-12 A", "2e-12 A", "smooth = true"] {
        assert!(error.contains(word) && !error.contains('\n'), "{error}");
    }
    let smooth = with_table(&FILE.replace("filling", "smooth = true\nfilling"));
    let made = loaded(&folder(&smooth, noisy)).expect("a material");
    assert!(
        made.description.contains("5 points") && made.description.contains("1 point pooled"),
        "{}",
        made.description
    );
    // The mean of the two, of logarithms.
    let curve = made.measured.as_ref().expect("a table");
    assert!((curve.current_a((0.2f64 * 0.3).sqrt()) / 3e-24f64.sqrt() - 1.0).abs() < 1e-12);
    assert_eq!(material::parse(&made.text, "record").expect("a material"), made);
    // One high point at the start pools all that is below it.
    let pools = pooled(&[[0.0, 5.0], [1.0, 1.0], [2.0, 2.0], [3.0, 4.0], [4.0, 4.0]]);
    assert_eq!(pools, [[1.0, 8.0 / 3.0], [3.5, 4.0]]);
}

#[test]
fn wrong_tables_are_told_in_a_line() {
    let good = of_formula(10, 0.0, 373.15);
    let swapped = "bias_v,current_a\n0.1,1e-12\n0.3,2e-12\n0.2,3e-12\n0.4,4e-12\n";
    let cases = [
        (FILE.to_owned(), "bias_v,current_a\n0.1,1e-12\n0.2,2e-12\n0.3,3e-12\n", "iv.csv: holds 3 points"),
        (FILE.to_owned(), swapped, "iv.csv: line 4: bias_v is 0.2 V after 0.3 V; it must rise"),
        (
            FILE.to_owned(),
            "bias_v,current_a\n0.1,1e-12\n0.2,-2e-12\n0.3,3e-12\n0.4,4e-12\n",
            "line 3: current_a is -2e-12",
        ),
        (FILE.to_owned(), "bias_v,current_a\n-0.1,1e-12\n0.2,2e-12\n0.3,3e-12\n0.4,4e-12\n", "line 2: bias_v is -0.1"),
        (FILE.to_owned(), "bias_v\n0.1\n", "no column current_a"),
        (FILE.replace("iv.csv", "../iv.csv"), &good, "without a path"),
        (FILE.replace("iv.csv", ".."), &good, "without a path"),
        (FILE.replace("iv.csv", "other.csv"), &good, "cannot be read"),
        (FILE.replace("source = \"measured\"\n", ""), &good, "injection.table.source: is missing"),
        (FILE.replace("value = 0.0", "value = 1.5"), &good, "injection.table.filling: is 1.5"),
        (FILE.replace("unit = \"C\"", "unit = \"F\""), &good, "injection.table.temperature"),
        (
            format!("direct_conductance = {{ value = 1e-11, unit = \"S\", source = \"t\" }}\n{FILE}"),
            &good,
            "leave one out",
        ),
        (String::new(), &good, "injection.direct_conductance: is missing"),
    ];
    for (table, csv, words) in cases {
        let error = loaded(&folder(&with_table(&table), csv)).expect_err(words).to_string();
        assert!(
            error.contains(words) && !error.contains('\n') && error.contains("mine.toml"),
            "'{words}' is not in: {error}"
        );
    }
    #[cfg(unix)]
    {
        let folder = folder(&with_table(FILE), &good);
        fs::rename(folder.path().join("iv.csv"), folder.path().join("real.csv")).expect("renamed");
        std::os::unix::fs::symlink("real.csv", folder.path().join("iv.csv")).expect("linked");
        let error = loaded(&folder).expect_err("a link").to_string();
        assert!(error.contains("it is a link, which is not followed"), "{error}");
    }
}

/// Tables over bias and temperature follow a measured current too: a curve with bends in its curvature.
#[test]
fn law_tables_follow_a_measured_current() {
    use crate::cell::tabulated::{BiasRange, LawTables, TemperatureRange};
    let made = loaded(&folder(&with_table(FILE), &of_formula(30, 0.0, 373.15))).expect("a material");
    let biases = BiasRange { positive: Some((0.0, 7.0)), negative: Some((0.0, 7.0)) };
    let tables = LawTables::build(&made, biases, TemperatureRange { least_k: 280.0, most_k: 450.0 }).expect("tables");
    for i in 0..20_000u32 {
        let v = f32::from_bits(1e-6f32.to_bits() + i * 9001).min(7.0);
        let t = 280.0 + 170.0 * ((i % 97) as f32 / 96.0);
        let law = current::injected_a(&made, f64::from(v), f64::from(t));
        let error = (f64::from(tables.injected_a(v, t)) / law - 1.0).abs();
        assert!(error < 1e-6, "{v} V, {t} K: {error:e}");
    }
}
