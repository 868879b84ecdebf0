//! Figures of made-up campaigns: there, decodable, not blank, and named.

use crate::made_up;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::made_up::retention;
use trapline_model::outcome::{CampaignLabel, CampaignRecord};
use trapline_record as record;
use trapline_report::figure::{self, Colour, Look};

const CELSIUS: [f64; 8] = [25.0, 85.0, 100.0, 125.0, 150.0, 155.0, 160.0, 170.0];

/// Draws a campaign; the files of its figure.
fn files_of(record: &CampaignRecord, stem: &Path) -> Vec<PathBuf> {
    figure::plate(&figure::retention(record, stem).unwrap(), stem, &Look::default()).unwrap()
}

fn checkpoints() -> Vec<f64> {
    std::iter::once(0.0).chain((0..=32).map(|i| 10_f64.powf(0.25 * f64::from(i)))).chain([3.15576e8]).collect()
}

fn draw(folder: &Path, stem: &str, materials: usize, celsius: &[f64], times: &[f64]) -> (usize, String) {
    let (label, outcomes) = retention(materials, celsius, times);
    let path = made_up::file(folder, &label, &outcomes);
    let record = record::open_campaign(&path).unwrap();
    let paths = files_of(&record, &folder.join(stem));
    assert_eq!(paths, ["png", "svg", "figure.csv"].map(|ending| folder.join(format!("{stem}.{ending}"))));
    // To look at: TRAPLINE_KEEP_FIGURES names a folder.
    if let Some(keep) = std::env::var_os("TRAPLINE_KEEP_FIGURES") {
        for path in &paths {
            std::fs::copy(path, Path::new(&keep).join(path.file_name().unwrap())).unwrap();
        }
    }
    let mut reader = png::Decoder::new(std::fs::File::open(&paths[0]).unwrap()).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    reader.next_frame(&mut pixels).unwrap();
    let colours: BTreeSet<&[u8]> = pixels.chunks_exact(3).collect();
    let svg = std::fs::read_to_string(&paths[1]).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    for label in ["time after programming (s)", "mean window kept (1)", "mean window lost (1)"] {
        assert_eq!(svg.matches(label).count(), materials * if label.starts_with("time") { 2 } else { 1 }, "{label}");
    }
    assert!(svg.contains("font-family=\"sans-serif\"") && !svg.contains("NaN"));
    (colours.len(), svg)
}

#[test]
fn curves_of_two_materials() {
    let folder = tempfile::tempdir().unwrap();
    let (colours, svg) = draw(folder.path(), "two", 2, &CELSIUS, &checkpoints());
    assert!(colours > 200, "{colours}");
    for name in
        ["stoff-0", "stoff-1", "170 °C", "25 °C", "10⁸", "10⁻⁵", "64 × 32 cells", "seed 20240917", "fails below 0.8"]
    {
        assert!(svg.contains(name), "{name}");
    }
    // A curve for each material and temperature, kept and lost; one legend for all.
    for rank in 0..8 {
        let Colour(r, g, b) = Colour::ordered(rank, 8);
        let stroke = format!("stroke=\"#{r:02X}{g:02X}{b:02X}\"");
        let lines = svg.lines().filter(|line| line.starts_with("<polyline") && line.contains(&stroke)).count();
        assert!(lines >= 4, "{rank}: {lines}");
    }
    assert_eq!(svg.matches("25 °C").count(), 2, "25 and 125");
    for (name, times) in [("1 min", 4), ("1 h", 4), ("1 d", 4), ("1 y", 4), ("10 y", 4), ("10⁸", 4)] {
        assert_eq!(texts(&svg).filter(|text| *text == name).count(), times, "{name}");
    }
}

fn texts(svg: &str) -> impl Iterator<Item = &str> {
    svg.split("<text").skip(1).filter_map(|rest| Some(rest.split_once('>')?.1.split_once("</text>")?.0.trim()))
}

#[test]
fn near_temperatures_have_names_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (_, svg) = draw(folder.path(), "near", 1, &[100.0, 100.01, 100.02], &checkpoints());
    let names: Vec<&str> = texts(&svg).filter(|text| text.ends_with("°C")).collect();
    assert_eq!(names, ["100.02 °C", "100.01 °C", "100 °C"]);
}

