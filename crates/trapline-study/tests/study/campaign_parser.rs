//! Random text against the parsers: never a panic, always one line; and random good plans against their numbers.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use trapline_model::material;
use trapline_model::protocol::{MAX_DWELL_S, MIN_DWELL_S, Segment, waveform};
use trapline_study::calibrate;
use trapline_study::campaign::{Overrides, Plan};

const BAKE: &str = include_str!("../../../../campaigns/bake.toml");

/// Parses, and insists on an error of one line that names the file.
fn campaign(text: &str) -> Option<Plan> {
    match Plan::parse(text, "random.toml", Path::new("/nowhere"), &Overrides::default()) {
        Ok(plan) => Some(plan),
        Err(error) => {
            one_line(&error.to_string());
            None
        }
    }
}

fn one_line(message: &str) {
    assert!(message.starts_with("random.toml: "), "{message:?}");
    assert!(message.len() > "random.toml: ".len(), "says nothing: {message:?}");
    assert!(!message.contains(['\n', '\r']), "more than one line: {message:?}");
}

/// Values that a key does not expect.
fn value() -> impl Strategy<Value = String> {
    let odd = [
        "nan",
        "inf",
        "-inf",
        "0",
        "-0.0",
        "-1",
        "1e308",
        "-1e308",
        "5e-324",
        "9223372036854775807",
        "-9223372036854775808",
        "99999999999999999999999999",
        "4294967295",
        "true",
        "\"\"",
        "\"\\n\\u0007\"",
        "'''\na\nb'''",
        "[]",
        "[[]]",
        "[nan]",
        "{}",
        "{ pulses = 1 }",
        "{ value = nan, unit = \"1\", source = \"x\" }",
        "{ value = 1.0, unit = \"\"\"a\nb\"\"\", source = \"x\" }",
        "1979-05-27",
        "0xffffffffffffffff",
        "\"/dev/null/x.toml\"",
    ];
    prop_oneof![
        prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|x| format!("{x:?}").replace("NaN", "nan")),
        any::<String>().prop_map(|s| format!("{s:?}")),
    ]
}

/// One change of a text.
#[derive(Debug, Clone)]
enum Change {
    Delete(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
    Value(prop::sample::Index, String),
    Number(prop::sample::Index, String),
    Bytes(prop::sample::Index, String),
    Cut(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        1 => at().prop_map(Change::Delete),
        1 => (at(), at()).prop_map(|(a, b)| Change::Repeat(a, b)),
        4 => (at(), value()).prop_map(|(a, v)| Change::Value(a, v)),
        4 => (at(), value()).prop_map(|(a, v)| Change::Number(a, v)),
        1 => (at(), any::<String>()).prop_map(|(a, s)| Change::Bytes(a, s)),
        1 => at().prop_map(Change::Cut),
    ]
}

/// Spans of the numbers in a text: what a change most likely gets past the TOML parser with.
fn numbers(text: &str) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut inside = false;
    for (at, c) in text.char_indices() {
        let digit = c.is_ascii_digit() || (inside && matches!(c, '.' | 'e' | '-'));
        match (inside, digit) {
            (false, true) => found.push((at, at + 1)),
            (true, true) => found.last_mut().unwrap().1 = at + 1,
            _ => {}
        }
        inside = digit;
    }
    found
}

fn changed(text: &str, change: &Change) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    match change {
        Change::Delete(at) if !lines.is_empty() => {
            lines.remove(at.index(lines.len()));
        }
        Change::Repeat(from, to) if !lines.is_empty() => {
            let line = lines[from.index(lines.len())];
            lines.insert(to.index(lines.len()), line);
        }
        Change::Value(at, value) => {
            let keys: Vec<usize> = (0..lines.len()).filter(|&i| lines[i].contains(" = ")).collect();
            if !keys.is_empty() {
                let i = keys[at.index(keys.len())];
                let line = format!("{} = {value}", lines[i].split(" = ").next().unwrap());
                lines[i] = &line;
                return lines.join("\n");
            }
        }
        Change::Number(at, value) => {
            let spans = numbers(text);
            if !spans.is_empty() {
                let (from, to) = spans[at.index(spans.len())];
                return format!("{}{value}{}", &text[..from], &text[to..]);
            }
        }
        Change::Bytes(at, bytes) => {
            let places: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
            if !places.is_empty() {
                let place = places[at.index(places.len())];
                return format!("{}{bytes}{}", &text[..place], &text[place..]);
            }
        }
        Change::Cut(at) => {
            let places: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
            if !places.is_empty() {
                return text[..places[at.index(places.len())]].to_owned();
            }
        }
        _ => {}
    }
    lines.join("\n")
}

/// The same cases every time, unless others are asked for.
fn seed() -> RngSeed {
    let asked = std::env::var("TRAPLINE_TEST_SEED").ok().and_then(|text| text.parse().ok());
    RngSeed::Fixed(asked.unwrap_or(20_221_107))
}

