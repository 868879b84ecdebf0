//! Cells that keep their state between calls, where it is computed: on the device for [`gpu`](super::gpu), in memory for the others.
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
//! Dropping the cells frees what they take of the device. An array that a device's memory budget does not hold is kept on the host and goes
//! through the device a tile at a time, behind the same calls.

use super::stimulus::{Response, Stimulus};
use super::{Backend, BackendError};
use ndarray::{Array1, Array2, Axis};
use trapline_model::array::CellSet;
use trapline_model::material::{Material, Variation};
use trapline_model::protocol::Segment;

/// Which cells these are, and how they differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    pub material: Material,
    /// The material's, or [`Variation::OFF`].
    pub variation: Variation,
    pub seed: u64,
    /// Numbers of the cells in their array; a cell's draws depend on nothing but its number and the seed.
    pub numbers: Vec<u64>,
}

impl Population {
    pub fn new(material: &Material, variation: Variation, seed: u64, numbers: Vec<u64>) -> Population {
        Population { material: material.clone(), variation, seed, numbers }
    }

    /// The cells of a set, in its order.
    pub fn of_set(material: &Material, variation: Variation, seed: u64, cells: &CellSet) -> Population {
        Population::new(material, variation, seed, (0..cells.count).map(|i| cells.number(i)).collect())
    }

    /// A stimulus for these cells: segments of constant bias at a temperature, each with whether it is recorded.
    pub fn stimulus(&self, ambient_k: f64, segments: &[(Segment, bool)]) -> Stimulus {
        Stimulus::new(&self.material, self.variation, self.seed, ambient_k, segments)
    }

    /// Number of trap classes.
    pub fn classes(&self) -> usize {
        self.material.classes.len()
    }

    /// Refuses a stimulus for other cells, and places that are none.
    pub(super) fn check(&self, stimulus: &Stimulus, places: Option<&[u32]>) -> Result<(), BackendError> {
        let alike = stimulus.seed == self.seed
            && stimulus.variation == self.variation
            && stimulus.material.classes == self.material.classes;
        if !alike {
            return Err(BackendError::OtherCells {
                made_for: stimulus.material.name.clone(),
                cells: self.material.name.clone(),
            });
        }
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
/// Only a GPU can fail at computing. A device that is lost takes the state with it ([`BackendError::StateLost`]): begin again, or from
/// occupancies that were downloaded before.
pub trait Cells<'a>: Send + Sync {
    /// Which cells these are.
    fn population(&self) -> &Population;

    /// Moves all cells, or those at `places` of the population (ascending), through a stimulus, and says what was recorded: axes
    /// (row, cell), the cells in the order of the places.
    ///
    /// # Errors
    /// [`BackendError::OtherCells`], [`BackendError::Place`], [`BackendError::PlaceOrder`].
    fn advance(&mut self, stimulus: &Stimulus, places: Option<&[u32]>) -> Result<Response, BackendError>;

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

    /// The same cells in the same state once more, to be treated differently.
    ///
    /// # Errors
    /// As [`Cells::advance`].
    fn fork(&self) -> Result<Box<dyn Cells<'a> + 'a>, BackendError>;

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
}

impl<'a, B: Backend + ?Sized> HostCells<'a, B> {
    /// Empty cells.
    pub fn new(backend: &'a B, population: Population) -> HostCells<'a, B> {
        let occupancy = Array2::zeros((population.numbers.len(), population.classes()));
        HostCells { backend, population, occupancy }
    }
}

impl<'a, B: Backend + ?Sized> Cells<'a> for HostCells<'a, B> {
    fn population(&self) -> &Population {
        &self.population
    }

    fn advance(&mut self, stimulus: &Stimulus, places: Option<&[u32]>) -> Result<Response, BackendError> {
        self.population.check(stimulus, places)?;
        let Some(places) = places else {
            return self.backend.stimulate(stimulus, &self.population.numbers, &mut self.occupancy);
        };
        let places: Vec<usize> = places.iter().map(|&place| place as usize).collect();
        let numbers: Vec<u64> = places.iter().map(|&place| self.population.numbers[place]).collect();
        let mut part = self.occupancy.select(Axis(0), &places);
        let response = self.backend.stimulate(stimulus, &numbers, &mut part)?;
        for (&place, row) in places.iter().zip(part.rows()) {
            self.occupancy.row_mut(place).assign(&row);
        }
        Ok(response)
    }

    fn download(&self) -> Result<Array2<f64>, BackendError> {
        Ok(self.occupancy.clone())
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
        let (population, occupancy) = (self.population.clone(), self.occupancy.clone());
        Ok(Box::new(HostCells { backend: self.backend, population, occupancy }))
    }
}
