//! Slopes, curves and likelihood at one choice of where slopes are taken, and where each device's own curve bends to.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::cells::{Linear, Simulation};
use super::file::Plan;
use super::points::{self, Curves, Grid};
use super::reml::{self, Fitted, KEYS, Part};
use crate::calibrate::FitError;

/// Standard deviations from the middle within which a device's own bend is followed.
const FARTHEST: f64 = 4.0;

/// Everything at one choice of slopes.
pub(super) struct Looked {
    pub(super) linears: Vec<Linear>,
    pub(super) curves: Vec<Curves>,
    pub(super) parts: Vec<Part>,
    /// Along what the nominal cell may be off curves that are held against it.
    pub(super) along: DMatrix<f64>,
}

impl Looked {
    pub(super) fn of(plan: &Plan, grids: &[Grid], linears: Vec<Linear>, bent: Option<&[DMatrix<f64>]>) -> Looked {
        let curves =
            grids.iter().zip(&linears).enumerate().map(|(i, (grid, linear))| {
                Curves::of(grid, &plan.blocks[grid.block], linear, bent.map(|bent| &bent[i]))
            });
        let curves: Vec<Curves> = curves.collect();
        let along = directions(grids, &linears);
        let parts = curves.iter().zip(grids).zip(&linears).map(|((of, grid), linear)| of.part(grid, linear, &along));
        Looked { parts: parts.collect(), linears, curves, along }
    }
}

/// By how far each device's curve lies beside where the slopes say, at the place that is most likely for the device; and the slopes with how
/// much of each coordinate a curve leaves open.
pub(super) fn bent(
    simulation: &Simulation,
    grids: &[Grid],
    looked: &Looked,
    fitted: &Fitted,
) -> Result<(Vec<Linear>, Vec<DMatrix<f64>>), FitError> {
    let (mut linears, mut all) = (looked.linears.clone(), Vec::new());
    for ((grid, linear), (curves, part)) in grids.iter().zip(&mut linears).zip(looked.curves.iter().zip(&looked.parts))
    {
        let mut bent = DMatrix::zeros(linear.mean.len(), grid.devices.len());
        let Some(lower) = reml::covariance(part, &fitted.theta).cholesky() else {
            all.push(bent);
            continue;
        };
        let variances: [f64; 3] = std::array::from_fn(|key| fitted.theta[key]);
        linear.left = std::array::from_fn(|key| {
            let factor = &part.factors[key];
            (1.0 - variances[key] * factor.dot(&lower.solve(factor))).clamp(0.0, 1.0)
        });
        // The mean has the bends of all of the spread in it; of a device's own, what is left open stays.
        let mut expected = DVector::zeros(linear.mean.len());
        for ((half, variance), (left, step)) in
            linear.halves.iter().zip(variances).zip(linear.left.iter().zip(linear.steps))
        {
            expected += half * (variance * left / (step * step) - 1.0);
        }
        let through = lower.solve(&curves.inside);
        for (device, mut column) in bent.column_iter_mut().enumerate() {
            let likely = |key: usize| variances[key] * part.factors[key].column(0).dot(&through.column(device));
            // Farther out it is no device of this spread, and no bend makes it one.
            let z: [f64; 3] = std::array::from_fn(|key| {
                let most = FARTHEST * variances[key].sqrt();
                likely(key).clamp(-most, most)
            });
            let mut beside = simulation.at(&grid.aim, &grid.compared, z)? - &linear.nominal;
            for (slope, z) in linear.slopes.iter().zip(z) {
                beside -= slope * z;
            }
            if beside.iter().all(|number| number.is_finite()) {
                column.copy_from(&(beside + &expected));
            }
        }
        all.push(bent);
    }
    Ok((linears, all))
}

/// Along what curves that are held against the nominal cell may be off it: combinations of the keys that all of them
/// together can tell apart.
fn directions(grids: &[Grid], linears: &[Linear]) -> DMatrix<f64> {
    let mut square = DMatrix::zeros(KEYS, KEYS);
    for (grid, linear) in grids.iter().zip(linears).filter(|(grid, _)| !grid.own_mean) {
        let shifts = points::shifts(linear);
        square += shifts.transpose() * &shifts * grid.devices.len() as f64;
    }
    let scale = square.diagonal().map(|x: f64| if x > 0.0 { 1.0 / x.sqrt() } else { 0.0 });
    let found = SymmetricEigen::new(DMatrix::from_fn(KEYS, KEYS, |i, j| square[(i, j)] * scale[i] * scale[j]));
    let kept: Vec<usize> = (0..KEYS).filter(|i| found.eigenvalues[*i] > 1e-6).collect();
    DMatrix::from_fn(KEYS, kept.len(), |row, i| found.eigenvectors[(row, kept[i])] * scale[row])
}
