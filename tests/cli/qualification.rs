//! Qualification: the plan, the verdict, and what the command says, on small simulated campaigns.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use trapline::analysis::qualification::{self, Qualification, QualificationError};
use trapline::campaign::{Overrides, Plan};
use trapline::outcome::CampaignRecord;
use trapline::record;

/// Lots A and B of three parts; B is held to a threshold that its cells miss.
const TWO_LOTS: &str = r#"
format = 1
name = "lots"
seed = 0
variation = true
electrons = "mean-field"
array = { rows = 16, cols = 16 }
program = { temperature_c = 25.0 }
bake = { temperatures_c = [125.0], times_s = [1e5, 1e6, 3e7] }
histogram = { bins = 8 }

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 1, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[qualification]
after_s = 3.6e6
parts = "part"
lots = "lot"

[[sweep]]
name = "lot"
keys = ["seed", "failure.kept_below"]
values = [[100, 0.9], [200, 0.985]]
labels = ["A", "B"]

[[sweep]]
name = "part"
key = "seed_offset"
from = 1
to = 3
"#;

fn trapline(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trapline")).args(arguments).current_dir(folder).output().unwrap()
}

/// A folder with the record of a campaign.
fn computed(campaign: &str) -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    fs::write(desk.path().join("lots.toml"), campaign).unwrap();
    let output = trapline(desk.path(), &["run", "lots.toml", "-q", "--no-plot", "--backend", "cpu"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    desk
}

fn record(desk: &tempfile::TempDir) -> CampaignRecord {
    record::open_campaign(&desk.path().join("lots.h5")).unwrap()
}

fn judged(record: &CampaignRecord) -> Qualification {
    qualification::qualify(record).unwrap()
}

/// `text` with one thing changed.
#[track_caller]
fn with(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old}");
    text.replace(old, new)
}

