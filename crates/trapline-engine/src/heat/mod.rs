//! How warm an array gets by its own power.
//!
//! # Theory
//! An array with its lines and films is a thin sheet (thickness t_s, conductivity k_s along it) on a slab, the substrate
//! (thickness d, conductivity k), whose lower face is held at the ambient temperature. Cells are squares of the pitch p: the power P of one
//! is spread over its square, q = P/p^2, and its temperature is the mean over it. T, the rise over what a cell has without power, obeys
//!
//! ```text
//! c_s t_s dT/dt = k_s t_s lap T - q_down - h_air T + q          of the sheet, which has one temperature across it
//! c dT/dt = k (lap T + d^2 T/dz^2),   T = 0 at the lower face   of the slab, which takes q_down at its upper face
//! ```
//!
//! with edges through which nothing flows. A slab is no conductance of each place by itself: under a cosine of wave number kappa it conducts
//! `k kappa coth(kappa d)` per area (H. S. Carslaw and J. C. Jaeger, Conduction of Heat in Solids, 2nd ed., Oxford 1959,
//! make solutions of `lap T = 0` of such products): k/d where it is thin against what warms it, and k kappa where it is thick, from which the rise
//! P/(2 pi k r) about a point comes. So cosines solve it, mode by mode (DCT-II), for R rows and C columns:
//!
//! ```text
//! T(m, n) = q(m, n)/(k_s t_s lambda + h_air + 1/S)
//! lambda  = (4/p^2) [sin^2(x/2) + sin^2(y/2)],  x = pi m/R, y = pi n/C      the sheet: cells that exchange k_s t_s (T_i - T_j) with neighbours
//! S       = sum over all i, j of w_i(x) w_j(y)/[k kappa coth(kappa d)]      the slab, K m^2/W
//! kappa   = |(x + 2 pi i, y + 2 pi j)|/p,  w_i(x) = [sin(x/2)/(x/2 + pi i)]^2
//! ```
//!
//! The sheet has the eigenvalues of the discrete Laplacian, the slab the wave numbers of a continuous body. A pattern of squares is a wave of kappa with
//! i = j = 0 and finer ones, which are the sum; without them a single cell would be surrounded by rings of too warm and too cool neighbours. For the even part,
//! x = y = 0, the sum is d/k.
//!
//! After power was switched on, each mode is found from its Laplace transform, in which the slab's diffusion is exact (kappa^2
//! becomes kappa^2 + s c/k): by a sum of 20 terms along a parabola (J. A. C. Weideman and L. N. Trefethen, Math. Comp. 76, 1341 (2007)), off by
//! some 1e-9 of the rise at that time. The slab has no lumped capacity. The sheet has one temperature across it, as it has after some
//! t_s^2 c_s/k_s: tens of nanoseconds.
//!
//! S has waves up to i = 12 one by one, and the rest together: it is off by 2e-5 at most, on a slab of less than a
//! tenth of the pitch by 4e-3; soon after power is on, below p^2 c/(100 k) (0.1 us on a polymer, 0.1 ns
//! on silicon), by some 1e-3.
//!
//! # What it leaves out
//! Edges reflect: an array without [`Chip::margin`] is one of many side by side, the warmest case. Lines conduct
//! alike in both directions, conductivities do not depend on temperature, faces touch without resistance, and a heater that is smaller than its square
//! is warmer within (`docs/heat.md` says by how much).
//!
//! # Practice
//! A [`Solver`] is made once for a [`Chip`] and an array's size, [`Solver::heating`] once for a map of power.
//!
//! ```
//! use ndarray::Array2;
//! use trapline_engine::heat::{Ambient, Chip, Solver, substrate};
//! use trapline_model::units::kelvin;
//!
//! let solver = Solver::new(&Chip::on(substrate::GLASS), 16, 16)?;
//! let power_w = Array2::from_elem((16, 16), 1e-6);
//! let heating = solver.heating(power_w.view())?;
//! let ambient_k = Ambient::Uniform(kelvin(85.0)).map((16, 16))?;
//! let temperature_k = &ambient_k + &heating.steady_k();
//! // q d/k, as each of many such arrays side by side.
//! let rise_k = 1e-6 / 1e-12 * 0.7e-3 / 1.1;
//! assert!(((temperature_k[[3, 4]] - kelvin(85.0)) / rise_k - 1.0).abs() < 1e-9);
//! // It takes seconds.
//! assert!(heating.after_k(1e-3)[[3, 4]] < 0.1 * rise_k);
//! # Ok::<(), trapline_engine::heat::HeatError>(())
//! ```

