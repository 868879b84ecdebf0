//! Figures and page of a report on lifetimes, read back from their SVG by the texts of their axes.

use crate::made_up;
use std::path::Path;
use std::process::Command;
use std::sync::{PoisonError, RwLock};

use ndarray::{Array1, Array2, Array3};
use trapline::analysis::cells;
use trapline::analysis::report::{self, Question};
use trapline::figure::lifetime::{self, LifetimeFigure};
use trapline::figure::{Chart, Colour, Curve, Map, Panel, Style, plate_svg};
use trapline::html::POINTER;
use trapline::material;
use trapline::outcome::CampaignRecord;
use trapline::outcome::*;
use trapline::record;
use trapline::report::{Attachment, page};
use trapline::units::{BOLTZMANN_EV_PER_K, kelvin, thermal_energy_ev};

const ENERGY_EV: f64 = 1.2;
const SHAPE: f64 = 1.8;
const CELSIUS: [f64; 4] = [110.0, 125.0, 140.0, 155.0];
const CELLS: u64 = 100_000;
const BINS: usize = 64;

fn times() -> Vec<f64> {
    std::iter::once(0.0).chain((0..=16).map(|i| 10_f64.powf(2.0 + 0.25 * f64::from(i)))).collect()
}

/// Weibull's scale at a temperature: 1e4 s at 150 °C.
fn scale_s(temperature_k: f64) -> f64 {
    1e4 * (ENERGY_EV * (1.0 / thermal_energy_ev(temperature_k) - 1.0 / thermal_energy_ev(kelvin(150.0)))).exp()
}

fn label(celsius: &[f64], dump: Option<CellWindow>) -> CampaignLabel {
    let times_s = times();
    let size = made_up::Size { materials: 1, temperatures: celsius.len(), times: times_s.len(), bins: BINS, dump };
    let mut label = made_up::campaign(&size);
    label.campaign_toml = "name = \"made up\"\n".to_owned();
    label.temperatures_k = celsius.iter().map(|&c| kelvin(c)).collect();
    label.times_s = times_s;
    label.circuit_times_s = Vec::new();
    label.materials[0].1 = "[injection]\nfree_share = { value = 0.5, unit = \"1\", source = \"made up\" }\n".to_owned();
    label
}

/// Counts of a law without chance, F(t) in whole cells.
fn outcomes(label: &CampaignLabel, law: impl Fn(f64, f64) -> f64) -> Vec<PointOutcome> {
    (0..label.points()).map(|number| point(label, number, &law)).collect()
}

fn point(label: &CampaignLabel, number: usize, law: &impl Fn(f64, f64) -> f64) -> PointOutcome {
    let mut outcome = made_up::outcome(label, number);
    let temperature_k = label.point(number).temperature_k;
    (outcome.cells, outcome.programmed, outcome.fresh_conductance_s) = (CELLS, CELLS, 1e-12);
    outcome.failed = label.times_s.iter().map(|&t| (CELLS as f64 * law(t, temperature_k)).round() as u64).collect();
    let checkpoints = label.times_s.len();
    // Kept: the same number of cells in each of ten bins of 0.02, which fall by a bin at each checkpoint from 0.80 to
    // 1.00 on.
    let first = |k: usize| 40 - k;
    let series = |low: f64, high: f64, first: &dyn Fn(usize) -> usize| HistogramSeries {
        low,
        high,
        counts: Array2::from_shape_fn((checkpoints, BINS), |(k, bin)| {
            if (first(k)..first(k) + 10).contains(&bin) { CELLS / 10 } else { 0 }
        }),
        below: Array1::zeros(checkpoints),
        above: Array1::zeros(checkpoints),
    };
    let moments = |ends: &dyn Fn(usize) -> (f64, f64)| MomentSeries {
        mean: (0..checkpoints).map(|k| (ends(k).0 + ends(k).1) / 2.0).collect(),
        variance: Array1::zeros(checkpoints),
        min: (0..checkpoints).map(|k| ends(k).0).collect(),
        max: (0..checkpoints).map(|k| ends(k).1).collect(),
    };
    outcome.kept = moments(&|k| (0.02 * first(k) as f64, 0.02 * (first(k) + 10) as f64));
    // Conductance: all cells in bin 20 + k, from 1e-12 to 6.4e-12 S in steps of 1e-13.
    let conductance = |k: usize| (1e-12 + 1e-13 * (20 + k) as f64, 1e-12 + 1e-13 * (21 + k) as f64);
    outcome.conductance_s = moments(&conductance);
    let mut all_in_one = series(1e-12, 7.4e-12, &|_| 100);
    (0..checkpoints).for_each(|k| all_in_one.counts[[k, 20 + k]] = CELLS);
    let kept = series(0.0, 1.28, &first);
    outcome.histograms = Some(Histograms { conductance: all_in_one, filling: kept.clone(), kept });
    outcome
}