/// Five hundred, or more where `TRAPLINE_FUZZ_SECONDS` gives them time: some 200 a second.
fn cases() -> u32 {
    let seconds = std::env::var("TRAPLINE_FUZZ_SECONDS").ok().and_then(|text| text.parse::<u32>().ok());
    seconds.unwrap_or(0).saturating_mul(100).max(500)
}

const WAVEFORM: &str = "# a waveform\ntime_s,bias_v\n0,1.5\n1e-3,-2\n0.5,0\n1,0\n";
const FIT: &str = include_str!("../../../../fits/example/fit.toml");

/// What a file of these bytes is read as; an error is one line that names it.
fn read_bytes<T, E: std::fmt::Display>(bytes: &[u8], name: &str, read: impl Fn(&Path) -> Result<T, E>) -> Option<T> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    match read(&path) {
        Ok(found) => Some(found),
        Err(error) => {
            let line = error.to_string();
            // A fit names the file of measurements that it does not find beside itself.
            assert!(line.contains(&folder.path().display().to_string()), "{line:?}");
            assert!(!line.contains(['\n', '\r']), "{line:?}");
            None
        }
    }
}

/// A text with some of its bytes replaced.
fn bytes_of(text: &str, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for &(at, byte) in changes {
        let length = bytes.len();
        bytes[at % length] = byte;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, rng_seed: seed(), ..ProptestConfig::default() })]

    #[test]
    fn a_changed_waveform_is_read_or_refused(changes in prop::collection::vec(any::<(usize, u8)>(), 1..6)) {
        let read = read_bytes(&bytes_of(WAVEFORM, &changes), "random.csv", waveform::read);
        if let Some(found) = read {
            let sound = |of: &Segment| of.bias_v.is_finite() && (MIN_DWELL_S..=MAX_DWELL_S).contains(&of.dwell_s);
            prop_assert!(found.segments.iter().all(sound), "{found:?}");
        }
    }

    #[test]
    fn a_changed_fit_is_read_or_refused(changes in prop::collection::vec(any::<(usize, u8)>(), 1..6)) {
        let _ = read_bytes(&bytes_of(FIT, &changes), "random.toml", calibrate::file::read);
    }

    #[test]
    fn a_changed_campaign_is_read_or_refused(changes in prop::collection::vec(change(), 1..4)) {
        let text = changes.iter().fold(BAKE.to_owned(), |text, change| changed(&text, change));
        if let Some(plan) = campaign(&text) {
            // What is accepted is within the limits, and small enough to hold.
            prop_assert!(plan.shape(0).rows >= 1 && plan.shape(0).cols >= 1);
            prop_assert!(plan.label.times_s.len() <= 4096);
            prop_assert!(plan.label.times_s.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(plan.label.temperatures_k.iter().all(|t| *t > 0.0 && t.is_finite()));
            prop_assert!(plan.label.report_times_s.iter().all(|t| plan.label.times_s.contains(t)));
            prop_assert!((1..=256).contains(&plan.label.bins));
        }
    }

    #[test]
    fn a_changed_material_is_read_or_refused(which in 0..material::SHIPPED.len(), changes in prop::collection::vec(change(), 1..4)) {
        let text = changes.iter().fold(material::SHIPPED[which].1.to_owned(), |text, change| changed(&text, change));
        match material::parse(&text, "random.toml") {
            Ok(found) => {
                let weights: f64 = found.classes.iter().map(|c| c.weight).sum();
                prop_assert!(found.classes.is_empty() || (weights - 1.0).abs() < 1e-9, "weights sum to {weights}");
                prop_assert!(found.thickness_m > 0.0 && found.area_m2 > 0.0);
            }
            Err(error) => one_line(&error.to_string()),
        }
    }

    #[test]
    fn any_text_is_refused(text in any::<String>()) {
        prop_assert!(campaign(&text).is_none());
        match material::parse(&text, "random.toml") {
            Ok(_) => prop_assert!(false, "{text:?} is no material"),
            Err(error) => one_line(&error.to_string()),
        }
    }

    #[test]
    fn good_plans_number_their_points(
        rows in 1_u64..=1 << 20,
        cols in 1_u64..=1 << 20,
        seed in 0_i64..,
        temperatures in prop::collection::btree_set(-270_i32..=1000, 1..20),
        materials in prop::sample::subsequence(vec!["pi-ws2-qd", "pi-ws2-ns", "pi"], 1..=3),
        pulses in 1_u32..100,
        from_s in 1e-6_f64..1e3,
        ratio in 1.5_f64..1e9,
        points in 2_i64..200,
        bins in 1_usize..=256,
    ) {
        use std::fmt::Write;
        let temperatures: Vec<i32> = temperatures.into_iter().collect();
        let to_s = from_s * ratio;
        let mut text = format!(
            "format = 1\nname = \"n\"\nseed = {seed}\nvariation = false\nelectrons = \"mean-field\"\narray = {{ rows = {rows}, cols = {cols} }}\n\
             histogram = {{ bins = {bins} }}\n\
             bake = {{ temperatures_c = {temperatures:?}, from_s = {from_s:?}, to_s = {to_s:?}, points = {points} }}\n"
        );
        for name in &materials {
            write!(text, "[[material]]\nuse = \"{name}\"\n\
                program = [{{ pulses = {pulses}, amplitude_v = 1.5, width_s = 1e-3, interval_s = 0 }}]\n").unwrap();
        }
        let plan = campaign(&text).expect("within all limits");
        prop_assert_eq!(plan.points.len(), materials.len() * temperatures.len());
        prop_assert_eq!(plan.work_of(&plan.numbers), plan.numbers.iter().map(|&n| rows * cols * plan.steps(n)).sum::<u64>());
        for (number, point) in plan.points.iter().enumerate() {
            prop_assert_eq!(point.number, number);
            prop_assert_eq!(number, point.material_index * temperatures.len() + point.temperature_index);
            prop_assert_eq!(&point.material, materials[point.material_index]);
            let celsius = f64::from(temperatures[point.temperature_index]);
            prop_assert_eq!(point.temperature_k, celsius + 273.15);
        }
        let last = plan.points.len() - 1;
        let job = plan.job(last).expect("a plan's");
        prop_assert_eq!(job.bake_k(), plan.points[last].temperature_k);
        prop_assert_eq!(job.program_k(), job.bake_k(), "programmed where it is baked");
        let of_steps: usize = job.program().iter().map(|step| step.cycles().len()).sum();
        prop_assert_eq!(of_steps, pulses as usize);
        prop_assert_eq!(&job.material().name, materials[materials.len() - 1]);
        prop_assert_eq!(job.times_s(), &plan.label.times_s);
        prop_assert_eq!(job.bins().count, bins);
        prop_assert_eq!(job.times_s().last(), Some(&to_s));
    }
}

