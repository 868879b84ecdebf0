//! How the loops of an operation are cut into dispatches.

use super::source::{self, MAX_LOOPS};
use crate::backend::tables::{CellTables, Tables};
use std::ops::Range;

/// A piece of a list that one dispatch works through, and the most loop iterations it takes an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub range: Range<u32>,
    pub loops: u64,
}

/// Cuts a list into runs whose summed cost, with `start` per run, stays within `budget`; a cut may come only where
/// `may_start` allows, so that a run may be longer than the budget, down to one such stretch.
pub(super) fn cut(
    count: usize,
    start: u64,
    budget: u64,
    cost: impl Fn(usize) -> u64,
    may_start: impl Fn(usize) -> bool,
) -> Vec<Run> {
    let mut runs = Vec::new();
    let (mut first, mut last_start, mut total, mut since_start) = (0, 0, start, 0);
    for i in 0..count {
        if may_start(i) {
            last_start = i;
            since_start = 0;
        }
        let more = cost(i);
        if total + more > budget && last_start > first {
            runs.push(Run { range: first as u32..last_start as u32, loops: total - since_start });
            first = last_start;
            total = start + since_start;
        }
        total += more;
        since_start += more;
    }
    if first < count {
        runs.push(Run { range: first as u32..count as u32, loops: total });
    }
    runs
}

/// The dispatches of a programming: ranges of segments. `budget` is told what a dispatch spends before its first one.
pub(super) fn of_program(cell: &CellTables, budget: impl Fn(u64) -> u64) -> Vec<Run> {
    let start = source::program_start_loops(cell.classes);
    let cost = |i: usize| source::program_loops(cell, &cell.segments[i]);
    cut(cell.segments.len(), start, budget(start), cost, |i| may_start(cell, i))
}

/// Whether a dispatch may begin with a segment: between two draws of counted electrons the state is not whole.
fn may_start(cell: &CellTables, i: usize) -> bool {
    !cell.electrons.are_counted() || i == 0 || cell.segments[i - 1].settles != 0
}

/// The dispatches of a stimulus: ranges of segments.
pub(super) fn of_stimulus(cell: &CellTables, budget: impl Fn(u64) -> u64) -> Vec<Run> {
    let start = source::program_start_loops(cell.classes);
    let cost = |i: usize| source::stimulate_loops(cell, &cell.segments[i]);
    cut(cell.segments.len(), start, budget(start), cost, |i| may_start(cell, i))
}

/// The dispatches of a bake: ranges of visits, each beginning with a direct one; `visit_loops` is the kernel's.
pub(super) fn of_bake(tables: &Tables, visit_loops: u64, budget: impl Fn(u64) -> u64) -> Vec<Run> {
    let start = source::bake_start_loops(tables);
    let direct: Vec<bool> = tables.visits().map(|visit| visit[0].is_direct()).collect();
    cut(direct.len(), start, budget(start), |_| visit_loops, |i| direct[i])
}

/// The budget where no cells but the loops of one invocation count.
pub(super) fn by_loops(_start: u64) -> u64 {
    MAX_LOOPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_cover_everything_once_and_stay_in_budget() {
        let cost = |i: usize| 1000 + (i as u64 * 37) % 500;
        let runs = cut(1000, 16, MAX_LOOPS, cost, |i| i % 7 == 0);
        assert_eq!(runs.first().map(|r| r.range.start), Some(0));
        assert_eq!(runs.last().map(|r| r.range.end), Some(1000));
        for pair in runs.windows(2) {
            assert_eq!(pair[0].range.end, pair[1].range.start);
            assert_eq!(pair[1].range.start % 7, 0);
        }
        for run in &runs {
            let total: u64 = 16 + run.range.clone().map(|i| cost(i as usize)).sum::<u64>();
            assert_eq!(total, run.loops);
            assert!(total <= MAX_LOOPS, "{total}");
        }
    }

    #[test]
    fn a_stretch_over_the_budget_is_a_run_of_its_own() {
        let runs = cut(4, 2, 10, |i| if i == 1 { 50 } else { 3 }, |_| true);
        let found: Vec<_> = runs.iter().map(|r| (r.range.clone(), r.loops)).collect();
        assert_eq!(found, [(0..1, 5), (1..2, 52), (2..4, 8)]);
    }
}
