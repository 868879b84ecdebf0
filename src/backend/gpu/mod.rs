//! The GPU backend: WGSL compute shaders through wgpu (Vulkan, Metal, DX12). The only room that knows wgpu.
//!
//! # Practice
//! The array is worked off in tiles of whole chunks (`tile`). A tile is drawn, programmed in as many dispatches as
//! its loops need, baked, and reduced to sums per chunk and integer counters; only these come back.
//! State lives in the tile's buffers and is not kept. Kernels need no optional feature. A kernel `x` is `shaders/x.wgsl`;
//! its CPU twin is `backend/cpu/x.rs`.
//!
//! A tile that fails is tried once more, on a device opened afresh and on half the cells; nothing of a tile is merged
//! before all of it has come back.

mod adapters;
mod device;
pub mod layout;
pub mod source;
mod tile;

pub use adapters::{AdapterReport, adapters};

use super::job::{Job, QUANTITIES};
use super::tables::{Tables, round_to_f32};
use super::tally::{BLOCK_CELLS, CHUNK_CELLS, Partial, Tally};
use super::{Backend, BackendError, Progress, Trace};
use crate::array::CellSet;
use crate::outcome::Identity;
use device::Device;
use layout::Params;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tile::{Footprint, SLOTS, Workspace};

/// A failure tests can ask for: the real paths of errors, without a broken GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The next tile's buffers do not fit.
    OutOfMemory,
    /// The device is destroyed while the next tile runs.
    Lost,
}

