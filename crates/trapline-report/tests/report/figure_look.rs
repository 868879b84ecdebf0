//! What figures are made for: sizes on paper, letters, the numbers beside them, and pages that tell them.

use std::path::PathBuf;

use ndarray::Array2;
use trapline_model::files::commit::Batch;
use trapline_report::figure::{self, Axis, Chart, Curve, Look, MM_PER_PT, Map, Medium, Panel, Plate};
use trapline_report::report::stage_figure;

fn chart(title: &str) -> Chart {
    let decay = |s: f64| (0..40).map(move |i| (10_f64.powf(0.2 * f64::from(i)), (-s * f64::from(i)).exp())).collect();
    Chart {
        title: title.to_owned(),
        subtitle: Some("outside of validity".to_owned()),
        x: Axis::log("time (s)"),
        y: Axis::linear("kept (1)"),
        curves: vec![Curve::line("quantum dots", decay(0.001)), Curve::line("nanosheets", decay(0.05))],
        ..Chart::default()
    }
}

fn one() -> Plate {
    Plate::of(chart("alone"))
}

fn several(count: usize, columns: usize) -> Plate {
    let map = Map {
        title: "map".to_owned(),
        x_label: "Bit line".to_owned(),
        values: Array2::from_shape_fn((12, 12), |(i, j)| (i + j) as f64),
        value_label: "Current (nA)".to_owned(),
        ..Map::default()
    };
    let panel =
        |i: usize| if i % 3 == 2 { Panel::Map(map.clone()) } else { Panel::Chart(chart(&format!("panel {i}"))) };
    Plate { title: Some("all of them".to_owned()), panels: (0..count).map(panel).collect(), columns }
}

