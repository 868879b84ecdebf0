//! A report in words, for a terminal.

use super::lines::degrees;
use super::say::{bounds, chance, equals, paragraph, parts, percent, small, span, times, wrapped};
use super::uses::CONTRADICT;
use super::{
    AtUse, Energy, FitReport, Group, Joint, LifeAtUse, LifetimeReport, LineOfTimes, Observed, Population, Shown,
    TimeSource,
};
use crate::analysis::Table;
use crate::analysis::lifetime::{Bounds, Design, Estimate, Law, Life, Segments};
use trapline_model::text::one_line;
use trapline_model::units::{ZERO_CELSIUS_K, celsius_texts};

/// Most groups that are shown: a terminal is no place for more.
const MOST_GROUPS: usize = 20;

/// The report as text: of each group a table of its temperatures, its lines, and what they say of each use temperature.
pub fn text(report: &LifetimeReport) -> String {
    let mut text = format!("Lifetimes of the campaign {}", one_line(&report.campaign));
    if report.computed < report.points {
        text.push_str(&format!(", {} of {} points computed", report.computed, report.points));
    }
    text.push_str(&format!("; bounds at {}, two-sided.\n", percent(report.question.confidence)));
    if !report.pooled_sweeps.is_empty() {
        let names = one_line(&report.pooled_sweeps.join(", "));
        text.push_str(&format!("The seeds ({names}) are pooled: they are more cells of the same kind.\n"));
    }
    for group in report.groups.iter().take(MOST_GROUPS) {
        text.push('\n');
        text.push_str(&of_group(group));
    }
    if report.groups.len() > MOST_GROUPS {
        let more = report.groups.len() - MOST_GROUPS;
        text.push_str(&format!("\n... and {more} more groups, which report.json and lifetimes.csv hold (-o DIR)\n"));
    }
    if report.groups.iter().flat_map(|group| &group.uses).flat_map(|at| &at.lives).any(|life| life.arrhenius.is_err()) {
        text.push_str("\nA refused life is given with --extrapolate-across-break, where there is a line at all.\n");
    }
    text
}

fn of_group(group: &Group) -> String {
    let mut text = format!("{}\n{}\n", one_line(&group.name), conditions(group));
    if let Some(cells) = cells(group) {
        text.push_str(&wrapped(&cells, 2));
    }
    text.push_str(&table(populations(group)));
    for (what, names) in unfitted(group) {
        text.push_str(&wrapped(&format!("  {names}: {what}"), 4));
    }
    for remark in &group.remarks {
        text.push_str(&wrapped(&format!("  {remark}"), 4));
    }
    for (heading, rows) in said(group) {
        text.push_str(&paragraph(&heading, &rows));
    }
    text
}

/// The rows of a table, indented.
fn table(rows: Vec<Vec<String>>) -> String {
    let mut rows = rows.into_iter().map(|mut cells| {
        cells[0].insert_str(0, "  ");
        cells
    });
    let mut table = Table::new(rows.next().unwrap_or_default(), 1);
    rows.for_each(|row| table.row(row));
    table.render()
}