/// The f32 backend on a GPU.
#[derive(Debug)]
pub struct Gpu {
    adapter: wgpu::Adapter,
    device: Mutex<Device>,
    budget_bytes: Option<u64>,
    faults: Mutex<Vec<Fault>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A failed tile before its place is known: what was being done, and what was heard.
type TileResult<T> = Result<T, (&'static str, String)>;

/// What a tile hands over.
struct TileSums {
    partials: Vec<f32>,
    counts: Vec<u32>,
}

impl Gpu {
    /// Opens an adapter by part of its name or its number in [`adapters`] (the best one where `None`, software last);
    /// `memory_bytes` bounds what a tile takes of the device's memory.
    ///
    /// # Errors
    /// No adapter, none of this name, or one that cannot be opened.
    pub fn open(adapter: Option<&str>, memory_bytes: Option<u64>) -> Result<Gpu, BackendError> {
        let adapter = adapters::choose(adapter)?;
        let device = Mutex::new(Device::open(&adapter)?);
        Ok(Gpu { adapter, device, budget_bytes: memory_bytes, faults: Mutex::default() })
    }

    /// Makes coming tiles fail, one fault each: for tests.
    #[doc(hidden)]
    pub fn inject(&self, faults: &[Fault]) {
        lock(&self.faults).extend(faults.iter().rev());
    }

    /// Cells of a tile of this job.
    ///
    /// # Errors
    /// A budget too small for one chunk.
    pub fn tile_cells(&self, job: &Job) -> Result<u64, BackendError> {
        Footprint::new(job).tile_cells(&lock(&self.device), self.budget_bytes)
    }

    /// The device, opened afresh where it was lost before.
    fn sound_device(&self) -> Result<MutexGuard<'_, Device>, BackendError> {
        let mut device = lock(&self.device);
        if device.check().is_err() {
            *device = Device::open(&self.adapter)?;
        }
        Ok(device)
    }

    /// Most loop iterations an invocation really takes in any dispatch of a job, counted on the device over the first
    /// cells, and the most the host reckons with: (counted, reckoned).
    ///
    /// # Errors
    /// As [`Backend::statistics`].
    pub fn count_loops(&self, job: &Job) -> Result<(u64, u64), BackendError> {
        let tables = Tables::new(job);
        let device = self.sound_device()?;
        let cells = job.shape.cells().min(BLOCK_CELLS);
        let set = CellSet::run(0, cells);
        let mut most = (0, 0);
        let fail = |(stage, reason)| self.tile_error(&device.identity, 0, &set, stage, reason);
        let work = Workspace::new(&device, job, &tables, cells, false).map_err(|e| fail(("allocation", e)))?;
        let mut params = tile_params(job, &tables, &set);
        self.dispatch(&device, &work, &source::DRAW, tables.cell.classes, &params, false)?;
        let mut count = |kernel: &source::Kernel, params: &Params, reckoned: u64| -> Result<(), BackendError> {
            device.queue.write_buffer(&work.buffers["most_ticks"], 0, &[0; 16]);
            self.dispatch(&device, &work, kernel, tables.cell.classes, params, true)?;
            let back = device.download(&[(&work.buffers["most_ticks"], 4)]).map_err(|e| fail(("read-back", e)))?;
            let counted = back[0].first_chunk::<4>().map_or(u64::MAX, |b| u64::from(u32::from_le_bytes(*b)));
            most = (most.0.max(counted), most.1.max(reckoned));
            Ok(())
        };
        for run in tile::program_runs(&tables) {
            (params.first_segment, params.last_segment) = (run.start, run.end);
            let segments = &tables.cell.segments[run.start as usize..run.end as usize];
            let reckoned = source::program_start_loops(tables.cell.classes)
                + segments.iter().map(|s| source::program_loops(tables.cell.classes, s)).sum::<u64>();
            count(&source::PROGRAM, &params, reckoned)?;
        }
        for run in tile::bake_runs(&tables) {
            (params.first_visit, params.last_visit) = (run.start, run.end);
            let reckoned = source::bake_start_loops(tables.cell.classes)
                + u64::from(run.end - run.start) * source::visit_loops(tables.cell.classes);
            count(&source::BAKE, &params, reckoned)?;
        }
        Ok(most)
    }

    fn tile_error(
        &self,
        identity: &Identity,
        tile: u64,
        cells: &CellSet,
        stage: &'static str,
        reason: String,
    ) -> BackendError {
        let (first, last) = (cells.number(0), cells.number(cells.count.saturating_sub(1)));
        BackendError::Device { adapter: identity.adapter.clone(), stage, tile, first, last, reason }
    }

    /// Submits one kernel over a tile.
    fn dispatch(
        &self,
        device: &Device,
        work: &Workspace,
        kernel: &source::Kernel,
        classes: usize,
        params: &Params,
        count_loops: bool,
    ) -> Result<(), BackendError> {
        let pipeline = device.pipeline(kernel, classes, count_loops)?;
        let entries: Vec<_> = pipeline
            .buffers
            .iter()
            .map(|(number, name)| wgpu::BindGroupEntry {
                binding: *number,
                resource: work.buffers.get(name).unwrap_or(&device.normal_table).as_entire_binding(),
            })
            .collect();
        let group = device.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &pipeline.layout,
            entries: &entries,
        });
        let invocations = match kernel.name {
            "reduce" => {
                u64::from(params.blocks).div_ceil(CHUNK_CELLS / BLOCK_CELLS) * u64::from(params.checkpoints) * SLOTS
            }
            _ => u64::from(params.count),
        };
        let groups = invocations.div_ceil(BLOCK_CELLS) as u32;
        let across = groups.min(device.limits.max_compute_workgroups_per_dimension);
        device.queue.write_buffer(&work.buffers["params"], 0, bytemuck::bytes_of(params));
        let mut encoder = device.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(across, groups.div_ceil(across), 1);
        }
        device.queue.submit([encoder.finish()]);
        Ok(())
    }

    /// Draws and programs a tile.
    fn prepare(
        &self,
        device: &Device,
        work: &Workspace,
        tables: &Tables,
        params: &mut Params,
    ) -> Result<(), BackendError> {
        self.dispatch(device, work, &source::DRAW, tables.cell.classes, params, false)?;
        for run in tile::program_runs(tables) {
            (params.first_segment, params.last_segment) = (run.start, run.end);
            self.dispatch(device, work, &source::PROGRAM, tables.cell.classes, params, false)?;
        }
        Ok(())
    }

    /// Computes one tile; nothing of it is merged yet.
    fn tile(
        &self,
        device: &Device,
        work: &Workspace,
        job: &Job,
        tables: &Tables,
        cells: &CellSet,
    ) -> Result<TileResult<TileSums>, BackendError> {
        let mut params = tile_params(job, tables, cells);
        let footprint = Footprint::new(job);
        let mut encoder = device.device.create_command_encoder(&Default::default());
        encoder.clear_buffer(&work.buffers["counts"], 0, None);
        device.queue.submit([encoder.finish()]);
        self.prepare(device, work, tables, &mut params)?;
        for run in tile::bake_runs(tables) {
            (params.first_visit, params.last_visit) = (run.start, run.end);
            self.dispatch(device, work, &source::BAKE, tables.cell.classes, &params, false)?;
        }
        self.dispatch(device, work, &source::REDUCE, tables.cell.classes, &params, false)?;
        if self.fault(Fault::Lost) {
            device.device.destroy();
        }
        let wanted = [
            (&work.buffers["sums"], footprint.sums_bytes(cells.count)),
            (&work.buffers["counts"], footprint.counts_bytes()),
        ];
        Ok(device.download(&wanted).map_err(|reason| ("read-back", reason)).map(|bytes| TileSums {
            partials: bytemuck::pod_collect_to_vec(&bytes[0]),
            counts: bytemuck::pod_collect_to_vec(&bytes[1]),
        }))
    }

    /// Takes the next injected fault if it is this one.
    fn fault(&self, fault: Fault) -> bool {
        let mut faults = lock(&self.faults);
        let next = faults.last() == Some(&fault);
        if next {
            faults.pop();
        }
        next
    }

    /// Buffers for tiles of so many cells.
    fn workspace(
        &self,
        device: &Device,
        job: &Job,
        tables: &Tables,
        cells: u64,
        traced: bool,
    ) -> TileResult<Workspace> {
        if self.fault(Fault::OutOfMemory) {
            return Err(("allocation", "out of memory (injected by a test)".to_owned()));
        }
        Workspace::new(device, job, tables, cells, traced).map_err(|reason| ("allocation", reason))
    }
}

