//! Many vectors of inputs to one array.
//!
//! An array of linear cells is one matrix: as many solves as it has lines on its shorter side make it, and each vector
//! is a product. Fewer vectors than that are solved one by one, with one factorisation. Nonlinear cells are solved for
//! each vector.

use super::law::solved;
use super::{
    Adc, ArrayReadError, Cells, ErrorStatistics, Setup, check, converter, ideal_of_columns, noise_of_column, noisy,
};
use ndarray::{Array1, Array2, ArrayView2, Axis as Dim};
use trapline_engine::backend::Backend;
use trapline_engine::circuit::error::MOST_END_V;
use trapline_engine::circuit::{Axis, Currents, NetworkError, Solver, Transfer};
use trapline_model::dataset::Dataset;
use trapline_model::units::{ELEMENTARY_CHARGE_C, thermal_energy_ev};

/// What is seen at all bit lines for each vector of inputs. Shape of the arrays: (vectors, columns).
#[derive(Debug, Clone, PartialEq)]
pub struct BatchReading {
    /// Voltages of the word lines, V: (vectors, rows).
    pub input_v: Array2<f64>,
    /// Currents without wires, A.
    pub ideal_a: Array2<f64>,
    /// With them, A.
    pub wired_a: Array2<f64>,
    /// Standard deviation of the noise of one reading, A. Of linear cells at the voltages of the sources: what wires
    /// drop is left out of it.
    pub noise_a: Array2<f64>,
    /// One reading, with its noise, A.
    pub read_a: Array2<f64>,
    /// The converter and its codes.
    pub converted: Option<(Adc, Array2<u64>)>,
    /// Errors of what is known in the end against the ideal currents, and of the wires alone, over all vectors.
    pub errors: ErrorStatistics,
    pub errors_of_wires: ErrorStatistics,
    /// Bound of the error of any current, A.
    pub bound_a: f64,
    /// What each network was solved to, over its total current.
    pub relative: f64,
    /// Current of each column per volt at each row through the wires, S: (rows, columns). None of nonlinear cells, and
    /// where the vectors were solved one by one.
    pub weight_s: Option<Array2<f64>>,
    /// Networks that were solved, and iterations of all of them.
    pub solves: usize,
    pub iterations: usize,
}

/// Currents through the wires and their noise, with what they cost.
struct Wired {
    wired_a: Array2<f64>,
    ideal_a: Array2<f64>,
    noise_a: Array2<f64>,
    bound_a: f64,
    weight_s: Option<Array2<f64>>,
    solves: usize,
    iterations: usize,
}

/// Reads an array at many vectors of inputs, V: (vectors, rows); all word lines are driven, all bit lines sensed.
/// `weights` asks for the effective weights of linear cells however few vectors there are.
///
/// # Errors
/// [`ArrayReadError`].
pub fn read_batch(
    backend: &dyn Backend,
    cells: &Cells,
    input_v: ArrayView2<'_, f64>,
    setup: &Setup,
    weights: bool,
) -> Result<BatchReading, ArrayReadError> {
    check(setup)?;
    let (lines, found) = (cells.conductance_s.nrows(), input_v.ncols());
    if found != lines {
        return Err(NetworkError::Inputs { axis: Axis::Word, found, lines }.into());
    }
    let sound = |volts: f64| (-MOST_END_V..=MOST_END_V).contains(&volts);
    if let Some(((_, line), &volts)) = input_v.indexed_iter().find(|(_, volts)| !sound(**volts)) {
        return Err(NetworkError::Volts { axis: Axis::Word, line, volts }.into());
    }
    let (rows, cols) = cells.conductance_s.dim();
    let wired = match cells.is_linear() {
        true if weights || input_v.nrows() >= rows.min(cols) => by_weights(backend, cells, input_v, setup)?,
        true => by_vectors(backend, cells, input_v, setup)?,
        false => one_by_one(backend, cells, input_v, setup)?,
    };
    let Wired { wired_a, ideal_a, noise_a, bound_a, weight_s, solves, iterations } = wired;
    let read_a = Array2::from_shape_fn(wired_a.dim(), |(vector, col)| {
        noisy(setup, col, vector as u32, wired_a[[vector, col]], noise_a[[vector, col]])
    });
    let both: Vec<f64> = ideal_a.iter().chain(&wired_a).copied().collect();
    let converted = converter(setup, &both)?.map(|adc| (adc, read_a.mapv(|a| adc.code(a))));
    let known_a: Vec<f64> = match &converted {
        Some((adc, codes)) => codes.iter().map(|code| adc.current_a(*code)).collect(),
        None => read_a.iter().copied().collect(),
    };
    let list = |array: &Array2<f64>| array.iter().copied().collect::<Vec<f64>>();
    let mut errors = ErrorStatistics::of(&list(&ideal_a), &known_a);
    if let Some((adc, _)) = &converted {
        errors.effective_bits = errors.effective_bits.min(f64::from(adc.bits));
    }
    Ok(BatchReading {
        errors_of_wires: ErrorStatistics::of(&list(&ideal_a), &list(&wired_a)),
        input_v: input_v.to_owned(),
        ideal_a,
        wired_a,
        noise_a,
        read_a,
        converted,
        errors,
        bound_a,
        relative: setup.accuracy,
        weight_s,
        solves,
        iterations,
    })
}