/// A heading, and lines of a name and what is said of it.
pub type Said = (String, Vec<(&'static str, String)>);

/// What a group's lines over temperature say, and what they let one say of each temperature of use.
pub fn said(group: &Group) -> Vec<Said> {
    let joint = |number: usize| (number == 0).then_some(&group.joint);
    let lines = group.lines.iter().enumerate().map(|(number, line)| of_line(line, joint(number)));
    lines.chain(group.uses.iter().map(|at| of_use(at, group))).collect()
}

/// When a cell of a group has failed, and the law of its lifetimes.
pub fn conditions(group: &Group) -> String {
    let read = group.read_k.map_or_else(|| "as baked".to_owned(), |k| format!("at {}", degrees(k)));
    let failed = format!(
        "failed: keeps less than {} of its window{}, read at {} V, {read}",
        percent(group.kept_threshold),
        group.judged.words(),
        group.read_v
    );
    match (group.law, group.aic_to_other_law) {
        (Some(law), Some(aic)) => {
            format!("{failed}; lifetimes: {}, AIC {} better than {}", law.name(), small(aic), law.other().name())
        }
        (Some(law), None) => format!("{failed}; lifetimes: {}", law.name()),
        (None, _) => format!("{failed}; no law of lifetimes can be fitted"),
    }
}

/// Which cells stand at the temperatures of a group, and what bounds over temperature make of it; nothing where there
/// is one temperature.
pub fn cells(group: &Group) -> Option<String> {
    let text = match (group.populations.len(), group.same_cells) {
        (0 | 1, _) => return None,
        (_, false) => {
            "cells: each temperature has its own; errors at different temperatures are independent".to_owned()
        }
        (_, true) => {
            let clusters = match group.joint.as_ref().map(|joint| joint.fit.design) {
                Ok(Design::SameArrays) => "; all at once takes arrays for clusters",
                _ => "",
            };
            format!(
                "cells: the same at every temperature, so that errors there are related; bounds over temperature hold for any \
                 relation: errors add up{clusters}; AIC is the mean over temperatures"
            )
        }
    };
    Some(text)
}

/// A table of a group's temperatures: the headings, and a row for each.
pub fn populations(group: &Group) -> Vec<Vec<String>> {
    let ppm = group.lines.first().map_or_else(String::new, |line| parts(line.fraction));
    let fitted: &[&str] = match group.law {
        Some(Law::Weibull) => &["beta", "bounds", "eta", "p of fit", "off by %"],
        Some(Law::Lognormal) => &["sigma", "bounds", "median", "p of fit", "off by %"],
        None => &[],
    };
    let heads = [&["°C", "cells", "failed %"], fitted, &[ppm.as_str(), "bounds", ""]].concat();
    let heads = heads.iter().map(|head| (*head).to_owned()).collect();
    let celsius = celsius_texts(&group.populations.iter().map(|of| of.temperature_k).collect::<Vec<_>>());
    let rows = group.populations.iter().zip(celsius).map(|(of, celsius)| row(of, celsius, group.law));
    std::iter::once(heads).chain(rows).collect()
}

fn row(of: &Population, celsius: String, law: Option<Law>) -> Vec<String> {
    let dash = || "-".to_owned();
    let mut cells = vec![celsius];
    let Ok(observed) = &of.observed else {
        cells.extend(std::iter::repeat_n(dash(), if law.is_some() { 9 } else { 4 }));
        return cells;
    };
    cells.extend([observed.cells.to_string(), small(100.0 * observed.failed as f64 / observed.cells as f64)]);
    match law.map(|law| observed.fit(law)) {
        Some(Ok(report)) => cells.extend([
            small(report.shape_estimate.value),
            bounds(report.shape_estimate.profile, small),
            report.scale_estimate.as_ref().map_or_else(|_| dash(), |scale| span(scale.value)),
            report.goodness.p_value.map_or_else(dash, chance),
            small(100.0 * report.goodness.distance),
        ]),
        Some(Err(_)) => cells.extend(std::iter::repeat_n(dash(), 5)),
        None => {}
    }
    cells.extend(time(observed, law));
    cells
}

/// The time to the first fraction, its bounds, and where it is from if not from the fit.
fn time(observed: &Observed, law: Option<Law>) -> [String; 3] {
    let dash = || "-".to_owned();
    let Some(of) = observed.times.first() else {
        return [dash(), dash(), String::new()];
    };
    let fitted = law.and_then(|law| observed.fit(law).as_ref().ok()).and_then(|report| report.lives.first());
    match (of.source, of.time, fitted) {
        (TimeSource::Fit, _, Some(Ok(life))) => [span(life.value), bounds(life.profile, span), String::new()],
        (TimeSource::Checkpoints, time, _) => {
            let time = time.map_or_else(dash, |time| span(time.time_s));
            [time, bounds(of.between_s, span), "checkpoints".to_owned()]
        }
        (TimeSource::Programming, ..) => ["at programming".to_owned(), dash(), String::new()],
        _ if of.between_s.lower > 0.0 => [format!("> {}", span(of.between_s.lower)), dash(), "checkpoints".to_owned()],
        _ if of.between_s.upper.is_finite() => {
            [format!("< {}", span(of.between_s.upper)), dash(), "checkpoints".to_owned()]
        }
        _ => [dash(), dash(), String::new()],
    }
}

/// Why a temperature has no fit, or the fit no scale, each reason once with its temperatures.
pub fn unfitted(group: &Group) -> Vec<(String, String)> {
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for of in &group.populations {
        let reason = match (&of.observed, group.law) {
            (Err(reason), _) => reason.clone(),
            (Ok(observed), Some(law)) => match observed.fit(law) {
                Ok(FitReport { scale_estimate: Ok(_), .. }) => continue,
                Ok(FitReport { scale_estimate: Err(reason), .. }) => format!("no {} is told: {reason}", scale(law)),
                Err(reason) => reason.clone(),
            },
            (Ok(observed), None) => neither(observed),
        };
        let name = degrees(of.temperature_k);
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(name),
            None => reasons.push((reason, vec![name])),
        }
    }
    reasons.into_iter().map(|(reason, names)| (reason, names.join(", "))).collect()
}

fn scale(law: Law) -> &'static str {
    match law {
        Law::Weibull => "eta",
        Law::Lognormal => "median",
    }
}

