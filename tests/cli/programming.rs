//! Campaigns whose arrays are programmed through their wires, and whose cells are warmer than others.

use std::fs;
use std::path::Path;

use crate::calls::{good, refused, trapline};
use trapline::backend::Backend;
use trapline::backend::cells::Population;
use trapline::backend::reference::Reference;
use trapline::campaign::{Overrides, Plan};
use trapline::cell::validity;
use trapline::material::shipped;
use trapline::outcome::{CampaignRecord, MeritIs, PointOutcome};
use trapline::protocol::Segment;
use trapline::record;
use trapline::units::kelvin;

const PROGRAMMED: &str = r#"
format = 1
name = "programmed"
seed = 5
variation = true
electrons = "mean-field"

[array]
rows = 4
cols = 3

[array.wires]
segment_ohm = 1e-3

[array.scheme]
unselected = "half"

[array.programming]

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 3, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]

[program]
temperature_c = 25.0

[bake]
temperatures_c = [100.0, 150.0]
times_s = [1.0, 1e5]

[report]
times_s = [1e5]

[dump]
first_row = 0
first_col = 0
rows = 4
cols = 3
"#;

fn plan(text: &str) -> Result<Plan, String> {
    Plan::parse(text, "p.toml", Path::new(""), &Overrides::default()).map_err(|e| e.to_string())
}

fn run(desk: &Path, text: &str, backend: &str) -> CampaignRecord {
    fs::write(desk.join("p.toml"), text).unwrap();
    good(&trapline(desk, &["run", "p.toml", "-q", "-o", "p.h5", "--backend", backend, "--no-plot", "--force"]));
    record::open_campaign(&desk.join("p.h5")).unwrap()
}

fn whole(record: &CampaignRecord, number: usize) -> PointOutcome {
    record::whole(record, number).unwrap().expect("computed")
}

fn filled(record: &CampaignRecord) -> Vec<f64> {
    let dump = whole(record, 0).dump.expect("has a dump");
    dump.filling.index_axis(ndarray::Axis(0), 0).iter().map(|&filling| f64::from(filling)).collect()
}

fn apart(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).fold(0.0, |most: f64, (a, b)| {
        let apart = (a / b - 1.0).abs();
        if apart.is_nan() { f64::INFINITY } else { most.max(apart) }
    })
}

/// What a row of cells sees of strokes without wires: the pulse in its own, half of it in those of the other rows.
fn strokes_of_row(row: usize, share: f64) -> Vec<(Segment, bool)> {
    let mut segments = Vec::new();
    for cycle in 0..3 {
        for stroke in 0..4 {
            let bias_v = if stroke == row { 1.5 } else { share * 1.5 };
            segments.push((Segment { bias_v, dwell_s: 1e-3, cycle }, false));
        }
        segments.push((Segment { bias_v: 0.0, dwell_s: 1e-3, cycle }, false));
    }
    segments
}

