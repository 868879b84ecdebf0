//! What a page's script does when somebody points and clicks, asked of a browser: the page of a figure is opened in
//! Chromium without a window, a second script points and clicks, and what it sees is read from the page as the browser
//! leaves it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ndarray::array;
use serde_json::{Value, json};
use trapline_model::files::commit::Batch;
use trapline_report::figure::{Axis, Chart, Curve, Heat, Look, Map, Panel, Plate, Style};
use trapline_report::html::POINTER;
use trapline_report::report::stage_figure;

/// Points and clicks as a mouse does: whatever lies on top at a place gets the event. The page's policy lets scripts in
/// the page run, so that it is the page that is tried, with this one more at its end.
const VISITOR: &str = r#"
const seen = [];
const svg = [...document.querySelectorAll("svg")].find((one) => one.getClientRects().length > 0);
const told = () => {
  const box = document.querySelector(".told");
  return box && box.getClientRects().length > 0 ? box.textContent : null;
};
const middle = (part) => {
  const { left, right, top, bottom } = part.getBoundingClientRect();
  return [(left + right) / 2, (top + bottom) / 2];
};
const send = (type, kind, [clientX, clientY], more) => {
  const on = document.elementFromPoint(clientX, clientY);
  on.dispatchEvent(new kind(type, { clientX, clientY, bubbles: true, ...more }));
};
const point = (place) => {
  send("pointermove", PointerEvent, place, { pointerType: "mouse" });
  return told();
};
const curve = (panel, number) => svg.querySelector(`.curve[data-panel="${panel}"][data-curve="${number}"]`);
const dot = (panel, number, i) => middle(curve(panel, number).querySelectorAll("circle")[i]);
const key = (panel, number) => svg.querySelector(`.key[data-panel="${panel}"][data-curve="${number}"]`);
const shown = () => [[0, 0], [0, 1], [1, 0], [1, 1]].map(([p, c]) => getComputedStyle(curve(p, c)).display !== "none");
const note = (what, value) => seen.push([what, value]);
const form = svg.closest(".narrow") ? 1 : 0;
const source = document.querySelector(".drawing script");
const frames = JSON.parse(source.textContent).panels.map((panel) => panel.frames[form]);
// A place inside a frame, by its share of the width from the left and of the height from the top.
const inside = (panel, across, down) => {
  const [left, top, right, bottom] = frames[panel];
  const at = new DOMPoint(10 * (left + across * (right - left)), 10 * (top + down * (bottom - top)));
  const { x, y } = at.matrixTransform(svg.getScreenCTM());
  return [x, y];
};

note("first dot", point(dot(0, 0, 0)));
note("hour", point(dot(0, 0, 1)));
note("bar", point(dot(0, 1, 1)));
note("unnamed panel", point(dot(1, 0, 1)));
note("map, top left", point(inside(2, 0.1, 0.1)));
note("map, bottom right", point(inside(2, 0.9, 0.9)));
note("map, no value", point(inside(2, 0.5, 0.1)));
note("heat", point(inside(3, 0.75, 0.25)));
note("beside panels", point(inside(0, -0.05, 0.5)));
point(dot(0, 0, 1));
svg.dispatchEvent(new PointerEvent("pointerleave", { pointerType: "mouse" }));
note("left", told());

note("all", shown());
send("click", MouseEvent, middle(key(0, 0).querySelector("text")));
note("a click", shown());
note("pressed", key(0, 0).getAttribute("aria-pressed"));
note("hidden dot", point(dot(0, 1, 0)));
key(0, 0).dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
note("enter", shown());
key(0, 1).dispatchEvent(new KeyboardEvent("keydown", { key: "x", bubbles: true }));
note("another key", shown());
note("shown again", point(dot(0, 0, 1)));
const pre = document.createElement("pre");
pre.id = "seen";
pre.textContent = JSON.stringify(seen);
document.body.append(pre);
"#;

/// A chart with names, one without in the same colours, a map and a chart of fields. In the first both curves have a
/// point at one place, of which the first curve's is told as long as that is shown.
fn figure() -> Plate {
    let dots = |label: &str, points: &[(f64, f64)]| Curve::line(label, points.to_vec()).styled(Style::LineAndDots);
    let bars = vec![(1.0, 1.0), (0.25, 0.75), (0.0, 0.5)];
    let named = Chart {
        title: "named".to_owned(),
        x: Axis::log("time (s)"),
        y: Axis::linear("kept (1)"),
        curves: vec![
            dots("dots", &[(1.0, 1.0), (3600.0, 0.8), (3e7, 0.7)]),
            Curve { bars, ..dots("sheets", &[(1.0, 1.0), (3600.0, 0.5), (3e7, 0.125)]) },
        ],
        ..Chart::default()
    };
    let unnamed = Chart {
        title: "not named".to_owned(),
        x: Axis::linear("bias (V)"),
        y: Axis::linear("current (A)"),
        curves: vec![
            dots("", &[(0.0, 0.0), (1.0, 2.5e-9)]).named("dots, read"),
            dots("", &[(0.0, 1e-9), (1.0, 1e-9)]).named("sheets, read"),
        ],
        ..Chart::default()
    };
    let map = Map {
        title: "map".to_owned(),
        values: array![[1.0, f64::NAN, 3.0], [4.0, 5.0, 6.5]],
        first: (10, 20),
        step: 2,
        value_label: "conductance (nS)".to_owned(),
        ..Map::default()
    };
    let heat = Heat {
        x_edges: vec![0.0, 1.0, 2.0],
        y_edges: vec![0.0, 1.0, 2.0],
        values: array![[1.0, 2.0], [3.0, 4.0]],
        label: "cells (1)".to_owned(),
        ..Heat::default()
    };
    let fields = Chart {
        title: "fields".to_owned(),
        x: Axis::linear("across (1)").within(0.0, 2.0),
        y: Axis::linear("up (1)").within(0.0, 2.0),
        heat: Some(Box::new(heat)),
        ..Chart::default()
    };
    let panels = vec![Panel::Chart(named), Panel::Chart(unnamed), Panel::Map(map), Panel::Chart(fields)];
    Plate { title: Some("tried".to_owned()), panels, columns: 2 }
}

