//! The page of a study.

use maud::{Markup, html};

use super::page::{Attachment, attached, drawn, shell};
use super::parts;
use crate::analysis::scaling::{Answer, Scaling, over_seeds, paragraph, said};
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
        h2 #figures { "Figures" } "\n"
        @for (figure, drawing) in figures.iter().zip(&drawings) {
            (drawn(figure.name, figure.title, &figure.caption, drawing))
        }
        (answers(found))
        (meanings(found))
        (remarks(found))
        (parts::provenance(record, program))
        (attached(files))
    };
    Ok(shell(&title, &body))
}

fn answers(found: &Scaling) -> Markup {
    let what = if found.kind.is_of_arrays() { "Largest array" } else { "Smallest cell" };
    let sweeps = found.series.first().map(|of| &of.case.sweeps[..]).unwrap_or_default();
    let seeds = |answer: &Answer| over_seeds(found, answer);
    html! {
        h2 #answers { "Answers" } "\n"
        p .quiet {
            "Sizes between two computed ones are interpolated, on straight lines of logarithms; nothing is said beyond the computed ones."
        }
        "\n"
        div .wide {
            table .numbers {
                tr {
                    @for (name, _) in sweeps { th { (Text(name)) } }
                    th { "Material" } th { "°C" } th { "Time" } th { "Limit" } th { (what) } th { "Seeds" }
                }
                "\n"
                @for answer in found.answers.iter().take(MOST_ROWS) {
                    @let case = &found.series[answer.series].case;
                    tr {
                        @for (_, value) in &case.sweeps { td { (Text(value)) } }
                        td { (Text(&case.material)) }
                        td { ((case.temperature_c * 100.0).round() / 100.0) }
                        td { (spoken_time(case.time_s)) }
                        td { (found.limits[answer.limit].in_words()) }
                        td { (said(found, &answer.reach)) }
                        td { (seeds(answer)) }
                    }
                    "\n"
                }
            }
        }
        "\n"
        @if found.answers.len() > MOST_ROWS {
            p .quiet { (found.answers.len() - MOST_ROWS) " more are in answers.csv." } "\n"
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
