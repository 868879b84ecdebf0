//! The one seam: a [`Backend`] computes a [`Job`] and hands back plain numbers.
//!
//! `stimulate` moves chosen cells from a state the caller holds and watches them ([`mod@stimulus`]).
//!
//! Three implementations, one behaviour: [`mod@reference`] (f64, plain, slow), [`cpu`] (f32, vectors, threads) and
//! [`gpu`] (f32, WGSL through wgpu). `statistics` reduces the whole array and never stores it; `trace` reads chosen
//! cells one by one, for dumps and for comparing backends cell by cell. Because a cell is drawn from its
//! number, both see the same cells.

pub mod cells;
pub mod constants;
pub mod cpu;
pub mod exposure;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod job;
pub mod limits;
mod processor;
pub mod reference;
pub mod rows;
pub mod schedule;
mod select;
pub mod stimulus;
pub mod tables;
pub mod tally;
mod warmer;

pub use processor::processor_name;
pub use select::{AdapterReport, Choice, Options, adapters, open};

/// Whether the GPU backend is built in: Cargo's feature `gpu`.
pub const HAS_GPU_BACKEND: bool = cfg!(feature = "gpu");

use crate::circuit::OnDevice;
use cells::{Cells, Population};
use exposure::Exposed;
use job::Job;
use ndarray::{Array2, Axis, s};
use stimulus::{Response, Stimulus};
use tally::Tally;
use trapline_model::array::CellSet;
use trapline_model::cell::tabulated::LawTableError;
use trapline_model::outcome::Identity;

/// Told how many further cells are done; may be called from any thread.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// Chosen cells, read at every checkpoint. Axes (checkpoint, cell).
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Over the nominal fresh conductance.
    pub conductance: Array2<f32>,
    pub filling: Array2<f32>,
    pub lost: Array2<f32>,
    pub kept: Array2<f32>,
}

impl Trace {
    /// A trace filled with NaN, so that a value nobody wrote shows.
    pub fn unwritten(checkpoints: usize, cells: usize) -> Trace {
        let empty = || Array2::from_elem((checkpoints, cells), f32::NAN);
        Trace { conductance: empty(), filling: empty(), lost: empty(), kept: empty() }
    }
}

/// Something that can compute a job. Arrays that know nothing of each other may be computed side by side.
pub trait Backend: Sync {
    /// Who computes.
    fn identity(&self) -> Identity;

    /// How many callers with small stimuli it serves at once without making them wait for each other.
    fn at_once(&self) -> usize {
        1
    }

    /// Statistics over all cells of the job.
    ///
    /// # Errors
    /// Only a GPU can fail: [`BackendError`] names the tile.
    fn statistics(&self, job: &Job, progress: Progress) -> Result<Tally, BackendError>;

    /// Whether [`Backend::statistics_together`] programs cells once; where not, nothing is gained by it.
    fn programs_once(&self) -> bool {
        false
    }

    /// [`Backend::statistics`] of several jobs, in their order. Where they differ in what follows the programming alone
    /// ([`Job::shares_programming`]), a backend may program the cells once; the results are the same bits either way.
    ///
    /// # Errors
    /// As [`Backend::statistics`].
    fn statistics_together(&self, jobs: &[&Job], progress: Progress) -> Result<Vec<Tally>, BackendError> {
        jobs.iter().map(|job| self.statistics(job, progress)).collect()
    }

    /// [`Backend::statistics_together`], and the filling of every cell at some of the checkpoints, by their places:
    /// axes (checkpoint, cell). They are those of [`Backend::trace`].
    ///
    /// # Errors
    /// As [`Backend::statistics`].
    ///
    /// # Panics
    /// If a checkpoint is beyond the last.
    fn statistics_with_fillings(
        &self,
        jobs: &[&Job],
        checkpoints: &[usize],
        progress: Progress,
    ) -> Result<Vec<(Tally, Array2<f32>)>, BackendError> {
        let with_fillings = |(job, tally): (&&Job, Tally)| {
            let fillings = fillings_of(job, checkpoints, &|cells: &CellSet| self.trace(job, cells))?;
            Ok((tally, fillings))
        };
        jobs.iter().zip(self.statistics_together(jobs, progress)?).map(with_fillings).collect()
    }

