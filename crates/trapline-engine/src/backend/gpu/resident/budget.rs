//! What cells take of a device's memory, and whether its budget has room for more.

use crate::backend::BackendError;
use crate::backend::cells::Population;
use crate::backend::gpu::Gpu;
use crate::backend::gpu::layout::{self, Params};
use crate::backend::gpu::recovery::lock;
use crate::backend::gpu::tile::{BufferSpec, Bytes, Resources, most_trials};
use crate::backend::tables::CellTables;
use std::sync::atomic::Ordering;

/// What a population takes. Without traps the shaders still have one class, which holds nothing.
pub(super) fn resources_of(population: &Population) -> Resources {
    let classes = population.classes().max(1) as u64;
    let counted = population.is_counted();
    let state = classes * if counted { 3 } else { 1 };
    let per_cell = |bytes| Bytes { per_cell: bytes, ..Bytes::default() };
    let fixed = |bytes: usize| Bytes { fixed: bytes as u64, ..Bytes::default() };
    Resources {
        classes: population.classes(),
        // Compiled when they are first used.
        kernels: Vec::new(),
        buffers: vec![
            BufferSpec::empty("params", fixed(size_of::<Params>())),
            BufferSpec::empty("classes", fixed(classes as usize * size_of::<layout::ClassRow>())),
            // Numbers of the cells, places among them, biases and temperatures.
            BufferSpec::empty("cell_numbers", per_cell(20)),
            BufferSpec::empty("factors", per_cell(12)),
            BufferSpec::read_back("occupancy", per_cell(4 * state)),
        ],
        unit: 1,
        most_cells: u64::from(u32::MAX) / 16,
        most_trials: if counted { most_trials(&CellTables::of(&population.stimulus(300.0, &[]))) } else { 0 },
    }
}

/// Whether the device's budget holds so many more cells.
pub(super) fn fits(gpu: &Gpu, population: &Population) -> Result<bool, BackendError> {
    let (resources, count) = (resources_of(population), population.numbers.len() as u64);
    let mut slot = lock(&gpu.device);
    let device = gpu.sound(&mut slot)?;
    Ok(resources.holds(device, gpu.budget_bytes, count, gpu.resident_bytes.load(Ordering::Relaxed)))
}
