//! What the figures show, against the law that the campaign was made up after.

use std::process::Command;
use std::sync::PoisonError;

use ndarray::Array3;
use trapline::analysis::cells;
use trapline::analysis::report;
use trapline::figure::lifetime;
use trapline::figure::{Colour, Curve, Panel, Style};
use trapline::outcome::*;
use trapline::record;
use trapline::report::page;
use trapline::units::{BOLTZMANN_EV_PER_K, kelvin, thermal_energy_ev};

use super::read_back::{DECADES, Scale, attribute, has, hex, lines, ordinate, slope, svg};
use super::{
    CELSIUS, ENERGY_EV, FILES, SHAPE, chart, drawn, known, label, map, of, outcomes, question, scale_s, times, weibull,
};
use crate::made_up;

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