    /// Reads chosen cells at every checkpoint.
    ///
    /// # Errors
    /// As [`Backend::statistics`].
    fn trace(&self, job: &Job, cells: &CellSet) -> Result<Trace, BackendError>;

    /// Moves chosen cells through a stimulus, from and to the occupancies given, and says what was seen.
    ///
    /// `occupancy` has axes (cell, class): the cells in the order of `cells`, the material's classes.
    ///
    /// # Errors
    /// [`BackendError::Lengths`] where `occupancy` has another shape; else as [`Backend::statistics`]. The occupancies
    /// are then as before.
    fn stimulate(
        &self,
        stimulus: &Stimulus,
        cells: &[u64],
        occupancy: &mut Array2<f64>,
    ) -> Result<Response, BackendError>;

    /// Statistics of the bake of a job that begins with given occupancies, as [`Backend::statistics`] has them of cells
    /// that the job programmed: axes (cell, class), the cells in the order of `cells`.
    ///
    /// What a backend does not say itself is computed in f64, cell by cell.
    ///
    /// # Errors
    /// As [`Backend::statistics`].
    fn reduce(&self, job: &Job, cells: &[u64], occupancy: &Array2<f64>) -> Result<Tally, BackendError> {
        Ok(reference::reduce(job, cells, occupancy))
    }

    /// The same cells, read at every checkpoint: what [`Backend::trace`] says of cells that the job programmed.
    ///
    /// What a backend does not say itself is computed in f64, cell by cell.
    fn trace_given(&self, job: &Job, cells: &[u64], occupancy: &Array2<f64>) -> Trace {
        reference::trace(job, cells, occupancy)
    }

    /// Moves chosen cells, each under its own bias and at its own temperature, from and to the occupancies given:
    /// axes (cell, class).
    ///
    /// What a backend does not say itself is computed in f64, cell by cell.
    ///
    /// # Errors
    /// As [`Backend::statistics`].
    fn expose(&self, exposed: &Exposed, cells: &[u64], occupancy: &mut Array2<f64>) -> Result<Response, BackendError> {
        reference::expose(exposed, cells, occupancy)
    }

    /// What iterates for the solver of crossbars in the place of this processor
    /// ([`circuit::Solver::on`](crate::circuit::Solver::on)); `None` where the processor does.
    fn network_device(&self) -> Option<OnDevice<'_>> {
        None
    }

    /// Cells that keep their state between calls: empty, and resident where the backend has memory of its own.
    ///
    /// # Errors
    /// [`BackendError::StateLost`] where a GPU fails while it makes them.
    fn cells<'a>(&'a self, population: Population) -> Result<Box<dyn Cells<'a> + 'a>, BackendError>;
}

/// Numbers of a trace that pass through memory at once, where fillings are taken of it.
const MOST_TRACED: u64 = 1 << 22;

/// The filling of every cell of a job at some of the checkpoints, by a trace of one run of cells after another: axes
/// (checkpoint, cell).
///
/// # Errors
/// What the trace fails with.
///
/// # Panics
/// If a checkpoint is beyond the last.
pub fn fillings_of(
    job: &Job,
    checkpoints: &[usize],
    trace: &dyn Fn(&CellSet) -> Result<Trace, BackendError>,
) -> Result<Array2<f32>, BackendError> {
    let cells = if checkpoints.is_empty() { 0 } else { job.shape.cells() };
    let mut fillings = Array2::zeros((checkpoints.len(), cells as usize));
    let at_once = (MOST_TRACED / job.times_s.len() as u64).max(1);
    for first in (0..cells).step_by(at_once as usize) {
        let count = at_once.min(cells - first);
        let found = trace(&CellSet::run(first, count))?;
        let place = s![.., first as usize..(first + count) as usize];
        fillings.slice_mut(place).assign(&found.filling.select(Axis(0), checkpoints));
    }
    Ok(fillings)
}

