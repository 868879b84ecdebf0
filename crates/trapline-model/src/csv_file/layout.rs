//! Where the names and the numbers of a file of columns are: its separator, the line of names, units, and the first
//! numbers.

mod rows;

use super::fields::{SEPARATORS, Separator, is_number};
use super::heading::{Heading, Quantity, Sureness, is_unit};
use super::nameless::{nameless, short};
use super::{ColumnName, CsvError, Reading, Wanted, comment};

/// How many lines there may be before the one with the names.
pub(super) const MOST_LINES_BEFORE: usize = 1000;
/// Lines after the names among which the first with numbers must be.
const MOST_LINES_BETWEEN: usize = 1000;
/// Lines of words alone that may stand between the names and the numbers.
const MOST_WORDS_BETWEEN: usize = 3;
/// Lines by which a separator is told from others where no names tell it.
const LINES_COMPARED: usize = 50;

/// A column in the file.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) key: &'static str,
    pub(super) at: usize,
    pub(super) gaps: bool,
    /// Its name in the file; none where it was given by number.
    pub(super) text: Option<String>,
    /// The unit that the file says.
    pub(super) unit: Option<String>,
    pub(super) scale: f64,
}

/// The number of the first line to look at, and the separators that may be meant.
pub(super) fn separators(lines: &[&str], how: &Reading) -> Result<(usize, Vec<Separator>), String> {
    let first = how.skip.unwrap_or(0);
    if first >= lines.len() {
        return Err(format!("skip is {first}, but it has {} lines; skip fewer", lines.len()));
    }
    if let Some(name) = &how.delimiter {
        let separator = Separator::named(name)
            .ok_or_else(|| format!("delimiter is {name:?}; it must be \",\", \";\", \"|\", \"tab\" or \"space\""))?;
        return Ok((first, vec![separator]));
    }
    // What Excel takes for a file's first word.
    let said = lines[first].trim().strip_prefix("sep=").filter(|_| how.skip.is_none());
    match said.map(|mark| (mark, Separator::named(mark))) {
        Some((_, Some(separator))) => Ok((first + 1, vec![separator])),
        Some((mark, None)) => Err(format!("line 1: sep={mark} is no separator; it must be , ; | or a tab")),
        None => Ok((first, SEPARATORS.to_vec())),
    }
}

/// What is wrong, before the path is known.
pub(super) struct Trouble {
    /// From 1; none where it is the file as a whole.
    pub(super) line: Option<usize>,
    pub(super) message: String,
}

impl Trouble {
    pub(super) fn line(index: usize, message: impl Into<String>) -> Trouble {
        Trouble { line: Some(index + 1), message: message.into() }
    }

    pub(super) fn at(self, path: &str) -> CsvError {
        let (path, message) = (path.to_owned(), self.message);
        match self.line {
            Some(line) => CsvError::Line { path, line, message },
            None => CsvError::File { path, message },
        }
    }
}

/// Where the names and the numbers of a file are.
pub(super) struct Layout {
    separator: Separator,
    /// Index of the line with the names; none where all columns are given by number.
    header: Option<usize>,
    /// Index of the first line that may hold numbers.
    body: usize,
    /// Fields of a line; none where no line says so, and the first with numbers does.
    width: Option<usize>,
    pub(super) found: Vec<Found>,
    /// Names of the other columns.
    unread: Vec<String>,
}

impl Layout {
    pub(super) fn find(
        lines: &[&str],
        first: usize,
        separators: &[Separator],
        wanted: &[Wanted],
        how: &Reading,
    ) -> Result<Layout, Trouble> {
        if let Some(by_number) = Layout::by_number(lines, first, separators, wanted, how)? {
            return Ok(by_number);
        }
        // The best of all separators: names that numbers follow, and then the surest ones.
        let mut best: Option<(Sureness, Layout)> = None;
        let (mut ambiguous, mut unfollowed) = (None, None);
        let needed = wanted.iter().filter(|wanted| wanted.needed).count();
        for in_comments in [false, true] {
            for &separator in separators {
                for index in first..lines.len().min(first + MOST_LINES_BEFORE) {
                    let line = match (comment(lines[index]), in_comments) {
                        (None, false) => lines[index],
                        (Some(inside), true) => inside,
                        _ => continue,
                    };
                    // Lines that a separator does not split are long names, which are costly to look at.
                    let Some(names) = separator.split_names(line).ok().filter(|names| names.len() >= needed) else {
                        continue;
                    };
                    match Layout::named(&names, separator, index, wanted, how) {
                        Ok(Some((sureness, layout))) => {
                            let layout = match layout.with_units(lines) {
                                Ok(layout) => layout,
                                Err(trouble) => {
                                    ambiguous = ambiguous.or(Some(trouble));
                                    continue;
                                }
                            };
                            if layout.numbers_follow(lines) {
                                if best.as_ref().is_none_or(|(other, _)| sureness < *other) {
                                    best = Some((sureness, layout));
                                }
                                break;
                            }
                            unfollowed = unfollowed.or(Some(layout));
                        }
                        Ok(None) => {}
                        Err(trouble) => ambiguous = ambiguous.or(Some(trouble)),
                    }
                }
            }
            if let Some((_, layout)) = best.take() {
                return Ok(layout);
            }
        }
        match (ambiguous, unfollowed) {
            (Some(trouble), _) => Err(trouble),
            // What is wrong with its first numbers is told when they are read.
            (None, Some(layout)) => Ok(layout),
            (None, None) => Err(nameless(lines, first, separators, wanted, how)),
        }
    }