fn weibull(time_s: f64, temperature_k: f64) -> f64 {
    -(-(time_s / scale_s(temperature_k)).powf(SHAPE)).exp_m1()
}

fn question() -> Question {
    Question {
        confidence: 0.9,
        fractions: vec![1e-3],
        use_temperatures_k: vec![kelvin(85.0)],
        across_break: false,
        pool_seeds: true,
    }
}

/// A child process keeps the locks of the HDF5 files that were open when it began: none is to be, then.
static FILES: RwLock<()> = RwLock::new(());

fn drawn(folder: &Path, label: &CampaignLabel, outcomes: &[PointOutcome]) -> (CampaignRecord, Vec<LifetimeFigure>) {
    let _open = FILES.read().unwrap_or_else(PoisonError::into_inner);
    let record = record::open_campaign(&made_up::file(folder, label, outcomes)).unwrap();
    let report = report::report(&record, &question()).unwrap();
    let figures = lifetime::lifetime(&record, &report).unwrap();
    // To look at: TRAPLINE_KEEP_FIGURES names a folder.
    if let Some(keep) = std::env::var_os("TRAPLINE_KEEP_FIGURES") {
        lifetime::write(&figures, Path::new(&keep)).unwrap();
    }
    assert_eq!(figures.iter().map(|figure| figure.name).collect::<Vec<_>>(), lifetime::NAMES);
    (record, figures)
}

fn known(label: &CampaignLabel, law: impl Fn(f64, f64) -> f64) -> Vec<LifetimeFigure> {
    let folder = tempfile::tempdir().unwrap();
    drawn(folder.path(), label, &outcomes(label, law)).1
}

fn of<'a>(figures: &'a [LifetimeFigure], name: &str) -> &'a LifetimeFigure {
    figures.iter().find(|figure| figure.name == name).unwrap()
}

fn chart(figure: &LifetimeFigure, at: usize) -> &Chart {
    match &figure.plate.as_ref().unwrap().panels[at] {
        Panel::Chart(chart) => chart,
        other => panic!("{other:?}"),
    }
}

fn map(figure: &LifetimeFigure, at: usize) -> &Map {
    match &figure.plate.as_ref().unwrap().panels[at] {
        Panel::Map(map) => map,
        other => panic!("{other:?}"),
    }
}

fn svg(figure: &LifetimeFigure) -> String {
    let svg = plate_svg(figure.plate.as_ref().unwrap()).unwrap();
    assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{}", figure.name);
    svg
}

fn attribute(tag: &str, name: &str) -> Option<f64> {
    tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.parse().ok()
}

/// Texts of an SVG with their places.
fn texts(svg: &str) -> Vec<(String, f64, f64)> {
    let inside = svg.split("</text>").filter_map(|part| part.rsplit_once("<text").and_then(|(_, t)| t.split_once('>')));
    inside
        .map(|(tag, text)| (text.trim().to_owned(), attribute(tag, "x").unwrap(), attribute(tag, "y").unwrap()))
        .collect()
}

fn has(svg: &str, wanted: &[&str]) {
    let texts = texts(svg);
    for wanted in wanted {
        assert!(texts.iter().any(|(text, ..)| text == wanted), "{wanted} is not in {texts:?}");
    }
}

fn hex(colour: Colour) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// Points of the lines in this colour, line by line, samples of a legend left out.
fn lines(svg: &str, colour: Colour) -> Vec<Vec<(f64, f64)>> {
    let stroke = format!("stroke=\"{}\"", hex(colour));
    let of = svg.split("<polyline").skip(1).map(|rest| rest.split("/>").next().unwrap());
    let found = of.filter(|tag| tag.contains(&stroke) && !tag.contains("opacity"));
    let points = found.map(|tag| tag.split("points=\"").nth(1).unwrap().split('"').next().unwrap());
    let point = |p: &str| p.split_once(',').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()));
    points.map(|points| points.split_whitespace().filter_map(point).collect()).collect()
}

/// The numbers of places on an axis, from two of its texts; the others must agree with them.
struct Scale {
    value: f64,
    place: f64,
    per_place: f64,
}

