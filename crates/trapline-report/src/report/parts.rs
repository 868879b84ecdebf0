//! The parts of the page that are words and numbers.

use std::fmt::{Result, Write};

use crate::analysis::report::text::{conditions, lived, of_energy, of_shown, populations, said, unfitted};
use crate::analysis::report::{Energy, Group, LifeAtUse, LifetimeReport, LineOfTimes, parts, percent};
use crate::html::escaped;
use trapline_model::outcome::{CampaignRecord, Program};
use trapline_model::units::celsius_texts;

/// More cases than this are folded.
const MOST_OPEN: usize = 4;

fn degrees(kelvin: f64) -> String {
    format!("{} °C", celsius_texts(&[kelvin]).concat())
}

/// A row for each case, temperature of use and fraction: the life, or why there is none.
pub(super) fn answers(html: &mut String, report: &LifetimeReport) -> Result {
    html.push_str("<h2 id=\"answers\">Answers</h2>\n");
    if report.question.use_temperatures_k.is_empty() {
        html.push_str("<p>No temperature of use was asked for.</p>\n");
    }
    html.push_str(
        "<div class=\"wide\"><table class=\"answers\">\n<tr class=\"head\"><th>Case</th><th>At</th><th>Failed</th><th>Life</th>\
         <th>Activation energy</th></tr>\n",
    );
    for group in &report.groups {
        for at in &group.uses {
            for (life, line) in at.lives.iter().zip(&group.lines) {
                writeln!(
                    html,
                    "<tr><td>{}</td><td data-of=\"at\">{}</td><td data-of=\"failed\">{}</td><td data-of=\"life\">{}</td>\
                     <td data-of=\"activation energy\">{}</td></tr>",
                    escaped(&group.name),
                    degrees(at.temperature_k),
                    parts(life.fraction),
                    answer(life, at.temperature_k),
                    energy(line, life)
                )?;
            }
        }
    }
    html.push_str("</table></div>\n");
    let refused = |life: &LifeAtUse| life.arrhenius.is_err();
    if report.groups.iter().flat_map(|group| &group.uses).flat_map(|at| &at.lives).any(refused) {
        html.push_str(
            "<p class=\"quiet\">A refused life is given by <code>trapline analyze --extrapolate-across-break</code>, where there is a \
             line at all; its bounds then mean little.</p>\n",
        );
    }
    Ok(())
}

/// A life with its bounds, or the reason why it is refused; by how much other laws differ, and what needs no law.
fn answer(life: &LifeAtUse, use_k: f64) -> String {
    let mut text = match &life.arrhenius {
        Ok(found) => format!("<b>{}</b>", escaped(&lived(found))),
        Err(why) => format!("<span class=\"no\">refused</span>: {}", escaped(why)),
    };
    if let Some(factor) = life.factor_between_laws {
        text.push_str(&format!("<br><small>laws that the data allow differ by a factor of {factor:.2}</small>"));
    }
    if let Some(shown) = life.shown {
        text.push_str(&format!("<br><small>shown by a bake: {}</small>", escaped(&of_shown(shown, use_k))));
    }
    if let Some(why) = &life.beyond_data {
        text.push_str(&format!("<br><span class=\"no\">not to be trusted</span>: {}", escaped(why)));
    }
    text
}

/// The activation energies; without any, the reason, if it is not the one that stands before it.
fn energy(line: &LineOfTimes, life: &LifeAtUse) -> String {
    let reason = life.arrhenius.as_ref().err().map_or("", String::as_str);
    let one = |of: &std::result::Result<Energy, String>| match of {
        Ok(energy) => escaped(&of_energy(*energy)),
        Err(why) if *why == reason => "none".to_owned(),
        Err(why) => format!("none: {}", escaped(why)),
    };
    if line.break_meaning.is_some() {
        return format!("{} below the break<br>{} above it", one(&line.energy_below_ev), one(&line.energy_above_ev));
    }
    one(&line.energy_ev)
}

/// Each case: its temperatures, its lines, its temperatures of use.
pub(super) fn cases(html: &mut String, report: &LifetimeReport) -> Result {
    html.push_str("<h2 id=\"cases\">Tables</h2>\n");
    let open = if report.groups.len() > MOST_OPEN { "" } else { " open" };
    for group in &report.groups {
        writeln!(html, "<details{open}><summary><b>{}</b></summary>", escaped(&group.name))?;
        case(html, group)?;
        html.push_str("</details>\n");
    }
    Ok(())
}

