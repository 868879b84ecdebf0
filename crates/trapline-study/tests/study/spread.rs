//! `[variation]` from simulated devices: known spreads are found again, chance is no spread, and what the curves
//! cannot tell is said.

use std::path::Path;

use trapline_engine::backend::Backend;
use trapline_engine::backend::cpu::Cpu;
use trapline_engine::backend::reference::Reference;
use trapline_model::cell::counted::{DotNumber, Electrons};
use trapline_model::material::{self, Material, Variation};
use trapline_model::protocol::{Part, Segment, segments};
use trapline_model::rng::{self, NORMAL_UNIT, Purpose};
use trapline_model::units::kelvin;
use trapline_study::calibrate::file;
use trapline_study::calibrate::spread::{self, Found, Key, Request, Spread, file::Plan};
use trapline_study::experiment::probe::{Conditions, Probe};
use trapline_study::experiment::pulse::POTENTIATION;
use trapline_study::experiment::{iv, retention};

/// Relative error of a reading, and what the files say of it.
const ERROR: f64 = 0.005;

fn normal(seed: u64, i: u64) -> f64 {
    f64::from(rng::normal_fixed(rng::words(seed, i, Purpose::ReadNoise, 7, 0)[0])) * NORMAL_UNIT
}

fn dots(variation: Variation) -> Material {
    Material { variation, ..material::shipped("pi-ws2-qd").unwrap() }
}

/// The shipped dots in cells of a tenth of the area, and with it of the dots; currents stay.
fn small(variation: Variation) -> Material {
    let text = material::shipped("pi-ws2-qd").unwrap().text.replace("value = 0.798,", "value = 0.08,");
    Material { variation, ..material::parse(&text, "small").unwrap() }
}

fn cells(material: &Material, celsius: f64, seed: u64, count: usize, electrons: Electrons) -> Probe<'static> {
    static CPU: std::sync::OnceLock<Cpu> = std::sync::OnceLock::new();
    let cpu: &'static dyn Backend = CPU.get_or_init(|| Cpu::open(None, None).unwrap());
    let conditions = Conditions { seed, variation: true, electrons, ..Conditions::nominal(kelvin(celsius)) };
    Probe::new(cpu, material, conditions, (0..count as u64).collect()).unwrap()
}

fn counted() -> Electrons {
    Electrons::Counted(DotNumber::Poisson)
}

/// Sweeps of devices to 5 V and back in steps of 0.25 V, with errors, as one file in which `cell` says whose a line is.
fn sweeps(material: &Material, seed: u64, count: usize, electrons: Electrons) -> String {
    let sweep: Vec<Segment> = segments(&[Part::Sweep { sweeps: 1, sweep_to_v: 5.0, step_v: 0.25, dwell_s: 1e-3 }]);
    let seen = iv::run(&mut cells(material, 25.0, seed, count, electrons), "iv", &sweep).unwrap();
    let current = seen.numbers("current_a").unwrap();
    let mut text = "cell,bias_v,current_a\n".to_owned();
    for cell in 0..count {
        for (point, segment) in sweep.iter().enumerate().filter(|(_, segment)| segment.bias_v != 0.0) {
            let error = normal(seed, (cell * 1000 + point) as u64);
            let current_a = current[[cell, point]] * (ERROR * error).exp();
            text.push_str(&format!("{cell},{},{current_a:e}\n", segment.bias_v));
        }
    }
    text
}

/// Conductances after 30 pulses at 135 °C, with a tenth of the error.
fn retentions(material: &Material, seed: u64, count: usize) -> String {
    let times: Vec<f64> = (0..=20).map(|i| 10f64.powf(f64::from(i) / 3.0)).collect();
    let probe = cells(material, 135.0, seed, count, counted());
    let seen = retention::run(&probe, "retention", &POTENTIATION, &[30], &times).unwrap();
    let g = seen.numbers("conductance_noiseless_s").unwrap();
    let mut text = "cell,time_s,conductance_s\n".to_owned();
    for cell in 0..count {
        for (i, time_s) in times.iter().enumerate() {
            let error = normal(seed, (cell * 1000 + i) as u64);
            text.push_str(&format!("{cell},{time_s:e},{:e}\n", g[[0, i, cell]] * (0.1 * ERROR * error).exp()));
        }
    }
    text
}