mod ambient;
mod cosine;
mod error;
mod slab;
pub mod substrate;

pub use ambient::{Along, Ambient, check_map};
pub use error::HeatError;
pub use substrate::Layer;

use cosine::Cosines;
use ndarray::{Array2, ArrayView2, Zip, s};
use rayon::prelude::*;
use rustfft::num_complex::Complex;
use slab::{Finer, Phases, Slab, contour, exponential_m1};

/// Pulses of less than this share of the time since they began are transformed as such.
const SHORT: f64 = 0.1;
/// What a rise at a time is rounded by, over it.
const ROUNDING: f64 = 4e-12;
/// Most cells of an array with its margin: a solution takes some 40 bytes of each.
pub const MOST_CELLS: usize = 1 << 25;
/// Largest power of a cell, W.
pub const MOST_POWER_W: f64 = 1e3;

/// What an array lies on, and how large its cells are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chip {
    /// The array with its lines and films; a thickness of 0 is none.
    pub sheet: Layer,
    pub substrate: Layer,
    /// Loss of the upper face to air at the ambient temperature, W/(m^2 K).
    pub air_w_per_m2_k: f64,
    /// From cell to cell, in both directions, m.
    pub pitch_m: f64,
    /// Cells without power on each side of the array: the rest of the chip, of sheet and substrate, into which heat spreads. With 0
    /// the array is one of many side by side.
    pub margin: usize,
}

impl Chip {
    /// The sheet of [`substrate::SHEET`] on a substrate; cells of 1 um, no margin, no loss to air.
    pub fn on(substrate: Layer) -> Chip {
        Chip { sheet: substrate::SHEET, substrate, air_w_per_m2_k: 0.0, pitch_m: 1e-6, margin: 0 }
    }

    /// # Errors
    /// [`HeatError::Value`].
    pub fn check(&self) -> Result<(), HeatError> {
        let (sheet, slab) = (&self.sheet, &self.substrate);
        for (what, value, unit, low, high) in [
            ("the thickness of the substrate", slab.thickness_m, "m", 1e-9, 1.0),
            ("the conductivity of the substrate", slab.conductivity_w_per_m_k, "W/(m K)", 1e-6, 1e5),
            ("the heat capacity of the substrate", slab.capacity_j_per_m3_k, "J/(m^3 K)", 0.0, 1e9),
            ("the thickness of the sheet", sheet.thickness_m, "m", 0.0, 1e-2),
            ("the conductivity of the sheet", sheet.conductivity_w_per_m_k, "W/(m K)", 0.0, 1e5),
            ("the heat capacity of the sheet", sheet.capacity_j_per_m3_k, "J/(m^3 K)", 0.0, 1e9),
            ("the loss to air", self.air_w_per_m2_k, "W/(m^2 K)", 0.0, 1e9),
            ("the pitch of the cells", self.pitch_m, "m", 1e-9, 1e-1),
        ] {
            if !(low..=high).contains(&value) {
                return Err(HeatError::Value { what, value, unit, low, high });
            }
        }
        Ok(())
    }

    /// Heat capacity of the sheet, J/(m^2 K).
    fn sheet_capacity(&self) -> f64 {
        self.sheet.capacity_j_per_m3_k * self.sheet.thickness_m
    }