fn case(html: &mut String, group: &Group) -> Result {
    writeln!(html, "<p>{}.</p>\n<div class=\"wide\"><table class=\"numbers\">", escaped(&capital(&conditions(group))))?;
    for (number, row) in populations(group).iter().enumerate() {
        let tag = if number == 0 { "th" } else { "td" };
        html.push_str("<tr>");
        for cell in row {
            write!(html, "<{tag}>{}</{tag}>", escaped(cell))?;
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
    for (why, names) in unfitted(group) {
        writeln!(html, "<p class=\"quiet\">{}: {}</p>", escaped(&names), escaped(&why))?;
    }
    for (heading, rows) in said(group) {
        writeln!(html, "<h3>{}</h3>\n<dl>", escaped(&heading))?;
        for (name, said) in rows {
            writeln!(html, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(&said))?;
        }
        html.push_str("</dl>\n");
    }
    Ok(())
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What was asked, and what was chosen on the way.
pub(super) fn choices(html: &mut String, report: &LifetimeReport) -> Result {
    let asked = &report.question;
    let mut thresholds: Vec<f64> = report.groups.iter().map(|group| group.kept_threshold).collect();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    let list = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>().join(", ");
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
    html.push_str("<h2 id=\"choices\">Choices</h2>\n<dl>\n");
    for (name, said) in [
        ("failed", format!("keeps less than {} of the window", list(&mut thresholds.iter().map(|&of| percent(of))))),
        ("confidence", format!("{}, two-sided unless said otherwise", percent(asked.confidence))),
        ("failed fractions", list(&mut asked.fractions.iter().map(|&share| parts(share)))),
        ("temperatures of use", list(&mut asked.use_temperatures_k.iter().map(|&k| degrees(k)))),
        ("seeds", seeds),
        ("extrapolation", across.to_owned()),
    ] {
        writeln!(html, "<dt>{name}</dt><dd>{}</dd>", escaped(&said))?;
    }
    html.push_str("</dl>\n");
    Ok(())
}

/// Remarks on the data, and what bounds do not hold.
pub(super) fn limits(html: &mut String, report: &LifetimeReport) -> Result {
    html.push_str("<h2 id=\"limits\">Remarks and limits</h2>\n<ul>\n");
    for (said, names) in remarks(report) {
        writeln!(html, "<li>{}: {}</li>", escaped(&names), escaped(&said))?;
    }
    html.push_str(
        "<li>Bounds hold the chance of the draw of cells, not the chance that the law is wrong. Beyond the observed failed fractions and \
         temperatures it is the law that speaks.</li>\n\
         <li>A life is known to lie between two checkpoints; what the figures show between them is interpolated.</li>\n\
         <li>All numbers are of simulated cells. They are as good as the material files, which say where each number is from.</li>\n\
         </ul>\n",
    );
    Ok(())
}

/// Each remark once, with the cases and temperatures it is of.
fn remarks(report: &LifetimeReport) -> Vec<(String, String)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |said: &str, name: String| match found.iter_mut().find(|(known, _)| known == said) {
        Some((_, names)) => names.push(name),
        None => found.push((said.to_owned(), vec![name])),
    };
    for group in &report.groups {
        group.remarks.iter().for_each(|said| add(said, group.name.clone()));
        for of in &group.populations {
            of.flags.iter().for_each(|said| add(said, format!("{} at {}", group.name, degrees(of.temperature_k))));
        }
    }
    found.into_iter().map(|(said, names)| (said, names.join("; "))).collect()
}

/// Who computed it, when, from which files.
pub(super) fn provenance(html: &mut String, record: &CampaignRecord, program: Program) -> Result {
    let (label, made) = (&record.label, &record.provenance);
    let who = &made.identity;
    let cells = match label.common(|of| (of.rows, of.cols)) {
        Some((rows, cols)) => format!("{rows} × {cols} cells a point"),
        None => "of several sizes".to_owned(),
    };
    let seed = label.common(|of| of.seed).map_or_else(|| "several".to_owned(), |seed| seed.to_string());
    let [major, minor] = record.format_version;
    let (format, overrides) = (format!("{major}.{minor}"), label.overrides.join(", "));
    let file = record.path.display().to_string();
    html.push_str("<h2 id=\"provenance\">Provenance</h2>\n<dl>\n");
    for (name, value) in [
        ("record", file.as_str()),
        ("format", &format),
        ("array", &cells),
        ("seed", &seed),
        ("command line", &overrides),
        ("trapline", &made.program_version),
        ("commit", &made.commit),
        ("backend", &who.backend),
        ("adapter or processor", &who.adapter),
        ("driver", &who.driver),
        ("instruction set or graphics API", &who.instruction_set),
        ("started", &made.started_utc),
        ("ended", &made.ended_utc),
        ("this page by", &program.to_string()),
    ] {
        if !value.is_empty() {
            writeln!(html, "<dt>{name}</dt><dd>{}</dd>", escaped(value))?;
        }
    }
    html.push_str("</dl>\n");
    let files = label.materials.iter().map(|(name, text)| (format!("Material {name}"), text));
    for (name, text) in std::iter::once(("Campaign file".to_owned(), &label.campaign_toml)).chain(files) {
        writeln!(html, "<details><summary>{}</summary><pre>{}</pre></details>", escaped(&name), escaped(text))?;
    }
    Ok(())
}
