//! Cells whose state stays on the device between calls.
//!
//! A call uploads what is done to the cells, some rows a segment, and nothing of their state; what comes back is what was recorded.
//! Nothing is waited for where nothing is recorded.

use super::dispatch::Running;
use super::layout::{self, Params};
use super::recovery::{Failed, Tile, lock};
use super::stimulate::{PIECE_BYTES, write_responses};
use super::tile::{BufferPlan, Bytes, Plan, Workspace};
use super::{Gpu, device::Device, runs, source};
use crate::backend::BackendError;
use crate::backend::cells::{Cells, HostCells, Population, Snapshot, State};
use crate::backend::stimulus::{RESPONSE_QUANTITIES, Response, Stimulus};
use crate::backend::tables::CellTables;
use ndarray::Array2;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard};
use trapline_model::array::CellSet;

/// Occupancies on a device.
#[derive(Debug)]
pub struct DeviceState {
    occupancy: wgpu::Buffer,
    /// Number of the device.
    device: u64,
    cells: usize,
    classes: usize,
}

/// See the module.
pub(super) struct Resident<'a> {
    gpu: &'a Gpu,
    population: Population,
    work: Mutex<Workspace>,
    /// Number of the device that holds the state.
    device: u64,
    bytes: u64,
}

/// What a population takes. Without traps the shaders still have one class, which holds nothing.
fn plan(population: &Population) -> Plan {
    let classes = population.classes().max(1) as u64;
    let per_cell = |bytes| Bytes { per_cell: bytes, ..Bytes::default() };
    let fixed = |bytes: usize| Bytes { fixed: bytes as u64, ..Bytes::default() };
    Plan {
        classes: population.classes(),
        kernels: &source::STIMULUS,
        buffers: vec![
            BufferPlan::empty("params", fixed(size_of::<Params>())),
            BufferPlan::empty("classes", fixed(classes as usize * size_of::<layout::ClassRow>())),
            // Numbers of the cells, and places among them.
            BufferPlan::empty("cell_numbers", per_cell(12)),
            BufferPlan::empty("variation", per_cell(12)),
            BufferPlan::read_back("occupancy", per_cell(4 * classes)),
        ],
        unit: 1,
        most_cells: u64::from(u32::MAX) / 16,
    }
}

/// Makes cells, on the device where its budget holds them.
pub(super) fn cells<'a>(gpu: &'a Gpu, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
    let (plan, count) = (plan(&population), population.numbers.len() as u64);
    let mut slot = lock(&gpu.device);
    let device = gpu.sound(&mut slot)?;
    let bytes = plan.bytes(count);
    let taken = gpu.resident_bytes.load(Ordering::Relaxed);
    if !plan.holds(device, gpu.budget_bytes, count, taken) {
        drop(slot);
        return Ok(Box::new(HostCells::new(gpu, population)));
    }
    let made = Workspace::new(device, &plan, count, false).map_err(Failed::at("allocation"));
    let number = device.number;
    let work = match made {
        Ok(work) => work,
        Err(failed) => return Err(lost(gpu, slot, failed)),
    };
    gpu.resident_bytes.fetch_add(bytes, Ordering::Relaxed);
    let cells = Resident { gpu, population, work: Mutex::new(work), device: number, bytes };
    drop(slot);
    cells.draw()?;
    Ok(Box::new(cells))
}

/// The error of a failure that takes the state with it.
fn lost(gpu: &Gpu, mut slot: MutexGuard<'_, Option<Device>>, failed: Failed) -> BackendError {
    let adapter = gpu.identity.adapter.clone();
    match failed {
        Failed::ForGood(error) => error,
        Failed::Tile { stage, reason } => {
            *slot = None;
            BackendError::StateLost { adapter, stage, reason }
        }
        Failed::Hung { stage, reason } => {
            // Closing it would wait for what never ends.
            std::mem::forget(slot.take());
            BackendError::StateLost { adapter, stage, reason }
        }
    }
}

impl<'a> Resident<'a> {
    /// Runs `operation` on the device that holds the state.
    fn on_device<T>(
        &self,
        prepare: impl FnOnce(&Device, &mut Workspace) -> Result<(), Failed>,
        operation: impl FnOnce(&Running) -> Result<T, Failed>,
    ) -> Result<T, BackendError> {
        let slot = lock(&self.gpu.device);
        let device = match slot.as_ref() {
            Some(device) if device.number == self.device && device.check().is_ok() => device,
            _ => {
                let reason = "the device was opened afresh after a failure".to_owned();
                return Err(BackendError::StateLost {
                    adapter: self.gpu.identity.adapter.clone(),
                    stage: "use of cells",
                    reason,
                });
            }
        };
        let classes = self.population.classes();
        let mut work = lock(&self.work);
        let found =
            prepare(device, &mut work).and_then(|()| operation(&Running::new(self.gpu, device, &work, classes, false)));
        match found {
            Ok(found) => Ok(found),
            Err(failed) => {
                // Buffers first: a device lives as long as they do.
                work.buffers.clear();
                Err(lost(self.gpu, slot, failed))
            }
        }
    }

    /// The parameters of a dispatch over `count` of the cells.
    fn params(&self, fixed: Params, count: u64) -> Params {
        let cells = CellSet::run(0, count);
        let placed = Tile { cells: &cells, number: 0, from: 0, count }.place(fixed);
        Params { cells: self.population.numbers.len() as u32, ..placed }
    }

