//! What is said of a file in which no line names the columns that are needed.

use super::fields::{Separator, is_number};
use super::heading::{Heading, Quantity};
use super::layout::{MOST_LINES_BEFORE, Trouble};
use super::{ColumnName, Reading, Wanted, comment};

/// Names of columns that an error repeats.
const MOST_NAMES_TOLD: usize = 8;

/// What is said where no line names the columns that are needed: of the line that comes nearest to it.
pub(super) fn nameless(
    lines: &[&str],
    first: usize,
    separators: &[Separator],
    wanted: &[Wanted],
    how: &Reading,
) -> Trouble {
    let named = |wanted: &Wanted, headings: &[Heading]| match how.columns.get(wanted.key) {
        Some(ColumnName::Name(name)) => headings.iter().any(|heading| heading.text == name.trim()),
        Some(ColumnName::Number(n)) => usize::try_from(*n).is_ok_and(|n| (1..=headings.len()).contains(&n)),
        None => headings.iter().any(|heading| Quantity::of(wanted.key).is_some_and(|q| q.meant(heading).is_some())),
    };
    let mut nearest: Option<(usize, usize, Vec<Heading>)> = None;
    let filled = |index: &usize| comment(lines[*index]).is_none() && !lines[*index].trim().is_empty();
    for index in (first..lines.len().min(first + MOST_LINES_BEFORE)).filter(filled) {
        for separator in separators {
            let Ok(names) = separator.split_names(lines[index]) else { continue };
            let headings: Vec<Heading> = names.iter().map(|name| Heading::of(name)).collect();
            let known = wanted.iter().filter(|wanted| wanted.needed && named(wanted, &headings)).count();
            // Of separators that find as much in a line, the one that finds most names.
            let nearer = |(most, at, others): &(usize, usize, Vec<Heading>)| {
                known > *most || (known == *most && *at == index && headings.len() > others.len())
            };
            if nearest.as_ref().is_none_or(nearer) {
                nearest = Some((known, index, headings));
            }
        }
    }
    let all = wanted.iter().filter(|w| w.needed).map(|w| w.key).collect::<Vec<_>>();
    let Some((known, index, headings)) = nearest else {
        return Trouble { line: None, message: format!("is empty; its first line must name {}", all.join(" and ")) };
    };
    if known == 0
        && separators.iter().any(|s| s.split(lines[index]).is_ok_and(|fields| fields.iter().all(|f| is_number(f))))
    {
        let by_number =
            all.iter().enumerate().map(|(i, key)| format!("{key} = {}", i + 1)).collect::<Vec<_>>().join(", ");
        let names = all.join(",");
        let message = format!(
            "no line before the numbers names the columns; write {names} there, or say columns = {{ {by_number} }}"
        );
        return Trouble::line(index, message);
    }
    let missing = wanted.iter().find(|w| (w.needed || how.columns.contains_key(w.key)) && !named(w, &headings));
    let has = headings
        .iter()
        .take(MOST_NAMES_TOLD)
        .map(|heading| format!("{:?}", short(&heading.text)))
        .collect::<Vec<_>>()
        .join(", ");
    let more = if headings.len() > MOST_NAMES_TOLD { ", and more" } else { "" };
    let message = match missing {
        Some(Wanted { key, .. }) => match how.columns.get(*key) {
            Some(ColumnName::Name(name)) => {
                format!("there is no column {name:?}, as columns names {key}; the line has {has}{more}")
            }
            Some(ColumnName::Number(n)) => {
                format!("there is no column {n}, as columns numbers {key}; the line has {} columns", headings.len())
            }
            None => format!(
                "there is no column {key}; the line that names the columns must have {}, and has {has}{more}; rename one, or say \
                 columns = {{ {key} = \"its name\" }}{}",
                all.join(" and "),
                // A sweep may go without times.
                if *key == "time_s" && all.contains(&"current_a") { ", or dwell_s, the time of each step" } else { "" }
            ),
        },
        None => "names the columns, but not each with a name of its own".to_owned(),
    };
    Trouble::line(index, message)
}

/// A name as an error repeats it.
pub(super) fn short(name: &str) -> String {
    const MOST: usize = 60;
    if name.chars().count() <= MOST { name.to_owned() } else { name.chars().take(MOST).chain("...".chars()).collect() }
}
