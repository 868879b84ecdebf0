//! Learning a pattern: the cells of a letter in a small array are pulsed, and the array is read.
//!
//! # Theory
//! A written cell sees the whole pulse. What the others see depends on the scheme. A passive array, a cell at each
//! crossing and nothing else, allows two: under [`Scheme::Half`] a cell that shares a line with the written one sees
//! V/2; under [`Scheme::Third`] it and all others see V/3 (those that share none with the opposite sign).
//! Half-selected cells fill: under V/2 a 1.5 V pulse shows 0.75 V to them.
//!
//! [`Scheme::Isolated`] has a switch at every cell, and cells that are not written see nothing. No biases of lines
//! alone do that: with 0 V on every cell that shares one line with the written cell, the others see -V, and lines
//! held at 0 V show V to the whole selected row.
//!
//! A [`Probe`] has lines without resistance and sees exactly that; a [`Writer`](super::array_write::Writer) sees what its network of wires and cells leaves
//! each cell, lines that float included. A reading is of its cell alone, without the currents of its neighbours.

use super::ExperimentError;
use super::probe::Probe;
use super::pulse::Train;
use ndarray::{Array1, Array2, Array3, Array4, Axis, s};
use std::collections::BTreeMap;
use std::path::Path;
use trapline_model::array::ArrayShape;
use trapline_model::dataset::Dataset;
use trapline_model::files::{self, TextError};
use trapline_model::protocol::Segment;

/// What cells see while another is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Passive: half of the bias where a line is shared.
    Half,
    /// Passive: a third of it everywhere.
    Third,
    /// A switch at every cell: nothing.
    Isolated,
}

impl Scheme {
    pub const ALL: [Scheme; 3] = [Scheme::Half, Scheme::Third, Scheme::Isolated];

    /// As records and options name it.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Half => "half",
            Scheme::Third => "third",
            Scheme::Isolated => "isolated",
        }
    }

    /// What it takes, in words.
    pub fn what(self) -> &'static str {
        match self {
            Scheme::Half => "passive array, lines at V/2",
            Scheme::Third => "passive array, lines at V/3",
            Scheme::Isolated => "a switch at every cell",
        }
    }

    /// Bias of a cell, over the pulse's, while another is written: on the same row or column, or on neither.
    fn shares(self) -> (f64, f64) {
        match self {
            Scheme::Half => (0.5, 0.0),
            Scheme::Third => (1.0 / 3.0, -1.0 / 3.0),
            Scheme::Isolated => (0.0, 0.0),
        }
    }
}

/// Which cells are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    pub name: String,
    /// Axes (row, column).
    pub written: Array2<bool>,
}

/// A pattern that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PatternError {
    #[error("pattern \"{0}\" is unknown; known are H, L, T, X, O, +, or a file of rows of 0 and 1")]
    Unknown(String),
    #[error("pattern {name}: row {row} has {found} cells, the first has {expected}; all rows are equally long")]
    Ragged { name: String, row: usize, found: usize, expected: usize },
    #[error("pattern {name}: row {row} holds {found:?}; a cell is 0 or 1")]
    Cell { name: String, row: usize, found: char },
    #[error("pattern {name} is {found_rows} x {found_cols} and does not fit an array of {rows} x {cols}")]
    TooLarge { name: String, found_rows: usize, found_cols: usize, rows: u64, cols: u64 },
    #[error("pattern {path}: cannot be read: {reason}; check the path")]
    Unreadable { path: String, reason: String },
    #[error("pattern {0} has no cell")]
    Empty(String),
}

/// Letters of five by five.
const LETTERS: [(&str, [&str; 5]); 6] = [
    // As the paper draws it in Figure 4e.
    ("H", ["10001", "10001", "11111", "10001", "10001"]),
    ("L", ["10000", "10000", "10000", "10000", "11111"]),
    ("T", ["11111", "00100", "00100", "00100", "00100"]),
    ("X", ["10001", "01010", "00100", "01010", "10001"]),
    ("O", ["01110", "10001", "10001", "10001", "01110"]),
    ("+", ["00100", "00100", "11111", "00100", "00100"]),
];

