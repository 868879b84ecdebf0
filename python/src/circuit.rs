//! Crossbars as circuits: conductances given, currents found, each with its certified bound.

use ndarray::{Array2, ArrayView1};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use trapline::backend::Backend;
use trapline::circuit::many::MOST_CELLS_SIDE_BY_SIDE;
use trapline::circuit::{
    self, Accuracy, Axis, Currents, Reading, Solution, SolveError, Solver, Transfer, Unselected, Wire,
};
use trapline::failure::Failure;
use trapline::{memory, options};

use crate::backends::{self, Asked};
use crate::process::away;
use crate::trouble::{Trouble, interrupted};

/// A wire: the same resistance in every segment, or each its own, ohm.
#[derive(FromPyObject)]
enum Segments<'py> {
    One(f64),
    Each(PyReadonlyArray1<'py, f64>),
}

impl Segments<'_> {
    fn wire(self) -> Wire {
        match self {
            Segments::One(ohm) => Wire::Uniform(ohm),
            Segments::Each(ohm) => Wire::Segments(ohm.as_array().to_vec()),
        }
    }
}

/// What is around the array.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Around<'py> {
    word_wire: Segments<'py>,
    bit_wire: Segments<'py>,
    source_ohm: f64,
    sense_ohm: f64,
    both_ends: bool,
    relative: f64,
    each_column: bool,
}

/// Conductances with their wires. It does not change, so that any number of threads may read it.
#[pyclass(frozen, module = "trapline._trapline")]
pub struct Crossbar {
    conductance_s: Array2<f64>,
    reading: Reading,
    accuracy: Accuracy,
    backend: Option<&'static dyn Backend>,
}

/// Vectors of a small array that are read before an interrupt is looked for.
const VECTORS_AT_ONCE: usize = 64;

fn refused(error: SolveError) -> Trouble {
    Trouble::Told(match error {
        SolveError::Network(_) | SolveError::Accuracy(_) => Failure::Usage(error.to_string()),
        _ => Failure::Failed(error.to_string()),
    })
}

fn scheme(name: &str) -> Result<Unselected, Trouble> {
    Ok(match name {
        "grounded" => Unselected::Grounded,
        "floating" => Unselected::Floating,
        "half" => Unselected::Half,
        "third" => Unselected::Third,
        _ => {
            let told = format!("scheme is \"{name}\"; it must be grounded, floating, half or third");
            return Err(Failure::Usage(told).into());
        }
    })
}

impl Crossbar {
    fn solve(&self, crossbar: &circuit::Crossbar<'_>) -> Result<Solution, Trouble> {
        match self.backend {
            Some(backend) => circuit::solve_on(backend, crossbar, self.accuracy),
            None => circuit::solve_to(crossbar, self.accuracy),
        }
        .map_err(refused)
    }

    fn rows_at(&self, volts: &[f64]) -> Result<circuit::Crossbar<'_>, Trouble> {
        let crossbar = self.reading.all_rows(self.conductance_s.view(), volts);
        crossbar.map_err(|error| refused(error.into()))
    }
}

/// A solution as arrays and numbers.
fn dictionary<'py>(py: Python<'py>, solution: Solution) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    let Solution { currents, word_v, bit_v, cell_a } = solution;
    all.set_item("column_a", currents.column_a.into_pyarray(py))?;
    all.set_item("row_a", currents.row_a.into_pyarray(py))?;
    all.set_item("word_v", word_v.into_pyarray(py))?;
    all.set_item("bit_v", bit_v.into_pyarray(py))?;
    all.set_item("cell_a", cell_a.into_pyarray(py))?;
    let of = &currents.certificate;
    all.set_item("relative_bound", of.relative())?;
    for (name, value) in [
        ("bound_a", of.bound_a),
        ("residual_a", of.residual_a),
        ("rounding_a", of.floor_a),
        ("total_a", of.total_a),
        ("conservation_a", of.conservation_a),
    ] {
        all.set_item(name, value)?;
    }
    all.set_item("iterations", currents.method.iterations)?;
    let islands = |axis: Axis| -> Vec<usize> {
        currents.islands.iter().filter(|(of, _)| *of == axis).map(|(_, line)| *line).collect()
    };
    all.set_item("dead_rows", islands(Axis::Word))?;
    all.set_item("dead_cols", islands(Axis::Bit))?;
    Ok(all)
}

/// Currents of many vectors (vector, column), and the bound of each, A.
type Many<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>);

/// Weights in S (row, column), currents at 0 V, the bound of a weight's column, S.
type Weights<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<f64>>, f64);

