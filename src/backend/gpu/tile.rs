//! How many cells a tile holds, and the buffers of one.
//!
//! A tile is a whole number of chunks, so that blocks and chunks are the same cells in every tiling.

use super::device::{self, Device};
use super::layout;
use super::source::{self, MAX_LOOPS};
use crate::backend::BackendError;
use crate::backend::job::{Job, QUANTITIES};
use crate::backend::tables::Tables;
use crate::backend::tally::{BLOCK_CELLS, CHUNK_CELLS, counters};
use std::collections::HashMap;
use std::ops::Range;

/// Floats a block hands over per checkpoint: sum, square, min and -max of each quantity.
pub(super) const SLOTS: u64 = 4 * QUANTITIES as u64;
/// Budget where the user gives none: on a software adapter it is the host's own memory.
const SOFTWARE_BUDGET_BYTES: u64 = 64 << 20;
const HARDWARE_BUDGET_BYTES: u64 = 1 << 30;
/// No tile is larger: a dispatch stays short, and 32-bit indices suffice.
const MAX_TILE_CELLS: u64 = 1 << 24;

/// What a job needs per tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Footprint {
    classes: u64,
    checkpoints: u64,
    counters: u64,
}

impl Footprint {
    pub fn new(job: &Job) -> Footprint {
        Footprint {
            classes: job.material.classes.len().max(1) as u64,
            checkpoints: job.times_s.len() as u64,
            counters: counters(job.bins.count) as u64,
        }
    }

    /// Bytes of the largest single buffer of a tile of so many cells.
    fn largest_bytes(&self, cells: u64) -> u64 {
        (self.classes.max(3) * cells * 4).max(self.partials_bytes(cells)).max(self.counts_bytes())
    }

    pub fn partials_bytes(&self, cells: u64) -> u64 {
        cells.div_ceil(BLOCK_CELLS) * self.checkpoints * SLOTS * 4
    }

    pub fn sums_bytes(&self, cells: u64) -> u64 {
        cells.div_ceil(CHUNK_CELLS) * self.checkpoints * SLOTS * 4
    }

    pub fn counts_bytes(&self) -> u64 {
        self.checkpoints * self.counters * 4
    }

    /// Bytes of a whole tile; sums and counts are there twice, for the read-back.
    pub fn bytes(&self, cells: u64) -> u64 {
        (self.classes + 3) * cells * 4 + self.partials_bytes(cells) + 2 * (self.sums_bytes(cells) + self.counts_bytes())
    }

    /// Cells of a tile within a budget and the device's limits, a whole number of chunks.
    pub fn tile_cells(&self, device: &Device, budget_bytes: Option<u64>) -> Result<u64, BackendError> {
        let default = if device.identity.software { SOFTWARE_BUDGET_BYTES } else { HARDWARE_BUDGET_BYTES };
        let budget = budget_bytes.unwrap_or(default);
        let binding = device.limits.max_storage_buffer_binding_size.min(device.limits.max_buffer_size);
        let fits = |cells: u64| self.bytes(cells) <= budget && self.largest_bytes(cells) <= binding;
        let (mut low, mut high) = (0, MAX_TILE_CELLS / CHUNK_CELLS);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if fits(middle * CHUNK_CELLS) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        if low == 0 {
            return Err(BackendError::Budget {
                budget_mib: budget.min(binding) >> 20,
                needed_mib: self.bytes(CHUNK_CELLS).div_ceil(1 << 20),
                least_cells: CHUNK_CELLS,
            });
        }
        Ok(low * CHUNK_CELLS)
    }
}

/// The buffers of a tile, by name.
pub(super) struct Workspace {
    pub buffers: HashMap<&'static str, wgpu::Buffer>,
}

