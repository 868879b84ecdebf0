//! The page and the folder it lies in: HTML that is whole and runs nothing of anybody else's, and files that are kept.

use std::path::Path;
use std::process::Command;
use std::sync::PoisonError;

use ndarray::Array3;
use trapline::analysis::report;
use trapline::figure::lifetime;
use trapline::html::POINTER;
use trapline::material;
use trapline::outcome::*;
use trapline::report::{Attachment, page};

use super::{CELSIUS, FILES, drawn, label, outcomes, question, times, weibull};
use crate::made_up;

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
