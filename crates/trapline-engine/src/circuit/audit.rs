//! The true residual of a state, with what rounding may have added to it, and the currents that leave the array.
//!
//! A state is a drop per node, `potential = reference of the line + drop`, each drop an unevaluated sum of two numbers.
//! Wire currents are then formed from differences of drops without loss, and the voltage of a cell is summed with its
//! rounding errors kept: the residual is that of the state to a few units in the last place of each current, however
//! much better wires conduct than cells, and a correction can be added that is smaller than the last place of a drop.

use crate::circuit::pcg::Core;
use crate::circuit::residual::{Looked, OfLine, Sums, UNIT, WordDrops, look_along_bits, look_along_words};
use crate::circuit::state::State;
use crate::circuit::tiles::{COLUMNS, LANES, Layout, Tile};
use rayon::prelude::*;

/// Second-order roundings of a cell's voltage, in squared units of the span of the sources.
const SECOND_ORDER: f64 = 64.0;
/// Sums of many terms in blocks of thousands lose less than this, relative.
const SUMMING: f64 = 1e-10;

/// What the cells pass: of a tile of voltages, currents, A, and where wanted slopes, S.
pub(crate) trait Cells: Sync {
    /// `tile` and `lane` say which cells they are; those outside the array have voltage 0 and must pass nothing.
    fn pass(&self, panel: usize, block: usize, volts: &Tile, currents: &mut Tile, slopes: Option<&mut Tile>);
}

/// Cells that obey Ohm's law, S, in block order.
pub(crate) struct Ohmic<'a>(pub(crate) &'a [Tile], pub(crate) Layout);

impl Cells for Ohmic<'_> {
    #[inline(always)]
    fn pass(&self, panel: usize, block: usize, volts: &Tile, currents: &mut Tile, _: Option<&mut Tile>) {
        let cells = &self.0[self.1.by_block(panel, block)];
        for lane in 0..LANES {
            for col in 0..COLUMNS {
                currents[lane][col] = cells[lane][col] * volts[lane][col];
            }
        }
    }
}

/// What is known of a state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audit {
    /// Sum over all nodes of what Kirchhoff's law leaves over, A.
    pub(crate) residual_a: f64,
    /// Most that rounding can have hidden of it, A.
    pub(crate) floor_a: f64,
    /// Currents from the sources into the word lines, by line: near, far, A.
    pub(crate) word_end_a: [Vec<f64>; 2],
    /// Currents from the sources into the bit lines, A.
    pub(crate) bit_end_a: [Vec<f64>; 2],
    /// Sums of the currents of the cells by word line (out of it) and by bit line (into it), A.
    pub(crate) word_cells_a: Vec<f64>,
    pub(crate) bit_cells_a: Vec<f64>,
    /// Sum of the magnitudes of all cell currents, A.
    pub(crate) cells_a: f64,
    /// Residual times step, W: the slope of the co-content along the step, with the opposite sign.
    pub(crate) descent_w: f64,
}

impl Audit {
    /// Bound of the sum of the errors of all currents at ends, A.
    pub(crate) fn bound_a(&self) -> f64 {
        (self.residual_a + self.floor_a) * (1.0 + SUMMING)
    }

    /// Current that flows through the array: half the sum of the magnitudes at all ends, A.
    pub(crate) fn total_a(&self) -> f64 {
        let ends = self.word_end_a.iter().chain(&self.bit_end_a).flatten();
        0.5 * ends.map(|a| a.abs()).sum::<f64>()
    }
}

/// Evaluates `state + share (word_step, bit_step)`, and leaves cell currents, slopes (if there is a field for them) and
/// residuals in the core.
pub(crate) fn audit(core: &mut Core<'_>, state: &State, cells: &impl Cells, share: f64) -> Audit {
    let layout = core.layout;
    // What the summed voltage of a cell can still be off, which counts where it is a small rest of large drops.
    let span_v = core.circuit.range_v.1 - core.circuit.range_v.0;
    let second_order_a = SECOND_ORDER * UNIT * UNIT * span_v * core.sum_s;
    let mut audit = Audit { floor_a: second_order_a, ..Audit::default() };
    let Core { circuit, p: currents, slopes, q, r, word_step, bit_step, .. } = core;
    let looked = Looked { layout: &layout, circuit, state, word_step, bit_step, share };
    let mut slopes: Vec<Option<&mut [Tile]>> = slopes.chunks_mut(layout.blocks).map(Some).collect();
    slopes.resize_with(layout.panels, || None);
    let panels = currents.par_chunks_mut(layout.blocks).zip(slopes).zip(q.par_chunks_mut(layout.blocks)).enumerate();
    let of_panel = |scratch: &mut Vec<WordDrops>, (panel, ((currents, slopes), q)): (usize, OfPanel)| {
        look_along_words(&looked, cells, panel, scratch, currents, slopes, q)
    };
    let words: Vec<(Sums, [OfLine; LANES])> = panels.map_init(Vec::new, of_panel).collect();
    let blocks = r.par_chunks_mut(layout.panels).enumerate();
    let bits: Vec<(Sums, [OfLine; COLUMNS])> =
        blocks.map(|(block, r)| look_along_bits(&looked, block, currents, r)).collect();
    let mut gather = |sums: &Sums| {
        audit.residual_a += sums.residual;
        audit.floor_a += sums.floor;
        audit.cells_a += sums.cells;
        audit.descent_w += sums.descent;
    };
    words.iter().map(|(sums, _)| sums).for_each(&mut gather);
    bits.iter().map(|(sums, _)| sums).for_each(&mut gather);
    let line = |panel: &[[f64; 3]], count: usize, which: usize| -> Vec<f64> {
        panel[..count].iter().map(|line| line[which]).collect()
    };
    let of_words: Vec<[f64; 3]> = words.iter().flat_map(|(_, lines)| lines.iter().copied()).collect();
    let of_bits: Vec<[f64; 3]> = bits.iter().flat_map(|(_, lines)| lines.iter().copied()).collect();
    audit.word_end_a = [line(&of_words, layout.rows, 0), line(&of_words, layout.rows, 1)];
    audit.word_cells_a = line(&of_words, layout.rows, 2);
    audit.bit_end_a = [line(&of_bits, layout.cols, 0), line(&of_bits, layout.cols, 1)];
    audit.bit_cells_a = line(&of_bits, layout.cols, 2);
    audit
}

/// Fields of a panel: currents, slopes and residuals.
type OfPanel<'a> = ((&'a mut [Tile], Option<&'a mut [Tile]>), &'a mut [Tile]);
