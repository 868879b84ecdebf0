//! What an operation keeps on the device, how many cells of it fit, and the buffers of one tile.
//!
//! A tile of statistics is a whole number of chunks, so that blocks and chunks are the same cells in every tiling.

use super::device::{self, Device};
use super::layout::{self, ClassRow, SLOTS};
use super::random;
use super::recovery::Failed;
use super::source::{self, Kernel};
use crate::backend::BackendError;
use crate::backend::tables::{CellTables, Tables};
use crate::backend::tally::{BLOCK_CELLS, CHUNK_CELLS, counters};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use trapline_model::cell::read::QUANTITIES;

/// Budget where the user gives none: on a software adapter it is the host's own memory.
const SOFTWARE_BUDGET_BYTES: u64 = 64 << 20;
const HARDWARE_BUDGET_BYTES: u64 = 1 << 30;
/// No tile is larger: 32-bit indices suffice, and of four numbers a cell too.
const MAX_TILE_CELLS: u64 = 1 << 24;
/// Bytes of cells read one by one that come back at once: they are on the host as well.
const TRACE_BYTES: u64 = 64 << 20;
/// Shaders count a buffer's bytes in 32 bits (on Metal its length is handed over so).
const MAX_BUFFER_BYTES: u64 = u32::MAX as u64 & !255;

/// How a buffer's bytes follow from the cells of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bytes {
    pub fixed: u64,
    pub per_cell: u64,
    pub per_block: u64,
    pub per_chunk: u64,
}

impl Bytes {
    fn of(&self, cells: u64) -> u64 {
        let Bytes { fixed, per_cell, per_block, per_chunk } = self;
        // No buffer may be empty.
        (fixed + per_cell * cells + per_block * cells.div_ceil(BLOCK_CELLS) + per_chunk * cells.div_ceil(CHUNK_CELLS))
            .max(16)
    }
}

/// A buffer that an operation needs: its name, its size and what is in it at the start.
#[derive(Debug)]
pub(super) struct BufferSpec {
    /// As in [`layout::BINDINGS`].
    pub name: &'static str,
    pub bytes: Bytes,
    /// What it holds from the start; it is as long as this.
    pub given: Option<Vec<u8>>,
    /// Whether it is copied to the host, which takes its size once more.
    pub read_back: bool,
}

impl BufferSpec {
    pub fn empty(name: &'static str, bytes: Bytes) -> BufferSpec {
        BufferSpec { name, bytes, given: None, read_back: false }
    }

    pub fn read_back(name: &'static str, bytes: Bytes) -> BufferSpec {
        BufferSpec { read_back: true, ..BufferSpec::empty(name, bytes) }
    }

    /// A buffer of rows, at least one.
    pub fn given<T: bytemuck::NoUninit>(name: &'static str, rows: &[T]) -> BufferSpec {
        let given = bytemuck::cast_slice(rows).to_vec();
        BufferSpec {
            given: Some(given),
            ..BufferSpec::empty(name, Bytes { fixed: size_of_val(rows) as u64, ..Bytes::default() })
        }
    }

    fn device_bytes(&self, cells: u64) -> u64 {
        self.bytes.of(cells) * if self.read_back { 2 } else { 1 }
    }
}

/// The kernels and the buffers of an operation, and how its cells are cut into tiles.
#[derive(Debug)]
pub(super) struct Resources {
    pub classes: usize,
    pub kernels: Vec<Kernel>,
    pub buffers: Vec<BufferSpec>,
    /// A tile is a whole number of so many cells.
    pub unit: u64,
    /// Most cells of a tile.
    pub most_cells: u64,
    /// Most trials of the counts that are drawn; 0 where nothing is counted.
    pub most_trials: u32,
}

/// Rows of the state of a cell: occupancies; or electrons, dots, and electrons left in the bake.
pub(super) fn state_rows(cell: &CellTables) -> usize {
    cell.classes.max(1) * if cell.electrons.are_counted() { 3 } else { 1 }
}

/// Most trials of the counts that cells draw; 0 where nothing is counted.
pub(super) fn most_trials(cell: &CellTables) -> u32 {
    if cell.electrons.are_counted() { cell.most_trials.max(1) } else { 0 }
}