/// Row by row at V/2, over wires that take nothing: every cell is the one that sees its own pulses and half of the
/// others', which the reference gives it without a network. Tables of laws are within 1e-6, currents of networks too.
#[test]
fn rows_at_half_the_voltage_are_pulses_of_a_half_in_between() {
    let desk = tempfile::tempdir().unwrap();
    let dots = shipped("pi-ws2-qd").unwrap();
    let expected = |share: f64| -> Vec<f64> {
        let of_row = |row: usize| {
            let numbers: Vec<u64> = (0..3).map(|col| (row * 3 + col) as u64).collect();
            let population = Population::new(&dots, dots.variation, seed_of(100.0), numbers);
            let mut cells = Reference.cells(population.clone()).unwrap();
            cells.advance(&population.stimulus(kelvin(25.0), &strokes_of_row(row, share)), None).unwrap();
            let seen = cells.download().unwrap();
            let weights: Vec<f64> = dots.classes.iter().map(|class| class.weight).collect();
            seen.rows()
                .into_iter()
                .map(|of| of.iter().zip(&weights).map(|(f, w)| f * w).sum::<f64>())
                .collect::<Vec<_>>()
        };
        (0..4).flat_map(of_row).collect()
    };
    for backend in ["reference", "cpu"] {
        let record = run(desk.path(), PROGRAMMED, backend);
        let filling = filled(&record);
        let worst = apart(&filling, &expected(0.5));
        assert!(worst < 1e-5, "{backend}: {worst:e}");
        // Control: without what the others' strokes do, cells would hold a tenth less.
        let undisturbed = apart(&filling, &expected(0.0));
        assert!(undisturbed > 0.03, "{backend}: {undisturbed}");
        let of = whole(&record, 0).circuit.expect("has wires");
        for at in 0..2 {
            assert!((of.at(at, MeritIs::ProgrammingVoltage) - 1.0).abs() < 1e-6);
            assert!((of.at(at, MeritIs::ProgrammingDisturb) - 0.5).abs() < 1e-6);
            assert!(of.at(at, MeritIs::ProgrammingEnergy) > 0.0);
        }
        // Bakes and readings go on from there.
        let (point, later) = (whole(&record, 0), of.at(1, MeritIs::ColumnKeptMean));
        assert!((0.5..1.0).contains(&point.kept.mean[2]) && (later - point.kept.mean[2]).abs() < 0.01, "{later}");
    }
}

/// The seed of the cells at a bake temperature, °C.
fn seed_of(celsius: f64) -> u64 {
    let plan = plan(PROGRAMMED).unwrap();
    plan.label.settings[0].cell_seed(kelvin(celsius))
}

/// With a switch at every cell no stroke is felt by another: the cells are those that are programmed each by itself,
/// as near as steps of a pulse are to its whole train, 5e-4 of the filling.
#[test]
fn switched_cells_are_those_programmed_by_themselves() {
    let desk = tempfile::tempdir().unwrap();
    let alone = filled(&run(desk.path(), &PROGRAMMED.replace("[array.programming]", ""), "cpu"));
    for order in ["cells", "rows", "all"] {
        let text = PROGRAMMED
            .replace("\"half\"", "\"isolated\"")
            .replace("[array.programming]", &format!("[array.programming]\norder = \"{order}\""));
        let record = run(desk.path(), &text, "cpu");
        let worst = apart(&filled(&record), &alone);
        assert!(worst < 6e-4, "{order}: {worst:e}");
        let of = whole(&record, 0).circuit.expect("has wires");
        assert_eq!(of.at(0, MeritIs::ProgrammingDisturb), 0.0);
    }
    // Control.
    assert!(apart(&filled(&run(desk.path(), PROGRAMMED, "cpu")), &alone) > 0.03);
}

/// Wires that take a part of the pulse leave a cell far from its source emptier, and what drops is told.
#[test]
fn wires_leave_less_to_cells_that_are_far_away() {
    let desk = tempfile::tempdir().unwrap();
    let text =
        PROGRAMMED.replace("segment_ohm = 1e-3", "segment_ohm = 3e9").replace("variation = true", "variation = false");
    let record = run(desk.path(), &text, "cpu");
    let (filling, of) = (filled(&record), whole(&record, 0).circuit.expect("has wires"));
    assert!(filling[2] < 0.9 * filling[0], "along the word line: {filling:?}");
    let share = of.at(0, MeritIs::ProgrammingVoltage);
    assert!((0.2..0.9).contains(&share), "{share}");
    assert!(of.at(0, MeritIs::ProgrammingError) <= 1e-3);
    assert!(of.at(0, MeritIs::ProgrammingEnergy).is_finite());
}

