//! A file in words, for people.

use super::error::RecordError;
use super::hdf;
use super::index::UnfinishedRecord;
use super::input::Input;
use super::layout::{POINT_FILE_TYPE, UNFINISHED_FILE_TYPE};
use trapline_model::cell::counted::Electrons;
use trapline_model::outcome::{CampaignLabel, CampaignRecord, PointSettings, Provenance};
use trapline_model::text::one_line;
use trapline_model::units::{celsius_texts, spoken_time};

/// What the campaign or point file of this record is, where it came from, its axes and its datasets, as text of
/// several lines.
///
/// The summary of a campaign's numbers is `trapline_report::analysis`'s.
///
/// # Errors
/// As [`crate::open_campaign`].
pub fn describe(record: &CampaignRecord) -> Result<String, RecordError> {
    let source = hdf::open_again(&record.path)?;
    let input = source.input();
    let points = match record.file_type == POINT_FILE_TYPE {
        true => format!("{} of its campaign", input.scalar::<u64>("point_number")?),
        false => format!("{} of {}", record.computed(), record.points.len()),
    };
    Ok(heading(record, points) + &axes(&record.label) + &datasets(&input)?)
}

/// The same of a campaign in progress.
pub fn describe_unfinished(record: &UnfinishedRecord) -> String {
    let (finished, planned, all) = (record.finished().len(), record.planned.len(), record.label.points());
    let of = if planned == all { String::new() } else { format!(" (of {all} of the whole campaign)") };
    let mut lines = vec![
        ("file", format!("{}, {UNFINISHED_FILE_TYPE}", record.path.display())),
        ("campaign", record.label.name.clone()),
        ("points", format!("{finished} of {planned} finished{of}, in {}", record.parts.display())),
    ];
    lines.extend(settings(&record.label));
    lines.extend(origin(&record.provenance));
    paragraph(lines) + &axes(&record.label)
}

fn heading(record: &CampaignRecord, points: String) -> String {
    let label = &record.label;
    let [major, minor] = record.format_version;
    let mut lines = vec![
        ("file", format!("{}, {}, format {major}.{minor}", record.path.display(), record.file_type)),
        ("campaign", label.name.clone()),
        ("points", points),
    ];
    lines.extend(settings(label));
    lines.extend(origin(&record.provenance));
    paragraph(lines)
}

/// What was done to the cells.
pub(super) fn settings(label: &CampaignLabel) -> Vec<(&'static str, String)> {
    const SWEPT: &str = "swept";
    let said = |value: Option<String>| value.unwrap_or_else(|| SWEPT.to_owned());
    let size = label.common(|of| (of.rows, of.cols)).map(|(rows, cols)| format!("{rows} x {cols} cells"));
    let seed = label.common(|of| of.seed).map(|seed| format!("seed {seed}"));
    let array = format!("{}, {}", size.unwrap_or("sizes swept".to_owned()), seed.unwrap_or("seeds swept".to_owned()));
    let degrees = |kelvin: f64| format!("{} °C", celsius_texts(&[kelvin]).concat());
    // Each at its own: where all points have one temperature both are true.
    let as_baked = |of: fn(&PointSettings) -> f64| {
        let baked_k = |n: usize| label.temperatures_k[n % label.temperatures_k.len()];
        label.settings.iter().enumerate().all(|(n, settings)| of(settings) == baked_k(n))
    };
    let at = |of: fn(&PointSettings) -> f64| match as_baked(of) {
        true => "as baked".to_owned(),
        false => said(label.common(of).map(degrees)),
    };
    let mut lines = vec![("array", array)];
    if !label.overrides.is_empty() {
        lines.push(("overrides", label.overrides.join(", ")));
    }
    if !label.inputs.is_empty() {
        lines.push(("inputs", label.inputs.join(", ")));
    }
    lines.push(("programmed", at(|of| of.program_k)));
    let bias = said(label.common(|of| of.read_v).map(|read_v| format!("at {read_v} V")));
    let read_k = |of: &PointSettings| of.read_k;
    lines.push(("read", if as_baked(read_k) { bias } else { format!("{bias}, {}", at(read_k)) }));
    if label.settings.iter().any(|of| of.electrons.are_counted()) {
        lines.push(("electrons", electrons(label)));
    }
    lines.push(("cells", label.cells_in_words().to_owned()));
    lines.push(("threshold", label.failing_in_words()));
    lines
}

/// How electrons are taken, and on how many dots.
fn electrons(label: &CampaignLabel) -> String {
    let words = label.common(|of| of.electrons).map_or("swept", Electrons::words);
    let mut said = vec![words.to_owned()];
    for (number, (name, _)) in label.materials.iter().enumerate() {
        let of_material = |n: usize| n / label.temperatures_k.len() % label.materials.len() == number;
        let all = label.settings.iter().enumerate().filter(|(n, _)| of_material(*n)).map(|(_, of)| of.dots);
        let (least, most) = all.fold((f64::INFINITY, 0.0_f64), |(a, b), dots| (a.min(dots), b.max(dots)));
        match (least, most) {
            (_, 0.0) => said.push(format!("{name} has no dots")),
            _ if least == most => said.push(format!("{most:.0} dots in a nominal cell of {name}")),
            _ => said.push(format!("{least:.0} to {most:.0} dots in nominal cells of {name}")),
        }
    }
    said.join(", ")
}

