//! A spread in words: tables for a terminal, and JSON.

use super::{BlockFound, Found, Key, Open, Spread};
use trapline_model::text::counted;
use trapline_report::analysis::Table;

/// Devices that are named in a line.
const MOST_NAMED: usize = 8;
/// Curves that bend more than this share of how far they move are remarked on.
const BEND: f64 = 0.3;
/// Offsets are told from this many of their standard errors on.
const SEEN_OFFSET: f64 = 2.0;

/// The whole report.
pub fn text(spread: &Spread) -> String {
    let mut text = format!("{}\n{}\n", found(spread), blocks(spread));
    for line in remarks(spread) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// A standard deviation to three digits.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    rounded.to_string()
}

fn found(spread: &Spread) -> String {
    let mut table =
        Table::new(["standard deviation of ln", "in the material", "found", "standard error", "90 % within", ""], 1);
    for of in &spread.found {
        let (value, error) = match (of.is_told, of.error) {
            (false, _) => ("-".to_owned(), "-".to_owned()),
            (true, error) => (short(of.value), error.map_or_else(|| "-".to_owned(), |error| format!("{error:.1e}"))),
        };
        let within = if of.is_seen {
            format!("{} to {}", short(of.lower), short(of.upper))
        } else {
            format!("below {} (95 %)", short(of.upper))
        };
        table.row([of.key.name().to_owned(), short(of.before), value, error, within, note(of)]);
    }
    table.render()
}

fn note(of: &Found) -> String {
    match of {
        Found { is_told: false, .. } => "not identifiable",
        Found { at_limit: true, .. } => "at the limit of a material",
        Found { is_seen: false, key: Key::TrapFilledLimit, lower, .. } if *lower > 0.0 => {
            "no more than the number of dots makes"
        }
        Found { is_seen: false, .. } => "not distinguishable from none",
        _ => "",
    }
    .to_owned()
}

fn blocks(spread: &Spread) -> String {
    let heads = ["devices", "number", "readings", "errors over stated", "scatter: spread", "chance", "readings", ""];
    let mut table = Table::new(heads, 1);
    for block in &spread.blocks {
        let share = |share: f64| format!("{:.1} %", 100.0 * share);
        let [spread, chance, readings] = block.shares.map(share);
        table.row([
            block.name.clone(),
            block.devices.to_string(),
            block.readings.to_string(),
            block.errors.map_or_else(|| "-".to_owned(), |errors| format!("{errors:.2}")),
            spread,
            chance,
            readings,
            if block.judged.met { "met" } else { "MISSED" }.to_owned(),
        ]);
    }
    table.render()
}

/// What is to be said beside the tables, a line each.
pub fn remarks(spread: &Spread) -> Vec<String> {
    let mut lines = Vec::new();
    if !spread.converged {
        lines.push("not converged: the likelihood still rises; is one of the blocks of another device?".to_owned());
    }
    for Open(parts) in &spread.open {
        lines.push(match parts.as_slice() {
            [(only, _)] => format!(
                "not identifiable: {}; these curves hardly depend on it, and the material's own value stays",
                only.name()
            ),
            several => {
                let all = several.iter().map(|(key, part)| format!("{part:+.2} {}²", key.name())).collect::<Vec<_>>();
                format!("not identifiable: the combination {}; the curves hardly change along it", all.join(" "))
            }
        });
    }
    let limit = spread.found.iter().find(|of| of.key == Key::TrapFilledLimit && of.is_told);
    if let (Some(of), true) = (limit, spread.limit_by_chance > 0.0) {
        let beside = (of.value.powi(2) - spread.limit_by_chance.powi(2)).max(0.0).sqrt();
        lines.push(format!(
            "trap_filled_limit is all of that scatter, as a material has it: of it {} by the number of a cell's dots, {} beside",
            short(spread.limit_by_chance),
            short(beside)
        ));
    }
    if spread.mean_field {
        lines.push(
            "the cells have too many dots to be counted: no chance of electrons is taken into account".to_owned(),
        );
    }
    if let Some(as_stated) = &spread.as_stated {
        let told = spread.found.iter().zip(as_stated).filter(|(of, _)| of.is_told);
        let all: Vec<String> = told.map(|(of, sd)| format!("{} {}", of.key.name(), short(*sd))).collect();
        if !all.is_empty() {
            lines.push(format!(
                "errors of readings were found with the spread; with those stated it would be {} (errors_as_stated = true)",
                all.join(", ")
            ));
        }
    }
    let offsets: Vec<String> = spread
        .offsets
        .iter()
        .filter(|offset| offset.value.abs() > SEEN_OFFSET * offset.error)
        .map(|o| format!("{} {:+.2} % ± {:.2} %", o.key.name(), 100.0 * o.value, 100.0 * o.error))
        .collect();
    if !offsets.is_empty() {
        let far =
            if spread.is_far_off() { "; farther than its slopes are known: fit the nominal cell first" } else { "" };
        lines.push(format!("the devices' mean is off the nominal cell: {}{far}", offsets.join(", ")));
    }
    spread.blocks.iter().for_each(|block| lines.extend(of_block(block)));
    if spread.bend > BEND {
        lines.push(format!(
            "curves bend by {:.0} % of what they move over a standard deviation: the spread is one of straight lines, and only as good",
            100.0 * spread.bend
        ));
    }
    lines
}

