use super::*;
use ndarray::{Array1, Array2};
use trapline_model::cell::counted::Electrons;
use trapline_model::cell::read::Judging;
use trapline_model::outcome::*;

const STUDY: &str = "[study]\nkind = \"array-size\"\nlimits = [{ of = \"margin_worst\", at_least = 0.1 }]\n\
                     [array]\nscheme = { unselected = \"half\" }\n";
const LINES: [i64; 3] = [64, 16, 256];

/// A record of arrays of three sizes, not in order, and two seeds, whose margin is `1/(1 + N/scale)` of the seed's scale.
fn record(scales: [f64; 2]) -> CampaignRecord {
    let key = |key: &str, values: Vec<i64>| SweptKey {
        key: key.to_owned(),
        units: "1".to_owned(),
        values: Coordinate::Whole(values),
    };
    let size = Sweep {
        name: "size".to_owned(),
        coordinate: Coordinate::Whole(vec![0, 1, 2]),
        keys: vec![key("array.rows", LINES.to_vec()), key("array.cols", LINES.to_vec())],
    };
    let seed = Sweep {
        name: "seed".to_owned(),
        coordinate: Coordinate::Whole(vec![1, 2]),
        keys: vec![key("seed", vec![1, 2])],
    };
    let settings = |number: usize| PointSettings {
        rows: LINES[number / 2] as u64,
        cols: LINES[number / 2] as u64,
        seed: 1 + number as u64 % 2,
        read_v: 0.1,
        read_k: 300.0,
        program_k: 300.0,
        kept_threshold: 0.9,
        electrons: Electrons::MeanField,
        dots: 6e4,
        same_cells: false,
        judged: Judging::Kept,
    };
    let label = CampaignLabel {
        name: "made up".to_owned(),
        campaign_toml: STUDY.to_owned(),
        overrides: Vec::new(),
        inputs: Vec::new(),
        sweeps: vec![size, seed],
        materials: vec![("stuff".to_owned(), String::new())],
        temperatures_k: vec![300.0],
        times_s: vec![0.0],
        bins: 1,
        report_times_s: Vec::new(),
        dump: None,
        circuit_times_s: vec![0.0],
        settings: (0..6).map(settings).collect(),
    };
    let moments = || {
        let one = || Array1::from_elem(1, 1.0);
        MomentSeries { mean: one(), variance: one(), min: one(), max: one() }
    };
    let identity = Identity {
        backend: "reference".to_owned(),
        adapter: "none".to_owned(),
        driver: String::new(),
        instruction_set: "portable".to_owned(),
        software: false,
    };
    let provenance = Provenance {
        program_version: "0".to_owned(),
        commit: "unknown".to_owned(),
        identity,
        started_utc: String::new(),
        ended_utc: String::new(),
    };
    let point = |number: usize| {
        let mut values = Array2::from_elem((1, MERITS.len()), f64::NAN);
        values[[0, MeritIs::MarginWorst as usize]] = 1.0 / (1.0 + LINES[number / 2] as f64 / scales[number % 2]);
        let outcome = PointOutcome {
            times_s: Array1::from_elem(1, 0.0),
            cells: 1,
            programmed: 1,
            fresh_conductance_s: 1.0,
            conductance_s: moments(),
            filling: moments(),
            lost_fraction: moments(),
            kept: moments(),
            failed: Array1::from_elem(1, 0),
            histograms: None,
            dump: None,
            circuit: Some(CircuitOutcome { times_s: Array1::from_elem(1, 0.0), values }),
        };
        RecordedPoint { label: label.point(number), provenance: provenance.clone(), outcome: Some(outcome) }
    };
    CampaignRecord {
        path: "made-up.h5".into(),
        file_type: "trapline campaign".to_owned(),
        format_version: [2, 3],
        points: (0..6).map(point).collect(),
        label: label.clone(),
        provenance: provenance.clone(),
    }
}

/// A margin of a tenth is at `N = 9 scale`. Its logarithm over that of N bends by a quarter at most, so that a straight
/// line between sizes four times apart is off by ln(4)^2/8/4 = 0.06, and the size by 0.07 where the slope is 0.9.
#[test]
fn a_limit_is_met_between_the_sizes_of_each_seed() {
    let found = scaling(&record([10.0, 12.0])).expect("a study");
    assert_eq!(found.sizes.iter().map(|size| size.rows).collect::<Vec<_>>(), [16, 64, 256]);
    let [answer] = &found.answers[..] else { panic!("{:?}", found.answers) };
    let Reach::To { size, keeps, fails } = answer.reach else { panic!("{answer:?}") };
    assert!((size / 90.0 - 1.0).abs() < 0.07 && (keeps, fails) == (64.0, 256.0), "{size}");
    let (least, most) = answer.seeds;
    assert_eq!(least, answer.reach);
    assert!((most.at(true) / 108.0 - 1.0).abs() < 0.07 && most.at(true) > 1.1 * size, "{most:?}");
    assert_eq!(found.series[0].case.scheme.as_deref(), Some("half"));
    let said = table(&found);
    assert!(said.contains("64 x 64 keeps to it, 256 x 256 does not"), "{said}");
    assert!(paragraph(&found)[1].contains("over the seeds"), "{:?}", paragraph(&found));
    let csv = figures_csv(&found);
    assert_eq!(csv.lines().count(), 1 + 6);
    assert!(csv.lines().all(|line| line.split(',').count() == csv.lines().next().unwrap().split(',').count()));
}

#[test]
fn what_no_size_keeps_to_is_said() {
    let none = scaling(&record([1.0, 1.0])).expect("a study");
    assert_eq!(none.answers[0].reach, Reach::None { size: 16.0 });
    assert!(table(&none).contains("none: 16 x 16 does not keep to it"));
    let all = scaling(&record([1e4, 1e4])).expect("a study");
    assert_eq!(all.answers[0].reach, Reach::All { size: 256.0 });
    assert!(table(&all).contains("256 x 256 or more: all computed keep to it"));
}

#[test]
fn a_record_without_a_question_has_no_answer() {
    let mut record = record([10.0, 10.0]);
    record.label.campaign_toml = "name = \"x\"\n".to_owned();
    assert_eq!(scaling(&record), Err(ScalingError::NoTable));
    record.label.campaign_toml = STUDY.replace("limits", "size = \"lines\"\nlimits");
    assert_eq!(scaling(&record), Err(ScalingError::NoSizes("lines".to_owned())));
    record.points.iter_mut().for_each(|point| point.outcome = None);
    record.label.campaign_toml = STUDY.to_owned();
    assert_eq!(scaling(&record), Err(ScalingError::Nothing));
}
