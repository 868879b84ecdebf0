//! The GPU backend: WGSL compute shaders through wgpu (Vulkan, Metal, DX12). The only room that knows wgpu.
//!
//! # Practice
//! The array is worked off in tiles of whole chunks (`tile`). A tile is drawn, programmed in as many dispatches as
//! its loops need, baked, and reduced to sums per chunk and integer counters; only these come back.
//! A tile's state lives in its buffers and is not kept; cells made by `cells` keep theirs (`resident`). Kernels need
//! no optional feature; where subgroups are to be had, and faster, one of two variants takes them (`variant`). A kernel
//! `x` is `shaders/x.wgsl`; its CPU twin is `backend/cpu/x.rs`.
//!
//! A tile that fails is tried once more (`recovery`), on a device opened afresh; nothing of a tile is merged before
//! all of it has come back. How much goes into one dispatch is decided in `dispatch` and `runs`.

pub(super) mod adapters;
mod device;
mod dispatch;
pub mod layout;
pub mod network;
mod random;
mod recovery;
mod resident;
mod runs;
pub mod source;
mod stimulate;
mod tile;
mod variant;

pub use adapters::adapters;
pub use dispatch::DispatchLimits;
pub use recovery::Fault;
pub use resident::DeviceState;

use super::cells::{Cells, Population, check_by_class};
use super::exposure::Exposed;
use super::job::Job;
use super::stimulus::{Response, Stimulus};
use super::tables::{Tables, round_to_f32};
use super::tally::{BLOCK_CELLS, Partial, Tally};
use super::{Backend, BackendError, Progress, Trace, reference, warmer};
use crate::circuit::OnDevice;
use device::Device;
use dispatch::Running;
use layout::{Params, SLOTS};
use ndarray::Array2;
use recovery::{Failed, Tile, lock};
use source::Kernel;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tile::{Resources, Workspace};
use trapline_model::array::CellSet;
use trapline_model::cell::read::QUANTITIES;
use trapline_model::outcome::Identity;

/// The f32 backend on a GPU.
#[derive(Debug)]
pub struct Gpu {
    chosen: adapters::Chosen,
    identity: Identity,
    /// `None` between the loss of a device and the next call.
    device: Mutex<Option<Device>>,
    budget_bytes: Option<u64>,
    /// The device's own where `None`.
    limits: Option<DispatchLimits>,
    dispatches: AtomicU64,
    read_backs: AtomicU64,
    /// What resident cells take of the device.
    resident_bytes: AtomicU64,
    faults: Mutex<Vec<Fault>>,
}

/// What a tile hands over.
struct TileSums {
    partials: Vec<f32>,
    counts: Vec<u32>,
}

impl Gpu {
    /// Opens an adapter by its number in [`adapters`], its PCI address, or a part of its name that no other has (the
    /// best one where `None`, software last);
    /// `memory_bytes` bounds what a tile takes of the device's memory.
    ///
    /// # Errors
    /// No adapter, none of this name, or one that cannot be opened.
    pub fn open(adapter: Option<&str>, memory_bytes: Option<u64>) -> Result<Gpu, BackendError> {
        let (adapter, chosen) = adapters::choose(adapter)?;
        let device = Device::open(&adapter)?;
        Ok(Gpu {
            identity: chosen.identity(&device.identity),
            chosen,
            device: Mutex::new(Some(device)),
            budget_bytes: memory_bytes,
            limits: None,
            dispatches: AtomicU64::new(0),
            read_backs: AtomicU64::new(0),
            resident_bytes: AtomicU64::new(0),
            faults: Mutex::default(),
        })
    }

