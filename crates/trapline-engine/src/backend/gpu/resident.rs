//! Cells whose state stays on the device between calls.
//!
//! A call uploads what is done to the cells, some rows a segment, and nothing of their state; what comes back is what
//! was recorded. Nothing is waited for where nothing is recorded.
//!
//! Here they are made, read and kept; `drive` moves them, and `in_turn` has cells that the device does not hold pass
//! through it. The budget of the device's memory counts the state (`budget`). What a call needs beside it (segments,
//! tables, what is recorded, the sums of a reduction) comes on top and stays until the cells are dropped.

mod budget;
mod drive;
mod in_turn;

pub(super) use in_turn::{expose, reduce};

use super::dispatch::Running;
use super::layout::{self, Params};
use super::recovery::{Failed, Tile, lock, lost};
use super::source::{Carriers, Decay, Judges, Kernel, Numbered};
use super::stimulate::{dots_of, shares, state_of};
use super::tile::{Resources, Workspace};
use super::{Gpu, TileSums, bake, device::Device, merge, source};
use crate::backend::cells::{Cells, HostCells, Population, Snapshot, State};
use crate::backend::exposure::{Exposed, Exposure, Known};
use crate::backend::job::Job;
use crate::backend::stimulus::{Response, Stimulus};
use crate::backend::tables::{CellTables, Tables, round_to_f32};
use crate::backend::tally::Tally;
use crate::backend::{BackendError, reference};
use budget::{fits, resources_of};
use drive::Driven;
use ndarray::Array2;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use trapline_model::array::CellSet;

/// Occupancies on a device.
#[derive(Debug)]
pub struct DeviceState {
    occupancy: wgpu::Buffer,
    /// Number of the device.
    device: u64,
    cells: usize,
    classes: usize,
    /// Where electrons are counted: whose. Their numbers mean nothing for other dots.
    of: Option<Box<Population>>,
}

/// What a copy of cells has of them.
const COPIED: [&str; 3] = ["cell_numbers", "factors", "occupancy"];

/// See the module.
pub(super) struct Resident<'a> {
    gpu: &'a Gpu,
    population: Population,
    work: Mutex<Workspace>,
    /// Number of the device that holds the state.
    device: u64,
    bytes: u64,
    /// Dots of each class of the cells, where electrons are counted; axes (class, cell), flat.
    dots: Option<Vec<f32>>,
    /// Times that their electrons were drawn.
    draws: u32,
    known: Known,
}

/// Makes cells, on the device where its budget holds them.
pub(super) fn cells<'a>(gpu: &'a Gpu, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
    if !fits(gpu, &population)? {
        return Ok(Box::new(HostCells::new(gpu, population)));
    }
    Ok(Box::new(Resident::new(gpu, population)?))
}

