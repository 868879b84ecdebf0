//! Devices by the points they were measured at, and their curves in the directions that matter.
//!
//! A curve of hundreds of points scatters by spread and chance in a few directions; in all others it shows the errors
//! of readings alone. The first keep their vectors, of the others the sum of squares says all there is to know.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};

use super::cells::{Linear, place, points_of, step_error};
use super::file::Block;
use super::reml::Part;
use crate::calibrate::target::Aim;

/// Devices of a block at the same points from which on their own mean is taken away, where there are others beside
/// them: it costs one of them.
const LEAST_ALIKE: usize = 5;
/// Share of the points that must be left where those are left out of all that one device has no reading at.
const LEAST_COMMON: f64 = 0.75;
/// Devices from which on the errors of each point are looked at by themselves.
const LEAST_FOR_ERRORS: usize = 8;
/// Share of a point's errors that must be left beside the directions of spread and chance.
const LEAST_LEFT: f64 = 0.3;
/// Fewest points of a device.
const LEAST_POINTS: usize = 3;

/// Devices that were measured at the same points.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) block: usize,
    /// Of the first of them: conditions and points.
    pub(super) aim: Aim,
    /// The points that are compared.
    pub(super) compared: Vec<usize>,
    /// By their places in the block.
    pub(super) devices: Vec<usize>,
    /// Whether their own mean is taken away.
    pub(super) own_mean: bool,
    /// Points that are left out of all, because a device has no reading there.
    pub(super) left_out: usize,
}

/// Sorts the devices of all blocks.
pub(super) fn grids(blocks: &[Block]) -> Vec<Grid> {
    let mut all = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let mut alike: Vec<(Vec<u64>, Vec<usize>)> = Vec::new();
        for (device, of) in block.devices.iter().enumerate() {
            let key = axis(&of.aim);
            match alike.iter_mut().find(|(known, _)| *known == key) {
                Some((_, devices)) => devices.push(device),
                None => alike.push((key, vec![device])),
            }
        }
        let first = all.len();
        for (_, devices) in alike {
            all.extend(with_readings(number, block, &devices));
        }
        let of_block = &mut all[first..];
        let alone = of_block.len() == 1;
        for grid in of_block {
            grid.own_mean = grid.devices.len() >= if alone { 2 } else { LEAST_ALIKE };
        }
    }
    all
}

/// Bits of what a curve was measured at.
fn axis(aim: &Aim) -> Vec<u64> {
    let times = match aim {
        Aim::Iv(measured) => measured.dwells_s.as_slice(),
        _ => &[],
    };
    points_of(aim).iter().map(|point| point.x).chain(times.iter().copied()).map(f64::to_bits).collect()
}

/// Whether a point of a curve is compared.
fn compares(aim: &Aim, point: usize) -> bool {
    let point = points_of(aim)[point];
    point.y.is_finite() && !(matches!(aim, Aim::Iv(_)) && point.x == 0.0)
}

/// Devices of the same axis by the points they have readings at.
fn with_readings(number: usize, block: &Block, devices: &[usize]) -> Vec<Grid> {
    let Some(first) = devices.first() else { return Vec::new() };
    let aim = &block.devices[*first].aim;
    let count = points_of(aim).len();
    let has = |device: &usize, point: usize| compares(&block.devices[*device].aim, point);
    let any: Vec<usize> = (0..count).filter(|point| devices.iter().any(|device| has(device, *point))).collect();
    let common: Vec<usize> =
        any.iter().copied().filter(|point| devices.iter().all(|device| has(device, *point))).collect();
    let grid = |compared: Vec<usize>, devices: Vec<usize>, left_out: usize| Grid {
        block: number,
        aim: block.devices[devices[0]].aim.clone(),
        compared,
        devices,
        own_mean: false,
        left_out,
    };
    if common.len() as f64 >= LEAST_COMMON * any.len() as f64 && common.len() >= LEAST_POINTS {
        let left_out = any.len() - common.len();
        return vec![grid(common, devices.to_vec(), left_out)];
    }
    let mut by_points: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for device in devices {
        by_points.entry((0..count).filter(|point| has(device, *point)).collect()).or_default().push(*device);
    }
    by_points.into_iter().map(|(compared, devices)| grid(compared, devices, 0)).collect()
}

/// The curves of a grid's devices, over the simulated mean.
pub(super) struct Curves {
    /// Directions that spread and chance have, orthonormal: points by directions.
    pub(super) basis: DMatrix<f64>,
    /// Measured less simulated mean, in standard errors: points by devices.
    pub(super) residuals: DMatrix<f64>,
    /// The same in the directions, without the devices' own mean where that is taken away.
    pub(super) inside: DMatrix<f64>,
    /// What is left of it beside the directions, points by devices.
    pub(super) outside: DMatrix<f64>,
    /// What is left, in standard deviations of it at each point, where there are enough devices to know them: readings at one end of a curve may
    /// have other errors than at the other.
    pub(super) in_own_errors: Option<DMatrix<f64>>,
    /// The square of the errors of each point, in the directions of spread and chance.
    pub(super) own_errors: Option<DMatrix<f64>>,
    /// The own mean in the directions, and beside them; zero where none is taken away.
    pub(super) mean_inside: DVector<f64>,
    pub(super) mean_outside: DVector<f64>,
}