    /// Narrower bounds than the device's: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn limited(self, limits: DispatchLimits) -> Gpu {
        Gpu { limits: Some(limits), ..self }
    }

    /// Kernels begin with workgroup memory that is anything but zeros: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn soiled(self) -> Gpu {
        if let Some(device) = lock(&self.device).as_mut() {
            device.soiled = true;
        }
        self
    }

    /// Folds blocks in this way, if the adapter can: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn folding(self, fold: source::Fold) -> Option<Gpu> {
        let can = lock(&self.device).as_mut().is_some_and(|device| {
            device.fold = fold;
            fold == source::Fold::Shared || device.device.features().contains(wgpu::Features::SUBGROUP)
        });
        can.then_some(self)
    }

    /// Dispatches submitted since the backend was opened: for tests.
    #[doc(hidden)]
    pub fn dispatches(&self) -> u64 {
        self.dispatches.load(Ordering::Relaxed)
    }

    /// Times that something was copied from the device to the host since the backend was opened: for tests.
    #[doc(hidden)]
    pub fn read_backs(&self) -> u64 {
        self.read_backs.load(Ordering::Relaxed)
    }

    /// Bytes of the device that resident cells take.
    pub fn resident_bytes(&self) -> u64 {
        self.resident_bytes.load(Ordering::Relaxed)
    }

    /// Cells of a tile of this job's statistics.
    ///
    /// # Errors
    /// A budget too small for one chunk.
    pub fn tile_cells(&self, job: &Job) -> Result<u64, BackendError> {
        Resources::of_statistics(&Tables::new(job)).tile_cells(self.sound(&mut lock(&self.device))?, self.budget_bytes)
    }

    /// The same of listed cells, which need tables of random numbers with their own numbers behind them.
    fn listed_tile_cells(&self, job: &Job) -> Result<u64, BackendError> {
        let resources = Resources::of_statistics(&Tables::new(job)).listed();
        resources.tile_cells(self.sound(&mut lock(&self.device))?, self.budget_bytes)
    }

    /// Most loop iterations an invocation of each kernel really takes in any dispatch of a job, counted on the device
    /// over the first cells, and the most the host reckons with: (kernel, counted, reckoned).
    ///
    /// # Errors
    /// As [`Backend::statistics`].
    pub fn count_loops(&self, job: &Job) -> Result<Vec<(&'static str, u64, u64)>, BackendError> {
        let tables = Tables::new(job);
        let classes = tables.cell.classes;
        let cells = CellSet::run(0, job.shape.cells().min(BLOCK_CELLS));
        let tile = Tile { cells: &cells, number: 0, from: 0, count: cells.count };
        let mut slot = lock(&self.device);
        let device = self.sound(&mut slot)?;
        let bake = |kernel: &Kernel, visit_loops| (*kernel, runs::of_bake(&tables, visit_loops, runs::by_loops));
        let ([draw, drive, bake_kernel, _], [.., read_kernel]) =
            (source::of_statistics(&tables), source::of_trace(&tables));
        let once = |kernel: &Kernel, loops| (*kernel, vec![runs::Run { range: 0..0, loops }]);
        let program = (drive, runs::of_program(&tables.cell, runs::by_loops));
        let statistics = [
            once(&draw, source::draw_loops(&tables.cell)),
            program.clone(),
            bake(&bake_kernel, source::visit_loops(&tables)),
            once(&source::REDUCE, source::reduce_loops()),
        ];
        let trace = [statistics[0].clone(), program, bake(&read_kernel, source::read_loops(&tables))];
        let mut most = Vec::new();
        for (resources, dispatches) in
            [(Resources::of_statistics(&tables), &statistics[..]), (Resources::of_trace(&tables), &trace[..])]
        {
            let resources = resources.counting();
            let mut count = || -> Result<(), Failed> {
                let work = Workspace::new(device, &resources, cells.count, false).map_err(Failed::at("allocation"))?;
                let running = Running::new(self, device, &work, classes, true);
                for (kernel, runs) in dispatches {
                    let mut counted = 0;
                    for run in runs {
                        let params = over(kernel, run, tile.place(layout::params(job, &tables)));
                        counted = counted.max(running.count(kernel, &params, run.loops)?);
                    }
                    let reckoned = runs.iter().map(|run| run.loops).max().unwrap_or(0);
                    most.push((kernel.name, counted, reckoned));
                }
                Ok(())
            };
            count().map_err(|failed| self.told(&tile, failed))?;
        }
        Ok(most)
    }
}

/// Tells a kernel which part of its list a dispatch works through.
fn over(kernel: &Kernel, run: &runs::Run, params: Params) -> Params {
    let std::ops::Range { start, end } = run.range;
    match kernel.name {
        "program" | "program_counted" => Params { first_segment: start, last_segment: end, ..params },
        _ => Params { first_visit: start, last_visit: end, ..params },
    }
}

/// Draws and programs a tile.
fn prepare(running: &Running, tables: &Tables, params: &Params) -> Result<(), Failed> {
    let [draw, program, ..] = source::of_statistics(tables);
    running.dispatch(&draw, params, source::draw_loops(&tables.cell))?;
    let count = u64::from(params.count);
    for run in runs::of_program(&tables.cell, |start| running.loops(count, start)) {
        running.dispatch(&program, &over(&program, &run, *params), run.loops)?;
    }
    Ok(())
}