/// Who made a file, and when.
pub(super) fn origin(from: &Provenance) -> Vec<(&'static str, String)> {
    let identity = &from.identity;
    let software = if identity.software { ", in software on the host processor" } else { "" };
    let mut lines = vec![
        ("program", format!("trapline {}, commit {}", from.program_version, from.commit)),
        ("backend", format!("{}: {}{software}", identity.backend, identity.adapter)),
        ("instructions", identity.instruction_set.clone()),
    ];
    if !identity.driver.is_empty() {
        lines.push(("driver", identity.driver.clone()));
    }
    lines.push(("computed", format!("{} to {}", from.started_utc, from.ended_utc)));
    lines
}

/// A line for each name and value.
pub(super) fn paragraph<S: AsRef<str>>(lines: impl IntoIterator<Item = (S, String)>) -> String {
    let line = |(name, value): (S, String)| {
        let (name, value) = (one_line(name.as_ref()), one_line(&value));
        format!("{}\n", format!("{name:<13} {value}").trim_end())
    };
    lines.into_iter().map(line).collect()
}

/// Most values of a sweep that are shown.
const MOST_SHOWN: usize = 12;

/// The axes and what stands on them.
pub(super) fn axes(label: &CampaignLabel) -> String {
    let names: Vec<String> = label.materials.iter().map(|(name, _)| one_line(name)).collect();
    let degrees = celsius_texts(&label.temperatures_k);
    let times = match &label.times_s[..] {
        [] => String::new(),
        [only] => spoken_time(*only),
        [first, .., last] => format!("{} to {}", seconds(*first), seconds(*last)),
    };
    let mut text = String::from("\naxes\n");
    let mut line = |name: &str, length: usize, values: String| {
        text.push_str(&format!("  {name:<12} {length:>6}  {values}\n"));
    };
    for sweep in &label.sweeps {
        let length = sweep.coordinate.len();
        let shown = (0..length).take(MOST_SHOWN).map(|at| one_line(&sweep.coordinate.text(at)));
        let more = if length > MOST_SHOWN { ", ..." } else { "" };
        let keys = sweep.keys.iter().map(|key| key.key.as_str()).filter(|key| *key != sweep.name);
        let keys = one_line(&keys.collect::<Vec<_>>().join(", "));
        let keys = if keys.is_empty() { keys } else { format!("  ({keys})") };
        line(&one_line(&sweep.name), length, format!("{}{more}{keys}", shown.collect::<Vec<_>>().join(", ")));
    }
    line("material", names.len(), names.join(", "));
    line("temperature", degrees.len(), format!("{} °C", degrees.join(", ")));
    line("time", label.times_s.len(), times);
    line("bin", label.bins, String::new());
    if let [.., last] = label.circuit_times_s[..] {
        line("circuit_time", label.circuit_times_s.len(), format!("{} to {}", seconds(0.0), seconds(last)));
    }
    if let Some(w) = label.dump {
        line("row", w.rows as usize, format!("{} to {}", w.first_row, w.first_row + w.rows.saturating_sub(1)));
        line("col", w.cols as usize, format!("{} to {}", w.first_col, w.first_col + w.cols.saturating_sub(1)));
    }
    text.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

fn seconds(time_s: f64) -> String {
    if time_s == 0.0 { "0 s".to_owned() } else { spoken_time(time_s) }
}

fn datasets(input: &Input<'_>) -> Result<String, RecordError> {
    let mut text = String::from("\ndatasets\n");
    // A newer minor version, or another program, may have added anything: groups, links, datasets without attributes.
    let mut unknown = Vec::new();
    for (name, is_dataset) in input.contents.top() {
        if !is_dataset {
            unknown.push(one_line(name));
            continue;
        }
        // What is unknown here may be empty, or a type with a name; what leads elsewhere is refused, known or not.
        let dataset = match input.open_any(name) {
            Ok(dataset) => dataset,
            Err(error @ RecordError::Foreign { .. }) => return Err(error),
            Err(_) => {
                unknown.push(one_line(name));
                continue;
            }
        };
        let attribute = |of: &str| match input.text_of(&dataset, of) {
            Ok(text) => one_line(&text),
            Err(_) => "-".to_owned(),
        };
        let shape: Vec<String> = dataset.shape().iter().map(usize::to_string).collect();
        let (name, units, long_name) = (one_line(name), attribute("units"), attribute("long_name"));
        text.push_str(&format!("  {name:<24} {:>20}  {units:<4}  {long_name}\n", shape.join(" x ")));
    }
    if !unknown.is_empty() {
        text.push_str(&format!("  unknown to this program: {}\n", unknown.join(", ")));
    }
    Ok(text)
}