fn of_block(block: &BlockFound) -> Vec<String> {
    let (name, judged) = (&block.name, &block.judged);
    let mut lines = Vec::new();
    if block.left_out > 0 {
        lines.push(format!(
            "{name}: {} left out of all devices, since one of them has no reading there",
            counted(block.left_out, "point")
        ));
    }
    if block.against_nominal > 0 {
        lines.push(format!(
            "{name}: {} of {} devices have points of their own and are held against the nominal cell, with a common offset: it must fit",
            block.against_nominal, block.devices
        ));
    }
    for (in_spread, what) in
        [(true, "farther out than the others' spread"), (false, "of another shape, or with other errors")]
    {
        let named: Vec<String> = judged
            .outliers
            .iter()
            .filter(|outlier| outlier.in_spread == in_spread)
            .map(|outlier| format!("{} (p {:.0e})", outlier.device, outlier.p.max(1e-99)))
            .collect();
        let more = named.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        if !named.is_empty() {
            let first = named.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
            lines.push(format!("{name}: {what}: {first}{more}; p is of one like it among all devices"));
        }
    }
    if let Some(errors) = block.errors.filter(|errors| *errors > super::judge::MOST_ERRORS) {
        lines.push(format!(
            "{name}: readings scatter {errors:.1} times as much as stated: state it, or ask in what else the devices differ"
        ));
    }
    if let Some((share, at)) = judged.shape {
        lines.push(format!(
            "{name}: devices differ in something else: {:.0} % of what is left of the curves is one shape, largest at {at}",
            100.0 * share
        ));
    }
    if let Some(rms) = judged.misfit {
        lines.push(format!(
            "{name}: beside an offset the nominal cell misses the devices' mean by {rms:.1} standard errors of a reading: fit it first"
        ));
    }
    lines
}

/// The same as JSON.
pub fn json(spread: &Spread) -> serde_json::Value {
    let found: Vec<_> = spread
        .found
        .iter()
        .enumerate()
        .map(|(i, of)| {
            serde_json::json!({
                "key": format!("variation.{}", of.key.name()),
                "before": of.before,
                "found": of.is_told.then_some(of.value),
                "standard_error": of.error,
                "lower_5_percent": of.lower,
                "upper_95_percent": of.upper,
                "distinguishable_from_none": of.is_seen,
                "identifiable": of.is_told,
                "at_limit": of.at_limit,
                "with_errors_as_stated": spread.as_stated.as_ref().and_then(|all| all.get(i)),
            })
        })
        .collect();
    let blocks: Vec<_> = spread
        .blocks
        .iter()
        .map(|block| {
            let outlier = |of: &super::Outlier| {
                serde_json::json!({"device": of.device, "p": of.p, "in_spread": of.in_spread})
            };
            let outliers: Vec<_> = block.judged.outliers.iter().map(outlier).collect();
            let [by_spread, by_chance, by_readings] = block.shares;
            serde_json::json!({
                "name": block.name,
                "devices": block.devices,
                "readings": block.readings,
                "points_left_out": block.left_out,
                "devices_against_nominal": block.against_nominal,
                "errors_over_stated": block.errors,
                "share_of_scatter": {"spread": by_spread, "chance": by_chance, "readings": by_readings},
                "outliers": outliers,
                "other_shape": block.judged.shape.map(|(share, at)| serde_json::json!({"share": share, "largest_at": at})),
                "nominal_misses_mean": block.judged.misfit,
                "met": block.judged.met,
            })
        })
        .collect();
    let offsets: Vec<_> = spread
        .offsets
        .iter()
        .map(|o| serde_json::json!({"key": o.key.name(), "ln_offset": o.value, "standard_error": o.error}))
        .collect();
    let open: Vec<Vec<_>> = spread
        .open
        .iter()
        .map(|Open(parts)| {
            parts.iter().map(|(key, part)| serde_json::json!({"key": key.name(), "part": part})).collect()
        })
        .collect();
    serde_json::json!({
        "spread": found,
        "devices": spread.devices,
        "blocks": blocks,
        "offset_of_mean": offsets,
        "not_identifiable": open,
        "trap_filled_limit_by_number_of_dots": spread.limit_by_chance,
        "electrons": if spread.mean_field { "mean-field" } else { "counted" },
        "nominal_too_far_off": spread.is_far_off(),
        "converged": spread.converged,
        "missed": spread.missed(),
    })
}