impl Scale {
    /// `named`: texts and the numbers they stand for, drawn in about this column (y axis) or row (x axis).
    fn of(svg: &str, vertical: bool, named: &[(&str, f64)]) -> Scale {
        let texts = texts(svg);
        let place = |name: &str| {
            let (_, x, y) = texts.iter().find(|(text, ..)| text == name).unwrap_or_else(|| panic!("{name}: {texts:?}"));
            if vertical { *y } else { *x }
        };
        let (first, last) = (named[0], named[named.len() - 1]);
        let per_place = (last.1 - first.1) / (place(last.0) - place(first.0));
        let scale = Scale { value: first.1, place: place(first.0), per_place };
        for (name, value) in named {
            // Places are whole tenths of a point.
            let apart = (scale.at(place(name)) - value).abs();
            assert!(apart <= 1.5 * scale.per_place.abs(), "{name} is {} and not {value}", scale.at(place(name)));
        }
        scale
    }

    fn at(&self, place: f64) -> f64 {
        self.value + (place - self.place) * self.per_place
    }
}

/// Least-squares slope, and the largest distance from that line.
fn slope(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let xy: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let slope = xy / points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum::<f64>();
    let off = points.iter().map(|p| (p.1 - y - slope * (p.0 - x)).abs()).fold(0.0, f64::max);
    (slope, off)
}

fn ordinate(share: f64) -> f64 {
    (-(-share).ln_1p()).ln()
}

const DECADES: [(&str, f64); 2] = [("10³", 3.0), ("10⁵", 5.0)];

#[test]
fn weibulls_law_is_straight_and_its_slope_is_its_shape() {
    let shares = [("0.1 %", 1e-3), ("1 %", 0.01), ("10 %", 0.1), ("99 %", 0.99)].map(|(n, f)| (n, ordinate(f)));
    let slopes = |law: &dyn Fn(f64, f64) -> f64| {
        let figures = known(&label(&CELSIUS, None), law);
        let svg = svg(of(&figures, "weibull"));
        has(
            &svg,
            &[
                "failed cells",
                "time after programming (s)",
                "110 °C",
                "155 °C",
                "law chosen by AIC",
                "the other law",
                "1000 ppm",
            ],
        );
        let (x, y) = (Scale::of(&svg, false, &DECADES), Scale::of(&svg, true, &shares));
        let of = |rank: usize| {
            // The only line of a temperature that is not dashed, and the dots.
            let all = lines(&svg, Colour::ordered(rank, 4));
            let longest = all.iter().max_by(|a, b| a.len().cmp(&b.len())).unwrap();
            let points: Vec<_> = longest.iter().map(|p| (std::f64::consts::LN_10 * x.at(p.0), y.at(p.1))).collect();
            let fill = format!("fill=\"{}\"", hex(Colour::ordered(rank, 4)));
            let circles = svg.split("<circle").skip(1).filter(|tag| tag.split("/>").next().unwrap().contains(&fill));
            let dots: Vec<_> = circles
                .map(|tag| (10_f64.powf(x.at(attribute(tag, "cx").unwrap())), y.at(attribute(tag, "cy").unwrap())))
                .collect();
            (slope(&points), dots)
        };
        (0..4).map(of).collect::<Vec<_>>()
    };
    for (rank, ((slope, off), dots)) in slopes(&weibull).into_iter().enumerate() {
        // A tenth of a point is 0.006 of the ordinate and 0.01 of ln t here, over some 8 of the one and 4 of the other.
        assert!((slope / SHAPE - 1.0).abs() < 0.01 && off < 0.03, "{rank}: {slope} {off}");
        // Dots lie on the law, but for the rounding to whole cells: at 1 of 1e5 half a cell, 0.5 of the ordinate.
        assert!(dots.len() > 4, "{dots:?}");
        // The legend's dot lies beyond the frame.
        for (time, y) in dots.iter().filter(|(time, y)| *time < 1.1e6 && *y > ordinate(1e-3) && *y < ordinate(0.999)) {
            let expected = ordinate(weibull(*time, kelvin(CELSIUS[rank])));
            assert!((y - expected).abs() < 0.05, "{rank}: {time} {y} {expected}");
        }
    }
    // The control: another shape has another slope.
    let other = |time: f64, temperature: f64| -(-(time / scale_s(temperature)).powf(1.5)).exp_m1();
    assert!(slopes(&other).iter().all(|((slope, _), _)| (slope / SHAPE - 1.0).abs() > 0.1));
}

