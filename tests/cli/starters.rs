//! `trapline init` and `check`, outputs as text, values with units, words that help.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::desk::Desk;

/// A file of a fit beside a starter's own.
fn is_there(folder: &Path, names: &[&str]) -> bool {
    names.iter().all(|name| folder.join(name).is_file())
}

#[test]
fn every_starter_is_sound() {
    let desk = Desk::new();
    for (kind, what) in [
        ("campaign", "a campaign"),
        ("lifetime", "a campaign"),
        ("qualification", "a campaign"),
        ("study", "a study"),
        ("waveform", "a waveform"),
        ("material", "a material"),
    ] {
        let said = desk.good(&format!("init {kind}"));
        assert!(said.starts_with(&format!("wrote {kind}.toml")) && said.contains("\nnext: "), "{said}");
        let schema = if ["material", "waveform"].contains(&kind) { kind } else { "campaign" };
        let text = fs::read_to_string(desk.path(&format!("{kind}.toml"))).unwrap();
        assert!(text.starts_with(&format!("#:schema ./trapline-{schema}.schema.json\n")), "{text}");
        let of_file = fs::read_to_string(desk.path(&format!("trapline-{schema}.schema.json"))).unwrap();
        assert_eq!(of_file, desk.good(&format!("schema {schema}")));
        let parsed: Value = serde_json::from_str(&of_file).unwrap();
        assert_eq!(parsed["$schema"], "http://json-schema.org/draft-07/schema#");
        let checked = desk.good(&format!("check {kind}.toml"));
        assert!(checked.starts_with(&format!("{kind}.toml: {what}; nothing is wrong")), "{checked}");
        assert_eq!(
            fs::read_to_string(desk.path(&format!("{kind}.toml"))).unwrap(),
            desk.good(&format!("init {kind} --print")),
            "{kind}"
        );
    }
    desk.good("init fit");
    assert!(is_there(
        &desk.path("fit"),
        &[
            "fit.toml",
            "iv.csv",
            "retention.csv",
            "start.toml",
            "trapline-fit.schema.json",
            "trapline-material.schema.json"
        ]
    ));
    let checked = desk.good("check fit/fit.toml --material fit/start.toml fit/start.toml");
    assert!(checked.contains("fit/fit.toml: a fit; nothing is wrong") && checked.contains("100 rows"), "{checked}");
    assert!(checked.contains("every target can be compared at the start"), "{checked}");
    let told = desk.json("check campaign.toml --json");
    assert_eq!((&told[0]["kind"], &told[0]["file"]), (&"a campaign".into(), &"campaign.toml".into()));
    // A material starts under the name of its file, and is one that other commands take.
    desk.good("init material -o mine.toml");
    assert!(desk.good("retain --material mine.toml --no-noise -q").contains("100.000"));
    // What is there stays.
    let before = fs::read(desk.path("campaign.toml")).unwrap();
    desk.refused("init", &["campaign.toml exists"]);
    desk.refused("init fit", &["exists"]);
    assert_eq!(fs::read(desk.path("campaign.toml")).unwrap(), before);
    desk.good("init --force");
}

#[test]
fn what_is_wrong_with_a_file_is_told_without_running_it() {
    let desk = Desk::new();
    desk.good("init campaign -o a.toml");
    let text = fs::read_to_string(desk.path("a.toml")).unwrap();
    fs::write(desk.path("b.toml"), text.replace("rows = 1024", "rows = 0")).unwrap();
    fs::write(desk.path("c.toml"), text.replace("kept_below", "kept_belwo")).unwrap();
    fs::write(desk.path("d.toml"), "colour = 3\n").unwrap();
    fs::write(desk.path("w.csv"), "time_s,bias_v\n0,1\n1e-3,0\n").unwrap();
    fs::write(desk.path("x.csv"), "time_s,bias_v\n0,1,5\n1,0,0\n").unwrap();
    desk.refused("check b.toml", &["b.toml: key array.rows is 0"]);
    desk.refused("check c.toml", &["kept_belwo"]);
    desk.refused("check d.toml", &["begins with the keys colour, so that it is no campaign"]);
    desk.refused("check x.csv", &["x.csv: line 2: the number of fields is 3; it must be 2"]);
    assert!(desk.good("check w.csv").contains("1 segment, 1.000000e-3 s in all, 1 to 1 V"));
    let (code, _, err) = desk.words("check none.toml");
    assert!(code == Some(1) && err.contains("none.toml: cannot be read"), "{err}");
    // Outside of the tree there are no ready-made campaigns, and the way to one is told.
    let (_, _, err) = desk.words("run campaigns/bake.toml");
    assert!(err.contains("campaigns/bake.toml: cannot be read") && err.contains("`trapline init`"), "{err}");
}

