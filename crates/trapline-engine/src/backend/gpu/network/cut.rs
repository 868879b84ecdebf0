//! How the lines of a crossbar are cut into chunks, of which an invocation takes one, and how many lines a workgroup
//! has.
//!
//! The cut decides how many workgroups a kernel needs and how long its loops are ([`most_loops`]).

use crate::circuit::device::Network;

/// Invocations of a workgroup; `GROUP` of the shaders.
pub(super) const GROUP: usize = 256;
/// Chunks of a bit line at the most: the others of a workgroup take neighbouring lines, whose cells lie side by side.
pub(super) const BIT_CHUNKS: usize = 16;
/// Cells of a chunk before a line gets more chunks.
const CHUNK_CELLS: usize = 4;

/// How lines are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// Chunks of a line, a power of two, and the cells of each.
    pub chunks: usize,
    pub length: usize,
    /// Workgroups for all lines.
    pub groups: usize,
}

impl Cut {
    pub fn new(lines: usize, cells: usize, most_chunks: usize) -> Cut {
        let chunks = cells.div_ceil(CHUNK_CELLS).next_power_of_two().min(most_chunks);
        Cut { chunks, length: cells.div_ceil(chunks), groups: lines.div_ceil(GROUP / chunks) }
    }
}

/// Loop iterations of an invocation of the dearest kernel: the chunks of its walks, and the halvings of its workgroup.
pub(super) fn most_loops(network: &Network) -> u64 {
    let words = Cut::new(network.rows, network.cols, GROUP);
    let bits = Cut::new(network.cols, network.rows, BIT_CHUNKS);
    let walk = 4 * words.length.max(bits.length) + 32;
    let sums = words.groups.div_ceil(GROUP) + 8;
    walk.max(2 * network.widest_interval).max(sums) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_all_cells_of_all_lines() {
        for (lines, cells) in [(1, 1), (3, 5), (1, 300), (64, 64), (100, 1024), (7, 16_384), (40_000, 17)] {
            for most in [GROUP, BIT_CHUNKS] {
                let cut = Cut::new(lines, cells, most);
                assert!(cut.chunks.is_power_of_two() && cut.chunks <= most && cut.chunks * cut.length >= cells);
                assert!(cut.groups * (GROUP / cut.chunks) >= lines, "{lines} lines of {cells}: {cut:?}");
            }
        }
    }
}