#[test]
fn few_failures_have_bars_and_ticks_in_ppm() {
    // 1, 3 and 10 of 1e5 fail at the end; none before.
    let rare = |time: f64, temperature: f64| {
        let at_end = [1e-5, 3e-5, 1e-4]
            [if temperature < kelvin(120.0) { 0 } else { 1 + usize::from(temperature > kelvin(130.0)) }];
        if time >= 1e6 {
            at_end
        } else if time >= 5e5 {
            0.4 * at_end
        } else {
            0.0
        }
    };
    let figures = known(&label(&CELSIUS[..3], None), rare);
    let figure = of(&figures, "weibull");
    has(&svg(figure), &["1 ppm", "10 ppm", "100 ppm"]);
    let chart = chart(figure, 0);
    let (points, bars) = (&chart.curves[2].points, &chart.curves[2].bars);
    let last = points.len() - 1;
    // 10 of 1e5: bounds of Clopper and Pearson at 90 % are 5.4254 and 16.9622 (half of the chi-square quantiles of 20
    // and 22 degrees) of 1e5 in Poisson's limit, which is off by 1e-4 of themselves.
    assert!((points[last].1 - ordinate(1e-4)).abs() < 1e-9);
    for (bar, expected) in [(bars[last].0, 5.4254e-5), (bars[last].1, 16.9622e-5)] {
        let share = -(-bar.exp()).exp_m1();
        assert!((share / expected - 1.0).abs() < 5e-4, "{share} {expected}");
    }
    // The control: bars about 3 of 1e5 are others.
    assert!((chart.curves[1].bars[last].0 - bars[last].0).abs() > 0.5);
    // Where none had failed there is an upper bound only: 2.9957 of 1e5 and no dot.
    assert!(points[0].1.is_nan() && ((-(-bars[0].1.exp()).exp_m1()) / 2.9957e-5 - 1.0).abs() < 5e-4, "{bars:?}");
}

#[test]
fn the_slope_over_1000_by_t_is_the_activation_energy() {
    let found = |energy_ev: f64| {
        let law = |time: f64, t: f64| {
            let inverse = 1.0 / thermal_energy_ev(t) - 1.0 / thermal_energy_ev(kelvin(150.0));
            -(-(time / (1e4 * (energy_ev * inverse).exp())).powf(SHAPE)).exp_m1()
        };
        let figures = known(&label(&CELSIUS, None), law);
        let svg = svg(of(&figures, "arrhenius"));
        has(&svg, &["1000/T (1/K)", "time to 1000 ppm (s)", "110 °C", "155 °C", "use, 85 °C", "ln t linear in T"]);
        let (x, y) = (
            Scale::of(&svg, false, &[("2.4", 2.4), ("2.6", 2.6)]),
            Scale::of(&svg, true, &[("10³", 3.0), ("10⁴", 4.0)]),
        );
        let lines = lines(&svg, Colour(60, 60, 60));
        let longest = lines.iter().max_by_key(|line| line.len()).unwrap();
        let points: Vec<_> =
            longest.iter().map(|p| (x.at(p.0) / 1000.0, std::f64::consts::LN_10 * y.at(p.1))).collect();
        let (slope, off) = slope(&points);
        // A tenth of a point is 0.008 of ln t.
        assert!(off < 0.02, "{off}");
        slope * BOLTZMANN_EV_PER_K
    };
    let energy = found(ENERGY_EV);
    // The line rests on fitted times, whose counts are whole cells, and is read to a tenth of a point: 1 % of 1.2 eV.
    assert!((energy / ENERGY_EV - 1.0).abs() < 0.015, "{energy}");
    // The control.
    assert!((found(1.0) / ENERGY_EV - 1.0).abs() > 0.1);
}

#[test]
fn bands_are_the_quantiles_of_the_histograms() {
    let label = label(&CELSIUS[..1], None);
    let figures = known(&label, weibull);
    let figure = of(&figures, "retention");
    let chart = chart(figure, 0);
    // At checkpoint k (after 0) the cells lie evenly from 0.02 (40 - k) to 0.02 (50 - k): the quantile of p is 0.2 p
    // above the lower end. Edges are multiples of 0.02 to a rounding of 1e-16.
    let course = |share: f64| {
        times().iter().enumerate().skip(1).map(|(k, &t)| (t, 0.02 * (40 - k) as f64 + 0.2 * share)).collect()
    };
    let same = |found: &[(f64, f64)], expected: Vec<(f64, f64)>| {
        found.len() == expected.len()
            && found.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && (a.1 / b.1 - 1.0).abs() < 1e-12)
    };
    assert!(same(&chart.curves[0].points, course(0.5)), "{:?}", chart.curves[0].points);
    assert!(!same(&chart.curves[0].points, course(0.49)), "the control");
    let shades: Vec<_> = chart.curves.iter().filter(|curve| curve.style == Style::Shade).collect();
    for (shade, (lower, upper)) in shades.iter().zip([(0.05, 0.95), (0.25, 0.75)]) {
        let side = |pick: fn(&(f64, f64)) -> f64| -> Vec<(f64, f64)> {
            shade.points.iter().zip(&shade.spread).map(|(point, ends)| (point.0, pick(ends))).collect()
        };
        assert!(same(&side(|ends| ends.0), course(lower)) && same(&side(|ends| ends.1), course(upper)), "{lower}");
    }
    // 1e5 cells carry the tail of one in a thousand.
    let tail = chart.curves.iter().find(|curve| curve.style == Style::Dashed).unwrap();
    assert!(same(&tail.points, course(0.001)));
    assert!(figure.caption.contains("0.02 at most"), "{}", figure.caption);
    has(&svg(figure), &["window kept (1)", "fails below 0.8", "110 °C", "0.1 % keep less", "5 to 95 %, 25 to 75 %"]);
}

