//! How arrays are read: all rows at once, or one cell with a scheme for the lines that are not selected.

use crate::circuit::error::NetworkError;
use crate::circuit::network::{Axis, Crossbar, End, Lines, Wire};
use ndarray::{Array2, ArrayView2, CowArray, Ix2};

/// What becomes of the lines that are not selected when one cell is read at a voltage V.
#[derive(Debug, Clone, PartialEq)]
pub enum Unselected {
    /// All at 0 V.
    Grounded,
    /// Connected to nothing.
    Floating,
    /// All at V/2.
    Half,
    /// Word lines at V/3, bit lines at 2V/3.
    Third,
    /// Each word line and each bit line at its own voltage, V; the selected ones are not looked at.
    Own { word_v: Vec<f64>, bit_v: Vec<f64> },
}

/// The periphery of a reading. Word lines are driven at their near (left) ends, bit lines sensed at their far (bottom)
/// ends; with `both_ends` at the other ends too.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Segments of the word lines.
    pub word_wire: Wire,
    /// Segments of the bit lines.
    pub bit_wire: Wire,
    /// Of each driven word line, ohm.
    pub source_ohm: f64,
    /// Of each driven bit line, ohm.
    pub sense_ohm: f64,
    /// Whether the right and top ends are connected as the left and bottom ones are.
    pub both_ends: bool,
}

impl Reading {
    /// Equal segments on both axes, ideal sources and amplifiers, one end.
    pub fn with_wire(segment_ohm: f64) -> Reading {
        let wire = || Wire::Uniform(segment_ohm);
        Reading { word_wire: wire(), bit_wire: wire(), source_ohm: 0.0, sense_ohm: 0.0, both_ends: false }
    }

    /// Every word line at its own voltage, V, every bit line sensed at 0 V.
    pub fn all_rows<'a>(
        &self,
        conductance_s: impl Into<CowArray<'a, f64, Ix2>>,
        input_v: &[f64],
    ) -> Result<Crossbar<'a>, NetworkError> {
        let conductance_s = conductance_s.into();
        let rows = conductance_s.nrows();
        if input_v.len() != rows {
            return Err(NetworkError::Inputs { axis: Axis::Word, found: input_v.len(), lines: rows });
        }
        let words = input_v.iter().map(|&volts| End::Driven { volts, ohm: self.source_ohm }).collect();
        self.connect(conductance_s, words, vec![End::sense(self.sense_ohm)])
    }

    /// One cell at `read_v`: its word line at `read_v`, its bit line sensed at 0 V, the others by the scheme.
    pub fn one_cell<'a>(
        &self,
        conductance_s: impl Into<CowArray<'a, f64, Ix2>>,
        (row, col): (usize, usize),
        read_v: f64,
        unselected: &Unselected,
    ) -> Result<Crossbar<'a>, NetworkError> {
        let conductance_s = conductance_s.into();
        let (rows, cols) = conductance_s.dim();
        if row >= rows || col >= cols {
            return Err(NetworkError::Selected { row, col, rows, cols });
        }
        let lines = |count, volts, ohm| vec![End::Driven { volts, ohm }; count];
        let both = |word_v, bit_v| (lines(rows, word_v, self.source_ohm), lines(cols, bit_v, self.sense_ohm));
        let (mut words, mut bits) = match unselected {
            Unselected::Grounded => both(0.0, 0.0),
            Unselected::Floating => (vec![End::Floating; rows], vec![End::Floating; cols]),
            Unselected::Half => both(read_v / 2.0, read_v / 2.0),
            Unselected::Third => both(read_v / 3.0, 2.0 * read_v / 3.0),
            Unselected::Own { word_v, bit_v } => {
                for (axis, found, lines) in [(Axis::Word, word_v.len(), rows), (Axis::Bit, bit_v.len(), cols)] {
                    if found != lines {
                        return Err(NetworkError::Inputs { axis, found, lines });
                    }
                }
                let own = |volts: &[f64], ohm| volts.iter().map(|&volts| End::Driven { volts, ohm }).collect();
                (own(word_v, self.source_ohm), own(bit_v, self.sense_ohm))
            }
        };
        words[row] = End::Driven { volts: read_v, ohm: self.source_ohm };
        bits[col] = End::sense(self.sense_ohm);
        self.connect(conductance_s, words, bits)
    }

    /// Every line at a voltage of its own, V, or floating: word lines through the sources, bit lines through the
    /// amplifiers.
    pub fn held<'a>(
        &self,
        conductance_s: impl Into<CowArray<'a, f64, Ix2>>,
        word_v: &[Option<f64>],
        bit_v: &[Option<f64>],
    ) -> Result<Crossbar<'a>, NetworkError> {
        let conductance_s = conductance_s.into();
        let (rows, cols) = conductance_s.dim();
        for (axis, found, lines) in [(Axis::Word, word_v.len(), rows), (Axis::Bit, bit_v.len(), cols)] {
            if found != lines {
                return Err(NetworkError::Inputs { axis, found, lines });
            }
        }
        let ends = |volts: &[Option<f64>], ohm: f64| {
            volts.iter().map(|v| v.map_or(End::Floating, |volts| End::Driven { volts, ohm })).collect()
        };
        self.connect(conductance_s, ends(word_v, self.source_ohm), ends(bit_v, self.sense_ohm))
    }

    fn connect<'a>(
        &self,
        conductance_s: CowArray<'a, f64, Ix2>,
        words: Vec<End>,
        bits: Vec<End>,
    ) -> Result<Crossbar<'a>, NetworkError> {
        let other = |ends: &Vec<End>| if self.both_ends { ends.clone() } else { vec![End::Floating] };
        let (word_far, bit_near) = (other(&words), other(&bits));
        let words = Lines { wire: self.word_wire.clone(), near: words, far: word_far };
        let bits = Lines { wire: self.bit_wire.clone(), near: bit_near, far: bits };
        Crossbar::new(conductance_s, words, bits)
    }
}

/// What each cell passes when it is alone with its two sources (a switch at every cell, no wires), A: conductance times
/// the difference of the voltages of its row and its column.
pub fn isolated_a(
    conductance_s: ArrayView2<'_, f64>,
    word_v: &[f64],
    bit_v: &[f64],
) -> Result<Array2<f64>, NetworkError> {
    let (rows, cols) = conductance_s.dim();
    for (axis, found, lines) in [(Axis::Word, word_v.len(), rows), (Axis::Bit, bit_v.len(), cols)] {
        if found != lines {
            return Err(NetworkError::Inputs { axis, found, lines });
        }
    }
    Ok(Array2::from_shape_fn((rows, cols), |(row, col)| conductance_s[[row, col]] * (word_v[row] - bit_v[col])))
}