    /// All columns given by their numbers: no line has to name them. Where one does, its units count.
    fn by_number(
        lines: &[&str],
        first: usize,
        separators: &[Separator],
        wanted: &[Wanted],
        how: &Reading,
    ) -> Result<Option<Layout>, Trouble> {
        let number = |wanted: &Wanted| match how.columns.get(wanted.key) {
            Some(ColumnName::Number(n)) => Some(Found {
                key: wanted.key,
                at: n.checked_sub(1).and_then(|at| usize::try_from(at).ok())?,
                gaps: wanted.gaps,
                text: None,
                unit: None,
                scale: 1.0,
            }),
            _ => None,
        };
        let all_numbers = how.columns.values().all(|name| matches!(name, ColumnName::Number(_)));
        if how.columns.is_empty() || !all_numbers || wanted.iter().any(|w| w.needed && number(w).is_none()) {
            return Ok(None);
        }
        let found: Vec<_> = wanted.iter().filter_map(number).collect();
        let filled = |index: &usize| comment(lines[*index]).is_none() && !lines[*index].trim().is_empty();
        let has_numbers =
            |fields: &[String]| found.iter().all(|f| fields.get(f.at).is_some_and(|field| is_number(field)));
        // A comma may be a decimal one: the others first, and only what all lines have in the same way.
        let mut order = separators.to_vec();
        order.sort_by_key(|separator| match separator {
            Separator::Byte(b',') => 1,
            Separator::Spaces => 2,
            Separator::Byte(_) => 0,
        });
        for separator in order {
            let fields = |index: usize| separator.split(lines[index]).map(trimmed_end);
            let body = (first..lines.len()).filter(filled).find(|&index| fields(index).is_ok_and(|f| has_numbers(&f)));
            let Some(mut body) = body else { continue };
            let width = fields(body).map_or(0, |fields| fields.len());
            let rows = (body..lines.len()).filter(filled).take(LINES_COMPARED);
            let alike = rows.clone().all(|index| fields(index).is_ok_and(|fields| fields.len() == width));
            let other = |field: &String| separator == Separator::Byte(b',') && field.contains([';', '\t', '|']);
            if !alike || rows.clone().any(|index| fields(index).is_ok_and(|fields| fields.iter().any(other))) {
                continue;
            }
            let mut layout =
                Layout { separator, header: None, body, width: None, found: found.clone(), unread: Vec::new() };
            // What stands above the numbers in as many fields names them, or is a line of them that is wrong.
            if let Some(above) = (first..body).rev().find(filled)
                && let Ok(names) = separator.split_names(lines[above]).map(trimmed_end)
                && names.len() == width
            {
                if found.iter().any(|f| is_number(&names[f.at])) {
                    body = above;
                    layout.body = body;
                } else {
                    layout.header = Some(above);
                    layout.unread = unread(names.iter().map(String::as_str), &found);
                    for f in &mut layout.found {
                        let heading = Heading::of(&names[f.at]);
                        let quantity = Quantity::of(f.key);
                        let bare = heading.unit.is_none()
                            && quantity.is_some_and(|quantity| quantity.scale(&heading.text).is_some());
                        let unit = if bare { Some(heading.text.clone()) } else { heading.unit.clone() };
                        if let (Some(unit), Some(quantity)) = (unit, quantity) {
                            f.scale = scale_of(quantity, &unit, &heading.text).map_err(|m| Trouble::line(above, m))?;
                            f.unit = Some(unit);
                        }
                    }
                }
            }
            return Ok(Some(layout));
        }
        Ok(None)
    }