impl Pattern {
    /// A letter by name.
    ///
    /// # Errors
    /// [`PatternError::Unknown`].
    pub fn letter(name: &str) -> Result<Pattern, PatternError> {
        let rows = LETTERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let (name, rows) = rows.ok_or_else(|| PatternError::Unknown(name.to_owned()))?;
        Pattern::parse(name, &rows.join("\n"))
    }

    /// A letter by name, or rows of `0` and `1` from a file: a dot or a slash makes it a path.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn load(name_or_path: &str) -> Result<Pattern, PatternError> {
        if !name_or_path.contains(['.', '/', '\\']) {
            return Pattern::letter(name_or_path);
        }
        let unreadable = |reason: String| PatternError::Unreadable { path: name_or_path.to_owned(), reason };
        let text = files::read_text(Path::new(name_or_path)).map_err(|error| match error {
            TextError::Unreadable(e) => unreadable(e.to_string()),
            TextError::Content(what) => unreadable(what),
        })?;
        Pattern::parse(name_or_path, &text)
    }

    /// Rows of `0` and `1`, one a line; blanks and commas between them do not count.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(name: &str, text: &str) -> Result<Pattern, PatternError> {
        let cells_of = |line: &str| line.chars().filter(|c| !c.is_whitespace() && *c != ',').collect::<Vec<char>>();
        let rows: Vec<_> = text.lines().map(cells_of).filter(|row| !row.is_empty()).collect();
        let width = rows.first().map_or(0, Vec::len);
        if width == 0 {
            return Err(PatternError::Empty(name.to_owned()));
        }
        let mut cells = Vec::with_capacity(rows.len() * width);
        for (row, line) in rows.iter().enumerate() {
            let found = line.len();
            if found != width {
                return Err(PatternError::Ragged { name: name.to_owned(), row: row + 1, found, expected: width });
            }
            for &c in line {
                match c {
                    '0' | '1' => cells.push(c == '1'),
                    found => return Err(PatternError::Cell { name: name.to_owned(), row: row + 1, found }),
                }
            }
        }
        let written =
            Array2::from_shape_vec((rows.len(), width), cells).map_err(|_| PatternError::Empty(name.to_owned()))?;
        Ok(Pattern { name: name.to_owned(), written })
    }

    /// The pattern in the middle of an array, as large as it goes in whole cells for each of its own.
    ///
    /// # Errors
    /// [`PatternError::TooLarge`].
    pub fn on(&self, shape: ArrayShape) -> Result<Array2<bool>, PatternError> {
        let (rows, cols) = self.written.dim();
        if rows as u64 > shape.rows || cols as u64 > shape.cols {
            return Err(PatternError::TooLarge {
                name: self.name.clone(),
                found_rows: rows,
                found_cols: cols,
                rows: shape.rows,
                cols: shape.cols,
            });
        }
        let of = (shape.rows as usize, shape.cols as usize);
        let scale = (of.0 / rows).min(of.1 / cols);
        let (top, left) = ((of.0 - scale * rows) / 2, (of.1 - scale * cols) / 2);
        let written = |(row, col): (usize, usize)| {
            let at = (row.checked_sub(top)? / scale, col.checked_sub(left)? / scale);
            self.written.get(at).copied()
        };
        Ok(Array2::from_shape_fn(of, |at| written(at).unwrap_or(false)))
    }
}

/// What is learnt, and when it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    pub pattern: Pattern,
    pub train: Train,
    pub scheme: Scheme,
    /// Pulses after which the array is read; ascending, the first usually 0.
    pub stages: Vec<u32>,
    /// Times after the last stage at which it is read again, s.
    pub later_s: Vec<f64>,
}

