//! A stimulus on the device. The state is the caller's: occupancies go up, and come back with the responses.

use super::dispatch::Running;
use super::layout::{self, Params};
use super::recovery::{Failed, Tile, lock};
use super::source::{Carriers, Driving, Kernel, Numbered};
use super::tile::{BufferSpec, Bytes, Resources, Workspace, state_rows};
use super::{Gpu, runs, source};
use crate::backend::BackendError;
use crate::backend::stimulus::{self, RESPONSE_QUANTITIES, Response, Stimulus};
use crate::backend::tables::CellTables;
use ndarray::{Array2, ArrayView2};
use trapline_model::array::CellSet;

/// Bytes of responses and occupancies worked on at once: they are on the host as well.
pub(super) const PIECE_BYTES: u64 = 64 << 20;

/// What a tile hands back: occupancies (class, cell) and responses (row, quantity, cell), flat.
type Found = (Vec<f32>, Vec<f32>);

/// The kernels that draw listed cells, and move and watch them.
fn kernels_of(tables: &CellTables) -> [Kernel; 2] {
    let carriers = Carriers::of(tables);
    [Kernel::draw(Numbered::Listed, carriers), Kernel::drive(Driving::Recorded, carriers)]
}

/// What a stimulus needs. Without traps the shader still has one class, which holds nothing.
fn resources_of(stimulus: &Stimulus, tables: &CellTables) -> Resources {
    let state = 4 * state_rows(tables) as u64;
    let response = 4 * (stimulus.rows * RESPONSE_QUANTITIES) as u64;
    let per_cell = |bytes| Bytes { per_cell: bytes, ..Bytes::default() };
    let mut resources = Resources::of_cells(tables, &layout::classes(tables), &kernels_of(tables));
    // Many rows make a cell large: nothing here is reduced, so any number of cells will do.
    resources.unit = 1;
    resources.most_cells = (PIECE_BYTES / (state + response)).max(1);
    resources.buffers.extend([
        BufferSpec::empty("cell_numbers", per_cell(8)),
        BufferSpec::empty("factors", per_cell(12)),
        BufferSpec::read_back("occupancy", per_cell(state)),
        BufferSpec::read_back("responses", per_cell(response)),
    ]);
    resources
}

/// See [`crate::backend::Backend::stimulate`].
pub(super) fn stimulate(
    gpu: &Gpu,
    stimulus: &Stimulus,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
) -> Result<Response, BackendError> {
    stimulus::check(stimulus, cells, occupancy)?;
    let tables = CellTables::of(stimulus);
    let resources = resources_of(stimulus, &tables);
    let [draw, drive] = kernels_of(&tables);
    let mut after = occupancy.clone();
    let mut response = Response::unwritten(stimulus.rows, cells.len());
    let places = CellSet::run(0, cells.len() as u64);
    let compute = |running: &Running, tile: &Tile| {
        let range = tile.from as usize..(tile.from + tile.count) as usize;
        let numbers: Vec<u32> = cells[range.clone()].iter().flat_map(|&n| [n as u32, (n >> 32) as u32]).collect();
        running.upload("cell_numbers", bytemuck::cast_slice(&numbers))?;
        // Responses are added to.
        running.clear("responses")?;
        let params = tile.place(layout::cell_params(stimulus.seed, &tables));
        // Drawing empties the cells.
        running.dispatch(&draw, &params, source::draw_loops(&tables))?;
        let given = occupancy.slice(ndarray::s![range, ..]);
        let dots = dots_of(running, &tables, tile.count)?;
        running.upload("occupancy", bytemuck::cast_slice(&state_of(&given, dots.as_deref())))?;
        for run in runs::of_stimulus(&tables, |start| running.loops(tile.count, start)) {
            running.dispatch(&drive, &over(&run, params), run.loops)?;
        }
        let back = running
            .download(&[resources.wanted("occupancy", tile.count), resources.wanted("responses", tile.count)])?;
        let mut state: Vec<f32> = bytemuck::pod_collect_to_vec(&back[0]);
        shares(&mut state, dots.as_deref());
        Ok((state, bytemuck::pod_collect_to_vec(&back[1])))
    };
    let write_tile = |tile: &Tile, found: Found| {
        write(&found, tile.from as usize, tile.count as usize, &mut after, &mut response);
    };
    gpu.in_tiles(&resources, &places, compute, write_tile).map_err(|error| match error {
        // Where they stand in the caller's list says nothing to a reader.
        BackendError::Device { adapter, stage, tile, first, last, reason } => {
            let (first, last) = (cells[first as usize], cells[last as usize]);
            BackendError::Device { adapter, stage, tile, first, last, reason }
        }
        other => other,
    })?;
    *occupancy = after;
    Ok(response)
}

