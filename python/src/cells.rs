//! Cells that keep their state where it is computed.

use std::sync::{Mutex, MutexGuard, TryLockError};

use ndarray::{Array1, Array2, Array3};
use numpy::{IntoPyArray, PyArray2, PyArray3, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use trapline::array::ArrayShape;
use trapline::backend::cells::{self, Population};
use trapline::backend::exposure::Exposure;
use trapline::campaign::file::ElectronsFile;
use trapline::cell::counted::{self, DotNumber, Electrons};
use trapline::failure::Failure;
use trapline::material::Variation;
use trapline::protocol::{MAX_BIAS_V, MAX_DWELL_S, Part, Segment};
use trapline::units::kelvin;
use trapline::{memory, options};

use crate::backends::{self, Asked};
use crate::campaign::electrons;
use crate::material::Material;
use crate::numbers::{Numbers, Taken, within};
use crate::process::away;
use crate::trouble::{Trouble, interrupted};

/// What a handle is called where it cannot be used.
const THESE: &str = "these cells are";

/// Pulses of cells between two looks for Ctrl-C. Electrons that are counted are drawn at the end of each such piece, so
/// that its length is a part of the result: it depends on the cells alone.
const STEPS_A_PIECE: u64 = 1 << 24;

/// Bytes of a cell beside those of its classes: its number, what its drives answer.
const BYTES_OF_CELL: u128 = 96;

/// Longest bake, s.
const MOST_S: f64 = 1e12;

struct Held {
    cells: Box<dyn cells::Cells<'static>>,
    /// Pulses so far: of the variation from cycle to cycle.
    cycle: u32,
}

/// An array of cells with their state.
#[pyclass(frozen, module = "trapline._trapline")]
pub struct Cells {
    held: Mutex<Option<Held>>,
    shape: ArrayShape,
    backend: String,
    electrons: Electrons,
    weights: Vec<f64>,
    seed: u64,
    material: String,
}

/// The state of cells at one moment.
#[pyclass(frozen, module = "trapline._trapline")]
pub struct Snapshot {
    of: cells::Snapshot,
    material: String,
    cells: u64,
}

/// How cells are made.
#[derive(FromPyObject, Debug, Clone)]
#[pyo3(from_item_all)]
pub struct Made {
    rows: u64,
    cols: u64,
    seed: u64,
    variation: bool,
    electrons: Option<String>,
}

fn temperature_k(celsius: f64) -> Result<f64, Failure> {
    Ok(kelvin(within("celsius", celsius, -270.0, 1000.0, "C")?))
}

/// A bias of a reading.
fn read_bias(read_v: f64) -> Result<f64, Failure> {
    within("read_v", read_v.abs(), 1e-3, MAX_BIAS_V, "V")?;
    Ok(read_v)
}

/// Current, filling, energy, electrons injected, electrons caught: axes (record, row, column).
type Seen<'py> = [Bound<'py, PyArray3<f64>>; 5];

fn places_of(places: Option<PyReadonlyArray1<'_, u32>>) -> Option<Vec<u32>> {
    places.map(|places| places.as_array().to_vec())
}

impl Cells {
    fn lock(&self) -> Result<MutexGuard<'_, Option<Held>>, Trouble> {
        match self.held.try_lock() {
            Ok(held) => Ok(held),
            Err(TryLockError::WouldBlock) => Err(Trouble::InUse(THESE)),
            Err(TryLockError::Poisoned(held)) => Ok(held.into_inner()),
        }
    }

    /// The cells, for a call of this thread alone.
    fn taken(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Option<Held>>> {
        // First: in a forked process the lock may be one that nobody opens.
        away(py, || Ok(()))?;
        Ok(self.lock()?)
    }

    /// Does something with the cells while the interpreter's lock is free.
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Held) -> Result<T, Trouble> + Send) -> PyResult<T> {
        with(py, &mut *self.taken(py)?, work)
    }

    fn as_array<'py>(&self, py: Python<'py>, values: Array1<f64>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let shape = (self.shape.rows as usize, self.shape.cols as usize);
        let values = values.into_shape_with_order(shape).map_err(|error| Trouble::Defect(error.to_string()))?;
        Ok(values.into_pyarray(py))
    }
}