    /// The columns that a line of names has; none where one that is needed is not among them.
    fn named(
        names: &[String],
        separator: Separator,
        index: usize,
        wanted: &[Wanted],
        how: &Reading,
    ) -> Result<Option<(Sureness, Layout)>, Trouble> {
        let width = names.len() - names.iter().rev().take_while(|name| name.is_empty()).count();
        let headings: Vec<Heading> = names[..width].iter().map(|name| Heading::of(name)).collect();
        let (mut found, mut least): (Vec<Found>, _) = (Vec::new(), Sureness::Key);
        for wanted in wanted {
            let Some(quantity) = Quantity::of(wanted.key) else {
                let message = format!("{} is no quantity that a column may hold", wanted.key);
                return Err(Trouble { line: None, message });
            };
            let places: Vec<(usize, Sureness)> = match how.columns.get(wanted.key) {
                Some(ColumnName::Number(n)) => {
                    let at = n.checked_sub(1).and_then(|at| usize::try_from(at).ok()).filter(|at| *at < width);
                    at.map(|at| (at, Sureness::Key)).into_iter().collect()
                }
                Some(ColumnName::Name(name)) => {
                    let same = |(_, heading): &(usize, &Heading)| heading.text == name.trim();
                    headings.iter().enumerate().filter(same).map(|(at, _)| (at, Sureness::Key)).collect()
                }
                None => {
                    let meant = |(at, heading): (usize, &Heading)| quantity.meant(heading).map(|sure| (at, sure));
                    let sure = |(_, sure): &(usize, Sureness)| wanted.needed || *sure < Sureness::Unit;
                    headings.iter().enumerate().filter_map(meant).filter(sure).collect()
                }
            };
            let Some(surest) = places.iter().map(|(_, sure)| *sure).min() else {
                if wanted.needed || how.columns.contains_key(wanted.key) {
                    return Ok(None);
                }
                continue;
            };
            // Our own name says it; of other names two are one too many, whatever units they have.
            let as_sure = |sure: Sureness| match surest {
                Sureness::Key | Sureness::Unit => sure == surest,
                Sureness::NameAndUnit | Sureness::Name => sure < Sureness::Unit,
            };
            let best: Vec<usize> = places.iter().filter(|(_, sure)| as_sure(*sure)).map(|(at, _)| *at).collect();
            if let [first, second, ..] = best[..] {
                let (a, b) = (&headings[first].text, &headings[second].text);
                let what = if a == b {
                    format!("the name {a:?} stands twice, in columns {} and {}", first + 1, second + 1)
                } else {
                    format!("{} may be {a:?} or {b:?}", wanted.key)
                };
                let fix = format!("say columns = {{ {} = {} }}", wanted.key, first + 1);
                return Err(Trouble::line(index, format!("{what}; {fix}, its number or its name")));
            }
            let (at, heading) = (best[0], &headings[best[0]]);
            if heading.is_logarithm() {
                let message =
                    format!("column {:?} holds logarithms; {} needs the numbers themselves", heading.text, wanted.key);
                return Err(Trouble::line(index, message));
            }
            let scale = match &heading.unit {
                Some(unit) if heading.text != wanted.key => {
                    scale_of(quantity, unit, &heading.text).map_err(|message| Trouble::line(index, message))?
                }
                _ => 1.0,
            };
            // A unit in a field of its own makes the names as many as the halves of decimal commas.
            if let Some(next) =
                headings.get(at + 1).filter(|next| heading.unit.is_none() && quantity.scale(&next.text).is_some())
            {
                let message = format!(
                    "the unit of {:?} stands in a field of its own, {:?}; write it as \"{} ({})\"",
                    heading.text, next.text, heading.text, next.text
                );
                return Err(Trouble::line(index, message));
            }
            if let Some(other) = found.iter().find(|other| other.at == at) {
                let message = format!("column {:?} is taken for both {} and {}", heading.text, other.key, wanted.key);
                return Err(Trouble::line(index, message));
            }
            found.push(Found {
                key: wanted.key,
                at,
                gaps: wanted.gaps,
                text: Some(heading.text.clone()),
                unit: heading.unit.clone().filter(|_| heading.text != wanted.key),
                scale,
            });
            least = least.max(surest);
        }
        let unread = unread(headings.iter().map(|heading| heading.text.as_str()), &found);
        Ok(Some((least, Layout { separator, header: Some(index), body: index + 1, width: Some(width), found, unread })))
    }

