//! The parts of the page that are words and numbers.

use maud::{Markup, html};

use crate::analysis::report::text::{cells, conditions, lived, of_energy, of_shown, populations, said, unfitted};
use crate::analysis::report::{Energy, Group, LifeAtUse, LifetimeReport, LineOfTimes, parts, percent};
use crate::html::Text;
use trapline_model::outcome::{CampaignRecord, Program};
use trapline_model::units::celsius_texts;

/// More cases than this are folded.
const MOST_OPEN: usize = 4;

fn degrees(kelvin: f64) -> String {
    format!("{} °C", celsius_texts(&[kelvin]).concat())
}

/// A row for each case, temperature of use and fraction: the life, or why there is none.
pub(super) fn answers(report: &LifetimeReport) -> Markup {
    let uses = || report.groups.iter().flat_map(|group| group.uses.iter().map(move |at| (group, at)));
    let refused = uses().flat_map(|(_, at)| &at.lives).any(|life| life.arrhenius.is_err());
    html! {
        h2 #answers { "Answers" } "\n"
        @if report.question.use_temperatures_k.is_empty() {
            p { "No temperature of use was asked for." } "\n"
        }
        div .wide {
            table .answers {
                "\n"
                tr .head { th { "Case" } th { "At" } th { "Failed" } th { "Life" } th { "Activation energy" } } "\n"
                @for (group, at) in uses() {
                    @for (life, line) in at.lives.iter().zip(&group.lines) {
                        tr {
                            td { (Text(&group.name)) }
                            td data-of="at" { (degrees(at.temperature_k)) }
                            td data-of="failed" { (parts(life.fraction)) }
                            td data-of="life" { (answer(life, at.temperature_k)) }
                            td data-of="activation energy" { (energy(line, life)) }
                        }
                        "\n"
                    }
                }
            }
        }
        "\n"
        @if refused {
            p .quiet {
                "A refused life is given by " code { "trapline analyze --extrapolate-across-break" } ", where there is a line at all; its \
                bounds then mean little."
            }
            "\n"
        }
    }
}

/// A life with its bounds, or the reason why it is refused; by how much other laws differ, and what needs no law.
fn answer(life: &LifeAtUse, use_k: f64) -> Markup {
    html! {
        @match &life.arrhenius {
            Ok(life) => { b { (Text(lived(life))) } }
            Err(why) => { span .no { "refused" } ": " (Text(why)) }
        }
        @if let Some(factor) = life.factor_between_laws {
            br; small { (format!("laws that the data allow differ by a factor of {factor:.2}")) }
        }
        @if let Some(shown) = life.shown {
            br; small { "shown by a bake: " (Text(of_shown(shown, use_k))) }
        }
        @if let Some(why) = &life.beyond_data {
            br; span .no { "not to be trusted" } ": " (Text(why))
        }
    }
}

/// The activation energies; without any, the reason, if it is not the one that stands before it.
fn energy(line: &LineOfTimes, life: &LifeAtUse) -> Markup {
    let reason = life.arrhenius.as_ref().err().map_or("", String::as_str);
    let one = |of: &Result<Energy, String>| match of {
        Ok(energy) => of_energy(*energy),
        Err(why) if *why == reason => "none".to_owned(),
        Err(why) => format!("none: {why}"),
    };
    html! {
        @if line.break_meaning.is_some() {
            (Text(one(&line.energy_below_ev))) " below the break" br; (Text(one(&line.energy_above_ev))) " above it"
        } @else {
            (Text(one(&line.energy_ev)))
        }
    }
}

/// Each case: its temperatures, its lines, its temperatures of use.
pub(super) fn cases(report: &LifetimeReport) -> Markup {
    html! {
        h2 #cases { "Tables" } "\n"
        @for group in &report.groups {
            details open[report.groups.len() <= MOST_OPEN] {
                summary { b { (Text(&group.name)) } } "\n"
                (case(group))
            }
            "\n"
        }
    }
}

fn case(group: &Group) -> Markup {
    html! {
        p { (Text(capital(&conditions(group)))) "." } "\n"
        @if let Some(cells) = cells(group) {
            p { (Text(capital(&cells))) "." } "\n"
        }
        div .wide {
            table .numbers {
                @for (number, row) in populations(group).iter().enumerate() {
                    tr {
                        @for cell in row {
                            @if number == 0 { th { (Text(cell)) } } @else { td { (Text(cell)) } }
                        }
                    }
                    "\n"
                }
            }
        }
        "\n"
        @for (why, names) in unfitted(group) {
            p .quiet { (Text(names)) ": " (Text(why)) } "\n"
        }
        @for (heading, rows) in said(group) {
            h3 { (Text(heading)) } "\n"
            (list(rows))
        }
    }
}