/// Points of the same cells are programmed once; each is what it is by itself, in shards too.
#[test]
fn points_that_share_their_cells_are_those_computed_alone() {
    let desk = tempfile::tempdir().unwrap();
    let paired = PROGRAMMED.replace("variation = true", "variation = true\nsame_cells = true");
    let together = run(desk.path(), &paired, "cpu");
    let both = [0, 1].map(|number| whole(&together, number));
    let filled = [0, 1].map(|number| whole(&together, number).filling.mean);
    assert!(filled[0][0] == filled[1][0] && filled[0][2] != filled[1][2], "the same cells, baked at two temperatures");
    for (number, celsius) in [(0, "100.0"), (1, "150.0")] {
        let alone = run(desk.path(), &paired.replace("[100.0, 150.0]", &format!("[{celsius}]")), "cpu");
        assert!(whole(&alone, 0).is_same(&both[number]), "{celsius}");
    }
    fs::write(desk.path().join("p.toml"), &paired).unwrap();
    for shard in ["1/2", "2/2"] {
        good(&trapline(desk.path(), &["run", "p.toml", "-q", "-o", "part", "--backend", "cpu", "--shard", shard]));
    }
    good(&trapline(desk.path(), &["merge", "part-1-of-2.h5", "part-2-of-2.h5", "-o", "both.h5"]));
    let merged = record::open_campaign(&desk.path().join("both.h5")).unwrap();
    assert!((0..2).all(|number| whole(&merged, number).is_same(&both[number])));
}

/// Counted electrons are whole, and scatter about the mean field.
#[test]
fn electrons_are_counted_through_wires_too() {
    let desk = tempfile::tempdir().unwrap();
    let counted = PROGRAMMED
        .replace("electrons = \"mean-field\"", "dots = \"fixed\"")
        .replace("variation = true", "variation = false");
    let mean_field = counted.replace("dots = \"fixed\"", "electrons = \"mean-field\"");
    let (counted, mean) = (filled(&run(desk.path(), &counted, "cpu")), filled(&run(desk.path(), &mean_field, "cpu")));
    let dots = shipped("pi-ws2-qd").unwrap().capture.unwrap().traps.round();
    for (filling, mean) in counted.iter().zip(&mean) {
        let electrons = filling * dots;
        // Single precision knows 6000 electrons of 60000 dots to 4e-3 of one.
        assert!((electrons - electrons.round()).abs() < 0.02, "{electrons}");
        // A binomial's five standard deviations; what space charge leaves is narrower.
        assert!((filling - mean).abs() < 5.0 * (mean / dots).sqrt(), "{filling} {mean}");
    }
    assert!(counted.iter().any(|filling| (filling - counted[0]).abs() * dots > 2.0), "they scatter: {counted:?}");
}

/// Where wires take a good part of the pulse, so that biases move while cells fill, steps of counted electrons are
/// those of the mean field: chance of which is drawn does not shorten them, and the means agree.
#[test]
fn counted_cells_take_the_steps_of_the_mean_field() {
    let desk = tempfile::tempdir().unwrap();
    let text = PROGRAMMED
        .replace(
            "rows = 4\ncols = 3\n\n[array.wires]\nsegment_ohm = 1e-3",
            "rows = 24\ncols = 24\n\n[array.wires]\nsegment_ohm = 1e7",
        )
        .replace("[array.programming]", "[array.programming]\norder = \"all\"")
        .replace("variation = true", "variation = false")
        .replace("amplitude_v = 1.5", "amplitude_v = 4.0");
    let mean = whole(&run(desk.path(), &text, "cpu"), 0);
    let counted = text.replace("electrons = \"mean-field\"", "dots = \"fixed\"");
    let counted = whole(&run(desk.path(), &counted, "cpu"), 0);
    let error = |of: &PointOutcome| of.circuit.as_ref().expect("has wires").at(0, MeritIs::ProgrammingError);
    for of in [&mean, &counted] {
        assert!((1e-6..=1e-3).contains(&error(of)), "{:e}", error(of));
    }
    let [of_mean, of_counted] = [&mean, &counted].map(|of| of.filling.mean[0]);
    // 576 cells of 6e4 dots, each with no more than a binomial's variance: five standard errors, and the steps.
    let room = 5.0 * (of_mean / 6e4 / 576.0).sqrt() + 1e-3 * of_mean;
    assert!((of_counted - of_mean).abs() < room, "{of_counted} {of_mean} {room:e}");
    // Control: wires take a part that is seen.
    let share = mean.circuit.as_ref().expect("has wires").at(0, MeritIs::ProgrammingVoltage);
    assert!(share < 0.97, "{share}");
}

