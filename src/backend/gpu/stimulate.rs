//! A stimulus on the device. The state is the caller's: occupancies go up, and come back with the responses.

use super::device::{self, Device};
use super::layout;
use super::tile::{self, Workspace};
use super::{Fault, Gpu, TileResult, source};
use crate::array::CellSet;
use crate::backend::BackendError;
use crate::backend::stimulus::{self, RESPONSE_QUANTITIES, Response, Stimulus};
use crate::backend::tables::CellTables;
use ndarray::{Array2, s};
use std::collections::HashMap;

/// Bytes of responses and occupancies worked on at once, where the device allows.
const PIECE_BYTES: u64 = 64 << 20;

/// What a piece hands back: occupancies (class, cell) and responses (row, quantity, cell), flat.
type Found = (Vec<f32>, Vec<f32>);

/// See [`crate::backend::Backend::stimulate`].
pub(super) fn stimulate(
    gpu: &Gpu,
    stimulus: &Stimulus,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
) -> Result<Response, BackendError> {
    stimulus::check(stimulus, cells, occupancy)?;
    let tables = CellTables::of(stimulus);
    let mut device = gpu.sound_device()?;
    let per_cell = 4 * (stimulus.rows * RESPONSE_QUANTITIES + tables.classes.max(1) + 2) as u64;
    let limit = gpu.budget_bytes.unwrap_or(PIECE_BYTES).min(device.limits.max_storage_buffer_binding_size);
    let mut piece = (limit / per_cell).clamp(1, cells.len().max(1) as u64) as usize;
    let mut after = occupancy.clone();
    let mut response = Response::unwritten(stimulus.rows, cells.len());
    let (mut first, mut number, mut retried) = (0, 0, false);
    while first < cells.len() {
        let range = first..cells.len().min(first + piece);
        match run(
            gpu,
            &device,
            stimulus,
            &tables,
            &cells[range.clone()],
            &occupancy.slice(s![range.clone(), ..]).to_owned(),
        )? {
            Ok(found) => {
                write(&found, range.start, range.len(), &mut after, &mut response);
                first = range.end;
                number += 1;
                retried = false;
            }
            Err((stage, reason)) => {
                if retried {
                    let set = CellSet { first: cells[first], width: 1, stride: 0, count: 1 };
                    return Err(gpu.tile_error(&device.identity, number, &set, stage, reason));
                }
                tracing::warn!(
                    "{stage} failed in piece {number} of a stimulus, trying once more on fewer cells: {reason}"
                );
                retried = true;
                piece = (piece / 2).max(1);
                *device = Device::open(&gpu.adapter)?;
            }
        }
    }
    *occupancy = after;
    Ok(response)
}

impl Gpu {
    /// As [`Gpu::count_loops`], for a stimulus of one cell.
    ///
    /// # Errors
    /// As [`crate::backend::Backend::stimulate`].
    pub fn count_stimulus_loops(&self, stimulus: &Stimulus) -> Result<(u64, u64), BackendError> {
        let tables = CellTables::of(stimulus);
        let device = self.sound_device()?;
        let fail = |(stage, reason)| self.tile_error(&device.identity, 0, &CellSet::run(0, 1), stage, reason);
        let empty = Array2::zeros((1, stimulus.material.classes.len()));
        let work = Buffers::new(&device, stimulus, &tables, &[0], &empty).map_err(fail)?;
        let mut most = (0, 0);
        let mut params = layout::Params { count: 1, ..layout::cell_params(stimulus.seed, &tables) };
        for range in tile::stimulate_runs(&tables) {
            (params.first_segment, params.last_segment) = (range.start, range.end);
            device.queue.write_buffer(&work.workspace.buffers["most_ticks"], 0, &[0; 16]);
            self.dispatch(&device, &work.workspace, &source::STIMULATE, tables.classes, &params, true)?;
            let back = device
                .download(&[(&work.workspace.buffers["most_ticks"], 4)])
                .map_err(|reason| fail(("read-back", reason)))?;
            let counted = back[0].first_chunk::<4>().map_or(u64::MAX, |b| u64::from(u32::from_le_bytes(*b)));
            let segments = &tables.segments[range.start as usize..range.end as usize];
            let reckoned = source::stimulate_start_loops(tables.classes)
                + segments.iter().map(|s| source::stimulate_loops(tables.classes, s)).sum::<u64>();
            most = (most.0.max(counted), most.1.max(reckoned));
        }
        Ok(most)
    }
}