/// Width and height of an SVG, mm, and the sizes of its letters, pt.
fn measures(svg: &str) -> ((f64, f64), Vec<f64>) {
    let of = |name: &str| -> f64 {
        svg.split_once(&format!(" {name}=\"")).unwrap().1.split_once("pt\"").unwrap().0.parse().unwrap()
    };
    let view = svg.split_once("viewBox=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let units: Vec<f64> = view.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let pt_per_unit = of("width") / units[2];
    assert!((of("height") / units[3] / pt_per_unit - 1.0).abs() < 1e-3, "{view}");
    // plotters gives letters 1/1.24 of the size that it is asked for.
    let letters = svg.split("font-size=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap());
    let letters = letters.map(|size| 1.24 * size * pt_per_unit).collect();
    ((of("width") * MM_PER_PT, of("height") * MM_PER_PT), letters)
}

/// Draws a plate in a look: its SVG, and width and height of its bitmap with the pixels per metre it names.
fn drawn(plate: &Plate, look: &Look, name: &str) -> (String, (u32, u32, u32)) {
    let folder = tempfile::tempdir().unwrap();
    let paths = figure::plate(plate, &folder.path().join(name), look).unwrap();
    if let Some(keep) = std::env::var_os("TRAPLINE_KEEP_FIGURES") {
        for path in &paths {
            std::fs::copy(path, PathBuf::from(&keep).join(path.file_name().unwrap())).unwrap();
        }
    }
    let reader = png::Decoder::new(std::fs::File::open(&paths[0]).unwrap()).read_info().unwrap();
    let info = reader.info();
    let dims = info.pixel_dims.unwrap();
    assert_eq!((dims.unit, dims.xppu), (png::Unit::Meter, dims.yppu));
    (std::fs::read_to_string(&paths[1]).unwrap(), (info.width, info.height, dims.xppu))
}

#[test]
fn a_figure_is_as_large_as_its_medium_has_it() {
    // Plates, their width in a paper, mm, and whether their letters fit at the size asked for.
    let plates = [
        ("one", one(), 85.0, true),
        ("two", several(2, 2), 178.0, true),
        ("below", several(3, 1), 85.0, true),
        ("six", several(6, 3), 178.0, false),
        ("many", several(12, 4), 178.0, false),
    ];
    for (name, plate, paper_mm, fits) in &plates {
        let cases = [
            ("paper", Look::of(Medium::Paper), *paper_mm, 8.0, 300.0),
            ("wide", Look::of(Medium::Paper).wide(200.0).unwrap(), 200.0, 8.0, 300.0),
            ("slide", Look::of(Medium::Slide), 338.667, 18.0, 144.0),
            ("own", Look::default().wide(120.0).unwrap().lettered(6.0).unwrap(), 120.0, 6.0, 144.0),
        ];
        for (medium, look, width_mm, letters_pt, dots) in cases {
            let what = format!("{name} {medium}");
            let (svg, (width_px, height_px, per_metre)) = drawn(plate, &look, &format!("{name}-{medium}"));
            let ((width, height), letters) = measures(&svg);
            // A drawing is of whole points, before it is zoomed.
            assert!((width - width_mm).abs() < 0.6, "{what}: {width} mm");
            if medium == "slide" {
                assert!((width / height - 16.0 / 9.0).abs() < 0.01, "{what}: {width} x {height}");
            }
            let pixels = f64::from(width_px) / f64::from(height_px);
            assert!((pixels * height / width - 1.0).abs() < 0.01, "{what}: {width_px} x {height_px}");
            assert!((f64::from(per_metre) * 0.0254 - dots).abs() < 0.1, "{what}: {per_metre}");
            let size_mm = 25.4 * f64::from(width_px) / dots;
            assert!((size_mm / width - 1.0).abs() < 0.01, "{what}: {size_mm} mm of pixels");
            let mut sizes = letters.clone();
            sizes.sort_by(f64::total_cmp);
            let axis = sizes[sizes.len() / 2];
            assert!(axis < letters_pt + 0.3, "{what}: letters of {axis} pt");
            if *fits && medium == "paper" {
                assert!(axis > letters_pt - 0.3, "{what}: letters of {axis} pt");
            }
        }
    }
}

#[test]
fn a_paper_has_no_title_but_letters() {
    let paper = Look::of(Medium::Paper);
    let (svg, _) = drawn(&one(), &paper, "untitled");
    assert!(!svg.contains("alone") && svg.contains("outside of validity"), "what is said under a title stays");
    let (svg, _) = drawn(&several(3, 2), &paper, "lettered");
    assert!(!svg.contains("all of them"));
    for title in ["(a) panel 0", "(b) panel 1", "(c) map"] {
        assert!(svg.contains(title), "{title}");
    }
    let (svg, _) = drawn(&one(), &Look::default(), "titled");
    assert!(svg.contains("alone") && svg.contains("font-family=\"sans-serif\""));
    let own = Look::of(Medium::Slide).in_font("Source Sans 3").unwrap();
    let (svg, _) = drawn(&one(), &own, "font");
    assert!(svg.contains("font-family=\"'Source Sans 3', sans-serif\"") && !svg.contains("\"sans-serif\""));
}

#[test]
fn curves_of_a_page_can_be_told_and_hidden() {
    let plate = several(4, 2);
    let drawing = figure::page_drawing(&plate).unwrap();
    for svg in [&drawing.wide, drawing.narrow.as_ref().unwrap()] {
        assert_eq!((svg.matches("<g ").count(), svg.matches("</g>").count()), (12, 12));
        for (panel, curve) in [(0, 0), (0, 1), (1, 0), (3, 1)] {
            for class in ["curve", "key"] {
                let tag = format!("<g class=\"{class}\" data-panel=\"{panel}\" data-curve=\"{curve}\">");
                assert_eq!(svg.matches(&tag).count(), 1, "{tag}");
            }
        }
        assert!(!svg.contains('\u{1}'));
        // What is in a group is drawn in its colour, and only there.
        let inside = svg.split("<g class=\"curve\" data-panel=\"0\" data-curve=\"1\">").nth(1).unwrap();
        let inside = inside.split("</g>").next().unwrap();
        assert!(inside.contains("<polyline") && inside.contains("#D55E00") && !inside.contains("<text"), "{inside}");
    }
    let told: serde_json::Value = serde_json::from_str(&drawing.told).unwrap();
    let panels = told["panels"].as_array().unwrap();
    assert_eq!(panels.len(), 4);
    assert_eq!(panels[0]["curves"][1]["label"], "nanosheets");
    assert_eq!(panels[0]["curves"][1]["points"][0], serde_json::json!([1.0, 1.0]));
    assert_eq!(panels[2]["map"]["values"][3][4], 7.0);
    // A point lies where its axes and its frame say, in tenths of a point: the first of the curve, from the left.
    let first = |svg: &str| -> (f64, f64) {
        let group = svg.split("<g class=\"curve\" data-panel=\"0\" data-curve=\"1\">").nth(1).unwrap();
        let points = group.split_once("points=\"").unwrap().1.split(['"', ' ']).next().unwrap();
        let (x, y) = points.split_once(',').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    };
    for (form, svg) in [(0, &drawing.wide), (1, drawing.narrow.as_ref().unwrap())] {
        let number = |value: &serde_json::Value| value.as_f64().unwrap();
        let frame: Vec<f64> = panels[0]["frames"][form].as_array().unwrap().iter().map(number).collect();
        let part = |axis: &serde_json::Value, view: f64| {
            (view - number(&axis["low"])) / (number(&axis["high"]) - number(&axis["low"]))
        };
        let x = frame[0] + part(&panels[0]["x"], 0.0) * (frame[2] - frame[0]);
        let y = frame[3] - part(&panels[0]["y"], 1.0) * (frame[3] - frame[1]);
        let found = first(svg);
        assert!((found.0 - 10.0 * x).abs() < 1.0 && (found.1 - 10.0 * y).abs() < 1.0, "{found:?} at {x} {y}");
    }
}

#[test]
fn a_page_of_a_figure_stands_alone_and_takes_text_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let mut plate = one();
    let bad = "</script><img src=x onerror=y>\u{202e}";
    if let Panel::Chart(chart) = &mut plate.panels[0] {
        chart.title = bad.to_owned();
        chart.curves[0].label = bad.to_owned();
    }
    let mut batch = Batch::new();
    let look = Look::default().with_page(true);
    let paths = stage_figure(&mut batch, &plate, &folder.path().join("a.b"), &look).unwrap();
    batch.replace().unwrap();
    let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, look.endings().iter().map(|ending| format!("a.b.{ending}")).collect::<Vec<_>>());
    let page = std::fs::read_to_string(&paths[3]).unwrap();
    assert!(!page.contains("<img") && !page.contains('\u{202e}'));
    // A script of data, and the one that reads it.
    assert_eq!((page.matches("<script").count(), page.matches("</script>").count()), (2, 2));
    for outside in ["src=\"", "http://", "https://"] {
        let found = page.matches(outside).count()
            - page.matches("http://www.w3.org/2000/svg").count() * usize::from(outside == "http://");
        assert_eq!(found, 0, "{outside}");
    }
    let json = page.split_once("<script type=\"application/json\">").unwrap().1.split_once("</script>").unwrap().0;
    let told: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(told["panels"][0]["curves"][0]["label"], bad);
}