#[test]
fn few_cells_carry_no_tail() {
    let label = label(&CELSIUS[..1], None);
    let mut outcomes = outcomes(&label, weibull);
    for outcome in &mut outcomes {
        outcome.programmed = 5000;
        outcome.failed.mapv_inplace(|n| n / 20);
        outcome.histograms.as_mut().unwrap().kept.counts.mapv_inplace(|n| n / 20);
    }
    let folder = tempfile::tempdir().unwrap();
    let (_, figures) = drawn(folder.path(), &label, &outcomes);
    let figure = of(&figures, "retention");
    // But for the threshold's place in the legend, which has no points.
    let drawn = |curve: &&Curve| !curve.points.is_empty();
    assert!(chart(figure, 0).curves.iter().filter(drawn).all(|curve| curve.style != Style::Dashed));
    assert!(!svg(figure).contains("keep less") && !figure.caption.contains("of 1000"));
}

#[test]
fn conductance_stands_where_its_bin_and_checkpoint_are() {
    let figures = known(&label(&CELSIUS[..1], None), weibull);
    let svg = svg(of(&figures, "conductance"));
    has(&svg, &["conductance (S)", "share of the cells (1)", "without charge"]);
    let x = Scale::of(&svg, false, &DECADES);
    let y = Scale::of(&svg, true, &[("2", 2e-12), ("4", 4e-12)]);
    // All cells in one bin: the hottest colour, in one field a checkpoint.
    let fields: Vec<(f64, f64, f64, f64)> = svg
        .split("<rect")
        .skip(1)
        .map(|rest| rest.split("/>").next().unwrap())
        .filter(|tag| tag.contains("#F0F921"))
        .filter_map(|tag| {
            let [left, top, width, height] = ["x", "y", "width", "height"].map(|name| attribute(tag, name).unwrap());
            // The bar of colours lies beside the frame, which ends soon after 10⁶.
            (width > 100.0 && height < 100.0 && x.at(left) < 6.2).then_some((left, top, left + width, top + height))
        })
        .collect();
    assert_eq!(fields.len(), times().len() - 1, "{fields:?}");
    for (k, (left, top, right, bottom)) in (1..).zip(&fields) {
        let (time, conductance) = (times()[k].log10(), 1e-12 + 1e-13 * (20 + k) as f64);
        let inside = x.at(*left) <= time && time <= x.at(*right);
        // A field reaches 0.3 points under its neighbours, of 21 units for a bin.
        let (low, high) = (y.at(*bottom), y.at(*top));
        let apart = (low - conductance).abs().max((high - conductance - 1e-13).abs());
        assert!(inside && apart < 0.25e-13, "{k}: {time} {conductance} {low} {high}");
    }
    // The control: a field lies nowhere near the bin of the next checkpoint but one.
    assert!((y.at(fields[2].3) - (1e-12 + 1e-13 * 25.0)).abs() > 0.5e-13);
}