/// The parameters of a tile.
fn tile_params(job: &Job, tables: &Tables, cells: &CellSet) -> Params {
    Params {
        first_low: cells.first as u32,
        first_high: (cells.first >> 32) as u32,
        column: 0,
        width: cells.width.min(u64::from(u32::MAX)) as u32,
        stride: cells.stride.min(u64::from(u32::MAX)) as u32,
        count: cells.count as u32,
        blocks: cells.count.div_ceil(BLOCK_CELLS) as u32,
        ..layout::params(job, tables)
    }
}

/// Adds a tile's chunks to the tally, in their order.
fn merge(tally: &mut Tally, sums: &TileSums) {
    let checkpoints = tally.partials.len();
    for chunk in sums.partials.chunks_exact(checkpoints * SLOTS as usize) {
        for (partial, slots) in tally.partials.iter_mut().zip(chunk.chunks_exact(SLOTS as usize)) {
            let mut part = Partial::EMPTY;
            for q in 0..QUANTITIES {
                part.sum[q] = f64::from(slots[q]);
                part.square[q] = f64::from(slots[QUANTITIES + q]);
                part.min[q] = f64::from(slots[2 * QUANTITIES + q]);
                part.max[q] = -f64::from(slots[3 * QUANTITIES + q]);
            }
            partial.add(&part);
        }
    }
    tally.counts.iter_mut().zip(&sums.counts).for_each(|(sum, part)| *sum += u64::from(*part));
}