/// Why a backend could not be had, or failed.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    #[error(
        "no GPU adapter: {0}; install a Vulkan driver (Debian: apt-get install libvulkan1 mesa-vulkan-drivers) or use --backend cpu"
    )]
    NoAdapter(String),
    #[error("this program was built without the GPU backend; use --backend cpu")]
    WithoutGpu,
    #[error("no adapter {asked}; found: {found}; give a number, a PCI address or a part of a name of these")]
    UnknownAdapter { asked: String, found: String },
    #[error("several adapters have \"{asked}\" in their names: {found}; give the number or the PCI address of one")]
    AmbiguousAdapter { asked: String, found: String },
    #[error("instruction set {asked} is not available on this processor; it has: {found}")]
    InstructionSet { asked: String, found: String },
    #[error("TRAPLINE_GPU_FOLD is {0:?}; it must be shared or subgroups")]
    UnknownFold(String),
    #[error("--threads is {0}; it must be 1 to 1024")]
    Threads(usize),
    #[error(
        "{found} occupancies for {cells} cells of {classes} classes; there must be one for each class of each cell"
    )]
    Lengths { found: usize, classes: usize, cells: usize },
    #[error(
        "what was made for cells of {made_for} (or for another seed, variation or way to take electrons) was given to cells of {cells}; make stimuli with `Population::stimulus`, and jobs with the population's material, seed and variation"
    )]
    OtherCells { made_for: String, cells: String },
    #[error("place {place} is beyond the {cells} cells there are; places count from 0")]
    Place { place: u32, cells: usize },
    #[error("place {place} comes after place {after}; places are ascending, and none is named twice")]
    PlaceOrder { place: u32, after: u32 },
    #[error("{found} {what} where {needed} are needed: one for each row, column or cell of the array")]
    Each { what: &'static str, found: usize, needed: u64 },
    #[error(
        "{bias_v} V at {kelvin} K gives the nominal cell a current of {amperes:e} A; it must be 0 to {:e} A: take a lower bias, or look at \
         how the material's law goes on from where it was measured",
        trapline_model::cell::current::MAX_CURRENT_A
    )]
    Current { bias_v: f64, kelvin: f64, amperes: f64 },
    #[error("{value} is among the {what}; each must be a finite number, and times are not negative")]
    NotFinite { what: &'static str, value: f64 },
    #[error(
        "a cell has {nominal} dots, and one five standard deviations larger {largest}; where electrons are counted there must be 1 at least and {} at most",
        trapline_model::cell::counted::MOST_DOTS
    )]
    Dots { nominal: f64, largest: f64 },
    #[error(
        "cells whose dots are taken one by one are computed by the reference backend, programmed and baked as a whole; take --backend reference, or electrons = \"counted\""
    )]
    EachDot,
    #[error(transparent)]
    Laws(#[from] LawTableError),
    #[error("a snapshot of other cells, or of another device; download the occupancies and upload them instead")]
    OtherState,
    #[error(
        "{adapter}: {stage} failed, and the state of the cells is lost: {reason}; begin again, or from occupancies that were downloaded"
    )]
    StateLost { adapter: String, stage: &'static str, reason: String },
    #[error(
        "less than {} MiB of device memory is too little for one tile of {least_cells} cells, which takes {needed_mib} MiB; raise --device-memory",
        budget_mib + 1
    )]
    Budget { budget_mib: u64, needed_mib: u64, least_cells: u64 },
    #[error("{adapter}: cannot open a device: {reason}")]
    NoDevice { adapter: String, reason: String },
    #[error("{adapter}: {stage} failed in tile {tile} (cells {first} to {last}): {reason}")]
    Device { adapter: String, stage: &'static str, tile: u64, first: u64, last: u64, reason: String },
    #[error(
        "shader {shader} wants the buffer {buffer}, which its operation does not make: a defect of trapline, please report it"
    )]
    NoBuffer { shader: &'static str, buffer: &'static str },
    #[error(
        "{adapter} cannot hold the network of {rows} x {cols} cells: {reason}; take --backend cpu, or a part of the array"
    )]
    Network { adapter: String, rows: usize, cols: usize, reason: String },
    #[error("{adapter}: shader {shader} was refused: {reason}")]
    Shader { adapter: String, shader: &'static str, reason: String },
}
