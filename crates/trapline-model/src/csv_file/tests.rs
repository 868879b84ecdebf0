use super::*;

const RETENTION: [Wanted; 2] = [Wanted::needed("time_s"), Wanted::needed("kept").with_gaps()];
const SWEEP: [Wanted; 3] =
    [Wanted::needed("bias_v"), Wanted::needed("current_a").with_gaps(), Wanted::optional("time_s")];

fn sweep(text: &str) -> Columns {
    Columns::parse(text, "iv.csv", &SWEEP, &Reading::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn reading(toml: &str) -> Reading {
    toml::from_str(toml).expect(toml)
}

/// Near within a rounding of the scale of a unit.
fn near(found: &[f64], wanted: &[f64]) -> bool {
    found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| (a - b).abs() <= 1e-15 * b.abs())
}

#[test]
fn columns_are_found_by_name() {
    let text = "# mine\nnote_1, current_a ,bias_v\n7,1e-12,0.1\n\n7,2e-12,0.2\n";
    let found = sweep(text);
    assert_eq!((found.needed("bias_v"), found.needed("current_a")), (vec![0.1, 0.2], vec![1e-12, 2e-12]));
    assert_eq!(found.column("time_s"), None);
    let error = found.each("bias_v", "below 0.15", |_, v| v < 0.15).expect_err("too large").to_string();
    assert_eq!(error, "iv.csv: line 5: bias_v is 0.2; it must be below 0.15");
    assert_eq!(
        found.understood(),
        "iv.csv: columns apart by comma, decimal point, names in line 2; bias_v, current_a; 2 rows; \
         not read: \"note_1\""
    );
}

#[test]
fn fields_may_stand_in_quotes() {
    let text = "\"time_s\",note,\"kept\"\r\n0,\"a, \"\"b\"\"\",\"1\"\r\n# \"\n\"1\",,0.5\r\n";
    let found = Columns::parse(text, "r.csv", &RETENTION, &Reading::default()).expect("sound");
    assert_eq!((found.needed("time_s"), found.needed("kept")), (vec![0.0, 1.0], vec![1.0, 0.5]));
    let error = found.each("kept", "1", |_, v| v == 1.0).expect_err("lost").to_string();
    assert_eq!(error, "r.csv: line 4: kept is 0.5; it must be 1");
}

/// The same three readings as people and instruments write them.
#[test]
fn one_sweep_in_many_hands() {
    let (bias, current) = ([0.1, 0.2, -0.3], [1.5e-9, 2.5e-9, -4e-9]);
    for (text, said) in [
        ("bias_v,current_a\n0.1,1.5e-9\n0.2,2.5e-9\n-0.3,-4e-9\n", "comma"),
        // A spreadsheet of half of Europe.
        ("Spannung (V);Strom (nA)\r\n0,1;1,5\r\n0,2;2,5\r\n-0,3;-4\r\n", "current_a from \"Strom (nA)\" in nA"),
        ("sep=;\nBias (V);I [nA]\n0,1;1,5\n0,2;2,5\n-0,3;-4\n", "decimal comma"),
        // Decimal commas in quotes, as a spreadsheet writes them between commas.
        ("Bias (V),I [nA]\n\"0,1\",\"1,5\"\n\"0,2\",\"2,5\"\n\"-0,3\",-4\n", "decimal comma"),
        // A parameter analyser's own export: a title, settings, names without units.
        (
            "SetupTitle, sweep\nPrimitiveTest, I/V Sweep\nTestParameter, Channel.Unit, SMU1, SMU2\nAnalysisSetup, V1, I1, x\n\
             Dimension1, 3, 3\nDataName, V1, I1\nDataValue, 0.1, 1.5E-09\nDataValue, 0.2, 2.5E-09\nDataValue, -0.3, -4E-09\n",
            "names in line 6; bias_v from \"V1\" taken as V",
        ),
        ("AI,AV,Time\n1.5E-9,1E-1,0\n2.5E-9,2E-1,1\n-4E-9,-3E-1,2\n", "current_a from \"AI\" taken as A"),
        // A source measure unit: a block of settings, an index, trailing separators.
        (
            "Model,2450,\nSerial,\"04,123\",\n\nIndex,Voltage (V),Current (A),\n1,0.1,1.5E-9,\n2,0.2,2.5E-9,\n3,-0.3,-4E-9,\n",
            "names in line 4",
        ),
        // Names above, units below.
        ("Time\tBias\tCurrent\ns\tV\tnA\n0\t0.1\t1.5\n1\t0.2\t2.5\n2\t-0.3\t-4\n", "in nA"),
        // Columns of a plotting program, of a numerical one, of a script.
        ("Bias (V)   Current (A)\n 0.1   1.5E-09\n 0.2   2.5E-09\n-0.3  -4.0E-09\n", "spaces"),
        ("# bias_v current_a\n1.0e-01 1.5e-09\n2.0e-01 2.5e-09\n-3.0e-01 -4.0e-09\n", "names in line 1"),
        ("% sweep of device 7\n% bias_v, current_a\n0.1, 1.5D-9\n0.2, 2.5D-9\n-0.3, -4D-9\n", "names in line 2"),
        (",bias_v,current_a\n0,0.1,1.5e-9\n1,0.2,2.5e-9\n2,\u{2212}0.3,-4e-9\n", "comma"),
        ("bias_mv|current_pa\n100|1500\n200|2500\n-300|-4000\n", "bias_v from \"bias_mv\" in mv"),
        ("bias_v,current_a\r0.1,1.5e-9\r0.2,2.5e-9\r-0.3,-4e-9\r", "3 rows"),
        ("bias_v,current_a\n0.1,1.5e-9\n,\n0.2,2.5e-9\n-0.3,-4e-9\n,\n", "3 rows"),
        ("Voltage [V],Current [A],Compliance (A)\n0.1,1.5e-9,1e-6\n0.2,2.5e-9,1e-6\n-0.3,-4e-9,1e-6\n", "bias_v from"),
        ("Anode voltage (mV);Anode current (\u{b5}A)\n100;0,0015\n200;0,0025\n-300;-0,004\n", "in \u{b5}A"),
    ] {
        let found = sweep(text);
        assert!(near(&found.needed("bias_v"), &bias), "{text}: {:?}", found.needed("bias_v"));
        assert!(near(&found.needed("current_a"), &current), "{text}: {:?}", found.needed("current_a"));
        let understood = found.understood();
        assert!(understood.contains(said) && !understood.contains('\n'), "{understood}");
    }
}

#[test]
fn columns_that_nobody_reads_are_named() {
    let told = |text: &str| sweep(text).understood();
    let text = "bias_v,T (C),current_a,\"Humidity %\"\n1,25,1e-9,40\n2,25,2e-9,40\n";
    assert!(told(text).ends_with("; 2 rows; not read: \"T (C)\", \"Humidity %\""), "{}", told(text));
    let plain = told("bias_v,current_a\n1,1e-9\n2,2e-9\n");
    assert!(!plain.contains("not read"), "{plain}");
    // Without a name there is nothing to be named, and of many the first ones are.
    let many = told("bias_v,current_a,,a,b,c,d,e,f,g,h\n1,1e-9,0,0,0,0,0,0,0,0,0\n2,2e-9,0,0,0,0,0,0,0,0,0\n");
    assert!(many.ends_with("not read: \"a\", \"b\", \"c\", \"d\", \"e\", \"f\" and 2 more"), "{many}");
    let by_number = Columns::parse(
        "x;y;z\n1;1e-9;5\n2;2e-9;5\n",
        "iv.csv",
        &SWEEP,
        &reading("columns = { bias_v = 1, current_a = 2 }"),
    );
    let by_number = by_number.expect("sound").understood();
    assert!(by_number.ends_with("not read: \"z\""), "{by_number}");
    let mut found = sweep(text);
    found.leave_names();
    assert!(!found.understood().contains("not read"));
}

#[test]
fn what_guessing_does_not_find_is_said() {
    let text = "Messung 7\nx;y;z\n1;0,5;9\n2;0,25;9\n";
    for toml in [
        "columns = { time_s = \"x\", kept = \"y\" }",
        "columns = { time_s = 1, kept = 2 }\ndelimiter = \";\"\ndecimal = \",\"",
        "columns = { time_s = 1, kept = 2 }\nskip = 2",
    ] {
        let found = Columns::parse(text, "r.csv", &RETENTION, &reading(toml)).expect(toml);
        assert_eq!((found.needed("time_s"), found.needed("kept")), (vec![1.0, 2.0], vec![0.5, 0.25]), "{toml}");
    }
    for (toml, what) in [
        ("columns = { time = \"x\" }", "columns names \"time\"; it may name time_s, kept"),
        ("columns = { time_s = \"X\", kept = \"y\" }", "there is no column \"X\", as columns names time_s"),
        (
            "columns = { time_s = 9, kept = \"y\" }",
            "there is no column 9, as columns numbers time_s; the line has 3 columns",
        ),
        ("skip = 9", "skip is 9, but it has 5 lines"),
        ("delimiter = \"?\"", "delimiter is \"?\""),
        ("columns = { time_s = \"x\", kept = \"x\" }", "columns: kept and time_s are the same column"),
        ("columns = { time_s = 1, kept = 2 }\ndecimal = \".\"", "kept is \"0,5\"; it must be a finite number"),
    ] {
        let error = Columns::parse(text, "r.csv", &RETENTION, &reading(toml)).expect_err(toml).to_string();
        assert!(error.contains(what) && !error.contains('\n'), "{toml}: {error}");
    }
}

#[test]
fn readings_that_are_none_are_left_out_with_a_word() {
    let found = sweep("bias_v,current_a\n0.1,9.91e37\n0.2,1e-9\n0.3,199.999E99\n0.4,NaN\n0.5,2e-9\n");
    let current = found.needed("current_a");
    let is_none: Vec<bool> = current.iter().map(|i| i.is_nan()).collect();
    assert_eq!(is_none, [true, false, true, true, false]);
    assert!(found.each("current_a", "positive", |_, i| i > 0.0).is_ok());
    let understood = found.understood();
    let needed =
        "5 rows, of which 2 left out as an instrument's overflow (lines 2 and 4), 1 left out as no number (line 5)";
    assert!(understood.ends_with(needed), "{understood}");
    // A bias is set, not read.
    let error = Columns::parse("bias_v,current_a\n9.9e37,1\n", "iv.csv", &SWEEP, &Reading::default());
    let error = error.expect_err("overflow").to_string();
    assert!(error.contains("line 2: bias_v is \"9.9e37\", which instruments write beyond their range"), "{error}");
}

#[test]
fn shares_may_be_in_per_cent() {
    for text in ["time_s,kept (%)\n1,97.75\n", "time_s;kept\n1;97,75 %\n", "time_s\tRetention [%]\n1\t97.75\n"] {
        let found = Columns::parse(text, "r.csv", &RETENTION, &Reading::default()).expect(text);
        assert!(near(&found.needed("kept"), &[0.9775]), "{text}: {:?}", found.needed("kept"));
    }
}

#[test]
fn bad_csv_is_told_its_line() {
    for (text, needed) in [
        ("time_s\n0\n", "line 1: there is no column kept; the line that names the columns must have time_s and kept"),
        ("", "is empty; its first line must name time_s and kept"),
        ("1,0.5\n2,0.4\n", "line 1: no line before the numbers names the columns; write time_s,kept there"),
        ("time_s,kept\n,1\n", "line 2: time_s is \"\""),
        ("# 1\n\ntime_s,kept\n \n # 2\n1\n", "line 6: the number of fields is 1; it must be 2"),
        ("time_s,kept\r\n0,1\r\n\r\n1,1,1\r\n", "line 4: the number of fields is 3; it must be 2"),
        ("time_s,kept\n0,1\n\n1,x", "line 4: kept is \"x\""),
        // Decimal commas between commas.
        (
            "time_s,kept\n1,0,9775\n",
            "line 2: the number of fields is 3; it must be 2, as in the line that names the columns (line 1); a decimal comma",
        ),
        ("time_s,kept,\n1,0,9775\n", "line 2: the number of fields is 3; it must be 2"),
        ("time_s;kept\n1;0,9\n2;0.8\n", "line 2: \"0,9\" has a decimal comma, and \"0.8\" in line 3 a decimal point"),
        ("time_s;kept\n1;1.000,5\n", "two kinds of marks"),
        ("time_s;kept\n1,000;1\n2,000;1\n", "decimal comma or one of thousands"),
        ("time_s,kept\n\"0,1\n1,1\n", "line 2: a field in quotes goes over the end of the line"),
        ("time_s,kept,kept\n1,1,1\n", "line 1: the name \"kept\" stands twice, in columns 2 and 3"),
        (
            "Time (s),Timestamp (s),kept\n1,1,1\n",
            "line 1: time_s may be \"Time (s)\" or \"Timestamp (s)\"; say columns = { time_s = 1 }",
        ),
        ("time_s,kept\n1,1\ntime_s,kept\n1,1\n", "line 3: time_s is \"time_s\""),
        ("time_s,kept\n12:30:00,1\n", "line 2: time_s is \"12:30:00\""),
        ("Zeit (Jahre);kept\n1;1\n", "line 1: there is no column time_s"),
    ] {
        let error = Columns::parse(text, "r.csv", &RETENTION, &Reading::default()).expect_err(text).to_string();
        assert!(error.contains(needed) && error.starts_with("r.csv: ") && !error.contains('\n'), "{error}");
    }
    let one = Columns::parse("time_s\n2\n", "r.csv", &RETENTION[..1], &Reading::default()).expect("columns");
    assert!(one.between(one.count(), 1..=2, "points").is_ok());
    let error = one.between(one.count(), 2..=9, "points").expect_err("too few").to_string();
    assert_eq!(error, "r.csv: holds 1 points; it must hold at least 2");
    let error = one.between(one.count(), 0..=0, "points").expect_err("too many").to_string();
    assert_eq!(error, "r.csv: holds 1 points; it must hold at most 0");
}

/// Where all columns are given by their numbers, units above them count, commas are doubted, and nothing is dropped.
#[test]
fn numbers_of_columns_take_units_along() {
    let by_number = reading("columns = { time_s = 1, kept = 2 }");
    let found = Columns::parse("Zeit (ms);Rest (%)\n1;50\n2;25\n", "r.csv", &RETENTION, &by_number).expect("sound");
    assert!(near(&found.needed("time_s"), &[1e-3, 2e-3]) && near(&found.needed("kept"), &[0.5, 0.25]), "{found}");
    let text = "t;n;v\n0,0;7;1,25\n1,0;8;1,50\n2,0;9;0,75\n";
    let third = reading("columns = { time_s = 1, kept = 3 }");
    let found = Columns::parse(text, "r.csv", &RETENTION, &third).expect("sound");
    assert_eq!((found.needed("time_s"), found.needed("kept")), (vec![0.0, 1.0, 2.0], vec![1.25, 1.5, 0.75]));
    for (text, toml, what) in [
        (
            "Zeit (Wochen);Rest\n1;0.5\n",
            "columns = { time_s = 1, kept = 2 }",
            "line 1: column \"Zeit (Wochen)\" has the unit \"Wochen\"",
        ),
        ("0,1 V\n1,2\n2,3\n", "columns = { time_s = 1, kept = 2 }", "line 1: kept is \"1 V\""),
        ("1,2\n", "columns = { time_s = 1, kept = 1 }", "columns: kept and time_s are the same column"),
        ("1,2\n", "columns = { time_s = -1, kept = 1 }", "columns: time_s is -1; a column's number counts from 1"),
    ] {
        let error = Columns::parse(text, "r.csv", &RETENTION, &reading(toml)).expect_err(text).to_string();
        assert!(error.contains(what) && !error.contains('\n'), "{text}: {error}");
    }
    // A name for a column that may be missing is not dropped where the others are numbers.
    let mixed = reading("columns = { bias_v = 2, current_a = 3, time_s = \"ab Start\" }");
    let found = Columns::parse("ab Start,V,I\n1,2,3e-9\n", "iv.csv", &SWEEP, &mixed).expect("sound");
    assert_eq!(found.column("time_s"), Some(vec![1.0]));
    let absent = reading("columns = { bias_v = 2, current_a = 3, time_s = \"Start\" }");
    assert!(Columns::parse("ab Start,V,I\n1,2,3e-9\n", "iv.csv", &SWEEP, &absent).is_err());
}

#[test]
fn lines_between_names_and_numbers_are_understood_or_refused() {
    for text in ["Time\tkept\tTemp\ns\t%\tK\n1\t50\t300\n", "Time\tkept\tnote\nms\t%\t\nrun 1\trun 1\tx\n1000\t50\ty\n"]
    {
        let found = Columns::parse(text, "r.csv", &RETENTION, &Reading::default()).expect(text);
        assert!(near(&found.needed("time_s"), &[1.0]) && near(&found.needed("kept"), &[0.5]), "{text}: {found}");
    }
    let wanted = [Wanted::needed("time_s"), Wanted::needed("bias_v")];
    for (text, what) in [
        ("Time,Voltage\nV,s\n0,1\n1,2\n", "line 2: column \"Time\" has the unit \"V\"; time_s takes"),
        ("Time,V (V)\ns,mV\n0,1\n1,2\n", "line 2: the unit \"mV\" contradicts the name \"V (V)\""),
        ("time_s,bias_v\nms,mV\n0,1\n", "line 2: the unit \"ms\" contradicts the name \"time_s\""),
        ("Time, s, Bias, mV\n0,5,1,25\n1,5,2,50\n", "line 1: the unit of \"Time\" stands in a field of its own, \"s\""),
        ("Time,Elapsed Time (ms),V\n0,1,2\n", "line 1: time_s may be \"Time\" or \"Elapsed Time (ms)\""),
        ("T,V\n300,1\n", "line 1: there is no column time_s"),
        ("Time (s);V\n1.000;1\n2.000;2\n", "line 2: \"1.000\" may have a decimal point or one of thousands"),
        ("time_s,bias_v\n1 ms,1\n2 ms,2\n3,3\n", "line 2: time_s is \"1 ms\""),
    ] {
        let error = Columns::parse(text, "w.csv", &wanted, &Reading::default()).expect_err(text).to_string();
        assert!(error.contains(what) && !error.contains('\n'), "{text}: {error}");
    }
}

#[test]
fn a_unit_alone_names_a_time_and_logarithms_are_none() {
    let found = Columns::parse("Hours,Kept (%)\n2,50\n", "r.csv", &RETENTION, &Reading::default()).expect("sound");
    assert!(near(&found.needed("time_s"), &[7200.0]) && near(&found.needed("kept"), &[0.5]), "{found}");
    let named = reading("columns = { time_s = \"Log time (s)\" }");
    let error =
        Columns::parse("Log time (s),kept\n2,0.5\n", "r.csv", &RETENTION, &named).expect_err("logarithms").to_string();
    assert!(error.contains("column \"Log time (s)\" holds logarithms"), "{error}");
}

#[test]
fn what_looks_like_a_comment_may_be_a_reading() {
    let found = sweep("current_a,bias_v,time_s\n1e-12,1,1\n#N/A,2,2\n#DIV/0!,3,3\n,4,4\n4e-12,5,5\n# end\n");
    assert_eq!(found.needed("bias_v"), [1.0, 2.0, 3.0, 4.0, 5.0]);
    assert!(found.understood().contains("3 left out as no number"), "{found}");
    let found = sweep("bias_v,current_a\n1,1e-12\n\u{1a}");
    assert_eq!(found.count(), 1);
    let long = format!("bias_v,current_a\n{}\n", "1,".repeat(1 << 20));
    let error = Columns::parse(&long, "iv.csv", &SWEEP, &Reading::default()).expect_err("long").to_string();
    assert!(error.contains("line 2: is 2097152 bytes long; a line may have 1048576"), "{error}");
    let name = "x".repeat(1 << 19);
    let error = Columns::parse(&format!("{name}\n1\n"), "iv.csv", &SWEEP, &Reading::default()).expect_err("long name");
    assert!(error.to_string().len() < 1000);
}
