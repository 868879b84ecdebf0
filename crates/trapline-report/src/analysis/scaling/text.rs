//! A study in words and columns.

use super::{Answer, Case, Reach, Scaling, Series, Size};
use crate::analysis::Table;
use crate::analysis::report::quoted;
use trapline_model::text::one_line;
use trapline_model::units::spoken_time;

/// Name of the sweep whose first place the others are compared with.
const CHANGES: &str = "change";
/// Most cases that a paragraph names for one limit.
const MOST_NAMED: usize = 8;

/// A size as people write it.
fn sized(scaling: &Scaling, size: f64) -> String {
    if !scaling.kind.is_of_arrays() {
        return format!("{} nm", rounded(size));
    }
    // A computed size is told as it is.
    if let Some(of) = scaling.sizes.iter().find(|of| of.lines_or_nm == size) {
        return format!("{} x {}", of.rows, of.cols);
    }
    if scaling.sizes.iter().all(|of| of.rows == of.cols) {
        // Whole lines, and none more than keep to the limit.
        return format!("{0} x {0}", rounded(size.floor()));
    }
    // Arrays that grow along one axis, in whole lines of it.
    let (cells, first) = (size * size, scaling.sizes.first());
    let alike = |of: fn(&Size) -> u64| {
        let of_first = first.map(of)?;
        scaling.sizes.iter().all(|size| of(size) == of_first).then_some(of_first)
    };
    match (alike(|size| size.rows), alike(|size| size.cols)) {
        (_, Some(cols)) => format!("{} x {cols}", rounded((cells / cols as f64).floor())),
        (Some(rows), _) => format!("{rows} x {}", rounded((cells / rows as f64).floor())),
        _ => format!("{} cells", rounded(cells.floor())),
    }
}

/// Three digits, as a whole number where it has more.
fn rounded(value: f64) -> String {
    if value >= 1e6 {
        format!("{value:.2e}")
    } else if value >= 100.0 {
        format!("{value:.0}")
    } else {
        let digits = (2 - value.max(1e-9).log10().floor() as i32).max(0) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    }
}

/// An answer in words.
pub fn said(scaling: &Scaling, reach: &Reach) -> String {
    let arrays = scaling.kind.is_of_arrays();
    match *reach {
        Reach::To { size, keeps, fails } => {
            let (a, b) = (sized(scaling, keeps), sized(scaling, fails));
            format!("{} ({a} keeps to it, {b} does not)", sized(scaling, size))
        }
        Reach::All { size } if arrays => format!("{} or more: all computed keep to it", sized(scaling, size)),
        Reach::All { size } => format!("{} or less: all computed keep to it", sized(scaling, size)),
        Reach::Known { size, unknown } => {
            format!("{} keeps to it; {} is not known", sized(scaling, size), sized(scaling, unknown))
        }
        Reach::None { size } => format!("none: {} does not keep to it", sized(scaling, size)),
        Reach::Unknown => "not known".to_owned(),
    }
}

/// The same in a word or two.
pub fn in_brief(scaling: &Scaling, reach: &Reach) -> String {
    let arrays = scaling.kind.is_of_arrays();
    match *reach {
        Reach::To { size, .. } => sized(scaling, size),
        Reach::All { size } | Reach::Known { size, .. } => {
            format!("{} {}", if arrays { "at least" } else { "at most" }, sized(scaling, size))
        }
        Reach::None { size } => format!("not even {}", sized(scaling, size)),
        Reach::Unknown => "not known".to_owned(),
    }
}

/// The parts of a case that are named: material, places of the sweeps, temperature and time.
fn parts(case: &Case) -> Vec<String> {
    let sweeps = case.sweeps.iter().map(|(name, value)| format!("{} {}", one_line(name), one_line(value)));
    let degrees = format!("{} °C", (case.temperature_c * 100.0).round() / 100.0);
    let time = format!("{} after programming", spoken_time(case.time_s));
    std::iter::once(one_line(&case.material)).chain(sweeps).chain([degrees, time]).collect()
}

