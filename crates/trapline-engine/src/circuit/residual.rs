//! The inner loops of the audit: Kirchhoff's law along a panel of word lines and along a block of bit lines.

use crate::circuit::audit::Cells;
use crate::circuit::state::State;
use crate::circuit::tiles::{COLUMNS, LANES, Layout, Row, Tile, ZERO, two_sum, widest};
use crate::circuit::wiring::{Circuit, Side};

/// Half the distance of 1 to the next number.
pub(crate) const UNIT: f64 = 0.5 * f64::EPSILON;
/// Roundings that a term of Kirchhoff's law goes through: a difference of two drops and its product with the segment
/// (4), or the sum and the product of a cell (3), and the sum of four terms at a node (4).
const ROUNDINGS: f64 = 8.0;

/// Sums of one panel or block.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) residual: f64,
    pub(crate) floor: f64,
    pub(crate) cells: f64,
    pub(crate) descent: f64,
}

/// By line: currents at the near end, at the far end, and of its cells, A.
pub(crate) type OfLine = [f64; 3];

/// The state that is looked at: with a share of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looked<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) circuit: &'a Circuit,
    pub(crate) state: &'a State,
    pub(crate) word_step: &'a [Tile],
    pub(crate) bit_step: &'a [Tile],
    pub(crate) share: f64,
}

/// Drops of the word lines of a tile, both parts.
pub(crate) type WordDrops = [[Row; 2]; LANES];

widest! {
    /// Currents, slopes and residuals of a panel of word lines.
    pub(crate) fn look_along_words<C: Cells>(
        looked: &'k Looked<'k>,
        cells: &'k C,
        panel: usize,
        scratch: &'k mut Vec<WordDrops>,
        passed: &'k mut [Tile],
        slopes: Option<&'k mut [Tile]>,
        q: &'k mut [Tile],
    ) -> (Sums, [OfLine; LANES]) {
        let Looked { layout, circuit, state: State { word, bit }, word_step, bit_step, share } = *looked;
        let (blocks, mut slopes) = (layout.blocks, slopes);
        scratch.resize(blocks, [[[0.0; COLUMNS]; 2]; LANES]);
        for block in 0..blocks {
            let mut volts = ZERO;
            for lane in 0..LANES {
                let [u, u_low] = word.after(layout.by_panel(panel, block), lane, word_step, share);
                let [d, d_low] = bit.after(layout.by_block(panel, block), lane, bit_step, share);
                let word_v = circuit.words.reference_v[panel * LANES + lane];
                let bits_v = &circuit.bits.reference_v[block * COLUMNS..][..COLUMNS];
                for col in 0..COLUMNS {
                    let (v, v_low) = two_sum(word_v, -bits_v[col]);
                    let (v, u_lost) = two_sum(v, u[col]);
                    let (v, d_lost) = two_sum(v, -d[col]);
                    volts[lane][col] = v + (((u_low[col] - d_low[col]) + (u_lost + d_lost)) + v_low);
                }
                scratch[block][lane] = [u, u_low];
            }
            let slopes = slopes.as_deref_mut().map(|slopes| &mut slopes[block]);
            cells.pass(panel, block, &volts, &mut passed[block], slopes);
        }
        let mut sums = Sums::default();
        let mut lines = [[0.0; 3]; LANES];
        for (lane, of_line) in lines.iter_mut().enumerate().take(layout.rows_in(panel)) {
            let (side, line) = (&circuit.words, panel * LANES + lane);
            let drop = |at: usize| scratch[at / COLUMNS][lane].map(|drops| drops[at % COLUMNS]);
            let near = inflow(side.near_s[line], side.near_rise_v[line], drop(0));
            let far = inflow(side.far_s[line], side.far_rise_v[line], drop(layout.cols - 1));
            let (mut left, mut sizes, mut wires) = (near, [0.0; COLUMNS], [0.0; COLUMNS]);
            for block in 0..blocks {
                let next = drop(((block + 1) * COLUMNS).min(blocks * COLUMNS - 1));
                let [flows, terms] = flows_along(side, block, &scratch[block][lane], next);
                let (currents, rest) = (&passed[block][lane], &mut q[block][lane]);
                for col in 0..COLUMNS {
                    rest[col] = -flows[col] - currents[col];
                    sizes[col] += currents[col].abs();
                    wires[col] += terms[col];
                }
                rest[0] += left;
                for col in 1..COLUMNS {
                    rest[col] += flows[col - 1];
                }
                left = flows[COLUMNS - 1];
                of_line[2] += currents.iter().sum::<f64>();
            }
            let last = layout.cols - 1;
            q[last / COLUMNS][lane][last % COLUMNS] += far;
            (of_line[0], of_line[1]) = (near, far);
            for block in 0..blocks {
                let rest = &q[block][lane];
                sums.residual += rest.iter().map(|rest| rest.abs()).sum::<f64>();
                if share != 0.0 {
                    let step = &word_step[layout.by_panel(panel, block)][lane];
                    sums.descent += rest.iter().zip(step).map(|(rest, step)| rest * step).sum::<f64>();
                }
            }
            let sizes: f64 = sizes.iter().sum();
            sums.cells += sizes;
            // A segment's flow is a term at both its nodes.
            let terms = 2.0 * wires.iter().sum::<f64>() + near.abs() + far.abs() + sizes;
            sums.floor += ROUNDINGS * UNIT * terms;
        }
        (sums, lines)
    }
}

