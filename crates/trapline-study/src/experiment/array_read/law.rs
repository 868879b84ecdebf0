//! What the cells of an array pass: by Ohm's law or their material's, with a selector in series or without.

use super::Scheme;
use ndarray::{Array2, ArrayView2, Zip};
use trapline_engine::backend::Backend;
use trapline_engine::circuit::scheme::Unselected;
use trapline_engine::circuit::{
    Accuracy, Crossbar, Curve, Law, Series, Solution, SolveError, solve_nonlinear_to_first_of, solve_to_first_of,
};
use trapline_model::cell::current::{BiasLaw, free_share};
use trapline_model::material::Material;

/// The cells of an array.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    /// Conductances at the read bias, S, rows by columns; 0 is an open cell.
    pub conductance_s: Array2<f64>,
    /// The law of their material; without it they obey Ohm's.
    pub material: Option<MaterialCells>,
    /// In series with each cell.
    pub selector: Option<Curve>,
    /// Which cells were written, where that is known: what a margin must tell apart.
    pub written: Option<Array2<bool>>,
}

impl Cells {
    /// Cells that obey Ohm's law, without selectors.
    pub fn linear(conductance_s: Array2<f64>) -> Cells {
        Cells { conductance_s, material: None, selector: None, written: None }
    }

    /// Whether currents are proportional to voltages.
    pub fn is_linear(&self) -> bool {
        self.material.is_none() && self.selector.is_none()
    }

    /// The law of each cell with its selector. A selector is one that [`Curve::check`] lets pass.
    pub(super) fn law(&self) -> CellLaw<'_> {
        let alone = Alone(self);
        match &self.selector {
            // What `new` checks was checked where the curve was made.
            Some(selector) => match Series::new(alone, selector.clone()) {
                Ok(series) => CellLaw::Selected(series),
                Err(_) => CellLaw::Bare(alone),
            },
            None => CellLaw::Bare(alone),
        }
    }
}

/// Cells of a material by their filling: `I = area (theta(F) injected(V, T) + hopping(V, T))`.
#[derive(Debug, Clone, PartialEq)]
pub struct MaterialCells {
    law: BiasLaw,
    /// Share of the injected electrons that pass each cell, times its area.
    passing: Array2<f64>,
    /// Over the nominal one.
    area: Array2<f64>,
}

impl MaterialCells {
    /// From the filling of each cell, 0 to 1, and its area over the nominal one.
    pub fn new(material: &Material, temperature_k: f64, filling: &Array2<f64>, area: Array2<f64>) -> MaterialCells {
        let open = 1.0 - material.injection.free_share;
        let passing = filling.mapv(|filling| free_share(open, filling)) * &area;
        MaterialCells { law: BiasLaw::new(material, temperature_k), passing, area }
    }

    /// From the filling of each cell and what it conducts at a bias, V, in S, which says its area: cells that were read
    /// one by one. A cell that conducts nothing there passes nothing anywhere.
    pub fn seen(
        material: &Material,
        temperature_k: f64,
        filling: &Array2<f64>,
        (bias_v, conductance_s): (f64, &Array2<f64>),
    ) -> MaterialCells {
        let nominal = MaterialCells::new(material, temperature_k, filling, Array2::ones(filling.dim()));
        let passed = nominal.conductance_s(bias_v);
        let area = Zip::from(conductance_s).and(&passed).map_collect(|seen, nominal| {
            let area = seen / nominal;
            if area.is_finite() { area } else { 0.0 }
        });
        MaterialCells { passing: nominal.passing * &area, area, ..nominal }
    }

    /// What each cell conducts at a bias, V, in S: its current over the bias.
    pub fn conductance_s(&self, bias_v: f64) -> Array2<f64> {
        Array2::from_shape_fn(self.area.dim(), |(row, col)| self.current_and_slope(row, col, bias_v).0 / bias_v)
    }
}

impl Law for MaterialCells {
    fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
        self.law.current_and_slope(self.passing[[row, col]], self.area[[row, col]], volts)
    }
}

/// Cells without their selectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alone<'a>(&'a Cells);

impl Law for Alone<'_> {
    fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
        match &self.0.material {
            Some(material) => material.current_and_slope(row, col, volts),
            None => {
                let siemens = self.0.conductance_s[[row, col]];
                (siemens * volts, siemens)
            }
        }
    }
}

/// Cells with their selectors, if they have any.
#[derive(Debug, Clone)]
pub(super) enum CellLaw<'a> {
    Bare(Alone<'a>),
    Selected(Series<Alone<'a>>),
}

impl CellLaw<'_> {
    /// Whether currents are proportional to voltages.
    pub(super) fn is_ohmic(&self) -> bool {
        matches!(self, CellLaw::Bare(Alone(cells)) if cells.is_linear())
    }
}

impl Law for CellLaw<'_> {
    fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
        match self {
            CellLaw::Bare(law) => law.current_and_slope(row, col, volts),
            CellLaw::Selected(law) => law.current_and_slope(row, col, volts),
        }
    }

    fn rounding(&self) -> f64 {
        match self {
            CellLaw::Bare(law) => law.rounding(),
            CellLaw::Selected(law) => law.rounding(),
        }
    }
}

/// One cell in the state of another.
struct Swapped<'a> {
    law: CellLaw<'a>,
    at: (usize, usize),
    by: (usize, usize),
}

impl Law for Swapped<'_> {
    fn current_and_slope(&self, row: usize, col: usize, volts: f64) -> (f64, f64) {
        let (row, col) = if (row, col) == self.at { self.by } else { (row, col) };
        self.law.current_and_slope(row, col, volts)
    }

    fn rounding(&self) -> f64 {
        self.law.rounding()
    }
}

/// Conductances as the network has them: where a switch is at every cell, all but the selected one are open.
pub(super) fn connected<'a>(
    conductance_s: ArrayView2<'a, f64>,
    (row, col): (usize, usize),
    scheme: &Scheme,
) -> (ndarray::CowArray<'a, f64, ndarray::Ix2>, Unselected) {
    match scheme {
        Scheme::Passive(unselected) => (conductance_s.into(), unselected.clone()),
        Scheme::Isolated => {
            let mut alone = Array2::zeros(conductance_s.dim());
            if let Some(siemens) = conductance_s.get([row, col]) {
                alone[[row, col]] = *siemens;
            }
            (alone.into(), Unselected::Grounded)
        }
    }
}

/// Solves an array to the first of some accuracies that can be kept, and says which; with the cell at the
/// first place of `swapped` in the state of the one at the second.
pub(super) fn solved(
    backend: &dyn Backend,
    crossbar: &Crossbar<'_>,
    cells: &Cells,
    swapped: Option<[(usize, usize); 2]>,
    accuracies: &[Accuracy],
) -> Result<(Solution, Accuracy), SolveError> {
    match (cells.is_linear(), swapped) {
        // A swapped cell stands in the crossbar's conductances.
        (true, _) => solve_to_first_of(backend, crossbar, accuracies),
        (false, None) => solve_nonlinear_to_first_of(backend, crossbar, &cells.law(), accuracies),
        (false, Some([at, by])) => {
            solve_nonlinear_to_first_of(backend, crossbar, &Swapped { law: cells.law(), at, by }, accuracies)
        }
    }
}
