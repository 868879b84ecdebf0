//! Which cells stand at the temperatures of a campaign: their own, or the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use trapline::backend::job::{Bake, Job, Program, Read};
use trapline::backend::{Backend, cpu::Cpu};
use trapline::campaign::{Overrides, Plan};
use trapline::material;
use trapline::outcome::CampaignRecord;
use trapline::protocol::{Part, segments};
use trapline::record;
use trapline::units::kelvin;

const BAKE: &str = r#"
format = 1
name = "bake"
seed = 5
variation = true
array = { rows = 16, cols = 16 }
program = { temperature_c = 25.0 }
read = { temperature_c = 25.0 }
bake = { temperatures_c = [85.0, 105.0], times_s = [1e3, 1e5] }
dump = { first_row = 0, first_col = 0, rows = 16, cols = 16 }

[[material]]
use = "pi-ws2-qd"
program = [{ pulses = 3, amplitude_v = 1.5, width_s = 1e-3, interval_s = 1e-3 }]
"#;

/// The campaign with some of its text replaced.
fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(BAKE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

fn plan(text: &str) -> Plan {
    Plan::parse(text, "bake.toml", Path::new(""), &Overrides::default()).expect("a campaign")
}

fn seeds(text: &str) -> Vec<u64> {
    let plan = plan(text);
    (0..plan.points.len()).map(|number| plan.job(number).expect("a job").seed()).collect()
}

#[test]
fn cells_follow_from_seed_and_temperature_alone() {
    let [cold, hot] = seeds(BAKE)[..] else { panic!() };
    assert!(cold != hot && cold != 5 && hot != 5, "{cold} {hot}");
    // Another place in the list, another list, another file; and nothing that a campaign sets beside them.
    let turned = with(&[("[85.0, 105.0]", "[155.0, 105.0, 85.0]"), ("\"bake\"", "\"other\""), ("1e5]", "1e6]")]);
    assert_eq!(seeds(&turned)[1..], [hot, cold]);
    assert_eq!(seeds(&with(&[("rows = 16, cols = 16 }\nprogram", "rows = 17, cols = 19 }\nprogram")])), [cold, hot]);
    // The legs of a cycle are at other temperatures; the cells are the point's.
    let cycle = "cycle = [{ for_s = 60.0 }, { temperature_c = 105.0, for_s = 60.0 }]";
    assert_eq!(seeds(&with(&[("times_s", &format!("{cycle}, times_s"))])), [cold, hot]);
    // Seeds are apart at every temperature, by whichever of the two keys.
    let other = seeds(&with(&[("seed = 5", "seed = 4\nseed_offset = 2")]));
    assert!(other.iter().all(|seed| ![cold, hot].contains(seed)) && other[0] != other[1], "{other:?}");
    assert_eq!(seeds(&with(&[("seed = 5", "seed = 4\nseed_offset = 1")])), [cold, hot]);
    // The paired design has the campaign's seed itself, everywhere; and the key is swept like any other.
    assert_eq!(seeds(&with(&[("seed = 5", "seed = 5\nsame_cells = true")])), [5, 5]);
    assert_eq!(seeds(&with(&[("seed = 5", "seed = 5\nsame_cells = false")])), [cold, hot]);
    let swept = [BAKE, "[[sweep]]\nkey = \"same_cells\"\nvalues = [true, false]\n"].concat();
    assert_eq!(seeds(&swept), [5, 5, cold, hot]);
    let label = plan(&swept).label;
    assert_eq!(label.settings.iter().map(|of| of.same_cells).collect::<Vec<_>>(), [true, true, false, false]);
    assert!(label.settings.iter().all(|of| of.seed == 5));
    let said =
        Plan::parse(&with(&[("seed = 5", "seed = 5\nsame_cells = 1")]), "b", Path::new(""), &Overrides::default());
    assert!(said.expect_err("a number").to_string().contains("same_cells"));
}

/// Temperature differs between two points in nothing but the bake, so that cells are programmed alike where they are
/// the same.
#[test]
fn the_same_cells_are_those_of_the_seed() {
    let dots = material::shipped("pi-ws2-qd").expect("shipped");
    let pulses = segments(&[Part::Pulses { pulses: 3, amplitude_v: 1.5, width_s: 1e-3, interval_s: 1e-3 }]);
    let cpu = Cpu::open(None, None).expect("a processor");
    for electrons in ["mean-field", "counted"] {
        let paired = plan(&with(&[("seed = 5", &format!("seed = 5\nsame_cells = true\nelectrons = \"{electrons}\""))]));
        for (number, celsius) in [85.0, 105.0].into_iter().enumerate() {
            let planned = paired.job(number).expect("a job");
            let by_hand = Job::of(&dots)
                .electrons(planned.electrons())
                .seed(5)
                .array(paired.shape(number))
                .program(Program::of(&pulses).at(kelvin(25.0)))
                .bake(Bake::at(kelvin(celsius)).checkpoints(&paired.label.times_s[1..]))
                .read(Read::with(0.1).at(kelvin(25.0)))
                .build()
                .expect("a job");
            let found = |job: &Job| cpu.statistics(job, &|_| ()).expect("computed").outcome(job);
            assert!(found(&planned).is_same(&found(&by_hand)), "{electrons}, {celsius} °C");
        }
    }
}

fn trapline(folder: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_trapline")).args(arguments).current_dir(folder).output().expect("starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn run(folder: &Path, text: &str, name: &str) -> CampaignRecord {
    fs::write(folder.join(format!("{name}.toml")), text).expect("written");
    let (file, out) = (format!("{name}.toml"), format!("{name}.h5"));
    trapline(folder, &["run", &file, "-o", &out, "--backend", "cpu", "--no-plot", "--quiet"]);
    record::open_campaign(&folder.join(out)).expect("reads")
}

/// Conductance right after programming of the cells of a point, S.
fn programmed(record: &CampaignRecord, number: usize) -> Vec<f32> {
    let outcome = record::whole(record, number).expect("reads").expect("computed");
    outcome.dump.expect("a dump").conductance_s.index_axis(ndarray::Axis(0), 0).iter().copied().collect()
}

#[test]
fn the_record_says_whose_cells_they_are() {
    let desk = tempfile::tempdir().expect("a folder");
    let at = desk.path();
    let own = run(at, BAKE, "own");
    let same = run(at, &with(&[("seed = 5", "seed = 5\nsame_cells = true")]), "same");
    let apart = |of: &CampaignRecord| {
        let [cold, hot] = [0, 1].map(|number| programmed(of, number));
        cold.iter().zip(&hot).filter(|(a, b)| a != b).count()
    };
    // Read and programmed at 25 °C, before the bake: the same cells conduct the same, others do not.
    assert_eq!(apart(&same), 0);
    assert!(apart(&own) > 250, "{}", apart(&own));
    let alone = run(at, &with(&[("[85.0, 105.0]", "[105.0]")]), "alone");
    let whole = |of: &CampaignRecord, number| record::whole(of, number).expect("reads").expect("computed");
    assert!(whole(&alone, 0).is_same(&whole(&own, 1)));
    for (name, words, told) in
        [("own", "each temperature has its own", "independent"), ("same", "the same at every temperature", "related")]
    {
        for command in [["show", &format!("{name}.h5")], ["plan", &format!("{name}.toml")]] {
            let said = trapline(at, &command);
            assert!(said.lines().any(|line| line.starts_with("cells") && line.contains(words)), "{said}");
        }
        let said = trapline(at, &["analyze", &format!("{name}.h5"), "--quiet"]);
        assert!(said.contains(told), "{said}");
    }
}