#[pymethods]
impl Crossbar {
    #[new]
    fn new(
        py: Python<'_>,
        conductance_s: PyReadonlyArray2<'_, f64>,
        around: Around<'_>,
        asked: Option<Asked>,
    ) -> PyResult<Crossbar> {
        let conductance_s = conductance_s.as_array().to_owned();
        let reading = Reading {
            word_wire: around.word_wire.wire(),
            bit_wire: around.bit_wire.wire(),
            source_ohm: around.source_ohm,
            sense_ohm: around.sense_ohm,
            both_ends: around.both_ends,
        };
        let (relative, each) = (around.relative, around.each_column);
        let accuracy = if each { Accuracy::of_each_column(relative) } else { Accuracy::of_total(relative) };
        away(py, || {
            let backend = asked.as_ref().map(backends::opened).transpose()?;
            let (rows, cols) = conductance_s.dim();
            let what = format!("an array of {rows} x {cols}, {} cells,", rows * cols);
            let needed = circuit::memory_bytes(rows, cols) + 68 * rows as u128 * cols as u128;
            options::afford(&what, needed, memory::available(), "read a part of it, or on a larger machine")?;
            let made = Crossbar { conductance_s, reading, accuracy, backend };
            // Whatever is wrong with the array or its wires is told here, and not first where it is read.
            made.rows_at(&vec![0.0; rows])?;
            Ok(made)
        })
    }

    #[getter]
    fn shape(&self) -> (usize, usize) {
        self.conductance_s.dim()
    }

    /// Every row at its own voltage, every column sensed at 0 V.
    fn read<'py>(&self, py: Python<'py>, volts: PyReadonlyArray1<'py, f64>) -> PyResult<Bound<'py, PyDict>> {
        let volts = volts.as_array().to_vec();
        let solution = away(py, || self.solve(&self.rows_at(&volts)?))?;
        dictionary(py, solution)
    }

    /// The same of many vectors, one a row, with one factorisation.
    fn read_many<'py>(&self, py: Python<'py>, volts: PyReadonlyArray2<'py, f64>) -> PyResult<Many<'py>> {
        let volts = volts.as_array().to_owned();
        let (vectors, cols) = (volts.nrows(), self.conductance_s.ncols());
        let mut column_a = Array2::zeros((vectors, cols));
        let mut bound_a = vec![0.0; vectors];
        let mut solver = away(py, || {
            let crossbar = self.rows_at(&vec![0.0; volts.ncols()])?;
            Ok(match self.backend {
                Some(backend) => Solver::on(backend, &crossbar),
                None => Solver::new(&crossbar),
            })
        })?;
        // Large arrays are read one after the other anyway.
        let side_by_side = self.backend.is_none() && self.conductance_s.len() <= MOST_CELLS_SIDE_BY_SIDE;
        let most_at_once = if side_by_side { VECTORS_AT_ONCE } else { 1 };
        for first in (0..vectors).step_by(most_at_once) {
            let at_once = most_at_once.min(vectors - first);
            away(py, || {
                let drive =
                    |at: usize| self.reading.all_rows(self.conductance_s.view(), &volts.row(first + at).to_vec());
                let take = |_, currents: Currents| (currents.column_a, currents.certificate.bound_a);
                let found = solver.solve_each(at_once, drive, self.accuracy, take).map_err(refused)?;
                for (at, (currents_a, bound)) in found.into_iter().enumerate() {
                    column_a.row_mut(first + at).assign(&ArrayView1::from(&currents_a));
                    bound_a[first + at] = bound;
                }
                Ok(())
            })?;
            let kept = || format!("interrupted: {} of {vectors} vectors were read, and none is kept", first + at_once);
            py.check_signals().map_err(|error| interrupted(py, error, kept))?;
        }
        Ok((column_a.into_pyarray(py), bound_a.into_pyarray(py)))
    }

    /// One cell at a voltage, the other lines by a scheme.
    fn select<'py>(
        &self,
        py: Python<'py>,
        cell: (usize, usize),
        read_v: f64,
        how: &str,
    ) -> PyResult<Bound<'py, PyDict>> {
        let solution = away(py, || {
            let crossbar = self.reading.one_cell(self.conductance_s.view(), cell, read_v, &scheme(how)?);
            self.solve(&crossbar.map_err(|error| refused(error.into()))?)
        })?;
        dictionary(py, solution)
    }

    /// The array as one matrix.
    fn transfer<'py>(&self, py: Python<'py>) -> PyResult<Weights<'py>> {
        let Transfer { weight_s, offset_a, bound_s, .. } = away(py, || {
            let crossbar = self.rows_at(&vec![0.0; self.conductance_s.nrows()])?;
            match self.backend {
                Some(backend) => Transfer::on(backend, &crossbar, self.accuracy),
                None => Transfer::new(&crossbar, self.accuracy),
            }
            .map_err(refused)
        })?;
        Ok((weight_s.into_pyarray(py), offset_a.into_pyarray(py), bound_s))
    }
}
