//! What a run computes, tells and records, from the campaign's file to its record.

use std::fs;
use std::path::Path;

use trapline::campaign::{Overrides, Plan};
use trapline::material::Variation;
use trapline::outcome::CampaignRecord;
use trapline::record;

use crate::calls::{err, good};
use crate::small::{self, SMALL};

#[test]
fn a_campaign_from_end_to_end() {
    let desk = small::desk(SMALL);
    let ran = desk.trapline(&["run", "small.toml", "-o", "mine.h5", "--backend", "cpu"]);
    let summary = good(&ran);
    assert_eq!(desk.names(), ["mine.figure.csv", "mine.h5", "mine.png", "mine.svg", "small.toml"]);
    for word in ["pi-ws2-qd", "pi-ws2-ns", "1536/1536", "kept %", "failed %", "1e3 s", "1e4 s", "1e5 s"] {
        assert!(summary.contains(word), "{word} is not in\n{summary}");
    }
    assert!(summary.contains("180 °C is above the glass transition, 170 °C"), "{summary}");
    assert_eq!(summary.matches("glass transition").count(), 1, "once, with its points:\n{summary}");
    let notes = err(&ran);
    assert!(notes.contains("6 points") && notes.contains("32 x 48 cells") && notes.contains("cpu:"), "{notes}");
    assert!(notes.contains("wrote mine.h5, mine.png, mine.svg, mine.figure.csv in "), "{notes}");
    assert!(!notes.contains('\r') && !notes.contains('\u{1b}'), "a bar without a terminal: {notes:?}");

    let found = record::open_campaign(&desk.path("mine.h5")).unwrap();
    assert_eq!(found.label.campaign_toml, SMALL);
    assert_eq!(found.label.common(|of| (of.rows, of.cols, of.seed)), Some((32, 48, 5)));
    assert_eq!(found.computed(), 6);
    assert_eq!(found.provenance.commit, trapline::COMMIT);
    assert_eq!(found.label.common(|of| (of.read_v, of.program_k)), Some((0.1, 298.15)));
    // The dump is of the cells that the statistics are of.
    let dump = record::read_dump(&found, 1).unwrap().unwrap();
    let statistics = &found.points[1].outcome.as_ref().unwrap().conductance_s;
    assert_eq!(dump.conductance_s.dim(), (found.label.times_s.len(), 2, 8));
    for (k, plane) in dump.conductance_s.outer_iter().enumerate() {
        let (low, high) = (statistics.min[k], statistics.max[k]);
        // f32 in the dump.
        let within = |g: &f32| f64::from(*g) >= low * (1.0 - 1e-6) && f64::from(*g) <= high * (1.0 + 1e-6);
        assert!(plane.iter().all(within), "checkpoint {k}: {plane} is not within {low} to {high}");
    }

    let shown = good(&desk.trapline(&["show", "mine.h5"]));
    assert!(shown.contains("campaign      small") && shown.contains("6 of 6"), "{shown}");
    assert!(shown.ends_with(&summary), "show ends with the summary of the run");
}

/// A point depends on the plan and its number: the same from a campaign of all points, and of itself.
#[test]
fn a_point_does_not_depend_on_the_others() {
    let desk = small::desk(SMALL);
    good(&small::run(&desk, &["-o", "all.h5"]));
    let alone = SMALL.replace("[25.0, 155.0, 180.0]", "[155.0]");
    fs::write(desk.path("small.toml"), alone).unwrap();
    good(&small::run(&desk, &["-o", "alone.h5", "--threads", "1"]));
    let [all, alone] = ["all.h5", "alone.h5"].map(|name| record::open_campaign(&desk.path(name)).unwrap());
    for m in 0..2 {
        let pair = [(&all, 3 * m + 1), (&alone, m)].map(|(r, n)| record::whole(r, n).unwrap().unwrap());
        assert!(pair[0] == pair[1], "material {m} differs");
        assert!(pair[0].times_s.len() > 20 && pair[0].dump.is_some());
    }
    // The negative control: another temperature does differ.
    let kept = |record: &CampaignRecord| record.points[0].outcome.as_ref().unwrap().kept.clone();
    assert!(kept(&all) != kept(&alone));
}