/// Names and what is said of each.
fn list<N: AsRef<str>, S: AsRef<str>>(rows: impl IntoIterator<Item = (N, S)>) -> Markup {
    html! {
        dl {
            "\n"
            @for (name, said) in rows {
                dt { (Text(name)) } dd { (Text(said)) } "\n"
            }
        }
        "\n"
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What was asked, and what was chosen on the way.
pub(super) fn choices(report: &LifetimeReport) -> Markup {
    let asked = &report.question;
    let mut thresholds: Vec<f64> = report.groups.iter().map(|group| group.kept_threshold).collect();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    let joined = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>().join(", ");
    let seeds = match (asked.pool_seeds, report.pooled_sweeps.is_empty()) {
        (true, false) => {
            format!("pooled over {}: they are more cells of the same kind", report.pooled_sweeps.join(", "))
        }
        (true, true) => "no sweep over seeds alone to be pooled".to_owned(),
        (false, _) => "kept apart".to_owned(),
    };
    let across = match asked.across_break {
        true => "yes, across breaks and as far as asked; bounds there mean little",
        false => "no: a life across a break, above the glass transition or too far from the data is refused",
    };
    let rows = [
        ("failed", format!("keeps less than {} of the window", joined(&mut thresholds.iter().map(|&of| percent(of))))),
        ("confidence", format!("{}, two-sided unless said otherwise", percent(asked.confidence))),
        ("failed fractions", joined(&mut asked.fractions.iter().map(|&share| parts(share)))),
        ("temperatures of use", joined(&mut asked.use_temperatures_k.iter().map(|&k| degrees(k)))),
        ("seeds", seeds),
        ("extrapolation", across.to_owned()),
    ];
    html! { h2 #choices { "Choices" } "\n" (list(rows)) }
}

/// Remarks on the data, and what bounds do not hold.
pub(super) fn limits(report: &LifetimeReport) -> Markup {
    html! {
        h2 #limits { "Remarks and limits" } "\n"
        ul {
            "\n"
            @for (said, names) in remarks(report) {
                li { (Text(names)) ": " (Text(said)) } "\n"
            }
            li {
                "Bounds hold the chance of the draw of cells, not the chance that the law is wrong. Beyond the observed failed fractions \
                and temperatures it is the law that speaks."
            }
            "\n"
            li { "A life is known to lie between two checkpoints; what the figures show between them is interpolated." } "\n"
            li {
                "All numbers are of simulated cells. They are as good as the material files, which say where each number is from."
            }
            "\n"
        }
        "\n"
    }
}

/// Each remark once, with the cases and temperatures it is of.
fn remarks(report: &LifetimeReport) -> Vec<(String, String)> {
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |said: &str, name: String| match reasons.iter_mut().find(|(known, _)| known == said) {
        Some((_, names)) => names.push(name),
        None => reasons.push((said.to_owned(), vec![name])),
    };
    for group in &report.groups {
        group.remarks.iter().for_each(|said| add(said, group.name.clone()));
        for of in &group.populations {
            of.flags.iter().for_each(|said| add(said, format!("{} at {}", group.name, degrees(of.temperature_k))));
        }
    }
    reasons.into_iter().map(|(said, names)| (said, names.join("; "))).collect()
}

/// Who computed it, when, from which files.
pub(super) fn provenance(record: &CampaignRecord, program: Program) -> Markup {
    let (label, made) = (&record.label, &record.provenance);
    let identity = &made.identity;
    let cells = match label.common(|of| (of.rows, of.cols)) {
        Some((rows, cols)) => format!("{rows} × {cols} cells a point"),
        None => "of several sizes".to_owned(),
    };
    let seed = label.common(|of| of.seed).map_or_else(|| "several".to_owned(), |seed| seed.to_string());
    let [major, minor] = record.format_version;
    let (format, overrides) = (format!("{major}.{minor}"), label.overrides.join(", "));
    let file = record.path.display().to_string();
    let program = program.to_string();
    let rows = [
        ("record", file.as_str()),
        ("format", &format),
        ("array", &cells),
        ("seed", &seed),
        ("command line", &overrides),
        ("trapline", &made.program_version),
        ("commit", &made.commit),
        ("backend", &identity.backend),
        ("adapter or processor", &identity.adapter),
        ("driver", &identity.driver),
        ("instruction set or graphics API", &identity.instruction_set),
        ("started", &made.started_utc),
        ("ended", &made.ended_utc),
        ("this page by", &program),
    ];
    let materials = label.materials.iter().map(|(name, text)| (format!("Material {name}"), text));
    let files = std::iter::once(("Campaign file".to_owned(), &label.campaign_toml)).chain(materials);
    html! {
        h2 #provenance { "Provenance" } "\n"
        (list(rows.into_iter().filter(|(_, value)| !value.is_empty())))
        @for (name, text) in files {
            details { summary { (Text(name)) } pre { (Text(text)) } } "\n"
        }
    }
}
