//! Charts and maps: what is asked for is on the page, what has no place is not.

use std::path::Path;

use ndarray::Array2;
use trapline_report::figure::{self, Axis, Chart, Colour, Curve, Look, Map, Mark, Panel, Plate, Style};

/// Draws a page, looks at what holds for all of them, and returns the SVG and the bitmap's size and colours.
fn draw(plate: &Plate, name: &str) -> (String, (u32, u32), Vec<[u8; 3]>) {
    let folder = tempfile::tempdir().unwrap();
    let paths = figure::plate(plate, &folder.path().join(name), &Look::default()).unwrap();
    // To look at: TRAPLINE_KEEP_FIGURES names a folder.
    if let Some(keep) = std::env::var_os("TRAPLINE_KEEP_FIGURES") {
        for path in &paths {
            std::fs::copy(path, Path::new(&keep).join(path.file_name().unwrap())).unwrap();
        }
    }
    let svg = std::fs::read_to_string(&paths[1]).unwrap();
    assert_eq!(svg, figure::plate_svg(plate).unwrap());
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    let mut reader = png::Decoder::new(std::fs::File::open(&paths[0]).unwrap()).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut pixels).unwrap();
    // Two pixels to a point of the SVG.
    let size = format!("width=\"{}pt\" height=\"{}pt\"", info.width / 2, info.height / 2);
    assert!(svg.contains(&size), "{size}: {}", &svg[..200]);
    (svg, (info.width, info.height), pixels.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect())
}

fn hex(colour: Colour) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// Texts of an SVG, in order, markup taken back.
fn texts(svg: &str) -> Vec<String> {
    let inside = svg.split("</text>").filter_map(|part| part.rsplit_once("<text").and_then(|(_, t)| t.split_once('>')));
    let plain = |t: &str| t.trim().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    inside.map(|(_, text)| plain(text)).collect()
}

fn has(svg: &str, wanted: &[&str]) {
    let texts = texts(svg);
    for wanted in wanted {
        assert!(texts.iter().any(|t| t == wanted), "{wanted} is not in {texts:?}");
    }
}

fn logarithmic(from: f64, to: f64, count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| from * (to / from).powf(i as f64 / (count - 1) as f64))
}

fn current_voltage() -> Chart {
    let branch = |scale: f64| -> Vec<(f64, f64)> {
        logarithmic(0.02, 5.0, 80)
            .map(|v| (v, scale * (1e-11 * v + 2e-12 * v.powf(2.0) + 3e-13 * v.powf(6.5))))
            .collect()
    };
    Chart {
        title: "Current against bias, PI with WS2 dots".to_owned(),
        subtitle: Some("up and down, 0.1 V/s, 298 K".to_owned()),
        x: Axis::log("bias (V)"),
        y: Axis::log("current (A)"),
        curves: vec![
            Curve::line("up", branch(1.0)),
            Curve::line("down", branch(4.0)).styled(Style::Dashed),
            Curve::line("measured", branch(1.3).into_iter().step_by(6).collect()).styled(Style::Dots),
        ],
        marks: vec![
            Mark::Vertical { at: 1.6, label: "set voltage 1.6 V".to_owned() },
            Mark::Vertical { at: 2.9, label: "TFL limit 2.9 V".to_owned() },
            Mark::Point { x: 0.1, y: 1.02e-12, label: "slope 1.0 (ohmic)".to_owned() },
            Mark::Point { x: 1.0, y: 1.23e-11, label: "slope 2.1 (SCLC)".to_owned() },
            Mark::Point { x: 4.0, y: 2.5e-9, label: "slope 6.4 (TFL)".to_owned() },
        ],
        ..Chart::default()
    }
}