#[test]
fn a_lot_passes_and_a_lot_fails() {
    let desk = computed(TWO_LOTS);
    let mut record = record(&desk);
    // The time of the verdict is a checkpoint and a report time, and was none of the bake's.
    let checkpoint = record.label.times_s.iter().position(|&time| time == 3.6e6).unwrap();
    assert!(record.label.report_times_s.contains(&3.6e6), "{:?}", record.label.report_times_s);
    // The offset is added to the lot's seed.
    let seeds: Vec<u64> = record.label.settings.iter().map(|of| of.seed).collect();
    assert_eq!(seeds, [101, 102, 103, 201, 202, 203]);

    let verdict = judged(&record);
    assert!(!verdict.passed && verdict.conditions.len() == 1);
    let [a, b] = &verdict.conditions[0].lots[..] else { panic!("{verdict:?}") };
    assert_eq!((a.name.as_deref(), a.passed, a.fails), (Some("A"), true, 0));
    assert_eq!((b.name.as_deref(), b.passed, b.fails), (Some("B"), false, 3));
    for (part, point) in b.failed_parts.iter().zip(&record.points[3..]) {
        let outcome = point.outcome.as_ref().unwrap();
        assert_eq!((part.failed_cells, part.programmed_cells), (outcome.failed[checkpoint], 256));
        assert!(part.failed_cells > 0);
    }
    // Cells without charge are no memory: a lot that passed fails with them.
    let mut empty = record.clone();
    empty.points[0].outcome.as_mut().unwrap().programmed = 200;
    let with_empty = judged(&empty);
    let part = &with_empty.conditions[0].lots[0].failed_parts[0];
    assert_eq!((part.failed_cells, part.cells, part.programmed_cells), (56, 256, 200));
    assert!(part.at_programming && !with_empty.conditions[0].lots[0].passed);
    let least = record.points[..3].iter().map(|point| point.outcome.as_ref().unwrap().kept.min[checkpoint]);
    assert_eq!(a.least_kept, least.reduce(f64::min));
    assert!(a.least_kept.unwrap() > 0.9 && b.least_kept.unwrap() < 0.985);

    // No fails of n: 1 - (1 - c)^(1/n) of parts and of cells, and -ln(1 - c) failures in the hours; a few roundings.
    let [shown_a, shown_b] = [a, b].map(|lot| lot.shown.as_ref().unwrap());
    for (i, confidence) in [0.6f64, 0.9].into_iter().enumerate() {
        let none_of = |n: f64| -((1.0 - confidence).ln() / n).exp_m1();
        let near = |found: f64, exact: f64| (found / exact - 1.0).abs() < 1e-12;
        assert!(near(shown_a.parts[i].upper_one_sided, none_of(3.0)), "{a:?}");
        assert!(near(shown_a.cells[i].upper_one_sided, none_of(768.0)), "{a:?}");
        assert!(near(shown_a.fit_upper.unwrap()[i], -(1.0 - confidence).ln() / 3000.0 * 1e9), "{a:?}");
        // Control: three fails of three show nothing.
        assert_eq!(shown_b.parts[i].upper_one_sided, 1.0);
    }
    assert_eq!(verdict.conditions[0].together.as_ref().unwrap().parts[0].total, 6);

    // A part may lose the share that its worst part lost, a lot may lose all its parts: lot B passes; a hair less,
    // and it fails.
    let table = |lines: &str| with(&record.label.campaign_toml, "lots = \"lot\"", &format!("lots = \"lot\"\n{lines}"));
    let [bearable, too_little] =
        [b.worst_part, b.worst_part - 1e-9].map(|share| table(&format!("part_fails_above = {share:?}")));
    let (two, three, plain) = (table("allowed_fails = 2"), table("allowed_fails = 3"), table("part_fails_above = 0.0"));
    for (text, passes) in [(bearable, true), (too_little, false), (two, false), (three, true)] {
        record.label.campaign_toml = text;
        assert_eq!(judged(&record).passed, passes, "{}", record.label.campaign_toml);
    }

    // A part whose cells had failed at 0 s had failed before the bake.
    record.label.campaign_toml = plain;
    assert!(judged(&record).conditions[0].lots[1].failed_parts.iter().all(|part| !part.at_programming));
    record.points[4].outcome.as_mut().unwrap().failed[0] = 1;
    let early: Vec<bool> =
        judged(&record).conditions[0].lots[1].failed_parts.iter().map(|part| part.at_programming).collect();
    assert_eq!(early, [false, true, false]);

    let output = trapline(desk.path(), &["qualify", "lots.h5"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.starts_with("FAIL: read out after 1000 h") && text.contains("lot B: failed parts 1 ("), "{text}");
    assert_eq!(String::from_utf8(output.stderr).unwrap().trim(), "trapline: lots.h5: 1 of 2 lots failed");
    let json = trapline(desk.path(), &["qualify", "lots.h5", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["conditions"][0]["lots"][1]["failed_parts"][0]["part"], "1");
}

#[test]
fn what_passes_exits_with_0_and_lots_of_the_same_seeds_are_not_added_up() {
    let text = with(
        TWO_LOTS,
        "keys = [\"seed\", \"failure.kept_below\"]",
        "keys = [\"seed\", \"parameter.traps.diameter_mean\"]",
    );
    let desk = computed(&with(&text, "[[100, 0.9], [200, 0.985]]", "[[100, 3.0], [101, 2.99]]"));
    // Lot A has the seeds 101 to 103, lot B those from 102 to 104.
    let verdict = judged(&record(&desk));
    assert!(verdict.passed && verdict.conditions[0].together.is_none(), "{verdict:?}");
    let output = trapline(desk.path(), &["qualify", "lots.h5"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.starts_with("PASS") && text.contains("lots share seeds"), "{text}");
}

#[test]
fn a_part_without_charge_fails() {
    let text = with(TWO_LOTS, "use = \"pi-ws2-qd\"", "use = \"pi\"");
    let desk = computed(&text);
    let verdict = judged(&record(&desk));
    assert!(verdict.conditions[0].lots.iter().all(|lot| lot.fails == 3 && lot.least_kept.is_none()), "{verdict:?}");
    // None of them lived an hour: there is no rate.
    let shown = verdict.conditions[0].lots[0].shown.as_ref().unwrap();
    assert_eq!((shown.part_hours, shown.fit_upper), (0.0, None));
    let text = String::from_utf8(trapline(desk.path(), &["qualify", "lots.h5"]).stdout).unwrap();
    assert!(text.contains("(holds no charge)"), "{text}");
}

#[test]
fn hours_count_up_to_the_last_checkpoint_before_a_failure() {
    let mut record = record(&computed(TWO_LOTS));
    let times_s = record.label.times_s.clone();
    let at = |time_s: f64| times_s.iter().position(|&time| time == time_s).unwrap();
    let (first, verdict) = (at(1e6), at(3.6e6));
    assert!(first < verdict);
    // Of lot A the first part fails by 1e6 s, the second by the time of the verdict, the third not at all.
    let mut fail = |point: usize, from: usize| {
        record.points[point].outcome.as_mut().unwrap().failed.iter_mut().skip(from).for_each(|failed| *failed = 1);
    };
    fail(0, first);
    fail(1, verdict);
    let shown = judged(&record).conditions[0].lots[0].shown.clone().unwrap();
    let hours = (times_s[first - 1] + times_s[verdict - 1] + 3.6e6) / 3600.0;
    // A few roundings.
    assert!((shown.part_hours / hours - 1.0).abs() < 1e-12, "{shown:?}");
    // Chi-square with 6 degrees of freedom: 1 - e^-x (1 + x + x^2/2) = c at half the quantile x.
    for (fit, confidence) in shown.fit_upper.unwrap().into_iter().zip([0.6, 0.9]) {
        let holds = |hours: f64| {
            let x = fit * hours / 1e9;
            (1.0 - (-x).exp() * (1.0 + x + 0.5 * x * x) - confidence).abs() < 1e-9
        };
        assert!(holds(hours), "{shown:?}");
        // Control: failed parts taken for whole ones.
        assert!(!holds(3.0 * 1000.0), "{shown:?}");
    }
    // A part without charge has failed and lived for no time; with two cells of 256 allowed the others pass.
    record.points[2].outcome.as_mut().unwrap().programmed = 0;
    let fewer = judged(&record).conditions[0].lots[0].shown.clone().unwrap();
    assert!((fewer.part_hours - (hours - 1000.0)).abs() < 1e-9 * hours, "{fewer:?}");
    let table = &record.label.campaign_toml;
    record.label.campaign_toml = with(table, "lots = \"lot\"", "lots = \"lot\"\npart_fails_above = 0.01");
    let borne = judged(&record).conditions[0].lots[0].shown.clone().unwrap();
    assert!((borne.part_hours - 2000.0).abs() < 1e-9, "{borne:?}");
}

#[test]
fn parts_of_one_lot_with_one_seed_show_nothing() {
    // Parts that differ in the mean size of their dots, and not in their seed: the same draws thrice.
    let text = with(TWO_LOTS, "key = \"seed_offset\"", "key = \"parameter.traps.diameter_mean\"");
    let desk = computed(&with(&text, "from = 1\nto = 3", "values = [2.99, 3.0, 3.01]"));
    let mut record = record(&desk);
    // Lot B is given a seed for each part.
    (3..6).for_each(|point| record.label.settings[point].seed = 200 + point as u64);
    let verdict = judged(&record);
    let [a, b] = &verdict.conditions[0].lots[..] else { panic!("{verdict:?}") };
    assert!(a.shown.is_none() && b.shown.is_some() && verdict.conditions[0].together.is_none(), "{verdict:?}");
    assert_eq!((a.parts, a.fails, a.passed), (3, 0, true));
    let text = String::from_utf8(trapline(desk.path(), &["qualify", "lots.h5"]).stdout).unwrap();
    assert!(text.contains("lot A: parts share seeds") && text.contains("lot B: parts share seeds"), "{text}");
    let row = text.lines().find(|line| line.contains(" A ")).unwrap();
    assert_eq!(row.split_whitespace().rev().take(4).collect::<Vec<_>>(), ["-"; 4], "{text}");
}

#[test]
fn no_verdict_says_why() {
    let desk = tempfile::tempdir().unwrap();
    fs::write(desk.path().join("lots.toml"), TWO_LOTS).unwrap();
    let refused = |file: &str, needed: &str| {
        let output = trapline(desk.path(), &["qualify", file]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.trim_end().lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(needed) && output.stdout.is_empty(), "{said}");
    };
    for arguments in [
        &["run", "lots.toml", "-q", "--backend", "cpu", "--shard", "1/3"][..],
        &["merge", "lots-1-of-3.h5", "-q", "-o", "part.h5", "--partial"],
    ] {
        let output = trapline(desk.path(), arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    refused("part.h5", "no verdict: 4 of 6 points are not computed");

    let plain = TWO_LOTS.replace("[qualification]\nafter_s = 3.6e6\nparts = \"part\"\nlots = \"lot\"\n", "");
    let mut found = record(&computed(&plain));
    assert_eq!(qualification::qualify(&found), Err(QualificationError::NoTable));
    // A record whose campaign speaks of what it does not have.
    for (table, needed) in
        [("after_s = 7.0\nparts = \"part\"", "7.0 s"), ("after_s = 1e6\nparts = \"piece\"", "\"piece\"")]
    {
        found.label.campaign_toml = format!("{plain}\n[qualification]\n{table}\n");
        let said = qualification::qualify(&found).unwrap_err().to_string();
        assert!(said.contains(needed) && said.contains("not in the record"), "{said}");
    }
}

#[test]
fn a_plan_checks_its_qualification() {
    let load = |text: &str| Plan::parse(text, "lots.toml", Path::new(""), &Overrides::default());
    assert!(load(TWO_LOTS).is_ok());
    for (old, new, needed) in [
        (
            "parts = \"part\"",
            "parts = \"piece\"",
            "qualification.parts is \"piece\"; it must be the name of a [[sweep]]: lot, part",
        ),
        ("lots = \"lot\"", "lots = \"los\"", "qualification.lots is \"los\""),
        ("lots = \"lot\"", "lots = \"part\"", "another sweep than parts"),
        (
            "after_s = 3.6e6",
            "after_s = 1e8",
            "qualification.after_s is 100000000.0; it must be 100000.0 to 30000000.0 s",
        ),
        ("after_s = 3.6e6", "after_s = nan", "qualification.after_s is NaN"),
        ("after_s = 3.6e6\n", "", "after_s is missing"),
        ("lots = \"lot\"", "part_fails_above = 1.0", "part_fails_above is 1.0"),
        ("lots = \"lot\"", "allowed_fails = -1", "allowed_fails is -1"),
        ("lots = \"lot\"", "allowed = 1", "unknown key allowed"),
        (
            "\"seed_offset\"",
            "\"qualification.allowed_fails\"",
            "outside [histogram], [report], [dump], [qualification] and [study]",
        ),
        ("from = 1", "from = -1", "seed_offset is -1"),
    ] {
        let said = match load(&with(TWO_LOTS, old, new)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{new} was accepted"),
        };
        assert!(said.contains(needed) && said.lines().count() == 1, "{new}: {said}");
    }
    // Without a sweep there is nothing to be a part.
    let alone = &TWO_LOTS[..TWO_LOTS.find("[[sweep]]").unwrap()];
    assert!(load(alone).unwrap_err().to_string().contains("of which there is none"));
}

#[test]
fn the_shipped_campaigns_are_three_lots_of_parts_with_seeds_of_their_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("campaigns/qualification");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 2);
    for (file, parts) in files.iter().zip([39, 77]) {
        let plan = Plan::load(file, &Overrides::default()).unwrap();
        assert_eq!(plan.points.len(), 3 * parts);
        let seeds: BTreeSet<u64> = plan.label.settings.iter().map(|of| of.seed).collect();
        assert_eq!(seeds.len(), plan.points.len(), "{}", file.display());
        assert!(plan.label.times_s.contains(&3.6e6));
        assert_eq!(format!("{}.toml", plan.label.name), file.file_name().unwrap().to_string_lossy());
        // Small enough for a laptop: 4 million cells in all.
        assert!(plan.numbers.iter().map(|&n| plan.shape(n).cells()).sum::<u64>() < 1 << 22);
    }
}
