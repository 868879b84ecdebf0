//! The true residual of a state, with what rounding may have added to it, and the currents that leave the array.
//!
//! A state is a drop per node, `potential = reference of the line + drop`, each drop an unevaluated sum of two numbers.
//! Wire currents are then formed from differences of drops without loss, and the voltage of a cell is summed with its
//! rounding errors kept: the residual is that of the state to a few units in the last place of each current, however
//! much better wires conduct than cells, and a correction can be added that is smaller than the last place of a drop.

use crate::circuit::pcg::Core;
use crate::circuit::tiles::{COLUMNS, LANES, Layout, Row, Tile, ZERO, two_sum};
use crate::circuit::wiring::Side;
use rayon::prelude::*;

/// Half the distance of 1 to the next number.
const UNIT: f64 = 0.5 * f64::EPSILON;
/// Roundings that a term of Kirchhoff's law goes through: a difference of two drops and its product with the segment
/// (4), or the sum and the product of a cell (3), and the sum of four terms at a node (4).
const ROUNDINGS: f64 = 8.0;
/// Second-order roundings of a cell's voltage, in squared units of the span of the sources.
const SECOND_ORDER: f64 = 64.0;
/// Sums of many terms in blocks of thousands lose less than this, relative.
const SUMMING: f64 = 1e-10;

/// Drops along the lines of one axis, V, the sum of both fields: those of word lines in panel order, those of bit lines in
/// block order. A field that is empty is 0.
#[derive(Debug, Clone)]
pub(crate) struct Drops {
    pub(crate) high: Vec<Tile>,
    pub(crate) low: Vec<Tile>,
}

/// Drops of all nodes.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) word: Drops,
    pub(crate) bit: Drops,
}

impl State {
    pub(crate) fn zero() -> State {
        let drops = || Drops { high: Vec::new(), low: Vec::new() };
        State { word: drops(), bit: drops() }
    }

    /// Adds a share of the step.
    pub(crate) fn advance(&mut self, core: &mut Core, share: f64) {
        for (drops, step) in [(&mut self.word, &mut core.word_step), (&mut self.bit, &mut core.bit_step)] {
            if drops.high.is_empty() && share == 1.0 {
                drops.high = std::mem::take(step);
                continue;
            }
            for field in [&mut drops.high, &mut drops.low] {
                field.resize(core.layout.tiles(), ZERO);
            }
            drops.high.par_iter_mut().zip(&mut drops.low).zip(step).for_each(|((high, low), step)| {
                for lane in 0..LANES {
                    [high[lane], low[lane]] = stepped(&high[lane], &low[lane], &step[lane], share);
                }
            });
        }
    }
}

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

/// Sums of one panel or block.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    residual: f64,
    floor: f64,
    cells: f64,
    descent: f64,
}

/// Evaluates `state + share (word_step, bit_step)`, and leaves cell currents, slopes (if there is a field for them) and
/// residuals in the core.
pub(crate) fn audit(core: &mut Core, state: &State, cells: &impl Cells, share: f64) -> Audit {
    let layout = core.layout;
    // What the summed voltage of a cell can still be off, which counts where it is a small rest of large drops.
    let span_v = core.circuit.range_v.1 - core.circuit.range_v.0;
    let second_order_a = SECOND_ORDER * UNIT * UNIT * span_v * core.sum_s;
    let mut audit = Audit { floor_a: second_order_a, ..Audit::default() };
    let words = audit_words(core, state, cells, share);
    let bits = audit_bits(core, state, share);
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

/// Drops, as two numbers each, and a share of a step.
#[inline(always)]
fn stepped(high: &Row, low: &Row, step: &Row, share: f64) -> [Row; 2] {
    let (mut sum, mut rest) = (*high, *low);
    if share != 0.0 {
        for col in 0..COLUMNS {
            (sum[col], rest[col]) = two_sum(high[col], low[col] + share * step[col]);
        }
    }
    [sum, rest]
}

impl Drops {
    /// Those of a row of a tile after a share of a step.
    #[inline(always)]
    fn after(&self, tile: usize, lane: usize, step: &[Tile], share: f64) -> [Row; 2] {
        let of = |field: &[Tile]| field.get(tile).map_or([0.0; COLUMNS], |tile| tile[lane]);
        stepped(&of(&self.high), &of(&self.low), &of(step), share)
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

/// By line: currents at the near end, at the far end, and of its cells, A.
type OfLine = [f64; 3];

/// The part of the word lines.
fn audit_words(core: &mut Core, state: &State, cells: &impl Cells, share: f64) -> Vec<(Sums, [OfLine; LANES])> {
    let Core { layout, circuit, currents, slopes, q, word_step, bit_step, .. } = core;
    let (layout, blocks) = (&*layout, layout.blocks);
    let State { word, bit, .. } = state;
    let mut slopes: Vec<Option<&mut [Tile]>> = slopes.chunks_mut(blocks).map(Some).collect();
    slopes.resize_with(layout.panels, || None);
    let out = currents.par_chunks_mut(blocks).zip(slopes).zip(q.par_chunks_mut(blocks));
    let of_panel = |scratch: &mut Vec<[[Row; 2]; LANES]>, (panel, ((passed, mut slopes), q)): (usize, OfPanel)| {
        scratch.resize(blocks, [[[0.0; COLUMNS]; 2]; LANES]);
        wide(|| {
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
        })
    };
    out.enumerate().map_init(Vec::new, of_panel).collect()
}

/// Fields of a panel: currents, slopes and residuals.
type OfPanel<'a> = ((&'a mut [Tile], Option<&'a mut [Tile]>), &'a mut [Tile]);

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

/// The part of the bit lines.
fn audit_bits(core: &mut Core, state: &State, share: f64) -> Vec<(Sums, [OfLine; COLUMNS])> {
    let Core { layout, circuit, currents, r, bit_step, .. } = core;
    let (layout, side, bit) = (&*layout, &circuit.bits, &state.bit);
    let of_block = |(block, r): (usize, &mut [Tile])| {
        wide(|| {
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
                let step =
                    bit_step.get(layout.by_block(at / LANES, block)).map_or([0.0; COLUMNS], |tile| tile[at % LANES]);
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
        })
    };
    r.par_chunks_mut(layout.panels).enumerate().map(of_block).collect()
}

fn wide<T>(f: impl FnOnce() -> T) -> T {
    f()
}
