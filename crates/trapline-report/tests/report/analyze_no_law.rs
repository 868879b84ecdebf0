//! Reports on campaigns whose failures bear no law, or too few of them: what is refused, what is told, and its bounds.

use crate::analyze::{only, question, record, reported};
use crate::made_up;
use crate::made_up::lifetimes::*;
use trapline_model::outcome::{CampaignLabel, CampaignRecord, PointOutcome};
use trapline_model::units::kelvin;
use trapline_report::analysis::lifetime::{Bounds, MOST_BEYOND, MOST_RATIO, Verdict};
use trapline_report::analysis::report::{self, LifetimeReport, Question, TimeSource};

#[test]
fn no_numbers_whatever_make_it_panic() {
    for (label, seed) in [(made_up::swept(&made_up::SMALL), 1), (made_up::campaign(&made_up::SMALL), 2)] {
        let mut outcomes: Vec<PointOutcome> = (0..label.points()).map(|n| made_up::outcome(&label, n)).collect();
        let mut random = made_up::Random(seed);
        for outcome in outcomes.iter_mut().step_by(2) {
            outcome.programmed = random.bits() >> (random.bits() % 64);
            let most = outcome.programmed.max(1);
            outcome.failed.mapv_inplace(|count| count % most);
        }
        let report = reported(label, outcomes, &question(&[-200.0, 12.5, 900.0], &[1e-12, 0.5, 1.0 - 1e-12]));
        assert!(!report::text(&report).is_empty() && !report::curves_csv(&report).is_empty());
        assert!(report::lifetimes_csv(&report).lines().count() > 1);
        serde_json::to_string(&report).unwrap();
    }
    // Nothing asked: the counts and fits are there, and nothing else.
    let label = label(&CELSIUS, &TIMES, &[1]);
    let report = reported(label.clone(), weibull(&label, 50, 2), &question(&[], &[]));
    assert!(only(&report).lines.is_empty() && !report::text(&report).is_empty());
    assert!(report::lifetimes_csv(&report).lines().count() == 1 + CELSIUS.len());
    let report = reported(label.clone(), weibull(&label, 50, 2), &question(&[85.0], &[]));
    assert!(only(&report).uses[0].failure_rate.is_err());
}

#[test]
fn a_line_is_not_followed_where_it_should_not_be() {
    let label = label(&[140.0, 150.0, 160.0], &TIMES, &[1]);
    let outcomes = weibull(&label, 2000, 9);
    // On 1/T, 25 C lies 7.4 lengths of the line beyond its cold end, 115 C 1.4.
    let mut question = question(&[25.0, 115.0], &[1e-2]);
    let near = reported(label.clone(), outcomes.clone(), &question);
    let [far, close] = &only(&near).uses[..] else { panic!() };
    let refused = far.lives[0].arrhenius.as_ref().unwrap_err();
    assert!(refused.contains("times the length of the line") && far.lives[0].joint.is_err(), "{refused}");
    assert!(far.accelerations.is_empty());
    let life = close.lives[0].arrhenius.as_ref().unwrap();
    assert!(life.bounds.unwrap().hold(life_s(115.0, 1e-2)), "{life:?}");
    question.across_break = true;
    let told = reported(label, outcomes, &question);
    let far = &only(&told).uses[0].lives[0];
    assert!(far.arrhenius.as_ref().unwrap().bounds.unwrap().hold(life_s(25.0, 1e-2)));
    assert_eq!(far.beyond_data.as_ref(), Some(refused));
}

