//! Elimination of the whole network without a subtraction.
//!
//! # Theory
//! A node that is taken out of a network of conductances leaves each pair of its neighbours, i and j, with
//! `g_i g_j/d` more between them, and each neighbour with `g_i e/d` more to the sources, where `d` is the sum of all
//! its conductances and `e` what it has to the sources (star-mesh transformation; A. Rosen, J. Instn. Elect. Engrs.
//! 62, 916, 1924; for Markov chains W. K. Grassmann, M. I. Taksar and D. P. Heyman, Oper. Res. 33, 1107, 1985). The
//! diagonal of the matrix is never formed: sums and products of positive numbers keep every digit, while Gauss'
//! elimination loses what cells of 1e-12 S leak beside cells of 100 S.
//!
//! # Practice
//! Column by column: of each first the nodes of the bit line, then those of the word lines, which leaves a dense
//! network of one node a word line in the next column. For m word lines and n columns that is `2/3 n m^3` products
//! and `3/2 n m^2` numbers to keep; the array is turned so that m is the lesser.

use super::cell_s;
use crate::circuit::pcg::Core;
use crate::circuit::tiles::Layout;

/// Most products and most numbers kept: those of 512 x 512 cells, 1.6 GB.
const MOST_PRODUCTS: u64 = 43 << 30;
const MOST_NUMBERS: u64 = 192 << 20;

/// Numbers that are kept, but for a few a node.
fn numbers(layout: &Layout) -> Option<u64> {
    let (m, n) = (layout.rows as u64, layout.cols as u64);
    Some(m.checked_mul(m)?.checked_mul(n)?.checked_mul(3)? / 2)
}

/// Products that an elimination takes.
pub(super) fn products(layout: &Layout) -> Option<u64> {
    Some(numbers(layout)?.checked_mul(layout.rows as u64)?.checked_mul(4)? / 9)
}

/// Bytes that the factor of an array takes; `None` where it would take too many, or too long.
pub(super) fn bytes(layout: &Layout) -> Option<u64> {
    let kept = numbers(layout).filter(|numbers| *numbers <= MOST_NUMBERS)?;
    products(layout).filter(|products| *products <= MOST_PRODUCTS)?;
    Some(8 * (kept + 4 * (layout.rows * layout.cols) as u64))
}

/// A network that is eliminated.
#[derive(Debug)]
pub(crate) struct Elimination {
    rows: usize,
    columns: Vec<Column>,
}

/// What the nodes of a column had to others when they were taken out, S.
#[derive(Debug)]
struct Column {
    /// Of the bit line's node in each row: to the nodes of the word lines up to its own, row after row.
    bit_to_words: Vec<f64>,
    /// To the bit line's next node, and one over all it had; 0 of a node without neighbours.
    bit_to_next: Vec<f64>,
    bit_inverse: Vec<f64>,
    /// Of each word line's node: to the nodes of later word lines, and behind these to those of the next column up to
    /// its own word line.
    word_to_others: Vec<f64>,
    word_inverse: Vec<f64>,
}

/// One over a sum of conductances; 0 of none.
fn inverse(sum: f64) -> f64 {
    if sum > 0.0 { 1.0 / sum } else { 0.0 }
}

/// Where row `row` of a packed lower triangle begins.
fn triangle(row: usize) -> usize {
    row * (row + 1) / 2
}

/// The network that is left: between the nodes of the word lines in a column (the upper triangle of a matrix), and from
/// these to the sources.
struct Left {
    between: Vec<f64>,
    to_sources: Vec<f64>,
}

impl Left {
    fn none(rows: usize) -> Left {
        Left { between: vec![0.0; rows * rows], to_sources: vec![0.0; rows] }
    }

    /// Takes out a node with these conductances to the first nodes, and `of_sources` to the sources; `inverse` is one
    /// over all it has.
    fn join(&mut self, to: &[f64], of_sources: f64, inverse: f64) {
        let rows = self.to_sources.len();
        for (i, g) in to.iter().enumerate() {
            let share = g * inverse;
            if share > 0.0 {
                let row = &mut self.between[i * rows..][i + 1..to.len()];
                row.iter_mut().zip(&to[i + 1..]).for_each(|(between, other)| *between += share * other);
                self.to_sources[i] += share * of_sources;
            }
        }
    }
}