    /// With the units of the line after the names, where there is such a line; other lines of words before the numbers
    /// are let be.
    fn with_units(mut self, lines: &[&str]) -> Result<Layout, Trouble> {
        for _ in 0..MOST_WORDS_BETWEEN {
            let next = (self.body..lines.len()).find(|&index| !lines[index].trim().is_empty());
            let Some(index) = next else { break };
            let line = comment(lines[index]).unwrap_or(lines[index]);
            let Ok(words) = self.separator.split(line) else { break };
            let bare = |unit: &String| unit.trim_matches(['(', ')', '[', ']']).trim().to_owned();
            let words: Vec<String> = words.iter().map(bare).collect();
            // A digit too: "nA" is a unit, and in small letters no reading.
            // So is a figure with its unit beside it, which is no line of words either.
            let is_figure = |word: &String| {
                is_number(word) && word.contains(|c: char| c.is_ascii_digit())
                    || word.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit())
            };
            if words.iter().any(is_figure) || words.len() > self.width.unwrap_or(words.len()) {
                break;
            }
            let chosen = |word: &&String| is_unit(word);
            if self.found.iter().filter_map(|found| words.get(found.at)).any(|word| chosen(&word)) {
                self.take_units(index, &words)?;
            } else if comment(lines[index]).is_some()
                || self.found.iter().any(|found| words.get(found.at).is_none_or(String::is_empty))
            {
                break;
            }
            self.body = index + 1;
        }
        Ok(self)
    }

    /// The units of a line, by their columns.
    fn take_units(&mut self, index: usize, units: &[String]) -> Result<(), Trouble> {
        for found in &mut self.found {
            let unit = units.get(found.at).filter(|unit| !unit.is_empty() && *unit != "-");
            let (Some(unit), Some(quantity)) = (unit, Quantity::of(found.key)) else { continue };
            let name = found.text.clone().unwrap_or_default();
            let scale = scale_of(quantity, unit, &name).map_err(|message| Trouble::line(index, message))?;
            // A name of ours that carries a unit says it.
            let said = if name == found.key && quantity.unit != "1" {
                Some(1.0)
            } else {
                found.unit.as_ref().map(|_| found.scale)
            };
            if said.is_some_and(|said| said != scale) {
                let message = format!("the unit {unit:?} contradicts the name {name:?} above it; take one of them out");
                return Err(Trouble::line(index, message));
            }
            (found.unit, found.scale) = (Some(unit.clone()), scale);
        }
        Ok(())
    }

    /// Whether the next line with something on it holds numbers where the columns are.
    fn numbers_follow(&self, lines: &[&str]) -> bool {
        let rows = lines[self.body..].iter().take(MOST_LINES_BETWEEN).filter(|line| comment(line).is_none());
        let fields = rows.filter_map(|line| self.separator.split(line).ok());
        let first = fields.into_iter().find(|fields| fields.iter().any(|field| !field.is_empty()));
        first.is_some_and(|mut fields| {
            while self.width.is_some_and(|width| fields.len() > width) && fields.last().is_some_and(String::is_empty) {
                fields.pop();
            }
            if self.width.is_some_and(|width| fields.len() != width) {
                return false;
            }
            let number =
                |found: &Found| fields.get(found.at).is_some_and(|field| is_number(field.trim_end_matches('%')));
            self.found.iter().all(number)
        })
    }
}

/// Names of columns that are not among those found.
fn unread<'a>(names: impl Iterator<Item = &'a str>, found: &[Found]) -> Vec<String> {
    let others = names.enumerate().filter(|(at, name)| !name.is_empty() && found.iter().all(|found| found.at != *at));
    others.map(|(_, name)| short(name)).collect()
}

/// Fields without the empty ones at their end.
fn trimmed_end(mut fields: Vec<String>) -> Vec<String> {
    while fields.len() > 1 && fields.last().is_some_and(String::is_empty) {
        fields.pop();
    }
    fields
}

/// How many of our units one of a column's is.
fn scale_of(quantity: &Quantity, unit: &str, name: &str) -> Result<f64, String> {
    quantity.scale(unit).ok_or_else(|| {
        format!(
            "column {:?} has the unit {:?}; {} takes {}",
            short(name),
            short(unit),
            quantity.key,
            quantity.unit_words()
        )
    })
}