#[test]
fn a_failure_map_shows_each_cell_of_the_window() {
    let window = CellWindow { first_row: 7, first_col: 3, rows: 2, cols: 3 };
    let label = label(&CELSIUS[..1], Some(window));
    let mut all = outcomes(&label, weibull);
    // Cell (r, c) loses all its charge at checkpoint 4 + 2 (3 r + c), and nothing before; the last one loses none.
    let gone = |k: usize, r: usize, c: usize| k >= 4 + 2 * (3 * r + c) && (r, c) != (1, 2);
    let plane = |of: &dyn Fn(usize, usize, usize) -> f32| {
        Array3::from_shape_fn((label.times_s.len(), 2, 3), |(k, r, c)| of(k, r, c))
    };
    let lost = |k: usize, r: usize, c: usize| if gone(k, r, c) { 1.0 } else { 0.0 };
    all[0].dump = Some(CellDump {
        window,
        conductance_s: plane(&|_, _, _| 1e-12),
        filling: plane(&|k, r, c| 0.3 * (1.0 - lost(k, r, c))),
        lost_fraction: plane(&lost),
    });
    let folder = tempfile::tempdir().unwrap();
    let (_, figures) = drawn(folder.path(), &label, &all);
    let figure = of(&figures, "failures");
    let map = map(figure, 0);
    for (number, &time) in map.values.iter().enumerate() {
        let (r, c) = (number / 3, number % 3);
        if (r, c) == (1, 2) {
            assert_eq!(time, f64::INFINITY);
            continue;
        }
        // From 1 to 0 between two checkpoints, 0.8 is crossed after a fifth of the way in ln t; single precision is
        // off by 6e-8.
        let k = 4 + 2 * number;
        let expected = times()[k - 1].powf(0.8) * times()[k].powf(0.2);
        assert!((time / expected - 1.0).abs() < 1e-6, "{number}: {time} {expected}");
        assert!((time / times()[k] - 1.0).abs() > 0.1, "the control");
    }
    let svg = svg(figure);
    // Rows and columns of the array, not of the window; grey for the cell that did not fail.
    has(&svg, &["row", "column", "7", "8", "3", "4", "5", "5 of 6 cells failed, the first after 5.9"]);
    assert!(svg.contains("#C8C8C8"));

    // A cell that had failed at 0 s has the colour of the first checkpoint, not grey, and is told.
    if let Some(dump) = &mut all[0].dump {
        (0..label.times_s.len()).for_each(|k| dump.lost_fraction[[k, 0, 0]] = 1.0);
    }
    let folder = tempfile::tempdir().unwrap();
    let (_, figures) = drawn(folder.path(), &label, &all);
    let figure = of(&figures, "failures");
    let early = match &figure.plate.as_ref().unwrap().panels[0] {
        Panel::Map(early) => early,
        other => panic!("{other:?}"),
    };
    assert_eq!((early.values[[0, 0]], early.values[[0, 1]] > times()[1]), (times()[1], true));
    let said = early.subtitle.as_deref().unwrap();
    assert!(said.starts_with("5 of 6 cells failed, 1 before the bake, the first after 19"), "{said}");
}

#[test]
fn what_is_not_drawn_is_said() {
    let figures = known(&label(&CELSIUS[..1], None), weibull);
    let failures = of(&figures, "failures");
    assert!(failures.plate.is_none() && failures.left_out[0].contains("[dump]"), "{:?}", failures.left_out);
    // A line needs two temperatures.
    let arrhenius = of(&figures, "arrhenius");
    assert!(arrhenius.left_out.iter().any(|said| said.contains("no line")), "{:?}", arrhenius.left_out);
    // More cases than a page holds.
    let mut many = label(&CELSIUS[..1], None);
    let values = Coordinate::Real((0..15).map(f64::from).collect());
    let key = SweptKey { key: "read.bias_v".to_owned(), units: "V".to_owned(), values: values.clone() };
    many.sweeps = vec![Sweep { name: "bias".to_owned(), coordinate: values, keys: vec![key] }];
    many.settings = vec![many.settings[0]; 15];
    for figure in known(&many, weibull).iter().filter(|figure| figure.plate.is_some()) {
        let said = figure.left_out.join(" ");
        assert!(
            said.contains("bias = 12; ") && said.contains("bias = 14: not drawn, because a figure holds 12"),
            "{said}"
        );
        svg(figure);
    }
    // A material file that does not tell what turns charge into conductance.
    let window = CellWindow { first_row: 0, first_col: 0, rows: 4, cols: 6 };
    let mut silent = label(&CELSIUS[..1], Some(window));
    silent.materials[0].1.clear();
    let figures = known(&silent, weibull);
    assert!(of(&figures, "failures").left_out[0].contains("injection.free_share"));
}

#[test]
fn oddities_are_drawn_or_said() {
    // Random numbers of every kind, nothing programmed, nothing computed.
    let label = made_up::swept(&made_up::SMALL);
    let mut outcomes: Vec<PointOutcome> = (0..label.points()).map(|n| made_up::outcome(&label, n)).collect();
    outcomes[3].programmed = 0;
    outcomes[3].failed.fill(0);
    let folder = tempfile::tempdir().unwrap();
    let (_, figures) = drawn(folder.path(), &label, &outcomes);
    figures.iter().filter(|figure| figure.plate.is_some()).for_each(|figure| drop(svg(figure)));
    let _open = FILES.read().unwrap_or_else(PoisonError::into_inner);
    let parts = folder.path().join("shard.h5.parts");
    let point = made_up::point(&label, 2);
    record::write_point(&parts, &label, &point, &made_up::provenance("p"), &outcomes[2]).unwrap();
    let path = folder.path().join("shard.h5");
    record::merge_points(&parts, &label, &made_up::provenance("m"), &path, 2..3).unwrap();
    let record = record::open_campaign(&path).unwrap();
    let report = report::report(&record, &question()).unwrap();
    let figures = lifetime::lifetime(&record, &report).unwrap();
    page(&record, &report, &figures, &[], trapline::PROGRAM).unwrap();
}