#[test]
fn the_command_line_overrides_and_the_record_says_so() {
    let desk = small::desk(small::without_dump());
    good(&small::run(&desk, &["--rows", "4", "--cols", "8", "--seed", "18446744073709551615"]));
    let found = record::open_campaign(&desk.path("small.h5")).unwrap();
    assert_eq!(found.label.common(|of| (of.rows, of.cols, of.seed)), Some((4, 8, u64::MAX)));
    assert_eq!(found.label.overrides, ["rows = 4", "cols = 8", "seed = 18446744073709551615"]);
    assert!(good(&desk.trapline(&["show", "small.h5"])).contains("rows = 4, cols = 8"));
    let quiet = small::run(&desk, &["--rows", "4", "--cols", "8", "--force", "--quiet"]);
    assert!(good(&quiet).contains("32/32"));
    assert_eq!(err(&quiet), "");
}

/// Programmed with next to nothing, an array holds nothing: the record and the summary say so.
#[test]
fn an_array_that_takes_no_charge_is_remarked_on() {
    let text = SMALL.replace("amplitude_v = 1.5", "amplitude_v = 1e-300");
    let desk = small::desk(&text[..text.find("[dump]").unwrap()]);
    let summary = good(&small::run(&desk, &[]));
    let remark = summary.lines().find(|line| line.contains("put no charge into any cell")).unwrap();
    assert_eq!(remark.matches("pi-ws2-qd, ").count(), 3, "of the points of one material:\n{summary}");
    assert!(!remark.contains("pi-ws2-ns"), "{remark}");
    assert!(good(&desk.trapline(&["show", "small.h5"])).contains("put no charge into any cell"));
    // A material without traps has nothing to take charge with.
    fs::write(desk.path("small.toml"), text[..text.find("[dump]").unwrap()].replace("pi-ws2-qd", "pi")).unwrap();
    assert!(!good(&small::run(&desk, &["--force"])).contains("put no charge"));
}

/// The shipped campaign is the one the documents promise.
#[test]
fn the_shipped_campaign_is_complete() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/bake.toml");
    let plan = Plan::load(&path, &Overrides::default()).unwrap();
    let label = &plan.label;
    assert_eq!(label.common(|of| (of.rows, of.cols, of.kept_threshold)), Some((1024, 1024, 0.9)));
    let names: Vec<&str> = label.materials.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["pi-ws2-qd", "pi-ws2-ns"]);
    let celsius: Vec<i32> = label.temperatures_k.iter().map(|t| (t - 273.15).round() as i32).collect();
    assert_eq!(celsius, [25, 85, 100, 125, 150, 155, 160, 170]);
    assert_eq!((label.times_s[0], label.times_s[1]), (0.0, 1.0));
    assert_eq!(label.times_s.last(), Some(&3.15576e8));
    assert_eq!(label.report_times_s, [1e3, 1e4, 1e5]);
    assert_ne!(*plan.job(0).unwrap().variation(), Variation::OFF);
    assert!(plan.points.iter().all(|p| p.flags.is_empty()), "170 °C is not above the glass transition of 170 °C");
    // What the file says of the keys that may be left out is true: without them the plan is the same.
    let text = std::fs::read_to_string(&path).unwrap();
    let short = &text[..text.find("# All that follows").unwrap()];
    assert_eq!(plan.inputs, [path]);
    let mut same = Plan::parse(short, "bake", Path::new(""), &Overrides::default()).unwrap();
    same.inputs = plan.inputs.clone();
    same.label.campaign_toml = text;
    assert_eq!(same, plan);
}
