//! `trapline fit` of many devices: the example of the manual, and what the command says, writes and refuses.

use std::fs;
use std::path::Path;

use serde_json::Value;
use trapline::material;

use crate::desk::Desk;

/// A desk with the example's files.
fn example() -> Desk {
    let desk = Desk::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fits/example/spread");
    for name in ["spread.toml", "iv.csv", "retention.csv"] {
        fs::copy(from.join(name), desk.path(name)).unwrap();
    }
    desk
}

#[test]
fn the_example_finds_the_spread_its_devices_were_given() {
    let desk = example();
    let call = "fit spread.toml --material pi-ws2-qd -o mine.toml --digits 3 --json";
    let (code, out, err) = desk.words(call);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        err.contains("iv.csv: 25 devices, of which this is the first") && err.contains("wrote mine.toml, mine.png"),
        "{err}"
    );
    let json: Value = serde_json::from_str(&out).unwrap();
    for (i, sd) in [0.02, 0.03, 0.015].into_iter().enumerate() {
        let of = &json["spread"][i];
        let [found, error] = ["found", "standard_error"].map(|key| of[key].as_f64().unwrap());
        // Within three standard errors of what the devices were drawn with, and not of the 1 % that the material has.
        assert!((found - sd).abs() < 3.0 * error && found - 0.01 > 0.5 * error, "{of}");
    }
    assert_eq!((&json["devices"], &json["missed"]), (&Value::from(50), &Value::Array(Vec::new())));
    let mine = material::load("mine.toml", desk.folder.path()).unwrap();
    assert!(
        (mine.variation.area / json["spread"][1]["found"].as_f64().unwrap() - 1.0).abs() < 0.01,
        "{:?}",
        mine.variation
    );
    let text = fs::read_to_string(desk.path("mine.toml")).unwrap();
    assert!(
        text.starts_with("# Fitted by: trapline fit spread.toml")
            && text.contains("measured: 50 devices of spread.toml")
    );
    for figure in ["mine.png", "mine.svg"] {
        assert!(fs::metadata(desk.path(figure)).unwrap().len() > 10_000, "{figure}");
    }
    // Neither the devices' files nor what is there are written over.
    let (code, _, err) = desk.words(call);
    assert!(code == Some(2) && err.contains("mine.toml") && err.contains("--force"), "{err}");
}

#[test]
fn what_is_not_told_ends_with_1_and_what_is_wrong_with_2() {
    let desk = example();
    let write = |name: &str, text: &str| fs::write(desk.path(name), text).unwrap();
    let plan = fs::read_to_string(desk.path("spread.toml")).unwrap();
    // Sweeps alone know nothing of the dots' size.
    let second = plan.rfind("[[devices]]").unwrap();
    write("sweeps.toml", &plan[..second]);
    let (code, out, err) = desk.words("fit sweeps.toml --material pi-ws2-qd");
    assert!(code == Some(1) && err.contains("the spread cannot tell diameter"), "{err}");
    assert!(out.contains("not identifiable: diameter") && out.contains("trap_filled_limit"), "{out}");
    // Each other wrong in one line.
    let shipped = material::shipped("pi-ws2-qd").unwrap().text;
    write("far.toml", &shipped.replace("value = 3.423e-11", "value = 3.423e-3"));
    for (plan, more, needed) in [
        (plan.clone(), "--material pi-ws2-qd --claims slope-low", "goes without --parameter and --claims"),
        (plan.clone(), "--material pi-ws2-qd --parameter film.area=0.1..2", "goes without --parameter and --claims"),
        (plan.replace("\"cell\"", "\"chip\""), "--material pi-ws2-qd", "there is no column \"chip\""),
        (plan.replace("\"diameter\"", "\"size\""), "--material pi-ws2-qd", "spread.find has \"size\""),
        (plan.replace("find =", "seek ="), "--material pi-ws2-qd", "known here: find, errors_as_stated"),
        (plan.replace("iv.csv", "lost.csv"), "--material pi-ws2-qd", "lost.csv: cannot be read"),
        (plan.clone(), "--material ./far.toml", "must be within a factor of 1e6"),
    ] {
        write("wrong.toml", &plan);
        let (code, out, err) = desk.words(&format!("fit wrong.toml {more}"));
        assert!(code == Some(2) && out.is_empty(), "{needed}: {err}");
        assert!(err.lines().last().is_some_and(|line| line.contains(needed)), "{needed}: {err}");
    }
    let (code, out, err) = desk.words("check spread.toml --material pi-ws2-qd");
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("a fit of a spread; nothing is wrong") && out.contains("50 devices; sought: diameter, area"),
        "{out}"
    );
}