#[test]
fn outputs_are_what_their_names_say() {
    let desk = Desk::new();
    let sweep = "iv --to 0.2 --step 0.1 --cells 2 --backend reference";
    desk.good(&format!("{sweep} -o a.csv"));
    desk.good(&format!("{sweep} -o a.json --no-plot"));
    desk.good(&format!("{sweep} -o a.h5 --no-plot"));
    let table = fs::read_to_string(desk.path("a.csv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(
        (lines[0], lines.len()),
        (
            "cell,point,temperature_c,read_bias_v,read_time_s,time_s,dwell_s,bias_v,sweep,current_a,filling,energy_j,injected,caught",
            9
        )
    );
    let of_file: Value = serde_json::from_str(&fs::read_to_string(desk.path("a.json")).unwrap()).unwrap();
    let printed = desk.json(&format!("{sweep} --json"));
    assert_eq!(of_file, printed);
    assert_eq!(desk.json("show a.h5 --json")["datasets"], printed);
    // The same numbers in both.
    let current = &printed[0]["variables"]["current_a"]["values"];
    for (row, line) in lines[1..].iter().enumerate() {
        let field: f64 = line.split(',').nth(9).unwrap().parse().unwrap();
        // Both are written with all digits; serde_json reads them to one in the last place.
        let other = current[row / 4][row % 4].as_f64().unwrap();
        assert!((field - other).abs() <= 1e-15 * other.abs(), "{line}");
    }
    for name in ["out.txt", "out.png", "out.csv.gz"] {
        desk.refused(&format!("{sweep} -o {name}"), &["choose .h5 (a record), .csv or .json"]);
    }
    desk.good("init campaign");
    desk.refused("run campaign.toml --rows 4 --cols 4 -o out.csv", &["would be a record of HDF5"]);
    // Of variables over other axes there is a table of their own.
    desk.good("learn --backend reference -o letter.csv --no-plot");
    let (first, second) = ("letter.csv", "letter-kept_conductance_s.csv");
    let head = |name: &str| fs::read_to_string(desk.path(name)).unwrap().lines().next().unwrap().to_owned();
    assert!(head(first).contains("conductance_s") && head(second).contains("kept_conductance_s"), "{}", head(second));
    for call in ["pulse --count 2", "retain --until 10", "learn"] {
        let found = desk.json(&format!("{call} --backend reference --json -q"));
        assert!(found[0]["variables"].as_object().is_some_and(|all| all.len() > 3), "{call}: {found}");
    }
}

#[test]
fn values_take_units_and_temperatures_a_list() {
    let desk = Desk::new();
    let of = |call: &str| desk.good(&format!("{call} --backend reference --no-noise -q"));
    assert_eq!(of("retain --until 10y --temperature 358.15K"), of("retain --until 315576000 --temperature 85"));
    assert_eq!(of("iv --dwell 390us --to 500mV"), of("iv --dwell 3.9e-4 --to 0.5"));
    assert_eq!(of("pulse --width 1ms --count 3"), of("pulse --width 1e-3 --count 3"));
    for (call, needed) in [
        ("retain --until 10parsecs", "a unit ns, us, ms, s, min, h, d, w or y"),
        ("retain --temperature 85F", "degrees Celsius, or one with C or K"),
        ("iv --dwell 1e-300", "--dwell is 1e-300; it must be 1e-12 to 1000000.0 s"),
        ("iv --dwell 1e14", "--dwell is 100000000000000.0; it must be 1e-12 to"),
        ("pulse --interval 1e-300", "--interval is 1e-300; it must be 0, or 1e-12 to"),
        ("learn --temperature 25,85", "--temperature 25,85: this command takes one temperature"),
        ("iv --temperature 25,25", "--temperature has 25 twice"),
    ] {
        desk.refused(call, &[needed]);
    }
    // Each temperature by itself is what it is in a list.
    let each = ["25", "150"]
        .map(|t| desk.json(&format!("retain --temperature {t} --until 1e5 --backend reference --json -q")));
    let both = desk.json("retain --temperature 25,150 --until 1e5 --backend reference --json -q");
    for (at, alone) in each.iter().enumerate() {
        assert_eq!(both[at]["variables"], alone[0]["variables"]);
    }
    assert_eq!((&both[1]["temperature_c"], &both[1]["name"]), (&150.0.into(), &"retention_150C".into()));
    desk.good("iv --temperature 25,100 --to 0.2 --step 0.1 --backend reference -o both.csv");
    let table = fs::read_to_string(desk.path("both.csv")).unwrap();
    assert!(table.starts_with("cell,point,temperature_c,"), "{table}");
    assert_eq!(table.lines().filter(|line| line.split(',').nth(2) == Some("100")).count(), 4);
    desk.good("iv --temperature 25,100 --to 0.2 --step 0.1 --backend reference -o both.h5 --no-plot");
    assert!(desk.good("show both.h5").contains("iv_100C: "));
}

#[test]
fn a_name_near_another_is_offered() {
    let desk = Desk::new();
    for (call, needed) in [
        ("fitt", "did you mean fit?; see --help"),
        ("iv --materal pi", "did you mean --material?"),
        ("retain --backend cpuu", "did you mean cpu?"),
    ] {
        desk.refused(call, &[needed]);
    }
    // The only option of all commands stands by itself.
    let help = desk.good("iv --help");
    let (own, global) = help.split_once("Global options:").expect("a heading of its own");
    assert!(!own.contains("--verbose") && global.contains("--verbose"), "{help}");
}

#[test]
fn tables_have_no_empty_signs() {
    let desk = Desk::new();
    let out = desk.good("iv --to -0.2 --step 0.1 --backend reference -q");
    assert!(!out.contains("-0.0000") && !out.contains("0.0000e0"), "{out}");
}
