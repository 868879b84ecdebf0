//! Cells that keep their state between calls, where it is computed: on the device for [`gpu`](super::gpu), in memory
//! for the others.
//!
//! ```
//! use trapline_engine::backend::{Backend, cells::Population, cpu::Cpu};
//! use trapline_model::{material, protocol::Segment, units::kelvin};
//!
//! let dots = material::shipped("pi-ws2-qd").expect("it comes with the program");
//! let cpu = Cpu::open(None, None)?;
//! let mut cells = cpu.cells(Population::new(&dots, dots.variation, 1, (0..4096).collect()))?;
//! let pulse = Segment { bias_v: 1.5, dwell_s: 1e-3, cycle: 0 };
//! cells.advance(&cells.population().stimulus(kelvin(25.0), &[(pulse, false)]), None)?;
//! cells.bake(kelvin(150.0), 1e5)?;
//! let conductance_s = cells.read(0.1, kelvin(25.0))?;
//! assert_eq!(conductance_s.len(), 4096);
//! # Ok::<(), trapline_engine::backend::BackendError>(())
//! ```
//!
//! Dropping the cells frees what they take of the device. An array that a device's memory budget does not hold is
//! kept on the host and goes through the device a tile at a time, behind the same calls.

use super::exposure::{Exposed, Exposure, Known};
use super::job::{Job, JobError, Program};
use super::stimulus::{Response, Stimulus};
use super::tally::Tally;
use super::{Backend, BackendError, Trace, reference};
use ndarray::{Array1, Array2, Axis};
use trapline_model::array::{ArrayShape, CellSet};
use trapline_model::cell::counted::{self, Electrons};
use trapline_model::material::{Material, Variation};
use trapline_model::protocol::Segment;

/// Which cells these are, and how they differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    pub material: Material,
    /// The material's, or [`Variation::OFF`].
    pub variation: Variation,
    /// How their electrons are taken: as real numbers where [`Population::electrons`] says nothing else.
    pub electrons: Electrons,
    pub seed: u64,
    /// Columns of the array: bit lines.
    pub columns: u64,
    /// Numbers of the cells in their array, row by row; a cell's draws depend on nothing but its number and the seed.
    pub numbers: Vec<u64>,
}

impl Population {
    /// Cells by their numbers, in one row as long as there are numbers.
    pub fn new(material: &Material, variation: Variation, seed: u64, numbers: Vec<u64>) -> Population {
        let columns = numbers.iter().max().map_or(1, |most| most.saturating_add(1));
        Population { material: material.clone(), variation, electrons: Electrons::MeanField, seed, columns, numbers }
    }

    /// The same cells with their electrons taken so.
    #[must_use]
    pub fn electrons(self, electrons: Electrons) -> Population {
        Population { electrons, ..self }
    }

    /// All cells of an array, row by row.
    pub fn array(material: &Material, variation: Variation, seed: u64, shape: ArrayShape) -> Population {
        let numbers = (0..shape.cells()).collect();
        Population { columns: shape.cols, ..Population::new(material, variation, seed, numbers) }
    }

    /// The cells of a set, in its order.
    pub fn of_set(material: &Material, variation: Variation, seed: u64, cells: &CellSet) -> Population {
        Population::new(material, variation, seed, (0..cells.count).map(|i| cells.number(i)).collect())
    }

    /// A stimulus for these cells: segments of constant bias at a temperature, each with whether it is recorded.
    pub fn stimulus(&self, ambient_k: f64, segments: &[(Segment, bool)]) -> Stimulus {
        Stimulus::of(&self.material, self.variation, self.electrons, self.seed, ambient_k, segments)
    }

    /// What a campaign does to such cells, while they are empty, by these segments: see [`Cells::program`].
    ///
    /// # Errors
    /// [`JobError`]: what a campaign would refuse.
    pub fn programming(&self, temperature_k: f64, segments: &[Segment]) -> Result<Stimulus, JobError> {
        let of_these = Material { variation: self.variation, ..self.material.clone() };
        let program = Program::of(segments).at(temperature_k);
        let job = Job::of(&of_these).seed(self.seed).electrons(self.electrons).program(program).build()?;
        Ok(Stimulus { material: self.material.clone(), ..Stimulus::programming(&job) })
    }

    /// Whether their electrons are counted: without traps there are none.
    pub fn is_counted(&self) -> bool {
        self.electrons.are_counted() && self.material.capture.is_some()
    }