/// The buffers of a piece, and the bytes of what comes back.
struct Buffers {
    workspace: Workspace,
    state_bytes: u64,
    response_bytes: u64,
}

impl Buffers {
    fn new(
        device: &Device,
        stimulus: &Stimulus,
        tables: &CellTables,
        cells: &[u64],
        occupancy: &Array2<f64>,
    ) -> TileResult<Buffers> {
        let count = cells.len();
        let numbers: Vec<u32> = cells.iter().flat_map(|&n| [n as u32, (n >> 32) as u32]).collect();
        let state: Vec<f32> = occupancy.t().iter().map(|f| *f as f32).collect();
        // Without traps the shader still has one class, which holds nothing; without rows a buffer still has a size.
        let state_bytes = (tables.classes.max(1) * count * 4) as u64;
        let response_bytes = ((stimulus.rows * RESPONSE_QUANTITIES * count * 4) as u64).max(16);
        let made = device.scoped(|| {
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
            let buffers = HashMap::from([
                ("params", empty("params", size_of::<layout::Params>() as u64, uniform)),
                ("classes", filled("classes", bytemuck::cast_slice(&layout::classes(tables)))),
                ("segments", filled("segments", bytemuck::cast_slice(&layout::segments(tables)))),
                ("cell_numbers", filled("cell_numbers", bytemuck::cast_slice(&numbers))),
                // New buffers are zero, and responses are added to.
                ("occupancy", empty("occupancy", state_bytes, storage)),
                ("responses", empty("responses", response_bytes, storage)),
                ("most_ticks", empty("most_ticks", 16, storage)),
            ]);
            device.queue.write_buffer(&buffers["occupancy"], 0, bytemuck::cast_slice(&state));
            Workspace { buffers }
        });
        let workspace = made.map_err(|reason| ("allocation", reason))?;
        Ok(Buffers { workspace, state_bytes, response_bytes })
    }
}

/// Computes one piece.
fn run(
    gpu: &Gpu,
    device: &Device,
    stimulus: &Stimulus,
    tables: &CellTables,
    cells: &[u64],
    occupancy: &Array2<f64>,
) -> Result<TileResult<Found>, BackendError> {
    let work = match Buffers::new(device, stimulus, tables, cells, occupancy) {
        Ok(work) => work,
        Err(failed) => return Ok(Err(failed)),
    };
    let mut params = layout::Params { count: cells.len() as u32, ..layout::cell_params(stimulus.seed, tables) };
    for range in tile::stimulate_runs(tables) {
        (params.first_segment, params.last_segment) = (range.start, range.end);
        gpu.dispatch(device, &work.workspace, &source::STIMULATE, tables.classes, &params, false)?;
    }
    if gpu.fault(Fault::Lost) {
        device.device.destroy();
    }
    let buffers = &work.workspace.buffers;
    let wanted = [(&buffers["occupancy"], work.state_bytes), (&buffers["responses"], work.response_bytes)];
    Ok(device
        .download(&wanted)
        .map_err(|reason| ("read-back", reason))
        .map(|bytes| (bytemuck::pod_collect_to_vec(&bytes[0]), bytemuck::pod_collect_to_vec(&bytes[1]))))
}

/// Puts a piece in its place.
fn write((state, responses): &Found, first: usize, count: usize, occupancy: &mut Array2<f64>, response: &mut Response) {
    for k in 0..occupancy.ncols() {
        for i in 0..count {
            occupancy[[first + i, k]] = f64::from(state[k * count + i]);
        }
    }
    for (quantity, array) in response.arrays().into_iter().enumerate() {
        for row in 0..array.nrows() {
            let start = (row * RESPONSE_QUANTITIES + quantity) * count;
            for i in 0..count {
                array[[row, first + i]] = f64::from(responses[start + i]);
            }
        }
    }
}