/// Dots of each class of cells that were drawn, where electrons are counted; axes (class, cell), flat.
pub(super) fn dots_of(running: &Running, tables: &CellTables, cells: u64) -> Result<Option<Vec<f32>>, Failed> {
    if !tables.electrons.are_counted() {
        return Ok(None);
    }
    let rows = tables.classes.max(1) * cells as usize;
    let back = running.download(&[("occupancy", 8 * rows as u64)])?;
    let state: Vec<f32> = bytemuck::pod_collect_to_vec(&back[0]);
    Ok(Some(state[rows..].to_vec()))
}

/// What the device holds of occupancies, axes (cell, class): the same, or the nearest numbers of electrons.
pub(super) fn state_of(occupancy: &ArrayView2<f64>, dots: Option<&[f32]>) -> Vec<f32> {
    let shares = occupancy.t();
    let shares = shares.iter();
    match dots {
        None => shares.map(|f| *f as f32).collect(),
        Some(dots) => shares
            .zip(dots)
            .map(|(f, dots)| (f * f64::from(*dots)).round().clamp(0.0, f64::from(*dots)) as f32)
            .collect(),
    }
}

/// Makes occupancies of what the device holds, in its order.
pub(super) fn shares(state: &mut [f32], dots: Option<&[f32]>) {
    for (filled, dots) in state.iter_mut().zip(dots.into_iter().flatten()) {
        *filled = if *dots > 0.0 { *filled / dots } else { 0.0 };
    }
}

fn over(run: &runs::Run, params: Params) -> Params {
    Params { first_segment: run.range.start, last_segment: run.range.end, ..params }
}

impl Gpu {
    /// As [`Gpu::count_loops`], for a stimulus of one cell: (counted, reckoned).
    ///
    /// # Errors
    /// As [`crate::backend::Backend::stimulate`].
    pub fn count_stimulus_loops(&self, stimulus: &Stimulus) -> Result<(u64, u64), BackendError> {
        let tables = CellTables::of(stimulus);
        let resources = resources_of(stimulus, &tables).counting();
        let cells = CellSet::run(0, 1);
        let tile = Tile { cells: &cells, number: 0, from: 0, count: 1 };
        let mut slot = lock(&self.device);
        let device = self.sound(&mut slot)?;
        let count = || -> Result<(u64, u64), Failed> {
            let work = Workspace::new(device, &resources, 1, false).map_err(Failed::at("allocation"))?;
            let running = Running::new(self, device, &work, tables.classes, true);
            let params = tile.place(layout::cell_params(stimulus.seed, &tables));
            let [draw, drive] = kernels_of(&tables);
            running.dispatch(&draw, &params, source::draw_loops(&tables))?;
            let mut most = (0, 0);
            for run in runs::of_stimulus(&tables, runs::by_loops) {
                let counted = running.count(&drive, &over(&run, params), run.loops)?;
                most = (most.0.max(counted), most.1.max(run.loops));
            }
            Ok(most)
        };
        count().map_err(|failed| self.told(&tile, failed))
    }
}

/// Puts a tile in its place.
fn write((state, responses): &Found, first: usize, count: usize, occupancy: &mut Array2<f64>, response: &mut Response) {
    for k in 0..occupancy.ncols() {
        for i in 0..count {
            occupancy[[first + i, k]] = f64::from(state[k * count + i]);
        }
    }
    write_responses(responses, first, count, response);
}

/// Puts what was recorded of some of the cells in its place.
pub(super) fn write_responses(responses: &[f32], first: usize, count: usize, response: &mut Response) {
    for (quantity, array) in response.arrays().into_iter().enumerate() {
        for row in 0..array.nrows() {
            let start = (row * RESPONSE_QUANTITIES + quantity) * count;
            for i in 0..count {
                array[[row, first + i]] = f64::from(responses[start + i]);
            }
        }
    }
}