/// Does something with cells that were taken. A defect takes them away: nobody knows what state it left.
fn with<T: Send>(
    py: Python<'_>,
    taken: &mut Option<Held>,
    work: impl FnOnce(&mut Held) -> Result<T, Trouble> + Send,
) -> PyResult<T> {
    let held = taken.as_mut().ok_or(Trouble::Closed(THESE))?;
    let mut came_back = false;
    let done = away(py, || {
        let done = work(held);
        came_back = true;
        done
    });
    if !came_back {
        *taken = None;
    }
    done
}

/// A response as arrays of the whole array; cells that were left out are NaN.
fn spread(response: [Array2<f64>; 5], shape: ArrayShape, places: Option<&[u32]>) -> [Array3<f64>; 5] {
    let (rows, cols) = (shape.rows as usize, shape.cols as usize);
    response.map(|of| {
        let records = of.nrows();
        match places {
            None => of.into_shape_with_order((records, rows, cols)).unwrap_or_else(|_| Array3::zeros((0, rows, cols))),
            Some(places) => {
                let mut all = Array3::from_elem((records, rows, cols), f64::NAN);
                for (at, &place) in places.iter().enumerate() {
                    let place = place as usize;
                    for record in 0..records {
                        all[[record, place / cols, place % cols]] = of[[record, at]];
                    }
                }
                all
            }
        }
    })
}

#[pymethods]
impl Cells {
    #[new]
    fn new(py: Python<'_>, material: &Material, made: Made, asked: Asked) -> PyResult<Cells> {
        let material = &material.0;
        let name = material.name.clone();
        away(py, || {
            let shape = ArrayShape { rows: made.rows, cols: made.cols };
            let variation = if made.variation { material.variation } else { Variation::OFF };
            let counted = Electrons::Counted(DotNumber::Poisson);
            let electrons = match made.electrons.as_deref().map(electrons).transpose()? {
                Some(ElectronsFile::MeanField) => Electrons::MeanField,
                Some(ElectronsFile::Counted) => counted,
                Some(ElectronsFile::EachDot) => {
                    let told = "electrons is \"each-dot\"; it must be counted or mean-field: cells whose dots are taken \
                                one by one are computed in campaigns";
                    return Err(Failure::Usage(told.to_owned()).into());
                }
                None if counted::most_dots(material, &variation) > counted::MOST_DOTS => Electrons::MeanField,
                None => counted,
            };
            let backend = backends::opened(&asked)?;
            let cells = u128::from(shape.rows) * u128::from(shape.cols);
            let what = format!("an array of {} x {}, {cells} cells,", shape.rows, shape.cols);
            let needed = cells * (16 * material.classes.len() as u128 + BYTES_OF_CELL);
            options::afford(&what, needed, memory::available(), "make a smaller one")?;
            if cells > u128::from(u32::MAX) {
                let limit = u32::MAX;
                return Err(Failure::Usage(format!("{what} is too large; it must be of at most {limit} cells")).into());
            }
            let population = Population::array(material, variation, made.seed, shape).electrons(electrons);
            let held = Held { cells: backend.cells(population)?, cycle: 0 };
            Ok(Cells {
                held: Mutex::new(Some(held)),
                shape,
                backend: backend.identity().backend,
                electrons,
                weights: material.classes.iter().map(|class| class.weight).collect(),
                seed: made.seed,
                material: name,
            })
        })
    }

    #[getter]
    fn shape(&self) -> (u64, u64) {
        (self.shape.rows, self.shape.cols)
    }

    #[getter]
    fn backend(&self) -> &str {
        &self.backend
    }

