//! The last resort: elimination of the whole network, where iterations come no further.

mod cholesky;
mod elimination;

use crate::circuit::pcg::Core;
use crate::circuit::tiles::{COLUMNS, LANES, Layout};
use trapline_model::memory;

/// Cells of the largest array that is factored by sparse Cholesky, and the bytes that its factor takes for each: 512
/// x 512 cells took 830 MB.
const MOST_CELLS: usize = 1 << 18;
const BYTES_PER_CELL: u64 = 4096;

/// Products of an elimination that takes no longer than sparse Cholesky: half a second.
const FEW_PRODUCTS: u64 = 1 << 29;

/// Bytes that can be taken; no bound where the system does not say.
fn memory_left() -> u64 {
    memory::available().map_or(u64::MAX, |left| left.bytes)
}

/// A way to solve the network as a whole.
#[derive(Debug)]
pub(crate) enum Direct {
    /// Without subtractions: whatever the conductances are, every digit of the factor holds.
    Elimination(Option<elimination::Elimination>),
    /// By sparse Cholesky, with so much added to the diagonals: an index into [`cholesky::RAISED`].
    Cholesky(usize, Option<cholesky::Factor>),
}

impl Direct {
    /// The one for an array; `None` where none can be paid for.
    pub(crate) fn of(layout: &Layout) -> Option<Direct> {
        let cells = layout.rows * layout.cols;
        let pays = cells <= MOST_CELLS && cells as u64 * BYTES_PER_CELL <= memory_left() / 2;
        let cholesky = pays.then_some(Direct::Cholesky(0, None));
        // Of smaller arrays it costs no more.
        let soon = elimination::products(layout).is_some_and(|products| products <= FEW_PRODUCTS);
        if soon { Direct::elimination(layout).or(cholesky) } else { cholesky.or_else(|| Direct::elimination(layout)) }
    }

    fn elimination(layout: &Layout) -> Option<Direct> {
        elimination::bytes(layout).is_some_and(|bytes| bytes <= memory_left() / 2).then_some(Direct::Elimination(None))
    }

    /// Takes what might do where this one did not; false if nothing might.
    pub(crate) fn strengthen(&mut self, layout: &Layout) -> bool {
        let Direct::Cholesky(raise, factor) = self else { return false };
        if let Some(elimination) = Direct::elimination(layout) {
            *self = elimination;
            return true;
        }
        // The last one stays, for the solves to come.
        let goes_on = *raise + 1 < cholesky::RAISED.len();
        if goes_on {
            (*raise, *factor) = (*raise + 1, None);
        }
        goes_on
    }

    /// Solves `[A_w -D; -D A_b] (word step, bit step) = (q, r)`; false, and no step, where there is no solution.
    pub(crate) fn correct(&mut self, core: &mut Core<'_>) -> bool {
        let layout = core.layout;
        let cells = layout.rows * layout.cols;
        let places = || (0..layout.rows).flat_map(|row| (0..layout.cols).map(move |col| (row, col)));
        let by_panel = |row: usize, col: usize| layout.by_panel(row / LANES, col / COLUMNS);
        let by_block = |row: usize, col: usize| layout.by_block(row / LANES, col / COLUMNS);
        let word_right = places().map(|(row, col)| core.q[by_panel(row, col)][row % LANES][col % COLUMNS]);
        let bit_right = places().map(|(row, col)| core.r[by_block(row, col)][row % LANES][col % COLUMNS]);
        let mut step: Vec<f64> = word_right.chain(bit_right).collect();
        (core.word_step, core.bit_step) = (layout.zeros(), layout.zeros());
        let solved = match self {
            Direct::Elimination(factor) => {
                factor.get_or_insert_with(|| elimination::Elimination::new(core)).solve(&mut step);
                true
            }
            Direct::Cholesky(raise, factor) => {
                if factor.is_none() {
                    *factor = cholesky::Factor::new(core, cholesky::RAISED[*raise]);
                }
                factor.as_ref().map(|factor| factor.solve(&mut step)).is_some()
            }
        };
        if !solved || !step.iter().all(|v| v.is_finite()) {
            return false;
        }
        for (at, (row, col)) in places().enumerate() {
            core.word_step[by_panel(row, col)][row % LANES][col % COLUMNS] = step[at];
            core.bit_step[by_block(row, col)][row % LANES][col % COLUMNS] = step[cells + at];
        }
        true
    }
}

/// Conductance of a cell, S.
fn cell_s(core: &Core<'_>, row: usize, col: usize) -> f64 {
    core.cells_s[core.layout.by_block(row / LANES, col / COLUMNS)][row % LANES][col % COLUMNS]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solver_that_is_asked_again_keeps_the_last_way() {
        // Too large to be eliminated without subtractions.
        let layout = Layout::new(600, 600);
        assert!(elimination::bytes(&layout).is_none());
        let mut direct = Direct::Cholesky(0, None);
        for _ in 1..cholesky::RAISED.len() {
            assert!(direct.strengthen(&layout));
        }
        for _ in 0..3 {
            assert!(!direct.strengthen(&layout));
            assert!(matches!(direct, Direct::Cholesky(last, _) if last + 1 == cholesky::RAISED.len()));
        }
    }
}