    /// Refuses cells whose dots cannot be counted.
    pub(super) fn check_dots(&self) -> Result<(), BackendError> {
        check_by_class(self.electrons)?;
        if !self.is_counted() || counted::can_count(&self.material, &self.variation) {
            return Ok(());
        }
        let nominal = self.material.capture.map_or(0.0, |c| c.traps);
        Err(BackendError::Dots { nominal, largest: counted::most_dots(&self.material, &self.variation) })
    }

    /// Number of trap classes.
    pub fn classes(&self) -> usize {
        self.material.classes.len()
    }

    /// Refuses a stimulus for other cells, and places that are none.
    pub(super) fn check(&self, stimulus: &Stimulus, places: Option<&[u32]>) -> Result<(), BackendError> {
        self.check_made_for(&stimulus.material, &stimulus.variation, stimulus.electrons, stimulus.seed)?;
        stimulus.check_currents()?;
        self.check_places(places)
    }

    /// Refuses a job for other cells.
    pub(super) fn check_job(&self, job: &Job) -> Result<(), BackendError> {
        self.check_made_for(job.material(), job.variation(), job.electrons(), job.seed())
    }

    fn check_made_for(
        &self,
        material: &Material,
        variation: &Variation,
        electrons: Electrons,
        seed: u64,
    ) -> Result<(), BackendError> {
        if seed == self.seed
            && electrons == self.electrons
            && *variation == self.variation
            && *material == self.material
        {
            return Ok(());
        }
        Err(BackendError::OtherCells { made_for: material.name.clone(), cells: self.material.name.clone() })
    }

    /// The stimulus of an exposure under which all cells see the same.
    pub(super) fn alike(&self, exposure: &Exposure) -> Option<Stimulus> {
        // What is no number is refused where each cell's are looked at.
        let (bias_v, temperature_k) = (exposure.bias_v.alike()?, exposure.temperature_k.alike()?);
        let sound = bias_v.is_finite() && temperature_k > 0.0 && temperature_k.is_finite();
        let sound = sound && exposure.dwell_s >= 0.0 && exposure.dwell_s.is_finite();
        if !sound {
            return None;
        }
        let segment = Segment { bias_v, dwell_s: exposure.dwell_s, cycle: exposure.cycle };
        Some(self.stimulus(temperature_k, &[(segment, exposure.recorded)]))
    }

    /// Refuses places that are none.
    pub(super) fn check_places(&self, places: Option<&[u32]>) -> Result<(), BackendError> {
        let Some(places) = places else { return Ok(()) };
        if let Some(pair) = places.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(BackendError::PlaceOrder { place: pair[1], after: pair[0] });
        }
        match places.last() {
            Some(&place) if place as usize >= self.numbers.len() => {
                Err(BackendError::Place { place, cells: self.numbers.len() })
            }
            _ => Ok(()),
        }
    }

    /// Refuses occupancies of another shape than (cell, class).
    pub(super) fn check_occupancy(&self, occupancy: &Array2<f64>) -> Result<(), BackendError> {
        let (cells, classes) = (self.numbers.len(), self.classes());
        if occupancy.dim() == (cells, classes) {
            return Ok(());
        }
        Err(BackendError::Lengths { found: occupancy.len(), classes, cells })
    }
}

/// The state of cells at one moment, to go back to; it stays where the cells are.
#[derive(Debug)]
pub struct Snapshot(pub(super) State);

#[derive(Debug)]
pub(super) enum State {
    Host(Array2<f64>),
    #[cfg(feature = "gpu")]
    Device(super::gpu::DeviceState),
}