/// Linear cells: the array as one matrix.
fn by_weights(
    backend: &dyn Backend,
    cells: &Cells,
    input_v: ArrayView2<'_, f64>,
    setup: &Setup,
) -> Result<Wired, ArrayReadError> {
    let conductance_s = &cells.conductance_s;
    let (rows, cols) = conductance_s.dim();
    let crossbar = setup.periphery.all_rows(conductance_s.view(), &vec![0.0; rows])?;
    let transfer = Transfer::on(backend, &crossbar, setup.accuracy())?;
    let wired_a = transfer.apply(input_v)?;
    // The bound is of the weights of one solve together: those of a column, of which each is taken once, or those of a
    // row, of which one is taken of each. Sums of products add their roundings.
    let most_v = |vector: ndarray::ArrayView1<'_, f64>| -> f64 {
        let magnitudes = vector.iter().map(|v| v.abs());
        if cols <= rows { magnitudes.fold(0.0, f64::max) } else { magnitudes.sum() }
    };
    let reach_v = input_v.outer_iter().map(most_v).fold(0.0, f64::max);
    let magnitude_a = input_v.mapv(f64::abs).dot(&transfer.weight_s).iter().fold(0.0, |most: f64, a| most.max(*a));
    let bound_a = reach_v * transfer.bound_s + (rows as f64 + 2.0) * f64::EPSILON * magnitude_a;
    Ok(Wired {
        wired_a,
        ideal_a: input_v.dot(conductance_s),
        noise_a: noise_at_sources(conductance_s, input_v, setup),
        bound_a,
        solves: transfer.solves,
        iterations: transfer.iterations,
        weight_s: Some(transfer.weight_s),
    })
}

/// Linear cells, a solve for each vector.
fn by_vectors(
    backend: &dyn Backend,
    cells: &Cells,
    input_v: ArrayView2<'_, f64>,
    setup: &Setup,
) -> Result<Wired, ArrayReadError> {
    let conductance_s = &cells.conductance_s;
    let (rows, cols) = conductance_s.dim();
    let crossbar = |volts: &[f64]| setup.periphery.all_rows(conductance_s.view(), volts);
    let mut solver = Solver::where_it_pays(backend, &crossbar(&vec![0.0; rows])?);
    let drive = |vector: usize| crossbar(&input_v.row(vector).to_vec());
    let take = |_, currents: Currents| (currents.column_a, currents.certificate.bound_a, currents.method.iterations);
    let found = solver.solve_each(input_v.nrows(), drive, setup.accuracy(), take)?;
    Ok(Wired {
        wired_a: Array2::from_shape_fn((found.len(), cols), |(vector, col)| found[vector].0[col]),
        ideal_a: input_v.dot(conductance_s),
        noise_a: noise_at_sources(conductance_s, input_v, setup),
        bound_a: found.iter().fold(0.0, |most: f64, (_, bound_a, _)| most.max(*bound_a)),
        weight_s: None,
        solves: found.len(),
        iterations: found.iter().map(|(.., iterations)| iterations).sum(),
    })
}