    /// Tells the device the cells' numbers; draws what distinguishes them, and empties them.
    fn draw(&self) -> Result<(), BackendError> {
        let nothing = self.population.stimulus(300.0, &[]);
        let fixed = layout::cell_params(self.population.seed, &CellTables::of(&nothing));
        let params = self.params(fixed, self.population.numbers.len() as u64);
        let words: Vec<u32> = self.population.numbers.iter().flat_map(|&n| [n as u32, (n >> 32) as u32]).collect();
        let loops = source::draw_loops(self.population.classes());
        self.on_device(
            |_, _| Ok(()),
            |running| {
                running.upload("cell_numbers", bytemuck::cast_slice(&words))?;
                running.dispatch(&source::DRAW_LISTED, &params, loops)
            },
        )
    }

    fn occupancy_bytes(&self) -> u64 {
        4 * (self.population.numbers.len() * self.population.classes().max(1)) as u64
    }
}

impl Drop for Resident<'_> {
    fn drop(&mut self) {
        lock(&self.work).buffers.values().for_each(wgpu::Buffer::destroy);
        self.gpu.resident_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl<'a> Cells<'a> for Resident<'a> {
    fn population(&self) -> &Population {
        &self.population
    }

    fn advance(&mut self, stimulus: &Stimulus, places: Option<&[u32]>) -> Result<Response, BackendError> {
        self.population.check(stimulus, places)?;
        let tables = CellTables::of(stimulus);
        let (classes, segments) = (layout::classes(&tables), layout::segments(&tables));
        let count = places.map_or(self.population.numbers.len(), <[u32]>::len);
        let mut response = Response::unwritten(stimulus.rows, count);
        if count == 0 || stimulus.steps.is_empty() {
            return Ok(response);
        }
        let of_cell = 4 * (stimulus.rows * RESPONSE_QUANTITIES) as u64;
        let piece = if of_cell == 0 { count } else { count.min((PIECE_BYTES / of_cell).max(1) as usize) };
        let kernel = if stimulus.rows == 0 { &source::DRIVE_LISTED } else { &source::STIMULATE };
        let fixed = self.params(layout::cell_params(stimulus.seed, &tables), piece as u64);
        let first_place = 8 * self.population.numbers.len() as u64;
        self.on_device(
            |device, work| {
                work.reserve(device, "segments", size_of_val(segments.as_slice()) as u64)?;
                if of_cell > 0 { work.reserve(device, "responses", of_cell * piece as u64) } else { Ok(()) }
            },
            |running| {
                running.upload("classes", bytemuck::cast_slice(&classes))?;
                running.upload("segments", bytemuck::cast_slice(&segments))?;
                if let Some(places) = places {
                    running.upload_at("cell_numbers", first_place, bytemuck::cast_slice(places))?;
                }
                for first in (0..count).step_by(piece) {
                    let now = piece.min(count - first);
                    let params = Params {
                        count: now as u32,
                        first_place: first as u32,
                        chosen: u32::from(places.is_some()),
                        ..fixed
                    };
                    if of_cell > 0 {
                        // Responses are added to.
                        running.clear("responses")?;
                    }
                    for run in runs::of_stimulus(&tables, |start| running.loops(now as u64, start)) {
                        let params = Params { first_segment: run.range.start, last_segment: run.range.end, ..params };
                        running.dispatch(kernel, &params, run.loops)?;
                    }
                    if of_cell > 0 {
                        let back = running.download(&[("responses", of_cell * now as u64)])?;
                        write_responses(&bytemuck::pod_collect_to_vec::<u8, f32>(&back[0]), first, now, &mut response);
                    }
                }
                Ok(())
            },
        )?;
        Ok(response)
    }

    fn download(&self) -> Result<Array2<f64>, BackendError> {
        let bytes = self.occupancy_bytes();
        let back = self.on_device(|_, _| Ok(()), |running| running.download(&[("occupancy", bytes)]))?;
        let state: Vec<f32> = bytemuck::pod_collect_to_vec(&back[0]);
        let (cells, classes) = (self.population.numbers.len(), self.population.classes());
        Ok(Array2::from_shape_fn((cells, classes), |(i, k)| f64::from(state[k * cells + i])))
    }

    fn upload(&mut self, occupancy: &Array2<f64>) -> Result<(), BackendError> {
        self.population.check_occupancy(occupancy)?;
        let state: Vec<f32> = occupancy.t().iter().map(|f| *f as f32).collect();
        self.on_device(|_, _| Ok(()), |running| running.upload("occupancy", bytemuck::cast_slice(&state)))
    }

    fn snapshot(&self) -> Result<Snapshot, BackendError> {
        let bytes = self.occupancy_bytes();
        let occupancy = self.on_device(|_, _| Ok(()), |running| running.copied("occupancy", bytes))?;
        let (cells, classes) = (self.population.numbers.len(), self.population.classes());
        Ok(Snapshot(State::Device(DeviceState { occupancy, device: self.device, cells, classes })))
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), BackendError> {
        let (cells, classes) = (self.population.numbers.len(), self.population.classes());
        match &snapshot.0 {
            State::Host(occupancy) => self.upload(occupancy),
            State::Device(state) if state.device == self.device && (state.cells, state.classes) == (cells, classes) => {
                let bytes = self.occupancy_bytes();
                self.on_device(|_, _| Ok(()), |running| running.copy_from("occupancy", &state.occupancy, bytes))
            }
            State::Device(_) => Err(BackendError::OtherState),
        }
    }

    fn fork(&self) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
        let mut copy = cells(self.gpu, self.population.clone())?;
        let now = self.snapshot()?;
        match copy.restore(&now) {
            // The copy is one of the host's: the budget holds no second one.
            Err(BackendError::OtherState) => copy.upload(&self.download()?)?,
            restored => restored?,
        }
        Ok(copy)
    }
}