/// Devices that a list of files, a folder and a file of all have: names as `check` and the report tell them.
#[test]
fn single_devices_are_left_out_and_none_counts_twice() {
    let desk = Desk::new();
    fs::create_dir(desk.path("chip")).unwrap();
    let write = |name: &str, text: &str| fs::write(desk.path(name), text).unwrap();
    let sweep = |scale: f64| {
        let rows = (1..=8).map(|i| format!("{:?},{:e}\n", 0.2 * f64::from(i), scale * 6e-12 * f64::from(i)));
        format!("bias_v,current_a\n{}", rows.collect::<String>())
    };
    for (i, scale) in [1.0, 1.01, 0.99, 1.02].into_iter().enumerate() {
        write(&format!("chip/d{i}.csv"), &sweep(scale));
    }
    write("chip/broken.csv", "no curve\n");
    let rows = (1..=4).map(|i| format!("{:?},1e-{i},1.1e-{i},1.2e-{i},1.3e-{i}\n", 0.8 - 0.2 * f64::from(i - 1)));
    write("columns.csv", &format!("v,a,b,c,d\n{}", rows.collect::<String>()));
    let lines: Vec<String> = (0..4)
        .flat_map(|cell| (1..=4).map(move |i| format!("{cell},{:?},{:e}\n", 0.2 * f64::from(i), 6e-12 * f64::from(i))))
        .collect();
    write("lines.csv", &format!("cell,bias_v,current_a\n{}", lines.concat()));
    let common = "kind = \"iv_csv\"\nrelative = 0.01\ndwell_s = 1e-2\n";
    let plan = |blocks: &[&str]| {
        let blocks: String = blocks.iter().map(|of| format!("[[devices]]\n{common}{of}\n")).collect();
        write("s.toml", &format!("format = 1\n[spread]\nfind = [\"area\"]\n{blocks}"));
    };
    for (blocks, devices) in [
        (&["folder = \"chip\"\nexcept = [\"broken\"]"][..], 4),
        (&["folder = \"chip\"\nexcept = [\"broken.csv\", \"d3\"]"], 3),
        (&["files = [\"chip/d0.csv\", \"chip/d1.csv\", \"chip/d2.csv\", \"lost.csv\"]\nexcept = [\"lost\"]"], 3),
        (&["file = \"lines.csv\"\ndevice_column = \"cell\""], 4),
        (&["file = \"lines.csv\"\ndevice_column = \"cell\"\nexcept = [3]"], 3),
        (&["file = \"lines.csv\"\ndevice_column = \"cell\"\nexcept = [\"cell 3\"]"], 3),
        (&["file = \"columns.csv\"\ndevice_columns = { from = 2, to = 5 }\nexcept = [4]"], 3),
        (&["file = \"columns.csv\"\ndevice_columns = [\"a\", \"b\", \"c\", \"d\"]\nexcept = [\"b\"]"], 3),
        // The same device left out of one of two blocks is in the other.
        (
            &[
                "folder = \"chip\"\nexcept = [\"broken\", \"d0\"]",
                "files = [\"chip/d0.csv\"]",
                "file = \"lines.csv\"\ndevice_column = \"cell\"",
            ],
            8,
        ),
    ] {
        plan(blocks);
        let said = desk.good("check s.toml");
        assert!(said.contains(&format!("{devices} devices; sought: area")), "{blocks:?}: {said}");
        assert!(!said.contains("not read"), "{blocks:?}: {said}");
    }
    for (blocks, needed) in [
        (&["folder = \"chip\""][..], &["broken.csv"][..]),
        (&["folder = \"chip\"\nexcept = [\"d9\"]"], &["devices[0]: except has \"d9\"", "broken, d0, d1, d2, d3"]),
        (&["file = \"lines.csv\"\ndevice_column = \"cell\"\nexcept = [7]"], &["except has 7", "cell 0, cell 1"]),
        (&["folder = \"chip\"\nexcept = [\"broken\", \"d0\", \"d1\"]"], &["are 2 devices", "needs 3"]),
        (
            &["folder = \"chip\"\nexcept = [\"broken\"]", "files = [\"chip/../chip/d1.csv\"]"],
            &["devices[1]: the readings of d1 are in devices[0] already", "except"],
        ),
        (
            &[
                "file = \"lines.csv\"\ndevice_column = \"cell\"",
                "file = \"lines.csv\"\ndevice_column = \"cell\"\nexcept = [0, 1, 2]",
            ],
            &["devices[1]: the readings of cell 3 are in devices[0]"],
        ),
    ] {
        plan(blocks);
        desk.refused("check s.toml", needed);
    }
}