/// An array that is taught.
pub trait Pupil<'a> {
    /// Gives the cells of a pattern so many pulses of a lesson.
    ///
    /// # Errors
    /// What the backend says, or the network.
    fn teach(&mut self, written: &Array2<bool>, lesson: &Lesson, pulses: u32) -> Result<(), ExperimentError>;

    /// Its cells, to read them.
    fn cells(&mut self) -> &mut Probe<'a>;

    /// How the other lines are held, as records name it.
    fn scheme(&self, lesson: &Lesson) -> &'static str;
}

/// Teaches the lesson to arrays (one a seed), which hold all cells of `shape`, row by row.
///
/// Axes: `seed`, `stage` (pulses), `time` (s after the last stage), `row`, `column`; `conductance_s` (seed, stage,
/// row, column) and `kept_conductance_s` (seed, time, row, column), both as read, `written` (row, column), and
/// `caught_share` (seed), the largest ratio of electrons caught to electrons injected in any segment of any cell.
///
/// # Errors
/// A pattern that does not fit; what the backend says.
pub fn run<'a>(
    arrays: &mut [impl Pupil<'a>],
    name: &str,
    shape: ArrayShape,
    lesson: &Lesson,
) -> Result<Dataset, ExperimentError> {
    let written = lesson.pattern.on(shape)?;
    let (rows, cols) = written.dim();
    let mut learnt = Array4::from_elem((arrays.len(), lesson.stages.len(), rows, cols), f64::NAN);
    let mut kept = Array4::from_elem((arrays.len(), lesson.later_s.len(), rows, cols), f64::NAN);
    let arranged = |g: Array1<f64>| Array2::from_shape_fn((rows, cols), |(r, c)| g[r * cols + c]);
    for (seed, array) in arrays.iter_mut().enumerate() {
        let mut done = 0;
        for (stage, &pulses) in lesson.stages.iter().enumerate() {
            array.teach(&written, lesson, pulses.saturating_sub(done))?;
            done = done.max(pulses);
            learnt.slice_mut(s![seed, stage, .., ..]).assign(&arranged(array.cells().read()?));
        }
        for (time, &later_s) in lesson.later_s.iter().enumerate() {
            let mut later = array.cells().fork()?;
            later.wait(later_s)?;
            later.next_readings(time as u32);
            kept.slice_mut(s![seed, time, .., ..]).assign(&arranged(later.read()?));
        }
    }
    let mut d = Dataset::new(name, format!("Learning the pattern {}", lesson.pattern.name));
    if let Some(array) = arrays.first_mut() {
        super::describe(&mut d, array.cells());
        d.note("scheme", array.scheme(lesson));
    }
    lesson.train.describe(&mut d);
    let numbers = |n: usize| (0..n).map(|i| i as f64).collect::<Vec<_>>();
    d.count(
        "seed",
        &["seed"],
        "1",
        "Seed of the array",
        arrays.iter_mut().map(|array| array.cells().conditions.seed).collect::<Array1<u64>>().into_dyn(),
    );
    d.axis("stage", "1", "Pulses", &lesson.stages.iter().map(|&n| f64::from(n)).collect::<Vec<_>>());
    d.axis("time", "s", "Time after the last stage", &lesson.later_s);
    d.axis("row", "1", "Word line", &numbers(rows));
    d.axis("column", "1", "Bit line", &numbers(cols));
    d.count("written", &["row", "column"], "1", "Cells of the pattern", written.mapv(u64::from).into_dyn());
    d.real("conductance_s", &["seed", "stage", "row", "column"], "S", "Conductance as read", learnt.into_dyn());
    d.real("kept_conductance_s", &["seed", "time", "row", "column"], "S", "Conductance as read later", kept.into_dyn());
    let share: Array1<f64> = arrays.iter_mut().map(|array| array.cells().caught_share()).collect();
    d.real(
        "caught_share",
        &["seed"],
        "1",
        "Largest share of the electrons of a pulse that is caught",
        share.into_dyn(),
    );
    Ok(d)
}