/// The page without its scripts, which are the program's own one and JSON without a tag in it; faults where others are.
fn without_scripts(html: &str, faults: &mut Vec<String>) -> String {
    let mut rest = html.replacen(&format!("<script>{POINTER}</script>"), "", 1);
    while let Some((before, script)) = rest.split_once("<script type=\"application/json\">") {
        let (json, after) = script.split_once("</script>").unwrap_or((script, ""));
        if json.contains('<') || serde_json::from_str::<serde_json::Value>(json).is_err() {
            faults.push(format!("no plain JSON: {json}"));
        }
        rest = format!("{before}{after}");
    }
    rest
}

/// Faults of a page: tags that are not closed in order, links to nothing, scripts that are not the program's.
fn faults(html: &str, folder: &Path) -> Vec<String> {
    const ALONE: [&str; 4] = ["!DOCTYPE", "meta", "br", "link"];
    let (mut open, mut faults) = (Vec::new(), Vec::new());
    let html = &without_scripts(html, &mut faults);
    for part in html.split('<').skip(1) {
        let Some((tag, _)) = part.split_once('>') else {
            faults.push(format!("a lone <{part}"));
            continue;
        };
        let name = tag.split([' ', '\n', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop().as_deref() != Some(name) {
                faults.push(format!("</{name}> closes nothing"));
            }
        } else if !tag.ends_with('/') && !ALONE.contains(&name) {
            open.push(name.to_owned());
        }
    }
    faults.extend(open.iter().map(|name| format!("<{name}> is not closed")));
    for link in html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let there = match link.strip_prefix('#') {
            Some(id) => html.contains(&format!("id=\"{id}\"")),
            None => folder.join(link).is_file(),
        };
        if !there {
            faults.push(format!("{link} leads nowhere"));
        }
    }
    for foreign in ["src=", "url(", "http:", "https:", "<script", "@import"] {
        // The name space of SVG is an address, and nothing is fetched from it.
        let text = html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        faults.extend(text.contains(foreign).then(|| format!("{foreign} is in it")));
    }
    faults
}

#[test]
fn the_page_is_whole_and_takes_names_for_text() {
    const NASTY: &str = "<script>alert('x & y')</script>";
    let folder = tempfile::tempdir().unwrap();
    let mut label = label(&CELSIUS, None);
    label.name = format!("a {NASTY}");
    label.materials[0].0 = NASTY.to_owned();
    label.campaign_toml = format!("# {NASTY}\n");
    label.overrides = vec![NASTY.to_owned()];
    let values = Coordinate::Text(vec![NASTY.to_owned(), "\"b\" < c".to_owned()]);
    let key = SweptKey { key: "read.bias_v".to_owned(), units: "V".to_owned(), values: values.clone() };
    label.sweeps = vec![Sweep { name: "dose".to_owned(), coordinate: values, keys: vec![key] }];
    label.settings = vec![label.settings[0]; 2 * CELSIUS.len()];
    let (record, figures) = drawn(folder.path(), &label, &outcomes(&label, weibull));
    let report = report::report(&record, &question()).unwrap();
    lifetime::write(&figures, folder.path()).unwrap();
    std::fs::write(folder.path().join("report.json"), "{}").unwrap();
    let files = [Attachment { name: "report.json", holds: "all" }];
    let html = page(&record, &report, &figures, &files, trapline::PROGRAM).unwrap();
    assert_eq!(faults(&html, folder.path()), [""; 0]);
    assert!(html.contains("&lt;script&gt;alert(&#39;x &amp; y&#39;)&lt;/script&gt;, dose = &quot;b&quot; &lt; c"));
    // Each for screens and for phones.
    assert_eq!(html.matches("<svg").count(), 8, "no failure map without a dump");
    assert_eq!(html.matches("<div class=\"narrow\">").count(), 4);
    // What was asked, what was found, and what it rests on.
    let text = html.split("<svg").next().unwrap();
    assert!(text.contains("85 °C") && text.contains("1000 ppm") && text.contains(" eV ("), "{text}");
    for wanted in ["[dump]", "processor m", "remark 0 on point 1", "90 %", "less than 80 %", "Clopper"] {
        assert!(html.contains(wanted), "{wanted}");
    }
    // The controls.
    assert!(!faults(&html.replacen("</table>", "", 1), folder.path()).is_empty());
    assert_eq!(faults(&html.replace("weibull.svg", "missing.svg"), folder.path()), ["missing.svg leads nowhere"]);
    assert!(!faults(&html.replacen("&lt;script", "<script", 1), folder.path()).is_empty());
}