/// Why there is neither fit: the data are at fault, for both laws alike.
fn neither(observed: &Observed) -> String {
    let reason = observed.weibull.as_ref().err().map_or("", String::as_str);
    reason.replacen("Weibull cannot be fitted", "no law can be fitted", 1)
}

fn of_line(line: &LineOfTimes, joint: Option<&Result<Joint, String>>) -> Said {
    let mut rows = vec![];
    match &line.segments {
        Err(reason) => rows.push(("Arrhenius line", format!("none: {reason}"))),
        Ok(segments) => of_segments(line, segments, &mut rows),
    }
    match joint {
        Some(Ok(joint)) => rows.extend(of_joint(joint)),
        Some(Err(reason)) if line.segments.is_ok() => rows.push(("all at once", format!("no joint fit: {reason}"))),
        _ => {}
    }
    (format!("Time to {} over temperature", parts(line.fraction)), rows)
}

fn of_segments(line: &LineOfTimes, segments: &Segments, rows: &mut Vec<(&'static str, String)>) {
    match (&segments.broken, &line.break_meaning) {
        (Some(broken), Some(meaning)) => {
            let range = |kelvin: &[f64]| format!("{} to {}", degrees(kelvin[0]), degrees(kelvin[kelvin.len() - 1]));
            for (side, energy) in [(&broken.below, &line.energy_below_ev), (&broken.above, &line.energy_above_ev)] {
                let energy = energy.as_ref().map_or_else(|why| format!("none: {why}"), |energy| of_energy(*energy));
                rows.push(("activation energy", format!("{energy}, {}", range(&side.temperatures_k))));
            }
            let crossing = broken
                .crossing_k
                .map_or_else(String::new, |k| format!("; the lines cross at {:.1} °C", k - ZERO_CELSIUS_K));
            rows.push(("break", format!("{meaning}{crossing}")));
        }
        _ => {
            if let Ok(energy) = &line.energy_ev {
                rows.push(("activation energy", of_energy(*energy)));
            }
            let verdict = match segments.p_value {
                Some(p) => format!("none is seen (p {})", equals(p)),
                None => "none could be seen: that takes four temperatures".to_owned(),
            };
            rows.push(("break", verdict));
        }
    }
    let local = segments.local.iter().map(|local| {
        let to = celsius_texts(&[local.cooler_k, local.hotter_k]).join("-");
        format!("{to} °C {:.2}", local.energy_ev)
    });
    if segments.local.len() > 1 {
        rows.push(("between neighbours", format!("{} eV", local.collect::<Vec<_>>().join(", "))));
    }
}

/// `1.176 eV (1.166 to 1.186)`.
pub fn of_energy(energy: Energy) -> String {
    match energy.bounds {
        Some(of) => format!("{:.3} eV ({:.3} to {:.3})", energy.value, of.lower, of.upper),
        None => format!("{:.3} eV (two temperatures: no bounds)", energy.value),
    }
}

fn of_joint(joint: &Joint) -> Vec<(&'static str, String)> {
    let (fit, energy) = (&joint.fit, joint.energy_ev);
    let shape = if fit.law == Law::Weibull { "beta" } else { "sigma" };
    let mut text = format!(
        "{} law with one {shape} = {} ({}) at {} temperatures: {:.3} eV ({:.3} to {:.3})",
        fit.law.name(),
        small(joint.shape_estimate.value),
        bounds(joint.shape_estimate.profile, small),
        fit.temperatures_k.len(),
        energy.value,
        energy.profile.lower,
        energy.profile.upper
    );
    if let Some(test) = fit.common_shape {
        text.push_str(&format!(
            "; one {shape}: {}they differ by up to {}",
            with_p(test.p_value),
            times(test.largest_ratio)
        ));
    }
    if let Some(test) = fit.on_the_line {
        text.push_str(&format!("; on a line: {}off by up to {}", with_p(test.p_value), times(test.largest_ratio)));
    }
    if !joint.left_out_k.is_empty() {
        let names = joint.left_out_k.iter().map(|&k| degrees(k)).collect::<Vec<_>>().join(", ");
        text.push_str(&format!("; without {names}, of no law or against this one, or failed at programming"));
    }
    vec![("all at once", text)]
}

fn with_p(p_value: Option<f64>) -> String {
    p_value.map_or_else(String::new, |p| format!("p {}, ", equals(p)))
}

fn of_use(at: &AtUse, group: &Group) -> Said {
    let mut rows = Vec::new();
    for life in &at.lives {
        rows.push(("life", of_life(life)));
        if life.arrhenius.is_ok() {
            rows.push(("by other laws", of_rivals(life, group)));
        }
        if let Some(shown) = life.shown {
            rows.push(("shown by a bake", of_shown(shown, at.temperature_k)));
        }
        if let Some(reason) = &life.beyond_data {
            rows.push(("beware", format!("the line should not be followed here: {reason}")));
        }
    }
    if !at.accelerations.is_empty() || at.accelerations_refused.is_some() {
        let factors = at.accelerations.iter().map(|of| {
            let within = of.bounds.map_or_else(String::new, |of| format!(" ({})", bounds(of, small)));
            format!("from {} {}{within}", degrees(of.test_k), small(of.factor))
        });
        rows.push(("acceleration", factors.chain(at.accelerations_refused.clone()).collect::<Vec<_>>().join(", ")));
    }
    rows.push((
        "failure rate",
        match &at.failure_rate {
            Ok(rate) => format!(
                "at most {} FIT ({} one-sided), from {} failures in {} device-hours at use",
                small(rate.fit_upper),
                percent(rate.confidence),
                rate.failed,
                small(rate.device_hours)
            ),
            Err(reason) => format!("none stated: {reason}"),
        },
    ));
    (format!("At {}", degrees(at.temperature_k)), rows)
}

fn of_life(life: &LifeAtUse) -> String {
    match &life.arrhenius {
        Ok(lived_s) => format!("{} failed after {}", parts(life.fraction), lived(lived_s)),
        Err(reason) => format!("{}: refused: {reason}", parts(life.fraction)),
    }
}

/// Between which times a bake shows a fraction failed, and which bake.
pub fn of_shown(shown: Shown, use_k: f64) -> String {
    let Shown { baked_k, between_s: Bounds { lower, upper } } = shown;
    let time = match (lower > 0.0, upper.is_finite()) {
        (true, true) => format!("between {} and {}", span(lower), span(upper)),
        (true, false) => format!("later than {}", span(lower)),
        (false, true) if upper == 0.0 => "at programming, before the bake".to_owned(),
        _ => format!("before {}", span(upper)),
    };
    let hotter = if baked_k == use_k { "" } else { ", which is hotter" };
    format!("{time}, at {}{hotter}", degrees(baked_k))
}

/// A life and its bounds.
pub fn lived(life: &Life) -> String {
    let within = life.bounds.map_or_else(|| " (no bounds)".to_owned(), |of| format!(" ({})", bounds(of, span)));
    format!("{}{within}", span(life.life_s))
}

fn of_rivals(life: &LifeAtUse, group: &Group) -> String {
    let mut said = Vec::new();
    if let Ok(linear) = &life.linear_in_t {
        let aic = life.aic_to_linear.map_or_else(String::new, |aic| format!(", AIC {aic:+.1} to Arrhenius"));
        said.push(format!("ln t linear in T {}{aic}", lived(linear)));
    }
    if let (Ok(of_other_law), Some(law)) = (&life.other_law, group.law) {
        let aic = group.aic_to_other_law.map_or_else(String::new, |aic| format!(", AIC {aic:+.1} to {}", law.name()));
        said.push(format!("{} {}{aic}", law.other().name(), lived(of_other_law)));
    }
    match &life.joint {
        Ok(Estimate { value, profile, .. }) => {
            said.push(format!("all at once {} ({})", span(*value), bounds(*profile, span)));
        }
        Err(reason) if reason.starts_with(CONTRADICT) => said.push(format!("all at once none: {reason}")),
        Err(_) => {}
    }
    if let Some(factor) = life.factor_between_laws {
        said.push(format!("a factor of {} between those the data allow", small(factor)));
    }
    said.join("; ")
}