/// What all cases of a time have in common, and what each has of its own.
struct Named {
    common: String,
    shared: Vec<bool>,
}

impl Named {
    fn new(scaling: &Scaling, time_s: f64) -> Named {
        let all: Vec<Vec<String>> =
            scaling.series.iter().filter(|of| of.case.time_s == time_s).map(|of| parts(&of.case)).collect();
        let Some(first) = all.first() else { return Named { common: String::new(), shared: Vec::new() } };
        let shared: Vec<bool> = (0..first.len()).map(|part| all.iter().all(|of| of[part] == first[part])).collect();
        let common = first.iter().zip(&shared).filter(|(_, shared)| **shared).map(|(part, _)| part.as_str());
        Named { common: common.collect::<Vec<_>>().join(", "), shared }
    }

    /// A case by what it has of its own; by all of it where that is nothing.
    fn of(&self, case: &Case) -> String {
        let own = parts(case).into_iter().zip(&self.shared).filter(|(_, shared)| !**shared).map(|(part, _)| part);
        let own = own.collect::<Vec<_>>().join(", ");
        if own.is_empty() { self.common.clone() } else { own }
    }
}

/// All answers as a table for a terminal.
pub fn table(scaling: &Scaling) -> String {
    let sweeps: Vec<String> = scaling
        .series
        .first()
        .map_or_else(Vec::new, |first| first.case.sweeps.iter().map(|(name, _)| one_line(name)).collect());
    let what = if scaling.kind.is_of_arrays() { "largest array" } else { "smallest cell" };
    let columns = sweeps.len() + 6;
    let headings = ["material", "°C", "time", "limit", what, "seeds"].map(str::to_owned);
    let mut table = Table::new(sweeps.into_iter().chain(headings), columns);
    for answer in &scaling.answers {
        let case = &scaling.series[answer.series].case;
        let limit = &scaling.limits[answer.limit];
        let row = [
            one_line(&case.material),
            format!("{}", (case.temperature_c * 100.0).round() / 100.0),
            if case.time_s > 0.0 { spoken_time(case.time_s) } else { "0 s".to_owned() },
            limit.in_words(),
            said(scaling, &answer.reach),
            over_seeds(scaling, answer),
        ];
        table.row(case.sweeps.iter().map(|(_, value)| one_line(value)).chain(row));
    }
    table.render()
}

/// The answers of the seeds where they differ: `5 x 5 to 6 x 6`.
pub fn over_seeds(scaling: &Scaling, answer: &Answer) -> String {
    let (least, most) = &answer.seeds;
    let [least, most] = [least, most].map(|reach| in_brief(scaling, reach));
    if least == most { String::new() } else { format!("{least} to {most}") }
}

/// What the numbers say, a sentence or two for each limit; of the last time.
pub fn paragraph(scaling: &Scaling) -> Vec<String> {
    let last_s = scaling.series.iter().map(|of| of.case.time_s).fold(0.0, f64::max);
    let names = Named::new(scaling, last_s);
    let mut lines = vec![format!("{}.", names.common)];
    for (number, limit) in scaling.limits.iter().enumerate() {
        let of_limit = scaling.answers.iter().filter(|answer| answer.limit == number);
        let mut cases: Vec<String> = of_limit
            .map(|answer| (answer, &scaling.series[answer.series]))
            .filter(|(_, series)| series.case.time_s == last_s)
            .map(|(answer, series)| {
                let seeds = over_seeds(scaling, answer);
                let seeds = if seeds.is_empty() { seeds } else { format!(" ({seeds} over the seeds)") };
                format!("{}: {}{seeds}", names.of(&series.case), in_brief(scaling, &answer.reach))
            })
            .collect();
        let more = cases.len().saturating_sub(MOST_NAMED);
        cases.truncate(MOST_NAMED);
        let what = if scaling.kind.is_of_arrays() { "The largest array" } else { "The smallest cell" };
        let figure = scaling.figures.iter().find(|figure| figure.name == limit.of);
        let meaning = figure.map_or("", |figure| figure.long_name);
        let more = if more > 0 { format!("; {more} more in the table") } else { String::new() };
        lines.push(format!("{what} with {} ({meaning}): {}{more}.", limit.in_words(), cases.join("; ")));
    }
    lines.extend(scaling.remarks.iter().map(|(remark, points)| format!("Of {points} points: {}.", one_line(remark))));
    lines.extend(limiting(scaling, last_s, &names));
    lines.extend(changes(scaling, last_s, &names));
    lines
}

