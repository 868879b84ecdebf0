//! The page as a whole. Everything is in it, and it asks no network for anything; files beside it are linked by name.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::parts;
use crate::analysis::report::{LifetimeReport, percent};
use crate::figure::lifetime::LifetimeFigure;
use crate::figure::{FigureError, PageDrawing, page_drawing};
use crate::html::{DRAWINGS, POLICY, Text, drawing, pointer};
use trapline_model::outcome::{CampaignRecord, Program};

/// A file beside the page.
#[derive(Debug, Clone, Copy)]
pub struct Attachment {
    pub name: &'static str,
    /// What it holds, in a few words.
    pub holds: &'static str,
}

/// Light and dark as the reader has it; figures stay on white, as they are printed.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#222;--paper:#fff;--quiet:#555;--rule:#ddd;--code:#f5f5f5;--warn:#a00}\
@media(prefers-color-scheme:dark){:root{--ink:#ddd;--paper:#16181b;--quiet:#a0a0a0;--rule:#3a3d42;--code:#22252a;--warn:#ff8a80}\
a{color:#8ab4f8}}\
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem;color:var(--ink);background:var(--paper)}\
h1{font-size:1.6rem;overflow-wrap:anywhere}h2{font-size:1.25rem;margin-top:2rem}h3{font-size:1.05rem;margin-bottom:.3rem}\
figure{margin:1.5rem 0;break-inside:avoid}figure .wide,figure .narrow{background:#fff;border:1px solid var(--rule);border-radius:4px;text-align:center}\
figure svg{max-width:100%;height:auto}figcaption{color:var(--quiet);font-size:.95rem;margin-top:.4rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}\
th,td{border-bottom:1px solid var(--rule);padding:.3rem .6rem;text-align:left;vertical-align:top}\
td.n,table.numbers td:not(:first-child){font-variant-numeric:tabular-nums}table.numbers td,table.numbers th{white-space:nowrap}\
.no{color:var(--warn)}.quiet,small{color:var(--quiet)}dl{display:grid;grid-template-columns:10rem 1fr;gap:.1rem 1rem;font-size:.9rem;margin:.3rem 0 1rem}\
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}pre{overflow-x:auto;background:var(--code);padding:.75rem;font-size:.8rem}\
nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem}table.answers td:nth-child(2),table.answers td:nth-child(3){white-space:nowrap}\
@media(max-width:45rem){body{padding:.6rem;font-size:15px}figure .wide svg{max-width:none;width:44rem}\
table.answers tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--rule)}table.answers tr.head{display:none}\
table.answers td{display:block;border:0;padding:.1rem 0}table.answers td[data-of]::before{content:attr(data-of)': ';color:var(--quiet)}\
table.answers td:first-child{font-weight:bold}dl{grid-template-columns:1fr}dd{margin-bottom:.3rem}}\
@media print{:root{--ink:#000;--paper:#fff;--quiet:#444;--rule:#bbb;--code:#f5f5f5;--warn:#a00}body{max-width:none;font-size:10.5pt}\
nav{display:none}.wide{overflow:visible}tr,dl{break-inside:avoid}table.numbers{font-size:7.5pt}table.numbers td,table.numbers th{padding:.15rem .3rem}}";

/// The page of a report on a record, with its figures. `files` lie beside it under their names, and so does
/// `NAME.png`, `NAME.svg` and `NAME.figure.csv` of each figure that is drawn.
///
/// # Errors
/// [`FigureError`] where a figure is too large to be drawn.
pub fn page(
    record: &CampaignRecord,
    report: &LifetimeReport,
    figures: &[LifetimeFigure],
    files: &[Attachment],
    program: Program,
) -> Result<String, FigureError> {
    let drawings = figures.iter().map(|figure| figure.plate.as_ref().map(page_drawing).transpose());
    let drawings = drawings.collect::<Result<Vec<_>, _>>()?;
    let title = format!("Lifetimes of the campaign {}", report.campaign);
    let body = html! {
        "\n" h1 { (Text(&title)) } "\n"
        (head(record, report))
        (parts::answers(report))
        h2 #figures { "Figures" } "\n"
        @for (figure, drawing) in figures.iter().zip(&drawings) {
            (shown(figure, drawing.as_ref()))
        }
        (parts::cases(report))
        (parts::choices(report))
        (parts::limits(report))
        (parts::provenance(record, program))
        (attached(files))
    };
    Ok(shell(&title, &body))
}

/// A page of this title: its head, with the style that all pages share, and its body.
pub(super) fn shell(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE) "\n"
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { (Text(title)) }
                style { (PreEscaped(STYLE)) (PreEscaped(DRAWINGS)) }
            }
            body { (body) (pointer()) "\n" }
        }
        "\n"
    };
    page.into_string()
}

fn head(record: &CampaignRecord, report: &LifetimeReport) -> Markup {
    let file = record.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let computed = match report.computed == report.points {
        true => format!("all {} points", report.points),
        false => format!("{} of {} points (the others are not computed)", report.computed, report.points),
    };
    html! {
        p {
            "Simulated cells: " (computed) " of " code { (Text(&file)) } ". A cell's life ends when it keeps less than the threshold of \
            its window; it is known to the checkpoint. Bounds are two-sided at " (percent(report.question.confidence)) "."
        }
        "\n"
        nav {
            a href="#answers" { "Answers" }
            a href="#figures" { "Figures" }
            a href="#cases" { "Tables" }
            a href="#choices" { "Choices" }
            a href="#limits" { "Limits" }
            a href="#provenance" { "Provenance" }
        }
        "\n"
    }
}

fn shown(figure: &LifetimeFigure, drawn: Option<&PageDrawing>) -> Markup {
    let name = figure.name;
    html! {
        h3 id=(Text(name)) { (Text(figure.title)) } "\n"
        @if let Some(drawn) = drawn {
            figure {
                (drawing(drawn))
                figcaption {
                    (Text(&figure.caption)) " "
                    (files_of(name))
                }
            }
            "\n"
        }
        @if !figure.left_out.is_empty() {
            p .quiet { (Text(figure.left_out.join(" "))) } "\n"
        }
    }
}

/// A figure under its title, with links to its files, which have its name.
pub(super) fn drawn(name: &str, title: &str, caption: &str, drawn: &PageDrawing) -> Markup {
    html! {
        h3 id=(name) { (title) } "\n"
        figure {
            (drawing(drawn))
            figcaption {
                (Text(caption)) " "
                (files_of(name))
            }
        }
        "\n"
    }
}

/// Links to the files of a figure.
pub(super) fn files_of(name: &str) -> Markup {
    html! {
        small {
            a href={ (Text(name)) ".svg" } { "SVG" } " "
            a href={ (Text(name)) ".png" } { "PNG" } " "
            a href={ (Text(name)) ".figure.csv" } { "data" }
        }
    }
}

pub(super) fn attached(files: &[Attachment]) -> Markup {
    html! {
        @if !files.is_empty() {
            h2 #files { "Files beside this page" } "\n"
            ul {
                "\n"
                @for file in files {
                    li { a href=(Text(file.name)) { (Text(file.name)) } ": " (Text(file.holds)) } "\n"
                }
            }
            "\n"
        }
    }
}