/// From the leftmost to the rightmost point of the curves in this colour, in points.
fn extent(svg: &str, Colour(r, g, b): Colour) -> (f64, f64) {
    let stroke = format!("stroke=\"#{r:02X}{g:02X}{b:02X}\"");
    let lines = svg.lines().filter(|line| line.starts_with("<polyline") && line.contains(&stroke));
    let points = lines.map(|line| line.split("points=\"").nth(1).unwrap().split('"').next().unwrap().split(' '));
    // The sample in the legend has two points and a space behind them.
    let points = points.filter(|points| points.clone().count() > 3).flatten();
    let xs = points.filter_map(|point| Some(point.split_once(',')?.0.parse::<f64>().unwrap() / 10.0));
    xs.fold((f64::INFINITY, 0.0), |(a, b), x| (a.min(x), b.max(x)))
}

#[test]
fn the_time_axis_is_as_long_as_the_bake() {
    let folder = tempfile::tempdir().unwrap();
    // The frame is 300 points wide and begins less than 70 from the edge.
    for (stem, first, last) in [("short", 1e5, 2e5), ("long", 1e-6, 1e9)] {
        let steps = (0..=20).map(|i| first * f64::powf(last / first, f64::from(i) / 20.0));
        let times: Vec<f64> = std::iter::once(0.0).chain(steps).collect();
        let (_, svg) = draw(folder.path(), stem, 1, &[25.0], &times);
        let (from, to) = extent(&svg, Colour::ordered(0, 1));
        assert!(from < 90.0 && to - from > 255.0, "{from} {to}");
        let named = texts(&svg).filter(|text| ["1 min", "1 h", "1 d", "1 y", "10 y"].contains(text)).count();
        assert_eq!(named, if stem == "short" { 0 } else { 8 }, "{stem}: all but 10 y, which is too close to 1 y");
    }
}

#[test]
fn shades_are_in_the_legend_where_there_are_any() {
    let folder = tempfile::tempdir().unwrap();
    let (label, mut outcomes) = retention(2, &CELSIUS, &checkpoints());
    for (stem, shrink, entries) in [("as-is", 1.0, 1), ("alike", 1e-12, 0)] {
        for outcome in &mut outcomes {
            outcome.kept.variance *= shrink;
        }
        let place = folder.path().join(stem);
        std::fs::create_dir(&place).unwrap();
        let record = record::open_campaign(&made_up::file(&place, &label, &outcomes)).unwrap();
        files_of(&record, &place.join(stem));
        let svg = std::fs::read_to_string(place.join(format!("{stem}.svg"))).unwrap();
        assert_eq!(svg.matches("±1 sd of cells").count(), entries, "{stem}");
        assert_eq!(svg.contains("<polygon"), entries > 0, "{stem}");
    }
}

#[test]
fn what_nearly_all_keep_is_told_apart_below() {
    let folder = tempfile::tempdir().unwrap();
    let (mut label, mut outcomes) = retention(1, &CELSIUS[..2], &[0.0, 1.0, 1e3, 1e6]);
    label.settings.iter_mut().for_each(|settings| settings.kept_threshold = 0.9);
    for (outcome, lost) in outcomes.iter_mut().zip([1e-5, 1e-3]) {
        outcome.kept.mean.fill(1.0 - lost);
        outcome.kept.variance.fill(0.0);
    }
    let record = record::open_campaign(&made_up::file(folder.path(), &label, &outcomes)).unwrap();
    files_of(&record, &folder.path().join("flat"));
    let svg = std::fs::read_to_string(folder.path().join("flat.svg")).unwrap();
    // Level lines of the panel below, in tenths of a point: a decade is at least 30 points.
    let level = |rank: usize| -> f64 {
        let Colour(r, g, b) = Colour::ordered(rank, 2);
        let stroke = format!("stroke=\"#{r:02X}{g:02X}{b:02X}\"");
        let lines = svg.lines().filter(|line| line.starts_with("<polyline") && line.contains(&stroke));
        let y = |line: &str| line.split("points=\"").nth(1)?.split([',', ' ']).nth(1)?.parse::<f64>().ok();
        lines.filter_map(y).fold(0.0, f64::max)
    };
    assert!(level(0) - level(1) > 600.0, "{} {}", level(0), level(1));
    // The threshold is named once, beside the curves and not over them.
    assert_eq!(texts(&svg).filter(|text| *text == "fails below 0.9").count(), 1);
}