/// What the visitor is to see, by the numbers of the figure.
fn wanted() -> Value {
    json!([
        ["first dot", "dots\ntime: 1 s\nkept: 1"],
        ["hour", "dots\ntime: 3600 s = 1 h\nkept: 0.8"],
        ["bar", "sheets\ntime: 3600 s = 1 h\nkept: 0.5\nfrom 0.25 to 0.75"],
        ["unnamed panel", "dots, read\nbias: 1 V\ncurrent: 2.500e\u{2212}9 A"],
        ["map, top left", "row 10, column 20\nconductance: 1 nS"],
        ["map, bottom right", "row 12, column 24\nconductance: 6.5 nS"],
        ["map, no value", "row 10, column 22\nconductance: no value"],
        ["heat", "across: 1.5\nup: 1.5\ncells: 4"],
        ["beside panels", null],
        ["left", null],
        ["all", [true, true, true, true]],
        // The unnamed curve of the same colour goes with it.
        ["a click", [false, true, false, true]],
        ["pressed", "false"],
        ["hidden dot", "sheets\ntime: 1 s\nkept: 1\nfrom 1 to 1"],
        ["enter", [true, true, true, true]],
        ["another key", [true, true, true, true]],
        ["shown again", "dots\ntime: 3600 s = 1 h\nkept: 0.8"],
    ])
}

/// What the visitor sees of a page in a window of a width, px.
fn seen(browser: &OsString, folder: &Path, page: &str, width: u32) -> Value {
    let (path, dumped) = (folder.join("page.html"), folder.join("dumped.html"));
    let page = page.replace("</body>", &format!("<script>{VISITOR}</script></body>"));
    assert!(page.contains(VISITOR), "the page has a body");
    fs::write(&path, page).unwrap();
    let mut running = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--dump-dom"])
        .args([format!("--window-size={width},2400"), format!("--user-data-dir={}", folder.join("profile").display())])
        .arg(format!("file://{}", path.display()))
        .stdin(Stdio::null())
        .stdout(File::create(&dumped).unwrap())
        .stderr(File::create(folder.join("said")).unwrap())
        .spawn()
        .expect("TRAPLINE_CHROMIUM names a Chromium");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = running.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > Duration::from_secs(120) {
            running.kill().unwrap();
            panic!("the browser does not end: {}", fs::read_to_string(folder.join("said")).unwrap());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success(), "{}", fs::read_to_string(folder.join("said")).unwrap());
    let dumped = fs::read_to_string(&dumped).unwrap();
    let text = dumped.split_once("<pre id=\"seen\">").expect("the visitor came to its end").1;
    let text = text.split_once("</pre>").unwrap().0;
    serde_json::from_str(&text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap()
}

#[test]
#[ignore = "needs TRAPLINE_CHROMIUM, a Chromium"]
fn pages_answer_in_a_browser() {
    let browser = std::env::var_os("TRAPLINE_CHROMIUM").expect("TRAPLINE_CHROMIUM names a Chromium");
    let folder = tempfile::tempdir().unwrap();
    let mut batch = Batch::new();
    let look = Look::default().with_page(true);
    let paths = stage_figure(&mut batch, &figure(), &folder.path().join("tried"), &look).unwrap();
    batch.replace().unwrap();
    let page = fs::read_to_string(paths.last().unwrap()).unwrap();

    // Wide, and with its panels below one another, as on a phone.
    let [wide, narrow] = [1400, 600].map(|width| seen(&browser, folder.path(), &page, width));
    assert_eq!(wide, wanted());
    assert_eq!(narrow, wanted());

    // Without the script nothing answers, and the test says so: no text, no curve hidden.
    assert_eq!(page.matches(POINTER).count(), 1);
    let silent = seen(&browser, folder.path(), &page.replace(POINTER, ""), 1400);
    let differ: Vec<&Value> = silent
        .as_array()
        .unwrap()
        .iter()
        .zip(wanted().as_array().unwrap())
        .filter(|(found, wanted)| found != wanted)
        .map(|(found, _)| &found[0])
        .collect();
    let unmoved = ["beside panels", "left", "all", "enter", "another key"];
    assert_eq!(differ.len(), wanted().as_array().unwrap().len() - unmoved.len(), "{silent}");
    assert!(differ.iter().all(|what| unmoved.iter().all(|name| *what != name)), "{silent}");
    // Nor is a wrong number taken for a right one.
    let wrong = seen(&browser, folder.path(), &page.replace("[3600", "[7200"), 1400);
    assert_ne!(wrong, wanted());
}