const IV: &str =
    "[[devices]]\nkind = \"iv_csv\"\nfile = \"iv.csv\"\ndevice_column = \"cell\"\nrelative = 0.005\ndwell_s = 1e-3\n";
const RETENTION: &str = "[[devices]]\nkind = \"retention_csv\"\nfile = \"ret.csv\"\ndevice_column = \"cell\"\nrelative = 5e-4\n\
                         temperature_c = 135.0\n";

/// A folder with files of measurements.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn plan(head: &str, blocks: &str, folder: &Path) -> Plan {
    let text = format!("format = 1\n[spread]\n{head}\n{blocks}");
    file::parse(&text, folder).unwrap().spread.unwrap()
}

fn refused(head: &str, blocks: &str, folder: &Path) -> String {
    let text = format!("format = 1\n[spread]\n{head}\n{blocks}");
    let error = file::parse(&text, folder).map(drop).expect_err(blocks).to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

fn spread_of(material: &Material, plan: &Plan, chance: bool) -> Spread {
    let cpu = Cpu::open(None, None).unwrap();
    spread::run(&Request { material, origin: "x.toml", plan, backend: &Reference, fast: &cpu, chance }).unwrap()
}

fn of(spread: &Spread, key: Key) -> &Found {
    spread.found.iter().find(|found| found.key == key).unwrap()
}

const THREE: Variation = Variation { size: 0.02, area: 0.03, trap_filled: 0.02, capture_speed: 0.0 };

#[test]
fn three_spreads_are_found_again_with_everything_else_in_place() {
    let (truth, start) = (dots(THREE), dots(Variation { capture_speed: 0.0, ..dots(THREE).variation }));
    let start =
        Material { variation: Variation { size: 0.01, area: 0.01, trap_filled: 0.01, capture_speed: 0.0 }, ..start };
    let folder = folder(&[("iv.csv", &sweeps(&truth, 21, 40, counted())), ("ret.csv", &retentions(&truth, 22, 40))]);
    let found = spread_of(&start, &plan("", &format!("{IV}{RETENTION}"), folder.path()), true);
    let text = spread::report::text(&found);
    assert!(found.converged && found.missed().is_empty() && found.open.is_empty(), "{text}");
    for (key, sd) in [(Key::Diameter, THREE.size), (Key::Area, THREE.area), (Key::TrapFilledLimit, THREE.trap_filled)] {
        let of = of(&found, key);
        let error = of.error.unwrap_or_else(|| panic!("{key:?} is told"));
        // Within three standard errors, and those at most a third of it.
        assert!((of.value - sd).abs() < 3.0 * error && error < 0.34 * sd, "{of:?}");
        assert!(of.lower < of.value && of.value < of.upper && of.before == 0.01, "{of:?}");
    }
    // What readings were given they are found to have: a variance of some thousand numbers, within four of its errors.
    let errors = found.blocks[0].errors.unwrap();
    assert!((errors - 1.0).abs() < 4.0 / (2.0f64 * 1200.0).sqrt(), "{errors}");
    assert!(found.blocks[0].judged.shape.is_none() && found.blocks[0].judged.misfit.is_none(), "{text}");
    // The material has what was found, with its source; everything else is as it was.
    let request_plan = plan("", IV, folder.path());
    let cpu = Cpu::open(None, None).unwrap();
    let request = Request {
        material: &start,
        origin: "x.toml",
        plan: &request_plan,
        backend: &Reference,
        fast: &cpu,
        chance: true,
    };
    let text = spread::material_text(&request, &found, Some(3), "mine", "s.toml", "trapline fit s.toml").unwrap();
    let mine = material::parse(&text, "mine.toml").unwrap();
    assert!((mine.variation.area / of(&found, Key::Area).value - 1.0).abs() < 0.005 && mine.name == "mine");
    assert!(
        text.contains("measured: 80 devices of s.toml, standard error") && text.contains("by the number of dots"),
        "{text}"
    );
    assert_eq!(mine.capture, start.capture);
}

/// Ten sets of 25 sweeps of small cells, two thirds of whose scatter of the limit's own is the number of their dots: the
/// whole of it is found, as campaigns draw it.
#[test]
fn sets_of_simulated_devices_scatter_as_the_errors_say() {
    const SETS: u64 = 10;
    let truth = small(Variation { size: 0.0, area: 0.02, trap_filled: 0.02, capture_speed: 0.0 });
    let dots = truth.capture.unwrap().traps;
    assert!((5900.0..6100.0).contains(&dots), "{dots}");
    let (mut held, mut chi2, mut limits) = ([0; 2], [0.0; 2], Vec::new());
    for set in 0..SETS {
        let folder = folder(&[("iv.csv", &sweeps(&truth, 100 + set, 25, counted()))]);
        let found = spread_of(&truth, &plan("find = [\"area\", \"trap_filled_limit\"]", IV, folder.path()), true);
        assert!((found.limit_by_chance * dots.sqrt() - 1.0).abs() < 1e-9 && !found.mean_field);
        for (i, of) in found.found.iter().enumerate() {
            held[i] += usize::from(of.lower <= 0.02 && 0.02 <= of.upper);
            chi2[i] += ((of.value - 0.02) / of.error.unwrap()).powi(2);
        }
        limits.push(found.found[1].value);
    }
    println!("held {held:?} of {SETS}, chi-squared {chi2:?}, limits {limits:?}");
    // Of ten bounds of 90 % five or fewer hold in one of 600; chi-squared of ten is below 29.6 in 999 of 1000.
    assert!(held.iter().all(|held| *held >= 6) && chi2.iter().all(|chi2| *chi2 < 29.6), "{held:?} {chi2:?}");
    // Less its number of dots, what is found would be 0.0153: the mean of ten, each known to 17 %, tells them apart.
    let mean = limits.iter().sum::<f64>() / SETS as f64;
    assert!((mean / 0.02 - 1.0).abs() < 4.0 * 0.17 / (SETS as f64).sqrt() && mean > 0.0175, "{mean}");
}

/// Cells without any spread of their dots' sizes lose their electrons by chance. Left out, that is taken for a spread of sizes.
#[test]
fn chance_left_out_is_taken_for_spread() {
    let truth = small(Variation { size: 0.0, area: 0.02, trap_filled: 0.02, capture_speed: 0.0 });
    let folder = folder(&[("ret.csv", &retentions(&truth, 71, 25))]);
    let plan = plan("find = [\"diameter\", \"area\"]", RETENTION, folder.path());
    let [with, without] = [true, false].map(|chance| spread_of(&truth, &plan, chance));
    let [with, without] = [&with, &without].map(|found| of(found, Key::Diameter));
    assert!(!with.is_seen, "{with:?}");
    assert!(without.is_seen && without.value > 0.015 && without.lower > with.value, "{without:?} {with:?}");
}

#[test]
fn what_the_curves_cannot_tell_is_said_and_left_alone() {
    let truth = dots(THREE);
    let folder = folder(&[("iv.csv", &sweeps(&truth, 31, 20, counted()))]);
    // A sweep at 25 °C knows nothing of the depth of dots.
    let found = spread_of(&truth, &plan("", IV, folder.path()), true);
    let size = of(&found, Key::Diameter);
    assert!(!size.is_told && size.error.is_none() && size.value == THREE.size, "{size:?}");
    assert!(found.open.iter().any(|open| open.0.len() == 1 && open.0[0].0 == Key::Diameter), "{:?}", found.open);
    assert!(of(&found, Key::Area).is_told && of(&found, Key::TrapFilledLimit).is_told);
    let text = spread::report::text(&found);
    assert!(text.contains("not identifiable: diameter; these curves hardly depend on it"), "{text}");
    let json = spread::report::json(&found);
    assert!(json["spread"][0]["found"].is_null() && json["spread"][1]["found"].is_number(), "{json}");
}

#[test]
fn a_device_out_of_line_is_named_and_no_other() {
    let truth = dots(THREE);
    let folder = folder(&[("iv.csv", &sweeps(&truth, 41, 30, counted()))]);
    let head = "find = [\"area\", \"trap_filled_limit\"]";
    let found = spread_of(&truth, &plan(head, IV, folder.path()), true);
    assert!(found.missed().is_empty(), "{}", spread::report::text(&found));
    let area = of(&found, Key::Area).value;
    // One of five times the area's spread, and one whose readings scatter three times as much.
    let text = std::fs::read_to_string(folder.path().join("iv.csv")).unwrap();
    let changed = |line: &str| -> String {
        let fields: Vec<&str> = line.split(',').collect();
        let Ok(current_a) = fields[2].parse::<f64>() else { return format!("{line}\n") };
        let point = (f64::from(fields[1].parse::<f32>().unwrap()) * 4.0) as u64;
        let factor = match fields[0] {
            "7" => 1.2,
            "9" => (3.0 * ERROR * normal(77, point + u64::from(current_a > 2e-10) * 100)).exp(),
            _ => 1.0,
        };
        format!("{},{},{:e}\n", fields[0], fields[1], current_a * factor)
    };
    std::fs::write(folder.path().join("iv.csv"), text.lines().map(changed).collect::<String>()).unwrap();
    let found = spread_of(&truth, &plan(head, IV, folder.path()), true);
    let mut named: Vec<(&str, bool)> =
        found.blocks[0].judged.outliers.iter().map(|outlier| (outlier.device.as_str(), outlier.in_spread)).collect();
    named.sort_unstable();
    assert_eq!(named, [("cell 7", true), ("cell 9", false)], "{:?}", found.blocks[0].judged);
    assert!(!found.missed().is_empty() && of(&found, Key::Area).value > area);
}

#[test]
fn something_else_that_devices_differ_in_is_seen() {
    let truth = dots(THREE);
    let text = sweeps(&truth, 51, 25, counted());
    // Each device has an injection of its own: a factor that grows with the bias, as nothing in [variation] does.
    let changed = |line: &str| -> String {
        let fields: Vec<&str> = line.split(',').collect();
        let (Ok(cell), Ok(current_a)) = (fields[0].parse::<u64>(), fields[2].parse::<f64>()) else {
            return format!("{line}\n");
        };
        let bias_v: f64 = fields[1].parse().unwrap();
        format!("{cell},{bias_v},{:e}\n", current_a * (0.02 * normal(78, cell) * (bias_v - 2.5) / 2.5).exp())
    };
    let folder = folder(&[("iv.csv", &text.lines().map(changed).collect::<String>())]);
    let found = spread_of(&truth, &plan("find = [\"area\", \"trap_filled_limit\"]", IV, folder.path()), true);
    let block = &found.blocks[0];
    assert!(block.judged.shape.is_some_and(|(share, _)| share > 0.15), "{:?}", block.judged);
    assert!(block.errors.unwrap() > 1.5 && !block.judged.met, "{:?}", block.errors);
    let text = spread::report::text(&found);
    assert!(text.contains("MISSED") && text.contains("devices differ in something else"), "{text}");
}

/// Files of their own, columns of one file, and lines of one file say the same; with points of their own devices are held
/// against the nominal cell.
#[test]
fn devices_come_as_files_columns_or_lines_and_each_with_its_points() {
    let truth = dots(THREE);
    let lines = sweeps(&truth, 61, 12, counted());
    let rows: Vec<Vec<&str>> = lines.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let of_cell = |cell: usize| rows.iter().filter(move |row| row[0] == cell.to_string());
    let mut wide = format!("bias_v,{}\n", (0..12).map(|cell| format!("D{cell} (pA)")).collect::<Vec<_>>().join(","));
    let columns: Vec<Vec<&Vec<&str>>> = (0..12).map(|cell| of_cell(cell).collect()).collect();
    for (point, first) in columns[0].iter().enumerate() {
        let all = columns.iter().map(|of| format!("{:e}", of[point][2].parse::<f64>().unwrap() * 1e12));
        wide.push_str(&format!("{},{}\n", first[1], all.collect::<Vec<_>>().join(",")));
    }
    let folder = folder(&[("iv.csv", &lines), ("wide.csv", &wide)]);
    std::fs::create_dir(folder.path().join("each")).unwrap();
    let write = |cell: usize, least: f64| {
        let mut text = "bias_v,current_a\n".to_owned();
        of_cell(cell)
            .filter(|row| row[1].parse::<f64>().unwrap() > least)
            .for_each(|row| text.push_str(&format!("{},{}\n", row[1], row[2])));
        std::fs::write(folder.path().join(format!("each/d{cell}.csv")), text).unwrap();
    };
    (0..12).for_each(|cell| write(cell, 0.0));
    let head = "find = [\"area\", \"trap_filled_limit\"]";
    let block = |place: &str| format!("[[devices]]\nkind = \"iv_csv\"\n{place}\nrelative = 0.005\ndwell_s = 1e-3\n");
    let by_lines = spread_of(&truth, &plan(head, IV, folder.path()), true);
    let wide = spread_of(
        &truth,
        &plan(head, &block("file = \"wide.csv\"\ndevice_columns = { from = 2, to = 13 }"), folder.path()),
        true,
    );
    let names: Vec<String> = (0..12).map(|cell| format!("\"D{cell} (pA)\"")).collect();
    let named = format!("file = \"wide.csv\"\ndevice_columns = [{}]", names.join(", "));
    assert_eq!(plan(head, &block(&named), folder.path()).blocks[0].devices[3].name, "D3 (pA)");
    let files = spread_of(&truth, &plan(head, &block("folder = \"each\""), folder.path()), true);
    for (a, b) in by_lines.found.iter().zip(&wide.found).chain(by_lines.found.iter().zip(&files.found)) {
        // Picoamperes are scaled by one product; devices of a folder come in the order of their names.
        assert!((a.value / b.value - 1.0).abs() < 1e-6 && a.is_seen && b.is_seen, "{a:?} {b:?}");
    }
    // Each device begins elsewhere: other points for all of them.
    (0..12).for_each(|cell| write(cell, 0.25 * (cell % 6) as f64));
    let own = spread_of(&truth, &plan(head, &block("folder = \"each\""), folder.path()), true);
    assert_eq!(own.blocks[0].against_nominal, 12);
    for (a, b) in by_lines.found.iter().zip(&own.found) {
        // Nearly the same readings, less a seventh of them at most.
        assert!((a.value - b.value).abs() < 0.5 * a.error.unwrap(), "{a:?} {b:?}");
    }
    assert!(own.offsets.iter().any(|offset| offset.key == Key::Area && offset.error < 0.03), "{:?}", own.offsets);
    // A reading that is none takes its point from all; and it is told.
    let gaps = lines.replacen("\n3,1,", "\n3,1,NaN#", 1);
    let gaps: String = gaps.lines().map(|l| l.split('#').next().unwrap().to_owned() + "\n").collect();
    std::fs::write(folder.path().join("iv.csv"), gaps).unwrap();
    let with_gap = plan(head, IV, folder.path());
    let told = with_gap.blocks[0].read_as().join("\n");
    assert!(told.contains("1 reading left out as none") && told.contains("cell 3"), "{told}");
    let with_gap = spread_of(&truth, &with_gap, true);
    assert_eq!((with_gap.blocks[0].left_out, with_gap.blocks[0].readings), (1, 12 * 38));
    for (a, b) in by_lines.found.iter().zip(&with_gap.found) {
        assert!((a.value - b.value).abs() < 0.2 * a.error.unwrap(), "{a:?} {b:?}");
    }
}

#[test]
fn what_makes_no_spread_is_told_in_one_line() {
    let iv = "cell,bias_v,current_a\n1,1,1e-12\n1,2,1e-11\n1,3,1e-10\n2,1,1e-12\n2,2,1e-11\n2,3,1e-10\n";
    let wide = "bias_v,a (A),b (A)\n1,1e-12,1e-12\n2,1e-11,1e-11\n3,1e-10,1e-10\n";
    let folder = folder(&[("iv.csv", iv), ("wide.csv", wide)]);
    let block = |text: &str| format!("[[devices]]\nkind = \"iv_csv\"\nrelative = 0.1\ndwell_s = 1e-3\n{text}\n");
    let lines = block("file = \"iv.csv\"\ndevice_column = \"cell\"");
    for (head, blocks, needed) in [
        ("", lines.clone(), "there are 2 devices in [[devices]]; a spread needs 3 at least"),
        (
            "",
            block("files = [\"one.csv\"]").replace("iv_csv", "iv"),
            "devices[0]: kind is \"iv\"; it must be \"iv_csv\"",
        ),
        ("find = [\"size\"]", lines.clone(), "spread.find has \"size\"; it may have diameter, area"),
        ("find = []", lines.clone(), "spread.find is empty"),
        ("find = [\"area\", \"area\"]", lines.clone(), "spread.find has \"area\" twice"),
        ("", block("file = \"iv.csv\""), "file is given without device_columns"),
        ("", block(""), "it must have one of files (a list), folder, and file"),
        ("", block("folder = \"nowhere\""), "nowhere: cannot be read"),
        ("", block("folder = \".\"\nfiles = []"), "it must have one of files"),
        ("", block("files = [\"iv.csv\", \"./iv.csv\", \"iv.csv\"]"), "twice"),
        ("", block("file = \"wide.csv\"\ndevice_columns = { from = 3, to = 2 }"), "it must rise from 1 at least"),
        ("", block("file = \"wide.csv\"\ndevice_columns = [2, 9]"), "wide.csv: line 1: there is no column 9"),
        ("", block("file = \"wide.csv\"\ndevice_columns = [2, 2]"), "device_columns has column 2 twice"),
        ("", block("file = \"iv.csv\"\ndevice_column = \"chip\""), "iv.csv: line 1: there is no column \"chip\""),
        ("", block("file = \"wide.csv\"\ndevice_columns = [2, 3]\nquantity = \"kept\""), "quantity is \"kept\""),
        (
            "",
            block("file = \"wide.csv\"\ndevice_columns = [2, 3]\npulses = 3"),
            "devices[0]: pulses is given, but kind iv_csv takes",
        ),
        ("", String::new(), "there are 0 devices"),
        (
            "",
            format!("{lines}[[parameter]]\nkey = \"film.area\"\nlower = 0.4\nupper = 2.0\n"),
            "fit the nominal cell first",
        ),
    ] {
        let said = refused(head, &blocks, folder.path());
        assert!(said.contains(needed), "{needed}: {said}");
    }
    let one = folder.path().join("one.csv");
    std::fs::write(&one, "bias_v,current_a\n1,1e-12\n2,1e-11\n3,1e-10\n").unwrap();
    assert!(refused("", &block("files = [\"one.csv\"]"), folder.path()).contains("there is 1 device in [[devices]]"));
    let text = format!("format = 1\n{lines}");
    let error = file::parse(&text, folder.path()).map(drop).expect_err("no [spread]").to_string();
    assert!(error.contains("[[devices]] is given without [spread]"), "{error}");
    // Amperes that are nanoamperes.
    let three = format!("{iv}3,1,1\n3,2,2\n3,3,3\n").replace("e-1", "e3");
    std::fs::write(folder.path().join("iv.csv"), three).unwrap();
    let (plan, qd) = (plan("", &lines, folder.path()), dots(THREE));
    let request =
        Request { material: &qd, origin: "x", plan: &plan, backend: &Reference, fast: &Reference, chance: true };
    let error = spread::check(&request).expect_err("far off").to_string();
    assert!(error.contains("devices[0] (cell 1)") && error.contains("within a factor of 1e6"), "{error}");
}