fn pulses() -> Chart {
    let series = |k: usize| -> Vec<(f64, f64)> {
        let step = 0.02 * (k + 1) as f64;
        let up = (0..50).map(|n| 1e-9 + 4e-9 * (1.0 - (-step * n as f64).exp()));
        let top = 1e-9 + 4e-9 * (1.0 - (-step * 49.0).exp());
        let down = (0..50).map(move |n| 1e-9 + (top - 1e-9) * (-step * n as f64).exp());
        up.chain(down).enumerate().map(|(n, g)| (n as f64, g)).collect()
    };
    let curves =
        (0..6).map(|k| Curve::line(format!("{:.1} V", 2.0 + 0.5 * k as f64), series(k)).styled(Style::LineAndDots));
    Chart {
        title: "Conductance against pulse number".to_owned(),
        x: Axis::linear("pulse number"),
        y: Axis::linear("conductance (S)"),
        curves: curves.collect(),
        marks: vec![
            Mark::Band { low: 3.8e-9, high: 4.3e-9, label: "window of the paper".to_owned() },
            Mark::Horizontal { at: 1e-9, label: "fresh cell, 1.0 nS".to_owned() },
        ],
        ..Chart::default()
    }
    .ordered()
}

fn retention() -> Chart {
    let curve = |(rank, t): (usize, f64)| {
        let points = logarithmic(1.0, 3.2e8, 60).map(|s| (s, (-(s / (1e10 / 10_f64.powf(t / 30.0))).powf(0.6)).exp()));
        Curve::line(format!("{t} °C"), points.collect()).coloured(Colour::ordered(rank, 4))
    };
    Chart {
        title: "Retention".to_owned(),
        x: Axis::log("time after programming (s)"),
        y: Axis::linear("window kept (1)").within(0.0, 1.05),
        curves: [25.0, 85.0, 125.0, 155.0].into_iter().enumerate().map(curve).collect(),
        marks: vec![
            Mark::Horizontal { at: 0.8, label: "fails below 0.8".to_owned() },
            Mark::Vertical { at: 3.156e8, label: "10 y".to_owned() },
            Mark::Vertical { at: 1e5, label: "measured to 10⁵ s".to_owned() },
            Mark::Point { x: 1e5, y: 0.87, label: "paper: 87 % after 10⁵ s".to_owned() },
        ],
        ..Chart::default()
    }
}

fn letter() -> Map {
    let rows = ["11111", "00100", "00100", "00100", "00100"];
    Map {
        title: "Letter T after 50 pulses".to_owned(),
        x_label: "column".to_owned(),
        y_label: "row".to_owned(),
        values: Array2::from_shape_fn((5, 5), |(r, c)| {
            let on = rows[r].as_bytes()[c] == b'1';
            if on { 4.6e-9 + 1e-10 * r as f64 } else { 1.1e-9 + 5e-11 * c as f64 }
        }),
        value_label: "conductance (S)".to_owned(),
        ..Map::default()
    }
}

fn weights(digit: usize, shared: bool) -> Map {
    let values = Array2::from_shape_fn((28, 28), |(r, c)| {
        let (y, x) = (r as f64 - 13.5, c as f64 - 13.5);
        let ring = x.hypot(y * (0.6 + 0.08 * digit as f64));
        (-(ring - 7.0).powi(2) / 6.0).exp() - 0.6 * (-(x * x + y * y) / 90.0).exp()
    });
    let range = shared.then_some((-1.0, 1.0));
    let value_label = "weight (1)".to_owned();
    Map { title: format!("{digit}"), values, value_label, range, ..Map::default() }
}

fn confusion() -> Map {
    Map {
        title: "Confusion, 1,000 test digits".to_owned(),
        x_label: "digit read".to_owned(),
        y_label: "digit shown".to_owned(),
        values: Array2::from_shape_fn(
            (10, 10),
            |(r, c)| if r == c { 88.0 + r as f64 } else { ((r * 7 + c * 3) % 5) as f64 },
        ),
        value_label: "digits (1)".to_owned(),
        annotate: true,
        ..Map::default()
    }
}