impl Resources {
    /// What materials and their segments take, whatever is done with the cells.
    pub fn of_cells(cell: &CellTables, classes: &[ClassRow], kernels: &[Kernel]) -> Resources {
        let params = Bytes { fixed: size_of::<layout::Params>() as u64, ..Bytes::default() };
        Resources {
            classes: cell.classes,
            kernels: kernels.to_vec(),
            buffers: vec![
                BufferSpec::empty("params", params),
                BufferSpec::given("classes", classes),
                BufferSpec::given("segments", &layout::segments(cell)),
            ],
            unit: CHUNK_CELLS,
            most_cells: MAX_TILE_CELLS,
            most_trials: most_trials(cell),
        }
    }

    /// What cells that are drawn and programmed take as well.
    fn of_programmed(tables: &Tables, kernels: &[Kernel]) -> Resources {
        let per_cell = |floats: usize| Bytes { per_cell: 4 * floats as u64, ..Bytes::default() };
        let mut resources = Resources::of_cells(&tables.cell, &layout::job_classes(tables), kernels);
        resources.buffers.push(BufferSpec::empty("factors", per_cell(3)));
        resources.buffers.push(BufferSpec::empty("occupancy", per_cell(state_rows(&tables.cell))));
        resources
    }

    /// What the statistics of a job need.
    pub fn of_statistics(tables: &Tables) -> Resources {
        let mut resources = Resources::of_programmed(tables, &source::of_statistics(tables));
        let checkpoints = tables.nominal.len() as u64;
        let slots = checkpoints * SLOTS * 4;
        let flags = if tables.readings.is_some_and(|readings| readings.first) { 4 * BLOCK_CELLS } else { 0 };
        resources.buffers.extend([
            BufferSpec::given("visits", &tables.visit_rows),
            BufferSpec::given("nominal", &tables.nominal),
            // Which cells have failed comes behind them.
            BufferSpec::empty("partials", Bytes { per_block: slots + flags, ..Bytes::default() }),
            BufferSpec::read_back("sums", Bytes { per_chunk: slots, ..Bytes::default() }),
            BufferSpec::read_back(
                "counts",
                Bytes { fixed: checkpoints * counters(tables.bins as usize) as u64 * 4, ..Bytes::default() },
            ),
        ]);
        resources
    }

    /// What listed cells take as well, to be asked for its size: a copy of the tables of random numbers with their
    /// numbers behind it.
    pub fn listed(mut self) -> Resources {
        let bytes = Bytes { fixed: random::bytes(self.most_trials), per_cell: 8, ..Bytes::default() };
        self.buffers.push(BufferSpec::empty("normal_table", bytes));
        self
    }

    /// What it takes to read cells one by one.
    pub fn of_trace(tables: &Tables) -> Resources {
        let mut resources = Resources::of_programmed(tables, &source::of_trace(tables));
        let per_cell = (tables.nominal.len() * QUANTITIES * 4) as u64;
        resources.unit = BLOCK_CELLS;
        resources.most_cells = (TRACE_BYTES / per_cell / BLOCK_CELLS).max(1) * BLOCK_CELLS;
        resources.buffers.extend([
            BufferSpec::given("visits", &tables.visit_rows),
            BufferSpec::read_back("cells", Bytes { per_cell, ..Bytes::default() }),
        ]);
        resources
    }

    /// Adds the buffer the loop-counting variants of kernels report to.
    pub fn counting(mut self) -> Resources {
        self.buffers.push(BufferSpec::read_back(layout::TICKS, Bytes::default()));
        self
    }

    /// Bytes of a whole tile, less those of the tables of random numbers, which the device has once.
    pub fn bytes(&self, cells: u64) -> u64 {
        self.buffers.iter().map(|buffer| buffer.device_bytes(cells)).sum()
    }

    /// Bytes of a whole tile, with all that is there once.
    fn bytes_in_all(&self, cells: u64) -> u64 {
        self.bytes(cells) + random::bytes(self.most_trials)
    }

    fn largest_bytes(&self, cells: u64) -> u64 {
        self.buffers.iter().map(|buffer| buffer.bytes.of(cells)).fold(random::bytes(self.most_trials), u64::max)
    }