/// Standard deviations of the currents of columns at the voltages of the sources, A: the variance of a cell is
/// `q g V coth(q V/2kT)/t`, which at no voltage is `2kT g/t`.
fn noise_at_sources(conductance_s: &Array2<f64>, input_v: ArrayView2<'_, f64>, setup: &Setup) -> Array2<f64> {
    let thermal_v = 2.0 * thermal_energy_ev(setup.temperature_k);
    let noisy_v = input_v.mapv(|volts| {
        let x = (volts / thermal_v).abs();
        if x > 1e-8 { volts.abs() / x.tanh() } else { thermal_v }
    });
    noisy_v.dot(conductance_s).mapv(|a| (ELEMENTARY_CHARGE_C * a / setup.integration_s).sqrt())
}

/// Nonlinear cells: vector after vector.
fn one_by_one(
    backend: &dyn Backend,
    cells: &Cells,
    input_v: ArrayView2<'_, f64>,
    setup: &Setup,
) -> Result<Wired, ArrayReadError> {
    let shape = (input_v.nrows(), cells.conductance_s.ncols());
    let empty = || Array2::zeros(shape);
    let mut all = Wired {
        wired_a: empty(),
        ideal_a: empty(),
        noise_a: empty(),
        bound_a: 0.0,
        weight_s: None,
        solves: 0,
        iterations: 0,
    };
    let law = cells.law();
    for (vector, input_v) in input_v.axis_iter(Dim(0)).enumerate() {
        let input_v = input_v.to_vec();
        let crossbar = setup.periphery.all_rows(cells.conductance_s.view(), &input_v)?;
        let (solution, _) = solved(backend, &crossbar, cells, None, &[setup.accuracy()])?;
        for col in 0..shape.1 {
            all.wired_a[[vector, col]] = solution.currents.column_a[col];
            all.noise_a[[vector, col]] = noise_of_column(&crossbar, &law, &solution, col, setup);
        }
        all.ideal_a.row_mut(vector).assign(&Array1::from_vec(ideal_of_columns(cells, &law, &input_v)));
        all.bound_a = all.bound_a.max(solution.currents.certificate.bound_a);
        all.solves += 1;
        all.iterations += solution.currents.method.iterations;
    }
    Ok(all)
}

impl BatchReading {
    /// Readings that lie beyond the converter's range, by more than half a step.
    pub fn clipped(&self) -> usize {
        self.converted.as_ref().map_or(0, |(adc, _)| adc.clipped(self.read_a.iter()))
    }

    /// All of it as named arrays: vectors, columns, rows.
    pub fn dataset(&self, name: &str, title: &str, cells: &Cells) -> Dataset {
        let mut dataset = Dataset::new(name, title);
        let numbers = |count: usize| (0..count).map(|number| number as f64).collect::<Vec<f64>>();
        let (rows, cols) = cells.conductance_s.dim();
        dataset.axis("vector", "1", "vector of inputs", &numbers(self.input_v.nrows()));
        dataset.axis("row", "1", "word line", &numbers(rows));
        dataset.axis("column", "1", "bit line", &numbers(cols));
        for (name, axes, unit, long_name, values) in [
            ("input_v", ["vector", "row"], "V", "voltage of the word line", &self.input_v),
            ("ideal_current_a", ["vector", "column"], "A", "current without wires and sneak paths", &self.ideal_a),
            ("current_a", ["vector", "column"], "A", "current through the wires", &self.wired_a),
            ("noise_a", ["vector", "column"], "A", "standard deviation of one reading", &self.noise_a),
            ("read_current_a", ["vector", "column"], "A", "one reading, with its noise", &self.read_a),
            ("conductance_s", ["row", "column"], "S", "conductance of the cell", &cells.conductance_s),
        ] {
            dataset.real(name, &axes, unit, long_name, values.clone().into_dyn());
        }
        if let Some(weight_s) = &self.weight_s {
            let long_name = "current of the bit line per volt at the word line, through the wires";
            dataset.real("weight_s", &["row", "column"], "S", long_name, weight_s.clone().into_dyn());
        }
        if let Some((adc, codes)) = &self.converted {
            dataset.count("code", &["vector", "column"], "1", "code of the converter", codes.clone().into_dyn());
            dataset.note("converter", adc.in_words());
        }
        dataset.note("accuracy", format!("{:e} of the total current of each solve", self.relative));
        dataset.note("error_bound_a", format!("{:e}", self.bound_a));
        dataset
    }
}