#[test]
fn the_numbers_of_a_figure_lie_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let paths = figure::plate(&several(3, 2), &folder.path().join("f"), &Look::of(Medium::Paper)).unwrap();
    let text = std::fs::read_to_string(&paths[2]).unwrap();
    assert_eq!(text.lines().count(), 1 + 2 * 2 * 40 + 144);
    assert_eq!(text.lines().nth(1), Some("1,panel 0,quantum dots,time (s),1,kept (1),1,,,,"));
    assert_eq!(text.lines().last(), Some("3,map,,Bit line,11,row,11,,,Current (nA),22"));
}

#[test]
fn long_legends_and_labels_stay_on_their_page() {
    let mut long = chart("many");
    let one = long.curves[0].clone();
    long.curves = (0..16).map(|i| Curve { label: format!("{i} °C"), ..one.clone() }).collect();
    long.y.label = "Conductance over that of the cell at the start, without its noise (1)".to_owned();
    for look in [Look::of(Medium::Paper), Look::of(Medium::Slide), Look::default().wide(60.0).unwrap()] {
        let (svg, _) = drawn(&Plate::of(long.clone()), &look, "long");
        let view = svg.split_once("viewBox=\"0 0 ").unwrap().1.split('"').next().unwrap();
        let (width, height) =
            view.split_once(' ').map(|(w, h)| (w.parse::<f64>().unwrap(), h.parse::<f64>().unwrap())).unwrap();
        let places: Vec<(f64, f64, &str)> = svg
            .split("<text")
            .skip(1)
            .map(|tag| {
                let of = |name: &str| -> f64 {
                    tag.split_once(&format!(" {name}=\"")).unwrap().1.split('"').next().unwrap().parse().unwrap()
                };
                (of("x"), of("y"), tag.split_once('>').unwrap().1.split('<').next().unwrap().trim())
            })
            .collect();
        let names: Vec<_> = places.iter().filter(|(.., text)| text.ends_with("°C")).collect();
        assert_eq!(names.len(), 16);
        assert!(
            places.iter().all(|&(x, y, _)| (0.0..=width).contains(&x) && (0.0..=height).contains(&y)),
            "{places:?}"
        );
        // No two names lie on one another: a line of letters is 11 points high, the SVG in tenths of one.
        for (i, one) in names.iter().enumerate() {
            for other in &names[..i] {
                assert!((one.0 - other.0).abs() > 200.0 || (one.1 - other.1).abs() > 100.0, "{one:?} {other:?}");
            }
        }
        // The label, turned, is no longer than its page: its size says so.
        let turned = svg.split("<text").find(|tag| tag.contains("rotate") && tag.contains("Conductance")).unwrap();
        let size: f64 = turned.split_once("font-size=\"").unwrap().1.split('"').next().unwrap().parse().unwrap();
        let letters = turned.split_once('>').unwrap().1.split('<').next().unwrap().trim().chars().count() as f64;
        assert!(0.6 * size * letters < height, "{size} x {letters} in {height}");
    }
}