/// Cells that the strokes of others fill beyond what their own program does still stand in the histograms.
#[test]
fn histograms_hold_what_others_fill() {
    let desk = tempfile::tempdir().unwrap();
    let many = PROGRAMMED.replace("rows = 4\ncols = 3\n\n[array.wires]", "rows = 48\ncols = 3\n\n[array.wires]");
    let beyond = |text: &str| {
        let point = whole(&run(desk.path(), text, "cpu"), 0);
        let histograms = point.histograms.expect("has histograms");
        let above = [&histograms.filling, &histograms.conductance].map(|of| of.above.sum());
        (point.filling.mean[0], histograms.filling.high, above)
    };
    let (filling, high, above) = beyond(&many);
    assert!(above == [0, 0] && filling < high, "{above:?}, {filling} of {high}");
    // Control: edges of cells that are programmed by themselves would not hold them.
    let (_, high, above) = beyond(&many.replace("[array.programming]", ""));
    assert!(above == [0, 0] && filling > high, "{above:?}, {filling} of {high}");
}

/// The GPU programs through its own solver and resident cells.
#[test]
#[cfg(feature = "gpu")]
fn the_gpu_programs_the_same_through_wires() {
    let desk = tempfile::tempdir().unwrap();
    let selector = PROGRAMMED.replace("\"half\"", "\"half\"\nselector = \"sinh:1e-13,0.05\"");
    let fillings = [PROGRAMMED, &selector].map(|text| {
        let of = |backend: &str| filled(&run(desk.path(), text, backend));
        let (found, expected) = (of("gpu"), of("reference"));
        let worst = apart(&found, &expected);
        assert!(worst < 2e-5, "{worst:e}");
        expected
    });
    // Control: a selector takes its part of the pulse.
    assert!(apart(&fillings[1], &fillings[0]) > 0.1);
}

/// Each cell of an array under a map is the one of an even campaign at its own temperature.
#[test]
fn cells_under_a_map_of_temperatures_are_baked_at_their_own() {
    let desk = tempfile::tempdir().unwrap();
    fs::write(desk.path().join("map.csv"), "15,25,35\n25,25,25\n35,25,15\n15,35,25\n").unwrap();
    let alone = PROGRAMMED
        .replace("[array.programming]", "")
        .replace("variation = true", "variation = true\nsame_cells = true");
    for text in [alone.clone(), alone.replace("[array.scheme]", "[array.programming]\n[array.scheme]")] {
        let even = run(desk.path(), &text.replace("[100.0, 150.0]", "[90.0, 100.0, 110.0]"), "reference");
        let lost = |of: &CampaignRecord, number: usize| whole(of, number).dump.expect("has a dump").lost_fraction;
        let by_temperature = [0, 1, 2].map(|number| lost(&even, number));
        let heat = format!("{text}\n[heat]\nmap = \"map.csv\"\naround_c = 25.0\n");
        let record = run(desk.path(), &heat, "reference");
        let found = lost(&record, 0);
        for ((at, row, col), lost) in found.indexed_iter().filter(|((at, ..), _)| *at > 0) {
            let place = [[0, 1, 2], [1, 1, 1], [2, 1, 0], [0, 2, 1]][row][col];
            let expected = by_temperature[place][[at, row, col]];
            assert!((lost / expected - 1.0).abs() < 1e-6, "{at} {row} {col}: {lost:e} {expected:e}");
        }
        // Control: 10 K are seen.
        assert!(found[[2, 0, 0]] < 0.9 * found[[2, 0, 2]]);
        assert!(record.points[0].label.flags.iter().any(|flag| flag.contains("-10.000 to +10.000 K")));
        // Statistics and bit lines are of the same cells.
        let point = whole(&record, 0);
        let mean = found.index_axis(ndarray::Axis(0), 2).iter().map(|lost| f64::from(*lost)).sum::<f64>() / 12.0;
        assert!((point.lost_fraction.mean[2] / mean - 1.0).abs() < 1e-6);
    }
}