#[test]
fn curves_marks_and_legend_are_on_the_page() {
    let (svg, _, pixels) = draw(&Plate::of(current_voltage()), "iv");
    for number in 0..3 {
        assert!(svg.contains(&hex(Colour::distinct(number))), "{number}");
        let Colour(r, g, b) = Colour::distinct(number);
        assert!(pixels.contains(&[r, g, b]), "{number}");
    }
    let words = ["bias (V)", "current (A)", "up", "down", "measured", "10⁻⁹", "10⁻¹²", "0.1", "10"];
    has(&svg, &words[..7]);
    has(&svg, &["set voltage 1.6 V", "TFL limit 2.9 V", "slope 1.0 (ohmic)", "slope 2.1 (SCLC)", "slope 6.4 (TFL)"]);
    // Rings twice (white, then ink), dots once.
    assert_eq!(svg.matches("<circle").count(), 2 * 3 + 14 + 1);

    let (svg, _, _) = draw(&Plate::of(pulses()), "pulses");
    for rank in 0..6 {
        assert!(svg.contains(&hex(Colour::ordered(rank, 6))), "{rank}");
    }
    has(&svg, &["2.0 V", "4.5 V", "×10⁻⁹", "window of the paper", "fresh cell, 1.0 nS"]);
    let (svg, _, _) = draw(&Plate::of(retention()), "retention");
    has(&svg, &["25 °C", "155 °C", "10⁰", "10⁸", "fails below 0.8", "10 y", "paper: 87 % after 10⁵ s"]);
}

#[test]
fn maps_show_every_cell() {
    let one = |map: Map| Plate { panels: vec![Panel::Map(map)], ..Plate::default() };
    let (svg, _, _) = draw(&one(letter()), "letter");
    has(&svg, &["row", "column", "conductance (S)", "×10⁻⁹", "4", "Letter T after 50 pulses"]);
    let (svg, _, _) = draw(&one(confusion()), "confusion");
    has(&svg, &["digit read", "digit shown", "88", "97", "9"]);
    assert_eq!(texts(&svg).iter().filter(|t| t.parse::<u32>().is_ok_and(|n| n >= 88)).count(), 10);
    let plate = Plate {
        title: Some("Weights of the ten outputs".to_owned()),
        panels: (0..10).map(|digit| Panel::Map(weights(digit, true))).collect(),
        columns: 5,
    };
    let (svg, (width, height), _) = draw(&plate, "weights");
    // One colour bar for each row of five.
    assert_eq!(texts(&svg).iter().filter(|t| *t == "weight (1)").count(), 2);
    assert!(width > height);
    let alone =
        Plate { panels: vec![Panel::Map(weights(3, false)), Panel::Map(weights(4, false))], columns: 2, ..plate };
    let (svg, _, _) = draw(&alone, "two-weights");
    assert_eq!(texts(&svg).iter().filter(|t| *t == "weight (1)").count(), 2);
}

#[test]
fn a_page_mixes_charts_and_maps() {
    let plate = Plate {
        title: Some("One page of everything".to_owned()),
        panels: vec![
            Panel::Chart(current_voltage()),
            Panel::Chart(pulses()),
            Panel::Chart(retention()),
            Panel::Map(letter()),
            Panel::Map(confusion()),
        ],
        columns: 2,
    };
    let (svg, _, _) = draw(&plate, "mixed");
    has(&svg, &["One page of everything", "Retention", "digit read"]);
}

#[test]
fn text_is_escaped_and_control_characters_are_gone() {
    let mut chart = current_voltage();
    chart.title = "a < b & \"c\" > d".to_owned();
    chart.curves[0].label = "<script>".to_owned();
    chart.marks = vec![Mark::Horizontal { at: 1e-10, label: "x & y \u{0}\u{1b}".to_owned() }];
    let (svg, _, _) = draw(&Plate::of(chart), "escaped");
    assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;") && !svg.contains(['\0', '\u{1b}']));
    assert!(texts(&svg).iter().any(|t| t.starts_with("a < b &")), "{:?}", texts(&svg));
}