impl<'a> Resident<'a> {
    /// Empty cells on the device.
    fn new(gpu: &'a Gpu, population: Population) -> Result<Resident<'a>, BackendError> {
        let mut cells = Resident::unwritten(gpu, population)?;
        cells.draw()?;
        Ok(cells)
    }

    /// Room for cells on the device, with nothing in it.
    fn unwritten(gpu: &'a Gpu, population: Population) -> Result<Resident<'a>, BackendError> {
        let (resources, count) = (resources_of(&population), population.numbers.len() as u64);
        let mut slot = lock(&gpu.device);
        let device = gpu.sound(&mut slot)?;
        let (made, number) = (Workspace::new(device, &resources, count, false), device.number);
        let work = match made {
            Ok(work) => Mutex::new(work),
            Err(reason) => return Err(lost(gpu, slot, Failed::Tile { stage: "allocation", reason })),
        };
        drop(slot);
        let bytes = resources.bytes(count);
        gpu.resident_bytes.fetch_add(bytes, Ordering::Relaxed);
        let known = Known::default();
        Ok(Resident { gpu, population, work, device: number, bytes, dots: None, draws: 0, known })
    }

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
                work.free();
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
    fn draw(&mut self) -> Result<(), BackendError> {
        let tables = CellTables::of(&self.population.stimulus(300.0, &[]));
        let fixed = layout::cell_params(self.population.seed, &tables);
        let params = self.params(fixed, self.population.numbers.len() as u64);
        let words = self.number_words();
        let loops = source::draw_loops(&tables);
        let kernel = Kernel::draw(Numbered::Listed, Carriers::of(&tables));
        let cells = self.population.numbers.len() as u64;
        self.dots = self.on_device(
            |_, _| Ok(()),
            |running| {
                running.upload("cell_numbers", bytemuck::cast_slice(&words))?;
                // Their weights; what else is in these rows is another's.
                running.upload("classes", bytemuck::cast_slice(&layout::classes(&tables)))?;
                running.dispatch(&kernel, &params, loops)?;
                dots_of(running, &tables, cells)
            },
        )?;
        Ok(())
    }

    /// Sums and counts of the bake of a job that begins with the state.
    fn sums(&self, job: &Job) -> Result<TileSums, BackendError> {
        let tables = Tables::new(job);
        let carriers = Carriers::of(&tables.cell);
        let bake_kernel = Kernel::bake(Decay::of(&tables), carriers, Judges::of(&tables), Numbered::Listed);
        let cells = self.population.numbers.len() as u64;
        if cells == 0 {
            return Ok(TileSums { partials: Vec::new(), counts: Vec::new() });
        }
        let resources = Resources::of_statistics(&tables);
        // Cells that draw, or that readings judge, need their numbers, which lie behind the tables of random numbers: a
        // kernel that bakes has no room for a buffer more. So these cells get tables of their own, copied on the
        // device.
        let numbered = tables.readings.is_some() || self.population.is_counted();
        let numbers = if numbered { self.number_words() } else { Vec::new() };
        let shared = self.on_device(|_, _| Ok(()), |running| running.shared("normal_table"))?;
        let params =
            Params { numbers_at: (shared.size() / 4) as u32, ..self.params(layout::params(job, &tables), cells) };
        // The state's own buffers are there; those of the bake are made.
        let names = ["classes", "visits", "nominal", "partials", "sums", "counts"];
        let found = self.on_device(
            |device, work| {
                if numbered {
                    work.reserve(device, "normal_table", shared.size() + size_of_val(numbers.as_slice()) as u64)?;
                }
                work.make(device, &resources, &names, cells)
            },
            |running| {
                if numbered {
                    running.copy_from("normal_table", &shared, shared.size())?;
                    running.upload_at("normal_table", shared.size(), bytemuck::cast_slice(&numbers))?;
                }
                running.clear("counts")?;
                bake(running, &bake_kernel, source::visit_loops(&tables), &tables, &params)?;
                running.dispatch(&source::REDUCE, &params, source::reduce_loops())?;
                let back = running.download(&[resources.wanted("sums", cells), resources.wanted("counts", cells)])?;
                Ok(TileSums {
                    partials: bytemuck::pod_collect_to_vec(&back[0]),
                    counts: bytemuck::pod_collect_to_vec(&back[1]),
                })
            },
        );
        // Tens of megabytes that no budget counts.
        lock(&self.work).drop_buffer("normal_table");
        found
    }

    /// The cells' numbers, two words each, the low one first.
    fn number_words(&self) -> Vec<u32> {
        self.population.numbers.iter().flat_map(|&n| [n as u32, (n >> 32) as u32]).collect()
    }

    fn occupancy_bytes(&self) -> u64 {
        4 * (self.population.numbers.len() * self.population.classes().max(1)) as u64
    }
}

impl Drop for Resident<'_> {
    fn drop(&mut self) {
        lock(&self.work).free();
        self.gpu.resident_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl<'a> Cells<'a> for Resident<'a> {
    fn population(&self) -> &Population {
        &self.population
    }

    fn advance(&mut self, stimulus: &Stimulus, places: Option<&[u32]>) -> Result<Response, BackendError> {
        self.population.check(stimulus, places)?;
        if stimulus.steps.is_empty() {
            return Ok(Response::unwritten(stimulus.rows, places.map_or(self.population.numbers.len(), <[u32]>::len)));
        }
        let mut tables = CellTables::of(stimulus);
        if tables.electrons.are_counted() {
            for segment in &mut tables.segments {
                segment.settled_before = segment.settled_before.wrapping_add(self.draws);
            }
            self.draws = self.draws.wrapping_add(stimulus.draws());
        }
        let driven = Driven { classes: layout::classes(&tables), tables, rows: stimulus.rows, apart: None };
        self.drive(&driven, places)
    }

    fn expose(&mut self, exposure: &Exposure, places: Option<&[u32]>) -> Result<Response, BackendError> {
        if let Some(stimulus) = self.population.alike(exposure) {
            return self.advance(&stimulus, places);
        }
        self.population.check_places(places)?;
        let exposed = Exposed::new(&self.population, exposure, &mut self.known)?;
        let mut response = None;
        for part in exposed.parts(self.draws) {
            self.draws = self.draws.wrapping_add(u32::from(part.settling.at_end));
            let seen = self.drive_exposed(&part, places)?;
            response = Some(Response::after(response, seen));
        }
        response.ok_or(BackendError::NotFinite { what: "substeps", value: 0.0 })
    }

    fn reduce(&self, job: &Job) -> Result<Tally, BackendError> {
        self.population.check_job(job)?;
        if job.warmer_k.is_some() {
            return Ok(reference::reduce(job, &self.population.numbers, &self.download()?));
        }
        let cells = self.population.numbers.len() as u64;
        let mut tally = Tally { cells, ..Tally::new(job, round_to_f32) };
        merge(&mut tally, &self.sums(job)?);
        Ok(tally)
    }

    fn download(&self) -> Result<Array2<f64>, BackendError> {
        let bytes = self.occupancy_bytes();
        let back = self.on_device(|_, _| Ok(()), |running| running.download(&[("occupancy", bytes)]))?;
        let mut state: Vec<f32> = bytemuck::pod_collect_to_vec(&back[0]);
        shares(&mut state, self.dots.as_deref());
        let (cells, classes) = (self.population.numbers.len(), self.population.classes());
        Ok(Array2::from_shape_fn((cells, classes), |(i, k)| f64::from(state[k * cells + i])))
    }

    fn upload(&mut self, occupancy: &Array2<f64>) -> Result<(), BackendError> {
        self.population.check_occupancy(occupancy)?;
        let state = state_of(&occupancy.view(), self.dots.as_deref());
        self.on_device(|_, _| Ok(()), |running| running.upload("occupancy", bytemuck::cast_slice(&state)))
    }

    fn snapshot(&self) -> Result<Snapshot, BackendError> {
        let bytes = self.occupancy_bytes();
        let occupancy = self.on_device(|_, _| Ok(()), |running| running.copied("occupancy", bytes))?;
        let (cells, classes) = (self.population.numbers.len(), self.population.classes());
        let of = self.population.is_counted().then(|| Box::new(self.population.clone()));
        Ok(Snapshot(State::Device(DeviceState { occupancy, device: self.device, cells, classes, of })))
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), BackendError> {
        let (cells, classes) = (self.population.numbers.len(), self.population.classes());
        match &snapshot.0 {
            State::Host(occupancy) => self.upload(occupancy),
            State::Device(state)
                if state.device == self.device
                    && (state.cells, state.classes) == (cells, classes)
                    && state.of.as_ref().is_none_or(|of| **of == self.population)
                    && state.of.is_some() == self.population.is_counted() =>
            {
                let bytes = self.occupancy_bytes();
                self.on_device(|_, _| Ok(()), |running| running.copy_from("occupancy", &state.occupancy, bytes))
            }
            State::Device(_) => Err(BackendError::OtherState),
        }
    }

    fn fork(&self) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
        if !fits(self.gpu, &self.population)? {
            // The copy is one of the host's: the budget holds no second one.
            let mut copy = HostCells::new(self.gpu, self.population.clone()).after(self.draws);
            copy.upload(&self.download()?)?;
            return Ok(Box::new(copy));
        }
        let mut copy = Resident::unwritten(self.gpu, self.population.clone())?;
        copy.draws = self.draws;
        copy.dots = self.dots.clone();
        let own = self.on_device(
            |_, _| Ok(()),
            |running| COPIED.into_iter().map(|name| Ok((name, running.shared(name)?))).collect::<Result<Vec<_>, _>>(),
        )?;
        copy.on_device(
            |_, _| Ok(()),
            |running| own.iter().try_for_each(|(name, buffer)| running.copy_from(name, buffer, buffer.size())),
        )?;
        Ok(Box::new(copy))
    }
}