#[test]
fn what_cannot_be_programmed_through_wires_is_refused_in_one_line() {
    let desk = tempfile::tempdir().unwrap();
    let here = |name: &str| desk.path().join(name);
    fs::write(here("wide.csv"), "1,2,3,4\n").unwrap();
    fs::write(here("text.csv"), "warm\n").unwrap();
    fs::write(here("cold.csv"), "150,150,-260\n150,150,150\n150,150,150\n150,150,150\n").unwrap();
    fs::write(here("hot.csv"), "25,25,900\n25,25,25\n25,25,25\n25,25,25\n").unwrap();
    let heat = |map: &str, around: &str| format!("{PROGRAMMED}\n[heat]\nmap = \"{map}\"\naround_c = {around}\n");
    let scheme = "[array.scheme]\nunselected = \"half\"\n";
    for (text, needed) in [
        (PROGRAMMED.replace(scheme, ""), "array.programming is given without [array.scheme]"),
        (
            PROGRAMMED.replace("mean-field", "each-dot"),
            "array.programming is given; it must be left out beside electrons",
        ),
        (
            PROGRAMMED.replace("[array.programming]", "[array.programming]\ntolerance = 0.5"),
            "tolerance is 0.5; it must be 1e-8 to 0.1",
        ),
        (PROGRAMMED.replace("[array.programming]", "[array.programming]\norder = \"diagonal\""), "diagonal"),
        (heat("none.csv", "25.0"), "none.csv"),
        (heat("text.csv", "25.0"), "text.csv"),
        (heat("wide.csv", "25.0"), "of 1 x 4 cells; it must be a map of 4 x 3, rows by columns"),
        (heat("map.csv", "1e9"), "heat.around_c is 1000000000.0"),
        (heat("map.csv", "298.15"), "K from heat.around_c; it must be a map that is within 200 K"),
        (heat("cold.csv", "150.0"), "that leaves every cell above 0 K"),
        (heat("hot.csv", "25.0"), "at 1000 °C at most"),
    ] {
        fs::write(here("map.csv"), "1,2,3\n1,2,3\n1,2,3\n1,2,3\n").unwrap();
        fs::write(here("p.toml"), &text).unwrap();
        refused(&trapline(desk.path(), &["run", "p.toml", "-o", "p.h5"]), &[needed]);
    }
    // Control: without what is wrong it is a plan.
    assert!(plan(PROGRAMMED).is_ok());
}

/// An order by which each cell is programmed by itself stands for the table that is left out, so that a sweep has it
/// beside the others.
#[test]
fn alone_is_an_order_among_others() {
    let desk = tempfile::tempdir().unwrap();
    let plain = whole(&run(desk.path(), &PROGRAMMED.replace("[array.programming]", ""), "cpu"), 0);
    let swept = format!("{PROGRAMMED}\n[[sweep]]\nkey = \"array.programming.order\"\nvalues = [\"alone\", \"rows\"]\n");
    let swept = run(desk.path(), &swept, "cpu");
    assert!(whole(&swept, 0).is_same(&plain));
    // Control: the other order is another.
    assert!(!whole(&swept, 2).is_same(&plain));
    // Whoever reads the record says which of the two.
    let read = |more: &[&str]| {
        trapline(
            desk.path(),
            &[&["read", "--record", "p.h5", "--temperature", "100", "--no-noise", "-q"], more].concat(),
        )
    };
    refused(&read(&[]), &["2 points are of pi-ws2-qd at 100 °C", "(0, 2)", "--point 0"]);
    refused(&read(&["--point", "1"]), &["--point is 1", "0, 2"]);
    good(&read(&["--point", "2", "-o", "read.h5", "--no-plot"]));
    let told = good(&trapline(desk.path(), &["show", "read.h5"]));
    assert!(told.contains("order = rows"), "{told}");
}