impl Curves {
    /// `bent` is by how far each device's curve lies beside the slopes, points by devices; nothing where that is not known.
    pub(super) fn of(grid: &Grid, block: &Block, linear: &Linear, bent: Option<&DMatrix<f64>>) -> Curves {
        let columns = linear.slopes.iter().map(|slope| DMatrix::from_column_slice(slope.len(), 1, slope.as_slice()));
        let columns: Vec<DMatrix<f64>> =
            columns.chain([linear.speed.clone(), bends(linear), linear.chance.clone()]).collect();
        let (rows, mut at) = (linear.mean.len(), 0);
        let mut all = DMatrix::zeros(rows, columns.iter().map(DMatrix::ncols).sum());
        for part in &columns {
            // By their largest: the span is what counts.
            let largest = part.amax();
            all.columns_mut(at, part.ncols()).copy_from(&(part / if largest > 0.0 { largest } else { 1.0 }));
            at += part.ncols();
        }
        let basis = all.qr().q();
        let residual = |row: usize, device: usize| {
            let aim = &block.devices[grid.devices[device]].aim;
            let bent = bent.map_or(0.0, |bent| bent[(row, device)]);
            place(aim, points_of(aim)[grid.compared[row]].y) - linear.mean[row] - bent
        };
        let residuals = DMatrix::from_fn(rows, grid.devices.len(), residual);
        let mut inside = basis.transpose() * &residuals;
        let mut outside = &residuals - &basis * &inside;
        let [mut mean_inside, mut mean_outside] = [inside.nrows(), rows].map(DVector::zeros);
        if grid.own_mean {
            (mean_inside, mean_outside) = (inside.column_mean(), outside.column_mean());
            inside.column_iter_mut().for_each(|mut column| column -= &mean_inside);
            outside.column_iter_mut().for_each(|mut column| column -= &mean_outside);
        }
        let (in_own_errors, own_errors) = (grid.own_mean && grid.devices.len() >= LEAST_FOR_ERRORS)
            .then(|| in_own_errors(&basis, &outside, grid.devices.len() as f64 - 1.0, step_error(&grid.aim).powi(2)))
            .flatten()
            .unzip();
        Curves { basis, residuals, inside, outside, in_own_errors, own_errors, mean_inside, mean_outside }
    }

    /// Independent vectors among them.
    pub(super) fn freedom(&self, grid: &Grid) -> f64 {
        (grid.devices.len() - usize::from(grid.own_mean)) as f64
    }

    /// Directions beside those of spread and chance.
    pub(super) fn others(&self) -> usize {
        self.basis.nrows() - self.basis.ncols()
    }

    /// As the likelihood has them. `along` makes the offsets that the nominal may have of slopes in the keys; it is
    /// the same for all grids.
    pub(super) fn part(&self, grid: &Grid, linear: &Linear, along: &DMatrix<f64>) -> Part {
        let factors = factors(linear).map(|factor| self.basis.transpose() * factor);
        let [chance, bends] = [&linear.chance, &bends(linear)].map(|of| self.basis.transpose() * of);
        let offsets = if grid.own_mean {
            DMatrix::zeros(self.basis.ncols(), 0)
        } else {
            self.basis.transpose() * shifts(linear) * along
        };
        Part {
            block: grid.block,
            factors,
            chance: &chance * chance.transpose() + &bends * bends.transpose(),
            vectors: self.inside.clone(),
            freedom: self.freedom(grid),
            offsets,
            outside: self.outside.norm_squared(),
            outside_freedom: self.freedom(grid) * self.others() as f64,
        }
    }
}

/// What is left of curves beside some directions, each point in units of its own errors, and beside the same directions in those
/// units. Errors that do not know of each other have variance 1 there, in all directions.
/// And the squares of the errors, seen in the directions. Nothing where nothing is left.
fn in_own_errors(
    basis: &DMatrix<f64>,
    outside: &DMatrix<f64>,
    freedom: f64,
    least: f64,
) -> Option<(DMatrix<f64>, DMatrix<f64>)> {
    let (rows, others) = (basis.nrows(), basis.nrows() - basis.ncols());
    let usual = outside.norm_squared() / (freedom * others.max(1) as f64);
    if others == 0 || usual <= 0.0 {
        return None;
    }
    // Of the errors of a point the directions have taken their share; where that is most of them, too little is left to tell.
    let squares = DVector::from_fn(rows, |row, _| {
        let left = 1.0 - basis.row(row).norm_squared();
        let own = outside.row(row).norm_squared() / (freedom * left);
        (if left > LEAST_LEFT { own } else { usual }).max(least)
    });
    let scale = |columns: &DMatrix<f64>, power: f64| {
        DMatrix::from_fn(rows, columns.ncols(), |row, i| columns[(row, i)] * squares[row].powf(power))
    };
    let (directions, scaled) = (scale(basis, -0.5).qr().q(), scale(outside, -0.5));
    let left = &scaled - &directions * (directions.transpose() * &scaled);
    Some((left, basis.transpose() * scale(basis, 1.0)))
}

/// What a standard deviation of 1 in each key does, points by independent normals.
pub(super) fn factors(linear: &Linear) -> [DMatrix<f64>; 4] {
    let [size, area, limit] = linear.slopes.clone().map(|slope| {
        let rows = slope.len();
        DMatrix::from_vec(rows, 1, slope.data.into())
    });
    [size, area, limit, linear.speed.clone()]
}

/// What curves scatter by because they bend: of half h z^2 with z normal and h its second slope, as large as one step of
/// slopes makes it, the standard deviation is the root of 2 times the deviation at the step; of what is left open of z alike.
/// Points by keys.
pub(super) fn bends(linear: &Linear) -> DMatrix<f64> {
    let of = |key: usize| &linear.halves[key] * (std::f64::consts::SQRT_2 * linear.left[key]);
    DMatrix::from_columns(&[of(0), of(1), of(2)])
}

/// What a change of each key common to all does: points by keys.
pub(super) fn shifts(linear: &Linear) -> DMatrix<f64> {
    let [size, area, limit] = &linear.slopes;
    DMatrix::from_columns(&[size.clone(), area.clone(), limit.clone(), linear.faster.clone()])
}