    /// Bytes of a buffer of a tile, as a read-back wants them.
    pub fn wanted(&self, name: &'static str, cells: u64) -> (&'static str, u64) {
        let bytes = self.buffers.iter().find(|buffer| buffer.name == name).map_or(0, |buffer| buffer.bytes.of(cells));
        (name, bytes)
    }

    /// Whether a budget, of which `taken` bytes are in use, and the device's limits hold so many cells.
    pub fn holds(&self, device: &Device, budget_bytes: Option<u64>, cells: u64, taken: u64) -> bool {
        let budget = budget_bytes.unwrap_or(Self::default_budget(device)).saturating_sub(taken);
        let binding = device.limits.max_storage_buffer_binding_size.min(device.limits.max_buffer_size);
        cells <= self.most_cells
            && self.bytes_in_all(cells) <= budget
            && self.largest_bytes(cells) <= binding.min(MAX_BUFFER_BYTES)
    }

    fn default_budget(device: &Device) -> u64 {
        if device.identity.software { SOFTWARE_BUDGET_BYTES } else { HARDWARE_BUDGET_BYTES }
    }

    /// Cells of a tile within a budget and the device's limits.
    pub fn tile_cells(&self, device: &Device, budget_bytes: Option<u64>) -> Result<u64, BackendError> {
        let binding = device.limits.max_storage_buffer_binding_size.min(device.limits.max_buffer_size);
        self.cells_within(budget_bytes.unwrap_or(Self::default_budget(device)), binding)
    }

    fn cells_within(&self, budget: u64, binding: u64) -> Result<u64, BackendError> {
        let binding = binding.min(MAX_BUFFER_BYTES);
        let fits = |cells: u64| self.bytes_in_all(cells) <= budget && self.largest_bytes(cells) <= binding;
        let (mut low, mut high) = (0, self.most_cells / self.unit);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if fits(middle * self.unit) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        if low == 0 {
            return Err(BackendError::Budget {
                budget_mib: budget.min(binding) >> 20,
                needed_mib: self.bytes_in_all(self.unit).div_ceil(1 << 20),
                least_cells: self.unit,
            });
        }
        Ok(low * self.unit)
    }
}