impl<'a> Pupil<'a> for Probe<'a> {
    fn teach(&mut self, written: &Array2<bool>, lesson: &Lesson, pulses: u32) -> Result<(), ExperimentError> {
        teach(self, written, lesson, pulses)
    }

    fn cells(&mut self) -> &mut Probe<'a> {
        self
    }

    fn scheme(&self, lesson: &Lesson) -> &'static str {
        lesson.scheme.name()
    }
}

/// What a cell sees while a written cell gets its pulse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sees {
    ItsOwn,
    Beside,
    Elsewhere,
}

impl Sees {
    /// Its bias, over the pulse's.
    fn share(self, scheme: Scheme) -> f64 {
        let (beside, elsewhere) = scheme.shares();
        match self {
            Sees::ItsOwn => 1.0,
            Sees::Beside => beside,
            Sees::Elsewhere => elsewhere,
        }
    }
}

/// What a cell sees of the writes of a pattern one after the other, row by row: how often what, in turn. What shows no
/// bias is left out.
fn seen_by(at: (usize, usize), strokes: &[(usize, usize)], scheme: Scheme) -> Vec<(Sees, usize)> {
    let mut seen: Vec<(Sees, usize)> = Vec::new();
    for stroke in strokes {
        let sees = match (stroke.0 == at.0, stroke.1 == at.1) {
            (true, true) => Sees::ItsOwn,
            (false, false) => Sees::Elsewhere,
            _ => Sees::Beside,
        };
        match seen.last_mut() {
            _ if sees.share(scheme) == 0.0 => {}
            Some((last, times)) if *last == sees => *times += 1,
            _ => seen.push((sees, 1)),
        }
    }
    seen
}

/// Gives every written cell so many pulses, one cell after the other, and the other cells what the scheme shows them
/// meanwhile.
fn teach(probe: &mut Probe, written: &Array2<bool>, lesson: &Lesson, pulses: u32) -> Result<(), ExperimentError> {
    let Train { amplitude_v, width_s, interval_s, .. } = lesson.train;
    let strokes: Vec<(usize, usize)> = written.indexed_iter().filter(|(_, w)| **w).map(|(at, _)| at).collect();
    // Cells that see the same in the same order are driven together. The order matters: what a cell gets of the writes
    // after its own is not what it got of those before.
    let mut groups: BTreeMap<Vec<(Sees, usize)>, Vec<u32>> = BTreeMap::new();
    for (place, (at, _)) in written.indexed_iter().enumerate() {
        groups.entry(seen_by(at, &strokes, lesson.scheme)).or_default().push(place as u32);
    }
    for (seen, places) in groups {
        let mut segments = Vec::new();
        for cycle in 0..pulses {
            for (sees, times) in &seen {
                let bias_v = sees.share(lesson.scheme) * amplitude_v;
                let segment = (Segment { bias_v, dwell_s: width_s, cycle }, true);
                segments.extend(std::iter::repeat_n(segment, *times));
            }
            segments.push((Segment { bias_v: 0.0, dwell_s: interval_s, cycle }, false));
        }
        // All groups see the same cycles at the same time.
        probe.drive_some(&places, &segments)?;
    }
    probe.skip_cycles(pulses);
    Ok(())
}

/// Lowest conductance inside the pattern minus the highest outside, over the mean window (inside less outside, mean),
/// at the last stage of each seed.
pub fn margins(learnt: &Array4<f64>, written: &Array2<bool>, fresh: &Array3<f64>) -> Vec<f64> {
    let last = learnt.len_of(Axis(1)) - 1;
    (0..learnt.len_of(Axis(0)))
        .map(|seed| {
            let (mut lowest, mut highest, mut window, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0);
            for ((r, c), &inside) in written.indexed_iter() {
                let g = learnt[[seed, last, r, c]];
                if inside {
                    lowest = f64::min(lowest, g);
                    window += g - fresh[[seed, r, c]];
                    count += 1.0;
                } else {
                    highest = f64::max(highest, g);
                }
            }
            (lowest - highest) / (window / count)
        })
        .collect()
}

#[cfg(test)]
mod tests;
