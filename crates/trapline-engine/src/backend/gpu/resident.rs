//! Cells whose state stays on the device between calls.
//!
//! A call uploads what is done to the cells, some rows a segment, and nothing of their state; what comes back is what
//! was recorded. Nothing is waited for where nothing is recorded.
//!
//! The budget of the device's memory counts the state. What a call needs beside it (segments, tables, what is recorded,
//! the sums of a reduction) comes on top and stays until the cells are dropped.

use super::dispatch::Running;
use super::layout::{self, Params};
use super::recovery::{Failed, Tile, lock};
use super::source::{Carriers, Decay, Driving, Judges, Kernel, Numbered};
use super::stimulate::{PIECE_BYTES, dots_of, shares, state_of, write_responses};
use super::tile::{BufferSpec, Bytes, Resources, Workspace, random_words};
use super::{Gpu, TileSums, bake, device::Device, merge, runs, source};
use crate::backend::cells::{Cells, HostCells, Population, Snapshot, State};
use crate::backend::exposure::{Exposed, Exposure, Known};
use crate::backend::job::Job;
use crate::backend::stimulus::{RESPONSE_QUANTITIES, Response, Stimulus};
use crate::backend::tables::{CellTables, Tables, round_to_f32};
use crate::backend::tally::Tally;
use crate::backend::{BackendError, reference};
use ndarray::{Array1, Array2, Axis, s};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard};
use trapline_model::array::CellSet;
use trapline_model::rng::{NORMAL_TABLE_LEN, normal_table};

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
    /// Where the cells' numbers lie behind the tables of random numbers, words.
    numbers_at: u32,
    /// Times that their electrons were drawn.
    draws: u32,
    known: Known,
}

/// What cells are driven by.
struct Driven<'a> {
    classes: Vec<layout::ClassRow>,
    tables: CellTables,
    /// Rows of the response.
    rows: usize,
    /// Where cells differ in bias or temperature.
    apart: Option<&'a Exposed>,
}

/// Moves cells that the device does not hold under an exposure, as many at a time as it does hold.
pub(super) fn expose(
    gpu: &Gpu,
    exposed: &Exposed,
    cells: &[u64],
    occupancy: &mut Array2<f64>,
) -> Result<Response, BackendError> {
    let Exposed { material, variation, electrons, seed, .. } = exposed;
    let part = |places: &[usize]| {
        let numbers = places.iter().map(|&place| cells[place]).collect();
        Population::new(material, *variation, *seed, numbers).electrons(*electrons)
    };
    let all: Vec<usize> = (0..cells.len()).collect();
    let most = {
        let mut slot = lock(&gpu.device);
        let device = gpu.sound(&mut slot)?;
        resources_of(&part(&all[..1.min(all.len())])).tile_cells(device, gpu.budget_bytes)? as usize
    };
    let mut response = Response::unwritten(usize::from(exposed.recorded), cells.len());
    for places in all.chunks(most.max(1)) {
        let mut resident = Resident::new(gpu, part(places))?;
        resident.upload(&occupancy.select(Axis(0), places))?;
        let seen = resident.drive_exposed(&exposed.of_places(places), None)?;
        let first = places[0];
        occupancy.slice_mut(s![first..first + places.len(), ..]).assign(&resident.download()?);
        for (to, from) in response.arrays().into_iter().zip({ seen }.arrays()) {
            to.slice_mut(s![.., first..first + places.len()]).assign(from);
        }
    }
    Ok(response)
}

/// Reduces cells that the device does not hold, as many at a time as it does hold: whole chunks, which are added up in
/// their order, so the result is that of cells that are resident, bit for bit.
pub(super) fn reduce(gpu: &Gpu, job: &Job, cells: &[u64], occupancy: &Array2<f64>) -> Result<Tally, BackendError> {
    let mut tally = Tally { cells: cells.len() as u64, ..Tally::new(job, round_to_f32) };
    let most = gpu.tile_cells(job)? as usize;
    for (number, numbers) in cells.chunks(most).enumerate() {
        let first = number * most;
        let part =
            Population::new(job.material(), *job.variation(), job.seed(), numbers.to_vec()).electrons(job.electrons());
        let mut resident = Resident::new(gpu, part)?;
        resident.upload(&occupancy.slice(s![first..first + numbers.len(), ..]).to_owned())?;
        merge(&mut tally, &resident.sums(job)?);
    }
    Ok(tally)
}