#[test]
fn checkpoints_speak_where_no_law_can() {
    // All cells fail between the same two checkpoints: the time is known to them, and the line goes through their
    // middles.
    let times: Vec<f64> = std::iter::once(0.0).chain((0..60).map(|k| 10.0 * 1.5_f64.powi(k))).collect();
    let label = label(&CELSIUS, &times, &[1]);
    let mut outcomes = weibull(&label, 100, 1);
    for (outcome, &temperature_k) in outcomes.iter_mut().zip(&label.temperatures_k) {
        outcome.failed = times.iter().map(|&t| if t >= scale_s(temperature_k) { 100 } else { 0 }).collect();
    }
    let report = reported(label, outcomes, &question(&[85.0], &[0.5]));
    let group = only(&report);
    for population in &group.populations {
        let observed = population.observed.as_ref().unwrap();
        let (time, scale) = (observed.times[0], scale_s(population.temperature_k));
        assert!(observed.weibull.is_err() && time.source == TimeSource::Checkpoints);
        assert!(time.between_s.hold(scale) && !time.between_s.hold(1.6 * scale));
        // A uniform law of width ln 1.5.
        assert!((time.time.unwrap().relative_error / (1.5_f64.ln() / 12_f64.sqrt()) - 1.0).abs() < 1e-9);
    }
    let bounds = group.lines[0].energy_ev.as_ref().unwrap().bounds.unwrap();
    assert!(bounds.hold(ENERGY_EV) && !bounds.hold(1.5 * ENERGY_EV), "{bounds:?}");
}

/// Made-up counts at the checkpoints of `label`, one list for each point; none where the point was not computed.
fn counted(label: &CampaignLabel, cells: u64, counts: &[Option<Vec<u64>>]) -> CampaignRecord {
    let outcome = |(number, failed): (usize, &Option<Vec<u64>>)| {
        let mut found = made_up::outcome(label, number);
        (found.cells, found.programmed) = (cells, cells);
        found.failed = failed.clone()?.into();
        Some(found)
    };
    record(label.clone(), counts.iter().enumerate().map(outcome).collect())
}

/// From a second to ten years, so many an octave, behind 0.
fn octaves(per_octave: u32) -> Vec<f64> {
    let time = |i: u32| (f64::from(i) / f64::from(per_octave)).exp2();
    std::iter::once(0.0).chain((0..28 * per_octave).map(time)).collect()
}

/// Cells failed by each time, of lognormal lifetimes without chance.
fn lognormal(times: &[f64], cells: u64, median_s: f64, sigma: f64) -> Vec<u64> {
    let share = |t: &f64| if *t > 0.0 { 0.5 * libm::erfc(-(t / median_s).ln() / sigma / 2_f64.sqrt()) } else { 0.0 };
    times.iter().map(|t| (cells as f64 * share(t)).round() as u64).collect()
}

/// Every number that stands anywhere in a document under one of these names.
fn numbers(of: &serde_json::Value, names: &[&str]) -> Vec<f64> {
    match of {
        serde_json::Value::Object(map) => {
            let inner = map.values().flat_map(|value| numbers(value, names));
            let own = map.iter().filter(|(name, _)| names.contains(&name.as_str())).filter_map(|(_, v)| v.as_f64());
            inner.chain(own).collect()
        }
        serde_json::Value::Array(all) => all.iter().flat_map(|value| numbers(value, names)).collect(),
        _ => Vec::new(),
    }
}

/// No life in the report, in whatever form, lies far beyond the bake.
fn says_no_absurd_life(report: &LifetimeReport, last_s: f64) -> String {
    let json = serde_json::to_value(report).unwrap();
    let lives = numbers(&json["groups"], &["scale_s", "life_s", "time_s"]);
    assert!(lives.iter().all(|life| *life <= MOST_BEYOND * last_s), "{lives:?}");
    let estimates = numbers(&json["groups"], &["value"]);
    assert!(estimates.iter().all(|value| *value <= MOST_BEYOND * last_s), "{estimates:?}");
    let text = report::text(report).split_whitespace().collect::<Vec<_>>().join(" ");
    let number = |word: &str| word.trim_matches(['(', ')', ',', ';']).parse::<f64>().ok().filter(|of| of.is_finite());
    let words: Vec<&str> = text.split_whitespace().collect();
    for pair in words.windows(2).filter(|pair| pair[1].starts_with("years")) {
        assert!(number(pair[0]).is_none_or(|years| years <= MOST_BEYOND * last_s / 3.15e7), "{pair:?}: {text}");
    }
    for cell in report::lifetimes_csv(report).lines().skip(1).flat_map(|line| line.split(',')) {
        assert!(number(cell).is_none_or(|value| value <= MOST_BEYOND * last_s), "{cell}");
    }
    assert!(!text.contains("< 0 s"), "{text}");
    text
}

