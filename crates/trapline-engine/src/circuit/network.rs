//! A crossbar and what is connected to it: cells, wires, ends of lines.
//!
//! ```text
//!             near                          far      word lines run along rows; near is left, far is right
//!  VL --RL--r--+----r----+-- ... --+--r--RR-- VR     bit lines run along columns; near is the top, far the bottom
//!              |g        |g        |g                r: a segment of wire, one before the first cell and one after
//!              |         |         |                 the last one too; R: what the source or the amplifier adds
//! ```

pub use super::error::Axis;
use crate::circuit::error::{CONDUCTANCE_S, MOST_END_OHM, MOST_END_V, NetworkError, SEGMENT_OHM};
use ndarray::{ArrayView2, CowArray, Ix2};

/// One end of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// Connected to nothing.
    Floating,
    /// Held at `volts` through `ohm`, which comes on top of the line's own last segment.
    Driven { volts: f64, ohm: f64 },
}

impl End {
    /// An ideal source.
    pub const fn at(volts: f64) -> End {
        End::Driven { volts, ohm: 0.0 }
    }

    /// A current amplifier: 0 V through its input resistance, ohm.
    pub const fn sense(ohm: f64) -> End {
        End::Driven { volts: 0.0, ohm }
    }
}

/// Resistance of the segments of a wire, ohm.
#[derive(Debug, Clone, PartialEq)]
pub enum Wire {
    /// Of every segment.
    Uniform(f64),
    /// Of each, from the near end on; one more than a line has cells. All lines of an axis are alike.
    Segments(Vec<f64>),
}

/// The lines of one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// Their segments.
    pub wire: Wire,
    /// The near ends (left, top): one for each line, or one for all.
    pub near: Vec<End>,
    /// The far ends (right, bottom).
    pub far: Vec<End>,
}

impl Lines {
    /// Lines of equal segments, both ends of all alike.
    pub fn uniform(segment_ohm: f64, near: End, far: End) -> Lines {
        Lines { wire: Wire::Uniform(segment_ohm), near: vec![near], far: vec![far] }
    }
}

/// A checked crossbar. Shape of the conductances: rows by columns, S; 0 is an open cell.
#[derive(Debug, Clone)]
pub struct Crossbar<'a> {
    conductance_s: CowArray<'a, f64, Ix2>,
    words: Lines,
    bits: Lines,
}

impl<'a> Crossbar<'a> {
    /// From the conductances, owned or as a view, the word lines and the bit lines.
    pub fn new(
        conductance_s: impl Into<CowArray<'a, f64, Ix2>>,
        mut words: Lines,
        mut bits: Lines,
    ) -> Result<Crossbar<'a>, NetworkError> {
        let conductance_s = conductance_s.into();
        let (rows, cols) = conductance_s.dim();
        if rows == 0 || cols == 0 {
            return Err(NetworkError::Empty { rows, cols });
        }
        let sound = |&s: &f64| s == 0.0 || (CONDUCTANCE_S.0..=CONDUCTANCE_S.1).contains(&s);
        if let Some(((row, col), &siemens)) = conductance_s.indexed_iter().find(|(_, s)| !sound(s)) {
            return Err(NetworkError::Conductance { row, col, siemens });
        }
        check_lines(Axis::Word, &mut words, rows, cols)?;
        check_lines(Axis::Bit, &mut bits, cols, rows)?;
        Ok(Crossbar { conductance_s, words, bits })
    }

    /// Rows, which are word lines.
    pub fn rows(&self) -> usize {
        self.conductance_s.nrows()
    }

    /// Columns, which are bit lines.
    pub fn cols(&self) -> usize {
        self.conductance_s.ncols()
    }

    /// Conductances of the cells, S.
    pub fn conductance_s(&self) -> ArrayView2<'_, f64> {
        self.conductance_s.view()
    }

    /// The word lines, with one near and one far end each.
    pub fn words(&self) -> &Lines {
        &self.words
    }

    /// The bit lines, with one near and one far end each.
    pub fn bits(&self) -> &Lines {
        &self.bits
    }

    /// The same array with other ends of its lines.
    pub fn with_ends(&self, words: [Vec<End>; 2], bits: [Vec<End>; 2]) -> Result<Crossbar<'_>, NetworkError> {
        let lines = |wire: &Wire, [near, far]: [Vec<End>; 2]| Lines { wire: wire.clone(), near, far };
        let conductance_s = self.conductance_s.view();
        Crossbar::new(conductance_s, lines(&self.words.wire, words), lines(&self.bits.wire, bits))
    }
}

/// Checks the lines of an axis, and gives each its own ends.
fn check_lines(axis: Axis, lines: &mut Lines, count: usize, cells: usize) -> Result<(), NetworkError> {
    let sound = |ohm: f64| (SEGMENT_OHM.0..=SEGMENT_OHM.1).contains(&ohm);
    let bad = match &lines.wire {
        Wire::Uniform(ohm) => (!sound(*ohm)).then_some((0, *ohm)),
        Wire::Segments(ohms) if ohms.len() != cells + 1 => {
            return Err(NetworkError::Segments { axis, found: ohms.len(), cells });
        }
        Wire::Segments(ohms) => ohms.iter().copied().enumerate().find(|(_, ohm)| !sound(*ohm)),
    };
    if let Some((segment, ohm)) = bad {
        return Err(NetworkError::Segment { axis, segment, ohm });
    }
    for ends in [&mut lines.near, &mut lines.far] {
        if ends.len() == 1 {
            *ends = vec![ends[0]; count];
        }
        if ends.len() != count {
            return Err(NetworkError::Ends { axis, found: ends.len(), lines: count });
        }
        for (line, end) in ends.iter().enumerate() {
            let End::Driven { volts, ohm } = *end else { continue };
            if !(-MOST_END_V..=MOST_END_V).contains(&volts) {
                return Err(NetworkError::Volts { axis, line, volts });
            }
            if !(0.0..=MOST_END_OHM).contains(&ohm) {
                return Err(NetworkError::EndOhm { axis, line, ohm });
            }
        }
    }
    Ok(())
}