/// Cells with their state. They start empty.
///
/// # Errors
/// Only a GPU can fail at computing. A device that is lost takes the state with it ([`BackendError::StateLost`]):
/// begin again, or from occupancies that were downloaded before.
pub trait Cells<'a>: Send + Sync {
    /// Which cells these are.
    fn population(&self) -> &Population;

    /// Moves all cells, or those at `places` of the population (ascending), through a stimulus, and says what was
    /// recorded: axes (row, cell), the cells in the order of the places.
    ///
    /// # Errors
    /// [`BackendError::OtherCells`], [`BackendError::Place`], [`BackendError::PlaceOrder`].
    fn advance(&mut self, stimulus: &Stimulus, places: Option<&[u32]>) -> Result<Response, BackendError>;

    /// Moves all cells, or those at `places`, each under its own bias and at its own temperature, and says what was
    /// recorded, as [`Cells::advance`] does. Where all see the same, it is that call.
    ///
    /// # Errors
    /// As [`Cells::advance`]; [`BackendError::Each`] and [`BackendError::NotFinite`] for numbers that are none or not
    /// as many as the cells; [`BackendError::Laws`] where a law changes too fast for a table.
    fn expose(&mut self, exposure: &Exposure, places: Option<&[u32]>) -> Result<Response, BackendError>;

    /// Occupancy of each class, 0 to 1; axes (cell, class).
    ///
    /// # Errors
    /// As [`Cells::advance`].
    fn download(&self) -> Result<Array2<f64>, BackendError>;

    /// Replaces the occupancies; axes (cell, class). The f32 backends round them.
    ///
    /// # Errors
    /// [`BackendError::Lengths`].
    fn upload(&mut self, occupancy: &Array2<f64>) -> Result<(), BackendError>;

    /// The state as it is now.
    ///
    /// # Errors
    /// As [`Cells::advance`].
    fn snapshot(&self) -> Result<Snapshot, BackendError>;

    /// Goes back to a state of these cells, or of others that are as many and of the same material.
    ///
    /// # Errors
    /// [`BackendError::Lengths`] for the state of others.
    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), BackendError>;

    /// The same cells in the same state once more, to be treated differently. Where electrons are counted both go on with
    /// the same random words, so that the same treatment has the same end; a state that is restored goes on with new ones.
    ///
    /// # Errors
    /// As [`Cells::advance`].
    fn fork(&self) -> Result<Box<dyn Cells<'a> + 'a>, BackendError>;

    /// Programs empty cells as a job does, so that they are those of its statistics: where pulses only fill, they go as one
    /// train, not in the steps of a stimulus, whose error is a few ten-thousandths of the filling.
    ///
    /// # Errors
    /// As [`Cells::advance`].
    fn program(&mut self, job: &Job) -> Result<(), BackendError> {
        self.advance(&Stimulus::programming(job), None).map(|_| ())
    }

    /// Leaves all cells at 0 V and a temperature for a time, s, in one exact step.
    ///
    /// # Errors
    /// As [`Cells::advance`].
    fn bake(&mut self, temperature_k: f64, seconds: f64) -> Result<(), BackendError> {
        let rest = Segment { bias_v: 0.0, dwell_s: seconds, cycle: 0 };
        let stimulus = self.population().stimulus(temperature_k, &[(rest, false)]);
        self.advance(&stimulus, None).map(|_| ())
    }

    /// Conductance of every cell at a bias and temperature, S, without noise. Takes no time and changes nothing.
    ///
    /// # Errors
    /// As [`Cells::advance`].
    fn read(&mut self, read_v: f64, temperature_k: f64) -> Result<Array1<f64>, BackendError> {
        let reading = Segment { bias_v: read_v, dwell_s: 0.0, cycle: 0 };
        let stimulus = self.population().stimulus(temperature_k, &[(reading, true)]);
        let seen = self.advance(&stimulus, None)?;
        Ok(seen.current_a.row(0).mapv(|current_a| current_a / read_v))
    }

    /// Statistics of the bake of a job that begins with the state as it is: what [`Backend::statistics`] says of
    /// cells that the job has programmed. The job's own programming is not applied, and the state stays as it is.
    ///
    /// # Errors
    /// As [`Cells::advance`].
    fn reduce(&self, job: &Job) -> Result<Tally, BackendError>;

    /// What the same bake makes of some of the cells, by their places (ascending), checkpoint by checkpoint: what
    /// [`Backend::trace`] says of cells that the job has programmed, from the state as it is; of cells on a device
    /// computed in f64 on the host.
    ///
    /// # Errors
    /// As [`Cells::advance`].
    fn trace(&self, job: &Job, places: &[u32]) -> Result<Trace, BackendError> {
        let population = self.population();
        population.check_job(job)?;
        population.check_places(Some(places))?;
        let places: Vec<usize> = places.iter().map(|&place| place as usize).collect();
        let numbers: Vec<u64> = places.iter().map(|&place| population.numbers[place]).collect();
        Ok(self.trace_given(job, &numbers, &self.download()?.select(Axis(0), &places)))
    }

    /// See [`Backend::trace_given`].
    fn trace_given(&self, job: &Job, numbers: &[u64], occupancy: &Array2<f64>) -> Trace {
        reference::trace(job, numbers, occupancy)
    }

    /// Takes the cells' charge away.
    ///
    /// # Errors
    /// As [`Cells::advance`].
    fn empty(&mut self) -> Result<(), BackendError> {
        let dim = (self.population().numbers.len(), self.population().classes());
        self.upload(&Array2::zeros(dim))
    }
}