/// Which limit comes first, case by case.
fn limiting(scaling: &Scaling, last_s: f64, names: &Named) -> Option<String> {
    if scaling.limits.len() < 2 {
        return None;
    }
    let mut first: Vec<(String, Vec<String>)> = Vec::new();
    for (place, series) in scaling.series.iter().enumerate().filter(|(_, of)| of.case.time_s == last_s) {
        let rising = scaling.kind.is_of_arrays();
        let of_case: Vec<&Answer> =
            (0..scaling.limits.len()).filter_map(|limit| scaling.answer(place, limit)).collect();
        // What comes first is not known while one of them is not.
        if of_case.iter().any(|answer| matches!(answer.reach, Reach::Unknown | Reach::Known { .. })) {
            continue;
        }
        let of_case = of_case.into_iter();
        let tightest = if rising {
            of_case.min_by(|a, b| a.reach.at(rising).total_cmp(&b.reach.at(rising)))
        } else {
            of_case.max_by(|a, b| a.reach.at(rising).total_cmp(&b.reach.at(rising)))
        };
        let Some(answer) = tightest else { continue };
        let limit = match answer.reach {
            Reach::All { .. } => "none of the limits within the sizes".to_owned(),
            _ => scaling.limits[answer.limit].of.clone(),
        };
        let name = names.of(&series.case);
        match first.iter_mut().find(|(known, _)| *known == limit) {
            Some((_, cases)) => cases.push(name),
            None => first.push((limit, vec![name])),
        }
    }
    let said = first.into_iter().map(|(limit, cases)| {
        let more = cases.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{limit} for {}{more}", cases.into_iter().take(MOST_NAMED).collect::<Vec<_>>().join("; "))
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| format!("What limits first: {}.", said.join(". ")))
}

/// By how much each place of a sweep named `change` moves the answers of its first place.
fn changes(scaling: &Scaling, last_s: f64, names: &Named) -> Vec<String> {
    let change = |series: &Series| {
        let of = &series.case.sweeps;
        of.iter().find(|(name, _)| name == CHANGES).map(|(_, value)| value.clone())
    };
    let without = |series: &Series| {
        let mut case = series.case.clone();
        case.sweeps.retain(|(name, _)| name != CHANGES);
        case
    };
    let mut lines = Vec::new();
    for (place, base) in scaling.series.iter().enumerate().filter(|(_, of)| of.case.time_s == last_s) {
        let Some(first) = change(base) else { continue };
        let is_first = scaling.series.iter().position(|of| without(of) == without(base)) == Some(place);
        if !is_first {
            continue;
        }
        for (number, limit) in scaling.limits.iter().enumerate() {
            let size = |series: usize| {
                let of = scaling.answer(series, number);
                of.and_then(|answer| match answer.reach {
                    Reach::To { size, .. } => Some(size),
                    _ => None,
                })
            };
            let Some(of_base) = size(place) else { continue };
            let others: Vec<String> = scaling
                .series
                .iter()
                .enumerate()
                .filter(|(other, of)| *other != place && without(of) == without(base))
                .filter_map(|(other, of)| {
                    let name = one_line(&change(of)?);
                    let answer = scaling.answer(other, number)?;
                    Some(match answer.reach {
                        Reach::To { size, .. } => format!("{name} {:.2}", size / of_base),
                        Reach::All { size } if scaling.kind.is_of_arrays() => {
                            format!("{name} {:.2} or more", size / of_base)
                        }
                        Reach::All { size } => format!("{name} {:.2} or less", size / of_base),
                        Reach::None { .. } => format!("{name}: no size is left"),
                        Reach::Known { .. } | Reach::Unknown => return None,
                    })
                })
                .collect();
            if !others.is_empty() {
                let base_name = format!("{CHANGES} {}", one_line(&first));
                let own = names.of(&base.case).replace(&base_name, "");
                let own = own.trim_matches([',', ' ']).to_owned();
                let own = if own.is_empty() { own } else { format!(" ({own})") };
                lines.push(format!(
                    "Against {}{own}, with {}: sizes change by the factors {}.",
                    one_line(&first),
                    limit.in_words(),
                    others.join(", ")
                ));
            }
        }
    }
    lines
}

/// Answers as columns: sizes are lines of a square array of as many cells, or the side of a square cell in nm.
pub fn answers_csv(scaling: &Scaling) -> String {
    let mut text = case_headings(scaling) + ",limit,side,bound,size,keeps,fails,seeds_least,seeds_most,said\n";
    for answer in &scaling.answers {
        let limit = &scaling.limits[answer.limit];
        let (keeps, fails) = match answer.reach {
            Reach::To { keeps, fails, .. } => (Some(keeps), Some(fails)),
            Reach::All { size } | Reach::Known { size, .. } => (Some(size), None),
            Reach::None { size } => (None, Some(size)),
            Reach::Unknown => (None, None),
        };
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let (least, most) = &answer.seeds;
        let numbers = [answer.reach.size(), keeps, fails, least.size(), most.size()].map(number).join(",");
        let case = case_cells(&scaling.series[answer.series].case);
        let said = quoted(&said(scaling, &answer.reach));
        let side = if limit.at_least.is_some() { "at least" } else { "at most" };
        text.push_str(&format!("{case},{},{side},{},{numbers},{said}\n", limit.of, limit.bound()));
    }
    text
}

/// Every figure at every size: a row for each case, seed and size.
pub fn figures_csv(scaling: &Scaling) -> String {
    let names: Vec<&str> = scaling.figures.iter().map(|figure| figure.name).collect();
    let side = if scaling.kind.is_of_arrays() { "lines" } else { "side_nm" };
    let mut text = format!("{},seed_number,{side},rows,cols,{}\n", case_headings(scaling), names.join(","));
    for series in &scaling.series {
        let case = case_cells(&series.case);
        for (seed, sizes) in series.values.iter().enumerate() {
            for (size, values) in scaling.sizes.iter().zip(sizes) {
                let number = |value: &f64| if value.is_nan() { String::new() } else { value.to_string() };
                let values: Vec<String> = values.iter().map(number).collect();
                let (lines, rows, cols) = (size.lines_or_nm, size.rows, size.cols);
                text.push_str(&format!("{case},{seed},{lines},{rows},{cols},{}\n", values.join(",")));
            }
        }
    }
    text
}

fn case_headings(scaling: &Scaling) -> String {
    let sweeps = scaling
        .series
        .first()
        .map_or_else(Vec::new, |of| of.case.sweeps.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>());
    let fixed = ["material", "temperature_c", "time_s"].map(str::to_owned);
    sweeps.into_iter().chain(fixed).collect::<Vec<_>>().join(",")
}

fn case_cells(case: &Case) -> String {
    let sweeps = case.sweeps.iter().map(|(_, value)| quoted(value));
    let fixed = [quoted(&case.material), case.temperature_c.to_string(), case.time_s.to_string()];
    sweeps.chain(fixed).collect::<Vec<_>>().join(",")
}