    /// How long it takes until a change of what is everywhere alike has come down to 1/e in the end, s: the slowest time constant of the
    /// array as a whole. None without a heat capacity.
    pub fn time_constant_s(&self) -> Option<f64> {
        slab::time_constant_s(&self.substrate, self.sheet_capacity(), self.air_w_per_m2_k)
    }
}

/// Temperatures of arrays of one size on one chip.
pub struct Solver {
    chip: Chip,
    /// Of the array.
    shape: (usize, usize),
    /// With its margin.
    grid: (usize, usize),
    cosines: Cosines,
    slab: Slab,
    rows: Phases,
    cols: Phases,
    /// Of the settled state.
    finer: Finer,
}

impl Solver {
    /// For arrays of so many rows and columns.
    ///
    /// # Errors
    /// [`HeatError`] where a number of the chip is out of its limits, or the array too large.
    pub fn new(chip: &Chip, rows: usize, cols: usize) -> Result<Solver, HeatError> {
        chip.check()?;
        let side = |cells: usize| chip.margin.checked_mul(2).and_then(|around| around.checked_add(cells));
        let grid = side(rows).zip(side(cols)).filter(|_| rows > 0 && cols > 0);
        let grid = grid.filter(|(rows, cols)| rows.checked_mul(*cols).is_some_and(|cells| cells <= MOST_CELLS));
        let grid = grid.ok_or(HeatError::Size { rows, cols, margin: chip.margin })?;
        let slab = Slab::new(&chip.substrate, chip.pitch_m);
        Ok(Solver {
            chip: *chip,
            shape: (rows, cols),
            grid,
            cosines: Cosines::new(grid),
            rows: Phases::new(grid.0),
            cols: Phases::new(grid.1),
            finer: Finer::settled(&slab),
            slab,
        })
    }

    /// What a map of power, W, makes of the array; shape (rows, columns).
    ///
    /// # Errors
    /// [`HeatError`] for another shape, and for power that is negative or not finite.
    pub fn heating(&self, power_w: ArrayView2<'_, f64>) -> Result<Heating<'_>, HeatError> {
        if power_w.dim() != self.shape {
            return Err(HeatError::Shape { what: "the map of power", found: power_w.dim(), needed: self.shape });
        }
        let wrong = power_w.indexed_iter().find(|(_, watts)| !(0.0..=MOST_POWER_W).contains(*watts));
        if let Some(((row, col), &watts)) = wrong {
            return Err(HeatError::Power { row, col, watts });
        }
        let mut all = Array2::zeros(self.grid);
        let (margin, (rows, cols)) = (self.chip.margin, self.shape);
        let per_area = 1.0 / (self.chip.pitch_m * self.chip.pitch_m);
        all.slice_mut(s![margin..margin + rows, margin..margin + cols]).assign(&power_w.mapv(|w| w * per_area));
        Ok(Heating { solver: self, modes: self.cosines.forward(all) })
    }

    /// The chip it was made for.
    pub fn chip(&self) -> &Chip {
        &self.chip
    }

    /// What a mode loses beside the slab, W/(m^2 K): along the sheet and to air.
    fn beside(&self, row: usize, col: usize) -> f64 {
        let sheet = &self.chip.sheet;
        let along = self.rows.lattice(row) + self.cols.lattice(col);
        let per_area = 1.0 / (self.chip.pitch_m * self.chip.pitch_m);
        sheet.conductivity_w_per_m_k * sheet.thickness_m * along * per_area + self.chip.air_w_per_m2_k
    }

    /// The array under modes that are multiplied by responses: `of_column` takes the number of a column's modes and the modes of its rows.
    fn respond(&self, modes: &Array2<f64>, of_column: impl Fn(usize, &mut [f64]) + Sync) -> Array2<f64> {
        let mut rise = modes.clone();
        // Modes lie by columns: see `Cosines`.
        let lines = rise.as_slice_mut().unwrap_or_default().par_chunks_mut(self.grid.0).enumerate();
        lines.for_each(|(col, line)| of_column(col, line));
        let all = self.cosines.inverse(rise);
        let (margin, (rows, cols)) = (self.chip.margin, self.shape);
        all.slice(s![margin..margin + rows, margin..margin + cols]).to_owned()
    }
}

/// An array under a map of power.
pub struct Heating<'s> {
    solver: &'s Solver,
    /// Power per area, mode by mode.
    modes: Array2<f64>,
}