#[test]
fn pages_are_as_large_as_they_are_on_paper() {
    let folder = tempfile::tempdir().unwrap();
    let wide = Look::default().wide(500.0).unwrap().lettered(4.0).unwrap();
    figure::plate(&one(), &folder.path().join("wide"), &wide).unwrap();
    let vast = Look::default().lettered(72.0).unwrap();
    let line = figure::plate(&several(12, 4), &folder.path().join("vast"), &vast).unwrap_err().to_string();
    assert!(line.contains("smaller") && !folder.path().join("vast.png").exists(), "{line}");
}

#[test]
fn bars_without_a_lower_end_are_open_and_in_sight() {
    let bars = vec![(0.0, 1e-3), (1e-6, 1e-4)];
    let curve = Curve::line("bounds", vec![(1.0, f64::NAN), (100.0, 1e-5)]).barred(bars);
    let chart =
        Chart { x: Axis::log("t"), y: Axis::log("f").within(1e-8, 1.0), curves: vec![curve], ..Chart::default() };
    let svg = figure::plate_svg(&Plate::of(chart)).unwrap();
    // The first bar has one cap, the second two; both are on the page.
    let lines: Vec<&str> =
        svg.lines().filter(|line| line.starts_with("<polyline") && line.contains("opacity=\"0.6\"")).collect();
    assert_eq!(lines.len(), 5, "{svg}");
}
