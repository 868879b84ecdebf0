//! The network as numbers: conductances of segments and ends, reference potentials, and which lines carry current.
//!
//! The solver eliminates the word lines. Which axis plays them is free: with fewer rows than columns there are more
//! blocks of columns for the threads, and a column is short enough for the cache. Arrays with more rows than columns
//! are turned, and with them the sign of cell currents.

use crate::circuit::network::{Crossbar, End, Lines, Wire};
use crate::circuit::tiles::COLUMNS;

/// The lines of one axis.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// Conductance between neighbouring cells, S; one fewer than a line has cells.
    pub(crate) segment_s: Vec<f64>,
    /// The same by the cell after the segment: 0 at the first cell, and after the last for a tile more.
    pub(crate) link_s: Vec<f64>,
    /// From the first cell to the source of each line, S; 0 where the end floats.
    pub(crate) near_s: Vec<f64>,
    pub(crate) far_s: Vec<f64>,
    /// Potential of each line from which its drops are counted, V; 0 for a tile more.
    pub(crate) reference_v: Vec<f64>,
    /// Source voltages above the reference, V.
    pub(crate) near_rise_v: Vec<f64>,
    pub(crate) far_rise_v: Vec<f64>,
    /// Whether the line is connected with a driven end, over cells and other lines.
    pub(crate) live: Vec<bool>,
}

/// The network, turned so that it has at least as many columns as rows.
#[derive(Debug, Clone)]
pub(crate) struct Circuit {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) transposed: bool,
    pub(crate) words: Side,
    pub(crate) bits: Side,
    /// Lowest and highest source voltage, V; every potential lies between.
    pub(crate) range_v: (f64, f64),
}

impl Circuit {
    pub(crate) fn new(crossbar: &Crossbar<'_>) -> Circuit {
        let transposed = crossbar.rows() > crossbar.cols();
        let (words, bits) = components(crossbar);
        let range_v = Sources::of_all(&words, &bits);
        let words = Side::new(crossbar.words(), crossbar.cols(), &words);
        let bits = Side::new(crossbar.bits(), crossbar.rows(), &bits);
        let (words, bits) = if transposed { (bits, words) } else { (words, bits) };
        let (rows, cols) = (words.near_s.len(), bits.near_s.len());
        Circuit { rows, cols, transposed, words, bits, range_v }
    }
}

impl Side {
    fn new(lines: &Lines, cells: usize, sources: &[Sources]) -> Side {
        let segment_ohm = |index: usize| match &lines.wire {
            Wire::Uniform(ohm) => *ohm,
            Wire::Segments(ohms) => ohms[index],
        };
        let end_s = |lead_ohm: f64, end: &End| match end {
            End::Driven { ohm, .. } => 1.0 / (lead_ohm + ohm),
            End::Floating => 0.0,
        };
        let rise_v = |end: &End, reference: f64| match end {
            End::Driven { volts, .. } => volts - reference,
            End::Floating => 0.0,
        };
        // A floating line starts in the middle of the sources that it can feel, an island (without current) at 0 V.
        let reference = |((near, far), sources): ((&End, &End), &Sources)| match (near, far) {
            (End::Driven { volts, .. }, _) | (End::Floating, End::Driven { volts, .. }) => *volts,
            (End::Floating, End::Floating) => sources.0.map_or(0.0, |(low, high)| 0.5 * (low + high)),
        };
        let reference_v: Vec<f64> = lines.near.iter().zip(&lines.far).zip(sources).map(reference).collect();
        let mut padded_v = reference_v.clone();
        padded_v.resize(reference_v.len() + COLUMNS, 0.0);
        let rises = |ends: &[End]| ends.iter().zip(&reference_v).map(|(end, v)| rise_v(end, *v)).collect();
        let (near_rise_v, far_rise_v) = (rises(&lines.near), rises(&lines.far));
        let segment_s: Vec<f64> = (1..cells).map(|index| 1.0 / segment_ohm(index)).collect();
        let mut link_s = vec![0.0; cells + 2 * COLUMNS];
        link_s[1..cells].copy_from_slice(&segment_s);
        Side {
            segment_s,
            link_s,
            near_s: lines.near.iter().map(|end| end_s(segment_ohm(0), end)).collect(),
            far_s: lines.far.iter().map(|end| end_s(segment_ohm(cells), end)).collect(),
            near_rise_v,
            far_rise_v,
            reference_v: padded_v,
            live: sources.iter().map(|sources| sources.0.is_some()).collect(),
        }
    }

    /// Mean resistance of a segment, ohm; 0 for lines of one cell.
    pub(crate) fn mean_segment_ohm(&self) -> f64 {
        let ohms: f64 = self.segment_s.iter().map(|s| 1.0 / s).sum();
        ohms / (self.segment_s.len().max(1)) as f64
    }
}

/// Lowest and highest source voltage, V, that a line is connected with; `None` for islands.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sources(Option<(f64, f64)>);

impl Sources {
    fn of_line(near: &End, far: &End) -> Sources {
        [near, far].into_iter().fold(Sources(None), |sources, end| match end {
            End::Driven { volts, .. } => sources.with(Sources(Some((*volts, *volts)))),
            End::Floating => sources,
        })
    }

    fn with(self, other: Sources) -> Sources {
        match (self.0, other.0) {
            (Some((low, high)), Some((other_low, other_high))) => {
                Sources(Some((low.min(other_low), high.max(other_high))))
            }
            (one, two) => Sources(one.or(two)),
        }
    }

    fn of_all(words: &[Sources], bits: &[Sources]) -> (f64, f64) {
        let all = words.iter().chain(bits).fold(Sources(None), |all, sources| all.with(*sources));
        all.0.unwrap_or((0.0, 0.0))
    }
}

/// The sources that each word line and each bit line can feel: lines are joined where a cell is not open.
fn components(crossbar: &Crossbar<'_>) -> (Vec<Sources>, Vec<Sources>) {
    let own = |lines: &Lines| -> Vec<Sources> {
        lines.near.iter().zip(&lines.far).map(|(near, far)| Sources::of_line(near, far)).collect()
    };
    let (words, bits) = (own(crossbar.words()), own(crossbar.bits()));
    if words.iter().chain(&bits).all(|sources| sources.0.is_some()) {
        return (words, bits);
    }
    let rows = words.len();
    let mut parents: Vec<usize> = (0..rows + bits.len()).collect();
    for ((row, col), &siemens) in crossbar.conductance_s().indexed_iter() {
        if siemens > 0.0 {
            let (a, b) = (root(&mut parents, row), root(&mut parents, rows + col));
            parents[a.max(b)] = a.min(b);
        }
    }
    let mut felt = vec![Sources(None); parents.len()];
    for (line, sources) in words.iter().chain(&bits).enumerate() {
        let stands = root(&mut parents, line);
        felt[stands] = felt[stands].with(*sources);
    }
    let all: Vec<Sources> = (0..parents.len()).map(|line| felt[root(&mut parents, line)]).collect();
    (all[..rows].to_vec(), all[rows..].to_vec())
}

/// The line that stands for all that are joined with this one.
fn root(parents: &mut [usize], mut line: usize) -> usize {
    while parents[line] != line {
        parents[line] = parents[parents[line]];
        line = parents[line];
    }
    line
}
