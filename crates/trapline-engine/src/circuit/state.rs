//! The state of all nodes: drops below the reference potentials of the lines, as unevaluated sums of two numbers.

use crate::circuit::pcg::Core;
use crate::circuit::tiles::{COLUMNS, LANES, Row, Tile, ZERO, two_sum};
use rayon::prelude::*;

/// Drops along the lines of one axis, V, the sum of both fields: those of word lines in panel order, those of bit lines
/// in block order. A field that is empty is 0.
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
    pub(crate) fn advance(&mut self, core: &mut Core<'_>, share: f64) {
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
    pub(crate) fn after(&self, tile: usize, lane: usize, step: &[Tile], share: f64) -> [Row; 2] {
        let of = |field: &[Tile]| field.get(tile).map_or([0.0; COLUMNS], |tile| tile[lane]);
        stepped(&of(&self.high), &of(&self.low), &of(step), share)
    }
}
