//! The page of a study.

use maud::{Markup, html};

use super::page::{Attachment, attached, drawn, shell};
use super::parts;
use crate::analysis::scaling::{Scaling, in_brief, over_seeds, paragraph};
use crate::figure::scaling::ScalingFigure;
use crate::figure::{FigureError, page_drawing};
use crate::html::Text;
use trapline_model::outcome::{CampaignRecord, Program};
use trapline_model::units::spoken_time;

/// Most answers of the table; the file beside the page has all.
const MOST_ROWS: usize = 400;

/// The page of what a study found, with its figures; `files` lie beside it.
///
/// # Errors
/// [`FigureError`] where a figure is too large to be drawn.
pub fn scaling_page(
    record: &CampaignRecord,
    found: &Scaling,
    figures: &[ScalingFigure],
    files: &[Attachment],
    program: Program,
) -> Result<String, FigureError> {
    let drawings = figures.iter().map(|figure| page_drawing(&figure.plate)).collect::<Result<Vec<_>, _>>()?;
    let title = format!("{}: {}", found.campaign, found.kind.name());
    let body = html! {
        "\n" h1 { (Text(&title)) } "\n"
        @for line in paragraph(found) { p { (Text(line)) } "\n" }
        (answers(found))
        h2 #figures { "Figures" } "\n"
        @for (figure, drawing) in figures.iter().zip(&drawings) {
            (drawn(figure.name, figure.title, &figure.caption, drawing))
        }
        (meanings(found))
        (remarks(found))
        (parts::provenance(record, program))
        (attached(files))
    };
    Ok(shell(&title, &body))
}

/// The answers of cases that differ in time alone and have the same ones.
struct Row {
    /// Places of the sweeps, the material and the temperature.
    of: Vec<String>,
    times: Vec<String>,
    /// By limit: the size, and those of the seeds where they differ.
    answers: Vec<(String, String)>,
}

fn rows(found: &Scaling) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (place, series) in found.series.iter().enumerate() {
        let case = &series.case;
        let degrees = format!("{}", (case.temperature_c * 100.0).round() / 100.0);
        let sweeps = case.sweeps.iter().map(|(_, value)| value.clone());
        let of: Vec<String> = sweeps.chain([case.material.clone(), degrees]).collect();
        let answer = |limit: usize| match found.answer(place, limit) {
            Some(answer) => (in_brief(found, &answer.reach), over_seeds(found, answer)),
            None => ("-".to_owned(), String::new()),
        };
        let answers: Vec<(String, String)> = (0..found.limits.len()).map(answer).collect();
        let time = spoken_time(case.time_s);
        match rows.iter_mut().find(|row| row.of == of && row.answers == answers) {
            Some(row) => row.times.push(time),
            None => rows.push(Row { of, times: vec![time], answers }),
        }
    }
    rows
}

fn answers(found: &Scaling) -> Markup {
    let what = if found.kind.is_of_arrays() { "largest array" } else { "smallest cell" };
    let sweeps = found.series.first().map(|of| &of.case.sweeps[..]).unwrap_or_default();
    let headings: Vec<&str> = sweeps.iter().map(|(name, _)| name.as_str()).chain(["Material", "°C"]).collect();
    let rows = rows(found);
    // What all have in common is said above the table.
    let shown: Vec<usize> =
        (0..headings.len()).filter(|&at| rows.iter().any(|row| row.of[at] != rows[0].of[at])).collect();
    let timed = rows.iter().any(|row| row.times != rows[0].times);
    html! {
        h2 #answers { "Answers" } "\n"
        p .quiet {
            "The " (what) " that keeps to each limit. Sizes between two computed ones are interpolated, on straight "
            "lines of logarithms; nothing is said beyond the computed ones."
        }
        "\n"
        div .wide {
            table .numbers {
                tr {
                    @for &at in &shown { th { (Text(headings[at])) } }
                    @if timed { th { "Time" } }
                    @for limit in &found.limits {
                        th {
                            code { (Text(&limit.of)) }
                            br;
                            (if limit.at_least.is_some() { "at least " } else { "at most " })
                            (limit.bound())
                        }
                    }
                }
                "\n"
                @for row in rows.iter().take(MOST_ROWS) {
                    tr {
                        @for &at in &shown { td { (Text(&row.of[at])) } }
                        @if timed { td { (row.times.join(", ")) } }
                        @for (size, seeds) in &row.answers {
                            td { (size) @if !seeds.is_empty() { br; span .quiet { (seeds) } } }
                        }
                    }
                    "\n"
                }
            }
        }
        "\n"
        @if rows.len() > MOST_ROWS {
            p .quiet { (rows.len() - MOST_ROWS) " more are in answers.csv." } "\n"
        }
    }
}

/// What the figures are, and in which dataset each stands.
fn meanings(found: &Scaling) -> Markup {
    html! {
        h2 #meanings { "What the figures are" } "\n"
        @if found.kind.is_of_arrays() {
            p .quiet { "Each is the dataset " code { "circuit_NAME" } " of the record; docs/figures-of-merit.md defines them." } "\n"
        } @else {
            p .quiet {
                "Each is computed from the record's " code { "conductance_mean" } ", " code { "conductance_variance" } ", "
                code { "filling_mean" } ", " code { "failed" } ", " code { "programmed" } " and " code { "point_dots" } "."
            }
            "\n"
        }
        dl {
            @for figure in found.figures {
                dt { code { (figure.name) } }
                dd { (figure.long_name) " (" (figure.units) ")" }
                "\n"
            }
        }
        "\n"
    }
}

fn remarks(found: &Scaling) -> Markup {
    html! {
        @if !found.remarks.is_empty() {
            h2 #remarks { "Remarks on points" } "\n"
            ul {
                @for (remark, count) in &found.remarks { li { (count) ": " (Text(remark)) } "\n" }
            }
            "\n"
        }
    }
}