#[test]
fn the_command_writes_the_page_and_keeps_what_is_there() {
    let _alone = FILES.write().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let window = CellWindow { first_row: 0, first_col: 0, rows: 4, cols: 6 };
    let mut with_dump = label(&CELSIUS, Some(window));
    with_dump.materials[0].1 = material::shipped("pi-ws2-qd").unwrap().text.clone();
    let cells = |of: fn(usize) -> f32| Array3::from_shape_fn((times().len(), 4, 6), |(k, _, _)| of(k));
    let mut all = outcomes(&with_dump, weibull);
    for outcome in &mut all {
        let lost = |k: usize| if k > 5 { 0.5 } else { 0.0 };
        outcome.dump = Some(CellDump {
            window,
            conductance_s: cells(|_| 1e-12),
            filling: cells(|_| 0.3),
            lost_fraction: cells(lost),
        });
    }
    made_up::file(folder.path(), &with_dump, &all);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
        command
            .current_dir(folder.path())
            .args(["analyze", "made-up.h5", "-o", "report"])
            .args(arguments)
            .output()
            .unwrap()
    };
    let said = run(&[]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let report = folder.path().join("report");
    let html = || std::fs::read_to_string(report.join("index.html")).unwrap();
    assert_eq!(faults(&html(), &report), [""; 0]);
    assert_eq!(html().matches("<svg").count(), 10);
    let again = run(&[]);
    let line = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.code() == Some(2) && line.contains("exists") && line.contains("--force"), "{line}");
    // A figure that the next report has not does not stay beside it.
    std::fs::remove_file(folder.path().join("made-up.h5")).unwrap();
    std::fs::remove_dir_all(folder.path().join("made-up.h5.parts")).unwrap();
    let without = label(&CELSIUS, None);
    made_up::file(folder.path(), &without, &outcomes(&without, weibull));
    assert!(report.join("failures.svg").is_file() && run(&["--force"]).status.success());
    assert!(!report.join("failures.svg").exists() && !report.join("failures.png").exists());
    assert_eq!(faults(&html(), &report), [""; 0]);
}

const BAKE: &str = r#"
format = 1
name = "dumped"
seed = 3
variation = true
electrons = "mean-field"
[array]
rows = 24
cols = 24
[[material]]
use = "pi-ws2-ns"
program = [{ pulses = 30, amplitude_v = 0.7, width_s = 1e-3, interval_s = 1e-3 }]
[bake]
temperatures_c = [85.0, 125.0]
from_s = 1.0
to_s = 1e4
per_octave = 4
[dump]
first_row = 0
first_col = 0
rows = 24
cols = 24
"#;

#[test]
fn failures_of_a_dump_are_those_that_were_counted() {
    let _alone = FILES.write().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bake.toml"), BAKE).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_trapline"));
    let arguments = ["run", "bake.toml", "-o", "bake.h5", "--backend", "cpu", "--no-plot", "-q"];
    assert!(command.current_dir(folder.path()).args(arguments).output().unwrap().status.success());
    let record = record::open_campaign(&folder.path().join("bake.h5")).unwrap();
    let share = cells::free_share(&record.label, 0).unwrap();
    let apart = |share: f64, place: usize| {
        let (dump, outcome) = (record::read_dump(&record, place).unwrap().unwrap(), &record.points[place].outcome);
        let times = cells::failure_times(&dump, &record.label.times_s, 0.9, share);
        let counted = outcome.as_ref().unwrap().failed.iter().zip(&record.label.times_s);
        let apart =
            counted.map(|(&failed, &at)| failed.abs_diff(times.iter().filter(|&&time| time <= at).count() as u64));
        apart.max().unwrap()
    };
    for place in 0..2 {
        // A cell whose window lies within single precision of the threshold may be counted on either side.
        assert!(apart(share, place) <= 1, "{}", apart(share, place));
        // The control: what is kept of the charge is not what is kept of the window.
        assert!(apart(1.0, place) > 10, "{}", apart(1.0, place));
    }
}