#[test]
fn what_has_no_place_is_left_out() {
    let odd = vec![(f64::NAN, 1.0), (0.0, 1.0), (-1.0, 1.0), (1.0, f64::INFINITY), (1.0, 0.0), (2.0, 5.0)];
    let chart = |log: bool| Chart {
        title: "odd".to_owned(),
        x: Axis { label: "x".to_owned(), log, range: None, ..Axis::default() },
        y: Axis { label: "y".to_owned(), log, range: None, ..Axis::default() },
        curves: vec![Curve::line("c", odd.clone()).styled(Style::Dots)],
        marks: vec![
            Mark::Horizontal { at: -3.0, label: "below".to_owned() },
            Mark::Vertical { at: f64::NAN, label: "none".to_owned() },
        ],
        ..Chart::default()
    };
    let (svg, _, _) = draw(&Plate::of(chart(true)), "odd-log");
    // One point, and its sample in the legend; a mark at a negative number has no place.
    assert_eq!(svg.matches("<circle").count(), 1 + 1);
    assert!(!texts(&svg).iter().any(|t| t == "below" || t == "none"));
    let (svg, _, _) = draw(&Plate::of(chart(false)), "odd");
    assert_eq!(svg.matches("<circle").count(), 4 + 1);
    has(&svg, &["below"]);
}

#[test]
fn lines_end_at_the_frame() {
    let mut chart = pulses();
    chart.title.clear();
    chart.marks.clear();
    chart.x = Axis::linear("pulse number").within(20.0, 60.0);
    chart.y = Axis::linear("conductance (S)").within(2e-9, 4e-9);
    for curve in &mut chart.curves {
        curve.style = Style::Line;
        curve.label.clear();
    }
    let (svg, _, _) = draw(&Plate::of(chart), "clipped");
    let points = |colour: &str| -> Vec<(f64, f64)> {
        let lines = svg.split("<polyline").skip(1).filter(|line| line.contains(colour));
        let lists = lines.filter_map(|line| line.split("points=\"").nth(1)?.split('"').next());
        let point = |p: &str| p.split_once(',').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()));
        lists.flat_map(str::split_whitespace).filter_map(point).collect()
    };
    // Frame and ticks are the ink lines, and the ticks point inwards.
    let frame = points("#282828");
    let ends = |pick: fn(&(f64, f64)) -> f64| {
        let all = || frame.iter().map(pick);
        (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max))
    };
    let ((left, right), (top, bottom)) = (ends(|p| p.0), ends(|p| p.1));
    assert_eq!((right - left, bottom - top), (3000.0, 2100.0));
    for rank in 0..6 {
        let curve = points(&hex(Colour::ordered(rank, 6)));
        assert!(!curve.is_empty());
        for (x, y) in curve {
            assert!((left..=right).contains(&x) && (top..=bottom).contains(&y), "{x}, {y}");
        }
    }
}

#[test]
fn nothing_says_so() {
    let empty = |log: bool| Chart {
        x: Axis { log, ..Axis::linear("x") },
        curves: vec![Curve::line("none", vec![(f64::NAN, 1.0)])],
        ..Chart::default()
    };
    for chart in [Chart::default(), empty(false), empty(true)] {
        let (svg, _, _) = draw(&Plate::of(chart), "empty");
        has(&svg, &["no data"]);
    }
    let (svg, _, _) = draw(&Plate { panels: vec![Panel::Map(Map::default())], ..Plate::default() }, "empty-map");
    has(&svg, &["no data"]);
    draw(&Plate::default(), "empty-page");
    let map = Map { values: Array2::from_elem((2, 2), f64::NAN), log: true, annotate: true, ..Map::default() };
    draw(&Plate { panels: vec![Panel::Map(map)], ..Plate::default() }, "undefined-map");
}

