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