impl Workspace {
    /// Makes the buffers for tiles of up to `cells` cells; `traced` adds the one that reads every cell.
    pub fn new(device: &Device, job: &Job, tables: &Tables, cells: u64, traced: bool) -> Result<Workspace, String> {
        let footprint = Footprint::new(job);
        device.scoped(|| {
            let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
            let empty = |label: &'static str, size: u64, usage| {
                device.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some(label),
                    size: size.max(16),
                    usage,
                    mapped_at_creation: false,
                })
            };
            let filled =
                |label: &'static str, contents: &[u8]| device::filled(&device.device, &device.queue, label, contents);
            let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let mut buffers = HashMap::from([
                ("params", empty("params", size_of::<layout::Params>() as u64, uniform)),
                ("classes", filled("classes", bytemuck::cast_slice(&layout::classes(tables)))),
                ("segments", filled("segments", bytemuck::cast_slice(&layout::segments(tables)))),
                ("visits", filled("visits", bytemuck::cast_slice(&layout::visits(tables)))),
                ("nominal", filled("nominal", bytemuck::cast_slice(&layout::nominal(tables)))),
                ("variation", empty("variation", 3 * cells * 4, storage)),
                ("occupancy", empty("occupancy", footprint.classes * cells * 4, storage)),
                ("most_ticks", empty("most_ticks", 16, storage)),
            ]);
            if traced {
                buffers.insert("cells", empty("cells", cells * footprint.checkpoints * QUANTITIES as u64 * 4, storage));
            } else {
                buffers.insert("partials", empty("partials", footprint.partials_bytes(cells), storage));
                buffers.insert("sums", empty("sums", footprint.sums_bytes(cells), storage));
                buffers.insert("counts", empty("counts", footprint.counts_bytes(), storage));
            }
            Workspace { buffers }
        })
    }
}

/// Cuts a list into runs whose summed cost, with `start` per run, stays within [`MAX_LOOPS`]; a cut may come only where
/// `may_start` allows.
fn cut(count: usize, start: u64, cost: impl Fn(usize) -> u64, may_start: impl Fn(usize) -> bool) -> Vec<Range<u32>> {
    let mut runs = Vec::new();
    let (mut first, mut last_start, mut total, mut since_start) = (0, 0, start, 0);
    for i in 0..count {
        if may_start(i) {
            last_start = i;
            since_start = 0;
        }
        let more = cost(i);
        if total + more > MAX_LOOPS && last_start > first {
            runs.push(first as u32..last_start as u32);
            first = last_start;
            total = start + since_start;
        }
        total += more;
        since_start += more;
    }
    if first < count {
        runs.push(first as u32..count as u32);
    }
    runs
}

/// The dispatches of a programming: ranges of segments.
pub(super) fn program_runs(tables: &Tables) -> Vec<Range<u32>> {
    if tables.cell.segments.is_empty() {
        return Vec::new();
    }
    let cost = |i: usize| source::program_loops(tables.cell.classes, &tables.cell.segments[i]);
    cut(tables.cell.segments.len(), source::program_start_loops(tables.cell.classes), cost, |_| true)
}

/// The dispatches of a bake: ranges of visits, each beginning with a direct one.
pub(super) fn bake_runs(tables: &Tables) -> Vec<Range<u32>> {
    let cost = |_| source::visit_loops(tables.cell.classes);
    cut(tables.visits.len(), source::bake_start_loops(tables.cell.classes), cost, |i| tables.visits[i].direct)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_cover_everything_once_and_stay_in_budget() {
        let cost = |i: usize| 1000 + (i as u64 * 37) % 500;
        let runs = cut(1000, 16, cost, |i| i % 7 == 0);
        assert_eq!(runs.first().map(|r| r.start), Some(0));
        assert_eq!(runs.last().map(|r| r.end), Some(1000));
        for pair in runs.windows(2) {
            assert_eq!(pair[0].end, pair[1].start);
            assert_eq!(pair[1].start % 7, 0);
        }
        for run in &runs {
            let total: u64 = 16 + run.clone().map(|i| cost(i as usize)).sum::<u64>();
            assert!(total <= MAX_LOOPS, "{total}");
        }
    }
}