/// Takes a tile through its visits with a kernel that bakes.
fn bake(running: &Running, kernel: &Kernel, visit_loops: u64, tables: &Tables, params: &Params) -> Result<(), Failed> {
    let count = u64::from(params.count);
    for run in runs::of_bake(tables, visit_loops, |start| running.loops(count, start)) {
        running.dispatch(kernel, &over(kernel, &run, *params), run.loops)?;
    }
    Ok(())
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
        self.identity.clone()
    }

    fn statistics(&self, job: &Job, progress: Progress) -> Result<Tally, BackendError> {
        check_by_class(job.electrons)?;
        if job.warmer_k.is_some() {
            return Ok(warmer::statistics(self, job, &[], progress)?.0);
        }
        let tables = Tables::new(job);
        let [.., bake_kernel, _] = source::of_statistics(&tables);
        let mut tally = Tally::new(job, round_to_f32);
        let resources = Resources::of_statistics(&tables);
        let fixed = layout::params(job, &tables);
        let compute = |running: &Running, tile: &Tile| {
            let params = tile.place(fixed);
            running.clear("counts")?;
            prepare(running, &tables, &params)?;
            bake(running, &bake_kernel, source::visit_loops(&tables), &tables, &params)?;
            running.dispatch(&source::REDUCE, &params, source::reduce_loops())?;
            let back =
                running.download(&[resources.wanted("sums", tile.count), resources.wanted("counts", tile.count)])?;
            Ok(TileSums {
                partials: bytemuck::pod_collect_to_vec(&back[0]),
                counts: bytemuck::pod_collect_to_vec(&back[1]),
            })
        };
        self.in_tiles(&resources, &CellSet::run(0, job.shape.cells()), compute, |tile, sums| {
            merge(&mut tally, &sums);
            progress(tile.count);
        })?;
        Ok(tally)
    }

    fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, BackendError> {
        check_by_class(job.electrons)?;
        if job.warmer_k.is_some() {
            return warmer::trace(self, job, cells);
        }
        let tables = Tables::new(job);
        let [.., read_kernel] = source::of_trace(&tables);
        let checkpoints = job.times_s.len();
        let mut trace = Trace::unwritten(checkpoints, cells.count as usize);
        let resources = Resources::of_trace(&tables);
        let fixed = layout::params(job, &tables);
        let compute = |running: &Running, tile: &Tile| {
            let params = tile.place(fixed);
            prepare(running, &tables, &params)?;
            bake(running, &read_kernel, source::read_loops(&tables), &tables, &params)?;
            let back = running.download(&[resources.wanted("cells", tile.count)])?;
            Ok(bytemuck::pod_collect_to_vec(&back[0]))
        };
        self.in_tiles(&resources, cells, compute, |tile, values: Vec<f32>| {
            let (first, count) = (tile.from as usize, tile.count as usize);
            let arrays = [&mut trace.conductance, &mut trace.filling, &mut trace.lost, &mut trace.kept];
            for (q, array) in arrays.into_iter().enumerate() {
                for checkpoint in 0..checkpoints {
                    let row = (checkpoint * QUANTITIES + q) * count;
                    let mut target = array.slice_mut(ndarray::s![checkpoint, first..first + count]);
                    target.iter_mut().zip(&values[row..row + count]).for_each(|(to, from)| *to = *from);
                }
            }
        })?;
        Ok(trace)
    }

    fn stimulate(
        &self,
        stimulus: &Stimulus,
        cells: &[u64],
        occupancy: &mut Array2<f64>,
    ) -> Result<Response, BackendError> {
        stimulate::stimulate(self, stimulus, cells, occupancy)
    }

    fn reduce(&self, job: &Job, cells: &[u64], occupancy: &Array2<f64>) -> Result<Tally, BackendError> {
        if job.warmer_k.is_some() {
            return Ok(reference::reduce(job, cells, occupancy));
        }
        resident::reduce(self, job, cells, occupancy)
    }

    fn expose(&self, exposed: &Exposed, cells: &[u64], occupancy: &mut Array2<f64>) -> Result<Response, BackendError> {
        resident::expose(self, exposed, cells, occupancy)
    }

    fn network_device(&self) -> Option<OnDevice<'_>> {
        Some(OnDevice::new(Box::new(network::GpuNetwork::new(self))))
    }

    fn cells<'a>(&'a self, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
        population.check_dots()?;
        resident::cells(self, population)
    }
}