/// What a map held stays with the record: shards that were baked by different maps are not put together, and a
/// question to single cells is refused.
#[test]
fn records_tell_maps_apart() {
    let desk = tempfile::tempdir().unwrap();
    let alone = PROGRAMMED.replace("[array.programming]", "");
    fs::write(desk.path().join("p.toml"), format!("{alone}\n[heat]\nmap = \"map.csv\"\naround_c = 25.0\n")).unwrap();
    let row = |warm: &str| format!("25,25,{warm}\n25,25,25\n25,25,25\n25,25,25\n");
    let shard = |which: &str, warm: &str| {
        fs::write(desk.path().join("map.csv"), row(warm)).unwrap();
        good(&trapline(desk.path(), &["run", "p.toml", "-q", "-o", "part", "--backend", "cpu", "--shard", which]));
    };
    shard("1/2", "35");
    shard("2/2", "36");
    let merge = ["merge", "part-1-of-2.h5", "part-2-of-2.h5", "-o", "both.h5"];
    refused(&trapline(desk.path(), &merge), &["file that the campaign names"]);
    fs::remove_file(desk.path().join("part-2-of-2.h5")).unwrap();
    shard("2/2", "35");
    good(&trapline(desk.path(), &merge));
    let told = good(&trapline(desk.path(), &["show", "both.h5"]));
    assert!(told.contains("inputs") && told.contains("map.csv (CRC-32 "), "{told}");

    refused(&trapline(desk.path(), &["rare", "p.toml"]), &["key heat is given", "trapline run"]);
    fs::write(desk.path().join("p.toml"), PROGRAMMED).unwrap();
    refused(&trapline(desk.path(), &["rare", "p.toml"]), &["key array.programming is given"]);
}

/// The warmest cell counts for what the model is valid to; a map alone is no remark on validity.
#[test]
fn the_warmest_cell_is_held_against_the_glass_transition() {
    let remarks = |map: &str, profile: &str| -> Vec<String> {
        let desk = tempfile::tempdir().unwrap();
        fs::write(desk.path().join("map.csv"), map).unwrap();
        let text = PROGRAMMED.replace("[array.programming]", "").replace("[bake]", &format!("[bake]\n{profile}"));
        let text = format!("{text}\n[heat]\nmap = \"map.csv\"\naround_c = 25.0\n");
        let plan = Plan::parse(&text, "p.toml", desk.path(), &Overrides::default()).unwrap();
        plan.points[1].flags.clone()
    };
    let map = |warmest: &str| format!("25,25,{warmest}\n25,25,25\n25,25,25\n25,25,25\n");
    let outside = |remarks: &[String]| remarks.iter().filter(|remark| validity::is_outside(remark)).count();
    let (mild, hot) = (remarks(&map("44"), ""), remarks(&map("46"), ""));
    assert!(mild.len() == 1 && outside(&mild) == 0, "{mild:?}");
    assert!(outside(&hot) == 1 && hot[0].contains("171 °C is above the glass transition"), "{hot:?}");
    let cycled = remarks(&map("44"), "cycle = [{ temperature_c = 155.0, for_s = 10.0 }, { for_s = 10.0 }]");
    assert_eq!(outside(&cycled), 1, "{cycled:?}");
}