/// Cells whose state is in the host's memory, moved by a backend a call at a time.
pub struct HostCells<'a, B: Backend + ?Sized> {
    backend: &'a B,
    population: Population,
    /// Axes (cell, class).
    occupancy: Array2<f64>,
    /// Times that their electrons were drawn.
    draws: u32,
    known: Known,
}

impl<'a, B: Backend + ?Sized> HostCells<'a, B> {
    /// Empty cells.
    pub fn new(backend: &'a B, population: Population) -> HostCells<'a, B> {
        let occupancy = Array2::zeros((population.numbers.len(), population.classes()));
        HostCells { backend, population, occupancy, draws: 0, known: Known::default() }
    }
}

impl<B: Backend + ?Sized> HostCells<'_, B> {
    /// The same cells, whose electrons have been drawn so many times.
    #[cfg(feature = "gpu")]
    pub(super) fn after(self, draws: u32) -> Self {
        HostCells { draws, ..self }
    }

    /// Moves the cells at some places: `moved` is told the places, the numbers of the cells and their occupancies.
    fn some(
        &mut self,
        places: &[u32],
        moved: impl FnOnce(&B, &[usize], &[u64], &mut Array2<f64>) -> Result<Response, BackendError>,
    ) -> Result<Response, BackendError> {
        let places: Vec<usize> = places.iter().map(|&place| place as usize).collect();
        let numbers: Vec<u64> = places.iter().map(|&place| self.population.numbers[place]).collect();
        let mut part = self.occupancy.select(Axis(0), &places);
        let response = moved(self.backend, &places, &numbers, &mut part)?;
        for (&place, row) in places.iter().zip(part.rows()) {
            self.occupancy.row_mut(place).assign(&row);
        }
        Ok(response)
    }
}

impl<'a, B: Backend + ?Sized> Cells<'a> for HostCells<'a, B> {
    fn population(&self) -> &Population {
        &self.population
    }

    fn advance(&mut self, stimulus: &Stimulus, places: Option<&[u32]>) -> Result<Response, BackendError> {
        self.population.check(stimulus, places)?;
        let numbered;
        let stimulus = if stimulus.electrons.are_counted() {
            numbered = stimulus.clone().after(self.draws);
            self.draws = self.draws.wrapping_add(stimulus.draws());
            &numbered
        } else {
            stimulus
        };
        match places {
            None => self.backend.stimulate(stimulus, &self.population.numbers, &mut self.occupancy),
            Some(places) => self.some(places, |backend, _, numbers, part| backend.stimulate(stimulus, numbers, part)),
        }
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
            let seen = match places {
                None => self.backend.expose(&part, &self.population.numbers, &mut self.occupancy)?,
                Some(places) => self.some(places, |backend, places, numbers, occupancy| {
                    backend.expose(&part.of_places(places), numbers, occupancy)
                })?,
            };
            response = Some(Response::after(response, seen));
        }
        response.ok_or(BackendError::NotFinite { what: "substeps", value: 0.0 })
    }

    fn reduce(&self, job: &Job) -> Result<Tally, BackendError> {
        self.population.check_job(job)?;
        self.backend.reduce(job, &self.population.numbers, &self.occupancy)
    }

    fn download(&self) -> Result<Array2<f64>, BackendError> {
        Ok(self.occupancy.clone())
    }

    fn trace_given(&self, job: &Job, numbers: &[u64], occupancy: &Array2<f64>) -> Trace {
        self.backend.trace_given(job, numbers, occupancy)
    }

    fn upload(&mut self, occupancy: &Array2<f64>) -> Result<(), BackendError> {
        self.population.check_occupancy(occupancy)?;
        self.occupancy.assign(occupancy);
        Ok(())
    }

    fn snapshot(&self) -> Result<Snapshot, BackendError> {
        Ok(Snapshot(State::Host(self.occupancy.clone())))
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), BackendError> {
        match &snapshot.0 {
            State::Host(occupancy) => self.upload(occupancy),
            #[cfg(feature = "gpu")]
            State::Device(_) => Err(BackendError::OtherState),
        }
    }

    fn fork(&self) -> Result<Box<dyn Cells<'a> + 'a>, BackendError> {
        let (population, occupancy, known) = (self.population.clone(), self.occupancy.clone(), self.known.clone());
        Ok(Box::new(HostCells { backend: self.backend, population, occupancy, draws: self.draws, known }))
    }
}

/// Refuses cells whose dots are taken one by one.
pub(super) fn check_by_class(electrons: Electrons) -> Result<(), BackendError> {
    match electrons {
        Electrons::EachDot(_) => Err(BackendError::EachDot),
        Electrons::MeanField | Electrons::Counted(_) => Ok(()),
    }
}
