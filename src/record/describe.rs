//! A file in words, for people.

use super::campaign::CampaignRecord;
use super::error::{RecordError, one_line};
use super::hdf::{self, Explain, Input};
use super::layout::POINT_FILE_TYPE;
use crate::outcome::Provenance;
use crate::units::{celsius_texts, spoken_time};

/// What the campaign or point file of this record is, where it came from, its axes and its datasets, as text of several lines.
///
/// The summary of a campaign's numbers is [`crate::analysis`]'s.
///
/// # Errors
/// As [`crate::record::open_campaign`].
pub fn describe(record: &CampaignRecord) -> Result<String, RecordError> {
    let (file, _) = hdf::open(&record.path)?;
    let mut text = heading(record);
    text.push_str(&axes(record));
    text.push_str(&datasets(&Input { file: &file, path: &record.path })?);
    Ok(text)
}

fn heading(record: &CampaignRecord) -> String {
    let label = &record.label;
    let [major, minor] = record.format_version;
    let points = match (record.file_type == POINT_FILE_TYPE, record.computed.len()) {
        (true, _) => format!("{} of its campaign", record.points.start),
        (false, all) => format!("{} of {all}", record.computed.iter().filter(|&&c| c).count()),
    };
    let mut lines = vec![
        ("file", format!("{}, {}, format {major}.{minor}", record.path.display(), record.file_type)),
        ("campaign", label.name.clone()),
        ("points", points),
        ("array", format!("{} x {} cells, seed {}", label.rows, label.cols, label.seed)),
    ];
    lines.extend(origin(&record.provenance));
    if !label.overrides.is_empty() {
        lines.push(("overrides", label.overrides.join(", ")));
    }
    let programmed = match label.program_k {
        Some(temperature_k) => format!("{} °C", celsius_texts(&[temperature_k]).concat()),
        None => "as baked".to_owned(),
    };
    lines.push(("programmed", programmed));
    lines.push(("read", format!("at {} V", label.read_v)));
    lines.push(("threshold", format!("a cell fails below {} of its window", label.kept_threshold)));
    paragraph(lines)
}

/// Who made a file, and when.
pub(super) fn origin(from: &Provenance) -> Vec<(&'static str, String)> {
    let who = &from.identity;
    let software = if who.software { ", in software on the host processor" } else { "" };
    let mut lines = vec![
        ("program", format!("trapline {}, commit {}", from.program_version, from.commit)),
        ("backend", format!("{}: {}{software}", who.backend, who.adapter)),
        ("instructions", who.instruction_set.clone()),
    ];
    if !who.driver.is_empty() {
        lines.push(("driver", who.driver.clone()));
    }
    lines.push(("computed", format!("{} to {}", from.started_utc, from.ended_utc)));
    lines
}

/// A line for each name and value.
pub(super) fn paragraph<S: AsRef<str>>(lines: impl IntoIterator<Item = (S, String)>) -> String {
    let line = |(name, value): (S, String)| format!("{}\n", format!("{:<13} {value}", name.as_ref()).trim_end());
    lines.into_iter().map(line).collect()
}

fn axes(record: &CampaignRecord) -> String {
    let label = &record.label;
    let names: Vec<&str> = label.materials.iter().map(|(name, _)| name.as_str()).collect();
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
    line("material", names.len(), names.join(", "));
    line("temperature", degrees.len(), format!("{} °C", degrees.join(", ")));
    line("time", label.times_s.len(), times);
    line("bin", label.bins, String::new());
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
    let doing = "list the datasets";
    let mut text = String::from("\ndatasets\n");
    let mut names = input.file.member_names().reading(input.path, doing)?;
    names.sort();
    // A newer minor version, or another program, may have added anything: groups, links, datasets without attributes.
    let mut unknown = Vec::new();
    for name in names {
        let Ok(dataset) = input.file.dataset(&name) else {
            unknown.push(one_line(&name));
            continue;
        };
        let attribute = |of: &str| match input.text_of(&dataset, of) {
            Ok(text) => one_line(&text),
            Err(_) => "-".to_owned(),
        };
        let shape: Vec<String> = dataset.shape().iter().map(usize::to_string).collect();
        let (name, units, long_name) = (one_line(&name), attribute("units"), attribute("long_name"));
        text.push_str(&format!("  {name:<24} {:>20}  {units:<4}  {long_name}\n", shape.join(" x ")));
    }
    if !unknown.is_empty() {
        text.push_str(&format!("  unknown to this program: {}\n", unknown.join(", ")));
    }
    Ok(text)
}