/// The buffers of a tile, by name.
pub(super) struct Workspace {
    pub buffers: HashMap<&'static str, wgpu::Buffer>,
    /// The tables of random numbers, which are the device's; none once the memory is freed.
    pub random: Option<wgpu::Buffer>,
    /// What was read back so far came through these, by the name of its source.
    pub staging: RefCell<HashMap<&'static str, wgpu::Buffer>>,
    /// Kernels (by name, and whether they count loops) bound to the buffers.
    pub groups: RefCell<HashMap<(&'static str, bool), wgpu::BindGroup>>,
    pub pace: Pace,
}

/// How far the host is ahead of the device.
#[derive(Default)]
pub(super) struct Pace {
    /// Dispatches submitted since the last one that was waited for.
    pub submitted: Cell<u32>,
    /// Last submission of the batch before.
    pub batch: Cell<Option<wgpu::SubmissionIndex>>,
}

impl Workspace {
    /// Makes the buffers for tiles of up to `cells` cells; `too_large` asks for one more than the device can have,
    /// for tests.
    pub fn new(device: &Device, resources: &Resources, cells: u64, too_large: bool) -> Result<Workspace, String> {
        let random = device.random.up_to(device, resources.most_trials)?;
        device.scoped(|| {
            let empty = |label: &'static str, size: u64| {
                let kind = if label == "params" { wgpu::BufferUsages::UNIFORM } else { wgpu::BufferUsages::STORAGE };
                device.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some(label),
                    size,
                    usage: kind | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                })
            };
            if too_large {
                let _ = empty("too large", device.limits.max_buffer_size.saturating_add(4) & !3);
            }
            let make = |buffer: &BufferSpec| match &buffer.given {
                Some(contents) => device::filled(&device.device, &device.queue, buffer.name, contents),
                None => empty(buffer.name, buffer.bytes.of(cells)),
            };
            let buffers = resources.buffers.iter().map(|buffer| (buffer.name, make(buffer))).collect();
            Workspace {
                buffers,
                random: Some(random),
                staging: RefCell::default(),
                groups: RefCell::default(),
                pace: Pace::default(),
            }
        })
    }

    /// Frees the device's memory.
    pub fn free(&mut self) {
        self.groups.get_mut().clear();
        self.buffers.drain().for_each(|(_, buffer)| buffer.destroy());
        self.staging.get_mut().drain().for_each(|(_, buffer)| buffer.destroy());
        // Not destroyed: it is of others too. But a device lives as long as anything refers to it.
        self.random = None;
    }

    /// Frees a buffer that one call alone needed.
    pub fn drop_buffer(&mut self, name: &'static str) {
        if let Some(buffer) = self.buffers.remove(name) {
            self.groups.get_mut().clear();
            buffer.destroy();
        }
    }

    /// Makes some of a plan's buffers, for so many cells, with what they hold from the start.
    pub fn make(
        &mut self,
        device: &Device,
        plan: &Resources,
        names: &[&'static str],
        cells: u64,
    ) -> Result<(), Failed> {
        for buffer in plan.buffers.iter().filter(|buffer| names.contains(&buffer.name)) {
            self.made(device, buffer.name, buffer.bytes.of(cells), wgpu::BufferUsages::STORAGE)?;
            if let (Some(contents), Some(made)) = (&buffer.given, self.buffers.get(buffer.name)) {
                device.queue.write_buffer(made, 0, contents);
            }
        }
        Ok(())
    }

    /// Sees to it that there is a buffer of constants of so many bytes.
    pub fn uniform(&mut self, device: &Device, name: &'static str, bytes: u64) -> Result<(), Failed> {
        self.made(device, name, bytes, wgpu::BufferUsages::UNIFORM)
    }

    /// Sees to it that a buffer has so many bytes at least; what it held is lost where it is made anew.
    pub fn reserve(&mut self, device: &Device, name: &'static str, bytes: u64) -> Result<(), Failed> {
        // More than is wanted now: a list that grows by one each time is not made anew each time.
        self.made(device, name, bytes, wgpu::BufferUsages::STORAGE)
    }

    fn made(
        &mut self,
        device: &Device,
        name: &'static str,
        bytes: u64,
        kind: wgpu::BufferUsages,
    ) -> Result<(), Failed> {
        if self.buffers.get(name).is_some_and(|buffer| buffer.size() >= bytes) {
            return Ok(());
        }
        let made = device.scoped(|| {
            device.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(name),
                size: bytes.next_power_of_two().max(256),
                usage: kind | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        self.buffers.insert(name, made.map_err(Failed::at("allocation"))?);
        self.groups.get_mut().clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(buffers: Vec<BufferSpec>) -> Resources {
        Resources {
            classes: 1,
            kernels: Vec::new(),
            buffers,
            unit: CHUNK_CELLS,
            most_cells: MAX_TILE_CELLS,
            most_trials: 0,
        }
    }

    #[test]
    fn everything_counts_towards_the_budget() {
        let cells = Bytes { per_cell: 4, ..Bytes::default() };
        let mib = 1 << 20;
        let of = |buffers, budget| resources(buffers).cells_within(budget, u64::MAX).map_err(|e| e.to_string());
        assert_eq!(of(vec![BufferSpec::empty("factors", cells)], mib), Ok(mib / 4));
        assert_eq!(of(vec![BufferSpec::read_back("cells", cells)], mib), Ok(mib / 8));
        // A long protocol's table is memory too.
        let table = BufferSpec::given("segments", &vec![0u8; mib as usize / 2]);
        assert_eq!(of(vec![BufferSpec::empty("factors", cells), table], mib), Ok(mib / 8));
        let table = BufferSpec::given("segments", &vec![0u8; mib as usize]);
        assert!(of(vec![BufferSpec::empty("factors", cells), table], mib).is_err());
    }

    #[test]
    fn no_buffer_outgrows_32_bits_whatever_the_budget() {
        // Sixteen classes, and a device that binds anything: without a cap this would be 16 GiB.
        let cells = Bytes { per_cell: 1024, ..Bytes::default() };
        let found =
            resources(vec![BufferSpec::empty("occupancy", cells)]).cells_within(u64::MAX, u64::MAX).expect("fits");
        assert!(found * 1024 <= u64::from(u32::MAX) && (found + CHUNK_CELLS) * 1024 > MAX_BUFFER_BYTES, "{found}");
    }
}