/// What a population takes. Without traps the shaders still have one class, which holds nothing.
fn resources_of(population: &Population) -> Resources {
    let classes = population.classes().max(1) as u64;
    let counted = population.is_counted();
    let state = classes * if counted { 3 } else { 1 };
    let per_cell = |bytes| Bytes { per_cell: bytes, ..Bytes::default() };
    let fixed = |bytes: usize| Bytes { fixed: bytes as u64, ..Bytes::default() };
    let mut resources = Resources {
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
    };
    if counted {
        // The numbers of the cells come behind them.
        let tables = random_words(&CellTables::of(&population.stimulus(300.0, &[])));
        let bytes = Bytes { per_cell: 8, ..fixed(4 * tables.len()) };
        resources.buffers.push(BufferSpec::empty("normal_table", bytes));
    }
    resources
}

/// Whether the device's budget holds so many more cells.
fn fits(gpu: &Gpu, population: &Population) -> Result<bool, BackendError> {
    let (resources, count) = (resources_of(population), population.numbers.len() as u64);
    let mut slot = lock(&gpu.device);
    let device = gpu.sound(&mut slot)?;
    Ok(resources.holds(device, gpu.budget_bytes, count, gpu.resident_bytes.load(Ordering::Relaxed)))
}

/// Makes cells, on the device where its budget holds them.
pub(super) fn cells<'a>(gpu: &'a Gpu, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
    if !fits(gpu, &population)? {
        return Ok(Box::new(HostCells::new(gpu, population)));
    }
    Ok(Box::new(Resident::new(gpu, population)?))
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
    /// Empty cells on the device.
    fn new(gpu: &'a Gpu, population: Population) -> Result<Resident<'a>, BackendError> {
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
        let mut cells =
            Resident { gpu, population, work, device: number, bytes, dots: None, numbers_at: 0, draws: 0, known };
        cells.draw()?;
        Ok(cells)
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
        let words: Vec<u32> = self.population.numbers.iter().flat_map(|&n| [n as u32, (n >> 32) as u32]).collect();
        let loops = source::draw_loops(&tables);
        let random = self.population.is_counted().then(|| random_words(&tables));
        self.numbers_at = random.as_ref().map_or(0, |random| random.len() as u32);
        let kernel = Kernel::draw(Numbered::Listed, Carriers::of(&tables));
        let cells = self.population.numbers.len() as u64;
        self.dots = self.on_device(
            |_, _| Ok(()),
            |running| {
                running.upload("cell_numbers", bytemuck::cast_slice(&words))?;
                if let Some(random) = &random {
                    running.upload("normal_table", bytemuck::cast_slice(random))?;
                    running.upload_at("normal_table", 4 * random.len() as u64, bytemuck::cast_slice(&words))?;
                }
                // Their weights; what else is in these rows is another's.
                running.upload("classes", bytemuck::cast_slice(&layout::classes(&tables)))?;
                running.dispatch(&kernel, &params, loops)?;
                dots_of(running, &tables, cells)
            },
        )?;
        Ok(())
    }

    /// Moves all cells, or some, under an exposure.
    fn drive_exposed(&mut self, exposed: &Exposed, places: Option<&[u32]>) -> Result<Response, BackendError> {
        let tables = CellTables::of_exposed(exposed);
        let mut classes = layout::classes(&tables);
        for (row, class) in classes.iter_mut().zip(&exposed.material.classes) {
            // The shaders divide by kT of each cell.
            (row.program_slope, row.program_curvature) = (class.depth_slope_ev as f32, class.depth_curvature_ev as f32);
        }
        self.drive(&Driven { classes, tables, rows: usize::from(exposed.recorded), apart: Some(exposed) }, places)
    }

    /// Moves all cells, or some, through segments.
    fn drive(&mut self, driven: &Driven, places: Option<&[u32]>) -> Result<Response, BackendError> {
        let Driven { classes, tables, rows, apart } = driven;
        let segments = layout::segments(tables);
        let cells = self.population.numbers.len();
        let count = places.map_or(cells, <[u32]>::len);
        let mut response = Response::unwritten(*rows, count);
        if count == 0 {
            return Ok(response);
        }
        let of_cell = 4 * (rows * RESPONSE_QUANTITIES) as u64;
        let piece = PIECE_BYTES.checked_div(of_cell).map_or(count, |cells| count.min(cells.max(1) as usize));
        let driving = match (apart, rows) {
            (None, 0) => Driving::Silent,
            (None, _) => Driving::Recorded,
            (Some(_), 0) => Driving::ApartSilent,
            (Some(_), _) => Driving::ApartRecorded,
        };
        let kernel = Kernel::drive(driving, Carriers::of(tables));
        let fixed = self.params(layout::cell_params(self.population.seed, tables), piece as u64);
        let word = |number: usize| 4 * (number * cells) as u64;
        let bits = |values: &Array1<f64>| -> Vec<f32> { values.iter().map(|value| *value as f32).collect() };
        let laws = apart.map(|exposed| (layout::laws(&exposed.tables), exposed));
        self.on_device(
            |device, work| {
                work.reserve(device, "segments", size_of_val(segments.as_slice()) as u64)?;
                if let Some((headers, exposed)) = &laws {
                    work.uniform(device, "laws", size_of_val(headers) as u64)?;
                    work.reserve(device, "tables", size_of_val(exposed.tables.quads()) as u64)?;
                }
                if of_cell > 0 { work.reserve(device, "responses", of_cell * piece as u64) } else { Ok(()) }
            },
            |running| {
                running.upload("classes", bytemuck::cast_slice(classes))?;
                running.upload("segments", bytemuck::cast_slice(&segments))?;
                if let Some(places) = places {
                    running.upload_at("cell_numbers", word(2), bytemuck::cast_slice(places))?;
                }
                if let Some((headers, exposed)) = &laws {
                    running.upload("laws", bytemuck::cast_slice(headers))?;
                    running.upload("tables", bytemuck::cast_slice(exposed.tables.quads()))?;
                    running.upload_at("cell_numbers", word(3), bytemuck::cast_slice(&bits(&exposed.bias_v)))?;
                    running.upload_at("cell_numbers", word(4), bytemuck::cast_slice(&bits(&exposed.temperature_k)))?;
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
                    for run in runs::of_stimulus(tables, |start| running.loops(now as u64, start)) {
                        let params = Params { first_segment: run.range.start, last_segment: run.range.end, ..params };
                        running.dispatch(&kernel, &params, run.loops)?;
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
        // Cells that readings judge need their numbers, which lie behind the tables of random numbers.
        let numbered = (tables.readings.is_some() && !self.population.is_counted()).then(|| self.numbered_normals());
        let numbers_at = if numbered.is_some() { NORMAL_TABLE_LEN as u32 } else { self.numbers_at };
        let params = Params { numbers_at, ..self.params(layout::params(job, &tables), cells) };
        // The state's own buffers are there; those of the bake are made.
        let names = ["classes", "visits", "nominal", "partials", "sums", "counts"];
        self.on_device(
            |device, work| {
                if let Some(words) = &numbered {
                    work.reserve(device, "normal_table", size_of_val(words.as_slice()) as u64)?;
                }
                work.make(device, &resources, &names, cells)
            },
            |running| {
                if let Some(words) = &numbered {
                    running.upload("normal_table", bytemuck::cast_slice(words))?;
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
        )
    }

    /// The table of normals, and the cells' numbers behind it, two words each, the low one first.
    fn numbered_normals(&self) -> Vec<u32> {
        let normals = normal_table().iter().map(|&level| level as u32);
        normals.chain(self.population.numbers.iter().flat_map(|&n| [n as u32, (n >> 32) as u32])).collect()
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
        let mut copy = Resident::new(self.gpu, self.population.clone())?;
        copy.draws = self.draws;
        copy.restore(&self.snapshot()?)?;
        Ok(Box::new(copy))
    }
}