#[test]
fn a_material_that_took_no_charge_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, svg) = draw(folder.path(), "three.with.dots", 3, &CELSIUS, &checkpoints());
    assert_eq!(svg.matches("no cell was programmed").count(), 2, "kept and lost");
}

#[test]
fn few_checkpoints_are_dots_or_words() {
    let folder = tempfile::tempdir().unwrap();
    let (_, svg) = draw(folder.path(), "one", 1, &CELSIUS, &[0.0, 1e6]);
    assert_eq!(svg.matches("<circle").count(), 16, "kept and lost");
    let (_, svg) = draw(folder.path(), "none", 1, &CELSIUS[..1], &[0.0]);
    assert_eq!(svg.matches("no checkpoint after t = 0").count(), 2);
}

#[test]
fn six_materials_and_many_temperatures() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<f64> = (0..40).map(|i| 25.0 + 4.0 * f64::from(i)).collect();
    let (_, svg) = draw(folder.path(), "six", 6, &many, &checkpoints());
    for m in 0..6 {
        assert!(svg.contains(&format!("stoff-{m}")));
    }
    assert!(svg.matches("°C").count() <= 20);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (label, outcomes) = retention(1, &CELSIUS[..1], &[0.0, 1.0]);
    let path = made_up::file(folder.path(), &label, &outcomes);
    let record = record::open_campaign(&path).unwrap();
    let stem = folder.path().join("none/figure");
    let plate = figure::retention(&record, &stem).unwrap();
    let line = figure::plate(&plate, &stem, &Look::default()).unwrap_err().to_string();
    assert!(line.contains("none") && !line.contains('\n'), "{line}");
    assert!(!stem.with_extension("png").exists());
}

#[test]
fn every_case_of_a_sweep_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let size = made_up::Size { materials: 1, temperatures: 1, ..made_up::SMALL };
    let mut label = made_up::swept(&size);
    let kept = [0.99, 0.95, 0.9, 0.8, 0.7, 0.6];
    let outcomes: Vec<_> = (0..label.settings.len())
        .map(|number| {
            let mut outcome = made_up::outcome(&label, number);
            outcome.kept.mean.fill(kept[number]);
            outcome.kept.variance.fill(0.0);
            outcome
        })
        .collect();
    let drawn = |label: &CampaignLabel, name: &str| {
        let outcomes = &outcomes[..label.settings.len()];
        let record = record::open_campaign(&made_up::file(folder.path(), label, outcomes)).unwrap();
        files_of(&record, &folder.path().join(name));
        std::fs::read_to_string(folder.path().join(format!("{name}.svg"))).unwrap()
    };
    // Six cases at one temperature: a colour and a name each.
    let svg = drawn(&label, "six");
    let has = |text: &str| texts(&svg).any(|found| found == text);
    assert!(has("seed 0, dose high") && has("seed 7, dose low, µ"), "{:?}", texts(&svg).collect::<Vec<_>>());
    for rank in 0..6 {
        let Colour(r, g, b) = Colour::ordered(rank, 6);
        assert!(svg.contains(&format!("#{r:02X}{g:02X}{b:02X}")), "case {rank}");
    }
    // Seeds alone lie over one another, and the first has the only name.
    label.sweeps.truncate(1);
    label.settings.truncate(3);
    let svg = drawn(&label, "seeds");
    let Colour(r, g, b) = Colour::ordered(0, 1);
    let stroke = format!("stroke=\"#{r:02X}{g:02X}{b:02X}\"");
    let lines = svg.lines().filter(|line| line.starts_with("<polyline") && line.contains(&stroke)).count();
    // Three in each panel, of which dashes make many, and the sample of the legend.
    assert!(lines >= 7, "{lines}");
    assert_eq!(texts(&svg).filter(|text| text.ends_with("°C")).count(), 1);
}