impl Elimination {
    /// Eliminates the network of a core.
    pub(super) fn new(core: &Core<'_>) -> Elimination {
        let (rows, cols) = (core.layout.rows, core.layout.cols);
        let (words, bits) = (&core.circuit.words, &core.circuit.bits);
        let mut left = Left::none(rows);
        for row in (0..rows).filter(|row| words.live[*row]) {
            left.to_sources[row] = words.near_s[row];
        }
        let mut columns = Vec::with_capacity(cols);
        for col in 0..cols {
            // Lines that no source reaches have no cells, and nothing to be solved for.
            let segment_s = |row: usize| if bits.live[col] && row + 1 < rows { bits.segment_s[row] } else { 0.0 };
            let mut bit_to_words = Vec::with_capacity(triangle(rows));
            let (mut bit_to_next, mut bit_inverse) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
            // What the node above has left this one: to the word lines above, and to the sources.
            let (mut to_words, mut to_sources) = (vec![0.0; rows], 0.0);
            for row in 0..rows {
                to_words[row] += cell_s(core, row, col);
                if bits.live[col] {
                    to_sources += if row == 0 { bits.near_s[col] } else { 0.0 };
                    to_sources += if row + 1 == rows { bits.far_s[col] } else { 0.0 };
                }
                let (to, next) = (&mut to_words[..=row], segment_s(row));
                let inverse = inverse(to.iter().sum::<f64>() + next + to_sources);
                left.join(to, to_sources, inverse);
                bit_to_words.extend_from_slice(to);
                bit_to_next.push(next);
                bit_inverse.push(inverse);
                to.iter_mut().for_each(|g| *g *= next * inverse);
                to_sources *= next * inverse;
            }
            if col + 1 == cols {
                for row in (0..rows).filter(|row| words.live[*row]) {
                    left.to_sources[row] += words.far_s[row];
                }
            }
            let link_s = |row: usize| if words.live[row] && col + 1 < cols { words.segment_s[col] } else { 0.0 };
            let (word_to_others, word_inverse, next) = cross(left, link_s);
            left = next;
            columns.push(Column { bit_to_words, bit_to_next, bit_inverse, word_to_others, word_inverse });
        }
        Elimination { rows, columns }
    }

    /// Solves for the steps of the nodes of the word lines, row by row, and behind them of the bit lines, in the
    /// place of the currents into them.
    pub(super) fn solve(&self, step: &mut [f64]) {
        let (rows, cols) = (self.rows, self.columns.len());
        let (word, bit) = step.split_at_mut(rows * cols);
        let mut carried = vec![0.0; rows];
        for (col, column) in self.columns.iter().enumerate() {
            let mut words: Vec<f64> = (0..rows).map(|row| word[row * cols + col] + carried[row]).collect();
            carried.fill(0.0);
            let mut from_above = 0.0;
            for row in 0..rows {
                let current = bit[row * cols + col] + from_above;
                let share = current * column.bit_inverse[row];
                add(&mut words[..=row], share, &column.bit_to_words[triangle(row)..]);
                from_above = share * column.bit_to_next[row];
                bit[row * cols + col] = current;
            }
            for row in 0..rows {
                let share = words[row] * column.word_inverse[row];
                let (later, across) = column.of_word(row, rows);
                add(&mut words[row + 1..], share, later);
                add(&mut carried[..=row], share, across);
                word[row * cols + col] = words[row];
            }
        }
        // Potentials of the word lines in the column and in the next one.
        let (mut here, mut next) = (vec![0.0; rows], vec![0.0; rows]);
        for (col, column) in self.columns.iter().enumerate().rev() {
            std::mem::swap(&mut here, &mut next);
            for row in (0..rows).rev() {
                let (later, across) = column.of_word(row, rows);
                let current = word[row * cols + col] + dot(&here[row + 1..], later) + dot(&next[..=row], across);
                here[row] = current * column.word_inverse[row];
                word[row * cols + col] = here[row];
            }
            let mut below = 0.0;
            for row in (0..rows).rev() {
                let of_words = dot(&here[..=row], &column.bit_to_words[triangle(row)..]);
                let current = bit[row * cols + col] + of_words + below * column.bit_to_next[row];
                below = current * column.bit_inverse[row];
                bit[row * cols + col] = below;
            }
        }
    }
}

impl Column {
    /// What the node of a word line had to later word lines, and to those of the next column.
    fn of_word(&self, row: usize, rows: usize) -> (&[f64], &[f64]) {
        self.word_to_others[row * rows..][..rows].split_at(rows - row - 1)
    }
}

/// Takes out the nodes of the word lines in a column, which have `link_s` to the next one; what they had to others,
/// one over all of it, and what is left in the next column.
fn cross(mut left: Left, link_s: impl Fn(usize) -> f64) -> (Vec<f64>, Vec<f64>, Left) {
    let rows = left.to_sources.len();
    let mut next = Left::none(rows);
    let mut across = vec![0.0; rows * rows];
    let (mut others, mut inverses) = (Vec::with_capacity(rows * rows), Vec::with_capacity(rows));
    for row in 0..rows {
        across[row * rows + row] = link_s(row);
        let (done, later) = across.split_at_mut((row + 1) * rows);
        let across = &done[row * rows..][..=row];
        let (upper, lower) = left.between.split_at_mut((row + 1) * rows);
        let to_later = &upper[row * rows..][row + 1..];
        let to_sources = left.to_sources[row];
        let inverse = inverse(to_later.iter().sum::<f64>() + across.iter().sum::<f64>() + to_sources);
        for (i, g) in to_later.iter().enumerate() {
            let share = g * inverse;
            if share > 0.0 {
                add(&mut lower[i * rows..][row + 2 + i..rows], share, &to_later[i + 1..]);
                add(&mut later[i * rows..][..=row], share, across);
                left.to_sources[row + 1 + i] += share * to_sources;
            }
        }
        next.join(across, to_sources, inverse);
        others.extend_from_slice(to_later);
        others.extend_from_slice(across);
        inverses.push(inverse);
    }
    (others, inverses, next)
}

/// Adds a multiple of as many numbers as there are places.
fn add(to: &mut [f64], share: f64, of: &[f64]) {
    to.iter_mut().zip(of).for_each(|(to, of)| *to += share * of);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