#[test]
fn data_that_bear_no_law_are_refused_with_their_cure() {
    let times = octaves(2);
    let last_s = times[times.len() - 1];
    let celsius = [85.0, 100.0, 125.0, 150.0, 160.0, 170.0];
    let label = label(&celsius, &times, &[1]);
    let from = |k: usize, n: u64| -> Vec<u64> { (0..times.len()).map(|i| if i >= k { n } else { 0 }).collect() };
    let counts = [
        Some(vec![0; times.len()]),
        Some(from(40, 1)),
        None,
        Some(from(21, 105)),
        Some(from(1, 105)),
        Some(vec![105; times.len()]),
    ];
    let report = report::report(&counted(&label, 105, &counts), &question(&[55.0], &[1e-1])).unwrap();
    let group = only(&report);
    let verdicts: Vec<Verdict> = group.populations.iter().map(|of| of.verdict).collect();
    use Verdict::*;
    let wanted = [NothingFails, HardlyAnythingFails, NotComputed, EverythingAtOnce, EverythingAtOnce, EverythingAtOnce];
    assert_eq!(verdicts, wanted);
    assert_eq!(group.law, None);
    let text = says_no_absurd_life(&report, last_s);
    for part in [
        "85 °C: no law can be fitted: nothing fails: none of 105 cells failed by 6 years; bake longer",
        "100 °C: no law can be fitted: hardly anything fails: 1 of 105 cells failed",
        "125 °C: not computed: the record has no values of it; go on with `trapline run --resume`",
        // Half an octave in three.
        "everything at once: all 105 cells failed between the same two checkpoints, 12 min and 17 min; more checkpoints: per_octave = 6",
        "everything at once: all 105 cells had failed by the first checkpoint, 1 s; earlier checkpoints (from_s below 1)",
        "everything at once: all 105 cells had failed at programming (0 s), before the bake",
        "at programming",
        // The only bracket that tells a time is 150 °C; what each other was instead stands beside it.
        "only 150 °C tells the time; a line needs two temperatures, and bounds three; nothing fails at 85 °C: bake longer",
        "not computed at 125 °C: go on with",
        "everything at once at 160 °C: earlier checkpoints",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // JSON says the same.
    let json = serde_json::to_value(&report).unwrap();
    let population = |i: usize| &json["groups"][0]["populations"][i];
    assert_eq!(population(0)["verdict"], "nothing-fails");
    assert_eq!(population(3)["lack"]["verdict"], "everything-at-once");
    assert_eq!(population(3)["lack"]["cure"], "more checkpoints: per_octave = 6");
    assert!(population(1)["observed"]["lognormal"]["refused"].as_str().unwrap().contains("1 of 105"));
    assert_eq!(population(5)["observed"]["times"][0]["source"], "programming");
    let refused = json["groups"][0]["lines"][0]["segments"]["refused"].as_str().unwrap();
    assert!(refused.contains("hardly anything fails at 100 °C"), "{refused}");
}

#[test]
fn the_cure_that_is_named_works() {
    // 105 cells with a sigma of 0.06: half an octave is 5.8 of them, and holds them all where its middle is their
    // median.
    let median = 1448.15 / 1.19;
    let at = |per_octave: u32| {
        let times = octaves(per_octave);
        let label = label(&[150.0], &times, &[1]);
        let counts = lognormal(&times, 105, median, 0.06);
        let report = report::report(&counted(&label, 105, &[Some(counts)]), &question(&[], &[0.5])).unwrap();
        only(&report).populations[0].clone()
    };
    let coarse = at(2);
    assert_eq!(coarse.verdict, Verdict::EverythingAtOnce, "{coarse:?}");
    let cure = coarse.lack.unwrap().cure;
    let per_octave: u32 = cure.rsplit("per_octave = ").next().unwrap().parse().unwrap();
    assert_eq!(per_octave, 6);
    let fine = at(per_octave);
    assert_eq!(fine.verdict, Verdict::BearsALaw);
    let sigma = fine.observed.unwrap().lognormal.unwrap().shape_estimate;
    assert!(sigma.profile.hold(0.06) && !sigma.profile.hold(0.12), "{sigma:?}");
}

#[test]
fn a_bake_that_stops_to_age_its_cells_bears_no_median() {
    // Three hot legs of an hour, and then cold for years: cells fail in the first hours and never after. What a law
    // makes of that has a sigma of tens and a median of more years than there have been.
    let times = octaves(2);
    let last_s = times[times.len() - 1];
    let mut label = label(&[125.0, 150.0], &times, &[1]);
    label.campaign_toml =
        "[bake]\ncycle = [{ for_s = 3600.0 }, { temperature_c = 25.0, for_s = 600.0 }]\ncycles = 3\n".to_owned();
    let stair = |steps: [u64; 3]| -> Vec<u64> {
        let by = |t: &f64| steps.iter().zip([2e3, 5e3, 1e4]).filter(|(_, end)| t >= end).map(|(n, _)| n).sum();
        times.iter().map(by).collect()
    };
    for steps in [[40, 20, 10], [1, 0, 1], [0, 3, 3], [400, 300, 200]] {
        let counts = [Some(stair(steps)), Some(vec![0; times.len()])];
        let report = report::report(&counted(&label, 4096, &counts), &question(&[85.0], &[1e-3, 1e-6])).unwrap();
        let group = only(&report);
        assert!(group.cycled && group.uses[0].lives.iter().all(|life| life.arrhenius.is_err()));
        assert_ne!(group.populations[0].verdict, Verdict::NotComputed);
        says_no_absurd_life(&report, last_s);
        let observed = group.populations[0].observed.as_ref().unwrap();
        for fit in [&observed.weibull, &observed.lognormal].into_iter().flatten() {
            let told = fit.lives.iter().chain([&fit.scale_estimate]).flatten();
            let close = |of: Bounds| of.upper <= MOST_RATIO * of.lower;
            assert!(told.clone().all(|of| close(of.profile) && close(of.wald)), "{fit:?}");
        }
    }
}

#[test]
fn a_line_that_tells_no_slope_is_refused() {
    // Checkpoints a factor of 2.5 apart, hundreds of cells at once: brackets at 148, 150 and 152 °C. Whatever 1.2 eV
    // does over four kelvin (a factor of 1.4) is less than they resolve.
    let times: Vec<f64> = std::iter::once(0.0).chain((0..12).map(|k| 100.0 * 2.5_f64.powi(k))).collect();
    let celsius = [148.0, 150.0, 152.0];
    let label = label(&celsius, &times, &[1]);
    let all_by = |k: usize| Some((0..times.len()).map(|i| if i >= k { 300 } else { 0 }).collect());
    let report = report::report(&counted(&label, 300, &[all_by(7), all_by(6), all_by(6)]), &question(&[120.0], &[0.5]));
    let report = report.unwrap();
    let group = only(&report);
    let why = group.lines[0].segments.as_ref().unwrap_err();
    assert!(why.contains("do not tell a slope") && why.contains("may be 0 or less"), "{why}");
    assert!(group.lines[0].energy_ev.is_err() && group.uses[0].lives[0].arrhenius.is_err());
    assert!(group.joint.as_ref().unwrap_err().contains("no law"), "{:?}", group.joint);
    // The control: the same brackets 40 K apart tell it.
    let mut apart = label.clone();
    apart.temperatures_k = [110.0, 130.0, 150.0].map(kelvin).to_vec();
    let told = counted(&apart, 300, &[all_by(9), all_by(7), all_by(5)]);
    let told = report::report(&told, &question(&[120.0], &[0.5])).unwrap();
    assert!(only(&told).lines[0].energy_ev.is_ok(), "{:?}", only(&told).lines[0].energy_ev);
}

/// How often numbers were told of so many campaigns, and how often their bounds held the truth.
#[derive(Debug, Default, Clone, Copy)]
struct Told {
    told: u32,
    held: u32,
    half: u32,
}

impl Told {
    fn count(&mut self, of: Bounds, truth: f64) {
        let (middle, quarter) = (0.5 * (of.lower * of.upper).ln(), 0.25 * (of.upper / of.lower).ln());
        self.told += 1;
        self.held += u32::from(of.hold(truth));
        self.half += u32::from((truth.ln() - middle).abs() < quarter);
    }
}

#[test]
fn what_is_told_of_few_cells_holds_the_truth() {
    // Weibull's law at one temperature, from dense data down to some that bear nothing. Bounds at 95 %: of C
    // campaigns at most 5 % tell a number whose bounds miss the truth, with a standard deviation of sqrt(C 0.05
    // 0.95), whether or not the others tell one; four of those, and 3 % of C for bounds that are exact in the limit
    // of many failures only. Where nearly all campaigns tell one that is the coverage itself. Half the width holds it
    // in 67 %, which is far outside: the control.
    const CAMPAIGNS: u32 = 300;
    let c = f64::from(CAMPAIGNS);
    let most = (0.05 * c + 4.0 * (c * 0.05 * 0.95).sqrt() + 0.03 * c) as u32;
    let confident = Question { confidence: 0.95, ..question(&[], &[1e-2]) };
    let celsius = 125.0;
    let (shape, scale) = (1.8, scale_s(kelvin(celsius)));
    let life = scale * (-(1.0_f64 - 1e-2).ln()).powf(1.0 / shape);
    let per = |n: f64, to: f64| -> Vec<f64> {
        let count = (n * to.log2()) as i32;
        std::iter::once(0.0).chain((-count..=count).map(|k| scale * (f64::from(k) / n).exp2())).collect()
    };
    let until = |times: Vec<f64>, end: f64| times.into_iter().filter(|t| *t <= end * scale).collect::<Vec<_>>();
    // Checkpoints, cells, and how many of a hundred campaigns bear a law, at least and at most.
    let cases: [(&str, Vec<f64>, u64, u32, u32); 6] = [
        ("dense", per(4.0, 100.0), 400, 98, 100),
        ("coarse", per(0.5, 300.0), 200, 98, 100),
        ("a tenth fails", until(per(2.0, 100.0), 0.3), 400, 95, 100),
        ("some fail", until(per(2.0, 100.0), 0.15), 200, 20, 80),
        ("hardly any fails", until(per(2.0, 100.0), 0.05), 105, 0, 5),
        ("all at once", per(0.1, 1e4), 105, 0, 10),
    ];
    for (name, times, cells, least, mostly) in cases {
        let label = label(&[celsius], &times, &[1]);
        let (mut of, mut bear) = ([Told::default(); 3], 0);
        for stream in 0..CAMPAIGNS {
            let report = reported(label.clone(), weibull_of(shape, &label, cells, 5000 + stream), &confident);
            let population = &only(&report).populations[0];
            let observed = population.observed.as_ref().unwrap();
            assert_eq!(
                population.verdict == Verdict::BearsALaw,
                observed.weibull.is_ok() || observed.lognormal.is_ok()
            );
            let Ok(fit) = &observed.weibull else { continue };
            bear += 1;
            of[0].count(fit.shape_estimate.profile, shape);
            if let Ok(scale_estimate) = &fit.scale_estimate {
                of[1].count(scale_estimate.profile, scale);
            }
            if let Ok(estimate) = &fit.lives[0] {
                of[2].count(estimate.profile, life);
            }
        }
        println!("{name}: {bear} of {CAMPAIGNS} bear a law; shape, scale, life {of:?}");
        assert!((least * CAMPAIGNS..=mostly * CAMPAIGNS).contains(&(100 * bear)), "{name}: {bear} bear a law");
        for of in of {
            assert!(of.told - of.held <= most, "{name}: {of:?}");
            if of.told > 9 * CAMPAIGNS / 10 {
                assert!(of.told - of.half > most, "{name}, at half width: {of:?}");
            }
        }
    }
}