    #[getter]
    fn electrons(&self) -> &'static str {
        if self.electrons.are_counted() { "counted" } else { "mean-field" }
    }

    #[getter]
    fn seed(&self) -> u64 {
        self.seed
    }

    #[getter]
    fn material(&self) -> &str {
        &self.material
    }

    /// Weights of the trap classes, which sum to 1.
    #[getter]
    fn weights(&self) -> Vec<f64> {
        self.weights.clone()
    }

    #[getter]
    fn closed(&self) -> bool {
        self.lock().is_ok_and(|held| held.is_none())
    }

    #[allow(clippy::too_many_arguments)] // a train, and where it goes
    fn pulse(
        &self,
        py: Python<'_>,
        bias_v: f64,
        width_s: f64,
        count: u32,
        interval_s: f64,
        celsius: f64,
        places: Option<PyReadonlyArray1<'_, u32>>,
    ) -> PyResult<()> {
        let places = places_of(places);
        let part = Part::Pulses { pulses: count, amplitude_v: bias_v, width_s, interval_s };
        let in_python = |key: &str| match key {
            "amplitude_v" => "bias_v",
            "pulses" => "count",
            _ => "",
        };
        part.checked().map_err(|wrong| {
            let name = Some(in_python(wrong.key)).filter(|name| !name.is_empty()).unwrap_or(wrong.key);
            Trouble::from(Failure::Usage(format!("{name} is {}; it must be {}", wrong.value, wrong.limit)))
        })?;
        let ambient_k = temperature_k(celsius).map_err(Trouble::from)?;
        let cells = places.as_ref().map_or(self.shape.cells(), |places| places.len() as u64).max(1);
        let piece = u32::try_from((STEPS_A_PIECE / cells).max(1)).unwrap_or(u32::MAX);
        // Nobody else uses the cells between two pieces.
        let mut taken = self.taken(py)?;
        let mut given = 0;
        while given < count {
            let now = piece.min(count - given);
            with(py, &mut taken, |held| {
                let part = Part::Pulses { pulses: now, amplitude_v: bias_v, width_s, interval_s };
                let segments: Vec<_> = part.segments(held.cycle).into_iter().map(|of| (of, false)).collect();
                let stimulus = held.cells.population().stimulus(ambient_k, &segments);
                held.cells.advance(&stimulus, places.as_deref())?;
                held.cycle = held.cycle.saturating_add(now).min(u32::MAX - 1);
                Ok(())
            })?;
            given += now;
            if given < count {
                let kept =
                    || format!("interrupted: {given} of {count} pulses are given, and the cells are as they left them");
                py.check_signals().map_err(|error| interrupted(py, error, kept))?;
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)] // lists of one length each
    fn drive<'py>(
        &self,
        py: Python<'py>,
        bias_v: PyReadonlyArray1<'py, f64>,
        dwell_s: PyReadonlyArray1<'py, f64>,
        recorded: PyReadonlyArray1<'py, bool>,
        pulse: PyReadonlyArray1<'py, u32>,
        celsius: f64,
        places: Option<PyReadonlyArray1<'py, u32>>,
    ) -> PyResult<Seen<'py>> {
        let (bias_v, dwell_s) = (bias_v.as_array().to_vec(), dwell_s.as_array().to_vec());
        let (recorded, pulse) = (recorded.as_array().to_vec(), pulse.as_array().to_vec());
        let places = places_of(places);
        let shape = self.shape;
        let seen = self.with(py, |held| {
            let ambient_k = temperature_k(celsius)?;
            let mut segments = Vec::with_capacity(bias_v.len());
            let mut last = 0;
            for (((&bias_v, &dwell_s), &recorded), &pulse) in bias_v.iter().zip(&dwell_s).zip(&recorded).zip(&pulse) {
                within("bias_v", bias_v, -MAX_BIAS_V, MAX_BIAS_V, "V")?;
                within("dwell_s", dwell_s, 0.0, MAX_DWELL_S, "s")?;
                let cycle = held.cycle.saturating_add(pulse).min(u32::MAX - 1);
                last = last.max(cycle);
                segments.push((Segment { bias_v, dwell_s, cycle }, recorded));
            }
            let records = segments.iter().filter(|(_, recorded)| *recorded).count() as u128;
            let needed = 80 * records * u128::from(shape.cells());
            options::afford("what is recorded", needed, memory::available(), "record fewer segments")?;
            let stimulus = held.cells.population().stimulus(ambient_k, &segments);
            let seen = held.cells.advance(&stimulus, places.as_deref())?;
            held.cycle = last.saturating_add(1).min(u32::MAX - 1);
            let seen = [seen.current_a, seen.filling, seen.energy_j, seen.injected, seen.caught];
            Ok(spread(seen, shape, places.as_deref()))
        })?;
        Ok(seen.map(|of| of.into_pyarray(py)))
    }

    #[allow(clippy::too_many_arguments)] // an exposure, and where it goes
    fn expose<'py>(
        &self,
        py: Python<'py>,
        bias_v: Numbers<'py>,
        celsius: Numbers<'py>,
        dwell_s: f64,
        recorded: bool,
        places: Option<PyReadonlyArray1<'py, u32>>,
    ) -> PyResult<Seen<'py>> {
        let (bias_v, celsius, places) = (bias_v.taken(), celsius.taken(), places_of(places));
        let shape = self.shape;
        let seen = self.with(py, |held| {
            bias_v.checked("bias_v", (-MAX_BIAS_V, MAX_BIAS_V), "V")?;
            celsius.checked("celsius", (-270.0, 1000.0), "C")?;
            within("dwell_s", dwell_s, 0.0, MAX_DWELL_S, "s")?;
            let temperature_k = match &celsius {
                Taken::One(value) => Taken::One(kelvin(*value)),
                Taken::Each(all) => Taken::Each(all.iter().map(|value| kelvin(*value)).collect()),
            };
            let exposure = Exposure {
                bias_v: bias_v.each(),
                temperature_k: temperature_k.each(),
                dwell_s,
                cycle: held.cycle,
                recorded,
            };
            let seen = held.cells.expose(&exposure, places.as_deref())?;
            held.cycle = held.cycle.saturating_add(1).min(u32::MAX - 1);
            let seen = [seen.current_a, seen.filling, seen.energy_j, seen.injected, seen.caught];
            Ok(spread(seen, shape, places.as_deref()))
        })?;
        Ok(seen.map(|of| of.into_pyarray(py)))
    }

    fn bake(&self, py: Python<'_>, celsius: f64, seconds: f64) -> PyResult<()> {
        self.with(py, |held| {
            let temperature_k = temperature_k(celsius)?;
            within("seconds", seconds, 0.0, MOST_S, "s")?;
            Ok(held.cells.bake(temperature_k, seconds)?)
        })
    }

    fn conductance<'py>(&self, py: Python<'py>, read_v: f64, celsius: f64) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let conductance_s = self.with(py, |held| {
            let read_v = read_bias(read_v)?;
            Ok(held.cells.read(read_v, temperature_k(celsius)?)?)
        })?;
        self.as_array(py, conductance_s)
    }

    fn filling<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let weights = Array1::from(self.weights.clone());
        let filling = self.with(py, |held| Ok(held.cells.download()?.dot(&weights)))?;
        self.as_array(py, filling)
    }

    /// Axes (cell, class).
    fn occupancy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        Ok(self.with(py, |held| Ok(held.cells.download()?))?.into_pyarray(py))
    }

    fn set_occupancy(&self, py: Python<'_>, occupancy: PyReadonlyArray2<'_, f64>) -> PyResult<()> {
        let occupancy = occupancy.as_array().to_owned();
        self.with(py, |held| Ok(held.cells.upload(&occupancy)?))
    }

    fn empty(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |held| Ok(held.cells.empty()?))
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let (material, cells) = (self.material.clone(), self.shape.cells());
        self.with(py, |held| Ok(Snapshot { of: held.cells.snapshot()?, material, cells }))
    }

    fn restore(&self, py: Python<'_>, snapshot: &Snapshot) -> PyResult<()> {
        let (of, own) = (snapshot.words(), format!("{} cells of {}", self.shape.cells(), self.material));
        if of != own {
            let told = format!("snapshot is of {of}; it must be of these {own}, or of others like them");
            return Err(Trouble::from(Failure::Usage(told)).into());
        }
        self.with(py, |held| Ok(held.cells.restore(&snapshot.of)?))
    }

    fn copy(&self, py: Python<'_>) -> PyResult<Cells> {
        let held = self.with(py, |held| Ok(Held { cells: held.cells.fork()?, cycle: held.cycle }))?;
        Ok(Cells {
            held: Mutex::new(Some(held)),
            shape: self.shape,
            backend: self.backend.clone(),
            electrons: self.electrons,
            weights: self.weights.clone(),
            seed: self.seed,
            material: self.material.clone(),
        })
    }

    fn close(&self) -> PyResult<()> {
        *self.lock()? = None;
        Ok(())
    }
}

impl Snapshot {
    fn words(&self) -> String {
        format!("{} cells of {}", self.cells, self.material)
    }
}

#[pymethods]
impl Snapshot {
    fn __repr__(&self) -> String {
        format!("<trapline.Snapshot of {}>", self.words())
    }
}