#[test]
fn odd_ranges_have_ticks() {
    for (low, high) in
        [(0.0, 0.0), (5.0, 5.0), (-1e300, 1e300), (1e-320, 2e-320), (1.0, 1.0 + 1e-15), (-3e-9, 1e-7), (999.0, 1001.0)]
    {
        for log in [false, true] {
            let chart = Chart {
                x: Axis { log, ..Axis::linear("x") },
                y: Axis { log, ..Axis::linear("y").within(high, low) },
                curves: vec![Curve::line(
                    "a curve with a name that has no room beside the chart",
                    vec![(low, low), (high, high)],
                )],
                ..Chart::default()
            };
            draw(&Plate::of(chart), "odd-range");
            let map = Map { values: ndarray::arr2(&[[low, high]]), log, annotate: true, ..Map::default() };
            draw(&Plate { panels: vec![Panel::Map(map)], ..Plate::default() }, "odd-range-map");
        }
    }
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("none/figure");
    let line = figure::plate(&Plate::of(pulses()), &stem, &Look::default()).unwrap_err().to_string();
    assert!(line.contains("none") && !line.contains('\n'), "{line}");
    let many = Plate { panels: vec![Panel::Chart(pulses()); 60], columns: 1, ..Plate::default() };
    let line = figure::plate_svg(&many).unwrap_err().to_string();
    assert!(line.contains("draw fewer panels"), "{line}");
}

/// Corners of the filled areas of a colour, by their number.
fn corners(svg: &str, colour: Colour) -> Vec<usize> {
    let areas = svg.lines().filter(|line| line.starts_with("<polygon") && line.contains(&hex(colour)));
    let points = areas.filter_map(|line| line.split_once("points=\"")?.1.split('"').next().map(str::to_owned));
    points.map(|points| points.split_whitespace().count()).collect()
}

#[test]
fn arrows_tell_which_way_a_sweep_went() {
    let there: Vec<(f64, f64)> = (0..=20).map(|i| (f64::from(i), 1.0 + f64::from(i))).collect();
    let back = there.iter().rev().skip(1).map(|(x, y)| (*x, y + 3.0));
    let sweep: Vec<_> = there.iter().copied().chain(back).collect();
    let colour = Colour(1, 2, 3);
    let of = |curve: Curve| {
        figure::plate_svg(&Plate::of(Chart { curves: vec![curve.coloured(colour)], ..Chart::default() })).unwrap()
    };
    // One head each way, of three corners; none where nobody asks.
    let (with, without) = (of(Curve::line("", sweep.clone()).directed()), of(Curve::line("", sweep)));
    assert_eq!((corners(&with, colour).len(), corners(&without, colour).len()), (2, 0));
    assert!(corners(&with, colour).iter().all(|corners| (3..=4).contains(corners)), "{:?}", corners(&with, colour));
}

#[test]
fn a_phone_has_the_panels_below_one_another() {
    let chart = |name: &str| {
        Panel::Chart(Chart {
            title: name.to_owned(),
            curves: vec![Curve::line("a name of a curve", vec![(0.0, 0.0), (1.0, 1.0)])],
            ..Chart::default()
        })
    };
    let plate =
        Plate { title: Some("two".to_owned()), panels: vec![chart("left"), Panel::Blank, chart("right")], columns: 3 };
    let drawn = figure::page_drawing(&plate).unwrap();
    let narrow = drawn.narrow.expect("narrower");
    let width =
        |svg: &str| -> f64 { svg.split_once("width=\"").unwrap().1.split_once("pt\"").unwrap().0.parse().unwrap() };
    // A phone is 360 to 430 points wide.
    assert!(width(&narrow) < 400.0 && width(&drawn.wide) > 700.0, "{} {}", width(&narrow), width(&drawn.wide));
    let named = |svg: &str| ["left", "right"].iter().all(|name| texts(svg).iter().any(|text| text == name));
    assert!(named(&drawn.wide) && named(&narrow));
}