#[test]
fn the_matrix_switch_leaves_the_rest_of_a_material() {
    let with = campaign(BAKE).expect("the shipped campaign is sound");
    let text = BAKE.replace("matrix_relaxation = true", "matrix_relaxation = false");
    let without = campaign(&text).expect("only a switch is off");
    let dots = |plan: &Plan| plan.job(0).expect("a plan's").material().clone();
    assert_eq!(dots(&with), material::shipped("pi-ws2-qd").unwrap());
    assert_eq!(dots(&without), material::shipped("pi-ws2-qd").unwrap().without_matrix());
    assert!(dots(&with).matrix.is_some() && dots(&without).matrix.is_none());
    assert_eq!(dots(&without).classes, dots(&with).classes);
}

#[test]
fn a_cell_that_does_not_conduct_or_conducts_without_bound_is_refused() {
    // A barrier thicker by 210 nm than where its currents were taken lets nothing through; hopping at 100 V near 0 K
    // everything.
    let folder = tempfile::tempdir().unwrap();
    let material = |name: &str, from: &str, to: &str| {
        let text = material::SHIPPED.iter().find(|(n, _)| *n == name).unwrap().1;
        assert!(text.contains(from), "{from}");
        std::fs::write(folder.path().join("edited.toml"), text.replace(from, to)).unwrap();
    };
    let plan = |read_v: f64, celsius: f64| {
        let text = BAKE.replace("use = \"pi-ws2-qd\"", "use = \"./edited.toml\"");
        let text = text
            .replace("use = \"pi-ws2-ns\"", "use = \"pi\"")
            .replace("bias_v = 0.1", &format!("bias_v = {read_v:?}"));
        let text = text.replace("temperatures_c = [25.0,", &format!("temperatures_c = [{celsius:?},"));
        Plan::parse(&text, "random.toml", folder.path(), &Overrides::default())
    };
    let refused = |plan: Result<Plan, trapline_study::campaign::CampaignError>| {
        let text = plan.unwrap_err().to_string();
        one_line(&text);
        assert!(text.contains("conductance of a fresh cell") && text.contains("read.bias_v"), "{text}");
    };
    material("pi-ws2-qd", "thinning = { value = 1.0", "thinning = { value = 1.0");
    plan(0.1, 25.0).expect("the shipped dots conduct");
    let text = material::SHIPPED[0].1.replace("thinning = { value = 1.0", "thinning = { value = 210.0");
    let text = text.replace("reference_concentration = { value = 0.5", "reference_concentration = { value = 1.0");
    std::fs::write(folder.path().join("edited.toml"), text).unwrap();
    refused(plan(0.1, 25.0));
    material("pi-ws2-ns", "name = \"pi-ws2-ns\"", "name = \"sheets\"");
    plan(0.1, 26.0).expect("the shipped sheets conduct");
    refused(plan(100.0, -270.0));
}