impl Backend for Gpu {
    fn identity(&self) -> Identity {
        lock(&self.device).identity.clone()
    }

    fn statistics(&self, job: &Job, progress: Progress) -> Result<Tally, BackendError> {
        let tables = Tables::new(job);
        let mut tally = Tally::new(job, round_to_f32);
        let mut device = self.sound_device()?;
        let cells = job.shape.cells();
        let whole = cells.div_ceil(CHUNK_CELLS) * CHUNK_CELLS;
        let mut tile_cells = Footprint::new(job).tile_cells(&device, self.budget_bytes)?.min(whole);
        let (mut first, mut tile, mut retried) = (0, 0, false);
        let mut work: Option<Workspace> = None;
        while first < cells {
            let set = CellSet::run(first, tile_cells.min(cells - first));
            let attempt = match work.take() {
                Some(ready) => Ok(ready),
                None => self.workspace(&device, job, &tables, tile_cells, false),
            };
            let attempt = match attempt {
                Ok(ready) => self.tile(&device, &ready, job, &tables, &set)?.map(|sums| (ready, sums)),
                Err(failed) => Err(failed),
            };
            match attempt {
                Ok((ready, sums)) => {
                    merge(&mut tally, &sums);
                    work = Some(ready);
                    progress(set.count);
                    first += set.count;
                    tile += 1;
                    retried = false;
                }
                Err((stage, reason)) if retried => {
                    return Err(self.tile_error(&device.identity, tile, &set, stage, reason));
                }
                Err((stage, reason)) => {
                    tracing::warn!("{stage} failed in tile {tile}, trying once more on fewer cells: {reason}");
                    retried = true;
                    tile_cells = (tile_cells / 2 / CHUNK_CELLS).max(1) * CHUNK_CELLS;
                    *device = Device::open(&self.adapter)?;
                }
            }
        }
        Ok(tally)
    }

    fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, BackendError> {
        let tables = Tables::new(job);
        let device = self.sound_device()?;
        let checkpoints = job.times_s.len();
        let mut trace = Trace::unwritten(checkpoints, cells.count as usize);
        let per_cell = (checkpoints * QUANTITIES * 4) as u64;
        let limit = device.limits.max_storage_buffer_binding_size.min(64 << 20);
        let piece = (limit / per_cell).clamp(1, cells.count.max(1));
        for (tile, first) in (0..cells.count).step_by(piece as usize).enumerate() {
            let count = piece.min(cells.count - first);
            let fail = |(stage, reason)| {
                let here = CellSet { count: first + count, ..*cells };
                self.tile_error(&device.identity, tile as u64, &here, stage, reason)
            };
            let work = self.workspace(&device, job, &tables, count, true).map_err(fail)?;
            let mut params = tile_params(job, &tables, &CellSet { count, ..*cells });
            let row_start = cells.first + first / cells.width * cells.stride;
            (params.first_low, params.first_high) = (row_start as u32, (row_start >> 32) as u32);
            params.column = (first % cells.width) as u32;
            self.prepare(&device, &work, &tables, &mut params)?;
            for run in tile::bake_runs(&tables) {
                (params.first_visit, params.last_visit) = (run.start, run.end);
                self.dispatch(&device, &work, &source::READ, tables.cell.classes, &params, false)?;
            }
            let bytes = device
                .download(&[(&work.buffers["cells"], count * per_cell)])
                .map_err(|reason| fail(("read-back", reason)))?;
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes[0]);
            let arrays = [&mut trace.conductance, &mut trace.filling, &mut trace.lost, &mut trace.kept];
            for (q, array) in arrays.into_iter().enumerate() {
                for checkpoint in 0..checkpoints {
                    let row = (checkpoint * QUANTITIES + q) * count as usize;
                    for i in 0..count as usize {
                        array[[checkpoint, first as usize + i]] = values[row + i];
                    }
                }
            }
        }
        Ok(trace)
    }
}