impl Heating<'_> {
    /// Rise of each cell over its temperature without power, K, once it has settled. Shape: (rows, columns).
    pub fn steady_k(&self) -> Array2<f64> {
        let Solver { slab, rows, cols, finer, .. } = self.solver;
        self.solver.respond(&self.modes, |col, line| {
            let finer = finer.of_column(cols, col);
            for (row, value) in line.iter_mut().enumerate() {
                let slab = slab.coarse(rows, row, cols, col) + finer.settled_at(rows, row);
                *value /= self.solver.beside(row, col) + 1.0 / slab;
            }
        })
    }

    /// The same so many seconds after the power was switched on; nothing before. Without a heat capacity it has settled at once.
    pub fn after_k(&self, seconds: f64) -> Array2<f64> {
        self.inverted_k(seconds, |_| Complex::new(1.0, 0.0))
    }

    /// The response at a time to a power whose transform is this factor times that of one that stays on.
    fn inverted_k(&self, seconds: f64, of_rate: impl Fn(Complex<f64>) -> Complex<f64> + Sync) -> Array2<f64> {
        let Solver { chip, slab, rows, cols, finer, shape, .. } = self.solver;
        if seconds.is_nan() || seconds <= 0.0 {
            return Array2::zeros(*shape);
        }
        // Each with its rate, its weight, and the finer waves at this rate.
        let points: Vec<(Complex<f64>, Complex<f64>, Finer)> = contour(seconds)
            .into_par_iter()
            .map(|(rate, weight)| (rate, weight * of_rate(rate), finer.at_rate(slab, rate)))
            .collect();
        self.solver.respond(&self.modes, |col, line| {
            let of_points: Vec<_> = points.iter().map(|(.., finer)| finer.of_column(cols, col)).collect();
            for (row, value) in line.iter_mut().enumerate() {
                let beside = self.solver.beside(row, col);
                let term = |((rate, weight, _), finer): (&(Complex<f64>, Complex<f64>, Finer), &slab::OfColumn)| {
                    let slab = slab.coarse_at(rows, row, cols, col, *rate) + finer.at(rows, row);
                    let loss = rate * chip.sheet_capacity() + beside + slab.inv();
                    // Im(weight/loss).
                    (weight.im * loss.re - weight.re * loss.im) / loss.norm_sqr()
                };
                *value *= points.iter().zip(&of_points).map(term).sum::<f64>();
            }
        })
    }

    /// The same so many seconds after the power was switched on for `on_s` seconds. Of a pulse that is long over,
    /// whatever its rise is, digits are those of the rise itself; of others it is the difference of two rises, and 0
    /// where that is within their rounding.
    pub fn pulse_k(&self, seconds: f64, on_s: f64) -> Array2<f64> {
        if on_s < SHORT * seconds {
            // 1 - exp(-s on) of the transform, which is small for each rate: nothing cancels.
            return self.inverted_k(seconds, |rate| -exponential_m1(-rate * on_s)).mapv_into(|k| k.max(0.0));
        }
        let rise_k = self.after_k(seconds);
        if seconds <= on_s {
            return rise_k;
        }
        let left_k = &rise_k - &self.after_k(seconds - on_s);
        Zip::from(&left_k).and(&rise_k).map_collect(|left, rise| if *left > ROUNDING * rise { *left } else { 0.0 })
    }
}