widest! {
    /// Residuals of a block of bit lines, from the currents of their cells.
    pub(crate) fn look_along_bits(
        looked: &'k Looked<'k>,
        block: usize,
        currents: &'k [Tile],
        r: &'k mut [Tile],
    ) -> (Sums, [OfLine; COLUMNS]) {
        let Looked { layout, circuit, state: State { bit, .. }, bit_step, share, .. } = *looked;
        let side = &circuit.bits;
        let (mut sums, mut lines) = (Sums::default(), [[0.0; 3]; COLUMNS]);
        let drops = |at: usize| bit.after(layout.by_block(at / LANES, block), at % LANES, bit_step, share);
        let mut passed = [0.0; COLUMNS];
        let (mut residual, mut descent, mut terms) = ([0.0; COLUMNS], [0.0; COLUMNS], [0.0; COLUMNS]);
        let last = layout.rows - 1;
        let mut here = drops(0);
        let mut above = [0.0; COLUMNS];
        for col in 0..layout.cols_in(block) {
            let line = block * COLUMNS + col;
            above[col] = inflow(side.near_s[line], side.near_rise_v[line], [here[0][col], here[1][col]]);
            lines[col][0] = above[col];
            terms[col] += above[col].abs();
        }
        let r = r.as_flattened_mut();
        for at in 0..=last {
            let mut below = [0.0; COLUMNS];
            if at < last {
                let next = drops(at + 1);
                for col in 0..COLUMNS {
                    let of = |drops: &[Row; 2]| [drops[0][col], drops[1][col]];
                    let (flow, size) = flow(side.segment_s[at], of(&here), of(&next));
                    below[col] = flow;
                    terms[col] += 2.0 * size;
                }
                here = next;
            } else {
                for col in 0..layout.cols_in(block) {
                    let line = block * COLUMNS + col;
                    below[col] = -inflow(side.far_s[line], side.far_rise_v[line], [here[0][col], here[1][col]]);
                    lines[col][1] = -below[col];
                    terms[col] += below[col].abs();
                }
            }
            let currents = &currents[layout.by_panel(at / LANES, block)][at % LANES];
            let step = bit_step.get(layout.by_block(at / LANES, block)).map_or([0.0; COLUMNS], |tile| tile[at % LANES]);
            for col in 0..COLUMNS {
                let rest = above[col] - below[col] + currents[col];
                r[at][col] = rest;
                residual[col] += rest.abs();
                descent[col] += rest * step[col];
                terms[col] += currents[col].abs();
                passed[col] += currents[col];
            }
            above = below;
        }
        for (line, passed) in lines.iter_mut().zip(passed) {
            line[2] = passed;
        }
        sums.residual = residual.iter().sum();
        sums.descent = descent.iter().sum();
        sums.floor = ROUNDINGS * UNIT * terms.iter().sum::<f64>();
        (sums, lines)
    }
}

/// What flows between nodes of drops `a` and `b` over segments, and the sum of its terms without their signs.
#[inline(always)]
fn flow(segment_s: f64, a: [f64; 2], b: [f64; 2]) -> (f64, f64) {
    let (high, low) = (a[0] - b[0], a[1] - b[1]);
    (segment_s * (high + low), segment_s * (high.abs() + low.abs()))
}

/// What flows from a source into the node next to it.
#[inline(always)]
fn inflow(end_s: f64, rise_v: f64, drop: [f64; 2]) -> f64 {
    end_s * ((rise_v - drop[0]) - drop[1])
}

/// Flows to the right of the 16 nodes of a tile's row, and their terms; 0 behind the last node.
#[inline(always)]
fn flows_along(side: &Side, block: usize, drops: &[Row; 2], next: [f64; 2]) -> [Row; 2] {
    let link_s = &side.link_s[block * COLUMNS + 1..][..COLUMNS];
    let [high, low] = drops;
    let mut out = [[0.0; COLUMNS]; 2];
    for col in 0..COLUMNS - 1 {
        let (flow, terms) = flow(link_s[col], [high[col], low[col]], [high[col + 1], low[col + 1]]);
        (out[0][col], out[1][col]) = (flow, terms);
    }
    let last = COLUMNS - 1;
    (out[0][last], out[1][last]) = flow(link_s[last], [high[last], low[last]], next);
    out
}
